/*
 * The cases of bench_executor, one file for each library that is measured. Each function is one run
 * of one case (bench.h): it makes its pool, has every worker of it come, does the whole thing once
 * without measuring it (some of it, where memory does not grow with it), begins the clock, does
 * run->n tasks, stops the clock when the last one is done, and ends the pool.
 *
 * A task does nothing, except where completion has to be counted because there is no future.
 */
#ifndef SHEAF_BENCH_EXECUTOR_CASES_H
#define SHEAF_BENCH_EXECUTOR_CASES_H

#include "bench/bench.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BENCH_BATCH = 64,    /* tasks in one submit_many */
    BENCH_WARM_UP = 2000 /* rounds of a ping-pong before the clock begins */
};

/* Items of a map before the clock begins: twice around the window. */
static inline size_t bench_warm_up_items(const bench_run *run)
{
    return 2 * run->window < run->n ? 2 * run->window : run->n;
}

/* ---- ours ---- */

void sheaf_submit_result(bench_run *run); /* one by one; result and release of each, in order */
void sheaf_submit_result_cold(bench_run *run); /* the same, in memory that the kernel has to give */
void sheaf_submit_wait(bench_run *run);        /* one by one; sheaf_wait for all, release of each */
void sheaf_submit_forget(bench_run *run);      /* one by one, no futures; the tasks count down */
void sheaf_submit_many_result(bench_run *run);
void sheaf_submit_many_forget(bench_run *run);
void sheaf_submit_sequential(bench_run *run); /* as the first, on the sequential kind */
void sheaf_ping_pong(bench_run *run);         /* submit, result, release, again */
void sheaf_ordered_map(bench_run *run);
void sheaf_map_sequential(bench_run *run); /* the same, on the sequential kind */
void sheaf_pending(bench_run *run);        /* memory, while every worker is held at a gate */

/* ---- no library: two threads that wake one another, the least that a ping-pong costs ---- */

void kernel_ping_pong(bench_run *run);

/* ---- GLib: GThreadPool, exclusive threads ---- */

#ifdef BENCH_GLIB
const char *glib_version_text(void);
void glib_push(bench_run *run);      /* the tasks count down: a GThreadPool has no futures */
void glib_ping_pong(bench_run *run); /* each task replies through a GAsyncQueue */
void glib_pending(bench_run *run);
#endif

/* ---- oneTBB: as many workers, and the submitting thread, which helps while it waits ---- */

#ifdef BENCH_TBB
const char *tbb_version_text(void);
void tbb_task_group(bench_run *run);
void tbb_ping_pong(bench_run *run); /* task_group: run, wait, again */
void tbb_pipeline(bench_run *run);  /* as many tokens as a window holds tasks */
void tbb_pending(bench_run *run);
#endif

#ifdef __cplusplus
}
#endif

#endif
