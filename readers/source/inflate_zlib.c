/* Inflating by zlib: see inflate.h. */
#include <stdlib.h>

#include <zlib.h>

#include "readers/source/inflate.h"

enum { GZIP_ONLY = 16 + MAX_WBITS };

static const char *version(void)
{
    return zlibVersion();
}

static void *create(void)
{
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream && inflateInit2(stream, GZIP_ONLY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static void destroy(void *state)
{
    inflateEnd(state);
    free(state);
}

static bool begin(void *state)
{
    return inflateReset(state) == Z_OK;
}

static sheaf__inflate_result run(void *state, sheaf__inflate_io *io)
{
    z_stream *stream = state;
    stream->next_in = (z_const Bytef *)io->next_in;
    stream->avail_in = io->n_in;
    stream->next_out = io->next_out;
    stream->avail_out = io->n_out;
    int result = inflate(stream, Z_NO_FLUSH);
    io->next_in = stream->next_in;
    io->n_in = stream->avail_in;
    io->next_out = stream->next_out;
    io->n_out = stream->avail_out;
    switch (result) {
    case Z_OK:
    case Z_BUF_ERROR:
        return SHEAF__INFLATE_MORE;
    case Z_STREAM_END:
        return SHEAF__INFLATE_END;
    case Z_MEM_ERROR:
        return SHEAF__INFLATE_NO_MEMORY;
    default:
        io->damage = stream->msg ? stream->msg : "unknown reason";
        return SHEAF__INFLATE_DAMAGED;
    }
}

const sheaf__inflater sheaf__inflate_zlib = {.name = "zlib",
                                             .version = version,
                                             .create = create,
                                             .destroy = destroy,
                                             .begin = begin,
                                             .run = run};
