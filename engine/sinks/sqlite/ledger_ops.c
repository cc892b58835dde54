/* What the sink does with its ledger: held, record, forget, touch, checkpoint of sink.h. */
#include "engine/core/error.h"
#include "engine/sinks/sqlite/state.h"

sheaf_status sheaf__sqlite_held(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    if (!self->append)
        return SHEAF_OK;
    int code = sheaf__sqlite_ledger_read(&self->ledger, self->connection.db, self->table, ledger);
    if (code == SQLITE_OK)
        return SHEAF_OK;
    sheaf_status status = sheaf__sqlite_refused(&self->connection, "cannot read the ledger", err);
    if (code == SQLITE_ERROR) /* a column that it has not */
        sheaf_error_hint(err, "another version of sheaf has made it, or it is none: --if-exists "
                              "replace loads all anew");
    return status;
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

/* The last rows may be gone, and their numbers free. */
static int number_anew(sheaf__sqlite_sink *self)
{
    uint64_t next = 0;
    int code = sheaf__sqlite_next_row(self->connection.db, self->table, &next);
    if (code == SQLITE_OK)
        self->base.first_row = next - self->base.rows;
    return code;
}

sheaf_status sheaf__sqlite_forget(sheaf__sink *sink, const sheaf__ledger *ledger,
                                  const sheaf__ledger_file *file, bool *done, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    sqlite3 *db = self->connection.db;
    int code = SQLITE_OK;
    (void)ledger;
    if (!*done) /* once, as all rows are counted: what others do later checkpoint sees */
        code = sheaf__sqlite_ledger_holds_all(&self->ledger, db, self->table, done);
    if (code == SQLITE_OK && *done)
        code = sheaf__sqlite_ledger_forget(&self->ledger, db, self->table, file, done);
    if (code == SQLITE_OK && *done)
        code = sheaf__sqlite_rejects_drop(&self->rejects, db, file->file);
    if (code == SQLITE_OK && *done && self->has_begun)
        code = number_anew(self);
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

/* What is behind the last row, and behind the last entry of the ledger. */
typedef struct ends {
    uint64_t next_row;
    int64_t last_entry;
} ends;

static sheaf_status look_at_ends(const sheaf__sqlite_sink *self, ends *found, sheaf_error *err)
{
    sqlite3 *db = self->connection.db;
    int code = sheaf__sqlite_next_row(db, self->table, &found->next_row);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_ledger_last(&self->ledger, db, &found->last_entry);
    return code == SQLITE_OK
               ? SHEAF_OK
               : sheaf__sqlite_refused(&self->connection, "cannot read the ledger", err);
}

static sheaf_status not_alone(const sheaf__sqlite_sink *self, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "another program wrote to the table, or its ledger, between two files");
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "--resume goes on behind the files that are committed");
    return SHEAF_ECHANGED;
}

/*
 * Between the commit and the next transaction another program may have written: then rows would not
 * be where the ledger says, or a file be there twice.
 */
sheaf_status sheaf__sqlite_checkpoint(sheaf__sink *sink, bool *committed, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    ends before;
    ends after;
    sheaf_status status = look_at_ends(self, &before, err);
    if (status == SHEAF_OK)
        status = sheaf__sqlite_commit(&self->connection, err);
    *committed = status == SHEAF_OK;
    self->is_marked = false; /* all savepoints are over */
    if (status == SHEAF_OK)
        status = sheaf__sqlite_begin(&self->connection, err);
    if (status == SHEAF_OK)
        status = look_at_ends(self, &after, err);
    if (status < 0)
        return status;
    bool alone = before.next_row == after.next_row && before.last_entry == after.last_entry;
    return alone ? SHEAF_OK : not_alone(self, err);
}
