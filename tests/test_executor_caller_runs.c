/*
 * A full queue whose callers run their tasks themselves: each caller that does is a guest among the
 * workers, from max_workers on, with an initializer and a finalizer of its own.
 */
#include "tests/support_queue.h"

/* ---- what workers keep ---- */

static atomic_int n_initialized, n_finalized, n_wrong;

static sheaf_status initialize(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)arg;
    int *kept = malloc(sizeof *kept);
    if (!kept)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no memory");
    *kept = sheaf_worker_index(worker);
    sheaf_worker_set_local(worker, kept);
    atomic_fetch_add(&n_initialized, 1);
    return SHEAF_OK;
}

static void finalize(sheaf_worker *worker, void *arg)
{
    (void)arg;
    int *kept = sheaf_worker_local(worker);
    atomic_fetch_add(&n_wrong, !kept || *kept != sheaf_worker_index(worker));
    free(kept);
    atomic_fetch_add(&n_finalized, 1);
}

/* The local is there, of this worker, and so are its scratch and its name. */
static sheaf_status look_at_guest(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    char name[64];
    snprintf(name, sizeof name, "callers_%d", sheaf_worker_index(worker));
    const int *kept = sheaf_worker_local(worker);
    char *scratch = sheaf_arena_new(sheaf_worker_scratch(worker), char, 1000);
    bool good = scratch && kept && *kept == sheaf_worker_index(worker) &&
                strcmp(sheaf_worker_name(worker), name) == 0 && !sheaf_worker_stopping(worker);
    atomic_fetch_add(&n_wrong, !good);
    return run_item(worker, arg, result, err);
}

static sheaf_executor *callers_pool(int max_workers)
{
    return pool_with((sheaf_executor_options){.max_workers = max_workers,
                                              .queue_limit = 1,
                                              .queue_full = SHEAF_QUEUE_FULL_CALLER_RUNS,
                                              .thread_name_prefix = "callers",
                                              .initializer = initialize,
                                              .finalizer = finalize});
}

/* ---- the tests ---- */

Test(executor_caller_runs, a_caller_runs_its_task_as_a_worker_beyond_the_maximum, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(2);
    hold_workers(executor, &g, 2);
    item items[6] = {0};
    sheaf_future *futures[6] = {0};
    for (int i = 0; i < 6; i++) {
        sheaf_task task = task_of(&items[i]);
        task.run = look_at_guest;
        cr_assert_eq(sheaf_executor_submit(executor, &task, &futures[i], NULL), SHEAF_OK);
        cr_assert_eq(sheaf_future_done(futures[i]), i > 0, "there is room for the first; %d", i);
    }
    assert_ran(&items[1], 5);
    for (int i = 1; i < 6; i++) {
        cr_assert_eq(items[i].thread, gettid());
        cr_assert_geq(items[i].index, 2);
        cr_assert_eq(result_of(futures[i]), &items[i]);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, 1);
    cr_assert_eq(sheaf_executor_stats_get(executor).finished, 5);
    gate_open(&g, 2);
    for (int i = 0; i < 6; i++) {
        result_of(futures[i]);
        sheaf_future_release(futures[i]);
    }
    sheaf_executor_destroy(executor);
    assert_ran(items, 6);
    cr_assert_eq(n_wrong, 0);
}

Test(executor_caller_runs, a_guest_is_begun_and_ended_once_however_often_it_runs, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(1);
    hold_workers(executor, &g, 1);
    item items[50] = {0};
    for (int i = 0; i < 50; i++)
        cr_assert_eq(submit_item(executor, &items[i], NULL), SHEAF_OK);
    for (int i = 1; i < 50; i++)
        cr_assert_eq(items[i].index, 1, "one guest is enough");
    cr_assert_eq(n_initialized, 2);
    cr_assert_eq(sheaf_executor_stats_get(executor).running, 1);
    gate_open(&g, 1);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_initialized, 2, "the worker and the guest");
    cr_assert_eq(n_finalized, 2);
    cr_assert_eq(n_wrong, 0);
    assert_ran(items, 50);
}

/* A thread whose task, which it runs itself, stays at a gate. */
typedef struct guest {
    pthread_t thread;
    sheaf_executor *executor;
    sheaf_task task;
    sheaf_status status;
} guest;

static void *guest_main(void *arg)
{
    guest *self = arg;
    self->status = sheaf_executor_submit(self->executor, &self->task, NULL, NULL);
    return NULL;
}

typedef struct held {
    gate *gate;
    int index;
} held;

static sheaf_status pass_gate_and_tell(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    held *self = arg;
    self->index = sheaf_worker_index(worker);
    return pass_gate(worker, self->gate, result, err);
}

static void guest_start(guest *self, sheaf_executor *executor, held *task)
{
    *self = (guest){.executor = executor, .task = {.run = pass_gate_and_tell, .arg = task}};
    cr_assert_eq(pthread_create(&self->thread, NULL, guest_main, self), 0);
    sem_wait(&task->gate->entered);
}

Test(executor_caller_runs, guests_at_the_same_time_have_each_an_index_of_their_own,
     .timeout = LIMIT)
{
    enum { N = 4 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(2);
    hold_workers(executor, &g, 2);
    sheaf_future_release(submit(executor, give_back, NULL));
    guest guests[N];
    held tasks[N];
    bool seen[N] = {false};
    for (int i = 0; i < N; i++) {
        tasks[i] = (held){.gate = &g};
        guest_start(&guests[i], executor, &tasks[i]);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).running, 2 + N);
    gate_open(&g, 2 + N);
    for (int i = 0; i < N; i++) {
        pthread_join(guests[i].thread, NULL);
        cr_assert_eq(guests[i].status, SHEAF_OK);
        int place = tasks[i].index - 2;
        cr_assert(place >= 0 && place < N && !seen[place], "index %d", tasks[i].index);
        seen[place] = true;
    }
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_initialized, 2 + N);
    cr_assert_eq(n_finalized, 2 + N);
    cr_assert_eq(n_wrong, 0);
}

Test(executor_caller_runs, an_error_is_seen_at_retrieval_and_not_by_submit, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(1);
    hold_workers(executor, &g, 1);
    sheaf_future_release(submit(executor, give_back, NULL));
    sheaf_error err;
    sheaf_future *future = submit(executor, fail, "3");
    cr_assert_eq(sheaf_future_result(future, 0, NULL, &err), SHEAF_ETASK);
    cr_assert_str_eq(err.message, "item 3 is bad");
    cr_assert_eq(sheaf_executor_stats_get(executor).failed, 1);
    gate_open(&g, 1);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

static sheaf_status wait_for(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    return sheaf_future_result(arg, -1, result, err);
}

Test(executor_caller_runs, a_guest_runs_the_queued_task_that_its_own_task_waits_for,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(1);
    hold_workers(executor, &g, 1);
    item queued = {0};
    sheaf_future *inner = NULL;
    cr_assert_eq(submit_item(executor, &queued, &inner), SHEAF_OK);
    sheaf_future *outer = submit(executor, wait_for, inner); /* while the worker is held */
    cr_assert_eq(result_of(outer), &queued);
    cr_assert_eq(queued.thread, gettid());
    cr_assert_eq(queued.index, 1);
    gate_open(&g, 1);
    sheaf_future_release(inner);
    sheaf_future_release(outer);
    sheaf_executor_destroy(executor);
    assert_ran(&queued, 1);
}

static sheaf_status refuse_guests(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)arg;
    return sheaf_worker_index(worker) > 0 ? sheaf_error_set(err, SHEAF_ENOMEM, "no more parsers")
                                          : SHEAF_OK;
}

Test(executor_caller_runs, a_guest_whose_initializer_fails_breaks_the_pool, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 1,
                                 .queue_limit = 1,
                                 .queue_full = SHEAF_QUEUE_FULL_CALLER_RUNS,
                                 .initializer = refuse_guests});
    sheaf_future *running = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    item items[3] = {0};
    sheaf_future *futures[3] = {0};
    sheaf_error err;
    cr_assert_eq(submit_item(executor, &items[0], &futures[0]), SHEAF_OK);
    sheaf_status status = submit_item(executor, &items[1], &futures[1]);
    if (status == SHEAF_OK)
        status = sheaf_future_result(futures[1], 0, NULL, NULL);
    cr_assert_eq(status, SHEAF_EBROKEN);
    cr_assert_eq(items[1].ran, 0);
    cr_assert_eq(items[1].dropped, futures[1] ? 1 : 0, "its argument is the task's, once accepted");
    cr_assert_eq(sheaf_future_result(futures[0], -1, NULL, &err), SHEAF_EBROKEN);
    cr_assert_str_eq(err.message, "no more parsers");
    cr_assert_eq(submit_item(executor, &items[2], NULL), SHEAF_EBROKEN);
    gate_open(&g, 1);
    cr_assert_eq(result_of(running), &g, "what runs ends as it would");
    sheaf_future_release(running);
    sheaf_future_release(futures[0]);
    sheaf_future_release(futures[1]);
    sheaf_executor_destroy(executor);
    cr_assert_eq(items[0].dropped, 1);
}

/* ---- a guest and the end of the pool ---- */

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    gate *gate;
    int passed; /* the gate, when the shutdown came back */
    int finalized;
} closer;

static void *closer_main(void *arg)
{
    closer *self = arg;
    about_to_sleep(&self->sleeper);
    sheaf_executor_shutdown(self->executor, true, false);
    self->passed = atomic_load(&self->gate->passed);
    self->finalized = atomic_load(&n_finalized);
    came_back(&self->sleeper);
    return NULL;
}

Test(executor_caller_runs, a_shutdown_waits_for_guests_too, .timeout = LIMIT)
{
    gate of_worker;
    gate of_guest;
    gate_init(&of_worker);
    gate_init(&of_guest);
    sheaf_executor *executor = callers_pool(1);
    hold_workers(executor, &of_worker, 1);
    sheaf_future_release(submit(executor, give_back, NULL));
    guest one;
    held task = {.gate = &of_guest};
    guest_start(&one, executor, &task);
    gate_open(&of_worker, 1);
    while (sheaf_executor_stats_get(executor).finished < 2) /* only the guest is left */
        sched_yield();
    closer shutdown = {.executor = executor, .gate = &of_guest};
    cr_assert_eq(pthread_create(&shutdown.thread, NULL, closer_main, &shutdown), 0);
    cr_assert(await_sleep(&shutdown.sleeper), "it came back while a caller runs a task");
    gate_open(&of_guest, 1);
    pthread_join(shutdown.thread, NULL);
    pthread_join(one.thread, NULL);
    cr_assert_eq(shutdown.passed, 1);
    cr_assert_eq(shutdown.finalized, 2);
    sheaf_executor_destroy(executor);
}

static sheaf_status shut_down(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    return sheaf_executor_shutdown(arg, true, false) == SHEAF_EDEADLK ? SHEAF_OK : SHEAF_ETASK;
}

Test(executor_caller_runs, a_guest_that_waits_for_the_end_of_its_pool_is_told_of_the_deadlock,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = callers_pool(1);
    hold_workers(executor, &g, 1);
    sheaf_future_release(submit(executor, give_back, NULL));
    sheaf_future *future = submit(executor, shut_down, executor);
    cr_assert_eq(sheaf_future_result(future, 0, NULL, NULL), SHEAF_OK);
    gate_open(&g, 1);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_finalized, 2);
}
