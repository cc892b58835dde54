/*
 * What becomes of worker processes when their parent forks, ends, or is short of descriptors. The
 * parents are programs of their own, seen from their own parent, the test.
 */
#include <sys/resource.h>

#include "tests/support_process.h"
#include "tests/support_program.h"

/* ---- it forks ---- */

static sheaf_executor *inherited;
static sheaf_future *unfinished;

static void check(char letter, bool good)
{
    if (!good)
        say(letter);
}

static void use_what_is_inherited(void)
{
    sheaf_error err;
    sheaf_future *future = NULL;
    check('a', try_call(inherited, "echo", "x", 1, &future, &err) == SHEAF_EFORKED);
    check('b', sheaf_future_result(unfinished, -1, NULL, NULL) == SHEAF_EFORKED);
    check('c', sheaf_executor_kill(inherited, SIGKILL) == SHEAF_EFORKED);
    check('d', sheaf_executor_shutdown(inherited, true, true) == SHEAF_EFORKED);
    sheaf_future_request_stop(unfinished);
    sheaf_executor_destroy(inherited);
    sheaf_executor *own = restarting_pool(1);
    check('e', number_of(call_square(own, 3)) == 9);
    sheaf_executor_destroy(own);
    _exit(7);
}

PROCESS_TEST(process_parent, in_a_child_of_fork_the_pool_is_dead_and_a_new_one_works, LIMIT)
{
    test_gate g;
    test_gate_init(&g);
    inherited = restarting_pool(1);
    unfinished = call_held(inherited, &g);
    outcome all = run_program(use_what_is_inherited);
    cr_assert_str_eq(all.text, "");
    cr_assert_eq(all.code, 7);
    test_gate_open(&g, 1);
    assert_was_held(unfinished);
    assert_works(inherited);
    cr_assert_eq(sheaf_executor_stats_get(inherited).lost, 0);
    sheaf_executor_destroy(inherited);
    test_gate_end(&g);
}

/* ---- it ends ---- */

/*
 * A program with three children, one idle, one at the gate, one stopped at the gate. It says who
 * they are and waits for the word to end.
 */
typedef struct parent_program {
    pid_t process;
    int to;   /* it ends when this is closed */
    int from; /* the numbers of its children */
    test_gate gate;
} parent_program;

static void be_a_parent(parent_program *p, void (*end)(void))
{
    inherited = restarting_pool(3); /* a global one, that is no leak at its exit */
    crash_order stop = {.gate = p->gate.path, .signal_number = SIGSTOP};
    pid_t children[3];
    char byte;
    unfinished = call_held(inherited, &p->gate);
    call(inherited, "crash", &stop, sizeof stop);
    await_entered(&p->gate, 1);
    assert_works(inherited);
    for (int i = 0; i < 3; i++)
        children[i] = child_of(inherited, i);
    kill(children[1], SIGSTOP);
    await_stopped(children[1]);
    (void)!write(p->from, children, sizeof children);
    (void)!read(p->to, &byte, 1);
    end();
    _exit(99);
}

static void die(void)
{
    raise(SIGKILL);
}

static void leave(void)
{
    _exit(0);
}

static void leave_by_exit(void) /* the pool is one that is not waited for */
{
    exit(0);
}

PROCESS_TEST(process_parent, none_outlives_its_parent, LIMIT)
{
    static void (*const ends[])(void) = {die, leave, leave_by_exit};
    for (int i = 0; i < 3; i++) {
        parent_program p = {0};
        int to[2];
        int from[2];
        int watched[3];
        pid_t children[3];
        test_gate_init(&p.gate);
        cr_assert_eq(pipe2(to, O_CLOEXEC), 0);
        cr_assert_eq(pipe2(from, O_CLOEXEC), 0);
        fflush(NULL);
        p.process = fork();
        if (p.process == 0) {
            close(to[1]);
            p.to = to[0];
            p.from = from[1];
            be_a_parent(&p, ends[i]);
        }
        close(to[0]);
        close(from[1]);
        cr_assert_eq(read(from[0], children, sizeof children), (ssize_t)sizeof children);
        for (int k = 0; k < 3; k++)
            watched[k] = watch_process(children[k]);
        close(to[1]);
        for (int k = 0; k < 3; k++)
            await_watched(watched[k]);
        cr_assert_eq(waitpid(p.process, NULL, 0), p.process);
        close(from[0]);
        test_gate_end(&p.gate);
    }
}

static mark_file program_marks;

static void exit_with_a_full_queue(void)
{
    sheaf_executor_options options = marking(&program_marks);
    options.size = sizeof options;
    options.kind = SHEAF_EXECUTOR_PROCESSES;
    options.worker_command = worker_command();
    options.max_workers = 1;
    check('a', sheaf_executor_create(&options, &inherited, NULL) == SHEAF_OK);
    for (int i = 0; i < 4; i++)
        sheaf_future_release(call(inherited, "mark_call", NULL, 0));
    exit(6);
}

PROCESS_TEST(process_parent, at_the_exit_of_the_parent_what_is_queued_is_run, LIMIT)
{
    program_marks = marks_begin();
    outcome all = run_program(exit_with_a_full_queue);
    cr_assert_str_eq(all.text, "");
    cr_assert_eq(all.code, 6);
    assert_marks(&program_marks, "bcccce");
}

/* ---- descriptors ---- */

static void use_no_standard_descriptors(void)
{
    for (int fd = 0; fd < 3; fd++)
        close(fd);
    sheaf_executor *executor = restarting_pool(2);
    for (int i = 0; i < 2; i++) {
        static unsigned char bytes[100000];
        sheaf_future *future = call(executor, "echo", bytes, i == 0 ? 5 : sizeof bytes);
        check('a', block_of(future)->n_bytes == (i == 0 ? 5 : sizeof bytes));
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
    check('b', count_descriptors() == support_descriptors - 3 + 1); /* its voice */
    _exit(0);
}

PROCESS_TEST(process_parent, a_parent_needs_no_standard_descriptors, LIMIT)
{
    outcome all = run_program(use_no_standard_descriptors);
    cr_assert_str_eq(all.text, "");
    cr_assert_eq(all.code, 0);
}

/* The process may open so many more. */
static struct rlimit allow_descriptors(int more)
{
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = open("/dev/null", O_RDONLY | O_CLOEXEC); /* numbers are given from the lowest */
    close(lowest);
    struct rlimit now = {.rlim_cur = (rlim_t)(lowest + more), .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
    return before;
}

/* Shared memory is a descriptor, and a file whose size may be limited. The socket needs neither. */
PROCESS_TEST(process_parent, large_blocks_travel_without_descriptors_or_large_files, LIMIT)
{
    static unsigned char bytes[3000000];
    for (int i = 0; i < 2; i++) {
        seen_bytes seen;
        fill_pattern(bytes, (size_t)i, sizeof bytes);
        sheaf_executor *executor = breaking_pool(1);
        int64_t process = i == 0 ? who_answers(executor).process : 0; /* 1: it has the limit too */
        struct rlimit before = {0};
        if (i == 0)
            before = allow_descriptors(0);
        else
            cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){4096, 4096}), 0);
        take_reply(call(executor, "look_at_bytes", bytes, sizeof bytes), &seen, sizeof seen);
        cr_assert_eq(seen.n_bytes, sizeof bytes);
        cr_assert_eq(seen.hash, hash_of(bytes, sizeof bytes));
        cr_assert_eq(seen.misaligned, 0);
        if (i == 0) {
            cr_assert_eq(who_answers(executor).process, process);
            setrlimit(RLIMIT_NOFILE, &before);
        }
        sheaf_future *future = call(executor, "echo", bytes, sizeof bytes);
        const sheaf_block *block = block_of(future);
        cr_assert_eq(block->n_bytes, sizeof bytes);
        cr_assert_eq(memcmp(block->bytes, bytes, sizeof bytes), 0);
        cr_assert_eq((uintptr_t)block->bytes % 8, 0);
        sheaf_future_release(future);
        cr_assert_eq(sheaf_executor_stats_get(executor).lost, 0);
        sheaf_executor_destroy(executor);
    }
}

/* The reply is lost, not the process, and not the pool. */
PROCESS_TEST(process_parent, a_large_reply_without_descriptors_fails_alone, LIMIT)
{
    wanted_bytes large = {200000, 1};
    sheaf_executor *executor = breaking_pool(1);
    assert_works(executor);
    struct rlimit before = allow_descriptors(0);
    sheaf_future *future = call(executor, "make_bytes", &large, sizeof large);
    assert_fails(future, SHEAF_ERESOURCE, "open files");
    assert_works(executor);
    setrlimit(RLIMIT_NOFILE, &before);
    future = call(executor, "make_bytes", &large, sizeof large);
    cr_assert_eq(block_of(future)->n_bytes, large.n_bytes);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* However many it has when they end, the pool is broken, says why, and leaves none open. */
PROCESS_TEST(process_parent, a_worker_that_cannot_be_started_leaves_no_descriptor, LIMIT)
{
    for (int more = 0; more < 4; more++) {
        sheaf_executor *executor = restarting_pool(1);
        struct rlimit before = allow_descriptors(more);
        sheaf_future *future = call_square(executor, 3);
        sheaf_error err;
        sheaf_status status = sheaf_future_result(future, -1, NULL, &err);
        setrlimit(RLIMIT_NOFILE, &before);
        cr_assert(status == SHEAF_OK || status == SHEAF_EBROKEN);
        cr_assert_eq(status, more < 3 ? SHEAF_EBROKEN : status);
        if (status == SHEAF_EBROKEN)
            cr_assert_not_null(strstr(err.message, "Too many open files"), "%s", err.message);
        sheaf_future_release(future);
        sheaf_executor_destroy(executor);
        cr_assert_eq(count_descriptors(), support_descriptors);
    }
}
