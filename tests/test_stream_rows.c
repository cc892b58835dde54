/*
 * What records that have no place in a table do to a stream of it: values that the type that was
 * asked for refuses, and records that can be repaired.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/sheaf.h>

#include "tests/support.h"

enum { LIMIT = 60, ROWS = 20000, BAD_EACH = 100, SHORT_EACH = 70 };

TestSuite(stream_rows, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

typedef struct heard {
    int64_t n;
    bool all_good;
} heard;

static void on_reject(void *context, const sheaf_reject *reject)
{
    heard *self = context;
    char expected[40];
    int n = snprintf(expected, sizeof expected, "x%d,b", (int)self->n * BAD_EACH);
    self->n++;
    self->all_good &= strcmp(reject->code, "type") == 0 && reject->error->field == 1 &&
                      strcmp(reject->error->column, "n") == 0 && reject->n_raw == (size_t)n &&
                      memcmp(reject->raw, expected, (size_t)n) == 0;
}

/* Rows are counted by n; each BAD_EACH-th has no number, each SHORT_EACH-th has no text. */
static sheaf_files *write_rows(void)
{
    enum { LINE_BYTES = 20 };
    const char *source = "a.csv";
    sheaf_files *files;
    sheaf_error err;
    char *text = malloc(LINE_BYTES * (ROWS + 1));
    char *at = stpcpy(text, "n,text\n");
    for (int i = 0; i < ROWS; i++)
        at += sprintf(at,
                      i % BAD_EACH == 0     ? "x%d,b\n"
                      : i % SHORT_EACH == 0 ? "%d\n"
                                            : "%d,t\n",
                      i);
    write_file(source, text, (size_t)(at - text));
    free(text);
    cr_assert_eq(sheaf_files_discover(&source, 1, NULL, &files, &err), SHEAF_OK, "%s", err.message);
    return files;
}

/* Numbers that are in order, and good. */
static int64_t take_rows(struct ArrowArrayStream *stream, int64_t *n_nulls)
{
    struct ArrowArray batch;
    int64_t n = 0;
    int64_t expected = 1;
    *n_nulls = 0;
    while (stream->get_next(stream, &batch) == 0 && batch.release) {
        const int64_t *numbers = batch.children[0]->buffers[1];
        for (int64_t i = 0; i < batch.length; i++, n++, expected++) {
            expected += expected % BAD_EACH == 0;
            cr_assert_eq(numbers[i], expected);
        }
        *n_nulls += batch.children[1]->null_count;
        batch.release(&batch);
    }
    return n;
}

Test(stream_rows, tells_of_values_that_are_refused_and_goes_on)
{
    static const sheaf_column_type asked[] = {{.column = "n", .type = SHEAF_TYPE_INT64}};
    sheaf_files *files = write_rows();
    for (int workers = 1; workers <= 4; workers *= 2) {
        for (size_t chunk = 1000; chunk <= 1 << 20; chunk *= 32) {
            heard told = {.all_good = true};
            struct ArrowArrayStream stream;
            sheaf_error err;
            int64_t n_nulls;
            sheaf_ingest_options options = {.size = sizeof options,
                                            .workers = workers,
                                            .chunk_bytes = chunk,
                                            .dialect = SHEAF_DIALECT_RFC4180(','),
                                            .types = asked,
                                            .n_types = 1,
                                            .fixes = SHEAF_FIX_PAD,
                                            .on_reject = on_reject,
                                            .context = &told};
            cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_OK, "%s",
                         err.message);
            cr_assert_eq(take_rows(&stream, &n_nulls), ROWS - ROWS / BAD_EACH);
            cr_assert_null(stream.get_last_error(&stream));
            cr_assert_eq(n_nulls, (ROWS - 1) / SHORT_EACH - (ROWS - 1) / (SHORT_EACH * 10));
            cr_assert_eq(told.n, ROWS / BAD_EACH);
            cr_assert(told.all_good);
            stream.release(&stream);
        }
    }
    sheaf_files_release(files);
}

Test(stream_rows, refuses_to_open_without_a_place_for_them)
{
    static const sheaf_column_type asked[] = {{.column = "n", .type = SHEAF_TYPE_INT64}};
    sheaf_files *files = write_rows();
    struct ArrowArrayStream stream;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options, .types = asked, .n_types = 1};
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_ETYPE, "%s", err.message);
    cr_assert_eq(err.line, 2);
    cr_assert_eq(err.record, 1);
    options.fixes = 8;
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_EINVAL);
    sheaf_files_release(files);
}
