/* Batches: see batch.h. The two arrays double when they are too small; clear() keeps them. */
#include "engine/table/batch.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_CHUNK_BYTES = 64 << 10,
    BYTES_MIN = 32 << 10,
    CELLS_MIN = 4 << 10,
    PLACES_MIN = 1 << 10
};

sheaf__batch *sheaf__batch_create(const sheaf__heap *heap)
{
    sheaf__batch *batch = calloc(1, sizeof *batch);
    sheaf_arena *arena = sheaf__arena_create(heap, ARENA_CHUNK_BYTES);
    if (!batch || !arena) {
        sheaf__arena_destroy(arena);
        free(batch);
        return NULL;
    }
    batch->arena = arena;
    return batch;
}

void sheaf__batch_destroy(sheaf__batch *batch)
{
    if (!batch)
        return;
    sheaf__arena_destroy(batch->arena);
    free(batch);
}

void sheaf__batch_clear(sheaf__batch *batch, size_t keep_bytes)
{
    batch->n_bytes = batch->n_cells = batch->n_columns = batch->n_rows = 0;
    batch->n_plain_rows = batch->n_plain_bytes = 0;
    if (sheaf__arena_footprint(batch->arena) <= keep_bytes)
        return;
    sheaf__arena_reset(batch->arena, 0);
    batch->bytes = NULL;
    batch->cells = NULL;
    batch->places = NULL;
    batch->bytes_capacity = batch->cells_capacity = batch->places_capacity = 0;
}

/* An array of at least `need` elements: double the old one or the minimum, whichever is larger. */
static size_t grown(size_t capacity, size_t need, size_t least)
{
    size_t doubled = capacity * 2 > least ? capacity * 2 : least;
    return doubled > need ? doubled : need;
}

static sheaf_status grow_bytes(sheaf__batch *batch, size_t need)
{
    if (need >= UINT32_MAX)
        return SHEAF_ELIMIT;
    size_t capacity = grown(batch->bytes_capacity, need, BYTES_MIN);
    uint8_t *block = sheaf_arena_new(batch->arena, uint8_t, capacity + 2 * SHEAF__BATCH_SLACK);
    if (!block)
        return SHEAF_ENOMEM;
    uint8_t *bytes = block + SHEAF__BATCH_SLACK;
    if (batch->n_bytes > 0)
        memcpy(bytes, batch->bytes, batch->n_bytes);
    batch->bytes = bytes;
    batch->bytes_capacity = capacity;
    return SHEAF_OK;
}

static sheaf_status grow_cells(sheaf__batch *batch, size_t need)
{
    size_t capacity = grown(batch->cells_capacity, need, CELLS_MIN);
    sheaf__cell *cells = sheaf_arena_new(batch->arena, sheaf__cell, capacity);
    if (!cells)
        return SHEAF_ENOMEM;
    if (batch->n_cells > 0)
        memcpy(cells, batch->cells, batch->n_cells * sizeof *cells);
    batch->cells = cells;
    batch->cells_capacity = capacity;
    return SHEAF_OK;
}

sheaf_status sheaf__batch_reserve(sheaf__batch *batch, size_t more_bytes, size_t more_cells)
{
    sheaf_status status = SHEAF_OK;
    if (!batch->bytes || batch->bytes_capacity - batch->n_bytes < more_bytes)
        status = grow_bytes(batch, batch->n_bytes + more_bytes);
    if (status == SHEAF_OK && batch->cells_capacity - batch->n_cells < more_cells)
        status = grow_cells(batch, batch->n_cells + more_cells);
    return status;
}

sheaf_status sheaf__batch_reserve_places(sheaf__batch *batch, size_t more_rows)
{
    size_t need = batch->n_rows + more_rows;
    if (need <= batch->places_capacity)
        return SHEAF_OK;
    size_t capacity = grown(batch->places_capacity, need, PLACES_MIN);
    sheaf__row_place *places = sheaf_arena_new(batch->arena, sheaf__row_place, capacity);
    if (!places)
        return SHEAF_ENOMEM;
    if (batch->n_rows > 0)
        memcpy(places, batch->places, batch->n_rows * sizeof *places);
    batch->places = places;
    batch->places_capacity = capacity;
    return SHEAF_OK;
}
