/*
 * Rows into a table of an SQLite database, in one transaction: see sink.h. The parts:
 *
 *     connection.c   the database, its lock and its transaction
 *     rows.c         the statement that inserts rows, and whose rows they are
 *     append.c       a table that is there
 *     index.c        indexes, behind the rows
 *     rejects.c      records that were set aside; held.c: those of an earlier load, once more
 *     ledger.c       which files the table holds; ledger_ops.c: the sink's part in that
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sqlite3.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/sqlite/append.h"
#include "engine/sinks/sqlite/state.h"
#include "engine/sinks/sqlite/types.h"
#include "engine/table/database_names.h"

enum { ARENA_CHUNK_BYTES = 64 << 10 };

static sheaf_status refused(const sheaf__sqlite_sink *self, const char *what, sheaf_error *err)
{
    return sheaf__sqlite_refused(&self->connection, what, err);
}

static sheaf_status execute(const sheaf__sqlite_sink *self, char *sql, const char *what,
                            sheaf_error *err)
{
    return sheaf__sqlite_execute(&self->connection, sql, what, err);
}

/* ---- open ---- */

/* "trips" from "/data/trips.db"; a name that is only an ending stays whole. */
static char *table_of_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return strndup(name, dot && dot > name ? (size_t)(dot - name) : strlen(name));
}

/* "table", "view", ... or "" when nothing is called that. */
static sheaf_status kind_of_table(sheaf__sqlite_sink *self, const char *table, char *kind,
                                  size_t size, sheaf_error *err)
{
    sqlite3_stmt *query;
    kind[0] = '\0';
    if (sqlite3_prepare_v2(self->connection.db,
                           "SELECT type FROM sqlite_master WHERE name = ?1 COLLATE NOCASE "
                           "AND type IN ('table', 'view', 'index')",
                           -1, &query, NULL) != SQLITE_OK)
        return refused(self, "cannot read the database", err);
    sqlite3_bind_text(query, 1, table, -1, SQLITE_STATIC);
    int code = sqlite3_step(query);
    if (code == SQLITE_ROW)
        snprintf(kind, size, "%s", (const char *)sqlite3_column_text(query, 0));
    sqlite3_finalize(query);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? SHEAF_OK
               : refused(self, "cannot read the database", err);
}

static sheaf_status make_way(sheaf__sqlite_sink *self, const char *name, sheaf_if_exists if_exists,
                             sheaf_error *err)
{
    char kind[16];
    char table[256];
    if (strncasecmp(name, "sqlite_", strlen("sqlite_")) == 0) {
        sheaf_error_set(err, SHEAF_EINVAL,
                        "SQLite keeps names that begin with \"sqlite_\" for itself");
        sheaf__error_source(err, self->connection.path);
        sheaf_error_hint(err, "choose another one with --table");
        return SHEAF_EINVAL;
    }
    sheaf_status status = kind_of_table(self, name, kind, sizeof kind, err);
    if (status < 0 || !kind[0])
        return status;
    sheaf_text_escape(name, strlen(name), table, sizeof table);
    if (if_exists != SHEAF_IF_EXISTS_REPLACE) {
        sheaf_error_set(err, SHEAF_EEXIST, "the database already has a %s \"%s\"", kind, table);
        sheaf_error_hint(
            err, "--if-exists replace puts the new rows in its place, --table NAME beside it");
    } else if (strcmp(kind, "table") != 0) {
        sheaf_error_set(err, SHEAF_EEXIST, "\"%s\" is a %s, not a table: it is not replaced", table,
                        kind);
        sheaf_error_hint(err, "choose another name with --table, or drop it yourself");
    } else {
        return execute(self, sqlite3_mprintf("DROP TABLE \"%w\"", name), "cannot replace the table",
                       err);
    }
    sheaf__error_source(err, self->connection.path);
    return SHEAF_EEXIST;
}

static void set_label(sheaf__sqlite_sink *self)
{
    size_t length = strlen(self->connection.path) + strlen(self->table) + 2;
    char *both = malloc(length);
    if (!both)
        return;
    snprintf(both, length, "%s:%s", self->connection.path, self->table);
    sheaf_text_escape(both, length - 1, self->base.label, sizeof self->base.label);
    free(both);
}

/* ---- columns ---- */

static char *create_sql(const sheaf__sqlite_sink *self, const char **names, const sheaf_type *types,
                        size_t n_names)
{
    sqlite3_str *sql = sqlite3_str_new(self->connection.db);
    sqlite3_str_appendf(sql, "CREATE TABLE \"%w\"", self->table);
    for (size_t i = 0; i < n_names; i++)
        sqlite3_str_appendf(sql, "%s\"%w\" %s", i > 0 ? ", " : "(", names[i],
                            sheaf__sqlite_declared(types[i]));
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

static sheaf_status too_many_columns(const sheaf__sqlite_sink *self, size_t n_columns, int limit,
                                     sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT, "the table would have %zu columns, SQLite holds %d",
                    n_columns, limit);
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "load files of one kind at a time, or into a file: -o x.csv, -o x.jsonl");
    return SHEAF_ELIMIT;
}

static sheaf_status refuse_column(const sheaf__sqlite_sink *self, const char *name,
                                  sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ECOLUMNS, "the table has no column '%s'", shown);
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "--drop leaves a column out, --rename calls it as the table does; "
                          "--if-exists replace loads all anew");
    return SHEAF_ECOLUMNS;
}

/* Rows come behind others: the table has all these columns, and perhaps more. */
static sheaf_status append_columns(sheaf__sqlite_sink *self, const char **names, size_t n_names,
                                   sheaf_error *err)
{
    const char *lacking = NULL;
    sqlite3 *db = self->connection.db;
    int code = sheaf__sqlite_lacks(db, self->table, names, n_names, &lacking);
    if (code == SQLITE_OK && lacking && !self->skips_refused)
        return refuse_column(self, lacking, err);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_next_row(db, self->table, &self->base.first_row);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot append to the table", err);
}

static sheaf_status begin_table(sheaf__sqlite_sink *self, const sheaf__names *columns,
                                const sheaf_type *types, sheaf_error *err)
{
    static const sheaf__database_rules rules = {.ignores_case = true};
    size_t n = columns->n_items;
    self->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    const char **names = self->arena ? sheaf_arena_new(self->arena, const char *, n) : NULL;
    if (!names ||
        !sheaf__database_names(&rules, columns, self->arena, names, &self->base.columns_renamed))
        return sheaf__error_memory(err, "the column names");
    sheaf_status status = self->append ? append_columns(self, names, n, err)
                                       : execute(self, create_sql(self, names, types, n),
                                                 "cannot create the table", err);
    if (status == SHEAF_OK && sheaf__sqlite_rows_prepare(&self->rows, self->connection.db,
                                                         self->table, names, n) != SQLITE_OK)
        status = refused(self, "cannot insert into the table", err);
    self->rejects.names = names;
    return status;
}

static sheaf_status sqlite_begin(sheaf__sink *sink, const sheaf__names *columns,
                                 const sheaf_type *types, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    int limit = sqlite3_limit(self->connection.db, SQLITE_LIMIT_COLUMN, -1);
    sheaf_status status = SHEAF_OK;
    self->has_begun = true;
    sink->first_row = 1;
    if (!self->append && columns->n_items > (size_t)limit)
        return too_many_columns(self, columns->n_items, limit, err);
    if (columns->n_items > 0) /* else every file is empty: there is no table to make */
        status = begin_table(self, columns, types, err);
    return status < 0 ? status
                      : sheaf__sqlite_indexes_check_columns(&self->indexes, &self->connection, err);
}

/* ---- rows ---- */

/* The table is its owner's, and does not take a row: which? */
static sheaf_status refuse_row(const sheaf__sqlite_sink *self, const sheaf__rows *rows,
                               const char *why, sheaf_error *err)
{
    char path[160];
    sheaf_status status = why ? sheaf_error_set(err, SHEAF_EDATABASE, "cannot insert a row: %s",
                                                why)
                              : refused(self, "cannot insert a row", err);
    if (status != SHEAF_EDATABASE || !self->append || !rows->path || (err && err->hint[0]))
        return status;
    sheaf__error_source(err, self->connection.path);
    sheaf_text_escape(rows->path, strlen(rows->path), path, sizeof path);
    if (self->rows.next < rows->n_rows)
        sheaf_error_hint(err, "it is from %s, row %" PRIu64 " of this load", path,
                         self->base.rows + self->rows.next + 1);
    else /* SQLite has read all rows ahead, for a trigger, or has taken all that are not ignored */
        sheaf_error_hint(err, "it is from %s", path);
    return status;
}

/*
 * Rows of which the table refuses one leave nothing: by RAISE(FAIL) a trigger would keep what it,
 * and the row, had done by then, and the row would be there as well as set aside.
 */
static sheaf_status write_all_or_none(sheaf__sqlite_sink *self, const sheaf__rows *rows,
                                      sheaf_error *err)
{
    sqlite3 *db = self->connection.db;
    if (sqlite3_exec(db, "SAVEPOINT sheaf_rows", NULL, NULL, NULL) != SQLITE_OK)
        return refused(self, "cannot insert a row", err);
    int code = sheaf__sqlite_rows_insert(&self->rows, rows->columns, 0, rows->n_rows);
    sheaf_status status = sheaf__sqlite_appended(db, code, rows->n_rows, err);
    if (status == SHEAF_EDATABASE)
        return refused(self, "cannot insert a row", err);
    const char *end = status == SHEAF_OK ? "RELEASE sheaf_rows"
                                         : "ROLLBACK TO sheaf_rows; RELEASE sheaf_rows";
    if (sqlite3_exec(db, end, NULL, NULL, NULL) != SQLITE_OK)
        return refused(self, "cannot insert a row", err);
    self->base.rows += status == SHEAF_OK ? rows->n_rows : 0;
    return status;
}

static sheaf_status sqlite_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    if (rows->n_rows == 0)
        return SHEAF_OK;
    if (self->skips_refused)
        return write_all_or_none(self, rows, err);
    if (sheaf__sqlite_rows_insert(&self->rows, rows->columns, 0, rows->n_rows) != SQLITE_OK)
        return refuse_row(self, rows, NULL, err);
    uint64_t taken = (uint64_t)sqlite3_changes64(self->connection.db); /* no trigger's counts */
    if (taken < rows->n_rows)
        return refuse_row(self, rows, "a trigger or conflict clause ignores it", err);
    sink->rows += taken;
    return SHEAF_OK;
}

static sheaf_status sqlite_reject(sheaf__sink *sink, const sheaf__rejected *rejected,
                                  sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    return sheaf__sqlite_rejects_put(&self->rejects, self->connection.db, rejected) == SQLITE_OK
               ? SHEAF_OK
               : refused(self, "cannot set a record aside", err);
}

static sheaf_status sqlite_mark(sheaf__sink *sink, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    bool is_first = !self->is_marked;
    self->is_marked = true;
    self->rows_marked = sink->rows;
    sheaf__sqlite_rejects_mark(&self->rejects);
    return execute(self,
                   sqlite3_mprintf(is_first ? "SAVEPOINT sheaf_file"
                                            : "RELEASE sheaf_file; SAVEPOINT sheaf_file"),
                   "cannot begin a file", err);
}

static sheaf_status sqlite_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    sheaf_status status = execute(self, sqlite3_mprintf("ROLLBACK TO sheaf_file"),
                                  "cannot take back the rows of a file", err);
    *done = status == SHEAF_OK;
    if (status < 0)
        return status;
    sink->rows = self->rows_marked;
    sheaf__sqlite_rejects_forget(&self->rejects);
    return SHEAF_OK;
}

/* ---- the end ---- */

static void end_statements(sheaf__sqlite_sink *self)
{
    sheaf__sqlite_rows_finalize(&self->rows);
    sheaf__sqlite_rejects_finalize(&self->rejects);
    sheaf__sqlite_ledger_finalize(&self->ledger);
}

/* What there was nothing to load into may have indexes all the same. */
static sheaf_status make_indexes(sheaf__sqlite_sink *self, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (!self->has_begun)
        status = sheaf__sqlite_indexes_check_columns(&self->indexes, &self->connection, err);
    return status < 0 ? status : sheaf__sqlite_indexes_make(&self->indexes, &self->connection, err);
}

static sheaf_status sqlite_commit(sheaf__sink *sink, sheaf_error *err)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    end_statements(self);
    sheaf_status status = make_indexes(self, err);
    return status < 0 ? status : sheaf__sqlite_commit(&self->connection, err);
}

static void sqlite_abort(sheaf__sink *sink)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    end_statements(self);
    sheaf__sqlite_abort(&self->connection);
}

static void sqlite_destroy(sheaf__sink *sink)
{
    sheaf__sqlite_sink *self = sheaf__sqlite_self(sink);
    end_statements(self);
    sheaf__sqlite_rejects_end(&self->rejects);
    sheaf__sqlite_ledger_end(&self->ledger);
    sheaf__sqlite_indexes_end(&self->indexes);
    sheaf__sqlite_close(&self->connection);
    sheaf__arena_destroy(self->arena);
    free(self->table);
    free(self);
}

const char *sheaf__sqlite_describe(void)
{
    return sqlite3_libversion();
}

/* Rows are to go to a table that is there: is it? */
static sheaf_status find_table(sheaf__sqlite_sink *self, sheaf_error *err)
{
    char kind[16];
    char table[256];
    sheaf_status status = kind_of_table(self, self->table, kind, sizeof kind, err);
    if (status < 0 || strcmp(kind, "table") == 0)
        return status;
    sheaf_text_escape(self->table, strlen(self->table), table, sizeof table);
    sheaf_error_set(err, SHEAF_ENOENT, "the database has no table \"%s\"", table);
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "--table NAME names another one");
    return SHEAF_ENOENT;
}

/* Rows are to go behind those that are there, if there are any. */
static sheaf_status find_rows(sheaf__sqlite_sink *self, sheaf_error *err)
{
    char kind[16];
    char table[256];
    sheaf_status status = kind_of_table(self, self->table, kind, sizeof kind, err);
    if (status < 0)
        return status;
    self->append = kind[0];
    if (!self->append)
        status = kind_of_table(self, self->ledger.table, kind, sizeof kind, err);
    if (status < 0 || !kind[0] || self->append)
        return status;
    sheaf_text_escape(self->ledger.table, strlen(self->ledger.table), table, sizeof table);
    sheaf_error_set(err, SHEAF_EEXIST, "the table %s tells of rows that are gone with their table",
                    table);
    sheaf__error_source(err, self->connection.path);
    sheaf_error_hint(err, "drop it, too, or load anew: --if-exists replace");
    return SHEAF_EEXIST;
}

/* Whether the tables may be made, with what if_exists says of those that are there. */
static sheaf_status make_way_for_all(sheaf__sqlite_sink *self, sheaf_if_exists if_exists,
                                     sheaf_error *err)
{
    const char *const tables[] = {self->table, self->rejects.table, self->rejects.files,
                                  self->ledger.table};
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && status == SHEAF_OK; i++)
        status = make_way(self, tables[i], if_exists, err);
    return status;
}

static sheaf_status open_parts(sheaf__sqlite_sink *self, const sheaf__sink_target *target,
                               sheaf_error *err)
{
    self->connection.path = strdup(target->path);
    self->table = target->table ? strdup(target->table) : table_of_path(target->path);
    sheaf_status status = self->connection.path && self->table
                              ? sheaf__sqlite_connect(&self->connection, err)
                              : sheaf__error_memory(err, "a destination");
    if (status == SHEAF_OK)
        status = sheaf__sqlite_rejects_init(&self->rejects, self->table, err);
    if (status == SHEAF_OK && sheaf__sqlite_ledger_init(&self->ledger, self->table) != SQLITE_OK)
        status = sheaf__error_memory(err, "a ledger");
    return status < 0 ? status
                      : sheaf__sqlite_indexes_init(&self->indexes, target->indexes,
                                                   target->n_indexes, self->table, err);
}

/* Where the rows are to go: to a table that is there, behind its rows or in its place, or not. */
static sheaf_status find_place(sheaf__sqlite_sink *self, const sheaf__sink_target *target,
                               sheaf_error *err)
{
    bool stays = target->if_exists == SHEAF_IF_EXISTS_APPEND; /* whatever is there */
    sheaf_status status = SHEAF_OK;
    if (!self->append && stays)
        status = find_rows(self, err);
    if (status == SHEAF_OK && self->append)
        return find_table(self, err);
    return status < 0 || stays ? status : make_way_for_all(self, target->if_exists, err);
}

sheaf_status sheaf__sqlite_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = sqlite_begin,
                                        .write = sqlite_write,
                                        .reject = sqlite_reject,
                                        .mark = sqlite_mark,
                                        .take_back = sqlite_take_back,
                                        .held = sheaf__sqlite_held,
                                        .record = sheaf__sqlite_record,
                                        .forget = sheaf__sqlite_forget,
                                        .touch = sheaf__sqlite_touch,
                                        .checkpoint = sheaf__sqlite_checkpoint,
                                        .quarantine = sheaf__sqlite_quarantine,
                                        .commit = sqlite_commit,
                                        .abort = sqlite_abort,
                                        .destroy = sqlite_destroy};
    sheaf__sqlite_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = true;
    self->base.wants_columns = self->base.takes_back = true;
    self->rows.stop = self->connection.stop = target->stop;
    self->append = self->skips_refused = self->connection.must_exist = target->append;
    sheaf_status status = open_parts(self, target, err);
    if (status == SHEAF_OK)
        status = find_place(self, target, err);
    if (status == SHEAF_OK)
        status = sheaf__sqlite_indexes_check(&self->indexes, &self->connection, err);
    if (status < 0) {
        sqlite_abort(&self->base);
        sqlite_destroy(&self->base);
        return status;
    }
    set_label(self);
    char table[128];
    sheaf_text_escape(self->rejects.table, strlen(self->rejects.table), table, sizeof table);
    snprintf(self->base.reject_label, sizeof self->base.reject_label, "the table %s", table);
    *sink = &self->base;
    return SHEAF_OK;
}
