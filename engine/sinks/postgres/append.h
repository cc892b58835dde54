/* Rows behind those that a table of its owner's has, whose rules may refuse any of them. */
#ifndef SHEAF_SINKS_POSTGRES_APPEND_H
#define SHEAF_SINKS_POSTGRES_APPEND_H

#include "engine/sinks/postgres/copy.h"
#include "engine/sinks/postgres/session.h"

/*
 * Write rows (n of them, whole: with what a COPY begins and ends with) by this statement, while
 * nothing else is written.
 *
 * Returns    OK; END with *err: the table refuses one of them, by a constraint or a trigger: it has
 *            taken none, and the transaction goes on; EDATABASE, ECANCELLED.
 */
sheaf_status sheaf__postgres_append(sheaf__postgres *session, const char *copy,
                                    const sheaf__postgres_rows *rows, uint64_t n, sheaf_error *err);

#endif
