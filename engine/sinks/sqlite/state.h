/* What the sink for SQLite is made of, for the files that are its operations. */
#ifndef SHEAF_SINKS_SQLITE_STATE_H
#define SHEAF_SINKS_SQLITE_STATE_H

#include "engine/core/arena.h"
#include "engine/sinks/sink.h"
#include "engine/sinks/sqlite/connection.h"
#include "engine/sinks/sqlite/index.h"
#include "engine/sinks/sqlite/ledger.h"
#include "engine/sinks/sqlite/rejects.h"
#include "engine/sinks/sqlite/rows.h"

typedef struct sheaf__sqlite_sink {
    sheaf__sink base;
    sheaf__sqlite_connection connection;
    char *table;
    bool append;        /* rows go to a table that is there */
    bool skips_refused; /* and one that it refuses is not the end */
    bool has_begun;
    bool is_marked; /* there is a savepoint; when it was made: */
    uint64_t rows_marked;
    sheaf__sqlite_rows rows;
    sheaf__sqlite_indexes indexes;
    sheaf__sqlite_rejects rejects;
    sheaf__sqlite_ledger ledger;
    sheaf_arena *arena; /* for the names of its columns */
} sheaf__sqlite_sink;

static inline sheaf__sqlite_sink *sheaf__sqlite_self(sheaf__sink *sink)
{
    return (sheaf__sqlite_sink *)sink;
}

/* ---- ledger_ops.c: of sheaf__sink_ops, those that its ledger is for ---- */

sheaf_status sheaf__sqlite_held(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err);
sheaf_status sheaf__sqlite_record(sheaf__sink *sink, const sheaf__ledger_file *file,
                                  sheaf_error *err);
sheaf_status sheaf__sqlite_forget(sheaf__sink *sink, const sheaf__ledger_file *file, bool *done,
                                  sheaf_error *err);
sheaf_status sheaf__sqlite_touch(sheaf__sink *sink, const sheaf__ledger_file *file,
                                 int64_t mtime_ns, sheaf_error *err);
sheaf_status sheaf__sqlite_checkpoint(sheaf__sink *sink, bool *committed, sheaf_error *err);

/* ---- held.c: what is in its quarantine, read again ---- */

sheaf_status sheaf__sqlite_quarantine(sheaf__sink *sink, sheaf__held **held, sheaf_error *err);

#endif
