/*
 * Futures of a thread pool: running, waiting, cancelling, and who drops what.
 *
 * Completion allocates nothing and cannot fail: a worker owns a spare error block before it runs a
 * task, and a thread that waits brings its own waiter record. A waiter is signalled under the
 * mutex, because it lives on the stack of a thread that may leave as soon as it sees the state.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/executor/pool.h"

enum {
    SCRATCH_KEEP_BYTES = 4 << 20, /* what a task may use again and again without asking for pages */
    DEPTH_MAX = 200               /* tasks inside tasks on one stack, which has 8 MiB by default */
};

static int state_of(const sheaf_future *future)
{
    return atomic_load_explicit(&future->state, memory_order_acquire);
}

static bool is_final(int state)
{
    return state == SHEAF__CANCELLED || state == SHEAF__FINISHED;
}

sheaf_status sheaf__future_create(sheaf__pool *pool, const sheaf_task *task, sheaf_future **future)
{
    sheaf_future *made = calloc(1, sizeof *made);
    if (!made)
        return SHEAF_ENOMEM;
    atomic_init(&made->references, 1);
    atomic_init(&made->state, SHEAF__PENDING);
    made->pool = pool;
    made->task = *task;
    sheaf__pool_retain(pool);
    *future = made;
    return SHEAF_OK;
}

sheaf_future *sheaf_future_retain(sheaf_future *future)
{
    atomic_fetch_add_explicit(&future->references, 1, memory_order_relaxed);
    return future;
}

void sheaf_future_release(sheaf_future *future)
{
    if (!future || atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    if (future->result && !atomic_load(&future->taken) && future->task.drop_result)
        future->task.drop_result(future->result);
    sheaf__pool_release(future->pool);
    free(future->error);
    free(future);
}

bool sheaf_future_done(const sheaf_future *future)
{
    return is_final(state_of(future));
}

/* ---- becoming final ---- */

static void unblock_locked(sheaf__pool *pool, sheaf__waiter *waiter)
{
    if (!waiter->blocked)
        return;
    sheaf__waiter **link = &pool->blocked;
    while (*link != waiter)
        link = &(*link)->blocked_before;
    *link = waiter->blocked_before;
    waiter->blocked = false;
    pool->n_blocked--;
}

void sheaf__pool_cut_knot_locked(sheaf__pool *pool)
{
    sheaf__waiter *last = pool->blocked;
    if (!last || pool->n_blocked < pool->n_alive - pool->n_idle || (pool->head && pool->n_idle > 0))
        return;
    unblock_locked(pool, last);
    last->in_knot = true;
    pthread_cond_signal(&last->done);
}

static void publish_locked(sheaf_future *future, sheaf__future_state state)
{
    atomic_store_explicit(&future->state, (int)state, memory_order_release);
    for (sheaf__waiter *each = future->waiters; each; each = each->next) {
        unblock_locked(future->pool, each); /* from here on, though it may still sleep */
        pthread_cond_signal(&each->done);
    }
    future->waiters = NULL;
}

static void drop_argument(const sheaf_task *task)
{
    if (task->drop_arg)
        task->drop_arg(task->arg);
}

/*
 * The worker's spare error block, or a new one: taken out, because the task may run others inside.
 */
static sheaf_error *take_error(sheaf_worker *worker)
{
    sheaf_error *err = worker->spare_error;
    worker->spare_error = NULL;
    if (!err)
        err = malloc(sizeof *err);
    sheaf_error_clear(err);
    return err;
}

static void give_error(sheaf_worker *worker, sheaf_error *err)
{
    if (worker->spare_error)
        free(err);
    else
        worker->spare_error = err;
}

/* Run the task's body; its argument is dropped before the result can be seen. */
static void run_body(sheaf_future *future, sheaf_worker *worker)
{
    sheaf_error *err = take_error(worker);
    if (!err) {
        future->status = SHEAF_ENOMEM;
        drop_argument(&future->task);
        return;
    }
    worker->depth++;
    sheaf_status status = future->task.run(worker, future->task.arg, &future->result, err);
    worker->depth--;
    if (worker->depth == 0)
        sheaf__arena_reset(worker->scratch, SCRATCH_KEEP_BYTES);
    drop_argument(&future->task);
    future->status = status < 0 ? status : SHEAF_OK;
    if (status < 0) {
        err->status = status;
        future->error = err;
    } else {
        give_error(worker, err);
    }
}

void sheaf__future_run(sheaf_future *future, sheaf_worker *worker, bool then_idle)
{
    sheaf__pool *pool = future->pool;
    run_body(future, worker);
    pthread_mutex_lock(&pool->mutex);
    pool->stats.running--;
    pool->stats.finished++;
    if (future->status < 0)
        pool->stats.failed++;
    if (then_idle)
        pool->n_idle++;
    publish_locked(future, SHEAF__FINISHED);
    pthread_mutex_unlock(&pool->mutex);
    sheaf_future_release(future);
}

void sheaf__future_abandon_locked(sheaf_future *future)
{
    sheaf__pool *pool = future->pool;
    pool->stats.cancelled++;
    if (future->handed_to) {
        future->handed_to->handed = NULL;
        future->handed_to = NULL;
        pool->n_idle++; /* the worker will look at the queue instead */
    }
    if (future->status < 0)
        publish_locked(future, SHEAF__FINISHED);
    else
        publish_locked(future, SHEAF__CANCELLED);
}

void sheaf__future_discard(sheaf_future *future)
{
    drop_argument(&future->task);
    sheaf_future_release(future);
}

sheaf_status sheaf_future_cancel(sheaf_future *future)
{
    sheaf__pool *pool = future->pool;
    if (sheaf__pool_is_foreign(pool))
        return state_of(future) == SHEAF__CANCELLED ? SHEAF_OK : SHEAF_ESTATE;
    pthread_mutex_lock(&pool->mutex);
    int state = state_of(future);
    if (state == SHEAF__PENDING) {
        if (future->queued)
            sheaf__pool_unlink_locked(pool, future);
        sheaf__future_abandon_locked(future);
    }
    pthread_mutex_unlock(&pool->mutex);
    if (state == SHEAF__PENDING)
        sheaf__future_discard(future);
    return state == SHEAF__PENDING || state == SHEAF__CANCELLED ? SHEAF_OK : SHEAF_ESTATE;
}

/* ---- waiting ---- */

static struct timespec deadline_of(int64_t timeout_ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += (time_t)(timeout_ms / 1000);
    at.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_nsec -= 1000000000;
        at.tv_sec++;
    }
    return at;
}

static void forget_waiter_locked(sheaf_future *future, const sheaf__waiter *waiter)
{
    sheaf__waiter **link = &future->waiters;
    while (*link && *link != waiter)
        link = &(*link)->next;
    if (*link)
        *link = waiter->next;
}

/* Sleep until the future is final or the time is over. A worker of the pool may `block`. */
static sheaf_status sleep_locked(sheaf_future *future, int64_t timeout_ms, bool block)
{
    sheaf__pool *pool = future->pool;
    sheaf__waiter waiter = {.next = future->waiters, .blocked = block};
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&waiter.done, &attributes);
    pthread_condattr_destroy(&attributes);
    future->waiters = &waiter;
    if (block) {
        waiter.blocked_before = pool->blocked;
        pool->blocked = &waiter;
        pool->n_blocked++;
        sheaf__pool_cut_knot_locked(pool);
    }
    struct timespec deadline = timeout_ms >= 0 ? deadline_of(timeout_ms) : (struct timespec){0};
    int woken = 0;
    while (!is_final(state_of(future)) && woken != ETIMEDOUT && !waiter.in_knot) {
        if (timeout_ms >= 0)
            woken = pthread_cond_timedwait(&waiter.done, &pool->mutex, &deadline);
        else
            pthread_cond_wait(&waiter.done, &pool->mutex);
    }
    forget_waiter_locked(future, &waiter);
    pthread_cond_destroy(&waiter.done);
    if (is_final(state_of(future)))
        return SHEAF_OK;
    return waiter.in_knot ? SHEAF_EDEADLK : SHEAF_ETIMEDOUT;
}

/*
 * A worker waits, without a timeout, for a future of its own pool. A task that nobody has begun is
 * run here, so that trees of tasks cannot deadlock; when all workers wait like this, nothing could
 * ever run again.
 */
static sheaf_status wait_as_worker_locked(sheaf_future *future, sheaf_worker *self)
{
    sheaf__pool *pool = future->pool;
    if (state_of(future) == SHEAF__PENDING && future->queued) {
        if (self->depth >= DEPTH_MAX)
            return SHEAF_EDEADLK;
        sheaf__pool_unlink_locked(pool, future);
        pool->stats.running++;
        atomic_store_explicit(&future->state, SHEAF__RUNNING, memory_order_relaxed);
        pthread_mutex_unlock(&pool->mutex);
        sheaf__future_run(future, self, false);
        pthread_mutex_lock(&pool->mutex);
        return SHEAF_OK;
    }
    return sleep_locked(future, -1, true);
}

static sheaf_status wait_until_final(sheaf_future *future, int64_t timeout_ms, sheaf_error *err)
{
    if (is_final(state_of(future)))
        return SHEAF_OK;
    sheaf__pool *pool = future->pool;
    if (sheaf__pool_is_foreign(pool))
        return sheaf_error_set(err, SHEAF_EFORKED,
                               "the task runs in the parent process, not in this one");
    pthread_mutex_lock(&pool->mutex);
    sheaf_worker *self = sheaf__pool_self_locked(pool);
    sheaf_status status = SHEAF_OK;
    if (!is_final(state_of(future)))
        status = self && timeout_ms < 0 ? wait_as_worker_locked(future, self)
                                        : sleep_locked(future, timeout_ms, false);
    pthread_mutex_unlock(&pool->mutex);
    if (status == SHEAF_ETIMEDOUT)
        return sheaf_error_set(err, status, "the task was not done in %lld ms",
                               (long long)timeout_ms);
    if (status == SHEAF_EDEADLK)
        return sheaf_error_set(err, status,
                               "every worker of the pool waits for a task of the pool, or tasks "
                               "wait inside each other more than %d deep",
                               DEPTH_MAX);
    return status;
}

static sheaf_status final_status(const sheaf_future *future, sheaf_error *err)
{
    if (state_of(future) == SHEAF__CANCELLED)
        return sheaf_error_set(err, SHEAF_ECANCELLED, "the task was cancelled");
    if (future->status < 0 && future->error)
        sheaf__error_copy(err, future->error);
    else if (future->status == SHEAF_EBROKEN)
        sheaf__error_copy(err, &future->pool->broken_error); /* const once the pool is broken */
    else if (future->status < 0)
        sheaf_error_set(err, future->status, "%s", sheaf_status_text(future->status));
    return future->status;
}

/* Wait, and look at the result or move it out. */
static sheaf_status retrieve(sheaf_future *future, int64_t timeout_ms, bool take, void **result,
                             sheaf_error *err)
{
    sheaf_status status = wait_until_final(future, timeout_ms, err);
    if (status == SHEAF_OK)
        status = final_status(future, err);
    if (status < 0)
        return status;
    /*
     * Of a final future nothing is guarded by the mutex: in a child of fork() that may be held for
     * ever.
     */
    bool was_taken = take ? atomic_exchange(&future->taken, true) : atomic_load(&future->taken);
    if (was_taken)
        return sheaf_error_set(err, SHEAF_ESTATE, "the result was taken before");
    if (result)
        *result = future->result;
    return SHEAF_OK;
}

sheaf_status sheaf_future_result(sheaf_future *future, int64_t timeout_ms, void **result,
                                 sheaf_error *err)
{
    return retrieve(future, timeout_ms, false, result, err);
}

sheaf_status sheaf_future_take(sheaf_future *future, int64_t timeout_ms, void **result,
                               sheaf_error *err)
{
    return retrieve(future, timeout_ms, true, result, err);
}
