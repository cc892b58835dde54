/*
 * `sheaf check`: every fault on stdout, as it is found, in the form that editors know from
 * compilers:
 *
 *     broken.csv:3:2: error: record 2 has 1 field, the header has 2 [short]
 *
 * or as one JSON object a line. The summary goes to stderr.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

/* What is wrong with a whole file, or with the rest of it, in a word. */
static const char *code_of(sheaf_status status)
{
    switch (status) {
    case SHEAF_ENOENT:
        return "missing";
    case SHEAF_ESHAPE:
        return "shape";
    case SHEAF_EQUOTE:
        return "quote";
    case SHEAF_EENCODING:
        return "encoding";
    case SHEAF_ELIMIT:
        return "limit";
    case SHEAF_ECOMPRESSED:
        return "compressed";
    case SHEAF_ECHANGED:
        return "changed";
    case SHEAF_ETYPE:
        return "type";
    case SHEAF_EWORKER:
        return "worker";
    default:
        return "unreadable";
    }
}

/* The line that is meant, and a caret below it: what sheaf_error_format() has behind the place. */
static void put_excerpt(const sheaf_error *err)
{
    char text[4096];
    sheaf_error shown = *err;
    shown.hint[0] = '\0'; /* it speaks of loads */
    sheaf_error_format(&shown, text, sizeof text);
    const char *place = strchr(text, '\n');
    const char *excerpt = place ? strchr(place + 1, '\n') : NULL;
    if (excerpt)
        fputs(excerpt + 1, stdout);
}

static void put_text(const reporter *self, const sheaf_file *file, const sheaf_error *err,
                     const char *code)
{
    text_put(stdout, file->path, strlen(file->path));
    if (err->line > 0)
        printf(":%" PRIu64, err->line);
    if (err->line > 0 && err->line_byte > 0)
        printf(":%" PRIu64, err->line_byte);
    printf(": error: %s", err->message);
    if (err->line == 0 && err->offset_bytes != SHEAF_UNKNOWN)
        printf(", at byte %" PRIu64, err->offset_bytes);
    printf(" [%s]\n", code);
    if (self->args->verbose)
        put_excerpt(err);
}

static void put_number(const char *name, uint64_t number, uint64_t unknown)
{
    if (number != unknown)
        printf(",\"%s\":%" PRIu64, name, number);
}

static void put_json(const sheaf_file *file, const sheaf_error *err, const char *code, bool of_file)
{
    putchar('{');
    print_json_text(stdout, "file", file->path);
    put_number("line", err->line, 0);
    put_number("column", err->line_byte, 0);
    put_number("byte", err->offset_bytes, SHEAF_UNKNOWN);
    put_number("record", err->record, 0);
    put_number("field", err->field, 0);
    if (err->column[0]) {
        putchar(',');
        print_json_text(stdout, "name", err->column);
    }
    printf(",\"code\":\"%s\",\"of\":\"%s\",", code, of_file ? "file" : "record");
    print_json_text(stdout, "message", err->message);
    puts("}");
}

static void put(reporter *self, const sheaf_file *file, const sheaf_error *err, const char *code,
                bool of_file)
{
    if (self->args->quiet)
        return;
    progress_hide();
    if (self->args->json)
        put_json(file, err, code, of_file);
    else
        put_text(self, file, err, code);
    if (ferror(stdout) && !self->output_errno) { /* nobody hears of the next ones */
        self->output_errno = errno;
        sheaf_ingest_cancel(self->ingest);
    }
    progress_show();
}

void check_on_file(void *context, const sheaf_file_report *report)
{
    reporter *self = context;
    self->is_bare_below |= report->records == 0 && report->preamble_lines > 0;
    if (!report->skipped)
        return;
    const char *code = code_of(report->error->status);
    count_fault(self->file_faults, &self->n_file_faults, code, report->file);
    put(self, report->file, report->error, code, true);
}

void check_on_reject(void *context, const sheaf_reject *reject)
{
    reporter *self = context;
    count_fault(self->faults, &self->n_faults, reject->code, reject->file);
    put(self, reject->file, reject->error, reject->code, false);
}
