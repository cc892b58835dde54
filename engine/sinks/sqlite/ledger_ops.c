/* What the sink does with its ledger: held, record, forget, touch, checkpoint of sink.h. */
#include "engine/sinks/sqlite/state.h"

sheaf_status sheaf__sqlite_held(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    if (!self->append)
        return SHEAF_OK;
    int code = sheaf__sqlite_ledger_read(&self->ledger, self->connection.db, self->table, ledger);
    return code == SQLITE_OK
               ? SHEAF_OK
               : sheaf__sqlite_refused(&self->connection, "cannot read the ledger", err);
}

sheaf_status sheaf__sqlite_record(sheaf__sink *sink, const sheaf__ledger_file *file,
                                  sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    int code = sheaf__sqlite_ledger_put(&self->ledger, self->connection.db, file);
    return code == SQLITE_OK
               ? SHEAF_OK
               : sheaf__sqlite_refused(&self->connection, "cannot write the ledger", err);
}

sheaf_status sheaf__sqlite_forget(sheaf__sink *sink, const sheaf__ledger *ledger,
                                  const sheaf__ledger_file *file, bool *done, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    int code = sheaf__sqlite_ledger_forget(&self->ledger, self->connection.db, self->table, ledger,
                                           file, done);
    if (code == SQLITE_OK && *done)
        code = sheaf__sqlite_rejects_drop(&self->rejects, self->connection.db, file->file);
    return code == SQLITE_OK
               ? SHEAF_OK
               : sheaf__sqlite_refused(&self->connection, "cannot replace a file's rows", err);
}

sheaf_status sheaf__sqlite_touch(sheaf__sink *sink, const sheaf__ledger_file *file,
                                 int64_t mtime_ns, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    int code = sheaf__sqlite_ledger_touch(&self->ledger, self->connection.db, file, mtime_ns);
    return code == SQLITE_OK
               ? SHEAF_OK
               : sheaf__sqlite_refused(&self->connection, "cannot write the ledger", err);
}

sheaf_status sheaf__sqlite_checkpoint(sheaf__sink *sink, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    sheaf_status status = sheaf__sqlite_commit(&self->connection, err);
    self->is_marked = false; /* all savepoints are over */
    return status < 0 ? status : sheaf__sqlite_begin(&self->connection, err);
}
