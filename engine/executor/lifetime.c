/*
 * The life of a pool: made, its workers started, shut down, its workers joined, freed.
 *
 * A pool is referred to by its handle, by each of its threads and by each of its futures, and is
 * freed with the last of them. A thread is joined by whoever waits for a shutdown; one that nobody
 * waits for is detached when the pool is freed.
 *
 * The mutex is held over pthread_create: a worker must not be seen half made.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/executor/nested.h"
#include "engine/executor/pool.h"
#include "engine/executor/process/process.h"
#include "engine/executor/registry.h"

enum { DEFAULT_WORKERS_MAX = 32, WORKERS_MAX = 4096 };

/* ---- the end ---- */

static void free_worker(sheaf_worker *worker, bool foreign)
{
    if (!worker)
        return;
    if (!foreign && worker->thread && !worker->joined)
        pthread_detach(worker->thread);
    sheaf__arena_destroy(worker->scratch); /* of one whose finalizer has ended its thread */
    sheaf__heap_end(&worker->heap);
    free(worker->spare_error);
    free(worker);
}

static void free_workers(sheaf_worker *list, bool foreign)
{
    while (list) {
        sheaf_worker *next = list->next_idle;
        free_worker(list, foreign);
        list = next;
    }
}

static void end_pool(sheaf__owner *owner)
{
    sheaf__pool *pool = owner->pool;
    bool foreign = sheaf__owner_is_foreign(owner);
    sheaf__registry_remove(pool);
    for (int i = 0; pool->workers && i < pool->max_workers; i++)
        free_worker(pool->workers[i], foreign);
    free_workers(pool->lost, foreign);
    free_workers(pool->guests, foreign);
    sheaf__pool_free_futures(pool);
    sheaf__queue_end(&pool->queue);
    free(pool->workers);
    free(pool->init_bytes);
    free(pool->command);
    if (!foreign) {
        pthread_cond_destroy(&pool->left);
        pthread_cond_destroy(&pool->room);
        pthread_mutex_destroy(&pool->supply);
        pthread_mutex_destroy(&owner->mutex);
    }
    free(pool);
}

/* ---- making ---- */

static sheaf_status check_options(const sheaf_executor_options *options, sheaf_error *err)
{
    bool threads = options->kind == SHEAF_EXECUTOR_THREADS;
    bool processes = options->kind == SHEAF_EXECUTOR_PROCESSES;
    const char *wrong = NULL;
    if (options->max_workers < 0 || options->max_workers > WORKERS_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL, "max_workers is %d, not 1 to %d (0 chooses)",
                               options->max_workers, WORKERS_MAX);
    if (options->stack_bytes > 0 && options->stack_bytes < (size_t)PTHREAD_STACK_MIN)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "stack_bytes is %zu, not %zu or more (0: the system's)",
                               options->stack_bytes, (size_t)PTHREAD_STACK_MIN);
    if (!threads && !processes && options->kind != SHEAF_EXECUTOR_SEQUENTIAL)
        wrong = "kind is none of the executor kinds";
    else if ((unsigned)options->queue_full > SHEAF_QUEUE_FULL_CALLER_RUNS)
        wrong = "queue_full is none of the policies";
    else if ((unsigned)options->at_exit > SHEAF_AT_EXIT_DETACH)
        wrong = "at_exit is none of the policies";
    else if ((unsigned)options->child_lost > SHEAF_CHILD_LOST_RESTART)
        wrong = "child_lost is none of the policies";
    else if (options->max_tasks_per_child < 0 || options->task_timeout_ms < 0)
        wrong = "max_tasks_per_child and task_timeout_ms are not negative (0: never)";
    else if (!processes && (options->worker_command || options->max_tasks_per_child > 0 ||
                            options->task_timeout_ms > 0))
        wrong = "worker_command, max_tasks_per_child and task_timeout_ms are for processes";
    else if (processes && (options->initializer || options->finalizer))
        wrong = "a process does not see this memory: use init_function and end_function";
    else if (processes && options->trace)
        wrong = "a process does not see this memory: its tasks cannot record in a trace";
    else if (processes && options->queue_full == SHEAF_QUEUE_FULL_CALLER_RUNS)
        wrong = "a call of a process pool cannot be run by the caller";
    else if (options->kind == SHEAF_EXECUTOR_SEQUENTIAL && options->queue_limit > 0)
        wrong = "the sequential executor has no queue";
    else if (options->worker_command && !options->worker_command[0])
        wrong = "worker_command is empty";
    else if (options->n_init_bytes > 0 && (!options->init_function || !options->init_bytes))
        wrong = "n_init_bytes needs init_function and init_bytes";
    return wrong ? sheaf_error_set(err, SHEAF_EINVAL, "%s", wrong) : SHEAF_OK;
}

static int default_workers(void)
{
    int n = sheaf__processor_count() + 4;
    return n < DEFAULT_WORKERS_MAX ? n : DEFAULT_WORKERS_MAX;
}

static void choose_prefix(sheaf__pool *pool)
{
    static atomic_uint counter;
    const char *wanted = pool->options.thread_name_prefix;
    if (wanted)
        snprintf(pool->prefix, sizeof pool->prefix, "%s", wanted);
    else
        snprintf(pool->prefix, sizeof pool->prefix, "sheaf-%u",
                 atomic_fetch_add_explicit(&counter, 1, memory_order_relaxed));
    pool->options.thread_name_prefix = pool->prefix;
}

static bool copy_init_bytes(sheaf__pool *pool)
{
    size_t n_bytes = pool->options.n_init_bytes;
    if (n_bytes == 0)
        return true;
    pool->init_bytes = malloc(n_bytes);
    if (pool->init_bytes)
        memcpy(pool->init_bytes, pool->options.init_bytes, n_bytes);
    pool->options.init_bytes = pool->init_bytes;
    return pool->init_bytes != NULL;
}

/* The pointers and, behind them, the texts, in one block. */
static bool copy_command(sheaf__pool *pool)
{
    const char *const *given = pool->options.worker_command;
    size_t n = 0;
    size_t n_bytes = 0;
    if (!given)
        return true;
    while (given[n])
        n_bytes += strlen(given[n++]) + 1;
    char **copy = malloc((n + 1) * sizeof *copy + n_bytes);
    if (!copy)
        return false;
    char *at = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t size = strlen(given[i]) + 1;
        copy[i] = memcpy(at, given[i], size);
        at += size;
    }
    copy[n] = NULL;
    pool->command = copy;
    pool->options.worker_command = (const char *const *)copy;
    return true;
}

sheaf_status sheaf__pool_create(const sheaf_executor_options *options, sheaf__pool **pool,
                                sheaf_error *err)
{
    sheaf_status status = check_options(options, err);
    if (status < 0)
        return status;
    sheaf__pool *made = aligned_alloc(_Alignof(sheaf__pool), sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "an executor");
    memset(made, 0, sizeof *made);
    bool sequential = options->kind == SHEAF_EXECUTOR_SEQUENTIAL;
    bool processes = options->kind == SHEAF_EXECUTOR_PROCESSES;
    made->owner = (sheaf__owner){.recycle = sheaf__pool_recycle, .end = end_pool};
    sheaf__owner_init(&made->owner, made);
    made->ops = processes ? &sheaf__process_ops : &sheaf__thread_ops;
    made->options = *options;
    made->max_workers = sequential                 ? 0
                        : options->max_workers > 0 ? options->max_workers
                                                   : default_workers();
    choose_prefix(made);
    pthread_mutex_init(&made->supply, NULL);
    pthread_cond_init(&made->room, NULL);
    pthread_cond_init(&made->left, NULL);
    made->workers = calloc((size_t)made->max_workers + 1, sizeof *made->workers);
    SHEAF__ATOMICS(made->workers, ((size_t)made->max_workers + 1) * sizeof *made->workers);
    SHEAF__ATOMIC(made->n_idle);
    SHEAF__ATOMIC(made->guests);
    SHEAF__ATOMIC(made->n_cancelled);
    SHEAF__ATOMIC(made->n_submitted);
    SHEAF__ATOMIC(made->returned);
    SHEAF__ATOMIC(made->front);
    if (!made->workers || !copy_init_bytes(made) || !copy_command(made) ||
        sheaf__registry_add(made) != 0) {
        sheaf__owner_release(&made->owner);
        return sheaf__error_memory(err, "an executor");
    }
    *pool = made;
    return SHEAF_OK;
}

/* ---- workers come and go ---- */

int sheaf__pool_start_worker_locked(sheaf__pool *pool)
{
    int slot = 0;
    while (atomic_load_explicit(&pool->workers[slot], memory_order_relaxed))
        slot++;
    sheaf_worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return ENOMEM;
    sheaf__worker_init(worker, pool, slot);
    if (sheaf__front_count(&pool->front) == 0) /* else it finds older ones there */
        worker->handed = sheaf__queue_pop(&pool->queue);
    sheaf__owner_retain(&pool->owner, 1);
    atomic_store_explicit(&pool->workers[slot], worker, memory_order_release);
    int failure = sheaf__worker_start(worker);
    if (failure) {
        /* self() may be looking at it without the mutex: it is freed with the pool. */
        atomic_store_explicit(&pool->workers[slot], NULL, memory_order_relaxed);
        worker->joined = true;
        worker->next_idle = pool->lost;
        pool->lost = worker;
        atomic_fetch_sub_explicit(&pool->owner.references, 1, memory_order_relaxed);
        if (worker->handed) /* its place is still free */
            sheaf__queue_push_front(&pool->queue, worker->handed);
        worker->handed = NULL;
        return failure;
    }
    if (worker->handed) {
        worker->handed->handed_to = worker;
        sheaf__pool_tell_of_room_locked(pool);
    } else {
        worker->counted_idle = true;
        atomic_fetch_add_explicit(&pool->n_idle, 1, memory_order_relaxed);
    }
    pool->n_alive++;
    pool->n_threads++;
    return 0;
}

/*
 * Its place is free for another one. If none can be started and none is left, what waits would
 * wait for ever. Returns 0 or an errno.
 */
static int replace_locked(sheaf__pool *pool, sheaf_worker *worker)
{
    pool->n_lost++;
    atomic_store_explicit(&pool->workers[worker->index], NULL, memory_order_relaxed);
    worker->next_idle = pool->lost;
    pool->lost = worker;
    if (sheaf__pool_n_waiting_locked(pool) == 0 || pool->broken)
        return 0;
    int failure = sheaf__pool_start_worker_locked(pool);
    return pool->n_alive > 0 ? 0 : failure;
}

void sheaf__pool_leave(sheaf_worker *worker, bool lost)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->owner.mutex);
    if (worker->counted_idle) {
        worker->counted_idle = false;
        atomic_fetch_sub_explicit(&pool->n_idle, 1, memory_order_relaxed);
    }
    pool->n_alive--;
    worker->gone = true;
    atomic_store_explicit(&worker->self, 0, memory_order_relaxed);
    int failure = lost ? replace_locked(pool, worker) : 0;
    sheaf__nested_cut_knot_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
    if (failure) {
        sheaf_error err;
        sheaf__error_system(&err, failure, "no worker could take the place of a lost one", NULL);
        sheaf__pool_break(pool, &err, NULL);
    }
}

/* ---- shutting down ---- */

/* A worker that nobody has joined yet, but for the one that calls. */
static sheaf_worker *next_to_join_locked(sheaf__pool *pool)
{
    pthread_t self = pthread_self();
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker && !worker->joined && !pthread_equal(worker->thread, self))
            return worker;
    }
    sheaf_worker *lost = pool->lost;
    while (lost && (lost->joined || pthread_equal(lost->thread, self)))
        lost = lost->next_idle;
    return lost;
}

/*
 * Guests that are at work or have not ended. One that exits the process in the middle of its task
 * is not waited for, and keeps the others from ending.
 */
static bool guests_are_left_locked(sheaf__pool *pool)
{
    const sheaf_worker *self = sheaf__pool_self(pool);
    bool exits = self && self->index >= pool->max_workers;
    bool left = pool->n_guest_tasks > exits;
    const sheaf_worker *each = atomic_load_explicit(&pool->guests, memory_order_relaxed);
    for (; each && !left; each = each->next_idle)
        left = each != self && (each->in_use || (each->begun && !each->gone && !exits));
    return left;
}

/*
 * Join all, one caller at a time; the replacement of a lost worker may still appear meanwhile, so
 * each looks again until there is none.
 */
static void join_all(sheaf__pool *pool)
{
    pthread_mutex_lock(&pool->owner.mutex);
    while (pool->joining)
        pthread_cond_wait(&pool->left, &pool->owner.mutex);
    pool->joining = true;
    for (sheaf_worker *worker; (worker = next_to_join_locked(pool)) != NULL;) {
        pthread_mutex_unlock(&pool->owner.mutex);
        pthread_join(worker->thread, NULL);
        pthread_mutex_lock(&pool->owner.mutex);
        worker->joined = true;
    }
    pool->joining = false;
    pthread_cond_broadcast(&pool->left);
    while (guests_are_left_locked(pool))
        pthread_cond_wait(&pool->left, &pool->owner.mutex);
    pthread_mutex_unlock(&pool->owner.mutex);
}

/* Returns whether the caller is a worker of the pool. */
static bool stop_taking(sheaf__pool *pool, bool cancel_pending, bool by_exit)
{
    pthread_mutex_lock(&pool->owner.mutex);
    pool->shut_down_by_exit = by_exit && (pool->shut_down_by_exit || !pool->shut_down);
    pool->shut_down = true;
    sheaf_future *list = cancel_pending ? sheaf__pool_empty_locked(pool) : NULL;
    bool from_worker = sheaf__pool_self(pool) != NULL;
    sheaf__pool_wake_all_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
    sheaf__pool_abandon_all(list);
    sheaf__guests_end(pool);
    return from_worker;
}

sheaf_status sheaf__pool_shutdown(sheaf__pool *pool, bool wait, bool cancel_pending)
{
    if (sheaf__owner_is_foreign(&pool->owner))
        return SHEAF_EFORKED;
    bool from_worker = stop_taking(pool, cancel_pending, false);
    if (wait && from_worker)
        return SHEAF_EDEADLK;
    if (wait)
        join_all(pool);
    return SHEAF_OK;
}

/*
 * exit() inside a task: that task will never be done, and whoever waits for it, perhaps another
 * worker, would wait for ever.
 */
static void fail_own_tasks(sheaf__pool *pool)
{
    sheaf_worker *self = sheaf__pool_self(pool);
    if (self)
        sheaf__worker_fail_running(self, "the task ended the process");
}

void sheaf__pool_exit(sheaf__pool *pool)
{
    sheaf_at_exit policy = pool->options.at_exit;
    if (policy == SHEAF_AT_EXIT_DETACH || sheaf__owner_is_foreign(&pool->owner))
        return;
    stop_taking(pool, policy == SHEAF_AT_EXIT_CANCEL_PENDING, true);
    fail_own_tasks(pool);
    join_all(pool);
}
