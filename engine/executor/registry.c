/*
 * What happens to pools when the process exits or forks: see registry.h.
 *
 * At exit each pool that lives is dealt with as its options say, so that no task is cut off in the
 * middle by accident. In a child of fork() they are dead: the generation that futures and pools
 * carry is not the process's any more, and every call says so or does nothing. Nothing of them is
 * freed there: their mutexes may be held for ever.
 */
#include "engine/executor/registry.h"

#include <errno.h>
#include <stdlib.h>

static struct {
    pthread_once_t once;
    pthread_mutex_t mutex; /* guards what is below; a pool's mutex is never taken inside */
    sheaf__pool *first;
    int failure; /* const once the handlers are installed */
    atomic_bool exiting;
} registry = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};

bool sheaf__process_exits(void)
{
    return atomic_load_explicit(&registry.exiting, memory_order_relaxed);
}

/* Take a reference, unless the pool is just being ended by who gave back the last one. */
static bool try_retain(sheaf__owner *owner)
{
    unsigned n = atomic_load_explicit(&owner->references, memory_order_relaxed);
    while (n > 0)
        if (atomic_compare_exchange_weak_explicit(&owner->references, &n, n + 1,
                                                  memory_order_acq_rel, memory_order_relaxed))
            return true;
    return false;
}

/* A pool that lives and was not dealt with, with a reference. */
static sheaf__pool *take_registered(void)
{
    pthread_mutex_lock(&registry.mutex);
    sheaf__pool *pool = registry.first;
    while (pool && (pool->exit_done || !try_retain(&pool->owner)))
        pool = pool->next_registered;
    if (pool)
        pool->exit_done = true;
    pthread_mutex_unlock(&registry.mutex);
    return pool;
}

static void at_exit(void)
{
    atomic_store(&registry.exiting, true);
    for (sheaf__pool *pool; (pool = take_registered()) != NULL;) {
        sheaf__pool_exit(pool);
        sheaf__owner_release(&pool->owner);
    }
}

static void before_fork(void)
{
    pthread_mutex_lock(&registry.mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&registry.mutex);
}

static void after_fork_in_child(void)
{
    registry.first = NULL;
    atomic_store(&registry.exiting, false); /* its own exit is still to come */
    pthread_mutex_init(&registry.mutex, NULL);
    atomic_fetch_add_explicit(&sheaf__generation, 1, memory_order_relaxed);
}

static void install_handlers(void)
{
    registry.failure = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (!registry.failure && atexit(at_exit) != 0)
        registry.failure = ENOMEM;
}

int sheaf__registry_add(sheaf__pool *pool)
{
    pthread_once(&registry.once, install_handlers);
    if (registry.failure)
        return registry.failure;
    pthread_mutex_lock(&registry.mutex);
    pool->registered = true;
    pool->next_registered = registry.first;
    if (registry.first)
        registry.first->before_registered = pool;
    registry.first = pool;
    pthread_mutex_unlock(&registry.mutex);
    return 0;
}

void sheaf__registry_remove(sheaf__pool *pool)
{
    if (!pool->registered || sheaf__owner_is_foreign(&pool->owner))
        return;
    pthread_mutex_lock(&registry.mutex);
    if (pool->next_registered)
        pool->next_registered->before_registered = pool->before_registered;
    if (pool->before_registered)
        pool->before_registered->next_registered = pool->next_registered;
    else
        registry.first = pool->next_registered;
    pthread_mutex_unlock(&registry.mutex);
}
