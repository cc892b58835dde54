/* Traces: <sheaf/trace.h>. What the program makes of them is cli/test_trace.py's. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/trace.h"
#include "tests/support_executor.h"

TestSuite(trace, .timeout = LIMIT);

static const char path[] = "trace.json";

/* An empty directory, in which the tests that write a file are. */
static void enter_directory(void)
{
    char name[] = "/tmp/sheaf-trace-XXXXXX";
    cr_assert_not_null(mkdtemp(name));
    cr_assert_eq(chdir(name), 0);
}

static void leave_directory(void)
{
    char name[PATH_MAX];
    unlink(path);
    cr_assert_not_null(getcwd(name, sizeof name));
    cr_assert_eq(rmdir(name), 0, "something is left in %s", name);
}

static sheaf_trace *open_trace(size_t events_max)
{
    sheaf_trace *trace = NULL;
    sheaf_trace_options options = {.size = sizeof options, .path = path, .events_max = events_max};
    cr_assert_eq(sheaf_trace_open(&options, &trace, NULL), SHEAF_OK);
    return trace;
}

static void read_file(char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void add_event(sheaf_trace_row *row, const char *name)
{
    sheaf_trace_add(row, sheaf_trace_now(row), &(sheaf_trace_event){.name = name});
}

Test(trace, keeps_no_more_than_it_was_told_and_tells_how_many_there_were, .init = enter_directory,
     .fini = leave_directory)
{
    static char text[200000];
    enum { MOST = 2 * SHEAF__TRACE_BLOCK_EVENTS, MORE = 7 };
    sheaf_trace *trace = open_trace(MOST);
    sheaf_trace_row *row = sheaf_trace_add_row(trace, "a row");
    for (int i = 0; i < MOST + MORE; i++)
        add_event(row, "work");
    cr_assert_eq(sheaf_trace_close(trace, NULL), SHEAF_OK);
    read_file(text, sizeof text);
    cr_assert_eq(count(text, "\"ph\":\"X\""), MOST);
    cr_assert_not_null(strstr(text, "\"events_not_recorded\":7"));
}

Test(trace, rows_are_bounded_and_one_that_is_not_there_records_nothing, .init = enter_directory,
     .fini = leave_directory)
{
    sheaf_trace *trace = open_trace(0);
    for (int i = 0; i < SHEAF__TRACE_ROWS_MAX; i++)
        cr_assert_not_null(sheaf_trace_add_row(trace, "a row"));
    sheaf_trace_row *none = sheaf_trace_add_row(trace, "one too many");
    cr_assert_null(none);
    cr_assert_null(sheaf_trace_add_row(NULL, "of no trace"));
    cr_assert_eq(sheaf_trace_now(none), 0);
    add_event(none, "work");
    sheaf_trace_discard(trace);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(trace, texts_may_hold_anything, .init = enter_directory, .fini = leave_directory)
{
    char text[4000];
    char name[200];
    memset(name, '"', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    sheaf_trace *trace = open_trace(0);
    sheaf_trace_row *row = sheaf_trace_add_row(trace, "\"\n\xFF");
    sheaf_trace_add(row, 0, &(sheaf_trace_event){.name = name, .file = "\\", .bytes = 1234567890});
    cr_assert_eq(sheaf_trace_close(trace, NULL), SHEAF_OK);
    read_file(text, sizeof text);
    cr_assert_not_null(strstr(text, "\"name\":\"\\\"\\n\\udcff\""));
    cr_assert_not_null(strstr(text, "\"file\":\"\\\\\""));
    cr_assert_not_null(strstr(text, "\"bytes\":1234567890,\"records\":0}"));
    cr_assert_not_null(strstr(text, "\\\"\",\"args\""), "a name that is cut is whole JSON: %s",
                       text);
}

static sheaf_status record(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    (void)argument, (void)result, (void)err;
    add_event(sheaf_worker_trace_row(worker), "task");
    return SHEAF_OK;
}

Test(trace, workers_have_rows_and_without_a_trace_none, .init = enter_directory,
     .fini = leave_directory)
{
    static char text[200000];
    for (int traced = 0; traced < 2; traced++) {
        sheaf_trace *trace = traced ? open_trace(0) : NULL;
        sheaf_executor_options options = {
            .size = sizeof options, .max_workers = 2, .thread_name_prefix = "pool", .trace = trace};
        sheaf_executor *executor;
        cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
        for (int i = 0; i < 100; i++)
            cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = record}, NULL, NULL),
                         SHEAF_OK);
        sheaf_executor_destroy(executor);
        cr_assert_eq(sheaf_trace_close(trace, NULL), SHEAF_OK);
        cr_assert_eq(access(path, F_OK) == 0, traced);
    }
    read_file(text, sizeof text);
    cr_assert_eq(count(text, "\"name\":\"task\""), 100);
    cr_assert_not_null(strstr(text, "\"args\":{\"name\":\"pool_0\"}"));
}

Test(trace, is_not_for_processes, .init = enter_directory, .fini = leave_directory)
{
    sheaf_trace *trace = open_trace(0);
    sheaf_executor *executor;
    sheaf_executor_options options = {
        .size = sizeof options, .kind = SHEAF_EXECUTOR_PROCESSES, .trace = trace};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_EINVAL);
    sheaf_trace_discard(trace);
}

/* Recorded by their ends, few within others or all of them. */
Test(trace, events_are_told_by_their_beginnings)
{
    enum { N = 1000 };
    for (int nested = 0; nested < 2; nested++) {
        sheaf_trace trace;
        size_t n;
        sheaf__trace_init(&trace, 0);
        sheaf_trace_row *row = sheaf_trace_add_row(&trace, "");
        for (int i = 0; i < N; i++)
            sheaf__trace_put(
                row, &(sheaf__trace_record){.begun_ns = nested ? N - i : i / 2, .ended_ns = N + i});
        const sheaf__trace_record **sorted = sheaf__trace_sort(row, &n);
        cr_assert_not_null(sorted);
        cr_assert_eq(n, N);
        for (int i = 1; i < N; i++)
            cr_assert(sorted[i - 1]->begun_ns < sorted[i]->begun_ns ||
                      (sorted[i - 1]->begun_ns == sorted[i]->begun_ns &&
                       sorted[i - 1]->ended_ns > sorted[i]->ended_ns));
        free(sorted);
        sheaf__trace_end(&trace);
    }
}
