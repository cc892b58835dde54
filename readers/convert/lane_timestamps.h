/*
 * Timestamps in lanes (lanes.h): "2024-02-29 13:05:59", nothing shorter and nothing longer.
 *
 * Every digit is compared with the most that it may be, all at once; then they are added up with
 * weights, two neighbours at a time.
 */
#ifndef SHEAF_CONVERT_LANE_TIMESTAMPS_H
#define SHEAF_CONVERT_LANE_TIMESTAMPS_H

#include "readers/convert/lanes.h"

/* What day_of() says of 1970-01-01. */
#define DAYS_TO_1970 UINT64_C(719559)
#define DAY_US UINT64_C(86400000000)

/*
 * Days of months, as no year has fewer: 29 February is for whoever knows leap years. And how many
 * fewer than 31 each there are before a month.
 */
static const uint8_t days_of_month[16] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
static const uint8_t days_missing[16] = {0, 0, 0, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7};

/* The number of a day in the lower halves, from years there and months above them. */
ALWAYS_INLINE words day_of(words dates, words month, words day)
{
    /* The last year whose February is over. */
    words leap = (dates & all(UINT32_MAX)) - where(more(all(3), month), all(1));
    words centuries = multiply(leap, all(5243)) >> 19; /* of years below 10,000 */
    words days = join_16(dates, all(31 * (UINT64_C(1) << 32) + 365));
    days += days >> 32;
    days += (leap >> 2) - centuries + (centuries >> 2);
    return days - look_up(days_missing, month) + day;
}

/* With a blank or a T between day and hour. */
ALWAYS_INLINE values convert_timestamps(const lanes *l)
{
    words date = load_text(&l->at, 0) ^ all(0x2D30302D30303030);  /* 0000-00- */
    words between = load_text(&l->at, 8) ^ all(0x203030);         /* 00, a blank */
    words time = load_text(&l->at, 11) ^ all(0x30303A30303A3030); /* 00:00:00 */
    words dates = join_bytes(date, all(0x00010A00010A010A));      /* 20, 24, 0, 2 */
    words day = join_bytes(between, all(0x010A));                 /* 29 */
    words times = join_bytes(time, all(0x010A00010A00010A));      /* 13, 0, 5, 59 */
    words separator = between & all(0xFF0000);
    dates = join_16(dates, all(0x0001000100010064)); /* 2024, 2 */
    words month = dates >> 32;
    /* Up to 29:59:59, and of that up to 23. */
    words wrong = over(date, all(0x0009010009090909)) | over(time, all(0x0905000905000902)) |
                  over(times, all(0xFFFFFFFFFFFFFF17)) | over(month, all(12)) |
                  over(between & all(0xFFFF), all(0x0903)) |
                  over(day, look_up(days_of_month, month));
    mask odd = differs(l->n_bytes, all(19)) | differs(wrong, all(0)) | equal(day, all(0)) |
               equal(dates & all(UINT32_MAX), all(0)) |
               (differs(separator, all(0)) & differs(separator, all(('T' ^ ' ') << 16)));
    words seconds = join_16(times, all(0x0001003C003C0E10)); /* 3600, 60, 60, 1 */
    seconds += seconds >> 32;
    words days = multiply(day_of(dates, month, day), all(DAY_US >> 13)) << 13;
    return (values){.word = days + multiply(seconds, all(1000000)) - all(DAYS_TO_1970 * DAY_US),
                    .odd = bits_of(but_not(odd, l->null))};
}

#endif
