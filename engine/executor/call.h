/* Calls from the inside: what the pool and its processes know of them. See <sheaf/call.h>. */
#ifndef SHEAF_EXECUTOR_CALL_H
#define SHEAF_EXECUTOR_CALL_H

#include <sheaf/call.h>

enum { SHEAF__FUNCTION_NAME_MAX = 63 };

struct sheaf_call {
    const sheaf_function *function;
    size_t n_bytes;
    _Alignas(16) unsigned char bytes[]; /* the caller's, copied */
};

struct sheaf_reply {
    unsigned char *bytes;
    size_t n_bytes;
    size_t capacity;
};

/* Run a function whose reply nobody wants: a worker begins or ends. */
sheaf_status sheaf__call_hook(sheaf_worker *worker, const sheaf_function *function,
                              const void *bytes, size_t n_bytes, sheaf_error *err);

/* A block over memory that `end` gives back; NULL when there is no memory. */
sheaf_block *sheaf__block_create(void *bytes, size_t n_bytes,
                                 void (*end)(void *bytes, size_t n_bytes));

#endif
