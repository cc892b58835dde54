/*
 * What every bench does: its cases in turns, and what is shown of them.
 *
 *     bench_X [--workers N] [--repeat N] [--only CASE] [--json] [--quick], and what else it takes
 *
 * Each case runs --repeat times, 7 unless said, the cases in turn (A B C A B C ...), so that what
 * else happens on the machine meets them all. --only runs the cases whose names, as --json gives
 * them, begin with CASE. --quick is one round over next to nothing, for tests.
 *
 * A line shows the best and the median wall time of one item, in the unit that stands above; how
 * far the repetitions are apart (the largest less the best, of the median); the median of the CPU
 * time of the whole process; and CPU over wall time. `ratio` compares a line with the nearest one
 * above that has none: the median of the quotients of the times of the same round; below 1 is
 * faster. Then MB of text (10^6 bytes) in a second of CPU time and in one of the clock, and
 * millions of items in a second of the clock, by the medians. At the end stands how much of the
 * processors others took meanwhile.
 *
 * --json tells the same, with the time of every round. bench/check_report.py checks its form.
 */
#ifndef SHEAF_BENCH_REPORT_H
#define SHEAF_BENCH_REPORT_H

#include <stdbool.h>

#include "bench/bench.h"

typedef struct bench_section {
    const char *heading;
    const char *item; /* "value": what run->n counts; NULL: times are of a whole run */
    const char *unit; /* of times: "ns", "us", "ms" */
} bench_section;

typedef struct bench_case {
    char id[64];
    const bench_section *section;
    bool is_base; /* the lines below are compared with it, up to the next such one */
    const char *who;
    char what[48];
    void (*run)(bench_run *run);
    void *input; /* run->input */
} bench_case;

/* Something else that is measured beside ours. */
typedef struct bench_peer {
    const char *name;
    const char *version; /* NULL: this bench was built without it */
    const char *package; /* of Debian */
} bench_peer;

typedef struct bench_figures bench_figures;

typedef struct bench_suite {
    const char *name;
    int workers;
    size_t repeat;
    const char *only; /* or NULL */
    bool json;
    bool quick;
    bench_case *cases;
    size_t n_cases;
    size_t capacity;
    const bench_peer *peers;
    size_t n_peers;
    /* What else a run is to know, before each. NULL: nothing. */
    void (*prepare)(const struct bench_suite *suite, const bench_case *one, bench_run *run);
    /* What else is shown, behind the cases: lines, or members of the JSON object. NULL: nothing. */
    void (*print_more)(const struct bench_suite *suite);
    void (*print_more_json)(const struct bench_suite *suite);
    bench_figures *figures; /* of each case, once they were run */
    double others_percent;  /* of all processors, used by other processes meanwhile */
} bench_suite;

/* Of a case, in the unit of its section; what does not apply is 0. */
struct bench_figures {
    double *wall; /* of each round */
    double *cpu;
    size_t n;
    uint64_t n_bytes;
    double best, median, max, spread_percent, cpu_median, cpu_over_wall;
    double ratio; /* to its base */
    double mb_per_cpu_s, mb_per_s, items_per_s;
};

#define BENCH_OPTIONS_ALONE "[--repeat N] [--only CASE] [--json] [--quick]" /* of one thread */
#define BENCH_OPTIONS "[--workers N] " BENCH_OPTIONS_ALONE

enum { BENCH_REPEAT_MAX = 1000 };

/* Takes an option that all benches have; *i goes on to its value. False: it is none of them. */
bool bench_option(bench_suite *suite, char **argv, int *i);

/* Add a case, of which the caller then writes `id` and `what`; valid until the next is added. */
bench_case *bench_add(bench_suite *suite, const bench_section *section, const char *who,
                      void (*run)(bench_run *run), void *input);

/* Whether --only leaves it in. */
bool bench_is_wanted(const bench_suite *suite, const char *id);

/* Run all cases and print what came of it. */
void bench_suite_run(bench_suite *suite);
void bench_suite_end(bench_suite *suite);

/* The figures of a case; NULL when it was not run. */
const bench_figures *bench_figures_of(const bench_suite *suite, const char *id);

/* So that the digits that say something are there, and no more. */
int bench_digits(double value);

#endif
