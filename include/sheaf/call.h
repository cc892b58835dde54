/*
 * Calls: tasks that any kind of executor can run, also in another process.
 *
 * A call is a function known by its name and a block of bytes for it; it replies with a block of
 * bytes. A program lists the functions that its workers know, and gives its worker processes a way
 * in, before anything else in main:
 *
 *     static sheaf_status square(sheaf_worker *worker, const void *bytes, size_t n_bytes,
 *                                sheaf_reply *reply, sheaf_error *err);
 *     static const sheaf_function functions[] = {{"square", square}};
 *
 *     int main(int argc, char **argv)
 *     {
 *         int code = sheaf_worker_main(argc, argv, functions, 1);
 *         if (code >= 0)
 *             return code;                 // this process was a worker
 *         ...
 *         sheaf_task task;
 *         sheaf_call_task(&functions[0], &n, sizeof n, &task, &err);
 *         sheaf_executor_submit(executor, &task, &future, &err);
 *         sheaf_future_result(future, -1, &result, &err);
 *         const sheaf_block *block = result;
 *
 * It is Python's `if __name__ == "__main__"`, and the same rule: what stands before
 * sheaf_worker_main() runs in every worker process too.
 *
 * Workers are started by posix_spawn, never by fork alone: a process with threads cannot be forked
 * safely. Each has one socket to its parent and shares nothing else: a worker that is killed cannot
 * leave a lock or half a message behind. Blocks larger than 64 KiB travel in shared memory
 * (memfd_create(2)). Both ends are the same program on the same machine: blocks may hold structs,
 * never pointers.
 */
#ifndef SHEAF_CALL_H
#define SHEAF_CALL_H

#include <sheaf/executor.h>

SHEAF_BEGIN_DECLS

/* The argument that makes a program a worker: argv[1]. */
#define SHEAF_WORKER_ARGUMENT "--sheaf-worker"

/* Where a function puts what it replies with. */
typedef struct sheaf_reply sheaf_reply;

/*
 * The body of a call. `bytes` are aligned to 8 and valid during the call.
 *
 * Returns    OK and a negative status with *err as a task does.
 */
typedef sheaf_status (*sheaf_function_fn)(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                                          sheaf_reply *reply, sheaf_error *err);

struct sheaf_function {
    const char *name; /* at most 63 bytes; what a worker process finds it by */
    sheaf_function_fn run;
};

/* What a call replied with: aligned to 8. Ended with its future, or by sheaf_block_drop(). */
typedef struct sheaf_block {
    const void *bytes;
    size_t n_bytes;
} sheaf_block;

SHEAF_API void sheaf_block_drop(void *block);

/*
 * Append to the reply. reserve gives room for n_bytes, to be filled before the next call on it.
 *
 * Returns    OK, ENOMEM; a pointer, NULL when there is no memory.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_reply_append(sheaf_reply *reply, const void *bytes,
                                                           size_t n_bytes);
SHEAF_API SHEAF_MUST_CHECK void *sheaf_reply_reserve(sheaf_reply *reply, size_t n_bytes);

/*
 * Make a task of a call; its result is a sheaf_block. The bytes are copied.
 *
 * Returns    OK; EINVAL (no function, a name that is too long), ENOMEM.
 * Ownership  a task that is not submitted is ended by task->drop_arg(task->arg).
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_call_task(const sheaf_function *function,
                                                        const void *bytes, size_t n_bytes,
                                                        sheaf_task *task, sheaf_error *err);

/*
 * The same in pieces, for sheaf_map: .run = sheaf_call_run, .drop_arg = sheaf_call_drop,
 * .drop_result = sheaf_block_drop, and a source whose arguments are calls.
 */
typedef struct sheaf_call sheaf_call;
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_call_create(const sheaf_function *function,
                                                          const void *bytes, size_t n_bytes,
                                                          sheaf_call **call, sheaf_error *err);
SHEAF_API sheaf_status sheaf_call_run(sheaf_worker *worker, void *call, void **block,
                                      sheaf_error *err);
SHEAF_API void sheaf_call_drop(void *call);

/*
 * Serve as a worker process, if this process was started as one.
 *
 * Returns    the exit code for main, when the parent is done with it; -1 when it is no worker.
 * Threads    main's, before it starts any other.
 */
SHEAF_API SHEAF_MUST_CHECK int sheaf_worker_main(int argc, char **argv,
                                                 const sheaf_function *functions, size_t n);

SHEAF_END_DECLS

#endif
