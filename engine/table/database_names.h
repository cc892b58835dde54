/*
 * Names of columns as a database holds them and tells them apart.
 *
 * A NUL is made visible (U+2400). Of a name that is too long what fits is taken, whole characters.
 * One that is then the same as another's, or that the database keeps for itself, gets a number,
 * "name_2": the first that no other column has or gets. Of several that are the same the first
 * keeps its name, and a made-up name never takes the place of a real one.
 */
#ifndef SHEAF_TABLE_DATABASE_NAMES_H
#define SHEAF_TABLE_DATABASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/core/arena.h"
#include "engine/table/names.h"

/* How a database tells names apart. */
typedef struct sheaf__database_rules {
    size_t bytes_max;         /* of a name; 0: any number */
    bool ignores_case;        /* of the letters that ASCII has */
    const char *const *taken; /* names that no column can have */
    size_t n_taken;
} sheaf__database_rules;

/*
 * names[i] for each column, in the arena; how many were changed is added to *n_renamed.
 *
 * Returns    false when there is no memory.
 */
bool sheaf__database_names(const sheaf__database_rules *rules, const sheaf__names *columns,
                           sheaf_arena *arena, const char **names, uint64_t *n_renamed);

/* The bytes of a name that are left of it if it may have `n_max` and no character is to be cut. */
size_t sheaf__name_cut(const char *name, size_t n_bytes, size_t n_max);

#endif
