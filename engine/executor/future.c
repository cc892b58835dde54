/* The state machine of futures, callbacks, waiting for one, and bare futures: see future.h. */
#include "engine/executor/future.h"

#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/executor/futex.h"
#include "engine/executor/nested.h"
#include "engine/executor/pool.h"

atomic_uint sheaf__generation;

/* ---- owners and references ---- */

void sheaf__owner_init(sheaf__owner *owner, sheaf__pool *pool)
{
    atomic_init(&owner->references, 1);
    SHEAF__ATOMIC(owner->references);
    owner->generation = atomic_load_explicit(&sheaf__generation, memory_order_relaxed);
    owner->pool = pool;
    /* Held for less time than it takes to sleep and to be woken: it is worth looking twice. */
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    pthread_mutex_init(&owner->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void sheaf__owner_release(sheaf__owner *owner)
{
    SHEAF__HAPPENS_BEFORE(&owner->references);
    if (atomic_fetch_sub_explicit(&owner->references, 1, memory_order_acq_rel) != 1)
        return;
    SHEAF__HAPPENS_AFTER(&owner->references);
    owner->end(owner);
}

void sheaf__future_init(sheaf_future *future, sheaf__owner *owner, const sheaf_task *task,
                        unsigned references)
{
    *future = (sheaf_future){.owner = owner, .task = *task};
    atomic_init(&future->references, references);
    SHEAF__ATOMIC(future->word);
    SHEAF__ATOMIC(future->references);
    SHEAF__ATOMIC(future->taken);
    SHEAF__ATOMIC(future->completing);
    SHEAF__ATOMIC(future->stop_requested);
}

sheaf_future *sheaf_future_retain(sheaf_future *future)
{
    atomic_fetch_add_explicit(&future->references, 1, memory_order_relaxed);
    return future;
}

/* Callbacks that never ran because the future never was done. */
static void drop_watches(sheaf__watch *watch)
{
    while (watch) {
        sheaf__watch *next = watch->next;
        if (watch->drop_context)
            watch->drop_context(watch->context);
        free(watch);
        watch = next;
    }
}

void sheaf_future_release(sheaf_future *future)
{
    if (!future)
        return;
    SHEAF__HAPPENS_BEFORE(&future->references);
    /* Who holds the only one need not tell anybody: no locked subtraction. */
    if (atomic_load_explicit(&future->references, memory_order_acquire) != 1 &&
        atomic_fetch_sub_explicit(&future->references, 1, memory_order_acq_rel) != 1)
        return;
    SHEAF__HAPPENS_AFTER(&future->references);
    if (future->result && !atomic_load_explicit(&future->taken, memory_order_relaxed) &&
        future->task.drop_result)
        future->task.drop_result(future->result);
    drop_watches(future->watches);
    free(future->error);
    future->owner->recycle(future->owner, future);
}

/* ---- becoming done ---- */

bool sheaf__future_claim(sheaf_future *future, sheaf_future_state to)
{
    unsigned word = atomic_load_explicit(&future->word, memory_order_relaxed);
    while ((word & SHEAF__STATE) == SHEAF_FUTURE_PENDING)
        if (atomic_compare_exchange_weak_explicit(&future->word, &word, word | (unsigned)to,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return true;
    return false;
}

/*
 * Tell the waiters, which stay in the list if the state is not final yet, and take the callbacks
 * out, oldest first.
 */
static sheaf__watch *notify_watches(sheaf_future *future, bool final)
{
    sheaf__watch *callbacks = NULL;
    sheaf__watch *oldest_first = NULL;
    pthread_mutex_lock(&future->owner->mutex);
    for (sheaf__watch *watch = future->watches, *next; watch; watch = next) {
        next = watch->next;
        watch->next = oldest_first;
        oldest_first = watch;
    }
    future->watches = NULL;
    sheaf__watch **last_callback = &callbacks;
    for (sheaf__watch *watch = oldest_first, *next; watch; watch = next) {
        next = watch->next;
        watch->next = NULL;
        if (!watch->notify) {
            *last_callback = watch;
            last_callback = &watch->next;
        } else if (final) {
            watch->notify(watch, future);
        } else {
            watch->next = future->watches;
            future->watches = watch;
        }
    }
    pthread_mutex_unlock(&future->owner->mutex);
    return callbacks;
}

/*
 * Run the callbacks, oldest first. The one that runs stays in the list, without its function, until
 * it is over: if it ends its thread, whoever comes behind it finds the others here.
 */
void sheaf__future_run_callbacks(sheaf_future *future)
{
    for (sheaf__watch *watch; (watch = future->callbacks) != NULL;) {
        sheaf_callback_fn callback = watch->callback;
        watch->callback = NULL;
        if (callback)
            callback(future, watch->context);
        future->callbacks = watch->next;
        if (watch->drop_context)
            watch->drop_context(watch->context);
        free(watch);
    }
}

/*
 * A thread that is no worker: should a callback end it, the others are run on its way out, as a
 * worker's are (worker.c says why by thread-specific data). The futures whose callbacks it runs
 * are linked by `after`, innermost first.
 */
static pthread_key_t telling_key;
static bool telling_key_is_there;

static void finish_telling(void *innermost)
{
    for (sheaf_future *future = innermost; future;) {
        pthread_setspecific(telling_key, future); /* once more, should it end again */
        sheaf__future_run_callbacks(future);
        sheaf_future *outer = future->after;
        future->after = NULL;
        pthread_setspecific(telling_key, outer);
        future = outer;
    }
}

static void make_telling_key(void)
{
    telling_key_is_there = pthread_key_create(&telling_key, finish_telling) == 0;
    SHEAF__HAPPENS_BEFORE(&telling_key);
}

static void run_callbacks_outside(sheaf_future *future)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_telling_key);
    SHEAF__HAPPENS_AFTER(&telling_key);
    if (telling_key_is_there) {
        future->after = pthread_getspecific(telling_key);
        pthread_setspecific(telling_key, future);
    }
    sheaf__future_run_callbacks(future);
    if (telling_key_is_there) {
        pthread_setspecific(telling_key, future->after);
        future->after = NULL;
    }
}

void sheaf__future_tell(sheaf_future *future, unsigned flags, bool final, bool by_worker)
{
    if (!(flags & (SHEAF__WATCHED | SHEAF__SLEEPER)))
        return;
    sheaf__watch *callbacks = flags & SHEAF__WATCHED ? notify_watches(future, final) : NULL;
    if (flags & SHEAF__SLEEPER)
        sheaf__futex_wake(&future->word, INT32_MAX);
    if (!callbacks)
        return;
    future->callbacks = callbacks;
    if (by_worker)
        sheaf__future_run_callbacks(future);
    else
        run_callbacks_outside(future);
}

void sheaf__future_publish(sheaf_future *future, sheaf_future_state to)
{
    sheaf__future_tell(future, sheaf__future_exchange(future, to), true, false);
}

/* ---- watching ---- */

static bool add_watch(sheaf_future *future, sheaf__watch *watch,
                      bool (*too_late)(sheaf_future_state state))
{
    pthread_mutex_lock(&future->owner->mutex);
    unsigned flags = watch->notify ? SHEAF__WATCHED : SHEAF__WATCHED | SHEAF__CALLBACK;
    unsigned word = atomic_fetch_or_explicit(&future->word, flags, memory_order_acq_rel);
    bool added = !too_late((sheaf_future_state)(word & SHEAF__STATE));
    if (added) {
        watch->next = future->watches;
        future->watches = watch;
    }
    pthread_mutex_unlock(&future->owner->mutex);
    return added;
}

bool sheaf__future_watch(sheaf_future *future, sheaf__watch *watch)
{
    return add_watch(future, watch, sheaf__state_is_final);
}

void sheaf__future_unwatch(sheaf_future *future, sheaf__watch *watch)
{
    pthread_mutex_lock(&future->owner->mutex);
    sheaf__watch **link = &future->watches;
    while (*link && *link != watch)
        link = &(*link)->next;
    if (*link)
        *link = watch->next;
    pthread_mutex_unlock(&future->owner->mutex);
}

sheaf_status sheaf_future_add_done_callback(sheaf_future *future, sheaf_callback_fn callback,
                                            void *context, sheaf_drop_fn drop_context)
{
    if (!callback)
        return SHEAF_EINVAL;
    sheaf__watch *watch = malloc(sizeof *watch);
    if (!watch)
        return SHEAF_ENOMEM;
    *watch = (sheaf__watch){
        .callback = callback, .context = context, .drop_context = drop_context};
    bool waits = !sheaf_future_done(future);
    if (waits && sheaf__owner_is_foreign(future->owner)) {
        free(watch); /* its mutex may be locked for ever, and nobody completes it */
        return SHEAF_EFORKED;
    }
    if (waits && add_watch(future, watch, sheaf__state_is_done))
        return SHEAF_OK;
    /* In this thread, now; others may be running those that were added before. */
    free(watch);
    sheaf_future_retain(future);
    callback(future, context);
    if (drop_context)
        drop_context(context);
    sheaf_future_release(future);
    return SHEAF_OK;
}

/* ---- looking ---- */

sheaf_future_state sheaf_future_get_state(const sheaf_future *future)
{
    return sheaf__state_of(future);
}

bool sheaf_future_done(const sheaf_future *future)
{
    return sheaf__state_is_done(sheaf__state_of(future));
}

bool sheaf_future_running(const sheaf_future *future)
{
    return sheaf__state_of(future) == SHEAF_FUTURE_RUNNING;
}

bool sheaf_future_cancelled(const sheaf_future *future)
{
    sheaf_future_state state = sheaf__state_of(future);
    return state == SHEAF_FUTURE_CANCELLED || state == SHEAF_FUTURE_NOTIFIED;
}

void sheaf_future_request_stop(sheaf_future *future)
{
    atomic_store_explicit(&future->stop_requested, true, memory_order_relaxed);
    sheaf__pool *pool = future->owner->pool;
    if (pool && pool->ops->stop && !sheaf__owner_is_foreign(future->owner))
        sheaf__pool_stop_running(pool, future);
}

sheaf_status sheaf_future_cancel(sheaf_future *future)
{
    sheaf_future_state before = sheaf__state_of(future);
    sheaf__pool *pool = future->owner->pool;
    if (before != SHEAF_FUTURE_PENDING || sheaf__owner_is_foreign(future->owner))
        return sheaf_future_cancelled(future) ? SHEAF_OK : SHEAF_ESTATE;
    if (!sheaf__future_claim(future, pool ? SHEAF_FUTURE_NOTIFIED : SHEAF_FUTURE_CANCELLED))
        return sheaf_future_cancelled(future) ? SHEAF_OK : SHEAF_ESTATE;
    sheaf_future_retain(future);
    if (pool) {
        sheaf__pool_forget(pool, future);
        sheaf__future_drop_argument(future);
        sheaf__future_publish(future, SHEAF_FUTURE_NOTIFIED);
    } else { /* the flags stay: who is to run it may make it NOTIFIED at any moment */
        unsigned word = atomic_load_explicit(&future->word, memory_order_acquire);
        sheaf__future_tell(future, word,
                           sheaf__state_is_final((sheaf_future_state)(word & SHEAF__STATE)), false);
    }
    sheaf_future_release(future);
    return SHEAF_OK;
}

/* ---- waiting for one ---- */

/* Sleep until the future is done or the deadline is over. What counts in the end is the state. */
static bool sleep_until_done(sheaf_future *future, int64_t deadline_ns)
{
    unsigned word = atomic_load_explicit(&future->word, memory_order_acquire);
    bool in_time = true;
    while (!sheaf__state_is_done((sheaf_future_state)(word & SHEAF__STATE)) && in_time) {
        if ((word & SHEAF__SLEEPER) ||
            atomic_compare_exchange_weak_explicit(&future->word, &word, word | SHEAF__SLEEPER,
                                                  memory_order_acq_rel, memory_order_acquire))
            in_time = sheaf__futex_wait(&future->word, word | SHEAF__SLEEPER, deadline_ns);
        word = atomic_load_explicit(&future->word, memory_order_acquire);
    }
    return sheaf__state_is_done((sheaf_future_state)(word & SHEAF__STATE));
}

sheaf_status sheaf__error_forked(sheaf_error *err)
{
    return sheaf_error_set(err, SHEAF_EFORKED,
                           "this belongs to the parent process, whose threads are not in this one");
}

static sheaf_status wait_until_done(sheaf_future *future, int64_t timeout_ms, sheaf_error *err)
{
    if (sheaf_future_done(future))
        return SHEAF_OK;
    if (sheaf__owner_is_foreign(future->owner))
        return sheaf__error_forked(err);
    sheaf__pool *pool = future->owner->pool;
    sheaf_worker *self = pool && timeout_ms < 0 ? sheaf__pool_self(pool) : NULL;
    if (self)
        return sheaf__nested_result(self, future, err);
    if (timeout_ms == 0 || !sleep_until_done(future, sheaf__deadline_ns(timeout_ms)))
        return sheaf_error_set(err, SHEAF_ETIMEDOUT, "the task was not done in %lld ms",
                               (long long)timeout_ms);
    return SHEAF_OK;
}

/* How a future that is done ended. */
static sheaf_status outcome(const sheaf_future *future, sheaf_error *err)
{
    if (sheaf_future_cancelled(future))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "the task was cancelled");
    if (future->status < 0 && future->error)
        sheaf__error_copy(err, future->error);
    else if (future->status == SHEAF_EBROKEN)
        sheaf__error_copy(err, sheaf__pool_why_broken(future->owner->pool));
    else if (future->status < 0)
        sheaf_error_set(err, future->status, "%s", sheaf_status_text(future->status));
    return future->status;
}

sheaf_status sheaf_future_result(sheaf_future *future, int64_t timeout_ms, void **result,
                                 sheaf_error *err)
{
    sheaf_status status = wait_until_done(future, timeout_ms, err);
    if (status < 0)
        return status;
    status = outcome(future, err);
    if (status == SHEAF_OK && atomic_load_explicit(&future->taken, memory_order_relaxed))
        return sheaf_error_set(err, SHEAF_ESTATE, "the result was taken before");
    if (result && status != SHEAF_ECANCELLED)
        *result = future->result;
    return status;
}

sheaf_status sheaf_future_take(sheaf_future *future, int64_t timeout_ms, void **result,
                               sheaf_error *err)
{
    sheaf_status status = wait_until_done(future, timeout_ms, err);
    if (status == SHEAF_OK)
        status = outcome(future, err);
    if (status < 0)
        return status;
    if (atomic_exchange_explicit(&future->taken, true, memory_order_relaxed))
        return sheaf_error_set(err, SHEAF_ESTATE, "the result was taken before");
    if (result)
        *result = future->result;
    return SHEAF_OK;
}

void *sheaf__future_take_result(sheaf_future *future)
{
    bool taken = atomic_exchange_explicit(&future->taken, true, memory_order_relaxed);
    return taken ? NULL : future->result;
}

sheaf_status sheaf_future_error(sheaf_future *future, int64_t timeout_ms, sheaf_error *of_task)
{
    sheaf_status status = wait_until_done(future, timeout_ms, of_task);
    if (status < 0)
        return status;
    if (sheaf_future_cancelled(future))
        return outcome(future, of_task);
    sheaf_error_clear(of_task);
    outcome(future, of_task);
    return SHEAF_OK;
}

/* ---- bare futures ---- */

typedef struct bare_future {
    sheaf__owner owner; /* with one reference, the future's */
    sheaf_future future;
} bare_future;

static void recycle_bare(sheaf__owner *owner, sheaf_future *future)
{
    (void)future; /* ends with its owner */
    sheaf__owner_release(owner);
}

static void end_bare(sheaf__owner *owner)
{
    if (!sheaf__owner_is_foreign(owner))
        pthread_mutex_destroy(&owner->mutex);
    free(owner);
}

sheaf_status sheaf_future_create(sheaf_drop_fn drop_result, sheaf_future **future,
                                 sheaf_error *err)
{
    bare_future *made = aligned_alloc(_Alignof(bare_future), sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "a future");
    made->owner = (sheaf__owner){.recycle = recycle_bare, .end = end_bare};
    sheaf__owner_init(&made->owner, NULL);
    sheaf_task task = {.drop_result = drop_result};
    sheaf__future_init(&made->future, &made->owner, &task, 1);
    *future = &made->future;
    return SHEAF_OK;
}

sheaf_status sheaf_future_set_running_or_notify_cancel(sheaf_future *future)
{
    if (future->owner->pool)
        return SHEAF_ESTATE;
    if (sheaf__future_claim(future, SHEAF_FUTURE_RUNNING))
        return SHEAF_OK;
    /* Only one may tell that it is cancelled; who comes later finds it NOTIFIED. */
    if (sheaf__state_of(future) != SHEAF_FUTURE_CANCELLED ||
        atomic_exchange_explicit(&future->completing, true, memory_order_relaxed))
        return SHEAF_ESTATE;
    sheaf__future_publish(future, SHEAF_FUTURE_NOTIFIED);
    return SHEAF_ECANCELLED;
}

/*
 * From PENDING or RUNNING on, only the one who gets here first may finish it. A cancel that comes
 * between claim and publish finds it RUNNING.
 */
static bool begin_completing(sheaf_future *future)
{
    if (future->owner->pool)
        return false;
    if (!sheaf__future_claim(future, SHEAF_FUTURE_RUNNING) &&
        sheaf__state_of(future) != SHEAF_FUTURE_RUNNING)
        return false;
    return !atomic_exchange_explicit(&future->completing, true, memory_order_relaxed);
}

/* The callbacks may release the caller's reference. */
static void complete(sheaf_future *future)
{
    sheaf_future_retain(future);
    sheaf__future_publish(future, SHEAF_FUTURE_FINISHED);
    sheaf_future_release(future);
}

sheaf_status sheaf_future_set_result(sheaf_future *future, void *result)
{
    if (!begin_completing(future))
        return SHEAF_ESTATE;
    future->result = result;
    complete(future);
    return SHEAF_OK;
}

sheaf_status sheaf_future_set_error(sheaf_future *future, const sheaf_error *error)
{
    if (!error || error->status >= 0)
        return SHEAF_EINVAL;
    sheaf_error *copy = malloc(sizeof *copy);
    if (!copy)
        return SHEAF_ENOMEM;
    if (!begin_completing(future)) {
        free(copy);
        return SHEAF_ESTATE;
    }
    *copy = *error;
    future->error = copy;
    future->status = error->status;
    complete(future);
    return SHEAF_OK;
}
