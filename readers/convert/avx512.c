/*
 * Conversion of eight cells at a time, with AVX-512.
 *
 * A number stands in one to three words that end where it ends; whatever stands before it is
 * blanked out. Pairs of digits are joined, then pairs of pairs (D. Lemire, "Quickly parsing eight
 * digits", 2018), in the words of all eight at once. A decimal point is taken out, and the number
 * is divided by the power of ten that it stood for: up to fifteen digits both are exact doubles, so
 * the quotient is the nearest one (Clinger, PLDI 1990).
 *
 * Longer numbers are composed one by one (float.h). Eight cells among which one is not as plain as
 * that go to the converter that knows everything (convert.c), as do those before the first whole
 * byte of bits.
 */
#include <immintrin.h>

#include "readers/convert/converters.h"
#include "readers/convert/float.h"

enum { LANES = 8 };

#define DAYS_TO_1970 719468 /* from 0000-03-01 */
#define DAY_SECONDS 86400

static inline __m512i all(long long value)
{
    return _mm512_set1_epi64(value);
}

/* Eight cells: which are there, which of those are not null, where their text is. */
typedef struct lanes {
    __mmask8 there;
    __mmask8 valid;
    __m512i at;
    __m512i n_bytes;
} lanes;

static inline lanes load_cells(const sheaf__cells *cells, size_t row)
{
    const __m512i numbers = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
    __m512i steps = _mm512_mullo_epi64(numbers,
                                       all((long long)(cells->stride * sizeof *cells->first)));
    size_t left = cells->n - row;
    lanes l = {.there = (__mmask8)(left >= LANES ? 0xFF : (1u << left) - 1)};
    __m512i cell = _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), l.there, steps,
                                               cells->first + row * cells->stride, 1);
    l.at = _mm512_and_si512(cell, all(UINT32_MAX));
    l.n_bytes = _mm512_srli_epi64(cell, 32);
    l.valid = _mm512_mask_cmpneq_epu64_mask(l.there, l.n_bytes, all(SHEAF__NULL_CELL));
    return l;
}

/* Eight bytes of each text, from `at` + offset on. */
static inline __m512i gather(const sheaf__cells *cells, __mmask8 mask, __m512i at, int offset)
{
    return _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), mask, at, cells->text + offset, 1);
}

static inline void store(const lanes *l, size_t row, __m512i values, sheaf__value *to,
                         uint8_t *valid)
{
    _mm512_mask_storeu_epi64(to + row, l->there, _mm512_maskz_mov_epi64(l->valid, values));
    valid[row / LANES] = l->valid;
}

/* ---- numbers ---- */

#define INLINE static inline __attribute__((always_inline))

/* Numbers without their minus, as the values of their characters: the last ones in word[0]. */
typedef struct numbers {
    __mmask8 negative;
    __m512i n_bytes;
    __m512i word[3];
} numbers;

/* The value of eight digits in each word. */
static inline __m512i join(__m512i digits)
{
    __m512i pairs = _mm512_maddubs_epi16(digits, _mm512_set1_epi16(0x010A));
    __m512i fours = _mm512_madd_epi16(pairs, _mm512_set1_epi32(0x00010064));
    return _mm512_add_epi64(_mm512_mul_epu32(fours, all(10000)), _mm512_srli_epi64(fours, 32));
}

INLINE __m512i join_all(const numbers *x, int n_words)
{
    __m512i value = join(x->word[0]);
    if (n_words > 1)
        value = _mm512_add_epi64(value, _mm512_mul_epu32(join(x->word[1]), all(100000000)));
    if (n_words > 2)
        value = _mm512_add_epi64(value,
                                 _mm512_mullo_epi64(join(x->word[2]), all(10000000000000000)));
    return value;
}

/* Bits of the i-th word that are no part of the text. */
static inline __m512i bits_before(__m512i n_bytes, int i)
{
    __m512i bits = _mm512_sub_epi64(all(64 * (i + 1)), _mm512_slli_epi64(n_bytes, 3));
    return _mm512_max_epi64(bits, _mm512_setzero_si512());
}

/* Returns which of them are odd: empty, or with a zero in front. */
INLINE __mmask8 load_numbers(numbers *x, const sheaf__cells *cells, const lanes *l, int n_words)
{
    __m512i end = _mm512_add_epi64(l->at, l->n_bytes);
    x->n_bytes = l->n_bytes;
    x->word[0] = gather(cells, l->valid, end, -8);
    for (int i = 1; i < n_words; i++) {
        __mmask8 reaches = _mm512_mask_cmpgt_epu64_mask(l->valid, l->n_bytes, all(8 * i));
        x->word[i] = gather(cells, reaches, end, -8 * (i + 1));
    }
    __m512i first = n_words > 1 ? gather(cells, l->valid, l->at, 0)
                                : _mm512_srlv_epi64(x->word[0], bits_before(l->n_bytes, 0));
    x->negative = _mm512_mask_cmpeq_epu64_mask(l->valid, _mm512_and_si512(first, all(0xFF)),
                                               all('-'));
    x->n_bytes = _mm512_mask_sub_epi64(x->n_bytes, x->negative, x->n_bytes, all(1));
    first = _mm512_mask_srli_epi64(first, x->negative, first, 8);
    for (int i = 0; i < n_words; i++) {
        __m512i keep = _mm512_sllv_epi64(all(-1), bits_before(x->n_bytes, i));
        x->word[i] = _mm512_xor_si512(x->word[i], _mm512_set1_epi8('0'));
        x->word[i] = _mm512_and_si512(x->word[i], keep);
    }
    __mmask8 empty = _mm512_mask_cmplt_epu64_mask(l->valid, x->n_bytes, all(1));
    __mmask8 zero_first = _mm512_mask_cmpeq_epu64_mask(l->valid, _mm512_and_si512(first, all(0xFF)),
                                                       all('0'));
    zero_first = _mm512_mask_cmpgt_epu64_mask(zero_first, x->n_bytes, all(1));
    __m512i second = _mm512_and_si512(first, all(0xFF00));
    return empty | _mm512_mask_cmpneq_epu64_mask(zero_first, second, all('.' << 8));
}

/* Which of them are odd: with a character that is no digit. */
INLINE __mmask8 other_than_digits(__mmask8 here, const numbers *x, int n_words)
{
    __m512i most = x->word[0];
    for (int i = 1; i < n_words; i++)
        most = _mm512_max_epu8(most, x->word[i]);
    __m512i over = _mm512_subs_epu8(most, _mm512_set1_epi8(9));
    return _mm512_mask_test_epi64_mask(here, over, over);
}

/* Whether any text is longer. */
static inline bool any_longer(const lanes *l, int n_bytes)
{
    return _mm512_mask_cmpgt_epu64_mask(l->valid, l->n_bytes, all(n_bytes)) != 0;
}

INLINE bool convert_ints_of(const sheaf__cells *cells, const lanes *l, __m512i *values, int n_words)
{
    numbers x;
    __mmask8 odd = load_numbers(&x, cells, l, n_words);
    odd |= other_than_digits(l->valid, &x, n_words);
    __m512i value = join_all(&x, n_words);
    odd |= _mm512_mask_cmpeq_epu64_mask(x.negative, value, _mm512_setzero_si512());
    *values = _mm512_mask_sub_epi64(value, x.negative, _mm512_setzero_si512(), value);
    return !odd;
}

/* Of at most fifteen digits: those are far from what a double cannot hold. */
static inline bool convert_ints(const sheaf__cells *cells, const lanes *l, __m512i *values)
{
    if (!any_longer(l, 8))
        return convert_ints_of(cells, l, values, 1);
    return !any_longer(l, 15) && convert_ints_of(cells, l, values, 2);
}

/* The lowest byte of each word in which there is a point, as 0xFF; zero where there is none. */
static inline __m512i point_of(__m512i word)
{
    __m512i points = _mm512_movm_epi8(_mm512_cmpeq_epi8_mask(word, _mm512_set1_epi8('.' ^ '0')));
    __m512i lowest = _mm512_and_si512(points, _mm512_sub_epi64(_mm512_setzero_si512(), points));
    return _mm512_sub_epi64(_mm512_slli_epi64(lowest, 8), lowest);
}

/* A word without the point: what stands before it moves up. */
static inline __m512i close_up(__m512i word, __m512i point)
{
    __m512i lowest = _mm512_and_si512(point, _mm512_sub_epi64(_mm512_setzero_si512(), point));
    __m512i below = _mm512_sub_epi64(lowest, all(1));
    __m512i before = _mm512_slli_epi64(_mm512_and_si512(word, below), 8);
    __m512i behind = _mm512_andnot_si512(_mm512_or_si512(below, point), word);
    return _mm512_or_si512(before, behind);
}

/*
 * Take the points out, and say how many digits stood behind each. A second point in a number stays,
 * and is no digit.
 */
INLINE __mmask8 remove_points(numbers *x, __m512i *n_behind, int n_words)
{
    __mmask8 found = 0;
    *n_behind = _mm512_setzero_si512();
    /* From the last word to the first: what was closed up makes room for what stands before it. */
    for (int i = 0; i < n_words; i++) {
        __m512i point = point_of(x->word[i]);
        __mmask8 here = _mm512_test_epi64_mask(point, point) & (__mmask8)~found;
        __m512i closed = close_up(x->word[i], point);
        __m512i moved = _mm512_slli_epi64(x->word[i], 8);
        __m512i word = _mm512_mask_mov_epi64(x->word[i], here, closed);
        word = _mm512_mask_mov_epi64(word, found, moved);
        found |= here;
        if (i + 1 < n_words)
            word = _mm512_mask_or_epi64(word, found, word, _mm512_srli_epi64(x->word[i + 1], 56));
        x->word[i] = word;
        __m512i behind = _mm512_srli_epi64(_mm512_lzcnt_epi64(point), 3);
        *n_behind = _mm512_mask_add_epi64(*n_behind, here, behind, all(8 * i));
    }
    return found;
}

/* What is to become floats: digits, and how many of them stood behind a point. */
typedef struct decimals {
    __mmask8 negative;
    __mmask8 ints; /* without a point */
    __m512i digits;
    __m512i n_behind;
} decimals;

INLINE bool load_decimals(decimals *d, const sheaf__cells *cells, const lanes *l, int n_words)
{
    numbers x;
    __mmask8 odd = load_numbers(&x, cells, l, n_words);
    __mmask8 with_point = remove_points(&x, &d->n_behind, n_words);
    odd |= other_than_digits(l->valid, &x, n_words);
    if (n_words > 2) /* more than 64 bits hold */
        odd |= _mm512_mask_cmpgt_epu64_mask(l->valid, join(x.word[2]), all(1843));
    d->negative = x.negative;
    d->ints = l->valid & (__mmask8)~with_point;
    d->digits = join_all(&x, n_words);
    __mmask8 long_ints = _mm512_mask_cmpgt_epu64_mask(d->ints, x.n_bytes, all(15));
    __mmask8 only_point = _mm512_mask_cmplt_epu64_mask(l->valid & with_point, x.n_bytes, all(2));
    __mmask8 minus_zero = _mm512_mask_cmpeq_epu64_mask(d->ints & d->negative, d->digits,
                                                       _mm512_setzero_si512());
    return !(odd | long_ints | only_point | minus_zero);
}

static inline __m512i with_sign(const decimals *d, __m512i values)
{
    return _mm512_mask_xor_epi64(values, d->negative, values, all(INT64_MIN));
}

/* Of at most fifteen digits, which a double holds, as it does the power of ten. */
static inline __m512i divide(const decimals *d)
{
    const __m512d powers = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
    const __m512d more_powers = _mm512_setr_pd(1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15);
    __m512d divisor = _mm512_permutex2var_pd(powers, d->n_behind, more_powers);
    return _mm512_castpd_si512(_mm512_div_pd(_mm512_cvtepu64_pd(d->digits), divisor));
}

/* Of more digits: one by one. False: one of them is not to be decided by these digits. */
static inline bool compose(const decimals *d, __m512i *values)
{
    uint64_t n_behind = (uint64_t)_mm_cvtsi128_si64(_mm512_cvtepi64_epi8(d->n_behind));
    for (int i = 0; i < LANES; i++) {
        __mmask8 lane = (__mmask8)(1u << i);
        uint64_t digits = (uint64_t)_mm_cvtsi128_si64(
            _mm512_castsi512_si128(_mm512_maskz_compress_epi64(lane, d->digits)));
        double value = 0;
        int64_t exponent = -(int64_t)(n_behind >> 8 * i & 0xFF);
        if (digits != 0 && !sheaf__float_compose(digits, exponent, &value))
            return false;
        *values = _mm512_mask_mov_epi64(*values, lane, _mm512_castpd_si512(_mm512_set1_pd(value)));
    }
    return true;
}

static inline bool convert_floats(const sheaf__cells *cells, const lanes *l, __m512i *values,
                                  sheaf__kinds *kinds)
{
    decimals d;
    if (!any_longer(l, 8)) {
        if (!load_decimals(&d, cells, l, 1))
            return false;
        *values = divide(&d);
    } else if (!any_longer(l, 16)) {
        if (!load_decimals(&d, cells, l, 2))
            return false;
        *values = divide(&d);
    } else if (any_longer(l, 24) || !load_decimals(&d, cells, l, 3) || !compose(&d, values)) {
        return false;
    }
    *values = with_sign(&d, *values);
    *kinds |= d.ints ? SHEAF__KIND_INT : 0;
    *kinds |= l->valid & ~d.ints ? SHEAF__KIND_FLOAT : 0;
    return true;
}

/* ---- timestamps ---- */

/* Of the year that begins in March: days before each month. Index 0 is no month. */
static inline __m512i days_before_month(__m512i month)
{
    const __m512i first = _mm512_setr_epi64(0, 306, 337, 0, 31, 61, 92, 122);
    const __m512i second = _mm512_setr_epi64(153, 184, 214, 245, 275, 0, 0, 0);
    return _mm512_permutex2var_epi64(first, month, second);
}

/* In no year fewer: 29 February is for whoever knows leap years. */
static inline __m512i days_of_month(__m512i month)
{
    const __m512i first = _mm512_setr_epi64(0, 31, 28, 31, 30, 31, 30, 31);
    const __m512i second = _mm512_setr_epi64(31, 30, 31, 30, 31, 0, 0, 0);
    return _mm512_permutex2var_epi64(first, month, second);
}

/* Days from 1970-01-01; years 1 to 9999. */
static inline __m512i days_of(__m512i year, __m512i month, __m512i day)
{
    __mmask8 before_march = _mm512_cmplt_epu64_mask(month, all(3));
    year = _mm512_mask_sub_epi64(year, before_march, year, all(1));
    __m512i centuries = _mm512_srli_epi64(_mm512_mul_epu32(year, all(5243)), 19);
    __m512i days = _mm512_mul_epu32(year, all(365));
    days = _mm512_add_epi64(days, _mm512_srli_epi64(year, 2));
    days = _mm512_sub_epi64(days, centuries);
    days = _mm512_add_epi64(days, _mm512_srli_epi64(centuries, 2));
    days = _mm512_add_epi64(days, days_before_month(month));
    return _mm512_add_epi64(days, _mm512_sub_epi64(day, all(1 + DAYS_TO_1970)));
}

/* A byte of each word. */
static inline __m512i byte_of(__m512i word, unsigned i)
{
    return _mm512_and_si512(_mm512_srli_epi64(word, i * 8), all(0xFF));
}

/* "2024-02-29 13:05:59", or with a T: nothing shorter, nothing longer. */
static inline bool convert_timestamps(const sheaf__cells *cells, const lanes *l, __m512i *values)
{
    const __m512i date_form = all(0x2D30302D30303030); /* 0000-00- */
    const __m512i mid_form = all(0x30303A3030203030);  /* 00 00:00 */
    const __m512i time_form = all(0x30303A30303A3030); /* 00:00:00, three bytes on */
    const __m512i date_most = all(0x0009090009090909);
    const __m512i mid_most = all(0x0909000909740909); /* 'T' ^ ' ' */
    const __m512i time_most = all(0x0909000909000909);
    if (_mm512_mask_cmpneq_epu64_mask(l->valid, l->n_bytes, all(19)))
        return false;
    __m512i date = _mm512_xor_si512(gather(cells, l->valid, l->at, 0), date_form);
    __m512i mid = _mm512_xor_si512(gather(cells, l->valid, l->at, 8), mid_form);
    __m512i time = _mm512_xor_si512(gather(cells, l->valid, l->at, 11), time_form);
    __mmask64 over = _mm512_cmpgt_epu8_mask(date, date_most) |
                     _mm512_cmpgt_epu8_mask(mid, mid_most) |
                     _mm512_cmpgt_epu8_mask(time, time_most);
    __m512i over_bytes = _mm512_movm_epi8(over);
    __m512i between = byte_of(mid, 2);
    __mmask8 odd = _mm512_mask_test_epi64_mask(l->valid, over_bytes, over_bytes);
    odd |= _mm512_mask_cmpneq_epu64_mask(
        _mm512_mask_cmpneq_epu64_mask(l->valid, between, _mm512_setzero_si512()), between,
        all('T' ^ ' '));
    const __m512i tens = _mm512_set1_epi16(0x010A);
    __m512i years = _mm512_maddubs_epi16(date, tens); /* words: century, year */
    __m512i year = _mm512_add_epi64(
        _mm512_mul_epu32(_mm512_and_si512(years, all(0xFFFF)), all(100)),
        _mm512_and_si512(_mm512_srli_epi64(years, 16), all(0xFFFF)));
    __m512i month = _mm512_add_epi64(_mm512_mul_epu32(byte_of(date, 5), all(10)), byte_of(date, 6));
    __m512i mids = _mm512_maddubs_epi16(mid, tens);
    __m512i day = _mm512_and_si512(mids, all(0xFFFF));
    __m512i hour = _mm512_add_epi64(_mm512_mul_epu32(byte_of(mid, 3), all(10)), byte_of(mid, 4));
    __m512i minute = _mm512_srli_epi64(mids, 48);
    __m512i second = _mm512_srli_epi64(_mm512_maddubs_epi16(time, tens), 48);
    const __m512i one = all(1);
    odd |= _mm512_mask_cmplt_epu64_mask(l->valid, year, one) |
           _mm512_mask_cmpge_epu64_mask(l->valid, _mm512_sub_epi64(month, one), all(12)) |
           _mm512_mask_cmpge_epu64_mask(l->valid, _mm512_sub_epi64(day, one),
                                        days_of_month(month)) |
           _mm512_mask_cmpgt_epu64_mask(l->valid, hour, all(23)) |
           _mm512_mask_cmpgt_epu64_mask(l->valid, minute, all(59)) |
           _mm512_mask_cmpgt_epu64_mask(l->valid, second, all(59));
    __m512i seconds = _mm512_add_epi64(
        _mm512_add_epi64(_mm512_mul_epu32(hour, all(3600)), _mm512_mul_epu32(minute, all(60))),
        second);
    seconds = _mm512_add_epi64(seconds,
                               _mm512_mullo_epi64(days_of(year, month, day), all(DAY_SECONDS)));
    *values = _mm512_mullo_epi64(seconds, all(1000000));
    return !odd;
}

/* ---- columns ---- */

typedef enum form { INTS, FLOATS, TIMESTAMPS } form;

static inline bool convert_lanes(form what, const sheaf__cells *cells, const lanes *l,
                                 __m512i *values, sheaf__kinds *kinds)
{
    if (!l->valid) {
        *values = _mm512_setzero_si512();
        return true;
    }
    if (what == FLOATS)
        return convert_floats(cells, l, values, kinds);
    bool done = what == INTS ? convert_ints(cells, l, values)
                             : convert_timestamps(cells, l, values);
    if (done)
        *kinds |= what == INTS ? SHEAF__KIND_INT : SHEAF__KIND_TIMESTAMP;
    return done;
}

/* Convert, and leave eight cells that are not plain to `other`. */
static inline __attribute__((always_inline)) size_t convert(form what, sheaf__converter *other,
                                                            const sheaf__cells *cells, size_t row,
                                                            sheaf__value *values, uint8_t *valid,
                                                            sheaf__kinds *kinds)
{
    while (row < cells->n) {
        size_t next = (row / LANES + 1) * LANES;
        __m512i converted = _mm512_setzero_si512();
        lanes l = load_cells(cells, row);
        if (row % LANES == 0 && convert_lanes(what, cells, &l, &converted, kinds)) {
            store(&l, row, converted, values, valid);
            *kinds |= l.valid != l.there ? SHEAF__KIND_NULL : 0;
            row = next;
            continue;
        }
        sheaf__cells some = *cells;
        some.n = next < cells->n ? next : cells->n;
        row = other(&some, row, values, valid, kinds);
        if (row < some.n)
            return row;
    }
    return cells->n;
}

size_t sheaf__convert_int64_avx512(const sheaf__cells *cells, size_t row, sheaf__value *values,
                                   uint8_t *valid, sheaf__kinds *kinds)
{
    return convert(INTS, sheaf__convert_int64, cells, row, values, valid, kinds);
}

size_t sheaf__convert_float64_avx512(const sheaf__cells *cells, size_t row, sheaf__value *values,
                                     uint8_t *valid, sheaf__kinds *kinds)
{
    return convert(FLOATS, sheaf__convert_float64, cells, row, values, valid, kinds);
}

size_t sheaf__convert_timestamp_avx512(const sheaf__cells *cells, size_t row, sheaf__value *values,
                                       uint8_t *valid, sheaf__kinds *kinds)
{
    return convert(TIMESTAMPS, sheaf__convert_timestamp, cells, row, values, valid, kinds);
}
