/* Atomic files and standard output: see output.h. */
#include "engine/sinks/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/system.h"
#include "engine/sinks/leftovers.h"

enum { POLL_MS = 50, COPIED_AT_ONCE_BYTES = 64 << 20, LOCK_TRIES = 10 };

/* The directory part of the path, "." without one. */
static void directory_of(const char *path, char *directory, size_t size)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        snprintf(directory, size, ".");
    else
        snprintf(directory, size, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

static sheaf_status already_exists(const sheaf__output *output, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST, "the destination already exists");
    sheaf__error_source(err, output->path);
    sheaf_error_hint(
        err, "--if-exists replace puts the new rows in its place when all of them are there");
    return SHEAF_EEXIST;
}

static sheaf_status copy_path(sheaf__output *output, const char *path, sheaf_error *err)
{
    size_t length = strlen(path);
    if (length >= sizeof output->path)
        return sheaf__error_system(err, ENAMETOOLONG, "cannot write the destination", path);
    memcpy(output->path, path, length + 1);
    return SHEAF_OK;
}

static sheaf_status refuse_kind(const sheaf__output *output, const char *what, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST, "the destination is %s: it is not replaced", what);
    sheaf__error_source(err, output->path);
    sheaf_error_hint(err, "choose another name; for a pipe, -o - and a redirection");
    return SHEAF_EEXIST;
}

static sheaf_status refuse_locked(const sheaf__output *output, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST, "another run is just putting rows behind what is there");
    sheaf__error_source(err, output->path);
    sheaf_error_hint(err, "run again when it has ended");
    return SHEAF_EEXIST;
}

static bool is_in_place(const sheaf__output *output)
{
    struct stat kept;
    struct stat there;
    return fstat(output->kept_fd, &kept) == 0 && stat(output->path, &there) == 0 &&
           kept.st_dev == there.st_dev && kept.st_ino == there.st_ino;
}

/* Have what stays to ourselves. (A file system without locks cannot tell of others.) */
static sheaf_status lock_kept(sheaf__output *output, sheaf_error *err)
{
    do {
        if (output->kept_fd >= 0) /* another run has just ended, and put its file there */
            close(output->kept_fd);
        output->kept_fd = open(output->path, O_RDONLY | O_CLOEXEC);
        if (output->kept_fd < 0)
            return sheaf__error_system(err, errno, "cannot read what is there", output->path);
        if (flock(output->kept_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            return refuse_locked(output, err);
    } while (!is_in_place(output));
    return SHEAF_OK;
}

static sheaf_status moved_away(const sheaf__output *output, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "the destination was removed or replaced while rows were put behind it");
    sheaf__error_source(err, output->path);
    sheaf_error_hint(err, "run again: nothing was written");
    return SHEAF_ECHANGED;
}

/*
 * Look at what is there: *mode is the mode of the file that is replaced, NULL without one. Through
 * a symbolic link, it is the file behind it.
 */
static sheaf_status resolve(sheaf__output *output, const char *path, const mode_t **mode,
                            sheaf_error *err)
{
    struct stat st;
    *mode = NULL;
    sheaf_status status = copy_path(output, path, err);
    if (status < 0)
        return status;
    if (lstat(path, &st) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? SHEAF_OK
                   : sheaf__error_system(err, errno, "cannot examine the destination", path);
    char *real = realpath(path, NULL);
    if (!real)
        return errno == ENOENT
                   ? refuse_kind(output, "a symbolic link that leads to nothing", err)
                   : sheaf__error_system(err, errno, "cannot examine the destination", path);
    status = copy_path(output, real, err);
    free(real);
    if (status < 0)
        return status;
    if (stat(output->path, &st) != 0)
        return sheaf__error_system(err, errno, "cannot examine the destination", path);
    if (S_ISDIR(st.st_mode))
        return sheaf__error_system(err, EISDIR, "cannot write the destination", path);
    if (!S_ISREG(st.st_mode))
        return refuse_kind(output, "a FIFO or a device", err);
    if (!output->replace && !output->appends)
        return already_exists(output, err);
    output->replace = true;
    output->mode = st.st_mode & 07777;
    *mode = &output->mode;
    return output->appends ? lock_kept(output, err) : SHEAF_OK;
}

/*
 * The file is ours, and a lock says so until its last name is given. (A file system without locks
 * has no leftovers that are removed; but where a lock fails once, and not always, we would take
 * what has none for a leftover.) 0, EEXIST: who removes leftovers was quicker, or what failed.
 */
static int lock_temporary(sheaf__output *output)
{
    struct stat st;
    int locked = -1;
    output->lock_fd = fcntl(output->fd, F_DUPFD_CLOEXEC, 0);
    if (output->lock_fd < 0)
        return errno;
    for (int i = 0; i < LOCK_TRIES && locked != 0; i++) {
        locked = flock(output->fd, LOCK_EX | LOCK_NB);
        if (locked != 0 && errno != EINTR && errno != ENOLCK)
            return errno == EWOULDBLOCK ? EEXIST : 0;
    }
    return fstat(output->fd, &st) != 0 || st.st_nlink > 0 ? 0 : EEXIST;
}

static void close_temporary(sheaf__output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    if (output->lock_fd >= 0)
        close(output->lock_fd);
    output->fd = output->lock_fd = -1;
}

static void close_kept(sheaf__output *output)
{
    if (output->kept_fd >= 0)
        close(output->kept_fd);
    output->kept_fd = -1;
}

bool sheaf__output_name_temporary(const char *path, char *temporary, size_t size)
{
    char directory[PATH_MAX];
    directory_of(path, directory, sizeof directory);
    int n = snprintf(temporary, size, "%s/.sheaf-%ld-%llx.tmp", directory, (long)getpid(),
                     (unsigned long long)sheaf__now_ns());
    return n > 0 && (size_t)n < size;
}

static sheaf_status open_temporary(sheaf__output *output, const mode_t *mode, sheaf_error *err)
{
    char directory[PATH_MAX];
    directory_of(output->path, directory, sizeof directory);
    sheaf__leftovers_remove(directory);
    int failure = EEXIST;
    for (int attempt = 0; output->fd < 0 && failure == EEXIST && attempt < 100; attempt++) {
        if (!sheaf__output_name_temporary(output->path, output->temporary,
                                          sizeof output->temporary)) {
            failure = ENAMETOOLONG;
            break;
        }
        /* What replaces a private file is private from its first byte on. */
        output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                          mode ? 0600 : 0666);
        failure = errno;
        if (output->fd >= 0 && (failure = lock_temporary(output)) != 0) {
            close_temporary(output);
            if (failure != EEXIST)
                unlink(output->temporary);
        }
    }
    if (output->fd < 0) {
        output->temporary[0] = '\0';
        return sheaf__error_system(err, failure, "cannot write into the destination's directory",
                                   directory);
    }
    if (mode && fchmod(output->fd, *mode) != 0)
        return sheaf__error_system(err, errno, "cannot set the mode of the destination",
                                   output->path);
    return SHEAF_OK;
}

sheaf_status sheaf__output_open(sheaf__output *output, const sheaf__sink_target *target,
                                sheaf_error *err)
{
    *output = (sheaf__output){.fd = -1, .lock_fd = -1, .kept_fd = -1, .stop = target->stop};
    output->is_file = target->kind == SHEAF__SINK_FILE;
    output->appends = target->if_exists == SHEAF_IF_EXISTS_APPEND;
    output->replace = target->if_exists == SHEAF_IF_EXISTS_REPLACE;
    output->buffer = malloc(SHEAF__OUTPUT_BUFFER_BYTES);
    if (!output->buffer)
        return sheaf__error_memory(err, "a buffer");
    if (!output->is_file) {
        struct stat st;
        output->fd = STDOUT_FILENO;
        output->may_block = fstat(output->fd, &st) == 0 && !S_ISREG(st.st_mode);
        return SHEAF_OK;
    }
    const mode_t *mode;
    sheaf_status status = resolve(output, target->path, &mode, err);
    output->appends = output->appends && status == SHEAF_OK && mode; /* there is something */
    if (status == SHEAF_OK)
        status = open_temporary(output, mode, err);
    return status;
}

sheaf_status sheaf__output_open_sink(sheaf__output *output, const sheaf__sink_target *target,
                                     sheaf__sink **sink, sheaf_error *err)
{
    sheaf__sink *base = *sink;
    sheaf_status status = sheaf__output_open(output, target, err);
    if (status == SHEAF_OK) {
        sheaf_text_escape(target->path, strlen(target->path), base->label, sizeof base->label);
        return SHEAF_OK;
    }
    base->ops->destroy(base);
    *sink = NULL;
    return status;
}

static const char *name_of(const sheaf__output *output)
{
    return output->is_file ? output->path : "standard output";
}

static void fail(sheaf__output *output, int os_error, const char *what)
{
    if (output->failure == SHEAF_OK)
        output->failure = sheaf__error_system(&output->failure_error, os_error, what,
                                              name_of(output));
    /* Of a pipe or a redirection, rows may be out already: there is no advice to give. */
    if (!output->is_file)
        sheaf_error_hint(&output->failure_error, "%s", "");
}

static bool stopped(const sheaf__output *output)
{
    return output->stop && atomic_load_explicit(output->stop, memory_order_relaxed);
}

/* Wait until a write of PIPE_BUF bytes would not block, or the run is cancelled. */
static void wait_writable(const sheaf__output *output)
{
    struct pollfd polled = {.fd = output->fd, .events = POLLOUT};
    while (!stopped(output) && poll(&polled, 1, POLL_MS) == 0)
        continue;
}

/*
 * A write into a pipe must not hold a cancelled run: no more at a time than it takes without
 * blocking.
 */
static ssize_t write_some(const sheaf__output *output, const uint8_t *bytes, size_t n_bytes)
{
    if (!output->may_block)
        return write(output->fd, bytes, n_bytes);
    wait_writable(output);
    if (!stopped(output))
        return write(output->fd, bytes, n_bytes < PIPE_BUF ? n_bytes : PIPE_BUF);
    errno = EINTR;
    return -1;
}

static void write_all(sheaf__output *output, const uint8_t *bytes, size_t n_bytes)
{
    while (n_bytes > 0 && output->failure == SHEAF_OK) {
        if (stopped(output)) {
            output->failure = sheaf_error_set(&output->failure_error, SHEAF_ECANCELLED,
                                              "cancelled");
            return;
        }
        ssize_t n = write_some(output, bytes, n_bytes);
        if (n >= 0) {
            bytes += n;
            n_bytes -= (size_t)n;
            output->n_sent += (uint64_t)n;
        } else if (errno != EINTR && errno != EAGAIN) {
            fail(output, errno, "cannot write");
        }
    }
}

/* Some of the file that is there, by the kernel alone if it can: 0 at its end, -1 and errno. */
static ssize_t copy_some(sheaf__output *output, int from, size_t n_bytes)
{
    ssize_t n = copy_file_range(from, NULL, output->fd, NULL, n_bytes, 0);
    /* Some kernels say 0 of a file that has more: to read is what tells. */
    if (n > 0 ||
        (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP))
        return n;
    if (n_bytes > SHEAF__OUTPUT_BUFFER_BYTES)
        n_bytes = SHEAF__OUTPUT_BUFFER_BYTES;
    n = read(from, output->buffer, n_bytes);
    uint64_t sent = output->n_sent;
    if (n > 0)
        write_all(output, output->buffer, (size_t)n);
    output->n_sent = sent;
    return n;
}

static void end_of_old(sheaf__output *output)
{
    output->failure = sheaf_error_set(&output->failure_error, SHEAF_ECHANGED,
                                      "what is there has become shorter meanwhile");
    sheaf__error_source(&output->failure_error, output->path);
    sheaf_error_hint(&output->failure_error, "run again when nobody writes to it");
}

static void copy_all(sheaf__output *output, int from, uint64_t n_bytes)
{
    bool wants_all = n_bytes == UINT64_MAX;
    while (n_bytes > 0 && output->failure == SHEAF_OK) {
        size_t most = n_bytes < COPIED_AT_ONCE_BYTES ? (size_t)n_bytes : COPIED_AT_ONCE_BYTES;
        ssize_t n = copy_some(output, from, most);
        if (n == 0 && !wants_all && output->failure == SHEAF_OK)
            end_of_old(output);
        if (n == 0)
            return;
        if (n > 0) {
            n_bytes -= (uint64_t)n;
            output->n_sent += (uint64_t)n;
        } else if (errno != EINTR) {
            fail(output, errno, "cannot copy what is there");
        }
        if (stopped(output) && output->failure == SHEAF_OK)
            output->failure = sheaf_error_set(&output->failure_error, SHEAF_ECANCELLED,
                                              "cancelled");
    }
}

sheaf_status sheaf__output_keep(sheaf__output *output, uint64_t n_bytes, sheaf_error *err)
{
    if (!output->appends)
        return SHEAF_OK;
    copy_all(output, output->kept_fd, n_bytes);
    return sheaf__output_status(output, err);
}

void sheaf__output_flush_some(sheaf__output *output)
{
    write_all(output, output->buffer, output->n_buffered);
    output->n_buffered = 0;
}

void sheaf__output_mark(sheaf__output *output)
{
    if (!output->is_file)
        sheaf__output_flush_some(output);
    output->marked = output->n_sent + output->n_buffered;
}

bool sheaf__output_take_back(sheaf__output *output)
{
    if (output->marked >= output->n_sent) {
        output->n_buffered = (size_t)(output->marked - output->n_sent);
        return true;
    }
    if (!output->is_file || output->failure < 0)
        return false;
    if (ftruncate(output->fd, (off_t)output->marked) != 0 ||
        lseek(output->fd, (off_t)output->marked, SEEK_SET) < 0)
        fail(output, errno, "cannot take back what was written");
    output->n_sent = output->marked;
    output->n_buffered = 0;
    return true;
}

void sheaf__output_put(sheaf__output *output, const void *bytes, size_t n_bytes)
{
    if (n_bytes > SHEAF__OUTPUT_BUFFER_BYTES - output->n_buffered)
        sheaf__output_flush_some(output);
    if (n_bytes > SHEAF__OUTPUT_BUFFER_BYTES) {
        write_all(output, bytes, n_bytes);
    } else if (n_bytes > 0) {
        memcpy(output->buffer + output->n_buffered, bytes, n_bytes);
        output->n_buffered += n_bytes;
    }
}

void sheaf__output_fail(sheaf__output *output, sheaf_status status, const sheaf_error *err)
{
    if (output->failure < 0)
        return;
    output->failure = status;
    output->failure_error = *err;
}

sheaf_status sheaf__output_status(const sheaf__output *output, sheaf_error *err)
{
    if (output->failure < 0)
        sheaf__error_copy(err, &output->failure_error);
    return output->failure;
}

static int exchange(const sheaf__output *output)
{
    return renameat2(AT_FDCWD, output->temporary, AT_FDCWD, output->path, RENAME_EXCHANGE);
}

/* A directory that somebody has made meanwhile may be exchanged, but not replaced. */
static int refuse_directory(sheaf__output *output)
{
    struct stat st;
    if (lstat(output->temporary, &st) != 0 || !S_ISDIR(st.st_mode) || exchange(output) != 0)
        return 0;
    output->has_old = false;
    errno = EISDIR;
    return -1;
}

/*
 * Give the file its name. Unless it may replace, it must not: somebody may have made one meanwhile.
 */
static int rename_into_place(sheaf__output *output)
{
    if (output->keeps_old && exchange(output) == 0) {
        output->has_old = true;
        return refuse_directory(output);
    }
    bool is_new = output->keeps_old && errno == ENOENT;
    if (output->replace) {
        int renamed = rename(output->temporary, output->path);
        output->is_new = is_new && renamed == 0;
        return renamed;
    }
    if (renameat2(AT_FDCWD, output->temporary, AT_FDCWD, output->path, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -1;
    /* A file system without that operation: a hard link refuses as well. */
    if (link(output->temporary, output->path) != 0)
        return -1;
    unlink(output->temporary); /* the file is there, whatever becomes of its other name */
    return 0;
}

/*
 * The new name itself should survive a power failure. That is as much as can be done: the file is
 * there, so a failure here does not make it a load that did not happen.
 */
static void sync_directory(const char *path)
{
    char directory[PATH_MAX];
    directory_of(path, directory, sizeof directory);
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)!fsync(fd);
    close(fd);
}

static sheaf_status close_file(sheaf__output *output, sheaf_error *err)
{
    if (!output->is_fleeting && fsync(output->fd) != 0)
        return sheaf__error_system(err, errno, "cannot bring the file to the disk", output->path);
    int closed = close(output->fd);
    output->fd = -1;
    if (closed != 0)
        return sheaf__error_system(err, errno, "cannot close the file", output->path);
    return SHEAF_OK;
}

sheaf_status sheaf__output_settle(sheaf__output *output, const char **path, sheaf_error *err)
{
    *path = output->is_file ? output->temporary : NULL;
    sheaf__output_flush_some(output);
    sheaf_status status = sheaf__output_status(output, err);
    return status == SHEAF_OK && output->is_file && output->fd >= 0 ? close_file(output, err)
                                                                    : status;
}

sheaf_status sheaf__output_commit(sheaf__output *output, sheaf_error *err)
{
    const char *path;
    sheaf_status status = sheaf__output_settle(output, &path, err);
    if (status < 0 || !output->is_file)
        return status;
    if (output->kept_fd >= 0 && !is_in_place(output))
        return moved_away(output, err);
    if (rename_into_place(output) != 0)
        return errno == EEXIST
                   ? already_exists(output, err)
                   : sheaf__error_system(err, errno, "cannot rename the file", output->path);
    if (!output->has_old)
        output->temporary[0] = '\0';
    close_temporary(output);
    close_kept(output);
    if (!output->is_fleeting)
        sync_directory(output->path);
    return SHEAF_OK;
}

void sheaf__output_undo(sheaf__output *output)
{
    if (output->has_old)
        (void)exchange(output);
    else if (output->is_new)
        unlink(output->path);
    output->has_old = output->is_new = false;
}

void sheaf__output_abort(sheaf__output *output)
{
    /* What a pipe was promised before the fault it gets: the rows that precede it. */
    if (!output->is_file && output->fd >= 0)
        sheaf__output_flush_some(output);
    if (output->temporary[0])
        unlink(output->temporary);
    output->temporary[0] = '\0';
    if (output->is_file) {
        close_temporary(output);
        close_kept(output);
    }
    output->fd = -1;
}

void sheaf__output_end(sheaf__output *output)
{
    sheaf__output_abort(output);
    free(output->buffer);
    output->buffer = NULL;
}
