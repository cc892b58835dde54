/*
 * Workers that wait for tasks of their own pool.
 *
 * A task that nobody has begun is run by the worker that waits for it, on the spot: trees of tasks
 * do not deadlock (Python's do, as documented). What runs elsewhere is waited for; and when every
 * worker of the pool waits like this and nothing that runs or waits could wake one of them, the
 * last that came is told: EDEADLK. Waits with a timeout end by themselves and do not count, nor do
 * waits for futures of other owners.
 */
#ifndef SHEAF_EXECUTOR_NESTED_H
#define SHEAF_EXECUTOR_NESTED_H

#include "engine/executor/pool.h"

/* The worker of this pool (or its guest) that calls, or NULL. Takes no mutex. */
sheaf_worker *sheaf__pool_self(sheaf__pool *pool);

/* Run a future that nobody has begun. Returns whether it was. */
bool sheaf__nested_run(sheaf_worker *self, sheaf_future *future);

/* Wait until a future of the worker's own pool is done. Returns OK or EDEADLK. */
sheaf_status sheaf__nested_result(sheaf_worker *self, sheaf_future *future, sheaf_error *err);

/*
 * Sleep until the word is not 0. It must be set under the pool's mutex by what wakes it, which then
 * calls unblock.
 *
 * Returns    OK; EDEADLK: nothing could ever set it.
 */
sheaf_status sheaf__nested_block(sheaf__pool *pool, sheaf__blocked *blocked, atomic_uint *word,
                                 sheaf_error *err);

/* What this worker waits for has come: it counts as running from here on, though it may sleep. */
void sheaf__nested_unblock_locked(sheaf__pool *pool, sheaf__blocked *blocked);

/* A worker rests, leaves or blocks: if nothing can run any more, tell the last that blocked. */
void sheaf__nested_cut_knot_locked(sheaf__pool *pool);

#endif
