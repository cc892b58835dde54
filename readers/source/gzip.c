/*
 * Inflating gzip files: see decompress.h. RFC 1952; the members of a file are concatenated.
 *
 * zlib's own gzread is lenient where a loader must not be: it takes bytes that are not gzip as they
 * are, and a file that was cut off between two blocks as complete until it is closed. Here the end
 * is only the end when a member's CRC and length were right and no byte follows it.
 *
 * What is wrong with a file does not depend on who inflates it: a member of which another library
 * says that it is damaged or cut off is read again by zlib, from its beginning, and what was given
 * of it before is passed over. (Not of a stream, which cannot be read again.)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "readers/source/bgzf.h"
#include "readers/source/inflate.h"

typedef struct gzip {
    sheaf__decompressor base; /* first */
    const sheaf__inflater *inflater;
    void *state; /* the inflater's */
    sheaf__inflate_io io;
    bool in_member;     /* some of a member was read, but not its end */
    bool ended;         /* the last member ended and nothing follows */
    const char *damage; /* what was found, once what was given before is delivered; static text */
    uint64_t member_offset; /* where the current member begins, in stored bytes */
    uint64_t member_given;  /* so many bytes of it were inflated */
    bool is_again;          /* it is read by zlib for a second time */
    uint64_t n_again;       /* so many more bytes of it were given before */
    uint64_t text_bytes;    /* all that was given */
    uint64_t watched_bytes; /* the first member from here on is to be noted */
    bool has_met;           /* one was: */
    sheaf__gzip_member met;
    uint8_t input[SHEAF__DECOMPRESS_HEAD_MAX];
} gzip;

static sheaf__decompressor *create(void)
{
    gzip *self = calloc(1, sizeof *self);
    if (!self)
        return NULL;
    self->base.format = &sheaf__decompress_gzip;
    return &self->base;
}

static void forget_inflater(gzip *self)
{
    if (self->inflater)
        self->inflater->destroy(self->state);
    self->inflater = NULL;
}

static void destroy(sheaf__decompressor *decompressor)
{
    gzip *self = (gzip *)decompressor;
    forget_inflater(self);
    free(self);
}

static sheaf_status use_inflater(gzip *self, const sheaf__inflater *inflater, sheaf_error *err)
{
    if (self->inflater == inflater)
        return SHEAF_OK;
    forget_inflater(self);
    self->state = inflater->create();
    if (!self->state)
        return sheaf__error_memory(err, "inflating a file");
    self->inflater = inflater;
    return SHEAF_OK;
}

static bool detect(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

static void begin(sheaf__decompressor *decompressor, const uint8_t *head, size_t n_bytes)
{
    gzip *self = (gzip *)decompressor;
    self->in_member = self->ended = self->is_again = false;
    self->damage = NULL;
    self->n_again = self->text_bytes = 0;
    self->watched_bytes = UINT64_MAX;
    self->has_met = false;
    memcpy(self->input, head, n_bytes);
    self->io = (sheaf__inflate_io){.next_in = self->input, .n_in = (uint32_t)n_bytes};
}

static bool has_input(const sheaf__decompressor *decompressor)
{
    return ((const gzip *)decompressor)->io.n_in > 0;
}

/* Of the stored file, where the next byte of input stands. */
static uint64_t input_offset(const gzip *self)
{
    return self->base.from->offset_bytes - self->io.n_in;
}

static sheaf_status refill(gzip *self, sheaf_error *err)
{
    if (self->io.n_in > 0)
        return SHEAF_OK;
    size_t n;
    sheaf_status status = sheaf__file_read(self->base.from, self->input, sizeof self->input, &n,
                                           err);
    self->io.next_in = self->input;
    self->io.n_in = status < 0 ? 0 : (uint32_t)n;
    return status;
}

/* Where a member should begin stands something else. */
static sheaf_status not_gzip(const gzip *self, sheaf_error *err)
{
    if (self->member_offset == 0)
        return sheaf__decompress_fault(err, 0, "the file is called .gz but is not gzip",
                                       "rename it without .gz");
    return sheaf__decompress_fault(
        err, self->member_offset, "bytes that are not gzip follow the compressed data",
        "the file may be two files in one, or damaged: gzip -t tells more");
}

/* Where a text that ends with NUL is over; n when it is not. */
static size_t behind_nul(const uint8_t *bytes, size_t at, size_t n)
{
    const uint8_t *nul = at < n ? memchr(bytes + at, 0, n - at) : NULL;
    return nul ? (size_t)(nul - bytes) + 1 : n;
}

/*
 * Whether all of a member's header (RFC 1952, 2.3) and some of what follows stands in n bytes, and
 * nothing is in it that has to be checked.
 */
static bool is_plain_header(const uint8_t *bytes, size_t n)
{
    enum { HCRC = 2, EXTRA = 4, NAME = 8, COMMENT = 16, RESERVED = 0xE0, AT_FLAGS = 3, FIXED = 10 };
    if (n <= FIXED || bytes[AT_FLAGS] & (HCRC | RESERVED))
        return false;
    size_t at = FIXED;
    if (bytes[AT_FLAGS] & EXTRA)
        at += n - at > 2 ? 2 + (size_t)(bytes[at] | bytes[at + 1] << 8) : n;
    if (bytes[AT_FLAGS] & NAME)
        at = behind_nul(bytes, at, n);
    if (bytes[AT_FLAGS] & COMMENT)
        at = behind_nul(bytes, at, n);
    return at < n;
}

/*
 * Who inflates this member: zlib, unless its header is here as a whole. ISA-L loses its way in one
 * that comes in two pieces, and does not look at all of it.
 */
static sheaf_status choose_inflater(gzip *self, sheaf_error *err)
{
    const sheaf__inflater *wanted = sheaf__inflater_get();
    bool by_zlib = !wanted || self->is_again || !is_plain_header(self->io.next_in, self->io.n_in);
    return use_inflater(self, by_zlib ? &sheaf__inflate_zlib : wanted, err);
}

/* At the beginning of a member, or at the end of the file. */
static sheaf_status begin_member(gzip *self, sheaf_error *err)
{
    self->member_offset = input_offset(self);
    if (self->io.n_in == 0 && self->member_offset == 0)
        return sheaf__decompress_fault(
            err, 0, "the file is empty, but its name says gzip",
            "the file may have been cut off when it was copied: fetch it again");
    if (self->io.n_in == 0) {
        self->ended = true;
        return SHEAF_OK;
    }
    if (self->member_offset >= self->watched_bytes && !self->has_met) {
        self->has_met = true;
        self->met = (sheaf__gzip_member){self->member_offset, self->text_bytes};
    }
    if (self->io.next_in[0] != 0x1f) /* zlib would want a second byte before it says so */
        return not_gzip(self, err);
    sheaf_status status = choose_inflater(self, err);
    if (status < 0)
        return status;
    if (!self->inflater->begin(self->state))
        return sheaf__error_memory(err, "inflating a file");
    self->in_member = true;
    self->member_given = 0;
    return SHEAF_OK;
}

/* Have zlib read the member again. */
static sheaf_status read_again(gzip *self, sheaf_error *err)
{
    sheaf_status status = use_inflater(self, &sheaf__inflate_zlib, err);
    if (status < 0)
        return status;
    if (self->base.from->counted_bytes < self->base.from->offset_bytes)
        self->base.from->counted_bytes = self->base.from->offset_bytes;
    self->base.from->offset_bytes = self->member_offset;
    self->io.n_in = 0;
    self->n_again = self->member_given;
    self->damage = NULL;
    self->in_member = false;
    self->is_again = true;
    return SHEAF_OK;
}

/* Some more of the member; what was given before does not count as given. */
static sheaf_status inflate_some(gzip *self, sheaf_error *err)
{
    /* At the end of the input too: bytes may be held for which the last output had no room. */
    bool at_end = self->io.n_in == 0;
    uint8_t *begin = self->io.next_out;
    sheaf__inflate_result result = self->inflater->run(self->state, &self->io);
    size_t n_given = (size_t)(self->io.next_out - begin);
    size_t n_known = n_given < self->n_again ? n_given : (size_t)self->n_again;
    memmove(begin, begin + n_known, n_given - n_known);
    self->io.next_out -= n_known;
    self->io.n_out += (uint32_t)n_known;
    self->n_again -= n_known;
    self->member_given += n_given;
    if (result == SHEAF__INFLATE_NO_MEMORY)
        return sheaf__error_memory(err, "inflating a file");
    if (result == SHEAF__INFLATE_END)
        self->in_member = self->is_again = false;
    if (result == SHEAF__INFLATE_DAMAGED)
        self->damage = self->io.damage;
    if (result == SHEAF__INFLATE_MORE && at_end && n_given == 0)
        self->damage = sheaf__cut_off;
    return SHEAF_OK;
}

static sheaf_status report_damage(gzip *self, sheaf_error *err)
{
    char what[128];
    if (self->inflater != &sheaf__inflate_zlib && self->base.from->can_seek)
        return read_again(self, err);
    if (self->damage == sheaf__cut_off)
        return sheaf__decompress_fault(err, input_offset(self), sheaf__cut_off,
                                       sheaf__cut_off_hint);
    if (strcmp(self->damage, "incorrect header check") == 0) /* zlib: not the magic number */
        return not_gzip(self, err);
    snprintf(what, sizeof what, "the compressed data is damaged: %s", self->damage);
    return sheaf__decompress_fault(err, input_offset(self), what,
                                   "fetch the file again; gzip -t tells whether it is whole");
}

static sheaf_status read_text(sheaf__decompressor *decompressor, uint8_t *buffer, size_t capacity,
                              size_t *n_bytes, sheaf_error *err)
{
    gzip *self = (gzip *)decompressor;
    uint32_t wanted = (uint32_t)capacity;
    self->io.next_out = buffer;
    self->io.n_out = wanted;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && self->io.n_out == wanted && !self->ended) {
        if (self->damage)
            status = report_damage(self, err);
        if (status == SHEAF_OK)
            status = refill(self, err);
        if (status == SHEAF_OK && !self->in_member)
            status = begin_member(self, err);
        else if (status == SHEAF_OK)
            status = inflate_some(self, err);
    }
    *n_bytes = wanted - self->io.n_out;
    self->text_bytes += *n_bytes;
    return status;
}

void sheaf__gzip_watch_for(sheaf__decompressor *decompressor, uint64_t offset_bytes)
{
    gzip *self = (gzip *)decompressor;
    self->watched_bytes = offset_bytes;
    self->has_met = false;
}

bool sheaf__gzip_has_met(const sheaf__decompressor *decompressor, sheaf__gzip_member *member)
{
    const gzip *self = (const gzip *)decompressor;
    *member = self->met;
    return self->has_met;
}

const sheaf__decompress_format sheaf__decompress_gzip = {.compression = SHEAF__COMPRESSION_GZIP,
                                                         .name = "gzip",
                                                         .ending = ".gz",
                                                         .detect = detect,
                                                         .create = create,
                                                         .destroy = destroy,
                                                         .begin = begin,
                                                         .has_input = has_input,
                                                         .read = read_text};
