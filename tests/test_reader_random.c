/*
 * The reader against libcsv on thousands of random documents, messy ones: the same rows, the same
 * counts, the same fault in the same place, from a file, from a pipe in random chunks, from gzip,
 * with any batch size.
 */
#include "tests/support_records.h"

TestSuite(reader_random, .init = enter_directory, .fini = leave_directory, .timeout = 120);

/* ---- documents ---- */

static const char delimiters[] = ",;\t|";

static char pick(uint64_t *seed, const char *bytes, size_t n_bytes)
{
    return bytes[random_below(seed, n_bytes)];
}

static void add_char(blob *to, char byte)
{
    blob_add(to, &byte, 1);
}

/* Any bytes, but mostly those that mean something. */
static void add_noise(blob *to, uint64_t *seed, char delimiter, size_t n_bytes)
{
    static const char often[] = "ab \"\"\"\"\n\n\r\r\0\xC3\xA9";
    for (size_t i = 0; i < n_bytes; i++) {
        size_t which = random_below(seed, 40);
        if (which == 0)
            blob_text(to, "\xE2\x82\xAC");
        else if (which == 1)
            blob_text(to, "\r\n");
        else if (which < 10)
            add_char(to, delimiter);
        else if (which == 10 && random_below(seed, 10) == 0)
            add_char(to, '\xFF');
        else
            /* Half of a two-byte sequence is seldom: it ends the document. */
            add_char(to, pick(seed, often,
                              random_below(seed, 60) ? sizeof often - 3 : sizeof often - 1));
    }
}

/* A field that is one: plain, quoted, or quoted in a way that only a lenient parser takes. */
static void add_field(blob *to, uint64_t *seed, char delimiter, bool well_formed)
{
    static const char plain[] = "abc \t;|,0123\0\x01";
    size_t kind = random_below(seed, 10);
    size_t n_bytes = random_below(seed, 8) ? random_below(seed, 6) : random_below(seed, 60);
    if (kind == 0)
        return;
    if (kind > 4)
        add_char(to, '"');
    for (size_t i = 0; i < n_bytes; i++) {
        char byte = pick(seed, plain, sizeof plain - 1);
        size_t special = random_below(seed, 8);
        if (kind <= 4) {
            add_char(to, byte == delimiter ? 'd' : byte);
            if (special == 0)
                add_char(to, '"');
        } else if (special == 0) {
            blob_text(to, "\"\"");
        } else if (special == 1 && !(kind == 9 && random_below(seed, 8))) {
            blob_text(to, random_below(seed, 2) ? "\r\n" : random_below(seed, 2) ? "\n" : "\r");
        } else if (special == 2 && kind == 9 && !well_formed) {
            blob_text(to, "\"x");
        } else {
            add_char(to, special == 3 ? delimiter : byte);
        }
    }
    if (kind > 4)
        add_char(to, '"');
}

static void add_line_end(blob *to, uint64_t *seed)
{
    static const char *const ends[] = {"\n", "\n", "\r\n", "\r", "\n\n", "\r\r\n", "\n\r"};
    blob_text(to, ends[random_below(seed, sizeof ends / sizeof ends[0])]);
}

static void add_table(blob *to, uint64_t *seed, char delimiter, size_t n_rows, bool well_formed)
{
    size_t n_columns = 1 + random_below(seed, 5);
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t column = 0; column < n_columns; column++) {
            if (column > 0)
                add_char(to, delimiter);
            add_field(to, seed, delimiter, well_formed);
        }
        add_line_end(to, seed);
    }
    if (to->n_bytes > 0 && random_below(seed, 3) == 0)
        to->n_bytes--;
}

static void damage(blob *to, uint64_t *seed, char delimiter)
{
    static const char bytes[] = "\"\n\rx\xC3";
    for (size_t n = random_below(seed, 3); n > 0 && to->n_bytes > 0; n--) {
        size_t at = random_below(seed, to->n_bytes);
        to->bytes[at] = (uint8_t)(random_below(seed, 6) ? pick(seed, bytes, sizeof bytes - 1)
                                                        : delimiter);
    }
}

static blob random_document(uint64_t *seed, char delimiter)
{
    blob made = {0};
    if (random_below(seed, 8) == 0)
        blob_text(&made, "\xEF\xBB\xBF");
    size_t kind = random_below(seed, 4);
    if (kind == 0) {
        add_noise(&made, seed, delimiter, random_below(seed, 80));
    } else {
        add_table(&made, seed, delimiter, random_below(seed, 20), false);
        if (kind == 1)
            damage(&made, seed, delimiter);
    }
    return made;
}

/* ---- ways to read one ---- */

static size_t random_cuts(uint64_t *seed, size_t n_bytes, size_t cuts[255])
{
    size_t n_cuts = 0;
    size_t most = 1 + random_below(seed, 40);
    for (size_t at = 0; n_cuts < 255; n_cuts++) {
        at += 1 + random_below(seed, n_cuts > 100 ? 1000 : most);
        if (at >= n_bytes)
            break;
        cuts[n_cuts] = at;
    }
    return n_cuts;
}

static blob random_gzip(uint64_t *seed, const blob *document)
{
    blob packed = {0};
    size_t done = 0;
    for (size_t members = 1 + random_below(seed, 4); members > 0; members--) {
        size_t n = members == 1 ? document->n_bytes - done
                                : random_below(seed, document->n_bytes - done + 1);
        gzip_add(&packed, n > 0 ? document->bytes + done : NULL, n, (int)random_below(seed, 10));
        done += n;
    }
    return packed;
}

static void check_read(kit *with, const blob *document, const sheaf_file *file,
                       const sheaf__reader_options *options, size_t chunk_bytes,
                       const expectation *expected, const char *way)
{
    outcome got = read_with(with, file, options, chunk_bytes);
    check_outcome(&got, expected, document->bytes, document->n_bytes, way);
    if (chunk_bytes != COUNT_ONLY)
        check_rows(&got, &expected->rows, document->bytes, document->n_bytes, way);
    blob_free(&got.rows);
}

static size_t random_chunk(uint64_t *seed)
{
    return random_below(seed, 3) ? random_below(seed, 200) : 1 << 20;
}

static void check_document(kit *with, uint64_t *seed, const blob *document,
                           const sheaf__reader_options *options, const expectation *expected)
{
    size_t cuts[255];
    sheaf_file file = write_file("a.csv", document->bytes, document->n_bytes);
    check_read(with, document, &file, options, random_chunk(seed), expected, "file");
    check_read(with, document, &file, options, COUNT_ONLY, expected, "counting");
    file = feed_stdin(document->bytes, document->n_bytes, cuts,
                      random_cuts(seed, document->n_bytes, cuts));
    check_read(with, document, &file, options, random_chunk(seed), expected, "pipe");
    blob packed = random_gzip(seed, document);
    file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    check_read(with, document, &file, options, random_chunk(seed), expected, "gzip");
    file = feed_stdin(packed.bytes, packed.n_bytes, cuts, random_cuts(seed, packed.n_bytes, cuts));
    check_read(with, document, &file, options, random_chunk(seed), expected, "gzip from a pipe");
    blob_free(&packed);
}

/* ---- libcsv as everybody uses it: the whole buffer at once ---- */

static void whole_field(void *text, size_t n_bytes, void *to)
{
    put_field(to, text, n_bytes);
}

static void whole_record(int terminator, void *to)
{
    (void)terminator;
    blob_text(to, "\n");
}

static blob rows_of_libcsv(const blob *document, char delimiter)
{
    struct csv_parser csv;
    blob rows = {0};
    size_t mark = document->n_bytes >= 3 && memcmp(document->bytes, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    size_t n_bytes = document->n_bytes - mark;
    csv_begin(&csv, delimiter);
    cr_assert_eq(csv_parse(&csv, n_bytes ? document->bytes + mark : NULL, n_bytes, whole_field,
                           whole_record, &rows),
                 n_bytes);
    cr_assert_eq(csv_fini(&csv, whole_field, whole_record, &rows), 0);
    csv_free(&csv);
    return rows;
}

/* ---- tests ---- */

typedef struct tally {
    size_t whole;
    size_t faults[64];
    size_t rows;
} tally;

static void check_random(kit *with, uint64_t seed, size_t n_documents, tally *met)
{
    for (size_t i = 0; i < n_documents; i++) {
        sheaf__reader_options options = plain_options;
        char delimiter = delimiters[random_below(&seed, sizeof delimiters - 1)];
        options.dialect.delimiter = delimiter;
        options.record_bytes_max = random_below(&seed, 4) ? 1 << 20 : 1 + random_below(&seed, 60);
        blob document = random_document(&seed, delimiter);
        expectation expected = expect(document.bytes, document.n_bytes, delimiter,
                                      options.record_bytes_max);
        check_document(with, &seed, &document, &options, &expected);
        if (expected.status == SHEAF_END) {
            blob rows = rows_of_libcsv(&document, delimiter);
            cr_assert(blob_equal(&rows, &expected.rows), "%s",
                      shown(document.bytes, document.n_bytes));
            blob_free(&rows);
            met->whole++;
        } else {
            met->faults[-expected.status]++;
        }
        met->rows += expected.records;
        blob_free(&expected.rows);
        blob_free(&document);
    }
}

ParameterizedTestParameters(reader_random, documents_have_the_rows_and_faults_of_libcsv)
{
    static uint64_t seeds[] = {1, 20, 300, 4000, 50000};
    return cr_make_param_array(uint64_t, seeds, 5);
}

ParameterizedTest(uint64_t *seed, reader_random, documents_have_the_rows_and_faults_of_libcsv)
{
    kit with = kit_create();
    tally met = {0};
    check_random(&with, *seed, rounds(1000), &met);
    /* The documents are worth reading: enough are whole, and every fault is met often. */
    cr_assert_gt(met.whole, rounds(300), "%d", (int)met.whole);
    cr_assert_gt(met.rows, rounds(2000), "%d", (int)met.rows);
    cr_assert_geq(met.faults[-SHEAF_ESHAPE], rounds(20), "%d", (int)met.faults[-SHEAF_ESHAPE]);
    cr_assert_geq(met.faults[-SHEAF_EQUOTE], rounds(20), "%d", (int)met.faults[-SHEAF_EQUOTE]);
    cr_assert_geq(met.faults[-SHEAF_EENCODING], rounds(20), "%d",
                  (int)met.faults[-SHEAF_EENCODING]);
    cr_assert_geq(met.faults[-SHEAF_ELIMIT], rounds(20), "%d", (int)met.faults[-SHEAF_ELIMIT]);
    kit_destroy(&with);
}

/* Many times the reader's buffer, so that its ends fall anywhere. */
Test(reader_random, large_documents_have_the_rows_of_libcsv)
{
    uint64_t seed = 7;
    kit with = kit_create();
    for (size_t i = 0; i < rounds(12); i++) {
        blob document = {0};
        add_table(&document, &seed, ',', 20000 + random_below(&seed, 20000), true);
        if (i % 4 == 1)
            document.bytes[document.n_bytes - 100] = 0xFF;
        expectation expected = expect(document.bytes, document.n_bytes, ',', 64 << 20);
        cr_assert_eq(expected.status < 0, i % 4 == 1);
        sheaf_file file = write_file("a.csv", document.bytes, document.n_bytes);
        outcome got = read_with(&with, &file, &plain_options, 1 + random_below(&seed, 300000));
        check_outcome(&got, &expected, document.bytes, 100, "large");
        cr_assert(blob_equal(&got.rows, &expected.rows), "document %zu", i);
        blob_free(&got.rows);
        blob packed = random_gzip(&seed, &document);
        file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
        got = read_with(&with, &file, &plain_options, 1 + random_below(&seed, 300000));
        check_outcome(&got, &expected, document.bytes, 100, "large gzip");
        cr_assert(blob_equal(&got.rows, &expected.rows), "document %zu", i);
        blob_free(&got.rows);
        blob_free(&packed);
        blob_free(&expected.rows);
        blob_free(&document);
    }
    kit_destroy(&with);
}

/* ---- giant records ---- */

/* A field that is one, of any length, in quotes or not. */
static void add_giant_field(blob *to, uint64_t *seed)
{
    static const char *const pieces[] = {
        "plain text ", "\"\"", ",", "\r\n", "\n", "caf\xC3\xA9", "\r", "12345", "0123456789abcdef"};
    bool quoted = random_below(seed, 2);
    size_t end = to->n_bytes + random_below(seed, random_below(seed, 4) ? 90000 : 400000);
    blob_text(to, quoted ? "\"" : "");
    while (to->n_bytes < end) {
        const char *piece = pieces[random_below(seed, sizeof pieces / sizeof pieces[0])];
        if (quoted || (piece[0] >= '0' && piece[0] != '\r'))
            blob_text(to, piece);
    }
    blob_text(to, quoted ? "\"" : "");
}

static void add_row(blob *to, uint64_t *seed, size_t n_columns, size_t one_in)
{
    for (size_t column = 0; column < n_columns; column++) {
        blob_text(to, column > 0 ? "," : "");
        if (random_below(seed, one_in) == 0)
            add_giant_field(to, seed);
        else
            add_field(to, seed, ',', true);
    }
    add_line_end(to, seed);
}

/* Records of few bytes with some of many between them, or all of them of many fields. */
static blob giant_document(uint64_t *seed)
{
    blob made = {0};
    bool wide = random_below(seed, 3) == 0;
    size_t n_columns = wide ? 10000 + random_below(seed, 30000) : 1 + random_below(seed, 4);
    size_t n_rows = 2 + random_below(seed, wide ? 3 : 20);
    size_t one_in = wide ? SIZE_MAX : 16;
    for (size_t row = 0; row < n_rows; row++)
        add_row(&made, seed, n_columns, one_in);
    switch (random_below(seed, 8)) {
    case 0: /* it does not matter where */
        made.bytes[random_below(seed, made.n_bytes)] = (uint8_t) "\"\",\n"[random_below(seed, 4)];
        break;
    case 1:
        made.bytes[random_below(seed, made.n_bytes)] = 0xFF;
        break;
    case 2:
        add_row(&made, seed, n_columns + 1 - 2 * random_below(seed, 2), one_in / 16);
        break;
    case 3:
        blob_text(&made, "\"");
        blob_fill(&made, 'x', random_below(seed, 200000));
        break;
    default:
        break;
    }
    if (random_below(seed, 6) == 0)
        made.n_bytes--;
    return made;
}

/* Longer than a scan and than the reader's buffer: taken by runs all the same. */
Test(reader_random, documents_with_giant_records_have_the_rows_and_faults_of_libcsv)
{
    uint64_t seed = 11;
    tally met = {0};
    kit with = kit_create();
    for (int i = 0; i < 60; i++) {
        sheaf__reader_options options = plain_options;
        if (random_below(&seed, 4) == 0)
            options.record_bytes_max = 50000 + random_below(&seed, 100000);
        blob document = giant_document(&seed);
        expectation expected = expect(document.bytes, document.n_bytes, ',',
                                      options.record_bytes_max);
        for (int way = 0; way < 3; way++) {
            blob packed = {0};
            if (way == 2)
                packed = random_gzip(&seed, &document);
            sheaf_file file = way < 2 ? write_file("a.csv", document.bytes, document.n_bytes)
                                      : write_file("a.csv.gz", packed.bytes, packed.n_bytes);
            size_t chunk_bytes = way == 1 ? COUNT_ONLY : 1 + random_below(&seed, 1 << 20);
            outcome got = read_with(&with, &file, &options, chunk_bytes);
            check_outcome(&got, &expected, document.bytes, document.n_bytes,
                          way < 2 ? "giant" : "giant gzip");
            cr_assert(way == 1 || blob_equal(&got.rows, &expected.rows), "document %d", i);
            blob_free(&got.rows);
            blob_free(&packed);
        }
        met.whole += expected.status == SHEAF_END;
        met.faults[expected.status == SHEAF_END ? 0 : -expected.status]++;
        blob_free(&expected.rows);
        blob_free(&document);
    }
    cr_assert_gt(met.whole, 15, "%d", (int)met.whole);
    cr_assert_gt(met.faults[-SHEAF_ESHAPE], 2, "%d", (int)met.faults[-SHEAF_ESHAPE]);
    cr_assert_gt(met.faults[-SHEAF_EQUOTE], 2, "%d", (int)met.faults[-SHEAF_EQUOTE]);
    cr_assert_gt(met.faults[-SHEAF_EENCODING], 2, "%d", (int)met.faults[-SHEAF_EENCODING]);
    cr_assert_gt(met.faults[-SHEAF_ELIMIT], 2, "%d", (int)met.faults[-SHEAF_ELIMIT]);
    kit_destroy(&with);
}

/* Not read by the parser: the index says how far into the record the scan came. */
Test(reader_random, giant_records_are_scanned)
{
    blob document = {0};
    kit with = kit_create();
    blob_text(&document, "a,b\n1,\"");
    blob_fill(&document, '\n', 3 << 20);
    blob_text(&document, "\"\n");
    sheaf_file file = write_file("a.csv", document.bytes, document.n_bytes);
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 1, NULL), SHEAF_OK);
    cr_assert_eq(with.batch->n_rows, 1);
    cr_assert_geq(sheaf__parser_index(with.parser)->state.n_bytes, 3 << 20);
    blob_free(&document);
    kit_destroy(&with);
}
