/*
 * Inflating gzip files: see source.h. RFC 1952 by zlib; the members of a file are concatenated.
 *
 * zlib's own gzread is lenient where a loader must not be: it takes bytes that are not gzip as they
 * are, and a file that was cut off between two blocks as complete until it is closed. Here the end
 * is only the end when a member's CRC and length were right and no byte follows it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "engine/core/error.h"
#include "readers/source/source.h"

struct sheaf__gzip {
    z_stream stream;
    bool stream_ready;  /* inflateInit2 was called */
    bool in_member;     /* some of a member was read, but not its end */
    bool ended;         /* the last member ended and nothing follows */
    const char *damage; /* what inflate found, once what it gave before is delivered; static text */
    uint64_t member_offset; /* where the current member begins, in stored bytes */
    sheaf__file_source *from;
    uint8_t input[SHEAF__GZIP_HEAD_MAX];
};

enum { GZIP_ONLY = 16 + MAX_WBITS };

const char *sheaf__gzip_describe(void)
{
    return zlibVersion();
}

sheaf__gzip *sheaf__gzip_create(void)
{
    return calloc(1, sizeof(sheaf__gzip));
}

void sheaf__gzip_destroy(sheaf__gzip *gzip)
{
    if (!gzip)
        return;
    if (gzip->stream_ready)
        inflateEnd(&gzip->stream);
    free(gzip);
}

bool sheaf__gzip_detect(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

sheaf_status sheaf__gzip_begin(sheaf__gzip *gzip, sheaf__file_source *from, const uint8_t *head,
                               size_t n_bytes, sheaf_error *err)
{
    int state = gzip->stream_ready ? inflateReset(&gzip->stream)
                                   : inflateInit2(&gzip->stream, GZIP_ONLY);
    if (state != Z_OK)
        return sheaf__error_memory(err, "inflating a file");
    gzip->stream_ready = true;
    gzip->in_member = gzip->ended = false;
    gzip->damage = NULL;
    gzip->from = from;
    memcpy(gzip->input, head, n_bytes);
    gzip->stream.next_in = gzip->input;
    gzip->stream.avail_in = (uInt)n_bytes;
    return SHEAF_OK;
}

bool sheaf__gzip_has_input(const sheaf__gzip *gzip)
{
    return gzip->stream.avail_in > 0;
}

/* Of the stored file, where the next byte of input stands. */
static uint64_t input_offset(const sheaf__gzip *gzip)
{
    return gzip->from->offset_bytes - gzip->stream.avail_in;
}

static sheaf_status damaged(sheaf_error *err, uint64_t offset_bytes, const char *what,
                            const char *hint)
{
    sheaf_error_set(err, SHEAF_EGZIP, "%s", what);
    if (err)
        err->offset_bytes = offset_bytes;
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_EGZIP;
}

static sheaf_status refill(sheaf__gzip *gzip, sheaf_error *err)
{
    if (gzip->stream.avail_in > 0)
        return SHEAF_OK;
    size_t n;
    sheaf_status status = sheaf__file_read(gzip->from, gzip->input, sizeof gzip->input, &n, err);
    gzip->stream.next_in = gzip->input;
    gzip->stream.avail_in = status < 0 ? 0 : (uInt)n;
    return status;
}

/* Where a member should begin stands something else. */
static sheaf_status not_gzip(const sheaf__gzip *gzip, sheaf_error *err)
{
    if (gzip->member_offset == 0)
        return damaged(err, 0, "the file is called .gz but is not gzip", "rename it without .gz");
    return damaged(err, gzip->member_offset, "bytes that are not gzip follow the compressed data",
                   "the file may be two files in one, or damaged: gzip -t tells more");
}

/* At the beginning of a member, or at the end of the file. */
static sheaf_status begin_member(sheaf__gzip *gzip, sheaf_error *err)
{
    gzip->member_offset = input_offset(gzip);
    if (gzip->stream.avail_in == 0 && gzip->member_offset == 0)
        return damaged(err, 0, "the file is empty, but its name says gzip",
                       "the file may have been cut off when it was copied: fetch it again");
    if (gzip->stream.avail_in == 0) {
        gzip->ended = true;
        return SHEAF_OK;
    }
    if (gzip->stream.next_in[0] != 0x1f) /* zlib would want a second byte before it says so */
        return not_gzip(gzip, err);
    if (inflateReset(&gzip->stream) != Z_OK)
        return sheaf__error_memory(err, "inflating a file");
    gzip->in_member = true;
    return SHEAF_OK;
}

static sheaf_status inflate_some(sheaf__gzip *gzip, sheaf_error *err)
{
    /* At the end of the input too: zlib may hold bytes for which the last output had no room. */
    bool at_end = gzip->stream.avail_in == 0;
    uInt room = gzip->stream.avail_out;
    int result = inflate(&gzip->stream, Z_NO_FLUSH);
    if (at_end && gzip->stream.avail_out == room && (result == Z_OK || result == Z_BUF_ERROR))
        return damaged(err, input_offset(gzip), "the compressed data is cut off",
                       "the file was not copied whole: fetch it again");
    switch (result) {
    case Z_OK:
    case Z_BUF_ERROR:
        return SHEAF_OK;
    case Z_STREAM_END:
        gzip->in_member = false;
        return SHEAF_OK;
    case Z_MEM_ERROR:
        return sheaf__error_memory(err, "inflating a file");
    default:
        gzip->damage = gzip->stream.msg ? gzip->stream.msg : "unknown reason";
        return SHEAF_OK;
    }
}

static sheaf_status report_damage(const sheaf__gzip *gzip, sheaf_error *err)
{
    char what[128];
    if (strcmp(gzip->damage, "incorrect header check") == 0) /* zlib: not the magic number */
        return not_gzip(gzip, err);
    snprintf(what, sizeof what, "the compressed data is damaged: %s", gzip->damage);
    return damaged(err, input_offset(gzip), what,
                   "fetch the file again; gzip -t tells whether it is whole");
}

sheaf_status sheaf__gzip_read(sheaf__gzip *gzip, uint8_t *buffer, size_t capacity, size_t *n_bytes,
                              sheaf_error *err)
{
    uInt wanted = capacity > 1 << 30 ? 1 << 30 : (uInt)capacity;
    gzip->stream.next_out = buffer;
    gzip->stream.avail_out = wanted;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && gzip->stream.avail_out == wanted && !gzip->ended) {
        status = gzip->damage ? report_damage(gzip, err) : refill(gzip, err);
        if (status == SHEAF_OK && !gzip->in_member)
            status = begin_member(gzip, err);
        else if (status == SHEAF_OK)
            status = inflate_some(gzip, err);
    }
    *n_bytes = wanted - gzip->stream.avail_out;
    return status;
}
