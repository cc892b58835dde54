/*
 * What was set aside, once more: <sheaf/retry.h>.
 *
 *     open the sink and the quarantine -> unite the columns -> find out types, if the table is new
 *     -> read every record again: into the sink, or back -> verify the account -> commit
 *
 * One thread does all of it, and a piece is in memory at a time: a quarantine is read as often as
 * it takes.
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
#include "engine/sinks/postgres/uri.h"
#include "engine/sinks/trace/trace_file.h"
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

/* What it is called, for people. */
static void tell_quarantine(sheaf__retry *self)
{
    char shown[sizeof self->summary->quarantine];
    const char *path = self->options->quarantine;
    if (sheaf__sink_is_postgres(path)) {
        sheaf__postgres_show_uri(path, shown, sizeof shown);
        path = shown;
    }
    sheaf_text_escape(path, strlen(path), self->summary->quarantine,
                      sizeof self->summary->quarantine);
}

/* Where the records are, and where they go. */
static sheaf_status understand(sheaf__retry *self, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    if (!options->quarantine || !options->quarantine[0])
        return sheaf_error_set(err, SHEAF_EINVAL, "a retry needs a quarantine");
    self->is_table = is_database(options->quarantine) ||
                     sheaf__sink_is_postgres(options->quarantine);
    if (self->is_table && (options->destination || options->format))
        return refuse(err, "what a database has set aside goes back into its table",
                      "leave out -o and --format");
    if (self->is_table && (options->n_types > 0 || options->typing != SHEAF_TYPING_INFER))
        return refuse(err, "the table's columns have their types already",
                      "--type is for a new table");
    if (!self->is_table && (!options->destination || !options->destination[0]))
        return refuse(err, "a retry needs a destination", "-o more.csv; of x.db it is its table");
    tell_quarantine(self);
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

/* What a table has is known (END: nothing); else to read the whole file is what tells. */
static sheaf_status meet_files(sheaf__retry *self, sheaf_error *err)
{
    sheaf__held_record record;
    sheaf_status status = SHEAF_OK;
    if (self->is_table)
        return self->sink->ops->quarantine(self->sink, &self->held, err);
    while (status == SHEAF_OK && (status = next(self, &record, err)) == SHEAF_OK)
        self->summary->records++;
    if (status == SHEAF_END && self->summary->records > 0)
        status = self->held->ops->rewind(self->held, err);
    return status;
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
        sheaf__batch_clear(self->row, SIZE_MAX);
        status = sheaf__retry_read(self, &record, &told, &code, err);
        if (status == SHEAF_OK)
            sheaf__survey(self->row, NULL, self->kinds);
    }
    for (size_t i = 0; i < self->table.n_items && status >= 0; i++)
        if (!self->asked[i])
            self->types[i] = sheaf__kinds_type(self->kinds[i]);
    sheaf__batch_clear(self->row, SIZE_MAX);
    return status < 0 ? status : self->held->ops->rewind(self->held, err);
}

/* ---- the records ---- */

static sheaf_status too_many(const sheaf__retry *self, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT,
                    "%" PRIu64 " of %" PRIu64 " records are still at fault: nothing was committed",
                    self->summary->rejected, self->summary->records);
    sheaf_error_hint(err, "--max-errors allows more");
    return SHEAF_ELIMIT;
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
        status = sheaf__retry_take(self, &record, err);
        if (status < 0)
            break;
    }
    if (status == SHEAF_END)
        status = sheaf__retry_flush(self, err);
    trace_run(self, &traced, NULL);
    return status;
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
    if (status != SHEAF_OK)
        return status;
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
    if (status == SHEAF_OK)
        status = sheaf__retry_piece_create(&self->piece, err);
    if (status == SHEAF_OK && !self->is_table)
        status = sheaf__held_open_lines(path, &self->stop, &self->held, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_open(&self->target, &self->sink, err);
    if (status == SHEAF_EEXIST && !self->is_table)
        sheaf_error_hint(err, "name another one; if an earlier retry was killed it may hold what "
                              "is still in the quarantine");
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
    sheaf__retry_piece_destroy(self->piece);
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
