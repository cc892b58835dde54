/* Clock, CPU time, memory and medians for the benches: bench.h. */
#include "bench/bench.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* Weak: there when jemalloc is linked, as the program links it. */
extern int mallctl(const char *name, void *old, size_t *n_old, void *new, size_t n_new)
    __attribute__((weak));

void bench_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

size_t bench_number_after(char **argv, int *i, size_t max)
{
    char *end;
    const char *text = argv[*i + 1];
    unsigned long value = text ? strtoul(text, &end, 10) : 0;
    if (!text || *end || value < 1 || value > max)
        bench_fail("%s needs a number from 1 to %zu", argv[*i], max);
    (*i)++;
    return value;
}

/* ---- time ---- */

static double ns_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double wall_ns(void)
{
    return ns_of(CLOCK_MONOTONIC);
}

/* With that of the processes it had, once they were waited for. */
static double cpu_ns(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage);
    return ns_of(CLOCK_PROCESS_CPUTIME_ID) +
           (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
}

bench_reading bench_now(void)
{
    return (bench_reading){.wall_ns = wall_ns(), .cpu_ns = cpu_ns()};
}

/* The wall clock is read last here and first below, so that it does not pay for the other one. */
void bench_begin(bench_run *run)
{
    run->began.cpu_ns = cpu_ns();
    run->began.wall_ns = wall_ns();
}

void bench_end(bench_run *run)
{
    run->took.wall_ns = wall_ns() - run->began.wall_ns;
    run->took.cpu_ns = cpu_ns() - run->began.cpu_ns;
}

/* The first line of /proc/stat: "cpu user nice system idle iowait irq softirq steal ...". */
double bench_machine_cpu_ns(void)
{
    FILE *file = fopen("/proc/stat", "r");
    if (!file)
        return 0;
    double ticks[8] = {0};
    int n = fscanf(file, "cpu %lf %lf %lf %lf %lf %lf %lf %lf", &ticks[0], &ticks[1], &ticks[2],
                   &ticks[3], &ticks[4], &ticks[5], &ticks[6], &ticks[7]);
    fclose(file);
    if (n != 8)
        return 0;
    double busy = ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6] + ticks[7];
    return busy * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

/* ---- memory ---- */

const char *bench_allocator(void)
{
    return mallctl ? "jemalloc" : "glibc";
}

static double malloc_bytes(void)
{
    if (!mallctl) {
        struct mallinfo2 info = mallinfo2();
        return (double)(info.uordblks + info.hblkhd);
    }
    uint64_t epoch = 1; /* statistics are of the last epoch */
    size_t allocated = 0;
    size_t n = sizeof allocated;
    if (mallctl("epoch", NULL, NULL, &epoch, sizeof epoch) != 0 ||
        mallctl("stats.allocated", &allocated, &n, NULL, 0) != 0)
        bench_fail("jemalloc has no statistics");
    return (double)allocated;
}

void bench_give_memory_back(void)
{
    if (!mallctl)
        malloc_trim(0);
    else if (mallctl("arena.4096.purge", NULL, NULL, NULL, 0) != 0) /* 4096: all of them */
        bench_fail("jemalloc gives no memory back");
}

static double rss_bytes(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        bench_fail("/proc/self/status cannot be read");
    char line[128];
    double kib = -1;
    while (kib < 0 && fgets(line, sizeof line, file))
        if (strncmp(line, "VmRSS:", 6) == 0)
            kib = strtod(line + 6, NULL);
    fclose(file);
    return kib * 1024;
}

void bench_memory_begin(bench_run *run)
{
    run->malloc_bytes = malloc_bytes();
    run->rss_bytes = rss_bytes();
}

void bench_memory_end(bench_run *run)
{
    run->rss_bytes = rss_bytes() - run->rss_bytes;
    run->malloc_bytes = malloc_bytes() - run->malloc_bytes;
}

/* ---- medians ---- */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}
