/*
 * Types from samples: see presume.h.
 *
 * A destination with types must know them before the first row. To find them out a survey reads
 * every file to its end, which is for nothing if its rows can be kept (keep.c); a file that is too
 * large for that would be read twice. So of such a file only the beginning is surveyed, up to where
 * each of its columns has a value; if samples from the rest of it do not say otherwise, its columns
 * are presumed to have the types that they have there. Every value is then converted as one of
 * these types. The first that is none of them refutes the presumption, and the load starts over: it
 * is aborted, which leaves the destination as it was, and run again with the survey of all that
 * there is. The same happens where a survey would have left out a file before the first row of it
 * was written, and where it would have met a fault before something else ended the run.
 *
 * So types are always those of all values. They cannot be too wide: what is presumed was met, and
 * the smallest type that holds some values, and also holds all others, is the smallest that holds
 * all (kinds.h). Samples from the middle only tell whether to presume at all, because there a
 * record's beginning is itself a guess (readers/range.c).
 *
 * The idea is that of optimistic concurrency control (Kung and Robinson, 1981): go on as if nothing
 * will conflict, validate, and begin again if something did.
 */
#include "engine/ingest/presume.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/executor/worker_heap.h"
#include "engine/ingest/rejects.h"

enum {
    KEPT_RATIO = 2,   /* rows that are kept take so much more than their text, at most, */
    PACKED_RATIO = 8, /* and text so much more than what is stored of it */
    HEAD_SHARE = 16,  /* of a file, and from so much to so much: */
    HEAD_MIN = 4 << 10,
    HEAD_MAX = 128 << 10,
    HEAD_LIMIT = 1 << 20, /* by then each column has a value */
    SAMPLED_MIN = 256 << 10,
    SAMPLE_SHARE = 64, /* of a file, the same */
    SAMPLE_MIN = 4 << 10,
    SAMPLE_MAX = 32 << 10,
    SAMPLE_EVERY = 4 << 20,
    SAMPLES_MIN = 2,
    SAMPLES_MAX = 16
};

static size_t clamp(uint64_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : (size_t)value;
}

bool sheaf__load_may_presume(const sheaf__load *load)
{
    const sheaf_ingest_options *options = load->options;
    if (!load->wants_columns || !load->surveys || !load->commits || !load->sink->takes_back ||
        options->executor == SHEAF_EXECUTOR_PROCESSES || options->commit == SHEAF_COMMIT_PER_FILE ||
        options->on_error == SHEAF_ON_ERROR_SKIP_FILE)
        return false;
    for (size_t i = 0; i < load->n_files; i++)
        if (load->states[i].found->kind != SHEAF_FILE_REGULAR)
            return false;
    return true;
}

/* ---- which files are sampled ---- */

bool sheaf__presume_samples(const sheaf__chunk *chunk)
{
    const sheaf__load_file *file = chunk->file;
    sheaf__load *load = file->load;
    if (!load->presumes)
        return false;
    bool plain = sheaf__reader_counts_get(chunk->reader).compression == SHEAF__COMPRESSION_NONE;
    uint64_t needed = file->found->size_bytes * (plain ? KEPT_RATIO : KEPT_RATIO * PACKED_RATIO);
    if (needed > load->kept_max)
        return true;
    size_t before = atomic_fetch_add_explicit(&load->planned_bytes, (size_t)needed,
                                              memory_order_relaxed);
    if (before + needed <= load->kept_max)
        return false;
    atomic_fetch_sub_explicit(&load->planned_bytes, (size_t)needed, memory_order_relaxed);
    return true;
}

size_t sheaf__presume_head_bytes(const sheaf__chunk *chunk)
{
    return clamp(chunk->file->found->size_bytes / HEAD_SHARE, HEAD_MIN, HEAD_MAX);
}

/* ---- samples ---- */

static bool all_have_values(const sheaf__chunk *chunk, const sheaf_type *asked)
{
    for (size_t i = 0; i < chunk->n_kinds; i++)
        if (!(asked && asked[i] != SHEAF_TYPE_NULL) &&
            sheaf__kinds_type(chunk->kinds[i]) == SHEAF_TYPE_NULL)
            return false;
    return true;
}

static bool same_types(const sheaf__kinds *a, const sheaf__kinds *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sheaf__kinds_type(a[i]) != sheaf__kinds_type(b[i]))
            return false;
    return true;
}

/* What is read for a sample. Whatever is wrong there is found when all of the file is read. */
static void survey_sample(sheaf_worker *worker, sheaf__parser *parser, const sheaf__chunk *chunk,
                          const sheaf__range *range, size_t n_bytes, const sheaf_type *asked,
                          sheaf__kinds *kinds)
{
    sheaf__load *load = chunk->file->load;
    sheaf__reader *reader = sheaf__load_take_reader(load);
    sheaf__batch *batch = sheaf__load_take_batch(load, sheaf__worker_heap(worker));
    sheaf_error ignored;
    if (reader && batch) {
        sheaf__reader_options options = sheaf__load_options_for(chunk->file, false);
        sheaf_status status = sheaf__reader_open_range(
            reader, chunk->file->found, &options, &range->from, range->end_bytes, -1, &ignored);
        sheaf__reader_set_aside(reader, NULL);
        sheaf__reader_give_up_beyond(reader, n_bytes);
        if (status == SHEAF_OK)
            status = sheaf__reader_guess_record(reader, parser, &ignored);
        if (status == SHEAF_OK)
            (void)sheaf__reader_next(reader, parser, batch, n_bytes, &ignored);
        if (status == SHEAF_OK && batch->n_columns == chunk->n_kinds)
            sheaf__survey(batch, asked, kinds);
    }
    sheaf__load_give_batch(load, batch);
    sheaf__load_give_reader(load, reader);
}

/* Whether samples of the rest of the file have the types that its beginning has. */
static bool rest_is_alike(sheaf_worker *worker, sheaf__parser *parser, const sheaf__chunk *chunk,
                          const sheaf_type *asked)
{
    uint64_t size = chunk->file->found->size_bytes;
    sheaf__reader_position at = sheaf__reader_tell(chunk->reader);
    if (size < SAMPLED_MIN || !sheaf__reader_has_ranges(chunk->reader))
        return true;
    size_t n_bytes = clamp(size / SAMPLE_SHARE, SAMPLE_MIN, SAMPLE_MAX);
    size_t n = clamp(size / SAMPLE_EVERY, SAMPLES_MIN, SAMPLES_MAX);
    sheaf__kinds *kinds = malloc(chunk->n_kinds * sizeof *kinds);
    bool alike = kinds != NULL;
    for (size_t i = 1; i <= n && alike; i++) { /* the last one is the end */
        uint64_t begin = (size - n_bytes) / n * i;
        sheaf__range range = sheaf__range_at(chunk->file, &at, begin, begin + n_bytes);
        memcpy(kinds, chunk->kinds, chunk->n_kinds * sizeof *kinds);
        survey_sample(worker, parser, chunk, &range, n_bytes, asked, kinds);
        alike = same_types(kinds, chunk->kinds, chunk->n_kinds);
    }
    free(kinds);
    return alike;
}

sheaf__presumption sheaf__presume(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                  const sheaf_type *asked)
{
    sheaf__reader_counts counts = sheaf__reader_counts_get(chunk->reader);
    if (sheaf__is_misjudged(&counts))
        return SHEAF__SURVEY_WHOLE;
    if (all_have_values(chunk, asked))
        return rest_is_alike(worker, parser, chunk, asked) ? SHEAF__PRESUME_REST
                                                           : SHEAF__SURVEY_WHOLE;
    return sheaf__reader_tell(chunk->reader).offset_bytes < HEAD_LIMIT ? SHEAF__READ_ON
                                                                       : SHEAF__SURVEY_WHOLE;
}

void sheaf__presume_count(sheaf__load *load, const sheaf__chunk *chunk)
{
    uint64_t size_bytes = chunk->file->found->size_bytes;
    uint64_t read_bytes = chunk->counts.stored_bytes;
    load->n_presumed++;
    if (read_bytes < size_bytes)
        atomic_fetch_add_explicit(&load->shared->read_bytes, size_bytes - read_bytes,
                                  memory_order_relaxed);
}

/* ---- while rows are read, and when they were ---- */

sheaf_status sheaf__presume_note_nulls(sheaf__chunk *chunk, const uint32_t *from)
{
    const sheaf__schema *schema = &chunk->file->load->schema;
    chunk->n_kinds = schema->layouts[chunk->file->layout].n_columns;
    if (!chunk->kinds)
        chunk->kinds = calloc(chunk->n_kinds, sizeof *chunk->kinds);
    if (!chunk->kinds)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < chunk->columns->n_columns; i++)
        if (from[i] < chunk->n_kinds && chunk->columns->items[i].n_nulls > 0)
            chunk->kinds[from[i]] |= SHEAF__KIND_NULL;
    return SHEAF_OK;
}

bool sheaf__presume_failed(const sheaf__load *load, const sheaf__chunk *fault)
{
    return load->n_presumed > 0 && (load->pass != SHEAF__PASS_ROWS || fault->misfit ||
                                    (load->sets_aside && fault->file->presumed));
}

bool sheaf__presume_refused(const sheaf__load *load, sheaf_status status)
{
    return load->n_presumed > 0 && !load->sets_aside &&
           (status == SHEAF_EINVAL || status == SHEAF_ECOLUMNS || status == SHEAF_EEXIST);
}

sheaf_status sheaf__start_over(sheaf__load *load, sheaf_error *err)
{
    load->starts_over = true;
    return sheaf_error_set(err, SHEAF_EAGAIN, "types were presumed: the load starts over");
}

sheaf_status sheaf__presume_verify(sheaf__load *load, sheaf_error *err)
{
    const sheaf_type *presumed = load->types;
    if (load->n_presumed == 0)
        return SHEAF_OK;
    sheaf_status status = sheaf__types_decide(load, err);
    if (status < 0)
        return status;
    bool same = memcmp(presumed, load->types, load->schema.table->n_items * sizeof *presumed) == 0;
    return same ? SHEAF_OK : sheaf__start_over(load, err);
}
