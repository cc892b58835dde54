/*
 * Arrow's messages: what is written beside the values. Each is a FlatBuffer
 * (https://arrow.apache.org/docs/format/Columnar.html, Schema.fbs, Message.fbs and File.fbs there).
 *
 * Each is put into empty bytes, whose `failed` tells that there is no memory, or that the message
 * would take more than 2 GiB: about ten million columns.
 */
#ifndef SHEAF_SINKS_ARROW_MESSAGE_H
#define SHEAF_SINKS_ARROW_MESSAGE_H

#include "engine/sinks/bytes.h"
#include "engine/sinks/gather.h"
#include "engine/table/names.h"

/* Where in the file a record batch stands: one of the footer's. */
typedef struct sheaf__arrow_block {
    int64_t offset_bytes;
    int32_t n_message; /* with what precedes it, and fills it up */
    int32_t padding;
    int64_t n_body;
} sheaf__arrow_block;

/* Each part of a batch's body begins at a multiple of this. */
enum { SHEAF__ARROW_ALIGN_BYTES = 64 };

static inline size_t sheaf__arrow_aligned(size_t n_bytes)
{
    return (n_bytes + SHEAF__ARROW_ALIGN_BYTES - 1) / SHEAF__ARROW_ALIGN_BYTES *
           SHEAF__ARROW_ALIGN_BYTES;
}

/* The parts of a column in a batch: validity, values or ends, text. */
enum { SHEAF__ARROW_PARTS_MAX = 3 };
typedef struct sheaf__arrow_part {
    const void *bytes;
    size_t n_bytes;
} sheaf__arrow_part;

/* Returns how many parts a column has: validity that is not needed counts, with no bytes. */
size_t sheaf__arrow_parts(const sheaf__column *column, size_t n_rows,
                          sheaf__arrow_part parts[SHEAF__ARROW_PARTS_MAX]);

void sheaf__arrow_put_schema(sheaf__bytes *to, const sheaf__names *names, const sheaf_type *types);

/* *n_body: the bytes of all parts, each filled up. */
void sheaf__arrow_put_batch(sheaf__bytes *to, const sheaf__group *group, int64_t *n_body);

void sheaf__arrow_put_footer(sheaf__bytes *to, const sheaf__names *names, const sheaf_type *types,
                             const sheaf__arrow_block *blocks, size_t n_blocks);

#endif
