/*
 * Executors and futures in a child of fork(): those of the parent are dead there and nothing waits
 * for them; new ones work. Each child is a program of its own, which says a letter for each thing
 * that is not as it should be, and has its time limited: whatever blocks is seen.
 */
#include <sheaf/map.h>

#include "tests/support_program.h"

static void check(char letter, bool good)
{
    if (!good)
        say(letter);
}

static void assert_silent(outcome all, int code)
{
    cr_assert_str_eq(all.text, "", "not so in the child: %s", all.text);
    cr_assert_eq(all.code, code, "it ended with %d", all.code);
}

static sheaf_executor *executor;
static sheaf_future *finished, *failed, *running, *queued, *cancelled;
static gate held;

static sheaf_executor *pool_with(sheaf_executor_options options)
{
    sheaf_executor *made = NULL;
    options.size = sizeof options;
    options.at_exit = SHEAF_AT_EXIT_DETACH; /* a test that fails does not wait for its gates */
    cr_assert_eq(sheaf_executor_create(&options, &made, NULL), SHEAF_OK);
    return made;
}

/* One worker, which is held; futures in each state. */
static void set_up(void)
{
    gate_init(&held);
    executor = pool_with((sheaf_executor_options){.max_workers = 1, .queue_limit = 2});
    finished = submit(executor, give_back, &held);
    failed = submit(executor, fail, "3");
    result_of(finished);
    (void)!sheaf_future_result(failed, -1, NULL, NULL);
    running = submit(executor, pass_gate, &held);
    sem_wait(&held.entered);
    queued = submit(executor, give_back, &held);
    cancelled = submit(executor, give_back, &held);
    sheaf_future_cancel(cancelled);
}

/* The parent's side goes on as if nothing had been. */
static void tear_down(void)
{
    gate_open(&held, 1);
    cr_assert_eq(result_of(running), &held);
    cr_assert_eq(result_of(queued), &held);
    sheaf_future *all[] = {finished, failed, running, queued, cancelled};
    for (int i = 0; i < 5; i++)
        sheaf_future_release(all[i]);
    sheaf_executor_destroy(executor);
}

/* ---- what is inherited ---- */

static void submit_in_child(void)
{
    sheaf_task task = {.run = give_back};
    sheaf_future *future = running;
    sheaf_error err;
    size_t n = 99;
    for (int i = 0; i < 4; i++) { /* also when the queue would be full */
        check('a', sheaf_executor_submit(executor, &task, NULL, &err) == SHEAF_EFORKED);
        check('b', err.status == SHEAF_EFORKED);
    }
    check('c', sheaf_executor_submit_many(executor, &task, 1, &future, &n, NULL) == SHEAF_EFORKED);
    check('d', n == 0 && future == NULL);
    _exit(0);
}

Test(executor_fork, a_pool_of_the_parents_accepts_nothing, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(submit_in_child), 0);
    tear_down();
}

static void look_in_child(void)
{
    void *result = NULL;
    sheaf_error err;
    check('a', sheaf_future_result(finished, -1, &result, NULL) == SHEAF_OK && result == &held);
    check('b', sheaf_future_done(finished));
    check('c', sheaf_future_result(failed, -1, NULL, &err) == SHEAF_ETASK);
    check('d', strcmp(err.message, "item 3 is bad") == 0);
    check('e', sheaf_future_result(cancelled, -1, NULL, NULL) == SHEAF_ECANCELLED);
    check('f', sheaf_future_error(failed, -1, &err) == SHEAF_OK && err.status == SHEAF_ETASK);
    check('g', sheaf_future_take(finished, -1, &result, NULL) == SHEAF_OK && result == &held);
    check('h', sheaf_future_take(finished, -1, &result, NULL) == SHEAF_ESTATE);
    check('i', sheaf_future_cancel(failed) == SHEAF_ESTATE);
    check('j', sheaf_future_cancel(cancelled) == SHEAF_OK);
    sheaf_future_release(failed);
    sheaf_future_release(cancelled);
    _exit(0);
}

Test(executor_fork, what_was_done_before_is_still_read, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(look_in_child), 0);
    tear_down();
}

static void wait_in_child(void)
{
    sheaf_future *unfinished[] = {running, queued};
    sheaf_error err;
    for (int i = 0; i < 2; i++) {
        check('a', sheaf_future_result(unfinished[i], -1, NULL, &err) == SHEAF_EFORKED);
        check('b', err.status == SHEAF_EFORKED);
        check('c', sheaf_future_result(unfinished[i], 1000000, NULL, NULL) == SHEAF_EFORKED);
        check('d', sheaf_future_take(unfinished[i], -1, NULL, NULL) == SHEAF_EFORKED);
        check('e', sheaf_future_error(unfinished[i], -1, &err) == SHEAF_EFORKED);
        check('f', err.status == SHEAF_EFORKED);
        check('g', !sheaf_future_done(unfinished[i]));
    }
    _exit(0);
}

Test(executor_fork, what_was_not_done_is_not_waited_for, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(wait_in_child), 0);
    tear_down();
}

static void wait_for_many_in_child(void)
{
    sheaf_future *all[] = {finished, running, queued};
    bool done[3] = {false, true, true};
    sheaf_as_completed *iterator = NULL;
    sheaf_future *next = NULL;
    check('a', sheaf_wait(all, 3, -1, SHEAF_ALL_COMPLETED, done, NULL) == SHEAF_EFORKED);
    check('b', done[0] && !done[1] && !done[2]);
    check('c', sheaf_wait(all, 3, -1, SHEAF_FIRST_COMPLETED, NULL, NULL) == SHEAF_OK);
    check('d', sheaf_wait(&all[1], 2, -1, SHEAF_FIRST_COMPLETED, NULL, NULL) == SHEAF_EFORKED);
    sheaf_status status = sheaf_as_completed_open(all, 3, -1, &iterator, NULL);
    if (status == SHEAF_OK) { /* that it cannot end may also be seen later */
        check('e',
              sheaf_as_completed_next(iterator, &next, NULL, NULL) == SHEAF_OK && next == finished);
        status = sheaf_as_completed_next(iterator, &next, NULL, NULL);
        sheaf_as_completed_close(iterator);
    }
    check('f', status == SHEAF_EFORKED);
    _exit(0);
}

Test(executor_fork, many_of_them_are_not_waited_for_either, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(wait_for_many_in_child), 0);
    tear_down();
}

static void never(sheaf_future *future, void *context)
{
    (void)future;
    say(*(char *)context);
}

static void end_in_child(void)
{
    check('a', sheaf_executor_shutdown(executor, true, false) == SHEAF_EFORKED);
    check('b', sheaf_executor_shutdown(executor, true, true) == SHEAF_EFORKED);
    check('c', sheaf_executor_shutdown(executor, false, true) == SHEAF_EFORKED);
    (void)sheaf_executor_stats_get(executor);
    (void)sheaf_executor_workers(executor, NULL, 0);
    sheaf_future_request_stop(running);
    (void)sheaf_future_cancel(running);
    (void)!sheaf_future_add_done_callback(running, never, "d", NULL);
    sheaf_future_release(running);
    sheaf_future_release(queued);
    sheaf_future_release(finished);
    sheaf_executor_destroy(executor);
    _exit(0);
}

Test(executor_fork, nothing_that_ends_or_looks_waits, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(end_in_child), 0);
    tear_down();
}

static void release_in_child(void)
{
    sheaf_executor_release(executor);
    _exit(0);
}

Test(executor_fork, a_pool_of_the_parents_can_be_let_go, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(release_in_child), 0);
    tear_down();
}

static void exit_in_child(void)
{
    exit(4);
}

Test(executor_fork, the_exit_of_a_child_waits_for_nothing_of_the_parents, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(exit_in_child), 4);
    tear_down();
}

static sheaf_map *map;

static sheaf_status held_forever(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    *arg = source;
    return SHEAF_OK;
}

static void map_in_child(void)
{
    void *result;
    check('a', sheaf_map_next(map, &result, NULL) == SHEAF_EFORKED);
    sheaf_map_close(map);
    _exit(0);
}

Test(executor_fork, a_map_of_the_parents_can_be_closed, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    set_up();
    sheaf_executor *other = pool_of(1);
    sheaf_map_options options = {.size = sizeof options,
                                 .run = pass_gate,
                                 .next = held_forever,
                                 .source = &g,
                                 .buffersize = 3};
    cr_assert_eq(sheaf_map_open(other, &options, &map, NULL), SHEAF_OK);
    assert_silent(run_program(map_in_child), 0);
    gate_open(&g, 3);
    sheaf_map_close(map);
    sheaf_executor_destroy(other);
    tear_down();
}

static sheaf_executor *sequential;

static void use_sequential_in_child(void)
{
    check('a', sheaf_executor_submit(sequential, &(sheaf_task){.run = give_back}, NULL, NULL) ==
                   SHEAF_EFORKED);
    check('b', sheaf_executor_shutdown(sequential, true, false) == SHEAF_EFORKED);
    sheaf_executor_destroy(sequential);
    _exit(0);
}

Test(executor_fork, an_executor_without_threads_belongs_to_the_parent_too, .timeout = LIMIT)
{
    sequential = pool_with((sheaf_executor_options){.kind = SHEAF_EXECUTOR_SEQUENTIAL});
    sheaf_future_release(submit(sequential, give_back, NULL));
    assert_silent(run_program(use_sequential_in_child), 0);
    sheaf_future_release(submit(sequential, give_back, NULL));
    sheaf_executor_destroy(sequential);
}

/* ---- what is new ---- */

static bool pool_works(void)
{
    sheaf_executor *own = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 2};
    if (sheaf_executor_create(&options, &own, NULL) < 0)
        return false;
    bool good = true;
    for (int i = 0; i < 20; i++) {
        sheaf_future *future = NULL;
        void *result = NULL;
        sheaf_task task = {.run = give_back, .arg = own};
        good = good && sheaf_executor_submit(own, &task, &future, NULL) == SHEAF_OK &&
               sheaf_future_result(future, -1, &result, NULL) == SHEAF_OK && result == own;
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(own);
    return good;
}

static void use_new_in_child(void)
{
    check('a', pool_works());
    int status = -1;
    pid_t grandchild = fork();
    if (grandchild == 0)
        exit(pool_works() ? 6 : 7);
    check('b', waitpid(grandchild, &status, 0) == grandchild);
    check('c', WIFEXITED(status) && WEXITSTATUS(status) == 6);
    sheaf_executor_destroy(executor);
    check('d', pool_works());
    exit(5);
}

Test(executor_fork, new_pools_work_in_a_child_and_in_its_child, .timeout = LIMIT)
{
    set_up();
    assert_silent(run_program(use_new_in_child), 5);
    tear_down();
}

static sheaf_status say_letter(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    say(*(char *)arg);
    return SHEAF_OK;
}

static void exit_with_own_pool(void)
{
    sheaf_executor *own = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 1};
    if (sheaf_executor_create(&options, &own, NULL) < 0)
        _exit(96);
    for (int i = 0; i < 100; i++)
        (void)!sheaf_executor_submit(own, &(sheaf_task){.run = say_letter, .arg = "z"}, NULL, NULL);
    exit(0);
}

Test(executor_fork, the_exit_of_a_child_drains_the_childs_own_pools, .timeout = LIMIT)
{
    set_up();
    outcome all = run_program(exit_with_own_pool);
    cr_assert_eq(all.code, 0);
    cr_assert_eq(count_letter(&all, 'z'), 100);
    tear_down();
}

/* ---- who forks, and when ---- */

static void live_as_forked_worker(void)
{
    sheaf_task task = {.run = give_back};
    check('a', sheaf_executor_submit(executor, &task, NULL, NULL) == SHEAF_EFORKED);
    check('b', sheaf_executor_shutdown(executor, true, false) == SHEAF_EFORKED);
    check('c', sheaf_future_result(queued, -1, NULL, NULL) == SHEAF_EFORKED);
    check('d', pool_works());
    exit(3);
}

static sheaf_status fork_in_task(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    sem_wait(&held.open);
    *(outcome *)arg = run_program(live_as_forked_worker);
    return SHEAF_OK;
}

Test(executor_fork, a_worker_may_fork_and_its_child_is_no_worker, .timeout = LIMIT)
{
    static outcome all;
    gate_init(&held);
    executor = pool_of(1);
    sheaf_future *future = submit(executor, fork_in_task, &all);
    queued = submit(executor, give_back, executor);
    gate_open(&held, 1);
    result_of(future);
    assert_silent(all, 3);
    cr_assert_eq(result_of(queued), executor, "the worker goes on");
    sheaf_future_release(future);
    sheaf_future_release(queued);
    sheaf_executor_destroy(executor);
}

static atomic_bool enough;

static void *make_pools(void *arg)
{
    (void)arg;
    while (!atomic_load(&enough))
        (void)pool_works();
    return NULL;
}

static void *use_pool(void *arg)
{
    while (!atomic_load(&enough)) {
        sheaf_future *future = NULL;
        if (sheaf_executor_submit(arg, &(sheaf_task){.run = give_back}, &future, NULL) == SHEAF_OK)
            (void)!sheaf_future_result(future, 1000, NULL, NULL);
        sheaf_future_release(future);
        (void)sheaf_executor_stats_get(arg);
    }
    return NULL;
}

static void live_in_the_middle(void)
{
    check('a', sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL) ==
                   SHEAF_EFORKED);
    check('b', sheaf_executor_shutdown(executor, true, true) == SHEAF_EFORKED);
    check('c', sheaf_future_result(finished, -1, NULL, NULL) == SHEAF_OK);
    check('d', pool_works());
    (void)sheaf_executor_stats_get(executor);
    sheaf_future_release(finished);
    sheaf_executor_destroy(executor);
    exit(2);
}

/*
 * The allocator of a sanitizer does not survive a fork while another thread is in it; that of the C
 * library does.
 */
#if defined(__SANITIZE_ADDRESS__)
enum { FORK_ANYWHERE = 0 };
#elif defined(__has_feature)
enum { FORK_ANYWHERE = !__has_feature(address_sanitizer) };
#else
enum { FORK_ANYWHERE = 1 };
#endif

Test(executor_fork, a_fork_in_the_middle_of_anything_leaves_nothing_locked, .timeout = 3 * LIMIT,
     .disabled = !FORK_ANYWHERE)
{
    pthread_t makers[2];
    pthread_t users[2];
    executor = pool_of(2);
    finished = submit(executor, give_back, NULL);
    result_of(finished);
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(pthread_create(&makers[i], NULL, make_pools, NULL), 0);
        cr_assert_eq(pthread_create(&users[i], NULL, use_pool, executor), 0);
    }
    for (int i = 0; i < 200; i++)
        assert_silent(run_program(live_in_the_middle), 2);
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++) {
        pthread_join(makers[i], NULL);
        pthread_join(users[i], NULL);
    }
    sheaf_future_release(finished);
    sheaf_executor_destroy(executor);
}
