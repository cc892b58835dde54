/*
 * The worker processes themselves: how they are started, introduced and sent home, what they find
 * around them, and how many there are. What becomes of them when their parent forks or ends:
 * test_process_parent.c.
 */
#include <spawn.h>
#include <sys/socket.h>

#include "engine/executor/process/wire.h"
#include "tests/support_process.h"

/* ---- how many there are ---- */

PROCESS_TEST(process_workers, none_is_started_before_it_is_needed, LIMIT)
{
    sheaf_executor *executor = restarting_pool(4);
    cr_assert_not(has_children());
    sheaf_executor_destroy(executor);
    executor = restarting_pool(4);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_not(has_children());
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_workers, one_after_the_other_use_one_process, LIMIT)
{
    sheaf_executor *executor = restarting_pool(4);
    int64_t first = who_answers(executor).process;
    for (int i = 0; i < 50; i++)
        cr_assert_eq(who_answers(executor).process, first);
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_workers, calls_that_stay_have_one_each_with_a_name_and_an_index, LIMIT)
{
    enum { HELD = 3 };
    test_gate g;
    test_gate_init(&g);
    sheaf_executor *executor = process_pool(
        (sheaf_executor_options){.max_workers = HELD + 1, .thread_name_prefix = "its prefix"});
    sheaf_future *held[HELD];
    int64_t guests[HELD];
    for (int i = 0; i < HELD; i++) {
        held[i] = call_held(executor, &g);
        guests[i] = atomic_load(&g.page->guest);
        cr_assert_neq(guests[i], getpid());
        for (int k = 0; k < i; k++)
            cr_assert_neq(guests[k], guests[i]);
    }
    whoami last = who_answers(executor);
    cr_assert_eq(last.index, HELD);
    cr_assert_str_eq(last.name, "its prefix_3");
    cr_assert_eq(last.parent, getpid());
    sheaf_worker_view views[HELD + 1];
    cr_assert_eq(sheaf_executor_workers(executor, views, HELD + 1), HELD + 1);
    for (int i = 0; i < HELD; i++) {
        char name[64];
        snprintf(name, sizeof name, "its prefix_%d", i);
        cr_assert_str_eq(views[i].name, name);
        cr_assert_eq(views[i].index, i);
        cr_assert_eq(views[i].process_id, guests[i]);
        cr_assert_eq(views[i].state, SHEAF_WORKER_BUSY);
    }
    cr_assert_eq(views[HELD].process_id, last.process);
    test_gate_open(&g, HELD);
    for (int i = 0; i < HELD; i++)
        assert_was_held(held[i]);
    cr_assert_eq(sheaf_executor_shutdown(executor, true, false), SHEAF_OK);
    cr_assert_eq(sheaf_executor_workers(executor, views, HELD + 1), HELD + 1);
    for (int i = 0; i <= HELD; i++) {
        cr_assert_eq(views[i].state, SHEAF_WORKER_GONE);
        cr_assert_eq(views[i].process_id, 0);
        cr_assert_eq(views[i].finished, 1);
    }
    sheaf_executor_destroy(executor);
    test_gate_end(&g);
}

PROCESS_TEST(process_workers, pools_do_not_disturb_each_other, LIMIT)
{
    sheaf_executor *first = restarting_pool(1);
    sheaf_executor *second = restarting_pool(1);
    int64_t child = who_answers(second).process;
    cr_assert_neq(who_answers(first).process, child);
    cr_assert_eq(sheaf_executor_kill(first, SIGKILL), SHEAF_OK);
    sheaf_executor_destroy(first);
    cr_assert_eq(who_answers(second).process, child);
    sheaf_executor_destroy(second);
}

/* ---- what they find around them ---- */

static surroundings look(sheaf_executor *executor)
{
    surroundings all;
    take_reply(call(executor, "look_around", NULL, 0), &all, sizeof all);
    return all;
}

PROCESS_TEST(process_workers, they_have_four_descriptors_whatever_the_parent_has_open, LIMIT)
{
    int open_ones[6];
    sheaf_executor *executors[2];
    for (int i = 0; i < 6; i++) /* not close-on-exec */
        cr_assert_geq(open_ones[i] = open("/dev/zero", O_RDWR), 0);
    for (int i = 0; i < 2; i++) {
        executors[i] = restarting_pool(2);
        surroundings all = look(executors[i]);
        cr_assert_eq(all.n_descriptors, 4, "there are %d", all.n_descriptors);
        for (int fd = 0; fd < 4; fd++) {
            bool found = false;
            for (int k = 0; k < 4; k++)
                found = found || all.descriptors[k] == fd;
            cr_assert(found, "%d is not open", fd);
        }
        cr_assert_str_eq(all.input, "/dev/null");
        cr_assert_eq(all.input_mode, O_RDONLY);
    }
    for (int i = 0; i < 2; i++)
        sheaf_executor_destroy(executors[i]);
    for (int i = 0; i < 6; i++)
        close(open_ones[i]);
}

PROCESS_TEST(process_workers, their_signals_are_open_and_at_their_defaults_but_for_a_few, LIMIT)
{
    const uint64_t of_libc = UINT64_C(3) << 31; /* 32 and 33, which posix_spawn leaves ignored */
    const uint64_t ignored = UINT64_C(1) << (SIGINT - 1) | UINT64_C(1) << (SIGHUP - 1) |
                             UINT64_C(1) << (SIGXFSZ - 1);
    static const int changed[] = {SIGPIPE, SIGTERM, SIGUSR1, SIGCHLD, SIGHUP};
    sigset_t all_signals;
    sigset_t before;
    struct sigaction actions[5];
    sigfillset(&all_signals);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, &all_signals, &before), 0);
    for (int i = 0; i < 5; i++)
        cr_assert_eq(sigaction(changed[i], &(struct sigaction){.sa_handler = SIG_IGN}, &actions[i]),
                     0);
    sheaf_executor *executor = restarting_pool(1);
    surroundings all = look(executor);
    cr_assert_eq(all.blocked, 0, "blocked: %llx", (unsigned long long)all.blocked);
    cr_assert_eq(all.ignored & ~of_libc, ignored, "ignored: %llx", (unsigned long long)all.ignored);
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 5; i++)
        sigaction(changed[i], &actions[i], NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

PROCESS_TEST(process_workers, ctrl_c_and_the_end_of_the_terminal_are_the_parents, LIMIT)
{
    sheaf_executor *executor = restarting_pool(1);
    pid_t child = (pid_t)who_answers(executor).process;
    cr_assert_eq(kill(child, SIGINT), 0);
    cr_assert_eq(kill(child, SIGHUP), 0);
    cr_assert_eq(who_answers(executor).process, child);
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_workers, they_have_the_parents_directory_and_environment, LIMIT)
{
    char directory[256];
    cr_assert_not_null(getcwd(directory, sizeof directory));
    cr_assert_eq(chdir("/usr"), 0);
    setenv("SHEAF_TEST_MARK", "a mark", 1);
    sheaf_executor *executor = restarting_pool(1);
    surroundings all = look(executor);
    sheaf_executor_destroy(executor);
    cr_assert_eq(chdir(directory), 0);
    cr_assert_str_eq(all.directory, "/usr");
    cr_assert_str_eq(all.environment, "a mark");
}

/* It must not be that a pool needs to hear of its children by wait(). */
PROCESS_TEST(process_workers, the_program_may_ignore_its_children, LIMIT)
{
    struct sigaction before;
    cr_assert_eq(sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_IGN}, &before), 0);
    sheaf_executor *executor = restarting_pool(1);
    crash_order order = {.exit_code = 3};
    assert_works(executor);
    assert_fails(call(executor, "crash", &order, sizeof order), SHEAF_EWORKER, "process ended");
    assert_works(executor);
    sheaf_executor_destroy(executor);
    sigaction(SIGCHLD, &before, NULL);
}

/* ---- beginning and ending ---- */

static const sheaf_executor_options remembering = {.child_lost = SHEAF_CHILD_LOST_RESTART,
                                                   .max_workers = 2};

PROCESS_TEST(process_workers, init_bytes_of_any_size_are_seen_before_the_first_call, LIMIT)
{
    static const size_t sizes[] = {0, 1, 7, 65000, 65536, 65537, 1 << 20};
    unsigned char *bytes = malloc(1 << 20);
    fill_pattern(bytes, 99, 1 << 20);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sheaf_executor_options options = remembering;
        options.init_function = function_named("remember");
        options.end_function = function_named("forget");
        options.init_bytes = bytes;
        options.n_init_bytes = sizes[i];
        sheaf_executor *executor = process_pool(options);
        uint64_t expected = hash_of(bytes, sizes[i]);
        memory_of_worker kept = {0};
        if (i % 2 == 1) /* they are copied at create */
            memset(bytes, 0, sizes[i]);
        for (uint64_t k = 1; k <= 3; k++) {
            take_reply(call(executor, "recall", NULL, 0), &kept, sizeof kept);
            cr_assert_eq(kept.init.n_bytes, sizes[i]);
            cr_assert_eq(kept.init.hash, expected, "%zu bytes", sizes[i]);
            cr_assert_eq(kept.init.misaligned, 0);
            cr_assert_eq(kept.n_calls, k, "what it keeps stays");
        }
        sheaf_executor_destroy(executor);
        fill_pattern(bytes, 99, 1 << 20);
    }
    free(bytes);
}

PROCESS_TEST(process_workers, an_init_function_that_fails_breaks_the_pool_and_says_why, LIMIT)
{
    sheaf_executor_options options = remembering;
    options.init_function = function_named("fail_to_begin");
    options.init_bytes = "luck";
    options.n_init_bytes = 4;
    sheaf_executor *executor = process_pool(options);
    assert_fails(call(executor, "echo", "x", 1), SHEAF_EBROKEN, "no such thing as luck");
    assert_refuses(executor, SHEAF_EBROKEN, "no such thing as luck");
    sheaf_executor_destroy(executor);
}

PROCESS_TEST(process_workers, so_does_one_that_crashes_or_is_not_known, LIMIT)
{
    crash_order order = {.signal_number = SIGKILL};
    sheaf_executor_options options = remembering;
    options.init_function = function_named("crash");
    options.init_bytes = &order;
    options.n_init_bytes = sizeof order;
    sheaf_executor *executor = process_pool(options);
    assert_fails(call(executor, "echo", "x", 1), SHEAF_EBROKEN, "signal 9");
    sheaf_executor_destroy(executor);
    for (int i = 0; i < 2; i++) {
        options = remembering;
        *(i == 0 ? &options.init_function
                 : &options.end_function) = function_named("nobody_knows_me");
        executor = process_pool(options);
        assert_fails(call(executor, "echo", "x", 1), SHEAF_EBROKEN, "nobody_knows_me");
        sheaf_executor_destroy(executor);
    }
}

PROCESS_TEST(process_workers, each_begins_and_ends_once_around_its_calls, LIMIT)
{
    mark_file marks = marks_begin();
    sheaf_executor_options options = marking(&marks);
    options.max_workers = 1;
    sheaf_executor *executor = process_pool(options);
    for (int i = 0; i < 3; i++)
        sheaf_future_release(call(executor, "mark_call", NULL, 0));
    sheaf_executor_destroy(executor);
    assert_marks(&marks, "bccce");
}

PROCESS_TEST(process_workers, after_max_tasks_a_process_ends_and_another_takes_its_place, LIMIT)
{
    mark_file marks = marks_begin();
    sheaf_executor_options options = marking(&marks);
    options.max_workers = 1;
    options.max_tasks_per_child = 2;
    sheaf_executor *executor = process_pool(options);
    for (int i = 0; i < 5; i++) {
        sheaf_future *future = call(executor, "mark_call", NULL, 0);
        cr_assert_eq(block_of(future)->n_bytes, 0);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, 0, "it is no loss");
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    sheaf_executor_destroy(executor);
    assert_marks(&marks, "bccebccebce");
}

PROCESS_TEST(process_workers, max_tasks_hold_for_each_process_and_no_call_is_lost_by_them, LIMIT)
{
    enum { CALLS = 60, AT_MOST = 4 };
    sheaf_executor *executor = process_pool(
        (sheaf_executor_options){.max_workers = 3, .max_tasks_per_child = AT_MOST});
    sheaf_future *futures[CALLS];
    int64_t processes[CALLS];
    for (int i = 0; i < CALLS; i++)
        futures[i] = call(executor, "say_who", NULL, 0);
    for (int i = 0; i < CALLS; i++) {
        whoami self;
        take_reply(futures[i], &self, sizeof self);
        processes[i] = self.process;
    }
    for (int i = 0; i < CALLS; i++) {
        int n = 0;
        for (int k = 0; k < CALLS; k++)
            n += processes[k] == processes[i];
        cr_assert_leq(n, AT_MOST);
    }
    sheaf_executor_destroy(executor);
}

/* Pages that a process has in memory. */
static long resident_pages(pid_t process)
{
    char path[64];
    long total = 0;
    long resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)process);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%ld %ld", &total, &resident), 2);
    fclose(file);
    return resident;
}

PROCESS_TEST(process_workers, scratch_memory_is_given_back_after_each_call, LIMIT)
{
    const uint64_t n_bytes = 3 << 20;
    sheaf_executor *executor = restarting_pool(1);
    pid_t child = (pid_t)who_answers(executor).process;
    for (int i = 0; i < 200; i++)
        sheaf_future_release(call(executor, "use_scratch", &n_bytes, sizeof n_bytes));
    cr_assert_eq(who_answers(executor).process, child);
    cr_assert_lt(resident_pages(child) * sysconf(_SC_PAGESIZE), (long)(100 * n_bytes));
    sheaf_executor_destroy(executor);
}

/* The hooks that watch the workers run here, not there. */
static atomic_int n_started, n_stopped;

static void count_started(void *arg, int index, const char *name)
{
    cr_assert(arg == &n_started && index == 0 && strcmp(name, "hooked_0") == 0);
    atomic_fetch_add(&n_started, 1);
}

static void count_stopped(void *arg, int index, const char *name)
{
    cr_assert(arg == &n_started && index == 0 && strcmp(name, "hooked_0") == 0);
    atomic_fetch_add(&n_stopped, 1);
}

PROCESS_TEST(process_workers, hooks_run_in_the_parent, LIMIT)
{
    sheaf_executor *executor = process_pool(
        (sheaf_executor_options){.max_workers = 1,
                                 .thread_name_prefix = "hooked",
                                 .max_tasks_per_child = 1,
                                 .worker_started = count_started,
                                 .worker_stopped = count_stopped,
                                 .hooks_arg = &n_started});
    for (int i = 0; i < 3; i++)
        assert_works(executor);
    sheaf_executor_destroy(executor);
    cr_assert_eq(n_started, 1);
    cr_assert_eq(n_stopped, 1);
}

/* ---- commands that are no worker ---- */

typedef struct wrong_command {
    const char *argv[4];
    const char *message;
} wrong_command;

PROCESS_TEST(process_workers, a_command_that_is_no_worker_breaks_the_pool_and_is_explained, LIMIT)
{
    const wrong_command commands[] = {
        {{"/bin/true", SHEAF_WORKER_ARGUMENT}, "exit code 0 before it was ready"},
        {{"/bin/cat"}, "exit code 0 before it was ready"},
        {{"/bin/sh", "-c", "exit 7"}, "exit code 7 before it was ready"},
        {{"/bin/sh", "-c", "kill -KILL $$"}, "signal 9"},
        {{"/bin/sh", "-c", "head -c 1000 /dev/zero >&3; exec sleep 1000"}, "no message of ours"},
        {{"/nonexistent/worker", SHEAF_WORKER_ARGUMENT}, "No such file"},
        {{"/etc/passwd", SHEAF_WORKER_ARGUMENT}, "ermission denied"},
        {{worker_path()}, "exit code 2 before it was ready"}};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        sheaf_executor *executor = process_pool((sheaf_executor_options){
            .max_workers = 2,
            .child_lost = i % 2 ? SHEAF_CHILD_LOST_RESTART : SHEAF_CHILD_LOST_BREAK,
            .worker_command = commands[i].argv});
        assert_fails(call(executor, "echo", "x", 1), SHEAF_EBROKEN, commands[i].message);
        assert_refuses(executor, SHEAF_EBROKEN, commands[i].message);
        cr_assert_not(has_children(), "%s is still there", commands[i].argv[0]);
        sheaf_executor_destroy(executor);
    }
}

/* The other end of a worker's socket, played by the test. */
static pid_t start_worker(int *socket)
{
    int ends[2];
    pid_t child;
    posix_spawn_file_actions_t actions;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], SHEAF__WIRE_SOCKET);
    cr_assert_eq(posix_spawn(&child, worker_path(), &actions, NULL,
                             (char *const *)(uintptr_t)worker_command(), environ),
                 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *socket = ends[0];
    return child;
}

PROCESS_TEST(process_workers, one_of_another_version_says_so, LIMIT)
{
    sheaf__wire wire = {.process = -1, .deadline_ns = INT64_MAX};
    sheaf__hello hello = {
        .version = SHEAF__WIRE_VERSION + 1, .error_bytes = sizeof(sheaf_error), .parent = getpid()};
    sheaf__message message = {
        .type = SHEAF__HELLO, .descriptor = -1, .bytes = &hello, .n_bytes = sizeof hello};
    sheaf_error err;
    int status;
    size_t offset = 0;
    const void *bytes = NULL;
    pid_t child = start_worker(&wire.socket);
    cr_assert_eq(sheaf__wire_send(&wire, &message), SHEAF_OK);
    cr_assert_eq(sheaf__wire_receive(&wire, &message, &err), SHEAF_OK);
    cr_assert_eq(message.type, SHEAF__READY);
    cr_assert_lt(message.status, 0);
    cr_assert_not_null(sheaf__payload_next(&message, &offset, &bytes));
    memcpy(&err, bytes, sizeof err);
    cr_assert_not_null(strstr(err.message, "another version"), "%s", err.message);
    sheaf__message_end(&message);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 0);
    close(wire.socket);
}

PROCESS_TEST(process_workers, a_program_that_is_called_as_one_by_nobody_ends, LIMIT)
{
    pid_t child;
    int status;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclosefrom_np(&actions, SHEAF__WIRE_SOCKET);
    cr_assert_eq(posix_spawn(&child, worker_path(), &actions, NULL,
                             (char *const *)(uintptr_t)worker_command(), environ),
                 0);
    posix_spawn_file_actions_destroy(&actions);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

/* ---- options ---- */

static sheaf_status begin_thread(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    return SHEAF_OK;
}

static void end_thread(sheaf_worker *worker, void *arg)
{
    (void)worker, (void)arg;
}

PROCESS_TEST(process_workers, options_that_are_not_for_processes_or_only_for_them_are_refused,
             LIMIT)
{
    const sheaf_executor_options wrong[] = {
        {.kind = SHEAF_EXECUTOR_PROCESSES, .initializer = begin_thread},
        {.kind = SHEAF_EXECUTOR_PROCESSES, .finalizer = end_thread},
        {.kind = SHEAF_EXECUTOR_PROCESSES,
         .queue_limit = 1,
         .queue_full = SHEAF_QUEUE_FULL_CALLER_RUNS},
        {.kind = SHEAF_EXECUTOR_PROCESSES, .max_tasks_per_child = -1},
        {.kind = SHEAF_EXECUTOR_PROCESSES, .task_timeout_ms = -1},
        {.kind = SHEAF_EXECUTOR_PROCESSES, .child_lost = (sheaf_child_lost)7},
        {.kind = SHEAF_EXECUTOR_PROCESSES, .init_bytes = "x", .n_init_bytes = 1},
        {.kind = SHEAF_EXECUTOR_THREADS, .worker_command = worker_command()},
        {.kind = SHEAF_EXECUTOR_THREADS, .max_tasks_per_child = 1},
        {.kind = SHEAF_EXECUTOR_SEQUENTIAL, .task_timeout_ms = 1}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sheaf_executor_options options = wrong[i];
        sheaf_executor *executor = NULL;
        sheaf_error err;
        options.size = sizeof options;
        cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_EINVAL, "%zu", i);
        cr_assert_str_neq(err.message, "");
        cr_assert_null(executor);
    }
}

/* As the array of init bytes, that of the command is read at create and never again. */
PROCESS_TEST(process_workers, the_command_is_copied, LIMIT)
{
    char path[4096];
    char argument[] = SHEAF_WORKER_ARGUMENT;
    snprintf(path, sizeof path, "%s", worker_path());
    const char *command[] = {path, argument, NULL};
    sheaf_executor *executor = process_pool(
        (sheaf_executor_options){.max_workers = 1, .worker_command = command});
    path[0] = argument[0] = 'X';
    command[0] = command[1] = NULL;
    assert_works(executor);
    sheaf_executor_destroy(executor);
}
