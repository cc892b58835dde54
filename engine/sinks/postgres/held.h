/* A quarantine that is a table of PostgreSQL (rejects.h), read again: see quarantine/held.h. */
#ifndef SHEAF_SINKS_POSTGRES_HELD_H
#define SHEAF_SINKS_POSTGRES_HELD_H

#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/session.h"
#include "engine/sinks/postgres/table.h"
#include "engine/sinks/sink.h"

/* Where it is, all of it good until close. */
typedef struct sheaf__postgres_held_in {
    sheaf__postgres *session; /* in whose transaction it is read, and changed */
    sheaf__postgres_table *table;
    const char *records; /* the names of its two tables */
    const char *files;
    const sheaf__postgres_columns *columns; /* of the table beside it */
} sheaf__postgres_held_in;

/*
 * Lock it and open it. Nothing else may be under way in the session whenever it is used.
 *
 * Returns    OK; END: there is none, or nothing in it; EQUARANTINE: it is none; EAGAIN: somebody
 *            else is at it; EDATABASE, ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_held_open(const sheaf__postgres_held_in *in, sheaf__held **held,
                                       sheaf_error *err);

#endif
