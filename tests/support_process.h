/*
 * What the tests of process pools share: pools whose workers are process_worker, calls by name, how
 * they end, gates that children stand at, children that are watched, and the account of what is
 * left when a test is over.
 *
 * process_worker lies beside the test's own program. Order is forced by gates and by the kernel's
 * word that a process has ended, never by time.
 */
#ifndef SHEAF_TESTS_SUPPORT_PROCESS_H
#define SHEAF_TESTS_SUPPORT_PROCESS_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/support_calls.h"
#include "tests/support_futures.h"

_Static_assert(sizeof LONGEST_NAME == 64, "63 bytes and the NUL");

/* ---- functions by name ---- */

/* What only a worker knows: if it ever runs here, that is the fault to be seen. */
CALL_FUNCTION(only_in_a_worker)
{
    UNUSED_IN_CALL;
    return sheaf_error_set(err, SHEAF_ESTATE, "the call was run in the process of the test");
}

#define NAMED_PLAIN(name) {#name, name},
#define NAMED_WORKER(name) {#name, only_in_a_worker},

static inline const sheaf_function *function_named(const char *name)
{
    static const sheaf_function all[] = {{LONGEST_NAME, echo},
                                         {"nobody_knows_me", only_in_a_worker},
                                         PLAIN_FUNCTIONS(NAMED_PLAIN)
                                             WORKER_FUNCTIONS(NAMED_WORKER)};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (strcmp(all[i].name, name) == 0)
            return &all[i];
    cr_assert_fail("the tests know no function %s", name);
    return NULL;
}

/* ---- pools ---- */

static inline const char *worker_path(void)
{
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 32);
    cr_assert_gt(n, 0);
    path[n] = '\0';
    strcpy(strrchr(path, '/'), "/process_worker");
    cr_assert_eq(access(path, X_OK), 0, "there is no %s", path);
    return path;
}

static inline const char *const *worker_command(void)
{
    static const char *command[] = {NULL, SHEAF_WORKER_ARGUMENT, NULL};
    if (!command[0])
        command[0] = worker_path();
    return command;
}

/* A test that fails does not wait for its gates: the children are killed with it. */
static inline sheaf_executor *process_pool(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    options.size = sizeof options;
    options.kind = SHEAF_EXECUTOR_PROCESSES;
    options.at_exit = SHEAF_AT_EXIT_DETACH;
    if (!options.worker_command)
        options.worker_command = worker_command();
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_OK, "%s", err.message);
    return executor;
}

static inline sheaf_executor *restarting_pool(int max_workers)
{
    return process_pool((sheaf_executor_options){.max_workers = max_workers,
                                                 .child_lost = SHEAF_CHILD_LOST_RESTART});
}

static inline sheaf_executor *breaking_pool(int max_workers)
{
    return process_pool(
        (sheaf_executor_options){.max_workers = max_workers, .child_lost = SHEAF_CHILD_LOST_BREAK});
}

static inline sheaf_executor *pool_that(int max_workers, sheaf_child_lost policy)
{
    return policy == SHEAF_CHILD_LOST_RESTART ? restarting_pool(max_workers)
                                              : breaking_pool(max_workers);
}

/* ---- calls ---- */

static inline sheaf_task task_of(const char *function, const void *bytes, size_t n_bytes)
{
    sheaf_task task;
    sheaf_error err;
    cr_assert_eq(sheaf_call_task(function_named(function), bytes, n_bytes, &task, &err), SHEAF_OK,
                 "%s", err.message);
    return task;
}

/* Submit a call, or learn why it is refused. */
static inline sheaf_status try_call(sheaf_executor *executor, const char *function,
                                    const void *bytes, size_t n_bytes, sheaf_future **future,
                                    sheaf_error *err)
{
    sheaf_task task = task_of(function, bytes, n_bytes);
    sheaf_status status = sheaf_executor_submit(executor, &task, future, err);
    if (status < 0)
        task.drop_arg(task.arg);
    return status;
}

static inline sheaf_future *call(sheaf_executor *executor, const char *function, const void *bytes,
                                 size_t n_bytes)
{
    sheaf_future *future = NULL;
    sheaf_error err;
    cr_assert_eq(try_call(executor, function, bytes, n_bytes, &future, &err), SHEAF_OK, "%s: %s",
                 function, err.message);
    return future;
}

static inline sheaf_future *call_square(sheaf_executor *executor, int64_t number)
{
    return call(executor, "square", &number, sizeof number);
}

/* ---- how they end ---- */

/* Of a call that succeeds: its reply, which the future keeps. */
static inline const sheaf_block *block_of(sheaf_future *future)
{
    void *block = NULL;
    sheaf_error err;
    sheaf_status status = sheaf_future_result(future, -1, &block, &err);
    cr_assert_geq(status, 0, "%s: %s", sheaf_status_name(status), err.message);
    cr_assert_not_null(block);
    return block;
}

/* The reply as a struct of the given size, and the end of the future. */
static inline void take_reply(sheaf_future *future, void *reply, size_t n_bytes)
{
    const sheaf_block *block = block_of(future);
    cr_assert_eq(block->n_bytes, n_bytes);
    memcpy(reply, block->bytes, n_bytes);
    sheaf_future_release(future);
}

static inline int64_t number_of(sheaf_future *future)
{
    int64_t number;
    take_reply(future, &number, sizeof number);
    return number;
}

/* That a call fails so, and says something about it; the future is ended. */
static inline void assert_fails(sheaf_future *future, sheaf_status expected, const char *text)
{
    sheaf_error err;
    sheaf_error_clear(&err);
    sheaf_status status = sheaf_future_result(future, -1, NULL, &err);
    cr_assert_eq(status, expected, "%s, not %s: %s", sheaf_status_name(status),
                 sheaf_status_name(expected), err.message);
    cr_assert_eq(err.status, expected);
    cr_assert_not_null(strstr(err.message, text), "\"%s\" does not say \"%s\"", err.message, text);
    sheaf_future_release(future);
}

static inline void assert_refuses(sheaf_executor *executor, sheaf_status expected, const char *text)
{
    sheaf_future *future = NULL;
    sheaf_error err;
    sheaf_error_clear(&err);
    cr_assert_eq(try_call(executor, "echo", "x", 1, &future, &err), expected);
    cr_assert_null(future);
    cr_assert_not_null(strstr(err.message, text), "\"%s\" does not say \"%s\"", err.message, text);
}

/* That the pool does what it is there for. */
static inline void assert_works(sheaf_executor *executor)
{
    cr_assert_eq(number_of(call_square(executor, 12)), 144);
}

static inline whoami who_answers(sheaf_executor *executor)
{
    whoami self;
    take_reply(call(executor, "say_who", NULL, 0), &self, sizeof self);
    return self;
}

/* The child of a worker, as its pool tells; 0 if there is none. */
static inline pid_t child_of(sheaf_executor *executor, int index)
{
    sheaf_worker_view views[16];
    size_t n = sheaf_executor_workers(executor, views, 16);
    for (size_t i = 0; i < n && i < 16; i++)
        if (views[i].index == index)
            return (pid_t)views[i].process_id;
    return 0;
}

/* ---- gates ---- */

typedef struct test_gate {
    shared_gate *page;
    gate_path path;
    int fd;
} test_gate;

static inline void test_gate_init(test_gate *g)
{
    g->fd = memfd_create("gate", MFD_CLOEXEC);
    cr_assert_geq(g->fd, 0);
    cr_assert_eq(ftruncate(g->fd, sizeof *g->page), 0);
    memset(&g->path, 0, sizeof g->path);
    snprintf(g->path.text, sizeof g->path.text, "/proc/%d/fd/%d", (int)getpid(), g->fd);
    g->page = gate_at(&g->path);
    cr_assert_not_null(g->page);
    cr_assert_eq(sem_init(&g->page->entered, 1, 0), 0);
    cr_assert_eq(sem_init(&g->page->open, 1, 0), 0);
}

static inline void test_gate_end(test_gate *g)
{
    gate_leave(g->page);
    close(g->fd);
}

static inline void test_gate_open(test_gate *g, int times)
{
    for (int i = 0; i < times; i++)
        sem_post(&g->page->open);
}

static inline void await_entered(test_gate *g, int times)
{
    for (int i = 0; i < times; i++)
        while (sem_wait(&g->page->entered) != 0) {
        }
}

/* A call that stands at the gate when this comes back: some worker is held. Replies "held". */
static inline sheaf_future *call_held(sheaf_executor *executor, test_gate *g)
{
    struct {
        gate_path gate;
        char text[5];
    } order = {g->path, "held"};
    sheaf_future *future = call(executor, "wait_at_gate", &order, sizeof order);
    await_entered(g, 1);
    return future;
}

static inline void assert_was_held(sheaf_future *future)
{
    const sheaf_block *block = block_of(future);
    cr_assert_eq(block->n_bytes, 5);
    cr_assert_str_eq(block->bytes, "held");
    sheaf_future_release(future);
}

/* ---- children, from outside ---- */

/* A child of ours has ended; it is left for its pool to reap. */
static inline void await_ended(pid_t child)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT) != 0)
        cr_assert_eq(errno, EINTR, "it was reaped by nobody");
}

static inline void await_stopped(pid_t child)
{
    siginfo_t info;
    while (waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOWAIT) != 0)
        cr_assert_eq(errno, EINTR);
}

/* Any process: a descriptor that can be read when it has ended. */
static inline int watch_process(pid_t process)
{
    int fd = (int)syscall(SYS_pidfd_open, process, 0);
    cr_assert_geq(fd, 0, "there is no process %d", (int)process);
    return fd;
}

static inline void await_watched(int fd)
{
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    while (poll(&ended, 1, -1) != 1) {
    }
    close(fd);
}

/* ---- marks ---- */

/* A file of marks: 'b' for each beginning, 'c' for each call, 'e' for each end. */
typedef struct mark_file {
    char path[GATE_PATH];
    int fd;
} mark_file;

static inline mark_file marks_begin(void)
{
    mark_file marks = {.fd = memfd_create("marks", MFD_CLOEXEC)};
    cr_assert_geq(marks.fd, 0);
    snprintf(marks.path, sizeof marks.path, "/proc/%d/fd/%d", (int)getpid(), marks.fd);
    return marks;
}

static inline void assert_marks(mark_file *marks, const char *expected)
{
    char text[100] = "";
    cr_assert_geq(pread(marks->fd, text, sizeof text - 1, 0), 0);
    cr_assert_str_eq(text, expected);
    close(marks->fd);
}

static inline sheaf_executor_options marking(const mark_file *marks)
{
    return (sheaf_executor_options){.init_function = function_named("mark_begin"),
                                    .init_bytes = marks->path,
                                    .n_init_bytes = sizeof marks->path,
                                    .end_function = function_named("mark_end")};
}

/* ---- what is left ---- */

static inline int count_descriptors(void)
{
    int n = 0;
    DIR *all = opendir("/proc/self/fd");
    cr_assert_not_null(all);
    while (readdir(all))
        n++;
    closedir(all);
    return n - 3; /* ".", "..", and its own */
}

static inline bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

/* Shared memory of the library's that is mapped. */
static inline int count_mappings(void)
{
    int n = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    cr_assert_not_null(maps);
    while (fgets(line, sizeof line, maps))
        n += strstr(line, "/memfd:sheaf") != NULL;
    fclose(maps);
    return n;
}

static int support_descriptors = -1;

/* Before and after each test. */
static inline void count_what_is_there(void)
{
    cr_assert_not(has_children());
    cr_assert_eq(count_mappings(), 0);
    support_descriptors = count_descriptors();
}

static inline void assert_nothing_is_left(void)
{
    cr_assert_not(has_children(), "a child is left, or a zombie");
    cr_assert_eq(count_mappings(), 0, "shared memory is left");
    cr_assert_eq(count_descriptors(), support_descriptors, "descriptors are left: %d, not %d",
                 count_descriptors(), support_descriptors);
}

/*
 * A test that is followed by that account. (It is no .fini: Criterion does not fail a test for what
 * that finds.)
 */
#define PROCESS_TEST(suite, name, seconds)                                                         \
    static void suite##_##name##_body(void);                                                       \
    Test(suite, name, .timeout = seconds)                                                          \
    {                                                                                              \
        count_what_is_there();                                                                     \
        suite##_##name##_body();                                                                   \
        assert_nothing_is_left();                                                                  \
    }                                                                                              \
    static void suite##_##name##_body(void)

#endif
