/*
 * What a load records in a trace, if there is one: see <sheaf/trace.h>.
 *
 * Rows of the merge's thread: "merge", "sink" and "waits". Those of threads that read are made by
 * the executor. A worker process records what it does beside its answer, and sends it along: both
 * look at the same clock, so that the times are right here, too; its row is made here, when the
 * first of its answers comes. What it did for an answer that nobody took is not told.
 */
#ifndef SHEAF_INGEST_TRACED_H
#define SHEAF_INGEST_TRACED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/executor.h>
#include <sheaf/trace.h>

typedef struct sheaf__chunk sheaf__chunk;
typedef struct sheaf__load_file sheaf__load_file;
typedef struct sheaf_file sheaf_file;

/* What is done with a file; events are called so. */
typedef enum sheaf__work {
    SHEAF__WORK_SNIFF, /* it is opened, its dialect found out, its header read */
    SHEAF__WORK_OPEN,  /* the same, but the dialect is known; or a range is opened */
    SHEAF__WORK_GUESS, /* where a record of a range begins */
    SHEAF__WORK_SURVEY,
    SHEAF__WORK_READ,
    SHEAF__WORK_CONVERT, /* within: text to values */
    SHEAF__WORK_FORMAT,  /* within: rows as the text of the destination */
    SHEAF__WORKS
} sheaf__work;

/* Where a load's events go: the merge's thread only. All of it is NULL without a trace. */
typedef struct sheaf__traced {
    sheaf_trace *trace;
    sheaf_trace_row *merge;
    sheaf_trace_row *sink;
    sheaf_trace_row *waits; /* NULL, too, if the merge's thread does the work itself */
    struct sheaf__traced_process *processes;
    size_t n_processes;
} sheaf__traced;

void sheaf__traced_begin(sheaf__traced *traced, sheaf_trace *trace);
void sheaf__traced_end(sheaf__traced *traced);

/* There are others who work: it may have to wait for them. */
void sheaf__traced_expect_waits(sheaf__traced *traced);

/* A part of the run is over, that began at *begun; the next one begins. If it was no moment. */
void sheaf__traced_phase(sheaf_trace_row *row, int64_t *begun, const char *name);

/* `what` (or NULL: something) of a file was waited for; moments are not worth telling. */
void sheaf__traced_wait(const sheaf__traced *traced, int64_t begun, const char *what,
                        const sheaf_file *file, uint64_t first_byte);

/* As many records of a file, as far as it is known, were written, merged, ... */
void sheaf__traced_records(sheaf_trace_row *row, int64_t begun, const char *what, const char *path,
                           uint64_t n_records);

/* ---- workers ---- */

/* Something that a worker does with a chunk; a row that is NULL: nobody is told. */
typedef struct sheaf__span {
    sheaf_trace_row *row;
    int64_t begun;
    const sheaf__chunk *chunk;
    bool reads; /* records, from the chunk's reader: */
    uint64_t first_byte;
    uint64_t text_bytes; /* before it began, like the next */
    uint64_t records;
} sheaf__span;

sheaf__span sheaf__span_begin(const sheaf_worker *worker, const sheaf__chunk *chunk);
sheaf__span sheaf__span_begin_reading(const sheaf_worker *worker, const sheaf__chunk *chunk);
void sheaf__span_end(const sheaf__span *span, sheaf__work work);

/* ---- worker processes ---- */

/* What goes along with an answer. */
typedef struct sheaf__remote_event {
    int64_t begun_ns;
    int64_t ended_ns;
    uint64_t work;
    uint64_t first_byte;
    uint64_t bytes;
    uint64_t records;
} sheaf__remote_event;

/* All events of the row, malloc's, and forget them. *n is 0: none, or no memory. */
sheaf__remote_event *sheaf__traced_pack(sheaf_trace_row *row, size_t *n);

/* Events of a worker, of this index and process, about a file. */
void sheaf__traced_unpack(sheaf__traced *traced, int index, int64_t process_id,
                          const sheaf_file *file, const sheaf__remote_event *events, size_t n);

#endif
