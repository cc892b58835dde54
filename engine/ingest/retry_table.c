/* The table of a retry: see retry.h. */
#include "engine/ingest/retry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/ingest/file_options.h"
#include "readers/dialect/check.h"

/* ---- columns ---- */

static bool add_name(sheaf__retry *self, sheaf__text name, uint32_t *place)
{
    *place = SHEAF__NO_NAME;
    if (!name.bytes)
        return true;
    *place = sheaf__names_add(&self->table, name.bytes, name.n_bytes, NULL);
    return *place != SHEAF__NO_NAME;
}

typedef struct placed {
    sheaf__text name;
    uint32_t place;
    size_t met; /* the how manieth */
} placed;

static int compare(const void *a, const void *b)
{
    const placed *x = a;
    const placed *y = b;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    return x->met < y->met ? -1 : 1;
}

/* The columns of all files, in the order that they have in the table of the run that held them. */
static bool unite_in_order(sheaf__retry *self)
{
    sheaf__names met;
    size_t n = 0;
    for (size_t i = 0; i < self->held->n_files; i++)
        n += self->held->files[i]->n_columns;
    placed *all = malloc((n + 1) * sizeof *all);
    bool good = all != NULL;
    sheaf__names_init(&met, self->arena);
    n = 0;
    for (size_t i = 0; i < self->held->n_files && good; i++) {
        const sheaf__reject_file *file = self->held->files[i];
        for (size_t c = 0; c < file->n_columns && good; c++) {
            const sheaf__text *name = &file->columns[c];
            bool added = false;
            if (name->bytes)
                good = sheaf__names_add(&met, name->bytes, name->n_bytes, &added) != SHEAF__NO_NAME;
            if (added)
                all[n] = (placed){*name, file->places[c], n};
            n += added;
        }
    }
    if (good)
        qsort(all, n, sizeof *all, compare);
    for (size_t i = 0; i < n && good; i++)
        good = sheaf__names_add(&self->table, all[i].name.bytes, all[i].name.n_bytes, NULL) !=
               SHEAF__NO_NAME;
    sheaf__names_end(&met);
    free(all);
    return good;
}

/* Where each file's fields go, and where the columns stand that tell of it: behind all others. */
static bool unite(sheaf__retry *self)
{
    bool good = unite_in_order(self);
    for (size_t i = 0; i < self->held->n_files && good; i++) {
        sheaf__held_source *source = &self->sources[i];
        const sheaf__reject_file *file = self->held->files[i];
        source->file = file;
        source->places = sheaf_arena_new(self->arena, uint32_t, file->n_columns);
        good = source->places != NULL;
        for (size_t c = 0; good && c < file->n_columns; c++)
            good = add_name(self, file->columns[c], &source->places[c]);
        for (size_t k = 0; k < SHEAF_ORIGINS; k++)
            source->added[k] = SHEAF__NO_NAME;
        for (size_t k = 0; k < file->n_added && good; k++)
            good = add_name(self, file->added[k], &source->added[file->origins[k]]);
    }
    return good;
}

static sheaf_status no_column(const sheaf__retry *self, const char *name, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EINVAL, "a type is asked for a column '%s' that no file has", shown);
    sheaf__error_source(err, self->held->path);
    return SHEAF_EINVAL;
}

/* Types that are asked for: by the user, or by the table that is there. */
static sheaf_status ask_types(sheaf__retry *self, sheaf_error *err)
{
    const sheaf_retry_options *options = self->options;
    for (size_t i = 0; i < self->table.n_items && self->is_table; i++) {
        sheaf__asked_type of;
        sheaf_status status = self->held->ops->column(self->held, self->table.items[i].bytes, &of,
                                                      err);
        if (status < 0)
            return status;
        self->types[i] = of.type;
        self->fits[i] = of.fit;
        self->asked[i] = of.type != SHEAF_TYPE_TEXT || sheaf__fit_is_narrow(&of.fit) ||
                         of.fit.not_null;
    }
    for (size_t i = 0; i < options->n_types; i++) {
        const char *name = options->types[i].column;
        uint32_t place = sheaf__names_find(&self->table, name, strlen(name));
        if (place == SHEAF__NO_NAME)
            return no_column(self, name, err);
        self->types[place] = options->types[i].type;
        self->asked[place] = true;
    }
    return SHEAF_OK;
}

/* The source's nulls and the user's. */
static bool take_nulls(sheaf__retry *self, sheaf__held_source *source)
{
    const sheaf_retry_options *options = self->options;
    size_t n = source->file->n_nulls;
    const char **tokens = sheaf_arena_new(self->arena, const char *, n + options->n_nulls);
    for (size_t i = 0; tokens && i < n; i++)
        tokens[i] = source->file->nulls[i];
    for (size_t i = 0; tokens && i < options->n_nulls; i++)
        tokens[n + i] = options->nulls[i];
    source->nulls = (sheaf__nulls){.tokens = tokens, .n = n + options->n_nulls};
    return tokens != NULL;
}

static sheaf_status prepare_source(sheaf__retry *self, sheaf__held_source *source, sheaf_error *err)
{
    const sheaf__reject_file *file = source->file;
    sheaf_status status = sheaf__dialect_check(&file->dialect, err);
    if (status < 0) {
        sheaf__error_source(err, self->held->path);
        if (err)
            err->status = SHEAF_EQUARANTINE;
        return SHEAF_EQUARANTINE;
    }
    source->as_file = (sheaf_file){.path = file->path, .size_bytes = SHEAF_UNKNOWN};
    source->path = sheaf__utf8_of_path(file->path, self->arena);
    source->asked.items = sheaf_arena_new(self->arena, sheaf__asked_column, file->n_columns);
    if (!source->path || !source->asked.items || !take_nulls(self, source))
        return sheaf__error_memory(err, "a retry");
    for (size_t i = 0; i < file->n_columns; i++) {
        uint32_t place = source->places[i];
        if (place != SHEAF__NO_NAME && self->asked[place])
            source->asked.items[source->asked.n++] = (sheaf__asked_column){
                .column = (uint32_t)i, .type = self->types[place], .fit = self->fits[place]};
    }
    source->options = sheaf__file_options(&self->as_ingest, "", &file->dialect);
    source->options.encoding = SHEAF__ENCODING_UTF_8;
    source->options.refuses_nul = self->target.kind == SHEAF__SINK_POSTGRES;
    source->options.nulls = source->nulls.n > 0 ? &source->nulls : NULL;
    return SHEAF_OK;
}

sheaf_status sheaf__retry_table(sheaf__retry *self, sheaf_error *err)
{
    size_t n_files = self->held->n_files;
    self->sources = calloc(n_files + 1, sizeof *self->sources);
    sheaf__names_init(&self->table, self->arena);
    if (!self->sources || !unite(self))
        return sheaf__error_memory(err, "the columns");
    size_t n = self->table.n_items;
    self->types = sheaf_arena_new(self->arena, sheaf_type, n);
    self->asked = sheaf_arena_new(self->arena, bool, n);
    self->fits = sheaf_arena_new(self->arena, sheaf__fit, n);
    self->from = sheaf_arena_new(self->arena, uint32_t, n);
    self->kinds = sheaf_arena_new(self->arena, sheaf__kinds, n);
    if (!self->types || !self->asked || !self->fits || !self->from || !self->kinds)
        return sheaf__error_memory(err, "the columns");
    for (size_t i = 0; i < n; i++) {
        self->types[i] = SHEAF_TYPE_TEXT;
        self->asked[i] = false;
        self->fits[i] = (sheaf__fit){.kind = SHEAF__FIT_ANY};
        self->from[i] = (uint32_t)i;
        self->kinds[i] = 0;
    }
    self->summary->columns = n;
    sheaf_status status = ask_types(self, err);
    for (size_t i = 0; i < n_files && status == SHEAF_OK; i++)
        status = prepare_source(self, &self->sources[i], err);
    return status;
}

/* ---- rows ---- */

static void put_cell(sheaf__batch *row, const sheaf__batch *from, const sheaf__cell *cell)
{
    bool is_null = !cell || cell->n_bytes == SHEAF__NULL_CELL;
    sheaf__batch_add_unsafe(row, is_null ? NULL : from->bytes + cell->offset_bytes,
                            is_null ? 0 : cell->n_bytes);
}

/* Where the row comes from, if that is what the column says. */
static size_t origin_text(const sheaf__held_source *source, const sheaf__held_record *record,
                          size_t column, char number[24], const char **text)
{
    uint64_t value = source->added[SHEAF_ORIGIN_LINE] == column ? record->line : record->record;
    *text = NULL;
    if (source->added[SHEAF_ORIGIN_FILE] == column) {
        *text = source->path;
        return strlen(source->path);
    }
    if (source->added[SHEAF_ORIGIN_LINE] != column && source->added[SHEAF_ORIGIN_ROW] != column)
        return 0;
    *text = number;
    return (size_t)snprintf(number, 24, "%" PRIu64, value);
}

sheaf_status sheaf__retry_row(sheaf__retry *self, const sheaf__held_source *source,
                              const sheaf__held_record *record)
{
    const sheaf__batch *batch = self->mended.batch;
    sheaf__batch *row = self->row;
    size_t n = self->table.n_items;
    size_t first = row->n_cells;
    sheaf_status status = sheaf__batch_reserve(row, batch->n_bytes + strlen(source->path) + 48, n);
    if (status < 0)
        return status;
    for (size_t column = 0; column < n; column++) {
        char number[24];
        const char *text;
        size_t n_text = origin_text(source, record, column, number, &text);
        sheaf__batch_add_unsafe(row, text, n_text);
    }
    for (size_t i = 0; i < source->file->n_columns; i++) {
        uint32_t place = source->places[i];
        if (place == SHEAF__NO_NAME)
            continue;
        row->n_cells = first + place;
        put_cell(row, batch, &batch->cells[i]);
    }
    row->n_cells = first + n;
    row->n_columns = n;
    row->n_rows++;
    return SHEAF_OK;
}
