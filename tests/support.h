/*
 * What the unit tests of the readers share: random numbers, bytes that grow, a directory of one's
 * own, files as discovery would describe them, gzip, and a standard input that gives its bytes in
 * chosen pieces.
 */
#ifndef SHEAF_TESTS_SUPPORT_H
#define SHEAF_TESTS_SUPPORT_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <zlib.h>

#include <sheaf/discover.h>
#include <sheaf/text.h>

/* ---- random numbers: splitmix64, the same on every machine ---- */

static inline uint64_t random_next(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/*
 * How many rounds of random input a test makes: a tenth where each costs ten times as much, a third
 * with clang, as gcc's build has had the others, and SHEAF_ROUNDS times as many where the
 * environment has it.
 */
static inline size_t rounds(size_t n)
{
    const char *times = getenv("SHEAF_ROUNDS");
    n *= times ? strtoul(times, NULL, 10) : 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    n /= 10;
#elif defined(__clang__)
    n /= 3;
#endif
    return n < 2 ? 2 : n;
}

/* 0 .. n - 1 */
static inline size_t random_below(uint64_t *seed, size_t n)
{
    return (size_t)(random_next(seed) % n);
}

/* ---- bytes that grow ---- */

typedef struct blob {
    uint8_t *bytes;
    size_t n_bytes;
    size_t capacity;
} blob;

static inline void blob_add(blob *to, const void *bytes, size_t n_bytes)
{
    if (to->capacity - to->n_bytes < n_bytes) {
        to->capacity = (to->n_bytes + n_bytes) * 2;
        to->bytes = realloc(to->bytes, to->capacity);
        cr_assert_not_null(to->bytes);
    }
    if (n_bytes > 0)
        memcpy(to->bytes + to->n_bytes, bytes, n_bytes);
    to->n_bytes += n_bytes;
}

static inline void blob_text(blob *to, const char *text)
{
    blob_add(to, text, strlen(text));
}

static inline void blob_fill(blob *to, char byte, size_t count)
{
    for (size_t i = 0; i < count; i++)
        blob_add(to, &byte, 1);
}

static inline void blob_free(blob *old)
{
    free(old->bytes);
    *old = (blob){0};
}

static inline bool blob_equal(const blob *a, const blob *b)
{
    return a->n_bytes == b->n_bytes &&
           (a->n_bytes == 0 || memcmp(a->bytes, b->bytes, a->n_bytes) == 0);
}

/* The beginning of it, for a message. Each call overwrites what the fourth before it gave. */
static inline const char *shown(const void *bytes, size_t n_bytes)
{
    static char texts[4][700];
    static unsigned turn;
    char *text = texts[turn++ % 4];
    sheaf_text_escape(n_bytes > 0 ? bytes : "", n_bytes, text, sizeof texts[0]);
    return text;
}

/* ---- a directory of the test's own, the current one while it runs ---- */

static char support_home[4096];

static inline void enter_directory(void)
{
    const char *parent = getenv("TMPDIR");
    snprintf(support_home, sizeof support_home, "%s/sheaf-test-XXXXXX", parent ? parent : "/tmp");
    cr_assert_not_null(mkdtemp(support_home));
    cr_assert_eq(chdir(support_home), 0);
}

static inline void leave_directory(void)
{
    char command[sizeof support_home + 16];
    cr_assert_eq(chdir("/"), 0);
    snprintf(command, sizeof command, "rm -rf -- '%s'", support_home);
    cr_assert_eq(system(command), 0);
}

static inline sheaf_file file_at(const char *path)
{
    struct stat about;
    cr_assert_eq(stat(path, &about), 0, "stat %s", path);
    bool regular = S_ISREG(about.st_mode);
    return (sheaf_file){.path = path,
                        .kind = regular ? SHEAF_FILE_REGULAR : SHEAF_FILE_STREAM,
                        .size_bytes = regular ? (uint64_t)about.st_size : SHEAF_UNKNOWN,
                        .mtime_ns = (int64_t)about.st_mtim.tv_sec * 1000000000 +
                                    about.st_mtim.tv_nsec,
                        .device = about.st_dev,
                        .inode = about.st_ino};
}

/* Always a new file: ext4 waits for the disk when one that was cut to nothing is closed. */
static inline sheaf_file write_file(const char *path, const void *bytes, size_t n_bytes)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    cr_assert_geq(fd, 0, "cannot make %s", path);
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = write(fd, (const char *)bytes + done, n_bytes - done);
        cr_assert_gt(n, 0);
        done += (size_t)n;
    }
    close(fd);
    return file_at(path);
}

/* A file of one line and n_lines others, all alike. */
static inline sheaf_file write_lines(const char *path, const char *first, const char *other,
                                     size_t n_lines)
{
    blob text = {0};
    blob_text(&text, first);
    for (size_t i = 0; i < n_lines; i++)
        blob_text(&text, other);
    sheaf_file file = write_file(path, text.bytes, text.n_bytes);
    blob_free(&text);
    return file;
}

/* ---- standard input ---- */

/*
 * Make bytes the standard input: one read gives [0, cuts[0]), the next [cuts[0], cuts[1]), and so
 * on, however much it asks for. That is what a pipe in packet mode does; it holds 256 packets of
 * 4096 bytes.
 */
static inline sheaf_file feed_stdin(const void *bytes, size_t n_bytes, const size_t *cuts,
                                    size_t n_cuts)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_DIRECT | O_CLOEXEC), 0);
    cr_assert_geq(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
    cr_assert_eq(fcntl(ends[1], F_SETFL, O_DIRECT | O_NONBLOCK), 0);
    size_t done = 0;
    for (size_t i = 0; i <= n_cuts; i++) {
        size_t end = i < n_cuts ? cuts[i] : n_bytes;
        if (end > done)
            cr_assert_eq(write(ends[1], (const char *)bytes + done, end - done),
                         (ssize_t)(end - done));
        done = end;
    }
    close(ends[1]);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    return (sheaf_file){.path = "-", .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};
}

/* The same in pieces of `step` bytes. */
static inline sheaf_file feed_stdin_by(const void *bytes, size_t n_bytes, size_t step)
{
    size_t cuts[256];
    size_t n_cuts = 0;
    for (size_t at = step; at < n_bytes; at += step) {
        cr_assert_lt(n_cuts, 256);
        cuts[n_cuts++] = at;
    }
    return feed_stdin(bytes, n_bytes, cuts, n_cuts);
}

/* ---- gzip ---- */

/* Append one member. Level 0 stores: then n bytes become n + 18 + 5 for each block. */
static inline void gzip_add(blob *to, const void *bytes, size_t n_bytes, int level)
{
    z_stream stream = {0};
    cr_assert_eq(deflateInit2(&stream, level, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
                 Z_OK);
    uLong most = deflateBound(&stream, (uLong)n_bytes) + 64;
    uint8_t *packed = malloc(most);
    cr_assert_not_null(packed);
    Bytef nothing = 0;
    stream.next_in = n_bytes > 0 ? (Bytef *)bytes : &nothing;
    stream.avail_in = (uInt)n_bytes;
    stream.next_out = packed;
    stream.avail_out = (uInt)most;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    blob_add(to, packed, stream.total_out);
    deflateEnd(&stream);
    free(packed);
}

/* Append one block of BGZF (SAM/BAM format specification, 4.1): a member that tells its length. */
static inline void bgzf_add(blob *to, const void *bytes, size_t n_bytes, int level)
{
    enum { HEADER = 10, EXTRA = 8 };
    blob member = {0};
    gzip_add(&member, bytes, n_bytes, level);
    size_t n = member.n_bytes + EXTRA - 1;
    const uint8_t extra[EXTRA] = {6, 0, 'B', 'C', 2, 0, (uint8_t)n, (uint8_t)(n >> 8)};
    cr_assert_lt(n, 1 << 16);
    member.bytes[3] |= 4;
    blob_add(to, member.bytes, HEADER);
    blob_add(to, extra, EXTRA);
    blob_add(to, member.bytes + HEADER, member.n_bytes - HEADER);
    blob_free(&member);
}

#endif
