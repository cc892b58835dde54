/*
 * Rows gathered into groups, for files that keep columns: a record batch of Arrow, a row group of
 * Parquet.
 *
 * Columns come in pieces as large as whoever read them liked; where a group ends must not depend on
 * that. So a group ends at the number of rows or of bytes that its kind of file has, counted from
 * where the group before ended: the rows alone decide. A row that is larger than a group is one.
 *
 * Rows since a mark can be taken back, also those of groups that were closed since: the group that
 * was open at the mark is kept until the next one.
 *
 * One thread uses all of it, but closed groups may be read by any.
 */
#ifndef SHEAF_SINKS_GATHER_H
#define SHEAF_SINKS_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/status.h>
#include <sheaf/type.h>

#include "engine/table/columns.h"

typedef struct sheaf__group {
    sheaf__column *columns;  /* laid out as columns.h says; n_nulls only when it is closed */
    size_t *text_capacities; /* in bytes, of each column's text */
    size_t n_columns;
    size_t n_rows;
    size_t rows_capacity;
    size_t text_bytes; /* of all columns */
    unsigned n_users;
    struct sheaf__group *next; /* in the list of spare ones */
} sheaf__group;

typedef struct sheaf__gather {
    const sheaf_type *types; /* whoever made it keeps them */
    size_t n_columns;
    size_t rows_max;  /* of a group */
    size_t bytes_max; /* the same, but of a single row */
    size_t row_bits;  /* what a row takes without its texts */
    sheaf__group *current;
    sheaf__group *spare;
    uint64_t n_closed;
    sheaf__group *marked; /* what was current at the mark, if it was closed since */
    bool is_marked;
    uint64_t closed_marked;
    size_t rows_marked; /* of the group that was current */
} sheaf__gather;

void sheaf__gather_init(sheaf__gather *gather, const sheaf_type *types, size_t n_columns,
                        size_t rows_max, size_t bytes_max);
void sheaf__gather_end(sheaf__gather *gather);

/*
 * Take rows of the columns from *begin on, which moves behind those that were taken.
 *
 * Returns    OK; END: the group is full, and to be closed before it goes on; ENOMEM.
 */
sheaf_status sheaf__gather_add(sheaf__gather *gather, const sheaf__columns *columns, size_t *begin,
                               sheaf_error *err);

/* End the current group, and give it to the caller; NULL if it has no rows. */
sheaf__group *sheaf__gather_close(sheaf__gather *gather);

/* What one of its users is done with. */
void sheaf__gather_release(sheaf__gather *gather, sheaf__group *group);

/*
 * From here on rows may be taken back; and take them back: n_closed is then what it was. Whoever
 * has groups that were closed since gives them back as usual.
 */
void sheaf__gather_mark(sheaf__gather *gather);
void sheaf__gather_take_back(sheaf__gather *gather);

/* What a group's values take, in bytes. */
size_t sheaf__group_bytes(const sheaf__gather *gather, const sheaf__group *group);

/* The bytes of a column's values in so many rows. */
size_t sheaf__group_values_bytes(sheaf_type type, size_t n_rows);

#endif
