/*
 * As much of Thrift's compact protocol as Parquet's metadata need
 * (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md).
 *
 * A struct is written field by field, in the order of their numbers, and stopped. A field that is
 * itself a struct, or holds a list, is begun, and then written in place.
 */
#ifndef SHEAF_SINKS_PARQUET_THRIFT_H
#define SHEAF_SINKS_PARQUET_THRIFT_H

#include "engine/sinks/bytes.h"

typedef enum sheaf__thrift_type {
    SHEAF__THRIFT_TRUE = 1,
    SHEAF__THRIFT_FALSE = 2,
    SHEAF__THRIFT_I16 = 4,
    SHEAF__THRIFT_I32 = 5,
    SHEAF__THRIFT_I64 = 6,
    SHEAF__THRIFT_BINARY = 8,
    SHEAF__THRIFT_LIST = 9,
    SHEAF__THRIFT_STRUCT = 12
} sheaf__thrift_type;

typedef struct sheaf__thrift {
    sheaf__bytes *to;
    int last; /* the number of the field before */
} sheaf__thrift;

/* A struct that is the whole, or an item of a list. */
static inline sheaf__thrift sheaf__thrift_struct(sheaf__bytes *to)
{
    return (sheaf__thrift){.to = to};
}

void sheaf__thrift_i16(sheaf__thrift *in, int field, int16_t value);
void sheaf__thrift_i32(sheaf__thrift *in, int field, int32_t value);
void sheaf__thrift_i64(sheaf__thrift *in, int field, int64_t value);
void sheaf__thrift_bool(sheaf__thrift *in, int field, bool value);
void sheaf__thrift_binary(sheaf__thrift *in, int field, const void *bytes, size_t n_bytes);

/* A field that is a struct, to be stopped before the next field of `in`. */
sheaf__thrift sheaf__thrift_begin(sheaf__thrift *in, int field);
void sheaf__thrift_stop(sheaf__thrift *in);

/* A field that is a struct without any fields of its own. */
void sheaf__thrift_empty(sheaf__thrift *in, int field);

/* A field that is a list, whose items follow. */
void sheaf__thrift_list(sheaf__thrift *in, int field, sheaf__thrift_type type, size_t n);
void sheaf__thrift_item_i32(sheaf__bytes *to, int32_t value);
void sheaf__thrift_item_binary(sheaf__bytes *to, const void *bytes, size_t n_bytes);

/* An integer of as many bytes as it needs, seven bits each: also what Parquet's runs begin with. */
void sheaf__put_varint(sheaf__bytes *to, uint64_t value);

#endif
