/*
 * One run of an ingest: what its three parts share.
 *
 *     ingest.c      the public functions, and the order of the phases
 *     read_task.c   what runs on the workers: a file in, a chunk of its rows out
 *     ask.c         how a chunk is asked for: of a thread, or of another process
 *     remote.c      the same tasks in another process: what goes there and what comes back
 *     typing.c      what the user said about values
 *     types.c       types: found out by reading everything, and values of these types
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

#include <sheaf/ingest.h>
#include <sheaf/map.h>

#include "engine/core/freelist.h"
#include "engine/ingest/typing.h"
#include "engine/sinks/sink.h"
#include "engine/table/columns.h"
#include "engine/table/schema.h"
#include "readers/reader.h"

typedef struct sheaf__load sheaf__load;
typedef struct sheaf__chunk sheaf__chunk;

/* What is known of a file between its tasks. Used by one task or by the merge at a time. */
typedef struct sheaf__load_file {
    sheaf__load *load;
    const sheaf_file *found;
    sheaf__reader *reader; /* of a stream whose header was read: it cannot be opened twice */
    sheaf__chunk *faulty;  /* with a fault that was met early, until the file's turn comes */
    uint32_t layout;       /* once the header is known; SHEAF__NO_NAME before, and without one */
    bool header_read;
    bool here; /* among files that processes read: this one only we can open */
} sheaf__load_file;

/* What a task hands to the merge. */
struct sheaf__chunk {
    sheaf__load_file *file;
    sheaf__batch *header;    /* with the first chunk of a file that has one */
    sheaf__batch *batch;     /* rows; NULL when the sink does not want them, or there are none */
    sheaf__columns *columns; /* or so, for a sink that wants them typed */
    sheaf__kinds *kinds;     /* with the last chunk of a survey: what the file's columns hold */
    size_t n_kinds;
    sheaf__reader *reader;     /* goes on after these rows; NULL when the file is done, or remote */
    bool more;                 /* there may be rows after these */
    sheaf__reader_position at; /* where these begin, if they are remote */
    sheaf__reader_counts counts; /* so far */
    sheaf_error *fault;          /* behind the rows; NULL without one */
    bool lost;                   /* with its process: the fault is all there is */
    bool flush;                  /* a stream has no more for now: let its rows be seen */
};

/* What a run shares with the processes that read for it. */
typedef struct sheaf__shared {
    atomic_bool stop;
    atomic_ullong read_bytes; /* for progress */
} sheaf__shared;

/* What a worker keeps. */
typedef struct sheaf__load_worker {
    sheaf__parser *parser;
    void *remote; /* in another process: see remote.c */
} sheaf__load_worker;

/* What is asked of a worker. */
typedef enum sheaf__ask { SHEAF__ASK_HEADER, SHEAF__ASK_FIRST, SHEAF__ASK_MORE } sheaf__ask;

struct sheaf__load {
    const sheaf_ingest_options *options; /* const during a run, like all up to the free lists */
    const sheaf_files *files;
    sheaf__load_file *states;             /* one for each file */
    sheaf__reader_options reader_options; /* but for what a file itself decides */
    sheaf__shared *shared;
    sheaf_executor *executor;
    sheaf_executor *stream_executor; /* threads, beside processes; made when needed */
    bool remote;                     /* files are read by processes */
    bool wants_rows;                 /* the sink does */
    bool wants_columns;              /* it wants them typed */
    bool surveys;                    /* all values are to be looked at before the first row */
    bool infers;                     /* types are found out; else they are text, or asked for */
    sheaf__typing typing;
    const sheaf_type *types; /* of the united columns: once they are known, before the rows */
    const bool *asked;       /* which of them the user asked for */
    const bool *nullable;
    sheaf__sink *sink;
    size_t chunk_bytes;
    size_t window; /* files in flight */

    sheaf__freelist readers; /* any thread */
    sheaf__freelist batches;
    sheaf__freelist columns;

    sheaf__schema schema; /* the merge's thread only, like all below */
    sheaf_summary *summary;
    atomic_ullong *records_done; /* for progress */
    atomic_ullong *files_done;
};

/* ---- read_task.c ---- */

/* Whether every file is read to its end before the first row is written. */
bool sheaf__load_reads_twice(const sheaf__load *load);

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

/* The rows behind a position, by any worker. */
sheaf_status sheaf__load_at(sheaf_worker *worker, sheaf__load_file *file,
                            const sheaf__reader_position *position, void **chunk, sheaf_error *err);

sheaf__chunk *sheaf__chunk_create(sheaf__load_file *file); /* NULL: no memory */

/* A chunk that is nothing but a fault of its file. Takes the error's text over by copy. */
sheaf__chunk *sheaf__chunk_of_fault(sheaf__load_file *file, const sheaf_error *fault);

/* A batch of the run's, empty; NULL when there is no memory. */
sheaf__batch *sheaf__load_take_batch(sheaf__load *load, const sheaf__heap *heap);
void sheaf__load_give_batch(sheaf__load *load, sheaf__batch *batch); /* NULL is allowed */

/* Give back everything a chunk holds; NULL is allowed. */
void sheaf__chunk_release(void *chunk);

/* Give back its rows: what is left is its counts and its fault. */
void sheaf__chunk_strip(sheaf__chunk *chunk);

/* The index of a file in the list. */
size_t sheaf__load_index(const sheaf__load_file *file);

/* ---- types.c ---- */

/*
 * Read the rest of the chunk's file, keeping nothing, and find out what its columns hold.
 *
 * Returns    END: all of it is good; a fault; what a task fails with.
 */
sheaf_status sheaf__survey_file(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                sheaf_error *err);

/* All headers are united, all files surveyed: what are the types? EINVAL, ENOMEM. */
sheaf_status sheaf__types_decide(sheaf__load *load, sheaf_error *err);

/* Put columns in the place of the chunk's batch. OK; a fault of the file; ENOMEM. */
sheaf_status sheaf__chunk_fill(sheaf__load *load, sheaf__chunk *chunk, const sheaf__heap *heap,
                               sheaf_error *err);

/* ---- ask.c ---- */

/* Submit what reads on behind a chunk; NULL when nothing does. */
sheaf_status sheaf__ask_more(sheaf__load *load, sheaf__chunk *before, sheaf_future **future,
                             sheaf_error *err);

/*
 * A task has ended with this status, result and *err: the chunk of its file. A process that was
 * lost is a fault of the file that it was reading; every other failure is the run's.
 */
sheaf_status sheaf__ask_answer(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                               sheaf_status status, void *result, sheaf__chunk **chunk,
                               sheaf_error *err);

/* Map a task over all files. */
typedef struct sheaf__ask_cursor {
    sheaf__load *load;
    sheaf__ask what;
    size_t next;  /* to be asked */
    size_t taken; /* answers so far */
    sheaf_map *map;
} sheaf__ask_cursor;

sheaf_status sheaf__ask_open(sheaf__load *load, sheaf__ask what, sheaf__ask_cursor *cursor,
                             sheaf_error *err);
/* OK with the next file's chunk, END, or the run's failure. */
sheaf_status sheaf__ask_next(sheaf__ask_cursor *cursor, sheaf__chunk **chunk, sheaf_error *err);
void sheaf__ask_close(sheaf__ask_cursor *cursor);

/* The executor, by the options. */
sheaf_status sheaf__ask_start(sheaf__load *load, int shared_fd, sheaf_error *err);

/* ---- merge.c ---- */

/* Phase one, for sinks that must know all columns before the first row: read every header. */
sheaf_status sheaf__merge_headers(sheaf__load *load, sheaf_error *err);

/* Phase two: read every file into the sink. */
sheaf_status sheaf__merge_rows(sheaf__load *load, sheaf_error *err);

/* Before the commit: EACCOUNT unless every record is accounted for. */
sheaf_status sheaf__merge_verify(const sheaf__load *load, sheaf_error *err);

#endif
