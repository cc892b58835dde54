/*
 * Arenas: memory that is given back all at once.
 *
 * A task takes what it needs for itself from its worker's scratch arena (sheaf_worker_scratch())
 * and frees nothing: the executor resets the arena after each task and keeps its pages for the
 * next.
 */
#ifndef SHEAF_ARENA_H
#define SHEAF_ARENA_H

#include <stddef.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_arena sheaf_arena;

/*
 * Take `count` objects of `size_bytes` each, aligned to `align_bytes` (a power of two, at most
 * 4096).
 *
 * Returns    memory that is not cleared; NULL when there is none left or count * size_bytes
 *            overflows. A size of zero gives a pointer that must not be read.
 * Ownership  the arena's; gone at its reset.
 * Threads    one at a time per arena.
 */
SHEAF_API void *sheaf_arena_alloc(sheaf_arena *arena, size_t count, size_t size_bytes,
                                  size_t align_bytes);

/* `count` objects of a type, or NULL. */
#ifdef __cplusplus
#define sheaf_arena_new(arena, type, count)                                                        \
    (static_cast<type *>(sheaf_arena_alloc((arena), (count), sizeof(type), alignof(type))))
#else
#define sheaf_arena_new(arena, type, count)                                                        \
    ((type *)sheaf_arena_alloc((arena), (count), sizeof(type), _Alignof(type)))
#endif

SHEAF_END_DECLS

#endif
