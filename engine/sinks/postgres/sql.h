/* The text of a statement, written piece by piece. */
#ifndef SHEAF_SINKS_POSTGRES_SQL_H
#define SHEAF_SINKS_POSTGRES_SQL_H

#include <stdio.h>

#include "engine/sinks/postgres/session.h"

typedef struct sheaf__postgres_sql {
    FILE *out; /* where it is written to */
    char *text;
    size_t n_bytes;
} sheaf__postgres_sql;

/* False: there is no memory. */
bool sheaf__postgres_sql_begin(sheaf__postgres_sql *sql);

/* The text, from malloc; NULL: there is no memory. */
char *sheaf__postgres_sql_end(sheaf__postgres_sql *sql);

/* End it and run it: see sheaf__postgres_run(). */
sheaf_status sheaf__postgres_sql_run(sheaf__postgres_sql *sql, sheaf__postgres *session,
                                     const char *what, sheaf_error *err);

/* "DROP TABLE s.t" and its like, of a table between two texts. */
sheaf_status sheaf__postgres_run_on(sheaf__postgres *session, const char *verb, const char *schema,
                                    const char *table, const char *rest, const char *what,
                                    sheaf_error *err);

#endif
