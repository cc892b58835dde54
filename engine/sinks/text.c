/*
 * Rows as text: CSV, TSV and JSON lines, into a file or to standard output.
 *
 * CSV and TSV: the header, if there is one, then a line for each row, ended by LF. A field is
 * quoted only when it must be: when it holds the separator, a quote, CR or LF, or when it is an
 * empty text, which unquoted would be a null. In a table of one column a null is written `""`: an
 * empty line would not be a row. JSON lines: an object a row, all columns in order, null for null
 * (RFC 8259; jsonlines.org).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/sinks/output.h"
#include "engine/sinks/sink.h"

typedef struct text_sink {
    sheaf__sink base;
    sheaf__text_format format;
    char separator; /* CSV and TSV */
    bool has_begun; /* the same: a field was written */
    bool had_begun; /* when rows were marked; so many there were: */
    uint64_t rows_marked;
    bool special[256];  /* bytes that want quotes (CSV, TSV) or escapes (JSON lines) */
    sheaf_arena *arena; /* holds keys */
    sheaf__text *keys;  /* JSON lines: `"name":` of each column */
    sheaf__output output;
} text_sink;

static text_sink *self_of(sheaf__sink *sink)
{
    return (text_sink *)sink;
}

/* ---- CSV and TSV ---- */

static bool must_quote(const text_sink *self, sheaf__text text)
{
    for (size_t i = 0; i < text.n_bytes; i++)
        if (self->special[(unsigned char)text.bytes[i]])
            return true;
    return text.n_bytes == 0;
}

static void put_quoted(sheaf__output *output, sheaf__text text)
{
    sheaf__output_byte(output, '"');
    while (text.n_bytes > 0) {
        const char *quote = memchr(text.bytes, '"', text.n_bytes);
        size_t run = quote ? (size_t)(quote - text.bytes) + 1 : text.n_bytes;
        sheaf__output_put(output, text.bytes, run);
        if (quote)
            sheaf__output_byte(output, '"');
        text.bytes += run;
        text.n_bytes -= run;
    }
    sheaf__output_byte(output, '"');
}

static void put_field(text_sink *self, sheaf__text text)
{
    static const char mark[] = "\xEF\xBB\xBF"; /* that it would be at the beginning of a file */
    bool is_first = !self->has_begun;
    self->has_begun = true;
    if (!text.bytes)
        return;
    if (must_quote(self, text) || (is_first && text.n_bytes >= sizeof mark - 1 &&
                                   memcmp(text.bytes, mark, sizeof mark - 1) == 0))
        put_quoted(&self->output, text);
    else
        sheaf__output_put(&self->output, text.bytes, text.n_bytes);
}

static void put_header(text_sink *self, const sheaf__names *columns)
{
    for (size_t i = 0; i < columns->n_items; i++) {
        sheaf__text name = {.bytes = columns->items[i].bytes, .n_bytes = columns->items[i].n_bytes};
        if (i > 0)
            sheaf__output_byte(&self->output, self->separator);
        put_field(self, name);
    }
    if (columns->n_items > 0)
        sheaf__output_byte(&self->output, '\n');
}

static void put_row_delimited(text_sink *self, const sheaf__rows *rows, size_t row)
{
    static const sheaf__text empty = {.bytes = "", .n_bytes = 0};
    for (size_t i = 0; i < rows->n_columns; i++) {
        sheaf__text text = sheaf__rows_text(rows, row, i);
        if (i > 0)
            sheaf__output_byte(&self->output, self->separator);
        put_field(self, rows->n_columns == 1 && !text.bytes ? empty : text);
    }
    sheaf__output_byte(&self->output, '\n');
}

/* ---- JSON lines ---- */

static void put_json_string(text_sink *self, sheaf__text text)
{
    sheaf__output *output = &self->output;
    sheaf__output_byte(output, '"');
    for (size_t i = 0; i < text.n_bytes;) {
        size_t run = i;
        while (run < text.n_bytes && !self->special[(unsigned char)text.bytes[run]])
            run++;
        sheaf__output_put(output, text.bytes + i, run - i);
        if (run < text.n_bytes) {
            char escape[8];
            sheaf__output_put(output, escape,
                              sheaf_text_json(text.bytes + run, 1, escape, sizeof escape));
            run++;
        }
        i = run;
    }
    sheaf__output_byte(output, '"');
}

static void put_row_json(text_sink *self, const sheaf__rows *rows, size_t row)
{
    sheaf__output *output = &self->output;
    sheaf__output_byte(output, '{');
    for (size_t i = 0; i < rows->n_columns; i++) {
        sheaf__text text = sheaf__rows_text(rows, row, i);
        if (i > 0)
            sheaf__output_byte(output, ',');
        sheaf__output_put(output, self->keys[i].bytes, self->keys[i].n_bytes);
        if (text.bytes)
            put_json_string(self, text);
        else
            sheaf__output_put(output, "null", 4);
    }
    sheaf__output_put(output, "}\n", 2);
}

/* `"name":` of each column, escaped once. */
static sheaf_status make_keys(text_sink *self, const sheaf__names *columns, sheaf_error *err)
{
    self->arena = sheaf__arena_create(NULL, 64 << 10);
    self->keys = self->arena ? sheaf_arena_new(self->arena, sheaf__text, columns->n_items) : NULL;
    if (!self->keys)
        return sheaf__error_memory(err, "the column names");
    for (size_t i = 0; i < columns->n_items; i++) {
        const sheaf__name *name = &columns->items[i];
        size_t length = sheaf_text_json(name->bytes, name->n_bytes, NULL, 0);
        char *key = sheaf_arena_new(self->arena, char, length + 4);
        if (!key)
            return sheaf__error_memory(err, "the column names");
        key[0] = '"';
        sheaf_text_json(name->bytes, name->n_bytes, key + 1, length + 1);
        memcpy(key + 1 + length, "\":", 2);
        self->keys[i] = (sheaf__text){.bytes = key, .n_bytes = length + 3};
    }
    return SHEAF_OK;
}

/* ---- the sink ---- */

static sheaf_status text_begin(sheaf__sink *sink, const sheaf__names *columns,
                               const sheaf_type *types, sheaf_error *err)
{
    (void)types; /* text keeps the source's own spelling */
    text_sink *self = self_of(sink);
    if (self->format == SHEAF__JSONL)
        return make_keys(self, columns, err);
    if (sink->has_names)
        put_header(self, columns);
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    for (size_t row = 0; row < rows->n_rows && self->output.failure == SHEAF_OK; row++) {
        if (self->format == SHEAF__JSONL)
            put_row_json(self, rows, row);
        else
            put_row_delimited(self, rows, row);
        sink->rows++;
    }
    if (rows->flush && !self->output.is_file)
        sheaf__output_flush_some(&self->output);
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_mark(sheaf__sink *sink, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    sheaf__output_mark(&self->output);
    self->rows_marked = sink->rows;
    self->had_begun = self->has_begun;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    *done = sheaf__output_take_back(&self->output);
    if (!*done)
        return SHEAF_OK;
    sink->rows = self->rows_marked;
    self->has_begun = self->had_begun;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_commit(sheaf__sink *sink, sheaf_error *err)
{
    return sheaf__output_commit(&self_of(sink)->output, err);
}

static void text_abort(sheaf__sink *sink)
{
    sheaf__output_abort(&self_of(sink)->output);
}

static void text_destroy(sheaf__sink *sink)
{
    text_sink *self = self_of(sink);
    sheaf__output_end(&self->output);
    sheaf__arena_destroy(self->arena);
    free(self);
}

static void mark_special(text_sink *self)
{
    if (self->format == SHEAF__JSONL) {
        for (int byte = 0; byte < 0x20; byte++)
            self->special[byte] = true;
        self->special['"'] = self->special['\\'] = self->special[0x7F] = true;
    } else {
        self->special['"'] = self->special['\n'] = self->special['\r'] = true;
        self->special[(unsigned char)self->separator] = true;
    }
}

sheaf_status sheaf__text_open(const sheaf__sink_target *target, sheaf__sink **sink,
                              sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = text_begin,
                                        .write = text_write,
                                        .mark = text_mark,
                                        .take_back = text_take_back,
                                        .commit = text_commit,
                                        .abort = text_abort,
                                        .destroy = text_destroy};
    text_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = true;
    self->base.takes_back = target->kind == SHEAF__SINK_FILE;
    self->format = target->format;
    self->separator = target->format == SHEAF__TSV ? '\t' : ',';
    mark_special(self);
    sheaf_status status = sheaf__output_open(&self->output, target, err);
    if (status < 0) {
        text_destroy(&self->base);
        return status;
    }
    sheaf_text_escape(target->path, strlen(target->path), self->base.label,
                      sizeof self->base.label);
    *sink = &self->base;
    return SHEAF_OK;
}
