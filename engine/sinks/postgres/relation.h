/* What is called like a table that is to be written: found, and put out of the way. */
#ifndef SHEAF_SINKS_POSTGRES_RELATION_H
#define SHEAF_SINKS_POSTGRES_RELATION_H

#include <sheaf/destination.h>

#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/session.h"

typedef struct sheaf__postgres_relation {
    char oid[16]; /* "": nothing is called so */
    char kind;    /* as pg_class has it */
    bool may_create;
} sheaf__postgres_relation;

/* Whether it is one that holds rows of its own. */
bool sheaf__postgres_is_table(const sheaf__postgres_relation *found);

/* Whether it is a table with these columns, n of them: others may call one as we do. */
sheaf_status sheaf__postgres_has_columns(sheaf__postgres *session,
                                         const sheaf__postgres_relation *found, const char *columns,
                                         int n, bool *has, sheaf_error *err);

/* Whether row-level security may hide rows of it from this user. */
sheaf_status sheaf__postgres_hides_rows(sheaf__postgres *session,
                                        const sheaf__postgres_relation *found, bool *hides,
                                        sheaf_error *err);

/*
 * What has this name in the table's schema? The first time tells which schema is meant, too.
 *
 * Returns    OK; EDATABASE: there is no such schema; ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_find(sheaf__postgres *session, sheaf__postgres_table *table,
                                  const char *name, sheaf__postgres_relation *found,
                                  sheaf_error *err);

/*
 * Let there be no table of this name, or, if rows are appended, perhaps one: found->oid.
 *
 * Returns    OK; EEXIST: something is in the way; EDATABASE, ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_make_way(sheaf__postgres *session, sheaf__postgres_table *table,
                                      const char *name, sheaf_if_exists if_exists,
                                      sheaf__postgres_relation *found, sheaf_error *err);

/* The error of what is called so, and is to stay. */
sheaf_status sheaf__postgres_is_in_the_way(const sheaf__postgres *session, const char *name,
                                           const sheaf__postgres_relation *found,
                                           sheaf_if_exists if_exists, sheaf_error *err);

/* The error of who may not create a table there. */
sheaf_status sheaf__postgres_refuse_schema(const sheaf__postgres *session,
                                           const sheaf__postgres_table *table, sheaf_error *err);

/* The error of who needs a table that is not there. */
sheaf_status sheaf__postgres_no_table(const sheaf__postgres *session,
                                      const sheaf__postgres_table *table, sheaf_error *err);

#endif
