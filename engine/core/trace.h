/*
 * The recorder of a trace: rows, and events in them. What it is for: <sheaf/trace.h>.
 *
 * A row belongs to one thread at a time, which puts its events into blocks of the row's own: there
 * is nothing to lock, and nothing to share but, once for each block, a counter of blocks, which is
 * the bound. Who reads the rows does so when everybody has ended who records.
 */
#ifndef SHEAF_CORE_TRACE_H
#define SHEAF_CORE_TRACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <sheaf/trace.h>

enum {
    SHEAF__TRACE_EVENTS_MAX = 1 << 20,
    SHEAF__TRACE_BLOCK_EVENTS = 128,
    SHEAF__TRACE_ROWS_MAX = 4096,
    SHEAF__TRACE_NAME_BYTES = 96
};

typedef struct sheaf__trace_record {
    int64_t begun_ns; /* on the monotonic clock, which all processes of a machine share */
    int64_t ended_ns;
    sheaf_trace_event event;
} sheaf__trace_record;

typedef struct sheaf__trace_block {
    struct sheaf__trace_block *next;
    size_t n;
    sheaf__trace_record items[SHEAF__TRACE_BLOCK_EVENTS];
} sheaf__trace_block;

typedef struct sheaf__trace_text {
    struct sheaf__trace_text *next;
    char bytes[];
} sheaf__trace_text;

struct sheaf_trace_row {
    sheaf_trace *trace; /* const, like the next two */
    sheaf_trace_row *next;
    char name[SHEAF__TRACE_NAME_BYTES];
    sheaf__trace_block *first; /* who records in the row only, like all below */
    sheaf__trace_block *last;
    uint64_t n_lost; /* there was no room for them */
};

/* Part of whatever the events go to. */
struct sheaf_trace {
    int64_t begun_ns;       /* const, like the next */
    size_t blocks_max;      /* of all rows */
    atomic_size_t n_blocks; /* any thread */
    pthread_mutex_t mutex;  /* guards all below */
    sheaf__trace_text *texts;
    sheaf_trace_row *rows; /* in the order in which they were added */
    sheaf_trace_row **rows_end;
    size_t n_rows;
};

/* For at most so many events; 0: as many as usual. */
void sheaf__trace_init(sheaf_trace *trace, size_t events_max);
void sheaf__trace_end(sheaf_trace *trace);

/* A text that lives as long as the trace. NULL: no memory. Any thread. */
const char *sheaf__trace_copy(sheaf_trace *trace, const char *text);

/* An event that was recorded elsewhere. */
void sheaf__trace_put(sheaf_trace_row *row, const sheaf__trace_record *record);

/* Forget the events of a row; its first block stays. */
void sheaf__trace_clear(sheaf_trace_row *row);

/*
 * All events of a row by their beginnings, and those that lie within others behind them: pointers
 * in memory that is the caller's to free. NULL: there is no memory.
 */
const sheaf__trace_record **sheaf__trace_sort(const sheaf_trace_row *row, size_t *n);

#endif
