/*
 * The inside of a thread pool: what executor.c (workers, queue), future.c (waiting, results) and
 * map.c share.
 *
 * One mutex per pool guards the queue and the state of all its futures. A pool is referred to by
 * its handle, by each of its workers and by each of its futures, and is freed with the last of
 * them.
 *
 * A future is PENDING (in the queue, or handed to a worker that is just starting), RUNNING, and
 * then FINISHED or CANCELLED. Whoever takes it out of PENDING under the mutex owns its argument
 * from there on; whoever makes it final signals its waiters. Drops, tasks and hooks run without the
 * mutex.
 */
#ifndef SHEAF_EXECUTOR_POOL_H
#define SHEAF_EXECUTOR_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <sheaf/executor.h>

#include "engine/core/heap.h"

typedef struct sheaf__pool sheaf__pool;

typedef enum sheaf__future_state {
    SHEAF__PENDING,
    SHEAF__RUNNING,
    SHEAF__CANCELLED,
    SHEAF__FINISHED
} sheaf__future_state;

/* A thread that waits for one future; lives on that thread's stack. */
typedef struct sheaf__waiter {
    struct sheaf__waiter *next;
    pthread_cond_t done;
    /* A worker that waits for its own pool without a timeout, until it is signalled. */
    bool blocked;
    bool in_knot; /* it is told that nothing could ever run again */
    struct sheaf__waiter *blocked_before;
} sheaf__waiter;

struct sheaf_future {
    atomic_uint references;
    atomic_int state;  /* written under pool->mutex with release; read anywhere with acquire */
    sheaf__pool *pool; /* const after create; one reference */
    sheaf_task task;   /* const after create */
    sheaf_worker *handed_to;     /* guarded by pool->mutex */
    struct sheaf_future *before; /* the queue: guarded by pool->mutex */
    struct sheaf_future *after;  /* likewise */
    sheaf__waiter *waiters;      /* likewise */
    bool queued;                 /* likewise */
    atomic_bool taken;
    /*
     * Written by whoever makes the future final, before it does; const after that, but for taken.
     */
    sheaf_status status;
    void *result;
    sheaf_error *error; /* NULL without one */
};

struct sheaf_worker {
    sheaf__pool *pool;
    int index;
    char name[64];
    pthread_t thread;     /* guarded by pool->mutex until the worker runs, const after */
    bool gone;            /* guarded by pool->mutex: will not touch the pool again */
    sheaf_future *handed; /* guarded by pool->mutex: the first task, before it runs */
    sheaf__heap heap;     /* const once the worker runs; blocks may be freed until the pool ends */
    sheaf_arena *scratch; /* this worker only */
    void *local;          /* this worker only */
    sheaf_error *spare_error; /* this worker only: for the next task that fails */
    int depth;                /* this worker only: tasks inside tasks, by waiting */
};

struct sheaf__pool {
    atomic_uint references;
    pid_t pid;                      /* const: of the process whose threads these are */
    sheaf_executor_options options; /* const */
    int max_workers;                /* const */
    char prefix[48];                /* const */

    pthread_mutex_t mutex;
    pthread_cond_t work_ready; /* the queue is not empty, or the pool stops */
    pthread_cond_t all_joined; /* n_joined is n_workers */
    sheaf_future *head;        /* everything below is guarded by mutex */
    sheaf_future *tail;
    sheaf_worker **workers; /* max_workers slots, n_workers in use; const once set */
    int n_workers;
    int n_joined;
    bool joining;  /* somebody joins the workers; others wait for all_joined */
    int n_alive;   /* workers that have not left */
    int n_idle;    /* parked, or about to look at the queue */
    int n_blocked; /* waiters that are blocked; the last one is first in the list */
    sheaf__waiter *blocked;
    bool shut_down;
    bool broken;
    sheaf_error broken_error;
    sheaf_executor_stats stats;
};

void sheaf__pool_retain(sheaf__pool *pool);
void sheaf__pool_release(sheaf__pool *pool);

/* In a child of fork() the pool's threads do not exist and its mutex may be locked for ever. */
bool sheaf__pool_is_foreign(const sheaf__pool *pool);

/* The worker of this pool that calls, or NULL. */
sheaf_worker *sheaf__pool_self_locked(sheaf__pool *pool);

/*
 * A worker rests or leaves, or is about to block: if all the others are blocked and nothing waits
 * in the queue, nothing could ever run again. The last one that blocked is told.
 */
void sheaf__pool_cut_knot_locked(sheaf__pool *pool);

/* Take a future out of the queue. */
void sheaf__pool_unlink_locked(sheaf__pool *pool, sheaf_future *future);

/*
 * Run a future that the caller has just taken out of PENDING (its state is RUNNING), make it final,
 * and give back the executor's reference. Called and returns without the mutex. When `then_idle`,
 * the worker counts as idle from the moment the result can be seen: a submit right after it starts
 * no new thread.
 */
void sheaf__future_run(sheaf_future *future, sheaf_worker *worker, bool then_idle);

/*
 * Make a future final without running it: FINISHED if its status was set to a failure before, else
 * CANCELLED. The caller then calls sheaf__future_discard() without the mutex.
 */
void sheaf__future_abandon_locked(sheaf_future *future);
void sheaf__future_discard(sheaf_future *future);

sheaf_status sheaf__future_create(sheaf__pool *pool, const sheaf_task *task, sheaf_future **future);

#endif
