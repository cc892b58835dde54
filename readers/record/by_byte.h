/*
 * Records of the dialects that libcsv does not know: with an escape, with padding, without quotes.
 *
 * The rules are machine.h's. Bytes that mean nothing in the dialect are taken as many at once as
 * stand together; and most records are taken in runs (run.h).
 */
#ifndef SHEAF_RECORD_BY_BYTE_H
#define SHEAF_RECORD_BY_BYTE_H

#include <sheaf/status.h>

#include "readers/record/machine.h"

typedef struct sheaf__by_byte {
    sheaf__machine machine;
    uint8_t *bytes; /* of the field that is being read */
    size_t n_bytes;
    size_t capacity;
    bool quoted;
    sheaf_dialect dialect; /* of this: */
    bool means[256];       /* each byte of which the machine must know */
} sheaf__by_byte;

/* Whether a dialect needs it. */
bool sheaf__by_byte_is_for(const sheaf_dialect *dialect);

/* Get ready for the first byte of a record. */
void sheaf__by_byte_begin(sheaf__by_byte *self, const sheaf_dialect *dialect);
void sheaf__by_byte_end(sheaf__by_byte *self);

/*
 * Parse a physical line, its end included. on_field is told of each field: NULL for one that is
 * empty and not quoted. *record_ended: a record ended with the line.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__by_byte_line(sheaf__by_byte *self, const uint8_t *line, size_t n_bytes,
                                 void (*on_field)(void *text, size_t n_bytes, void *context),
                                 void *context, bool *record_ended);

/* The text ends here: an escape that stands at its end is text. OK, ENOMEM. */
sheaf_status sheaf__by_byte_text_over(sheaf__by_byte *self);

#endif
