/*
 * Runs of records: as many as a scan can vouch for, taken at once.
 *
 * A run is what needs no second look: whole records with the right number of fields, within the
 * limits, in UTF-8, their quotes where RFC 4180 has them, without escapes; and the blank lines
 * between them. It is as long as a scan, which is 64 KiB, or as the first record if that is longer.
 * It ends before the first record of which any of that is not so: that one is for the parser
 * (parser.h), which follows every rule and knows what is wrong.
 *
 * Of a record that is longer than a scan, or than the text that is there so far, each byte is
 * scanned once (but for the last 64): the scan goes on where it stood. Only the fields' ends are
 * kept, of which a record has no more than the table has columns; so that is what memory for the
 * index grows with, and not a record's length.
 */
#ifndef SHEAF_RECORD_RUN_H
#define SHEAF_RECORD_RUN_H

#include <sheaf/dialect.h>
#include <sheaf/status.h>

#include "engine/table/batch.h"
#include "readers/scan/scan.h"

typedef struct sheaf__run_rules {
    const sheaf__scan_kernel *kernel; /* NULL: there is no run, ever */
    const sheaf_dialect *dialect;     /* known whole */
    size_t n_columns;                 /* at least 1 */
    size_t record_bytes_max;          /* without its line end */
} sheaf__run_rules;

typedef struct sheaf__run {
    size_t n_bytes;
    uint64_t records;
    uint64_t blank_lines;
    uint64_t lone_crs; /* of those that end a record or a blank line */
    uint64_t n_lines;
    bool is_plain; /* its records count among the batch's plain rows */
    bool is_cut; /* the text ends in its first record, or before; nothing is wrong with it so far */
} sheaf__run;

/* The record that reaches either is a run's last. */
typedef struct sheaf__run_limit {
    size_t n_bytes;
    uint64_t records;
} sheaf__run_limit;

/* The memory for an index: one for each worker. NULL when there is none. */
sheaf__scan *sheaf__run_index_create(void);
void sheaf__run_index_destroy(sheaf__scan *index);

/*
 * Take a run from the text, which begins with a record, into the batch (NULL: they are only
 * checked; if it wants places, the first record's is its next_place). A run of no bytes: the first
 * record is for the parser, or is cut. *run is {0}, or what the last call said of the same text if
 * that was cut and there is more of it now.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__run_take(sheaf__run *run, const sheaf__run_rules *rules, sheaf__scan *index,
                             const uint8_t *text, size_t n_bytes, sheaf__batch *batch,
                             sheaf__run_limit limit);

#endif
