/* A table that exists: see table.h. */
#include "engine/sinks/postgres/table.h"

#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"

/* ---- types ---- */

enum {
    HEAD_BYTES = 4, /* a server's type modifiers count those of a value's length too */
    NUMERIC_SCALE = 0x7FF,
    NUMERIC_SCALE_SIGN = 0x400
};

/* The types that can be written, by their number in every server (pg_type.dat). */
static const struct {
    unsigned oid;
    sheaf__fit_kind kind;
} known_types[] = {
    {16, SHEAF__FIT_BOOLEAN},         {20, SHEAF__FIT_BIGINT},    {21, SHEAF__FIT_SMALLINT},
    {23, SHEAF__FIT_INTEGER},         {25, SHEAF__FIT_TEXT},      {700, SHEAF__FIT_REAL},
    {701, SHEAF__FIT_DOUBLE},         {1042, SHEAF__FIT_CHAR},    {1043, SHEAF__FIT_VARCHAR},
    {1082, SHEAF__FIT_DATE},          {1083, SHEAF__FIT_TIME},    {1114, SHEAF__FIT_TIMESTAMP},
    {1184, SHEAF__FIT_TIMESTAMP_UTC}, {1700, SHEAF__FIT_NUMERIC}, {2950, SHEAF__FIT_UUID},
};

/* What a type's modifier says: -1 if it has none. */
static void fit_modifier(sheaf__fit *fit, int32_t modifier)
{
    switch (fit->kind) {
    case SHEAF__FIT_CHAR:
    case SHEAF__FIT_VARCHAR:
        if (modifier < HEAD_BYTES)
            fit->kind = SHEAF__FIT_TEXT;
        else
            fit->a = modifier - HEAD_BYTES;
        break;
    case SHEAF__FIT_NUMERIC:
        if (modifier < HEAD_BYTES)
            break;
        fit->a = (modifier - HEAD_BYTES) >> 16;
        fit->b = (((modifier - HEAD_BYTES) & NUMERIC_SCALE) ^ NUMERIC_SCALE_SIGN) -
                 NUMERIC_SCALE_SIGN;
        break;
    case SHEAF__FIT_TIMESTAMP:
    case SHEAF__FIT_TIMESTAMP_UTC:
    case SHEAF__FIT_TIME:
        fit->a = modifier >= 0 && modifier < 6 ? modifier : 6;
        break;
    default:
        break;
    }
}

static bool find_type(unsigned oid, int32_t modifier, sheaf__fit *fit)
{
    for (size_t i = 0; i < sizeof known_types / sizeof known_types[0]; i++) {
        if (known_types[i].oid == oid) {
            fit->kind = (uint8_t)known_types[i].kind;
            fit_modifier(fit, modifier);
            return true;
        }
    }
    return false;
}

/* ---- columns ---- */

static bool fill_column(sheaf__postgres_column *column, const PGresult *result, int row,
                        sheaf_arena *arena)
{
    const char *values[7];
    for (int i = 0; i < 7; i++)
        values[i] = sheaf__pq.getvalue(result, row, i);
    bool not_null = values[4][0] == 't';
    *column = (sheaf__postgres_column){
        .name = sheaf__arena_copy(arena, values[0], strlen(values[0])),
        .type = sheaf__arena_copy(arena, values[1], strlen(values[1])),
        .is_generated = values[6][0] == 't',
        .is_needed = not_null && values[5][0] == 'f',
        .fit = {.not_null = not_null}};
    column->is_known = find_type((unsigned)strtoul(values[2], NULL, 10),
                                 (int32_t)strtol(values[3], NULL, 10), &column->fit);
    return column->name && column->type;
}

sheaf_status sheaf__postgres_columns_read(sheaf__postgres *session, const char *oid,
                                          sheaf_arena *arena, sheaf__postgres_columns *columns,
                                          sheaf_error *err)
{
    static const char sql[] =
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid, "
        "a.atttypmod, a.attnotnull, a.atthasdef OR a.attidentity <> '', a.attgenerated <> '' "
        "FROM pg_catalog.pg_attribute a "
        "WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped "
        "ORDER BY a.attnum";
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 1, &oid, "cannot read the table",
                                                &result, err);
    if (status < 0)
        return status;
    size_t n = (size_t)sheaf__pq.ntuples(result);
    columns->items = sheaf_arena_new(arena, sheaf__postgres_column, n);
    columns->n = columns->items ? n : 0;
    bool good = columns->items != NULL;
    for (size_t i = 0; i < n && good; i++)
        good = fill_column(&columns->items[i], result, (int)i, arena);
    sheaf__pq.clear(result);
    return good ? SHEAF_OK : sheaf__error_memory(err, "the columns of the table");
}

sheaf_status sheaf__postgres_columns_mark(sheaf__postgres *session, const char *schema,
                                          const char *table, int64_t *mark, sheaf_error *err)
{
    static const char sql[] =
        "SELECT pg_catalog.hashtextextended(pg_catalog.string_agg(pg_catalog.format("
        "'%s %s %I %s %s', c.oid, a.attnum, a.attname, a.atttypid, a.atttypmod), ',' "
        "ORDER BY a.attnum), 0) "
        "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE n.nspname = $1 AND c.relname = $2 AND a.attnum > 0 AND NOT a.attisdropped";
    const char *parameters[] = {schema, table};
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 2, parameters,
                                                "cannot read the table", &result, err);
    if (status < 0)
        return status;
    *mark = strtoll(sheaf__pq.getvalue(result, 0, 0), NULL, 10);
    sheaf__pq.clear(result);
    return SHEAF_OK;
}

sheaf_status sheaf__postgres_columns_ask(const sheaf__postgres_columns *columns, sheaf_arena *arena,
                                         sheaf__asked_type **asked, size_t *n, sheaf_error *err)
{
    *asked = sheaf_arena_new(arena, sheaf__asked_type, columns->n);
    *n = 0;
    if (!*asked)
        return sheaf__error_memory(err, "the columns of the table");
    for (size_t i = 0; i < columns->n; i++) {
        const sheaf__postgres_column *each = &columns->items[i];
        if (each->is_known && !each->is_generated)
            (*asked)[(*n)++] = (sheaf__asked_type){.column = each->name,
                                                   .type = sheaf__fit_type(&each->fit),
                                                   .fit = each->fit,
                                                   .by_table = true};
    }
    return SHEAF_OK;
}

/* ---- files' columns ---- */

static const sheaf__postgres_column *find(const sheaf__postgres_columns *columns,
                                          const sheaf__name *name)
{
    for (size_t i = 0; i < columns->n; i++)
        if (strlen(columns->items[i].name) == name->n_bytes &&
            memcmp(columns->items[i].name, name->bytes, name->n_bytes) == 0)
            return &columns->items[i];
    return NULL;
}

const char *sheaf__postgres_columns_type(const sheaf__postgres_columns *columns, const char *name)
{
    sheaf__name given = {.bytes = name, .n_bytes = strlen(name)};
    const sheaf__postgres_column *column = find(columns, &given);
    return column ? column->type : "text";
}

/* Those that the table has not, as many as there is room for. */
static sheaf_status refuse_missing(const sheaf__postgres_columns *columns,
                                   const sheaf__names *names, sheaf_error *err)
{
    char list[200];
    size_t n = 0;
    size_t n_more = 0;
    for (size_t i = 0; i < names->n_items; i++) {
        char shown[70];
        const sheaf__name *name = &names->items[i];
        if (find(columns, name))
            continue;
        sheaf_text_escape(name->bytes, name->n_bytes, shown, sizeof shown);
        if (n_more > 0 || n + strlen(shown) + 5 > sizeof list)
            n_more++;
        else
            n += (size_t)sprintf(list + n, "%s'%s'", n > 0 ? ", " : "", shown);
    }
    if (n_more > 0)
        sheaf_error_set(err, SHEAF_EINVAL, "the table has no column %s and %zu more", list, n_more);
    else
        sheaf_error_set(err, SHEAF_EINVAL, "the table has no column %s", list);
    sheaf_error_hint(err, "--drop or --select leaves columns out, --rename FROM=TO calls them as "
                          "the table does");
    return SHEAF_EINVAL;
}

static sheaf_status refuse_column(const sheaf__postgres_column *column, const char *what,
                                  const char *hint, sheaf_error *err)
{
    char shown[100];
    char type[80];
    sheaf_text_escape(column->name, strlen(column->name), shown, sizeof shown);
    sheaf_text_escape(column->type, strlen(column->type), type, sizeof type);
    sheaf_error_set(err, SHEAF_EINVAL, "the table's column '%s' (%s) %s", shown, type, what);
    sheaf_error_hint(err, "%s", hint);
    return SHEAF_EINVAL;
}

static sheaf_status match(const sheaf__postgres_column *column, sheaf_type type, sheaf__fit *fit,
                          sheaf_error *err)
{
    if (column->is_generated)
        return refuse_column(column, "is computed by the server",
                             "--drop leaves the files' column out", err);
    if (!column->is_known)
        return refuse_column(column, "is of a type that is not written here",
                             "load into a table of its own (--table), and convert it there; or "
                             "--drop leaves the column out",
                             err);
    if (type != sheaf__fit_type(&column->fit))
        return refuse_column(column, "is not of the type of what would be added to it",
                             "--add file=NAME (text), line=NAME, row=NAME (bigint) choose another "
                             "column",
                             err);
    *fit = column->fit;
    return SHEAF_OK;
}

sheaf_status sheaf__postgres_columns_match(const sheaf__postgres_columns *columns,
                                           const sheaf__names *names, const sheaf_type *types,
                                           sheaf__fit *fits, sheaf_error *err)
{
    for (size_t i = 0; i < names->n_items; i++)
        if (!find(columns, &names->items[i]))
            return refuse_missing(columns, names, err);
    for (size_t i = 0; i < names->n_items; i++) {
        const sheaf__postgres_column *column = find(columns, &names->items[i]);
        sheaf_status status = match(column, types[i], &fits[i], err);
        if (status < 0)
            return status;
    }
    for (size_t i = 0; i < columns->n; i++) {
        const sheaf__postgres_column *column = &columns->items[i];
        size_t found = 0;
        while (found < names->n_items && find(columns, &names->items[found]) != column)
            found++;
        if (found == names->n_items && column->is_needed)
            return refuse_column(column, "may not be null, and no file has it",
                                 "give it a default in the database, or add it to the files", err);
    }
    return SHEAF_OK;
}
