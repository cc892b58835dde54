/* The ordered, bounded map. */
#include "tests/support_executor.h"

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
    size_t item = (size_t)arg;
    *result = arg;
    if (item == 7)
        sem_wait(&second_ran); /* fails later in time than 9, but is earlier in order */
    if (item == 9)
        sem_post(&second_ran);
    return item == 7 || item == 9 ? sheaf_error_set(err, SHEAF_ETASK, "item %zu is bad", item)
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
