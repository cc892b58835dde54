/*
 * What the benches share: one run of one case with its clock, and what a run is made of.
 *
 * A case sets up what it needs, calls bench_begin(), does its thing, calls bench_end(), and clears
 * up: what stands between the two calls is measured, and nothing else may stand there. A case about
 * memory does the same with bench_memory_begin() and bench_memory_end(), in a process of its own,
 * where nothing has been allocated and freed before. In C++ too: some peers are written in it.
 */
#ifndef SHEAF_BENCH_BENCH_H
#define SHEAF_BENCH_BENCH_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_WORKERS_MAX = 256 };

/* What a clock or a counter shows at one moment. */
typedef struct bench_reading {
    double wall_ns;
    double cpu_ns; /* of all threads, and of child processes that ended; in user and kernel mode */
} bench_reading;

typedef struct bench_run {
    int workers;
    const void *input; /* of the case; or NULL */
    size_t n;          /* tasks, values, records: what times are divided by */
    uint64_t n_bytes;  /* of text that was gone through; 0: there is none */
    size_t window;     /* items in flight of an ordered map */
    size_t chunk;      /* items in one task of it */
    void **slots;      /* room for n pointers, in memory that was touched before */

    bench_reading began, took;
    double malloc_bytes, rss_bytes; /* of a case about memory; malloc_bytes < 0: not known */
} bench_run;

void bench_begin(bench_run *run);
void bench_end(bench_run *run);

/* How much memory grows in between: by the allocator's own count, and as the kernel sees it. */
void bench_memory_begin(bench_run *run);
void bench_memory_end(bench_run *run);

/* Have the allocator give the kernel all the memory that is not in use. */
void bench_give_memory_back(void);

/* "jemalloc" if it is linked, "glibc". */
const char *bench_allocator(void);

/* The CPU time of all processes on the machine so far. */
double bench_machine_cpu_ns(void);
/* Wall clock and CPU time of this process now. */
bench_reading bench_now(void);

/* Sorts the values. n >= 1. */
double bench_median(double *values, size_t n);

/* Print a sentence and end the program: a bench that cannot do its work has no figures to show. */
void bench_fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* The number that belongs to the option argv[*i], from 1 to max; *i goes on to it. */
size_t bench_number_after(char **argv, int *i, size_t max);

#ifdef __cplusplus
}
#endif

#endif
