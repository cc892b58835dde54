/*
 * The queue of a thread pool: who is refused and for what reason, and what a limit does to whoever
 * submits. Callers that run their tasks themselves: test_executor_caller_runs.c. Many tasks that
 * are submitted at once: test_executor_submit_many.c.
 */
#include "tests/support_queue.h"

/* ---- the order of refusals ---- */

static sheaf_status refuse(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker;
    sem_wait(&((gate *)arg)->open);
    return sheaf_error_set(err, SHEAF_ENOMEM, "no room for a parser");
}

Test(executor_queue, a_pool_that_broke_and_was_shut_down_says_that_it_broke, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    gate_open(&g, 1);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 1, .initializer = refuse, .init_arg = &g});
    sheaf_future *future = submit(executor, give_back, NULL);
    cr_assert_eq(sheaf_future_result(future, -1, NULL, NULL), SHEAF_EBROKEN);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    item one = {0};
    sheaf_task task = task_of(&one);
    sheaf_error err;
    sheaf_future *none = future;
    cr_assert_eq(sheaf_executor_submit(executor, &task, &none, &err), SHEAF_EBROKEN);
    cr_assert_str_eq(err.message, "no room for a parser");
    cr_assert_eq(err.status, SHEAF_EBROKEN);
    assert_untouched(&one, 0, 1);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* What a thread had accepted until it was refused. */
typedef struct stream {
    pthread_t thread;
    sheaf_executor *executor;
    sheaf_future **futures;
    size_t n;
    atomic_int dropped;
    sheaf_status refused;
} stream;

static void count_stream_drop(void *arg)
{
    atomic_fetch_add(&((stream *)arg)->dropped, 1);
}

static void *stream_main(void *arg)
{
    stream *self = arg;
    sheaf_task task = {.run = give_back, .arg = self, .drop_arg = count_stream_drop};
    size_t capacity = 0;
    for (;;) {
        if (self->n == capacity) {
            capacity = capacity * 2 + 1000;
            self->futures = realloc(self->futures, capacity * sizeof(sheaf_future *));
        }
        self->refused = sheaf_executor_submit(self->executor, &task, &self->futures[self->n], NULL);
        if (self->refused < 0)
            return NULL;
        self->n++;
    }
}

enum { STREAMS = 3 };

static void streams_start(stream *streams, sheaf_executor *executor)
{
    for (int i = 0; i < STREAMS; i++) {
        streams[i] = (stream){.executor = executor};
        cr_assert_eq(pthread_create(&streams[i].thread, NULL, stream_main, &streams[i]), 0);
    }
    while (sheaf_executor_stats_get(executor).submitted < 500)
        sched_yield();
}

static void streams_end(stream *streams, sheaf_status refusal, sheaf_status a, sheaf_status b)
{
    for (int i = 0; i < STREAMS; i++) {
        pthread_join(streams[i].thread, NULL);
        cr_assert_eq(streams[i].refused, refusal, "%d", streams[i].refused);
        for (size_t k = 0; k < streams[i].n; k++) {
            sheaf_status status = sheaf_future_result(streams[i].futures[k], -1, NULL, NULL);
            cr_assert(status == a || status == b, "task %zu ended with %d", k, status);
            sheaf_future_release(streams[i].futures[k]);
        }
        cr_assert_eq((size_t)streams[i].dropped, streams[i].n);
        free(streams[i].futures);
    }
}

Test(executor_queue, every_task_accepted_while_the_pool_breaks_becomes_done, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 2, .initializer = refuse, .init_arg = &g});
    stream streams[STREAMS];
    streams_start(streams, executor);
    gate_open(&g, 2);
    streams_end(streams, SHEAF_EBROKEN, SHEAF_EBROKEN, SHEAF_EBROKEN);
    sheaf_executor_destroy(executor);
}

Test(executor_queue, every_task_accepted_while_it_is_shut_down_becomes_done, .timeout = LIMIT)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        sheaf_executor *executor = pool_of(2);
        stream streams[STREAMS];
        streams_start(streams, executor);
        cr_assert_eq(sheaf_executor_shutdown(executor, cancel, cancel), SHEAF_OK);
        streams_end(streams, SHEAF_ESHUTDOWN, SHEAF_OK, cancel ? SHEAF_ECANCELLED : SHEAF_OK);
        sheaf_executor_destroy(executor);
    }
}

/* ---- no limit ---- */

Test(executor_queue, without_a_limit_any_number_of_tasks_wait, .timeout = LIMIT)
{
    enum { N = 100000 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    hold_workers(executor, &g, 1);
    for (int i = 0; i < N; i++)
        sheaf_future_release(submit(executor, give_back, NULL));
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, N);
    gate_open(&g, 1);
    sheaf_executor_destroy(executor);
}

/* ---- BLOCK ---- */

Test(executor_queue, a_full_queue_makes_whoever_submits_wait_until_a_task_is_begun,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 2, SHEAF_QUEUE_FULL_BLOCK);
    hold_workers(executor, &g, 1);
    item two[2] = {0};
    for (int i = 0; i < 2; i++) /* the one that runs does not count */
        cr_assert_eq(submit_item(executor, &two[i], NULL), SHEAF_OK);
    submitter third;
    submitter_start(&third, executor);
    cr_assert_eq(sheaf_executor_stats_get(executor).queued, 2);
    gate_open(&g, 1);
    pthread_join(third.thread, NULL);
    cr_assert_eq(third.status, SHEAF_OK);
    sheaf_executor_destroy(executor);
    assert_ran(two, 2);
    assert_ran(&third.item, 1);
}

Test(executor_queue, a_task_that_is_cancelled_makes_room_for_whoever_waits, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 1, SHEAF_QUEUE_FULL_BLOCK);
    hold_workers(executor, &g, 1);
    sheaf_future *queued = submit(executor, give_back, NULL);
    submitter waits;
    submitter_start(&waits, executor);
    cr_assert_eq(sheaf_future_cancel(queued), SHEAF_OK);
    pthread_join(waits.thread, NULL); /* while the worker is still held */
    cr_assert_eq(waits.status, SHEAF_OK);
    gate_open(&g, 1);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
    assert_ran(&waits.item, 1);
}

Test(executor_queue, a_shutdown_wakes_all_who_wait_for_room, .timeout = LIMIT)
{
    enum { N = 3 };
    for (int cancel = 0; cancel < 2; cancel++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = limited(1, 1, SHEAF_QUEUE_FULL_BLOCK);
        hold_workers(executor, &g, 1);
        sheaf_future *queued = submit(executor, give_back, NULL);
        submitter waiting[N];
        for (int i = 0; i < N; i++)
            submitter_start(&waiting[i], executor);
        cr_assert_eq(sheaf_executor_shutdown(executor, false, cancel), SHEAF_OK);
        for (int i = 0; i < N; i++) { /* while the worker is still held */
            pthread_join(waiting[i].thread, NULL);
            cr_assert_eq(waiting[i].status, SHEAF_ESHUTDOWN);
            assert_untouched(&waiting[i].item, 0, 1);
        }
        gate_open(&g, 1);
        cr_assert_eq(sheaf_future_result(queued, -1, NULL, NULL),
                     cancel ? SHEAF_ECANCELLED : SHEAF_OK);
        sheaf_future_release(queued);
        sheaf_executor_destroy(executor);
    }
}

Test(executor_queue, a_pool_that_breaks_wakes_all_who_wait_for_room, .timeout = LIMIT)
{
    enum { N = 3 };
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_with((sheaf_executor_options){
        .max_workers = 1, .initializer = refuse, .init_arg = &g, .queue_limit = 1});
    item accepted[2] = {0};
    for (int i = 0; i < 2; i++) /* one is handed to the worker, one waits */
        cr_assert_eq(submit_item(executor, &accepted[i], NULL), SHEAF_OK);
    submitter waiting[N];
    for (int i = 0; i < N; i++)
        submitter_start(&waiting[i], executor);
    gate_open(&g, 1);
    for (int i = 0; i < N; i++) {
        pthread_join(waiting[i].thread, NULL);
        cr_assert_eq(waiting[i].status, SHEAF_EBROKEN);
        assert_untouched(&waiting[i].item, 0, 1);
    }
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(accepted[i].ran, 0);
        cr_assert_eq(accepted[i].dropped, 1);
    }
}

/* A task that submits tasks to a queue which is full. */
typedef struct parent {
    sheaf_executor *executor;
    item children[5];
    sheaf_status statuses[5];
    bool done[5]; /* right after the submit */
    pid_t thread;
    int index;
    bool scratch_is_kept;
} parent;

static sheaf_status submit_children(sheaf_worker *worker, void *arg, void **result,
                                    sheaf_error *err)
{
    (void)result;
    parent *self = arg;
    self->thread = gettid();
    self->index = sheaf_worker_index(worker);
    char *scratch = sheaf_arena_new(sheaf_worker_scratch(worker), char, 1000);
    if (!scratch)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no scratch");
    memset(scratch, 'k', 1000);
    for (int i = 0; i < 5; i++) {
        sheaf_future *future = NULL;
        self->statuses[i] = submit_item(self->executor, &self->children[i], &future);
        self->done[i] = future && sheaf_future_done(future);
        sheaf_future_release(future);
    }
    self->scratch_is_kept = true;
    for (int i = 0; i < 1000; i++)
        self->scratch_is_kept &= scratch[i] == 'k';
    return SHEAF_OK;
}

static void assert_worker_runs_them(sheaf_queue_full full)
{
    parent all = {.executor = limited(1, 1, full)};
    sheaf_future *future = submit(all.executor, submit_children, &all);
    result_of(future);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(all.statuses[i], SHEAF_OK);
        cr_assert_eq(all.done[i], i > 0, "there is room for the first; child %d", i);
        cr_assert(i == 0 || all.children[i].thread == all.thread);
        cr_assert(i == 0 || all.children[i].index == all.index, "it is the same worker");
    }
    cr_assert(all.scratch_is_kept);
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
    assert_ran(all.children, 5);
}

Test(executor_queue, a_worker_of_the_pool_never_waits_for_room_but_runs_the_task, .timeout = LIMIT)
{
    assert_worker_runs_them(SHEAF_QUEUE_FULL_BLOCK);
}

Test(executor_queue, a_worker_that_must_run_what_it_submits_stays_the_worker_it_is,
     .timeout = LIMIT)
{
    assert_worker_runs_them(SHEAF_QUEUE_FULL_CALLER_RUNS);
}

Test(executor_queue, a_worker_of_another_pool_waits_for_room_like_anybody, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *full = limited(1, 1, SHEAF_QUEUE_FULL_BLOCK);
    hold_workers(full, &g, 1);
    parent all = {.executor = full};
    sheaf_executor *other = pool_of(1);
    sheaf_future *future = submit(other, submit_children, &all);
    while (sheaf_executor_stats_get(full).queued < 1)
        sched_yield();
    gate_open(&g, 1);
    result_of(future);
    cr_assert(all.scratch_is_kept);
    sheaf_future_release(future);
    sheaf_executor_destroy(other);
    sheaf_executor_destroy(full);
    assert_ran(all.children, 5);
    for (int i = 0; i < 5; i++)
        cr_assert_neq(all.children[i].thread, all.thread);
}

/* A task that submits the next two, of which one finds the queue full. */
typedef struct branch {
    sheaf_executor *executor;
    int links;
} branch;

static atomic_int n_links;

static sheaf_status next_branch(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    branch *self = arg;
    atomic_fetch_add(&n_links, 1);
    for (int i = 0; i < 2 && self->links > 0; i++) {
        branch *next = malloc(sizeof *next);
        *next = (branch){self->executor, i == 0 ? 0 : self->links - 1};
        sheaf_task task = {.run = next_branch, .arg = next, .drop_arg = free};
        sheaf_status status = sheaf_executor_submit(self->executor, &task, NULL, err);
        if (status < 0) {
            free(next);
            return status;
        }
    }
    return SHEAF_OK;
}

Test(executor_queue, tasks_that_submit_tasks_to_a_full_queue_need_no_deeper_stack, .timeout = LIMIT)
{
    enum { LINKS = 100000 };
    static const sheaf_queue_full policies[] = {SHEAF_QUEUE_FULL_BLOCK,
                                                SHEAF_QUEUE_FULL_CALLER_RUNS};
    for (int i = 0; i < 2; i++) {
        atomic_store(&n_links, 0);
        sheaf_executor *executor = limited(1, 1, policies[i]);
        branch first = {executor, LINKS};
        sheaf_future *future = submit(executor, next_branch, &first);
        result_of(future);
        while (atomic_load(&n_links) < 2 * LINKS + 1) /* the queue may have taken some */
            sched_yield();
        sheaf_future_release(future);
        sheaf_executor_destroy(executor);
        cr_assert_eq(n_links, 2 * LINKS + 1);
    }
}

/* ---- REFUSE ---- */

Test(executor_queue, a_full_queue_may_refuse_and_the_argument_stays_with_the_caller,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = limited(1, 2, SHEAF_QUEUE_FULL_REFUSE);
    hold_workers(executor, &g, 1);
    item items[4] = {0};
    sheaf_future *futures[4] = {0};
    sheaf_error err;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(submit_item(executor, &items[i], &futures[i]), SHEAF_OK);
    sheaf_task third = task_of(&items[2]);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(sheaf_executor_submit(executor, &third, NULL, &err), SHEAF_EAGAIN);
        cr_assert_eq(err.status, SHEAF_EAGAIN);
    }
    assert_untouched(items, 2, 4);
    cr_assert_eq(sheaf_future_cancel(futures[0]), SHEAF_OK);
    cr_assert_eq(submit_item(executor, &items[2], NULL), SHEAF_OK, "there is room again");
    cr_assert_eq(submit_item(executor, &items[3], NULL), SHEAF_EAGAIN);
    gate_open(&g, 1);
    result_of(futures[1]);
    sheaf_future_release(futures[0]);
    sheaf_future_release(futures[1]);
    sheaf_executor_destroy(executor);
    assert_ran(&items[1], 2);
    assert_untouched(items, 3, 4);
    cr_assert_eq(items[0].ran, 0);
    cr_assert_eq(items[0].dropped, 1);
}

Test(executor_queue, a_worker_is_refused_as_anybody_is, .timeout = LIMIT)
{
    parent all = {.executor = limited(1, 2, SHEAF_QUEUE_FULL_REFUSE)};
    sheaf_future *future = submit(all.executor, submit_children, &all);
    result_of(future);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(all.statuses[i], i < 2 ? SHEAF_OK : SHEAF_EAGAIN, "child %d", i);
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
    assert_ran(all.children, 2);
    assert_untouched(all.children, 2, 5);
}

Test(executor_queue, a_limit_is_refused_where_there_is_no_queue, .timeout = LIMIT)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    sheaf_executor_options options = {
        .size = sizeof options, .kind = SHEAF_EXECUTOR_SEQUENTIAL, .queue_limit = 1};
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_EINVAL);
    cr_assert_eq(err.status, SHEAF_EINVAL);
    cr_assert_null(executor);
}
