/*
 * Which kinds of values a column holds, as a set: what its type follows from.
 *
 * The set of a whole is the union of its parts' sets, in whatever order they are met; so a type
 * does not depend on how files were divided among workers.
 */
#ifndef SHEAF_TABLE_KINDS_H
#define SHEAF_TABLE_KINDS_H

#include <stdint.h>

#include <sheaf/type.h>

typedef uint16_t sheaf__kinds;

enum {
    SHEAF__KIND_NULL = 1 << 0,
    SHEAF__KIND_BOOL = 1 << 1,
    SHEAF__KIND_INT = 1 << 2,  /* an integer that a double holds exactly */
    SHEAF__KIND_LONG = 1 << 3, /* one that takes more than 53 bits */
    SHEAF__KIND_FLOAT = 1 << 4,
    SHEAF__KIND_DATE = 1 << 5,
    SHEAF__KIND_TIMESTAMP = 1 << 6,
    SHEAF__KIND_TIMESTAMP_UTC = 1 << 7,
    SHEAF__KIND_TIME = 1 << 8,
    SHEAF__KIND_TEXT = 1 << 9,
    /* Of a column that is not the table's. It has all that can be found, so nobody looks at it. */
    SHEAF__KIND_UNWANTED = 1 << 10,
    SHEAF__KINDS_UNWANTED = SHEAF__KIND_UNWANTED | SHEAF__KIND_TEXT | SHEAF__KIND_NULL
};

/* The smallest type that holds all of these. */
sheaf_type sheaf__kinds_type(sheaf__kinds kinds);

/* What a column of a type holds without being widened; NULL aside. */
sheaf__kinds sheaf__kinds_of_type(sheaf_type type);

#endif
