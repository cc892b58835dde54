/*
 * The memory of a pool's futures: used again and again, and never in two caches for nothing.
 *
 * Futures come from slabs of a pool's own and go back to it, not to the allocator: one that another
 * thread frees would cost a lock there, and fresh pages cost more than a task. What was once needed
 * at the same time is kept until the pool ends.
 *
 * They have a mutex of their own: to find one is to wait for memory, and the workers, who need the
 * pool's mutex, should not wait along.
 *
 * While the handle lives, so does the pool: a future does not count as a reference, and coming back
 * is one compare and exchange on `returned`. Who takes from there, under `supply`, takes all: there
 * is no ABA. When the handle goes, CLOSED takes the list's place, those that are still out are
 * counted as references from there on, and no more are made.
 */
#include <stdlib.h>

#include "engine/executor/pool.h"

enum { SLAB_FUTURES = 63 }; /* with the head of the slab: 8 KiB */

typedef struct sheaf__slab {
    struct sheaf__slab *next;
    sheaf_future futures[SLAB_FUTURES];
} slab;

void sheaf__pool_give_future(sheaf__pool *pool, sheaf_future *future)
{
    sheaf__pool_recycle(&pool->owner, future);
}

#if defined(__SANITIZE_ADDRESS__)

/* One by one from the allocator, so that the sanitizer sees who uses one that has ended. */

size_t sheaf__pool_take_futures(sheaf__pool *pool, sheaf_future **futures, size_t n)
{
    size_t n_taken = 0;
    while (n_taken < n &&
           (futures[n_taken] = aligned_alloc(_Alignof(sheaf_future), sizeof(sheaf_future))))
        n_taken++;
    sheaf__owner_retain(&pool->owner, (unsigned)n_taken);
    return n_taken;
}

void sheaf__pool_recycle(sheaf__owner *owner, sheaf_future *future)
{
    free(future);
    sheaf__owner_release(owner);
}

void sheaf__pool_close(sheaf__pool *pool)
{
    (void)pool;
}

void sheaf__pool_free_futures(sheaf__pool *pool)
{
    (void)pool;
}

#else

static sheaf_future closed_mark; /* never used as one */
#define CLOSED (&closed_mark)

static sheaf_future *take_fresh_locked(sheaf__pool *pool)
{
    if (pool->n_fresh == 0) {
        slab *made = aligned_alloc(_Alignof(slab), sizeof *made);
        if (!made)
            return NULL;
        made->next = pool->slabs;
        pool->slabs = made;
        pool->n_fresh = SLAB_FUTURES;
    }
    pool->n_made++;
    return &pool->slabs->futures[SLAB_FUTURES - pool->n_fresh--];
}

static sheaf_future *take_locked(sheaf__pool *pool)
{
    if (!pool->free) {
        pool->free = atomic_exchange_explicit(&pool->returned, NULL, memory_order_acquire);
        SHEAF__HAPPENS_AFTER(&pool->returned);
    }
    sheaf_future *future = pool->free;
    if (!future)
        return take_fresh_locked(pool);
    pool->free = future->after;
    if (pool->free) { /* long ago in the cache, if there are many */
        __builtin_prefetch(pool->free, 1);
        __builtin_prefetch(&pool->free->after, 1);
    }
    return future;
}

size_t sheaf__pool_take_futures(sheaf__pool *pool, sheaf_future **futures, size_t n)
{
    size_t n_taken = 0;
    pthread_mutex_lock(&pool->supply);
    while (n_taken < n && !pool->closed && (futures[n_taken] = take_locked(pool)))
        n_taken++;
    pthread_mutex_unlock(&pool->supply);
    return n_taken;
}

void sheaf__pool_recycle(sheaf__owner *owner, sheaf_future *future)
{
    sheaf__pool *pool = owner->pool;
    sheaf_future *first = atomic_load_explicit(&pool->returned, memory_order_relaxed);
    do {
        if (first == CLOSED) {
            sheaf__owner_release(owner);
            return;
        }
        future->after = first;
        SHEAF__HAPPENS_BEFORE(&pool->returned);
    } while (!atomic_compare_exchange_weak_explicit(&pool->returned, &first, future,
                                                    memory_order_release, memory_order_relaxed));
}

static size_t length(const sheaf_future *list)
{
    size_t n = 0;
    for (; list; list = list->after)
        n++;
    return n;
}

void sheaf__pool_close(sheaf__pool *pool)
{
    pthread_mutex_lock(&pool->supply);
    pool->closed = true;
    sheaf__owner_retain(&pool->owner, (unsigned)(pool->n_made - length(pool->free)));
    const sheaf_future *returned = atomic_exchange_explicit(&pool->returned, CLOSED,
                                                            memory_order_acq_rel);
    SHEAF__HAPPENS_AFTER(&pool->returned);
    atomic_fetch_sub_explicit(&pool->owner.references, (unsigned)length(returned),
                              memory_order_acq_rel);
    pthread_mutex_unlock(&pool->supply);
}

void sheaf__pool_free_futures(sheaf__pool *pool)
{
    for (slab *each = pool->slabs, *next; each; each = next) {
        next = each->next;
        free(each);
    }
}

#endif
