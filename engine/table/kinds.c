/* Types, and what they follow from: see kinds.h and <sheaf/type.h>. */
#include "engine/table/kinds.h"

#include <string.h>

static const struct {
    const char *name;
    sheaf__kinds kinds;
} types[SHEAF_TYPES] = {
    [SHEAF_TYPE_NULL] = {"null", 0},
    [SHEAF_TYPE_BOOL] = {"bool", SHEAF__KIND_BOOL},
    [SHEAF_TYPE_INT64] = {"int64", SHEAF__KIND_INT | SHEAF__KIND_LONG},
    [SHEAF_TYPE_FLOAT64] = {"float64", SHEAF__KIND_INT | SHEAF__KIND_FLOAT},
    [SHEAF_TYPE_DATE] = {"date", SHEAF__KIND_DATE},
    [SHEAF_TYPE_TIMESTAMP] = {"timestamp", SHEAF__KIND_DATE | SHEAF__KIND_TIMESTAMP},
    [SHEAF_TYPE_TIMESTAMP_UTC] = {"timestamp_utc", SHEAF__KIND_TIMESTAMP_UTC},
    [SHEAF_TYPE_TIME] = {"time", SHEAF__KIND_TIME},
    [SHEAF_TYPE_TEXT] = {"text", (sheaf__kinds)~SHEAF__KIND_NULL},
};

sheaf_type sheaf__kinds_type(sheaf__kinds kinds)
{
    kinds &= (sheaf__kinds)~SHEAF__KIND_NULL;
    for (int type = SHEAF_TYPE_NULL; type < SHEAF_TYPE_TEXT; type++)
        if ((kinds & ~types[type].kinds) == 0)
            return (sheaf_type)type;
    return SHEAF_TYPE_TEXT;
}

sheaf__kinds sheaf__kinds_of_type(sheaf_type type)
{
    return types[type].kinds;
}

const char *sheaf_type_name(sheaf_type type)
{
    return (unsigned)type < SHEAF_TYPES ? types[type].name : "?";
}

bool sheaf_type_parse(const char *name, sheaf_type *type)
{
    for (int each = 0; each < SHEAF_TYPES; each++) {
        if (strcmp(types[each].name, name) == 0) {
            *type = (sheaf_type)each;
            return true;
        }
    }
    return false;
}
