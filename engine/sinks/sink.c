/* Choosing a sink by the destination's spelling, and the sink that keeps nothing: see sink.h. */
#include "engine/sinks/sink.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/sinks/postgres/uri.h"

static const struct {
    const char *ending;
    sheaf__sink_kind kind;
    sheaf__text_format format;
} endings[] = {
    {".db", SHEAF__SINK_SQLITE, SHEAF__CSV},
    {".sqlite", SHEAF__SINK_SQLITE, SHEAF__CSV},
    {".sqlite3", SHEAF__SINK_SQLITE, SHEAF__CSV},
    {".csv", SHEAF__SINK_FILE, SHEAF__CSV},
    {".tsv", SHEAF__SINK_FILE, SHEAF__TSV},
    {".jsonl", SHEAF__SINK_FILE, SHEAF__JSONL},
    {".arrow", SHEAF__SINK_FILE, SHEAF__ARROW_FILE},
    {".arrows", SHEAF__SINK_FILE, SHEAF__ARROW_STREAM},
    {".parquet", SHEAF__SINK_FILE, SHEAF__PARQUET},
};

static const struct {
    const char *ending;
    sheaf__text_format format;
    sheaf__packing packing;
} packed_endings[] = {
    {".csv.gz", SHEAF__CSV, SHEAF__PACKED_GZIP},
    {".csv.zst", SHEAF__CSV, SHEAF__PACKED_ZSTD},
    {".tsv.gz", SHEAF__TSV, SHEAF__PACKED_GZIP},
    {".tsv.zst", SHEAF__TSV, SHEAF__PACKED_ZSTD},
    {".jsonl.gz", SHEAF__JSONL, SHEAF__PACKED_GZIP},
    {".jsonl.zst", SHEAF__JSONL, SHEAF__PACKED_ZSTD},
};

static sheaf_status parse_format(const char *format, sheaf__text_format *parsed, sheaf_error *err)
{
    static const char *const names[] = {[SHEAF__CSV] = "csv",
                                        [SHEAF__TSV] = "tsv",
                                        [SHEAF__JSONL] = "jsonl",
                                        [SHEAF__ARROW_STREAM] = "arrow"};
    *parsed = SHEAF__CSV;
    if (!format)
        return SHEAF_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(format, names[i]) == 0) {
            *parsed = (sheaf__text_format)i;
            return SHEAF_OK;
        }
    }
    sheaf_error_set(err, SHEAF_EINVAL, "the format is not known");
    sheaf__error_source(err, format);
    sheaf_error_hint(err, "use csv, tsv, jsonl or arrow");
    return SHEAF_EINVAL;
}

bool sheaf__sink_is_postgres(const char *destination)
{
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++)
        if (strncmp(destination, schemes[i], strlen(schemes[i])) == 0)
            return true;
    return false;
}

void sheaf_destination_show(const char *destination, char *text, size_t size)
{
    if (sheaf__sink_is_postgres(destination))
        sheaf__postgres_show_uri(destination, text, size);
    else
        snprintf(text, size, "%s", destination);
}

/* An error is about a destination, whose password nobody is to see. */
static void tell_destination(sheaf_error *err, const char *destination)
{
    char shown[256];
    if (sheaf__sink_is_postgres(destination)) {
        sheaf_destination_show(destination, shown, sizeof shown);
        destination = shown;
    }
    sheaf__error_source(err, destination);
}

static sheaf_status parse_kind(const char *destination, sheaf__sink_target *target,
                               sheaf_error *err)
{
    if (strcmp(destination, "null:") == 0) {
        target->kind = SHEAF__SINK_NULL;
        return SHEAF_OK;
    }
    if (strcmp(destination, "-") == 0) {
        target->kind = SHEAF__SINK_STDOUT;
        return SHEAF_OK;
    }
    if (sheaf__sink_is_postgres(destination)) {
        target->kind = SHEAF__SINK_POSTGRES;
        return SHEAF_OK;
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        if (sheaf__path_ends_with(destination, endings[i].ending)) {
            target->kind = endings[i].kind;
            target->format = endings[i].format;
            return SHEAF_OK;
        }
    }
    for (size_t i = 0; i < sizeof packed_endings / sizeof packed_endings[0]; i++) {
        if (sheaf__path_ends_with(destination, packed_endings[i].ending)) {
            target->kind = SHEAF__SINK_FILE;
            target->format = packed_endings[i].format;
            target->packing = packed_endings[i].packing;
            return SHEAF_OK;
        }
    }
    sheaf_error_set(err, SHEAF_EINVAL, "the destination is not known by its ending");
    sheaf__error_source(err, destination);
    sheaf_error_hint(
        err, "use a file called *.db, *.sqlite, *.parquet, *.arrow, *.arrows, *.csv, *.tsv or "
             "*.jsonl, the last three also with .gz or .zst behind; postgresql://HOST/DATABASE; "
             "- for standard output; null: to load nothing");
    return SHEAF_EINVAL;
}

/* An option that would do nothing is a mistake of whoever gave it. */
static sheaf_status refuse_option(const char *what, const char *destination, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "%s", what);
    tell_destination(err, destination);
    return SHEAF_EINVAL;
}

sheaf_status sheaf__sink_parse(const char *destination, const char *format, const char *table,
                               sheaf__sink_target *target, sheaf_error *err)
{
    *target = (sheaf__sink_target){.path = destination, .table = table};
    sheaf_status status = parse_kind(destination, target, err);
    if (status < 0)
        return status;
    bool is_database = target->kind == SHEAF__SINK_SQLITE || target->kind == SHEAF__SINK_POSTGRES;
    if (table && !is_database)
        return refuse_option("a table is named, but the destination is not a database", destination,
                             err);
    if (format && target->kind != SHEAF__SINK_STDOUT)
        return refuse_option("a format is for standard output: a file's ending says its own",
                             destination, err);
    if (target->kind == SHEAF__SINK_POSTGRES) {
        status = sheaf__postgres_check(destination, table, err);
        if (status < 0)
            tell_destination(err, destination);
        return status;
    }
    return target->kind == SHEAF__SINK_STDOUT ? parse_format(format, &target->format, err)
                                              : SHEAF_OK;
}

sheaf_status sheaf__sink_set_compression(sheaf__sink_target *target, const char *name,
                                         sheaf_error *err)
{
    if (!name)
        return SHEAF_OK;
    if (target->kind != SHEAF__SINK_FILE || target->format != SHEAF__PARQUET)
        return refuse_option("a compression is named, but the destination is not a Parquet file",
                             target->path, err);
    if (!sheaf__codec_parse(name, &target->compression)) {
        sheaf_error_set(err, SHEAF_EINVAL, "the compression is not known");
        sheaf__error_source(err, name);
        sheaf_error_hint(err, "use zstd, snappy or none");
        return SHEAF_EINVAL;
    }
    return sheaf__can_compress(target->compression)
               ? SHEAF_OK
               : refuse_option("this build has no library for that compression", name, err);
}

sheaf_status sheaf__sink_set_indexes(sheaf__sink_target *target, const sheaf_index *indexes,
                                     size_t n, sheaf_error *err)
{
    target->indexes = indexes;
    target->n_indexes = n;
    if (n == 0 || target->kind == SHEAF__SINK_SQLITE)
        return SHEAF_OK;
    sheaf_status status = refuse_option("an index is asked for, but the destination is not an "
                                        "SQLite database",
                                        target->path, err);
    if (target->kind == SHEAF__SINK_POSTGRES)
        sheaf_error_hint(err, "load without it, then CREATE INDEX");
    else
        sheaf_error_hint(err, "-o x.db has indexes");
    return status;
}

sheaf_status sheaf__sink_set_connections(sheaf__sink_target *target, int connections, bool per_file,
                                         sheaf_error *err)
{
    enum { CONNECTIONS_MAX = 64 };
    sheaf_status status = SHEAF_OK;
    target->connections = connections;
    if (connections < 0 || connections > CONNECTIONS_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL, "there may be 1 to %d connections, not %d",
                               CONNECTIONS_MAX, connections);
    if (connections > 1 && target->kind != SHEAF__SINK_POSTGRES) {
        status = refuse_option("several connections are asked for, but the destination is not a "
                               "PostgreSQL database",
                               target->path, err);
        sheaf_error_hint(err, "-o postgresql://... has connections");
    } else if (connections > 1 && per_file) {
        status = refuse_option("several connections publish their rows together, not file by file",
                               target->path, err);
        sheaf_error_hint(err, "--commit per-file goes with one connection");
    }
    return status;
}

static bool is_arrow(const sheaf__sink_target *target)
{
    return target->format == SHEAF__ARROW_STREAM || target->format == SHEAF__ARROW_FILE;
}

bool sheaf__sink_has_types(const sheaf__sink_target *target)
{
    bool is_text = target->kind == SHEAF__SINK_FILE || target->kind == SHEAF__SINK_STDOUT;
    return !is_text || target->format >= SHEAF__ARROW_STREAM;
}

sheaf_status sheaf__sink_open(const sheaf__sink_target *target, sheaf__sink **sink,
                              sheaf_error *err)
{
    switch (target->kind) {
    case SHEAF__SINK_SQLITE:
        return sheaf__sqlite_open(target, sink, err);
    case SHEAF__SINK_POSTGRES:
        return sheaf__postgres_open(target, sink, err);
    case SHEAF__SINK_FILE:
    case SHEAF__SINK_STDOUT:
        if (target->format == SHEAF__PARQUET)
            return sheaf__parquet_open(target, sink, err);
        return is_arrow(target) ? sheaf__arrow_ipc_open(target, sink, err)
                                : sheaf__text_open(target, sink, err);
    case SHEAF__SINK_NULL:
    case SHEAF__SINK_STREAM:
        break;
    }
    return sheaf__null_open(sink, err);
}

/* ---- null: ---- */

typedef struct null_sink {
    sheaf__sink base;
    uint64_t marked; /* rows, at the last mark */
} null_sink;

static sheaf_status null_begin(sheaf__sink *sink, const sheaf__names *columns,
                               const sheaf_type *types, sheaf_error *err)
{
    (void)sink, (void)columns, (void)types, (void)err;
    return SHEAF_OK;
}

static sheaf_status null_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    (void)err;
    sink->rows += rows->n_rows;
    return SHEAF_OK;
}

static sheaf_status null_mark(sheaf__sink *sink, sheaf_error *err)
{
    (void)err;
    ((null_sink *)sink)->marked = sink->rows;
    return SHEAF_OK;
}

static sheaf_status null_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    (void)err;
    sink->rows = ((null_sink *)sink)->marked;
    *done = true;
    return SHEAF_OK;
}

static sheaf_status null_commit(sheaf__sink *sink, sheaf_error *err)
{
    (void)sink, (void)err;
    return SHEAF_OK;
}

static void null_abort(sheaf__sink *sink)
{
    (void)sink;
}

static void null_destroy(sheaf__sink *sink)
{
    free(sink);
}

sheaf_status sheaf__null_open(sheaf__sink **sink, sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = null_begin,
                                        .write = null_write,
                                        .mark = null_mark,
                                        .take_back = null_take_back,
                                        .commit = null_commit,
                                        .abort = null_abort,
                                        .destroy = null_destroy};
    null_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.takes_back = true;
    snprintf(self->base.label, sizeof self->base.label, "null:");
    *sink = &self->base;
    return SHEAF_OK;
}

/* ---- rows ---- */

sheaf__text sheaf__rows_origin(const sheaf__rows *rows, size_t row, size_t column)
{
    uint32_t from = rows->from[column];
    if (from == SHEAF__NO_COLUMN)
        return (sheaf__text){0};
    if (from == SHEAF__FILE_COLUMN)
        return (sheaf__text){.bytes = rows->path, .n_bytes = strlen(rows->path)};
    const sheaf__row_place *place = &rows->batch->places[row];
    uint64_t number = from == SHEAF__LINE_COLUMN ? place->line + rows->shift.line
                                                 : place->record + rows->shift.record;
    int n = sprintf(rows->number, "%" PRIu64, number);
    return (sheaf__text){.bytes = rows->number, .n_bytes = (size_t)n};
}
