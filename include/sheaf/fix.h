/*
 * Records with faults that can be repaired: what may be done to them, and how often it was.
 *
 * Nothing is repaired unless it is asked for, and nothing that is in a field is lost by it. A
 * record that is repaired is loaded and counted; what cannot be repaired is at fault as ever.
 */
#ifndef SHEAF_FIX_H
#define SHEAF_FIX_H

#include <stdint.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/* To be combined with |. Of a record, its quote is repaired first, then how many fields it has. */
enum {
    /* A short record: the last fields, which it lacks, are null. */
    SHEAF_FIX_PAD = 1,
    /* A long record whose fields beyond the last column are empty or blank: it loses them. */
    SHEAF_FIX_TRIM = 2,
    /*
     * A quote that is never closed is text, and the record ends with its line, if it then has the
     * right number of fields and no other fault.
     */
    SHEAF_FIX_QUOTES = 4
};

/* Of records that were loaded: more than one thing may have been done to one. */
typedef struct sheaf_repairs {
    uint64_t records;
    uint64_t padded;
    uint64_t trimmed;
    uint64_t unquoted;
} sheaf_repairs;

SHEAF_END_DECLS

#endif
