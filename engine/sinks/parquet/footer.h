/*
 * Parquet's metadata, which stand behind the rows: the schema, and of each row group where its
 * column chunks are and what they hold (parquet.thrift, in github.com/apache/parquet-format).
 *
 * A row group's part is put together while its columns are placed, so that what is kept of them
 * until the end is what will be written. Its length decides how large it may be: 2 GiB, about 20
 * million column chunks.
 */
#ifndef SHEAF_SINKS_PARQUET_FOOTER_H
#define SHEAF_SINKS_PARQUET_FOOTER_H

#include "engine/sinks/bytes.h"
#include "engine/sinks/parquet/column.h"
#include "engine/sinks/parquet/thrift.h"
#include "engine/table/names.h"

typedef struct sheaf__parquet_footer {
    const sheaf__names *names; /* whoever has begun it keeps them */
    const sheaf_type *types;
    sheaf__bytes groups; /* one behind the other */
    size_t n_groups;
    uint64_t n_rows;
    /* The row group that is being put together: */
    sheaf__thrift group;
    uint64_t group_offset;
    uint64_t group_uncompressed;
    uint64_t group_compressed;
} sheaf__parquet_footer;

/* What has to be known to forget the groups that follow. */
typedef struct sheaf__parquet_mark {
    size_t n_bytes;
    size_t n_groups;
    uint64_t n_rows;
} sheaf__parquet_mark;

sheaf__parquet_mark sheaf__parquet_footer_mark(const sheaf__parquet_footer *footer);
void sheaf__parquet_footer_take_back(sheaf__parquet_footer *footer,
                                     const sheaf__parquet_mark *mark);

/* A row group: it is begun, gets its columns in their order, and is ended. */
void sheaf__parquet_footer_begin_group(sheaf__parquet_footer *footer);
void sheaf__parquet_footer_add(sheaf__parquet_footer *footer, size_t column, size_t n_rows,
                               uint64_t offset, const sheaf__parquet_chunk *chunk);
void sheaf__parquet_footer_end_group(sheaf__parquet_footer *footer, size_t n_rows);

/* Of n_bytes in all: OK; ELIMIT: a file cannot have so many; ENOMEM: some are missing. */
sheaf_status sheaf__parquet_footer_check(const sheaf__parquet_footer *footer, size_t n_bytes,
                                         sheaf_error *err);

/* Put what stands before the row groups, and what stands behind them. */
void sheaf__parquet_put_schema(const sheaf__parquet_footer *footer, sheaf__bytes *to);
void sheaf__parquet_put_end(const sheaf__parquet_footer *footer, sheaf__bytes *to);

#endif
