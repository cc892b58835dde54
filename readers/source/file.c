/*
 * Files and streams as sources of bytes: see source.h.
 *
 * Regular files are read by pread into the caller's buffer, not mapped: a file that is cut off
 * under a mapping kills the process. A file must be the one that discovery found, and still be it
 * after its last byte: its size and time are compared, so that a file which somebody writes
 * meanwhile is an error and never a mixture.
 *
 * Streams are polled before each read, because workers block all signals: a silent stream must
 * notice that the run was cancelled.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "readers/source/source.h"

enum { POLL_MS = 50, SPOOL_BUFFER_BYTES = 256 << 10, ADVISED_BYTES_MIN = 256 << 10 };

static bool same(const struct stat *st, const sheaf_file *file)
{
    return st->st_dev == file->device && st->st_ino == file->inode &&
           sheaf__nanoseconds(st->st_mtim) == file->mtime_ns &&
           (uint64_t)st->st_size == file->size_bytes;
}

static sheaf_status changed(sheaf_error *err, const char *since)
{
    sheaf_error_set(err, SHEAF_ECHANGED, "the file was changed %s", since);
    sheaf_error_hint(err, "run again when nobody writes to it");
    return SHEAF_ECHANGED;
}

sheaf_status sheaf__file_open(sheaf__file_source *source, const sheaf_file *file, sheaf_error *err)
{
    return sheaf__file_open_shared(source, file, -1, err);
}

sheaf_status sheaf__file_open_shared(sheaf__file_source *source, const sheaf_file *file, int fd,
                                     sheaf_error *err)
{
    source->fd = fd >= 0 ? fd : STDIN_FILENO;
    source->owns_fd = fd < 0 && file->kind != SHEAF_FILE_STDIN;
    source->offset_bytes = 0;
    /*
     * A FIFO that nobody writes to yet must not hold the worker in open: it is polled like any
     * stream.
     */
    if (source->owns_fd)
        source->fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (source->fd < 0)
        return sheaf__error_system(err, errno, "cannot open the file", NULL);
    if (fstat(source->fd, &source->opened) != 0) {
        int failure = errno;
        sheaf__file_close(source);
        return sheaf__error_system(err, failure, "cannot examine the file", NULL);
    }
    source->can_seek = file->kind == SHEAF_FILE_REGULAR;
    /*
     * All of it will be read, in order: the system then reads twice as far ahead. (On the virtual
     * disk where this was measured, with a file of 1 GB, it made no difference to speak of.)
     */
    if (source->can_seek && source->owns_fd && file->size_bytes >= ADVISED_BYTES_MIN)
        (void)posix_fadvise(source->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    if (source->can_seek && !same(&source->opened, file)) {
        sheaf__file_close(source);
        return changed(err, "after it was found");
    }
    return SHEAF_OK;
}

/* Wait until the stream has something to say. */
static sheaf_status wait_readable(const sheaf__file_source *source, sheaf_error *err)
{
    struct pollfd polled = {.fd = source->fd, .events = POLLIN};
    for (;;) {
        if (source->stop && atomic_load_explicit(source->stop, memory_order_relaxed))
            return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled while waiting for input");
        int n = poll(&polled, 1, POLL_MS);
        if (n > 0 || (n < 0 && errno != EINTR))
            return SHEAF_OK; /* a poll that fails leaves the verdict to read */
    }
}

sheaf_status sheaf__file_read(sheaf__file_source *source, uint8_t *buffer, size_t capacity,
                              size_t *n_bytes, sheaf_error *err)
{
    ssize_t n;
    do {
        if (!source->can_seek) {
            sheaf_status status = wait_readable(source, err);
            if (status < 0)
                return status;
        }
        n = source->can_seek ? pread(source->fd, buffer, capacity, (off_t)source->offset_bytes)
                             : read(source->fd, buffer, capacity);
    } while (n < 0 && (errno == EINTR || errno == EAGAIN));
    if (n < 0) {
        sheaf__error_system(err, errno, "cannot read the file", NULL);
        if (err)
            err->offset_bytes = source->offset_bytes;
        return SHEAF_EIO;
    }
    source->offset_bytes += (uint64_t)n;
    if (source->can_seek && source->offset_bytes > (uint64_t)source->opened.st_size)
        return changed(err, "while it was read"); /* it grows: to its end may be for ever */
    uint64_t begin = source->offset_bytes - (uint64_t)n;
    uint64_t end = source->offset_bytes;
    if (begin < source->counted_bytes)
        begin = source->counted_bytes;
    if (source->count_end_bytes > 0 && end > source->count_end_bytes)
        end = source->count_end_bytes;
    uint64_t fresh = end > begin ? end - begin : 0;
    if (source->read_bytes)
        atomic_fetch_add_explicit(source->read_bytes, fresh, memory_order_relaxed);
    *n_bytes = (size_t)n;
    return SHEAF_OK;
}

sheaf_status sheaf__file_peek(const sheaf__file_source *source, uint64_t offset_bytes,
                              uint8_t *buffer, size_t capacity, size_t *n_bytes, sheaf_error *err)
{
    *n_bytes = 0;
    while (*n_bytes < capacity) {
        ssize_t n = pread(source->fd, buffer + *n_bytes, capacity - *n_bytes,
                          (off_t)(offset_bytes + *n_bytes));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sheaf__error_system(err, errno, "cannot read the file", NULL);
        if (n == 0)
            break;
        *n_bytes += (size_t)n;
    }
    return SHEAF_OK;
}

bool sheaf__file_would_wait(const sheaf__file_source *source)
{
    struct pollfd polled = {.fd = source->fd, .events = POLLIN};
    return !source->can_seek && poll(&polled, 1, 0) == 0;
}

sheaf_status sheaf__file_compare(const sheaf__file_source *source, sheaf_error *err)
{
    struct stat now;
    if (!source->can_seek)
        return SHEAF_OK;
    if (fstat(source->fd, &now) != 0)
        return sheaf__error_system(err, errno, "cannot examine the file", NULL);
    if (now.st_size != source->opened.st_size ||
        sheaf__nanoseconds(now.st_mtim) != sheaf__nanoseconds(source->opened.st_mtim))
        return changed(err, "while it was read");
    return SHEAF_OK;
}

sheaf_status sheaf__file_verify(const sheaf__file_source *source, sheaf_error *err)
{
    sheaf_status status = sheaf__file_compare(source, err);
    if (status == SHEAF_OK && source->can_seek &&
        source->offset_bytes != (uint64_t)source->opened.st_size)
        return changed(err, "while it was read");
    return status;
}

void sheaf__file_close(sheaf__file_source *source)
{
    if (source->fd >= 0 && source->owns_fd)
        close(source->fd);
    source->fd = -1;
}

/* ---- spooling ---- */

static int open_unnamed(void)
{
    const char *directory = getenv("TMPDIR");
    if (!directory || !directory[0])
        directory = "/tmp";
    int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    char name[4096];
    static const char pattern[] = "/sheaf-XXXXXX";
    if (strlen(directory) + sizeof pattern > sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    strcpy(name, directory);
    strcat(name, pattern);
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0)
        unlink(name);
    return fd;
}

/* Not the stream's fault: it is no reason to leave it out. */
static sheaf_status cannot_spool(sheaf_error *err, const char *what)
{
    sheaf__error_system(err, errno, what, NULL);
    sheaf_error_hint(err, "set TMPDIR to a directory with room");
    if (err)
        err->status = SHEAF_ERESOURCE;
    return SHEAF_ERESOURCE;
}

static sheaf_status write_all(int fd, const uint8_t *bytes, size_t n_bytes, sheaf_error *err)
{
    while (n_bytes > 0) {
        ssize_t n = write(fd, bytes, n_bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return cannot_spool(err, "cannot keep the stream in a temporary file");
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return SHEAF_OK;
}

static sheaf_status copy_rest(sheaf__file_source *source, int fd, sheaf_error *err)
{
    uint8_t *buffer = malloc(SPOOL_BUFFER_BYTES);
    if (!buffer)
        return sheaf__error_memory(err, "a buffer");
    size_t n = 1;
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && n > 0) {
        status = sheaf__file_read(source, buffer, SPOOL_BUFFER_BYTES, &n, err);
        if (status == SHEAF_OK)
            status = write_all(fd, buffer, n, err);
    }
    free(buffer);
    return status;
}

sheaf_status sheaf__file_spool(sheaf__file_source *source, sheaf_error *err)
{
    int fd = open_unnamed();
    if (fd < 0)
        return cannot_spool(err, "cannot make a temporary file for the stream");
    sheaf_status status = copy_rest(source, fd, err);
    if (status == SHEAF_OK && fstat(fd, &source->opened) != 0)
        status = cannot_spool(err, "cannot examine a temporary file");
    if (status < 0) {
        close(fd);
        return status;
    }
    sheaf__file_close(source);
    source->fd = fd;
    source->owns_fd = true;
    source->can_seek = source->spooled = true;
    sheaf__file_rewind(source);
    return SHEAF_OK;
}

void sheaf__file_rewind(sheaf__file_source *source)
{
    source->offset_bytes = 0;
}
