/* The scan kernel for AVX2 with PCLMULQDQ, BMI2 and POPCNT: since Haswell and Zen. */
#include <immintrin.h>

#include "readers/scan/bits.h"
#include "readers/scan/clmul.h"
#include "readers/scan/utf8_avx2.h"

#define KERNEL avx2
#define is_utf8 utf8_check
#define prefix_xor prefix_xor_by_product
#define write_positions write_positions_by_eight

static inline uint64_t equal(__m256i low, __m256i high, char wanted)
{
    __m256i all = _mm256_set1_epi8(wanted);
    uint32_t first = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, all));
    uint32_t second = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, all));
    return first | (uint64_t)second << 32;
}

static inline masks look(const uint8_t *text, char delimiter, char quote)
{
    __m256i low = _mm256_loadu_si256((const __m256i *)text);
    __m256i high = _mm256_loadu_si256((const __m256i *)(text + 32));
    return (masks){.delimiter = equal(low, high, delimiter),
                   .quote = equal(low, high, quote),
                   .lf = equal(low, high, '\n'),
                   .cr = equal(low, high, '\r'),
                   .high = (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, high))};
}

#include "readers/scan/kernel.h"
