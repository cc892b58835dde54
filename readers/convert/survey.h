/*
 * Finding out what the columns of a file hold, a batch at a time: every value is converted to the
 * type that its column has so far; the first that is of another widens it.
 */
#ifndef SHEAF_CONVERT_SURVEY_H
#define SHEAF_CONVERT_SURVEY_H

#include "readers/convert/convert.h"

/* Where a value stands that is not of the type that was asked for. */
typedef struct sheaf__misfit {
    size_t row; /* of the batch */
    size_t column;
    sheaf_type type; /* that was asked for */
} sheaf__misfit;

/*
 * Add the kinds of the batch's values to `kinds`, one set for each of its columns. `asked` (NULL,
 * or one for each column) are types that a user asked for; NULL for those that are to be found out.
 *
 * Returns    false with *misfit: the first row with a value that is not of the type asked for, and
 *            the first column there.
 */
bool sheaf__survey(const sheaf__batch *batch, const sheaf_type *asked, sheaf__kinds *kinds,
                   sheaf__misfit *misfit);

#endif
