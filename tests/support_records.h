/*
 * Reading a whole file by a reader, and what libcsv says about the same bytes: two ways to one
 * text.
 *
 * Records are compared as text: a field is "[text]", a null "~", and a record ends with a newline.
 * The header is the first record. The expectation feeds libcsv the whole text byte by byte, so it
 * knows where each field and record begins and ends, and derives from that alone what the reader
 * must find, faults and all.
 */
#ifndef SHEAF_TESTS_SUPPORT_RECORDS_H
#define SHEAF_TESTS_SUPPORT_RECORDS_H

#include <csv.h>

#include "engine/core/utf8.h"
#include "engine/table/batch.h"
#include "readers/reader.h"
#include "tests/support.h"
#include "tests/support_dialect.h"

/* ---- records as text ---- */

static inline void put_field(blob *to, const void *text, size_t n_bytes)
{
    if (!text) {
        blob_text(to, "~");
        return;
    }
    blob_text(to, "[");
    blob_add(to, text, n_bytes);
    blob_text(to, "]");
}

/* A batch's rows as text. Whatever must be true of every batch is checked on the way. */
static inline void put_batch(blob *to, const sheaf__batch *batch)
{
    cr_assert_eq(batch->n_cells, batch->n_rows * batch->n_columns);
    cr_assert_leq(batch->n_cells, batch->cells_capacity);
    cr_assert_leq(batch->n_bytes, batch->bytes_capacity);
    size_t used = 0;
    size_t n_plain = 0;
    bool is_plain = true;
    for (size_t i = 0; i < batch->n_cells; i++) {
        const sheaf__cell *cell = &batch->cells[i];
        bool is_first = i % batch->n_columns == 0;
        is_plain = is_first || (is_plain && cell->offset_bytes == used + 1);
        bool null = cell->n_bytes == SHEAF__NULL_CELL;
        cr_assert_geq(cell->offset_bytes, used, "the text of a cell is another's too");
        const void *text = cell->n_bytes > 0 ? (const void *)(batch->bytes + cell->offset_bytes)
                                             : "";
        put_field(to, null ? NULL : text, null ? 0 : cell->n_bytes);
        used = cell->offset_bytes + (null ? 0 : cell->n_bytes);
        if ((i + 1) % batch->n_columns == 0) {
            n_plain += is_plain;
            blob_text(to, "\n");
        }
    }
    cr_assert_leq(batch->n_plain_rows, n_plain);
    cr_assert_leq(used, batch->n_bytes, "a cell has text that the batch has not");
}

/* ---- by the reader ---- */

/* What a worker has. */
typedef struct kit {
    sheaf__reader *reader;
    sheaf__parser *parser;
    sheaf__batch *batch;
} kit;

static inline kit kit_create(void)
{
    kit made = {sheaf__reader_create(), sheaf__parser_create(), sheaf__batch_create(NULL)};
    cr_assert(made.reader && made.parser && made.batch);
    return made;
}

static inline void kit_destroy(kit *old)
{
    sheaf__reader_destroy(old->reader);
    sheaf__parser_destroy(old->parser);
    sheaf__batch_destroy(old->batch);
}

typedef struct outcome {
    blob rows;
    sheaf_status status; /* END or the first failure */
    sheaf_error err;
    sheaf__reader_counts counts;
    size_t n_batches; /* without the header's */
} outcome;

#define COUNT_ONLY SIZE_MAX /* as chunk_bytes: without a batch */

static const sheaf__reader_options plain_options = {.encoding = SHEAF__ENCODING_UTF_8,
                                                    .dialect = SHEAF_DIALECT_RFC4180(','),
                                                    .record_bytes_max = 64 << 20};

/* From where the reader is to its end: the header, then the records. */
static inline outcome read_rest(kit *with, size_t chunk_bytes)
{
    outcome out = {.status = SHEAF_OK};
    sheaf_error_clear(&out.err);
    sheaf__batch_clear(with->batch, SIZE_MAX);
    out.status = sheaf__reader_header(with->reader, with->parser, with->batch, &out.err);
    if (out.status == SHEAF_OK) {
        cr_assert_eq(with->batch->n_rows, 1);
        cr_assert_eq(with->batch->n_columns, sheaf__reader_columns(with->reader));
        put_batch(&out.rows, with->batch);
    }
    while (out.status == SHEAF_OK) {
        sheaf__batch *batch = chunk_bytes == COUNT_ONLY ? NULL : with->batch;
        sheaf__batch_clear(with->batch, SIZE_MAX);
        out.status = sheaf__reader_next(with->reader, with->parser, batch, chunk_bytes, &out.err);
        out.n_batches++;
        cr_assert(out.status != SHEAF_OK || batch, "counting goes on to the end");
        if (batch) {
            cr_assert(out.status != SHEAF_OK || batch->n_rows > 0, "an empty batch in the middle");
            put_batch(&out.rows, batch);
        }
    }
    out.counts = sheaf__reader_counts_get(with->reader);
    return out;
}

static inline outcome read_with(kit *with, const sheaf_file *file,
                                const sheaf__reader_options *options, size_t chunk_bytes)
{
    outcome out = {.status = SHEAF_OK};
    sheaf_error_clear(&out.err);
    out.status = sheaf__reader_open(with->reader, file, options, &out.err);
    if (out.status == SHEAF_OK)
        out = read_rest(with, chunk_bytes);
    else
        out.counts = sheaf__reader_counts_get(with->reader);
    sheaf__reader_close(with->reader);
    cr_assert(out.status == SHEAF_END || out.status < 0);
    cr_assert_eq(out.err.status, out.status < 0 ? out.status : SHEAF_OK);
    return out;
}

/* The same with a reader, a parser and a batch that nobody used before. */
static inline outcome read_fresh(const sheaf_file *file, const sheaf__reader_options *options,
                                 size_t chunk_bytes)
{
    kit with = kit_create();
    outcome out = read_with(&with, file, options, chunk_bytes);
    kit_destroy(&with);
    return out;
}

/* ---- by libcsv ---- */

typedef struct expectation {
    blob rows; /* header and records before the fault */
    sheaf_status status;
    uint64_t records;
    uint64_t blank_lines; /* this and the next only when there is no fault */
    uint64_t lone_crs;
    uint64_t boms;
    uint64_t line; /* of the fault, and so on */
    uint64_t line_byte;
    uint64_t record;
    uint64_t field;
    uint64_t offset_bytes;
} expectation;

enum { CSV_BETWEEN_RECORDS = 0, CSV_IN_FIELD = 2, CSV_BEHIND_QUOTE = 3 }; /* csv_parser.pstate */

typedef struct listener {
    blob fields; /* of the record that is being read, as text */
    size_t n_fields;
    size_t n_expected; /* fields of the header */
    size_t at;         /* the byte that libcsv is fed */
    size_t field_start;
    size_t excess_start; /* of the first field that has no column */
    bool ended;
    bool line_end_inside; /* of the quoted field that is being read */
    bool lone_quote;      /* and a quote that is neither doubled nor the field's end */
    bool broken;          /* some field of the record had both: */
    size_t broken_at;
    uint64_t broken_field;
} listener;

static inline int never_space(unsigned char byte)
{
    (void)byte;
    return 0;
}

static inline void hear_field(void *text, size_t n_bytes, void *context)
{
    listener *hears = context;
    put_field(&hears->fields, text, n_bytes);
    hears->n_fields++;
    hears->line_end_inside = hears->lone_quote = false;
    hears->field_start = hears->at + 1;
    if (hears->n_fields == hears->n_expected)
        hears->excess_start = hears->at + 1;
}

static inline void hear_record(int terminator, void *context)
{
    (void)terminator;
    ((listener *)context)->ended = true;
}

static inline void csv_begin(struct csv_parser *csv, char delimiter)
{
    cr_assert_eq(csv_init(csv, CSV_EMPTY_IS_NULL), 0);
    csv_set_space_func(csv, never_space);
    csv_set_blk_size(csv, 64 << 10);
    csv_set_delim(csv, (unsigned char)delimiter);
}

static inline void csv_step(struct csv_parser *csv, uint8_t byte, listener *hears)
{
    int before = csv->pstate;
    cr_assert_eq(csv_parse(csv, &byte, 1, hear_field, hear_record, hears), 1);
    if (csv->pstate != CSV_IN_FIELD || !csv->quoted)
        return;
    hears->line_end_inside |= before == CSV_IN_FIELD && (byte == '\n' || byte == '\r');
    hears->lone_quote |= before == CSV_BEHIND_QUOTE && byte != '"';
    if (hears->line_end_inside && hears->lone_quote && !hears->broken) {
        hears->broken = true;
        hears->broken_at = hears->field_start;
        hears->broken_field = hears->n_fields + 1;
    }
}

/* How many fields of the record that begins at `start` end before `at`. */
static inline uint64_t fields_before(const uint8_t *text, size_t start, size_t at, char delimiter)
{
    struct csv_parser csv;
    listener hears = {0};
    csv_begin(&csv, delimiter);
    for (size_t i = start; i < at; i++)
        csv_step(&csv, text[i], &hears);
    csv_free(&csv);
    blob_free(&hears.fields);
    return hears.n_fields;
}

/* The fault is at offset `at` of text: count the lines that end before it. */
static inline void expect_fault(expectation *expected, sheaf_status status, const uint8_t *text,
                                size_t at, uint64_t field)
{
    size_t line_start = 0;
    expected->status = status;
    expected->line = 1;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n' || (text[i] == '\r' && !(i + 1 < at && text[i + 1] == '\n'))) {
            expected->line++;
            line_start = i + 1;
        }
    expected->line_byte = at - line_start + 1;
    expected->offset_bytes = at + 3 * expected->boms;
    expected->field = field;
}

static inline expectation expect(const void *bytes, size_t n_bytes, char delimiter,
                                 size_t record_max)
{
    expectation expected = {.status = SHEAF_END};
    const uint8_t *text = bytes;
    if (n_bytes >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        expected.boms = 1;
        text += 3;
        n_bytes -= 3;
    }
    struct csv_parser csv;
    listener hears = {0};
    csv_begin(&csv, delimiter);
    size_t start = 0;    /* of the record */
    size_t limit_at = 0; /* where a record that is too large is to be blamed, and on which field */
    uint64_t limit_field = 0;
    bool have_header = false;
    for (size_t i = 0; i <= n_bytes && expected.status == SHEAF_END; i++) {
        bool at_end = i == n_bytes;
        uint8_t byte = at_end ? '\n' : text[i];
        bool crlf = byte == '\r' && i + 1 < n_bytes && text[i + 1] == '\n';
        bool lf_of_crlf = byte == '\n' && i > 0 && text[i - 1] == '\r';
        bool before_record = csv.pstate == CSV_BETWEEN_RECORDS;
        if (before_record && (byte == '\n' || byte == '\r')) {
            expected.blank_lines += !at_end && !lf_of_crlf;
            expected.lone_crs += byte == '\r' && !crlf;
            continue;
        }
        if (before_record) {
            start = limit_at = hears.field_start = i;
            limit_field = hears.n_fields = hears.fields.n_bytes = 0;
            hears.ended = hears.broken = hears.line_end_inside = hears.lone_quote = false;
        }
        hears.at = i;
        csv_step(&csv, byte, &hears);
        if (i + 1 - start == record_max && csv.pstate == CSV_IN_FIELD && csv.quoted) {
            limit_at = hears.field_start;
            limit_field = hears.n_fields;
        }
        size_t n_record = i - start;
        if (at_end && !hears.ended) { /* a quote is open; the last line's end is not the record's */
            if (n_record > 0 && (text[i - 1] == '\n' || text[i - 1] == '\r'))
                n_record -= n_record > 1 && text[i - 1] == '\n' && text[i - 2] == '\r' ? 2 : 1;
            if (n_record > record_max)
                expect_fault(&expected, SHEAF_ELIMIT, text, limit_at, limit_field + 1);
            else
                expect_fault(&expected, SHEAF_EQUOTE, text, hears.field_start, hears.n_fields + 1);
        }
        /* A quoted field of several lines must be well formed, at each of its lines' ends. */
        bool line_ends = hears.ended || byte == '\n' || (byte == '\r' && !crlf);
        size_t n_lines = n_record - (lf_of_crlf && n_record > 0);
        if (line_ends && hears.broken && n_lines <= record_max)
            expect_fault(&expected, SHEAF_EQUOTE, text, hears.broken_at, hears.broken_field);
        else if (line_ends && !hears.ended && n_lines > record_max)
            expect_fault(&expected, SHEAF_ELIMIT, text, limit_at, limit_field + 1);
        if (!hears.ended || expected.status < 0)
            continue;
        size_t valid = sheaf__utf8_valid_prefix(text + start, n_record);
        if (n_record > record_max) {
            expect_fault(&expected, SHEAF_ELIMIT, text, limit_at, limit_field + 1);
        } else if (valid < n_record) {
            expect_fault(&expected, SHEAF_EENCODING, text, start + valid,
                         fields_before(text, start, start + valid, delimiter) + 1);
        } else if (have_header && hears.n_fields > hears.n_expected) {
            expect_fault(&expected, SHEAF_ESHAPE, text, hears.excess_start, hears.n_expected + 1);
        } else if (have_header && hears.n_fields < hears.n_expected) {
            expect_fault(&expected, SHEAF_ESHAPE, text, i, hears.n_fields + 1);
        } else {
            blob_add(&expected.rows, hears.fields.bytes, hears.fields.n_bytes);
            blob_text(&expected.rows, "\n");
            expected.records += have_header;
            have_header = true;
            hears.n_expected = hears.n_fields;
            expected.lone_crs += byte == '\r' && !crlf;
        }
    }
    if (expected.status < 0)
        expected.record = have_header ? expected.records + 1 : 0;
    csv_free(&csv);
    blob_free(&hears.fields);
    return expected;
}

/* The reader found what libcsv says. `way` and the text are for the message. */
static inline void check_outcome(const outcome *got, const expectation *expected, const void *text,
                                 size_t n_bytes, const char *way)
{
    const char *what = shown(text, n_bytes);
    cr_assert_eq(got->status, expected->status, "%s: %s instead of %s (%s) for %s", way,
                 sheaf_status_name(got->status), sheaf_status_name(expected->status),
                 got->err.message, what);
    cr_assert_eq(got->counts.records, expected->records, "%s: %d records instead of %d in %s", way,
                 (int)got->counts.records, (int)expected->records, what);
    cr_assert_eq(got->counts.boms, expected->boms, "%s: %s", way, what);
    if (expected->status == SHEAF_END) {
        cr_assert_eq(got->counts.blank_lines, expected->blank_lines,
                     "%s: %d blank lines, not %d, in %s", way, (int)got->counts.blank_lines,
                     (int)expected->blank_lines, what);
        cr_assert_eq(got->counts.lone_crs, expected->lone_crs, "%s: %d lone CRs, not %d, in %s",
                     way, (int)got->counts.lone_crs, (int)expected->lone_crs, what);
        return;
    }
    const sheaf_error *err = &got->err;
    cr_assert(err->line == expected->line && err->line_byte == expected->line_byte &&
                  err->record == expected->record && err->field == expected->field &&
                  err->offset_bytes == expected->offset_bytes,
              "%s: %s at line %d:%d record %d field %d offset %d, not at %d:%d %d %d %d, in %s",
              way, sheaf_status_name(err->status), (int)err->line, (int)err->line_byte,
              (int)err->record, (int)err->field, (int)err->offset_bytes, (int)expected->line,
              (int)expected->line_byte, (int)expected->record, (int)expected->field,
              (int)expected->offset_bytes, what);
}

static inline void check_rows(const outcome *got, const blob *rows, const void *text,
                              size_t n_bytes, const char *way)
{
    cr_assert(blob_equal(&got->rows, rows), "%s: %s\ninstead of\n%s\nfor %s", way,
              shown(got->rows.bytes, got->rows.n_bytes), shown(rows->bytes, rows->n_bytes),
              shown(text, n_bytes));
}

#endif
