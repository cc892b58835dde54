/* What is called like a table: see relation.h. */
#include "engine/sinks/postgres/relation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/sql.h"

bool sheaf__postgres_is_table(const sheaf__postgres_relation *found)
{
    return found->oid[0] && (found->kind == 'r' || found->kind == 'p');
}

/* ---- schemas ---- */

static sheaf_status say_another(const sheaf__postgres *session, sheaf_error *err)
{
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "--table SCHEMA.NAME says another one");
    return SHEAF_EDATABASE;
}

sheaf_status sheaf__postgres_refuse_schema(const sheaf__postgres *session,
                                           const sheaf__postgres_table *table, sheaf_error *err)
{
    char shown[128];
    sheaf_text_escape(table->schema, strlen(table->schema), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EDATABASE, "no table may be created in the schema \"%s\"", shown);
    return say_another(session, err);
}

sheaf_status sheaf__postgres_no_table(const sheaf__postgres *session,
                                      const sheaf__postgres_table *table, sheaf_error *err)
{
    char shown[128];
    sheaf_text_escape(table->name, strlen(table->name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_ENOENT, "the database has no table \"%s\"", shown);
    sheaf__error_source(err, session->shown);
    sheaf_error_hint(err, "--table NAME, or SCHEMA.NAME, names another one");
    return SHEAF_ENOENT;
}

static sheaf_status has_no_schema(const sheaf__postgres *session, const char *schema,
                                  sheaf_error *err)
{
    char shown[128];
    sheaf_text_escape(schema, strlen(schema), shown, sizeof shown);
    if (schema[0])
        sheaf_error_set(err, SHEAF_EDATABASE, "there is no schema \"%s\"", shown);
    else
        sheaf_error_set(err, SHEAF_EDATABASE, "no schema of the search path is there");
    return say_another(session, err);
}

sheaf_status sheaf__postgres_find(sheaf__postgres *session, sheaf__postgres_table *table,
                                  const char *name, sheaf__postgres_relation *found,
                                  sheaf_error *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.oid, c.relkind, pg_catalog.has_schema_privilege(n.oid, 'CREATE') "
        "FROM pg_catalog.pg_namespace n LEFT JOIN pg_catalog.pg_class c "
        "ON c.relnamespace = n.oid AND c.relname = $2 "
        "WHERE n.nspname = coalesce($1, pg_catalog.current_schema())";
    const char *parameters[] = {table->schema[0] ? table->schema : NULL, name};
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 2, parameters,
                                                "cannot read the database", &result, err);
    if (status < 0)
        return status;
    *found = (sheaf__postgres_relation){.oid = ""};
    bool has_schema = sheaf__pq.ntuples(result) > 0;
    if (has_schema) {
        snprintf(table->schema, sizeof table->schema, "%s", sheaf__pq.getvalue(result, 0, 0));
        snprintf(found->oid, sizeof found->oid, "%s", sheaf__pq.getvalue(result, 0, 1));
        found->kind = sheaf__pq.getvalue(result, 0, 2)[0];
        found->may_create = sheaf__pq.getvalue(result, 0, 3)[0] == 't';
    }
    sheaf__pq.clear(result);
    return has_schema ? SHEAF_OK : has_no_schema(session, table->schema, err);
}

sheaf_status sheaf__postgres_has_columns(sheaf__postgres *session,
                                         const sheaf__postgres_relation *found, const char *columns,
                                         int n, bool *has, sheaf_error *err)
{
    static const char sql[] =
        "SELECT count(*) FROM pg_catalog.pg_attribute WHERE attrelid = $1::pg_catalog.oid AND "
        "attname = ANY ($2::pg_catalog.text[]) AND NOT attisdropped";
    const char *parameters[] = {found->oid, columns};
    PGresult *result;
    *has = false;
    if (!sheaf__postgres_is_table(found))
        return SHEAF_OK;
    sheaf_status status = sheaf__postgres_query(session, sql, 2, parameters,
                                                "cannot read the database", &result, err);
    if (status == SHEAF_OK)
        *has = strtol(sheaf__pq.getvalue(result, 0, 0), NULL, 10) == n;
    sheaf__pq.clear(result);
    return status;
}

sheaf_status sheaf__postgres_hides_rows(sheaf__postgres *session,
                                        const sheaf__postgres_relation *found, bool *hides,
                                        sheaf_error *err)
{
    static const char sql[] = "SELECT pg_catalog.row_security_active($1::pg_catalog.oid)";
    const char *oid = found->oid;
    PGresult *result;
    sheaf_status status = sheaf__postgres_query(session, sql, 1, &oid, "cannot read the database",
                                                &result, err);
    *hides = status == SHEAF_OK && sheaf__pq.getvalue(result, 0, 0)[0] == 't';
    sheaf__pq.clear(result);
    return status;
}

/* ---- what is there ---- */

static const char *kind_of(char kind)
{
    switch (kind) {
    case 'r':
    case 'p':
        return "table";
    case 'v':
        return "view";
    case 'm':
        return "materialized view";
    case 'f':
        return "foreign table";
    case 'S':
        return "sequence";
    case 'c':
        return "type";
    default:
        return "index";
    }
}

sheaf_status sheaf__postgres_is_in_the_way(const sheaf__postgres *session, const char *name,
                                           const sheaf__postgres_relation *found,
                                           sheaf_if_exists if_exists, sheaf_error *err)
{
    char table[128];
    bool is_table = sheaf__postgres_is_table(found);
    sheaf_text_escape(name, strlen(name), table, sizeof table);
    if (is_table)
        sheaf_error_set(err, SHEAF_EEXIST, "the database already has a table \"%s\"", table);
    else
        sheaf_error_set(err, SHEAF_EEXIST, "\"%s\" is a %s, not a table", table,
                        kind_of(found->kind));
    sheaf__error_source(err, session->shown);
    if (is_table && if_exists == SHEAF_IF_EXISTS_FAIL)
        sheaf_error_hint(err, "--if-exists replace puts the new rows in its place, append adds "
                              "them to it, --table NAME puts them beside it");
    else
        sheaf_error_hint(err, "choose another name with --table, or drop it yourself");
    return SHEAF_EEXIST;
}

sheaf_status sheaf__postgres_make_way(sheaf__postgres *session, sheaf__postgres_table *table,
                                      const char *name, sheaf_if_exists if_exists,
                                      sheaf__postgres_relation *found, sheaf_error *err)
{
    sheaf_status status = sheaf__postgres_find(session, table, name, found, err);
    if (status < 0 || !found->oid[0])
        return status;
    if (!sheaf__postgres_is_table(found) || if_exists == SHEAF_IF_EXISTS_FAIL)
        return sheaf__postgres_is_in_the_way(session, name, found, if_exists, err);
    if (if_exists == SHEAF_IF_EXISTS_REPLACE) {
        found->oid[0] = '\0';
        return sheaf__postgres_run_on(session, "DROP TABLE ", table->schema, name, "",
                                      "cannot replace the table", err);
    }
    return sheaf__postgres_run_on(session, "LOCK TABLE ", table->schema, name,
                                  " IN ROW EXCLUSIVE MODE", "cannot append to the table", err);
}
