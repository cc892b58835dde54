/*
 * Keys of names: see match.h.
 *
 * Letters are the C library's: it has Unicode's simple mappings, whatever locale the user has
 * chosen, in a locale that is the same everywhere. Another library for that (libunistring) would be
 * two megabytes for two functions; full case folding, which makes "ss" of a sharp s, is not wanted:
 * names get no longer by it. To upper case and then to lower is what brings together letters of
 * which one case has two forms: final and medial sigma, the micro sign and mu, long s and s.
 */
#include "engine/table/match.h"

#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <wctype.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static locale_t unicode; /* const after `once`; lives as long as the process */
static int why_not;      /* the same: there is none */

static void make_locale(void)
{
    errno = 0;
    unicode = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    why_not = errno;
}

sheaf_status sheaf__match_check(sheaf_match match, sheaf_error *err)
{
    pthread_once(&once, make_locale);
    if (match == SHEAF_MATCH_EXACT || unicode)
        return SHEAF_OK;
    if (why_not == ENOMEM)
        return sheaf__error_memory(err, "the letters of names");
    sheaf_error_set(err, SHEAF_EINVAL,
                    "names cannot be matched without regard to case here: the C "
                    "library has no locale C.UTF-8");
    sheaf_error_hint(err, "install it (Debian: libc-bin has it), or match names exactly");
    return SHEAF_EINVAL;
}

static uint32_t fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if (!unicode)
        return c;
    return (uint32_t)towlower_l((wint_t)towupper_l((wint_t)c, unicode), unicode);
}

/* Blanks and punctuation that LOOSE passes over. */
static bool is_loose(uint32_t c)
{
    if (c < 0x80)
        return c <= ' ' || c == 0x7F || strchr("_-.,;:!?/\\'\"`()[]{}", (int)c) != NULL;
    return c == 0xA0 || c == 0xAD || (c >= 0x2000 && c <= 0x206F) || c == 0x3000 || c == 0xFEFF;
}

static char *put(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (c & 0x3F));
    return to;
}

/* From *at on, what there surely is room for. */
static size_t write_some(const char *name, size_t n_bytes, size_t *at, bool loose, char *key,
                         size_t size)
{
    enum { LONGEST = 4 };
    char *to = key;
    while (*at < n_bytes && (size_t)(to - key) + LONGEST <= size) {
        uint32_t c;
        size_t n = sheaf__utf8_decode((const uint8_t *)name + *at, n_bytes - *at, &c);
        if (n == 0) /* what is no text matches itself */
            *to++ = name[*at];
        else if (!loose || !is_loose(c))
            to = put(to, fold(c));
        *at += n > 0 ? n : 1;
    }
    return (size_t)(to - key);
}

static size_t write_key(const char *name, size_t n_bytes, bool loose, char *key)
{
    size_t at = 0;
    return write_some(name, n_bytes, &at, loose, key, SIZE_MAX);
}

size_t sheaf__match_key(sheaf_match match, const char *name, size_t n_bytes, char *key)
{
    if (match == SHEAF_MATCH_EXACT) {
        if (n_bytes > 0)
            memcpy(key, name, n_bytes);
        return n_bytes;
    }
    pthread_once(&once, make_locale); /* in a worker process nobody has checked */
    size_t n = match == SHEAF_MATCH_LOOSE ? write_key(name, n_bytes, true, key) : 0;
    return n > 0 ? n : write_key(name, n_bytes, false, key); /* "--" and "__" are two names */
}

sheaf_match sheaf__match_begin(sheaf_match match, const char *name, size_t n_bytes)
{
    char key[SHEAF__KEY_PIECE_BYTES];
    size_t at = 0;
    size_t n = 0;
    if (match != SHEAF_MATCH_LOOSE)
        return match;
    while (at < n_bytes && n == 0)
        n = sheaf__match_piece(match, name, n_bytes, &at, key);
    return n > 0 ? match : SHEAF_MATCH_NOCASE;
}

size_t sheaf__match_piece(sheaf_match match, const char *name, size_t n_bytes, size_t *at,
                          char *key)
{
    pthread_once(&once, make_locale);
    return write_some(name, n_bytes, at, match == SHEAF_MATCH_LOOSE, key, SHEAF__KEY_PIECE_BYTES);
}
