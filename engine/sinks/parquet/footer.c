/* The metadata of a Parquet file: see footer.h. Numbers of fields are parquet.thrift's. */
#include "engine/sinks/parquet/footer.h"

#include <sheaf/version.h>

#include "engine/core/error.h"

enum { PHYSICAL_BOOLEAN = 0, PHYSICAL_INT32 = 1, PHYSICAL_INT64 = 2, PHYSICAL_DOUBLE = 5 };
enum { PHYSICAL_BYTE_ARRAY = 6 };
enum { CONVERTED_UTF8 = 0, CONVERTED_DATE = 6, CONVERTED_TIMESTAMP_MICROS = 10 };
enum { LOGICAL_STRING = 1, LOGICAL_DATE = 6, LOGICAL_TIME = 7, LOGICAL_TIMESTAMP = 8 };
enum { LOGICAL_UNKNOWN = 11 };
enum { UNIT_MICROS = 2, OPTIONAL = 1 };
enum { ENCODING_PLAIN = 0, ENCODING_RLE = 3, ENCODING_RLE_DICTIONARY = 8 };
enum { CODEC_UNCOMPRESSED = 0, CODEC_SNAPPY = 1, CODEC_ZSTD = 6 };
enum { VERSION = 2, FOOTER_BYTES_MAX = INT32_MAX };

static const char root_name[] = "schema";
#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)
static const char created_by[] = "sheaf version " TEXT(SHEAF_VERSION_MAJOR) "." TEXT(
    SHEAF_VERSION_MINOR) "." TEXT(SHEAF_VERSION_PATCH);

/* ---- the schema ---- */

static int32_t physical_type(sheaf_type type)
{
    static const int32_t types[SHEAF_TYPES] = {
        [SHEAF_TYPE_NULL] = PHYSICAL_INT32, /* of which there are none */
        [SHEAF_TYPE_BOOL] = PHYSICAL_BOOLEAN,    [SHEAF_TYPE_INT64] = PHYSICAL_INT64,
        [SHEAF_TYPE_FLOAT64] = PHYSICAL_DOUBLE,  [SHEAF_TYPE_DATE] = PHYSICAL_INT32,
        [SHEAF_TYPE_TIMESTAMP] = PHYSICAL_INT64, [SHEAF_TYPE_TIMESTAMP_UTC] = PHYSICAL_INT64,
        [SHEAF_TYPE_TIME] = PHYSICAL_INT64,      [SHEAF_TYPE_TEXT] = PHYSICAL_BYTE_ARRAY,
    };
    return types[type];
}

/* What older readers look at; those of local times would tell them that they are UTC. */
static void put_converted_type(sheaf__thrift *element, sheaf_type type)
{
    if (type == SHEAF_TYPE_TEXT)
        sheaf__thrift_i32(element, 6, CONVERTED_UTF8);
    else if (type == SHEAF_TYPE_DATE)
        sheaf__thrift_i32(element, 6, CONVERTED_DATE);
    else if (type == SHEAF_TYPE_TIMESTAMP_UTC)
        sheaf__thrift_i32(element, 6, CONVERTED_TIMESTAMP_MICROS);
}

static void put_time_type(sheaf__thrift *logical, int field, bool is_utc)
{
    sheaf__thrift time = sheaf__thrift_begin(logical, field);
    sheaf__thrift_bool(&time, 1, is_utc);
    sheaf__thrift unit = sheaf__thrift_begin(&time, 2);
    sheaf__thrift_empty(&unit, UNIT_MICROS);
    sheaf__thrift_stop(&unit);
    sheaf__thrift_stop(&time);
}

static void put_logical_type(sheaf__thrift *element, sheaf_type type)
{
    if (type == SHEAF_TYPE_BOOL || type == SHEAF_TYPE_INT64 || type == SHEAF_TYPE_FLOAT64)
        return;
    sheaf__thrift logical = sheaf__thrift_begin(element, 10);
    switch (type) {
    case SHEAF_TYPE_NULL:
        sheaf__thrift_empty(&logical, LOGICAL_UNKNOWN);
        break;
    case SHEAF_TYPE_DATE:
        sheaf__thrift_empty(&logical, LOGICAL_DATE);
        break;
    case SHEAF_TYPE_TIME:
        put_time_type(&logical, LOGICAL_TIME, false);
        break;
    case SHEAF_TYPE_TEXT:
        sheaf__thrift_empty(&logical, LOGICAL_STRING);
        break;
    default:
        put_time_type(&logical, LOGICAL_TIMESTAMP, type == SHEAF_TYPE_TIMESTAMP_UTC);
    }
    sheaf__thrift_stop(&logical);
}

static void put_root(sheaf__bytes *to, size_t n_columns)
{
    sheaf__thrift element = sheaf__thrift_struct(to);
    sheaf__thrift_binary(&element, 4, root_name, sizeof root_name - 1);
    sheaf__thrift_i32(&element, 5, (int32_t)n_columns);
    sheaf__thrift_stop(&element);
}

static void put_element(sheaf__bytes *to, const sheaf__name *name, sheaf_type type)
{
    sheaf__thrift element = sheaf__thrift_struct(to);
    sheaf__thrift_i32(&element, 1, physical_type(type));
    sheaf__thrift_i32(&element, 3, OPTIONAL);
    sheaf__thrift_binary(&element, 4, name->bytes, name->n_bytes);
    put_converted_type(&element, type);
    put_logical_type(&element, type);
    sheaf__thrift_stop(&element);
}

void sheaf__parquet_put_schema(const sheaf__parquet_footer *footer, sheaf__bytes *to)
{
    size_t n_columns = footer->names->n_items;
    sheaf__thrift metadata = sheaf__thrift_struct(to);
    sheaf__thrift_i32(&metadata, 1, VERSION);
    sheaf__thrift_list(&metadata, 2, SHEAF__THRIFT_STRUCT, n_columns + 1);
    put_root(to, n_columns);
    for (size_t i = 0; i < n_columns; i++)
        put_element(to, &footer->names->items[i], footer->types[i]);
    sheaf__thrift_i64(&metadata, 3, (int64_t)footer->n_rows);
    sheaf__thrift_list(&metadata, 4, SHEAF__THRIFT_STRUCT, footer->n_groups);
}

/* All columns are ordered as their type is: without that, nobody trusts the bounds of texts. */
void sheaf__parquet_put_end(const sheaf__parquet_footer *footer, sheaf__bytes *to)
{
    size_t n_columns = footer->names->n_items;
    sheaf__thrift metadata = {.to = to, .last = 4};
    sheaf__thrift_binary(&metadata, 6, created_by, sizeof created_by - 1);
    sheaf__thrift_list(&metadata, 7, SHEAF__THRIFT_STRUCT, n_columns);
    for (size_t i = 0; i < n_columns; i++) {
        sheaf__thrift order = sheaf__thrift_struct(to);
        sheaf__thrift_empty(&order, 1);
        sheaf__thrift_stop(&order);
    }
    sheaf__thrift_stop(&metadata);
}

/* ---- row groups ---- */

static int32_t codec_of(sheaf__codec compression)
{
    switch (compression) {
    case SHEAF__CODEC_ZSTD:
        return CODEC_ZSTD;
    case SHEAF__CODEC_SNAPPY:
        return CODEC_SNAPPY;
    default:
        return CODEC_UNCOMPRESSED;
    }
}

/* Both bounds in the fields that say in which order, and whether they are values. */
static void put_statistics(sheaf__thrift *metadata, const sheaf__parquet_chunk *chunk)
{
    const sheaf__bound *min = &chunk->bounds.min;
    const sheaf__bound *max = &chunk->bounds.max;
    sheaf__thrift statistics = sheaf__thrift_begin(metadata, 12);
    sheaf__thrift_i64(&statistics, 3, (int64_t)chunk->n_nulls);
    if (chunk->n_different > 0)
        sheaf__thrift_i64(&statistics, 4, (int64_t)chunk->n_different);
    if (max->is_there)
        sheaf__thrift_binary(&statistics, 5, max->bytes, max->n_bytes);
    if (min->is_there)
        sheaf__thrift_binary(&statistics, 6, min->bytes, min->n_bytes);
    if (max->is_there)
        sheaf__thrift_bool(&statistics, 7, max->is_exact);
    if (min->is_there)
        sheaf__thrift_bool(&statistics, 8, min->is_exact);
    sheaf__thrift_stop(&statistics);
}

void sheaf__parquet_footer_begin_group(sheaf__parquet_footer *footer)
{
    footer->group = sheaf__thrift_struct(&footer->groups);
    footer->group_offset = footer->group_uncompressed = footer->group_compressed = 0;
    sheaf__thrift_list(&footer->group, 1, SHEAF__THRIFT_STRUCT, footer->names->n_items);
}

void sheaf__parquet_footer_add(sheaf__parquet_footer *footer, size_t column, size_t n_rows,
                               uint64_t offset, const sheaf__parquet_chunk *chunk)
{
    sheaf__bytes *to = &footer->groups;
    const sheaf__name *name = &footer->names->items[column];
    bool has_dictionary = chunk->n_different > 0;
    sheaf__thrift place = sheaf__thrift_struct(to);
    sheaf__thrift_i64(&place, 2, 0); /* of metadata that stand elsewhere: there are none */
    sheaf__thrift metadata = sheaf__thrift_begin(&place, 3);
    sheaf__thrift_i32(&metadata, 1, physical_type(footer->types[column]));
    sheaf__thrift_list(&metadata, 2, SHEAF__THRIFT_I32, has_dictionary ? 3 : 2);
    sheaf__thrift_item_i32(to, ENCODING_PLAIN);
    sheaf__thrift_item_i32(to, ENCODING_RLE);
    if (has_dictionary)
        sheaf__thrift_item_i32(to, ENCODING_RLE_DICTIONARY);
    sheaf__thrift_list(&metadata, 3, SHEAF__THRIFT_BINARY, 1);
    sheaf__thrift_item_binary(to, name->bytes, name->n_bytes);
    sheaf__thrift_i32(&metadata, 4, codec_of(chunk->compression));
    sheaf__thrift_i64(&metadata, 5, (int64_t)n_rows);
    sheaf__thrift_i64(&metadata, 6, (int64_t)chunk->uncompressed_bytes);
    sheaf__thrift_i64(&metadata, 7, (int64_t)chunk->compressed_bytes);
    sheaf__thrift_i64(&metadata, 9, (int64_t)(offset + chunk->dictionary_bytes));
    if (has_dictionary)
        sheaf__thrift_i64(&metadata, 11, (int64_t)offset);
    put_statistics(&metadata, chunk);
    sheaf__thrift_stop(&metadata);
    sheaf__thrift_stop(&place);
    if (column == 0)
        footer->group_offset = offset;
    footer->group_uncompressed += chunk->uncompressed_bytes;
    footer->group_compressed += chunk->compressed_bytes;
}

void sheaf__parquet_footer_end_group(sheaf__parquet_footer *footer, size_t n_rows)
{
    sheaf__thrift *group = &footer->group;
    sheaf__thrift_i64(group, 2, (int64_t)footer->group_uncompressed);
    sheaf__thrift_i64(group, 3, (int64_t)n_rows);
    sheaf__thrift_i64(group, 5, (int64_t)footer->group_offset);
    sheaf__thrift_i64(group, 6, (int64_t)footer->group_compressed);
    if (footer->n_groups <= INT16_MAX)
        sheaf__thrift_i16(group, 7, (int16_t)footer->n_groups);
    sheaf__thrift_stop(group);
    footer->n_groups++;
    footer->n_rows += n_rows;
}

/* ---- all of them ---- */

sheaf__parquet_mark sheaf__parquet_footer_mark(const sheaf__parquet_footer *footer)
{
    return (sheaf__parquet_mark){footer->groups.n, footer->n_groups, footer->n_rows};
}

void sheaf__parquet_footer_take_back(sheaf__parquet_footer *footer, const sheaf__parquet_mark *mark)
{
    footer->groups.n = mark->n_bytes;
    footer->n_groups = mark->n_groups;
    footer->n_rows = mark->n_rows;
}

sheaf_status sheaf__parquet_footer_check(const sheaf__parquet_footer *footer, size_t n_bytes,
                                         sheaf_error *err)
{
    if (footer->groups.failed)
        return sheaf__error_memory(err, "the metadata of Parquet");
    if (n_bytes <= FOOTER_BYTES_MAX)
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_ELIMIT, "the metadata of so many columns and rows are too large");
    sheaf_error_hint(err, "a Parquet file has 2 GiB of them at most: select columns, or use Arrow");
    return SHEAF_ELIMIT;
}
