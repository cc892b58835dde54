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
    DIGITS_STACK = 256,
    BLOCK_ROWS = 64 /* their bytes stay in the first cache while each column adds its own */
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

/*
 * ---- rows whose values all fit, and whose sizes are known beforehand: column by column ----
 *
 * A loop for each column of a block of rows, each with a place of its own to write at: that
 * takes about three quarters of the time that a switch for each value does.
 */

/* The bytes of a value, of those that always have as many; 0: none. */
static size_t width_of(sheaf_type type)
{
    switch (type) {
    case SHEAF_TYPE_BOOL:
        return 1;
    case SHEAF_TYPE_DATE:
        return 4;
    case SHEAF_TYPE_NULL:
    case SHEAF_TYPE_TEXT:
        return 0;
    default:
        return 8;
    }
}

static bool is_plain(const sheaf__column *column, const sheaf__fit *fit)
{
    if (fit->not_null && column->n_nulls > 0)
        return false;
    if (column->type == SHEAF_TYPE_TEXT)
        return column->valid && (fit->kind == SHEAF__FIT_ANY || fit->kind == SHEAF__FIT_TEXT);
    if (column->type == SHEAF_TYPE_INT64)
        return fit->kind == SHEAF__FIT_ANY || fit->kind == SHEAF__FIT_BIGINT;
    return column->type != SHEAF_TYPE_NULL && column->valid;
}

static bool are_plain(const sheaf__columns *columns, const sheaf__fit *fits)
{
    for (size_t i = 0; i < columns->n_columns; i++)
        if (!is_plain(&columns->items[i], &fits[i]))
            return false;
    return true;
}

typedef struct block {
    size_t first;
    size_t n;
    char *at[BLOCK_ROWS]; /* where the next value of each row goes */
} block;

/* Give each row of the block its place. Returns where the last one ends. */
static char *lay_out(block *rows, const sheaf__columns *columns, char *to)
{
    size_t sizes[BLOCK_ROWS];
    size_t fixed = 2 + 4 * columns->n_columns;
    for (size_t i = 0; i < columns->n_columns; i++)
        fixed += width_of(columns->items[i].type);
    for (size_t i = 0; i < rows->n; i++)
        sizes[i] = fixed;
    for (size_t c = 0; c < columns->n_columns; c++) {
        const sheaf__column *column = &columns->items[c];
        const int32_t *ends = column->type == SHEAF_TYPE_TEXT ? column->values : NULL;
        size_t width = width_of(column->type);
        for (size_t i = 0; column->n_nulls > 0 && i < rows->n; i++)
            if (sheaf__column_is_null(column, rows->first + i))
                sizes[i] -= ends ? (size_t)(ends[rows->first + i + 1] - ends[rows->first + i])
                                 : width;
        for (size_t i = 0; ends && i < rows->n; i++)
            sizes[i] += (size_t)(ends[rows->first + i + 1] - ends[rows->first + i]);
    }
    for (size_t i = 0; i < rows->n; i++) {
        rows->at[i] = put16(to, (uint16_t)columns->n_columns);
        to += sizes[i];
    }
    return to;
}

/*
 * All types of 8 bytes; shift: what their values count from. (What is written may be anything, for
 * all that the compiler knows: so the loops keep what they need in variables of their own.)
 */
static void put_wide(block *rows, const sheaf__column *column, int64_t shift)
{
    const char *values = (const char *)column->values + rows->first * sizeof(uint64_t);
    size_t n = rows->n;
    size_t first = rows->first;
    bool has_nulls = column->n_nulls > 0;
    for (size_t i = 0; i < n; i++) {
        char *to = rows->at[i];
        uint64_t value;
        memcpy(&value, values + i * sizeof value, sizeof value);
        rows->at[i] = has_nulls && sheaf__column_is_null(column, first + i)
                          ? put_null(to)
                          : put64(put32(to, 8), value - (uint64_t)shift);
    }
}

static void put_others(block *rows, const sheaf__column *column)
{
    static const sheaf__fit any = {.kind = SHEAF__FIT_ANY};
    for (size_t i = 0; i < rows->n; i++)
        rows->at[i] = put_value(rows->at[i], column, &any, rows->first + i);
}

static char *put_block(block *rows, const sheaf__columns *columns, char *to)
{
    char *end = lay_out(rows, columns, to);
    for (size_t c = 0; c < columns->n_columns; c++) {
        const sheaf__column *column = &columns->items[c];
        switch (column->type) {
        case SHEAF_TYPE_INT64:
        case SHEAF_TYPE_FLOAT64:
        case SHEAF_TYPE_TIME:
            put_wide(rows, column, 0);
            break;
        case SHEAF_TYPE_TIMESTAMP:
        case SHEAF_TYPE_TIMESTAMP_UTC:
            put_wide(rows, column, EPOCH_US);
            break;
        default:
            put_others(rows, column);
        }
    }
    return end;
}

static char *put_plain(char *to, const char *enough, const sheaf__columns *columns, size_t *row)
{
    block rows;
    for (; *row < columns->n_rows && to < enough; *row += rows.n) {
        size_t left = columns->n_rows - *row;
        rows.first = *row;
        rows.n = left < BLOCK_ROWS ? left : BLOCK_ROWS;
        to = put_block(&rows, columns, to);
    }
    return to;
}

/* ---- any rows ---- */

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
                                      const sheaf__fit *fits, size_t enough, size_t *row,
                                      size_t *column)
{
    if (!sheaf__postgres_reserve(rows, bytes_of(columns, fits)))
        return SHEAF_ENOMEM;
    char *to = rows->bytes + rows->n_bytes;
    const char *end = rows->bytes + (enough < rows->capacity ? enough : rows->capacity);
    if (are_plain(columns, fits))
        to = put_plain(to, end, columns, row);
    for (; *row < columns->n_rows && to < end; ++*row) {
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
