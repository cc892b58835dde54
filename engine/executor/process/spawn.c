/*
 * Starting and ending one child process: see process.h.
 *
 * posix_spawn(3), because a process with threads cannot be forked and go on. The child gets its end
 * of the socket as descriptor 3, /dev/null for its input, our output and errors, and nothing else;
 * all signals at their defaults, those blocked that a terminal or a service manager sends to the
 * whole group until the worker is ready for them.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/executor/futex.h"
#include "engine/executor/process/process.h"
#include "engine/executor/process/wire.h"

extern char **environ;

enum { HELLO_PATIENCE_MS = 60000, NS_PER_MS = 1000000, TRIES = 3 };

/* ---- the process ---- */

static int prepare(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, int socket)
{
    sigset_t early; /* until it has said what they are to do: sheaf_worker_main() */
    sigset_t all;
    sigemptyset(&early);
    sigaddset(&early, SIGINT);
    sigaddset(&early, SIGHUP);
    sigaddset(&early, SIGTERM);
    sigfillset(&all);
    int failure = posix_spawn_file_actions_adddup2(actions, socket, SHEAF__WIRE_SOCKET);
    if (!failure)
        failure = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (!failure)
        failure = posix_spawn_file_actions_addclosefrom_np(actions, SHEAF__WIRE_SOCKET + 1);
    if (!failure)
        failure = posix_spawnattr_setsigmask(attributes, &early);
    if (!failure)
        failure = posix_spawnattr_setsigdefault(attributes, &all);
    if (!failure)
        failure = posix_spawnattr_setflags(attributes,
                                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return failure;
}

/* Returns 0 or an errno. */
static int spawn(const char *const *command, int socket, pid_t *pid)
{
    static const char *const myself[] = {"/proc/self/exe", SHEAF_WORKER_ARGUMENT, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    char *const *argv = (char *const *)(uintptr_t)(command ? command : myself);
    int failure = posix_spawn_file_actions_init(&actions);
    if (failure)
        return failure;
    failure = posix_spawnattr_init(&attributes);
    if (!failure) {
        failure = prepare(&actions, &attributes, socket);
        if (!failure)
            failure = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return failure;
}

/* ---- the stop word ---- */

static int make_stop_word(sheaf__child *child, sheaf_error *err)
{
    int fd = memfd_create("sheaf-stop", MFD_CLOEXEC);
    void *page = MAP_FAILED;
    if (fd >= 0 && ftruncate(fd, sizeof(atomic_uint)) == 0)
        page = mmap(NULL, sizeof(atomic_uint), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        sheaf__error_system(err, errno, "there is no shared memory for a worker process", NULL);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    child->stop_word = page;
    return fd;
}

/* ---- hello ---- */

static void copy_name(char *to, size_t size, const sheaf_function *function)
{
    if (function)
        snprintf(to, size, "%s", function->name);
}

static sheaf_status say_hello(const sheaf__wire *wire, const sheaf_worker *worker, int stop_fd,
                              sheaf_error *err)
{
    const sheaf_executor_options *options = &worker->pool->options;
    size_t n_init = options->n_init_bytes;
    sheaf__hello *hello = calloc(1, sizeof *hello + n_init);
    if (!hello)
        return sheaf__error_memory(err, "a worker process");
    hello->version = SHEAF__WIRE_VERSION;
    hello->error_bytes = sizeof(sheaf_error);
    hello->index = worker->index;
    hello->parent = getpid();
    memcpy(hello->name, worker->name, sizeof hello->name);
    copy_name(hello->init_function, sizeof hello->init_function, options->init_function);
    copy_name(hello->end_function, sizeof hello->end_function, options->end_function);
    hello->n_init_bytes = n_init;
    if (n_init > 0)
        memcpy(hello + 1, worker->pool->init_bytes, n_init);
    sheaf__message message = {.type = SHEAF__HELLO,
                              .descriptor = stop_fd,
                              .bytes = hello,
                              .n_bytes = sizeof *hello + n_init};
    sheaf_status status = sheaf__wire_send(wire, &message);
    free(hello);
    return status;
}

static sheaf_status await_ready(const sheaf__wire *wire, sheaf_error *err)
{
    sheaf__message message;
    const void *bytes;
    size_t offset = 0;
    sheaf_status status = sheaf__wire_receive(wire, &message, err);
    if (status != SHEAF_OK)
        return status;
    status = message.type == SHEAF__READY ? message.status : SHEAF_EINVAL;
    const sheaf__item *item = sheaf__payload_next(&message, &offset, &bytes);
    if (status < 0 && item && item->n_bytes == sizeof *err) {
        memcpy(err, bytes, sizeof *err);
        status = SHEAF_ETASK; /* explained */
    } else if (status < 0) {
        sheaf_error_set(err, status, "%s", sheaf_status_text(status));
    }
    sheaf__message_end(&message);
    return status;
}

/* Why a child that was started cannot be used. */
static void explain(sheaf_status status, bool killed, const char *how, sheaf_error *err)
{
    if (status == SHEAF_END)
        sheaf_error_set(err, SHEAF_EWORKER, "a worker process %s before it was ready%s", how,
                        killed ? "" : ": it did not come to sheaf_worker_main()");
    else if (status == SHEAF_ETIMEDOUT)
        sheaf_error_set(err, SHEAF_EWORKER,
                        "a worker process was not ready within %d s: it did not come to "
                        "sheaf_worker_main()",
                        HELLO_PATIENCE_MS / 1000);
    else if (status == SHEAF_EINVAL)
        sheaf_error_set(err, SHEAF_EWORKER, "a worker process said what is no message of ours");
}

static void free_child(sheaf__child *child)
{
    if (child->stop_word)
        munmap(child->stop_word, sizeof(atomic_uint));
    free(child);
}

/* `killed`: it was, by a signal, before it was ready: another one may do better. */
static sheaf__child *try_spawn(const sheaf_worker *worker, bool *killed, sheaf_error *err)
{
    int ends[2];
    sheaf__child *child = calloc(1, sizeof *child);
    if (!child) {
        sheaf__error_memory(err, "a worker process");
        return NULL;
    }
    int stop_fd = make_stop_word(child, err);
    if (stop_fd < 0) {
        free_child(child);
        return NULL;
    }
    int failure = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0 ? 0 : errno;
    if (!failure) {
        failure = spawn(worker->pool->options.worker_command, ends[1], &child->pid);
        close(ends[1]);
        if (failure)
            close(ends[0]);
    }
    if (failure) {
        sheaf__error_system(err, failure, "a worker process could not be started", NULL);
        close(stop_fd);
        free_child(child);
        return NULL;
    }
    child->socket = ends[0];
    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    sheaf__wire wire = {.socket = child->socket,
                        .process = child->pidfd,
                        .deadline_ns = sheaf__deadline_ns(HELLO_PATIENCE_MS)};
    sheaf_status status = say_hello(&wire, worker, stop_fd, err);
    if (status == SHEAF_OK)
        status = await_ready(&wire, err);
    close(stop_fd);
    if (status == SHEAF_OK)
        return child;
    char how[64];
    bool by_signal = sheaf__child_reap(child, how, sizeof how);
    *killed = by_signal && status == SHEAF_END;
    explain(status, by_signal, how, err);
    return NULL;
}

sheaf__child *sheaf__child_spawn(const sheaf_worker *worker, sheaf_error *err)
{
    bool restart = worker->pool->options.child_lost == SHEAF_CHILD_LOST_RESTART;
    sheaf__child *child = NULL;
    bool again = true;
    for (int i = 0; i < TRIES && again; i++) {
        again = false;
        child = try_spawn(worker, &again, err);
        again = again && restart;
    }
    return child;
}

/* ---- the end ---- */

void sheaf__child_signal_locked(const sheaf__child *child, int signal_number)
{
    if (child->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL, 0);
    else
        kill(child->pid, signal_number);
}

/* Wait for the end, without reaping. Returns whether it came in time. */
static bool await_end(const sheaf__child *child, int64_t deadline_ns)
{
    struct pollfd process = {.fd = child->pidfd >= 0 ? child->pidfd : child->socket,
                             .events = POLLIN};
    for (;;) {
        int64_t left = deadline_ns - sheaf__now_ns();
        int n = poll(&process, 1, left > 0 ? (int)((left + NS_PER_MS - 1) / NS_PER_MS) : 0);
        if (n != -1 || errno != EINTR)
            return n > 0;
    }
}

bool sheaf__child_has_ended(const sheaf__child *child)
{
    return await_end(child, 0);
}

static void describe(const siginfo_t *info, char *how, size_t size)
{
    const char *name = info->si_code == CLD_EXITED ? NULL : sigdescr_np(info->si_status);
    if (info->si_code == CLD_EXITED)
        snprintf(how, size, "ended with exit code %d", info->si_status);
    else
        snprintf(how, size, "was killed by signal %d (%s)", info->si_status, name ? name : "?");
}

bool sheaf__child_reap(sheaf__child *child, char *how, size_t size)
{
    siginfo_t info = {0};
    /*
     * Until it is reaped its number cannot be anybody else's. If it has ended by itself, or is
     * about to (the kernel closes its socket on the way), the signal changes nothing.
     */
    if (!await_end(child, sheaf__now_ns()))
        sheaf__child_signal_locked(child, SIGKILL);
    snprintf(how, size, "ended");
    int result;
    while ((result = waitid(P_PID, (id_t)child->pid, &info, WEXITED)) != 0 && errno == EINTR)
        ;
    if (result == 0) /* else the program itself has reaped it, or does not want to know */
        describe(&info, how, size);
    close(child->socket);
    if (child->pidfd >= 0)
        close(child->pidfd);
    free_child(child);
    return result == 0 && info.si_code != CLD_EXITED;
}

void sheaf__child_leave(sheaf__child *child, int64_t patience_ms)
{
    char how[64];
    sheaf__wire wire = {.socket = child->socket,
                        .process = child->pidfd,
                        .deadline_ns = sheaf__deadline_ns(patience_ms)};
    sheaf__message message = {.type = SHEAF__LEAVE, .descriptor = -1};
    if (sheaf__wire_send(&wire, &message) == SHEAF_OK)
        await_end(child, wire.deadline_ns);
    sheaf__child_reap(child, how, sizeof how);
}
