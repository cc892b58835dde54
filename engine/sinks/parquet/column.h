/*
 * One column of one row group as Parquet has it: at most a page of different values, and a page of
 * all of them (https://parquet.apache.org/docs/file-format/).
 *
 * The values of all columns may be null. Pages are of the first version, which everybody reads:
 * which rows have values, by a bitmap or one run; then the values, plain, or their numbers in the
 * dictionary. A column chunk that hardly shrinks is not compressed.
 */
#ifndef SHEAF_SINKS_PARQUET_COLUMN_H
#define SHEAF_SINKS_PARQUET_COLUMN_H

#include "engine/sinks/bytes.h"
#include "engine/sinks/parquet/compress.h"
#include "engine/sinks/parquet/dictionary.h"
#include "engine/sinks/parquet/statistics.h"
#include "engine/table/columns.h"

/* What the metadata have to say about it. */
typedef struct sheaf__parquet_chunk {
    sheaf__codec compression; /* that was used */
    size_t n_nulls;
    size_t n_different;      /* 0: there is no dictionary */
    size_t dictionary_bytes; /* of its page: where the other one begins */
    size_t compressed_bytes; /* of both */
    size_t uncompressed_bytes;
    sheaf__bounds bounds;
} sheaf__parquet_chunk;

/* What is needed to make it, to be used again: by one thread at a time. */
typedef struct sheaf__parquet_scratch {
    sheaf__page_compressor *compressor;
    sheaf__codec compression;
    sheaf__dictionary dictionary;
    sheaf__bytes present; /* values, or ends, without those of nulls */
    sheaf__bytes page;
    sheaf__bytes values_page; /* compressed */
    sheaf__bytes dictionary_page;
} sheaf__parquet_scratch;

void sheaf__parquet_scratch_end(sheaf__parquet_scratch *scratch);

/*
 * Put the pages of a column of n_rows behind what `to` has.
 *
 * Returns    OK; ELIMIT: a page would be larger than 2 GiB; ENOMEM.
 */
sheaf_status sheaf__parquet_put_column(sheaf__bytes *to, const sheaf__column *column, size_t n_rows,
                                       sheaf__parquet_scratch *scratch, sheaf__parquet_chunk *chunk,
                                       sheaf_error *err);

#endif
