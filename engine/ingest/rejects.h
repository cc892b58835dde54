/* Records that were set aside, and files of which most were: see rejects.c. */
#ifndef SHEAF_INGEST_REJECTS_H
#define SHEAF_INGEST_REJECTS_H

#include "engine/ingest/load.h"

/* Whether records with faults are set aside, and not the end of the run or of their file. */
bool sheaf__rejects_are_kept(const sheaf_ingest_options *options, bool is_stream);

/* EINVAL: they are, and there is no place for them; they are not, but there is a place or limit. */
sheaf_status sheaf__rejects_check(const sheaf_ingest_options *options, bool is_stream,
                                  sheaf_error *err);

/* Where the run's rejects go, if there is such a place. Also after it was opened in vain. */
sheaf_status sheaf__load_open_quarantine(sheaf__load *load, const sheaf_ingest *ingest,
                                         sheaf_error *err);

/* "short", "long", "quote", "encoding", "limit", "type". */
const char *sheaf__reject_code(const sheaf__fault *fault);

/* What the records of a chunk's file, whose header is known, are read with. OK, ENOMEM. */
sheaf_status sheaf__load_reject_file(sheaf__load *load, const sheaf__chunk *chunk,
                                     const sheaf__reject_file **file, sheaf_error *err);

/* Send the records that a chunk has set aside where they belong, and count them. */
sheaf_status sheaf__rejects_deliver(sheaf__load *load, sheaf__chunk *chunk,
                                    sheaf_file_report *report, sheaf_error *err);

/* Whether most of a file's records have faults; and the fault of the file that this is (ESHAPE). */
bool sheaf__is_misjudged(const sheaf__reader_counts *counts);
sheaf_status sheaf__misjudged(const sheaf__reader_counts *counts, sheaf_error *err);

/* Add to a file's fault what else the user can have done with such: as a hint. */
void sheaf__rejects_advise(const sheaf__load *load, sheaf_error *fault, bool is_left_out);

/*
 * Whether there are not too many of them in all. OK, ELIMIT; the first fault if every file was left
 * out, unless that is what was asked for.
 */
sheaf_status sheaf__rejects_verify(const sheaf__load *load, sheaf_error *err);

/* Of the quarantine beside a file, if no more comes: how large it is; 0: there is none. */
uint64_t sheaf__rejects_size(const sheaf__load *load);

/* Bring the quarantine to the disk, before the rows are committed; make it appear behind them. */
sheaf_status sheaf__rejects_settle(sheaf__load *load, sheaf_error *err);
sheaf_status sheaf__rejects_commit(sheaf__load *load, sheaf_error *err);
/* As it was before that: the rows could not be committed. */
void sheaf__rejects_undo(sheaf__load *load);

#endif
