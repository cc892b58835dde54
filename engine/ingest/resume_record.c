/* What a ledger is told of the files that were loaded: see resume.h. */
#include <stdlib.h>
#include <string.h>

#include <sheaf/version.h>

#include "engine/core/error.h"
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

static sheaf__ledger_file entry_of(const sheaf__load *load, size_t i)
{
    const sheaf_file *found = load->states[i].found;
    const sheaf__resume_file *note = &load->resume->files[i];
    bool is_regular = found->kind == SHEAF_FILE_REGULAR;
    return (sheaf__ledger_file){.file = found->path,
                                .path = note->path,
                                .size_bytes = is_regular ? found->size_bytes : SHEAF_UNKNOWN,
                                .mtime_ns = found->mtime_ns,
                                .is_settled = sheaf__content_is_settled(found->mtime_ns),
                                .content = note->content,
                                .records = note->records,
                                .loaded = note->loaded,
                                .rejected = note->rejected,
                                .first_row = note->first_row,
                                .encoding = note->encoding,
                                .delimiter = note->delimiter,
                                .loaded_at = load->resume->loaded_at,
                                .loaded_by = sheaf_version()};
}

/* ---- one file after the other ---- */

void sheaf__resume_number(sheaf__load *load)
{
    if (load->resume && load->resume->sidecar.destination)
        load->sink->first_row = 1 + (load->appends ? sheaf__ledger_rows(&load->resume->held) : 0);
}

void sheaf__resume_begin_file(sheaf__load *load, const sheaf__load_file *file)
{
    if (!load->resume || load->pass != SHEAF__PASS_ROWS)
        return;
    note_of(load, file)->first_row = load->sink->first_row > 0
                                         ? load->sink->first_row + load->sink->rows
                                         : 0;
}

/* It and its entry are committed, before the next one is written. */
static sheaf_status commit_file(sheaf__load *load, const sheaf__load_file *file, sheaf_error *err)
{
    size_t i = sheaf__load_index(file);
    sheaf_status status = SHEAF_OK;
    if (file->found->kind == SHEAF_FILE_REGULAR)
        status = sheaf__content_of(file->found->path, file->found, file->found->size_bytes,
                                   &note_of(load, file)->content, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_verify(load, load->sink->rows, err);
    sheaf__ledger_file entry = entry_of(load, i);
    if (status == SHEAF_OK)
        status = load->sink->ops->record(load->sink, &entry, err);
    if (status == SHEAF_OK)
        status = load->sink->ops->checkpoint(load->sink, err);
    if (status == SHEAF_OK)
        load->summary->files_committed++;
    return status;
}

sheaf_status sheaf__resume_end_file(sheaf__load *load, sheaf__load_file *file,
                                    const sheaf_file_report *report, sheaf_error *err)
{
    file->is_loaded = true;
    if (!load->resume)
        return SHEAF_OK;
    sheaf__resume_file *note = note_of(load, file);
    int delimiter = report->dialect.delimiter;
    note->records = report->records;
    note->loaded = report->loaded;
    note->rejected = report->rejected;
    note->encoding = report->encoding ? report->encoding : "utf-8";
    note->delimiter = delimiter > 0 && delimiter < 0x80 ? (char)delimiter : '\0';
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
    for (size_t i = 0; i < load->n_files; i++)
        load->resume->files[i].content = contents[i];
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
    for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++) {
        sheaf__ledger_file entry = entry_of(load, i);
        if (load->states[i].is_loaded)
            status = sheaf__ledger_add(&added, &entry, err);
    }
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
    for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++) {
        sheaf__ledger_file entry = entry_of(load, i);
        if (load->states[i].is_loaded)
            status = load->sink->ops->record(load->sink, &entry, err);
    }
    return status;
}
