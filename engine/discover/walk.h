/*
 * Walking a tree of directories for files that end like CSV, or that a glob matches.
 */
#ifndef SHEAF_DISCOVER_WALK_H
#define SHEAF_DISCOVER_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/arena.h>
#include <sheaf/discover.h>

#include "engine/discover/glob.h"

/* What a walk met beside the files that it added to the list. */
typedef struct sheaf__walk_report {
    sheaf_discover_counts passed_over;
    uint64_t directories; /* that a glob matched whole: they are not files */
    bool base_is_missing; /* of a glob */
} sheaf__walk_report;

/*
 * Walk what is below `root` and append every file that belongs to the list, in no order. With a
 * glob, the root is the glob's base; without one (NULL), a directory.
 *
 * Returns    OK, also when there was none; ENOENT, EIO for an entry that cannot be examined or a
 *            directory that cannot be listed, with its path as the error's source; ENOMEM.
 * Ownership  `scratch` holds what the walk needs for itself; reset it afterwards.
 */
sheaf_status sheaf__walk(const char *root, const sheaf__glob *glob, sheaf_files *files,
                         sheaf_arena *scratch, sheaf__walk_report *report, sheaf_error *err);

#endif
