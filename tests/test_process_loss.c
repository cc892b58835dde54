/*
 * Worker processes that are lost, killed or too slow: what it costs, and whom. With RESTART a
 * crash costs its own future, with BREAK the pool, and never the caller: no test here may leave a
 * child, a zombie, a descriptor or shared memory behind. Those that talk nonsense are in
 * test_process_socket.c.
 */
#include <sheaf/map.h>

#include "tests/support_process.h"

/* ---- ways to be lost ---- */

typedef struct way_to_end {
    int32_t signal_number; /* 0: exit */
    int32_t exit_code;
    const char *message;
} way_to_end;

enum { WAYS = 7 };

static const way_to_end ways[WAYS] = {{SIGKILL, 0, "killed by signal 9 (Killed)"},
                                      {SIGSEGV, 0, "killed by signal 11 (Segmentation fault)"},
                                      {SIGABRT, 0, "killed by signal 6 (Aborted)"},
                                      {SIGTERM, 0, "killed by signal 15 (Terminated)"},
                                      {0, 0, "ended with exit code 0"},
                                      {0, 3, "ended with exit code 3"},
                                      {0, 255, "ended with exit code 255"}};

static sheaf_future *call_crash(sheaf_executor *executor, const way_to_end *way, test_gate *g)
{
    crash_order order = {.signal_number = way->signal_number, .exit_code = way->exit_code};
    if (g)
        order.gate = g->path;
    sheaf_future *future = call(executor, "crash", &order, sizeof order);
    if (g)
        await_entered(g, 1);
    return future;
}

/* What the log hook was told. */
typedef struct log_book {
    pthread_mutex_t mutex;
    char text[2000];
} log_book;

static void write_log(void *arg, const char *message)
{
    log_book *book = arg;
    pthread_mutex_lock(&book->mutex);
    size_t n = strlen(book->text);
    snprintf(book->text + n, sizeof book->text - n, "%s\n", message);
    pthread_mutex_unlock(&book->mutex);
}

/* ---- RESTART ---- */

/* One worker stands at a gate, calls wait behind: all of these are as if nothing had been. */
PROCESS_TEST(process_loss, with_restart_a_crash_costs_its_own_future_and_no_other, LIMIT)
{
    enum { QUEUED = 6 };
    for (int w = 0; w < WAYS; w++) {
        test_gate held_gate;
        test_gate crash_gate;
        log_book book = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        sheaf_future *queued[QUEUED];
        test_gate_init(&held_gate);
        test_gate_init(&crash_gate);
        sheaf_executor *executor = process_pool(
            (sheaf_executor_options){.max_workers = 2,
                                     .child_lost = SHEAF_CHILD_LOST_RESTART,
                                     .log = write_log,
                                     .hooks_arg = &book});
        sheaf_future *held = call_held(executor, &held_gate);
        sheaf_future *victim = call_crash(executor, &ways[w], &crash_gate);
        pid_t lost = child_of(executor, 1);
        for (int64_t i = 0; i < QUEUED; i++)
            queued[i] = call_square(executor, i);
        test_gate_open(&crash_gate, 1);
        assert_fails(victim, SHEAF_EWORKER, ways[w].message);
        for (int64_t i = 0; i < QUEUED; i++)
            cr_assert_eq(number_of(queued[i]), i * i);
        cr_assert_not(sheaf_future_done(held));
        whoami next = who_answers(executor);
        cr_assert_eq(next.index, 1, "it takes the place of the lost one");
        cr_assert_neq(next.process, lost);
        cr_assert_eq(child_of(executor, 1), next.process);
        test_gate_open(&held_gate, 1);
        assert_was_held(held);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, 1);
        cr_assert_eq(sheaf_executor_stats_get(executor).failed, 1);
        sheaf_executor_destroy(executor);
        cr_assert_not_null(strstr(book.text, ways[w].message), "the log says: %s", book.text);
        test_gate_end(&held_gate);
        test_gate_end(&crash_gate);
    }
}

PROCESS_TEST(process_loss, with_restart_any_number_may_be_lost_one_after_the_other, LIMIT)
{
    enum { TIMES = 40 };
    sheaf_executor *executor = restarting_pool(1);
    for (int i = 0; i < TIMES; i++) {
        const way_to_end *way = &ways[i % WAYS];
        assert_fails(call_crash(executor, way, NULL), SHEAF_EWORKER, way->message);
        if (i % 3 == 0)
            assert_works(executor);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, TIMES);
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_loss, with_restart_the_next_one_is_begun_like_the_first, LIMIT)
{
    mark_file marks = marks_begin();
    sheaf_executor_options options = marking(&marks);
    options.max_workers = 1;
    options.child_lost = SHEAF_CHILD_LOST_RESTART;
    sheaf_executor *executor = process_pool(options);
    sheaf_future_release(call(executor, "mark_call", NULL, 0));
    sheaf_future_release(call_crash(executor, &ways[0], NULL));
    sheaf_future_release(call(executor, "mark_call", NULL, 0));
    sheaf_executor_destroy(executor);
    assert_marks(&marks, "bcbce");
}

PROCESS_TEST(process_loss, one_killed_from_outside_in_a_call_is_lost_likewise, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(2);
    sheaf_future *other = call_held(executor, &g);
    sheaf_future *victim = call_held(executor, &g);
    cr_assert_eq(kill(atomic_load(&g.page->guest), SIGKILL), 0);
    assert_fails(victim, SHEAF_EWORKER, "signal 9");
    cr_assert_not(sheaf_future_done(other));
    test_gate_open(&g, 1);
    assert_was_held(other);
    assert_works(executor);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

PROCESS_TEST(process_loss, one_that_ended_while_idle_costs_no_call_with_restart, LIMIT)
{
    sheaf_executor *executor = restarting_pool(1);
    for (uint64_t i = 1; i <= 3; i++) {
        pid_t child = (pid_t)who_answers(executor).process;
        cr_assert_eq(kill(child, i % 2 ? SIGKILL : SIGTERM), 0);
        await_ended(child);
        assert_works(executor);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, i);
    }
    pid_t last = (pid_t)who_answers(executor).process;
    cr_assert_eq(kill(last, SIGKILL), 0);
    await_ended(last);
    sheaf_executor_destroy(executor);
}

/* ---- BREAK ---- */

PROCESS_TEST(process_loss,
             with_break_a_crash_fails_all_that_run_and_wait_and_later_ones_are_refused, LIMIT)
{
    enum { QUEUED = 6 };
    for (int w = 0; w < WAYS; w++) {
        test_gate held_gate;
        test_gate crash_gate;
        log_book book = {.mutex = PTHREAD_MUTEX_INITIALIZER};
        thing note = {0};
        sheaf_future *queued[QUEUED];
        test_gate_init(&held_gate);
        test_gate_init(&crash_gate);
        sheaf_executor *executor = process_pool(
            (sheaf_executor_options){.max_workers = 2, .log = write_log, .hooks_arg = &book});
        sheaf_future *held = call_held(executor, &held_gate);
        sheaf_future *victim = call_crash(executor, &ways[w], &crash_gate);
        for (int64_t i = 0; i < QUEUED; i++)
            queued[i] = call_square(executor, i);
        add_note(queued[QUEUED - 1], &note);
        test_gate_open(&crash_gate, 1);
        assert_fails(victim, SHEAF_EBROKEN, ways[w].message);
        assert_refuses(executor, SHEAF_EBROKEN, ways[w].message);
        for (int64_t i = 0; i < QUEUED; i++)
            assert_fails(queued[i], SHEAF_EBROKEN, ways[w].message);
        assert_fails(held, SHEAF_EBROKEN, ways[w].message); /* its gate was never opened */
        sheaf_executor_destroy(executor);
        cr_assert_eq(note.runs, 1);
        cr_assert_not_null(strstr(book.text, ways[w].message), "the log says: %s", book.text);
        test_gate_end(&held_gate);
        test_gate_end(&crash_gate);
    }
}

/* Also a worker that was between two calls when the others were sent home. */
PROCESS_TEST(process_loss, with_break_all_are_told_the_same_reason_whenever_it_comes, 60)
{
    enum { ROUNDS = 100, CALLS = 40 };
    for (int round = 0; round < ROUNDS; round++) {
        sheaf_task tasks[CALLS];
        sheaf_future *futures[CALLS];
        size_t n = 0;
        sheaf_executor *executor = breaking_pool(3);
        crash_order order = {.signal_number = SIGKILL};
        for (int64_t i = 0; i < CALLS; i++)
            tasks[i] = i == 10 + round % 20 ? task_of("crash", &order, sizeof order)
                                            : task_of("square", &i, sizeof i);
        cr_assert_eq(sheaf_executor_submit_many(executor, tasks, CALLS, futures, &n, NULL),
                     SHEAF_OK);
        for (int i = 0; i < CALLS; i++) {
            if (sheaf_future_result(futures[i], -1, NULL, NULL) == SHEAF_OK)
                sheaf_future_release(futures[i]);
            else
                assert_fails(futures[i], SHEAF_EBROKEN, "signal 9");
        }
        sheaf_executor_destroy(executor);
    }
}

PROCESS_TEST(process_loss, with_break_one_that_ended_while_idle_is_seen_by_the_next_call, LIMIT)
{
    sheaf_executor *executor = breaking_pool(1);
    pid_t child = (pid_t)who_answers(executor).process;
    cr_assert_eq(kill(child, SIGKILL), 0);
    await_ended(child);
    assert_fails(call_square(executor, 3), SHEAF_EBROKEN, "signal 9");
    assert_refuses(executor, SHEAF_EBROKEN, "signal 9");
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, 1);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_loss, those_that_wait_for_a_broken_pool_are_woken, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = breaking_pool(1);
    sheaf_future *victim = call_crash(executor, &ways[0], &g);
    sheaf_future *queued = call_square(executor, 3);
    waiter first;
    waiter second;
    waiter_start(&first, victim);
    waiter_start(&second, queued);
    test_gate_open(&g, 1);
    pthread_join(first.thread, NULL);
    pthread_join(second.thread, NULL);
    cr_assert_eq(first.status, SHEAF_EBROKEN);
    cr_assert_eq(second.status, SHEAF_EBROKEN);
    sheaf_future_release(victim);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

PROCESS_TEST(process_loss, a_broken_pool_has_no_children_once_it_is_shut_down, LIMIT)
{
    enum { WORKERS = 3 };
    sheaf_executor *executor = breaking_pool(WORKERS + 1);
    test_gate g;
    test_gate_init(&g);
    sheaf_future *held[WORKERS];
    for (int i = 0; i < WORKERS; i++)
        held[i] = call_held(executor, &g);
    assert_fails(call_crash(executor, &ways[1], NULL), SHEAF_EBROKEN, ways[1].message);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_not(has_children());
    for (int i = 0; i < WORKERS; i++)
        assert_fails(held[i], SHEAF_EBROKEN, ways[1].message);
    assert_refuses(executor, SHEAF_EBROKEN, ways[1].message);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

/* ---- among many ---- */

typedef struct crash_source {
    int64_t next;
    int64_t end;
    int64_t crash_at;
} crash_source;

static sheaf_status next_or_crash(void *source, void **arg, sheaf_error *err)
{
    crash_source *self = source;
    crash_order order = {.signal_number = SIGKILL};
    sheaf_call *made = NULL;
    sheaf_status status;
    if (self->next == self->end)
        return SHEAF_END;
    int64_t number = self->next++;
    if (number == self->crash_at)
        status = sheaf_call_create(function_named("crash"), &order, sizeof order, &made, err);
    else
        status = sheaf_call_create(function_named("square"), &number, sizeof number, &made, err);
    *arg = made;
    return status;
}

/* What comes before the crash, whole chunks of it, is delivered; then the loss; then the end. */
static void map_over_a_crash(sheaf_executor *executor, size_t chunksize, sheaf_status expected)
{
    crash_source source = {0, 60, 33};
    sheaf_map *map = NULL;
    sheaf_error err;
    void *result = NULL;
    sheaf_status status;
    int64_t n = 0;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = sheaf_call_run,
                                 .next = next_or_crash,
                                 .source = &source,
                                 .drop_arg = sheaf_call_drop,
                                 .drop_result = sheaf_block_drop,
                                 .buffersize = 28, /* whole chunks of each size */
                                 .chunksize = chunksize};
    cr_assert_eq(sheaf_map_open(executor, &options, &map, &err), SHEAF_OK);
    while ((status = sheaf_map_next(map, &result, &err)) == SHEAF_OK) {
        const sheaf_block *block = result;
        int64_t number;
        memcpy(&number, block->bytes, sizeof number);
        cr_assert_eq(number, n * n);
        sheaf_block_drop(result);
        n++;
    }
    cr_assert_eq(status, expected, "%s", sheaf_status_name(status));
    cr_assert_not_null(strstr(err.message, "signal 9"), "%s", err.message);
    if (expected == SHEAF_EWORKER)
        cr_assert_eq(n, 33 - 33 % (int64_t)chunksize);
    cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_END);
    sheaf_map_close(map);
}

PROCESS_TEST(process_loss, a_map_gives_what_came_before_the_loss_and_then_the_loss, LIMIT)
{
    static const size_t chunks[] = {1, 4, 7};
    sheaf_executor *executor = restarting_pool(2);
    for (int i = 0; i < 3; i++) {
        map_over_a_crash(executor, chunks[i], SHEAF_EWORKER);
        assert_works(executor);
    }
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 3; i++) {
        executor = breaking_pool(2);
        map_over_a_crash(executor, chunks[i], SHEAF_EBROKEN);
        assert_refuses(executor, SHEAF_EBROKEN, "signal 9");
        sheaf_executor_destroy(executor);
    }
}

PROCESS_TEST(process_loss, those_that_wait_for_many_are_told_of_a_loss, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    thing note = {0};
    bool done[3];
    sheaf_executor *executor = restarting_pool(2);
    sheaf_future *all[] = {call_held(executor, &g), call_crash(executor, &ways[0], NULL),
                           call_square(executor, 5)};
    add_note(all[1], &note);
    cr_assert_eq(sheaf_wait(all, 3, -1, SHEAF_FIRST_EXCEPTION, done, NULL), SHEAF_OK);
    cr_assert(done[1] && !done[0]);
    result_of(all[2]);
    sheaf_as_completed *iterator = NULL;
    sheaf_future *next = NULL;
    size_t index = 99;
    cr_assert_eq(sheaf_as_completed_open(all, 3, -1, &iterator, NULL), SHEAF_OK);
    for (size_t expected = 1; expected <= 2; expected++) {
        cr_assert_eq(sheaf_as_completed_next(iterator, &next, &index, NULL), SHEAF_OK);
        cr_assert_eq(index, expected);
        sheaf_future_release(next);
    }
    sheaf_as_completed_close(iterator);
    test_gate_open(&g, 1);
    result_of(all[0]);
    release_all(all, 3);
    sheaf_executor_destroy(executor);
    cr_assert_eq(note.runs, 1);
    cr_assert_eq(note.drops, 1);
    test_gate_end(&g);
}

/* ---- killed on purpose ---- */

static const int killing[] = {SIGTERM, SIGKILL};

PROCESS_TEST(process_loss, kill_ends_what_runs_cancels_what_waits_and_breaks_the_pool, LIMIT)
{
    for (int policy = SHEAF_CHILD_LOST_BREAK; policy <= SHEAF_CHILD_LOST_RESTART; policy++) {
        for (int k = 0; k < 2; k++) {
            test_gate g;
            test_gate_init(&g);
            sheaf_executor *executor = pool_that(2, (sheaf_child_lost)policy);
            sheaf_future *held[] = {call_held(executor, &g), call_held(executor, &g)};
            sheaf_future *queued = call_square(executor, 3);
            cr_assert_eq(sheaf_executor_kill(executor, killing[k]), SHEAF_OK);
            cr_assert_eq(sheaf_future_result(queued, 0, NULL, NULL), SHEAF_ECANCELLED);
            assert_refuses(executor, SHEAF_EBROKEN, "killed");
            assert_fails(held[0], SHEAF_EBROKEN, "killed");
            assert_fails(held[1], SHEAF_EBROKEN, "killed");
            cr_assert_eq(sheaf_executor_kill(executor, killing[k]), SHEAF_OK, "again");
            cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
            cr_assert_not(has_children());
            cr_assert_eq(sheaf_executor_kill(executor, killing[k]), SHEAF_OK, "and again");
            sheaf_future_release(queued);
            sheaf_executor_destroy(executor);
            test_gate_end(&g);
        }
    }
}

PROCESS_TEST(process_loss, kill_ends_idle_and_stopped_ones_too, LIMIT)
{
    for (int k = 0; k < 2; k++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = restarting_pool(3);
        sheaf_future *held = call_held(executor, &g);
        pid_t stopped = (pid_t)atomic_load(&g.page->guest);
        sheaf_future *other = call_held(executor, &g);
        assert_works(executor); /* and is idle */
        cr_assert_eq(kill(stopped, SIGSTOP), 0);
        await_stopped(stopped);
        cr_assert_eq(sheaf_executor_kill(executor, killing[k]), SHEAF_OK);
        assert_fails(held, SHEAF_EBROKEN, "killed");
        assert_fails(other, SHEAF_EBROKEN, "killed");
        sheaf_executor_destroy(executor);
        test_gate_end(&g);
    }
}

PROCESS_TEST(process_loss, one_that_does_not_listen_to_sigterm_can_still_be_killed, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = restarting_pool(1);
    sheaf_future *future = call(executor, "outlive_sigterm", &g.path, sizeof g.path);
    await_entered(&g, 1);
    cr_assert_eq(sheaf_executor_kill(executor, SIGTERM), SHEAF_OK);
    cr_assert_eq(sheaf_future_get_state(future), SHEAF_FUTURE_RUNNING);
    cr_assert_eq(sheaf_executor_kill(executor, SIGKILL), SHEAF_OK);
    assert_fails(future, SHEAF_EBROKEN, "killed");
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

/* It neither ends by the signal nor leaves when it is told to: it has a second. */
PROCESS_TEST(process_loss, one_that_does_not_end_at_all_is_no_hindrance_to_the_end_of_a_killed_pool,
             LIMIT)
{
    sheaf_executor *executor = process_pool(
        (sheaf_executor_options){.max_workers = 1,
                                 .init_function = function_named("outlive_sigterm"),
                                 .end_function = function_named("never_end")});
    assert_works(executor);
    cr_assert_eq(sheaf_executor_kill(executor, SIGTERM), SHEAF_OK);
    sheaf_executor_destroy(executor);
}

/* At whatever moment: before a child is there, while it starts, when it works. */
PROCESS_TEST(process_loss, kill_comes_at_any_moment, 60)
{
    test_gate g;
    test_gate_init(&g);
    for (int i = 0; i < 60; i++) {
        sheaf_executor *executor = pool_that(2, (sheaf_child_lost)(i % 2));
        sheaf_future *futures[4];
        int n = i % 5;
        for (int64_t k = 0; k < n; k++) /* the gate is never opened */
            futures[k] = k % 2 == 0 ? call(executor, "wait_at_gate", &g.path, sizeof g.path)
                                    : call_square(executor, k);
        for (int k = 0; k < i * 10; k++)
            sched_yield();
        cr_assert_eq(sheaf_executor_kill(executor, killing[i % 2]), SHEAF_OK);
        assert_refuses(executor, SHEAF_EBROKEN, "killed");
        for (int64_t k = 0; k < n; k++) {
            sheaf_status status = sheaf_future_result(futures[k], -1, NULL, NULL);
            cr_assert(status == SHEAF_EBROKEN || status == SHEAF_ECANCELLED ||
                          (status == SHEAF_OK && k % 2 == 1),
                      "%s", sheaf_status_name(status));
            sheaf_future_release(futures[k]);
        }
        sheaf_executor_destroy(executor);
    }
    test_gate_end(&g);
}

PROCESS_TEST(process_loss, only_processes_are_killed_and_only_by_signals, LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    cr_assert_eq(sheaf_executor_kill(executor, SIGKILL), SHEAF_EINVAL);
    sheaf_executor_destroy(executor);
    executor = sequential();
    cr_assert_eq(sheaf_executor_kill(executor, SIGKILL), SHEAF_EINVAL);
    sheaf_executor_destroy(executor);
    executor = restarting_pool(1);
    cr_assert_eq(sheaf_executor_kill(executor, 0), SHEAF_EINVAL);
    cr_assert_eq(sheaf_executor_kill(executor, -1), SHEAF_EINVAL);
    cr_assert_eq(sheaf_executor_kill(executor, 1000), SHEAF_EINVAL);
    assert_works(executor);
    sheaf_executor_destroy(executor);
}

/* ---- too slow ---- */

enum { SHORT_MS = 400 }; /* enough for a small call on a machine that is busy */

#define TOO_SLOW "longer than 400 ms"

static sheaf_future *call_slow(sheaf_executor *executor, test_gate *g)
{
    return call(executor, "wait_at_gate", &g->path, sizeof g->path);
}

static sheaf_executor *impatient_pool(int max_workers, int policy)
{
    return process_pool((sheaf_executor_options){.max_workers = max_workers,
                                                 .child_lost = (sheaf_child_lost)policy,
                                                 .task_timeout_ms = SHORT_MS});
}

PROCESS_TEST(process_loss, a_call_that_is_too_slow_or_stopped_fails_alone_whatever_the_policy,
             LIMIT)
{
    for (int policy = SHEAF_CHILD_LOST_BREAK; policy <= SHEAF_CHILD_LOST_RESTART; policy++) {
        test_gate g;
        test_gate_init(&g);
        sheaf_executor *executor = impatient_pool(1, policy);
        crash_order stop = {.signal_number = SIGSTOP};
        sheaf_future *slow = call_slow(executor, &g);
        sheaf_future *behind = call_square(executor, 6);
        assert_fails(slow, SHEAF_EWORKER, TOO_SLOW);
        cr_assert_eq(number_of(behind), 36);
        assert_fails(call(executor, "crash", &stop, sizeof stop), SHEAF_EWORKER, TOO_SLOW);
        assert_works(executor);
        pid_t idle = (pid_t)who_answers(executor).process;
        cr_assert_eq(kill(idle, SIGSTOP), 0);
        await_stopped(idle);
        assert_fails(call_square(executor, 7), SHEAF_EWORKER, TOO_SLOW);
        cr_assert_neq(who_answers(executor).process, idle);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, 3);
        sheaf_executor_destroy(executor);
        test_gate_end(&g);
    }
}

PROCESS_TEST(process_loss, the_time_of_a_call_does_not_count_while_nothing_runs, LIMIT)
{
    sheaf_executor *executor = impatient_pool(1, SHEAF_CHILD_LOST_BREAK);
    int64_t process = who_answers(executor).process;
    await_moment(now_ms() + 2 * SHORT_MS);
    cr_assert_eq(who_answers(executor).process, process);
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, 0);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_loss, nor_while_a_call_waits_in_the_queue, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = impatient_pool(1, SHEAF_CHILD_LOST_RESTART);
    sheaf_future *slow[] = {call_slow(executor, &g), call_slow(executor, &g)};
    sheaf_future *last = call_square(executor, 4); /* waits for twice the time, and runs */
    assert_fails(slow[0], SHEAF_EWORKER, TOO_SLOW);
    assert_fails(slow[1], SHEAF_EWORKER, TOO_SLOW);
    cr_assert_eq(number_of(last), 16);
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}
