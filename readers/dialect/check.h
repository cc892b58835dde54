/* Whether what is told of a dialect can be. */
#ifndef SHEAF_DIALECT_CHECK_H
#define SHEAF_DIALECT_CHECK_H

#include <stdbool.h>

#include <sheaf/dialect.h>
#include <sheaf/status.h>

/* Returns    OK, EINVAL. */
sheaf_status sheaf__dialect_check(const sheaf_dialect *dialect, sheaf_error *err);

/* Whether nothing of it is left to be found out. */
bool sheaf__dialect_is_whole(const sheaf_dialect *dialect);

#endif
