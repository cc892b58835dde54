/*
 * What a proxy does with tasks, and with the loss of its child: see process.h.
 *
 * A call whose child is lost is never repeated: nobody knows how far it came. With BREAK the pool
 * ends there, as Python's does; with RESTART the call fails with EWORKER, and the next one finds a
 * new child. A call that was too slow is killed on purpose: that breaks nothing.
 */
#include "engine/executor/process/process.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/executor/futex.h"
#include "engine/executor/item_chunk.h"
#include "engine/executor/process/wire.h"

enum {
    LEAVE_PATIENCE_MS = 10000, /* for an end function; a child that is stopped never leaves */
    BROKEN_PATIENCE_MS = 1000
};

/* ---- the child, as the other threads of the pool see it ---- */

/* One that is stopped gets it only when it goes on. */
static void signal_locked(const sheaf__child *child, int signal_number)
{
    sheaf__child_signal_locked(child, signal_number);
    sheaf__child_signal_locked(child, SIGCONT);
}

/* Show a new child; if the pool was broken meanwhile, it is to end like the others. */
static void show_child(sheaf_worker *worker, sheaf__child *child)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->owner.mutex);
    worker->child = child;
    if (child && pool->broken)
        signal_locked(child, SIGTERM);
    pthread_mutex_unlock(&pool->owner.mutex);
}

/* Hide it, before it is reaped: from here on it is this proxy's alone. */
static sheaf__child *hide_child(sheaf_worker *worker)
{
    sheaf__child *child = worker->child;
    show_child(worker, NULL);
    return child;
}

static void signal_all_locked(sheaf__pool *pool, int signal_number)
{
    for (int i = 0; i < pool->max_workers; i++) {
        sheaf_worker *worker = atomic_load_explicit(&pool->workers[i], memory_order_relaxed);
        if (worker && worker->child)
            signal_locked(worker->child, signal_number);
    }
}

static void break_pool(sheaf__pool *pool, const sheaf_error *err, int signal_number)
{
    sheaf__pool_break(pool, err, NULL);
    pthread_mutex_lock(&pool->owner.mutex);
    signal_all_locked(pool, signal_number);
    pthread_mutex_unlock(&pool->owner.mutex);
}

void sheaf__process_kill_all(sheaf__pool *pool, int signal_number)
{
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_EBROKEN, "the worker processes were killed (signal %d)",
                    signal_number);
    pthread_mutex_lock(&pool->owner.mutex);
    sheaf_future *list = sheaf__pool_empty_locked(pool);
    pthread_mutex_unlock(&pool->owner.mutex);
    sheaf__pool_abandon_all(list);
    break_pool(pool, &err, signal_number);
    sheaf__pool_shutdown(pool, false, true);
}

static bool is_broken(sheaf__pool *pool)
{
    pthread_mutex_lock(&pool->owner.mutex);
    bool broken = pool->broken;
    pthread_mutex_unlock(&pool->owner.mutex);
    return broken;
}

static void count_lost(sheaf__pool *pool)
{
    pthread_mutex_lock(&pool->owner.mutex);
    pool->n_lost++;
    pthread_mutex_unlock(&pool->owner.mutex);
}

/* ---- beginning and ending ---- */

static sheaf_status start_child(sheaf_worker *worker, sheaf_error *err)
{
    sheaf__child *child = sheaf__child_spawn(worker, err);
    if (!child)
        return err->status;
    show_child(worker, child);
    return SHEAF_OK;
}

static void process_end(sheaf_worker *worker)
{
    sheaf__pool *pool = worker->pool;
    sheaf__child *child = hide_child(worker);
    if (child)
        sheaf__child_leave(child, is_broken(pool) ? BROKEN_PATIENCE_MS : LEAVE_PATIENCE_MS);
}

/* A child that is there, and can be called. One that has ended while it was idle is a loss too. */
static sheaf_status ensure_child(sheaf_worker *worker, sheaf_error *err)
{
    sheaf__pool *pool = worker->pool;
    sheaf__child *child = worker->child;
    int calls_max = pool->options.max_tasks_per_child;
    bool has_ended = child && sheaf__child_has_ended(child);
    /* By somebody else, between two calls; looked at last, because that may be why it has ended. */
    if (is_broken(pool)) {
        sheaf__error_copy(err, sheaf__pool_why_broken(pool));
        return SHEAF_EBROKEN;
    }
    if (has_ended) {
        char how[64];
        sheaf__child_reap(hide_child(worker), how, sizeof how);
        count_lost(pool);
        sheaf__pool_log(pool, "%s: its process %s while it was idle", worker->name, how);
        if (pool->options.child_lost == SHEAF_CHILD_LOST_BREAK) {
            sheaf_error_set(err, SHEAF_EBROKEN, "a worker process %s", how);
            break_pool(pool, err, SIGTERM);
            return SHEAF_EBROKEN;
        }
        child = NULL;
    }
    if (child && calls_max > 0 && child->n_calls >= (uint32_t)calls_max) {
        sheaf__child_leave(hide_child(worker), LEAVE_PATIENCE_MS);
        child = NULL;
    }
    if (child)
        return SHEAF_OK;
    sheaf_status status = start_child(worker, err);
    if (status < 0 && !is_broken(pool)) {
        break_pool(pool, err, SIGTERM);
        status = err->status = SHEAF_EBROKEN;
    }
    return status;
}

/* ---- calls ---- */

static sheaf_status add_call(sheaf_reply *payload, const sheaf_call *call)
{
    return sheaf__payload_add(payload, call->function->name, call->bytes, call->n_bytes);
}

/* From here on a request to stop reaches the call; one that came before is passed on. */
static uint32_t number_call(sheaf_worker *worker, sheaf__child *child)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->owner.mutex);
    uint32_t number = ++child->n_calls;
    const sheaf_future *future = atomic_load_explicit(&worker->running, memory_order_relaxed);
    if (atomic_load_explicit(&((sheaf_future *)(uintptr_t)future)->stop_requested,
                             memory_order_relaxed))
        atomic_store_explicit(child->stop_word, number, memory_order_relaxed);
    pthread_mutex_unlock(&pool->owner.mutex);
    return number;
}

static void process_stop(sheaf_worker *worker)
{
    const sheaf__child *child = worker->child;
    if (child)
        atomic_store_explicit(child->stop_word, child->n_calls, memory_order_relaxed);
}

/* The child did not answer: why, and what follows. */
static sheaf_status lose_child(sheaf_worker *worker, sheaf_status status, sheaf_error *err)
{
    sheaf__pool *pool = worker->pool;
    char how[64];
    bool broken = is_broken(pool);
    sheaf__child_reap(hide_child(worker), how, sizeof how);
    count_lost(pool);
    if (broken) { /* by somebody else: it was sent a signal */
        sheaf__error_copy(err, sheaf__pool_why_broken(pool));
        return SHEAF_EBROKEN;
    }
    if (status == SHEAF_ETIMEDOUT) {
        sheaf_error_set(err, SHEAF_EWORKER,
                        "the call ran longer than %lld ms, and was killed with its process",
                        (long long)pool->options.task_timeout_ms);
        return SHEAF_EWORKER;
    }
    if (status == SHEAF_ENOMEM) { /* of this process: what came could not be put anywhere */
        err->status = status;
        return status;
    }
    if (status == SHEAF_EINVAL)
        sheaf_error_set(err, SHEAF_EBROKEN, "a worker process answered what cannot be read");
    else
        sheaf_error_set(err, SHEAF_EWORKER, "its worker process %s", how);
    if (status != SHEAF_EINVAL && pool->options.child_lost == SHEAF_CHILD_LOST_RESTART) {
        sheaf__pool_log(pool, "%s: its process %s; another takes its place", worker->name, how);
        return SHEAF_EWORKER;
    }
    break_pool(pool, err, SIGTERM);
    err->status = SHEAF_EBROKEN;
    return SHEAF_EBROKEN;
}

/* So many results; and, if that is not all, a failure. */
static bool is_readable(const sheaf__message *reply, uint32_t n_calls)
{
    const void *bytes;
    size_t offset = 0;
    uint32_t n = 0;
    if (reply->type != SHEAF__REPLY || reply->n_items > n_calls ||
        (reply->status < 0) != (reply->n_items < n_calls))
        return false;
    while (n < reply->n_items && sheaf__payload_next(reply, &offset, &bytes))
        n++;
    return n == reply->n_items;
}

/* Send a payload of calls and receive the reply to it. */
static sheaf_status exchange(sheaf_worker *worker, const sheaf_reply *payload, uint32_t n_items,
                             sheaf__message *reply, sheaf_error *err)
{
    int64_t timeout_ms = worker->pool->options.task_timeout_ms;
    sheaf_status status = ensure_child(worker, err);
    if (status < 0)
        return status;
    sheaf__child *child = worker->child;
    sheaf__wire wire = {.socket = child->socket,
                        .process = child->pidfd,
                        .deadline_ns = sheaf__deadline_ns(timeout_ms > 0 ? timeout_ms : -1)};
    sheaf__message message = {.type = SHEAF__CALL,
                              .number = number_call(worker, child),
                              .n_items = n_items,
                              .descriptor = -1,
                              .bytes = payload->bytes,
                              .n_bytes = payload->n_bytes};
    status = sheaf__wire_send(&wire, &message);
    if (status == SHEAF_OK)
        status = sheaf__wire_receive(&wire, reply, err);
    if (status == SHEAF_ERESOURCE)
        return status; /* it was received, but for the memory that nobody could have */
    if (status == SHEAF_OK && !(reply->number == message.number && is_readable(reply, n_items))) {
        sheaf__message_end(reply);
        status = SHEAF_EINVAL;
    }
    return status == SHEAF_OK ? SHEAF_OK : lose_child(worker, status, err);
}

/* The failure at the end of a reply. */
static sheaf_status read_failure(const sheaf__message *reply, size_t *offset, sheaf_error *err)
{
    const void *bytes;
    const sheaf__item *item = sheaf__payload_next(reply, offset, &bytes);
    if (item && item->n_bytes == sizeof *err)
        memcpy(err, bytes, sizeof *err);
    else
        sheaf_error_set(err, reply->status, "%s", sheaf_status_text(reply->status));
    return reply->status;
}

/* ---- blocks ---- */

static void end_message(void *memory, size_t n_bytes)
{
    (void)n_bytes;
    sheaf__message_end(memory);
    free(memory);
}

static void end_copy(void *memory, size_t n_bytes)
{
    (void)n_bytes;
    free(memory);
}

/* A block that holds the whole message: nothing is copied. Takes the message over. */
static sheaf_block *keep_message(sheaf__message *reply, const void *bytes, size_t n_bytes)
{
    sheaf__message *kept = malloc(sizeof *kept);
    sheaf_block *block = kept ? sheaf__block_create(kept, n_bytes, end_message) : NULL;
    if (!block) {
        free(kept);
        return NULL;
    }
    *kept = *reply;
    *reply = (sheaf__message){.descriptor = -1};
    block->bytes = bytes;
    return block;
}

static sheaf_block *copy_block(const void *bytes, size_t n_bytes)
{
    void *copy = malloc(n_bytes + 1);
    sheaf_block *block = copy ? sheaf__block_create(copy, n_bytes, end_copy) : NULL;
    if (!block)
        free(copy);
    else if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    return block;
}

/* ---- tasks ---- */

static sheaf_status run_call(sheaf_worker *worker, const sheaf_call *call, void **result,
                             sheaf_error *err)
{
    sheaf__message reply;
    sheaf_reply payload = {0};
    const void *bytes;
    size_t offset = 0;
    sheaf_status status = add_call(&payload, call);
    if (status < 0)
        status = sheaf__error_memory(err, "a call");
    else
        status = exchange(worker, &payload, 1, &reply, err);
    free(payload.bytes);
    if (status < 0)
        return status;
    if (reply.n_items == 0)
        status = read_failure(&reply, &offset, err);
    const sheaf__item *item = sheaf__payload_next(&reply, &offset, &bytes);
    sheaf_block *block = item ? keep_message(&reply, bytes, item->n_bytes) : NULL;
    if (!block && status >= 0)
        status = sheaf__error_memory(err, "the reply of a call");
    *result = block;
    sheaf__message_end(&reply);
    return status;
}

static sheaf_status encode_chunk(const sheaf__item_chunk *chunk, sheaf_reply *payload)
{
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < chunk->n && status == SHEAF_OK; i++)
        status = add_call(payload, chunk->items[i]);
    return status;
}

/* Several items of a map in one message. */
static sheaf_status run_chunk(sheaf_worker *worker, sheaf__item_chunk *chunk, void **result,
                              sheaf_error *err)
{
    sheaf__message reply = {.descriptor = -1};
    sheaf_reply payload = {0};
    size_t offset = 0;
    sheaf_status status = encode_chunk(chunk, &payload);
    if (status < 0)
        status = sheaf__error_memory(err, "the calls of a map");
    else
        status = exchange(worker, &payload, (uint32_t)chunk->n, &reply, err);
    free(payload.bytes);
    for (uint32_t i = 0; status >= 0 && i < reply.n_items; i++) {
        const void *bytes;
        const sheaf__item *item = sheaf__payload_next(&reply, &offset, &bytes);
        sheaf_block *block = item ? copy_block(bytes, item->n_bytes) : NULL;
        if (block)
            sheaf__item_chunk_put(chunk, block);
        else
            status = sheaf__error_memory(err, "the reply of a call");
    }
    if (status >= 0 && reply.status < 0)
        status = read_failure(&reply, &offset, err);
    sheaf__message_end(&reply);
    *result = chunk;
    return sheaf__item_chunk_end(chunk, status, err);
}

static sheaf_status process_run(sheaf_worker *worker, const sheaf_task *task, void **result,
                                sheaf_error *err)
{
    if (task->run == sheaf_call_run)
        return run_call(worker, task->arg, result, err);
    return run_chunk(worker, task->arg, result, err);
}

static sheaf_status process_accept(const sheaf_task *task, sheaf_error *err)
{
    const sheaf__item_chunk *chunk = task->run == sheaf__item_chunk_run ? task->arg : NULL;
    if (task->run == sheaf_call_run || (chunk && chunk->options.run == sheaf_call_run))
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_EINVAL, "a process runs calls only, not any function of this one");
    sheaf_error_hint(err, "make the task by sheaf_call_task()");
    return SHEAF_EINVAL;
}

static int64_t process_id(const sheaf_worker *worker)
{
    const sheaf__child *child = worker->child;
    return child ? child->pid : 0;
}

const sheaf__worker_ops sheaf__process_ops = {.begin = start_child,
                                              .run = process_run,
                                              .end = process_end,
                                              .accept = process_accept,
                                              .stop = process_stop,
                                              .process_id = process_id};
