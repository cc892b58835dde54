/*
 * Numbers in lanes (lanes.h).
 *
 * A number is moved to the upper end of one to three words; what stands before it is zero. Pairs of
 * digits are joined, then pairs of pairs (D. Lemire, "Quickly parsing eight digits", 2018). A
 * decimal point is taken out, and the number is divided by the power of ten that it stood for: up
 * to fifteen digits both are exact doubles, so the quotient is the nearest one (Clinger, PLDI
 * 1990). Longer numbers are composed one by one (float.h).
 */
#ifndef SHEAF_CONVERT_LANE_NUMBERS_H
#define SHEAF_CONVERT_LANE_NUMBERS_H

#include "readers/convert/float.h"
#include "readers/convert/lanes.h"

#define ZEROS 0x3030303030303030  /* '0' */
#define POINTS 0x1E1E1E1E1E1E1E1E /* '.' ^ '0' */
#define NINES 0x0909090909090909

/*
 * Numbers as the values of their characters, a minus as 0: the last eight in word[0]. Of one that
 * is longer than the words nothing is left.
 */
typedef struct numbers {
    mask negative;
    mask odd;      /* empty, or with a zero in front */
    words n_bytes; /* without the minus */
    words word[3];
} numbers;

/* The upper one of two words, when both have moved up. */
ALWAYS_INLINE words shift_two(words upper, words lower, words by)
{
    return shift_up(upper, by) | shift_down(lower, all(64) - by) | shift_up(lower, by - all(64));
}

ALWAYS_INLINE numbers load_numbers(const lanes *l, int n_words)
{
    numbers x;
    words first = load_text(&l->at, 0);
    x.negative = equal(first & all(0xFF), all('-'));
    x.n_bytes = l->n_bytes - where(x.negative, all(1));
    words digits = shift_down(first, where(x.negative, all(8))) ^ all(ZEROS);
    mask zero_first = without(digits, all(0xF0FF)); /* with no point behind it */
    x.odd = (zero_first & more(x.n_bytes, all(1))) | equal(x.n_bytes, all(0));
    if (n_words == 1) {
        x.word[0] = shift_up(digits, all(64) - (x.n_bytes << 3));
        return x;
    }
    words by = all(64 * (unsigned)n_words) - (l->n_bytes << 3);
    words second = load_text(&l->at, 8) ^ all(ZEROS);
    first ^= all(ZEROS) ^ where(x.negative, all('-' ^ '0'));
    x.word[n_words - 1] = shift_up(first, by);
    x.word[n_words - 2] = shift_two(second, first, by);
    if (n_words > 2)
        x.word[0] = shift_up(load_text(&l->at, 16) ^ all(ZEROS), by) |
                    shift_two(all(0), second, by) | shift_two(all(0), first, by - all(64));
    return x;
}

/* The value of eight digits in each word. */
ALWAYS_INLINE words join(words digits)
{
    words pairs = join_bytes(digits, all(0x010A010A010A010A));
    words fours = join_16(pairs, all(0x0001006400010064));
    return multiply(fours, all(10000)) + (fours >> 32);
}

ALWAYS_INLINE words join_all(const numbers *x, int n_words)
{
    const words scale = all(100000000);
    words value = join(x->word[n_words - 1]);
    if (n_words > 1)
        value = multiply(value, scale) + join(x->word[n_words - 2]);
    if (n_words > 2)
        value = (multiply(value >> 32, scale) << 32) + multiply(value, scale) + join(x->word[0]);
    return value;
}

/* Those with a character that is no digit. */
ALWAYS_INLINE mask other_than_digits(const numbers *x, int n_words)
{
    const words nine = all(NINES);
    words some = over(x->word[0], nine);
    if (n_words > 1)
        some |= over(x->word[1], nine);
    if (n_words > 2)
        some |= over(x->word[2], nine);
    return differs(some, all(0));
}

ALWAYS_INLINE values convert_ints_of(const lanes *l, int n_words)
{
    numbers x = load_numbers(l, n_words);
    words value = join_all(&x, n_words);
    mask odd = x.odd | other_than_digits(&x, n_words) | (x.negative & equal(value, all(0)));
    if (n_words > 1)
        odd |= more(l->n_bytes, all(15)); /* far from what a double cannot hold */
    words sign = where(x.negative, all(UINT64_MAX));
    return (values){.word = (value ^ sign) - sign, .odd = bits_of(but_not(odd, l->null))};
}

/* Take the point out of a word, or make room at its lower end if one was `found` in those above. */
ALWAYS_INLINE words close_up(words word, mask *found, words *n_behind)
{
    words points = bytes_equal(word, all(POINTS));
    words lowest = unless(*found, points & (all(0) - points));
    *found |= differs(lowest, all(0));
    words before = where(*found, lowest - all(1));
    words through = where(*found, (lowest << 8) - all(1));
    *n_behind += bytes_above(through);
    return (word & before) << 8 | (word & ~through);
}

/*
 * Take the points out, and say how many digits stood behind each. A second point in a number stays,
 * and is no digit.
 */
ALWAYS_INLINE mask remove_points(numbers *x, words *n_behind, int n_words)
{
    mask found = equal(all(0), all(1));
    *n_behind = all(0);
    x->word[0] = close_up(x->word[0], &found, n_behind);
    if (n_words > 1) {
        x->word[0] |= where(found, x->word[1] >> 56);
        x->word[1] = close_up(x->word[1], &found, n_behind);
    }
    if (n_words > 2) {
        x->word[1] |= where(found, x->word[2] >> 56);
        x->word[2] = close_up(x->word[2], &found, n_behind);
    }
    *n_behind = where(found, *n_behind);
    return found;
}

/* What is to become floats: digits, and how many of them stood behind a point. */
typedef struct decimals {
    mask negative;
    mask odd;
    mask ints;
    words digits;
    words n_behind;
} decimals;

ALWAYS_INLINE decimals load_decimals(const lanes *l, int n_words)
{
    decimals d;
    numbers x = load_numbers(l, n_words);
    mask with_point = remove_points(&x, &d.n_behind, n_words);
    d.digits = join_all(&x, n_words);
    d.negative = x.negative;
    d.ints = but_not(but_not(equal(all(0), all(0)), l->null), with_point);
    d.odd = x.odd | other_than_digits(&x, n_words) | (with_point & equal(x.n_bytes, all(1))) |
            (d.ints & d.negative & equal(d.digits, all(0)));
    if (n_words > 1) /* so is what is too long, as no point is left of it */
        d.odd |= d.ints & more(x.n_bytes, all(15));
    if (n_words > 2) /* more than 64 bits hold */
        d.odd |= more(join(x.word[2]), all(1843));
    d.odd = but_not(d.odd, l->null);
    return d;
}

/* Of more than fifteen digits: one by one. Those are odd that these digits do not decide. */
ALWAYS_INLINE words compose(const decimals *d, unsigned *odd)
{
    uint64_t digits[LANES];
    uint64_t n_behind[LANES];
    double composed[LANES];
    words word;
    store(digits, d->digits);
    store(n_behind, d->n_behind);
    for (unsigned i = 0; i < LANES; i++) {
        composed[i] = 0;
        if (digits[i] != 0 && !(*odd >> i & 1) &&
            !sheaf__float_compose(digits[i], -(int64_t)n_behind[i], &composed[i]))
            *odd |= 1u << i;
    }
    __builtin_memcpy(&word, composed, sizeof word);
    return word;
}

ALWAYS_INLINE values convert_floats_of(const lanes *l, int n_words)
{
    decimals d = load_decimals(l, n_words);
    values v = {.odd = bits_of(d.odd), .ints = bits_of(d.ints)};
    v.word = n_words > 2 ? compose(&d, &v.odd) : quotient(d.digits, d.n_behind, 8 * n_words - 1);
    v.word ^= where(d.negative, all(INT64_MIN));
    return v;
}

/* ---- the plainest numbers ---- */

/* Eight characters at most, as they stand and at the end of a word. */
typedef struct short_numbers {
    words room; /* how many fewer they are */
    words first;
    words word;
} short_numbers;

ALWAYS_INLINE short_numbers load_short(const lanes *l)
{
    short_numbers x;
    x.room = all(8) - l->n_bytes;
    x.first = load_text(&l->at, 0) ^ all(ZEROS);
    x.word = shift_up(x.first, x.room << 3);
    return x;
}

/* All of up to eight digits and nothing else; false: one of them is something else. */
ALWAYS_INLINE bool convert_short_ints(const lanes *l, words *value)
{
    short_numbers x = load_short(l);
    words wrong = over(x.room, all(7)) | over(x.word, all(NINES));
    mask zero_first = without(x.first, all(0xFF)) & more(l->n_bytes, all(1));
    *value = join(x.word);
    return bits_of(differs(wrong, all(0)) | zero_first) == 0;
}

/* All with a point; without a minus. */
ALWAYS_INLINE bool convert_short_floats(const lanes *l, words *value)
{
    short_numbers x = load_short(l);
    words points = bytes_equal(x.word, all(POINTS));
    words lowest = points & (all(0) - points);
    words before = lowest - all(1);
    words through = (lowest << 8) - all(1);
    words digits = (x.word & before) << 8 | (x.word & ~through);
    words wrong = over(x.room, all(6)) | over(digits, all(NINES));
    mask odd = without(points, points) | without(x.first, all(0xF0FF));
    *value = quotient(join(digits), bytes_above(through), 7);
    return bits_of(differs(wrong, all(0)) | odd) == 0;
}

#endif
