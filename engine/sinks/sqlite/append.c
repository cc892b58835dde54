/* Rows behind those that are there: see append.h. */
#include "engine/sinks/sqlite/append.h"

#include <string.h>

#include <sheaf/text.h>

#include "engine/sinks/sqlite/types.h"

static int prepare(sqlite3 *db, char *sql, sqlite3_stmt **statement)
{
    int code = sql ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

int sheaf__sqlite_lacks(sqlite3 *db, const char *table, const char *const *names, size_t n_names,
                        const char **lacking)
{
    sqlite3_stmt *query = NULL;
    int code = prepare(db,
                       sqlite3_mprintf("SELECT 1 FROM pragma_table_info(%Q) "
                                       "WHERE name = ? COLLATE BINARY",
                                       table),
                       &query);
    *lacking = NULL;
    for (size_t i = 0; code == SQLITE_OK && i < n_names && !*lacking; i++) {
        code = sqlite3_bind_text(query, 1, names[i], -1, SQLITE_STATIC);
        if (code == SQLITE_OK && sqlite3_step(query) != SQLITE_ROW)
            *lacking = names[i];
        if (code == SQLITE_OK)
            code = sqlite3_reset(query);
    }
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

sheaf_status sheaf__sqlite_appended(sqlite3 *db, int code, size_t n_rows, sheaf_error *err)
{
    char reason[200] = "a trigger or conflict clause ignores it";
    bool is_ignored = code == SQLITE_OK && (uint64_t)sqlite3_changes64(db) < n_rows;
    if (code == SQLITE_OK && !is_ignored)
        return SHEAF_OK;
    /* A conflict clause may also have ended the transaction: then nothing can go on. */
    if ((code != SQLITE_OK && code != SQLITE_CONSTRAINT) || sqlite3_get_autocommit(db))
        return SHEAF_EDATABASE;
    if (!is_ignored)
        sheaf_text_escape(sqlite3_errmsg(db), strlen(sqlite3_errmsg(db)), reason, sizeof reason);
    sheaf_error_set(err, SHEAF_EDATABASE, "the table refuses the row: %s", reason);
    return SHEAF_END;
}

/* Whether the first value of a column ends with Z. */
static int is_utc(sqlite3 *db, const char *table, const char *column, bool *utc)
{
    sqlite3_stmt *query = NULL;
    int code = prepare(db,
                       sqlite3_mprintf("SELECT \"%w\" LIKE '%%Z' FROM \"%w\" "
                                       "WHERE \"%w\" IS NOT NULL LIMIT 1",
                                       column, table, column),
                       &query);
    if (code == SQLITE_OK)
        *utc = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_int(query, 0) != 0;
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

int sheaf__sqlite_type(sqlite3 *db, const char *table, const char *column, sheaf_type *type)
{
    const char *declared = NULL;
    bool utc = false;
    int code = sqlite3_table_column_metadata(db, "main", table, column, &declared, NULL, NULL, NULL,
                                             NULL);
    if (code != SQLITE_OK)
        return code == SQLITE_ERROR ? SQLITE_NOTFOUND : code;
    *type = sheaf__sqlite_type_of(declared);
    if (*type == SHEAF_TYPE_TIMESTAMP)
        code = is_utc(db, table, column, &utc);
    if (utc)
        *type = SHEAF_TYPE_TIMESTAMP_UTC;
    return code;
}
