/* A table that is made: see create.h. */
#include "engine/sinks/postgres/create.h"

#include "engine/core/error.h"
#include "engine/sinks/postgres/sql.h"

const char *sheaf__postgres_declared(sheaf_type type)
{
    static const char *const names[SHEAF_TYPES] = {
        [SHEAF_TYPE_NULL] = "text",
        [SHEAF_TYPE_BOOL] = "boolean",
        [SHEAF_TYPE_INT64] = "bigint",
        [SHEAF_TYPE_FLOAT64] = "double precision",
        [SHEAF_TYPE_DATE] = "date",
        [SHEAF_TYPE_TIMESTAMP] = "timestamp without time zone",
        [SHEAF_TYPE_TIMESTAMP_UTC] = "timestamp with time zone",
        [SHEAF_TYPE_TIME] = "time without time zone",
        [SHEAF_TYPE_TEXT] = "text",
    };
    return names[type];
}

sheaf_status sheaf__postgres_create(sheaf__postgres *session, const sheaf__postgres_table *table,
                                    const char *const *names, const sheaf_type *types, size_t n,
                                    sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs("CREATE TABLE ", sql.out);
    sheaf__postgres_put_table(sql.out, table->schema, table->name);
    for (size_t i = 0; i < n; i++) {
        fputs(i > 0 ? ", " : " (", sql.out);
        sheaf__postgres_put_name(sql.out, names[i]);
        fprintf(sql.out, " %s", sheaf__postgres_declared(types[i]));
    }
    fputs(")", sql.out);
    return sheaf__postgres_sql_run(&sql, session, "cannot create the table", err);
}
