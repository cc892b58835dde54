/* Where rows come from, as columns: see added.h. */
#include "engine/ingest/added.h"

#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"

static bool is_text(const sheaf_added_column *added)
{
    return added->origin == SHEAF_ORIGIN_FILE;
}

void sheaf__added_types(const sheaf__rules *rules, size_t n, sheaf_type *types, bool *is_asked,
                        bool *nullable)
{
    for (size_t i = 0; i < rules->n_added; i++) {
        types[n + i] = is_text(&rules->added[i]) ? SHEAF_TYPE_TEXT : SHEAF_TYPE_INT64;
        is_asked[n + i] = false;
        if (nullable)
            nullable[n + i] = false;
    }
}

void sheaf__added_project(const sheaf__rules *rules, size_t n, uint32_t *from)
{
    static const uint32_t columns[SHEAF_ORIGINS] = {[SHEAF_ORIGIN_FILE] = SHEAF__FILE_COLUMN,
                                                    [SHEAF_ORIGIN_LINE] = SHEAF__LINE_COLUMN,
                                                    [SHEAF_ORIGIN_ROW] = SHEAF__ROW_COLUMN};
    for (size_t i = 0; i < rules->n_added; i++)
        from[n + i] = columns[rules->added[i].origin];
}

/* ---- the path ---- */

sheaf_status sheaf__added_name_files(sheaf__load *load, sheaf_error *err)
{
    const sheaf__rules *rules = &load->typing.rules;
    bool wanted = false;
    for (size_t i = 0; i < rules->n_added; i++)
        wanted |= is_text(&rules->added[i]);
    for (size_t i = 0; wanted && i < load->n_files; i++) {
        load->states[i].path = sheaf__utf8_of_path(load->states[i].found->path, load->schema.arena);
        if (!load->states[i].path)
            return sheaf__error_memory(err, "the files' names");
    }
    return SHEAF_OK;
}

/* ---- typed ---- */

static void set_all_valid(sheaf__column *column, size_t n_rows)
{
    memset(column->valid, 0xFF, n_rows / 8);
    if (n_rows % 8 > 0)
        column->valid[n_rows / 8] = (uint8_t)((1u << n_rows % 8) - 1);
    column->n_nulls = 0;
}

static sheaf_status fill_path(sheaf__columns *columns, sheaf__column *column, const char *path)
{
    size_t n_bytes = strlen(path);
    int32_t *ends = column->values;
    if (columns->n_rows > INT32_MAX / (n_bytes + 1))
        return SHEAF_ELIMIT;
    column->text = sheaf_arena_new(columns->arena, uint8_t, columns->n_rows * n_bytes + 1);
    if (!column->text)
        return SHEAF_ENOMEM;
    for (size_t row = 0; row < columns->n_rows; row++) {
        memcpy(column->text + row * n_bytes, path, n_bytes);
        ends[row + 1] = (int32_t)((row + 1) * n_bytes);
    }
    return SHEAF_OK;
}

sheaf_status sheaf__added_fill(const sheaf__load_file *file, const sheaf__batch *batch,
                               sheaf__columns *columns, size_t n)
{
    const sheaf__rules *rules = &file->load->typing.rules;
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < rules->n_added && status == SHEAF_OK; i++) {
        sheaf__column *column = &columns->items[n + i];
        bool is_line = rules->added[i].origin == SHEAF_ORIGIN_LINE;
        int64_t *values = column->values;
        set_all_valid(column, columns->n_rows);
        if (is_text(&rules->added[i]))
            status = fill_path(columns, column, file->path);
        else
            for (size_t row = 0; row < columns->n_rows; row++)
                values[row] = (int64_t)(is_line ? batch->places[row].line
                                                : batch->places[row].record);
    }
    return status;
}

void sheaf__added_shift(const sheaf__rules *rules, const sheaf__reader_position *shift,
                        sheaf__columns *first, size_t n)
{
    if (shift->line == 0 && shift->counts.records == 0)
        return;
    for (sheaf__columns *columns = first; columns; columns = columns->next) {
        for (size_t i = 0; i < rules->n_added; i++) {
            bool is_line = rules->added[i].origin == SHEAF_ORIGIN_LINE;
            int64_t *values = columns->items[n + i].values;
            int64_t by = (int64_t)(is_line ? shift->line : shift->counts.records);
            for (size_t row = 0; row < columns->n_rows && !is_text(&rules->added[i]); row++)
                values[row] += by;
        }
    }
}
