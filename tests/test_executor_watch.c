/*
 * A thread pool as it looks from outside: its numbers, its workers, what it tells its log; and
 * workers that are lost because a task, a callback or an initializer ends their thread.
 */
#include "tests/support_executor.h"

/* ---- a log ---- */

typedef struct sayings {
    pthread_mutex_t mutex;
    int n;
    char last[400];
} sayings;

static sayings said = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static void write_down(void *arg, const char *message)
{
    sayings *self = arg;
    pthread_mutex_lock(&self->mutex);
    self->n++;
    snprintf(self->last, sizeof self->last, "%s", message);
    pthread_mutex_unlock(&self->mutex);
}

static int n_said(void)
{
    pthread_mutex_lock(&said.mutex);
    int n = said.n;
    pthread_mutex_unlock(&said.mutex);
    return n;
}

static sheaf_executor *pool_with(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    options.size = sizeof options;
    options.at_exit = SHEAF_AT_EXIT_DETACH; /* a test that fails does not wait for its gates */
    options.log = write_down;
    options.hooks_arg = &said;
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_OK, "%s", err.message);
    return executor;
}

static void settle(sheaf_executor *executor, uint64_t idle)
{
    while (sheaf_executor_stats_get(executor).idle < idle)
        sched_yield();
}

/* ---- the numbers ---- */

static void assert_stats(sheaf_executor *executor, sheaf_executor_stats expected, const char *when)
{
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.submitted, expected.submitted, "%s: submitted", when);
    cr_assert_eq(stats.started, expected.started, "%s: started", when);
    cr_assert_eq(stats.finished, expected.finished, "%s: finished", when);
    cr_assert_eq(stats.failed, expected.failed, "%s: failed", when);
    cr_assert_eq(stats.cancelled, expected.cancelled, "%s: cancelled", when);
    cr_assert_eq(stats.queued, expected.queued, "%s: queued", when);
    cr_assert_eq(stats.running, expected.running, "%s: running", when);
    cr_assert_eq(stats.threads, expected.threads, "%s: threads", when);
    cr_assert_eq(stats.idle, expected.idle, "%s: idle", when);
    cr_assert_eq(stats.lost, expected.lost, "%s: lost", when);
}

Test(executor_watch, the_numbers_are_exact_when_nothing_moves, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(2);
    assert_stats(executor, (sheaf_executor_stats){0}, "at first");
    sheaf_future *futures[6];
    for (int i = 0; i < 2; i++)
        futures[i] = submit(executor, pass_gate, &g);
    for (int i = 0; i < 2; i++)
        sem_wait(&g.entered);
    futures[2] = submit(executor, fail, "1");
    futures[3] = submit(executor, give_back, NULL);
    futures[4] = submit(executor, fail, "2");
    futures[5] = submit(executor, give_back, NULL);
    assert_stats(executor,
                 (sheaf_executor_stats){
                     .submitted = 6, .started = 2, .queued = 4, .running = 2, .threads = 2},
                 "two run, four wait");
    cr_assert_eq(sheaf_future_cancel(futures[5]), SHEAF_OK);
    assert_stats(
        executor,
        (sheaf_executor_stats){
            .submitted = 6, .started = 2, .queued = 3, .running = 2, .threads = 2, .cancelled = 1},
        "one was cancelled");
    gate_open(&g, 2);
    settle(executor, 2);
    assert_stats(executor,
                 (sheaf_executor_stats){.submitted = 6,
                                        .started = 5,
                                        .finished = 5,
                                        .failed = 2,
                                        .cancelled = 1,
                                        .threads = 2,
                                        .idle = 2},
                 "all are done");
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    assert_stats(
        executor,
        (sheaf_executor_stats){
            .submitted = 6, .started = 5, .finished = 5, .failed = 2, .cancelled = 1, .threads = 2},
        "after the shutdown");
    for (int i = 0; i < 6; i++)
        sheaf_future_release(futures[i]);
    sheaf_executor_destroy(executor);
}

static sheaf_status submit_inside(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    sheaf_future *child;
    sheaf_status status = sheaf_executor_submit(arg, &(sheaf_task){.run = give_back, .arg = arg},
                                                &child, err);
    if (status < 0)
        return status;
    status = sheaf_future_result(child, -1, result, err);
    sheaf_future_release(child);
    return status;
}

Test(executor_watch, a_task_run_by_whoever_waits_for_it_is_counted_once, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, submit_inside, executor);
    cr_assert_eq(result_of(future), executor);
    settle(executor, 1);
    assert_stats(executor,
                 (sheaf_executor_stats){
                     .submitted = 2, .started = 2, .finished = 2, .threads = 1, .idle = 1},
                 "at the end");
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* ---- the workers ---- */

static sheaf_status wait_at_gate(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker;
    return pass_gate(worker, arg, &(void *){NULL}, err);
}

static void assert_view(const sheaf_worker_view *view, int index, sheaf_worker_state state,
                        uint64_t finished)
{
    char name[64];
    snprintf(name, sizeof name, "seen_%d", index);
    cr_assert_eq(view->index, index);
    cr_assert_eq(view->state, state, "worker %d is %d", index, view->state);
    cr_assert_eq(view->process_id, 0);
    cr_assert_eq(view->finished, finished, "worker %d", index);
    cr_assert_str_eq(view->name, name);
}

Test(executor_watch, workers_are_seen_in_each_of_their_states_and_after_the_shutdown,
     .timeout = LIMIT)
{
    gate begin;
    gate task;
    gate_init(&begin);
    gate_init(&task);
    sheaf_worker_view views[4];
    sheaf_executor *executor = pool_with((sheaf_executor_options){.max_workers = 2,
                                                                  .thread_name_prefix = "seen",
                                                                  .initializer = wait_at_gate,
                                                                  .init_arg = &begin});
    cr_assert_eq(sheaf_executor_workers(executor, views, 4), 0);
    cr_assert_eq(sheaf_executor_workers(executor, NULL, 0), 0);

    sheaf_future *first = submit(executor, pass_gate, &task);
    sem_wait(&begin.entered);
    cr_assert_eq(sheaf_executor_workers(executor, views, 4), 1);
    assert_view(&views[0], 0, SHEAF_WORKER_STARTING, 0);

    gate_open(&begin, 1);
    sem_wait(&task.entered);
    sheaf_future *second = submit(executor, give_back, NULL);
    sem_wait(&begin.entered);
    cr_assert_eq(sheaf_executor_workers(executor, views, 4), 2);
    assert_view(&views[0], 0, SHEAF_WORKER_BUSY, 0);
    assert_view(&views[1], 1, SHEAF_WORKER_STARTING, 0);

    gate_open(&begin, 1);
    result_of(second);
    settle(executor, 1);
    cr_assert_eq(sheaf_executor_workers(executor, views, 4), 2);
    assert_view(&views[0], 0, SHEAF_WORKER_BUSY, 0);
    assert_view(&views[1], 1, SHEAF_WORKER_IDLE, 1);

    gate_open(&task, 1);
    result_of(first);
    settle(executor, 2);
    memset(views, 0x55, sizeof views);
    cr_assert_eq(sheaf_executor_workers(executor, views, 1), 2,
                 "there are more than there is room");
    assert_view(&views[0], 0, SHEAF_WORKER_IDLE, 1);
    cr_assert_eq(views[1].index, 0x55555555, "what is beyond the room is left alone");
    cr_assert_eq(sheaf_executor_workers(executor, NULL, 0), 2);

    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(sheaf_executor_workers(executor, views, 4), 2);
    assert_view(&views[0], 0, SHEAF_WORKER_GONE, 1);
    assert_view(&views[1], 1, SHEAF_WORKER_GONE, 1);
    cr_assert_eq(n_said(), 0, "nothing is wrong: %s", said.last);
    sheaf_future_release(first);
    sheaf_future_release(second);
    sheaf_executor_destroy(executor);
}

/* ---- a pool that breaks ---- */

static sheaf_status refuse(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker;
    sem_wait(&((gate *)arg)->open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no room for a parser");
}

Test(executor_watch, the_log_is_told_once_and_why_a_pool_breaks, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 3, .initializer = refuse, .init_arg = &g});
    sheaf_future *futures[5];
    for (int i = 0; i < 5; i++)
        futures[i] = submit(executor, give_back, NULL);
    gate_open(&g, 3);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_EBROKEN);
        sheaf_future_release(futures[i]);
    }
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(n_said(), 1);
    cr_assert(strstr(said.last, "no room for a parser"), "%s", said.last);
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.submitted, 5);
    cr_assert_eq(stats.started, 0);
    cr_assert_eq(stats.finished, 0);
    cr_assert_eq(stats.cancelled, 5, "they never ran");
    cr_assert_eq(stats.queued, 0);
    sheaf_executor_destroy(executor);
}

/* ---- workers that are lost ---- */

static atomic_int n_begun, n_ended, n_dropped;

static void count_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
}

static sheaf_status begin(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)arg, (void)err;
    atomic_fetch_add(&n_begun, 1);
    sheaf_worker_set_local(worker, malloc(10));
    return SHEAF_OK;
}

static void end(sheaf_worker *worker, void *arg)
{
    (void)arg;
    free(sheaf_worker_local(worker));
    atomic_fetch_add(&n_ended, 1);
}

static sheaf_executor *pool_that_loses(int max_workers)
{
    return pool_with((sheaf_executor_options){.max_workers = max_workers,
                                              .thread_name_prefix = "seen",
                                              .initializer = begin,
                                              .finalizer = end});
}

static sheaf_status leave(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    if (arg) {
        sem_post(&((gate *)arg)->entered);
        sem_wait(&((gate *)arg)->open);
    }
    pthread_exit(NULL);
}

Test(executor_watch, a_task_that_ends_its_thread_fails_alone_and_the_worker_is_replaced,
     .timeout = LIMIT)
{
    enum { ROUNDS = 20 };
    sheaf_executor *executor = pool_that_loses(1);
    for (int i = 1; i <= ROUNDS; i++) {
        gate g;
        gate_init(&g);
        sheaf_error err;
        sheaf_future *lost = NULL;
        sheaf_task task = {.run = leave, .arg = &g, .drop_arg = count_drop};
        cr_assert_eq(sheaf_executor_submit(executor, &task, &lost, NULL), SHEAF_OK);
        sheaf_future *queued = submit(executor, give_back, executor);
        gate_open(&g, 1);
        cr_assert_eq(sheaf_future_result(lost, -1, NULL, &err), SHEAF_EWORKER);
        cr_assert_eq(err.status, SHEAF_EWORKER);
        cr_assert_neq(err.message[0], '\0');
        cr_assert_eq(n_dropped, i, "its argument is dropped before it is done");
        cr_assert_eq(result_of(queued), executor, "what waits behind it runs");
        sheaf_future_release(lost);
        sheaf_future_release(queued);
        sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
        cr_assert_eq(stats.lost, (uint64_t)i);
        cr_assert_eq(n_said(), i);
    }
    sheaf_worker_view view;
    cr_assert_eq(sheaf_executor_workers(executor, &view, 1), 1, "it has the place of the lost one");
    cr_assert_eq(view.index, 0);
    cr_assert_str_eq(view.name, "seen_0");
    sheaf_executor_shutdown(executor, true, false);
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert_eq(stats.submitted, 2 * ROUNDS);
    cr_assert_eq(stats.submitted, stats.finished + stats.cancelled);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_begun, n_ended, "a finalizer for each initializer");
}

Test(executor_watch, a_pool_that_loses_its_last_worker_while_it_is_shut_down_still_ends,
     .timeout = LIMIT)
{
    for (int waits = 0; waits < 2; waits++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = pool_that_loses(2);
        sheaf_future *lost[2];
        sheaf_future *queued[4];
        for (int i = 0; i < 2; i++)
            lost[i] = submit(executor, leave, &g);
        for (int i = 0; i < 4; i++)
            queued[i] = submit(executor, give_back, executor);
        for (int i = 0; i < 2; i++)
            sem_wait(&g.entered);
        cr_assert_eq(sheaf_executor_shutdown(executor, false, false), SHEAF_OK);
        gate_open(&g, 2);
        if (waits)
            cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
        for (int i = 0; i < 4; i++) {
            cr_assert_eq(result_of(queued[i]), executor);
            sheaf_future_release(queued[i]);
        }
        for (int i = 0; i < 2; i++) {
            cr_assert_eq(sheaf_future_result(lost[i], -1, NULL, NULL), SHEAF_EWORKER);
            sheaf_future_release(lost[i]);
        }
        sheaf_executor_destroy(executor);
        cr_assert_eq(n_begun, n_ended);
    }
}

typedef struct nest {
    sheaf_executor *executor;
    sheaf_future *child;
} nest;

static sheaf_status wait_for_the_one_that_leaves(sheaf_worker *worker, void *arg, void **result,
                                                 sheaf_error *err)
{
    (void)worker, (void)result;
    nest *self = arg;
    if (sheaf_executor_submit(self->executor, &(sheaf_task){.run = leave}, &self->child, err) < 0)
        return SHEAF_EIO;
    return sheaf_future_result(self->child, -1, NULL,
                               err); /* it is run here, and does not return */
}

Test(executor_watch, a_thread_that_ends_takes_the_tasks_around_it_along, .timeout = LIMIT)
{
    nest all = {.executor = pool_that_loses(1)};
    sheaf_future *outer = submit(all.executor, wait_for_the_one_that_leaves, &all);
    cr_assert_eq(sheaf_future_result(outer, -1, NULL, NULL), SHEAF_EWORKER);
    cr_assert_eq(sheaf_future_result(all.child, -1, NULL, NULL), SHEAF_EWORKER);
    sheaf_future *next = submit(all.executor, give_back, &all);
    cr_assert_eq(result_of(next), &all);
    cr_assert_eq(sheaf_executor_stats_get(all.executor).lost, 1, "one thread");
    sheaf_future_release(outer);
    sheaf_future_release(all.child);
    sheaf_future_release(next);
    sheaf_executor_destroy(all.executor);
    cr_assert_eq(n_begun, n_ended);
}

static void leave_callback(sheaf_future *future, void *context)
{
    (void)future, (void)context;
    pthread_exit(NULL);
}

static void open_gate(sheaf_future *future, void *context)
{
    (void)future;
    gate_open(context, 1);
}

Test(executor_watch, a_callback_that_ends_its_thread_stops_neither_the_others_nor_the_pool,
     .timeout = LIMIT)
{
    for (int i = 1; i <= 10; i++) {
        gate g;
        gate after;
        gate_init(&g);
        gate_init(&after);
        sheaf_executor *executor = pool_that_loses(1);
        sheaf_future *future = submit(executor, pass_gate, &g);
        cr_assert_eq(sheaf_future_add_done_callback(future, leave_callback, NULL, NULL), SHEAF_OK);
        cr_assert_eq(sheaf_future_add_done_callback(future, open_gate, &after, NULL), SHEAF_OK);
        sheaf_future *queued = submit(executor, give_back, executor);
        gate_open(&g, 1);
        sem_wait(&after.open);
        cr_assert_eq(result_of(future), &g, "it was finished before its callbacks");
        cr_assert_eq(result_of(queued), executor);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, 1);
        sheaf_future_release(future);
        sheaf_future_release(queued);
        sheaf_executor_destroy(executor);
        cr_assert_eq(n_begun, n_ended);
    }
}

static sheaf_status leave_at_once(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    pthread_exit(NULL);
}

Test(executor_watch, an_initializer_that_ends_its_thread_breaks_the_pool, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 2, .initializer = leave_at_once, .finalizer = end});
    sheaf_future *futures[4] = {0};
    for (int i = 0; i < 4; i++) {
        sheaf_task task = {.run = give_back};
        sheaf_status status = sheaf_executor_submit(executor, &task, &futures[i], NULL);
        cr_assert(status == SHEAF_OK || (i > 0 && status == SHEAF_EBROKEN));
    }
    for (int i = 0; i < 4; i++) {
        cr_assert(!futures[i] || sheaf_future_result(futures[i], -1, NULL, NULL) == SHEAF_EBROKEN);
        sheaf_future_release(futures[i]);
    }
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                 SHEAF_EBROKEN);
    cr_assert_geq(n_said(), 1);
    sheaf_executor_destroy(executor);
}
