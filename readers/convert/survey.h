/*
 * Finding out what the columns of a file hold, a batch at a time: every value is converted to the
 * type that its column has so far; the first that is of another widens it.
 */
#ifndef SHEAF_CONVERT_SURVEY_H
#define SHEAF_CONVERT_SURVEY_H

#include "readers/convert/convert.h"

/*
 * Add the kinds of the batch's values to `kinds`, one set for each of its columns. `asked` (NULL,
 * or one for each column) are types that a user asked for; NULL for those that are to be found out.
 * Of a column whose type was asked for, and so checked before (asked.h), only nulls are of
 * interest.
 */
void sheaf__survey(const sheaf__batch *batch, const sheaf_type *asked, sheaf__kinds *kinds);

#endif
