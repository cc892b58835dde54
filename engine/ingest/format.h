/*
 * Rows for the sink: where it finds the table's columns in a file's batch, and rows as text, made
 * by the worker that read them. See load.h, which this is a part of.
 */
#ifndef SHEAF_INGEST_FORMAT_H
#define SHEAF_INGEST_FORMAT_H

#include <stdint.h>

#include "engine/sinks/text/block.h"

typedef struct sheaf__load sheaf__load;
typedef struct sheaf__chunk sheaf__chunk;

/* The columns of one layout; made anew only when the layout changes. Of none: {0}. */
typedef struct sheaf__projection {
    uint32_t layout;
    uint32_t *from;   /* column i of the table is the batch's column from[i] (sink.h) */
    size_t n_columns; /* that `from` was made for */
} sheaf__projection;

/* The columns of a layout; the table's must be known. OK, ENOMEM. */
sheaf_status sheaf__project(sheaf__projection *projection, const sheaf__load *load, uint32_t layout,
                            sheaf_error *err);
void sheaf__projection_end(sheaf__projection *projection);

/*
 * By the worker that read them: make text of the chunk's rows, as far as that can be done and the
 * sink wants text. OK, ENOMEM.
 */
sheaf_status sheaf__chunk_format(sheaf__projection *projection, sheaf__chunk *chunk,
                                 sheaf_error *err);

void sheaf__load_give_block(sheaf__load *load, sheaf__text_block *block); /* NULL is allowed */

#endif
