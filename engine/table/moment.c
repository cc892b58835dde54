/* Dates and times as text: see moment.h. */
#include "engine/table/moment.h"

enum { DAYS_BEFORE_1970 = 719162, DAYS_400 = 146097, DAYS_100 = 36524, DAYS_4 = 1461 };

#define DAY_US (INT64_C(86400) * 1000000)

static char *write_digits(char *at, uint32_t value, int n)
{
    for (int i = n; i-- > 0; value /= 10)
        at[i] = (char)('0' + value % 10);
    return at + n;
}

/*
 * From days since 0001-01-01: whole periods of 400, 100 and 4 years and 1, of which some are
 * longer.
 */
static char *write_date(char *at, int64_t days)
{
    static const uint16_t before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    uint32_t left = (uint32_t)(days + DAYS_BEFORE_1970);
    uint32_t n_400 = left / DAYS_400;
    left %= DAYS_400;
    uint32_t n_100 = left / DAYS_100 < 4 ? left / DAYS_100 : 3; /* the last one has a day more */
    left -= n_100 * DAYS_100;
    uint32_t n_4 = left / DAYS_4;
    left %= DAYS_4;
    uint32_t n_1 = left / 365 < 4 ? left / 365 : 3;
    left -= n_1 * 365;
    uint32_t leap = n_1 == 3 && (n_4 != 24 || n_100 == 3);
    uint32_t month = 11;
    while (left < before[month] + (month > 1 ? leap : 0))
        month--;
    left -= before[month] + (month > 1 ? leap : 0);
    at = write_digits(at, n_400 * 400 + n_100 * 100 + n_4 * 4 + n_1 + 1, 4);
    *at++ = '-';
    at = write_digits(at, month + 1, 2);
    *at++ = '-';
    return write_digits(at, left + 1, 2);
}

static char *write_time(char *at, int64_t us)
{
    uint32_t seconds = (uint32_t)(us / 1000000);
    uint32_t fraction = (uint32_t)(us % 1000000);
    at = write_digits(at, seconds / 3600, 2);
    *at++ = ':';
    at = write_digits(at, seconds / 60 % 60, 2);
    *at++ = ':';
    at = write_digits(at, seconds % 60, 2);
    if (fraction == 0)
        return at;
    *at++ = '.';
    at = write_digits(at, fraction, 6);
    while (at[-1] == '0')
        at--;
    return at;
}

size_t sheaf__moment_write(sheaf_type type, int64_t value, char *text)
{
    char *at = text;
    if (type == SHEAF_TYPE_DATE)
        return (size_t)(write_date(at, value) - text);
    if (type == SHEAF_TYPE_TIME)
        return (size_t)(write_time(at, value) - text);
    int64_t us = value % DAY_US;
    us += us < 0 ? DAY_US : 0;
    at = write_date(at, (value - us) / DAY_US);
    *at++ = ' ';
    at = write_time(at, us);
    if (type == SHEAF_TYPE_TIMESTAMP_UTC)
        *at++ = 'Z';
    return (size_t)(at - text);
}
