/*
 * Columns of a file whose types a user asked for: a value that is none of its type is refused.
 *
 * The reader asks for it while the record's text is still there, so that the record can be set
 * aside. Where the type suits, that is one more pass over these columns, by the kernels that
 * convert them later.
 */
#ifndef SHEAF_CONVERT_ASKED_H
#define SHEAF_CONVERT_ASKED_H

#include "readers/convert/convert.h"
#include "readers/convert/nulls.h"

typedef struct sheaf__asked_column {
    uint32_t column; /* of the file, from 0 */
    uint32_t type;   /* a sheaf_type */
    sheaf__fit fit;  /* what else its values must be */
} sheaf__asked_column;

/* In the order of the columns. */
typedef struct sheaf__asked_columns {
    sheaf__asked_column *items;
    size_t n;
} sheaf__asked_columns;

/* What is asked of records. */
typedef struct sheaf__asked {
    const sheaf__asked_columns *columns; /* NULL: of none */
    const sheaf__nulls *nulls;           /* texts that are no values; or NULL */
    bool refuses_nul;                    /* no field may hold a NUL byte */
} sheaf__asked;

/*
 * Check `n_rows` rows of a batch, its last ones, whose cells are there, from `first_row` on.
 *
 * Returns    false with *misfit: the first row with a value that is refused, and its first column
 *            there.
 */
bool sheaf__asked_check(const sheaf__asked *asked, const sheaf__batch *batch, size_t first_row,
                        size_t n_rows, sheaf__misfit *misfit);

#endif
