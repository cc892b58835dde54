/*
 * Defects that other executors have, or had: each test is named after what must not happen, and
 * says where it did. Those of maps are in test_map.c, of fork() in test_executor_fork.c, of a full
 * queue in test_executor_queue.c.
 */
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <time.h>

#include <sheaf/map.h>

#include "tests/support_executor.h"

static atomic_int n_dropped;

static void count_drop(void *object)
{
    (void)object;
    atomic_fetch_add(&n_dropped, 1);
}

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

/* All workers of a pool exist, and none has anything to do. */
static void warm_up(sheaf_executor *executor, int workers)
{
    gate g;
    gate_init(&g);
    for (int i = 0; i < workers; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    for (int i = 0; i < workers; i++)
        sem_wait(&g.entered);
    gate_open(&g, workers);
    while (sheaf_executor_stats_get(executor).idle < (uint64_t)workers)
        sched_yield();
}

/* ---- Pithikos C-Thread-Pool ---- */

/* #88, #104, #110: whether to go on was one variable for all pools of the process. */
Test(executor_defects, the_end_of_one_pool_stops_no_other, .timeout = LIMIT)
{
    for (int first = 0; first < 2; first++) {
        gate g;
        gate_init(&g);
        sheaf_executor *pools[2] = {pool_of(2), pool_of(2)};
        sheaf_executor *goes = pools[first];
        sheaf_executor *stays = pools[1 - first];
        warm_up(goes, 2);
        warm_up(stays, 2);
        sheaf_future *futures[6];
        for (int i = 0; i < 6; i++) /* two run, four wait */
            futures[i] = submit(stays, pass_gate, &g);
        for (int i = 0; i < 2; i++)
            sem_wait(&g.entered);
        sheaf_executor_destroy(goes);
        sheaf_future *later = submit(stays, give_back, stays);
        gate_open(&g, 6);
        for (int i = 0; i < 6; i++) {
            cr_assert_eq(result_of(futures[i]), &g);
            sheaf_future_release(futures[i]);
        }
        cr_assert_eq(result_of(later), stays);
        sheaf_future_release(later);
        sheaf_executor_destroy(stays);
    }
}

/* #135: destroy woke one thread a second, until all had gone. */
Test(executor_defects, the_end_of_a_pool_takes_no_longer_the_more_workers_it_has, .timeout = LIMIT)
{
    for (int round = 0; round < 5; round++) {
        sheaf_executor *executor = pool_of(64);
        warm_up(executor, 64);
        sheaf_executor_destroy(executor);
    }
}

/* #136: no thread at all was accepted, and the first wait hung. */
Test(executor_defects, a_pool_of_the_default_size_has_workers, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(0);
    sheaf_future *future = submit(executor, give_back, executor);
    cr_assert_eq(result_of(future), executor);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* #61, #59: pausing was done by a signal, whose handler slept, in the whole process. */
Test(executor_defects, a_pool_leaves_the_signal_handlers_of_the_process_alone, .timeout = LIMIT)
{
    struct sigaction before[65];
    struct sigaction after;
    for (int i = 1; i <= 64; i++)
        if (sigaction(i, NULL, &before[i]) != 0)
            memset(&before[i], 0, sizeof before[i]);
    sheaf_executor *executor = pool_of(2);
    warm_up(executor, 2);
    for (int round = 0; round < 2; round++) { /* while it lives, and afterwards */
        for (int i = 1; i <= 64; i++) {
            if (sigaction(i, NULL, &after) == 0)
                cr_assert_eq(after.sa_handler, before[i].sa_handler, "signal %d", i);
        }
        if (round == 0)
            sheaf_executor_destroy(executor);
    }
}

/* Threads were detached: after destroy they still ran, in code that a dlclose takes away. */
Test(executor_defects, no_thread_is_left_behind, .timeout = LIMIT)
{
    int before = count_threads();
    for (int round = 0; round < 50; round++) {
        sheaf_executor *executor = pool_of(4);
        for (int i = 0; i < 8; i++)
            sheaf_future_release(submit(executor, give_back, NULL));
        sheaf_executor_destroy(executor);
        while (count_threads() > before) /* the kernel shows one that was joined a little longer */
            sched_yield();
    }
}

static sheaf_status give_thread(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    *result = (void *)(size_t)gettid();
    return SHEAF_OK;
}

/* Its init waited for its threads in a loop, and idle ones polled. */
Test(executor_defects, a_worker_without_work_sleeps, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_executor *other = pool_of(1);
    sheaf_future *future = submit(executor, give_thread, NULL);
    sleeper worker = (int)(size_t)result_of(future);
    while (sheaf_executor_stats_get(executor).idle < 1)
        sched_yield();
    cr_assert(await_sleep(&worker));
    clockid_t clock = (clockid_t)((~(unsigned)atomic_load(&worker) << 3) | 6); /* of that thread */
    struct timespec before;
    struct timespec after;
    cr_assert_eq(clock_gettime(clock, &before), 0);
    for (int i = 0; i < 1000; i++) { /* whatever else goes on meanwhile */
        sheaf_future *elsewhere = submit(other, give_back, NULL);
        result_of(elsewhere);
        sheaf_future_release(elsewhere);
    }
    cr_assert_eq(clock_gettime(clock, &after), 0);
    cr_assert_eq(after.tv_sec, before.tv_sec);
    cr_assert_eq(after.tv_nsec, before.tv_nsec, "it was awake");
    sheaf_future_release(future);
    sheaf_executor_destroy(other);
    sheaf_executor_destroy(executor);
}

/* ---- mbrossard/threadpool ---- */

/* The second call came back with the mutex still locked, and the one after it hung. */
Test(executor_defects, a_second_shutdown_leaves_nothing_locked, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(2);
    sheaf_future *future = submit(executor, give_back, executor);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(sheaf_executor_shutdown(executor, i & 1, i & 2), SHEAF_OK);
    (void)sheaf_executor_stats_get(executor);
    cr_assert_eq(sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL),
                 SHEAF_ESHUTDOWN);
    (void)!sheaf_future_result(future, -1, NULL, NULL);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* #4: one could only wait for all tasks by destroying the pool. */
Test(executor_defects, one_can_wait_for_all_tasks_and_go_on_with_the_pool, .timeout = LIMIT)
{
    enum { N = 20 };
    sheaf_executor *executor = pool_of(2);
    for (int round = 0; round < 3; round++) {
        sheaf_future *futures[N];
        for (int i = 0; i < N; i++)
            futures[i] = submit(executor, give_back, NULL);
        cr_assert_eq(sheaf_wait(futures, N, -1, SHEAF_ALL_COMPLETED, NULL, NULL), SHEAF_OK);
        for (int i = 0; i < N; i++)
            sheaf_future_release(futures[i]);
    }
    sheaf_executor_destroy(executor);
}

/* Tasks that were thrown away at an immediate shutdown leaked their arguments. */
Test(executor_defects, an_argument_of_a_task_that_never_runs_is_dropped, .timeout = LIMIT)
{
    enum { N = 100 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future_release(submit(executor, pass_gate, &g));
    sem_wait(&g.entered);
    for (int i = 0; i < N; i++) {
        sheaf_task task = {.run = give_back, .arg = &g, .drop_arg = count_drop};
        cr_assert_eq(sheaf_executor_submit(executor, &task, NULL, NULL), SHEAF_OK);
    }
    cr_assert_eq(sheaf_executor_shutdown(executor, false, true), SHEAF_OK);
    cr_assert_eq(n_dropped, N);
    gate_open(&g, 1);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_dropped, N);
}

/* ---- libuv ---- */

static pthread_barrier_t all_here;

static sheaf_status meet(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)result, (void)err;
    pthread_barrier_wait(&all_here);
    return SHEAF_OK;
}

/* Tasks that only end together, so that each needs a worker of its own, again and again. */
static void assert_all_meet(sheaf_executor *executor, unsigned n, bool at_once)
{
    sheaf_future *futures[8];
    sheaf_task tasks[8];
    size_t taken;
    for (int round = 0; round < 500; round++) {
        for (unsigned i = 0; i < n; i++)
            tasks[i] = (sheaf_task){.run = meet};
        if (at_once)
            cr_assert_eq(sheaf_executor_submit_many(executor, tasks, n, futures, &taken, NULL),
                         SHEAF_OK);
        for (unsigned i = 0; i < n && !at_once; i++)
            futures[i] = submit(executor, meet, NULL);
        for (unsigned i = 0; i < n; i++) {
            cr_assert_eq(sheaf_future_result(futures[i], -1, NULL, NULL), SHEAF_OK);
            sheaf_future_release(futures[i]);
        }
    }
}

/* #490, #492, #493: a worker was woken only when the queue had been empty; the others slept on. */
Test(executor_defects, every_task_that_waits_wakes_a_worker_that_sleeps, .timeout = 2 * LIMIT)
{
    for (unsigned n = 2; n <= 8; n *= 2) {
        pthread_barrier_init(&all_here, NULL, n);
        sheaf_executor *executor = pool_of((int)n);
        assert_all_meet(executor, n, false);
        assert_all_meet(executor, n, true);
        sheaf_executor_destroy(executor);
        pthread_barrier_destroy(&all_here);
    }
}

static sheaf_status submit_meeting(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < 3 && status == SHEAF_OK; i++) /* it is the fourth itself */
        status = sheaf_executor_submit(arg, &(sheaf_task){.run = meet}, NULL, err);
    return status < 0 ? status : meet(worker, NULL, result, err);
}

Test(executor_defects, also_when_a_worker_submits_them, .timeout = LIMIT)
{
    pthread_barrier_init(&all_here, NULL, 4);
    sheaf_executor *executor = pool_of(4);
    for (int round = 0; round < 300; round++) {
        sheaf_future *future = submit(executor, submit_meeting, executor);
        cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_OK);
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

/* #1845: one pool for all; name look-ups that hung kept every file from being read. */
Test(executor_defects, a_pool_full_of_tasks_that_hang_holds_up_no_other, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *hangs = pool_of(2);
    sheaf_executor *works = pool_of(2);
    for (int i = 0; i < 10; i++)
        sheaf_future_release(submit(hangs, pass_gate, &g));
    for (int i = 0; i < 2; i++)
        sem_wait(&g.entered);
    for (int i = 0; i < 10; i++) {
        sheaf_future *future = submit(works, give_back, works);
        cr_assert_eq(result_of(future), works);
        sheaf_future_release(future);
    }
    gate_open(&g, 10);
    sheaf_executor_destroy(works);
    sheaf_executor_destroy(hangs);
}

/* ---- pools by TensorFlow, BS, progschj ---- */

/* The stop flag was set outside the mutex: a worker that was about to sleep never heard of it. */
Test(executor_defects, no_wake_up_is_lost_at_the_end, .timeout = 2 * LIMIT)
{
    for (int round = 0; round < 3000; round++) {
        int n_tasks = round % 5;
        sheaf_executor *executor = pool_of(1 + round % 4);
        for (int i = 0; i < n_tasks; i++) {
            sheaf_task task = {.run = give_back, .arg = executor, .drop_arg = count_drop};
            cr_assert_eq(sheaf_executor_submit(executor, &task, NULL, NULL), SHEAF_OK);
        }
        if (round % 7 == 0)
            sched_yield();
        sheaf_executor_destroy(executor);
        cr_assert_eq(n_dropped, n_tasks, "round %d", round);
        atomic_store(&n_dropped, 0);
    }
}

/* ---- htslib ---- */

typedef struct counter {
    size_t next, last;
} counter;

static sheaf_status count_up(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    counter *c = source;
    if (c->next == c->last)
        return SHEAF_END;
    *arg = (void *)++c->next;
    return SHEAF_OK;
}

/* #462, #537: ordered queues that shared a pool were freed under each other at the end. */
Test(executor_defects, maps_that_share_a_pool_end_in_any_order, .timeout = LIMIT)
{
    for (unsigned order = 0; order < 64; order++) {
        sheaf_executor *executor = pool_of(2);
        counter sources[3];
        sheaf_map *maps[3];
        void *result;
        for (int i = 0; i < 3; i++) {
            sources[i] = (counter){.last = 20};
            sheaf_map_options options = {.size = sizeof options,
                                         .run = give_back,
                                         .next = count_up,
                                         .source = &sources[i],
                                         .buffersize = 5};
            cr_assert_eq(sheaf_map_open(executor, &options, &maps[i], NULL), SHEAF_OK);
            for (unsigned k = 0; k < (order >> i) % 4; k++)
                cr_assert_eq(sheaf_map_next(maps[i], &result, NULL), SHEAF_OK);
        }
        for (unsigned i = 0; i < 3; i++) {
            sheaf_map *map = maps[(i + order) % 3];
            if ((order >> (3 + i)) % 2)
                sheaf_map_detach(map);
            else
                sheaf_map_close(map);
        }
        sheaf_executor_destroy(executor);
    }
}

/* ---- loky ---- */

typedef struct relay {
    sheaf_executor *executor;
    atomic_int left;
    sem_t over;
} relay;

static void pass_on(sheaf_future *future, void *context)
{
    (void)future;
    relay *self = context;
    sheaf_future *next = NULL;
    if (atomic_fetch_sub(&self->left, 1) == 1) {
        sem_post(&self->over);
        return;
    }
    if (sheaf_executor_submit(self->executor, &(sheaf_task){.run = give_back}, &next, NULL) == 0 &&
        sheaf_future_add_done_callback(next, pass_on, self, NULL) < 0)
        abort();
    sheaf_future_release(next);
}

/* Callbacks that submit the next task ran ever deeper, until the recursion limit. */
Test(executor_defects, a_callback_that_submits_the_next_task_does_not_go_deeper, .timeout = LIMIT)
{
    relay all = {.executor = pool_of(2), .left = 100000};
    sem_init(&all.over, 0, 0);
    sheaf_future *first = submit(all.executor, give_back, NULL);
    cr_assert_eq(sheaf_future_add_done_callback(first, pass_on, &all, NULL), SHEAF_OK);
    sheaf_future_release(first);
    sem_wait(&all.over);
    sheaf_executor_destroy(all.executor);
}

/* Workers were restarted because they had grown. What a task leaves behind must be nothing. */
Test(executor_defects, a_long_life_does_not_grow, .timeout = LIMIT)
{
#if !defined(__SANITIZE_ADDRESS__) /* which keeps what is freed */
    enum { ROUNDS = 3, TASKS = 30000 };
    size_t bytes[ROUNDS];
    sheaf_executor *executor = pool_of(2);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < TASKS; i++) {
            sheaf_future *future = submit(executor, i % 3 ? give_back : fail, (void *)"x");
            if (i % 2)
                (void)!sheaf_future_result(future, -1, NULL, NULL);
            sheaf_future_release(future);
        }
        while (sheaf_executor_stats_get(executor).running > 0)
            sched_yield();
        bytes[round] = mallinfo2().uordblks;
    }
    cr_assert_lt(bytes[ROUNDS - 1], bytes[0] + (size_t)TASKS * 32, "%zu bytes, then %zu", bytes[0],
                 bytes[ROUNDS - 1]);
    sheaf_executor_destroy(executor);
#endif
}
