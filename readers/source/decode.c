/* Decoding: see decode.h. */
#include "readers/source/decode.h"

#include <errno.h>
#include <iconv.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/core/error.h"

#define NO_ICONV ((iconv_t)-1)

struct sheaf__decoder {
    sheaf__encoding encoding;
    iconv_t iconv; /* NO_ICONV: none is open */
    char name[64]; /* that it was opened for */
    bool at_end;   /* nothing more is fed */
    size_t used;
    size_t n_bytes;
    uint8_t bytes[SHEAF__DECODER_BYTES];
};

enum {
    NOT_TEXT = 0xFF,
    NOT_TEXT_BYTES = 6, /* what is left of what is passed over at once, at most */
    CHARACTER_MAX = 8   /* bytes of one, in any encoding */
};

/* ---- names ---- */

static const struct {
    const char *name;
    sheaf__encoding encoding;
} names[] = {
    {"utf-8", SHEAF__ENCODING_UTF_8},
    {"utf8", SHEAF__ENCODING_UTF_8},
    {"utf-16le", SHEAF__ENCODING_UTF_16LE},
    {"utf-16be", SHEAF__ENCODING_UTF_16BE},
    {"windows-1252", SHEAF__ENCODING_WINDOWS_1252},
    {"cp1252", SHEAF__ENCODING_WINDOWS_1252},
};

enum { N_NAMES = sizeof names / sizeof names[0] };

sheaf__encoding sheaf__encoding_parse(const char *name)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcasecmp(names[i].name, name) == 0)
            return names[i].encoding;
    return SHEAF__ENCODING_OTHER;
}

const char *sheaf__encoding_name(sheaf__encoding encoding)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (names[i].encoding == encoding)
            return names[i].name;
    return NULL;
}

/* What stands behind "//" is no name: it orders iconv to leave out or replace what it must not. */
static bool may_be_known(const char *name)
{
    return *name && strlen(name) < sizeof((sheaf__decoder *)NULL)->name && !strstr(name, "//");
}

static bool open_iconv(iconv_t *iconv, const char *name)
{
    *iconv = iconv_open("UTF-8", name);
    return *iconv != NO_ICONV;
}

sheaf_status sheaf__encoding_check(const char *name, sheaf_error *err)
{
    iconv_t iconv;
    if (sheaf__encoding_parse(name) != SHEAF__ENCODING_OTHER)
        return SHEAF_OK;
    if (may_be_known(name) && open_iconv(&iconv, name)) {
        iconv_close(iconv);
        return SHEAF_OK;
    }
    sheaf_error_set(err, SHEAF_EINVAL, "the encoding is not known");
    sheaf__error_source(err, name);
    sheaf_error_hint(err, "iconv -l lists those that are known; they are to be given without //");
    return SHEAF_EINVAL;
}

/* ---- a decoder ---- */

sheaf__decoder *sheaf__decoder_create(void)
{
    sheaf__decoder *made = calloc(1, sizeof *made);
    if (made)
        made->iconv = NO_ICONV;
    return made;
}

static void forget_iconv(sheaf__decoder *decoder)
{
    if (decoder->iconv != NO_ICONV)
        iconv_close(decoder->iconv);
    decoder->iconv = NO_ICONV;
}

void sheaf__decoder_destroy(sheaf__decoder *decoder)
{
    if (!decoder)
        return;
    forget_iconv(decoder);
    free(decoder);
}

static sheaf_status use_iconv(sheaf__decoder *decoder, const char *name, sheaf_error *err)
{
    if (decoder->iconv != NO_ICONV && strcmp(decoder->name, name) == 0) {
        iconv(decoder->iconv, NULL, NULL, NULL, NULL);
        return SHEAF_OK;
    }
    forget_iconv(decoder);
    sheaf_status status = sheaf__encoding_check(name, err);
    if (status < 0)
        return status;
    strcpy(decoder->name, name); /* which is short enough: that was checked */
    return open_iconv(&decoder->iconv, name) ? SHEAF_OK : sheaf__error_memory(err, "decoding");
}

sheaf_status sheaf__decoder_begin(sheaf__decoder *decoder, sheaf__encoding encoding,
                                  const char *name, const uint8_t *head, size_t n_bytes,
                                  sheaf_error *err)
{
    decoder->encoding = encoding;
    decoder->at_end = false;
    decoder->used = 0;
    decoder->n_bytes = n_bytes;
    memcpy(decoder->bytes, head, n_bytes);
    if (encoding == SHEAF__ENCODING_WINDOWS_1252)
        return SHEAF_OK;
    return use_iconv(
        decoder, encoding == SHEAF__ENCODING_OTHER ? name : sheaf__encoding_name(encoding), err);
}

uint8_t *sheaf__decoder_room(sheaf__decoder *decoder, size_t *n_bytes)
{
    size_t left = decoder->n_bytes - decoder->used; /* of a character that was cut, if anything */
    memmove(decoder->bytes, decoder->bytes + decoder->used, left);
    decoder->used = 0;
    decoder->n_bytes = left;
    *n_bytes = decoder->at_end ? 0 : sizeof decoder->bytes - left;
    return decoder->bytes + left;
}

void sheaf__decoder_feed(sheaf__decoder *decoder, size_t n_bytes)
{
    decoder->n_bytes += n_bytes;
    decoder->at_end = n_bytes == 0;
}

bool sheaf__decoder_is_over(const sheaf__decoder *decoder)
{
    return decoder->at_end && decoder->used == decoder->n_bytes;
}

/* ---- windows-1252 ---- */

/* What 0x80 to 0x9F are (https://encoding.spec.whatwg.org/index-windows-1252.txt). */
static const uint16_t upper_controls[32] = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

/* Two or three bytes: no character of it needs more, none of these one. */
static size_t put_character(uint8_t *to, uint16_t code_point)
{
    if (code_point < 0x800) {
        to[0] = (uint8_t)(0xC0 | code_point >> 6);
        to[1] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 2;
    }
    to[0] = (uint8_t)(0xE0 | code_point >> 12);
    to[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    to[2] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 3;
}

/* Eight bytes of ASCII, as most are. */
static bool copy_ascii(uint8_t *to, const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    memcpy(to, &word, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

static size_t take_windows_1252(sheaf__decoder *decoder, uint8_t *buffer, size_t capacity)
{
    const uint8_t *from = decoder->bytes;
    size_t at = decoder->used;
    size_t n = 0;
    while (at < decoder->n_bytes && capacity - n >= SHEAF__DECODED_MIN) {
        if (decoder->n_bytes - at >= 8 && copy_ascii(buffer + n, from + at)) {
            at += 8;
            n += 8;
            continue;
        }
        uint8_t byte = from[at++];
        if (byte < 0x80)
            buffer[n++] = byte;
        else
            n += put_character(buffer + n, byte < 0xA0 ? upper_controls[byte - 0x80] : byte);
    }
    decoder->used = at;
    return n;
}

/* ---- iconv ---- */

/* The bytes here are no text: pass over them, and leave what tells them and is none either. */
static void pass_over(sheaf__decoder *decoder, uint8_t *buffer, size_t *n)
{
    static const char digits[] = "0123456789ABCDEF";
    bool wide = decoder->encoding == SHEAF__ENCODING_UTF_16LE ||
                decoder->encoding == SHEAF__ENCODING_UTF_16BE;
    size_t left = decoder->n_bytes - decoder->used;
    size_t unit = wide && left >= 2 ? 2 : 1;
    for (size_t i = 0; i < unit; i++) {
        uint8_t byte = decoder->bytes[decoder->used++];
        buffer[(*n)++] = NOT_TEXT;
        buffer[(*n)++] = (uint8_t)digits[byte >> 4];
        buffer[(*n)++] = (uint8_t)digits[byte & 15];
    }
}

static size_t take_iconv(sheaf__decoder *decoder, uint8_t *buffer, size_t capacity)
{
    size_t n = 0;
    while (decoder->used < decoder->n_bytes && capacity - n >= SHEAF__DECODED_MIN) {
        char *from = (char *)decoder->bytes + decoder->used;
        char *to = (char *)buffer + n;
        size_t n_from = decoder->n_bytes - decoder->used;
        size_t n_to = capacity - n;
        size_t result = iconv(decoder->iconv, &from, &n_from, &to, &n_to);
        int reason = errno;
        decoder->used = decoder->n_bytes - n_from;
        n = capacity - n_to;
        if (result != (size_t)-1 || reason == E2BIG)
            continue;
        if (reason == EINVAL && !decoder->at_end && n_from < CHARACTER_MAX)
            break; /* the rest of a character is still to come */
        if (capacity - n >= NOT_TEXT_BYTES)
            pass_over(decoder, buffer, &n);
    }
    return n;
}

size_t sheaf__decoder_take(sheaf__decoder *decoder, uint8_t *buffer, size_t capacity)
{
    return decoder->encoding == SHEAF__ENCODING_WINDOWS_1252
               ? take_windows_1252(decoder, buffer, capacity)
               : take_iconv(decoder, buffer, capacity);
}
