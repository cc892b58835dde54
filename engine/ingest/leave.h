/*
 * A file that is at fault itself costs only itself: it is left out, before anything of it was
 * written, or by taking back what was; where that cannot be done it ends the run.
 */
#ifndef SHEAF_INGEST_LEAVE_H
#define SHEAF_INGEST_LEAVE_H

#include "engine/ingest/load.h"

/*
 * Whether the chunk's file, which has a fault, is left out before anything of it is written; and
 * whether at all.
 */
bool sheaf__is_never_begun(const sheaf__load *load, const sheaf__chunk *chunk);
bool sheaf__leaves_out(const sheaf__load *load, const sheaf__chunk *chunk);

/* The former, of the current file, of which nothing was written until now. */
bool sheaf__is_left_out(const sheaf__rows_cursor *cursor);

/* A file's first chunk: what is written from here on may be taken back. OK, as the sink's mark. */
sheaf_status sheaf__mark_file(sheaf__load *load, const sheaf__chunk *chunk, sheaf_error *err);

/* The file has a fault: OK, it is left out, and accounted for; or it ends the run. */
sheaf_status sheaf__judge(sheaf__load *load, sheaf__chunk *chunk, sheaf_file_report *report,
                          sheaf_error *err);

/*
 * The file's last chunk: if most of its records have faults, and it can be left out, that becomes
 * the chunk's fault. OK, ENOMEM, as the sink's take_back.
 */
sheaf_status sheaf__judge_whole(sheaf__rows_cursor *cursor, sheaf_error *err);

#endif
