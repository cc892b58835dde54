/* Conversion of eight cells at a time, with AVX-512. */
#include <immintrin.h>

#include "readers/convert/convert.h"
#include "readers/convert/load_avx2.h"

#define KERNEL avx512
#define LANES 8

typedef uint64_t words __attribute__((vector_size(64)));
typedef __mmask8 mask;

typedef struct places {
    const uint8_t *text;
    words offsets;
} places;

static inline words all(uint64_t value)
{
    return (words)_mm512_set1_epi64((long long)value);
}

static inline words multiply(words a, words b)
{
    return (words)_mm512_mul_epu32((__m512i)a, (__m512i)b);
}

static inline __m256i load_4_apart(const sheaf__cell *first, size_t stride)
{
    return load_4(first, first + stride, first + 2 * stride, first + 3 * stride);
}

/*
 * Not by a gather: the one of the text would have to wait for it, and on some machines that is long
 * (integers took twice the time).
 */
static inline words load_cells(const sheaf__cells *cells, size_t row, places *at)
{
    const sheaf__cell *first = cells->first + row * cells->stride;
    const sheaf__cell *fifth = first + 4 * cells->stride;
    __m256i low = load_4_apart(first, cells->stride);
    __m256i high = load_4_apart(fifth, cells->stride);
    words cell = (words)_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    *at = (places){.text = cells->text, .offsets = cell & all(UINT32_MAX)};
    return cell;
}

/* Into zeros: what a gather does not load it keeps, and would wait for. */
static inline words load_text(const places *at, int offset)
{
    return (words)_mm512_mask_i64gather_epi64(_mm512_setzero_si512(), (1 << LANES) - 1,
                                              (__m512i)at->offsets, at->text + offset, 1);
}

static inline void store(void *to, words w)
{
    _mm512_storeu_si512(to, (__m512i)w);
}

static inline mask equal(words a, words b)
{
    return _mm512_cmpeq_epi64_mask((__m512i)a, (__m512i)b);
}

static inline mask differs(words a, words b)
{
    return _mm512_cmpneq_epi64_mask((__m512i)a, (__m512i)b);
}

static inline mask more(words a, words b)
{
    return _mm512_cmpgt_epi64_mask((__m512i)a, (__m512i)b);
}

static inline mask without(words w, words bits)
{
    return _mm512_testn_epi64_mask((__m512i)w, (__m512i)bits);
}

static inline mask but_not(mask m, mask other)
{
    return _kandn_mask8(other, m);
}

static inline unsigned bits_of(mask m)
{
    return m;
}

static inline words where(mask m, words w)
{
    return (words)_mm512_maskz_mov_epi64(m, (__m512i)w);
}

static inline words unless(mask m, words w)
{
    return (words)_mm512_maskz_mov_epi64(_knot_mask8(m), (__m512i)w);
}

static inline words shift_up(words w, words by)
{
    return (words)_mm512_sllv_epi64((__m512i)w, (__m512i)by);
}

static inline words shift_down(words w, words by)
{
    return (words)_mm512_srlv_epi64((__m512i)w, (__m512i)by);
}

static inline words join_bytes(words w, words weights)
{
    return (words)_mm512_maddubs_epi16((__m512i)w, (__m512i)weights);
}

static inline words join_16(words w, words weights)
{
    return (words)_mm512_madd_epi16((__m512i)w, (__m512i)weights);
}

static inline words over(words w, words most)
{
    return (words)_mm512_subs_epu8((__m512i)w, (__m512i)most);
}

static inline words bytes_equal(words w, words other)
{
    return (words)_mm512_movm_epi8(_mm512_cmpeq_epi8_mask((__m512i)w, (__m512i)other));
}

static inline words bytes_above(words w)
{
    return (words)_mm512_lzcnt_epi64((__m512i)w) >> 3;
}

static inline words look_up(const uint8_t *table, words indexes)
{
    __m512i four = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)table));
    return (words)_mm512_shuffle_epi8(four, (__m512i)indexes);
}

static inline __attribute__((always_inline)) words quotient(words digits, words n, int most)
{
    const __m512d powers = _mm512_setr_pd(1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7);
    const __m512d more_powers = _mm512_setr_pd(1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15);
    __m512d divisor = most > 7 ? _mm512_permutex2var_pd(powers, (__m512i)n, more_powers)
                               : _mm512_permutexvar_pd((__m512i)n, powers);
    return (words)_mm512_div_pd(_mm512_cvtepu64_pd((__m512i)digits), divisor);
}

#include "readers/convert/kernel.h"
