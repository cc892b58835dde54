/* Guessing an encoding: see encoding.h. */
#include "readers/dialect/encoding.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"

enum {
    PIECE_BYTES = 256 << 10,
    SEQUENCE_MAX = 4,   /* bytes of a character */
    WIDE_BYTES_MIN = 8, /* so many tell UTF-16 without a mark */
    WIDE_SHARE = 10     /* and one in ten may be another character */
};

/* What was met of the two kinds of bytes that are not ASCII. */
typedef struct tally {
    uint64_t letters; /* sequences that are UTF-8 */
    uint64_t bad;     /* bytes that are not */
    bool bad_first;
} tally;

/*
 * Count what stands here; a sequence that is cut at the end counts only at_end. Returns how many
 * bytes were looked at.
 */
static size_t count(tally *met, const uint8_t *bytes, size_t n_bytes, bool at_end)
{
    size_t at = 0;
    while (at < n_bytes) {
        uint32_t code_point;
        uint64_t word;
        if (n_bytes - at >= sizeof word) {
            memcpy(&word, bytes + at, sizeof word);
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                at += sizeof word;
                continue;
            }
        }
        size_t n = sheaf__utf8_decode(bytes + at, n_bytes - at, &code_point);
        if (n == 0 && !at_end && n_bytes - at < SEQUENCE_MAX)
            break;
        met->bad_first |= n == 0 && met->letters == 0;
        met->bad += n == 0;
        met->letters += n > 1;
        at += n > 0 ? n : 1;
    }
    return at;
}

static sheaf__encoding decide(const tally *met)
{
    bool is_other = met->bad_first && met->bad >= met->letters;
    return is_other ? SHEAF__ENCODING_WINDOWS_1252 : SHEAF__ENCODING_UTF_8;
}

/* ---- UTF-16 ---- */

/* Every second byte is NUL, nearly, and hardly one of the others. */
static sheaf__encoding guess_wide(const uint8_t *head, size_t n_bytes)
{
    size_t nuls[2] = {0, 0};
    size_t pairs = n_bytes / 2;
    if (n_bytes < WIDE_BYTES_MIN || !memchr(head, 0, n_bytes))
        return SHEAF__ENCODING_AUTO;
    for (size_t i = 0; i < pairs * 2; i++)
        nuls[i % 2] += head[i] == 0;
    if (nuls[1] > pairs - pairs / WIDE_SHARE - 1 && nuls[0] <= pairs / WIDE_SHARE)
        return SHEAF__ENCODING_UTF_16LE;
    if (nuls[0] > pairs - pairs / WIDE_SHARE - 1 && nuls[1] <= pairs / WIDE_SHARE)
        return SHEAF__ENCODING_UTF_16BE;
    return SHEAF__ENCODING_AUTO;
}

sheaf__encoding sheaf__encoding_by_mark(const uint8_t *head, size_t n_bytes, size_t *n_mark)
{
    static const struct {
        const char *bytes;
        size_t n_bytes;
        sheaf__encoding encoding;
    } marks[] = {{"\xEF\xBB\xBF", 3, SHEAF__ENCODING_UTF_8},
                 {"\xFF\xFE", 2, SHEAF__ENCODING_UTF_16LE},
                 {"\xFE\xFF", 2, SHEAF__ENCODING_UTF_16BE}};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (n_bytes < marks[i].n_bytes || memcmp(head, marks[i].bytes, marks[i].n_bytes) != 0)
            continue;
        *n_mark = marks[i].n_bytes;
        return marks[i].encoding;
    }
    *n_mark = 0;
    return SHEAF__ENCODING_AUTO;
}

/* ---- a whole file ---- */

/* Whether anything in a part of the file is not UTF-8; its ends may cut a sequence. */
static sheaf_status look_at(const sheaf__file_source *file, uint64_t offset_bytes, uint8_t *buffer,
                            bool *is_bad, sheaf_error *err)
{
    size_t n;
    size_t begin = 0;
    sheaf_status status = sheaf__file_peek(file, offset_bytes, buffer, SHEAF__SAMPLE_BYTES, &n,
                                           err);
    while (begin < n && begin < SEQUENCE_MAX - 1 && (buffer[begin] & 0xC0) == 0x80)
        begin++;
    tally met = {0};
    (void)count(&met, buffer + begin, n - begin, false);
    *is_bad |= met.bad > 0;
    return status;
}

static sheaf_status count_all(const sheaf__file_source *file, uint8_t *buffer, tally *met,
                              sheaf_error *err)
{
    uint64_t at = 0;
    for (;;) {
        size_t n;
        sheaf_status status = sheaf__file_peek(file, at, buffer, PIECE_BYTES, &n, err);
        if (status < 0)
            return status;
        bool at_end = n < PIECE_BYTES;
        at += count(met, buffer, n, at_end);
        if (at_end)
            return SHEAF_OK;
    }
}

static sheaf_status guess_by_file(const sheaf__file_source *file, bool is_bad,
                                  sheaf__encoding *encoding, sheaf_error *err)
{
    uint8_t *buffer = malloc(PIECE_BYTES);
    uint64_t size = (uint64_t)file->opened.st_size;
    sheaf_status status = buffer ? SHEAF_OK : sheaf__error_memory(err, "a buffer");
    if (status == SHEAF_OK && !is_bad && size > SHEAF__SAMPLE_BYTES) {
        status = look_at(file, (size - SHEAF__SAMPLE_BYTES) / 2, buffer, &is_bad, err);
        if (status == SHEAF_OK)
            status = look_at(file, size - SHEAF__SAMPLE_BYTES, buffer, &is_bad, err);
    }
    tally met = {0};
    if (status == SHEAF_OK && is_bad)
        status = count_all(file, buffer, &met, err);
    *encoding = decide(&met);
    free(buffer);
    return status;
}

sheaf_status sheaf__encoding_guess(const uint8_t *head, size_t n_bytes, bool at_end,
                                   const sheaf__file_source *file, sheaf__encoding *encoding,
                                   size_t *n_mark, sheaf_error *err)
{
    *encoding = sheaf__encoding_by_mark(head, n_bytes, n_mark);
    if (*encoding == SHEAF__ENCODING_AUTO)
        *encoding = guess_wide(head, n_bytes);
    if (*encoding != SHEAF__ENCODING_AUTO)
        return SHEAF_OK;
    tally met = {0};
    (void)count(&met, head, n_bytes, at_end);
    *encoding = decide(&met);
    if (at_end || !file)
        return SHEAF_OK;
    return guess_by_file(file, met.bad > 0, encoding, err);
}
