/* Texts that stand for null: see nulls.h. */
#include "readers/convert/nulls.h"

#include <string.h>

bool sheaf__nulls_has(const sheaf__nulls *nulls, const void *text, size_t n_bytes)
{
    for (size_t i = 0; i < nulls->n; i++)
        if (strlen(nulls->tokens[i]) == n_bytes && memcmp(nulls->tokens[i], text, n_bytes) == 0)
            return true;
    return false;
}

void sheaf__nulls_apply(const sheaf__nulls *nulls, sheaf__batch *batch)
{
    size_t longest = 0;
    for (size_t i = 0; i < nulls->n; i++)
        if (strlen(nulls->tokens[i]) > longest)
            longest = strlen(nulls->tokens[i]);
    batch->n_plain_rows = 0; /* the text of such a field stays */
    for (size_t i = 0; i < batch->n_cells; i++) {
        sheaf__cell *cell = &batch->cells[i]; /* a null is longer than anything */
        if (cell->n_bytes <= longest &&
            sheaf__nulls_has(nulls, batch->bytes + cell->offset_bytes, cell->n_bytes))
            cell->n_bytes = SHEAF__NULL_CELL;
    }
}
