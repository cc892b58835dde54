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
    sheaf__arena_destroy(schema->arena);
    *schema = (sheaf__schema){0};
}

static size_t cell_length(const sheaf__cell *cell)
{
    return cell->n_bytes == SHEAF__NULL_CELL ? 0 : cell->n_bytes;
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
    return SHEAF_OK;
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
