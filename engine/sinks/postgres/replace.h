/*
 * Files that were changed since they were loaded: their entries in the ledger go, their rows, and
 * what was set aside of them (sink.h, forget).
 *
 * A row of PostgreSQL has no number that stays. It is known by a column that tells of each row
 * which file it is from (--add file), and that column is believed as far as it agrees with the
 * ledger: of each name there are as many rows as the ledger says were loaded, all entries of that
 * name are to go, and deleting takes these rows and no others, nor any that refer to them.
 */
#ifndef SHEAF_SINKS_POSTGRES_REPLACE_H
#define SHEAF_SINKS_POSTGRES_REPLACE_H

#include "engine/ledger/ledger.h"
#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/rejects.h"
#include "engine/sinks/postgres/session.h"
#include "engine/sinks/postgres/table.h"

/* Entries that are to go, of a ledger that outlives it. */
typedef struct sheaf__postgres_replace {
    const sheaf__ledger_file **files;
    size_t n_files;
    size_t capacity;
} sheaf__postgres_replace;

/* Where they are. */
typedef struct sheaf__postgres_replace_in {
    sheaf__postgres *session;
    sheaf__postgres_table *table;
    const char *oid; /* the table's */
    const sheaf__postgres_columns *columns;
    const char *column; /* that tells of each row which file it is from */
    const char *ledger; /* its table */
    const sheaf__postgres_rejects *rejects;
} sheaf__postgres_replace_in;

/* One more entry is to go. OK, ENOMEM. */
sheaf_status sheaf__postgres_replace_note(sheaf__postgres_replace *self,
                                          const sheaf__ledger_file *file, sheaf_error *err);

/*
 * Let all go that were noted, in the session's transaction, while nothing else is under way.
 *
 * Returns    OK; ECHANGED: it cannot be said which rows they are; ECOLUMNS: the table has no column
 *            that could; EDATABASE: others would go with them, or some stay; ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_replace_flush(sheaf__postgres_replace *self,
                                           const sheaf__postgres_replace_in *in, sheaf_error *err);

void sheaf__postgres_replace_end(sheaf__postgres_replace *self);

#endif
