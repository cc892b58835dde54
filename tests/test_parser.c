/*
 * The record language line by line (parser.h), and walking over a record's bytes (walk.h), which
 * must agree with it on where each field begins and which quote is open.
 */
#include "readers/record/locate.h"
#include "readers/record/parser.h"
#include "tests/support_records.h"

TestSuite(parser, .timeout = 30);
TestSuite(walk, .timeout = 30);

/* ---- lines ---- */

/* The length of the physical line that text begins with, its end included. */
static size_t line_length(const uint8_t *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == '\n')
            return i + 1;
        if (text[i] == '\r')
            return i + 1 + (i + 1 < n_bytes && text[i + 1] == '\n');
    }
    return n_bytes;
}

static bool is_line_end(uint8_t byte)
{
    return byte == '\n' || byte == '\r';
}

/*
 * Parse a text of whole lines. Records become text, each ended by "\n"; one that is still open at
 * the end by "...". Blank lines between records never reach the parser, as in the reader.
 */
static blob parse(sheaf__parser *parser, const void *bytes, size_t n_bytes, char delimiter)
{
    const uint8_t *text = bytes;
    sheaf__batch *batch = sheaf__batch_create(NULL);
    blob records = {0};
    bool ended = true;
    sheaf__parser_begin(parser, DIALECT(delimiter), batch);
    for (size_t at = 0; at < n_bytes;) {
        size_t length = line_length(text + at, n_bytes - at);
        size_t n_fields = 99;
        if (!ended || !is_line_end(text[at])) {
            cr_assert_eq(sheaf__parser_line(parser, text + at, length, &ended, &n_fields),
                         SHEAF_OK);
            cr_assert_eq(n_fields, ended ? batch->n_cells : 99);
        }
        if (ended && batch->n_cells > 0) {
            batch->n_columns = batch->n_cells;
            batch->n_rows = 1;
            put_batch(&records, batch);
            sheaf__batch_clear(batch, SIZE_MAX);
        }
        at += length;
    }
    if (!ended)
        blob_text(&records, "...");
    sheaf__batch_destroy(batch);
    return records;
}

static const char *const language[][2] = {
    {"a,b\n", "[a][b]\n"},
    {"a,b\r\n", "[a][b]\n"},
    {"a,b\r", "[a][b]\n"},
    {"a\nb\n", "[a]\n[b]\n"},
    {",\n", "~~\n"},
    {",,\"\",\n", "~~[]~\n"},
    {"\"\"\n", "[]\n"},
    {" \n", "[ ]\n"},
    {" a , b \n", "[ a ][ b ]\n"},
    {"\ta\t\n", "[\ta\t]\n"},
    {"\"a,b\",c\n", "[a,b][c]\n"},
    {"\"a\nb\"\n", "[a\nb]\n"},
    {"\"a\r\n\r\nb\",c\r\n", "[a\r\n\r\nb][c]\n"},
    {"\"a\rb\"\r", "[a\rb]\n"},
    {"\"a\"\"b\"\n", "[a\"b]\n"},
    {"\"\"\"\"\n", "[\"]\n"},
    {"\"\"\"\"\"\"\n", "[\"\"]\n"},
    {"\"\"\"a\"\"\"\n", "[\"a\"]\n"},
    /* a quote inside a field that did not begin with one is text */
    {"a\"b\n", "[a\"b]\n"},
    {"a\"\n", "[a\"]\n"},
    {"a\"b,c\"\n", "[a\"b][c\"]\n"},
    {" \"a,b\"\n", "[ \"a][b\"]\n"},
    /*
     * in a quoted field, a quote that is neither doubled nor at the end is text, and quoting goes
     * on
     */
    {"\"a\"b\",c\n", "[a\"b][c]\n"},
    {"\"a\"b,c\"\n", "[a\"b,c]\n"},
    {"\"a\" \",c\n", "[a\" ][c]\n"},
    {"\"a\"b\n\",c\n", "[a\"b\n][c]\n"},
    {"\"\"a\"\n", "[\"a]\n"},
    /* records that are open at the end */
    {"\"\n", "..."},
    {"a,\"b\n", "..."},
    {"a\n\"b\"\"\n", "[a]\n..."},
    {"\"a\" \n", "..."},
};

Test(parser, reads_the_record_language)
{
    sheaf__parser *parser = sheaf__parser_create();
    for (size_t i = 0; i < sizeof language / sizeof language[0]; i++) {
        size_t n_bytes = strlen(language[i][0]);
        blob got = parse(parser, language[i][0], n_bytes, ',');
        cr_assert(got.n_bytes == strlen(language[i][1]) &&
                      memcmp(got.bytes, language[i][1], got.n_bytes) == 0,
                  "%s gave %s", shown(language[i][0], n_bytes), shown(got.bytes, got.n_bytes));
        blob_free(&got);
    }
    sheaf__parser_destroy(parser);
}

Test(parser, reads_the_same_with_any_delimiter)
{
    static const char delimiters[] = ";\t| ";
    sheaf__parser *parser = sheaf__parser_create();
    for (size_t d = 0; d < sizeof delimiters - 1; d++)
        for (size_t i = 0; i < sizeof language / sizeof language[0]; i++) {
            char changed[2][64];
            for (int side = 0; side < 2; side++) { /* swap the delimiter and the comma */
                size_t n = strlen(language[i][side]);
                for (size_t at = 0; at <= n; at++) {
                    char byte = language[i][side][at];
                    changed[side][at] = byte == ','             ? delimiters[d]
                                        : byte == delimiters[d] ? ','
                                                                : byte;
                }
            }
            blob got = parse(parser, changed[0], strlen(changed[0]), delimiters[d]);
            cr_assert(got.n_bytes == strlen(changed[1]) &&
                          memcmp(got.bytes, changed[1], got.n_bytes) == 0,
                      "%s gave %s", shown(changed[0], strlen(changed[0])),
                      shown(got.bytes, got.n_bytes));
            blob_free(&got);
        }
    sheaf__parser_destroy(parser);
}

Test(parser, keeps_nul_bytes)
{
    sheaf__parser *parser = sheaf__parser_create();
    static const char text[] = "\0,\"\0\"\0\n\0\",a\0b\n";
    static const char expected[] = "[\0][\0\"\0\n\0][a\0b]\n";
    blob got = parse(parser, text, sizeof text - 1, ',');
    cr_assert_eq(got.n_bytes, sizeof expected - 1, "%s", shown(got.bytes, got.n_bytes));
    cr_assert_arr_eq(got.bytes, expected, sizeof expected - 1);
    blob_free(&got);
    sheaf__parser_destroy(parser);
}

Test(parser, counts_fields_without_a_batch)
{
    sheaf__parser *parser = sheaf__parser_create();
    bool ended = true;
    size_t n_fields = 99;
    sheaf__parser_begin(parser, DIALECT(','), NULL);
    cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)"a,,\"b\n", 6, &ended, &n_fields),
                 SHEAF_OK);
    cr_assert_not(ended);
    cr_assert_eq(n_fields, 99);
    cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)"\",c\n", 4, &ended, &n_fields),
                 SHEAF_OK);
    cr_assert(ended);
    cr_assert_eq(n_fields, 4);
    cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)"x\n", 2, &ended, &n_fields),
                 SHEAF_OK);
    cr_assert(ended);
    cr_assert_eq(n_fields, 1);
    sheaf__parser_destroy(parser);
    sheaf__parser_destroy(NULL);
}

Test(parser, forgets_an_open_record_when_it_begins_again)
{
    static const char *const opened[] = {"\"", "a", "a,", "a,\"b\"", "a,\"b\"c", ",", "\"\n"};
    sheaf__parser *parser = sheaf__parser_create();
    for (size_t i = 0; i < sizeof opened / sizeof opened[0]; i++) {
        bool ended;
        size_t n_fields;
        sheaf__batch *batch = sheaf__batch_create(NULL);
        sheaf__parser_begin(parser, DIALECT(','), batch);
        cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)opened[i], strlen(opened[i]),
                                        &ended, &n_fields),
                     SHEAF_OK);
        cr_assert_not(ended);
        blob got = parse(parser, "1;2\n", 4, ';');
        cr_assert_eq(got.n_bytes, 7);
        cr_assert_arr_eq(got.bytes, "[1][2]\n", 7);
        blob_free(&got);
        sheaf__batch_destroy(batch);
    }
    sheaf__parser_destroy(parser);
}

Test(parser, is_used_again_after_a_giant_field)
{
    sheaf__parser *parser = sheaf__parser_create();
    blob giant = {0};
    blob_text(&giant, "\"");
    blob_fill(&giant, 'x', 3 << 20);
    blob_text(&giant, "\"\n");
    for (int i = 0; i < 3; i++) {
        blob got = parse(parser, giant.bytes, giant.n_bytes, ',');
        cr_assert_eq(got.n_bytes, giant.n_bytes);
        cr_assert_arr_eq(got.bytes + 1, giant.bytes + 1, 3 << 20);
        blob_free(&got);
        got = parse(parser, " a,\"\"\n", 6, ',');
        cr_assert_eq(got.n_bytes, 7, "%s", shown(got.bytes, got.n_bytes));
        cr_assert_arr_eq(got.bytes, "[ a][]\n", 7);
        blob_free(&got);
    }
    blob_free(&giant);
    sheaf__parser_destroy(parser);
}

/* A batch that looks full costs no memory: the field is refused before it is copied. */
Test(parser, says_when_a_batch_is_full)
{
    sheaf__parser *parser = sheaf__parser_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    bool ended;
    size_t n_fields;
    cr_assert_eq(sheaf__batch_reserve(batch, 1, 1), SHEAF_OK);
    size_t capacity = batch->bytes_capacity;
    batch->n_bytes = batch->bytes_capacity = UINT32_MAX - 2;
    sheaf__parser_begin(parser, DIALECT(','), batch);
    cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)"abc,,d\n", 7, &ended, &n_fields),
                 SHEAF_ELIMIT);
    cr_assert_eq(batch->n_cells, 0, "nothing is added behind what was refused");
    batch->n_bytes = 0;
    batch->bytes_capacity = capacity;
    sheaf__parser_begin(parser, DIALECT(','), batch);
    cr_assert_eq(sheaf__parser_line(parser, (const uint8_t *)"abc,,d\n", 7, &ended, &n_fields),
                 SHEAF_OK);
    cr_assert_eq(batch->n_cells, 3);
    sheaf__batch_destroy(batch);
    sheaf__parser_destroy(parser);
}

/* ---- random texts ---- */

static size_t random_text(uint64_t *seed, char *text, size_t most)
{
    static const char alphabet[] = "ab,,,\"\"\"\"\n\r \0";
    size_t n_bytes = random_below(seed, most);
    for (size_t i = 0; i < n_bytes; i++)
        text[i] = alphabet[random_below(seed, sizeof alphabet - 1)];
    return n_bytes;
}

Test(parser, agrees_with_libcsv_on_random_texts)
{
    uint64_t seed = 13;
    sheaf__parser *parser = sheaf__parser_create();
    for (int i = 0; i < 20000; i++) {
        char text[61];
        size_t n_bytes = random_text(&seed, text, sizeof text - 1);
        text[n_bytes++] = '\n';
        struct csv_parser csv;
        listener hears = {0};
        blob expected = {0};
        csv_begin(&csv, ',');
        for (size_t at = 0; at < n_bytes; at++) {
            hears.ended = false;
            csv_step(&csv, (uint8_t)text[at], &hears);
            if (hears.ended) {
                blob_add(&expected, hears.fields.bytes, hears.fields.n_bytes);
                blob_text(&expected, "\n");
                hears.fields.n_bytes = 0;
            }
        }
        if (csv.pstate != CSV_BETWEEN_RECORDS)
            blob_text(&expected, "...");
        blob got = parse(parser, text, n_bytes, ',');
        cr_assert(blob_equal(&got, &expected), "%s gave %s, not %s", shown(text, n_bytes),
                  shown(got.bytes, got.n_bytes), shown(expected.bytes, expected.n_bytes));
        csv_free(&csv);
        blob_free(&got);
        blob_free(&expected);
        blob_free(&hears.fields);
    }
    sheaf__parser_destroy(parser);
}

/* ---- walking ---- */

static void check_place(const sheaf__place *got, const char *text, size_t n_bytes, size_t at,
                        uint64_t field, const char *what)
{
    uint64_t line = 0;
    size_t line_start = 0;
    for (size_t i = 0; i < at; i++)
        if (text[i] == '\n' || (text[i] == '\r' && !(i + 1 < at && text[i + 1] == '\n'))) {
            line++;
            line_start = i + 1;
        }
    cr_assert(got->at == at && got->field == field && got->line == line &&
                  got->line_start == line_start,
              "%s: at %d field %d line %d from %d, not %d %d %d %d, in %s", what, (int)got->at,
              (int)got->field, (int)got->line, (int)got->line_start, (int)at, (int)field, (int)line,
              (int)line_start, shown(text, n_bytes));
}

/*
 * Each record of a random text, cut out by libcsv: every byte, every field, the open quote at
 * every length.
 */
Test(walk, agrees_with_libcsv_on_random_records)
{
    uint64_t seed = 17;
    size_t n_records = 0;
    size_t n_open = 0;
    for (int i = 0; i < 20000; i++) {
        static const char delimiters[] = ",a ";
        char delimiter = delimiters[random_below(&seed, sizeof delimiters - 1)];
        char text[60];
        size_t n_bytes = random_text(&seed, text, sizeof text);
        struct csv_parser csv;
        listener hears = {0};
        csv_begin(&csv, delimiter);
        while (n_bytes > 0 && is_line_end((uint8_t)text[0]))
            memmove(text, text + 1, --n_bytes);
        const uint8_t *record = (const uint8_t *)text;
        for (size_t at = 0; at <= n_bytes; at++) {
            if (is_line_end(at < n_bytes ? record[at] : 'x') &&
                !(csv.pstate == CSV_IN_FIELD && csv.quoted))
                break; /* the record's end */
            sheaf__place place = sheaf__locate_byte(record, n_bytes, DIALECT(delimiter), at);
            check_place(&place, text, n_bytes, at, hears.n_fields, "byte");
            place = sheaf__locate_field(record, at, DIALECT(delimiter), hears.n_fields);
            check_place(&place, text, n_bytes, hears.field_start, hears.n_fields, "field");
            place = sheaf__locate_field(record, at, DIALECT(delimiter), hears.n_fields + 1 + i % 2);
            check_place(&place, text, n_bytes, at, hears.n_fields, "missing field");
            bool open = csv.pstate == CSV_IN_FIELD && csv.quoted;
            cr_assert_eq(sheaf__locate_open_quote(record, at, DIALECT(delimiter), &place), open,
                         "%d of %s", (int)at, shown(text, n_bytes));
            if (open)
                check_place(&place, text, n_bytes, hears.field_start, hears.n_fields, "quote");
            n_open += open;
            hears.at = at;
            if (at < n_bytes)
                csv_step(&csv, record[at], &hears);
        }
        n_records++;
        csv_free(&csv);
        blob_free(&hears.fields);
    }
    cr_assert_gt(n_records, 10000);
    cr_assert_gt(n_open, 10000);
}

Test(walk, stops_at_the_end_of_the_record)
{
    const uint8_t *record = (const uint8_t *)"a,\"b\r\nc\"";
    sheaf__place place = sheaf__locate_byte(record, 8, DIALECT(','), 1000);
    check_place(&place, "a,\"b\r\nc\"", 8, 8, 1, "byte");
    place = sheaf__locate_field(record, 8, DIALECT(','), 1000);
    check_place(&place, "a,\"b\r\nc\"", 8, 8, 1, "field");
    place = sheaf__locate_field(record, 0, DIALECT(','), 0);
    check_place(&place, "", 0, 0, 0, "nothing");
    cr_assert_not(sheaf__locate_open_quote(record, 0, DIALECT(','), &place));
    cr_assert_not(sheaf__locate_open_quote(record, 8, DIALECT(','), &place));
    cr_assert(sheaf__locate_open_quote(record, 7, DIALECT(','), &place));
    cr_assert_eq(place.at, 2);
}
