/*
 * The allocator behind every arena: see heap.h.
 *
 * Workers' arenas keep their dirty pages (dirty_decay_ms -1): the first touch of a fresh page is
 * the dearest memory operation on a virtual machine, so a worker reuses what it has once touched.
 */
#include "engine/core/heap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <jemalloc/jemalloc.h>

#pragma weak mallocx
#pragma weak dallocx
#pragma weak mallctl

enum { BLOCK_ALIGN = 64 };

static bool have_jemalloc(void)
{
    return mallocx && dallocx && mallctl;
}

static int flags_of(const sheaf__heap *heap)
{
    return MALLOCX_ARENA(heap->arena) | MALLOCX_TCACHE_NONE | MALLOCX_ALIGN(BLOCK_ALIGN);
}

static void control(const sheaf__heap *heap, const char *what, void *value, size_t size_bytes)
{
    char name[48];
    snprintf(name, sizeof name, "arena.%u.%s", heap->arena, what);
    mallctl(name, NULL, NULL, value, size_bytes);
}

void sheaf__heap_init(sheaf__heap *heap)
{
    *heap = (sheaf__heap){0};
    if (!have_jemalloc())
        return;
    size_t size = sizeof heap->arena;
    if (mallctl("arenas.create", &heap->arena, &size, NULL, 0) != 0)
        return;
    heap->owns_arena = true;
    ssize_t never = -1;
    control(heap, "dirty_decay_ms", &never, sizeof never);
}

void sheaf__heap_end(sheaf__heap *heap)
{
    if (heap->owns_arena)
        control(heap, "destroy", NULL, 0);
    *heap = (sheaf__heap){0};
}

void *sheaf__heap_alloc(const sheaf__heap *heap, size_t size_bytes)
{
    if (size_bytes > PTRDIFF_MAX - BLOCK_ALIGN)
        return NULL;
    size_t rounded = size_bytes > 0 ? (size_bytes + BLOCK_ALIGN - 1) / BLOCK_ALIGN * BLOCK_ALIGN
                                    : BLOCK_ALIGN;
    if (heap && heap->owns_arena)
        return mallocx(rounded, flags_of(heap));
    return aligned_alloc(BLOCK_ALIGN, rounded);
}

void sheaf__heap_free(const sheaf__heap *heap, void *block)
{
    if (!block)
        return;
    if (heap && heap->owns_arena)
        dallocx(block, flags_of(heap));
    else
        free(block);
}

const char *sheaf__heap_describe(void)
{
    const char *version = NULL;
    size_t size = sizeof version;
    if (have_jemalloc() && mallctl("version", &version, &size, NULL, 0) == 0 && version)
        return version;
    return NULL;
}
