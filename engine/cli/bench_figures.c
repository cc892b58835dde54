/*
 * What the repetitions say, and when they say nothing.
 *
 * The median stands for a configuration: one that was disturbed does not move it. The spread is
 * that of the wall time, slowest minus fastest, by the median.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/bench.h"

/* ---- figures ---- */

static int compare_doubles(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static int compare_counts(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static bench_range range_of(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return (bench_range){values[0], (values[(n - 1) / 2] + values[n / 2]) / 2, values[n - 1]};
}

/* The lower one of two. */
static uint64_t median_of(uint64_t *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_counts);
    return values[(n - 1) / 2];
}

static void figures_of_samples(bench_case *one, double *values, uint64_t *counts)
{
    size_t n = one->n_samples;
    for (size_t i = 0; i < n; i++)
        values[i] = one->samples[i].wall_s;
    one->wall = range_of(values, n);
    for (size_t i = 0; i < n; i++)
        values[i] = one->samples[i].user_s + one->samples[i].system_s;
    one->cpu = range_of(values, n);
    for (size_t i = 0; i < n; i++)
        counts[i] = one->samples[i].minor_faults;
    one->minor_faults = median_of(counts, n);
    for (size_t i = 0; i < n; i++)
        counts[i] = one->samples[i].major_faults;
    one->major_faults = median_of(counts, n);
    for (size_t i = 0; i < n; i++)
        counts[i] = one->samples[i].storage_bytes;
    one->storage_bytes = median_of(counts, n);
    one->peak_bytes = 0;
    for (size_t i = 0; i < n; i++)
        if (one->samples[i].peak_bytes > one->peak_bytes)
            one->peak_bytes = one->samples[i].peak_bytes;
}

static double by(double value, double divisor)
{
    return divisor > 0 ? value / divisor : 0;
}

static void compare_cases(bench *self)
{
    for (size_t i = 0; i < self->n_cases; i++) {
        bench_case *one = &self->cases[i];
        one->spread = by(one->wall.max - one->wall.min, one->wall.median);
        one->rate = by((double)one->counts.read_bytes, one->wall.median);
    }
    for (size_t i = 0; i < self->n_cases; i++) {
        bench_case *one = &self->cases[i];
        if (one->is_read)
            continue;
        one->speedup = by(one->baseline->wall.median, one->wall.median);
        one->efficiency = one->speedup / one->workers;
        one->share = by(one->rate, one->limit->rate);
    }
}

/* ---- what is not meaningful ---- */

static void __attribute__((format(printf, 3, 4)))
warn(bench *self, const char *code, const char *format, ...)
{
    va_list list;
    if (self->n_warnings == BENCH_WARNINGS_MAX)
        return;
    bench_warning *made = &self->warnings[self->n_warnings++];
    made->code = code;
    va_start(list, format);
    vsnprintf(made->text, sizeof made->text, format, list);
    va_end(list);
}

static bool is_short(const bench_case *one)
{
    return one->wall.median * 1000 < BENCH_SHORT_MS;
}

/* One of each kind, which names the worst: a machine that is busy is so for all of them. */
static void warn_of_times(bench *self)
{
    const bench_case *shortest = NULL;
    const bench_case *noisiest = NULL;
    size_t n_short = 0;
    size_t n_noisy = 0;
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        if (is_short(one)) {
            n_short++;
            if (!shortest || one->wall.median < shortest->wall.median)
                shortest = one;
        } else if (one->spread * 100 > BENCH_SPREAD_PERCENT) {
            n_noisy++;
            if (!noisiest || one->spread > noisiest->spread)
                noisiest = one;
        }
    }
    if (shortest)
        warn(self, "short",
             "%zu of %zu take less than %d ms (%s: %.1f ms), so starting and ending count more "
             "than reading: take more or larger files",
             n_short, self->n_cases, BENCH_SHORT_MS, shortest->name, shortest->wall.median * 1000);
    if (noisiest)
        warn(self, "noisy",
             "%zu of %zu have repetitions more than %d %% apart (%s: %.0f %%): the machine had "
             "other work",
             n_noisy, self->n_cases, BENCH_SPREAD_PERCENT, noisiest->name, noisiest->spread * 100);
}

static void warn_of_processors(bench *self)
{
    const bench_case *first = NULL;
    int processors = self->machine.processors;
    for (size_t i = 0; i < self->n_cases && !first; i++)
        if (!self->cases[i].is_read && self->cases[i].workers > processors)
            first = &self->cases[i];
    if (first)
        warn(self, "few_processors",
             "there %s %d %s: %s and all with more workers than that cannot be faster for it",
             plural(processors, "is", "are"), processors,
             plural(processors, "processor", "processors"), first->name);
}

/* Which of two is faster cannot be told when some runs of the slower are faster. */
static void warn_of_overlaps(bench *self)
{
    const bench_case *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < self->n_cases && self->args->bench.repeat > 1; i++) {
        const bench_case *one = &self->cases[i];
        if (one->workers > 1 && one->baseline && one->wall.min <= one->baseline->wall.max &&
            one->baseline->wall.min <= one->wall.max) {
            n++;
            first = first ? first : one;
        }
    }
    if (n == 1)
        warn(self, "overlap", "some runs of %s are faster and some slower than some of %s",
             first->name, first->baseline->name);
    else if (first)
        warn(self, "overlap",
             "%zu configurations (%s, ...) have runs that are faster and runs that are slower than "
             "some sequential ones",
             n, first->name);
}

/* One worker that reads from memory and writes nothing has nothing to wait for. */
static void warn_of_waiting(bench *self)
{
    const bench_case *worst = NULL;
    if (self->args->bench.cold || strcmp(self->destination, "null:") != 0)
        return;
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        if (one->baseline == one && !is_short(one) && one->cpu.median < 0.9 * one->wall.median)
            worst = !worst || one->cpu.median / one->wall.median <
                                  worst->cpu.median / worst->wall.median
                        ? one
                        : worst;
    }
    if (worst)
        warn(self, "starved",
             "%s had a processor for %.0f %% of its time only: the machine had other work",
             worst->name, 100 * worst->cpu.median / worst->wall.median);
}

static double fetched_share(const bench_case *one)
{
    return one->storage_bytes == SHEAF_UNKNOWN
               ? -1
               : by((double)one->storage_bytes, (double)one->counts.read_bytes);
}

static void warn_of_cache(bench *self)
{
    const bench_case *least = NULL;
    const bench_case *most = NULL;
    bool is_cold = self->args->bench.cold;
    if (is_cold && self->resident > 0.01)
        warn(self, "cold_impossible",
             "%.0f %% of the files stayed in the page cache (a file system in memory, or pages "
             "that others use), so these are not the figures of a cold cache",
             self->resident * 100);
    for (size_t i = 0; i < self->n_cases && self->size_bytes > 0; i++) {
        const bench_case *one = &self->cases[i];
        if (fetched_share(one) < 0)
            continue;
        least = !least || fetched_share(one) < fetched_share(least) ? one : least;
        most = !most || fetched_share(one) > fetched_share(most) ? one : most;
    }
    if (is_cold && self->resident <= 0.01 && least && fetched_share(least) < 0.9)
        warn(self, "cold_impossible",
             "%s had only %.0f %% of its bytes from storage, so these are not the figures of a "
             "cold cache",
             least->name, 100 * fetched_share(least));
    /* The program's own pages are few, and may be fetched, too. */
    if (!is_cold && most && fetched_share(most) > 0.05 && most->storage_bytes > 4 << 20)
        warn(self, "warm_impossible",
             "%s had %.0f %% of its bytes from storage: the files do not stay in memory, so these "
             "are not the figures of a warm cache",
             most->name, 100 * fetched_share(most));
}

static void warn_of_faults(bench *self)
{
    const bench_counts *counts = bench_counts_of(self);
    if (counts->rejected > 0 || counts->files_skipped > 0)
        warn(self, "faults",
             "there are faults in the data, the same in every run: sheaf check tells which");
}

static void find_warnings(bench *self)
{
    warn_of_faults(self);
    if (self->args->bench.repeat == 1)
        warn(self, "one_repetition", "one repetition cannot tell how noisy the machine is");
    warn_of_processors(self);
    warn_of_cache(self);
    warn_of_times(self);
    warn_of_overlaps(self);
    warn_of_waiting(self);
}

void bench_figures(bench *self)
{
    size_t n = self->args->bench.repeat;
    double *values = calloc(n, sizeof *values);
    uint64_t *counts = calloc(n, sizeof *counts);
    for (size_t i = 0; values && counts && i < self->n_cases; i++)
        figures_of_samples(&self->cases[i], values, counts);
    free(values);
    free(counts);
    compare_cases(self);
    find_warnings(self);
}

/* ---- for the pictures ---- */

void bench_axis(double most, double *end, double *step)
{
    static const double steps[] = {0.1, 0.2, 0.5, 1, 2};
    double ten = 1; /* the largest power of ten that is not above */
    while (ten * 10 <= most)
        ten *= 10;
    while (ten > most && ten > 1e-9)
        ten /= 10;
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof steps[0] && most / (steps[i] * ten) > 5)
        i++;
    *step = steps[i] * ten;
    int n = (int)(most / *step);
    *end = (n * *step < most || n == 0 ? n + 1 : n) * *step;
}

double bench_rate_max(const bench *self)
{
    double most = 0;
    for (size_t i = 0; i < self->n_cases; i++) {
        const bench_case *one = &self->cases[i];
        double rate = by((double)one->counts.read_bytes, one->wall.min);
        most = rate > most ? rate : most;
    }
    return most;
}
