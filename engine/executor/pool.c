/*
 * The queue of a pool: submitting, taking, parking, giving up. See pool.h for how it works.
 *
 * What the choices are worth: ns per empty task, a million of them submitted one by one, each with
 * a future that is kept, waited for and released; 2 workers on 2 shared cores; the best of several
 * runs (medians are up to 1.6 times that, the machine being what it is):
 *
 *     a mutex and a condition variable for all, malloc and free            780
 *     a word and a futex per future, LIFO parking, one wake-up at a time   247
 *     the same, the memory of ended futures used again                     165
 *     the queue a ring, futures in slabs, one line of cache for the worker 126
 *     64 in a submit                                                       109
 *
 * A lock-free queue was not tried: prototypes of one were slower than the plain mutex here, because
 * what costs is the wake-up and the line of the cache that changes cores. Yielding before parking
 * made small windows of a map three times as fast on an idle machine, and cost a third more CPU
 * time for tasks without a consumer: it is left out. An adaptive mutex cost more CPU time and no
 * less of the clock.
 */
#include "engine/executor/pool.h"

#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/executor/futex.h"
#include "engine/executor/nested.h"
#include "engine/executor/registry.h"

enum { SUBMIT_AT_ONCE = 64 };

/* ---- the queue ---- */

static void tell_of_room_locked(sheaf__pool *pool)
{
    if (pool->n_room_waiters > 0)
        pthread_cond_signal(&pool->room);
}

bool sheaf__pool_unlink_locked(sheaf__pool *pool, sheaf_future *future)
{
    bool was_there = sheaf__queue_remove(&pool->queue, future);
    if (was_there)
        tell_of_room_locked(pool);
    return was_there;
}

static sheaf_future *pop_any_locked(sheaf__pool *pool)
{
    sheaf_future *oldest = sheaf__queue_pop(&pool->queue);
    if (oldest)
        tell_of_room_locked(pool);
    return oldest;
}

/* ---- batches ---- */

static unsigned batch_next(uint64_t word)
{
    return (unsigned)(word & 0xff);
}

static unsigned batch_count(uint64_t word)
{
    return (unsigned)(word >> 8 & 0xff);
}

bool sheaf__batch_is_empty(const sheaf_worker *worker)
{
    uint64_t word = atomic_load_explicit(&((sheaf_worker *)(uintptr_t)worker)->batch_word,
                                         memory_order_relaxed);
    return batch_next(word) == batch_count(word);
}

/* Any thread. The release by the owner's refill pairs with the acquire here. */
sheaf_future *sheaf__batch_pop(sheaf_worker *worker)
{
    unsigned long long word = atomic_load_explicit(&worker->batch_word, memory_order_acquire);
    while (batch_next(word) != batch_count(word)) {
        sheaf_future *future = atomic_load_explicit(&worker->batch[batch_next(word)],
                                                    memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(&worker->batch_word, &word, word + 1,
                                                   memory_order_acq_rel, memory_order_acquire))
            continue;
        SHEAF__HAPPENS_AFTER(&worker->batch_word);
        if (batch_next(word) + 1 < batch_count(word)) /* it lies in the submitter's cache */
            __builtin_prefetch(atomic_load_explicit(&worker->batch[batch_next(word) + 1],
                                                    memory_order_relaxed),
                               1);
        return future;
    }
    return NULL;
}

/* The oldest task of a batch that is still to be run, claimed. */
static sheaf_future *batch_claim(sheaf_worker *worker, sheaf_future_state to)
{
    for (sheaf_future *future; (future = sheaf__batch_pop(worker)) != NULL;) {
        if (sheaf__future_claim(future, to))
            return future;
        sheaf_future_release(future); /* cancelled, or run by somebody who waited for it */
    }
    return NULL;
}

/*
 * Every worker exists and is busy: take a fair share of the queue at once. Not of a queue with a
 * limit, where every task counts.
 */
static void fill_batch_locked(sheaf__pool *pool, sheaf_worker *worker)
{
    if (pool->n_alive < pool->max_workers || pool->options.queue_limit > 0 ||
        atomic_load_explicit(&pool->n_idle, memory_order_relaxed) > 0)
        return;
    uint64_t fair = pool->queue.n / (2 * (uint64_t)pool->n_alive);
    unsigned n = fair < SHEAF__BATCH_MAX ? (unsigned)fair : SHEAF__BATCH_MAX;
    if (n == 0)
        return;
    for (unsigned i = 0; i < n; i++)
        atomic_store_explicit(&worker->batch[i], sheaf__queue_pop(&pool->queue),
                              memory_order_relaxed);
    uint64_t generation = atomic_load_explicit(&worker->batch_word, memory_order_relaxed) >> 16;
    SHEAF__HAPPENS_BEFORE(&worker->batch_word);
    atomic_store_explicit(&worker->batch_word, (generation + 1) << 16 | (uint64_t)n << 8,
                          memory_order_release);
}

/* ---- taking ---- */

/* The oldest task of the queue that is still to be run, claimed. */
static sheaf_future *pop_locked(sheaf__pool *pool)
{
    for (sheaf_future *oldest; (oldest = pop_any_locked(pool)) != NULL;) {
        if (sheaf__future_claim(oldest, SHEAF_FUTURE_RUNNING))
            return oldest;
        sheaf_future_release(oldest); /* its canceller is on the way here, with a reference */
    }
    return NULL;
}

static sheaf_future *steal_locked(sheaf__pool *pool, sheaf_future_state to)
{
    sheaf_future *future = NULL;
    for (int i = 0; i < pool->max_workers && !future; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker)
            future = batch_claim(worker, to);
    }
    return future;
}

/*
 * The task that a worker was handed when it was started. If it was cancelled meanwhile, the worker
 * looks at the queue, and counts as idle.
 */
static sheaf_future *take_handed_locked(sheaf_worker *worker)
{
    sheaf_future *future = worker->handed;
    if (!future)
        return NULL;
    worker->handed = NULL;
    future->handed_to = NULL;
    if (sheaf__future_claim(future, SHEAF_FUTURE_RUNNING))
        return future;
    sheaf_future_release(future);
    return NULL;
}

/* Wake the worker that parked last, unless a wake-up is under way already. */
static sheaf_worker *choose_wake_locked(sheaf__pool *pool)
{
    sheaf_worker *worker = pool->parked;
    if (!worker || pool->waking || pool->queue.n == 0)
        return NULL;
    pool->parked = worker->next_idle;
    pool->n_parked--;
    pool->waking = true;
    atomic_store_explicit(&worker->wake, 1, memory_order_release);
    return worker;
}

static void wake(sheaf_worker *worker)
{
    if (worker)
        sheaf__futex_wake(&worker->wake, 1);
}

void sheaf__pool_wake_all_locked(sheaf__pool *pool)
{
    for (sheaf_worker *worker; (worker = pool->parked) != NULL;) {
        pool->parked = worker->next_idle;
        pool->n_parked--;
        atomic_store_explicit(&worker->wake, 1, memory_order_release);
        sheaf__futex_wake(&worker->wake, 1);
    }
    pthread_cond_broadcast(&pool->room);
}

/* Sleep until somebody takes this worker off the stack. Called and returns with the mutex. */
static void park_locked(sheaf__pool *pool, sheaf_worker *worker)
{
    atomic_store_explicit(&worker->wake, 0, memory_order_relaxed);
    worker->next_idle = pool->parked;
    pool->parked = worker;
    pool->n_parked++;
    sheaf__nested_cut_knot_locked(pool);
    atomic_store_explicit(&worker->state, SHEAF_WORKER_IDLE, memory_order_relaxed);
    pthread_mutex_unlock(&pool->owner.mutex);
    while (atomic_load_explicit(&worker->wake, memory_order_acquire) == 0)
        sheaf__futex_wait(&worker->wake, 0, SHEAF__FOREVER);
    pthread_mutex_lock(&pool->owner.mutex);
    pool->waking = false;
}

static void count_idle(sheaf_worker *worker, bool idle)
{
    if (worker->counted_idle == idle)
        return;
    worker->counted_idle = idle;
    atomic_fetch_add_explicit(&worker->pool->n_idle, idle ? 1 : -1, memory_order_relaxed);
}

sheaf_future *sheaf__pool_next(sheaf_worker *worker)
{
    sheaf__pool *pool = worker->pool;
    sheaf_future *future = batch_claim(worker, SHEAF_FUTURE_RUNNING);
    if (future) {
        count_idle(worker, false);
        return future;
    }
    pthread_mutex_lock(&pool->owner.mutex);
    future = take_handed_locked(worker);
    if (!future) {
        count_idle(worker, true);
        while (!(future = pop_locked(pool)) &&
               !(future = steal_locked(pool, SHEAF_FUTURE_RUNNING)) && !pool->shut_down)
            park_locked(pool, worker);
        count_idle(worker, false);
        if (future)
            fill_batch_locked(pool, worker);
    }
    if (future)
        atomic_store_explicit(&worker->state, SHEAF_WORKER_BUSY, memory_order_relaxed);
    sheaf_worker *next = choose_wake_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
    wake(next);
    return future;
}

/* ---- giving up what waits ---- */

static void abandon(sheaf_future *future)
{
    sheaf__future_drop_argument(future);
    sheaf__future_publish(future,
                          future->status < 0 ? SHEAF_FUTURE_FINISHED : SHEAF_FUTURE_NOTIFIED);
    sheaf_future_release(future);
}

void sheaf__pool_abandon_all(sheaf_future *list)
{
    while (list) {
        sheaf_future *next = list->after;
        list->after = NULL;
        abandon(list);
        list = next;
    }
}

sheaf_future *sheaf__pool_empty_locked(sheaf__pool *pool)
{
    sheaf_future_state to = pool->broken ? SHEAF_FUTURE_RUNNING : SHEAF_FUTURE_NOTIFIED;
    sheaf_future *list = NULL;
    sheaf_future **end = &list;
    /* The batches first: what is in them is older. */
    for (sheaf_future *each;;) {
        if (!(each = steal_locked(pool, to))) {
            if (!(each = pop_any_locked(pool)))
                break;
            if (!sheaf__future_claim(each, to)) {
                sheaf_future_release(each);
                continue;
            }
        }
        if (pool->broken)
            each->status = SHEAF_EBROKEN;
        atomic_fetch_add_explicit(&pool->n_cancelled, 1, memory_order_relaxed);
        *end = each;
        end = &each->after;
    }
    return list;
}

void sheaf__pool_break(sheaf__pool *pool, const sheaf_error *err, sheaf_future *also)
{
    pthread_mutex_lock(&pool->owner.mutex);
    bool first = !pool->broken;
    if (first) {
        pool->broken_error = *err;
        pool->broken_error.status = SHEAF_EBROKEN;
        pool->broken = true;
    }
    sheaf_future *list = sheaf__pool_empty_locked(pool);
    if (also) {
        also->status = SHEAF_EBROKEN;
        also->after = list;
        list = also;
        atomic_fetch_add_explicit(&pool->n_cancelled, 1, memory_order_relaxed);
    }
    pthread_cond_broadcast(&pool->room);
    pthread_mutex_unlock(&pool->owner.mutex);
    if (first) /* before anybody can see it in a future */
        sheaf__pool_log(pool, "%s: the pool is broken: %s", pool->prefix, err->message);
    sheaf__pool_abandon_all(list);
}

void sheaf__pool_forget(sheaf__pool *pool, sheaf_future *future)
{
    atomic_fetch_add_explicit(&pool->n_cancelled, 1, memory_order_relaxed);
    pthread_mutex_lock(&pool->owner.mutex);
    bool held = sheaf__pool_unlink_locked(pool, future);
    if (future->handed_to) {
        held = true;
        future->handed_to->handed = NULL;
        count_idle(future->handed_to, true); /* it looks at the queue instead */
        future->handed_to = NULL;
    }
    pthread_mutex_unlock(&pool->owner.mutex);
    if (held)
        sheaf_future_release(future);
}

const sheaf_error *sheaf__pool_why_broken(const sheaf__pool *pool)
{
    return &pool->broken_error;
}

/* ---- submitting ---- */

static sheaf_status refuse_locked(const sheaf__pool *pool, sheaf_error *err)
{
    if (pool->broken) {
        sheaf__error_copy(err, &pool->broken_error);
        return SHEAF_EBROKEN;
    }
    if (pool->shut_down && !pool->shut_down_by_exit)
        return sheaf_error_set(err, SHEAF_ESHUTDOWN,
                               "the executor takes no tasks after its shutdown");
    if (pool->shut_down || sheaf__process_exits())
        return sheaf_error_set(err, SHEAF_EEXIT, "the process exits: no task can be begun");
    return SHEAF_OK;
}

/* Who runs a task that cannot be queued. */
typedef enum who { A_WORKER, THIS_WORKER, A_GUEST } who;

static bool is_full_locked(const sheaf__pool *pool)
{
    return pool->options.queue_limit > 0 && pool->queue.n >= pool->options.queue_limit;
}

/*
 * Is the task to be queued, now, or run by the caller? A worker never waits for room: it would wait
 * for itself. Tasks that submit tasks run inside each other only so deep; then the queue takes one
 * too many.
 */
static sheaf_status admit_locked(sheaf__pool *pool, who *runs, sheaf_error *err)
{
    sheaf_queue_full policy = pool->options.queue_full;
    bool sequential = pool->max_workers == 0;
    *runs = sequential ? A_GUEST : A_WORKER;
    sheaf_status status = refuse_locked(pool, err);
    if (status < 0 || !(sequential || is_full_locked(pool)))
        return status;
    const sheaf_worker *self = sheaf__pool_self(pool);
    if (sequential) {
        if (!self || self->depth < SHEAF__DEPTH_MAX)
            return SHEAF_OK;
        return sheaf_error_set(err, SHEAF_ELIMIT, "tasks submit tasks more than %d deep",
                               SHEAF__DEPTH_MAX);
    }
    if (policy == SHEAF_QUEUE_FULL_REFUSE)
        return sheaf_error_set(err, SHEAF_EAGAIN, "%zu tasks wait, and no more are taken for now",
                               pool->options.queue_limit);
    if (self)
        *runs = self->depth < SHEAF__DEPTH_MAX ? THIS_WORKER : A_WORKER;
    else if (policy == SHEAF_QUEUE_FULL_CALLER_RUNS)
        *runs = A_GUEST;
    if (self || *runs == A_GUEST)
        return SHEAF_OK;
    pool->n_room_waiters++;
    while (status == SHEAF_OK && is_full_locked(pool)) {
        pthread_cond_wait(&pool->room, &pool->owner.mutex);
        status = refuse_locked(pool, err);
    }
    pool->n_room_waiters--;
    return status;
}

/* More tasks wait than workers are idle: start one, if there may be more. Returns 0 or an errno. */
static int spawn_locked(sheaf__pool *pool)
{
    int n_idle = atomic_load_explicit(&pool->n_idle, memory_order_relaxed);
    if (pool->n_alive == pool->max_workers || pool->queue.n <= (uint64_t)n_idle)
        return 0;
    return sheaf__pool_start_worker_locked(pool);
}

void sheaf__pool_not_idle(sheaf_worker *worker)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->owner.mutex);
    count_idle(worker, false);
    spawn_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
}

static sheaf_status enqueue_locked(sheaf__pool *pool, sheaf_future *future, sheaf_error *err)
{
    if (!sheaf__queue_reserve(&pool->queue))
        return sheaf__error_memory(err, "the queue");
    sheaf__queue_push(&pool->queue, future);
    int failure = spawn_locked(pool);
    if (failure && pool->n_alive == 0) {
        sheaf__pool_unlink_locked(pool, future);
        return sheaf__error_system(err, failure, "no worker could be started", NULL);
    }
    return SHEAF_OK; /* with fewer workers than wanted, the work is done all the same */
}

/* What one turn with the mutex has done. */
typedef struct turn {
    size_t n;            /* futures that were queued */
    sheaf_future *to_run; /* one that is to be run by the caller, claimed */
    who runs;
} turn;

static sheaf_status submit_locked(sheaf__pool *pool, const sheaf_task *task,
                                  sheaf_future **future, turn *now, sheaf_error *err)
{
    sheaf_status status = admit_locked(pool, &now->runs, err);
    if (status < 0)
        return status;
    sheaf_future *made = sheaf__pool_take_future_locked(pool);
    if (!made)
        return sheaf__error_memory(err, "a future");
    sheaf__future_init(made, &pool->owner, task, future ? 2 : 1);
    if (now->runs == A_WORKER) {
        status = enqueue_locked(pool, made, err);
        if (status < 0) {
            sheaf__pool_give_future_locked(pool, made);
            return status;
        }
    } else {
        sheaf__future_claim(made, SHEAF_FUTURE_RUNNING);
        pool->n_guest_tasks += now->runs == A_GUEST;
        now->to_run = made;
    }
    now->n++;
    pool->n_submitted++;
    if (future)
        *future = made;
    return SHEAF_OK;
}

static sheaf_status check_tasks(const sheaf__pool *pool, const sheaf_task *tasks, size_t n,
                                sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < n && status == SHEAF_OK; i++) {
        if (!tasks[i].run)
            status = sheaf_error_set(err, SHEAF_EINVAL, "a task needs a function to run");
        else if (pool->ops->accept)
            status = pool->ops->accept(&tasks[i], err);
    }
    return status;
}

sheaf_status sheaf__pool_submit(sheaf__pool *pool, const sheaf_task *tasks, size_t n,
                                sheaf_future **futures, size_t *n_submitted, sheaf_error *err)
{
    *n_submitted = 0;
    for (size_t i = 0; futures && i < n; i++)
        futures[i] = NULL;
    if (sheaf__owner_is_foreign(&pool->owner))
        return sheaf__error_forked(err);
    sheaf_status status = check_tasks(pool, tasks, n, err);
    while (*n_submitted < n && status == SHEAF_OK) {
        turn now = {0};
        const sheaf_task *task = tasks + *n_submitted;
        sheaf_future **future = futures ? futures + *n_submitted : NULL;
        size_t n_wanted = n - *n_submitted < SUBMIT_AT_ONCE ? n - *n_submitted : SUBMIT_AT_ONCE;
        pthread_mutex_lock(&pool->owner.mutex);
        /* What was queued in this turn must be woken for before the next waits for room. */
        while (now.n < n_wanted && status == SHEAF_OK && !now.to_run &&
               (now.n == 0 || !is_full_locked(pool)))
            status = submit_locked(pool, task + now.n, future ? future + now.n : NULL, &now, err);
        sheaf_worker *woken = choose_wake_locked(pool);
        sheaf_worker *self = now.runs == THIS_WORKER ? sheaf__pool_self(pool) : NULL;
        pthread_mutex_unlock(&pool->owner.mutex);
        wake(woken);
        *n_submitted += now.n;
        if (now.to_run && self)
            sheaf__worker_run(self, now.to_run, false);
        else if (now.to_run)
            sheaf__guest_run(pool, now.to_run);
    }
    return status;
}
