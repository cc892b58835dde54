/*
 * Dialects other than RFC 4180's, in random documents: what is taken in runs is what the parser
 * finds record by record, and with padding that is what libcsv finds by itself.
 */
#include "tests/support_rejects.h"

TestSuite(dialects, .init = enter_directory, .fini = leave_directory, .timeout = 120);

static int one_of(uint64_t *seed, const char *characters, int other)
{
    size_t n = strlen(characters);
    size_t which = random_below(seed, n + 1);
    return which < n ? characters[which] : other;
}

static sheaf_dialect random_dialect(uint64_t *seed)
{
    return (sheaf_dialect){
        .delimiter = one_of(seed, ",;\t", '|'),
        .quote = one_of(seed, "\"'", SHEAF_NONE),
        .escape = one_of(seed, "\\", SHEAF_NONE),
        .comment = one_of(seed, "#", SHEAF_NONE),
        .padding = random_below(seed, 4) ? SHEAF_NONE : 1,
        .header = random_below(seed, 2) ? 1 : SHEAF_NONE,
        .skip_lines = random_below(seed, 3) ? SHEAF_NONE : 1 + (int64_t)random_below(seed, 3)};
}

static void add_byte(blob *to, int byte)
{
    if (byte > 0)
        blob_add(to, &(uint8_t){(uint8_t)byte}, 1);
}

static void add_field(blob *to, uint64_t *seed, const sheaf_dialect *d)
{
    static const char *const texts[] = {"",     "1",    "ab",  "\xC3\xA9", " ",   "a b",
                                        "2.50", "\\",   "#",   "'",        "\"",  "a\"b",
                                        "x'y",  "it's", "  c", "d\t ",     "a\\b"};
    size_t n_texts = sizeof texts / sizeof texts[0];
    bool quoted = random_below(seed, 3) == 0;
    if (random_below(seed, 6) == 0)
        blob_text(to, " ");
    if (quoted)
        add_byte(to, d->quote);
    for (size_t n = random_below(seed, 3); n > 0; n--) {
        const char *text = texts[random_below(seed, random_below(seed, 3) ? 7 : n_texts)];
        blob_text(to, text);
        if (quoted && random_below(seed, 4) == 0) {
            bool escaped = d->escape > 0 && random_below(seed, 2);
            add_byte(to, escaped ? d->escape : d->quote);
            add_byte(to, d->quote);
        }
        if (quoted && random_below(seed, 8) == 0)
            blob_text(to, random_below(seed, 2) ? "\n" : "\r\n");
        if (random_below(seed, 8) == 0 && d->escape > 0) {
            add_byte(to, d->escape);
            add_byte(to, one_of(seed, ",;\t|\"'\n\r#\\n", 'x'));
        }
    }
    if (quoted && random_below(seed, 30) > 0)
        add_byte(to, d->quote);
    if (random_below(seed, 6) == 0)
        blob_text(to, "\t ");
}

static blob random_text(uint64_t *seed, const sheaf_dialect *d)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    const char *end = ends[random_below(seed, 3)];
    size_t n_columns = 1 + random_below(seed, 4);
    blob made = {0};
    for (int64_t i = 0; i < d->skip_lines; i++) {
        blob_text(&made, random_below(seed, 2) ? "A title, \"with" : "");
        blob_text(&made, end);
    }
    for (size_t row = random_below(seed, 30); row > 0; row--) {
        if (random_below(seed, 8) == 0) {
            blob_text(&made, random_below(seed, 2) ? "# it's a \"comment" : "#");
            blob_text(&made, end);
        }
        if (random_below(seed, 12) == 0)
            blob_text(&made, random_below(seed, 2) ? "  " : "");
        for (size_t i = 0; i < n_columns - (random_below(seed, 30) == 0); i++) {
            if (i > 0)
                add_byte(&made, d->delimiter);
            add_field(&made, seed, d);
        }
        if (row > 1 || random_below(seed, 2))
            blob_text(&made, random_below(seed, 9) ? end : ends[random_below(seed, 3)]);
    }
    if (random_below(seed, 20) == 0)
        add_byte(&made, d->escape);
    if (random_below(seed, 20) == 0)
        blob_text(&made, "\xFF");
    return made;
}

/* By runs, with chunks of any size, or only counted; and by the parser alone. */
static void check_ways(kit *with, uint64_t *seed, const blob *text,
                       const sheaf__reader_options *options)
{
    sheaf_file file = write_file("a.csv", text->bytes, text->n_bytes);
    sheaf__reader_options own = *options;
    char way[100];
    const sheaf_dialect *d = &options->dialect;
    snprintf(way, sizeof way, "delimiter %d quote %d escape %d comment %d padding %d header %d %d",
             d->delimiter, d->quote, d->escape, d->comment, d->padding, d->header,
             (int)d->skip_lines);
    own.by_libcsv = true;
    findings expected = find_by_reader(with, &file, &own, 1 << 20);
    own.by_libcsv = false;
    check_file(with, text, &file, &own, 1 << 20, &expected, way);
    check_file(with, text, &file, &own, random_below(seed, 200), &expected, way);
    check_file(with, text, &file, &own, COUNT_ONLY, &expected, way);
    findings_free(&expected);
}

Test(dialects, runs_find_what_the_parser_finds)
{
    kit with = kit_create();
    uint64_t seed = 5;
    for (int i = 0; i < 6000; i++) {
        sheaf__reader_options options = plain_options;
        options.dialect = random_dialect(&seed);
        options.record_bytes_max = random_below(&seed, 8) ? 1 << 20 : 1 + random_below(&seed, 60);
        blob text = random_text(&seed, &options.dialect);
        check_ways(&with, &seed, &text, &options);
        blob_free(&text);
    }
    kit_destroy(&with);
}

/* ---- padding, by libcsv ---- */

static void hear_text(void *text, size_t n_bytes, void *context)
{
    put_field(context, text, n_bytes);
}

static void hear_end(int terminator, void *context)
{
    (void)terminator;
    blob_text(context, "\n");
}

/* Each record as put_batch() writes it, however many fields it has. */
static blob rows_of_libcsv(const blob *text, const sheaf_dialect *d)
{
    struct csv_parser csv;
    blob rows = {0};
    csv_init(&csv, CSV_EMPTY_IS_NULL);
    csv_set_delim(&csv, (unsigned char)d->delimiter);
    csv_set_quote(&csv, (unsigned char)d->quote);
    csv_parse(&csv, text->bytes, text->n_bytes, hear_text, hear_end, &rows);
    csv_fini(&csv, hear_text, hear_end, &rows);
    csv_free(&csv);
    return rows;
}

Test(dialects, padding_is_what_libcsv_drops)
{
    kit with = kit_create();
    uint64_t seed = 11;
    int n_whole = 0;
    for (int i = 0; i < 6000; i++) {
        sheaf__reader_options options = plain_options;
        options.dialect = random_dialect(&seed);
        sheaf_dialect *d = &options.dialect;
        d->padding = d->header = 1;
        d->escape = d->comment = SHEAF_NONE;
        d->skip_lines = SHEAF_NONE;
        if (d->quote == SHEAF_NONE)
            d->quote = '"';
        blob text = random_text(&seed, d);
        sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
        findings got = find_by_reader(&with, &file, &options, 1 << 20);
        if (got.status == SHEAF_END && got.n_faults == 0) {
            blob rows = rows_of_libcsv(&text, d);
            cr_assert(blob_equal(&got.rows, &rows), "%s", shown(text.bytes, text.n_bytes));
            blob_free(&rows);
            n_whole++;
        }
        findings_free(&got);
        blob_free(&text);
    }
    cr_assert_gt(n_whole, 1000, "only %d are whole", n_whole);
    kit_destroy(&with);
}

/* ---- by hand ---- */

static void check_rows_of(const char *text, sheaf_dialect dialect, const char *rows)
{
    kit with = kit_create();
    sheaf__reader_options options = plain_options;
    options.dialect = dialect;
    sheaf_file file = write_file("a.csv", text, strlen(text));
    findings got = find_by_reader(&with, &file, &options, 1 << 20);
    cr_assert_eq(got.status, SHEAF_END, "%s", text);
    cr_assert_eq(got.n_faults, 0, "%s", text);
    blob expected = {0};
    blob_text(&expected, rows);
    cr_assert(blob_equal(&got.rows, &expected), "%s: %s", text,
              shown(got.rows.bytes, got.rows.n_bytes));
    blob_free(&expected);
    findings_free(&got);
    kit_destroy(&with);
}

static sheaf_dialect usual(void)
{
    return *DIALECT(',');
}

Test(dialects, an_escape_makes_text_of_what_follows)
{
    sheaf_dialect d = usual();
    d.escape = '\\';
    check_rows_of("a,b\n1\\,5,\"say \\\"no\\\"\"\n", d, "[a][b]\n[1,5][say \"no\"]\n");
    check_rows_of("a,b\n\\\"x,\"a \"\"doubled\"\" one\"\n", d,
                  "[a][b]\n[\"x][a \"doubled\" one]\n");
    check_rows_of("a,b\none\\\ntwo,x\\\r\ny\\\\\n", d, "[a][b]\n[one\ntwo][x\r\ny\\]\n");
    check_rows_of("a,b\n1,2\\", d, "[a][b]\n[1][2\\]\n"); /* nothing is behind it */
}

Test(dialects, without_quotes_a_quote_is_text)
{
    sheaf_dialect d = usual();
    d.quote = SHEAF_NONE;
    check_rows_of("a,b\n\"x,y\"\n\"\",'\n", d, "[a][b]\n[\"x][y\"]\n[\"\"][']\n");
    d.quote = '\'';
    check_rows_of("a,b\n'x,y','it''s'\n\"1,2\n", d, "[a][b]\n[x,y][it's]\n[\"1][2]\n");
}

Test(dialects, without_a_header_the_first_record_is_a_row)
{
    sheaf_dialect d = usual();
    d.header = SHEAF_NONE;
    check_rows_of("\n1,2\n3,4\n", d, "~~\n[1][2]\n[3][4]\n");
    check_rows_of("\"two\r\nlines\"\r3\r", d, "~\n[two\r\nlines]\n[3]\n");
    check_rows_of("", d, "");
}

Test(dialects, lines_before_the_table_and_comments_are_counted)
{
    kit with = kit_create();
    sheaf__reader_options options = plain_options;
    options.dialect.comment = '#';
    options.dialect.skip_lines = 2;
    static const char text[] = "A title with a \"\n\n#one\na,b\n#two\n1,2\n# \"\n3,4\n";
    sheaf_file file = write_file("a.csv", text, sizeof text - 1);
    outcome got = read_with(&with, &file, &options, 1 << 20);
    cr_assert_eq(got.status, SHEAF_END);
    cr_assert_eq(got.counts.records, 2);
    cr_assert_eq(got.counts.preamble_lines, 2);
    cr_assert_eq(got.counts.comment_lines, 3);
    cr_assert_eq(got.counts.blank_lines, 0);
    blob_free(&got.rows);
    options.dialect.skip_lines = 100;
    got = read_with(&with, &file, &options, 1 << 20);
    cr_assert_eq(got.status, SHEAF_END);
    cr_assert_eq(got.counts.preamble_lines, 8, "%d", (int)got.counts.preamble_lines);
    blob_free(&got.rows);
    kit_destroy(&with);
}

static clock_t time_of(kit *with, const sheaf_file *file, bool by_libcsv)
{
    sheaf__reader_options options = plain_options;
    options.dialect.comment = '#';
    options.by_libcsv = by_libcsv;
    clock_t begun = clock();
    outcome got = read_with(with, file, &options, COUNT_ONLY);
    clock_t spent = clock() - begun;
    cr_assert_eq(got.counts.comment_lines, got.counts.records);
    blob_free(&got.rows);
    return spent;
}

/* What is scanned behind a comment is not scanned again for the next one. */
Test(dialects, comments_between_records_cost_no_more_than_to_libcsv)
{
    enum { FACTOR = 50 }; /* what is quadratic is thousands of times as slow */
    blob text = {0};
    blob_text(&text, "a,b\n");
    for (int i = 0; i < 50000; i++)
        blob_text(&text, "# a comment\n1,2\n");
    sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
    kit with = kit_create();
    clock_t by_libcsv = time_of(&with, &file, true);
    cr_assert_lt(time_of(&with, &file, false), FACTOR * by_libcsv);
    kit_destroy(&with);
    blob_free(&text);
}

Test(dialects, a_record_that_shows_how_many_columns_there_are_is_counted_once)
{
    static const char *const texts[] = {"\"open,x\r1,2\r3,4\r", "\xFF,x\r1,2\r3,4\r",
                                        "\r1,2\r3,4\r", "1,2,3\r4,5\r6,7\r"};
    sheaf__reader_options options = plain_options;
    options.dialect.header = SHEAF_NONE;
    options.n_columns = 2;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sheaf_file file = write_file("a.csv", texts[i], strlen(texts[i]));
        sheaf__rejects rejects = {.counts_only = true};
        sheaf_error err;
        kit with = kit_create();
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &options, &err), SHEAF_OK);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        sheaf__reader_set_aside(with.reader, &rejects);
        cr_assert_eq(sheaf__reader_next(with.reader, with.parser, NULL, 1 << 20, &err), SHEAF_END);
        cr_assert_eq(sheaf__reader_counts_get(with.reader).lone_crs, 3, "of text %zu", i);
        kit_destroy(&with);
    }
}
