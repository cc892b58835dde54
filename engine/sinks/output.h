/*
 * Bytes out: a buffered file that appears whole or not at all, or standard output.
 *
 * A file is written under a temporary name in the directory of the destination ("."-hidden, so that
 * discovery passes it over), synchronised, and renamed. As long as its process lives it is locked
 * (flock(2)): one that is not is left over from a process that was killed, and whoever writes into
 * the same directory next removes it. What stays, because more is put behind it, is locked, too: of
 * two runs that append, one would lose the other's rows. Failures are kept, as stdio does: after
 * the first, put() does nothing, and the next call that returns a status tells.
 */
#ifndef SHEAF_SINKS_OUTPUT_H
#define SHEAF_SINKS_OUTPUT_H

#include <limits.h>
#include <stdint.h>
#include <sys/types.h>

#include "engine/sinks/sink.h"

typedef struct sheaf__output {
    int fd;
    bool is_file;   /* written under a temporary name; false: standard output */
    bool may_block; /* a pipe, terminal or socket: its reader may be slow */
    bool replace;
    bool appends;             /* what is there stays, before all that is put */
    bool keeps_old;           /* for undo; its owner says so before commit */
    bool has_old;             /* after commit: under the temporary name is what was replaced */
    bool is_new;              /* after commit: nothing was */
    bool is_fleeting;         /* it need not survive a power failure: set after open */
    mode_t mode;              /* of the file that is replaced */
    char path[PATH_MAX];      /* where the file will be: symbolic links are followed */
    char temporary[PATH_MAX]; /* "" when there is none */
    int lock_fd;              /* says that it is not left over; -1: closed */
    int kept_fd;              /* what stays, locked: nobody else puts anything behind it; or -1 */
    uint8_t *buffer;
    size_t n_buffered;
    uint64_t n_sent; /* out of the buffer */
    uint64_t marked; /* bytes, at the last mark */
    const atomic_bool *stop;
    sheaf_status failure;
    sheaf_error failure_error;
} sheaf__output;

sheaf_status sheaf__output_open(sheaf__output *output, const sheaf__sink_target *target,
                                sheaf_error *err);

/* That of a sink, which is labelled; or, if that fails, destroyed, and *sink is NULL. */
sheaf_status sheaf__output_open_sink(sheaf__output *output, const sheaf__sink_target *target,
                                     sheaf__sink **sink, sheaf_error *err);

void sheaf__output_put(sheaf__output *output, const void *bytes, size_t n_bytes);

/*
 * If what is there is to stay: copy so many bytes of it, or UINT64_MAX: all, before anything is
 * put. OK, EIO, ECANCELLED.
 */
sheaf_status sheaf__output_keep(sheaf__output *output, uint64_t n_bytes, sheaf_error *err);

/* One byte, into a buffer that nearly always has room. */
void sheaf__output_flush_some(sheaf__output *output);
enum { SHEAF__OUTPUT_BUFFER_BYTES = 256 << 10 };
static inline void sheaf__output_byte(sheaf__output *output, char byte)
{
    if (output->n_buffered == SHEAF__OUTPUT_BUFFER_BYTES)
        sheaf__output_flush_some(output);
    output->buffer[output->n_buffered++] = (uint8_t)byte;
}

/*
 * From here on bytes may be taken back; and take them back. Of standard output that can be done as
 * long as they are in the buffer, all of which is free at a mark: how many they are decides it, and
 * not in which pieces they were put. False: it cannot be done.
 */
void sheaf__output_mark(sheaf__output *output);
bool sheaf__output_take_back(sheaf__output *output);

/* Whoever puts has failed: that is then the failure, unless there is one. */
void sheaf__output_fail(sheaf__output *output, sheaf_status status, const sheaf_error *err);

/* The first failure so far, if any. */
sheaf_status sheaf__output_status(const sheaf__output *output, sheaf_error *err);

/*
 * Bring all of it to the disk, so that of commit only the renaming is left. Nothing is put then.
 * *path: what it is called until then; NULL: it is standard output.
 */
sheaf_status sheaf__output_settle(sheaf__output *output, const char **path, sheaf_error *err);

/* Write what is buffered and make the file appear. */
sheaf_status sheaf__output_commit(sheaf__output *output, sheaf_error *err);

/*
 * After commit, if the file keeps the old one: as if that had not been. As far as it can be: on a
 * file system that cannot exchange two files nothing is undone of one that replaced another.
 */
void sheaf__output_undo(sheaf__output *output);

/* A name for a temporary file beside a path. False: it is too long. */
bool sheaf__output_name_temporary(const char *path, char *temporary, size_t size);

/*
 * Forget what was written: a temporary file goes. What is buffered for standard output is still
 * sent, since it precedes whatever failed. Also after commit, and on a half-open output.
 */
void sheaf__output_abort(sheaf__output *output);

/* Give back the buffer. */
void sheaf__output_end(sheaf__output *output);

#endif
