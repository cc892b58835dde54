/*
 * Rows as PostgreSQL's COPY takes them in its binary format.
 *
 * Numbers are in network order; before each value stands its length, -1 for null; dates and times
 * count from 2000-01-01. (PostgreSQL's manual, COPY, "Binary Format"; of numeric the server's
 * numeric.c.)
 */
#ifndef SHEAF_SINKS_POSTGRES_COPY_H
#define SHEAF_SINKS_POSTGRES_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/table/columns.h"
#include "engine/table/fit.h"

/* Bytes to be sent. All zeros: there are none. */
typedef struct sheaf__postgres_rows {
    char *bytes;
    size_t n_bytes;
    size_t capacity;
} sheaf__postgres_rows;

void sheaf__postgres_rows_end(sheaf__postgres_rows *rows);

enum { SHEAF__POSTGRES_HEAD_BYTES = 19 };

/* What every COPY begins and ends with. False: there is no memory. */
bool sheaf__postgres_put_head(sheaf__postgres_rows *rows);
bool sheaf__postgres_put_tail(sheaf__postgres_rows *rows);

/*
 * Add rows from *row on, until there are `enough` bytes (or somewhat more), or no more rows: *row
 * is the next one. fits[i] says how a column is written, ANY by its own type.
 *
 * Returns    OK; ENOMEM; END with *row and *column: a value cannot be written so.
 */
sheaf_status sheaf__postgres_put_rows(sheaf__postgres_rows *rows, const sheaf__columns *columns,
                                      const sheaf__fit *fits, size_t enough, size_t *row,
                                      size_t *column);

/* For a row that is none of a batch: room for so many bytes more, and what it is made of. */
bool sheaf__postgres_reserve(sheaf__postgres_rows *rows, size_t n_bytes);
void sheaf__postgres_put_count(sheaf__postgres_rows *rows, size_t n_fields);
void sheaf__postgres_put_null(sheaf__postgres_rows *rows);
void sheaf__postgres_put_bigint(sheaf__postgres_rows *rows, int64_t value);
void sheaf__postgres_put_bytes(sheaf__postgres_rows *rows, const void *bytes, size_t n_bytes);

/* A path that is UTF-8, and could be text; of another one, escaped. */
bool sheaf__postgres_is_text(const char *path);
void sheaf__postgres_put_path(sheaf__postgres_rows *rows, const char *path);

/* Of a path's bytes so many times as much may be needed: each escaped, and once more as it is. */
enum { SHEAF__POSTGRES_PATH_RATIO = 6 };
enum { SHEAF__POSTGRES_FIELD_BYTES = 12 }; /* of a number, at most; and of bytes beside them */

#endif
