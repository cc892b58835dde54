/*
 * What tasks and drop functions do to the pool that they belong to: they may call it, and end it.
 */
#include "tests/support_queue.h"

static sheaf_executor *pool;
static atomic_int n_asked;

/* A drop function that needs the pool's own lock. */
static void ask_the_pool(void *result)
{
    (void)result;
    cr_assert_gt(sheaf_executor_stats_get(pool).started, 0);
    atomic_fetch_add(&n_asked, 1);
}

static sheaf_status make_result(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    *result = &n_asked;
    return SHEAF_OK;
}

/* Waits for another task of the pool, and lets its future go. */
static sheaf_status use_another(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    sheaf_future *another = *(sheaf_future **)arg;
    sheaf_status status = sheaf_future_result(another, -1, NULL, err);
    sheaf_future_release(another);
    return status;
}

/*
 * A task that was run inside another one leaves the last reference with the queue: whoever takes it
 * out of there drops its result, and must not hold the pool's lock.
 */
Test(executor_inside, a_dropped_result_may_ask_the_pool_wherever_its_task_was_run, .timeout = LIMIT)
{
    enum { ROUNDS = 5000, PAIRS = 4 };
    pool = pool_of(3);
    for (int round = 0; round < ROUNDS; round++) {
        sheaf_task tasks[2 * PAIRS];
        sheaf_future *futures[2 * PAIRS];
        for (int i = 0; i < PAIRS; i++) {
            tasks[i] = (sheaf_task){.run = use_another, .arg = &futures[PAIRS + i]};
            tasks[PAIRS + i] = (sheaf_task){.run = make_result, .drop_result = ask_the_pool};
        }
        cr_assert_eq(
            sheaf_executor_submit_many(pool, tasks, (size_t)2 * PAIRS, futures, NULL, NULL),
            SHEAF_OK);
        for (int i = 0; i < PAIRS; i++) {
            cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_OK);
            sheaf_future_release(futures[i]);
        }
    }
    sheaf_executor_destroy(pool);
    cr_assert_eq(n_asked, ROUNDS * PAIRS);
}

typedef struct held_user {
    sheaf_future *another;
    gate after;
} held_user;

static sheaf_status use_and_stay(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    held_user *self = arg;
    sheaf_status status = use_another(worker, &self->another, result, err);
    (void)pass_gate(worker, &self->after, result, NULL);
    return status;
}

Test(executor_inside, a_result_may_ask_the_pool_when_a_shutdown_drops_it, .timeout = LIMIT)
{
    gate g;
    held_user user = {0};
    gate_init(&g);
    gate_init(&user.after);
    pool = pool_of(1);
    hold_workers(pool, &g, 1);
    sheaf_task tasks[2] = {{.run = use_and_stay, .arg = &user},
                           {.run = make_result, .drop_result = ask_the_pool}};
    cr_assert_eq(sheaf_executor_submit(pool, &tasks[0], NULL, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_executor_submit(pool, &tasks[1], &user.another, NULL), SHEAF_OK);
    gate_open(&g, 1);
    sem_wait(&user.after.entered);
    cr_assert_eq(sheaf_executor_shutdown(pool, false, true), SHEAF_OK);
    gate_open(&user.after, 1);
    sheaf_executor_destroy(pool);
    cr_assert_eq(n_asked, 1);
}

Test(executor_inside, a_worker_that_replaces_a_lost_one_makes_room_for_whoever_waits,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 1, SHEAF_QUEUE_FULL_BLOCK);
    sheaf_task ends = {.run = pass_gate_and_leave, .arg = &g};
    cr_assert_eq(sheaf_executor_submit(executor, &ends, NULL, NULL), SHEAF_OK);
    sem_wait(&g.entered);
    item queued = {0};
    cr_assert_eq(submit_item(executor, &queued, NULL), SHEAF_OK);
    submitter third;
    submitter_start(&third, executor);
    gate_open(&g, 1);
    pthread_join(third.thread, NULL);
    cr_assert_eq(third.status, SHEAF_OK);
    sheaf_executor_destroy(executor);
    assert_ran(&queued, 1);
    assert_ran(&third.item, 1);
}

static sheaf_status destroy_the_pool(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    sheaf_executor_destroy(pool);
    atomic_fetch_add((atomic_int *)arg, 1);
    return SHEAF_OK;
}

Test(executor_inside, a_task_of_many_may_destroy_the_sequential_executor, .timeout = LIMIT)
{
    for (int kept = 0; kept < 2; kept++) {
        atomic_int n_ran = 0;
        sheaf_future *futures[3];
        size_t n_taken = 99;
        sheaf_error err;
        pool = pool_with((sheaf_executor_options){.size = sizeof(sheaf_executor_options),
                                                  .kind = SHEAF_EXECUTOR_SEQUENTIAL});
        sheaf_task tasks[3] = {
            {.run = destroy_the_pool, .arg = &n_ran}, {.run = give_back}, {.run = give_back}};
        cr_assert_eq(
            sheaf_executor_submit_many(pool, tasks, 3, kept ? futures : NULL, &n_taken, &err),
            SHEAF_ESHUTDOWN);
        cr_assert_eq(n_taken, 1);
        cr_assert_eq(n_ran, 1);
        if (!kept)
            continue;
        cr_assert_eq(sheaf_future_result(futures[0], 0, NULL, NULL), SHEAF_OK);
        cr_assert_null(futures[1]);
        cr_assert_null(futures[2]);
        sheaf_future_release(futures[0]);
    }
}
