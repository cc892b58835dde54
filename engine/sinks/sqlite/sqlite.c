/*
 * Rows into a table of an SQLite database, in one transaction: see sink.h.
 *
 * The transaction is begun (IMMEDIATE: the write lock is ours) before anything is read, and ended
 * by commit. The journal is the database's own: a process that is killed leaves a hot journal, and
 * whoever opens the database next rolls back. A database file that did not exist before and has
 * nothing in it is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include <sheaf/text.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/sinks/sqlite/append.h"
#include "engine/sinks/sqlite/ledger.h"
#include "engine/sinks/sqlite/names.h"
#include "engine/sinks/sqlite/rejects.h"
#include "engine/sinks/sqlite/sqlite.h"
#include "engine/sinks/sqlite/types.h"

enum {
    BUSY_SLEEP_MS = 20,
    BEGIN_TIMEOUT_MS = 5000, /* for another writer to be done */
    COMMIT_TIMEOUT_MS =
        60000, /* for readers: the rows are all there, and would have to be read again */
    CONNECT_TRIES = 10,
    ARENA_CHUNK_BYTES = 64 << 10
};

typedef struct sqlite_sink {
    sheaf__sink base;
    char *path;
    char *table;
    bool made_file;     /* by this run: there was no database before */
    bool append;        /* rows go to a table that is there */
    bool skips_refused; /* and one that it refuses is not the end */
    int busy_timeout_ms;
    const atomic_bool *stop;
    sqlite3 *db;
    sqlite3_stmt *insert;
    sqlite3_int64 changes_before;
    bool is_marked; /* there is a savepoint; when it was made: */
    sqlite3_int64 changes_marked;
    uint64_t rows_marked;
    sheaf_arena *arena; /* for the names of its columns */
    sheaf__sqlite_rejects rejects;
    sheaf__sqlite_ledger ledger;
} sqlite_sink;

static sqlite_sink *self_of(sheaf__sink *sink)
{
    return (sqlite_sink *)sink;
}

static sheaf_status refused(const sqlite_sink *self, const char *what, sheaf_error *err)
{
    int code = self->db ? sqlite3_errcode(self->db) : SQLITE_NOMEM;
    char reason[200];
    const char *text = self->db ? sqlite3_errmsg(self->db) : "out of memory";
    sheaf_text_escape(text, strlen(text), reason, sizeof reason);
    sheaf_error_set(err, code == SQLITE_NOMEM ? SHEAF_ENOMEM : SHEAF_EDATABASE, "%s: %s", what,
                    reason);
    sheaf__error_source(err, self->path);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
        sheaf_error_hint(err, "another program has it open: run again when that is done");
    else if (code == SQLITE_FULL)
        sheaf_error_hint(err, "make room on that disk and run again: nothing was committed");
    else if (code == SQLITE_NOTADB)
        sheaf_error_hint(err, "choose another name, or move that file away");
    else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN)
        sheaf_error_hint(err, "the directory must exist, and it and the file be writable");
    return code == SQLITE_NOMEM ? SHEAF_ENOMEM : SHEAF_EDATABASE;
}

/* Run an SQL text that sqlite3_mprintf made, and free it. */
static sheaf_status execute(sqlite_sink *self, char *sql, const char *what, sheaf_error *err)
{
    if (!sql)
        return sheaf__error_memory(err, "a statement");
    int code = sqlite3_exec(self->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, what, err);
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
static sheaf_status kind_of_table(sqlite_sink *self, const char *table, char *kind, size_t size,
                                  sheaf_error *err)
{
    sqlite3_stmt *query;
    kind[0] = '\0';
    if (sqlite3_prepare_v2(self->db,
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

static sheaf_status make_way(sqlite_sink *self, const char *name, sheaf_if_exists if_exists,
                             sheaf_error *err)
{
    char kind[16];
    char table[256];
    if (strncasecmp(name, "sqlite_", strlen("sqlite_")) == 0) {
        sheaf_error_set(err, SHEAF_EINVAL,
                        "SQLite keeps names that begin with \"sqlite_\" for itself");
        sheaf__error_source(err, self->path);
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
    sheaf__error_source(err, self->path);
    return SHEAF_EEXIST;
}

static void set_label(sqlite_sink *self)
{
    size_t length = strlen(self->path) + strlen(self->table) + 2;
    char *both = malloc(length);
    if (!both)
        return;
    snprintf(both, length, "%s:%s", self->path, self->table);
    sheaf_text_escape(both, length - 1, self->base.label, sizeof self->base.label);
    free(both);
}

static bool is_stopped(const sqlite_sink *self)
{
    return self->stop && atomic_load_explicit(self->stop, memory_order_relaxed);
}

/* SQLite's busy handler: sleep and try again, until the time is over or the run is cancelled. */
static int wait_while_busy(void *context, int n_calls)
{
    sqlite_sink *self = context;
    if ((int64_t)n_calls * BUSY_SLEEP_MS >= self->busy_timeout_ms || is_stopped(self))
        return 0;
    sqlite3_sleep(BUSY_SLEEP_MS);
    return 1;
}

/* Whether the path does not lead to the file that is open. */
static bool has_moved(const sqlite_sink *self)
{
    struct stat st;
    int moved = 0;
    if (stat(self->path, &st) != 0 && errno == ENOENT)
        return true;
    return self->db && /* or there was no memory for it */
           sqlite3_file_control(self->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           moved;
}

static sheaf_status refuse_kind(const sqlite_sink *self, const char *what, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST, "the destination is %s, not a database", what);
    sheaf__error_source(err, self->path);
    sheaf_error_hint(err, "choose another name");
    return SHEAF_EEXIST;
}

/* Make the file, if there is none: who made it may remove it again, as long as it is empty. */
static sheaf_status make_file(sqlite_sink *self, sheaf_error *err)
{
    struct stat st;
    bool exists = stat(self->path, &st) == 0;
    if (self->append && !exists)
        return sheaf__error_system(err, errno, "cannot open the database", self->path);
    if (exists && !S_ISREG(st.st_mode))
        return refuse_kind(self, S_ISDIR(st.st_mode) ? "a directory" : "a FIFO or a device", err);
    if (!exists && lstat(self->path, &st) == 0 && S_ISLNK(st.st_mode))
        return refuse_kind(self, "a symbolic link that leads to nothing", err);
    int fd = open(self->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    self->made_file |= fd >= 0;
    if (fd >= 0)
        close(fd);
    return SHEAF_OK; /* if it could not be made, SQLite says why it cannot be opened */
}

static sheaf_status open_database(sqlite_sink *self, sheaf_error *err)
{
    char *literal = NULL;
    /* A path that begins with "file:" would be a URI to some builds of SQLite. */
    if (asprintf(&literal, "%s%s", self->path[0] == '/' ? "" : "./", self->path) < 0)
        return sheaf__error_memory(err, "a path");
    int code = sqlite3_open_v2(literal, &self->db, SQLITE_OPEN_READWRITE, NULL);
    free(literal);
    if (code != SQLITE_OK)
        return refused(self, "cannot open the database", err);
    self->busy_timeout_ms = BEGIN_TIMEOUT_MS;
    sqlite3_busy_handler(self->db, wait_while_busy, self);
    return execute(self, sqlite3_mprintf("BEGIN IMMEDIATE"), "cannot write to the database", err);
}

/*
 * Open the database and take its write lock. While we waited for that, whoever held it may have
 * removed the file: then what we hold is nobody's, and we begin again.
 */
static sheaf_status connect(sqlite_sink *self, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < CONNECT_TRIES; i++) {
        status = make_file(self, err);
        if (status == SHEAF_OK)
            status = open_database(self, err);
        if (status < 0 && is_stopped(self))
            return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
        if (status == SHEAF_EEXIST || (status < 0 && self->append) || !has_moved(self))
            return status;
        sqlite3_close(self->db);
        self->db = NULL;
        self->made_file = false;
    }
    if (status < 0)
        return status;
    sheaf_error_set(err, SHEAF_EDATABASE,
                    "the database is removed again and again while it is opened");
    sheaf__error_source(err, self->path);
    return SHEAF_EDATABASE;
}

/* ---- columns ---- */

static char *create_sql(const sqlite_sink *self, const char **names, const sheaf_type *types,
                        size_t n_names)
{
    sqlite3_str *sql = sqlite3_str_new(self->db);
    sqlite3_str_appendf(sql, "CREATE TABLE \"%w\"", self->table);
    for (size_t i = 0; i < n_names; i++)
        sqlite3_str_appendf(sql, "%s\"%w\" %s", i > 0 ? ", " : "(", names[i],
                            sheaf__sqlite_declared(types[i]));
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

static char *insert_sql(const sqlite_sink *self, size_t n_names)
{
    sqlite3_str *sql = sqlite3_str_new(self->db);
    sqlite3_str_appendf(sql, "INSERT INTO \"%w\" VALUES", self->table);
    for (size_t i = 0; i < n_names; i++)
        sqlite3_str_appendall(sql, i > 0 ? ",?" : "(?");
    sqlite3_str_appendall(sql, ")");
    return sqlite3_str_finish(sql);
}

static sheaf_status create_table(sqlite_sink *self, const char **names, const sheaf_type *types,
                                 size_t n_names, sheaf_error *err)
{
    sheaf_status status = execute(self, create_sql(self, names, types, n_names),
                                  "cannot create the table", err);
    if (status < 0)
        return status;
    char *sql = insert_sql(self, n_names);
    if (!sql)
        return sheaf__error_memory(err, "a statement");
    int code = sqlite3_prepare_v2(self->db, sql, -1, &self->insert, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot insert into the table", err);
}

static sheaf_status too_many_columns(const sqlite_sink *self, size_t n_columns, int limit,
                                     sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT, "the table would have %zu columns, SQLite holds %d",
                    n_columns, limit);
    sheaf__error_source(err, self->path);
    sheaf_error_hint(err, "load files of one kind at a time, or into a file: -o x.csv, -o x.jsonl");
    return SHEAF_ELIMIT;
}

static sheaf_status refuse_column(const sqlite_sink *self, const char *name, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ECOLUMNS, "the table has no column '%s'", shown);
    sheaf__error_source(err, self->path);
    sheaf_error_hint(err, "--drop leaves a column out, --rename calls it as the table does; "
                          "--if-exists replace loads all anew");
    return SHEAF_ECOLUMNS;
}

/* Rows come behind others: the table has all these columns, and perhaps more. */
static sheaf_status append_columns(sqlite_sink *self, const char **names, size_t n_names,
                                   sheaf_error *err)
{
    const char *lacking = NULL;
    int code = sheaf__sqlite_lacks(self->db, self->table, names, n_names, &lacking);
    if (code == SQLITE_OK && lacking && !self->skips_refused)
        return refuse_column(self, lacking, err);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_append(self->db, self->table, names, n_names, &self->insert);
    if (code == SQLITE_OK)
        code = sheaf__sqlite_next_row(self->db, self->table, &self->base.first_row);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot append to the table", err);
}

static sheaf_status sqlite_begin(sheaf__sink *sink, const sheaf__names *columns,
                                 const sheaf_type *types, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    int limit = sqlite3_limit(self->db, SQLITE_LIMIT_COLUMN, -1);
    sink->first_row = 1;
    if (!self->append && columns->n_items > (size_t)limit)
        return too_many_columns(self, columns->n_items, limit, err);
    if (columns->n_items == 0) /* every file is empty: there is no table to make */
        return SHEAF_OK;
    self->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    const char **names = self->arena ? sheaf_arena_new(self->arena, const char *, columns->n_items)
                                     : NULL;
    bool named = names &&
                 sheaf__sqlite_names(columns, self->arena, names, &self->base.columns_renamed);
    if (!named)
        return sheaf__error_memory(err, "the column names");
    sheaf_status status = self->append ? append_columns(self, names, columns->n_items, err)
                                       : create_table(self, names, types, columns->n_items, err);
    self->rejects.names = names;
    self->changes_before = sqlite3_total_changes64(self->db);
    return status;
}

/* ---- rows ---- */

static sheaf_status insert_row(sqlite_sink *self, const sheaf__columns *columns, size_t row,
                               sheaf_error *err)
{
    for (size_t i = 0; i < columns->n_columns; i++)
        if (sheaf__sqlite_bind(self->insert, (int)i + 1, &columns->items[i], row) != SQLITE_OK)
            return refused(self, "a value does not fit", err);
    sqlite3_step(self->insert); /* reset tells whether it succeeded */
    int code = sqlite3_reset(self->insert);
    sheaf_status status = code == SQLITE_OK ? SHEAF_OK : SHEAF_EDATABASE;
    if (self->append && (code == SQLITE_OK || self->skips_refused))
        status = sheaf__sqlite_appended(self->db, code, err);
    return status == SHEAF_EDATABASE ? refused(self, "cannot insert a row", err) : status;
}

static sheaf_status sqlite_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    sheaf_status status = SHEAF_OK;
    for (size_t row = 0; row < rows->n_rows && status == SHEAF_OK; row++) {
        status = insert_row(self, rows->columns, row, err);
        if (self->append && status == SHEAF_OK) /* a user's triggers do not count */
            sink->rows += (uint64_t)sqlite3_changes64(self->db);
    }
    if (!self->append)
        sink->rows = (uint64_t)(sqlite3_total_changes64(self->db) - self->changes_before) -
                     self->rejects.rows;
    return status;
}

static sheaf_status sqlite_reject(sheaf__sink *sink, const sheaf__rejected *rejected,
                                  sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    return sheaf__sqlite_rejects_put(&self->rejects, self->db, rejected) == SQLITE_OK
               ? SHEAF_OK
               : refused(self, "cannot set a record aside", err);
}

static sheaf_status sqlite_mark(sheaf__sink *sink, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    bool is_first = !self->is_marked;
    self->is_marked = true;
    self->changes_marked = sqlite3_total_changes64(self->db);
    self->rows_marked = sink->rows;
    sheaf__sqlite_rejects_mark(&self->rejects);
    return execute(self,
                   sqlite3_mprintf(is_first ? "SAVEPOINT sheaf_file"
                                            : "RELEASE sheaf_file; SAVEPOINT sheaf_file"),
                   "cannot begin a file", err);
}

static sheaf_status sqlite_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    sheaf_status status = execute(self, sqlite3_mprintf("ROLLBACK TO sheaf_file"),
                                  "cannot take back the rows of a file", err);
    *done = status == SHEAF_OK;
    if (status < 0)
        return status;
    self->changes_before += sqlite3_total_changes64(self->db) - self->changes_marked;
    sink->rows = self->rows_marked;
    sheaf__sqlite_rejects_forget(&self->rejects);
    return SHEAF_OK;
}

/* ---- the ledger ---- */

static sheaf_status sqlite_held(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    if (!self->append)
        return SHEAF_OK;
    return sheaf__sqlite_ledger_read(&self->ledger, self->db, self->table, ledger) == SQLITE_OK
               ? SHEAF_OK
               : refused(self, "cannot read the ledger", err);
}

static sheaf_status sqlite_record(sheaf__sink *sink, const sheaf__ledger_file *file,
                                  sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    sqlite3_int64 before = sqlite3_total_changes64(self->db);
    int code = sheaf__sqlite_ledger_put(&self->ledger, self->db, file);
    self->changes_before += sqlite3_total_changes64(self->db) - before; /* that is no row */
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot write the ledger", err);
}

static sheaf_status sqlite_forget(sheaf__sink *sink, const sheaf__ledger *ledger,
                                  const sheaf__ledger_file *file, bool *done, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    int code = sheaf__sqlite_ledger_forget(&self->ledger, self->db, self->table, ledger, file,
                                           done);
    if (code == SQLITE_OK && *done)
        code = sheaf__sqlite_rejects_drop(&self->rejects, self->db, file->file);
    return code == SQLITE_OK ? SHEAF_OK : refused(self, "cannot replace a file's rows", err);
}

static sheaf_status sqlite_touch(sheaf__sink *sink, const sheaf__ledger_file *file,
                                 int64_t mtime_ns, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    return sheaf__sqlite_ledger_touch(&self->ledger, self->db, file, mtime_ns) == SQLITE_OK
               ? SHEAF_OK
               : refused(self, "cannot write the ledger", err);
}

/* ---- the end ---- */

static void end_statements(sqlite_sink *self)
{
    sqlite3_finalize(self->insert);
    self->insert = NULL;
    sheaf__sqlite_rejects_finalize(&self->rejects);
    sheaf__sqlite_ledger_finalize(&self->ledger);
}

static sheaf_status commit(sqlite_sink *self, sheaf_error *err)
{
    if (has_moved(self)) {
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "the database was moved, removed or replaced while it was loaded");
        sheaf__error_source(err, self->path);
        sheaf_error_hint(err, "run again: nothing was committed");
        return SHEAF_EDATABASE;
    }
    self->busy_timeout_ms = COMMIT_TIMEOUT_MS;
    sheaf_status status = execute(self, sqlite3_mprintf("COMMIT"), "cannot commit", err);
    if (status < 0 && is_stopped(self))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
    return status;
}

static sheaf_status sqlite_checkpoint(sheaf__sink *sink, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    sheaf_status status = commit(self, err);
    self->is_marked = false; /* all savepoints are over */
    self->busy_timeout_ms = BEGIN_TIMEOUT_MS;
    return status < 0 ? status
                      : execute(self, sqlite3_mprintf("BEGIN IMMEDIATE"),
                                "cannot write to the database", err);
}

static sheaf_status sqlite_commit(sheaf__sink *sink, sheaf_error *err)
{
    sqlite_sink *self = self_of(sink);
    end_statements(self);
    return commit(self, err);
}

static bool is_empty(sqlite3 *db)
{
    sqlite3_stmt *query;
    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_master", -1, &query, NULL) != SQLITE_OK)
        return false;
    bool empty = sqlite3_step(query) == SQLITE_ROW && sqlite3_column_int(query, 0) == 0;
    sqlite3_finalize(query);
    return empty;
}

/*
 * Remove the file that this run made, if nobody put anything into it: under the lock, so that no
 * other run is in it. One that waits for the lock sees that the file has moved (connect).
 */
static void remove_own_file(sqlite_sink *self)
{
    self->busy_timeout_ms = 0;
    if (sqlite3_exec(self->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
        return;
    if (!has_moved(self) && is_empty(self->db))
        unlink(self->path);
    sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
}

static void sqlite_abort(sheaf__sink *sink)
{
    sqlite_sink *self = self_of(sink);
    if (!self->db)
        return;
    end_statements(self);
    if (!sqlite3_get_autocommit(self->db))
        sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
    /*
     * After some errors (a full disk) SQLite has only marked the transaction as over: to read is
     * what rolls back.
     */
    bool empty = is_empty(self->db);
    if (self->made_file && empty)
        remove_own_file(self);
    sqlite3_close(self->db);
    self->db = NULL;
}

static void sqlite_destroy(sheaf__sink *sink)
{
    sqlite_sink *self = self_of(sink);
    end_statements(self);
    sheaf__sqlite_rejects_end(&self->rejects);
    sheaf__sqlite_ledger_end(&self->ledger);
    sqlite3_close(self->db);
    sheaf__arena_destroy(self->arena);
    free(self->path);
    free(self->table);
    free(self);
}

const char *sheaf__sqlite_describe(void)
{
    return sqlite3_libversion();
}

sqlite3 *sheaf__sqlite_database(sheaf__sink *sink, const char **table)
{
    *table = self_of(sink)->table;
    return self_of(sink)->db;
}

/* Rows are to go to a table that is there: is it? */
static sheaf_status find_table(sqlite_sink *self, sheaf_error *err)
{
    char kind[16];
    char table[256];
    sheaf_status status = kind_of_table(self, self->table, kind, sizeof kind, err);
    if (status < 0 || strcmp(kind, "table") == 0)
        return status;
    sheaf_text_escape(self->table, strlen(self->table), table, sizeof table);
    sheaf_error_set(err, SHEAF_ENOENT, "the database has no table \"%s\"", table);
    sheaf__error_source(err, self->path);
    sheaf_error_hint(err, "--table NAME names another one");
    return SHEAF_ENOENT;
}

/* Rows are to go behind those that are there, if there are any. */
static sheaf_status find_rows(sqlite_sink *self, sheaf_error *err)
{
    char kind[16];
    sheaf_status status = kind_of_table(self, self->table, kind, sizeof kind, err);
    if (status < 0 || !kind[0])
        return status;
    self->append = true;
    return SHEAF_OK;
}

/* Whether the tables may be made, with what if_exists says of those that are there. */
static sheaf_status make_way_for_all(sqlite_sink *self, sheaf_if_exists if_exists, sheaf_error *err)
{
    const char *const tables[] = {self->table, self->rejects.table, self->rejects.files,
                                  self->ledger.table};
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0] && status == SHEAF_OK; i++)
        status = make_way(self, tables[i], if_exists, err);
    return status;
}

sheaf_status sheaf__sqlite_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = sqlite_begin,
                                        .write = sqlite_write,
                                        .reject = sqlite_reject,
                                        .mark = sqlite_mark,
                                        .take_back = sqlite_take_back,
                                        .held = sqlite_held,
                                        .record = sqlite_record,
                                        .forget = sqlite_forget,
                                        .touch = sqlite_touch,
                                        .checkpoint = sqlite_checkpoint,
                                        .commit = sqlite_commit,
                                        .abort = sqlite_abort,
                                        .destroy = sqlite_destroy};
    sqlite_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = true;
    self->base.wants_columns = self->base.takes_back = true;
    self->stop = target->stop;
    self->append = self->skips_refused = target->append;
    self->path = strdup(target->path);
    self->table = target->table ? strdup(target->table) : table_of_path(target->path);
    sheaf_status status = self->path && self->table ? connect(self, err)
                                                    : sheaf__error_memory(err, "a destination");
    if (status == SHEAF_OK)
        status = sheaf__sqlite_rejects_init(&self->rejects, self->table, err);
    if (status == SHEAF_OK && sheaf__sqlite_ledger_init(&self->ledger, self->table) != SQLITE_OK)
        status = sheaf__error_memory(err, "a ledger");
    if (status == SHEAF_OK && !self->append && target->if_exists == SHEAF_IF_EXISTS_APPEND)
        status = find_rows(self, err);
    bool stays = target->if_exists == SHEAF_IF_EXISTS_APPEND; /* whatever is there */
    if (status == SHEAF_OK && self->append)
        status = find_table(self, err);
    else if (status == SHEAF_OK && !stays)
        status = make_way_for_all(self, target->if_exists, err);
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
