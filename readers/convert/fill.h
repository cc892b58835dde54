/* From a batch of text to typed columns of the united table, whose types are known. */
#ifndef SHEAF_CONVERT_FILL_H
#define SHEAF_CONVERT_FILL_H

#include "engine/table/columns.h"
#include "readers/convert/convert.h"

/* The united table, and how a file maps onto it. */
typedef struct sheaf__table_view {
    const uint32_t *from; /* the file's column for each of the table's; UINT32_MAX: it has none */
    const sheaf_type *types;
    const bool *asked;    /* whether the user asked for the type; NULL: for none */
    const bool *nullable; /* whether a value may be null; NULL: each may */
    sheaf__kinds *kinds;  /* grow by what is met, as in a survey; NULL: not wanted */
    size_t n_columns;
} sheaf__table_view;

/*
 * Fill empty columns from a batch.
 *
 * Returns    OK; END with *misfit, its column the file's: a value that is not of its column's type,
 *            or null where none may be (of such a one the row is not told);
 *            ELIMIT: more than 2 GiB of text in one column; ENOMEM.
 */
sheaf_status sheaf__fill(sheaf__columns *columns, const sheaf__batch *batch,
                         const sheaf__table_view *view, sheaf__misfit *misfit);

#endif
