/* Files that are compressed on their way out: engine/sinks/compress/compress.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/executor.h>

#include "engine/sinks/compress/compress.h"
#include "tests/support.h"

TestSuite(compress, .init = enter_directory, .fini = leave_directory, .timeout = 120);

enum { TEXT_MAX = 12 << 20, EXECUTORS = 4 };

/* NULL, one that runs inline, pools of 1 and 4. */
static sheaf_executor *executor_of(int i, size_t *workers)
{
    static const int of[EXECUTORS] = {1, 1, 1, 4};
    sheaf_executor_options options = {.size = sizeof options,
                                      .kind = i == 1 ? SHEAF_EXECUTOR_SEQUENTIAL
                                                     : SHEAF_EXECUTOR_THREADS,
                                      .max_workers = of[i]};
    sheaf_executor *executor = NULL;
    *workers = (size_t)of[i];
    if (i > 0)
        cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

typedef struct file {
    sheaf_executor *executor;
    sheaf__sink sink;
    sheaf__output output;
    sheaf__compressor *compressor;
} file;

static void begin(file *f, const char *path, sheaf__packing packing, int executor)
{
    sheaf_error err;
    sheaf__sink_target target = {
        .kind = SHEAF__SINK_FILE, .path = path, .if_exists = SHEAF_IF_EXISTS_REPLACE};
    *f = (file){0};
    f->sink.executor = f->executor = executor_of(executor, &f->sink.workers);
    cr_assert_eq(sheaf__output_open(&f->output, &target, &err), SHEAF_OK);
    cr_assert_eq(sheaf__compressor_create(packing, &f->sink, &f->output, &f->compressor, &err),
                 SHEAF_OK);
}

static void end(file *f)
{
    sheaf__output_end(&f->output);
    sheaf__compressor_destroy(f->compressor);
    sheaf_executor_destroy(f->executor);
}

static void commit(file *f)
{
    sheaf_error err;
    sheaf__compressor_finish(f->compressor);
    cr_assert_eq(sheaf__output_commit(&f->output, &err), SHEAF_OK);
    end(f);
}

static void expect_same_files(const char *one, const char *other)
{
    char command[200];
    snprintf(command, sizeof command, "cmp %s %s", one, other);
    cr_assert_eq(system(command), 0);
}

/* Numbers, so that there is something to compress. */
static char *make_text(uint64_t *random)
{
    char *text = malloc(TEXT_MAX + 16);
    for (size_t at = 0; at < TEXT_MAX;)
        at += (size_t)sprintf(text + at, "%u,", (unsigned)random_below(random, 100000));
    return text;
}

/*
 * Pieces of any size are put, marked and taken back, in parts that are under way, written, or both:
 * the file is that of the text that is left, put at once and by nobody else.
 */
static void play(const char *text, sheaf__packing packing, int executor, uint64_t *random)
{
    file f;
    char *left = malloc(TEXT_MAX);
    size_t n_left = 0;
    size_t marked = 0;
    bool has_mark = false;
    begin(&f, "played", packing, executor);
    for (int step = 0; step < 40; step++) {
        size_t what = random_below(random, 8);
        size_t n = random_below(random, what == 7 ? 3 << 20 : 200 << 10);
        if (what == 0) {
            sheaf__compressor_mark(f.compressor);
            marked = n_left;
            has_mark = true;
        } else if (what == 1 && has_mark) {
            sheaf__compressor_take_back(f.compressor);
            n_left = marked;
        } else if (n <= TEXT_MAX - n_left) {
            const char *from = text + random_below(random, TEXT_MAX - n);
            sheaf__compressor_put(f.compressor, from, n);
            memcpy(left + n_left, from, n);
            n_left += n;
        }
    }
    commit(&f);
    begin(&f, "whole", packing, 0);
    sheaf__compressor_put(f.compressor, left, n_left);
    commit(&f);
    expect_same_files("played", "whole");
    free(left);
}

Test(compress, a_file_depends_on_the_text_alone_that_was_not_taken_back)
{
    uint64_t random = 20261122;
    char *text = make_text(&random);
    for (size_t round = 0; round < rounds(2); round++)
        for (int executor = 0; executor < EXECUTORS; executor++)
            for (int packing = SHEAF__PACKED_GZIP; packing <= SHEAF__PACKED_ZSTD; packing++)
                play(text, (sheaf__packing)packing, executor, &random);
    free(text);
}

/* Its threads are at work on it: nothing is written any more, and nothing leaks. */
Test(compress, a_file_that_is_given_up)
{
    uint64_t random = 1;
    char *text = make_text(&random);
    for (int executor = 0; executor < EXECUTORS; executor++) {
        file f;
        begin(&f, "given_up", SHEAF__PACKED_GZIP, executor);
        sheaf__compressor_put(f.compressor, text, TEXT_MAX);
        sheaf__output_abort(&f.output);
        end(&f);
        cr_assert_neq(access("given_up", F_OK), 0);
    }
    free(text);
}

/* What cannot be compressed is a little longer than it was, and no more. */
Test(compress, noise)
{
    uint64_t random = 7;
    uint8_t *noise = malloc(TEXT_MAX);
    for (size_t i = 0; i < TEXT_MAX; i++)
        noise[i] = (uint8_t)random_next(&random);
    for (int packing = SHEAF__PACKED_GZIP; packing <= SHEAF__PACKED_ZSTD; packing++) {
        file f;
        bool gzip = packing == SHEAF__PACKED_GZIP;
        begin(&f, gzip ? "noise.gz" : "noise.zst", (sheaf__packing)packing, 3);
        sheaf__compressor_put(f.compressor, noise, TEXT_MAX);
        commit(&f);
        FILE *plain = fopen("noise", "w");
        fwrite(noise, 1, TEXT_MAX, plain);
        fclose(plain);
        cr_assert_eq(
            system(gzip ? "gzip -dc noise.gz | cmp - noise" : "zstd -qdc noise.zst | cmp - noise"),
            0);
    }
    free(noise);
}
