/*
 * What rows may take that are read and not written yet: see load.h.
 *
 * Work is asked for in the order of the output, and only while what chunks hold that are done, with
 * as much for each that is under way as the last large one had, is within the budget. A worker that
 * comes to a chunk when the budget is spent declines, unless its turn has come; then it is asked
 * again. So the one whose turn it is is always read, whatever it takes: nothing waits for ever, and
 * a record that is larger than all of the budget is read all the same. (What a worker process holds
 * nobody knows before it answers: none declines.)
 */
#include "engine/ingest/load.h"

static size_t columns_bytes(const sheaf__columns *columns)
{
    size_t bytes = 0;
    for (size_t i = 0; i < columns->n_columns; i++) {
        const sheaf__column *column = &columns->items[i];
        bytes += columns->n_rows * sizeof(int64_t);
        if (column->text && column->values)
            bytes += (size_t)((const int32_t *)column->values)[columns->n_rows];
    }
    return bytes;
}

static size_t chunk_bytes(const sheaf__chunk *chunk)
{
    const sheaf__batch *batch = chunk->batch;
    size_t bytes = sheaf__rejects_bytes(&chunk->rejects);
    if (chunk->columns)
        bytes += columns_bytes(chunk->columns);
    if (chunk->block)
        bytes += chunk->block->capacity;
    if (batch)
        bytes += batch->bytes_capacity + batch->cells_capacity * sizeof(sheaf__cell) +
                 batch->places_capacity * sizeof(sheaf__row_place);
    return bytes;
}

void sheaf__budget_hold(sheaf__chunk *chunk)
{
    sheaf__budget_of_rows *budget = &chunk->file->load->budget;
    chunk->held_bytes = chunk_bytes(chunk);
    atomic_fetch_add_explicit(&budget->held_bytes, chunk->held_bytes, memory_order_relaxed);
}

void sheaf__budget_let_go(sheaf__chunk *chunk)
{
    sheaf__budget_of_rows *budget = &chunk->file->load->budget;
    atomic_fetch_sub_explicit(&budget->held_bytes, chunk->held_bytes, memory_order_relaxed);
    chunk->held_bytes = 0;
}

void sheaf__budget_asked(sheaf__load *load)
{
    load->budget.n_asked++;
}

void sheaf__budget_answered(sheaf__load *load)
{
    atomic_fetch_add_explicit(&load->budget.n_answered, 1, memory_order_relaxed);
}

void sheaf__budget_taken(const sheaf__chunk *chunk)
{
    enum { FORGET = 8 }; /* an eighth, with each that is smaller */
    sheaf__budget_of_rows *budget = &chunk->file->load->budget;
    size_t less = budget->expected_bytes - budget->expected_bytes / FORGET;
    budget->expected_bytes = chunk->held_bytes > less ? chunk->held_bytes : less;
}

bool sheaf__budget_is_spent(const sheaf__load *load)
{
    const sheaf__budget_of_rows *budget = &load->budget;
    return budget->limit_bytes > 0 &&
           atomic_load_explicit(&budget->held_bytes, memory_order_relaxed) >= budget->limit_bytes;
}

bool sheaf__budget_has_room(const sheaf__load *load)
{
    const sheaf__budget_of_rows *budget = &load->budget;
    size_t held = atomic_load_explicit(&budget->held_bytes, memory_order_relaxed);
    uint64_t answered = atomic_load_explicit(&budget->n_answered, memory_order_relaxed);
    uint64_t under_way = budget->n_asked > answered ? budget->n_asked - answered : 0;
    if (held >= budget->limit_bytes)
        return false;
    /* One more than is under way: the one that is to be asked for. */
    return budget->expected_bytes == 0 ||
           under_way < (budget->limit_bytes - held) / budget->expected_bytes;
}
