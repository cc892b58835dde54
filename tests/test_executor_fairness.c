/*
 * Tasks that wait behind one that runs. A busy worker may take several tasks from the queue at
 * once; nobody must be able to tell: whatever waits is run by the next worker that is free, can be
 * cancelled, is seen to by a shutdown, and comes in its turn.
 */
#include "tests/support_queue.h"

enum { WAITING = 24 };

/*
 * A pool whose workers all exist and are busy; in its queue a task that blocks, and others behind
 * it. Then one worker is let go, and begins the task that blocks.
 */
typedef struct scene {
    sheaf_executor *executor;
    gate first;    /* where the worker that is let go stands at first */
    gate others;   /* where the others do */
    gate blocking; /* where the task that blocks does */
    sheaf_future *blocks;
    item items[WAITING];
    sheaf_future *futures[WAITING];
} scene;

static void set_scene(scene *self, sheaf_executor *executor, int workers, sheaf_task blocking)
{
    memset(self, 0, sizeof *self);
    self->executor = executor;
    gate_init(&self->first);
    gate_init(&self->others);
    gate_init(&self->blocking);
    if (!blocking.run)
        blocking = (sheaf_task){.run = pass_gate, .arg = &self->blocking};
    hold_workers(executor, &self->first, 1);
    hold_workers(executor, &self->others, workers - 1);
    cr_assert_eq(sheaf_executor_submit(executor, &blocking, &self->blocks, NULL), SHEAF_OK);
    for (int i = 0; i < WAITING; i++)
        cr_assert_eq(submit_item(executor, &self->items[i], &self->futures[i]), SHEAF_OK);
    gate_open(&self->first, 1);
}

static void end_scene(scene *self)
{
    gate_open(&self->blocking, 1);
    gate_open(&self->others, 10);
    sheaf_future_release(self->blocks);
    for (int i = 0; i < WAITING; i++)
        sheaf_future_release(self->futures[i]);
    sheaf_executor_destroy(self->executor);
}

Test(executor_fairness, a_task_that_blocks_holds_up_none_behind_it_while_a_worker_is_free,
     .timeout = LIMIT)
{
    for (int workers = 2; workers <= 4; workers++) {
        scene s;
        set_scene(&s, pool_of(workers), workers, (sheaf_task){0});
        sem_wait(&s.blocking.entered);
        gate_open(&s.others, 1);
        for (int i = 0; i < WAITING; i++)
            cr_assert_eq(result_of(s.futures[i]), &s.items[i]);
        cr_assert_not(sheaf_future_done(s.blocks));
        end_scene(&s);
        assert_ran(s.items, WAITING);
    }
}

Test(executor_fairness, all_that_waits_is_counted_as_queued, .timeout = LIMIT)
{
    scene s;
    set_scene(&s, pool_of(2), 2, (sheaf_task){0});
    sem_wait(&s.blocking.entered);
    sheaf_executor_stats stats = sheaf_executor_stats_get(s.executor);
    cr_assert_eq(stats.queued, WAITING);
    cr_assert_eq(stats.running, 2);
    cr_assert_eq(stats.idle, 0);
    end_scene(&s);
    assert_ran(s.items, WAITING);
}

Test(executor_fairness, all_that_waits_can_be_cancelled, .timeout = LIMIT)
{
    scene s;
    set_scene(&s, pool_of(2), 2, (sheaf_task){0});
    sem_wait(&s.blocking.entered);
    for (int i = 0; i < WAITING; i += 2) {
        cr_assert_eq(sheaf_future_cancel(s.futures[i]), SHEAF_OK, "task %d", i);
        cr_assert_eq(sheaf_future_get_state(s.futures[i]), SHEAF_FUTURE_NOTIFIED);
        cr_assert_eq(s.items[i].dropped, 1);
    }
    cr_assert_eq(sheaf_executor_stats_get(s.executor).queued, WAITING / 2);
    gate_open(&s.others, 1);
    for (int i = 1; i < WAITING; i += 2)
        cr_assert_eq(result_of(s.futures[i]), &s.items[i]);
    end_scene(&s);
    for (int i = 0; i < WAITING; i++) {
        cr_assert_eq(s.items[i].ran, i % 2);
        cr_assert_eq(s.items[i].dropped, 1);
    }
}

Test(executor_fairness, a_shutdown_cancels_all_that_waits, .timeout = LIMIT)
{
    scene s;
    set_scene(&s, pool_of(2), 2, (sheaf_task){0});
    sem_wait(&s.blocking.entered);
    cr_assert_eq(sheaf_executor_shutdown(s.executor, false, true), SHEAF_OK);
    for (int i = 0; i < WAITING; i++) {
        cr_assert_eq(sheaf_future_result(s.futures[i], 0, NULL, NULL), SHEAF_ECANCELLED);
        cr_assert_eq(s.items[i].dropped, 1);
        cr_assert_eq(s.items[i].ran, 0);
    }
    gate_open(&s.blocking, 1);
    cr_assert_eq(result_of(s.blocks), &s.blocking);
    end_scene(&s);
}

Test(executor_fairness, a_shutdown_that_waits_runs_all_that_waits, .timeout = LIMIT)
{
    scene s;
    set_scene(&s, pool_of(2), 2, (sheaf_task){0});
    sem_wait(&s.blocking.entered);
    cr_assert_eq(sheaf_executor_shutdown(s.executor, false, false), SHEAF_OK);
    gate_open(&s.others, 1);
    for (int i = 0; i < WAITING; i++)
        cr_assert_eq(result_of(s.futures[i]), &s.items[i]);
    end_scene(&s);
    assert_ran(s.items, WAITING);
}

static gate second;

static sheaf_status refuse_the_second(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)arg;
    if (sheaf_worker_index(worker) == 0)
        return SHEAF_OK;
    sem_wait(&second.open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no second parser");
}

Test(executor_fairness, a_pool_that_breaks_fails_all_that_waits, .timeout = LIMIT)
{
    gate_init(&second);
    gate first;
    gate blocking;
    gate_init(&first);
    gate_init(&blocking);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 2, .initializer = refuse_the_second});
    hold_workers(executor, &first, 1);
    item handed = {0}; /* to the second worker, which stays in its initializer */
    cr_assert_eq(submit_item(executor, &handed, NULL), SHEAF_OK);
    sheaf_future *blocks = submit(executor, pass_gate, &blocking);
    item items[WAITING] = {0};
    sheaf_future *futures[WAITING];
    for (int i = 0; i < WAITING; i++)
        cr_assert_eq(submit_item(executor, &items[i], &futures[i]), SHEAF_OK);
    gate_open(&first, 1);
    sem_wait(&blocking.entered);
    gate_open(&second, 1);
    for (int i = 0; i < WAITING; i++) {
        cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_EBROKEN);
        cr_assert_eq(items[i].ran, 0);
        cr_assert_eq(items[i].dropped, 1);
        sheaf_future_release(futures[i]);
    }
    gate_open(&blocking, 1);
    cr_assert_eq(result_of(blocks), &blocking);
    sheaf_future_release(blocks);
    sheaf_executor_destroy(executor);
    cr_assert_eq(handed.dropped, 1);
}

static sheaf_status leave(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)result, (void)err;
    pthread_exit(NULL);
}

Test(executor_fairness, what_waits_behind_a_task_that_ends_its_worker_runs_in_its_turn,
     .timeout = LIMIT)
{
    scene s;
    set_scene(&s, pool_of(1), 1, (sheaf_task){.run = leave});
    cr_assert_eq(sheaf_future_result(s.blocks, -1, NULL, NULL), SHEAF_EWORKER);
    for (int i = 0; i < WAITING; i++)
        cr_assert_eq(result_of(s.futures[i]), &s.items[i]);
    for (int i = 0; i < WAITING; i++)
        cr_assert_eq(s.items[i].place, i);
    end_scene(&s);
    assert_ran(s.items, WAITING);
}

/* A task that waits for those behind it, the last one first. */
static sheaf_status wait_for_those_behind(sheaf_worker *worker, void *arg, void **result,
                                          sheaf_error *err)
{
    (void)worker, (void)result;
    scene *self = arg;
    sheaf_status status = SHEAF_OK;
    for (int i = WAITING - 1; i >= 0 && status == SHEAF_OK; i--)
        status = sheaf_future_result(self->futures[i], -1, NULL, err);
    return status;
}

Test(executor_fairness, a_task_may_wait_for_any_that_waits_behind_it, .timeout = LIMIT)
{
    for (int workers = 1; workers <= 3; workers++) { /* the others stay busy */
        scene s;
        set_scene(&s, pool_of(workers), workers,
                  (sheaf_task){.run = wait_for_those_behind, .arg = &s});
        cr_assert_eq(sheaf_future_result(s.blocks, -1, NULL, NULL), SHEAF_OK);
        end_scene(&s);
        assert_ran(s.items, WAITING);
    }
}

Test(executor_fairness, tasks_of_one_worker_run_in_order_whatever_was_cancelled_between,
     .timeout = LIMIT)
{
    enum { N = 300 };
    static item items[N];
    sheaf_future *futures[N];
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    hold_workers(executor, &g, 1);
    for (int i = 0; i < N; i++)
        cr_assert_eq(submit_item(executor, &items[i], &futures[i]), SHEAF_OK);
    for (int i = 0; i < N; i += 3)
        cr_assert_eq(sheaf_future_cancel(futures[i]), SHEAF_OK);
    gate_open(&g, 1);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    for (int i = 0, place = 0; i < N; i++) {
        cr_assert_eq(items[i].ran, i % 3 ? 1 : 0);
        cr_assert(i % 3 == 0 || items[i].place == place++);
        cr_assert_eq(items[i].dropped, 1);
        sheaf_future_release(futures[i]);
    }
    sheaf_executor_destroy(executor);
}
