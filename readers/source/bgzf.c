/* Finding the blocks of a BGZF file: see bgzf.h. */
#include "readers/source/bgzf.h"

#include <string.h>

enum {
    FIXED_BYTES = 12, /* of a member's header with extra fields, up to these */
    AT_EXTRA_BYTES = 10,
    SUBFIELD_HEAD = 4, /* two bytes of name, two of length */
    BLOCK_BYTES_MAX = 64 << 10
};

static size_t two_bytes(const uint8_t *at)
{
    return (size_t)at[0] | (size_t)at[1] << 8;
}

size_t sheaf__bgzf_block_bytes(const uint8_t *bytes, size_t n_bytes)
{
    static const uint8_t magic[] = {0x1f, 0x8b, 8, 4};
    if (n_bytes < FIXED_BYTES || memcmp(bytes, magic, sizeof magic) != 0)
        return 0;
    size_t end = FIXED_BYTES + two_bytes(bytes + AT_EXTRA_BYTES);
    if (end > n_bytes)
        return 0;
    for (size_t at = FIXED_BYTES; end - at >= SUBFIELD_HEAD;) {
        size_t n = two_bytes(bytes + at + 2);
        const uint8_t *value = bytes + at + SUBFIELD_HEAD;
        if (n > end - at - SUBFIELD_HEAD)
            return 0;
        if (n == 2 && bytes[at] == 'B' && bytes[at + 1] == 'C')
            return two_bytes(value) + 1;
        at += SUBFIELD_HEAD + n;
    }
    return 0;
}

/* Whether what follows a block is another one, or nothing. */
static bool is_followed(const uint8_t *bytes, size_t n_bytes, size_t end, bool at_end)
{
    if (end >= n_bytes)
        return end == n_bytes && at_end;
    return sheaf__bgzf_block_bytes(bytes + end, n_bytes - end) > 0;
}

sheaf_status sheaf__bgzf_find(const sheaf__file_source *source, uint64_t from_bytes,
                              uint8_t *scratch, uint64_t *block_bytes, sheaf_error *err)
{
    size_t n;
    *block_bytes = UINT64_MAX;
    sheaf_status status = sheaf__file_peek(source, from_bytes, scratch, SHEAF__BGZF_SCRATCH, &n,
                                           err);
    if (status < 0)
        return status;
    bool at_end = n < SHEAF__BGZF_SCRATCH;
    for (size_t at = 0; at < n && at <= BLOCK_BYTES_MAX; at++) {
        const uint8_t *found = memchr(scratch + at, 0x1f, n - at);
        if (!found)
            break;
        at = (size_t)(found - scratch);
        size_t n_block = sheaf__bgzf_block_bytes(found, n - at);
        if (n_block > 0 && is_followed(scratch, n, at + n_block, at_end)) {
            *block_bytes = from_bytes + at;
            break;
        }
    }
    return SHEAF_OK;
}
