/*
 * Columns that tell where a row comes from: its file, the line at which its record begins, the
 * number of that record. They stand at the end of the table's columns.
 *
 * Readers note lines and records in a batch if it asks for them; those of a range count from where
 * it begins, and the merge, which knows where that is, shifts them (chunk->shift).
 */
#ifndef SHEAF_INGEST_ADDED_H
#define SHEAF_INGEST_ADDED_H

#include "engine/ingest/load.h"

/* The columns' types, behind the n others; nullable may be NULL. */
void sheaf__added_types(const sheaf__rules *rules, size_t n, sheaf_type *types, bool *is_asked,
                        bool *nullable);

/* Where a sink finds them, in the same place of a projection (of a table that has them). */
void sheaf__added_project(const sheaf__rules *rules, size_t n, uint32_t *from);

/* The text of each file's path. OK, ENOMEM. */
sheaf_status sheaf__added_name_files(sheaf__load *load, sheaf_error *err);

/*
 * Fill them in columns that have them from the n-th on, empty so far, of rows from a batch.
 *
 * Returns    OK, ELIMIT, ENOMEM.
 */
sheaf_status sheaf__added_fill(const sheaf__load_file *file, const sheaf__batch *batch,
                               sheaf__columns *columns, size_t n);

/* The whole file's lines and records, in columns, or in a list of them. */
void sheaf__added_shift(const sheaf__rules *rules, const sheaf__reader_position *shift,
                        sheaf__columns *first, size_t n);

#endif
