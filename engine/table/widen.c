/* Wider types for columns that are filled: see widen.h. */
#include "engine/table/widen.h"

#include <string.h>

#define DAY_MICROSECONDS INT64_C(86400000000)

bool sheaf__type_widens(sheaf_type from, sheaf_type to)
{
    return from == to || from == SHEAF_TYPE_NULL ||
           (from == SHEAF_TYPE_INT64 && to == SHEAF_TYPE_FLOAT64) ||
           (from == SHEAF_TYPE_DATE && to == SHEAF_TYPE_TIMESTAMP);
}

/* The values of a null are zeros of either type. */
static void to_floats(sheaf__column *column, size_t n_rows)
{
    unsigned char *at = column->values;
    for (size_t row = 0; row < n_rows; row++, at += sizeof(int64_t)) {
        int64_t integer;
        memcpy(&integer, at, sizeof integer);
        double real = (double)integer;
        memcpy(at, &real, sizeof real);
    }
}

static void to_timestamps(int64_t *timestamps, const int32_t *days, size_t n_rows)
{
    for (size_t row = 0; row < n_rows; row++)
        timestamps[row] = days[row] * DAY_MICROSECONDS;
}

static sheaf_status widen(sheaf__columns *columns, const sheaf__column *old, sheaf_type type,
                          sheaf__column *column)
{
    *column = *old;
    column->type = type;
    if (old->type == type)
        return SHEAF_OK;
    if (!sheaf__type_widens(old->type, type))
        return SHEAF_END;
    if (type == SHEAF_TYPE_FLOAT64 && old->type == SHEAF_TYPE_INT64) {
        to_floats(column, columns->n_rows);
        return SHEAF_OK;
    }
    sheaf_status status = sheaf__column_add(columns, type, column);
    if (status == SHEAF_OK && old->type == SHEAF_TYPE_DATE) {
        column->valid = old->valid;
        column->n_nulls = old->n_nulls;
        to_timestamps(column->values, old->values, columns->n_rows);
    }
    return status;
}

sheaf_status sheaf__columns_widen(sheaf__columns *columns, const uint32_t *from,
                                  const sheaf_type *types, size_t n_columns)
{
    sheaf_status status = SHEAF_OK;
    sheaf__column *items = sheaf_arena_new(columns->arena, sheaf__column, n_columns);
    if (!items)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < n_columns && status == SHEAF_OK; i++)
        status = from[i] == UINT32_MAX
                     ? sheaf__column_add(columns, types[i], &items[i])
                     : widen(columns, &columns->items[from[i]], types[i], &items[i]);
    columns->items = items;
    columns->n_columns = n_columns;
    return status;
}
