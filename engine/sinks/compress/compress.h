/*
 * Text that is compressed on its way to a file: gzip (RFC 1952) or zstd (RFC 8878).
 *
 * The text is cut into parts of a fixed size, whatever the pieces in which it comes; each part is
 * compressed by itself, by whatever thread is free (pipeline.h), and what comes out is put behind
 * each other, which both formats allow: members, frames. So the file's bytes depend on the text
 * alone, and on the library's version; not on workers, chunks or who did what.
 *
 * A gzip file is made as BGZF (the SAM/BAM specification, section 4.1): members of 64 KiB that tell
 * their size. Any program that knows gzip reads it, and one that knows BGZF, as sheaf does, can
 * read parts of it beside each other. It is some 4 % larger than one of a single member.
 */
#ifndef SHEAF_SINKS_COMPRESS_COMPRESS_H
#define SHEAF_SINKS_COMPRESS_COMPRESS_H

#include "engine/sinks/output.h"
#include "engine/sinks/sink.h"

/* A format, which has a file of its own. */
typedef struct sheaf__packer {
    size_t text_bytes;  /* of a part, but for the last */
    size_t bytes_max;   /* that come of as many */
    const void *end;    /* what a file ends with; NULL: nothing, but it has one part at least */
    size_t n_end_bytes; /* of it */
    /*
     * Compress n bytes. *state is what one thread at a time keeps, NULL the first time. OK with
     * *n_out, ENOMEM.
     */
    sheaf_status (*pack)(void **state, const uint8_t *text, size_t n, uint8_t *out, size_t *n_out);
    void (*destroy)(void *state); /* NULL is allowed */
} sheaf__packer;

extern const sheaf__packer sheaf__packer_gzip;
extern const sheaf__packer sheaf__packer_zstd;

typedef struct sheaf__compressor sheaf__compressor;

/*
 * What compresses into a file, by the sink's threads. OK, ENOMEM. The output is the caller's, to
 * outlive it, and nobody else's until finish.
 */
sheaf_status sheaf__compressor_create(sheaf__packing packing, const sheaf__sink *sink,
                                      sheaf__output *output, sheaf__compressor **compressor,
                                      sheaf_error *err);

/* Text comes behind. Failures are kept by the output. */
void sheaf__compressor_put(sheaf__compressor *compressor, const void *text, size_t n_bytes);

/*
 * From here on text may be taken back; and take it back. What was written of the parts behind the
 * mark is cut off, and of the part in which it lies the text before it is kept.
 */
void sheaf__compressor_mark(sheaf__compressor *compressor);
void sheaf__compressor_take_back(sheaf__compressor *compressor);

/* That was all the text: put what is left of it. */
void sheaf__compressor_finish(sheaf__compressor *compressor);

/* Parts under way are dropped. NULL is allowed. */
void sheaf__compressor_destroy(sheaf__compressor *compressor);

#endif
