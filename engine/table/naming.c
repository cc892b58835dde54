/* Names of one file's columns: see naming.h. */
#include "engine/table/naming.h"

#include <stdio.h>
#include <string.h>

enum { ARENA_CHUNK_BYTES = 64 << 10 };

static sheaf__name name_of(const sheaf__batch *header, size_t i)
{
    const sheaf__cell *cell = &header->cells[i];
    if (cell->n_bytes == SHEAF__NULL_CELL || cell->n_bytes == 0)
        return (sheaf__name){.bytes = ""};
    return (sheaf__name){.bytes = (const char *)header->bytes + cell->offset_bytes,
                         .n_bytes = cell->n_bytes};
}

static bool is_same(const sheaf__name *a, const sheaf__name *b)
{
    return a->n_bytes == b->n_bytes && memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

/* Whether the table has a column that is spelled exactly so. */
static bool is_spelled_so(const sheaf__names *table, const sheaf__name *name)
{
    uint32_t index = table ? sheaf__names_find(table, name->bytes, name->n_bytes) : SHEAF__NO_NAME;
    return index != SHEAF__NO_NAME && is_same(&table->items[index], name);
}

/*
 * `given` becomes every name that stands in the header, so that a made-up one ("a_2" for the second
 * "a") never takes the place of a real one; keeper[i] is the column that keeps the i-th.
 */
static sheaf_status collect(sheaf__naming *naming, const sheaf__batch *header,
                            const sheaf__names *table, sheaf__names *given, uint32_t *keeper)
{
    for (size_t i = 0; i < header->n_columns; i++) {
        bool added;
        sheaf__name name = name_of(header, i);
        if (name.n_bytes == 0)
            continue;
        uint32_t index = sheaf__names_add(given, name.bytes, name.n_bytes, &added);
        if (index == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
        if (added) {
            keeper[index] = (uint32_t)i;
            continue;
        }
        sheaf__name kept = name_of(header, keeper[index]);
        if (is_same(&kept, &name))
            continue;
        naming->is_open |= table == NULL;
        if (is_spelled_so(table, &name))
            keeper[index] = (uint32_t)i;
    }
    return SHEAF_OK;
}

static sheaf_status name_columns(sheaf__naming *naming, const sheaf__batch *header,
                                 sheaf__names *given, const uint32_t *keeper)
{
    sheaf__names *own = &naming->own;
    for (size_t i = 0; i < header->n_columns; i++) {
        char positional[32];
        sheaf__name name = name_of(header, i);
        bool keeps = name.n_bytes > 0 &&
                     keeper[sheaf__names_find(given, name.bytes, name.n_bytes)] == i;
        if (name.n_bytes == 0) {
            name.n_bytes = (size_t)snprintf(positional, sizeof positional, "column%zu", i + 1);
            name.bytes = positional;
        }
        uint32_t index = sheaf__names_add_unique(own, name.bytes, name.n_bytes,
                                                 keeps ? NULL : given);
        if (index == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    return SHEAF_OK;
}

/* All at once: two columns may change their names with each other. */
static sheaf_status rename_columns(sheaf__naming *naming, const sheaf__rule_names *rules)
{
    const sheaf__names *own = &naming->own;
    for (size_t i = 0; i < own->n_items; i++) {
        bool added;
        const char *bytes = own->items[i].bytes;
        size_t n_bytes = own->items[i].n_bytes;
        uint32_t rule = sheaf__names_find(&rules->renamed, bytes, n_bytes);
        if (rule != SHEAF__NO_NAME) {
            bytes = rules->rules->renames[rule].to;
            n_bytes = strlen(bytes);
        }
        uint32_t index = sheaf__names_add(&naming->changed, bytes, n_bytes, &added);
        if (index == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
        if (!added && !naming->clash)
            naming->clash = naming->changed.items[index].bytes;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__naming_make(sheaf__naming *naming, const sheaf__rule_names *rules,
                                const sheaf__batch *header, const sheaf__names *table)
{
    *naming = (sheaf__naming){.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES)};
    if (!naming->arena)
        return SHEAF_ENOMEM;
    sheaf_match match = rules->rules->match;
    sheaf__names given;
    sheaf__names_init_matched(&given, naming->arena, match);
    sheaf__names_init_matched(&naming->own, naming->arena, match);
    sheaf__names_init_matched(&naming->changed, naming->arena, match);
    uint32_t *keeper = sheaf_arena_new(naming->arena, uint32_t, header->n_columns);
    sheaf_status status = keeper ? collect(naming, header, table, &given, keeper) : SHEAF_ENOMEM;
    if (status == SHEAF_OK)
        status = name_columns(naming, header, &given, keeper);
    sheaf__names_end(&given);
    naming->names = &naming->own;
    if (status == SHEAF_OK && rules->renamed.n_items > 0) {
        status = rename_columns(naming, rules);
        naming->names = &naming->changed;
    }
    return status;
}

void sheaf__naming_end(sheaf__naming *naming)
{
    sheaf__names_end(&naming->own);
    sheaf__names_end(&naming->changed);
    sheaf__arena_destroy(naming->arena);
}
