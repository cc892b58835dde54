/*
 * A file that is split among workers: whatever stands where a range begins, it is read as by one
 * who reads it from the beginning to the end: the same rows, counts, types and faults.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/sheaf.h>

#include "readers/reader.h"
#include "tests/support.h"

enum { LIMIT = 240, TEXT_MAX = 1 << 16 };

static const char source[] = "in.csv";
static const char destination[] = "out.csv";

TestSuite(ranges, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

static uint64_t seed = 13;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&seed, n);
}

/* ---- one run ---- */

/* Faults end a run, or their records are set aside. */
static const sheaf_on_error both[] = {SHEAF_ON_ERROR_STOP, SHEAF_ON_ERROR_QUARANTINE};

typedef struct outcome {
    sheaf_status status;
    sheaf_error err;
    sheaf_summary summary;
    char types[256];
    char *rows;
    size_t n_rows_bytes;
    blob rejects; /* all that is told of them */
} outcome;

static void on_reject(void *context, const sheaf_reject *reject)
{
    blob *told = context;
    char text[4096];
    sheaf_error_format(reject->error, text, sizeof text);
    blob_text(told, text);
    snprintf(text, sizeof text,
             "%s, line %llu, offset %llu, record %llu, field %llu, at line %llu, byte %llu, "
             "offset %llu, %zu bytes: ",
             reject->code, (unsigned long long)reject->line,
             (unsigned long long)reject->offset_bytes, (unsigned long long)reject->error->record,
             (unsigned long long)reject->error->field, (unsigned long long)reject->error->line,
             (unsigned long long)reject->error->line_byte,
             (unsigned long long)reject->error->offset_bytes, reject->n_raw);
    blob_text(told, text);
    blob_add(told, reject->raw, reject->n_raw);
    blob_text(told, "\n");
}

static void outcome_free(outcome *o)
{
    free(o->rows);
    blob_free(&o->rejects);
}

static void read_rows(outcome *o)
{
    struct stat st;
    FILE *file = fopen(destination, "r");
    o->rows = NULL;
    o->n_rows_bytes = 0;
    if (!file)
        return;
    cr_assert_eq(fstat(fileno(file), &st), 0);
    o->rows = malloc((size_t)st.st_size + 1);
    o->n_rows_bytes = fread(o->rows, 1, (size_t)st.st_size, file);
    fclose(file);
    cr_assert_eq(unlink(destination), 0);
}

static outcome run(const char *to, sheaf_on_error on_error, int workers, size_t chunk_bytes)
{
    outcome o = {.types = ""};
    const char *path = source;
    sheaf_files *files;
    sheaf_ingest *ingest;
    bool is_kept = on_error == SHEAF_ON_ERROR_QUARANTINE;
    sheaf_ingest_options options = {.size = sizeof options,
                                    .destination = to,
                                    .encodings = &(sheaf_file_encoding){.encoding = "utf-8"},
                                    .n_encodings = 1,
                                    .workers = workers,
                                    .on_error = on_error,
                                    .record_bytes_max = 600,
                                    .chunk_bytes = chunk_bytes,
                                    .quarantine = is_kept ? "rejects.jsonl" : NULL,
                                    .on_reject = on_reject,
                                    .context = &o.rejects};
    cr_assert_eq(sheaf_files_discover(&path, 1, NULL, &files, &o.err), SHEAF_OK);
    cr_assert_eq(sheaf_ingest_create(&options, &ingest, &o.err), SHEAF_OK);
    o.status = sheaf_ingest_run(ingest, files, &o.summary, &o.err);
    size_t n;
    const sheaf_column *columns = sheaf_ingest_columns(ingest, &n);
    for (size_t i = 0; i < n; i++)
        snprintf(o.types + strlen(o.types), sizeof o.types - strlen(o.types), "%s%s ",
                 sheaf_type_name(columns[i].type), columns[i].nullable ? "?" : "");
    sheaf_ingest_destroy(ingest);
    sheaf_files_release(files);
    if (to == destination)
        read_rows(&o);
    return o;
}

static void assert_same(const outcome *whole, const outcome *split, const char *text, size_t n,
                        size_t chunk_bytes)
{
    char shown[3000];
    char expected[2048];
    char found[2048];
    snprintf(shown, sizeof shown, "ranges of %zu bytes of: %.*s", chunk_bytes, (int)n, text);
    cr_assert_eq(whole->status, split->status, "%s: %s", split->err.message, shown);
    if (whole->status < 0) {
        sheaf_error_format(&whole->err, expected, sizeof expected);
        sheaf_error_format(&split->err, found, sizeof found);
        cr_assert_str_eq(expected, found, "%s", shown);
        cr_assert_eq(whole->err.line, split->err.line);
        return;
    }
    cr_assert(blob_equal(&whole->rejects, &split->rejects), "%.*s\n\ninstead of\n\n%.*s\n%s",
              (int)split->rejects.n_bytes, (const char *)split->rejects.bytes,
              (int)whole->rejects.n_bytes, (const char *)whole->rejects.bytes, shown);
    cr_assert_eq(whole->summary.rejected, split->summary.rejected, "%s", shown);
    cr_assert_eq(whole->summary.skipped, split->summary.skipped, "%s", shown);
    cr_assert_eq(whole->summary.files_skipped, split->summary.files_skipped, "%s", shown);
    cr_assert_str_eq(whole->types, split->types, "%s", shown);
    cr_assert_eq(whole->n_rows_bytes, split->n_rows_bytes, "%s", shown);
    cr_assert(whole->n_rows_bytes == 0 ||
                  memcmp(whole->rows, split->rows, whole->n_rows_bytes) == 0,
              "%s", shown);
    cr_assert_eq(whole->summary.records, split->summary.records, "%s", shown);
    cr_assert_eq(whole->summary.loaded, split->summary.loaded, "%s", shown);
    cr_assert_eq(whole->summary.blank_lines, split->summary.blank_lines, "%s", shown);
    cr_assert_eq(whole->summary.files_lone_cr, split->summary.files_lone_cr, "%s", shown);
    cr_assert_eq(whole->summary.boms, split->summary.boms, "%s", shown);
    cr_assert_eq(whole->summary.read_bytes, split->summary.read_bytes, "%s", shown);
    cr_assert_eq(whole->summary.text_bytes, split->summary.text_bytes, "%s", shown);
}

/*
 * Ranges of the source, of these sizes, into rows and into types. Returns how many were read again.
 */
static uint64_t compare_stored(const char *text, size_t n_text, size_t n, const size_t *sizes,
                               size_t n_sizes)
{
    uint64_t n_reread = 0;
    for (int way = 0; way < 4; way++) {
        const char *to = way % 2 ? "null:" : destination;
        outcome whole = run(to, both[way / 2], 1, 0);
        cr_assert_eq(whole.summary.ranges, 0);
        for (size_t i = 0; i < n_sizes; i++) {
            outcome split = run(to, both[way / 2], 2 + (int)i % 2, sizes[i]);
            assert_same(&whole, &split, text, n_text, sizes[i]);
            if (n / 2 > sizes[i] && whole.status == SHEAF_OK)
                cr_assert_eq(split.summary.ranges, (n - 1) / sizes[i]);
            n_reread += split.summary.ranges_reread;
            outcome_free(&split);
        }
        outcome_free(&whole);
    }
    return n_reread;
}

/* The same text as BGZF, in small blocks, some of them empty. */
static blob in_blocks(const char *text, size_t n)
{
    blob stored = {0};
    for (size_t done = 0; done < n;) {
        size_t n_block = below(4) ? 1 + below(below(8) ? 200 : 9) : 0;
        n_block = n_block < n - done ? n_block : n - done;
        bgzf_add(&stored, text + done, n_block, (int)below(10));
        done += n_block;
    }
    bgzf_add(&stored, "", 0, 6);
    return stored;
}

/* Plain and as BGZF. Returns how many ranges of plain text were read again. */
static uint64_t compare(const char *text, size_t n, const size_t *sizes, size_t n_sizes)
{
    write_file(source, text, n);
    uint64_t n_reread = compare_stored(text, n, n, sizes, n_sizes);
    blob stored = in_blocks(text, n);
    write_file(source, stored.bytes, stored.n_bytes);
    (void)compare_stored(text, n, stored.n_bytes, sizes, n_sizes);
    blob_free(&stored);
    return n_reread;
}

/* ---- texts ---- */

static char *add(char *at, const char *text)
{
    return stpcpy(at, text);
}

static char *add_field(char *at)
{
    static const char *const plain[] = {"1",   "2.5",  "abc",  "",  "2024-02-29",
                                        "a b", "x\"y", "\"\"", "-7"};
    static const char *const inside[] = {"a",          ",",  "\n", "\r\n", "\"\"",
                                         "1,2\n3,4\n", "\r", " ",  "é"};
    if (below(3))
        return add(at, plain[below(sizeof plain / sizeof plain[0])]);
    at = add(at, "\"");
    for (unsigned n = below(6); n > 0; n--)
        at = add(at, inside[below(sizeof inside / sizeof inside[0])]);
    return add(at, "\"");
}

static size_t random_text(char *text)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    const char *end = ends[below(8) ? below(2) : 2];
    unsigned n_columns = 1 + below(4);
    unsigned n_rows = below(60);
    unsigned fault = below(4) ? UINT32_MAX : below(n_rows + 1);
    unsigned one_in = below(3) ? UINT32_MAX : 2 + below(9); /* or many */
    char *at = add(text, below(8) ? "" : "\xEF\xBB\xBF");
    at = add(at, &"h1,h2,h3,h4"[(4 - n_columns) * 3]);
    at = add(at, end);
    for (unsigned row = 0; row < n_rows; row++) {
        for (unsigned i = 0; i < n_columns; i++) {
            at = i > 0 ? add(at, ",") : at;
            at = add_field(at);
        }
        if (row == fault || below(one_in) == 0) {
            static const char *const faults[] = {
                ",", ",\"never closed", "\xFF", "\"x", "\n1,\"a\nb\" c\"", "\n\"", "\n1,2,3,4,5,6"};
            at = add(at, faults[below(7)]);
            for (unsigned k = below(12) ? 0 : below(120); k > 0; k--)
                at = add(at, "long ");
        }
        at = row + 1 < n_rows || below(2) ? add(at, below(20) ? end : ends[below(3)]) : at;
        at = below(10) ? at : add(at, end);
    }
    return (size_t)(at - text);
}

Test(ranges, of_random_texts_are_read_as_the_whole)
{
    static char text[TEXT_MAX];
    for (size_t i = 0; i < rounds(50); i++) {
        size_t n = random_text(text);
        size_t sizes[] = {1 + below(8), 9 + below(56), 65 + below(400)};
        compare(text, n, sizes, 3);
    }
}

/* Where lines are records, each guess is right, also where a line begins with a range. */
Test(ranges, of_lines_are_not_read_twice)
{
    static char text[TEXT_MAX];
    static const size_t sizes[] = {4, 8, 9, 64, 100};
    static const char *const lines[] = {"1,2\n", "1,2\r\n", "\"a\",\"b,c\"\n"};
    for (int i = 0; i < 3; i++) {
        char *at = add(text, "a,b\n");
        for (int k = 0; k < 300; k++)
            at = add(at, lines[i]);
        size_t n = (size_t)(at - text);
        cr_assert_eq(compare(text, n, sizes, 5), 0);
        blob stored = {0};
        for (size_t done = 0; done < n; done += 150)
            bgzf_add(&stored, text + done, n - done < 150 ? n - done : 150, 1);
        write_file(source, stored.bytes, stored.n_bytes);
        cr_assert_eq(compare_stored(text, n, stored.n_bytes, sizes, 5), 0);
        blob_free(&stored);
    }
}

/* ---- a file that is not left alone ---- */

Test(ranges, of_a_file_that_is_written_to_meanwhile_are_no_ranges)
{
    const char *path = source;
    sheaf_files *files;
    sheaf_error err;
    char text[] = "a\n1\n2\n\n3\n4\n";
    write_file(source, text, sizeof text - 1);
    cr_assert_eq(sheaf_files_discover(&path, 1, NULL, &files, &err), SHEAF_OK);
    const sheaf_file *file = sheaf_files_at(files, 0);
    sheaf__parser *parser = sheaf__parser_create();
    sheaf__reader *reader = sheaf__reader_create();
    sheaf__reader_options options = {.encoding = SHEAF__ENCODING_UTF_8,
                                     .dialect = SHEAF_DIALECT_RFC4180(','),
                                     .record_bytes_max = 100};
    sheaf__reader_position from = {.offset_bytes = 2, .line = 2, .n_columns = 1};
    const struct timespec found = {.tv_sec = file->mtime_ns / 1000000000,
                                   .tv_nsec = file->mtime_ns % 1000000000};
    const struct timespec as_found[] = {found, found};
    const struct timespec later[] = {{.tv_sec = found.tv_sec + 1}, {.tv_sec = found.tv_sec + 1}};
    for (int i = 0; i < 8; i++) {
        bool touched = i >= 4;
        options.by_libcsv = i % 2;
        uint64_t end = i % 4 < 2 ? 6 : 7; /* without the blank line, or with it */
        cr_assert_eq(sheaf__reader_open_range(reader, file, &options, &from, end, -1, &err),
                     SHEAF_OK);
        if (touched)
            cr_assert_eq(utimensat(AT_FDCWD, source, later, 0), 0);
        cr_assert_eq(sheaf__reader_next(reader, parser, NULL, 0, &err),
                     touched ? SHEAF_ECHANGED : SHEAF_END);
        cr_assert_eq(sheaf__reader_counts_get(reader).records, 2);
        sheaf__reader_close(reader);
        cr_assert_eq(utimensat(AT_FDCWD, source, as_found, 0), 0);
    }
    sheaf__reader_destroy(reader);
    sheaf__parser_destroy(parser);
    sheaf_files_release(files);
}

/* ---- texts that are made to be guessed wrong ---- */

static const size_t all_sizes[] = {1, 2, 3, 5, 16, 63, 64, 65, 200, 1000};
enum { N_SIZES = sizeof all_sizes / sizeof all_sizes[0] };

Test(ranges, of_texts_within_texts_are_read_again)
{
    static char text[TEXT_MAX];
    char *at = add(text, "a,b\n");
    for (int i = 0; i < 12; i++)
        at = add(at, "x,\"1,2\n3,4\n5,6\n7,8\n9,10\n11,12\n13,14\n\"\n");
    uint64_t n_reread = compare(text, (size_t)(at - text), all_sizes, N_SIZES);
    cr_assert_gt(n_reread, 0, "nothing was guessed wrong: what is this test for?");
}

Test(ranges, of_one_record_from_the_first_byte_to_the_last_are_all_its)
{
    static char text[TEXT_MAX];
    char *at = add(text, "a,b\n\"");
    for (int i = 0; i < 40; i++)
        at = add(at, "1,2\n3,4\n");
    at = add(at, "\",x\n");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
    at = add(text, "\"a");
    for (int i = 0; i < 40; i++)
        at = add(at, "1,2\n3,4\n");
    at = add(at, "\",b");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
}

/* Each line of it opens a quote that nothing closes, for whoever begins there. */
Test(ranges, of_lines_that_seem_to_open_a_quote_are_given_up)
{
    static char text[TEXT_MAX];
    char *at = add(text, "a,b\n1,2\n3,\"");
    for (int i = 0; i < 100; i++)
        at = add(at, "\"\"a\n");
    at = add(at, "\"\n5,6\n");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
}

Test(ranges, of_an_open_quote_are_its_fault_and_nothing_else)
{
    static char text[TEXT_MAX];
    char *at = add(text, "a,b\n1,2\n\"3,4\n");
    for (int i = 0; i < 60; i++)
        at = add(at, "5,6\n");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
}

Test(ranges, of_lone_quotes_are_no_quotes)
{
    static char text[TEXT_MAX];
    char *at = add(text, "a,b\n");
    for (int i = 0; i < 50; i++)
        at = add(at, i % 3 ? "5\" disk,it's 6\"\n" : "x\"y\"z,\"a \"\"b\"\"\n\"\n");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
}

Test(ranges, of_blank_lines_and_of_one_long_line)
{
    static char text[TEXT_MAX];
    char *at = add(text, "\n\r\n\na\n\n\n1\n");
    for (int i = 0; i < 100; i++)
        at = add(at, i % 7 ? "\n" : "\r\n2\r\n");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
    at = add(text, "a,b\n1,");
    for (int i = 0; i < 250; i++)
        at = add(at, "xx");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
    at = add(at,
             "far beyond the limit of a record of this test, which has six hundred bytes at most"
             " and says so");
    compare(text, (size_t)(at - text), all_sizes, N_SIZES);
}

/* ---- BGZF that is not as it should be ---- */

static size_t numbered_lines(char *text)
{
    char *end = add(text, "a,b\n");
    for (int i = 0; i < 400; i++)
        end += sprintf(end, "%d,%d\n", i, i * i);
    return (size_t)(end - text);
}

/* A block in whose header there is something that looks like one, up to this block's end. */
static void add_block_with_another_inside(blob *to, const char *text, size_t n_bytes)
{
    enum { HEADER = 10, FAKE = 18 };
    static const uint8_t fake[FAKE] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 'B', 'C', 2, 0};
    blob member = {0};
    gzip_add(&member, text, n_bytes, 6);
    size_t n_extra = 6 + 4 + FAKE;
    size_t n = member.n_bytes + 2 + n_extra - 1;
    const uint8_t extra[] = {(uint8_t)n_extra,  0,   'B', 'C',  2, 0, (uint8_t)n,
                             (uint8_t)(n >> 8), 'X', 'X', FAKE, 0};
    size_t n_fake = FAKE + member.n_bytes - HEADER - 1;
    member.bytes[3] |= 4;
    blob_add(to, member.bytes, HEADER);
    blob_add(to, extra, sizeof extra);
    blob_add(to, fake, FAKE - 2);
    const uint8_t length[] = {(uint8_t)n_fake, (uint8_t)(n_fake >> 8)};
    blob_add(to, length, 2);
    blob_add(to, member.bytes + HEADER, member.n_bytes - HEADER);
    blob_free(&member);
}

Test(ranges, of_blocks_that_seem_to_be_within_others_are_read_again)
{
    static char text[TEXT_MAX];
    size_t n = numbered_lines(text);
    blob stored = {0};
    for (size_t done = 0; done < n;) {
        size_t n_block = n - done < 90 ? n - done : 90;
        add_block_with_another_inside(&stored, text + done, n_block);
        done += n_block;
    }
    write_file(source, stored.bytes, stored.n_bytes);
    const size_t sizes[] = {1, 7, 50, 120, 1000};
    cr_assert_gt(compare_stored(text, n, stored.n_bytes, sizes, 5), 0);
    blob_free(&stored);
}

Test(ranges, of_blocks_with_other_members_between)
{
    static char text[TEXT_MAX];
    size_t n = numbered_lines(text);
    for (size_t i = 0; i < rounds(6); i++) {
        blob stored = {0};
        for (size_t done = 0; done < n;) {
            size_t n_block = below(5) ? 1 + below(90) : below(2000);
            n_block = n_block < n - done ? n_block : n - done;
            if (done == 0 || below(3))
                bgzf_add(&stored, text + done, n_block, 6);
            else
                gzip_add(&stored, text + done, n_block, 6);
            done += n_block;
        }
        write_file(source, stored.bytes, stored.n_bytes);
        (void)compare_stored(text, n, stored.n_bytes, all_sizes, 10);
        blob_free(&stored);
    }
}

Test(ranges, of_damaged_blocks_are_the_same_fault)
{
    static char text[TEXT_MAX];
    size_t n = numbered_lines(text);
    blob stored = in_blocks(text, n);
    for (size_t i = 0; i < rounds(40); i++) {
        size_t at = below((unsigned)stored.n_bytes);
        uint8_t change = (uint8_t)(1 + below(255));
        stored.bytes[at] ^= change;
        size_t n_stored = i % 3 ? stored.n_bytes : at + 1;
        write_file(source, stored.bytes, n_stored);
        (void)compare_stored(text, n, 0, (const size_t[]){1 + below(300), 1 + below(20)}, 2);
        stored.bytes[at] ^= change;
    }
    blob_free(&stored);
}

/* Blocks that hold a thousand times as many bytes as are stored, between others. */
Test(ranges, of_very_much_text_are_read_one_chunk_after_the_other)
{
    enum { N_BLOCKS = 40, BLOCK_BYTES = 60000, LINE_BYTES = 4, RANGE_BYTES = 2000 };
    char *text = malloc((N_BLOCKS + 1) * BLOCK_BYTES);
    for (int first_dense = 0; first_dense < 30; first_dense += 10) {
        blob stored = {0};
        char *at = add(text, "a,b\n");
        for (int i = 0; i < N_BLOCKS; i++) {
            char *begin = i == 0 ? text : at;
            bool is_dense = i >= first_dense && i < first_dense + 5;
            for (int line = 0; line < BLOCK_BYTES / LINE_BYTES / (is_dense ? 1 : 20); line++)
                at += is_dense ? sprintf(at, "1,2\n") : sprintf(at, "%u,%u\n", below(9), below(9));
            bgzf_add(&stored, begin, (size_t)(at - begin), 6);
        }
        size_t n = (size_t)(at - text);
        write_file(source, stored.bytes, stored.n_bytes);
        (void)compare_stored(text, n, 0, (const size_t[]){RANGE_BYTES, 200, 5000}, 3);
        outcome split = run(destination, SHEAF_ON_ERROR_STOP, 2, RANGE_BYTES);
        cr_assert_lt(split.summary.ranges, (stored.n_bytes - 1) / RANGE_BYTES);
        free(split.rows);
        blob_free(&stored);
    }
    free(text);
}

/* A file that is left out before its ranges were read, and then one that is not. */
Test(ranges, of_a_file_that_is_left_out_are_forgotten)
{
    enum { RANGE_BYTES = 300, N_FILES = 3 };
    static char text[TEXT_MAX];
    static const char *const paths[N_FILES] = {"bad.csv", "good.csv", "again.csv"};
    blob bad = {0};
    blob good = {0};
    size_t n = numbered_lines(text);
    for (size_t done = 0; done < n; done += 90)
        bgzf_add(&good, text + done, n - done < 90 ? n - done : 90, 6);
    bgzf_add(&bad, text, 4, 0); /* the header, and no row in the first range, nor the second */
    for (int i = 0; i < 20; i++)
        bgzf_add(&bad, "\n\n\n\n\n\n\n\n", 8, 0);
    size_t damaged = bad.n_bytes + 40;
    blob_add(&bad, good.bytes, good.n_bytes);
    bad.bytes[damaged] ^= 0xff;
    write_file(paths[0], bad.bytes, bad.n_bytes);
    write_file(paths[1], good.bytes, good.n_bytes);
    write_file(paths[2], good.bytes, good.n_bytes);
    for (int i = 0; i < 50; i++) {
        sheaf_files *files;
        sheaf_ingest *ingest;
        sheaf_error err;
        sheaf_summary summary;
        sheaf_ingest_options options = {.size = sizeof options,
                                        .destination = destination,
                                        .workers = 2 + i % 3,
                                        .on_error = SHEAF_ON_ERROR_QUARANTINE,
                                        .chunk_bytes = RANGE_BYTES};
        cr_assert_eq(sheaf_files_discover(paths, N_FILES, NULL, &files, &err), SHEAF_OK);
        cr_assert_eq(sheaf_ingest_create(&options, &ingest, &err), SHEAF_OK);
        cr_assert_eq(sheaf_ingest_run(ingest, files, &summary, &err), SHEAF_OK, "%s", err.message);
        cr_assert_eq(summary.files_skipped, 1);
        cr_assert_eq(summary.loaded, 800);
        sheaf_ingest_destroy(ingest);
        sheaf_files_release(files);
        cr_assert_eq(unlink(destination), 0);
    }
    blob_free(&bad);
    blob_free(&good);
}

Test(ranges, without_their_limit_go_on_to_the_end_of_the_file)
{
    static char text[TEXT_MAX];
    size_t n = numbered_lines(text);
    blob stored = {0};
    for (size_t done = 0; done < n; done += 90)
        bgzf_add(&stored, text + done, n - done < 90 ? n - done : 90, 6);
    write_file(source, stored.bytes, stored.n_bytes);
    const char *path = source;
    sheaf_files *files;
    sheaf_error err;
    cr_assert_eq(sheaf_files_discover(&path, 1, NULL, &files, &err), SHEAF_OK);
    sheaf__reader *reader = sheaf__reader_create();
    sheaf__parser *parser = sheaf__parser_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    sheaf__reader_options options = {.encoding = SHEAF__ENCODING_UTF_8,
                                     .dialect = SHEAF_DIALECT_RFC4180(','),
                                     .record_bytes_max = 600};
    cr_assert_eq(sheaf__reader_open(reader, sheaf_files_at(files, 0), &options, &err), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(reader, parser, batch, &err), SHEAF_OK);
    sheaf__reader_limit(reader, stored.n_bytes / 2);
    cr_assert_eq(sheaf__reader_next(reader, parser, NULL, 0, &err), SHEAF_END);
    cr_assert_lt(sheaf__reader_counts_get(reader).records, 400);
    sheaf__reader_unlimit(reader);
    cr_assert_eq(sheaf__reader_next(reader, parser, NULL, 0, &err), SHEAF_END);
    cr_assert_eq(sheaf__reader_counts_get(reader).records, 400);
    sheaf__batch_destroy(batch);
    sheaf__parser_destroy(parser);
    sheaf__reader_destroy(reader);
    sheaf_files_release(files);
    blob_free(&stored);
}
