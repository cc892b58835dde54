/* What the sink does with its ledger: held, record, forget, touch, checkpoint of sink.h. */
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/sqlite/state.h"

enum { SHOWN_BYTES = 128 };

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

/* Records are known by their file's name alone: another one may have been called so elsewhere. */
static sheaf_status refuse_namesake(const sheaf__sqlite_sink *self, const sheaf__ledger_file *file,
                                    const char *other, sheaf_error *err)
{
    const char *const texts[] = {file->file, file->path, other};
    char shown[3][SHOWN_BYTES];
    for (size_t i = 0; i < 3; i++)
        sheaf_text_escape(texts[i], strlen(texts[i]), shown[i], sizeof shown[i]);
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "records of two files were set aside by the same name, \"%s\": %s and %s",
                    shown[0], shown[1], shown[2]);
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "it cannot be said which are the changed file's; sheaf retry loads what "
                          "was mended, --changed append loads the file beside what it gave, "
                          "--if-exists replace loads all anew");
    return SHEAF_ECHANGED;
}

/* What was set aside of a file goes. */
static int drop_rejects(sheaf__sqlite_sink *self, const sheaf__ledger_file *file, char **namesake)
{
    sqlite3 *db = self->connection.db;
    bool has_any = false;
    int code = sheaf__sqlite_rejects_has(&self->rejects, db, file->file, &has_any);
    if (code == SQLITE_OK && has_any)
        code = sheaf__sqlite_ledger_namesake(&self->ledger, db, file, namesake);
    return code == SQLITE_OK && has_any && !*namesake
               ? sheaf__sqlite_rejects_drop(&self->rejects, db, file->file)
               : code;
}

/* Rows may be gone from the end, whose rowids are given again. */
static int number_again(sheaf__sqlite_sink *self)
{
    uint64_t next_row;
    int code = sheaf__sqlite_next_row(self->connection.db, self->table, &next_row);
    self->base.first_row = next_row - self->base.rows;
    return code;
}

sheaf_status sheaf__sqlite_forget(sheaf__sink *sink, const sheaf__ledger_file *file, bool *done,
                                  sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    char *namesake = NULL;
    sheaf_status status = SHEAF_OK;
    int code = sheaf__sqlite_ledger_forget(&self->ledger, self->connection.db, self->table, file,
                                           done);
    if (code == SQLITE_OK && *done)
        code = drop_rejects(self, file, &namesake);
    if (code == SQLITE_OK && *done)
        code = number_again(self);
    if (code != SQLITE_OK)
        status = sheaf__sqlite_refused(&self->connection, "cannot replace a file's rows", err);
    else if (namesake && file->rejected > 0)
        status = refuse_namesake(self, file, namesake, err);
    free(namesake);
    return status;
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

/*
 * What is behind the last row, and behind the ledger's last entry; and a number that is another
 * one when others have committed anything.
 */
typedef struct ends {
    uint64_t next_row;
    int64_t last_entry;
    int64_t version;
} ends;

static sheaf_status look_at_ends(const sheaf__sqlite_sink *self, ends *found, sheaf_error *err)
{
    sqlite3 *db = self->connection.db;
    int code = sheaf__sqlite_next_row(db, self->table, &found->next_row);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_ledger_last(&self->ledger, db, &found->last_entry);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_data_version(db, &found->version);
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
 * be where the ledger says, or a file be there twice. What it has done to rows that were there
 * before matters to who deletes some of them.
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
    self->ledger.is_true &= before.version == after.version;
    bool alone = before.next_row == after.next_row && before.last_entry == after.last_entry;
    return alone ? SHEAF_OK : not_alone(self, err);
}
