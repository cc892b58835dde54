/*
 * What the library itself uses to fill a sheaf_error, beside the public sheaf_error_set().
 */
#ifndef SHEAF_CORE_ERROR_H
#define SHEAF_CORE_ERROR_H

#include <sheaf/status.h>

/* The path that the error is about; escaped here, a long one keeps its end. */
void sheaf__error_source(sheaf_error *err, const char *path);

/*
 * A system call failed: the message is "<what>: <strerror(os_error)>", the source is `path` (or
 * NULL). The status is ENOENT, EEXIST, ENOMEM, EPIPE, ERESOURCE (no descriptor left) where errno
 * says so, EIO for everything else.
 */
sheaf_status sheaf__error_system(sheaf_error *err, int os_error, const char *what,
                                 const char *path);

/* There is no memory for `what`. */
sheaf_status sheaf__error_memory(sheaf_error *err, const char *what);

/*
 * A line of source to show, and the byte in it that is meant; cut around that byte and escaped
 * here.
 */
void sheaf__error_excerpt(sheaf_error *err, const char *line, size_t n_bytes, size_t caret);

/* Copy; either side may be NULL. */
void sheaf__error_copy(sheaf_error *to, const sheaf_error *from);

#endif
