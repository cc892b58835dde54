/*
 * Types in an ingest: see load.h.
 *
 * A destination with types gets them from a survey, which reads files before the first row is
 * written, and converts every value. So files are read twice, but for those whose rows are kept
 * meanwhile (keep.c), and those whose rows are all found to be as their samples (presume.c).
 */
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/executor/worker_heap.h"
#include "engine/ingest/added.h"
#include "engine/ingest/keep.h"
#include "engine/ingest/presume.h"
#include "readers/convert/fill.h"

enum { SURVEY_CHUNK_BYTES = 128 << 10 }; /* text, cells and values stay in the L2 cache */

/* ---- what was asked for ---- */

/* Of a file that has another header by now, which the merge will find out, there may be less. */
static void forget_beyond(sheaf__asked_columns *asked, size_t n_columns)
{
    size_t n = 0;
    for (size_t i = 0; i < asked->n; i++)
        if (asked->items[i].column < n_columns)
            asked->items[n++] = asked->items[i];
    asked->n = n;
}

sheaf_status sheaf__types_ask(sheaf__load_file *file, const sheaf__batch *header)
{
    const sheaf__asked_types *asked = &file->load->typing.asked;
    size_t n = header->n_columns;
    if (asked->n == 0)
        return SHEAF_OK;
    if (file->load->wants_rows && file->load->pass != SHEAF__PASS_HEADERS) {
        forget_beyond(&file->asked, n); /* all headers are known, and so is what is asked for */
        return SHEAF_OK;
    }
    sheaf_type *types = malloc((n + 1) * sizeof *types);
    bool *unwanted = malloc((n + 1) * sizeof *unwanted);
    uint32_t *which = malloc((n + 1) * sizeof *which);
    sheaf__asked_column *items = malloc((n + 1) * sizeof *items);
    sheaf_status status = SHEAF_ENOMEM;
    if (types && unwanted && which && items)
        status = sheaf__schema_foresee(&file->load->typing.rules, asked, header, types, which,
                                       unwanted);
    if (status < 0) {
        free(types);
        free(unwanted);
        free(which);
        free(items);
        return status;
    }
    free(file->asked.items);
    file->asked = (sheaf__asked_columns){.items = items};
    for (size_t i = 0; i < n; i++)
        if (types[i] != SHEAF_TYPE_NULL && !unwanted[i])
            items[file->asked.n++] = (sheaf__asked_column){(uint32_t)i, types[i],
                                                           asked->items[which[i]].fit};
    free(types);
    free(unwanted);
    free(which);
    return SHEAF_OK;
}

/* In the order of the file's columns. */
static void insert(sheaf__asked_columns *to, sheaf__asked_column column)
{
    size_t i = to->n++;
    for (; i > 0 && to->items[i - 1].column > column.column; i--)
        to->items[i] = to->items[i - 1];
    to->items[i] = column;
}

/*
 * The table is known. What a column of a file is called there may depend on other files
 * (sheaf__naming.is_open); now nothing is left open. `from` has room for a projection.
 */
static sheaf_status ask_as_table(const sheaf__load *load, sheaf__load_file *file, uint32_t *from)
{
    size_t n = load->schema.table->n_items;
    sheaf__asked_column *items = malloc(load->typing.asked.n * sizeof *items);
    if (!items)
        return SHEAF_ENOMEM;
    sheaf__asked_columns foreseen = file->asked;
    file->asked = (sheaf__asked_columns){.items = items};
    sheaf__schema_project(&load->schema, file->layout, from);
    for (size_t i = 0; i < n; i++)
        if (load->asked[i] && from[i] != SHEAF__NO_NAME)
            insert(&file->asked, (sheaf__asked_column){from[i], load->types[i], load->fits[i]});
    /* Nothing of a file that is left out may be written before all its values were looked at. */
    file->late |= load->options->on_error == SHEAF_ON_ERROR_SKIP_FILE && file->asked.n > foreseen.n;
    free(foreseen.items);
    return SHEAF_OK;
}

static sheaf_status ask_all_as_table(sheaf__load *load, sheaf_error *err)
{
    uint32_t *from = malloc((load->schema.table->n_items + 1) * sizeof *from);
    sheaf_status status = from ? SHEAF_OK : SHEAF_ENOMEM;
    for (size_t i = 0; i < load->n_files && status == SHEAF_OK; i++)
        if (load->states[i].layout != SHEAF__NO_NAME)
            status = ask_as_table(load, &load->states[i], from);
    free(from);
    return status == SHEAF_OK ? SHEAF_OK : sheaf__error_memory(err, "the types");
}

/* ---- the survey ---- */

/* Which of the chunk's columns nobody wants. Ranges have no header: there the file knows. */
static sheaf_status mark_unwanted(const sheaf__load *load, sheaf__chunk *chunk,
                                  sheaf_worker *worker)
{
    const sheaf__rules *rules = &load->typing.rules;
    const bool *unwanted = chunk->file->unwanted;
    sheaf_status status = SHEAF_OK;
    if (chunk->header && (rules->select.n > 0 || rules->drop.n > 0)) {
        sheaf_arena *scratch = sheaf_worker_scratch(worker);
        bool *found = sheaf_arena_new(scratch, bool, chunk->n_kinds);
        sheaf_type *types = sheaf_arena_new(scratch, sheaf_type, chunk->n_kinds);
        uint32_t *which = sheaf_arena_new(scratch, uint32_t, chunk->n_kinds);
        if (!types || !which || !found)
            return SHEAF_ENOMEM;
        status = sheaf__schema_foresee(rules, &load->typing.asked, chunk->header, types, which,
                                       found);
        unwanted = found;
    }
    for (size_t i = 0; unwanted && i < chunk->n_kinds && status == SHEAF_OK; i++)
        if (unwanted[i])
            chunk->kinds[i] = SHEAF__KINDS_UNWANTED;
    return status;
}

/* One for each column of the chunk's file, or NULL: none is asked for. */
static sheaf_status asked_types(const sheaf__chunk *chunk, sheaf_worker *worker, sheaf_type **types)
{
    const sheaf__asked_columns *asked = &chunk->file->asked;
    *types = NULL;
    if (asked->n == 0)
        return SHEAF_OK;
    *types = sheaf_arena_new(sheaf_worker_scratch(worker), sheaf_type, chunk->n_kinds);
    if (!*types)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < chunk->n_kinds; i++)
        (*types)[i] = SHEAF_TYPE_NULL;
    for (size_t i = 0; i < asked->n; i++)
        (*types)[asked->items[i].column] = (sheaf_type)asked->items[i].type;
    return SHEAF_OK;
}

static size_t piece_bytes(const sheaf__keeper *keeper, const sheaf__chunk *chunk)
{
    if (chunk->is_sampled)
        return sheaf__presume_head_bytes(chunk);
    return keeper->is_on ? keeper->load->chunk_bytes : SURVEY_CHUNK_BYTES;
}

/* Whether enough of the file was read; else what is left of it is for the same survey. */
static bool has_sampled(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                        const sheaf_type *asked)
{
    sheaf__presumption presumption = sheaf__presume(worker, parser, chunk, asked);
    chunk->is_sampled = presumption == SHEAF__READ_ON;
    chunk->is_presumed = presumption == SHEAF__PRESUME_REST;
    /* One that is split is read by many, later. */
    return chunk->is_presumed || (chunk->split && !chunk->is_sampled);
}

sheaf_status sheaf__survey_file(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                size_t rejects_max, sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    sheaf_type *asked = NULL;
    sheaf_status status = SHEAF_OK;
    sheaf__keeper keeper = {.load = load};
    chunk->n_kinds = sheaf__reader_columns(chunk->reader);
    chunk->kinds = calloc(chunk->n_kinds, sizeof *chunk->kinds);
    sheaf__batch *batch = sheaf__load_take_batch(load, sheaf__worker_heap(worker));
    if (!chunk->kinds || !batch || mark_unwanted(load, chunk, worker) < 0 ||
        asked_types(chunk, worker, &asked) < 0)
        status = sheaf__error_memory(err, "a survey");
    else
        sheaf__keeper_begin(&keeper, worker, chunk, asked);
    bool goes_on = true;
    while (status == SHEAF_OK && goes_on &&
           sheaf__rejects_bytes(&chunk->rejects) / 2 <= rejects_max) {
        sheaf__batch_clear(batch, SIZE_MAX);
        status = sheaf__reader_next(chunk->reader, parser, batch, piece_bytes(&keeper, chunk), err);
        sheaf__keeper_survey(&keeper, batch);
        bool digests = keeper.is_on || load->pass == SHEAF__PASS_ROWS;
        if (digests && sheaf__digest_batch(chunk, batch, err) < 0)
            status = SHEAF_ENOMEM;
        if (status == SHEAF_OK && chunk->is_sampled)
            goes_on = !has_sampled(worker, parser, chunk, asked);
    }
    sheaf__load_give_batch(load, batch);
    /* Records that were set aside would have to be kept, too: such a file is read again. */
    bool all_kept = status == SHEAF_END && sheaf__reader_counts_get(chunk->reader).rejected == 0;
    chunk->kept = sheaf__keeper_end(&keeper, all_kept);
    return status;
}

static sheaf_status check_names(const sheaf__load *load, sheaf_error *err)
{
    for (size_t i = 0; i < load->typing.asked.n; i++) {
        const char *name = load->typing.asked.items[i].column;
        char shown[120];
        if (load->typing.asked.items[i].by_table || sheaf__schema_knows(&load->schema, name) ||
            sheaf__load_has_no_table(load))
            continue;
        sheaf_text_escape(name, strlen(name), shown, sizeof shown);
        sheaf_error_set(err, SHEAF_EINVAL, "a type is asked for a column '%s' that no file has",
                        shown);
        sheaf__schema_hint(&load->schema, name, err);
        return SHEAF_EINVAL;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__types_decide(sheaf__load *load, sheaf_error *err)
{
    size_t n = load->schema.table->n_items;
    sheaf_arena *arena = load->schema.arena;
    sheaf_type *types = sheaf_arena_new(arena, sheaf_type, n);
    bool *asked = sheaf_arena_new(arena, bool, n);
    bool *nullable = sheaf_arena_new(arena, bool, n);
    sheaf__fit *fits = sheaf_arena_new(arena, sheaf__fit, n);
    bool has_room = types && asked && fits && nullable;
    if (!has_room || sheaf__schema_types(&load->schema, &load->typing.asked, load->infers, types,
                                         asked, fits, nullable) < 0)
        return sheaf__error_memory(err, "the types");
    if (load->schema.n_added > 0)
        sheaf__added_types(&load->typing.rules, n - load->schema.n_added, types, asked, nullable);
    load->types = types;
    load->asked = asked;
    load->fits = fits;
    load->nullable = nullable;
    sheaf_status status = check_names(load, err);
    return status < 0 || load->typing.asked.n == 0 ? status : ask_all_as_table(load, err);
}

/* ---- columns ---- */

/* A value is not of its column's type, though all were looked at. */
static sheaf_status refuse_misfit(const sheaf__misfit *misfit, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "the file changed while it was read: a value is not of the type found before");
    sheaf_error_hint(err, "run again when nobody writes to the file");
    err->field = misfit->column + 1;
    return SHEAF_ECHANGED;
}

/* Fill the chunk's columns. */
static sheaf_status fill(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__table_view view = {.types = load->types,
                              .asked = load->asked,
                              .nullable = load->n_presumed > 0 ? NULL : load->nullable,
                              .n_columns = load->schema.table->n_items};
    sheaf__misfit misfit = {0};
    uint32_t *from = malloc((view.n_columns + 1) * sizeof *from);
    sheaf_status status = SHEAF_ENOMEM;
    chunk->columns = sheaf__columns_take(load->columns);
    if (from && chunk->columns) {
        sheaf__schema_project(&load->schema, chunk->file->layout, from);
        view.from = from;
        status = sheaf__fill(chunk->columns, chunk->batch, &view, &misfit);
    }
    if (status == SHEAF_OK)
        status = sheaf__added_fill(chunk->file, chunk->batch, chunk->columns,
                                   view.n_columns - load->schema.n_added);
    if (status == SHEAF_OK && load->n_presumed > 0)
        status = sheaf__presume_note_nulls(chunk, from);
    chunk->misfit = status == SHEAF_END;
    if (status == SHEAF_END)
        status = refuse_misfit(&misfit, err);
    else if (status == SHEAF_ELIMIT)
        sheaf_error_set(err, SHEAF_ELIMIT,
                        "the text of one column has more than 2 GiB in one chunk");
    else if (status < 0)
        sheaf__error_memory(err, "columns");
    free(from);
    return status;
}

sheaf_status sheaf__chunk_fill(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err)
{
    const sheaf__batch *batch = chunk->batch;
    uint32_t layout = chunk->file->layout;
    if (!batch || batch->n_rows == 0 || layout == SHEAF__NO_NAME ||
        load->schema.layouts[layout].n_columns != batch->n_columns)
        return SHEAF_OK; /* no rows, or of another header than before: the merge says so */
    sheaf_status status = fill(load, chunk, err);
    sheaf__load_give_batch(load, chunk->batch);
    chunk->batch = NULL;
    if (status < 0) {
        sheaf__columns_give(chunk->columns); /* half of a chunk's rows are none */
        chunk->columns = NULL;
        chunk->digest = (sheaf__digest){0};
    }
    return status;
}
