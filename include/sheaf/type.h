/*
 * The types of columns.
 *
 * A column's type is found out from every value of every file, never from a sample: it is the
 * smallest type in which all of them can be told apart as they were. What a text is taken for:
 *
 *     bool           true, false; True, False; TRUE, FALSE
 *     int64          an optional minus and digits, without leading zeros, that fit (-0: float64)
 *     float64        an optional minus, digits without leading zeros, a point, digits, an exponent;
 *                    digits on one side of the point suffice. The nearest double is taken. What is
 *                    beyond the largest one, or is not zero and would become it, stays text
 *     date           2024-02-29, of the Gregorian calendar, the years 0001 to 9999 (RFC 3339)
 *     timestamp      date and time of day with 'T' or a blank between them: 2024-02-29 13:05, with
 *                    seconds, and up to six digits of a fraction, if there are any; no time zone
 *     timestamp_utc  the same, with Z or +00:00 behind it
 *     time           13:05:59, perhaps with up to six digits of a fraction
 *     text           everything else
 *
 * So "007", "+5", integers of twenty digits, 01/02/2024 and timestamps of other time zones stay
 * text: as a number, or a date, they could not be told from another spelling, or not be understood.
 * Two types meet in the smallest one that holds both: integers and floats in float64, unless an
 * integer is larger than 2^53 (a double could not hold it: text); dates and timestamps in
 * timestamp; all others in text. A column without any value is of type null.
 */
#ifndef SHEAF_TYPE_H
#define SHEAF_TYPE_H

#include <stdbool.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

typedef enum sheaf_type {
    SHEAF_TYPE_NULL = 0, /* no value was seen */
    SHEAF_TYPE_BOOL,
    SHEAF_TYPE_INT64,
    SHEAF_TYPE_FLOAT64,
    SHEAF_TYPE_DATE,
    SHEAF_TYPE_TIMESTAMP,
    SHEAF_TYPE_TIMESTAMP_UTC,
    SHEAF_TYPE_TIME,
    SHEAF_TYPE_TEXT
} sheaf_type;

enum { SHEAF_TYPES = SHEAF_TYPE_TEXT + 1 };

/* A type that is asked for, whatever the values look like. */
typedef struct sheaf_column_type {
    const char *column; /* its name in the united table */
    sheaf_type type;    /* not null */
} sheaf_column_type;

/* "int64"; "?" for a number that is not a type. Static text. Threads: any. */
SHEAF_API const char *sheaf_type_name(sheaf_type type);

/* The type of a name, as sheaf_type_name() gives it; false when there is none. Threads: any. */
SHEAF_API bool sheaf_type_parse(const char *name, sheaf_type *type);

SHEAF_END_DECLS

#endif
