/*
 * Records that were set aside, in a table beside the rows, NAME_quarantine:
 *
 *     file text, line bigint, record bigint, field bigint, "column" text, fault_line bigint,
 *     fault_byte bigint, "offset" bigint, code text, message text, raw text, raw_bytes bytea
 *
 * as those of SQLite (quarantine.h says what each means), but that what is no text (not UTF-8, or
 * with a NUL byte) stands in raw_bytes, and raw is null. A path that is no UTF-8 is escaped. What
 * each file is read with (reject_file.h) stands in a table of its own, NAME_quarantine_files:
 *
 *     file text, header text
 *
 * They wait here until the COPY of rows ends, or they are many.
 */
#ifndef SHEAF_SINKS_POSTGRES_REJECTS_H
#define SHEAF_SINKS_POSTGRES_REJECTS_H

#include "engine/sinks/postgres/copy.h"
#include "engine/sinks/postgres/names.h"
#include "engine/sinks/postgres/session.h"
#include "engine/sinks/sink.h"

/* One of the two tables, and what is to be written into it. */
typedef struct sheaf__postgres_aside {
    char table[SHEAF__POSTGRES_NAME_BYTES + 1];
    sheaf__postgres_rows rows;
    uint64_t n_rows; /* in there */
    bool exists;     /* the table does */
    bool is_new;     /* since the last mark */
} sheaf__postgres_aside;

typedef struct sheaf__postgres_rejects {
    const char *schema;
    sheaf__postgres_aside records;
    sheaf__postgres_aside files;
    const sheaf__reject_file *file; /* of the last record, or NULL */
    const char *const *names;       /* of the columns, as the database has them; or NULL */
} sheaf__postgres_rejects;

/* Look for both tables, in each transaction anew; if_exists says what becomes of those there. */
sheaf_status sheaf__postgres_rejects_open(sheaf__postgres_rejects *rejects,
                                          sheaf__postgres *session, sheaf__postgres_table *table,
                                          sheaf_if_exists if_exists, sheaf_error *err);

/* OK, ENOMEM. */
sheaf_status sheaf__postgres_rejects_put(sheaf__postgres_rejects *rejects,
                                         const sheaf__rejected *rejected, sheaf_error *err);

bool sheaf__postgres_rejects_wait(const sheaf__postgres_rejects *rejects);
bool sheaf__postgres_rejects_are_many(const sheaf__postgres_rejects *rejects);

/* Write them, while nothing else is written. */
sheaf_status sheaf__postgres_rejects_flush(sheaf__postgres_rejects *rejects,
                                           sheaf__postgres *session, sheaf_error *err);

/* All that were put are written: those that follow may be taken back; they are. */
void sheaf__postgres_rejects_mark(sheaf__postgres_rejects *rejects);
void sheaf__postgres_rejects_forget(sheaf__postgres_rejects *rejects);

void sheaf__postgres_rejects_end(sheaf__postgres_rejects *rejects);

#endif
