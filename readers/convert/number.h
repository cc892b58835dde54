/*
 * Numbers in a text: their spelling, and their value. See <sheaf/type.h> for what is one.
 */
#ifndef SHEAF_CONVERT_NUMBER_H
#define SHEAF_CONVERT_NUMBER_H

#include <math.h>
#include <string.h>

#include "engine/table/kinds.h"
#include "readers/convert/convert.h"
#include "readers/convert/float.h"

enum {
    DIGITS_EXACT = 19, /* so many always fit into 64 bits */
};

/* Beyond any exponent that a text of digits may have to be set off against. */
#define EXPONENT_MAX INT64_C(1000000000000)

#define INT_OF_DOUBLE_MAX (INT64_C(1) << 53)

static inline bool is_digit(uint8_t byte)
{
    return (uint8_t)(byte - '0') < 10;
}

/* The digits of a number as they are met. Those behind the 19th leave only their place. */
typedef struct digits {
    uint64_t value;
    int64_t exponent; /* of ten, by which the value is to be multiplied */
    size_t n;         /* without zeros in front */
} digits;

static inline uint64_t load_8(const uint8_t *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    return bytes;
}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Whether eight bytes are digits: high halves of 3, and no carry when 6 is added. */
static inline bool are_digits_8(uint64_t bytes)
{
    const uint64_t high = 0xF0F0F0F0F0F0F0F0u;
    return ((bytes & high) | ((bytes + 0x0606060606060606u) & high) >> 4) == 0x3333333333333333u;
}

/* Neighbours are joined: eight digits, four pairs, two fours, one number. */
static inline uint64_t value_of_8(uint64_t bytes)
{
    bytes = (bytes & 0x0F0F0F0F0F0F0F0Fu) * (1 + (10 << 8)) >> 8;
    bytes = (bytes & 0x00FF00FF00FF00FFu) * (1 + (100 << 16)) >> 16;
    return (bytes & 0x0000FFFF0000FFFFu) * (1 + (UINT64_C(10000) << 32)) >> 32;
}
#else
static inline bool are_digits_8(uint64_t bytes)
{
    (void)bytes;
    return false; /* one by one, then */
}

static inline uint64_t value_of_8(uint64_t bytes)
{
    return bytes;
}
#endif

/* Take digits from `at` on; `fraction`: they stand behind the point. Returns where they end. */
static inline const uint8_t *take_digits(digits *d, const uint8_t *at, const uint8_t *end,
                                         bool fraction)
{
    while (end - at >= 8 && d->n > 0 && d->n + 8 <= DIGITS_EXACT && are_digits_8(load_8(at))) {
        d->value = d->value * 100000000 + value_of_8(load_8(at));
        d->n += 8;
        d->exponent -= fraction ? 8 : 0;
        at += 8;
    }
    for (; at < end && is_digit(*at); at++) {
        bool counts = d->n < DIGITS_EXACT;
        if (counts)
            d->value = d->value * 10 + (uint64_t)(*at - '0');
        d->n += d->n > 0 || *at != '0';
        d->exponent += counts ? -(int64_t)fraction : (int64_t)!fraction;
    }
    return at;
}

/* An exponent behind its 'e'. Returns where it ends, or NULL when there is none. */
static inline const uint8_t *take_exponent(digits *d, const uint8_t *at, const uint8_t *end)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end || !is_digit(*at))
        return NULL;
    int64_t exponent = 0;
    for (; at < end && is_digit(*at); at++)
        exponent = exponent < EXPONENT_MAX ? exponent * 10 + (*at - '0') : EXPONENT_MAX;
    d->exponent += negative ? -exponent : exponent;
    return at;
}

/* The digits' double, not negative: exact when both factors are (Clinger, PLDI 1990). */
static inline double double_of(const digits *d, const uint8_t *text, size_t n_bytes)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value;
    if (d->value <= (uint64_t)INT_OF_DOUBLE_MAX && d->n <= DIGITS_EXACT) {
        if (d->exponent <= 0 && d->exponent >= -22)
            return (double)d->value / powers[-d->exponent];
        if (d->exponent > 0 && d->exponent <= 22)
            return (double)d->value * powers[d->exponent];
    }
    if (d->value == 0)
        return 0;
    if (d->n <= DIGITS_EXACT && sheaf__float_compose(d->value, d->exponent, &value))
        return value;
    return sheaf__float_parse(text, n_bytes);
}

/* An integer of so many digits and this value: what kind is it? */
static inline sheaf__kinds integer_of(const digits *d, bool negative, sheaf__value *value)
{
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    if (d->n > DIGITS_EXACT || d->value > limit)
        return SHEAF__KIND_TEXT;
    value->integer = negative ? (int64_t)(0 - d->value) : (int64_t)d->value;
    return d->value <= (uint64_t)INT_OF_DOUBLE_MAX ? SHEAF__KIND_INT : SHEAF__KIND_LONG;
}

/*
 * The kind of a text without its sign, and the value of a number. An integer is one, or if only
 * reals are wanted a float.
 */
static inline sheaf__kinds unsigned_number_of(const uint8_t *begin, const uint8_t *end,
                                              bool negative, bool only_reals, sheaf__value *value)
{
    digits d = {0};
    const uint8_t *at = take_digits(&d, begin, end, false);
    size_t n_digits = (size_t)(at - begin);
    if (n_digits > 1 && *begin == '0')
        return SHEAF__KIND_TEXT;
    bool minus_zero = negative && d.n == 0;
    if (at == end && n_digits > 0 && !minus_zero && !only_reals)
        return integer_of(&d, negative, value);
    if (at < end && *at == '.') {
        const uint8_t *fraction = ++at;
        at = take_digits(&d, at, end, true);
        n_digits += (size_t)(at - fraction);
    }
    if (n_digits == 0)
        return SHEAF__KIND_TEXT;
    if (at < end && (*at == 'e' || *at == 'E'))
        at = take_exponent(&d, at + 1, end);
    if (at != end)
        return SHEAF__KIND_TEXT;
    double real = double_of(&d, begin, (size_t)(end - begin));
    if (isinf(real) || (real == 0 && d.n > 0))
        return SHEAF__KIND_TEXT;
    value->real = negative ? -real : real;
    return SHEAF__KIND_FLOAT;
}

/* The same of a text that begins with a minus, a point or a digit. */
static inline sheaf__kinds number_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    bool negative = *text == '-';
    return unsigned_number_of(text + negative, text + n_bytes, negative, false, value);
}

#endif
