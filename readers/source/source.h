/*
 * Where bytes come from: a chain of sources, each with one operation, read.
 *
 * At the bottom is a file (read at offsets of our own: it can be read again) or a stream (read
 * once); above it may stand what decompresses it (decompress.h). A source is embedded in its
 * reader, used by one thread at a time, and opened and closed many times.
 */
#ifndef SHEAF_SOURCE_SOURCE_H
#define SHEAF_SOURCE_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include <sheaf/discover.h>
#include <sheaf/status.h>

typedef struct sheaf__file_source {
    int fd;                    /* -1: closed */
    bool owns_fd;              /* false: standard input, or a descriptor that is shared */
    bool can_seek;             /* read by pread at offset_bytes */
    bool spooled;              /* it was a stream */
    uint64_t offset_bytes;     /* how far it was read, as stored */
    uint64_t count_end_bytes;  /* what is read from here on does not count either; 0: all counts */
    uint64_t counted_bytes;    /* up to here somebody has added it to read_bytes before */
    struct stat opened;        /* what it was when it was opened */
    const atomic_bool *stop;   /* polled while a stream has nothing to say; NULL: never */
    atomic_ullong *read_bytes; /* what all readers together have read; NULL: not wanted */
} sheaf__file_source;

/*
 * Open a file that discovery found.
 *
 * Returns    OK; ENOENT, EIO, ERESOURCE; ECHANGED when a regular file is not the one that was
 *            found: another inode, size or time.
 */
sheaf_status sheaf__file_open(sheaf__file_source *source, const sheaf_file *file, sheaf_error *err);

/* The same of a regular file that is open at fd, which stays the caller's: -1: by its path. */
sheaf_status sheaf__file_open_shared(sheaf__file_source *source, const sheaf_file *file, int fd,
                                     sheaf_error *err);

/* Whether a regular file is still what it was when it was opened. OK, ECHANGED, EIO. */
sheaf_status sheaf__file_compare(const sheaf__file_source *source, sheaf_error *err);

/*
 * Read up to capacity bytes: *n_bytes is 0 at the end, and only there.
 *
 * Returns    OK, EIO, ECANCELLED (stop was set while a stream was silent).
 */
sheaf_status sheaf__file_read(sheaf__file_source *source, uint8_t *buffer, size_t capacity,
                              size_t *n_bytes, sheaf_error *err);

/*
 * Read up to capacity bytes from an offset of a file that can be read anywhere: fewer only at its
 * end. It does not count as read. OK, EIO.
 */
sheaf_status sheaf__file_peek(const sheaf__file_source *source, uint64_t offset_bytes,
                              uint8_t *buffer, size_t capacity, size_t *n_bytes, sheaf_error *err);

/* Whether a read would wait: a stream that says nothing now. */
bool sheaf__file_would_wait(const sheaf__file_source *source);

/* After the last byte: ECHANGED when a regular file is not what it was when it was opened. */
sheaf_status sheaf__file_verify(const sheaf__file_source *source, sheaf_error *err);

void sheaf__file_close(sheaf__file_source *source);

/*
 * Put all that is left of a stream into a temporary file without a name (in $TMPDIR, else /tmp),
 * and read on from there: what could be read once can now be read again, from sheaf__file_rewind()
 * on.
 *
 * Returns    OK; ERESOURCE when the temporary file cannot be made or written; EIO, ECANCELLED,
 *            ENOMEM.
 */
sheaf_status sheaf__file_spool(sheaf__file_source *source, sheaf_error *err);
void sheaf__file_rewind(sheaf__file_source *source);

#endif
