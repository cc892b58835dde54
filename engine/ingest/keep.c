/*
 * Rows that are kept from the pass that finds out the types: see keep.h.
 *
 * To see what a column holds, a survey converts each of its values. While there is room (half of
 * what rows may take, see load.c), what it has converted is kept, under the types that the file's
 * columns have so far; where a value does not fit, they are widened first. When the types of all
 * files are known, rows of a narrower type are widened, too, and are given without reading the file
 * again. It is read again, as if nothing had been kept, if there was no room for all of it, or if
 * numbers or dates turned out to be text: how a value was spelled cannot be had back from it.
 *
 * The first rows of a file would be converted twice, once to find their types. So files begin with
 * those of the first file of the same header that was done. Where these are wider than a file needs
 * nothing is lost: both files' columns are the same ones of the table.
 *
 * Of a file that is split, each range keeps its own rows, and the merge puts together those of
 * ranges that were right. They begin with what the file's first range has found.
 *
 * So what is kept only saves time: rows and types are the same, kept or not.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/ingest/added.h"
#include "engine/ingest/keep.h"
#include "engine/table/widen.h"
#include "readers/convert/fill.h"

/* Rows that are not kept after all. */
static void give_back(sheaf__load *load, sheaf__columns *first)
{
    size_t n_bytes = 0;
    for (const sheaf__columns *each = first; each; each = each->next)
        n_bytes += sheaf__columns_footprint(each);
    sheaf__columns_give_all(first);
    atomic_fetch_sub_explicit(&load->kept_bytes, n_bytes, memory_order_relaxed);
}

void sheaf__kept_drop(sheaf__chunk *chunk)
{
    give_back(chunk->file->load, chunk->kept);
    chunk->kept = NULL;
}

/* ---- while a file is surveyed ---- */

static bool keeps(const sheaf__load *load, const sheaf__chunk *chunk)
{
    const sheaf__load_file *file = chunk->file;
    if (load->kept_max == 0 || file->found->kind != SHEAF_FILE_REGULAR)
        return false;
    if (load->pass == SHEAF__PASS_HEADERS)
        return !chunk->split && !chunk->is_sampled;
    return load->pass == SHEAF__PASS_SURVEY && chunk->split &&
           !atomic_load_explicit(&file->keeps_nothing, memory_order_relaxed);
}

static sheaf_type type_of(const sheaf__keeper *keeper, size_t i)
{
    const sheaf__kinds *guess = keeper->guess;
    if (keeper->chunk->kinds[i] & SHEAF__KIND_UNWANTED)
        return SHEAF_TYPE_NULL;
    if (keeper->is_asked[i])
        return keeper->asked[i];
    if (!keeper->load->infers)
        return SHEAF_TYPE_TEXT;
    return sheaf__kinds_type(keeper->chunk->kinds[i] | (guess ? guess[i] : 0));
}

/* ---- what files of the same header begin with ---- */

struct sheaf__guess {
    sheaf__batch *header;
    sheaf__kinds *kinds;
};

void sheaf__guess_destroy(sheaf__guess *guess)
{
    if (!guess)
        return;
    sheaf__batch_destroy(guess->header);
    free(guess->kinds);
    free(guess);
}

static bool is_same_header(const sheaf__batch *a, const sheaf__batch *b)
{
    return a->n_cells == b->n_cells && a->n_bytes == b->n_bytes &&
           memcmp(a->cells, b->cells, a->n_cells * sizeof *a->cells) == 0 &&
           (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
}

static const sheaf__kinds *guess_of(const sheaf__load *load, const sheaf__chunk *chunk)
{
    const sheaf__guess *guess = atomic_load_explicit(&load->guess, memory_order_acquire);
    if (!chunk->header)
        return chunk->file->guess;
    return guess && is_same_header(guess->header, chunk->header) ? guess->kinds : NULL;
}

/* The chunk's file is the first that is done; its kinds will be among those of the table. */
static void publish(sheaf__load *load, const sheaf__chunk *chunk)
{
    const sheaf__batch *from = chunk->header;
    sheaf__guess *none = NULL;
    if (!from || atomic_load_explicit(&load->guess, memory_order_relaxed))
        return;
    sheaf__guess *guess = calloc(1, sizeof *guess);
    sheaf__batch *header = sheaf__batch_create(NULL);
    sheaf__kinds *kinds = malloc(chunk->n_kinds * sizeof *kinds);
    bool is_good = guess && header && kinds &&
                   sheaf__batch_reserve(header, from->n_bytes + 1, from->n_cells) == SHEAF_OK;
    if (is_good) {
        memcpy(header->cells, from->cells, from->n_cells * sizeof *from->cells);
        if (from->n_bytes > 0)
            memcpy(header->bytes, from->bytes, from->n_bytes);
        header->n_cells = from->n_cells;
        header->n_bytes = from->n_bytes;
        memcpy(kinds, chunk->kinds, chunk->n_kinds * sizeof *kinds);
        *guess = (sheaf__guess){.header = header, .kinds = kinds};
    }
    if (is_good && atomic_compare_exchange_strong_explicit(
                       &load->guess, &none, guess, memory_order_release, memory_order_relaxed))
        return; /* pairs with guess_of() */
    sheaf__batch_destroy(header);
    free(kinds);
    free(guess);
}

/* ---- the rows of a file ---- */

void sheaf__keeper_begin(sheaf__keeper *keeper, sheaf_worker *worker, const sheaf__chunk *chunk,
                         const sheaf_type *asked)
{
    sheaf__load *load = chunk->file->load;
    size_t n_kinds = chunk->n_kinds;
    size_t n = n_kinds + load->typing.rules.n_added;
    *keeper = (sheaf__keeper){.load = load, .chunk = chunk, .asked = asked, .n_columns = n};
    if (!keeps(load, chunk))
        return;
    keeper->guess = guess_of(load, chunk);
    sheaf_arena *scratch = sheaf_worker_scratch(worker);
    keeper->types = sheaf_arena_new(scratch, sheaf_type, n);
    keeper->is_asked = sheaf_arena_new(scratch, bool, n);
    keeper->from = sheaf_arena_new(scratch, uint32_t, n);
    keeper->is_on = keeper->types && keeper->is_asked && keeper->from;
    for (size_t i = 0; keeper->is_on && i < n_kinds; i++) {
        keeper->is_asked[i] = asked && asked[i] != SHEAF_TYPE_NULL;
        keeper->from[i] = chunk->kinds[i] & SHEAF__KIND_UNWANTED ? UINT32_MAX : (uint32_t)i;
        keeper->types[i] = type_of(keeper, i);
    }
    for (size_t i = n_kinds; keeper->is_on && i < n; i++)
        keeper->from[i] = UINT32_MAX;
    if (keeper->is_on)
        sheaf__added_types(&load->typing.rules, n_kinds, keeper->types, keeper->is_asked, NULL);
}

static void drop(sheaf__keeper *keeper)
{
    give_back(keeper->load, keeper->first);
    keeper->first = keeper->last = NULL;
    keeper->n_bytes = 0;
    keeper->is_on = false;
}

/* The types that the columns have now. False: what was kept cannot be widened to them. */
static bool update_types(sheaf__keeper *keeper)
{
    bool good = true;
    for (size_t i = 0; i < keeper->chunk->n_kinds; i++) {
        sheaf_type type = type_of(keeper, i);
        good &= sheaf__type_widens(keeper->types[i], type);
        keeper->types[i] = type;
    }
    return good || !keeper->first;
}

/* The rows under the types so far; NULL: a value does not fit, or there is no memory. */
static sheaf__columns *convert(sheaf__keeper *keeper, const sheaf__batch *batch)
{
    const sheaf__chunk *chunk = keeper->chunk;
    sheaf__misfit ignored = {0};
    sheaf__table_view view = {.types = keeper->types,
                              .asked = keeper->is_asked,
                              .from = keeper->from,
                              .kinds = chunk->kinds,
                              .n_columns = keeper->n_columns};
    sheaf__columns *columns = sheaf__columns_take(keeper->load->columns);
    if (columns && sheaf__fill(columns, batch, &view, &ignored) == SHEAF_OK &&
        sheaf__added_fill(chunk->file, batch, columns, chunk->n_kinds) == SHEAF_OK)
        return columns;
    sheaf__columns_give(columns);
    return NULL;
}

/*
 * Whether there is no room for so many bytes in all, and for what the rest of the file will take if
 * it is as what was read of it.
 */
static bool is_too_large(const sheaf__load_file *file, size_t all_bytes, size_t own_bytes,
                         uint64_t read_bytes)
{
    double done = (double)read_bytes;
    double left = (double)file->found->size_bytes - done;
    double needed = left > 0 && done > 0 ? (double)own_bytes / done * left : 0;
    return (double)all_bytes + needed > (double)file->load->kept_max;
}

static void append(sheaf__keeper *keeper, sheaf__columns *columns)
{
    const sheaf__chunk *chunk = keeper->chunk;
    size_t n_bytes = sheaf__columns_footprint(columns);
    if (keeper->last)
        keeper->last->next = columns;
    else
        keeper->first = columns;
    keeper->last = columns;
    keeper->n_bytes += n_bytes;
    size_t all = n_bytes + atomic_fetch_add_explicit(&keeper->load->kept_bytes, n_bytes,
                                                     memory_order_relaxed);
    uint64_t read_bytes = chunk->split ? chunk->file->found->size_bytes /* the merge knows more */
                                       : sheaf__reader_counts_get(chunk->reader).stored_bytes;
    if (is_too_large(chunk->file, all, keeper->n_bytes, read_bytes))
        drop(keeper);
}

void sheaf__keeper_survey(sheaf__keeper *keeper, const sheaf__batch *batch)
{
    const sheaf__chunk *chunk = keeper->chunk;
    if (batch->n_rows == 0)
        return;
    sheaf__columns *columns = keeper->is_on ? convert(keeper, batch) : NULL;
    if (!columns) {
        sheaf__survey(batch, keeper->asked, chunk->kinds);
        if (keeper->is_on && update_types(keeper))
            columns = convert(keeper, batch);
    }
    if (columns)
        append(keeper, columns);
    else if (keeper->is_on)
        drop(keeper);
}

sheaf__columns *sheaf__keeper_end(sheaf__keeper *keeper, bool is_good)
{
    if (!is_good)
        drop(keeper);
    else if (keeper->first)
        publish(keeper->load, keeper->chunk);
    return keeper->first;
}

/* ---- what ranges have kept ---- */

static void stop_keeping(sheaf__load_file *file)
{
    sheaf__chunk_release(file->kept);
    file->kept = NULL;
    atomic_store_explicit(&file->keeps_nothing, true, memory_order_relaxed);
}

/* A file's first range: what is in it is where the others begin, and how large they will be. */
static void begin_file(sheaf__load_file *file, const sheaf__chunk *chunk)
{
    size_t own = 0;
    for (const sheaf__columns *each = chunk->kept; each; each = each->next)
        own += sheaf__columns_footprint(each);
    size_t all = atomic_load_explicit(&file->load->kept_bytes, memory_order_relaxed);
    file->kept = sheaf__chunk_create(file);
    file->guess = malloc(chunk->n_kinds * sizeof *file->guess);
    if (file->guess)
        memcpy(file->guess, chunk->kinds, chunk->n_kinds * sizeof *file->guess);
    if (!file->kept || !file->guess || is_too_large(file, all, own, chunk->end.offset_bytes))
        stop_keeping(file);
}

static void append_range(sheaf__load_file *file, sheaf__chunk *chunk)
{
    sheaf__columns **end = file->kept_end ? file->kept_end : &file->kept->kept;
    *end = chunk->kept;
    while (*end)
        end = &(*end)->next;
    file->kept_end = end;
    chunk->kept = NULL;
    sheaf__digest_append(&file->kept->digest, &chunk->digest);
}

void sheaf__kept_collect(sheaf__chunk *chunk)
{
    sheaf__load_file *file = chunk->file;
    if (file->load->pass != SHEAF__PASS_SURVEY)
        return;
    if (keeps(file->load, chunk)) {
        sheaf__added_shift(&file->load->typing.rules, &chunk->shift, chunk->kept, chunk->n_kinds);
        if (!file->guess && chunk->kinds)
            begin_file(file, chunk);
        bool is_empty = chunk->end.offset_bytes == chunk->begin.offset_bytes;
        if (file->kept && (chunk->kept || is_empty))
            append_range(file, chunk);
        else
            stop_keeping(file);
    }
    sheaf__kept_drop(chunk); /* those that no other range can be put behind */
}

void sheaf__kept_conclude(const sheaf__chunk *last)
{
    sheaf__load_file *file = last->file;
    if (keeps(file->load, last) && file->kept)
        file->kept->counts = last->counts;
}

/* ---- when the file's turn has come ---- */

/* All rows as the table has them. False: they cannot be had from what was kept. */
static bool widen_all(const sheaf__load *load, const sheaf__chunk *chunk)
{
    const sheaf__schema *schema = &load->schema;
    uint32_t layout = chunk->file->layout;
    size_t n = schema->table->n_items;
    uint32_t *from = malloc((n + 1) * sizeof *from);
    sheaf_status status = from ? SHEAF_OK : SHEAF_ENOMEM;
    if (from)
        sheaf__schema_project(schema, layout, from);
    for (size_t i = 0; from && i < schema->n_added; i++) /* they stand behind the file's own */
        from[n - schema->n_added + i] = (uint32_t)(schema->layouts[layout].n_columns + i);
    for (sheaf__columns *each = chunk->kept; each && status == SHEAF_OK; each = each->next)
        status = sheaf__columns_widen(each, from, load->types, n);
    free(from);
    return status == SHEAF_OK;
}

bool sheaf__kept_next(sheaf__chunk *chunk)
{
    sheaf__columns *columns = chunk->kept;
    if (!columns)
        return false;
    sheaf__columns_give(chunk->columns);
    chunk->kept = columns->next;
    columns->next = NULL;
    chunk->columns = columns;
    return true;
}

sheaf__chunk *sheaf__kept_take(sheaf__load_file *file)
{
    sheaf__chunk *chunk = file->kept;
    if (!chunk || file->load->pass != SHEAF__PASS_ROWS)
        return NULL;
    file->kept = NULL;
    if (!sheaf__digest_holds(file) || !widen_all(file->load, chunk)) {
        sheaf__chunk_release(chunk);
        return NULL;
    }
    atomic_fetch_add_explicit(&file->load->shared->read_bytes, chunk->counts.stored_bytes,
                              memory_order_relaxed);
    (void)sheaf__kept_next(chunk);
    return chunk;
}
