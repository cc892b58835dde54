/*
 * The sequential kind: whose thread runs a task, and what happens when several callers, or a task
 * itself, use the executor meanwhile. That it does the same as threads: test_executor_sequential.c.
 */
#include <sheaf/map.h>

#include "tests/support_executor.h"

static sheaf_executor *sequential_with(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    options.size = sizeof options;
    options.kind = SHEAF_EXECUTOR_SEQUENTIAL;
    options.at_exit = SHEAF_AT_EXIT_DETACH; /* a test that fails does not wait for its gates */
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static sheaf_executor *sequential(void)
{
    return sequential_with((sheaf_executor_options){0});
}

/* ---- in whose thread ---- */

static sheaf_status give_thread(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)arg, (void)err;
    *result = (void *)(size_t)gettid();
    return sheaf_worker_index(worker) == 0 ? SHEAF_OK : SHEAF_ETASK;
}

static void *submit_elsewhere(void *arg)
{
    sheaf_future *future = NULL;
    void *result = NULL;
    if (sheaf_executor_submit(arg, &(sheaf_task){.run = give_thread}, &future, NULL) < 0 ||
        !sheaf_future_done(future) || sheaf_future_result(future, 0, &result, NULL) < 0)
        return NULL;
    sheaf_future_release(future);
    return (size_t)result == (size_t)gettid() ? arg : NULL;
}

Test(executor_turns, a_task_runs_in_the_callers_thread_before_submit_comes_back, .timeout = LIMIT)
{
    sheaf_executor *executor = sequential();
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *good = NULL;
        cr_assert_eq(submit_elsewhere(executor), executor);
        cr_assert_eq(pthread_create(&thread, NULL, submit_elsewhere, executor), 0);
        pthread_join(thread, &good);
        cr_assert_eq(good, executor);
    }
    sheaf_executor_destroy(executor);
}

typedef struct kept {
    atomic_int n_begun, n_ended;
} kept;

static sheaf_status begin(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)err;
    atomic_fetch_add(&((kept *)arg)->n_begun, 1);
    sheaf_worker_set_local(worker, arg);
    return SHEAF_OK;
}

static void end(sheaf_worker *worker, void *arg)
{
    atomic_fetch_add(&((kept *)arg)->n_ended, sheaf_worker_local(worker) == arg);
}

Test(executor_turns, whoever_calls_there_is_one_worker_and_it_is_begun_and_ended_once,
     .timeout = LIMIT)
{
    kept all = {0};
    sheaf_executor *executor = sequential_with((sheaf_executor_options){
        .max_workers = 7, .initializer = begin, .finalizer = end, .init_arg = &all});
    for (int i = 0; i < 10; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, submit_elsewhere, executor), 0);
        pthread_join(thread, NULL);
    }
    cr_assert_eq(all.n_begun, 1);
    cr_assert_eq(all.n_ended, 0);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(all.n_ended, 1);
    sheaf_executor_destroy(executor);
    cr_assert_eq(all.n_begun, 1);
    cr_assert_eq(all.n_ended, 1);
}

/* ---- a task inside a task ---- */

typedef struct path {
    sheaf_executor *executor;
    char text[64];
} path;

static sheaf_status walk(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    path *self = arg;
    size_t depth = strlen(self->text);
    if (depth >= 6)
        return SHEAF_OK;
    strcat(self->text, "(");
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < 2 && status == SHEAF_OK; i++)
        status = sheaf_executor_submit(self->executor, &(sheaf_task){.run = walk, .arg = self},
                                       NULL, err);
    strcat(self->text, ")");
    return status;
}

Test(executor_turns, a_task_that_a_task_submits_runs_inside_it, .timeout = LIMIT)
{
    path all = {.executor = sequential()};
    sheaf_future *future = submit(all.executor, walk, &all);
    result_of(future);
    cr_assert_str_eq(all.text, "(((((())))))");
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
}

typedef struct chain {
    sheaf_executor *executor;
    long links;
} chain;

static sheaf_status next_link(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    chain *self = arg;
    if (self->links == 0)
        return SHEAF_OK;
    chain rest = {self->executor, self->links - 1};
    sheaf_future *child = NULL;
    sheaf_status status = sheaf_executor_submit(
        self->executor, &(sheaf_task){.run = next_link, .arg = &rest}, &child, err);
    if (status == SHEAF_OK)
        status = sheaf_future_result(child, -1, NULL, err);
    sheaf_future_release(child);
    return status;
}

static sheaf_status follow_chain(long links)
{
    sheaf_executor *executor = sequential();
    chain first = {executor, links};
    sheaf_future *future = submit(executor, next_link, &first);
    sheaf_status status = sheaf_future_result(future, -1, NULL, NULL);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    return status;
}

Test(executor_turns, tasks_may_be_100_deep_and_a_chain_that_is_too_deep_is_told_so,
     .timeout = LIMIT)
{
    cr_assert_eq(follow_chain(100), SHEAF_OK);
    cr_assert_eq(follow_chain(100000), SHEAF_ELIMIT);
}

/* A task that has its own future. */
typedef struct self_aware {
    sheaf_executor *executor;
    sheaf_future *future; /* set by submit before it runs the task */
    sheaf_status statuses[6];
    int n_called;
} self_aware;

static void count_call(sheaf_future *future, void *context)
{
    self_aware *self = context;
    self->n_called += sheaf_future_done(future);
}

static sheaf_status look_at_self(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    self_aware *self = arg;
    sheaf_as_completed *iterator = NULL;
    if (!self->future)
        return sheaf_error_set(err, SHEAF_ETASK, "it does not know its future");
    self->statuses[0] = sheaf_future_result(self->future, -1, NULL, NULL);
    self->statuses[1] = sheaf_wait(&self->future, 1, -1, SHEAF_ALL_COMPLETED, NULL, NULL);
    self->statuses[2] = sheaf_as_completed_open(&self->future, 1, -1, &iterator, NULL);
    if (self->statuses[2] == SHEAF_OK) {
        sheaf_future *next = NULL;
        self->statuses[2] = sheaf_as_completed_next(iterator, &next, NULL, NULL);
        sheaf_as_completed_close(iterator);
    }
    self->statuses[3] = sheaf_future_result(self->future, 1, NULL, NULL);
    self->statuses[4] = sheaf_future_cancel(self->future);
    self->statuses[5] = sheaf_future_add_done_callback(self->future, count_call, self, NULL);
    return sheaf_future_running(self->future) ? SHEAF_OK : SHEAF_EIO;
}

Test(executor_turns, a_task_that_waits_for_itself_is_told_of_the_deadlock, .timeout = LIMIT)
{
    self_aware all = {.executor = sequential()};
    sheaf_error err;
    sheaf_task task = {.run = look_at_self, .arg = &all};
    cr_assert_eq(sheaf_executor_submit(all.executor, &task, &all.future, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(all.future, -1, NULL, &err), SHEAF_OK, "%s", err.message);
    cr_assert_eq(all.statuses[0], SHEAF_EDEADLK, "result: %d", all.statuses[0]);
    cr_assert_eq(all.statuses[1], SHEAF_EDEADLK, "wait: %d", all.statuses[1]);
    cr_assert_eq(all.statuses[2], SHEAF_EDEADLK, "as_completed: %d", all.statuses[2]);
    cr_assert_eq(all.statuses[3], SHEAF_ETIMEDOUT, "a short wait: %d", all.statuses[3]);
    cr_assert_eq(all.statuses[4], SHEAF_ESTATE, "cancel: %d", all.statuses[4]);
    cr_assert_eq(all.statuses[5], SHEAF_OK);
    cr_assert_eq(all.n_called, 1);
    sheaf_future_release(all.future);
    sheaf_executor_destroy(all.executor);
}

/* ---- callers take turns ---- */

typedef struct crowd {
    sheaf_executor *executor;
    atomic_int inside;
    atomic_int n_run;
    atomic_bool wrong;
} crowd;

static sheaf_status be_alone(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    crowd *self = arg;
    if (atomic_fetch_add(&self->inside, 1) != 0)
        atomic_store(&self->wrong, true);
    sched_yield();
    atomic_fetch_add(&self->n_run, 1);
    atomic_fetch_sub(&self->inside, 1);
    return SHEAF_OK;
}

static void *submit_often(void *arg)
{
    crowd *self = arg;
    for (int i = 0; i < 200; i++) {
        sheaf_future *future = NULL;
        sheaf_task task = {.run = be_alone, .arg = arg};
        if (sheaf_executor_submit(self->executor, &task, &future, NULL) < 0 ||
            !sheaf_future_done(future))
            atomic_store(&self->wrong, true);
        sheaf_future_release(future);
    }
    return NULL;
}

Test(executor_turns, callers_take_turns_and_one_task_runs_at_a_time, .timeout = LIMIT)
{
    enum { N = 6 };
    crowd all = {.executor = sequential()};
    pthread_t threads[N];
    for (int i = 0; i < N; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, submit_often, &all), 0);
    for (int i = 0; i < N; i++)
        pthread_join(threads[i], NULL);
    cr_assert_not(all.wrong);
    cr_assert_eq(all.n_run, N * 200);
    sheaf_executor_destroy(all.executor);
}

/* A thread that submits a task which stays at a gate. */
typedef struct caller {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    sheaf_task task;
    sheaf_future *future;
    sheaf_status status;
} caller;

static void *caller_main(void *arg)
{
    caller *self = arg;
    about_to_sleep(&self->sleeper);
    self->status = sheaf_executor_submit(self->executor, &self->task, &self->future, NULL);
    came_back(&self->sleeper);
    return NULL;
}

static void caller_start(caller *self, sheaf_executor *executor, sheaf_task task)
{
    *self = (caller){.executor = executor, .task = task};
    cr_assert_eq(pthread_create(&self->thread, NULL, caller_main, self), 0);
}

Test(executor_turns, another_thread_may_wait_for_the_task_that_runs, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    caller one;
    waiter other;
    sheaf_executor *executor = sequential();
    caller_start(&one, executor, (sheaf_task){.run = pass_gate, .arg = &g});
    sem_wait(&g.entered);
    waiter_start(&other, one.future);
    cr_assert(sheaf_future_running(one.future));
    gate_open(&g, 1);
    pthread_join(other.thread, NULL);
    pthread_join(one.thread, NULL);
    cr_assert_eq(other.status, SHEAF_OK);
    cr_assert_eq(other.result, &g);
    sheaf_future_release(one.future);
    sheaf_executor_destroy(executor);
}

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

Test(executor_turns, a_shutdown_waits_for_the_task_that_runs_and_forgets_no_caller,
     .timeout = LIMIT)
{
    enum { WAITING = 3 };
    for (int waits = 0; waits < 2; waits++) {
        gate g;
        gate_init(&g);
        kept all = {0};
        sheaf_executor *executor = sequential_with(
            (sheaf_executor_options){.initializer = begin, .finalizer = end, .init_arg = &all});
        caller one;
        caller waiting[WAITING];
        caller_start(&one, executor, (sheaf_task){.run = pass_gate, .arg = &g});
        sem_wait(&g.entered);
        for (int i = 0; i < WAITING; i++) {
            caller_start(&waiting[i], executor, (sheaf_task){.run = give_back, .arg = &g});
            cr_assert(await_sleep(&waiting[i].sleeper), "it is not its turn");
        }
        closer shutdown = {.executor = executor, .gate = &g};
        if (waits) {
            cr_assert_eq(pthread_create(&shutdown.thread, NULL, closer_main, &shutdown), 0);
            cr_assert(await_sleep(&shutdown.sleeper), "it does not wait");
        } else {
            cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
        }
        cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                     SHEAF_ESHUTDOWN);
        gate_open(&g, 1);
        pthread_join(one.thread, NULL);
        cr_assert_eq(result_of(one.future), &g);
        for (int i = 0; i < WAITING;
             i++) { /* they were there before the shutdown, or are refused */
            pthread_join(waiting[i].thread, NULL);
            cr_assert(waiting[i].status == SHEAF_ESHUTDOWN || waiting[i].status == SHEAF_OK);
            if (waiting[i].status == SHEAF_OK)
                cr_assert_eq(result_of(waiting[i].future), &g);
            sheaf_future_release(waiting[i].future);
        }
        if (waits) {
            pthread_join(shutdown.thread, NULL);
            cr_assert_eq(shutdown.status, SHEAF_OK);
            cr_assert_eq(shutdown.passed, 1);
        }
        sheaf_future_release(one.future);
        sheaf_executor_destroy(executor);
        cr_assert_eq(all.n_begun, 1);
        cr_assert_eq(all.n_ended, 1);
    }
}

/* ---- a task that ends its executor, or its thread ---- */

typedef struct ender {
    sheaf_executor *executor;
    sheaf_status shut_down;
    sheaf_status submitted;
} ender;

static sheaf_status shut_down_inside(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    ender *self = arg;
    self->shut_down = sheaf_executor_shutdown(self->executor, true, false);
    self->submitted = sheaf_executor_submit(self->executor, &(sheaf_task){.run = give_back}, NULL,
                                            NULL);
    return SHEAF_OK;
}

Test(executor_turns, a_task_that_would_wait_for_its_own_end_is_told_of_the_deadlock,
     .timeout = LIMIT)
{
    ender all = {.executor = sequential()};
    sheaf_future *future = submit(all.executor, shut_down_inside, &all);
    result_of(future);
    cr_assert_eq(all.shut_down, SHEAF_EDEADLK);
    cr_assert_eq(all.submitted, SHEAF_ESHUTDOWN, "it is shut down all the same");
    cr_assert_eq(sheaf_executor_shutdown(all.executor, true, false), SHEAF_OK);
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
}

static sheaf_status destroy_inside(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)result, (void)err;
    sheaf_executor_destroy(arg);
    return sheaf_worker_index(worker) == 0 ? SHEAF_OK : SHEAF_ETASK;
}

Test(executor_turns, a_task_may_destroy_the_executor_it_runs_on, .timeout = LIMIT)
{
    kept all = {0};
    sheaf_executor *executor = sequential_with(
        (sheaf_executor_options){.initializer = begin, .finalizer = end, .init_arg = &all});
    sheaf_future *future = submit(executor, destroy_inside, executor);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_OK);
    sheaf_future_release(future);
    cr_assert_eq(all.n_ended, 1);
}

static sheaf_status leave(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)result, (void)err;
    pthread_exit(NULL);
}

Test(executor_turns, a_task_that_ends_its_callers_thread_does_not_keep_the_turn, .timeout = LIMIT)
{
    sheaf_executor *executor = sequential();
    for (int i = 0; i < 3; i++) {
        caller lost;
        caller_start(&lost, executor, (sheaf_task){.run = leave});
        pthread_join(lost.thread, NULL);
        cr_assert_not_null(lost.future);
        cr_assert_eq(sheaf_future_result(lost.future, -1, NULL, NULL), SHEAF_EWORKER);
        sheaf_future_release(lost.future);
        sheaf_future *future = submit(executor, give_back, executor);
        cr_assert_eq(result_of(future), executor);
        sheaf_future_release(future);
    }
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.submitted, 6);
    cr_assert_eq(stats.submitted, stats.finished + stats.cancelled);
    cr_assert_eq(stats.running, 0);
    sheaf_executor_destroy(executor);
}

static sheaf_status leave_at_once(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)err;
    atomic_fetch_add(&((kept *)arg)->n_begun, 1);
    pthread_exit(NULL);
}

Test(executor_turns, an_initializer_that_ends_its_callers_thread_breaks_the_executor,
     .timeout = LIMIT)
{
    kept all = {0};
    caller lost;
    sheaf_executor *executor = sequential_with(
        (sheaf_executor_options){.initializer = leave_at_once, .finalizer = end, .init_arg = &all});
    caller_start(&lost, executor, (sheaf_task){.run = give_back});
    pthread_join(lost.thread, NULL);
    cr_assert_not_null(lost.future);
    cr_assert_eq(sheaf_future_result(lost.future, 1000, NULL, NULL), SHEAF_EBROKEN);
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                 SHEAF_EBROKEN);
    cr_assert_eq(all.n_begun, 1);
    sheaf_future_release(lost.future);
    sheaf_executor_destroy(executor);
}
