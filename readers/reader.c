/*
 * One file, from its first byte to its last record: see reader.h.
 *
 * Most records are taken in runs (take_run.c). What no run takes is read line by line: the header,
 * a record whose quotes stand where they should not, one with a fault, the last one if no line end
 * is behind it. The parser is fed each line; when a record ends with one, it is checked: its size,
 * its encoding, its number of fields, its values where types were asked for. Blank lines between
 * records never reach the parser. At the end of the text, a record that a quote keeps open is a
 * fault. A record at fault is repaired, if that is asked for and can be (repair.h), or set aside.
 *
 * Where a fault is found does not depend on how many bytes a read gave: records are checked one by
 * one, in order, each as a whole, and what a source delivers before it fails is used before its
 * failure counts.
 */
#include "readers/reader.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "readers/fault.h"
#include "readers/record/locate.h"
#include "readers/repair.h"
#include "readers/state.h"

sheaf__reader *sheaf__reader_create(void)
{
    sheaf__reader *reader = calloc(1, sizeof *reader);
    if (reader)
        reader->source.fd = -1;
    return reader;
}

void sheaf__reader_destroy(sheaf__reader *reader)
{
    if (!reader)
        return;
    sheaf__reader_close(reader);
    sheaf__ahead_end(&reader->ahead);
    sheaf__decoder_destroy(reader->decoder);
    for (int i = 0; i < SHEAF__COMPRESSIONS; i++)
        sheaf__decompressor_destroy(reader->decompressors[i]);
    sheaf__window_end(&reader->window);
    free(reader);
}

void sheaf__reader_forget_failure(sheaf__reader *reader)
{
    free(reader->read_failure);
    reader->read_failure = NULL;
}

void sheaf__reader_close(sheaf__reader *reader)
{
    sheaf__ahead_stop(&reader->ahead);
    sheaf__file_close(&reader->source);
    reader->rejects = NULL;
    reader->asked = (sheaf__asked){0};
    sheaf__reader_forget_failure(reader);
}

sheaf__reader_counts sheaf__reader_counts_get(const sheaf__reader *reader)
{
    sheaf__reader_counts counts = reader->counts;
    counts.stored_bytes = sheaf__ahead_stored_bytes(&reader->ahead, &reader->source);
    return counts;
}

bool sheaf__reader_is_waiting(const sheaf__reader *reader)
{
    return reader->is_waiting;
}

size_t sheaf__reader_columns(const sheaf__reader *reader)
{
    return reader->n_columns;
}

/* ---- records ---- */

/* Whether the next record, if there is one, is beyond the range. */
static bool is_over(const sheaf__reader *reader)
{
    return sheaf__reader_offset(reader) >= reader->range_end;
}

static void next_line(sheaf__reader *reader, size_t line_end)
{
    reader->window.line = reader->window.searched = line_end;
    reader->line++;
}

void sheaf__reader_next_record(sheaf__reader *reader)
{
    reader->window.record = reader->window.line;
    reader->record_line = reader->line;
}

static sheaf_status give_up(sheaf_error *err)
{
    return sheaf_error_set(err, SHEAF_EAGAIN, "where a record begins was guessed wrong");
}

sheaf_status sheaf__reader_read_on(sheaf__reader *reader, sheaf_error *err)
{
    if (reader->window.base_bytes + reader->window.end >= reader->give_up_bytes)
        return give_up(err);
    return sheaf__reader_fill(reader, SIZE_MAX, err);
}

/*
 * Find the end of the current line, reading as much as it takes. The record limit holds meanwhile.
 */
static sheaf_status find_line(sheaf__reader *reader, size_t *line_end, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    if (window->base_bytes + window->line >= reader->give_up_bytes)
        return give_up(err);
    while (!sheaf__window_find_line(window, line_end)) {
        if (sheaf__reader_is_over_limit(reader)) {
            sheaf__record rec = {.bytes = window->bytes + window->record,
                                 .n_bytes = window->end - window->record};
            return sheaf__fault_limit(reader, &rec);
        }
        sheaf_status status = sheaf__reader_read_on(reader, err);
        if (status < 0)
            return status;
    }
    return SHEAF_OK;
}

/* The text is over: so are its records, unless a quote is open or the source failed. */
static sheaf_status end_of_text(sheaf__reader *reader, sheaf_error *err)
{
    if (reader->read_failure)
        return sheaf__reader_failure(reader, err);
    if (reader->window.record < reader->window.line)
        return sheaf__fault_quote(reader);
    return SHEAF_END;
}

/* Where a record could begin, a line begins that is blank, or a comment: count it. */
static bool is_no_record(sheaf__reader *reader, size_t line_end)
{
    const sheaf__window *window = &reader->window;
    const sheaf_dialect *dialect = &reader->options.dialect;
    size_t at = window->line;
    while (at < line_end && sheaf__is_padding(window->bytes[at], dialect) &&
           window->bytes[at] != dialect->delimiter)
        at++;
    bool is_comment = line_end > window->line && window->bytes[window->line] == dialect->comment;
    if (!is_comment && line_end - window->line > reader->options.record_bytes_max)
        return false; /* how much of it is blank nobody can know who reads less at once */
    reader->counts.blank_lines += at == line_end;
    reader->counts.comment_lines += is_comment;
    if (is_comment)
        reader->careful_bytes = SHEAF__CAREFUL_BYTES;
    return at == line_end || is_comment;
}

/* A record that seems to be too large is a comment, which may have any size: go behind it. */
static bool is_long_comment(const sheaf__reader *reader, sheaf_status status)
{
    const sheaf__window *window = &reader->window;
    return status == SHEAF_ELIMIT && window->line == window->record && window->line < window->end &&
           window->bytes[window->line] == reader->options.dialect.comment;
}

static sheaf_status skip_comment(sheaf__reader *reader, sheaf_error *err)
{
    reader->has_fault = false;
    reader->counts.comment_lines++;
    reader->careful_bytes = SHEAF__CAREFUL_BYTES;
    return sheaf__reader_skip_line(reader, err);
}

/*
 * The record goes on in quotes behind the current line: read on until there is a quote, wherever it
 * stands. A quote that is never closed costs no more than that: nobody parses what it seems to
 * hold.
 */
static sheaf_status await_quote(sheaf__reader *reader, sheaf_error *err)
{
    const sheaf__window *window = &reader->window;
    int quote = reader->options.dialect.quote;
    if (reader->quiet_bytes < window->line - window->record)
        reader->quiet_bytes = window->line - window->record;
    for (;;) {
        size_t from = window->record + reader->quiet_bytes;
        if (memchr(window->bytes + from, quote, window->end - from))
            return SHEAF_OK;
        reader->quiet_bytes = window->end - window->record;
        bool lone_cr;
        size_t n_end = window->at_end ? sheaf__window_line_end(window, window->end, &lone_cr) : 0;
        sheaf__record rec = {.bytes = window->bytes + window->record,
                             .n_bytes = window->end - window->record - n_end};
        bool fits = window->end == window->line || /* then it was looked at before */
                    rec.n_bytes <= reader->options.record_bytes_max;
        if (window->at_end && fits)
            return end_of_text(reader, err);
        if (window->at_end || sheaf__reader_is_over_limit(reader))
            return sheaf__fault_limit(reader, &rec);
        sheaf_status status = sheaf__reader_read_on(reader, err);
        if (status < 0)
            return status;
    }
}

/*
 * Read one record: OK with *rec, END, or a failure; a fault is in reader->fault, not in *err. The
 * window's record stays where it is, so that whoever checks the record can still point into it;
 * next_record() moves on.
 */
static sheaf_status read_record(sheaf__reader *reader, sheaf__parser *parser, sheaf__record *rec,
                                sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf__walk walk = {.dialect = &reader->options.dialect};
    reader->has_fault = false;
    reader->quiet_bytes = 0;
    for (;;) {
        size_t line_end;
        bool lone_cr;
        bool ended = false;
        sheaf_status status = SHEAF_OK;
        if (walk.machine.state == SHEAF__QUOTED)
            status = await_quote(reader, err);
        if (status == SHEAF_OK)
            status = find_line(reader, &line_end, err);
        if (is_long_comment(reader, status)) {
            status = skip_comment(reader, err);
            if (status == SHEAF_OK && !is_over(reader))
                continue;
            return status == SHEAF_OK ? SHEAF_END : status;
        }
        if (status != SHEAF_OK)
            return status;
        if (line_end == window->line)
            return end_of_text(reader, err);
        size_t n_end = sheaf__window_line_end(window, line_end, &lone_cr);
        /*
         * A line without an end is the text's last. If the source failed, nobody knows how it goes
         * on.
         */
        if (n_end == 0 && reader->read_failure)
            return end_of_text(reader, err);
        size_t begin = window->line;
        if (begin == window->record && is_no_record(reader, line_end - n_end)) {
            reader->counts.lone_crs += lone_cr;
            next_line(reader, line_end);
            sheaf__reader_next_record(reader);
            if (is_over(reader))
                return SHEAF_END;
            continue;
        }
        status = sheaf__parser_line(parser, window->bytes + begin, line_end - begin, &ended,
                                    &rec->n_fields);
        if (status == SHEAF_OK && n_end == 0)
            status = sheaf__parser_end(parser, &ended, &rec->n_fields);
        if (status < 0)
            return status == SHEAF_ENOMEM ? sheaf__error_memory(err, "a record")
                                          : sheaf__fault_fields(reader);
        rec->bytes = window->bytes + window->record;
        rec->n_bytes = line_end - n_end - window->record;
        if (rec->n_bytes > reader->options.record_bytes_max)
            return sheaf__fault_limit(reader, rec); /* in this line, as find_line() says it */
        next_line(reader, line_end);
        if (!ended || begin > window->record) /* of several lines: its quotes must be right */
            sheaf__walk_to(&walk, rec->bytes, line_end - window->record);
        if (walk.is_broken)
            return sheaf__fault_lone_quote(reader, walk.broken.at);
        if (ended) {
            reader->counts.lone_crs += lone_cr;
            return SHEAF_OK;
        }
    }
}

static sheaf_status check_encoding(sheaf__reader *reader, const sheaf__record *rec)
{
    size_t valid = sheaf__utf8_valid_prefix(rec->bytes, rec->n_bytes);
    return valid == rec->n_bytes ? SHEAF_OK : sheaf__fault_encoding(reader, rec, valid);
}

/* The record's fault, if that is what it was, in words. */
static sheaf_status tell(const sheaf__reader *reader, sheaf_status status, sheaf_error *err)
{
    if (status < 0 && reader->has_fault)
        sheaf__fault_tell(&reader->fault, reader->window.bytes + reader->window.record, err);
    return status;
}

sheaf_status sheaf__reader_record(sheaf__reader *reader, sheaf__parser *parser, sheaf__record *rec,
                                  sheaf_error *err)
{
    sheaf_status status = read_record(reader, parser, rec, err);
    if (status == SHEAF_OK)
        status = check_encoding(reader, rec);
    return tell(reader, status, err);
}

/* ---- records with faults ---- */

void sheaf__reader_check_types(sheaf__reader *reader, const sheaf__asked_columns *asked)
{
    reader->asked = (sheaf__asked){.columns = asked && asked->n > 0 ? asked : NULL,
                                   .nulls = reader->options.nulls,
                                   .refuses_nul = reader->options.refuses_nul};
}

void sheaf__reader_set_aside(sheaf__reader *reader, sheaf__rejects *rejects)
{
    reader->rejects = rejects;
}

/*
 * Go back to the quote that is never closed: what seemed to follow in quotes does not. Of the
 * record, what is up to the end of that line is kept, or of a longer one so much as may be.
 */
void sheaf__reader_go_to_quote(sheaf__reader *reader)
{
    sheaf__window *window = &reader->window;
    sheaf__fault *fault = &reader->fault;
    size_t line_end;
    window->line = window->searched = window->record + fault->at;
    reader->line = fault->line;
    (void)sheaf__window_find_line(window, &line_end); /* or as far as was read, beyond the limit */
    if (fault->n_raw > window->searched - window->record)
        fault->n_raw = window->searched - window->record;
}

/* Go on behind the current line, which may be too long to be kept. */
sheaf_status sheaf__reader_skip_line(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    uint64_t from = window->base_bytes + window->line;
    size_t line_end;
    while (!sheaf__window_find_line(window, &line_end)) {
        window->record = window->line = window->searched;
        sheaf_status status = sheaf__reader_read_on(reader, err);
        if (status < 0)
            return status;
    }
    if (window->base_bytes + line_end == from)
        return reader->read_failure ? sheaf__reader_failure(reader, err) : SHEAF_END;
    bool lone_cr;
    (void)sheaf__window_line_end(window, line_end, &lone_cr);
    reader->counts.lone_crs += lone_cr;
    next_line(reader, line_end);
    sheaf__reader_next_record(reader);
    return SHEAF_OK;
}

static void count_reject(sheaf__reader *reader, const uint8_t *raw)
{
    const sheaf__fault *fault = &reader->fault;
    sheaf__reader_counts *counts = &reader->counts;
    counts->records++;
    counts->rejected++;
    if (fault->status != SHEAF_ESHAPE || fault->n_found != fault->n_expected + 1)
        return;
    counts->one_more++;
    counts->one_blank += sheaf__repair_would_trim(fault, raw);
}

/* A record with a fault is put aside, and reading goes on behind it; or it does not. */
static sheaf_status set_aside(sheaf__reader *reader, sheaf_status status, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf__fault *fault = &reader->fault;
    bool is_table = status != SHEAF_ELIMIT || fault->n_found == 0;
    if (!reader->has_fault || !reader->rejects || !is_table)
        return tell(reader, status, err);
    bool is_whole = status != SHEAF_EQUOTE && status != SHEAF_ELIMIT; /* its last line, too */
    if (status == SHEAF_EQUOTE || fault->open)
        sheaf__reader_go_to_quote(reader);
    if (sheaf__rejects_add(reader->rejects, fault, window->bytes + window->record) < 0)
        return sheaf__error_memory(err, "a record that is set aside");
    count_reject(reader, window->bytes + window->record);
    status = is_whole ? SHEAF_OK : sheaf__reader_skip_line(reader, err);
    reader->careful_bytes = SHEAF__CAREFUL_BYTES;
    sheaf__reader_next_record(reader);
    return status;
}

/* The record, whose cells are the batch's last, has values of the types that were asked for. */
static sheaf_status check_types(sheaf__reader *reader, const sheaf__record *rec,
                                const sheaf__batch *batch)
{
    sheaf__misfit misfit;
    if (sheaf__asked_check(&reader->asked, batch, batch->n_rows, 1, &misfit))
        return SHEAF_OK;
    return sheaf__fault_value(reader, rec, &misfit);
}

/* Whether it is a row of the table, perhaps when it was repaired: *done tells how. */
static sheaf_status check_record(sheaf__reader *reader, const sheaf__record *rec, size_t literal,
                                 sheaf__batch *batch, unsigned *done, sheaf_error *err)
{
    sheaf_status status = check_encoding(reader, rec);
    if (status == SHEAF_OK && rec->n_fields != reader->n_columns) {
        status = sheaf__repair_shape(reader, rec, literal, batch, done);
        if (status == SHEAF_ENOMEM)
            return sheaf__error_memory(err, "a record");
        if (status == SHEAF_END)
            status = sheaf__fault_shape(reader, rec);
    }
    if (status == SHEAF_OK && batch && sheaf__reader_asks(reader))
        status = check_types(reader, rec, batch);
    return status;
}

/*
 * The record has a fault. If that is a quote that is never closed, and the record is a good one
 * with that quote as text, it is read so; else the fault is what it was.
 */
static sheaf_status read_literally(sheaf__reader *reader, sheaf_status status, sheaf__batch *batch,
                                   unsigned *done, sheaf_error *err)
{
    const sheaf__fault fault = reader->fault;
    sheaf__record rec;
    size_t line_end;
    bool lone_cr;
    sheaf_status again = sheaf__repair_quote(reader, &rec, &line_end, batch, done);
    if (again == SHEAF_OK)
        again = check_record(reader, &rec, fault.at, batch, done, err);
    if (again == SHEAF_ENOMEM)
        return sheaf__error_memory(err, "a record");
    if (again != SHEAF_OK) {
        reader->fault = fault;
        return status;
    }
    (void)sheaf__window_line_end(&reader->window, line_end, &lone_cr);
    reader->counts.lone_crs += lone_cr;
    next_line(reader, line_end);
    return SHEAF_OK;
}

/* What a record at fault has left in the batch goes. */
static void clear_behind(sheaf__batch *batch, size_t n_bytes, size_t n_cells)
{
    if (!batch)
        return;
    batch->n_bytes = n_bytes;
    batch->n_cells = n_cells;
}

static void accept(sheaf__reader *reader, sheaf__batch *batch, unsigned done)
{
    reader->counts.records++;
    sheaf__repair_count(&reader->counts.repairs, done);
    if (done)
        reader->careful_bytes = SHEAF__CAREFUL_BYTES;
    sheaf__reader_next_record(reader);
    if (batch)
        batch->n_rows++;
}

/* Read and check one record into the batch; a record at fault leaves nothing in it. */
static sheaf_status add_record(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                               sheaf_error *err)
{
    size_t n_bytes = batch ? batch->n_bytes : 0;
    size_t n_cells = batch ? batch->n_cells : 0;
    unsigned done = 0;
    sheaf__record rec;
    sheaf_status status = read_record(reader, parser, &rec, err);
    if (status == SHEAF_OK)
        status = check_record(reader, &rec, SHEAF__NOT_LITERAL, batch, &done, err);
    if (status < 0) {
        clear_behind(batch, n_bytes, n_cells);
        sheaf__parser_begin(parser, &reader->options.dialect, batch);
        done = 0;
        if (reader->has_fault)
            status = read_literally(reader, status, batch, &done, err);
    }
    if (status == SHEAF_OK && batch && batch->wants_places) {
        if (sheaf__batch_reserve_places(batch, 1) < 0)
            return sheaf__error_memory(err, "a batch");
        batch->places[batch->n_rows] = sheaf__reader_place(reader);
    }
    if (status == SHEAF_OK) {
        accept(reader, batch, done);
        return SHEAF_OK;
    }
    clear_behind(batch, n_bytes, n_cells);
    return status == SHEAF_END ? SHEAF_END : set_aside(reader, status, err);
}

/* The next record is not in the window yet, and a stream would have to be waited for. */
static bool would_wait(sheaf__reader *reader)
{
    size_t line_end;
    if (reader->source.can_seek || sheaf__window_find_line(&reader->window, &line_end))
        return false;
    const sheaf__decompressor *decompressor = reader->decompressors[reader->counts.compression];
    if (decompressor && sheaf__decompressor_has_input(decompressor))
        return false;
    return sheaf__file_would_wait(&reader->source);
}

/* What was read until now is the file's as it was found, if the file is that now. */
static sheaf_status end_of_range(const sheaf__reader *reader, sheaf_error *err)
{
    sheaf_status status = sheaf__file_compare(&reader->source, err);
    return status < 0 ? status : SHEAF_END;
}

static sheaf_status read_records(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                 size_t chunk_bytes, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    sheaf__parser_begin(parser, &reader->options.dialect, batch);
    if (batch) {
        batch->n_columns = reader->n_columns;
        status = sheaf__batch_reserve(batch, 1, 1);
        if (status < 0)
            return sheaf__error_memory(err, "a batch");
    }
    reader->is_waiting = false;
    while (status == SHEAF_OK && !reader->is_waiting) {
        size_t n_taken = 0;
        if (sheaf__reader_is_stopped(reader))
            return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
        if (is_over(reader))
            break;
        status = sheaf__reader_take_run(reader, parser, batch, chunk_bytes, &n_taken, err);
        if (status == SHEAF_OK && n_taken == 0)
            status = add_record(reader, parser, batch, err);
        if (batch &&
            (batch->n_bytes >= chunk_bytes || batch->n_cells * sizeof(sheaf__cell) >= chunk_bytes))
            break;
        if (reader->rejects && sheaf__rejects_bytes(reader->rejects) / 2 > chunk_bytes)
            break;
        reader->is_waiting = status == SHEAF_OK && batch && batch->n_rows > 0 && would_wait(reader);
    }
    return status >= 0 && is_over(reader) ? end_of_range(reader, err) : status;
}

sheaf_status sheaf__reader_next(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                size_t chunk_bytes, sheaf_error *err)
{
    sheaf_status status = read_records(reader, parser, batch, chunk_bytes, err);
    if (batch && reader->options.nulls)
        sheaf__nulls_apply(reader->options.nulls, batch);
    return status;
}
