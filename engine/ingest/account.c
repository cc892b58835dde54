/* Counting what became of files: see account.h. */
#include "engine/ingest/account.h"

#include <inttypes.h>

#include "engine/core/error.h"

void sheaf__account_fill(const sheaf__load *load, const sheaf__chunk *chunk,
                         sheaf_file_report *report)
{
    const sheaf__reader_counts *counts = &chunk->counts;
    report->file = chunk->file->found;
    report->index = chunk->file->index;
    const sheaf__decompress_format *format = sheaf__compression_format(counts->compression);
    report->compression = format ? format->name : NULL;
    if (counts->encoding == SHEAF__ENCODING_OTHER)
        report->encoding = sheaf__encoding_of(load->options, report->file->path);
    else if (counts->encoding > SHEAF__ENCODING_UTF_8)
        report->encoding = sheaf__encoding_name(counts->encoding);
    report->read_bytes = counts->stored_bytes;
    report->text_bytes = counts->text_bytes;
    report->records = counts->records;
    report->blank_lines = counts->blank_lines;
    report->boms = counts->boms;
    report->lone_crs = counts->lone_crs;
    report->comment_lines = counts->comment_lines;
    report->preamble_lines = counts->preamble_lines;
    report->dialect = counts->dialect;
    report->repairs = counts->repairs;
    if (chunk->file->layout != SHEAF__NO_NAME)
        report->columns = load->schema.layouts[chunk->file->layout].n_columns;
}

static bool is_other_dialect(const sheaf_dialect *dialect)
{
    return dialect->delimiter != ',' || dialect->quote != '"' || dialect->escape > 0 ||
           dialect->padding > 0;
}

/* No row of it is in the table. (With CONTINUE, those before the damage are.) */
static bool is_left_out(const sheaf_file_report *report)
{
    return report->skipped && report->loaded == 0;
}

static void count_file(sheaf_summary *summary, const sheaf_file_report *report)
{
    bool has_table = report->columns > 0 && !is_left_out(report);
    summary->files++;
    summary->files_skipped += report->skipped;
    summary->files_empty += !report->skipped && report->columns == 0;
    summary->files_compressed += report->compression != NULL;
    summary->files_decoded += report->encoding != NULL;
    summary->files_lone_cr += report->lone_crs > 0;
    summary->read_bytes += report->read_bytes;
    summary->text_bytes += report->text_bytes;
    summary->records += report->records;
    summary->loaded += report->loaded;
    summary->rejected += report->rejected;
    summary->skipped += report->skipped_records;
    summary->repairs.records += report->repairs.records;
    summary->repairs.padded += report->repairs.padded;
    summary->repairs.trimmed += report->repairs.trimmed;
    summary->repairs.unquoted += report->repairs.unquoted;
    summary->blank_lines += report->blank_lines;
    summary->boms += report->boms;
    summary->comment_lines += report->comment_lines;
    summary->preamble_lines += report->preamble_lines;
    summary->files_bare += has_table && report->records == 0;
    summary->files_headerless += has_table && report->dialect.header == SHEAF_NONE;
    summary->files_other_dialect += has_table && is_other_dialect(&report->dialect);
}

static sheaf_status bad_account(sheaf_error *err, const char *path, const sheaf_file_report *report)
{
    sheaf_error_set(err, SHEAF_EACCOUNT,
                    "%" PRIu64 " records were read, but %" PRIu64 " loaded, %" PRIu64
                    " rejected, %" PRIu64 " skipped: nothing was committed",
                    report->records, report->loaded, report->rejected, report->skipped_records);
    sheaf__error_source(err, path);
    sheaf_error_hint(err, "this is a bug in sheaf: please report it with this message");
    return SHEAF_EACCOUNT;
}

sheaf_status sheaf__account_file(sheaf__load_file *file, sheaf_file_report *report,
                                 sheaf_error *err)
{
    const sheaf__load *load = file->load;
    if (report->records != report->loaded + report->rejected + report->skipped_records)
        return bad_account(err, report->file->path, report);
    count_file(load->summary, report);
    file->left_out = is_left_out(report);
    atomic_fetch_add_explicit(load->files_done, 1, memory_order_relaxed);
    if (load->options->on_file && file->index >= load->told->files) {
        load->told->files = file->index + 1;
        load->options->on_file(load->options->context, report);
    }
    return SHEAF_OK;
}

sheaf_status sheaf__merge_verify(const sheaf__load *load, uint64_t n_taken, sheaf_error *err)
{
    const sheaf_summary *sum = load->summary;
    if (sum->records == sum->loaded + sum->rejected + sum->skipped && sum->loaded == n_taken)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_EACCOUNT,
                    "%" PRIu64 " records were loaded, but the destination took %" PRIu64
                    ": nothing was committed",
                    sum->loaded, n_taken);
    sheaf_error_hint(err, "this is a bug in sheaf: please report it with this message");
    return SHEAF_EACCOUNT;
}
