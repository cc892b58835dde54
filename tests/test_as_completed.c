/*
 * Futures in the order in which they are completed: which come first, what comes once, what time
 * and references it takes, and the hangs that CPython has had here.
 */
#include <sys/wait.h>

#include "tests/support_futures.h"

enum { N_MAX = 16 };

static sheaf_as_completed *open_for(sheaf_future *const *futures, size_t n, int64_t timeout_ms)
{
    sheaf_as_completed *iterator = NULL;
    cr_assert_eq(sheaf_as_completed_open(futures, n, timeout_ms, &iterator, NULL), SHEAF_OK);
    return iterator;
}

/* The next one is this, and stood there; `left` come after it. */
static void assert_next(sheaf_as_completed *iterator, const sheaf_future *expected, size_t index,
                        size_t left)
{
    sheaf_future *future = NULL;
    size_t at = SIZE_MAX;
    sheaf_status status = sheaf_as_completed_next(iterator, &future, &at, NULL);
    cr_assert_eq(status, SHEAF_OK, "%d instead of number %zu", status, index);
    cr_assert_eq(at, index, "number %zu instead of %zu", at, index);
    cr_assert_eq(future, expected);
    cr_assert_eq(sheaf_as_completed_pending(iterator), left);
    sheaf_future_release(future);
}

static void assert_end(sheaf_as_completed *iterator)
{
    sheaf_future *future = NULL;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sheaf_as_completed_next(iterator, &future, NULL, NULL), SHEAF_END);
    cr_assert_eq(sheaf_as_completed_pending(iterator), 0);
}

static void assert_timed_out(sheaf_as_completed *iterator, const char *message)
{
    sheaf_future *future = NULL;
    sheaf_error err;
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(sheaf_as_completed_next(iterator, &future, NULL, &err), SHEAF_ETIMEDOUT);
        cr_assert_eq(err.status, SHEAF_ETIMEDOUT);
        cr_assert(strstr(err.message, message), "\"%s\" is not in \"%s\"", message, err.message);
    }
}

/* From the last on, so that the order of the array is not by chance that of their addresses. */
static void bare_all(sheaf_future **futures, size_t n)
{
    for (size_t i = n; i > 0; i--)
        futures[i - 1] = bare();
}

/* ---- the order ---- */

Test(as_completed, gives_what_is_final_already_first_in_the_order_of_the_array, .timeout = LIMIT)
{
    static const kind kinds[] = {PENDING, FINISHED, RUNNING, NOTIFIED, CANCELLED, FAILED, FINISHED};
    enum { N = sizeof kinds / sizeof *kinds };
    static thing result;
    sheaf_future *futures[N];
    bare_all(futures, N);
    for (int i = N - 1; i >= 0; i--) /* they were completed the other way round */
        bring_to(futures[i], kinds[i], &result);
    sheaf_as_completed *iterator = open_for(futures, N, -1);
    set_result(futures[2], &result);
    size_t left = N;
    for (size_t i = 0; i < N; i++)
        if (kind_final(kinds[i]))
            assert_next(iterator, futures[i], i, --left);
    assert_next(iterator, futures[2], 2, --left);
    cr_assert_eq(left, 2);
    sheaf_as_completed_close(iterator);
    release_all(futures, N);
}

Test(as_completed, gives_the_others_in_the_order_in_which_they_were_completed, .timeout = LIMIT)
{
    static const size_t order[] = {5, 0, 3, 1, 4, 2};
    enum { N = sizeof order / sizeof *order };
    static thing result;
    for (int late = 0; late < 2; late++) { /* all at the end, or one by one */
        sheaf_future *futures[N];
        bare_all(futures, N);
        sheaf_as_completed *iterator = open_for(futures, N, -1);
        for (size_t i = 0; i < N; i++) {
            bring_to(futures[order[i]], NOTIFIED + (kind)(i % 3), &result);
            if (!late)
                assert_next(iterator, futures[order[i]], order[i], N - 1 - i);
        }
        for (size_t i = 0; late && i < N; i++)
            assert_next(iterator, futures[order[i]], order[i], N - 1 - i);
        assert_end(iterator);
        sheaf_as_completed_close(iterator);
        release_all(futures, N);
    }
}

Test(as_completed, counts_what_it_has_still_to_give, .timeout = LIMIT)
{
    static thing result;
    sheaf_future *futures[3];
    bare_all(futures, 3);
    sheaf_as_completed *iterator = open_for(futures, 3, -1);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(sheaf_as_completed_pending(iterator), 3 - i);
        set_result(futures[i], &result);
        cr_assert_eq(sheaf_as_completed_pending(iterator), 3 - i, "it was not given yet");
        cr_assert_eq(sheaf_as_completed_total(iterator), 3);
        assert_next(iterator, futures[i], i, 2 - i);
    }
    cr_assert_eq(sheaf_as_completed_total(iterator), 3);
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    release_all(futures, 3);
}

Test(as_completed, gives_one_that_stands_there_several_times_once_with_its_first_place,
     .timeout = LIMIT)
{
    static thing result;
    sheaf_future *a = bare();
    sheaf_future *b = bare();
    sheaf_future *c = bare();
    sheaf_future *futures[] = {b, a, a, c, b, c, a, c};
    set_result(c, &result); /* a duplicate among those that are final, too */
    sheaf_as_completed *iterator = open_for(futures, 8, -1);
    cr_assert_eq(sheaf_as_completed_total(iterator), 3);
    set_result(a, &result);
    assert_next(iterator, c, 3, 2);
    assert_next(iterator, a, 1, 1);
    set_result(b, &result);
    assert_next(iterator, b, 0, 0);
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    release_all((sheaf_future *[]){a, b, c}, 3);
}

Test(as_completed, of_nothing_is_at_its_end, .timeout = LIMIT)
{
    for (int64_t ms = -1; ms < 2; ms++) {
        sheaf_as_completed *iterator = open_for(NULL, 0, ms);
        cr_assert_eq(sheaf_as_completed_total(iterator), 0);
        assert_end(iterator);
        sheaf_as_completed_close(iterator);
    }
    sheaf_as_completed_close(NULL);
}

Test(as_completed, does_not_need_to_tell_the_place, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    sheaf_future *given = NULL;
    set_error(future, "failed");
    sheaf_as_completed *iterator = open_for(&future, 1, -1);
    cr_assert_eq(sheaf_as_completed_next(iterator, &given, NULL, NULL), SHEAF_OK);
    cr_assert_eq(given, future);
    sheaf_future_release(given);
    sheaf_as_completed_close(iterator);
    sheaf_future_release(future);
}

/* ---- waiting ---- */

typedef struct consumer {
    aside thread;
    sheaf_as_completed *iterator;
    atomic_int n;         /* were given */
    size_t places[N_MAX]; /* in this order */
    sheaf_status statuses[N_MAX];
    sheaf_status end;
} consumer;

static void consume(void *arg)
{
    consumer *self = arg;
    sheaf_future *future = NULL;
    size_t at = 0;
    while ((self->end = sheaf_as_completed_next(self->iterator, &future, &at, NULL)) == SHEAF_OK) {
        self->places[self->n] = at;
        self->statuses[self->n] = sheaf_future_result(future, 0, NULL, NULL);
        sheaf_future_release(future);
        atomic_fetch_add(&self->n, 1);
    }
}

static void consumer_start(consumer *self, sheaf_future *const *futures, size_t n)
{
    *self = (consumer){.iterator = open_for(futures, n, -1)};
    aside_sleep(&self->thread, consume, self);
}

static void consumer_end(consumer *self)
{
    aside_join(&self->thread);
    cr_assert_eq(self->end, SHEAF_END);
    sheaf_as_completed_close(self->iterator);
}

Test(as_completed, sleeps_until_the_next_one_is_final_and_gives_it_then, .timeout = LIMIT)
{
    static thing result;
    consumer one;
    sheaf_future *futures[3];
    bare_all(futures, 3);
    consumer_start(&one, futures, 3);
    for (int i = 2; i >= 0; i--) {
        bring_to(futures[i], i == 1 ? CANCELLED : RUNNING, NULL);
        cr_assert(still_sleeps(&one.thread));
        cr_assert_eq(one.n, 2 - i, "running and cancelled are not final");
        if (i == 1)
            cr_assert_lt(sheaf_future_set_running_or_notify_cancel(futures[i]), 0);
        else
            set_result(futures[i], &result);
        cr_assert(still_sleeps(&one.thread) || i == 0);
        cr_assert(one.n == 3 - i || i == 0);
    }
    consumer_end(&one);
    cr_assert_eq(one.n, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(one.places[i], 2 - i);
        cr_assert_eq(one.statuses[i], i == 1 ? SHEAF_ECANCELLED : SHEAF_OK);
    }
    release_all(futures, 3);
}

Test(as_completed, may_be_several_of_the_same_futures, .timeout = LIMIT)
{
    enum { CONSUMERS = 6 };
    static thing result;
    consumer consumers[CONSUMERS];
    sheaf_future *futures[4];
    bare_all(futures, 4);
    for (int c = 0; c < CONSUMERS; c++)
        consumer_start(&consumers[c], futures, 4);
    for (size_t i = 0; i < 4; i++)
        set_result(futures[3 - i], &result);
    for (int c = 0; c < CONSUMERS; c++) {
        consumer_end(&consumers[c]);
        cr_assert_eq(consumers[c].n, 4);
        for (size_t i = 0; i < 4; i++)
            cr_assert_eq(consumers[c].places[i], 3 - i);
    }
    release_all(futures, 4);
}

Test(as_completed, is_not_ended_by_what_wakes_the_thread, .timeout = LIMIT)
{
    consumer one;
    sheaf_future *future = bare();
    consumer_start(&one, &future, 1);
    hold_init();
    for (int i = 0; i < 30; i++) {
        hold_thread(&one.thread);
        let_go();
        cr_assert(still_sleeps(&one.thread));
    }
    set_error(future, "failed");
    consumer_end(&one);
    cr_assert_eq(one.n, 1);
    sheaf_future_release(future);
}

typedef struct completer {
    aside thread;
    sheaf_future **futures;
    size_t from, to;
} completer;

static void complete_some(void *arg)
{
    static thing result;
    completer *self = arg;
    for (size_t i = self->from; i < self->to; i++) {
        if (i % 7 > 0) {
            (void)!sheaf_future_set_result(self->futures[i], &result);
        } else {
            sheaf_future_cancel(self->futures[i]);
            (void)!sheaf_future_set_running_or_notify_cancel(self->futures[i]);
        }
    }
}

Test(as_completed, gives_each_once_however_many_threads_complete_them, .timeout = LIMIT)
{
    enum { N = 100000, THREADS = 4 };
    completer completers[THREADS];
    sheaf_future **futures = calloc(N, sizeof *futures);
    bool *given = calloc(N, sizeof *given);
    bare_all(futures, N);
    complete_some(&(completer){.futures = futures, .from = 0, .to = N / 4});
    sheaf_as_completed *iterator = open_for(futures, N, -1);
    for (size_t t = 0; t < THREADS; t++) {
        completers[t].futures = futures;
        completers[t].from = N / 4 + t * (N - N / 4) / THREADS;
        completers[t].to = N / 4 + (t + 1) * (N - N / 4) / THREADS;
        aside_start(&completers[t].thread, complete_some, &completers[t]);
    }
    for (size_t i = 0; i < N; i++) {
        sheaf_future *future = NULL;
        size_t at = 0;
        cr_assert_eq(sheaf_as_completed_next(iterator, &future, &at, NULL), SHEAF_OK);
        cr_assert_eq(future, futures[at]);
        cr_assert_not(given[at]);
        cr_assert(i >= N / 4 || at == i);
        given[at] = true;
        sheaf_future_release(future);
    }
    assert_end(iterator);
    for (int t = 0; t < THREADS; t++)
        aside_join(&completers[t].thread);
    sheaf_as_completed_close(iterator);
    release_all(futures, N);
    free(futures);
    free(given);
}

/* ---- time ---- */

Test(as_completed, without_time_gives_what_is_final_and_then_times_out, .timeout = LIMIT)
{
    static thing result;
    sheaf_future *futures[4];
    bare_all(futures, 4);
    set_result(futures[1], &result);
    cancel_bare(futures[3]);
    sheaf_as_completed *iterator = open_for(futures, 4, 0);
    assert_next(iterator, futures[1], 1, 3);
    assert_next(iterator, futures[3], 3, 2);
    assert_timed_out(iterator, "2 (of 4) futures unfinished");
    cr_assert_eq(sheaf_as_completed_pending(iterator), 2);
    cr_assert_eq(sheaf_as_completed_total(iterator), 4);
    set_result(futures[2], &result);
    assert_next(iterator, futures[2], 2, 1); /* final now: given even then */
    assert_timed_out(iterator, "1 (of 4) futures unfinished");
    set_result(futures[0], &result);
    assert_next(iterator, futures[0], 0, 0);
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    release_all(futures, 4);
}

Test(as_completed, counts_its_time_from_open_and_for_all_of_them_together, .timeout = LIMIT)
{
    enum { MS = 1000 };
    static thing result;
    sheaf_future *futures[3];
    bare_all(futures, 3);
    sheaf_as_completed *iterator = open_for(futures, 3, MS);
    int64_t opened = now_ms();
    set_result(futures[0], &result);
    assert_next(iterator, futures[0], 0, 2);
    await_moment(opened + MS);
    set_result(futures[1], &result);
    assert_next(iterator, futures[1], 1, 1);
    assert_timed_out(iterator, "1 (of 3) futures unfinished");
    /* Had any of these counted from its own beginning, that much more would have passed. */
    cr_assert_lt(now_ms() - opened, 2 * MS);
    sheaf_as_completed_close(iterator);
    release_all(futures, 3);
}

Test(as_completed, waits_as_long_as_was_said, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    int64_t begin = now_ms();
    sheaf_as_completed *iterator = open_for(&future, 1, 60);
    assert_timed_out(iterator, "1 (of 1) futures unfinished");
    cr_assert_geq(now_ms() - begin, 59);
    sheaf_as_completed_close(iterator);
    sheaf_future_release(future);
}

Test(as_completed, may_wait_as_long_as_numbers_go, .timeout = LIMIT)
{
    static const int64_t long_ms[] = {INT64_MAX, INT64_MAX / 1000, INT64_MAX / 1000000, INT64_MIN};
    for (size_t i = 0; i < sizeof long_ms / sizeof *long_ms; i++) {
        sheaf_future *future = bare();
        consumer one = {.iterator = open_for(&future, 1, long_ms[i])};
        aside_sleep(&one.thread, consume, &one);
        set_error(future, "failed");
        consumer_end(&one);
        cr_assert_eq(one.n, 1);
        sheaf_future_release(future);
    }
}

typedef struct timely {
    sheaf_future *future;
    sheaf_status status;
} timely;

static void take_the_first(void *arg)
{
    timely *self = arg;
    sheaf_future *given = NULL;
    sheaf_as_completed *iterator = NULL;
    self->status = sheaf_as_completed_open(&self->future, 1, 100, &iterator, NULL);
    if (self->status == SHEAF_OK)
        self->status = sheaf_as_completed_next(iterator, &given, NULL, NULL);
    sheaf_future_release(given);
    sheaf_as_completed_close(iterator);
}

static void finish_it(void *arg)
{
    static thing result;
    (void)!sheaf_future_set_result(((timely *)arg)->future, &result);
}

Test(as_completed, gives_what_is_final_at_the_moment_of_the_timeout, .timeout = LIMIT)
{
    timely one = {.future = bare()};
    at_the_timeout(100, take_the_first, finish_it, &one);
    cr_assert_eq(one.status, SHEAF_OK);
    sheaf_future_release(one.future);
}

/* ---- references ---- */

Test(as_completed, moves_one_reference_to_the_caller_and_keeps_none, .timeout = LIMIT)
{
    enum { N = 3 };
    thing results[N] = {{0}};
    sheaf_future **futures = calloc(2 * N, sizeof *futures);
    sheaf_future *bares[N];
    for (int i = 0; i < N; i++)
        bares[i] = futures[i] = futures[N + i] = bare();
    set_result(bares[0], &results[0]);
    sheaf_as_completed *iterator = open_for(futures, 2 * N, -1);
    set_result(bares[1], &results[1]);
    memset(futures, 0, 2 * N * sizeof *futures);
    free(futures); /* and the caller's references: the iterator has its own */
    for (int i = 0; i < N - 1; i++)
        sheaf_future_release(bares[i]);
    for (int i = 0; i < N; i++) {
        sheaf_future *given = NULL;
        if (i == N - 1) {
            set_result(bares[i], &results[i]);
            sheaf_future_release(bares[i]);
        }
        cr_assert_eq(sheaf_as_completed_next(iterator, &given, NULL, NULL), SHEAF_OK);
        cr_assert_eq(results[i].drops, 0);
        cr_assert_eq(result_of(given), &results[i]);
        sheaf_future_release(given);
        cr_assert_eq(results[i].drops, 1, "the reference that was given is the last");
    }
    assert_end(iterator);
    sheaf_as_completed_close(iterator);
    for (int i = 0; i < N; i++)
        cr_assert_eq(results[i].drops, 1);
}

Test(as_completed, closed_early_forgets_the_rest_which_goes_on, .timeout = LIMIT)
{
    thing results[4] = {{0}};
    thing note = {0};
    sheaf_future *futures[4];
    bare_all(futures, 4);
    add_note(futures[3], &note);
    sheaf_as_completed *iterator = open_for(futures, 4, -1);
    for (int i = 0; i < 3; i++)
        set_result(futures[i], &results[i]);
    assert_next(iterator, futures[0], 0, 3);
    sheaf_future_release(futures[1]);
    cr_assert_eq(results[1].drops, 0, "final, and to be given");
    sheaf_as_completed_close(iterator);
    cr_assert_eq(results[1].drops, 1, "but it was not");
    cr_assert_eq(results[2].drops, 0, "the caller has it still");
    cr_assert_eq(sheaf_future_get_state(futures[3]), SHEAF_FUTURE_PENDING);
    set_result(futures[3], &results[3]);
    cr_assert_eq(note.runs, 1);
    for (int i = 0; i < 4; i++)
        if (i != 1)
            sheaf_future_release(futures[i]);
    for (int i = 0; i < 4; i++)
        cr_assert_eq(results[i].drops, 1, "%d", i);
}

Test(as_completed, closed_while_they_are_completed_is_not_told_any_more, .timeout = LIMIT)
{
    enum { N = 16 };
    for (int round = 0; round < 300; round++) {
        sheaf_future *futures[N];
        completer all = {.futures = futures, .to = N};
        bare_all(futures, N);
        sheaf_as_completed *iterator = open_for(futures, N, 0);
        aside_start(&all.thread, complete_some, &all);
        for (int i = 0; i < round % N; i++) {
            sheaf_future *given = NULL;
            (void)!sheaf_as_completed_next(iterator, &given, NULL, NULL);
            sheaf_future_release(given);
        }
        sheaf_as_completed_close(iterator);
        aside_join(&all.thread);
        release_all(futures, N);
    }
}
