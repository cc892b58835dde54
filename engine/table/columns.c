/* Typed columns: see columns.h. */
#include "engine/table/columns.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/annotate.h"

enum {
    ARENA_CHUNK_BYTES = 512 << 10, /* mostly all of a chunk's columns, in one piece */
    ALIGN_BYTES = 64               /* what Arrow recommends */
};

struct sheaf__columns_pool {
    atomic_size_t n_users; /* whoever made it, and all columns that are not in it */
    size_t keep_bytes;
    sheaf__freelist free;
};

/* ---- the pool ---- */

sheaf__columns_pool *sheaf__columns_pool_create(size_t keep_bytes)
{
    sheaf__columns_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    SHEAF__ATOMIC(pool->n_users);
    atomic_init(&pool->n_users, 1);
    pool->keep_bytes = keep_bytes;
    sheaf__freelist_init(&pool->free);
    return pool;
}

static void destroy(void *object)
{
    sheaf__columns *columns = object;
    sheaf__arena_destroy(columns->arena);
    free(columns);
}

void sheaf__columns_pool_release(sheaf__columns_pool *pool)
{
    if (!pool || atomic_fetch_sub_explicit(&pool->n_users, 1, memory_order_acq_rel) > 1)
        return;
    sheaf__freelist_end(&pool->free, destroy);
    free(pool);
}

sheaf__columns *sheaf__columns_take(sheaf__columns_pool *pool)
{
    sheaf__columns *columns = sheaf__freelist_pop(&pool->free);
    if (!columns) {
        columns = calloc(1, sizeof *columns);
        sheaf_arena *arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
        if (!columns || !arena) {
            sheaf__arena_destroy(arena);
            free(columns);
            return NULL;
        }
        columns->pool = pool;
        columns->arena = arena;
    }
    atomic_fetch_add_explicit(&pool->n_users, 1, memory_order_relaxed);
    return columns;
}

void sheaf__columns_give(sheaf__columns *columns)
{
    if (!columns)
        return;
    sheaf__columns_pool *pool = columns->pool;
    sheaf__arena_reset(columns->arena, pool->keep_bytes);
    columns->items = NULL;
    columns->n_columns = columns->n_rows = 0;
    sheaf__freelist_push(&pool->free, columns);
    sheaf__columns_pool_release(pool);
}

/* ---- columns ---- */

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
