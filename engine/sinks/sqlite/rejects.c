/* A table of records that were set aside: see rejects.h. */
#include "engine/sinks/sqlite/rejects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/sinks/quarantine/reject_file.h"

sheaf_status sheaf__sqlite_rejects_init(sheaf__sqlite_rejects *rejects, const char *table,
                                        sheaf_error *err)
{
    *rejects = (sheaf__sqlite_rejects){0};
    if (asprintf(&rejects->table, "%s_quarantine", table) < 0)
        rejects->table = NULL;
    if (asprintf(&rejects->files, "%s_quarantine_files", table) < 0)
        rejects->files = NULL;
    return rejects->table && rejects->files ? SHEAF_OK : sheaf__error_memory(err, "a quarantine");
}

static int run(sqlite3 *db, char *sql)
{
    int code = sql ? sqlite3_exec(db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

static int prepare(sqlite3 *db, char *sql, sqlite3_stmt **statement)
{
    int code = sql ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

static int create(sheaf__sqlite_rejects *rejects, sqlite3 *db)
{
    static const char columns[] = "file, line INTEGER, record INTEGER, field INTEGER, \"column\" "
                                  "TEXT, fault_line INTEGER, fault_byte INTEGER, \"offset\" "
                                  "INTEGER, code TEXT, message TEXT, raw";
    int code = run(
        db, sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\"(%s)", rejects->table, columns));
    if (code == SQLITE_OK)
        code = run(db, sqlite3_mprintf("CREATE TABLE IF NOT EXISTS \"%w\"(file, header TEXT)",
                                       rejects->files));
    if (code == SQLITE_OK)
        code = prepare(
            db, sqlite3_mprintf("INSERT INTO \"%w\" VALUES(?,?,?,?,?,?,?,?,?,?,?)", rejects->table),
            &rejects->insert);
    if (code == SQLITE_OK)
        code = prepare(db, sqlite3_mprintf("INSERT INTO \"%w\" VALUES(?,?)", rejects->files),
                       &rejects->insert_file);
    rejects->is_new = true;
    return code;
}

/* Text is what others can read; what is none keeps its bytes. */
static int bind_bytes(sqlite3_stmt *insert, int parameter, const void *bytes, size_t n_bytes)
{
    bool is_text = sheaf__utf8_valid(bytes, n_bytes) && !memchr(bytes, 0, n_bytes);
    if (is_text)
        return sqlite3_bind_text64(insert, parameter, n_bytes > 0 ? bytes : "", n_bytes,
                                   SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(insert, parameter, bytes, n_bytes, SQLITE_STATIC);
}

static int bind_number(sqlite3_stmt *insert, int parameter, uint64_t value, uint64_t unknown)
{
    return value == unknown ? sqlite3_bind_null(insert, parameter)
                            : sqlite3_bind_int64(insert, parameter, (sqlite3_int64)value);
}

static int bind(sqlite3_stmt *insert, const sheaf__rejected *rejected)
{
    const sheaf_error *fault = rejected->error;
    const struct {
        uint64_t value;
        uint64_t unknown;
        int parameter;
    } numbers[] = {{rejected->line, 0, 2},   {fault->record, 0, 3},
                   {fault->field, 0, 4},     {fault->line, 0, 6},
                   {fault->line_byte, 0, 7}, {rejected->offset_bytes, SHEAF_UNKNOWN, 8}};
    int code = bind_bytes(insert, 1, rejected->path, strlen(rejected->path));
    for (size_t i = 0; code == SQLITE_OK && i < sizeof numbers / sizeof numbers[0]; i++)
        code = bind_number(insert, numbers[i].parameter, numbers[i].value, numbers[i].unknown);
    if (code == SQLITE_OK)
        code = fault->column[0] ? bind_bytes(insert, 5, fault->column, strlen(fault->column))
                                : sqlite3_bind_null(insert, 5);
    if (code == SQLITE_OK)
        code = bind_bytes(insert, 9, rejected->code, strlen(rejected->code));
    if (code == SQLITE_OK)
        code = bind_bytes(insert, 10, fault->message, strlen(fault->message));
    return code == SQLITE_OK ? bind_bytes(insert, 11, rejected->raw, rejected->n_raw) : code;
}

static int step(sqlite3_stmt *insert)
{
    sqlite3_step(insert); /* reset tells whether it succeeded */
    return sqlite3_reset(insert);
}

/* Before the first record of a file. */
static int put_file(sheaf__sqlite_rejects *rejects, const sheaf__reject_file *file)
{
    if (rejects->file == file)
        return SQLITE_OK;
    char *json = sheaf__reject_file_json(file, rejects->names);
    int code = json ? bind_bytes(rejects->insert_file, 1, file->path, strlen(file->path))
                    : SQLITE_NOMEM;
    if (code == SQLITE_OK)
        code = sqlite3_bind_text(rejects->insert_file, 2, json, -1, SQLITE_STATIC);
    if (code == SQLITE_OK)
        code = step(rejects->insert_file);
    free(json);
    rejects->file = file;
    return code;
}

int sheaf__sqlite_rejects_put(sheaf__sqlite_rejects *rejects, sqlite3 *db,
                              const sheaf__rejected *rejected)
{
    int code = rejects->insert ? SQLITE_OK : create(rejects, db);
    if (code == SQLITE_OK)
        code = put_file(rejects, rejected->file);
    if (code == SQLITE_OK)
        code = bind(rejects->insert, rejected);
    return code == SQLITE_OK ? step(rejects->insert) : code;
}

/*
 * Run a statement about what has this path in a table that may not be there. *found: it has given a
 * row.
 */
static int run_on_path(sqlite3 *db, const char *statement_of, const char *table, const char *path,
                       bool *found)
{
    sqlite3_stmt *statement = NULL;
    *found = false;
    if (sqlite3_table_column_metadata(db, "main", table, "file", NULL, NULL, NULL, NULL, NULL) !=
        SQLITE_OK)
        return SQLITE_OK;
    int code = prepare(db, sqlite3_mprintf("%s FROM \"%w\" WHERE file = ?", statement_of, table),
                       &statement);
    if (code == SQLITE_OK)
        code = bind_bytes(statement, 1, path, strlen(path));
    if (code == SQLITE_OK)
        *found = sqlite3_step(statement) == SQLITE_ROW; /* finalize tells whether it succeeded */
    int ended = sqlite3_finalize(statement);
    return code == SQLITE_OK ? ended : code;
}

int sheaf__sqlite_rejects_has(const sheaf__sqlite_rejects *rejects, sqlite3 *db, const char *path,
                              bool *has)
{
    int code = run_on_path(db, "SELECT 1", rejects->table, path, has);
    return code == SQLITE_OK && !*has ? run_on_path(db, "SELECT 1", rejects->files, path, has)
                                      : code;
}

int sheaf__sqlite_rejects_drop(const sheaf__sqlite_rejects *rejects, sqlite3 *db, const char *path)
{
    bool found;
    int code = run_on_path(db, "DELETE", rejects->table, path, &found);
    return code == SQLITE_OK ? run_on_path(db, "DELETE", rejects->files, path, &found) : code;
}

void sheaf__sqlite_rejects_mark(sheaf__sqlite_rejects *rejects)
{
    rejects->is_new = false;
}

void sheaf__sqlite_rejects_forget(sheaf__sqlite_rejects *rejects)
{
    rejects->file = NULL;
    if (rejects->is_new)
        sheaf__sqlite_rejects_finalize(rejects);
    rejects->is_new = false;
}

void sheaf__sqlite_rejects_finalize(sheaf__sqlite_rejects *rejects)
{
    sqlite3_finalize(rejects->insert);
    sqlite3_finalize(rejects->insert_file);
    rejects->insert = rejects->insert_file = NULL;
}

void sheaf__sqlite_rejects_end(sheaf__sqlite_rejects *rejects)
{
    sheaf__sqlite_rejects_finalize(rejects);
    free(rejects->table);
    free(rejects->files);
    rejects->table = rejects->files = NULL;
}
