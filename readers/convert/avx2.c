/* Conversion of four cells at a time, with AVX2. */
#include <immintrin.h>

#include "readers/convert/convert.h"
#include "readers/convert/load_avx2.h"

#define KERNEL avx2
#define LANES 4

typedef uint64_t words __attribute__((vector_size(32)));
typedef words mask;

typedef struct places {
    const uint8_t *text[LANES];
} places;

static inline words all(uint64_t value)
{
    return (words)_mm256_set1_epi64x((long long)value);
}

static inline words load_cells(const sheaf__cells *cells, size_t row, places *at)
{
    const uint8_t *text = cells->text;
    const sheaf__cell *a = cells->first + row * cells->stride;
    const sheaf__cell *b = a + cells->stride;
    const sheaf__cell *c = b + cells->stride;
    const sheaf__cell *d = c + cells->stride;
    *at = (places){{text + a->offset_bytes, text + b->offset_bytes, text + c->offset_bytes,
                    text + d->offset_bytes}};
    return (words)load_4(a, b, c, d);
}

static inline words load_text(const places *at, int offset)
{
    return (words)load_4(at->text[0] + offset, at->text[1] + offset, at->text[2] + offset,
                         at->text[3] + offset);
}

static inline void store(void *to, words w)
{
    _mm256_storeu_si256((__m256i *)to, (__m256i)w);
}

static inline mask equal(words a, words b)
{
    return (mask)_mm256_cmpeq_epi64((__m256i)a, (__m256i)b);
}

static inline mask differs(words a, words b)
{
    return ~equal(a, b);
}

static inline mask more(words a, words b)
{
    return (mask)_mm256_cmpgt_epi64((__m256i)a, (__m256i)b);
}

static inline mask without(words w, words bits)
{
    return equal(w & bits, all(0));
}

static inline mask but_not(mask m, mask other)
{
    return m & ~other;
}

static inline unsigned bits_of(mask m)
{
    return (unsigned)_mm256_movemask_pd((__m256d)m);
}

static inline words where(mask m, words w)
{
    return m & w;
}

static inline words unless(mask m, words w)
{
    return ~m & w;
}

static inline words shift_up(words w, words by)
{
    return (words)_mm256_sllv_epi64((__m256i)w, (__m256i)by);
}

static inline words shift_down(words w, words by)
{
    return (words)_mm256_srlv_epi64((__m256i)w, (__m256i)by);
}

static inline words multiply(words a, words b)
{
    return (words)_mm256_mul_epu32((__m256i)a, (__m256i)b);
}

static inline words join_bytes(words w, words weights)
{
    return (words)_mm256_maddubs_epi16((__m256i)w, (__m256i)weights);
}

static inline words join_16(words w, words weights)
{
    return (words)_mm256_madd_epi16((__m256i)w, (__m256i)weights);
}

static inline words over(words w, words most)
{
    return (words)_mm256_subs_epu8((__m256i)w, (__m256i)most);
}

static inline words bytes_equal(words w, words other)
{
    return (words)_mm256_cmpeq_epi8((__m256i)w, (__m256i)other);
}

/* Of a word whose bytes are all ones from the lowest to its highest bit. */
static inline words bytes_above(words w)
{
    words one_each = all(0x0101010101010101) & ~w;
    return (words)_mm256_sad_epu8((__m256i)one_each, _mm256_setzero_si256());
}

static inline words look_up(const uint8_t *table, words indexes)
{
    __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return (words)_mm256_shuffle_epi8(both, (__m256i)indexes);
}

static inline __attribute__((always_inline)) words quotient(words digits, words n, int most)
{
    /* The upper halves of 1 to 10^7; their lower halves are zero. */
    const __m256i powers = _mm256_setr_epi32(0x3FF00000, 0x40240000, 0x40590000, 0x408F4000,
                                             0x40C38800, 0x40F86A00, 0x412E8480, 0x416312D0);
    const words upper = all(UINT64_MAX << 32);
    const words two_52 = all(0x4330000000000000); /* whose last bit is worth one */
    __m256d dividend = _mm256_sub_pd((__m256d)(digits | two_52), (__m256d)two_52);
    words power = (words)_mm256_permutevar8x32_epi32(powers, (__m256i)(n << 32)) & upper;
    __m256d divisor = (__m256d)power;
    if (most > 7)
        divisor = _mm256_mul_pd(
            divisor, _mm256_blendv_pd(_mm256_set1_pd(1), _mm256_set1_pd(1e8), (__m256d)(n << 60)));
    return (words)_mm256_div_pd(dividend, divisor);
}

#include "readers/convert/kernel.h"
