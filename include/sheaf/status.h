/*
 * Statuses and errors.
 *
 * Every fallible function returns a sheaf_status. A negative one is a failure; OK and END are not.
 * Test with `< 0`. What failed, and where, is written into a sheaf_error on the caller's stack:
 * filled once, where the failure was first seen. `err` may be NULL wherever a function takes one.
 *
 * An error says four things: where (source, line, record, column, byte offset), what (message), why
 * (in the message, or os_error), and how to go on (hint). All text in it is already safe to print
 * on a terminal: control bytes and bytes that are not UTF-8 are escaped (<sheaf/text.h>).
 */
#ifndef SHEAF_STATUS_H
#define SHEAF_STATUS_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/* X(name, value, what it means) */
#define SHEAF_STATUS_LIST(X)                                                                       \
    X(OK, 0, "success")                                                                            \
    X(END, 1, "no more items")                                                                     \
    /* the caller or the machine */                                                                \
    X(EINVAL, -1, "invalid argument")                                                              \
    X(ENOMEM, -2, "out of memory")                                                                 \
    X(EIO, -3, "input or output failed")                                                           \
    X(ENOENT, -4, "not found")                                                                     \
    X(EEXIST, -5, "already exists")                                                                \
    X(EPIPE, -6, "the reader of the output went away")                                             \
    X(ERESOURCE, -7, "the process may not have more of something")                                 \
    /* futures and executors */                                                                    \
    X(ETIMEDOUT, -20, "timed out")                                                                 \
    X(ECANCELLED, -21, "cancelled")                                                                \
    X(ETASK, -22, "the task failed")                                                               \
    X(ESTATE, -23, "not possible in this state")                                                   \
    X(ESHUTDOWN, -24, "the executor was shut down")                                                \
    X(EBROKEN, -25, "the executor is broken")                                                      \
    X(EEXIT, -26, "the process is exiting")                                                        \
    X(EDEADLK, -27, "would wait for itself")                                                       \
    X(EFORKED, -28, "belongs to the parent process")                                               \
    X(EWORKER, -29, "the worker was lost")                                                         \
    X(EAGAIN, -30, "the queue is full")                                                            \
    /* faults in the data */                                                                       \
    X(ESHAPE, -40, "a record has not as many fields as the header")                                \
    X(EQUOTE, -41, "a quote is never closed")                                                      \
    X(EENCODING, -42, "the bytes are not valid text")                                              \
    X(ELIMIT, -43, "a limit was exceeded")                                                         \
    X(ECOMPRESSED, -44, "the compressed data is damaged")                                          \
    X(ECHANGED, -45, "the file changed while it was read")                                         \
    X(ETYPE, -46, "a value is not of the type that was asked for")                                 \
    X(ECOLUMNS, -48, "the columns are not those of the first file")                                \
    /* the destination */                                                                          \
    X(EDATABASE, -60, "the database refused")                                                      \
    X(EACCOUNT, -61, "the records do not add up")                                                  \
    X(EQUARANTINE, -62, "the quarantine cannot be understood")

typedef enum sheaf_status {
#define SHEAF_STATUS_ENUM(name, value, text) SHEAF_##name = value,
    SHEAF_STATUS_LIST(SHEAF_STATUS_ENUM)
#undef SHEAF_STATUS_ENUM
} sheaf_status;

/*
 * An offset that is not known. Lines, records and fields count from 1, so 0 says "not known" there.
 */
#define SHEAF_UNKNOWN UINT64_MAX

typedef struct sheaf_error {
    sheaf_status status;
    int os_error;           /* errno of the system call that failed, or 0 */
    uint64_t line;          /* physical line, from 1; 0 = not known */
    uint64_t line_byte;     /* byte in that line, from 1; 0 = not known */
    uint64_t record;        /* data record (the header is not one), from 1; 0 = not known */
    uint64_t field;         /* field in the record, from 1; 0 = not known */
    uint64_t offset_bytes;  /* from the first byte of the source, from 0; SHEAF_UNKNOWN = not known.
                               Of the stored bytes for ECOMPRESSED, else of the text */
    uint32_t excerpt_caret; /* index into excerpt of the byte that is meant */
    char source[512];       /* the file; a long path keeps its end */
    char column[96];        /* the column's name */
    char message[320];      /* what and why, a sentence without a full stop */
    char hint[320];         /* how to go on, same form; may be empty */
    char excerpt[128];      /* the source line around the caret; may be empty */
} sheaf_error;

/*
 * The name of a status, "ECOMPRESSED", and what it means, "the compressed data is damaged".
 *
 * Returns    static text; "?" for a number that is not a status.
 * Threads    any.
 */
SHEAF_API const char *sheaf_status_name(sheaf_status status);
SHEAF_API const char *sheaf_status_text(sheaf_status status);

/*
 * Empty an error: status OK, nothing known.
 *
 * Threads    any; NULL is allowed.
 */
SHEAF_API void sheaf_error_clear(sheaf_error *err);

/*
 * Fill an error from inside a task or a source of one's own: clears it, sets the status and the
 * message.
 *
 * Returns    the status, so that a function can end with `return sheaf_error_set(err, ...)`.
 * Threads    any; err may be NULL.
 */
SHEAF_API sheaf_status sheaf_error_set(sheaf_error *err, sheaf_status status, const char *format,
                                       ...) __attribute__((format(printf, 3, 4)));

/* Add the hint (how to go on) to an error that sheaf_error_set filled. NULL is allowed. */
SHEAF_API void sheaf_error_hint(sheaf_error *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Write an error as people read it, several lines, each ended by a newline:
 *
 *     error: record 38 has 7 fields, the header has 6
 *       --> 2014/bexar.csv:39:22 (byte 2114, record 38, column "candidate")
 *        39 | U.S. Representative,10,"Ronnie ""R"" Gjemre,FALSE,REP,2759
 *           |                        ^
 *       help: --on-error skip-file leaves such files out
 *
 * Shape      a header line always; the others when something is known.
 * Returns    the number of bytes the whole text has, as snprintf does; at most size - 1 are
 *            written, and a NUL if size > 0.
 * Threads    any.
 */
SHEAF_API size_t sheaf_error_format(const sheaf_error *err, char *text, size_t size);

SHEAF_END_DECLS

#endif
