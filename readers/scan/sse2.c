/* The scan kernel for every x86-64: SSE2. */
#include <emmintrin.h>

#include "engine/core/utf8.h"
#include "readers/scan/bits.h"

#define KERNEL sse2
#define is_utf8 sheaf__utf8_valid
#define prefix_xor prefix_xor_by_shifts
#define write_positions write_positions_by_eight

static inline uint64_t equal(const __m128i *bytes, char wanted)
{
    __m128i all = _mm_set1_epi8(wanted);
    uint64_t bits = 0;
    for (unsigned i = 0; i < 4; i++)
        bits |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes[i], all)) << (16 * i);
    return bits;
}

static inline masks look(const uint8_t *text, char delimiter, char quote)
{
    __m128i bytes[4];
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = _mm_loadu_si128((const __m128i *)(text + 16 * i));
    __m128i any = _mm_or_si128(_mm_or_si128(bytes[0], bytes[1]), _mm_or_si128(bytes[2], bytes[3]));
    return (masks){.delimiter = equal(bytes, delimiter),
                   .quote = equal(bytes, quote),
                   .lf = equal(bytes, '\n'),
                   .cr = equal(bytes, '\r'),
                   .high = (uint64_t)(uint32_t)_mm_movemask_epi8(any)};
}

#include "readers/scan/kernel.h"
