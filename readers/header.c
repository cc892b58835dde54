/*
 * The beginning of a file's table: the lines before it, and its header, if it has one.
 */
#include "engine/core/error.h"
#include "readers/dialect/encoding.h"
#include "readers/dialect/line_ends.h"
#include "readers/state.h"

static sheaf_status skip_preamble(sheaf__reader *reader, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (int64_t i = 0; i < reader->options.dialect.skip_lines && status == SHEAF_OK; i++) {
        status = sheaf__reader_skip_line(reader, err);
        reader->counts.preamble_lines += status == SHEAF_OK;
    }
    return status;
}

/* The first record is a row: it will be read again. Its line end counts, if it was one so far. */
static void take_back(sheaf__reader *reader, bool has_ended)
{
    sheaf__window *window = &reader->window;
    reader->counts.lone_crs -= has_ended && window->bytes[window->line - 1] == '\r';
    window->line = window->searched = window->record;
    reader->line = reader->record_line;
}

/* How many columns has a table without a header? If nobody said, as many as its first record. */
static sheaf_status count_columns(sheaf__reader *reader, sheaf__parser *parser, size_t *n_columns,
                                  sheaf_error *err)
{
    sheaf__record rec;
    sheaf__parser_begin(parser, &reader->options.dialect, NULL);
    sheaf_status status = sheaf__reader_record(reader, parser, &rec, err);
    bool is_known = reader->options.n_columns > 0;
    if (status == SHEAF_OK)
        take_back(reader, true);
    else if (is_known && reader->has_fault)
        take_back(reader, reader->fault.status == SHEAF_EENCODING); /* or it has no end yet */
    else
        return status;
    *n_columns = is_known ? reader->options.n_columns : rec.n_fields;
    return SHEAF_OK;
}

static sheaf_status name_columns(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                 sheaf_error *err)
{
    size_t n_columns = 0;
    sheaf_status status = count_columns(reader, parser, &n_columns, err);
    if (status == SHEAF_OK && sheaf__batch_reserve(batch, 0, n_columns) < 0)
        status = sheaf__error_memory(err, "a header");
    for (size_t i = 0; status == SHEAF_OK && i < n_columns; i++)
        sheaf__batch_add_unsafe(batch, NULL, 0);
    if (status == SHEAF_OK)
        reader->n_columns = batch->n_columns = reader->counts.n_columns = n_columns;
    return status;
}

const sheaf__sniffed *sheaf__reader_sniffed(const sheaf__reader *reader)
{
    return &reader->sniffed;
}

const char *sheaf__reader_line_ends(const sheaf__reader *reader)
{
    const sheaf__window *window = &reader->window;
    size_t n_bytes = window->end - window->record;
    return sheaf__line_ends_of(window->bytes + window->record,
                               n_bytes < SHEAF__SAMPLE_BYTES ? n_bytes : SHEAF__SAMPLE_BYTES);
}

sheaf_status sheaf__reader_header(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                  sheaf_error *err)
{
    sheaf__record rec;
    sheaf_status status = skip_preamble(reader, err);
    if (status == SHEAF_OK && reader->options.dialect.header == SHEAF_NONE) {
        status = name_columns(reader, parser, batch, err);
    } else if (status == SHEAF_OK) {
        sheaf__parser_begin(parser, &reader->options.dialect, batch);
        status = sheaf__reader_record(reader, parser, &rec, err);
        if (status == SHEAF_OK) {
            reader->n_columns = batch->n_columns = rec.n_fields;
            reader->counts.header_end = reader->line - 1;
            sheaf__reader_next_record(reader);
        }
    }
    if (status == SHEAF_OK)
        batch->n_rows = 1;
    return status;
}
