/*
 * A batch: some records of one file, ready for a sink.
 *
 * The text of all fields stands in one block of bytes, in their order and perhaps with what parted
 * them; a cell says where a field's text begins and how long it is. Cells stand record by record:
 * the field in column c of row r is cells[r * n_columns + c]. So a record of a million fields costs
 * eight bytes a field, and nothing is allocated per row or column.
 *
 * A batch is filled by one worker, moves to the consumer, and goes back to a pool to be used again.
 * Its memory is an arena of its own, on the heap of the worker that made it; nothing in it points
 * anywhere else.
 */
#ifndef SHEAF_TABLE_BATCH_H
#define SHEAF_TABLE_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/status.h>

#include "engine/core/arena.h"
#include "engine/core/freelist.h"

#define SHEAF__NULL_CELL UINT32_MAX

/* So many bytes before and behind the text may be read; what stands there means nothing. */
enum { SHEAF__BATCH_SLACK = 64 };

typedef struct sheaf__cell {
    uint32_t offset_bytes;
    uint32_t n_bytes; /* SHEAF__NULL_CELL: the field is null */
} sheaf__cell;

/* Where a row's record stands in its file; of a range, counted from where that begins. */
typedef struct sheaf__row_place {
    uint64_t line;   /* from 1 */
    uint64_t record; /* from 1; those that were set aside count */
} sheaf__row_place;

typedef struct sheaf__batch {
    sheaf__free_node node; /* of the pool it goes back to */
    sheaf_arena *arena;
    uint8_t *bytes;
    size_t n_bytes;
    size_t bytes_capacity;
    sheaf__cell *cells;
    size_t n_cells;
    size_t cells_capacity;
    size_t n_columns;
    size_t n_rows;
    size_t n_plain_rows;  /* of them, at least: whose fields stand behind each other, a byte between
                            each two; 0 when somebody has changed cells */
    size_t n_plain_bytes; /* of the bytes: those rows, each with an LF behind it (but perhaps the
                             last), all there is of them; no CR, nor the file's kind of quote */
    /* One for each row, if whoever fills the batch is asked for them. */
    bool wants_places;
    sheaf__row_place *places;
    size_t places_capacity;
    sheaf__row_place next_place; /* of the record that is taken next: for whoever fills it */
} sheaf__batch;

/* A new, empty batch; heap may be NULL and must outlive it. NULL when there is no memory. */
sheaf__batch *sheaf__batch_create(const sheaf__heap *heap);
void sheaf__batch_destroy(sheaf__batch *batch);

/*
 * Empty a batch for its next use. Its memory is kept unless a giant record made it larger than
 * keep_bytes.
 */
void sheaf__batch_clear(sheaf__batch *batch, size_t keep_bytes);

/* Room for so many more bytes and cells, none included: OK, ENOMEM, or ELIMIT beyond 4 GiB. */
sheaf_status sheaf__batch_reserve(sheaf__batch *batch, size_t more_bytes, size_t more_cells);

/* Room for the places of so many more rows: OK, ENOMEM. */
sheaf_status sheaf__batch_reserve_places(sheaf__batch *batch, size_t more_rows);

/* Add a field. The caller has reserved the space. text NULL: a null. */
static inline void sheaf__batch_add_unsafe(sheaf__batch *batch, const void *text, size_t n_bytes)
{
    sheaf__cell *cell = &batch->cells[batch->n_cells++];
    cell->offset_bytes = (uint32_t)batch->n_bytes;
    cell->n_bytes = text ? (uint32_t)n_bytes : SHEAF__NULL_CELL;
    if (text) {
        __builtin_memcpy(batch->bytes + batch->n_bytes, text, n_bytes);
        batch->n_bytes += n_bytes;
    }
}

#endif
