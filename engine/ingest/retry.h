/*
 * A retry under way, <sheaf/retry.h>: what its two parts share.
 *
 *     retry.c         the public function, and the order of its phases
 *     retry_table.c   which columns and types the table has, and a record's row in it
 *     retry_piece.c   some records, read again and written at once, and what becomes of each
 *     mended.c        one text, read as a record
 */
#ifndef SHEAF_INGEST_RETRY_H
#define SHEAF_INGEST_RETRY_H

#include <stdatomic.h>

#include <sheaf/retry.h>

#include "engine/ingest/mended.h"
#include "engine/ingest/traced.h"
#include "engine/sinks/quarantine/held.h"
#include "engine/table/columns.h"
#include "engine/table/names.h"

/* What the records of one of the quarantine's files are read with. */
typedef struct sheaf__held_source {
    const sheaf__reject_file *file;
    uint32_t *places;              /* in the table, of each column; or SHEAF__NO_NAME */
    uint32_t added[SHEAF_ORIGINS]; /* where its columns stand that tell of an origin */
    const char *path;              /* its text, if the table has it as a column */
    sheaf__nulls nulls;
    sheaf__asked_columns asked;
    sheaf__reader_options options;
    sheaf_file as_file;     /* for who is told of it */
    bool is_met;            /* a record was */
    const char *trace_path; /* as the trace has it */
} sheaf__held_source;

typedef struct sheaf__retry_piece sheaf__retry_piece;

typedef struct sheaf__retry {
    const sheaf_retry_options *options;
    sheaf_ingest_options as_ingest; /* the same options, as far as they are */
    sheaf_retry_summary *summary;
    sheaf__sink_target target;
    atomic_bool stop;
    bool is_table; /* the quarantine is one */
    sheaf__sink *sink;
    sheaf__held *held;
    sheaf_arena *arena;
    sheaf__held_source *sources; /* one for each of the quarantine's files */
    sheaf__names table;
    sheaf_type *types; /* of the table's columns */
    bool *asked;       /* whether each has to be of its type */
    sheaf__fit *fits;  /* and what else, if there is a table */
    uint32_t *from;    /* each is its own */
    sheaf__kinds *kinds;
    sheaf__mended mended;
    sheaf__batch *row; /* of the table; or several */
    sheaf__retry_piece *piece;
    sheaf__columns_pool *columns;
    sheaf__traced traced;
} sheaf__retry;

/*
 * All files of the quarantine were met: unite their columns, ask for types, see how each is read.
 *
 * Returns    OK; EINVAL, EDATABASE: there is no such column; EQUARANTINE, ENOMEM.
 */
sheaf_status sheaf__retry_table(sheaf__retry *self, sheaf_error *err);

/* The fields of the record that was just read, as one more row. OK, ENOMEM, ELIMIT. */
sheaf_status sheaf__retry_row(sheaf__retry *self, const sheaf__held_source *source,
                              const sheaf__held_record *record);

/*
 * Read a record again: OK with one more row, if it is good; END: it is still at fault, *told and
 * *code say why, and self->mended.advice what mends it.
 */
sheaf_status sheaf__retry_read(sheaf__retry *self, const sheaf__held_record *record,
                               sheaf_error *told, const char **code, sheaf_error *err);

/* ---- retry_piece.c ---- */

sheaf_status sheaf__retry_piece_create(sheaf__retry_piece **piece, sheaf_error *err);
void sheaf__retry_piece_destroy(sheaf__retry_piece *piece);

/* One more record: into the sink, or back, with others; flush: now. */
sheaf_status sheaf__retry_take(sheaf__retry *self, const sheaf__held_record *record,
                               sheaf_error *err);
sheaf_status sheaf__retry_flush(sheaf__retry *self, sheaf_error *err);

#endif
