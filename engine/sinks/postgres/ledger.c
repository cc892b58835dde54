/* A ledger in a table: see ledger.h. */
#include "engine/sinks/postgres/ledger.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/ledger/entry.h"
#include "engine/sinks/postgres/sql.h"

enum { MANY_BYTES = 4 << 20, FIELDS_MAX = 1 + 2 * SHEAF__ENTRY_COLUMNS };

static const char reading[] = "cannot read the ledger";
static const char writing[] = "cannot write the ledger";

static bool is_path(size_t column)
{
    return sheaf__entry_kind_of(column) == SHEAF__ENTRY_PATH;
}

static size_t count_fields(void)
{
    size_t n = 1; /* its number */
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++)
        n += is_path(i) ? 2 : 1;
    return n;
}

/* ---- one at a time ---- */

/* The number of a table's lock. */
#define LOCK                                                                                       \
    "pg_catalog.hashtextextended(pg_catalog.format('sheaf %I.%I', "                                \
    "coalesce($1::text, pg_catalog.current_schema()), $2::text), 0)"

static sheaf_status lock(sheaf__postgres *session, const sheaf__postgres_table *table,
                         const char *sql, bool *done, sheaf_error *err)
{
    const char *parameters[] = {table->schema[0] ? table->schema : NULL, table->name};
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 2, parameters,
                                                "cannot wait for other loads", &result, err);
    *done = status == SHEAF_OK && sheaf__pq.getvalue(result, 0, 0)[0] != 'f';
    sheaf__pq.clear(result);
    return status;
}

sheaf_status sheaf__postgres_ledger_lock(sheaf__postgres *session,
                                         const sheaf__postgres_table *table, sheaf_error *err)
{
    bool done;
    return lock(session, table, "SELECT pg_catalog.pg_advisory_xact_lock(" LOCK ")", &done, err);
}

sheaf_status sheaf__postgres_ledger_try_lock(sheaf__postgres *session,
                                             const sheaf__postgres_table *table, sheaf_error *err)
{
    bool done;
    sheaf_status status = lock(session, table,
                               "SELECT pg_catalog.pg_try_advisory_xact_lock(" LOCK ")", &done, err);
    if (status < 0 || done)
        return status;
    sheaf_error_set(err, SHEAF_EAGAIN, "another load or retry is at work on this table");
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "run again when that is done");
    return SHEAF_EAGAIN;
}

/* ---- what is there ---- */

static sheaf_status refuse_orphan(const sheaf__postgres_ledger *self,
                                  const sheaf__postgres *session, sheaf_error *err)
{
    char shown[128];
    sheaf_text_escape(self->table, strlen(self->table), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EEXIST,
                    "the database has a ledger \"%s\", but not the table that it tells of", shown);
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "it tells of rows that are not there: drop it, or --if-exists replace "
                          "makes both anew");
    return SHEAF_EEXIST;
}

sheaf_status sheaf__postgres_ledger_open(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                         sheaf__postgres_table *table, bool appends,
                                         sheaf_if_exists if_exists, sheaf_error *err)
{
    sheaf__postgres_relation found;
    bool ours;
    self->of = table;
    sheaf__postgres_name_beside(table->name, "_ledger", self->table);
    sheaf_status status = sheaf__postgres_find(session, table, self->table, &found, err);
    self->may_create = status == SHEAF_OK && found.may_create;
    if (status < 0 || !found.oid[0])
        return status;
    status = sheaf__postgres_has_columns(
        session, &found, "{entry,path,path_bytes,content,loaded_by}", 5, &ours, err);
    if (status < 0)
        return status;
    if (!ours)
        return sheaf__postgres_is_in_the_way(session, self->table, &found, if_exists, err);
    self->exists = appends;
    if (appends)
        return SHEAF_OK;
    if (if_exists != SHEAF_IF_EXISTS_REPLACE)
        return refuse_orphan(self, session, err);
    return sheaf__postgres_run_on(session, "DROP TABLE ", table->schema, self->table, "",
                                  "cannot replace the ledger", err);
}

/* Columns as they are written; as they are read paths are made of hex digits. */
static void put_columns(FILE *sql, bool declares, bool reads)
{
    fprintf(sql, "entry%s", declares ? " bigint PRIMARY KEY" : "");
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++) {
        const char *name = sheaf__entry_name(i);
        bool is_number = sheaf__entry_kind_of(i) == SHEAF__ENTRY_NUMBER;
        if (is_path(i) && reads)
            fprintf(sql,
                    ", pg_catalog.encode(coalesce(%s_bytes, pg_catalog.convert_to(%s, 'UTF8')), "
                    "'hex')",
                    name, name);
        else
            fprintf(sql, ", %s%s", name, !declares ? "" : is_number ? " bigint" : " text");
        if (is_path(i) && !reads)
            fprintf(sql, ", %s_bytes%s", name, declares ? " bytea" : "");
    }
}

static int digit_of(char digit)
{
    return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

/* The bytes of digits, in the arena; NULL: no memory. */
static const char *from_hex(const char *text, sheaf_arena *arena)
{
    size_t n = strlen(text) / 2;
    char *bytes = sheaf_arena_new(arena, char, n + 1);
    for (size_t i = 0; bytes && i < n; i++)
        bytes[i] = (char)(digit_of(text[2 * i]) * 16 + digit_of(text[2 * i + 1]));
    if (bytes)
        bytes[n] = '\0';
    return bytes;
}

static sheaf_status no_ledger(const sheaf__postgres *session, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EDATABASE, "this is no ledger that this version of sheaf can read");
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "--if-exists replace loads all anew");
    return SHEAF_EDATABASE;
}

static sheaf_status read_entry(const sheaf__postgres *session, const PGresult *result, int row,
                               sheaf__ledger *ledger, sheaf_error *err)
{
    sheaf__ledger_file made = sheaf__ledger_file_init();
    made.key = strtoll(sheaf__pq.getvalue(result, row, 0), NULL, 10);
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++) {
        int field = (int)i + 1;
        sheaf__entry_value value = {.is_null = sheaf__pq.getisnull(result, row, field)};
        const char *text = sheaf__pq.getvalue(result, row, field);
        if (sheaf__entry_kind_of(i) == SHEAF__ENTRY_NUMBER)
            value.number = strtoll(text, NULL, 10);
        else if (!value.is_null)
            value.text = is_path(i) ? from_hex(text, ledger->arena) : text;
        if (sheaf__entry_kind_of(i) != SHEAF__ENTRY_NUMBER && !value.is_null && !value.text)
            return sheaf__error_memory(err, "a ledger");
        sheaf__entry_set(&made, i, &value); /* what is none of ours is not known */
    }
    return made.file && made.path ? sheaf__ledger_add(ledger, &made, err) : no_ledger(session, err);
}

static sheaf_status read_entries(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                 sheaf__ledger *ledger, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result = NULL;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT ", sql.out);
    put_columns(sql.out, false, true);
    fputs(" FROM ", sql.out);
    sheaf__postgres_put_table(sql.out, self->of->schema, self->table);
    fputs(" ORDER BY entry", sql.out);
    char *text = sheaf__postgres_sql_end(&sql);
    sheaf_status status = text
                              ? sheaf__postgres_query(session, text, 0, NULL, reading, &result, err)
                              : sheaf__error_memory(err, "a statement");
    free(text);
    int n = status == SHEAF_OK ? sheaf__pq.ntuples(result) : 0;
    for (int row = 0; row < n && status == SHEAF_OK; row++)
        status = read_entry(session, result, row, ledger, err);
    sheaf__pq.clear(result);
    if (ledger->n_files > 0)
        self->last = ledger->files[ledger->n_files - 1].key;
    return status;
}

/* The single value that a query of a table gives, as a number; of "true" 1. */
static sheaf_status ask(sheaf__postgres *session, const char *head, const char *schema,
                        const char *table, const char *tail, int64_t *number, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result = NULL;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs(head, sql.out);
    sheaf__postgres_put_table(sql.out, schema, table);
    fputs(tail, sql.out);
    char *text = sheaf__postgres_sql_end(&sql);
    sheaf_status status = text
                              ? sheaf__postgres_query(session, text, 0, NULL, reading, &result, err)
                              : sheaf__error_memory(err, "a statement");
    free(text);
    if (status == SHEAF_OK) {
        const char *value = sheaf__pq.getvalue(result, 0, 0);
        *number = value[0] == 't' ? 1 : strtoll(value, NULL, 10);
    }
    sheaf__pq.clear(result);
    return status;
}

/* Whether a table without a ledger has no rows; who may not look does not know. */
static sheaf_status is_empty(const sheaf__postgres_ledger *self, sheaf__postgres *session,
                             const char *oid, bool *empty, sheaf_error *err)
{
    static const char sql[] = "SELECT pg_catalog.has_table_privilege($1::pg_catalog.oid, 'SELECT')";
    int64_t answer = 0;
    PGresult *result;
    *empty = false;
    sheaf_status status = sheaf__postgres_query(session, sql, 1, &oid, reading, &result, err);
    bool may_look = status == SHEAF_OK && sheaf__pq.getvalue(result, 0, 0)[0] == 't';
    sheaf__pq.clear(result);
    if (may_look)
        status = ask(session, "SELECT NOT EXISTS (SELECT FROM ", self->of->schema, self->of->name,
                     ")", &answer, err);
    *empty = answer != 0;
    return status;
}

sheaf_status sheaf__postgres_ledger_read(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                         const char *oid, sheaf__ledger *ledger, sheaf_error *err)
{
    ledger->exists = true;
    ledger->is_known = self->exists;
    return self->exists ? read_entries(self, session, ledger, err)
                        : is_empty(self, session, oid, &ledger->is_known, err);
}

sheaf_status sheaf__postgres_ledger_check(const sheaf__postgres_ledger *self,
                                          sheaf__postgres *session, sheaf_error *err)
{
    int64_t last = 0;
    sheaf_status status = SHEAF_OK;
    if (self->exists)
        status = ask(session, "SELECT coalesce(max(entry), 0) FROM ", self->of->schema, self->table,
                     "", &last, err);
    if (status < 0 || last == self->last)
        return status;
    sheaf_error_set(err, SHEAF_ECHANGED, "another load has written into the table meanwhile");
    sheaf__error_source(err, session->shown);
    return SHEAF_ECHANGED;
}

/* ---- a file more ---- */

static void put_value(sheaf__postgres_rows *rows, size_t column, const sheaf__entry_value *value)
{
    if (value->is_null)
        sheaf__postgres_put_null(rows);
    else if (!value->text)
        sheaf__postgres_put_bigint(rows, value->number);
    else if (is_path(column))
        sheaf__postgres_put_path(rows, value->text);
    else
        sheaf__postgres_put_bytes(rows, value->text, strlen(value->text));
    if (!is_path(column))
        return;
    if (value->is_null || sheaf__postgres_is_text(value->text))
        sheaf__postgres_put_null(rows);
    else
        sheaf__postgres_put_bytes(rows, value->text, strlen(value->text));
}

sheaf_status sheaf__postgres_ledger_put(sheaf__postgres_ledger *self,
                                        const sheaf__ledger_file *file, sheaf_error *err)
{
    sheaf__postgres_rows *rows = &self->rows;
    char scratch[SHEAF__CONTENT_TEXT_BYTES];
    size_t n_bytes = 2 + FIELDS_MAX * SHEAF__POSTGRES_FIELD_BYTES;
    if (!self->exists && !self->may_create)
        return SHEAF_OK;
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++) {
        sheaf__entry_value value = sheaf__entry_get(file, i, scratch);
        n_bytes += value.text ? SHEAF__POSTGRES_PATH_RATIO * strlen(value.text) + 1 : 0;
    }
    bool has_room = rows->n_bytes > 0 || sheaf__postgres_put_head(rows);
    if (!has_room || !sheaf__postgres_reserve(rows, n_bytes))
        return sheaf__error_memory(err, "a ledger");
    sheaf__postgres_put_count(rows, count_fields());
    sheaf__postgres_put_bigint(rows, ++self->last);
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS; i++) {
        sheaf__entry_value value = sheaf__entry_get(file, i, scratch);
        put_value(rows, i, &value);
    }
    self->n_rows++;
    return SHEAF_OK;
}

bool sheaf__postgres_ledger_has_many(const sheaf__postgres_ledger *self)
{
    return self->rows.n_bytes > MANY_BYTES;
}

/* The statement that begins to write them, from malloc, or NULL. */
static char *copy_sql(const sheaf__postgres_ledger *self)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    if (!self->exists) {
        fputs("CREATE TABLE ", sql.out);
        sheaf__postgres_put_table(sql.out, self->of->schema, self->table);
        fputs(" (", sql.out);
        put_columns(sql.out, true, false);
        fputs("); ", sql.out);
    }
    fputs("COPY ", sql.out);
    sheaf__postgres_put_table(sql.out, self->of->schema, self->table);
    fputs(" (", sql.out);
    put_columns(sql.out, false, false);
    fputs(") FROM STDIN (FORMAT binary)", sql.out);
    return sheaf__postgres_sql_end(&sql);
}

sheaf_status sheaf__postgres_ledger_flush(sheaf__postgres_ledger *self, sheaf__postgres *session,
                                          sheaf_error *err)
{
    uint64_t n_written = 0;
    if (self->n_rows == 0)
        return SHEAF_OK;
    char *sql = copy_sql(self);
    if (!sql || !sheaf__postgres_put_tail(&self->rows)) {
        free(sql);
        return sheaf__error_memory(err, "a ledger");
    }
    sheaf_status status = sheaf__postgres_copy_begin(session, sql, writing, err);
    free(sql);
    self->exists = true;
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_put(session, self->rows.bytes, self->rows.n_bytes, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_end(session, writing, &n_written, err);
    if (status == SHEAF_OK && n_written != self->n_rows)
        status = sheaf_error_set(err, SHEAF_EACCOUNT, "the ledger took %llu of %llu files",
                                 (unsigned long long)n_written, (unsigned long long)self->n_rows);
    self->rows.n_bytes = 0;
    self->n_rows = 0;
    return status;
}

sheaf_status sheaf__postgres_ledger_touch(const sheaf__postgres_ledger *self,
                                          sheaf__postgres *session, const sheaf__ledger_file *file,
                                          int64_t mtime_ns, sheaf_error *err)
{
    char rest[96];
    snprintf(rest, sizeof rest, " SET mtime_ns = %" PRId64 " WHERE entry = %" PRId64, mtime_ns,
             file->key);
    return sheaf__postgres_run_on(session, "UPDATE ", self->of->schema, self->table, rest, writing,
                                  err);
}

void sheaf__postgres_ledger_end(sheaf__postgres_ledger *self)
{
    sheaf__postgres_rows_end(&self->rows);
}
