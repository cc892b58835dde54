/*
 * Somebody to decompress ahead (readers/ahead.h): a worker of the pool that has nothing else to do.
 * So a large compressed file keeps two workers busy while there are no others; when all are busy
 * with files of their own, each decompresses its own.
 */
#include <stdlib.h>

#include "engine/ingest/load.h"

typedef struct help {
    void (*run)(void *arg);
    void *arg;
    sheaf_future *future;
} help;

static sheaf_status run_help(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    const help *what = argument;
    sheaf_trace_row *row = sheaf_worker_trace_row(worker);
    int64_t begun = sheaf_trace_now(row);
    (void)result, (void)err;
    what->run(what->arg);
    sheaf__traced_phase(row, &begun, "decompress");
    return SHEAF_OK;
}

static bool somebody_is_free(const sheaf__load *load)
{
    sheaf_executor_stats stats = sheaf_executor_stats_get(load->executor);
    return stats.queued == 0 && stats.running < (uint64_t)load->summary->workers;
}

static void *begin(void *context, void (*run)(void *arg), void *arg)
{
    const sheaf__load *load = context;
    help *what = somebody_is_free(load) ? malloc(sizeof *what) : NULL;
    if (!what)
        return NULL;
    *what = (help){.run = run, .arg = arg};
    sheaf_task task = {.run = run_help, .arg = what};
    sheaf_error unseen;
    if (sheaf_executor_submit(load->executor, &task, &what->future, &unseen) == SHEAF_OK)
        return what;
    free(what);
    return NULL;
}

static void finish(void *context, void *handle, bool wanted)
{
    help *what = handle;
    void *nothing;
    sheaf_error unseen;
    (void)context;
    if (!wanted)
        (void)sheaf_future_cancel(what->future);
    sheaf_status status = sheaf_future_result(what->future, -1, &nothing, &unseen);
    if (status == SHEAF_ECANCELLED && wanted) /* with the pool */
        what->run(what->arg);
    sheaf_future_release(what->future);
    free(what);
}

void sheaf__load_find_help(sheaf__load *load)
{
    load->helper = (sheaf__helper){.context = load, .begin = begin, .finish = finish};
    load->has_helper = true;
}
