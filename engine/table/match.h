/*
 * When two names are one: each has a key, and equal keys are one name. See <sheaf/schema.h>.
 */
#ifndef SHEAF_TABLE_MATCH_H
#define SHEAF_TABLE_MATCH_H

#include <stddef.h>

#include <sheaf/schema.h>
#include <sheaf/status.h>

/* A key has at most so many bytes for each of its name's. (U+023A grows from two to three.) */
enum { SHEAF__KEY_GROWTH = 2 };

/*
 * The key of a name; of EXACT, the name itself. `key` has room for SHEAF__KEY_GROWTH times its
 * bytes. Any thread.
 *
 * Returns    the number of its bytes.
 */
size_t sheaf__match_key(sheaf_match match, const char *name, size_t n_bytes, char *key);

/*
 * The same piece by piece, for a name of any length, without memory: *match is first what
 * sheaf__match_begin() returns, and *at 0; `key` has room for SHEAF__KEY_PIECE_BYTES.
 *
 * Returns    the number of bytes of the next piece; *at is n_bytes when it was the last.
 */
enum { SHEAF__KEY_PIECE_BYTES = 256 };
sheaf_match sheaf__match_begin(sheaf_match match, const char *name, size_t n_bytes);
size_t sheaf__match_piece(sheaf_match match, const char *name, size_t n_bytes, size_t *at,
                          char *key);

/* Whether letters can be matched here. OK; ENOMEM; EINVAL: the C library has no locale C.UTF-8. */
sheaf_status sheaf__match_check(sheaf_match match, sheaf_error *err);

#endif
