/*
 * A worker process: it does what its pool says, one message after the other.
 *
 * When the pool goes away the socket is closed, and the process ends; should it be busy then, the
 * kernel kills it (PR_SET_PDEATHSIG). Ctrl-C in a terminal, and its closing, reach the whole
 * process group: it is the parent's to decide what that means, so a worker ignores SIGINT and
 * SIGHUP.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/executor/futex.h"
#include "engine/executor/pool.h"
#include "engine/executor/process/process.h"
#include "engine/executor/process/wire.h"

enum { SCRATCH_CHUNK_BYTES = 256 << 10, SCRATCH_KEEP_BYTES = 4 << 20 };

typedef struct server {
    sheaf__wire wire;
    const sheaf_function *functions;
    size_t n_functions;
    sheaf_worker worker;
    const sheaf_function *end_function;
    sheaf_reply said; /* by the last call */
    sheaf_error err;
} server;

static const sheaf_function *find(const server *s, const char *name)
{
    for (size_t i = 0; i < s->n_functions; i++)
        if (strcmp(s->functions[i].name, name) == 0)
            return &s->functions[i];
    return NULL;
}

static sheaf_status unknown(server *s, const char *name)
{
    sheaf_error_set(&s->err, SHEAF_EINVAL, "the worker process knows no function \"%s\"", name);
    sheaf_error_hint(&s->err, "list it in the functions of sheaf_worker_main()");
    return SHEAF_EINVAL;
}

/* Send a message that ends with the error, if the status is one, and what was said before it. */
static sheaf_status answer(server *s, sheaf__message_type type, const sheaf__message *to,
                           uint32_t n_items, sheaf_status status, sheaf_reply *payload)
{
    if (status < 0) {
        s->err.status = status;
        if (sheaf__payload_add(payload, NULL, &s->err, sizeof s->err) < 0 ||
            sheaf__payload_add(payload, NULL, s->said.bytes, s->said.n_bytes) < 0)
            status = SHEAF_ENOMEM; /* whose text the pool knows */
    }
    sheaf__message message = {.type = type,
                              .number = to->number,
                              .n_items = n_items,
                              .status = status,
                              .descriptor = -1,
                              .bytes = payload->bytes,
                              .n_bytes = payload->n_bytes};
    return sheaf__wire_send(&s->wire, &message);
}

/* ---- hello ---- */

static sheaf_status map_stop_word(server *s, int fd)
{
    void *page = mmap(NULL, sizeof(atomic_uint), PROT_READ, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED)
        return sheaf__error_system(&s->err, errno, "shared memory could not be mapped", NULL);
    s->worker.stop_word = page;
    return SHEAF_OK;
}

static sheaf_status begin(server *s, const sheaf__message *message)
{
    const sheaf__hello *hello = message->bytes;
    if (message->type != SHEAF__HELLO || message->n_bytes < sizeof *hello ||
        hello->version != SHEAF__WIRE_VERSION || hello->error_bytes != sizeof(sheaf_error) ||
        hello->n_init_bytes > message->n_bytes - sizeof *hello)
        return sheaf_error_set(&s->err, SHEAF_EINVAL,
                               "the worker process was built with another version of the library");
    s->worker.index = hello->index;
    memcpy(s->worker.name, hello->name, sizeof s->worker.name - 1);
    if (getppid() != hello->parent)
        return sheaf_error_set(&s->err, SHEAF_EWORKER, "the parent of the worker is gone");
    s->worker.scratch = sheaf__arena_create(&s->worker.heap, SCRATCH_CHUNK_BYTES);
    if (!s->worker.scratch)
        return sheaf__error_memory(&s->err, "a worker's arena");
    sheaf_status status = map_stop_word(s, message->descriptor);
    if (status < 0)
        return status;
    if (hello->end_function[0] && !(s->end_function = find(s, hello->end_function)))
        return unknown(s, hello->end_function);
    if (!hello->init_function[0])
        return SHEAF_OK;
    const sheaf_function *init = find(s, hello->init_function);
    if (!init)
        return unknown(s, hello->init_function);
    const void *bytes = hello + 1;
    status = sheaf__call_hook(&s->worker, init, hello->n_init_bytes > 0 ? bytes : NULL,
                              hello->n_init_bytes, &s->err);
    sheaf__arena_reset(s->worker.scratch, 0);
    return status;
}

/* ---- calls ---- */

static void forget(sheaf_reply *said)
{
    free(said->bytes);
    *said = (sheaf_reply){0};
}

static sheaf_status call(server *s, const sheaf__item *item, const void *bytes,
                         sheaf_reply *payload)
{
    const sheaf_function *function = find(s, item->function);
    if (!function)
        return unknown(s, item->function);
    sheaf_reply *said = &s->said;
    sheaf_status status = function->run(&s->worker, bytes, item->n_bytes, said, &s->err);
    sheaf__arena_reset(s->worker.scratch, SCRATCH_KEEP_BYTES);
    if (status >= 0 && sheaf__payload_add(payload, NULL, said->bytes, said->n_bytes) < 0)
        status = sheaf__error_memory(&s->err, "the reply of a call");
    if (status >= 0)
        forget(said);
    return status;
}

static sheaf_status serve_calls(server *s, const sheaf__message *message)
{
    sheaf_reply payload = {0};
    sheaf_status status = SHEAF_OK;
    uint32_t n_done = 0;
    size_t offset = 0;
    s->worker.call_number = message->number;
    while (n_done < message->n_items && status >= 0) {
        const void *bytes;
        const sheaf__item *item = sheaf__payload_next(message, &offset, &bytes);
        sheaf_error_clear(&s->err);
        if (n_done > 0 && sheaf_worker_stopping(&s->worker))
            status = sheaf_error_set(&s->err, SHEAF_ECANCELLED, "the map was closed");
        else
            status = item ? call(s, item, bytes, &payload)
                          : sheaf_error_set(&s->err, SHEAF_EINVAL, "the call cannot be read");
        n_done += status >= 0;
    }
    status = answer(s, SHEAF__REPLY, message, n_done, status < 0 ? status : SHEAF_OK, &payload);
    free(payload.bytes);
    forget(&s->said);
    return status;
}

/* ---- the process ---- */

static int serve(server *s)
{
    sheaf__message message;
    sheaf_reply payload = {0};
    sheaf_status status = sheaf__wire_receive(&s->wire, &message, &s->err);
    if (status != SHEAF_OK)
        return EXIT_FAILURE;
    status = begin(s, &message);
    sheaf_status begun = status < 0 ? status : SHEAF_OK;
    status = answer(s, SHEAF__READY, &message, 0, begun, &payload);
    free(payload.bytes);
    sheaf__message_end(&message);
    bool leaves = begun < 0;
    while (status == SHEAF_OK && !leaves) {
        status = sheaf__wire_receive(&s->wire, &message, &s->err);
        if (status != SHEAF_OK)
            break;
        leaves = message.type != SHEAF__CALL;
        if (!leaves)
            status = serve_calls(s, &message);
        sheaf__message_end(&message);
    }
    if (s->end_function)
        (void)sheaf__call_hook(&s->worker, s->end_function, NULL, 0, NULL);
    sheaf__arena_destroy(s->worker.scratch);
    sheaf__heap_end(&s->worker.heap);
    if (s->worker.stop_word)
        munmap(s->worker.stop_word, sizeof(atomic_uint));
    return begun < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Shared memory counts as a file where the size of files is limited: no limit but the hard one. */
static void allow_large_memory(void)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
}

int sheaf_worker_main(int argc, char **argv, const sheaf_function *functions, size_t n)
{
    if (argc != 2 || strcmp(argv[1], SHEAF_WORKER_ARGUMENT) != 0)
        return -1;
    if (fcntl(SHEAF__WIRE_SOCKET, F_SETFD, FD_CLOEXEC) != 0)
        return EXIT_FAILURE; /* nobody started it as one */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    allow_large_memory();
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    server *s = calloc(1, sizeof *s);
    if (!s)
        return EXIT_FAILURE;
    s->wire = (sheaf__wire){
        .socket = SHEAF__WIRE_SOCKET, .process = -1, .deadline_ns = SHEAF__FOREVER};
    s->functions = functions;
    s->n_functions = n;
    sheaf__heap_init(&s->worker.heap);
    int code = serve(s);
    free(s);
    return code;
}
