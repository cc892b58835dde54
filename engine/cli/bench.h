/*
 * `sheaf bench`: the same files read in several ways, in turns, each checked to have read the same.
 *
 *     bench_options.c  what to compare, from the command line
 *     bench.c          the plan, the rounds, what must be equal
 *     bench_run.c      one repetition, in a process of its own
 *     bench_read.c     the same bytes by read alone; the page cache
 *     bench_figures.c  what the repetitions say, and when they say nothing
 *     bench_machine.c  what it ran on
 *     bench_report.c   a table and bars on the terminal
 *     bench_json.c     JSON and CSV
 *     bench_chart.c    a picture, by gnuplot
 *     bench_html.c     a page, and bench_svg.c the picture in it
 *     bench_file.c     files that appear when they are whole
 */
#ifndef SHEAF_CLI_BENCH_H
#define SHEAF_CLI_BENCH_H

#include "engine/cli/cli.h"

/* What was read: must be the same in every configuration. */
typedef struct bench_counts {
    uint64_t files_skipped;
    uint64_t read_bytes;
    uint64_t text_bytes;
    uint64_t records;
    uint64_t loaded;
    uint64_t rejected;
    uint64_t skipped;
    uint64_t columns;
    uint64_t fields; /* of the records that were loaded */
    uint64_t digest; /* of a run that is not timed */
} bench_counts;

/* One repetition, as the process in which it ran saw it. */
typedef struct bench_sample {
    double wall_s;
    double user_s; /* with that of worker processes, like what follows */
    double system_s;
    uint64_t minor_faults;
    uint64_t major_faults;
    uint64_t storage_bytes; /* that the kernel fetched from storage; SHEAF_UNKNOWN */
    /* At most: of the process, and as many times the largest worker process as there are. */
    uint64_t peak_bytes;
} bench_sample;

typedef struct bench_range {
    double min;
    double median;
    double max;
} bench_range;

typedef struct bench_case {
    char name[64]; /* "threads 2", "processes 2, libcsv", "read alone 2" */
    bool is_read;  /* the files' bytes by read(2) alone */
    sheaf_executor_kind executor;
    sheaf_parser parser;
    int workers;
    const struct bench_case *baseline; /* sequential, by the same parser; NULL: of `read` */
    const struct bench_case *limit;    /* read alone by as many threads */
    bench_counts counts;
    bench_sample *samples; /* n_samples of them */
    size_t n_samples;

    /* bench_figures.c */
    bench_range wall;
    bench_range cpu;
    double spread;     /* of the wall time: (max - min) / median */
    double rate;       /* bytes as stored per second, at the median */
    double speedup;    /* the baseline's median by this one's; 0: there is none */
    double efficiency; /* speedup by workers */
    double share;      /* of the rate of `read` alone; 0: it is that */
    uint64_t peak_bytes;
    uint64_t minor_faults; /* the median's, like the next two */
    uint64_t major_faults;
    uint64_t storage_bytes;
} bench_case;

typedef struct bench_warning {
    const char *code;
    char text[256];
} bench_warning;

enum { BENCH_WARNINGS_MAX = 12 }; /* one of each kind, and room */

typedef struct bench_machine {
    char cpu[128];
    char system[160]; /* "Linux 6.1.0-31-amd64 x86_64" */
    char build[256];  /* sheaf_build_info() */
    int processors;   /* that the process may use */
    uint64_t memory_bytes;
} bench_machine;

typedef struct bench {
    const arguments *args;
    const sheaf_files *files;
    uint64_t size_bytes; /* of all files, as discovered */
    bench_case *cases;   /* in the order of a round: read alone first */
    size_t n_cases;
    char folder[4096];      /* for destinations, or "" */
    char destination[4352]; /* "null:", or in that folder */
    double resident;        /* the largest part of the files in the cache before a cold run */
    bench_machine machine;
    bench_warning warnings[BENCH_WARNINGS_MAX];
    size_t n_warnings;
} bench;

/* ---- bench_run.c ---- */

/* How a repetition ended. */
typedef struct bench_outcome {
    sheaf_status status;
    sheaf_error err;
    bench_sample sample;
    bench_counts counts;
} bench_outcome;

/*
 * Run one case once in a child process; with a digest, which takes its time. False: it did not come
 * to its end, and that was told, unless bench_interrupted().
 */
bool bench_run(const bench *self, const bench_case *one, bool digest, bench_outcome *outcome);

/* From here on, signals end the child that runs, and bench_interrupted() becomes true. */
void bench_handle_signals(void);
bool bench_interrupted(void);

/* ---- bench_read.c ---- */

/* Read all bytes of the files by so many threads, and give how many they were. */
sheaf_status bench_read(const sheaf_files *files, int n_threads, uint64_t *n_bytes,
                        sheaf_error *err);
/* Drop the files from the page cache; the part of them, 0 to 1, that is there nevertheless. */
double bench_drop_cache(const sheaf_files *files);

/* ---- bench_figures.c ---- */

enum { BENCH_SHORT_MS = 20, BENCH_SPREAD_PERCENT = 10 };

void bench_figures(bench *self);

/* ---- bench_machine.c ---- */

void bench_machine_get(bench_machine *machine);
int bench_processors(void);

/* ---- the reports ---- */

/* What a number is called in all of them. */
typedef struct bench_text {
    char text[48];
} bench_text;

bench_text bench_rate(double bytes_per_second); /* "1.64 GB/s" */
bench_text bench_seconds(double seconds);       /* three digits: "0.642" */
bench_text bench_percent(double share);         /* "12 %" */
/* "1 file, 1.0 GB, 10,000,000 records of 8 columns, 80,000,000 fields" */
void bench_describe_data(const bench *self, char *text, size_t size);
/* "cache warm, 5 repetitions in turns, into null:" */
void bench_describe_run(const bench *self, char *text, size_t size);
/* The first case that is not `read`: what was read is the same for all of them. */
const bench_counts *bench_counts_of(const bench *self);

void bench_report(const bench *self, FILE *out);
void bench_print_json(const bench *self, FILE *out);
void bench_print_csv(const bench *self, FILE *out);
void bench_print_html(const bench *self, FILE *out);
void bench_print_svg(const bench *self, FILE *out);
void bench_print_gnuplot(const bench *self, bool is_png, FILE *out);

/* The end of an axis from 0 that holds `most`, and the distance of its marks: 1, 2 or 5 tens. */
void bench_axis(double most, double *end, double *step);
/* The largest rate of any repetition, in bytes per second. */
double bench_rate_max(const bench *self);

/* ---- bench_chart.c ---- */

/* Whether there is a gnuplot; if not, that is told. */
bool bench_has_gnuplot(void);
/* Have it draw into `out`; false: it failed, and that was told. */
bool bench_draw(const bench *self, bool is_png, FILE *out);

/* ---- bench_file.c ---- */

/* A file that is written beside where it will be, and appears when it is whole. */
typedef struct bench_file {
    const char *path; /* NULL: it was not asked for */
    char temporary[4096];
    FILE *stream;
} bench_file;

/* Whether nothing is written over a source, or twice to one place; if not, that is told. */
bool bench_files_are_apart(const sheaf_files *sources, const bench_arguments *asked);

/* Make it; false: it cannot be, and that was told. */
bool bench_file_open(bench_file *file, const char *path);
/* It is whole; false as above. */
bool bench_file_finish(bench_file *file);
/* It will not be. */
void bench_file_drop(bench_file *file);

#endif
