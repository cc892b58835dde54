/* What several scan kernels do with bits, without instructions of their own for it. */
#ifndef SHEAF_SCAN_BITS_H
#define SHEAF_SCAN_BITS_H

#include <stdint.h>

/* Which of 64 bytes are what: bit i for byte i. */
typedef struct masks {
    uint64_t delimiter;
    uint64_t quote;
    uint64_t lf;
    uint64_t cr;
    uint64_t high; /* not ASCII; any bit set will do */
} masks;

static inline uint64_t prefix_xor_by_shifts(uint64_t bits)
{
    for (unsigned shift = 1; shift < 64; shift *= 2)
        bits ^= bits << shift;
    return bits;
}

/* Eight at a time, whether there are as many or not: the branch is what costs. */
static inline void write_positions_by_eight(uint32_t *to, uint32_t base, uint64_t bits)
{
    while (bits != 0) {
        for (int i = 0; i < 8; i++) {
            to[i] = base + (uint32_t)__builtin_ctzll(bits | UINT64_C(1) << 63);
            bits &= bits - 1;
        }
        to += 8;
    }
}

#endif
