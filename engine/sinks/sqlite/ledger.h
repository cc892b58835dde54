/*
 * The ledger of a table, in a table beside it: NAME_ledger, made with its first row, in the same
 * transaction as the rows of the file that it tells of.
 *
 * Its columns are those of an entry (entry.h), of no type for paths, TEXT or INTEGER. `first_row`
 * is a rowid: the file's rows have this one and those behind it, as many as were loaded. `file` and
 * `path` are TEXT if they are UTF-8, else a BLOB of the same bytes. What is not known is NULL: so
 * is mtime_ns of a file that was written so short before that its time would not tell of another
 * change.
 *
 * All functions give an SQLite result code; what is wrong is in the database's error message.
 */
#ifndef SHEAF_SINKS_SQLITE_LEDGER_H
#define SHEAF_SINKS_SQLITE_LEDGER_H

#include <sqlite3.h>

#include "engine/ledger/ledger.h"

typedef struct sheaf__sqlite_ledger {
    char *table; /* the ledger's name */
    sqlite3_stmt *insert;
    bool is_true; /* it was found to tell of the table's rows, and nobody else has written since */
} sheaf__sqlite_ledger;

/* SQLITE_NOMEM; `table` is the rows'. */
int sheaf__sqlite_ledger_init(sheaf__sqlite_ledger *self, const char *table);

/* What the table has, which is there: its columns with their types, and the files of its ledger. */
int sheaf__sqlite_ledger_read(const sheaf__sqlite_ledger *self, sqlite3 *db, const char *table,
                              sheaf__ledger *ledger);

/* The rowid that the next row of a table will have, or 0: it has none of its own making. */
int sheaf__sqlite_next_row(sqlite3 *db, const char *table, uint64_t *row);

/* A number that is another one when another connection has committed anything to the database. */
int sheaf__sqlite_data_version(sqlite3 *db, int64_t *version);

/* One more file. */
int sheaf__sqlite_ledger_put(sheaf__sqlite_ledger *self, sqlite3 *db,
                             const sheaf__ledger_file *file);

/* The rowid of the last entry that is there; 0: there is none. */
int sheaf__sqlite_ledger_last(const sheaf__sqlite_ledger *self, sqlite3 *db, int64_t *last);

/* A file that is there was given another time, and nothing else. */
int sheaf__sqlite_ledger_touch(const sheaf__sqlite_ledger *self, sqlite3 *db,
                               const sheaf__ledger_file *file, int64_t mtime_ns);

/*
 * The rows of a file go, with its entry: *done; false: it can't be said which rows they are, or the
 * entry is another one now. That is known as long as the table has all rows that its ledger tells
 * of, and no others: VACUUM gives other rowids to a table of which rows were deleted. It is looked
 * at once, as what this connection writes changes nothing about it; is_true = false has it looked
 * at again. All that was written must be recorded.
 */
int sheaf__sqlite_ledger_forget(sheaf__sqlite_ledger *self, sqlite3 *db, const char *table,
                                const sheaf__ledger_file *file, bool *done);

/* The real path of another file that was loaded by the same name, and had rejects; or NULL. */
int sheaf__sqlite_ledger_namesake(const sheaf__sqlite_ledger *self, sqlite3 *db,
                                  const sheaf__ledger_file *file, char **path);

/* The statement ends; before the transaction does. */
void sheaf__sqlite_ledger_finalize(sheaf__sqlite_ledger *self);
void sheaf__sqlite_ledger_end(sheaf__sqlite_ledger *self);

#endif
