/*
 * Compressed files: the text of one, from the bytes that a file source gives.
 *
 * A format has a file of its own, which defines its sheaf__decompress_format. A decompressor is
 * what one reader needs for one format: made for the first such file, kept for the next ones.
 */
#ifndef SHEAF_SOURCE_DECOMPRESS_H
#define SHEAF_SOURCE_DECOMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

#include "readers/source/source.h"

typedef enum sheaf__compression {
    SHEAF__COMPRESSION_NONE,
    SHEAF__COMPRESSION_GZIP, /* RFC 1952 */
    SHEAF__COMPRESSION_ZSTD, /* RFC 8878 */
    SHEAF__COMPRESSIONS
} sheaf__compression;

typedef struct sheaf__decompressor sheaf__decompressor;

typedef struct sheaf__decompress_format {
    sheaf__compression compression;
    const char *name;   /* "gzip" */
    const char *ending; /* of files' names: ".gz" */
    bool (*detect)(const uint8_t *bytes, size_t n_bytes);
    sheaf__decompressor *(*create)(void); /* NULL: no memory */
    void (*destroy)(sheaf__decompressor *decompressor);
    void (*begin)(sheaf__decompressor *decompressor, const uint8_t *head, size_t n_bytes);
    bool (*has_input)(const sheaf__decompressor *decompressor);
    sheaf_status (*read)(sheaf__decompressor *decompressor, uint8_t *buffer, size_t capacity,
                         size_t *n_bytes, sheaf_error *err);
} sheaf__decompress_format;

/* The first member of each format's own state. */
struct sheaf__decompressor {
    const sheaf__decompress_format *format;
    sheaf__file_source *from;
};

extern const sheaf__decompress_format sheaf__decompress_gzip;
extern const sheaf__decompress_format sheaf__decompress_zstd;

enum {
    SHEAF__MAGIC_BYTES_MAX = 4,            /* so many of the first bytes tell what a file is */
    SHEAF__DECOMPRESS_HEAD_MAX = 64 << 10, /* so many of them may be read before */
    SHEAF__DECOMPRESS_BYTES_MAX = 1 << 30  /* of one read */
};

/* NULL for COMPRESSION_NONE. */
const sheaf__decompress_format *sheaf__compression_format(sheaf__compression compression);

/* What the first bytes of a file say, else its name. */
sheaf__compression sheaf__compression_of(const char *path, const uint8_t *bytes, size_t n_bytes);

/* What the name alone says. */
sheaf__compression sheaf__compression_of_name(const char *path);

/* Whether a path without the ending of a compressed file, if it has one, ends like this. */
bool sheaf__uncompressed_name_ends_with(const char *path, const char *ending);

/* What there is, with versions: "zlib 1.2.13, isal 2.30.0, zstd 1.5.4". */
void sheaf__decompress_describe(char *text, size_t size);

/* Begin with what `from` gives, of which the first n_bytes (at most HEAD_MAX) were read already. */
void sheaf__decompressor_begin(sheaf__decompressor *decompressor, sheaf__file_source *from,
                               const uint8_t *head, size_t n_bytes);

/* Whether some of what was read is still to be decompressed. */
bool sheaf__decompressor_has_input(const sheaf__decompressor *decompressor);

/*
 * Read up to capacity bytes of text; *n_bytes is 0 at the end.
 *
 * Returns    OK; ECOMPRESSED with the compressed offset: another format, damaged, cut off, or bytes
 *            of something else behind the end; what sheaf__file_read() gives; ENOMEM.
 */
sheaf_status sheaf__decompressor_read(sheaf__decompressor *decompressor, uint8_t *buffer,
                                      size_t capacity, size_t *n_bytes, sheaf_error *err);

void sheaf__decompressor_destroy(sheaf__decompressor *decompressor);

/* ---- for the formats ---- */

/* What is wrong, where, and what to do. Returns ECOMPRESSED. */
sheaf_status sheaf__decompress_fault(sheaf_error *err, uint64_t offset_bytes, const char *what,
                                     const char *hint);

extern const char sheaf__cut_off[];      /* "the compressed data is cut off" */
extern const char sheaf__cut_off_hint[]; /* and what to do about that */

#endif
