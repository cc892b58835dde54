/*
 * Workers that are processes: a thread of the pool for each, its *proxy*, which hands the tasks it
 * takes to one child process and waits for the replies.
 *
 *     spawn.c   a child is started, introduced, sent home or killed, and reaped
 *     process.c what a proxy does with tasks, and with the loss of its child
 *     serve.c   the child's side
 *     wire.c    messages between them
 *
 * So a process pool has the queue, the futures, the order and the shutdown of every pool, and there
 * is no thread that manages and no lock or queue that is shared with a child: one that is killed
 * can leave nothing half done but its own message.
 */
#ifndef SHEAF_EXECUTOR_PROCESS_H
#define SHEAF_EXECUTOR_PROCESS_H

#include <sys/types.h>

#include "engine/executor/pool.h"

extern const sheaf__worker_ops sheaf__process_ops;

/* sheaf_executor_kill(). */
void sheaf__process_kill_all(sheaf__pool *pool, int signal_number);

/* ---- spawn.c: one child; used by its proxy only, but for kill and stop ---- */

typedef struct sheaf__child {
    pid_t pid;
    int pidfd; /* -1 where the kernel has none */
    int socket;
    atomic_uint *stop_word; /* the call that is to stop: shared with the child */
    uint32_t n_calls;
} sheaf__child;

/*
 * Start a child and wait until its init function has succeeded.
 *
 * Returns    NULL with *err (its own error, or why there is none).
 */
sheaf__child *sheaf__child_spawn(const sheaf_worker *worker, sheaf_error *err);

/* Under the pool's mutex, because its proxy may be about to reap it. */
void sheaf__child_signal_locked(const sheaf__child *child, int signal_number);

/* It has ended already, though nobody asked it to. */
bool sheaf__child_has_ended(const sheaf__child *child);

/* Ask it to leave, and wait; one that does not within the time is killed. */
void sheaf__child_leave(sheaf__child *child, int64_t patience_ms);

/*
 * Kill it, unless it has ended, and reap it: `how` says how it ended, as part of a sentence.
 * Returns whether it was by a signal.
 */
bool sheaf__child_reap(sheaf__child *child, char *how, size_t size);

#endif
