/* Dates and times as text: RFC 3339's forms with a blank between date and time, as SQL has it. */
#ifndef SHEAF_TABLE_MOMENT_H
#define SHEAF_TABLE_MOMENT_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/type.h>

enum { SHEAF__MOMENT_BYTES = 32 };

/*
 * Write a date (days since 1970-01-01, years 1 to 9999), a timestamp (microseconds since then) or a
 * time (since midnight) into `text`, of SHEAF__MOMENT_BYTES: "2024-02-29 13:05:59.25". A fraction
 * ends with its last digit that is not zero; in UTC a Z follows.
 *
 * Returns    the number of bytes, without a NUL.
 */
size_t sheaf__moment_write(sheaf_type type, int64_t value, char *text);

#endif
