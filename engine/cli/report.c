/*
 * What the program says: errors and files left out on stderr, counts and the summary on stdout.
 *
 * Everything that comes from outside passes sheaf_text_escape() or sheaf_text_json().
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

enum { SKIPPED_SHOWN_MAX = 10 };

/* ---- numbers ---- */

const char *format_count(uint64_t count, char *text, size_t size)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, count);
    size_t used = 0;
    for (int i = 0; i < n && used + 2 < size; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

const char *format_bytes(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(text, size, unit > 0 && value < 9.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return text;
}

count_text count_of(uint64_t count)
{
    count_text made;
    format_count(count, made.text, sizeof made.text);
    return made;
}

const char *plural(uint64_t n, const char *one, const char *many)
{
    return n == 1 ? one : many;
}

/* ---- errors ---- */

void report_error(const sheaf_error *err)
{
    char text[4096];
    sheaf_error_format(err, text, sizeof text);
    progress_hide();
    fputs(text, stderr);
    progress_show();
}

static void report_skipped(reporter *self, const sheaf_file_report *report)
{
    self->n_skipped++;
    if (self->args->quiet || (!self->args->verbose && self->n_skipped > SKIPPED_SHOWN_MAX))
        return;
    self->n_skipped_shown++;
    char text[4096];
    sheaf_error_format(report->error, text, sizeof text);
    static const char prefix[] = "error: "; /* which the library begins with */
    progress_hide();
    fprintf(stderr, "skipped: %s", text + strlen(prefix));
    progress_show();
}

static void report_repaired(const sheaf_file_report *report)
{
    const sheaf_repairs *repairs = &report->repairs;
    char path[4096];
    sheaf_text_escape(report->file->path, strlen(report->file->path), path, sizeof path);
    progress_hide();
    fprintf(stderr, "repaired: %s: %s %s (%s padded, %s trimmed, %s with an open quote)\n", path,
            count_of(repairs->records).text, plural(repairs->records, "record", "records"),
            count_of(repairs->padded).text, count_of(repairs->trimmed).text,
            count_of(repairs->unquoted).text);
    progress_show();
}

void report_on_file(void *context, const sheaf_file_report *report)
{
    reporter *self = context;
    if (self->reports) {
        self->reports[report->index] = *report;
        self->reports[report->index].error = NULL;
        self->n_reports = report->index + 1;
    }
    faults_settle(self, report->rejected > 0);
    self->is_bare_below |= report->records == 0 && report->preamble_lines > 0;
    if (report->skipped)
        report_skipped(self, report);
    if (report->repairs.records > 0 && self->args->verbose)
        report_repaired(report);
}

/* ---- the summary ---- */

/* A note, if there is something to note: "39 BOMs dropped". The first one begins the line. */
static void note(FILE *out, bool *any, uint64_t count, const char *one, const char *many)
{
    if (count == 0)
        return;
    fprintf(out, "%s%s %s", *any ? ", " : "notes   ", count_of(count).text,
            plural(count, one, many));
    *any = true;
}

/* "3 columns of 12 files left out" */
static void note_left_out(FILE *out, bool *any, const sheaf_summary *sum)
{
    char files[64];
    const char *what = plural(sum->columns_left_out, "column", "columns");
    snprintf(files, sizeof files, "%s of %s %s left out", what, count_of(sum->files_cut).text,
             plural(sum->files_cut, "file", "files"));
    note(out, any, sum->columns_left_out, files, files);
}

/* Files of which nothing but a header was found: if nobody said that it is one, it may be a row. */
static void note_bare(FILE *out, bool *any, const reporter *self, const sheaf_summary *sum)
{
    char one[96];
    char many[96];
    const char *skip = self->is_bare_below && self->args->ingest.dialect.skip_lines == 0
                           ? "--skip 0 "
                           : "";
    char advice[64] = "";
    if (self->args->ingest.dialect.header == 0)
        snprintf(advice, sizeof advice, " (%s--header no reads rows)", skip);
    snprintf(one, sizeof one, "file with a header and no records%s", advice);
    snprintf(many, sizeof many, "files with a header and no records%s", advice);
    note(out, any, sum->files_bare, one, many);
}

static void print_notes(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    sheaf_discover_counts passed = sheaf_files_passed_over(self->files);
    bool any = false;
    note(out, &any, sum->rejected, "record set aside", "records set aside");
    note(out, &any, sum->repairs.padded, "short record padded", "short records padded");
    note(out, &any, sum->repairs.trimmed, "long record trimmed", "long records trimmed");
    note(out, &any, sum->repairs.unquoted, "open quote taken as text", "open quotes taken as text");
    note(out, &any, sum->files_skipped, "file skipped", "files skipped");
    note(out, &any, sum->files_unchanged, "file was there already", "files were there already");
    note(out, &any, sum->rows_replaced, "row of a changed file replaced",
         "rows of changed files replaced");
    note(out, &any, sum->files_gone, "file is no more, its rows stay",
         "files are no more, their rows stay");
    note(out, &any, sum->files_empty, "empty file", "empty files");
    note_bare(out, &any, self, sum);
    note(out, &any, sum->files_headerless, "file without a header", "files without a header");
    note(out, &any, sum->files_other_dialect, "file of another dialect", "files of other dialects");
    note(out, &any, sum->preamble_lines, "line before a table skipped",
         "lines before tables skipped");
    note(out, &any, sum->comment_lines, "comment skipped", "comments skipped");
    note(out, &any, sum->files_compressed, "file decompressed", "files decompressed");
    note(out, &any, sum->files_decoded, "file decoded", "files decoded");
    note(out, &any, sum->boms, "BOM dropped", "BOMs dropped");
    note(out, &any, sum->blank_lines, "blank line skipped", "blank lines skipped");
    note(out, &any, sum->files_lone_cr, "file with lone CR line ends",
         "files with lone CR line ends");
    note(out, &any, sum->columns_renamed, "column renamed for the database",
         "columns renamed for the database");
    note_left_out(out, &any, sum);
    note(out, &any, sum->starts_over, "start over: a file was not as its samples", "");
    note(out, &any, passed.other, "file of another ending passed over",
         "files of other endings passed over");
    note(out, &any, passed.hidden, "hidden name passed over", "hidden names passed over");
    note(out, &any, passed.special, "FIFO or device passed over", "FIFOs and devices passed over");
    if (any)
        fputc('\n', out);
}

/* "digest  0c3c1a0f5bd4e8a2", if it was asked for. */
void report_digest(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    if (self->args->ingest.digest)
        fprintf(out, "digest  %016" PRIx64 "\n", sum->digest);
}

static void print_json_digest(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    if (self->args->ingest.digest)
        fprintf(out, ",\"digest\":\"%016" PRIx64 "\"", sum->digest);
}

/* "0.008 s, 25 MB/s, 2 workers" */
static void print_speed(const sheaf_summary *sum, FILE *out)
{
    char rate[32];
    double seconds = sum->seconds > 1e-6 ? sum->seconds : 1e-6;
    fprintf(out, "%.*f s, %s/s, %d %s\n",
            sum->seconds < 0.1 ? 3
            : sum->seconds < 1 ? 2
                               : 1,
            sum->seconds,
            format_bytes((uint64_t)((double)sum->read_bytes / seconds), rate, sizeof rate),
            sum->workers, plural(sum->workers, "worker", "workers"));
}

static void print_summary_text(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    char bytes[32];
    fprintf(out, "%s %s, %s -> %s   %s %s, %s %s   ", count_of(sum->files).text,
            plural(sum->files, "file", "files"), format_bytes(sum->read_bytes, bytes, sizeof bytes),
            sum->destination, count_of(sum->loaded).text, plural(sum->loaded, "row", "rows"),
            count_of(sum->columns).text, plural(sum->columns, "column", "columns"));
    print_speed(sum, out);
    fprintf(out, "records %s = %s loaded + %s rejected + %s skipped\n", count_of(sum->records).text,
            count_of(sum->loaded).text, count_of(sum->rejected).text, count_of(sum->skipped).text);
    report_digest(self, sum, out);
    print_notes(self, sum, out);
}

void json_put(FILE *out, const char *name, const char *bytes, size_t length)
{
    fprintf(out, "\"%s\":\"", name);
    text_put_json(out, bytes, length);
    fputc('"', out);
}

void print_json_text(FILE *out, const char *name, const char *bytes)
{
    json_put(out, name, bytes, strlen(bytes));
}

static void print_summary_json(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    sheaf_discover_counts passed = sheaf_files_passed_over(self->files);
    const struct {
        const char *name;
        uint64_t value;
    } counts[] = {
        {"files", sum->files},
        {"files_skipped", sum->files_skipped},
        {"files_unchanged", sum->files_unchanged},
        {"files_replaced", sum->files_replaced},
        {"rows_replaced", sum->rows_replaced},
        {"files_gone", sum->files_gone},
        {"files_committed", sum->files_committed},
        {"files_empty", sum->files_empty},
        {"files_bare", sum->files_bare},
        {"files_compressed", sum->files_compressed},
        {"files_decoded", sum->files_decoded},
        {"files_lone_cr", sum->files_lone_cr},
        {"files_other_dialect", sum->files_other_dialect},
        {"files_headerless", sum->files_headerless},
        {"read_bytes", sum->read_bytes},
        {"text_bytes", sum->text_bytes},
        {"records", sum->records},
        {"loaded", sum->loaded},
        {"rejected", sum->rejected},
        {"skipped", sum->skipped},
        {"repaired", sum->repairs.records},
        {"padded", sum->repairs.padded},
        {"trimmed", sum->repairs.trimmed},
        {"unquoted", sum->repairs.unquoted},
        {"blank_lines", sum->blank_lines},
        {"boms", sum->boms},
        {"comment_lines", sum->comment_lines},
        {"preamble_lines", sum->preamble_lines},
        {"columns", sum->columns},
        {"ranges", sum->ranges},
        {"ranges_reread", sum->ranges_reread},
        {"starts_over", sum->starts_over},
        {"columns_renamed", sum->columns_renamed},
        {"columns_left_out", sum->columns_left_out},
        {"files_cut", sum->files_cut},
        {"passed_over_other", passed.other},
        {"passed_over_hidden", passed.hidden},
        {"passed_over_special", passed.special},
        {"workers", (uint64_t)sum->workers},
    };
    fputc('{', out);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++)
        fprintf(out, "\"%s\":%" PRIu64 ",", counts[i].name, counts[i].value);
    fprintf(out, "\"seconds\":%.6f,", sum->seconds);
    char destination[4200]; /* a path may be so long; a URI is shown without its password */
    sheaf_destination_show(self->args->ingest.destination, destination, sizeof destination);
    print_json_text(out, "destination", destination);
    print_json_digest(self, sum, out);
    fputs("}\n", out);
}

void report_summary(const reporter *self, const sheaf_summary *summary, FILE *out)
{
    report_folded(self);
    if (self->args->quiet && !self->args->json)
        report_digest(self, summary, out);
    else if (self->args->json)
        print_summary_json(self, summary, out);
    else
        print_summary_text(self, summary, out);
}

/* ---- faults ---- */

/* "3 records (2 short, 1 quote)", if there are any. */
static void print_kinds(const kind_of_fault *kinds, size_t n_kinds, const char *one,
                        const char *many, const char *before, FILE *out)
{
    uint64_t n = 0;
    for (size_t i = 0; i < n_kinds; i++)
        n += kinds[i].n;
    if (n == 0)
        return;
    fprintf(out, "%s%s %s (", before, count_of(n).text, plural(n, one, many));
    for (size_t i = 0; i < n_kinds; i++)
        fprintf(out, "%s%s %s", i > 0 ? ", " : "", count_of(kinds[i].n).text, kinds[i].code);
    fputc(')', out);
}

static void print_faults(const reporter *self, FILE *out)
{
    bool any = self->n_faults > 0;
    fprintf(out, "faults  %s", any || self->n_file_faults > 0 ? "" : "none");
    print_kinds(self->faults, self->n_faults, "record", "records", "", out);
    print_kinds(self->file_faults, self->n_file_faults, "file that cannot be read to its end",
                "files that cannot be read to their end", any ? ", " : "", out);
    fputc('\n', out);
}

void report_check(const reporter *self, const sheaf_summary *summary, FILE *out)
{
    char bytes[32];
    sheaf_summary rest = *summary;
    rest.rejected = rest.files_skipped = 0; /* told as faults */
    if (self->args->json) {
        print_summary_json(self, summary, out);
        return;
    }
    if (!self->args->quiet) {
        fprintf(out, "%s %s, %s   %s %s, %s %s   ", count_of(summary->files).text,
                plural(summary->files, "file", "files"),
                format_bytes(summary->read_bytes, bytes, sizeof bytes),
                count_of(summary->records).text, plural(summary->records, "record", "records"),
                count_of(summary->columns).text, plural(summary->columns, "column", "columns"));
        print_speed(summary, out);
    }
    if (!self->args->quiet || self->n_faults > 0 || self->n_file_faults > 0)
        print_faults(self, out);
    report_digest(self, summary, out);
    if (!self->args->quiet)
        print_notes(self, &rest, out);
}

void report_left_out(const reporter *self, const sheaf_summary *summary)
{
    bool any = false;
    if (self->args->quiet || summary->columns_left_out == 0)
        return;
    note_left_out(stderr, &any, summary);
    fputc('\n', stderr);
}

/* ---- counts ---- */

static void print_counts_text(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    int width = snprintf(NULL, 0, "%" PRIu64, sum->records);
    for (size_t i = 0; i < self->n_reports; i++) {
        const sheaf_file_report *report = &self->reports[i];
        char path[4096];
        sheaf_text_escape(report->file->path, strlen(report->file->path), path, sizeof path);
        if (report->skipped)
            fprintf(out, "%*s %s (skipped)\n", width, "-", path);
        else
            fprintf(out, "%*" PRIu64 " %s\n", width, report->loaded, path);
    }
    fprintf(out, "%*" PRIu64 " total\n", width, sum->loaded);
    report_digest(self, sum, out);
}

static void print_counts_json(const reporter *self, const sheaf_summary *sum, FILE *out)
{
    fputs("{\"files\":[", out);
    for (size_t i = 0; i < self->n_reports; i++) {
        const sheaf_file_report *report = &self->reports[i];
        fputs(i > 0 ? ",\n{" : "\n{", out);
        print_json_text(out, "path", report->file->path);
        fprintf(out,
                ",\"records\":%" PRIu64 ",\"columns\":%" PRIu64 ",\"read_bytes\":%" PRIu64
                ",\"text_bytes\":%" PRIu64 ",\"blank_lines\":%" PRIu64 ",\"boms\":%" PRIu64 ",",
                report->records - report->rejected, report->columns, report->read_bytes,
                report->text_bytes, report->blank_lines, report->boms);
        print_json_text(out, "encoding", report->encoding ? report->encoding : "utf-8");
        fprintf(out,
                ",\"rejected\":%" PRIu64 ",\"repaired\":%" PRIu64 ",\"padded\":%" PRIu64
                ",\"trimmed\":%" PRIu64 ",\"unquoted\":%" PRIu64 ",\"skipped\":%s}",
                report->rejected, report->repairs.records, report->repairs.padded,
                report->repairs.trimmed, report->repairs.unquoted,
                report->skipped ? "true" : "false");
    }
    fprintf(out, "],\n\"records\":%" PRIu64 ",\"rejected\":%" PRIu64, sum->loaded, sum->rejected);
    print_json_digest(self, sum, out);
    fputs("}\n", out);
}

void report_counts(const reporter *self, const sheaf_summary *summary, FILE *out)
{
    report_folded(self);
    if (self->args->json)
        print_counts_json(self, summary, out);
    else
        print_counts_text(self, summary, out);
}

/* ---- columns ---- */

static void print_column_text(const sheaf_column *column, FILE *out)
{
    fprintf(out, "%-13s  %-8s  ", sheaf_type_name(column->type),
            column->nullable ? "null" : "not null");
    text_put(out, column->name, column->n_name);
    fputc('\n', out);
}

static void print_column_json(const sheaf_column *column, FILE *out)
{
    fputs("{", out);
    json_put(out, "name", column->name, column->n_name);
    fprintf(out, ",\"type\":\"%s\",\"nullable\":%s}", sheaf_type_name(column->type),
            column->nullable ? "true" : "false");
}

void report_schema(const reporter *self, const sheaf_summary *summary, const sheaf_column *columns,
                   size_t n, FILE *out)
{
    report_folded(self);
    report_left_out(self, summary);
    if (!self->args->json) {
        for (size_t i = 0; i < n; i++)
            print_column_text(&columns[i], out);
        return;
    }
    fputs("{\"columns\":[", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        print_column_json(&columns[i], out);
    }
    fputs("]}\n", out);
}
