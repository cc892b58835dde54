/*
 * Bytes that grow: what a writer of a binary format puts together before it is placed. A failure to
 * find memory is kept, as stdio does: after it nothing is put, and whoever has the bytes in the end
 * asks `failed` once.
 */
#ifndef SHEAF_SINKS_BYTES_H
#define SHEAF_SINKS_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct sheaf__bytes {
    uint8_t *items;
    size_t n;
    size_t capacity;
    bool failed;
} sheaf__bytes;

/* Room for so many more; false: there is none. */
static inline bool sheaf__bytes_reserve(sheaf__bytes *bytes, size_t more)
{
    if (bytes->failed)
        return false;
    if (more <= bytes->capacity - bytes->n)
        return true;
    size_t capacity = bytes->capacity * 2;
    if (capacity < bytes->n + more)
        capacity = bytes->n + more;
    uint8_t *grown = capacity > bytes->n ? realloc(bytes->items, capacity) : NULL;
    bytes->failed = !grown;
    if (!grown)
        return false;
    bytes->items = grown;
    bytes->capacity = capacity;
    return true;
}

/* So many more, of which nothing is known yet; NULL: there is no memory. */
static inline uint8_t *sheaf__bytes_add(sheaf__bytes *bytes, size_t more)
{
    if (!sheaf__bytes_reserve(bytes, more))
        return NULL;
    uint8_t *added = bytes->items + bytes->n;
    bytes->n += more;
    return added;
}

static inline void sheaf__bytes_put(sheaf__bytes *bytes, const void *from, size_t n)
{
    uint8_t *to = sheaf__bytes_add(bytes, n);
    if (to && n > 0)
        memcpy(to, from, n);
}

static inline void sheaf__bytes_put_byte(sheaf__bytes *bytes, uint8_t byte)
{
    sheaf__bytes_put(bytes, &byte, 1);
}

static inline void sheaf__bytes_end(sheaf__bytes *bytes)
{
    free(bytes->items);
    *bytes = (sheaf__bytes){0};
}

#endif
