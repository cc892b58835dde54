/*
 * One run of an ingest: what its three parts share.
 *
 *     ingest.c      the public functions, and the order of the phases
 *     read_task.c   what runs on the workers: a file in, a chunk of its rows out
 *     merge.c       what runs in the caller's thread: chunks in file order into the sink, accounts
 *
 * A chunk is the unit of work: about chunk_bytes of a file's rows. A file that is larger gives
 * several, one after the other: when the merge takes a chunk, it submits the reading of the next
 * one and then writes what it has, so reading and writing overlap. Files behind the one whose turn
 * it is are read one chunk ahead, as many of them as the window has room for; so memory is bounded
 * by the window, whatever the files' sizes.
 */
#ifndef SHEAF_LOAD_H
#define SHEAF_LOAD_H

#include <stdatomic.h>

#include <sheaf/executor.h>
#include <sheaf/ingest.h>

#include "engine/core/freelist.h"
#include "engine/sinks/sink.h"
#include "engine/table/schema.h"
#include "readers/reader.h"

typedef struct sheaf__load sheaf__load;
typedef struct sheaf__chunk sheaf__chunk;

/* What is known of a file between its tasks. Used by one task or by the merge at a time. */
typedef struct sheaf__load_file {
    sheaf__load *load;
    sheaf__reader *reader; /* of a stream whose header was read: it cannot be opened twice */
    sheaf__chunk *faulty;  /* with a fault that was met early, until the file's turn comes */
    uint32_t layout;       /* once the header is known; SHEAF__NO_NAME before, and without one */
    bool header_read;
} sheaf__load_file;

/* What a task hands to the merge. */
struct sheaf__chunk {
    sheaf__load_file *file;
    sheaf__batch *header;  /* with the first chunk of a file that has one */
    sheaf__batch *batch;   /* rows; NULL when the sink does not want them, or there are none */
    sheaf__reader *reader; /* goes on after these rows; NULL when the file is done */
    sheaf__reader_counts counts; /* so far */
    sheaf_error *fault;          /* behind the rows; NULL without one */
    bool flush;                  /* a stream has no more for now: let its rows be seen */
};

struct sheaf__load {
    const sheaf_ingest_options *options; /* const during a run, like all up to the free lists */
    const sheaf_files *files;
    sheaf__load_file *states;             /* one for each file */
    sheaf__reader_options reader_options; /* but for what a file itself decides */
    atomic_ullong *read_bytes;            /* for progress */
    sheaf_executor *executor;
    sheaf__sink *sink;
    size_t chunk_bytes;
    size_t window; /* files in flight */

    sheaf__freelist readers; /* any thread */
    sheaf__freelist batches;

    sheaf__schema schema; /* the merge's thread only, like all below */
    sheaf_summary *summary;
    const atomic_bool *stop;
    atomic_ullong *records_done; /* for progress */
    atomic_ullong *files_done;
};

/* ---- read_task.c ---- */

/* Worker hooks: the parser is the worker's local. */
sheaf_status sheaf__load_init_worker(sheaf_worker *worker, void *load, sheaf_error *err);
void sheaf__load_end_worker(sheaf_worker *worker, void *load);

/*
 * Tasks. The first two take a sheaf__load_file; the third takes the chunk before, whose reader it
 * takes over. Each gives a sheaf__chunk. A fault in the file is part of the chunk, not a failure of
 * the task; tasks fail with ENOMEM, ERESOURCE and ECANCELLED only.
 */
sheaf_status sheaf__load_header(sheaf_worker *worker, void *file, void **chunk, sheaf_error *err);
sheaf_status sheaf__load_first(sheaf_worker *worker, void *file, void **chunk, sheaf_error *err);
sheaf_status sheaf__load_more(sheaf_worker *worker, void *reader_of, void **chunk,
                              sheaf_error *err);

/* Give back everything a chunk holds; NULL is allowed. */
void sheaf__chunk_release(void *chunk);

/* Give back its batches: what is left is its counts and its fault. */
void sheaf__chunk_strip(sheaf__chunk *chunk);

/* The index of a file in the list. */
size_t sheaf__load_index(const sheaf__load_file *file);

/* ---- merge.c ---- */

/* Phase one, for sinks that must know all columns before the first row: read every header. */
sheaf_status sheaf__merge_headers(sheaf__load *load, sheaf_error *err);

/* Phase two: read every file into the sink. */
sheaf_status sheaf__merge_rows(sheaf__load *load, sheaf_error *err);

/* Before the commit: EACCOUNT unless every record is accounted for. */
sheaf_status sheaf__merge_verify(const sheaf__load *load, sheaf_error *err);

#endif
