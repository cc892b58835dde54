/*
 * Faults of a file: which, where exactly, what is shown of it, which rows come before it, and that
 * all of this is the same however the bytes arrive.
 */
#include "tests/support_records.h"

TestSuite(reader_faults, .init = enter_directory, .fini = leave_directory, .timeout = 60);

typedef struct fault_case {
    const char *text;
    size_t n_bytes;
    sheaf_status status;
    uint64_t line;
    uint64_t line_byte;
    uint64_t record;
    uint64_t field;
    uint64_t offset_bytes;
    const char *message;
    const char *excerpt;
    uint32_t caret;
    uint64_t records; /* before it */
} fault_case;

#define TEXT(literal) (literal), sizeof(literal) - 1
#define LONE                                                                                       \
    "the quote is never closed: behind its line comes a quote that is neither doubled nor the "    \
    "end of the field"
#define OPEN "the quote is never closed: the file ends inside a quoted field"

enum { RECORD_MAX = 40 };

static const fault_case faults[] = {
    /* too many fields: the first that has no column */
    {TEXT("a,b\n1,2,3\n"), SHEAF_ESHAPE, 2, 5, 1, 3, 8, "record 1 has 3 fields, the header has 2",
     "1,2,3", 4, 0},
    {TEXT("a,b\n1,2\n3,4,,,\n5,6\n"), SHEAF_ESHAPE, 3, 5, 2, 3, 12,
     "record 2 has 5 fields, the header has 2", "3,4,,,", 4, 1},
    {TEXT("a\n1,2"), SHEAF_ESHAPE, 2, 3, 1, 2, 4, "record 1 has 2 fields, the header has 1", "1,2",
     2, 0},
    {TEXT("a,b\n\"1,\",2,3\n"), SHEAF_ESHAPE, 2, 8, 1, 3, 11,
     "record 1 has 3 fields, the header has 2", "\"1,\",2,3", 7, 0},
    {TEXT("a,b\n\"1\n\",2,\"3\n\"\n"), SHEAF_ESHAPE, 3, 5, 1, 3, 11,
     "record 1 has 3 fields, the header has 2", "\",2,\"3", 4, 0},
    /* too few: the end of the record, where the next is missing */
    {TEXT("a,b\n1\n"), SHEAF_ESHAPE, 2, 2, 1, 2, 5, "record 1 has 1 field, the header has 2", "1",
     1, 0},
    {TEXT("a,b\n1,2\n3"), SHEAF_ESHAPE, 3, 2, 2, 2, 9, "record 2 has 1 field, the header has 2",
     "3", 1, 1},
    {TEXT("a,b\r\n \r\n"), SHEAF_ESHAPE, 2, 2, 1, 2, 6, "record 1 has 1 field, the header has 2",
     " ", 1, 0},
    {TEXT("a,b,c\r1,2\r"), SHEAF_ESHAPE, 2, 4, 1, 3, 9, "record 1 has 2 fields, the header has 3",
     "1,2", 3, 0},
    {TEXT("a,b\n\"1\r\n2\"\n"), SHEAF_ESHAPE, 3, 3, 1, 2, 10,
     "record 1 has 1 field, the header has 2", "2\"", 2, 0},
    {TEXT("a,b\n\"\"\n"), SHEAF_ESHAPE, 2, 3, 1, 2, 6, "record 1 has 1 field, the header has 2",
     "\"\"", 2, 0},
    /* a quote that is open when the file ends: where it opened */
    {TEXT("\""), SHEAF_EQUOTE, 1, 1, 0, 1, 0, OPEN, "\"", 0, 0},
    {TEXT("a,\"b\n"), SHEAF_EQUOTE, 1, 3, 0, 2, 2, OPEN, "a,\"b", 2, 0},
    {TEXT("a,b\n1,2\n3,\"4\n5,6\n7"), SHEAF_EQUOTE, 3, 3, 2, 2, 10, OPEN, "3,\"4", 2, 1},
    {TEXT("a,b\n\"1\n2\",\"3\r4"), SHEAF_EQUOTE, 3, 4, 1, 2, 10, OPEN, "2\",\"3", 3, 0},
    {TEXT("a\n\"1\"\"\n"), SHEAF_EQUOTE, 2, 1, 1, 1, 2, OPEN, "\"1\"\"", 0, 0},
    {TEXT("a\n\"1\" \n"), SHEAF_EQUOTE, 2, 1, 1, 1, 2, LONE, "\"1\" ", 0, 0},
    {TEXT("a,b\n1\"2,\"3\n"), SHEAF_EQUOTE, 2, 5, 1, 2, 8, OPEN, "1\"2,\"3", 4, 0},
    {TEXT("a\n1\n\"\r\n"), SHEAF_EQUOTE, 3, 1, 2, 1, 4, OPEN, "\"", 0, 1},
    /* bytes that are not UTF-8 */
    {TEXT("a\n\xE9\n"), SHEAF_EENCODING, 2, 1, 1, 1, 2, "byte 0xE9 is not UTF-8", "\\xe9", 0, 0},
    {TEXT("a,b\n1,2\n\"x\ny\",z\x80\n"), SHEAF_EENCODING, 4, 5, 2, 2, 15, "byte 0x80 is not UTF-8",
     "y\",z\\x80", 4, 1},
    {TEXT("caf\xC3\xA9,\xE9\n"), SHEAF_EENCODING, 1, 7, 0, 2, 6, "byte 0xE9 is not UTF-8",
     "caf\xC3\xA9,\\xe9", 6, 0},
    {TEXT("a\n1\xC3"), SHEAF_EENCODING, 2, 2, 1, 1, 3, "byte 0xC3 is not UTF-8", "1\\xc3", 1, 0},
    {TEXT("a\n\xED\xA0\x80\n"), SHEAF_EENCODING, 2, 1, 1, 1, 2, "byte 0xED is not UTF-8",
     "\\xed\\xa0\\x80", 0, 0},
    {TEXT("\xEF\xBB"), SHEAF_EENCODING, 1, 1, 0, 1, 0, "byte 0xEF is not UTF-8", "\\xef\\xbb", 0,
     0},
    /* of two faults in one record, the one that says more about the file */
    {TEXT("a\n1,\xFF\n"), SHEAF_EENCODING, 2, 3, 1, 2, 4, "byte 0xFF is not UTF-8", "1,\\xff", 2,
     0},
    {TEXT("a\n\"\xFF\n"), SHEAF_EQUOTE, 2, 1, 1, 1, 2, OPEN, "\"\\xff", 0, 0},
    /*
     * of two records, the first; lines count blank ones, records do not; offsets count the byte
     * order mark
     */
    {TEXT("a\n1,2\n\xFF\n"), SHEAF_ESHAPE, 2, 3, 1, 2, 4, "record 1 has 2 fields, the header has 1",
     "1,2", 2, 0},
    {TEXT("\n\r\n\ra\n\n\r1\n\n2,3\n"), SHEAF_ESHAPE, 9, 3, 2, 2, 13,
     "record 2 has 2 fields, the header has 1", "2,3", 2, 1},
    {TEXT("\xEF\xBB\xBF"
          "a\n1,2\n"),
     SHEAF_ESHAPE, 2, 3, 1, 2, 7, "record 1 has 2 fields, the header has 1", "1,2", 2, 0},
    /*
     * a record larger than RECORD_MAX bytes: its beginning, or the quote that is open where the
     * limit is; shown is what lies within the limit, because how much more was read is chance
     */
    {TEXT("a\n1\n12345678901234567890123456789012345678901\n"), SHEAF_ELIMIT, 3, 1, 2, 1, 4,
     "the record is larger than 40 bytes", "1234567890123456789012345678901234567890", 0, 1},
    {TEXT("a,b\n1,\"2\n4567890123456789012345678901234567890\n\"\n"), SHEAF_ELIMIT, 2, 3, 1, 2, 6,
     "the record is larger than 40 bytes: perhaps this quote is never closed", "1,\"2", 2, 0},
    {TEXT("a,b\n1,\"2\n4567890123456789012345678901234567890"), SHEAF_ELIMIT, 2, 3, 1, 2, 6,
     "the record is larger than 40 bytes: perhaps this quote is never closed", "1,\"2", 2, 0},
    {TEXT("a,b\n\"1\n\",456789012345678901234567890123456789\n"), SHEAF_ELIMIT, 2, 1, 1, 1, 4,
     "the record is larger than 40 bytes", "\"1", 0, 0},
    {TEXT("a,b\n34567890123456789012345678901234567890,\"1,2,3,4,5,6,7,8,9,0\n"), SHEAF_ELIMIT, 2,
     40, 1, 2, 43, "the record is larger than 40 bytes: perhaps this quote is never closed",
     "34567890123456789012345678901234567890,\"", 39, 0},
    {TEXT("12345678901234567890123456789012345678901\n"), SHEAF_ELIMIT, 1, 1, 0, 1, 0,
     "the record is larger than 40 bytes", "1234567890123456789012345678901234567890", 0, 0},
    /* a line that ends with a lone CR, and the byte after it that is no LF */
    {TEXT("a\r1\r2,3\r"), SHEAF_ESHAPE, 3, 3, 2, 2, 6, "record 2 has 2 fields, the header has 1",
     "2,3", 2, 1},
};

enum { N_FAULTS = sizeof faults / sizeof faults[0] };

static sheaf__reader_options small_records(void)
{
    sheaf__reader_options options = plain_options;
    options.record_bytes_max = RECORD_MAX;
    return options;
}

static void check_fault(const fault_case *each, const outcome *got, const char *way)
{
    const sheaf_error *err = &got->err;
    const char *what = shown(each->text, each->n_bytes);
    cr_assert_eq(got->status, each->status, "%s: %s for %s", way, sheaf_status_name(got->status),
                 what);
    cr_assert_str_eq(err->message, each->message, "%s: \"%s\" for %s", way, err->message, what);
    cr_assert_eq(err->line, each->line, "%s: line %d for %s", way, (int)err->line, what);
    cr_assert_eq(err->line_byte, each->line_byte, "%s: byte %d for %s", way, (int)err->line_byte,
                 what);
    cr_assert_eq(err->record, each->record, "%s: record %d for %s", way, (int)err->record, what);
    cr_assert_eq(err->field, each->field, "%s: field %d for %s", way, (int)err->field, what);
    cr_assert_eq(err->offset_bytes, each->offset_bytes, "%s: offset %d for %s", way,
                 (int)err->offset_bytes, what);
    cr_assert_str_eq(err->excerpt, each->excerpt, "%s: excerpt %s for %s", way, err->excerpt, what);
    cr_assert_eq(err->excerpt_caret, each->caret, "%s: caret %d for %s", way,
                 (int)err->excerpt_caret, what);
    cr_assert_eq(got->counts.records, each->records, "%s: %s", way, what);
    cr_assert_neq(err->hint[0], '\0');
    cr_assert_eq(err->os_error, 0);
    cr_assert_str_empty(err->source, "the caller adds the path");
    cr_assert_str_empty(err->column);
}

ParameterizedTestParameters(reader_faults, are_found_where_they_are)
{
    static size_t indices[N_FAULTS];
    for (size_t i = 0; i < N_FAULTS; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, N_FAULTS);
}

/*
 * With every chunk size, at every split of the bytes into two reads, byte by byte, and counting
 * only.
 */
ParameterizedTest(size_t *index, reader_faults, are_found_where_they_are)
{
    const fault_case *each = &faults[*index];
    const sheaf__reader_options options = small_records();
    expectation expected = expect(each->text, each->n_bytes, ',', RECORD_MAX);
    sheaf_file file = write_file("a.csv", each->text, each->n_bytes);
    kit with = kit_create();
    for (size_t chunk = 0; chunk < each->n_bytes * 2; chunk++) {
        outcome got = read_with(&with, &file, &options, chunk == 1 ? COUNT_ONLY : chunk);
        check_fault(each, &got, chunk == 1 ? "counting" : "chunks");
        if (chunk != 1)
            check_rows(&got, &expected.rows, each->text, each->n_bytes,
                       "the rows before the fault");
        blob_free(&got.rows);
    }
    for (size_t cut = 0; cut < each->n_bytes; cut++) {
        sheaf_file in = cut > 0 ? feed_stdin(each->text, each->n_bytes, &cut, 1)
                                : feed_stdin_by(each->text, each->n_bytes, 1);
        outcome got = read_with(&with, &in, &options, 1 << 20);
        check_fault(each, &got, cut > 0 ? "two reads" : "byte by byte");
        blob_free(&got.rows);
    }
    kit_destroy(&with);
    blob_free(&expected.rows);
}

/* Offsets are those of the inflated text. */
ParameterizedTestParameters(reader_faults, are_the_same_in_gzip)
{
    static size_t indices[N_FAULTS];
    for (size_t i = 0; i < N_FAULTS; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, N_FAULTS);
}

ParameterizedTest(size_t *index, reader_faults, are_the_same_in_gzip)
{
    const fault_case *each = &faults[*index];
    const sheaf__reader_options options = small_records();
    kit with = kit_create();
    for (size_t cut = 0; cut <= each->n_bytes; cut++) {
        blob packed = {0};
        gzip_add(&packed, each->text, cut, 6);
        gzip_add(&packed, each->text + cut, each->n_bytes - cut, 0);
        sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
        outcome got = read_with(&with, &file, &options, 1);
        check_fault(each, &got, "gzip");
        blob_free(&got.rows);
        blob_free(&packed);
    }
    kit_destroy(&with);
}

Test(reader_faults, table_agrees_with_libcsv)
{
    for (size_t i = 0; i < N_FAULTS; i++) {
        expectation expected = expect(faults[i].text, faults[i].n_bytes, ',', RECORD_MAX);
        const char *what = shown(faults[i].text, faults[i].n_bytes);
        cr_assert_eq(expected.status, faults[i].status, "%s", what);
        cr_assert_eq(expected.line, faults[i].line, "%s", what);
        cr_assert_eq(expected.line_byte, faults[i].line_byte, "%s", what);
        cr_assert_eq(expected.field, faults[i].field, "%s", what);
        cr_assert_eq(expected.offset_bytes, faults[i].offset_bytes, "%s", what);
        blob_free(&expected.rows);
    }
}

Test(reader_faults, leave_the_rows_before_them_in_the_batch)
{
    static const char *const tails[] = {"5,6,7\n", "5\n", "5,\xFF\n",
                                        "5,\"6\n", "\"5", ",,,,,,,,,,,\n"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char text[64];
        snprintf(text, sizeof text, "a,b\n1,2\n,\"\"\n%s", tails[i]);
        sheaf_file file = write_file("a.csv", text, strlen(text));
        kit with = kit_create();
        sheaf_error err;
        blob rows = {0};
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        sheaf__batch_clear(with.batch, 0);
        cr_assert_lt(sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err), 0);
        put_batch(&rows, with.batch);
        cr_assert_eq(rows.n_bytes, 11);
        cr_assert_arr_eq(rows.bytes, "[1][2]\n~[]\n", 11, "%s", shown(rows.bytes, rows.n_bytes));
        cr_assert_eq(with.batch->n_rows, 2);
        cr_assert_eq(sheaf__reader_counts_get(with.reader).records, 2);
        blob_free(&rows);
        kit_destroy(&with);
    }
}

Test(reader_faults, need_no_error_to_write_to)
{
    const sheaf__reader_options options = small_records();
    for (size_t i = 0; i < N_FAULTS; i++) {
        sheaf_file file = write_file("a.csv", faults[i].text, faults[i].n_bytes);
        kit with = kit_create();
        sheaf_status status = sheaf__reader_open(with.reader, &file, &options, NULL);
        if (status == SHEAF_OK)
            status = sheaf__reader_header(with.reader, with.parser, with.batch, NULL);
        if (status == SHEAF_OK)
            status = sheaf__reader_next(with.reader, with.parser, NULL, 0, NULL);
        cr_assert_eq(status, faults[i].status);
        kit_destroy(&with);
    }
}

/* ---- the record limit ---- */

typedef struct limit_case {
    char begin[8];
    char end[8];
    char filler;
} limit_case;

ParameterizedTestParameters(reader_faults, allow_records_of_exactly_the_limit)
{
    static limit_case cases[] = {
        {"", "\n", 'x'},     {"", "\r\n", 'x'},     {"", "\r", 'x'},
        {"", "", 'x'},       {"\"", "\"\n", 'x'},   {"\"", "\"\r\n", 'x'},
        {"\"", "\"\r", 'x'}, {"\"", "\"", 'x'},     {"\"", "\"\n", '\n'},
        {"\"", "\"", '\r'},  {"\"", "\"\"\"", '"'}, {"\"\r\n", "\"\r\n", '\n'},
    };
    return cr_make_param_array(limit_case, cases, sizeof cases / sizeof cases[0]);
}

/* A record of the limit is read, one of a byte more is a fault; the line end does not count. */
ParameterizedTest(limit_case *each, reader_faults, allow_records_of_exactly_the_limit)
{
    static const size_t limits[] = {8, 9, 10, 31, 200, 255};
    size_t n_end = strlen(each->end);
    size_t n_line_end = n_end - strcspn(each->end, "\r\n");
    for (size_t i = 0; i < 6 * 5; i++) {
        size_t limit = limits[i / 5];
        size_t n_record = limit - 2 + i % 5;
        for (int behind = 0; behind < (n_line_end > 0 ? 2 : 1); behind++) {
            blob text = {0};
            blob_text(&text, each->begin);
            size_t n_filler = n_record - text.n_bytes - (n_end - n_line_end);
            blob_fill(&text, each->filler, each->filler == '"' ? n_filler / 2 * 2 : n_filler);
            blob_text(&text, each->end);
            blob_text(&text, behind ? "y\n" : "");
            expectation expected = expect(text.bytes, text.n_bytes, ',', limit);
            sheaf__reader_options options = plain_options;
            options.record_bytes_max = limit;
            sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
            outcome whole = read_fresh(&file, &options, 1);
            file = feed_stdin_by(text.bytes, text.n_bytes, text.n_bytes > 250 ? 2 : 1);
            outcome split = read_fresh(&file, &options, 1);
            if (each->filler != '"')
                cr_assert_eq(whole.status, n_record <= limit ? SHEAF_END : SHEAF_ELIMIT,
                             "%d of %d: %s", (int)n_record, (int)limit,
                             shown(text.bytes, text.n_bytes));
            check_outcome(&whole, &expected, text.bytes, text.n_bytes, "whole");
            check_outcome(&split, &expected, text.bytes, text.n_bytes, "split");
            check_rows(&split, &whole.rows, text.bytes, text.n_bytes, "split");
            blob_free(&whole.rows);
            blob_free(&split.rows);
            blob_free(&expected.rows);
            blob_free(&text);
        }
    }
}

Test(reader_faults, stop_a_record_without_end_soon_after_the_limit)
{
    /* 8 MiB without a line end, a limit of 1 MiB: most of the file is never read. */
    blob text = {0};
    blob_text(&text, "a\n\"");
    blob_fill(&text, 'x', 8 << 20);
    sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
    sheaf__reader_options options = plain_options;
    options.record_bytes_max = 1 << 20;
    outcome got = read_fresh(&file, &options, COUNT_ONLY);
    cr_assert_eq(got.status, SHEAF_ELIMIT);
    cr_assert_eq(got.err.line, 2);
    cr_assert_eq(got.err.offset_bytes, 2);
    cr_assert_leq(got.counts.stored_bytes, 3 << 20);
    blob_free(&got.rows);
    blob_free(&text);
}

/* ---- far into a file ---- */

Test(reader_faults, count_lines_and_bytes_over_many_buffers)
{
    blob text = {0};
    blob_text(&text, "\xEF\xBB\xBF"
                     "a,b\r\n");
    for (int i = 0; i < 100000; i++)
        blob_text(&text, i % 3 ? "12,\"3\r\n4\"\r\n" : "\r\n5,6\r\n");
    size_t at = text.n_bytes;
    blob_text(&text, "1,\"x\ny\",\xC3\xA9,3\r\n");
    sheaf_file file = write_file("a.csv", text.bytes, text.n_bytes);
    outcome got = read_fresh(&file, &plain_options, 10000);
    cr_assert_eq(got.status, SHEAF_ESHAPE);
    cr_assert_eq(got.err.line, 1 + 200000 + 2);
    cr_assert_eq(got.err.line_byte, 4);
    cr_assert_eq(got.err.record, 100001);
    cr_assert_eq(got.err.field, 3);
    cr_assert_eq(got.err.offset_bytes, at + 8);
    cr_assert_str_eq(got.err.excerpt, "y\",\xC3\xA9,3");
    cr_assert_eq(got.err.excerpt_caret, 3);
    blob_free(&got.rows);
    blob_free(&text);
}
