/*
 * A quarantine that is a table, in the transaction of the sink whose rows it stands beside: see
 * held.h. Records are taken by rowid, one statement each, so that they may go meanwhile.
 */
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/sinks/quarantine/held_json.h"
#include "engine/sinks/sqlite/append.h"
#include "engine/sinks/sqlite/state.h"

enum { ARENA_CHUNK_BYTES = 16 << 10 };

typedef struct table {
    sheaf__held base;
    sqlite3 *db;
    const char *rows;  /* the name of the table that it stands beside */
    const char *name;  /* the quarantine's */
    const char *files; /* that of its files */
    sqlite3_stmt *select;
    sqlite3_stmt *update;
    sqlite3_stmt *remove;
    int64_t last; /* the rowid of the last record */
    size_t file;  /* which it is from */
} table;

static table *self_of(sheaf__held *held)
{
    return (table *)held;
}

static sheaf_status refused(const table *self, const char *what, sheaf_error *err)
{
    char reason[200];
    int code = sqlite3_errcode(self->db);
    const char *text = sqlite3_errmsg(self->db);
    if (code == SQLITE_NOMEM || code == SQLITE_OK) /* it was not SQLite that found none */
        return sheaf__error_memory(err, "a quarantine");
    sheaf_text_escape(text, strlen(text), reason, sizeof reason);
    sheaf_error_set(err, SHEAF_EDATABASE, "%s: %s", what, reason);
    sheaf__error_source(err, self->base.path);
    return SHEAF_EDATABASE;
}

static sheaf_status prepare(table *self, char *sql, sqlite3_stmt **statement, sheaf_error *err)
{
    if (!sql)
        return sheaf__error_memory(err, "a statement");
    int code = sqlite3_prepare_v2(self->db, sql, -1, statement, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "this is no quarantine", err);
}

/* Run a statement to its end, once. */
static sheaf_status execute(table *self, char *sql, sheaf_error *err)
{
    int code = sql ? sqlite3_exec(self->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot write the quarantine", err);
}

/* ---- its files ---- */

static sheaf_status read_files(table *self, sheaf_error *err)
{
    sqlite3_stmt *query = NULL;
    sheaf__held_json *json;
    int code = SQLITE_DONE;
    sheaf_status status = sheaf__held_json_open(&json, err);
    if (status == SHEAF_OK)
        status = prepare(self,
                         sqlite3_mprintf("SELECT header FROM \"%w\" ORDER BY rowid", self->files),
                         &query, err);
    while (status == SHEAF_OK && (code = sqlite3_step(query)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(query, 0);
        status = sheaf__held_add_header(&self->base, json, text ? text : "", err);
    }
    if (status == SHEAF_OK && code != SQLITE_DONE)
        status = refused(self, "cannot read the quarantine", err);
    sqlite3_finalize(query);
    sheaf__held_json_close(json);
    return status;
}

/* A value's bytes, as UTF-8 if it is text, whatever the database's encoding. */
static const void *bytes_of(sqlite3_stmt *query, int column, size_t *n_bytes)
{
    bool is_blob = sqlite3_column_type(query, column) == SQLITE_BLOB;
    const void *bytes = is_blob ? sqlite3_column_blob(query, column)
                                : sqlite3_column_text(query, column);
    *n_bytes = (size_t)sqlite3_column_bytes(query, column);
    return bytes ? bytes : "";
}

static uint64_t from_one(sqlite3_int64 number)
{
    return number > 0 ? (uint64_t)number : 1;
}

static bool is_from(const sheaf__reject_file *file, const void *path, size_t n_path)
{
    return strlen(file->path) == n_path && memcmp(file->path, path, n_path) == 0;
}

/* The file of a record: mostly that of the one before. */
static sheaf_status find_file(table *self, sheaf__held_record *record, sheaf_error *err)
{
    size_t n_path;
    const void *path = bytes_of(self->select, 1, &n_path);
    for (size_t i = 0; i < self->base.n_files; i++) {
        size_t index = (self->file + i) % self->base.n_files;
        if (!is_from(self->base.files[index], path, n_path))
            continue;
        self->file = record->file_index = index;
        record->file = self->base.files[index];
        return SHEAF_OK;
    }
    return sheaf__held_no_header(&self->base, self->files, path, n_path, err);
}

/* ---- its records ---- */

static sheaf_status table_next(sheaf__held *held, sheaf__held_record *record, sheaf_error *err)
{
    table *self = self_of(held);
    sqlite3_reset(self->select);
    sqlite3_bind_int64(self->select, 1, self->last);
    int code = sqlite3_step(self->select);
    if (code == SQLITE_DONE)
        return SHEAF_END;
    if (code != SQLITE_ROW)
        return refused(self, "cannot read the quarantine", err);
    *record = (sheaf__held_record){.id = sqlite3_column_int64(self->select, 0),
                                   .line = from_one(sqlite3_column_int64(self->select, 2)),
                                   .record = from_one(sqlite3_column_int64(self->select, 3)),
                                   .offset_bytes = SHEAF_UNKNOWN,
                                   .is_over_limit = sqlite3_column_int(self->select, 6) != 0};
    record->raw = bytes_of(self->select, 5, &record->n_raw);
    if (sqlite3_column_type(self->select, 4) == SQLITE_INTEGER)
        record->offset_bytes = (uint64_t)sqlite3_column_int64(self->select, 4);
    self->last = record->id;
    return find_file(self, record, err);
}

/* Whether any is left; the next one is the first. */
static sheaf_status look(sheaf__held *held, sheaf_error *err)
{
    sheaf__held_record record;
    self_of(held)->last = INT64_MIN;
    sheaf_status status = table_next(held, &record, err);
    sqlite3_reset(self_of(held)->select);
    self_of(held)->last = INT64_MIN;
    return status;
}

static sheaf_status step(table *self, sqlite3_stmt *statement, sheaf_error *err)
{
    sqlite3_step(statement); /* reset tells whether it succeeded */
    return sqlite3_reset(statement) == SQLITE_OK
               ? SHEAF_OK
               : refused(self, "cannot write the quarantine", err);
}

static int bind_number(sqlite3_stmt *statement, int parameter, uint64_t number)
{
    return number == 0 ? sqlite3_bind_null(statement, parameter)
                       : sqlite3_bind_int64(statement, parameter, (sqlite3_int64)number);
}

static sheaf_status table_keep(sheaf__held *held, const sheaf__held_record *record,
                               const sheaf__rejected *rejected, sheaf_error *err)
{
    table *self = self_of(held);
    const sheaf_error *fault = rejected->error;
    sqlite3_bind_int64(self->update, 1, record->id);
    bind_number(self->update, 2, fault->field);
    sqlite3_bind_text(self->update, 3, fault->column[0] ? fault->column : NULL, -1, SQLITE_STATIC);
    bind_number(self->update, 4, fault->line);
    bind_number(self->update, 5, fault->line_byte);
    sqlite3_bind_text(self->update, 6, rejected->code, -1, SQLITE_STATIC);
    sqlite3_bind_text(self->update, 7, fault->message, -1, SQLITE_STATIC);
    return step(self, self->update, err);
}

static sheaf_status table_drop(sheaf__held *held, const sheaf__held_record *record,
                               sheaf_error *err)
{
    table *self = self_of(held);
    sqlite3_bind_int64(self->remove, 1, record->id);
    return step(self, self->remove, err);
}

static void end_statements(table *self)
{
    sqlite3_finalize(self->select);
    sqlite3_finalize(self->update);
    sqlite3_finalize(self->remove);
    self->select = self->update = self->remove = NULL;
}

/* Files without a record go; and the tables, when there is none left. */
static sheaf_status table_settle(sheaf__held *held, sheaf_error *err)
{
    table *self = self_of(held);
    sheaf_status status = look(held, err);
    end_statements(self);
    if (status == SHEAF_OK)
        return execute(self,
                       sqlite3_mprintf("DELETE FROM \"%w\" WHERE file NOT IN "
                                       "(SELECT file FROM \"%w\")",
                                       self->files, self->name),
                       err);
    return status < 0 ? status
                      : execute(self,
                                sqlite3_mprintf("DROP TABLE \"%w\"; DROP TABLE \"%w\"", self->name,
                                                self->files),
                                err);
}

static sheaf_status table_commit(sheaf__held *held, sheaf_error *err)
{
    (void)held, (void)err; /* the sink's is ours */
    return SHEAF_OK;
}

static void table_close(sheaf__held *held)
{
    table *self = self_of(held);
    end_statements(self);
    sheaf__arena_destroy(held->arena);
    free(held->files);
    free(held->path);
    free(self);
}

/* ---- open ---- */

/* Whether there is a table that is called so. */
static sheaf_status exists(table *self, const char *name, bool *found, sheaf_error *err)
{
    sqlite3_stmt *query = NULL;
    *found = false;
    sheaf_status status = prepare(
        self,
        sqlite3_mprintf("SELECT 1 FROM sqlite_master WHERE name = %Q COLLATE NOCASE AND "
                        "type = 'table'",
                        name),
        &query, err);
    int code = status == SHEAF_OK ? sqlite3_step(query) : SQLITE_DONE;
    *found = code == SQLITE_ROW;
    sqlite3_finalize(query);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? status
               : refused(self, "cannot read the database", err);
}

static sheaf_status prepare_all(table *self, sheaf_error *err)
{
    sheaf_status status = prepare(
        self,
        sqlite3_mprintf(
            "SELECT rowid, file, line, record, \"offset\", raw, code = 'limit' FROM \"%w\" "
            "WHERE rowid > ?1 ORDER BY rowid LIMIT 1",
            self->name),
        &self->select, err);
    if (status == SHEAF_OK)
        status = prepare(
            self,
            sqlite3_mprintf("UPDATE \"%w\" SET field = ?2, \"column\" = ?3, fault_line = ?4, "
                            "fault_byte = ?5, code = ?6, message = ?7 WHERE rowid = ?1",
                            self->name),
            &self->update, err);
    if (status == SHEAF_OK)
        status = prepare(self, sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid = ?1", self->name),
                         &self->remove, err);
    return status;
}

static sheaf_status open_table(table *self, sheaf_error *err)
{
    bool found;
    if (!self->base.arena || !self->base.path)
        return sheaf__error_memory(err, "a quarantine");
    sheaf_status status = exists(self, self->name, &found, err);
    if (status < 0 || !found)
        return status < 0 ? status : SHEAF_END;
    status = exists(self, self->files, &found, err);
    if (status == SHEAF_OK && !found)
        return sheaf__held_no_files(&self->base, self->files, err);
    if (status == SHEAF_OK)
        status = prepare_all(self, err);
    if (status == SHEAF_OK)
        status = read_files(self, err);
    return status < 0 ? status : look(&self->base, err);
}

static sheaf_status table_column(sheaf__held *held, const char *name, sheaf__asked_type *asked,
                                 sheaf_error *err)
{
    table *self = self_of(held);
    *asked = (sheaf__asked_type){.column = name, .by_table = true};
    int code = sheaf__sqlite_type(self->db, self->rows, name, &asked->type);
    if (code == SQLITE_NOTFOUND)
        return sheaf__held_no_column(held, name, err);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot read the table", err);
}

sheaf_status sheaf__sqlite_quarantine(sheaf__sink *sink, sheaf__held **held, sheaf_error *err)
{
    static const sheaf__held_ops ops = {.next = table_next,
                                        .keep = table_keep,
                                        .drop = table_drop,
                                        .settle = table_settle,
                                        .commit = table_commit,
                                        .close = table_close,
                                        .column = table_column};
    const sheaf__sqlite_sink *of = sheaf__sqlite_self(sink);
    table *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a quarantine");
    self->base.ops = &ops;
    self->base.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    self->base.path = strdup(of->connection.path);
    self->db = of->connection.db;
    self->rows = of->table;
    self->name = of->rejects.table;
    self->files = of->rejects.files;
    self->last = INT64_MIN;
    sheaf_status status = open_table(self, err);
    if (status != SHEAF_OK) {
        table_close(&self->base);
        return status;
    }
    *held = &self->base;
    return SHEAF_OK;
}
