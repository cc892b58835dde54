/*
 * The public face of an ingest, <sheaf/ingest.h>, and the order of its phases:
 *
 *     open the destination -> read headers -> begin -> read rows -> verify the account -> commit
 *
 * A destination that keeps nothing needs no headers beforehand. Everything that can be refused
 * without reading a file is refused before one is read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/system.h"
#include "engine/ingest/load.h"
#include "readers/scan/scan.h"

enum {
    RECORD_BYTES_MAX = 64 << 20,
    RECORD_BYTES_LIMIT = 1 << 30, /* cells count in 32 bits */
    CHUNK_BYTES = 1 << 20,
    TYPED_CHUNK_BYTES = 256 << 10, /* text, cells and values stay in the L2 cache */
    ARENA_CHUNK_BYTES = 4 << 10,
    CHUNK_BYTES_MIN = 64 << 10,
    CHUNKS_BYTES_IN_ALL = 16 << 20, /* of the window, when there are many workers */
    WORKERS_MAX = 1024,
    WINDOW_PER_WORKER = 4,
    FILES_KEPT_FREE = 16 /* descriptors that are not for input files */
};

struct sheaf_ingest {
    sheaf_ingest_options options; /* const after create */
    char *destination;
    char *format;
    char *table;
    sheaf_arena *arena; /* permanent, for the texts of options, and the columns */
    sheaf__typing typing;
    sheaf_column *columns; /* of the table, after the run */
    size_t n_columns;
    sheaf__sink_target target;
    sheaf__shared own_shared;
    sheaf__shared *shared; /* it, or a page that worker processes see too */
    int shared_fd;         /* of that page, or -1 */
    atomic_bool was_run;
    atomic_ullong records_done;
    atomic_ullong files_done;
    atomic_ullong files;
    atomic_ullong size_bytes;
};

/* ---- create ---- */

static sheaf_status check_options(const sheaf_ingest_options *options, sheaf_error *err)
{
    if (!options->destination || !options->destination[0])
        return sheaf_error_set(err, SHEAF_EINVAL, "an ingest needs a destination");
    if (options->workers < 0 || options->workers > WORKERS_MAX)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "there can be 1 to %d workers, not %d (0 chooses)", WORKERS_MAX,
                               options->workers);
    if (options->delimiter == '"' || options->delimiter == '\n' || options->delimiter == '\r' ||
        (unsigned char)options->delimiter >= 0x80)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "fields are separated by one ASCII character that is not a "
                               "quote or a line end");
    if (options->record_bytes_max > RECORD_BYTES_LIMIT)
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "the limit of a record's size can be %d bytes at most",
                               RECORD_BYTES_LIMIT);
    if (options->chunk_bytes > RECORD_BYTES_LIMIT)
        return sheaf_error_set(err, SHEAF_EINVAL, "chunk_bytes can be %d at most",
                               RECORD_BYTES_LIMIT);
    if ((unsigned)options->executor > SHEAF_EXECUTOR_PROCESSES)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such kind of executor");
    if ((unsigned)options->parser > SHEAF_PARSER_LIBCSV)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such parser");
    if ((unsigned)options->typing > SHEAF_TYPING_TEXT)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such way to find out types");
    for (size_t i = 0; i < options->n_types; i++)
        if ((unsigned)options->types[i].type - 1 >= SHEAF_TYPES - 1)
            return sheaf_error_set(err, SHEAF_EINVAL, "there is no such type to ask for");
    if (options->table && !options->table[0])
        return sheaf_error_set(err, SHEAF_EINVAL, "the table needs a name");
    return sheaf__scan_check(err);
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

/* Destinations that keep text as it was spelled have no types. */
static bool has_types(const sheaf_ingest *ingest)
{
    return ingest->target.kind == SHEAF__SINK_SQLITE || ingest->target.kind == SHEAF__SINK_NULL;
}

static sheaf_status copy_typing(sheaf_ingest *ingest, sheaf_error *err)
{
    const sheaf_ingest_options *options = &ingest->options;
    sheaf__typing given = {.nulls = {.tokens = options->nulls, .n = options->n_nulls},
                           .asked = {.items = options->types, .n = options->n_types}};
    if (given.asked.n > 0 && !has_types(ingest)) {
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

static bool copy_text(char **to, const char *from)
{
    *to = from ? strdup(from) : NULL;
    return !from || *to;
}

sheaf_status sheaf_ingest_create(const sheaf_ingest_options *options, sheaf_ingest **ingest,
                                 sheaf_error *err)
{
    sheaf_ingest_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_ingest_options",
                                              err);
    if (status == SHEAF_OK)
        status = check_options(&own, err);
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
        !copy_text(&made->format, options->format) || !copy_text(&made->table, options->table))
        status = sheaf__error_memory(err, "an ingest");
    if (status == SHEAF_OK)
        status = sheaf__sink_parse(made->destination, made->format, made->table, &made->target,
                                   err);
    if (status == SHEAF_OK)
        status = copy_typing(made, err);
    if (status < 0) {
        sheaf_ingest_destroy(made);
        return status;
    }
    made->target.if_exists = options->if_exists;
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
    return (sheaf_progress){
        .read_bytes = atomic_load_explicit(&ingest->shared->read_bytes, memory_order_relaxed),
        .size_bytes = atomic_load_explicit(&ingest->size_bytes, memory_order_relaxed),
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
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        if (file->device != st.st_dev || file->inode != st.st_ino)
            continue;
        sheaf_error_set(err, SHEAF_EINVAL, "the destination is also one of the sources");
        sheaf__error_source(err, file->path);
        sheaf_error_hint(err,
                         "write it outside the directory that is read, or name the files to read");
        return SHEAF_EINVAL;
    }
    return SHEAF_OK;
}

static bool infers(const sheaf_ingest *ingest)
{
    return has_types(ingest) && ingest->options.typing == SHEAF_TYPING_INFER;
}

static bool surveys(const sheaf_ingest *ingest)
{
    return infers(ingest) || ingest->typing.asked.n > 0;
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
                 (ingest->options.on_error == SHEAF_ON_ERROR_SKIP_FILE || surveys(ingest));
    return twice ? bytes * 2 : bytes;
}

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

/*
 * How many workers, how many files in flight, how large a chunk: all bounded, whatever is asked
 * for.
 */
static void choose_sizes(sheaf__load *load, int *workers)
{
    const sheaf_ingest_options *options = load->options;
    size_t descriptors = sheaf__open_files_left();
    size_t files_max = descriptors > 2 * FILES_KEPT_FREE ? descriptors - FILES_KEPT_FREE
                                                         : descriptors / 2 + 1;
    size_t wanted = options->workers > 0 ? (size_t)options->workers
                                         : (size_t)sheaf__processor_count();
    wanted = at_most(wanted, at_most(files_max, WORKERS_MAX));
    bool sequential = options->executor == SHEAF_EXECUTOR_SEQUENTIAL;
    *workers = sequential ? 1 : (int)wanted;
    load->window = sequential ? 1 : at_most(wanted * WINDOW_PER_WORKER, files_max);
    size_t usual = load->wants_columns ? TYPED_CHUNK_BYTES : CHUNK_BYTES;
    size_t share = at_most(CHUNKS_BYTES_IN_ALL / load->window, usual);
    load->chunk_bytes = share > CHUNK_BYTES_MIN ? share : CHUNK_BYTES_MIN;
    if (options->chunk_bytes > 0)
        load->chunk_bytes = options->chunk_bytes;
}

static void destroy_reader(void *reader)
{
    sheaf__reader_destroy(reader);
}

static void destroy_columns(void *columns)
{
    sheaf__columns_destroy(columns);
}

static void destroy_batch(void *batch)
{
    sheaf__batch_destroy(batch);
}

static sheaf_status load_init(sheaf__load *load, sheaf_ingest *ingest, const sheaf_files *files,
                              sheaf_summary *summary, sheaf_error *err)
{
    size_t n_files = sheaf_files_count(files);
    *load = (sheaf__load){.options = &ingest->options,
                          .files = files,
                          .summary = summary,
                          .shared = ingest->shared,
                          .typing = ingest->typing,
                          .infers = infers(ingest),
                          .surveys = surveys(ingest),
                          .records_done = &ingest->records_done,
                          .files_done = &ingest->files_done};
    size_t record_max = ingest->options.record_bytes_max;
    load->reader_options = (sheaf__reader_options){
        .by_libcsv = ingest->options.parser == SHEAF_PARSER_LIBCSV,
        .record_bytes_max = record_max ? record_max : RECORD_BYTES_MAX,
        .nulls = ingest->typing.nulls.n > 0 ? &ingest->typing.nulls : NULL,
        .stop = &ingest->shared->stop};
    sheaf__freelist_init(&load->readers);
    sheaf__freelist_init(&load->batches);
    sheaf__freelist_init(&load->columns);
    sheaf_status status = sheaf__schema_init(&load->schema, err);
    if (status < 0)
        return status;
    load->states = calloc(n_files > 0 ? n_files : 1, sizeof *load->states);
    if (!load->states)
        return sheaf__error_memory(err, "the list of files");
    for (size_t i = 0; i < n_files; i++)
        load->states[i] = (sheaf__load_file){
            .load = load, .found = sheaf_files_at(files, i), .layout = SHEAF__NO_NAME};
    return SHEAF_OK;
}

/* The workers' heaps must outlive the batches, and the tasks everything else. */
static void load_end(sheaf__load *load)
{
    if (load->executor)
        sheaf_executor_shutdown(load->executor, true, true);
    if (load->stream_executor)
        sheaf_executor_shutdown(load->stream_executor, true, true);
    for (size_t i = 0; load->states && i < sheaf_files_count(load->files); i++) {
        sheaf__reader_destroy(load->states[i].reader);
        sheaf__chunk_release(load->states[i].faulty);
    }
    free(load->states);
    sheaf__freelist_end(&load->readers, destroy_reader);
    sheaf__freelist_end(&load->batches, destroy_batch);
    sheaf__freelist_end(&load->columns, destroy_columns);
    sheaf__schema_end(&load->schema);
    sheaf_executor_destroy(load->stream_executor);
    sheaf_executor_destroy(load->executor);
}

/* What sheaf_ingest_columns() tells, when the schema is gone. */
static sheaf_status keep_columns(sheaf_ingest *ingest, const sheaf__load *load, sheaf_error *err)
{
    size_t n = load->schema.columns.n_items;
    sheaf_column *columns = sheaf_arena_new(ingest->arena, sheaf_column, n);
    if (!columns)
        return sheaf__error_memory(err, "the columns");
    for (size_t i = 0; i < n; i++) {
        const sheaf__name *name = &load->schema.columns.items[i];
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

static sheaf_status run_phases(sheaf_ingest *ingest, sheaf__load *load, sheaf_error *err)
{
    sheaf__sink *sink = load->sink;
    sheaf_status status = SHEAF_OK;
    if (sink->wants_rows)
        status = sheaf__merge_headers(load, err);
    if (status == SHEAF_OK && sink->wants_columns)
        status = sheaf__types_decide(load, err);
    if (status == SHEAF_OK)
        status = sink->ops->begin(sink, &load->schema.columns, load->types, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_rows(load, err);
    if (status == SHEAF_OK && !sink->wants_columns)
        status = sheaf__types_decide(load, err);
    if (status == SHEAF_OK)
        status = keep_columns(ingest, load, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_verify(load, err);
    if (status == SHEAF_OK && atomic_load_explicit(&load->shared->stop, memory_order_relaxed))
        status = sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled: nothing was committed");
    if (status == SHEAF_OK)
        status = sink->ops->commit(sink, err);
    if (status < 0)
        sink->ops->abort(sink);
    return status;
}

static sheaf_status run(sheaf_ingest *ingest, const sheaf_files *files, sheaf_summary *summary,
                        sheaf_error *err)
{
    sheaf__load load;
    sheaf_status status = load_init(&load, ingest, files, summary, err);
    if (status == SHEAF_OK)
        status = refuse_own_source(ingest, files, err);
    if (status == SHEAF_OK)
        status = sheaf__sink_open(&ingest->target, &load.sink, err);
    if (status == SHEAF_OK) {
        memcpy(summary->destination, load.sink->label, sizeof summary->destination);
        load.wants_rows = load.sink->wants_rows;
        load.wants_columns = load.sink->wants_columns;
        choose_sizes(&load, &summary->workers);
        status = sheaf__ask_start(&load, ingest->shared_fd, err);
        if (status == SHEAF_OK)
            status = run_phases(ingest, &load, err);
        else
            load.sink->ops->abort(load.sink);
        summary->columns = load.schema.columns.n_items;
        summary->columns_renamed = load.sink->columns_renamed;
        load.sink->ops->destroy(load.sink);
    }
    load_end(&load);
    return status;
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
    sheaf_status status = run(ingest, files, summary, err);
    summary->seconds = (double)(sheaf__now_ns() - begun) / 1e9;
    return status;
}
