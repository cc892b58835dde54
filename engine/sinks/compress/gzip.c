/*
 * gzip as BGZF, by zlib: see compress.h.
 *
 * zlib, though ISA-L would be several times as fast: what that one writes depends on the vectors
 * that a processor has, and the same rows are to be the same file everywhere. Level 4 is the first
 * that looks for a better match a byte later: on taxi trips a text becomes 8 % larger than by
 * level 6, which gzip takes, in 2/5 of the time (82 MB of text per CPU-second, not 34).
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "engine/sinks/compress/compress.h"

enum {
    LEVEL = 4,
    MEMBER_TEXT = 0xFF00, /* bytes of text: even stored they make no member of more than 64 KiB */
    MEMBERS = 16,         /* in a part */
    HEAD_BYTES = 18,
    TAIL_BYTES = 8, /* CRC32, ISIZE */
    MEMBER_MAX = 64 << 10,
    MEM_LEVEL = 8,
    WINDOW_BITS = -15, /* the largest; and no header: it has a field that zlib cannot write */
};

/* As every BGZF file ends: a member without text. */
static const uint8_t end_of_file[] = {0x1F, 0x8B, 8,    4, 0, 0, 0, 0, 0, 0xFF, 6, 0, 'B', 'C',
                                      2,    0,    0x1B, 0, 3, 0, 0, 0, 0, 0,    0, 0, 0,   0};

static uint8_t *put_number(uint8_t *to, size_t value, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        *to++ = (uint8_t)(value >> 8 * i);
    return to;
}

/* No time, no name, no system: they are no part of the text. */
static void put_head(uint8_t *to, size_t member_bytes)
{
    memcpy(to, end_of_file, HEAD_BYTES);
    put_number(to + 16, member_bytes - 1, 2);
}

static sheaf_status pack_member(z_stream *stream, const uint8_t *text, size_t n, uint8_t *out,
                                size_t *n_out)
{
    stream->next_in = (Bytef *)text; /* zlib does not write there */
    stream->avail_in = (uInt)n;
    stream->next_out = out + HEAD_BYTES;
    stream->avail_out = MEMBER_MAX - HEAD_BYTES - TAIL_BYTES;
    if (deflateReset(stream) != Z_OK || deflate(stream, Z_FINISH) != Z_STREAM_END)
        return SHEAF_ENOMEM; /* neither can be: there is room, and the state is whole */
    size_t n_bytes = HEAD_BYTES + stream->total_out + TAIL_BYTES;
    put_head(out, n_bytes);
    uint8_t *tail = put_number(out + HEAD_BYTES + stream->total_out,
                               crc32(crc32(0, NULL, 0), text, (uInt)n), 4);
    put_number(tail, n, 4);
    *n_out = n_bytes;
    return SHEAF_OK;
}

static void destroy(void *state)
{
    if (state)
        deflateEnd(state);
    free(state);
}

static z_stream *make_stream(void)
{
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream &&
        deflateInit2(stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK)
        return stream;
    free(stream);
    return NULL;
}

static sheaf_status pack(void **state, const uint8_t *text, size_t n, uint8_t *out, size_t *n_out)
{
    *n_out = 0;
    if (!*state && !(*state = make_stream()))
        return SHEAF_ENOMEM;
    for (size_t at = 0; at < n; at += MEMBER_TEXT) {
        size_t n_member;
        size_t n_text = n - at < MEMBER_TEXT ? n - at : MEMBER_TEXT;
        sheaf_status status = pack_member(*state, text + at, n_text, out + *n_out, &n_member);
        if (status < 0)
            return status;
        *n_out += n_member;
    }
    return SHEAF_OK;
}

const sheaf__packer sheaf__packer_gzip = {.text_bytes = MEMBERS * MEMBER_TEXT,
                                          .bytes_max = MEMBERS * MEMBER_MAX,
                                          .end = end_of_file,
                                          .n_end_bytes = sizeof end_of_file,
                                          .pack = pack,
                                          .destroy = destroy};
