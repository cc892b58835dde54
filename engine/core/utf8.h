/*
 * UTF-8, as The Unicode Standard defines it (chapter 3, table 3-7): no overlong forms, no
 * surrogates, nothing above U+10FFFF.
 */
#ifndef SHEAF_CORE_UTF8_H
#define SHEAF_CORE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/core/arena.h"

/*
 * Decode the sequence that bytes begin with (n_bytes >= 1).
 *
 * Returns    its length, 1 to 4, with *code_point; 0 when it is not valid or cut off.
 */
size_t sheaf__utf8_decode(const uint8_t *bytes, size_t n_bytes, uint32_t *code_point);

/* The length of the longest valid beginning of bytes: n_bytes when all of it is UTF-8. */
size_t sheaf__utf8_valid_prefix(const uint8_t *bytes, size_t n_bytes);

bool sheaf__utf8_valid(const uint8_t *bytes, size_t n_bytes);

/*
 * The text of a path: as it is; of one that is no UTF-8, in the arena, with \xnn for each byte that
 * is none.
 *
 * Returns    NULL: there is no memory.
 */
const char *sheaf__utf8_of_path(const char *path, sheaf_arena *arena);

#endif
