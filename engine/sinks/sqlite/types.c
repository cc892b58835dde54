/* Types and values as SQLite has them: see types.h. */
#include "engine/sinks/sqlite/types.h"

#include <strings.h>

#include "engine/table/moment.h"

const char *sheaf__sqlite_declared(sheaf_type type)
{
    static const char *const names[SHEAF_TYPES] = {
        [SHEAF_TYPE_NULL] = "TEXT",
        [SHEAF_TYPE_BOOL] = "BOOLEAN",
        [SHEAF_TYPE_INT64] = "INTEGER",
        [SHEAF_TYPE_FLOAT64] = "REAL",
        [SHEAF_TYPE_DATE] = "DATE",
        [SHEAF_TYPE_TIMESTAMP] = "TIMESTAMP",
        [SHEAF_TYPE_TIMESTAMP_UTC] = "TIMESTAMP",
        [SHEAF_TYPE_TIME] = "TIME",
        [SHEAF_TYPE_TEXT] = "TEXT",
    };
    return names[type];
}

sheaf_type sheaf__sqlite_type_of(const char *declared)
{
    static const struct {
        const char *name;
        sheaf_type type;
    } types[] = {{"BOOLEAN", SHEAF_TYPE_BOOL},        {"INTEGER", SHEAF_TYPE_INT64},
                 {"REAL", SHEAF_TYPE_FLOAT64},        {"DATE", SHEAF_TYPE_DATE},
                 {"TIMESTAMP", SHEAF_TYPE_TIMESTAMP}, {"TIME", SHEAF_TYPE_TIME}};
    for (size_t i = 0; declared && i < sizeof types / sizeof types[0]; i++)
        if (strcasecmp(declared, types[i].name) == 0)
            return types[i].type;
    return SHEAF_TYPE_TEXT;
}

int sheaf__sqlite_bind(sqlite3_stmt *statement, int parameter, const sheaf__column *column,
                       size_t row)
{
    char text[SHEAF__MOMENT_BYTES];
    size_t n_bytes;
    if (sheaf__column_is_null(column, row))
        return sqlite3_bind_null(statement, parameter);
    switch (column->type) {
    case SHEAF_TYPE_BOOL:
        return sqlite3_bind_int(statement, parameter,
                                ((const uint8_t *)column->values)[row / 8] >> row % 8 & 1);
    case SHEAF_TYPE_INT64:
        return sqlite3_bind_int64(statement, parameter, ((const int64_t *)column->values)[row]);
    case SHEAF_TYPE_FLOAT64:
        return sqlite3_bind_double(statement, parameter, ((const double *)column->values)[row]);
    case SHEAF_TYPE_TEXT: {
        const int32_t *ends = column->values;
        return sqlite3_bind_text64(statement, parameter, (const char *)column->text + ends[row],
                                   (sqlite3_uint64)(ends[row + 1] - ends[row]), SQLITE_STATIC,
                                   SQLITE_UTF8);
    }
    case SHEAF_TYPE_DATE:
        n_bytes = sheaf__moment_write(column->type, ((const int32_t *)column->values)[row], text);
        return sqlite3_bind_text(statement, parameter, text, (int)n_bytes, SQLITE_TRANSIENT);
    default:
        n_bytes = sheaf__moment_write(column->type, ((const int64_t *)column->values)[row], text);
        return sqlite3_bind_text(statement, parameter, text, (int)n_bytes, SQLITE_TRANSIENT);
    }
}
