/*
 * zstd files: frames one after the other, with others to be passed over between them, however the
 * bytes come; and whatever is not a whole zstd file is a failure that names a place in it.
 */
#include <zstd.h>

#include "tests/support_decompress.h"

TestSuite(zstd, .timeout = 60);

static void add_frame(blob *to, const void *text, size_t n_bytes, int level, bool checksum)
{
    uint8_t frame[1000];
    ZSTD_CCtx *context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
    size_t n = ZSTD_compress2(context, frame, sizeof frame, text, n_bytes);
    cr_assert_not(ZSTD_isError(n));
    ZSTD_freeCCtx(context);
    blob_add(to, frame, n);
}

/* RFC 8878, 3.1.2: what decoders pass over. */
static void add_skippable(blob *to, size_t n_bytes)
{
    uint8_t head[8] = {0x50 + (uint8_t)(n_bytes % 16), 0x2A, 0x4D, 0x18, (uint8_t)n_bytes};
    blob_add(to, head, sizeof head);
    for (size_t i = 0; i < n_bytes; i++)
        blob_add(to, "\x28", 1);
}

Test(zstd, concatenates_frames)
{
    static const size_t heads[] = {0, 1, 2, 3, 10, 18, 40, SHEAF__DECOMPRESS_HEAD_MAX};
    static const size_t capacities[] = {1, 2, 3, 7, 100, SHEAF__DECOMPRESS_HEAD_MAX};
    sheaf__decompressor *zstd = sheaf__decompress_zstd.create();
    uint64_t seed = 1;
    for (int i = 0; i < 1000; i++) {
        blob stored = {0};
        size_t done = 0;
        for (size_t frames = 1 + random_below(&seed, 5); frames > 0; frames--) {
            size_t n = frames == 1 ? N_VERSE - done : random_below(&seed, N_VERSE - done + 1);
            if (random_below(&seed, 4) == 0)
                add_skippable(&stored, random_below(&seed, 40));
            add_frame(&stored, verse + done, n, (int)random_below(&seed, 19),
                      random_below(&seed, 2));
            done += n;
        }
        if (random_below(&seed, 4) == 0)
            add_skippable(&stored, random_below(&seed, 40));
        way by = {heads[random_below(&seed, 8)], capacities[random_below(&seed, 6)]};
        decompressed got = decompress_bytes(zstd, stored.bytes, stored.n_bytes, by);
        cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
        cr_assert(is_verse(&got), "head %d capacity %d", (int)by.head, (int)by.capacity);
        blob_free(&got.text);
        blob_free(&stored);
    }
    sheaf__decompressor_destroy(zstd);
}

Test(zstd, finds_every_cut)
{
    blob stored = {0};
    add_frame(&stored, verse, 30, 3, true);
    size_t ends[] = {stored.n_bytes, 0};
    add_skippable(&stored, 5);
    ends[1] = stored.n_bytes;
    add_frame(&stored, verse + 30, N_VERSE - 30, 3, false);
    sheaf__decompressor *zstd = sheaf__decompress_zstd.create();
    check_every_cut(zstd, &stored, ends, 2);
    blob_free(&stored);
    sheaf__decompressor_destroy(zstd);
}

Test(zstd, gives_no_other_text_when_a_byte_changed)
{
    blob stored = {0};
    add_frame(&stored, verse, N_VERSE, 3, true);
    size_t n = stored.n_bytes;
    sheaf__decompressor *zstd = sheaf__decompress_zstd.create();
    size_t n_taken = 0;
    for (size_t at = 0; at < n; at++)
        for (unsigned change = 1; change < 256; change++) {
            stored.bytes[at] ^= (uint8_t)change;
            decompressed got = decompress_bytes(zstd, stored.bytes, n,
                                                (way){SHEAF__DECOMPRESS_HEAD_MAX, 1 + change});
            stored.bytes[at] ^= (uint8_t)change;
            /* Some bits mean nothing; a header that promises no checksum leaves one too much. */
            cr_assert(got.status == SHEAF_ECOMPRESSED || is_verse(&got), "byte %d ^ %02x", (int)at,
                      change);
            if (got.status < 0) {
                cr_assert_leq(got.err.offset_bytes, n);
                cr_assert_neq(got.err.message[0], '\0');
                cr_assert_neq(got.err.hint[0], '\0');
            }
            n_taken += got.status == SHEAF_OK;
            blob_free(&got.text);
        }
    cr_assert_leq(n_taken, 255, "most of it means something");
    blob_free(&stored);
    sheaf__decompressor_destroy(zstd);
}

static void expect_failure(const blob *stored, uint64_t offset_bytes, const char *message)
{
    sheaf__decompressor *zstd = sheaf__decompress_zstd.create();
    for (size_t capacity = 1; capacity < 100000; capacity *= 3) {
        decompressed got = decompress_bytes(zstd, stored->bytes, stored->n_bytes,
                                            (way){capacity % 2 * 10, capacity});
        cr_assert_eq(got.status, SHEAF_ECOMPRESSED);
        cr_assert_str_eq(got.err.message, message);
        cr_assert_eq(got.err.offset_bytes, offset_bytes);
        blob_free(&got.text);
    }
    sheaf__decompressor_destroy(zstd);
}

Test(zstd, says_what_is_not_zstd)
{
    blob stored = {0};
    blob_text(&stored, "a,b\n1,2\n");
    expect_failure(&stored, 0, "the file is called .zst but is not zstd");
    blob_free(&stored);

    add_frame(&stored, verse, N_VERSE, 3, true);
    size_t n = stored.n_bytes;
    blob_text(&stored, "a,b\n1,2\n");
    expect_failure(&stored, n, "bytes that are not zstd follow the compressed data");
    blob_free(&stored);
}

Test(zstd, refuses_to_look_back_without_bound)
{
    /* A frame of unknown size whose window has 2 GiB: RFC 8878, 3.1.1.1.2. */
    static const uint8_t frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0x00, 21 << 3, 1, 0, 0};
    blob stored = {0};
    blob_add(&stored, frame, sizeof frame);
    expect_failure(&stored, 0, "the compressed data looks back further than 128 MiB");
    blob_free(&stored);
}

Test(zstd, is_told_by_four_bytes)
{
    bool (*detect)(const uint8_t *, size_t) = sheaf__decompress_zstd.detect;
    cr_assert(detect((const uint8_t *)"\x28\xB5\x2F\xFD", 4));
    cr_assert(detect((const uint8_t *)"\x50\x2A\x4D\x18", 4));
    cr_assert(detect((const uint8_t *)"\x5F\x2A\x4D\x18xyz", 7));
    cr_assert_not(detect((const uint8_t *)"\x28\xB5\x2F", 3));
    cr_assert_not(detect((const uint8_t *)"\x60\x2A\x4D\x18", 4));
    cr_assert_not(detect((const uint8_t *)"a,b\n", 4));
}

Test(zstd, a_decompressor_forgets_what_was_before)
{
    blob good = {0};
    add_frame(&good, verse, N_VERSE, 3, true);
    sheaf__decompressor *zstd = sheaf__decompress_zstd.create();
    for (size_t cut = 0; cut < good.n_bytes; cut++) {
        decompressed before = decompress_bytes(zstd, good.bytes, cut, usual);
        decompressed got = decompress_bytes(zstd, good.bytes, good.n_bytes, usual);
        cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
        cr_assert(is_verse(&got));
        blob_free(&before.text);
        blob_free(&got.text);
    }
    blob_free(&good);
    sheaf__decompressor_destroy(zstd);
}
