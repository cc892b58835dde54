/*
 * What a reader sets aside, against the same reader when the first fault ends it (what that finds
 * is checked elsewhere, against libcsv). It is started again by hand behind each fault: with a
 * header, and the text behind the record at fault, or behind the line of a quote that is never
 * closed. The rows, the faults and all that is told of them, their bytes, and the counts are the
 * same.
 */
#ifndef SHEAF_TESTS_SUPPORT_REJECTS_H
#define SHEAF_TESTS_SUPPORT_REJECTS_H

#include "readers/fault.h"
#include "readers/state.h"
#include "tests/support_records.h"

/* ---- by hand ---- */

typedef struct findings {
    sheaf_status status; /* END, or what ended reading */
    blob rows;           /* with the header */
    blob raw;            /* of all that was set aside, each with a line end behind it */
    sheaf__fault *faults;
    size_t n_faults;
    uint64_t records;
    uint64_t blank_lines;
    uint64_t lone_crs;
    uint64_t line; /* where the reader stands at the end */
} findings;

static inline void findings_free(findings *old)
{
    blob_free(&old->rows);
    blob_free(&old->raw);
    free(old->faults);
    *old = (findings){0};
}

static inline void add_finding(findings *to, const sheaf__fault *fault, const void *raw)
{
    to->faults = realloc(to->faults, (to->n_faults + 1) * sizeof *to->faults);
    cr_assert_not_null(to->faults);
    to->faults[to->n_faults++] = *fault;
    blob_add(&to->raw, raw, fault->n_raw);
    blob_text(&to->raw, "\n");
}

/* Behind the line that goes on at `from`; *content is where its line end begins. */
static inline size_t behind_line(const blob *text, size_t from, size_t *content)
{
    size_t at = from;
    while (at < text->n_bytes && text->bytes[at] != '\n' && text->bytes[at] != '\r')
        at++;
    *content = at;
    if (at == text->n_bytes)
        return at;
    bool crlf = text->bytes[at] == '\r' && at + 1 < text->n_bytes && text->bytes[at + 1] == '\n';
    return at + (crlf ? 2 : 1);
}

/* How far the lines of a text were counted, to one's beginning. */
typedef struct counted_lines {
    size_t at;
    uint64_t n;
} counted_lines;

/* How many lines end in [0, at), a CR LF cut there included. Each `at` is no less than the last. */
static inline uint64_t lines_before(counted_lines *counted, const blob *text, size_t at)
{
    size_t content;
    while (counted->at < at) {
        size_t behind = behind_line(text, counted->at, &content);
        if (content == text->n_bytes)
            break;
        *counted = (counted_lines){behind, counted->n + 1};
    }
    return counted->n;
}

/* Behind the record that begins at `start`, as libcsv reads it. */
static inline size_t behind_record(const blob *text, size_t start, char delimiter, size_t *content)
{
    struct csv_parser csv;
    listener hears = {0};
    csv_begin(&csv, delimiter);
    size_t at = start;
    for (; at < text->n_bytes && !hears.ended; at++)
        csv_step(&csv, text->bytes[at], &hears);
    csv_free(&csv);
    blob_free(&hears.fields);
    return behind_line(text, hears.ended ? at - 1 : at, content);
}

/* Where to go on behind a record with a fault, and what of it is kept. */
static inline size_t behind_fault(const blob *text, size_t start, const sheaf__fault *fault,
                                  const sheaf__reader_options *options, size_t *content)
{
    size_t most = options->record_bytes_max;
    size_t next;
    if (fault->status == SHEAF_EQUOTE || fault->open) {
        next = behind_line(text, start + fault->at, content);
    } else if (fault->status == SHEAF_ELIMIT) {
        next = start;
        do /* the line with which it is too large */
            next = behind_line(text, next, content);
        while (*content - start <= most && next < text->n_bytes);
    } else {
        next = behind_record(text, start, (char)options->dialect.delimiter, content);
    }
    if (fault->status == SHEAF_ELIMIT && *content - start > most)
        *content = start + most;
    return next;
}

static inline bool is_lone_cr(const blob *text, size_t behind)
{
    return behind > 0 && text->bytes[behind - 1] == '\r';
}

/* Header and rows of a text until its end or first fault, which is left in the kit's reader. */
static inline outcome read_text(kit *with, const void *bytes, size_t n_bytes,
                                const sheaf__reader_options *options)
{
    outcome out = {.status = SHEAF_OK};
    sheaf_file file = write_file("by-hand.csv", bytes, n_bytes);
    out.status = sheaf__reader_open(with->reader, &file, options, &out.err);
    cr_assert_eq(out.status, SHEAF_OK);
    return read_rest(with, 1 << 20);
}

/* A header of so many columns that any record limit allows which allowed another one. */
static inline blob plain_header(size_t n_columns, char delimiter)
{
    blob made = {0};
    if (n_columns == 1)
        blob_text(&made, "h");
    blob_fill(&made, delimiter, n_columns - 1);
    blob_text(&made, "\n");
    return made;
}

/* The rows of a table behind its header. */
static inline void add_rows(findings *to, const outcome *from, size_t n_header)
{
    blob_add(&to->rows, from->rows.bytes + n_header, from->rows.n_bytes - n_header);
    to->records += from->counts.records;
    to->blank_lines += from->counts.blank_lines;
    to->lone_crs += from->counts.lone_crs;
}

/* From a place on to the next fault, or the end. Returns where to go on; SIZE_MAX: nowhere. */
static inline size_t find_fault(kit *with, findings *found, counted_lines *counted,
                                const blob *text, size_t from, const blob *header,
                                const sheaf__reader_options *options)
{
    blob rest = {0};
    blob_add(&rest, header->bytes, header->n_bytes);
    blob_add(&rest, text->bytes + from, text->n_bytes - from);
    outcome out = read_text(with, rest.bytes, rest.n_bytes, options);
    const uint8_t *header_end = memchr(out.rows.bytes, '\n', out.rows.n_bytes);
    size_t n_header = (size_t)(header_end + 1 - out.rows.bytes);
    bool has_fault = with->reader->has_fault && out.status < 0;
    bool goes_on = has_fault && !(out.status == SHEAF_ELIMIT && with->reader->fault.n_found > 0);
    size_t next = SIZE_MAX;
    found->status = out.status;
    if (goes_on) {
        sheaf__fault fault = with->reader->fault;
        size_t content;
        size_t start = (size_t)fault.offset_bytes - header->n_bytes + from;
        next = behind_fault(text, start, &fault, options, &content);
        fault.record += found->records + found->n_faults;
        uint64_t lines = lines_before(counted, text, from) - 1;
        fault.line += lines;
        fault.record_line += lines;
        fault.offset_bytes = start;
        fault.n_raw = content - start;
        sheaf__reader_close(with->reader);
        /* What stands before it is a table without a fault. */
        outcome good = read_text(with, rest.bytes, header->n_bytes + (start - from), options);
        cr_assert_eq(good.status, SHEAF_END);
        cr_assert(blob_equal(&good.rows, &out.rows));
        add_rows(found, &good, n_header);
        add_finding(found, &fault, text->bytes + start);
        found->lone_crs += is_lone_cr(text, next);
        blob_free(&good.rows);
    } else {
        add_rows(found, &out, n_header);
    }
    sheaf__reader_close(with->reader);
    blob_free(&out.rows);
    blob_free(&rest);
    return next;
}

static inline findings find_by_hand(kit *with, const blob *text,
                                    const sheaf__reader_options *options)
{
    findings found = {0};
    counted_lines counted = {0};
    outcome out = {.status = SHEAF_OK};
    sheaf_file file = write_file("by-hand.csv", text->bytes, text->n_bytes);
    cr_assert_eq(sheaf__reader_open(with->reader, &file, options, &out.err), SHEAF_OK);
    sheaf__batch_clear(with->batch, SIZE_MAX);
    found.status = sheaf__reader_header(with->reader, with->parser, with->batch, &out.err);
    if (found.status == SHEAF_OK)
        put_batch(&found.rows, with->batch);
    size_t next = (size_t)sheaf__reader_tell(with->reader).offset_bytes;
    found.blank_lines = with->reader->counts.blank_lines;
    found.lone_crs = with->reader->counts.lone_crs;
    sheaf__reader_close(with->reader);
    if (found.status == SHEAF_OK) {
        blob header = plain_header(with->batch->n_columns, (char)options->dialect.delimiter);
        while (next != SIZE_MAX)
            next = find_fault(with, &found, &counted, text, next, &header, options);
        blob_free(&header);
    }
    size_t content;
    size_t lines = lines_before(&counted, text, text->n_bytes);
    bool open_end = text->n_bytes > 0 && behind_line(text, text->n_bytes - 1, &content) == content;
    found.line = 1 + lines + open_end;
    return found;
}

/* ---- by the reader ---- */

static inline void take_rejects(findings *to, sheaf__rejects *rejects)
{
    const uint8_t *raw = rejects->bytes;
    for (size_t i = 0; i < rejects->n; i++) {
        add_finding(to, &rejects->faults[i], raw);
        raw += rejects->faults[i].n_raw;
    }
    cr_assert_eq(rejects->n_bytes, rejects->n ? (size_t)(raw - rejects->bytes) : 0);
    sheaf__rejects_end(rejects);
}

static inline findings find_by_reader(kit *with, const sheaf_file *file,
                                      const sheaf__reader_options *options, size_t chunk_bytes)
{
    findings found = {0};
    sheaf_error err;
    sheaf__rejects rejects = {0};
    cr_assert_eq(sheaf__reader_open(with->reader, file, options, &err), SHEAF_OK);
    sheaf__batch_clear(with->batch, SIZE_MAX);
    found.status = sheaf__reader_header(with->reader, with->parser, with->batch, &err);
    if (found.status == SHEAF_OK)
        put_batch(&found.rows, with->batch);
    sheaf__reader_set_aside(with->reader, &rejects);
    while (found.status == SHEAF_OK) {
        bool counts = chunk_bytes == COUNT_ONLY;
        sheaf__batch_clear(with->batch, SIZE_MAX);
        found.status = sheaf__reader_next(with->reader, with->parser, counts ? NULL : with->batch,
                                          chunk_bytes, &err);
        cr_assert(!counts || found.status != SHEAF_OK, "counting goes on to the end");
        if (!counts) {
            cr_assert(found.status != SHEAF_OK || with->batch->n_rows > 0 || rejects.n > 0);
            put_batch(&found.rows, with->batch);
        }
        take_rejects(&found, &rejects);
    }
    sheaf__reader_counts counts = sheaf__reader_counts_get(with->reader);
    cr_assert_eq(counts.rejected, found.n_faults);
    found.records = counts.records - counts.rejected;
    found.blank_lines = counts.blank_lines;
    found.lone_crs = counts.lone_crs;
    found.line = sheaf__reader_tell(with->reader).line;
    sheaf__reader_close(with->reader);
    return found;
}

/* ---- both ---- */

static inline void check_fault(const sheaf__fault *a, const sheaf__fault *b, size_t i,
                               const char *what)
{
#define SAME(field)                                                                                \
    cr_assert_eq(a->field, b->field, "fault %d (%s, record %d): " #field " %lld, not %lld, %s",    \
                 (int)i, sheaf_status_name(b->status), (int)b->record, (long long)a->field,        \
                 (long long)b->field, what)
    SAME(status);
    SAME(record);
    SAME(offset_bytes);
    SAME(record_line);
    SAME(line);
    SAME(field);
    SAME(at);
    SAME(line_start);
    SAME(n_raw);
    SAME(n_found);
    SAME(n_expected);
    SAME(byte);
    SAME(open);
    SAME(lone);
#undef SAME
}

static inline void check_same(const findings *got, const findings *expected, bool has_rows,
                              const blob *text, const char *way)
{
    char what[900];
    snprintf(what, sizeof what, "%s, of %s", way, shown(text->bytes, text->n_bytes));
    cr_assert_eq(got->status, expected->status, "%s instead of %s: %s",
                 sheaf_status_name(got->status), sheaf_status_name(expected->status), what);
    size_t n = got->n_faults < expected->n_faults ? got->n_faults : expected->n_faults;
    for (size_t i = 0; i < n; i++)
        check_fault(&got->faults[i], &expected->faults[i], i, what);
    cr_assert_eq(got->n_faults, expected->n_faults, "%d faults, not %d: %s", (int)got->n_faults,
                 (int)expected->n_faults, what);
    cr_assert(blob_equal(&got->raw, &expected->raw), "the bytes: %s", what);
    cr_assert(!has_rows || blob_equal(&got->rows, &expected->rows), "the rows: %s", what);
    cr_assert_eq(got->records, expected->records, "%d records, not %d: %s", (int)got->records,
                 (int)expected->records, what);
    cr_assert_eq(got->blank_lines, expected->blank_lines, "%d blank lines, not %d: %s",
                 (int)got->blank_lines, (int)expected->blank_lines, what);
    cr_assert_eq(got->lone_crs, expected->lone_crs, "%d lone CRs, not %d: %s", (int)got->lone_crs,
                 (int)expected->lone_crs, what);
    if (expected->status == SHEAF_END)
        cr_assert_eq(got->line, expected->line, "line %d, not %d: %s", (int)got->line,
                     (int)expected->line, what);
}

static inline void check_file(kit *with, const blob *text, const sheaf_file *file,
                              const sheaf__reader_options *options, size_t chunk_bytes,
                              const findings *expected, const char *way)
{
    findings got = find_by_reader(with, file, options, chunk_bytes);
    check_same(&got, expected, chunk_bytes != COUNT_ONLY, text, way);
    findings_free(&got);
}

/* Cuts for a pipe that holds 256 packets of 4096 bytes. */
static inline size_t random_cuts(uint64_t *seed, size_t n_bytes, size_t cuts[255])
{
    size_t n_cuts = 0;
    size_t most = 1 + random_below(seed, n_bytes > 4000 ? 4000 : 40);
    for (size_t at = 0; n_cuts < 255; n_cuts++) {
        at += 1 + random_below(seed, most);
        if (at >= n_bytes)
            break;
        cuts[n_cuts] = at;
    }
    return n_cuts;
}

static inline void check_text(kit *with, uint64_t *seed, const blob *text,
                              const sheaf__reader_options *options, const findings *expected)
{
    size_t cuts[255];
    sheaf__reader_options own = *options;
    sheaf_file file = write_file("a.csv", text->bytes, text->n_bytes);
    size_t chunk = random_below(seed, 3) ? random_below(seed, 200) : 1 << 20;
    check_file(with, text, &file, &own, chunk, expected, "file");
    check_file(with, text, &file, &own, COUNT_ONLY, expected, "counting");
    own.by_libcsv = true;
    check_file(with, text, &file, &own, chunk, expected, "libcsv");
    own.by_libcsv = false;
    if (text->n_bytes < 4000) {
        file = feed_stdin(text->bytes, text->n_bytes, cuts, random_cuts(seed, text->n_bytes, cuts));
        check_file(with, text, &file, &own, chunk, expected, "pipe");
    }
    blob packed = {0};
    size_t half = random_below(seed, text->n_bytes + 1);
    gzip_add(&packed, text->bytes, half, 1);
    gzip_add(&packed, text->bytes + half, text->n_bytes - half, 6);
    file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    check_file(with, text, &file, &own, chunk, expected, "gzip");
    blob_free(&packed);
}

#endif
