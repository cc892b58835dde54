/*
 * A chunk: several items of a map that make one task. It is the task's argument, holding the items'
 * arguments, and becomes its result, holding their results.
 */
#ifndef SHEAF_EXECUTOR_ITEM_CHUNK_H
#define SHEAF_EXECUTOR_ITEM_CHUNK_H

#include <stdatomic.h>

#include <sheaf/map.h>

/*
 * What a map knows of results that are done and not yet yielded. Shared by the map and its chunks,
 * which may outlive it.
 */
typedef struct sheaf__budget {
    atomic_uint references;
    atomic_size_t n_items; /* results that are done and not yielded, and what they hold */
    atomic_size_t n_bytes;
    atomic_size_t n_items_ever; /* of all so far, for the mean */
    atomic_size_t n_bytes_ever;
} sheaf__budget;

void sheaf__budget_release(sheaf__budget *budget);

typedef struct sheaf__item_chunk {
    sheaf_map_options options; /* the map's */
    sheaf__budget *budget;     /* NULL without a bound in bytes; one reference */
    size_t n;                  /* items */
    size_t n_done;             /* items[0..n_done) are results, the others arguments */
    size_t n_yielded;          /* items[0..n_yielded) are gone */
    size_t n_bytes;            /* of the results, as they were told */
    bool ran;                  /* it is a result now: its arguments are gone */
    sheaf_status status;       /* behind the results: OK, or why there is no more */
    sheaf_error *error;        /* NULL without one */
    size_t *sizes;             /* of the results, behind the items; NULL without a bound */
    void *items[];
} sheaf__item_chunk;

sheaf__item_chunk *sheaf__item_chunk_create(const sheaf_map_options *options, size_t n,
                                            sheaf__budget *budget);

/* The task's functions. */
sheaf_status sheaf__item_chunk_run(sheaf_worker *worker, void *chunk, void **result,
                                   sheaf_error *err);
void sheaf__item_chunk_drop_arg(void *chunk);
void sheaf__item_chunk_drop(void *chunk);

/*
 * For a worker whose items run elsewhere: the next item's argument is replaced by its result, or
 * all that are left by a failure, and then the chunk is ended.
 */
void sheaf__item_chunk_put(sheaf__item_chunk *chunk, void *result);
sheaf_status sheaf__item_chunk_end(sheaf__item_chunk *chunk, sheaf_status status, sheaf_error *err);

/* So many results, of so many bytes, are not waiting any more. */
void sheaf__item_chunk_forget(sheaf__item_chunk *chunk, size_t n_items, size_t n_bytes);

/* Move the next result out. The caller knows that there is one. */
static inline void *sheaf__item_chunk_take(sheaf__item_chunk *chunk)
{
    if (chunk->budget) {
        size_t n_bytes = chunk->sizes[chunk->n_yielded];
        chunk->n_bytes -= n_bytes;
        sheaf__item_chunk_forget(chunk, 1, n_bytes);
    }
    return chunk->items[chunk->n_yielded++];
}

#endif
