/* Rows as a virtual table: see rows.h. */
#include "engine/sinks/sqlite/rows.h"

#include <stdbool.h>
#include <stdlib.h>

#include "engine/table/moment.h"

#define MODULE "sqlite_sheaf_rows"

/* Who made the module has the rows: there is one table of it, and one cursor at a time. */
typedef struct rows_table {
    sqlite3_vtab base;
    sheaf__sqlite_rows *rows;
} rows_table;

typedef struct rows_cursor {
    sqlite3_vtab_cursor base;
    sheaf__sqlite_rows *rows;
} rows_cursor;

/* ---- values ---- */

/*
 * A value, as types.h says. Text is not copied: it stays where it is until SQLite has written the
 * row.
 */
static void give(sqlite3_context *result, const sheaf__column *column, size_t row)
{
    char text[SHEAF__MOMENT_BYTES];
    size_t n_bytes;
    if (sheaf__column_is_null(column, row))
        return; /* as long as nothing is said, it is NULL */
    switch (column->type) {
    case SHEAF_TYPE_BOOL:
        sqlite3_result_int(result, ((const uint8_t *)column->values)[row / 8] >> row % 8 & 1);
        return;
    case SHEAF_TYPE_INT64:
        sqlite3_result_int64(result, ((const int64_t *)column->values)[row]);
        return;
    case SHEAF_TYPE_FLOAT64:
        sqlite3_result_double(result, ((const double *)column->values)[row]);
        return;
    case SHEAF_TYPE_TEXT: {
        const int32_t *ends = column->values;
        sqlite3_result_text64(result, (const char *)column->text + ends[row],
                              (sqlite3_uint64)(ends[row + 1] - ends[row]), SQLITE_STATIC,
                              SQLITE_UTF8);
        return;
    }
    case SHEAF_TYPE_DATE:
        n_bytes = sheaf__moment_write(column->type, ((const int32_t *)column->values)[row], text);
        break;
    default:
        n_bytes = sheaf__moment_write(column->type, ((const int64_t *)column->values)[row], text);
        break;
    }
    sqlite3_result_text(result, text, (int)n_bytes, SQLITE_TRANSIENT);
}

/* ---- the virtual table ---- */

/* Columns without a type: what becomes of a value is for the table it goes to. */
static int declare(sqlite3 *db, size_t n_columns)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    for (size_t i = 0; i < n_columns; i++)
        sqlite3_str_appendf(sql, "%s%d", i > 0 ? ",c" : "CREATE TABLE x(c", (int)i);
    sqlite3_str_appendall(sql, ")");
    char *text = sqlite3_str_finish(sql);
    int code = text ? sqlite3_declare_vtab(db, text) : SQLITE_NOMEM;
    sqlite3_free(text);
    return code;
}

static int connect_table(sqlite3 *db, void *context, int argc, const char *const *argv,
                         sqlite3_vtab **table, char **message)
{
    (void)argc, (void)argv, (void)message;
    sheaf__sqlite_rows *rows = context;
    int code = declare(db, rows->n_columns);
    if (code == SQLITE_OK)
        code = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (code != SQLITE_OK)
        return code;
    rows_table *self = calloc(1, sizeof *self);
    if (!self)
        return SQLITE_NOMEM;
    self->rows = rows;
    *table = &self->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *table)
{
    free(table);
    return SQLITE_OK;
}

static int plan_query(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table, (void)info;
    return SQLITE_OK; /* from the first row to the last: there is no other way */
}

static int open_cursor(sqlite3_vtab *table, sqlite3_vtab_cursor **cursor)
{
    rows_cursor *self = calloc(1, sizeof *self);
    if (!self)
        return SQLITE_NOMEM;
    self->rows = ((rows_table *)table)->rows;
    *cursor = &self->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *cursor)
{
    free(cursor);
    return SQLITE_OK;
}

static int go_to_first(sqlite3_vtab_cursor *cursor, int plan, const char *plan_text, int argc,
                       sqlite3_value **argv)
{
    (void)cursor, (void)plan, (void)plan_text, (void)argc, (void)argv;
    return SQLITE_OK; /* who inserts has said which that is */
}

static bool is_stopped(const sheaf__sqlite_rows *rows)
{
    return rows->stop && atomic_load_explicit(rows->stop, memory_order_relaxed);
}

static int go_to_next(sqlite3_vtab_cursor *cursor)
{
    sheaf__sqlite_rows *rows = ((rows_cursor *)cursor)->rows;
    rows->next++;
    return is_stopped(rows) ? SQLITE_INTERRUPT : SQLITE_OK;
}

static int is_at_end(sqlite3_vtab_cursor *cursor)
{
    const sheaf__sqlite_rows *rows = ((rows_cursor *)cursor)->rows;
    return rows->next >= rows->end;
}

static int give_value(sqlite3_vtab_cursor *cursor, sqlite3_context *result, int column)
{
    const sheaf__sqlite_rows *rows = ((rows_cursor *)cursor)->rows;
    give(result, &rows->columns->items[column], rows->next);
    return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)((rows_cursor *)cursor)->rows->next;
    return SQLITE_OK;
}

/* No xCreate: so it is eponymous, and there is no other table of it. */
static const sqlite3_module module = {.xConnect = connect_table,
                                      .xDisconnect = disconnect_table,
                                      .xBestIndex = plan_query,
                                      .xOpen = open_cursor,
                                      .xClose = close_cursor,
                                      .xFilter = go_to_first,
                                      .xNext = go_to_next,
                                      .xEof = is_at_end,
                                      .xColumn = give_value,
                                      .xRowid = give_rowid};

/* ---- the statement ---- */

static char *insert_sql(sqlite3 *db, const char *table, const char *const *names, size_t n_names)
{
    sqlite3_str *sql = sqlite3_str_new(db);
    sqlite3_str_appendf(sql, "INSERT INTO main.\"%w\"", table);
    for (size_t i = 0; i < n_names; i++)
        sqlite3_str_appendf(sql, "%s\"%w\"", i > 0 ? "," : "(", names[i]);
    sqlite3_str_appendall(sql, ") SELECT * FROM " MODULE);
    return sqlite3_str_finish(sql);
}

int sheaf__sqlite_rows_prepare(sheaf__sqlite_rows *self, sqlite3 *db, const char *table,
                               const char *const *names, size_t n_names)
{
    self->n_columns = n_names;
    int code = sqlite3_create_module(db, MODULE, &module, self);
    char *sql = code == SQLITE_OK ? insert_sql(db, table, names, n_names) : NULL;
    if (code == SQLITE_OK)
        code = sql ? sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &self->insert, NULL)
                   : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

int sheaf__sqlite_rows_insert(sheaf__sqlite_rows *self, const sheaf__columns *columns, size_t begin,
                              size_t end)
{
    self->columns = columns;
    self->next = begin;
    self->end = end;
    sqlite3_step(self->insert); /* reset tells whether it succeeded */
    int code = sqlite3_reset(self->insert);
    self->columns = NULL;
    return code;
}

void sheaf__sqlite_rows_finalize(sheaf__sqlite_rows *self)
{
    sqlite3_finalize(self->insert);
    self->insert = NULL;
}
