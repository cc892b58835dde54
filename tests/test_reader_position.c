/*
 * Going on elsewhere: wherever a reader stops between two chunks, a fresh one that is opened at its
 * position goes on as if it were the same, with the same rows, counts, lines and faults, in plain
 * files and in gzip. That is what lets processes read one file in turn.
 */
#include <inttypes.h>
#include <stdatomic.h>

#include "tests/support_records.h"

TestSuite(reader_position, .init = enter_directory, .fini = leave_directory, .timeout = 120);

enum { ERROR_BYTES = 4096 };

static bool same_place(const sheaf__reader_position *a, const sheaf__reader_position *b)
{
    return a->offset_bytes == b->offset_bytes && a->line == b->line &&
           a->n_columns == b->n_columns && a->counts.records == b->counts.records &&
           a->counts.blank_lines == b->counts.blank_lines && a->counts.boms == b->counts.boms &&
           a->counts.lone_crs == b->counts.lone_crs &&
           a->counts.compression == b->counts.compression;
}

/* ---- a relay: each chunk is read by a reader that was opened for it ---- */

typedef struct relay {
    const sheaf_file *file;
    const sheaf__reader_options *options;
    kit *with;
    sheaf__reader_position at;
    outcome out;
    size_t n_chunks;
} relay;

/* What is read next: of the header, chunk_bytes counts for nothing. */
static void run_leg(relay *r, bool header, size_t chunk_bytes)
{
    sheaf__reader *reader = sheaf__reader_create();
    sheaf__batch *batch = r->with->batch;
    sheaf__batch_clear(batch, SIZE_MAX);
    sheaf_status status = sheaf__reader_open_at(reader, r->file, r->options, &r->at, &r->out.err);
    if (status == SHEAF_OK) {
        sheaf__reader_position here = sheaf__reader_tell(reader);
        cr_assert(same_place(&here, &r->at), "it opened at %" PRIu64 ", not at %" PRIu64,
                  here.offset_bytes, r->at.offset_bytes);
        cr_assert_eq(sheaf__reader_columns(reader), r->at.n_columns);
        bool counts = chunk_bytes == COUNT_ONLY && !header;
        status = header ? sheaf__reader_header(reader, r->with->parser, batch, &r->out.err)
                        : sheaf__reader_next(reader, r->with->parser, counts ? NULL : batch,
                                             chunk_bytes, &r->out.err);
        if (batch->n_rows > 0)
            put_batch(&r->out.rows, batch);
    }
    r->out.status = status;
    r->out.counts = sheaf__reader_counts_get(reader);
    r->at = sheaf__reader_tell(reader);
    r->n_chunks += !header;
    sheaf__reader_destroy(reader);
}

/* The first leg begins where a reader stands that has read nothing yet. */
static relay begin_relay(kit *with, const sheaf_file *file, const sheaf__reader_options *options)
{
    relay r = {.file = file, .options = options, .with = with};
    sheaf_error_clear(&r.out.err);
    r.out.status = sheaf__reader_open(with->reader, file, options, &r.out.err);
    r.out.counts = sheaf__reader_counts_get(with->reader);
    r.at = sheaf__reader_tell(with->reader);
    sheaf__reader_close(with->reader);
    return r;
}

static relay run_relay(kit *with, const sheaf_file *file, const sheaf__reader_options *options,
                       uint64_t *seed, size_t chunk_most)
{
    relay r = begin_relay(with, file, options);
    if (r.out.status == SHEAF_OK)
        run_leg(&r, true, 0);
    while (r.out.status == SHEAF_OK)
        run_leg(&r, false, 1 + random_below(seed, chunk_most));
    return r;
}

/* ---- the same as one reader ---- */

static const char *error_text(const outcome *of, char *text)
{
    sheaf_error_format(&of->err, text, ERROR_BYTES);
    return text;
}

static void check_same(const outcome *got, const outcome *expected, const blob *document,
                       const char *way)
{
    char got_text[ERROR_BYTES];
    char expected_text[ERROR_BYTES];
    size_t n_shown = document->n_bytes < 300 ? document->n_bytes : 300;
    const char *what = shown(document->bytes, n_shown);
    cr_assert_eq(got->status, expected->status, "%s: %s instead of %s for %s", way,
                 sheaf_status_name(got->status), sheaf_status_name(expected->status), what);
    cr_assert(blob_equal(&got->rows, &expected->rows), "%s: other rows for %s", way, what);
    const sheaf__reader_counts *a = &got->counts;
    const sheaf__reader_counts *b = &expected->counts;
    cr_assert(a->records == b->records && a->blank_lines == b->blank_lines && a->boms == b->boms &&
                  a->lone_crs == b->lone_crs && a->compression == b->compression,
              "%s: other counts for %s", way, what);
    if (expected->status == SHEAF_END) {
        cr_assert_eq(a->text_bytes, b->text_bytes, "%s: %s", way, what);
        cr_assert_eq(a->stored_bytes, b->stored_bytes, "%s: %s", way, what);
    } else {
        cr_assert_str_eq(error_text(got, got_text), error_text(expected, expected_text), "%s: %s",
                         way, what);
        cr_assert_eq(got->err.offset_bytes, expected->err.offset_bytes);
        cr_assert_eq(got->err.field, expected->err.field);
    }
}

/* Returns how many chunks it was. */
static size_t check_relay(kit *with, const sheaf_file *file, const sheaf__reader_options *options,
                          uint64_t *seed, size_t chunk_most, const blob *document, const char *way)
{
    outcome one = read_with(with, file, options, 1 << 20);
    relay r = run_relay(with, file, options, seed, chunk_most);
    check_same(&r.out, &one, document, way);
    blob_free(&one.rows);
    blob_free(&r.out.rows);
    return r.n_chunks;
}

/* ---- random documents ---- */

static void add_field(blob *to, uint64_t *seed)
{
    static const char *const fields[] = {"",
                                         "7",
                                         "\xC3\xA9t\xC3\xA9",
                                         "a b",
                                         "\"\"",
                                         "\"x,y\"",
                                         "\"1\n2\"",
                                         "\"1\r\n2\r\n\"",
                                         "\"\r\"",
                                         "\"\n\n\n\"",
                                         "\"say \"\"o\"\"\"",
                                         "x\"y",
                                         "\"a\"b\"",
                                         "\"a\"\"\n\"\"b\""};
    static const char *const faults[] = {"\xFF", "1,2", "\"open", "\"long\nlong\nlong\nlong\n\""};
    if (random_below(seed, 100) == 0)
        blob_text(to, faults[random_below(seed, sizeof faults / sizeof faults[0])]);
    else
        blob_text(to, fields[random_below(seed, sizeof fields / sizeof fields[0])]);
}

/* A table whose lines end in every way, with blank lines between; now and then something is bad. */
static blob random_document(uint64_t *seed, size_t n_rows)
{
    static const char *const ends[] = {"\n", "\n",   "\r\n", "\r\n",
                                       "\r", "\n\n", "\r\r", "\r\n\r\n"};
    blob made = {0};
    size_t n_columns = 1 + random_below(seed, 4);
    if (random_below(seed, 3) == 0)
        blob_text(&made, "\xEF\xBB\xBF");
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t column = 0; column < n_columns; column++) {
            if (column > 0)
                blob_text(&made, ",");
            add_field(&made, seed);
        }
        blob_text(&made, ends[random_below(seed, sizeof ends / sizeof ends[0])]);
    }
    if (random_below(seed, 12) == 0)
        blob_text(&made, "\"never closed,\n\nto the end\n");
    if (made.n_bytes > 0 && random_below(seed, 3) == 0)
        made.n_bytes--;
    return made;
}

static blob in_members(uint64_t *seed, const blob *document)
{
    blob packed = {0};
    size_t done = 0;
    for (size_t left = 1 + random_below(seed, 4); left > 0; left--) {
        size_t rest = document->n_bytes - done;
        size_t n = left == 1 ? rest : random_below(seed, rest + 1);
        gzip_add(&packed, n > 0 ? document->bytes + done : NULL, n, (int)random_below(seed, 10));
        done += n;
    }
    /* Damage, or an end that came too early; what stands before it is to be read all the same. */
    if (random_below(seed, 8) == 0)
        packed.bytes[random_below(seed, packed.n_bytes)] ^= 0x10;
    else if (random_below(seed, 8) == 0)
        packed.n_bytes -= 1 + random_below(seed, packed.n_bytes < 30 ? packed.n_bytes : 30);
    return packed;
}

typedef struct tally {
    size_t chunks;
    size_t whole;
    size_t faults[64];
} tally;

static void check_document(kit *with, uint64_t *seed, const sheaf__reader_options *options,
                           size_t n_rows, size_t chunk_most, tally *met)
{
    blob document = random_document(seed, n_rows);
    blob packed = in_members(seed, &document);
    sheaf_file file = write_file("a.csv", document.bytes, document.n_bytes);
    outcome one = read_with(with, &file, options, 1 << 20);
    met->whole += one.status == SHEAF_END;
    met->faults[one.status < 0 ? -one.status : 0]++;
    blob_free(&one.rows);
    met->chunks += check_relay(with, &file, options, seed, chunk_most, &document, "file");
    file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    one = read_with(with, &file, options, 1 << 20);
    met->faults[one.status < 0 ? -one.status : 0]++;
    blob_free(&one.rows);
    met->chunks += check_relay(with, &file, options, seed, chunk_most, &document, "gzip");
    blob_free(&document);
    blob_free(&packed);
}

ParameterizedTestParameters(reader_position, is_all_that_the_next_reader_must_know)
{
    static uint64_t seeds[] = {2, 30, 400, 5000};
    return cr_make_param_array(uint64_t, seeds, 4);
}

ParameterizedTest(uint64_t *seed, reader_position, is_all_that_the_next_reader_must_know)
{
    kit with = kit_create();
    tally met = {0};
    for (int i = 0; i < 400; i++) {
        sheaf__reader_options options = plain_options;
        options.record_bytes_max = i % 4 ? 1 << 20 : 15;
        check_document(&with, seed, &options, random_below(seed, 30), i % 2 ? 1 : 60, &met);
    }
    /* It was worth it: there were many chunks, and faults of every kind. */
    cr_assert_gt(met.chunks, 4000, "%d", (int)met.chunks);
    cr_assert_gt(met.whole, 100, "%d", (int)met.whole);
    cr_assert_gt(met.faults[-SHEAF_ESHAPE], 4, "%d", (int)met.faults[-SHEAF_ESHAPE]);
    cr_assert_gt(met.faults[-SHEAF_EQUOTE], 4, "%d", (int)met.faults[-SHEAF_EQUOTE]);
    cr_assert_gt(met.faults[-SHEAF_EENCODING], 4, "%d", (int)met.faults[-SHEAF_EENCODING]);
    cr_assert_gt(met.faults[-SHEAF_ELIMIT], 4, "%d", (int)met.faults[-SHEAF_ELIMIT]);
    cr_assert_gt(met.faults[-SHEAF_ECOMPRESSED], 20, "%d", (int)met.faults[-SHEAF_ECOMPRESSED]);
    kit_destroy(&with);
}

/* A table without a fault and of many times the reader's buffer, whose ends then fall anywhere. */
static blob large_document(uint64_t *seed, size_t n_rows)
{
    static const char *const ends[] = {"\n", "\r\n", "\r"};
    blob made = {0};
    blob_text(&made, "\xEF\xBB\xBFn,text\n");
    for (size_t i = 0; i < n_rows; i++) {
        char number[32];
        snprintf(number, sizeof number, "%zu,", i);
        blob_text(&made, number);
        blob_text(&made, random_below(seed, 3) ? "\"two\r\nlines\"" : "one");
        blob_text(&made, ends[random_below(seed, 3)]);
    }
    return made;
}

Test(reader_position, may_be_anywhere_in_a_large_file)
{
    uint64_t seed = 11;
    kit with = kit_create();
    for (int i = 0; i < 4; i++) {
        blob document = large_document(&seed, 200000);
        if (i % 2)
            document.bytes[document.n_bytes - 2] = 0xFF;
        blob packed = {0};
        gzip_add(&packed, document.bytes, document.n_bytes / 2, 1);
        gzip_add(&packed, document.bytes + document.n_bytes / 2,
                 document.n_bytes - document.n_bytes / 2, 1);
        sheaf_file file = write_file("a.csv", document.bytes, document.n_bytes);
        size_t n = check_relay(&with, &file, &plain_options, &seed, 300000, &document, "file");
        cr_assert_gt(n, 8);
        file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
        n = check_relay(&with, &file, &plain_options, &seed, 600000, &document, "gzip");
        cr_assert_gt(n, 4);
        blob_free(&packed);
        blob_free(&document);
    }
    kit_destroy(&with);
}

/* ---- what a position is ---- */

/* One record to a chunk: after the header and after each, where is it? */
static void check_places(const char *path, const blob *stored, const uint64_t (*places)[3],
                         size_t n)
{
    kit with = kit_create();
    sheaf_file file = write_file(path, stored->bytes, stored->n_bytes);
    relay r = begin_relay(&with, &file, &plain_options);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(r.out.status, SHEAF_OK);
        cr_assert_eq(r.at.offset_bytes, places[i][0], "%s: place %zu is %" PRIu64, path, i,
                     r.at.offset_bytes);
        cr_assert_eq(r.at.line, places[i][1], "%s: place %zu is line %" PRIu64, path, i, r.at.line);
        cr_assert_eq(r.at.counts.records, places[i][2]);
        run_leg(&r, i == 0, 1);
    }
    cr_assert_eq(r.out.status, SHEAF_END);
    cr_assert_eq(r.out.counts.blank_lines, 2);
    cr_assert_eq(r.out.counts.lone_crs, 2);
    cr_assert_eq(r.out.counts.boms, 1);
    blob_free(&r.out.rows);
    kit_destroy(&with);
}

Test(reader_position, counts_text_and_lines_from_the_first_byte)
{
    static const char text[] = "\xEF\xBB\xBF"
                               "a,b\r\n"
                               "\r\n"
                               "1,\"x\n\ny\"\n"
                               "2,z\r"
                               "\r"
                               "3,w";
    /* Blank lines before a record are read with it; a line within quotes is one, too. */
    static const uint64_t places[][3] = {{3, 1, 0}, {8, 2, 0}, {19, 6, 1}, {23, 7, 2}, {27, 9, 3}};
    blob plain = {0};
    blob packed = {0};
    blob_text(&plain, text);
    gzip_add(&packed, text, strlen(text), 6);
    check_places("a.csv", &plain, places, 5);
    check_places("a.csv.gz", &packed, places, 5);
    blob_free(&plain);
    blob_free(&packed);
}

enum { PLACES_MAX = 64 };

/* Every place of a file whose chunks are one record each. */
static size_t places_of(kit *with, const sheaf_file *file, sheaf__reader_position *places)
{
    size_t n = 0;
    relay r = begin_relay(with, file, &plain_options);
    run_leg(&r, true, 0);
    while (r.out.status == SHEAF_OK) {
        cr_assert_lt(n, PLACES_MAX);
        places[n++] = r.at;
        run_leg(&r, false, 1);
    }
    cr_assert_eq(r.out.status, SHEAF_END);
    blob_free(&r.out.rows);
    return n;
}

/* A reader that served for other places and files, with what it has kept of them. */
Test(reader_position, may_be_gone_to_in_any_order_and_by_a_reader_that_was_used_before)
{
    blob document = {0};
    blob packed = {0};
    blob_text(&document, "n,text\n");
    for (int i = 0; i < 40; i++)
        blob_text(&document, i % 3 ? "1,\"a\nb\"\r\n" : "\n2,c\n");
    gzip_add(&packed, document.bytes, document.n_bytes, 6);
    sheaf_file files[2] = {write_file("a.csv", document.bytes, document.n_bytes),
                           write_file("a.csv.gz", packed.bytes, packed.n_bytes)};
    sheaf__reader_position places[2][PLACES_MAX];
    kit with = kit_create();
    size_t n = places_of(&with, &files[0], places[0]);
    cr_assert_eq(places_of(&with, &files[1], places[1]), n);
    cr_assert_geq(n, 40);
    for (size_t i = n * 2; i-- > 0;) {
        size_t which = i % 2;
        const sheaf__reader_position *place = &places[which][i / 2];
        sheaf_error err;
        cr_assert_eq(sheaf__reader_open_at(with.reader, &files[which], &plain_options, place, &err),
                     SHEAF_OK);
        sheaf__batch_clear(with.batch, SIZE_MAX);
        cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 1 << 20, &err),
                     SHEAF_END);
        sheaf__reader_counts counts = sheaf__reader_counts_get(with.reader);
        cr_assert_eq(with.batch->n_rows, 40 - place->counts.records);
        cr_assert_eq(counts.records, 40);
        cr_assert_eq(counts.blank_lines, 14);
        cr_assert_eq(counts.compression == SHEAF__COMPRESSION_GZIP, which == 1);
        cr_assert_eq(counts.text_bytes, document.n_bytes);
        cr_assert_eq(counts.stored_bytes, files[which].size_bytes);
        sheaf__reader_close(with.reader);
    }
    kit_destroy(&with);
    blob_free(&document);
    blob_free(&packed);
}

Test(reader_position, may_be_counted_on_from)
{
    sheaf_file file = write_lines("a.csv", "a,b\n", "\"1\n2\",3\n", 100000);
    kit with = kit_create();
    relay r = begin_relay(&with, &file, &plain_options);
    run_leg(&r, true, 0);
    run_leg(&r, false, 1000);
    cr_assert_eq(r.out.status, SHEAF_OK);
    uint64_t before = r.at.counts.records;
    cr_assert(before > 0 && before < 100000);
    run_leg(&r, false, COUNT_ONLY);
    cr_assert_eq(r.out.status, SHEAF_END);
    cr_assert_eq(r.out.counts.records, 100000);
    cr_assert_eq(r.at.line, 200002);
    blob_free(&r.out.rows);
    kit_destroy(&with);
}

/* ---- what it costs ---- */

Test(reader_position, what_was_read_before_is_not_counted_again)
{
    enum { READ_AHEAD_BYTES = 256 << 10, LINES = 1000000 };
    sheaf_file file = write_lines("a.csv", "a,b\n", "1234,5678\n", LINES);
    atomic_ullong read_bytes = 0;
    sheaf__reader_options options = plain_options;
    kit with = kit_create();
    relay r = begin_relay(&with, &file, &options);
    run_leg(&r, true, 0);
    run_leg(&r, false, 10000000);
    cr_assert_eq(r.out.status, SHEAF_OK);
    options.read_bytes = &read_bytes;
    uint64_t rest = file.size_bytes - r.at.offset_bytes;
    cr_assert_lt(rest, file.size_bytes / 2);
    run_leg(&r, false, 1 << 30);
    cr_assert_eq(r.out.status, SHEAF_END);
    cr_assert_eq(r.out.counts.records, LINES);
    cr_assert_geq(atomic_load(&read_bytes) + READ_AHEAD_BYTES, rest);
    cr_assert_leq(atomic_load(&read_bytes), rest);
    blob_free(&r.out.rows);
    kit_destroy(&with);
}

/* ---- files that are not what they were ---- */

static void set_mtime_of(const char *path, const sheaf_file *as)
{
    struct timespec time = {.tv_sec = as->mtime_ns / 1000000000,
                            .tv_nsec = as->mtime_ns % 1000000000};
    struct timespec times[2] = {time, time};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Other bytes in the same file: its inode stays, and its time is put back if wanted. */
static void overwrite(const sheaf_file *file, const void *bytes, size_t n_bytes, bool keeps_time)
{
    struct timespec other[2] = {{.tv_sec = 1234567890}, {.tv_sec = 1234567890}};
    int fd = open(file->path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, n_bytes), (ssize_t)n_bytes);
    close(fd);
    if (keeps_time)
        set_mtime_of(file->path, file);
    else
        cr_assert_eq(utimensat(AT_FDCWD, file->path, other, 0), 0);
}

static relay stop_after_two(kit *with, const sheaf_file *file)
{
    relay r = begin_relay(with, file, &plain_options);
    run_leg(&r, true, 0);
    run_leg(&r, false, 1);
    run_leg(&r, false, 1);
    cr_assert_eq(r.out.status, SHEAF_OK);
    cr_assert_eq(r.at.counts.records, 2);
    blob_free(&r.out.rows);
    return r;
}

static void check_refused(relay *r, sheaf_status status, const char *message)
{
    run_leg(r, false, 1 << 20);
    cr_assert_eq(r->out.status, status, "%s: %s", sheaf_status_name(r->out.status),
                 r->out.err.message);
    cr_assert_str_eq(r->out.err.message, message);
    cr_assert_eq(r->out.rows.n_bytes, 0);
}

static const char four[] = "a,b\n1,2\n3,4\n5,6\n7,8\n";

Test(reader_position, of_a_file_that_was_changed_is_refused)
{
    /* Shorter than the position; shorter; longer; as long; as long, and the same text. */
    static const char *const others[] = {"a,b\n1,2\n", "a,b\n1,2\n3,4\n5,6\n",
                                         "a,b\n1,2\n3,4\n5,6\n7,8\n9,0\n",
                                         "a,b\n1,2\n3,4\n5,6\n9,9\n", four};
    kit with = kit_create();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        bool keeps_time = strlen(others[i]) != strlen(four); /* then the size gives it away */
        sheaf_file file = write_file("a.csv", four, strlen(four));
        relay r = stop_after_two(&with, &file);
        overwrite(&file, others[i], strlen(others[i]), keeps_time);
        check_refused(&r, SHEAF_ECHANGED, "the file was changed after it was found");
    }
    kit_destroy(&with);
}

Test(reader_position, of_a_file_that_is_gone_or_another_one_is_refused)
{
    kit with = kit_create();
    sheaf_file file = write_file("a.csv", four, strlen(four));
    relay r = stop_after_two(&with, &file);
    cr_assert_eq(rename("a.csv", "old.csv"), 0);
    check_refused(&r, SHEAF_ENOENT, "cannot open the file: No such file or directory");
    write_file("a.csv", four, strlen(four));
    set_mtime_of("a.csv", &file);
    r.out.rows.n_bytes = 0;
    check_refused(&r, SHEAF_ECHANGED, "the file was changed after it was found");
    kit_destroy(&with);
}

/* Size, time and inode as before: only the text itself can give it away. */
Test(reader_position, behind_the_end_of_a_gzip_text_is_a_change)
{
    kit with = kit_create();
    blob packed = {0};
    blob shorter = {0};
    blob other = {0};
    gzip_add(&packed, four, strlen(four), 0);
    gzip_add(&shorter, four, 8, 0);
    /* What the text lacks, the file's name has: it follows the first ten bytes (RFC 1952). */
    size_t n_name = packed.n_bytes - shorter.n_bytes;
    blob_add(&other, shorter.bytes, 10);
    other.bytes[3] = 0x08;
    blob_fill(&other, 'x', n_name - 1);
    blob_fill(&other, '\0', 1);
    blob_add(&other, shorter.bytes + 10, shorter.n_bytes - 10);
    cr_assert_eq(other.n_bytes, packed.n_bytes);
    sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    relay r = stop_after_two(&with, &file);
    overwrite(&file, other.bytes, other.n_bytes, true);
    check_refused(&r, SHEAF_ECHANGED, "the file is shorter than it was");
    blob_free(&packed);
    blob_free(&shorter);
    blob_free(&other);
    kit_destroy(&with);
}

/* The damage stands before the position: it is met on the way. */
Test(reader_position, behind_damaged_gzip_is_not_reached)
{
    kit with = kit_create();
    blob packed = {0};
    gzip_add(&packed, four, strlen(four), 0);
    sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    relay r = stop_after_two(&with, &file);
    packed.bytes[11] ^= 0xFF; /* the length of the stored block */
    overwrite(&file, packed.bytes, packed.n_bytes, true);
    run_leg(&r, false, 1 << 20);
    cr_assert_eq(r.out.status, SHEAF_ECOMPRESSED, "%s", sheaf_status_name(r.out.status));
    cr_assert_eq(r.out.rows.n_bytes, 0);
    blob_free(&packed);
    kit_destroy(&with);
}

/* Inflating up to a position may take long. */
Test(reader_position, in_a_gzip_file_is_not_gone_to_when_the_run_is_stopped)
{
    blob document = {0};
    blob packed = {0};
    atomic_bool stop = false;
    uint64_t seed = 5;
    for (int i = 0; i < 300000; i++) {
        char line[32];
        snprintf(line, sizeof line, "%" PRIu64 "\n", random_next(&seed));
        blob_text(&document, line);
    }
    gzip_add(&packed, document.bytes, document.n_bytes, 1);
    sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    sheaf__reader_options options = plain_options;
    options.stop = &stop;
    kit with = kit_create();
    relay r = begin_relay(&with, &file, &options);
    run_leg(&r, true, 0);
    run_leg(&r, false, 4 << 20);
    cr_assert_eq(r.out.status, SHEAF_OK);
    atomic_store(&stop, true);
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open_at(with.reader, &file, &options, &r.at, &err),
                 SHEAF_ECANCELLED);
    blob_free(&r.out.rows);
    blob_free(&document);
    blob_free(&packed);
    kit_destroy(&with);
}
