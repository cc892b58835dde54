/* Files that are left out: see leave.h. */
#include "engine/ingest/leave.h"
#include "engine/ingest/rejects.h"

#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/ingest/account.h"
#include "engine/ingest/resume.h"

/*
 * Whether a file that has this fault is left out before anything of it is written: where records
 * are set aside, only one of which no record could be read, or of which that is known. (How many of
 * its rows were written by then would depend on the machine.)
 */
bool sheaf__is_never_begun(const sheaf__load *load, const sheaf__chunk *chunk)
{
    return load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE ||
           (load->sets_aside && (chunk->counts.records == 0 || chunk->misjudged));
}

/* Whether it is left out, if need be by taking back what was written. */
bool sheaf__leaves_out(const sheaf__load *load, const sheaf__chunk *chunk)
{
    bool takes_back = load->sets_aside && load->sink && load->sink->takes_back &&
                      load->options->on_error != SHEAF_ON_ERROR_CONTINUE;
    return takes_back || sheaf__is_never_begun(load, chunk);
}

/*
 * From here on, what is written of the chunk's file may be taken back. It will not have to be if
 * the chunk is all there is of it, and good, as most small files are. (Of rows that came as text
 * from another process, and are still to be typed, that is not known yet.)
 */
sheaf_status sheaf__mark_file(sheaf__load *load, const sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    bool is_typed = !load->wants_columns || !chunk->batch;
    bool is_good = !chunk->more && !chunk->split && !chunk->fault && is_typed &&
                   !sheaf__is_misjudged(&chunk->counts);
    if (!sink || !sink->ops->mark || !load->sets_aside || load->pass != SHEAF__PASS_ROWS || is_good)
        return SHEAF_OK;
    load->n_rejected_marked = load->n_rejected;
    load->digest_marked = load->digest;
    if (load->quarantine)
        sheaf__quarantine_mark(load->quarantine);
    return sink->ops->mark(sink, err);
}

/* Take back what was written of a file, if that can be done. */
static sheaf_status take_back(sheaf__load *load, sheaf_file_report *report, bool *done,
                              sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    *done = report->loaded == 0 && report->rejected == 0;
    if (*done || !load->sets_aside || !sink || !sink->ops->take_back)
        return SHEAF_OK;
    sheaf_status status = sink->ops->take_back(sink, done, err);
    if (status < 0 || !*done)
        return status;
    if (load->quarantine)
        status = sheaf__quarantine_take_back(load->quarantine, err);
    load->n_rejected = load->n_rejected_marked;
    load->digest = load->digest_marked;
    atomic_fetch_sub_explicit(load->records_done, report->loaded, memory_order_relaxed);
    report->loaded = report->rejected = 0;
    return status;
}

static sheaf_status leave_out(sheaf__load *load, const sheaf__chunk *chunk,
                              sheaf_file_report *report, sheaf_error *err)
{
    sheaf__rejects_advise(load, chunk->fault, true);
    if (!load->left_out && (load->left_out = malloc(sizeof *load->left_out)) != NULL)
        *load->left_out = *chunk->fault;
    report->skipped = true;
    report->error = chunk->fault;
    report->skipped_records = report->records - report->loaded - report->rejected;
    if (report->loaded == 0)
        report->repairs = (sheaf_repairs){0};
    sheaf_status status = sheaf__account_file(chunk->file, report, err);
    return status == SHEAF_OK ? sheaf__resume_end_file(load, chunk->file, report, err) : status;
}

/* The file has a fault: it is left out, or, if rows of it cannot be taken back, ends the run. */
sheaf_status sheaf__judge(sheaf__load *load, sheaf__chunk *chunk, sheaf_file_report *report,
                          sheaf_error *err)
{
    sheaf_on_error on_error = load->options->on_error;
    /* A survey has written nothing, and what it cannot leave out later nobody can. */
    bool may = load->pass == SHEAF__PASS_ROWS &&
               (load->sets_aside || on_error == SHEAF_ON_ERROR_SKIP_FILE);
    bool done = on_error == SHEAF_ON_ERROR_CONTINUE; /* what was found of it counts */
    if (!chunk->fault->column[0])
        sheaf__load_name_column(load, chunk, chunk->fault);
    sheaf_status status = may && !done ? take_back(load, report, &done, err) : SHEAF_OK;
    sheaf__account_fill(load, chunk, report);
    if (status < 0)
        return status;
    if (done && !sheaf__resume_replaces(load, chunk->file))
        return leave_out(load, chunk, report, err);
    sheaf__rejects_advise(load, chunk->fault, false);
    sheaf__error_copy(err, chunk->fault);
    return chunk->fault->status;
}

/* Most of a file's records have faults: that is a fault of the file, if it can be left out. */
sheaf_status sheaf__judge_whole(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf__load *load = cursor->load;
    sheaf__chunk *chunk = cursor->chunk;
    bool done = load->pass == SHEAF__PASS_SURVEY;
    if (!load->judges || !sheaf__is_misjudged(&chunk->counts))
        return SHEAF_OK;
    sheaf_status status = done ? SHEAF_OK : take_back(load, &cursor->report, &done, err);
    if (status < 0 || !done)
        return status;
    chunk->fault = malloc(sizeof *chunk->fault);
    if (!chunk->fault)
        return sheaf__error_memory(err, "an error");
    chunk->misjudged = true;
    (void)sheaf__misjudged(&chunk->counts, chunk->fault);
    sheaf__error_source(chunk->fault, chunk->file->found->path);
    return SHEAF_OK;
}

/* The file has a fault, and nothing of it was written: it is left out whole. */
bool sheaf__is_left_out(const sheaf__rows_cursor *cursor)
{
    const sheaf_file_report *report = &cursor->report;
    return cursor->chunk->fault && sheaf__is_never_begun(cursor->load, cursor->chunk) &&
           report->loaded == 0 && report->rejected == 0;
}
