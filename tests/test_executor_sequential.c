/*
 * The sequential kind: tasks run in the caller's thread, one at a time, before submit comes back;
 * all else is as on threads. That it is: the scenarios of a table are played on both kinds, and
 * what they tell is compared, letter by letter, with the numbers of both pools.
 */
#include <stdarg.h>

#include <sheaf/call.h>
#include <sheaf/map.h>

#include "tests/support_executor.h"

/* ---- what a scenario tells ---- */

/*
 * What the caller tells and what the worker tells, each in its order. Between the two there is
 * none: on threads they are two, and sequentially one. Only one thread writes to each at a time.
 */
typedef struct teller {
    char text[16000];
    size_t n;
} teller;

static teller told, told_inside;

static void add_to(teller *to, const char *format, va_list arguments)
{
    size_t room = sizeof to->text - to->n;
    int n = vsnprintf(to->text + to->n, room, format, arguments);
    to->n += (size_t)n < room ? (size_t)n : room - 1;
}

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_to(&told, format, arguments);
    va_end(arguments);
}

/* From a hook, an initializer or the like: in the worker. */
static void tell_inside(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell_inside(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add_to(&told_inside, format, arguments);
    va_end(arguments);
}

static atomic_int n_args, n_results;

static void drop_arg(void *arg)
{
    (void)arg;
    atomic_fetch_add(&n_args, 1);
}

static void drop_result(void *result)
{
    (void)result;
    atomic_fetch_add(&n_results, 1);
}

/* Statuses, messages and results are told as they are seen. */
static void tell_outcome(sheaf_future *future)
{
    void *result = NULL;
    sheaf_error err;
    sheaf_error_clear(&err);
    sheaf_status status = sheaf_future_result(future, -1, &result, &err);
    tell("%s %zu \"%s\"", sheaf_status_name(status), (size_t)result, err.message);
    tell(" state %d done %d cancel %s\n", sheaf_future_get_state(future), sheaf_future_done(future),
         sheaf_status_name(sheaf_future_cancel(future)));
}

static sheaf_future *submit_number(sheaf_executor *executor, sheaf_task_fn run, size_t number)
{
    sheaf_future *future = NULL;
    sheaf_task task = {
        .run = run, .arg = (void *)number, .drop_arg = drop_arg, .drop_result = drop_result};
    sheaf_status status = sheaf_executor_submit(executor, &task, &future, NULL);
    tell("submit %s\n", sheaf_status_name(status));
    return future;
}

static sheaf_status square(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = (void *)((size_t)arg * (size_t)arg);
    return SHEAF_OK;
}

/* 3, 6, ... fail, and leave a result behind; the others give their square. */
static sheaf_status square_some(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    size_t number = (size_t)arg;
    (void)square(worker, arg, result, err);
    return number % 3 == 0 ? sheaf_error_set(err, SHEAF_EIO, "%zu is three times something", number)
                           : SHEAF_OK;
}

/* ---- the scenarios ---- */

static void results_and_errors(sheaf_executor *executor)
{
    for (size_t i = 1; i <= 7; i++) {
        sheaf_future *future = submit_number(executor, square_some, i);
        tell_outcome(future);
        sheaf_error err;
        sheaf_status status = sheaf_future_error(future, 0, &err);
        tell("error %s %s\n", sheaf_status_name(status), sheaf_status_name(err.status));
        sheaf_future_release(future);
    }
}

static sheaf_status positive(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = arg;
    return SHEAF_END;
}

static void odd_results(sheaf_executor *executor)
{
    sheaf_future *future = submit_number(executor, positive, 4);
    tell_outcome(future);
    void *taken[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++)
        tell("take %s\n", sheaf_status_name(sheaf_future_take(future, -1, &taken[i], NULL)));
    tell("%zu %zu\n", (size_t)taken[0], (size_t)taken[1]);
    tell_outcome(future);
    sheaf_future_request_stop(future);
    sheaf_future_release(future);
    sheaf_task none = {.run = NULL};
    tell("%s\n", sheaf_status_name(sheaf_executor_submit(executor, &none, NULL, NULL)));
    sheaf_future_release(submit_number(executor, square_some, 8));
}

static void say_callback(sheaf_future *future, void *context)
{
    tell("callback %s %d\n", (const char *)context, sheaf_future_done(future));
}

static void say_context_dropped(void *context)
{
    tell("context %s\n", (const char *)context);
}

static void callbacks(sheaf_executor *executor)
{
    for (size_t i = 2; i <= 3; i++) {
        sheaf_future *future = submit_number(executor, square_some, i);
        tell_outcome(future);
        for (int k = 0; k < 3; k++)
            tell("%d\n",
                 sheaf_future_add_done_callback(future, say_callback, (void *)(k == 0 ? "a" : "b"),
                                                k == 1 ? say_context_dropped : NULL));
        sheaf_future_release(future);
    }
}

typedef struct family {
    sheaf_executor *executor;
    size_t generations;
} family;

/* Each task has two children, waits for them, and gives their number. */
static sheaf_status have_children(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    const family *self = arg;
    char *scratch = sheaf_arena_new(sheaf_worker_scratch(worker), char, 100);
    if (!scratch)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no scratch");
    memset(scratch, (int)self->generations, 100);
    size_t n = 1;
    for (int i = 0; i < 2 && self->generations > 0; i++) {
        family child = {self->executor, self->generations - 1};
        sheaf_future *future = NULL;
        void *below = NULL;
        sheaf_task task = {.run = have_children, .arg = &child};
        sheaf_status status = sheaf_executor_submit(self->executor, &task, &future, err);
        if (status == SHEAF_OK)
            status = sheaf_future_result(future, -1, &below, err);
        sheaf_future_release(future);
        if (status < 0)
            return status;
        n += (size_t)below;
    }
    for (int i = 0; i < 100; i++)
        if (scratch[i] != (char)self->generations)
            return sheaf_error_set(err, SHEAF_ETASK, "scratch was overwritten");
    *result = (void *)n;
    return SHEAF_OK;
}

static void nested(sheaf_executor *executor)
{
    for (size_t generations = 0; generations <= 6; generations++) {
        family first = {executor, generations};
        sheaf_future *future = submit(executor, have_children, &first);
        tell_outcome(future);
        sheaf_future_release(future);
    }
}

static void many_at_once(sheaf_executor *executor)
{
    sheaf_task tasks[9];
    sheaf_future *futures[9];
    bool done[9];
    size_t n = 0;
    for (size_t i = 0; i < 9; i++)
        tasks[i] = (sheaf_task){.run = square_some,
                                .arg = (void *)(i + 1),
                                .drop_arg = drop_arg,
                                .drop_result = drop_result};
    sheaf_status status = sheaf_executor_submit_many(executor, tasks, 9, futures, &n, NULL);
    tell("%s %zu\n", sheaf_status_name(status), n);
    for (int when = SHEAF_ALL_COMPLETED; when <= SHEAF_FIRST_EXCEPTION; when++)
        tell("wait %d\n", sheaf_wait(futures, 9, -1, (sheaf_return_when)when, NULL, NULL));
    tell("wait %d", sheaf_wait(futures, 9, -1, SHEAF_ALL_COMPLETED, done, NULL));
    for (int i = 0; i < 9; i++)
        tell(" %d", done[i]);
    sheaf_as_completed *iterator = NULL;
    sheaf_future *future = NULL;
    size_t index;
    tell("\nopen %d\n", sheaf_as_completed_open(futures, 9, -1, &iterator, NULL));
    while ((status = sheaf_as_completed_next(iterator, &future, &index, NULL)) == SHEAF_OK) {
        tell("next %zu of %zu ", index, sheaf_as_completed_total(iterator));
        tell_outcome(future);
        sheaf_future_release(future);
    }
    tell("%s\n", sheaf_status_name(status));
    sheaf_as_completed_close(iterator);
    for (int i = 0; i < 9; i++)
        sheaf_future_release(futures[i]);
}

typedef struct counter {
    size_t next, last;
    sheaf_status ending;
} counter;

static sheaf_status count_up(void *source, void **arg, sheaf_error *err)
{
    counter *c = source;
    if (c->next == c->last)
        return c->ending < 0 ? sheaf_error_set(err, c->ending, "the source ends badly") : SHEAF_END;
    *arg = (void *)++c->next;
    return SHEAF_OK;
}

static void map_once(sheaf_executor *executor, sheaf_task_fn run, counter source, size_t buffersize,
                     size_t chunksize)
{
    sheaf_map *map = NULL;
    void *result = NULL;
    sheaf_error err;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = run,
                                 .next = count_up,
                                 .source = &source,
                                 .drop_arg = drop_arg,
                                 .buffersize = buffersize,
                                 .chunksize = chunksize};
    sheaf_error_clear(&err);
    sheaf_status status = sheaf_map_open(executor, &options, &map, &err);
    tell("map %zu %zu: %s pulled %zu:", buffersize, chunksize, sheaf_status_name(status),
         source.next);
    while (status == SHEAF_OK && (status = sheaf_map_next(map, &result, &err)) == SHEAF_OK)
        tell(" %zu", (size_t)result);
    tell(" %s %s, pulled %zu\n", sheaf_status_name(status), err.message, source.next);
    sheaf_map_close(map);
}

static const size_t sizes[] = {0, 1, 2, 3, 5, 40};

static void maps(sheaf_executor *executor)
{
    for (size_t b = 0; b < 6; b++)
        for (size_t c = 0; c < 6; c++)
            map_once(executor, square, (counter){.last = 10}, sizes[b], sizes[c]);
}

static void maps_that_fail(sheaf_executor *executor)
{
    for (size_t b = 0; b < 6; b++) {
        for (size_t c = 0; c < 6; c++) {
            map_once(executor, square_some, (counter){.last = 10}, sizes[b], sizes[c]);
            map_once(executor, square, (counter){.last = 4, .ending = SHEAF_EIO}, sizes[b],
                     sizes[c]);
        }
    }
}

static void ending(sheaf_executor *executor)
{
    sheaf_future *future = submit_number(executor, square, 5);
    tell_outcome(future);
    for (int i = 0; i < 4; i++)
        tell("%s\n", sheaf_status_name(sheaf_executor_shutdown(executor, i & 1, i & 2)));
    cr_assert_null(submit_number(executor, square, 6));
    tell_outcome(future);
    sheaf_future_release(future);
}

static void unused(sheaf_executor *executor)
{
    tell("%s\n", sheaf_status_name(sheaf_executor_shutdown(executor, true, false)));
}

static const struct scenario {
    const char *name;
    void (*play)(sheaf_executor *executor);
    /* How many tasks were begun, and how many cancelled before, is up to the threads. */
    bool numbers_differ;
} scenarios[] = {
    {"results and errors", results_and_errors, false},
    {"odd results", odd_results, false},
    {"callbacks", callbacks, false},
    {"nested", nested, false},
    {"many at once", many_at_once, false},
    {"maps", maps, false},
    {"maps that fail", maps_that_fail, true},
    {"ending", ending, false},
    {"unused", unused, false},
};

/* ---- playing them ---- */

static bool initializer_fails;

static void say_started(void *arg, int index, const char *name)
{
    tell_inside("%s: %d %s started\n", (const char *)arg, index, name);
}

static void say_stopped(void *arg, int index, const char *name)
{
    tell_inside("%s: %d %s stopped\n", (const char *)arg, index, name);
}

static void say_logged(void *arg, const char *message)
{
    tell_inside("%s: %s\n", (const char *)arg, message);
}

static sheaf_status say_begun(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    tell_inside("%d %s begins with %s\n", sheaf_worker_index(worker), sheaf_worker_name(worker),
                (const char *)arg);
    sheaf_worker_set_local(worker, arg);
    return initializer_fails ? sheaf_error_set(err, SHEAF_ENOENT, "no such parser") : SHEAF_OK;
}

static void say_ended(sheaf_worker *worker, void *arg)
{
    tell_inside("%d %s ends with %s, %d\n", sheaf_worker_index(worker), sheaf_worker_name(worker),
                (const char *)arg, sheaf_worker_local(worker) == arg);
}

static sheaf_status init_call(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                              sheaf_reply *reply, sheaf_error *err)
{
    (void)reply, (void)err;
    tell_inside("%d init call of %zu: %.*s\n", sheaf_worker_index(worker), n_bytes, (int)n_bytes,
                (const char *)bytes);
    return SHEAF_OK;
}

static sheaf_status end_call(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                             sheaf_reply *reply, sheaf_error *err)
{
    (void)bytes, (void)reply, (void)err;
    tell_inside("%d end call of %zu\n", sheaf_worker_index(worker), n_bytes);
    return SHEAF_OK;
}

static const sheaf_function functions[] = {{"init", init_call}, {"end", end_call}};

static sheaf_executor *executor_of(sheaf_executor_kind kind)
{
    sheaf_executor *executor = NULL;
    char bytes[] = "abc";
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = 1,
                                      .kind = kind,
                                      .thread_name_prefix = "same",
                                      .initializer = say_begun,
                                      .init_arg = (void *)"init_arg",
                                      .finalizer = say_ended,
                                      .worker_started = say_started,
                                      .worker_stopped = say_stopped,
                                      .log = say_logged,
                                      .hooks_arg = (void *)"hook",
                                      .init_function = &functions[0],
                                      .init_bytes = bytes,
                                      .n_init_bytes = 3,
                                      .end_function = &functions[1],
                                      .at_exit = SHEAF_AT_EXIT_DETACH};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    memset(bytes, 'x', sizeof bytes); /* they were copied */
    return executor;
}

static void tell_numbers(sheaf_executor *executor)
{
    sheaf_executor_stats s = sheaf_executor_stats_get(executor);
    tell("submitted %d started %d finished %d failed %d cancelled %d queued %d running %d "
         "threads %d idle %d lost %d\n",
         (int)s.submitted, (int)s.started, (int)s.finished, (int)s.failed, (int)s.cancelled,
         (int)s.queued, (int)s.running, (int)s.threads, (int)s.idle, (int)s.lost);
    sheaf_worker_view views[3];
    size_t n = sheaf_executor_workers(executor, views, 3);
    for (size_t i = 0; i < n; i++)
        tell("%d %s: state %d, finished %d, process %d\n", views[i].index, views[i].name,
             views[i].state, (int)views[i].finished, (int)views[i].process_id);
}

/* Play it on one kind; gives what was told, the worker's part first. */
static char *play(const struct scenario *scenario, sheaf_executor_kind kind)
{
    memset(&told, 0, sizeof told);
    memset(&told_inside, 0, sizeof told_inside);
    n_args = n_results = 0;
    sheaf_executor *executor = executor_of(kind);
    scenario->play(executor);
    tell("%s\n", sheaf_status_name(sheaf_executor_shutdown(executor, true, false)));
    if (!scenario->numbers_differ)
        tell_numbers(executor);
    sheaf_executor_destroy(executor);
    tell("dropped %d arguments, %d results\n", n_args, n_results);
    cr_assert_lt(told.n, sizeof told.text - 1, "not enough room for all that is told");
    cr_assert_lt(told_inside.n, sizeof told_inside.text - 1);
    char *all = malloc(told.n + told_inside.n + 1);
    cr_assert_not_null(all);
    memcpy(all, told_inside.text, told_inside.n);
    memcpy(all + told_inside.n, told.text, told.n + 1);
    return all;
}

/* The first line that differs says enough. */
static void assert_same(const char *name, const char *threads, const char *sequential)
{
    size_t line = 0;
    for (size_t i = 0; threads[i] && threads[i] == sequential[i]; i++)
        line = threads[i] == '\n' ? i + 1 : line;
    cr_assert_str_eq(threads, sequential, "%s: on threads\n%.300s\nand sequentially\n%.300s", name,
                     threads + line, sequential + line);
}

static void play_all(void)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
        char *threads = play(&scenarios[i], SHEAF_EXECUTOR_THREADS);
        char *sequential = play(&scenarios[i], SHEAF_EXECUTOR_SEQUENTIAL);
        assert_same(scenarios[i].name, threads, sequential);
        free(threads);
        free(sequential);
    }
}

Test(executor_sequential, whatever_is_done_it_comes_to_the_same_as_on_threads, .timeout = LIMIT)
{
    play_all();
}

static void be_refused(sheaf_executor *executor)
{
    sheaf_future *future = NULL;
    sheaf_error err;
    sheaf_task task = {.run = square, .drop_arg = drop_arg};
    sheaf_status status = sheaf_executor_submit(executor, &task, &future, NULL);
    tell("%s\n", sheaf_status_name(status));
    if (future)
        tell_outcome(future);
    sheaf_future_release(future);
    while ((status = sheaf_executor_submit(executor, &task, NULL, &err)) == SHEAF_OK)
        sched_yield();
    tell("%s %s\n", sheaf_status_name(status), err.message);
}

Test(executor_sequential, an_initializer_that_fails_breaks_it_as_it_breaks_a_pool, .timeout = LIMIT)
{
    static const struct scenario broken = {"broken", be_refused, false};
    initializer_fails = true;
    char *threads = play(&broken, SHEAF_EXECUTOR_THREADS);
    char *sequential = play(&broken, SHEAF_EXECUTOR_SEQUENTIAL);
    assert_same(broken.name, threads, sequential);
    cr_assert(strstr(sequential, "no such parser"), "%s", sequential);
    free(threads);
    free(sequential);
}
