/*
 * Records of a quarantine, a piece at a time: each is read again, the rows of those that are good
 * are written at once, and then it is known what becomes of each. See retry.h.
 *
 * A destination that is asked row by row is slow: a server answers each time. So it is asked for a
 * piece, and of one that it refuses for each half, down to the row that it will not have. Rows
 * arrive in the order of their records all the same, and those that are refused are the ones that
 * would have been refused one by one.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/text.h"
#include "engine/ingest/retry.h"
#include "readers/convert/fill.h"

/* A piece ends when it has so many records, or bytes: that is what is in memory. */
enum { PIECE_RECORDS = 256, PIECE_BYTES = 1 << 20, RAWS_KEEP_BYTES = 2 << 20 };

typedef struct tried {
    sheaf__held_record record; /* its text in the piece's arena */
    sheaf_error told;          /* what is wrong with it, if it is not good */
    const char *code;          /* in a word */
    const char *advice;        /* and what mends it, or NULL */
    sheaf_repairs repairs;
    bool is_good;
} tried;

struct sheaf__retry_piece {
    sheaf_arena *raws;
    size_t n;
    size_t n_bytes;
    tried items[PIECE_RECORDS];
};

sheaf_status sheaf__retry_piece_create(sheaf__retry_piece **piece, sheaf_error *err)
{
    *piece = calloc(1, sizeof **piece);
    if (*piece)
        (*piece)->raws = sheaf__arena_create(NULL, PIECE_BYTES);
    return *piece && (*piece)->raws ? SHEAF_OK : sheaf__error_memory(err, "a retry");
}

void sheaf__retry_piece_destroy(sheaf__retry_piece *piece)
{
    if (piece)
        sheaf__arena_destroy(piece->raws);
    free(piece);
}

/* ---- reading ---- */

/* Of what was too large to be kept, only the beginning is here, and may look good. */
static bool is_cut(const sheaf__reject_file *file, const sheaf__held_record *record,
                   sheaf_error *told)
{
    if (!record->is_over_limit || record->n_raw != file->record_bytes_max)
        return false;
    sheaf_error_set(told, SHEAF_ELIMIT, "only the first %zu bytes of the record were kept",
                    record->n_raw);
    told->line = record->line;
    told->record = record->record;
    return true;
}

sheaf_status sheaf__retry_read(sheaf__retry *self, const sheaf__held_record *record,
                               sheaf_error *told, const char **code, sheaf_error *err)
{
    const sheaf__held_source *source = &self->sources[record->file_index];
    sheaf__mended_from from = {.options = &source->options,
                               .asked = &source->asked,
                               .n_columns = source->file->n_columns,
                               .line = record->line,
                               .record = record->record};
    *code = "limit";
    self->mended.advice = NULL;
    if (is_cut(source->file, record, told))
        return SHEAF_END;
    sheaf_status status = sheaf__mended_read(&self->mended, &from, record->raw, record->n_raw, told,
                                             code, err);
    if (status != SHEAF_OK)
        return status;
    status = sheaf__retry_row(self, source, record);
    return status < 0 ? sheaf__error_memory(err, "a row") : SHEAF_OK;
}

/* ---- writing ---- */

/* The rows that were read. END: the table refuses one of them. */
static sheaf_status write_rows(sheaf__retry *self, sheaf_error *err)
{
    sheaf__table_view view = {.from = self->from,
                              .types = self->types,
                              .asked = self->asked,
                              .n_columns = self->table.n_items};
    sheaf__rows rows = {.n_rows = self->row->n_rows, .n_columns = self->table.n_items};
    sheaf__misfit misfit;
    sheaf__columns *columns = NULL;
    sheaf_status status = SHEAF_OK;
    if (rows.n_rows == 0)
        return SHEAF_OK;
    if (self->sink->wants_columns) {
        columns = sheaf__columns_take(self->columns);
        status = columns ? sheaf__fill(columns, self->row, &view, &misfit) : SHEAF_ENOMEM;
        if (status == SHEAF_END) /* its values were looked at before */
            status = sheaf_error_set(err, SHEAF_ECHANGED, "the quarantine changed meanwhile");
        else if (status < 0)
            status = sheaf__error_memory(err, "a row");
        rows.columns = columns;
    } else {
        rows.batch = self->row;
        rows.from = self->from;
    }
    if (status == SHEAF_OK)
        status = self->sink->ops->write(self->sink, &rows, err);
    sheaf__columns_give(columns);
    return status;
}

/* Rows again, of those records of the piece that are good. */
static sheaf_status read_rows(sheaf__retry *self, size_t begin, size_t end, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    sheaf_error told;
    const char *code;
    sheaf__batch_clear(self->row, SIZE_MAX);
    for (size_t i = begin; i < end && status == SHEAF_OK; i++)
        if (self->piece->items[i].is_good)
            status = sheaf__retry_read(self, &self->piece->items[i].record, &told, &code, err);
    return status == SHEAF_END /* it was good before */
               ? sheaf_error_set(err, SHEAF_ECHANGED, "the quarantine changed meanwhile")
               : status;
}

/* The only good record among these is one that the table refuses. */
static void refuse(sheaf__retry *self, size_t begin, sheaf_error *err)
{
    tried *each = &self->piece->items[begin];
    while (!each->is_good)
        each++;
    each->is_good = false;
    each->code = "table";
    each->advice = NULL;
    sheaf__error_copy(&each->told, err);
    sheaf_error_clear(err);
    each->told.line = each->record.line;
    each->told.record = each->record.record;
}

/* The rows of these records were read: write them, or find out which the table will not have. */
static sheaf_status load(sheaf__retry *self, size_t begin, size_t end, sheaf_error *err)
{
    size_t middle = begin + (end - begin) / 2;
    size_t n_rows = self->row->n_rows;
    sheaf_status status = write_rows(self, err);
    if (status != SHEAF_END)
        return status;
    if (n_rows == 1) {
        refuse(self, begin, err);
        return SHEAF_OK;
    }
    status = read_rows(self, begin, middle, err);
    if (status == SHEAF_OK)
        status = load(self, begin, middle, err);
    if (status == SHEAF_OK)
        status = read_rows(self, middle, end, err);
    return status < 0 ? status : load(self, middle, end, err);
}

/* ---- what becomes of each ---- */

/* Its place in its file, and not in the text alone; its column; and how to go on. */
static void place_fault(const sheaf__held_source *source, const sheaf__held_record *record,
                        const char *advice, sheaf_error *told)
{
    const sheaf__reject_file *file = source->file;
    bool is_known = record->offset_bytes != SHEAF_UNKNOWN && told->offset_bytes != SHEAF_UNKNOWN;
    told->offset_bytes = is_known ? told->offset_bytes + record->offset_bytes : SHEAF_UNKNOWN;
    sheaf__error_source(told, file->path);
    if (told->field > 0 && told->field <= file->n_columns && file->columns[told->field - 1].bytes)
        sheaf__text_escape_begin(file->columns[told->field - 1].bytes,
                                 file->columns[told->field - 1].n_bytes, told->column,
                                 sizeof told->column);
    if (advice)
        sheaf_error_hint(told,
                         "it stays in the quarantine: mend it there, or delete it; --fix %s "
                         "repairs such records",
                         advice);
    else
        sheaf_error_hint(told, "it stays in the quarantine: mend it there, or delete it");
}

static sheaf_status keep(sheaf__retry *self, tried *each, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    const sheaf__held_record *record = &each->record;
    const sheaf__held_source *source = &self->sources[record->file_index];
    place_fault(source, record, each->advice, &each->told);
    sheaf__rejected rejected = {.path = source->file->path,
                                .file = source->file,
                                .code = each->code,
                                .error = &each->told,
                                .line = record->line,
                                .offset_bytes = record->offset_bytes,
                                .raw = record->raw,
                                .n_raw = record->n_raw};
    sheaf_status status = self->held->ops->keep(self->held, record, &rejected, err);
    if (status < 0)
        return status;
    self->summary->rejected++;
    if (options->on_reject)
        options->on_reject(options->context, &(sheaf_reject){.file = &source->as_file,
                                                             .error = &each->told,
                                                             .code = each->code,
                                                             .line = record->line,
                                                             .offset_bytes = record->offset_bytes,
                                                             .raw = record->raw,
                                                             .n_raw = record->n_raw});
    return SHEAF_OK;
}

static sheaf_status drop(sheaf__retry *self, const tried *each, sheaf_error *err)
{
    sheaf_repairs *sum = &self->summary->repairs;
    const sheaf_repairs *done = &each->repairs;
    self->summary->loaded++;
    sum->records += done->records;
    sum->padded += done->padded;
    sum->trimmed += done->trimmed;
    sum->unquoted += done->unquoted;
    return self->held->ops->drop(self->held, &each->record, err);
}

/* ---- pieces ---- */

sheaf_status sheaf__retry_flush(sheaf__retry *self, sheaf_error *err)
{
    sheaf__retry_piece *piece = self->piece;
    sheaf_status status = load(self, 0, piece->n, err);
    for (size_t i = 0; i < piece->n && status == SHEAF_OK; i++)
        status = piece->items[i].is_good ? drop(self, &piece->items[i], err)
                                         : keep(self, &piece->items[i], err);
    sheaf__batch_clear(self->row, SIZE_MAX);
    sheaf__arena_reset(piece->raws, RAWS_KEEP_BYTES);
    piece->n = piece->n_bytes = 0;
    return status;
}

sheaf_status sheaf__retry_take(sheaf__retry *self, const sheaf__held_record *record,
                               sheaf_error *err)
{
    sheaf__retry_piece *piece = self->piece;
    tried *each = &piece->items[piece->n];
    *each = (tried){.record = *record};
    each->record.raw = (const uint8_t *)sheaf__arena_copy(piece->raws, (const char *)record->raw,
                                                          record->n_raw);
    if (!each->record.raw)
        return sheaf__error_memory(err, "a record");
    sheaf_status status = sheaf__retry_read(self, &each->record, &each->told, &each->code, err);
    if (status < 0)
        return status;
    each->is_good = status == SHEAF_OK;
    each->advice = self->mended.advice;
    each->repairs = self->mended.repairs;
    piece->n_bytes += record->n_raw;
    piece->n++;
    return piece->n == PIECE_RECORDS || piece->n_bytes >= PIECE_BYTES
               ? sheaf__retry_flush(self, err)
               : SHEAF_OK;
}
