/*
 * The different values of a column chunk: each gets a number, in the order of their first coming.
 *
 * It is worth it if a quarter of the values, and a thousand more, may differ. A column that hardly
 * repeats itself is noticed early: the search ends when more than a quarter of what was seen, and
 * eight thousand more, differ. (A sum of money has some thousand different values, of which most
 * come within the first ten thousand rows, and then again and again.) It ends, too, when a
 * value is not found within some steps, which only happens to values that somebody chose so that
 * they collide: the work is bounded whatever the values are.
 */
#ifndef SHEAF_SINKS_PARQUET_DICTIONARY_H
#define SHEAF_SINKS_PARQUET_DICTIONARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sheaf__dictionary {
    bool failed;       /* there was no memory for the last search */
    uint32_t *indexes; /* of each value the number */
    size_t indexes_capacity;
    uint32_t *firsts; /* of each number the value that had it first */
    uint64_t *hashes; /* of each number that of its value */
    size_t n;
    uint64_t *slots; /* a part of the hash, and number + 1; 0: free */
    size_t slots_capacity;
    unsigned shift; /* brings a hash to a slot */
} sheaf__dictionary;

void sheaf__dictionary_end(sheaf__dictionary *dictionary);

/* For values that stand behind each other. False: it is not worth it, or it failed. */
bool sheaf__dictionary_of_4_bytes(sheaf__dictionary *dictionary, const void *values, size_t n);
bool sheaf__dictionary_of_8_bytes(sheaf__dictionary *dictionary, const void *values, size_t n);

/* The same for texts: value i stands in text from ends[i] to ends[i + 1]. */
bool sheaf__dictionary_of_texts(sheaf__dictionary *dictionary, const uint8_t *text,
                                const int32_t *ends, size_t n);

#endif
