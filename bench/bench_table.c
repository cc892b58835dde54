/*
 * What it costs to have a table in memory: all rows of some files, as typed columns.
 *
 *     bench_table [--workers N] [--memory MB] [--repeat N] [--quick] FILE...
 *
 * One worker and five repetitions by default. --memory is what rows may take that are read and not
 * yet taken (sheaf_ingest_options.memory_bytes): if the table fits in half of it, files are read
 * once. A run opens a stream over the files, takes all of its
 * batches, keeps them until there are no more, and then releases them; it looks at no value. So it
 * pays for what readers of a stream that goes by do not: the pages of all the memory that the table
 * takes, which the kernel has to clear before they are touched for the first time.
 *
 * Each repetition is a process of its own: in one that has done the same before, the allocator
 * would hand out memory that was touched already, and the second table would be had for less than
 * any program pays that loads one. What is measured is all of that process, from its first moment
 * until its memory has gone back to the kernel.
 *
 * A line shows wall time, CPU time in user and kernel mode, page faults, the largest size in
 * memory, and GB (10^9 bytes of text, as inflated) per CPU-second; at the end stand the best and
 * the median. `kept` is what Arrow's buffers take, without what may be allocated around them.
 *
 * The bench is linked with jemalloc, as the program is.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sheaf/sheaf.h>

#include "bench/bench.h"

enum { REPEAT_MAX = 1000, WORKERS_MAX = 1024, MEMORY_MB_MAX = 1 << 20 };

typedef struct settings {
    int workers;
    size_t memory_mb; /* 0: what the library takes */
    size_t repeat;
    bool quick;
    const char *const *sources;
    size_t n_sources;
} settings;

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

static table_size run(const settings *set)
{
    sheaf_files *files;
    struct ArrowArrayStream stream;
    sheaf_error err;
    uint64_t text_bytes = 0;
    sheaf_ingest_options options = {.size = sizeof options,
                                    .workers = set->workers,
                                    .memory_bytes = set->memory_mb * 1000000,
                                    .on_file = count_text,
                                    .context = &text_bytes};
    if (sheaf_files_discover(set->sources, set->n_sources, NULL, &files, &err) < 0)
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

typedef struct figures {
    double wall_s;
    double user_s;
    double system_s;
    double gb_per_cpu_s;
} figures;

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static table_size run_in_child(const settings *set, double *wall_s, struct rusage *usage)
{
    int ends[2];
    int exit_status;
    table_size size;
    if (pipe(ends) < 0)
        bench_fail("no pipe: %s", strerror(errno));
    fflush(stdout); /* or the child would write it, too */
    double begun_ns = bench_now().wall_ns;
    pid_t child = fork();
    if (child < 0)
        bench_fail("no process: %s", strerror(errno));
    if (child == 0) {
        size = run(set);
        exit(write(ends[1], &size, sizeof size) == (ssize_t)sizeof size ? 0 : 1);
    }
    if (wait4(child, &exit_status, 0, usage) < 0 || exit_status != 0)
        bench_fail("a run failed");
    *wall_s = (bench_now().wall_ns - begun_ns) / 1e9;
    if (read(ends[0], &size, sizeof size) != (ssize_t)sizeof size)
        bench_fail("a run told nothing");
    close(ends[0]);
    close(ends[1]);
    return size;
}

static void print_size(const settings *set, const table_size *size)
{
    printf("%d workers%s; %llu rows in %llu batches, %.1f MB of text, %.1f MB kept\n\n",
           set->workers, set->quick ? "; --quick: the figures mean nothing" : "",
           (unsigned long long)size->rows, (unsigned long long)size->batches,
           (double)size->text_bytes / 1e6, (double)size->kept_bytes / 1e6);
    printf("%8s %8s %8s %9s %8s %14s\n", "wall s", "user s", "system s", "faults", "peak MB",
           "GB/CPU-second");
}

static figures measure(const settings *set, bool is_first)
{
    struct rusage usage;
    double wall_s;
    table_size size = run_in_child(set, &wall_s, &usage);
    figures f = {.wall_s = wall_s,
                 .user_s = seconds_of(usage.ru_utime),
                 .system_s = seconds_of(usage.ru_stime)};
    f.gb_per_cpu_s = (double)size.text_bytes / 1e9 / (f.user_s + f.system_s);
    if (is_first)
        print_size(set, &size);
    printf("%8.3f %8.3f %8.3f %9ld %8.0f %14.3f\n", f.wall_s, f.user_s, f.system_s,
           usage.ru_minflt + usage.ru_majflt, (double)usage.ru_maxrss * 1024 / 1e6, f.gb_per_cpu_s);
    return f;
}

static void measure_all(const settings *set)
{
    double values[REPEAT_MAX];
    for (size_t i = 0; i < set->repeat; i++)
        values[i] = measure(set, i == 0).gb_per_cpu_s;
    double median = bench_median(values, set->repeat);
    printf("\nGB per CPU-second: best %.3f, median %.3f\n", values[set->repeat - 1], median);
}

/* ---- the program ---- */

/* A file to try everything out on. */
static void write_sample(const char *name)
{
    FILE *file = fopen(name, "w");
    if (!file)
        bench_fail("%s: %s", name, strerror(errno));
    fputs("number,half,day,yes,text,nothing\n", file);
    for (int i = 0; i < 1000; i++)
        fprintf(file, "%d,%d.5,2024-01-%02d,%s,t%d,\n", i, i, i % 28 + 1, i % 3 ? "true" : "false",
                i);
    fclose(file);
}

int main(int argc, char **argv)
{
    static const char sample[] = "bench_table.csv";
    static const char *const samples[] = {sample};
    settings set = {.workers = 1, .repeat = 5, .sources = (const char *const *)argv};
    int n_sources = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--workers") == 0)
            set.workers = (int)bench_number_after(argv, &i, WORKERS_MAX);
        else if (strcmp(argv[i], "--memory") == 0)
            set.memory_mb = bench_number_after(argv, &i, MEMORY_MB_MAX);
        else if (strcmp(argv[i], "--repeat") == 0)
            set.repeat = bench_number_after(argv, &i, REPEAT_MAX);
        else if (strcmp(argv[i], "--quick") == 0)
            set.quick = true;
        else if (argv[i][0] == '-')
            bench_fail("%s? [--workers N] [--memory MB] [--repeat N] [--quick] FILE...", argv[i]);
        else
            argv[n_sources++] = argv[i];
    }
    set.n_sources = (size_t)n_sources;
    if (set.quick)
        set.repeat = 1;
    if (n_sources == 0 && !set.quick)
        bench_fail("which files? [--workers N] [--memory MB] [--repeat N] [--quick] FILE...");
    if (n_sources == 0) {
        write_sample(sample);
        set.sources = samples;
        set.n_sources = 1;
    }
    measure_all(&set);
    if (n_sources == 0)
        remove(sample);
    return 0;
}
