/*
 * The merge: chunks in file order into the sink, and the account of every record. See load.h.
 *
 * One map over the files gives the first chunk of each, in order, whatever the order in which
 * workers finish them. Further chunks of a file are submitted when the one before is taken, while
 * that one is written. The rows before a fault are written before the fault counts: a pipe has then
 * received exactly what a single worker reading the files one after the other would have sent.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/ingest/account.h"
#include "engine/ingest/added.h"
#include "engine/ingest/keep.h"
#include "engine/ingest/leave.h"
#include "engine/ingest/presume.h"
#include "engine/ingest/rejects.h"
#include "engine/ingest/resume.h"

typedef struct merge {
    sheaf__load *load;
    sheaf__projection projection;
} merge;

/* ---- columns ---- */

/* The header was read before: it must be the same. */
static sheaf_status compare_header(const sheaf__load *load, const sheaf__chunk *chunk,
                                   sheaf_error *err)
{
    uint32_t layout;
    if (sheaf__schema_find(&load->schema, chunk->header, &layout) < 0)
        return sheaf__error_memory(err, "the columns of a header");
    if (layout != SHEAF__NO_NAME && layout == chunk->file->layout)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_ECHANGED, "the header was changed after it was read");
    sheaf__error_source(err, chunk->file->found->path);
    sheaf_error_hint(err, "run again when nobody writes to the file");
    return SHEAF_ECHANGED;
}

/*
 * The chunk brings a header: unite its columns, or see that it is the one that was read before.
 * (Workers may read the schema meanwhile only if all headers were read before.) A file that is left
 * out has columns all the same, if its header is good: when its fault is met may depend on whether
 * it is split, and on the destination. Only with SKIP_FILE all of it is read before.
 */
static sheaf_status take_header(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__load_file *file = chunk->file;
    uint32_t layout;
    bool is_left_out = chunk->fault && load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE;
    if (!chunk->header || is_left_out)
        return SHEAF_OK;
    if (file->header_read)
        return compare_header(load, chunk, err);
    sheaf_status status = sheaf__schema_add(&load->schema, chunk->header, &layout, err);
    if (status < 0) {
        sheaf__error_source(err, file->found->path);
        return status;
    }
    file->layout = layout;
    load->has_names |= chunk->counts.dialect.header != SHEAF_NONE;
    file->unwanted = load->schema.layouts[layout].unwanted;
    return SHEAF_OK;
}

static sheaf_status check_stop(const sheaf__load *load, sheaf_error *err)
{
    if (atomic_load_explicit(&load->shared->stop, memory_order_relaxed))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
    return SHEAF_OK;
}

/*
 * What the chunk found out about its columns, if that is what it was read for. Of a file that is
 * surveyed in ranges it counts when the last one was good: until then the file may be left out.
 */
static void take_kinds(sheaf__load *load, sheaf__chunk *chunk)
{
    sheaf__load_file *file = chunk->file;
    if (!chunk->kinds || file->layout == SHEAF__NO_NAME)
        return;
    if (load->pass != SHEAF__PASS_SURVEY) {
        sheaf__schema_widen(&load->schema, file->layout, chunk->kinds);
    } else if (!file->kinds) {
        file->kinds = chunk->kinds;
        chunk->kinds = NULL;
    } else {
        for (size_t i = 0; i < chunk->n_kinds; i++)
            file->kinds[i] |= chunk->kinds[i];
    }
}

/* ---- phase one: headers ---- */

/* What ends the run, unless a file before has a fault that does: who looks further? */
static sheaf_status end_with(sheaf__load *load, sheaf__chunk *fault, sheaf_error *err)
{
    if (sheaf__presume_failed(load, fault)) { /* not all of those before were read */
        sheaf__chunk_release(fault);
        return sheaf__start_over(load, err);
    }
    load->survey_end = sheaf__load_index(fault->file);
    load->first_fault = fault;
    return SHEAF_END;
}

/* The table cannot have the file's columns, which ends the run in the same way. */
static sheaf_status end_with_header(sheaf__load *load, sheaf__load_file *file, sheaf_status status,
                                    sheaf_error *err)
{
    if (status != SHEAF_EINVAL || !load->surveys || !load->wants_rows)
        return status;
    sheaf__chunk *fault = sheaf__chunk_of_fault(file, err);
    return fault ? end_with(load, fault, err) : sheaf__error_memory(err, "an error");
}

/* Takes the chunk over. */
static sheaf_status merge_header(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__load_file *file = chunk->file;
    sheaf_status status = sheaf__load_check_header(load, chunk, err);
    if (status < 0) {
        sheaf__chunk_release(chunk);
        return status;
    }
    if (chunk->fault)
        sheaf__load_name_column(load, chunk, chunk->fault);
    status = take_header(load, chunk, err);
    if (status < 0) {
        sheaf__chunk_release(chunk);
        return end_with_header(load, file, status, err);
    }
    if (chunk->fault) { /* its turn comes in phase two, if that comes */
        if (load->surveys && load->wants_rows && !sheaf__leaves_out(load, chunk))
            return end_with(load, chunk, err);
        sheaf__chunk_strip(chunk);
        file->faulty = chunk;
        return SHEAF_OK;
    }
    file->header_read = true;
    file->presumed = chunk->is_presumed;
    file->late = chunk->split && !file->presumed;
    if (file->presumed)
        sheaf__presume_count(load, chunk);
    if (!file->late)
        take_kinds(load, chunk);
    if (chunk->kept) {
        sheaf__load_give_batch(load, chunk->header);
        chunk->header = NULL;
        file->kept = chunk;
    } else {
        sheaf__chunk_release(chunk);
    }
    return status;
}

sheaf_status sheaf__merge_headers(sheaf__load *load, sheaf_error *err)
{
    sheaf__ask_cursor cursor;
    sheaf__chunk *chunk;
    load->survey_end = load->n_files;
    sheaf_status status = sheaf__ask_open(load, SHEAF__ASK_HEADER, &cursor, err);
    if (status < 0)
        return status;
    while (status == SHEAF_OK) {
        status = sheaf__ask_next(&cursor, &chunk, err);
        if (status != SHEAF_OK)
            break;
        status = merge_header(load, chunk, err);
        if (status == SHEAF_OK)
            status = check_stop(load, err);
    }
    sheaf__ask_close(&cursor);
    return status == SHEAF_END ? SHEAF_OK : status;
}

/* ---- phase two: chunks in file order ---- */

static uint64_t rows_of(const sheaf__chunk *chunk)
{
    if (chunk->batch)
        return chunk->batch->n_rows;
    if (chunk->block) /* of all of them */
        return chunk->block->n_rows;
    return chunk->columns ? chunk->columns->n_rows : 0;
}

/*
 * Rows that came as text, from another process. A failure is a fault of the file, as in a worker.
 */
static sheaf_status fill_here(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    int64_t begun = sheaf_trace_now(load->traced.merge);
    sheaf_status status = sheaf__chunk_fill(load, chunk, err);
    sheaf__traced_records(load->traced.merge, begun, "convert", chunk->file->found->path,
                          rows_of(chunk));
    if (status == SHEAF_OK || status == SHEAF_ENOMEM)
        return status;
    sheaf__chunk *fault = sheaf__chunk_of_fault(chunk->file, err);
    if (!fault)
        return sheaf__error_memory(err, "an error");
    free(chunk->fault); /* which comes behind this one */
    chunk->fault = fault->fault;
    fault->fault = NULL;
    sheaf__chunk_release(fault);
    return SHEAF_OK;
}

/* The chunk's turn has come: let what follows be read, and see which of its rows are wanted. */
static sheaf_status enter_chunk(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf__load *load = cursor->load;
    sheaf__chunk *chunk = cursor->chunk;
    cursor->n_rows = 0;
    sheaf__budget_taken(chunk);
    sheaf__kept_collect(chunk);
    sheaf_status status = chunk->split ? sheaf__ranges_ask(cursor, err)
                                       : sheaf__ask_more(load, chunk, &cursor->next, err);
    if (status == SHEAF_OK && load->pass == SHEAF__PASS_ROWS && load->wants_columns && chunk->batch)
        status = fill_here(load, chunk, err);
    /* Of a file that is left out, not even the rows before the fault are wanted. */
    if (status < 0 || sheaf__is_left_out(cursor))
        return status;
    if (chunk->columns)
        sheaf__added_shift(&load->typing.rules, &chunk->shift, chunk->columns,
                           load->schema.table->n_items - load->schema.n_added);
    take_kinds(load, chunk);
    if (load->pass == SHEAF__PASS_ROWS)
        sheaf__digest_append(&load->digest, &chunk->digest);
    cursor->n_rows = load->wants_rows && load->pass == SHEAF__PASS_ROWS
                         ? rows_of(chunk)
                         : chunk->counts.records - chunk->counts.rejected - cursor->report.loaded;
    return status;
}

/* The chunk behind the current one, or NULL at the end of the file. */
static sheaf_status take_next(sheaf__rows_cursor *cursor, sheaf__chunk **next, sheaf_error *err)
{
    void *result = NULL;
    *next = NULL;
    if (cursor->chunk->split && !cursor->chunk->fault)
        return sheaf__ranges_take(cursor, next, err);
    if (!cursor->next)
        return SHEAF_OK;
    sheaf_status status = sheaf__ask_wait(cursor->load, cursor->chunk->file,
                                          cursor->chunk->end.offset_bytes, cursor->next, &result,
                                          err);
    cursor->next = NULL;
    status = sheaf__ask_answer(cursor->load, SHEAF__ASK_MORE, cursor->chunk->file, status, result,
                               next, err);
    if (*next && (*next)->lost)
        (*next)->counts = cursor->chunk->counts;
    return status;
}

/* A file's turn is over: a trace is told of it. */
static void trace_file(const sheaf__rows_cursor *cursor)
{
    const sheaf__load *load = cursor->load;
    const sheaf__chunk *last = cursor->chunk;
    sheaf__traced_records(load->traced.merge, cursor->begun,
                          load->pass == SHEAF__PASS_ROWS ? "merge" : "survey",
                          last->file->found->path, last->counts.records);
}

/* The rows are where they belong. */
static void count_rows(sheaf__rows_cursor *cursor)
{
    const sheaf__load *load = cursor->load;
    cursor->report.loaded += cursor->n_rows;
    if (load->pass == SHEAF__PASS_ROWS)
        atomic_fetch_add_explicit(load->records_done, cursor->n_rows, memory_order_relaxed);
    cursor->n_rows = 0;
}

/* All of a file was surveyed, and is good. */
static void conclude_survey(sheaf__load *load, const sheaf__chunk *last)
{
    const sheaf__load_file *file = last->file;
    if (file->kinds)
        sheaf__schema_widen(&load->schema, file->layout, file->kinds);
    sheaf__kept_conclude(last);
}

/*
 * The survey of a file that is split has met a fault. Nothing of it was written: it is left out
 * when its turn comes, as if its header had the fault. Takes the chunk over.
 */
static void leave_out_later(sheaf__load *load, sheaf__chunk *chunk)
{
    sheaf__load_file *file = chunk->file;
    sheaf__load_name_column(load, chunk, chunk->fault);
    sheaf__chunk_release(file->kept);
    file->kept = NULL;
    sheaf__chunk_strip(chunk);
    chunk->split = false;
    file->faulty = chunk;
}

/* Count the rows, and go on to the next chunk, or to no chunk. */
static sheaf_status leave_chunk(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf__load *load = cursor->load;
    sheaf__chunk *chunk = cursor->chunk;
    sheaf__chunk *next;
    count_rows(cursor);
    sheaf_status status = SHEAF_OK;
    if (load->pass == SHEAF__PASS_ROWS && !sheaf__is_left_out(cursor))
        status = sheaf__rejects_deliver(load, chunk, &cursor->report, err);
    sheaf_status taken = take_next(cursor, &next, err);
    if (status == SHEAF_OK)
        status = taken;
    if (status == SHEAF_OK)
        status = check_stop(load, err);
    if (status == SHEAF_OK && !next && !chunk->fault)
        status = sheaf__judge_whole(cursor, err);
    if (!next) { /* ranges may still be under way, asked for as those of a good file */
        sheaf__ranges_drop(cursor);
        sheaf__load_close_file(chunk->file);
        trace_file(cursor);
    }
    bool later = status == SHEAF_OK && chunk->fault && load->pass == SHEAF__PASS_SURVEY &&
                 sheaf__leaves_out(load, chunk);
    if (status == SHEAF_OK && chunk->fault && !later && sheaf__presume_failed(load, chunk)) {
        status = sheaf__start_over(load, err);
    } else if (later) {
        leave_out_later(load, chunk);
    } else if (status == SHEAF_OK && chunk->fault) {
        status = sheaf__judge(load, chunk, &cursor->report, err);
    } else if (status == SHEAF_OK && !next && load->pass == SHEAF__PASS_ROWS) {
        sheaf__account_fill(load, chunk, &cursor->report);
        status = sheaf__account_file(chunk->file, &cursor->report, err);
        if (status == SHEAF_OK)
            status = sheaf__resume_end_file(load, chunk->file, &cursor->report, err);
    } else if (status == SHEAF_OK && !next) {
        conclude_survey(load, chunk);
    }
    if (!later)
        sheaf__chunk_release(chunk);
    cursor->chunk = next;
    return status;
}

static sheaf_status enter_file(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    cursor->report = (sheaf_file_report){0};
    cursor->begun = sheaf_trace_now(cursor->load->traced.merge);
    sheaf_status status = sheaf__ask_next(&cursor->files, &cursor->chunk, err);
    if (status != SHEAF_OK)
        return status;
    cursor->file = cursor->chunk->file;
    cursor->at = cursor->chunk->end;
    sheaf__ranges_begin(cursor);
    status = sheaf__load_check_header(cursor->load, cursor->chunk, err);
    if (status == SHEAF_OK)
        status = sheaf__resume_begin_file(cursor->load, cursor->file, err);
    if (status == SHEAF_OK)
        status = sheaf__mark_file(cursor->load, cursor->chunk, err);
    return status < 0 ? status : take_header(cursor->load, cursor->chunk, err);
}

sheaf_status sheaf__rows_open(sheaf__load *load, sheaf__rows_cursor *cursor, sheaf_error *err)
{
    *cursor = (sheaf__rows_cursor){.load = load};
    cursor->ahead = calloc(load->window, sizeof(sheaf_future *));
    if (!cursor->ahead)
        return sheaf__error_memory(err, "the ranges of a file");
    sheaf_status status = sheaf__ask_open(load, SHEAF__ASK_FIRST, &cursor->files, err);
    if (status < 0)
        free(cursor->ahead);
    return status;
}

sheaf_status sheaf__rows_next(sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (cursor->chunk && cursor->chunk->kept) {
        count_rows(cursor);
        (void)sheaf__kept_next(cursor->chunk);
        cursor->n_rows = rows_of(cursor->chunk);
        return check_stop(cursor->load, err);
    }
    do {
        if (cursor->chunk)
            status = leave_chunk(cursor, err);
        if (status == SHEAF_OK && !cursor->chunk)
            status = enter_file(cursor, err);
        if (status == SHEAF_OK)
            status = enter_chunk(cursor, err);
    } while (status == SHEAF_OK && cursor->n_rows == 0);
    return status;
}

void sheaf__rows_close(sheaf__rows_cursor *cursor)
{
    sheaf_error ignored;
    sheaf__chunk *next = NULL;
    if (cursor->chunk)
        trace_file(cursor);
    sheaf__ranges_drop(cursor);
    if (cursor->next)
        (void)take_next(cursor, &next, &ignored);
    sheaf__chunk_release(next);
    sheaf__chunk_release(cursor->chunk);
    sheaf__ask_close(&cursor->files);
    free(cursor->ahead);
}

/* ---- the pass between: what files hold that are split ---- */

static bool any_is_late(const sheaf__load *load)
{
    for (size_t i = 0; i < load->survey_end; i++)
        if (load->states[i].late)
            return true;
    return false;
}

static sheaf_status survey_late_files(sheaf__load *load, sheaf_error *err)
{
    sheaf__rows_cursor cursor;
    if (!load->surveys || !any_is_late(load))
        return SHEAF_OK;
    load->pass = SHEAF__PASS_SURVEY;
    sheaf_status status = sheaf__rows_open(load, &cursor, err);
    if (status < 0)
        return status;
    while ((status = sheaf__rows_next(&cursor, err)) == SHEAF_OK)
        continue;
    sheaf__rows_close(&cursor);
    return status == SHEAF_END ? SHEAF_OK : status;
}

/* A fault that was met before counts if no file before its own has one. */
sheaf_status sheaf__merge_surveys(sheaf__load *load, sheaf_error *err)
{
    sheaf_status status = survey_late_files(load, err);
    if (status < 0 || !load->first_fault)
        return status;
    sheaf_error *fault = load->first_fault->fault;
    if (fault->status != SHEAF_EINVAL) /* of what was asked for: it can be left out nowhere */
        sheaf__rejects_advise(load, fault, false);
    sheaf__error_copy(err, fault);
    return fault->status;
}

sheaf_status sheaf__merge_types(sheaf__load *load, sheaf_error *err)
{
    sheaf_status status = sheaf__types_decide(load, err);
    /* Until now no file was late: with SKIP_FILE none is split. */
    if (status == SHEAF_OK && load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE)
        status = survey_late_files(load, err);
    return status;
}

/* ---- phase two: into the sink ---- */

static sheaf_status write_rows(merge *m, const sheaf__rows_cursor *cursor, sheaf_error *err)
{
    sheaf__load *load = m->load;
    const sheaf__chunk *chunk = cursor->chunk;
    char number[SHEAF__NUMBER_BYTES];
    sheaf__rows rows = {.n_rows = cursor->n_rows,
                        .path = chunk->file->path ? chunk->file->path : chunk->file->found->path,
                        .shift = {.line = chunk->shift.line, .record = chunk->shift.counts.records},
                        .number = number,
                        .batch = chunk->batch,
                        .columns = chunk->columns,
                        .block = chunk->block,
                        .flush = chunk->flush};
    if (chunk->batch) {
        sheaf_status status = sheaf__project(&m->projection, load, chunk->file->layout, err);
        if (status < 0)
            return status;
        rows.from = m->projection.from;
        rows.n_columns = m->projection.n_columns;
    }
    int64_t begun = sheaf_trace_now(load->traced.sink);
    sheaf_status status = load->sink->ops->write(load->sink, &rows, err);
    if (load->wants_rows) /* else it only counts them */
        sheaf__traced_records(load->traced.sink, begun, "write", chunk->file->found->path,
                              rows.n_rows);
    return status;
}

sheaf_status sheaf__merge_rows(sheaf__load *load, sheaf_error *err)
{
    merge m = {.load = load};
    sheaf__rows_cursor cursor;
    load->pass = SHEAF__PASS_ROWS;
    sheaf_status status = sheaf__rows_open(load, &cursor, err);
    if (status < 0)
        return status;
    while ((status = sheaf__rows_next(&cursor, err)) == SHEAF_OK) {
        status = write_rows(&m, &cursor, err);
        if (status < 0)
            break;
    }
    sheaf__rows_close(&cursor);
    sheaf__projection_end(&m.projection);
    return status == SHEAF_END ? SHEAF_OK : status;
}
