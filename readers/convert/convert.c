/* One value, and a column of them: see convert.h. */
#include "readers/convert/convert.h"

#include <string.h>

#include "readers/convert/calendar.h"
#include "readers/convert/converters.h"
#include "readers/convert/number.h"
#include "readers/convert/short_number.h"
#include "readers/scan/scan.h"

static sheaf__kinds bool_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    static const char *const spellings[2][3] = {{"false", "False", "FALSE"},
                                                {"true", "True", "TRUE"}};
    for (int truth = 0; truth < 2; truth++) {
        for (int i = 0; i < 3 && n_bytes == (truth ? 4u : 5u); i++) {
            if (memcmp(text, spellings[truth][i], n_bytes) == 0) {
                value->integer = truth;
                return SHEAF__KIND_BOOL;
            }
        }
    }
    return SHEAF__KIND_TEXT;
}

/* No number has a colon, or a minus behind a digit. */
static inline bool may_be_moment(const uint8_t *text, size_t n_bytes)
{
    return n_bytes >= 8 && (text[2] == ':' || (text[4] == '-' && is_digit(text[3])));
}

static inline sheaf__kinds value_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    if (n_bytes == 0)
        return SHEAF__KIND_TEXT;
    if (is_digit(*text))
        return may_be_moment(text, n_bytes) ? moment_of(text, n_bytes, value)
                                            : number_of(text, n_bytes, value);
    if (*text == '-' || *text == '.')
        return number_of(text, n_bytes, value);
    return bool_of(text, n_bytes, value);
}

sheaf__kinds sheaf__value_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    return value_of(text, n_bytes, value);
}

/* A value of one kind as the same of a type that holds this kind. */
static inline sheaf__value widened(sheaf__kinds kind, sheaf_type type, sheaf__value value)
{
    if (type == SHEAF_TYPE_FLOAT64 && kind != SHEAF__KIND_FLOAT)
        return (sheaf__value){.real = (double)value.integer};
    if (type == SHEAF_TYPE_TIMESTAMP && kind == SHEAF__KIND_DATE)
        return (sheaf__value){.integer = value.integer * DAY_US};
    return value;
}

/* ---- a type that was asked for ---- */

/* "+007" and "-007" as 7 and -7: without what a number does not need in front. */
static sheaf__kinds plain_number_of(const uint8_t *text, size_t n_bytes, bool only_reals,
                                    sheaf__value *value)
{
    const uint8_t *end = text + n_bytes;
    bool negative = *text == '-';
    text += negative || *text == '+';
    while (end - text > 1 && text[0] == '0' && is_digit(text[1]))
        text++;
    return text < end ? unsigned_number_of(text, end, negative, only_reals, value)
                      : SHEAF__KIND_TEXT;
}

bool sheaf__value_as(sheaf_type type, const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    if (n_bytes > 0 && type == SHEAF_TYPE_FLOAT64)
        return plain_number_of(text, n_bytes, true, value) == SHEAF__KIND_FLOAT;
    sheaf__kinds held = sheaf__kinds_of_type(type);
    sheaf__kinds kind = value_of(text, n_bytes, value);
    if (n_bytes > 0 && type == SHEAF_TYPE_INT64 && !(kind & held))
        kind = plain_number_of(text, n_bytes, false, value);
    *value = widened(kind, type, *value);
    return (kind & held) != 0;
}

/* ---- columns ---- */

/* One cell's value; 0: it is not of the type. */
static inline __attribute__((always_inline)) sheaf__kinds convert_cell(const sheaf__cells *cells,
                                                                       size_t row, sheaf_type type,
                                                                       sheaf__kinds held,
                                                                       sheaf__value *value)
{
    sheaf__cell cell = cells->first[row * cells->stride];
    const uint8_t *text = cells->text + cell.offset_bytes;
    sheaf__kinds kind = SHEAF__KIND_TEXT;
    value->integer = 0;
    if (cell.n_bytes == SHEAF__NULL_CELL)
        return SHEAF__KIND_NULL;
    if ((type == SHEAF_TYPE_INT64 || type == SHEAF_TYPE_FLOAT64) && cell.n_bytes > 0)
        kind = short_number_of(text, cell.n_bytes, value);
    if (!(kind & held))
        kind = value_of(text, cell.n_bytes, value);
    *value = widened(kind, type, *value);
    return kind & held;
}

/* Rows up to the next whole byte of bits: those are written at once. */
static inline __attribute__((always_inline)) size_t convert(const sheaf__cells *cells, size_t row,
                                                            sheaf__value *values, uint8_t *valid,
                                                            sheaf__kinds *kinds, sheaf_type type)
{
    const sheaf__kinds held = sheaf__kinds_of_type(type);
    sheaf__kinds met = 0;
    bool goes_on = true;
    while (goes_on && row < cells->n) {
        size_t first = row - row % 8;
        size_t end = first + 8 < cells->n ? first + 8 : cells->n;
        unsigned bits = valid[row / 8] & ((1u << row % 8) - 1);
        for (; row < end; row++) {
            sheaf__value value;
            sheaf__kinds kind = convert_cell(cells, row, type, held, &value);
            if (kind == 0) {
                goes_on = false;
                break;
            }
            met |= kind;
            values[row] = value;
            bits |= (unsigned)(kind != SHEAF__KIND_NULL) << (row - first);
        }
        valid[first / 8] = (uint8_t)bits;
    }
    *kinds |= met;
    return row;
}

#define CONVERTER(name, type)                                                                      \
    size_t name(const sheaf__cells *cells, size_t row, sheaf__value *values, uint8_t *valid,       \
                sheaf__kinds *kinds)                                                               \
    {                                                                                              \
        return convert(cells, row, values, valid, kinds, type);                                    \
    }

CONVERTER(sheaf__convert_bool, SHEAF_TYPE_BOOL)
CONVERTER(sheaf__convert_int64, SHEAF_TYPE_INT64)
CONVERTER(sheaf__convert_float64, SHEAF_TYPE_FLOAT64)
CONVERTER(sheaf__convert_date, SHEAF_TYPE_DATE)
CONVERTER(sheaf__convert_timestamp, SHEAF_TYPE_TIMESTAMP)
CONVERTER(sheaf__convert_timestamp_utc, SHEAF_TYPE_TIMESTAMP_UTC)
CONVERTER(sheaf__convert_time, SHEAF_TYPE_TIME)

static sheaf__converter *const plain[SHEAF_TYPES] = {
    [SHEAF_TYPE_BOOL] = sheaf__convert_bool,
    [SHEAF_TYPE_INT64] = sheaf__convert_int64,
    [SHEAF_TYPE_FLOAT64] = sheaf__convert_float64,
    [SHEAF_TYPE_DATE] = sheaf__convert_date,
    [SHEAF_TYPE_TIMESTAMP] = sheaf__convert_timestamp,
    [SHEAF_TYPE_TIMESTAMP_UTC] = sheaf__convert_timestamp_utc,
    [SHEAF_TYPE_TIME] = sheaf__convert_time,
};

#if defined(__x86_64__)
static sheaf__converter *const by_avx2[SHEAF_TYPES] = {
    [SHEAF_TYPE_INT64] = sheaf__convert_int64_avx2,
    [SHEAF_TYPE_FLOAT64] = sheaf__convert_float64_avx2,
    [SHEAF_TYPE_TIMESTAMP] = sheaf__convert_timestamp_avx2,
};

static sheaf__converter *const by_avx512[SHEAF_TYPES] = {
    [SHEAF_TYPE_INT64] = sheaf__convert_int64_avx512,
    [SHEAF_TYPE_FLOAT64] = sheaf__convert_float64_avx512,
    [SHEAF_TYPE_TIMESTAMP] = sheaf__convert_timestamp_avx512,
};

/* What is faster, where the instructions of this scan kernel are. */
static sheaf__converter *const *faster(const char *kernel)
{
    if (strcmp(kernel, "avx512") == 0)
        return by_avx512;
    return strcmp(kernel, "avx2") == 0 ? by_avx2 : plain;
}
#else
static sheaf__converter *const *faster(const char *kernel)
{
    (void)kernel;
    return plain;
}
#endif

sheaf__converter *sheaf__converter_with(const char *kernel, sheaf_type type)
{
    sheaf__converter *fast = faster(kernel)[type];
    return fast ? fast : plain[type];
}

sheaf__converter *sheaf__converter_of(sheaf_type type)
{
    const sheaf__scan_kernel *kernel = sheaf__scan_kernel_get();
    return kernel ? sheaf__converter_with(kernel->name, type) : plain[type];
}
