/* A ledger in a table: see ledger.h. */
#include "engine/sinks/sqlite/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/utf8.h"
#include "engine/sinks/sqlite/append.h"

int sheaf__sqlite_ledger_init(sheaf__sqlite_ledger *self, const char *table)
{
    *self = (sheaf__sqlite_ledger){0};
    if (asprintf(&self->table, "%s_ledger", table) < 0)
        self->table = NULL;
    return self->table ? SQLITE_OK : SQLITE_NOMEM;
}

static int prepare(sqlite3 *db, char *sql, sqlite3_stmt **statement)
{
    *statement = NULL;
    int code = sql ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

static int run(sqlite3 *db, char *sql)
{
    int code = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

/* The single number that a query gives. */
static int ask_number(sqlite3 *db, char *sql, int64_t *number)
{
    sqlite3_stmt *query;
    int code = prepare(db, sql, &query);
    if (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        *number = sqlite3_column_int64(query, 0);
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

/* ---- what is there ---- */

static int read_columns(sqlite3 *db, const char *table, sheaf__ledger *ledger)
{
    sqlite3_stmt *query;
    int code = prepare(db, sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q)", table),
                       &query);
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(query, 0);
        sheaf__ledger_column column = {.name = name,
                                       .n_name = (size_t)sqlite3_column_bytes(query, 0)};
        code = name ? sheaf__sqlite_type(db, table, name, &column.type) : SQLITE_NOMEM;
        if (code == SQLITE_OK && sheaf__ledger_add_column(ledger, &column, NULL) < 0)
            code = SQLITE_NOMEM;
    }
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

static uint64_t number_at(sqlite3_stmt *query, int column, uint64_t absent)
{
    bool is_null = sqlite3_column_type(query, column) == SQLITE_NULL;
    return is_null ? absent : (uint64_t)sqlite3_column_int64(query, column);
}

/* A path, with a NUL behind it that a BLOB has not. */
static char *path_at(sqlite3_stmt *query, int column)
{
    const char *bytes = sqlite3_column_blob(query, column);
    return strndup(bytes ? bytes : "", (size_t)sqlite3_column_bytes(query, column));
}

static int read_file(sqlite3_stmt *query, sheaf__ledger *ledger)
{
    char *file = path_at(query, 1);
    char *path = path_at(query, 2);
    const char *content = (const char *)sqlite3_column_text(query, 5);
    sheaf__ledger_file made = {.file = file,
                               .path = path,
                               .size_bytes = number_at(query, 3, SHEAF_UNKNOWN),
                               .mtime_ns = sqlite3_column_int64(query, 4),
                               .is_settled = sqlite3_column_type(query, 4) != SQLITE_NULL,
                               .records = number_at(query, 6, 0),
                               .loaded = number_at(query, 7, 0),
                               .rejected = number_at(query, 8, 0),
                               .first_row = number_at(query, 9, 0),
                               .loaded_at = (const char *)sqlite3_column_text(query, 10),
                               .key = sqlite3_column_int64(query, 0)};
    if (!content || !sheaf__ledger_content_read(content, &made.content))
        made.size_bytes = SHEAF_UNKNOWN; /* what has no hash is never known to be the same */
    bool added = file && path && sheaf__ledger_add(ledger, &made, NULL) == SHEAF_OK;
    free(file);
    free(path);
    return added ? SQLITE_OK : SQLITE_NOMEM;
}

static int read_files(const sheaf__sqlite_ledger *self, sqlite3 *db, sheaf__ledger *ledger)
{
    sqlite3_stmt *query;
    int code = prepare(db,
                       sqlite3_mprintf("SELECT rowid, file, path, size, mtime_ns, content, "
                                       "records, loaded, rejected, first_row, loaded_at "
                                       "FROM \"%w\" ORDER BY rowid",
                                       self->table),
                       &query);
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW)
        code = read_file(query, ledger);
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

int sheaf__sqlite_ledger_read(const sheaf__sqlite_ledger *self, sqlite3 *db, const char *table,
                              sheaf__ledger *ledger)
{
    int64_t is_there = 0;
    int code = read_columns(db, table, ledger);
    if (code == SQLITE_OK)
        code = ask_number(db,
                          sqlite3_mprintf("SELECT count(*) FROM sqlite_master WHERE "
                                          "type = 'table' AND name = %Q COLLATE NOCASE",
                                          self->table),
                          &is_there);
    ledger->exists = true;
    ledger->is_known = is_there;
    return code == SQLITE_OK && is_there ? read_files(self, db, ledger) : code;
}

/* A column may stand for the rowid, and a table may have none: neither is of our making. */
static int has_own_rowid(sqlite3 *db, const char *table, bool *has)
{
    int64_t is_other = 1;
    int code = ask_number(db,
                          sqlite3_mprintf("SELECT (SELECT count(*) FROM pragma_table_info(%Q) "
                                          "WHERE pk > 0) + (SELECT count(*) FROM "
                                          "pragma_table_info(%Q) WHERE lower(name) = 'rowid')",
                                          table, table),
                          &is_other);
    *has = is_other == 0;
    return code;
}

int sheaf__sqlite_next_row(sqlite3 *db, const char *table, uint64_t *row)
{
    int64_t last = 0;
    bool has = false;
    int code = has_own_rowid(db, table, &has);
    *row = 0;
    if (code == SQLITE_OK && has)
        code = ask_number(db, sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"", table), &last);
    if (code == SQLITE_OK && has)
        *row = (uint64_t)last + 1;
    return code;
}

/* ---- a file more ---- */

/* Text is what others can read; what is none keeps its bytes. */
static int bind_path(sqlite3_stmt *insert, int parameter, const char *path)
{
    size_t n_bytes = strlen(path);
    if (sheaf__utf8_valid((const uint8_t *)path, n_bytes))
        return sqlite3_bind_text64(insert, parameter, path, n_bytes, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(insert, parameter, path, n_bytes, SQLITE_STATIC);
}

static int bind_numbers(sqlite3_stmt *insert, const sheaf__ledger_file *file)
{
    bool is_stream = file->size_bytes == SHEAF_UNKNOWN;
    const struct {
        uint64_t value;
        bool is_known;
        int parameter;
    } numbers[] = {{file->size_bytes, !is_stream, 3},
                   {(uint64_t)file->mtime_ns, !is_stream && file->is_settled, 4},
                   {file->records, true, 6},
                   {file->loaded, true, 7},
                   {file->rejected, true, 8},
                   {file->first_row, file->first_row > 0 && file->loaded > 0, 9}};
    int code = SQLITE_OK;
    for (size_t i = 0; code == SQLITE_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        code = numbers[i].is_known ? sqlite3_bind_int64(insert, numbers[i].parameter,
                                                        (sqlite3_int64)numbers[i].value)
                                   : sqlite3_bind_null(insert, numbers[i].parameter);
    return code;
}

static int bind(sqlite3_stmt *insert, const sheaf__ledger_file *file)
{
    char content[SHEAF__CONTENT_TEXT_BYTES];
    sheaf__ledger_content_write(file->content, content);
    bool is_stream = file->size_bytes == SHEAF_UNKNOWN;
    int code = bind_path(insert, 1, file->file);
    if (code == SQLITE_OK)
        code = bind_path(insert, 2, file->path);
    if (code == SQLITE_OK)
        code = bind_numbers(insert, file);
    if (code == SQLITE_OK)
        code = is_stream ? sqlite3_bind_null(insert, 5)
                         : sqlite3_bind_text(insert, 5, content, -1, SQLITE_TRANSIENT);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(insert, 10, file->encoding, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = file->delimiter ? sqlite3_bind_text(insert, 11, &file->delimiter, 1, SQLITE_STATIC)
                               : sqlite3_bind_null(insert, 11);
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(insert, 12, file->loaded_at, -1, SQLITE_STATIC);
    return code == SQLITE_OK ? sqlite3_bind_text(insert, 13, file->loaded_by, -1, SQLITE_STATIC)
                             : code;
}

int sheaf__sqlite_ledger_put(sheaf__sqlite_ledger *self, sqlite3 *db,
                             const sheaf__ledger_file *file)
{
    static const char columns[] = "file, path, size INTEGER, mtime_ns INTEGER, content TEXT, "
                                  "records INTEGER, loaded INTEGER, rejected INTEGER, "
                                  "first_row INTEGER, encoding TEXT, delimiter TEXT, "
                                  "loaded_at TEXT, loaded_by TEXT";
    int code = SQLITE_OK;
    if (!self->insert) {
        code = run(db,
                   sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\"(%s)", self->table, columns));
        if (code == SQLITE_OK)
            code = prepare(db,
                           sqlite3_mprintf("INSERT INTO \"%w\" VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                                           self->table),
                           &self->insert);
    }
    if (code == SQLITE_OK)
        code = bind(self->insert, file);
    if (code != SQLITE_OK)
        return code;
    sqlite3_step(self->insert); /* reset tells whether it succeeded */
    return sqlite3_reset(self->insert);
}

int sheaf__sqlite_ledger_touch(const sheaf__sqlite_ledger *self, sqlite3 *db,
                               const sheaf__ledger_file *file, int64_t mtime_ns)
{
    return run(db, sqlite3_mprintf("UPDATE \"%w\" SET mtime_ns = %lld WHERE rowid = %lld",
                                   self->table, (long long)mtime_ns, (long long)file->key));
}

/* ---- and one less ---- */

/* Whether the table has the rows that its ledger tells of, where it says. */
static int holds_all(sqlite3 *db, const char *table, const sheaf__ledger *ledger, bool *holds)
{
    int64_t n_rows = -1;
    int64_t last = -1;
    uint64_t last_told = 0;
    bool has = false;
    bool is_told = true;
    for (size_t i = 0; i < ledger->n_files; i++) {
        const sheaf__ledger_file *file = &ledger->files[i];
        is_told &= file->first_row > 0 || file->loaded == 0;
        if (file->loaded > 0 && file->first_row + file->loaded - 1 > last_told)
            last_told = file->first_row + file->loaded - 1;
    }
    int code = has_own_rowid(db, table, &has);
    if (code == SQLITE_OK && has)
        code = ask_number(db, sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table), &n_rows);
    if (code == SQLITE_OK && has)
        code = ask_number(db, sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"", table), &last);
    *holds = has && is_told && (uint64_t)n_rows == sheaf__ledger_rows(ledger) &&
             (uint64_t)last == last_told;
    return code;
}

int sheaf__sqlite_ledger_forget(const sheaf__sqlite_ledger *self, sqlite3 *db, const char *table,
                                const sheaf__ledger *ledger, const sheaf__ledger_file *file,
                                bool *done)
{
    int code = SQLITE_OK;
    int64_t first = (int64_t)file->first_row;
    int64_t end = first + (int64_t)file->loaded;
    if (!*done) /* for the first of them: then some are gone, and it cannot be asked again */
        code = holds_all(db, table, ledger, done);
    if (code != SQLITE_OK || !*done)
        return code;
    if (file->loaded > 0) {
        code = run(db, sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid >= %lld AND rowid < %lld",
                                       table, (long long)first, (long long)end));
        *done = code != SQLITE_OK || (uint64_t)sqlite3_changes64(db) == file->loaded;
    }
    if (code == SQLITE_OK && *done)
        code = run(db, sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid = %lld", self->table,
                                       (long long)file->key));
    return code;
}

void sheaf__sqlite_ledger_finalize(sheaf__sqlite_ledger *self)
{
    sqlite3_finalize(self->insert);
    self->insert = NULL;
}

void sheaf__sqlite_ledger_end(sheaf__sqlite_ledger *self)
{
    sheaf__sqlite_ledger_finalize(self);
    free(self->table);
    self->table = NULL;
}
