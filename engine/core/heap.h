/*
 * Where chunks of memory come from: a jemalloc arena of one's own, or malloc.
 *
 * jemalloc is referred to weakly: a program that links it gets an arena per worker (no lock is
 * shared between workers, and pages stay with them); in any other program, a dlopen'd Python or R
 * module say, the same calls go to malloc. A heap that is NULL means malloc too.
 */
#ifndef SHEAF_CORE_HEAP_H
#define SHEAF_CORE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sheaf__heap {
    unsigned arena;  /* jemalloc's index; const after init */
    bool owns_arena; /* false: malloc */
} sheaf__heap;

/* Never fails: without jemalloc, or when that refuses, the heap is malloc. */
void sheaf__heap_init(sheaf__heap *heap);

/* Every block of the heap must have been freed. */
void sheaf__heap_end(sheaf__heap *heap);

/* Blocks are aligned to 64 bytes. May be freed by any thread. NULL when there is no memory. */
void *sheaf__heap_alloc(const sheaf__heap *heap, size_t size_bytes);
void sheaf__heap_free(const sheaf__heap *heap, void *block);

/* jemalloc's version, or NULL when blocks come from malloc. */
const char *sheaf__heap_describe(void);

#endif
