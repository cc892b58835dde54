/* The parity of all bits up to each, by PCLMULQDQ: a product with all ones, carries left out. */
#ifndef SHEAF_SCAN_CLMUL_H
#define SHEAF_SCAN_CLMUL_H

#include <immintrin.h>
#include <stdint.h>

static inline uint64_t prefix_xor_by_product(uint64_t bits)
{
    __m128i all_ones = _mm_set1_epi8(-1);
    __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)bits), all_ones, 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}

#endif
