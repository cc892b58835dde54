/* Numbers for values, by a hash table with open addressing: see dictionary.h. */
#include "engine/sinks/parquet/dictionary.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 1024,        /* values between two looks at whether it is worth it */
    WORTH_SHARE = 4,     /* a quarter of what was seen may be new */
    EARLY = 8192,        /* and so many more, as long as most may come again */
    NUMBERS_MAX = 32768, /* more of them do not stay in the cache */
    SLOTS_BITS_MIN = 12, /* room for a block, and half of it free */
    STEPS_MAX = 128
};

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15) /* the golden ratio's fraction */
#define OTHER UINT64_C(0xD6E8FEB86659FD93)

#define NUMBER_MASK UINT64_C(0xFFFFFFFF)

__extension__ typedef unsigned __int128 uint128;

void sheaf__dictionary_end(sheaf__dictionary *dictionary)
{
    free(dictionary->indexes);
    free(dictionary->firsts);
    free(dictionary->hashes);
    free(dictionary->slots);
    *dictionary = (sheaf__dictionary){0};
}

/* ---- room ---- */

static size_t numbers_max(size_t n_values, size_t n_more)
{
    size_t max = n_more + n_values / WORTH_SHARE;
    return max < NUMBERS_MAX ? max : NUMBERS_MAX;
}

static bool resize(void *pointer, size_t n_bytes)
{
    void *old;
    memcpy(&old, pointer, sizeof old);
    free(old);
    void *made = malloc(n_bytes);
    memcpy(pointer, &made, sizeof made);
    return made != NULL;
}

static bool make_room(sheaf__dictionary *dictionary, size_t n, size_t n_slots)
{
    if (n > dictionary->indexes_capacity) {
        dictionary->indexes_capacity = 0;
        if (!resize(&dictionary->indexes, n * sizeof *dictionary->indexes))
            return false;
        dictionary->indexes_capacity = n;
    }
    if (n_slots > dictionary->slots_capacity) {
        dictionary->slots_capacity = 0;
        if (!resize(&dictionary->slots, n_slots * sizeof *dictionary->slots) ||
            !resize(&dictionary->firsts, n_slots / 2 * sizeof *dictionary->firsts) ||
            !resize(&dictionary->hashes, n_slots / 2 * sizeof *dictionary->hashes))
            return false;
        dictionary->slots_capacity = n_slots;
    }
    return true;
}

/* The fewest bits of a hash by which a table has room for n numbers and half of it is free. */
static unsigned bits_for(size_t n, unsigned bits)
{
    while ((size_t)1 << bits < 2 * n)
        bits++;
    return bits;
}

static void clear_slots(sheaf__dictionary *dictionary, unsigned bits)
{
    dictionary->shift = 64 - bits;
    memset(dictionary->slots, 0, sizeof *dictionary->slots << bits);
}

/* Empty tables for n values: a small one first, since most columns have few that differ. */
static bool begin(sheaf__dictionary *dictionary, size_t n)
{
    unsigned bits = bits_for(numbers_max(n, EARLY) + BLOCK, SLOTS_BITS_MIN);
    dictionary->n = 0;
    dictionary->failed = !make_room(dictionary, n, (size_t)1 << bits);
    if (dictionary->failed)
        return false;
    clear_slots(dictionary, SLOTS_BITS_MIN);
    return true;
}

static bool is_worth_it(const sheaf__dictionary *dictionary, size_t n_seen, size_t n_all)
{
    return dictionary->n <= numbers_max(n_seen, n_seen < n_all ? EARLY : BLOCK);
}

/* Make room for the next block. False: there are too many steps to a value. */
static bool grow(sheaf__dictionary *dictionary)
{
    unsigned bits_now = 64 - dictionary->shift;
    unsigned bits = bits_for(dictionary->n + BLOCK, bits_now);
    if (bits == bits_now)
        return true;
    clear_slots(dictionary, bits);
    size_t mask = ((size_t)1 << bits) - 1;
    for (size_t i = 0; i < dictionary->n; i++) {
        uint64_t hash = dictionary->hashes[i];
        size_t slot = (size_t)(hash >> dictionary->shift);
        for (unsigned steps = 0; dictionary->slots[slot] > 0; slot = (slot + 1) & mask)
            if (++steps > STEPS_MAX)
                return false;
        dictionary->slots[slot] = hash << 32 | (i + 1);
    }
    return true;
}

/* ---- values of a fixed size ---- */

static inline uint64_t load(const uint8_t *values, size_t i, size_t n_bytes)
{
    uint64_t value = 0;
    memcpy(&value, values + i * n_bytes, n_bytes);
    return value;
}

/* Number the values from `begin` to `end`. False: there are too many steps to one. */
static inline bool number_block(sheaf__dictionary *dictionary, const uint8_t *values, size_t begin,
                                size_t end, size_t n_bytes)
{
    uint64_t *slots = dictionary->slots;
    uint64_t *hashes = dictionary->hashes;
    unsigned shift = dictionary->shift;
    size_t mask = ((size_t)1 << (64 - shift)) - 1;
    size_t n = dictionary->n;
    for (size_t i = begin; i < end; i++) {
        uint64_t hash = load(values, i, n_bytes) * GOLDEN; /* the same for no other value */
        size_t slot = (size_t)(hash >> shift);
        uint64_t found;
        unsigned steps = 0;
        while ((found = slots[slot]) > 0 &&
               ((found ^ hash << 32) > NUMBER_MASK || hashes[(found & NUMBER_MASK) - 1] != hash)) {
            slot = (slot + 1) & mask;
            if (++steps > STEPS_MAX)
                return false;
        }
        if (found == 0) {
            dictionary->firsts[n] = (uint32_t)i;
            hashes[n] = hash;
            slots[slot] = found = hash << 32 | ++n;
        }
        dictionary->indexes[i] = (uint32_t)(found & NUMBER_MASK) - 1;
    }
    dictionary->n = n;
    return true;
}

static inline bool number_fixed(sheaf__dictionary *dictionary, const uint8_t *values, size_t n_all,
                                size_t n_bytes)
{
    if (n_all == 0 || !begin(dictionary, n_all))
        return false;
    for (size_t block = 0; block < n_all; block += BLOCK) {
        size_t end = n_all - block < BLOCK ? n_all : block + BLOCK;
        if (!grow(dictionary) || !number_block(dictionary, values, block, end, n_bytes) ||
            !is_worth_it(dictionary, end, n_all))
            return false;
    }
    return true;
}

bool sheaf__dictionary_of_4_bytes(sheaf__dictionary *dictionary, const void *values, size_t n)
{
    return number_fixed(dictionary, values, n, 4);
}

bool sheaf__dictionary_of_8_bytes(sheaf__dictionary *dictionary, const void *values, size_t n)
{
    return number_fixed(dictionary, values, n, 8);
}

/* ---- texts ---- */

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    uint128 product = (uint128)(a ^ GOLDEN) * (b ^ OTHER);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_some(const uint8_t *bytes, size_t n)
{
    uint64_t value = 0;
    memcpy(&value, bytes, n);
    return value;
}

/* Words that overlap at the end: no byte is looked at alone. */
static inline uint64_t hash_text(const uint8_t *bytes, size_t n)
{
    if (n > 16) {
        uint64_t hash = n;
        for (size_t i = 0; i + 16 < n; i += 16)
            hash = mix(hash ^ load_some(bytes + i, 8), load_some(bytes + i + 8, 8));
        return mix(hash ^ load_some(bytes + n - 16, 8), load_some(bytes + n - 8, 8));
    }
    if (n >= 8)
        return mix(load_some(bytes, 8) ^ n, load_some(bytes + n - 8, 8));
    if (n >= 4)
        return mix(load_some(bytes, 4) ^ (uint64_t)n << 32, load_some(bytes + n - 4, 4));
    if (n > 0)
        return mix((uint64_t)bytes[0] << 16 | (uint64_t)bytes[n / 2] << 8 | bytes[n - 1], n);
    return 0;
}

typedef struct texts {
    const uint8_t *text;
    const int32_t *ends;
} texts;

static inline bool is_same(const texts *all, size_t a, size_t b)
{
    size_t n = (size_t)(all->ends[a + 1] - all->ends[a]);
    return n == (size_t)(all->ends[b + 1] - all->ends[b]) &&
           (n == 0 || memcmp(all->text + all->ends[a], all->text + all->ends[b], n) == 0);
}

static inline uint64_t hash_at(const texts *all, size_t i)
{
    size_t n = (size_t)(all->ends[i + 1] - all->ends[i]);
    return n > 0 ? hash_text(all->text + all->ends[i], n) : 0;
}

/* The number of one text, a new one if need be; false: there are too many steps to it. */
static inline bool number_text(sheaf__dictionary *dictionary, const texts *all, size_t i)
{
    uint64_t hash = hash_at(all, i);
    unsigned shift = dictionary->shift;
    size_t mask = ((size_t)1 << (64 - shift)) - 1;
    size_t slot = (size_t)(hash >> shift);
    uint64_t tag = hash << 32;
    for (unsigned steps = 0; steps <= STEPS_MAX; steps++, slot = (slot + 1) & mask) {
        uint64_t found = dictionary->slots[slot];
        if (found == 0) {
            dictionary->firsts[dictionary->n] = (uint32_t)i;
            dictionary->hashes[dictionary->n] = hash;
            found = dictionary->slots[slot] = tag | ++dictionary->n;
        } else if ((found & ~NUMBER_MASK) != tag ||
                   !is_same(all, i, dictionary->firsts[(found & NUMBER_MASK) - 1])) {
            continue;
        }
        dictionary->indexes[i] = (uint32_t)(found & NUMBER_MASK) - 1;
        return true;
    }
    return false;
}

bool sheaf__dictionary_of_texts(sheaf__dictionary *dictionary, const uint8_t *text,
                                const int32_t *ends, size_t n)
{
    const texts all = {.text = text, .ends = ends};
    if (n == 0 || !begin(dictionary, n))
        return false;
    for (size_t block = 0; block < n; block += BLOCK) {
        size_t end = n - block < BLOCK ? n : block + BLOCK;
        if (!grow(dictionary))
            return false;
        for (size_t i = block; i < end; i++)
            if (!number_text(dictionary, &all, i))
                return false;
        if (!is_worth_it(dictionary, end, n))
            return false;
    }
    return true;
}
