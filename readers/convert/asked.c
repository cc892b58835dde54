/*
 * Refusing values: see asked.h. Rows are taken a block at a time, so that they stay in L1.
 *
 * What a converter takes is of the type; what it does not take may be all the same, if it is
 * spelled as only who asked for the type may expect it.
 */
#include "readers/convert/asked.h"

#include <string.h>

enum { BLOCK_ROWS = 256 };

static bool is_null(const sheaf__cells *cells, size_t row, const sheaf__nulls *nulls)
{
    const sheaf__cell *cell = &cells->first[row * cells->stride];
    return cell->n_bytes == SHEAF__NULL_CELL ||
           (nulls && sheaf__nulls_has(nulls, cells->text + cell->offset_bytes, cell->n_bytes));
}

static bool is_good(const sheaf__cells *cells, size_t row, sheaf_type type,
                    const sheaf__nulls *nulls, sheaf__value *value)
{
    const sheaf__cell *cell = &cells->first[row * cells->stride];
    return is_null(cells, row, nulls) ||
           sheaf__value_as(type, cells->text + cell->offset_bytes, cell->n_bytes, value);
}

/* The first row whose value is not of the type, cells->n when there is none; and the values. */
static size_t first_refused(const sheaf__cells *cells, sheaf_type type, const sheaf__nulls *nulls,
                            sheaf__value *values)
{
    uint8_t valid[BLOCK_ROWS / 8] = {0};
    sheaf__kinds met = 0;
    sheaf__converter *convert = sheaf__converter_of(type);
    size_t row = 0;
    if (!convert)
        return cells->n;
    while ((row = convert(cells, row, values, valid, &met)) < cells->n) {
        if (!is_good(cells, row, type, nulls, &values[row]))
            return row;
        row++;
    }
    return cells->n;
}

/* Of values that are of their type: the first row whose one does not fit. */
static size_t first_unfit(const sheaf__cells *cells, const sheaf__asked_column *asked,
                          const sheaf__nulls *nulls, const sheaf__value *values)
{
    bool is_narrow = sheaf__fit_is_narrow(&asked->fit);
    if (!is_narrow && !asked->fit.not_null)
        return cells->n;
    for (size_t row = 0; row < cells->n; row++) {
        const sheaf__cell *cell = &cells->first[row * cells->stride];
        bool fits = !asked->fit.not_null;
        if (!is_null(cells, row, nulls))
            fits = !is_narrow ||
                   (asked->type == SHEAF_TYPE_TEXT
                        ? sheaf__fit_takes_text(&asked->fit, cells->text + cell->offset_bytes,
                                                cell->n_bytes)
                        : sheaf__fit_takes_integer(&asked->fit, values[row].integer));
        if (!fits)
            return row;
    }
    return cells->n;
}

/* Rows of a block, the first of them `base`: whether they are good; if not, fewer of them count. */
static bool check_columns(const sheaf__asked *asked, const sheaf__batch *batch, size_t base,
                          size_t n_rows, sheaf__misfit *misfit)
{
    sheaf__value values[BLOCK_ROWS];
    sheaf__cells cells = {.text = batch->bytes, .stride = batch->n_columns, .n = n_rows};
    bool good = true;
    for (size_t i = 0; asked->columns && i < asked->columns->n; i++) {
        const sheaf__asked_column *each = &asked->columns->items[i];
        cells.first = batch->cells + base * batch->n_columns + each->column;
        size_t n = cells.n;
        cells.n = first_refused(&cells, (sheaf_type)each->type, asked->nulls, values);
        size_t row = first_unfit(&cells, each, asked->nulls, values);
        cells.n = row; /* of other columns only a row before this one counts */
        if (row == n)
            continue;
        *misfit = (sheaf__misfit){base + row, each->column, (sheaf_type)each->type, each->fit};
        good = false;
    }
    return good;
}

/* Whether there is no NUL byte in these rows, or not before what was found already. */
static bool check_nul(const sheaf__batch *batch, size_t first_row, size_t n_rows,
                      sheaf__misfit *misfit, bool is_good)
{
    const sheaf__cell *cells = batch->cells + first_row * batch->n_columns;
    size_t n_cells = n_rows * batch->n_columns;
    size_t first = 0;
    while (first < n_cells && cells[first].n_bytes == SHEAF__NULL_CELL)
        first++;
    if (first == n_cells)
        return is_good;
    size_t from = cells[first].offset_bytes;
    if (!memchr(batch->bytes + from, 0, batch->n_bytes - from))
        return is_good;
    for (size_t i = first; i < n_cells; i++) {
        sheaf__misfit found = {.row = first_row + i / batch->n_columns,
                               .column = i % batch->n_columns};
        if (!is_good && (found.row > misfit->row ||
                         (found.row == misfit->row && found.column >= misfit->column)))
            return false;
        if (cells[i].n_bytes == SHEAF__NULL_CELL ||
            !memchr(batch->bytes + cells[i].offset_bytes, 0, cells[i].n_bytes))
            continue;
        *misfit = found;
        return false;
    }
    return is_good;
}

bool sheaf__asked_check(const sheaf__asked *asked, const sheaf__batch *batch, size_t first_row,
                        size_t n_rows, sheaf__misfit *misfit)
{
    bool good = true;
    size_t end = first_row + n_rows;
    for (size_t base = first_row; base < end && good; base += BLOCK_ROWS)
        good = check_columns(asked, batch, base, end - base < BLOCK_ROWS ? end - base : BLOCK_ROWS,
                             misfit);
    return asked->refuses_nul ? check_nul(batch, first_row, n_rows, misfit, good) : good;
}
