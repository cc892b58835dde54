/* Numbers for values, by a hash table with open addressing: see dictionary.h. */
#include "engine/sinks/parquet/dictionary.h"

#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 1024,        /* values between two looks at whether it is worth it */
    WORTH_SHARE = 4,     /* a quarter of what was seen may be new */
    NUMBERS_MAX = 32768, /* more of them do not stay in the cache */
    STEPS_MAX = 128
};

#define GOLDEN UINT64_C(0x9E3779B97F4A7C15) /* the golden ratio's fraction */
#define OTHER UINT64_C(0xD6E8FEB86659FD93)

__extension__ typedef unsigned __int128 uint128;

void sheaf__dictionary_end(sheaf__dictionary *dictionary)
{
    free(dictionary->indexes);
    free(dictionary->firsts);
    free(dictionary->slots);
    *dictionary = (sheaf__dictionary){0};
}

/* ---- room ---- */

static size_t numbers_max(size_t n_values)
{
    size_t max = BLOCK + n_values / WORTH_SHARE;
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
            !resize(&dictionary->firsts, n_slots / 2 * sizeof *dictionary->firsts))
            return false;
        dictionary->slots_capacity = n_slots;
    }
    return true;
}

/* Empty tables for n values: *shift brings a hash to a slot. */
static bool begin(sheaf__dictionary *dictionary, size_t n, unsigned *shift)
{
    size_t n_slots = 1024;
    unsigned bits = 10;
    for (; n_slots < 2 * (numbers_max(n) + BLOCK); bits++)
        n_slots *= 2;
    *shift = 64 - bits;
    dictionary->n = 0;
    dictionary->failed = !make_room(dictionary, n, n_slots);
    if (dictionary->failed)
        return false;
    memset(dictionary->slots, 0, n_slots * sizeof *dictionary->slots);
    return true;
}

static bool is_worth_it(const sheaf__dictionary *dictionary, size_t n_seen)
{
    return dictionary->n <= numbers_max(n_seen);
}

/* ---- values of a fixed size ---- */

static inline uint64_t load(const uint8_t *values, size_t i, size_t n_bytes)
{
    uint64_t value = 0;
    memcpy(&value, values + i * n_bytes, n_bytes);
    return value;
}

/* The slots keep the number alone: to compare is as cheap as to look at a part of the hash. */
static inline bool number_fixed(sheaf__dictionary *dictionary, const uint8_t *values, size_t n_all,
                                size_t n_bytes)
{
    unsigned shift;
    if (n_all == 0 || !begin(dictionary, n_all, &shift))
        return false;
    uint64_t *slots = dictionary->slots;
    uint32_t *firsts = dictionary->firsts;
    size_t mask = ((size_t)1 << (64 - shift)) - 1;
    size_t n = 0;
    for (size_t block = 0; block < n_all; block += BLOCK) {
        size_t end = n_all - block < BLOCK ? n_all : block + BLOCK;
        for (size_t i = block; i < end; i++) {
            uint64_t value = load(values, i, n_bytes);
            size_t slot = (size_t)(value * GOLDEN >> shift);
            unsigned steps = 0;
            while (slots[slot] > 0 && load(values, firsts[slots[slot] - 1], n_bytes) != value) {
                slot = (slot + 1) & mask;
                if (++steps > STEPS_MAX)
                    return false;
            }
            if (slots[slot] == 0) {
                firsts[n] = (uint32_t)i;
                slots[slot] = ++n;
            }
            dictionary->indexes[i] = (uint32_t)slots[slot] - 1;
        }
        dictionary->n = n;
        if (!is_worth_it(dictionary, end))
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

#define NUMBER_MASK UINT64_C(0xFFFFFFFF)

/* The number of one text, a new one if need be; false: there are too many steps to it. */
static inline bool number_text(sheaf__dictionary *dictionary, const texts *all, size_t i,
                               unsigned shift)
{
    uint64_t hash = all->ends[i + 1] > all->ends[i]
                        ? hash_text(all->text + all->ends[i],
                                    (size_t)(all->ends[i + 1] - all->ends[i]))
                        : 0;
    size_t mask = ((size_t)1 << (64 - shift)) - 1;
    size_t slot = (size_t)(hash >> shift);
    uint64_t tag = hash << 32;
    for (unsigned steps = 0; steps <= STEPS_MAX; steps++, slot = (slot + 1) & mask) {
        uint64_t found = dictionary->slots[slot];
        if (found == 0) {
            dictionary->firsts[dictionary->n] = (uint32_t)i;
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
    unsigned shift;
    if (n == 0 || !begin(dictionary, n, &shift))
        return false;
    for (size_t block = 0; block < n; block += BLOCK) {
        size_t end = n - block < BLOCK ? n : block + BLOCK;
        for (size_t i = block; i < end; i++)
            if (!number_text(dictionary, &all, i, shift))
                return false;
        if (!is_worth_it(dictionary, end))
            return false;
    }
    return true;
}
