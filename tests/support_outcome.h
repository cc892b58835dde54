/*
 * All that a run tells, as text that can be compared: what it came back with, what it told while it
 * ran, its summary, its columns, and the files that it left behind, those of databases as the rows
 * of their tables; of a stream, its rows.
 *
 * Left out is what is allowed to depend on who reads, and nothing else; each with its reason where
 * it is left out.
 *
 * Without Criterion, because what runs under ThreadSanitizer needs it, too.
 */
#ifndef SHEAF_TESTS_SUPPORT_OUTCOME_H
#define SHEAF_TESTS_SUPPORT_OUTCOME_H

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include <sheaf/sheaf.h>

typedef enum outcome_part {
    OUTCOME_END,
    OUTCOME_CALLS,
    OUTCOME_SUMMARY,
    OUTCOME_COLUMNS,
    OUTCOME_ROWS,
    OUTCOME_PARTS
} outcome_part;

static const char *const outcome_part_names[OUTCOME_PARTS] = {
    "the end", "calls of on_file and on_reject", "the summary", "the columns", "what is left"};

/* Faults of one kind. */
typedef struct outcome_kind {
    char name[40];
    uint64_t n;
} outcome_kind;

enum { OUTCOME_KINDS_MAX = 64 };

typedef struct outcome_kinds {
    outcome_kind items[OUTCOME_KINDS_MAX];
    size_t n;
} outcome_kinds;

static inline void outcome_kinds_add(outcome_kinds *to, const char *name, uint64_t n)
{
    size_t i = 0;
    while (i < to->n && strcmp(to->items[i].name, name) != 0)
        i++;
    if (i == OUTCOME_KINDS_MAX)
        abort();
    if (i == to->n)
        snprintf(to->items[to->n++].name, sizeof to->items[i].name, "%s", name);
    to->items[i].n += n;
}

typedef struct outcome {
    sheaf_status status;
    sheaf_summary summary;
    char *texts[OUTCOME_PARTS];
    size_t n_bytes[OUTCOME_PARTS];
    FILE *parts[OUTCOME_PARTS];
    /*
     * A stream that ends because more records are set aside than may be gives the rows of the chunk
     * in which that happened, too: of one run's rows the other's may be the beginning.
     */
    bool may_end_early;
    uint64_t left_out_bytes; /* of files that were left out: read until then */
    outcome_kinds faults;    /* all that were told */
} outcome;

static inline void outcome_open(outcome *self)
{
    *self = (outcome){0};
    for (int i = 0; i < OUTCOME_PARTS; i++) {
        self->parts[i] = open_memstream(&self->texts[i], &self->n_bytes[i]);
        if (!self->parts[i])
            abort();
    }
}

/* Nothing more is told: from here on it can be compared. */
static inline void outcome_close(outcome *self)
{
    for (int i = 0; i < OUTCOME_PARTS; i++)
        fclose(self->parts[i]);
}

static inline void outcome_free(outcome *self)
{
    for (int i = 0; i < OUTCOME_PARTS; i++)
        free(self->texts[i]);
}

static inline bool outcome_is_same(const outcome *a, const outcome *b, outcome_part part)
{
    size_t n = a->n_bytes[part];
    if (part == OUTCOME_ROWS && a->may_end_early && b->may_end_early)
        n = n < b->n_bytes[part] ? n : b->n_bytes[part];
    else if (n != b->n_bytes[part])
        return false;
    return memcmp(a->texts[part], b->texts[part], n) == 0;
}

/* The first part in which they differ, or OUTCOME_PARTS. */
static inline outcome_part outcome_compare(const outcome *a, const outcome *b)
{
    int part = 0;
    while (part < OUTCOME_PARTS && outcome_is_same(a, b, (outcome_part)part))
        part++;
    return (outcome_part)part;
}

/* ---- facts ---- */

/* What has the fault is a record, a file, or the run. */
static inline void outcome_count(outcome *self, const char *what, const char *code)
{
    char name[40];
    snprintf(name, sizeof name, "%s %s", what, code);
    outcome_kinds_add(&self->faults, name, 1);
}

static inline void outcome_error(FILE *to, const sheaf_error *err)
{
    fprintf(to,
            "%s os_error %d line %" PRIu64 " byte %" PRIu64 " record %" PRIu64 " field %" PRIu64
            " offset %" PRIu64 "\n  caret %u source %s\n  column %s\n  message %s\n  hint %s\n"
            "  excerpt %s\n",
            sheaf_status_name(err->status), err->os_error, err->line, err->line_byte, err->record,
            err->field, err->offset_bytes, err->excerpt_caret, err->source, err->column,
            err->message, err->hint, err->excerpt);
}

static inline void outcome_repairs(FILE *to, const sheaf_repairs *repairs)
{
    fprintf(to,
            "  repaired %" PRIu64 " padded %" PRIu64 " trimmed %" PRIu64 " unquoted %" PRIu64 "\n",
            repairs->records, repairs->padded, repairs->trimmed, repairs->unquoted);
}

/* How much of a file was read when its fault was met is chance: some of it is read ahead. */
static inline void outcome_on_file(void *context, const sheaf_file_report *report)
{
    outcome *self = context;
    FILE *to = self->parts[OUTCOME_CALLS];
    const sheaf_dialect *dialect = &report->dialect;
    self->left_out_bytes += report->skipped ? report->read_bytes : 0;
    fprintf(to,
            "file %zu %s\n  compression %s encoding %s read %" PRIu64 " text %" PRIu64
            "\n  records %" PRIu64 " loaded %" PRIu64 " rejected %" PRIu64 " skipped %" PRIu64
            "\n  blank %" PRIu64 " boms %" PRIu64 " lone_crs %" PRIu64 " comments %" PRIu64
            " preamble %" PRIu64 " columns %" PRIu64 "\n  dialect %d %d %d %d %d %d %" PRId64 "\n",
            report->index, report->file->path, report->compression ? report->compression : "none",
            report->encoding ? report->encoding : "none", report->skipped ? 0 : report->read_bytes,
            report->text_bytes, report->records, report->loaded, report->rejected,
            report->skipped_records, report->blank_lines, report->boms, report->lone_crs,
            report->comment_lines, report->preamble_lines, report->columns, dialect->delimiter,
            dialect->quote, dialect->escape, dialect->comment, dialect->padding, dialect->header,
            dialect->skip_lines);
    outcome_repairs(to, &report->repairs);
    if (!report->skipped)
        return;
    outcome_count(self, "file", sheaf_status_name(report->error->status));
    outcome_error(to, report->error);
}

static inline void outcome_on_reject(void *context, const sheaf_reject *reject)
{
    outcome *self = context;
    FILE *to = self->parts[OUTCOME_CALLS];
    outcome_count(self, "record", reject->code);
    fprintf(to, "reject %s %s line %" PRIu64 " offset %" PRIu64 " raw %zu: ", reject->file->path,
            reject->code, reject->line, reject->offset_bytes, reject->n_raw);
    fwrite(reject->raw, 1, reject->n_raw, to);
    fputc('\n', to);
    outcome_error(to, reject->error);
}

/*
 * Without seconds, workers and ranges; without what was read of files that are left out, as above;
 * and of a run that failed without its columns: how far headers were read by then is chance.
 */
static inline void outcome_summary(outcome *self)
{
    const sheaf_summary *sum = &self->summary;
    FILE *to = self->parts[OUTCOME_SUMMARY];
    fprintf(to,
            "files %" PRIu64 " skipped %" PRIu64 " empty %" PRIu64 " compressed %" PRIu64
            " decoded %" PRIu64 " lone_cr %" PRIu64 " other_dialect %" PRIu64 " headerless %" PRIu64
            "\nread %" PRIu64 " text %" PRIu64 "\nrecords %" PRIu64 " loaded %" PRIu64
            " rejected %" PRIu64 " skipped %" PRIu64 "\nblank %" PRIu64 " boms %" PRIu64
            " comments %" PRIu64 " preamble %" PRIu64 "\ncolumns %" PRIu64 " renamed %" PRIu64
            " left_out %" PRIu64 " cut %" PRIu64 "\ndigest %016" PRIx64 " to %s\n",
            sum->files, sum->files_skipped, sum->files_empty, sum->files_compressed,
            sum->files_decoded, sum->files_lone_cr, sum->files_other_dialect, sum->files_headerless,
            sum->read_bytes - self->left_out_bytes, sum->text_bytes, sum->records, sum->loaded,
            sum->rejected, sum->skipped, sum->blank_lines, sum->boms, sum->comment_lines,
            sum->preamble_lines, self->status == SHEAF_OK ? sum->columns : 0, sum->columns_renamed,
            sum->columns_left_out, sum->files_cut, sum->digest, sum->destination);
    outcome_repairs(to, &sum->repairs);
}

static inline void outcome_columns(outcome *self, const sheaf_ingest *ingest)
{
    size_t n;
    const sheaf_column *columns = sheaf_ingest_columns(ingest, &n);
    FILE *to = self->parts[OUTCOME_COLUMNS];
    for (size_t i = 0; i < n; i++) {
        fwrite(columns[i].name, 1, columns[i].n_name, to);
        fprintf(to, ": %s%s\n", sheaf_type_name(columns[i].type), columns[i].nullable ? "?" : "");
    }
}

/* ---- files that are left ---- */

static inline void outcome_table(FILE *to, sqlite3 *database, const char *name)
{
    sqlite3_stmt *rows;
    char *query = sqlite3_mprintf("SELECT * FROM \"%w\" ORDER BY rowid", name);
    if (sqlite3_prepare_v2(database, query, -1, &rows, NULL) != SQLITE_OK)
        abort();
    fprintf(to, "table %s\n", name);
    while (sqlite3_step(rows) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(rows); i++) {
            int type = sqlite3_column_type(rows, i);
            const void *bytes = type == SQLITE_BLOB ? sqlite3_column_blob(rows, i)
                                                    : sqlite3_column_text(rows, i);
            size_t n = (size_t)sqlite3_column_bytes(rows, i);
            fprintf(to, "|%d:%zu:", type, n);
            if (n > 0)
                fwrite(bytes, 1, n, to);
        }
        fputc('\n', to);
    }
    sqlite3_finalize(rows);
    sqlite3_free(query);
}

/* Its tables as they were declared, and their rows in their order. */
static inline void outcome_database(FILE *to, const char *path)
{
    sqlite3 *database;
    sqlite3_stmt *tables;
    /* When it was loaded, and how long after it was written, differs; nothing else may. */
    static const char hide[] = "UPDATE out_ledger SET mtime_ns = 0, loaded_at = ''";
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        abort();
    (void)sqlite3_exec(database, hide, NULL, NULL, NULL); /* if there is one */
    if (sqlite3_prepare_v2(database, "SELECT type, name, sql FROM sqlite_master ORDER BY name", -1,
                           &tables, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(tables) == SQLITE_ROW) {
        const char *type = (const char *)sqlite3_column_text(tables, 0);
        const char *name = (const char *)sqlite3_column_text(tables, 1);
        const char *sql = (const char *)sqlite3_column_text(tables, 2);
        fprintf(to, "%s\n", sql ? sql : name);
        if (strcmp(type, "table") == 0)
            outcome_table(to, database, name);
    }
    sqlite3_finalize(tables);
    sqlite3_close(database);
}

static inline void outcome_file(FILE *to, const char *path)
{
    char bytes[1 << 14];
    size_t n;
    FILE *file = fopen(path, "r");
    if (!file)
        abort();
    while ((n = fread(bytes, 1, sizeof bytes, file)) > 0)
        fwrite(bytes, 1, n, to);
    fclose(file);
}

/* Whatever there is in the directory, by name; then it is empty. */
static inline void outcome_take_files(outcome *self, const char *directory)
{
    struct dirent **entries;
    FILE *to = self->parts[OUTCOME_ROWS];
    int n = scandir(directory, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char path[600];
        const char *name = entries[i]->d_name;
        snprintf(path, sizeof path, "%s/%s", directory, name);
        if (name[0] != '.' || strlen(name) > 2) {
            fprintf(to, "== %s\n", name);
            if (strcmp(name, "out.db") == 0)
                outcome_database(to, path);
            else
                outcome_file(to, path);
            remove(path);
        }
        free(entries[i]);
    }
    free(entries);
}

/* ---- a stream ---- */

static inline bool outcome_bit(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i / 8] >> (i % 8) & 1;
}

static inline void outcome_value(FILE *to, const struct ArrowSchema *type,
                                 const struct ArrowArray *column, int64_t row)
{
    int64_t i = row + column->offset;
    if (type->format[0] == 'n' || (column->buffers[0] && !outcome_bit(column->buffers[0], i))) {
        fputs("|null", to);
    } else if (type->format[0] == 'b') {
        fprintf(to, "|%d", outcome_bit(column->buffers[1], i));
    } else if (type->format[0] == 'u') {
        const int32_t *ends = column->buffers[1];
        fprintf(to, "|%d:", ends[i + 1] - ends[i]);
        if (ends[i + 1] > ends[i])
            fwrite((const char *)column->buffers[2] + ends[i], 1, (size_t)(ends[i + 1] - ends[i]),
                   to);
    } else if (strcmp(type->format, "tdD") == 0) {
        fprintf(to, "|%" PRId32, ((const int32_t *)column->buffers[1])[i]);
    } else { /* of a double, its bits */
        fprintf(to, "|%" PRIx64, ((const uint64_t *)column->buffers[1])[i]);
    }
}

/* All its rows, whatever batches they come in, and how it ends. Ends the stream. */
static inline void outcome_take_stream(outcome *self, struct ArrowArrayStream *stream)
{
    struct ArrowSchema schema = {0};
    struct ArrowArray batch = {0};
    FILE *to = self->parts[OUTCOME_ROWS];
    int error = stream->get_schema(stream, &schema);
    for (int64_t i = 0; error == 0 && i < schema.n_children; i++)
        fprintf(self->parts[OUTCOME_COLUMNS], "%s: %s flags %" PRId64 "\n",
                schema.children[i]->name, schema.children[i]->format, schema.children[i]->flags);
    while (error == 0 && (error = stream->get_next(stream, &batch)) == 0 && batch.release) {
        for (int64_t row = 0; row < batch.length; row++) {
            for (int64_t i = 0; i < batch.n_children; i++)
                outcome_value(to, schema.children[i], batch.children[i], row);
            fputc('\n', to);
        }
        batch.release(&batch);
    }
    const char *text = error ? stream->get_last_error(stream) : "";
    fprintf(self->parts[OUTCOME_END], "%d %s\n", error, text);
    self->status = error ? SHEAF_EIO : SHEAF_OK;
    if (schema.release)
        schema.release(&schema);
    stream->release(stream);
}

#endif
