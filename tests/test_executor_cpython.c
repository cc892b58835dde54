/*
 * Defects of CPython's concurrent.futures, by their numbers in its tracker (gh-, before that
 * bpo-): each test is what was reported. Those of fork() are in test_executor_fork.c, of the exit
 * of the process in test_executor_exit.c, of map in test_map.c.
 */
#include "tests/support_executor.h"

/* ---- threads that wait for many ---- */

typedef enum manner { WAIT_ALL, WAIT_FIRST, AS_COMPLETED } manner;

typedef struct watcher {
    pthread_t thread;
    sleeper sleeper;
    sheaf_future **futures;
    size_t n;
    manner how;
    sheaf_status status;
    size_t n_seen;
} watcher;

static sheaf_status see_all_completed(watcher *self)
{
    sheaf_as_completed *iterator = NULL;
    sheaf_future *future = NULL;
    sheaf_status status = sheaf_as_completed_open(self->futures, self->n, -1, &iterator, NULL);
    while (status == SHEAF_OK &&
           (status = sheaf_as_completed_next(iterator, &future, NULL, NULL)) == SHEAF_OK) {
        self->n_seen++;
        sheaf_future_release(future);
    }
    sheaf_as_completed_close(iterator);
    return status;
}

static void *watcher_main(void *arg)
{
    watcher *self = arg;
    about_to_sleep(&self->sleeper);
    if (self->how == AS_COMPLETED)
        self->status = see_all_completed(self);
    else
        self->status = sheaf_wait(
            self->futures, self->n, -1,
            self->how == WAIT_ALL ? SHEAF_ALL_COMPLETED : SHEAF_FIRST_COMPLETED, NULL, NULL);
    came_back(&self->sleeper);
    return NULL;
}

static void watcher_start(watcher *self, sheaf_future **futures, size_t n, manner how)
{
    *self = (watcher){.futures = futures, .n = n, .how = how};
    cr_assert_eq(pthread_create(&self->thread, NULL, watcher_main, self), 0);
    cr_assert(await_sleep(&self->sleeper), "it does not wait: %d", self->status);
}

static void assert_came_back(watcher *self)
{
    pthread_join(self->thread, NULL);
    cr_assert_eq(self->status, self->how == AS_COMPLETED ? SHEAF_END : SHEAF_OK);
    cr_assert_eq(self->n_seen, self->how == AS_COMPLETED ? self->n : 0);
}

/* gh-92001: a task that was cancelled in the queue was not told of until a worker met it. */
Test(executor_cpython, who_waits_for_a_queued_task_hears_of_its_cancellation_at_once,
     .timeout = LIMIT)
{
    for (int i = WAIT_ALL; i <= AS_COMPLETED; i++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_of(1);
        sheaf_future_release(submit(executor, pass_gate, &g));
        sem_wait(&g.entered);
        sheaf_future *queued = submit(executor, give_back, NULL);
        watcher one;
        watcher_start(&one, &queued, 1, (manner)i);
        cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
        assert_came_back(&one); /* while the only worker is held */
        gate_open(&g, 1);
        sheaf_future_release(queued);
        sheaf_executor_destroy(executor);
    }
}

/* gh-87893, gh-109934, gh-136655: both hung after shutdown(cancel_futures=True). */
Test(executor_cpython, who_waits_for_many_hears_of_a_shutdown_that_cancels_them, .timeout = LIMIT)
{
    enum { N = 20 };
    for (int i = WAIT_ALL; i <= AS_COMPLETED; i++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_of(1);
        sheaf_future_release(submit(executor, pass_gate, &g));
        sem_wait(&g.entered);
        sheaf_future *futures[N];
        for (int k = 0; k < N; k++)
            futures[k] = submit(executor, give_back, NULL);
        watcher one;
        watcher_start(&one, futures, N, (manner)i);
        cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
        assert_came_back(&one);
        gate_open(&g, 1);
        for (int k = 0; k < N; k++)
            sheaf_future_release(futures[k]);
        sheaf_executor_destroy(executor);
    }
}

/* bpo-14406: two tasks that were done at the same time counted down a number without a lock. */
Test(executor_cpython, tasks_that_are_done_at_the_same_time_are_both_counted, .timeout = 2 * LIMIT)
{
    enum { N = 8 };
    sheaf_executor *executor = pool_of(N);
    for (int round = 0; round < 600; round++) {
        gate g;
        gate_init(&g);
        sheaf_future *futures[N];
        for (int i = 0; i < N; i++)
            futures[i] = submit(executor, pass_gate, &g);
        for (int i = 0; i < N; i++)
            sem_wait(&g.entered);
        watcher one;
        watcher_start(&one, futures, N, (manner)(round % 3));
        gate_open(&g, N);
        assert_came_back(&one);
        for (int i = 0; i < N; i++) {
            result_of(futures[i]);
            sheaf_future_release(futures[i]);
        }
    }
    sheaf_executor_destroy(executor);
}

/* bpo-20367: a future that stood twice in the list made as_completed hang. */
Test(executor_cpython, a_future_that_is_waited_for_twice_comes_once, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *one = submit(executor, pass_gate, &g);
    sheaf_future *twice[] = {one, one, one};
    sheaf_as_completed *iterator = NULL;
    sheaf_future *next = NULL;
    size_t index = 99;
    cr_assert_eq(sheaf_as_completed_open(twice, 3, -1, &iterator, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_as_completed_total(iterator), 1);
    gate_open(&g, 1);
    cr_assert_eq(sheaf_as_completed_next(iterator, &next, &index, NULL), SHEAF_OK);
    cr_assert_eq(index, 0);
    sheaf_future_release(next);
    cr_assert_eq(sheaf_as_completed_next(iterator, &next, &index, NULL), SHEAF_END);
    sheaf_as_completed_close(iterator);
    bool done[3] = {false};
    cr_assert_eq(sheaf_wait(twice, 3, -1, SHEAF_ALL_COMPLETED, done, NULL), SHEAF_OK);
    cr_assert(done[0] && done[1] && done[2]);
    sheaf_future_release(one);
    sheaf_executor_destroy(executor);
}

/* ---- how many threads ---- */

/* bpo-24882: each of the first max_workers tasks started a thread, idle ones or not. */
Test(executor_cpython, an_idle_worker_is_used_before_another_is_started, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(16);
    for (int i = 0; i < 100; i++) {
        sheaf_future *future = submit(executor, give_back, NULL);
        result_of(future);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    sheaf_executor_destroy(executor);
}

/*
 * gh-88354, gh-102024, gh-115634: the count of idle threads grew with every task that was done in
 * between, and then tasks that block waited for each other on too few threads.
 */
Test(executor_cpython, tasks_that_were_done_leave_no_idle_worker_that_does_not_exist,
     .timeout = LIMIT)
{
    enum { N = 6 };
    sheaf_executor *executor = pool_of(N);
    for (int round = 0; round < 20; round++) {
        sheaf_future *quick[50];
        for (int i = 0; i < 50; i++)
            quick[i] = submit(executor, give_back, NULL);
        for (int i = 0; i < 50; i++) {
            if (i % 3 == 0)
                sheaf_future_cancel(quick[i]);
            (void)!sheaf_future_result(quick[i], -1, NULL, NULL);
            sheaf_future_release(quick[i]);
        }
        gate g;
        gate_init(&g);
        sheaf_future *held[N];
        for (int i = 0; i < N; i++)
            held[i] = submit(executor, pass_gate, &g);
        for (int i = 0; i < N; i++)
            sem_wait(&g.entered); /* all at the same time, or never */
        cr_assert_eq(sheaf_executor_stats_get(executor).threads, N);
        gate_open(&g, N);
        for (int i = 0; i < N; i++) {
            result_of(held[i]);
            sheaf_future_release(held[i]);
        }
    }
    sheaf_executor_destroy(executor);
}

/* ---- the end ---- */

/* bpo-12364: a shutdown with tasks in the queue, and then their results: one of the two hung. */
Test(executor_cpython, results_are_there_after_a_shutdown_with_tasks_in_the_queue, .timeout = LIMIT)
{
    enum { N = 50 };
    for (int waits = 0; waits < 2; waits++) {
        sheaf_executor *executor = pool_of(3);
        sheaf_future *futures[N];
        for (int i = 0; i < N; i++)
            futures[i] = submit(executor, give_back, &futures[i]);
        cr_assert_eq(sheaf_executor_shutdown(executor, waits, false), SHEAF_OK);
        for (int i = 0; i < N; i++) {
            cr_assert_eq(result_of(futures[i]), &futures[i]);
            sheaf_future_release(futures[i]);
        }
        sheaf_executor_destroy(executor);
    }
}

/* gh-94440: a task that was cancelled right before the shutdown, the only one, made it hang. */
Test(executor_cpython, a_task_cancelled_right_before_a_shutdown_does_not_hang_it, .timeout = LIMIT)
{
    for (int round = 0; round < 500; round++) {
        sheaf_executor *executor = pool_of(1 + round % 2);
        if (round % 3) {
            sheaf_future *before = submit(executor, give_back, NULL);
            result_of(before);
            sheaf_future_release(before);
        }
        sheaf_future *future = submit(executor, give_back, NULL);
        (void)sheaf_future_cancel(future);
        cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
        cr_assert(sheaf_future_done(future));
        sheaf_future_release(future);
        sheaf_executor_destroy(executor);
    }
}

/* bpo-16284: a worker kept the last task, with its argument and its result, until the next. */
static atomic_int n_dropped;
static sem_t dropped;

static void tell_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
    sem_post(&dropped);
}

Test(executor_cpython, a_worker_that_is_idle_keeps_nothing_of_its_last_task, .timeout = LIMIT)
{
    sem_init(&dropped, 0, 0);
    sheaf_executor *executor = pool_of(1);
    for (int i = 1; i <= 10; i++) {
        sheaf_task task = {
            .run = give_back, .arg = &dropped, .drop_arg = tell_drop, .drop_result = tell_drop};
        cr_assert_eq(sheaf_executor_submit(executor, &task, NULL, NULL), SHEAF_OK);
        for (int k = 0; k < 2; k++) /* the argument, and the result that nobody takes */
            sem_wait(&dropped);
        cr_assert_eq(n_dropped, 2 * i);
    }
    sheaf_executor_destroy(executor);
}

/* A callback that ends its thread (SystemExit) left a pool of one worker dead for good. */
static void leave(sheaf_future *future, void *context)
{
    (void)future, (void)context;
    pthread_exit(NULL);
}

Test(executor_cpython, a_pool_of_one_worker_survives_a_callback_that_ends_it, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (int i = 0; i < 20; i++) {
        gate g;
        gate_init(&g);
        sheaf_future *future = submit(executor, pass_gate, &g);
        cr_assert_eq(sheaf_future_add_done_callback(future, leave, NULL, NULL), SHEAF_OK);
        gate_open(&g, 1);
        sheaf_future *next = submit(executor, give_back, executor);
        cr_assert_eq(result_of(future), &g);
        cr_assert_eq(result_of(next), executor);
        sheaf_future_release(future);
        sheaf_future_release(next);
    }
    sheaf_executor_destroy(executor);
}

/* As documented there: a task that waits for another of the same pool deadlocks. */
static sheaf_status wait_inside(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    sheaf_future *child = NULL;
    sheaf_status status = sheaf_executor_submit(arg, &(sheaf_task){.run = give_back, .arg = arg},
                                                &child, err);
    if (status == SHEAF_OK)
        status = sheaf_future_result(child, -1, result, err);
    sheaf_future_release(child);
    return status;
}

Test(executor_cpython, a_task_that_waits_for_another_of_a_pool_of_one_does_not_hang,
     .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, wait_inside, executor);
    cr_assert_eq(result_of(future), executor);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}
