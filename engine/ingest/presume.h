/* Types that are presumed from samples of large files, and the load that starts over: presume.c. */
#ifndef SHEAF_INGEST_PRESUME_H
#define SHEAF_INGEST_PRESUME_H

#include "engine/ingest/load.h"

/* When the sizes are chosen and the sink is open: whether this load may start over. */
bool sheaf__load_may_presume(const sheaf__load *load);

/*
 * The file is open, and its header read: is it one of which samples are to do, because there is no
 * room for its rows? For its task, once.
 */
bool sheaf__presume_samples(const sheaf__chunk *chunk);

/* How much of its beginning is read for that at once, as text. */
size_t sheaf__presume_head_bytes(const sheaf__chunk *chunk);

/* What is to be done behind what a survey has read of a file's beginning. */
typedef enum sheaf__presumption {
    SHEAF__READ_ON,
    SHEAF__PRESUME_REST, /* the rest is presumed to be like it */
    SHEAF__SURVEY_WHOLE  /* it is not like it, or nobody knows */
} sheaf__presumption;

sheaf__presumption sheaf__presume(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                  const sheaf_type *asked);

/* For the merge: the rest of this file is presumed, and that is the end of its survey. */
void sheaf__presume_count(sheaf__load *load, const sheaf__chunk *chunk);

/* Rows fit: add which of the chunk's columns have nulls to its kinds. OK, ENOMEM. */
sheaf_status sheaf__presume_note_nulls(sheaf__chunk *chunk, const uint32_t *from);

/*
 * For the merge. Whether a fault of the chunk's file means that the load starts over: then it
 * fails, with load->starts_over.
 */
bool sheaf__presume_failed(const sheaf__load *load, const sheaf__chunk *fault);

/* The same of what was asked for and cannot be, before the first row: a fault might come first. */
bool sheaf__presume_refused(const sheaf__load *load, sheaf_status status);

sheaf_status sheaf__start_over(sheaf__load *load, sheaf_error *err);

/* All rows are read: the types are those that were presumed, or the load starts over. */
sheaf_status sheaf__presume_verify(sheaf__load *load, sheaf_error *err);

#endif
