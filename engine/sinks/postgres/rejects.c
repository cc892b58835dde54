/* A table of records that were set aside: see rejects.h. */
#include "engine/sinks/postgres/rejects.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/sinks/postgres/sql.h"

enum { N_COLUMNS = 12, MANY_BYTES = 4 << 20 };

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

sheaf_status sheaf__postgres_rejects_put(sheaf__postgres_rejects *rejects,
                                         const sheaf__rejected *rejected, sheaf_error *err)
{
    const sheaf_error *fault = rejected->error;
    sheaf__postgres_rows *rows = &rejects->rows;
    size_t n_bytes = 2 + N_COLUMNS * SHEAF__POSTGRES_FIELD_BYTES +
                     SHEAF__POSTGRES_PATH_RATIO * strlen(rejected->path) + 1 +
                     strlen(rejected->code) + strlen(fault->column) + strlen(fault->message) +
                     rejected->n_raw;
    bool has_room = rows->n_bytes > 0 || sheaf__postgres_put_head(rows);
    if (!has_room || !sheaf__postgres_reserve(rows, n_bytes))
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
    rejects->n_rows++;
    return SHEAF_OK;
}

bool sheaf__postgres_rejects_are_many(const sheaf__postgres_rejects *rejects)
{
    return rejects->rows.n_bytes > MANY_BYTES;
}

/* The statement that begins to write them, from malloc, or NULL. */
static char *copy_sql(const sheaf__postgres_rejects *rejects)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return NULL;
    if (!rejects->exists) {
        fputs("CREATE TABLE ", sql.out);
        sheaf__postgres_put_table(sql.out, rejects->schema, rejects->table);
        fputs(" (file text, line bigint, record bigint, field bigint, \"column\" text, fault_line "
              "bigint, fault_byte bigint, \"offset\" bigint, code text, message text, raw text, "
              "raw_bytes bytea); ",
              sql.out);
    }
    fputs("COPY ", sql.out);
    sheaf__postgres_put_table(sql.out, rejects->schema, rejects->table);
    fputs(" (file, line, record, field, \"column\", fault_line, fault_byte, \"offset\", code, "
          "message, raw, raw_bytes) FROM STDIN (FORMAT binary)",
          sql.out);
    return sheaf__postgres_sql_end(&sql);
}

sheaf_status sheaf__postgres_rejects_flush(sheaf__postgres_rejects *rejects,
                                           sheaf__postgres *session, sheaf_error *err)
{
    static const char what[] = "cannot set records aside";
    uint64_t n_written = 0;
    if (rejects->n_rows == 0)
        return SHEAF_OK;
    char *sql = copy_sql(rejects);
    if (!sql || !sheaf__postgres_put_tail(&rejects->rows)) {
        free(sql);
        return sheaf__error_memory(err, "a quarantine");
    }
    sheaf_status status = sheaf__postgres_copy_begin(session, sql, what, err);
    free(sql);
    rejects->is_new |= !rejects->exists;
    rejects->exists = true;
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_put(session, rejects->rows.bytes, rejects->rows.n_bytes, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_copy_end(session, what, &n_written, err);
    if (status == SHEAF_OK && n_written != rejects->n_rows)
        status = sheaf_error_set(err, SHEAF_EACCOUNT, "the quarantine took %llu of %llu records",
                                 (unsigned long long)n_written,
                                 (unsigned long long)rejects->n_rows);
    rejects->rows.n_bytes = 0;
    rejects->n_rows = 0;
    return status;
}

void sheaf__postgres_rejects_mark(sheaf__postgres_rejects *rejects)
{
    rejects->is_new = false;
}

void sheaf__postgres_rejects_forget(sheaf__postgres_rejects *rejects)
{
    rejects->rows.n_bytes = 0;
    rejects->n_rows = 0;
    if (rejects->is_new)
        rejects->exists = false;
    rejects->is_new = false;
}

void sheaf__postgres_rejects_end(sheaf__postgres_rejects *rejects)
{
    sheaf__postgres_rows_end(&rejects->rows);
}
