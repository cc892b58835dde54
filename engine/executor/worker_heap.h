/*
 * A worker's own allocator, for memory that moves on with a task's result: the library's own users
 * only.
 */
#ifndef SHEAF_EXECUTOR_WORKER_HEAP_H
#define SHEAF_EXECUTOR_WORKER_HEAP_H

#include <sheaf/executor.h>

#include "engine/core/heap.h"

/*
 * Valid as long as the executor and its futures; its blocks may be freed by any thread until then.
 */
const sheaf__heap *sheaf__worker_heap(const sheaf_worker *worker);

#endif
