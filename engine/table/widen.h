/*
 * From the columns of one file to those of the united table, once all types are known: values that
 * were converted before that may be of a narrower type.
 */
#ifndef SHEAF_TABLE_WIDEN_H
#define SHEAF_TABLE_WIDEN_H

#include "engine/table/columns.h"

/*
 * Whether values of a type can become those of another one, as they would be had their text been
 * converted to it at once. Into text none can: a spelling cannot be had back. From integers to
 * floats is meant for columns in which each integer is one that a double holds exactly.
 */
bool sheaf__type_widens(sheaf_type from, sheaf_type to);

/*
 * Replace columns by those of the united table: from[i] is the file's column for the i-th, of type
 * types[i], or UINT32_MAX if the file has none.
 *
 * Returns    OK; END: one cannot be widened; ENOMEM. After these they are of no more use.
 */
sheaf_status sheaf__columns_widen(sheaf__columns *columns, const uint32_t *from,
                                  const sheaf_type *types, size_t n_columns);

#endif
