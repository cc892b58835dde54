/*
 * The pools of this process: the only state of the library that belongs to the process, because
 * exit() and fork() do too.
 */
#ifndef SHEAF_EXECUTOR_REGISTRY_H
#define SHEAF_EXECUTOR_REGISTRY_H

#include "engine/executor/pool.h"

/*
 * A pool lives. Returns 0 or an errno: the handlers could not be installed.
 */
int sheaf__registry_add(sheaf__pool *pool);
void sheaf__registry_remove(sheaf__pool *pool);

/* exit() was called, or main has returned: no new tasks. */
bool sheaf__process_exits(void);

#endif
