/*
 * The worker command of the tests of processes: a program that knows the functions of
 * support_calls.h, and others that would be the end of the test itself: they crash, hang, write
 * into the socket of their worker, or leave grandchildren behind.
 *
 * Criterion's programs have a main of their own, so their pools have this one as worker_command.
 */
#include <dirent.h>
#include <errno.h>
#include <signal.h>

#include "engine/executor/pool.h"
#include "engine/executor/process/wire.h"
#include "tests/support_calls.h"

/* ---- ending ---- */

static void stay(void)
{
    for (;;)
        pause();
}

/* A sanitizer's handler would turn the signal into an exit code. */
static void die_by(int signal_number)
{
    sigset_t it;
    sigemptyset(&it);
    sigaddset(&it, signal_number);
    signal(signal_number, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &it, NULL);
    raise(signal_number);
}

CALL_FUNCTION(crash)
{
    crash_order order;
    (void)worker, (void)n_bytes, (void)reply;
    memcpy(&order, bytes, sizeof order);
    sheaf_status status = pass_gate_at(&order.gate, err);
    if (status < 0)
        return status;
    if (order.signal_number != 0)
        die_by(order.signal_number);
    else
        _exit(order.exit_code);
    return SHEAF_OK; /* it was stopped, and goes on */
}

/* The pool asks it to leave, and it does not. */
CALL_FUNCTION(outlive_sigterm)
{
    (void)worker, (void)reply;
    signal(SIGTERM, SIG_IGN);
    return n_bytes > 0 ? pass_gate_at(bytes, err) : SHEAF_OK;
}

/* For an end function. */
CALL_FUNCTION(never_end)
{
    UNUSED_IN_CALL;
    stay();
    return SHEAF_OK;
}

/* A process that is forked here has all the descriptors, and lives on at the gate. */
CALL_FUNCTION(leave_a_grandchild)
{
    (void)worker, (void)n_bytes, (void)reply, (void)err;
    shared_gate *g = gate_at(bytes);
    if (!g)
        _exit(99);
    pid_t grandchild = fork();
    if (grandchild == 0) {
        gate_pass(g);
        _exit(0);
    }
    _exit(grandchild > 0 ? 5 : 99);
}

/* ---- the socket ---- */

static void write_all_to_socket(const char *bytes, size_t n_bytes)
{
    for (ssize_t n; n_bytes > 0 && (n = write(SHEAF__WIRE_SOCKET, bytes, n_bytes)) > 0; bytes += n)
        n_bytes -= (size_t)n;
}

CALL_FUNCTION(write_to_socket)
{
    const socket_order *order = bytes;
    (void)worker, (void)n_bytes, (void)reply, (void)err;
    write_all_to_socket(order->bytes, order->n_bytes);
    if (order->ends)
        _exit(0);
    if (order->stays)
        stay();
    return SHEAF_OK;
}

CALL_FUNCTION(close_socket)
{
    const socket_order *order = bytes;
    (void)worker, (void)n_bytes, (void)reply, (void)err;
    close(SHEAF__WIRE_SOCKET);
    if (order->stays)
        stay();
    return SHEAF_OK;
}

/* And then wait: that the process goes on is not what gives it away. */
CALL_FUNCTION(forge_a_reply)
{
    const forged_reply *forged = bytes;
    sheaf__wire wire = {.socket = SHEAF__WIRE_SOCKET, .process = -1, .deadline_ns = INT64_MAX};
    sheaf__message message = {
        .type = (sheaf__message_type)(forged->type ? forged->type : SHEAF__REPLY),
        .number = worker->call_number + (uint32_t)forged->number,
        .n_items = forged->n_items,
        .status = (sheaf_status)forged->status,
        .descriptor = -1,
        .bytes = forged->payload,
        .n_bytes = forged->n_bytes};
    (void)n_bytes, (void)reply, (void)err;
    if (sheaf__wire_send(&wire, &message) != SHEAF_OK)
        _exit(99);
    stay();
    return SHEAF_OK;
}

/* ---- what is around ---- */

/* "SigBlk:\t0000000000000000" */
static uint64_t signals_of(const char *name)
{
    char line[256];
    unsigned long long mask = ~0ULL;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, name, strlen(name)) == 0)
            sscanf(line + strlen(name), "%llx", &mask);
    if (status)
        fclose(status);
    return mask;
}

static void list_descriptors(surroundings *all)
{
    DIR *open_ones = opendir("/proc/self/fd");
    if (!open_ones)
        return;
    for (struct dirent *entry; (entry = readdir(open_ones)) && all->n_descriptors < 32;) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(open_ones))
            all->descriptors[all->n_descriptors++] = fd;
    }
    closedir(open_ones);
}

CALL_FUNCTION(look_around)
{
    surroundings all = {.blocked = signals_of("SigBlk:"), .ignored = signals_of("SigIgn:")};
    (void)worker, (void)bytes, (void)n_bytes, (void)err;
    list_descriptors(&all);
    all.input_mode = fcntl(STDIN_FILENO, F_GETFL) & O_ACCMODE;
    (void)!readlink("/proc/self/fd/0", all.input, sizeof all.input - 1);
    (void)!getcwd(all.directory, sizeof all.directory);
    const char *mark = getenv("SHEAF_TEST_MARK");
    snprintf(all.environment, sizeof all.environment, "%s", mark ? mark : "");
    return sheaf_reply_append(reply, &all, sizeof all);
}

/* ---- the program ---- */

#define LISTED(name) {#name, name},

int main(int argc, char **argv)
{
    static const sheaf_function functions[] = {{LONGEST_NAME, echo},
                                               PLAIN_FUNCTIONS(LISTED) WORKER_FUNCTIONS(LISTED)};
    int code = sheaf_worker_main(argc, argv, functions, sizeof functions / sizeof functions[0]);
    return code >= 0 ? code : 2; /* 2: it was called by a person, or without its argument */
}
