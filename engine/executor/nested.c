/* Workers that wait for tasks of their own pool: see nested.h. */
#include "engine/executor/nested.h"

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/executor/futex.h"

sheaf_worker *sheaf__pool_self(sheaf__pool *pool)
{
    unsigned long long self = (unsigned long long)pthread_self();
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_acquire);
        if (worker && atomic_load_explicit(&worker->self, memory_order_relaxed) == self)
            return worker;
    }
    sheaf_worker *guest = atomic_load_explicit(&pool->guests, memory_order_acquire);
    SHEAF__HAPPENS_AFTER(&pool->guests);
    while (guest && atomic_load_explicit(&guest->self, memory_order_relaxed) != self)
        guest = guest->next_idle;
    return guest;
}

bool sheaf__nested_run(sheaf_worker *self, sheaf_future *future)
{
    sheaf__pool *pool = self->pool;
    if (self->depth >= SHEAF__DEPTH_MAX || sheaf__state_of(future) != SHEAF_FUTURE_PENDING)
        return false;
    pthread_mutex_lock(&pool->owner.mutex);
    /* One that was handed to a worker which is just starting is as good as begun. */
    bool claimed = !future->handed_to && sheaf__future_claim(future, SHEAF_FUTURE_RUNNING);
    if (claimed && !sheaf__pool_unlink_locked(pool, future))
        sheaf_future_retain(future); /* at the front, which keeps its reference till its turn */
    pthread_mutex_unlock(&pool->owner.mutex);
    if (claimed)
        sheaf__worker_run(self, future, false);
    return claimed;
}

void sheaf__nested_unblock_locked(sheaf__pool *pool, sheaf__blocked *blocked)
{
    if (!blocked->linked)
        return;
    sheaf__blocked **link = &pool->blocked;
    while (*link != blocked)
        link = &(*link)->before;
    *link = blocked->before;
    blocked->linked = false;
    pool->n_blocked--;
}

void sheaf__nested_cut_knot_locked(sheaf__pool *pool)
{
    sheaf__blocked *last = pool->blocked;
    int n_active = pool->n_alive + pool->n_guests_in_use - pool->n_parked - pool->n_blocked;
    if (!last || n_active > 0 || (sheaf__pool_n_waiting_locked(pool) > 0 && pool->n_parked > 0))
        return;
    sheaf__nested_unblock_locked(pool, last);
    last->in_knot = true;
    atomic_store_explicit(last->word, 1, memory_order_release);
    sheaf__futex_wake(last->word, 1);
}

sheaf_status sheaf__nested_block(sheaf__pool *pool, sheaf__blocked *blocked, atomic_uint *word,
                                 sheaf_error *err)
{
    pthread_mutex_lock(&pool->owner.mutex);
    if (atomic_load_explicit(word, memory_order_acquire) == 0) {
        *blocked = (sheaf__blocked){.before = pool->blocked, .word = word, .linked = true};
        pool->blocked = blocked;
        pool->n_blocked++;
        sheaf__nested_cut_knot_locked(pool);
    }
    pthread_mutex_unlock(&pool->owner.mutex);
    while (atomic_load_explicit(word, memory_order_acquire) == 0)
        sheaf__futex_wait(word, 0, SHEAF__FOREVER);
    SHEAF__HAPPENS_AFTER(word);
    /* Whoever set the word still holds the mutex, and may be looking at *blocked. */
    pthread_mutex_lock(&pool->owner.mutex);
    sheaf__nested_unblock_locked(pool, blocked);
    bool in_knot = blocked->in_knot;
    pthread_mutex_unlock(&pool->owner.mutex);
    if (!in_knot)
        return SHEAF_OK;
    return sheaf_error_set(err, SHEAF_EDEADLK,
                           "every worker of the pool waits for a task of the pool, and none of "
                           "these can ever be done");
}

/* ---- waiting for one ---- */

typedef struct nested_wait {
    sheaf__watch watch; /* first */
    sheaf__pool *pool;
    atomic_uint word;
    sheaf__blocked blocked;
} nested_wait;

static void notify(sheaf__watch *watch, sheaf_future *future)
{
    (void)future;
    nested_wait *wait = (nested_wait *)watch;
    sheaf__nested_unblock_locked(wait->pool, &wait->blocked);
    SHEAF__HAPPENS_BEFORE(&wait->word);
    atomic_store_explicit(&wait->word, 1, memory_order_release);
    sheaf__futex_wake(&wait->word, 1);
}

sheaf_status sheaf__nested_result(sheaf_worker *self, sheaf_future *future, sheaf_error *err)
{
    nested_wait wait = {.watch = {.notify = notify}, .pool = self->pool};
    SHEAF__ATOMIC(wait.word);
    if (sheaf__nested_run(self, future) || !sheaf__future_watch(future, &wait.watch))
        return SHEAF_OK;
    sheaf_status status = sheaf__nested_block(self->pool, &wait.blocked, &wait.word, err);
    if (status < 0)
        sheaf__future_unwatch(future, &wait.watch);
    return status == SHEAF_EDEADLK && sheaf_future_done(future) ? SHEAF_OK : status;
}
