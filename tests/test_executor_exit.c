/*
 * What becomes of executors when their process exits. Each test is a program of its own; tasks that
 * are to run during the exit wait for a handler of it, which was added last and so comes first.
 */
#include "tests/support_program.h"

static sheaf_executor *pool_with(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    options.size = sizeof options;
    if (sheaf_executor_create(&options, &executor, NULL) < 0)
        _exit(98);
    return executor;
}

static sheaf_executor *pool_at_exit(int max_workers, sheaf_at_exit policy)
{
    return pool_with((sheaf_executor_options){.max_workers = max_workers, .at_exit = policy});
}

static gate exiting;

static void open_exiting(void)
{
    gate_open(&exiting, 100);
}

/* From here on exit() opens the gate before anything else. */
static void open_gate_at_exit(void)
{
    atexit(open_exiting);
}

static sheaf_status say_at_exit(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    sem_post(&exiting.entered);
    sem_wait(&exiting.open);
    say((char)(size_t)arg);
    return SHEAF_OK;
}

static void say_dropped(void *arg)
{
    say((char)((size_t)arg - 'a' + 'A'));
}

/* Tasks 'a', 'b', ...: each says its letter when it runs, and the capital when it is dropped. */
static void submit_letters(sheaf_executor *executor, const char *letters)
{
    for (; *letters; letters++) {
        sheaf_task task = {
            .run = say_at_exit, .arg = (void *)(size_t)*letters, .drop_arg = say_dropped};
        if (sheaf_executor_submit(executor, &task, NULL, NULL) < 0)
            _exit(97);
    }
}

/* ---- the three policies ---- */

static void drain(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    submit_letters(executor, "abc");
    open_gate_at_exit();
    exit(7);
}

Test(executor_exit, what_was_submitted_is_run_and_the_exit_code_stays, .timeout = LIMIT)
{
    outcome all = run_program(drain);
    cr_assert_eq(all.code, 7);
    cr_assert_str_eq(all.text, "aAbBcC");
}

static void drain_after_shutdown(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    submit_letters(executor, "abc");
    open_gate_at_exit();
    sheaf_executor_shutdown(executor, false, false);
    exit(7);
}

Test(executor_exit, also_after_a_shutdown_that_did_not_wait, .timeout = LIMIT)
{
    outcome all = run_program(drain_after_shutdown);
    cr_assert_eq(all.code, 7);
    cr_assert_str_eq(all.text, "aAbBcC");
}

static void drain_after_release(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    submit_letters(executor, "abc");
    open_gate_at_exit();
    sheaf_executor_release(executor);
    exit(7);
}

Test(executor_exit, also_of_a_pool_that_was_released, .timeout = LIMIT)
{
    outcome all = run_program(drain_after_release);
    cr_assert_eq(all.code, 7);
    cr_assert_str_eq(all.text, "aAbBcC");
}

static void cancel_pending(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_CANCEL_PENDING);
    submit_letters(executor, "abcd");
    sem_wait(&exiting.entered);
    open_gate_at_exit();
    exit(0);
}

/* The handler that opens the gate is over before the pool is dealt with: b may have begun. */
static void assert_cancelled(outcome all)
{
    cr_assert_eq(all.code, 0);
    for (char letter = 'a'; letter <= 'd'; letter++) {
        cr_assert_leq(count_letter(&all, letter), 1, "%s", all.text);
        cr_assert_eq(count_letter(&all, (char)(letter - 'a' + 'A')), 1, "%s", all.text);
    }
    cr_assert_eq(count_letter(&all, 'a'), 1, "%s", all.text);
}

Test(executor_exit, what_runs_is_waited_for_when_the_rest_is_cancelled, .timeout = LIMIT)
{
    assert_cancelled(run_program(cancel_pending));
}

/* Task a says its letter when the drop of c, the last that is cancelled, says that it may. */
static void open_when_dropped(void *arg)
{
    say_dropped(arg);
    gate_open(&exiting, 1);
}

static void cancel_while_one_runs(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_CANCEL_PENDING);
    submit_letters(executor, "ab");
    sheaf_task last = {
        .run = say_at_exit, .arg = (void *)(size_t)'c', .drop_arg = open_when_dropped};
    if (sheaf_executor_submit(executor, &last, NULL, NULL) < 0)
        _exit(96);
    sem_wait(&exiting.entered);
    exit(0);
}

Test(executor_exit, what_waits_is_cancelled_before_what_runs_is_waited_for, .timeout = LIMIT)
{
    outcome all = run_program(cancel_while_one_runs);
    cr_assert_eq(all.code, 0);
    cr_assert_str_eq(all.text, "BCaA");
}

static void detach(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(1, SHEAF_AT_EXIT_DETACH);
    submit_letters(executor, "abc");
    sem_wait(&exiting.entered);
    say('.');
    exit(8); /* the gate stays closed */
}

Test(executor_exit, a_detached_pool_is_not_waited_for, .timeout = LIMIT)
{
    outcome all = run_program(detach);
    cr_assert_eq(all.code, 8);
    cr_assert_str_eq(all.text, ".");
}

static void each_its_own(void)
{
    gate_init(&exiting);
    gate never;
    gate_init(&never);
    sheaf_executor *detached = pool_at_exit(1, SHEAF_AT_EXIT_DETACH);
    sheaf_executor *drained = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    sheaf_executor *gone = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    sheaf_executor *unused = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    sheaf_executor *sequential = pool_with(
        (sheaf_executor_options){.kind = SHEAF_EXECUTOR_SEQUENTIAL});
    (void)unused;
    sheaf_task stay = {.run = pass_gate, .arg = &never};
    if (sheaf_executor_submit(detached, &stay, NULL, NULL) < 0 ||
        sheaf_executor_submit(sequential, &(sheaf_task){.run = give_back}, NULL, NULL) < 0)
        _exit(96);
    sheaf_executor_destroy(gone);
    submit_letters(drained, "ab");
    open_gate_at_exit();
    exit(9);
}

Test(executor_exit, each_pool_is_dealt_with_as_it_says, .timeout = LIMIT)
{
    outcome all = run_program(each_its_own);
    cr_assert_eq(all.code, 9);
    cr_assert_str_eq(all.text, "aAbB");
}

/* ---- refusals ---- */

static sheaf_executor *alive, *shut, *broken, *broken_and_shut;

static char letter_of(sheaf_status status)
{
    switch (status) {
    case SHEAF_OK:
        return 'o';
    case SHEAF_EEXIT:
        return 'x';
    case SHEAF_ESHUTDOWN:
        return 's';
    case SHEAF_EBROKEN:
        return 'b';
    default:
        return '?';
    }
}

static sheaf_status try_submit(sheaf_executor *executor)
{
    return sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL);
}

/* Submits until it is refused, which is when the process exits. */
static sheaf_status submit_during_exit(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    (void)worker, (void)result, (void)err, (void)arg;
    sheaf_status status;
    size_t n = 99;
    while ((status = try_submit(alive)) == SHEAF_OK)
        sched_yield();
    say(letter_of(status));
    say(letter_of(
        sheaf_executor_submit_many(alive, &(sheaf_task){.run = give_back}, 1, NULL, &n, NULL)));
    say(n == 0 ? '0' : '?');
    say(letter_of(try_submit(shut)));
    say(letter_of(try_submit(broken)));
    say(letter_of(try_submit(broken_and_shut)));
    return SHEAF_OK;
}

static sheaf_status refuse(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)arg;
    return sheaf_error_set(err, SHEAF_EIO, "no file");
}

static sheaf_executor *broken_pool(void)
{
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.max_workers = 1, .initializer = refuse});
    (void)!try_submit(executor);
    while (try_submit(executor) != SHEAF_EBROKEN)
        sched_yield();
    return executor;
}

static void refuse_during_exit(void)
{
    alive = pool_at_exit(2, SHEAF_AT_EXIT_DRAIN);
    shut = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    sheaf_executor_shutdown(shut, false, false);
    broken = broken_pool();
    broken_and_shut = broken_pool();
    sheaf_executor_shutdown(broken_and_shut, true, false);
    if (sheaf_executor_submit(alive, &(sheaf_task){.run = submit_during_exit}, NULL, NULL) < 0)
        _exit(96);
    exit(0);
}

Test(executor_exit, tasks_are_refused_first_as_broken_then_as_shut_down_then_as_exiting,
     .timeout = LIMIT)
{
    outcome all = run_program(refuse_during_exit);
    cr_assert_eq(all.code, 0);
    cr_assert_str_eq(all.text, "xx0sbb");
}

static sheaf_status create_during_exit(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    (void)worker, (void)result, (void)err, (void)arg;
    while (try_submit(alive) == SHEAF_OK)
        sched_yield();
    sheaf_executor *late = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 1};
    sheaf_status status = sheaf_executor_create(&options, &late, NULL);
    say(letter_of(status == SHEAF_OK ? try_submit(late) : status));
    sheaf_executor_destroy(late);
    return SHEAF_OK;
}

static void begin_late(void)
{
    alive = pool_at_exit(2, SHEAF_AT_EXIT_DRAIN);
    if (sheaf_executor_submit(alive, &(sheaf_task){.run = create_during_exit}, NULL, NULL) < 0)
        _exit(96);
    exit(0);
}

Test(executor_exit, a_pool_that_is_made_during_the_exit_refuses_too, .timeout = LIMIT)
{
    outcome all = run_program(begin_late);
    cr_assert_eq(all.code, 0);
    cr_assert_str_eq(all.text, "x");
}

/* ---- who exits ---- */

static sheaf_at_exit policy_of_test;
static int workers_of_test;
static gate submitted;

static sheaf_status exit_5(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err, (void)arg;
    sem_wait(&submitted.open);
    exit(5);
}

static void exit_in_task(void)
{
    gate_init(&exiting);
    gate_init(&submitted);
    sheaf_executor *executor = pool_at_exit(workers_of_test, policy_of_test);
    if (sheaf_executor_submit(executor, &(sheaf_task){.run = exit_5}, NULL, NULL) < 0)
        _exit(96);
    submit_letters(executor, "abc");
    open_gate_at_exit();
    gate_open(&submitted, 1);
    for (;;)
        pause();
}

Test(executor_exit, a_worker_may_exit_and_is_not_waited_for, .timeout = 3 * LIMIT)
{
    for (workers_of_test = 1; workers_of_test <= 3; workers_of_test++) {
        for (int policy = SHEAF_AT_EXIT_DRAIN; policy <= SHEAF_AT_EXIT_DETACH; policy++) {
            policy_of_test = (sheaf_at_exit)policy;
            outcome all = run_program(exit_in_task);
            cr_assert_eq(all.code, 5, "%d workers, policy %d: %d", workers_of_test, policy,
                         all.code);
            if (policy == SHEAF_AT_EXIT_DRAIN && workers_of_test > 1) {
                for (char letter = 'a'; letter <= 'c'; letter++)
                    cr_assert_eq(count_letter(&all, letter), 1, "%s", all.text);
            }
        }
    }
}

static sheaf_future *exits;

static sheaf_status wait_for_the_one_that_exits(sheaf_worker *worker, void *arg, void **result,
                                                sheaf_error *err)
{
    (void)worker, (void)arg, (void)result, (void)err;
    gate_open(&submitted, 1);
    say(sheaf_future_result(exits, -1, NULL, NULL) == SHEAF_EWORKER ? 'w' : '?');
    return SHEAF_OK;
}

static void exit_while_another_waits(void)
{
    gate_init(&submitted);
    sheaf_executor *executor = pool_at_exit(2, SHEAF_AT_EXIT_DRAIN);
    sheaf_task waits = {.run = wait_for_the_one_that_exits};
    if (sheaf_executor_submit(executor, &(sheaf_task){.run = exit_5}, &exits, NULL) < 0 ||
        sheaf_executor_submit(executor, &waits, NULL, NULL) < 0)
        _exit(96);
    for (;;)
        pause();
}

Test(executor_exit, whoever_waits_for_the_task_that_exits_is_told_that_it_is_lost, .timeout = LIMIT)
{
    outcome all = run_program(exit_while_another_waits);
    cr_assert_eq(all.code, 5);
    cr_assert_str_eq(all.text, "w");
}

static void exit_in_own_task(void)
{
    sheaf_executor *executor = pool_with(
        (sheaf_executor_options){.kind = SHEAF_EXECUTOR_SEQUENTIAL});
    gate_init(&submitted);
    gate_open(&submitted, 1);
    (void)!sheaf_executor_submit(executor, &(sheaf_task){.run = exit_5}, NULL, NULL);
    exit(6);
}

Test(executor_exit, a_task_that_its_caller_runs_may_exit, .timeout = LIMIT)
{
    cr_assert_eq(run_program(exit_in_own_task).code, 5);
}

/* The only worker is busy, the queue is full: the thread that submits runs the task that exits. */
static void exit_as_guest(void)
{
    gate_init(&exiting);
    gate_init(&submitted);
    gate_open(&submitted, 1);
    sheaf_executor *executor = pool_with((sheaf_executor_options){
        .max_workers = 1, .queue_limit = 1, .queue_full = SHEAF_QUEUE_FULL_CALLER_RUNS});
    submit_letters(executor, "a");
    sem_wait(&exiting.entered);
    submit_letters(executor, "b");
    open_gate_at_exit();
    (void)!sheaf_executor_submit(executor, &(sheaf_task){.run = exit_5}, NULL, NULL);
    exit(6);
}

Test(executor_exit, a_caller_that_runs_its_task_may_exit_and_the_workers_are_waited_for,
     .timeout = LIMIT)
{
    outcome all = run_program(exit_as_guest);
    cr_assert_eq(all.code, 5, "%d", all.code);
    cr_assert_str_eq(all.text, "aAbB");
}

static void *exit_7(void *arg)
{
    (void)arg;
    exit(7);
}

static void exit_from_thread(void)
{
    gate_init(&exiting);
    sheaf_executor *executor = pool_at_exit(2, SHEAF_AT_EXIT_DRAIN);
    submit_letters(executor, "a");
    open_gate_at_exit();
    pthread_t thread;
    if (pthread_create(&thread, NULL, exit_7, NULL) != 0)
        _exit(96);
    sheaf_executor_destroy(executor); /* waits for the same task that the exit waits for */
    for (;;)
        pause();
}

Test(executor_exit, an_exit_beside_a_destroy_waits_for_the_same_tasks, .timeout = LIMIT)
{
    outcome all = run_program(exit_from_thread);
    cr_assert_eq(all.code, 7);
    cr_assert_str_eq(all.text, "aA");
}

/* ---- handlers of the program's own ---- */

static sheaf_executor *of_handler;

static void destroy_at_exit(void)
{
    say('(');
    sheaf_executor_destroy(of_handler);
    say(')');
}

static void handler_before_first_use(void)
{
    gate_init(&exiting);
    atexit(destroy_at_exit); /* so it comes last, when the pool has been dealt with */
    of_handler = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    submit_letters(of_handler, "ab");
    open_gate_at_exit();
    exit(3);
}

static void handler_after_first_use(void)
{
    gate_init(&exiting);
    of_handler = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
    submit_letters(of_handler, "ab");
    atexit(destroy_at_exit);
    open_gate_at_exit();
    exit(3);
}

Test(executor_exit, a_handler_may_destroy_the_pool_whenever_it_comes, .timeout = LIMIT)
{
    void (*const programs[])(void) = {handler_before_first_use, handler_after_first_use};
    for (int i = 0; i < 2; i++) {
        outcome all = run_program(programs[i]);
        cr_assert_eq(all.code, 3);
        cr_assert_eq(count_letter(&all, 'b'), 1, "%s", all.text);
        cr_assert_eq(count_letter(&all, 'B'), 1, "%s", all.text);
        cr_assert_eq(all.text[strlen(all.text) - 1], ')', "%s", all.text);
    }
}

/* ---- a child of fork() during the exit ---- */

static sheaf_status fork_during_exit(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    (void)worker, (void)result, (void)err, (void)arg;
    while (try_submit(alive) == SHEAF_OK)
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        sheaf_executor *own = pool_at_exit(1, SHEAF_AT_EXIT_DRAIN);
        say(letter_of(try_submit(own)));
        sheaf_executor_destroy(own);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return SHEAF_OK;
}

static void exit_and_fork(void)
{
    alive = pool_at_exit(2, SHEAF_AT_EXIT_DRAIN);
    if (sheaf_executor_submit(alive, &(sheaf_task){.run = fork_during_exit}, NULL, NULL) < 0)
        _exit(96);
    exit(0);
}

Test(executor_exit, a_child_that_is_forked_meanwhile_does_not_exit_and_may_use_pools,
     .timeout = LIMIT)
{
    outcome all = run_program(exit_and_fork);
    cr_assert_eq(all.code, 0);
    cr_assert_str_eq(all.text, "o");
}
