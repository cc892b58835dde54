/*
 * Runs of records: as many as a scan can vouch for, taken at once.
 *
 * A run is what needs no second look: whole records with the right number of fields, within the
 * limits, in UTF-8, their quotes where RFC 4180 has them; and the blank lines between them. It is
 * at most as long as a scan, and ends before the first record of which any of that is not so: that
 * one is for the parser (parser.h), which follows every rule and knows what is wrong.
 */
#ifndef SHEAF_RECORD_RUN_H
#define SHEAF_RECORD_RUN_H

#include <sheaf/status.h>

#include "engine/table/batch.h"
#include "readers/scan/scan.h"

typedef struct sheaf__run_rules {
    char delimiter;          /* no NUL, quote or line end */
    size_t n_columns;        /* at least 1 */
    size_t record_bytes_max; /* without its line end */
} sheaf__run_rules;

typedef struct sheaf__run {
    size_t n_bytes;
    uint64_t records;
    uint64_t blank_lines;
    uint64_t lone_crs; /* of those that end a record or a blank line */
    uint64_t n_lines;
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
 * checked). A run of no bytes: the first record is for the parser, or is not there whole.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__run_take(sheaf__run *run, const sheaf__run_rules *rules, sheaf__scan *index,
                             const uint8_t *text, size_t n_bytes, sheaf__batch *batch,
                             sheaf__run_limit limit);

#endif
