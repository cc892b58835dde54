/*
 * A quarantine that is a table: see held.h.
 *
 * All goes through the connection of the rows, so that one transaction has all of it. It takes one
 * statement at a time; so the records come from a cursor, a piece of about PIECE_BYTES at a time
 * (which records that are is asked for before: a FETCH counts rows, and these may be of any size),
 * and between two pieces rows are copied, and what has become of the records is written. A second
 * connection with the same snapshot could read on meanwhile; but its locks are not ours, and two
 * can be lost.
 *
 * The table has no key, and nobody else may change it: a row is known by its place, ctid. What is
 * updated gets another place, which the cursor does not meet. Records come in the order of their
 * files, whatever was updated before.
 */
#include "engine/sinks/postgres/held.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/relation.h"
#include "engine/sinks/postgres/sql.h"
#include "engine/sinks/quarantine/held_json.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, PIECE_BYTES = 1 << 20 };

static const char reading[] = "cannot read the quarantine";
static const char writing[] = "cannot write the quarantine";

typedef struct table {
    sheaf__held base;
    sheaf__postgres_held_in in;
    PGresult *pieces; /* how many records each has */
    int piece;        /* the next one */
    PGresult *rows;   /* of one */
    int row;          /* the next one */
    uint8_t *bytes;   /* of a record that is no text */
    size_t bytes_capacity;
    sheaf__postgres_sql kept; /* records whose fault is to be written: an array of JSON */
    uint64_t n_kept;
    sheaf__postgres_sql dropped; /* those that are to go: an array of places */
    uint64_t n_dropped;
} table;

static table *self_of(sheaf__held *held)
{
    return (table *)held;
}

static void put_name(FILE *out, const table *self, const char *name)
{
    sheaf__postgres_put_table(out, self->in.table->schema, name);
}

/* Run one query that was written. */
static sheaf_status query(table *self, sheaf__postgres_sql *sql, const char *parameter,
                          const char *what, PGresult **result, sheaf_error *err)
{
    char *text = sheaf__postgres_sql_end(sql);
    *result = NULL;
    sheaf_status status = text ? sheaf__postgres_query(self->in.session, text, parameter ? 1 : 0,
                                                       &parameter, what, result, err)
                               : sheaf__error_memory(err, "a statement");
    free(text);
    return status;
}

/* ---- its records, read ---- */

/* Of a piece that was read: how the place of a row is kept in a number. */
static int64_t place_of(const char *ctid)
{
    char *end;
    uint64_t block = strtoull(ctid + 1, &end, 10);
    return (int64_t)(block << 16 | strtoull(*end ? end + 1 : end, NULL, 10));
}

static void put_place(FILE *out, int64_t place)
{
    fprintf(out, "\"(%" PRId64 ",%d)\"", place >> 16, (int)(place & 0xFFFF));
}

static uint64_t from_one(const char *number)
{
    int64_t value = strtoll(number, NULL, 10);
    return value > 0 ? (uint64_t)value : 1;
}

static unsigned digit_of(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static sheaf_status read_bytes(table *self, const char *hex, sheaf__held_record *record,
                               sheaf_error *err)
{
    size_t n = strlen(hex) / 2;
    if (n > self->bytes_capacity) {
        uint8_t *more = realloc(self->bytes, n);
        if (!more)
            return sheaf__error_memory(err, "a record");
        self->bytes = more;
        self->bytes_capacity = n;
    }
    for (size_t i = 0; i < n; i++)
        self->bytes[i] = (uint8_t)(digit_of(hex[2 * i]) << 4 | digit_of(hex[2 * i + 1]));
    record->raw = self->bytes;
    record->n_raw = n;
    return SHEAF_OK;
}

/* The columns of the cursor. */
enum column { PLACE, FILE_NUMBER, LINE, RECORD, OFFSET, RAW, RAW_HEX, IS_LIMIT, FILE_PATH };

static sheaf_status read_row(table *self, sheaf__held_record *record, sheaf_error *err)
{
    const char *values[FILE_PATH + 1];
    bool is_null[FILE_PATH + 1];
    for (int i = PLACE; i <= FILE_PATH; i++) {
        values[i] = sheaf__pq.getvalue(self->rows, self->row, i);
        is_null[i] = sheaf__pq.getisnull(self->rows, self->row, i);
    }
    self->row++;
    size_t number = strtoul(values[FILE_NUMBER], NULL, 10);
    if (number == 0 || number > self->base.n_files)
        return sheaf__held_no_header(&self->base, self->in.files, values[FILE_PATH],
                                     strlen(values[FILE_PATH]), err);
    *record = (sheaf__held_record){.file = self->base.files[number - 1],
                                   .file_index = number - 1,
                                   .line = from_one(values[LINE]),
                                   .record = from_one(values[RECORD]),
                                   .offset_bytes = SHEAF_UNKNOWN,
                                   .is_over_limit = values[IS_LIMIT][0] == 't',
                                   .raw = (const uint8_t *)values[RAW],
                                   .n_raw = strlen(values[RAW]),
                                   .id = place_of(values[PLACE])};
    if (!is_null[OFFSET])
        record->offset_bytes = strtoull(values[OFFSET], NULL, 10);
    return is_null[RAW] ? read_bytes(self, values[RAW_HEX], record, err) : SHEAF_OK;
}

/* ---- its records, changed ---- */

static void put_text(FILE *out, const char *name, const char *text)
{
    char escaped[6 * sizeof((sheaf_error *)0)->message];
    sheaf_text_json(text, strlen(text), escaped, sizeof escaped);
    if (text[0])
        fprintf(out, ",\"%s\":\"%s\"", name, escaped);
}

static void put_number(FILE *out, const char *name, uint64_t number)
{
    if (number > 0)
        fprintf(out, ",\"%s\":%" PRIu64, name, number);
}

/* The text for another record, which is begun with these characters if it is the first. */
static FILE *more(sheaf__postgres_sql *list, uint64_t *n, const char *begin, sheaf_error *err)
{
    if (*n == 0 && !sheaf__postgres_sql_begin(list)) {
        sheaf__error_memory(err, "a quarantine");
        return NULL;
    }
    fputs(*n == 0 ? begin : ",", list->out);
    ++*n;
    return list->out;
}

static sheaf_status table_keep(sheaf__held *held, const sheaf__held_record *record,
                               const sheaf__rejected *rejected, sheaf_error *err)
{
    table *self = self_of(held);
    const sheaf_error *fault = rejected->error;
    FILE *out = more(&self->kept, &self->n_kept, "[", err);
    if (!out)
        return SHEAF_ENOMEM;
    fputs("{\"place\":", out);
    put_place(out, record->id);
    put_number(out, "field", fault->field);
    put_text(out, "column", fault->column);
    put_number(out, "fault_line", fault->line);
    put_number(out, "fault_byte", fault->line_byte);
    put_text(out, "code", rejected->code);
    put_text(out, "message", fault->message);
    fputc('}', out);
    return SHEAF_OK;
}

static sheaf_status table_drop(sheaf__held *held, const sheaf__held_record *record,
                               sheaf_error *err)
{
    table *self = self_of(held);
    FILE *out = more(&self->dropped, &self->n_dropped, "{", err);
    if (!out)
        return SHEAF_ENOMEM;
    put_place(out, record->id);
    return SHEAF_OK;
}

/* Their faults now; of most that is what it was. */
static sheaf_status write_kept(table *self, const char *list, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("UPDATE ONLY ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(" AS q SET field = k.field, \"column\" = k.\"column\", fault_line = k.fault_line, "
          "fault_byte = k.fault_byte, code = k.code, message = k.message "
          "FROM pg_catalog.json_to_recordset($1::pg_catalog.json) AS k(place tid, field bigint, "
          "\"column\" text, fault_line bigint, fault_byte bigint, code text, message text) "
          "WHERE q.ctid = k.place AND (q.field, q.\"column\", q.fault_line, q.fault_byte, q.code, "
          "q.message) IS DISTINCT FROM (k.field, k.\"column\", k.fault_line, k.fault_byte, k.code, "
          "k.message)",
          sql.out);
    sheaf_status status = query(self, &sql, list, writing, &result, err);
    sheaf__pq.clear(result);
    return status;
}

/* A trigger or a policy may leave one: then it would be loaded twice. */
static sheaf_status write_dropped(table *self, const char *list, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("DELETE FROM ONLY ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(" WHERE ctid = ANY ($1::pg_catalog.tid[])", sql.out);
    sheaf_status status = query(self, &sql, list, writing, &result, err);
    uint64_t n = status < 0 ? 0 : strtoull(sheaf__pq.cmdTuples(result), NULL, 10);
    sheaf__pq.clear(result);
    if (status < 0 || n == self->n_dropped)
        return status;
    sheaf_error_set(err, SHEAF_EDATABASE,
                    "the quarantine gave up %" PRIu64 " of %" PRIu64 " records that were loaded: "
                    "nothing was committed",
                    n, self->n_dropped);
    sheaf__error_source(err, self->base.path);
    return SHEAF_EDATABASE;
}

/* Write what has become of records. */
static sheaf_status write_list(table *self, sheaf__postgres_sql *list, uint64_t *n, char end,
                               sheaf_status (*write)(table *, const char *, sheaf_error *),
                               sheaf_error *err)
{
    if (*n == 0)
        return SHEAF_OK;
    fputc(end, list->out);
    char *text = sheaf__postgres_sql_end(list);
    sheaf_status status = text ? write(self, text, err) : sheaf__error_memory(err, "a quarantine");
    free(text);
    *n = 0;
    return status;
}

static sheaf_status flush(table *self, sheaf_error *err)
{
    sheaf_status status = write_list(self, &self->kept, &self->n_kept, ']', write_kept, err);
    return status < 0 ? status
                      : write_list(self, &self->dropped, &self->n_dropped, '}', write_dropped, err);
}

/* ---- pieces ---- */

/* The next piece. END: there is none. */
static sheaf_status fetch(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf__pq.clear(self->rows);
    self->rows = NULL;
    self->row = 0;
    sheaf_status status = flush(self, err);
    if (status < 0 || self->piece == sheaf__pq.ntuples(self->pieces))
        return status < 0 ? status : SHEAF_END;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fprintf(sql.out, "FETCH FORWARD %s FROM sheaf_held",
            sheaf__pq.getvalue(self->pieces, self->piece++, 0));
    return query(self, &sql, NULL, reading, &self->rows, err);
}

static sheaf_status table_next(sheaf__held *held, sheaf__held_record *record, sheaf_error *err)
{
    table *self = self_of(held);
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && (!self->rows || self->row == sheaf__pq.ntuples(self->rows)))
        status = fetch(self, err);
    return status == SHEAF_OK ? read_row(self, record, err) : status;
}

/* ---- the end ---- */

static sheaf_status is_empty(table *self, bool *empty, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result;
    *empty = false;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT NOT EXISTS (SELECT FROM ONLY ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(")", sql.out);
    sheaf_status status = query(self, &sql, NULL, reading, &result, err);
    if (status == SHEAF_OK)
        *empty = sheaf__pq.getvalue(result, 0, 0)[0] == 't';
    sheaf__pq.clear(result);
    return status;
}

static sheaf_status remove_files(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("DELETE FROM ONLY ", sql.out);
    put_name(sql.out, self, self->in.files);
    fputs(" AS f WHERE NOT EXISTS (SELECT FROM ONLY ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(" AS q WHERE q.file = f.file)", sql.out);
    return sheaf__postgres_sql_run(&sql, self->in.session, writing, err);
}

/*
 * Tables in which nothing is left go. They stay, empty, if they may not be dropped: they are
 * somebody else's, a view of the user's reads them, or a reader will not let go of them.
 */
static sheaf_status drop_tables(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf_error unwanted;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SAVEPOINT sheaf_drop; SET LOCAL lock_timeout = '1s'; DROP TABLE ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(", ", sql.out);
    put_name(sql.out, self, self->in.files);
    fputs("; SET LOCAL lock_timeout TO DEFAULT", sql.out); /* the commit may wait */
    sheaf_status status = sheaf__postgres_sql_run(&sql, self->in.session, writing, &unwanted);
    if (status != SHEAF_EDATABASE) {
        if (status < 0)
            sheaf__error_copy(err, &unwanted);
        return status;
    }
    status = sheaf__postgres_run(self->in.session,
                                 "ROLLBACK TO SAVEPOINT sheaf_drop; RELEASE SAVEPOINT sheaf_drop",
                                 writing, err);
    return status < 0 ? status : remove_files(self, err);
}

static sheaf_status table_settle(sheaf__held *held, sheaf_error *err)
{
    table *self = self_of(held);
    bool empty = false;
    sheaf_status status = flush(self, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_run(self->in.session, "CLOSE sheaf_held", writing, err);
    if (status == SHEAF_OK)
        status = is_empty(self, &empty, err);
    if (status < 0)
        return status;
    return empty ? drop_tables(self, err) : remove_files(self, err);
}

static sheaf_status table_commit(sheaf__held *held, sheaf_error *err)
{
    (void)held, (void)err; /* the sink's is ours */
    return SHEAF_OK;
}

static void end_list(sheaf__postgres_sql *list, uint64_t n)
{
    if (n > 0)
        free(sheaf__postgres_sql_end(list));
}

static void table_close(sheaf__held *held)
{
    table *self = self_of(held);
    end_list(&self->kept, self->n_kept);
    end_list(&self->dropped, self->n_dropped);
    sheaf__pq.clear(self->pieces);
    sheaf__pq.clear(self->rows);
    sheaf__arena_destroy(held->arena);
    free(held->files);
    free(held->path);
    free(self->bytes);
    free(self);
}

/* ---- open ---- */

/* What a policy hides would be dropped with the table, or lose the header of its file. */
static sheaf_status refuse_hidden(const table *self, const char *name,
                                  const sheaf__postgres_relation *found, sheaf_error *err)
{
    char shown[128];
    bool hides;
    sheaf_status status = sheaf__postgres_hides_rows(self->in.session, found, &hides, err);
    if (status < 0 || !hides)
        return status;
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EDATABASE, "row-level security may hide records of the table %s",
                    shown);
    sheaf__error_source(err, self->base.path);
    sheaf_error_hint(err, "retry as a user who sees all of them");
    return SHEAF_EDATABASE;
}

/* What a table's name is for, and the columns that it must have. */
static sheaf_status check_table(table *self, const char *name, const char *columns, int n,
                                bool *exists, sheaf_error *err)
{
    sheaf__postgres_relation found;
    bool ours = false;
    char shown[128];
    sheaf_status status = sheaf__postgres_find(self->in.session, self->in.table, name, &found, err);
    *exists = status == SHEAF_OK && found.oid[0];
    if (status < 0 || !*exists)
        return status;
    status = sheaf__postgres_has_columns(self->in.session, &found, columns, n, &ours, err);
    if (status == SHEAF_OK && ours && found.kind == 'r')
        return refuse_hidden(self, name, &found, err);
    if (status < 0)
        return status;
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EQUARANTINE, "the table %s is no quarantine of sheaf's", shown);
    sheaf__error_source(err, self->base.path);
    sheaf_error_hint(err, "nothing can be loaded from it; if it is yours, rename it before sheaf "
                          "sets records aside");
    return SHEAF_EQUARANTINE;
}

/* Nobody else changes it until we are done; a retry, or a load, would. */
static sheaf_status lock(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("LOCK TABLE ONLY ", sql.out);
    put_name(sql.out, self, self->in.records);
    fputs(", ONLY ", sql.out);
    put_name(sql.out, self, self->in.files);
    fputs(" IN SHARE ROW EXCLUSIVE MODE NOWAIT", sql.out);
    sheaf_status status = sheaf__postgres_sql_run(&sql, self->in.session,
                                                  "cannot lock the quarantine", err);
    if (status != SHEAF_EDATABASE || strcmp(self->in.session->state, "55P03") != 0)
        return status;
    sheaf_error_set(err, SHEAF_EAGAIN, "another program is writing to the quarantine");
    sheaf__error_source(err, self->base.path);
    sheaf_error_hint(err, "run again when it has committed");
    return SHEAF_EAGAIN;
}

static sheaf_status read_files(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf__held_json *json = NULL;
    PGresult *result = NULL;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT header FROM ONLY ", sql.out);
    put_name(sql.out, self, self->in.files);
    fputs(" ORDER BY ctid", sql.out);
    sheaf_status status = query(self, &sql, NULL, reading, &result, err);
    if (status == SHEAF_OK)
        status = sheaf__held_json_open(&json, err);
    int n = status < 0 ? 0 : sheaf__pq.ntuples(result);
    for (int i = 0; i < n && status == SHEAF_OK; i++)
        status = sheaf__held_add_header(&self->base, json, sheaf__pq.getvalue(result, i, 0), err);
    sheaf__held_json_close(json);
    sheaf__pq.clear(result);
    return status;
}

/* Its records, q, each with the number of its file, f.n, as read_files has them. */
static void put_records(FILE *out, const table *self)
{
    fputs(" FROM ONLY ", out);
    put_name(out, self, self->in.records);
    fputs(" AS q LEFT JOIN (SELECT file, pg_catalog.min(n) AS n FROM (SELECT file, "
          "pg_catalog.row_number() OVER (ORDER BY ctid) AS n FROM ONLY ",
          out);
    put_name(out, self, self->in.files);
    fputs(") AS numbered GROUP BY file) AS f ON f.file = q.file", out);
}

static sheaf_status read_pieces(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT pg_catalog.count(*) FROM (SELECT (pg_catalog.sum(size) OVER (ORDER BY n, line, "
          "record, place ROWS UNBOUNDED PRECEDING) - size)::bigint",
          sql.out);
    fprintf(sql.out, " / %d", PIECE_BYTES);
    fputs(" AS piece FROM (SELECT f.n, q.line, q.record, q.ctid AS place, "
          "64 + coalesce(pg_catalog.octet_length(q.raw)::bigint, "
          "2 * pg_catalog.octet_length(q.raw_bytes)::bigint, 0) AS size",
          sql.out);
    put_records(sql.out, self);
    fputs(") AS sized) AS parted GROUP BY piece ORDER BY piece", sql.out);
    return query(self, &sql, NULL, reading, &self->pieces, err);
}

static sheaf_status declare(table *self, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("DECLARE sheaf_held NO SCROLL CURSOR FOR SELECT q.ctid, f.n, q.line, q.record, "
          "q.\"offset\", q.raw, pg_catalog.encode(CASE WHEN q.raw IS NULL THEN q.raw_bytes END, "
          "'hex'), q.code = 'limit', CASE WHEN f.n IS NULL THEN q.file END",
          sql.out);
    put_records(sql.out, self);
    fputs(" ORDER BY f.n, q.line, q.record, q.ctid", sql.out);
    return sheaf__postgres_sql_run(&sql, self->in.session, reading, err);
}

static sheaf_status open_table(table *self, sheaf_error *err)
{
    bool exists;
    sheaf_status status = check_table(
        self, self->in.records,
        "{file,line,record,field,column,fault_line,fault_byte,offset,code,message,raw,raw_bytes}",
        12, &exists, err);
    if (status < 0 || !exists)
        return status < 0 ? status : SHEAF_END;
    status = check_table(self, self->in.files, "{file,header}", 2, &exists, err);
    if (status == SHEAF_OK && !exists)
        return sheaf__held_no_files(&self->base, self->in.files, err);
    if (status == SHEAF_OK)
        status = lock(self, err);
    if (status == SHEAF_OK)
        status = read_files(self, err);
    if (status == SHEAF_OK)
        status = read_pieces(self, err);
    if (status == SHEAF_OK && sheaf__pq.ntuples(self->pieces) == 0)
        return SHEAF_END;
    return status < 0 ? status : declare(self, err);
}

/* A type that we cannot write is refused when the table begins, with its name. */
static sheaf_status table_column(sheaf__held *held, const char *name, sheaf__asked_type *asked,
                                 sheaf_error *err)
{
    const sheaf__postgres_columns *columns = self_of(held)->in.columns;
    *asked = (sheaf__asked_type){.column = name, .type = SHEAF_TYPE_TEXT, .by_table = true};
    for (size_t i = 0; i < columns->n; i++) {
        const sheaf__postgres_column *each = &columns->items[i];
        if (strcmp(each->name, name) != 0)
            continue;
        if (each->is_known) {
            asked->type = sheaf__fit_type(&each->fit);
            asked->fit = each->fit;
        }
        return SHEAF_OK;
    }
    return sheaf__held_no_column(held, name, err);
}

sheaf_status sheaf__postgres_held_open(const sheaf__postgres_held_in *in, sheaf__held **held,
                                       sheaf_error *err)
{
    static const sheaf__held_ops ops = {.next = table_next,
                                        .keep = table_keep,
                                        .drop = table_drop,
                                        .settle = table_settle,
                                        .commit = table_commit,
                                        .close = table_close,
                                        .column = table_column};
    table *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a quarantine");
    self->base.ops = &ops;
    self->base.arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    self->base.path = strdup(in->session->shown);
    self->in = *in;
    sheaf_status status = self->base.arena && self->base.path
                              ? open_table(self, err)
                              : sheaf__error_memory(err, "a quarantine");
    if (status != SHEAF_OK) {
        table_close(&self->base);
        return status;
    }
    *held = &self->base;
    return SHEAF_OK;
}
