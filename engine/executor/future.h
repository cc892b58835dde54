/*
 * Futures from the inside: a state word, and who is told when it changes.
 *
 * The word holds the state and flags: SLEEPER, somebody sleeps on the word; WATCHED, the future has
 * callbacks or waiters; CALLBACK, it has callbacks. To become final is one atomic exchange; only if
 * it finds a flag is there anything else to do. So a future that nobody waits for yet costs its
 * completion nothing, and completion allocates nothing and cannot fail.
 *
 *     PENDING --claim--> RUNNING --publish--> FINISHED
 *        |  \--claim---> NOTIFIED              (of an executor: cancelled in one step)
 *        \-----claim---> CANCELLED --publish--> NOTIFIED    (bare: in two)
 *
 * Whoever moves a future out of PENDING, by compare and exchange, owns its argument. Where the
 * future stands meanwhile (in a queue, handed to a worker, at the front) says nothing about
 * that: who finds one there that is not PENDING any more just gives back the reference.
 *
 * The protocol of the word, and that of parking (pool.h), are modelled in tests/model/.
 */
#ifndef SHEAF_EXECUTOR_FUTURE_H
#define SHEAF_EXECUTOR_FUTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include <sheaf/executor.h>

#include "engine/core/annotate.h"

enum {
    SHEAF__STATE = 7, /* mask: a sheaf_future_state */
    SHEAF__SLEEPER = 8,
    SHEAF__WATCHED = 16, /* by whomever */
    SHEAF__CALLBACK = 32 /* by a callback, too */
};

typedef struct sheaf__pool sheaf__pool;

/*
 * What a future belongs to: a pool, or itself. Referred to by a pool's handle and workers, and,
 * once the handle is gone, by each future that is left; ends with the last of them.
 */
typedef struct sheaf__owner {
    atomic_uint references;
    unsigned generation;   /* const: of the process that it lives in, see sheaf__generation */
    pthread_mutex_t mutex; /* guards the watch lists of its futures; of a pool, all of the pool.
                              Taken before a group's mutex, and never two owners' */
    sheaf__pool *pool;     /* const: the pool that it is the beginning of, or NULL */
    void (*recycle)(struct sheaf__owner *owner, sheaf_future *future); /* const; one has ended */
    void (*end)(struct sheaf__owner *owner);                           /* const: frees it */
} sheaf__owner;

/* Somebody to be told: a callback, or a waiter. Guarded by owner->mutex. */
typedef struct sheaf__watch {
    struct sheaf__watch *next;
    /*
     * A waiter: told under the mutex, so that it can take itself out and know that it will not be
     * told any more.
     */
    void (*notify)(struct sheaf__watch *watch, sheaf_future *future);
    /* A callback: run without the mutex, then freed. */
    sheaf_callback_fn callback;
    sheaf_drop_fn drop_context;
    void *context;
} sheaf__watch;

/*
 * The first 64 bytes are all that a worker touches to run a task for which nobody waits yet: one
 * line of the cache comes from the core that submitted it.
 */
struct sheaf_future {
    _Alignas(128) atomic_uint word;
    atomic_uint references;
    sheaf_task task;     /* const; of a bare future only drop_result is used */
    void *result;        /* written by who makes it final, before it does */
    sheaf_error *error;  /* likewise; NULL without one */
    sheaf_status status; /* likewise */
    atomic_bool taken;
    atomic_bool completing; /* of a bare future: somebody sets its result */
    atomic_bool stop_requested;

    _Alignas(64) sheaf__owner *owner; /* const */
    struct sheaf_future *after; /* in a list of ended or abandoned ones; of one that runs inside
                                   another: that one */
    uint64_t position;          /* in the queue: guarded by owner->mutex */
    sheaf_worker *handed_to;    /* likewise */
    sheaf__watch *watches;      /* newest first; likewise */
    sheaf__watch *callbacks;    /* to be run yet, by who completed it; nobody else's then */
};

static inline sheaf_future_state sheaf__state_of(const sheaf_future *future)
{
    unsigned word = atomic_load_explicit(&future->word, memory_order_acquire);
    SHEAF__HAPPENS_AFTER(&future->word);
    return (sheaf_future_state)(word & SHEAF__STATE);
}

static inline bool sheaf__state_is_done(sheaf_future_state state)
{
    return state >= SHEAF_FUTURE_CANCELLED;
}

static inline bool sheaf__state_is_final(sheaf_future_state state)
{
    return state >= SHEAF_FUTURE_NOTIFIED;
}

/* Which process this is: counts the fork()s on the way to it. */
extern atomic_uint sheaf__generation;

void sheaf__owner_init(sheaf__owner *owner, sheaf__pool *pool);

static inline void sheaf__owner_retain(sheaf__owner *owner, unsigned n)
{
    atomic_fetch_add_explicit(&owner->references, n, memory_order_relaxed);
}

void sheaf__owner_release(sheaf__owner *owner);

/* In a child of fork() the owner's threads do not exist and its mutex may be locked for ever. */
static inline bool sheaf__owner_is_foreign(const sheaf__owner *owner)
{
    return owner->generation != atomic_load_explicit(&sheaf__generation, memory_order_relaxed);
}

/* Begin the life of a PENDING future, in memory that is its own. */
void sheaf__future_init(sheaf_future *future, sheaf__owner *owner, const sheaf_task *task,
                        unsigned references);

/* PENDING -> to: true for the one who did it. */
bool sheaf__future_claim(sheaf_future *future, sheaf_future_state to);

/*
 * Make a future FINISHED or NOTIFIED: tell and wake everybody, and run its callbacks in
 * this thread. status, result and error were written before. The caller holds a reference and no
 * mutex.
 */
void sheaf__future_publish(sheaf_future *future, sheaf_future_state to);

/*
 * The same in its two steps: whom the flags speak of must be told. A worker that is ended by a
 * callback has the others run by what comes after it (worker.c).
 */
static inline unsigned sheaf__future_exchange(sheaf_future *future, sheaf_future_state to)
{
    SHEAF__HAPPENS_BEFORE(&future->word);
    return atomic_exchange_explicit(&future->word, (unsigned)to, memory_order_acq_rel);
}

void sheaf__future_tell(sheaf_future *future, unsigned flags, bool final, bool by_worker);

/* Run the callbacks that are left, if the thread that ran them was ended by one. */
void sheaf__future_run_callbacks(sheaf_future *future);

/*
 * Move the result out of a future that is done, also of one that failed. NULL when there is none,
 * or it was taken before.
 */
void *sheaf__future_take_result(sheaf_future *future);

/* Watch a future until it is final. Returns false when it is already: then nothing was added. */
bool sheaf__future_watch(sheaf_future *future, sheaf__watch *watch);

/* Take a waiter out again. On return it is not told any more, and nobody is telling it. */
void sheaf__future_unwatch(sheaf_future *future, sheaf__watch *watch);

/* The argument is not needed any more. */
static inline void sheaf__future_drop_argument(const sheaf_future *future)
{
    if (future->task.drop_arg)
        future->task.drop_arg(future->task.arg);
}

/* What *err says in a child of fork(). */
sheaf_status sheaf__error_forked(sheaf_error *err);

#endif
