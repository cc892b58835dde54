/* Names of columns that SQLite can hold and tell apart. */
#ifndef SHEAF_SINKS_SQLITE_NAMES_H
#define SHEAF_SINKS_SQLITE_NAMES_H

#include "engine/core/arena.h"
#include "engine/table/names.h"

/*
 * names[i] for each column, in the arena: a NUL is made visible, and of names that differ in the
 * case of ASCII letters alone the later ones get a number; *n_renamed grows by those.
 *
 * Returns    false when there is no memory.
 */
bool sheaf__sqlite_names(const sheaf__names *columns, sheaf_arena *arena, const char **names,
                         uint64_t *n_renamed);

#endif
