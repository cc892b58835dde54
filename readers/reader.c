/*
 * One file, from its first byte to its last record: see reader.h.
 *
 * A record is read line by line. Its lines stand in the window; the parser is fed each; when a
 * record ends with a line, it is checked: its number of fields, its size, its encoding. Blank lines
 * between records never reach the parser. At the end of the text, a record that a quote keeps open
 * is a fault.
 *
 * Where a fault is found does not depend on how many bytes a read gave: records are checked one by
 * one, in order, each as a whole, and what a source delivers before it fails is used before its
 * failure counts.
 */
#include "readers/reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/core/utf8.h"
#include "readers/record/locate.h"
#include "readers/source/source.h"
#include "readers/window.h"

struct sheaf__reader {
    sheaf__free_node node;
    sheaf__reader_options options;
    sheaf__file_source source;
    sheaf__gzip *gzip; /* made for the first gzip file, kept for the next ones */
    bool named_gzip;   /* the file is called .gz */
    sheaf__window window;
    sheaf__reader_counts counts;
    size_t n_columns; /* of the header; 0 before it */
    uint64_t line;    /* number of the line at window.line, from 1 */
    uint64_t record_line;
    bool is_waiting;           /* see sheaf__reader_is_waiting() */
    sheaf_error *read_failure; /* of the source, kept until the text before it was used */
};

/* What one record turned out to be. */
typedef struct record {
    const uint8_t *bytes;
    size_t n_bytes; /* without its line end */
    size_t n_fields;
} record;

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
    sheaf__gzip_destroy(reader->gzip);
    sheaf__window_end(&reader->window);
    free(reader);
}

static void forget_failure(sheaf__reader *reader)
{
    free(reader->read_failure);
    reader->read_failure = NULL;
}

void sheaf__reader_close(sheaf__reader *reader)
{
    sheaf__file_close(&reader->source);
    forget_failure(reader);
}

sheaf__reader_counts sheaf__reader_counts_get(const sheaf__reader *reader)
{
    sheaf__reader_counts counts = reader->counts;
    counts.stored_bytes = reader->source.offset_bytes;
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

/* ---- text ---- */

static sheaf_status keep_failure(sheaf__reader *reader, const sheaf_error *err, sheaf_status status)
{
    reader->read_failure = malloc(sizeof *reader->read_failure);
    if (!reader->read_failure)
        return SHEAF_ENOMEM;
    *reader->read_failure = *err;
    reader->read_failure->status = status;
    return SHEAF_OK;
}

/*
 * Read more text into the window, at most max_bytes; at the source's end, or its failure, say that
 * nothing more comes.
 */
static sheaf_status fill(sheaf__reader *reader, size_t max_bytes, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    if (reader->options.stop && atomic_load_explicit(reader->options.stop, memory_order_relaxed))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
    if (sheaf__window_make_room(window) < 0)
        return sheaf__error_memory(err, "a record");
    uint8_t *into = window->bytes + window->end;
    size_t room = window->capacity - window->end;
    if (room > max_bytes)
        room = max_bytes;
    size_t n = 0;
    sheaf_error failure;
    sheaf_error_clear(&failure);
    sheaf_status status = reader->counts.gzip
                              ? sheaf__gzip_read(reader->gzip, into, room, &n, &failure)
                              : sheaf__file_read(&reader->source, into, room, &n, &failure);
    if (status == SHEAF_OK && n == 0)
        status = sheaf__file_verify(&reader->source, &failure);
    if (status == SHEAF_ECANCELLED || status == SHEAF_ENOMEM || status == SHEAF_ERESOURCE) {
        sheaf__error_copy(err, &failure);
        return status;
    }
    if (status < 0 && keep_failure(reader, &failure, status) < 0)
        return sheaf__error_memory(err, "an error");
    window->at_end = status < 0 || n == 0;
    window->end += status < 0 ? 0 : n;
    reader->counts.text_bytes += status < 0 ? 0 : n;
    return SHEAF_OK;
}

/* The first bytes are in the window: hand them to gzip if that is what they are. */
static sheaf_status begin_gzip(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    if (!reader->gzip)
        reader->gzip = sheaf__gzip_create();
    if (!reader->gzip)
        return sheaf__error_memory(err, "inflating a file");
    sheaf_status status = sheaf__gzip_begin(reader->gzip, &reader->source, window->bytes,
                                            window->end, err);
    reader->counts.gzip = true;
    reader->counts.text_bytes = 0;
    window->end = 0;
    window->at_end = false;
    return status;
}

/* At least `need` bytes in the window, or its end; never more than gzip takes back. */
static sheaf_status fill_at_least(sheaf__reader *reader, size_t need, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && reader->window.end < need && !reader->window.at_end)
        status = fill(reader, SHEAF__GZIP_HEAD_MAX - reader->window.end, err);
    return status;
}

static sheaf_status drop_byte_order_mark(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    const uint8_t *bytes = window->bytes;
    if (window->end >= 2 &&
        ((bytes[0] == 0xFF && bytes[1] == 0xFE) || (bytes[0] == 0xFE && bytes[1] == 0xFF))) {
        sheaf_error_set(err, SHEAF_EENCODING, "the file is UTF-16, not UTF-8");
        sheaf_error_hint(err, "convert it: iconv -f UTF-16 -t UTF-8 FILE > FILE.utf8.csv");
        if (err) {
            err->line = 1;
            err->offset_bytes = 0;
        }
        return SHEAF_EENCODING;
    }
    if (window->end >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        window->record = window->line = window->searched = 3;
        reader->counts.boms++;
    }
    return SHEAF_OK;
}

/* From the first byte of the source: what kind of text is this? */
static sheaf_status begin_text(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__window_reset(&reader->window);
    reader->counts = (sheaf__reader_counts){0};
    reader->n_columns = 0;
    forget_failure(reader);
    reader->line = reader->record_line = 1;
    if (sheaf__window_init(&reader->window) < 0)
        return sheaf__error_memory(err, "a buffer");
    sheaf_status status = fill_at_least(reader, 3, err);
    bool gzip = reader->named_gzip || sheaf__gzip_detect(reader->window.bytes, reader->window.end);
    if (status == SHEAF_OK && gzip && !reader->read_failure) {
        status = begin_gzip(reader, err);
        if (status == SHEAF_OK)
            status = fill_at_least(reader, 3, err);
    }
    return status == SHEAF_OK ? drop_byte_order_mark(reader, err) : status;
}

static sheaf_status open_source(sheaf__reader *reader, const sheaf_file *file,
                                const sheaf__reader_options *options, uint64_t counted_bytes,
                                bool spool, sheaf_error *err)
{
    reader->options = *options;
    reader->counts = (sheaf__reader_counts){0}; /* also of a file that cannot be opened */
    reader->n_columns = 0;
    reader->named_gzip = sheaf__path_ends_with(file->path, ".gz");
    reader->source = (sheaf__file_source){
        .fd = -1,
        .counted_bytes = counted_bytes,
        .stop = options->stop,
        .read_bytes = options->read_bytes};
    sheaf_status status = sheaf__file_open(&reader->source, file, err);
    if (status == SHEAF_OK && spool && !reader->source.can_seek)
        status = sheaf__file_spool(&reader->source, err);
    if (status == SHEAF_OK)
        status = begin_text(reader, err);
    return status;
}

sheaf_status sheaf__reader_open(sheaf__reader *reader, const sheaf_file *file,
                                const sheaf__reader_options *options, sheaf_error *err)
{
    return open_source(reader, file, options, 0, false, err);
}

sheaf_status sheaf__reader_open_spooled(sheaf__reader *reader, const sheaf_file *file,
                                        const sheaf__reader_options *options, sheaf_error *err)
{
    return open_source(reader, file, options, 0, true, err);
}

void sheaf__reader_count_into(sheaf__reader *reader, atomic_ullong *read_bytes)
{
    reader->source.read_bytes = read_bytes;
}

sheaf_status sheaf__reader_rewind(sheaf__reader *reader, sheaf_error *err)
{
    sheaf__file_rewind(&reader->source);
    return begin_text(reader, err);
}

/* ---- going on elsewhere ---- */

sheaf__reader_position sheaf__reader_tell(const sheaf__reader *reader)
{
    return (sheaf__reader_position){
        .offset_bytes = reader->window.base_bytes + reader->window.record,
        .line = reader->line,
        .n_columns = reader->n_columns,
        .counts = sheaf__reader_counts_get(reader)};
}

static sheaf_status read_failure(const sheaf__reader *reader, sheaf_error *err)
{
    sheaf__error_copy(err, reader->read_failure);
    return reader->read_failure->status;
}

/* Give up the text before an offset, which stands in the window from its first byte on. */
static sheaf_status skip_text(sheaf__reader *reader, uint64_t offset_bytes, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    for (;;) {
        uint64_t left = offset_bytes - window->base_bytes;
        if (window->end >= left) {
            window->record = window->line = window->searched = (size_t)left;
            return SHEAF_OK;
        }
        window->record = window->line = window->searched = window->end;
        if (window->at_end && reader->read_failure)
            return read_failure(reader, err);
        if (window->at_end)
            return sheaf_error_set(err, SHEAF_ECHANGED, "the file is shorter than it was");
        sheaf_status status = fill(reader, SIZE_MAX, err);
        if (status < 0)
            return status;
    }
}

sheaf_status sheaf__reader_open_at(sheaf__reader *reader, const sheaf_file *file,
                                   const sheaf__reader_options *options,
                                   const sheaf__reader_position *position, sheaf_error *err)
{
    sheaf_status status = open_source(reader, file, options, position->counts.stored_bytes, false,
                                      err);
    if (status == SHEAF_OK && !reader->counts.gzip) {
        sheaf__window_reset(&reader->window);
        reader->window.base_bytes = reader->source.offset_bytes = position->offset_bytes;
        status = sheaf__window_init(&reader->window) < 0 ? sheaf__error_memory(err, "a buffer")
                                                         : SHEAF_OK;
    } else if (status == SHEAF_OK) {
        status = skip_text(reader, position->offset_bytes, err);
    }
    if (status < 0)
        return status;
    uint64_t text_bytes = reader->window.base_bytes + reader->window.end;
    reader->counts = position->counts;
    reader->counts.text_bytes = text_bytes;
    reader->line = reader->record_line = position->line;
    reader->n_columns = position->n_columns;
    return SHEAF_OK;
}

/* ---- faults ---- */

static uint64_t record_number(const sheaf__reader *reader)
{
    return reader->n_columns > 0 ? reader->counts.records + 1 : 0;
}

/* Say where in the file a place in the current record is, and show its line. */
static void point_to(const sheaf__reader *reader, const record *rec, const sheaf__place *place,
                     sheaf_error *err)
{
    if (!err)
        return;
    err->record = record_number(reader);
    err->line = reader->record_line + place->line;
    err->line_byte = place->at - place->line_start + 1;
    err->offset_bytes = reader->window.base_bytes + reader->window.record + place->at;
    err->field = place->field + 1;
    size_t line_end = place->at;
    while (line_end < rec->n_bytes && rec->bytes[line_end] != '\n' && rec->bytes[line_end] != '\r')
        line_end++;
    sheaf__error_excerpt(err, (const char *)rec->bytes + place->line_start,
                         line_end - place->line_start, place->at - place->line_start);
}

/* The record as far as it is in the window: for faults before its end was found. */
static record open_record(const sheaf__reader *reader)
{
    const sheaf__window *window = &reader->window;
    return (record){.bytes = window->bytes + window->record,
                    .n_bytes = window->end - window->record};
}

static sheaf_status fault_shape(const sheaf__reader *reader, const record *rec, sheaf_error *err)
{
    size_t expected = reader->n_columns;
    sheaf_error_set(err, SHEAF_ESHAPE, "record %" PRIu64 " has %zu field%s, the header has %zu",
                    record_number(reader), rec->n_fields, rec->n_fields == 1 ? "" : "s", expected);
    sheaf_error_hint(err, "mend the line, or leave the file out: --on-error skip-file");
    /*
     * Too many: the first that has no column. Too few: the end of the record, where the next is
     * missing.
     */
    sheaf__place place = sheaf__locate_field(rec->bytes, rec->n_bytes, reader->options.delimiter,
                                             expected);
    if (rec->n_fields < expected)
        place.field++;
    point_to(reader, rec, &place, err);
    return SHEAF_ESHAPE;
}

static sheaf_status fault_encoding(const sheaf__reader *reader, const record *rec, size_t at,
                                   sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EENCODING, "byte 0x%02X is not UTF-8", rec->bytes[at]);
    sheaf_error_hint(
        err, "convert the file: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8.csv; or leave "
             "it out: --on-error skip-file");
    sheaf__place place = sheaf__locate_byte(rec->bytes, rec->n_bytes, reader->options.delimiter,
                                            at);
    point_to(reader, rec, &place, err);
    return SHEAF_EENCODING;
}

static sheaf_status fault_quote(const sheaf__reader *reader, sheaf_error *err)
{
    record rec = open_record(reader);
    sheaf__place place = {0};
    sheaf_error_set(err, SHEAF_EQUOTE,
                    "the quote is never closed: the file ends inside a quoted field");
    sheaf_error_hint(err, "close or remove the quote, or leave the file out: --on-error skip-file");
    sheaf__locate_open_quote(rec.bytes, rec.n_bytes, reader->options.delimiter, &place);
    point_to(reader, &rec, &place, err);
    return SHEAF_EQUOTE;
}

static sheaf_status fault_limit(const sheaf__reader *reader, const record *rec, sheaf_error *err)
{
    /* Only what is within the limit counts: how much more of it is in the window is chance. */
    size_t limit = reader->options.record_bytes_max;
    record begun = {.bytes = rec->bytes, .n_bytes = rec->n_bytes < limit ? rec->n_bytes : limit};
    sheaf__place place = {0};
    bool open = sheaf__locate_open_quote(begun.bytes, begun.n_bytes, reader->options.delimiter,
                                         &place);
    sheaf_error_set(err, SHEAF_ELIMIT, "the record is larger than %zu bytes%s", limit,
                    open ? ": perhaps this quote is never closed" : "");
    sheaf_error_hint(err, "close the quote, raise the limit (--max-record), or leave the file out: "
                          "--on-error skip-file");
    if (!open)
        place = (sheaf__place){0};
    point_to(reader, &begun, &place, err);
    return SHEAF_ELIMIT;
}

static sheaf_status fault_parser(const sheaf__reader *reader, sheaf_status status, sheaf_error *err)
{
    if (status == SHEAF_ENOMEM)
        return sheaf__error_memory(err, "a record");
    record rec = open_record(reader);
    sheaf__place place = sheaf__locate_field(rec.bytes, rec.n_bytes, reader->options.delimiter,
                                             SHEAF__FIELDS_MAX);
    sheaf_error_set(err, status, "the record has more than %u fields", SHEAF__FIELDS_MAX);
    sheaf_error_hint(err, "look whether the separator is right (--delim), or leave the file out: "
                          "--on-error skip-file");
    point_to(reader, &rec, &place, err);
    return status;
}

/* ---- records ---- */

/*
 * The current line ends at line_end: is it blank, the end of a text that ends with a line end, a
 * lone CR? Returns the length of its line end.
 */
static size_t line_end_length(const sheaf__window *window, size_t line_end, bool *lone_cr)
{
    *lone_cr = false;
    if (line_end == window->line)
        return 0;
    uint8_t last = window->bytes[line_end - 1];
    if (last == '\r') {
        *lone_cr = true;
        return 1;
    }
    if (last != '\n')
        return 0;
    return line_end - window->line >= 2 && window->bytes[line_end - 2] == '\r' ? 2 : 1;
}

static void next_line(sheaf__reader *reader, size_t line_end)
{
    reader->window.line = reader->window.searched = line_end;
    reader->line++;
}

static void next_record(sheaf__reader *reader)
{
    reader->window.record = reader->window.line;
    reader->record_line = reader->line;
}

/*
 * Find the end of the current line, reading as much as it takes. The record limit holds meanwhile.
 */
static sheaf_status find_line(sheaf__reader *reader, size_t *line_end, sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    while (!sheaf__window_find_line(window, line_end)) {
        if (window->end - window->record > reader->options.record_bytes_max + 2) {
            record rec = open_record(reader);
            return fault_limit(reader, &rec, err);
        }
        sheaf_status status = fill(reader, SIZE_MAX, err);
        if (status < 0)
            return status;
    }
    return SHEAF_OK;
}

/* The text is over: so are its records, unless a quote is open or the source failed. */
static sheaf_status end_of_text(sheaf__reader *reader, sheaf_error *err)
{
    if (reader->read_failure)
        return read_failure(reader, err);
    if (reader->window.record < reader->window.line)
        return fault_quote(reader, err);
    return SHEAF_END;
}

/*
 * Read one record: OK with *rec, END, or a fault. The window's record stays where it is, so that
 * whoever checks the record can still point into it; next_record() moves on.
 */
static sheaf_status read_record(sheaf__reader *reader, sheaf__parser *parser, record *rec,
                                sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    for (;;) {
        size_t line_end;
        bool lone_cr;
        bool ended = false;
        sheaf_status status = find_line(reader, &line_end, err);
        if (status < 0)
            return status;
        if (line_end == window->line)
            return end_of_text(reader, err);
        size_t n_end = line_end_length(window, line_end, &lone_cr);
        /*
         * A line without an end is the text's last. If the source failed, nobody knows how it goes
         * on.
         */
        if (n_end == 0 && reader->read_failure)
            return end_of_text(reader, err);
        size_t begin = window->line;
        if (begin == window->record && line_end - begin == n_end) {
            reader->counts.blank_lines++;
            reader->counts.lone_crs += lone_cr;
            next_line(reader, line_end);
            next_record(reader);
            continue;
        }
        status = sheaf__parser_line(parser, window->bytes + begin, line_end - begin, &ended,
                                    &rec->n_fields);
        if (status == SHEAF_OK && n_end == 0)
            status = sheaf__parser_line(parser, (const uint8_t *)"\n", 1, &ended, &rec->n_fields);
        if (status < 0)
            return fault_parser(reader, status, err);
        next_line(reader, line_end);
        rec->bytes = window->bytes + window->record;
        rec->n_bytes = line_end - n_end - window->record;
        if (rec->n_bytes > reader->options.record_bytes_max)
            return fault_limit(reader, rec, err);
        if (ended) {
            reader->counts.lone_crs += lone_cr;
            return SHEAF_OK;
        }
    }
}

static sheaf_status check_encoding(const sheaf__reader *reader, const record *rec, sheaf_error *err)
{
    size_t valid = sheaf__utf8_valid_prefix(rec->bytes, rec->n_bytes);
    return valid == rec->n_bytes ? SHEAF_OK : fault_encoding(reader, rec, valid, err);
}

sheaf_status sheaf__reader_header(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                  sheaf_error *err)
{
    record rec;
    sheaf__parser_begin(parser, reader->options.delimiter, batch);
    sheaf_status status = read_record(reader, parser, &rec, err);
    if (status == SHEAF_OK)
        status = check_encoding(reader, &rec, err);
    if (status != SHEAF_OK)
        return status;
    reader->n_columns = batch->n_columns = rec.n_fields;
    batch->n_rows = 1;
    next_record(reader);
    return SHEAF_OK;
}

/* Read and check one record into the batch; a record at fault leaves nothing in it. */
static sheaf_status add_record(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                               sheaf_error *err)
{
    size_t n_bytes = batch ? batch->n_bytes : 0;
    size_t n_cells = batch ? batch->n_cells : 0;
    record rec;
    sheaf_status status = read_record(reader, parser, &rec, err);
    if (status == SHEAF_OK)
        status = check_encoding(reader, &rec, err);
    if (status == SHEAF_OK && rec.n_fields != reader->n_columns)
        status = fault_shape(reader, &rec, err);
    if (status == SHEAF_OK) {
        reader->counts.records++;
        next_record(reader);
        if (batch)
            batch->n_rows++;
    } else if (batch) {
        batch->n_bytes = n_bytes;
        batch->n_cells = n_cells;
    }
    return status;
}

/* The next record is not in the window yet, and a stream would have to be waited for. */
static bool would_wait(sheaf__reader *reader)
{
    size_t line_end;
    if (reader->source.can_seek || sheaf__window_find_line(&reader->window, &line_end))
        return false;
    if (reader->counts.gzip && sheaf__gzip_has_input(reader->gzip))
        return false;
    return sheaf__file_would_wait(&reader->source);
}

sheaf_status sheaf__reader_next(sheaf__reader *reader, sheaf__parser *parser, sheaf__batch *batch,
                                size_t chunk_bytes, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    sheaf__parser_begin(parser, reader->options.delimiter, batch);
    if (batch) {
        batch->n_columns = reader->n_columns;
        status = sheaf__batch_reserve(batch, 1, 1);
        if (status < 0)
            return sheaf__error_memory(err, "a batch");
    }
    reader->is_waiting = false;
    while (status == SHEAF_OK && !reader->is_waiting) {
        status = add_record(reader, parser, batch, err);
        if (batch &&
            (batch->n_bytes >= chunk_bytes || batch->n_cells * sizeof(sheaf__cell) >= chunk_bytes))
            break;
        reader->is_waiting = status == SHEAF_OK && batch && would_wait(reader);
    }
    return status;
}
