/*
 * The bytes of what a reader has read last, as they are in the text.
 */
#ifndef SHEAF_READERS_RAW_H
#define SHEAF_READERS_RAW_H

#include <stddef.h>
#include <stdint.h>

typedef struct sheaf__reader sheaf__reader;

/*
 * The text from this offset up to where the reader stands: all of it if it stood there before its
 * last call, and that took one record which is good; else perhaps only the end of it. Valid until
 * the next call.
 */
const uint8_t *sheaf__reader_raw(const sheaf__reader *reader, uint64_t offset_bytes,
                                 size_t *n_bytes);

#endif
