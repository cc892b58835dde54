/* UTF-8 decoding and validation: see utf8.h. Runs of ASCII are passed eight bytes at a time. */
#include "engine/core/utf8.h"

#include <stdio.h>
#include <string.h>

size_t sheaf__utf8_decode(const uint8_t *bytes, size_t n_bytes, uint32_t *code_point)
{
    uint8_t lead = bytes[0];
    if (lead < 0x80) {
        *code_point = lead;
        return 1;
    }
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || n_bytes < length)
        return 0;
    /*
     * The second byte carries every special case of the table: overlong forms, surrogates, the
     * upper end.
     */
    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    uint32_t value = (uint32_t)(lead & (0x7F >> length)) << 6 | (bytes[1] & 0x3F);
    for (size_t i = 2; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *code_point = value;
    return length;
}

bool sheaf__utf8_valid(const uint8_t *bytes, size_t n_bytes)
{
    return sheaf__utf8_valid_prefix(bytes, n_bytes) == n_bytes;
}

size_t sheaf__utf8_valid_prefix(const uint8_t *bytes, size_t n_bytes)
{
    size_t i = 0;
    while (i < n_bytes) {
        uint64_t eight;
        if (n_bytes - i >= sizeof eight) {
            memcpy(&eight, bytes + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        uint32_t code_point;
        size_t length = sheaf__utf8_decode(bytes + i, n_bytes - i, &code_point);
        if (length == 0)
            return i;
        i += length;
    }
    return n_bytes;
}

const char *sheaf__utf8_of_path(const char *path, sheaf_arena *arena)
{
    size_t n_bytes = strlen(path);
    if (sheaf__utf8_valid((const uint8_t *)path, n_bytes))
        return path;
    char *text = sheaf_arena_new(arena, char, n_bytes * 4 + 1);
    char *to = text;
    for (size_t at = 0, n; text && at < n_bytes; at += n) {
        uint32_t ignored;
        n = sheaf__utf8_decode((const uint8_t *)path + at, n_bytes - at, &ignored);
        if (n > 0) {
            memcpy(to, path + at, n);
            to += n;
        } else {
            to += sprintf(to, "\\x%02x", (unsigned)(uint8_t)path[at]);
            n = 1;
        }
    }
    if (text)
        *to = '\0';
    return text;
}
