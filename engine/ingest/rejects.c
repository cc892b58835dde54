/*
 * Records that were set aside, from a chunk to where they belong: the quarantine, whoever wants to
 * be told, and the account. See load.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/ingest/load.h"

static const char beside[] = ".quarantine.jsonl";

sheaf_status sheaf__load_open_quarantine(sheaf__load *load, const sheaf_ingest *ingest,
                                         sheaf_error *err)
{
    const char *path = ingest->quarantine;
    char *made = NULL;
    if (!load->sets_aside)
        return SHEAF_OK;
    if (!path && ingest->target.kind == SHEAF__SINK_FILE) {
        made = malloc(strlen(ingest->destination) + sizeof beside);
        if (!made)
            return sheaf__error_memory(err, "a quarantine");
        strcpy(made, ingest->destination);
        path = strcat(made, beside);
    }
    sheaf_status status = path ? sheaf__quarantine_create(path, ingest->target.stop,
                                                          &load->quarantine, err)
                               : SHEAF_OK;
    free(made);
    return status;
}

static const char *code_of(const sheaf__fault *fault)
{
    switch (fault->status) {
    case SHEAF_ESHAPE:
        return fault->n_found < fault->n_expected ? "short" : "long";
    case SHEAF_EQUOTE:
        return "quote";
    case SHEAF_EENCODING:
        return "encoding";
    default:
        return "limit";
    }
}

/* The whole file's lines and records, of which the chunk's reader may have seen only a part. */
static sheaf__fault placed(const sheaf__fault *fault, const sheaf__chunk *chunk)
{
    sheaf__fault whole = *fault;
    whole.record += chunk->shift.counts.records;
    whole.record_line += chunk->shift.line;
    whole.line += chunk->shift.line;
    whole.offset_bytes += chunk->shift.offset_bytes;
    return whole;
}

/* How to go on, for who reads of one of them. */
static void hint_place(const sheaf__load *load, sheaf_error *told)
{
    char place[200];
    if (load->quarantine) {
        const char *path = sheaf__quarantine_path(load->quarantine);
        sheaf_text_escape(path, strlen(path), place, sizeof place);
    } else if (load->sink && load->sink->ops->reject) {
        snprintf(place, sizeof place, "%s", load->sink->reject_label);
    } else {
        sheaf_error_hint(told, "--quarantine FILE keeps such records, --on-error stop refuses "
                               "them");
        return;
    }
    sheaf_error_hint(told, "it is kept in %s; --on-error stop refuses such records", place);
}

static sheaf_status deliver(sheaf__load *load, const sheaf__chunk *chunk, const sheaf__fault *fault,
                            const uint8_t *raw, sheaf_error *err)
{
    const sheaf_ingest_options *options = load->options;
    const sheaf_file *file = chunk->file->found;
    sheaf__fault whole = placed(fault, chunk);
    sheaf_error told;
    sheaf__fault_tell(&whole, raw, &told);
    sheaf__error_source(&told, file->path);
    sheaf__load_name_column(load, chunk, &told);
    hint_place(load, &told);
    sheaf__rejected rejected = {.path = file->path,
                                .code = code_of(fault),
                                .error = &told,
                                .line = whole.record_line,
                                .offset_bytes = whole.offset_bytes,
                                .raw = raw,
                                .n_raw = whole.n_raw};
    sheaf_status status = SHEAF_OK;
    if (load->quarantine)
        status = sheaf__quarantine_put(load->quarantine, &rejected, err);
    else if (load->sink && load->sink->ops->reject)
        status = load->sink->ops->reject(load->sink, &rejected, err);
    if (status == SHEAF_OK && options->on_reject)
        options->on_reject(options->context, &(sheaf_reject){.file = file,
                                                             .error = &told,
                                                             .code = rejected.code,
                                                             .line = rejected.line,
                                                             .offset_bytes = rejected.offset_bytes,
                                                             .raw = raw,
                                                             .n_raw = rejected.n_raw});
    return status;
}

static sheaf_status too_many(const sheaf_ingest_options *options, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT,
                    "more than %" PRIu64 " records have faults: nothing was committed",
                    options->rejects_max);
    sheaf_error_hint(err, "look at the first ones; --max-errors allows more");
    return SHEAF_ELIMIT;
}

sheaf_status sheaf__rejects_deliver(sheaf__load *load, sheaf__chunk *chunk,
                                    sheaf_file_report *report, sheaf_error *err)
{
    const sheaf__rejects *rejects = &chunk->rejects;
    const uint8_t *raw = rejects->bytes;
    uint64_t most = load->options->rejects_max;
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < rejects->n && status == SHEAF_OK; i++) {
        status = deliver(load, chunk, &rejects->faults[i], raw, err);
        raw += rejects->faults[i].n_raw;
        report->rejected++;
        load->n_rejected++;
        if (status == SHEAF_OK && most > 0 && load->n_rejected > most)
            status = too_many(load->options, err);
    }
    return status;
}

/* No file could be read: that is no load. */
static sheaf_status nothing_is_left(const sheaf__load *load, sheaf_error *err)
{
    sheaf__error_copy(err, load->left_out);
    return load->left_out->status;
}

sheaf_status sheaf__rejects_verify(const sheaf__load *load, sheaf_error *err)
{
    const sheaf_summary *sum = load->summary;
    if (load->sets_aside && load->left_out && sum->files_skipped == sum->files)
        return nothing_is_left(load, err);
    double most = load->options->rejects_percent_max;
    if (most <= 0 || (double)sum->rejected <= (double)sum->records * most / 100)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_ELIMIT,
                    "%" PRIu64 " of %" PRIu64 " records have faults, more than %g%%: nothing was "
                    "committed",
                    sum->rejected, sum->records, most);
    sheaf_error_hint(err, "look at the first ones; --max-errors allows more");
    return SHEAF_ELIMIT;
}
