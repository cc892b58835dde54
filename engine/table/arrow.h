/* Columns and schemas as Arrow's C structs: see <sheaf/arrow.h>. */
#ifndef SHEAF_TABLE_ARROW_H
#define SHEAF_TABLE_ARROW_H

#include <sheaf/arrow.h>
#include <sheaf/status.h>

#include "engine/table/columns.h"

typedef struct sheaf__arrow_field {
    const char *name;
    size_t n_name;
    sheaf_type type;
    bool nullable;
} sheaf__arrow_field;

/* A struct of these fields. OK, ENOMEM. */
sheaf_status sheaf__arrow_schema(const sheaf__arrow_field *fields, size_t n,
                                 struct ArrowSchema *schema);

/*
 * A struct array of the columns, which go back to their pool when it and whatever was moved out of
 * it are released. OK, ENOMEM: then the columns are still the caller's.
 */
sheaf_status sheaf__arrow_array(sheaf__columns *columns, struct ArrowArray *array);

#endif
