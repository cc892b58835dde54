/*
 * Maps whose tasks are chunks of several items, and maps with a bound in bytes: what is yielded,
 * pulled and dropped is the same as item by item, whatever the chunk and the window.
 */
#include "tests/support_map.h"

static const size_t chunksizes[] = {0, 1, 2, 3, 5, 8, 16, 64, 1000};
static const size_t windows[] = {0, 1, 2, 3, 7, 8, 31, 32, 64, 1000};

enum { N_CHUNKSIZES = 9, N_WINDOWS = 10 };

/* ---- the same for every chunksize and window ---- */

/* What the consumer sees: so many results, and then this. */
typedef struct ending {
    size_t n_yielded;
    sheaf_status status;
    char message[64];
} ending;

/* A course with its faults: items that fail, a source that does, a consumer that stops early. */
typedef struct plan {
    size_t last;
    size_t bad; /* the first item that fails, from 1; 0: none. Every other one after it does too */
    sheaf_status source_ending;
    size_t enough; /* the consumer closes after so many; 0: never */
} plan;

/* What a loop over the source would see. */
static ending expected_of(const plan *p, bool eager)
{
    ending e = {.n_yielded = p->last, .status = SHEAF_END};
    if (p->bad > 0) {
        e = (ending){.n_yielded = p->bad - 1, .status = SHEAF_ETASK};
        snprintf(e.message, sizeof e.message, "item %zu is bad", p->bad);
    } else if (p->source_ending < 0) {
        e.status = p->source_ending;
        snprintf(e.message, sizeof e.message, "the source ends badly");
    }
    if (p->source_ending < 0 && eager) { /* which open tells, before anything is yielded */
        e = (ending){.n_yielded = 0, .status = p->source_ending};
        snprintf(e.message, sizeof e.message, "the source ends badly");
    }
    if (p->enough > 0 && e.n_yielded >= p->enough)
        e = (ending){.n_yielded = p->enough, .status = SHEAF_OK};
    return e;
}

static void follow_plan(const plan *p, sheaf_executor *executor, size_t window, size_t chunksize,
                        ending *seen)
{
    course source;
    sheaf_map *map = NULL;
    sheaf_error err;
    sheaf_error_clear(&err);
    course_init(&source, p->last);
    source.ending = p->source_ending;
    for (size_t i = p->bad; i > 0 && i <= p->last; i += 2)
        source.items[i - 1].fails = true;
    sheaf_map_options options = course_options(&source, window, chunksize);
    sheaf_status status = course_open(&source, executor, &options, &map, &err);
    while (status == SHEAF_OK && (p->enough == 0 || source.n_yielded < p->enough))
        status = course_step(&source, map, &err);
    *seen = (ending){.n_yielded = source.n_yielded, .status = status};
    if (status < 0)
        snprintf(seen->message, sizeof seen->message, "%.63s", err.message);
    if (status != SHEAF_OK && map)
        cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
    sheaf_map_close(map);
    cr_assert(window == 0 || source.ahead_max <= window, "%zu ahead, of %zu", source.ahead_max,
              window);
    course_check(&source);
}

static void assert_plan(const plan *p, sheaf_executor *executor, const char *what)
{
    for (size_t w = 0; w < N_WINDOWS; w++) {
        ending expected = expected_of(p, windows[w] == 0);
        for (size_t c = 0; c < N_CHUNKSIZES; c++) {
            ending seen;
            follow_plan(p, executor, windows[w], chunksizes[c], &seen);
            cr_assert(seen.n_yielded == expected.n_yielded && seen.status == expected.status &&
                          strcmp(seen.message, expected.message) == 0,
                      "%s, window %zu, chunks of %zu: %zu results and %s \"%s\", not %zu and %s "
                      "\"%s\"",
                      what, windows[w], chunksizes[c], seen.n_yielded,
                      sheaf_status_name(seen.status), seen.message, expected.n_yielded,
                      sheaf_status_name(expected.status), expected.message);
        }
    }
}

static sheaf_executor *executor_of(int kind)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = kind,
                                      .kind = kind == 0 ? SHEAF_EXECUTOR_SEQUENTIAL
                                                        : SHEAF_EXECUTOR_THREADS};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

/* On the sequential kind, and on one to three threads. */
static void assert_plan_everywhere(plan p, const char *what)
{
    for (int kind = 0; kind <= 3; kind++) {
        sheaf_executor *executor = executor_of(kind);
        assert_plan(&p, executor, what);
        sheaf_executor_destroy(executor);
    }
}

Test(map_chunks, results_are_the_same_for_every_chunksize_and_window, .timeout = 3 * LIMIT)
{
    for (size_t last = 0; last <= 70; last += 7)
        assert_plan_everywhere((plan){.last = last}, "all good");
    assert_plan_everywhere((plan){.last = 1}, "one item");
}

Test(map_chunks, the_first_failure_is_the_same_for_every_chunksize_and_window, .timeout = 3 * LIMIT)
{
    for (size_t bad = 1; bad <= 20; bad += 2)
        assert_plan_everywhere((plan){.last = 20, .bad = bad}, "an item fails");
    assert_plan_everywhere((plan){.last = 70, .bad = 66}, "a late item fails");
}

Test(map_chunks, a_failure_of_the_source_is_the_same_for_every_chunksize_and_window,
     .timeout = 3 * LIMIT)
{
    for (size_t last = 0; last <= 20; last += 3)
        assert_plan_everywhere((plan){.last = last, .source_ending = SHEAF_EIO}, "the source");
    assert_plan_everywhere((plan){.last = 10, .bad = 10, .source_ending = SHEAF_EIO}, "both");
}

Test(map_chunks, a_consumer_may_stop_anywhere_and_nothing_is_lost, .timeout = 3 * LIMIT)
{
    for (size_t enough = 1; enough <= 21; enough += 4)
        assert_plan_everywhere((plan){.last = 40, .enough = enough}, "it stops early");
    assert_plan_everywhere((plan){.last = 40, .bad = 9, .enough = 6}, "before a failure");
}

/* ---- what a chunk is ---- */

Test(map_chunks, so_many_items_make_one_task_of_one_worker, .timeout = LIMIT)
{
    static const struct {
        size_t window, chunksize, n_tasks; /* of 20 items */
    } cases[] = {{0, 1, 20}, {0, 3, 7}, {0, 5, 4}, {0, 100, 1}, {10, 5, 4}, {8, 4, 5}, {4, 100, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sheaf_executor *executor = pool_of(3);
        course source;
        course_init(&source, 20);
        sheaf_map *map = course_map(&source, executor, cases[i].window, cases[i].chunksize);
        cr_assert_eq(course_follow(&source, map, NULL), SHEAF_END);
        sheaf_map_close(map);
        cr_assert_eq(sheaf_executor_stats_get(executor).submitted, cases[i].n_tasks,
                     "window %zu, chunks of %zu: %d tasks", cases[i].window, cases[i].chunksize,
                     (int)sheaf_executor_stats_get(executor).submitted);
        size_t chunksize = cases[i].window > 0 && cases[i].chunksize > cases[i].window
                               ? cases[i].window
                               : cases[i].chunksize;
        for (size_t k = 0; k < 20; k++)
            cr_assert_eq(source.items[k].thread, source.items[k - k % chunksize].thread, "item %zu",
                         k + 1);
        sheaf_executor_destroy(executor);
    }
}

/* Items that see each other: the one before has run, and none runs beside. */
static atomic_int inside;

static sheaf_status run_alone(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    item *self = arg;
    bool alone = atomic_fetch_add(&inside, 1) == 0;
    bool in_turn = (self->number - 1) % 5 == 0 || self[-1].made == 1;
    sched_yield();
    sheaf_status status = run_item(worker, arg, result, err);
    atomic_fetch_sub(&inside, 1);
    return alone && in_turn ? status : sheaf_error_set(err, SHEAF_ETASK, "not in turn");
}

Test(map_chunks, the_items_of_a_task_run_one_after_the_other, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(4);
    course source;
    sheaf_map *map = NULL;
    sheaf_error err;
    course_init(&source, 50);
    sheaf_map_options options = course_options(&source, 5, 5); /* one task at a time */
    options.run = run_alone;
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    sheaf_status status = course_follow(&source, map, &err);
    cr_assert_eq(status, SHEAF_END, "%s", err.message);
    sheaf_map_close(map);
    course_check(&source);
    sheaf_executor_destroy(executor);
}

Test(map_chunks, each_item_of_a_chunk_begins_with_an_empty_error_and_no_result, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (size_t bad = 1; bad <= 8; bad++) {
        course source;
        sheaf_error err;
        char message[64];
        course_init(&source, 8);
        source.items[bad - 1].fails = true;
        sheaf_map *map = course_map(&source, executor, 8, 8);
        cr_assert_eq(course_follow(&source, map, &err), SHEAF_ETASK);
        snprintf(message, sizeof message, "item %zu is bad", bad);
        cr_assert_str_eq(err.message, message);
        cr_assert_eq(source.n_yielded, bad - 1);
        for (size_t i = bad; i < 8; i++)
            cr_assert_eq(source.items[i].made, 0, "behind a failure no item of its chunk runs");
        sheaf_map_close(map);
        course_check(&source);
    }
    sheaf_executor_destroy(executor);
}

Test(map_chunks, a_shutdown_meanwhile_is_told_behind_all_that_was_submitted, .timeout = LIMIT)
{
    for (size_t c = 0; c < N_CHUNKSIZES; c++) {
        sheaf_executor *executor = pool_of(2);
        course source;
        course_init(&source, 100);
        sheaf_map *map = course_map(&source, executor, 20, chunksizes[c]);
        for (int i = 0; i < 3; i++)
            cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
        size_t pulled = source.next;
        cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
        cr_assert_eq(course_follow(&source, map, NULL), SHEAF_ESHUTDOWN);
        cr_assert_eq(source.n_yielded, pulled);
        sheaf_map_close(map);
        sheaf_executor_destroy(executor);
        course_check(&source);
    }
}

Test(map_chunks, a_time_that_is_over_drops_the_arguments_of_whole_chunks, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *first = submit(executor, pass_gate, &g);
    course source;
    sheaf_map *map = NULL;
    course_init(&source, 100);
    sheaf_map_options options = course_options(&source, 30, 7);
    options.deadline_ms = 20;
    cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_ETIMEDOUT);
    for (size_t i = 0; i < source.next; i++)
        cr_assert_eq(source.items[i].arg_dropped, 1);
    cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
    sheaf_map_close(map);
    gate_open(&g, 1);
    result_of(first);
    sheaf_future_release(first);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_map *map;
} closer;

static void *closer_main(void *arg)
{
    closer *self = arg;
    about_to_sleep(&self->sleeper);
    sheaf_map_close(self->map);
    came_back(&self->sleeper);
    return NULL;
}

Test(map_chunks, close_waits_for_the_item_that_runs_and_not_for_the_rest_of_its_chunk,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    course source;
    course_init(&source, 20);
    source.items[2].gate = &g;
    closer one = {.map = course_map(&source, executor, 0, 10)};
    sem_wait(&g.entered);
    cr_assert_eq(pthread_create(&one.thread, NULL, closer_main, &one), 0);
    cr_assert(await_sleep(&one.sleeper), "close does not wait");
    gate_open(&g, 1);
    pthread_join(one.thread, NULL);
    for (int i = 0; i < 20; i++)
        cr_assert_eq(source.items[i].made, i < 3 ? 1 : 0, "item %d", i + 1);
    course_check(&source);
    sheaf_executor_destroy(executor);
}

/* ---- a bound in bytes ---- */

static pthread_t consumer;
static atomic_int n_told_by_consumer;

enum { ITEM_BYTES = 100 };

static size_t item_bytes(const void *result)
{
    (void)result;
    return ITEM_BYTES;
}

static size_t number_bytes(const void *result)
{
    return ((const item *)result)->number * 10;
}

static sheaf_status follow_bytes(course *source, sheaf_executor *executor,
                                 sheaf_map_options options)
{
    sheaf_map *map = NULL;
    cr_assert_eq(course_open(source, executor, &options, &map, NULL), SHEAF_OK);
    sheaf_status status = course_follow(source, map, NULL);
    sheaf_map_close(map);
    course_check(source);
    return status;
}

Test(map_chunks, a_bound_in_bytes_changes_no_result_and_never_hangs, .timeout = 2 * LIMIT)
{
    static const size_t bounds[] = {1, 99, 100, 250, 5000, SIZE_MAX};
    for (int kind = 0; kind <= 3; kind++) {
        sheaf_executor *executor = executor_of(kind);
        for (size_t b = 0; b < 6; b++) {
            for (size_t w = 0; w < N_WINDOWS; w += 3) {
                for (size_t c = 0; c < N_CHUNKSIZES; c += 2) {
                    course source;
                    course_init(&source, 60);
                    sheaf_map_options options = course_options(&source, windows[w], chunksizes[c]);
                    options.buffer_bytes = bounds[b];
                    options.result_bytes = number_bytes;
                    cr_assert_eq(follow_bytes(&source, executor, options), SHEAF_END);
                    cr_assert_eq(source.n_yielded, 60);
                    cr_assert(windows[w] == 0 || source.ahead_max <= windows[w]);
                }
            }
        }
        sheaf_executor_destroy(executor);
    }
}

/* All that was submitted has run; what it told is counted. */
static void let_all_run(sheaf_executor *executor)
{
    sheaf_executor_stats stats;
    do
        stats = sheaf_executor_stats_get(executor);
    while (stats.finished < stats.submitted && sched_yield() == 0);
}

Test(map_chunks, as_many_results_are_under_way_or_not_yet_yielded_as_fit_and_no_more,
     .timeout = LIMIT)
{
    for (size_t fit = 0; fit <= 8; fit++) {
        for (int all_done = 0; all_done < 2; all_done++) {
            sheaf_executor *executor = pool_of(3);
            course source;
            sheaf_map *map = NULL;
            course_init(&source, 200);
            sheaf_map_options options = course_options(&source, 16, 1);
            options.buffer_bytes = fit * ITEM_BYTES + ITEM_BYTES / 2;
            options.result_bytes = item_bytes;
            cr_assert_eq(course_open(&source, executor, &options, &map, NULL), SHEAF_OK);
            cr_assert_leq(source.ahead_max, 16);
            while (source.n_yielded < 16) /* from here on all sizes are known */
                cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
            source.ahead_max = 0;
            for (sheaf_status status = SHEAF_OK; status == SHEAF_OK;) {
                if (all_done)
                    let_all_run(executor);
                status = course_step(&source, map, NULL);
                cr_assert(status == SHEAF_OK || source.n_yielded == 200);
            }
            cr_assert_eq(source.ahead_max, fit > 1 ? fit : 1, "%zu ahead where %zu fit",
                         source.ahead_max, fit);
            sheaf_map_close(map);
            course_check(&source);
            sheaf_executor_destroy(executor);
        }
    }
}

static size_t huge_in_the_middle(const void *result)
{
    return ((const item *)result)->number == 50 ? 1000000 : 1;
}

Test(map_chunks, a_result_larger_than_the_bound_is_let_through, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 100);
    sheaf_map_options options = course_options(&source, 10, 1);
    options.buffer_bytes = 500;
    options.result_bytes = huge_in_the_middle;
    cr_assert_eq(follow_bytes(&source, executor, options), SHEAF_END);
    cr_assert_eq(source.n_yielded, 100);
    sheaf_executor_destroy(executor);
}

static size_t tell_thread(const void *result)
{
    (void)result;
    atomic_fetch_add(&n_told_by_consumer, pthread_equal(consumer, pthread_self()));
    return 1;
}

Test(map_chunks, the_size_of_a_result_is_asked_for_in_the_worker, .timeout = LIMIT)
{
    consumer = pthread_self();
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 50);
    sheaf_map_options options = course_options(&source, 8, 1);
    options.buffer_bytes = 1000;
    options.result_bytes = tell_thread;
    cr_assert_eq(follow_bytes(&source, executor, options), SHEAF_END);
    cr_assert_eq(n_told_by_consumer, 0, "asked for by the consumer, who may have freed it");
    sheaf_executor_destroy(executor);
}

Test(map_chunks, a_bound_in_bytes_needs_to_know_the_sizes, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    course source;
    sheaf_map *map = NULL;
    sheaf_error err;
    course_init(&source, 5);
    sheaf_map_options options = course_options(&source, 2, 1);
    options.buffer_bytes = 100;
    cr_assert_eq(course_open(&source, executor, &options, &map, &err), SHEAF_EINVAL);
    cr_assert_eq(err.status, SHEAF_EINVAL);
    cr_assert_null(map);
    cr_assert_eq(source.next, 0, "nothing was pulled");
    sheaf_executor_destroy(executor);
}

/* ---- a source that holds back ---- */

typedef struct careful {
    size_t n_pulled;
    size_t n_asked;
    size_t n_ahead;
    size_t n_ahead_max;
    bool never;
} careful;

static sheaf_status count_carefully(void *source, void **arg, sheaf_error *err)
{
    careful *from = source;
    (void)err;
    if (from->n_pulled == 100)
        return SHEAF_END;
    *arg = (void *)++from->n_pulled;
    from->n_ahead++;
    from->n_ahead_max = from->n_ahead > from->n_ahead_max ? from->n_ahead : from->n_ahead_max;
    return SHEAF_OK;
}

static bool has_room(void *source)
{
    careful *from = source;
    from->n_asked++;
    return !from->never && from->n_ahead < 3;
}

Test(map_chunks, a_source_may_hold_back_but_not_for_ever, .timeout = LIMIT)
{
    sheaf_executor *executor = executor_of(SHEAF_EXECUTOR_THREADS);
    for (int never = 0; never < 2; never++) {
        careful source = {.never = never};
        sheaf_map *map = NULL;
        sheaf_map_options options = {.size = sizeof options,
                                     .run = give_back,
                                     .next = count_carefully,
                                     .has_room = has_room,
                                     .source = &source,
                                     .buffersize = 40};
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
        for (size_t i = 1; i <= 100; i++) {
            void *result = NULL;
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
            cr_assert_eq((size_t)result, i);
            source.n_ahead--;
        }
        void *none = NULL;
        cr_assert_eq(sheaf_map_next(map, &none, NULL), SHEAF_END);
        cr_assert_eq(source.n_ahead_max, never ? 1 : 3);
        cr_assert_gt(source.n_asked, 50);
        sheaf_map_close(map);
    }
    sheaf_executor_destroy(executor);
}
