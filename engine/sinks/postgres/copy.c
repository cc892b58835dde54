/* Rows in COPY's binary format: see copy.h. */
#include "engine/sinks/postgres/copy.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/utf8.h"

enum {
    FIELD_BYTES = SHEAF__POSTGRES_FIELD_BYTES,
    EPOCH_DAYS = 10957,      /* 2000-01-01 */
    NUMERIC_HEAD_BYTES = 24, /* its length and head, and the digits that are cut at both ends */
    DIGITS_STACK = 256
};

static const int64_t EPOCH_US = (int64_t)EPOCH_DAYS * 86400 * 1000000;

void sheaf__postgres_rows_end(sheaf__postgres_rows *rows)
{
    free(rows->bytes);
    *rows = (sheaf__postgres_rows){0};
}

bool sheaf__postgres_reserve(sheaf__postgres_rows *rows, size_t n_bytes)
{
    size_t needed;
    if (__builtin_add_overflow(rows->n_bytes, n_bytes, &needed))
        return false;
    if (needed <= rows->capacity)
        return true;
    size_t capacity = needed + needed / 4;
    char *bytes = realloc(rows->bytes, capacity);
    if (!bytes)
        return false;
    rows->bytes = bytes;
    rows->capacity = capacity;
    return true;
}

/* ---- values: each writes at `to`, and returns where it ends ---- */

static inline char *put16(char *to, uint16_t value)
{
    value = htobe16(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline char *put32(char *to, uint32_t value)
{
    value = htobe32(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline char *put64(char *to, uint64_t value)
{
    value = htobe64(value);
    memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

static inline char *put_null(char *to)
{
    return put32(to, UINT32_MAX);
}

static inline char *put_int64(char *to, int64_t value)
{
    return put64(put32(to, 8), (uint64_t)value);
}

static inline char *put_int32(char *to, int32_t value)
{
    return put32(put32(to, 4), (uint32_t)value);
}

static inline char *put_text(char *to, const void *bytes, size_t n_bytes)
{
    to = put32(to, (uint32_t)n_bytes);
    memcpy(to, bytes, n_bytes);
    return to + n_bytes;
}

/* ---- numeric: digits of base 10000 ---- */

/* The decimal digit that is worth 10^power. */
static unsigned digit_at(const char *digits, const sheaf__decimal *decimal, int32_t power)
{
    int64_t at = (int64_t)decimal->point - 1 - power;
    return at >= 0 && at < (int64_t)decimal->n_digits ? (unsigned)(digits[at] - '0') : 0;
}

static int32_t floor_div4(int32_t value)
{
    return value >= 0 ? value / 4 : -((3 - value) / 4);
}

static char *write_numeric(char *to, const char *digits, const sheaf__decimal *decimal)
{
    char *length = to;
    int32_t weight = floor_div4(decimal->point - 1);
    int32_t last = floor_div4(decimal->point - (int32_t)decimal->n_digits);
    uint16_t n = decimal->n_digits > 0 ? (uint16_t)(weight - last + 1) : 0;
    to = put16(to + 4, n);
    to = put16(to, n > 0 ? (uint16_t)weight : 0);
    to = put16(to, decimal->is_negative && n > 0 ? 0x4000 : 0);
    to = put16(to, (uint16_t)decimal->scale);
    for (int32_t each = weight; n > 0 && each >= last; each--) {
        unsigned value = 0;
        for (int32_t power = each * 4 + 3; power >= each * 4; power--)
            value = value * 10 + digit_at(digits, decimal, power);
        to = put16(to, (uint16_t)value);
    }
    put32(length, (uint32_t)(to - length - 4));
    return to;
}

static char *put_numeric(char *to, const uint8_t *text, size_t n_bytes)
{
    char stack[DIGITS_STACK];
    char *digits = n_bytes > sizeof stack ? malloc(n_bytes) : stack;
    sheaf__decimal decimal;
    char *end = digits && sheaf__fit_decimal(text, n_bytes, digits, &decimal)
                    ? write_numeric(to, digits, &decimal)
                    : NULL;
    if (digits != stack)
        free(digits);
    return end;
}

/* ---- values of an existing table's types that are read as text; NULL: it is none ---- */

static char *put_spelled(char *to, const sheaf__fit *fit, const uint8_t *text, size_t n_bytes)
{
    uint8_t uuid[16];
    float real;
    uint32_t bits;
    switch (fit->kind) {
    case SHEAF__FIT_REAL:
        if (!sheaf__fit_float(text, n_bytes, &real))
            return NULL;
        memcpy(&bits, &real, sizeof bits);
        return put32(put32(to, 4), bits);
    case SHEAF__FIT_NUMERIC:
        return put_numeric(to, text, n_bytes);
    case SHEAF__FIT_UUID:
        return sheaf__fit_uuid(text, n_bytes, uuid) ? put_text(to, uuid, sizeof uuid) : NULL;
    case SHEAF__FIT_VARCHAR:
    case SHEAF__FIT_CHAR:
        return sheaf__fit_takes_text(fit, text, n_bytes) ? put_text(to, text, n_bytes) : NULL;
    default:
        return put_text(to, text, n_bytes);
    }
}

static char *put_integer(char *to, const sheaf__fit *fit, int64_t value)
{
    if (!sheaf__fit_takes_integer(fit, value))
        return NULL;
    if (fit->kind == SHEAF__FIT_SMALLINT)
        return put16(put32(to, 2), (uint16_t)value);
    if (fit->kind == SHEAF__FIT_INTEGER)
        return put_int32(to, (int32_t)value);
    return put_int64(to, value);
}

/* ---- rows ---- */

static char *put_value(char *to, const sheaf__column *column, const sheaf__fit *fit, size_t row)
{
    if (sheaf__column_is_null(column, row))
        return fit->not_null ? NULL : put_null(to);
    switch (column->type) {
    case SHEAF_TYPE_BOOL:
        to = put32(to, 1);
        *to = (char)(((const uint8_t *)column->values)[row / 8] >> row % 8 & 1);
        return to + 1;
    case SHEAF_TYPE_INT64:
        return put_integer(to, fit, ((const int64_t *)column->values)[row]);
    case SHEAF_TYPE_FLOAT64: {
        uint64_t bits;
        memcpy(&bits, (const double *)column->values + row, sizeof bits);
        return put64(put32(to, 8), bits);
    }
    case SHEAF_TYPE_DATE:
        return put_int32(to, ((const int32_t *)column->values)[row] - EPOCH_DAYS);
    case SHEAF_TYPE_TIMESTAMP:
    case SHEAF_TYPE_TIMESTAMP_UTC:
        return put_int64(to, ((const int64_t *)column->values)[row] - EPOCH_US);
    case SHEAF_TYPE_TIME:
        return put_int64(to, ((const int64_t *)column->values)[row]);
    default: {
        const int32_t *ends = column->values;
        return put_spelled(to, fit, column->text + ends[row], (size_t)(ends[row + 1] - ends[row]));
    }
    }
}

/* So many bytes the rows take at most. */
static size_t bytes_of(const sheaf__columns *columns, const sheaf__fit *fits)
{
    size_t sum = 2;
    for (size_t i = 0; i < columns->n_columns; i++)
        sum += fits[i].kind == SHEAF__FIT_NUMERIC || fits[i].kind == SHEAF__FIT_UUID
                   ? NUMERIC_HEAD_BYTES
                   : FIELD_BYTES;
    sum *= columns->n_rows;
    for (size_t i = 0; i < columns->n_columns; i++)
        if (columns->items[i].type == SHEAF_TYPE_TEXT)
            sum += (size_t)((const int32_t *)columns->items[i].values)[columns->n_rows];
    return sum;
}

sheaf_status sheaf__postgres_put_rows(sheaf__postgres_rows *rows, const sheaf__columns *columns,
                                      const sheaf__fit *fits, size_t *row, size_t *column)
{
    if (!sheaf__postgres_reserve(rows, bytes_of(columns, fits)))
        return SHEAF_ENOMEM;
    char *to = rows->bytes + rows->n_bytes;
    for (*row = 0; *row < columns->n_rows; ++*row) {
        to = put16(to, (uint16_t)columns->n_columns);
        for (*column = 0; *column < columns->n_columns; ++*column) {
            to = put_value(to, &columns->items[*column], &fits[*column], *row);
            if (!to)
                return SHEAF_END;
        }
    }
    rows->n_bytes = (size_t)(to - rows->bytes);
    return SHEAF_OK;
}

/* ---- what is around them, and rows by hand ---- */

bool sheaf__postgres_put_head(sheaf__postgres_rows *rows)
{
    static const char head[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; /* 11 bytes, flags, no more */
    _Static_assert(sizeof head == SHEAF__POSTGRES_HEAD_BYTES, "the head's size");
    if (!sheaf__postgres_reserve(rows, sizeof head))
        return false;
    memcpy(rows->bytes + rows->n_bytes, head, sizeof head);
    rows->n_bytes += sizeof head;
    return true;
}

bool sheaf__postgres_put_tail(sheaf__postgres_rows *rows)
{
    if (!sheaf__postgres_reserve(rows, 2))
        return false;
    sheaf__postgres_put_count(rows, UINT16_MAX);
    return true;
}

void sheaf__postgres_put_count(sheaf__postgres_rows *rows, size_t n_fields)
{
    put16(rows->bytes + rows->n_bytes, (uint16_t)n_fields);
    rows->n_bytes += 2;
}

void sheaf__postgres_put_null(sheaf__postgres_rows *rows)
{
    put_null(rows->bytes + rows->n_bytes);
    rows->n_bytes += 4;
}

void sheaf__postgres_put_bigint(sheaf__postgres_rows *rows, int64_t value)
{
    put_int64(rows->bytes + rows->n_bytes, value);
    rows->n_bytes += 12;
}

void sheaf__postgres_put_bytes(sheaf__postgres_rows *rows, const void *bytes, size_t n_bytes)
{
    put_text(rows->bytes + rows->n_bytes, bytes, n_bytes);
    rows->n_bytes += 4 + n_bytes;
}

bool sheaf__postgres_is_text(const char *path)
{
    return sheaf__utf8_valid((const uint8_t *)path, strlen(path));
}

void sheaf__postgres_put_path(sheaf__postgres_rows *rows, const char *path)
{
    size_t n = strlen(path);
    if (sheaf__postgres_is_text(path)) {
        sheaf__postgres_put_bytes(rows, path, n);
        return;
    }
    char *to = rows->bytes + rows->n_bytes + 4;
    size_t n_escaped = sheaf_text_escape(path, n, to, rows->capacity - rows->n_bytes - 4);
    uint32_t length = htobe32((uint32_t)n_escaped);
    memcpy(rows->bytes + rows->n_bytes, &length, sizeof length);
    rows->n_bytes += 4 + n_escaped;
}
