/*
 * Callbacks and tasks that end the thread they run in by pthread_exit(): one worker is lost and
 * replaced, and nothing else is.
 */
#include "tests/support_futures.h"

static atomic_int n_logged;

static void log_line(void *arg, const char *message)
{
    (void)arg;
    if (message && *message)
        atomic_fetch_add(&n_logged, 1);
}

static sheaf_executor *logging_pool(void)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 1, .log = log_line};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static void end_thread_in_callback(sheaf_future *future, void *context)
{
    note_run(future, context);
    pthread_exit(NULL);
}

/* Nothing is lost but so many workers, and that is known. */
static void end_logging_pool(sheaf_executor *executor, uint64_t least, uint64_t most)
{
    sheaf_future *future = submit(executor, give_back, executor);
    cr_assert_eq(result_of(future), executor, "the pool goes on");
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert(stats.lost >= least && stats.lost <= most, "%d were lost", (int)stats.lost);
    cr_assert_geq(n_logged, (int)stats.lost, "the log is told");
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(lost_worker, by_a_callback_is_all_that_is_lost, .timeout = LIMIT)
{
    enum { N = 5 };
    gate g;
    atomic_int clock = 0;
    thing notes[N];
    sheaf_executor *executor = logging_pool();
    gate_init(&g);
    sheaf_future *future = submit(executor, pass_gate, &g);
    sheaf_future *queued = submit(executor, give_back, &g);
    for (int i = 0; i < N; i++) {
        notes[i] = (thing){.clock = &clock};
        cr_assert_eq(sheaf_future_add_done_callback(
                         future, i == 2 ? end_thread_in_callback : note_run, &notes[i], drop_thing),
                     SHEAF_OK);
    }
    gate_open(&g, 1);
    cr_assert_eq(result_of(queued), &g, "what was queued behind it runs, in another worker");
    cr_assert_eq(result_of(future), &g, "it was finished before");
    end_logging_pool(executor, 1, 1);
    assert_ran_in_order(notes, N);
    sheaf_future_release(future);
    sheaf_future_release(queued);
}

Test(lost_worker, by_each_of_many_callbacks_keeps_none_of_them_from_running, .timeout = LIMIT)
{
    enum { N = 10 };
    gate g;
    atomic_int clock = 0;
    thing notes[N];
    sheaf_executor *executor = logging_pool();
    gate_init(&g);
    sheaf_future *future = submit(executor, pass_gate, &g);
    for (int i = 0; i < N; i++) {
        notes[i] = (thing){.clock = &clock};
        cr_assert_eq(
            sheaf_future_add_done_callback(future, end_thread_in_callback, &notes[i], drop_thing),
            SHEAF_OK);
    }
    gate_open(&g, 1);
    cr_assert_eq(result_of(future), &g);
    end_logging_pool(executor, 1, N); /* with one worker, or with one each */
    assert_ran_in_order(notes, N);
    sheaf_future_release(future);
}

Test(lost_worker, is_what_a_task_that_ends_its_thread_fails_with, .timeout = LIMIT)
{
    gate g;
    thing note = {0};
    waiter waiting;
    sheaf_error err, of_task;
    sheaf_executor *executor = logging_pool();
    gate_init(&g);
    sheaf_future *lost = submit(executor, pass_gate_and_leave, &g);
    add_note(lost, &note);
    sheaf_future *both[] = {lost, submit(executor, pass_gate, &g)};
    waiter_start(&waiting, lost);
    gate_open(&g, 1);
    pthread_join(waiting.thread, NULL);
    cr_assert_eq(waiting.status, SHEAF_EWORKER);
    cr_assert_eq(sheaf_wait(both, 2, -1, SHEAF_FIRST_EXCEPTION, NULL, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(lost, -1, NULL, &err), SHEAF_EWORKER);
    cr_assert_eq(err.status, SHEAF_EWORKER);
    cr_assert_str_not_empty(err.message);
    cr_assert_eq(sheaf_future_error(lost, -1, &of_task), SHEAF_OK);
    cr_assert_eq(of_task.status, SHEAF_EWORKER);
    cr_assert_eq(sheaf_future_get_state(lost), SHEAF_FUTURE_FINISHED);
    gate_open(&g, 1);
    cr_assert_eq(result_of(both[1]), &g);
    end_logging_pool(executor, 1, 1);
    cr_assert_eq(note.runs, 1);
    release_all(both, 2);
}

static sheaf_status leave_result_and_end_thread(sheaf_worker *worker, void *arg, void **result,
                                                sheaf_error *err)
{
    (void)worker, (void)err;
    *result = (thing *)arg + 1;
    pthread_exit(NULL);
}

Test(lost_worker, has_its_argument_and_its_result_dropped_once, .timeout = LIMIT)
{
    enum { N = 10 };
    thing things[N][2] = {{{0}}}; /* an argument and a result each */
    sheaf_future *futures[N];
    sheaf_executor *executor = logging_pool();
    for (int i = 0; i < N; i++)
        futures[i] = submit_task(executor, (sheaf_task){.run = leave_result_and_end_thread,
                                                        .arg = &things[i][0],
                                                        .drop_arg = drop_thing,
                                                        .drop_result = drop_thing});
    for (int i = 0; i < N; i++) {
        cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_EWORKER);
        cr_assert_eq(things[i][0].drops, 1, "argument %d", i);
    }
    end_logging_pool(executor, N, N);
    release_all(futures, N);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(things[i][0].drops, 1, "argument %d", i);
        cr_assert_eq(things[i][1].drops, 1, "result %d", i);
    }
}

/* A task inside another. */
typedef struct nest {
    sheaf_executor *executor;
    sheaf_future *inner;
    thing note;
} nest;

static sheaf_status wait_for_one_that_ends_the_thread(sheaf_worker *worker, void *arg,
                                                      void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    nest *self = arg;
    sheaf_task task = {.run = leave_result_and_end_thread, .arg = &self->note};
    if (sheaf_executor_submit(self->executor, &task, &self->inner, err) < 0)
        return SHEAF_EIO;
    return sheaf_future_result(self->inner, -1, NULL, err);
}

Test(lost_worker, takes_along_the_tasks_that_it_was_inside_of, .timeout = LIMIT)
{
    sheaf_executor *executor = logging_pool();
    nest self = {.executor = executor};
    sheaf_future *outer = submit(executor, wait_for_one_that_ends_the_thread, &self);
    cr_assert_eq(sheaf_future_result(outer, -1, NULL, NULL), SHEAF_EWORKER);
    cr_assert_eq(sheaf_future_result(self.inner, -1, NULL, NULL), SHEAF_EWORKER);
    end_logging_pool(executor, 1, 1);
    sheaf_future_release(self.inner);
    sheaf_future_release(outer);
}

Test(lost_worker, does_not_keep_a_shutdown_from_draining_the_queue, .timeout = LIMIT)
{
    enum { N = 6 };
    gate g;
    thing notes[N] = {{0}};
    sheaf_executor *executor = logging_pool();
    gate_init(&g);
    for (int i = 0; i < N; i++) {
        sheaf_future *future = submit(executor, i % 2 ? pass_gate_and_leave : pass_gate, &g);
        cr_assert_eq(sheaf_future_add_done_callback(
                         future, i % 3 ? note_run : end_thread_in_callback, &notes[i], drop_thing),
                     SHEAF_OK);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    gate_open(&g, N);
    sheaf_executor_destroy(executor);
    cr_assert_eq(g.passed, N);
    for (int i = 0; i < N; i++) {
        cr_assert_eq(notes[i].runs, 1, "note %d", i);
        cr_assert_eq(notes[i].drops, 1, "note %d", i);
    }
}

static void submit_one_that_ends_the_thread(void *arg)
{
    nest *self = arg;
    sheaf_task task = {.run = leave_result_and_end_thread, .arg = &self->note};
    (void)!sheaf_executor_submit(self->executor, &task, NULL, NULL);
}

Test(lost_worker, of_a_sequential_executor_leaves_it_to_the_other_callers, .timeout = LIMIT)
{
    sheaf_executor *executor = sequential();
    nest self = {.executor = executor};
    aside thread;
    aside_start(&thread, submit_one_that_ends_the_thread, &self);
    aside_join(&thread);
    sheaf_future *future = submit(executor, give_back, &self);
    cr_assert_eq(result_of(future), &self);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}
