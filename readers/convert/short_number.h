/*
 * Short numbers, in one word: at most eight bytes without the sign, read as they end.
 *
 * A word is handled as eight bytes at once, without a loop and almost without a branch (H. S.
 * Warren, "Hacker's Delight", 6-1; D. Lemire, "Quickly parsing eight digits", 2018). What is not as
 * plain as that is for number.h.
 */
#ifndef SHEAF_CONVERT_SHORT_NUMBER_H
#define SHEAF_CONVERT_SHORT_NUMBER_H

#include "readers/convert/number.h"

enum { SHORT_NUMBER_BYTES = 8 };

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* 0x80 in each byte that is zero. */
static inline uint64_t zeros_of(uint64_t word)
{
    const uint64_t low = EACH_BYTE(0x7F);
    return ~(((word & low) + low) | word | low);
}

/* Whether no byte is above nine. */
static inline bool are_digits(uint64_t word)
{
    return (((word + EACH_BYTE(0x76)) | word) & EACH_BYTE(0x80)) == 0;
}

/*
 * A plain number's kind, and its value; TEXT: it may be one, but is not short or not plain. The
 * SHORT_NUMBER_BYTES before the end of the text may be read, wherever it begins.
 */
static inline __attribute__((always_inline)) sheaf__kinds short_number_of(const uint8_t *text,
                                                                          size_t n_bytes,
                                                                          sheaf__value *value)
{
    static const double powers[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7};
    bool negative = *text == '-';
    size_t n = n_bytes - negative;
    if (n - 1 >= SHORT_NUMBER_BYTES)
        return SHEAF__KIND_TEXT;
    unsigned blank = 64 - 8 * (unsigned)n; /* bits before the text */
    uint64_t word = (load_8(text + n_bytes - 8) ^ EACH_BYTE('0')) >> blank << blank;
    uint64_t points = zeros_of(word ^ EACH_BYTE('.' ^ '0'));
    bool zero_first = n > 1 && text[negative] == '0' && text[negative + 1] != '.';
    if (points == 0) {
        uint64_t integer = value_of_8(word);
        if (!are_digits(word) || zero_first || (negative && integer == 0))
            return SHEAF__KIND_TEXT;
        value->integer = negative ? -(int64_t)integer : (int64_t)integer;
        return SHEAF__KIND_INT;
    }
    unsigned at = (unsigned)__builtin_ctzll(points) - 7; /* the lowest point's first bit */
    uint64_t before = word & ((UINT64_C(1) << at) - 1);
    uint64_t behind = at < 56 ? word >> (at + 8) << (at + 8) : 0;
    word = before << 8 | behind;
    if (!are_digits(word) || zero_first || n == 1)
        return SHEAF__KIND_TEXT;
    double real = (double)value_of_8(word) / powers[7 - at / 8];
    value->real = negative ? -real : real;
    return SHEAF__KIND_FLOAT;
}

#else

static inline sheaf__kinds short_number_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    (void)text, (void)n_bytes, (void)value;
    return SHEAF__KIND_TEXT;
}

#endif

#endif
