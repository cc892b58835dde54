/*
 * Records that were set aside, in a table beside the rows: NAME_quarantine, made with the first of
 * them, in the same transaction.
 *
 *     file TEXT, line INTEGER, record INTEGER, field INTEGER, "column" TEXT, fault_line INTEGER,
 *     fault_byte INTEGER, "offset" INTEGER, code TEXT, message TEXT, raw
 *
 * What they mean is told in quarantine.h. `raw` is TEXT if it is UTF-8 without a NUL byte, else a
 * BLOB of the same bytes; so is `file`. What each file is read with (reject_file.h) stands in a
 * table of its own, NAME_quarantine_files:
 *
 *     file, header TEXT
 */
#ifndef SHEAF_SINKS_SQLITE_REJECTS_H
#define SHEAF_SINKS_SQLITE_REJECTS_H

#include <sqlite3.h>

#include "engine/sinks/sink.h"

typedef struct sheaf__sqlite_rejects {
    char *table; /* the quarantine's name */
    char *files; /* that of its files */
    sqlite3_stmt *insert;
    sqlite3_stmt *insert_file;
    const sheaf__reject_file *file; /* of the last record, or NULL */
    const char *const *names;       /* of the columns, as the database has them; or NULL */
    bool is_new;                    /* the table is, since the last mark */
} sheaf__sqlite_rejects;

/* OK, ENOMEM. `table` is the rows'. */
sheaf_status sheaf__sqlite_rejects_init(sheaf__sqlite_rejects *rejects, const char *table,
                                        sheaf_error *err);

/* An SQLite result code: what is wrong is in the database's error message. */
int sheaf__sqlite_rejects_put(sheaf__sqlite_rejects *rejects, sqlite3 *db,
                              const sheaf__rejected *rejected);

/* Whether anything was set aside of a file of this name; that goes. */
int sheaf__sqlite_rejects_has(const sheaf__sqlite_rejects *rejects, sqlite3 *db, const char *path,
                              bool *has);
int sheaf__sqlite_rejects_drop(const sheaf__sqlite_rejects *rejects, sqlite3 *db, const char *path);

/* What is put from here on may be taken back, by the database; then forget it. */
void sheaf__sqlite_rejects_mark(sheaf__sqlite_rejects *rejects);
void sheaf__sqlite_rejects_forget(sheaf__sqlite_rejects *rejects);

/* The statement ends; before the transaction does. */
void sheaf__sqlite_rejects_finalize(sheaf__sqlite_rejects *rejects);
void sheaf__sqlite_rejects_end(sheaf__sqlite_rejects *rejects);

#endif
