/*
 * The connection to a database that rows are loaded into, and its one transaction.
 *
 * The transaction is begun (IMMEDIATE: the write lock is ours) before anything is read, and ended
 * by commit. The journal is the database's own: a process that is killed leaves a hot journal, and
 * whoever opens the database next rolls back. A database file that did not exist before and has
 * nothing in it is removed.
 */
#ifndef SHEAF_SINKS_SQLITE_CONNECTION_H
#define SHEAF_SINKS_SQLITE_CONNECTION_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sqlite3.h>

#include <sheaf/status.h>

typedef struct sheaf__sqlite_connection {
    sqlite3 *db;
    char *path;
    bool must_exist; /* the database: it is not made */
    bool made_file;  /* by this run: there was no database before */
    int busy_timeout_ms;
    const atomic_bool *stop; /* or NULL */
} sheaf__sqlite_connection;

/*
 * Open the database of `path` and take its write lock. While we waited for that, whoever held it
 * may have removed the file: then what we hold is nobody's, and we begin again.
 */
sheaf_status sheaf__sqlite_connect(sheaf__sqlite_connection *self, sheaf_error *err);

/* The transaction begins: at once, and again after a commit. */
sheaf_status sheaf__sqlite_begin(sheaf__sqlite_connection *self, sheaf_error *err);

/* It ends. For readers who are in the way it waits longer than at its beginning. */
sheaf_status sheaf__sqlite_commit(sheaf__sqlite_connection *self, sheaf_error *err);

/* What was not committed goes, with a file that was made for it; the connection is closed. */
void sheaf__sqlite_abort(sheaf__sqlite_connection *self);

/* Always last. */
void sheaf__sqlite_close(sheaf__sqlite_connection *self);

/* What SQLite's last failure is to the user: "what: why". ENOMEM, ECANCELLED, EDATABASE. */
sheaf_status sheaf__sqlite_refused(const sheaf__sqlite_connection *self, const char *what,
                                   sheaf_error *err);

/* Run an SQL text that sqlite3_mprintf made, and free it. */
sheaf_status sheaf__sqlite_execute(const sheaf__sqlite_connection *self, char *sql,
                                   const char *what, sheaf_error *err);

/* The same of one that takes long: it ends soon after it is told to stop. */
sheaf_status sheaf__sqlite_execute_long(const sheaf__sqlite_connection *self, char *sql,
                                        const char *what, sheaf_error *err);

#endif
