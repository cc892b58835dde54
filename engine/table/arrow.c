/*
 * Arrow's C structs: see arrow.h.
 *
 * A struct and all its children lie in one block of memory. A consumer may move a child out of it
 * and release it on its own, later and elsewhere: so each of them counts as one who uses the block.
 */
#include "engine/table/arrow.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/annotate.h"
#include "engine/table/names.h"

enum { BUFFERS_MAX = 3 };

/* ---- schema ---- */

typedef struct schema_block {
    atomic_size_t n_users;
    struct ArrowSchema *fields;
    struct ArrowSchema **pointers;
    char *names;
} schema_block;

static const char *format_of(sheaf_type type)
{
    static const char *const formats[SHEAF_TYPES] = {
        [SHEAF_TYPE_NULL] = "n",
        [SHEAF_TYPE_BOOL] = "b",
        [SHEAF_TYPE_INT64] = "l",
        [SHEAF_TYPE_FLOAT64] = "g",
        [SHEAF_TYPE_DATE] = "tdD",
        [SHEAF_TYPE_TIMESTAMP] = "tsu:",
        [SHEAF_TYPE_TIMESTAMP_UTC] = "tsu:UTC",
        [SHEAF_TYPE_TIME] = "ttu",
        [SHEAF_TYPE_TEXT] = "u",
    };
    return formats[type];
}

static void leave_schema(schema_block *block)
{
    if (atomic_fetch_sub_explicit(&block->n_users, 1, memory_order_acq_rel) > 1)
        return;
    free(block->fields);
    free(block->pointers);
    free(block->names);
    free(block);
}

static void release_schema(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++)
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
    schema->release = NULL;
    leave_schema(schema->private_data);
}

sheaf_status sheaf__arrow_schema(const sheaf__arrow_field *fields, size_t n,
                                 struct ArrowSchema *schema)
{
    size_t n_names = 1;
    for (size_t i = 0; i < n; i++)
        n_names += fields[i].n_name * 3 + 1;
    schema_block *block = calloc(1, sizeof *block);
    if (!block)
        return SHEAF_ENOMEM;
    SHEAF__ATOMIC(block->n_users);
    atomic_init(&block->n_users, 1);
    block->fields = calloc(n + 1, sizeof *block->fields);
    block->pointers = calloc(n + 1, sizeof(struct ArrowSchema *));
    block->names = malloc(n_names);
    if (!block->fields || !block->pointers || !block->names) {
        leave_schema(block);
        return SHEAF_ENOMEM;
    }
    atomic_init(&block->n_users, n + 1);
    char *name = block->names;
    for (size_t i = 0; i < n; i++) {
        block->fields[i] = (struct ArrowSchema){.format = format_of(fields[i].type),
                                                .name = name,
                                                .flags = fields[i].nullable ? ARROW_FLAG_NULLABLE
                                                                            : 0,
                                                .release = release_schema,
                                                .private_data = block};
        block->pointers[i] = &block->fields[i];
        name += sheaf__name_write(fields[i].name, fields[i].n_name, name) + 1;
    }
    *schema = (struct ArrowSchema){.format = "+s",
                                   .name = "",
                                   .n_children = (int64_t)n,
                                   .children = block->pointers,
                                   .release = release_schema,
                                   .private_data = block};
    return SHEAF_OK;
}

/* ---- arrays ---- */

typedef struct array_block {
    atomic_size_t n_users;
    sheaf__columns *columns;
    struct ArrowArray *items;
    struct ArrowArray **pointers;
    const void *(*buffers)[BUFFERS_MAX];
    const void *no_validity; /* of the struct */
} array_block;

static void leave_array(array_block *block)
{
    if (atomic_fetch_sub_explicit(&block->n_users, 1, memory_order_acq_rel) > 1)
        return;
    sheaf__columns_give(block->columns);
    free(block->items);
    free(block->pointers);
    free(block->buffers);
    free(block);
}

static void release_array(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++)
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
    array->release = NULL;
    leave_array(array->private_data);
}

static int64_t n_buffers_of(sheaf_type type)
{
    return type == SHEAF_TYPE_NULL ? 0 : type == SHEAF_TYPE_TEXT ? 3 : 2;
}

static void describe(array_block *block, size_t i)
{
    static const uint8_t no_text[1];
    const sheaf__column *column = &block->columns->items[i];
    block->buffers[i][0] = column->n_nulls > 0 ? column->valid : NULL;
    block->buffers[i][1] = column->values;
    block->buffers[i][2] = column->text ? column->text : no_text;
    block->items[i] = (struct ArrowArray){.length = (int64_t)block->columns->n_rows,
                                          .null_count = (int64_t)column->n_nulls,
                                          .n_buffers = n_buffers_of(column->type),
                                          .buffers = block->buffers[i],
                                          .release = release_array,
                                          .private_data = block};
    block->pointers[i] = &block->items[i];
}

sheaf_status sheaf__arrow_array(sheaf__columns *columns, struct ArrowArray *array)
{
    size_t n = columns->n_columns;
    array_block *block = calloc(1, sizeof *block);
    if (!block)
        return SHEAF_ENOMEM;
    block->items = calloc(n + 1, sizeof *block->items);
    block->pointers = calloc(n + 1, sizeof(struct ArrowArray *));
    block->buffers = calloc(n + 1, sizeof *block->buffers);
    if (!block->items || !block->pointers || !block->buffers) {
        free(block->items);
        free(block->pointers);
        free(block->buffers);
        free(block);
        return SHEAF_ENOMEM;
    }
    SHEAF__ATOMIC(block->n_users);
    atomic_init(&block->n_users, n + 1);
    block->columns = columns;
    for (size_t i = 0; i < n; i++)
        describe(block, i);
    *array = (struct ArrowArray){.length = (int64_t)columns->n_rows,
                                 .n_buffers = 1,
                                 .n_children = (int64_t)n,
                                 .buffers = &block->no_validity,
                                 .children = block->pointers,
                                 .release = release_array,
                                 .private_data = block};
    return SHEAF_OK;
}
