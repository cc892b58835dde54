/* A table that exists, to which rows are appended: its columns, and what each of them takes. */
#ifndef SHEAF_SINKS_POSTGRES_TABLE_H
#define SHEAF_SINKS_POSTGRES_TABLE_H

#include "engine/core/arena.h"
#include "engine/sinks/postgres/session.h"
#include "engine/table/names.h"
#include "engine/table/schema.h"

typedef struct sheaf__postgres_column {
    const char *name;
    const char *type; /* as the server calls it */
    sheaf__fit fit;   /* if it is known */
    bool is_known;    /* we can write values of its type */
    bool is_generated;
    bool is_needed; /* it may not be null, and has no default */
} sheaf__postgres_column;

typedef struct sheaf__postgres_columns {
    sheaf__postgres_column *items;
    size_t n;
} sheaf__postgres_columns;

/* Ask for them; `oid` as the server writes it. OK; EDATABASE, ECANCELLED, ENOMEM. */
sheaf_status sheaf__postgres_columns_read(sheaf__postgres *session, const char *oid,
                                          sheaf_arena *arena, sheaf__postgres_columns *columns,
                                          sheaf_error *err);

/* What the server calls the type of one that is there. */
const char *sheaf__postgres_columns_type(const sheaf__postgres_columns *columns, const char *name);

/*
 * It and its columns in one number: another one when anybody has altered or replaced it. (A number
 * that is written into a column is of the type that it had: the server sees its length alone.)
 */
sheaf_status sheaf__postgres_columns_mark(sheaf__postgres *session, const char *schema,
                                          const char *table, int64_t *mark, sheaf_error *err);

/* What is to be asked of the files' values: asked[i] for each column whose type is known, in *n. */
sheaf_status sheaf__postgres_columns_ask(const sheaf__postgres_columns *columns, sheaf_arena *arena,
                                         sheaf__asked_type **asked, size_t *n, sheaf_error *err);

/*
 * The files' columns have these names and types: how is each written, fits[i]?
 *
 * Returns    OK; EINVAL: the table has no such column, or cannot take it, or needs another one.
 */
sheaf_status sheaf__postgres_columns_match(const sheaf__postgres_columns *columns,
                                           const sheaf__names *names, const sheaf_type *types,
                                           sheaf__fit *fits, sheaf_error *err);

#endif
