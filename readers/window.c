/* The sliding buffer of a reader: see window.h. */
#include "readers/window.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 256 << 10 };

sheaf_status sheaf__window_init(sheaf__window *window)
{
    if (window->bytes)
        return SHEAF_OK;
    window->bytes = malloc(CAPACITY);
    window->capacity = window->bytes ? CAPACITY : 0;
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
    if (capacity > CAPACITY) {
        free(bytes);
        bytes = NULL;
        capacity = 0;
    }
    *window = (sheaf__window){.bytes = bytes, .capacity = capacity};
}

bool sheaf__window_find_line(sheaf__window *window, size_t *line_end)
{
    const uint8_t *from = window->bytes + window->searched;
    size_t n_bytes = window->end - window->searched;
    const uint8_t *lf = memchr(from, '\n', n_bytes);
    const uint8_t *cr = memchr(from, '\r', lf ? (size_t)(lf - from) : n_bytes);
    if (cr) {
        size_t behind = (size_t)(cr - window->bytes) + 1;
        if (behind == window->end && !window->at_end) {
            window->searched = behind - 1; /* the next byte may be the LF of this CR */
            return false;
        }
        *line_end = behind + (behind < window->end && window->bytes[behind] == '\n');
        return true;
    }
    if (lf) {
        *line_end = (size_t)(lf - window->bytes) + 1;
        return true;
    }
    window->searched = window->end;
    *line_end = window->end;
    return window->at_end;
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
    }
    return window->end < window->capacity ? SHEAF_OK : grow(window);
}
