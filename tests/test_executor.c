/*
 * The thread pool and its futures: one task at a time. Tasks that wait for tasks:
 * test_executor_nested.c.
 */
#include <signal.h>

#include "tests/support_executor.h"

static atomic_int n_dropped;

static void count_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
}

/* ---- submit and result ---- */

Test(executor, result_is_what_the_task_set, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    int value = 7;
    sheaf_future *future = submit(executor, give_back, &value);
    cr_assert_eq(result_of(future), &value);
    cr_assert(sheaf_future_done(future));
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor, error_of_a_task_is_seen_at_retrieval, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_error err;
    sheaf_future *future = submit(executor, fail, "3");
    for (int i = 0; i < 2; i++) { /* as often as it is asked for */
        cr_assert_eq(sheaf_future_result(future, -1, NULL, &err), SHEAF_ETASK);
        cr_assert_str_eq(err.message, "item 3 is bad");
    }
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor, result_times_out_and_leaves_the_task_alone, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, pass_gate, &g);
    cr_assert_eq(sheaf_future_result(future, 0, NULL, NULL), SHEAF_ETIMEDOUT);
    cr_assert_eq(sheaf_future_result(future, 5, NULL, NULL), SHEAF_ETIMEDOUT);
    gate_open(&g, 1);
    cr_assert_eq(result_of(future), &g);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor, many_threads_may_wait_for_one_future, .timeout = LIMIT)
{
    enum { N = 8 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, pass_gate, &g);
    waiter waiters[N];
    for (int i = 0; i < N; i++)
        waiter_start(&waiters[i], future);
    gate_open(&g, 1);
    for (int i = 0; i < N; i++) {
        pthread_join(waiters[i].thread, NULL);
        cr_assert_eq(waiters[i].status, SHEAF_OK);
        cr_assert_eq(waiters[i].result, &g);
    }
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor, take_moves_the_result_out_once, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = NULL;
    sheaf_task task = {.run = give_back, .arg = &n_dropped, .drop_result = count_drop};
    cr_assert_eq(sheaf_executor_submit(executor, &task, &future, NULL), SHEAF_OK);
    void *result = NULL;
    cr_assert_eq(sheaf_future_take(future, -1, &result, NULL), SHEAF_OK);
    cr_assert_eq(result, &n_dropped);
    cr_assert_eq(sheaf_future_take(future, -1, &result, NULL), SHEAF_ESTATE);
    cr_assert_eq(sheaf_future_result(future, -1, &result, NULL), SHEAF_ESTATE);
    sheaf_future_release(future);
    cr_assert_eq(n_dropped, 0, "a taken result is the taker's");
    sheaf_executor_destroy(executor);
}

Test(executor, a_result_nobody_takes_is_dropped_once, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    sheaf_task task = {.run = give_back, .arg = &n_dropped, .drop_result = count_drop};
    for (int i = 0; i < 10; i++) {
        sheaf_future *future = NULL;
        cr_assert_eq(sheaf_executor_submit(executor, &task, i % 2 ? &future : NULL, NULL),
                     SHEAF_OK);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_dropped, 10);
}

static sheaf_status see_drops(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err, (void)result;
    return n_dropped == 0 ? SHEAF_OK : SHEAF_ETASK;
}

Test(executor, an_argument_is_dropped_before_its_result_is_seen, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = NULL;
    sheaf_task task = {.run = see_drops, .arg = &n_dropped, .drop_arg = count_drop};
    cr_assert_eq(sheaf_executor_submit(executor, &task, &future, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_OK, "not before the task ran");
    cr_assert_eq(n_dropped, 1);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor, futures_outlive_the_executor, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    sheaf_future *future = submit(executor, give_back, &n_dropped);
    sheaf_executor_destroy(executor);
    cr_assert_eq(result_of(future), &n_dropped);
    sheaf_future_release(future);
}

Test(executor, bad_options_are_refused, .timeout = LIMIT)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    sheaf_executor_options negative = {.size = sizeof negative, .max_workers = -1};
    sheaf_executor_options other = {.size = 0, .max_workers = 1};
    cr_assert_eq(sheaf_executor_create(&negative, &executor, &err), SHEAF_EINVAL);
    cr_assert(strstr(err.message, "-1"), "%s", err.message);
    cr_assert_eq(sheaf_executor_create(&other, &executor, &err), SHEAF_EINVAL);
    cr_assert_null(executor);
    executor = pool_of(0);
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){0}, NULL, &err), SHEAF_EINVAL);
    sheaf_executor_destroy(executor);
    sheaf_executor_destroy(NULL);
    sheaf_future_release(NULL);
}

/* ---- threads ---- */

Test(executor, starts_no_thread_before_it_is_needed_and_reuses_the_idle_one, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(8);
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 0);
    for (int i = 0; i < 1000; i++) {
        sheaf_future *future = submit(executor, give_back, NULL);
        result_of(future);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    sheaf_executor_destroy(executor);
}

Test(executor, blocked_tasks_use_a_thread_each_up_to_the_maximum, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(3);
    for (int i = 0; i < 5; i++) {
        sheaf_future_release(submit(executor, pass_gate, &g));
        cr_assert_eq(sheaf_executor_stats_get(executor).threads, (uint64_t)(i < 3 ? i + 1 : 3));
    }
    for (int i = 0; i < 3; i++)
        sem_wait(&g.entered);
    cr_assert_eq(sheaf_executor_stats_get(executor).running, 3);
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, 2);
    gate_open(&g, 5);
    sheaf_executor_destroy(executor);
    cr_assert_eq(g.passed, 5);
}

typedef struct order {
    int next;
    bool wrong;
} order;

static order in_order;

static sheaf_status note_order(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    in_order.wrong |= (int)(size_t)arg != in_order.next++;
    return SHEAF_OK;
}

Test(executor, one_worker_runs_tasks_first_in_first_out, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (size_t i = 0; i < 500; i++)
        sheaf_future_release(submit(executor, note_order, (void *)i));
    sheaf_executor_destroy(executor);
    cr_assert_eq(in_order.next, 500);
    cr_assert_not(in_order.wrong);
}

static sheaf_status look_at_worker(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)arg, (void)err;
    char kernel_name[16];
    sigset_t blocked;
    pthread_getname_np(pthread_self(), kernel_name, sizeof kernel_name);
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    bool good = sheaf_worker_index(worker) == 0 && strcmp(kernel_name, "a-very-long-n_0") == 0 &&
                strcmp(sheaf_worker_name(worker), "a-very-long-name-indeed_0") == 0 &&
                sigismember(&blocked, SIGINT) && sigismember(&blocked, SIGTERM);
    *result = good ? worker : NULL;
    return SHEAF_OK;
}

Test(executor, workers_have_names_and_block_signals, .timeout = LIMIT)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .thread_name_prefix = "a-very-long-name-indeed"};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    sheaf_future *future = submit(executor, look_at_worker, NULL);
    cr_assert_not_null(result_of(future));
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

static sheaf_status use_scratch(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)arg, (void)err;
    char *bytes = sheaf_arena_new(sheaf_worker_scratch(worker), char, 100000);
    if (!bytes)
        return SHEAF_ENOMEM;
    memset(bytes, 1, 100000);
    *result = bytes;
    return SHEAF_OK;
}

Test(executor, scratch_is_reset_and_its_pages_are_used_again, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    void *first = NULL;
    for (int i = 0; i < 100; i++) {
        sheaf_future *future = submit(executor, use_scratch, NULL);
        void *bytes = result_of(future);
        first = first ? first : bytes;
        cr_assert_eq(bytes, first);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

/* ---- initializer and finalizer ---- */

static atomic_int n_initialized, n_finalized;

static sheaf_status initialize(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)err;
    n_initialized++;
    sheaf_worker_set_local(worker, arg);
    return SHEAF_OK;
}

static void finalize(sheaf_worker *worker, void *arg)
{
    (void)arg;
    n_finalized += sheaf_worker_local(worker) == arg;
}

static sheaf_status give_local(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)arg, (void)err;
    *result = sheaf_worker_local(worker);
    return SHEAF_OK;
}

Test(executor, initializer_and_finalizer_run_once_in_each_worker, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = 3,
                                      .initializer = initialize,
                                      .finalizer = finalize,
                                      .init_arg = &g};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    for (int i = 0; i < 3; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    gate_open(&g, 3);
    sheaf_future *future = submit(executor, give_local, NULL);
    cr_assert_eq(result_of(future), &g);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_initialized, 3);
    cr_assert_eq(n_finalized, 3);
}

static gate refuse_gate;

static sheaf_status refuse(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)arg;
    sem_wait(&refuse_gate.open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no room for a parser");
}

Test(executor, a_failed_initializer_breaks_the_pool_with_its_own_message, .timeout = LIMIT)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    gate_init(&refuse_gate);
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .initializer = refuse, .finalizer = finalize};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    sheaf_task task = {.run = give_back, .arg = &n_dropped, .drop_arg = count_drop};
    sheaf_future *futures[4];
    for (int i = 0; i < 4; i++)
        cr_assert_eq(sheaf_executor_submit(executor, &task, &futures[i], NULL), SHEAF_OK);
    gate_open(&refuse_gate, 1);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, &err), SHEAF_EBROKEN, "%d", i);
        cr_assert_str_eq(err.message, "no room for a parser");
        sheaf_future_release(futures[i]);
    }
    cr_assert_eq(sheaf_executor_submit(executor, &task, NULL, &err), SHEAF_EBROKEN);
    cr_assert_str_eq(err.message, "no room for a parser");
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_dropped, 4, "of those accepted, each argument once");
    cr_assert_eq(n_finalized, 1);
}

/* ---- cancel and shut down ---- */

Test(executor, cancel_takes_a_queued_task_out_at_once, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sheaf_future *queued = NULL;
    sheaf_task task = {.run = give_back, .drop_arg = count_drop};
    cr_assert_eq(sheaf_executor_submit(executor, &task, &queued, NULL), SHEAF_OK);
    sem_wait(&g.entered);
    cr_assert_eq(sheaf_future_cancel(running), SHEAF_ESTATE);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    cr_assert_eq(n_dropped, 1);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK, "again");
    cr_assert_eq(n_dropped, 1, "its argument is dropped once");
    cr_assert(sheaf_future_done(queued));
    cr_assert_eq(sheaf_future_result(queued, -1, NULL, NULL), SHEAF_ECANCELLED);
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, 0);
    gate_open(&g, 1);
    result_of(running);
    cr_assert_eq(sheaf_future_cancel(running), SHEAF_ESTATE, "finished");
    sheaf_future_release(running);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
}

Test(executor, cancelling_wakes_who_waits, .timeout = LIMIT)
{
    enum { N = 3 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sheaf_future *queued = submit(executor, give_back, NULL);
    waiter waiters[N];
    for (int i = 0; i < N; i++)
        waiter_start(&waiters[i], queued);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    for (int i = 0; i < N; i++) { /* while the only worker is still held at the gate */
        pthread_join(waiters[i].thread, NULL);
        cr_assert_eq(waiters[i].status, SHEAF_ECANCELLED);
    }
    gate_open(&g, 1);
    sheaf_future_release(running);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
}

Test(executor, a_shutdown_that_cancels_wakes_who_waits, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *running = submit(executor, pass_gate, &g);
    sheaf_future *queued = submit(executor, give_back, NULL);
    waiter w;
    waiter_start(&w, queued);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    pthread_join(w.thread, NULL);
    cr_assert_eq(w.status, SHEAF_ECANCELLED);
    gate_open(&g, 1);
    cr_assert_eq(result_of(running), &g);
    sheaf_future_release(running);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
}

Test(executor, shutdown_runs_what_waits, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    gate g;
    gate_init(&g);
    for (int i = 0; i < 20; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    sheaf_error err;
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, &err),
                 SHEAF_ESHUTDOWN);
    gate_open(&g, 20);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(g.passed, 20);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, true), SHEAF_OK, "again");
    sheaf_executor_destroy(executor);
}

Test(executor, shutdown_may_cancel_what_waits_but_not_what_a_new_worker_was_handed,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    sheaf_future *futures[10];
    for (int i = 0; i < 10; i++)
        futures[i] = submit(executor, pass_gate, &g);
    gate_open(&g, 10);
    /* Whether the two threads run already or not, the first two tasks are theirs. */
    cr_assert_eq(sheaf_executor_shutdown(executor, true, true), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(futures[0], 0, NULL, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(futures[1], 0, NULL, NULL), SHEAF_OK);
    for (int i = 0; i < 10; i++) {
        cr_assert(sheaf_future_done(futures[i]), "every accepted future becomes done");
        sheaf_future_release(futures[i]);
    }
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.finished + stats.cancelled, 10);
    sheaf_executor_destroy(executor);
}

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    gate *gate;
    sheaf_status status;
    int passed; /* the gate, when the shutdown came back */
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

Test(executor, every_one_of_many_shutdowns_waits_until_the_tasks_are_done, .timeout = LIMIT)
{
    enum { N = 4, TASKS = 3 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    for (int i = 0; i < TASKS; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    closer closers[N];
    for (int i = 0; i < N; i++) {
        closers[i] = (closer){.executor = executor, .gate = &g};
        cr_assert_eq(pthread_create(&closers[i].thread, NULL, closer_main, &closers[i]), 0);
        cr_assert(await_sleep(&closers[i].sleeper), "shutdown %d does not wait", i);
    }
    gate_open(&g, TASKS);
    for (int i = 0; i < N; i++) {
        pthread_join(closers[i].thread, NULL);
        cr_assert_eq(closers[i].status, SHEAF_OK);
        cr_assert_eq(closers[i].passed, TASKS, "shutdown %d came back before the tasks were done",
                     i);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).running, 0);
    sheaf_executor_destroy(executor);
}

static sheaf_status shut_down_own_pool(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    return sheaf_executor_shutdown(arg, true, false) == SHEAF_EDEADLK ? SHEAF_OK : SHEAF_ETASK;
}

Test(executor, a_worker_that_waits_for_its_own_pool_is_told_of_the_deadlock, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, shut_down_own_pool, executor);
    result_of(future);
    sheaf_future_release(future);
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                 SHEAF_ESHUTDOWN, "it is shut down all the same");
    sheaf_executor_destroy(executor);
}

Test(executor, two_pools_do_not_touch_each_other, .timeout = LIMIT)
{
    sheaf_executor *one = pool_of(2);
    sheaf_executor *two = pool_of(2);
    sheaf_executor_destroy(one);
    sheaf_future *future = submit(two, give_back, two);
    cr_assert_eq(result_of(future), two);
    sheaf_future_release(future);
    sheaf_executor_destroy(two);
}
