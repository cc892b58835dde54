/*
 * Whether text is UTF-8, 32 bytes at a time, for kernels with AVX2.
 *
 * Every fault of UTF-8 shows in two neighbouring bytes, but for a third or fourth one that is
 * missing or too much. So three tables, asked with the two halves of a byte and the upper half of
 * the next, each tell what faults are possible, and what all three agree on is one (Keiser and
 * Lemire, "Validating UTF-8 in less than one instruction per byte", Software: Practice and
 * Experience 51, 2021).
 */
#ifndef SHEAF_SCAN_UTF8_AVX2_H
#define SHEAF_SCAN_UTF8_AVX2_H

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

enum {
    TOO_SHORT = 1 << 0,    /* a lead byte, and no continuation */
    TOO_LONG = 1 << 1,     /* ASCII, and a continuation */
    OVERLONG_3 = 1 << 2,   /* E0 and less than A0 */
    TOO_LARGE = 1 << 3,    /* F4 and more than 8F, or a larger lead with more than 8F */
    SURROGATE = 1 << 4,    /* ED and more than 9F */
    OVERLONG_2 = 1 << 5,   /* C0 or C1 */
    OVERLONG_4 = 1 << 6,   /* F0 and less than 90 */
    TOO_LARGE_8 = 1 << 6,  /* F5 to FF and less than 90; of another lead than OVERLONG_4 */
    CONTINUATIONS = 1 << 7 /* two: right behind a lead byte of three or four */
};

/* The table of 16 entries, in both halves of the register. */
static inline __m256i utf8_look_up(const uint8_t *table, __m256i halves)
{
    __m256i both = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)table));
    return _mm256_shuffle_epi8(both, halves);
}

static inline __m256i utf8_upper_halves(__m256i bytes)
{
    return _mm256_and_si256(_mm256_srli_epi16(bytes, 4), _mm256_set1_epi8(15));
}

/* The faults of a register, `before` being the one before it. */
static inline __m256i utf8_faults(__m256i bytes, __m256i before)
{
    enum { ANY = TOO_SHORT | TOO_LONG | CONTINUATIONS, LARGE = ANY | TOO_LARGE | TOO_LARGE_8 };
    static const uint8_t first_upper[16] = {TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            TOO_LONG,
                                            CONTINUATIONS,
                                            CONTINUATIONS,
                                            CONTINUATIONS,
                                            CONTINUATIONS,
                                            TOO_SHORT | OVERLONG_2,
                                            TOO_SHORT,
                                            TOO_SHORT | OVERLONG_3 | SURROGATE,
                                            TOO_SHORT | TOO_LARGE | TOO_LARGE_8 | OVERLONG_4};
    static const uint8_t first_lower[16] = {ANY | OVERLONG_3 | OVERLONG_2 | OVERLONG_4,
                                            ANY | OVERLONG_2,
                                            ANY,
                                            ANY,
                                            ANY | TOO_LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE,
                                            LARGE | SURROGATE,
                                            LARGE,
                                            LARGE};
    enum { SECOND = TOO_LONG | OVERLONG_2 | CONTINUATIONS };
    static const uint8_t second_upper[16] = {TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             SECOND | OVERLONG_3 | TOO_LARGE_8 | OVERLONG_4,
                                             SECOND | OVERLONG_3 | TOO_LARGE,
                                             SECOND | SURROGATE | TOO_LARGE,
                                             SECOND | SURROGATE | TOO_LARGE,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT,
                                             TOO_SHORT};
    __m256i across = _mm256_permute2x128_si256(before, bytes, 0x21);
    __m256i one_back = _mm256_alignr_epi8(bytes, across, 15);
    __m256i two_back = _mm256_alignr_epi8(bytes, across, 14);
    __m256i three_back = _mm256_alignr_epi8(bytes, across, 13);
    __m256i lower = _mm256_and_si256(one_back, _mm256_set1_epi8(15));
    __m256i agreed = _mm256_and_si256(
        _mm256_and_si256(utf8_look_up(first_upper, utf8_upper_halves(one_back)),
                         utf8_look_up(first_lower, lower)),
        utf8_look_up(second_upper, utf8_upper_halves(bytes)));
    /* The upper bit where a third or fourth byte has to be: there, and only there, two may. */
    __m256i third = _mm256_subs_epu8(two_back, _mm256_set1_epi8((char)(0xE0 - 0x80)));
    __m256i fourth = _mm256_subs_epu8(three_back, _mm256_set1_epi8((char)(0xF0 - 0x80)));
    __m256i due = _mm256_and_si256(_mm256_or_si256(third, fourth), _mm256_set1_epi8((char)0x80));
    return _mm256_xor_si256(due, agreed);
}

static bool utf8_check(const uint8_t *text, size_t n_bytes)
{
    __m256i before = _mm256_setzero_si256();
    __m256i faults = _mm256_setzero_si256();
    size_t at = 0;
    for (; n_bytes - at >= 32; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(text + at));
        faults = _mm256_or_si256(faults, utf8_faults(bytes, before));
        before = bytes;
    }
    /* Zeros behind the end, at least one, tell of a sequence that is cut off. */
    uint8_t padded[32] = {0};
    memcpy(padded, text + at, n_bytes - at);
    __m256i last = _mm256_loadu_si256((const __m256i *)padded);
    faults = _mm256_or_si256(faults, utf8_faults(last, before));
    return _mm256_testz_si256(faults, faults);
}

#endif
