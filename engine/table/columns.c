/* Typed columns: see columns.h. */
#include "engine/table/columns.h"

#include <stdlib.h>
#include <string.h>

enum {
    ARENA_CHUNK_BYTES = 512 << 10, /* mostly all of a chunk's columns, in one piece */
    ALIGN_BYTES = 64               /* what Arrow recommends */
};

sheaf__columns *sheaf__columns_create(const sheaf__heap *heap)
{
    sheaf__columns *columns = calloc(1, sizeof *columns);
    sheaf_arena *arena = sheaf__arena_create(heap, ARENA_CHUNK_BYTES);
    if (!columns || !arena) {
        sheaf__arena_destroy(arena);
        free(columns);
        return NULL;
    }
    columns->arena = arena;
    return columns;
}

void sheaf__columns_destroy(sheaf__columns *columns)
{
    if (!columns)
        return;
    sheaf__arena_destroy(columns->arena);
    free(columns);
}

void sheaf__columns_clear(sheaf__columns *columns, size_t keep_bytes)
{
    sheaf__arena_reset(columns->arena, keep_bytes);
    columns->items = NULL;
    columns->n_columns = columns->n_rows = 0;
}

static size_t bits_bytes(size_t n_rows)
{
    return (n_rows + 7) / 8;
}

static size_t values_bytes(sheaf_type type, size_t n_rows)
{
    switch (type) {
    case SHEAF_TYPE_NULL:
        return 0;
    case SHEAF_TYPE_BOOL:
        return bits_bytes(n_rows);
    case SHEAF_TYPE_DATE:
        return n_rows * sizeof(int32_t);
    case SHEAF_TYPE_TEXT:
        return (n_rows + 1) * sizeof(int32_t);
    default:
        return n_rows * sizeof(int64_t);
    }
}

sheaf_status sheaf__columns_begin(sheaf__columns *columns, const sheaf_type *types,
                                  size_t n_columns, size_t n_rows)
{
    columns->items = sheaf_arena_new(columns->arena, sheaf__column, n_columns);
    if (!columns->items)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < n_columns; i++) {
        sheaf__column *column = &columns->items[i];
        *column = (sheaf__column){.type = types[i], .n_nulls = n_rows};
        if (types[i] == SHEAF_TYPE_NULL)
            continue;
        size_t n_valid = bits_bytes(n_rows);
        size_t n_values = values_bytes(types[i], n_rows);
        column->valid = sheaf_arena_alloc(columns->arena, n_valid, 1, ALIGN_BYTES);
        column->values = sheaf_arena_alloc(columns->arena, n_values, 1, ALIGN_BYTES);
        if (!column->valid || !column->values)
            return SHEAF_ENOMEM;
        memset(column->valid, 0, n_valid);
        memset(column->values, 0, n_values);
    }
    columns->n_columns = n_columns;
    columns->n_rows = n_rows;
    return SHEAF_OK;
}
