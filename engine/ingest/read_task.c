/*
 * What workers do for an ingest: see load.h.
 *
 * A worker brings the parser, a file brings its reader; readers and batches come from free lists,
 * so that in the steady state a file costs an open, two reads, and no allocation but its chunk.
 *
 * With --on-error skip-file a file must be known to be good before its columns are united with the
 * others' and the first of its rows moves on: what has gone down a pipe cannot be taken back. A
 * destination with types must know them before the first row. So the header's task then reads the
 * file to its end, keeping nothing (but see keep.c), and the file is read twice.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/executor/worker_heap.h"
#include "engine/ingest/keep.h"
#include "engine/ingest/load.h"
#include "engine/ingest/presume.h"
#include "engine/ingest/rejects.h"

enum {
    CHUNK_SLACK_BYTES = 16 << 10,
    DENSE_RATIO = 16,           /* so much more than a range of text takes may one of blocks, */
    DENSE_BYTES_MIN = 64 << 10, /* and as much as a block */
    RANGE_REJECTS_MIN = 64 << 10,
    SMALL_RANGES = 8, /* make a usual one; but they are not that small: */
    SMALL_RANGE_MIN = 64 << 10
};

sheaf_status sheaf__load_init_worker(sheaf_worker *worker, void *load, sheaf_error *err)
{
    (void)load;
    sheaf__load_worker *local = calloc(1, sizeof *local);
    if (!local)
        return sheaf__error_memory(err, "a worker");
    sheaf_worker_set_local(worker, local);
    local->trace_row = sheaf_worker_trace_row(worker);
    local->parser = sheaf__parser_create();
    return local->parser ? SHEAF_OK : sheaf__error_memory(err, "a worker's parser");
}

void sheaf__load_end_worker(sheaf_worker *worker, void *load)
{
    (void)load;
    sheaf__load_worker *local = sheaf_worker_local(worker);
    if (local) {
        sheaf__parser_destroy(local->parser);
        sheaf__projection_end(&local->projection);
    }
    free(local);
}

static sheaf__parser *parser_of(const sheaf_worker *worker)
{
    const sheaf__load_worker *local = sheaf_worker_local(worker);
    return local->parser;
}

void sheaf__load_close_file(sheaf__load_file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

size_t sheaf__load_index(const sheaf__load_file *file)
{
    return (size_t)(file - file->load->states);
}

static sheaf__batch *take_batch(sheaf__load *load, sheaf_worker *worker)
{
    return sheaf__load_take_batch(load, sheaf__worker_heap(worker));
}

/* Failures of the run, not faults of the file: what is loaded must not depend on the machine. */
static bool is_fatal(sheaf_status status)
{
    return status == SHEAF_ENOMEM || status == SHEAF_ERESOURCE || status == SHEAF_ECANCELLED;
}

/*
 * A task ends: a fault goes into the chunk, with the path; so does the end of the file. In both
 * cases the reader is done. Returns OK, or the failure of the task.
 */
static sheaf_status conclude(sheaf__chunk *chunk, sheaf_status status, sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    if (is_fatal(status)) {
        sheaf__error_source(err, chunk->file->found->path);
        return status;
    }
    if (chunk->reader) {
        chunk->counts = sheaf__reader_counts_get(chunk->reader);
        chunk->end = sheaf__reader_tell(chunk->reader);
    }
    if (status < 0) {
        chunk->counts.text_bytes = chunk->end.offset_bytes; /* what is read ahead is chance */
        chunk->fault = malloc(sizeof *chunk->fault);
        if (!chunk->fault)
            return sheaf__error_memory(err, "an error");
        *chunk->fault = *err;
        sheaf__error_source(chunk->fault, chunk->file->found->path);
    }
    if (status != SHEAF_OK) {
        sheaf__load_give_reader(load, chunk->reader);
        chunk->reader = NULL;
    }
    chunk->more = chunk->reader != NULL;
    return SHEAF_OK;
}

static sheaf_status finish(sheaf__chunk *chunk, sheaf_status status, void **result,
                           sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    status = conclude(chunk, status, err);
    sheaf__budget_hold(chunk);
    if (status < 0)
        sheaf__chunk_release(chunk);
    else
        *result = chunk;
    sheaf__budget_answered(load);
    return status;
}

/* ---- reading ---- */

sheaf__reader_options sheaf__load_options_for(const sheaf__load_file *file, bool counted)
{
    const sheaf__load *load = file->load;
    sheaf__reader_options options = sheaf__file_options(load->options, file->found->path,
                                                        &file->dialect);
    options.n_columns = file->n_columns;
    options.nulls = load->typing.nulls.n > 0 ? &load->typing.nulls : NULL;
    options.refuses_nul = load->typing.refuses_nul;
    options.stop = &load->shared->stop;
    options.helper = load->has_helper ? &load->helper : NULL;
    options.splits_blocks = sheaf__load_may_split(load, file->found);
    if (counted)
        options.read_bytes = &load->shared->read_bytes;
    return options;
}

static sheaf_status open_file(sheaf__load_file *file, sheaf__reader *reader, bool counted,
                              sheaf_error *err)
{
    const sheaf__load *load = file->load;
    const sheaf_file *found = file->found;
    sheaf__reader_options options = sheaf__load_options_for(file, counted);
    if (sheaf__load_reads_twice(load))
        return sheaf__reader_open_spooled(reader, found, &options, err);
    return sheaf__reader_open(reader, found, &options, err);
}

/*
 * Give the chunk a reader that stands behind the header, and the header. END: the file has none.
 * What is read counts as progress if `counted`.
 */
static sheaf_status begin_file(sheaf_worker *worker, sheaf__chunk *chunk, bool counted,
                               sheaf_error *err)
{
    sheaf__load_file *file = chunk->file;
    bool again = file->reader && file->load->pass == SHEAF__PASS_SURVEY; /* all of a stream */
    if (file->reader && !again) { /* a stream: its header was read before */
        chunk->reader = file->reader;
        file->reader = NULL;
        sheaf__reader_count_into(chunk->reader, &file->load->shared->read_bytes);
        return sheaf__reader_columns(chunk->reader) > 0 ? SHEAF_OK : SHEAF_END;
    }
    chunk->reader = again ? file->reader : sheaf__load_take_reader(file->load);
    chunk->header = take_batch(file->load, worker);
    file->reader = NULL;
    if (!chunk->reader || !chunk->header)
        return sheaf__error_memory(err, "a reader");
    chunk->header->wants_places = false;
    sheaf__span span = sheaf__span_begin(worker, chunk);
    sheaf_status status = again ? sheaf__reader_rewind(chunk->reader, err)
                                : open_file(file, chunk->reader, counted, err);
    if (status == SHEAF_OK)
        status = sheaf__reader_header(chunk->reader, parser_of(worker), chunk->header, err);
    if (status == SHEAF_OK && sheaf__types_ask(file, chunk->header) < 0)
        status = sheaf__error_memory(err, "the types");
    sheaf__span_end(&span, file->dialect.delimiter ? SHEAF__WORK_OPEN : SHEAF__WORK_SNIFF);
    if (status != SHEAF_OK) {
        sheaf__load_give_batch(file->load, chunk->header);
        chunk->header = NULL;
    }
    return status;
}

/*
 * When a batch is full. A range is read to its end, which in plain text is not far; but what was
 * compressed well may have a thousand times as many bytes of text as are stored.
 */
static size_t batch_bytes_max(const sheaf__load *load, const sheaf__chunk *chunk)
{
    if (!chunk->split)
        return load->chunk_bytes;
    if (sheaf__reader_counts_get(chunk->reader).compression == SHEAF__COMPRESSION_NONE)
        return SIZE_MAX;
    size_t most = load->range_bytes * DENSE_RATIO;
    return most > DENSE_BYTES_MIN ? most : DENSE_BYTES_MIN;
}

/*
 * A range with more text than that. From where a record was known to begin, reading just goes on,
 * as in a file that is not split; what was guessed is given up, and the merge asks again.
 */
static void handle_dense(sheaf__chunk *chunk, bool guess)
{
    sheaf__load *load = chunk->file->load;
    if (!guess) {
        chunk->split = false;
        sheaf__reader_unlimit(chunk->reader);
        sheaf__reader_count_into(chunk->reader, &load->shared->read_bytes);
        return;
    }
    chunk->dense = true;
    sheaf__rejects_end(&chunk->rejects);
    sheaf__load_give_batch(load, chunk->batch);
    sheaf__load_give_block(load, chunk->block);
    sheaf__columns_give(chunk->columns);
    chunk->batch = NULL;
    chunk->block = NULL;
    chunk->columns = NULL;
    sheaf__load_give_reader(load, chunk->reader);
    chunk->reader = NULL;
}

static sheaf_status read_batch(sheaf_worker *worker, sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    /*
     * All the room of a chunk at once: growing would leave the smaller arrays behind in the arena.
     */
    size_t n_bytes = (chunk->split ? load->range_bytes : load->chunk_bytes) + CHUNK_SLACK_BYTES;
    size_t n_cells = chunk->split ? n_bytes : n_bytes / sizeof(sheaf__cell);
    chunk->batch = take_batch(load, worker);
    if (!chunk->batch || sheaf__batch_reserve(chunk->batch, n_bytes, n_cells) < 0)
        return sheaf__error_memory(err, "a batch");
    sheaf_status status = sheaf__reader_next(chunk->reader, parser_of(worker), chunk->batch,
                                             batch_bytes_max(load, chunk), err);
    sheaf_error fill_error;
    if (sheaf__digest_batch(chunk, chunk->batch, &fill_error) < 0) { /* while they are text */
        sheaf__error_copy(err, &fill_error);
        return SHEAF_ENOMEM;
    }
    sheaf__load_worker *local = sheaf_worker_local(worker);
    sheaf__span span = sheaf__span_begin(worker, chunk);
    sheaf_status filled = load->wants_columns
                              ? sheaf__chunk_fill(load, chunk, &fill_error)
                              : sheaf__chunk_format(&local->projection, chunk, &fill_error);
    if (load->sink || load->wants_columns) /* else there was nothing to do */
        sheaf__span_end(&span, load->wants_columns ? SHEAF__WORK_CONVERT : SHEAF__WORK_FORMAT);
    if (filled == SHEAF_OK)
        return status;
    sheaf__error_copy(err, &fill_error);
    return filled;
}

/*
 * Of records that are only counted, those with faults make a chunk: so much, and as much again. A
 * range is read to its end; where it has much more of them than usual, the rest of its file is read
 * one chunk after the other, as if dense.
 */
static size_t rejects_bytes_max(const sheaf__load *load, const sheaf__chunk *chunk)
{
    if (!chunk->split)
        return load->chunk_bytes;
    return load->range_bytes > RANGE_REJECTS_MIN ? load->range_bytes : RANGE_REJECTS_MIN;
}

/* Let records with faults be set aside, if that is what is done with them. */
static void set_aside(sheaf__chunk *chunk, bool counts_only)
{
    chunk->rejects.counts_only = counts_only;
    sheaf__reader_check_types(chunk->reader, &chunk->file->asked);
    sheaf__reader_set_aside(chunk->reader, chunk->file->load->sets_aside ? &chunk->rejects : NULL);
}

/* What the sink wants of the next rows: them; or only that somebody has looked at all of them. */
static sheaf_status read_rows(sheaf_worker *worker, sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    sheaf_status status;
    size_t rejects_max = rejects_bytes_max(load, chunk);
    bool surveys = load->surveys && (!load->wants_rows || load->pass == SHEAF__PASS_SURVEY);
    sheaf__span span = sheaf__span_begin_reading(worker, chunk);
    set_aside(chunk, load->pass == SHEAF__PASS_SURVEY);
    if (load->wants_rows && load->pass != SHEAF__PASS_SURVEY)
        status = read_batch(worker, chunk, err);
    else if (surveys)
        status = sheaf__survey_file(worker, parser_of(worker), chunk, rejects_max, err);
    else if (load->digests && load->pass == SHEAF__PASS_ROWS)
        status = sheaf__digest_file(worker, parser_of(worker), chunk, rejects_max, err);
    else
        status = sheaf__reader_next(chunk->reader, parser_of(worker), NULL, rejects_max, err);
    sheaf__span_end(&span, surveys ? SHEAF__WORK_SURVEY : SHEAF__WORK_READ);
    chunk->flush = sheaf__reader_is_waiting(chunk->reader);
    return status;
}

/*
 * Read the file to its end, keeping nothing: is all of it good, and what does it hold? A stream,
 * which was spooled, is then read from its beginning again, up to where it was.
 */
static sheaf_status survey(sheaf_worker *worker, sheaf__chunk *chunk, bool is_stream,
                           sheaf_error *err)
{
    sheaf__parser *parser = parser_of(worker);
    sheaf__span span = sheaf__span_begin_reading(worker, chunk);
    set_aside(chunk, true);
    sheaf_status status = chunk->file->load->surveys
                              ? sheaf__survey_file(worker, parser, chunk, SIZE_MAX, err)
                              : sheaf__reader_next(chunk->reader, parser, NULL, SIZE_MAX, err);
    sheaf__span_end(&span, SHEAF__WORK_SURVEY);
    sheaf__reader_counts counts = sheaf__reader_counts_get(chunk->reader);
    if (status == SHEAF_END && chunk->file->load->judges && sheaf__is_misjudged(&counts)) {
        chunk->misjudged = true;
        return sheaf__misjudged(&counts, err);
    }
    if (status != SHEAF_END || !is_stream)
        return status;
    sheaf__batch_clear(chunk->header, SIZE_MAX);
    status = sheaf__reader_rewind(chunk->reader, err);
    return status == SHEAF_OK ? sheaf__reader_header(chunk->reader, parser, chunk->header, err)
                              : status;
}

/* It cannot be opened again. */
static void keep_stream(sheaf__load_file *file, sheaf__chunk *chunk)
{
    chunk->counts = sheaf__reader_counts_get(chunk->reader);
    file->reader = chunk->reader;
    chunk->reader = NULL;
}

size_t sheaf__load_range_bytes(const sheaf__load *load, const sheaf_file *file)
{
    bool plain = sheaf__compression_of_name(file->path) == SHEAF__COMPRESSION_NONE;
    return plain ? load->range_bytes : load->blocks_range_bytes;
}

size_t sheaf__load_small_range_bytes(const sheaf__load *load, const sheaf_file *file)
{
    size_t usual = sheaf__load_range_bytes(load, file);
    size_t small = usual / SMALL_RANGES;
    if (small < SMALL_RANGE_MIN)
        small = SMALL_RANGE_MIN;
    return small < usual ? small : usual;
}

bool sheaf__load_may_split(const sheaf__load *load, const sheaf_file *file)
{
    return load->range_bytes > 0 && file->kind == SHEAF_FILE_REGULAR &&
           file->size_bytes / 2 > sheaf__load_range_bytes(load, file);
}

bool sheaf__load_reads_twice(const sheaf__load *load)
{
    return load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE ||
           (load->surveys && load->wants_rows);
}

static bool can_split(const sheaf__chunk *chunk)
{
    return sheaf__load_may_split(chunk->file->load, chunk->file->found) &&
           sheaf__reader_has_ranges(chunk->reader);
}

sheaf_status sheaf__load_header(sheaf_worker *worker, void *argument, void **result,
                                sheaf_error *err)
{
    sheaf__load_file *file = argument;
    sheaf__chunk *chunk = sheaf__chunk_create(file);
    if (!chunk)
        return sheaf__error_memory(err, "a chunk");
    bool is_stream = file->found->kind != SHEAF_FILE_REGULAR;
    bool whole = sheaf__load_reads_twice(file->load);
    sheaf_status status = begin_file(worker, chunk, whole, err);
    chunk->split = status == SHEAF_OK && can_split(chunk);
    chunk->is_sampled = status == SHEAF_OK && sheaf__presume_samples(chunk);
    if (status == SHEAF_OK && whole && (!chunk->split || chunk->is_sampled))
        status = survey(worker, chunk, is_stream, err);
    if (status >= 0 && is_stream)
        keep_stream(file, chunk);
    return finish(chunk, status, result, err);
}

static bool is_its_turn(const sheaf__load_file *file)
{
    const sheaf__budget_of_rows *budget = &file->load->budget;
    return atomic_load_explicit(&budget->turn, memory_order_relaxed) == sheaf__load_index(file);
}

/* What holds no rows takes nothing of the budget. */
static bool declines(sheaf__chunk *chunk)
{
    const sheaf__load *load = chunk->file->load;
    chunk->declined = load->wants_rows && load->pass == SHEAF__PASS_ROWS &&
                      sheaf__budget_is_spent(load);
    return chunk->declined;
}

/* What is known of the file since its header was read: that it has a fault, or its rows. */
static sheaf__chunk *take_early(sheaf__load_file *file)
{
    sheaf__chunk *faulty = file->faulty;
    file->faulty = NULL;
    return faulty ? faulty : sheaf__kept_take(file);
}

sheaf_status sheaf__load_first(sheaf_worker *worker, void *argument, void **result,
                               sheaf_error *err)
{
    sheaf__load_file *file = argument;
    sheaf__chunk *chunk = take_early(file);
    if (chunk) {
        *result = chunk;
        sheaf__budget_answered(file->load);
        return SHEAF_OK;
    }
    bool surveys_stream = file->load->pass == SHEAF__PASS_SURVEY &&
                          file->found->kind != SHEAF_FILE_REGULAR;
    chunk = sheaf__chunk_create(file);
    if (!chunk)
        return sheaf__error_memory(err, "a chunk");
    if (!is_its_turn(file) && declines(chunk))
        return finish(chunk, SHEAF_OK, result, err);
    sheaf_status status = begin_file(worker, chunk, true, err);
    if (status == SHEAF_OK && can_split(chunk)) {
        sheaf__load_close_file(file);
        file->fd = sheaf__reader_share(chunk->reader);
        chunk->split = true;
        sheaf__reader_limit(chunk->reader, sheaf__load_small_range_bytes(file->load, file->found));
    }
    if (status == SHEAF_OK)
        status = surveys_stream ? survey(worker, chunk, true, err) : read_rows(worker, chunk, err);
    if (status >= 0 && surveys_stream)
        keep_stream(file, chunk);
    if (status == SHEAF_OK && chunk->split)
        handle_dense(chunk, false);
    return finish(chunk, status, result, err);
}

sheaf_status sheaf__load_range_of(sheaf_worker *worker, const sheaf__range *range, void **result,
                                  sheaf_error *err)
{
    sheaf__load_file *file = range->file;
    sheaf__chunk *chunk = sheaf__chunk_create(file);
    if (!chunk)
        return sheaf__error_memory(err, "a chunk");
    if (range->guess && declines(chunk))
        return finish(chunk, SHEAF_OK, result, err);
    chunk->reader = sheaf__load_take_reader(file->load);
    chunk->split = true;
    if (!chunk->reader) {
        sheaf__chunk_release(chunk);
        return sheaf__error_memory(err, "a reader");
    }
    sheaf__reader_options options = sheaf__load_options_for(
        file, range->guess); /* or it was counted before */
    sheaf__span span = sheaf__span_begin(worker, chunk);
    span.first_byte = range->from.counts.stored_bytes;
    sheaf_status status = sheaf__reader_open_range(chunk->reader, file->found, &options,
                                                   &range->from, range->end_bytes, file->fd, err);
    if (range->guess)
        sheaf__reader_give_up_beyond(chunk->reader, file->load->range_bytes);
    if (status == SHEAF_OK && range->guess)
        status = sheaf__reader_guess_record(chunk->reader, parser_of(worker), err);
    sheaf__span_end(&span, range->guess ? SHEAF__WORK_GUESS : SHEAF__WORK_OPEN);
    chunk->begin = sheaf__reader_tell(chunk->reader);
    chunk->begin.block_bytes = sheaf__reader_first_block(chunk->reader);
    if (status == SHEAF_OK)
        status = read_rows(worker, chunk, err);
    if (status == SHEAF_OK)
        handle_dense(chunk, range->guess);
    return finish(chunk, status, result, err);
}

sheaf_status sheaf__load_range(sheaf_worker *worker, void *range, void **result, sheaf_error *err)
{
    return sheaf__load_range_of(worker, range, result, err);
}

sheaf_status sheaf__load_more(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    sheaf__chunk *before = argument;
    sheaf__chunk *chunk = sheaf__chunk_create(before->file);
    if (!chunk)
        return sheaf__error_memory(err, "a chunk");
    chunk->reader = before->reader;
    before->reader = NULL;
    return finish(chunk, read_rows(worker, chunk, err), result, err);
}

sheaf_status sheaf__load_at(sheaf_worker *worker, sheaf__load_file *file,
                            const sheaf__reader_position *position, void **result, sheaf_error *err)
{
    sheaf__chunk *chunk = sheaf__chunk_create(file);
    if (!chunk)
        return sheaf__error_memory(err, "a chunk");
    chunk->reader = sheaf__load_take_reader(file->load);
    if (!chunk->reader) {
        sheaf__chunk_release(chunk);
        return sheaf__error_memory(err, "a reader");
    }
    sheaf__reader_options options = sheaf__load_options_for(file, true);
    sheaf_status status = sheaf__reader_open_at(chunk->reader, file->found, &options, position,
                                                err);
    if (status == SHEAF_OK)
        status = read_rows(worker, chunk, err);
    return finish(chunk, status, result, err);
}
