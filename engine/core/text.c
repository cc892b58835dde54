/*
 * Escaping for terminals and for JSON: <sheaf/text.h>.
 *
 * Both are one loop over UTF-8 sequences; a function for each says what a sequence becomes. A sink
 * counts every byte but writes only what fits, whole pieces or nothing, so that no escape is ever
 * cut.
 */
#include <sheaf/text.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "engine/core/text.h"
#include "engine/core/utf8.h"

typedef struct writer {
    char *text;
    size_t size;
    size_t total;
    bool full;
} writer;

static void put(writer *out, const char *piece, size_t n_bytes)
{
    if (!out->full && out->total + n_bytes < out->size) {
        memcpy(out->text + out->total, piece, n_bytes);
    } else if (!out->full) {
        out->full = true;
        if (out->size > 0)
            out->text[out->total] = '\0';
    }
    out->total += n_bytes;
}

static void put_format(writer *out, const char *format, unsigned value)
{
    char piece[16];
    int n = snprintf(piece, sizeof piece, format, value);
    put(out, piece, (size_t)n);
}

/* Characters that show nothing, break the line, or turn the direction of the text around them. */
static bool deceives(uint32_t c)
{
    return (c >= 0x80 && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF ||
           c == 0x061C || (c >= 0xE0000 && c <= 0xE007F);
}

static void put_clean(writer *out, const char *bytes, size_t length, uint32_t c)
{
    if (length == 0)
        put_format(out, "\\x%02x", (uint8_t)bytes[0]);
    else if (c == '\n')
        put(out, "\\n", 2);
    else if (c == '\r')
        put(out, "\\r", 2);
    else if (c == '\t')
        put(out, "\\t", 2);
    else if (c < 0x20 || c == 0x7F)
        put_format(out, "\\x%02x", c);
    else if (deceives(c))
        put_format(out, "\\u{%04x}", c);
    else
        put(out, bytes, length);
}

static void put_terminal(writer *out, const char *bytes, size_t length, uint32_t c)
{
    if (length == 1 && c == '\\')
        put(out, "\\\\", 2);
    else
        put_clean(out, bytes, length, c);
}

static void put_json(writer *out, const char *bytes, size_t length, uint32_t c)
{
    static const char *const short_forms[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    if (length == 0)
        put_format(out, "\\udc%02x", (uint8_t)bytes[0]);
    else if (c == '"')
        put(out, "\\\"", 2);
    else if (c == '\\')
        put(out, "\\\\", 2);
    else if (c < 0x20 && short_forms[c])
        put(out, short_forms[c], 2);
    else if (c < 0x20 || c == 0x7F)
        put_format(out, "\\u%04x", c);
    else
        put(out, bytes, length);
}

static size_t escape(const char *bytes, size_t n_bytes, char *text, size_t size,
                     void (*put_sequence)(writer *, const char *, size_t, uint32_t))
{
    writer out = {.text = text, .size = size};
    for (size_t i = 0; i < n_bytes;) {
        uint32_t c = 0;
        size_t length = sheaf__utf8_decode((const uint8_t *)bytes + i, n_bytes - i, &c);
        put_sequence(&out, bytes + i, length, c);
        i += length > 0 ? length : 1;
    }
    if (!out.full && size > 0)
        text[out.total] = '\0';
    return out.total;
}

size_t sheaf_text_escape(const char *bytes, size_t n_bytes, char *text, size_t size)
{
    return escape(bytes, n_bytes, text, size, put_terminal);
}

size_t sheaf__text_clean(const char *bytes, size_t n_bytes, char *text, size_t size)
{
    return escape(bytes, n_bytes, text, size, put_clean);
}

void sheaf__text_escape_begin(const char *bytes, size_t n_bytes, char *text, size_t size)
{
    /* A byte makes one at least; half a sequence at the end makes more than there is room for. */
    (void)sheaf_text_escape(bytes, n_bytes < size ? n_bytes : size, text, size);
}

void sheaf__text_escape_end(const char *bytes, size_t n_bytes, char *text, size_t size)
{
    static const char dots[] = "...";
    size_t n_dots = 0;
    size_t n_text = sheaf_text_escape(bytes, n_bytes, NULL, 0);
    while (n_dots + n_text >= size) {
        uint32_t c;
        size_t length = sheaf__utf8_decode((const uint8_t *)bytes, n_bytes, &c);
        length = length > 0 ? length : 1;
        n_text -= sheaf_text_escape(bytes, length, NULL, 0);
        n_dots = sizeof dots - 1;
        bytes += length;
        n_bytes -= length;
    }
    memcpy(text, dots, n_dots);
    sheaf_text_escape(bytes, n_bytes, text + n_dots, size - n_dots);
}

size_t sheaf_text_json(const char *bytes, size_t n_bytes, char *text, size_t size)
{
    return escape(bytes, n_bytes, text, size, put_json);
}
