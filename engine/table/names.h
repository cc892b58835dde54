/*
 * An ordered set of names: each has an index, the order of its first coming, and is found by its
 * bytes, or without regard to its case, as the set's match says (match.h).
 *
 * Names are pointer and length: they may hold NUL bytes. Two names that match are one, spelled as
 * the first that came.
 */
#ifndef SHEAF_TABLE_NAMES_H
#define SHEAF_TABLE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/schema.h>

#include "engine/core/arena.h"

typedef struct sheaf__name {
    const char *bytes; /* a NUL behind it, not counted */
    size_t n_bytes;
    const char *key; /* by which it is found; of an exact match, its bytes */
    size_t n_key;
    uint32_t next_number; /* for the next column that would like this name; 0 = none came yet */
} sheaf__name;

typedef struct sheaf__names {
    sheaf_arena *arena; /* holds the bytes; not owned */
    sheaf_match match;
    sheaf__name *items;
    size_t n_items;
    size_t items_capacity;
    uint32_t *slots; /* index + 1, 0 = free; n_slots is a power of two, never more than half full */
    size_t n_slots;
} sheaf__names;

#define SHEAF__NO_NAME UINT32_MAX

void sheaf__names_init(sheaf__names *names, sheaf_arena *arena);
void sheaf__names_init_matched(sheaf__names *names, sheaf_arena *arena, sheaf_match match);
void sheaf__names_end(sheaf__names *names);

/*
 * Write a name for whoever ends one at a NUL byte: that becomes U+2400, SYMBOL FOR NULL. `to` has
 * room for three times its bytes and one more.
 *
 * Returns    the number of bytes, without the NUL behind them.
 */
size_t sheaf__name_write(const char *bytes, size_t n_bytes, char *to);

/* The index of a name, or SHEAF__NO_NAME. It needs no memory. */
uint32_t sheaf__names_find(const sheaf__names *names, const char *bytes, size_t n_bytes);

/*
 * The index of a name, which is added if it is new (then *added, which may be NULL, is true).
 *
 * Returns    SHEAF__NO_NAME when there is no memory.
 */
uint32_t sheaf__names_add(sheaf__names *names, const char *bytes, size_t n_bytes, bool *added);

/*
 * Add a name under the first spelling that is free in this set and in `avoid` (may be NULL):
 * itself, then "name_2", "name_3", ... Both sets have the same match.
 *
 * Returns    the new index; SHEAF__NO_NAME when there is no memory.
 */
uint32_t sheaf__names_add_unique(sheaf__names *names, const char *bytes, size_t n_bytes,
                                 sheaf__names *avoid);

#endif
