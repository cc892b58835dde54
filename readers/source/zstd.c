/*
 * Decompressing zstd files: RFC 8878; the frames of a file are concatenated, skippable ones are
 * passed over. The end is only the end when a frame has ended and no byte follows it. See
 * decompress.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>
#include <zstd_errors.h>

#include "engine/core/error.h"
#include "readers/source/decompress.h"

typedef struct zstd {
    sheaf__decompressor base; /* first */
    ZSTD_DCtx *context;
    bool in_frame;         /* some of a frame was read, but not its end */
    bool any;              /* there was a frame */
    const char *damage;    /* met behind what was given last; zstd's own text */
    bool needs_memory;     /* that is the damage */
    uint64_t frame_offset; /* where the current frame begins, in stored bytes */
    ZSTD_inBuffer in;
    uint8_t input[SHEAF__DECOMPRESS_HEAD_MAX];
} zstd;

static uint32_t magic_of(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static bool detect(const uint8_t *bytes, size_t n_bytes)
{
    if (n_bytes < 4)
        return false;
    uint32_t magic = magic_of(bytes);
    return magic == ZSTD_MAGICNUMBER ||
           (magic & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START;
}

static sheaf__decompressor *create(void)
{
    zstd *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->base.format = &sheaf__decompress_zstd;
    self->context = ZSTD_createDCtx();
    if (!self->context) {
        free(self);
        return NULL;
    }
    return &self->base;
}

static void destroy(sheaf__decompressor *decompressor)
{
    zstd *self = (zstd *)decompressor;
    ZSTD_freeDCtx(self->context);
    free(self);
}

static void begin(sheaf__decompressor *decompressor, const uint8_t *head, size_t n_bytes)
{
    zstd *self = (zstd *)decompressor;
    ZSTD_DCtx_reset(self->context, ZSTD_reset_session_only);
    self->in_frame = self->any = self->needs_memory = false;
    self->damage = NULL;
    memcpy(self->input, head, n_bytes);
    self->in = (ZSTD_inBuffer){.src = self->input, .size = n_bytes};
}

static bool has_input(const sheaf__decompressor *decompressor)
{
    const zstd *self = (const zstd *)decompressor;
    return self->in.pos < self->in.size;
}

/* Of the stored file, where the next byte of input stands. */
static uint64_t input_offset(const zstd *self)
{
    return self->base.from->offset_bytes - (self->in.size - self->in.pos);
}

static sheaf_status refill(zstd *self, sheaf_error *err)
{
    size_t n = 0;
    if (self->in.pos < self->in.size)
        return SHEAF_OK;
    sheaf_status status = sheaf__file_read(self->base.from, self->input, sizeof self->input, &n,
                                           err);
    self->in.pos = 0;
    self->in.size = status < 0 ? 0 : n;
    return status;
}

/* What stands where a frame should begin is none. */
static sheaf_status not_zstd(const zstd *self, sheaf_error *err)
{
    if (self->any)
        return sheaf__decompress_fault(
            err, self->frame_offset, "bytes that are not zstd follow the compressed data",
            "the file may be two files in one, or damaged: zstd -t tells "
            "more");
    return sheaf__decompress_fault(err, 0, "the file is called .zst but is not zstd",
                                   "rename it without .zst");
}

static sheaf_status report_damage(const zstd *self, sheaf_error *err)
{
    char what[160];
    if (self->damage == sheaf__cut_off)
        return sheaf__decompress_fault(err, input_offset(self), sheaf__cut_off,
                                       sheaf__cut_off_hint);
    if (!self->in_frame)
        return not_zstd(self, err);
    if (self->needs_memory)
        return sheaf__decompress_fault(err, self->frame_offset,
                                       "the compressed data looks back further than 128 MiB",
                                       "unpack it first: zstd -d --long=31 FILE");
    snprintf(what, sizeof what, "the compressed data is damaged: %s", self->damage);
    /* Where in this piece of the file, zstd does not tell. */
    return sheaf__decompress_fault(err, self->base.from->offset_bytes - self->in.size, what,
                                   "fetch the file again; zstd -t tells whether it is whole");
}

/* There is no more input. */
static sheaf_status end_of_input(zstd *self, bool *ended, sheaf_error *err)
{
    if (self->base.from->offset_bytes == 0)
        return sheaf__decompress_fault(
            err, 0, "the file is empty, but its name says zstd",
            "the file may have been cut off when it was copied: fetch it "
            "again");
    if (self->in_frame)
        self->damage = sheaf__cut_off;
    else
        *ended = true;
    return SHEAF_OK;
}

/* Some more of the frame, or the beginning of the next one. */
static void decompress_some(zstd *self, ZSTD_outBuffer *out)
{
    if (!self->in_frame)
        self->frame_offset = input_offset(self);
    size_t result = ZSTD_decompressStream(self->context, out, &self->in);
    if (!ZSTD_isError(result)) {
        self->in_frame = result != 0;
        self->any |= result == 0;
        return;
    }
    ZSTD_ErrorCode code = ZSTD_getErrorCode(result);
    self->damage = ZSTD_getErrorName(result);
    self->in_frame = code != ZSTD_error_prefix_unknown;
    self->needs_memory = code == ZSTD_error_frameParameter_windowTooLarge;
}

static sheaf_status read_text(sheaf__decompressor *decompressor, uint8_t *buffer, size_t capacity,
                              size_t *n_bytes, sheaf_error *err)
{
    zstd *self = (zstd *)decompressor;
    ZSTD_outBuffer out = {.dst = buffer, .size = capacity};
    sheaf_status status = SHEAF_OK;
    bool ended = false;
    while (status == SHEAF_OK && out.pos == 0 && !ended) {
        if (self->damage) {
            status = report_damage(self, err);
            break;
        }
        status = refill(self, err);
        bool at_end = status == SHEAF_OK && self->in.size == 0;
        /* At the end of the input, too: text may be held for which the last buffer had no room. */
        if (status == SHEAF_OK && (!at_end || self->in_frame))
            decompress_some(self, &out);
        if (at_end && out.pos == 0 && !self->damage)
            status = end_of_input(self, &ended, err);
    }
    *n_bytes = out.pos;
    return status;
}

const sheaf__decompress_format sheaf__decompress_zstd = {.compression = SHEAF__COMPRESSION_ZSTD,
                                                         .name = "zstd",
                                                         .ending = ".zst",
                                                         .detect = detect,
                                                         .create = create,
                                                         .destroy = destroy,
                                                         .begin = begin,
                                                         .has_input = has_input,
                                                         .read = read_text};
