/*
 * The inside of a pool: its queue and its workers.
 *
 *     executor.c   the public functions; registry.c: all pools, process exit and fork
 *     pool.c       submitting, taking, parking, giving up; queue.c and front.h: the queue itself
 *     recycle.c    the memory of futures, used again and again
 *     lifetime.c   making a pool, starting workers, shutting down, joining, the end
 *     watch.c      statistics, views, the log
 *     worker.c     running one task; a worker's thread; what a task knows of its worker
 *     guest.c      threads that run tasks themselves: the sequential kind, and CALLER_RUNS
 *     nested.c     workers that wait for tasks of their own pool
 *     future.c     the state of one task; wait.c, map.c: of many
 *     process/     workers that have a child process run their tasks
 *
 * One mutex per pool guards everything here that is not atomic, but for the memory of futures,
 * which has its own (recycle.c). It is held for the time of a few assignments, and what it costs is
 * made up for by what it makes possible: to take many tasks at once, to cancel in O(1), to count
 * exactly.
 *
 * Taking. Tasks begin in the order in which they were submitted. When all workers exist, the oldest
 * ones are moved, many at once, to the front (front.h), from where workers take them without the
 * mutex; so a task waits only while every worker is busy, and none is kept by one.
 *
 * Parking. A worker without work looks about for a moment and then goes on a stack and sleeps on a
 * futex of its own; the one that parked last is woken first, while its stack is in the cache. At
 * most one wake-up is under way: the woken worker wakes the next if there is more to do. So a burst
 * of submits costs one system call, not one each.
 *
 * Spawning. After a task was queued, a thread is started if more tasks wait than workers are idle,
 * and fewer than max_workers exist. A worker counts as idle from the moment its result can be seen,
 * so submit-then-wait in a loop uses one thread, and k tasks that block use k. A thread that starts
 * is handed the oldest task of the queue, unless older ones stand at the front; so one task at
 * least runs, whatever a shutdown cancels.
 */
#ifndef SHEAF_EXECUTOR_POOL_H
#define SHEAF_EXECUTOR_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include <sheaf/call.h>
#include <sheaf/executor.h>

#include "engine/core/heap.h"
#include "engine/executor/front.h"
#include "engine/executor/future.h"
#include "engine/executor/queue.h"

enum {
    SHEAF__WORKER_NAME_BYTES = 64,
    SHEAF__DEPTH_MAX = 200 /* tasks inside tasks on one stack, which has 8 MiB by default */
};

/* What is different for workers that are processes; threads and guests have the default. */
typedef struct sheaf__worker_ops {
    /* Before the first task. A failure breaks the pool. */
    sheaf_status (*begin)(sheaf_worker *worker, sheaf_error *err);
    /* Run the task's body. */
    sheaf_status (*run)(sheaf_worker *worker, const sheaf_task *task, void **result,
                        sheaf_error *err);
    /* After the last task. */
    void (*end)(sheaf_worker *worker);
    /* May this task be submitted? NULL: any. */
    sheaf_status (*accept)(const sheaf_task *task, sheaf_error *err);
    /* The future that this worker runs is asked to stop; under the pool's mutex. NULL: nothing. */
    void (*stop)(sheaf_worker *worker);
    /* The child's process, or 0; under the pool's mutex. NULL: 0. */
    int64_t (*process_id)(const sheaf_worker *worker);
} sheaf__worker_ops;

struct sheaf_worker {
    sheaf__pool *pool; /* const after create */
    int index;         /* likewise */
    char name[SHEAF__WORKER_NAME_BYTES];
    pthread_t thread;    /* written by pthread_create, read by who joins; guests: unused */
    atomic_ullong self;  /* pthread_self() while its code runs, else 0; written by its thread */
    atomic_int state;    /* a sheaf_worker_state, for those who watch */
    bool joined;         /* guarded by pool's mutex, like all up to the next blank line */
    bool gone;           /* will not touch the pool again */
    bool counted_idle;   /* in n_idle; of a running worker: this worker only */
    bool in_use;         /* a guest: some thread runs a task by it */
    bool begun;          /* a guest: its initializer has run */
    bool refused;        /* a guest: it has failed */
    sheaf_worker *outer; /* a guest: the one inside whose task this one runs; its thread's */
    sheaf_future *handed;
    sheaf_worker *next_idle; /* the stack of parked workers, or the list of lost ones, or guests */

    atomic_uint wake; /* the futex it parks on */

    /* This worker only, up to the counters: */
    sheaf__heap heap; /* const once the worker runs; blocks may be freed until the pool ends */
    sheaf_arena *scratch;
    void *local;
    sheaf_trace_row *trace_row;      /* or NULL */
    sheaf_error *spare_error;        /* for the next task that fails */
    _Atomic(sheaf_future *) running; /* innermost; others may look whether it is theirs */
    bool looked;                     /* whether it was handed a task */
    bool may_linger;                 /* its last result woke nobody */
    int depth;                       /* tasks inside tasks, by waiting */
    bool ending;                     /* its last hooks run, or have run */
    void *child;                     /* of a process pool: its process */
    atomic_uint *stop_word;          /* in a worker process: which call is to stop */
    unsigned call_number;            /* likewise: the one that runs */
    atomic_ullong n_started;         /* written by this worker, read by those who count */
    atomic_ullong n_finished;
    atomic_ullong n_failed;
};

/* A worker that waits for its own pool, without a timeout; see nested.h. */
typedef struct sheaf__blocked {
    struct sheaf__blocked *before;
    atomic_uint *word; /* set to 1 when there is something to see */
    bool linked;
    bool in_knot; /* it is told that nothing could ever run again */
} sheaf__blocked;

struct sheaf__pool {
    sheaf__owner owner; /* its mutex guards all that is not const, atomic or somebody's own */
    const sheaf__worker_ops *ops;   /* const, like all up to the next blank line */
    sheaf_executor_options options; /* but for what it points to */
    int max_workers;                /* threads; 0: sequential */
    char prefix[48];
    void *init_bytes;
    char **command;

    sheaf__queue queue;   /* what waits, behind the front and without handed ones */
    sheaf_worker *parked; /* a stack */
    int n_parked;
    bool waking;         /* a worker was taken off the stack and has not looked at the queue yet */
    bool lingers;        /* some worker is about to park, and still looks for work */
    pthread_cond_t room; /* the queue has room, or a guest is free, or the pool ends */
    int n_room_waiters;
    atomic_int n_idle;       /* parked, or about to look at the queue; raised without the mutex */
    sheaf__blocked *blocked; /* newest first */
    int n_blocked;
    bool shut_down;
    bool shut_down_by_exit; /* and by nobody before */
    bool broken;
    sheaf_error broken_error; /* const once broken */

    _Atomic(sheaf_worker *) *workers; /* max_workers slots; read without the mutex by self() */
    sheaf_worker *lost;               /* ended by their task; still to be joined */
    _Atomic(sheaf_worker *) guests;   /* grows at its front; read without the mutex by self() */
    int n_guests;
    int n_guests_in_use;
    int n_guest_tasks; /* admitted, not done yet */
    int n_alive;       /* threads that have not left */
    bool joining;
    pthread_cond_t left; /* somebody joined a worker, or a guest was given back */

    atomic_ullong n_submitted; /* raised under the mutex; read by who lingers */
    uint64_t n_threads;
    uint64_t n_lost;
    atomic_ullong n_cancelled;

    pthread_mutex_t supply; /* guards the memory of futures, up to `free`; see recycle.c */
    struct sheaf__slab *slabs;
    size_t n_fresh;                                /* of the newest slab, not used yet */
    size_t n_made;                                 /* of all slabs, used */
    bool closed;                                   /* the handle is gone */
    sheaf_future *free;                            /* ended futures, to be used again */
    _Alignas(64) _Atomic(sheaf_future *) returned; /* the same, as they come: any thread */

    sheaf__pool *next_registered; /* guarded by the registry, like the rest */
    sheaf__pool *before_registered;
    bool registered;
    bool exit_done;

    sheaf__front front; /* what has waited longest */
};

/* ---- lifetime.c ---- */

/* Checks the options, which were read. */
sheaf_status sheaf__pool_create(const sheaf_executor_options *options, sheaf__pool **pool,
                                sheaf_error *err);

/* Start one more worker and hand it the oldest task. Returns 0 or an errno. */
int sheaf__pool_start_worker_locked(sheaf__pool *pool);

/* The last thing that a worker's thread does with the pool. A lost one is replaced if need be. */
void sheaf__pool_leave(sheaf_worker *worker, bool lost);

sheaf_status sheaf__pool_shutdown(sheaf__pool *pool, bool wait, bool cancel_pending);

/* The process exits, perhaps by a worker's doing, who is not waited for. */
void sheaf__pool_exit(sheaf__pool *pool);

/* ---- pool.c ---- */

sheaf_status sheaf__pool_submit(sheaf__pool *pool, const sheaf_task *tasks, size_t n,
                                sheaf_future **futures, size_t *n_submitted, sheaf_error *err);

/* The next task for this worker, RUNNING; NULL when it is to leave. */
sheaf_future *sheaf__pool_next(sheaf_worker *worker);

/* A worker that had counted itself idle is not: a task that relied on it gets another one. */
void sheaf__pool_not_idle(sheaf_worker *worker);

/*
 * Nothing that waits will run, and nothing more is accepted. Only the first reason counts. `also`
 * (or NULL) is a claimed future that fails with the others, before them.
 */
void sheaf__pool_break(sheaf__pool *pool, const sheaf_error *err, sheaf_future *also);

/* The queue is shorter, or somebody who was told so did not use it. */
void sheaf__pool_tell_of_room_locked(sheaf__pool *pool);

/* A future was claimed by its canceller: take it out of the queue, or from who was handed it. */
void sheaf__pool_forget(sheaf__pool *pool, sheaf_future *future);

/* Take it out of the queue, if it is there. */
bool sheaf__pool_unlink_locked(sheaf__pool *pool, sheaf_future *future);

/*
 * Claim all that waits, as NOTIFIED, or RUNNING and EBROKEN if the pool is broken: a list for
 * sheaf__pool_abandon_all(), which is called without the mutex.
 */
sheaf_future *sheaf__pool_empty_locked(sheaf__pool *pool);
void sheaf__pool_abandon_all(sheaf_future *list);

void sheaf__pool_wake_all_locked(sheaf__pool *pool);

/* How many tasks wait for a worker, with those at the front that were cancelled. */
static inline uint64_t sheaf__pool_n_waiting_locked(const sheaf__pool *pool)
{
    return pool->queue.n + sheaf__front_count(&pool->front);
}

/* Why the futures that failed with EBROKEN did. */
const sheaf_error *sheaf__pool_why_broken(const sheaf__pool *pool);

/* ---- watch.c ---- */

sheaf_executor_stats sheaf__pool_stats(sheaf__pool *pool);
size_t sheaf__pool_views(sheaf__pool *pool, sheaf_worker_view *views, size_t n_max);

/* A worker that may be running this future is told to stop. */
void sheaf__pool_stop_running(sheaf__pool *pool, sheaf_future *future);

/* Told to the log hook, if there is one. No mutex is held. */
void sheaf__pool_log(sheaf__pool *pool, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- recycle.c ---- */

/* Memory for at most n futures of this pool: how many there are; 0: no memory, or it is closed. */
size_t sheaf__pool_take_futures(sheaf__pool *pool, sheaf_future **futures, size_t n);

/* One that was not used after all. */
void sheaf__pool_give_future(sheaf__pool *pool, sheaf_future *future);

/* owner->recycle: a future has ended. Any thread. */
void sheaf__pool_recycle(sheaf__owner *owner, sheaf_future *future);

/* The handle goes: from here on every future that is left refers to the pool. */
void sheaf__pool_close(sheaf__pool *pool);

/* All of them have come back. */
void sheaf__pool_free_futures(sheaf__pool *pool);

/* ---- worker.c ---- */

extern const sheaf__worker_ops sheaf__thread_ops;

/* Of zeroed memory. */
void sheaf__worker_init(sheaf_worker *worker, sheaf__pool *pool, int index);

/* Create the thread. Returns 0 or an errno. */
int sheaf__worker_start(sheaf_worker *worker);

/* Heap, scratch, hooks: to be run in the worker's thread (or the guest's). */
sheaf_status sheaf__worker_begin(sheaf_worker *worker, sheaf_error *err);
void sheaf__worker_end(sheaf_worker *worker);

/*
 * Run a future that the caller has claimed (it is RUNNING), publish it, and give back one
 * reference. `resting`: the worker looks at the queue next, and counts as idle from the moment the
 * result can be seen.
 */
void sheaf__worker_run(sheaf_worker *worker, sheaf_future *future, bool resting);

/* Fail all that this worker was running, because its thread ends or the process does. */
void sheaf__worker_fail_running(sheaf_worker *worker, const char *why);

/* ---- guest.c ---- */

/*
 * Run a claimed future in the caller's thread, by a worker made for it. Takes over one reference.
 */
void sheaf__guest_run(sheaf__pool *pool, sheaf_future *future);

/* Free guests end; those in use end when they are given back. The pool is shut down. */
void sheaf__guests_end(sheaf__pool *pool);

#endif
