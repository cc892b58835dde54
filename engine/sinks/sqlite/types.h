/*
 * What sheaf's types are in SQLite.
 *
 * SQLite has integers, doubles and text: int64 becomes INTEGER, float64 REAL (-0.0 is 0.0 there),
 * bool 0 and 1 in a column declared BOOLEAN. Dates and times become text as SQLite's date functions
 * read and write it, "2024-02-29 13:05:59", with a fraction if there is one; declared DATE,
 * TIMESTAMP and TIME. A column without any value is declared TEXT.
 */
#ifndef SHEAF_SINKS_SQLITE_TYPES_H
#define SHEAF_SINKS_SQLITE_TYPES_H

#include <sheaf/type.h>

/* What a column of this type is declared as. */
const char *sheaf__sqlite_declared(sheaf_type type);

/* The type that a declaration (NULL: there is none) stands for; any that is not sheaf's is text. */
sheaf_type sheaf__sqlite_type_of(const char *declared);

#endif
