/*
 * One run of an ingest: what its three parts share.
 *
 *     ingest.c      the public functions, and the order of the phases
 *     stream.c      the same for a consumer that takes one batch after the other
 *     load.c        a load begins and ends
 *     read_task.c   what runs on the workers: a file in, a chunk of its rows out (chunk.c)
 *     ask.c         how a chunk is asked for: of a thread, or of another process
 *     remote.c      the same tasks in another process: what goes there and what comes back
 *     typing.c      what the user said about values
 *     help.c        who decompresses ahead
 *     budget.c      how much may be read ahead
 *     types.c       types: found out by reading everything, and values of these types
 *     headers.c     which columns files may have, and which the table has
 *     added.c       columns that tell where a row comes from
 *     keep.c        rows that are kept meanwhile, so that their file is not read again
 *     presume.c     types from samples, of files that are too large for that
 *     digest.c      the digest of all rows, if it is wanted
 *     rejects.c     records that were set aside
 *     reject_file.c what is to be known of their file, to read them again
 *     retry.c       reading them again: <sheaf/retry.h>
 *     record.c      one record, for whoever wants to look at it: <sheaf/record.h>
 *     merge.c       what runs in the caller's thread: chunks in file order into the sink
 *     leave.c       files that are left out
 *     account.c     what became of every record
 *     traced.c      what a trace is told of all this
 *     resume.c      files that the destination has; resume_record.c, verify.c: its ledger
 *     file_options.c  what the user says of files; sniff.c: <sheaf/sniff.h>
 *
 * A chunk is the unit of work: about chunk_bytes of a file's rows. A file that is larger gives
 * several, one after the other: when the merge takes a chunk, it submits the reading of the next
 * one and then writes what it has, so reading and writing overlap. Files behind the one whose turn
 * it is are read one chunk ahead, as many of them as the window has room for; so memory is bounded
 * by the window, whatever the files' sizes.
 *
 * A large file that can be read anywhere, plain or BGZF, is split: behind its first chunk every
 * worker reads ranges of it. Where the first record of a range begins is guessed (readers/range.c);
 * the merge knows where the range before it ended, and has a range that guessed wrong, or found a
 * fault, read again from there, with the right numbers of lines and records. How much text there is
 * in the blocks of a range nobody knows before: where it is very much, the rest of the file is read
 * one chunk after the other.
 */
#ifndef SHEAF_LOAD_H
#define SHEAF_LOAD_H

#include <stdatomic.h>

#include <sheaf/ingest.h>
#include <sheaf/map.h>

#include "engine/core/freelist.h"
#include "engine/ingest/file_options.h"
#include "engine/ingest/format.h"
#include "engine/ingest/traced.h"
#include "engine/ingest/typing.h"
#include "engine/sinks/quarantine/quarantine.h"
#include "engine/sinks/sink.h"
#include "engine/table/columns.h"
#include "engine/table/digest.h"
#include "engine/table/schema.h"
#include "readers/convert/survey.h"
#include "readers/reader.h"

typedef struct sheaf__guess sheaf__guess;

/* What is known of a file between its tasks. Used by one task or by the merge at a time. */
typedef struct sheaf__load_file {
    sheaf__load *load;
    const sheaf_file *found;
    size_t index;              /* in the list that was given */
    const char *path;          /* its text for a column that is added */
    sheaf__reader *reader;     /* of a stream whose header was read: it cannot be opened twice */
    sheaf__chunk *faulty;      /* with a fault that was met early, until the file's turn comes */
    sheaf__chunk *kept;        /* with all its rows, from the survey, until then */
    sheaf__columns **kept_end; /* if it is split: where the next ones go */
    sheaf__kinds *guess;       /* and what its first range holds; const once others are asked for */
    sheaf__kinds *kinds;       /* what its ranges hold that were surveyed */
    const bool
        *unwanted; /* columns that are none of the table's, if any are; set with the layout */
    atomic_bool keeps_nothing;  /* and whether there is no room for it; any thread */
    sheaf_dialect dialect;      /* known whole once it was opened; else only what is told */
    uint64_t n_columns;         /* the same: of most records, or 0 */
    sheaf__asked_columns asked; /* const once the header was read, until it is read again */
    uint32_t layout; /* once the header is known; SHEAF__NO_NAME before, and without one */
    bool header_read;
    bool left_out; /* as its report said */
    bool late;     /* it is surveyed when all headers are known: it is split, or see types_decide */
    bool presumed; /* its types are those of samples of it */
    bool is_loaded; /* all of it was written */
    bool here;      /* among files that processes read: this one only we can open */
    int fd;         /* of a file that is split, while its ranges are read; -1: there is none */
    const uint32_t *from; /* in another process, for a digest: the table's columns in the file */
    size_t n_from;
} sheaf__load_file;

/* What a task hands to the merge. */
struct sheaf__chunk {
    sheaf__load_file *file;
    sheaf__batch *header;     /* with the first chunk of a file that has one */
    sheaf__batch *batch;      /* rows; NULL when the sink does not want them, or there are none */
    sheaf__text_block *block; /* or as the sink's text, the first of them or all; then no batch */
    sheaf__columns *columns;  /* or so, for a sink that wants them typed */
    sheaf__columns *kept;     /* from a survey; once types are known: those that come behind them */
    sheaf__kinds *kinds;      /* with the last chunk of a survey: what the file's columns hold */
    size_t n_kinds;
    sheaf__reader *reader; /* goes on after these rows; NULL when the file is done, or remote */
    bool more;             /* there may be rows after these */
    bool split; /* what is after these is read in ranges; counts are of this range alone */
    sheaf__reader_position begin; /* of a range: its first record */
    sheaf__reader_position end;   /* of one, and of what comes before the first: behind the last */
    sheaf__reader_position at;    /* where these begin, if they are remote */
    sheaf__reader_counts counts;  /* so far */
    sheaf__rejects rejects;       /* records that were set aside */
    sheaf__digest digest;         /* of the rows, kept ones too, if it is wanted */
    sheaf__reader_position shift; /* to be added to their lines, records and offsets */
    sheaf_error *fault;           /* behind the rows; NULL without one */
    bool misjudged;               /* that is the fault: most of the file's records have one */
    bool misfit;                  /* a value is not of its column's type, nor at fault */
    bool is_sampled;              /* of a header: the survey need not read all of the file */
    bool is_presumed;             /* nor has it */
    bool lost;                    /* with its process: the fault is all there is */
    bool flush;                   /* a stream has no more for now: let its rows be seen */
    size_t held_bytes;            /* of the budget */
    bool declined;                /* it was spent: nothing was read */
    bool dense;                   /* a range that was guessed, of too much text: nothing was kept */
};

/* Of a load: see budget.c. */
typedef struct sheaf__budget_of_rows {
    size_t limit_bytes;
    atomic_size_t held_bytes; /* by chunks that are there */
    atomic_ullong n_answered; /* tasks that gave one, or failed */
    atomic_size_t turn;       /* the file whose first chunk is next, or was last */
    uint64_t n_asked;         /* the merge's thread only, like the next */
    size_t expected_bytes;    /* of each that is under way */
} sheaf__budget_of_rows;

/*
 * How far the callbacks of an ingest were called: a load that starts over comes by the same files
 * and records again, in the same order.
 */
typedef struct sheaf__told {
    size_t files;          /* the index behind the last */
    size_t reject_files;   /* the same of records that were set aside; and in that file: */
    uint64_t reject_bytes; /* the offset behind the last one's first byte */
} sheaf__told;

/* What a run shares with the processes that read for it. */
typedef struct sheaf__shared {
    atomic_bool stop;
    atomic_ullong read_bytes; /* for progress */
} sheaf__shared;

/* What a worker keeps. */
typedef struct sheaf__load_worker {
    sheaf__parser *parser;
    sheaf__projection projection;
    void *remote;               /* in another process: see remote.c */
    sheaf_trace_row *trace_row; /* or NULL */
} sheaf__load_worker;

/* What is asked of a worker. */
typedef enum sheaf__ask {
    SHEAF__ASK_HEADER,
    SHEAF__ASK_FIRST,
    SHEAF__ASK_MORE,
    SHEAF__ASK_RANGE
} sheaf__ask;

/* A part of a split file: records that begin before its end. */
typedef struct sheaf__range {
    sheaf__load_file *file;
    sheaf__reader_position from; /* a record begins there; or anywhere, if it is to be guessed */
    uint64_t end_bytes;
    bool guess;
} sheaf__range;

/* What files are read for. */
typedef enum sheaf__pass {
    SHEAF__PASS_HEADERS, /* the headers; and of files that are not split whatever must be known */
    SHEAF__PASS_SURVEY,  /* what columns hold, of files that are split */
    SHEAF__PASS_ROWS
} sheaf__pass;

struct sheaf__load {
    const sheaf_ingest_options *options; /* const during a run, like all up to the free lists */
    const sheaf_files *files;
    sheaf__load_file *states;     /* one for each file that is read */
    size_t n_files;               /* of them */
    struct sheaf__resume *resume; /* what the destination's ledger tells; NULL: it keeps none */
    bool appends;                 /* rows come behind others */
    bool commits;                 /* the destination keeps them */
    sheaf__shared *shared;
    sheaf__told *told;
    sheaf_executor *executor;
    sheaf_executor *stream_executor; /* threads, beside processes; made when needed */
    sheaf_executor *sink_executor;   /* the same, for the sink's work: begun when there is some */
    sheaf__helper helper;
    bool has_helper;
    bool remote;        /* files are read by processes */
    bool wants_rows;    /* the sink does */
    bool wants_columns; /* it wants them typed */
    bool surveys;       /* all values are to be looked at before the first row */
    bool presumes;      /* but those of large files need not: see presume.c */
    bool wants_places;  /* the table has lines or records as columns */
    bool infers;        /* types are found out; else they are text, or asked for */
    bool digests;       /* the digest of the rows is wanted */
    sheaf__typing typing;
    const sheaf_type *types; /* of the united columns: once they are known, before the rows */
    const bool *asked;       /* which of them the user asked for */
    const sheaf__fit *fits;  /* what else is asked of these */
    const bool *nullable;
    sheaf__sink *sink;
    uint64_t n_rejected;           /* the merge's thread only, like the next two */
    uint64_t n_rejected_marked;    /* when the current file began */
    sheaf__digest digest;          /* of the rows so far */
    sheaf__digest digest_marked;   /* and so many there were when the current file began */
    sheaf__quarantine *quarantine; /* NULL: what is set aside goes to the sink, or nowhere */
    sheaf__quarantine *earlier_quarantine;  /* beside rows that are replaced, or NULL: it goes */
    const sheaf__reject_file *reject_file;  /* of the last record that was set aside, or NULL */
    const sheaf__load_file *reject_file_of; /* whose that is */
    bool sets_aside;
    bool judges;           /* a file by how many: unless the user says how many may be */
    bool has_names;        /* a file has a header */
    sheaf_error *left_out; /* of the first file that was left out, or NULL */
    size_t chunk_bytes;
    size_t range_bytes;        /* of a file that is split; 0: none is */
    size_t blocks_range_bytes; /* of one that is compressed */
    size_t window;             /* files, or ranges of one, in flight */
    sheaf__budget_of_rows budget;
    sheaf__pass pass;  /* changes while no task runs */
    size_t survey_end; /* files to be surveyed stand before here */
    size_t kept_max;   /* bytes of rows that surveys may keep; 0: they keep none */

    size_t n_presumed; /* files of which samples had to do; the merge's thread only */
    bool starts_over;  /* they did not, and that is why the load has failed; the same */

    atomic_size_t kept_bytes;      /* that they keep; any thread */
    atomic_size_t planned_bytes;   /* and are meant to keep; the same */
    _Atomic(sheaf__guess *) guess; /* what they begin with, or NULL; set once, by any thread */

    sheaf__freelist readers; /* any thread */
    sheaf__freelist batches;
    sheaf__freelist blocks;
    sheaf__columns_pool *columns;

    sheaf__chunk *first_fault; /* of a header or a survey, if that ends the run */
    sheaf__schema schema;      /* the merge's thread only, like all below */
    sheaf_summary *summary;
    sheaf__traced traced;
    atomic_ullong *records_done; /* for progress */
    atomic_ullong *files_done;
};

/* ---- ingest.c ---- */

struct sheaf_ingest {
    sheaf_ingest_options options; /* const after create */
    char *destination;
    char *format;
    char *table;
    char *quarantine;
    sheaf_arena *arena; /* permanent, for the texts of options, and the columns */
    sheaf__typing typing;
    sheaf_column *columns; /* of the table, once all headers and types are known */
    size_t n_columns;
    sheaf__sink_target target;
    sheaf__told told; /* the run's thread only */
    sheaf__shared own_shared;
    sheaf__shared *shared; /* it, or a page that worker processes see too */
    int shared_fd;         /* of that page, or -1 */
    atomic_bool was_run;
    atomic_ullong records_done;
    atomic_ullong files_done;
    atomic_ullong files;
    atomic_ullong size_bytes;
};

enum { SHEAF__WORKERS_MAX = 1024 };

/* As sheaf_ingest_create(); for a stream, which has no destination, too. */
sheaf_status sheaf__ingest_create(const sheaf_ingest_options *options, bool is_stream,
                                  sheaf_ingest **ingest, sheaf_error *err);

/* Keep what sheaf_ingest_columns() tells. OK, ENOMEM. */
sheaf_status sheaf__ingest_keep_columns(sheaf_ingest *ingest, const sheaf__load *load,
                                        sheaf_error *err);

/* ---- budget.c ---- */

/* Something is asked of a worker; it has answered, with a chunk or a failure. The latter: any. */
void sheaf__budget_asked(sheaf__load *load);
void sheaf__budget_answered(sheaf__load *load);

/* A chunk has its rows, or has them no more. Any thread. */
void sheaf__budget_hold(sheaf__chunk *chunk);
void sheaf__budget_let_go(sheaf__chunk *chunk);

/* Its turn has come: the next ones may be as large. */
void sheaf__budget_taken(const sheaf__chunk *chunk);

/* Whether what is not at its turn has to wait. Any thread. */
bool sheaf__budget_is_spent(const sheaf__load *load);

/* Whether to ask for more than that whose turn is next. */
bool sheaf__budget_has_room(const sheaf__load *load);

/* ---- help.c ---- */

/* Let the load's readers be helped by idle threads of its executor. */
void sheaf__load_find_help(sheaf__load *load);

/* ---- load.c ---- */

/* Whether the destination has types, and whether all files are read to find them out. */
bool sheaf__ingest_has_types(const sheaf_ingest *ingest);
bool sheaf__ingest_surveys(const sheaf_ingest *ingest);

/*
 * A load of these files, without a sink and an executor. After a failure, too, it is to be ended.
 * OK, ENOMEM.
 */
sheaf_status sheaf__load_init(sheaf__load *load, sheaf_ingest *ingest, const sheaf_files *files,
                              sheaf_summary *summary, sheaf_error *err);
void sheaf__load_end(sheaf__load *load);

/* The file among these that has this inode, or NULL. */
struct stat;
const sheaf_file *sheaf__load_find_source(const sheaf_files *files, const struct stat *st);

/* When it is known what the destination wants: workers, window, chunk_bytes. OK, ENOMEM. */
sheaf_status sheaf__load_choose_sizes(sheaf__load *load, sheaf_error *err);

/* ---- read_task.c ---- */

/* Whether every file is read to its end before the first row is written. */
bool sheaf__load_reads_twice(const sheaf__load *load);

/* Whether a file is split, unless it turns out to be compressed, and not BGZF. */
bool sheaf__load_may_split(const sheaf__load *load, const sheaf_file *file);
/* How a file is read; `counted`: what is read is progress. */
sheaf__reader_options sheaf__load_options_for(const sheaf__load_file *file, bool counted);

/* Of a file that is split, as stored: a range in its middle; its first, and the smallest. */
size_t sheaf__load_range_bytes(const sheaf__load *load, const sheaf_file *file);
size_t sheaf__load_small_range_bytes(const sheaf__load *load, const sheaf_file *file);

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

/* The task for a range, and the same without a task's argument. */
sheaf_status sheaf__load_range(sheaf_worker *worker, void *range, void **chunk, sheaf_error *err);
sheaf_status sheaf__load_range_of(sheaf_worker *worker, const sheaf__range *range, void **chunk,
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

/* And a reader. */
sheaf__reader *sheaf__load_take_reader(sheaf__load *load);
void sheaf__load_give_reader(sheaf__load *load, sheaf__reader *reader); /* NULL is allowed */

/* Give back everything a chunk holds; NULL is allowed. */
void sheaf__chunk_release(void *chunk);

/* A split file was read: close its descriptor. */
void sheaf__load_close_file(sheaf__load_file *file);

/* Its file has another fault, in the header: nothing else of it counts, and nobody reads on. */
sheaf_status sheaf__chunk_refuse(sheaf__chunk *chunk, sheaf_error *err);

/* Give back its rows: what is left is its counts and its fault. */
void sheaf__chunk_strip(sheaf__chunk *chunk);

/* The index of a file in the list. */
size_t sheaf__load_index(const sheaf__load_file *file);

/* ---- types.c ---- */

/* A file's header was read: which of its columns have types that were asked for? OK, ENOMEM. */
sheaf_status sheaf__types_ask(sheaf__load_file *file, const sheaf__batch *header);

/*
 * Read the rest of the chunk's file, keeping nothing, and find out what its columns hold; unless
 * types are asked for, no further than until what was set aside takes twice rejects_max.
 *
 * Returns    OK: there may be more; END: all of it is good; a fault; what a task fails with.
 */
sheaf_status sheaf__survey_file(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                size_t rejects_max, sheaf_error *err);

/*
 * All headers are united, all files surveyed: what are the types? Files that are to be left out if
 * they refuse a type may be late: which of their columns it is for was not known before.
 *
 * Returns    OK, EINVAL, ENOMEM.
 */
sheaf_status sheaf__types_decide(sheaf__load *load, sheaf_error *err);

/* Put columns in the place of the chunk's batch. OK; a fault of the file; ENOMEM. */
sheaf_status sheaf__chunk_fill(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err);

/* ---- digest.c ---- */

/* Rows of the chunk's file, as text: they come behind those that its digest has. OK, ENOMEM. */
sheaf_status sheaf__digest_batch(sheaf__chunk *chunk, const sheaf__batch *batch, sheaf_error *err);

/* As sheaf__reader_next() of the rest of the file, without a batch, but for the digest of it. */
sheaf_status sheaf__digest_file(sheaf_worker *worker, sheaf__parser *parser, sheaf__chunk *chunk,
                                size_t rejects_max, sheaf_error *err);

/* What another process must know for it: malloc's; NULL and 0: nothing. OK, ENOMEM. */
sheaf_status sheaf__digest_columns(const sheaf__load_file *file, uint32_t **from, size_t *n_columns,
                                   sheaf_error *err);

/* Whether the digest of rows that were kept is that of rows of the table. */
bool sheaf__digest_holds(const sheaf__load_file *file);

/* All rows are in the digest: what is it? OK, EACCOUNT, ENOMEM. */
sheaf_status sheaf__digest_conclude(const sheaf__load *load, sheaf_error *err);

/* ---- ask.c ---- */

/* Submit the reading of a range. */
sheaf_status sheaf__ask_range(sheaf__load *load, const sheaf__range *range, sheaf_future **future,
                              sheaf_error *err);

/* Submit what reads on behind a chunk; NULL when nothing does. */
sheaf_status sheaf__ask_more(sheaf__load *load, sheaf__chunk *before, sheaf_future **future,
                             sheaf_error *err);

/* Wait for a task of a file, and end the future. `first_byte`, if it is known, is for a trace. */
sheaf_status sheaf__ask_wait(sheaf__load *load, const sheaf__load_file *file, uint64_t first_byte,
                             sheaf_future *future, void **result, sheaf_error *err);

/*
 * A task has ended with this status, result and *err: the chunk of its file. A process that was
 * lost is a fault of the file that it was reading; every other failure is the run's.
 */
sheaf_status sheaf__ask_answer(sheaf__load *load, sheaf__ask what, sheaf__load_file *file,
                               sheaf_status status, void *result, sheaf__chunk **chunk,
                               sheaf_error *err);

/* Map a task over all files, or in the pass of surveys over those that may be split. */
typedef struct sheaf__ask_cursor {
    sheaf__load *load;
    sheaf__ask what;
    size_t next;  /* file to be asked for */
    size_t taken; /* the file behind the last that was answered */
    size_t n_asked;
    size_t n_taken;
    sheaf_map *map;
} sheaf__ask_cursor;

sheaf_status sheaf__ask_open(sheaf__load *load, sheaf__ask what, sheaf__ask_cursor *cursor,
                             sheaf_error *err);
/* OK with the next file's chunk, END, or the run's failure. */
sheaf_status sheaf__ask_next(sheaf__ask_cursor *cursor, sheaf__chunk **chunk, sheaf_error *err);
void sheaf__ask_close(sheaf__ask_cursor *cursor);

/* Threads, whoever reads. */
sheaf_status sheaf__ask_threads(sheaf__load *load, sheaf_executor **executor, sheaf_error *err);

/* The executor, by the options. */
sheaf_status sheaf__ask_start(sheaf__load *load, int shared_fd, sheaf_error *err);

/* Then: threads for the sink's own work, if the run has any. OK, ENOMEM. */
sheaf_status sheaf__ask_help_sink(sheaf__load *load, sheaf_error *err);

/* ---- headers.c ---- */

/* The name of the column that an error is in, as its file has it, if that is known. */
void sheaf__load_name_column(const sheaf__load *load, const sheaf__chunk *chunk, sheaf_error *err);

/* If the chunk brings a header that is not the first file's, as it should be: its file's fault. */
sheaf_status sheaf__load_check_header(sheaf__load *load, sheaf__chunk *chunk, sheaf_error *err);

/*
 * Files have faults, and no header is known: whatever is asked for of columns, that is what is to
 * be told.
 */
bool sheaf__load_has_no_table(const sheaf__load *load);

/* All headers are known: the table. EINVAL, ENOMEM. */
sheaf_status sheaf__load_settle(sheaf__load *load, sheaf_error *err);

/* All files are accounted for: what columns has the table not? OK, ENOMEM. */
sheaf_status sheaf__load_count_left_out(const sheaf__load *load, sheaf_error *err);

/* ---- merge.c ---- */

/* Phase one, for sinks that must know all columns before the first row: read every header. */
sheaf_status sheaf__merge_headers(sheaf__load *load, sheaf_error *err);

/* Between them, if types are to be found out: what the files hold that are late. */
sheaf_status sheaf__merge_surveys(sheaf__load *load, sheaf_error *err);

/* Then, if the sink wants types: decide them; and look at the files that are late only now. */
sheaf_status sheaf__merge_types(sheaf__load *load, sheaf_error *err);

/*
 * Phase two: the chunks of all files, in order, one at a time. While the consumer has one, the next
 * is read. After OK the cursor's chunk has n_rows rows, more than none, valid until the next call.
 *
 * Returns    OK, END, a fault that ends the run, or another failure: after those only close.
 */
typedef struct sheaf__rows_cursor {
    sheaf__load *load;
    sheaf__ask_cursor files;
    sheaf__chunk *chunk;
    uint64_t n_rows;
    sheaf_future *next;   /* reads what is behind the chunk, if the file is not split */
    sheaf_future **ahead; /* read ranges of it: a ring of load->window */
    size_t n_ahead;
    uint64_t n_taken;  /* ranges, from the file's second one on */
    uint64_t n_asked;  /* of them */
    uint64_t taken_to; /* where the next one begins, as stored */
    uint64_t asked_to;
    sheaf__load_file *file;    /* whose ranges these are */
    sheaf__reader_position at; /* where the chunk ends */
    sheaf_file_report report;
    int64_t begun; /* with the file, for a trace */
} sheaf__rows_cursor;

/* ---- ranges.c ---- */

/* A range of a file that is to be guessed, of which `at` is some place; its bytes as stored. */
sheaf__range sheaf__range_at(sheaf__load_file *file, const sheaf__reader_position *at,
                             uint64_t begin, uint64_t end);

/* Before the ranges of cursor->file. */
void sheaf__ranges_begin(sheaf__rows_cursor *cursor);

/* Of a split file: let as many ranges be read as the window has room for. */
sheaf_status sheaf__ranges_ask(sheaf__rows_cursor *cursor, sheaf_error *err);

/*
 * The next range's chunk, verified, its counts those of the whole file so far; NULL: there is none.
 */
sheaf_status sheaf__ranges_take(sheaf__rows_cursor *cursor, sheaf__chunk **next, sheaf_error *err);

/* Forget what was asked for. */
void sheaf__ranges_drop(sheaf__rows_cursor *cursor);

/* ---- merge.c ---- */

sheaf_status sheaf__rows_open(sheaf__load *load, sheaf__rows_cursor *cursor, sheaf_error *err);
sheaf_status sheaf__rows_next(sheaf__rows_cursor *cursor, sheaf_error *err);
void sheaf__rows_close(sheaf__rows_cursor *cursor);

/* All of phase two, into the sink. */
sheaf_status sheaf__merge_rows(sheaf__load *load, sheaf_error *err);

/* ---- account.c ---- */

/* Before the commit: EACCOUNT unless the destination took every record that was loaded. */
sheaf_status sheaf__merge_verify(const sheaf__load *load, uint64_t n_taken, sheaf_error *err);

#endif
