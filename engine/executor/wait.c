/*
 * Waiting for many futures: sheaf_wait and sheaf_as_completed.
 *
 * One waiter record per future is put into its watch list, and told under the mutex of the future's
 * owner when it is final; no two owners' mutexes are ever held. The waiter itself sleeps on one
 * word. What it waits for is counted down, from one more than there is, and the one is taken away
 * when all records are in place: so it cannot be woken too early.
 *
 * A worker that waits like this for tasks of its own pool runs those that nobody has begun itself,
 * and takes part in the search for knots (nested.h), if all that it waits for is its own pool's.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/executor/futex.h"
#include "engine/executor/nested.h"

typedef struct group group;

/* One future of a group. */
typedef struct member {
    sheaf__watch watch; /* first */
    group *group;
    sheaf_future *future;
    size_t index;              /* in the caller's array */
    bool watched;              /* its record was put into the list */
    bool was_final;            /* of as_completed: before it began */
    struct member *next_ready; /* likewise: guarded by the group's mutex */
} member;

struct group {
    atomic_uint word; /* 1: there is something to see */
    member *members;
    size_t n;
    sheaf__pool *common_pool; /* of all futures that were not final at first, or NULL; const */
    sheaf__blocked blocked;   /* guarded by its mutex; not in use without one */
    pthread_t looker;         /* who looked for itself, and whether it is a worker of some pool */
    bool looked;
    sheaf_worker *self;
    /* wait: */
    atomic_size_t missing;
    bool first_exception;
    /* as_completed: in the order of completion */
    pthread_mutex_t mutex;
    member *ready;
    member **ready_end;
};

static bool is_final(const sheaf_future *future)
{
    return sheaf__state_is_final(sheaf__state_of(future));
}

static void wake_group(group *g)
{
    if (g->common_pool) /* its mutex is held: the future that has come is its own */
        sheaf__nested_unblock_locked(g->common_pool, &g->blocked);
    SHEAF__HAPPENS_BEFORE(&g->word);
    atomic_store_explicit(&g->word, 1, memory_order_release);
    sheaf__futex_wake(&g->word, 1);
}

static sheaf__pool *common_pool(const group *g)
{
    sheaf__pool *pool = NULL;
    for (size_t i = 0; i < g->n; i++) {
        const sheaf_future *future = g->members[i].future;
        if (is_final(future))
            continue;
        if (!future->owner->pool || (pool && pool != future->owner->pool))
            return NULL;
        pool = future->owner->pool;
    }
    return pool;
}

/* The worker that waits: of the common pool, or of the first that knows it. */
static sheaf_worker *find_self(group *g)
{
    if (g->looked && pthread_equal(g->looker, pthread_self()))
        return g->self;
    g->self = g->common_pool ? sheaf__pool_self(g->common_pool) : NULL;
    for (size_t i = 0; i < g->n && !g->common_pool && !g->self; i++) {
        const sheaf_future *future = g->members[i].future; /* NULL: it was given */
        if (future && future->owner->pool)
            g->self = sheaf__pool_self(future->owner->pool);
    }
    g->looker = pthread_self();
    g->looked = true;
    return g->self;
}

/* Sleep until the word is set. Returns OK, ETIMEDOUT (without *err), EDEADLK. */
static sheaf_status sleep_group(group *g, int64_t deadline_ns, sheaf_error *err)
{
    if (g->common_pool && deadline_ns == SHEAF__FOREVER && find_self(g))
        return sheaf__nested_block(g->common_pool, &g->blocked, &g->word, err);
    bool in_time = true;
    while (atomic_load_explicit(&g->word, memory_order_acquire) == 0 && in_time)
        in_time = sheaf__futex_wait(&g->word, 0, deadline_ns);
    SHEAF__HAPPENS_AFTER(&g->word);
    return atomic_load_explicit(&g->word, memory_order_acquire) ? SHEAF_OK : SHEAF_ETIMEDOUT;
}

/* Run one task of the worker's own pool that nobody has begun. It is somebody who may. */
static bool help(group *g, size_t *from)
{
    sheaf_worker *self = find_self(g);
    for (; self && *from < g->n; ++*from) {
        sheaf_future *future = g->members[*from].future;
        if (future && future->owner->pool == self->pool && sheaf__nested_run(self, future))
            return true;
    }
    return false;
}

static void fill_members(group *g, sheaf_future *const *futures)
{
    for (size_t i = 0; i < g->n; i++)
        g->members[i] = (member){.group = g, .future = futures[i], .index = i};
}

/* Newest first, as they stand in the lists. */
static void unwatch_all(group *g)
{
    for (size_t i = g->n; i-- > 0;)
        if (g->members[i].watched && !sheaf__owner_is_foreign(g->members[i].future->owner))
            sheaf__future_unwatch(g->members[i].future, &g->members[i].watch);
}

static bool any_foreign(const group *g)
{
    bool foreign = false;
    for (size_t i = 0; i < g->n && !foreign; i++)
        foreign = sheaf__owner_is_foreign(g->members[i].future->owner) &&
                  !is_final(g->members[i].future);
    return foreign;
}

/* ---- wait ---- */

static bool is_exception(const sheaf_future *future)
{
    return sheaf__state_of(future) == SHEAF_FUTURE_FINISHED && future->status < 0;
}

/* So many have come, or what was waited for at once. */
static bool count_down(group *g, size_t n)
{
    size_t before = atomic_load_explicit(&g->missing, memory_order_relaxed);
    size_t after;
    do {
        after = before > n ? before - n : 0;
    } while (!atomic_compare_exchange_weak_explicit(&g->missing, &before, after,
                                                    memory_order_acq_rel, memory_order_relaxed));
    return before > 0 && after == 0;
}

static void notify_wait(sheaf__watch *watch, sheaf_future *future)
{
    group *g = ((member *)watch)->group;
    bool at_once = g->first_exception && is_exception(future);
    if (count_down(g, at_once ? SIZE_MAX : 1))
        wake_group(g);
}

static bool is_enough(const group *g, sheaf_return_when when, size_t n_final, bool exception)
{
    return n_final == g->n || (when == SHEAF_FIRST_COMPLETED && n_final > 0) ||
           (when == SHEAF_FIRST_EXCEPTION && exception);
}

/* Without waiting, which is all that can be done for the futures of a parent process. */
static bool holds_already(const group *g, sheaf_return_when when)
{
    size_t n_final = 0;
    bool exception = false;
    for (size_t i = 0; i < g->n; i++) {
        n_final += is_final(g->members[i].future);
        exception |= is_exception(g->members[i].future);
    }
    return is_enough(g, when, n_final, exception);
}

/* Put the records in place. Returns true when the condition holds already. */
static bool watch_all(group *g)
{
    bool at_once = false;
    size_t n_final = 0;
    for (size_t i = 0; i < g->n && !at_once; i++) {
        member *each = &g->members[i];
        each->watch.notify = notify_wait;
        each->watched = !is_final(each->future) && sheaf__future_watch(each->future, &each->watch);
        if (!each->watched) {
            n_final++;
            at_once = g->first_exception && is_exception(each->future);
        }
    }
    /* One more is the guard, which goes here. */
    return count_down(g, at_once ? SIZE_MAX : n_final + 1) ||
           atomic_load_explicit(&g->missing, memory_order_acquire) == 0;
}

static sheaf_status run_wait(group *g, int64_t deadline_ns, sheaf_error *err)
{
    g->common_pool = common_pool(g);
    if (watch_all(g))
        return SHEAF_OK;
    size_t from = 0;
    while (deadline_ns == SHEAF__FOREVER &&
           atomic_load_explicit(&g->missing, memory_order_acquire) > 0 && help(g, &from))
        ;
    return sleep_group(g, deadline_ns, err);
}

sheaf_status sheaf_wait(sheaf_future *const *futures, size_t n, int64_t timeout_ms,
                        sheaf_return_when when, bool *done, sheaf_error *err)
{
    if ((unsigned)when > SHEAF_FIRST_EXCEPTION || (n > 0 && !futures))
        return sheaf_error_set(err, SHEAF_EINVAL, "when is none of the conditions");
    if (n == 0)
        return SHEAF_OK;
    int64_t deadline_ns = sheaf__deadline_ns(timeout_ms);
    group g = {.n = n, .first_exception = when == SHEAF_FIRST_EXCEPTION};
    SHEAF__ATOMIC(g.word);
    SHEAF__ATOMIC(g.missing);
    atomic_init(&g.missing, (when == SHEAF_FIRST_COMPLETED ? 1 : n) + 1);
    g.members = calloc(n, sizeof *g.members);
    if (!g.members)
        return sheaf__error_memory(err, "waiting for many futures");
    fill_members(&g, futures);
    sheaf_status status = SHEAF_OK;
    if (any_foreign(&g))
        status = holds_already(&g, when) ? SHEAF_OK : sheaf__error_forked(err);
    else
        status = run_wait(&g, deadline_ns, err);
    unwatch_all(&g);
    size_t n_final = 0;
    bool exception = false;
    for (size_t i = 0; i < n; i++) {
        bool final = is_final(futures[i]);
        n_final += final;
        exception |= final && is_exception(futures[i]);
        if (done)
            done[i] = final;
    }
    free(g.members);
    if (status == SHEAF_ETIMEDOUT && is_enough(&g, when, n_final, exception))
        status = SHEAF_OK; /* at the very moment: what is returned is what is told of each */
    if (status == SHEAF_ETIMEDOUT)
        sheaf_error_set(err, status, "%zu (of %zu) futures unfinished", n - n_final, n);
    return status;
}

/* ---- as_completed ---- */

struct sheaf_as_completed {
    group group;
    size_t n_given;
    size_t next_to_help;
    int64_t deadline_ns;
    unsigned generation; /* of the process that opened it */
};

static void append_ready(group *g, member *each)
{
    each->next_ready = NULL;
    *g->ready_end = each;
    g->ready_end = &each->next_ready;
}

static void notify_completed(sheaf__watch *watch, sheaf_future *future)
{
    (void)future;
    member *each = (member *)watch;
    group *g = each->group;
    pthread_mutex_lock(&g->mutex);
    append_ready(g, each);
    pthread_mutex_unlock(&g->mutex);
    wake_group(g);
}

static member *pop_ready(group *g)
{
    pthread_mutex_lock(&g->mutex);
    member *each = g->ready;
    if (each) {
        g->ready = each->next_ready;
        if (!g->ready)
            g->ready_end = &g->ready;
    } else {
        atomic_store_explicit(&g->word, 0, memory_order_relaxed);
    }
    pthread_mutex_unlock(&g->mutex);
    return each;
}

static int by_future(const void *a, const void *b)
{
    const member *left = a;
    const member *right = b;
    if (left->future != right->future)
        return (uintptr_t)left->future < (uintptr_t)right->future ? -1 : 1;
    return left->index < right->index ? -1 : 1;
}

static int by_index(const void *a, const void *b)
{
    return ((const member *)a)->index < ((const member *)b)->index ? -1 : 1;
}

/* Of those that stand there several times the first remains. */
static void remove_duplicates(group *g)
{
    size_t n_kept = 0;
    qsort(g->members, g->n, sizeof *g->members, by_future);
    for (size_t i = 0; i < g->n; i++)
        if (i == 0 || g->members[i].future != g->members[n_kept - 1].future)
            g->members[n_kept++] = g->members[i];
    g->n = n_kept;
    qsort(g->members, g->n, sizeof *g->members, by_index);
}

/* Those that are final already come first, in the order of the array; the others as they come. */
static void begin_completing(group *g)
{
    for (size_t i = 0; i < g->n; i++) {
        member *each = &g->members[i];
        sheaf_future_retain(each->future);
        each->watch.notify = notify_completed;
        each->was_final = is_final(each->future);
        if (each->was_final)
            append_ready(g, each);
    }
    for (size_t i = 0; i < g->n; i++) {
        member *each = &g->members[i];
        if (each->was_final)
            continue;
        each->watched = sheaf__future_watch(each->future, &each->watch);
        if (!each->watched) { /* just now */
            pthread_mutex_lock(&g->mutex);
            append_ready(g, each);
            pthread_mutex_unlock(&g->mutex);
        }
    }
}

sheaf_status sheaf_as_completed_open(sheaf_future *const *futures, size_t n, int64_t timeout_ms,
                                     sheaf_as_completed **iterator, sheaf_error *err)
{
    if (n > 0 && !futures)
        return sheaf_error_set(err, SHEAF_EINVAL, "there are no futures");
    sheaf_as_completed *made = calloc(1, sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "waiting for many futures");
    group *g = &made->group;
    g->n = n;
    g->members = calloc(n + 1, sizeof *g->members);
    if (!g->members) {
        free(made);
        return sheaf__error_memory(err, "waiting for many futures");
    }
    fill_members(g, futures);
    remove_duplicates(g);
    SHEAF__ATOMIC(g->word);
    made->deadline_ns = sheaf__deadline_ns(timeout_ms);
    made->generation = atomic_load_explicit(&sheaf__generation, memory_order_relaxed);
    pthread_mutex_init(&g->mutex, NULL);
    g->ready_end = &g->ready;
    if (any_foreign(g)) {
        g->n = 0;
        sheaf_as_completed_close(made);
        return sheaf__error_forked(err);
    }
    g->common_pool = common_pool(g);
    begin_completing(g);
    *iterator = made;
    return SHEAF_OK;
}

/* The iterator's reference goes to the caller, and nobody tells the iterator of it any more. */
static void give(sheaf_as_completed *iterator, member *each, sheaf_future **future, size_t *index)
{
    if (each->watched)
        sheaf__future_unwatch(each->future, &each->watch);
    each->watched = false;
    iterator->n_given++;
    *future = each->future;
    each->future = NULL;
    if (index)
        *index = each->index;
}

sheaf_status sheaf_as_completed_next(sheaf_as_completed *iterator, sheaf_future **future,
                                     size_t *index, sheaf_error *err)
{
    group *g = &iterator->group;
    int64_t deadline_ns = iterator->deadline_ns;
    if (iterator->generation != atomic_load_explicit(&sheaf__generation, memory_order_relaxed))
        return sheaf__error_forked(err);
    while (iterator->n_given < g->n) {
        member *each = pop_ready(g);
        if (each) {
            give(iterator, each, future, index);
            return SHEAF_OK;
        }
        if (deadline_ns == SHEAF__FOREVER && help(g, &iterator->next_to_help))
            continue;
        sheaf_status status = sleep_group(g, deadline_ns, err);
        if (status == SHEAF_ETIMEDOUT)
            return sheaf_error_set(err, status, "%zu (of %zu) futures unfinished",
                                   g->n - iterator->n_given, g->n);
        if (status < 0 && (each = pop_ready(g)) != NULL) {
            give(iterator, each, future, index); /* at the very moment */
            return SHEAF_OK;
        }
        if (status < 0)
            return status;
    }
    return SHEAF_END;
}

void sheaf_as_completed_close(sheaf_as_completed *iterator)
{
    if (!iterator)
        return;
    group *g = &iterator->group;
    unwatch_all(g);
    for (size_t i = 0; i < g->n; i++)
        sheaf_future_release(g->members[i].future);
    pthread_mutex_destroy(&g->mutex);
    free(g->members);
    free(iterator);
}

size_t sheaf_as_completed_pending(const sheaf_as_completed *iterator)
{
    return iterator->group.n - iterator->n_given;
}

size_t sheaf_as_completed_total(const sheaf_as_completed *iterator)
{
    return iterator->group.n;
}
