/*
 * Inflating gzip files: see source.h. RFC 1952; the members of a file are concatenated.
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
#include "readers/source/inflate.h"
#include "readers/source/source.h"

struct sheaf__gzip {
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
    sheaf__file_source *from;
    uint8_t input[SHEAF__GZIP_HEAD_MAX];
};

void sheaf__gzip_describe(char *text, size_t size)
{
    const sheaf__inflater *inflater = sheaf__inflater_get();
    snprintf(text, size, "zlib %s", sheaf__inflate_zlib.version());
    if (inflater && inflater != &sheaf__inflate_zlib)
        snprintf(text + strlen(text), size - strlen(text), ", %s %s", inflater->name,
                 inflater->version());
}

sheaf__gzip *sheaf__gzip_create(void)
{
    return calloc(1, sizeof(sheaf__gzip));
}

static void forget_inflater(sheaf__gzip *gzip)
{
    if (gzip->inflater)
        gzip->inflater->destroy(gzip->state);
    gzip->inflater = NULL;
}

void sheaf__gzip_destroy(sheaf__gzip *gzip)
{
    if (!gzip)
        return;
    forget_inflater(gzip);
    free(gzip);
}

static sheaf_status use_inflater(sheaf__gzip *gzip, const sheaf__inflater *inflater,
                                 sheaf_error *err)
{
    if (gzip->inflater == inflater)
        return SHEAF_OK;
    forget_inflater(gzip);
    gzip->state = inflater->create();
    if (!gzip->state)
        return sheaf__error_memory(err, "inflating a file");
    gzip->inflater = inflater;
    return SHEAF_OK;
}

bool sheaf__gzip_detect(const uint8_t *bytes, size_t n_bytes)
{
    return n_bytes >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b;
}

void sheaf__gzip_begin(sheaf__gzip *gzip, sheaf__file_source *from, const uint8_t *head,
                       size_t n_bytes)
{
    gzip->in_member = gzip->ended = gzip->is_again = false;
    gzip->damage = NULL;
    gzip->n_again = 0;
    gzip->from = from;
    memcpy(gzip->input, head, n_bytes);
    gzip->io = (sheaf__inflate_io){.next_in = gzip->input, .n_in = (uint32_t)n_bytes};
}

bool sheaf__gzip_has_input(const sheaf__gzip *gzip)
{
    return gzip->io.n_in > 0;
}

/* Of the stored file, where the next byte of input stands. */
static uint64_t input_offset(const sheaf__gzip *gzip)
{
    return gzip->from->offset_bytes - gzip->io.n_in;
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
    if (gzip->io.n_in > 0)
        return SHEAF_OK;
    size_t n;
    sheaf_status status = sheaf__file_read(gzip->from, gzip->input, sizeof gzip->input, &n, err);
    gzip->io.next_in = gzip->input;
    gzip->io.n_in = status < 0 ? 0 : (uint32_t)n;
    return status;
}

static const char cut_off[] = "the compressed data is cut off";

/* Where a member should begin stands something else. */
static sheaf_status not_gzip(const sheaf__gzip *gzip, sheaf_error *err)
{
    if (gzip->member_offset == 0)
        return damaged(err, 0, "the file is called .gz but is not gzip", "rename it without .gz");
    return damaged(err, gzip->member_offset, "bytes that are not gzip follow the compressed data",
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
static sheaf_status choose_inflater(sheaf__gzip *gzip, sheaf_error *err)
{
    const sheaf__inflater *wanted = sheaf__inflater_get();
    bool by_zlib = !wanted || gzip->is_again || !is_plain_header(gzip->io.next_in, gzip->io.n_in);
    return use_inflater(gzip, by_zlib ? &sheaf__inflate_zlib : wanted, err);
}

/* At the beginning of a member, or at the end of the file. */
static sheaf_status begin_member(sheaf__gzip *gzip, sheaf_error *err)
{
    gzip->member_offset = input_offset(gzip);
    if (gzip->io.n_in == 0 && gzip->member_offset == 0)
        return damaged(err, 0, "the file is empty, but its name says gzip",
                       "the file may have been cut off when it was copied: fetch it again");
    if (gzip->io.n_in == 0) {
        gzip->ended = true;
        return SHEAF_OK;
    }
    if (gzip->io.next_in[0] != 0x1f) /* zlib would want a second byte before it says so */
        return not_gzip(gzip, err);
    sheaf_status status = choose_inflater(gzip, err);
    if (status < 0)
        return status;
    if (!gzip->inflater->begin(gzip->state))
        return sheaf__error_memory(err, "inflating a file");
    gzip->in_member = true;
    gzip->member_given = 0;
    return SHEAF_OK;
}

/* Have zlib read the member again. */
static sheaf_status read_again(sheaf__gzip *gzip, sheaf_error *err)
{
    sheaf_status status = use_inflater(gzip, &sheaf__inflate_zlib, err);
    if (status < 0)
        return status;
    if (gzip->from->counted_bytes < gzip->from->offset_bytes)
        gzip->from->counted_bytes = gzip->from->offset_bytes;
    gzip->from->offset_bytes = gzip->member_offset;
    gzip->io.n_in = 0;
    gzip->n_again = gzip->member_given;
    gzip->damage = NULL;
    gzip->in_member = false;
    gzip->is_again = true;
    return SHEAF_OK;
}

/* Some more of the member; what was given before does not count as given. */
static sheaf_status inflate_some(sheaf__gzip *gzip, sheaf_error *err)
{
    /* At the end of the input too: bytes may be held for which the last output had no room. */
    bool at_end = gzip->io.n_in == 0;
    uint8_t *begin = gzip->io.next_out;
    sheaf__inflate_result result = gzip->inflater->run(gzip->state, &gzip->io);
    size_t n_given = (size_t)(gzip->io.next_out - begin);
    size_t n_known = n_given < gzip->n_again ? n_given : (size_t)gzip->n_again;
    memmove(begin, begin + n_known, n_given - n_known);
    gzip->io.next_out -= n_known;
    gzip->io.n_out += (uint32_t)n_known;
    gzip->n_again -= n_known;
    gzip->member_given += n_given;
    if (result == SHEAF__INFLATE_NO_MEMORY)
        return sheaf__error_memory(err, "inflating a file");
    if (result == SHEAF__INFLATE_END)
        gzip->in_member = gzip->is_again = false;
    if (result == SHEAF__INFLATE_DAMAGED)
        gzip->damage = gzip->io.damage;
    if (result == SHEAF__INFLATE_MORE && at_end && n_given == 0)
        gzip->damage = cut_off;
    return SHEAF_OK;
}

static sheaf_status report_damage(sheaf__gzip *gzip, sheaf_error *err)
{
    char what[128];
    if (gzip->inflater != &sheaf__inflate_zlib && gzip->from->can_seek)
        return read_again(gzip, err);
    if (gzip->damage == cut_off)
        return damaged(err, input_offset(gzip), cut_off,
                       "the file was not copied whole: fetch it again");
    if (strcmp(gzip->damage, "incorrect header check") == 0) /* zlib: not the magic number */
        return not_gzip(gzip, err);
    snprintf(what, sizeof what, "the compressed data is damaged: %s", gzip->damage);
    return damaged(err, input_offset(gzip), what,
                   "fetch the file again; gzip -t tells whether it is whole");
}

sheaf_status sheaf__gzip_read(sheaf__gzip *gzip, uint8_t *buffer, size_t capacity, size_t *n_bytes,
                              sheaf_error *err)
{
    uint32_t wanted = capacity > 1 << 30 ? 1 << 30 : (uint32_t)capacity;
    gzip->io.next_out = buffer;
    gzip->io.n_out = wanted;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && gzip->io.n_out == wanted && !gzip->ended) {
        if (gzip->damage)
            status = report_damage(gzip, err);
        if (status == SHEAF_OK)
            status = refill(gzip, err);
        if (status == SHEAF_OK && !gzip->in_member)
            status = begin_member(gzip, err);
        else if (status == SHEAF_OK)
            status = inflate_some(gzip, err);
    }
    *n_bytes = wanted - gzip->io.n_out;
    return status;
}
