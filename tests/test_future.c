/*
 * Futures by themselves: the states they go through, what it gives to wait for one, and what a
 * result and an error are. Cancelling, stopping, and what is dropped: test_future_ends.c.
 * Callbacks: test_future_callbacks.c. Many futures at once: test_wait.c, test_as_completed.c.
 */
#include "tests/support_futures.h"

/* ---- the states ---- */

typedef enum event { BEGIN, CANCEL, SET_RESULT, SET_ERROR, EVENTS } event;

typedef struct cell {
    sheaf_status status;
    kind to;
} cell;

#define ROW(begin, cancel, result, error)                                                          \
    {                                                                                              \
        [BEGIN] = begin, [CANCEL] = cancel, [SET_RESULT] = result, [SET_ERROR] = error             \
    }
#define GOES(kind)                                                                                 \
    {                                                                                              \
        SHEAF_OK, kind                                                                             \
    }
#define GIVES(status, kind)                                                                        \
    {                                                                                              \
        SHEAF_##status, kind                                                                       \
    }

/* The table of all futures. A state that is given again beside ESTATE is the one it stays in. */
static const cell table[KINDS][EVENTS] = {
    [PENDING] = ROW(GOES(RUNNING), GOES(CANCELLED), GOES(FINISHED), GOES(FAILED)),
    [RUNNING] = ROW(GIVES(ESTATE, RUNNING), GIVES(ESTATE, RUNNING), GOES(FINISHED), GOES(FAILED)),
    [CANCELLED] = ROW(GIVES(ECANCELLED, NOTIFIED), GOES(CANCELLED), GIVES(ESTATE, CANCELLED),
                      GIVES(ESTATE, CANCELLED)),
    [NOTIFIED] = ROW(GIVES(ESTATE, NOTIFIED), GOES(NOTIFIED), GIVES(ESTATE, NOTIFIED),
                     GIVES(ESTATE, NOTIFIED)),
    [FINISHED] = ROW(GIVES(ESTATE, FINISHED), GIVES(ESTATE, FINISHED), GIVES(ESTATE, FINISHED),
                     GIVES(ESTATE, FINISHED)),
    [FAILED] = ROW(GIVES(ESTATE, FAILED), GIVES(ESTATE, FAILED), GIVES(ESTATE, FAILED),
                   GIVES(ESTATE, FAILED)),
};

static sheaf_status happen(sheaf_future *future, event what, thing *result)
{
    sheaf_error error;
    switch (what) {
    case BEGIN:
        return sheaf_future_set_running_or_notify_cancel(future);
    case CANCEL:
        return sheaf_future_cancel(future);
    case SET_RESULT:
        return sheaf_future_set_result(future, result);
    default:
        sheaf_error_set(&error, SHEAF_EIO, "new");
        return sheaf_future_set_error(future, &error);
    }
}

static void assert_cell(kind from, event what)
{
    cell expected = table[from][what];
    bool taken = expected.status == SHEAF_OK && what == SET_RESULT;
    thing first = {0};
    thing second = {0};
    thing context = {0};
    sheaf_future *future = bare();
    add_note(future, &context);
    bring_to(future, from, &first);
    cr_assert_eq(context.runs, kind_done(from), "callbacks of %s", kind_name(from));
    assert_is(future, from);

    sheaf_status status = happen(future, what, &second);

    cr_assert_eq(status, expected.status, "%s, event %d: %d", kind_name(from), what, status);
    assert_is(future, expected.to);
    assert_gives(future, expected.to, from == FINISHED ? &first : &second,
                 from == FAILED ? "failed" : "new");
    cr_assert_eq(context.runs, kind_done(expected.to), "callbacks of %s, event %d", kind_name(from),
                 what);
    cr_assert_eq(first.drops + second.drops, 0, "the future keeps its result, the caller his own");
    sheaf_future_release(future);
    cr_assert_eq(first.drops, from == FINISHED);
    cr_assert_eq(second.drops, taken, "%s, event %d", kind_name(from), what);
    cr_assert_eq(context.drops, 1, "%s, event %d", kind_name(from), what);
}

Test(future, every_event_in_every_state_does_what_the_table_says, .timeout = LIMIT)
{
    for (kind from = 0; from < KINDS; from++)
        for (event what = 0; what < EVENTS; what++)
            assert_cell(from, what);
}

static void wait_for_result(void *future)
{
    (void)!sheaf_future_result(future, -1, NULL, NULL);
}

static void wait_for_error(void *future)
{
    sheaf_error of_task;
    (void)!sheaf_future_error(future, -1, &of_task);
}

static void wait_until_final(void *arg)
{
    sheaf_future *future = arg;
    (void)!sheaf_wait(&future, 1, -1, SHEAF_ALL_COMPLETED, NULL, NULL);
}

/* One waits for done, the other for final: who is woken, and who sleeps on? */
static void assert_wakes(kind from, event what)
{
    kind to = table[from][what].to;
    thing result = {0};
    aside for_result, for_error, for_final;
    sheaf_future *future = bare();
    bring_to(future, from, &result);
    if (!kind_done(from))
        aside_sleep(&for_result, wait_for_result, future);
    if (!kind_done(from))
        aside_sleep(&for_error, wait_for_error, future);
    aside_sleep(&for_final, wait_until_final, future);
    happen(future, what, &result);
    if (!kind_done(to)) {
        cr_assert(still_sleeps(&for_result), "result(): %s, event %d", kind_name(from), what);
        cr_assert(still_sleeps(&for_error), "error(): %s, event %d", kind_name(from), what);
    }
    if (!kind_final(to)) {
        cr_assert(still_sleeps(&for_final), "wait(): %s, event %d", kind_name(from), what);
        happen(future, kind_done(to) ? BEGIN : SET_RESULT, &result);
    }
    if (!kind_done(from)) {
        aside_join(&for_result);
        aside_join(&for_error);
    }
    aside_join(&for_final);
    sheaf_future_release(future);
}

Test(future, every_event_wakes_whom_the_table_says_and_nobody_else, .timeout = LIMIT)
{
    for (kind from = PENDING; from <= CANCELLED; from++)
        for (event what = 0; what < EVENTS; what++)
            assert_wakes(from, what);
}

static void assert_not_finished_by_hand(sheaf_future *future)
{
    thing own = {0};
    sheaf_future_state state = sheaf_future_get_state(future);
    for (event what = 0; what < EVENTS; what++)
        if (what != CANCEL)
            cr_assert_eq(happen(future, what, &own), SHEAF_ESTATE, "state %d, event %d", state,
                         what);
    cr_assert_eq(sheaf_future_get_state(future), state);
    cr_assert_eq(own.drops, 0);
}

Test(future, of_an_executor_is_not_moved_by_hand, .timeout = LIMIT)
{
    held_pool pool;
    held_pool_init(&pool);
    sheaf_future *queued = submit(pool.executor, give_back, &pool);
    assert_not_finished_by_hand(queued);
    assert_not_finished_by_hand(pool.running);
    gate_open(&pool.gate, 1);
    cr_assert_eq(result_of(queued), &pool);
    assert_not_finished_by_hand(queued);
    sheaf_future_release(queued);
    held_pool_end(&pool);
}

Test(future, only_a_failure_can_be_set_as_its_error, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    for (sheaf_status status = SHEAF_OK; status <= SHEAF_END; status++) {
        sheaf_error error = {.status = status};
        cr_assert_eq(sheaf_future_set_error(future, &error), SHEAF_EINVAL, "%d", status);
    }
    assert_is(future, PENDING);
    sheaf_future_release(future);
}

/* What an executor of one's own does with the future that it has given out. */
static void keep_promise(void *arg)
{
    sheaf_future *future = arg;
    static thing made;
    if (sheaf_future_set_running_or_notify_cancel(future) == SHEAF_OK)
        (void)!sheaf_future_set_result(future, &made);
    sheaf_future_release(future);
}

Test(future, made_by_hand_hands_out_what_another_thread_makes, .timeout = LIMIT)
{
    aside maker;
    void *result = NULL;
    sheaf_future *future = bare();
    aside_start(&maker, keep_promise, sheaf_future_retain(future));
    cr_assert_eq(sheaf_future_result(future, -1, &result, NULL), SHEAF_OK);
    cr_assert_eq(((thing *)result)->drops, 0);
    aside_join(&maker);
    sheaf_future_release(future);
    cr_assert_eq(((thing *)result)->drops, 1);
}

/* ---- waiting for one ---- */

static const int64_t times_ms[] = {0, 1, 1000000, INT64_MAX, -1, INT64_MIN};
enum { N_TIMES = sizeof times_ms / sizeof *times_ms };

Test(future, that_is_done_gives_its_result_at_once_whatever_the_timeout, .timeout = LIMIT)
{
    thing result = {0};
    sheaf_future *finished = bare();
    sheaf_future *failed = bare();
    set_result(finished, &result);
    set_error(failed, "failed");
    for (size_t i = 0; i < N_TIMES; i++) {
        void *got = NULL;
        sheaf_error err, of_task;
        cr_assert_eq(sheaf_future_result(finished, times_ms[i], &got, &err), SHEAF_OK);
        cr_assert_eq(got, &result);
        cr_assert_eq(sheaf_future_result(failed, times_ms[i], &got, &err), SHEAF_ETASK);
        cr_assert_str_eq(err.message, "failed");
        cr_assert_eq(sheaf_future_error(failed, times_ms[i], &of_task), SHEAF_OK);
        cr_assert_eq(of_task.status, SHEAF_ETASK);
        cr_assert_str_eq(of_task.message, "failed");
    }
    sheaf_future_release(finished);
    sheaf_future_release(failed);
}

Test(future, that_was_cancelled_says_so_to_whoever_asks, .timeout = LIMIT)
{
    for (kind k = CANCELLED; k <= NOTIFIED; k++) {
        sheaf_future *future = bare();
        bring_to(future, k, NULL);
        for (size_t i = 0; i < N_TIMES; i++) {
            void *got = NULL;
            sheaf_error err, of_task;
            cr_assert_eq(sheaf_future_result(future, times_ms[i], &got, &err), SHEAF_ECANCELLED);
            cr_assert_eq(err.status, SHEAF_ECANCELLED);
            cr_assert_eq(sheaf_future_take(future, times_ms[i], &got, &err), SHEAF_ECANCELLED);
            cr_assert_eq(sheaf_future_error(future, times_ms[i], &of_task), SHEAF_ECANCELLED);
            cr_assert_eq(of_task.status, SHEAF_ECANCELLED);
        }
        sheaf_future_release(future);
    }
}

Test(future, may_be_waited_for_by_any_number_of_threads, .timeout = LIMIT)
{
    enum { N = 40 };
    thing result = {0};
    aside waiters[N];
    sheaf_future *future = bare();
    for (int i = 0; i < N; i++)
        aside_sleep(&waiters[i], i % 2 ? wait_for_result : wait_for_error, future);
    set_result(future, &result);
    for (int i = 0; i < N; i++)
        aside_join(&waiters[i]);
    sheaf_future_release(future);
}

Test(future, ends_a_wait_by_its_state_not_by_what_woke_the_thread, .timeout = LIMIT)
{
    thing result = {0};
    aside waiters[2];
    sheaf_future *future = bare();
    aside_sleep(&waiters[0], wait_for_result, future);
    aside_sleep(&waiters[1], wait_for_error, future);
    hold_init();
    for (int i = 0; i < 50; i++) {
        hold_thread(&waiters[i % 2]); /* it wakes for no good reason */
        let_go();
        cr_assert(still_sleeps(&waiters[i % 2]), "it came back");
    }
    set_result(future, &result);
    aside_join(&waiters[0]);
    aside_join(&waiters[1]);
    sheaf_future_release(future);
}

typedef struct timed_wait {
    sheaf_future *future;
    int64_t timeout_ms;
    sheaf_status status;
    void *result;
} timed_wait;

static void wait_in_time(void *arg)
{
    timed_wait *self = arg;
    self->status = sheaf_future_result(self->future, self->timeout_ms, &self->result, NULL);
}

static void finish_it(void *arg)
{
    static thing result;
    (void)!sheaf_future_set_result(((timed_wait *)arg)->future, &result);
}

Test(future, done_at_the_moment_of_the_timeout_gives_its_result, .timeout = LIMIT)
{
    timed_wait wait = {.future = bare(), .timeout_ms = 100};
    at_the_timeout(wait.timeout_ms, wait_in_time, finish_it, &wait);
    cr_assert_eq(wait.status, SHEAF_OK, "%d", wait.status);
    cr_assert_not_null(wait.result);
    sheaf_future_release(wait.future);
}

Test(future, is_waited_for_as_long_as_was_said, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    for (int64_t ms = 1; ms <= 100; ms *= 10) {
        sheaf_error err;
        int64_t begin = now_ms();
        cr_assert_eq(sheaf_future_result(future, ms, NULL, &err), SHEAF_ETIMEDOUT);
        cr_assert_geq(now_ms() - begin, ms - 1, "of %d ms", (int)ms); /* now_ms() cuts off */
        cr_assert_eq(err.status, SHEAF_ETIMEDOUT);
        begin = now_ms();
        cr_assert_eq(sheaf_future_error(future, ms, &err), SHEAF_ETIMEDOUT);
        cr_assert_geq(now_ms() - begin, ms - 1, "of %d ms", (int)ms);
        cr_assert_eq(err.status, SHEAF_ETIMEDOUT);
    }
    sheaf_future_release(future);
}

Test(future, is_waited_for_by_the_longest_timeouts_too, .timeout = LIMIT)
{
    static const int64_t long_ms[] = {INT64_MAX,           INT64_MAX - 1, INT64_MAX / 1000,
                                      INT64_MAX / 1000000, INT64_MIN,     -1};
    for (size_t i = 0; i < sizeof long_ms / sizeof *long_ms; i++) {
        thing result = {0};
        timed_wait wait = {.future = bare(), .timeout_ms = long_ms[i]};
        aside thread;
        aside_sleep(&thread, wait_in_time, &wait);
        set_result(wait.future, &result);
        aside_join(&thread);
        cr_assert_eq(wait.status, SHEAF_OK, "%zu", i);
        sheaf_future_release(wait.future);
    }
}

Test(future, is_left_alone_by_a_timeout, .timeout = LIMIT)
{
    held_pool pool;
    sheaf_error of_task;
    held_pool_init(&pool);
    sheaf_future *queued = submit(pool.executor, give_back, &pool);
    for (int64_t ms = 0; ms < 3; ms++) {
        cr_assert_eq(sheaf_future_result(queued, ms, NULL, NULL), SHEAF_ETIMEDOUT);
        cr_assert_eq(sheaf_future_error(queued, ms, &of_task), SHEAF_ETIMEDOUT);
        cr_assert_eq(sheaf_future_take(pool.running, ms, NULL, NULL), SHEAF_ETIMEDOUT);
    }
    assert_is(queued, PENDING);
    assert_is(pool.running, RUNNING);
    gate_open(&pool.gate, 1);
    cr_assert_eq(result_of(queued), &pool);
    cr_assert_eq(result_of(pool.running), &pool.gate);
    sheaf_future_release(queued);
    held_pool_end(&pool);
}

/* ---- results and errors ---- */

Test(future, that_succeeded_has_an_empty_error, .timeout = LIMIT)
{
    thing result = {0};
    sheaf_error of_task;
    memset(&of_task, 'x', sizeof of_task);
    sheaf_future *future = bare();
    set_result(future, &result);
    cr_assert_eq(sheaf_future_error(future, -1, &of_task), SHEAF_OK);
    cr_assert_eq(of_task.status, SHEAF_OK);
    cr_assert_str_empty(of_task.message);
    sheaf_future_release(future);
}

/* What a task is to end with. */
typedef struct ending {
    sheaf_status status;
    void *result;
} ending;

static sheaf_status end_as_told(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    const ending *how = arg;
    *result = how->result;
    return how->status < 0 ? sheaf_error_set(err, how->status, "as told") : how->status;
}

Test(future, error_tells_a_task_that_failed_by_a_timeout_from_a_wait_that_did, .timeout = LIMIT)
{
    static const sheaf_status statuses[] = {SHEAF_ETIMEDOUT, SHEAF_ECANCELLED, SHEAF_EDEADLK};
    sheaf_executor *executor = pool_of(1);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        ending how = {.status = statuses[i]};
        sheaf_error of_task, err;
        sheaf_future *future = submit(executor, end_as_told, &how);
        cr_assert_eq(sheaf_future_error(future, -1, &of_task), SHEAF_OK);
        cr_assert_eq(of_task.status, statuses[i]);
        cr_assert_str_eq(of_task.message, "as told");
        cr_assert_eq(sheaf_future_result(future, -1, NULL, &err), statuses[i]);
        cr_assert_str_eq(err.message, "as told");
        assert_is(future, FAILED); /* whatever it failed with, it was not cancelled */
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

Test(future, of_a_task_that_ends_with_a_positive_status_has_succeeded, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    thing made = {0};
    ending how = {.status = SHEAF_END, .result = &made};
    sheaf_error of_task;
    sheaf_future *future = submit(executor, end_as_told, &how);
    cr_assert_eq(result_of(future), &made);
    cr_assert_eq(sheaf_future_error(future, -1, &of_task), SHEAF_OK);
    cr_assert_eq(of_task.status, SHEAF_OK);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(future, keeps_what_a_failed_task_has_left_and_does_not_let_it_be_taken, .timeout = LIMIT)
{
    thing left = {0};
    ending how = {.status = SHEAF_ETASK, .result = &left};
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit_task(
        executor, (sheaf_task){.run = end_as_told, .arg = &how, .drop_result = drop_thing});
    for (int i = 0; i < 3; i++) {
        void *got = NULL;
        sheaf_error err;
        cr_assert_eq(sheaf_future_take(future, -1, NULL, &err), SHEAF_ETASK);
        cr_assert_str_eq(err.message, "as told");
        cr_assert_eq(sheaf_future_result(future, -1, &got, NULL), SHEAF_ETASK);
        cr_assert_eq(got, &left);
    }
    sheaf_executor_destroy(executor);
    cr_assert_eq(left.drops, 0);
    sheaf_future_release(future);
    cr_assert_eq(left.drops, 1);
}

typedef struct taker {
    sheaf_future *future;
    sheaf_status status;
    void *result;
} taker;

static void take_result(void *arg)
{
    taker *self = arg;
    self->status = sheaf_future_take(self->future, -1, &self->result, NULL);
}

Test(future, gives_its_result_away_once, .timeout = LIMIT)
{
    enum { N = 10 };
    thing result = {0};
    aside threads[N];
    taker takers[N];
    sheaf_error of_task;
    sheaf_future *future = bare();
    for (int i = 0; i < N; i++) {
        takers[i] = (taker){.future = future};
        aside_sleep(&threads[i], take_result, &takers[i]);
    }
    set_result(future, &result);
    int taken = 0;
    for (int i = 0; i < N; i++) {
        aside_join(&threads[i]);
        cr_assert_eq(takers[i].status, takers[i].result ? SHEAF_OK : SHEAF_ESTATE);
        taken += takers[i].result == &result;
    }
    cr_assert_eq(taken, 1);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_ESTATE, "for good");
    cr_assert_eq(sheaf_future_error(future, -1, &of_task), SHEAF_OK, "it has not failed");
    sheaf_future_release(future);
    cr_assert_eq(result.drops, 0, "it is the taker's");
}

static void fill_error(sheaf_error *error)
{
    *error = (sheaf_error){.status = SHEAF_EQUOTE,
                           .os_error = 5,
                           .line = 6,
                           .line_byte = 7,
                           .record = 8,
                           .field = 9,
                           .offset_bytes = 10,
                           .excerpt_caret = 11};
    memset(error->source, 's', sizeof error->source - 1);
    memset(error->column, 'c', sizeof error->column - 1);
    memset(error->message, 'm', sizeof error->message - 1);
    memset(error->hint, 'h', sizeof error->hint - 1);
    memset(error->excerpt, 'e', sizeof error->excerpt - 1);
}

static void assert_filled(const sheaf_error *error)
{
    sheaf_error filled;
    fill_error(&filled);
    cr_assert(error->status == filled.status && error->os_error == filled.os_error &&
              error->line == filled.line && error->line_byte == filled.line_byte &&
              error->record == filled.record && error->field == filled.field &&
              error->offset_bytes == filled.offset_bytes &&
              error->excerpt_caret == filled.excerpt_caret);
    cr_assert_str_eq(error->source, filled.source);
    cr_assert_str_eq(error->column, filled.column);
    cr_assert_str_eq(error->message, filled.message);
    cr_assert_str_eq(error->hint, filled.hint);
    cr_assert_str_eq(error->excerpt, filled.excerpt);
}

Test(future, copies_an_error_whole_both_in_and_out, .timeout = LIMIT)
{
    sheaf_error error;
    sheaf_future *future = bare();
    fill_error(&error);
    cr_assert_eq(sheaf_future_set_error(future, &error), SHEAF_OK);
    memset(&error, 0, sizeof error);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sheaf_future_result(future, -1, NULL, &error), SHEAF_EQUOTE);
        assert_filled(&error);
        memset(&error, 0, sizeof error);
        cr_assert_eq(sheaf_future_error(future, -1, &error), SHEAF_OK);
        assert_filled(&error);
        memset(&error, 0, sizeof error);
    }
    cr_assert_eq(sheaf_future_error(future, -1, &error), SHEAF_OK);
    sheaf_future_release(future);
    assert_filled(&error);
}

Test(future, of_a_sequential_executor_is_done_when_submit_comes_back, .timeout = LIMIT)
{
    sheaf_executor *executor = sequential();
    sheaf_future *good = submit(executor, give_back, executor);
    sheaf_future *bad = submit(executor, fail, "3");
    assert_is(good, FINISHED);
    assert_is(bad, FAILED);
    cr_assert_eq(sheaf_future_cancel(good), SHEAF_ESTATE);
    assert_not_finished_by_hand(good);
    assert_gives(bad, FAILED, NULL, "item 3 is bad");
    sheaf_executor_destroy(executor);
    cr_assert_eq(result_of(good), executor);
    sheaf_future_release(good);
    sheaf_future_release(bad);
}
