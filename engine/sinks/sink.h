/*
 * Where rows go: one interface, a file for each kind of destination.
 *
 *     open      check that the destination can be written, before anything is read; take it
 *     begin     the columns are known, and for a sink that wants them their types: they stay so
 *     format    rows as the bytes that write would write: by whoever read them
 *     write     rows, in order, as often as there are any; END, with target.append: the table
 *               refuses one of them, and takes none
 *     reject    a record that is none of the rows, between them
 *     commit    all of them are there: make them visible, at once
 *     abort     leave the destination as it was before open
 *     destroy   always last
 *
 * After a failure of begin, write or commit only abort and destroy are called. A sink knows
 * batches, never readers; one thread uses it, but for format, which any may call once it has begun.
 */
#ifndef SHEAF_SINKS_SINK_H
#define SHEAF_SINKS_SINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include <sheaf/destination.h>
#include <sheaf/status.h>

#include "engine/ledger/ledger.h"
#include "engine/sinks/parquet/compress.h"
#include "engine/table/batch.h"
#include "engine/table/columns.h"
#include "engine/table/names.h"
#include "engine/table/schema.h"

/* A column that the batch does not have; and some that tell where a row comes from. */
#define SHEAF__NO_COLUMN UINT32_MAX
#define SHEAF__FILE_COLUMN (UINT32_MAX - 1)
#define SHEAF__LINE_COLUMN (UINT32_MAX - 2)
#define SHEAF__ROW_COLUMN (UINT32_MAX - 3)

enum { SHEAF__NUMBER_BYTES = 24 };

/*
 * Rows for a sink: as text, a batch seen through the united table (column c of a row is the batch's
 * column from[c], or null); or typed, as columns of that table.
 */
typedef struct sheaf__rows {
    size_t n_rows;
    const sheaf__batch *batch; /* NULL for a sink that does not want text */
    const uint32_t *from;
    const sheaf__columns *columns; /* NULL for a sink that does not want types */
    size_t n_columns;              /* of the united table */
    const char *path;              /* for FILE_COLUMN, and for errors */
    sheaf__row_place shift;        /* to be added to the batch's places */
    char *number;                  /* room for NUMBER_BYTES: where its text is until the next */
    bool flush;                    /* what comes next may be long in coming: let these be seen */
    const struct sheaf__text_block *block; /* what format() made of them, or NULL */
} sheaf__rows;

typedef struct sheaf__text {
    const char *bytes; /* NULL: null */
    size_t n_bytes;
} sheaf__text;

/* What is not in the batch: null, or where the row comes from. */
sheaf__text sheaf__rows_origin(const sheaf__rows *rows, size_t row, size_t column);

/* The value in a row (of the batch) and a column (of the united table), until the next is taken. */
static inline sheaf__text sheaf__rows_text(const sheaf__rows *rows, size_t row, size_t column)
{
    const sheaf__batch *batch = rows->batch;
    if (rows->from[column] >= SHEAF__ROW_COLUMN)
        return sheaf__rows_origin(rows, row, column);
    const sheaf__cell *cell = &batch->cells[row * batch->n_columns + rows->from[column]];
    if (cell->n_bytes == SHEAF__NULL_CELL)
        return (sheaf__text){0};
    return (sheaf__text){.bytes = (const char *)batch->bytes + cell->offset_bytes,
                         .n_bytes = cell->n_bytes};
}

typedef struct sheaf__reject_file sheaf__reject_file;
typedef struct sheaf__held sheaf__held; /* quarantine/held.h */

/* A record that was set aside. */
typedef struct sheaf__rejected {
    const char *path;
    const sheaf__reject_file *file; /* what its records are read with; the same for all of them */
    const char *code;
    const sheaf_error *error;
    uint64_t line;         /* where the record begins */
    uint64_t offset_bytes; /* the same */
    const uint8_t *raw;
    size_t n_raw;
} sheaf__rejected;

typedef struct sheaf__sink sheaf__sink;
typedef struct sheaf_executor sheaf_executor; /* <sheaf/executor.h> */

typedef struct sheaf__sink_ops {
    sheaf_status (*begin)(sheaf__sink *sink, const sheaf__names *columns, const sheaf_type *types,
                          sheaf_error *err);
    /*
     * Rows as the bytes that write() would write (block.h), into an empty block: as many of them,
     * from the first on, as there is use for, perhaps none; write() makes the others. By any
     * thread, after begin, so that the merge has less to do. OK, ENOMEM. NULL: there is no such.
     */
    sheaf_status (*format)(const sheaf__sink *sink, const sheaf__rows *rows,
                           struct sheaf__text_block *block);
    sheaf_status (*write)(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err);
    sheaf_status (*commit)(sheaf__sink *sink, sheaf_error *err);
    void (*abort)(sheaf__sink *sink);
    void (*destroy)(sheaf__sink *sink);
    /*
     * From here on rows, and rejects, may be taken back; and take them back: what was written since
     * the last mark, of which there is one at a time. *done is false, and nothing has changed, when
     * that cannot be done any more: what went to a pipe is gone. NULL: it never can.
     */
    sheaf_status (*mark)(sheaf__sink *sink, sheaf_error *err);
    sheaf_status (*take_back)(sheaf__sink *sink, bool *done, sheaf_error *err);
    /* A record that was set aside goes beside the rows; NULL: this kind has no place for it. */
    sheaf_status (*reject)(sheaf__sink *sink, const sheaf__rejected *rejected, sheaf_error *err);
    /*
     * Of a kind that keeps its ledger itself; all NULL: it does not. What it holds, before begin
     * (nothing, if rows are not to go behind others). A file is loaded, all its rows written: its
     * entry. A file of the ledger goes, its rows and what was set aside of it too (as many as there
     * are of the same path, in turn): before begin; or file by file, before anything of the file is
     * written, and what was written is recorded. *done: false, if it cannot be said which rows they
     * are. What is wrong begin may tell, too, or whatever writes next. A file has another time, and
     * nothing else.
     */
    sheaf_status (*held)(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err);
    sheaf_status (*record)(sheaf__sink *sink, const sheaf__ledger_file *file, sheaf_error *err);
    sheaf_status (*forget)(sheaf__sink *sink, const sheaf__ledger_file *file, bool *done,
                           sheaf_error *err);
    sheaf_status (*touch)(sheaf__sink *sink, const sheaf__ledger_file *file, int64_t mtime_ns,
                          sheaf_error *err);
    /*
     * What was written so far is committed, and more may come. After a failure *committed tells
     * whether it was: then only the next transaction could not begin. NULL: only all of it can be.
     */
    sheaf_status (*checkpoint)(sheaf__sink *sink, bool *committed, sheaf_error *err);
    /*
     * Before commit, of a kind that may be a file: end it and bring it to the disk, so that of
     * commit only the renaming is left; *path: what it is called until then, or NULL: this one is
     * none. NULL: a kind that never is.
     */
    sheaf_status (*settle)(sheaf__sink *sink, const char **path, sheaf_error *err);
    /*
     * What was set aside beside the rows of a table that is there (target.append), in the sink's
     * transaction: to be closed (quarantine/held.h) before the sink is ended. OK; END: there is
     * nothing; EQUARANTINE: it is none; EDATABASE, ENOMEM. NULL: this kind has no such table.
     */
    sheaf_status (*quarantine)(sheaf__sink *sink, sheaf__held **held, sheaf_error *err);
} sheaf__sink_ops;

/* The part that every sink begins with. */
struct sheaf__sink {
    const sheaf__sink_ops *ops;
    bool wants_rows;    /* false: it only counts them, so readers need not keep them */
    bool wants_columns; /* it wants them typed */
    bool takes_back;    /* whatever was written */
    bool has_names;     /* before begin: the columns' names are those of a header */
    /* Rows that it is to forget are known by a column of the table: before begin, that one. */
    bool forgets_by_column;
    const char *file_column; /* NULL: none tells which file a row is from */
    /* Before begin: threads that may do its work (pipeline.h), so many; NULL: there are none. */
    sheaf_executor *executor;
    size_t workers;
    struct sheaf_trace_row *waits; /* the same: where waiting for them is told of, or NULL */
    uint64_t rows;                 /* as the destination itself counts what it took */
    /*
     * After begin: the number of the first of them, or 0: it is not known. After forget: what that
     * would be if all of them had been put where the next ones come.
     */
    uint64_t first_row;
    uint64_t columns_renamed;
    sheaf__asked_type *asked; /* before anything is read: what a table that exists takes */
    size_t n_asked;
    char label[512];        /* for people, escaped */
    char reject_label[160]; /* where it puts rejects, the same: "the table x_quarantine" */
};

/* How files, and standard output, are written. The columns of the last ones are typed. */
typedef enum sheaf__text_format {
    SHEAF__CSV,
    SHEAF__TSV,
    SHEAF__JSONL,
    SHEAF__ARROW_STREAM,
    SHEAF__ARROW_FILE,
    SHEAF__PARQUET
} sheaf__text_format;

/* And how that is compressed. */
typedef enum sheaf__packing {
    SHEAF__NOT_PACKED,
    SHEAF__PACKED_GZIP,
    SHEAF__PACKED_ZSTD
} sheaf__packing;

typedef enum sheaf__sink_kind {
    SHEAF__SINK_SQLITE,
    SHEAF__SINK_POSTGRES,
    SHEAF__SINK_FILE,
    SHEAF__SINK_STDOUT,
    SHEAF__SINK_NULL,
    SHEAF__SINK_STREAM /* no sink: the rows are taken by whoever asks for them */
} sheaf__sink_kind;

/* What a destination's spelling means. */
typedef struct sheaf__sink_target {
    sheaf__sink_kind kind;
    sheaf__text_format format;
    sheaf__packing packing;
    const char *path;
    const char *table; /* NULL: from the path */
    sheaf_if_exists if_exists;
    bool append; /* instead: to the table of a database that is there */
    const sheaf_index *indexes;
    size_t n_indexes;
    int connections;          /* to a server, at once; 0: one */
    sheaf__codec compression; /* of a Parquet file's pages */
    const atomic_bool
        *stop; /* a write that is interrupted while this is true ends with ECANCELLED */
} sheaf__sink_target;

/* Whether a destination is a PostgreSQL URI. */
bool sheaf__sink_is_postgres(const char *destination);

/*
 * Understand `destination`, with a format and a table that may be NULL. EINVAL says what would be
 * understood. The target points into the arguments.
 */
sheaf_status sheaf__sink_parse(const char *destination, const char *format, const char *table,
                               sheaf__sink_target *target, sheaf_error *err);

/* How it is to be compressed, by name; NULL: as usual. EINVAL: that does not go together. */
sheaf_status sheaf__sink_set_compression(sheaf__sink_target *target, const char *name,
                                         sheaf_error *err);

/* Indexes that its table is to have; whoever gives them keeps them. EINVAL: it has none. */
sheaf_status sheaf__sink_set_indexes(sheaf__sink_target *target, const sheaf_index *indexes,
                                     size_t n, sheaf_error *err);

/* How many connections may write at once; 0: one. EINVAL: it has none, or not so many. */
sheaf_status sheaf__sink_set_connections(sheaf__sink_target *target, int connections, bool per_file,
                                         sheaf_error *err);

/* Whether a destination has types, and is therefore to be given columns. */
bool sheaf__sink_has_types(const sheaf__sink_target *target);

/* Open the destination. OK with *sink; EEXIST, ENOENT, EIO, EDATABASE, ENOMEM. */
sheaf_status sheaf__sink_open(const sheaf__sink_target *target, sheaf__sink **sink,
                              sheaf_error *err);

/* What the kinds offer; each is the open of its file. */
sheaf_status sheaf__sqlite_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                sheaf_error *err);
sheaf_status sheaf__text_open(const sheaf__sink_target *target, sheaf__sink **sink,
                              sheaf_error *err);
sheaf_status sheaf__arrow_ipc_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                   sheaf_error *err);
sheaf_status sheaf__parquet_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                 sheaf_error *err);
sheaf_status sheaf__null_open(sheaf__sink **sink, sheaf_error *err);

/* Whether they can be understood: OK, EINVAL. */
sheaf_status sheaf__postgres_check(const char *uri, const char *table, sheaf_error *err);
sheaf_status sheaf__postgres_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                  sheaf_error *err);

/* The version of SQLite: "3.40.1". */
const char *sheaf__sqlite_describe(void);

#endif
