/*
 * Jobs in order: see pipeline.h. A ring of slots, one for each job under way; a job is a task of
 * the executor, whose argument is the slot.
 */
#include "engine/sinks/pipeline.h"

#include <stdlib.h>

#include <sheaf/executor.h>

#include "engine/core/error.h"

typedef struct slot {
    const sheaf__pipeline *pipeline;
    sheaf__job_fn run;
    void *argument;
    sheaf_future *future; /* NULL: without an executor */
} slot;

struct sheaf__pipeline {
    sheaf_executor *executor;
    size_t window;
    size_t oldest;        /* its slot */
    size_t n;             /* under way */
    const char *job_name; /* for a trace; NULL: it is not told of jobs */
    const char *wait_name;
    sheaf_trace_row *waits;
    slot slots[];
};

sheaf_status sheaf__pipeline_create(sheaf_executor *executor, size_t window,
                                    sheaf__pipeline **pipeline, sheaf_error *err)
{
    *pipeline = NULL;
    if (window == 0)
        return sheaf_error_set(err, SHEAF_EINVAL, "a pipeline needs a window");
    sheaf__pipeline *made = NULL;
    if (window < (SIZE_MAX - sizeof *made) / sizeof made->slots[0])
        made = calloc(1, sizeof *made + window * sizeof made->slots[0]);
    if (!made)
        return sheaf__error_memory(err, "a pipeline");
    made->executor = executor;
    made->window = window;
    *pipeline = made;
    return SHEAF_OK;
}

bool sheaf__pipeline_is_full(const sheaf__pipeline *pipeline)
{
    return pipeline->n == pipeline->window;
}

void sheaf__pipeline_trace(sheaf__pipeline *pipeline, const char *job, sheaf_trace_row *waits,
                           const char *wait)
{
    pipeline->job_name = job;
    pipeline->waits = waits;
    pipeline->wait_name = wait;
}

static void trace(sheaf_trace_row *row, int64_t begun, const char *name)
{
    sheaf_trace_add(row, begun,
                    &(sheaf_trace_event){.name = name,
                                         .first_byte = SHEAF_UNKNOWN,
                                         .bytes = SHEAF_UNKNOWN,
                                         .records = SHEAF_UNKNOWN});
}

static sheaf_status run_slot(sheaf_worker *worker, void *argument, void **result, sheaf_error *err)
{
    const slot *job = argument;
    const char *name = job->pipeline->job_name;
    sheaf_trace_row *row = name ? sheaf_worker_trace_row(worker) : NULL;
    int64_t begun = sheaf_trace_now(row);
    (void)result;
    sheaf_status status = job->run(job->argument, err);
    trace(row, begun, name);
    return status;
}

sheaf_status sheaf__pipeline_submit(sheaf__pipeline *pipeline, sheaf__job_fn run, void *argument,
                                    sheaf_error *err)
{
    if (sheaf__pipeline_is_full(pipeline))
        return sheaf_error_set(err, SHEAF_ESTATE, "the pipeline is full");
    slot *job = &pipeline->slots[(pipeline->oldest + pipeline->n) % pipeline->window];
    *job = (slot){.pipeline = pipeline, .run = run, .argument = argument};
    if (pipeline->executor) {
        sheaf_task task = {.run = run_slot, .arg = job};
        sheaf_status status = sheaf_executor_submit(pipeline->executor, &task, &job->future, err);
        if (status < 0)
            return status;
    }
    pipeline->n++;
    return SHEAF_OK;
}

static slot *pop(sheaf__pipeline *pipeline)
{
    slot *job = &pipeline->slots[pipeline->oldest];
    pipeline->oldest = (pipeline->oldest + 1) % pipeline->window;
    pipeline->n--;
    return job;
}

/* END and the like of a job count as OK, as they do for a task. */
sheaf_status sheaf__pipeline_take(sheaf__pipeline *pipeline, void **argument, sheaf_error *err)
{
    *argument = NULL;
    if (pipeline->n == 0)
        return SHEAF_END;
    slot *job = pop(pipeline);
    bool waits = job->future && !sheaf_future_done(job->future);
    int64_t begun = waits ? sheaf_trace_now(pipeline->waits) : 0;
    *argument = job->argument;
    sheaf_status status = job->future ? sheaf_future_result(job->future, -1, NULL, err)
                                      : job->run(job->argument, err);
    sheaf_future_release(job->future);
    if (waits)
        trace(pipeline->waits, begun, pipeline->wait_name);
    return status < 0 ? status : SHEAF_OK;
}

/* All are taken back before one is waited for: else those behind it would be begun meanwhile. */
void sheaf__pipeline_destroy(sheaf__pipeline *pipeline)
{
    sheaf_error unseen;
    if (!pipeline)
        return;
    for (size_t i = 0; pipeline->executor && i < pipeline->n; i++)
        (void)sheaf_future_cancel(
            pipeline->slots[(pipeline->oldest + i) % pipeline->window].future);
    while (pipeline->n > 0) {
        slot *job = pop(pipeline);
        if (job->future) /* a failure is nobody's any more */
            (void)!sheaf_future_result(job->future, -1, NULL, &unseen);
        sheaf_future_release(job->future);
    }
    free(pipeline);
}
