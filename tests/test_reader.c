/*
 * A file's records: what they are, and that it makes no difference in which chunks the bytes come,
 * in which batches the rows go, or whether they are compressed. Faults: test_reader_faults.c.
 * Files and streams: test_reader_files.c.
 */
#include "tests/support_records.h"

TestSuite(reader, .init = enter_directory, .fini = leave_directory, .timeout = 60);

/* ---- the language ---- */

typedef struct language_case {
    const char *text;
    size_t n_bytes;
    const char *rows;
    uint64_t records;
    uint64_t blank_lines;
    uint64_t lone_crs;
    uint64_t boms;
} language_case;

#define TEXT(literal) (literal), sizeof(literal) - 1

static const language_case language[] = {
    /* nothing, and nearly nothing */
    {TEXT(""), "", 0, 0, 0, 0},
    {TEXT("\n"), "", 0, 1, 0, 0},
    {TEXT("\r"), "", 0, 1, 1, 0},
    {TEXT("\r\n"), "", 0, 1, 0, 0},
    {TEXT("\n\r\n\r\r\n\n"), "", 0, 5, 1, 0},
    {TEXT("\xEF\xBB\xBF"), "", 0, 0, 0, 1},
    {TEXT("\xEF\xBB\xBF\n"), "", 0, 1, 0, 1},
    {TEXT("a"), "[a]\n", 0, 0, 0, 0},
    {TEXT("a,b"), "[a][b]\n", 0, 0, 0, 0},
    {TEXT("a,b\n"), "[a][b]\n", 0, 0, 0, 0},
    {TEXT(","), "~~\n", 0, 0, 0, 0},
    {TEXT("\"\""), "[]\n", 0, 0, 0, 0},
    {TEXT(" "), "[ ]\n", 0, 0, 0, 0},
    /* line ends */
    {TEXT("a,b\n1,2\n3,4\n"), "[a][b]\n[1][2]\n[3][4]\n", 2, 0, 0, 0},
    {TEXT("a,b\r\n1,2\r\n3,4\r\n"), "[a][b]\n[1][2]\n[3][4]\n", 2, 0, 0, 0},
    {TEXT("a,b\r1,2\r3,4\r"), "[a][b]\n[1][2]\n[3][4]\n", 2, 0, 3, 0},
    {TEXT("a,b\r1,2\n3,4\r\n5,6"), "[a][b]\n[1][2]\n[3][4]\n[5][6]\n", 3, 0, 1, 0},
    {TEXT("a\n1\r"), "[a]\n[1]\n", 1, 0, 1, 0},
    {TEXT("a\n1\r\n"), "[a]\n[1]\n", 1, 0, 0, 0},
    {TEXT("a\n1\n\r2\n"), "[a]\n[1]\n[2]\n", 2, 1, 1, 0},
    {TEXT("a\n1\r\r\n2"), "[a]\n[1]\n[2]\n", 2, 1, 1, 0},
    /* blank lines: between records they are none, in quotes they are text */
    {TEXT("\n\na\n\n1\n\n\n2\n\n"), "[a]\n[1]\n[2]\n", 2, 6, 0, 0},
    {TEXT("a\r\n\r\n1\r\n"), "[a]\n[1]\n", 1, 1, 0, 0},
    {TEXT("a\n\"\n\n\"\n"), "[a]\n[\n\n]\n", 1, 0, 0, 0},
    {TEXT("a\n \n\t\n"), "[a]\n[ ]\n[\t]\n", 2, 0, 0, 0},
    {TEXT("a\n\"\"\n"), "[a]\n[]\n", 1, 0, 0, 0},
    {TEXT("a,b\n,\n"), "[a][b]\n~~\n", 1, 0, 0, 0},
    /* quotes */
    {TEXT("a,b\n\"1,2\",\"3\n4\"\n"), "[a][b]\n[1,2][3\n4]\n", 1, 0, 0, 0},
    {TEXT("a,b\n\"1\"\"2\",\"\"\"\"\n"), "[a][b]\n[1\"2][\"]\n", 1, 0, 0, 0},
    {TEXT("a\n\"1\r2\r\n3\"\r"), "[a]\n[1\r2\r\n3]\n", 1, 0, 1, 0},
    {TEXT("a\n1\"2\n"), "[a]\n[1\"2]\n", 1, 0, 0, 0},
    {TEXT("a,b\n1\"2,\"3\n"), "[a][b]\n", 0, 0, 0, 0}, /* its fault is another test's */
    {TEXT("a\n\"1\" \n"), "[a]\n", 0, 0, 0, 0},
    {TEXT("a,b\n\"1\"2\",3\n"), "[a][b]\n[1\"2][3]\n", 1, 0, 0, 0},
    {TEXT("a,b\n \"1\",2\n"), "[a][b]\n[ \"1\"][2]\n", 1, 0, 0, 0},
    {TEXT("\"a\nb\",\"c\"\n1,2\n"), "[a\nb][c]\n[1][2]\n", 1, 0, 0, 0},
    /* null and empty, blanks kept */
    {TEXT("a,b,c\n,\"\", \n"), "[a][b][c]\n~[][ ]\n", 1, 0, 0, 0},
    {TEXT("a,b\n 1 ,\t2\t\n"), "[a][b]\n[ 1 ][\t2\t]\n", 1, 0, 0, 0},
    {TEXT("a,,\n1,,\n"), "[a]~~\n[1]~~\n", 1, 0, 0, 0},
    /* any byte that is text */
    {TEXT("a\n\0\n\0\0\n"), "[a]\n", 2, 0, 0, 0}, /* rows: the test on NUL bytes */
    {TEXT("a\n\x01\x7F\x0B\x0C\n"), "[a]\n[\x01\x7F\x0B\x0C]\n", 1, 0, 0, 0},
    {TEXT("\xC3\xA9\n\xE2\x82\xAC\xF0\x9F\x98\x80\n"),
     "[\xC3\xA9]\n[\xE2\x82\xAC\xF0\x9F\x98\x80]\n", 1, 0, 0, 0},
    /* byte order marks: one, at the beginning */
    {TEXT("\xEF\xBB\xBF"
          "a\n1\n"),
     "[a]\n[1]\n", 1, 0, 0, 1},
    {TEXT("\xEF\xBB\xBF\"a,b\"\n1\n"), "[a,b]\n[1]\n", 1, 0, 0, 1},
    {TEXT("\xEF\xBB\xBF\xEF\xBB\xBF"
          "a\n1\n"),
     "[\xEF\xBB\xBF"
     "a]\n[1]\n",
     1, 0, 0, 1},
    {TEXT("a\n\xEF\xBB\xBF"
          "1\n"),
     "[a]\n[\xEF\xBB\xBF"
     "1]\n",
     1, 0, 0, 0},
    {TEXT("\n\xEF\xBB\xBF"
          "a\n"),
     "[\xEF\xBB\xBF"
     "a]\n",
     0, 1, 0, 0},
};

static void check_counts(const language_case *each, const outcome *got, const char *way)
{
    const char *what = shown(each->text, each->n_bytes);
    cr_assert_eq(got->counts.records, each->records, "%s: %s", way, what);
    cr_assert_eq(got->counts.boms, each->boms, "%s: %s", way, what);
    if (got->status != SHEAF_END)
        return;
    cr_assert_eq(got->counts.blank_lines, each->blank_lines, "%s: %s", way, what);
    cr_assert_eq(got->counts.lone_crs, each->lone_crs, "%s: %s", way, what);
    cr_assert_eq(got->counts.text_bytes, each->n_bytes, "%s: %s", way, what);
}

static void check_language(const language_case *each, const outcome *got, const char *way)
{
    blob rows = {0};
    blob_text(&rows, each->rows);
    if (!memchr(each->text, 0, each->n_bytes))
        check_rows(got, &rows, each->text, each->n_bytes, way);
    blob_free(&rows);
    check_counts(each, got, way);
}

enum { N_LANGUAGE = sizeof language / sizeof language[0] };

ParameterizedTestParameters(reader, reads_the_record_language)
{
    static size_t indices[N_LANGUAGE];
    for (size_t i = 0; i < N_LANGUAGE; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, N_LANGUAGE);
}

/*
 * Whole, at every split of the bytes into two reads, byte by byte, with every chunk size, and
 * counting only.
 */
ParameterizedTest(size_t *index, reader, reads_the_record_language)
{
    const language_case *each = &language[*index];
    sheaf_file file = write_file("a.csv", each->text, each->n_bytes);
    kit with = kit_create();
    for (size_t chunk = 0; chunk <= each->n_bytes * 8 + 8; chunk++) {
        outcome got = read_with(&with, &file, &plain_options, chunk);
        check_language(each, &got, "chunks");
        cr_assert_eq(got.counts.stored_bytes, each->n_bytes);
        blob_free(&got.rows);
    }
    for (size_t cut = 0; cut <= each->n_bytes; cut++) {
        sheaf_file in = cut > 0 ? feed_stdin(each->text, each->n_bytes, &cut, 1)
                                : feed_stdin_by(each->text, each->n_bytes, 1);
        outcome got = read_with(&with, &in, &plain_options, 1 << 20);
        check_language(each, &got, "reads");
        blob_free(&got.rows);
    }
    outcome counted = read_with(&with, &file, &plain_options, COUNT_ONLY);
    check_counts(each, &counted, "counting");
    blob_free(&counted.rows);
    kit_destroy(&with);
}

/* The table was written by hand; this says that libcsv agrees with it. */
Test(reader, speaks_the_language_of_libcsv)
{
    for (size_t i = 0; i < N_LANGUAGE; i++) {
        const language_case *each = &language[i];
        expectation expected = expect(each->text, each->n_bytes, ',', 1 << 20);
        sheaf_file file = write_file("a.csv", each->text, each->n_bytes);
        outcome got = read_fresh(&file, &plain_options, 1);
        check_outcome(&got, &expected, each->text, each->n_bytes, "table");
        check_rows(&got, &expected.rows, each->text, each->n_bytes, "table");
        cr_assert_eq(expected.records, each->records);
        blob_free(&got.rows);
        blob_free(&expected.rows);
    }
}

Test(reader, keeps_nul_bytes)
{
    static const char text[] = "a\0,\0\n\0,\"\0\0\"\n";
    static const char rows[] = "[a\0][\0]\n[\0][\0\0]\n";
    sheaf_file file = write_file("a.csv", text, sizeof text - 1);
    outcome got = read_fresh(&file, &plain_options, 1 << 20);
    cr_assert_eq(got.status, SHEAF_END);
    cr_assert_eq(got.rows.n_bytes, sizeof rows - 1);
    cr_assert_arr_eq(got.rows.bytes, rows, sizeof rows - 1);
    blob_free(&got.rows);
}

Test(reader, takes_any_byte_as_delimiter)
{
    static const char delimiters[] = {'\t', ';', '|', ' ', ':', 'x', 1};
    for (size_t i = 0; i < sizeof delimiters; i++) {
        char text[] = "a?b,c\n\"1?\"?\n";
        for (char *at = text; *at; at++)
            *at = *at == '?' ? delimiters[i] : *at;
        sheaf_file file = write_file("a.csv", text, sizeof text - 1);
        sheaf__reader_options options = plain_options;
        options.dialect.delimiter = delimiters[i];
        outcome got = read_fresh(&file, &options, 1 << 20);
        char rows[] = "[a][b,c]\n[1?]~\n";
        *strchr(rows, '?') = delimiters[i];
        cr_assert_eq(got.status, SHEAF_END, "delimiter %d: %s", delimiters[i], got.err.message);
        cr_assert_eq(got.rows.n_bytes, sizeof rows - 1);
        cr_assert_arr_eq(got.rows.bytes, rows, sizeof rows - 1);
        blob_free(&got.rows);
    }
}

/* ---- batches ---- */

/* The rows of the first batch when a batch is of chunk_bytes. */
static size_t rows_in_first(const char *text, size_t chunk_bytes)
{
    sheaf_file file = write_file("a.csv", text, strlen(text));
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_columns(with.reader), 0, "known before the header was read");
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    cr_assert_gt(sheaf__reader_columns(with.reader), 0);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, chunk_bytes, &err),
                 SHEAF_OK);
    size_t n_rows = with.batch->n_rows;
    cr_assert_eq(sheaf__reader_counts_get(with.reader).records, n_rows);
    kit_destroy(&with);
    return n_rows;
}

Test(reader, gives_a_batch_when_it_holds_chunk_bytes_of_text_or_cells)
{
    static const char long_fields[] = "a\n0123456789abcdef\n0123456789ABCDEF\nlast\n";
    cr_assert_eq(rows_in_first(long_fields, 0), 1);
    cr_assert_eq(rows_in_first(long_fields, 16), 1);
    cr_assert_eq(rows_in_first(long_fields, 17), 1); /* with what separates them */
    cr_assert_eq(rows_in_first(long_fields, 18), 2);
    cr_assert_eq(rows_in_first(long_fields, 34), 2);
    static const char nulls[] = "a,b\n,\n,\n,\n,\n"; /* no text, but cells of eight bytes */
    cr_assert_eq(rows_in_first(nulls, 16), 1);
    cr_assert_eq(rows_in_first(nulls, 17), 2);
    cr_assert_eq(rows_in_first(nulls, 48), 3);
}

Test(reader, has_nothing_behind_a_header_that_is_not_there)
{
    sheaf_file file = write_file("a.csv", "\n\n", 2);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_END);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err),
                 SHEAF_END);
    cr_assert_eq(with.batch->n_rows, 0);
    kit_destroy(&with);
}

Test(reader, says_end_again_and_again)
{
    sheaf_file file = write_file("a.csv", "a\n1\n", 4);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    for (size_t i = 0; i < 4; i++) {
        sheaf__batch_clear(with.batch, 0);
        cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 9, &err), SHEAF_END);
        cr_assert_eq(with.batch->n_rows, i == 0);
    }
    kit_destroy(&with);
}

Test(reader, gives_rows_with_the_end)
{
    sheaf_file file = write_file("a.csv", "a\n1\n2", 5);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err),
                 SHEAF_END);
    cr_assert_eq(with.batch->n_rows, 2);
    kit_destroy(&with); /* destroys an open reader */
}

Test(reader, moves_between_workers_after_every_batch)
{
    /* Two files, three parsers; each call takes the next parser, and the files take turns. */
    static const char text[] = "a,b\n\"1\n\",\"2\"\"\"\r\n3,\n\n\"5,\",6\r7,8";
    expectation expected = expect(text, sizeof text - 1, ',', 1 << 20);
    sheaf_file file = write_file("a.csv", text, sizeof text - 1);
    kit workers[3] = {kit_create(), kit_create(), kit_create()};
    blob rows[2] = {{0}, {0}};
    bool more[2] = {true, true};
    sheaf_error err;
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(sheaf__reader_open(workers[i].reader, &file, &plain_options, &err), SHEAF_OK);
    for (size_t turn = 0; more[0] || more[1]; turn++) {
        sheaf__reader *reader = workers[turn % 2].reader;
        kit *with = &workers[turn % 3];
        if (!more[turn % 2])
            continue;
        sheaf__batch_clear(with->batch, 1 << 20);
        sheaf_status status = turn < 2
                                  ? sheaf__reader_header(reader, with->parser, with->batch, &err)
                                  : sheaf__reader_next(reader, with->parser, with->batch, 1, &err);
        cr_assert_geq(status, 0, "%s", err.message);
        put_batch(&rows[turn % 2], with->batch);
        more[turn % 2] = status == SHEAF_OK;
    }
    for (size_t i = 0; i < 2; i++) {
        cr_assert(blob_equal(&rows[i], &expected.rows), "%s",
                  shown(rows[i].bytes, rows[i].n_bytes));
        blob_free(&rows[i]);
    }
    blob_free(&expected.rows);
    for (size_t i = 0; i < 3; i++)
        kit_destroy(&workers[i]);
}

Test(reader, reads_one_file_after_the_other)
{
    /* Of each kind, in every order of two: nothing of the first is left in the second. */
    static const char *const texts[] = {
        "a,b\n1,2\n", "\xEF\xBB\xBF\x63\n\n3\r4\r", "", "d\n\"5", "e,f\n6\n", "g\n\xFF\n",
        "h;i\n7;8\n"};
    enum { N = sizeof texts / sizeof texts[0] };
    kit with = kit_create();
    for (size_t i = 0; i < N * N * 4; i++) {
        const char *pair[2] = {texts[i % N], texts[i / N % N]};
        for (size_t turn = 0; turn < 2; turn++) {
            blob stored = {0};
            bool packed = i / N / N >> turn & 1;
            if (packed)
                gzip_add(&stored, pair[turn], strlen(pair[turn]), 6);
            else
                blob_text(&stored, pair[turn]);
            sheaf_file file = write_file("a.csv", stored.bytes, stored.n_bytes);
            expectation expected = expect(pair[turn], strlen(pair[turn]), ',', 1 << 20);
            outcome got = read_with(&with, &file, &plain_options, 1);
            check_outcome(&got, &expected, pair[turn], strlen(pair[turn]), "again");
            check_rows(&got, &expected.rows, pair[turn], strlen(pair[turn]), "again");
            cr_assert_eq(got.counts.compression == SHEAF__COMPRESSION_GZIP, packed);
            cr_assert_eq(got.counts.text_bytes, strlen(pair[turn]));
            cr_assert_eq(got.counts.stored_bytes, stored.n_bytes);
            blob_free(&got.rows);
            blob_free(&expected.rows);
            blob_free(&stored);
        }
    }
    kit_destroy(&with);
}

/* ---- large texts ---- */

enum { WINDOW_BYTES = 256 << 10, HEAD_BYTES = 64 << 10 };

/* What a buffer's end may cut in two: it begins at -5 .. +1 of each end. */
Test(reader, makes_no_difference_between_one_buffer_and_the_next)
{
    static const char *const middles[] = {
        "x\r\ny\n",     "x\ry\n",       "x\r\r\ny\n", "\r\n\r\n",
        "\"\r\n\"\n",   "\"\"\"\"\r\n", "\"a\"\n",    "\xF0\x9F\x98\x80\n",
        "\"x\r\ry\"\r", "\n\n\n\n",     "\r\r\r\r",   "1,2\n",
        "\xC3\n",       "x\n"};
    static const size_t edges[] = {HEAD_BYTES, WINDOW_BYTES, HEAD_BYTES + WINDOW_BYTES};
    enum { N_MIDDLES = sizeof middles / sizeof middles[0] };
    kit with = kit_create();
    for (size_t i = 0; i < N_MIDDLES * 3 * 7; i++) {
        size_t begin = edges[i / 7 % 3] - 5 + i % 7;
        blob text = {0};
        blob_text(&text, "name\n");
        while (text.n_bytes + 1000 < begin) {
            blob_fill(&text, 'r', 999);
            blob_text(&text, "\n");
        }
        blob_fill(&text, 'l', begin - text.n_bytes);
        blob_text(&text, middles[i / 21]);
        blob_text(&text, "last");
        expectation expected = expect(text.bytes, text.n_bytes, ',', 1 << 20);
        sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
        outcome got = read_with(&with, &file, &plain_options, 32 << 10);
        const char *tail = (const char *)text.bytes + begin;
        check_outcome(&got, &expected, tail, text.n_bytes - begin, "edge");
        cr_assert(blob_equal(&got.rows, &expected.rows), "%s at %d", middles[i / 21], (int)begin);
        blob_free(&got.rows);
        blob_free(&expected.rows);
        blob_free(&text);
    }
    kit_destroy(&with);
}

Test(reader, reads_records_larger_than_its_buffer)
{
    static const size_t sizes[] = {WINDOW_BYTES - 2, WINDOW_BYTES - 1, WINDOW_BYTES,
                                   WINDOW_BYTES + 1, 700000,           2 * WINDOW_BYTES,
                                   4 * WINDOW_BYTES, 3000000};
    kit with = kit_create();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        blob text = {0};
        blob_text(&text, "a,b\n1,2\n\"\r\n");
        blob_fill(&text, 'x', sizes[i] - 12);
        blob_text(&text, "\n\",3\n4,5\n");
        expectation expected = expect(text.bytes, text.n_bytes, ',', 64 << 20);
        sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
        outcome got = read_with(&with, &file, &plain_options, 1 << 20);
        check_outcome(&got, &expected, "", 0, "large");
        cr_assert_eq(got.counts.records, 3);
        cr_assert(blob_equal(&got.rows, &expected.rows));
        blob_free(&got.rows);
        blob_free(&expected.rows);
        blob_free(&text);
    }
    kit_destroy(&with);
}

Test(reader, reads_a_million_fields)
{
    enum { N = 1000000 };
    blob text = {0};
    blob_fill(&text, ',', N - 1);
    blob_text(&text, "\n");
    blob_fill(&text, ',', N - 1);
    blob_text(&text, "z");
    sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_columns(with.reader), N);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, SIZE_MAX, &err),
                 SHEAF_END);
    cr_assert_eq(with.batch->n_rows, 1);
    cr_assert_eq(with.batch->n_cells, N);
    cr_assert_eq(with.batch->cells[N - 2].n_bytes, SHEAF__NULL_CELL);
    cr_assert_eq(with.batch->cells[N - 1].n_bytes, 1);
    blob_free(&text);
    kit_destroy(&with);
}

Test(reader, rows_that_are_refused_are_no_plain_rows)
{
    enum { PLAIN = 9000, BAD = 100 };
    sheaf__asked_column column = {.column = 0, .type = SHEAF_TYPE_INT64};
    sheaf__asked_columns asked = {.items = &column, .n = 1};
    sheaf__rejects rejects = {.counts_only = true};
    blob text = {0};
    blob rows = {0};
    sheaf_error err;
    blob_text(&text, "a,b\n");
    for (int i = 0; i < 2 * PLAIN; i++)
        blob_text(&text, i == BAD ? "bad,x\n" : i < PLAIN ? "1,abcdefgh\n" : "1,\"q\"\n");
    sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
    kit with = kit_create();
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
    sheaf__reader_check_types(with.reader, &asked);
    sheaf__reader_set_aside(with.reader, &rejects);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err),
                 SHEAF_END);
    cr_assert_eq(with.batch->n_rows, 2 * PLAIN - 1);
    cr_assert_gt(with.batch->n_plain_rows, BAD);
    put_batch(&rows, with.batch);
    blob_free(&rows);
    blob_free(&text);
    kit_destroy(&with);
}
