/* A line of JSON: see json_line.h. Texts are decoded in place, where they only get shorter. */
#include "engine/ledger/json_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct cursor {
    char *at;
    char *end; /* a NUL stands there */
} cursor;

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\r' || *c->at == '\n'))
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_blanks(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

/* Four hexadecimal digits. */
static bool take_unit(cursor *c, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        static const char digits[] = "0123456789abcdef";
        if (c->at == c->end || !*c->at)
            return false;
        const char *digit = strchr(digits, *c->at >= 'A' && *c->at <= 'F' ? *c->at + 32 : *c->at);
        if (!digit)
            return false;
        *unit = *unit << 4 | (uint32_t)(digit - digits);
    }
    return true;
}

static char *put_utf8(char *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (char)point;
    } else if (point < 0x800) {
        *to++ = (char)(0xC0 | point >> 6);
        *to++ = (char)(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
        *to++ = (char)(0xE0 | point >> 12);
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    } else {
        *to++ = (char)(0xF0 | point >> 18);
        *to++ = (char)(0x80 | (point >> 12 & 0x3F));
        *to++ = (char)(0x80 | (point >> 6 & 0x3F));
        *to++ = (char)(0x80 | (point & 0x3F));
    }
    return to;
}

/* Behind "\u": a character, or a byte. */
static char *take_escaped_unit(cursor *c, char *to)
{
    uint32_t unit;
    uint32_t low;
    if (!take_unit(c, &unit))
        return NULL;
    if (unit >= 0xDC80 && unit <= 0xDCFF) {
        *to++ = (char)(unit & 0xFF);
        return to;
    }
    if (unit < 0xD800 || unit > 0xDFFF)
        return put_utf8(to, unit);
    if (unit > 0xDBFF || c->end - c->at < 2 || c->at[0] != '\\' || c->at[1] != 'u')
        return NULL;
    c->at += 2;
    if (!take_unit(c, &low) || low < 0xDC00 || low > 0xDFFF)
        return NULL;
    return put_utf8(to, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
}

static char *take_escape(cursor *c, char *to)
{
    static const char names[] = "\"\\/bfnrt";
    static const char bytes[] = "\"\\/\b\f\n\r\t";
    if (c->at == c->end || !*c->at)
        return NULL;
    char name = *c->at++;
    if (name == 'u')
        return take_escaped_unit(c, to);
    const char *known = strchr(names, name);
    if (!known)
        return NULL;
    *to++ = bytes[known - names];
    return to;
}

static bool take_text(cursor *c, const char **text, size_t *n_text)
{
    if (!take(c, '"'))
        return false;
    char *begin = c->at;
    char *to = c->at;
    while (c->at < c->end && *c->at != '"') {
        char byte = *c->at++;
        if (byte != '\\')
            *to++ = byte;
        else if ((to = take_escape(c, to)) == NULL)
            return false;
    }
    if (c->at == c->end)
        return false;
    c->at++;
    *to = '\0'; /* the quote stood behind it, if nothing was escaped */
    *text = begin;
    *n_text = (size_t)(to - begin);
    return true;
}

static bool take_word(cursor *c, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(c->end - c->at) < n || memcmp(c->at, word, n) != 0)
        return false;
    c->at += n;
    return true;
}

static bool take_value(cursor *c, sheaf__json_member *member)
{
    skip_blanks(c);
    if (c->at < c->end && *c->at == '"')
        return take_text(c, &member->text, &member->n_text);
    if (take_word(c, "null")) {
        member->is_null = true;
        return true;
    }
    if (take_word(c, "true")) {
        member->number = 1;
        return true;
    }
    if (take_word(c, "false"))
        return true;
    char *end;
    errno = 0;
    bool is_number = c->at < c->end && (*c->at == '-' || (*c->at >= '0' && *c->at <= '9'));
    member->number = strtoll(c->at, &end, 10);
    is_number = is_number && errno == 0 && end > c->at;
    c->at = end;
    return is_number;
}

bool sheaf__json_line(char *line, size_t n_bytes,
                      bool (*on_member)(void *context, const sheaf__json_member *member),
                      void *context)
{
    cursor c = {line, line + n_bytes};
    bool is_good = take(&c, '{');
    if (is_good && take(&c, '}'))
        return skip_blanks(&c), c.at == c.end;
    while (is_good) {
        sheaf__json_member member = {0};
        size_t n_name;
        is_good = take_text(&c, &member.name, &n_name) && take(&c, ':') &&
                  take_value(&c, &member) && on_member(context, &member);
        if (is_good && take(&c, '}'))
            return skip_blanks(&c), c.at == c.end;
        is_good = is_good && take(&c, ',');
    }
    return false;
}
