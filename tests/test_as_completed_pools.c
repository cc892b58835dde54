/*
 * Futures of executors as they are completed: what is cancelled by a shutdown or given up by a
 * broken pool, which CPython has hung on; and going through them in a worker of the same pool. The
 * order, time and references: test_as_completed.c.
 */
#include <sys/wait.h>

#include "tests/support_futures.h"

enum { N_MAX = 16 };

static sheaf_as_completed *open_for(sheaf_future *const *futures, size_t n, int64_t timeout_ms)
{
    sheaf_as_completed *iterator = NULL;
    cr_assert_eq(sheaf_as_completed_open(futures, n, timeout_ms, &iterator, NULL), SHEAF_OK);
    return iterator;
}

/* The next one is this, and stood there; `left` come after it. */
static void assert_next(sheaf_as_completed *iterator, const sheaf_future *expected, size_t index,
                        size_t left)
{
    sheaf_future *future = NULL;
    size_t at = SIZE_MAX;
    sheaf_status status = sheaf_as_completed_next(iterator, &future, &at, NULL);
    cr_assert_eq(status, SHEAF_OK, "%d instead of number %zu", status, index);
    cr_assert_eq(at, index, "number %zu instead of %zu", at, index);
    cr_assert_eq(future, expected);
    cr_assert_eq(sheaf_as_completed_pending(iterator), left);
    sheaf_future_release(future);
}

static void assert_end(sheaf_as_completed *iterator)
{
    sheaf_future *future = NULL;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sheaf_as_completed_next(iterator, &future, NULL, NULL), SHEAF_END);
    cr_assert_eq(sheaf_as_completed_pending(iterator), 0);
}

typedef struct consumer {
    aside thread;
    sheaf_as_completed *iterator;
    atomic_int n;         /* were given */
    size_t places[N_MAX]; /* in this order */
    sheaf_status statuses[N_MAX];
    sheaf_status end;
} consumer;

static void consume(void *arg)
{
    consumer *self = arg;
    sheaf_future *future = NULL;
    size_t at = 0;
    while ((self->end = sheaf_as_completed_next(self->iterator, &future, &at, NULL)) == SHEAF_OK) {
        self->places[self->n] = at;
        self->statuses[self->n] = sheaf_future_result(future, 0, NULL, NULL);
        sheaf_future_release(future);
        atomic_fetch_add(&self->n, 1);
    }
}

static void consumer_start(consumer *self, sheaf_future *const *futures, size_t n)
{
    *self = (consumer){.iterator = open_for(futures, n, -1)};
    aside_sleep(&self->thread, consume, self);
}

static void consumer_end(consumer *self)
{
    aside_join(&self->thread);
    cr_assert_eq(self->end, SHEAF_END);
    sheaf_as_completed_close(self->iterator);
}

/* ---- executors: CPython has hung in each of these ---- */

/* gh-87893, gh-136655: nobody told as_completed what shutdown(cancel_futures=True) cancelled. */
Test(as_completed_pools, is_told_of_what_a_shutdown_cancels, .timeout = LIMIT)
{
    enum { N = 6 };
    for (int wait_first = 0; wait_first < 2; wait_first++) {
        held_pool pool;
        consumer one;
        sheaf_future *futures[N];
        held_pool_init(&pool);
        futures[0] = sheaf_future_retain(pool.running);
        for (int i = 1; i < N; i++)
            futures[i] = submit(pool.executor, give_back, NULL);
        if (!wait_first)
            cr_assert_eq(sheaf_executor_shutdown(pool.executor, false, true), SHEAF_OK);
        consumer_start(&one, futures, N); /* it sleeps: what was cancelled it was given already */
        if (!wait_first)
            cr_assert_eq(one.n, N - 1);
        else
            cr_assert_eq(sheaf_executor_shutdown(pool.executor, false, true), SHEAF_OK);
        cr_assert(still_sleeps(&one.thread));
        cr_assert_eq(one.n, N - 1, "while the task that runs is at its gate");
        gate_open(&pool.gate, 1);
        consumer_end(&one);
        cr_assert_eq(one.n, N);
        for (int i = 0; i < N; i++)
            cr_assert_eq(one.statuses[i], i < N - 1 ? SHEAF_ECANCELLED : SHEAF_OK);
        release_all(futures, N);
        held_pool_end(&pool);
    }
}

/* gh-92001, gh-109934: nor what cancel() took out of the queue. */
Test(as_completed_pools, is_told_of_what_is_cancelled_in_the_queue, .timeout = LIMIT)
{
    held_pool pool;
    sheaf_future *futures[4];
    held_pool_init(&pool);
    for (int i = 0; i < 4; i++)
        futures[i] = submit(pool.executor, give_back, NULL);
    cr_assert_eq(sheaf_future_cancel(futures[2]), SHEAF_OK);
    sheaf_as_completed *iterator = open_for(futures, 4, -1);
    cr_assert_eq(sheaf_future_cancel(futures[3]), SHEAF_OK);
    cr_assert_eq(sheaf_future_cancel(futures[0]), SHEAF_OK);
    assert_next(iterator, futures[2], 2, 3);
    assert_next(iterator, futures[3], 3, 2);
    assert_next(iterator, futures[0], 0, 1); /* all of it while the worker is at its gate */
    gate_open(&pool.gate, 1);
    assert_next(iterator, futures[1], 1, 0);
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    release_all(futures, 4);
    held_pool_end(&pool);
}

static sheaf_status refuse(sheaf_worker *worker, void *init_arg, sheaf_error *err)
{
    (void)worker;
    sem_wait(&((gate *)init_arg)->open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "refused");
}

Test(as_completed_pools, gives_what_a_broken_pool_has_given_up, .timeout = LIMIT)
{
    gate g;
    consumer one;
    sheaf_future *futures[3];
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .initializer = refuse, .init_arg = &g};
    gate_init(&g);
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    for (int i = 0; i < 3; i++)
        futures[i] = submit(executor, give_back, NULL);
    consumer_start(&one, futures, 3);
    gate_open(&g, 1);
    consumer_end(&one);
    cr_assert_eq(one.n, 3);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(one.statuses[i], SHEAF_EBROKEN);
    release_all(futures, 3);
    sheaf_executor_destroy(executor);
}

Test(as_completed_pools, may_mix_executors_and_bare_futures, .timeout = LIMIT)
{
    static thing result;
    held_pool one, two;
    sheaf_executor *third = sequential();
    held_pool_init(&one);
    held_pool_init(&two);
    sheaf_future *futures[] = {one.running, bare(), two.running, submit(third, fail, "3")};
    sheaf_as_completed *iterator = open_for(futures, 4, -1);
    assert_next(iterator, futures[3], 3, 3);
    gate_open(&two.gate, 1);
    assert_next(iterator, futures[2], 2, 2);
    set_result(futures[1], &result);
    assert_next(iterator, futures[1], 1, 1);
    gate_open(&one.gate, 1);
    assert_next(iterator, futures[0], 0, 0);
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    sheaf_future_release(futures[1]);
    sheaf_future_release(futures[3]);
    held_pool_end(&one);
    held_pool_end(&two);
    sheaf_executor_destroy(third);
}

Test(as_completed_pools, in_a_child_of_fork_does_not_hang, .timeout = LIMIT)
{
    held_pool pool;
    sheaf_future *given = NULL;
    held_pool_init(&pool);
    sheaf_future *futures[2] = {bare(), pool.running};
    set_error(futures[0], "failed");
    sheaf_as_completed *inherited = open_for(futures, 2, -1);
    assert_next(inherited, futures[0], 0, 1);
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT / 2);
        sheaf_as_completed *own = NULL;
        sheaf_status status = sheaf_as_completed_open(futures, 2, -1, &own, NULL);
        if (status == SHEAF_OK) { /* told at the latest by the next that would have to wait */
            status = sheaf_as_completed_next(own, &given, NULL, NULL);
            if (status == SHEAF_OK && given == futures[0])
                status = sheaf_as_completed_next(own, &given, NULL, NULL);
        }
        bool good = status == SHEAF_EFORKED &&
                    sheaf_as_completed_next(inherited, &given, NULL, NULL) == SHEAF_EFORKED;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    gate_open(&pool.gate, 1);
    assert_next(inherited, pool.running, 1, 0);
    sheaf_as_completed_close(inherited);
    sheaf_future_release(futures[0]);
    held_pool_end(&pool);
}

/* ---- in a worker ---- */

/* A task that goes through futures: those it submits to its own pool, or those it was given. */
typedef struct inside {
    sheaf_executor *executor;
    gate gate;
    sleeper sleeper;
    size_t n_own;
    int64_t timeout_ms;
    sheaf_future *futures[N_MAX];
    size_t n;
    size_t n_given;
    sheaf_status end;
} inside;

static sheaf_status go_through(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    inside *self = arg;
    sheaf_as_completed *iterator = NULL;
    sheaf_future *given = NULL;
    pass_gate(worker, &self->gate, result, err);
    for (size_t i = 0; i < self->n_own; i++) {
        sheaf_task task = {.run = give_back};
        self->end = sheaf_executor_submit(self->executor, &task, &self->futures[self->n++], err);
        if (self->end < 0)
            return self->end;
    }
    self->end = sheaf_as_completed_open(self->futures, self->n, self->timeout_ms, &iterator, err);
    about_to_sleep(&self->sleeper);
    while (self->end == SHEAF_OK) {
        self->end = sheaf_as_completed_next(iterator, &given, NULL, NULL);
        if (self->end == SHEAF_OK) {
            self->n_given++;
            sheaf_future_release(given);
        }
    }
    came_back(&self->sleeper);
    sheaf_as_completed_close(iterator);
    return SHEAF_OK;
}

Test(as_completed_pools, in_a_worker_runs_what_is_queued_in_its_own_pool, .timeout = LIMIT)
{
    for (int workers = 1; workers <= 3; workers++) {
        inside all = {.executor = pool_of(workers), .n_own = N_MAX, .timeout_ms = -1};
        gate_init(&all.gate);
        gate_open(&all.gate, 1);
        sheaf_future *future = submit(all.executor, go_through, &all);
        result_of(future);
        cr_assert_eq(all.end, SHEAF_END, "%d", all.end);
        cr_assert_eq(all.n_given, N_MAX);
        release_all(all.futures, N_MAX);
        sheaf_future_release(future);
        sheaf_executor_destroy(all.executor);
    }
}

Test(as_completed_pools, in_a_worker_that_has_a_limit_runs_nothing, .timeout = LIMIT)
{
    for (int64_t ms = 0; ms < 3; ms++) {
        inside all = {.executor = pool_of(1), .n_own = 2, .timeout_ms = ms};
        gate_init(&all.gate);
        gate_open(&all.gate, 1);
        sheaf_future *future = submit(all.executor, go_through, &all);
        result_of(future);
        cr_assert_eq(all.end, SHEAF_ETIMEDOUT, "%d", all.end);
        cr_assert_eq(all.n_given, 0);
        release_all(all.futures, 2);
        sheaf_future_release(future);
        sheaf_executor_destroy(all.executor);
    }
}

/* Each of n tasks goes through all the others, or one through itself, and what stands in front. */
static void assert_knot_is_cut(int n, sheaf_future *in_front)
{
    sheaf_executor *executor = pool_of(n);
    inside tasks[4];
    sheaf_future *futures[4];
    int told = 0;
    for (int i = 0; i < n; i++) {
        tasks[i] = (inside){.timeout_ms = -1, .futures = {in_front}, .n = in_front ? 1 : 0};
        gate_init(&tasks[i].gate);
        futures[i] = submit(executor, go_through, &tasks[i]);
        sem_wait(&tasks[i].gate.entered);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (j != i || n == 1)
                tasks[i].futures[tasks[i].n++] = futures[j];
    for (int i = 0; i < n; i++)
        gate_open(&tasks[i].gate, 1);
    for (int i = 0; i < n; i++)
        result_of(futures[i]);
    for (int i = 0; i < n; i++) {
        cr_assert(tasks[i].end == SHEAF_END || tasks[i].end == SHEAF_EDEADLK);
        told += tasks[i].end == SHEAF_EDEADLK;
    }
    cr_assert(told >= 1 && (told < n || n == 1), "%d of %d were told", told, n);
    release_all(futures, (size_t)n);
    sheaf_executor_destroy(executor);
}

Test(as_completed_pools, of_tasks_that_go_through_each_other_is_known_as_a_deadlock,
     .timeout = LIMIT)
{
    for (int n = 1; n <= 4; n++)
        assert_knot_is_cut(n, NULL);
}

Test(as_completed_pools, of_each_other_is_a_deadlock_whatever_else_is_final, .timeout = LIMIT)
{
    for (int n = 1; n <= 4; n++) {
        sheaf_future *future = bare();
        set_error(future, "failed");
        assert_knot_is_cut(n, future);
        sheaf_future_release(future);
    }
}

Test(as_completed_pools, that_somebody_outside_can_end_is_no_deadlock, .timeout = LIMIT)
{
    static thing result;
    sheaf_executor *executor = pool_of(1);
    inside all = {.executor = executor, .n_own = 2, .n = 1, .timeout_ms = -1};
    gate_init(&all.gate);
    all.futures[0] = bare();
    sheaf_future *future = submit(executor, go_through, &all);
    gate_open(&all.gate, 1);
    while (sheaf_executor_stats_get(executor).finished < 2)
        sched_yield(); /* its own two have run inside it; now it waits for the bare one */
    cr_assert(await_sleep(&all.sleeper), "%d", all.end);
    set_result(all.futures[0], &result);
    result_of(future);
    cr_assert_eq(all.end, SHEAF_END, "%d", all.end);
    cr_assert_eq(all.n_given, 3);
    release_all(all.futures, 3);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}
