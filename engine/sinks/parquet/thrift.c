/* Fields, lists and structs of the compact protocol: see thrift.h. */
#include "engine/sinks/parquet/thrift.h"

enum { VARINT_BYTES_MAX = 10, SHORT_STEP_MAX = 15, SHORT_LIST_MAX = 14 };

void sheaf__put_varint(sheaf__bytes *to, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t n = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[n++] = (uint8_t)(value | 0x80);
    bytes[n++] = (uint8_t)value;
    sheaf__bytes_put(to, bytes, n);
}

/* Small numbers are short, whatever their sign. */
static void put_zigzag(sheaf__bytes *to, int64_t value)
{
    sheaf__put_varint(to, (uint64_t)value << 1 ^ (uint64_t)(value >> 63));
}

static void put_field(sheaf__thrift *in, int field, int type)
{
    int step = field - in->last;
    if (step > 0 && step <= SHORT_STEP_MAX) {
        sheaf__bytes_put_byte(in->to, (uint8_t)(step << 4 | type));
    } else {
        sheaf__bytes_put_byte(in->to, (uint8_t)type);
        put_zigzag(in->to, field);
    }
    in->last = field;
}

void sheaf__thrift_i16(sheaf__thrift *in, int field, int16_t value)
{
    put_field(in, field, SHEAF__THRIFT_I16);
    put_zigzag(in->to, value);
}

void sheaf__thrift_i32(sheaf__thrift *in, int field, int32_t value)
{
    put_field(in, field, SHEAF__THRIFT_I32);
    put_zigzag(in->to, value);
}

void sheaf__thrift_i64(sheaf__thrift *in, int field, int64_t value)
{
    put_field(in, field, SHEAF__THRIFT_I64);
    put_zigzag(in->to, value);
}

void sheaf__thrift_bool(sheaf__thrift *in, int field, bool value)
{
    put_field(in, field, value ? SHEAF__THRIFT_TRUE : SHEAF__THRIFT_FALSE);
}

void sheaf__thrift_item_i32(sheaf__bytes *to, int32_t value)
{
    put_zigzag(to, value);
}

void sheaf__thrift_item_binary(sheaf__bytes *to, const void *bytes, size_t n_bytes)
{
    sheaf__put_varint(to, n_bytes);
    sheaf__bytes_put(to, bytes, n_bytes);
}

void sheaf__thrift_binary(sheaf__thrift *in, int field, const void *bytes, size_t n_bytes)
{
    put_field(in, field, SHEAF__THRIFT_BINARY);
    sheaf__thrift_item_binary(in->to, bytes, n_bytes);
}

sheaf__thrift sheaf__thrift_begin(sheaf__thrift *in, int field)
{
    put_field(in, field, SHEAF__THRIFT_STRUCT);
    return sheaf__thrift_struct(in->to);
}

void sheaf__thrift_stop(sheaf__thrift *in)
{
    sheaf__bytes_put_byte(in->to, 0);
}

void sheaf__thrift_empty(sheaf__thrift *in, int field)
{
    sheaf__thrift empty = sheaf__thrift_begin(in, field);
    sheaf__thrift_stop(&empty);
}

void sheaf__thrift_list(sheaf__thrift *in, int field, sheaf__thrift_type type, size_t n)
{
    put_field(in, field, SHEAF__THRIFT_LIST);
    if (n <= SHORT_LIST_MAX) {
        sheaf__bytes_put_byte(in->to, (uint8_t)(n << 4 | type));
    } else {
        sheaf__bytes_put_byte(in->to, (uint8_t)(0xF0 | type));
        sheaf__put_varint(in->to, n);
    }
}
