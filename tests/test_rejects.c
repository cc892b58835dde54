/*
 * Records that are set aside, against the same reader when the first fault ends it and it is
 * started again by hand: see support_rejects.h. And it takes no longer, however many there are.
 */
#include <time.h>

#include "tests/support_rejects.h"

TestSuite(rejects, .init = enter_directory, .fini = leave_directory, .timeout = 240);

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
    for (size_t i = 0; i < rounds(400); i++) {
        sheaf__reader_options options = plain_options;
        char delimiter = delimiters[random_below(seed, 4)];
        options.dialect.delimiter = delimiter;
        options.record_bytes_max = random_below(seed, 3) ? 1 << 20 : 6 + random_below(seed, 40);
        recipe of = {.delimiter = delimiter,
                     .n_columns = 1 + random_below(seed, 4),
                     .one_in = 1 + random_below(seed, 6),
                     .long_most = 60};
        blob text = random_below(seed, 4) ? random_text(seed, of, random_below(seed, 30))
                                          : random_noise(seed, delimiter);
        findings expected = find_by_hand(&with, &text, &options);
        check_text(&with, seed, &text, &options, &expected);
        for (size_t k = 0; k < expected.n_faults; k++)
            faults[-expected.faults[k].status]++;
        n_ends += expected.status == SHEAF_END;
        findings_free(&expected);
        blob_free(&text);
    }
    cr_assert_gt(n_ends, rounds(300), "%d", (int)n_ends);
    cr_assert_gt(faults[-SHEAF_ESHAPE], rounds(200), "%d", (int)faults[-SHEAF_ESHAPE]);
    cr_assert_gt(faults[-SHEAF_EQUOTE], rounds(60), "%d", (int)faults[-SHEAF_EQUOTE]);
    cr_assert_gt(faults[-SHEAF_EENCODING], rounds(60), "%d", (int)faults[-SHEAF_EENCODING]);
    cr_assert_gt(faults[-SHEAF_ELIMIT], rounds(60), "%d", (int)faults[-SHEAF_ELIMIT]);
    kit_destroy(&with);
}

/* Larger than the reader's buffer, so that its ends fall anywhere: into records of any length. */
Test(rejects, of_large_texts_do_not_depend_on_how_far_was_read)
{
    uint64_t seed = 77;
    kit with = kit_create();
    for (size_t i = 0; i < rounds(5); i++) {
        sheaf__reader_options options = plain_options;
        static const size_t limits[] = {4000, 300000, 300, 1 << 20, 70000};
        options.record_bytes_max = limits[i % 5];
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

/* ---- how much is kept ---- */

Test(rejects, end_a_chunk_when_they_are_many)
{
    enum { LINES = 100000, MOST = 64 << 10, SLACK = 2 };
    kit with = kit_create();
    sheaf_error err;
    sheaf__rejects rejects = {0};
    sheaf_file file = write_lines("a.csv", "a,b\n", "1\n2,3\n", LINES);
    for (int counts = 0; counts < 2; counts++) {
        sheaf_status status = SHEAF_OK;
        size_t n_rejects = 0;
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
        sheaf__batch_clear(with.batch, SIZE_MAX);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        sheaf__reader_set_aside(with.reader, &rejects);
        while (status == SHEAF_OK) {
            sheaf__batch_clear(with.batch, SIZE_MAX);
            status = sheaf__reader_next(with.reader, with.parser, counts ? NULL : with.batch, MOST,
                                        &err);
            cr_assert_leq(sheaf__rejects_bytes(&rejects), SLACK * 2 * MOST);
            n_rejects += rejects.n;
            sheaf__rejects_end(&rejects);
        }
        cr_assert_eq(status, SHEAF_END);
        cr_assert_eq(n_rejects, LINES);
        cr_assert_eq(sheaf__reader_counts_get(with.reader).records, 2 * LINES);
        sheaf__reader_close(with.reader);
    }
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
    cr_assert_lt(took, 6, "%.1f s for %s", took, shown(line, strlen(line)));
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
            check_time(lines[i], 1 << 20, by_libcsv);
}
