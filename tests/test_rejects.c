/*
 * Records that are set aside, against the same reader when the first fault ends it (what that finds
 * is checked elsewhere, against libcsv). Here it is started again by hand behind each fault: with a
 * header, and the text behind the record at fault, or behind the line of a quote that is never
 * closed. The rows, the faults and all that is told of them, the bytes, and the counts are the same.
 */
#include <time.h>

#include "readers/fault.h"
#include "readers/state.h"
#include "tests/support_records.h"

TestSuite(rejects, .init = enter_directory, .fini = leave_directory, .timeout = 240);

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

static void findings_free(findings *old)
{
    blob_free(&old->rows);
    blob_free(&old->raw);
    free(old->faults);
    *old = (findings){0};
}

static void add_finding(findings *to, const sheaf__fault *fault, const void *raw)
{
    to->faults = realloc(to->faults, (to->n_faults + 1) * sizeof *to->faults);
    cr_assert_not_null(to->faults);
    to->faults[to->n_faults++] = *fault;
    blob_add(&to->raw, raw, fault->n_raw);
    blob_text(&to->raw, "\n");
}

/* Behind the line that goes on at `from`; *content is where its line end begins. */
static size_t behind_line(const blob *text, size_t from, size_t *content)
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

/* How many lines end in [0, at), a CR LF that is cut there included. */
static uint64_t lines_before(const blob *text, size_t at)
{
    uint64_t n = 0;
    for (size_t i = 0, content; i < at; n++) {
        i = behind_line(text, i, &content);
        if (content == text->n_bytes)
            return n;
    }
    return n;
}

/* Behind the record that begins at `start`, as libcsv reads it. */
static size_t behind_record(const blob *text, size_t start, char delimiter, size_t *content)
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
static size_t behind_fault(const blob *text, size_t start, const sheaf__fault *fault,
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
        next = behind_record(text, start, options->delimiter, content);
    }
    if (fault->status == SHEAF_ELIMIT && *content - start > most)
        *content = start + most;
    return next;
}

static bool is_lone_cr(const blob *text, size_t behind)
{
    return behind > 0 && text->bytes[behind - 1] == '\r';
}

/* Header and rows of a text until its end or first fault, which is left in the kit's reader. */
static outcome read_text(kit *with, const void *bytes, size_t n_bytes,
                         const sheaf__reader_options *options)
{
    outcome out = {.status = SHEAF_OK};
    sheaf_file file = write_file("by-hand.csv", bytes, n_bytes);
    out.status = sheaf__reader_open(with->reader, &file, options, &out.err);
    cr_assert_eq(out.status, SHEAF_OK);
    return read_rest(with, 1 << 20);
}

/* A header of so many columns that any record limit allows which allowed another one. */
static blob plain_header(size_t n_columns, char delimiter)
{
    blob made = {0};
    if (n_columns == 1)
        blob_text(&made, "h");
    blob_fill(&made, delimiter, n_columns - 1);
    blob_text(&made, "\n");
    return made;
}

/* The rows of a table behind its header. */
static void add_rows(findings *to, const outcome *from, size_t n_header)
{
    blob_add(&to->rows, from->rows.bytes + n_header, from->rows.n_bytes - n_header);
    to->records += from->counts.records;
    to->blank_lines += from->counts.blank_lines;
    to->lone_crs += from->counts.lone_crs;
}

/* From a place on to the next fault, or the end. Returns where to go on; SIZE_MAX: nowhere. */
static size_t find_fault(kit *with, findings *found, const blob *text, size_t from,
                         const blob *header, const sheaf__reader_options *options)
{
    blob rest = {0};
    blob_add(&rest, header->bytes, header->n_bytes);
    blob_add(&rest, text->bytes + from, text->n_bytes - from);
    outcome out = read_text(with, rest.bytes, rest.n_bytes, options);
    size_t n_header = (size_t)(strchr((const char *)out.rows.bytes, '\n') + 1 -
                               (const char *)out.rows.bytes);
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
        fault.line += lines_before(text, from) - 1;
        fault.record_line += lines_before(text, from) - 1;
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

static findings find_by_hand(kit *with, const blob *text, const sheaf__reader_options *options)
{
    findings found = {0};
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
        blob header = plain_header(with->batch->n_columns, options->delimiter);
        while (next != SIZE_MAX)
            next = find_fault(with, &found, text, next, &header, options);
        blob_free(&header);
    }
    size_t content;
    size_t lines = lines_before(text, text->n_bytes);
    bool open_end = text->n_bytes > 0 && behind_line(text, text->n_bytes - 1, &content) == content;
    found.line = 1 + lines + open_end;
    return found;
}

/* ---- by the reader ---- */

static void take_rejects(findings *to, sheaf__rejects *rejects)
{
    const uint8_t *raw = rejects->bytes;
    for (size_t i = 0; i < rejects->n; i++) {
        add_finding(to, &rejects->faults[i], raw);
        raw += rejects->faults[i].n_raw;
    }
    cr_assert_eq(rejects->n_bytes, rejects->n ? (size_t)(raw - rejects->bytes) : 0);
    sheaf__rejects_end(rejects);
}

static findings find_by_reader(kit *with, const sheaf_file *file,
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

static void check_fault(const sheaf__fault *a, const sheaf__fault *b, size_t i, const char *what)
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

static void check_same(const findings *got, const findings *expected, bool has_rows,
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

static void check_file(kit *with, const blob *text, const sheaf_file *file,
                       const sheaf__reader_options *options, size_t chunk_bytes,
                       const findings *expected, const char *way)
{
    findings got = find_by_reader(with, file, options, chunk_bytes);
    check_same(&got, expected, chunk_bytes != COUNT_ONLY, text, way);
    findings_free(&got);
}

/* Cuts for a pipe that holds 256 packets of 4096 bytes. */
static size_t random_cuts(uint64_t *seed, size_t n_bytes, size_t cuts[255])
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

static void check_text(kit *with, uint64_t *seed, const blob *text,
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

/* ---- texts with faults ---- */

static const char delimiters[] = ",;\t|";

typedef struct recipe {
    char delimiter;
    size_t n_columns;
    const char *end;
    size_t one_in;    /* so many records has a fault */
    size_t long_most; /* bytes of a long field */
} recipe;

static void add_char(blob *to, char byte)
{
    blob_add(to, &byte, 1);
}

static void add_good_field(blob *to, uint64_t *seed, const recipe *of)
{
    static const char *const plain[] = {"1", "ab", "", "x\"y", "2.5", "\"\"", "\xC3\xA9", " "};
    static const char *const inside[] = {"a", "\n", "\r\n", "\"\"", "\r", "\xC3\xA9", " ", "12"};
    if (random_below(seed, 3)) {
        blob_text(to, plain[random_below(seed, 8)]);
        return;
    }
    blob_text(to, "\"");
    for (size_t n = random_below(seed, 5); n > 0; n--)
        if (random_below(seed, 6))
            blob_text(to, inside[random_below(seed, 8)]);
        else
            add_char(to, of->delimiter);
    /* In a field of one line a quote may stand alone. */
    blob_text(to, random_below(seed, 12) ? "\"" : "b\"c\"");
}

static void add_fault(blob *to, uint64_t *seed, const recipe *of)
{
    switch (random_below(seed, 9)) {
    case 0:
        add_char(to, of->delimiter);
        break;
    case 1:
        blob_text(to, "\xFF");
        break;
    case 2:
        blob_text(to, "\"open");
        break;
    case 3:
        add_char(to, of->delimiter);
        blob_text(to, "\"open");
        break;
    case 4:
        blob_text(to, "\"two\nlines\" and more\"");
        break;
    case 5:
        blob_text(to, "x");
        blob_fill(to, 'y', random_below(seed, of->long_most));
        break;
    case 6:
        blob_text(to, "\"");
        blob_fill(to, 'z', random_below(seed, of->long_most));
        blob_text(to, random_below(seed, 2) ? "\"" : "");
        break;
    case 7:
        blob_text(to, "\"a\nb\"");
        add_char(to, of->delimiter);
        blob_fill(to, 'w', random_below(seed, of->long_most));
        break;
    default:
        blob_text(to, "\"a");
        blob_text(to, random_below(seed, 2) ? "\r" : "\n");
        blob_text(to, "b\"");
        add_char(to, of->delimiter);
        blob_text(to, "\"never");
    }
}

static void add_record(blob *to, uint64_t *seed, const recipe *of)
{
    bool at_fault = random_below(seed, of->one_in) == 0;
    size_t n_columns = of->n_columns;
    if (at_fault && random_below(seed, 5) == 0)
        n_columns = random_below(seed, n_columns + 1);
    size_t where = random_below(seed, of->n_columns);
    for (size_t i = 0; i < n_columns; i++) {
        if (i > 0)
            add_char(to, of->delimiter);
        if (at_fault && i == where)
            add_fault(to, seed, of);
        else
            add_good_field(to, seed, of);
    }
    static const char *const ends[] = {"\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r"};
    blob_text(to, random_below(seed, 12) ? of->end : ends[random_below(seed, 6)]);
}

static blob random_text(uint64_t *seed, recipe of, size_t n_records)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    blob made = {0};
    if (random_below(seed, 10) == 0)
        blob_text(&made, "\xEF\xBB\xBF");
    of.end = ends[random_below(seed, 8) ? random_below(seed, 2) : 2];
    if (random_below(seed, 16) == 0)
        blob_text(&made, of.end);
    for (size_t i = 0; i < of.n_columns; i++) {
        if (i > 0)
            add_char(&made, of.delimiter);
        blob_text(&made, "h");
    }
    blob_text(&made, of.end);
    for (size_t i = 0; i < n_records; i++)
        add_record(&made, seed, &of);
    if (random_below(seed, 3) == 0)
        made.n_bytes--;
    return made;
}

/* Bytes that mean something, in any order. */
static blob random_noise(uint64_t *seed, char delimiter)
{
    static const char often[] = "ab\"\"\"\n\n\r\xC3\xA9";
    blob made = {0};
    blob_text(&made, "h");
    blob_fill(&made, delimiter, random_below(seed, 3));
    blob_text(&made, "\n");
    for (size_t n = random_below(seed, 90); n > 0; n--)
        add_char(&made,
                 random_below(seed, 5) ? often[random_below(seed, sizeof often - 1)] : delimiter);
    return made;
}

/* ---- tests ---- */

ParameterizedTestParameters(rejects, of_random_texts_are_what_ends_reading_one_after_the_other)
{
    static uint64_t seeds[] = {2, 30, 400, 5000};
    return cr_make_param_array(uint64_t, seeds, 4);
}

ParameterizedTest(uint64_t *seed, rejects,
                  of_random_texts_are_what_ends_reading_one_after_the_other)
{
    kit with = kit_create();
    size_t faults[64] = {0};
    size_t n_ends = 0;
    for (int i = 0; i < 600; i++) {
        sheaf__reader_options options = plain_options;
        options.delimiter = delimiters[random_below(seed, 4)];
        options.record_bytes_max = random_below(seed, 3) ? 1 << 20 : 6 + random_below(seed, 40);
        recipe of = {.delimiter = options.delimiter,
                     .n_columns = 1 + random_below(seed, 4),
                     .one_in = 1 + random_below(seed, 6),
                     .long_most = 60};
        blob text = random_below(seed, 4) ? random_text(seed, of, random_below(seed, 30))
                                          : random_noise(seed, options.delimiter);
        findings expected = find_by_hand(&with, &text, &options);
        check_text(&with, seed, &text, &options, &expected);
        for (size_t k = 0; k < expected.n_faults; k++)
            faults[-expected.faults[k].status]++;
        n_ends += expected.status == SHEAF_END;
        findings_free(&expected);
        blob_free(&text);
    }
    cr_assert_gt(n_ends, 500, "%d", (int)n_ends);
    cr_assert_gt(faults[-SHEAF_ESHAPE], 300, "%d", (int)faults[-SHEAF_ESHAPE]);
    cr_assert_gt(faults[-SHEAF_EQUOTE], 100, "%d", (int)faults[-SHEAF_EQUOTE]);
    cr_assert_gt(faults[-SHEAF_EENCODING], 100, "%d", (int)faults[-SHEAF_EENCODING]);
    cr_assert_gt(faults[-SHEAF_ELIMIT], 100, "%d", (int)faults[-SHEAF_ELIMIT]);
    kit_destroy(&with);
}

/* Larger than the reader's buffer, so that its ends fall anywhere: into records of any length. */
Test(rejects, of_large_texts_do_not_depend_on_how_far_was_read)
{
    uint64_t seed = 77;
    kit with = kit_create();
    for (int i = 0; i < 12; i++) {
        sheaf__reader_options options = plain_options;
        static const size_t limits[] = {300, 4000, 70000, 300000, 1 << 20};
        options.record_bytes_max = limits[random_below(&seed, 5)];
        recipe of = {.delimiter = ',',
                     .n_columns = 1 + random_below(&seed, 4),
                     .one_in = 700,
                     .long_most = 2 * options.record_bytes_max};
        blob text = random_text(&seed, of, 15000);
        findings expected = find_by_hand(&with, &text, &options);
        check_text(&with, &seed, &text, &options, &expected);
        findings_free(&expected);
        blob_free(&text);
    }
    kit_destroy(&with);
}

/* A line whose end is behind everything that was read when its record was found too large. */
Test(rejects, of_lines_over_the_limit_end_with_their_lines)
{
    static const char *const begins[] = {"1,",        "\"1",         "1,\"",
                                         "\"a\nb\",", "\"a\nb\",\"", "\"a\"\"b"};
    uint64_t seed = 5;
    kit with = kit_create();
    sheaf__reader_options options = plain_options;
    options.record_bytes_max = 10000;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++) {
        for (size_t n = 9000; n < 1 << 20; n += n < 12000 ? 1000 : n) {
            blob text = {0};
            blob_text(&text, "a,b\n1,2\n");
            blob_text(&text, begins[i]);
            blob_fill(&text, 'x', n);
            blob_text(&text, i % 2 ? "\r3,4\r" : "\n3,4\n");
            findings expected = find_by_hand(&with, &text, &options);
            check_text(&with, &seed, &text, &options, &expected);
            findings_free(&expected);
            blob_free(&text);
        }
    }
    kit_destroy(&with);
}

/* That is no table: it ends reading, as without them. */
Test(rejects, a_record_of_too_many_fields_is_none)
{
    kit with = kit_create();
    blob text = {0};
    uint64_t seed = 1;
    blob_text(&text, "a,b\n1,2\n3\n");
    blob_fill(&text, ',', 1 << 20);
    blob_text(&text, "\n4,5\n");
    findings expected = find_by_hand(&with, &text, &plain_options);
    cr_assert_eq(expected.status, SHEAF_ELIMIT);
    cr_assert_eq(expected.n_faults, 1);
    check_text(&with, &seed, &text, &plain_options, &expected);
    findings_free(&expected);
    blob_free(&text);
    kit_destroy(&with);
}

/* ---- how long it takes ---- */

static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* However many lines have a fault, none is looked at more than a few times. */
static void check_time(const char *line, size_t n_bytes, bool by_libcsv)
{
    kit with = kit_create();
    sheaf_error err;
    sheaf__rejects rejects = {.counts_only = true};
    sheaf__reader_options options = plain_options;
    options.by_libcsv = by_libcsv;
    sheaf_file file = write_lines("a.csv", "a,b\n", line, n_bytes / strlen(line));
    double begun = cpu_seconds();
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    sheaf__reader_set_aside(with.reader, &rejects);
    sheaf_status status = SHEAF_OK;
    uint64_t n_rows = 0;
    while (status == SHEAF_OK) {
        sheaf__batch_clear(with.batch, SIZE_MAX);
        status = sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err);
        n_rows += with.batch->n_rows;
    }
    double took = cpu_seconds() - begun;
    cr_assert_eq(status, SHEAF_END);
    sheaf__reader_counts counts = sheaf__reader_counts_get(with.reader);
    cr_assert_eq(counts.records, counts.rejected + n_rows);
    cr_assert_gt(counts.rejected, 0);
    cr_assert_lt(took, 15, "%.1f s for %s", took, shown(line, strlen(line)));
    if (getenv("SHEAF_TEST_TIMES"))
        fprintf(stderr, "%6.2f s  %8llu of %8llu  %s\n", took, (unsigned long long)counts.rejected,
                (unsigned long long)counts.records, shown(line, strlen(line)));
    sheaf__reader_close(with.reader);
    kit_destroy(&with);
}

Test(rejects, are_found_in_linear_time)
{
    static const char *const lines[] = {
        "\"1,2\n",  "1,\"2\n",  "1,\"\"\"2\n",  "1\n",
        "1,\xFF\n", "1,2\n3\n", "1,2\n\"3,4\n", "\"a\nb\",\"c\nd,e\n"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        for (int by_libcsv = 0; by_libcsv < 2; by_libcsv++)
            check_time(lines[i], 20 << 20, by_libcsv);
}
