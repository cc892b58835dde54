/*
 * Reading in another process: what is asked and what is answered.
 *
 * A question is one call (<sheaf/call.h>): read the header of a file, its first chunk, the chunk
 * behind a position, or a range. The answer is the chunk as bytes: its batches, its counts, its
 * fault. A worker process keeps nothing that an answer depends on. It does keep a few readers open
 * where they stopped, so that going on costs nothing when the same process is asked; another one
 * opens the file at the position. (A gzip file is then inflated from its beginning, and read on for
 * as much again, so that in all about twice the file is inflated, not the square of it.)
 *
 * The flag that stops a run and the bytes that were read are shared with the workers, in a page of
 * memory that they find by the parent's descriptor of it.
 */
#ifndef SHEAF_INGEST_REMOTE_H
#define SHEAF_INGEST_REMOTE_H

#include <sheaf/call.h>

#include "engine/ingest/load.h"

extern const sheaf_function sheaf__remote_functions[];
enum {
    SHEAF__REMOTE_BEGIN,
    SHEAF__REMOTE_END,
    SHEAF__REMOTE_READ,
    SHEAF__REMOTE_SKIP,
    SHEAF__REMOTE_FUNCTIONS
};

/* What a worker process is told once; then comes what typing.h packs. */
typedef struct sheaf__remote_settings {
    uint64_t record_bytes_max;
    uint64_t chunk_bytes;
    uint64_t range_bytes;
    uint64_t blocks_range_bytes;
    int32_t on_error;
    int32_t parser;
    int32_t parent;
    int32_t shared_fd; /* of the parent */
    uint32_t fixes;
    bool wants_rows;
    bool surveys;
    bool sets_aside;
    bool judges;
    bool digests;
    bool traces;
} sheaf__remote_settings;

/*
 * What it is asked. There follow the columns whose types were asked for; if a digest is wanted and
 * the table is known, where the table's columns are in the file; the path, with its NUL; and so its
 * encoding, if that was given.
 */
typedef struct sheaf__remote_question {
    uint32_t what; /* a sheaf__ask */
    uint32_t kind; /* of the file */
    uint32_t pass; /* a sheaf__pass */
    bool guess;    /* of ASK_RANGE */
    uint64_t end_bytes;
    uint64_t index;
    uint64_t n_asked;
    uint64_t n_from; /* columns of the table */
    uint64_t n_path;
    uint64_t size_bytes;
    int64_t mtime_ns;
    uint64_t device;
    uint64_t inode;
    sheaf__reader_position
        at; /* of ASK_MORE, and of ASK_RANGE; of all: what is known of the dialect */
} sheaf__remote_question;

/* The size of a batch, whose cells, bytes and places follow, each filled up to a multiple of 8. */
typedef struct sheaf__remote_batch {
    uint64_t n_rows;
    uint64_t n_columns;
    uint64_t n_cells;
    uint64_t n_bytes;
    bool has_places;
} sheaf__remote_batch;

/*
 * What it answers; then come, as far as they are there, the events, the header's batch, the rows'
 * batch, the kinds, the rejects and the fault.
 */
typedef struct sheaf__remote_answer {
    sheaf__reader_counts counts;
    sheaf__reader_position at; /* behind these rows, if there are more */
    sheaf__reader_position begin;
    sheaf__reader_position end;
    sheaf__digest digest;
    bool split;
    bool dense;
    bool has_header;
    bool has_batch;
    bool has_fault;
    bool misjudged;
    bool more;
    int32_t worker; /* who answers */
    int32_t process;
    uint64_t n_events; /* for a trace */
    uint64_t n_kinds;
    uint64_t n_rejects; /* faults, and then their bytes */
    uint64_t n_reject_bytes;
    sheaf__remote_batch header;
    sheaf__remote_batch batch;
} sheaf__remote_answer;

#endif
