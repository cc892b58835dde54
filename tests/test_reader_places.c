/*
 * Where the rows of a batch stand in their file: the lines at which their records begin, and the
 * numbers of these, whoever finds them and however much is read at once.
 */
#include "tests/support_records.h"

TestSuite(reader_places, .init = enter_directory, .fini = leave_directory, .timeout = 60);

/* A text, and where its records are. */
typedef struct example {
    blob text;
    sheaf__row_place places[2000];
    size_t n;
} example;

static void make_example(example *made, uint64_t *seed)
{
    static const char *const values[] = {"1",        "",         "\"q\"\"q\"",      "\"x\ny\"",
                                         "\"\r\n\"", "\"\r\"",   "\"a\n\nb\r\nc\"", "longer text",
                                         "2",        "\"plain\""};
    static const uint64_t lines[] = {0, 0, 0, 1, 1, 1, 3, 0, 0, 0};
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    const char *end = ends[random_below(seed, 3)];
    size_t n_kinds = random_below(seed, 2) ? 10 : 3; /* or none of several lines */
    sheaf__row_place at = {.line = 2, .record = 1};
    blob_text(&made->text, "a,b");
    blob_text(&made->text, end);
    for (size_t i = 0, n = random_below(seed, 2000); i < n; i++) {
        uint64_t kind = random_below(seed, 40);
        if (kind == 0 && n_kinds > 3) { /* blank */
            blob_text(&made->text, end);
            at.line++;
            continue;
        }
        size_t value = random_below(seed, n_kinds);
        if (kind > 1)
            made->places[made->n++] = at;
        blob_text(&made->text, kind > 1 ? "9," : "one,two,"); /* too many: set aside */
        blob_text(&made->text, values[value]);
        blob_text(&made->text, end);
        at.line += 1 + lines[value];
        at.record++;
    }
}

static void check_places(const example *made, bool by_libcsv, size_t chunk_bytes)
{
    sheaf_file file = file_at("x.csv");
    sheaf__reader_options options = {.encoding = SHEAF__ENCODING_UTF_8,
                                     .dialect = SHEAF_DIALECT_RFC4180(','),
                                     .record_bytes_max = 1 << 20,
                                     .by_libcsv = by_libcsv};
    sheaf__reader *reader = sheaf__reader_create();
    sheaf__parser *parser = sheaf__parser_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    sheaf__rejects rejects = {.counts_only = false};
    sheaf_error err;
    size_t n = 0;
    cr_assert_eq(sheaf__reader_open(reader, &file, &options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(reader, parser, batch, &err), SHEAF_OK);
    sheaf__reader_set_aside(reader, &rejects);
    batch->wants_places = true;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK) {
        sheaf__batch_clear(batch, n % 2 ? SIZE_MAX : 0);
        status = sheaf__reader_next(reader, parser, batch, chunk_bytes, &err);
        for (size_t row = 0; row < batch->n_rows; row++, n++) {
            cr_assert_lt(n, made->n);
            cr_assert_eq(batch->places[row].line, made->places[n].line);
            cr_assert_eq(batch->places[row].record, made->places[n].record);
        }
    }
    cr_assert_eq(status, SHEAF_END);
    cr_assert_eq(n, made->n);
    sheaf__rejects_end(&rejects);
    sheaf__batch_destroy(batch);
    sheaf__parser_destroy(parser);
    sheaf__reader_destroy(reader);
}

Test(reader_places, are_those_of_the_records)
{
    static const size_t chunks[] = {1, 30, 1000, 1 << 20};
    static example made; /* too large for the stack */
    uint64_t seed = 5;
    for (int round = 0; round < 150; round++) {
        made.n = 0;
        make_example(&made, &seed);
        write_file("x.csv", made.text.bytes, made.text.n_bytes);
        for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
            check_places(&made, false, chunks[i]);
            check_places(&made, true, chunks[i]);
        }
        blob_free(&made.text);
        made.text = (blob){0};
    }
}
