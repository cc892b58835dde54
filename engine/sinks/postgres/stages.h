/*
 * Rows of one load over several connections at once.
 *
 * The first lane is the sink's own connection, in whose transaction everything becomes visible: it
 * writes into the table itself. Every other lane has a connection of its own, and writes into a
 * stage: an unlogged table beside the table, TABLE_sheaf_stage_N. In the end the stages are
 * committed, and the first connection publishes them, INSERT ... SELECT and DROP TABLE, in the
 * transaction that everything else is in.
 *
 * Each lane has a buffer of rows under way, which a thread sends: a connection that is slow, or
 * waits, holds up nobody else until all of them do. Which lane takes which rows depends on who is
 * free, so their order in the table is not that of the files.
 *
 * A stage is created in the transaction that fills it. So a run that is killed while it reads
 * leaves nothing; one that is killed while it publishes may leave stages. Whoever loads into the
 * same table next, with several connections, drops them: it knows them by their comment, and that
 * nobody needs them by two locks. One run at a time holds the load's (ledger.h), to the end of the
 * first connection's transaction; and those of the other connections share another one, which the
 * next run waits for, because a server may still be committing what a killed run has sent.
 */
#ifndef SHEAF_SINKS_POSTGRES_STAGES_H
#define SHEAF_SINKS_POSTGRES_STAGES_H

#include "engine/sinks/postgres/lane.h"
#include "engine/sinks/postgres/names.h"

typedef struct sheaf__postgres_stages sheaf__postgres_stages;

/* The table's columns: types[i] is what SQL calls it. */
typedef struct sheaf__postgres_shape {
    const sheaf__postgres_table *table;
    const char *const *names;
    const char *const *types;
    size_t n_columns;
} sheaf__postgres_shape;

/*
 * Connect, and drop what killed runs have left. `first` has the load's lock, and must outlive them.
 *
 * Returns    OK; EDATABASE (also: the server takes fewer connections), ECANCELLED, ENOMEM.
 */
sheaf_status sheaf__postgres_stages_open(size_t n_connections, const char *uri,
                                         const sheaf__postgres_table *table,
                                         sheaf__postgres_lane *first,
                                         sheaf__postgres_stages **stages, sheaf_error *err);

/* Before rows are put: what they are made of. `oid`: the table's, if rows are appended; or "". */
sheaf_status sheaf__postgres_stages_begin(sheaf__postgres_stages *stages,
                                          const sheaf__postgres_shape *shape, const char *oid,
                                          sheaf_error *err);

/*
 * Give rows, which are behind the head of a COPY, to a lane that is free, or will be first; *rows
 * is empty then. A failure may be one of rows that were put before.
 */
sheaf_status sheaf__postgres_stages_put(sheaf__postgres_stages *stages, sheaf__postgres_rows *rows,
                                        uint64_t n_rows, sheaf_error *err);

/* Until the next put the first lane is the caller's. */
sheaf_status sheaf__postgres_stages_borrow(sheaf__postgres_stages *stages, sheaf_error *err);

/* The first lane was marked: so are the others. Take back what they have written since. */
void sheaf__postgres_stages_mark(sheaf__postgres_stages *stages);
sheaf_status sheaf__postgres_stages_take_back(sheaf__postgres_stages *stages, sheaf_error *err);

/* All are put, n_rows: they are to be in the table, in the first connection's transaction. */
sheaf_status sheaf__postgres_stages_publish(sheaf__postgres_stages *stages, uint64_t n_rows,
                                            sheaf_error *err);

/* Nobody sends any more: what was not sent is given up. Then the first connection may be closed.
 * NULL is allowed. */
void sheaf__postgres_stages_stop(sheaf__postgres_stages *stages);

/*
 * The first connection is closed, or has committed what was published. Nothing of them stays, if
 * the server is there. NULL is allowed.
 */
void sheaf__postgres_stages_close(sheaf__postgres_stages *stages, bool published);

#endif
