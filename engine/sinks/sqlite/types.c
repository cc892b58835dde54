/* Types and values as SQLite has them: see types.h. */
#include "engine/sinks/sqlite/types.h"

#include <strings.h>

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
