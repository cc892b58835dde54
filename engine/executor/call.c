/*
 * Calls: a function with a name, and blocks of bytes. See <sheaf/call.h>; how they get into another
 * process is in process/.
 */
#include "engine/executor/call.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

enum { REPLY_BYTES_MIN = 256 };

/* ---- blocks and replies ---- */

typedef struct owned_block {
    sheaf_block block; /* first */
    void *memory;
    void (*end)(void *memory, size_t n_bytes);
} owned_block;

sheaf_block *sheaf__block_create(void *bytes, size_t n_bytes,
                                 void (*end)(void *bytes, size_t n_bytes))
{
    owned_block *made = malloc(sizeof *made);
    if (!made)
        return NULL;
    *made = (owned_block){
        .block = {.bytes = bytes, .n_bytes = n_bytes}, .memory = bytes, .end = end};
    return &made->block;
}

void sheaf_block_drop(void *block)
{
    owned_block *owned = block;
    if (!owned)
        return;
    owned->end(owned->memory, owned->block.n_bytes);
    free(owned);
}

void *sheaf_reply_reserve(sheaf_reply *reply, size_t n_bytes)
{
    if (n_bytes > reply->capacity - reply->n_bytes || !reply->bytes) {
        size_t capacity = reply->capacity ? reply->capacity : REPLY_BYTES_MIN;
        while (capacity - reply->n_bytes < n_bytes) {
            if (capacity > SIZE_MAX / 2)
                return NULL;
            capacity *= 2;
        }
        unsigned char *grown = realloc(reply->bytes, capacity);
        if (!grown)
            return NULL;
        reply->bytes = grown;
        reply->capacity = capacity;
    }
    void *room = reply->bytes + reply->n_bytes;
    reply->n_bytes += n_bytes;
    return room;
}

sheaf_status sheaf_reply_append(sheaf_reply *reply, const void *bytes, size_t n_bytes)
{
    void *room = sheaf_reply_reserve(reply, n_bytes);
    if (!room)
        return SHEAF_ENOMEM;
    if (n_bytes > 0)
        memcpy(room, bytes, n_bytes);
    return SHEAF_OK;
}

/* ---- calls ---- */

sheaf_status sheaf_call_create(const sheaf_function *function, const void *bytes, size_t n_bytes,
                               sheaf_call **call, sheaf_error *err)
{
    if (!function || !function->name || !function->run || (!bytes && n_bytes > 0))
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "a call needs a function with a name, and its bytes");
    if (strlen(function->name) > SHEAF__FUNCTION_NAME_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL, "a function's name has at most %d bytes",
                               SHEAF__FUNCTION_NAME_MAX);
    sheaf_call *made = n_bytes > SIZE_MAX - sizeof *made ? NULL : malloc(sizeof *made + n_bytes);
    if (!made)
        return sheaf__error_memory(err, "a call");
    made->function = function;
    made->n_bytes = n_bytes;
    if (n_bytes > 0)
        memcpy(made->bytes, bytes, n_bytes);
    *call = made;
    return SHEAF_OK;
}

void sheaf_call_drop(void *call)
{
    free(call);
}

sheaf_status sheaf_call_task(const sheaf_function *function, const void *bytes, size_t n_bytes,
                             sheaf_task *task, sheaf_error *err)
{
    sheaf_call *call;
    sheaf_status status = sheaf_call_create(function, bytes, n_bytes, &call, err);
    if (status == SHEAF_OK)
        *task = (sheaf_task){.run = sheaf_call_run,
                             .arg = call,
                             .drop_arg = sheaf_call_drop,
                             .drop_result = sheaf_block_drop};
    return status;
}

static void free_bytes(void *bytes, size_t n_bytes)
{
    (void)n_bytes;
    free(bytes);
}

sheaf_status sheaf_call_run(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    const sheaf_call *call = argument;
    sheaf_reply reply = {0};
    sheaf_status status = call->function->run(worker, call->bytes, call->n_bytes, &reply, err);
    sheaf_block *block = sheaf__block_create(reply.bytes, reply.n_bytes, free_bytes);
    if (!block) {
        free(reply.bytes);
        return status < 0 ? status : sheaf__error_memory(err, "the reply of a call");
    }
    *result = block;
    return status;
}

sheaf_status sheaf__call_hook(sheaf_worker *worker, const sheaf_function *function,
                              const void *bytes, size_t n_bytes, sheaf_error *err)
{
    sheaf_reply reply = {0};
    sheaf_status status = function->run(worker, bytes, n_bytes, &reply, err);
    free(reply.bytes);
    return status;
}
