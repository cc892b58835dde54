/* Rows as text: see format.h. */
#include "engine/sinks/text/format.h"

#include <stdint.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"

enum {
    LANES = 16,
    ROOM = 2 * LANES, /* behind what is put: copies are of whole lanes */
    LONG_BYTES = 256, /* what is longer is copied by memcpy */
    ESCAPE_BYTES = 6  /* of JSON: \u001f */
};

/* ---- sixteen bytes at a time: every processor has vectors of that size, or two words ---- */

typedef uint8_t lanes __attribute__((vector_size(LANES)));

static inline lanes load(const void *bytes)
{
    lanes v;
    memcpy(&v, bytes, sizeof v);
    return v;
}

static inline lanes all(uint8_t byte)
{
    return (lanes){0} + byte;
}

static inline bool any(lanes v)
{
    uint64_t halves[2];
    memcpy(halves, &v, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

/* The first n lanes, less than all of them. */
static inline lanes first_lanes(lanes v, size_t n)
{
    static const uint8_t window[2 * LANES] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                              0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF};
    return v & load(window + LANES - n);
}

/* Where bytes want quotes; or escapes. */
static inline lanes special_lanes(lanes v, bool is_json, uint8_t separator)
{
    if (is_json)
        return (lanes)(v < all(0x20)) | (lanes)(v == all('"')) | (lanes)(v == all('\\')) |
               (lanes)(v == all(0x7F));
    return (lanes)(v == all(separator)) | (lanes)(v == all('"')) | (lanes)(v == all('\n')) |
           (lanes)(v == all('\r'));
}

/* Whether there is one in a text of a batch, behind which as much may be read. */
static inline bool has_special(const char *bytes, size_t n, bool is_json, uint8_t separator)
{
    for (; n >= LANES; n -= LANES, bytes += LANES)
        if (any(special_lanes(load(bytes), is_json, separator)))
            return true;
    return any(first_lanes(special_lanes(load(bytes), is_json, separator), n));
}

/* A text of a batch to where there is room for as much and ROOM. */
static inline char *copy(char *to, const char *bytes, size_t n)
{
    if (n > LONG_BYTES)
        return mempcpy(to, bytes, n);
    for (size_t i = 0; i < n; i += LANES)
        memcpy(to + i, bytes + i, LANES);
    return to + n;
}

/* ---- where it goes ---- */

typedef struct writer {
    sheaf__text_block *block;
    char *at;
    char *end; /* of the memory */
} writer;

static sheaf_status make_room(writer *w, size_t n_bytes)
{
    size_t n_used = w->at ? (size_t)(w->at - w->block->memory) : 0;
    if (n_bytes > SIZE_MAX / 2 || sheaf__text_block_grow(w->block, n_used, n_used + n_bytes) < 0)
        return SHEAF_ENOMEM;
    w->at = w->block->memory + n_used;
    w->end = w->block->memory + w->block->capacity;
    return SHEAF_OK;
}

static inline sheaf_status reserve(writer *w, size_t n_bytes)
{
    return (size_t)(w->end - w->at) >= n_bytes ? SHEAF_OK : make_room(w, n_bytes);
}

/* Begin in a block, with room for about so many bytes. */
static sheaf_status begin(writer *w, sheaf__text_block *block, size_t n_bytes)
{
    *w = (writer){.block = block, .at = block->memory};
    return make_room(w, n_bytes + 2 * ROOM);
}

static void finish(const writer *w)
{
    w->block->bytes = w->block->memory;
    w->block->n_bytes = (size_t)(w->at - w->block->memory);
}

/* ---- CSV and TSV ---- */

static char *put_quoted(char *to, const char *bytes, size_t n_bytes)
{
    *to++ = '"';
    while (n_bytes > 0) {
        const char *quote = memchr(bytes, '"', n_bytes);
        size_t run = quote ? (size_t)(quote - bytes) + 1 : n_bytes;
        to = mempcpy(to, bytes, run);
        if (quote)
            *to++ = '"';
        bytes += run;
        n_bytes -= run;
    }
    *to++ = '"';
    return to;
}

bool sheaf__is_mark(const char *bytes, size_t n_bytes)
{
    static const char mark[] = "\xEF\xBB\xBF";
    return n_bytes >= sizeof mark - 1 && memcmp(bytes, mark, sizeof mark - 1) == 0;
}

/* A text that is in no batch. */
static sheaf_status put_text(const sheaf__style *style, writer *w, sheaf__text text, bool begins)
{
    bool quotes = text.n_bytes == 0 || (begins && sheaf__is_mark(text.bytes, text.n_bytes));
    for (size_t i = 0; i < text.n_bytes && !quotes; i++)
        quotes = style->special[(unsigned char)text.bytes[i]];
    if (reserve(w, 2 * text.n_bytes + ROOM) < 0)
        return SHEAF_ENOMEM;
    w->at = quotes ? put_quoted(w->at, text.bytes, text.n_bytes)
                   : mempcpy(w->at, text.bytes, text.n_bytes);
    return SHEAF_OK;
}

/* A field for which there is ROOM alone. `clean`: nothing in the batch wants quotes. */
static inline sheaf_status put_field(const sheaf__style *style, writer *w, const sheaf__rows *rows,
                                     size_t row, size_t column, bool clean, bool begins)
{
    const sheaf__batch *batch = rows->batch;
    uint32_t from = rows->from[column];
    if (from >= SHEAF__ROW_COLUMN) {
        sheaf__text text = sheaf__rows_origin(rows, row, column);
        return text.bytes ? put_text(style, w, text, begins) : SHEAF_OK;
    }
    sheaf__cell cell = batch->cells[row * batch->n_columns + from];
    const char *bytes = (const char *)batch->bytes + cell.offset_bytes;
    if (cell.n_bytes == SHEAF__NULL_CELL)
        return SHEAF_OK;
    if (reserve(w, 2 * (size_t)cell.n_bytes + 2 * ROOM) < 0)
        return SHEAF_ENOMEM;
    bool quotes = cell.n_bytes == 0 ||
                  (!clean && has_special(bytes, cell.n_bytes, false, (uint8_t)style->separator)) ||
                  (begins && sheaf__is_mark(bytes, cell.n_bytes));
    w->at = quotes ? put_quoted(w->at, bytes, cell.n_bytes) : copy(w->at, bytes, cell.n_bytes);
    return SHEAF_OK;
}

static inline sheaf_status put_line(const sheaf__style *style, writer *w, const sheaf__rows *rows,
                                    size_t row, bool clean, bool begins)
{
    if (reserve(w, ROOM) < 0)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < rows->n_columns; i++) {
        if (reserve(w, 2 * ROOM) < 0)
            return SHEAF_ENOMEM;
        if (i > 0)
            *w->at++ = style->separator;
        const char *before = w->at;
        if (put_field(style, w, rows, row, i, clean, begins && i == 0) < 0)
            return SHEAF_ENOMEM;
        if (rows->n_columns == 1 && w->at == before) /* a null */
            w->at = put_quoted(w->at, NULL, 0);
    }
    *w->at++ = '\n';
    return SHEAF_OK;
}

sheaf_status sheaf__style_header(const sheaf__style *style, const sheaf__names *columns,
                                 sheaf__text_block *block)
{
    writer w;
    if (begin(&w, block, 0) < 0)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < columns->n_items; i++) {
        const sheaf__name *name = &columns->items[i];
        sheaf__text text = {.bytes = name->bytes, .n_bytes = name->n_bytes};
        if (reserve(&w, ROOM) < 0)
            return SHEAF_ENOMEM;
        if (i > 0)
            *w.at++ = style->separator;
        if (put_text(style, &w, text, i == 0) < 0)
            return SHEAF_ENOMEM;
    }
    if (columns->n_items > 0)
        *w.at++ = '\n';
    finish(&w);
    return SHEAF_OK;
}

/* ---- rows as they stand in the batch ---- */

/* What stands between the fields of plain rows: all of a file the same. */
static bool is_parted_by(const sheaf__batch *batch, char separator)
{
    uint32_t n_bytes = batch->cells[0].n_bytes == SHEAF__NULL_CELL ? 0 : batch->cells[0].n_bytes;
    return batch->n_columns > 1 &&
           batch->bytes[batch->cells[0].offset_bytes + n_bytes] == (uint8_t)separator;
}

static bool has_byte(const sheaf__batch *batch, char byte)
{
    return memchr(batch->bytes, byte, batch->n_bytes) != NULL;
}

/* No field wants quotes; but for that an empty text would, and there is none in plain rows. */
static bool is_clean(const sheaf__batch *batch, char separator)
{
    return batch->n_rows > 0 && batch->n_plain_rows == batch->n_rows && batch->n_columns > 0 &&
           (is_parted_by(batch, separator) || !has_byte(batch, separator)) && !has_byte(batch, '"');
}

static bool has_same_columns(const sheaf__rows *rows)
{
    bool same = rows->n_columns == rows->batch->n_columns;
    for (size_t i = 0; same && i < rows->n_columns; i++)
        same = rows->from[i] == i;
    return same;
}

/* Whether the bytes of a clean batch are its rows, line by line, as they are to be written. */
static bool is_written_so(const sheaf__rows *rows, char separator)
{
    const sheaf__batch *batch = rows->batch;
    return batch->n_plain_bytes == batch->n_bytes && batch->bytes[batch->n_bytes - 1] == '\n' &&
           (batch->n_columns == 1 || is_parted_by(batch, separator)) && has_same_columns(rows);
}

/* ---- JSON lines ---- */

/* A text that holds what wants an escape, or that is in no batch. */
static sheaf_status put_escaped(const sheaf__style *style, writer *w, sheaf__text text)
{
    if (reserve(w, ESCAPE_BYTES * text.n_bytes + 2 * ROOM) < 0)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < text.n_bytes; i++) {
        char byte = text.bytes[i];
        if (style->special[(unsigned char)byte])
            w->at += sheaf_text_json(&byte, 1, w->at, ESCAPE_BYTES + 1);
        else
            *w->at++ = byte;
    }
    return SHEAF_OK;
}

static inline sheaf_status put_value(const sheaf__style *style, writer *w, const sheaf__rows *rows,
                                     size_t row, size_t column)
{
    sheaf__text text = sheaf__rows_text(rows, row, column);
    bool is_in_batch = rows->from[column] < SHEAF__ROW_COLUMN;
    if (reserve(w, text.n_bytes + 2 * ROOM) < 0)
        return SHEAF_ENOMEM;
    if (!text.bytes) {
        w->at = mempcpy(w->at, "null", 4);
        return SHEAF_OK;
    }
    *w->at++ = '"';
    if (is_in_batch && !has_special(text.bytes, text.n_bytes, true, 0))
        w->at = copy(w->at, text.bytes, text.n_bytes);
    else if (put_escaped(style, w, text) < 0)
        return SHEAF_ENOMEM;
    *w->at++ = '"';
    return SHEAF_OK;
}

static sheaf_status put_object(const sheaf__style *style, writer *w, const sheaf__rows *rows,
                               size_t row)
{
    if (reserve(w, ROOM) < 0)
        return SHEAF_ENOMEM;
    *w->at++ = '{';
    for (size_t i = 0; i < rows->n_columns; i++) {
        const sheaf__text *key = &style->keys[i];
        if (reserve(w, key->n_bytes + ROOM) < 0)
            return SHEAF_ENOMEM;
        if (i > 0)
            *w->at++ = ',';
        w->at = mempcpy(w->at, key->bytes, key->n_bytes);
        if (put_value(style, w, rows, row, i) < 0)
            return SHEAF_ENOMEM;
    }
    w->at = mempcpy(w->at, "}\n", 2);
    return SHEAF_OK;
}

sheaf_status sheaf__style_name(sheaf__style *style, const sheaf__names *columns, sheaf_error *err)
{
    style->arena = sheaf__arena_create(NULL, 64 << 10);
    style->keys = style->arena ? sheaf_arena_new(style->arena, sheaf__text, columns->n_items)
                               : NULL;
    if (!style->keys)
        return sheaf__error_memory(err, "the column names");
    for (size_t i = 0; i < columns->n_items; i++) {
        const sheaf__name *name = &columns->items[i];
        size_t length = sheaf_text_json(name->bytes, name->n_bytes, NULL, 0);
        char *key = sheaf_arena_new(style->arena, char, length + 4);
        if (!key)
            return sheaf__error_memory(err, "the column names");
        key[0] = '"';
        sheaf_text_json(name->bytes, name->n_bytes, key + 1, length + 1);
        memcpy(key + 1 + length, "\":", 2);
        style->keys[i] = (sheaf__text){.bytes = key, .n_bytes = length + 3};
    }
    return SHEAF_OK;
}

/* ---- all of them ---- */

sheaf_status sheaf__style_rows(const sheaf__style *style, const sheaf__rows *rows, size_t first,
                               bool begins, size_t bytes_max, sheaf__text_block *block)
{
    const sheaf__batch *batch = rows->batch;
    bool is_json = style->format == SHEAF__JSONL;
    bool clean = !is_json && is_clean(batch, style->separator);
    size_t row = first;
    writer w;
    if (clean && first == 0 && is_written_so(rows, style->separator) &&
        !(begins && sheaf__is_mark((const char *)batch->bytes, batch->n_bytes))) {
        block->bytes = (const char *)batch->bytes;
        block->n_bytes = batch->n_bytes;
        block->n_rows = rows->n_rows;
        block->is_in_batch = true;
        return SHEAF_OK;
    }
    sheaf_status status = begin(&w, block, batch->n_bytes < bytes_max ? batch->n_bytes : bytes_max);
    while (status == SHEAF_OK && row < rows->n_rows &&
           (row == first || (size_t)(w.at - block->memory) < bytes_max)) {
        status = is_json ? put_object(style, &w, rows, row)
                         : put_line(style, &w, rows, row, clean, begins && row == 0);
        row++;
    }
    if (status < 0)
        return status;
    finish(&w);
    block->n_rows = row - first;
    return SHEAF_OK;
}

void sheaf__style_init(sheaf__style *style, sheaf__text_format format)
{
    *style = (sheaf__style){.format = format, .separator = format == SHEAF__TSV ? '\t' : ','};
    if (format == SHEAF__JSONL) {
        for (int byte = 0; byte < 0x20; byte++)
            style->special[byte] = true;
        style->special['"'] = style->special['\\'] = style->special[0x7F] = true;
    } else {
        style->special['"'] = style->special['\n'] = style->special['\r'] = true;
        style->special[(unsigned char)style->separator] = true;
    }
}

void sheaf__style_end(sheaf__style *style)
{
    sheaf__arena_destroy(style->arena);
}
