/*
 * Inflating: members one after the other, however the bytes come and however few are asked for;
 * and whatever is not a whole gzip file is a failure that names a place in it.
 */
#include <errno.h>

#include "tests/support_decompress.h"

TestSuite(gzip, .timeout = 30);

/* ---- whole files ---- */

Test(gzip, concatenates_members)
{
    /* 1 to 5 members, empty ones among them, at any level; any head, any capacity. */
    static const size_t heads[] = {0, 1, 2, 3, 10, 18, 40, SHEAF__DECOMPRESS_HEAD_MAX};
    static const size_t capacities[] = {1, 2, 3, 7, 100, SHEAF__DECOMPRESS_HEAD_MAX};
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    uint64_t seed = 1;
    for (int i = 0; i < 1000; i++) {
        blob stored = {0};
        size_t done = 0;
        for (size_t members = 1 + random_below(&seed, 5); members > 0; members--) {
            size_t n = members == 1 ? N_VERSE - done : random_below(&seed, N_VERSE - done + 1);
            n = random_below(&seed, 3) || members == 1 ? n : 0;
            gzip_add(&stored, verse + done, n, (int)random_below(&seed, 10));
            done += n;
        }
        way by = {heads[random_below(&seed, 8)], capacities[random_below(&seed, 6)]};
        decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, by);
        cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
        cr_assert(is_verse(&got), "head %d capacity %d", (int)by.head, (int)by.capacity);
        blob_free(&got.text);
        blob_free(&stored);
    }
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, reads_from_a_pipe_that_is_cut_anywhere)
{
    blob stored = {0};
    gzip_add(&stored, verse, 30, 6);
    gzip_add(&stored, verse + 30, N_VERSE - 30, 1);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t cut = 0; cut < stored.n_bytes; cut++) {
        if (cut > 0)
            feed_stdin(stored.bytes, stored.n_bytes, &cut, 1);
        else
            feed_stdin_by(stored.bytes, stored.n_bytes, 1);
        sheaf__file_source source = {.fd = STDIN_FILENO};
        decompressed got = decompress_source(gzip, &source, (way){0, 1 + cut % 50});
        cr_assert_eq(got.status, SHEAF_OK, "cut at %d: %s", (int)cut, got.err.message);
        cr_assert(is_verse(&got));
        blob_free(&got.text);
    }
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, takes_files_of_nothing)
{
    blob stored = {0};
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (int members = 1; members < 100; members++) {
        gzip_add(&stored, "", 0, members % 10);
        decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, usual);
        cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
        cr_assert_eq(got.text.n_bytes, 0);
    }
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

/* The verse as a member whose header has these parts; names are of n_name bytes. */
static size_t pack_with_header(int flags, size_t n_name, uint8_t *packed, size_t room)
{
    static Bytef name[100001], comment[] = "by night", extra[] = {'B', 'C', 2, 0, 30, 0};
    z_stream stream = {0};
    gz_header header = {.text = 1, .time = 12345, .os = 3, .hcrc = flags & 1};
    memset(name, 'n', n_name);
    name[n_name] = 0;
    header.name = flags & 2 ? name : NULL;
    header.comment = flags & 4 ? comment : NULL;
    header.extra = flags & 8 ? extra : NULL;
    header.extra_len = flags & 8 ? sizeof extra : 0;
    cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflateSetHeader(&stream, &header), Z_OK);
    stream.next_in = (Bytef *)verse;
    stream.avail_in = N_VERSE;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return stream.total_out;
}

/* ISA-L 2.30 takes the second part of a header for data if the first one came in two pieces. */
Test(gzip, takes_every_kind_of_header_in_two_pieces)
{
    static uint8_t packed[110000];
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (int flags = 0; flags < 16; flags++) {
        size_t n = pack_with_header(flags, 9, packed, sizeof packed);
        for (size_t cut = 1; cut < n; cut++) {
            feed_stdin(packed, n, &cut, 1);
            sheaf__file_source source = {.fd = STDIN_FILENO};
            decompressed got = decompress_source(gzip, &source, (way){0, 1000});
            cr_assert_eq(got.status, SHEAF_OK, "flags %d, cut at %d: %s", flags, (int)cut,
                         got.err.message);
            cr_assert(is_verse(&got));
            blob_free(&got.text);
        }
        for (size_t n_name = 65500; n_name <= 100000; n_name += n_name < 65540 ? 1 : 34460) {
            n = pack_with_header(flags, n_name, packed, sizeof packed);
            decompressed got = decompress_bytes(gzip, packed, n, usual);
            cr_assert_eq(got.status, SHEAF_OK, "flags %d, %d bytes of a name: %s", flags,
                         (int)n_name, got.err.message);
            cr_assert(is_verse(&got));
            blob_free(&got.text);
        }
    }
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, takes_every_kind_of_header)
{
    uint8_t packed[400];
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (int flags = 0; flags < 16; flags++) {
        size_t n = pack_with_header(flags, 9, packed, sizeof packed);
        decompressed got = decompress_bytes(gzip, packed, n, usual);
        cr_assert_eq(got.status, SHEAF_OK, "flags %d: %s", flags, got.err.message);
        cr_assert(is_verse(&got));
        blob_free(&got.text);
        if (!(flags & 1))
            continue;
        packed[5] ^= 1; /* the time: no bit of the header may change when it has a CRC of its own */
        got = decompress_bytes(gzip, packed, n, usual);
        cr_assert_eq(got.status, SHEAF_ECOMPRESSED);
        cr_assert_eq(got.text.n_bytes, 0);
    }
    sheaf__decompressor_destroy(gzip);
}

/*
 * The first member ends within 12 bytes of the buffer's end, so does its trailer and the next
 * one's header.
 */
Test(gzip, makes_no_difference_where_its_buffer_ends)
{
    blob text = {0};
    uint64_t seed = 3;
    for (size_t i = 0; i < 2 * SHEAF__DECOMPRESS_HEAD_MAX + 1000; i++)
        blob_add(&text, &(char){(char)random_next(&seed)}, 1);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t i = 0; i < 50 * 3; i++) {
        size_t target = (1 + i / 75) * SHEAF__DECOMPRESS_HEAD_MAX - 12 + i % 25;
        size_t tail = i / 25 % 3; /* nothing, a member, garbage */
        blob stored = {0};
        size_t n_first = target - 18 - 5 * (1 + i / 75);
        while (stored.n_bytes != target) { /* as many bytes as it takes: blocks have headers, too */
            n_first += target - stored.n_bytes - (stored.n_bytes > 0 ? 0 : target);
            stored.n_bytes = 0;
            gzip_add(&stored, text.bytes, n_first, 0);
        }
        if (tail == 1)
            gzip_add(&stored, text.bytes + n_first, 500, 6);
        else if (tail == 2)
            blob_text(&stored, "garbage");
        decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, usual);
        size_t n_expected = n_first + (tail == 1 ? 500 : 0);
        cr_assert_eq(got.status, tail == 2 ? SHEAF_ECOMPRESSED : SHEAF_OK, "%d: %s", (int)target,
                     got.err.message);
        cr_assert_eq(got.text.n_bytes, n_expected);
        cr_assert_arr_eq(got.text.bytes, text.bytes, n_expected);
        if (tail == 2)
            cr_assert_eq(got.err.offset_bytes, target, "%d instead of %d",
                         (int)got.err.offset_bytes, (int)target);
        blob_free(&got.text);
        blob_free(&stored);
    }
    blob_free(&text);
    sheaf__decompressor_destroy(gzip);
}

/* ---- files that were cut off ---- */

Test(gzip, finds_every_cut)
{
    blob stored = {0};
    gzip_add(&stored, verse, 30, 6);
    const size_t ends[] = {stored.n_bytes};
    gzip_add(&stored, verse + 30, N_VERSE - 30, 6);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    check_every_cut(gzip, &stored, ends, 1);
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

/* ---- files that are damaged ---- */

enum { AT_FLAGS = 3, AT_TIME = 4, AT_DATA = 10, N_TRAILER = 8 };

Test(gzip, finds_every_byte_that_changed)
{
    blob stored = {0};
    gzip_add(&stored, verse, N_VERSE, 6);
    size_t n = stored.n_bytes;
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t at = 0; at < n; at++)
        for (unsigned change = 1; change < 256; change++) {
            stored.bytes[at] ^= (uint8_t)change;
            decompressed got = decompress_bytes(gzip, stored.bytes, n,
                                                (way){SHEAF__DECOMPRESS_HEAD_MAX, 1 + change});
            stored.bytes[at] ^= (uint8_t)change;
            /* Time, system and the hint that it is text mean nothing to the data. */
            bool harmless = (at >= AT_TIME && at < AT_DATA) || (at == AT_FLAGS && change == 1);
            /* Nor do the bits between the end of the data and the next whole byte. */
            if (at == n - N_TRAILER - 1 && got.status == SHEAF_OK)
                harmless = true;
            cr_assert_eq(got.status, harmless ? SHEAF_OK : SHEAF_ECOMPRESSED, "byte %d ^ %02x: %s",
                         (int)at, change, sheaf_status_name(got.status));
            cr_assert(!harmless || is_verse(&got));
            if (got.status < 0) {
                cr_assert_leq(got.err.offset_bytes, n);
                cr_assert(got.err.offset_bytes >= at || at < 2, "byte %d: offset %d", (int)at,
                          (int)got.err.offset_bytes);
                cr_assert_neq(got.err.message[0], '\0');
                cr_assert_neq(got.err.hint[0], '\0');
            }
            if (at >= n - N_TRAILER) {
                cr_assert(is_verse(&got), "what was inflated is given before the failure");
                cr_assert_geq(got.err.offset_bytes, n - 4);
            }
            blob_free(&got.text);
        }
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, says_what_is_damaged)
{
    static const struct {
        size_t from_end; /* of the first member */
        const char *message;
    } cases[] = {{1, "the compressed data is damaged: incorrect length check"},
                 {5, "the compressed data is damaged: incorrect data check"}};
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t i = 0; i < 2; i++) {
        blob stored = {0};
        gzip_add(&stored, verse, N_VERSE, 6);
        stored.bytes[stored.n_bytes - cases[i].from_end] ^= 1;
        gzip_add(&stored, verse, N_VERSE, 6);
        decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, usual);
        cr_assert_eq(got.status, SHEAF_ECOMPRESSED);
        cr_assert_str_eq(got.err.message, cases[i].message);
        cr_assert(is_verse(&got), "the second member is not read");
        blob_free(&got.text);
        blob_free(&stored);
    }
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, refuses_bytes_behind_the_last_member)
{
    static const char tails[][9] = {
        "\n\n\n\n\n\n\n\n",       "xxxxxxxx",         "\x1fxxxxxxx",
        "\x1f\x1f\x8b\x08\0\0\0", "\x8b\x1f\x8b\x08", "\x1f\x8b\x08\0\0\0\0\0",
        "\x1f\x8bxxxxxx",         "a,b\n1,2\n",       "\0\0\0\0\0\0\0\0"};
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    blob stored = {0};
    gzip_add(&stored, verse, N_VERSE, 6);
    size_t n = stored.n_bytes;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        for (size_t n_tail = 1; n_tail <= 8; n_tail++)
            for (size_t head = 0; head < 2; head++) {
                stored.n_bytes = n;
                blob_add(&stored, tails[i], n_tail);
                decompressed got = decompress_bytes(
                    gzip, stored.bytes, stored.n_bytes,
                    (way){head ? SHEAF__DECOMPRESS_HEAD_MAX : 0, 1 + n_tail});
                size_t n_more = stored.n_bytes - n;
                const char *what = shown(tails[i], n_more);
                cr_assert_eq(got.status, SHEAF_ECOMPRESSED, "%s: %s", what,
                             sheaf_status_name(got.status));
                cr_assert(is_verse(&got), "%s", what);
                cr_assert_geq(got.err.offset_bytes, n, "%s", what);
                cr_assert_leq(got.err.offset_bytes, stored.n_bytes, "%s", what);
                bool may_be_a_member = memcmp(tails[i], "\x1f\x8b", n_more < 2 ? n_more : 2) == 0;
                if (!may_be_a_member) {
                    cr_assert_str_eq(got.err.message,
                                     "bytes that are not gzip follow the compressed data", "%s: %s",
                                     what, got.err.message);
                    cr_assert_eq(got.err.offset_bytes, n, "%s", what);
                }
                blob_free(&got.text);
            }
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, refuses_what_never_was_gzip)
{
    static const char *const texts[] = {"a,b\n1,2\n", "\n",       "x",
                                        "\x1f",       "\x8b\x1f", "\x1f\x8c\x08"};
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        decompressed got = decompress_bytes(gzip, texts[i], strlen(texts[i]), usual);
        cr_assert_eq(got.status, SHEAF_ECOMPRESSED);
        cr_assert_eq(got.text.n_bytes, 0);
        if (strcmp(texts[i], "\x1f") == 0)
            continue; /* that may be one that was cut off */
        cr_assert_str_eq(got.err.message, "the file is called .gz but is not gzip", "%s: %s",
                         shown(texts[i], strlen(texts[i])), got.err.message);
        cr_assert_eq(got.err.offset_bytes, 0);
    }
    sheaf__decompressor_destroy(gzip);
}

/* ---- one after the other ---- */

Test(gzip, is_used_again_whatever_came_before)
{
    blob good = {0};
    gzip_add(&good, verse, N_VERSE, 6);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    uint64_t seed = 5;
    for (int i = 0; i < 300; i++) {
        blob other = {0};
        gzip_add(&other, verse, N_VERSE, (int)random_below(&seed, 10));
        other.bytes[random_below(&seed, other.n_bytes)] ^= (uint8_t)random_next(&seed);
        decompressed before = decompress_bytes(gzip, other.bytes,
                                               random_below(&seed, other.n_bytes + 1), usual);
        decompressed got = decompress_bytes(gzip, good.bytes, good.n_bytes, usual);
        cr_assert_eq(got.status, SHEAF_OK, "%s", got.err.message);
        cr_assert(is_verse(&got));
        blob_free(&before.text);
        blob_free(&got.text);
        blob_free(&other);
    }
    blob_free(&good);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, may_be_left_in_the_middle)
{
    blob stored = {0};
    gzip_add(&stored, verse, N_VERSE, 6);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    for (size_t n_read = 0; n_read < 20; n_read++) {
        uint8_t buffer[20];
        size_t n;
        sheaf__file_source source = store(stored.bytes, stored.n_bytes);
        sheaf__decompressor_begin(gzip, &source, (const uint8_t *)"", 0);
        if (n_read > 0)
            cr_assert_eq(sheaf__decompressor_read(gzip, buffer, n_read, &n, NULL), SHEAF_OK);
        if (n_read % 2) { /* an empty file is one, not the rest of the one before */
            decompressed nothing = decompress_bytes(gzip, "", 0, usual);
            cr_assert_str_eq(nothing.err.message, "the file is empty, but its name says gzip");
        }
        decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, usual);
        cr_assert(is_verse(&got));
        blob_free(&got.text);
    }
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
    sheaf__decompressor_destroy(NULL);
}

Test(gzip, hands_on_what_the_file_says)
{
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sheaf__file_source source = {.fd = fd, .can_seek = true};
    decompressed got = decompress_source(gzip, &source, (way){0, 10});
    cr_assert_eq(got.status, SHEAF_EIO);
    cr_assert_eq(got.err.os_error, EISDIR);
    close(fd);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, inflates_a_thousandfold_without_keeping_it)
{
    blob zeros = {0};
    blob_fill(&zeros, 0, 1 << 20);
    blob stored = {0};
    for (int i = 0; i < 16; i++)
        gzip_add(&stored, zeros.bytes, zeros.n_bytes, 9);
    sheaf__decompressor *gzip = sheaf__decompress_gzip.create();
    decompressed got = decompress_bytes(gzip, stored.bytes, stored.n_bytes, (way){100, 1 << 20});
    cr_assert_eq(got.status, SHEAF_OK);
    cr_assert_eq(got.text.n_bytes, 16 << 20);
    blob_free(&got.text);
    blob_free(&zeros);
    blob_free(&stored);
    sheaf__decompressor_destroy(gzip);
}

Test(gzip, is_told_by_two_bytes)
{
    cr_assert(sheaf__decompress_gzip.detect((const uint8_t *)"\x1f\x8b", 2));
    cr_assert(sheaf__decompress_gzip.detect((const uint8_t *)"\x1f\x8bxyz", 5));
    cr_assert_not(sheaf__decompress_gzip.detect((const uint8_t *)"\x1f\x8b", 1));
    cr_assert_not(sheaf__decompress_gzip.detect((const uint8_t *)"\x1f\x8b", 0));
    cr_assert_not(sheaf__decompress_gzip.detect((const uint8_t *)"\x1f\x8a", 2));
    cr_assert_not(sheaf__decompress_gzip.detect((const uint8_t *)"\x8b\x1f", 2));
}
