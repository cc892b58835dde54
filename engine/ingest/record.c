/*
 * One record of a file: see <sheaf/record.h>.
 *
 * The file is read in large pieces until one goes beyond what is asked for; and that piece again, a
 * record at a time.
 */
#include <sheaf/record.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/ingest/load.h"
#include "engine/ingest/rejects.h"
#include "readers/raw.h"
#include "readers/record/locate.h"

enum { PIECE_BYTES = 256 << 10, ARENA_CHUNK_BYTES = 4 << 10 };

/* The record, and what it points into: one end for both. */
typedef struct found {
    sheaf_record record; /* first */
    sheaf_error fault;
    sheaf_arena *arena;
} found;

typedef struct finder {
    sheaf__load_file *file;
    sheaf__reader *reader;
    sheaf__parser *parser;
    sheaf__batch *header;
    sheaf__batch *batch;
    sheaf__rejects rejects;
    sheaf_record_by by;
    uint64_t at;
    sheaf__reader_position before; /* the last record that was read; */
    sheaf__reader_position after;  /* and behind it */
} finder;

/* ---- finding it ---- */

/* Whether what is asked for comes before this position. */
static bool is_behind(const finder *self, const sheaf__reader_position *position)
{
    switch (self->by) {
    case SHEAF_RECORD_BY_LINE:
        return position->line > self->at;
    case SHEAF_RECORD_BY_NUMBER:
        return position->counts.records >= self->at;
    default:
        return position->offset_bytes > self->at;
    }
}

/* From the first byte: OK with the header's position, END for a file without one. */
static sheaf_status read_header(finder *self, sheaf_error *err)
{
    sheaf__batch_clear(self->header, SIZE_MAX);
    self->before = sheaf__reader_tell(self->reader);
    sheaf_status status = sheaf__reader_header(self->reader, self->parser, self->header, err);
    self->after = sheaf__reader_tell(self->reader);
    return status;
}

static sheaf_status read_piece(finder *self, size_t n_bytes, sheaf_error *err)
{
    sheaf__batch_clear(self->batch, SIZE_MAX);
    sheaf__rejects_end(&self->rejects);
    self->before = self->after;
    sheaf_status status = sheaf__reader_next(self->reader, self->parser, self->batch, n_bytes, err);
    self->after = sheaf__reader_tell(self->reader);
    return status;
}

static sheaf_status has_changed(sheaf_error *err)
{
    return sheaf_error_set(err, SHEAF_ECHANGED, "the file changed while it was read");
}

static sheaf_status is_not_there(const finder *self, sheaf_error *err)
{
    const sheaf__reader_position *end = &self->after;
    switch (self->by) {
    case SHEAF_RECORD_BY_LINE:
        return sheaf_error_set(err, SHEAF_ENOENT,
                               "there is no line %" PRIu64 ": the file has %" PRIu64, self->at,
                               end->line - 1);
    case SHEAF_RECORD_BY_NUMBER:
        return sheaf_error_set(err, SHEAF_ENOENT,
                               "there is no record %" PRIu64 ": the file has %" PRIu64, self->at,
                               end->counts.records);
    default:
        return sheaf_error_set(err, SHEAF_ENOENT,
                               "there is no byte %" PRIu64 ": the text has %" PRIu64, self->at,
                               end->offset_bytes);
    }
}

/* Read pieces until one goes beyond what is asked for. */
static sheaf_status find_piece(finder *self, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    self->rejects.counts_only = true;
    while (status == SHEAF_OK && !is_behind(self, &self->after))
        status = read_piece(self, PIECE_BYTES, err);
    if (is_behind(self, &self->after)) /* whatever comes then */
        return SHEAF_OK;
    return status == SHEAF_END ? is_not_there(self, err) : status;
}

/* To the beginning of the piece: of a stream, by reading again what comes before it. */
static sheaf_status go_back(finder *self, sheaf_error *err)
{
    sheaf__reader_position to = self->before;
    sheaf__reader_options options = sheaf__load_options_for(self->file, false);
    sheaf_status status;
    if (self->file->found->kind == SHEAF_FILE_REGULAR) {
        sheaf__reader_close(self->reader);
        self->after = to;
        status = sheaf__reader_open_at(self->reader, self->file->found, &options, &to, err);
        sheaf__reader_set_aside(self->reader, &self->rejects);
        return status;
    }
    status = sheaf__reader_rewind(self->reader, err);
    if (status == SHEAF_OK)
        status = read_header(self, err);
    while (status == SHEAF_OK && self->after.offset_bytes < to.offset_bytes)
        status = read_piece(self, PIECE_BYTES, err);
    return status;
}

/* A record at a time. */
static sheaf_status find_record(finder *self, sheaf_error *err)
{
    sheaf_status status = go_back(self, err);
    self->rejects.counts_only = false;
    while (status == SHEAF_OK && !is_behind(self, &self->after))
        status = read_piece(self, 1, err);
    return is_behind(self, &self->after) ? SHEAF_OK : status < 0 ? status : has_changed(err);
}

static sheaf_status find(finder *self, bool *is_header, sheaf_error *err)
{
    sheaf__reader_options options = sheaf__load_options_for(self->file, false);
    sheaf_status status = sheaf__reader_open_spooled(self->reader, self->file->found, &options,
                                                     err);
    if (status == SHEAF_OK) {
        sheaf__reader_counts counts = sheaf__reader_counts_get(self->reader);
        self->file->dialect = counts.dialect;
        self->file->n_columns = counts.n_columns;
        status = read_header(self, err);
    }
    *is_header = status == SHEAF_OK && self->file->dialect.header > 0 &&
                 (self->by == SHEAF_RECORD_BY_NUMBER ? self->at == 0
                                                     : is_behind(self, &self->after));
    if (status == SHEAF_END) /* of a file of blank lines */
        status = is_behind(self, &self->after) && self->by == SHEAF_RECORD_BY_LINE
                     ? SHEAF_OK
                     : is_not_there(self, err);
    if (status < 0 || *is_header || sheaf__reader_columns(self->reader) == 0)
        return status;
    sheaf__reader_set_aside(self->reader, &self->rejects);
    status = find_piece(self, err);
    return status == SHEAF_OK ? find_record(self, err) : status;
}

/* ---- telling what it is ---- */

/* Behind the line that begins at `at`. */
static size_t next_line(const uint8_t *text, size_t n_bytes, size_t at)
{
    while (at < n_bytes && !sheaf__is_line_end(text[at]))
        at++;
    bool is_pair = at + 1 < n_bytes && text[at] == '\r' && text[at + 1] == '\n';
    return at < n_bytes ? at + 1 + is_pair : at;
}

/* Whether the line is blank, or a comment. */
static bool is_no_record(const uint8_t *text, size_t n_bytes, size_t at,
                         const sheaf_dialect *dialect)
{
    if (at < n_bytes && text[at] == dialect->comment)
        return true;
    while (at < n_bytes && sheaf__is_padding(text[at], dialect) && text[at] != dialect->delimiter)
        at++;
    return at < n_bytes && sheaf__is_line_end(text[at]);
}

/* The lines that are no records and come before it in the text: the first of them may be gone. */
static size_t skip_lines(const finder *self, const uint8_t *text, size_t n_bytes)
{
    const sheaf_dialect *dialect = &self->file->dialect;
    size_t at = 0;
    bool is_first = self->after.counts.preamble_lines > self->before.counts.preamble_lines;
    if (is_first && self->after.offset_bytes - n_bytes == self->before.offset_bytes)
        for (int64_t i = 0; i < dialect->skip_lines; i++)
            at = next_line(text, n_bytes, at);
    while (is_no_record(text, n_bytes, at, dialect))
        at = next_line(text, n_bytes, at);
    return at;
}

static uint64_t lines_between_records(const sheaf__reader_position *position)
{
    const sheaf__reader_counts *counts = &position->counts;
    return counts->blank_lines + counts->comment_lines + counts->preamble_lines;
}

/* The record that was read last, from its text: what is before it, its bytes, its line end. */
static void take_raw(const finder *self, sheaf_record *record)
{
    size_t n;
    const uint8_t *text = sheaf__reader_raw(self->reader, self->before.offset_bytes, &n);
    size_t begin = skip_lines(self, text, n);
    size_t end = n;
    if (end > begin && sheaf__is_line_end(text[end - 1]))
        end -= 1 + (end - begin >= 2 && text[end - 1] == '\n' && text[end - 2] == '\r');
    record->line = self->before.line + lines_between_records(&self->after) -
                   lines_between_records(&self->before);
    record->offset_bytes = self->after.offset_bytes - (n - begin);
    record->raw = (const char *)text + begin;
    record->n_raw = end - begin;
}

static void take_reject(const finder *self, found *made)
{
    const sheaf__fault *fault = &self->rejects.faults[0];
    made->record.line = fault->record_line;
    made->record.offset_bytes = fault->offset_bytes;
    made->record.raw = (const char *)self->rejects.bytes;
    made->record.n_raw = fault->n_raw;
    made->record.code = sheaf__reject_code(fault);
    made->record.fault_at = fault->at;
    made->record.fault = &made->fault;
    sheaf__fault_tell(fault, self->rejects.bytes, &made->fault);
    sheaf__error_source(&made->fault, self->file->found->path);
}

static const char *copy(sheaf_arena *arena, const void *bytes, size_t n_bytes)
{
    char *made = sheaf_arena_new(arena, char, n_bytes + 1);
    if (made && n_bytes > 0)
        memcpy(made, bytes, n_bytes);
    return made;
}

/* What a field says whose quotes nobody has taken away yet. False: no memory. */
static bool unquote(sheaf_arena *arena, const char *raw, const sheaf_dialect *dialect,
                    sheaf_record_field *field)
{
    sheaf__machine machine = {0};
    if (field->end == field->begin)
        return true; /* null */
    char *to = sheaf_arena_new(arena, char, field->end - field->begin);
    if (!to)
        return false;
    size_t n = 0;
    for (size_t at = field->begin; at < field->end; at++)
        if (sheaf__machine_step(&machine, (uint8_t)raw[at], dialect) == SHEAF__STEP_TEXT)
            to[n++] = raw[at];
    field->value = to;
    field->n_value = n - machine.n_held;
    return true;
}

static bool is_quoted(const uint8_t *raw, const sheaf_record_field *field,
                      const sheaf_dialect *dialect)
{
    size_t at = field->begin;
    while (at < field->end && sheaf__is_padding(raw[at], dialect))
        at++;
    return at < field->end && raw[at] == dialect->quote;
}

/* Where the fields are. NULL: no memory. */
static sheaf_record_field *lay_fields(sheaf_arena *arena, const sheaf_record *record,
                                      const sheaf_dialect *dialect, size_t *n_fields)
{
    const uint8_t *raw = (const uint8_t *)record->raw;
    size_t n = sheaf__locate_byte(raw, record->n_raw, dialect, record->n_raw).field + 1;
    sheaf_record_field *fields = sheaf_arena_new(arena, sheaf_record_field, n);
    if (!fields)
        return NULL;
    memset(fields, 0, n * sizeof *fields);
    sheaf__walk walk = {.dialect = dialect};
    size_t i = 0;
    for (size_t at = 1; at <= record->n_raw; at++) {
        sheaf__walk_to(&walk, raw, at);
        if (walk.here.field == i)
            continue;
        fields[i].end = at - 1; /* before the delimiter */
        i = (size_t)walk.here.field;
        fields[i].begin = at;
    }
    fields[i].end = record->n_raw;
    for (i = 0; i < n; i++)
        fields[i].quoted = is_quoted(raw, &fields[i], dialect);
    *n_fields = n;
    return fields;
}

/* Values: of a good record those that were read; of one with a fault what its fields seem to be. */
static bool take_values(const found *made, const sheaf__batch *batch, const sheaf_dialect *dialect,
                        sheaf_record_field *fields)
{
    const sheaf_record *record = &made->record;
    bool good = true;
    for (size_t i = 0; i < record->n_fields && good; i++) {
        const sheaf__cell *cell = &batch->cells[i];
        if (record->fault || i >= batch->n_columns) {
            good = unquote(made->arena, record->raw, dialect, &fields[i]);
        } else if (cell->n_bytes != SHEAF__NULL_CELL) {
            fields[i].value = copy(made->arena, batch->bytes + cell->offset_bytes, cell->n_bytes);
            fields[i].n_value = cell->n_bytes;
            good = fields[i].value != NULL;
        }
    }
    return good;
}

static bool take_names(const found *made, const sheaf__load *load, const sheaf__layout *layout,
                       sheaf_record_field *fields)
{
    for (size_t i = 0; i < made->record.n_fields && i < layout->n_columns; i++) {
        const sheaf__name *name = &load->schema.columns.items[layout->column_of[i]];
        fields[i].name = copy(made->arena, name->bytes, name->n_bytes);
        fields[i].n_name = name->n_bytes;
        if (!fields[i].name)
            return false;
    }
    return true;
}

/* Which file it is from. */
static void take_file(const finder *self, sheaf_record *record)
{
    sheaf__reader_counts counts = sheaf__reader_counts_get(self->reader);
    const sheaf__decompress_format *format = sheaf__compression_format(counts.compression);
    record->compression = format ? format->name : NULL;
    if (counts.encoding == SHEAF__ENCODING_OTHER)
        record->encoding = sheaf__encoding_of(self->file->load->options, self->file->found->path);
    else if (counts.encoding > SHEAF__ENCODING_UTF_8)
        record->encoding = sheaf__encoding_name(counts.encoding);
}

static sheaf_status fill_fields(const finder *self, found *made, bool is_header, sheaf_error *err)
{
    sheaf_record *record = &made->record;
    sheaf__load *load = self->file->load;
    uint32_t layout;
    sheaf_status status = sheaf__schema_add(&load->schema, self->header, &layout, err);
    if (status < 0)
        return status;
    const sheaf_dialect *dialect = &self->file->dialect;
    record->raw = copy(made->arena, record->raw, record->n_raw);
    sheaf_record_field *fields = record->raw
                                     ? lay_fields(made->arena, record, dialect, &record->n_fields)
                                     : NULL;
    record->fields = fields;
    if (!fields || !take_values(made, is_header ? self->header : self->batch, dialect, fields) ||
        !take_names(made, load, &load->schema.layouts[layout], fields))
        return sheaf__error_memory(err, "a record");
    if (made->fault.field > 0)
        sheaf__schema_show_name(&load->schema, self->header, made->fault.field - 1,
                                made->fault.column, sizeof made->fault.column);
    return SHEAF_OK;
}

static sheaf_status tell(const finder *self, found *made, bool is_header, sheaf_error *err)
{
    sheaf_record *record = &made->record;
    const char *encoding;
    take_file(self, record);
    encoding = record->encoding;
    if (encoding)
        record->encoding = copy(made->arena, encoding, strlen(encoding) + 1);
    if (encoding && !record->encoding)
        return sheaf__error_memory(err, "a record");
    record->n_columns = sheaf__reader_columns(self->reader);
    record->is_header = is_header;
    if (!is_header && self->rejects.n > 0)
        take_reject(self, made);
    else if (is_header || self->batch->n_rows > 0)
        take_raw(self, record);
    bool is_record = is_header || self->rejects.n > 0 || self->batch->n_rows > 0;
    if (!is_record || (self->by == SHEAF_RECORD_BY_LINE && self->at < record->line) ||
        (self->by == SHEAF_RECORD_BY_OFFSET && self->at < record->offset_bytes)) {
        *record = (sheaf_record){.line = self->at,
                                 .is_blank = true,
                                 .n_columns = record->n_columns,
                                 .compression = record->compression,
                                 .encoding = record->encoding};
        if (self->by == SHEAF_RECORD_BY_OFFSET) {
            record->line = self->before.line;
            record->offset_bytes = self->at;
        }
        return SHEAF_OK;
    }
    record->number = is_header ? 0 : self->after.counts.records;
    return fill_fields(self, made, is_header, err);
}

/* ---- the public functions ---- */

static void end_finder(finder *self)
{
    sheaf__reader_destroy(self->reader);
    sheaf__parser_destroy(self->parser);
    sheaf__batch_destroy(self->header);
    sheaf__batch_destroy(self->batch);
    sheaf__rejects_end(&self->rejects);
}

static sheaf_status find_and_tell(sheaf__load_file *file, sheaf_record_by by, uint64_t at,
                                  sheaf_record **record, sheaf_error *err)
{
    finder self = {.file = file,
                   .reader = sheaf__reader_create(),
                   .parser = sheaf__parser_create(),
                   .header = sheaf__batch_create(NULL),
                   .batch = sheaf__batch_create(NULL),
                   .by = by,
                   .at = at};
    found *made = calloc(1, sizeof *made);
    sheaf_status status = SHEAF_ENOMEM;
    bool is_header;
    if (made)
        made->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!made || !made->arena || !self.reader || !self.parser || !self.header || !self.batch) {
        sheaf__error_memory(err, "a record");
    } else {
        status = find(&self, &is_header, err);
        if (status == SHEAF_OK)
            status = tell(&self, made, is_header, err);
        if (status < 0)
            sheaf__error_source(err, file->found->path);
    }
    end_finder(&self);
    if (status < 0) {
        if (made)
            sheaf_record_release(&made->record);
        return status;
    }
    *record = &made->record;
    return SHEAF_OK;
}

sheaf_status sheaf_record_at(const sheaf_files *files, size_t index,
                             const sheaf_ingest_options *options, sheaf_record_by by, uint64_t at,
                             sheaf_record **record, sheaf_error *err)
{
    sheaf_error unseen;
    sheaf_summary summary = {0};
    sheaf_ingest *ingest;
    sheaf__load load;
    if (!err)
        err = &unseen;
    sheaf_error_clear(err);
    if (index >= sheaf_files_count(files) || (unsigned)by > SHEAF_RECORD_BY_OFFSET ||
        (by == SHEAF_RECORD_BY_LINE && at == 0))
        return sheaf_error_set(err, SHEAF_EINVAL, "there can be no such file, or no such line");
    sheaf_status status = sheaf__ingest_create(options, true, &ingest, err);
    if (status < 0)
        return status;
    status = sheaf__load_init(&load, ingest, files, &summary, err);
    if (status == SHEAF_OK)
        status = find_and_tell(&load.states[index], by, at, record, err);
    sheaf__load_end(&load);
    sheaf_ingest_destroy(ingest);
    return status;
}

void sheaf_record_release(sheaf_record *record)
{
    found *made = (found *)record;
    if (!made)
        return;
    sheaf__arena_destroy(made->arena);
    free(made);
}
