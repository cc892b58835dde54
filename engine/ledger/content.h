/*
 * Whether a source file is still what it was: its identity (device, inode, size and time), and a
 * hash of its bytes as they are stored.
 *
 * The hash can be made in pieces, each by another worker: it is a digest (engine/table/digest.h) of
 * blocks of 64 KiB in their order, and pieces are whole blocks. It is made by reading the file once
 * more, from the page cache that the load has just filled, so that readers know nothing of it; the
 * file's identity before and behind says that these are the bytes that were read.
 */
#ifndef SHEAF_LEDGER_CONTENT_H
#define SHEAF_LEDGER_CONTENT_H

#include <sheaf/discover.h>
#include <sheaf/status.h>

#include "engine/table/digest.h"

enum { SHEAF__CONTENT_BLOCK_BYTES = 64 << 10, SHEAF__CONTENT_PIECE_BYTES = 32 << 20 };

/* A part of a file, or all of it. */
typedef struct sheaf__content_piece {
    const char *path;
    const sheaf_file *found; /* its identity; NULL: a file of our own, which nobody changes */
    uint64_t begin_bytes;    /* a multiple of the block's size */
    uint64_t n_bytes;
    sheaf__digest digest; /* what is to be found out */
} sheaf__content_piece;

/*
 * Whether a regular file is still the one that was found. OK; ECHANGED: it was changed, replaced or
 * removed.
 */
sheaf_status sheaf__content_check(const sheaf_file *found, sheaf_error *err);

/*
 * Hash a piece, by way of a buffer of SHEAF__CONTENT_BLOCK_BYTES. OK; ECHANGED, EIO, ERESOURCE with
 * the error's source.
 */
sheaf_status sheaf__content_hash(sheaf__content_piece *piece, void *buffer, sheaf_error *err);

/* The same of a whole file, in the caller's thread: *content. Also ENOMEM. */
sheaf_status sheaf__content_of(const char *path, const sheaf_file *found, uint64_t size_bytes,
                               uint64_t *content, sheaf_error *err);

/* And of a file of our own, with its size. */
sheaf_status sheaf__content_of_own(const char *path, uint64_t *size_bytes, uint64_t *content,
                                   sheaf_error *err);

/* Whether a file's time tells apart any change that is made from now on: it is no longer now. */
bool sheaf__content_is_settled(int64_t mtime_ns);

#endif
