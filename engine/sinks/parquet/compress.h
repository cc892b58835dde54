/* The ways to compress a page of Parquet: all of them in one place, with their libraries. */
#ifndef SHEAF_SINKS_PARQUET_COMPRESS_H
#define SHEAF_SINKS_PARQUET_COMPRESS_H

#include "engine/sinks/bytes.h"

typedef enum sheaf__codec {
    SHEAF__CODEC_ZSTD,
    SHEAF__CODEC_SNAPPY,
    SHEAF__CODEC_NONE
} sheaf__codec;

typedef struct sheaf__page_compressor sheaf__page_compressor;

/* "zstd", "snappy" or "none"; false: it is none of them. */
bool sheaf__codec_parse(const char *name, sheaf__codec *compression);

/* Whether this build can do it: snappy's library is optional. */
bool sheaf__can_compress(sheaf__codec compression);

/* A compressor, for one thread at a time; NULL: there is no memory. */
sheaf__page_compressor *sheaf__page_compressor_create(sheaf__codec compression);
void sheaf__page_compressor_destroy(sheaf__page_compressor *compressor); /* NULL is allowed */

/* Put what the bytes become behind what `to` has. */
void sheaf__page_compress(sheaf__page_compressor *compressor, const void *from, size_t n_bytes,
                          sheaf__bytes *to);

#endif
