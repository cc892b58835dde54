/* PostgreSQL's part of a build without libpq: it says that it is not there. */
#include <stdio.h>

#include "engine/core/error.h"
#include "engine/sinks/postgres/uri.h"
#include "engine/sinks/sink.h"

void sheaf__postgres_show_uri(const char *uri, char *shown, size_t size)
{
    (void)uri;
    snprintf(shown, size, SHEAF__POSTGRES_HIDDEN);
}

sheaf_status sheaf__postgres_check(const char *uri, const char *table, sheaf_error *err)
{
    (void)uri, (void)table;
    sheaf_error_set(err, SHEAF_EINVAL, "this sheaf was built without PostgreSQL");
    sheaf_error_hint(err, "build it where libpq is (Debian: libpq-dev)");
    return SHEAF_EINVAL;
}

sheaf_status sheaf__postgres_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                  sheaf_error *err)
{
    *sink = NULL;
    return sheaf__postgres_check(target->path, target->table, err);
}
