/*
 * Arenas, from the inside: create, reset, and what only the library does with them.
 *
 * Three lifetimes use the same type: *permanent* (a list of files, a schema: destroyed with its
 * owner), *scratch* (a worker's, reset after each task) and *batch* (moves with a batch from the
 * worker that fills it to the consumer, and back to a pool when that one is done). Nothing in a
 * batch points into scratch. A reset keeps the chunks, so that in the steady state nothing is
 * allocated.
 */
#ifndef SHEAF_CORE_ARENA_H
#define SHEAF_CORE_ARENA_H

#include <sheaf/arena.h>

#include "engine/core/heap.h"

/*
 * Make an arena whose chunks come from `heap` (NULL: malloc; must outlive the arena) and have at
 * least chunk_bytes; nothing is allocated for them before the first alloc.
 *
 * Returns    NULL when there is no memory.
 */
sheaf_arena *sheaf__arena_create(const sheaf__heap *heap, size_t chunk_bytes);

/* Forget everything; keep chunks of up to keep_bytes in all for the next use. */
void sheaf__arena_reset(sheaf_arena *arena, size_t keep_bytes);

void sheaf__arena_destroy(sheaf_arena *arena);

/* A copy of n_bytes, with a NUL behind it. NULL when there is no memory. */
char *sheaf__arena_copy(sheaf_arena *arena, const char *bytes, size_t n_bytes);

/* What the arena holds in chunks, in bytes. */
size_t sheaf__arena_footprint(const sheaf_arena *arena);

#endif
