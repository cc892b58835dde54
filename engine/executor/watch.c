/*
 * Watching a pool: statistics, views of its workers, the log; and telling a task to stop.
 *
 * Counters are written by one worker each and added up here, so that counting costs a task nothing.
 */
#include <stdarg.h>
#include <stdio.h>

#include "engine/executor/pool.h"

static void add_counts(sheaf_executor_stats *stats, const sheaf_worker *each)
{
    sheaf_worker *worker = (sheaf_worker *)(uintptr_t)each;
    stats->finished += atomic_load_explicit(&worker->n_finished, memory_order_acquire);
    stats->failed += atomic_load_explicit(&worker->n_failed, memory_order_relaxed);
    stats->started += atomic_load_explicit(&worker->n_started, memory_order_relaxed);
}

sheaf_executor_stats sheaf__pool_stats(sheaf__pool *pool)
{
    sheaf_executor_stats stats = {0};
    pthread_mutex_lock(&pool->owner.mutex);
    stats.threads = pool->n_threads;
    stats.lost = pool->n_lost;
    stats.idle = (uint64_t)pool->n_parked;
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker)
            add_counts(&stats, worker);
    }
    for (const sheaf_worker *each = pool->lost; each; each = each->next_idle)
        add_counts(&stats, each);
    for (const sheaf_worker *each = atomic_load(&pool->guests); each; each = each->next_idle)
        add_counts(&stats, each);
    stats.cancelled = atomic_load_explicit(&pool->n_cancelled, memory_order_relaxed);
    stats.submitted = atomic_load_explicit(&pool->n_submitted, memory_order_relaxed);
    stats.running = stats.started - stats.finished;
    uint64_t begun = stats.started + stats.cancelled;
    stats.queued = stats.submitted > begun ? stats.submitted - begun : 0;
    pthread_mutex_unlock(&pool->owner.mutex);
    return stats;
}

static void view(const sheaf__pool *pool, const sheaf_worker *worker, sheaf_worker_view *to)
{
    sheaf_worker *looked_at = (sheaf_worker *)(uintptr_t)worker;
    *to = (sheaf_worker_view){
        .index = worker->index,
        .state = (sheaf_worker_state)atomic_load_explicit(&looked_at->state, memory_order_relaxed),
        .process_id = pool->ops->process_id ? pool->ops->process_id(worker) : 0,
        .finished = atomic_load_explicit(&looked_at->n_finished, memory_order_relaxed)};
    snprintf(to->name, sizeof to->name, "%s", worker->name);
}

size_t sheaf__pool_views(sheaf__pool *pool, sheaf_worker_view *views, size_t n_max)
{
    size_t n = 0;
    pthread_mutex_lock(&pool->owner.mutex);
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker && n++ < n_max)
            view(pool, worker, &views[n - 1]);
    }
    /* Guests: the newest is first in the list. */
    size_t n_all = n + (size_t)pool->n_guests;
    size_t at = n_all;
    for (const sheaf_worker *each = atomic_load(&pool->guests); each; each = each->next_idle)
        if (--at < n_max)
            view(pool, each, &views[at]);
    pthread_mutex_unlock(&pool->owner.mutex);
    return n_all;
}

void sheaf__pool_stop_running(sheaf__pool *pool, sheaf_future *future)
{
    pthread_mutex_lock(&pool->owner.mutex);
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker && atomic_load_explicit(&worker->running, memory_order_relaxed) == future)
            pool->ops->stop(worker);
    }
    pthread_mutex_unlock(&pool->owner.mutex);
}

void sheaf__pool_log(sheaf__pool *pool, const char *format, ...)
{
    if (!pool->options.log)
        return;
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    pool->options.log(pool->options.hooks_arg, message);
}
