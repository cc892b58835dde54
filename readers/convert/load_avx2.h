/*
 * Words from several places, with AVX2: each loaded into all lanes, and blended. That takes loads
 * and no shuffles, and is no slower than a gather; on many machines it is much faster (on Intel's
 * that have AVX2 and no more since the microcode against Downfall, 2023).
 */
#ifndef SHEAF_CONVERT_LOAD_AVX2_H
#define SHEAF_CONVERT_LOAD_AVX2_H

#include <immintrin.h>

static inline __m256i load_1(const void *from)
{
    long long word;
    __builtin_memcpy(&word, from, sizeof word);
    return _mm256_set1_epi64x(word);
}

static inline __m256i load_4(const void *a, const void *b, const void *c, const void *d)
{
    __m256i low = _mm256_blend_epi32(load_1(a), load_1(b), 0x0C);
    __m256i high = _mm256_blend_epi32(load_1(c), load_1(d), 0xC0);
    return _mm256_blend_epi32(low, high, 0xF0);
}

#endif
