/*
 * Repairing records at fault: see <sheaf/fix.h>. Of a reader, whose careful path asks for it; none
 * of it is done to a record that a run took.
 */
#ifndef SHEAF_READERS_REPAIR_H
#define SHEAF_READERS_REPAIR_H

#include <sheaf/fix.h>

#include "engine/table/batch.h"
#include "readers/fault.h"

#define SHEAF__NOT_LITERAL SIZE_MAX

/*
 * A record with too few or too many fields, whose cells are the batch's last (NULL: it is only
 * counted). `literal` is the offset of a quote in it that is text, or NOT_LITERAL.
 *
 * Returns    OK: now it has the right number, and *done what was done; END: that is not to be done,
 *            or would lose something; ENOMEM.
 */
sheaf_status sheaf__repair_shape(const sheaf__reader *reader, const sheaf__record *rec,
                                 size_t literal, sheaf__batch *batch, unsigned *done);

/*
 * The record that the reader stands at and has noted as the fault of a quote at fault->at, read
 * with that quote as text: up to *line_end in the window, where the line of the quote ends, behind
 * its end. Its fields are put into the batch (or NULL).
 *
 * Returns    OK with *rec; END: that is not to be done, or it is no record then; ENOMEM.
 */
sheaf_status sheaf__repair_quote(sheaf__reader *reader, sheaf__record *rec, size_t *line_end,
                                 sheaf__batch *batch, unsigned *done);

/*
 * What mends the record that has this fault, its n_raw bytes or more being `raw`, as --fix takes
 * it: "pad". NULL: nothing does, or it was tried. (Whether the values then are of the types that
 * are asked for is not looked at.)
 */
const char *sheaf__repair_advice(const sheaf__fault *fault, const uint8_t *raw);

/* Whether the record, which has too many fields, would become a row by SHEAF_FIX_TRIM. */
bool sheaf__repair_would_trim(const sheaf__fault *fault, const uint8_t *raw);

/* A record was loaded to which this was done, perhaps nothing. */
void sheaf__repair_count(sheaf_repairs *repairs, unsigned done);

#endif
