/*
 * Columns: some rows of the united table as typed values, in the layout of Apache Arrow's columnar
 * format (https://arrow.apache.org/docs/format/Columnar.html), so that handing them on is handing
 * over pointers.
 *
 *     type            values
 *     null            none, and no validity
 *     bool            a bit a row
 *     int64, float64  8 bytes a row
 *     date            4 bytes a row: days since 1970-01-01
 *     timestamps      8 bytes a row: microseconds since 1970-01-01, 00:00 (UTC or without a zone)
 *     time            8 bytes a row: microseconds since midnight
 *     text            4 bytes a row and 4 more: where each value begins and ends in `text`
 *
 * Bit r of `valid` is 1 if there is a value in row r; bits count from the least significant one.
 *
 * All of that stands in one block, which is as large as its columns need: a consumer who keeps
 * every batch pays for each page that is touched for the first time. The block goes back to a pool
 * with the columns, and serves again if it is large enough for the next ones.
 */
#ifndef SHEAF_TABLE_COLUMNS_H
#define SHEAF_TABLE_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/status.h>
#include <sheaf/type.h>

#include "engine/core/arena.h"
#include "engine/core/freelist.h"

typedef struct sheaf__column {
    sheaf_type type;
    size_t n_nulls;
    uint8_t *valid;
    void *values;
    uint8_t *text;
} sheaf__column;

typedef struct sheaf__columns_pool sheaf__columns_pool;

typedef struct sheaf__columns {
    sheaf__free_node node;
    sheaf__columns_pool *pool; /* they go back to */
    sheaf_arena *arena;        /* for what describes them */
    uint8_t *block;            /* their values */
    size_t block_capacity;
    size_t n_bytes; /* of it in use */
    sheaf__column *items;
    size_t n_columns;
    size_t n_rows;
    struct sheaf__columns *next; /* in a list of whoever has them */
} sheaf__columns;

/*
 * Where columns come from and go back to, to be used again with at most keep_bytes of memory each.
 * It lives as long as whoever made it and any columns from it: those may be anybody's by then. Any
 * thread.
 */
sheaf__columns_pool *sheaf__columns_pool_create(size_t keep_bytes); /* NULL: no memory */
void sheaf__columns_pool_release(sheaf__columns_pool *pool);        /* NULL is allowed */

/* Empty columns; NULL when there is no memory. */
sheaf__columns *sheaf__columns_take(sheaf__columns_pool *pool);
void sheaf__columns_give(sheaf__columns *columns); /* NULL is allowed */

void sheaf__columns_give_all(sheaf__columns *first); /* and those behind it in their list */

/*
 * Make room in empty columns for so many rows of these types, and in those of type text for so many
 * bytes of it: text_bytes[i], NULL if there are none. Everything is null so far, and what stands
 * where values belong means nothing, but for the first offset of text and for bits, which are 0.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__columns_begin(sheaf__columns *columns, const sheaf_type *types,
                                  const size_t *text_bytes, size_t n_columns, size_t n_rows);

/* What they take, in bytes; blocks may be larger, but no more of them is touched. */
size_t sheaf__columns_footprint(const sheaf__columns *columns);

/* A column beside them, of as many rows, all null and zeros. OK, ENOMEM. */
sheaf_status sheaf__column_add(sheaf__columns *columns, sheaf_type type, sheaf__column *column);

/* Of a column that has no value in any of its rows: nothing but zeros, too, where values belong. */
void sheaf__column_clear(sheaf__column *column, size_t n_rows);

static inline bool sheaf__column_is_null(const sheaf__column *column, size_t row)
{
    return !column->valid || !(column->valid[row / 8] >> row % 8 & 1);
}

#endif
