/*
 * Rows that go into a table over one connection, by one COPY after the other, and savepoints
 * between them: a connection takes one COPY at a time.
 *
 * One thread at a time.
 */
#ifndef SHEAF_SINKS_POSTGRES_LANE_H
#define SHEAF_SINKS_POSTGRES_LANE_H

#include "engine/sinks/postgres/copy.h"
#include "engine/sinks/postgres/session.h"

typedef struct sheaf__postgres_lane {
    sheaf__postgres *session;
    char *copy;           /* the statement, from malloc; NULL: there is no column */
    bool is_headed;       /* the head of the COPY that is under way was sent */
    uint64_t n_copied;    /* rows of it */
    uint64_t n_ended;     /* of those that have ended, since the transaction began */
    uint64_t n_marked;    /* of them, before the savepoint */
    bool has_savepoint;   /* there is one */
    bool wants_savepoint; /* another one is to be made before anything else is written */
} sheaf__postgres_lane;

/* Another transaction has begun. */
void sheaf__postgres_lane_reset(sheaf__postgres_lane *lane);

/* Make the savepoint that is wanted, if one is, while nothing is copied. */
sheaf_status sheaf__postgres_lane_savepoint(sheaf__postgres_lane *lane, sheaf_error *err);

/* Begin a COPY, behind the savepoint that is wanted; if there is one under way, that is it. */
sheaf_status sheaf__postgres_lane_begin(sheaf__postgres_lane *lane, sheaf_error *err);

/*
 * Send rows, which are n_rows behind the head of a COPY, and forget them.
 *
 * Returns    OK; EDATABASE, ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_lane_put(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                      uint64_t n_rows, sheaf_error *err);

/* The same (there may be none), and end the COPY: the table must have taken all of its rows. */
sheaf_status sheaf__postgres_lane_end(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                      uint64_t n_rows, sheaf_error *err);

/* Take back what was written behind the last savepoint that was wanted, with these rows. */
sheaf_status sheaf__postgres_lane_take_back(sheaf__postgres_lane *lane, sheaf__postgres_rows *rows,
                                            uint64_t n_rows, sheaf_error *err);

/* So many of its rows a table has taken: EDATABASE, if not all. */
sheaf_status sheaf__postgres_check_count(const sheaf__postgres *session, uint64_t n_written,
                                         uint64_t n_rows, sheaf_error *err);

#endif
