/*
 * Executors: Python's concurrent.futures in C.
 *
 * An executor owns workers. A task is a function and its argument; submitting it gives a future
 * (<sheaf/future.h>), on which anybody may wait for the task's result. sheaf_map (<sheaf/map.h>)
 * submits a whole sequence and hands the results back in order.
 *
 * There are three kinds behind the one interface, and changing the kind changes one option:
 *
 *     THREADS     tasks run in threads of this process
 *     SEQUENTIAL  submit runs the task, in the caller's thread, before it comes back: the honest
 *                 baseline for measurements, and the way to debug. Callers take turns
 *     PROCESSES   tasks run in child processes: a crash in one breaks no caller. Tasks are calls of
 *                 named functions with blocks of bytes (<sheaf/call.h>), which run on every kind
 *
 *     concurrent.futures                         here
 *     ThreadPoolExecutor(max_workers=4)          options = {.size = sizeof options,
 *                                                           .max_workers = 4}
 *                                                sheaf_executor_create(&options, &ex, &err)
 *     ProcessPoolExecutor(4)                     the same, .kind = SHEAF_EXECUTOR_PROCESSES
 *     f = ex.submit(fn, arg)                     sheaf_executor_submit(ex, &task, &f, &err)
 *     ex.shutdown(wait=True, cancel_futures=..)  sheaf_executor_shutdown(ex, true, cancel)
 *     with ... as ex:                            sheaf_executor_destroy(ex) at the end
 *     del ex                                     sheaf_executor_release(ex)
 *     initializer=, initargs=                    .initializer, .init_arg (threads, sequential)
 *                                                .init_function, .init_bytes (every kind)
 *     thread_name_prefix=, max_tasks_per_child=  the same
 *     ex.terminate_workers(), ex.kill_workers()  sheaf_executor_kill(ex, SIGTERM), (ex, SIGKILL)
 *     ValueError                                 SHEAF_EINVAL
 *     RuntimeError after shutdown, at exit       SHEAF_ESHUTDOWN, SHEAF_EEXIT
 *     BrokenThreadPool, BrokenProcessPool        SHEAF_EBROKEN
 *
 * An exception that a Python callable raises is, here, a task that returns a negative status and
 * fills its error: whoever asks the future for its result gets both, then and not before.
 *
 * No task, hook or drop function is called with a lock of the library held. Times are milliseconds
 * on the monotonic clock; a negative one is for ever, 0 does not wait.
 *
 * When the process exits (exit(), return from main), executors that are still alive are dealt with
 * as their `at_exit` says: first of all they refuse new tasks (EEXIT). In a child of fork() an
 * executor of the parent's is dead: submit gives EFORKED, nothing waits for it, and its memory
 * stays.
 */
#ifndef SHEAF_EXECUTOR_H
#define SHEAF_EXECUTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/arena.h>
#include <sheaf/future.h>
#include <sheaf/status.h>
#include <sheaf/trace.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_executor sheaf_executor;
typedef struct sheaf_worker sheaf_worker;
typedef struct sheaf_function sheaf_function; /* <sheaf/call.h> */

/* ---- tasks ---- */

/*
 * The body of a task, run on a worker.
 *
 * Returns    OK, with *result set if it has one (it is NULL before the call); or a negative status
 *            with *err filled, which becomes the future's, and with *result too if whoever asks is
 *            to have it. END and other positive values count as OK.
 *            A task (or a callback of its future) that ends its thread by pthread_exit() fails with
 *            EWORKER; the worker is replaced.
 */
typedef sheaf_status (*sheaf_task_fn)(sheaf_worker *worker, void *arg, void **result,
                                      sheaf_error *err);

typedef struct sheaf_task {
    sheaf_task_fn run;
    void *arg;
    /* Either may be NULL. Called once: right after run, or when run never happens. */
    sheaf_drop_fn drop_arg;
    /* Called once, unless sheaf_future_take() moved the result out. */
    sheaf_drop_fn drop_result;
} sheaf_task;

/* ---- creating ---- */

typedef enum sheaf_executor_kind {
    SHEAF_EXECUTOR_THREADS = 0,
    SHEAF_EXECUTOR_SEQUENTIAL,
    SHEAF_EXECUTOR_PROCESSES
} sheaf_executor_kind;

/* What submit does when queue_limit tasks wait. */
typedef enum sheaf_queue_full {
    /*
     * Wait until there is room. A worker of the pool does not wait, it runs the task itself (unless
     * 200 already run inside each other: then the queue takes one too many).
     */
    SHEAF_QUEUE_FULL_BLOCK = 0,
    SHEAF_QUEUE_FULL_REFUSE,     /* EAGAIN */
    SHEAF_QUEUE_FULL_CALLER_RUNS /* run the task, in the caller's thread; not for processes */
} sheaf_queue_full;

/* What happens to an executor that lives when the process exits. */
typedef enum sheaf_at_exit {
    SHEAF_AT_EXIT_DRAIN = 0,      /* what was submitted is run, then the workers end */
    SHEAF_AT_EXIT_CANCEL_PENDING, /* what runs is waited for, the rest is cancelled */
    SHEAF_AT_EXIT_DETACH          /* nothing is waited for */
} sheaf_at_exit;

/* What the loss of a child process does to the others. */
typedef enum sheaf_child_lost {
    /* The pool is broken: its task, and all that wait or run, fail with EBROKEN. As in Python. */
    SHEAF_CHILD_LOST_BREAK = 0,
    /* Only its task fails, with EWORKER and the signal or exit code; the child is replaced. */
    SHEAF_CHILD_LOST_RESTART
} sheaf_child_lost;

typedef struct sheaf_executor_options {
    size_t size; /* sizeof(sheaf_executor_options) */
    /* 0: min(32, processors + 4), of the processors that sheaf_processor_count() tells. */
    int max_workers;
    sheaf_executor_kind kind;
    const char *thread_name_prefix; /* NULL: "sheaf-<n>"; workers are "<prefix>_<index>" */
    size_t stack_bytes;             /* of each worker; 0: the system's default */

    /*
     * Runs in each worker before its first task, with init_arg. It may take memory that lives as
     * long as the worker and keep it by sheaf_worker_set_local(). A negative status breaks the
     * pool: every task that waits in the queue fails with EBROKEN and the initializer's own
     * message, and so does every later submit; tasks that run finish normally. Not for processes,
     * which cannot see this memory: init_function.
     */
    sheaf_status (*initializer)(sheaf_worker *worker, void *init_arg, sheaf_error *err);
    void *init_arg;
    /*
     * Runs when a worker leaves, also when its initializer failed, to end what is kept by
     * set_local.
     */
    void (*finalizer)(sheaf_worker *worker, void *init_arg);

    /*
     * Run in each worker's thread, before the initializer and behind the finalizer: for whoever
     * watches or measures the pool. `index` and `name` are the worker's.
     */
    void (*worker_started)(void *hooks_arg, int index, const char *name);
    void (*worker_stopped)(void *hooks_arg, int index, const char *name);
    /* Told, in a sentence, what no future can tell: a pool that breaks, a worker that is lost. */
    void (*log)(void *hooks_arg, const char *message);
    void *hooks_arg;

    /* At most so many tasks wait in the queue; 0: any number. Not for the sequential kind. */
    size_t queue_limit;
    sheaf_queue_full queue_full;
    sheaf_at_exit at_exit;

    /*
     * Calls that begin and end each worker, of every kind: init_function with a block of bytes
     * (copied), which may use sheaf_worker_set_local(); end_function without. A failure of
     * init_function breaks the pool as that of an initializer does.
     */
    const sheaf_function *init_function;
    const void *init_bytes;
    size_t n_init_bytes;
    const sheaf_function *end_function;

    /* ---- processes only ---- */

    /*
     * The command that makes a worker: argv, NULL at its end; it must come to sheaf_worker_main().
     * NULL: this program itself, with SHEAF_WORKER_ARGUMENT as its only argument.
     */
    const char *const *worker_command;
    sheaf_child_lost child_lost;
    int max_tasks_per_child; /* then the child ends and another takes its place; 0: never */
    /* A task that runs longer is killed, with its child, and fails with EWORKER; 0: never. */
    int64_t task_timeout_ms;

    /*
     * Each worker gets a row in it, in which its tasks may record what they do, and it when it is
     * idle: <sheaf/trace.h>. It must live until the executor is destroyed. Not for processes, which
     * cannot see it.
     */
    sheaf_trace *trace;
} sheaf_executor_options;

/*
 * Create an executor. No thread or process is started before it is needed: a submit starts a worker
 * if none is idle and fewer than max_workers exist.
 *
 * Returns    OK; EINVAL (max_workers, stack_bytes, an option that is not for this kind, size),
 *            ENOMEM.
 * Ownership  *executor is the caller's, to end with sheaf_executor_destroy() or _release().
 * Threads    any. Every function on an executor may be called from any thread, also from its
 *            workers.
 * Source     CPython 3.13, Lib/concurrent/futures/thread.py and process.py.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_executor_create(const sheaf_executor_options *options,
                                                              sheaf_executor **executor,
                                                              sheaf_error *err);

/* ---- submitting ---- */

/*
 * Put a task at the end of the queue. Tasks begin in the order in which they were submitted.
 *
 * Returns    OK; EBROKEN (*err says what broke it), ESHUTDOWN, EEXIT, EFORKED, EINVAL (also: a task
 *            that is not a call, for processes), ENOMEM; EAGAIN when the queue is full and
 *            queue_full says so; ELIMIT when, in the sequential kind, tasks submit tasks more than
 *            200 deep; ERESOURCE or EIO when no thread could be started and the pool has
 *            none. After a failure nothing was submitted and the argument is still the caller's.
 * Ownership  *future is one reference, to end with sheaf_future_release(); with `future` NULL, or
 *            released early, the task runs all the same, and its result is dropped. The task's
 *            argument belongs to the task from here on.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_executor_submit(sheaf_executor *executor,
                                                              const sheaf_task *task,
                                                              sheaf_future **future,
                                                              sheaf_error *err);

/*
 * Submit many tasks at once, which costs half: a lock and a wake-up are shared by many.
 *
 * Shape      tasks[n], futures[n] (or NULL); *n_submitted of them, from the first on, were taken.
 * Returns    OK when all were; else as sheaf_executor_submit(), and the arguments of the others are
 *            still the caller's, their futures NULL. While it runs, futures[] is its own.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_executor_submit_many(sheaf_executor *executor,
                                                                   const sheaf_task *tasks,
                                                                   size_t n, sheaf_future **futures,
                                                                   size_t *n_submitted,
                                                                   sheaf_error *err);

/* ---- ending ---- */

/*
 * Take no more tasks. Those that wait in the queue still run, unless cancel_pending: then they are
 * cancelled here, and their callbacks run here. (One that was handed to a worker which is just
 * starting runs in any case.) With `wait`, come back when every worker has left. May be called
 * again, and by several threads at once.
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

/* Shut down and end the handle without waiting: the workers do what is queued, and leave. */
SHEAF_API void sheaf_executor_release(sheaf_executor *executor);

/*
 * Processes only: send every child a signal (SIGTERM, SIGKILL), cancel what waits, and break the
 * pool: tasks that run fail with EBROKEN. Does not wait.
 *
 * Returns    OK, also when it was done before; EINVAL: threads cannot be killed; EFORKED.
 */
SHEAF_API sheaf_status sheaf_executor_kill(sheaf_executor *executor, int signal_number);

/* ---- watching ---- */

typedef struct sheaf_executor_stats {
    uint64_t submitted; /* accepted by submit */
    uint64_t started;   /* begun by a worker */
    uint64_t finished;  /* ran to their end, failed ones included */
    uint64_t failed;    /* of these, those that returned a negative status */
    uint64_t cancelled; /* never ran: cancelled, or the pool broke */
    uint64_t queued;    /* wait now */
    uint64_t running;   /* run now */
    uint64_t threads;   /* workers that were started so far */
    uint64_t idle;      /* workers that wait for a task now */
    uint64_t lost;      /* workers that were lost: ended by their task, killed */
} sheaf_executor_stats;

/* A picture of the pool; exact when nothing moves. Works also after its shutdown. */
SHEAF_API sheaf_executor_stats sheaf_executor_stats_get(sheaf_executor *executor);

typedef enum sheaf_worker_state {
    SHEAF_WORKER_STARTING, /* up to the end of its initializer */
    SHEAF_WORKER_IDLE,
    SHEAF_WORKER_BUSY,
    SHEAF_WORKER_GONE
} sheaf_worker_state;

typedef struct sheaf_worker_view {
    int index;
    sheaf_worker_state state;
    int64_t process_id; /* of its child, while there is one; else 0 */
    uint64_t finished;  /* tasks */
    char name[64];
} sheaf_worker_view;

/*
 * The workers that were started, by index; a lost one is shown by what took its place. Works also
 * after the shutdown.
 *
 * Shape      fills at most n_max of views.
 * Returns    how many there are.
 */
SHEAF_API size_t sheaf_executor_workers(sheaf_executor *executor, sheaf_worker_view *views,
                                        size_t n_max);

/*
 * The number of processors this process may use: its affinity mask, capped by the cgroup v2
 * cpu.max. >= 1.
 */
SHEAF_API int sheaf_processor_count(void);

/* ---- what a task knows of its worker: only inside a task, initializer or finalizer ---- */

/*
 * 0 for the first worker of the pool, 1 for the second, ...: below max_workers. A thread that runs
 * tasks of its own because the queue is full (CALLER_RUNS) is a worker from max_workers on.
 */
SHEAF_API int sheaf_worker_index(const sheaf_worker *worker);

/* "<prefix>_<index>"; the kernel shows the same, its prefix cut so that 15 bytes hold it. */
SHEAF_API const char *sheaf_worker_name(const sheaf_worker *worker);

/* Memory for this task only: reset when it returns. In an initializer: reset when that returns. */
SHEAF_API sheaf_arena *sheaf_worker_scratch(sheaf_worker *worker);

/* What this worker's initializer keeps, NULL until it was set. */
SHEAF_API void *sheaf_worker_local(const sheaf_worker *worker);
SHEAF_API void sheaf_worker_set_local(sheaf_worker *worker, void *local);

/* Its row in the executor's trace; NULL, which is as good for who records, without one. */
SHEAF_API sheaf_trace_row *sheaf_worker_trace_row(const sheaf_worker *worker);

/* True once sheaf_future_request_stop() was called on the future of the task that runs. */
SHEAF_API bool sheaf_worker_stopping(const sheaf_worker *worker);

SHEAF_END_DECLS

#endif
