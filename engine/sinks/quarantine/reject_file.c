/* What a file's records are read with, as JSON: see reject_file.h. */
#include "engine/sinks/quarantine/reject_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

/* A text, or null. False: no memory. */
static bool put_text(FILE *out, const char *bytes, size_t n_bytes)
{
    if (!bytes)
        return fputs("null", out) >= 0;
    size_t n = sheaf_text_json(bytes, n_bytes, NULL, 0);
    char *text = malloc(n + 1);
    if (!text)
        return false;
    sheaf_text_json(bytes, n_bytes, text, n + 1);
    fprintf(out, "\"%s\"", text);
    free(text);
    return true;
}

/* The name of a column: as the table has it, or as the destination does. */
static bool put_name(FILE *out, sheaf__text name, const char *own)
{
    return name.bytes && own ? put_text(out, own, strlen(own))
                             : put_text(out, name.bytes, name.n_bytes);
}

static bool put_character(FILE *out, const char *name, int character)
{
    char byte = (char)character;
    fprintf(out, "\"%s\":", name);
    return put_text(out, character > 0 ? &byte : NULL, 1) && fputc(',', out) != EOF;
}

static bool put_dialect(FILE *out, const sheaf_dialect *dialect)
{
    fputs(",\"dialect\":{", out);
    return put_character(out, "delimiter", dialect->delimiter) &&
           put_character(out, "quote", dialect->quote) &&
           put_character(out, "escape", dialect->escape) &&
           put_character(out, "comment", dialect->comment) &&
           fprintf(out, "\"padding\":%s}", dialect->padding > 0 ? "true" : "false") > 0;
}

static bool put_columns(FILE *out, const sheaf__reject_file *file, const char *const *names)
{
    bool good = true;
    for (size_t i = 0; i < file->n_columns && good; i++) {
        fputs(i > 0 ? "," : ",\"columns\":[", out);
        good = put_name(out, file->columns[i],
                        names && file->columns[i].bytes ? names[file->places[i]] : NULL);
    }
    fputc(']', out);
    return good;
}

static void put_places(FILE *out, const sheaf__reject_file *file)
{
    for (size_t i = 0; i < file->n_columns; i++) {
        fputs(i > 0 ? "," : ",\"places\":[", out);
        if (file->columns[i].bytes)
            fprintf(out, "%" PRIu32, file->places[i]);
        else
            fputs("null", out);
    }
    fputc(']', out);
}

static bool put_nulls(FILE *out, const sheaf__reject_file *file)
{
    bool good = true;
    fputs(",\"nulls\":[", out);
    for (size_t i = 0; i < file->n_nulls && good; i++) {
        fputs(i > 0 ? "," : "", out);
        good = put_text(out, file->nulls[i], strlen(file->nulls[i]));
    }
    fputc(']', out);
    return good;
}

static bool put_added(FILE *out, const sheaf__reject_file *file, const char *const *names)
{
    bool good = true;
    fputs(",\"origins\":[", out);
    for (size_t i = 0; i < file->n_added; i++)
        fprintf(out, "%s\"%s\"", i > 0 ? "," : "", sheaf__origin_name(file->origins[i]));
    fputs("],\"added\":[", out);
    for (size_t i = 0; i < file->n_added && good; i++) {
        fputs(i > 0 ? "," : "", out);
        good = put_name(out, file->added[i], names ? names[file->added_places[i]] : NULL);
    }
    fprintf(out, "],\"record_bytes_max\":%zu}", file->record_bytes_max);
    return good;
}

const char *sheaf__origin_name(sheaf_origin origin)
{
    static const char *const names[SHEAF_ORIGINS] = {
        [SHEAF_ORIGIN_FILE] = "file", [SHEAF_ORIGIN_LINE] = "line", [SHEAF_ORIGIN_ROW] = "row"};
    return names[origin];
}

char *sheaf__reject_file_json(const sheaf__reject_file *file, const char *const *names)
{
    char *json = NULL;
    size_t n;
    FILE *out = open_memstream(&json, &n);
    if (!out)
        return NULL;
    fprintf(out, "{\"quarantine\":%d,\"file\":", SHEAF__QUARANTINE_FORMAT);
    bool good = put_text(out, file->path, strlen(file->path));
    fprintf(out, ",\"header\":%s", file->dialect.header > 0 ? "true" : "false");
    good = good && put_columns(out, file, names);
    put_places(out, file);
    good = good && put_dialect(out, &file->dialect) && put_nulls(out, file) &&
           put_added(out, file, names) && !ferror(out);
    if (fclose(out) == 0 && good)
        return json;
    free(json);
    return NULL;
}
