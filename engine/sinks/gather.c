/*
 * Groups of rows: see gather.h.
 *
 * Room is made for all columns before the first of them is filled, so that a failure leaves the
 * group as it was. Validity is copied by bits, since pieces end anywhere; what stands behind a
 * group's last row is cleared when the group is closed.
 */
#include "engine/sinks/gather.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

enum { ROWS_STEP = 64 /* whole words of bits */ };

/* ---- bits ---- */

static bool bit_at(const uint8_t *bits, size_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

static void put_bit(uint8_t *bits, size_t i, bool value)
{
    bits[i / 8] = (uint8_t)((bits[i / 8] & ~(1U << i % 8)) | (unsigned)value << i % 8);
}

/* What is in the last byte behind the last bit is not defined afterwards. */
static void copy_bits(uint8_t *to, size_t to_at, const uint8_t *from, size_t from_at, size_t n)
{
    for (; n > 0 && to_at % 8 > 0; n--)
        put_bit(to, to_at++, bit_at(from, from_at++));
    uint8_t *bytes = to + to_at / 8;
    const uint8_t *source = from + from_at / 8;
    unsigned shift = from_at % 8;
    size_t n_bytes = n / 8;
    if (shift == 0) {
        memcpy(bytes, source, n_bytes);
    } else {
        for (size_t i = 0; i < n_bytes; i++)
            bytes[i] = (uint8_t)(source[i] >> shift | source[i + 1] << (8 - shift));
    }
    for (size_t i = n_bytes * 8; i < n; i++)
        put_bit(to, to_at + i, bit_at(from, from_at + i));
}

static void set_bits(uint8_t *to, size_t at, size_t n)
{
    for (; n > 0 && at % 8 > 0; n--)
        put_bit(to, at++, true);
    memset(to + at / 8, 0xFF, (n + 7) / 8);
}

static size_t count_bits(const uint8_t *bits, size_t n_bytes)
{
    size_t count = 0;
    size_t i = 0;
    for (; i + 8 <= n_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, bits + i, sizeof word);
        count += (size_t)__builtin_popcountll(word);
    }
    for (; i < n_bytes; i++)
        count += (size_t)__builtin_popcount(bits[i]);
    return count;
}

static void clear_behind(uint8_t *bits, size_t n)
{
    if (n % 8 > 0)
        bits[n / 8] &= (uint8_t)((1U << n % 8) - 1);
}

/* ---- sizes ---- */

static size_t row_bits_of(sheaf_type type)
{
    switch (type) {
    case SHEAF_TYPE_NULL:
        return 0;
    case SHEAF_TYPE_BOOL:
        return 2;
    case SHEAF_TYPE_DATE:
    case SHEAF_TYPE_TEXT:
        return 33;
    default:
        return 65;
    }
}

size_t sheaf__group_values_bytes(sheaf_type type, size_t n_rows)
{
    switch (type) {
    case SHEAF_TYPE_NULL:
        return 0;
    case SHEAF_TYPE_BOOL:
        return (n_rows + 7) / 8;
    case SHEAF_TYPE_DATE:
        return n_rows * sizeof(int32_t);
    case SHEAF_TYPE_TEXT:
        return (n_rows + 1) * sizeof(int32_t);
    default:
        return n_rows * sizeof(int64_t);
    }
}

static size_t bytes_of(const sheaf__gather *gather, size_t n_rows, size_t text_bytes)
{
    return n_rows * gather->row_bits / 8 + text_bytes;
}

size_t sheaf__group_bytes(const sheaf__gather *gather, const sheaf__group *group)
{
    return bytes_of(gather, group->n_rows, group->text_bytes);
}

/* ---- groups ---- */

static void destroy_group(sheaf__group *group)
{
    if (!group)
        return;
    for (size_t i = 0; group->columns && i < group->n_columns; i++) {
        free(group->columns[i].valid);
        free(group->columns[i].values);
        free(group->columns[i].text);
    }
    free(group->columns);
    free(group->text_capacities);
    free(group);
}

static sheaf__group *create_group(const sheaf__gather *gather)
{
    sheaf__group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->n_columns = gather->n_columns;
    group->columns = calloc(gather->n_columns + 1, sizeof *group->columns);
    group->text_capacities = calloc(gather->n_columns + 1, sizeof *group->text_capacities);
    if (!group->columns || !group->text_capacities) {
        destroy_group(group);
        return NULL;
    }
    for (size_t i = 0; i < gather->n_columns; i++)
        group->columns[i].type = gather->types[i];
    return group;
}

static sheaf__group *take_group(sheaf__gather *gather)
{
    sheaf__group *group = gather->spare;
    if (group)
        gather->spare = group->next;
    else
        group = create_group(gather);
    if (group) {
        group->next = NULL;
        group->n_users = 1;
        group->n_rows = group->text_bytes = 0;
    }
    return group;
}

void sheaf__gather_release(sheaf__gather *gather, sheaf__group *group)
{
    if (!group || --group->n_users > 0)
        return;
    group->next = gather->spare;
    gather->spare = group;
}

void sheaf__gather_init(sheaf__gather *gather, const sheaf_type *types, size_t n_columns,
                        size_t rows_max, size_t bytes_max)
{
    *gather = (sheaf__gather){
        .types = types, .n_columns = n_columns, .rows_max = rows_max, .bytes_max = bytes_max};
    for (size_t i = 0; i < n_columns; i++)
        gather->row_bits += row_bits_of(types[i]);
}

void sheaf__gather_end(sheaf__gather *gather)
{
    if (gather->current)
        sheaf__gather_release(gather, gather->current);
    if (gather->marked)
        sheaf__gather_release(gather, gather->marked);
    while (gather->spare) {
        sheaf__group *group = gather->spare;
        gather->spare = group->next;
        destroy_group(group);
    }
    *gather = (sheaf__gather){0};
}

/* ---- room ---- */

static bool grow(void *pointer, size_t n_bytes)
{
    void *old;
    memcpy(&old, pointer, sizeof old);
    void *grown = realloc(old, n_bytes);
    if (grown)
        memcpy(pointer, &grown, sizeof grown);
    return grown != NULL;
}

static bool reserve_rows(const sheaf__gather *gather, sheaf__group *group, size_t n_rows)
{
    if (n_rows <= group->rows_capacity)
        return true;
    size_t capacity = group->rows_capacity * 2;
    if (capacity > gather->rows_max)
        capacity = gather->rows_max;
    if (capacity < n_rows)
        capacity = n_rows;
    capacity = (capacity + ROWS_STEP - 1) / ROWS_STEP * ROWS_STEP;
    for (size_t i = 0; i < group->n_columns; i++) {
        sheaf__column *column = &group->columns[i];
        if (column->type != SHEAF_TYPE_NULL &&
            (!grow(&column->valid, capacity / 8) ||
             !grow(&column->values, sheaf__group_values_bytes(column->type, capacity))))
            return false;
    }
    group->rows_capacity = capacity;
    return true;
}

static size_t text_end(const sheaf__column *column, size_t n_rows)
{
    return n_rows > 0 ? (size_t)((const int32_t *)column->values)[n_rows] : 0;
}

static size_t text_between(const sheaf__column *column, size_t begin, size_t end)
{
    const int32_t *ends = column->values;
    return (size_t)(ends[end] - ends[begin]);
}

static bool reserve_text(sheaf__group *group, const sheaf__columns *columns, size_t begin, size_t n)
{
    for (size_t i = 0; i < group->n_columns; i++) {
        sheaf__column *column = &group->columns[i];
        if (column->type != SHEAF_TYPE_TEXT)
            continue;
        size_t needed = text_end(column, group->n_rows) +
                        text_between(&columns->items[i], begin, begin + n);
        if (needed <= group->text_capacities[i])
            continue;
        size_t capacity = group->text_capacities[i] * 2;
        if (capacity < needed)
            capacity = needed;
        if (!grow(&column->text, capacity))
            return false;
        group->text_capacities[i] = capacity;
    }
    return true;
}

/* ---- rows ---- */

static size_t all_text_between(const sheaf__columns *columns, size_t begin, size_t end)
{
    size_t sum = 0;
    for (size_t i = 0; i < columns->n_columns; i++)
        if (columns->items[i].type == SHEAF_TYPE_TEXT)
            sum += text_between(&columns->items[i], begin, end);
    return sum;
}

/* How many of the rows from `begin` on the group takes; text_bytes they bring. */
static size_t rows_that_fit(const sheaf__gather *gather, const sheaf__columns *columns,
                            size_t begin, size_t *text_bytes)
{
    const sheaf__group *group = gather->current;
    size_t fits = 0;
    size_t end = columns->n_rows - begin;
    if (end > gather->rows_max - group->n_rows)
        end = gather->rows_max - group->n_rows;
    /* The answer is in fits..end; mostly it is end. */
    for (size_t n = end; fits < end; n = fits + (end - fits + 1) / 2) {
        *text_bytes = all_text_between(columns, begin, begin + n);
        bool good = bytes_of(gather, group->n_rows + n, group->text_bytes + *text_bytes) <=
                    gather->bytes_max;
        if (good)
            fits = n;
        else
            end = n - 1;
    }
    if (fits == 0 && group->n_rows == 0)
        fits = 1;
    *text_bytes = all_text_between(columns, begin, begin + fits);
    return fits;
}

static void add_text(sheaf__column *to, size_t at, const sheaf__column *from, size_t begin,
                     size_t n)
{
    int32_t *to_ends = to->values;
    const int32_t *ends = (const int32_t *)from->values + begin;
    if (at == 0)
        to_ends[0] = 0;
    int32_t first = ends[0];
    int32_t shift = to_ends[at] - first;
    for (size_t i = 1; i <= n; i++)
        to_ends[at + i] = ends[i] + shift;
    if (ends[n] > first)
        memcpy(to->text + to_ends[at], from->text + first, (size_t)(ends[n] - first));
}

static void add_column(sheaf__column *to, size_t at, const sheaf__column *from, size_t begin,
                       size_t n)
{
    if (to->type == SHEAF_TYPE_NULL)
        return;
    if (from->n_nulls == 0)
        set_bits(to->valid, at, n);
    else
        copy_bits(to->valid, at, from->valid, begin, n);
    switch (to->type) {
    case SHEAF_TYPE_BOOL:
        copy_bits(to->values, at, from->values, begin, n);
        return;
    case SHEAF_TYPE_TEXT:
        add_text(to, at, from, begin, n);
        return;
    case SHEAF_TYPE_DATE:
        memcpy((int32_t *)to->values + at, (const int32_t *)from->values + begin,
               n * sizeof(int32_t));
        return;
    default:
        memcpy((int64_t *)to->values + at, (const int64_t *)from->values + begin,
               n * sizeof(int64_t));
    }
}

sheaf_status sheaf__gather_add(sheaf__gather *gather, const sheaf__columns *columns, size_t *begin,
                               sheaf_error *err)
{
    if (*begin == columns->n_rows)
        return SHEAF_OK;
    if (!gather->current && !(gather->current = take_group(gather)))
        return sheaf__error_memory(err, "a group of rows");
    sheaf__group *group = gather->current;
    size_t text_bytes;
    size_t n = rows_that_fit(gather, columns, *begin, &text_bytes);
    if (n == 0)
        return SHEAF_END;
    if (!reserve_rows(gather, group, group->n_rows + n) || !reserve_text(group, columns, *begin, n))
        return sheaf__error_memory(err, "a group of rows");
    for (size_t i = 0; i < group->n_columns; i++)
        add_column(&group->columns[i], group->n_rows, &columns->items[i], *begin, n);
    group->n_rows += n;
    group->text_bytes += text_bytes;
    *begin += n;
    return *begin < columns->n_rows ? SHEAF_END : SHEAF_OK;
}

static void finish_column(sheaf__column *column, size_t n_rows)
{
    column->n_nulls = n_rows;
    if (column->type == SHEAF_TYPE_NULL)
        return;
    clear_behind(column->valid, n_rows);
    if (column->type == SHEAF_TYPE_BOOL)
        clear_behind(column->values, n_rows);
    column->n_nulls = n_rows - count_bits(column->valid, (n_rows + 7) / 8);
}

sheaf__group *sheaf__gather_close(sheaf__gather *gather)
{
    sheaf__group *group = gather->current;
    if (!group || group->n_rows == 0)
        return NULL;
    for (size_t i = 0; i < group->n_columns; i++)
        finish_column(&group->columns[i], group->n_rows);
    if (gather->is_marked && gather->closed_marked == gather->n_closed) {
        gather->marked = group;
        group->n_users++;
    }
    gather->n_closed++;
    gather->current = NULL;
    return group;
}

/* ---- marks ---- */

void sheaf__gather_mark(sheaf__gather *gather)
{
    sheaf__gather_release(gather, gather->marked);
    gather->marked = NULL;
    gather->is_marked = true;
    gather->closed_marked = gather->n_closed;
    gather->rows_marked = gather->current ? gather->current->n_rows : 0;
}

void sheaf__gather_take_back(sheaf__gather *gather)
{
    if (gather->marked) {
        sheaf__gather_release(gather, gather->current);
        gather->current = gather->marked;
        gather->marked = NULL;
    }
    gather->n_closed = gather->closed_marked;
    sheaf__group *group = gather->current;
    if (!group)
        return;
    group->n_rows = gather->rows_marked;
    group->text_bytes = 0;
    for (size_t i = 0; i < group->n_columns; i++)
        if (group->columns[i].type == SHEAF_TYPE_TEXT)
            group->text_bytes += text_end(&group->columns[i], group->n_rows);
}
