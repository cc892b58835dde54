/*
 * BGZF (SAM/BAM format specification, 4.1): gzip files whose members, blocks of at most 64 KiB,
 * each say in their header how long they are. Nothing in a block refers to another one, so a file
 * can be read from any block on. bgzip writes such files; so do many tools for genomes.
 */
#ifndef SHEAF_SOURCE_BGZF_H
#define SHEAF_SOURCE_BGZF_H

#include "readers/source/decompress.h"

/*
 * The length of the block that begins here, as stored; 0 if none does, or less than its header is
 * among the n_bytes.
 */
size_t sheaf__bgzf_block_bytes(const uint8_t *bytes, size_t n_bytes);

/*
 * Where the first block of a file begins, from `from_bytes` on: a header of one, behind whose block
 * another header follows, or the end of the file. It is a guess, like any by a few bytes.
 * *block_bytes is UINT64_MAX if there is none near.
 *
 * Shape      scratch has room for SHEAF__BGZF_SCRATCH bytes.
 * Returns    OK; EIO.
 */
enum { SHEAF__BGZF_SCRATCH = 192 << 10 };
sheaf_status sheaf__bgzf_find(const sheaf__file_source *source, uint64_t from_bytes,
                              uint8_t *scratch, uint64_t *block_bytes, sheaf_error *err);

/* ---- what gzip's decompressor does about it ---- */

/* Where members begin in the file, and their text in the text that was given since begin. */
typedef struct sheaf__gzip_member {
    uint64_t offset_bytes;
    uint64_t text_bytes;
} sheaf__gzip_member;

/*
 * Note the first member that begins from now on, at this offset of the file or behind it. What was
 * noted before is forgotten.
 */
void sheaf__gzip_watch_for(sheaf__decompressor *gzip, uint64_t offset_bytes);

/* Whether it was met, and where. */
bool sheaf__gzip_has_met(const sheaf__decompressor *gzip, sheaf__gzip_member *member);

#endif
