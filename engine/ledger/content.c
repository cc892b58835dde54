/* Whether a source file is still what it was: see content.h. */
#include "engine/ledger/content.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"

#define SECOND_NS INT64_C(1000000000)

enum {
    TICK_NS = 50 * 1000 * 1000, /* several of the kernel's, of 1 to 10 ms */
    COARSE_SECONDS = 3          /* FAT counts in two of them */
};

static bool same(const struct stat *st, const sheaf_file *found)
{
    return st->st_dev == found->device && st->st_ino == found->inode &&
           sheaf__nanoseconds(st->st_mtim) == found->mtime_ns &&
           (uint64_t)st->st_size == found->size_bytes;
}

/* Of a file that is no source: the destination, by another program's hand. */
static sheaf_status cut(const char *path, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED, "the file was cut while it was read");
    sheaf__error_source(err, path);
    sheaf_error_hint(err, "run again when nobody else writes to it: nothing was written");
    return SHEAF_ECHANGED;
}

static sheaf_status changed(const sheaf_file *found, const char *how, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED, "the file was %s while it was loaded", how);
    sheaf__error_source(err, found->path);
    sheaf_error_hint(err, "run again when nobody writes to it: nothing of it was committed");
    return SHEAF_ECHANGED;
}

sheaf_status sheaf__content_check(const sheaf_file *found, sheaf_error *err)
{
    struct stat st;
    if (found->kind != SHEAF_FILE_REGULAR)
        return SHEAF_OK;
    if (stat(found->path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? changed(found, "removed", err)
                   : sheaf__error_system(err, errno, "cannot examine the file", found->path);
    return same(&st, found) ? SHEAF_OK : changed(found, "changed", err);
}

/* Whether what is open is the file that was found. */
static sheaf_status check_open(const sheaf__content_piece *piece, int fd, sheaf_error *err)
{
    struct stat st;
    if (!piece->found)
        return SHEAF_OK;
    if (fstat(fd, &st) != 0)
        return sheaf__error_system(err, errno, "cannot examine the file", piece->path);
    return same(&st, piece->found) ? SHEAF_OK : changed(piece->found, "changed", err);
}

static sheaf_status read_block(const sheaf__content_piece *piece, int fd, uint64_t offset_bytes,
                               size_t n_bytes, uint8_t *buffer, sheaf_error *err)
{
    for (size_t done = 0; done < n_bytes;) {
        ssize_t n = pread(fd, buffer + done, n_bytes - done, (off_t)(offset_bytes + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sheaf__error_system(err, errno, "cannot read the file again", piece->path);
        if (n == 0 && piece->found)
            return changed(piece->found, "cut", err);
        if (n == 0)
            return cut(piece->path, err);
        done += (size_t)n;
    }
    return SHEAF_OK;
}

static sheaf_status hash_open(sheaf__content_piece *piece, int fd, uint8_t *buffer,
                              sheaf_error *err)
{
    uint64_t end = piece->begin_bytes + piece->n_bytes;
    sheaf_status status = SHEAF_OK; /* what it is behind the last byte, it was before */
    for (uint64_t at = piece->begin_bytes; at < end && status == SHEAF_OK;) {
        uint64_t left = end - at;
        size_t n = left < SHEAF__CONTENT_BLOCK_BYTES ? (size_t)left : SHEAF__CONTENT_BLOCK_BYTES;
        status = read_block(piece, fd, at, n, buffer, err);
        if (status == SHEAF_OK)
            sheaf__digest_bytes(&piece->digest, buffer, n);
        at += n;
    }
    return status == SHEAF_OK ? check_open(piece, fd, err) : status;
}

sheaf_status sheaf__content_hash(sheaf__content_piece *piece, void *buffer, sheaf_error *err)
{
    piece->digest = (sheaf__digest){0};
    int fd = open(piece->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && piece->found && (errno == ENOENT || errno == ENOTDIR))
        return changed(piece->found, "removed", err);
    if (fd < 0)
        return sheaf__error_system(err, errno, "cannot read the file again", piece->path);
    sheaf_status status = hash_open(piece, fd, buffer, err);
    close(fd);
    return status;
}

sheaf_status sheaf__content_of(const char *path, const sheaf_file *found, uint64_t size_bytes,
                               uint64_t *content, sheaf_error *err)
{
    sheaf__content_piece piece = {.path = path, .found = found, .n_bytes = size_bytes};
    void *buffer = malloc(SHEAF__CONTENT_BLOCK_BYTES);
    if (!buffer)
        return sheaf__error_memory(err, "a buffer");
    sheaf_status status = sheaf__content_hash(&piece, buffer, err);
    free(buffer);
    *content = piece.digest.value;
    return status;
}

sheaf_status sheaf__content_of_own(const char *path, uint64_t *size_bytes, uint64_t *content,
                                   sheaf_error *err)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return sheaf__error_system(err, errno, "cannot examine the file", path);
    *size_bytes = (uint64_t)st.st_size;
    return sheaf__content_of(path, NULL, *size_bytes, content, err);
}

bool sheaf__content_is_settled(int64_t mtime_ns)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    /* A time in whole seconds is one of a file system that knows no others. */
    int64_t tick = mtime_ns % SECOND_NS == 0 ? COARSE_SECONDS * SECOND_NS : TICK_NS;
    return sheaf__nanoseconds(now) - mtime_ns > tick;
}
