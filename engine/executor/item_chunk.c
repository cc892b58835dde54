/* Several items of a map that make one task: see item_chunk.h. */
#include "engine/executor/item_chunk.h"

#include <stdlib.h>

#include "engine/core/error.h"

void sheaf__budget_release(sheaf__budget *budget)
{
    if (budget && atomic_fetch_sub_explicit(&budget->references, 1, memory_order_acq_rel) == 1)
        free(budget);
}

sheaf__item_chunk *sheaf__item_chunk_create(const sheaf_map_options *options, size_t n,
                                            sheaf__budget *budget)
{
    sheaf__item_chunk *chunk;
    size_t n_item_bytes = sizeof(void *) + (budget ? sizeof(size_t) : 0);
    if (n > (SIZE_MAX - sizeof *chunk) / n_item_bytes)
        return NULL;
    chunk = malloc(sizeof *chunk + n * n_item_bytes);
    if (!chunk)
        return NULL;
    *chunk = (sheaf__item_chunk){.options = *options, .budget = budget};
    if (budget)
        chunk->sizes = (size_t *)(void *)&chunk->items[n];
    if (budget)
        atomic_fetch_add_explicit(&budget->references, 1, memory_order_relaxed);
    return chunk;
}

static void drop_argument(const sheaf__item_chunk *chunk, void *argument)
{
    if (chunk->options.drop_arg)
        chunk->options.drop_arg(argument);
}

void sheaf__item_chunk_forget(sheaf__item_chunk *chunk, size_t n_items, size_t n_bytes)
{
    if (!chunk->budget)
        return;
    atomic_fetch_sub_explicit(&chunk->budget->n_items, n_items, memory_order_relaxed);
    atomic_fetch_sub_explicit(&chunk->budget->n_bytes, n_bytes, memory_order_relaxed);
}

void sheaf__item_chunk_drop(void *object)
{
    sheaf__item_chunk *chunk = object;
    if (!chunk)
        return;
    if (chunk->ran)
        sheaf__item_chunk_forget(chunk, chunk->n_done - chunk->n_yielded, chunk->n_bytes);
    for (size_t i = chunk->n_yielded; i < chunk->n_done; i++)
        if (chunk->items[i] && chunk->options.drop_result)
            chunk->options.drop_result(chunk->items[i]);
    for (size_t i = chunk->n_done; i < chunk->n && !chunk->ran; i++)
        drop_argument(chunk, chunk->items[i]);
    free(chunk->error);
    sheaf__budget_release(chunk->budget);
    free(chunk);
}

/* After its run the chunk is the task's result, and stays. */
void sheaf__item_chunk_drop_arg(void *object)
{
    const sheaf__item_chunk *chunk = object;
    if (!chunk->ran)
        sheaf__item_chunk_drop(object);
}

static inline void put(sheaf__item_chunk *chunk, void *result)
{
    drop_argument(chunk, chunk->items[chunk->n_done]);
    chunk->items[chunk->n_done] = result;
    if (chunk->budget) {
        chunk->sizes[chunk->n_done] = result ? chunk->options.result_bytes(result) : 0;
        chunk->n_bytes += chunk->sizes[chunk->n_done];
    }
    chunk->n_done++;
}

void sheaf__item_chunk_put(sheaf__item_chunk *chunk, void *result)
{
    put(chunk, result);
}

sheaf_status sheaf__item_chunk_end(sheaf__item_chunk *chunk, sheaf_status status, sheaf_error *err)
{
    for (size_t i = chunk->n_done; i < chunk->n; i++)
        drop_argument(chunk, chunk->items[i]);
    chunk->ran = true;
    if (chunk->budget) {
        sheaf__budget *budget = chunk->budget;
        /* Who sees the items (acquire, in map.c) sees their bytes. */
        atomic_fetch_add_explicit(&budget->n_bytes_ever, chunk->n_bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&budget->n_items_ever, chunk->n_done, memory_order_release);
        atomic_fetch_add_explicit(&budget->n_bytes, chunk->n_bytes, memory_order_relaxed);
        atomic_fetch_add_explicit(&budget->n_items, chunk->n_done, memory_order_release);
    }
    if (status >= 0)
        return SHEAF_OK;
    chunk->status = status;
    chunk->error = malloc(sizeof *chunk->error);
    if (chunk->error) {
        *chunk->error = *err;
        chunk->error->status = status;
    }
    return SHEAF_OK; /* the results before the failure are wanted all the same */
}

sheaf_status sheaf__item_chunk_run(sheaf_worker *worker, void *object, void **result,
                                   sheaf_error *err)
{
    sheaf__item_chunk *chunk = object;
    sheaf_status status = SHEAF_OK;
    while (chunk->n_done < chunk->n && status >= 0) {
        void *given = NULL;
        if (sheaf_worker_stopping(worker)) {
            status = sheaf_error_set(err, SHEAF_ECANCELLED, "the map was closed");
            break;
        }
        status = chunk->options.run(worker, chunk->items[chunk->n_done], &given, err);
        if (status >= 0)
            put(chunk, given);
        else if (given && chunk->options.drop_result)
            chunk->options.drop_result(given);
    }
    *result = chunk;
    return sheaf__item_chunk_end(chunk, status, err);
}
