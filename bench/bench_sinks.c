/*
 * Writing: what each kind of destination costs, its rows in memory as the merge would give them.
 *
 *     bench_sinks [FILE], and the options of every bench (report.h)
 *
 * Without a file, 16 MB of the mixed set (sets.h). It is read and converted once, before anything
 * is measured; a run opens a destination, writes all rows, and commits, which for a database and a
 * file means until the kernel says that it is on the disk. So wall time is the disk's, too; CPU
 * time is ours. MB are of the text that was read. One thread: what the program has its workers do
 * of it (text is formatted, pages are compressed) is done here by the one that writes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/discover.h>

#include "bench/folder.h"
#include "bench/report.h"
#include "bench/sets.h"
#include "engine/core/arena.h"
#include "engine/sinks/sink.h"
#include "readers/convert/fill.h"
#include "readers/convert/survey.h"
#include "readers/reader.h"

enum { CHUNK_BYTES = 256 << 10 };

static const bench_section section = {"rows in memory, into a destination", "row", "ns"};

typedef struct sink_case {
    const char *id, *what;
    const char *destination;
    const char *compression; /* NULL: as usual */
} sink_case;

static sink_case cases[] = {
    {"csv", "CSV", "x.csv", NULL},
    {"tsv", "TSV", "x.tsv", NULL},
    {"jsonl", "JSON lines", "x.jsonl", NULL},
    {"csv_gzip", "CSV, gzip", "x.csv.gz", NULL},
    {"csv_zstd", "CSV, zstd", "x.csv.zst", NULL},
    {"arrow_file", "Arrow file", "x.arrow", NULL},
    {"arrow_stream", "Arrow stream", "x.arrows", NULL},
    {"parquet_none", "Parquet, not compressed", "x.parquet", "none"},
    {"parquet_snappy", "Parquet, snappy", "x.parquet", "snappy"},
    {"parquet_zstd", "Parquet, zstd", "x.parquet", "zstd"},
    {"sqlite", "SQLite", "x.db", NULL},
};

enum { CASES = sizeof cases / sizeof *cases };

/* All rows of a file, as text and as typed columns. */
static struct {
    sheaf_arena *arena;
    sheaf__names names;
    sheaf_type *types;
    uint32_t *from; /* each column is the file's own */
    sheaf__columns_pool *pool;
    sheaf__batch **batches;
    sheaf__columns **columns;
    size_t n_batches;
    uint64_t n_rows;
    uint64_t n_bytes;
} table;

static void must(sheaf_status status, const sheaf_error *err, const char *what)
{
    if (status < 0)
        bench_fail("%s: %s", what, err->message);
}

static void *checked(void *memory)
{
    if (!memory)
        bench_fail("no memory for the table");
    return memory;
}

/* ---- the table ---- */

static void take_header(const sheaf__batch *header)
{
    size_t n = header->n_columns;
    sheaf__names_init(&table.names, table.arena);
    table.types = checked(calloc(n, sizeof *table.types));
    table.from = checked(calloc(n, sizeof *table.from));
    for (size_t i = 0; i < n; i++) {
        const sheaf__cell *cell = &header->cells[i];
        const char *name = (const char *)header->bytes + cell->offset_bytes;
        uint32_t index = sheaf__names_add_unique(
            &table.names, name, cell->n_bytes == SHEAF__NULL_CELL ? 0 : cell->n_bytes, NULL);
        if (index == SHEAF__NO_NAME)
            bench_fail("no memory for the table");
        table.from[i] = index;
    }
}

static void take_batches(sheaf__reader *reader, sheaf__parser *parser, sheaf__kinds *kinds)
{
    sheaf_error err;
    sheaf_status status;
    do {
        sheaf__batch *batch = checked(sheaf__batch_create(NULL));
        status = sheaf__reader_next(reader, parser, batch, CHUNK_BYTES, &err);
        must(status, &err, "the file");
        sheaf__survey(batch, NULL, kinds);
        table.n_rows += batch->n_rows;
        table.batches = checked(
            realloc(table.batches, (table.n_batches + 1) * sizeof *table.batches));
        table.batches[table.n_batches++] = batch;
    } while (status == SHEAF_OK);
}

static void convert_batches(void)
{
    const sheaf__table_view view = {
        .from = table.from, .types = table.types, .n_columns = table.names.n_items};
    sheaf__misfit misfit;
    table.columns = checked(calloc(table.n_batches, sizeof *table.columns));
    for (size_t i = 0; i < table.n_batches; i++) {
        table.columns[i] = checked(sheaf__columns_take(table.pool));
        if (sheaf__fill(table.columns[i], table.batches[i], &view, &misfit) != SHEAF_OK)
            bench_fail("a value is not of the type that was found for its column");
    }
}

static void load_table(const char *path)
{
    sheaf_files *files;
    sheaf_error err;
    must(sheaf_files_discover(&path, 1, NULL, &files, &err), &err, path);
    sheaf__reader *reader = checked(sheaf__reader_create());
    sheaf__parser *parser = checked(sheaf__parser_create());
    sheaf__batch *header = checked(sheaf__batch_create(NULL));
    const sheaf__reader_options options = {.record_bytes_max = 64 << 20};
    table.arena = checked(sheaf__arena_create(NULL, 64 << 10));
    table.pool = checked(sheaf__columns_pool_create(SIZE_MAX));
    must(sheaf__reader_open(reader, sheaf_files_at(files, 0), &options, &err), &err, path);
    must(sheaf__reader_header(reader, parser, header, &err), &err, path);
    take_header(header);
    sheaf__kinds *kinds = checked(calloc(header->n_columns, sizeof *kinds));
    take_batches(reader, parser, kinds);
    for (size_t i = 0; i < table.names.n_items; i++)
        table.types[i] = sheaf__kinds_type(kinds[i]);
    convert_batches();
    table.n_bytes = sheaf__reader_counts_get(reader).text_bytes;
    sheaf__reader_close(reader);
    free(kinds);
    sheaf__batch_destroy(header);
    sheaf__parser_destroy(parser);
    sheaf__reader_destroy(reader);
    sheaf_files_release(files);
}

static void free_table(void)
{
    for (size_t i = 0; i < table.n_batches; i++) {
        sheaf__columns_give(table.columns[i]);
        sheaf__batch_destroy(table.batches[i]);
    }
    free(table.columns);
    free(table.batches);
    free(table.types);
    free(table.from);
    sheaf__columns_pool_release(table.pool);
    sheaf__names_end(&table.names);
    sheaf__arena_destroy(table.arena);
}

/* ---- writing it ---- */

static void write_rows(sheaf__sink *sink, size_t index)
{
    char number[SHEAF__NUMBER_BYTES];
    sheaf_error err;
    const sheaf__rows rows = {.n_rows = table.batches[index]->n_rows,
                              .batch = table.batches[index],
                              .from = table.from,
                              .columns = table.columns[index],
                              .n_columns = table.names.n_items,
                              .path = "x",
                              .number = number};
    if (rows.n_rows > 0)
        must(sink->ops->write(sink, &rows, &err), &err, "write");
}

static void run(bench_run *run)
{
    const sink_case *c = run->input;
    sheaf__sink_target target;
    sheaf__sink *sink;
    sheaf_error err;
    must(sheaf__sink_parse(c->destination, NULL, NULL, &target, &err), &err, c->id);
    must(sheaf__sink_set_compression(&target, c->compression, &err), &err, c->id);
    target.if_exists = SHEAF_IF_EXISTS_REPLACE;
    bench_begin(run);
    must(sheaf__sink_open(&target, &sink, &err), &err, c->id);
    sink->has_names = true;
    must(sink->ops->begin(sink, &table.names, table.types, &err), &err, c->id);
    for (size_t i = 0; i < table.n_batches; i++)
        write_rows(sink, i);
    must(sink->ops->commit(sink, &err), &err, c->id);
    bench_end(run);
    if (sink->rows != table.n_rows)
        bench_fail("%s: %llu rows of %llu", c->id, (unsigned long long)sink->rows,
                   (unsigned long long)table.n_rows);
    sink->ops->destroy(sink);
    run->n = table.n_rows;
    run->n_bytes = table.n_bytes;
    remove(c->destination);
}

/* Whether this build can write it. */
static bool is_there(const sink_case *c)
{
    sheaf__sink_target target;
    sheaf_error err;
    return sheaf__sink_parse(c->destination, NULL, NULL, &target, &err) == SHEAF_OK &&
           sheaf__sink_set_compression(&target, c->compression, &err) == SHEAF_OK;
}

int main(int argc, char **argv)
{
    char *path = NULL;
    bench_suite suite = {.name = "sinks", .workers = 1, .repeat = 7};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && !path)
            path = checked(realpath(argv[i], NULL));
        else if (strcmp(argv[i], "--workers") == 0 || !bench_option(&suite, argv, &i))
            bench_fail("%s? [FILE] " BENCH_OPTIONS_ALONE, argv[i]);
    }
    bench_enter_folder();
    if (!path) {
        bench_text text = bench_text_make("mixed", 1, suite.quick ? 100000 : 16000000);
        bench_text_write(&text, "mixed.csv");
        bench_text_free(&text);
    }
    load_table(path ? path : "mixed.csv");
    free(path);
    for (size_t i = 0; i < CASES; i++) {
        if (!is_there(&cases[i]))
            continue;
        bench_case *one = bench_add(&suite, &section, "sheaf", run, &cases[i]);
        one->is_base = i == 0;
        snprintf(one->id, sizeof one->id, "%s", cases[i].id);
        snprintf(one->what, sizeof one->what, "%s", cases[i].what);
    }
    bench_suite_run(&suite);
    bench_suite_end(&suite);
    free_table();
    return 0;
}
