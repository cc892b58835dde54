/*
 * Reading a file: from its bytes to batches of records, and on to typed columns. No pool, no sink.
 *
 *     bench_reader [FILE...], and the options of every bench (report.h)
 *
 * Without files it makes some: 32 MB of each set (sets.h), and the mixed one as gzip and zstd, too.
 * Files lie in the page cache: a run before the first round has read them. `pread` is the same
 * bytes by that call alone, into a buffer that is used again: nothing that reads a file is faster.
 * MB are of text, as decompressed (by pread: as stored). One thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sheaf/discover.h>
#include <zlib.h>
#include <zstd.h>

#include "bench/folder.h"
#include "bench/report.h"
#include "bench/sets.h"
#include "readers/convert/survey.h"
#include "readers/reader.h"

enum { BUFFER_BYTES = 256 << 10, CHUNK_BYTES = 256 << 10, FILES_MAX = 64, COLUMNS_MAX = 4096 };

typedef enum work { READ, COUNT, BATCHES, SURVEY, LIBCSV, WORKS } work;

static const bench_section section = {"a file, from bytes to records", "record", "ns"};

static const struct {
    const char *id, *what;
} works[WORKS] = {
    [READ] = {"read", "bytes alone"},
    [COUNT] = {"count", "records counted"},
    [BATCHES] = {"batches", "records in batches"},
    [SURVEY] = {"survey", "every value converted"},
    [LIBCSV] = {"libcsv", "batches by libcsv"},
};

typedef struct read_file {
    char name[64];
    const char *path;
    const sheaf_file *file;
    uint64_t text_bytes;
    uint64_t records; /* that every way to read it must find */
} read_file;

typedef struct read_case {
    read_file *file;
    work work;
} read_case;

/* What a worker has. */
static sheaf__reader *reader;
static sheaf__parser *parser;
static sheaf__batch *header, *batch;

static void must(sheaf_status status, const sheaf_error *err, const char *path)
{
    if (status < 0)
        bench_fail("%s: %s", path, err->message);
}

/* ---- the ways to read a file ---- */

static void read_bytes(const read_case *c)
{
    static uint8_t buffer[BUFFER_BYTES];
    int fd = open(c->file->path, O_RDONLY | O_CLOEXEC);
    off_t at = 0;
    ssize_t n;
    if (fd < 0)
        bench_fail("%s: %s", c->file->path, strerror(errno));
    while ((n = pread(fd, buffer, sizeof buffer, at)) > 0)
        at += n;
    close(fd);
}

static void read_records(const read_case *c)
{
    static sheaf__kinds kinds[COLUMNS_MAX];
    const char *path = c->file->path;
    const sheaf__reader_options options = {.record_bytes_max = 64 << 20,
                                           .by_libcsv = c->work == LIBCSV};
    sheaf_error err;
    sheaf__batch_clear(header, SIZE_MAX);
    must(sheaf__reader_open(reader, c->file->file, &options, &err), &err, path);
    must(sheaf__reader_header(reader, parser, header, &err), &err, path);
    if (header->n_columns > COLUMNS_MAX)
        bench_fail("%s: has %zu columns", path, header->n_columns);
    memset(kinds, 0, header->n_columns * sizeof *kinds);
    sheaf_status status;
    do {
        sheaf__batch_clear(batch, SIZE_MAX);
        status = sheaf__reader_next(reader, parser, c->work == COUNT ? NULL : batch, CHUNK_BYTES,
                                    &err);
        must(status, &err, path);
        if (c->work == SURVEY && batch->n_rows > 0)
            sheaf__survey(batch, NULL, kinds);
    } while (status == SHEAF_OK);
    sheaf__reader_counts counts = sheaf__reader_counts_get(reader);
    sheaf__reader_close(reader);
    if (c->file->records > 0 && counts.records != c->file->records)
        bench_fail("%s: %llu records, not %llu", path, (unsigned long long)counts.records,
                   (unsigned long long)c->file->records);
    c->file->records = counts.records;
    c->file->text_bytes = counts.text_bytes;
}

static void run(bench_run *run)
{
    const read_case *c = run->input;
    bench_begin(run);
    if (c->work == READ)
        read_bytes(c);
    else
        read_records(c);
    bench_end(run);
    run->n = c->file->records;
    run->n_bytes = c->work == READ ? c->file->file->size_bytes : c->file->text_bytes;
}

/* ---- files of our own ---- */

static void write_whole(const char *path, const void *bytes, size_t n_bytes)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes, 1, n_bytes, file) != n_bytes || fclose(file) != 0)
        bench_fail("%s cannot be written", path);
}

static void write_gzip(const char *path, const bench_text *text)
{
    gzFile file = gzopen(path, "wb6");
    if (!file || gzwrite(file, text->bytes, (unsigned)text->n_bytes) != (int)text->n_bytes ||
        gzclose(file) != Z_OK)
        bench_fail("%s cannot be written", path);
}

static void write_zstd(const char *path, const bench_text *text)
{
    size_t capacity = ZSTD_compressBound(text->n_bytes);
    void *packed = malloc(capacity);
    size_t n = packed ? ZSTD_compress(packed, capacity, text->bytes, text->n_bytes, 3) : 0;
    if (!packed || ZSTD_isError(n))
        bench_fail("%s cannot be made", path);
    write_whole(path, packed, n);
    free(packed);
}

static const char *const own_files[] = {"mixed.csv", "quoted.csv",   "floats.csv",
                                        "ints.csv",  "mixed.csv.gz", "mixed.csv.zst"};
enum { OWN_FILES = sizeof own_files / sizeof *own_files };

static void make_files(size_t n_bytes)
{
    static const char *const kinds[] = {"mixed", "quoted", "floats", "ints"};
    for (int i = 0; i < 4; i++) {
        bench_text text = bench_text_make(kinds[i], 1, n_bytes);
        bench_text_write(&text, own_files[i]);
        if (i == 0) {
            write_gzip(own_files[4], &text);
            write_zstd(own_files[5], &text);
        }
        bench_text_free(&text);
    }
}

/* ---- the program ---- */

static void add_cases(bench_suite *suite, read_file *file)
{
    for (work w = 0; w < WORKS; w++) {
        read_case *input = malloc(sizeof *input);
        if (!input)
            bench_fail("no memory for a case");
        *input = (read_case){.file = file, .work = w};
        bench_case *one = bench_add(suite, &section, "sheaf", run, input);
        one->who = w == READ ? "pread" : "sheaf";
        one->is_base = w == READ;
        snprintf(one->id, sizeof one->id, "%s_%.40s", works[w].id, file->name);
        snprintf(one->what, sizeof one->what, "%.15s: %s", file->name, works[w].what);
    }
}

/* What stands behind the last slash, without what would have to be escaped in JSON. */
static void name_file(read_file *file, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(file->name, sizeof file->name, "%s", slash ? slash + 1 : path);
    for (char *at = file->name; *at; at++)
        if (*at == '"' || *at == '\\' || (unsigned char)*at < ' ')
            *at = '_';
    file->path = path;
}

int main(int argc, char **argv)
{
    static read_file files[FILES_MAX];
    const char *paths[FILES_MAX];
    size_t n_files = 0;
    bench_suite suite = {.name = "reader", .workers = 1, .repeat = 7};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && n_files < FILES_MAX)
            paths[n_files++] = argv[i];
        else if (strcmp(argv[i], "--workers") == 0 || !bench_option(&suite, argv, &i))
            bench_fail("%s? [FILE...] " BENCH_OPTIONS_ALONE, argv[i]);
    }
    if (n_files == 0) {
        bench_enter_folder();
        make_files(suite.quick ? 100000 : 32000000);
        memcpy(paths, own_files, sizeof own_files);
        n_files = OWN_FILES;
    }

    sheaf_files *found;
    sheaf_error err;
    must(sheaf_files_discover(paths, n_files, NULL, &found, &err), &err, "discovery");
    if (sheaf_files_count(found) > FILES_MAX)
        bench_fail("more than %d files", FILES_MAX);
    reader = sheaf__reader_create();
    parser = sheaf__parser_create();
    header = sheaf__batch_create(NULL);
    batch = sheaf__batch_create(NULL);
    if (!reader || !parser || !header || !batch)
        bench_fail("no memory for a reader");
    for (size_t i = 0; i < sheaf_files_count(found); i++) {
        files[i].file = sheaf_files_at(found, i);
        name_file(&files[i], files[i].file->path);
        read_records(&(read_case){.file = &files[i], .work = COUNT});
        add_cases(&suite, &files[i]);
    }
    bench_suite_run(&suite);
    for (size_t i = 0; i < suite.n_cases; i++)
        free(suite.cases[i].input);
    bench_suite_end(&suite);
    sheaf__batch_destroy(batch);
    sheaf__batch_destroy(header);
    sheaf__parser_destroy(parser);
    sheaf__reader_destroy(reader);
    sheaf_files_release(found);
    return 0;
}
