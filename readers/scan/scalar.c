/* The scan kernel for any machine: eight bytes at a time in a word. */
#include <string.h>

#include "engine/core/utf8.h"
#include "readers/scan/bits.h"

#define KERNEL scalar
#define is_utf8 sheaf__utf8_valid
#define prefix_xor prefix_xor_by_shifts
#define write_positions write_positions_by_eight

#define EACH_BYTE UINT64_C(0x0101010101010101)
#define LOW_BITS UINT64_C(0x7F7F7F7F7F7F7F7F)

/* One bit for each byte of the word that is zero, exactly: no borrow crosses a byte. */
static inline uint64_t zero_bytes(uint64_t word)
{
    uint64_t high = ~(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS);
    /* Byte i's bit 7 goes to bit 56 + i, without meeting another. */
    return ((high >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

static inline masks look(const uint8_t *text, char delimiter, char quote)
{
    masks m = {0};
    for (unsigned i = 0; i < 64; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        m.delimiter |= zero_bytes(word ^ EACH_BYTE * (uint8_t)delimiter) << i;
        m.quote |= zero_bytes(word ^ EACH_BYTE * (uint8_t)quote) << i;
        m.lf |= zero_bytes(word ^ EACH_BYTE * '\n') << i;
        m.cr |= zero_bytes(word ^ EACH_BYTE * '\r') << i;
        m.high |= word & ~LOW_BITS;
    }
    return m;
}

#include "readers/scan/kernel.h"
