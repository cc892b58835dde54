/* Destinations, where the program from outside cannot lead: what they do is cli/test_sinks.py. */
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "engine/core/arena.h"
#include "engine/sinks/sink.h"
#include "engine/sinks/sqlite/state.h"
#include "tests/support.h"

TestSuite(sinks, .init = enter_directory, .fini = leave_directory, .timeout = 60);

/* SQLite has then not even a handle that could be asked. */
Test(sinks, a_database_that_there_is_no_memory_to_open)
{
    static const sheaf__sink_target target = {.kind = SHEAF__SINK_SQLITE, .path = "x.db"};
    sheaf__sink *sink = NULL;
    sheaf_error err;
    cr_assert_eq(sqlite3_initialize(), SQLITE_OK);
    (void)sqlite3_hard_heap_limit64(1);
    cr_assert_eq(sheaf__sink_open(&target, &sink, &err), SHEAF_ENOMEM);
    cr_assert_null(sink);
}

/* ---- a run that is to stop ---- */

enum { N_ROWS = 50000 };

static atomic_bool stop;

/* An SQLite database with an index on its only column, begun. */
static sheaf__sink *open_database(sheaf_arena *arena)
{
    static const char *const columns[] = {"n"};
    static const sheaf_index indexes[] = {{.columns = columns, .n_columns = 1}};
    static const sheaf__sink_target target = {.kind = SHEAF__SINK_SQLITE,
                                              .path = "x.db",
                                              .indexes = indexes,
                                              .n_indexes = 1,
                                              .stop = &stop};
    static const sheaf_type types[] = {SHEAF_TYPE_INT64};
    sheaf__names names;
    sheaf__sink *sink = NULL;
    sheaf_error err;
    cr_assert_eq(sheaf__sink_open(&target, &sink, &err), SHEAF_OK, "%s", err.message);
    sheaf__names_init(&names, arena);
    cr_assert_eq(sheaf__names_add(&names, "n", 1, NULL), 0);
    cr_assert_eq(sink->ops->begin(sink, &names, types, &err), SHEAF_OK, "%s", err.message);
    sheaf__names_end(&names);
    return sink;
}

static sheaf__columns *make_rows(sheaf__columns_pool *pool)
{
    static const sheaf_type types[] = {SHEAF_TYPE_INT64};
    sheaf__columns *columns = sheaf__columns_take(pool);
    cr_assert_eq(sheaf__columns_begin(columns, types, NULL, 1, N_ROWS), SHEAF_OK);
    for (size_t i = 0; i < N_ROWS; i++)
        ((int64_t *)columns->items[0].values)[i] = (int64_t)(i * 7919 % N_ROWS);
    memset(columns->items[0].valid, 0xFF, N_ROWS / 8);
    return columns;
}

/* Rows are written, and committed, unless the run is told to stop before the one or the other. */
static void write_and_commit(bool stops_before_rows, bool stops_before_commit,
                             sheaf_status expected)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    sheaf__columns_pool *pool = sheaf__columns_pool_create(1 << 20);
    sheaf__columns *columns = make_rows(pool);
    const sheaf__rows rows = {
        .n_rows = N_ROWS, .columns = columns, .n_columns = 1, .path = "x.csv"};
    sheaf_error err;
    sheaf__sink *sink = open_database(arena);
    atomic_store(&stop, stops_before_rows);
    sheaf_status status = sink->ops->write(sink, &rows, &err);
    cr_assert_eq(status, stops_before_rows ? SHEAF_ECANCELLED : SHEAF_OK);
    atomic_store(&stop, stops_before_rows || stops_before_commit);
    if (status == SHEAF_OK) {
        cr_assert_eq(sink->rows, N_ROWS);
        status = sink->ops->commit(sink, &err);
    }
    cr_assert_eq(status, expected);
    if (status < 0)
        sink->ops->abort(sink);
    sink->ops->destroy(sink);
    cr_assert_eq(access("x.db", F_OK) == 0, expected == SHEAF_OK);
    sheaf__columns_give(columns);
    sheaf__columns_pool_release(pool);
    sheaf__arena_destroy(arena);
}

Test(sinks, sqlite_stops_among_rows)
{
    write_and_commit(true, false, SHEAF_ECANCELLED);
}

Test(sinks, sqlite_stops_while_it_makes_an_index)
{
    write_and_commit(false, true, SHEAF_ECANCELLED);
}

Test(sinks, sqlite_stops_only_when_it_is_told_to)
{
    write_and_commit(false, false, SHEAF_OK);
}

/* ---- another program, between two files ---- */

/* What it does, once, as soon as our transaction is over and before the next one begins. */
static const char *meanwhile;

static int on_statement(unsigned int kind, void *context, void *statement, void *text)
{
    (void)kind, (void)context, (void)statement;
    if (!meanwhile || strncmp(text, "BEGIN", 5) != 0)
        return 0;
    sqlite3 *other;
    const char *sql = meanwhile;
    meanwhile = NULL;
    cr_assert_eq(sqlite3_open("x.db", &other), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(other, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(other));
    sqlite3_close(other);
    return 0;
}

/* In the order of their keys: two files with rows, and one that has none. */
static const sheaf__ledger_file entries[] = {
    {.file = "x.csv", .path = "/x.csv", .loaded = N_ROWS, .first_row = 1, .key = 1},
    {.file = "y.csv", .path = "/y.csv", .loaded = N_ROWS, .first_row = N_ROWS + 1, .key = 2},
    {.file = "z.csv", .path = "/z.csv", .key = 3}};

/* Files are committed; what becomes of the next one, for which y.csv is to go, and may? */
static void commit_and_go_on(const char *sql, sheaf_status expected, bool may)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    sheaf__columns_pool *pool = sheaf__columns_pool_create(1 << 20);
    sheaf__columns *columns = make_rows(pool);
    const sheaf__rows rows = {
        .n_rows = N_ROWS, .columns = columns, .n_columns = 1, .path = "x.csv"};
    sheaf_error err;
    bool done = false;
    sheaf__sink *sink = open_database(arena);
    sqlite3_trace_v2(sheaf__sqlite_self(sink)->connection.db, SQLITE_TRACE_STMT, on_statement,
                     NULL);
    for (size_t i = 0; i < 3; i++) {
        if (entries[i].loaded > 0)
            cr_assert_eq(sink->ops->write(sink, &rows, &err), SHEAF_OK);
        cr_assert_eq(sink->ops->record(sink, &entries[i], &err), SHEAF_OK);
    }
    cr_assert_eq(sink->ops->forget(sink, &entries[2], &done, &err), SHEAF_OK, "%s", err.message);
    cr_assert(done);
    meanwhile = sql;
    bool committed = false;
    cr_assert_eq(sink->ops->checkpoint(sink, &committed, &err), expected, "%s", err.message);
    cr_assert(committed);
    cr_assert_null(meanwhile);
    if (expected == SHEAF_OK) {
        cr_assert_eq(sink->ops->forget(sink, &entries[1], &done, &err), SHEAF_OK, "%s",
                     err.message);
        cr_assert_eq(done, may);
    }
    if (expected == SHEAF_OK && may)
        cr_assert_eq(sink->first_row + sink->rows, N_ROWS + 1); /* where the next one will be */
    sink->ops->abort(sink);
    sink->ops->destroy(sink);
    sheaf__columns_give(columns);
    sheaf__columns_pool_release(pool);
    sheaf__arena_destroy(arena);
}

Test(sinks, sqlite_meets_rows_that_others_put_between_two_files)
{
    commit_and_go_on("INSERT INTO x VALUES(1)", SHEAF_ECHANGED, false);
}

Test(sinks, sqlite_meets_entries_that_others_put_between_two_files)
{
    commit_and_go_on("INSERT INTO x_ledger(file, path) VALUES('y.csv', '/y.csv')", SHEAF_ECHANGED,
                     false);
}

Test(sinks, sqlite_does_not_mind_what_others_do_elsewhere)
{
    commit_and_go_on("CREATE TABLE y(n); INSERT INTO y VALUES(1)", SHEAF_OK, true);
}

Test(sinks, sqlite_meets_rows_that_others_took_between_two_files)
{
    commit_and_go_on("DELETE FROM x WHERE rowid = 60000", SHEAF_OK, false);
}

Test(sinks, sqlite_meets_rows_that_others_took_of_a_file_that_stays)
{
    commit_and_go_on("DELETE FROM x WHERE rowid = 2", SHEAF_OK, false);
}

Test(sinks, sqlite_meets_a_file_that_others_replaced_between_two_files)
{
    commit_and_go_on("UPDATE x_ledger SET path = '/other/y.csv' WHERE rowid = 2", SHEAF_OK, false);
}
