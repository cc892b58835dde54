/*
 * Reading a compressed file that lies in memory, however the bytes come and however few are asked
 * for at a time.
 */
#ifndef SHEAF_TESTS_SUPPORT_DECOMPRESS_H
#define SHEAF_TESTS_SUPPORT_DECOMPRESS_H

#include <sys/mman.h>

#include "readers/source/decompress.h"
#include "tests/support.h"

static const char verse[] = "id,name\n1,Ada\n2,Grace\n3,Barbara\n1,Ada\n2,Grace\n3,Barbara\n"
                            "4,\"Ra\nd\xC3\xAD"
                            "a\"\n";

enum { N_VERSE = sizeof verse - 1 };

/* ---- reading what is stored ---- */

typedef struct decompressed {
    blob text;
    sheaf_status status;
    sheaf_error err;
} decompressed;

typedef struct way {
    size_t head;     /* so many bytes are read before it begins */
    size_t capacity; /* so many are asked for at a time */
} way;

static const way usual = {SHEAF__DECOMPRESS_HEAD_MAX, 4096};

static inline decompressed decompress_source(sheaf__decompressor *by_whom,
                                             sheaf__file_source *source, way by)
{
    static uint8_t head[SHEAF__DECOMPRESS_HEAD_MAX];
    decompressed out = {.status = SHEAF_OK};
    sheaf_error_clear(&out.err);
    size_t n_head = 0;
    size_t n = 1;
    while (n > 0 && n_head < by.head && out.status == SHEAF_OK) {
        out.status = sheaf__file_read(source, head + n_head, by.head - n_head, &n, &out.err);
        n_head += n;
    }
    if (out.status == SHEAF_OK)
        sheaf__decompressor_begin(by_whom, source, head, n_head);
    memset(head, 0xAA, sizeof head); /* it has a copy */
    uint8_t *buffer = malloc(by.capacity);
    for (n = 1; n > 0 && out.status == SHEAF_OK;) {
        out.status = sheaf__decompressor_read(by_whom, buffer, by.capacity, &n, &out.err);
        cr_assert_leq(n, by.capacity);
        cr_assert(n == 0 || out.status == SHEAF_OK, "bytes and a failure at once");
        blob_add(&out.text, buffer, out.status == SHEAF_OK ? n : 0);
    }
    if (out.status == SHEAF_OK) { /* the end stays the end */
        cr_assert_eq(sheaf__decompressor_read(by_whom, buffer, by.capacity, &n, &out.err),
                     SHEAF_OK);
        cr_assert_eq(n, 0);
    }
    free(buffer);
    return out;
}

static int stored_fd = -1;

/* A file in memory that holds these bytes. */
static inline sheaf__file_source store(const void *bytes, size_t n_bytes)
{
    if (stored_fd < 0)
        stored_fd = memfd_create("stored", MFD_CLOEXEC);
    cr_assert_geq(stored_fd, 0);
    cr_assert_eq(ftruncate(stored_fd, 0), 0);
    cr_assert_eq(pwrite(stored_fd, bytes, n_bytes, 0), (ssize_t)n_bytes);
    sheaf__file_source source = {.fd = stored_fd, .can_seek = true};
    cr_assert_eq(fstat(stored_fd, &source.opened), 0);
    return source;
}

static inline decompressed decompress_bytes(sheaf__decompressor *by_whom, const void *bytes,
                                            size_t n_bytes, way by)
{
    sheaf__file_source source = store(bytes, n_bytes);
    return decompress_source(by_whom, &source, by);
}

static inline bool is_verse(const decompressed *got)
{
    return got->text.n_bytes == N_VERSE && memcmp(got->text.bytes, verse, N_VERSE) == 0;
}

static inline bool begins_verse(const decompressed *got)
{
    return got->text.n_bytes <= N_VERSE &&
           memcmp(got->text.bytes ? got->text.bytes : (const uint8_t *)"", verse,
                  got->text.n_bytes) == 0;
}

/*
 * A stored verse, whose first 30 bytes end at `ends`, that is cut off anywhere: an error there, but
 * where nothing is missing that anybody could miss.
 */
static inline void check_every_cut(sheaf__decompressor *by_whom, const blob *stored,
                                   const size_t *ends, size_t n_ends)
{
    char is_empty[100];
    sprintf(is_empty, "the file is empty, but its name says %s", by_whom->format->name);
    for (size_t i = 0; i < stored->n_bytes * 4; i++) {
        size_t n_bytes = i / 4;
        bool is_good = false;
        for (size_t k = 0; k < n_ends; k++)
            is_good |= n_bytes == ends[k];
        way by = {i % 2 ? SHEAF__DECOMPRESS_HEAD_MAX : 0, i / 2 % 2 ? 4096 : 1};
        decompressed got = decompress_bytes(by_whom, stored->bytes, n_bytes, by);
        cr_assert(begins_verse(&got));
        if (is_good) {
            cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
            cr_assert_eq(got.text.n_bytes, 30);
        } else {
            cr_assert_eq(got.status, SHEAF_ECOMPRESSED, "cut at %d: %s", (int)n_bytes,
                         sheaf_status_name(got.status));
            cr_assert_eq(got.err.offset_bytes, n_bytes, "cut at %d", (int)n_bytes);
            cr_assert_str_eq(got.err.message,
                             n_bytes ? "the compressed data is cut off" : is_empty);
            cr_assert_neq(got.err.hint[0], '\0');
            cr_assert(n_bytes < ends[0] || got.text.n_bytes >= 30,
                      "what came before the cut is given");
        }
        blob_free(&got.text);
    }
}

#endif
