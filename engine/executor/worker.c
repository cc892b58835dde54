/*
 * One worker: its thread, its hooks, and running a task.
 *
 * Completion allocates nothing and cannot fail: a worker owns a spare error block before it runs a
 * task. A task, a callback or a hook that ends its thread (pthread_exit) does not take the pool
 * with it: on its way out the thread fails what it was running with EWORKER, and the pool starts
 * another in its place.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/executor/call.h"
#include "engine/executor/pool.h"
#include "engine/executor/worker_heap.h"

enum {
    SCRATCH_CHUNK_BYTES = 256 << 10, /* touched as it is used: what is not used costs no page */
    SCRATCH_KEEP_BYTES = 4 << 20,    /* what a task may use again without asking for pages */
    KERNEL_NAME_BYTES = 15
};

void sheaf__worker_init(sheaf_worker *worker, sheaf__pool *pool, int index)
{
    worker->pool = pool;
    worker->index = index;
    snprintf(worker->name, sizeof worker->name, "%s_%d", pool->prefix, index);
    SHEAF__ATOMIC(worker->self);
    SHEAF__ATOMIC(worker->state);
    SHEAF__ATOMIC(worker->wake);
    SHEAF__ATOMIC(worker->running);
    SHEAF__ATOMIC(worker->n_started);
    SHEAF__ATOMIC(worker->n_finished);
    SHEAF__ATOMIC(worker->n_failed);
}

/* ---- tasks ---- */

/* One writer: no need for a locked addition. */
static void count_one(atomic_ullong *counter)
{
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
                          memory_order_release);
}

/* The spare error block, or a new one: taken out, because the task may run others inside. */
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

static sheaf_future *running(const sheaf_worker *worker)
{
    return atomic_load_explicit(&((sheaf_worker *)(uintptr_t)worker)->running,
                                memory_order_relaxed);
}

static void set_running(sheaf_worker *worker, sheaf_future *future)
{
    atomic_store_explicit(&worker->running, future, memory_order_relaxed);
}

/*
 * The task's body. Its argument is dropped before its result can be seen. The error block is the
 * future's while the body runs: who ends the thread inside finds it there.
 */
static void run_body(sheaf_worker *worker, sheaf_future *future)
{
    sheaf_error *err = take_error(worker);
    if (!err) {
        future->status = SHEAF_ENOMEM;
        sheaf__future_drop_argument(future);
        return;
    }
    future->error = err;
    worker->depth++;
    sheaf_status status = worker->pool->ops->run(worker, &future->task, &future->result, err);
    worker->depth--;
    if (worker->depth == 0)
        sheaf__arena_reset(worker->scratch, SCRATCH_KEEP_BYTES);
    sheaf__future_drop_argument(future);
    if (status < 0) {
        future->status = status;
        err->status = status;
    } else {
        future->error = NULL;
        give_error(worker, err);
    }
}

void sheaf__worker_run(sheaf_worker *worker, sheaf_future *future, bool resting)
{
    count_one(&worker->n_started);
    sheaf_future *outer = running(worker);
    if (outer)
        future->after = outer;
    set_running(worker, future);
    run_body(worker, future);
    if (future->status < 0)
        count_one(&worker->n_failed);
    count_one(&worker->n_finished);
    /* With callbacks the worker is not idle before they have run. */
    bool callbacks = atomic_load_explicit(&future->word, memory_order_relaxed) & SHEAF__CALLBACK;
    if (resting && !callbacks && sheaf__front_count(&worker->pool->front) == 0) {
        worker->counted_idle = true;
        atomic_fetch_add_explicit(&worker->pool->n_idle, 1, memory_order_relaxed);
    }
    unsigned flags = sheaf__future_exchange(future, SHEAF_FUTURE_FINISHED);
    if (worker->counted_idle && (flags & SHEAF__CALLBACK))
        sheaf__pool_not_idle(worker); /* one was added just now */
    /* To drop its result is work, too. */
    if (worker->counted_idle && future->task.drop_result &&
        atomic_load_explicit(&future->references, memory_order_relaxed) == 1)
        sheaf__pool_not_idle(worker);
    worker->may_linger = !(flags & (SHEAF__SLEEPER | SHEAF__WATCHED));
    sheaf__future_tell(future, flags, true, true);
    set_running(worker, outer);
    sheaf_future_release(future);
}

void sheaf__worker_fail_running(sheaf_worker *worker, const char *why)
{
    for (sheaf_future *future; (future = running(worker)) != NULL;) {
        /* It stays the running one until it is told of: a callback may end the thread again. */
        if (sheaf__state_of(future) == SHEAF_FUTURE_RUNNING) {
            future->status = SHEAF_EWORKER;
            if (future->error)
                sheaf_error_set(future->error, SHEAF_EWORKER, "%s", why);
            sheaf__future_drop_argument(future);
            count_one(&worker->n_failed);
            count_one(&worker->n_finished);
            unsigned flags = sheaf__future_exchange(future, SHEAF_FUTURE_FINISHED);
            sheaf__future_tell(future, flags, true, true);
        }
        sheaf__future_run_callbacks(future);
        set_running(worker, future->after);
        sheaf_future_release(future);
    }
}

/* ---- what threads and guests do at their ends, and for a task ---- */

static sheaf_status thread_begin(sheaf_worker *worker, sheaf_error *err)
{
    const sheaf_executor_options *options = &worker->pool->options;
    sheaf_status status = SHEAF_OK;
    if (options->initializer)
        status = options->initializer(worker, options->init_arg, err);
    if (status >= 0 && options->init_function)
        status = sheaf__call_hook(worker, options->init_function, worker->pool->init_bytes,
                                  options->n_init_bytes, err);
    return status;
}

static sheaf_status thread_run(sheaf_worker *worker, const sheaf_task *task, void **result,
                               sheaf_error *err)
{
    return task->run(worker, task->arg, result, err);
}

static void thread_end(sheaf_worker *worker)
{
    const sheaf_executor_options *options = &worker->pool->options;
    if (options->end_function)
        (void)sheaf__call_hook(worker, options->end_function, NULL, 0, NULL);
    if (options->finalizer)
        options->finalizer(worker, options->init_arg);
}

const sheaf__worker_ops sheaf__thread_ops = {
    .begin = thread_begin, .run = thread_run, .end = thread_end};

sheaf_status sheaf__worker_begin(sheaf_worker *worker, sheaf_error *err)
{
    const sheaf_executor_options *options = &worker->pool->options;
    sheaf__heap_init(&worker->heap);
    if (options->worker_started)
        options->worker_started(options->hooks_arg, worker->index, worker->name);
    worker->trace_row = sheaf_trace_add_row(options->trace, worker->name);
    worker->scratch = sheaf__arena_create(&worker->heap, SCRATCH_CHUNK_BYTES);
    if (!worker->scratch)
        return sheaf__error_memory(err, "a worker's arena");
    sheaf_status status = worker->pool->ops->begin(worker, err);
    if (status < 0 && err)
        err->status = status;
    sheaf__arena_reset(worker->scratch, 0);
    return status < 0 ? status : SHEAF_OK;
}

void sheaf__worker_end(sheaf_worker *worker)
{
    const sheaf_executor_options *options = &worker->pool->options;
    if (worker->scratch)
        worker->pool->ops->end(worker);
    sheaf__arena_destroy(worker->scratch);
    worker->scratch = NULL;
    if (options->worker_stopped)
        options->worker_stopped(options->hooks_arg, worker->index, worker->name);
    atomic_store_explicit(&worker->state, SHEAF_WORKER_GONE, memory_order_relaxed);
}

/* ---- threads ---- */

/* The kernel's names hold 15 bytes: cut the prefix, never the index. */
static void show_name(const sheaf_worker *worker)
{
    char index[12];
    char shown[KERNEL_NAME_BYTES + 1];
    int n_index = snprintf(index, sizeof index, "_%d", worker->index);
    size_t n_prefix = strnlen(worker->pool->prefix, (size_t)(KERNEL_NAME_BYTES - n_index));
    memcpy(shown, worker->pool->prefix, n_prefix);
    memcpy(shown + n_prefix, index, (size_t)n_index + 1);
    pthread_setname_np(pthread_self(), shown);
}

/* Its initializer failed: it is not going to run what it was handed. */
static void refuse_service(sheaf_worker *worker, const sheaf_error *err)
{
    sheaf__pool *pool = worker->pool;
    pthread_mutex_lock(&pool->owner.mutex);
    sheaf_future *first = worker->handed;
    worker->handed = NULL;
    if (first)
        first->handed_to = NULL;
    bool claimed = first && sheaf__future_claim(first, SHEAF_FUTURE_RUNNING);
    pthread_mutex_unlock(&pool->owner.mutex);
    if (first && !claimed)
        sheaf_future_release(first); /* it was cancelled just now */
    sheaf__pool_break(pool, err, claimed ? first : NULL);
}

/*
 * The thread ends where it should not: inside a hook, a task or a callback; and perhaps once more,
 * in a callback that is run here. A destructor of thread-specific data, because that is the one
 * place where a thread that is ending runs whole functions again: in a cleanup handler, another
 * pthread_exit() aborts the process.
 */
static pthread_key_t ending_key;
static int ending_key_failure;

static void lose_worker(void *argument)
{
    sheaf_worker *worker = argument;
    sheaf__pool *pool = worker->pool;
    pthread_setspecific(ending_key, worker); /* once more, should it end again */
    sheaf__worker_fail_running(worker, "the task ended its worker's thread");
    sheaf_worker_state state = (sheaf_worker_state)atomic_load_explicit(&worker->state,
                                                                        memory_order_relaxed);
    bool ending = worker->ending;
    worker->ending = true;
    if (!ending && state == SHEAF_WORKER_STARTING) {
        sheaf_error err;
        sheaf_error_set(&err, SHEAF_EWORKER, "the initializer ended its worker's thread");
        refuse_service(worker, &err);
    } else if (!ending) {
        sheaf__pool_log(pool, "%s: a task or a callback ended this worker's thread", worker->name);
    }
    if (!ending)
        sheaf__worker_end(worker);
    pthread_setspecific(ending_key, NULL);
    sheaf__pool_leave(worker, true);
    sheaf__owner_release(&pool->owner);
}

static void make_ending_key(void)
{
    ending_key_failure = pthread_key_create(&ending_key, lose_worker);
    SHEAF__HAPPENS_BEFORE(&ending_key);
}

static void *worker_main(void *argument)
{
    sheaf_worker *worker = argument;
    sheaf__owner *owner = &worker->pool->owner;
    sheaf_error err;
    int before;
    sheaf_error_clear(&err);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    atomic_store_explicit(&worker->self, (unsigned long long)pthread_self(), memory_order_relaxed);
    show_name(worker);
    pthread_setspecific(ending_key, worker);
    if (sheaf__worker_begin(worker, &err) < 0) {
        refuse_service(worker, &err);
    } else {
        for (sheaf_future *future; (future = sheaf__pool_next(worker)) != NULL;)
            sheaf__worker_run(worker, future, true);
    }
    worker->ending = true;
    sheaf__worker_end(worker);
    pthread_setspecific(ending_key, NULL);
    sheaf__pool_leave(worker, false);
    sheaf__owner_release(owner);
    return NULL;
}

/* With every signal blocked: signals belong to the program's own threads. */
int sheaf__worker_start(sheaf_worker *worker)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_attr_t attributes;
    pthread_once(&once, make_ending_key);
    SHEAF__HAPPENS_AFTER(&ending_key);
    int failure = ending_key_failure ? ending_key_failure : pthread_attr_init(&attributes);
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

sheaf_trace_row *sheaf_worker_trace_row(const sheaf_worker *worker)
{
    return worker->trace_row;
}

bool sheaf_worker_stopping(const sheaf_worker *worker)
{
    if (worker->stop_word)
        return atomic_load_explicit(worker->stop_word, memory_order_relaxed) == worker->call_number;
    const sheaf_future *future = running(worker);
    return future && atomic_load_explicit(&((sheaf_future *)(uintptr_t)future)->stop_requested,
                                          memory_order_relaxed);
}

const sheaf__heap *sheaf__worker_heap(const sheaf_worker *worker)
{
    return &worker->heap;
}
