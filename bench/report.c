/* Cases in turns, a table and JSON: see report.h. */
#include "bench/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/version.h>

/* ---- what is to be done ---- */

bool bench_option(bench_suite *suite, char **argv, int *i)
{
    if (strcmp(argv[*i], "--workers") == 0)
        suite->workers = (int)bench_number_after(argv, i, BENCH_WORKERS_MAX);
    else if (strcmp(argv[*i], "--repeat") == 0)
        suite->repeat = bench_number_after(argv, i, BENCH_REPEAT_MAX);
    else if (strcmp(argv[*i], "--only") == 0 && argv[*i + 1])
        suite->only = argv[++*i];
    else if (strcmp(argv[*i], "--json") == 0)
        suite->json = true;
    else if (strcmp(argv[*i], "--quick") == 0)
        suite->quick = true;
    else
        return false;
    if (suite->quick)
        suite->repeat = 1;
    return true;
}

bench_case *bench_add(bench_suite *suite, const bench_section *section, const char *who,
                      void (*run)(bench_run *run), void *input)
{
    if (suite->n_cases == suite->capacity) {
        suite->capacity = suite->capacity > 0 ? suite->capacity * 2 : 32;
        suite->cases = realloc(suite->cases, suite->capacity * sizeof *suite->cases);
        if (!suite->cases)
            bench_fail("no memory for %zu cases", suite->capacity);
    }
    bench_case *one = &suite->cases[suite->n_cases++];
    *one = (bench_case){.section = section, .who = who, .run = run, .input = input};
    return one;
}

bool bench_is_wanted(const bench_suite *suite, const char *id)
{
    return !suite->only || strncmp(id, suite->only, strlen(suite->only)) == 0;
}

const bench_figures *bench_figures_of(const bench_suite *suite, const char *id)
{
    for (size_t i = 0; suite->figures && i < suite->n_cases; i++)
        if (strcmp(suite->cases[i].id, id) == 0 && suite->figures[i].wall)
            return &suite->figures[i];
    return NULL;
}

/* ---- doing it ---- */

static double unit_ns(const bench_section *section)
{
    return section->unit[0] == 'n' ? 1 : section->unit[0] == 'u' ? 1e3 : 1e6;
}

static double *new_values(size_t n)
{
    double *values = malloc(n * sizeof *values);
    if (!values)
        bench_fail("no memory for %zu figures", n);
    return values;
}

static void run_case(const bench_suite *suite, size_t index, size_t round)
{
    const bench_case *one = &suite->cases[index];
    bench_figures *f = &suite->figures[index];
    bench_run run = {.workers = suite->workers, .input = one->input, .n = 1};
    if (suite->prepare)
        suite->prepare(suite, one, &run);
    one->run(&run);
    double divisor = unit_ns(one->section) * (one->section->item ? (double)run.n : 1);
    f->n = run.n;
    f->n_bytes = run.n_bytes;
    f->wall[round] = run.took.wall_ns / divisor;
    f->cpu[round] = run.took.cpu_ns / divisor;
}

static void run_rounds(bench_suite *suite)
{
    bench_reading before = bench_now();
    double machine_before = bench_machine_cpu_ns();
    for (size_t round = 0; round < suite->repeat; round++)
        for (size_t i = 0; i < suite->n_cases; i++)
            if (suite->figures[i].wall)
                run_case(suite, i, round);
    bench_reading after = bench_now();
    double by_others = bench_machine_cpu_ns() - machine_before - (after.cpu_ns - before.cpu_ns);
    double there_was = (after.wall_ns - before.wall_ns) * (double)sysconf(_SC_NPROCESSORS_ONLN);
    suite->others_percent = by_others > 0 ? 100 * by_others / there_was : 0;
}

/* ---- what it says ---- */

static double quotient(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double median_of_quotients(const double *a, const double *b, double *room, size_t n)
{
    for (size_t i = 0; i < n; i++)
        room[i] = quotient(a[i], b[i]);
    return bench_median(room, n);
}

static void sum_up_case(const bench_section *section, bench_figures *f, const bench_figures *base,
                        double *room, size_t n)
{
    double run_s = unit_ns(section) / 1e9 * (section->item ? (double)f->n : 1);
    if (base)
        f->ratio = median_of_quotients(f->wall, base->wall, room, n);
    f->cpu_over_wall = median_of_quotients(f->cpu, f->wall, room, n);
    memcpy(room, f->cpu, n * sizeof *room);
    f->cpu_median = bench_median(room, n);
    memcpy(room, f->wall, n * sizeof *room);
    f->median = bench_median(room, n);
    f->best = room[0];
    f->max = room[n - 1];
    f->spread_percent = 100 * quotient(f->max - f->best, f->median);
    f->mb_per_cpu_s = quotient((double)f->n_bytes / 1e6, f->cpu_median * run_s);
    f->mb_per_s = quotient((double)f->n_bytes / 1e6, f->median * run_s);
    f->items_per_s = section->item ? quotient((double)f->n, f->median * run_s) : 0;
}

static void sum_up(bench_suite *suite)
{
    const bench_figures *base = NULL;
    double *room = new_values(suite->repeat);
    for (size_t i = 0; i < suite->n_cases; i++) {
        const bench_case *one = &suite->cases[i];
        bench_figures *f = &suite->figures[i];
        if (one->is_base)
            base = f->wall ? f : NULL;
        if (f->wall)
            sum_up_case(one->section, f, one->is_base ? NULL : base, room, suite->repeat);
    }
    free(room);
}

/* ---- a table ---- */

int bench_digits(double value)
{
    return value < 20 ? 2 : value < 1000 ? 1 : 0;
}

static void print_head(const bench_suite *suite)
{
    printf("bench_%s: %d worker%s, %zu round%s%s\nsheaf %s, %s", suite->name, suite->workers,
           suite->workers == 1 ? "" : "s", suite->repeat, suite->repeat == 1 ? "" : "s",
           suite->quick ? "; --quick: the figures mean nothing" : "", sheaf_version(),
           bench_allocator());
    for (size_t i = 0; i < suite->n_peers; i++) {
        const bench_peer *peer = &suite->peers[i];
        if (peer->version)
            printf(", %s %s", peer->name, peer->version);
        else
            printf(", without %s (Debian: %s)", peer->name, peer->package);
    }
    printf("\n\n%-50s %8s %8s %8s %8s %8s %6s %9s %7s %7s\n", "", "best", "median", "spread", "CPU",
           "CPU/wall", "ratio", "MB/CPU-s", "MB/s", "M/s");
}

static void print_heading(const bench_section *section)
{
    if (section->item)
        printf("%s (%s a %s)\n", section->heading, section->unit, section->item);
    else
        printf("%s (%s)\n", section->heading, section->unit);
}

/* A number, or as many blanks where there is none. */
static void print_or_blank(int width, int digits, double value)
{
    if (value > 0)
        printf(" %*.*f", width, digits, value);
    else
        printf(" %*s", width, "");
}

static void print_case(const bench_case *one, const bench_figures *f)
{
    int digits = bench_digits(f->median);
    printf("  %-8s %-39s %8.*f %8.*f %6.1f %% %8.*f %8.2f", one->who, one->what, digits, f->best,
           digits, f->median, f->spread_percent, digits, f->cpu_median, f->cpu_over_wall);
    print_or_blank(6, 2, f->ratio);
    print_or_blank(9, 0, f->mb_per_cpu_s);
    print_or_blank(7, 0, f->mb_per_s);
    print_or_blank(7, bench_digits(f->items_per_s / 1e6), f->items_per_s / 1e6);
    printf("\n");
}

static void print_table(const bench_suite *suite)
{
    const bench_section *section = NULL;
    print_head(suite);
    for (size_t i = 0; i < suite->n_cases; i++) {
        const bench_case *one = &suite->cases[i];
        if (!suite->figures[i].wall)
            continue;
        if (one->section != section) {
            printf("%s", section ? "\n" : "");
            print_heading(one->section);
        }
        section = one->section;
        print_case(one, &suite->figures[i]);
    }
    if (suite->print_more)
        suite->print_more(suite);
    printf("\nMeanwhile other processes used %.1f %% of the machine's processors%s\n",
           suite->others_percent, suite->others_percent > 5 ? ": too much, measure again" : "");
}

/* ---- JSON ---- */

static void print_case_json(const bench_case *one, const bench_figures *f, size_t n)
{
    printf("{\"id\": \"%s\", \"section\": \"%s\", \"who\": \"%s\", \"what\": \"%s\"", one->id,
           one->section->heading, one->who, one->what);
    printf(", \"unit\": \"%s\", \"item\": ", one->section->unit);
    if (one->section->item)
        printf("\"%s\", \"items_per_s\": %.6g", one->section->item, f->items_per_s);
    else
        printf("null");
    printf(", \"best\": %.6g, \"median\": %.6g, \"max\": %.6g, \"spread_percent\": %.2f", f->best,
           f->median, f->max, f->spread_percent);
    printf(", \"cpu\": %.6g, \"cpu_over_wall\": %.3f", f->cpu_median, f->cpu_over_wall);
    if (f->ratio > 0)
        printf(", \"ratio\": %.3f", f->ratio);
    if (f->n_bytes > 0)
        printf(", \"bytes\": %llu, \"mb_per_cpu_s\": %.6g, \"mb_per_s\": %.6g",
               (unsigned long long)f->n_bytes, f->mb_per_cpu_s, f->mb_per_s);
    for (size_t i = 0; i < n; i++)
        printf("%s%.6g", i > 0 ? ", " : ", \"wall\": [", f->wall[i]);
    printf("]}");
}

static void print_json(const bench_suite *suite)
{
    const char *before = "";
    printf("{\"bench\": \"%s\", \"sheaf\": \"%s\", \"allocator\": \"%s\", \"workers\": %d, "
           "\"rounds\": %zu, \"quick\": %s, \"others_percent\": %.1f,\n \"peers\": {",
           suite->name, sheaf_version(), bench_allocator(), suite->workers, suite->repeat,
           suite->quick ? "true" : "false", suite->others_percent);
    for (size_t i = 0; i < suite->n_peers; i++) {
        const char *version = suite->peers[i].version;
        const char *mark = version ? "\"" : "";
        printf("%s\"%s\": %s%s%s", i > 0 ? ", " : "", suite->peers[i].name, mark,
               version ? version : "null", mark);
    }
    printf("},\n \"cases\": [");
    for (size_t i = 0; i < suite->n_cases; i++) {
        if (!suite->figures[i].wall)
            continue;
        printf("%s\n  ", before);
        print_case_json(&suite->cases[i], &suite->figures[i], suite->repeat);
        before = ",";
    }
    printf("]");
    if (suite->print_more_json)
        suite->print_more_json(suite);
    printf("}\n");
}

void bench_suite_run(bench_suite *suite)
{
    size_t n_wanted = 0;
    suite->figures = calloc(suite->n_cases + 1, sizeof *suite->figures);
    if (!suite->figures)
        bench_fail("no memory for the figures of %zu cases", suite->n_cases);
    for (size_t i = 0; i < suite->n_cases; i++) {
        if (!bench_is_wanted(suite, suite->cases[i].id))
            continue;
        suite->figures[i].wall = new_values(suite->repeat);
        suite->figures[i].cpu = new_values(suite->repeat);
        n_wanted++;
    }
    if (n_wanted == 0 && !suite->print_more) /* which may know of others */
        bench_fail("no case begins with %s", suite->only);
    run_rounds(suite);
    sum_up(suite);
    if (suite->json)
        print_json(suite);
    else
        print_table(suite);
}

void bench_suite_end(bench_suite *suite)
{
    for (size_t i = 0; suite->figures && i < suite->n_cases; i++) {
        free(suite->figures[i].wall);
        free(suite->figures[i].cpu);
    }
    free(suite->figures);
    free(suite->cases);
    suite->figures = NULL;
    suite->cases = NULL;
}
