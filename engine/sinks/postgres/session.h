/*
 * A connection to a PostgreSQL server, by libpq.
 *
 * libpq never waits here: whoever has to wait does so in poll(2), a short time at once, and looks
 * whether the run is to end. What the server says is shown with its control bytes escaped; what a
 * connection is called never has the password that it was made with.
 */
#ifndef SHEAF_SINKS_POSTGRES_SESSION_H
#define SHEAF_SINKS_POSTGRES_SESSION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

#include "engine/sinks/postgres/library.h"

typedef struct sheaf__postgres {
    PGconn *connection; /* NULL: there is none */
    const atomic_bool *stop;
    const atomic_bool *given_up; /* the same, of those that belong together; or NULL */
    char shown[256];             /* what it is called, for errors: not escaped */
    char state[6];               /* the SQLSTATE of its last refusal, or "" */
    bool may_repeat;             /* whatever is committed is not done again by the same command */
    bool is_copying;             /* the server takes rows */
    int64_t suspected_ns;    /* it has said something meanwhile that is no notice; 0: it has not */
    uint64_t n_notices;      /* that libpq has seen */
    uint64_t n_notices_then; /* so many there were when it was suspected */
} sheaf__postgres;

/*
 * Connect, and begin a transaction in which nothing times out. `uri` is as libpq has it.
 *
 * Returns    OK; EDATABASE, ECANCELLED, ENOMEM. In any case the session is to be closed.
 */
sheaf_status sheaf__postgres_connect(sheaf__postgres *session, const char *uri,
                                     const atomic_bool *stop, sheaf_error *err);

/* Begin another transaction: one is committed. */
sheaf_status sheaf__postgres_begin(sheaf__postgres *session, sheaf_error *err);

/* End it, and what it was doing: nothing that was not committed stays. */
void sheaf__postgres_close(sheaf__postgres *session);

/* The same, but first a statement that there is not much time for: it may fail. */
void sheaf__postgres_close_with(sheaf__postgres *session, const char *sql);

/* Run statements without results. `what` says what cannot be done if they fail. */
sheaf_status sheaf__postgres_run(sheaf__postgres *session, const char *sql, const char *what,
                                 sheaf_error *err);

/* Run one query with parameters (texts, or NULL): OK with *result, for clear(). */
sheaf_status sheaf__postgres_query(sheaf__postgres *session, const char *sql, int n_parameters,
                                   const char *const *parameters, const char *what,
                                   PGresult **result, sheaf_error *err);

/* Statements of which the last is a COPY FROM STDIN. */
sheaf_status sheaf__postgres_copy_begin(sheaf__postgres *session, const char *sql, const char *what,
                                        sheaf_error *err);
sheaf_status sheaf__postgres_copy_put(sheaf__postgres *session, const char *bytes, size_t n_bytes,
                                      sheaf_error *err);
sheaf_status sheaf__postgres_copy_end(sheaf__postgres *session, const char *what, uint64_t *n_rows,
                                      sheaf_error *err);

/*
 * Commit. Until that is done nobody can stop it. EDATABASE may mean that nobody knows whether the
 * server has done it, if the connection was lost meanwhile: then the error says so, and how to go
 * on.
 */
sheaf_status sheaf__postgres_commit(sheaf__postgres *session, sheaf_error *err);

#endif
