/* The public face of executors: <sheaf/executor.h>. What they do is in pool.h and its files. */
#include <signal.h>
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/system.h"
#include "engine/executor/pool.h"
#include "engine/executor/process/process.h"

struct sheaf_executor {
    sheaf__pool *pool;
};

sheaf_status sheaf_executor_create(const sheaf_executor_options *options, sheaf_executor **executor,
                                   sheaf_error *err)
{
    sheaf_executor_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_executor_options",
                                              err);
    if (status < 0)
        return status;
    sheaf_executor *made = malloc(sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "an executor");
    status = sheaf__pool_create(&own, &made->pool, err);
    if (status < 0) {
        free(made);
        return status;
    }
    *executor = made;
    return SHEAF_OK;
}

sheaf_status sheaf_executor_submit(sheaf_executor *executor, const sheaf_task *task,
                                   sheaf_future **future, sheaf_error *err)
{
    size_t n_submitted;
    if (!task)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no task");
    return sheaf__pool_submit(executor->pool, task, 1, future, &n_submitted, err);
}

sheaf_status sheaf_executor_submit_many(sheaf_executor *executor, const sheaf_task *tasks, size_t n,
                                        sheaf_future **futures, size_t *n_submitted,
                                        sheaf_error *err)
{
    size_t uncounted;
    return sheaf__pool_submit(executor->pool, tasks, n, futures,
                              n_submitted ? n_submitted : &uncounted, err);
}

sheaf_status sheaf_executor_shutdown(sheaf_executor *executor, bool wait, bool cancel_pending)
{
    return sheaf__pool_shutdown(executor->pool, wait, cancel_pending);
}

static void end(sheaf_executor *executor, bool wait)
{
    if (!executor)
        return;
    sheaf__pool_shutdown(executor->pool, wait, false);
    if (!sheaf__owner_is_foreign(&executor->pool->owner)) { /* else its memory stays */
        sheaf__pool_close(executor->pool);
        sheaf__owner_release(&executor->pool->owner);
    }
    free(executor);
}

void sheaf_executor_destroy(sheaf_executor *executor)
{
    end(executor, true);
}

void sheaf_executor_release(sheaf_executor *executor)
{
    end(executor, false);
}

sheaf_status sheaf_executor_kill(sheaf_executor *executor, int signal_number)
{
    sheaf__pool *pool = executor->pool;
    if (pool->options.kind != SHEAF_EXECUTOR_PROCESSES || signal_number <= 0 ||
        signal_number >= NSIG)
        return SHEAF_EINVAL;
    if (sheaf__owner_is_foreign(&pool->owner))
        return SHEAF_EFORKED;
    sheaf__process_kill_all(pool, signal_number);
    return SHEAF_OK;
}

sheaf_executor_stats sheaf_executor_stats_get(sheaf_executor *executor)
{
    if (sheaf__owner_is_foreign(&executor->pool->owner))
        return (sheaf_executor_stats){0};
    return sheaf__pool_stats(executor->pool);
}

size_t sheaf_executor_workers(sheaf_executor *executor, sheaf_worker_view *views, size_t n_max)
{
    if (sheaf__owner_is_foreign(&executor->pool->owner))
        return 0;
    return sheaf__pool_views(executor->pool, views, n_max);
}

int sheaf_processor_count(void)
{
    return sheaf__processor_count();
}
