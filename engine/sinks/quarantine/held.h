/*
 * A quarantine, read again: the records that were set aside, one after the other, and what becomes
 * of each.
 *
 *     open          a file of JSON lines (quarantine.h); or `quarantine`, an operation of a sink
 *                   that sets records aside in a table: that table, in the sink's transaction
 *     next          a record, until END; of lines then perhaps rewind, and next again
 *     keep, drop    in the last pass: it is still at fault, or was loaded; one of them for each, in
 *                   their order, at any time before settle
 *     settle        before the sink commits: what can fail
 *     commit        behind it
 *     close         always; without commit before, nothing has changed
 *
 * Of a table the sink's commit is that of the quarantine too. A file is replaced behind it: whoever
 * is killed between the two leaves both the rows and their records, and loses nothing.
 */
#ifndef SHEAF_SINKS_QUARANTINE_HELD_H
#define SHEAF_SINKS_QUARANTINE_HELD_H

#include "engine/core/arena.h"
#include "engine/sinks/quarantine/reject_file.h"
#include "engine/sinks/sink.h"

/* A record that is held. Its texts are good until the next one is asked for. */
typedef struct sheaf__held_record {
    const sheaf__reject_file *file; /* good until close */
    size_t file_index;              /* of it, from 0 */
    uint64_t line;                  /* where it begins in its file, from 1 */
    uint64_t record;                /* its number there, from 1 */
    uint64_t offset_bytes;          /* the same, or SHEAF_UNKNOWN */
    bool is_over_limit;             /* its code was "limit" */
    const uint8_t *raw;
    size_t n_raw;
    int64_t id; /* the quarantine's own: a line, or a row */
} sheaf__held_record;

typedef struct sheaf__held_ops {
    sheaf_status (*next)(sheaf__held *held, sheaf__held_record *record, sheaf_error *err);
    /* Only to read all of it tells which files it has. NULL of a table: it knows. */
    sheaf_status (*rewind)(sheaf__held *held, sheaf_error *err);
    sheaf_status (*keep)(sheaf__held *held, const sheaf__held_record *record,
                         const sheaf__rejected *rejected, sheaf_error *err);
    sheaf_status (*drop)(sheaf__held *held, const sheaf__held_record *record, sheaf_error *err);
    sheaf_status (*settle)(sheaf__held *held, sheaf_error *err);
    sheaf_status (*commit)(sheaf__held *held, sheaf_error *err);
    void (*close)(sheaf__held *held);
    /*
     * What a column takes of the table beside it. OK; EDATABASE: it has no such column, or cannot
     * be read. NULL of lines: there is no table.
     */
    sheaf_status (*column)(sheaf__held *held, const char *name, sheaf__asked_type *asked,
                           sheaf_error *err);
} sheaf__held_ops;

/* The part that all kinds begin with. */
struct sheaf__held {
    const sheaf__held_ops *ops;
    char *path;         /* what it, or its database, is called: for errors, without a password */
    sheaf_arena *arena; /* of the files */
    const sheaf__reject_file **files;
    size_t n_files;
};

/*
 * Returns    OK; ENOENT, EIO; EAGAIN: somebody else is at it; ENOMEM. EQUARANTINE comes with next.
 */
sheaf_status sheaf__held_open_lines(const char *path, const atomic_bool *stop, sheaf__held **held,
                                    sheaf_error *err);

/* ---- for the kinds ---- */

/* Another file. OK, ENOMEM. */
sheaf_status sheaf__held_add_file(sheaf__held *held, const sheaf__reject_file *file,
                                  sheaf_error *err);

struct sheaf__held_json;

/* The same, as a table has it: an object of JSON (reject_file.h). OK; EQUARANTINE, ENOMEM. */
sheaf_status sheaf__held_add_header(sheaf__held *held, struct sheaf__held_json *json,
                                    const char *text, sheaf_error *err);

/* EQUARANTINE: there is no table that has the files; a record's file is not in it. */
sheaf_status sheaf__held_no_files(const sheaf__held *held, const char *table, sheaf_error *err);
sheaf_status sheaf__held_no_header(const sheaf__held *held, const char *table, const void *path,
                                   size_t n_path, sheaf_error *err);

/* EDATABASE: the table of the rows has no such column. */
sheaf_status sheaf__held_no_column(const sheaf__held *held, const char *name, sheaf_error *err);

#endif
