/*
 * Records that were set aside, as a file of JSON lines (jsonlines.org): an object for each, in the
 * order of the files, and before the first of each file what it is read with (reject_file.h).
 *
 *     {"file":"2014/bexar.csv","line":39,"record":38,"field":3,"column":"candidate",
 *      "fault_line":39,"fault_byte":22,"offset":2090,"code":"short","message":"record 38 has 5
 *      fields, the header has 6","raw":"U.S. Representative,10,..."}
 *
 * "line" and "offset" tell where the record begins, from 1 and from 0; "fault_line", "fault_byte"
 * (in that line, from 1), "field" and "column" what is meant in it. "raw" is the record without its
 * line end; bytes of it that are not UTF-8 are escaped as sheaf_text_json() does, so that none is
 * lost. The file appears when the rows do, and only if it has a line; one that was there before is
 * of another run, and goes.
 */
#ifndef SHEAF_SINKS_QUARANTINE_QUARANTINE_H
#define SHEAF_SINKS_QUARANTINE_QUARANTINE_H

#include "engine/sinks/sink.h"

typedef struct sheaf__quarantine sheaf__quarantine;

/* Nothing is written before the first put. OK, ENOMEM. `stop` as in a sink's target. */
sheaf_status sheaf__quarantine_create(const char *path, const atomic_bool *stop,
                                      sheaf__quarantine **quarantine, sheaf_error *err);

/*
 * What an earlier run has put there stays, so many bytes of it; UINT64_MAX: all. Before the first
 * put.
 */
void sheaf__quarantine_keep(sheaf__quarantine *quarantine, uint64_t n_bytes);

const char *sheaf__quarantine_path(const sheaf__quarantine *quarantine);

/* OK, EIO, ENOENT, ENOMEM, ECANCELLED. */
sheaf_status sheaf__quarantine_put(sheaf__quarantine *quarantine, const sheaf__rejected *rejected,
                                   sheaf_error *err);

/* What is put from here on may be taken back; and take it back. Returns    OK, EIO. */
void sheaf__quarantine_mark(sheaf__quarantine *quarantine);
sheaf_status sheaf__quarantine_take_back(sheaf__quarantine *quarantine, sheaf_error *err);

/* Bring it to the disk: what can fail of a commit, before the rows are committed. */
sheaf_status sheaf__quarantine_settle(sheaf__quarantine *quarantine, sheaf_error *err);

/* How many bytes it has, if no more come. */
uint64_t sheaf__quarantine_size(const sheaf__quarantine *quarantine);

/* Make the file appear, or go if there is nothing for it. */
sheaf_status sheaf__quarantine_commit(sheaf__quarantine *quarantine, sheaf_error *err);

/* After commit: as it was before, because the rows could not be committed. */
void sheaf__quarantine_undo(sheaf__quarantine *quarantine);

/* Without commit before, nothing has changed. NULL is allowed. */
void sheaf__quarantine_destroy(sheaf__quarantine *quarantine);

#endif
