/*
 * Work of a sink that other threads do, its results taken in the order of submission: formatting,
 * encoding, compressing.
 *
 *     while there is work
 *         if the pipeline is full, take the oldest job and use what it made
 *         submit a job
 *     take until END
 *
 * So at most a window of jobs is under way, and what is written does not depend on who did which
 * job. Without an executor a job is run when it is taken, by the caller.
 *
 * Arguments are the caller's at all times. A job may touch its own until it is taken, and the
 * caller must not; between submit and take the memory that it points to has to stay where it is.
 * One thread submits, takes and destroys.
 */
#ifndef SHEAF_SINKS_PIPELINE_H
#define SHEAF_SINKS_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>

#include <sheaf/status.h>

typedef struct sheaf_executor sheaf_executor;   /* <sheaf/executor.h> */
typedef struct sheaf_trace_row sheaf_trace_row; /* <sheaf/trace.h> */
typedef struct sheaf__pipeline sheaf__pipeline;

/* What is done with an argument, on any thread, beside other jobs: OK, or a failure with *err. */
typedef sheaf_status (*sheaf__job_fn)(void *argument, sheaf_error *err);

/*
 * A pipeline on an executor of threads (or a sequential one), which must outlive it; NULL: there is
 * none. OK, EINVAL (no window), ENOMEM.
 */
sheaf_status sheaf__pipeline_create(sheaf_executor *executor, size_t window,
                                    sheaf__pipeline **pipeline, sheaf_error *err);

/*
 * For a trace (<sheaf/trace.h>): what the jobs are called in the rows of the workers, and
 * where and how waiting for them is told of. The texts must live until the trace is closed.
 */
void sheaf__pipeline_trace(sheaf__pipeline *pipeline, const char *job, sheaf_trace_row *waits,
                           const char *wait);

/* Whether as many jobs are under way as the window has room for: one has to be taken first. */
bool sheaf__pipeline_is_full(const sheaf__pipeline *pipeline);

/*
 * Let a job be done.
 *
 * Returns    OK; ESTATE when the pipeline is full; what sheaf_executor_submit() fails with. After a
 *            failure nothing was submitted.
 */
sheaf_status sheaf__pipeline_submit(sheaf__pipeline *pipeline, sheaf__job_fn run, void *argument,
                                    sheaf_error *err);

/*
 * Wait for the oldest job, and forget it.
 *
 * Returns    OK; END when nothing is under way (*argument = NULL); or the job's own failure, or the
 *            executor's (EBROKEN, ECANCELLED, EWORKER), with *err. Unless it is END, *argument is
 *            the job's, also after a failure; later jobs can be taken all the same.
 */
sheaf_status sheaf__pipeline_take(sheaf__pipeline *pipeline, void **argument, sheaf_error *err);

/*
 * Forget all jobs: those that nobody has begun are not done, those that run are waited for. From
 * then on nothing touches their arguments, of which none is given back: who has arguments that are
 * to be freed knows them, or takes until END before. NULL is allowed.
 */
void sheaf__pipeline_destroy(sheaf__pipeline *pipeline);

#endif
