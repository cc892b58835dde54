/* See names.h. */
#include "engine/sinks/sqlite/names.h"

#include <string.h>

/*
 * A name as SQLite can hold it (NUL made visible), and how it compares: ASCII letters in lower
 * case.
 */
typedef struct usable_name {
    char *text; /* with room for a suffix behind it */
    char *folded;
    size_t n_bytes;
} usable_name;

enum { SUFFIX_MAX = 24 };

static bool make_usable(const sheaf__name *name, sheaf_arena *arena, usable_name *usable)
{
    char *text = sheaf_arena_new(arena, char, name->n_bytes * 3 + SUFFIX_MAX);
    char *folded = sheaf_arena_new(arena, char, name->n_bytes * 3 + 1);
    if (!text || !folded)
        return false;
    size_t n = sheaf__name_write(name->bytes, name->n_bytes, text);
    for (size_t at = 0; at < n; at++)
        folded[at] = (char)(text[at] >= 'A' && text[at] <= 'Z' ? text[at] + 32 : text[at]);
    *usable = (usable_name){.text = text, .folded = folded, .n_bytes = n};
    return true;
}

/*
 * Names that SQLite can tell apart. `given` is the set of all folded names: a made-up one ("a_2"
 * for the second "A") never takes the place of a real one. `own` is what they became.
 */
static bool make_all(const sheaf__names *columns, sheaf_arena *arena, sheaf__names *given,
                     sheaf__names *own, const char **names, uint64_t *n_renamed)
{
    usable_name *usable = sheaf_arena_new(arena, usable_name, columns->n_items);
    if (!usable)
        return false;
    for (size_t i = 0; i < columns->n_items; i++)
        if (!make_usable(&columns->items[i], arena, &usable[i]) ||
            sheaf__names_add(given, usable[i].folded, usable[i].n_bytes, NULL) == SHEAF__NO_NAME)
            return false;
    for (size_t i = 0; i < columns->n_items; i++) {
        const usable_name *name = &usable[i];
        bool first = sheaf__names_find(own, name->folded, name->n_bytes) == SHEAF__NO_NAME;
        uint32_t index = sheaf__names_add_unique(own, name->folded, name->n_bytes,
                                                 first ? NULL : given);
        if (index == SHEAF__NO_NAME)
            return false;
        const sheaf__name *unique = &own->items[index];
        memcpy(name->text + name->n_bytes, unique->bytes + name->n_bytes,
               unique->n_bytes - name->n_bytes + 1);
        *n_renamed += unique->n_bytes != columns->items[i].n_bytes;
        names[i] = name->text;
    }
    return true;
}

bool sheaf__sqlite_names(const sheaf__names *columns, sheaf_arena *arena, const char **names,
                         uint64_t *n_renamed)
{
    sheaf__names given;
    sheaf__names own;
    sheaf__names_init(&given, arena);
    sheaf__names_init(&own, arena);
    bool made = make_all(columns, arena, &given, &own, names, n_renamed);
    sheaf__names_end(&given);
    sheaf__names_end(&own);
    return made;
}
