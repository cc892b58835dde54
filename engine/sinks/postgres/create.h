/* A table that is made. */
#ifndef SHEAF_SINKS_POSTGRES_CREATE_H
#define SHEAF_SINKS_POSTGRES_CREATE_H

#include <sheaf/type.h>

#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/session.h"

/*
 * What SQL calls a type: boolean, bigint, double precision, date, timestamp, timestamp with time
 * zone, time and text; a column without any value is text.
 */
const char *sheaf__postgres_declared(sheaf_type type);

/* Create it, with these columns. OK; EDATABASE, ECANCELLED, ENOMEM. */
sheaf_status sheaf__postgres_create(sheaf__postgres *session, const sheaf__postgres_table *table,
                                    const char *const *names, const sheaf_type *types, size_t n,
                                    sheaf_error *err);

#endif
