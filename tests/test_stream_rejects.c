/*
 * Records with faults in a stream: each is kept where the options say, or the stream ends with it.
 * What is written of one is tests/cli/test_quarantine.py's to check.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support_stream.h"

enum { LIMIT = 60, ROUNDS = 3000 };

TestSuite(stream_rejects, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

static const char kept[] = "kept.jsonl"; /* which is no source of a folder */

/* Two files, in which every third record is short. */
static sheaf_files *files_with_faults(void)
{
    write_lines("a.csv", "a,b\n", "1,2\n3\n5,6\n", ROUNDS);
    write_lines("b.csv", "a,b\n", "1,2\n3\n5,6\n", ROUNDS);
    return files_of_folder();
}

/* How many records the quarantine has; -1: there is none. */
static long records_of(const char *path)
{
    FILE *file = fopen(path, "re");
    long n = 0;
    if (!file)
        return -1;
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, file) >= 0)
        n += strstr(line, "\"quarantine\":") == NULL;
    free(line);
    fclose(file);
    return n;
}

/* Take the rest: 0 or the failure, and how many rows there were. */
static int take_rest(struct ArrowArrayStream *stream, int64_t *n_rows)
{
    struct ArrowArray batch;
    *n_rows = 0;
    for (;;) {
        int failure = stream->get_next(stream, &batch);
        if (failure || !batch.release)
            return failure;
        *n_rows += batch.length;
        batch.release(&batch);
    }
}

static void count_reject(void *context, const sheaf_reject *reject)
{
    cr_assert_str_eq(reject->code, "short");
    ++*(uint64_t *)context;
}

Test(stream_rejects, are_kept_in_the_file_that_is_named)
{
    sheaf_files *files = files_with_faults();
    for (int way = 0; way < 4; way++) {
        sheaf_ingest_options options = {.quarantine = kept, .workers = 1 + way % 2 * 2};
        if (way >= 2)
            options.on_error = SHEAF_ON_ERROR_QUARANTINE;
        struct ArrowArrayStream stream = open_stream(files, options);
        int64_t n_rows;
        cr_assert_eq(take_rest(&stream, &n_rows), 0);
        cr_assert_eq(n_rows, 4 * ROUNDS);
        cr_assert_eq(records_of(kept), 2 * ROUNDS, "at the end, not when it is released");
        stream.release(&stream);
        cr_assert_eq(records_of(kept), 2 * ROUNDS);
        unlink(kept);
    }
    sheaf_files_release(files);
}

Test(stream_rejects, are_kept_and_told_if_both_are_asked_for)
{
    sheaf_files *files = files_with_faults();
    uint64_t n_told = 0;
    int64_t n_rows;
    struct ArrowArrayStream stream = open_stream(
        files,
        (sheaf_ingest_options){.quarantine = kept, .on_reject = count_reject, .context = &n_told});
    cr_assert_eq(take_rest(&stream, &n_rows), 0);
    stream.release(&stream);
    cr_assert_eq(n_told, 2 * ROUNDS);
    cr_assert_eq(records_of(kept), 2 * ROUNDS);
    sheaf_files_release(files);
}

Test(stream_rejects, leave_nothing_behind_if_it_is_released_before_its_end)
{
    static const char earlier[] = "of an earlier run\n";
    sheaf_files *files = files_with_faults();
    for (int taken = 0; taken < 3; taken++) {
        struct ArrowArrayStream stream = open_stream(
            files, (sheaf_ingest_options){.quarantine = kept, .chunk_bytes = 1000, .workers = 2});
        struct ArrowArray batch;
        for (int i = 0; i < taken; i++) {
            cr_assert_eq(stream.get_next(&stream, &batch), 0);
            batch.release(&batch);
        }
        stream.release(&stream);
        cr_assert_eq(records_of(kept), taken < 2 ? -1 : 1);
        if (taken == 1)
            write_text(kept, earlier);
    }
    cr_assert_eq(system("test $(ls -A | wc -l) = 3"), 0, "no temporary file either");
    sheaf_files_release(files);
}

Test(stream_rejects, of_an_earlier_run_go)
{
    write_text("good.csv", "a\n1\n");
    sheaf_files *files = files_of_folder();
    int64_t n_rows;
    write_text(kept, "of an earlier run\n");
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){.quarantine = kept});
    cr_assert_eq(records_of(kept), 1);
    cr_assert_eq(take_rest(&stream, &n_rows), 0);
    cr_assert_eq(records_of(kept), -1);
    stream.release(&stream);
    sheaf_files_release(files);
}

/* A third of them, and so many of them, in two ways to say it each. */
Test(stream_rejects, are_a_failure_if_there_are_too_many)
{
    static const struct {
        uint64_t max;
        double percent_max;
        bool fails;
    } cases[] = {{0, 33.3, true},        {0, 33.4, false},         {2 * ROUNDS - 1, 0, true},
                 {2 * ROUNDS, 0, false}, {2 * ROUNDS, 33.3, true}, {1, 0, true}};
    sheaf_files *files = files_with_faults();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t n_rows;
        struct ArrowArrayStream stream = open_stream(
            files, (sheaf_ingest_options){.quarantine = kept,
                                          .rejects_max = cases[i].max,
                                          .rejects_percent_max = cases[i].percent_max});
        cr_assert_eq(take_rest(&stream, &n_rows), cases[i].fails ? EIO : 0, "case %zu", i);
        cr_assert_eq(records_of(kept), cases[i].fails ? -1 : 2 * ROUNDS, "case %zu", i);
        if (cases[i].fails) {
            const char *message = stream.get_last_error(&stream);
            cr_assert_not_null(strstr(message, "records have faults"), "%s", message);
            cr_assert_null(strstr(message, "committed"), "%s", message);
        }
        stream.release(&stream);
        unlink(kept);
    }
    sheaf_files_release(files);
}

Test(stream_rejects, need_a_place)
{
    sheaf_files *files = files_with_faults();
    struct ArrowArrayStream stream;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options, .on_error = SHEAF_ON_ERROR_QUARANTINE};
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_EINVAL);
    cr_assert_not_null(strstr(err.hint, "on_reject"));
    options.on_error = SHEAF_ON_ERROR_DEFAULT;
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_ESHAPE);
    sheaf_files_release(files);
}

Test(stream_rejects, are_not_put_in_the_place_of_a_source)
{
    sheaf_files *files = files_with_faults();
    struct ArrowArrayStream stream;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options, .quarantine = "./a.csv"};
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_EINVAL);
    sheaf_files_release(files);
}

/* No file could be read: a stream of nothing would hide that. */
Test(stream_rejects, are_not_whole_streams)
{
    write_text("a.csv", "a,\"b\n1,2\n");
    sheaf_files *files = files_of_folder();
    int64_t n_rows;
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){.quarantine = kept});
    cr_assert_eq(take_rest(&stream, &n_rows), EIO);
    cr_assert_eq(records_of(kept), -1);
    stream.release(&stream);
    sheaf_files_release(files);
}

/*
 * Before the damage there is no row, only what is set aside. A stream cannot take that back, so it
 * is not opened, whoever meets the damage.
 */
Test(stream_rejects, before_damage_are_not_told)
{
    blob stored = {0};
    bgzf_add(&stored, "a,b\n", 4, 1);
    for (int i = 0; i < 20; i++)
        bgzf_add(&stored, "1\n2\n3\n", 6, 1);
    size_t damaged = stored.n_bytes;
    bgzf_add(&stored, "4,5\n", 4, 1);
    memset(stored.bytes + damaged + 18, 0xFF, 4);
    for (int i = 0; i < 20; i++)
        bgzf_add(&stored, "6,7\n", 4, 1);
    write_file("a.csv.gz", stored.bytes, stored.n_bytes);
    blob_free(&stored);
    write_text("b.csv", "a,b\n1,2\n");
    sheaf_files *files = files_of_folder();
    for (int workers = 1; workers <= 4; workers++) {
        struct ArrowArrayStream stream;
        sheaf_error err;
        uint64_t n = 0;
        sheaf_ingest_options options = {.size = sizeof options,
                                        .workers = workers,
                                        .chunk_bytes = 60,
                                        .dialect = SHEAF_DIALECT_RFC4180(','),
                                        .on_reject = count_reject,
                                        .context = &n};
        cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_ECOMPRESSED);
        cr_assert_eq(n, 0);
    }
    sheaf_files_release(files);
}
