/*
 * Decompressing ahead: while a reader parses what it has, somebody else, if anybody is free,
 * decompresses what it will want next.
 *
 * There are two buffers: one that is being read, and one that is being filled. Nobody touches the
 * decompressor or its source but the helper, from begin to finish.
 */
#ifndef SHEAF_READERS_AHEAD_H
#define SHEAF_READERS_AHEAD_H

#include "readers/source/decompress.h"

/* How a reader, which starts no thread, finds somebody. */
typedef struct sheaf__helper {
    void *context;
    /* Have somebody run(arg). A handle for finish; NULL: nobody is free. */
    void *(*begin)(void *context, void (*run)(void *arg), void *arg);
    /*
     * Come back when that was done; if nobody has begun, do it now, or not at all unless it is
     * wanted. The handle is gone then.
     */
    void (*finish)(void *context, void *handle, bool wanted);
} sheaf__helper;

typedef struct sheaf__ahead {
    const sheaf__helper *helper; /* whose handle it is */
    void *handle;                /* NULL: nobody is at work */
    sheaf__decompressor *decompressor;
    uint8_t *ready; /* of these buffers, n_ready bytes, of which n_used were read */
    size_t n_ready;
    size_t n_used;
    uint8_t *filling;      /* the helper's while it works, like all below */
    size_t n_filled;       /* text that it has got */
    sheaf_status status;   /* why there is no more: a failure; or OK */
    sheaf_error failure;   /* when it is one */
    uint64_t stored_bytes; /* how far the source was read when the helper began */
} sheaf__ahead;

/*
 * As sheaf__decompressor_read(), and have somebody go on behind what that gives. `helper` may be
 * NULL.
 */
sheaf_status sheaf__ahead_read(sheaf__ahead *ahead, sheaf__decompressor *decompressor,
                               const sheaf__helper *helper, uint8_t *buffer, size_t capacity,
                               size_t *n_bytes, sheaf_error *err);

/* How far the source of the current file was read, as far as that is ours to know. */
uint64_t sheaf__ahead_stored_bytes(const sheaf__ahead *ahead, const sheaf__file_source *source);

/* Forget what was decompressed ahead; once nobody is at work any more. */
void sheaf__ahead_stop(sheaf__ahead *ahead);

void sheaf__ahead_end(sheaf__ahead *ahead);

#endif
