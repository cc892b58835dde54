/*
 * Several cells at a time, one in each lane of a vector: what converters are written in (kernel.h).
 * Before this, a set of instructions defines
 *
 *     LANES                             how many
 *     words                             a vector of 64-bit words: C's operators take it
 *     mask                              of lanes; & and | take it
 *     places                            where the texts of cells begin
 *
 *     words all(value)                  the same in each lane
 *     words load_cells(cells, row, at)  cells from `row` on, as they stand, and their places
 *     words load_text(at, offset)       eight bytes of each text, from `offset` on
 *     void store(to, words)
 *     mask equal(a, b), differs(a, b), more(a, b)    signed
 *     mask without(words, bits)         those with none of these bits
 *     mask but_not(mask, mask)
 *     unsigned bits_of(mask)            bit i is lane i's
 *     words where(mask, words), unless(mask, words)  else zero
 *     words shift_up(words, by), shift_down(words, by)
 *                                       by bits; 64 and more (also -1) leave nothing
 *     words multiply(a, b)              their lower halves
 *     words join_bytes(words, weights)  weighted, neighbours added up, to 16 bits
 *     words join_16(words, weights)     the same to 32 bits
 *     words over(words, most)           by how much each byte is more; else zero
 *     words bytes_equal(words, other)   each byte all ones where it is equal
 *     words bytes_above(words)          how many bytes above the highest bit
 *     words look_up(table, indexes)     of 16 bytes: one for each byte below 16
 *     words quotient(digits, n, most)   digits / 10^n as doubles; n is at most `most`, and the
 *                                       digits are fewer than 16
 */
#ifndef SHEAF_CONVERT_LANES_H
#define SHEAF_CONVERT_LANES_H

#include "readers/convert/convert.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))

enum { ALL_LANES = (1 << LANES) - 1 };

_Static_assert((int)SHEAF__BATCH_SLACK >= 24, "three words are read of the shortest text, too");

typedef struct lanes {
    places at;
    words n_bytes; /* of a null 0, once nulls are found */
    mask null;
} lanes;

/* What became of them. */
typedef struct values {
    words word;
    unsigned odd;  /* those are not converted */
    unsigned ints; /* among floats: without a point */
} values;

ALWAYS_INLINE lanes load_lanes(const sheaf__cells *cells, size_t row)
{
    lanes l;
    l.n_bytes = load_cells(cells, row, &l.at) >> 32;
    return l;
}

ALWAYS_INLINE void find_nulls(lanes *l)
{
    l->null = equal(l->n_bytes, all(SHEAF__NULL_CELL));
    l->n_bytes = unless(l->null, l->n_bytes);
}

/* How many words hold any of the texts; 3 if not as many do. */
ALWAYS_INLINE int words_of(const lanes *l)
{
    if (bits_of(more(l->n_bytes, all(8))) == 0)
        return 1;
    return bits_of(more(l->n_bytes, all(16))) == 0 ? 2 : 3;
}

#endif
