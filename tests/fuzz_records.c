/*
 * A fuzz target: what a scan takes for records are exactly libcsv's records, in any bytes, by any
 * kernel, and however little of the text it is shown at once. Built by the preset fuzz (clang's
 * libFuzzer), which runs it for a while:
 *
 *     build/fuzz/tests/fuzz_records -max_total_time=600 [DIRECTORY of inputs]
 *
 * Without AddressSanitizer it is twice as fast: that is the preset fuzz-long, for a hundred million
 * inputs. A page that must not be touched then stands behind the text; and since what there is to
 * cover soon is, libFuzzer need not reckon which input is rare, which costs more than all the rest:
 *
 *     build/fuzz-long/tests/fuzz_records -entropic=0 -max_len=128 -runs=100000000 DIRECTORY
 *
 * The first two bytes of an input choose the delimiter, how much is taken at once, whether the
 * others are text or stand for what means something, the kernel, and how much text is shown. As in
 * the reader, the first record is libcsv's and says how many fields a record has; then each record
 * that no run takes is libcsv's, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine/core/utf8.h"
#include "readers/record/parser.h"
#include "readers/record/run.h"
#include "tests/support_dialect.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

enum { INPUT_MAX = 4 << 10, TEXT_MAX = 64 * INPUT_MAX, GUARD = 64 << 10 };

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

typedef struct document {
    const uint8_t *text;
    size_t n_bytes;
    char delimiter;
    const sheaf__scan_kernel *kernel;
    size_t n_shown; /* at first, and so much more each time */
    size_t n_columns;
    sheaf__scan *index;
    sheaf__parser *parser;
    sheaf__batch *expected;
    sheaf__batch *got;
} document;

/* Where the line that begins at `at` ends, with its LF, CR LF or CR. */
static size_t line_end(const uint8_t *text, size_t n_bytes, size_t at)
{
    while (at < n_bytes && text[at] != '\n' && text[at] != '\r')
        at++;
    if (at < n_bytes && text[at] == '\r' && at + 1 < n_bytes && text[at + 1] == '\n')
        at++;
    return at < n_bytes ? at + 1 : at;
}

static bool is_blank(const uint8_t *line, size_t n_bytes)
{
    return line[0] == '\n' || (line[0] == '\r' && n_bytes <= 2);
}

/*
 * One record or blank line, by libcsv, from `at` on: where it ends; SIZE_MAX when it does not. Its
 * fields are added to `expected`.
 */
static size_t take_by_libcsv(document *d, size_t at, size_t n_bytes, sheaf__run *seen)
{
    bool ended = false;
    size_t n_fields = 0;
    size_t begin = at;
    while (!ended) {
        if (at == n_bytes)
            return SIZE_MAX;
        size_t end = line_end(d->text, n_bytes, at);
        bool lone_cr = d->text[end - 1] == '\r';
        seen->n_lines++;
        if (at == begin && is_blank(d->text + at, end - at)) {
            seen->blank_lines++;
            seen->lone_crs += lone_cr;
            return end;
        }
        if (sheaf__parser_line(d->parser, d->text + at, end - at, &ended, &n_fields) < 0)
            return SIZE_MAX;
        seen->lone_crs += ended && lone_cr;
        at = end;
    }
    seen->records++;
    if (d->n_columns == 0)
        d->n_columns = n_fields;
    seen->n_bytes = n_fields == d->n_columns; /* only here: whether its shape is right */
    return at;
}

static bool same_cells(const document *d)
{
    if (d->got->n_cells != d->expected->n_cells)
        return false;
    for (size_t i = 0; i < d->got->n_cells; i++) {
        const sheaf__cell *a = &d->got->cells[i];
        const sheaf__cell *b = &d->expected->cells[i];
        if (a->n_bytes != b->n_bytes)
            return false;
        if (a->n_bytes != SHEAF__NULL_CELL && a->n_bytes > 0 &&
            memcmp(d->got->bytes + a->offset_bytes, d->expected->bytes + b->offset_bytes,
                   a->n_bytes) != 0)
            return false;
    }
    return true;
}

/* The run that was taken from `at` on is what libcsv makes of the same bytes. */
static void check_run(document *d, size_t at, const sheaf__run *run)
{
    sheaf__run seen = {0};
    size_t end = at + run->n_bytes;
    sheaf__batch_clear(d->expected, SIZE_MAX);
    sheaf__parser_begin(d->parser, DIALECT(d->delimiter), d->expected);
    while (at < end) {
        uint64_t records = seen.records;
        at = take_by_libcsv(d, at, end, &seen);
        REQUIRE(at <= end);
        REQUIRE(records == seen.records || seen.n_bytes == 1);
    }
    REQUIRE(sheaf__utf8_valid(d->text + end - run->n_bytes, run->n_bytes));
    REQUIRE(seen.records == run->records && seen.blank_lines == run->blank_lines);
    REQUIRE(seen.lone_crs == run->lone_crs && seen.n_lines == run->n_lines);
    REQUIRE(same_cells(d));
}

/*
 * A run from `at` on, as a reader takes it whose window grows. If not all of the text is enough, it
 * has no record that ends, but for a CR at its very end.
 */
static void take_run(document *d, size_t at, sheaf__run_limit limit, sheaf__run *run)
{
    sheaf__run_rules rules = {.kernel = d->kernel,
                              .dialect = DIALECT(d->delimiter),
                              .n_columns = d->n_columns,
                              .record_bytes_max = 1000};
    size_t left = d->n_bytes - at;
    size_t n_shown = 0;
    *run = (sheaf__run){0};
    sheaf__batch_clear(d->got, SIZE_MAX);
    do {
        n_shown = left - n_shown < d->n_shown ? left : n_shown + d->n_shown;
        REQUIRE(sheaf__run_take(run, &rules, d->index, d->text + at, n_shown, d->got, limit) ==
                SHEAF_OK);
        REQUIRE(!run->is_cut || run->n_bytes == 0);
    } while (run->is_cut && n_shown < left);
    check_run(d, at, run);
    if (run->is_cut) {
        sheaf__run seen = {0};
        size_t end = take_by_libcsv(d, at, d->n_bytes, &seen);
        REQUIRE(end == SIZE_MAX || (end == d->n_bytes && d->text[end - 1] == '\r'));
    }
}

/*
 * Text in which nearly each byte means something, with runs of others between, because much depends
 * on where in a block of 64 bytes something stands.
 */
static size_t write_symbols(uint8_t *text, const uint8_t *symbols, size_t n, char delimiter)
{
    static const char meanings[] = "\"\"\"\"\n\n\r,,ab";
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t which = symbols[i] & 15;
        size_t length = which < sizeof meanings - 1 ? 1 : symbols[i] >> 4 << 2 | (which & 3);
        uint8_t byte = which < sizeof meanings - 1 ? (uint8_t)meanings[which] : 'x';
        memset(text + n_bytes, byte == ',' ? delimiter : byte, length);
        n_bytes += length;
    }
    return n_bytes;
}

/* A copy that nobody reads beyond without being seen: the only one at a time. */
#if defined(__SANITIZE_ADDRESS__) || (defined(__has_feature) && __has_feature(address_sanitizer))

static uint8_t *guard(const uint8_t *text, size_t n_bytes)
{
    uint8_t *copy = malloc(n_bytes > 0 ? n_bytes : 1);
    if (n_bytes > 0)
        memcpy(copy, text, n_bytes);
    return copy;
}

static void unguard(uint8_t *copy)
{
    free(copy);
}

#else

static uint8_t *guard(const uint8_t *text, size_t n_bytes)
{
    static uint8_t *end;
    if (!end) {
        uint8_t *pages = mmap(NULL, TEXT_MAX + GUARD, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        REQUIRE(pages != MAP_FAILED && mprotect(pages + TEXT_MAX, GUARD, PROT_NONE) == 0);
        end = pages + TEXT_MAX;
    }
    return memcpy(end - n_bytes, text, n_bytes);
}

static void unguard(uint8_t *copy)
{
    (void)copy;
}

#endif

static void choose(document *d, uint8_t first, uint8_t second)
{
    static const char delimiters[] = {',', ';', '\t', '|', ' ', 'a', ':', 1};
    size_t n_kernels = 0;
    while (sheaf__scan_kernel_at(n_kernels))
        n_kernels++;
    d->delimiter = delimiters[first & 7];
    d->kernel = sheaf__scan_kernel_at((second & 7) % n_kernels);
    d->n_shown = second & 0x80 ? 13 * ((second >> 3 & 15u) + 1) : SIZE_MAX;
    d->n_columns = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    static uint8_t symbols[TEXT_MAX];
    static document d;
    if (!d.parser) {
        d.index = sheaf__run_index_create();
        d.parser = sheaf__parser_create();
        d.expected = sheaf__batch_create(NULL);
        d.got = sheaf__batch_create(NULL);
    }
    if (n_bytes < 2 || n_bytes > INPUT_MAX)
        return 0;
    choose(&d, bytes[0], bytes[1]);
    uint8_t *text;
    d.n_bytes = n_bytes - 2;
    if (bytes[0] & 0x80) {
        d.n_bytes = write_symbols(symbols, bytes + 2, d.n_bytes, d.delimiter);
        text = guard(symbols, d.n_bytes);
    } else {
        text = guard(bytes + 2, d.n_bytes);
    }
    d.text = text;
    sheaf__run_limit limit = {.n_bytes = (size_t)1 << (bytes[0] >> 3 & 15), .records = UINT64_MAX};
    for (size_t at = 0; at < d.n_bytes;) {
        sheaf__run run = {0};
        if (d.n_columns > 0)
            take_run(&d, at, limit, &run);
        at += run.n_bytes;
        if (run.n_bytes > 0)
            continue;
        sheaf__run seen = {0};
        sheaf__batch_clear(d.expected, SIZE_MAX);
        sheaf__parser_begin(d.parser, DIALECT(d.delimiter), d.expected);
        at = take_by_libcsv(&d, at, d.n_bytes, &seen);
    }
    unguard(text);
    return 0;
}
