/*
 * Rows into a table of a PostgreSQL database, by binary COPY in one transaction: see sink.h.
 *
 * The transaction is begun before anything is read: a table that is in the way is met then, one
 * that is replaced is dropped in it, one that rows are appended to is locked against changes. So
 * until the commit everybody else sees what was there before; who asks for a table that is being
 * replaced waits. Whatever ends us, the server rolls back. File by file there is one transaction
 * after the other, and each begins as the first one did.
 *
 * Rows, records that were set aside and the ledger's entries go through one connection, which takes
 * one COPY at a time: the latter two wait (rejects.h, ledger.h). A file that may have to be taken
 * back begins behind a savepoint; there the COPY before it ends.
 *
 * With several connections all but the first write into stages, which the first publishes before
 * the commit (stages.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/sinks/postgres/append.h"
#include "engine/sinks/postgres/copy.h"
#include "engine/sinks/postgres/create.h"
#include "engine/sinks/postgres/held.h"
#include "engine/sinks/postgres/lane.h"
#include "engine/sinks/postgres/ledger.h"
#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/rejects.h"
#include "engine/sinks/postgres/relation.h"
#include "engine/sinks/postgres/replace.h"
#include "engine/sinks/postgres/session.h"
#include "engine/sinks/postgres/sql.h"
#include "engine/sinks/postgres/stages.h"
#include "engine/sinks/postgres/table.h"
#include "engine/sinks/postgres/uri.h"
#include "engine/sinks/sink.h"

enum { ARENA_CHUNK_BYTES = 64 << 10, PUT_BYTES = 256 << 10 };

typedef struct postgres_sink {
    sheaf__sink base;
    sheaf__postgres session;
    sheaf_arena *arena;
    sheaf__postgres_table table;
    bool appends;
    bool skips_refused;               /* and a row that the table refuses is not the end */
    char oid[16];                     /* of the table, if it exists */
    sheaf__postgres_columns existing; /* if it does */
    sheaf__postgres_lane lane;        /* that the rows go by, */
    sheaf__postgres_stages *stages;   /* or some of them; NULL: there is one connection */
    sheaf__fit *fits;                 /* of each column */
    size_t n_columns;
    const char **names;
    sheaf__postgres_rows rows; /* that were not sent yet, behind a head */
    uint64_t n_rows;           /* in there */
    uint64_t rows_marked;
    bool has_changes;      /* since the transaction began there may be */
    int64_t columns_mark;  /* file by file: of the table's columns */
    bool has_columns_mark; /* it is known */
    sheaf__postgres_rejects rejects;
    sheaf__postgres_ledger ledger;
    sheaf__postgres_replace replaced; /* that are still to go */
} postgres_sink;

static postgres_sink *self_of(sheaf__sink *sink)
{
    return (postgres_sink *)sink;
}

/* ---- open ---- */

/* Whether the tables may be written, with what if_exists says of those that are there. */
static sheaf_status prepare(postgres_sink *self, const sheaf__sink_target *target, sheaf_error *err)
{
    sheaf__postgres_relation found;
    sheaf_if_exists if_exists = target->append ? SHEAF_IF_EXISTS_APPEND : target->if_exists;
    bool may_stay = if_exists == SHEAF_IF_EXISTS_APPEND;
    sheaf_status status = SHEAF_OK;
    if (target->append)
        status = sheaf__postgres_ledger_try_lock(&self->session, &self->table, err);
    /* Who comes second then finds the first one's table; and nobody in its stages. */
    else if (if_exists != SHEAF_IF_EXISTS_FAIL || target->connections > 1)
        status = sheaf__postgres_ledger_lock(&self->session, &self->table, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_make_way(&self->session, &self->table, self->table.name, if_exists,
                                          &found, err);
    if (status < 0)
        return status;
    if (target->append && !found.oid[0])
        return sheaf__postgres_no_table(&self->session, &self->table, err);
    if (!found.may_create && !may_stay)
        return sheaf__postgres_refuse_schema(&self->session, &self->table, err);
    self->appends = may_stay && found.oid[0];
    self->has_changes = if_exists == SHEAF_IF_EXISTS_REPLACE;
    memcpy(self->oid, found.oid, sizeof self->oid);
    if (self->appends)
        status = sheaf__postgres_columns_read(&self->session, found.oid, self->arena,
                                              &self->existing, err);
    if (status == SHEAF_OK && self->appends)
        status = sheaf__postgres_columns_ask(&self->existing, self->arena, &self->base.asked,
                                             &self->base.n_asked, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_rejects_open(&self->rejects, &self->session, &self->table,
                                              if_exists, err);
    return status < 0 ? status
                      : sheaf__postgres_ledger_open(&self->ledger, &self->session, &self->table,
                                                    self->appends, if_exists, err);
}

static void set_labels(postgres_sink *self)
{
    char both[sizeof self->session.shown + sizeof self->table.name + 1];
    char table[128];
    snprintf(both, sizeof both, "%s:%s", self->session.shown, self->table.name);
    sheaf_text_escape(both, strlen(both), self->base.label, sizeof self->base.label);
    sheaf_text_escape(self->rejects.records.table, strlen(self->rejects.records.table), table,
                      sizeof table);
    snprintf(self->base.reject_label, sizeof self->base.reject_label, "the table %s", table);
}

/* ---- columns ---- */

static sheaf_status make_copy(postgres_sink *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (sheaf__postgres_sql_begin(&sql)) {
        fputs("COPY ", sql.out);
        sheaf__postgres_put_table(sql.out, self->table.schema, self->table.name);
        fputs(" (", sql.out);
        sheaf__postgres_put_names(sql.out, self->names, self->n_columns);
        fputs(") FROM STDIN (FORMAT binary)", sql.out);
        self->lane.copy = sheaf__postgres_sql_end(&sql);
    }
    return self->lane.copy ? SHEAF_OK : sheaf__error_memory(err, "a statement");
}

static sheaf_status too_many_columns(const postgres_sink *self, size_t n_columns, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ELIMIT, "the table would have %zu columns, PostgreSQL's have %d",
                    n_columns, SHEAF__POSTGRES_COLUMNS_MAX);
    sheaf__error_source(err, self->session.shown);
    sheaf_error_hint(err, "--select takes some of them; load files of one kind at a time, or into "
                          "a file: -o x.csv");
    return SHEAF_ELIMIT;
}

/* What they are called there. */
static bool name_columns(postgres_sink *self, const sheaf__names *columns)
{
    if (!self->appends)
        return sheaf__postgres_column_names(columns, self->arena, self->names,
                                            &self->base.columns_renamed);
    for (size_t i = 0; i < columns->n_items; i++)
        self->names[i] = sheaf__arena_copy(self->arena, columns->items[i].bytes,
                                           columns->items[i].n_bytes);
    return columns->n_items == 0 || self->names[columns->n_items - 1];
}

static sheaf_status begin_stages(postgres_sink *self, const sheaf_type *types, sheaf_error *err)
{
    const char **named = sheaf_arena_new(self->arena, const char *, self->n_columns);
    if (!named)
        return sheaf__error_memory(err, "the column names");
    for (size_t i = 0; i < self->n_columns; i++)
        named[i] = self->appends ? sheaf__postgres_columns_type(&self->existing, self->names[i])
                                 : sheaf__postgres_declared(types[i]);
    sheaf__postgres_shape shape = {&self->table, self->names, named, self->n_columns};
    return sheaf__postgres_stages_begin(self->stages, &shape, self->appends ? self->oid : "", err);
}

/* The files that were noted go, while nothing else is under way. */
static sheaf_status let_go(postgres_sink *self, sheaf_error *err)
{
    const sheaf__postgres_replace_in in = {.session = &self->session,
                                           .table = &self->table,
                                           .oid = self->oid,
                                           .columns = &self->existing,
                                           .column = self->base.file_column,
                                           .ledger = self->ledger.table,
                                           .rejects = &self->rejects};
    self->has_changes |= self->replaced.n_files > 0;
    return sheaf__postgres_replace_flush(&self->replaced, &in, err);
}

static sheaf_status postgres_begin(sheaf__sink *sink, const sheaf__names *columns,
                                   const sheaf_type *types, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    size_t n = columns->n_items;
    if (n > SHEAF__POSTGRES_COLUMNS_MAX)
        return too_many_columns(self, n, err);
    sheaf_status status = let_go(self, err);
    if (status < 0 || n == 0) /* every file is empty: there is no table to make */
        return status;
    self->n_columns = n;
    self->names = sheaf_arena_new(self->arena, const char *, n);
    self->fits = sheaf_arena_new(self->arena, sheaf__fit, n);
    if (!self->names || !self->fits)
        return sheaf__error_memory(err, "the column names");
    memset(self->fits, 0, n * sizeof *self->fits);
    if (self->appends)
        status = sheaf__postgres_columns_match(&self->existing, columns, types, self->fits, err);
    if (status < 0) {
        sheaf__error_source(err, self->session.shown);
        return status;
    }
    if (!name_columns(self, columns))
        return sheaf__error_memory(err, "the column names");
    self->rejects.names = self->names;
    self->has_changes |= !self->appends;
    if (!self->appends)
        status = sheaf__postgres_create(&self->session, &self->table, self->names, types, n, err);
    if (status == SHEAF_OK)
        status = make_copy(self, err);
    return status < 0 || !self->stages ? status : begin_stages(self, types, err);
}

/* ---- rows ---- */

static sheaf_status send_rows(postgres_sink *self, sheaf_error *err)
{
    uint64_t n_rows = self->n_rows;
    self->n_rows = 0;
    return self->stages ? sheaf__postgres_stages_put(self->stages, &self->rows, n_rows, err)
                        : sheaf__postgres_lane_put(&self->lane, &self->rows, n_rows, err);
}

/* What is no row of the table, and was not to be seen before: of a column that was added, or is
 * missing in some file. */
static sheaf_status refuse_value(const postgres_sink *self, const sheaf__rows *rows, size_t row,
                                 size_t column, sheaf_error *err)
{
    char name[SHEAF__FIT_NAME_BYTES];
    const sheaf__fit *fit = &self->fits[column];
    bool is_null = sheaf__column_is_null(&rows->columns->items[column], row);
    sheaf_error_set(err, SHEAF_EDATABASE,
                    is_null ? "the table's column (%s) may not be null, and the file lacks it"
                            : "a value does not fit into the table's column (%s)",
                    sheaf__fit_name(fit, name));
    sheaf__error_source(err, rows->path);
    sheaf_text_escape(self->names[column], strlen(self->names[column]), err->column,
                      sizeof err->column);
    return SHEAF_EDATABASE;
}

/* Rows of which the table refuses one leave nothing: END. */
static sheaf_status write_all_or_none(postgres_sink *self, const sheaf__rows *rows,
                                      sheaf_error *err)
{
    size_t row = 0;
    size_t column;
    self->rows.n_bytes = 0;
    if (!sheaf__postgres_put_head(&self->rows))
        return sheaf__error_memory(err, "rows");
    sheaf_status status = sheaf__postgres_put_rows(&self->rows, rows->columns, self->fits, SIZE_MAX,
                                                   &row, &column);
    if (status == SHEAF_END) {
        (void)refuse_value(self, rows, row, column, err);
        return SHEAF_END;
    }
    if (status < 0 || !sheaf__postgres_put_tail(&self->rows))
        return sheaf__error_memory(err, "rows");
    status = sheaf__postgres_append(&self->session, self->lane.copy, &self->rows, rows->n_rows,
                                    err);
    self->base.rows += status == SHEAF_OK ? rows->n_rows : 0;
    return status;
}

/* As many of the rows, from *row on, as are sent together: they are still in the cache then. */
static sheaf_status put_some(postgres_sink *self, const sheaf__rows *rows, size_t *row,
                             sheaf_error *err)
{
    size_t first = *row;
    size_t column;
    if (self->rows.n_bytes == 0 && !sheaf__postgres_put_head(&self->rows))
        return sheaf__error_memory(err, "rows");
    sheaf_status status = sheaf__postgres_put_rows(&self->rows, rows->columns, self->fits,
                                                   PUT_BYTES, row, &column);
    if (status == SHEAF_ENOMEM)
        return sheaf__error_memory(err, "rows");
    if (status == SHEAF_END)
        return refuse_value(self, rows, *row, column, err);
    self->n_rows += *row - first;
    return self->rows.n_bytes >= PUT_BYTES ? send_rows(self, err) : SHEAF_OK;
}

/* End whatever is under way, so that something else can be; and what was noted first. */
static sheaf_status settle(postgres_sink *self, sheaf_error *err)
{
    uint64_t n_rows = self->n_rows;
    self->n_rows = 0;
    sheaf_status status = self->stages ? sheaf__postgres_stages_borrow(self->stages, err)
                                       : SHEAF_OK;
    if (status == SHEAF_OK)
        status = sheaf__postgres_lane_end(&self->lane, &self->rows, n_rows, err);
    if (status == SHEAF_OK)
        status = let_go(self, err);
    if (status == SHEAF_OK && sheaf__postgres_rejects_wait(&self->rejects))
        status = sheaf__postgres_lane_savepoint(&self->lane, err);
    self->has_changes |= sheaf__postgres_rejects_wait(&self->rejects);
    return status < 0 ? status : sheaf__postgres_rejects_flush(&self->rejects, &self->session, err);
}

static sheaf_status postgres_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    size_t row = 0;
    if (self->skips_refused)
        return write_all_or_none(self, rows, err);
    sheaf_status status = self->replaced.n_files > 0 ? settle(self, err) : SHEAF_OK;
    if (status == SHEAF_OK && !self->stages)
        status = sheaf__postgres_lane_begin(&self->lane, err);
    self->has_changes = true;
    while (status == SHEAF_OK && row < rows->n_rows)
        status = put_some(self, rows, &row, err);
    if (status == SHEAF_OK && rows->flush && self->n_rows > 0)
        status = send_rows(self, err);
    sink->rows += rows->n_rows;
    return status;
}

static sheaf_status postgres_reject(sheaf__sink *sink, const sheaf__rejected *rejected,
                                    sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    sheaf_status status = sheaf__postgres_rejects_put(&self->rejects, rejected, err);
    if (status == SHEAF_OK && sheaf__postgres_rejects_are_many(&self->rejects))
        status = settle(self, err);
    return status;
}

static sheaf_status postgres_mark(sheaf__sink *sink, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    sheaf_status status = settle(self, err);
    self->lane.wants_savepoint = true;
    if (self->stages)
        sheaf__postgres_stages_mark(self->stages);
    self->rows_marked = sink->rows;
    sheaf__postgres_rejects_mark(&self->rejects);
    return status;
}

static sheaf_status postgres_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    sheaf_status status = SHEAF_OK;
    if (self->stages) { /* what nobody has sent need not be taken back */
        self->rows.n_bytes = self->n_rows = 0;
        status = sheaf__postgres_stages_take_back(self->stages, err);
    }
    uint64_t n_rows = self->n_rows;
    self->n_rows = 0;
    if (status == SHEAF_OK)
        status = sheaf__postgres_lane_take_back(&self->lane, &self->rows, n_rows, err);
    *done = status == SHEAF_OK;
    sink->rows = self->rows_marked;
    sheaf__postgres_rejects_forget(&self->rejects);
    return status;
}

/* ---- the ledger ---- */

static sheaf_status postgres_held(sheaf__sink *sink, sheaf__ledger *ledger, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    return self->appends
               ? sheaf__postgres_ledger_read(&self->ledger, &self->session, self->oid, ledger, err)
               : SHEAF_OK;
}

/* Everything that waits is written. */
static sheaf_status settle_all(postgres_sink *self, sheaf_error *err)
{
    sheaf_status status = settle(self, err);
    self->has_changes |= self->ledger.n_rows > 0;
    return status < 0 ? status : sheaf__postgres_ledger_flush(&self->ledger, &self->session, err);
}

static sheaf_status postgres_record(sheaf__sink *sink, const sheaf__ledger_file *file,
                                    sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    if (!self->lane.copy && !self->appends) /* there is no table that it could tell of */
        return SHEAF_OK;
    sheaf_status status = sheaf__postgres_ledger_put(&self->ledger, file, err);
    if (status == SHEAF_OK && sheaf__postgres_ledger_has_many(&self->ledger))
        status = settle_all(self, err);
    return status;
}

static sheaf_status postgres_forget(sheaf__sink *sink, const sheaf__ledger_file *file, bool *done,
                                    sheaf_error *err)
{
    *done = true;
    return sheaf__postgres_replace_note(&self_of(sink)->replaced, file, err);
}

static sheaf_status postgres_touch(sheaf__sink *sink, const sheaf__ledger_file *file,
                                   int64_t mtime_ns, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    self->has_changes = true;
    return sheaf__postgres_ledger_touch(&self->ledger, &self->session, file, mtime_ns, err);
}

/* ---- the quarantine ---- */

static sheaf_status postgres_quarantine(sheaf__sink *sink, sheaf__held **held, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    const sheaf__postgres_held_in in = {.session = &self->session,
                                        .table = &self->table,
                                        .records = self->rejects.records.table,
                                        .files = self->rejects.files.table,
                                        .columns = &self->existing};
    self->session.may_repeat = true;
    self->has_changes = true;
    return sheaf__postgres_held_open(&in, held, err);
}

/* ---- the end ---- */

/* What has changed nothing need not be committed, and cannot be in doubt. */
static sheaf_status postgres_commit(sheaf__sink *sink, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    sheaf_status status = settle_all(self, err);
    if (status == SHEAF_OK && self->stages)
        status = sheaf__postgres_stages_publish(self->stages, sink->rows, err);
    if (status == SHEAF_OK && self->has_changes)
        status = sheaf__postgres_commit(&self->session, err);
    self->has_changes = false;
    if (status == SHEAF_OK) {
        sheaf__postgres_stages_close(self->stages, true);
        self->stages = NULL;
    }
    return status;
}

/* The table must stay what it was: whoever alters it may do so between two transactions. */
static sheaf_status check_columns(postgres_sink *self, sheaf_error *err)
{
    int64_t mark = 0;
    sheaf_status status = sheaf__postgres_columns_mark(&self->session, self->table.schema,
                                                       self->table.name, &mark, err);
    if (status < 0 || (self->has_columns_mark && mark == self->columns_mark))
        return status;
    if (!self->has_columns_mark) {
        self->has_columns_mark = true;
        self->columns_mark = mark;
        return SHEAF_OK;
    }
    sheaf_error_set(err, SHEAF_ECHANGED, "the table was altered or replaced meanwhile");
    sheaf__error_source(err, self->session.shown);
    return SHEAF_ECHANGED;
}

/* Another transaction, which has what the first one had: the locks, and what they guard. */
static sheaf_status begin_again(postgres_sink *self, sheaf_error *err)
{
    bool has_table = self->lane.copy || self->appends;
    sheaf__postgres_lane_reset(&self->lane);
    sheaf_status status = sheaf__postgres_begin(&self->session, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_ledger_lock(&self->session, &self->table, err);
    if (status == SHEAF_OK && has_table)
        status = sheaf__postgres_run_on(&self->session, "LOCK TABLE ", self->table.schema,
                                        self->table.name, " IN ROW EXCLUSIVE MODE",
                                        "cannot go on with the table", err);
    if (status == SHEAF_OK && has_table)
        status = check_columns(self, err);
    if (status == SHEAF_OK && self->rejects.records.exists) /* a retry may have dropped it */
        status = sheaf__postgres_rejects_open(&self->rejects, &self->session, &self->table,
                                              SHEAF_IF_EXISTS_APPEND, err);
    return status < 0 ? status : sheaf__postgres_ledger_check(&self->ledger, &self->session, err);
}

static sheaf_status postgres_checkpoint(sheaf__sink *sink, bool *committed, sheaf_error *err)
{
    postgres_sink *self = self_of(sink);
    bool has_ledger = self->ledger.exists || self->ledger.may_create;
    if (!has_ledger) {
        sheaf__postgres_refuse_schema(&self->session, &self->table, err);
        sheaf_error_hint(err, "file by file a ledger must be kept: --commit per-load needs none");
        return SHEAF_EDATABASE;
    }
    sheaf_status status = settle_all(self, err);
    if (status == SHEAF_OK && !self->has_columns_mark && (self->lane.copy || self->appends))
        status = check_columns(self, err);
    if (status == SHEAF_OK)
        status = postgres_commit(sink, err);
    *committed = status == SHEAF_OK;
    return status < 0 ? status : begin_again(self, err);
}

static void postgres_abort(sheaf__sink *sink)
{
    postgres_sink *self = self_of(sink);
    sheaf__postgres_stages_stop(self->stages);
    sheaf__postgres_close(&self->session);
    sheaf__postgres_stages_close(self->stages, false);
    self->stages = NULL;
}

static void postgres_destroy(sheaf__sink *sink)
{
    postgres_sink *self = self_of(sink);
    postgres_abort(sink);
    sheaf__postgres_rows_end(&self->rows);
    sheaf__postgres_rejects_end(&self->rejects);
    sheaf__postgres_ledger_end(&self->ledger);
    sheaf__postgres_replace_end(&self->replaced);
    sheaf__arena_destroy(self->arena);
    free(self->lane.copy);
    free(self);
}

sheaf_status sheaf__postgres_check(const char *uri, const char *table, sheaf_error *err)
{
    sheaf__postgres_table parsed;
    sheaf_status status = sheaf__postgres_check_uri(uri, err);
    if (status < 0)
        return status;
    if (table)
        return sheaf__postgres_parse_table(table, &parsed, err);
    sheaf_error_set(err, SHEAF_EINVAL, "the table has no name");
    sheaf_error_hint(err, "--table trips, or --table SCHEMA.trips");
    return SHEAF_EINVAL;
}

sheaf_status sheaf__postgres_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                  sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = postgres_begin,
                                        .write = postgres_write,
                                        .reject = postgres_reject,
                                        .mark = postgres_mark,
                                        .take_back = postgres_take_back,
                                        .held = postgres_held,
                                        .record = postgres_record,
                                        .forget = postgres_forget,
                                        .touch = postgres_touch,
                                        .checkpoint = postgres_checkpoint,
                                        .quarantine = postgres_quarantine,
                                        .commit = postgres_commit,
                                        .abort = postgres_abort,
                                        .destroy = postgres_destroy};
    sheaf_status status = sheaf__pq_load(err);
    if (status < 0)
        return status;
    postgres_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->lane.session = &self->session;
    self->base.wants_rows = true;
    self->base.wants_columns = self->base.takes_back = true;
    self->base.forgets_by_column = true;
    self->skips_refused = target->append;
    self->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!self->arena)
        status = sheaf__error_memory(err, "a destination");
    if (status == SHEAF_OK)
        status = sheaf__postgres_parse_table(target->table, &self->table, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_connect(&self->session, target->path, target->stop, err);
    if (status == SHEAF_OK)
        status = prepare(self, target, err);
    if (status == SHEAF_OK && target->connections > 1)
        status = sheaf__postgres_stages_open((size_t)target->connections, target->path,
                                             &self->table, &self->lane, &self->stages, err);
    if (status < 0) {
        postgres_destroy(&self->base);
        return status;
    }
    set_labels(self);
    *sink = &self->base;
    return SHEAF_OK;
}
