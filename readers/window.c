/* The sliding buffer of a reader: see window.h. */
#include "readers/window.h"

#include <stdlib.h>
#include <string.h>

sheaf_status sheaf__window_init(sheaf__window *window)
{
    if (window->bytes)
        return SHEAF_OK;
    window->bytes = malloc(SHEAF__WINDOW_BYTES);
    window->capacity = window->bytes ? SHEAF__WINDOW_BYTES : 0;
    return window->bytes ? SHEAF_OK : SHEAF_ENOMEM;
}

void sheaf__window_end(sheaf__window *window)
{
    free(window->bytes);
    *window = (sheaf__window){0};
}

void sheaf__window_reset(sheaf__window *window)
{
    uint8_t *bytes = window->bytes;
    size_t capacity = window->capacity;
    if (capacity > SHEAF__WINDOW_BYTES) {
        free(bytes);
        bytes = NULL;
        capacity = 0;
    }
    *window = (sheaf__window){.bytes = bytes, .capacity = capacity};
}

/* True in the bytes of a word that are zero, and only if there are any (Hacker's Delight, 6-1). */
static uint64_t zero_bytes(uint64_t word)
{
    return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

/*
 * The first CR or LF in n bytes, or n. One pass for both: a file may have only the one, or only the
 * other.
 */
static size_t find_line_end(const uint8_t *bytes, size_t n)
{
    size_t i = 0;
    for (uint64_t word; n - i >= sizeof word; i += sizeof word) {
        memcpy(&word, bytes + i, sizeof word);
        if (zero_bytes(word ^ UINT64_C(0x0A0A0A0A0A0A0A0A)) |
            zero_bytes(word ^ UINT64_C(0x0D0D0D0D0D0D0D0D)))
            break;
    }
    while (i < n && bytes[i] != '\n' && bytes[i] != '\r')
        i++;
    return i;
}

bool sheaf__window_find_line(sheaf__window *window, size_t *line_end)
{
    size_t n_bytes = window->end - window->searched;
    size_t at = window->searched + find_line_end(window->bytes + window->searched, n_bytes);
    window->searched = at;
    *line_end = at;
    if (at == window->end)
        return window->at_end;
    if (window->bytes[at] == '\r') {
        if (at + 1 == window->end && !window->at_end)
            return false; /* the next byte may be the LF of this CR */
        if (at + 1 < window->end && window->bytes[at + 1] == '\n')
            at++;
    }
    *line_end = at + 1;
    return true;
}

static sheaf_status grow(sheaf__window *window)
{
    if (window->capacity > SIZE_MAX / 2)
        return SHEAF_ENOMEM;
    uint8_t *bytes = realloc(window->bytes, window->capacity * 2);
    if (!bytes)
        return SHEAF_ENOMEM;
    window->bytes = bytes;
    window->capacity *= 2;
    return SHEAF_OK;
}

/* A giant record made it large, and is behind: what comes now has its place in the cache again. */
static void shrink(sheaf__window *window)
{
    uint8_t *bytes = malloc(SHEAF__WINDOW_BYTES);
    if (!bytes)
        return;
    memcpy(bytes, window->bytes, window->end);
    free(window->bytes);
    window->bytes = bytes;
    window->capacity = SHEAF__WINDOW_BYTES;
}

sheaf_status sheaf__window_make_room(sheaf__window *window)
{
    if (window->record > 0) {
        size_t given_up = window->record;
        memmove(window->bytes, window->bytes + given_up, window->end - given_up);
        window->base_bytes += given_up;
        window->record = 0;
        window->line -= given_up;
        window->searched -= given_up;
        window->end -= given_up;
        if (window->capacity > SHEAF__WINDOW_BYTES && window->end < SHEAF__WINDOW_BYTES / 2)
            shrink(window);
    }
    return window->capacity - window->end >= SHEAF__WINDOW_ROOM_MIN ? SHEAF_OK : grow(window);
}

size_t sheaf__window_line_end(const sheaf__window *window, size_t line_end, bool *lone_cr)
{
    *lone_cr = false;
    if (line_end == window->line)
        return 0;
    uint8_t last = window->bytes[line_end - 1];
    if (last == '\r') {
        *lone_cr = true;
        return 1;
    }
    if (last != '\n')
        return 0;
    return line_end - window->line >= 2 && window->bytes[line_end - 2] == '\r' ? 2 : 1;
}
