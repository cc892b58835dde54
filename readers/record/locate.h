/*
 * Walking over the raw bytes of one record, to tell where in it something is.
 *
 * Slow and plain: used only when there is a fault to report. The rules are those of machine.h.
 */
#ifndef SHEAF_RECORD_LOCATE_H
#define SHEAF_RECORD_LOCATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "readers/record/machine.h"

typedef struct sheaf__place {
    size_t at;         /* offset in the record's bytes */
    uint64_t line;     /* lines before it in the record: 0 on its first line */
    size_t line_start; /* offset of that line's first byte */
    uint64_t field;    /* fields before it */
} sheaf__place;

/* A walk over a record that may go on when more of it is there. Begins as {.dialect = d}. */
typedef struct sheaf__walk {
    const sheaf_dialect *dialect;
    sheaf__machine machine;
    sheaf__place here;
    sheaf__place opened; /* the last quote that opened a field */
    bool has_line_end;   /* there is one in that field */
    bool has_lone_quote; /* and a quote that is neither doubled nor the field's end */
    bool is_broken;      /* a field had both: its quote opens nothing */
    sheaf__place broken; /* the quote that opened the first such field */
    uint8_t before;      /* the byte before this one */
} sheaf__walk;

/* Go on up to n_bytes of the record. */
void sheaf__walk_to(sheaf__walk *walk, const uint8_t *record, size_t n_bytes);

/* The place of the byte at offset `at` (<= n_bytes). */
sheaf__place sheaf__locate_byte(const uint8_t *record, size_t n_bytes, const sheaf_dialect *dialect,
                                size_t at);

/* The place where field `field` (from 0) begins, or the end of the record when it has fewer. */
sheaf__place sheaf__locate_field(const uint8_t *record, size_t n_bytes,
                                 const sheaf_dialect *dialect, uint64_t field);

/* The place of the quote that is still open at the end of the bytes; false when none is. */
bool sheaf__locate_open_quote(const uint8_t *record, size_t n_bytes, const sheaf_dialect *dialect,
                              sheaf__place *place);

#endif
