/*
 * What it costs to have a table in memory: all rows of some files, as typed columns.
 *
 *     bench_table [--memory MB] [FILE...], and the options of every bench (report.h)
 *
 * One worker unless said. Without files, 32 MB of the mixed set (sets.h). --memory is what rows may
 * take that are read and not yet taken (sheaf_ingest_options.memory_bytes): if the table fits in
 * half of it, files are read once. A run opens a stream over the files, takes all of its batches,
 * keeps them until there are no more, and then releases them; it looks at no value. So it pays for
 * what readers of a stream that goes by do not: the pages of all the memory that the table takes,
 * which the kernel has to clear before they are touched for the first time.
 *
 * Each repetition is a process of its own: in one that has done the same before, the allocator
 * would hand out memory that was touched already, and the second table would be had for less than
 * any program pays that loads one. What is measured is all of that process, from its first moment
 * until its memory has gone back to the kernel.
 *
 * Below the table stand page faults and the largest size in memory; `kept` is what Arrow's buffers
 * take, without what may be allocated around them.
 *
 * The bench is linked with jemalloc, as the program is.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sheaf/sheaf.h>

#include "bench/folder.h"
#include "bench/report.h"
#include "bench/sets.h"

enum { MEMORY_MB_MAX = 1 << 20 };

static const bench_section section = {"all rows as typed columns, kept", "row", "ns"};
static size_t memory_mb; /* 0: what the library takes */
static const char *const *sources;
static size_t n_sources;

/* What a run tells the process that measures it. */
typedef struct table_size {
    uint64_t rows;
    uint64_t batches;
    uint64_t text_bytes;
    uint64_t kept_bytes;
} table_size;

/* ---- the table ---- */

typedef struct table {
    struct ArrowArray *batches;
    size_t n;
    size_t capacity;
} table;

static void keep(table *kept, const struct ArrowArray *batch)
{
    if (kept->n == kept->capacity) {
        kept->capacity = kept->capacity > 0 ? kept->capacity * 2 : 256;
        kept->batches = realloc(kept->batches, kept->capacity * sizeof *kept->batches);
        if (!kept->batches)
            bench_fail("no memory for %zu batches", kept->capacity);
    }
    kept->batches[kept->n++] = *batch; /* Arrow's structs may be moved by copy */
}

static void count_text(void *context, const sheaf_file_report *report)
{
    uint64_t *text_bytes = context;
    *text_bytes += report->text_bytes;
}

/* What the buffers of a column take; `format` is its type, as Arrow writes it. */
static uint64_t column_bytes(const struct ArrowArray *column, const char *format)
{
    uint64_t n = (uint64_t)column->length;
    uint64_t bits = (n + 7) / 8;
    uint64_t validity = column->n_buffers > 0 && column->buffers[0] ? bits : 0;
    if (strcmp(format, "n") == 0)
        return 0;
    if (strcmp(format, "b") == 0)
        return validity + bits;
    if (strcmp(format, "tdD") == 0)
        return validity + n * sizeof(int32_t);
    if (strcmp(format, "u") == 0)
        return validity + (n + 1) * sizeof(int32_t) +
               (uint64_t)((const int32_t *)column->buffers[1])[n];
    return validity + n * sizeof(int64_t);
}

static void add_size(table_size *size, const struct ArrowArray *batch,
                     const struct ArrowSchema *schema)
{
    size->rows += (uint64_t)batch->length;
    size->batches++;
    for (int64_t i = 0; i < batch->n_children; i++)
        size->kept_bytes += column_bytes(batch->children[i], schema->children[i]->format);
}

/* Take all batches, then tell how large they are, then let them go. */
static table_size load(struct ArrowArrayStream *stream)
{
    table kept = {0};
    table_size size = {0};
    struct ArrowArray batch;
    struct ArrowSchema schema;
    while (stream->get_next(stream, &batch) == 0 && batch.release)
        keep(&kept, &batch);
    const char *error = stream->get_last_error(stream);
    if (error)
        bench_fail("%s", error);
    if (stream->get_schema(stream, &schema) != 0)
        bench_fail("%s", stream->get_last_error(stream));
    for (size_t i = 0; i < kept.n; i++) {
        add_size(&size, &kept.batches[i], &schema);
        kept.batches[i].release(&kept.batches[i]);
    }
    schema.release(&schema);
    free(kept.batches);
    return size;
}

static table_size load_files(int workers)
{
    sheaf_files *files;
    struct ArrowArrayStream stream;
    sheaf_error err;
    uint64_t text_bytes = 0;
    sheaf_ingest_options options = {.size = sizeof options,
                                    .workers = workers,
                                    .memory_bytes = memory_mb * 1000000,
                                    .on_file = count_text,
                                    .context = &text_bytes};
    if (sheaf_files_discover(sources, n_sources, NULL, &files, &err) < 0)
        bench_fail("%s", err.message);
    if (sheaf_stream_open(files, &options, &stream, &err) < 0)
        bench_fail("%s: %s", err.source, err.message);
    table_size size = load(&stream);
    stream.release(&stream);
    sheaf_files_release(files);
    size.text_bytes = text_bytes;
    return size;
}

/* ---- a process for each repetition ---- */

/* Of the last one. */
static table_size last;
static struct rusage last_usage;

static void run(bench_run *run)
{
    int ends[2];
    int exit_status;
    if (pipe(ends) < 0)
        bench_fail("no pipe: %s", strerror(errno));
    fflush(stdout); /* or the child would write it, too */
    bench_begin(run);
    pid_t child = fork();
    if (child < 0)
        bench_fail("no process: %s", strerror(errno));
    if (child == 0) {
        last = load_files(run->workers);
        _exit(write(ends[1], &last, sizeof last) == (ssize_t)sizeof last ? 0 : 1);
    }
    if (wait4(child, &exit_status, 0, &last_usage) < 0 || exit_status != 0)
        bench_fail("a run failed");
    bench_end(run);
    if (read(ends[0], &last, sizeof last) != (ssize_t)sizeof last)
        bench_fail("a run told nothing");
    close(ends[0]);
    close(ends[1]);
    run->n = last.rows;
    run->n_bytes = last.text_bytes;
}

static void print_size(const bench_suite *suite)
{
    (void)suite;
    printf(
        "\n%llu rows in %llu batches, %.1f MB of text, %.1f MB kept; %ld page faults, %.1f MB at "
        "most\n",
        (unsigned long long)last.rows, (unsigned long long)last.batches,
        (double)last.text_bytes / 1e6, (double)last.kept_bytes / 1e6,
        last_usage.ru_minflt + last_usage.ru_majflt, (double)last_usage.ru_maxrss * 1024 / 1e6);
}

static void print_size_json(const bench_suite *suite)
{
    (void)suite;
    printf(",\n \"rows\": %llu, \"batches\": %llu, \"kept_bytes\": %llu, \"page_faults\": %ld, "
           "\"peak_bytes\": %lld",
           (unsigned long long)last.rows, (unsigned long long)last.batches,
           (unsigned long long)last.kept_bytes, last_usage.ru_minflt + last_usage.ru_majflt,
           (long long)last_usage.ru_maxrss * 1024);
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    static const char *const sample = "mixed.csv";
    bench_suite suite = {.name = "table",
                         .workers = 1,
                         .repeat = 7,
                         .print_more = print_size,
                         .print_more_json = print_size_json};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--memory") == 0)
            memory_mb = bench_number_after(argv, &i, MEMORY_MB_MAX);
        else if (argv[i][0] != '-')
            argv[n_sources++] = argv[i];
        else if (!bench_option(&suite, argv, &i))
            bench_fail("%s? [--memory MB] [FILE...] " BENCH_OPTIONS, argv[i]);
    }
    sources = (const char *const *)argv;
    if (n_sources == 0) {
        bench_enter_folder();
        bench_text text = bench_text_make("mixed", 1, suite.quick ? 100000 : 32000000);
        bench_text_write(&text, sample);
        bench_text_free(&text);
        sources = &sample;
        n_sources = 1;
    }
    bench_case *one = bench_add(&suite, &section, "sheaf", run, NULL);
    snprintf(one->id, sizeof one->id, "kept");
    snprintf(one->what, sizeof one->what, "a stream's batches");
    bench_suite_run(&suite);
    bench_suite_end(&suite);
    return 0;
}
