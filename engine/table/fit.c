/* What a column of an existing table takes: see fit.h. */
#include "engine/table/fit.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* PostgreSQL's limits of a numeric: digits in front of its point and behind it. */
    POINT_MAX = 131072,
    SCALE_MAX = 16383,
    NUMBER_STACK = 128
};

static const struct {
    const char *name;
    sheaf_type type;
} kinds[SHEAF__FIT_KINDS] = {
    [SHEAF__FIT_ANY] = {"text", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_BOOLEAN] = {"boolean", SHEAF_TYPE_BOOL},
    [SHEAF__FIT_SMALLINT] = {"smallint", SHEAF_TYPE_INT64},
    [SHEAF__FIT_INTEGER] = {"integer", SHEAF_TYPE_INT64},
    [SHEAF__FIT_BIGINT] = {"bigint", SHEAF_TYPE_INT64},
    [SHEAF__FIT_REAL] = {"real", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_DOUBLE] = {"double precision", SHEAF_TYPE_FLOAT64},
    [SHEAF__FIT_NUMERIC] = {"numeric", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_DATE] = {"date", SHEAF_TYPE_DATE},
    [SHEAF__FIT_TIMESTAMP] = {"timestamp", SHEAF_TYPE_TIMESTAMP},
    [SHEAF__FIT_TIMESTAMP_UTC] = {"timestamp with time zone", SHEAF_TYPE_TIMESTAMP_UTC},
    [SHEAF__FIT_TIME] = {"time", SHEAF_TYPE_TIME},
    [SHEAF__FIT_TEXT] = {"text", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_VARCHAR] = {"varchar", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_CHAR] = {"char", SHEAF_TYPE_TEXT},
    [SHEAF__FIT_UUID] = {"uuid", SHEAF_TYPE_TEXT},
};

sheaf_type sheaf__fit_type(const sheaf__fit *fit)
{
    return kinds[fit->kind].type;
}

const char *sheaf__fit_name(const sheaf__fit *fit, char name[SHEAF__FIT_NAME_BYTES])
{
    const char *kind = kinds[fit->kind].name;
    bool is_moment = fit->kind >= SHEAF__FIT_TIMESTAMP && fit->kind <= SHEAF__FIT_TIME;
    if (fit->kind == SHEAF__FIT_NUMERIC && fit->a > 0)
        snprintf(name, SHEAF__FIT_NAME_BYTES, "%s(%d,%d)", kind, (int)fit->a, (int)fit->b);
    else if (fit->kind == SHEAF__FIT_VARCHAR || fit->kind == SHEAF__FIT_CHAR ||
             (is_moment && fit->a < 6))
        snprintf(name, SHEAF__FIT_NAME_BYTES, "%s(%d)", kind, (int)fit->a);
    else
        snprintf(name, SHEAF__FIT_NAME_BYTES, "%s", kind);
    return name;
}

bool sheaf__fit_is_narrow(const sheaf__fit *fit)
{
    switch (fit->kind) {
    case SHEAF__FIT_SMALLINT:
    case SHEAF__FIT_INTEGER:
    case SHEAF__FIT_REAL:
    case SHEAF__FIT_NUMERIC:
    case SHEAF__FIT_VARCHAR:
    case SHEAF__FIT_CHAR:
    case SHEAF__FIT_UUID:
        return true;
    case SHEAF__FIT_TIMESTAMP:
    case SHEAF__FIT_TIMESTAMP_UTC:
    case SHEAF__FIT_TIME:
        return fit->a < 6;
    default:
        return false;
    }
}

bool sheaf__fit_takes_integer(const sheaf__fit *fit, int64_t value)
{
    static const int64_t steps[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    switch (fit->kind) {
    case SHEAF__FIT_SMALLINT:
        return value >= INT16_MIN && value <= INT16_MAX;
    case SHEAF__FIT_INTEGER:
        return value >= INT32_MIN && value <= INT32_MAX;
    case SHEAF__FIT_TIMESTAMP:
    case SHEAF__FIT_TIMESTAMP_UTC:
    case SHEAF__FIT_TIME:
        return value % steps[fit->a] == 0;
    default:
        return true;
    }
}

/* ---- numbers as they are spelled ---- */

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* "e-12" behind a number: false: there is something else. */
static bool take_exponent(const uint8_t *at, const uint8_t *end, int32_t *exponent)
{
    bool is_negative = false;
    *exponent = 0;
    if (at == end)
        return true;
    if (*at != 'e' && *at != 'E')
        return false;
    at++;
    if (at < end && (*at == '-' || *at == '+'))
        is_negative = *at++ == '-';
    if (at == end)
        return false;
    for (; at < end; at++) {
        if (!is_digit(*at))
            return false;
        if (*exponent < 1000000) /* far beyond every limit */
            *exponent = *exponent * 10 + (*at - '0');
    }
    *exponent = is_negative ? -*exponent : *exponent;
    return true;
}

bool sheaf__fit_decimal(const uint8_t *text, size_t n_bytes, char *digits, sheaf__decimal *decimal)
{
    const uint8_t *at = text;
    const uint8_t *end = text + n_bytes;
    size_t n_met = 0;
    int64_t n_behind = 0;
    int64_t point = 0;
    bool is_behind = false;
    int32_t exponent;
    *decimal = (sheaf__decimal){.is_negative = n_bytes > 0 && *at == '-'};
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end && (is_digit(*at) || (*at == '.' && !is_behind)); at++) {
        if (*at == '.') {
            is_behind = true;
            continue;
        }
        n_met++;
        n_behind += is_behind;
        if (decimal->n_digits > 0 || *at != '0')
            digits[decimal->n_digits++] = (char)*at;
        else
            point -= is_behind;
        if (decimal->n_digits > 0)
            point += !is_behind;
    }
    if (n_met == 0 || !take_exponent(at, end, &exponent))
        return false;
    while (decimal->n_digits > 0 && digits[decimal->n_digits - 1] == '0')
        decimal->n_digits--;
    point = decimal->n_digits > 0 ? point + exponent : 0;
    int64_t scale = n_behind - exponent > 0 ? n_behind - exponent : 0;
    int64_t lowest = decimal->n_digits > 0 ? (int64_t)decimal->n_digits - point : 0;
    if (point > POINT_MAX || scale > SCALE_MAX || lowest > SCALE_MAX)
        return false;
    decimal->point = (int32_t)point;
    decimal->scale = (int32_t)scale;
    return true;
}

static bool takes_numeric(const sheaf__fit *fit, const uint8_t *text, size_t n_bytes)
{
    char stack[NUMBER_STACK];
    char *digits = n_bytes > sizeof stack ? malloc(n_bytes) : stack;
    sheaf__decimal decimal;
    bool is_good = digits && sheaf__fit_decimal(text, n_bytes, digits, &decimal);
    if (digits != stack)
        free(digits);
    if (!is_good || fit->a == 0 || decimal.n_digits == 0)
        return is_good;
    return decimal.point <= fit->a - fit->b && (int64_t)decimal.n_digits - decimal.point <= fit->b;
}

/* What numbers look like must not depend on the user's language. */
static locale_t plain_locale;

static void make_locale(void)
{
    plain_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static float read_float(const char *text)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_locale);
    return plain_locale ? strtof_l(text, NULL, plain_locale) : strtof(text, NULL);
}

bool sheaf__fit_float(const uint8_t *text, size_t n_bytes, float *value)
{
    char stack[NUMBER_STACK];
    char *number = n_bytes >= sizeof stack ? malloc(n_bytes + 1) : stack;
    sheaf__decimal decimal;
    if (!number)
        return false;
    bool is_good = sheaf__fit_decimal(text, n_bytes, number, &decimal);
    if (is_good) {
        memcpy(number, text, n_bytes);
        number[n_bytes] = '\0';
        *value = read_float(number);
        is_good = isfinite(*value) && (*value != 0 || decimal.n_digits == 0);
    }
    if (number != stack)
        free(number);
    return is_good;
}

/* ---- texts ---- */

static int hex(uint8_t byte)
{
    if (is_digit(byte))
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* 8-4-4-4-12 digits, or 32 of them (RFC 9562). */
bool sheaf__fit_uuid(const uint8_t *text, size_t n_bytes, uint8_t bytes[16])
{
    bool dashed = n_bytes == 36;
    size_t at = 0;
    if (!dashed && n_bytes != 32)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if (dashed && (i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return false;
        int high = hex(text[at]);
        int low = hex(text[at + 1]);
        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high * 16 + low);
        at += 2;
    }
    return true;
}

static bool has_at_most(const uint8_t *text, size_t n_bytes, int32_t n_characters)
{
    if (n_bytes <= (size_t)n_characters)
        return true;
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += (text[i] & 0xC0) != 0x80;
    return n <= (size_t)n_characters;
}

bool sheaf__fit_takes_text(const sheaf__fit *fit, const uint8_t *text, size_t n_bytes)
{
    uint8_t uuid[16];
    float real;
    switch (fit->kind) {
    case SHEAF__FIT_REAL:
        return sheaf__fit_float(text, n_bytes, &real);
    case SHEAF__FIT_NUMERIC:
        return takes_numeric(fit, text, n_bytes);
    case SHEAF__FIT_VARCHAR:
    case SHEAF__FIT_CHAR:
        return has_at_most(text, n_bytes, fit->a);
    case SHEAF__FIT_UUID:
        return sheaf__fit_uuid(text, n_bytes, uuid);
    default:
        return true;
    }
}
