/*
 * What was set aside, once more: <sheaf/retry.h>.
 *
 *     open the sink and the quarantine -> unite the columns -> find out types, if the table is new
 *     -> read every record again: into the sink, or back -> verify the account -> commit
 *
 * One thread does all of it, and one record is in memory at a time: a quarantine is read as often
 * as it takes.
 */
#include "engine/ingest/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/path.h"
#include "engine/core/system.h"
#include "engine/core/trace.h"
#include "engine/ingest/file_options.h"
#include "engine/sinks/trace/trace_file.h"
#include "readers/convert/fill.h"
#include "readers/convert/survey.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, COLUMNS_KEEP_BYTES = 1 << 20 };

/* ---- what is asked for ---- */

static bool is_database(const char *path)
{
    return sheaf__path_ends_with(path, ".db") || sheaf__path_ends_with(path, ".sqlite") ||
           sheaf__path_ends_with(path, ".sqlite3");
}

static sheaf_status refuse(sheaf_error *err, const char *what, const char *hint)
{
    sheaf_error_set(err, SHEAF_EINVAL, "%s", what);
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_EINVAL;
}

/* Where the records are, and where they go. */
static sheaf_status understand(sheaf__retry *self, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    if (!options->quarantine || !options->quarantine[0])
        return sheaf_error_set(err, SHEAF_EINVAL, "a retry needs a quarantine");
    self->is_table = is_database(options->quarantine);
    if (self->is_table && (options->destination || options->format))
        return refuse(err, "what a database has set aside goes back into its table",
                      "leave out -o and --format");
    if (self->is_table && (options->n_types > 0 || options->typing != SHEAF_TYPING_INFER))
        return refuse(err, "the table's columns have their types already",
                      "--type is for a new table");
    if (!self->is_table && (!options->destination || !options->destination[0]))
        return refuse(err, "a retry needs a destination", "-o more.csv; of x.db it is its table");
    self->as_ingest = (sheaf_ingest_options){.typing = options->typing,
                                             .types = options->types,
                                             .n_types = options->n_types,
                                             .fixes = options->fixes,
                                             .record_bytes_max = options->record_bytes_max};
    sheaf_status status = sheaf__file_options_check(&self->as_ingest, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_parse(self->is_table ? options->quarantine : options->destination,
                                   options->format, options->table, &self->target, err);
    if (status == SHEAF_OK && options->n_types > 0 && !sheaf__sink_has_types(&self->target))
        return refuse(err, "a type is asked for, but the destination has no types",
                      "CSV, TSV and JSONL keep every value as it is spelled");
    self->target.append = self->is_table;
    self->target.stop = &self->stop;
    return status;
}

static bool is_cancelled(sheaf__retry *self)
{
    const sheaf_retry_options *options = self->options;
    return options->is_cancelled && options->is_cancelled(options->context);
}

/* The next record, unless the run is over. */
static sheaf_status next(sheaf__retry *self, sheaf__held_record *record, sheaf_error *err)
{
    if (!is_cancelled(self))
        return self->held->ops->next(self->held, record, err);
    atomic_store(&self->stop, true);
    return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
}

/* Of a table that is there all files are known; else to read the whole file is what tells. */
static sheaf_status meet_files(sheaf__retry *self, sheaf_error *err)
{
    sheaf__held_record record;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && (status = next(self, &record, err)) == SHEAF_OK)
        self->summary->records++;
    return status == SHEAF_END ? self->held->ops->rewind(self->held, err) : status;
}

/* Of what was too large to be kept, only the beginning is here, and may look good. */
static bool is_cut(const sheaf__reject_file *file, const sheaf__held_record *record,
                   sheaf_error *told)
{
    if (!record->is_over_limit || record->n_raw != file->record_bytes_max)
        return false;
    sheaf_error_set(told, SHEAF_ELIMIT, "only the first %zu bytes of the record were kept",
                    record->n_raw);
    told->line = record->line;
    told->record = record->record;
    return true;
}

/*
 * Read a record again: OK with a row, if it is good; END: it is still at fault, *told and *code say
 * why.
 */
static sheaf_status read_again(sheaf__retry *self, const sheaf__held_record *record,
                               sheaf_error *told, const char **code, sheaf_error *err)
{
    const sheaf__held_source *source = &self->sources[record->file_index];
    sheaf__mended_from from = {.options = &source->options,
                               .asked = &source->asked,
                               .n_columns = source->file->n_columns,
                               .line = record->line,
                               .record = record->record};
    *code = "limit";
    self->mended.advice = NULL;
    if (is_cut(source->file, record, told))
        return SHEAF_END;
    sheaf_status status = sheaf__mended_read(&self->mended, &from, record->raw, record->n_raw, told,
                                             code, err);
    if (status != SHEAF_OK)
        return status;
    status = sheaf__retry_row(self, source, record);
    return status < 0 ? sheaf__error_memory(err, "a row") : SHEAF_OK;
}

/* Types of a new table follow from all its values. */
static sheaf_status find_types(sheaf__retry *self, sheaf_error *err)
{
    sheaf__held_record record;
    sheaf_error told;
    const char *code;
    sheaf_status status = SHEAF_OK;
    bool infers = self->sink->wants_columns && self->options->typing == SHEAF_TYPING_INFER;
    if (self->is_table || !infers)
        return SHEAF_OK;
    while (status >= 0 && (status = next(self, &record, err)) == SHEAF_OK) {
        status = read_again(self, &record, &told, &code, err);
        if (status == SHEAF_OK)
            sheaf__survey(self->row, NULL, self->kinds);
    }
    for (size_t i = 0; i < self->table.n_items && status >= 0; i++)
        if (!self->asked[i])
            self->types[i] = sheaf__kinds_type(self->kinds[i]);
    return status < 0 ? status : self->held->ops->rewind(self->held, err);
}

static sheaf_status write_row(sheaf__retry *self, sheaf_error *err)
{
    sheaf__table_view view = {.from = self->from,
                              .types = self->types,
                              .asked = self->asked,
                              .n_columns = self->table.n_items};
    sheaf__rows rows = {.n_rows = 1, .n_columns = self->table.n_items};
    sheaf__misfit misfit;
    sheaf__columns *columns = NULL;
    sheaf_status status = SHEAF_OK;
    if (self->sink->wants_columns) {
        columns = sheaf__columns_take(self->columns);
        status = columns ? sheaf__fill(columns, self->row, &view, &misfit) : SHEAF_ENOMEM;
        if (status == SHEAF_END) /* its values were looked at before */
            status = sheaf_error_set(err, SHEAF_ECHANGED, "the quarantine changed meanwhile");
        else if (status < 0)
            status = sheaf__error_memory(err, "a row");
        rows.columns = columns;
    } else {
        rows.batch = self->row;
        rows.from = self->from;
    }
    if (status == SHEAF_OK)
        status = self->sink->ops->write(self->sink, &rows, err);
    sheaf__columns_give(columns);
    return status;
}

/* ---- what becomes of each ---- */

static sheaf_status too_many(const sheaf__retry *self, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT,
                    "%" PRIu64 " of %" PRIu64 " records are still at fault: nothing was committed",
                    self->summary->rejected, self->summary->records);
    sheaf_error_hint(err, "--max-errors allows more");
    return SHEAF_ELIMIT;
}

/* Its place in its file, and not in the text alone; its column; and how to go on. */
static void place_fault(const sheaf__held_source *source, const sheaf__held_record *record,
                        const char *advice, sheaf_error *told)
{
    const sheaf__reject_file *file = source->file;
    bool is_known = record->offset_bytes != SHEAF_UNKNOWN && told->offset_bytes != SHEAF_UNKNOWN;
    told->offset_bytes = is_known ? told->offset_bytes + record->offset_bytes : SHEAF_UNKNOWN;
    sheaf__error_source(told, file->path);
    if (told->field > 0 && told->field <= file->n_columns && file->columns[told->field - 1].bytes)
        sheaf_text_escape(file->columns[told->field - 1].bytes,
                          file->columns[told->field - 1].n_bytes, told->column,
                          sizeof told->column);
    if (advice)
        sheaf_error_hint(told,
                         "it stays in the quarantine: mend it there, or delete it; --fix %s "
                         "repairs such records",
                         advice);
    else
        sheaf_error_hint(told, "it stays in the quarantine: mend it there, or delete it");
}

static sheaf_status keep(sheaf__retry *self, const sheaf__held_record *record, sheaf_error *told,
                         const char *code, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    const sheaf__held_source *source = &self->sources[record->file_index];
    place_fault(source, record, self->mended.advice, told);
    sheaf__rejected rejected = {.path = source->file->path,
                                .file = source->file,
                                .code = code,
                                .error = told,
                                .line = record->line,
                                .offset_bytes = record->offset_bytes,
                                .raw = record->raw,
                                .n_raw = record->n_raw};
    sheaf_status status = self->held->ops->keep(self->held, record, &rejected, err);
    if (status < 0)
        return status;
    self->summary->rejected++;
    if (options->on_reject)
        options->on_reject(options->context, &(sheaf_reject){.file = &source->as_file,
                                                             .error = told,
                                                             .code = code,
                                                             .line = record->line,
                                                             .offset_bytes = record->offset_bytes,
                                                             .raw = record->raw,
                                                             .n_raw = record->n_raw});
    return SHEAF_OK;
}

/* END: its table refuses the row. */
static sheaf_status load(sheaf__retry *self, const sheaf__held_record *record, sheaf_error *told,
                         const char **code, sheaf_error *err)
{
    sheaf_repairs *sum = &self->summary->repairs;
    const sheaf_repairs *done = &self->mended.repairs;
    sheaf_status status = write_row(self, err);
    if (status == SHEAF_END) {
        sheaf__error_copy(told, err);
        sheaf_error_clear(err);
        told->line = record->line;
        told->record = record->record;
        *code = "table";
        return SHEAF_END;
    }
    if (status == SHEAF_OK)
        status = self->held->ops->drop(self->held, record, err);
    if (status < 0)
        return status;
    self->summary->loaded++;
    sum->records += done->records;
    sum->padded += done->padded;
    sum->trimmed += done->trimmed;
    sum->unquoted += done->unquoted;
    return SHEAF_OK;
}

/* Records of one file, one behind the other, that a trace is told of at once. */
typedef struct run_of_records {
    sheaf__held_source *source; /* NULL: there is none yet */
    int64_t begun;
    uint64_t first; /* how many were before it */
} run_of_records;

static void trace_run(const sheaf__retry *self, run_of_records *run,
                      sheaf__held_source *next_source)
{
    if (run->source == next_source || !self->traced.trace)
        return;
    if (run->source)
        sheaf__traced_records(self->traced.merge, run->begun, "retry", run->source->trace_path,
                              self->summary->records - run->first);
    if (next_source && !next_source->trace_path) /* it is gone when the trace is written */
        next_source->trace_path = sheaf__trace_copy(self->traced.trace, next_source->file->path);
    *run = (run_of_records){.source = next_source,
                            .begun = sheaf_trace_now(self->traced.merge),
                            .first = self->summary->records};
}

static sheaf_status retry_all(sheaf__retry *self, sheaf_error *err)
{
    sheaf__held_record record;
    sheaf_error told;
    const char *code;
    sheaf_status status;
    run_of_records traced = {0};
    self->summary->records = 0;
    while ((status = next(self, &record, err)) == SHEAF_OK) {
        sheaf__held_source *source = &self->sources[record.file_index];
        trace_run(self, &traced, source);
        self->summary->records++;
        self->summary->files += !source->is_met;
        source->is_met = true;
        self->sink->has_names |= source->file->dialect.header > 0;
        status = read_again(self, &record, &told, &code, err);
        if (status == SHEAF_OK)
            status = load(self, &record, &told, &code, err);
        if (status == SHEAF_END)
            status = keep(self, &record, &told, code, err);
        if (status < 0)
            break;
    }
    trace_run(self, &traced, NULL);
    return status == SHEAF_END ? SHEAF_OK : status;
}

static sheaf_status verify(const sheaf__retry *self, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    const sheaf_retry_summary *sum = self->summary;
    double most = options->rejects_percent_max;
    if (sum->records != sum->loaded + sum->rejected || sum->loaded != self->sink->rows) {
        sheaf_error_set(err, SHEAF_EACCOUNT,
                        "%" PRIu64 " records were read, %" PRIu64 " are still at fault, but the "
                        "destination took %" PRIu64 ": nothing was committed",
                        sum->records, sum->rejected, self->sink->rows);
        sheaf_error_hint(err, "this is a bug in sheaf: please report it with this message");
        return SHEAF_EACCOUNT;
    }
    if ((options->rejects_max > 0 && sum->rejected > options->rejects_max) ||
        (most > 0 && (double)sum->rejected > (double)sum->records * most / 100))
        return too_many(self, err);
    return SHEAF_OK;
}

/* ---- the phases ---- */

/*
 * Rows and quarantine: of a file in this order, so that nothing is lost in between. What goes
 * nowhere was only looked at.
 */
static sheaf_status commit(sheaf__retry *self, sheaf_error *err)
{
    bool writes = self->is_table || self->summary->loaded > 0;
    if (self->target.kind == SHEAF__SINK_NULL)
        return SHEAF_OK;
    sheaf_status status = self->held->ops->settle(self->held, err);
    if (status == SHEAF_OK && is_cancelled(self))
        status = sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
    if (status == SHEAF_OK && writes)
        status = self->sink->ops->commit(self->sink, err);
    else if (status == SHEAF_OK)
        self->sink->ops->abort(self->sink);
    if (status < 0)
        return status;
    if (self->summary->loaded > 0)
        memcpy(self->summary->destination, self->sink->label, sizeof self->summary->destination);
    return self->held->ops->commit(self->held, err);
}

static sheaf_status run_phases(sheaf__retry *self, sheaf_error *err)
{
    sheaf_trace_row *traced = self->traced.merge;
    int64_t begun = sheaf_trace_now(traced);
    sheaf_status status = meet_files(self, err);
    sheaf__traced_phase(traced, &begun, "files");
    if (status < 0 || self->summary->records == 0)
        return status < 0 ? status : SHEAF_END;
    status = sheaf__retry_table(self, err);
    if (status == SHEAF_OK)
        status = find_types(self, err);
    for (size_t i = 0; i < self->held->n_files && status == SHEAF_OK; i++)
        self->sink->has_names |= self->held->files[i]->dialect.header > 0;
    sheaf__traced_phase(traced, &begun, "types");
    if (status == SHEAF_OK)
        status = self->sink->ops->begin(self->sink, &self->table, self->types, err);
    sheaf__traced_phase(self->traced.sink, &begun, "begin");
    if (status == SHEAF_OK)
        status = retry_all(self, err);
    if (status == SHEAF_OK)
        status = verify(self, err);
    sheaf__traced_phase(traced, &begun, "rows");
    if (status == SHEAF_OK)
        status = commit(self, err);
    sheaf__traced_phase(self->traced.sink, &begun, "commit");
    return status;
}

static sheaf_status open_all(sheaf__retry *self, sheaf_error *err)
{
    const char *path = self->options->quarantine;
    self->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    self->columns = sheaf__columns_pool_create(COLUMNS_KEEP_BYTES);
    self->row = sheaf__batch_create(NULL);
    if (!self->arena || !self->columns || !self->row)
        return sheaf__error_memory(err, "a retry");
    sheaf_status status = sheaf__mended_init(&self->mended, err);
    if (status == SHEAF_OK && !self->is_table)
        status = sheaf__held_open_lines(path, &self->stop, &self->held, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_open(&self->target, &self->sink, err);
    if (status == SHEAF_EEXIST)
        sheaf_error_hint(err, "name another one; if an earlier retry was killed it may hold what "
                              "is still in the quarantine");
    if (status == SHEAF_OK && self->is_table)
        status = sheaf__held_open_table(self->sink, path, &self->held, err);
    return status;
}

/* The quarantine first: it may have statements in the sink's transaction. */
static void close_all(sheaf__retry *self, bool is_good)
{
    if (self->held)
        self->held->ops->close(self->held);
    if (self->sink && !is_good)
        self->sink->ops->abort(self->sink);
    if (self->sink)
        self->sink->ops->destroy(self->sink);
    sheaf__mended_end(&self->mended);
    sheaf__names_end(&self->table);
    sheaf__batch_destroy(self->row);
    sheaf__columns_pool_release(self->columns);
    sheaf__arena_destroy(self->arena);
    free(self->sources);
}

sheaf_status sheaf_retry(const sheaf_retry_options *options, sheaf_retry_summary *summary,
                         sheaf_error *err)
{
    sheaf_retry_options own;
    sheaf_retry_summary unwanted;
    sheaf_error unseen;
    sheaf__retry self = {.options = &own, .mended = {.fd = -1}};
    int64_t begun = sheaf__now_ns();
    SHEAF__ATOMIC(self.stop);
    if (!summary)
        summary = &unwanted;
    if (!err)
        err = &unseen;
    *summary = (sheaf_retry_summary){0};
    self.summary = summary;
    sheaf_error_clear(err);
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_retry_options",
                                              err);
    if (status == SHEAF_OK)
        status = understand(&self, err);
    if (status == SHEAF_OK)
        status = sheaf__trace_refuse(own.trace, own.quarantine, "the quarantine", err);
    if (status == SHEAF_OK)
        status = sheaf__trace_refuse(own.trace, own.destination, "the destination", err);
    if (status == SHEAF_OK)
        sheaf__traced_begin(&self.traced, own.trace);
    if (status == SHEAF_OK)
        status = open_all(&self, err);
    if (status == SHEAF_OK)
        status = run_phases(&self, err);
    close_all(&self, status == SHEAF_OK);
    summary->seconds = (double)(sheaf__now_ns() - begun) / 1e9;
    return status < 0 ? status : SHEAF_OK; /* END: nothing is set aside */
}
