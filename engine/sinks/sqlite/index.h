/*
 * Indexes of the table that is loaded: made behind its rows, which is faster than with each of
 * them, and in the same transaction.
 *
 * One of the columns a and b of the table t is called t_a_b_idx. If the table has one of that name
 * on these columns, in this order, that one stays.
 */
#ifndef SHEAF_SINKS_SQLITE_INDEX_H
#define SHEAF_SINKS_SQLITE_INDEX_H

#include <sheaf/destination.h>

#include "engine/sinks/sqlite/connection.h"

typedef struct sheaf__sqlite_indexes {
    const sheaf_index *items; /* that are asked for; whoever asks keeps them */
    size_t n;
    const char *table;
    char **names; /* one for each */
} sheaf__sqlite_indexes;

/* OK; ENOMEM; EINVAL: two would be called the same. */
sheaf_status sheaf__sqlite_indexes_init(sheaf__sqlite_indexes *self, const sheaf_index *items,
                                        size_t n, const char *table, sheaf_error *err);

/* Before anything is read: OK; EEXIST: the database has something else that is called so. */
sheaf_status sheaf__sqlite_indexes_check(const sheaf__sqlite_indexes *self,
                                         const sheaf__sqlite_connection *connection,
                                         sheaf_error *err);

/* The table is there, before its rows: has it the columns? OK, EINVAL. */
sheaf_status sheaf__sqlite_indexes_check_columns(const sheaf__sqlite_indexes *self,
                                                 const sheaf__sqlite_connection *connection,
                                                 sheaf_error *err);

/* All rows are there. */
sheaf_status sheaf__sqlite_indexes_make(const sheaf__sqlite_indexes *self,
                                        const sheaf__sqlite_connection *connection,
                                        sheaf_error *err);

void sheaf__sqlite_indexes_end(sheaf__sqlite_indexes *self);

#endif
