/* Schema, record batch and footer: see message.h. Names of enumerators are the format's. */
#include "engine/sinks/arrow/message.h"

#include "engine/sinks/arrow/flatbuffer.h"

enum { METADATA_V5 = 4 };
enum { HEADER_SCHEMA = 1, HEADER_RECORD_BATCH = 3 };
enum {
    TYPE_NULL = 1,
    TYPE_INT = 2,
    TYPE_FLOATING_POINT = 3,
    TYPE_UTF8 = 5,
    TYPE_BOOL = 6,
    TYPE_DATE = 8,
    TYPE_TIME = 9,
    TYPE_TIMESTAMP = 10
};
enum { DATE_DAY = 0, UNIT_MICROSECOND = 2, PRECISION_DOUBLE = 2, BITS = 64 };

enum { REFERENCE = 4 };
enum { NODE_BYTES = 16, BUFFER_BYTES = 16 };

_Static_assert(sizeof(sheaf__arrow_block) == 24, "a block is written as it stands in memory");

/* ---- types ---- */

static uint8_t union_type(sheaf_type type)
{
    static const uint8_t types[SHEAF_TYPES] = {
        [SHEAF_TYPE_NULL] = TYPE_NULL,
        [SHEAF_TYPE_BOOL] = TYPE_BOOL,
        [SHEAF_TYPE_INT64] = TYPE_INT,
        [SHEAF_TYPE_FLOAT64] = TYPE_FLOATING_POINT,
        [SHEAF_TYPE_DATE] = TYPE_DATE,
        [SHEAF_TYPE_TIMESTAMP] = TYPE_TIMESTAMP,
        [SHEAF_TYPE_TIMESTAMP_UTC] = TYPE_TIMESTAMP,
        [SHEAF_TYPE_TIME] = TYPE_TIME,
        [SHEAF_TYPE_TEXT] = TYPE_UTF8,
    };
    return types[type];
}

/* A table of one short number: the unit or the precision. */
static size_t put_short(sheaf__bytes *to, int16_t value)
{
    size_t table = sheaf__flatbuffer_table(to, (const uint8_t[]){2}, 1);
    sheaf__flatbuffer_set(to, table, 0, value, 2);
    return table;
}

static size_t put_int(sheaf__bytes *to)
{
    size_t table = sheaf__flatbuffer_table(to, (const uint8_t[]){4, 1}, 2);
    sheaf__flatbuffer_set(to, table, 0, BITS, 4);
    sheaf__flatbuffer_set(to, table, 1, true, 1);
    return table;
}

static size_t put_time(sheaf__bytes *to)
{
    size_t table = sheaf__flatbuffer_table(to, (const uint8_t[]){2, 4}, 2);
    sheaf__flatbuffer_set(to, table, 0, UNIT_MICROSECOND, 2);
    sheaf__flatbuffer_set(to, table, 1, BITS, 4);
    return table;
}

static size_t put_timestamp_utc(sheaf__bytes *to)
{
    size_t table = sheaf__flatbuffer_table(to, (const uint8_t[]){2, REFERENCE}, 2);
    sheaf__flatbuffer_set(to, table, 0, UNIT_MICROSECOND, 2);
    sheaf__flatbuffer_link(to, table, 1, sheaf__flatbuffer_string(to, "UTC", 3));
    return table;
}

static size_t put_type(sheaf__bytes *to, sheaf_type type)
{
    switch (type) {
    case SHEAF_TYPE_INT64:
        return put_int(to);
    case SHEAF_TYPE_FLOAT64:
        return put_short(to, PRECISION_DOUBLE);
    case SHEAF_TYPE_DATE:
        return put_short(to, DATE_DAY);
    case SHEAF_TYPE_TIMESTAMP:
        return put_short(to, UNIT_MICROSECOND);
    case SHEAF_TYPE_TIMESTAMP_UTC:
        return put_timestamp_utc(to);
    case SHEAF_TYPE_TIME:
        return put_time(to);
    default:
        return sheaf__flatbuffer_table(to, NULL, 0);
    }
}

/* ---- the schema ---- */

static size_t put_field(sheaf__bytes *to, const sheaf__name *name, sheaf_type type)
{
    enum { NAME, NULLABLE, TYPE_TYPE, TYPE, DICTIONARY, CHILDREN, FIELDS };
    static const uint8_t sizes[FIELDS] = {[NAME] = REFERENCE,
                                          [NULLABLE] = 1,
                                          [TYPE_TYPE] = 1,
                                          [TYPE] = REFERENCE,
                                          [CHILDREN] = REFERENCE};
    size_t field = sheaf__flatbuffer_table(to, sizes, FIELDS);
    sheaf__flatbuffer_set(to, field, NULLABLE, true, 1);
    sheaf__flatbuffer_set(to, field, TYPE_TYPE, union_type(type), 1);
    sheaf__flatbuffer_link(to, field, NAME,
                           sheaf__flatbuffer_string(to, name->bytes, name->n_bytes));
    sheaf__flatbuffer_link(to, field, TYPE, put_type(to, type));
    sheaf__flatbuffer_link(to, field, CHILDREN, sheaf__flatbuffer_vector(to, 0, REFERENCE));
    return field;
}

static size_t put_schema(sheaf__bytes *to, const sheaf__names *names, const sheaf_type *types)
{
    enum { ENDIANNESS, FIELDS };
    size_t schema = sheaf__flatbuffer_table(to, (const uint8_t[]){2, REFERENCE}, 2);
    sheaf__flatbuffer_set(to, schema, ENDIANNESS, 0 /* little */, 2);
    size_t fields = sheaf__flatbuffer_vector(to, names->n_items, REFERENCE);
    sheaf__flatbuffer_link(to, schema, FIELDS, fields);
    for (size_t i = 0; i < names->n_items; i++)
        sheaf__flatbuffer_refer(to, fields + SHEAF__FLATBUFFER_LENGTH_BYTES + i * REFERENCE,
                                put_field(to, &names->items[i], types[i]));
    return schema;
}

/* ---- messages ---- */

enum { MESSAGE_VERSION, MESSAGE_HEADER_TYPE, MESSAGE_HEADER, MESSAGE_BODY_LENGTH, MESSAGE_FIELDS };

static size_t begin_message(sheaf__bytes *to, uint8_t header_type)
{
    static const uint8_t sizes[MESSAGE_FIELDS] = {2, 1, REFERENCE, 8};
    size_t root = sheaf__flatbuffer_begin(to);
    size_t message = sheaf__flatbuffer_table(to, sizes, MESSAGE_FIELDS);
    sheaf__flatbuffer_refer(to, root, message);
    sheaf__flatbuffer_set(to, message, MESSAGE_VERSION, METADATA_V5, 2);
    sheaf__flatbuffer_set(to, message, MESSAGE_HEADER_TYPE, header_type, 1);
    return message;
}

void sheaf__arrow_put_schema(sheaf__bytes *to, const sheaf__names *names, const sheaf_type *types)
{
    size_t message = begin_message(to, HEADER_SCHEMA);
    sheaf__flatbuffer_link(to, message, MESSAGE_HEADER, put_schema(to, names, types));
    sheaf__flatbuffer_end(to);
}

size_t sheaf__arrow_parts(const sheaf__column *column, size_t n_rows,
                          sheaf__arrow_part parts[SHEAF__ARROW_PARTS_MAX])
{
    if (column->type == SHEAF_TYPE_NULL)
        return 0;
    parts[0] = (sheaf__arrow_part){column->valid, column->n_nulls > 0 ? (n_rows + 7) / 8 : 0};
    parts[1] = (sheaf__arrow_part){column->values, sheaf__group_values_bytes(column->type, n_rows)};
    if (column->type != SHEAF_TYPE_TEXT)
        return 2;
    parts[2] = (sheaf__arrow_part){column->text, (size_t)((const int32_t *)column->values)[n_rows]};
    return 3;
}

static size_t count_parts(const sheaf__group *group)
{
    size_t n = 0;
    sheaf__arrow_part parts[SHEAF__ARROW_PARTS_MAX];
    for (size_t i = 0; i < group->n_columns; i++)
        n += sheaf__arrow_parts(&group->columns[i], group->n_rows, parts);
    return n;
}

/* Where each part stands in the body. */
static size_t put_buffers(sheaf__bytes *to, const sheaf__group *group, int64_t *n_body)
{
    sheaf__arrow_part parts[SHEAF__ARROW_PARTS_MAX];
    size_t vector = sheaf__flatbuffer_vector(to, count_parts(group), BUFFER_BYTES);
    size_t at = vector + SHEAF__FLATBUFFER_LENGTH_BYTES;
    *n_body = 0;
    for (size_t i = 0; i < group->n_columns; i++) {
        size_t n = sheaf__arrow_parts(&group->columns[i], group->n_rows, parts);
        for (size_t p = 0; p < n; p++, at += BUFFER_BYTES) {
            sheaf__flatbuffer_put(to, at, *n_body, 8);
            sheaf__flatbuffer_put(to, at + 8, (int64_t)parts[p].n_bytes, 8);
            *n_body += (int64_t)sheaf__arrow_aligned(parts[p].n_bytes);
        }
    }
    return vector;
}

static size_t put_nodes(sheaf__bytes *to, const sheaf__group *group)
{
    size_t vector = sheaf__flatbuffer_vector(to, group->n_columns, NODE_BYTES);
    size_t at = vector + SHEAF__FLATBUFFER_LENGTH_BYTES;
    for (size_t i = 0; i < group->n_columns; i++, at += NODE_BYTES) {
        sheaf__flatbuffer_put(to, at, (int64_t)group->n_rows, 8);
        sheaf__flatbuffer_put(to, at + 8, (int64_t)group->columns[i].n_nulls, 8);
    }
    return vector;
}

void sheaf__arrow_put_batch(sheaf__bytes *to, const sheaf__group *group, int64_t *n_body)
{
    enum { LENGTH, NODES, BUFFERS, FIELDS };
    size_t message = begin_message(to, HEADER_RECORD_BATCH);
    size_t batch = sheaf__flatbuffer_table(to, (const uint8_t[]){8, REFERENCE, REFERENCE}, FIELDS);
    sheaf__flatbuffer_link(to, message, MESSAGE_HEADER, batch);
    sheaf__flatbuffer_set(to, batch, LENGTH, (int64_t)group->n_rows, 8);
    sheaf__flatbuffer_link(to, batch, NODES, put_nodes(to, group));
    sheaf__flatbuffer_link(to, batch, BUFFERS, put_buffers(to, group, n_body));
    sheaf__flatbuffer_set(to, message, MESSAGE_BODY_LENGTH, *n_body, 8);
    sheaf__flatbuffer_end(to);
}

void sheaf__arrow_put_footer(sheaf__bytes *to, const sheaf__names *names, const sheaf_type *types,
                             const sheaf__arrow_block *blocks, size_t n_blocks)
{
    enum { VERSION, SCHEMA, DICTIONARIES, RECORD_BATCHES, FIELDS };
    static const uint8_t sizes[FIELDS] = {2, REFERENCE, REFERENCE, REFERENCE};
    size_t root = sheaf__flatbuffer_begin(to);
    size_t footer = sheaf__flatbuffer_table(to, sizes, FIELDS);
    sheaf__flatbuffer_refer(to, root, footer);
    sheaf__flatbuffer_set(to, footer, VERSION, METADATA_V5, 2);
    sheaf__flatbuffer_link(to, footer, SCHEMA, put_schema(to, names, types));
    sheaf__flatbuffer_link(to, footer, DICTIONARIES,
                           sheaf__flatbuffer_vector(to, 0, sizeof *blocks));
    size_t batches = sheaf__flatbuffer_vector(to, n_blocks, sizeof *blocks);
    sheaf__flatbuffer_link(to, footer, RECORD_BATCHES, batches);
    if (!to->failed && n_blocks > 0)
        memcpy(to->items + batches + SHEAF__FLATBUFFER_LENGTH_BYTES, blocks,
               n_blocks * sizeof *blocks);
    sheaf__flatbuffer_end(to);
}
