/* Our side of bench_executor: what is measured stands between bench_begin and bench_end. */
#include "bench/executor_cases.h"

#include <semaphore.h>
#include <stdatomic.h>

#include <sheaf/executor.h>
#include <sheaf/map.h>

static void must(sheaf_status status, const sheaf_error *err, const char *what)
{
    if (status < 0)
        bench_fail("%s: %s, %s", what, sheaf_status_name(status), err ? err->message : "");
}

/* ---- tasks ---- */

static sheaf_status do_nothing(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)result, (void)err;
    return SHEAF_OK;
}

static sheaf_status give_back(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = arg;
    return SHEAF_OK;
}

/* Tasks without futures say that they are done by counting down; the last one tells. */
typedef struct countdown {
    atomic_size_t left;
    sem_t all_done;
} countdown;

static sheaf_status count_down(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    countdown *c = arg;
    if (atomic_fetch_sub_explicit(&c->left, 1, memory_order_acq_rel) == 1)
        sem_post(&c->all_done);
    return SHEAF_OK;
}

static void countdown_init(countdown *c, size_t n)
{
    atomic_init(&c->left, n);
    sem_init(&c->all_done, 0, 0);
}

/* A gate holds each worker that comes to it. */
typedef struct gate {
    sem_t entered;
    sem_t open;
    int n;
    sheaf_future *passing[BENCH_WORKERS_MAX];
} gate;

static sheaf_status pass_gate(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    gate *g = arg;
    sem_post(&g->entered);
    sem_wait(&g->open);
    return SHEAF_OK;
}

/* ---- pools ---- */

static void hold_workers(sheaf_executor *executor, gate *g, int workers)
{
    sem_init(&g->entered, 0, 0);
    sem_init(&g->open, 0, 0);
    g->n = workers;
    sheaf_error err;
    const sheaf_task task = {.run = pass_gate, .arg = g};
    for (int i = 0; i < g->n; i++)
        must(sheaf_executor_submit(executor, &task, &g->passing[i], &err), &err, "submit");
    for (int i = 0; i < g->n; i++)
        sem_wait(&g->entered);
}

/* When it comes back no worker is at the gate any more. */
static void let_workers_go(gate *g)
{
    sheaf_error err;
    for (int i = 0; i < g->n; i++)
        sem_post(&g->open);
    for (int i = 0; i < g->n; i++) {
        must(sheaf_future_result(g->passing[i], -1, NULL, &err), &err, "result");
        sheaf_future_release(g->passing[i]);
    }
}

static sheaf_executor *pool_of(sheaf_executor_kind kind, int workers)
{
    sheaf_error err;
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .kind = kind};
    if (kind != SHEAF_EXECUTOR_SEQUENTIAL)
        options.max_workers = workers;
    must(sheaf_executor_create(&options, &executor, &err), &err, "create");
    return executor;
}

/* A pool of threads that have all been started. */
static sheaf_executor *started_pool(int workers)
{
    sheaf_executor *executor = pool_of(SHEAF_EXECUTOR_THREADS, workers);
    gate g;
    hold_workers(executor, &g, workers);
    let_workers_go(&g);
    return executor;
}

/* So many tasks were run: figures are of work that was done. */
static void end_pool(sheaf_executor *executor, size_t n)
{
    sheaf_executor_shutdown(executor, true, false);
    uint64_t finished = sheaf_executor_stats_get(executor).finished;
    if (finished != n)
        bench_fail("%zu tasks were to run, %zu did", n, (size_t)finished);
    sheaf_executor_destroy(executor);
}

/* What is measured: n tasks, and waiting for them. */
typedef void work_fn(sheaf_executor *executor, bench_run *run, size_t n);

static void measure(bench_run *run, work_fn *work, size_t n_warm_up)
{
    sheaf_executor *executor = started_pool(run->workers);
    work(executor, run, n_warm_up);
    bench_begin(run);
    work(executor, run, run->n);
    bench_end(run);
    end_pool(executor, (size_t)run->workers + n_warm_up + run->n);
}

/* ---- many empty tasks ---- */

static void submit_one_by_one(sheaf_executor *executor, sheaf_future **futures, size_t n)
{
    sheaf_error err;
    const sheaf_task task = {.run = do_nothing};
    for (size_t i = 0; i < n; i++)
        must(sheaf_executor_submit(executor, &task, &futures[i], &err), &err, "submit");
}

static void take_results(sheaf_future **futures, size_t n)
{
    sheaf_error err;
    for (size_t i = 0; i < n; i++) {
        must(sheaf_future_result(futures[i], -1, NULL, &err), &err, "result");
        sheaf_future_release(futures[i]);
    }
}

static void submit_result(sheaf_executor *executor, bench_run *run, size_t n)
{
    sheaf_future **futures = (sheaf_future **)run->slots;
    submit_one_by_one(executor, futures, n);
    take_results(futures, n);
}

void sheaf_submit_result(bench_run *run)
{
    measure(run, submit_result, run->n);
}

void sheaf_submit_result_cold(bench_run *run)
{
    bench_give_memory_back();
    measure(run, submit_result, BENCH_WARM_UP);
}

static void submit_wait(sheaf_executor *executor, bench_run *run, size_t n)
{
    sheaf_future **futures = (sheaf_future **)run->slots;
    sheaf_error err;
    submit_one_by_one(executor, futures, n);
    must(sheaf_wait(futures, n, -1, SHEAF_ALL_COMPLETED, NULL, &err), &err, "wait");
    for (size_t i = 0; i < n; i++)
        sheaf_future_release(futures[i]);
}

void sheaf_submit_wait(bench_run *run)
{
    measure(run, submit_wait, run->n);
}

static void submit_forget(sheaf_executor *executor, bench_run *run, size_t n)
{
    (void)run;
    countdown c;
    countdown_init(&c, n);
    sheaf_error err;
    const sheaf_task task = {.run = count_down, .arg = &c};
    for (size_t i = 0; i < n; i++)
        must(sheaf_executor_submit(executor, &task, NULL, &err), &err, "submit");
    sem_wait(&c.all_done);
}

void sheaf_submit_forget(bench_run *run)
{
    measure(run, submit_forget, run->n);
}

/* n tasks, all the same one, in batches; their futures, if any, follow one another. */
static void submit_batches(sheaf_executor *executor, const sheaf_task *task, sheaf_future **futures,
                           size_t n)
{
    sheaf_task tasks[BENCH_BATCH];
    for (int i = 0; i < BENCH_BATCH; i++)
        tasks[i] = *task;
    sheaf_error err;
    size_t n_submitted;
    for (size_t i = 0; i < n; i += BENCH_BATCH) {
        size_t n_batch = n - i < BENCH_BATCH ? n - i : BENCH_BATCH;
        must(sheaf_executor_submit_many(executor, tasks, n_batch, futures ? futures + i : NULL,
                                        &n_submitted, &err),
             &err, "submit_many");
    }
}

static void submit_many_result(sheaf_executor *executor, bench_run *run, size_t n)
{
    sheaf_future **futures = (sheaf_future **)run->slots;
    const sheaf_task task = {.run = do_nothing};
    submit_batches(executor, &task, futures, n);
    take_results(futures, n);
}

void sheaf_submit_many_result(bench_run *run)
{
    measure(run, submit_many_result, run->n);
}

static void submit_many_forget(sheaf_executor *executor, bench_run *run, size_t n)
{
    (void)run;
    countdown c;
    countdown_init(&c, n);
    const sheaf_task task = {.run = count_down, .arg = &c};
    submit_batches(executor, &task, NULL, n);
    sem_wait(&c.all_done);
}

void sheaf_submit_many_forget(bench_run *run)
{
    measure(run, submit_many_forget, run->n);
}

void sheaf_submit_sequential(bench_run *run)
{
    sheaf_executor *executor = pool_of(SHEAF_EXECUTOR_SEQUENTIAL, 1);
    submit_result(executor, run, run->n);
    bench_begin(run);
    submit_result(executor, run, run->n);
    bench_end(run);
    end_pool(executor, 2 * run->n);
}

/* ---- one task at a time ---- */

static void ping_pong(sheaf_executor *executor, bench_run *run, size_t n)
{
    (void)run;
    sheaf_error err;
    const sheaf_task task = {.run = do_nothing};
    for (size_t i = 0; i < n; i++) {
        sheaf_future *future;
        must(sheaf_executor_submit(executor, &task, &future, &err), &err, "submit");
        must(sheaf_future_result(future, -1, NULL, &err), &err, "result");
        sheaf_future_release(future);
    }
}

void sheaf_ping_pong(bench_run *run)
{
    measure(run, ping_pong, BENCH_WARM_UP);
}

/* ---- the ordered map ---- */

typedef struct numbers {
    size_t next;
    size_t last;
} numbers;

static sheaf_status next_number(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    numbers *n = source;
    if (n->next == n->last)
        return SHEAF_END;
    *arg = (void *)++n->next;
    return SHEAF_OK;
}

static void map_in_order(sheaf_executor *executor, bench_run *run, size_t n)
{
    numbers source = {.last = n};
    const sheaf_map_options options = {.size = sizeof options,
                                       .run = give_back,
                                       .next = next_number,
                                       .source = &source,
                                       .buffersize = run->window,
                                       .chunksize = run->chunk};
    sheaf_error err;
    sheaf_map *map;
    void *result;
    size_t n_in_order = 0;
    sheaf_status status;
    must(sheaf_map_open(executor, &options, &map, &err), &err, "map_open");
    while ((status = sheaf_map_next(map, &result, &err)) == SHEAF_OK)
        n_in_order += (size_t)result == n_in_order + 1;
    sheaf_map_close(map);
    must(status, &err, "map_next");
    if (n_in_order != n)
        bench_fail("%zu items, %zu in order", n, n_in_order);
}

void sheaf_ordered_map(bench_run *run)
{
    sheaf_executor *executor = started_pool(run->workers);
    map_in_order(executor, run, bench_warm_up_items(run));
    bench_begin(run);
    map_in_order(executor, run, run->n);
    bench_end(run);
    sheaf_executor_destroy(executor);
}

void sheaf_map_sequential(bench_run *run)
{
    sheaf_executor *executor = pool_of(SHEAF_EXECUTOR_SEQUENTIAL, 1);
    bench_begin(run);
    map_in_order(executor, run, run->n);
    bench_end(run);
    sheaf_executor_destroy(executor);
}

/* ---- memory ---- */

void sheaf_pending(bench_run *run)
{
    sheaf_executor *executor = pool_of(SHEAF_EXECUTOR_THREADS, run->workers);
    gate g;
    hold_workers(executor, &g, run->workers);
    sheaf_future **futures = (sheaf_future **)run->slots;
    bench_memory_begin(run);
    submit_one_by_one(executor, futures, run->n);
    bench_memory_end(run);
    let_workers_go(&g);
    take_results(futures, run->n);
    end_pool(executor, (size_t)run->workers + run->n);
}
