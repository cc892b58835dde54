/*
 * A hash table with open addressing over an array of names: see names.h.
 *
 * Hashing is FNV-1a: names are short, and a table of a million columns is hashed once per header.
 */
#include "engine/table/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/table/match.h"

void sheaf__names_init(sheaf__names *names, sheaf_arena *arena)
{
    *names = (sheaf__names){.arena = arena};
}

void sheaf__names_init_matched(sheaf__names *names, sheaf_arena *arena, sheaf_match match)
{
    *names = (sheaf__names){.arena = arena, .match = match};
}

void sheaf__names_end(sheaf__names *names)
{
    free(names->items);
    free(names->slots);
    *names = (sheaf__names){0};
}

#define HASH_BEGIN UINT64_C(0xcbf29ce484222325)

static uint64_t hash_more(uint64_t hash, const char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_end(uint64_t hash)
{
    return hash ^ hash >> 32;
}

static uint64_t hash_of(const char *bytes, size_t n_bytes)
{
    return hash_end(hash_more(HASH_BEGIN, bytes, n_bytes));
}

/* The key of a name that is looked for. */
typedef struct key {
    const char *bytes; /* NULL: no memory */
    size_t n_bytes;
    char *heap; /* of a long one */
    char stack[SHEAF__KEY_PIECE_BYTES];
} key;

static bool is_long(size_t n_bytes)
{
    return n_bytes > SHEAF__KEY_PIECE_BYTES / SHEAF__KEY_GROWTH;
}

static void key_make(key *made, const sheaf__names *names, const char *bytes, size_t n_bytes)
{
    made->heap = NULL;
    made->bytes = bytes;
    made->n_bytes = n_bytes;
    if (names->match == SHEAF_MATCH_EXACT)
        return;
    char *to = made->stack;
    if (is_long(n_bytes))
        to = made->heap = malloc(n_bytes * SHEAF__KEY_GROWTH);
    made->bytes = to;
    if (to)
        made->n_bytes = sheaf__match_key(names->match, bytes, n_bytes, to);
}

/* The slot that holds the key, or the free one where it belongs. */
static uint32_t *slot_of(const sheaf__names *names, const char *bytes, size_t n_bytes)
{
    size_t mask = names->n_slots - 1;
    for (size_t i = hash_of(bytes, n_bytes) & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &names->slots[i];
        if (*slot == 0)
            return slot;
        const sheaf__name *item = &names->items[*slot - 1];
        if (item->n_key == n_bytes && (n_bytes == 0 || memcmp(item->key, bytes, n_bytes) == 0))
            return slot;
    }
}

/* Whether the item's key is that of a long name. */
static bool is_key_of(const sheaf__name *item, sheaf_match match, const char *bytes, size_t n_bytes)
{
    char piece[SHEAF__KEY_PIECE_BYTES];
    size_t n_same = 0;
    for (size_t at = 0; at < n_bytes;) {
        size_t n = sheaf__match_piece(match, bytes, n_bytes, &at, piece);
        if (n > item->n_key - n_same || memcmp(item->key + n_same, piece, n) != 0)
            return false;
        n_same += n;
    }
    return n_same == item->n_key;
}

/* A name whose key does not fit on the stack: what is looked for must be found without memory. */
static uint32_t find_long(const sheaf__names *names, const char *bytes, size_t n_bytes)
{
    char piece[SHEAF__KEY_PIECE_BYTES];
    uint64_t hash = HASH_BEGIN;
    size_t mask = names->n_slots - 1;
    sheaf_match match = sheaf__match_begin(names->match, bytes, n_bytes);
    for (size_t at = 0; at < n_bytes;) {
        size_t n = sheaf__match_piece(match, bytes, n_bytes, &at, piece);
        hash = hash_more(hash, piece, n);
    }
    for (size_t i = hash_end(hash) & mask; names->slots[i] > 0; i = (i + 1) & mask)
        if (is_key_of(&names->items[names->slots[i] - 1], match, bytes, n_bytes))
            return names->slots[i] - 1;
    return SHEAF__NO_NAME;
}

uint32_t sheaf__names_find(const sheaf__names *names, const char *bytes, size_t n_bytes)
{
    key wanted;
    if (names->n_slots == 0)
        return SHEAF__NO_NAME;
    if (names->match != SHEAF_MATCH_EXACT && is_long(n_bytes))
        return find_long(names, bytes, n_bytes);
    key_make(&wanted, names, bytes, n_bytes);
    uint32_t held = *slot_of(names, wanted.bytes, wanted.n_bytes);
    return held > 0 ? held - 1 : SHEAF__NO_NAME;
}

static bool grow_slots(sheaf__names *names)
{
    size_t n_slots = names->n_slots > 0 ? names->n_slots * 2 : 64;
    uint32_t *slots = calloc(n_slots, sizeof *slots);
    if (!slots)
        return false;
    free(names->slots);
    names->slots = slots;
    names->n_slots = n_slots;
    for (size_t i = 0; i < names->n_items; i++)
        *slot_of(names, names->items[i].key, names->items[i].n_key) = (uint32_t)i + 1;
    return true;
}

static bool grow_items(sheaf__names *names)
{
    size_t capacity = names->items_capacity > 0 ? names->items_capacity * 2 : 32;
    if (capacity > UINT32_MAX / 2)
        return false;
    sheaf__name *items = realloc(names->items, capacity * sizeof *items);
    if (!items)
        return false;
    names->items = items;
    names->items_capacity = capacity;
    return true;
}

/* A new name, in the slot where its key belongs. False: no memory. */
static bool append(sheaf__names *names, const char *bytes, size_t n_bytes, const key *made,
                   uint32_t *slot)
{
    if (names->n_items == names->items_capacity && !grow_items(names))
        return false;
    const char *copy = sheaf__arena_copy(names->arena, bytes, n_bytes);
    const char *own_key = names->match == SHEAF_MATCH_EXACT
                              ? copy
                              : sheaf__arena_copy(names->arena, made->bytes, made->n_bytes);
    if (!copy || !own_key)
        return false;
    names->items[names->n_items++] = (sheaf__name){
        .bytes = copy, .n_bytes = n_bytes, .key = own_key, .n_key = made->n_bytes};
    *slot = (uint32_t)names->n_items;
    return true;
}

uint32_t sheaf__names_add(sheaf__names *names, const char *bytes, size_t n_bytes, bool *added)
{
    key made;
    if (added)
        *added = false;
    if ((names->n_items + 1) * 2 > names->n_slots && !grow_slots(names))
        return SHEAF__NO_NAME;
    key_make(&made, names, bytes, n_bytes);
    if (!made.bytes && n_bytes > 0)
        return SHEAF__NO_NAME;
    uint32_t *slot = slot_of(names, made.bytes, made.n_bytes);
    if (*slot == 0 && append(names, bytes, n_bytes, &made, slot) && added)
        *added = true;
    free(made.heap);
    return *slot > 0 ? *slot - 1 : SHEAF__NO_NAME;
}

static bool is_free(const sheaf__names *names, const sheaf__names *avoid, const char *bytes,
                    size_t n_bytes)
{
    return sheaf__names_find(names, bytes, n_bytes) == SHEAF__NO_NAME &&
           (!avoid || sheaf__names_find(avoid, bytes, n_bytes) == SHEAF__NO_NAME);
}

/* The name of which there are more than one, in either set, or NULL. */
static sheaf__name *base_of(sheaf__names *names, sheaf__names *avoid, const char *bytes,
                            size_t n_bytes)
{
    uint32_t index = sheaf__names_find(names, bytes, n_bytes);
    if (index != SHEAF__NO_NAME)
        return &names->items[index];
    index = avoid ? sheaf__names_find(avoid, bytes, n_bytes) : SHEAF__NO_NAME;
    return index != SHEAF__NO_NAME ? &avoid->items[index] : NULL;
}

uint32_t sheaf__names_add_unique(sheaf__names *names, const char *bytes, size_t n_bytes,
                                 sheaf__names *avoid)
{
    if (is_free(names, avoid, bytes, n_bytes))
        return sheaf__names_add(names, bytes, n_bytes, NULL);
    enum { SUFFIX_MAX = 24 };
    char *spelling = malloc(n_bytes + SUFFIX_MAX);
    if (!spelling)
        return SHEAF__NO_NAME;
    if (n_bytes > 0)
        memcpy(spelling, bytes, n_bytes);
    /*
     * Numbering goes on where it stopped, or a million columns of one name would cost their square.
     */
    sheaf__name *base = base_of(names, avoid, bytes, n_bytes);
    uint32_t number = base ? base->next_number : 0;
    size_t n_spelling;
    if (number < 2)
        number = 2;
    do {
        n_spelling = n_bytes + (size_t)snprintf(spelling + n_bytes, SUFFIX_MAX, "_%u", number++);
    } while (!is_free(names, avoid, spelling, n_spelling));
    if (base)
        base->next_number = number;
    uint32_t index = sheaf__names_add(names, spelling, n_spelling, NULL);
    free(spelling);
    return index;
}

size_t sheaf__name_write(const char *bytes, size_t n_bytes, char *to)
{
    char *at = to;
    for (size_t i = 0; i < n_bytes; i++) {
        if (bytes[i])
            *at++ = bytes[i];
        else
            at = stpcpy(at, "\xE2\x90\x80");
    }
    *at = '\0';
    return (size_t)(at - to);
}
