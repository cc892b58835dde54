/*
 * Filling columns: see fill.h. Rows are taken a block at a time, so that their text and cells stay
 * in L1 while one column after the other is converted.
 */
#include "readers/convert/fill.h"

#include <string.h>

enum {
    BLOCK_ROWS = 256,
    SHORT_BYTES = 16 /* of a text that is copied without asking how long it is */
};

_Static_assert((int)SHORT_BYTES <= (int)SHEAF__BATCH_SLACK, "a batch may be read so far behind");

/* One column on its way. */
typedef struct filling {
    sheaf__column *column;
    size_t from;
    size_t index; /* in the table */
    bool asked;
    bool nullable;
    sheaf__kinds met;
    uint32_t n_text; /* so far */
} filling;

static sheaf__cells cells_of(const sheaf__batch *batch, size_t from, size_t base, size_t n_rows)
{
    return (sheaf__cells){.text = batch->bytes,
                          .first = batch->cells + base * batch->n_columns + from,
                          .stride = batch->n_columns,
                          .n = n_rows};
}

/* ---- text ---- */

/* The text of a column, and as much behind it as is copied in vain. */
static size_t text_bytes_of(const sheaf__batch *batch, size_t from)
{
    sheaf__cells cells = cells_of(batch, from, 0, batch->n_rows);
    size_t n_bytes = SHORT_BYTES;
    for (size_t row = 0; row < cells.n; row++) {
        uint32_t n = cells.first[row * cells.stride].n_bytes;
        n_bytes += n == SHEAF__NULL_CELL ? 0 : n;
    }
    return n_bytes;
}

static void fill_text(filling *f, const sheaf__cells *cells, size_t base)
{
    uint8_t *text = f->column->text;
    int32_t *offsets = (int32_t *)f->column->values + base;
    uint8_t *valid = f->column->valid + base / 8;
    uint32_t n_text = f->n_text;
    for (size_t row = 0; row < cells->n; row++) {
        sheaf__cell cell = cells->first[row * cells->stride];
        bool is_null = cell.n_bytes == SHEAF__NULL_CELL;
        uint32_t n = is_null ? 0 : cell.n_bytes;
        const uint8_t *from = cells->text + cell.offset_bytes;
        if (n <= SHORT_BYTES)
            memcpy(text + n_text, from, SHORT_BYTES);
        else
            memcpy(text + n_text, from, n);
        n_text += n;
        offsets[row + 1] = (int32_t)n_text;
        valid[row / 8] = (uint8_t)(valid[row / 8] | (unsigned)!is_null << row % 8);
    }
    f->n_text = n_text;
}

/* ---- values ---- */

/* Values of fewer than eight bytes, from where they were put. */
static void narrow(sheaf__column *column, const sheaf__value *values, size_t base, size_t n_rows)
{
    if (column->type == SHEAF_TYPE_DATE)
        for (size_t row = 0; row < n_rows; row++)
            ((int32_t *)column->values)[base + row] = (int32_t)values[row].integer;
    else
        for (size_t row = 0; row < n_rows; row++)
            sheaf__bit_set(column->values, base + row, values[row].integer != 0);
}

/* Convert a block. False: *row is where a value is not of the type. */
static bool fill_values(filling *f, const sheaf__cells *cells, size_t base, size_t *row)
{
    sheaf__column *column = f->column;
    bool is_narrow = column->type == SHEAF_TYPE_DATE || column->type == SHEAF_TYPE_BOOL;
    sheaf__value narrow_values[BLOCK_ROWS];
    sheaf__value *values = is_narrow ? narrow_values : (sheaf__value *)column->values + base;
    uint8_t *valid = column->valid + base / 8;
    sheaf__converter *convert = sheaf__converter_of(column->type);
    *row = 0;
    while ((*row = convert(cells, *row, values, valid, &f->met)) < cells->n) {
        const sheaf__cell *cell = &cells->first[*row * cells->stride];
        if (!f->asked || !sheaf__value_as(column->type, cells->text + cell->offset_bytes,
                                          cell->n_bytes, &values[*row]))
            return false;
        sheaf__bit_set(valid, *row, true);
        ++*row;
    }
    if (is_narrow)
        narrow(column, values, base, cells->n);
    return true;
}

/* ---- all of it ---- */

/* Mostly all values are there, and so are whole words of bits. */
static size_t count_nulls(const sheaf__column *column, size_t n_rows)
{
    size_t n_values = 0;
    size_t row = 0;
    for (uint64_t bits; n_rows - row >= 64; row += 64) {
        memcpy(&bits, column->valid + row / 8, sizeof bits);
        n_values += bits == UINT64_MAX ? 64 : (size_t)__builtin_popcountll(bits);
    }
    for (; row < n_rows; row += 8)
        n_values += (size_t)__builtin_popcount(column->valid[row / 8]);
    return n_rows - n_values;
}

/* Whether there is a value in a column that has none. */
static bool has_values(const sheaf__batch *batch, size_t from, sheaf__misfit *misfit)
{
    sheaf__cells cells = cells_of(batch, from, 0, batch->n_rows);
    for (size_t row = 0; row < cells.n; row++) {
        if (cells.first[row * cells.stride].n_bytes == SHEAF__NULL_CELL)
            continue;
        *misfit = (sheaf__misfit){.row = row, .column = from, .type = SHEAF_TYPE_NULL};
        return true;
    }
    return false;
}

/* One block of all columns; of what is wrong the first row counts, and there the first column. */
static void fill_block(filling *fillings, size_t n_fillings, const sheaf__batch *batch, size_t base,
                       size_t n_rows, sheaf__misfit *misfit)
{
    for (size_t i = 0; i < n_fillings; i++) {
        filling *f = &fillings[i];
        sheaf__cells cells = cells_of(batch, f->from, base, n_rows);
        size_t row;
        if (f->column->type == SHEAF_TYPE_TEXT)
            fill_text(f, &cells, base);
        else if (!fill_values(f, &cells, base, &row) &&
                 (base + row < misfit->row ||
                  (base + row == misfit->row && f->from < misfit->column)))
            *misfit = (sheaf__misfit){
                .row = base + row, .column = f->from, .type = f->column->type};
    }
}

/* Room for all of it. ELIMIT: too much text in one column. */
static sheaf_status make_room(sheaf__columns *columns, const sheaf__batch *batch,
                              const sheaf__table_view *view)
{
    size_t *text_bytes = sheaf_arena_new(columns->arena, size_t, view->n_columns);
    if (!text_bytes)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < view->n_columns; i++) {
        bool has_text = view->types[i] == SHEAF_TYPE_TEXT && view->from[i] != UINT32_MAX;
        text_bytes[i] = has_text ? text_bytes_of(batch, view->from[i]) : 0;
        if (text_bytes[i] > (size_t)INT32_MAX + SHORT_BYTES)
            return SHEAF_ELIMIT;
    }
    return sheaf__columns_begin(columns, view->types, text_bytes, view->n_columns, batch->n_rows);
}

/* The columns to be converted, in *n. END: there is a value where there was none. */
static sheaf_status begin(const sheaf__columns *columns, const sheaf__batch *batch,
                          const sheaf__table_view *view, filling *fillings, size_t *n,
                          sheaf__misfit *misfit)
{
    *n = 0;
    for (size_t i = 0; i < view->n_columns; i++) {
        sheaf__column *column = &columns->items[i];
        size_t from = view->from[i];
        if (from == UINT32_MAX) {
            sheaf__column_clear(column, batch->n_rows);
        } else if (column->type == SHEAF_TYPE_NULL) {
            if (has_values(batch, from, misfit))
                return SHEAF_END;
            if (view->kinds)
                view->kinds[i] |= SHEAF__KIND_NULL;
        } else {
            fillings[(*n)++] = (filling){.column = column,
                                         .from = from,
                                         .index = i,
                                         .asked = view->asked && view->asked[i],
                                         .nullable = !view->nullable || view->nullable[i]};
        }
    }
    return SHEAF_OK;
}

/* All of a column is converted: how many nulls has it, and may it have them? */
static bool end(filling *f, size_t n_rows, const sheaf__table_view *view, sheaf__misfit *misfit)
{
    sheaf__column *column = f->column;
    column->n_nulls = count_nulls(column, n_rows);
    if (column->n_nulls > 0 && !f->nullable) {
        *misfit = (sheaf__misfit){.column = f->from, .type = column->type};
        return false;
    }
    if (column->n_nulls > 0)
        f->met |= SHEAF__KIND_NULL;
    if (view->kinds) /* of values whose type was asked for nobody wants to know what they are */
        view->kinds[f->index] |= f->asked ? f->met & SHEAF__KIND_NULL : f->met;
    return true;
}

sheaf_status sheaf__fill(sheaf__columns *columns, const sheaf__batch *batch,
                         const sheaf__table_view *view, sheaf__misfit *misfit)
{
    filling *fillings = sheaf_arena_new(columns->arena, filling, view->n_columns);
    sheaf_status status = fillings ? make_room(columns, batch, view) : SHEAF_ENOMEM;
    if (status < 0)
        return status;
    size_t n;
    status = begin(columns, batch, view, fillings, &n, misfit);
    if (status != SHEAF_OK)
        return status;
    misfit->row = SIZE_MAX;
    for (size_t base = 0; base < batch->n_rows; base += BLOCK_ROWS) {
        size_t left = batch->n_rows - base;
        fill_block(fillings, n, batch, base, left < BLOCK_ROWS ? left : BLOCK_ROWS, misfit);
        if (misfit->row != SIZE_MAX)
            return SHEAF_END;
    }
    for (size_t i = 0; i < n; i++)
        if (!end(&fillings[i], batch->n_rows, view, misfit))
            return SHEAF_END;
    return SHEAF_OK;
}
