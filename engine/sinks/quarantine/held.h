/*
 * A quarantine, read again: the records that were set aside, one after the other, and what becomes
 * of each.
 *
 *     open          a file of JSON lines (quarantine.h), or the table beside a sink's own
 *                   (sqlite/rejects.h), in that sink's transaction
 *     next          a record, until END; then perhaps rewind, and next again
 *     keep, drop    in the last pass: it is still at fault, or was loaded; one of them for each
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

typedef struct sheaf__held sheaf__held;

typedef struct sheaf__held_ops {
    sheaf_status (*next)(sheaf__held *held, sheaf__held_record *record, sheaf_error *err);
    sheaf_status (*rewind)(sheaf__held *held, sheaf_error *err);
    sheaf_status (*keep)(sheaf__held *held, const sheaf__held_record *record,
                         const sheaf__rejected *rejected, sheaf_error *err);
    sheaf_status (*drop)(sheaf__held *held, const sheaf__held_record *record, sheaf_error *err);
    sheaf_status (*settle)(sheaf__held *held, sheaf_error *err);
    sheaf_status (*commit)(sheaf__held *held, sheaf_error *err);
    void (*close)(sheaf__held *held);
} sheaf__held_ops;

/* The part that both kinds begin with. */
struct sheaf__held {
    const sheaf__held_ops *ops;
    sheaf_arena *arena; /* of the files */
    const sheaf__reject_file **files;
    size_t n_files;
};

/*
 * Returns    OK; ENOENT, EIO; EAGAIN: somebody else is at it; ENOMEM. EQUARANTINE comes with next.
 */
sheaf_status sheaf__held_open_lines(const char *path, const atomic_bool *stop, sheaf__held **held,
                                    sheaf_error *err);

/* OK; END: there is no such table; EQUARANTINE: it is none; EDATABASE, ENOMEM. */
sheaf_status sheaf__held_open_table(sheaf__sink *sink, const char *path, sheaf__held **held,
                                    sheaf_error *err);

/*
 * Of one that is a table: the type of a column of the table beside it (sqlite/append.h). OK; END:
 * it has no such column; EDATABASE.
 */
sheaf_status sheaf__held_column_type(sheaf__held *held, const char *column, sheaf_type *type,
                                     sheaf_error *err);

/* For the kinds: another file. OK, ENOMEM. */
sheaf_status sheaf__held_add_file(sheaf__held *held, const sheaf__reject_file *file,
                                  sheaf_error *err);

#endif
