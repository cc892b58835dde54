/* Rows behind those that a table of an SQLite database has. */
#ifndef SHEAF_SINKS_SQLITE_APPEND_H
#define SHEAF_SINKS_SQLITE_APPEND_H

#include <sqlite3.h>

#include <sheaf/status.h>
#include <sheaf/type.h>

#include "engine/table/names.h"

/* The first of these names that no column has, letter by letter; NULL: there is none. */
int sheaf__sqlite_lacks(sqlite3 *db, const char *table, const char *const *names, size_t n_names,
                        const char **lacking);

/*
 * Rows were inserted, with this result code. OK; END with *err: the table refuses one, by a
 * constraint or a trigger of its owner's, and the transaction goes on; else what inserting failed
 * with (EDATABASE), and *err is not filled.
 */
sheaf_status sheaf__sqlite_appended(sqlite3 *db, int code, size_t n_rows, sheaf_error *err);

/*
 * The type of a table's column, by what it is declared as: what sheaf declares, and any spelling of
 * it; everything else is text. A TIMESTAMP is one of UTC if the first value that it has ends with
 * Z. SQLITE_NOTFOUND: there is no such column.
 */
int sheaf__sqlite_type(sqlite3 *db, const char *table, const char *column, sheaf_type *type);

#endif
