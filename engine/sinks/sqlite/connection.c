/* A connection and its transaction: see connection.h. */
#include "engine/sinks/sqlite/connection.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/text.h>

#include "engine/core/error.h"

enum {
    BUSY_SLEEP_MS = 20,
    BEGIN_TIMEOUT_MS = 5000, /* for another writer to be done */
    COMMIT_TIMEOUT_MS =
        60000, /* for readers: the rows are all there, and would have to be read again */
    CONNECT_TRIES = 10,
    INSTRUCTIONS_PER_LOOK = 10000 /* of SQLite's machine, between two looks whether to stop */
};

/* ---- what goes wrong ---- */

sheaf_status sheaf__sqlite_refused(const sheaf__sqlite_connection *self, const char *what,
                                   sheaf_error *err)
{
    int code = self->db ? sqlite3_errcode(self->db) : SQLITE_OK;
    char reason[200];
    if (code == SQLITE_OK) /* it was not SQLite that found none */
        code = SQLITE_NOMEM;
    const char *text = code == SQLITE_NOMEM ? "out of memory" : sqlite3_errmsg(self->db);
    if (code == SQLITE_INTERRUPT)
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
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

sheaf_status sheaf__sqlite_execute(const sheaf__sqlite_connection *self, char *sql,
                                   const char *what, sheaf_error *err)
{
    if (!sql)
        return sheaf__error_memory(err, "a statement");
    int code = sqlite3_exec(self->db, sql, NULL, NULL, NULL);
    sqlite3_free(sql);
    return code == SQLITE_OK ? SHEAF_OK : sheaf__sqlite_refused(self, what, err);
}

static bool is_stopped(const sheaf__sqlite_connection *self)
{
    return self->stop && atomic_load_explicit(self->stop, memory_order_relaxed);
}

static int look(void *context)
{
    return is_stopped(context);
}

sheaf_status sheaf__sqlite_execute_long(const sheaf__sqlite_connection *self, char *sql,
                                        const char *what, sheaf_error *err)
{
    sqlite3_progress_handler(self->db, INSTRUCTIONS_PER_LOOK, look, (void *)self);
    sheaf_status status = sheaf__sqlite_execute(self, sql, what, err);
    sqlite3_progress_handler(self->db, 0, NULL, NULL);
    return status;
}

/* ---- open ---- */

/* SQLite's busy handler: sleep and try again, until the time is over or the run is cancelled. */
static int wait_while_busy(void *context, int n_calls)
{
    sheaf__sqlite_connection *self = context;
    if ((int64_t)n_calls * BUSY_SLEEP_MS >= self->busy_timeout_ms || is_stopped(self))
        return 0;
    sqlite3_sleep(BUSY_SLEEP_MS);
    return 1;
}

/* Whether the path does not lead to the file that is open. */
static bool has_moved(const sheaf__sqlite_connection *self)
{
    struct stat st;
    int moved = 0;
    if (stat(self->path, &st) != 0 && errno == ENOENT)
        return true;
    return self->db && /* or there was no memory for it */
           sqlite3_file_control(self->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
           moved;
}

static sheaf_status refuse_kind(const sheaf__sqlite_connection *self, const char *what,
                                sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EEXIST, "the destination is %s, not a database", what);
    sheaf__error_source(err, self->path);
    sheaf_error_hint(err, "choose another name");
    return SHEAF_EEXIST;
}

/* Make the file, if there is none: who made it may remove it again, as long as it is empty. */
static sheaf_status make_file(sheaf__sqlite_connection *self, sheaf_error *err)
{
    struct stat st;
    bool exists = stat(self->path, &st) == 0;
    if (self->must_exist && !exists)
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

static sheaf_status open_database(sheaf__sqlite_connection *self, sheaf_error *err)
{
    char *literal = NULL;
    /* A path that begins with "file:" would be a URI to some builds of SQLite. */
    if (asprintf(&literal, "%s%s", self->path[0] == '/' ? "" : "./", self->path) < 0)
        return sheaf__error_memory(err, "a path");
    int code = sqlite3_open_v2(literal, &self->db, SQLITE_OPEN_READWRITE, NULL);
    free(literal);
    if (code != SQLITE_OK)
        return sheaf__sqlite_refused(self, "cannot open the database", err);
    sqlite3_busy_handler(self->db, wait_while_busy, self);
    return sheaf__sqlite_begin(self, err);
}

sheaf_status sheaf__sqlite_connect(sheaf__sqlite_connection *self, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < CONNECT_TRIES; i++) {
        status = make_file(self, err);
        if (status == SHEAF_OK)
            status = open_database(self, err);
        if (status < 0 && is_stopped(self))
            return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
        if (status == SHEAF_EEXIST || (status < 0 && self->must_exist) || !has_moved(self))
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

/* ---- the transaction ---- */

sheaf_status sheaf__sqlite_begin(sheaf__sqlite_connection *self, sheaf_error *err)
{
    self->busy_timeout_ms = BEGIN_TIMEOUT_MS;
    return sheaf__sqlite_execute(self, sqlite3_mprintf("BEGIN IMMEDIATE"),
                                 "cannot write to the database", err);
}

/*
 * The journal is gone, which is the commit, and only then a lock could not be given back: it goes
 * when the database is closed.
 */
static bool has_committed(const sheaf__sqlite_connection *self)
{
    int code = sqlite3_extended_errcode(self->db);
    return sqlite3_get_autocommit(self->db) &&
           (code == SQLITE_IOERR_UNLOCK || code == SQLITE_IOERR_RDLOCK);
}

sheaf_status sheaf__sqlite_commit(sheaf__sqlite_connection *self, sheaf_error *err)
{
    if (has_moved(self)) {
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "the database was moved, removed or replaced while it was loaded");
        sheaf__error_source(err, self->path);
        sheaf_error_hint(err, "run again: nothing was committed");
        return SHEAF_EDATABASE;
    }
    self->busy_timeout_ms = COMMIT_TIMEOUT_MS;
    sheaf_status status = sheaf__sqlite_execute(self, sqlite3_mprintf("COMMIT"), "cannot commit",
                                                err);
    if (status < 0 && has_committed(self))
        return SHEAF_OK;
    if (status < 0 && is_stopped(self))
        return sheaf_error_set(err, SHEAF_ECANCELLED, "cancelled");
    return status;
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
static void remove_own_file(sheaf__sqlite_connection *self)
{
    self->busy_timeout_ms = 0;
    if (sqlite3_exec(self->db, "BEGIN EXCLUSIVE", NULL, NULL, NULL) != SQLITE_OK)
        return;
    if (!has_moved(self) && is_empty(self->db))
        unlink(self->path);
    sqlite3_exec(self->db, "ROLLBACK", NULL, NULL, NULL);
}

static void roll_back(sheaf__sqlite_connection *self)
{
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

/*
 * The same without SQLite, which may have failed to open the file, or have no memory for a
 * statement: an empty file, under the lock that SQLite calls EXCLUSIVE (its file format's "lock
 * bytes": 512 of them behind the first GiB).
 */
static void remove_empty_file(const sheaf__sqlite_connection *self)
{
    struct stat st;
    struct stat there;
    struct flock lock = {.l_type = F_WRLCK, .l_start = 0x40000000, .l_len = 512};
    int fd = open(self->path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fcntl(fd, F_SETLK, &lock) == 0 && fstat(fd, &st) == 0 && stat(self->path, &there) == 0 &&
        st.st_size == 0 && st.st_dev == there.st_dev && st.st_ino == there.st_ino)
        unlink(self->path);
    close(fd);
}

void sheaf__sqlite_abort(sheaf__sqlite_connection *self)
{
    if (self->db)
        roll_back(self);
    if (self->made_file) /* and it is still there */
        remove_empty_file(self);
    self->made_file = false;
}

void sheaf__sqlite_close(sheaf__sqlite_connection *self)
{
    sqlite3_close(self->db);
    free(self->path);
    *self = (sheaf__sqlite_connection){0};
}
