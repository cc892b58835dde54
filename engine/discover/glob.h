/*
 * Globs over paths: * ? [...] within a name, ** as a whole name over any number of directories.
 */
#ifndef SHEAF_DISCOVER_GLOB_H
#define SHEAF_DISCOVER_GLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/arena.h>
#include <sheaf/status.h>

typedef struct sheaf__glob sheaf__glob;

/* Whether the text has a * ? or [ that no backslash takes the meaning from. */
bool sheaf__glob_is(const char *text);

/*
 * Take a glob apart.
 *
 * Returns    OK; EINVAL for a glob that ends with '/' or has ".." after a wildcard; EIO when it is
 *            longer than PATH_MAX; ENOMEM.
 * Ownership  *glob lives in the arena; end it with sheaf__glob_destroy() before the arena goes.
 */
sheaf_status sheaf__glob_create(const char *text, sheaf_arena *arena, sheaf__glob **glob,
                                sheaf_error *err);

/* NULL is allowed. */
void sheaf__glob_destroy(sheaf__glob *glob);

/*
 * The directory to begin in: what stands before the first name with a wildcard, "" or ending with
 * '/'.
 */
const char *sheaf__glob_base(const sheaf__glob *glob);

/*
 * A set of places in the glob, one bit for each name in it: where matching can stand in a
 * directory. Sets have this many words. The first one is that of the base.
 */
size_t sheaf__glob_words(const sheaf__glob *glob);
void sheaf__glob_begin(const sheaf__glob *glob, uint64_t *places);

/* What a name in a directory may be. */
typedef struct sheaf__glob_match {
    bool file;      /* a file of that name is matched */
    bool directory; /* something below a directory of that name may be */
} sheaf__glob_match;

/*
 * Match a name in a directory where matching stands at `places`; `below` becomes the set for the
 * directory of that name. With `dots`, wildcards match names that begin with a dot too.
 *
 * Returns    OK; ENOMEM.
 */
sheaf_status sheaf__glob_step(const sheaf__glob *glob, const uint64_t *places, const char *name,
                              bool dots, uint64_t *below, sheaf__glob_match *match,
                              sheaf_error *err);

#endif
