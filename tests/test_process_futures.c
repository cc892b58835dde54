/*
 * The futures, the queue, the waits and the end of a process pool are those of every pool, though
 * what they stand for happens in another process.
 */
#include "tests/support_process.h"

PROCESS_TEST(process_futures, many_calls_at_once_give_each_its_own_reply, LIMIT)
{
    enum { MANY = 500 };
    static sheaf_task tasks[MANY];
    static sheaf_future *futures[MANY];
    size_t n_submitted = 0;
    sheaf_executor *executor = restarting_pool(3);
    for (int64_t i = 0; i < MANY; i++)
        tasks[i] = task_of("square", &i, sizeof i);
    cr_assert_eq(sheaf_executor_submit_many(executor, tasks, MANY, futures, &n_submitted, NULL),
                 SHEAF_OK);
    cr_assert_eq(n_submitted, MANY);
    for (int64_t i = 0; i < MANY; i++)
        cr_assert_eq(number_of(futures[i]), i * i);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_futures, futures_of_all_kinds_are_waited_for_together, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(2);
    sheaf_executor *threads = pool_of(1);
    thing result = {0};
    sheaf_future *own = bare();
    sheaf_future *all[] = {own, call_held(executor, &g), call_square(executor, 5),
                           call(threads, "echo", "x", 1)};
    bool done[4];
    result_of(all[2]);
    result_of(all[3]);
    cr_assert_eq(sheaf_wait(all, 4, 0, SHEAF_ALL_COMPLETED, done, NULL), SHEAF_ETIMEDOUT);
    cr_assert(!done[0] && !done[1] && done[2] && done[3]);
    cr_assert_eq(sheaf_wait(all, 4, -1, SHEAF_FIRST_COMPLETED, NULL, NULL), SHEAF_OK);
    sheaf_as_completed *iterator = NULL;
    sheaf_future *next = NULL;
    size_t index = 0;
    cr_assert_eq(sheaf_as_completed_open(all, 4, -1, &iterator, NULL), SHEAF_OK);
    static const size_t order[] = {2, 3, 1, 0};
    for (int i = 0; i < 4; i++) {
        if (i == 2)
            test_gate_open(&g, 1);
        if (i == 3)
            set_result(own, &result);
        cr_assert_eq(sheaf_as_completed_next(iterator, &next, &index, NULL), SHEAF_OK);
        cr_assert_eq(index, order[i]);
        sheaf_future_release(next);
    }
    cr_assert_eq(sheaf_as_completed_next(iterator, &next, &index, NULL), SHEAF_END);
    sheaf_as_completed_close(iterator);
    release_all(all, 4);
    sheaf_executor_destroy(threads);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

PROCESS_TEST(process_futures, callbacks_run_once_for_every_end, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    static thing notes[3];
    sheaf_executor *executor = restarting_pool(1);
    sheaf_future *futures[] = {call_held(executor, &g), call(executor, "fail_silently", NULL, 0),
                               call_square(executor, 3)};
    for (int i = 0; i < 3; i++)
        add_note(futures[i], &notes[i]);
    cr_assert_eq(sheaf_future_cancel(futures[0]), SHEAF_ESTATE, "it runs");
    cr_assert_eq(sheaf_future_cancel(futures[2]), SHEAF_OK, "it waits");
    cr_assert_eq(notes[2].runs, 1);
    cr_assert_eq(notes[2].runner, (int)gettid());
    test_gate_open(&g, 1);
    cr_assert_eq(sheaf_wait(futures, 3, -1, SHEAF_ALL_COMPLETED, NULL, NULL), SHEAF_OK);
    release_all(futures, 3);
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(notes[i].runs, 1);
        cr_assert_eq(notes[i].drops, 1);
    }
    test_gate_end(&g);
}

/* ---- the queue ---- */

typedef struct blocked_submit {
    sheaf_executor *executor;
    sheaf_future *future;
} blocked_submit;

static void submit_and_wait_for_room(void *arg)
{
    blocked_submit *self = arg;
    self->future = call_square(self->executor, 9);
}

PROCESS_TEST(process_futures, a_queue_with_a_limit_refuses_or_makes_wait, LIMIT)
{
    for (int policy = SHEAF_QUEUE_FULL_BLOCK; policy <= SHEAF_QUEUE_FULL_REFUSE; policy++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = process_pool((sheaf_executor_options){
            .max_workers = 1, .queue_limit = 2, .queue_full = (sheaf_queue_full)policy});
        sheaf_future *held = call_held(executor, &g);
        sheaf_future *queued[] = {call_square(executor, 7), call_square(executor, 8)};
        aside thread;
        blocked_submit blocked = {.executor = executor};
        if (policy == SHEAF_QUEUE_FULL_REFUSE)
            assert_refuses(executor, SHEAF_EAGAIN, "2 tasks wait");
        else
            aside_sleep(&thread, submit_and_wait_for_room, &blocked);
        cr_assert_eq(sheaf_executor_stats_get(executor).queued, 2);
        test_gate_open(&g, 1);
        assert_was_held(held);
        cr_assert_eq(number_of(queued[0]), 49);
        cr_assert_eq(number_of(queued[1]), 64);
        if (policy == SHEAF_QUEUE_FULL_BLOCK) {
            aside_join(&thread);
            cr_assert_eq(number_of(blocked.future), 81);
        }
        sheaf_executor_destroy(executor);
        test_gate_end(&g);
    }
}

/* ---- asked to stop ---- */

PROCESS_TEST(process_futures, a_request_to_stop_reaches_a_running_call_and_no_other, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(2);
    sheaf_future *other = call_held(executor, &g);
    for (int i = 0; i < 3; i++) {
        char stopping;
        sheaf_future *future = call(executor, "run_until_stopped", &g.path, sizeof g.path);
        await_entered(&g, 1);
        cr_assert_not(sheaf_future_done(future));
        sheaf_future_request_stop(future);
        cr_assert_str_eq(block_of(future)->bytes, "stopped");
        sheaf_future_release(future);
        take_reply(call(executor, "say_whether_stopping", NULL, 0), &stopping, 1);
        cr_assert_eq(stopping, 0, "the next call is not asked");
    }
    cr_assert_not(sheaf_future_done(other));
    test_gate_open(&g, 1);
    assert_was_held(other);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

PROCESS_TEST(process_futures, a_request_to_stop_that_came_before_the_call_began_is_passed_on, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(1);
    char stopping[3];
    sheaf_future *held = call_held(executor, &g);
    sheaf_future *futures[3];
    for (int i = 0; i < 3; i++)
        futures[i] = call(executor, "say_whether_stopping", NULL, 0);
    sheaf_future_request_stop(futures[1]);
    test_gate_open(&g, 1);
    for (int i = 0; i < 3; i++)
        take_reply(futures[i], &stopping[i], 1);
    cr_assert(!stopping[0] && stopping[1] && !stopping[2]);
    assert_was_held(held);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

/* ---- the end ---- */

PROCESS_TEST(process_futures, a_shutdown_runs_what_is_queued_or_cancels_it, LIMIT)
{
    for (int cancel = 0; cancel <= 1; cancel++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = restarting_pool(1);
        sheaf_future *held = call_held(executor, &g);
        sheaf_future *queued = call_square(executor, 4);
        cr_assert_eq(sheaf_executor_shutdown(executor, false, cancel), SHEAF_OK);
        assert_refuses(executor, SHEAF_ESHUTDOWN, "shutdown");
        cr_assert_eq(sheaf_future_cancelled(queued), cancel);
        test_gate_open(&g, 1);
        cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
        cr_assert_not(has_children(), "its processes have left");
        assert_was_held(held);
        if (cancel)
            sheaf_future_release(queued);
        else
            cr_assert_eq(number_of(queued), 16);
        sheaf_executor_destroy(executor);
        test_gate_end(&g);
    }
}

PROCESS_TEST(process_futures, statistics_count_every_call_once, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(1);
    sheaf_future *held = call_held(executor, &g);
    sheaf_future *futures[] = {call_square(executor, 1), call(executor, "fail_silently", NULL, 0),
                               call_square(executor, 2)};
    cr_assert_eq(sheaf_future_cancel(futures[2]), SHEAF_OK);
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.running, 1);
    cr_assert_eq(stats.queued, 2);
    test_gate_open(&g, 1);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.submitted, 4);
    cr_assert_eq(stats.started, 3);
    cr_assert_eq(stats.finished, 3);
    cr_assert_eq(stats.failed, 1);
    cr_assert_eq(stats.cancelled, 1);
    cr_assert_eq(stats.queued + stats.running + stats.lost, 0);
    cr_assert_eq(stats.threads, 1);
    assert_was_held(held);
    release_all(futures, 3);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}
