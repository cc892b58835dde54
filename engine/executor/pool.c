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
 * and in one run each on another day, medians of 9, which is how things are judged since:
 *
 *                                         one by one   by 64   map, window 256   CPU by 64
 *     as above                                   204     121               244         155
 *     futures fetched 8 tasks ahead              207     125
 *     their memory not under the pool's mutex    244     127
 *     the pool's mutex an adaptive one           275      71
 *     an idle worker no hindrance to a batch     172      60               240         100
 *     the batch for all workers (front.h)        175      71
 *     lingering before parking                   158      59                73          99
 *
 * What cost most was the mutex: who met it locked slept, and to be woken takes 2 to 25 us here.
 * Batches of each worker's own, which the others could steal from, were as fast, and wrong: tasks
 * began out of order, and one that waits for an earlier one could wait for ever. A lock-free queue
 * was not tried: prototypes of one were slower than the plain mutex here. Yielding before parking
 * made small windows of a map three times as fast on an idle machine, and cost a third more CPU
 * time for tasks without a consumer. Lingering that reacts at once instead of every 3 us is worse
 * than none (237 one by one): it takes tasks singly. Spinning before a consumer sleeps changed
 * nothing.
 */
#include "engine/executor/pool.h"

#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/executor/futex.h"
#include "engine/executor/nested.h"
#include "engine/executor/registry.h"

enum {
    SUBMIT_AT_ONCE = 64,
    N_LOOKS = 2,   /* of a worker that lingers */
    LOOK_NS = 3000 /* between them: enough for a handful of tasks to come together */
};

/* ---- the queue ---- */

void sheaf__pool_tell_of_room_locked(sheaf__pool *pool)
{
    if (pool->n_room_waiters > 0)
        pthread_cond_signal(&pool->room);
}

bool sheaf__pool_unlink_locked(sheaf__pool *pool, sheaf_future *future)
{
    bool was_there = sheaf__queue_remove(&pool->queue, future);
    if (was_there)
        sheaf__pool_tell_of_room_locked(pool);
    return was_there;
}

static sheaf_future *pop_any_locked(sheaf__pool *pool)
{
    sheaf_future *oldest = sheaf__queue_pop(&pool->queue);
    if (oldest)
        sheaf__pool_tell_of_room_locked(pool);
    return oldest;
}

/* ---- taking ---- */

/* The oldest task of the front that is still to be run, claimed. */
static sheaf_future *take_front(sheaf__pool *pool, sheaf_future_state to)
{
    for (sheaf_future *oldest; (oldest = sheaf__front_pop(&pool->front)) != NULL;) {
        if (sheaf__future_claim(oldest, to))
            return oldest;
        sheaf_future_release(oldest); /* cancelled, or run by somebody who waited for it */
    }
    return NULL;
}

/*
 * The oldest task of all; NULL when none waits. For each that needs not be run any more, the mutex
 * is let go for a moment: the last reference may be the queue's, and then user code drops a result.
 */
static sheaf_future *take_locked(sheaf__pool *pool, sheaf_future_state to)
{
    for (;;) {
        sheaf_future *oldest = sheaf__front_pop(&pool->front);
        if (!oldest)
            oldest = pop_any_locked(pool);
        if (!oldest || sheaf__future_claim(oldest, to))
            return oldest;
        pthread_mutex_unlock(&pool->owner.mutex);
        sheaf_future_release(oldest);
        pthread_mutex_lock(&pool->owner.mutex);
    }
}

/*
 * Every worker exists: what waits may as well wait at the front. Not in a pool with a limit, where
 * every task in the queue counts.
 */
static void fill_front_locked(sheaf__pool *pool)
{
    if (pool->n_alive == pool->max_workers && pool->options.queue_limit == 0 && pool->queue.n > 0 &&
        sheaf__front_count(&pool->front) == 0)
        sheaf__front_fill(&pool->front, &pool->queue);
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
    if (!worker || pool->waking || sheaf__pool_n_waiting_locked(pool) == 0)
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

/*
 * Before a worker sleeps it looks, for a moment, whether there is more: to sleep and to be woken
 * takes five times as long, or fifty. One worker at most does so; and not the one whose last result
 * has woken somebody, who may want this processor.
 */
static bool linger_locked(sheaf__pool *pool, sheaf_worker *worker)
{
    bool may = worker->may_linger && !pool->lingers;
    worker->may_linger = false;
    if (!may)
        return false;
    uint64_t before = atomic_load_explicit(&pool->n_submitted, memory_order_relaxed);
    pool->lingers = true;
    pthread_mutex_unlock(&pool->owner.mutex);
    int64_t start = sheaf__now_ns();
    for (int i = 1; i <= N_LOOKS; i++) {
        while (sheaf__now_ns() - start < i * LOOK_NS)
            sheaf__relax();
        if (atomic_load_explicit(&pool->n_submitted, memory_order_relaxed) != before)
            break;
    }
    pthread_mutex_lock(&pool->owner.mutex);
    pool->lingers = false;
    return true;
}

static void count_idle(sheaf_worker *worker, bool idle)
{
    if (worker->counted_idle == idle)
        return;
    worker->counted_idle = idle;
    atomic_fetch_add_explicit(&worker->pool->n_idle, idle ? 1 : -1, memory_order_relaxed);
}

/* There was nothing to do, or it had to be looked for. */
static void trace_idle(sheaf_trace_row *row, int64_t begun)
{
    sheaf_trace_add(row, begun,
                    &(sheaf_trace_event){.name = "idle",
                                         .first_byte = SHEAF_UNKNOWN,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = SHEAF_UNKNOWN});
}

sheaf_future *sheaf__pool_next(sheaf_worker *worker)
{
    sheaf__pool *pool = worker->pool;
    sheaf_future *future = worker->looked ? take_front(pool, SHEAF_FUTURE_RUNNING) : NULL;
    if (future) {
        count_idle(worker, false);
        return future;
    }
    int64_t begun = sheaf_trace_now(worker->trace_row);
    pthread_mutex_lock(&pool->owner.mutex);
    future = take_handed_locked(worker);
    worker->looked = true;
    bool was_handed = future != NULL;
    if (!future) {
        count_idle(worker, true);
        while (!(future = take_locked(pool, SHEAF_FUTURE_RUNNING)) && !pool->shut_down)
            if (!linger_locked(pool, worker))
                park_locked(pool, worker);
        count_idle(worker, false);
        fill_front_locked(pool);
    }
    if (future)
        atomic_store_explicit(&worker->state, SHEAF_WORKER_BUSY, memory_order_relaxed);
    sheaf_worker *next = choose_wake_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
    wake(next);
    if (worker->trace_row && !was_handed)
        trace_idle(worker->trace_row, begun);
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
    for (sheaf_future *each; (each = take_locked(pool, to)) != NULL;) {
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
    if (pool->n_alive == pool->max_workers ||
        sheaf__pool_n_waiting_locked(pool) <= (uint64_t)n_idle)
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

/* Into the queue with them; how many got there is added to *n_queued. */
static sheaf_status enqueue_locked(sheaf__pool *pool, sheaf_future **made, size_t n,
                                   size_t *n_queued, sheaf_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (!sheaf__queue_reserve(&pool->queue))
            return sheaf__error_memory(err, "the queue");
        sheaf__queue_push(&pool->queue, made[i]);
        int failure = spawn_locked(pool);
        if (failure && pool->n_alive == 0) {
            sheaf__pool_unlink_locked(pool, made[i]);
            return sheaf__error_system(err, failure, "no worker could be started", NULL);
        } /* with fewer workers than wanted, the work is done all the same */
        ++*n_queued;
    }
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

/*
 * One turn with the mutex, of n tasks; only of one where a task may have to wait for room or be run
 * here. The futures are made before it: a worker must not wait while their memory is looked for.
 */
static sheaf_status submit_turn(sheaf__pool *pool, const sheaf_task *tasks, size_t n,
                                sheaf_future **made, unsigned references, size_t *n_submitted,
                                sheaf_error *err)
{
    size_t n_made = sheaf__pool_take_futures(pool, made, n);
    size_t n_queued = 0;
    sheaf_future *to_run = NULL;
    for (size_t i = 0; i < n_made; i++)
        sheaf__future_init(made[i], &pool->owner, &tasks[i], references);
    pthread_mutex_lock(&pool->owner.mutex);
    who runs;
    sheaf_status status = n_made > 0 ? admit_locked(pool, &runs, err) : refuse_locked(pool, err);
    if (status == SHEAF_OK && n_made == 0) {
        status = sheaf__error_memory(err, "a future");
    } else if (status == SHEAF_OK && runs == A_WORKER) {
        status = enqueue_locked(pool, made, n_made, &n_queued, err);
        if (status < 0)
            sheaf__pool_tell_of_room_locked(pool); /* whoever waits behind this one */
    } else if (status == SHEAF_OK) {
        to_run = made[n_queued++];
        sheaf__future_claim(to_run, SHEAF_FUTURE_RUNNING);
        pool->n_guest_tasks += runs == A_GUEST;
    }
    atomic_fetch_add_explicit(&pool->n_submitted, n_queued, memory_order_relaxed);
    sheaf_worker *woken = choose_wake_locked(pool);
    sheaf_worker *self = to_run && runs == THIS_WORKER ? sheaf__pool_self(pool) : NULL;
    pthread_mutex_unlock(&pool->owner.mutex);
    wake(woken);
    for (size_t i = n_queued; i < n_made; i++) {
        sheaf__pool_give_future(pool, made[i]);
        made[i] = NULL;
    }
    *n_submitted += n_queued;
    if (to_run && self)
        sheaf__worker_run(self, to_run, false);
    else if (to_run)
        sheaf__guest_run(pool, to_run);
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
    bool one_by_one = pool->options.queue_limit > 0 || pool->max_workers == 0;
    size_t at_once = one_by_one ? 1 : SUBMIT_AT_ONCE;
    bool keeps = one_by_one && n > 1; /* a task that is run here may destroy the executor */
    sheaf_status status = check_tasks(pool, tasks, n, err);
    if (keeps)
        sheaf__owner_retain(&pool->owner, 1);
    for (size_t i; (i = *n_submitted) < n && status == SHEAF_OK;) {
        sheaf_future *unwanted[SUBMIT_AT_ONCE];
        status = submit_turn(pool, tasks + i, n - i < at_once ? n - i : at_once,
                             futures ? futures + i : unwanted, futures ? 2 : 1, n_submitted, err);
    }
    if (keeps)
        sheaf__owner_release(&pool->owner);
    return status;
}
