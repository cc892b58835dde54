/*
 * zstd, snappy, or nothing: see compress.h.
 *
 * zstd's lowest level: pages are small by then (most of their columns are packed indexes), and the
 * levels above it cost more than reading and encoding together for a few percent.
 */
#include "engine/sinks/parquet/compress.h"

#include <zstd.h>
#ifdef SHEAF_SNAPPY
#include <snappy-c.h>
#endif

enum { ZSTD_LEVEL = 1 };

struct sheaf__page_compressor {
    sheaf__codec compression;
    ZSTD_CCtx *zstd;
};

bool sheaf__codec_parse(const char *name, sheaf__codec *compression)
{
    static const char *const names[] = {[SHEAF__CODEC_ZSTD] = "zstd",
                                        [SHEAF__CODEC_SNAPPY] = "snappy",
                                        [SHEAF__CODEC_NONE] = "none"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *compression = (sheaf__codec)i;
            return true;
        }
    }
    return false;
}

bool sheaf__can_compress(sheaf__codec compression)
{
#ifndef SHEAF_SNAPPY
    if (compression == SHEAF__CODEC_SNAPPY)
        return false;
#endif
    return (unsigned)compression <= SHEAF__CODEC_NONE;
}

sheaf__page_compressor *sheaf__page_compressor_create(sheaf__codec compression)
{
    sheaf__page_compressor *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->compression = compression;
    if (compression == SHEAF__CODEC_ZSTD && !(made->zstd = ZSTD_createCCtx())) {
        free(made);
        return NULL;
    }
    return made;
}

void sheaf__page_compressor_destroy(sheaf__page_compressor *compressor)
{
    if (!compressor)
        return;
    ZSTD_freeCCtx(compressor->zstd);
    free(compressor);
}

static void by_zstd(sheaf__page_compressor *compressor, const void *from, size_t n_bytes,
                    sheaf__bytes *to)
{
    size_t bound = ZSTD_compressBound(n_bytes);
    if (!sheaf__bytes_reserve(to, bound))
        return;
    size_t n = ZSTD_compressCCtx(compressor->zstd, to->items + to->n, bound, from, n_bytes,
                                 ZSTD_LEVEL);
    if (ZSTD_isError(n)) /* there is room: it can only be memory */
        to->failed = true;
    else
        to->n += n;
}

static void by_snappy(const void *from, size_t n_bytes, sheaf__bytes *to)
{
#ifdef SHEAF_SNAPPY
    size_t n = snappy_max_compressed_length(n_bytes);
    if (!sheaf__bytes_reserve(to, n))
        return;
    if (snappy_compress(from, n_bytes, (char *)to->items + to->n, &n) != SNAPPY_OK)
        to->failed = true;
    else
        to->n += n;
#else
    (void)from, (void)n_bytes;
    to->failed = true; /* it was never asked for: see sheaf__can_compress() */
#endif
}

void sheaf__page_compress(sheaf__page_compressor *compressor, const void *from, size_t n_bytes,
                          sheaf__bytes *to)
{
    if (compressor->compression == SHEAF__CODEC_ZSTD)
        by_zstd(compressor, from, n_bytes, to);
    else if (compressor->compression == SHEAF__CODEC_SNAPPY)
        by_snappy(from, n_bytes, to);
    else
        sheaf__bytes_put(to, from, n_bytes);
}
