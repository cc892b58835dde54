/* The scan kernel for AVX-512 with VBMI2: since Ice Lake and Zen 4. */
#include <immintrin.h>

#include "readers/scan/bits.h"
#include "readers/scan/clmul.h"
#include "readers/scan/utf8_avx2.h"

#define KERNEL avx512
#define is_utf8 utf8_check
#define prefix_xor prefix_xor_by_product

static inline uint64_t equal(__m512i bytes, char wanted)
{
    return _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(wanted));
}

static inline masks look(const uint8_t *text, char delimiter, char quote)
{
    __m512i bytes = _mm512_loadu_si512(text);
    return (masks){.delimiter = equal(bytes, delimiter),
                   .quote = equal(bytes, quote),
                   .lf = equal(bytes, '\n'),
                   .cr = equal(bytes, '\r'),
                   .high = _mm512_movepi8_mask(bytes)};
}

/* The numbers 0 to 63, in bytes. */
static const uint8_t numbers[64] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                    16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                    32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47,
                                    48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

static inline void write_sixteen(uint32_t *to, __m512i base, __m128i positions)
{
    _mm512_storeu_si512(to, _mm512_add_epi32(base, _mm512_cvtepu8_epi32(positions)));
}

/* The numbers of the set bits, pressed together, and widened by sixteen as far as there are any. */
static inline void write_positions(uint32_t *to, uint32_t base, uint64_t bits)
{
    __m512i pressed = _mm512_maskz_compress_epi8(bits, _mm512_loadu_si512(numbers));
    __m512i bases = _mm512_set1_epi32((int)base);
    int n = __builtin_popcountll(bits);
    write_sixteen(to, bases, _mm512_castsi512_si128(pressed));
    if (n <= 16)
        return;
    write_sixteen(to + 16, bases, _mm512_extracti32x4_epi32(pressed, 1));
    if (n <= 32)
        return;
    write_sixteen(to + 32, bases, _mm512_extracti32x4_epi32(pressed, 2));
    write_sixteen(to + 48, bases, _mm512_extracti32x4_epi32(pressed, 3));
}

#include "readers/scan/kernel.h"
