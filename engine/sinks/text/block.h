/*
 * A block: rows that are text already, ready to be written as they stand.
 *
 * Its bytes stand in its own memory, or, when they are what the file holds, in the batch that the
 * rows came in: then that is to be kept as long. Filled by one thread, moves to the sink's, and
 * goes back to a pool to be used again.
 */
#ifndef SHEAF_SINKS_TEXT_BLOCK_H
#define SHEAF_SINKS_TEXT_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include <sheaf/status.h>

#include "engine/core/freelist.h"

typedef struct sheaf__text_block {
    sheaf__free_node node; /* of the pool it goes back to */
    char *memory;
    size_t capacity;
    const char *bytes;
    size_t n_bytes;
    size_t n_rows; /* the first ones of those that it was made of */
    bool is_in_batch;
} sheaf__text_block;

sheaf__text_block *sheaf__text_block_create(void);        /* NULL: no memory */
void sheaf__text_block_destroy(sheaf__text_block *block); /* NULL is allowed */

/* Empty it for its next use; memory beyond keep_bytes is given back. NULL is allowed. */
void sheaf__text_block_clear(sheaf__text_block *block, size_t keep_bytes);

/* Memory of at least so many bytes, the first n_used of them as they are: OK, ENOMEM. */
sheaf_status sheaf__text_block_grow(sheaf__text_block *block, size_t n_used, size_t n_bytes);

/* What an empty block with memory of its own would be, for one that is part of something. */
void sheaf__text_block_end(sheaf__text_block *block);

#endif
