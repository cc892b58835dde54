/*
 * `sheaf sniff`: what is found out of each file, in words or as JSON, with the options that would
 * say the same.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

enum { COLUMNS_SHOWN_MAX = 8 };

typedef struct look {
    const sheaf_file *file;
    const sheaf_ingest_options *options;
    sheaf_sniffed *found; /* NULL: the error says why */
    sheaf_error err;
} look;

typedef struct looks {
    look *items;
    size_t n;
    size_t next;
} looks;

static sheaf_status sniff_task(sheaf_worker *worker, void *argument, void **result,
                               sheaf_error *err)
{
    (void)err;
    look *self = argument;
    sheaf_trace_row *row = sheaf_worker_trace_row(worker);
    int64_t begun = sheaf_trace_now(row);
    if (sheaf_sniff(self->file, self->options, &self->found, &self->err) < 0)
        self->found = NULL;
    sheaf_trace_add(row, begun,
                    &(sheaf_trace_event){.name = "sniff",
                                         .file = self->file->path,
                                         .first_byte = 0,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = self->found ? self->found->records : 0});
    *result = self;
    return SHEAF_OK;
}

static sheaf_status next_look(void *source, void **argument, sheaf_error *err)
{
    (void)err;
    looks *all = source;
    if (all->next == all->n || signals_came())
        return SHEAF_END;
    *argument = &all->items[all->next++];
    return SHEAF_OK;
}

/* ---- in words ---- */

/* A character of a dialect as an option takes it. */
static const char *character(int value, char text[8])
{
    if (value == SHEAF_NONE)
        return "none";
    if (value == '\t')
        return "tab";
    bool is_shown = value >= ' ' && value < 0x7F;
    snprintf(text, 8, value == '\'' ? "\"%c\"" : is_shown ? "'%c'" : "'\\x%02x'", value);
    return text;
}

static void print_dialect(const sheaf_dialect *d, FILE *out)
{
    char text[8];
    fprintf(out, "--delim %s", character(d->delimiter, text));
    fprintf(out, " --quote %s", character(d->quote, text));
    fprintf(out, " --escape %s", d->escape > 0 ? character(d->escape, text) : "doubled");
    fprintf(out, " --comment %s", character(d->comment, text));
    fprintf(out, " --padding %s --skip %" PRId64 " --header %s", d->padding > 0 ? "yes" : "no",
            d->skip_lines > 0 ? d->skip_lines : 0, d->header > 0 ? "yes" : "no");
}

static void print_columns(const sheaf_sniffed *found, bool all, FILE *out)
{
    fprintf(out, "  columns  %zu", found->n_columns);
    for (size_t i = 0; i < found->n_columns; i++) {
        char name[200];
        const sheaf_column *column = &found->columns[i];
        if (!all && i == COLUMNS_SHOWN_MAX) {
            fputs(", ...", out);
            break;
        }
        sheaf_text_escape(column->name, column->n_name, name, sizeof name);
        fprintf(out, "%s %s %s", i > 0 ? "," : ":", name, sheaf_type_name(column->type));
    }
    fputc('\n', out);
}

static void print_text(const look *self, bool all, FILE *out)
{
    const sheaf_sniffed *found = self->found;
    char path[4096];
    char text[8];
    sheaf_text_escape(self->file->path, strlen(self->file->path), path, sizeof path);
    fprintf(out, "%s\n  dialect  ", path);
    print_dialect(&found->dialect, out);
    fprintf(out, "\n  text     --encoding %s%s%s%s%s%s\n", found->encoding,
            found->bom ? ", byte order mark" : "", found->line_ends ? ", lines end with " : "",
            found->line_ends ? found->line_ends : "", found->compression ? ", " : "",
            found->compression ? found->compression : "");
    print_columns(found, all, out);
    fprintf(out, "  sure     %.2f", found->confidence);
    if (found->next.delimiter)
        fprintf(out, ", next is --delim %s --quote %s", character(found->next.delimiter, text),
                found->next.quote == '\'' ? "\"'\""
                : found->next.quote > 0   ? "'\"'"
                                          : "none");
    if (found->rejected > 0)
        fprintf(out, "; of the first %" PRIu64 " records %" PRIu64 " do not fit", found->records,
                found->rejected);
    fputc('\n', out);
}

/* ---- as JSON ---- */

static void print_json_character(FILE *out, const char *name, int value)
{
    char byte = (char)value;
    if (value > 0)
        json_put(out, name, &byte, 1);
    else
        fprintf(out, "\"%s\":null", name);
}

static void print_json_dialect(const sheaf_dialect *d, FILE *out)
{
    fputc('{', out);
    print_json_character(out, "delimiter", d->delimiter);
    fputc(',', out);
    print_json_character(out, "quote", d->quote);
    fputc(',', out);
    print_json_character(out, "escape", d->escape);
    fputc(',', out);
    print_json_character(out, "comment", d->comment);
    fprintf(out, ",\"padding\":%s,\"skip_lines\":%" PRId64 ",\"header\":%s}",
            d->padding > 0 ? "true" : "false", d->skip_lines > 0 ? d->skip_lines : 0,
            d->header > 0 ? "true" : "false");
}

static void print_json_or_null(FILE *out, const char *name, const char *text)
{
    if (text)
        json_put(out, name, text, strlen(text));
    else
        fprintf(out, "\"%s\":null", name);
}

static void print_json(const look *self, FILE *out)
{
    const sheaf_sniffed *found = self->found;
    json_put(out, "path", self->file->path, strlen(self->file->path));
    if (!found) {
        fputc(',', out);
        json_put(out, "error", self->err.message, strlen(self->err.message));
        return;
    }
    fputs(",\"dialect\":", out);
    print_json_dialect(&found->dialect, out);
    fprintf(out, ",\"confidence\":%.3f,\"next\":", found->confidence);
    if (found->next.delimiter)
        print_json_dialect(&found->next, out);
    else
        fputs("null", out);
    fputc(',', out);
    print_json_or_null(out, "encoding", found->encoding);
    fputc(',', out);
    print_json_or_null(out, "compression", found->compression);
    fputc(',', out);
    print_json_or_null(out, "line_ends", found->line_ends);
    fprintf(out, ",\"bom\":%s,\"records\":%" PRIu64 ",\"rejected\":%" PRIu64 ",\"columns\":[",
            found->bom ? "true" : "false", found->records, found->rejected);
    for (size_t i = 0; i < found->n_columns; i++) {
        fputs(i > 0 ? ",{" : "{", out);
        json_put(out, "name", found->columns[i].name, found->columns[i].n_name);
        fprintf(out, ",\"type\":\"%s\"}", sheaf_type_name(found->columns[i].type));
    }
    fputc(']', out);
}

/* ---- all files ---- */

/* Give out one file's. False: it could not be sniffed. */
static bool tell(const arguments *args, const look *self, bool is_first)
{
    if (args->json) {
        fputs(is_first ? "[{" : ",\n{", stdout);
        print_json(self, stdout);
        fputc('}', stdout);
    } else if (self->found) {
        print_text(self, args->verbose, stdout);
    }
    if (!self->found)
        report_error(&self->err);
    return self->found != NULL;
}

static int sniff_all(const arguments *args, looks *all, sheaf_executor *executor)
{
    sheaf_error err;
    sheaf_map *map;
    void *result;
    size_t n_bad = 0;
    bool lacked = false; /* something that is no file's fault */
    sheaf_map_options options = {.size = sizeof options,
                                 .run = sniff_task,
                                 .next = next_look,
                                 .source = all,
                                 .buffersize = 64};
    sheaf_status status = sheaf_map_open(executor, &options, &map, &err);
    if (status < 0) {
        report_error(&err);
        return EXIT_FAULT;
    }
    for (size_t i = 0; (status = sheaf_map_next(map, &result, &err)) == SHEAF_OK; i++) {
        look *self = result;
        n_bad += !tell(args, self, i == 0);
        lacked |= !self->found &&
                  (self->err.status == SHEAF_ENOMEM || self->err.status == SHEAF_ERESOURCE);
        sheaf_sniffed_destroy(self->found);
        self->found = NULL;
    }
    sheaf_map_close(map);
    if (args->json)
        fputs(all->n > 0 ? "]\n" : "[]\n", stdout);
    if (status < 0 && status != SHEAF_END)
        report_error(&err);
    if (signals_came())
        return EXIT_INTERRUPTED;
    bool failed = (status < 0 && status != SHEAF_END) || (n_bad > 0 && n_bad == all->n) || lacked;
    return failed ? EXIT_FAULT : n_bad > 0 ? EXIT_PARTLY : EXIT_CLEAN;
}

/* Without a trace an interrupt just ends the program: there is nothing to be put in order. */
int sniff_run(const arguments *args, const sheaf_files *files, sheaf_trace *trace)
{
    sheaf_error err;
    sheaf_executor *executor;
    looks all = {.n = sheaf_files_count(files)};
    all.items = calloc(all.n + 1, sizeof *all.items);
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = args->ingest.workers,
                                      .thread_name_prefix = "sheaf",
                                      .trace = trace};
    if (trace)
        signals_cancel(NULL);
    if (!all.items) {
        fputs("error: no memory for so many files\n", stderr);
        return EXIT_FAULT;
    }
    if (sheaf_executor_create(&options, &executor, &err) < 0) {
        report_error(&err);
        free(all.items);
        return EXIT_FAULT;
    }
    for (size_t i = 0; i < all.n; i++)
        all.items[i] = (look){.file = sheaf_files_at(files, i), .options = &args->ingest};
    int code = sniff_all(args, &all, executor);
    sheaf_executor_destroy(executor);
    for (size_t i = 0; i < all.n; i++) /* which nobody was told of, if that ended early */
        sheaf_sniffed_destroy(all.items[i].found);
    free(all.items);
    return code;
}
