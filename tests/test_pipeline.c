/* Jobs for threads, taken in order: engine/sinks/pipeline.h. */
#include "engine/sinks/pipeline.h"
#include "tests/support_executor.h"

TestSuite(pipeline, .timeout = LIMIT);

typedef struct job {
    int number;
    bool fails;
    gate *held; /* it waits there */
    atomic_int runs;
} job;

static sheaf_status run(void *argument, sheaf_error *err)
{
    job *self = argument;
    atomic_fetch_add(&self->runs, 1);
    void *nothing;
    if (self->held)
        (void)pass_gate(NULL, self->held, &nothing, err);
    return self->fails ? sheaf_error_set(err, SHEAF_ETASK, "job %d is bad", self->number)
                       : SHEAF_OK;
}

/* NULL, an executor that runs inline, pools of 1, 2 and 8. */
enum { EXECUTORS = 5 };

static sheaf_executor *executor_of(int i)
{
    static const int workers[EXECUTORS] = {0, 1, 1, 2, 8};
    sheaf_executor_options options = {.size = sizeof options,
                                      .kind = i == 1 ? SHEAF_EXECUTOR_SEQUENTIAL
                                                     : SHEAF_EXECUTOR_THREADS,
                                      .max_workers = workers[i]};
    sheaf_executor *executor = NULL;
    if (i > 0)
        cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static sheaf__pipeline *pipeline_of(sheaf_executor *executor, size_t window)
{
    sheaf__pipeline *pipeline = NULL;
    cr_assert_eq(sheaf__pipeline_create(executor, window, &pipeline, NULL), SHEAF_OK);
    return pipeline;
}

/* The next one that is given back is this one, in this state. */
static void expect(sheaf__pipeline *pipeline, const job *wanted)
{
    sheaf_error err = {0};
    void *argument = NULL;
    char message[32];
    sheaf_status status = sheaf__pipeline_take(pipeline, &argument, &err);
    cr_assert_eq(argument, wanted);
    cr_assert_eq(atomic_load(&wanted->runs), 1);
    cr_assert_eq(status, wanted->fails ? SHEAF_ETASK : SHEAF_OK);
    snprintf(message, sizeof message, "job %d is bad", wanted->number);
    if (wanted->fails)
        cr_assert_str_eq(err.message, message);
}

Test(pipeline, jobs_are_taken_in_the_order_in_which_they_were_submitted)
{
    enum { JOBS = 200 };
    for (int i = 0; i < EXECUTORS; i++) {
        for (size_t window = 1; window <= 9; window += 4) {
            sheaf_executor *executor = executor_of(i);
            sheaf__pipeline *pipeline = pipeline_of(executor, window);
            static job jobs[JOBS];
            int taken = 0;
            for (int k = 0; k < JOBS; k++) {
                jobs[k] = (job){.number = k, .fails = k % 7 == 3};
                if (sheaf__pipeline_is_full(pipeline))
                    expect(pipeline, &jobs[taken++]);
                cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[k], NULL), SHEAF_OK);
            }
            while (taken < JOBS)
                expect(pipeline, &jobs[taken++]);
            void *argument = pipeline;
            cr_assert_eq(sheaf__pipeline_take(pipeline, &argument, NULL), SHEAF_END);
            cr_assert_null(argument);
            sheaf__pipeline_destroy(pipeline);
            sheaf_executor_destroy(executor);
        }
    }
}

Test(pipeline, no_more_jobs_are_under_way_than_its_window_has_room_for)
{
    for (int i = 0; i < EXECUTORS; i++) {
        sheaf_executor *executor = executor_of(i);
        sheaf__pipeline *pipeline = pipeline_of(executor, 2);
        job jobs[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
        cr_assert_not(sheaf__pipeline_is_full(pipeline));
        cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[0], NULL), SHEAF_OK);
        cr_assert_not(sheaf__pipeline_is_full(pipeline));
        cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[1], NULL), SHEAF_OK);
        cr_assert(sheaf__pipeline_is_full(pipeline));
        cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[2], NULL), SHEAF_ESTATE);
        expect(pipeline, &jobs[0]);
        expect(pipeline, &jobs[1]);
        cr_assert_eq(atomic_load(&jobs[2].runs), 0);
        sheaf__pipeline_destroy(pipeline);
        sheaf_executor_destroy(executor);
    }
    sheaf__pipeline *none = NULL;
    cr_assert_eq(sheaf__pipeline_create(NULL, 0, &none, NULL), SHEAF_EINVAL);
    cr_assert_null(none);
}

/* A later job is done first, and an earlier one is waited for. */
Test(pipeline, who_is_slow_is_waited_for)
{
    sheaf_executor *executor = executor_of(3);
    sheaf__pipeline *pipeline = pipeline_of(executor, 2);
    gate slow, fast;
    gate_init(&slow);
    gate_init(&fast);
    job jobs[2] = {{.number = 0, .held = &slow}, {.number = 1, .held = &fast}};
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[0], NULL), SHEAF_OK);
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[1], NULL), SHEAF_OK);
    sem_wait(&slow.entered);
    sem_wait(&fast.entered);
    sem_post(&fast.open);
    while (sheaf_executor_stats_get(executor).finished < 1)
        sched_yield();
    sem_post(&slow.open);
    expect(pipeline, &jobs[0]);
    expect(pipeline, &jobs[1]);
    sheaf__pipeline_destroy(pipeline);
    sheaf_executor_destroy(executor);
}

typedef struct opener {
    sleeper sleeper; /* whoever destroys */
    gate *held;
    bool slept;
} opener;

static void *open_when_asleep(void *argument)
{
    opener *self = argument;
    self->slept = await_sleep(&self->sleeper);
    gate_open(self->held, 1);
    return NULL;
}

/* The ring comes round: the second slot is the oldest. What nobody has begun is not done. */
Test(pipeline, destruction_waits_for_what_runs_and_drops_the_rest)
{
    sheaf_executor *executor = executor_of(2);
    sheaf__pipeline *pipeline = pipeline_of(executor, 3);
    gate held;
    gate_init(&held);
    job jobs[4] = {{.number = 0}, {.number = 1, .held = &held}, {.number = 2}, {.number = 3}};
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[0], NULL), SHEAF_OK);
    expect(pipeline, &jobs[0]);
    for (int k = 1; k < 4; k++)
        cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[k], NULL), SHEAF_OK);
    sem_wait(&held.entered);
    pthread_t thread;
    opener later = {.held = &held};
    cr_assert_eq(pthread_create(&thread, NULL, open_when_asleep, &later), 0);
    about_to_sleep(&later.sleeper);
    sheaf__pipeline_destroy(pipeline);
    came_back(&later.sleeper);
    pthread_join(thread, NULL);
    cr_assert(later.slept, "it did not wait");
    cr_assert_eq(atomic_load(&held.passed), 1);
    cr_assert_eq(atomic_load(&jobs[2].runs) + atomic_load(&jobs[3].runs), 0);
    sheaf_executor_destroy(executor);
}

Test(pipeline, destruction_of_jobs_that_nobody_was_asked_for)
{
    sheaf__pipeline *pipeline = pipeline_of(NULL, 3);
    job jobs[2] = {{.number = 0}, {.number = 1}};
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[0], NULL), SHEAF_OK);
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[1], NULL), SHEAF_OK);
    sheaf__pipeline_destroy(pipeline);
    cr_assert_eq(atomic_load(&jobs[0].runs) + atomic_load(&jobs[1].runs), 0);
    sheaf__pipeline_destroy(NULL);
}

/* A pool that takes no more: the job was not submitted, those before it can still be taken. */
Test(pipeline, an_executor_that_refuses)
{
    sheaf_executor *executor = executor_of(3);
    sheaf__pipeline *pipeline = pipeline_of(executor, 4);
    job jobs[2] = {{.number = 0}, {.number = 1}};
    sheaf_error err;
    void *argument;
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[0], NULL), SHEAF_OK);
    sheaf_executor_shutdown(executor, false, false);
    cr_assert_eq(sheaf__pipeline_submit(pipeline, run, &jobs[1], &err), SHEAF_ESHUTDOWN);
    expect(pipeline, &jobs[0]);
    cr_assert_eq(sheaf__pipeline_take(pipeline, &argument, NULL), SHEAF_END);
    cr_assert_eq(atomic_load(&jobs[1].runs), 0);
    sheaf__pipeline_destroy(pipeline);
    sheaf_executor_destroy(executor);
}
