/*
 * `sheaf show FILE:LINE`: one record, raw, with the parse laid under it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/cli/cli.h"

/* ---- which one ---- */

typedef struct place {
    char *path;
    uint64_t at;
} place;

/* Cut ":123" from the end of a text. False: there is none. */
static bool cut_number(char *text, uint64_t *number)
{
    char *colon = strrchr(text, ':');
    char *end;
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    errno = 0;
    *number = strtoull(colon + 1, &end, 10);
    if (errno || *end)
        return false;
    *colon = '\0';
    return true;
}

static bool is_there(const char *path)
{
    struct stat st;
    return strcmp(path, "-") == 0 || stat(path, &st) == 0;
}

/*
 * "FILE:LINE", or "FILE:LINE:COLUMN" as `check` prints it. Colons in the file's name are no harm:
 * the longest one that is there is taken.
 */
static bool parse_place(char *text, place *made)
{
    uint64_t column;
    made->path = text;
    if (!cut_number(text, &made->at))
        return false;
    if (is_there(text))
        return true;
    column = made->at;
    if (cut_number(text, &made->at)) {
        if (is_there(text))
            return true;
        text[strlen(text)] = ':'; /* it was the line after all: the error names that file */
        made->at = column;
    }
    return true;
}

/* ---- for people ---- */

/* The length of a line of the record without its end, and *next: where the next one begins. */
static size_t line_of(const sheaf_record *record, size_t begin, size_t *next)
{
    size_t end = begin;
    while (end < record->n_raw && record->raw[end] != '\n' && record->raw[end] != '\r')
        end++;
    *next = end + 1;
    if (end + 1 < record->n_raw && record->raw[end] == '\r' && record->raw[end + 1] == '\n')
        ++*next;
    return end - begin;
}

static void put_caret(const sheaf_record *record, int number_width, size_t line_begin)
{
    int indent = text_width(record->raw + line_begin, record->fault_at - line_begin);
    printf("%*s | %*s^ %s [%s]\n", number_width, "", indent, "", record->fault->message,
           record->code);
}

static void put_raw(const sheaf_record *record)
{
    uint64_t last = record->line;
    size_t next;
    for (size_t at = 0; line_of(record, at, &next) + at < record->n_raw; at = next)
        last++;
    int width = snprintf(NULL, 0, "%" PRIu64, last) + 2;
    uint64_t line = record->line;
    for (size_t at = 0;; at = next, line++) {
        size_t n = line_of(record, at, &next);
        printf("%*" PRIu64 " | ", width, line);
        text_put(stdout, record->raw + at, n);
        putchar('\n');
        bool is_last = at + n >= record->n_raw;
        if (record->fault && record->fault_at >= at && (record->fault_at < next || is_last))
            put_caret(record, width, at);
        if (is_last)
            break;
    }
}

static void put_field(const sheaf_record *record, size_t i, int name_width, int range_width)
{
    const sheaf_record_field *field = &record->fields[i];
    char range[48];
    snprintf(range, sizeof range, "%zu-%zu", field->begin, field->end);
    printf("%5zu  %-*s  %-6s  ", i + 1, range_width, range, field->quoted ? "yes" : "no");
    if (field->name)
        text_put(stdout, field->name, field->n_name);
    else
        putchar('-');
    int used = field->name ? text_width(field->name, field->n_name) : 1;
    printf("%*s  ", name_width > used ? name_width - used : 0, "");
    if (field->value) {
        putchar('"');
        text_put(stdout, field->value, field->n_value);
        putchar('"');
    } else {
        fputs("null", stdout);
    }
    putchar('\n');
}

static void put_head(const char *path, const sheaf_record *record)
{
    text_put(stdout, path, strlen(path));
    printf(":%" PRIu64 ": ", record->line);
    if (record->is_blank)
        fputs("no record: a blank line, a comment, or before the table", stdout);
    else if (record->is_header)
        fputs("the header", stdout);
    else
        printf("record %" PRIu64, record->number);
    if (!record->is_blank)
        printf(", %zu %s from byte %" PRIu64 ", %zu %s", record->n_raw,
               plural(record->n_raw, "byte", "bytes"), record->offset_bytes, record->n_fields,
               plural(record->n_fields, "field", "fields"));
    if (record->compression)
        printf(", decompressed from %s", record->compression);
    if (record->encoding)
        printf(", decoded from %s", record->encoding);
    putchar('\n');
}

static void show_text(const char *path, const sheaf_record *record)
{
    put_head(path, record);
    if (record->is_blank)
        return;
    int name_width = 4;
    char range[48];
    for (size_t i = 0; i < record->n_fields; i++) {
        int width = text_width(record->fields[i].name, record->fields[i].n_name);
        name_width = width > name_width ? width : name_width;
    }
    int range_width = snprintf(range, sizeof range, "%zu-%zu", record->n_raw, record->n_raw);
    range_width = range_width > 5 ? range_width : 5;
    put_raw(record);
    printf("field  %-*s  quoted  %-*s  value\n", range_width, "bytes", name_width, "name");
    for (size_t i = 0; i < record->n_fields; i++)
        put_field(record, i, name_width, range_width);
}

/* ---- as JSON ---- */

static void put_json_field(const sheaf_record_field *field)
{
    printf("{\"begin\":%zu,\"end\":%zu,\"quoted\":%s,", field->begin, field->end,
           field->quoted ? "true" : "false");
    if (field->name) {
        json_put(stdout, "name", field->name, field->n_name);
        putchar(',');
    }
    if (field->value)
        json_put(stdout, "value", field->value, field->n_value);
    else
        fputs("\"value\":null", stdout);
    putchar('}');
}

static void put_json_fault(const sheaf_record *record)
{
    const sheaf_error *fault = record->fault;
    printf(",\"fault\":{\"code\":\"%s\",\"at\":%zu,\"line\":%" PRIu64 ",\"column\":%" PRIu64
           ",\"field\":%" PRIu64 ",",
           record->code, record->fault_at, fault->line, fault->line_byte, fault->field);
    print_json_text(stdout, "message", fault->message);
    putchar('}');
}

static void show_json(const char *path, const sheaf_record *record)
{
    putchar('{');
    print_json_text(stdout, "file", path);
    printf(",\"kind\":\"%s\",\"line\":%" PRIu64,
           record->is_blank    ? "blank"
           : record->is_header ? "header"
                               : "record",
           record->line);
    if (record->compression)
        printf(",\"compression\":\"%s\"", record->compression);
    if (record->encoding) {
        putchar(',');
        print_json_text(stdout, "encoding", record->encoding);
    }
    if (!record->is_blank) {
        printf(",\"record\":%" PRIu64 ",\"byte\":%" PRIu64 ",\"columns\":%zu,", record->number,
               record->offset_bytes, record->n_columns);
        json_put(stdout, "raw", record->raw, record->n_raw);
        fputs(",\"fields\":[", stdout);
        for (size_t i = 0; i < record->n_fields; i++) {
            if (i > 0)
                putchar(',');
            put_json_field(&record->fields[i]);
        }
        putchar(']');
    }
    if (record->fault)
        put_json_fault(record);
    puts("}");
}

/* ---- all of them ---- */

static int show_one(const arguments *args, sheaf_record_by by, const place *wanted, bool is_first)
{
    sheaf_files *files = NULL;
    sheaf_record *record = NULL;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover((const char *const *)&wanted->path, 1, NULL, &files,
                                               &err);
    if (status == SHEAF_OK && sheaf_files_count(files) != 1)
        status = sheaf_error_set(&err, SHEAF_EINVAL, "show takes one file at a time, not %zu",
                                 sheaf_files_count(files));
    if (status == SHEAF_OK)
        status = sheaf_record_at(files, 0, &args->ingest, by, wanted->at, &record, &err);
    if (status == SHEAF_OK) {
        const char *path = sheaf_files_at(files, 0)->path;
        if (!args->json && !is_first)
            putchar('\n');
        if (args->json)
            show_json(path, record);
        else
            show_text(path, record);
    } else {
        report_error(&err);
    }
    sheaf_record_release(record);
    sheaf_files_release(files);
    return status == SHEAF_OK ? EXIT_CLEAN : status == SHEAF_EINVAL ? EXIT_USAGE : EXIT_FAULT;
}

int show(const arguments *args)
{
    int code = EXIT_CLEAN;
    for (size_t i = 0; i < args->n_sources && !ferror(stdout); i++) {
        place wanted = {.at = args->show_at};
        char *text = strdup(args->sources[i]);
        sheaf_record_by by = args->show_by;
        if (!text) {
            fputs("error: no memory for a path\n", stderr);
            return EXIT_FAULT;
        }
        wanted.path = text;
        if (!args->has_place && (!parse_place(text, &wanted) || wanted.at == 0)) {
            char shown[256];
            sheaf_text_escape(args->sources[i], strlen(args->sources[i]), shown, sizeof shown);
            fprintf(stderr,
                    "error: show takes FILE:LINE, with lines from 1, not '%s'\n"
                    "  help: sheaf show trips.csv:39, or sheaf show trips.csv --line 39\n",
                    shown);
            free(text);
            return EXIT_USAGE;
        }
        int one = show_one(args, by, &wanted, i == 0);
        code = code == EXIT_CLEAN ? one : code;
        free(text);
    }
    return code;
}
