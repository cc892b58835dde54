/*
 * Shutting a thread pool down, destroying it and letting go of it, from any thread, its own
 * workers included. What becomes of pools when the process exits: test_executor_exit.c; in a child
 * of fork(): test_executor_fork.c.
 */
#include "tests/support_executor.h"

static atomic_int n_dropped;

static void count_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
}

static sheaf_status try_submit(sheaf_executor *executor)
{
    return sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL);
}

/* ---- what it refuses, and what it runs ---- */

Test(executor_shutdown, afterwards_nothing_is_accepted_whatever_the_pool_did_before,
     .timeout = LIMIT)
{
    for (int used = 0; used < 2; used++) {
        for (int how = 0; how < 4; how++) {
            sheaf_executor *executor = pool_of(2);
            if (used)
                sheaf_future_release(submit(executor, give_back, NULL));
            cr_assert_eq(sheaf_executor_shutdown(executor, how & 1, how & 2), SHEAF_OK);
            sheaf_error err;
            sheaf_future *none = NULL;
            sheaf_task task = {.run = give_back, .arg = executor, .drop_arg = count_drop};
            cr_assert_eq(sheaf_executor_submit(executor, &task, &none, &err), SHEAF_ESHUTDOWN);
            cr_assert_eq(err.status, SHEAF_ESHUTDOWN);
            cr_assert_null(none);
            cr_assert_eq(n_dropped, 0, "the argument is still the caller's");
            sheaf_executor_destroy(executor);
        }
    }
}

Test(executor_shutdown, one_that_waits_comes_back_when_all_tasks_are_done, .timeout = LIMIT)
{
    enum { N = 50 };
    sheaf_executor *executor = pool_of(3);
    sheaf_future *futures[N];
    for (int i = 0; i < N; i++)
        futures[i] = submit(executor, give_back, &futures[i]);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    for (int i = 0; i < N; i++) {
        void *result = NULL;
        cr_assert_eq(sheaf_future_result(futures[i], 0, &result, NULL), SHEAF_OK);
        cr_assert_eq(result, &futures[i]);
        sheaf_future_release(futures[i]);
    }
    sheaf_executor_destroy(executor);
}

Test(executor_shutdown, one_that_does_not_wait_comes_back_while_tasks_run, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    cr_assert_eq(g.passed, 0);
    gate_open(&g, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(result_of(futures[i]), &g, "what was submitted still runs");
        sheaf_future_release(futures[i]);
    }
    sheaf_worker_view view; /* and the worker leaves, although nobody waits for it */
    do
        cr_assert_eq(sheaf_executor_workers(executor, &view, 1), 1);
    while (view.state != SHEAF_WORKER_GONE && sched_yield() == 0);
    sheaf_executor_destroy(executor);
}

Test(executor_shutdown, idle_workers_leave_at_once, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(8);
    for (int i = 0; i < 8; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    gate_open(&g, 8);
    while (sheaf_executor_stats_get(executor).idle < 8)
        sched_yield();
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    sheaf_worker_view views[8];
    cr_assert_eq(sheaf_executor_workers(executor, views, 8), 8);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(views[i].state, SHEAF_WORKER_GONE);
    sheaf_executor_destroy(executor);
}

/* ---- cancelling what waits ---- */

typedef struct witness {
    pthread_t thread;
    atomic_int calls;
} witness;

static void note_thread(sheaf_future *future, void *context)
{
    (void)future;
    witness *self = context;
    self->thread = pthread_self();
    atomic_fetch_add(&self->calls, 1);
}

Test(executor_shutdown, cancelling_drops_arguments_and_calls_back_in_the_thread_that_shuts_down,
     .timeout = LIMIT)
{
    enum { N = 10 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    sheaf_future *futures[N];
    witness witnesses[N] = {0};
    for (int i = 0; i < N; i++) {
        sheaf_task task = {.run = give_back, .drop_arg = count_drop, .arg = &g};
        cr_assert_eq(sheaf_executor_submit(executor, &task, &futures[i], NULL), SHEAF_OK);
        cr_assert_eq(sheaf_future_add_done_callback(futures[i], note_thread, &witnesses[i], NULL),
                     SHEAF_OK);
    }
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    cr_assert_eq(n_dropped, N);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(witnesses[i].calls, 1);
        cr_assert(pthread_equal(witnesses[i].thread, pthread_self()));
        cr_assert_eq(sheaf_future_get_state(futures[i]), SHEAF_FUTURE_NOTIFIED);
        sheaf_future_release(futures[i]);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).cancelled, N);
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, 0);
    gate_open(&g, 1);
    cr_assert_eq(result_of(running), &g);
    sheaf_future_release(running);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_dropped, N);
    for (int i = 0; i < N; i++)
        cr_assert_eq(witnesses[i].calls, 1);
}

Test(executor_shutdown, a_later_one_may_cancel_what_an_earlier_one_left, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    sheaf_future *queued = submit(executor, give_back, NULL);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    cr_assert_not(sheaf_future_done(queued));
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    cr_assert(sheaf_future_cancelled(queued));
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    gate_open(&g, 1);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(result_of(running), &g);
    sheaf_future_release(running);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
}

static void submit_more(sheaf_future *future, void *context)
{
    (void)future;
    sheaf_executor *executor = context;
    if (try_submit(executor) == SHEAF_ESHUTDOWN &&
        sheaf_executor_shutdown(executor, false, true) == SHEAF_OK)
        atomic_fetch_add(&n_dropped, 1);
}

Test(executor_shutdown, a_callback_of_what_it_cancels_may_use_the_pool, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future_release(submit(executor, pass_gate, &g));
    sem_wait(&g.entered);
    for (int i = 0; i < 5; i++) {
        sheaf_future *future = submit(executor, give_back, NULL);
        cr_assert_eq(sheaf_future_add_done_callback(future, submit_more, executor, NULL), SHEAF_OK);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    cr_assert_eq(n_dropped, 5);
    gate_open(&g, 1);
    sheaf_executor_destroy(executor);
}

/* ---- many at once ---- */

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    gate *gate;
    sheaf_status status;
    int passed;
} closer;

static void *closer_main(void *arg)
{
    closer *self = arg;
    about_to_sleep(&self->sleeper);
    self->status = sheaf_executor_shutdown(self->executor, true, false);
    self->passed = atomic_load(&self->gate->passed);
    came_back(&self->sleeper);
    return NULL;
}

static void closer_start(closer *self, sheaf_executor *executor, gate *g)
{
    *self = (closer){.executor = executor, .gate = g};
    cr_assert_eq(pthread_create(&self->thread, NULL, closer_main, self), 0);
}

Test(executor_shutdown, one_that_waits_after_one_that_did_not_waits, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    for (int i = 0; i < 2; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    closer one;
    closer_start(&one, executor, &g);
    cr_assert(await_sleep(&one.sleeper), "it does not wait");
    gate_open(&g, 2);
    pthread_join(one.thread, NULL);
    cr_assert_eq(one.passed, 2);
    sheaf_executor_destroy(executor);
}

Test(executor_shutdown, many_threads_may_do_it_at_the_same_time, .timeout = LIMIT)
{
    enum { N = 6 };
    for (int round = 0; round < 200; round++) {
        gate g;
        gate_init(&g);
        gate_open(&g, 3);
        sheaf_executor *executor = pool_of(1 + round % 3);
        for (int i = 0; i < 3; i++)
            sheaf_future_release(submit(executor, pass_gate, &g));
        closer closers[N];
        for (int i = 0; i < N; i++)
            closer_start(&closers[i], executor, &g);
        for (int i = 0; i < N; i++) {
            pthread_join(closers[i].thread, NULL);
            cr_assert_eq(closers[i].status, SHEAF_OK);
            cr_assert_eq(closers[i].passed, 3);
        }
        sheaf_executor_destroy(executor);
    }
}

/* ---- from a worker of the pool itself ---- */

typedef struct inside {
    sheaf_executor *executor;
    gate gate;
    sheaf_status status;
    sheaf_status submitted;
} inside;

static sheaf_status shut_down_and_wait(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    inside *self = arg;
    sem_wait(&self->gate.open);
    self->status = sheaf_executor_shutdown(self->executor, true, true);
    self->submitted = try_submit(self->executor);
    return SHEAF_OK;
}

Test(executor_shutdown, a_worker_that_would_wait_for_itself_is_told_and_the_pool_is_shut_down,
     .timeout = LIMIT)
{
    for (int workers = 1; workers <= 3; workers++) {
        inside all[3];
        sheaf_future *futures[3];
        sheaf_executor *executor = pool_of(workers);
        for (int i = 0; i < workers; i++) {
            all[i] = (inside){.executor = executor};
            gate_init(&all[i].gate);
            futures[i] = submit(executor, shut_down_and_wait, &all[i]);
        }
        sheaf_future *queued = submit(executor, give_back, NULL);
        for (int i = 0; i < workers; i++)
            gate_open(&all[i].gate, 1);
        for (int i = 0; i < workers; i++) {
            result_of(futures[i]);
            cr_assert_eq(all[i].status, SHEAF_EDEADLK);
            cr_assert_eq(all[i].submitted, SHEAF_ESHUTDOWN);
            sheaf_future_release(futures[i]);
        }
        cr_assert_eq(sheaf_future_result(queued, -1, NULL, NULL), SHEAF_ECANCELLED);
        sheaf_future_release(queued);
        cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
        sheaf_executor_destroy(executor);
    }
}

static sheaf_status shut_down_other(sheaf_worker *worker, void *arg, void **result,
                                    sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    return sheaf_executor_shutdown(arg, true, false);
}

Test(executor_shutdown, a_worker_may_wait_for_another_pool, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    gate_open(&g, 3);
    sheaf_executor *one = pool_of(1);
    sheaf_executor *other = pool_of(1);
    for (int i = 0; i < 3; i++)
        sheaf_future_release(submit(other, pass_gate, &g));
    sheaf_future *future = submit(one, shut_down_other, other);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_OK);
    cr_assert_eq(g.passed, 3);
    sheaf_future_release(future);
    sheaf_executor_destroy(one);
    sheaf_executor_destroy(other);
}

static sheaf_status destroy_own(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    inside *self = arg;
    sem_wait(&self->gate.open);
    sheaf_executor_destroy(self->executor);
    return SHEAF_OK;
}

Test(executor_shutdown, a_worker_may_destroy_its_own_pool_and_what_waits_still_runs,
     .timeout = LIMIT)
{
    for (int round = 0; round < 100; round++) {
        inside all = {.executor = pool_of(1 + round % 2)};
        gate_init(&all.gate);
        sheaf_future *first = submit(all.executor, destroy_own, &all);
        sheaf_future *queued = submit(all.executor, give_back, &all);
        gate_open(&all.gate, 1);
        cr_assert_eq(sheaf_future_result(first, -1, NULL, NULL), SHEAF_OK);
        cr_assert_eq(result_of(queued), &all);
        sheaf_future_release(first);
        sheaf_future_release(queued);
    }
}

static void destroy_in_callback(sheaf_future *future, void *context)
{
    (void)future;
    sheaf_executor_destroy(context);
}

Test(executor_shutdown, a_callback_may_destroy_the_pool, .timeout = LIMIT)
{
    for (int round = 0; round < 100; round++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_of(1);
        sheaf_future *future = submit(executor, pass_gate, &g);
        sheaf_future *queued = submit(executor, give_back, &g);
        cr_assert_eq(sheaf_future_add_done_callback(future, destroy_in_callback, executor, NULL),
                     SHEAF_OK);
        gate_open(&g, 1);
        cr_assert_eq(result_of(future), &g);
        cr_assert_eq(result_of(queued), &g);
        sheaf_future_release(future);
        sheaf_future_release(queued);
    }
}

/* ---- letting go ---- */

Test(executor_shutdown, a_pool_that_is_let_go_runs_what_was_submitted_and_ends_by_itself,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    sheaf_future *futures[5];
    for (int i = 0; i < 5; i++) {
        sheaf_task task = {.run = pass_gate, .arg = &g, .drop_arg = count_drop};
        cr_assert_eq(sheaf_executor_submit(executor, &task, &futures[i], NULL), SHEAF_OK);
    }
    sheaf_executor_release(executor);
    cr_assert_eq(g.passed, 0, "it does not wait");
    gate_open(&g, 5);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(result_of(futures[i]), &g);
        sheaf_future_release(futures[i]);
    }
    cr_assert_eq(n_dropped, 5);
    sheaf_executor_release(pool_of(1)); /* one that was never used */
    sheaf_executor_release(NULL);
}

Test(executor_shutdown, tasks_of_a_pool_that_was_let_go_can_still_be_cancelled, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    sheaf_future *queued = submit(executor, give_back, NULL);
    sheaf_executor_release(executor);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    gate_open(&g, 1);
    cr_assert_eq(result_of(running), &g);
    sheaf_future_release(running);
    sheaf_future_release(queued);
}
