/*
 * The front of a pool's queue: its oldest tasks, for workers to take without the mutex.
 *
 * They are moved here from the queue, a batch at a time, when the front is empty, by a worker that
 * holds the mutex. The word holds a generation, how many tasks the batch has, and which is next:
 * who moves `next` on by compare and exchange has taken that task. So tasks begin in the order in
 * which they were submitted, whoever takes them, and no worker keeps one to itself.
 */
#ifndef SHEAF_EXECUTOR_FRONT_H
#define SHEAF_EXECUTOR_FRONT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <sheaf/future.h>

#include "engine/core/annotate.h"
#include "engine/executor/queue.h"

enum {
    SHEAF__FRONT_MAX = 64,
    SHEAF__FRONT_AHEAD = 8 /* so many tasks before its turn, one is fetched into the cache */
};

typedef struct sheaf__front {
    _Alignas(64) atomic_ullong word;
    _Alignas(64) _Atomic(sheaf_future *) tasks[SHEAF__FRONT_MAX];
} sheaf__front;

static inline unsigned sheaf__front_next(unsigned long long word)
{
    return (unsigned)(word & 0xff);
}

static inline unsigned sheaf__front_end(unsigned long long word)
{
    return (unsigned)(word >> 8 & 0xff);
}

/* How many tasks are left. Any thread. */
static inline unsigned sheaf__front_count(const sheaf__front *front)
{
    unsigned long long word = atomic_load_explicit(&((sheaf__front *)(uintptr_t)front)->word,
                                                   memory_order_acquire);
    return sheaf__front_end(word) - sheaf__front_next(word);
}

/* It lies in the submitter's cache, and to fetch it takes as long as to run some tasks. */
static inline void sheaf__front_fetch(sheaf__front *front, unsigned i)
{
    __builtin_prefetch(atomic_load_explicit(&front->tasks[i], memory_order_relaxed), 1);
}

/*
 * The oldest task, with its reference, claimed by nobody; NULL when there is none. Any thread. The
 * release by who fills it pairs with the acquire here.
 */
static inline sheaf_future *sheaf__front_pop(sheaf__front *front)
{
    unsigned long long word = atomic_load_explicit(&front->word, memory_order_acquire);
    unsigned at;
    while ((at = sheaf__front_next(word)) != sheaf__front_end(word)) {
        sheaf_future *future = atomic_load_explicit(&front->tasks[at], memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(&front->word, &word, word + 1,
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        SHEAF__HAPPENS_AFTER(&front->word);
        if (at + SHEAF__FRONT_AHEAD < sheaf__front_end(word))
            sheaf__front_fetch(front, at + SHEAF__FRONT_AHEAD);
        return future;
    }
    return NULL;
}

/* Move a batch here from the queue. The front is empty, and the caller holds the mutex. */
static inline void sheaf__front_fill(sheaf__front *front, sheaf__queue *queue)
{
    unsigned n = queue->n < SHEAF__FRONT_MAX ? (unsigned)queue->n : SHEAF__FRONT_MAX;
    for (unsigned i = 0; i < n; i++)
        atomic_store_explicit(&front->tasks[i], sheaf__queue_pop(queue), memory_order_relaxed);
    for (unsigned i = 0; i < n && i < SHEAF__FRONT_AHEAD; i++)
        sheaf__front_fetch(front, i);
    unsigned long long generation = atomic_load_explicit(&front->word, memory_order_relaxed) >> 16;
    SHEAF__HAPPENS_BEFORE(&front->word);
    atomic_store_explicit(&front->word, (generation + 1) << 16 | n << 8, memory_order_release);
}

#endif
