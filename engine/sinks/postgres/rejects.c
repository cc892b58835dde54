/* A table of records that were set aside: see rejects.h. */
#include "engine/sinks/postgres/rejects.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/sinks/postgres/relation.h"
#include "engine/sinks/postgres/sql.h"
#include "engine/sinks/quarantine/reject_file.h"

enum { N_COLUMNS = 12, MANY_BYTES = 4 << 20 };

/* Each column's name, and its type: where the table is made, and where it is written. */
typedef struct column {
    const char *name;
    const char *type;
} column;

static const column record_columns[N_COLUMNS] = {
    {"file", "text"},         {"line", "bigint"},       {"record", "bigint"},
    {"field", "bigint"},      {"\"column\"", "text"},   {"fault_line", "bigint"},
    {"fault_byte", "bigint"}, {"\"offset\"", "bigint"}, {"code", "text"},
    {"message", "text"},      {"raw", "text"},          {"raw_bytes", "bytea"}};

static const column file_columns[] = {{"file", "text"}, {"header", "text"}};

enum { N_FILE_COLUMNS = sizeof file_columns / sizeof file_columns[0] };

/* ---- open ---- */

static sheaf_status find(sheaf__postgres_aside *aside, sheaf__postgres *session,
                         sheaf__postgres_table *table, const char *ending,
                         sheaf_if_exists if_exists, sheaf_error *err)
{
    sheaf__postgres_relation found;
    sheaf__postgres_name_beside(table->name, ending, aside->table);
    sheaf_status status = sheaf__postgres_make_way(session, table, aside->table, if_exists, &found,
                                                   err);
    aside->exists = status == SHEAF_OK && found.oid[0];
    return status;
}

sheaf_status sheaf__postgres_rejects_open(sheaf__postgres_rejects *rejects,
                                          sheaf__postgres *session, sheaf__postgres_table *table,
                                          sheaf_if_exists if_exists, sheaf_error *err)
{
    rejects->schema = table->schema;
    sheaf_status status = find(&rejects->records, session, table, "_quarantine", if_exists, err);
    return status < 0 ? status
                      : find(&rejects->files, session, table, "_quarantine_files", if_exists, err);
}

/* ---- records ---- */

static void put_number(sheaf__postgres_rows *rows, uint64_t value, uint64_t unknown)
{
    if (value == unknown)
        sheaf__postgres_put_null(rows);
    else
        sheaf__postgres_put_bigint(rows, (int64_t)value);
}

static void put_text(sheaf__postgres_rows *rows, const char *text)
{
    sheaf__postgres_put_bytes(rows, text, strlen(text));
}

static void put_raw(sheaf__postgres_rows *rows, const uint8_t *raw, size_t n_bytes)
{
    bool is_text = sheaf__utf8_valid(raw, n_bytes) && !memchr(raw, 0, n_bytes);
    if (!is_text)
        sheaf__postgres_put_null(rows);
    sheaf__postgres_put_bytes(rows, raw, n_bytes);
    if (is_text)
        sheaf__postgres_put_null(rows);
}

static bool make_room(sheaf__postgres_rows *rows, size_t n_bytes)
{
    bool has_head = rows->n_bytes > 0 || sheaf__postgres_put_head(rows);
    return has_head && sheaf__postgres_reserve(rows, n_bytes);
}

/* Before the first record of a file. False: there is no memory. */
static bool put_file(sheaf__postgres_rejects *rejects, const sheaf__reject_file *file)
{
    sheaf__postgres_rows *rows = &rejects->files.rows;
    if (rejects->file == file)
        return true;
    char *json = sheaf__reject_file_json(file, rejects->names);
    bool good = json && make_room(rows, 2 + N_FILE_COLUMNS * SHEAF__POSTGRES_FIELD_BYTES +
                                            SHEAF__POSTGRES_PATH_RATIO * strlen(file->path) + 1 +
                                            strlen(json));
    if (good) {
        sheaf__postgres_put_count(rows, N_FILE_COLUMNS);
        sheaf__postgres_put_path(rows, file->path);
        put_text(rows, json);
        rejects->files.n_rows++;
        rejects->file = file;
    }
    free(json);
    return good;
}

sheaf_status sheaf__postgres_rejects_put(sheaf__postgres_rejects *rejects,
                                         const sheaf__rejected *rejected, sheaf_error *err)
{
    const sheaf_error *fault = rejected->error;
    sheaf__postgres_rows *rows = &rejects->records.rows;
    size_t n_bytes = 2 + N_COLUMNS * SHEAF__POSTGRES_FIELD_BYTES +
                     SHEAF__POSTGRES_PATH_RATIO * strlen(rejected->path) + 1 +
                     strlen(rejected->code) + strlen(fault->column) + strlen(fault->message) +
                     rejected->n_raw;
    if (!put_file(rejects, rejected->file) || !make_room(rows, n_bytes))
        return sheaf__error_memory(err, "a record that is set aside");
    sheaf__postgres_put_count(rows, N_COLUMNS);
    sheaf__postgres_put_path(rows, rejected->path);
    put_number(rows, rejected->line, 0);
    put_number(rows, fault->record, 0);
    put_number(rows, fault->field, 0);
    if (fault->column[0])
        put_text(rows, fault->column);
    else
        sheaf__postgres_put_null(rows);
    put_number(rows, fault->line, 0);
    put_number(rows, fault->line_byte, 0);
    put_number(rows, rejected->offset_bytes, SHEAF_UNKNOWN);
    put_text(rows, rejected->code);
    put_text(rows, fault->message);
    put_raw(rows, rejected->raw, rejected->n_raw);
    rejects->records.n_rows++;
    return SHEAF_OK;
}

bool sheaf__postgres_rejects_wait(const sheaf__postgres_rejects *rejects)
{
    return rejects->records.n_rows > 0;
}

bool sheaf__postgres_rejects_are_many(const sheaf__postgres_rejects *rejects)
{
    return rejects->records.rows.n_bytes > MANY_BYTES || rejects->files.rows.n_bytes > MANY_BYTES;
}

/* The statement that begins to write into one of the tables, from malloc, or NULL. */
static char *copy_sql(const sheaf__postgres_aside *aside, const char *schema, const column *columns,
                      size_t n_columns)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    if (!aside->exists) {
        fputs("CREATE TABLE ", sql.out);
        sheaf__postgres_put_table(sql.out, schema, aside->table);
        for (size_t i = 0; i < n_columns; i++)
            fprintf(sql.out, "%s%s %s", i > 0 ? ", " : " (", columns[i].name, columns[i].type);
        fputs("); ", sql.out);
    }
    fputs("COPY ", sql.out);
    sheaf__postgres_put_table(sql.out, schema, aside->table);
    for (size_t i = 0; i < n_columns; i++)
        fprintf(sql.out, "%s%s", i > 0 ? ", " : " (", columns[i].name);
    fputs(") FROM STDIN (FORMAT binary)", sql.out);
    return sheaf__postgres_sql_end(&sql);
}

static sheaf_status flush(sheaf__postgres_aside *aside, const char *schema, const column *columns,
                          size_t n_columns, sheaf__postgres *session, sheaf_error *err)
{
    static const char what[] = "cannot set records aside";
    uint64_t n_written = 0;
    if (aside->n_rows == 0)
        return SHEAF_OK;
    char *sql = copy_sql(aside, schema, columns, n_columns);
    if (!sql || !sheaf__postgres_put_tail(&aside->rows)) {
        free(sql);
        return sheaf__error_memory(err, "a quarantine");
    }
    sheaf_status status = sheaf__postgres_copy_begin(session, sql, what, err);
    free(sql);
    aside->is_new |= !aside->exists;
    aside->exists = true;
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_put(session, aside->rows.bytes, aside->rows.n_bytes, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_end(session, what, &n_written, err);
    if (status == SHEAF_OK && n_written != aside->n_rows)
        status = sheaf_error_set(err, SHEAF_EACCOUNT, "the quarantine took %llu of %llu records",
                                 (unsigned long long)n_written, (unsigned long long)aside->n_rows);
    aside->rows.n_bytes = 0;
    aside->n_rows = 0;
    return status;
}

sheaf_status sheaf__postgres_rejects_flush(sheaf__postgres_rejects *rejects,
                                           sheaf__postgres *session, sheaf_error *err)
{
    sheaf_status status = flush(&rejects->records, rejects->schema, record_columns, N_COLUMNS,
                                session, err);
    return status < 0 ? status
                      : flush(&rejects->files, rejects->schema, file_columns, N_FILE_COLUMNS,
                              session, err);
}

void sheaf__postgres_rejects_mark(sheaf__postgres_rejects *rejects)
{
    rejects->records.is_new = rejects->files.is_new = false;
}

static void forget(sheaf__postgres_aside *aside)
{
    aside->rows.n_bytes = 0;
    aside->n_rows = 0;
    if (aside->is_new)
        aside->exists = false;
    aside->is_new = false;
}

void sheaf__postgres_rejects_forget(sheaf__postgres_rejects *rejects)
{
    rejects->file = NULL;
    forget(&rejects->records);
    forget(&rejects->files);
}

void sheaf__postgres_rejects_end(sheaf__postgres_rejects *rejects)
{
    sheaf__postgres_rows_end(&rejects->records.rows);
    sheaf__postgres_rows_end(&rejects->files.rows);
}
