/*
 * What a task, a future and an ordered map cost, beside GLib's GThreadPool and oneTBB.
 *
 *     bench_executor [--workers N] [--tasks N] [--repeat N] [--only CASE] [--json] [--quick]
 *
 * 2 workers and 1,000,000 tasks by default. Each case runs 7 times, the cases in turn (A B C A B C
 * ...), so that what else happens on the machine meets them all. A run makes a pool and does the
 * same once before the clock begins: what is measured is a pool at work, whose memory is there. But
 * for the line that says so: a million futures are more than 100 MB, and on a virtual machine the
 * kernel's pages may cost as much as the tasks.
 *
 * The table shows the best, the median and the largest time per task, the median of the CPU time of
 * the whole process per task, and CPU over wall time. `ratio` compares a line with the nearest one
 * above that has none: the median of the quotients of the times of the same round. Below 1 is
 * faster. --only runs the cases whose names, as --json gives them, begin with CASE.
 *
 * Ours gives a future for every task unless a line says otherwise; the others have none. Futures
 * are kept, waited for at the end in the order of submitting, and released, within the time that
 * counts. The peers are measured if they were found when this was configured; if not, the first
 * lines say so.
 *
 * The bench is linked with jemalloc, as the program is, so that it measures what people run: with
 * glibc's malloc the figures differ, because tasks are made in one thread and ended in another. So
 * is GLib; oneTBB brings its own allocator. Memory is measured first, in child processes in which
 * nothing was freed before: that of tasks which cannot begin, because every worker is held.
 *
 * At the end stand the targets, judged by the medians. The exit code is 0 whether they are reached
 * or missed, because it depends on the machine and on who else is busy on it: the last line tells.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sheaf/version.h>

#include "bench/bench.h"
#include "bench/executor_cases.h"

enum { REPEAT_MAX = 1000 };

/* ---- the cases ---- */

enum { EMPTY_TASKS, PING_PONG, ORDERED_MAP, CHUNKED_MAP };

static const struct {
    const char *heading;
    double scale;   /* a run does tasks x scale: short things more often, long ones less */
    double unit_ns; /* 1: ns, 1000: us */
} sections[] = {
    [EMPTY_TASKS] = {"empty tasks (ns each)", 1, 1},
    [PING_PONG] = {"ping-pong (us a round)", 0.05, 1000},
    [ORDERED_MAP] = {"ordered map, an item a task (ns an item)", 1, 1},
    [CHUNKED_MAP] = {"ordered map in chunks, window 65536 (ns an item)", 4, 1},
};

enum { COMPARED = false, BASE = true }; /* a base is what the lines below it are compared with */

typedef struct bench_case {
    const char *id;
    int section;
    bool is_base;
    const char *who, *what;
    void (*run)(bench_run *run);
    size_t window, chunk;
} bench_case;

static const bench_case cases[] = {
    {"submit", EMPTY_TASKS, BASE, "sheaf", "one by one", sheaf_submit_result, 0, 0},
    {"submit_cold", EMPTY_TASKS, COMPARED, "sheaf", "one by one, memory new from the kernel",
     sheaf_submit_result_cold, 0, 0},
    {"submit_wait", EMPTY_TASKS, COMPARED, "sheaf", "one by one, sheaf_wait for all",
     sheaf_submit_wait, 0, 0},
    {"submit_many", EMPTY_TASKS, COMPARED, "sheaf", "batches of 64", sheaf_submit_many_result, 0,
     0},
    {"forget", EMPTY_TASKS, COMPARED, "sheaf", "one by one, no futures", sheaf_submit_forget, 0, 0},
    {"forget_many", EMPTY_TASKS, COMPARED, "sheaf", "batches of 64, no futures",
     sheaf_submit_many_forget, 0, 0},
    {"sequential", EMPTY_TASKS, COMPARED, "sheaf", "the sequential kind", sheaf_submit_sequential,
     0, 0},
#ifdef BENCH_GLIB
    {"glib_push", EMPTY_TASKS, COMPARED, "GLib", "GThreadPool push, no futures", glib_push, 0, 0},
#endif
#ifdef BENCH_TBB
    {"tbb_task_group", EMPTY_TASKS, COMPARED, "oneTBB", "task_group run, no futures",
     tbb_task_group, 0, 0},
#endif

    {"ping_pong", PING_PONG, BASE, "sheaf", "submit, result", sheaf_ping_pong, 0, 0},
    {"kernel_ping_pong", PING_PONG, COMPARED, "kernel", "two threads, a futex each",
     kernel_ping_pong, 0, 0},
#ifdef BENCH_GLIB
    {"glib_ping_pong", PING_PONG, COMPARED, "GLib", "push, reply by a GAsyncQueue", glib_ping_pong,
     0, 0},
#endif
#ifdef BENCH_TBB
    {"tbb_ping_pong", PING_PONG, COMPARED, "oneTBB", "run, wait (may run it itself)", tbb_ping_pong,
     0, 0},
#endif

    {"map_16", ORDERED_MAP, BASE, "sheaf", "window 16", sheaf_ordered_map, 16, 1},
#ifdef BENCH_TBB
    {"tbb_pipeline_16", ORDERED_MAP, COMPARED, "oneTBB", "pipeline, 16 tokens", tbb_pipeline, 16,
     1},
#endif
    {"map_64", ORDERED_MAP, BASE, "sheaf", "window 64", sheaf_ordered_map, 64, 1},
#ifdef BENCH_TBB
    {"tbb_pipeline_64", ORDERED_MAP, COMPARED, "oneTBB", "pipeline, 64 tokens", tbb_pipeline, 64,
     1},
#endif
    {"map_256", ORDERED_MAP, BASE, "sheaf", "window 256", sheaf_ordered_map, 256, 1},
#ifdef BENCH_TBB
    {"tbb_pipeline_256", ORDERED_MAP, COMPARED, "oneTBB", "pipeline, 256 tokens", tbb_pipeline, 256,
     1},
#endif

    {"map_chunk_16", CHUNKED_MAP, BASE, "sheaf", "chunks of 16", sheaf_ordered_map, 65536, 16},
#ifdef BENCH_TBB
    {"tbb_pipeline_chunk_16", CHUNKED_MAP, COMPARED, "oneTBB", "pipeline, 4096 tokens of 16",
     tbb_pipeline, 65536, 16},
#endif
    {"map_chunk_256", CHUNKED_MAP, BASE, "sheaf", "chunks of 256", sheaf_ordered_map, 65536, 256},
#ifdef BENCH_TBB
    {"tbb_pipeline_chunk_256", CHUNKED_MAP, COMPARED, "oneTBB", "pipeline, 256 tokens of 256",
     tbb_pipeline, 65536, 256},
#endif
};

enum { N_CASES = sizeof cases / sizeof cases[0] };

static const struct {
    const char *id, *who, *what;
    void (*run)(bench_run *run);
} memory_cases[] = {
    {"pending", "sheaf", "task and future", sheaf_pending},
#ifdef BENCH_GLIB
    {"glib_pending", "GLib", "task, no future", glib_pending},
#endif
#ifdef BENCH_TBB
    {"tbb_pending", "oneTBB", "task, no future", tbb_pending},
#endif
};

enum { N_MEMORY_CASES = sizeof memory_cases / sizeof memory_cases[0] };

/* ---- what was measured ---- */

typedef struct settings {
    int workers;
    size_t tasks;
    size_t repeat;
    const char *only; /* or NULL */
    bool json;
    bool quick;
} settings;

/* Of one case, in the unit of its section. */
typedef struct figures {
    double wall[REPEAT_MAX]; /* of each round */
    double cpu[REPEAT_MAX];
    double best, median, max, cpu_median, cpu_over_wall;
    double ratio; /* to its base; 0 for a base */
} figures;

static figures measured[N_CASES];
static double malloc_bytes[N_MEMORY_CASES], rss_bytes[N_MEMORY_CASES]; /* for each task */
static double others_percent; /* of all processors, used by other processes meanwhile */

static size_t count_for(const bench_case *c, const settings *set)
{
    size_t n = (size_t)((double)set->tasks * sections[c->section].scale);
    return n ? n : 1;
}

/* Slots for a run of any case; of those that use them none has more than `tasks`, or warms up. */
static void **new_slots(const settings *set)
{
    size_t n = set->tasks > BENCH_WARM_UP ? set->tasks : BENCH_WARM_UP;
    void **slots = malloc(n * sizeof *slots);
    if (!slots)
        bench_fail("no memory for %zu pointers", n);
    memset(slots, 1, n * sizeof *slots);
    return slots;
}

static bool is_wanted(const char *id, const settings *set)
{
    return !set->only || strncmp(id, set->only, strlen(set->only)) == 0;
}

static void run_rounds(const settings *set)
{
    void **slots = new_slots(set);
    bench_reading before = bench_now();
    double machine_before = bench_machine_cpu_ns();
    for (size_t round = 0; round < set->repeat; round++) {
        for (int i = 0; i < N_CASES; i++) {
            if (!is_wanted(cases[i].id, set))
                continue;
            bench_run run = {.workers = set->workers,
                             .n = count_for(&cases[i], set),
                             .window = cases[i].window,
                             .chunk = cases[i].chunk,
                             .slots = slots};
            cases[i].run(&run);
            double divisor = (double)run.n * sections[cases[i].section].unit_ns;
            measured[i].wall[round] = run.took.wall_ns / divisor;
            measured[i].cpu[round] = run.took.cpu_ns / divisor;
        }
    }
    bench_reading after = bench_now();
    double by_others = bench_machine_cpu_ns() - machine_before - (after.cpu_ns - before.cpu_ns);
    double there_was = (after.wall_ns - before.wall_ns) * (double)sysconf(_SC_NPROCESSORS_ONLN);
    others_percent = by_others > 0 ? 100 * by_others / there_was : 0;
    free(slots);
}

static void sum_up(const settings *set)
{
    static double values[REPEAT_MAX];
    size_t n = set->repeat;
    const figures *base = NULL;
    for (int i = 0; i < N_CASES; i++) {
        figures *f = &measured[i];
        if (cases[i].is_base)
            base = is_wanted(cases[i].id, set) ? f : NULL;
        if (!is_wanted(cases[i].id, set))
            continue;
        if (!cases[i].is_base && base) {
            for (size_t k = 0; k < n; k++)
                values[k] = f->wall[k] / base->wall[k];
            f->ratio = bench_median(values, n);
        }
        for (size_t k = 0; k < n; k++)
            values[k] = f->cpu[k] / f->wall[k];
        f->cpu_over_wall = bench_median(values, n);
        memcpy(values, f->cpu, n * sizeof *values);
        f->cpu_median = bench_median(values, n);
        memcpy(values, f->wall, n * sizeof *values);
        f->median = bench_median(values, n);
        f->best = values[0];
        f->max = values[n - 1];
    }
}

/* Each in a child, which must be made before this process has threads. */
static void measure_memory(const settings *set)
{
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!is_wanted(memory_cases[i].id, set))
            continue;
        int ends[2];
        if (pipe(ends) != 0)
            bench_fail("pipe failed");
        pid_t child = fork();
        if (child < 0)
            bench_fail("fork failed");
        if (child == 0) {
            bench_run run = {.workers = set->workers, .n = set->tasks, .slots = new_slots(set)};
            memory_cases[i].run(&run);
            double bytes[2] = {run.malloc_bytes, run.rss_bytes};
            free(run.slots);
            _exit(write(ends[1], bytes, sizeof bytes) == sizeof bytes ? 0 : 1);
        }
        close(ends[1]);
        double bytes[2];
        if (read(ends[0], bytes, sizeof bytes) != sizeof bytes)
            bench_fail("%s: its process gave no figures", memory_cases[i].id);
        close(ends[0]);
        waitpid(child, NULL, 0);
        malloc_bytes[i] = bytes[0] / (double)set->tasks;
        rss_bytes[i] = bytes[1] / (double)set->tasks;
    }
}

/* ---- targets ---- */

typedef struct target {
    const char *what, *unit;
    const char *id; /* of its case */
    enum { TIME, CPU_OVER_WALL, MEMORY } of;
    double at_most;
} target;

static const target targets[] = {
    {"submit and complete, one by one", "ns", "submit", TIME, 200},
    {"submit and complete, batches of 64", "ns", "submit_many", TIME, 100},
    {"ping-pong", "us", "ping_pong", TIME, 4},
    {"ordered map, window 256", "ns", "map_256", TIME, 150},
    {"ordered map, chunks of 256", "ns", "map_chunk_256", TIME, 10},
    {"a pending future", "bytes", "pending", MEMORY, 160},
    {"CPU over wall time, one by one", "", "submit", CPU_OVER_WALL, 1.2},
    {"CPU over wall time, batches of 64", "", "submit_many", CPU_OVER_WALL, 1.2},
    {"CPU over wall time, ordered map", "", "map_256", CPU_OVER_WALL, 1.2},
};

enum { N_TARGETS = sizeof targets / sizeof targets[0] };

static double measured_for(const target *t)
{
    if (t->of == MEMORY) /* what an allocator rounds up and keeps for itself is paid for too */
        return malloc_bytes[0] > rss_bytes[0] ? malloc_bytes[0] : rss_bytes[0];
    int i = 0;
    while (i < N_CASES - 1 && strcmp(cases[i].id, t->id) != 0)
        i++;
    return t->of == TIME ? measured[i].median : measured[i].cpu_over_wall;
}

/* ---- showing it ---- */

static const char *glib_version_or_null(void)
{
#ifdef BENCH_GLIB
    return glib_version_text();
#else
    return NULL;
#endif
}

static const char *tbb_version_or_null(void)
{
#ifdef BENCH_TBB
    return tbb_version_text();
#else
    return NULL;
#endif
}

static void print_peer(const char *name, const char *version, const char *package)
{
    if (version)
        printf(", %s %s", name, version);
    else
        printf(", without %s (Debian: %s)", name, package);
}

/* So that the digits that say something are there, and no more. */
static int digits_of(double value)
{
    return value < 20 ? 2 : value < 1000 ? 1 : 0;
}

static void print_cases(const settings *set)
{
    int section = -1;
    printf("\n%-50s %8s %8s %8s %8s %8s %6s\n", "", "best", "median", "max", "CPU", "CPU/wall",
           "ratio");
    for (int i = 0; i < N_CASES; i++) {
        const figures *f = &measured[i];
        if (!is_wanted(cases[i].id, set))
            continue;
        if (cases[i].section != section)
            printf("%s%s\n", section < 0 ? "" : "\n", sections[cases[i].section].heading);
        section = cases[i].section;
        int digits = digits_of(f->median);
        printf("  %-8s %-39s %8.*f %8.*f %8.*f %8.*f %8.2f", cases[i].who, cases[i].what, digits,
               f->best, digits, f->median, digits, f->max, digits, f->cpu_median, f->cpu_over_wall);
        if (f->ratio > 0)
            printf(" %6.2f\n", f->ratio);
        else
            printf("\n");
    }
}

static void print_memory(const settings *set)
{
    printf("\n%-50s %8s %8s\n", "waiting in the queue (bytes each)", "malloc", "RSS");
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!is_wanted(memory_cases[i].id, set))
            continue;
        printf("  %-8s %-39s ", memory_cases[i].who, memory_cases[i].what);
        if (malloc_bytes[i] < 0)
            printf("%8s", "-");
        else
            printf("%8.1f", malloc_bytes[i]);
        printf(" %8.1f\n", rss_bytes[i]);
    }
}

static void print_targets(const settings *set)
{
    printf("\n%-50s %8s %8s\n", "targets", "at most", "median");
    for (int i = 0; i < N_TARGETS; i++) {
        const target *t = &targets[i];
        double value = measured_for(t);
        if (is_wanted(t->id, set))
            printf("  %-42s %-5s %8g %8.*f  %s\n", t->what, t->unit, t->at_most, digits_of(value),
                   value, value <= t->at_most ? "reached" : "missed");
    }
}

static void print_table(const settings *set)
{
    printf("%d workers, %zu tasks, %zu rounds%s\nsheaf %s, %s", set->workers, set->tasks,
           set->repeat, set->quick ? "; --quick: the figures mean nothing" : "", sheaf_version(),
           bench_allocator());
    print_peer("GLib", glib_version_or_null(), "libglib2.0-dev");
    print_peer("oneTBB", tbb_version_or_null(), "libtbb-dev");
    printf("\n");
    print_cases(set);
    print_memory(set);
    print_targets(set);
    printf("\nMeanwhile other processes used %.1f %% of the machine's processors%s\n",
           others_percent, others_percent > 5 ? ": too much, measure again" : "");
}

static void print_json_version(const char *name, const char *version)
{
    if (version)
        printf(", \"%s\": \"%s\"", name, version);
    else
        printf(", \"%s\": null", name);
}

static void print_json(const settings *set)
{
    printf("{\"workers\": %d, \"tasks\": %zu, \"rounds\": %zu, \"quick\": %s, \"sheaf\": \"%s\"",
           set->workers, set->tasks, set->repeat, set->quick ? "true" : "false", sheaf_version());
    printf(", \"allocator\": \"%s\"", bench_allocator());
    print_json_version("glib", glib_version_or_null());
    print_json_version("onetbb", tbb_version_or_null());
    printf(", \"others_percent\": %.1f,\n \"cases\": [", others_percent);
    const char *before = "";
    for (int i = 0; i < N_CASES; i++) {
        const figures *f = &measured[i];
        if (!is_wanted(cases[i].id, set))
            continue;
        printf("%s\n  {\"id\": \"%s\", \"who\": \"%s\", \"what\": \"%s\", \"unit\": \"%s\"", before,
               cases[i].id, cases[i].who, cases[i].what,
               sections[cases[i].section].unit_ns > 1 ? "us" : "ns");
        printf(", \"best\": %.2f, \"median\": %.2f, \"max\": %.2f, \"cpu\": %.2f", f->best,
               f->median, f->max, f->cpu_median);
        printf(", \"cpu_over_wall\": %.2f", f->cpu_over_wall);
        if (f->ratio > 0)
            printf(", \"ratio\": %.3f", f->ratio);
        for (size_t k = 0; k < set->repeat; k++)
            printf("%s%.2f", k ? ", " : ", \"wall\": [", f->wall[k]);
        printf("]}");
        before = ",";
    }
    printf("],\n \"memory\": [");
    before = "";
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!is_wanted(memory_cases[i].id, set))
            continue;
        printf("%s\n  {\"id\": \"%s\", \"rss_bytes\": %.1f", before, memory_cases[i].id,
               rss_bytes[i]);
        if (malloc_bytes[i] >= 0)
            printf(", \"malloc_bytes\": %.1f", malloc_bytes[i]);
        printf("}");
        before = ",";
    }
    printf("],\n \"targets\": [");
    before = "";
    for (int i = 0; i < N_TARGETS; i++) {
        const target *t = &targets[i];
        double value = measured_for(t);
        if (!is_wanted(t->id, set))
            continue;
        printf("%s\n  {\"what\": \"%s\", \"unit\": \"%s\", \"at_most\": %g, \"median\": %.2f, "
               "\"reached\": %s}",
               before, t->what, t->unit, t->at_most, value, value <= t->at_most ? "true" : "false");
        before = ",";
    }
    printf("]}\n");
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    settings set = {.workers = 2, .tasks = 1000000, .repeat = 7};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--workers") == 0)
            set.workers = (int)bench_number_after(argv, &i, BENCH_WORKERS_MAX);
        else if (strcmp(argv[i], "--tasks") == 0)
            set.tasks = bench_number_after(argv, &i, 100000000);
        else if (strcmp(argv[i], "--repeat") == 0)
            set.repeat = bench_number_after(argv, &i, REPEAT_MAX);
        else if (strcmp(argv[i], "--only") == 0 && argv[i + 1])
            set.only = argv[++i];
        else if (strcmp(argv[i], "--json") == 0)
            set.json = true;
        else if (strcmp(argv[i], "--quick") == 0)
            set.quick = true;
        else
            bench_fail("%s? [--workers N] [--tasks N] [--repeat N] [--only CASE] [--json] "
                       "[--quick]",
                       argv[i]);
    }
    if (set.quick) {
        set.tasks = 2000;
        set.repeat = 1;
    }
    measure_memory(&set);
    run_rounds(&set);
    sum_up(&set);
    if (set.json)
        print_json(&set);
    else
        print_table(&set);
    return 0;
}
