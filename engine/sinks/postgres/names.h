/* Names in PostgreSQL: at most 63 bytes each, and of columns some are taken. */
#ifndef SHEAF_SINKS_POSTGRES_NAMES_H
#define SHEAF_SINKS_POSTGRES_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sheaf/status.h>

#include "engine/core/arena.h"
#include "engine/table/names.h"

enum { SHEAF__POSTGRES_NAME_BYTES = 63, SHEAF__POSTGRES_COLUMNS_MAX = 1600 };

/* A table: "trips", "public.trips", "\"a.b\"". */
typedef struct sheaf__postgres_table {
    char schema[SHEAF__POSTGRES_NAME_BYTES + 1]; /* "": that of the search path */
    char name[SHEAF__POSTGRES_NAME_BYTES + 1];
} sheaf__postgres_table;

/*
 * What is said of a table: a name, or a schema's name, a point and a name. Names are taken as they
 * are; one in double quotes is what SQL takes it for, so that it may hold a point.
 *
 * Returns    OK; EINVAL: there are more points, or a name is empty, too long or no UTF-8.
 */
sheaf_status sheaf__postgres_parse_table(const char *text, sheaf__postgres_table *table,
                                         sheaf_error *err);

/*
 * The name of a table that stands beside another one: that one's, and "_quarantine" or the like.
 * Two tables must not share one, so where the name is cut a hash of all of it comes between.
 */
void sheaf__postgres_name_beside(const char *table, const char *ending, char *name);

/* And of the number-th table that its rows wait in, while several connections write them. */
void sheaf__postgres_stage_name(const char *table, size_t number, char *name);

/*
 * Names for columns that PostgreSQL can hold and tell apart: names[i] in the arena. Of a longer one
 * the first 63 bytes are taken (whole characters), NUL becomes U+2400; one that is taken then, or
 * is that of a system column, gets a number, "ctid_2". How many were changed is added to
 * *n_renamed.
 *
 * Returns    false: there is no memory.
 */
bool sheaf__postgres_column_names(const sheaf__names *columns, sheaf_arena *arena,
                                  const char **names, uint64_t *n_renamed);

/* Write a name as SQL takes it: in quotes, those in it doubled. And a list of them, a table's, and
 * a text. */
void sheaf__postgres_put_name(FILE *sql, const char *name);
void sheaf__postgres_put_names(FILE *sql, const char *const *names, size_t n);
void sheaf__postgres_put_table(FILE *sql, const char *schema, const char *name);
void sheaf__postgres_put_literal(FILE *sql, const char *text);

#endif
