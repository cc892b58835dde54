/*
 * What a column of a table that exists takes, where that is less than one of our types:
 * PostgreSQL's smallint is an int64 of a certain range, its varchar(20) a text of a certain length.
 *
 * A value that does not fit is found where the records are read, so that it can be told where it
 * stands, and its record set aside, before any server sees it.
 */
#ifndef SHEAF_TABLE_FIT_H
#define SHEAF_TABLE_FIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/type.h>

typedef enum sheaf__fit_kind {
    SHEAF__FIT_ANY = 0, /* every value of its type */
    SHEAF__FIT_BOOLEAN,
    SHEAF__FIT_SMALLINT,
    SHEAF__FIT_INTEGER,
    SHEAF__FIT_BIGINT,
    SHEAF__FIT_REAL, /* a number whose nearest float is finite, and zero only if it is; as text */
    SHEAF__FIT_DOUBLE,
    SHEAF__FIT_NUMERIC, /* a: digits in all, 0 if any number of them; b: of them behind the point */
    SHEAF__FIT_DATE,
    SHEAF__FIT_TIMESTAMP, /* a: digits of a fraction of a second, like the next two */
    SHEAF__FIT_TIMESTAMP_UTC,
    SHEAF__FIT_TIME,
    SHEAF__FIT_TEXT,
    SHEAF__FIT_VARCHAR, /* a: characters, like the next */
    SHEAF__FIT_CHAR,
    SHEAF__FIT_UUID,
    SHEAF__FIT_KINDS
} sheaf__fit_kind;

typedef struct sheaf__fit {
    uint8_t kind;  /* a sheaf__fit_kind */
    bool not_null; /* and it must be there */
    int32_t a;
    int32_t b;
} sheaf__fit;

enum { SHEAF__FIT_NAME_BYTES = 48 };

/* The type that is asked for, as which its values are read. */
sheaf_type sheaf__fit_type(const sheaf__fit *fit);

/* "varchar(20)", "numeric(10,2)". Returns `name`. */
const char *sheaf__fit_name(const sheaf__fit *fit, char name[SHEAF__FIT_NAME_BYTES]);

/* Whether values are to be looked at that are of its type: by which of the two functions. */
bool sheaf__fit_is_narrow(const sheaf__fit *fit);

/* Whether it takes a value that is an integer, or a moment. */
bool sheaf__fit_takes_integer(const sheaf__fit *fit, int64_t value);

/* Whether it takes a text. */
bool sheaf__fit_takes_text(const sheaf__fit *fit, const uint8_t *text, size_t n_bytes);

/* The nearest float of a number; false: it is none, or does not fit. */
bool sheaf__fit_float(const uint8_t *text, size_t n_bytes, float *value);

/*
 * A decimal number: its digits, with their point and exponent. digits[0..n_digits) are ASCII, the
 * first and the last one are not '0' (zero has none); the value is 0.DDDD * 10^point.
 */
typedef struct sheaf__decimal {
    bool is_negative;
    size_t n_digits;
    int32_t point;
    int32_t scale; /* digits behind the point as it is spelled */
} sheaf__decimal;

/* Room for n_bytes digits is the caller's. False: it is none, or too large for any numeric. */
bool sheaf__fit_decimal(const uint8_t *text, size_t n_bytes, char *digits, sheaf__decimal *decimal);

/* The 16 bytes of a uuid; false: it is none. */
bool sheaf__fit_uuid(const uint8_t *text, size_t n_bytes, uint8_t bytes[16]);

#endif
