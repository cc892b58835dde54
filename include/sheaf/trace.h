/*
 * Traces: what each worker did, and when, as a picture.
 *
 *     sheaf_trace *trace;
 *     sheaf_trace_open(&(sheaf_trace_options){.size = sizeof(sheaf_trace_options),
 *                                             .path = "trace.json",
 *                                             .sources = files}, &trace, &err)
 *     ... .trace = trace in the options of an ingest, a retry, an executor
 *     sheaf_trace_close(trace, &err)
 *
 * The file is in the Trace Event Format, JSON, which https://ui.perfetto.dev and chrome://tracing
 * show. It has rows: "merge" (the caller's thread: phases, and the files in their order), "sink"
 * (rows are written), "waits" (for whom the merge, or the sink, had to wait), and one for each
 * worker, called as its thread is. In a row there are events, one behind the other or one inside
 * the other: what was done ("sniff", "survey", "read", "format", ...), to which file, from which
 * byte of its text on, how many bytes and records; or "idle": a thread had nothing to do. Where its
 * row is empty it was not let run (the machine had other work), or did what is not worth a name.
 *
 * An event is kept in memory of its row's own, without a lock, until the trace is closed. There is
 * room for so many; of those that come behind them, the file tells how many they were.
 */
#ifndef SHEAF_TRACE_H
#define SHEAF_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/export.h>
#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_trace sheaf_trace;
typedef struct sheaf_trace_row sheaf_trace_row;
typedef struct sheaf_files sheaf_files; /* <sheaf/discover.h> */

typedef struct sheaf_trace_options {
    size_t size;                /* sizeof(sheaf_trace_options) */
    const char *path;           /* of the file; one that is there is replaced */
    const sheaf_files *sources; /* it must be none of these; or NULL */
    size_t events_max;          /* that are kept, of 56 bytes; 0: 1,048,576 */
} sheaf_trace_options;

/*
 * Make the file ready: under another name, so that what is there stays until the trace is closed.
 *
 * Returns    OK; EINVAL (no path; it is one of the sources), EEXIST (no file can be there: a
 *            device, a FIFO), ENOENT, EIO, ENOMEM.
 * Ownership  *trace is the caller's, to end with sheaf_trace_close(), when all that records in it
 *            has ended: runs have come back, executors were destroyed.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_trace_open(const sheaf_trace_options *options,
                                                         sheaf_trace **trace, sheaf_error *err);

/* ---- for who runs tasks of his own ---- */

/*
 * One more row.
 *
 * Returns    the row; NULL when there is no memory, there are 4,096 already, or `trace` is NULL. A
 *            row that is NULL records nothing.
 * Ownership  the trace's. The name is copied.
 * Threads    any. In a row one thread at a time may record.
 */
SHEAF_API sheaf_trace_row *sheaf_trace_add_row(sheaf_trace *trace, const char *name);

typedef struct sheaf_trace_event {
    const char *name;    /* what was done. Both texts must live until the trace is closed */
    const char *file;    /* NULL: to none */
    uint64_t first_byte; /* SHEAF_UNKNOWN: it is not known, or there is none; so the next two */
    uint64_t bytes;
    uint64_t records;
} sheaf_trace_event;

/* The time, for what begins now; 0 for a row that is NULL, without asking the clock. */
SHEAF_API int64_t sheaf_trace_now(const sheaf_trace_row *row);

/*
 * Something is done that began then. Events of a row must not overlap, unless one lies within the
 * other.
 */
SHEAF_API void sheaf_trace_add(sheaf_trace_row *row, int64_t begun, const sheaf_trace_event *event);

/* ---- the end ---- */

/*
 * Write the file, and end the trace, whatever comes back. NULL is allowed. If a run has refused the
 * trace, because its file is one that the run writes, nothing is written: OK.
 *
 * Returns    OK; EIO, ENOMEM: there is no new file.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_trace_close(sheaf_trace *trace, sheaf_error *err);

/* End the trace without a file: what is there stays. NULL is allowed. */
SHEAF_API void sheaf_trace_discard(sheaf_trace *trace);

SHEAF_END_DECLS

#endif
