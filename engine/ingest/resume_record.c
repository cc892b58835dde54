/* What a ledger is told of the files that were loaded: see resume.h. */
#include <stdlib.h>
#include <string.h>

#include <sheaf/version.h>

#include "engine/core/error.h"
#include "engine/ingest/rejects.h"
#include "engine/ingest/resume.h"
#include "engine/ingest/verify.h"

static sheaf__resume_file *note_of(const sheaf__load *load, const sheaf__load_file *file)
{
    return &load->resume->files[sheaf__load_index(file)];
}

bool sheaf__resume_replaces(const sheaf__load *load, const sheaf__load_file *file)
{
    return load->resume && note_of(load, file)->replaces;
}

/* ---- one file after the other ---- */

void sheaf__resume_number(sheaf__load *load)
{
    if (load->resume && load->resume->sidecar.destination)
        load->sink->first_row = 1 + (load->appends ? sheaf__ledger_rows(&load->resume->held) : 0);
}

sheaf_status sheaf__resume_begin_file(sheaf__load *load, const sheaf__load_file *file,
                                      sheaf_error *err)
{
    if (!load->resume || load->pass != SHEAF__PASS_ROWS)
        return SHEAF_OK;
    const sheaf__sink *sink = load->sink;
    sheaf__resume_file *note = note_of(load, file);
    sheaf_status status = SHEAF_OK;
    if (note->replaces)
        status = sheaf__resume_forget(load, note->entry.path, err);
    note->entry.first_row = sink->first_row > 0 ? sink->first_row + sink->rows : 0;
    return status;
}

/* All that is known of a file but its path, where its rows begin, and the hash of its content. */
static void fill(const sheaf__load *load, sheaf__ledger_file *entry,
                 const sheaf_file_report *report)
{
    const sheaf_file *found = report->file;
    int delimiter = report->dialect.delimiter;
    bool is_regular = found->kind == SHEAF_FILE_REGULAR;
    entry->file = found->path;
    entry->size_bytes = is_regular ? found->size_bytes : SHEAF_UNKNOWN;
    entry->mtime_ns = found->mtime_ns;
    entry->is_settled = sheaf__content_is_settled(found->mtime_ns);
    entry->records = report->records;
    entry->loaded = report->loaded;
    entry->rejected = report->rejected;
    entry->skipped = report->skipped_records;
    entry->left_out = report->skipped ? sheaf_status_name(report->error->status) : NULL;
    entry->blank_lines = report->blank_lines;
    entry->comment_lines = report->comment_lines;
    entry->preamble_lines = report->preamble_lines;
    entry->boms = report->boms;
    entry->lone_crs = report->lone_crs;
    entry->repairs = report->repairs;
    bool is_read = report->text_bytes > 0 || !report->skipped;
    entry->encoding = report->encoding ? report->encoding : is_read ? "utf-8" : NULL;
    entry->delimiter = is_read && delimiter > 0 && delimiter < 0x80 ? (char)delimiter : '\0';
    entry->loaded_at = load->resume->loaded_at;
    entry->loaded_by = sheaf_version();
}

/*
 * It and its entry are committed, before the next one is written. What is told of a file that is
 * left out is committed with what comes behind it: alone it would be a commit of nothing.
 */
static sheaf_status commit_file(sheaf__load *load, const sheaf__load_file *file, sheaf_error *err)
{
    sheaf__ledger_file *entry = &note_of(load, file)->entry;
    sheaf_status status = SHEAF_OK;
    entry->has_content = sheaf__is_verified(file);
    if (entry->has_content)
        status = sheaf__content_of(file->found->path, file->found, file->found->size_bytes,
                                   &entry->content, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_verify(load, load->sink->rows, err);
    if (status == SHEAF_OK)
        status = load->sink->ops->record(load->sink, entry, err);
    if (status < 0 || !file->is_loaded)
        return status;
    bool committed = false;
    status = load->sink->ops->checkpoint(load->sink, &committed, err);
    load->summary->files_committed += committed;
    return status;
}

sheaf_status sheaf__resume_end_file(sheaf__load *load, sheaf__load_file *file,
                                    const sheaf_file_report *report, sheaf_error *err)
{
    file->is_loaded = !report->skipped;
    if (!load->resume)
        return SHEAF_OK;
    fill(load, &note_of(load, file)->entry, report);
    note_of(load, file)->is_told = true;
    return load->resume->per_file ? commit_file(load, file, err) : SHEAF_OK;
}

/* ---- all of them ---- */

sheaf_status sheaf__resume_verify(sheaf__load *load, sheaf_error *err)
{
    if (!load->commits || (load->resume && load->resume->per_file))
        return SHEAF_OK;
    if (!load->resume)
        return sheaf__verify_files(load, err);
    uint64_t *contents = calloc(load->n_files + 1, sizeof *contents);
    if (!contents)
        return sheaf__error_memory(err, "a ledger");
    sheaf_status status = sheaf__verify_content(load, contents, err);
    for (size_t i = 0; i < load->n_files; i++) {
        load->resume->files[i].entry.content = contents[i];
        load->resume->files[i].entry.has_content = sheaf__is_verified(&load->states[i]);
    }
    free(contents);
    return status;
}

/* Of a file: what it will be, and which files that is of. */
static sheaf_status write_sidecar(sheaf__load *load, const sheaf__ledger *added, sheaf_error *err)
{
    const struct sheaf__resume *self = load->resume;
    const char *path;
    sheaf_status status = load->sink->ops->settle(load->sink, &path, err);
    sheaf__generation after = {.exists = true, .is_known = true};
    if (status == SHEAF_OK)
        status = sheaf__content_of_own(path, &after.size_bytes, &after.content, err);
    after.quarantine_bytes = sheaf__rejects_size(load);
    return status < 0 ? status
                      : sheaf__sidecar_write(&self->sidecar, &self->held, load->appends, added,
                                             &after, err);
}

static sheaf_status add_columns(const sheaf__load *load, sheaf__ledger *added, sheaf_error *err)
{
    const sheaf__names *table = load->schema.table;
    sheaf_status status = SHEAF_OK;
    added->has_names = load->has_names;
    for (size_t i = 0; i < table->n_items && status == SHEAF_OK; i++) {
        sheaf__ledger_column column = {.name = table->items[i].bytes,
                                       .n_name = table->items[i].n_bytes};
        status = sheaf__ledger_add_column(added, &column, err);
    }
    return status;
}

static sheaf_status record_beside(sheaf__load *load, sheaf_error *err)
{
    sheaf__ledger added;
    sheaf_status status = sheaf__ledger_init(&added, err);
    if (status == SHEAF_OK)
        status = add_columns(load, &added, err);
    for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++)
        if (load->resume->files[i].is_told)
            status = sheaf__ledger_add(&added, &load->resume->files[i].entry, err);
    if (status == SHEAF_OK)
        status = write_sidecar(load, &added, err);
    sheaf__ledger_end(&added);
    return status;
}

sheaf_status sheaf__resume_record(sheaf__load *load, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (!load->resume || load->resume->per_file)
        return SHEAF_OK;
    if (load->resume->sidecar.destination)
        return record_beside(load, err);
    for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++)
        if (load->resume->files[i].is_told)
            status = load->sink->ops->record(load->sink, &load->resume->files[i].entry, err);
    return status;
}
