/* Arenas: what they hand out, what a reset keeps, and that sizes which overflow are refused. */
#include <stdint.h>
#include <string.h>

#include <criterion/criterion.h>

#include "engine/core/arena.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

TestSuite(arena, .timeout = 20);

static bool is_aligned(const void *at, size_t align_bytes)
{
    return ((uintptr_t)at & (align_bytes - 1)) == 0;
}

Test(arena, allocates_nothing_before_it_is_asked)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 1 << 20);
    cr_assert_not_null(arena);
    cr_assert_eq(sheaf__arena_footprint(arena), 0);
    sheaf__arena_reset(arena, 0);
    sheaf__arena_reset(arena, SIZE_MAX);
    sheaf__arena_destroy(arena);
    sheaf__arena_destroy(NULL);
}

Test(arena, aligns_whatever_came_before)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 1000);
    for (int round = 0; round < 50; round++)
        for (size_t align = 1; align <= 4096; align *= 2)
            for (size_t bytes = 0; bytes < 4; bytes++) {
                char *at = sheaf_arena_alloc(arena, bytes, 1, align);
                cr_assert_not_null(at);
                cr_assert(is_aligned(at, align), "%p to %d", (void *)at, (int)align);
                memset(at, 0x5A, bytes);
            }
    sheaf__arena_destroy(arena);
}

/*
 * Blocks of every size around the chunk's: none touches another, and each keeps what was written.
 */
Test(arena, gives_memory_that_is_nobody_elses)
{
    enum { N = 400 };
    static unsigned char *blocks[N];
    sheaf_arena *arena = sheaf__arena_create(NULL, 256);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < N; i++) {
            blocks[i] = sheaf_arena_new(arena, unsigned char, i);
            cr_assert_not_null(blocks[i]);
            memset(blocks[i], (int)(i + (size_t)round), i);
        }
        for (size_t i = 0; i < N; i++)
            for (size_t at = 0; at < i; at++)
                cr_assert_eq(blocks[i][at], (unsigned char)(i + (size_t)round), "block %d", (int)i);
        sheaf__arena_reset(arena, round == 0 ? SIZE_MAX : 3000);
    }
    sheaf__arena_destroy(arena);
}

Test(arena, refuses_sizes_that_overflow)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    static const size_t huge[] = {SIZE_MAX,          SIZE_MAX - 1,     SIZE_MAX - 64,
                                  SIZE_MAX - 4096,   SIZE_MAX / 2 + 1, PTRDIFF_MAX,
                                  PTRDIFF_MAX - 4096};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof huge / sizeof huge[0]; i++) {
            cr_assert_null(sheaf_arena_alloc(arena, huge[i], 1, 1));
            cr_assert_null(sheaf_arena_alloc(arena, 1, huge[i], 4096));
            cr_assert_null(sheaf_arena_alloc(arena, huge[i], 2, 8));
            cr_assert_null(sheaf_arena_alloc(arena, huge[i], huge[i], 8));
        }
        cr_assert_null(sheaf_arena_new(arena, uint64_t, SIZE_MAX / 8 + 2));
        char *good = sheaf_arena_new(arena, char, 10);
        cr_assert_not_null(good, "a refusal breaks nothing");
        memset(good, 1, 10);
    }
    sheaf__arena_destroy(arena);
}

Test(arena, reuses_its_chunks_after_a_reset)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    size_t footprint = 0;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 100; i++)
            memset(sheaf_arena_new(arena, char, 1000), round, 1000);
        if (round == 0)
            footprint = sheaf__arena_footprint(arena);
        cr_assert_eq(sheaf__arena_footprint(arena), footprint, "round %d", round);
        sheaf__arena_reset(arena, SIZE_MAX);
        cr_assert_eq(sheaf__arena_footprint(arena), footprint);
    }
    cr_assert_geq(footprint, 100000);
    cr_assert_leq(footprint, 200000);
    sheaf__arena_destroy(arena);
}

Test(arena, keeps_no_more_than_it_is_told)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 1000);
    static const size_t keeps[] = {0, 1, 999, 1000, 2500, 10000, 1000000, SIZE_MAX};
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++) {
        for (size_t size = 1; size < 20000; size *= 2)
            memset(sheaf_arena_new(arena, char, size), 7, size);
        size_t before = sheaf__arena_footprint(arena);
        cr_assert_geq(before, 32767);
        sheaf__arena_reset(arena, keeps[i]);
        cr_assert_leq(sheaf__arena_footprint(arena), keeps[i]);
        if (keeps[i] >= before)
            cr_assert_eq(sheaf__arena_footprint(arena), before);
    }
    sheaf__arena_destroy(arena);
}

/* After a giant the arena goes on with what it has: small chunks are passed over, not lost. */
Test(arena, serves_large_and_small_by_turns)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 1000);
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 20; i++) {
            size_t size = (i + (size_t)round) % 3 ? 10 : 50000;
            char *at = sheaf_arena_new(arena, char, size);
            cr_assert_not_null(at);
            memset(at, 1, size);
        }
        sheaf__arena_reset(arena, SIZE_MAX);
    }
    cr_assert_leq(sheaf__arena_footprint(arena), 40 * 52000);
    sheaf__arena_destroy(arena);
}

Test(arena, copies_bytes_with_a_nul_behind)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 64);
    char *copy = sheaf__arena_copy(arena, "a\0b", 3);
    cr_assert_arr_eq(copy, "a\0b", 4);
    char *empty = sheaf__arena_copy(arena, NULL, 0);
    cr_assert_str_eq(empty, "");
    char *other = sheaf__arena_copy(arena, "other", 5);
    cr_assert_str_eq(other, "other");
    cr_assert_str_eq(empty, "");
    cr_assert_arr_eq(copy, "a\0b", 4);
    sheaf__arena_destroy(arena);
}

Test(arena, takes_its_chunks_from_a_heap)
{
    sheaf__heap heap;
    sheaf__heap_init(&heap);
    sheaf_arena *arena = sheaf__arena_create(&heap, 1000);
    for (size_t i = 0; i < 1000; i++)
        memset(sheaf_arena_new(arena, char, i), 1, i);
    sheaf__arena_reset(arena, 5000);
    cr_assert_not_null(sheaf_arena_new(arena, char, 100));
    sheaf__arena_destroy(arena);
    sheaf__heap_end(&heap);
}

Test(arena, blocks_of_a_heap_are_aligned_to_64_bytes)
{
    sheaf__heap heap;
    sheaf__heap_init(&heap);
    for (size_t size = 0; size < 300; size++) {
        void *own = sheaf__heap_alloc(&heap, size);
        void *common = sheaf__heap_alloc(NULL, size);
        cr_assert(own && is_aligned(own, 64));
        cr_assert(common && is_aligned(common, 64));
        memset(own, 1, size);
        memset(common, 1, size);
        sheaf__heap_free(&heap, own);
        sheaf__heap_free(NULL, common);
    }
    cr_assert_null(sheaf__heap_alloc(&heap, SIZE_MAX));
    cr_assert_null(sheaf__heap_alloc(NULL, PTRDIFF_MAX));
    sheaf__heap_free(&heap, NULL);
    sheaf__heap_free(NULL, NULL);
    sheaf__heap_end(&heap);
}

#ifdef WITH_ASAN
Test(arena, poisons_what_is_not_handed_out)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    char *block = sheaf_arena_new(arena, char, 64);
    cr_assert_not(__asan_address_is_poisoned(block));
    cr_assert_not(__asan_address_is_poisoned(block + 63));
    cr_assert(__asan_address_is_poisoned(block + 64));
    sheaf__arena_reset(arena, SIZE_MAX);
    cr_assert(__asan_address_is_poisoned(block));
    sheaf__arena_destroy(arena);
}
#endif
