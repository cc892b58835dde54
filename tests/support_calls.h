/*
 * The functions that the tests of processes call, and what they are called with. Those here do no
 * harm and run on every kind of executor, in the test itself or in a worker process; those that do
 * are only in process_worker.c, and only their names are here.
 */
#ifndef SHEAF_TESTS_SUPPORT_CALLS_H
#define SHEAF_TESTS_SUPPORT_CALLS_H

#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sheaf/call.h>

/* ---- gates that a task of another process can stand at ---- */

enum { GATE_PATH = 48 };

typedef struct shared_gate { /* lies in memory that both processes map */
    sem_t entered;
    sem_t open;
    atomic_int passed;
    atomic_int guest; /* the process that entered last */
} shared_gate;

/* A path of a gate: the first bytes of whatever a function that knows gates is called with. */
typedef struct gate_path {
    char text[GATE_PATH]; /* empty: no gate */
} gate_path;

static inline shared_gate *gate_at(const gate_path *path)
{
    int fd = open(path->text, O_RDWR | O_CLOEXEC);
    void *page = fd < 0
                     ? MAP_FAILED
                     : mmap(NULL, sizeof(shared_gate), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return page == MAP_FAILED ? NULL : page;
}

static inline void gate_leave(shared_gate *g)
{
    munmap(g, sizeof *g);
}

static inline void gate_enter(shared_gate *g)
{
    atomic_store(&g->guest, (int)getpid());
    sem_post(&g->entered);
}

static inline void gate_pass(shared_gate *g)
{
    gate_enter(g);
    while (sem_wait(&g->open) != 0) {
    }
    atomic_fetch_add(&g->passed, 1);
}

/* Stand at the gate, if there is one, until it is opened. */
static inline sheaf_status pass_gate_at(const gate_path *path, sheaf_error *err)
{
    if (!path->text[0])
        return SHEAF_OK;
    shared_gate *g = gate_at(path);
    if (!g)
        return sheaf_error_set(err, SHEAF_EIO, "there is no gate %s", path->text);
    gate_pass(g);
    gate_leave(g);
    return SHEAF_OK;
}

/* ---- bytes ---- */

static inline uint64_t hash_of(const void *bytes, size_t n_bytes)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a, eight bytes at a time */
    const unsigned char *at = bytes;
    for (; n_bytes >= 8; n_bytes -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 29;
    }
    for (; n_bytes > 0; n_bytes--, at++)
        hash = (hash ^ *at) * UINT64_C(0x100000001b3);
    return hash;
}

static inline void fill_pattern(unsigned char *bytes, size_t from, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (unsigned char)((from + i) * 31 + ((from + i) >> 9));
}

/* ---- plain functions ---- */

#define CALL_FUNCTION(name)                                                                        \
    static inline sheaf_status name(sheaf_worker *worker, const void *bytes, size_t n_bytes,       \
                                    sheaf_reply *reply, sheaf_error *err)

#define UNUSED_IN_CALL (void)worker, (void)bytes, (void)n_bytes, (void)reply, (void)err

/* Give back what came. */
CALL_FUNCTION(echo)
{
    (void)worker, (void)err;
    return sheaf_reply_append(reply, bytes, n_bytes);
}

CALL_FUNCTION(square)
{
    int64_t number;
    (void)worker;
    if (n_bytes != sizeof number)
        return sheaf_error_set(err, SHEAF_EINVAL, "a number has %zu bytes", sizeof number);
    memcpy(&number, bytes, sizeof number);
    number *= number;
    return sheaf_reply_append(reply, &number, sizeof number);
}

/* What the function saw of its bytes. */
typedef struct seen_bytes {
    uint64_t n_bytes;
    uint64_t hash;
    uint64_t misaligned; /* address modulo 8 */
    char memory[64];     /* the file that is mapped there; empty: none */
} seen_bytes;

/* The name of what is mapped at an address, as the kernel tells it. */
static inline void name_memory(const void *address, char *name, size_t size)
{
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    snprintf(name, size, "%s", "");
    while (maps && fgets(line, sizeof line, maps)) {
        unsigned long begin, end;
        int at_name = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &begin, &end, &at_name) >= 2 &&
            (uintptr_t)address >= begin && (uintptr_t)address < end && at_name > 0) {
            line[strcspn(line, "\n")] = '\0';
            snprintf(name, size, "%s", line + at_name);
        }
    }
    if (maps)
        fclose(maps);
}

CALL_FUNCTION(look_at_bytes)
{
    seen_bytes seen = {
        .n_bytes = n_bytes, .hash = hash_of(bytes, n_bytes), .misaligned = (uintptr_t)bytes % 8};
    (void)worker, (void)err;
    name_memory(bytes, seen.memory, sizeof seen.memory);
    return sheaf_reply_append(reply, &seen, sizeof seen);
}

/* Reply with a pattern, made of so many pieces, by reserve and by append in turn. */
typedef struct wanted_bytes {
    uint64_t n_bytes;
    uint64_t n_pieces;
} wanted_bytes;

CALL_FUNCTION(make_bytes)
{
    wanted_bytes wanted;
    (void)worker, (void)n_bytes;
    memcpy(&wanted, bytes, sizeof wanted);
    size_t at = 0;
    for (uint64_t i = 0; i < wanted.n_pieces; i++) {
        size_t end = (size_t)(wanted.n_bytes * (i + 1) / wanted.n_pieces);
        unsigned char *room = i % 2 == 0 ? sheaf_reply_reserve(reply, end - at)
                                         : malloc(end - at + 1);
        if (!room)
            return sheaf_error_set(err, SHEAF_ENOMEM, "no memory for %zu bytes", end - at);
        fill_pattern(room, at, end - at);
        if (i % 2 == 1) {
            sheaf_status status = sheaf_reply_append(reply, room, end - at);
            free(room);
            if (status < 0)
                return sheaf_error_set(err, status, "the reply did not grow");
        }
        at = end;
    }
    return SHEAF_OK;
}

/* Fail with the error that the bytes are, as it is. */
CALL_FUNCTION(fail_with)
{
    (void)worker, (void)reply, (void)n_bytes;
    memcpy(err, bytes, sizeof *err);
    return err->status;
}

/* Fail by the status alone: err is left as it was. */
CALL_FUNCTION(fail_silently)
{
    UNUSED_IN_CALL;
    return SHEAF_ECOMPRESSED;
}

/* A positive status counts as OK. */
CALL_FUNCTION(echo_end)
{
    (void)worker, (void)err;
    sheaf_status status = sheaf_reply_append(reply, bytes, n_bytes);
    return status < 0 ? status : SHEAF_END;
}

/* A number below 0 fails, having said half of it. */
CALL_FUNCTION(halve)
{
    int64_t number;
    (void)worker, (void)n_bytes;
    memcpy(&number, bytes, sizeof number);
    int64_t half = number / 2;
    sheaf_status status = sheaf_reply_append(reply, &half, sizeof half);
    if (status == SHEAF_OK && number < 0)
        status = sheaf_error_set(err, SHEAF_ETASK, "%lld is below 0", (long long)number);
    return status;
}

/* Use the scratch memory: it must be there, aligned, and of any size. */
CALL_FUNCTION(use_scratch)
{
    uint64_t n;
    (void)n_bytes;
    memcpy(&n, bytes, sizeof n);
    unsigned char *memory = sheaf_arena_alloc(sheaf_worker_scratch(worker), (size_t)n, 1, 8);
    if (!memory || (uintptr_t)memory % 8 != 0)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no scratch of %llu bytes",
                               (unsigned long long)n);
    fill_pattern(memory, 0, (size_t)n);
    uint64_t hash = hash_of(memory, (size_t)n);
    return sheaf_reply_append(reply, &hash, sizeof hash);
}

/* ---- functions that know their worker ---- */

typedef struct whoami {
    int64_t process;
    int64_t parent;
    int64_t index;
    char name[64];
} whoami;

CALL_FUNCTION(say_who)
{
    whoami self = {.process = getpid(), .parent = getppid(), .index = sheaf_worker_index(worker)};
    (void)bytes, (void)n_bytes, (void)err;
    snprintf(self.name, sizeof self.name, "%s", sheaf_worker_name(worker));
    return sheaf_reply_append(reply, &self, sizeof self);
}

/* Stand at a gate, then give back what follows its path. */
CALL_FUNCTION(wait_at_gate)
{
    (void)worker;
    sheaf_status status = pass_gate_at(bytes, err);
    if (status < 0)
        return status;
    return sheaf_reply_append(reply, (const char *)bytes + sizeof(gate_path),
                              n_bytes - sizeof(gate_path));
}

/* Enter the gate and go on until the future is asked to stop. */
CALL_FUNCTION(run_until_stopped)
{
    (void)n_bytes;
    shared_gate *g = gate_at(bytes);
    if (!g)
        return sheaf_error_set(err, SHEAF_EIO, "there is no gate");
    gate_enter(g);
    gate_leave(g);
    while (!sheaf_worker_stopping(worker))
        sched_yield();
    return sheaf_reply_append(reply, "stopped", 8);
}

CALL_FUNCTION(say_whether_stopping)
{
    (void)bytes, (void)n_bytes, (void)err;
    char stopping = sheaf_worker_stopping(worker);
    return sheaf_reply_append(reply, &stopping, 1);
}

/* ---- functions that begin and end a worker ---- */

typedef struct memory_of_worker {
    seen_bytes init;
    uint64_t n_calls;
} memory_of_worker;

/* Keep what the init bytes were. */
CALL_FUNCTION(remember)
{
    (void)reply, (void)err;
    memory_of_worker *kept = calloc(1, sizeof *kept);
    if (!kept)
        return SHEAF_ENOMEM;
    kept->init = (seen_bytes){
        .n_bytes = n_bytes, .hash = hash_of(bytes, n_bytes), .misaligned = (uintptr_t)bytes % 8};
    sheaf_worker_set_local(worker, kept);
    return SHEAF_OK;
}

CALL_FUNCTION(recall)
{
    (void)bytes, (void)n_bytes;
    memory_of_worker *kept = sheaf_worker_local(worker);
    if (!kept)
        return sheaf_error_set(err, SHEAF_ESTATE, "the init function did not run");
    kept->n_calls++;
    return sheaf_reply_append(reply, kept, sizeof *kept);
}

CALL_FUNCTION(forget)
{
    (void)bytes, (void)n_bytes, (void)reply, (void)err;
    free(sheaf_worker_local(worker));
    return SHEAF_OK;
}

/* Write a mark behind those that are in a file: a byte is written whole. */
static inline sheaf_status write_mark(const char *path, char mark, sheaf_error *err)
{
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    ssize_t n = fd < 0 ? -1 : write(fd, &mark, 1);
    if (fd >= 0)
        close(fd);
    return n == 1 ? SHEAF_OK : sheaf_error_set(err, SHEAF_EIO, "no mark was made");
}

/* The init bytes are the path of the file. */
CALL_FUNCTION(mark_begin)
{
    (void)n_bytes, (void)reply;
    sheaf_worker_set_local(worker, strdup(bytes));
    return write_mark(bytes, 'b', err);
}

CALL_FUNCTION(mark_call)
{
    (void)bytes, (void)n_bytes, (void)reply;
    return write_mark(sheaf_worker_local(worker), 'c', err);
}

CALL_FUNCTION(mark_end)
{
    (void)bytes, (void)n_bytes, (void)reply;
    sheaf_status status = write_mark(sheaf_worker_local(worker), 'e', err);
    free(sheaf_worker_local(worker));
    return status;
}

CALL_FUNCTION(fail_to_begin)
{
    (void)worker, (void)reply;
    return sheaf_error_set(err, SHEAF_ENOENT, "no such thing as %.*s", (int)n_bytes,
                           (const char *)bytes);
}

/* A name of 63 bytes, the longest there is. */
#define LONGEST_NAME "a_name_that_has_as_many_bytes_as_a_name_of_a_function_can_have_"

/* X(name): every kind can run it. */
#define PLAIN_FUNCTIONS(X)                                                                         \
    X(echo)                                                                                        \
    X(square)                                                                                      \
    X(look_at_bytes)                                                                               \
    X(make_bytes)                                                                                  \
    X(fail_with)                                                                                   \
    X(fail_silently)                                                                               \
    X(echo_end)                                                                                    \
    X(halve)                                                                                       \
    X(use_scratch)                                                                                 \
    X(say_who)                                                                                     \
    X(wait_at_gate)                                                                                \
    X(run_until_stopped)                                                                           \
    X(say_whether_stopping)                                                                        \
    X(remember)                                                                                    \
    X(recall)                                                                                      \
    X(forget)                                                                                      \
    X(mark_begin)                                                                                  \
    X(mark_call)                                                                                   \
    X(mark_end)                                                                                    \
    X(fail_to_begin)

/* ---- what only a worker process does ---- */

/* X(name): see process_worker.c. */
#define WORKER_FUNCTIONS(X)                                                                        \
    X(crash)                                                                                       \
    X(look_around)                                                                                 \
    X(write_to_socket)                                                                             \
    X(close_socket)                                                                                \
    X(leave_a_grandchild)                                                                          \
    X(forge_a_reply)                                                                               \
    X(outlive_sigterm)                                                                             \
    X(never_end)

/* End the process, once the gate is passed. */
typedef struct crash_order {
    gate_path gate;
    int32_t signal_number; /* 0: exit */
    int32_t exit_code;
} crash_order;

typedef struct surroundings {
    uint64_t blocked; /* signal n is bit n - 1 */
    uint64_t ignored;
    int32_t descriptors[32];
    int32_t n_descriptors;
    int32_t input_mode; /* O_ACCMODE of descriptor 0 */
    char input[64];
    char directory[256];
    char environment[64]; /* SHEAF_TEST_MARK */
} surroundings;

/* Write the bytes to the socket; then end, or reply as if nothing had been. */
typedef struct socket_order {
    int32_t ends;
    int32_t stays; /* do not come back */
    char bytes[4096];
    uint32_t n_bytes;
} socket_order;

/* A reply as the pool's own messages go, but for what is wrong with it. */
typedef struct forged_reply {
    uint32_t type;  /* 0: that of a reply */
    int32_t number; /* to be added to the right one */
    uint32_t n_items;
    int32_t status;
    uint32_t n_bytes; /* of the payload */
    unsigned char payload[512];
} forged_reply;

#endif
