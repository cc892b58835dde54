/*
 * A bump allocator over a list of chunks: see arena.h for its three uses.
 *
 * Chunks stand in a singly linked list. `current` is the one that serves; those before it are full,
 * those behind it are empty ones that a reset kept. A request that does not fit moves on to the
 * next kept chunk that is large enough, or puts a new one at the end of the list. Under
 * AddressSanitizer, memory that is not handed out is poisoned, so that a pointer kept over a reset
 * is caught.
 */
#include "engine/core/arena.h"

#include <stdint.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

typedef struct chunk {
    struct chunk *next;
    size_t size_bytes; /* of data */
    _Alignas(64) unsigned char data[];
} chunk;

struct sheaf_arena {
    const sheaf__heap *heap;
    size_t chunk_bytes;
    chunk *first;
    chunk *current;
    size_t used_bytes; /* of current */
};

sheaf_arena *sheaf__arena_create(const sheaf__heap *heap, size_t chunk_bytes)
{
    sheaf_arena *arena = sheaf__heap_alloc(heap, sizeof *arena);
    if (arena)
        *arena = (sheaf_arena){.heap = heap, .chunk_bytes = chunk_bytes};
    return arena;
}

static chunk *chunk_create(const sheaf_arena *arena, size_t size_bytes)
{
    if (size_bytes > SIZE_MAX - sizeof(chunk))
        return NULL;
    chunk *made = sheaf__heap_alloc(arena->heap, sizeof(chunk) + size_bytes);
    if (!made)
        return NULL;
    made->next = NULL;
    made->size_bytes = size_bytes;
    ASAN_POISON_MEMORY_REGION(made->data, size_bytes);
    return made;
}

static void chunk_destroy(const sheaf_arena *arena, chunk *old)
{
    ASAN_UNPOISON_MEMORY_REGION(old->data, old->size_bytes);
    sheaf__heap_free(arena->heap, old);
}

/*
 * Make a chunk with room for need_bytes the current one. Kept chunks that are too small are passed
 * over.
 */
static chunk *chunk_advance(sheaf_arena *arena, size_t need_bytes)
{
    chunk *before = arena->current;
    chunk *candidate = before ? before->next : arena->first;
    while (candidate && candidate->size_bytes < need_bytes) {
        before = candidate;
        candidate = candidate->next;
    }
    if (!candidate) {
        candidate = chunk_create(arena,
                                 need_bytes > arena->chunk_bytes ? need_bytes : arena->chunk_bytes);
        if (!candidate)
            return NULL;
        if (before)
            before->next = candidate;
        else
            arena->first = candidate;
    }
    arena->current = candidate;
    arena->used_bytes = 0;
    return candidate;
}

void *sheaf_arena_alloc(sheaf_arena *arena, size_t count, size_t size_bytes, size_t align_bytes)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size_bytes, &bytes) || bytes > PTRDIFF_MAX - 8192)
        return NULL;
    chunk *serving = arena->current;
    size_t start = 0;
    if (serving) {
        uintptr_t at = (uintptr_t)(serving->data + arena->used_bytes);
        start = arena->used_bytes + (size_t)(-at & (align_bytes - 1));
    }
    if (!serving || start > serving->size_bytes || serving->size_bytes - start < bytes) {
        serving = chunk_advance(arena, bytes + align_bytes);
        if (!serving)
            return NULL;
        start = (size_t)(-(uintptr_t)serving->data & (align_bytes - 1));
    }
    arena->used_bytes = start + bytes;
    ASAN_UNPOISON_MEMORY_REGION(serving->data + start, bytes);
    return serving->data + start;
}

void sheaf__arena_reset(sheaf_arena *arena, size_t keep_bytes)
{
    chunk **link = &arena->first;
    size_t kept = 0;
    while (*link) {
        chunk *each = *link;
        if (each->size_bytes <= keep_bytes - kept) {
            kept += each->size_bytes;
            ASAN_POISON_MEMORY_REGION(each->data, each->size_bytes);
            link = &each->next;
        } else {
            *link = each->next;
            chunk_destroy(arena, each);
        }
    }
    arena->current = NULL;
    arena->used_bytes = 0;
}

void sheaf__arena_destroy(sheaf_arena *arena)
{
    if (!arena)
        return;
    sheaf__arena_reset(arena, 0);
    sheaf__heap_free(arena->heap, arena);
}

char *sheaf__arena_copy(sheaf_arena *arena, const char *bytes, size_t n_bytes)
{
    char *copy = sheaf_arena_new(arena, char, n_bytes + 1);
    if (!copy)
        return NULL;
    if (n_bytes > 0)
        memcpy(copy, bytes, n_bytes);
    copy[n_bytes] = '\0';
    return copy;
}

size_t sheaf__arena_footprint(const sheaf_arena *arena)
{
    size_t bytes = 0;
    for (const chunk *each = arena->first; each; each = each->next)
        bytes += each->size_bytes;
    return bytes;
}
