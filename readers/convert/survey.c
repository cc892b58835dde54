/*
 * Kinds of whole columns: see survey.h. Rows are taken a block at a time, so that it stays in L1.
 */
#include "readers/convert/survey.h"

enum { BLOCK_ROWS = 256 };

static inline bool is_null(const sheaf__cells *cells, size_t row)
{
    return cells->first[row * cells->stride].n_bytes == SHEAF__NULL_CELL;
}

/* Add the kinds of cells from `row` on, up to the first value. Returns the row behind it. */
static size_t take_one(const sheaf__cells *cells, size_t row, sheaf__kinds *kinds)
{
    for (; row < cells->n; row++) {
        const sheaf__cell *cell = &cells->first[row * cells->stride];
        sheaf__value value;
        if (cell->n_bytes != SHEAF__NULL_CELL) {
            *kinds |= sheaf__value_of(cells->text + cell->offset_bytes, cell->n_bytes, &value);
            return row + 1;
        }
        *kinds |= SHEAF__KIND_NULL;
    }
    return row;
}

static sheaf__kinds nulls_of(const sheaf__cells *cells)
{
    for (size_t row = 0; row < cells->n; row++)
        if (is_null(cells, row))
            return SHEAF__KIND_NULL;
    return 0;
}

static void survey_cells(const sheaf__cells *cells, sheaf__kinds *kinds)
{
    sheaf__value values[BLOCK_ROWS];
    uint8_t valid[BLOCK_ROWS / 8] = {0};
    size_t row = 0;
    while (row < cells->n) {
        sheaf_type type = sheaf__kinds_type(*kinds);
        sheaf__converter *convert = sheaf__converter_of(type);
        if (type == SHEAF_TYPE_TEXT) {
            if (!(*kinds & SHEAF__KIND_NULL))
                *kinds |= nulls_of(cells);
            return;
        }
        if (convert)
            row = convert(cells, row, values, valid, kinds);
        row = take_one(cells, row, kinds);
    }
}

/* The type is known, and the reader has refused what is not of it: are there nulls? */
static void survey_asked(const sheaf__cells *cells, sheaf__kinds *kinds)
{
    if (!(*kinds & SHEAF__KIND_NULL))
        *kinds |= nulls_of(cells);
}

void sheaf__survey(const sheaf__batch *batch, const sheaf_type *asked, sheaf__kinds *kinds)
{
    for (size_t base = 0; base < batch->n_rows; base += BLOCK_ROWS) {
        sheaf__cells cells = {.text = batch->bytes,
                              .first = batch->cells + base * batch->n_columns,
                              .stride = batch->n_columns,
                              .n = batch->n_rows - base < BLOCK_ROWS ? batch->n_rows - base
                                                                     : BLOCK_ROWS};
        for (size_t column = 0; column < batch->n_columns; column++, cells.first++) {
            if (asked && asked[column] != SHEAF_TYPE_NULL)
                survey_asked(&cells, &kinds[column]);
            else
                survey_cells(&cells, &kinds[column]);
        }
    }
}
