/*
 * How a map ends before its source does, or badly: a task, the source or the executor fails, the
 * time is over, the consumer has had enough. Whatever it is, each argument and each result has one
 * end, and no failure is taken for the end of the source.
 */
#include <time.h>

#include "tests/support_map.h"

/* ---- a task fails ---- */

Test(map_ends, a_failure_of_any_item_is_told_in_its_place_with_any_window, .timeout = LIMIT)
{
    static const size_t windows[] = {0, 1, 4, 32};
    sheaf_executor *executor = pool_of(3);
    for (size_t b = 0; b < 4; b++) {
        for (size_t bad = 1; bad <= 40; bad++) {
            course source;
            sheaf_error err;
            char message[64];
            course_init(&source, 40);
            for (size_t i = bad - 1; i < 40; i += 3) /* it is not the only one */
                source.items[i].fails = true;
            sheaf_map *map = course_map(&source, executor, windows[b], 1);
            cr_assert_eq(course_follow(&source, map, &err), SHEAF_ETASK);
            cr_assert_eq(source.n_yielded, bad - 1);
            snprintf(message, sizeof message, "item %zu is bad", bad);
            cr_assert_str_eq(err.message, message);
            for (int i = 0; i < 3; i++)
                cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
            sheaf_map_close(map);
            course_check(&source);
        }
    }
    sheaf_executor_destroy(executor);
}

Test(map_ends, what_comes_behind_a_failure_is_cancelled_when_it_is_told, .timeout = LIMIT)
{
    gate first;
    gate g;
    gate_init(&first);
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 30);
    source.items[0].gate = &first;
    source.items[0].fails = true;
    for (int i = 1; i < 10; i++)
        source.items[i].gate = &g; /* one worker is in item 2, the other perhaps in another one */
    sheaf_map *map = course_map(&source, executor, 10, 1);
    sem_wait(&g.entered);
    gate_open(&first, 1);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_ETASK);
    cr_assert_geq(sheaf_executor_stats_get(executor).cancelled, 7);
    int n_dropped = 0;
    for (int i = 2; i < 10; i++)
        n_dropped += source.items[i].arg_dropped;
    cr_assert_geq(n_dropped, 7);
    gate_open(&g, 2);
    sheaf_map_close(map);
    course_check(&source);
    sheaf_executor_destroy(executor);
}

Test(map_ends, failures_may_be_yielded_like_results_and_the_map_goes_on, .timeout = LIMIT)
{
    static const size_t windows[] = {0, 1, 4, 32};
    sheaf_executor *executor = pool_of(2);
    for (size_t b = 0; b < 4; b++) {
        course source;
        sheaf_error err;
        course_init(&source, 50);
        for (size_t i = 0; i < 50; i += 3)
            source.items[i].fails = true;
        sheaf_map *map = NULL;
        sheaf_map_options options = course_options(&source, windows[b], 1);
        options.yield_failures = true;
        cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
        for (size_t i = 0; i < 50; i++) {
            bool fails = source.items[i].fails;
            char message[64];
            snprintf(message, sizeof message, "item %zu is bad", i + 1);
            cr_assert_eq(course_step(&source, map, &err), fails ? SHEAF_ETASK : SHEAF_OK);
            cr_assert(!fails || strcmp(err.message, message) == 0, "%s", err.message);
            source.n_yielded += fails;
        }
        cr_assert(windows[b] == 0 || source.ahead_max == windows[b]);
        cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
        sheaf_map_close(map);
        course_check(&source);
    }
    sheaf_executor_destroy(executor);
}

/* ---- the source fails ---- */

Test(map_ends, a_source_that_fails_in_an_eager_open_has_what_it_gave_cancelled, .timeout = LIMIT)
{
    static const size_t lasts[] = {0, 1, 5, 64, 65, 200};
    for (size_t i = 0; i < 6; i++) {
        sheaf_executor *executor = pool_of(2);
        course source;
        sheaf_map *map = NULL;
        sheaf_error err;
        course_init(&source, lasts[i]);
        source.ending = SHEAF_EIO;
        sheaf_map_options options = course_options(&source, 0, 1);
        cr_assert_eq(course_open(&source, executor, &options, &map, &err), SHEAF_EIO);
        cr_assert_str_eq(err.message, "the source ends badly");
        cr_assert_null(map);
        sheaf_executor_destroy(executor);
        cr_assert_eq(source.next, lasts[i]);
        course_check(&source);
    }
}

Test(map_ends, a_source_that_fails_before_its_first_item_is_told_by_open, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (size_t buffersize = 0; buffersize <= 3; buffersize++) {
        course source;
        sheaf_map *map = NULL;
        sheaf_error err;
        course_init(&source, 0);
        source.ending = SHEAF_ENOENT;
        sheaf_map_options options = course_options(&source, buffersize, 2);
        cr_assert_eq(course_open(&source, executor, &options, &map, &err), SHEAF_ENOENT);
        cr_assert_str_eq(err.message, "the source ends badly");
        cr_assert_null(map);
    }
    sheaf_executor_destroy(executor);
}

Test(map_ends, a_task_that_fails_before_the_source_does_is_what_is_told, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    for (size_t buffersize = 1; buffersize <= 12; buffersize++) {
        course source;
        sheaf_error err;
        course_init(&source, 10);
        source.ending = SHEAF_EIO;
        source.items[9].fails = true;
        sheaf_map *map = course_map(&source, executor, buffersize, 1);
        cr_assert_eq(course_follow(&source, map, &err), SHEAF_ETASK);
        cr_assert_str_eq(err.message, "item 10 is bad");
        cr_assert_eq(course_step(&source, map, &err), SHEAF_END, "the other is not told any more");
        sheaf_map_close(map);
        course_check(&source);
    }
    sheaf_executor_destroy(executor);
}

/* ---- the executor fails ---- */

Test(map_ends, a_shutdown_that_cancels_is_told_as_such_and_never_a_silent_end, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    course source;
    course_init(&source, 100);
    source.items[2].gate = &g;
    sheaf_map *map = course_map(&source, executor, 6, 1);
    sem_wait(&g.entered);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    gate_open(&g, 1);
    cr_assert_eq(course_follow(&source, map, NULL), SHEAF_ECANCELLED);
    cr_assert_eq(source.n_yielded, 3, "what had begun is delivered");
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

Test(map_ends, a_shutdown_is_told_behind_all_that_was_submitted_with_any_window, .timeout = LIMIT)
{
    static const size_t windows[] = {1, 2, 7, 32, 50};
    for (size_t b = 0; b < 5; b++) {
        for (size_t before = 0; before <= 20; before += 5) {
            sheaf_executor *executor = pool_of(2);
            course source;
            sheaf_error err;
            course_init(&source, 100);
            sheaf_map *map = course_map(&source, executor, windows[b], 1);
            for (size_t i = 0; i < before; i++)
                cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
            size_t submitted = sheaf_executor_stats_get(executor).submitted;
            cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
            cr_assert_eq(course_follow(&source, map, &err), SHEAF_ESHUTDOWN);
            cr_assert_eq(err.status, SHEAF_ESHUTDOWN);
            cr_assert_eq(source.n_yielded, submitted);
            cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
            sheaf_map_close(map);
            sheaf_executor_destroy(executor);
            course_check(&source);
        }
    }
}

Test(map_ends, a_source_at_its_end_is_not_troubled_by_a_shutdown, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 5);
    sheaf_map *map = course_map(&source, executor, 8, 1);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    cr_assert_eq(course_follow(&source, map, NULL), SHEAF_END);
    cr_assert_eq(source.n_yielded, 5);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

static gate refusing;

static sheaf_status refuse(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)arg;
    sem_wait(&refusing.open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no room for a parser");
}

Test(map_ends, a_pool_that_breaks_is_told_and_why, .timeout = LIMIT)
{
    gate_init(&refusing);
    sheaf_executor *executor = NULL;
    sheaf_executor_options of_pool = {
        .size = sizeof of_pool, .max_workers = 1, .initializer = refuse};
    cr_assert_eq(sheaf_executor_create(&of_pool, &executor, NULL), SHEAF_OK);
    course source;
    sheaf_error err;
    course_init(&source, 100);
    sheaf_map *map = course_map(&source, executor, 4, 1);
    gate_open(&refusing, 1);
    cr_assert_eq(course_step(&source, map, &err), SHEAF_EBROKEN);
    cr_assert_str_eq(err.message, "no room for a parser");
    cr_assert_eq(course_step(&source, map, &err), SHEAF_END);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

Test(map_ends, a_queue_that_is_full_is_told_behind_what_it_took, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = NULL;
    sheaf_executor_options of_pool = {.size = sizeof of_pool,
                                      .max_workers = 1,
                                      .queue_limit = 2,
                                      .queue_full = SHEAF_QUEUE_FULL_REFUSE};
    cr_assert_eq(sheaf_executor_create(&of_pool, &executor, NULL), SHEAF_OK);
    sheaf_future_release(submit(executor, pass_gate, &g));
    sem_wait(&g.entered);
    course source;
    sheaf_error err;
    course_init(&source, 100);
    sheaf_map *map = course_map(&source, executor, 10, 1);
    gate_open(&g, 1);
    cr_assert_eq(course_follow(&source, map, &err), SHEAF_EAGAIN);
    cr_assert_eq(err.status, SHEAF_EAGAIN);
    cr_assert_eq(source.n_yielded, 2);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

/* ---- the time is over ---- */

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until so much time has gone by: here it is time itself that is waited for. */
static void let_pass(int64_t ms)
{
    sheaf_future *never = NULL;
    cr_assert_eq(sheaf_future_create(NULL, &never, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_result(never, ms, NULL, NULL), SHEAF_ETIMEDOUT);
    sheaf_future_release(never);
}

Test(map_ends, the_time_that_is_over_cancels_the_current_item_and_the_rest, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    course source;
    sheaf_map *map = NULL;
    sheaf_error err;
    course_init(&source, 100);
    sheaf_future *first = submit(executor, pass_gate, &g); /* the worker is elsewhere */
    sheaf_map_options options = course_options(&source, 5, 1);
    options.deadline_ms = 30;
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    cr_assert_eq(course_step(&source, map, &err), SHEAF_ETIMEDOUT);
    cr_assert_eq(err.status, SHEAF_ETIMEDOUT);
    cr_assert_eq(sheaf_executor_stats_get(executor).cancelled, 5);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(source.items[i].arg_dropped, 1);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
    cr_assert_eq(source.next, 5, "nothing more is pulled");
    sheaf_map_close(map);
    gate_open(&g, 1);
    result_of(first);
    sheaf_future_release(first);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

Test(map_ends, the_time_counts_from_open_and_not_from_each_next, .timeout = LIMIT)
{
    enum { DEADLINE = 1200 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    course source;
    sheaf_map *map = NULL;
    course_init(&source, 100);
    source.items[2].gate = &g;
    sheaf_map_options options = course_options(&source, 5, 1);
    options.deadline_ms = DEADLINE;
    int64_t begun = now_ms();
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
    let_pass(DEADLINE - 200);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK, "there is still time");
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_ETIMEDOUT);
    int64_t took = now_ms() - begun;
    cr_assert(took >= DEADLINE && took < 2 * DEADLINE - 200, "it took %d ms", (int)took);
    gate_open(&g, 1);
    sheaf_map_close(map);
    course_check(&source);
    sheaf_executor_destroy(executor);
}

Test(map_ends, what_is_done_when_the_time_is_over_is_still_yielded, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    course source;
    sheaf_map *map = NULL;
    course_init(&source, 4);
    source.items[3].gate = &g;
    sheaf_map_options options = course_options(&source, 4, 1);
    options.deadline_ms = 20;
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    sem_wait(&g.entered); /* three are done */
    let_pass(30);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_ETIMEDOUT);
    gate_open(&g, 1);
    sheaf_map_close(map);
    course_check(&source);
    sheaf_executor_destroy(executor);
}

static sheaf_status time_out(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)result;
    return sheaf_error_set(err, SHEAF_ETIMEDOUT, "the server does not answer");
}

Test(map_ends, a_task_that_fails_by_a_timeout_of_its_own_is_not_taken_for_it, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    course source;
    sheaf_map *map = NULL;
    sheaf_error err;
    course_init(&source, 4);
    sheaf_map_options options = course_options(&source, 2, 1);
    options.run = time_out;
    options.deadline_ms = 1000000;
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    cr_assert_eq(course_step(&source, map, &err), SHEAF_ETIMEDOUT);
    cr_assert_str_eq(err.message, "the server does not answer");
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

/* ---- the consumer has had enough ---- */

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_map *map;
    gate *gate;
    int passed;
} closer;

static void *closer_main(void *arg)
{
    closer *self = arg;
    about_to_sleep(&self->sleeper);
    sheaf_map_close(self->map);
    self->passed = atomic_load(&self->gate->passed);
    came_back(&self->sleeper);
    return NULL;
}

Test(map_ends, close_waits_for_what_runs_and_cancels_what_does_not, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 100);
    source.items[0].gate = source.items[1].gate = &g;
    closer one = {.map = course_map(&source, executor, 8, 1), .gate = &g};
    for (int i = 0; i < 2; i++)
        sem_wait(&g.entered);
    cr_assert_eq(pthread_create(&one.thread, NULL, closer_main, &one), 0);
    cr_assert(await_sleep(&one.sleeper), "close does not wait");
    for (int i = 2; i < 8; i++)
        cr_assert_eq(source.items[i].arg_dropped, 1, "item %d was not cancelled", i + 1);
    gate_open(&g, 2);
    pthread_join(one.thread, NULL);
    cr_assert_eq(one.passed, 2);
    course_check(&source); /* before the executor ends: close has seen to it */
    cr_assert_eq(sheaf_executor_stats_get(executor).running, 0);
    sheaf_executor_destroy(executor);
}

static sheaf_status run_until_stopped(sheaf_worker *worker, void *arg, void **result,
                                      sheaf_error *err)
{
    item *self = arg;
    sem_post(&self->gate->entered);
    while (!sheaf_worker_stopping(worker))
        sched_yield();
    self->gate = NULL;
    return run_item(worker, arg, result, err);
}

Test(map_ends, close_asks_what_runs_to_stop, .timeout = LIMIT)
{
    for (size_t chunksize = 1; chunksize <= 3; chunksize += 2) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_of(1);
        course source;
        sheaf_map *map = NULL;
        course_init(&source, 10);
        for (int i = 0; i < 10; i++)
            source.items[i].gate = &g;
        sheaf_map_options options = course_options(&source, 5, chunksize);
        options.run = run_until_stopped;
        cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
        sem_wait(&g.entered);
        sheaf_map_close(map);
        course_check(&source);
        sheaf_executor_destroy(executor);
    }
}

Test(map_ends, detach_waits_for_nothing_and_what_was_submitted_runs_and_is_dropped,
     .timeout = LIMIT)
{
    static const size_t windows[] = {0, 6};
    for (size_t b = 0; b < 2; b++) {
        for (size_t chunksize = 1; chunksize <= 3; chunksize += 2) {
            gate g;
            gate_init(&g);
            sheaf_executor *executor = pool_of(1);
            course source;
            course_init(&source, 12);
            source.items[3].gate = &g;
            sheaf_map *map = course_map(&source, executor, windows[b], chunksize);
            for (int i = 0; i < 2 && chunksize == 1; i++)
                cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
            size_t submitted = source.next;
            sem_wait(&g.entered);
            sheaf_map_detach(map);
            gate_open(&g, 1);
            cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
            cr_assert_eq(source.next, submitted, "nothing more is pulled");
            for (size_t i = 0; i < submitted; i++)
                cr_assert_eq(source.items[i].made, 1, "item %zu did not run", i + 1);
            course_check(&source);
            sheaf_executor_destroy(executor);
        }
    }
    sheaf_map_detach(NULL);
}

Test(map_ends, a_map_that_has_failed_may_be_detached_too, .timeout = LIMIT)
{
    for (size_t chunksize = 1; chunksize <= 3; chunksize++) {
        sheaf_executor *executor = pool_of(2);
        course source;
        course_init(&source, 50);
        source.items[7].fails = true;
        sheaf_map *map = course_map(&source, executor, 10, chunksize);
        cr_assert_eq(course_follow(&source, map, NULL), SHEAF_ETASK);
        sheaf_map_detach(map);
        sheaf_executor_destroy(executor);
        course_check(&source);
    }
}
