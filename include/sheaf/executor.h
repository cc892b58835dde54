/*
 * Executors, futures and map: Python's concurrent.futures in C.
 *
 * An executor owns a pool of workers. A task is a function and its argument; submitting it gives a
 * future, on which anybody may wait for the task's result. sheaf_map submits a whole sequence and
 * hands the results back in the order of submission, never more than `buffersize` tasks ahead of
 * its consumer: that bound is the back-pressure of everything built on top.
 *
 *     concurrent.futures                        here
 *     ThreadPoolExecutor(max_workers=4, ...)    sheaf_executor_create(&options, &ex, &err)
 *     f = ex.submit(fn, arg)                    sheaf_executor_submit(ex, &task, &f, &err)
 *     f.result(timeout)                         sheaf_future_result(f, timeout_ms, &value, &err)
 *     f.cancel(), f.done()                      sheaf_future_cancel(f), sheaf_future_done(f)
 *     for r in ex.map(fn, items, buffersize=8)  sheaf_map_open(ex, &options, &map, &err)
 *                                               while (sheaf_map_next(map, &r, &err) == SHEAF_OK)
 *     ex.shutdown(wait=True, ...)               sheaf_executor_shutdown(ex, true, false)
 *     del f                                     sheaf_future_release(f)
 *
 * An exception that a Python callable raises is, here, a task that returns a negative status and
 * fills its error: whoever asks the future for its result gets both, then and not before.
 *
 * No task, initializer, finalizer or drop function is called with a lock of the library held. Times
 * are milliseconds on the monotonic clock; a negative one is for ever, 0 does not wait.
 */
#ifndef SHEAF_EXECUTOR_H
#define SHEAF_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/arena.h>
#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_executor sheaf_executor;
typedef struct sheaf_future sheaf_future;
typedef struct sheaf_worker sheaf_worker;
typedef struct sheaf_map sheaf_map;

/*
 * The body of a task, run on a worker.
 *
 * Returns    OK, with *result set if it has one (it is NULL before the call); or a negative status
 *            with *err filled, which becomes the future's. END and other positive values count as
 *            OK.
 */
typedef sheaf_status (*sheaf_task_fn)(sheaf_worker *worker, void *arg, void **result,
                                      sheaf_error *err);

/* Ends an argument or a result that nobody took. */
typedef void (*sheaf_drop_fn)(void *object);

typedef struct sheaf_task {
    sheaf_task_fn run;
    void *arg;
    /* Either may be NULL. Called once: right after run, or when run never happens. */
    sheaf_drop_fn drop_arg;
    /* Called once, unless sheaf_future_take() moved the result out. */
    sheaf_drop_fn drop_result;
} sheaf_task;

typedef struct sheaf_executor_options {
    size_t size; /* sizeof(sheaf_executor_options) */
    /* 0: min(32, processors + 4), of the processors that sheaf_processor_count() tells. */
    int max_workers;
    const char *thread_name_prefix; /* NULL: "sheaf-<n>"; workers are "<prefix>_<index>" */
    size_t stack_bytes;             /* of each worker; 0: the system's default */

    /*
     * Runs in each worker before its first task, with init_arg. It may take memory that lives as
     * long as the worker and keep it by sheaf_worker_set_local(). A negative status breaks the
     * pool: every task that waits in the queue fails with EBROKEN and the initializer's own
     * message, and so does every later submit; tasks that run finish normally.
     */
    sheaf_status (*initializer)(sheaf_worker *worker, void *init_arg, sheaf_error *err);
    void *init_arg;
    /*
     * Runs when a worker leaves, also when its initializer failed, to end what is kept by
     * set_local.
     */
    void (*finalizer)(sheaf_worker *worker, void *init_arg);
} sheaf_executor_options;

/*
 * Create a pool of threads. None is started before it is needed: a submit starts one if no worker
 * is idle and fewer than max_workers exist.
 *
 * Returns    OK; EINVAL (max_workers, stack_bytes, size), ENOMEM.
 * Ownership  *executor is the caller's, to end with sheaf_executor_destroy().
 * Threads    any. Every function on an executor may be called from any thread, also from its
 *            workers.
 * Source     CPython 3.13, Lib/concurrent/futures/thread.py.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_executor_create(const sheaf_executor_options *options,
                                                              sheaf_executor **executor,
                                                              sheaf_error *err);

/*
 * Put a task at the end of the queue. The queue has no bound of its own: use sheaf_map for one.
 *
 * Returns    OK; EBROKEN (an initializer failed; *err is its error), ESHUTDOWN, EFORKED, EINVAL,
 *            ENOMEM; EIO when no thread could be started and the pool has none. After a failure
 *            nothing was submitted and the argument is still the caller's.
 * Ownership  *future (may be NULL: fire and forget) is one reference, to end with
 *            sheaf_future_release(). The task's argument belongs to the task from here on.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_executor_submit(sheaf_executor *executor,
                                                              const sheaf_task *task,
                                                              sheaf_future **future,
                                                              sheaf_error *err);

/*
 * Take no more tasks. Those that wait in the queue still run, unless cancel_pending. With `wait`,
 * come back when every worker has left. May be called again, and by several threads at once.
 *
 * Returns    OK; EDEADLK for wait from one of the pool's own workers (the pool is shut down all the
 *            same); EFORKED in a child of fork(), where the pool's threads do not exist.
 */
SHEAF_API sheaf_status sheaf_executor_shutdown(sheaf_executor *executor, bool wait,
                                               bool cancel_pending);

/*
 * Shut down, wait for what was submitted, and end the handle. NULL is allowed. Futures outlive it.
 * From a worker of the pool itself it does not wait: the last worker to leave frees the pool.
 */
SHEAF_API void sheaf_executor_destroy(sheaf_executor *executor);

typedef struct sheaf_executor_stats {
    uint64_t submitted; /* accepted by submit */
    uint64_t finished;  /* ran to their end, failed ones included */
    uint64_t failed;    /* of these, those that returned a negative status */
    uint64_t cancelled; /* never ran: cancelled, or the pool broke */
    uint64_t queued;    /* wait now */
    uint64_t running;   /* run now */
    uint64_t threads;   /* workers that were started so far */
} sheaf_executor_stats;

/* A consistent picture of the pool at one moment. */
SHEAF_API sheaf_executor_stats sheaf_executor_stats_get(sheaf_executor *executor);

/*
 * The number of processors this process may use: its affinity mask, capped by the cgroup v2
 * cpu.max. >= 1.
 */
SHEAF_API int sheaf_processor_count(void);

/* ---- what a task knows of its worker: only inside a task, initializer or finalizer ---- */

/* 0 for the first worker of the pool, 1 for the second, ...: below max_workers. */
SHEAF_API int sheaf_worker_index(const sheaf_worker *worker);

/* "<prefix>_<index>"; the kernel shows the same, its prefix cut so that 15 bytes hold it. */
SHEAF_API const char *sheaf_worker_name(const sheaf_worker *worker);

/* Memory for this task only: reset when it returns. In an initializer: reset when that returns. */
SHEAF_API sheaf_arena *sheaf_worker_scratch(sheaf_worker *worker);

/* What this worker's initializer keeps, NULL until it was set. */
SHEAF_API void *sheaf_worker_local(const sheaf_worker *worker);
SHEAF_API void sheaf_worker_set_local(sheaf_worker *worker, void *local);

/* ---- futures: any thread, as long as the caller holds a reference ---- */

/*
 * Wait for a task and borrow its result. A timeout does not touch the task.
 *
 * Returns    OK with *result (which the future keeps: valid while the caller holds a reference);
 *            the task's own negative status with *err; ECANCELLED; EBROKEN; ETIMEDOUT; ESTATE after
 *            sheaf_future_take(); EDEADLK from a worker of the same pool when the task is not done
 *            and every worker of the pool waits like this. A task that is still queued is, when a
 *            worker of its own pool waits for it, run by that worker then and there.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_result(sheaf_future *future,
                                                            int64_t timeout_ms, void **result,
                                                            sheaf_error *err);

/* As sheaf_future_result(), but moves the result out: it is the caller's. Once; then ESTATE. */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_take(sheaf_future *future, int64_t timeout_ms,
                                                          void **result, sheaf_error *err);

/*
 * Cancel a task that waits in the queue: its argument is dropped at once, by this thread.
 *
 * Returns    OK, also if it was cancelled before; ESTATE when it runs or is finished.
 */
SHEAF_API sheaf_status sheaf_future_cancel(sheaf_future *future);

/* True when the task is finished or cancelled. */
SHEAF_API bool sheaf_future_done(const sheaf_future *future);

/* Take and give back a reference. The last one drops the result. NULL is allowed for release. */
SHEAF_API sheaf_future *sheaf_future_retain(sheaf_future *future);
SHEAF_API void sheaf_future_release(sheaf_future *future);

/* ---- map: one thread at a time ---- */

/*
 * Gives the next argument for map, called only in the consumer's thread, inside open and next.
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
    /* At most so many tasks are submitted and not yet yielded; 0: all of them, in open. */
    size_t buffersize;
} sheaf_map_options;

/*
 * Start mapping: submit the first `buffersize` arguments (or all).
 *
 * Returns    OK; EINVAL, ENOMEM. A failure of the source or of sheaf_executor_submit() is given
 *            here when buffersize is 0 (what was submitted is cancelled) or when it is the first
 *            thing that happens; later ones are given by next, after the results before them.
 * Ownership  *map is the caller's, to end with sheaf_map_close(). The executor must outlive it.
 * Source     CPython 3.14, Executor.map(buffersize=...).
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_map_open(sheaf_executor *executor,
                                                       const sheaf_map_options *options,
                                                       sheaf_map **map, sheaf_error *err);

/*
 * Wait for the next result in the order of the source, and submit one more argument.
 *
 * Returns    OK with *result, which is the caller's; END after the last one. The first failure in
 *            the order of the source (not in time) with its *err: what comes after it is then
 *            cancelled and every later call gives END. When the executor is shut down meanwhile:
 *            what was submitted is delivered, then ESHUTDOWN, never a silent END.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_map_next(sheaf_map *map, void **result,
                                                       sheaf_error *err);

/*
 * Cancel what has not begun, wait for what runs, and end the map: after it no task of this map
 * runs, and every result nobody took was dropped. NULL is allowed. (To stop running tasks early,
 * tell them by a flag of your own before.)
 */
SHEAF_API void sheaf_map_close(sheaf_map *map);

SHEAF_END_DECLS

#endif
