/*
 * What workers do for an ingest: see load.h.
 *
 * A worker brings the parser, a file brings its reader; readers and batches come from free lists, so that
 * in the steady state a file costs an open, two reads, and no allocation but its piece.
 *
 * With --on-error skip-file a file must be known to be good before its columns are united with the others' and
 * the first of its rows moves on: what has gone down a pipe cannot be taken back. So the header's task
 * then reads the file to its end, keeping nothing, and the file is read twice.
 */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/executor/worker_heap.h"
#include "engine/ingest/load.h"

enum { PIECE_SLACK_BYTES = 16 << 10 };

sheaf_status sheaf__load_init_worker(sheaf_worker *worker, void *load, sheaf_error *err)
{
    (void)load;
    sheaf__parser *parser = sheaf__parser_create();
    if (!parser)
        return sheaf__error_memory(err, "a worker's parser");
    sheaf_worker_set_local(worker, parser);
    return SHEAF_OK;
}

void sheaf__load_end_worker(sheaf_worker *worker, void *load)
{
    (void)load;
    sheaf__parser_destroy(sheaf_worker_local(worker));
}

size_t sheaf__load_index(const sheaf__load_file *file)
{
    return (size_t)(file - file->load->states);
}

/* ---- what is used again ---- */

static sheaf__batch *take_batch(sheaf__load *load, sheaf_worker *worker)
{
    sheaf__batch *batch = sheaf__freelist_pop(&load->batches);
    return batch ? batch : sheaf__batch_create(sheaf__worker_heap(worker));
}

static void give_batch(sheaf__load *load, sheaf__batch *batch)
{
    if (!batch)
        return;
    sheaf__batch_clear(batch, load->piece_bytes * 4 + (512 << 10));
    sheaf__freelist_push(&load->batches, batch);
}

static sheaf__reader *take_reader(sheaf__load *load)
{
    sheaf__reader *reader = sheaf__freelist_pop(&load->readers);
    return reader ? reader : sheaf__reader_create();
}

static void give_reader(sheaf__load *load, sheaf__reader *reader)
{
    if (!reader)
        return;
    sheaf__reader_close(reader);
    sheaf__freelist_push(&load->readers, reader);
}

/* ---- pieces ---- */

static sheaf__piece *piece_create(sheaf__load_file *file)
{
    sheaf__piece *piece = calloc(1, sizeof *piece);
    if (piece)
        piece->file = file;
    return piece;
}

void sheaf__piece_strip(sheaf__piece *piece)
{
    give_batch(piece->file->load, piece->header);
    give_batch(piece->file->load, piece->batch);
    piece->header = piece->batch = NULL;
}

void sheaf__piece_release(void *object)
{
    sheaf__piece *piece = object;
    if (!piece)
        return;
    sheaf__piece_strip(piece);
    give_reader(piece->file->load, piece->reader);
    free(piece->fault);
    free(piece);
}

/* Failures of the run, not faults of the file: what is loaded must not depend on the machine. */
static bool is_fatal(sheaf_status status)
{
    return status == SHEAF_ENOMEM || status == SHEAF_ERESOURCE || status == SHEAF_ECANCELLED;
}

/*
 * A task ends: a fault goes into the piece, with the path; so does the end of the file. In both cases the
 * reader is done. Returns OK, or the failure of the task.
 */
static sheaf_status conclude(sheaf__piece *piece, sheaf_status status, sheaf_error *err)
{
    sheaf__load *load = piece->file->load;
    if (is_fatal(status)) {
        sheaf__error_source(err, sheaf_files_at(load->files, sheaf__load_index(piece->file))->path);
        return status;
    }
    if (piece->reader)
        piece->counts = sheaf__reader_counts_get(piece->reader);
    if (status < 0) {
        piece->fault = malloc(sizeof *piece->fault);
        if (!piece->fault)
            return sheaf__error_memory(err, "an error");
        *piece->fault = *err;
        sheaf__error_source(piece->fault, sheaf_files_at(load->files, sheaf__load_index(piece->file))->path);
    }
    if (status != SHEAF_OK) {
        give_reader(load, piece->reader);
        piece->reader = NULL;
    }
    return SHEAF_OK;
}

static sheaf_status finish(sheaf__piece *piece, sheaf_status status, void **result, sheaf_error *err)
{
    status = conclude(piece, status, err);
    if (status < 0)
        sheaf__piece_release(piece);
    else
        *result = piece;
    return status;
}

/* ---- reading ---- */

/* "x.tsv" and "x.tsv.gz" mean tabs, unless the user said what to use. */
static char delimiter_of(const sheaf__load *load, const char *path)
{
    if (load->options->delimiter)
        return load->options->delimiter;
    return sheaf__path_ends_with(path, ".tsv") || sheaf__path_ends_with(path, ".tsv.gz") ? '\t' : ',';
}

static sheaf_status open_file(sheaf__load_file *file, sheaf__reader *reader, bool counted, sheaf_error *err)
{
    const sheaf__load *load = file->load;
    const sheaf_file *found = sheaf_files_at(load->files, sheaf__load_index(file));
    sheaf__reader_options options = load->reader_options;
    options.delimiter = delimiter_of(load, found->path);
    if (counted)
        options.read_bytes = load->read_bytes;
    if (load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE)
        return sheaf__reader_open_spooled(reader, found, &options, err);
    return sheaf__reader_open(reader, found, &options, err);
}

/*
 * Give the piece a reader that stands behind the header, and the header. END: the file has none. What is read counts
 * as progress if `counted`.
 */
static sheaf_status begin_file(sheaf_worker *worker, sheaf__piece *piece, bool counted, sheaf_error *err)
{
    sheaf__load_file *file = piece->file;
    if (file->reader) { /* a stream: its header was read before */
        piece->reader = file->reader;
        file->reader = NULL;
        sheaf__reader_count_into(piece->reader, file->load->read_bytes);
        return sheaf__reader_columns(piece->reader) > 0 ? SHEAF_OK : SHEAF_END;
    }
    piece->reader = take_reader(file->load);
    piece->header = take_batch(file->load, worker);
    if (!piece->reader || !piece->header)
        return sheaf__error_memory(err, "a reader");
    sheaf_status status = open_file(file, piece->reader, counted, err);
    if (status == SHEAF_OK)
        status = sheaf__reader_header(piece->reader, sheaf_worker_local(worker), piece->header, err);
    if (status != SHEAF_OK) {
        give_batch(file->load, piece->header);
        piece->header = NULL;
    }
    return status;
}

static sheaf_status read_rows(sheaf_worker *worker, sheaf__piece *piece, sheaf_error *err)
{
    sheaf__load *load = piece->file->load;
    if (load->sink->wants_rows && !piece->batch) {
        piece->batch = take_batch(load, worker);
        /* All the room of a piece at once: growing would leave the smaller arrays behind in the arena. */
        size_t n_bytes = load->piece_bytes + PIECE_SLACK_BYTES;
        if (!piece->batch || sheaf__batch_reserve(piece->batch, n_bytes, n_bytes / sizeof(sheaf__cell)) < 0)
            return sheaf__error_memory(err, "a batch");
    }
    sheaf_status status =
        sheaf__reader_next(piece->reader, sheaf_worker_local(worker), piece->batch, load->piece_bytes, err);
    piece->flush = sheaf__reader_is_waiting(piece->reader);
    return status;
}

/*
 * Read the file to its end, keeping nothing: is all of it good? A stream, which was spooled, is then read from its
 * beginning again, up to where it was.
 */
static sheaf_status survey(sheaf_worker *worker, sheaf__piece *piece, bool is_stream, sheaf_error *err)
{
    sheaf__parser *parser = sheaf_worker_local(worker);
    sheaf_status status = sheaf__reader_next(piece->reader, parser, NULL, 0, err);
    if (status != SHEAF_END || !is_stream)
        return status;
    sheaf__batch_clear(piece->header, SIZE_MAX);
    status = sheaf__reader_rewind(piece->reader, err);
    return status == SHEAF_OK ? sheaf__reader_header(piece->reader, parser, piece->header, err) : status;
}

sheaf_status sheaf__load_header(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    sheaf__load_file *file = argument;
    sheaf__piece *piece = piece_create(file);
    if (!piece)
        return sheaf__error_memory(err, "a piece");
    const sheaf_file *found = sheaf_files_at(file->load->files, sheaf__load_index(file));
    bool is_stream = found->kind != SHEAF_FILE_REGULAR;
    bool whole = file->load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE;
    sheaf_status status = begin_file(worker, piece, whole, err);
    if (status == SHEAF_OK && whole)
        status = survey(worker, piece, is_stream, err);
    if (status >= 0 && is_stream) {
        file->reader = piece->reader;
        piece->reader = NULL;
    }
    return finish(piece, status, result, err);
}

sheaf_status sheaf__load_first(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    sheaf__load_file *file = argument;
    if (file->faulty) {
        *result = file->faulty;
        file->faulty = NULL;
        return SHEAF_OK;
    }
    sheaf__piece *piece = piece_create(file);
    if (!piece)
        return sheaf__error_memory(err, "a piece");
    sheaf_status status = begin_file(worker, piece, true, err);
    if (status == SHEAF_OK)
        status = read_rows(worker, piece, err);
    return finish(piece, status, result, err);
}

sheaf_status sheaf__load_more(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    sheaf__piece *before = argument;
    sheaf__piece *piece = piece_create(before->file);
    if (!piece)
        return sheaf__error_memory(err, "a piece");
    piece->reader = before->reader;
    before->reader = NULL;
    return finish(piece, read_rows(worker, piece, err), result, err);
}
