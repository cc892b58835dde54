/*
 * The ordered, bounded map over an executor: Python's Executor.map(buffersize=..., chunksize=...).
 *
 * A map pulls arguments from a source, submits a task for each, and gives the results back in the
 * order of the source, whatever the order in which they are done. Never more than `buffersize`
 * tasks are submitted and not yet yielded: that bound is the back-pressure of everything built on
 * top. The first failure that the consumer sees is the first in the order of the source, not in
 * time: exactly the error that a loop over the same source would have met, at any number of
 * workers.
 *
 *     for r in executor.map(fn, items,          sheaf_map_open(executor, &options, &map, &err)
 *               buffersize=8, chunksize=4,      while (sheaf_map_next(map, &r, &err) == SHEAF_OK)
 *               timeout=2):                         ...
 *         ...                                   sheaf_map_close(map)
 */
#ifndef SHEAF_MAP_H
#define SHEAF_MAP_H

#include <sheaf/executor.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_map sheaf_map;

/*
 * Gives the next argument, called only in the consumer's thread, inside open and next.
 *
 * Returns    OK with *arg; END when there is no more; a negative status with *err, which the
 *            consumer sees after the results of all the arguments before it.
 */
typedef sheaf_status (*sheaf_map_source)(void *source, void **arg, sheaf_error *err);

typedef struct sheaf_map_options {
    size_t size; /* sizeof(sheaf_map_options) */
    sheaf_task_fn run;
    sheaf_map_source next;
    void *source;
    sheaf_drop_fn drop_arg; /* as in sheaf_task */
    sheaf_drop_fn drop_result;
    /*
     * At most so many items are submitted and not yet yielded; 0: all of them, in open. One is
     * pulled for each that was yielded; from 32 on, half a window at a time.
     */
    size_t buffersize;
    /*
     * So many items make one task (0 is 1; never more than buffersize): for items of less than a
     * few microseconds. Order, errors and the bound are the same; the items of one task run one
     * after the other.
     */
    size_t chunksize;
    /*
     * true: a task that fails is one result among others: next gives its status and error, and goes
     * on behind it. Only with a chunksize of 1. What ends the map is told as ever.
     */
    bool yield_failures;
    /* The time for all of it, from open; 0: none. When it is over, next gives ETIMEDOUT. */
    int64_t deadline_ms;
    /*
     * A bound in bytes beside the one in items: what results_bytes tells of the results that are
     * done and not yet yielded, with the mean of those so far for each that is still under way,
     * stays within buffer_bytes; one item is always let through. 0: none.
     */
    size_t buffer_bytes;
    size_t (*result_bytes)(const void *result); /* called in the worker, when a result is there */
    /*
     * Another bound, the source's own: asked in the consumer's thread before an argument is pulled
     * while some are under way; false: not yet. NULL: none.
     */
    bool (*has_room)(void *source);
} sheaf_map_options;

/*
 * Start mapping: submit the first `buffersize` arguments (or all).
 *
 * Returns    OK; EINVAL, ENOMEM. A failure of the source or of sheaf_executor_submit() is given
 *            here when buffersize is 0 (what was submitted is cancelled) or when it is the first
 *            thing that happens; later ones are given by next, after the results before them.
 * Ownership  *map is the caller's, to end with sheaf_map_close() or sheaf_map_detach(). The
 *            executor must outlive it.
 * Threads    one at a time per map.
 * Source     CPython 3.14, Executor.map; its bound is one more (gh-131466), ours holds also inside
 *            next.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_map_open(sheaf_executor *executor,
                                                       const sheaf_map_options *options,
                                                       sheaf_map **map, sheaf_error *err);

/*
 * Wait for the next result in the order of the source, and submit more.
 *
 * Returns    OK with *result, which is the caller's; END after the last one. The first failure in
 *            the order of the source with its *err: what comes after it is then cancelled and every
 *            later call gives END. ETIMEDOUT when the deadline is over: the same. When the executor
 *            is shut down meanwhile: what was submitted is delivered, then ESHUTDOWN, never a
 *            silent END.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_map_next(sheaf_map *map, void **result,
                                                       sheaf_error *err);

/*
 * Cancel what has not begun, wait for what runs, and end the map: after it no task of this map
 * runs, and every result nobody took was dropped. Tasks that run are asked to stop
 * (sheaf_worker_stopping). NULL is allowed.
 */
SHEAF_API void sheaf_map_close(sheaf_map *map);

/*
 * End the map and let what was submitted run: its results are dropped as they come. Nothing more is
 * pulled. Does not wait. NULL is allowed.
 */
SHEAF_API void sheaf_map_detach(sheaf_map *map);

SHEAF_END_DECLS

#endif
