/*
 * What a task, a future and an ordered map cost, beside GLib's GThreadPool and oneTBB.
 *
 *     bench_executor [--tasks N], and the options of every bench (report.h)
 *
 * 2 workers and 1,000,000 tasks by default. A run makes a pool and does the same once before the
 * clock begins: what is measured is a pool at work, whose memory is there. But for the line that
 * says so: a million futures are more than 100 MB, and on a virtual machine the kernel's pages may
 * cost as much as the tasks.
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

#include "bench/bench.h"
#include "bench/executor_cases.h"
#include "bench/report.h"

/* ---- the cases ---- */

enum { EMPTY_TASKS, PING_PONG, ORDERED_MAP, CHUNKED_MAP };

static const bench_section sections[] = {
    [EMPTY_TASKS] = {"empty tasks", "task", "ns"},
    [PING_PONG] = {"ping-pong", "round", "us"},
    [ORDERED_MAP] = {"ordered map, an item a task", "item", "ns"},
    [CHUNKED_MAP] = {"ordered map in chunks, window 65536", "item", "ns"},
};

/* A run does --tasks times so many: short things more often, long ones less. */
static const double scales[] = {
    [EMPTY_TASKS] = 1, [PING_PONG] = 0.05, [ORDERED_MAP] = 1, [CHUNKED_MAP] = 4};

enum { COMPARED = false, BASE = true }; /* a base is what the lines below it are compared with */

typedef struct executor_case {
    const char *id;
    int section;
    bool is_base;
    const char *who, *what;
    void (*run)(bench_run *run);
    size_t window, chunk;
} executor_case;

static executor_case cases[] = {
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
    {"map_sequential", ORDERED_MAP, BASE, "sheaf", "the sequential kind", sheaf_map_sequential, 256,
     1},
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

/* ---- how they are run ---- */

static size_t n_tasks = 1000000;
static double malloc_bytes[N_MEMORY_CASES], rss_bytes[N_MEMORY_CASES]; /* for each task */

/* Slots for a run of any case; of those that use them none has more than n_tasks, or warms up. */
static void **new_slots(void)
{
    size_t n = n_tasks > BENCH_WARM_UP ? n_tasks : BENCH_WARM_UP;
    void **slots = malloc(n * sizeof *slots);
    if (!slots)
        bench_fail("no memory for %zu pointers", n);
    memset(slots, 1, n * sizeof *slots);
    return slots;
}

static void prepare(const bench_suite *suite, const bench_case *one, bench_run *run)
{
    static void **slots;
    const executor_case *c = one->input;
    size_t n = (size_t)((double)n_tasks * scales[c->section]);
    (void)suite;
    if (!slots)
        slots = new_slots();
    run->n = n > 0 ? n : 1;
    run->window = c->window;
    run->chunk = c->chunk;
    run->slots = slots;
}

static void add_cases(bench_suite *suite)
{
    for (int i = 0; i < N_CASES; i++) {
        executor_case *c = &cases[i];
        bench_case *one = bench_add(suite, &sections[c->section], c->who, c->run, c);
        one->is_base = c->is_base;
        snprintf(one->id, sizeof one->id, "%s", c->id);
        snprintf(one->what, sizeof one->what, "%s", c->what);
    }
}

/* Each in a child, which must be made before this process has threads. */
static void measure_memory(const bench_suite *suite)
{
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!bench_is_wanted(suite, memory_cases[i].id))
            continue;
        int ends[2];
        if (pipe(ends) != 0)
            bench_fail("pipe failed");
        pid_t child = fork();
        if (child < 0)
            bench_fail("fork failed");
        if (child == 0) {
            bench_run run = {.workers = suite->workers, .n = n_tasks, .slots = new_slots()};
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
        malloc_bytes[i] = bytes[0] / (double)n_tasks;
        rss_bytes[i] = bytes[1] / (double)n_tasks;
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

static double measured_for(const bench_suite *suite, const target *t)
{
    if (t->of == MEMORY) /* what an allocator rounds up and keeps for itself is paid for too */
        return malloc_bytes[0] > rss_bytes[0] ? malloc_bytes[0] : rss_bytes[0];
    const bench_figures *f = bench_figures_of(suite, t->id);
    return !f ? 0 : t->of == TIME ? f->median : f->cpu_over_wall;
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

static void print_memory(const bench_suite *suite)
{
    printf("\n%-50s %8s %8s\n", "waiting in the queue (bytes each)", "malloc", "RSS");
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!bench_is_wanted(suite, memory_cases[i].id))
            continue;
        printf("  %-8s %-39s ", memory_cases[i].who, memory_cases[i].what);
        if (malloc_bytes[i] < 0)
            printf("%8s", "-");
        else
            printf("%8.1f", malloc_bytes[i]);
        printf(" %8.1f\n", rss_bytes[i]);
    }
}

static void print_targets(const bench_suite *suite)
{
    printf("\n%-50s %8s %8s\n", "targets", "at most", "median");
    for (int i = 0; i < N_TARGETS; i++) {
        const target *t = &targets[i];
        double value = measured_for(suite, t);
        if (bench_is_wanted(suite, t->id))
            printf("  %-42s %-5s %8g %8.*f  %s\n", t->what, t->unit, t->at_most,
                   bench_digits(value), value, value <= t->at_most ? "reached" : "missed");
    }
}

static void print_more(const bench_suite *suite)
{
    print_memory(suite);
    print_targets(suite);
}

static void print_more_json(const bench_suite *suite)
{
    const char *before = "";
    printf(",\n \"tasks\": %zu, \"memory\": [", n_tasks);
    for (int i = 0; i < N_MEMORY_CASES; i++) {
        if (!bench_is_wanted(suite, memory_cases[i].id))
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
        double value = measured_for(suite, t);
        if (!bench_is_wanted(suite, t->id))
            continue;
        printf("%s\n  {\"what\": \"%s\", \"unit\": \"%s\", \"at_most\": %g, \"median\": %.2f, "
               "\"reached\": %s}",
               before, t->what, t->unit, t->at_most, value, value <= t->at_most ? "true" : "false");
        before = ",";
    }
    printf("]");
}

/* ---- the program ---- */

int main(int argc, char **argv)
{
    const bench_peer peers[] = {{"GLib", glib_version_or_null(), "libglib2.0-dev"},
                                {"oneTBB", tbb_version_or_null(), "libtbb-dev"}};
    bench_suite suite = {.name = "executor",
                         .workers = 2,
                         .repeat = 7,
                         .peers = peers,
                         .n_peers = sizeof peers / sizeof *peers,
                         .prepare = prepare,
                         .print_more = print_more,
                         .print_more_json = print_more_json};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tasks") == 0)
            n_tasks = bench_number_after(argv, &i, 100000000);
        else if (!bench_option(&suite, argv, &i))
            bench_fail("%s? [--tasks N] " BENCH_OPTIONS, argv[i]);
    }
    if (suite.quick)
        n_tasks = 2000;
    measure_memory(&suite);
    add_cases(&suite);
    bench_suite_run(&suite);
    bench_suite_end(&suite);
    return 0;
}
