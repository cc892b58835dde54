/*
 * What stands around a table: lines before it, comments, its header.
 *
 * The table begins with the first record of its width that others follow. Lines before it are a
 * preamble, also if they were padded with delimiters to the table's width; if all of them begin
 * with a mark, they are comments, and so is what begins so further below. But a line with a mark
 * that has the table's shape and stands right above its first values is the header; and a line
 * that is a bit narrower or wider than the table, right above its first values, is a header with a
 * fault: it is no preamble, since then a row would be taken for the header.
 */
#ifndef SHEAF_DIALECT_FRAME_H
#define SHEAF_DIALECT_FRAME_H

#include "readers/dialect/candidate.h"

typedef struct sheaf__frame {
    int comment;      /* SHEAF_NONE: there is none */
    int64_t n_before; /* physical lines before the table; 0: none but blank ones and comments */
    bool has_header;
} sheaf__frame;

/* The delimiter and all that belongs to it is decided: *best; its sums are taken anew. */
sheaf__frame sheaf__frame_find(const sheaf__sniff_task *task, sheaf__candidate *best,
                               sheaf__sniff_space *space);

#endif
