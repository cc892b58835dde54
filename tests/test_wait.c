/*
 * Waiting for many futures at once: when each of the three conditions holds, what ends a wait and
 * what does not, and what is told of each future. An oracle of three lines says when a condition
 * holds. Waiting inside a worker: test_wait_inside.c.
 */
#include <sys/wait.h>

#include "tests/support_futures.h"

enum { MODES = 3, N_MAX = 8 };

static const sheaf_return_when modes[MODES] = {SHEAF_ALL_COMPLETED, SHEAF_FIRST_COMPLETED,
                                               SHEAF_FIRST_EXCEPTION};

/* The definition. */
static bool holds(sheaf_return_when when, const kind *kinds, size_t n)
{
    size_t n_final = 0;
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        n_final += kind_final(kinds[i]);
        n_failed += kinds[i] == FAILED;
    }
    return n_final == n || (when == SHEAF_FIRST_COMPLETED && n_final > 0) ||
           (when == SHEAF_FIRST_EXCEPTION && n_failed > 0);
}

/* ---- futures that do not move ---- */

static void assert_mixture(const kind *kinds, size_t n)
{
    static thing result;
    sheaf_future *futures[N_MAX];
    for (size_t i = 0; i < n; i++) {
        futures[i] = bare();
        bring_to(futures[i], kinds[i], &result);
    }
    for (int m = 0; m < MODES; m++) {
        bool held = holds(modes[m], kinds, n);
        for (int64_t ms = held ? -1 : 0; ms < 2; ms++) {
            bool done[N_MAX];
            sheaf_error err;
            for (size_t i = 0; i < n; i++)
                done[i] = !kind_final(kinds[i]);
            cr_assert_eq(sheaf_wait(futures, n, ms, modes[m], done, &err),
                         held ? SHEAF_OK : SHEAF_ETIMEDOUT);
            cr_assert(held || err.status == SHEAF_ETIMEDOUT);
            for (size_t i = 0; i < n; i++)
                cr_assert_eq(done[i], kind_final(kinds[i]), "%s, mode %d", kind_name(kinds[i]), m);
            cr_assert_eq(sheaf_wait(futures, n, ms < 0 ? ms : 0, modes[m], NULL, NULL),
                         held ? SHEAF_OK : SHEAF_ETIMEDOUT);
        }
    }
    release_all(futures, n);
}

Test(wait, every_condition_holds_for_exactly_the_mixtures_that_it_should, .timeout = 2 * LIMIT)
{
    kind kinds[3];
    for (kinds[0] = 0; kinds[0] < KINDS; kinds[0]++) {
        assert_mixture(kinds, 1);
        for (kinds[1] = 0; kinds[1] < KINDS; kinds[1]++) {
            assert_mixture(kinds, 2);
            for (kinds[2] = 0; kinds[2] < KINDS; kinds[2]++)
                assert_mixture(kinds, 3);
        }
    }
}

Test(wait, for_nothing_comes_back_at_once, .timeout = LIMIT)
{
    bool done = true;
    for (int m = 0; m < MODES; m++) {
        for (int64_t ms = -1; ms < 2; ms++) {
            cr_assert_eq(sheaf_wait(NULL, 0, ms, modes[m], NULL, NULL), SHEAF_OK);
            cr_assert_eq(sheaf_wait(NULL, 0, ms, modes[m], &done, NULL), SHEAF_OK);
        }
    }
    cr_assert(done, "nothing is written");
}

Test(wait, for_a_condition_that_does_not_exist_is_refused, .timeout = LIMIT)
{
    sheaf_future *future = bare();
    sheaf_error err;
    cr_assert_eq(sheaf_wait(&future, 1, 0, (sheaf_return_when)3, NULL, &err), SHEAF_EINVAL);
    cr_assert_eq(err.status, SHEAF_EINVAL);
    sheaf_future_release(future);
}

/* ---- futures that move while another thread waits for them ---- */

typedef struct many {
    sheaf_future *futures[N_MAX];
    size_t n;
    sheaf_return_when when;
    int64_t timeout_ms;
    sheaf_status status;
    bool done[N_MAX];
    aside thread;
} many;

static void wait_for_many(void *arg)
{
    many *self = arg;
    self->status = sheaf_wait(self->futures, self->n, self->timeout_ms, self->when, self->done,
                              NULL);
}

static void many_init(many *self, size_t n, sheaf_return_when when, int64_t timeout_ms)
{
    *self = (many){.n = n, .when = when, .timeout_ms = timeout_ms};
    for (size_t i = 0; i < n; i++)
        self->futures[i] = bare();
}

static void assert_ends(many *self, const kind *kinds)
{
    aside_join(&self->thread);
    cr_assert_eq(self->status, SHEAF_OK);
    for (size_t i = 0; i < self->n; i++)
        cr_assert_eq(self->done[i], kind_final(kinds[i]), "%zu", i);
}

/*
 * One after the other, the futures become what `ends` says of them, PENDING at the end of the list:
 * they stay so. The wait is to end with the last that changes and not before.
 */
static void assert_ends_with_the_last_of(sheaf_return_when when, size_t n, const kind *ends)
{
    static thing result;
    kind now[N_MAX] = {PENDING};
    many all;
    many_init(&all, n, when, -1);
    aside_sleep(&all.thread, wait_for_many, &all);
    for (size_t i = 0; i < n && ends[i] != PENDING; i++) {
        cr_assert(still_sleeps(&all.thread), "ended before number %zu", i);
        if (ends[i] == NOTIFIED) {
            bring_to(all.futures[i], CANCELLED, NULL);
            cr_assert(still_sleeps(&all.thread), "cancelled is not yet final");
            cr_assert_lt(sheaf_future_set_running_or_notify_cancel(all.futures[i]), 0);
        } else {
            bring_to(all.futures[i], RUNNING, NULL);
            cr_assert(still_sleeps(&all.thread), "running is not final");
            bring_to(all.futures[i], ends[i], &result);
        }
        now[i] = ends[i];
    }
    assert_ends(&all, now);
    release_all(all.futures, n);
}

Test(wait, for_all_ends_with_the_last_one, .timeout = LIMIT)
{
    assert_ends_with_the_last_of(SHEAF_ALL_COMPLETED, 1, (kind[]){FINISHED});
    assert_ends_with_the_last_of(SHEAF_ALL_COMPLETED, 1, (kind[]){NOTIFIED});
    assert_ends_with_the_last_of(SHEAF_ALL_COMPLETED, 3, (kind[]){FINISHED, FAILED, NOTIFIED});
    assert_ends_with_the_last_of(SHEAF_ALL_COMPLETED, 4,
                                 (kind[]){FAILED, NOTIFIED, NOTIFIED, FINISHED});
}

Test(wait, for_the_first_ends_with_the_first_one_whatever_its_end, .timeout = LIMIT)
{
    for (kind k = NOTIFIED; k < KINDS; k++)
        assert_ends_with_the_last_of(SHEAF_FIRST_COMPLETED, 3, (kind[]){k, PENDING, PENDING});
}

Test(wait, for_an_exception_ends_with_the_first_failure, .timeout = LIMIT)
{
    assert_ends_with_the_last_of(SHEAF_FIRST_EXCEPTION, 2, (kind[]){FAILED, PENDING});
    assert_ends_with_the_last_of(SHEAF_FIRST_EXCEPTION, 4,
                                 (kind[]){FINISHED, NOTIFIED, FAILED, PENDING});
}

Test(wait, for_an_exception_waits_for_all_if_there_is_none_and_cancelled_is_none, .timeout = LIMIT)
{
    assert_ends_with_the_last_of(SHEAF_FIRST_EXCEPTION, 2, (kind[]){NOTIFIED, NOTIFIED});
    assert_ends_with_the_last_of(SHEAF_FIRST_EXCEPTION, 3, (kind[]){FINISHED, NOTIFIED, FINISHED});
}

Test(wait, tells_of_each_duplicate_the_same, .timeout = LIMIT)
{
    static const kind ends[] = {FINISHED, PENDING, FINISHED, FINISHED};
    static thing result;
    for (int m = 0; m < MODES; m++) {
        many all;
        many_init(&all, 2, modes[m], -1);
        all.n = 4; /* a b a a */
        all.futures[2] = all.futures[3] = all.futures[0];
        cr_assert_eq(sheaf_wait(all.futures, 4, 0, modes[m], all.done, NULL), SHEAF_ETIMEDOUT);
        aside_sleep(&all.thread, wait_for_many, &all);
        set_result(all.futures[0], &result);
        if (modes[m] == SHEAF_FIRST_COMPLETED) {
            assert_ends(&all, ends);
        } else {
            cr_assert(still_sleeps(&all.thread), "three of four are final, but that is one future");
            set_result(all.futures[1], &result);
            assert_ends(&all, (kind[]){FINISHED, FINISHED, FINISHED, FINISHED});
        }
        release_all(all.futures, 2);
    }
}

Test(wait, may_be_done_by_many_threads_for_the_same_futures, .timeout = LIMIT)
{
    enum { THREADS = 12, N = 4 };
    static thing result;
    many waits[THREADS];
    sheaf_future *futures[N];
    for (int i = 0; i < N; i++)
        futures[i] = bare();
    for (size_t t = 0; t < THREADS; t++) {
        waits[t] = (many){.n = N, .when = modes[t % MODES], .timeout_ms = -1};
        for (size_t i = 0; i < N; i++) /* each in an order of its own: no two locks are held */
            waits[t].futures[t % 2 ? i : N - 1 - i] = futures[(i + t) % N];
        aside_sleep(&waits[t].thread, wait_for_many, &waits[t]);
    }
    for (int i = 0; i < N; i++)
        set_result(futures[i], &result);
    for (int t = 0; t < THREADS; t++) {
        aside_join(&waits[t].thread);
        cr_assert_eq(waits[t].status, SHEAF_OK);
    }
    release_all(futures, N);
}

/* ---- time ---- */

Test(wait, lasts_as_long_as_was_said_and_tells_what_is_done_all_the_same, .timeout = LIMIT)
{
    static thing result;
    many all;
    many_init(&all, 3, SHEAF_ALL_COMPLETED, 50);
    set_result(all.futures[1], &result);
    int64_t begin = now_ms();
    wait_for_many(&all);
    cr_assert_geq(now_ms() - begin, 49);
    cr_assert_eq(all.status, SHEAF_ETIMEDOUT);
    cr_assert(!all.done[0] && all.done[1] && !all.done[2]);
    release_all(all.futures, 3);
}

Test(wait, may_last_as_long_as_numbers_go, .timeout = LIMIT)
{
    static const int64_t long_ms[] = {INT64_MAX, INT64_MAX / 1000, INT64_MAX / 1000000, INT64_MIN};
    static thing result;
    for (size_t i = 0; i < sizeof long_ms / sizeof *long_ms; i++) {
        many all;
        many_init(&all, 2, SHEAF_FIRST_COMPLETED, long_ms[i]);
        aside_sleep(&all.thread, wait_for_many, &all);
        set_result(all.futures[1], &result);
        assert_ends(&all, (kind[]){PENDING, FINISHED});
        release_all(all.futures, 2);
    }
}

static void finish_all(void *arg)
{
    static thing result;
    many *self = arg;
    for (size_t i = 0; i < self->n; i++)
        (void)!sheaf_future_set_result(self->futures[i], &result);
}

Test(wait, whose_condition_holds_at_the_moment_of_the_timeout_has_not_timed_out, .timeout = LIMIT)
{
    many all;
    many_init(&all, 3, SHEAF_ALL_COMPLETED, 100);
    at_the_timeout(all.timeout_ms, wait_for_many, finish_all, &all);
    cr_assert_eq(all.status, SHEAF_OK);
    cr_assert(all.done[0] && all.done[1] && all.done[2]);
    release_all(all.futures, 3);
}

Test(wait, is_not_ended_by_what_wakes_the_thread, .timeout = LIMIT)
{
    many all;
    many_init(&all, 2, SHEAF_FIRST_COMPLETED, -1);
    aside_sleep(&all.thread, wait_for_many, &all);
    hold_init();
    for (int i = 0; i < 30; i++) {
        hold_thread(&all.thread);
        let_go();
        cr_assert(still_sleeps(&all.thread));
    }
    hold_thread(&all.thread);
    finish_all(&all);
    let_go();
    assert_ends(&all, (kind[]){FINISHED, FINISHED}); /* more than the one that was enough */
    release_all(all.futures, 2);
}

/* What is returned and what is told of each must agree, whenever the time is over. */
static void complete_in_turn(void *arg)
{
    static thing result;
    many *self = arg;
    for (size_t i = 0; i < self->n; i++) {
        for (volatile int spin = 0; spin < 3000; spin++) {
        }
        if (i % 4 == 3)
            set_error(self->futures[i], "failed");
        else
            (void)!sheaf_future_set_result(self->futures[i], &result);
    }
}

Test(wait, says_timed_out_exactly_when_what_is_done_does_not_do, .timeout = LIMIT)
{
    for (int round = 0; round < 300; round++) {
        many all;
        many_init(&all, N_MAX, modes[round % MODES], 0);
        aside_start(&all.thread, complete_in_turn, &all);
        for (all.status = SHEAF_ETIMEDOUT; all.status == SHEAF_ETIMEDOUT;) {
            kind now[N_MAX];
            all.timeout_ms = all.timeout_ms == 0;
            wait_for_many(&all);
            for (int i = 0; i < N_MAX; i++)
                now[i] = !all.done[i] ? PENDING : i % 4 == 3 ? FAILED : FINISHED;
            cr_assert_eq(all.status, holds(all.when, now, N_MAX) ? SHEAF_OK : SHEAF_ETIMEDOUT);
        }
        aside_join(&all.thread);
        release_all(all.futures, N_MAX);
    }
}

/* ---- ownership, and many ---- */

Test(wait, that_is_over_has_left_nothing_on_the_futures, .timeout = LIMIT)
{
    thing result = {0};
    sheaf_future *futures[2] = {bare(), bare()};
    set_result(futures[1], &result);
    for (int i = 0; i < 20000; i++) {
        cr_assert_eq(sheaf_wait(futures, 2, 0, SHEAF_ALL_COMPLETED, NULL, NULL), SHEAF_ETIMEDOUT);
        cr_assert_eq(sheaf_wait(futures, 2, -1, SHEAF_FIRST_COMPLETED, NULL, NULL), SHEAF_OK);
    }
    cr_assert_eq(sheaf_wait(futures, 2, 1, SHEAF_ALL_COMPLETED, NULL, NULL), SHEAF_ETIMEDOUT);
    sheaf_future_release(futures[1]);
    cr_assert_eq(result.drops, 1, "no reference was kept");
    set_result(futures[0], &result); /* nobody is there to be told */
    sheaf_future_release(futures[0]);
    cr_assert_eq(result.drops, 2);
}

typedef struct crowd {
    sheaf_future **futures;
    size_t n;
    sheaf_status status;
} crowd;

static void wait_for_crowd(void *arg)
{
    crowd *self = arg;
    self->status = sheaf_wait(self->futures, self->n, -1, SHEAF_ALL_COMPLETED, NULL, NULL);
}

Test(wait, for_a_hundred_thousand_futures_ends_with_the_last, .timeout = LIMIT)
{
    enum { N = 100000 };
    static thing result;
    aside thread;
    crowd all = {.futures = calloc(N, sizeof(sheaf_future *)), .n = N};
    bool *done = calloc(N, sizeof *done);
    for (size_t i = 0; i < N; i++)
        all.futures[i] = i % 10 == 9 ? sheaf_future_retain(all.futures[i - 9]) : bare();
    cr_assert_eq(sheaf_wait(all.futures, N, 0, SHEAF_FIRST_COMPLETED, done, NULL), SHEAF_ETIMEDOUT);
    aside_sleep(&thread, wait_for_crowd, &all);
    for (size_t i = N - 1; i > 0; i--)
        if (i % 10 != 9)
            set_result(all.futures[i], &result);
    cr_assert(still_sleeps(&thread));
    cr_assert_eq(sheaf_wait(all.futures, N, 0, SHEAF_ALL_COMPLETED, done, NULL), SHEAF_ETIMEDOUT);
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(done[i], i != 0 && i != 9, "%zu", i);
    set_result(all.futures[0], &result);
    aside_join(&thread);
    cr_assert_eq(all.status, SHEAF_OK);
    release_all(all.futures, N);
    free(all.futures);
    free(done);
}

Test(wait, for_one_future_many_times_costs_no_more, .timeout = LIMIT)
{
    enum { N = 300000 }; /* to look for each record among the others would take minutes */
    static thing result;
    aside thread;
    crowd all = {.futures = calloc(N, sizeof(sheaf_future *)), .n = N};
    for (size_t i = 0; i < N; i++)
        all.futures[i] = i == 0 ? bare() : sheaf_future_retain(all.futures[0]);
    for (int m = 0; m < MODES; m++)
        cr_assert_eq(sheaf_wait(all.futures, N, 0, modes[m], NULL, NULL), SHEAF_ETIMEDOUT);
    aside_sleep(&thread, wait_for_crowd, &all);
    set_result(all.futures[0], &result);
    aside_join(&thread);
    cr_assert_eq(all.status, SHEAF_OK);
    release_all(all.futures, N);
    free(all.futures);
}

/* ---- futures of executors ---- */

Test(wait, for_futures_of_several_executors_and_bare_ones, .timeout = LIMIT)
{
    enum { N = 5 };
    static thing result;
    held_pool one, two;
    many all = {.n = N, .timeout_ms = -1};
    sheaf_executor *third = sequential();
    held_pool_init(&one);
    held_pool_init(&two);
    all.futures[0] = sheaf_future_retain(one.running);
    all.futures[1] = submit(two.executor, give_back, NULL);
    all.futures[2] = submit(third, fail, "3");
    all.futures[3] = bare();
    all.futures[4] = submit(one.executor, give_back, NULL);
    cr_assert_eq(sheaf_wait(all.futures, N, -1, SHEAF_FIRST_EXCEPTION, all.done, NULL), SHEAF_OK);
    cr_assert(!all.done[0] && !all.done[1] && all.done[2] && !all.done[3] && !all.done[4]);
    aside_sleep(&all.thread, wait_for_many, &all);
    gate_open(&one.gate, 1);
    result_of(all.futures[4]);
    cr_assert(still_sleeps(&all.thread));
    set_result(all.futures[3], &result);
    cr_assert(still_sleeps(&all.thread));
    cr_assert_eq(sheaf_future_cancel(all.futures[1]), SHEAF_OK);
    assert_ends(&all, (kind[]){FINISHED, NOTIFIED, FAILED, FINISHED, FINISHED});
    release_all(all.futures, N);
    held_pool_end(&one);
    held_pool_end(&two);
    sheaf_executor_destroy(third);
}

/* gh-92001: CPython's wait hangs, for nobody notifies what shutdown has cancelled. */
Test(wait, is_told_at_once_of_what_a_shutdown_cancels, .timeout = LIMIT)
{
    held_pool pool;
    many all = {.n = 4, .timeout_ms = -1};
    held_pool_init(&pool);
    for (size_t i = 0; i < all.n; i++)
        all.futures[i] = submit(pool.executor, give_back, NULL);
    cr_assert_eq(sheaf_future_cancel(all.futures[2]), SHEAF_OK);
    aside_sleep(&all.thread, wait_for_many, &all);
    cr_assert_eq(sheaf_executor_shutdown(pool.executor, false, true), SHEAF_OK);
    assert_ends(&all, (kind[]){NOTIFIED, NOTIFIED, NOTIFIED, NOTIFIED});
    cr_assert_eq(sheaf_future_get_state(pool.running), SHEAF_FUTURE_RUNNING, "all the time");
    release_all(all.futures, all.n);
    held_pool_end(&pool);
}

Test(wait, in_a_child_of_fork_does_not_hang, .timeout = LIMIT)
{
    held_pool pool;
    bool done[2] = {true, false};
    held_pool_init(&pool);
    sheaf_future *futures[2] = {pool.running, bare()};
    set_error(futures[1], "failed");
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT / 2);
        bool good = sheaf_wait(futures, 2, -1, SHEAF_ALL_COMPLETED, done, NULL) == SHEAF_EFORKED &&
                    !done[0] && done[1] &&
                    sheaf_wait(futures, 2, -1, SHEAF_FIRST_EXCEPTION, done, NULL) == SHEAF_OK &&
                    sheaf_wait(futures, 2, -1, SHEAF_FIRST_COMPLETED, done, NULL) == SHEAF_OK;
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%x", (unsigned)status);
    sheaf_future_release(futures[1]);
    held_pool_end(&pool);
}
