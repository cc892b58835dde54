/* Rows over several connections: see stages.h. */
#include "engine/sinks/postgres/stages.h"

#include <stdlib.h>
#include <string.h>

#include <sheaf/executor.h>
#include <sheaf/future.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/sql.h"

enum { DROP_LOCK_MS = 1000, CREATE_LOCK_MS = 10000 };

/* What a future is waited for guards: all but the future is its thread's while there is one. */
typedef struct stage {
    sheaf__postgres session;    /* not of the first */
    sheaf__postgres_lane own;   /* the same */
    sheaf__postgres_lane *lane; /* &own, or the sink's */
    sheaf__postgres_stages *stages;
    sheaf_status (*work)(struct stage *self, sheaf_error *err); /* that is under way */
    sheaf__postgres_rows rows;
    uint64_t n_rows; /* in there */
    char table[SHEAF__POSTGRES_NAME_BYTES + 1];
    bool exists;          /* the stage was created */
    bool is_committed;    /* and is there when we are gone */
    bool wants_mark;      /* the caller's: to be handed over with the next rows */
    sheaf_future *future; /* the caller's; NULL: it is free */
} stage;

struct sheaf__postgres_stages {
    size_t n;
    sheaf_executor *executor;
    atomic_bool given_up;
    const sheaf__postgres_table *of;
    char *create_columns; /* "(a bigint, b text)" */
    char *columns;        /* "a, b" */
    sheaf_future **waited;
    stage items[];
};

/* ---- statements ---- */

static sheaf_status run_on_stage(sheaf__postgres *session, const stage *self, const char *verb,
                                 const char *rest, const char *what, sheaf_error *err)
{
    return sheaf__postgres_run_on(session, verb, self->stages->of->schema, self->table, rest, what,
                                  err);
}

/* A schema may be renamed meanwhile: which one it is in says where the rows go. */
static void put_comment(FILE *sql, const sheaf__postgres_table *table)
{
    char text[64 + SHEAF__POSTGRES_NAME_BYTES];
    snprintf(text, sizeof text, "sheaf: rows on their way into %s", table->name);
    sheaf__postgres_put_literal(sql, text);
}

/*
 * Nobody else should hold what it needs. If one of our own transactions does (by a trigger for
 * events of the user's), waiting would be for ever: the server cannot see what we wait for.
 */
static sheaf_status create_stage(stage *self, sheaf_error *err)
{
    const sheaf__postgres_table *of = self->stages->of;
    sheaf__postgres_sql sql;
    if (self->lane != &self->own || self->exists)
        return SHEAF_OK;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fprintf(sql.out, "SET LOCAL lock_timeout = %d; CREATE UNLOGGED TABLE ", CREATE_LOCK_MS);
    sheaf__postgres_put_table(sql.out, of->schema, self->table);
    fprintf(sql.out, " %s; COMMENT ON TABLE ", self->stages->create_columns);
    sheaf__postgres_put_table(sql.out, of->schema, self->table);
    fputs(" IS ", sql.out);
    put_comment(sql.out, of);
    sheaf_status status = sheaf__postgres_sql_run(
        &sql, &self->session, "cannot create a table for the rows of a connection", err);
    self->exists = status == SHEAF_OK;
    if (status == SHEAF_EDATABASE)
        sheaf_error_hint(err, "--connections 1 needs no table beside its own; if there is one of "
                              "this name that nobody needs, drop it");
    return status;
}

/* ---- open ---- */

static sheaf_status lock(stage *self, const char *function, sheaf_error *err)
{
    char sql[240];
    const sheaf__postgres_table *of = self->stages->of;
    const char *parameters[] = {of->schema, of->name};
    PGresult *result;
    snprintf(sql, sizeof sql,
             "SELECT pg_catalog.%s(pg_catalog.hashtextextended(pg_catalog.format("
             "'sheaf stages of %%I.%%I', $1::text, $2::text), 0))",
             function);
    sheaf_status status = sheaf__postgres_query(&self->session, sql, 2, parameters,
                                                "cannot wait for other loads", &result, err);
    sheaf__pq.clear(result);
    return status;
}

/* Nobody else's stages are in use: what there is of them was left behind. */
static sheaf_status drop_leftovers(stage *self, sheaf_error *err)
{
    static const char what[] = "cannot remove what a killed load has left";
    const sheaf__postgres_table *of = self->stages->of;
    sheaf__postgres_sql sql;
    PGresult *result = NULL;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
          "ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence = 'u' "
          "AND pg_catalog.obj_description(c.oid, 'pg_class') = ",
          sql.out);
    put_comment(sql.out, of);
    fputs(" AND n.nspname = ", sql.out);
    sheaf__postgres_put_literal(sql.out, of->schema);
    char *text = sheaf__postgres_sql_end(&sql);
    sheaf_status status = text ? sheaf__postgres_query(&self->session, text, 0, NULL, what, &result,
                                                       err)
                               : sheaf__error_memory(err, "a statement");
    free(text);
    int n = status == SHEAF_OK ? sheaf__pq.ntuples(result) : 0;
    for (int i = 0; i < n && status == SHEAF_OK; i++)
        status = sheaf__postgres_run_on(&self->session, "DROP TABLE ", of->schema,
                                        sheaf__pq.getvalue(result, i, 0), "", what, err);
    if (status == SHEAF_EDATABASE)
        sheaf_error_hint(err, "drop it as its owner, or: --connections 1");
    sheaf__pq.clear(result);
    return status;
}

static sheaf_status clean(stage *self, sheaf_error *err)
{
    sheaf_status status = lock(self, "pg_advisory_xact_lock", err);
    if (status == SHEAF_OK)
        status = drop_leftovers(self, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_run(&self->session, "COMMIT",
                                     "cannot remove what a killed load has left", err);
    return status < 0 ? status : sheaf__postgres_begin(&self->session, err);
}

static sheaf_status connect_stage(stage *self, size_t number, const char *uri,
                                  const atomic_bool *stop, sheaf_error *err)
{
    sheaf_status status = sheaf__postgres_connect(&self->session, uri, stop, err);
    if (status == SHEAF_EDATABASE && sheaf__pq.status(self->session.connection) != CONNECTION_OK)
        sheaf_error_hint(err,
                         "the server took %zu of %zu connections: --connections %zu needs no "
                         "more, or let it take more of them (max_connections)",
                         number, self->stages->n, number);
    return status;
}

sheaf_status sheaf__postgres_stages_open(size_t n_connections, const char *uri,
                                         const sheaf__postgres_table *table,
                                         sheaf__postgres_lane *first,
                                         sheaf__postgres_stages **stages, sheaf_error *err)
{
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = (int)n_connections,
                                      .thread_name_prefix = "sheaf-postgres"};
    sheaf__postgres_stages *made = calloc(1, sizeof *made + n_connections * sizeof made->items[0]);
    *stages = made;
    if (!made)
        return sheaf__error_memory(err, "connections");
    made->n = n_connections;
    made->of = table;
    made->waited = calloc(n_connections, sizeof *made->waited);
    first->session->given_up = &made->given_up;
    sheaf_status status = made->waited ? sheaf_executor_create(&options, &made->executor, err)
                                       : sheaf__error_memory(err, "connections");
    for (size_t i = 0; i < made->n; i++) {
        stage *each = &made->items[i];
        each->stages = made;
        each->lane = i == 0 ? first : &each->own;
        each->own.session = &each->session;
        sheaf__postgres_stage_name(table->name, i, each->table);
        if (i > 0 && status == SHEAF_OK)
            status = connect_stage(each, i, uri, first->session->stop, err);
        each->session.given_up = &made->given_up;
        if (i == 1 && status == SHEAF_OK)
            status = clean(each, err);
        if (i > 0 && status == SHEAF_OK)
            status = lock(each, "pg_advisory_xact_lock_shared", err);
    }
    return status;
}

/* ---- begin ---- */

/* INSERT obeys rules, which COPY does not. */
static sheaf_status refuse_rules(const sheaf__postgres_stages *stages, const char *oid,
                                 sheaf_error *err)
{
    static const char sql[] = "SELECT count(*) FROM pg_catalog.pg_rewrite WHERE ev_class = "
                              "$1::pg_catalog.oid AND ev_type = '3'";
    sheaf__postgres *session = stages->items[0].lane->session;
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 1, &oid, "cannot read the table",
                                                &result, err);
    if (status < 0)
        return status;
    bool has_rules = strcmp(sheaf__pq.getvalue(result, 0, 0), "0") != 0;
    sheaf__pq.clear(result);
    if (!has_rules)
        return SHEAF_OK;
    sheaf_error_set(
        err, SHEAF_EINVAL,
        "the table has a rule for INSERT, which only rows of one connection get around");
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "--connections 1");
    return SHEAF_EINVAL;
}

static char *list_columns(const sheaf__postgres_shape *shape)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    sheaf__postgres_put_names(sql.out, shape->names, shape->n_columns);
    return sheaf__postgres_sql_end(&sql);
}

static char *declare_columns(const sheaf__postgres_shape *shape)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    for (size_t i = 0; i < shape->n_columns; i++) {
        fputs(i > 0 ? ", " : "(", sql.out);
        sheaf__postgres_put_name(sql.out, shape->names[i]);
        fprintf(sql.out, " %s", shape->types[i]);
    }
    fputs(")", sql.out);
    return sheaf__postgres_sql_end(&sql);
}

static char *copy_sql(const stage *self)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    fputs("COPY ", sql.out);
    sheaf__postgres_put_table(sql.out, self->stages->of->schema, self->table);
    fprintf(sql.out, " (%s) FROM STDIN (FORMAT binary)", self->stages->columns);
    return sheaf__postgres_sql_end(&sql);
}

sheaf_status sheaf__postgres_stages_begin(sheaf__postgres_stages *stages,
                                          const sheaf__postgres_shape *shape, const char *oid,
                                          sheaf_error *err)
{
    sheaf_status status = oid[0] ? refuse_rules(stages, oid, err) : SHEAF_OK;
    if (status < 0)
        return status;
    stages->columns = list_columns(shape);
    stages->create_columns = declare_columns(shape);
    bool good = stages->columns && stages->create_columns;
    for (size_t i = 1; good && i < stages->n; i++) {
        stages->items[i].own.copy = copy_sql(&stages->items[i]);
        good = stages->items[i].own.copy != NULL;
    }
    return good ? SHEAF_OK : sheaf__error_memory(err, "a statement");
}

/* ---- work ---- */

static sheaf_status run_work(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    stage *self = argument;
    (void)worker, (void)result;
    return self->work(self, err);
}

static sheaf_status submit(stage *self, sheaf_status (*work)(struct stage *, sheaf_error *),
                           sheaf_error *err)
{
    sheaf_task task = {.run = run_work, .arg = self};
    self->work = work;
    return sheaf_executor_submit(self->stages->executor, &task, &self->future, err);
}

/* Its work is done: how? */
static sheaf_status take(stage *self, sheaf_error *err)
{
    if (!self->future)
        return SHEAF_OK;
    sheaf_status status = sheaf_future_result(self->future, -1, NULL, err);
    sheaf_future_release(self->future);
    self->future = NULL;
    return status;
}

/* All of them; the first failure counts, and ends what the others do. */
static sheaf_status take_all(sheaf__postgres_stages *stages, sheaf_error *err)
{
    sheaf_error unseen;
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < stages->n; i++) {
        sheaf_status taken = take(&stages->items[i], status < 0 ? &unseen : err);
        if (taken < 0 && status == SHEAF_OK) {
            status = taken;
            atomic_store_explicit(&stages->given_up, true, memory_order_relaxed);
        }
    }
    return status;
}

/* The first stage that is free, or whose work has ended. A failure of any of them ends it. */
static sheaf_status find_free(sheaf__postgres_stages *stages, stage **found, sheaf_error *err)
{
    size_t n = 0;
    *found = NULL;
    for (size_t i = 0; i < stages->n; i++) {
        stage *each = &stages->items[i];
        if (each->future && sheaf_future_done(each->future)) {
            sheaf_status status = take(each, err);
            if (status < 0)
                return status;
        }
        if (each->future)
            stages->waited[n++] = each->future;
        else if (!*found)
            *found = each;
    }
    if (*found)
        return SHEAF_OK;
    sheaf_status status = sheaf_wait(stages->waited, n, -1, SHEAF_FIRST_COMPLETED, NULL, err);
    return status < 0 ? status : find_free(stages, found, err);
}

/* Hand over what the caller has for a stage that is free. */
static void hand_mark(stage *self)
{
    if (self->wants_mark)
        self->lane->wants_savepoint = true;
    self->wants_mark = false;
}

static sheaf_status send_rows(stage *self, sheaf_error *err)
{
    sheaf_status status = create_stage(self, err);
    return status < 0 ? status
                      : sheaf__postgres_lane_put(self->lane, &self->rows, self->n_rows, err);
}

sheaf_status sheaf__postgres_stages_put(sheaf__postgres_stages *stages, sheaf__postgres_rows *rows,
                                        uint64_t n_rows, sheaf_error *err)
{
    stage *free_one;
    sheaf_status status = find_free(stages, &free_one, err);
    if (status < 0)
        return status;
    sheaf__postgres_rows sent = free_one->rows;
    free_one->rows = *rows;
    free_one->n_rows = n_rows;
    *rows = sent;
    rows->n_bytes = 0;
    hand_mark(free_one);
    return submit(free_one, send_rows, err);
}

sheaf_status sheaf__postgres_stages_borrow(sheaf__postgres_stages *stages, sheaf_error *err)
{
    sheaf_status status = take(&stages->items[0], err);
    hand_mark(&stages->items[0]);
    return status;
}

/* ---- marks ---- */

void sheaf__postgres_stages_mark(sheaf__postgres_stages *stages)
{
    for (size_t i = 1; i < stages->n; i++)
        stages->items[i].wants_mark = true;
}

sheaf_status sheaf__postgres_stages_take_back(sheaf__postgres_stages *stages, sheaf_error *err)
{
    sheaf_status status = take_all(stages, err);
    for (size_t i = 1; i < stages->n && status == SHEAF_OK; i++) {
        stage *each = &stages->items[i];
        each->rows.n_bytes = 0;
        if (!each->wants_mark)
            status = sheaf__postgres_lane_take_back(each->lane, &each->rows, 0, err);
    }
    return status;
}

/* ---- the end ---- */

static sheaf_status commit_stage(stage *self, sheaf_error *err)
{
    self->rows.n_bytes = 0;
    sheaf_status status = sheaf__postgres_lane_end(self->lane, &self->rows, 0, err);
    if (status < 0)
        return status;
    self->is_committed = true; /* whatever we hear of it */
    return sheaf__postgres_run(&self->session, "COMMIT", "cannot commit a connection's rows", err);
}

static sheaf_status check_sum(const sheaf__postgres_stages *stages, uint64_t n_rows,
                              sheaf_error *err)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < stages->n; i++)
        sum += stages->items[i].lane->n_ended;
    if (sum == n_rows)
        return SHEAF_OK;
    return sheaf_error_set(err, SHEAF_EACCOUNT, "the connections wrote %llu of %llu rows",
                           (unsigned long long)sum, (unsigned long long)n_rows);
}

/* As COPY does, INSERT fills columns that are generated with what it is given. */
static char *insert_sql(const stage *self)
{
    const sheaf__postgres_stages *stages = self->stages;
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    fputs("INSERT INTO ", sql.out);
    sheaf__postgres_put_table(sql.out, stages->of->schema, stages->of->name);
    fprintf(sql.out, " (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM ", stages->columns,
            stages->columns);
    sheaf__postgres_put_table(sql.out, stages->of->schema, self->table);
    return sheaf__postgres_sql_end(&sql);
}

static sheaf_status publish_stage(const stage *self, sheaf__postgres *session, sheaf_error *err)
{
    static const char what[] = "cannot publish a connection's rows";
    PGresult *result = NULL;
    char *sql = insert_sql(self);
    sheaf_status status = sql ? sheaf__postgres_query(session, sql, 0, NULL, what, &result, err)
                              : sheaf__error_memory(err, "a statement");
    free(sql);
    if (status == SHEAF_OK)
        status = sheaf__postgres_check_count(
            session, strtoull(sheaf__pq.cmdTuples(result), NULL, 10), self->lane->n_ended, err);
    sheaf__pq.clear(result);
    return status < 0 ? status : run_on_stage(session, self, "DROP TABLE ", "", what, err);
}

sheaf_status sheaf__postgres_stages_publish(sheaf__postgres_stages *stages, uint64_t n_rows,
                                            sheaf_error *err)
{
    sheaf_error unseen;
    sheaf__postgres *session = stages->items[0].lane->session;
    sheaf_status status = take_all(stages, err);
    for (size_t i = 1; i < stages->n && status == SHEAF_OK; i++)
        if (stages->items[i].exists)
            status = submit(&stages->items[i], commit_stage, err);
    sheaf_status taken = take_all(stages, status < 0 ? &unseen : err);
    status = status < 0 ? status : taken;
    if (status == SHEAF_OK)
        status = check_sum(stages, n_rows, err);
    for (size_t i = 1; i < stages->n && status == SHEAF_OK; i++)
        if (stages->items[i].exists)
            status = publish_stage(&stages->items[i], session, err);
    return status;
}

void sheaf__postgres_stages_stop(sheaf__postgres_stages *stages)
{
    sheaf_error unseen;
    if (!stages)
        return;
    atomic_store_explicit(&stages->given_up, true, memory_order_relaxed);
    (void)take_all(stages, &unseen);
}

/* If it is not known whether they were published, the first connection may still hold them. */
static void close_stage(stage *self, bool published)
{
    sheaf__postgres_sql sql;
    char *text = NULL;
    if (self->is_committed && !published && sheaf__postgres_sql_begin(&sql)) {
        fprintf(sql.out, "SET lock_timeout = %d; DROP TABLE IF EXISTS ", DROP_LOCK_MS);
        sheaf__postgres_put_table(sql.out, self->stages->of->schema, self->table);
        text = sheaf__postgres_sql_end(&sql);
    }
    if (text)
        sheaf__postgres_close_with(&self->session, text);
    sheaf__postgres_close(&self->session);
    sheaf__postgres_rows_end(&self->rows);
    free(self->own.copy);
    free(text);
}

void sheaf__postgres_stages_close(sheaf__postgres_stages *stages, bool published)
{
    if (!stages)
        return;
    sheaf_executor_destroy(stages->executor);
    stages->items[0].lane->session->given_up = NULL;
    sheaf__postgres_rows_end(&stages->items[0].rows);
    for (size_t i = 1; i < stages->n; i++)
        close_stage(&stages->items[i], published);
    free(stages->columns);
    free(stages->create_columns);
    free(stages->waited);
    free(stages);
}
