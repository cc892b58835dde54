/*
 * Rows into a table, as many as there are in one statement:
 *
 *     INSERT INTO "t"("a", "b") SELECT * FROM sqlite_sheaf_rows
 *
 * sqlite_sheaf_rows is a virtual table (https://sqlite.org/vtab.html) of this connection alone,
 * whose rows are those that wait to be inserted: SQLite asks for their values one by one. That
 * takes half the time of binding parameters and stepping for each row. It is eponymous: nothing of
 * it is written into the database. A table of the user's own cannot have its name, because SQLite
 * keeps "sqlite_" for itself, and nothing in his database, no trigger and no view, can read it
 * (SQLITE_VTAB_DIRECTONLY).
 */
#ifndef SHEAF_SINKS_SQLITE_ROWS_H
#define SHEAF_SINKS_SQLITE_ROWS_H

#include <stdatomic.h>

#include <sqlite3.h>

#include "engine/table/columns.h"

typedef struct sheaf__sqlite_rows {
    sqlite3_stmt *insert;
    size_t n_columns;
    const sheaf__columns *columns; /* of those that are being inserted */
    size_t next;                   /* of them; while one is inserted, this is it */
    size_t end;
    const atomic_bool *stop; /* or NULL */
} sheaf__sqlite_rows;

/*
 * The statement that inserts rows of these columns, which the table has, perhaps beside others. An
 * SQLite result code. `self` stays where it is as long as the connection is open.
 */
int sheaf__sqlite_rows_prepare(sheaf__sqlite_rows *self, sqlite3 *db, const char *table,
                               const char *const *names, size_t n_names);

/*
 * Insert the rows from `begin` on, before `end`. An SQLite result code; SQLITE_INTERRUPT: the run
 * is to stop. sqlite3_changes64() tells how many the table took.
 */
int sheaf__sqlite_rows_insert(sheaf__sqlite_rows *self, const sheaf__columns *columns, size_t begin,
                              size_t end);

/* The statement ends; before the transaction does. */
void sheaf__sqlite_rows_finalize(sheaf__sqlite_rows *self);

#endif
