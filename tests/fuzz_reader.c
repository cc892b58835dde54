/*
 * A fuzz target: reading any bytes in any dialect, told or found out, with repairs and without.
 * Whatever the input is:
 *
 * - what sniffing finds is a dialect that can be read, and what was told stands in it;
 * - rows, faults and counts are the same however many bytes each read gives, and when another
 *   reader goes on behind each batch;
 * - every record is a row or set aside; what is set aside stands in the text where it is said to;
 * - of a text without faults every byte is accounted for, and each field is what machine.h, the
 *   specification, makes of it, byte by byte;
 * - repairs make rows of records that were set aside and leave all else alone; and those of which
 *   it is said that they would be mended are.
 *
 * Built by the preset fuzz, as fuzz_records is:
 *
 *     build/fuzz/tests/fuzz_reader -max_total_time=600 -max_len=1000 [DIRECTORY of inputs]
 *
 * The first five bytes of an input choose what is told, the repairs, the limit of a record, and
 * where the text is cut; the others are text, or stand for what means something.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "readers/reader.h"
#include "readers/record/machine.h"
#include "readers/repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { CHOICES = 5, INPUT_MAX = 2000, PACKET_MAX = 4096, RECORD_MAX = 1 << 20 };

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ---- what was read ---- */

typedef struct buffer {
    uint8_t *bytes;
    size_t n_bytes;
    size_t capacity;
} buffer;

static void put(buffer *to, const void *bytes, size_t n_bytes)
{
    if (to->capacity - to->n_bytes < n_bytes) {
        to->capacity = 2 * (to->capacity + n_bytes);
        to->bytes = realloc(to->bytes, to->capacity);
        REQUIRE(to->bytes);
    }
    if (n_bytes > 0)
        memcpy(to->bytes + to->n_bytes, bytes, n_bytes);
    to->n_bytes += n_bytes;
}

/* A field, or null. */
static void put_field(buffer *to, const uint8_t *text, uint32_t n_bytes)
{
    put(to, &n_bytes, sizeof n_bytes);
    put(to, text, n_bytes == SHEAF__NULL_CELL ? 0 : n_bytes);
}

static bool is_equal(const buffer *a, const buffer *b)
{
    return a->n_bytes == b->n_bytes &&
           (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
}

typedef struct reading {
    buffer rows;     /* the header too */
    size_t n_header; /* its columns; 0: there was none */
    uint64_t n_rows;
    buffer faults;          /* of the records that were set aside: what is said of each */
    sheaf__rejects rejects; /* the same, and their bytes */
    sheaf_status status;    /* END, or the failure that ended it: */
    sheaf_error err;
    sheaf__reader_counts counts;
    sheaf__sniffed sniffed;
} reading;

static void reading_begin(reading *r)
{
    r->rows.n_bytes = r->faults.n_bytes = 0;
    r->n_header = r->n_rows = 0;
    sheaf__rejects_end(&r->rejects);
    sheaf_error_clear(&r->err);
}

static void put_batch(reading *r, const sheaf__batch *batch)
{
    REQUIRE(batch->n_cells == batch->n_rows * batch->n_columns);
    for (size_t i = 0; i < batch->n_cells; i++)
        put_field(&r->rows, batch->bytes + batch->cells[i].offset_bytes, batch->cells[i].n_bytes);
}

static void put_faults(reading *r)
{
    for (size_t i = 0; i < r->rejects.n; i++) {
        const sheaf__fault *fault = &r->rejects.faults[i];
        const uint64_t told[] = {(uint64_t)fault->status,
                                 fault->record,
                                 fault->record_line,
                                 fault->offset_bytes,
                                 fault->line,
                                 fault->field,
                                 fault->at,
                                 fault->n_found,
                                 fault->n_raw};
        put(&r->faults, told, sizeof told);
    }
    put(&r->faults, r->rejects.bytes, r->rejects.n_bytes);
}

/* ---- reading ---- */

typedef struct kit {
    sheaf__reader *reader;
    sheaf__parser *parser;
    sheaf__batch *batch;
} kit;

typedef struct way {
    bool sets_aside;
    bool resumes;       /* behind each batch another reader goes on */
    size_t chunk_bytes; /* of a batch */
} way;

static kit with;

/* Another reader, which is told all of the dialect, goes on where the reader stands. */
static sheaf_status resume(const sheaf_file *file, sheaf__reader_options options, reading *r)
{
    sheaf__reader_position position = sheaf__reader_tell(with.reader);
    options.dialect = position.counts.dialect;
    options.n_columns = position.counts.n_columns;
    sheaf__reader_close(with.reader);
    return sheaf__reader_open_at(with.reader, file, &options, &position, &r->err);
}

static void read_all(reading *r, const sheaf_file *file, const sheaf__reader_options *options,
                     way how)
{
    reading_begin(r);
    r->status = sheaf__reader_open(with.reader, file, options, &r->err);
    if (r->status == SHEAF_OK) {
        r->sniffed = *sheaf__reader_sniffed(with.reader);
        sheaf__batch_clear(with.batch, SIZE_MAX);
        r->status = sheaf__reader_header(with.reader, with.parser, with.batch, &r->err);
    }
    if (r->status == SHEAF_OK) {
        put_batch(r, with.batch);
        r->n_header = with.batch->n_columns;
    }
    while (r->status == SHEAF_OK) {
        sheaf__reader_set_aside(with.reader, how.sets_aside ? &r->rejects : NULL);
        sheaf__batch_clear(with.batch, SIZE_MAX);
        r->status = sheaf__reader_next(with.reader, with.parser, with.batch, how.chunk_bytes,
                                       &r->err);
        put_batch(r, with.batch);
        r->n_rows += with.batch->n_rows;
        if (r->status == SHEAF_OK && how.resumes)
            r->status = resume(file, *options, r);
    }
    put_faults(r);
    r->counts = sheaf__reader_counts_get(with.reader);
    sheaf__reader_close(with.reader);
    REQUIRE(r->status == SHEAF_END || (r->status < 0 && r->err.status == r->status));
    REQUIRE(r->counts.records == r->n_rows + r->counts.rejected);
    REQUIRE(r->counts.rejected == r->rejects.n);
}

/* The text on standard input: each read gives one piece of it, as of a pipe in packet mode. */
static sheaf_file feed(const uint8_t *text, size_t n_bytes, const uint8_t cuts[2])
{
    int ends[2];
    size_t ends_of[] = {n_bytes * cuts[0] / 255, n_bytes * cuts[1] / 255, n_bytes};
    REQUIRE(pipe2(ends, O_DIRECT | O_CLOEXEC) == 0);
    for (size_t i = 0, at = 0; i < 3; i++) {
        if (ends_of[i] <= at)
            continue;
        REQUIRE(write(ends[1], text + at, ends_of[i] - at) == (ssize_t)(ends_of[i] - at));
        at = ends_of[i];
    }
    close(ends[1]);
    REQUIRE(dup2(ends[0], STDIN_FILENO) == STDIN_FILENO);
    close(ends[0]);
    return (sheaf_file){.path = "-", .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};
}

/* The text as a file, the only one at a time. */
static sheaf_file store(const uint8_t *text, size_t n_bytes)
{
    static int fd = -1;
    static char path[64];
    struct stat about;
    if (fd < 0) {
        fd = memfd_create("text", MFD_CLOEXEC);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    REQUIRE(fd >= 0 && ftruncate(fd, 0) == 0);
    REQUIRE(pwrite(fd, text, n_bytes, 0) == (ssize_t)n_bytes && fstat(fd, &about) == 0);
    return (sheaf_file){.path = path,
                        .kind = SHEAF_FILE_REGULAR,
                        .size_bytes = n_bytes,
                        .mtime_ns = (int64_t)about.st_mtim.tv_sec * 1000000000 +
                                    about.st_mtim.tv_nsec,
                        .device = about.st_dev,
                        .inode = about.st_ino};
}

/* ---- what has to be true ---- */

static bool is_character(int c)
{
    return c > 0 && c < 0x80 && c != '\n' && c != '\r';
}

/* Of two that are characters. */
static bool differ(int a, int b)
{
    return a <= 0 || b <= 0 || a != b;
}

static bool is_readable(const sheaf_dialect *d)
{
    return is_character(d->delimiter) && (d->quote == SHEAF_NONE || is_character(d->quote)) &&
           (d->escape == SHEAF_NONE || is_character(d->escape)) &&
           (d->comment == SHEAF_NONE || is_character(d->comment)) &&
           differ(d->delimiter, d->quote) && differ(d->delimiter, d->escape) &&
           differ(d->delimiter, d->comment) && differ(d->quote, d->escape) &&
           differ(d->quote, d->comment) && differ(d->escape, d->comment) &&
           (d->padding == 1 || d->padding == SHEAF_NONE) &&
           (d->header == 1 || d->header == SHEAF_NONE) &&
           (d->skip_lines == SHEAF_NONE || d->skip_lines > 0);
}

static bool keeps(int64_t found, int64_t told)
{
    return told == 0 || found == told;
}

static void check_dialect(const sheaf_dialect *found, const sheaf_dialect *told)
{
    REQUIRE(is_readable(found));
    REQUIRE(keeps(found->delimiter, told->delimiter) && keeps(found->quote, told->quote) &&
            keeps(found->escape, told->escape) && keeps(found->comment, told->comment) &&
            keeps(found->padding, told->padding) && keeps(found->header, told->header) &&
            keeps(found->skip_lines, told->skip_lines));
}

static void check_same(const reading *a, const reading *b)
{
    REQUIRE(a->status == b->status);
    REQUIRE(is_equal(&a->rows, &b->rows) && is_equal(&a->faults, &b->faults));
    REQUIRE(a->counts.records == b->counts.records && a->counts.rejected == b->counts.rejected);
    REQUIRE(a->counts.one_more == b->counts.one_more && a->counts.one_blank == b->counts.one_blank);
    REQUIRE(memcmp(&a->counts.repairs, &b->counts.repairs, sizeof a->counts.repairs) == 0);
    REQUIRE(a->counts.blank_lines == b->counts.blank_lines);
    REQUIRE(a->counts.lone_crs == b->counts.lone_crs);
    REQUIRE(a->counts.comment_lines == b->counts.comment_lines);
    REQUIRE(a->counts.preamble_lines == b->counts.preamble_lines);
    REQUIRE(memcmp(&a->counts.dialect, &b->counts.dialect, sizeof a->counts.dialect) == 0);
    REQUIRE(a->err.line == b->err.line && a->err.offset_bytes == b->err.offset_bytes);
    REQUIRE(strcmp(a->err.message, b->err.message) == 0);
}

/* What was set aside stands in the text, in order, where it is said to. */
static void check_rejects(const reading *r, const uint8_t *text, size_t n_bytes)
{
    const uint8_t *raw = r->rejects.bytes;
    uint64_t end = 0;
    for (size_t i = 0; i < r->rejects.n; i++) {
        const sheaf__fault *fault = &r->rejects.faults[i];
        sheaf_error told;
        REQUIRE(fault->offset_bytes >= end && fault->at <= fault->n_raw);
        end = fault->offset_bytes + fault->n_raw;
        REQUIRE(end <= n_bytes && memcmp(text + fault->offset_bytes, raw, fault->n_raw) == 0);
        sheaf__fault_tell(fault, raw, &told);
        raw += fault->n_raw;
    }
}

static size_t behind_line(const uint8_t *text, size_t n_bytes, size_t at, size_t *content)
{
    while (at < n_bytes && text[at] != '\n' && text[at] != '\r')
        at++;
    *content = at;
    if (at == n_bytes)
        return at;
    return at + (text[at] == '\r' && at + 1 < n_bytes && text[at + 1] == '\n' ? 2 : 1);
}

/* One record by the specification, from `at` on: where it ends. It must have an end. */
static size_t take_record(const uint8_t *text, size_t n_bytes, size_t at, const sheaf_dialect *d,
                          buffer *rows)
{
    sheaf__machine m = {0};
    uint8_t field[INPUT_MAX * 64];
    size_t n = 0;
    bool quoted = false;
    for (;; at++) {
        if (at == n_bytes && m.escaping == SHEAF__ESCAPED) {
            field[n++] = (uint8_t)d->escape;
            m.escaping = SHEAF__NO_ESCAPE;
        }
        REQUIRE(at <= n_bytes);
        uint8_t byte = at < n_bytes ? text[at] : '\n';
        sheaf__step step = sheaf__machine_step(&m, byte, d);
        quoted |= m.state == SHEAF__QUOTED;
        if (step == SHEAF__STEP_TEXT)
            field[n++] = byte;
        if (step != SHEAF__STEP_FIELD && step != SHEAF__STEP_RECORD)
            continue;
        n -= m.n_held;
        put_field(rows, field, n > 0 || quoted ? (uint32_t)n : SHEAF__NULL_CELL);
        m.n_held = n = 0;
        quoted = false;
        if (step == SHEAF__STEP_RECORD)
            return at + 1 < n_bytes && byte == '\r' && text[at + 1] == '\n' ? at + 2 : at + 1;
    }
}

/* A text without faults, by the specification: each byte is in a record, or counted otherwise. */
static void check_text(const reading *r, const uint8_t *text, size_t n_bytes)
{
    const sheaf_dialect *d = &r->counts.dialect;
    static buffer rows;
    size_t at = r->counts.boms > 0 ? 3 : 0;
    uint64_t records = 0;
    uint64_t blank_lines = 0;
    uint64_t comments = 0;
    size_t content;
    rows.n_bytes = 0;
    for (uint64_t i = 0; i < r->counts.preamble_lines; i++)
        at = behind_line(text, n_bytes, at, &content);
    for (size_t i = 0; d->header == SHEAF_NONE && i < r->n_header; i++)
        put_field(&rows, NULL, SHEAF__NULL_CELL);
    while (at < n_bytes) {
        size_t behind = behind_line(text, n_bytes, at, &content);
        size_t i = at;
        while (i < content && sheaf__is_padding(text[i], d) && text[i] != d->delimiter)
            i++;
        bool is_comment = content > at && text[at] == d->comment;
        blank_lines += i == content;
        comments += is_comment;
        if (i < content && !is_comment) {
            behind = take_record(text, n_bytes, at, d, &rows);
            records++;
        }
        at = behind;
    }
    bool has_header = d->header == 1 && records > 0;
    REQUIRE(records == r->counts.records + has_header);
    REQUIRE(blank_lines == r->counts.blank_lines && comments == r->counts.comment_lines);
    REQUIRE(is_equal(&rows, &r->rows));
}

/* How many of the records that were set aside can be mended by these, as they tell. */
static uint64_t count_mendable(const reading *r, unsigned fixes, bool *is_known)
{
    const uint8_t *raw = r->rejects.bytes;
    uint64_t n = 0;
    *is_known = true;
    for (size_t i = 0; i < r->rejects.n; i++) {
        const sheaf__fault *fault = &r->rejects.faults[i];
        const char *advice = sheaf__repair_advice(fault, raw);
        unsigned named = !advice ? 0
                                 : (strstr(advice, "pad") ? SHEAF_FIX_PAD : 0U) |
                                       (strstr(advice, "trim") ? SHEAF_FIX_TRIM : 0U) |
                                       (strstr(advice, "quotes") ? SHEAF_FIX_QUOTES : 0U);
        n += named != 0 && (named & ~fixes) == 0;
        *is_known &= fault->status != SHEAF_ELIMIT;
        raw += fault->n_raw;
    }
    return n;
}

static void check_repairs(const reading *before, const reading *after, unsigned fixes)
{
    bool is_known;
    uint64_t n_mendable = count_mendable(before, fixes, &is_known);
    REQUIRE(before->status == after->status);
    REQUIRE(before->counts.records == after->counts.records);
    REQUIRE(before->counts.rejected == after->counts.rejected + after->counts.repairs.records);
    REQUIRE(!is_known || n_mendable == after->counts.repairs.records);
}

/* ---- an input ---- */

static size_t write_symbols(uint8_t *text, const uint8_t *symbols, size_t n)
{
    static const char meanings[] = ",,;\t|\"\"'\\\n\n\r# a1";
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t length = symbols[i] >> 4 < 12 ? 1 : (symbols[i] >> 4) * 2;
        memset(text + n_bytes, meanings[symbols[i] & 15], length);
        n_bytes += length;
    }
    return n_bytes < PACKET_MAX ? n_bytes : PACKET_MAX;
}

/* False: no reader is told that. */
static bool choose(const uint8_t *choices, sheaf__reader_options *options)
{
    static const int delimiters[] = {0, 0, ',', ';', '\t', '|', ' ', 'a'};
    static const int quotes[] = {0, '"', '\'', SHEAF_NONE};
    static const int escapes[] = {0, SHEAF_NONE, '\\', '1'};
    static const int comments[] = {0, SHEAF_NONE, '#', ';'};
    static const int states[] = {0, 0, 1, SHEAF_NONE};
    static const int64_t skips[] = {0, SHEAF_NONE, 1, 3};
    static const size_t limits[] = {RECORD_MAX, RECORD_MAX, 40, 7};
    *options = (sheaf__reader_options){.encoding = SHEAF__ENCODING_UTF_8,
                                       .dialect = {.delimiter = delimiters[choices[0] & 7],
                                                   .quote = quotes[choices[1] & 3],
                                                   .escape = escapes[choices[1] >> 2 & 3],
                                                   .comment = comments[choices[1] >> 4 & 3],
                                                   .padding = states[choices[1] >> 6],
                                                   .header = states[choices[2] & 3],
                                                   .skip_lines = skips[choices[2] >> 2 & 3]},
                                       .record_bytes_max = limits[choices[2] >> 4 & 3],
                                       .by_libcsv = choices[2] >> 6 & 1,
                                       .delimiter_hint = choices[2] & 0x80 ? '\t' : 0};
    const sheaf_dialect *d = &options->dialect;
    return differ(d->delimiter, d->quote) && differ(d->delimiter, d->escape) &&
           differ(d->delimiter, d->comment) && differ(d->quote, d->escape) &&
           differ(d->quote, d->comment) && differ(d->escape, d->comment);
}

static void check_reading(const reading *r, const sheaf_dialect *told, const uint8_t *text,
                          size_t n_bytes)
{
    if (r->counts.dialect.delimiter != 0)
        check_dialect(&r->counts.dialect, told);
    check_rejects(r, text, n_bytes);
    if (r->status == SHEAF_END && r->counts.rejected == 0)
        check_text(r, text, n_bytes);
}

static void check_input(const uint8_t *choices, const uint8_t *text, size_t n_bytes)
{
    static reading whole;
    static reading other;
    static const uint8_t no_cuts[2] = {0, 0};
    sheaf__reader_options options;
    if (!choose(choices, &options))
        return;
    way how = {.sets_aside = choices[0] >> 7, .chunk_bytes = 1 << 20};
    sheaf_file file = feed(text, n_bytes, no_cuts);
    read_all(&whole, &file, &options, how);
    check_reading(&whole, &options.dialect, text, n_bytes);
    file = feed(text, n_bytes, choices + 3);
    read_all(&other, &file, &options, how);
    check_same(&whole, &other);
    file = store(text, n_bytes);
    read_all(&other, &file, &options, how);
    if (options.dialect.delimiter == 0) /* or of a stream nothing is found out */
        check_same(&whole, &other);
    check_reading(&other, &options.dialect, text, n_bytes);
    how.chunk_bytes = 1;
    how.resumes = true;
    read_all(&whole, &file, &options, how);
    check_same(&whole, &other);
    options.fixes = choices[0] >> 3 & 7;
    how.resumes = false;
    read_all(&other, &file, &options, how);
    if (how.sets_aside)
        check_repairs(&whole, &other, options.fixes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static uint8_t symbols[INPUT_MAX * 64];
    if (!with.reader)
        with = (kit){sheaf__reader_create(), sheaf__parser_create(), sheaf__batch_create(NULL)};
    if (n_bytes < CHOICES || n_bytes > INPUT_MAX)
        return 0;
    const uint8_t *text = bytes + CHOICES;
    n_bytes -= CHOICES;
    if (bytes[0] & 0x40) {
        n_bytes = write_symbols(symbols, text, n_bytes);
        text = symbols;
    }
    check_input(bytes, text, n_bytes);
    return 0;
}
