/* The text of a statement: see sql.h. */
#include "engine/sinks/postgres/sql.h"

#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/names.h"

bool sheaf__postgres_sql_begin(sheaf__postgres_sql *sql)
{
    *sql = (sheaf__postgres_sql){0};
    sql->out = open_memstream(&sql->text, &sql->n_bytes);
    return sql->out != NULL;
}

char *sheaf__postgres_sql_end(sheaf__postgres_sql *sql)
{
    bool failed = ferror(sql->out);
    if (fclose(sql->out) == 0 && !failed)
        return sql->text;
    free(sql->text);
    return NULL;
}

sheaf_status sheaf__postgres_sql_run(sheaf__postgres_sql *sql, sheaf__postgres *session,
                                     const char *what, sheaf_error *err)
{
    char *text = sheaf__postgres_sql_end(sql);
    sheaf_status status = text ? sheaf__postgres_run(session, text, what, err)
                               : sheaf__error_memory(err, "a statement");
    free(text);
    return status;
}

sheaf_status sheaf__postgres_run_on(sheaf__postgres *session, const char *verb, const char *schema,
                                    const char *table, const char *rest, const char *what,
                                    sheaf_error *err)
{
    sheaf__postgres_sql sql;
    if (!sheaf__postgres_sql_begin(&sql))
        return sheaf__error_memory(err, "a statement");
    fputs(verb, sql.out);
    sheaf__postgres_put_table(sql.out, schema, table);
    fputs(rest, sql.out);
    return sheaf__postgres_sql_run(&sql, session, what, err);
}
