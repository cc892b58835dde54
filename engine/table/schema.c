/* Uniting columns by name: see schema.h. */
#include "engine/table/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"

enum { ARENA_CHUNK_BYTES = 64 << 10 };

sheaf_status sheaf__schema_init(sheaf__schema *schema, sheaf_error *err)
{
    *schema = (sheaf__schema){.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES)};
    sheaf__names_init(&schema->columns, schema->arena);
    sheaf__names_init(&schema->headers, schema->arena);
    return schema->arena ? SHEAF_OK : sheaf__error_memory(err, "a schema");
}

void sheaf__schema_end(sheaf__schema *schema)
{
    sheaf__names_end(&schema->columns);
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

static sheaf__name name_of(const sheaf__batch *header, size_t i)
{
    size_t length = cell_length(&header->cells[i]);
    const char *text = length > 0 ? (const char *)header->bytes + header->cells[i].offset_bytes
                                  : "";
    return (sheaf__name){.bytes = text, .n_bytes = length};
}

/*
 * The names of one file: `given` is every name that stands in the header, so that a made-up one
 * ("a_2" for the second "a") never takes the place of a real one.
 */
static sheaf_status name_columns(const sheaf__batch *header, sheaf__names *given, sheaf__names *own)
{
    for (size_t i = 0; i < header->n_columns; i++) {
        sheaf__name name = name_of(header, i);
        if (name.n_bytes > 0 &&
            sheaf__names_add(given, name.bytes, name.n_bytes, NULL) == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    for (size_t i = 0; i < header->n_columns; i++) {
        char positional[32];
        sheaf__name name = name_of(header, i);
        bool first = name.n_bytes > 0 &&
                     sheaf__names_find(own, name.bytes, name.n_bytes) == SHEAF__NO_NAME;
        if (name.n_bytes == 0) {
            name.n_bytes = (size_t)snprintf(positional, sizeof positional, "column%zu", i + 1);
            name.bytes = positional;
        }
        uint32_t index = sheaf__names_add_unique(own, name.bytes, name.n_bytes,
                                                 first ? NULL : given);
        if (index == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    return SHEAF_OK;
}

/* Unite the file's own names, in their order, with the table's. */
static sheaf_status unite(sheaf__schema *schema, const sheaf__names *own, sheaf__layout *layout)
{
    uint32_t *column_of = sheaf_arena_new(schema->arena, uint32_t, own->n_items);
    if (!column_of)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < own->n_items; i++) {
        column_of[i] = sheaf__names_add(&schema->columns, own->items[i].bytes,
                                        own->items[i].n_bytes, NULL);
        if (column_of[i] == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    *layout = (sheaf__layout){.n_columns = own->n_items, .column_of = column_of};
    return grow_kinds(schema);
}

/*
 * Name the columns of a header, in an arena of their own, and let `use` do something with the
 * names.
 */
static sheaf_status with_names(const sheaf__batch *header,
                               sheaf_status (*use)(void *context, const sheaf__names *own),
                               void *context)
{
    sheaf_arena *scratch = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!scratch)
        return SHEAF_ENOMEM;
    sheaf__names given;
    sheaf__names own;
    sheaf__names_init(&given, scratch);
    sheaf__names_init(&own, scratch);
    sheaf_status status = name_columns(header, &given, &own);
    if (status == SHEAF_OK)
        status = use(context, &own);
    sheaf__names_end(&given);
    sheaf__names_end(&own);
    sheaf__arena_destroy(scratch);
    return status;
}

typedef struct new_layout {
    sheaf__schema *schema;
    uint32_t index;
} new_layout;

static sheaf_status unite_new(void *context, const sheaf__names *own)
{
    new_layout *made = context;
    return unite(made->schema, own, &made->schema->layouts[made->index]);
}

static sheaf_status add_layout(sheaf__schema *schema, const sheaf__batch *header, uint32_t index)
{
    if (index >= schema->layouts_capacity) {
        size_t capacity = schema->layouts_capacity > 0 ? schema->layouts_capacity * 2 : 16;
        sheaf__layout *layouts = realloc(schema->layouts, capacity * sizeof *layouts);
        if (!layouts)
            return SHEAF_ENOMEM;
        schema->layouts = layouts;
        schema->layouts_capacity = capacity;
    }
    return with_names(header, unite_new, &(new_layout){.schema = schema, .index = index});
}

typedef struct wanted_name {
    size_t index;
    char *text;
    size_t size;
} wanted_name;

static sheaf_status show_name(void *context, const sheaf__names *own)
{
    const wanted_name *wanted = context;
    const sheaf__name *name = &own->items[wanted->index];
    sheaf_text_escape(name->bytes, name->n_bytes, wanted->text, wanted->size);
    return SHEAF_OK;
}

void sheaf__schema_show_name(const sheaf__batch *header, size_t i, char *text, size_t size)
{
    text[0] = '\0';
    if (i < header->n_columns)
        (void)with_names(header, show_name, &(wanted_name){.index = i, .text = text, .size = size});
}

sheaf_status sheaf__schema_add(sheaf__schema *schema, const sheaf__batch *header,
                               uint32_t *layout_index, sheaf_error *err)
{
    size_t n_key;
    char *key = pack(header, &n_key);
    if (!key)
        return sheaf__error_memory(err, "a header");
    bool added;
    uint32_t index = sheaf__names_add(&schema->headers, key, n_key, &added);
    free(key);
    if (index == SHEAF__NO_NAME || (added && add_layout(schema, header, index) < 0))
        return sheaf__error_memory(err, "the columns of a header");
    *layout_index = index;
    return SHEAF_OK;
}

uint32_t sheaf__schema_find(const sheaf__schema *schema, const sheaf__batch *header)
{
    size_t n_key;
    char *key = pack(header, &n_key);
    uint32_t index = key ? sheaf__names_find(&schema->headers, key, n_key) : SHEAF__NO_NAME;
    free(key);
    return index;
}

void sheaf__schema_project(const sheaf__schema *schema, uint32_t layout_index, uint32_t *from)
{
    const sheaf__layout *layout = &schema->layouts[layout_index];
    for (size_t i = 0; i < schema->columns.n_items; i++)
        from[i] = SHEAF__NO_NAME;
    for (size_t i = 0; i < layout->n_columns; i++)
        from[layout->column_of[i]] = (uint32_t)i;
}

/* ---- types ---- */

void sheaf__schema_widen(sheaf__schema *schema, uint32_t layout_index, const sheaf__kinds *kinds)
{
    const sheaf__layout *layout = &schema->layouts[layout_index];
    for (size_t i = 0; i < layout->n_columns; i++)
        schema->kinds[layout->column_of[i]] |= kinds[i];
}

typedef struct asked_of_header {
    const sheaf__asked_types *asked;
    sheaf_type *types;
} asked_of_header;

static sheaf_status look_up_asked(void *context, const sheaf__names *own)
{
    const asked_of_header *wanted = context;
    for (size_t i = 0; i < own->n_items; i++)
        wanted->types[i] = SHEAF_TYPE_NULL;
    for (size_t i = 0; i < wanted->asked->n; i++) {
        const sheaf_column_type *each = &wanted->asked->items[i];
        uint32_t index = sheaf__names_find(own, each->column, strlen(each->column));
        if (index != SHEAF__NO_NAME)
            wanted->types[index] = each->type;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__schema_asked(const sheaf__asked_types *asked, const sheaf__batch *header,
                                 sheaf_type *types)
{
    return with_names(header, look_up_asked, &(asked_of_header){.asked = asked, .types = types});
}

/* In how many of the headers each column is; NULL when there is no memory. */
static uint32_t *count_uses(const sheaf__schema *schema)
{
    uint32_t *uses = calloc(schema->columns.n_items + 1, sizeof *uses);
    for (size_t i = 0; uses && i < schema->headers.n_items; i++)
        for (size_t k = 0; k < schema->layouts[i].n_columns; k++)
            uses[schema->layouts[i].column_of[k]]++;
    return uses;
}

void sheaf__schema_types(const sheaf__schema *schema, const sheaf__asked_types *asked, bool found,
                         sheaf_type *types, bool *is_asked, bool *nullable)
{
    uint32_t *uses = count_uses(schema);
    for (size_t i = 0; i < schema->columns.n_items; i++) {
        types[i] = found ? sheaf__kinds_type(schema->kinds[i]) : SHEAF_TYPE_TEXT;
        is_asked[i] = false;
        bool is_everywhere = uses && uses[i] == schema->headers.n_items;
        nullable[i] = !found || !is_everywhere || types[i] == SHEAF_TYPE_NULL ||
                      (schema->kinds[i] & SHEAF__KIND_NULL);
    }
    free(uses);
    for (size_t i = 0; i < asked->n; i++) {
        const sheaf_column_type *each = &asked->items[i];
        uint32_t index = sheaf__names_find(&schema->columns, each->column, strlen(each->column));
        if (index == SHEAF__NO_NAME)
            continue;
        types[index] = each->type;
        is_asked[index] = true;
    }
}
