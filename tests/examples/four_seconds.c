/*
 * Four tasks of a second each: one after the other, then on four threads.
 *
 *     four_seconds [MILLISECONDS]       how long a task takes; 1000 by default
 *
 *     sequential  by workers 0 0 0 0   4.00 s
 *     threads     by workers 0 1 2 3   1.00 s   4.0 times as fast
 *
 * Between the two runs one option changes, the executor's kind. The sequential kind runs each task
 * inside submit, in the caller's thread: measure against it, and debug with it. What these tasks do
 * is wait, as for an answer from far away: even one processor is enough to do that four times at
 * once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sheaf/executor.h>

enum { TASKS = 4 };

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The task. Its result is the number of the worker that it ran on. */
static sheaf_status wait_a_while(sheaf_worker *worker, void *duration, void **result,
                                 sheaf_error *err)
{
    (void)err;
    nanosleep(duration, NULL);
    *result = (void *)(intptr_t)sheaf_worker_index(worker);
    return SHEAF_OK;
}

/* Run the tasks on an executor of one kind. Fills who ran them, in the order of submission. */
static sheaf_status run_all(sheaf_executor_kind kind, struct timespec *duration, int workers[TASKS],
                            double *seconds, sheaf_error *err)
{
    double begun = seconds_now();
    sheaf_executor *executor;
    sheaf_executor_options options = {.size = sizeof options, .kind = kind, .max_workers = TASKS};
    sheaf_status status = sheaf_executor_create(&options, &executor, err);
    if (status < 0)
        return status;

    /* All are submitted before the first result is asked for. Asking is what waits. */
    sheaf_task task = {.run = wait_a_while, .arg = duration};
    sheaf_future *futures[TASKS] = {NULL};
    for (int i = 0; i < TASKS && status == SHEAF_OK; i++)
        status = sheaf_executor_submit(executor, &task, &futures[i], err);
    for (int i = 0; i < TASKS && status == SHEAF_OK; i++) {
        void *worker = NULL;
        status = sheaf_future_result(futures[i], -1, &worker, err);
        workers[i] = (int)(intptr_t)worker;
    }

    for (int i = 0; i < TASKS; i++)
        sheaf_future_release(futures[i]);
    sheaf_executor_destroy(executor);
    *seconds = seconds_now() - begun;
    return status;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        sheaf_executor_kind kind;
    } kinds[] = {{"sequential", SHEAF_EXECUTOR_SEQUENTIAL}, {"threads", SHEAF_EXECUTOR_THREADS}};
    long ms = argc > 1 ? atol(argv[1]) : 1000;
    struct timespec duration = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    double seconds[2];

    for (int k = 0; k < 2; k++) {
        sheaf_error err;
        int workers[TASKS];
        if (run_all(kinds[k].kind, &duration, workers, &seconds[k], &err) < 0) {
            fprintf(stderr, "%s: %s\n", kinds[k].name, err.message);
            return 1;
        }
        printf("%-10s  by workers", kinds[k].name);
        for (int i = 0; i < TASKS; i++)
            printf(" %d", workers[i]);
        if (ms > 0)
            printf("   %.2f s", seconds[k]);
        if (ms > 0 && k == 1)
            printf("   %.1f times as fast", seconds[0] / seconds[1]);
        putchar('\n');
    }
    return 0;
}
