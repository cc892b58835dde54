/*
 * zstd, by libzstd: see compress.h. A part is a frame that tells its size and has a checksum. Level
 * 3 is the library's own choice.
 */
#include <zstd.h>

#include "engine/sinks/compress/compress.h"

enum { LEVEL = 3, TEXT_BYTES = 1 << 20 };

static ZSTD_CCtx *make_context(void)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context && !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, LEVEL)) &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)))
        return context;
    ZSTD_freeCCtx(context);
    return NULL;
}

/* It has room for whatever comes out, so memory is all that can be missing. */
static sheaf_status pack(void **state, const uint8_t *text, size_t n, uint8_t *out, size_t *n_out)
{
    if (!*state && !(*state = make_context()))
        return SHEAF_ENOMEM;
    *n_out = ZSTD_compress2(*state, out, ZSTD_COMPRESSBOUND(TEXT_BYTES), text, n);
    return ZSTD_isError(*n_out) ? SHEAF_ENOMEM : SHEAF_OK;
}

static void destroy(void *state)
{
    ZSTD_freeCCtx(state);
}

const sheaf__packer sheaf__packer_zstd = {.text_bytes = TEXT_BYTES,
                                          .bytes_max = ZSTD_COMPRESSBOUND(TEXT_BYTES),
                                          .pack = pack,
                                          .destroy = destroy};
