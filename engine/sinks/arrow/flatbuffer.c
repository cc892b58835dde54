/* Tables, vectors and strings of FlatBuffers: see flatbuffer.h. */
#include "engine/sinks/arrow/flatbuffer.h"

#include <assert.h>

enum {
    ALIGN_BYTES = 8,       /* of the largest number; a table begins there, too */
    OFFSET_BYTES = 4,      /* a reference, and a table's way to its vtable */
    VTABLE_HEAD_BYTES = 4, /* its own size and the table's, 16 bits each */
    VTABLE_FIELD_BYTES = 2,
    BUFFER_BYTES_MAX = INT32_MAX - 64
};

/* So many zeros; their position. */
static size_t add_zeros(sheaf__bytes *buffer, size_t n)
{
    size_t at = buffer->n;
    if (n > BUFFER_BYTES_MAX - at)
        buffer->failed = true;
    uint8_t *added = sheaf__bytes_add(buffer, n);
    if (added && n > 0)
        memset(added, 0, n);
    return at;
}

/* Fill up until, behind `more` bytes, comes a multiple of `align`. */
static void align_behind(sheaf__bytes *buffer, size_t more, size_t align)
{
    size_t over = (buffer->n + more) % align;
    if (over > 0)
        add_zeros(buffer, align - over);
}

void sheaf__flatbuffer_put(sheaf__bytes *buffer, size_t at, int64_t value, size_t n_bytes)
{
    if (!buffer->failed)
        memcpy(buffer->items + at, &value, n_bytes);
}

static size_t get(const sheaf__bytes *buffer, size_t at, size_t n_bytes)
{
    size_t value = 0;
    if (!buffer->failed)
        memcpy(&value, buffer->items + at, n_bytes);
    return value;
}

size_t sheaf__flatbuffer_begin(sheaf__bytes *buffer)
{
    return add_zeros(buffer, OFFSET_BYTES);
}

size_t sheaf__flatbuffer_table(sheaf__bytes *buffer, const uint8_t *sizes, size_t n_fields)
{
    assert(n_fields <= SHEAF__FLATBUFFER_FIELDS_MAX);
    size_t places[SHEAF__FLATBUFFER_FIELDS_MAX];
    size_t table_bytes = OFFSET_BYTES;
    for (size_t i = 0; i < n_fields; i++) {
        if (sizes[i] > 1)
            table_bytes += (sizes[i] - table_bytes % sizes[i]) % sizes[i];
        places[i] = sizes[i] > 0 ? table_bytes : 0;
        table_bytes += sizes[i];
    }
    size_t vtable_bytes = VTABLE_HEAD_BYTES + n_fields * VTABLE_FIELD_BYTES;
    align_behind(buffer, vtable_bytes, ALIGN_BYTES);
    size_t vtable = add_zeros(buffer, vtable_bytes);
    size_t table = add_zeros(buffer, table_bytes);
    sheaf__flatbuffer_put(buffer, vtable, (int64_t)vtable_bytes, 2);
    sheaf__flatbuffer_put(buffer, vtable + 2, (int64_t)table_bytes, 2);
    for (size_t i = 0; i < n_fields; i++)
        sheaf__flatbuffer_put(buffer, vtable + VTABLE_HEAD_BYTES + i * VTABLE_FIELD_BYTES,
                              (int64_t)places[i], VTABLE_FIELD_BYTES);
    sheaf__flatbuffer_put(buffer, table, (int64_t)(table - vtable), OFFSET_BYTES);
    return table;
}

size_t sheaf__flatbuffer_field(const sheaf__bytes *buffer, size_t table, size_t field)
{
    size_t vtable = table - get(buffer, table, OFFSET_BYTES);
    return table +
           get(buffer, vtable + VTABLE_HEAD_BYTES + field * VTABLE_FIELD_BYTES, VTABLE_FIELD_BYTES);
}

void sheaf__flatbuffer_set(sheaf__bytes *buffer, size_t table, size_t field, int64_t value,
                           size_t n_bytes)
{
    sheaf__flatbuffer_put(buffer, sheaf__flatbuffer_field(buffer, table, field), value, n_bytes);
}

void sheaf__flatbuffer_refer(sheaf__bytes *buffer, size_t slot, size_t target)
{
    sheaf__flatbuffer_put(buffer, slot, (int64_t)(target - slot), OFFSET_BYTES);
}

void sheaf__flatbuffer_link(sheaf__bytes *buffer, size_t table, size_t field, size_t target)
{
    sheaf__flatbuffer_refer(buffer, sheaf__flatbuffer_field(buffer, table, field), target);
}

size_t sheaf__flatbuffer_vector(sheaf__bytes *buffer, size_t n, size_t item_bytes)
{
    if (n > BUFFER_BYTES_MAX / item_bytes) {
        buffer->failed = true;
        return 0;
    }
    align_behind(buffer, SHEAF__FLATBUFFER_LENGTH_BYTES, item_bytes % ALIGN_BYTES ? 4 : 8);
    size_t vector = add_zeros(buffer, SHEAF__FLATBUFFER_LENGTH_BYTES);
    sheaf__flatbuffer_put(buffer, vector, (int64_t)n, SHEAF__FLATBUFFER_LENGTH_BYTES);
    add_zeros(buffer, n * item_bytes);
    return vector;
}

size_t sheaf__flatbuffer_string(sheaf__bytes *buffer, const char *text, size_t n_bytes)
{
    align_behind(buffer, 0, SHEAF__FLATBUFFER_LENGTH_BYTES);
    size_t string = add_zeros(buffer, SHEAF__FLATBUFFER_LENGTH_BYTES);
    sheaf__flatbuffer_put(buffer, string, (int64_t)n_bytes, SHEAF__FLATBUFFER_LENGTH_BYTES);
    if (n_bytes > BUFFER_BYTES_MAX - buffer->n)
        buffer->failed = true;
    sheaf__bytes_put(buffer, text, n_bytes);
    add_zeros(buffer, 1); /* strings have a NUL behind them, uncounted */
    return string;
}

void sheaf__flatbuffer_end(sheaf__bytes *buffer)
{
    align_behind(buffer, 0, ALIGN_BYTES);
}
