/* Uniting columns by name, and what they hold: see schema.h. */
#include "engine/table/schema.h"

#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/text.h"
#include "engine/table/naming.h"

enum { ARENA_CHUNK_BYTES = 64 << 10 };

sheaf_status sheaf__schema_init(sheaf__schema *schema, const sheaf__rules *rules, sheaf_error *err)
{
    static const sheaf__rules none;
    *schema = (sheaf__schema){.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES),
                              .rules = rules ? rules : &none};
    sheaf_match match = schema->rules->match;
    sheaf__names_init_matched(&schema->columns, schema->arena, match);
    sheaf__names_init_matched(&schema->chosen, schema->arena, match);
    sheaf__names_init(&schema->headers, schema->arena);
    schema->table = &schema->columns;
    if (!schema->arena)
        return sheaf__error_memory(err, "a schema");
    size_t n_renames = schema->rules->n_renames;
    schema->was_renamed = sheaf_arena_new(schema->arena, bool, n_renames);
    sheaf_status status = sheaf__rule_names_init(&schema->asked_names, schema->rules,
                                                 schema->arena);
    if (status < 0 || !schema->was_renamed)
        return sheaf__error_memory(err, "a schema");
    memset(schema->was_renamed, 0, n_renames);
    return SHEAF_OK;
}

void sheaf__schema_end(sheaf__schema *schema)
{
    sheaf__rule_names_end(&schema->asked_names);
    sheaf__names_end(&schema->columns);
    sheaf__names_end(&schema->chosen);
    sheaf__names_end(&schema->headers);
    free(schema->layouts);
    free(schema->kinds);
    sheaf__arena_destroy(schema->arena);
    *schema = (sheaf__schema){0};
}

static size_t cell_length(const sheaf__cell *cell)
{
    return cell->n_bytes == SHEAF__NULL_CELL ? 0 : cell->n_bytes;
}

/* Room for the kinds of all columns. */
static sheaf_status grow_kinds(sheaf__schema *schema)
{
    if (schema->columns.n_items <= schema->kinds_capacity)
        return SHEAF_OK;
    size_t capacity = schema->columns.n_items * 2;
    sheaf__kinds *kinds = realloc(schema->kinds, capacity * sizeof *kinds);
    if (!kinds)
        return SHEAF_ENOMEM;
    memset(kinds + schema->kinds_capacity, 0, (capacity - schema->kinds_capacity) * sizeof *kinds);
    schema->kinds = kinds;
    schema->kinds_capacity = capacity;
    return SHEAF_OK;
}

/*
 * A header as one string of bytes: each cell's length, then its text. An empty name and a null one
 * are equal.
 */
static char *pack(const sheaf__batch *header, size_t *n_bytes)
{
    *n_bytes = header->n_bytes + header->n_columns * sizeof(uint32_t);
    char *key = malloc(*n_bytes + 1);
    if (!key)
        return NULL;
    char *at = key;
    for (size_t i = 0; i < header->n_columns; i++) {
        const sheaf__cell *cell = &header->cells[i];
        uint32_t length = (uint32_t)cell_length(cell);
        memcpy(at, &length, sizeof length);
        if (length > 0)
            memcpy(at + sizeof length, header->bytes + cell->offset_bytes, length);
        at += sizeof length + length;
    }
    return key;
}

/* A copy of a file's names, unless they are those of the united columns. */
static sheaf_status keep_names(sheaf__schema *schema, const sheaf__names *own,
                               const uint32_t *column_of, const sheaf__name **names)
{
    bool differ = false;
    *names = NULL;
    for (size_t i = 0; i < own->n_items && !differ; i++) {
        const sheaf__name *united = &schema->columns.items[column_of[i]];
        const sheaf__name *name = &own->items[i];
        differ = name->n_bytes != united->n_bytes ||
                 memcmp(name->bytes, united->bytes, name->n_bytes) != 0;
    }
    if (!differ)
        return SHEAF_OK;
    sheaf__name *copies = sheaf_arena_new(schema->arena, sheaf__name, own->n_items);
    for (size_t i = 0; copies && i < own->n_items; i++) {
        const sheaf__name *name = &own->items[i];
        copies[i] = (sheaf__name){
            .bytes = sheaf__arena_copy(schema->arena, name->bytes, name->n_bytes),
            .n_bytes = name->n_bytes};
        if (!copies[i].bytes)
            return SHEAF_ENOMEM;
    }
    *names = copies;
    return copies ? SHEAF_OK : SHEAF_ENOMEM;
}

/* Which columns were called anew; once for each, to know of those that no file has. */
static void note_renamed(sheaf__schema *schema, const sheaf__names *own)
{
    const sheaf__names *renamed = &schema->asked_names.renamed;
    for (size_t i = 0; renamed->n_items > 0 && i < own->n_items; i++) {
        uint32_t rule = sheaf__names_find(renamed, own->items[i].bytes, own->items[i].n_bytes);
        if (rule != SHEAF__NO_NAME)
            schema->was_renamed[rule] = true;
    }
}

/* Whether a column of this name cannot be one of the table's, whatever other files have. */
static bool is_unwanted(const sheaf__rule_names *rules, const sheaf__name *name)
{
    bool selected = rules->select.n_items == 0 ||
                    sheaf__names_find(&rules->select, name->bytes, name->n_bytes) != SHEAF__NO_NAME;
    return !selected ||
           sheaf__names_find(&rules->drop, name->bytes, name->n_bytes) != SHEAF__NO_NAME;
}

/* Unite the file's columns, in their order, with the others'. */
static sheaf_status unite(sheaf__schema *schema, const sheaf__naming *naming, sheaf__layout *layout)
{
    const sheaf__names *names = naming->names;
    uint32_t *column_of = sheaf_arena_new(schema->arena, uint32_t, names->n_items);
    if (!column_of)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < names->n_items; i++) {
        column_of[i] = sheaf__names_add(&schema->columns, names->items[i].bytes,
                                        names->items[i].n_bytes, NULL);
        if (column_of[i] == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    *layout = (sheaf__layout){.n_columns = names->n_items, .column_of = column_of};
    if (schema->rules->select.n > 0 || schema->rules->drop.n > 0) {
        bool *unwanted = sheaf_arena_new(schema->arena, bool, names->n_items);
        if (!unwanted)
            return SHEAF_ENOMEM;
        for (size_t i = 0; i < names->n_items; i++)
            unwanted[i] = is_unwanted(&schema->asked_names, &names->items[i]);
        layout->unwanted = unwanted;
    }
    note_renamed(schema, &naming->own);
    sheaf_status status = keep_names(schema, &naming->own, column_of, &layout->names);
    return status == SHEAF_OK ? grow_kinds(schema) : status;
}

static sheaf_status add_layout(sheaf__schema *schema, const sheaf__naming *naming, uint32_t index)
{
    if (index >= schema->layouts_capacity) {
        size_t capacity = schema->layouts_capacity > 0 ? schema->layouts_capacity * 2 : 16;
        sheaf__layout *layouts = realloc(schema->layouts, capacity * sizeof *layouts);
        if (!layouts)
            return SHEAF_ENOMEM;
        schema->layouts = layouts;
        schema->layouts_capacity = capacity;
    }
    return unite(schema, naming, &schema->layouts[index]);
}

static sheaf_status refuse_clash(const char *name, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EINVAL, "two columns of this file would be called '%s'", shown);
    sheaf_error_hint(err, "what is renamed to it becomes one column with that of other files, but "
                          "this one has both");
    return SHEAF_EINVAL;
}

sheaf_status sheaf__schema_add(sheaf__schema *schema, const sheaf__batch *header,
                               uint32_t *layout_index, sheaf_error *err)
{
    size_t n_key;
    char *key = pack(header, &n_key);
    if (!key)
        return sheaf__error_memory(err, "a header");
    uint32_t index = sheaf__names_find(&schema->headers, key, n_key);
    sheaf__naming naming = {0};
    sheaf_status status = SHEAF_OK;
    if (index == SHEAF__NO_NAME) {
        status = sheaf__naming_make(&naming, &schema->asked_names, header, &schema->columns);
        if (status == SHEAF_OK && naming.clash)
            status = refuse_clash(naming.clash, err);
        else if (status == SHEAF_OK)
            index = sheaf__names_add(&schema->headers, key, n_key, NULL);
        if (status == SHEAF_OK)
            status = index != SHEAF__NO_NAME ? add_layout(schema, &naming, index) : SHEAF_ENOMEM;
        sheaf__naming_end(&naming);
    }
    free(key);
    *layout_index = index;
    return status == SHEAF_ENOMEM ? sheaf__error_memory(err, "the columns of a header") : status;
}

sheaf_status sheaf__schema_seed(sheaf__schema *schema, const char *name, size_t n_name)
{
    bool added = sheaf__names_add(&schema->columns, name, n_name, NULL) != SHEAF__NO_NAME;
    return added ? grow_kinds(schema) : SHEAF_ENOMEM;
}

sheaf_status sheaf__schema_find(const sheaf__schema *schema, const sheaf__batch *header,
                                uint32_t *layout_index)
{
    size_t n_key;
    char *key = pack(header, &n_key);
    if (!key)
        return SHEAF_ENOMEM;
    *layout_index = sheaf__names_find(&schema->headers, key, n_key);
    free(key);
    return SHEAF_OK;
}

void sheaf__schema_project(const sheaf__schema *schema, uint32_t layout_index, uint32_t *from)
{
    const sheaf__layout *layout = &schema->layouts[layout_index];
    for (size_t i = 0; i < schema->table->n_items; i++)
        from[i] = SHEAF__NO_NAME;
    for (size_t i = 0; i < layout->n_columns; i++) {
        uint32_t united = layout->column_of[i];
        uint32_t place = schema->place_of ? schema->place_of[united] : united;
        if (place != SHEAF__NO_NAME)
            from[place] = (uint32_t)i;
    }
}

void sheaf__schema_show_name(const sheaf__schema *schema, const sheaf__batch *header, size_t i,
                             char *text, size_t size)
{
    text[0] = '\0';
    if (i >= header->n_columns)
        return;
    sheaf__naming naming;
    sheaf_status status = sheaf__naming_make(&naming, &schema->asked_names, header,
                                             &schema->columns);
    if (status == SHEAF_OK)
        sheaf__text_escape_begin(naming.own.items[i].bytes, naming.own.items[i].n_bytes, text,
                                 size);
    sheaf__naming_end(&naming);
}

/* ---- types ---- */

void sheaf__schema_widen(sheaf__schema *schema, uint32_t layout_index, const sheaf__kinds *kinds)
{
    const sheaf__layout *layout = &schema->layouts[layout_index];
    for (size_t i = 0; i < layout->n_columns; i++)
        schema->kinds[layout->column_of[i]] |= kinds[i];
}

static void foresee(const sheaf__rule_names *rules, const sheaf__asked_types *asked,
                    const sheaf__names *names, sheaf_type *types, uint32_t *which, bool *unwanted)
{
    for (size_t i = 0; i < asked->n; i++) {
        const sheaf__asked_type *each = &asked->items[i];
        uint32_t index = sheaf__names_find(names, each->column, strlen(each->column));
        if (index == SHEAF__NO_NAME)
            continue;
        types[index] = each->type;
        which[index] = (uint32_t)i;
    }
    for (size_t i = 0; i < names->n_items; i++)
        unwanted[i] = is_unwanted(rules, &names->items[i]);
    for (size_t i = 0; i < names->n_items; i++)
        if (unwanted[i])
            types[i] = SHEAF_TYPE_NULL;
}

sheaf_status sheaf__schema_foresee(const sheaf__rules *rules, const sheaf__asked_types *asked,
                                   const sheaf__batch *header, sheaf_type *types, uint32_t *which,
                                   bool *unwanted)
{
    sheaf__rule_names rule_names;
    sheaf__naming naming = {0};
    sheaf_arena *arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!arena)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < header->n_columns; i++) {
        types[i] = SHEAF_TYPE_NULL;
        unwanted[i] = false;
    }
    sheaf_status status = sheaf__rule_names_init(&rule_names, rules, arena);
    if (status == SHEAF_OK)
        status = sheaf__naming_make(&naming, &rule_names, header, NULL);
    if (status == SHEAF_OK && !naming.is_open && !naming.clash)
        foresee(&rule_names, asked, naming.names, types, which, unwanted);
    sheaf__naming_end(&naming);
    sheaf__rule_names_end(&rule_names);
    sheaf__arena_destroy(arena);
    return status;
}

uint32_t *sheaf__schema_uses(const sheaf__schema *schema)
{
    uint32_t *uses = calloc(schema->columns.n_items + 1, sizeof *uses);
    for (size_t i = 0; uses && i < schema->headers.n_items; i++)
        for (size_t k = 0; k < schema->layouts[i].n_columns; k++)
            uses[schema->layouts[i].column_of[k]]++;
    return uses;
}

sheaf_status sheaf__schema_types(const sheaf__schema *schema, const sheaf__asked_types *asked,
                                 bool found, sheaf_type *types, bool *is_asked, sheaf__fit *fits,
                                 bool *nullable)
{
    uint32_t *uses = sheaf__schema_uses(schema);
    if (!uses)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < schema->table->n_items - schema->n_added; i++) {
        size_t united = schema->source_of ? schema->source_of[i] : i;
        sheaf__kinds kinds = schema->kinds[united];
        types[i] = found ? sheaf__kinds_type(kinds) : SHEAF_TYPE_TEXT;
        is_asked[i] = false;
        fits[i] = (sheaf__fit){0};
        bool is_everywhere = uses[united] == schema->headers.n_items;
        nullable[i] = !found || !is_everywhere || types[i] == SHEAF_TYPE_NULL ||
                      (kinds & SHEAF__KIND_NULL);
    }
    free(uses);
    for (size_t i = 0; i < asked->n; i++) {
        const sheaf__asked_type *each = &asked->items[i];
        uint32_t index = sheaf__names_find(schema->table, each->column, strlen(each->column));
        if (index == SHEAF__NO_NAME || index >= schema->table->n_items - schema->n_added)
            continue;
        types[index] = each->type;
        is_asked[index] = true;
        fits[index] = each->fit;
    }
    return SHEAF_OK;
}
