/* The scan kernel for every AArch64: NEON. */
#include <arm_neon.h>

#include "engine/core/utf8.h"
#include "readers/scan/bits.h"

#define KERNEL neon
#define is_utf8 sheaf__utf8_valid
#define prefix_xor prefix_xor_by_shifts
#define write_positions write_positions_by_eight

/* Sixty-four truth values, a byte each, as bits: weights within eight, then three pairwise sums. */
static inline uint64_t to_bits(const uint8x16_t *truth)
{
    static const uint8_t weights[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t weight = vld1q_u8(weights);
    uint8x16_t low = vpaddq_u8(vandq_u8(truth[0], weight), vandq_u8(truth[1], weight));
    uint8x16_t high = vpaddq_u8(vandq_u8(truth[2], weight), vandq_u8(truth[3], weight));
    uint8x16_t sums = vpaddq_u8(low, high);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u64(vreinterpretq_u64_u8(sums), 0);
}

static inline uint64_t equal(const uint8x16_t *bytes, char wanted)
{
    uint8x16_t truth[4];
    for (unsigned i = 0; i < 4; i++)
        truth[i] = vceqq_u8(bytes[i], vdupq_n_u8((uint8_t)wanted));
    return to_bits(truth);
}

static inline masks look(const uint8_t *text, char delimiter, char quote)
{
    uint8x16_t bytes[4];
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = vld1q_u8(text + 16 * i);
    uint8x16_t any = vorrq_u8(vorrq_u8(bytes[0], bytes[1]), vorrq_u8(bytes[2], bytes[3]));
    return (masks){.delimiter = equal(bytes, delimiter),
                   .quote = equal(bytes, quote),
                   .lf = equal(bytes, '\n'),
                   .cr = equal(bytes, '\r'),
                   .high = vmaxvq_u8(any) >= 0x80};
}

#include "readers/scan/kernel.h"
