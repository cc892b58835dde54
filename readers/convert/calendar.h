/*
 * Dates and times of day in a text: RFC 3339's forms, the proleptic Gregorian calendar. See
 * <sheaf/type.h>.
 */
#ifndef SHEAF_CONVERT_CALENDAR_H
#define SHEAF_CONVERT_CALENDAR_H

#include "engine/table/kinds.h"
#include "readers/convert/convert.h"
#include "readers/convert/number.h"

#define DAY_US (INT64_C(86400) * 1000000)

enum {
    DATE_BYTES = 10, /* 2024-02-29 */
    MINUTE_BYTES = 5 /* 13:05 */
};

/* Two digits, or a number that no date and no time has. */
static inline unsigned two_digits(const uint8_t *text)
{
    unsigned tens = (unsigned)(text[0] - '0');
    unsigned ones = (unsigned)(text[1] - '0');
    return tens < 10 && ones < 10 ? tens * 10 + ones : 100;
}

static inline bool is_leap(unsigned year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days since 1970-01-01 of "2024-02-29"; false when there is no such day. */
static inline bool date_of(const uint8_t *text, int64_t *days)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    unsigned century = two_digits(text);
    unsigned of_century = two_digits(text + 2);
    unsigned month = two_digits(text + 5);
    unsigned day = two_digits(text + 8);
    if (text[4] != '-' || text[7] != '-' || century > 99 || of_century > 99 || month - 1 > 11)
        return false;
    unsigned year = century * 100 + of_century;
    bool leap = is_leap(year);
    unsigned length = (unsigned)(before[month] - before[month - 1]) + (leap && month == 2);
    if (year == 0 || day - 1 >= length)
        return false;
    unsigned last = year - 1;
    int64_t days_before = (int64_t)last * 365 + last / 4 - last / 100 + last / 400;
    *days = days_before + before[month - 1] + (leap && month > 2) + day - 1 - 719162;
    return true;
}

/* Up to six digits behind a point, as microseconds; false when that is not all there is. */
static inline bool fraction_of(const uint8_t *text, size_t n_bytes, int64_t *us)
{
    *us = 0;
    if (n_bytes == 0)
        return true;
    if (n_bytes < 2 || n_bytes > 7 || text[0] != '.')
        return false;
    for (size_t i = 1; i < 7; i++) {
        if (i < n_bytes && !is_digit(text[i]))
            return false;
        *us = *us * 10 + (i < n_bytes ? text[i] - '0' : 0);
    }
    return true;
}

/* Microseconds since midnight of "13:05", or "13:05:59.123456". */
static inline bool time_of(const uint8_t *text, size_t n_bytes, bool needs_seconds, int64_t *us)
{
    if (n_bytes < MINUTE_BYTES || text[2] != ':')
        return false;
    unsigned hour = two_digits(text);
    unsigned minute = two_digits(text + 3);
    unsigned second = 0;
    int64_t fraction = 0;
    if (n_bytes > MINUTE_BYTES) {
        if (n_bytes < 8 || text[5] != ':' || !fraction_of(text + 8, n_bytes - 8, &fraction))
            return false;
        second = two_digits(text + 6);
    } else if (needs_seconds) {
        return false;
    }
    if (hour > 23 || minute > 59 || second > 59)
        return false;
    *us = (int64_t)(hour * 3600 + minute * 60 + second) * 1000000 + fraction;
    return true;
}

/* How long the zone at the end of a timestamp is that means UTC: 0 when there is none. */
static inline size_t utc_bytes(const uint8_t *text, size_t n_bytes)
{
    if (text[n_bytes - 1] == 'Z')
        return 1;
    return n_bytes > 6 && memcmp(text + n_bytes - 6, "+00:00", 6) == 0 ? 6 : 0;
}

/*
 * The kind of a text of at least eight bytes that begins with a digit and may be a date or a time.
 */
static inline sheaf__kinds moment_of(const uint8_t *text, size_t n_bytes, sheaf__value *value)
{
    int64_t days;
    int64_t us;
    if (text[2] == ':')
        return time_of(text, n_bytes, true, &value->integer) ? SHEAF__KIND_TIME : SHEAF__KIND_TEXT;
    if (n_bytes < DATE_BYTES || !date_of(text, &days))
        return SHEAF__KIND_TEXT;
    value->integer = days;
    if (n_bytes == DATE_BYTES)
        return SHEAF__KIND_DATE;
    size_t zone = utc_bytes(text, n_bytes);
    if ((text[DATE_BYTES] != ' ' && text[DATE_BYTES] != 'T') || n_bytes <= DATE_BYTES + 1 + zone ||
        !time_of(text + DATE_BYTES + 1, n_bytes - DATE_BYTES - 1 - zone, false, &us))
        return SHEAF__KIND_TEXT;
    value->integer = days * DAY_US + us;
    return zone > 0 ? SHEAF__KIND_TIMESTAMP_UTC : SHEAF__KIND_TIMESTAMP;
}

#endif
