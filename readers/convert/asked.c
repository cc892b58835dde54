/*
 * Refusing values: see asked.h. Rows are taken a block at a time, so that they stay in L1.
 *
 * What a converter takes is of the type; what it does not take may be all the same, if it is
 * spelled as only who asked for the type may expect it.
 */
#include "readers/convert/asked.h"

enum { BLOCK_ROWS = 256 };

static bool is_good(const sheaf__cells *cells, size_t row, sheaf_type type,
                    const sheaf__nulls *nulls)
{
    const sheaf__cell *cell = &cells->first[row * cells->stride];
    const uint8_t *text = cells->text + cell->offset_bytes;
    sheaf__value value;
    return cell->n_bytes == SHEAF__NULL_CELL ||
           sheaf__value_as(type, text, cell->n_bytes, &value) ||
           (nulls && sheaf__nulls_has(nulls, text, cell->n_bytes));
}

/* The first row that is refused; cells->n when there is none. */
static size_t first_refused(const sheaf__cells *cells, sheaf_type type, const sheaf__nulls *nulls)
{
    sheaf__value values[BLOCK_ROWS];
    uint8_t valid[BLOCK_ROWS / 8] = {0};
    sheaf__kinds met = 0;
    sheaf__converter *convert = sheaf__converter_of(type);
    size_t row = 0;
    if (!convert)
        return cells->n;
    while ((row = convert(cells, row, values, valid, &met)) < cells->n) {
        if (!is_good(cells, row, type, nulls))
            return row;
        row++;
    }
    return cells->n;
}

bool sheaf__asked_check(const sheaf__asked_columns *asked, const sheaf__nulls *nulls,
                        const sheaf__batch *batch, size_t first_row, size_t n_rows,
                        sheaf__misfit *misfit)
{
    size_t end = first_row + n_rows;
    for (size_t base = first_row; base < end; base += BLOCK_ROWS) {
        sheaf__cells cells = {.text = batch->bytes,
                              .stride = batch->n_columns,
                              .n = end - base < BLOCK_ROWS ? end - base : BLOCK_ROWS};
        bool good = true;
        for (size_t i = 0; i < asked->n; i++) {
            const sheaf__asked_column *each = &asked->items[i];
            cells.first = batch->cells + base * batch->n_columns + each->column;
            size_t row = first_refused(&cells, (sheaf_type)each->type, nulls);
            if (row == cells.n)
                continue;
            *misfit = (sheaf__misfit){base + row, each->column, (sheaf_type)each->type};
            cells.n = row; /* of other columns only a row before this one counts */
            good = false;
        }
        if (!good)
            return false;
    }
    return true;
}
