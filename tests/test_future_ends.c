/*
 * How futures end before their time, and what they leave: one is cancelled, in one step or in two;
 * a task that runs is asked to stop; an argument or a result is dropped, once, by a known thread.
 */
#include "tests/support_futures.h"

/* ---- cancelling ---- */

static bool is_final(sheaf_future *future)
{
    bool final = false;
    sheaf_status status = sheaf_wait(&future, 1, 0, SHEAF_ALL_COMPLETED, &final, NULL);
    cr_assert_eq(status, final ? SHEAF_OK : SHEAF_ETIMEDOUT);
    return final;
}

Test(future_ends, made_by_hand_is_cancelled_in_two_steps, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
    assert_is(future, CANCELLED);
    cr_assert_not(is_final(future), "who was to run it does not know yet");
    cr_assert_eq(sheaf_future_set_running_or_notify_cancel(future), SHEAF_ECANCELLED);
    assert_is(future, NOTIFIED);
    cr_assert(is_final(future));
    sheaf_future_release(future);
}

typedef struct canceller {
    sheaf_future *future;
    atomic_bool *go;
} canceller;

static void cancel_on_go(void *arg)
{
    canceller *self = arg;
    while (!atomic_load(self->go)) {
    }
    sheaf_future_cancel(self->future);
}

Test(future_ends, that_is_cancelled_while_another_thread_begins_it_ends_as_that_thread_was_told,
     .timeout = LIMIT)
{
    for (int i = 0; i < 2000; i++) {
        thing result = {0};
        atomic_bool go = false;
        aside thread;
        canceller self = {.future = bare(), .go = &go};
        aside_start(&thread, cancel_on_go, &self);
        atomic_store(&go, true);
        for (volatile int spin = 0; spin < i % 50 * 10; spin++) {
        }
        sheaf_status told = sheaf_future_set_running_or_notify_cancel(self.future);
        aside_join(&thread);
        assert_is(self.future, told == SHEAF_OK ? RUNNING : NOTIFIED);
        if (told == SHEAF_OK)
            set_result(self.future, &result);
        cr_assert(is_final(self.future));
        sheaf_future_release(self.future);
    }
}

Test(future_ends, of_a_queued_task_is_cancelled_in_one_step, .timeout = LIMIT)
{
    held_pool pool;
    thing arg = {0};
    thing context = {0};
    held_pool_init(&pool);
    sheaf_future *queued = submit_task(
        pool.executor, (sheaf_task){.run = give_back, .arg = &arg, .drop_arg = drop_thing});
    add_note(queued, &context);
    cr_assert_eq(sheaf_executor_stats_get(pool.executor).queued, 1);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    assert_is(queued, NOTIFIED); /* and its worker is at the gate all the time */
    cr_assert(is_final(queued));
    cr_assert_eq(context.runs, 1);
    cr_assert_eq(arg.drops, 1);
    cr_assert_eq(arg.dropper, (int)gettid(), "by who cancels");
    cr_assert_eq(sheaf_executor_stats_get(pool.executor).queued, 0);
    cr_assert_eq(sheaf_executor_stats_get(pool.executor).cancelled, 1);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK, "again");
    cr_assert_eq(context.runs, 1);
    sheaf_future_release(queued);
    held_pool_end(&pool);
    cr_assert_eq(arg.drops, 1);
}

Test(future_ends, that_was_cancelled_never_runs_and_those_around_it_do, .timeout = LIMIT)
{
    enum { N = 9 };
    held_pool pool;
    sheaf_future *futures[N];
    held_pool_init(&pool);
    for (int i = 0; i < N; i++)
        futures[i] = submit(pool.executor, give_back, &futures[i]);
    for (int i = 0; i < N; i += 4) /* the first, one in the middle, the last */
        cr_assert_eq(sheaf_future_cancel(futures[i]), SHEAF_OK);
    gate_open(&pool.gate, 1);
    for (int i = 0; i < N; i++) {
        void *result = NULL;
        cr_assert_eq(sheaf_future_result(futures[i], -1, &result, NULL),
                     i % 4 == 0 ? SHEAF_ECANCELLED : SHEAF_OK, "%d", i);
        cr_assert_eq(result, i % 4 == 0 ? NULL : &futures[i]);
    }
    cr_assert_eq(sheaf_executor_stats_get(pool.executor).started, 1 + N - 3);
    release_all(futures, N);
    held_pool_end(&pool);
}

static sheaf_status come_to_the_gate(sheaf_worker *worker, void *init_arg, sheaf_error *err)
{
    void *nothing;
    return pass_gate(worker, init_arg, &nothing, err);
}

Test(future_ends, handed_to_a_worker_that_is_only_starting_can_still_be_cancelled, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    thing arg = {0};
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .initializer = come_to_the_gate, .init_arg = &g};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    sheaf_future *handed = submit_task(
        executor, (sheaf_task){.run = give_back, .arg = &arg, .drop_arg = drop_thing});
    sem_wait(&g.entered); /* the worker is in its initializer */
    cr_assert_eq(sheaf_future_cancel(handed), SHEAF_OK);
    assert_is(handed, NOTIFIED);
    cr_assert_eq(arg.drops, 1);
    sheaf_future *next = submit(executor, give_back, &g);
    gate_open(&g, 1);
    cr_assert_eq(result_of(next), &g, "the worker has lost nothing");
    sheaf_future_release(handed);
    sheaf_future_release(next);
    sheaf_executor_destroy(executor);
    cr_assert_eq(arg.drops, 1);
}

Test(future_ends, is_cancelled_as_quickly_in_a_long_queue, .timeout = LIMIT)
{
    enum { N = 200000 }; /* to look for each in the queue would take minutes */
    held_pool pool;
    held_pool_init(&pool);
    sheaf_future **futures = calloc(N, sizeof *futures);
    for (int i = 0; i < N; i++)
        futures[i] = submit(pool.executor, give_back, NULL);
    for (int i = 0; i < N; i++) /* from the middle, outwards to both sides */
        sheaf_future_cancel(futures[i % 2 ? N / 2 + i / 2 : N / 2 - 1 - i / 2]);
    cr_assert_eq(sheaf_executor_stats_get(pool.executor).queued, 0);
    release_all(futures, N);
    free(futures);
    held_pool_end(&pool);
}

static sheaf_status note_task(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = arg;
    atomic_fetch_add(&((thing *)arg)->runs, 1);
    return SHEAF_OK;
}

Test(future_ends, that_is_cancelled_while_it_begins_is_either_cancelled_or_runs, .timeout = LIMIT)
{
    enum { N = 3000 };
    static thing args[N];
    sheaf_executor *executor = pool_of(2);
    int cancelled = 0;
    for (int i = 0; i < N; i++) {
        sheaf_future *future = submit_task(
            executor, (sheaf_task){.run = note_task, .arg = &args[i], .drop_arg = drop_thing});
        for (volatile int spin = 0; spin < i % 100 * 30; spin++) {
        }
        sheaf_status status = sheaf_future_cancel(future);
        cr_assert(status == SHEAF_OK || status == SHEAF_ESTATE);
        cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL),
                     status == SHEAF_OK ? SHEAF_ECANCELLED : SHEAF_OK);
        cr_assert_eq(args[i].runs, status == SHEAF_ESTATE, "task %d", i);
        cr_assert_eq(args[i].drops, 1, "task %d", i);
        cancelled += status == SHEAF_OK;
        sheaf_future_release(future);
    }
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.cancelled, (uint64_t)cancelled);
    sheaf_executor_destroy(executor);
}

/* ---- asking to stop ---- */

typedef struct stoppable {
    gate gate;
    sheaf_status status; /* to end with */
    bool before, after;  /* whether it was to stop, in front of the gate and behind it */
} stoppable;

static sheaf_status see_stop(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    stoppable *self = arg;
    self->before = sheaf_worker_stopping(worker);
    pass_gate(worker, &self->gate, result, err);
    while (!self->before && !sheaf_worker_stopping(worker))
        sched_yield();
    self->after = sheaf_worker_stopping(worker);
    return self->status < 0 ? sheaf_error_set(err, self->status, "stopped") : SHEAF_OK;
}

Test(future_ends, that_runs_can_be_asked_to_stop_and_ends_as_it_likes, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (int i = 0; i < 2; i++) {
        stoppable task = {.status = i == 0 ? SHEAF_OK : SHEAF_ECANCELLED};
        sheaf_error of_task;
        gate_init(&task.gate);
        sheaf_future *future = submit(executor, see_stop, &task);
        sem_wait(&task.gate.entered);
        sheaf_future_request_stop(future);
        sheaf_future_request_stop(future);
        assert_is(future, RUNNING);
        cr_assert_eq(sheaf_future_cancel(future), SHEAF_ESTATE);
        gate_open(&task.gate, 1);
        cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), task.status);
        cr_assert_eq(sheaf_future_error(future, -1, &of_task), SHEAF_OK);
        cr_assert_eq(of_task.status, task.status);
        assert_is(future, i == 0 ? FINISHED : FAILED);
        cr_assert_not(task.before, "the task before it was asked, not this one");
        cr_assert(task.after);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

Test(future_ends, that_waits_can_be_asked_to_stop_and_runs_all_the_same, .timeout = LIMIT)
{
    held_pool pool;
    stoppable task = {0};
    held_pool_init(&pool);
    gate_init(&task.gate);
    gate_open(&task.gate, 1);
    sheaf_future *queued = submit(pool.executor, see_stop, &task);
    sheaf_future_request_stop(queued);
    assert_is(queued, PENDING);
    gate_open(&pool.gate, 1);
    result_of(queued);
    cr_assert(task.before);
    sheaf_future_release(queued);
    held_pool_end(&pool);
}

Test(future_ends, made_by_hand_or_done_may_be_asked_to_stop_without_effect, .timeout = LIMIT)
{
    for (kind k = 0; k < KINDS; k++) {
        thing result = {0};
        sheaf_future *future = bare();
        bring_to(future, k, &result);
        sheaf_future_request_stop(future);
        assert_is(future, k);
        assert_gives(future, k, &result, "failed");
        sheaf_future_release(future);
    }
}

typedef struct parent {
    sheaf_executor *executor;
    gate gate;
    bool child_stops, stops;
} parent;

static sheaf_status see_no_stop(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)result, (void)err;
    ((parent *)arg)->child_stops = sheaf_worker_stopping(worker);
    return SHEAF_OK;
}

static sheaf_status run_child_inside(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    parent *self = arg;
    pass_gate(worker, &self->gate, result, err);
    sheaf_future *child = submit(self->executor, see_no_stop, self);
    sheaf_status status = sheaf_future_result(child, -1, NULL, err);
    sheaf_future_release(child);
    self->stops = sheaf_worker_stopping(worker);
    return status;
}

Test(future_ends, asked_to_stop_does_not_stop_the_tasks_that_run_inside, .timeout = LIMIT)
{
    parent all = {.executor = pool_of(1)};
    gate_init(&all.gate);
    sheaf_future *future = submit(all.executor, run_child_inside, &all);
    sem_wait(&all.gate.entered);
    sheaf_future_request_stop(future);
    gate_open(&all.gate, 1);
    result_of(future);
    cr_assert_not(all.child_stops);
    cr_assert(all.stops, "it was asked itself, and knows it still");
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
}

/* ---- what is dropped, when, and by whom ---- */

Test(future_ends, drops_its_result_once_with_the_last_reference, .timeout = LIMIT)
{
    thing result = {0};
    sheaf_future *future = bare();
    set_result(future, &result);
    for (int i = 0; i < 10; i++)
        cr_assert_eq(sheaf_future_retain(future), future);
    for (int i = 0; i < 10; i++)
        sheaf_future_release(future);
    cr_assert_eq(result.drops, 0);
    sheaf_future_release(future);
    cr_assert_eq(result.drops, 1);
    sheaf_future_release(NULL);
}

Test(future_ends, without_a_result_drops_none, .timeout = LIMIT)
{
    held_pool pool;
    thing arg = {0};
    held_pool_init(&pool);
    sheaf_future *queued = submit_task(
        pool.executor, (sheaf_task){.run = give_back, .arg = &arg, .drop_result = drop_thing});
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    sheaf_future_release(queued);
    for (kind k = 0; k < KINDS; k++) {
        if (k == FINISHED)
            continue;
        sheaf_future *future = bare(); /* to drop NULL would crash */
        bring_to(future, k, NULL);
        sheaf_future_release(future);
    }
    held_pool_end(&pool);
    cr_assert_eq(arg.drops, 0);
}

static sheaf_status tell_thread(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    atomic_store(&((thing *)arg)->runner, (int)gettid());
    *result = arg;
    return SHEAF_OK;
}

Test(future_ends, that_everybody_released_runs_and_its_worker_drops_the_result, .timeout = LIMIT)
{
    held_pool pool;
    thing result[2] = {{0}};
    held_pool_init(&pool);
    sheaf_task task = {.run = tell_thread, .arg = &result[0], .drop_result = drop_thing};
    sheaf_future_release(submit_task(pool.executor, task));
    task.arg = &result[1];
    cr_assert_eq(sheaf_executor_submit(pool.executor, &task, NULL, NULL), SHEAF_OK);
    held_pool_end(&pool);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(result[i].drops, 1);
        cr_assert_neq(result[i].runner, (int)gettid());
        cr_assert_eq(result[i].dropper, result[i].runner);
    }
}

Test(future_ends, of_a_pool_has_its_argument_dropped_once_by_who_ends_it, .timeout = LIMIT)
{
    held_pool pool;
    thing args[3] = {{0}};
    sheaf_future *futures[3];
    held_pool_init(&pool);
    sheaf_task task = {.run = tell_thread, .drop_arg = drop_thing};
    for (int i = 0; i < 2; i++) {
        task.arg = &args[i];
        futures[i] = submit_task(pool.executor, task);
    }
    task.arg = &args[2];
    cr_assert_eq(sheaf_executor_shutdown(pool.executor, false, true), SHEAF_OK);
    cr_assert_eq(args[0].drops + args[1].drops, 2);
    cr_assert(args[0].dropper == (int)gettid() && args[1].dropper == (int)gettid());
    cr_assert_eq(sheaf_executor_submit(pool.executor, &task, &futures[2], NULL), SHEAF_ESHUTDOWN);
    cr_assert_eq(args[2].drops, 0, "what is refused stays with the caller");
    release_all(futures, 2);
    held_pool_end(&pool);

    sheaf_executor *executor = pool_of(1);
    futures[2] = submit_task(executor, task);
    result_of(futures[2]);
    cr_assert_eq(args[2].drops, 1, "before its result is seen");
    cr_assert_eq(args[2].dropper, args[2].runner, "by the worker");
    sheaf_future_release(futures[2]);
    sheaf_executor_destroy(executor);
    cr_assert_eq(args[0].drops + args[1].drops + args[2].drops, 3);
}

/* A drop function that needs every lock there is, in a thread that could not have one already. */
typedef struct curious {
    sheaf_executor *executor;
    sheaf_future *other;
    atomic_int looks;
} curious;

static void look_around(void *arg)
{
    curious *self = arg;
    (void)sheaf_executor_stats_get(self->executor);
    (void)!sheaf_future_result(self->other, 0, NULL, NULL);
    sheaf_future_release(sheaf_future_retain(self->other));
    sheaf_future *extra = NULL;
    sheaf_task task = {.run = give_back};
    if (sheaf_executor_submit(self->executor, &task, &extra, NULL) == SHEAF_OK)
        sheaf_future_cancel(extra);
    sheaf_future_release(extra);
    atomic_fetch_add(&self->looks, 1);
}

static void drop_and_look(void *arg)
{
    aside elsewhere;
    look_around(arg);
    aside_start(&elsewhere, look_around, arg);
    aside_join(&elsewhere);
}

Test(future_ends, drops_whatever_it_drops_without_a_lock, .timeout = LIMIT)
{
    held_pool pool;
    held_pool_init(&pool);
    curious object = {.executor = pool.executor, .other = pool.running};
    sheaf_task task = {.run = give_back, .arg = &object, .drop_arg = drop_and_look};
    sheaf_future *futures[3];
    for (int i = 0; i < 3; i++) {
        task.drop_result = i == 2 ? drop_and_look : NULL;
        futures[i] = submit_task(pool.executor, task);
    }
    cr_assert_eq(sheaf_future_cancel(futures[0]), SHEAF_OK);
    cr_assert_eq(object.looks, 2);
    gate_open(&pool.gate, 1);
    result_of(futures[2]);
    cr_assert_eq(object.looks, 6, "both arguments of those that ran");
    cr_assert_eq(sheaf_executor_shutdown(pool.executor, true, false), SHEAF_OK);
    sheaf_future_release(futures[2]); /* the worker has gone, and its reference with it */
    cr_assert_eq(object.looks, 8, "and the result of the last");
    task.drop_result = NULL;
    cr_assert_eq(sheaf_executor_submit(pool.executor, &task, NULL, NULL), SHEAF_ESHUTDOWN);
    cr_assert_eq(object.looks, 8, "what is refused is not dropped");
    release_all(futures, 2);
    held_pool_end(&pool);
}
