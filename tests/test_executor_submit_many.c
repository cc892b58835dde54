/*
 * Many tasks submitted at once: the same as one after the other, also when not all of them are
 * taken.
 */
#include "tests/support_queue.h"

/* Tasks, and futures that hold garbage, for submit_many to replace. */
typedef struct crowd {
    item *items;
    sheaf_task *tasks;
    sheaf_future **futures;
    size_t n;
    size_t taken;
} crowd;

static char garbage;

static void crowd_init(crowd *self, size_t n)
{
    *self = (crowd){.items = calloc(n + 1, sizeof(item)),
                    .tasks = calloc(n + 1, sizeof(sheaf_task)),
                    .futures = calloc(n + 1, sizeof(sheaf_future *)),
                    .n = n,
                    .taken = SIZE_MAX};
    for (size_t i = 0; i < n; i++) {
        self->tasks[i] = task_of(&self->items[i]);
        self->futures[i] = (sheaf_future *)(void *)&garbage;
    }
}

static sheaf_status crowd_submit(crowd *self, sheaf_executor *executor)
{
    return sheaf_executor_submit_many(executor, self->tasks, self->n, self->futures, &self->taken,
                                      NULL);
}

/* The first `taken` are the executor's, the others still the caller's. */
static void assert_taken(const crowd *self, size_t taken)
{
    cr_assert_eq(self->taken, taken, "%zu were taken", self->taken);
    for (size_t i = 0; i < self->n; i++)
        cr_assert_eq(self->futures[i] != NULL, i < taken, "future %zu", i);
    assert_untouched(self->items, (int)taken, (int)self->n);
}

/* Wait for those that were taken, and see that each ran. */
static void crowd_end(crowd *self)
{
    for (size_t i = 0; i < self->taken; i++) {
        cr_assert_eq(result_of(self->futures[i]), &self->items[i]);
        sheaf_future_release(self->futures[i]);
    }
    assert_ran(self->items, (int)self->taken);
    assert_untouched(self->items, (int)self->taken, (int)self->n);
    free(self->items);
    free(self->tasks);
    free(self->futures);
}

/* ---- all are taken ---- */

Test(executor_submit_many, each_task_has_its_future_whatever_their_number, .timeout = LIMIT)
{
    static const size_t sizes[] = {0, 1, 2, 3, 31, 32, 33, 64, 65, 1000, 5000};
    for (int workers = 1; workers <= 4; workers++) {
        sheaf_executor *executor = pool_of(workers);
        for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
            crowd all;
            crowd_init(&all, sizes[s]);
            cr_assert_eq(crowd_submit(&all, executor), SHEAF_OK);
            cr_assert_eq(all.taken, sizes[s]);
            crowd_end(&all);
        }
        sheaf_executor_destroy(executor);
    }
}

/*
 * Every second task waits until the one behind it has begun. With two workers that always comes to
 * its end if, and only if, no task begins before one that was submitted earlier.
 */
static sem_t next_has_begun;

static sheaf_status wait_for_the_next(sheaf_worker *worker, void *arg, void **result,
                                      sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    if (arg)
        sem_post(&next_has_begun);
    else
        sem_wait(&next_has_begun);
    return SHEAF_OK;
}

Test(executor_submit_many, two_workers_begin_them_in_the_order_of_submission, .timeout = LIMIT)
{
    enum { ROUNDS = 200, MANY = 100 };
    sem_init(&next_has_begun, 0, 0);
    sheaf_task tasks[MANY];
    sheaf_future *futures[MANY];
    for (int i = 0; i < MANY; i++)
        tasks[i] = (sheaf_task){.run = wait_for_the_next, .arg = i % 2 ? &garbage : NULL};
    sheaf_executor *executor = pool_of(2);
    for (int round = 0; round < ROUNDS; round++) {
        cr_assert_eq(sheaf_executor_submit_many(executor, tasks, MANY, futures, NULL, NULL),
                     SHEAF_OK);
        for (int i = 0; i < MANY; i++) {
            cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_OK);
            sheaf_future_release(futures[i]);
        }
    }
    sheaf_executor_destroy(executor);
}

Test(executor_submit_many, one_worker_runs_them_in_the_order_of_submission, .timeout = LIMIT)
{
    enum { ROUNDS = 10, MANY = 7 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    hold_workers(executor, &g, 1);
    crowd all[ROUNDS];
    item alone[ROUNDS] = {0};
    for (int i = 0; i < ROUNDS; i++) { /* and one by one between them */
        crowd_init(&all[i], MANY);
        cr_assert_eq(crowd_submit(&all[i], executor), SHEAF_OK);
        cr_assert_eq(submit_item(executor, &alone[i], NULL), SHEAF_OK);
    }
    gate_open(&g, 1);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    for (int i = 0; i < ROUNDS; i++) {
        for (int k = 0; k < MANY; k++)
            cr_assert_eq(all[i].items[k].place, i * (MANY + 1) + k);
        cr_assert_eq(alone[i].place, i * (MANY + 1) + MANY);
        crowd_end(&all[i]);
    }
    sheaf_executor_destroy(executor);
}

Test(executor_submit_many, without_futures_they_run_all_the_same, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    crowd all;
    crowd_init(&all, 100);
    cr_assert_eq(sheaf_executor_submit_many(executor, all.tasks, all.n, NULL, &all.taken, NULL),
                 SHEAF_OK);
    cr_assert_eq(all.taken, 100);
    sheaf_executor_destroy(executor);
    assert_ran(all.items, 100);
    all.taken = 0;
    free(all.items);
    free(all.tasks);
    free(all.futures);
}

Test(executor_submit_many, it_starts_as_many_workers_as_one_by_one_would, .timeout = LIMIT)
{
    for (int n = 0; n <= 6; n++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_of(4);
        sheaf_task tasks[6];
        size_t taken;
        for (int i = 0; i < 6; i++)
            tasks[i] = (sheaf_task){.run = pass_gate, .arg = &g};
        cr_assert_eq(sheaf_executor_submit_many(executor, tasks, (size_t)n, NULL, &taken, NULL),
                     SHEAF_OK);
        for (int i = 0; i < n && i < 4; i++)
            sem_wait(&g.entered); /* all at the same time */
        cr_assert_eq(sheaf_executor_stats_get(executor).threads, (uint64_t)(n < 4 ? n : 4));
        gate_open(&g, n);
        sheaf_executor_destroy(executor);
        cr_assert_eq(g.passed, n);
    }
}

Test(executor_submit_many, the_kind_that_runs_them_at_once_does_so_in_order, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.kind = SHEAF_EXECUTOR_SEQUENTIAL});
    crowd all;
    crowd_init(&all, 100);
    cr_assert_eq(crowd_submit(&all, executor), SHEAF_OK);
    for (int i = 0; i < 100; i++) {
        cr_assert(sheaf_future_done(all.futures[i]));
        cr_assert_eq(all.items[i].place, i);
        cr_assert_eq(all.items[i].thread, gettid());
    }
    crowd_end(&all);
    sheaf_executor_destroy(executor);
}

/* ---- not all are taken ---- */

Test(executor_submit_many, a_pool_that_was_shut_down_takes_none, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    crowd all;
    sheaf_error err;
    crowd_init(&all, 5);
    cr_assert_eq(
        sheaf_executor_submit_many(executor, all.tasks, all.n, all.futures, &all.taken, &err),
        SHEAF_ESHUTDOWN);
    cr_assert_eq(err.status, SHEAF_ESHUTDOWN);
    assert_taken(&all, 0);
    crowd_end(&all);
    sheaf_executor_destroy(executor);
}

Test(executor_submit_many, a_full_queue_that_refuses_takes_the_first_ones, .timeout = LIMIT)
{
    for (size_t waiting = 0; waiting <= 3; waiting++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = limited(1, 3, SHEAF_QUEUE_FULL_REFUSE);
        hold_workers(executor, &g, 1);
        for (size_t i = 0; i < waiting; i++)
            sheaf_future_release(submit(executor, give_back, NULL));
        crowd all;
        crowd_init(&all, 10);
        cr_assert_eq(crowd_submit(&all, executor), SHEAF_EAGAIN);
        assert_taken(&all, 3 - waiting);
        gate_open(&g, 1);
        crowd_end(&all);
        sheaf_executor_destroy(executor);
    }
}

Test(executor_submit_many, a_task_without_a_function_is_refused_and_leaves_no_half_done_thing,
     .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    crowd all;
    crowd_init(&all, 6);
    all.tasks[4].run = NULL;
    cr_assert_eq(crowd_submit(&all, executor), SHEAF_EINVAL);
    cr_assert_leq(all.taken, 4);
    size_t taken = all.taken;
    for (size_t i = 0; i < 6; i++)
        cr_assert_eq(all.futures[i] != NULL, i < taken, "future %zu", i);
    crowd_end(&all);
    sheaf_executor_destroy(executor);
}

/* A thread that submits many, and has to wait for room between them. */
typedef struct patient {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    crowd crowd;
    sheaf_status status;
} patient;

static void *patient_main(void *arg)
{
    patient *self = arg;
    about_to_sleep(&self->sleeper);
    self->status = crowd_submit(&self->crowd, self->executor);
    came_back(&self->sleeper);
    return NULL;
}

/* Comes back when the thread has filled the queue, and sleeps. */
static void patient_start(patient *self, sheaf_executor *executor, size_t n, uint64_t queued)
{
    *self = (patient){.executor = executor};
    crowd_init(&self->crowd, n);
    cr_assert_eq(pthread_create(&self->thread, NULL, patient_main, self), 0);
    while (sheaf_executor_stats_get(executor).queued < queued)
        sched_yield();
    cr_assert(await_sleep(&self->sleeper), "it does not wait for room: %d", self->status);
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, queued);
}

Test(executor_submit_many, who_waits_for_room_submits_the_rest_as_it_comes, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 3, SHEAF_QUEUE_FULL_BLOCK);
    hold_workers(executor, &g, 1);
    patient one;
    patient_start(&one, executor, 200, 3);
    gate_open(&g, 1);
    pthread_join(one.thread, NULL);
    cr_assert_eq(one.status, SHEAF_OK);
    cr_assert_eq(one.crowd.taken, 200);
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 200; i++)
        cr_assert_eq(one.crowd.items[i].place, i);
    crowd_end(&one.crowd);
}

Test(executor_submit_many, a_shutdown_meanwhile_leaves_the_rest_with_the_caller, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 3, SHEAF_QUEUE_FULL_BLOCK);
    hold_workers(executor, &g, 1);
    patient one;
    patient_start(&one, executor, 10, 3);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    pthread_join(one.thread, NULL); /* while the worker is still held */
    cr_assert_eq(one.status, SHEAF_ESHUTDOWN);
    assert_taken(&one.crowd, 3);
    gate_open(&g, 1);
    crowd_end(&one.crowd);
    sheaf_executor_destroy(executor);
}

Test(executor_submit_many, the_caller_runs_those_that_find_no_room, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 3, SHEAF_QUEUE_FULL_CALLER_RUNS);
    hold_workers(executor, &g, 1);
    crowd all;
    crowd_init(&all, 10);
    cr_assert_eq(crowd_submit(&all, executor), SHEAF_OK);
    assert_taken(&all, 10);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(sheaf_future_done(all.futures[i]), i >= 3, "task %d", i);
    for (int i = 3; i < 10; i++) {
        cr_assert_eq(all.items[i].thread, gettid());
        cr_assert_eq(all.items[i].index, 1);
        cr_assert_eq(all.items[i].place, i - 3);
    }
    gate_open(&g, 1);
    crowd_end(&all);
    sheaf_executor_destroy(executor);
}

typedef struct parent {
    sheaf_executor *executor;
    crowd crowd;
    sheaf_status status;
    bool done[10];
} parent;

static sheaf_status submit_a_crowd(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    parent *self = arg;
    self->status = crowd_submit(&self->crowd, self->executor);
    for (int i = 0; i < 10; i++)
        self->done[i] = self->crowd.futures[i] && sheaf_future_done(self->crowd.futures[i]);
    return SHEAF_OK;
}

Test(executor_submit_many, a_worker_of_the_pool_runs_those_that_find_no_room, .timeout = LIMIT)
{
    parent all = {.executor = limited(1, 3, SHEAF_QUEUE_FULL_BLOCK)};
    crowd_init(&all.crowd, 10);
    sheaf_future *future = submit(all.executor, submit_a_crowd, &all);
    result_of(future);
    cr_assert_eq(all.status, SHEAF_OK);
    cr_assert_eq(all.crowd.taken, 10);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(all.done[i], i >= 3, "task %d", i);
    sheaf_future_release(future);
    crowd_end(&all.crowd);
    sheaf_executor_destroy(all.executor);
}
