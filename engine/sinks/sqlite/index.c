/* Indexes of the table: see index.h. */
#include "engine/sinks/sqlite/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sheaf/text.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/table/names.h"
#include "engine/table/nearest.h"

enum { SHOWN_BYTES = 120, ARENA_CHUNK_BYTES = 4 << 10 };

/* ---- names ---- */

static char *name_of(const sheaf_index *index, const char *table)
{
    char *name = NULL;
    size_t size;
    FILE *text = open_memstream(&name, &size);
    if (!text)
        return NULL;
    fputs(table, text);
    for (size_t i = 0; i < index->n_columns; i++)
        fprintf(text, "_%s", index->columns[i]);
    fputs("_idx", text);
    bool is_good = !ferror(text);
    if (fclose(text) == 0 && is_good)
        return name;
    free(name);
    return NULL;
}

static sheaf_status refuse_twins(const char *name, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EINVAL, "two indexes are asked for that would be called \"%s\"",
                    shown);
    sheaf_error_hint(err, "ask for one of them");
    return SHEAF_EINVAL;
}

static sheaf_status check_twice(const sheaf_index *index, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    for (size_t i = 0; i < index->n_columns; i++)
        for (size_t k = 0; k < i; k++) {
            const char *name = index->columns[i];
            if (strcmp(name, index->columns[k]) != 0)
                continue;
            sheaf_text_escape(name, strlen(name), shown, sizeof shown);
            sheaf_error_set(err, SHEAF_EINVAL, "an index is asked for with the column '%s' twice",
                            shown);
            sheaf_error_hint(err, "once is enough: name each column of an index once");
            return SHEAF_EINVAL;
        }
    return SHEAF_OK;
}

sheaf_status sheaf__sqlite_indexes_init(sheaf__sqlite_indexes *self, const sheaf_index *items,
                                        size_t n, const char *table, sheaf_error *err)
{
    *self = (sheaf__sqlite_indexes){
        .items = items, .n = n, .table = table, .names = calloc(n + 1, sizeof *self->names)};
    for (size_t i = 0; self->names && i < n; i++) {
        self->names[i] = name_of(&items[i], table);
        if (!self->names[i])
            return sheaf__error_memory(err, "an index");
        if (check_twice(&items[i], err) < 0)
            return SHEAF_EINVAL;
        for (size_t k = 0; k < i; k++)
            if (strcasecmp(self->names[i], self->names[k]) == 0)
                return refuse_twins(self->names[i], err);
    }
    return self->names ? SHEAF_OK : sheaf__error_memory(err, "an index");
}

void sheaf__sqlite_indexes_end(sheaf__sqlite_indexes *self)
{
    for (size_t i = 0; self->names && i < self->n; i++)
        free(self->names[i]);
    free(self->names);
    *self = (sheaf__sqlite_indexes){0};
}

/* ---- what is there ---- */

static int prepare(sqlite3 *db, char *sql, sqlite3_stmt **statement)
{
    *statement = NULL;
    int code = sql ? sqlite3_prepare_v2(db, sql, -1, statement, NULL) : SQLITE_NOMEM;
    sqlite3_free(sql);
    return code;
}

/* Whether an index of the database has these columns, and no others. */
static int has_columns(sqlite3 *db, const char *name, const sheaf_index *index, bool *has)
{
    sqlite3_stmt *query;
    size_t n = 0;
    int code = prepare(
        db, sqlite3_mprintf("SELECT name FROM pragma_index_info(%Q) ORDER BY seqno", name), &query);
    *has = true;
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW) {
        const char *column = (const char *)sqlite3_column_text(query, 0); /* NULL: an expression */
        *has &= n < index->n_columns && column && strcmp(column, index->columns[n]) == 0;
        n++;
    }
    *has &= n == index->n_columns;
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

/* Whether the name is free, or that of the very index that is asked for. */
static int may_be_made(const sheaf__sqlite_indexes *self, sqlite3 *db, size_t i, bool *may)
{
    sqlite3_stmt *query;
    bool is_ours = false;
    int code = prepare(
        db,
        sqlite3_mprintf("SELECT type = 'index' AND tbl_name = %Q COLLATE NOCASE FROM sqlite_master "
                        "WHERE name = %Q COLLATE NOCASE AND type <> 'trigger'",
                        self->table, self->names[i]),
        &query);
    bool is_there = code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW;
    if (is_there)
        is_ours = sqlite3_column_int(query, 0);
    int ended = sqlite3_finalize(query);
    code = code == SQLITE_OK ? ended : code;
    *may = !is_there;
    return code == SQLITE_OK && is_ours ? has_columns(db, self->names[i], &self->items[i], may)
                                        : code;
}

sheaf_status sheaf__sqlite_indexes_check(const sheaf__sqlite_indexes *self,
                                         const sheaf__sqlite_connection *connection,
                                         sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    for (size_t i = 0; i < self->n; i++) {
        bool may = false;
        if (may_be_made(self, connection->db, i, &may) != SQLITE_OK)
            return sheaf__sqlite_refused(connection, "cannot read the database", err);
        if (may)
            continue;
        sheaf_text_escape(self->names[i], strlen(self->names[i]), shown, sizeof shown);
        sheaf_error_set(err, SHEAF_EEXIST,
                        "the database has a \"%s\", which is not the index that is asked for",
                        shown);
        sheaf__error_source(err, connection->path);
        sheaf_error_hint(err, "drop or rename it, or load without --index");
        return SHEAF_EEXIST;
    }
    return SHEAF_OK;
}

/* ---- columns ---- */

static sheaf_status no_such_column(const sheaf__names *columns, const char *name,
                                   const sheaf__sqlite_connection *connection, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    const sheaf__name *near = sheaf__nearest_name(columns, name, strlen(name));
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EINVAL, "an index is asked for, but the table has no column '%s'",
                    shown);
    sheaf__error_source(err, connection->path);
    if (near) {
        sheaf_text_escape(near->bytes, near->n_bytes, shown, sizeof shown);
        sheaf_error_hint(err, "did you mean '%s'? sheaf schema SRC... shows the columns", shown);
    } else {
        sheaf_error_hint(err, "sheaf schema SRC... shows the columns");
    }
    return SHEAF_EINVAL;
}

/* The names of the table's columns, also of those that are made of others. */
static int read_columns(const sheaf__sqlite_indexes *self, sqlite3 *db, sheaf__names *columns)
{
    sqlite3_stmt *query;
    int code = prepare(db, sqlite3_mprintf("SELECT name FROM pragma_table_xinfo(%Q)", self->table),
                       &query);
    while (code == SQLITE_OK && sqlite3_step(query) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(query, 0);
        size_t n_bytes = (size_t)sqlite3_column_bytes(query, 0);
        if (!name || sheaf__names_add(columns, name, n_bytes, NULL) == SHEAF__NO_NAME)
            code = SQLITE_NOMEM;
    }
    int ended = sqlite3_finalize(query);
    return code == SQLITE_OK ? ended : code;
}

static sheaf_status check_in(const sheaf__sqlite_indexes *self,
                             const sheaf__sqlite_connection *connection, sheaf__names *columns,
                             sheaf_error *err)
{
    int code = read_columns(self, connection->db, columns);
    if (code == SQLITE_NOMEM)
        return sheaf__error_memory(err, "an index");
    if (code != SQLITE_OK)
        return sheaf__sqlite_refused(connection, "cannot read the table", err);
    for (size_t i = 0; i < self->n; i++)
        for (size_t k = 0; k < self->items[i].n_columns; k++) {
            const char *name = self->items[i].columns[k];
            if (sheaf__names_find(columns, name, strlen(name)) == SHEAF__NO_NAME)
                return no_such_column(columns, name, connection, err);
        }
    return SHEAF_OK;
}

sheaf_status sheaf__sqlite_indexes_check_columns(const sheaf__sqlite_indexes *self,
                                                 const sheaf__sqlite_connection *connection,
                                                 sheaf_error *err)
{
    sheaf__names columns;
    if (self->n == 0)
        return SHEAF_OK;
    sheaf_arena *arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!arena)
        return sheaf__error_memory(err, "an index");
    sheaf__names_init(&columns, arena);
    sheaf_status status = check_in(self, connection, &columns, err);
    sheaf__names_end(&columns);
    sheaf__arena_destroy(arena);
    return status;
}

/* ---- make them ---- */

static char *create_sql(const sheaf__sqlite_indexes *self, sqlite3 *db, size_t i)
{
    const sheaf_index *index = &self->items[i];
    sqlite3_str *sql = sqlite3_str_new(db);
    sqlite3_str_appendf(sql, "CREATE INDEX IF NOT EXISTS main.\"%w\" ON \"%w\"", self->names[i],
                        self->table);
    for (size_t k = 0; k < index->n_columns; k++)
        sqlite3_str_appendf(sql, "%s\"%w\"", k > 0 ? "," : "(", index->columns[k]);
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

sheaf_status sheaf__sqlite_indexes_make(const sheaf__sqlite_indexes *self,
                                        const sheaf__sqlite_connection *connection,
                                        sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < self->n && status == SHEAF_OK; i++)
        status = sheaf__sqlite_execute_long(connection, create_sql(self, connection->db, i),
                                            "cannot make an index", err);
    return status;
}
