/*
 * A load begins and ends: see load.h. How many workers there are, how many files are in flight, how
 * large a chunk is: all of it is bounded, whatever is asked for.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/ingest/added.h"
#include "engine/ingest/keep.h"
#include "engine/ingest/rejects.h"
#include "engine/ingest/resume.h"

enum {
    CHUNK_BYTES = 1 << 20,
    TYPED_CHUNK_BYTES = 256 << 10, /* text, cells and values stay in the L2 cache */
    CHUNK_BYTES_MIN = 64 << 10,
    MEMORY_BYTES = 64 << 20,
    MEMORY_BYTES_MIN = 1 << 20,
    KEPT_SHARE = 2,        /* of the memory, and what is in flight has the other half */
    CHUNKS_SHARE = 4,      /* of the memory: a fourth, and as much again in cells */
    RANGES_SHARE = 2,      /* a half, cells included */
    BUDGET_SHARE = 4,      /* all but a fourth: for chunks that turn out larger than that */
    RANGE_BYTES = 4 << 20, /* of a file, if nothing of it is kept */
    ROWS_RANGE_BYTES = 512 << 10,
    BLOCKS_RATIO = 4,                /* BGZF: text to what is stored, about */
    COLUMNS_SLACK_BYTES = 512 << 10, /* so much of it columns keep for their next use */
    WINDOW_PER_WORKER = 4,
    FILES_KEPT_FREE = 16 /* descriptors that are not for input files */
};

/* ---- what kind of load ---- */

/* Destinations that keep text as it was spelled have no types. */
bool sheaf__ingest_has_types(const sheaf_ingest *ingest)
{
    return sheaf__sink_has_types(&ingest->target);
}

static bool infers(const sheaf_ingest *ingest)
{
    return sheaf__ingest_has_types(ingest) && ingest->options.typing == SHEAF_TYPING_INFER;
}

bool sheaf__ingest_surveys(const sheaf_ingest *ingest)
{
    return infers(ingest) || ingest->typing.asked.n > 0;
}

/* ---- sizes ---- */

static size_t at_most(size_t value, size_t limit)
{
    return value < limit ? value : limit;
}

static size_t memory_of(const sheaf__load *load)
{
    size_t bytes = load->options->memory_bytes ? load->options->memory_bytes : MEMORY_BYTES;
    return bytes > MEMORY_BYTES_MIN ? bytes : MEMORY_BYTES_MIN;
}

/* A byte of text may become a cell: so much may a window of ranges take. */
static size_t range_for_rows(const sheaf__load *load)
{
    size_t share = memory_of(load) / RANGES_SHARE / load->window / (1 + sizeof(sheaf__cell));
    share = at_most(share, at_most(load->chunk_bytes, ROWS_RANGE_BYTES));
    return share > CHUNK_BYTES_MIN ? share : CHUNK_BYTES_MIN;
}

sheaf_status sheaf__load_choose_sizes(sheaf__load *load, sheaf_error *err)
{
    const sheaf_ingest_options *options = load->options;
    size_t descriptors = sheaf__open_files_left();
    size_t files_max = descriptors > 2 * FILES_KEPT_FREE ? descriptors - FILES_KEPT_FREE
                                                         : descriptors / 2 + 1;
    size_t wanted = options->workers > 0 ? (size_t)options->workers
                                         : (size_t)sheaf__processor_count();
    wanted = at_most(wanted, at_most(files_max, SHEAF__WORKERS_MAX));
    bool sequential = options->executor == SHEAF_EXECUTOR_SEQUENTIAL;
    /* A file may be open in a task beside those that wait for their turn. */
    size_t waiting_max = files_max > wanted ? files_max - wanted : 1;
    load->summary->workers = sequential ? 1 : (int)wanted;
    load->window = sequential ? 1 : at_most(wanted * WINDOW_PER_WORKER, waiting_max);
    size_t usual = load->wants_columns ? TYPED_CHUNK_BYTES : CHUNK_BYTES;
    size_t for_chunks = memory_of(load) / CHUNKS_SHARE;
    load->window = at_most(load->window, for_chunks / CHUNK_BYTES_MIN); /* smaller is no use */
    size_t share = at_most(for_chunks / load->window, usual);
    load->chunk_bytes = share > CHUNK_BYTES_MIN ? share : CHUNK_BYTES_MIN;
    if (options->chunk_bytes > 0)
        load->chunk_bytes = options->chunk_bytes;
    bool can_split = load->summary->workers > 1 && options->on_error != SHEAF_ON_ERROR_SKIP_FILE;
    /* Who goes on behind all faults may have very many of them. */
    bool keeps_something = load->wants_rows || options->on_error == SHEAF_ON_ERROR_CONTINUE;
    if (can_split)
        load->range_bytes = keeps_something ? range_for_rows(load) : RANGE_BYTES;
    load->blocks_range_bytes = load->range_bytes / BLOCKS_RATIO > CHUNK_BYTES_MIN
                                   ? load->range_bytes / BLOCKS_RATIO
                                   : CHUNK_BYTES_MIN;
    if (can_split && options->chunk_bytes > 0)
        load->range_bytes = load->blocks_range_bytes = options->chunk_bytes;
    if (load->wants_columns && load->surveys && options->executor != SHEAF_EXECUTOR_PROCESSES)
        load->kept_max = (memory_of(load) - MEMORY_BYTES_MIN) / KEPT_SHARE;
    load->budget.limit_bytes = memory_of(load) / BUDGET_SHARE * (BUDGET_SHARE - 1);
    if (load->kept_max > 0)
        load->budget.limit_bytes = memory_of(load) - load->kept_max;
    load->columns = sheaf__columns_pool_create(load->chunk_bytes * 4 + COLUMNS_SLACK_BYTES);
    return load->columns ? SHEAF_OK : sheaf__error_memory(err, "columns");
}

/* ---- from the beginning to the end ---- */

const sheaf_file *sheaf__load_find_source(const sheaf_files *files, const struct stat *st)
{
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        if (file->device == st->st_dev && file->inode == st->st_ino)
            return file;
    }
    return NULL;
}

static void destroy_reader(void *reader)
{
    sheaf__reader_destroy(reader);
}

static void destroy_batch(void *batch)
{
    sheaf__batch_destroy(batch);
}

static void destroy_block(void *block)
{
    sheaf__text_block_destroy(block);
}

sheaf_status sheaf__load_init(sheaf__load *load, sheaf_ingest *ingest, const sheaf_files *files,
                              sheaf_summary *summary, sheaf_error *err)
{
    size_t n_files = sheaf_files_count(files);
    *load = (sheaf__load){.options = &ingest->options,
                          .files = files,
                          .n_files = n_files,
                          .commits = ingest->target.kind == SHEAF__SINK_SQLITE ||
                                     ingest->target.kind == SHEAF__SINK_POSTGRES ||
                                     ingest->target.kind == SHEAF__SINK_FILE,
                          .summary = summary,
                          .shared = ingest->shared,
                          .told = &ingest->told,
                          .typing = ingest->typing,
                          .infers = infers(ingest),
                          .surveys = sheaf__ingest_surveys(ingest),
                          .digests = ingest->options.digest &&
                                     ingest->target.kind != SHEAF__SINK_STREAM,
                          .records_done = &ingest->records_done,
                          .files_done = &ingest->files_done};
    load->sets_aside = sheaf__rejects_are_kept(&ingest->options,
                                               ingest->target.kind == SHEAF__SINK_STREAM);
    load->judges = load->sets_aside && ingest->options.on_error != SHEAF_ON_ERROR_CONTINUE &&
                   ingest->options.rejects_max == 0 && ingest->options.rejects_percent_max <= 0;
    load->wants_places = sheaf__rules_want_places(&load->typing.rules);
    sheaf__traced_begin(&load->traced, ingest->options.trace);
    SHEAF__ATOMIC(load->budget);
    SHEAF__ATOMIC(load->kept_bytes);
    SHEAF__ATOMIC(load->planned_bytes);
    SHEAF__ATOMIC(load->guess);
    sheaf__freelist_init(&load->readers);
    sheaf__freelist_init(&load->batches);
    sheaf__freelist_init(&load->blocks);
    sheaf_status status = sheaf__schema_init(&load->schema, &load->typing.rules, err);
    if (status < 0)
        return status;
    load->states = calloc(n_files > 0 ? n_files : 1, sizeof *load->states);
    if (!load->states)
        return sheaf__error_memory(err, "the list of files");
    for (size_t i = 0; i < n_files; i++)
        load->states[i] = (sheaf__load_file){.load = load,
                                             .found = sheaf_files_at(files, i),
                                             .index = i,
                                             .dialect = ingest->options.dialect,
                                             .layout = SHEAF__NO_NAME,
                                             .fd = -1};
    return sheaf__added_name_files(load, err);
}

/* The workers' heaps must outlive the batches, and the tasks everything else. */
void sheaf__load_end(sheaf__load *load)
{
    if (load->executor)
        sheaf_executor_shutdown(load->executor, true, true);
    if (load->stream_executor)
        sheaf_executor_shutdown(load->stream_executor, true, true);
    for (size_t i = 0; load->states && i < load->n_files; i++) {
        sheaf__load_close_file(&load->states[i]);
        sheaf__reader_destroy(load->states[i].reader);
        sheaf__chunk_release(load->states[i].faulty);
        sheaf__chunk_release(load->states[i].kept);
        free(load->states[i].asked.items);
        free(load->states[i].guess);
        free(load->states[i].kinds);
    }
    sheaf__chunk_release(load->first_fault);
    sheaf__guess_destroy(atomic_load(&load->guess));
    free(load->states);
    sheaf__freelist_end(&load->readers, destroy_reader);
    sheaf__freelist_end(&load->batches, destroy_batch);
    sheaf__freelist_end(&load->blocks, destroy_block);
    sheaf__columns_pool_release(load->columns);
    sheaf__schema_end(&load->schema);
    sheaf__quarantine_destroy(load->quarantine);
    sheaf__quarantine_destroy(load->earlier_quarantine);
    sheaf__resume_end(load);
    sheaf__traced_end(&load->traced);
    free(load->left_out);
    sheaf_executor_destroy(load->stream_executor);
    sheaf_executor_destroy(load->sink_executor);
    sheaf_executor_destroy(load->executor);
}
