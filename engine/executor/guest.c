/*
 * Guests: threads of the program that run tasks themselves, in submit.
 *
 * In a sequential executor that is how every task runs, by one guest for whom callers take turns;
 * in a pool whose queue is full and whose policy is CALLER_RUNS, there are as many as there are
 * callers at once. A guest is a worker without a thread: it has a scratch arena and what its
 * initializer keeps, so a task does not see where it runs. It is made when it is first needed and
 * used again by whichever thread comes next.
 */
#include <stdlib.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/executor/nested.h"
#include "engine/executor/pool.h"

static bool is_sequential(const sheaf__pool *pool)
{
    return pool->max_workers == 0;
}

static sheaf_worker *make_guest_locked(sheaf__pool *pool)
{
    sheaf_worker *guest = calloc(1, sizeof *guest);
    if (!guest)
        return NULL;
    sheaf__worker_init(guest, pool, pool->max_workers + pool->n_guests++);
    guest->next_idle = atomic_load_explicit(&pool->guests, memory_order_relaxed);
    SHEAF__HAPPENS_BEFORE(&pool->guests);
    atomic_store_explicit(&pool->guests, guest, memory_order_release);
    pool->n_threads += is_sequential(pool);
    return guest;
}

static sheaf_worker *find_free_locked(sheaf__pool *pool)
{
    sheaf_worker *guest = atomic_load_explicit(&pool->guests, memory_order_relaxed);
    while (guest && (guest->in_use || guest->gone))
        guest = guest->next_idle;
    return guest;
}

static void use_locked(sheaf_worker *guest)
{
    guest->in_use = true;
    guest->pool->n_guests_in_use++;
    atomic_store_explicit(&guest->self, (unsigned long long)pthread_self(), memory_order_relaxed);
    atomic_store_explicit(&guest->state, SHEAF_WORKER_BUSY, memory_order_relaxed);
}

/* A free guest, or a new one, for this thread; NULL when there is no memory. */
static sheaf_worker *take_guest(sheaf__pool *pool)
{
    sheaf_worker *guest;
    pthread_mutex_lock(&pool->owner.mutex);
    while (!(guest = find_free_locked(pool)) && is_sequential(pool) && pool->n_guests > 0)
        pthread_cond_wait(&pool->left, &pool->owner.mutex);
    if (!guest)
        guest = make_guest_locked(pool);
    if (guest)
        use_locked(guest);
    pthread_mutex_unlock(&pool->owner.mutex);
    return guest;
}

/* Back to the others. */
static void give_locked(sheaf_worker *guest)
{
    sheaf__pool *pool = guest->pool;
    atomic_store_explicit(&guest->self, 0, memory_order_relaxed);
    if (!guest->gone)
        atomic_store_explicit(&guest->state, SHEAF_WORKER_IDLE, memory_order_relaxed);
    guest->in_use = false;
    pool->n_guests_in_use--;
    sheaf__nested_cut_knot_locked(pool);
    pthread_cond_broadcast(&pool->left);
}

/* The first task of a guest: its initializer. A failure breaks the pool. */
static bool begin_guest(sheaf_worker *guest)
{
    sheaf_error err;
    if (guest->begun)
        return !guest->refused;
    guest->begun = guest->refused = true;
    sheaf_error_clear(&err);
    if (sheaf__worker_begin(guest, &err) == SHEAF_OK)
        guest->refused = false;
    else
        sheaf__pool_break(guest->pool, &err, NULL);
    return !guest->refused;
}

static void fail(sheaf_future *future, sheaf_status status)
{
    future->status = status;
    atomic_fetch_add_explicit(&future->owner->pool->n_cancelled, 1, memory_order_relaxed);
    sheaf__future_drop_argument(future);
    sheaf__future_publish(future, SHEAF_FUTURE_FINISHED);
    sheaf_future_release(future);
}

/* A task is through; after a shutdown the last one sends the guests home. */
static void finish(sheaf__pool *pool, sheaf_worker *guest)
{
    pthread_mutex_lock(&pool->owner.mutex);
    if (guest)
        give_locked(guest);
    pool->n_guest_tasks--;
    pthread_mutex_unlock(&pool->owner.mutex);
    sheaf__guests_end(pool);
    sheaf__owner_release(&pool->owner);
}

/*
 * The task ends the caller's own thread, or its initializer does: told on the thread's way out, as
 * of a worker (worker.c). The guests of one thread, one inside the other, are linked by `outer`.
 */
static pthread_key_t visiting_key;
static bool visiting_key_is_there;

static void lose_guests(void *innermost)
{
    for (sheaf_worker *guest = innermost; guest;) {
        pthread_setspecific(visiting_key, guest); /* once more, should it end again */
        sheaf__worker_fail_running(guest, "the task ended the thread that ran it");
        sheaf_future *unbegun = guest->handed;
        guest->handed = NULL;
        if (unbegun) {
            sheaf_error err;
            sheaf_error_set(&err, SHEAF_EWORKER, "the initializer ended its thread");
            sheaf__pool_break(guest->pool, &err, unbegun);
        }
        sheaf_worker *outer = guest->outer;
        pthread_setspecific(visiting_key, outer);
        finish(guest->pool, guest);
        guest = outer;
    }
}

static void make_visiting_key(void)
{
    visiting_key_is_there = pthread_key_create(&visiting_key, lose_guests) == 0;
    SHEAF__HAPPENS_BEFORE(&visiting_key);
}

static void run_by(sheaf_worker *guest, sheaf_future *future)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_visiting_key);
    SHEAF__HAPPENS_AFTER(&visiting_key);
    guest->outer = visiting_key_is_there ? pthread_getspecific(visiting_key) : NULL;
    guest->handed = future;
    if (visiting_key_is_there)
        pthread_setspecific(visiting_key, guest);
    bool begun = begin_guest(guest);
    guest->handed = NULL;
    if (begun)
        sheaf__worker_run(guest, future, false);
    else
        fail(future, SHEAF_EBROKEN);
    if (visiting_key_is_there)
        pthread_setspecific(visiting_key, guest->outer);
}

void sheaf__guest_run(sheaf__pool *pool, sheaf_future *future)
{
    sheaf__owner_retain(&pool->owner, 1); /* the task may destroy the executor */
    sheaf_worker *self = sheaf__pool_self(pool);
    sheaf_worker *guest = self ? NULL : take_guest(pool);
    if (self) /* a task that submits, in the sequential executor: it runs inside */
        sheaf__worker_run(self, future, false);
    else if (guest)
        run_by(guest, future);
    else
        fail(future, SHEAF_ENOMEM);
    finish(pool, guest);
}

void sheaf__guests_end(sheaf__pool *pool)
{
    sheaf_worker *guest;
    do {
        pthread_mutex_lock(&pool->owner.mutex);
        bool now = pool->shut_down && pool->n_guest_tasks == 0;
        guest = now ? find_free_locked(pool) : NULL;
        if (guest) {
            guest->gone = true;
            use_locked(guest);
        }
        pthread_mutex_unlock(&pool->owner.mutex);
        if (guest && guest->begun)
            sheaf__worker_end(guest);
        pthread_mutex_lock(&pool->owner.mutex);
        if (guest)
            give_locked(guest);
        pthread_mutex_unlock(&pool->owner.mutex);
    } while (guest);
}
