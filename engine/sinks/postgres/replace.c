/*
 * Files that go, with their rows: see replace.h.
 *
 * The rows of all of them are deleted by one statement: without an index on the column it reads
 * the whole table, and would do so for each file. Everything is checked by what that statement says
 * it has deleted, so that what others do at the same time cannot come between; a failure ends the
 * transaction, and with it whatever was deleted.
 */
#include "engine/sinks/postgres/replace.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "engine/sinks/postgres/relation.h"
#include "engine/sinks/postgres/sql.h"
#include "engine/table/names.h"

enum { ARENA_CHUNK_BYTES = 16 << 10, SHOWN_BYTES = 128 };

static const char replacing[] = "cannot replace a file's rows";
static const char other_ways[] = "--changed append loads it beside them, --if-exists replace loads "
                                 "all anew";

/* What the entries tell, by the names that their rows have in the column. */
typedef struct tally {
    sheaf_arena *arena;
    sheaf__names names;
    uint64_t *rows; /* of each name */
    uint64_t all;
    char *numbers; /* the entries', as the server takes an array; and the names */
    char *texts;
} tally;

/* ---- what is told ---- */

sheaf_status sheaf__postgres_replace_note(sheaf__postgres_replace *self,
                                          const sheaf__ledger_file *file, sheaf_error *err)
{
    if (self->n_files == self->capacity) {
        size_t capacity = self->capacity > 0 ? 2 * self->capacity : 16;
        const sheaf__ledger_file **more = realloc(self->files, capacity * sizeof *more);
        if (!more)
            return sheaf__error_memory(err, "a ledger");
        self->files = more;
        self->capacity = capacity;
    }
    self->files[self->n_files++] = file;
    return SHEAF_OK;
}

static bool add_names(const sheaf__postgres_replace *self, tally *told)
{
    told->rows = sheaf_arena_new(told->arena, uint64_t, self->n_files);
    for (size_t i = 0; told->rows && i < self->n_files; i++) {
        bool added;
        const sheaf__ledger_file *file = self->files[i];
        const char *name = sheaf__utf8_of_path(file->file, told->arena);
        uint32_t index = name ? sheaf__names_add(&told->names, name, strlen(name), &added)
                              : SHEAF__NO_NAME;
        if (index == SHEAF__NO_NAME)
            return false;
        told->rows[index] = file->loaded + (added ? 0 : told->rows[index]);
        told->all += file->loaded;
    }
    return told->rows;
}

static char *numbers_of(const sheaf__postgres_replace *self)
{
    sheaf__postgres_sql list;
    if (!sheaf__postgres_sql_begin(&list))
        return NULL;
    for (size_t i = 0; i < self->n_files; i++)
        fprintf(list.out, "%c%" PRId64, i > 0 ? ',' : '{', self->files[i]->key);
    fputc('}', list.out);
    return sheaf__postgres_sql_end(&list);
}

static char *texts_of(const sheaf__names *names)
{
    sheaf__postgres_sql list;
    if (!sheaf__postgres_sql_begin(&list))
        return NULL;
    for (size_t i = 0; i < names->n_items; i++) {
        fputs(i > 0 ? ",\"" : "{\"", list.out);
        for (const char *at = names->items[i].bytes; *at; at++) {
            if (*at == '"' || *at == '\\')
                fputc('\\', list.out);
            fputc(*at, list.out);
        }
        fputc('"', list.out);
    }
    fputc('}', list.out);
    return sheaf__postgres_sql_end(&list);
}

static sheaf_status begin_told(const sheaf__postgres_replace *self, tally *told, sheaf_error *err)
{
    told->arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    if (!told->arena)
        return sheaf__error_memory(err, "a ledger");
    sheaf__names_init(&told->names, told->arena);
    if (add_names(self, told)) {
        told->numbers = numbers_of(self);
        told->texts = texts_of(&told->names);
    }
    return told->numbers && told->texts ? SHEAF_OK : sheaf__error_memory(err, "a ledger");
}

static void end_told(tally *told)
{
    if (told->arena)
        sheaf__names_end(&told->names);
    sheaf__arena_destroy(told->arena);
    free(told->numbers);
    free(told->texts);
}

/* ---- which rows they are ---- */

static sheaf_status refuse_column(const sheaf__postgres_replace_in *in, const char *what,
                                  sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    sheaf_text_escape(in->column, strlen(in->column), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ECOLUMNS,
                    "the table %s '%s' that tells which rows are a changed file's", what, shown);
    sheaf__error_source(err, in->session->shown);
    sheaf_error_hint(err, "a load with --add file makes one, --add file=NAME names another; %s",
                     other_ways);
    return SHEAF_ECOLUMNS;
}

/*
 * Whether a column is called as one that is added beside another of this name: "file_2". It may be
 * what told of the rows when the files had a column "file", which those of this load have not.
 */
static bool may_be_instead(const char *name, const char *column)
{
    size_t n = strlen(column);
    if (strncmp(name, column, n) != 0 || name[n] != '_')
        return false;
    const char *number = name + n + 1;
    return *number && number[strspn(number, "0123456789")] == '\0';
}

static sheaf_status check_column(const sheaf__postgres_replace_in *in, sheaf_error *err)
{
    const sheaf__postgres_column *found = NULL;
    for (size_t i = 0; i < in->columns->n; i++) {
        const sheaf__postgres_column *column = &in->columns->items[i];
        if (may_be_instead(column->name, in->column))
            return refuse_column(in, "has a column that may be meant instead of", err);
        if (strcmp(column->name, in->column) == 0)
            found = column;
    }
    if (!found)
        return refuse_column(in, "has no column", err);
    bool is_text = found->is_known &&
                   (found->fit.kind == SHEAF__FIT_TEXT || found->fit.kind == SHEAF__FIT_VARCHAR);
    return is_text ? SHEAF_OK : refuse_column(in, "has no column of text", err);
}

/* What a policy hides would stay. */
static sheaf_status refuse_hidden(const sheaf__postgres_replace_in *in, const char *name,
                                  const sheaf__postgres_relation *found, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    bool hides = false;
    sheaf_status status = sheaf__postgres_hides_rows(in->session, found, &hides, err);
    if (status < 0 || !hides)
        return status;
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EDATABASE, "row-level security may hide rows of the table %s",
                    shown);
    sheaf__error_source(err, in->session->shown);
    sheaf_error_hint(err, "replace a file's rows as a user who sees all of them");
    return SHEAF_EDATABASE;
}

/* "DELETE FROM ONLY s.t"; of a partitioned table that would be none of its rows. */
static void put_delete(FILE *out, const sheaf__postgres_replace_in *in, const char *name,
                       const sheaf__postgres_relation *found)
{
    fputs(found->kind == 'p' ? "DELETE FROM " : "DELETE FROM ONLY ", out);
    sheaf__postgres_put_table(out, in->table->schema, name);
}

/* Run one query that was written. */
static sheaf_status query(const sheaf__postgres_replace_in *in, sheaf__postgres_sql *sql,
                          const char *parameter, PGresult **result, sheaf_error *err)
{
    char *text = sheaf__postgres_sql_end(sql);
    *result = NULL;
    sheaf_status status = text ? sheaf__postgres_query(in->session, text, 1, &parameter, replacing,
                                                       result, err)
                               : sheaf__error_memory(err, "a statement");
    free(text);
    return status;
}

/* Two files may have been called alike, each from another directory: a row does not say which. */
static sheaf_status check_names(const sheaf__postgres_replace_in *in, const tally *told,
                                sheaf_error *err)
{
    sheaf__postgres_sql sql;
    PGresult *result;
    char shown[3][SHOWN_BYTES];
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("SELECT goes.file, goes.path, stays.path FROM ", sql.out);
    sheaf__postgres_put_table(sql.out, in->table->schema, in->ledger);
    fputs(" goes JOIN ", sql.out);
    sheaf__postgres_put_table(sql.out, in->table->schema, in->ledger);
    fputs(" stays ON stays.file = goes.file WHERE goes.entry = ANY ($1::bigint[]) AND "
          "NOT stays.entry = ANY ($1::bigint[]) AND (stays.loaded > 0 OR stays.rejected > 0) "
          "ORDER BY goes.entry, stays.entry LIMIT 1",
          sql.out);
    sheaf_status status = query(in, &sql, told->numbers, &result, err);
    if (status < 0 || sheaf__pq.ntuples(result) == 0) {
        sheaf__pq.clear(result);
        return status;
    }
    for (int i = 0; i < 3; i++) {
        const char *text = sheaf__pq.getvalue(result, 0, i);
        sheaf_text_escape(text, strlen(text), shown[i], sizeof shown[i]);
    }
    sheaf__pq.clear(result);
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "rows of two files are told of by the same name, \"%s\": %s and %s", shown[0],
                    shown[1], shown[2]);
    sheaf__error_source(err, in->session->shown);
    sheaf_error_hint(err, "it cannot be said which rows are the changed file's; %s", other_ways);
    return SHEAF_ECHANGED;
}

/* ---- rows ---- */

/* What this session has done in the transaction, as the server counts rows. */
typedef struct counters {
    uint64_t deleted; /* of the table */
    uint64_t inserted;
    uint64_t referring; /* deleted or updated, where a foreign key refers to the table */
    bool are_kept;
    bool are_needed; /* something might do more than what a statement says */
} counters;

static sheaf_status count(const sheaf__postgres_replace_in *in, counters *counted, sheaf_error *err)
{
    static const char sql[] =
        "WITH tree AS (SELECT $1::pg_catalog.oid AS relid UNION "
        "SELECT relid FROM pg_catalog.pg_partition_tree($1::pg_catalog.regclass)), "
        "refer AS (SELECT DISTINCT conrelid AS relid FROM pg_catalog.pg_constraint "
        "WHERE contype = 'f' AND confrelid IN (SELECT relid FROM tree)) "
        "SELECT pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_deleted(t.relid)), "
        "pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_inserted(t.relid)), "
        "(SELECT pg_catalog.sum(pg_catalog.pg_stat_get_xact_tuples_updated(r.relid) + "
        "CASE WHEN r.relid IN (SELECT relid FROM tree) THEN 0 "
        "ELSE pg_catalog.pg_stat_get_xact_tuples_deleted(r.relid) END) FROM refer r), "
        "pg_catalog.current_setting('track_counts') = 'on', "
        "pg_catalog.bool_or(c.relhastriggers OR c.relhasrules) "
        "FROM tree t JOIN pg_catalog.pg_class c ON c.oid = t.relid";
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(in->session, sql, 1, &in->oid, replacing, &result,
                                                err);
    if (status < 0)
        return status;
    counted->deleted = strtoull(sheaf__pq.getvalue(result, 0, 0), NULL, 10);
    counted->inserted = strtoull(sheaf__pq.getvalue(result, 0, 1), NULL, 10);
    counted->referring = strtoull(sheaf__pq.getvalue(result, 0, 2), NULL, 10);
    counted->are_kept = sheaf__pq.getvalue(result, 0, 3)[0] == 't';
    counted->are_needed = sheaf__pq.getvalue(result, 0, 4)[0] == 't';
    sheaf__pq.clear(result);
    return SHEAF_OK;
}

/*
 * A rule may keep rows that the statement says are gone; a trigger or a foreign key may take others
 * or bring them back; and rows that refer to them may go with them, though their keys come again.
 */
static sheaf_status check_others(const sheaf__postgres_replace_in *in, const tally *told,
                                 const counters *before, sheaf_error *err)
{
    counters after;
    sheaf_status status = count(in, &after, err);
    if (status < 0 || (!after.are_kept && !after.are_needed))
        return status;
    uint64_t n_deleted = after.deleted - before->deleted;
    uint64_t n_inserted = after.inserted - before->inserted;
    uint64_t n_referring = after.referring - before->referring;
    if (after.are_kept && n_deleted == told->all && n_inserted == 0 && n_referring == 0)
        return SHEAF_OK;
    if (!after.are_kept)
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "it cannot be seen what triggers, rules or foreign keys of the table do: "
                        "the server counts no rows (track_counts is off)");
    else if (n_deleted < told->all)
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "of the %" PRIu64 " rows of changed files %" PRIu64
                        " would stay: nothing was committed",
                        told->all, told->all - n_deleted);
    else if (n_deleted > told->all || n_inserted > 0)
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "with the %" PRIu64 " rows of changed files a trigger or a foreign key of "
                        "the table would delete %" PRIu64 " others and insert %" PRIu64
                        ": nothing was committed",
                        told->all, n_deleted - told->all, n_inserted);
    else
        sheaf_error_set(err, SHEAF_EDATABASE,
                        "%" PRIu64 " rows that refer to rows of changed files would be deleted or "
                        "altered: nothing was committed",
                        n_referring);
    sheaf__error_source(err, in->session->shown);
    sheaf_error_hint(err, "%s", other_ways);
    return SHEAF_EDATABASE;
}

static sheaf_status refuse_count(const sheaf__postgres_replace_in *in, const char *name,
                                 uint64_t n_told, uint64_t n_rows, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    sheaf_text_escape(in->column, strlen(in->column), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "it cannot be said which rows are the file's: the ledger tells of %" PRIu64
                    ", the table's column '%s' of %" PRIu64,
                    n_told, shown, n_rows);
    sheaf__error_source(err, name);
    sheaf_error_hint(
        err,
        "rows were added, deleted or mended by others or by a retry, or loaded without "
        "--add file; %s",
        other_ways);
    return SHEAF_ECHANGED;
}

/* Of each name as many rows as are told of: *counted is how many there were. */
static sheaf_status check_rows(const sheaf__postgres_replace_in *in, const tally *told,
                               const PGresult *counted, sheaf_error *err)
{
    uint64_t *rows = sheaf_arena_new(told->arena, uint64_t, told->names.n_items);
    if (!rows)
        return sheaf__error_memory(err, "a ledger");
    memset(rows, 0, told->names.n_items * sizeof *rows);
    for (int i = 0; i < sheaf__pq.ntuples(counted); i++) {
        const char *name = sheaf__pq.getvalue(counted, i, 0);
        uint64_t n = strtoull(sheaf__pq.getvalue(counted, i, 1), NULL, 10);
        uint32_t index = sheaf__names_find(&told->names, name, strlen(name));
        if (index == SHEAF__NO_NAME) /* the column's collation takes it for another one */
            return refuse_count(in, name, 0, n, err);
        rows[index] = n;
    }
    for (size_t i = 0; i < told->names.n_items; i++)
        if (rows[i] != told->rows[i])
            return refuse_count(in, told->names.items[i].bytes, told->rows[i], rows[i], err);
    return SHEAF_OK;
}

static sheaf_status delete_rows(const sheaf__postgres_replace_in *in, const tally *told,
                                sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf__postgres_relation found;
    PGresult *result;
    counters before;
    sheaf_status status = sheaf__postgres_find(in->session, in->table, in->table->name, &found,
                                               err);
    if (status == SHEAF_OK)
        status = refuse_hidden(in, in->table->name, &found, err);
    if (status == SHEAF_OK)
        status = count(in, &before, err);
    if (status == SHEAF_OK && !sheaf__postgres_sql_begin(&sql))
        status = sheaf__error_memory(err, "a statement");
    if (status < 0)
        return status;
    fputs("WITH gone AS (", sql.out);
    put_delete(sql.out, in, in->table->name, &found);
    fputs(" AS t WHERE t.", sql.out);
    sheaf__postgres_put_name(sql.out, in->column);
    fputs(" = ANY ($1::pg_catalog.text[]) RETURNING t.", sql.out);
    sheaf__postgres_put_name(sql.out, in->column);
    fputs(" AS name) SELECT name::pg_catalog.text COLLATE pg_catalog.\"C\", pg_catalog.count(*) "
          "FROM gone GROUP BY 1",
          sql.out);
    status = query(in, &sql, told->texts, &result, err);
    if (status == SHEAF_OK)
        status = check_rows(in, told, result, err);
    sheaf__pq.clear(result);
    return status < 0 ? status : check_others(in, told, &before, err);
}

/* ---- what stands beside them ---- */

/* What was set aside of the files; a table that is none of ours has nothing of it. */
static sheaf_status delete_aside(const sheaf__postgres_replace_in *in,
                                 const sheaf__postgres_aside *aside, const char *columns, int n,
                                 const tally *told, sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf__postgres_relation found;
    PGresult *result;
    bool ours = false;
    if (!aside->exists)
        return SHEAF_OK;
    sheaf_status status = sheaf__postgres_find(in->session, in->table, aside->table, &found, err);
    if (status == SHEAF_OK)
        status = sheaf__postgres_has_columns(in->session, &found, columns, n, &ours, err);
    if (status < 0 || !ours)
        return status;
    status = refuse_hidden(in, aside->table, &found, err);
    if (status == SHEAF_OK && !sheaf__postgres_sql_begin(&sql))
        status = sheaf__error_memory(err, "a statement");
    if (status < 0)
        return status;
    put_delete(sql.out, in, aside->table, &found);
    fputs(" WHERE file IN (SELECT l.file FROM ", sql.out);
    sheaf__postgres_put_table(sql.out, in->table->schema, in->ledger);
    fputs(" AS l WHERE l.entry = ANY ($1::bigint[]))", sql.out);
    status = query(in, &sql, told->numbers, &result, err);
    sheaf__pq.clear(result);
    return status;
}

/* An entry that stays would tell of rows that are gone. */
static sheaf_status delete_entries(const sheaf__postgres_replace *self,
                                   const sheaf__postgres_replace_in *in, const tally *told,
                                   sheaf_error *err)
{
    sheaf__postgres_sql sql;
    sheaf__postgres_relation found;
    PGresult *result;
    sheaf_status status = sheaf__postgres_find(in->session, in->table, in->ledger, &found, err);
    if (status == SHEAF_OK && !sheaf__postgres_sql_begin(&sql))
        status = sheaf__error_memory(err, "a statement");
    if (status < 0)
        return status;
    put_delete(sql.out, in, in->ledger, &found);
    fputs(" WHERE entry = ANY ($1::bigint[])", sql.out);
    status = query(in, &sql, told->numbers, &result, err);
    uint64_t n = status < 0 ? 0 : strtoull(sheaf__pq.cmdTuples(result), NULL, 10);
    sheaf__pq.clear(result);
    if (status < 0 || n == self->n_files)
        return status;
    sheaf_error_set(err, SHEAF_EDATABASE,
                    "the ledger gave up %" PRIu64 " of %zu entries: nothing was committed", n,
                    self->n_files);
    sheaf__error_source(err, in->session->shown);
    sheaf_error_hint(err, "a trigger or a policy of the ledger's table keeps them");
    return SHEAF_EDATABASE;
}

/* ---- all of it ---- */

sheaf_status sheaf__postgres_replace_flush(sheaf__postgres_replace *self,
                                           const sheaf__postgres_replace_in *in, sheaf_error *err)
{
    tally told = {0};
    if (self->n_files == 0)
        return SHEAF_OK;
    sheaf_status status = check_column(in, err);
    if (status == SHEAF_OK)
        status = begin_told(self, &told, err);
    if (status == SHEAF_OK)
        status = check_names(in, &told, err);
    if (status == SHEAF_OK)
        status = delete_rows(in, &told, err);
    if (status == SHEAF_OK)
        status = delete_aside(in, &in->rejects->records,
                              "{file,line,record,field,column,fault_line,fault_byte,offset,code,"
                              "message,raw,raw_bytes}",
                              12, &told, err);
    if (status == SHEAF_OK)
        status = delete_aside(in, &in->rejects->files, "{file,header}", 2, &told, err);
    if (status == SHEAF_OK)
        status = delete_entries(self, in, &told, err);
    if (status == SHEAF_EDATABASE && err && !err->hint[0]) /* what the server says */
        sheaf_error_hint(err, "%s", other_ways);
    end_told(&told);
    self->n_files = 0;
    return status;
}

void sheaf__postgres_replace_end(sheaf__postgres_replace *self)
{
    free(self->files);
    *self = (sheaf__postgres_replace){0};
}
