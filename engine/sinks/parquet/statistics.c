/* Bounds of a column chunk: see statistics.h. */
#include "engine/sinks/parquet/statistics.h"

#include <string.h>

enum { CHARACTER_BYTES_MAX = 4 };

static void set_bound(sheaf__bound *bound, const void *bytes, size_t n_bytes)
{
    memcpy(bound->bytes, bytes, n_bytes);
    bound->n_bytes = (uint8_t)n_bytes;
    bound->is_there = bound->is_exact = true;
}

/* ---- numbers ---- */

static inline size_t index_of(const uint32_t *firsts, size_t i)
{
    return firsts ? firsts[i] : i;
}

static void of_int64(sheaf__bounds *bounds, const int64_t *values, const uint32_t *firsts, size_t n)
{
    int64_t min = INT64_MAX;
    int64_t max = INT64_MIN;
    for (size_t i = 0; i < n; i++) {
        int64_t value = values[index_of(firsts, i)];
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    set_bound(&bounds->min, &min, sizeof min);
    set_bound(&bounds->max, &max, sizeof max);
}

static void of_int32(sheaf__bounds *bounds, const int32_t *values, const uint32_t *firsts, size_t n)
{
    int32_t min = INT32_MAX;
    int32_t max = INT32_MIN;
    for (size_t i = 0; i < n; i++) {
        int32_t value = values[index_of(firsts, i)];
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    set_bound(&bounds->min, &min, sizeof min);
    set_bound(&bounds->max, &max, sizeof max);
}

static void of_double(sheaf__bounds *bounds, const double *values, const uint32_t *firsts, size_t n)
{
    size_t begin = 0;
    while (begin < n && values[index_of(firsts, begin)] != values[index_of(firsts, begin)])
        begin++;
    if (begin == n)
        return;
    double min = values[index_of(firsts, begin)];
    double max = min;
    for (size_t i = begin + 1; i < n; i++) { /* to compare with NaN is false */
        double value = values[index_of(firsts, i)];
        min = value < min ? value : min;
        max = value > max ? value : max;
    }
    min = min == 0.0 ? -0.0 : min;
    max = max == 0.0 ? 0.0 : max;
    set_bound(&bounds->min, &min, sizeof min);
    set_bound(&bounds->max, &max, sizeof max);
}

static void of_bool(sheaf__bounds *bounds, const uint8_t *bits, size_t n)
{
    bool any[2] = {false, false};
    for (size_t i = 0; i < n; i++)
        any[bits[i / 8] >> i % 8 & 1] = true;
    set_bound(&bounds->min, &(uint8_t){!any[0]}, 1);
    set_bound(&bounds->max, &(uint8_t){any[1]}, 1);
}

/* ---- texts ---- */

typedef struct span {
    const uint8_t *bytes;
    size_t n_bytes;
} span;

static span text_at(const uint8_t *all, const int32_t *ends, size_t i)
{
    return (span){all + ends[i], (size_t)(ends[i + 1] - ends[i])};
}

static bool is_less(span a, span b)
{
    size_t n = a.n_bytes < b.n_bytes ? a.n_bytes : b.n_bytes;
    int order = n > 0 ? memcmp(a.bytes, b.bytes, n) : 0;
    return order < 0 || (order == 0 && a.n_bytes < b.n_bytes);
}

/* The beginning of a text, no character of it cut through. */
static void set_beginning(sheaf__bound *bound, span whole)
{
    size_t n = whole.n_bytes < SHEAF__BOUND_BYTES_MAX ? whole.n_bytes : SHEAF__BOUND_BYTES_MAX;
    if (n < whole.n_bytes)
        while (n > 0 && (whole.bytes[n] & 0xC0) == 0x80)
            n--;
    if (n > 0)
        set_bound(bound, whole.bytes, n);
    bound->n_bytes = (uint8_t)n;
    bound->is_there = true;
    bound->is_exact = n == whole.n_bytes;
}

static uint32_t decode(const uint8_t *bytes, size_t n)
{
    static const uint8_t masks[CHARACTER_BYTES_MAX + 1] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t character = bytes[0] & masks[n];
    for (size_t i = 1; i < n; i++)
        character = character << 6 | (bytes[i] & 0x3F);
    return character;
}

static void encode(uint32_t character, uint8_t *bytes, size_t n)
{
    static const uint8_t heads[CHARACTER_BYTES_MAX + 1] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; character >>= 6)
        bytes[i] = (uint8_t)(0x80 | (character & 0x3F));
    bytes[0] = (uint8_t)(heads[n] | character);
}

/* The next character that takes as many bytes; 0: there is none. */
static uint32_t next_character(uint32_t character, size_t n)
{
    static const uint32_t ends[CHARACTER_BYTES_MAX + 1] = {0, 0x80, 0x800, 0x10000, 0x110000};
    uint32_t next = character + 1;
    if (next == 0xD800) /* surrogates are no characters */
        next = 0xE000;
    return next < ends[n] ? next : 0;
}

/* Make the beginning of a text larger than all that begin so: none if there is nothing larger. */
static void count_up(sheaf__bound *bound)
{
    for (size_t end = bound->n_bytes; end > 0;) {
        size_t at = end - 1;
        while (at > 0 && (bound->bytes[at] & 0xC0) == 0x80)
            at--;
        size_t n = end - at;
        uint32_t next = n <= CHARACTER_BYTES_MAX ? next_character(decode(bound->bytes + at, n), n)
                                                 : 0;
        if (next > 0) {
            encode(next, bound->bytes + at, n);
            bound->n_bytes = (uint8_t)end;
            return;
        }
        end = at;
    }
    bound->is_there = false;
}

static void of_text(sheaf__bounds *bounds, const uint8_t *all, const int32_t *ends,
                    const uint32_t *firsts, size_t n)
{
    span min = text_at(all, ends, index_of(firsts, 0));
    span max = min;
    for (size_t i = 1; i < n; i++) {
        span one = text_at(all, ends, index_of(firsts, i));
        if (is_less(one, min))
            min = one;
        else if (is_less(max, one))
            max = one;
    }
    set_beginning(&bounds->min, min);
    set_beginning(&bounds->max, max);
    if (!bounds->max.is_exact)
        count_up(&bounds->max);
}

void sheaf__bounds_of(sheaf__bounds *bounds, sheaf_type type, const void *values,
                      const uint8_t *text, const uint32_t *firsts, size_t n)
{
    bounds->min.is_there = bounds->max.is_there = false;
    if (n == 0)
        return;
    switch (type) {
    case SHEAF_TYPE_NULL:
        return;
    case SHEAF_TYPE_BOOL:
        of_bool(bounds, values, n);
        return;
    case SHEAF_TYPE_FLOAT64:
        of_double(bounds, values, firsts, n);
        return;
    case SHEAF_TYPE_DATE:
        of_int32(bounds, values, firsts, n);
        return;
    case SHEAF_TYPE_TEXT:
        of_text(bounds, text, values, firsts, n);
        return;
    default:
        of_int64(bounds, values, firsts, n);
    }
}
