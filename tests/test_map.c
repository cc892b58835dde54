/*
 * The ordered, bounded map: order, the window and its source. How it ends, early or badly:
 * test_map_ends.c. Items in chunks, and bounds in bytes: test_map_chunks.c.
 */
#include "tests/support_map.h"

/* A source of 1, 2, ... as pointers, which may end with a failure. */
typedef struct counter {
    size_t next;
    size_t last;
    sheaf_status ending;
    size_t n_yielded; /* by the test */
    size_t ahead_max; /* most that were pulled and not yet yielded */
} counter;

static sheaf_status count_up(void *source, void **arg, sheaf_error *err)
{
    counter *c = source;
    if (c->next == c->last)
        return c->ending < 0 ? sheaf_error_set(err, c->ending, "the source ends badly") : SHEAF_END;
    *arg = (void *)++c->next;
    if (c->next - c->n_yielded > c->ahead_max)
        c->ahead_max = c->next - c->n_yielded;
    return SHEAF_OK;
}

static sheaf_status square(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = (void *)((size_t)arg * (size_t)arg);
    return SHEAF_OK;
}

static sheaf_map *map_over(sheaf_executor *executor, sheaf_task_fn run, counter *source,
                           size_t buffersize)
{
    sheaf_map *map = NULL;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = run,
                                 .next = count_up,
                                 .source = source,
                                 .buffersize = buffersize};
    cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
    return map;
}

Test(map, yields_in_submission_order_whatever_the_workers_and_the_window, .timeout = LIMIT)
{
    static const size_t windows[] = {0, 1, 2, 3, 64, 5000};
    static const int workers[] = {1, 2, 8};
    for (size_t w = 0; w < 3; w++) {
        sheaf_executor *executor = pool_of(workers[w]);
        for (size_t b = 0; b < 6; b++) {
            counter source = {.last = 1000};
            sheaf_map *map = map_over(executor, square, &source, windows[b]);
            void *result;
            for (size_t i = 1; i <= 1000; i++) {
                cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
                cr_assert_eq((size_t)result, i * i);
            }
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_END);
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_END, "for ever");
            sheaf_map_close(map);
        }
        sheaf_executor_destroy(executor);
    }
}

/*
 * The first task of each pair waits until the second has run: results come back reversed in time.
 */
static sem_t second_ran;

static sheaf_status wait_for_the_next(sheaf_worker *worker, void *arg, void **result,
                                      sheaf_error *err)
{
    (void)worker, (void)err;
    if ((size_t)arg % 2 == 1)
        sem_wait(&second_ran);
    else
        sem_post(&second_ran);
    *result = arg;
    return SHEAF_OK;
}

Test(map, order_holds_when_tasks_finish_in_another, .timeout = LIMIT)
{
    sem_init(&second_ran, 0, 0);
    sheaf_executor *executor = pool_of(2);
    counter source = {.last = 100};
    sheaf_map *map = map_over(executor, wait_for_the_next, &source, 4);
    void *result;
    for (size_t i = 1; i <= 100; i++) {
        cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
        cr_assert_eq((size_t)result, i);
    }
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

Test(map, never_runs_further_ahead_than_its_window, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(4);
    for (size_t window = 1; window <= 5; window++) {
        counter source = {.last = 50};
        sheaf_map *map = map_over(executor, square, &source, window);
        cr_assert_eq(source.next, window, "open fills the window");
        void *result;
        while (sheaf_map_next(map, &result, NULL) == SHEAF_OK)
            source.n_yielded++;
        cr_assert_eq(source.n_yielded, 50);
        cr_assert_eq(source.ahead_max, window);
        sheaf_map_close(map);
    }
    sheaf_executor_destroy(executor);
}

Test(map, without_a_window_the_whole_source_is_pulled_by_open, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    counter source = {.last = 300};
    sheaf_map *map = map_over(executor, square, &source, 0);
    cr_assert_eq(source.next, 300);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

static sheaf_status fail_some(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    size_t number = (size_t)arg;
    *result = arg;
    if (number == 7)
        sem_wait(&second_ran); /* fails later in time than 9, but is earlier in order */
    if (number == 9)
        sem_post(&second_ran);
    return number == 7 || number == 9 ? sheaf_error_set(err, SHEAF_ETASK, "item %zu is bad", number)
                                      : SHEAF_OK;
}

Test(map, the_first_failure_in_order_is_told_after_the_results_before_it, .timeout = LIMIT)
{
    sem_init(&second_ran, 0, 0);
    sheaf_executor *executor = pool_of(3);
    counter source = {.last = 100};
    sheaf_map *map = map_over(executor, fail_some, &source, 8);
    sheaf_error err;
    void *result;
    for (size_t i = 1; i < 7; i++) {
        cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_OK);
        cr_assert_eq((size_t)result, i);
    }
    cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_ETASK);
    cr_assert_str_eq(err.message, "item 7 is bad");
    size_t pulled = source.next;
    cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_END);
    cr_assert_eq(source.next, pulled, "nothing more is pulled");
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

Test(map, a_failure_of_the_source_is_told_after_the_results_before_it, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    counter source = {.last = 5, .ending = SHEAF_EIO};
    sheaf_map *map = map_over(executor, square, &source, 3);
    sheaf_error err;
    void *result;
    for (size_t i = 1; i <= 5; i++)
        cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_OK);
    cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_EIO);
    cr_assert_str_eq(err.message, "the source ends badly");
    cr_assert_eq(sheaf_map_next(map, &result, &err), SHEAF_END);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

Test(map, an_eager_open_tells_the_failure_of_the_source_itself, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    counter source = {.last = 5, .ending = SHEAF_EIO};
    sheaf_map *map = NULL;
    sheaf_error err;
    sheaf_map_options options = {
        .size = sizeof options, .run = square, .next = count_up, .source = &source};
    cr_assert_eq(sheaf_map_open(executor, &options, &map, &err), SHEAF_EIO);
    cr_assert_str_eq(err.message, "the source ends badly");
    cr_assert_null(map);
    sheaf_executor_destroy(executor);
}

Test(map, a_shutdown_meanwhile_is_told_and_never_a_silent_end, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    counter source = {.last = 100};
    sheaf_map *map = map_over(executor, square, &source, 4);
    void *result;
    cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
    size_t delivered = 1;
    sheaf_status status;
    while ((status = sheaf_map_next(map, &result, NULL)) == SHEAF_OK) {
        delivered++;
        cr_assert_eq((size_t)result, delivered * delivered);
    }
    cr_assert_eq(status, SHEAF_ESHUTDOWN);
    cr_assert_eq(delivered, 4, "what was submitted is delivered");
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
}

static atomic_int n_args, n_results;

static void drop_arg(void *arg)
{
    (void)arg;
    n_args++;
}

static void drop_result(void *result)
{
    (void)result;
    n_results++;
}

Test(map, close_drops_each_argument_and_each_result_nobody_took_once, .timeout = LIMIT)
{
    for (size_t taken = 0; taken <= 12; taken++) {
        n_args = n_results = 0;
        sheaf_executor *executor = pool_of(2);
        counter source = {.last = 10};
        sheaf_map *map = NULL;
        sheaf_map_options options = {.size = sizeof options,
                                     .run = square,
                                     .next = count_up,
                                     .source = &source,
                                     .drop_arg = drop_arg,
                                     .drop_result = drop_result,
                                     .buffersize = 4};
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
        void *result;
        size_t n = 0;
        while (n < taken && sheaf_map_next(map, &result, NULL) == SHEAF_OK)
            n++;
        sheaf_map_close(map);
        sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
        cr_assert_eq((size_t)n_args, source.next);
        cr_assert_eq((size_t)n_results, stats.finished - n);
        cr_assert_eq(stats.finished + stats.cancelled, source.next);
        sheaf_executor_destroy(executor);
    }
    sheaf_map_close(NULL);
}

Test(map, bad_options_are_refused, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_map *map = NULL;
    counter source = {.last = 1};
    sheaf_map_options no_task = {.size = sizeof no_task, .next = count_up, .source = &source};
    sheaf_map_options no_source = {.size = sizeof no_source, .run = square};
    cr_assert_eq(sheaf_map_open(executor, &no_task, &map, NULL), SHEAF_EINVAL);
    cr_assert_eq(sheaf_map_open(executor, &no_source, &map, NULL), SHEAF_EINVAL);
    cr_assert_eq(sheaf_map_open(executor, NULL, &map, NULL), SHEAF_EINVAL);
    sheaf_executor_destroy(executor);
}

/* ---- the source ---- */

Test(map, the_source_is_called_by_the_consumer_alone_inside_open_and_next, .timeout = LIMIT)
{
    static const size_t windows[] = {0, 1, 7, 32, 100};
    sheaf_executor *executor = pool_of(4);
    for (size_t b = 0; b < 5; b++) {
        course source;
        course_init(&source, 200);
        sheaf_map *map = course_map(&source, executor, windows[b], 1);
        cr_assert_eq(course_follow(&source, map, NULL), SHEAF_END);
        cr_assert_eq(source.n_yielded, 200);
        sheaf_map_close(map);
        course_check(&source);
    }
    sheaf_executor_destroy(executor);
}

/* Issue 11777 of CPython: nothing was submitted before the first result was asked for. */
Test(map, without_a_window_all_is_submitted_though_nobody_asks_for_a_result, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    course source;
    course_init(&source, 100);
    sheaf_map *map = course_map(&source, executor, 0, 1);
    cr_assert_eq(sheaf_executor_stats_get(executor).submitted, 100);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    for (int i = 0; i < 100; i++)
        cr_assert_eq(source.items[i].made, 1);
    cr_assert_eq(course_follow(&source, map, NULL), SHEAF_END, "and it is still there");
    cr_assert_eq(source.n_yielded, 100);
    sheaf_map_close(map);
    sheaf_executor_destroy(executor);
    course_check(&source);
}

Test(map, an_empty_source_is_at_its_end_at_once, .timeout = LIMIT)
{
    static const size_t sizes[] = {0, 1, 5, 64};
    sheaf_executor *executor = pool_of(1);
    for (size_t b = 0; b < 4; b++) {
        for (size_t c = 0; c < 4; c++) {
            course source;
            course_init(&source, 0);
            sheaf_map *map = course_map(&source, executor, sizes[b], sizes[c]);
            cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
            cr_assert_eq(course_step(&source, map, NULL), SHEAF_END);
            sheaf_map_close(map);
        }
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).submitted, 0);
    sheaf_executor_destroy(executor);
}

static sheaf_status give_nothing(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    *arg = NULL;
    return ++*(int *)source <= 10 ? SHEAF_OK : SHEAF_END;
}

static void must_not_drop(void *result)
{
    (void)result;
    abort();
}

Test(map, an_argument_and_a_result_may_be_null, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    for (size_t chunksize = 1; chunksize <= 4; chunksize++) {
        int n = 0;
        void *result;
        sheaf_map *map = NULL;
        sheaf_map_options options = {.size = sizeof options,
                                     .run = give_back,
                                     .next = give_nothing,
                                     .source = &n,
                                     .drop_result = must_not_drop,
                                     .buffersize = 5,
                                     .chunksize = chunksize};
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
        for (int i = 0; i < 7; i++) {
            result = &n;
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
            cr_assert_null(result);
        }
        sheaf_map_close(map);
    }
    sheaf_executor_destroy(executor);
}

/* A source that uses the executor itself: no lock may be held while it is called. */
typedef struct busy_source {
    sheaf_executor *executor;
    size_t n;
} busy_source;

static sheaf_status submit_in_source(void *source, void **arg, sheaf_error *err)
{
    busy_source *self = source;
    sheaf_future *future = NULL;
    sheaf_task task = {.run = give_back, .arg = (void *)++self->n};
    if (self->n > 50)
        return SHEAF_END;
    sheaf_status status = sheaf_executor_submit(self->executor, &task, &future, err);
    if (status == SHEAF_OK)
        status = sheaf_future_result(future, -1, arg, err);
    sheaf_future_release(future);
    return status;
}

Test(map, the_source_may_use_the_executor, .timeout = LIMIT)
{
    busy_source source = {.executor = pool_of(2)};
    sheaf_map *map = NULL;
    void *result;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = give_back,
                                 .next = submit_in_source,
                                 .source = &source,
                                 .buffersize = 6};
    cr_assert_eq(sheaf_map_open(source.executor, &options, &map, NULL), SHEAF_OK);
    for (size_t i = 1; i <= 50; i++) {
        cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
        cr_assert_eq((size_t)result, i);
    }
    cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_END);
    sheaf_map_close(map);
    sheaf_executor_destroy(source.executor);
}

/* ---- the window ---- */

/* gh-131466 of CPython: there it is one more while next is under way. */
Test(map, the_bound_holds_also_inside_next, .timeout = LIMIT)
{
    static const size_t windows[] = {1, 2, 3, 8, 31, 32, 33, 64, 100};
    sheaf_executor *executor = pool_of(3);
    for (size_t b = 0; b < 9; b++) {
        for (size_t chunksize = 1; chunksize <= 5; chunksize++) {
            course source;
            course_init(&source, 300);
            sheaf_map *map = course_map(&source, executor, windows[b], chunksize);
            cr_assert_eq(source.next, windows[b], "open fills the window");
            cr_assert_eq(course_follow(&source, map, NULL), SHEAF_END);
            cr_assert_eq(source.n_yielded, 300);
            cr_assert_eq(source.ahead_max, windows[b], "%zu ahead, of %zu", source.ahead_max,
                         windows[b]);
            sheaf_map_close(map);
            course_check(&source);
        }
    }
    sheaf_executor_destroy(executor);
}

Test(map, a_small_window_is_refilled_one_for_one_and_a_large_one_by_halves, .timeout = LIMIT)
{
    static const struct {
        size_t window, step;
    } cases[] = {{1, 1}, {2, 1}, {16, 1}, {31, 1}, {32, 16}, {64, 32}, {100, 50}};
    sheaf_executor *executor = pool_of(2);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        course source;
        course_init(&source, 400);
        sheaf_map *map = course_map(&source, executor, cases[i].window, 1);
        for (size_t before = source.next; source.next < 400; before = source.next) {
            cr_assert_eq(course_step(&source, map, NULL), SHEAF_OK);
            size_t pulled = source.next - before;
            cr_assert(pulled == 0 || pulled == cases[i].step || source.next == 400,
                      "window %zu: %zu at once", cases[i].window, pulled);
            cr_assert(cases[i].step > 1 || pulled == 1 || source.n_yielded == 1,
                      "one for each that was yielded, but for the first");
        }
        sheaf_map_close(map);
        course_check(&source);
    }
    sheaf_executor_destroy(executor);
}

/* ---- who uses it ---- */

/* A task that maps over its own pool: every worker may be one that waits. */
typedef struct inner_map {
    sheaf_executor *executor;
    size_t buffersize, chunksize;
} inner_map;

static sheaf_status map_inside(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    inner_map *self = arg;
    counter source = {.last = 40};
    sheaf_map *map = NULL;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = square,
                                 .next = count_up,
                                 .source = &source,
                                 .buffersize = self->buffersize,
                                 .chunksize = self->chunksize};
    sheaf_status status = sheaf_map_open(self->executor, &options, &map, err);
    size_t sum = 0;
    void *each;
    while (status == SHEAF_OK && (status = sheaf_map_next(map, &each, err)) == SHEAF_OK)
        sum += (size_t)each;
    sheaf_map_close(map);
    *result = (void *)sum;
    return status;
}

Test(map, a_task_may_map_over_its_own_pool, .timeout = LIMIT)
{
    static const size_t windows[] = {0, 1, 5, 32};
    for (int workers = 1; workers <= 3; workers++) {
        inner_map inner = {.executor = pool_of(workers)};
        for (size_t b = 0; b < 4; b++) {
            for (inner.chunksize = 1; inner.chunksize <= 7; inner.chunksize += 3) {
                inner.buffersize = windows[b];
                sheaf_future *futures[4];
                for (int i = 0; i < 4; i++)
                    futures[i] = submit(inner.executor, map_inside, &inner);
                for (int i = 0; i < 4; i++) {
                    cr_assert_eq((size_t)result_of(futures[i]), 40 * 41 * 81 / 6);
                    sheaf_future_release(futures[i]);
                }
            }
        }
        sheaf_executor_destroy(inner.executor);
    }
}

Test(map, two_maps_over_one_pool_do_not_mix, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    course sources[2];
    sheaf_map *maps[2];
    for (int i = 0; i < 2; i++) {
        course_init(&sources[i], 100);
        maps[i] = course_map(&sources[i], executor, (size_t)(3 + i), (size_t)(1 + i));
    }
    for (int k = 0; k < 100; k++)
        for (int i = 0; i < 2; i++)
            cr_assert_eq(course_step(&sources[i], maps[i], NULL), SHEAF_OK);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(course_step(&sources[i], maps[i], NULL), SHEAF_END);
        sheaf_map_close(maps[i]);
        course_check(&sources[i]);
    }
    sheaf_executor_destroy(executor);
}

/* ---- what is kept ---- */

static sheaf_status make_block(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    size_t *block = malloc(sizeof *block);
    if (!block)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no block");
    *block = (size_t)arg;
    *result = block;
    return SHEAF_OK;
}

/* test_free_reference of CPython: a result belongs to whoever got it, at once and alone. */
Test(map, a_result_that_was_yielded_is_kept_by_nobody_else, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    for (size_t chunksize = 1; chunksize <= 4; chunksize++) {
        counter source = {.last = 100};
        sheaf_map *map = NULL;
        sheaf_map_options options = {.size = sizeof options,
                                     .run = make_block,
                                     .next = count_up,
                                     .source = &source,
                                     .drop_result = free,
                                     .buffersize = 8,
                                     .chunksize = chunksize};
        cr_assert_eq(sheaf_map_open(executor, &options, &map, NULL), SHEAF_OK);
        for (size_t i = 1; i <= 60; i++) { /* what was not yielded is freed by close */
            void *result = NULL;
            cr_assert_eq(sheaf_map_next(map, &result, NULL), SHEAF_OK);
            cr_assert_eq(*(size_t *)result, i);
            free(result);
        }
        sheaf_map_close(map);
    }
    sheaf_executor_destroy(executor);
}
