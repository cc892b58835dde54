/*
 * As much of FlatBuffers (https://flatbuffers.dev/internals) as Arrow's messages need.
 *
 * A buffer is written from its beginning to its end: a table before what it refers to, so that all
 * references lead forward, as the format wants them. A table is made with all of its fields, which
 * are zeros until they are put; numbers are little-endian, as this machine has them.
 *
 * Positions count from the beginning of the buffer. It fails by itself when there is no memory, or
 * when it would be larger than the 2 GiB that readers allow; then nothing is put any more.
 */
#ifndef SHEAF_SINKS_ARROW_FLATBUFFER_H
#define SHEAF_SINKS_ARROW_FLATBUFFER_H

#include "engine/sinks/bytes.h"

/* Begin a buffer in empty bytes: its root is at `slot`, and to be referred to from there. */
size_t sheaf__flatbuffer_begin(sheaf__bytes *buffer);

/*
 * A table whose field i takes sizes[i] bytes: 1, 2, 4 (also a reference), 8, or 0 if it is absent.
 * Returns its position.
 */
enum { SHEAF__FLATBUFFER_FIELDS_MAX = 8 };
size_t sheaf__flatbuffer_table(sheaf__bytes *buffer, const uint8_t *sizes, size_t n_fields);

/* Where a field of a table stands. */
size_t sheaf__flatbuffer_field(const sheaf__bytes *buffer, size_t table, size_t field);

/* Put a number that takes n_bytes into a place, or a field. */
void sheaf__flatbuffer_put(sheaf__bytes *buffer, size_t at, int64_t value, size_t n_bytes);
void sheaf__flatbuffer_set(sheaf__bytes *buffer, size_t table, size_t field, int64_t value,
                           size_t n_bytes);

/* Let the reference at `slot`, or a field, lead to what stands at `target`. */
void sheaf__flatbuffer_refer(sheaf__bytes *buffer, size_t slot, size_t target);
void sheaf__flatbuffer_link(sheaf__bytes *buffer, size_t table, size_t field, size_t target);

/*
 * A vector of n items of so many bytes (references: 4; structs of 8-byte numbers: 16, 24), which
 * are zeros. Returns its position; the items stand behind its length of 4 bytes.
 */
enum { SHEAF__FLATBUFFER_LENGTH_BYTES = 4 };
size_t sheaf__flatbuffer_vector(sheaf__bytes *buffer, size_t n, size_t item_bytes);

size_t sheaf__flatbuffer_string(sheaf__bytes *buffer, const char *text, size_t n_bytes);

/* Fill up to a multiple of 8 bytes. */
void sheaf__flatbuffer_end(sheaf__bytes *buffer);

#endif
