/* Dates and times as text: see moment.h. */
#include "engine/table/moment.h"

#include <stdbool.h>
#include <string.h>

#define DAY_US (INT64_C(86400) * 1000000)

static char *write_2_digits(char *at, uint32_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(at, pairs + value * 2, 2);
    return at + 2;
}

/*
 * From days since 1970-01-01, by multiplications instead of divisions and loops: C. Neri and
 * L. Schneider, "Euclidean affine functions and their application to calendar algorithms", 2022,
 * section 6. A year begins in March there, so that what is irregular stands at its end, and days
 * count from 0000-03-01.
 */
static char *write_date(char *at, int64_t days)
{
    enum { DAYS_BEFORE_1970 = 719468, DAYS_400_YEARS = 146097, DAYS_BEFORE_JANUARY = 306 };
    uint32_t quarters = 4 * (uint32_t)(days + DAYS_BEFORE_1970) + 3;
    uint32_t century = quarters / DAYS_400_YEARS;
    uint32_t left = quarters % DAYS_400_YEARS | 3;
    uint64_t scaled = UINT64_C(2939745) * left; /* 2^32 / 1461, rounded up */
    uint32_t year = (uint32_t)(scaled >> 32);
    uint32_t day_of_year = (uint32_t)scaled / 2939745 / 4;
    uint32_t months = 2141 * day_of_year + 197913;
    uint32_t month = months >> 16;
    bool is_next_year = day_of_year >= DAYS_BEFORE_JANUARY;
    year += is_next_year;
    century += year / 100; /* 1999-12 becomes 2000-01 */
    at = write_2_digits(at, century);
    at = write_2_digits(at, year % 100);
    *at++ = '-';
    at = write_2_digits(at, is_next_year ? month - 12 : month);
    *at++ = '-';
    return write_2_digits(at, (months & 0xFFFF) / 2141 + 1);
}

static char *write_time(char *at, int64_t us)
{
    uint32_t seconds = (uint32_t)(us / 1000000);
    uint32_t fraction = (uint32_t)(us % 1000000);
    at = write_2_digits(at, seconds / 3600);
    *at++ = ':';
    at = write_2_digits(at, seconds / 60 % 60);
    *at++ = ':';
    at = write_2_digits(at, seconds % 60);
    if (fraction == 0)
        return at;
    *at++ = '.';
    at = write_2_digits(at, fraction / 10000);
    at = write_2_digits(at, fraction / 100 % 100);
    at = write_2_digits(at, fraction % 100);
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
