/*
 * The thread pool: its queue, its workers, and its end.
 *
 * Threads start on demand and by an exact rule: after a task was queued, one is started if more
 * tasks wait than workers are idle, and fewer than max_workers exist. A worker counts as idle from
 * the moment its result can be seen, so submit-then-wait in a loop uses one thread, and k tasks
 * that block use k. A thread that starts is handed the oldest task; so one task at least runs,
 * whatever a shutdown cancels.
 *
 * The mutex is plain and there is one: tasks of the engine take a millisecond, and the pool passes
 * a million empty ones in about a second. (The lock is held over pthread_create: a worker must not
 * be seen half made.)
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/system.h"
#include "engine/executor/pool.h"
#include "engine/executor/worker_heap.h"

enum {
    SCRATCH_CHUNK_BYTES =
        256 << 10, /* touched as it is used: what a task does not use costs no page */
    DEFAULT_WORKERS_MAX = 32,
    WORKERS_MAX = 4096
};

struct sheaf_executor {
    sheaf__pool *pool;
};

/* ---- lifetime of the pool ---- */

void sheaf__pool_retain(sheaf__pool *pool)
{
    atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
}

static void worker_destroy(sheaf_worker *worker)
{
    if (!worker)
        return;
    sheaf__heap_end(&worker->heap);
    free(worker->spare_error);
    free(worker);
}

void sheaf__pool_release(sheaf__pool *pool)
{
    if (!pool || atomic_fetch_sub_explicit(&pool->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < pool->n_workers; i++) {
        if (i >= pool->n_joined && !sheaf__pool_is_foreign(pool))
            pthread_detach(pool->workers[i]->thread);
        worker_destroy(pool->workers[i]);
    }
    free(pool->workers);
    pthread_cond_destroy(&pool->all_joined);
    pthread_cond_destroy(&pool->work_ready);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

bool sheaf__pool_is_foreign(const sheaf__pool *pool)
{
    return getpid() != pool->pid;
}

static int default_workers(void)
{
    int n = sheaf__processor_count() + 4;
    return n < DEFAULT_WORKERS_MAX ? n : DEFAULT_WORKERS_MAX;
}

static sheaf__pool *pool_create(const sheaf_executor_options *options)
{
    static atomic_uint counter;
    sheaf__pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    atomic_init(&pool->references, 1);
    pool->pid = getpid();
    pool->options = *options;
    pool->max_workers = options->max_workers > 0 ? options->max_workers : default_workers();
    if (options->thread_name_prefix)
        snprintf(pool->prefix, sizeof pool->prefix, "%s", options->thread_name_prefix);
    else
        snprintf(pool->prefix, sizeof pool->prefix, "sheaf-%u",
                 atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed));
    pool->options.thread_name_prefix = pool->prefix;
    pool->workers = calloc((size_t)pool->max_workers, sizeof(sheaf_worker *));
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->work_ready, NULL);
    pthread_cond_init(&pool->all_joined, NULL);
    if (!pool->workers) {
        sheaf__pool_release(pool);
        return NULL;
    }
    return pool;
}

sheaf_status sheaf_executor_create(const sheaf_executor_options *options, sheaf_executor **executor,
                                   sheaf_error *err)
{
    sheaf_executor_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_executor_options",
                                              err);
    if (status < 0)
        return status;
    options = &own;
    if (own.max_workers < 0 || own.max_workers > WORKERS_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL, "max_workers is %d, not 1 to %d (0 chooses)",
                               own.max_workers, WORKERS_MAX);
    if (own.stack_bytes > 0 && own.stack_bytes < (size_t)PTHREAD_STACK_MIN)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "stack_bytes is %zu, not %zu or more (0: the system's)",
                               own.stack_bytes, (size_t)PTHREAD_STACK_MIN);
    sheaf_executor *made = malloc(sizeof *made);
    sheaf__pool *pool = made ? pool_create(options) : NULL;
    if (!pool) {
        free(made);
        return sheaf__error_memory(err, "an executor");
    }
    made->pool = pool;
    *executor = made;
    return SHEAF_OK;
}

/* ---- the queue ---- */

static void append_locked(sheaf__pool *pool, sheaf_future *future)
{
    future->before = pool->tail;
    future->after = NULL;
    if (pool->tail)
        pool->tail->after = future;
    else
        pool->head = future;
    pool->tail = future;
    future->queued = true;
    pool->stats.queued++;
}

void sheaf__pool_unlink_locked(sheaf__pool *pool, sheaf_future *future)
{
    if (future->before)
        future->before->after = future->after;
    else
        pool->head = future->after;
    if (future->after)
        future->after->before = future->before;
    else
        pool->tail = future->before;
    future->before = future->after = NULL;
    future->queued = false;
    pool->stats.queued--;
}

static sheaf_future *pop_locked(sheaf__pool *pool)
{
    sheaf_future *oldest = pool->head;
    if (oldest)
        sheaf__pool_unlink_locked(pool, oldest);
    return oldest;
}

/*
 * Empty the queue: every task becomes final with the status its future was given. Returns them as a
 * list linked by `after`, for discard_all() without the mutex.
 */
static sheaf_future *abandon_queue_locked(sheaf__pool *pool)
{
    sheaf_future *list = NULL;
    sheaf_future **end = &list;
    for (sheaf_future *each; (each = pop_locked(pool)) != NULL; end = &each->after) {
        if (pool->broken)
            each->status = SHEAF_EBROKEN;
        sheaf__future_abandon_locked(each);
        *end = each;
    }
    return list;
}

static void discard_all(sheaf_future *list)
{
    while (list) {
        sheaf_future *next = list->after;
        list->after = NULL;
        sheaf__future_discard(list);
        list = next;
    }
}

/* ---- workers ---- */

sheaf_worker *sheaf__pool_self_locked(sheaf__pool *pool)
{
    pthread_t self = pthread_self();
    for (int i = 0; i < pool->n_workers; i++)
        if (!pool->workers[i]->gone && pthread_equal(pool->workers[i]->thread, self))
            return pool->workers[i];
    return NULL;
}

/* The kernel's names hold 15 bytes: cut the prefix, never the index. */
static void show_name(const sheaf_worker *worker)
{
    char index[12];
    char shown[16];
    int n_index = snprintf(index, sizeof index, "_%d", worker->index);
    size_t n_prefix = strnlen(worker->pool->prefix, (size_t)(15 - n_index));
    memcpy(shown, worker->pool->prefix, n_prefix);
    memcpy(shown + n_prefix, index, (size_t)n_index + 1);
    pthread_setname_np(pthread_self(), shown);
}

static sheaf_status run_initializer(sheaf_worker *worker, sheaf_error *err)
{
    sheaf__pool *pool = worker->pool;
    worker->scratch = sheaf__arena_create(&worker->heap, SCRATCH_CHUNK_BYTES);
    if (!worker->scratch)
        return sheaf__error_memory(err, "a worker's arena");
    if (!pool->options.initializer)
        return SHEAF_OK;
    sheaf_status status = pool->options.initializer(worker, pool->options.init_arg, err);
    sheaf__arena_reset(worker->scratch, 0);
    return status;
}

/* The initializer failed: nothing that waits will run, and nothing more is accepted. */
static void break_pool(sheaf_worker *worker, const sheaf_error *err)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->mutex);
    if (!pool->broken) {
        pool->broken = true;
        pool->broken_error = *err;
        pool->broken_error.status = SHEAF_EBROKEN;
    }
    sheaf_future *first = worker->handed;
    if (first) {
        first->status = SHEAF_EBROKEN;
        sheaf__future_abandon_locked(first);
    }
    sheaf_future *list = abandon_queue_locked(pool);
    pthread_cond_broadcast(&pool->work_ready);
    pthread_mutex_unlock(&pool->mutex);
    if (first)
        sheaf__future_discard(first);
    discard_all(list);
}

/*
 * The next task for this worker, RUNNING; NULL when it is to leave. The worker counts as idle when
 * this is called, unless it was handed a task.
 */
static sheaf_future *next_task(sheaf_worker *worker)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->mutex);
    sheaf_future *task = worker->handed;
    if (task) {
        worker->handed = NULL;
        task->handed_to = NULL;
    } else {
        while (!pool->head && !pool->shut_down) {
            sheaf__pool_cut_knot_locked(pool);
            pthread_cond_wait(&pool->work_ready, &pool->mutex);
        }
        task = pop_locked(pool);
        pool->n_idle--;
    }
    if (task) {
        pool->stats.running++;
        atomic_store_explicit(&task->state, SHEAF__RUNNING, memory_order_relaxed);
    }
    pthread_mutex_unlock(&pool->mutex);
    return task;
}

static void *worker_main(void *argument)
{
    sheaf_worker *worker = argument;
    sheaf__pool *pool = worker->pool;
    show_name(worker);
    sheaf__heap_init(&worker->heap);
    sheaf_error err;
    sheaf_error_clear(&err);
    if (run_initializer(worker, &err) < 0) {
        break_pool(worker, &err);
        pthread_mutex_lock(&pool->mutex);
        pool->n_idle--;
        pthread_mutex_unlock(&pool->mutex);
    } else {
        for (sheaf_future *task; (task = next_task(worker)) != NULL;)
            sheaf__future_run(task, worker, true);
    }
    if (pool->options.finalizer)
        pool->options.finalizer(worker, pool->options.init_arg);
    sheaf__arena_destroy(worker->scratch);
    worker->scratch = NULL;
    pthread_mutex_lock(&pool->mutex);
    pool->n_alive--;
    worker->gone = true;
    sheaf__pool_cut_knot_locked(pool);
    pthread_mutex_unlock(&pool->mutex);
    sheaf__pool_release(pool);
    return NULL;
}

/* Create the thread with every signal blocked: signals belong to the program's own threads. */
static int thread_create(sheaf_worker *worker)
{
    pthread_attr_t attributes;
    int failure = pthread_attr_init(&attributes);
    if (failure)
        return failure;
    if (worker->pool->options.stack_bytes > 0)
        failure = pthread_attr_setstacksize(&attributes, worker->pool->options.stack_bytes);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (!failure)
        failure = pthread_create(&worker->thread, &attributes, worker_main, worker);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failure;
}

/* Start one more worker and hand it the oldest task. Returns 0 or an errno. */
static int start_worker_locked(sheaf__pool *pool)
{
    sheaf_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return ENOMEM;
    worker->pool = pool;
    worker->index = pool->n_workers;
    snprintf(worker->name, sizeof worker->name, "%s_%d", pool->prefix, worker->index);
    worker->handed = pool->head;
    sheaf__pool_retain(pool);
    pool->workers[pool->n_workers] = worker;
    int failure = thread_create(worker);
    if (failure) {
        pool->workers[pool->n_workers] = NULL;
        sheaf__pool_release(pool);
        free(worker);
        return failure;
    }
    sheaf__pool_unlink_locked(pool, worker->handed);
    worker->handed->handed_to = worker;
    pool->n_workers++;
    pool->n_alive++;
    pool->stats.threads++;
    return 0;
}

/* ---- submit, shut down ---- */

static sheaf_status refuse_locked(const sheaf__pool *pool, sheaf_error *err)
{
    if (pool->broken) {
        sheaf__error_copy(err, &pool->broken_error);
        return SHEAF_EBROKEN;
    }
    if (pool->shut_down)
        return sheaf_error_set(err, SHEAF_ESHUTDOWN,
                               "the executor takes no tasks after its shutdown");
    return SHEAF_OK;
}

static sheaf_status enqueue_locked(sheaf__pool *pool, sheaf_future *future, sheaf_error *err)
{
    append_locked(pool, future);
    if (pool->stats.queued <= (uint64_t)pool->n_idle || pool->n_workers == pool->max_workers) {
        pthread_cond_signal(&pool->work_ready);
        return SHEAF_OK;
    }
    int failure = start_worker_locked(pool);
    if (failure && pool->n_alive == 0) {
        sheaf__pool_unlink_locked(pool, future);
        return sheaf__error_system(err, failure, "no worker could be started", NULL);
    }
    return SHEAF_OK; /* with fewer workers than wanted, the work is done all the same */
}

sheaf_status sheaf_executor_submit(sheaf_executor *executor, const sheaf_task *task,
                                   sheaf_future **future, sheaf_error *err)
{
    sheaf__pool *pool = executor->pool;
    if (!task || !task->run)
        return sheaf_error_set(err, SHEAF_EINVAL, "a task needs a function to run");
    if (sheaf__pool_is_foreign(pool))
        return sheaf_error_set(err, SHEAF_EFORKED, "the executor belongs to the parent process");
    sheaf_future *made;
    if (sheaf__future_create(pool, task, &made) < 0)
        return sheaf__error_memory(err, "a future");
    if (future)
        sheaf_future_retain(made); /* one for the caller, one for the executor */
    pthread_mutex_lock(&pool->mutex);
    sheaf_status status = refuse_locked(pool, err);
    if (status == SHEAF_OK)
        status = enqueue_locked(pool, made, err);
    if (status == SHEAF_OK)
        pool->stats.submitted++;
    pthread_mutex_unlock(&pool->mutex);
    if (status < 0) {
        if (future)
            sheaf_future_release(made);
        sheaf_future_release(made);
        return status;
    }
    if (future)
        *future = made;
    return SHEAF_OK;
}

/*
 * Join all workers; no new ones appear once the pool is shut down. One caller joins, the others
 * wait for it.
 */
static void join_all(sheaf__pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->joining)
        pthread_cond_wait(&pool->all_joined, &pool->mutex);
    pool->joining = true;
    while (pool->n_joined < pool->n_workers) {
        pthread_t thread = pool->workers[pool->n_joined]->thread;
        pthread_mutex_unlock(&pool->mutex);
        pthread_join(thread, NULL);
        pthread_mutex_lock(&pool->mutex);
        pool->n_joined++;
    }
    pool->joining = false;
    pthread_cond_broadcast(&pool->all_joined);
    pthread_mutex_unlock(&pool->mutex);
}

sheaf_status sheaf_executor_shutdown(sheaf_executor *executor, bool wait, bool cancel_pending)
{
    sheaf__pool *pool = executor->pool;
    if (sheaf__pool_is_foreign(pool))
        return SHEAF_EFORKED;
    pthread_mutex_lock(&pool->mutex);
    pool->shut_down = true;
    sheaf_future *list = cancel_pending ? abandon_queue_locked(pool) : NULL;
    bool from_worker = sheaf__pool_self_locked(pool) != NULL;
    pthread_cond_broadcast(&pool->work_ready);
    pthread_mutex_unlock(&pool->mutex);
    discard_all(list);
    if (!wait)
        return SHEAF_OK;
    if (from_worker)
        return SHEAF_EDEADLK;
    join_all(pool);
    return SHEAF_OK;
}

void sheaf_executor_destroy(sheaf_executor *executor)
{
    if (!executor)
        return;
    sheaf_executor_shutdown(executor, true, false);
    sheaf__pool_release(executor->pool);
    free(executor);
}

sheaf_executor_stats sheaf_executor_stats_get(sheaf_executor *executor)
{
    sheaf__pool *pool = executor->pool;
    if (sheaf__pool_is_foreign(pool))
        return (sheaf_executor_stats){0};
    pthread_mutex_lock(&pool->mutex);
    sheaf_executor_stats stats = pool->stats;
    pthread_mutex_unlock(&pool->mutex);
    return stats;
}

int sheaf_processor_count(void)
{
    return sheaf__processor_count();
}

/* ---- what a task knows of its worker ---- */

int sheaf_worker_index(const sheaf_worker *worker)
{
    return worker->index;
}

const char *sheaf_worker_name(const sheaf_worker *worker)
{
    return worker->name;
}

sheaf_arena *sheaf_worker_scratch(sheaf_worker *worker)
{
    return worker->scratch;
}

void *sheaf_worker_local(const sheaf_worker *worker)
{
    return worker->local;
}

void sheaf_worker_set_local(sheaf_worker *worker, void *local)
{
    worker->local = local;
}

const sheaf__heap *sheaf__worker_heap(const sheaf_worker *worker)
{
    return &worker->heap;
}
