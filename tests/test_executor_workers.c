/*
 * The workers of a thread pool: when one is started, what it is handed, how it is begun and ended.
 * What their threads are like: test_executor_worker_threads.c. Workers that are lost, and how the
 * pool looks from outside: test_executor_watch.c.
 */
#include <dirent.h>

#include "tests/support_executor.h"

static sheaf_executor *pool_with(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    options.size = sizeof options;
    options.at_exit = SHEAF_AT_EXIT_DETACH; /* a test that fails does not wait for its gates */
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_OK, "%s", err.message);
    return executor;
}

static uint64_t threads_of(sheaf_executor *executor)
{
    return sheaf_executor_stats_get(executor).threads;
}

/* ---- how many there may be ---- */

static int count_threads(void)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));)
        n += entry->d_name[0] != '.';
    closedir(tasks);
    return n;
}

Test(executor_workers, by_default_there_are_four_more_than_processors_and_at_most_32,
     .timeout = LIMIT)
{
    int expected = sheaf_processor_count() + 4;
    expected = expected < 32 ? expected : 32;
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(0);
    for (int i = 0; i < 40; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    for (int i = 0; i < expected; i++)
        sem_wait(&g.entered);
    cr_assert_eq(threads_of(executor), (uint64_t)expected);
    gate_open(&g, 40);
    sheaf_executor_destroy(executor);
    cr_assert_eq(g.passed, 40);
}

Test(executor_workers, processors_are_those_that_this_process_may_use, .timeout = LIMIT)
{
    cpu_set_t all;
    cr_assert_eq(sched_getaffinity(0, sizeof all, &all), 0);
    cr_assert_geq(sheaf_processor_count(), 1);
    cr_assert_leq(sheaf_processor_count(), CPU_COUNT(&all));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int i = 0; CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    cr_assert_eq(sched_setaffinity(0, sizeof one, &one), 0);
    cr_assert_eq(sheaf_processor_count(), 1);
}

Test(executor_workers, create_starts_no_thread_and_destroy_leaves_none, .timeout = LIMIT)
{
    int before = count_threads();
    sheaf_executor *executor = pool_of(8);
    cr_assert_eq(count_threads(), before);
    sheaf_executor_destroy(executor);
    executor = pool_of(8);
    gate g;
    gate_init(&g);
    for (int i = 0; i < 8; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    cr_assert_eq(count_threads(), before + 8);
    gate_open(&g, 8);
    sheaf_executor_destroy(executor);
    while (count_threads() > before) /* the kernel shows one that was joined a little longer */
        sched_yield();
}

/* ---- the spawn rule ---- */

/*
 * Tasks that stay at a gate of their own, submitted and let go at random; beside it a model of the
 * rule: a submit starts a worker if and only if none is idle and there may be one more.
 */
enum { TASKS_MAX = 12, STEPS = 3000 };

typedef struct model {
    gate gates[TASKS_MAX];
    sheaf_future *running[TASKS_MAX]; /* NULL: this gate is free */
    int n_running;
    int n_threads;
    int max_workers;
} model;

static void model_submit(model *m, sheaf_executor *executor)
{
    int at = 0;
    while (m->running[at])
        at++;
    gate_init(&m->gates[at]);
    m->running[at] = submit(executor, pass_gate, &m->gates[at]);
    if (m->n_running == m->n_threads)
        m->n_threads++;
    m->n_running++;
}

static void model_let_go(model *m, uint32_t random)
{
    int at = (int)(random % TASKS_MAX);
    while (!m->running[at])
        at = (at + 1) % TASKS_MAX;
    gate_open(&m->gates[at], 1);
    result_of(m->running[at]);
    sheaf_future_release(m->running[at]);
    m->running[at] = NULL;
    m->n_running--;
}

Test(executor_workers, one_is_started_if_and_only_if_none_is_idle, .timeout = 2 * LIMIT)
{
    for (int max_workers = 1; max_workers <= TASKS_MAX; max_workers++) {
        sheaf_executor *executor = pool_of(max_workers);
        model m = {.max_workers = max_workers};
        uint32_t random = 12345;
        for (int i = 0; i < STEPS / TASKS_MAX; i++) {
            random = random * 1664525 + 1013904223;
            bool let_go = m.n_running == max_workers || (m.n_running > 0 && (random >> 20) % 5 < 2);
            if (let_go)
                model_let_go(&m, random >> 8);
            else
                model_submit(&m, executor);
            sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
            cr_assert_eq(stats.threads, (uint64_t)m.n_threads, "step %d, at most %d", i,
                         max_workers);
        }
        while (m.n_running > 0)
            model_let_go(&m, 0);
        sheaf_executor_destroy(executor);
    }
}

Test(executor_workers, submitting_and_waiting_in_turn_needs_one_thread_per_task_at_a_time,
     .timeout = LIMIT)
{
    for (int k = 1; k <= 4; k++) {
        sheaf_executor *executor = pool_of(8);
        for (int round = 0; round < 300; round++) {
            gate g;
            gate_init(&g);
            sheaf_future *futures[4];
            for (int i = 0; i < k; i++)
                futures[i] = submit(executor, pass_gate, &g);
            gate_open(&g, k);
            for (int i = 0; i < k; i++) {
                result_of(futures[i]);
                sheaf_future_release(futures[i]);
            }
        }
        cr_assert_eq(threads_of(executor), (uint64_t)k);
        sheaf_executor_destroy(executor);
    }
}

/* A callback that holds its worker at a gate. */
static void stay_at_gate(sheaf_future *future, void *context)
{
    (void)future;
    gate *g = context;
    sem_post(&g->entered);
    sem_wait(&g->open);
}

Test(executor_workers, one_that_is_in_a_callback_is_not_idle, .timeout = LIMIT)
{
    gate in_task;
    gate in_callback;
    gate_init(&in_task);
    gate_init(&in_callback);
    sheaf_executor *executor = pool_of(8);
    sheaf_future *first = submit(executor, pass_gate, &in_task);
    cr_assert_eq(sheaf_future_add_done_callback(first, stay_at_gate, &in_callback, NULL), SHEAF_OK);
    gate_open(&in_task, 1);
    result_of(first); /* which may be before the callbacks are over */
    sem_wait(&in_callback.entered);
    cr_assert_eq(sheaf_executor_stats_get(executor).idle, 0);
    sheaf_future *second = submit(executor, give_back, executor);
    cr_assert_eq(result_of(second), executor, "it does not wait for the callback");
    cr_assert_eq(threads_of(executor), 2);
    gate_open(&in_callback, 1);
    while (sheaf_executor_stats_get(executor).idle < 2)
        sched_yield();
    sheaf_future *third = submit(executor, give_back, executor);
    result_of(third);
    cr_assert_eq(threads_of(executor), 2, "after its callbacks it is");
    sheaf_future_release(first);
    sheaf_future_release(second);
    sheaf_future_release(third);
    sheaf_executor_destroy(executor);
}

/* However it is seen that a task is done. */
static void see_done(sheaf_future *future, int how)
{
    bool done = false;
    switch (how) {
    case 0:
        result_of(future);
        break;
    case 1:
        while (!sheaf_future_done(future))
            sched_yield();
        break;
    case 2:
        cr_assert_eq(sheaf_wait(&future, 1, -1, SHEAF_ALL_COMPLETED, &done, NULL), SHEAF_OK);
        break;
    default:
        cr_assert_eq(sheaf_future_result(future, 10000, NULL, NULL), SHEAF_OK);
    }
}

Test(executor_workers, one_is_idle_for_the_next_submit_as_soon_as_its_task_is_seen_to_be_done,
     .timeout = LIMIT)
{
    for (int how = 0; how < 4; how++) {
        sheaf_executor *executor = pool_of(8);
        for (int i = 0; i < 500; i++) {
            sheaf_future *future = submit(executor, give_back, executor);
            see_done(future, how);
            sheaf_future_release(future);
        }
        cr_assert_eq(threads_of(executor), 1, "seen in way %d", how);
        sheaf_executor_destroy(executor);
    }
}

/* ---- the hand-off ---- */

static sheaf_status wait_at_gate(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)err;
    gate *g = arg;
    sem_post(&g->entered);
    sem_wait(&g->open);
    return SHEAF_OK;
}

static atomic_int n_dropped;

static void count_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
}

/* Workers stay in their initializer: they have been handed a task and have not begun it. */
Test(executor_workers, what_one_was_handed_when_it_was_started_is_not_cancelled_by_a_shutdown,
     .timeout = LIMIT)
{
    enum { WORKERS = 3, TASKS = 8 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with((sheaf_executor_options){
        .max_workers = WORKERS, .initializer = wait_at_gate, .init_arg = &g});
    sheaf_future *futures[TASKS];
    for (size_t i = 0; i < TASKS; i++)
        futures[i] = submit(executor, give_back, (void *)i);
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    for (size_t i = 0; i < TASKS; i++)
        cr_assert_eq(sheaf_future_cancelled(futures[i]), i >= WORKERS, "task %zu", i);
    gate_open(&g, WORKERS);
    for (size_t i = 0; i < TASKS; i++) {
        void *result = NULL;
        cr_assert_eq(sheaf_future_result(futures[i], -1, &result, NULL),
                     i < WORKERS ? SHEAF_OK : SHEAF_ECANCELLED);
        cr_assert_eq((size_t)result, i < WORKERS ? i : 0);
        sheaf_future_release(futures[i]);
    }
    sheaf_executor_destroy(executor);
}

Test(executor_workers, of_what_was_submitted_at_least_one_task_runs, .timeout = LIMIT)
{
    for (int round = 0; round < 300; round++) {
        sheaf_executor *executor = pool_of(1 + round % 3);
        sheaf_future *futures[5];
        for (int i = 0; i < 5; i++)
            futures[i] = submit(executor, give_back, NULL);
        cr_assert_eq(sheaf_executor_shutdown(executor, round % 2, true), SHEAF_OK);
        cr_assert_eq(sheaf_future_result(futures[0], -1, NULL, NULL), SHEAF_OK);
        for (int i = 0; i < 5; i++)
            sheaf_future_release(futures[i]);
        sheaf_executor_destroy(executor);
    }
}

Test(executor_workers, what_one_was_handed_can_still_be_cancelled_by_its_future, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 1, .initializer = wait_at_gate, .init_arg = &g});
    sheaf_future *first = NULL;
    sheaf_task task = {.run = give_back, .arg = executor, .drop_arg = count_drop};
    cr_assert_eq(sheaf_executor_submit(executor, &task, &first, NULL), SHEAF_OK);
    sheaf_future *second = submit(executor, give_back, executor);
    sem_wait(&g.entered);
    cr_assert_eq(sheaf_future_cancel(first), SHEAF_OK);
    cr_assert_eq(sheaf_future_get_state(first), SHEAF_FUTURE_NOTIFIED);
    cr_assert_eq(n_dropped, 1);
    cr_assert_eq(sheaf_future_result(first, -1, NULL, NULL), SHEAF_ECANCELLED);
    gate_open(&g, 1);
    cr_assert_eq(result_of(second), executor, "the worker goes on with the next");
    sheaf_future_release(first);
    sheaf_future_release(second);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_dropped, 1);
}

Test(executor_workers, one_whose_task_was_cancelled_counts_as_idle_for_the_next, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 8, .initializer = wait_at_gate, .init_arg = &g});
    for (int i = 0; i < 3; i++) {
        sheaf_future *future = submit(executor, give_back, executor);
        cr_assert_eq(threads_of(executor), 1);
        cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
        sheaf_future_release(future);
    }
    sheaf_future *future = submit(executor, give_back, executor);
    gate_open(&g, 1);
    cr_assert_eq(result_of(future), executor);
    cr_assert_eq(threads_of(executor), 1);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* ---- beginning and ending ---- */

/* What happened to a worker, one letter each, in its own thread. */
typedef struct diary {
    pthread_t thread;
    char events[32];
    int n;
    bool wrong;
} diary;

static diary diaries[3];
static atomic_int n_diaries;
static _Thread_local diary *mine;

static void note(char event)
{
    if (!mine)
        mine = &diaries[atomic_fetch_add(&n_diaries, 1)];
    if (mine->n == 0)
        mine->thread = pthread_self();
    mine->wrong |= !pthread_equal(mine->thread, pthread_self());
    mine->events[mine->n++] = event;
}

static bool name_fits(int index, const char *name)
{
    char expected[32];
    snprintf(expected, sizeof expected, "diary_%d", index);
    return strcmp(name, expected) == 0;
}

static void note_started(void *arg, int index, const char *name)
{
    note('(');
    mine->wrong |= arg != diaries || !name_fits(index, name);
}

static void note_stopped(void *arg, int index, const char *name)
{
    note(')');
    mine->wrong |= arg != diaries || !name_fits(index, name);
}

static bool initializer_fails;

static sheaf_status note_begin(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    note('i');
    mine->wrong |= arg != &n_diaries || sheaf_worker_local(worker) != NULL ||
                   !name_fits(sheaf_worker_index(worker), sheaf_worker_name(worker));
    sheaf_worker_set_local(worker, mine);
    return initializer_fails ? sheaf_error_set(err, SHEAF_EIO, "no file") : SHEAF_OK;
}

static void note_end(sheaf_worker *worker, void *arg)
{
    note('f');
    mine->wrong |= arg != &n_diaries || sheaf_worker_local(worker) != mine;
}

static sheaf_status note_task(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    note('t');
    mine->wrong |= sheaf_worker_local(worker) != mine;
    return pass_gate(worker, arg, result, err);
}

static sheaf_executor *diary_pool(void)
{
    return pool_with((sheaf_executor_options){.max_workers = 3,
                                              .thread_name_prefix = "diary",
                                              .initializer = note_begin,
                                              .finalizer = note_end,
                                              .init_arg = &n_diaries,
                                              .worker_started = note_started,
                                              .worker_stopped = note_stopped,
                                              .hooks_arg = diaries});
}

Test(executor_workers, hooks_stand_around_initializer_tasks_and_finalizer_in_the_workers_thread,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = diary_pool();
    for (int round = 0; round < 2; round++) { /* each worker has one task in each */
        sheaf_future *futures[3];
        for (int i = 0; i < 3; i++)
            futures[i] = submit(executor, note_task, &g);
        for (int i = 0; i < 3; i++)
            sem_wait(&g.entered);
        gate_open(&g, 3);
        for (int i = 0; i < 3; i++) {
            result_of(futures[i]);
            sheaf_future_release(futures[i]);
        }
    }
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_diaries, 3);
    for (int i = 0; i < 3; i++) {
        cr_assert_str_eq(diaries[i].events, "(ittf)");
        cr_assert_not(diaries[i].wrong);
    }
}

Test(executor_workers, a_finalizer_runs_also_where_the_initializer_failed, .timeout = LIMIT)
{
    initializer_fails = true;
    gate g;
    gate_init(&g);
    sheaf_executor *executor = diary_pool();
    sheaf_future *future = submit(executor, note_task, &g);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_EBROKEN);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_diaries, 1);
    cr_assert_str_eq(diaries[0].events, "(if)");
    cr_assert_not(diaries[0].wrong);
}

static gate second_worker;

static sheaf_status refuse_the_second(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)arg;
    if (sheaf_worker_index(worker) != 1)
        return SHEAF_OK;
    sem_post(&second_worker.entered);
    sem_wait(&second_worker.open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no second parser");
}

Test(executor_workers, a_failed_initializer_fails_what_waits_and_spares_what_runs, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    gate_init(&second_worker);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 2, .initializer = refuse_the_second});
    sheaf_future *running = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    sheaf_future *failing[3]; /* one is handed over, two wait */
    for (int i = 0; i < 3; i++)
        failing[i] = submit(executor, give_back, NULL);
    sem_wait(&second_worker.entered);
    gate_open(&second_worker, 1);
    for (int i = 0; i < 3; i++) {
        sheaf_error err;
        cr_assert_eq(sheaf_future_result(failing[i], -1, NULL, &err), SHEAF_EBROKEN);
        cr_assert_str_eq(err.message, "no second parser");
        cr_assert_eq(sheaf_future_get_state(failing[i]), SHEAF_FUTURE_FINISHED, "not cancelled");
        sheaf_future_release(failing[i]);
    }
    cr_assert(sheaf_future_running(running));
    gate_open(&g, 1);
    cr_assert_eq(result_of(running), &g);
    sheaf_worker_view views[3];
    do { /* the other worker stays until the shutdown */
        cr_assert_eq(sheaf_executor_workers(executor, views, 3), 2);
        cr_assert_neq(views[0].state, SHEAF_WORKER_GONE);
        sched_yield();
    } while (views[1].state != SHEAF_WORKER_GONE);
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                 SHEAF_EBROKEN);
    sheaf_future_release(running);
    sheaf_executor_destroy(executor);
}
