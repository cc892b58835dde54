/*
 * The public face of an ingest, <sheaf/ingest.h>, and the order of its phases:
 *
 *     open the destination -> read headers -> begin -> read rows -> verify the account -> commit
 *
 * A destination that keeps nothing needs no headers beforehand, but for a digest. Everything that
 * can be refused without reading a file is refused before one is read.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/text.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/system.h"
#include "engine/ingest/presume.h"
#include "engine/ingest/rejects.h"
#include "engine/ingest/resume.h"
#include "engine/sinks/trace/trace_file.h"
#include "readers/scan/scan.h"
#include "readers/source/inflate.h"

enum {
    CHUNK_BYTES_LIMIT = 1 << 30, /* cells count in 32 bits */
    ARENA_CHUNK_BYTES = 4 << 10
};

/* ---- create ---- */

static sheaf__rules rules_of(const sheaf_ingest_options *options)
{
    return (sheaf__rules){.columns = options->columns,
                          .match = options->match,
                          .select = {.items = options->select, .n = options->n_select},
                          .drop = {.items = options->drop, .n = options->n_drop},
                          .renames = options->renames,
                          .n_renames = options->n_renames,
                          .added = options->added,
                          .n_added = options->n_added};
}

static sheaf_status check_options(const sheaf_ingest_options *options, bool is_stream,
                                  sheaf_error *err)
{
    if (is_stream && (options->destination || options->format || options->table ||
                      options->compression || options->n_indexes > 0))
        return sheaf_error_set(
            err, SHEAF_EINVAL,
            "a stream has no destination, format, table, indexes or compression");
    if (!is_stream && (!options->destination || !options->destination[0]))
        return sheaf_error_set(err, SHEAF_EINVAL, "an ingest needs a destination");
    if (options->workers < 0 || options->workers > SHEAF__WORKERS_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "there can be 1 to %d workers, not %d (0 chooses)",
                               SHEAF__WORKERS_MAX, options->workers);
    if (options->chunk_bytes > CHUNK_BYTES_LIMIT)
        return sheaf_error_set(err, SHEAF_EINVAL, "chunk_bytes can be %d at most",
                               CHUNK_BYTES_LIMIT);
    if ((unsigned)options->executor > SHEAF_EXECUTOR_PROCESSES)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such kind of executor");
    if ((unsigned)options->parser > SHEAF_PARSER_LIBCSV)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such parser");
    if (options->table && !options->table[0])
        return sheaf_error_set(err, SHEAF_EINVAL, "the table needs a name");
    for (size_t i = 0; i < options->n_indexes; i++)
        if (options->indexes[i].n_columns == 0)
            return sheaf_error_set(err, SHEAF_EINVAL, "an index needs a column");
    sheaf__rules rules = rules_of(options);
    sheaf_status status = sheaf__rules_check(&rules, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_check(options, is_stream, err);
    return status < 0 ? status : sheaf__file_options_check(options, err);
}

/* What worker processes are to see lies in a page that they can map. */
static sheaf_status share(sheaf_ingest *ingest, sheaf_error *err)
{
    ingest->shared = &ingest->own_shared;
    SHEAF__ATOMIC(ingest->own_shared);
    SHEAF__ATOMIC(ingest->was_run);
    SHEAF__ATOMIC(ingest->records_done);
    SHEAF__ATOMIC(ingest->files_done);
    SHEAF__ATOMIC(ingest->files);
    SHEAF__ATOMIC(ingest->size_bytes);
    if (ingest->options.executor != SHEAF_EXECUTOR_PROCESSES)
        return SHEAF_OK;
    void *page = MAP_FAILED;
    ingest->shared_fd = memfd_create("sheaf-ingest", MFD_CLOEXEC);
    if (ingest->shared_fd >= 0 && ftruncate(ingest->shared_fd, sizeof(sheaf__shared)) == 0)
        page = mmap(NULL, sizeof(sheaf__shared), PROT_READ | PROT_WRITE, MAP_SHARED,
                    ingest->shared_fd, 0);
    if (page == MAP_FAILED)
        return sheaf__error_system(err, errno, "there is no shared memory", NULL);
    ingest->shared = page;
    return SHEAF_OK;
}

static sheaf_status copy_typing(sheaf_ingest *ingest, sheaf_error *err)
{
    const sheaf_ingest_options *options = &ingest->options;
    sheaf__asked_type *asked = sheaf_arena_new(ingest->arena, sheaf__asked_type, options->n_types);
    if (!asked)
        return sheaf__error_memory(err, "an ingest");
    for (size_t i = 0; i < options->n_types; i++)
        asked[i] = (sheaf__asked_type){.column = options->types[i].column,
                                       .type = options->types[i].type};
    sheaf__typing given = {.nulls = {.tokens = options->nulls, .n = options->n_nulls},
                           .asked = {.items = asked, .n = options->n_types},
                           .rules = rules_of(options),
                           .refuses_nul = ingest->target.kind == SHEAF__SINK_POSTGRES};
    if (given.asked.n > 0 && !sheaf__ingest_has_types(ingest)) {
        sheaf_error_set(err, SHEAF_EINVAL, "a type is asked for, but the destination has no types");
        sheaf__error_source(err, ingest->destination);
        sheaf_error_hint(err, "CSV, TSV and JSONL keep every value as it is spelled");
        return SHEAF_EINVAL;
    }
    size_t n_bytes;
    void *packed = sheaf__typing_pack(&given, &n_bytes);
    sheaf_status status = packed ? sheaf__typing_unpack(&ingest->typing, packed, n_bytes,
                                                        ingest->arena)
                                 : SHEAF_ENOMEM;
    free(packed);
    return status < 0 ? sheaf__error_memory(err, "an ingest") : SHEAF_OK;
}

static sheaf_status copy_encodings(sheaf_ingest *ingest, sheaf_error *err)
{
    sheaf_ingest_options *options = &ingest->options;
    const sheaf_file_encoding *from = options->encodings;
    sheaf_file_encoding *to = sheaf_arena_new(ingest->arena, sheaf_file_encoding,
                                              options->n_encodings);
    bool good = to != NULL;
    for (size_t i = 0; i < options->n_encodings && good; i++) {
        const char *pattern = from[i].pattern;
        to[i] = (sheaf_file_encoding){.encoding = sheaf__arena_copy(ingest->arena, from[i].encoding,
                                                                    strlen(from[i].encoding))};
        if (pattern)
            to[i].pattern = sheaf__arena_copy(ingest->arena, pattern, strlen(pattern));
        good = to[i].encoding && (!pattern || to[i].pattern);
    }
    options->encodings = to;
    return good ? SHEAF_OK : sheaf__error_memory(err, "an ingest");
}

static bool copy_index(sheaf_arena *arena, const sheaf_index *from, sheaf_index *to)
{
    const char **columns = sheaf_arena_new(arena, const char *, from->n_columns);
    *to = (sheaf_index){.columns = columns, .n_columns = from->n_columns};
    for (size_t i = 0; columns && i < from->n_columns; i++) {
        columns[i] = sheaf__arena_copy(arena, from->columns[i], strlen(from->columns[i]));
        if (!columns[i])
            return false;
    }
    return columns != NULL;
}

static sheaf_status copy_indexes(sheaf_ingest *ingest, sheaf_error *err)
{
    const sheaf_ingest_options *options = &ingest->options;
    sheaf_index *indexes = sheaf_arena_new(ingest->arena, sheaf_index, options->n_indexes);
    bool good = indexes != NULL;
    for (size_t i = 0; good && i < options->n_indexes; i++)
        good = copy_index(ingest->arena, &options->indexes[i], &indexes[i]);
    return good ? sheaf__sink_set_indexes(&ingest->target, indexes, options->n_indexes, err)
                : sheaf__error_memory(err, "an ingest");
}

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

/* The trace must not take the place of what else is written. */
static sheaf_status refuse_own_trace(const sheaf_ingest *ingest, sheaf_error *err)
{
    static const char *const besides[] = {"", ".quarantine.jsonl", ".ledger.jsonl"};
    static const char *const what[] = {"the destination", "its quarantine", "its ledger"};
    sheaf_trace *trace = ingest->options.trace;
    char path[PATH_MAX];
    sheaf_status status = sheaf__trace_refuse(trace, ingest->quarantine, "the quarantine", err);
    bool is_file = ingest->target.kind == SHEAF__SINK_FILE ||
                   ingest->target.kind == SHEAF__SINK_SQLITE;
    for (size_t i = 0; i < sizeof besides / sizeof besides[0] && is_file; i++) {
        int n = snprintf(path, sizeof path, "%s%s", ingest->target.path, besides[i]);
        if (status == SHEAF_OK && n < (int)sizeof path)
            status = sheaf__trace_refuse(trace, path, what[i], err);
    }
    return status;
}

sheaf_status sheaf_ingest_create(const sheaf_ingest_options *options, sheaf_ingest **ingest,
                                 sheaf_error *err)
{
    return sheaf__ingest_create(options, false, ingest, err);
}

sheaf_status sheaf__ingest_create(const sheaf_ingest_options *options, bool is_stream,
                                  sheaf_ingest **ingest, sheaf_error *err)
{
    sheaf_ingest_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_ingest_options",
                                              err);
    if (status == SHEAF_OK)
        status = check_options(&own, is_stream, err);
    if (status < 0)
        return status;
    options = &own;
    sheaf_ingest *made = calloc(1, sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "an ingest");
    made->options = *options;
    made->shared_fd = -1;
    status = share(made, err);
    if (status < 0) {
        sheaf_ingest_destroy(made);
        return status;
    }
    made->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!made->arena || !copy_text(&made->destination, options->destination) ||
        !copy_text(&made->format, options->format) || !copy_text(&made->table, options->table) ||
        !copy_text(&made->quarantine, options->quarantine))
        status = sheaf__error_memory(err, "an ingest");
    made->target.kind = SHEAF__SINK_STREAM;
    if (status == SHEAF_OK && !is_stream)
        status = sheaf__sink_parse(made->destination, made->format, made->table, &made->target,
                                   err);
    if (status == SHEAF_OK)
        status = sheaf__sink_set_compression(&made->target, options->compression, err);
    if (status == SHEAF_OK && options->on_error == SHEAF_ON_ERROR_CONTINUE &&
        made->target.kind != SHEAF__SINK_NULL)
        status = sheaf_error_set(
            err, SHEAF_EINVAL, "a run can go on behind a damaged file only if nothing is written");
    if (status == SHEAF_OK)
        status = refuse_own_trace(made, err);
    if (status == SHEAF_OK)
        status = sheaf__resume_check(options, &made->target, err);
    if (status == SHEAF_OK)
        status = copy_typing(made, err);
    if (status == SHEAF_OK)
        status = copy_encodings(made, err);
    if (status == SHEAF_OK)
        status = copy_indexes(made, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_set_connections(&made->target, options->connections,
                                             options->commit == SHEAF_COMMIT_PER_FILE, err);
    if (status < 0) {
        sheaf_ingest_destroy(made);
        return status;
    }
    made->target.if_exists = sheaf__resume_if_exists(options);
    made->target.stop = &made->shared->stop;
    *ingest = made;
    return SHEAF_OK;
}

void sheaf_ingest_destroy(sheaf_ingest *ingest)
{
    if (!ingest)
        return;
    free(ingest->destination);
    free(ingest->format);
    free(ingest->table);
    free(ingest->quarantine);
    sheaf__arena_destroy(ingest->arena);
    if (ingest->shared != &ingest->own_shared && ingest->shared)
        munmap(ingest->shared, sizeof *ingest->shared);
    if (ingest->shared_fd >= 0)
        close(ingest->shared_fd);
    free(ingest);
}

void sheaf_ingest_cancel(sheaf_ingest *ingest)
{
    atomic_store_explicit(&ingest->shared->stop, true, memory_order_relaxed);
}

sheaf_progress sheaf_ingest_progress(const sheaf_ingest *ingest)
{
    uint64_t read = atomic_load_explicit(&ingest->shared->read_bytes, memory_order_relaxed);
    uint64_t size = atomic_load_explicit(&ingest->size_bytes, memory_order_relaxed);
    return (sheaf_progress){
        .read_bytes = read < size ? read : size,
        .size_bytes = size,
        .records = atomic_load_explicit(&ingest->records_done, memory_order_relaxed),
        .files_done = atomic_load_explicit(&ingest->files_done, memory_order_relaxed),
        .files = atomic_load_explicit(&ingest->files, memory_order_relaxed),
    };
}

/* ---- run ---- */

/* Rows must not be read from where they are written to. */
static sheaf_status refuse_own_source(const sheaf_ingest *ingest, const sheaf_files *files,
                                      sheaf_error *err)
{
    struct stat st;
    bool is_stdout = ingest->target.kind == SHEAF__SINK_STDOUT;
    if (ingest->target.kind == SHEAF__SINK_NULL ||
        (is_stdout ? fstat(STDOUT_FILENO, &st) : stat(ingest->target.path, &st)) != 0 ||
        !S_ISREG(st.st_mode))
        return SHEAF_OK;
    const sheaf_file *source = sheaf__load_find_source(files, &st);
    if (!source)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_EINVAL, "the destination is also one of the sources");
    sheaf__error_source(err, source->path);
    sheaf_error_hint(err, "write it outside the directory that is read, or name the files to read");
    return SHEAF_EINVAL;
}

static uint64_t size_of_all(const sheaf_ingest *ingest, const sheaf_files *files)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        if (file->size_bytes == SHEAF_UNKNOWN)
            return SHEAF_UNKNOWN;
        bytes += file->size_bytes;
    }
    /* Files that may be left out, or whose types are found out, are read twice for their rows. */
    bool twice = ingest->target.kind != SHEAF__SINK_NULL &&
                 (ingest->options.on_error == SHEAF_ON_ERROR_SKIP_FILE ||
                  sheaf__ingest_surveys(ingest));
    return twice ? bytes * 2 : bytes;
}

/* What sheaf_ingest_columns() tells, when the schema is gone. */
sheaf_status sheaf__ingest_keep_columns(sheaf_ingest *ingest, const sheaf__load *load,
                                        sheaf_error *err)
{
    size_t n = load->schema.table->n_items;
    sheaf_column *columns = sheaf_arena_new(ingest->arena, sheaf_column, n);
    if (!columns)
        return sheaf__error_memory(err, "the columns");
    for (size_t i = 0; i < n; i++) {
        const sheaf__name *name = &load->schema.table->items[i];
        columns[i] = (sheaf_column){
            .name = sheaf__arena_copy(ingest->arena, name->bytes, name->n_bytes),
            .n_name = name->n_bytes,
            .type = load->types[i],
            .nullable = load->nullable[i]};
        if (!columns[i].name)
            return sheaf__error_memory(err, "the columns");
    }
    ingest->columns = columns;
    ingest->n_columns = n;
    return SHEAF_OK;
}

const sheaf_column *sheaf_ingest_columns(const sheaf_ingest *ingest, size_t *n)
{
    *n = ingest->n_columns;
    return ingest->columns;
}

/*
 * The rows and what was set aside appear. Of a file the rows come last: they say that the load is
 * done. A database's are there, or not, whatever becomes of another file.
 */
static sheaf_status commit(sheaf__load *load, sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    const char *path = NULL;
    sheaf_status status = sink->ops->settle ? sink->ops->settle(sink, &path, err) : SHEAF_OK;
    if (status == SHEAF_OK && path)
        status = sheaf__rejects_commit(load, err);
    if (status == SHEAF_OK)
        status = sink->ops->commit(sink, err);
    if (status < 0 && path)
        sheaf__rejects_undo(load);
    return status < 0 || path ? status : sheaf__rejects_commit(load, err);
}

static sheaf_status run_phases(sheaf_ingest *ingest, sheaf__load *load, sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    sheaf_status status = SHEAF_OK;
    sheaf_trace_row *traced = load->traced.merge;
    int64_t begun = sheaf_trace_now(traced);
    if (sink->wants_rows || load->digests)
        status = sheaf__merge_headers(load, err);
    sheaf__traced_phase(traced, &begun, "headers");
    if (status == SHEAF_OK && sink->wants_rows)
        status = sheaf__merge_surveys(load, err);
    if (status == SHEAF_OK && (sink->wants_rows || load->digests))
        status = sheaf__load_settle(load, err);
    if (status == SHEAF_OK && sink->wants_columns)
        status = sheaf__merge_types(load, err);
    sheaf__traced_phase(traced, &begun, "types");
    sink->has_names = load->has_names;
    if (status == SHEAF_OK)
        status = sink->ops->begin(sink, load->schema.table, load->types, err);
    if (sheaf__presume_refused(load, status))
        status = sheaf__start_over(load, err);
    sheaf__traced_phase(load->traced.sink, &begun, "begin");
    sheaf__resume_number(load);
    if (status == SHEAF_OK)
        status = sheaf__merge_rows(load, err);
    if (status == SHEAF_OK)
        status = sheaf__presume_verify(load, err);
    sheaf__traced_phase(traced, &begun, "rows");
    if (status == SHEAF_OK && !sink->wants_rows && !load->digests)
        status = sheaf__load_settle(load, err);
    if (status == SHEAF_OK && !sink->wants_columns)
        status = sheaf__types_decide(load, err);
    if (status == SHEAF_OK)
        status = sheaf__ingest_keep_columns(ingest, load, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_verify(load, sink->rows, err);
    if (status == SHEAF_OK)
        status = sheaf__load_count_left_out(load, err);
    if (status == SHEAF_OK)
        status = sheaf__digest_conclude(load, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_verify(load, err);
    if (status == SHEAF_OK && atomic_load_explicit(&load->shared->stop, memory_order_relaxed))
        status = sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
    if (status == SHEAF_OK)
        status = sheaf__resume_verify(load, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_settle(load, err);
    if (status == SHEAF_OK)
        status = sheaf__resume_record(load, err);
    sheaf__traced_phase(traced, &begun, "verify");
    if (status == SHEAF_OK)
        status = commit(load, err);
    if (status < 0)
        sink->ops->abort(sink);
    sheaf__traced_phase(load->traced.sink, &begun, status < 0 ? "abort" : "commit");
    return status;
}

static sheaf_status refuse_other_type(const sheaf__asked_type *by_user,
                                      const sheaf__asked_type *by_table, sheaf_error *err)
{
    char column[100];
    char type[SHEAF__FIT_NAME_BYTES];
    sheaf_text_escape(by_user->column, strlen(by_user->column), column, sizeof column);
    sheaf_error_set(err, SHEAF_EINVAL, "%s is asked for, but the table's column '%s' is %s",
                    sheaf_type_name(by_user->type), column, sheaf__fit_name(&by_table->fit, type));
    sheaf_error_hint(err, "without --type the table's own types are asked for");
    return SHEAF_EINVAL;
}

/* The table exists, and says what types its columns have: as if they had been asked for. */
static sheaf_status ask_for_table(sheaf_ingest *ingest, sheaf__load *load, sheaf_error *err)
{
    const sheaf__asked_types *given = &load->typing.asked;
    const sheaf__sink *sink = load->sink;
    if (sink->n_asked == 0)
        return SHEAF_OK;
    sheaf__asked_type *all = sheaf_arena_new(ingest->arena, sheaf__asked_type,
                                             given->n + sink->n_asked);
    if (!all)
        return sheaf__error_memory(err, "the types");
    for (size_t i = 0; i < given->n; i++) {
        all[i] = given->items[i];
        for (size_t k = 0; k < sink->n_asked; k++)
            if (strcmp(all[i].column, sink->asked[k].column) == 0 &&
                all[i].type != sink->asked[k].type)
                return refuse_other_type(&all[i], &sink->asked[k], err);
    }
    memcpy(all + given->n, sink->asked, sink->n_asked * sizeof *all);
    load->typing.asked = (sheaf__asked_types){.items = all, .n = given->n + sink->n_asked};
    load->surveys = true;
    return SHEAF_OK;
}

/* *presumes: whether types may be presumed; then, whether that has to be begun anew without. */
static sheaf_status run(sheaf_ingest *ingest, const sheaf_files *files, bool *presumes,
                        sheaf_summary *summary, sheaf_error *err)
{
    sheaf__load load;
    sheaf_status status = sheaf__load_init(&load, ingest, files, summary, err);
    if (status == SHEAF_OK)
        status = refuse_own_source(ingest, files, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_open(&ingest->target, &load.sink, err);
    if (status == SHEAF_OK) {
        memcpy(summary->destination, load.sink->label, sizeof summary->destination);
        load.wants_rows = load.sink->wants_rows;
        load.wants_columns = load.sink->wants_columns;
        status = ask_for_table(ingest, &load, err);
        if (status == SHEAF_OK)
            status = sheaf__resume_plan(&load, ingest, err);
        if (status == SHEAF_OK)
            status = sheaf__load_choose_sizes(&load, err);
        load.presumes = *presumes && sheaf__load_may_presume(&load);
        if (status == SHEAF_OK)
            status = sheaf__load_open_quarantine(&load, ingest, err);
        if (status == SHEAF_OK)
            status = sheaf__ask_start(&load, ingest->shared_fd, err);
        if (status == SHEAF_OK)
            status = sheaf__ask_help_sink(&load, err);
        if (status == SHEAF_OK)
            status = run_phases(ingest, &load, err);
        else if (status == SHEAF_END) /* there is nothing to load */
            status = load.sink->ops->held ? load.sink->ops->commit(load.sink, err) : SHEAF_OK;
        if (status < 0 || load.n_files == 0)
            load.sink->ops->abort(load.sink);
        summary->columns = load.schema.table->n_items;
        summary->columns_renamed = load.sink->columns_renamed;
        load.sink->ops->destroy(load.sink);
    }
    *presumes = load.starts_over;
    sheaf__load_end(&load);
    return status;
}

/* Types were presumed, wrongly: the destination is as it was, and so is everything else. */
static sheaf_status run_again(sheaf_ingest *ingest, const sheaf_files *files,
                              sheaf_summary *summary, sheaf_error *err)
{
    bool presumes = false;
    *summary = (sheaf_summary){.starts_over = 1};
    sheaf_error_clear(err);
    atomic_store(&ingest->records_done, 0);
    atomic_store(&ingest->files_done, 0);
    atomic_store(&ingest->shared->read_bytes, 0);
    return run(ingest, files, &presumes, summary, err);
}

/* How to go on, behind what has to be done about the fault itself. */
static void tell_committed(uint64_t n_files, sheaf_error *err)
{
    char first[sizeof err->hint];
    snprintf(first, sizeof first, "%s", err->hint);
    sheaf_error_hint(err, "%s%s%" PRIu64 " file%s before it %s committed: --resume goes on there",
                     first, first[0] ? "; " : "", n_files, n_files == 1 ? "" : "s",
                     n_files == 1 ? "is" : "are");
}

sheaf_status sheaf_ingest_run(sheaf_ingest *ingest, const sheaf_files *files,
                              sheaf_summary *summary, sheaf_error *err)
{
    sheaf_summary unwanted;
    sheaf_error unseen;
    if (!summary)
        summary = &unwanted;
    if (!err)
        err = &unseen; /* the workers need one */
    sheaf_error_clear(err);
    *summary = (sheaf_summary){0};
    if (atomic_exchange(&ingest->was_run, true))
        return sheaf_error_set(err, SHEAF_ESTATE, "this ingest was run before: create another one");
    atomic_store(&ingest->files, sheaf_files_count(files));
    atomic_store(&ingest->size_bytes, size_of_all(ingest, files));
    int64_t begun = sheaf__now_ns();
    bool presumes = true;
    sheaf_status status = run(ingest, files, &presumes, summary, err);
    if (status < 0 && presumes)
        status = run_again(ingest, files, summary, err);
    if (status < 0 && summary->files_committed > 0)
        tell_committed(summary->files_committed, err);
    summary->seconds = (double)(sheaf__now_ns() - begun) / 1e9;
    return status;
}
