/* A ledger in a table: see ledger.h. */
#include "engine/sinks/sqlite/ledger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/utf8.h"
#include "engine/ledger/entry.h"
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

/* The texts of a row, with a NUL behind each that a BLOB has not. */
typedef struct row_texts {
    char *of[SHEAF__ENTRY_COLUMNS];
} row_texts;

static bool read_entry(sqlite3_stmt *query, row_texts *texts, sheaf__ledger_file *made)
{
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++) {
        int column = (int)i + 1; /* behind the rowid */
        sheaf__entry_value value = {.is_null = sqlite3_column_type(query, column) == SQLITE_NULL,
                                    .number = sqlite3_column_int64(query, column)};
        if (!value.is_null && sheaf__entry_kind_of(i) != SHEAF__ENTRY_NUMBER) {
            const char *bytes = sqlite3_column_blob(query, column);
            texts->of[i] = strndup(bytes ? bytes : "", (size_t)sqlite3_column_bytes(query, column));
            value.text = texts->of[i];
            if (!value.text)
                return false;
        }
        sheaf__entry_set(made, i, &value); /* what is none of ours is not known */
    }
    return made->file && made->path;
}

static int read_file(sqlite3_stmt *query, sheaf__ledger *ledger)
{
    row_texts texts = {0};
    sheaf__ledger_file made = sheaf__ledger_file_init();
    made.key = sqlite3_column_int64(query, 0);
    bool is_good = read_entry(query, &texts, &made);
    bool added = is_good && sheaf__ledger_add(ledger, &made, NULL) == SHEAF_OK;
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++)
        free(texts.of[i]);
    return added ? SQLITE_OK : SQLITE_NOMEM;
}

/* The names of its columns, after one another, for who reads; for who creates it, with types. */
static char *list_columns(bool with_types)
{
    static const char *const types[] = {[SHEAF__ENTRY_PATH] = "",
                                        [SHEAF__ENTRY_TEXT] = " TEXT",
                                        [SHEAF__ENTRY_NUMBER] = " INTEGER"};
    sqlite3_str *list = sqlite3_str_new(NULL);
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++)
        sqlite3_str_appendf(list, "%s%s%s", i > 0 ? ", " : "", sheaf__entry_name(i),
                            with_types ? types[sheaf__entry_kind_of(i)] : "");
    return sqlite3_str_finish(list);
}

static int read_files(const sheaf__sqlite_ledger *self, sqlite3 *db, sheaf__ledger *ledger)
{
    sqlite3_stmt *query;
    char *columns = list_columns(false);
    char *sql = columns ? sqlite3_mprintf("SELECT rowid, %s FROM \"%w\" ORDER BY rowid", columns,
                                          self->table)
                        : NULL;
    sqlite3_free(columns);
    int code = prepare(db, sql, &query);
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

int sheaf__sqlite_data_version(sqlite3 *db, int64_t *version)
{
    *version = 0;
    return ask_number(db, sqlite3_mprintf("PRAGMA data_version"), version);
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

static int bind(sqlite3_stmt *insert, const sheaf__ledger_file *file)
{
    char scratch[SHEAF__CONTENT_TEXT_BYTES];
    int code = SQLITE_OK;
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS && code == SQLITE_OK; i++) {
        int parameter = (int)i + 1;
        sheaf__entry_value value = sheaf__entry_get(file, i, scratch);
        if (value.is_null)
            code = sqlite3_bind_null(insert, parameter);
        else if (!value.text)
            code = sqlite3_bind_int64(insert, parameter, value.number);
        else if (sheaf__entry_kind_of(i) == SHEAF__ENTRY_PATH)
            code = bind_path(insert, parameter, value.text);
        else
            code = sqlite3_bind_text(insert, parameter, value.text, -1, SQLITE_TRANSIENT);
    }
    return code;
}

/* The table, if there is none yet, and the statement. */
static int begin(sheaf__sqlite_ledger *self, sqlite3 *db)
{
    char *columns = list_columns(true);
    char marks[2 * SHEAF__ENTRY_COLUMNS]; /* ?,?,... and a NUL */
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++)
        memcpy(marks + 2 * i, "?,", 2);
    marks[sizeof marks - 1] = '\0';
    int code = columns ? run(db, sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\"(%s)",
                                                 self->table, columns))
                       : SQLITE_NOMEM;
    sqlite3_free(columns);
    if (code == SQLITE_OK)
        code = prepare(db, sqlite3_mprintf("INSERT INTO \"%w\" VALUES(%s)", self->table, marks),
                       &self->insert);
    return code;
}

int sheaf__sqlite_ledger_put(sheaf__sqlite_ledger *self, sqlite3 *db,
                             const sheaf__ledger_file *file)
{
    int code = self->insert ? SQLITE_OK : begin(self, db);
    if (code == SQLITE_OK)
        code = bind(self->insert, file);
    if (code != SQLITE_OK)
        return code;
    sqlite3_step(self->insert); /* reset tells whether it succeeded */
    return sqlite3_reset(self->insert);
}

int sheaf__sqlite_ledger_last(const sheaf__sqlite_ledger *self, sqlite3 *db, int64_t *last)
{
    *last = 0;
    return ask_number(db, sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"", self->table), last);
}

int sheaf__sqlite_ledger_touch(const sheaf__sqlite_ledger *self, sqlite3 *db,
                               const sheaf__ledger_file *file, int64_t mtime_ns)
{
    return run(db, sqlite3_mprintf("UPDATE \"%w\" SET mtime_ns = %lld WHERE rowid = %lld",
                                   self->table, (long long)mtime_ns, (long long)file->key));
}

/* ---- and one less ---- */

/* What it tells of the table's rows. */
typedef struct claims {
    uint64_t rows;
    uint64_t last;     /* of the rowids */
    bool has_all_ends; /* it is known where each file's rows are */
} claims;

static int read_told(const sheaf__sqlite_ledger *self, sqlite3 *db, claims *told)
{
    sqlite3_stmt *query;
    int code = prepare(
        db, sqlite3_mprintf("SELECT first_row, loaded FROM \"%w\" WHERE loaded <> 0", self->table),
        &query);
    told->has_all_ends = true;
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW) {
        int64_t first = sqlite3_column_int64(query, 0);
        uint64_t end = (uint64_t)first + (uint64_t)sqlite3_column_int64(query, 1);
        told->has_all_ends &= first > 0;
        told->rows += (uint64_t)sqlite3_column_int64(query, 1);
        if (end - 1 > told->last)
            told->last = end - 1;
    }
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

/* Whether the table has the rows that its ledger tells of, where it says. */
static int look_at_rows(sheaf__sqlite_ledger *self, sqlite3 *db, const char *table)
{
    int64_t n_rows = -1;
    int64_t last = -1;
    claims told = {0};
    bool has = false;
    int code = has_own_rowid(db, table, &has);
    if (code == SQLITE_OK && has)
        code = ask_number(db, sqlite3_mprintf("SELECT count(*) FROM \"%w\"", table), &n_rows);
    if (code == SQLITE_OK && has)
        code = ask_number(db, sqlite3_mprintf("SELECT max(rowid) FROM \"%w\"", table), &last);
    if (code == SQLITE_OK && has)
        code = read_told(self, db, &told);
    self->is_true = code == SQLITE_OK && has && told.has_all_ends &&
                    (uint64_t)n_rows == told.rows && (uint64_t)last == told.last;
    return code;
}

static int delete_rows(sqlite3 *db, const char *table, const sheaf__ledger_file *file, bool *done)
{
    int64_t first = (int64_t)file->first_row;
    int64_t end = first + (int64_t)file->loaded;
    if (file->loaded == 0)
        return SQLITE_OK;
    int code = run(db, sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid >= %lld AND rowid < %lld",
                                       table, (long long)first, (long long)end));
    *done = (uint64_t)sqlite3_changes64(db) == file->loaded;
    return code;
}

/* File by file, who comes between may have replaced it, too: then it is not what was read of it. */
static int delete_entry(const sheaf__sqlite_ledger *self, sqlite3 *db,
                        const sheaf__ledger_file *file, bool *done)
{
    sqlite3_stmt *statement;
    int code = prepare(db,
                       sqlite3_mprintf("DELETE FROM \"%w\" WHERE rowid = %lld AND path = ? AND "
                                       "coalesce(loaded, 0) = %lld AND coalesce(first_row, 0) = "
                                       "%lld",
                                       self->table, (long long)file->key, (long long)file->loaded,
                                       (long long)file->first_row),
                       &statement);
    if (code == SQLITE_OK)
        code = bind_path(statement, 1, file->path);
    if (code == SQLITE_OK)
        sqlite3_step(statement); /* finalize tells whether it succeeded */
    int ended = sqlite3_finalize(statement);
    *done = sqlite3_changes64(db) == 1;
    return code == SQLITE_OK ? ended : code;
}

int sheaf__sqlite_ledger_forget(sheaf__sqlite_ledger *self, sqlite3 *db, const char *table,
                                const sheaf__ledger_file *file, bool *done)
{
    int code = self->is_true ? SQLITE_OK : look_at_rows(self, db, table);
    *done = self->is_true;
    if (code == SQLITE_OK && *done)
        code = delete_rows(db, table, file, done);
    if (code == SQLITE_OK && *done)
        code = delete_entry(self, db, file, done);
    return code;
}

int sheaf__sqlite_ledger_namesake(const sheaf__sqlite_ledger *self, sqlite3 *db,
                                  const sheaf__ledger_file *file, char **path)
{
    sqlite3_stmt *query;
    int code = prepare(db,
                       sqlite3_mprintf("SELECT path FROM \"%w\" WHERE file = ? AND path <> ? AND "
                                       "rejected > 0 LIMIT 1",
                                       self->table),
                       &query);
    *path = NULL;
    if (code == SQLITE_OK)
        code = bind_path(query, 1, file->file);
    if (code == SQLITE_OK)
        code = bind_path(query, 2, file->path);
    if (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW) {
        const char *bytes = sqlite3_column_blob(query, 0);
        *path = strndup(bytes ? bytes : "", (size_t)sqlite3_column_bytes(query, 0));
        code = *path ? SQLITE_OK : SQLITE_NOMEM;
    }
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
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
