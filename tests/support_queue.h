/*
 * What the tests of an executor's queue share: tasks that say what became of them, pools whose
 * workers are held so that what is submitted has to wait, and threads that submit.
 */
#ifndef SHEAF_TESTS_SUPPORT_QUEUE_H
#define SHEAF_TESTS_SUPPORT_QUEUE_H

#include "tests/support_executor.h"

/* ---- a task that says how often it ran, where, and how often its argument was dropped ---- */

typedef struct item {
    atomic_int ran, dropped;
    pid_t thread; /* that ran it */
    int index;    /* of the worker that ran it */
    int place;    /* it was the first to run, the second, ... from 0 */
} item;

static atomic_int n_places;

static inline sheaf_status run_item(sheaf_worker *worker, void *arg, void **result,
                                    sheaf_error *err)
{
    (void)err;
    item *self = arg;
    self->thread = gettid();
    self->index = sheaf_worker_index(worker);
    self->place = atomic_fetch_add(&n_places, 1);
    atomic_fetch_add(&self->ran, 1);
    *result = arg;
    return SHEAF_OK;
}

static inline void drop_item(void *arg)
{
    item *self = arg;
    atomic_fetch_add(&self->dropped, 1);
}

static inline sheaf_task task_of(item *self)
{
    return (sheaf_task){.run = run_item, .arg = self, .drop_arg = drop_item};
}

static inline sheaf_status submit_item(sheaf_executor *executor, item *self, sheaf_future **future)
{
    sheaf_task task = task_of(self);
    return sheaf_executor_submit(executor, &task, future, NULL);
}

static inline void assert_ran(const item *items, int n)
{
    for (int i = 0; i < n; i++) {
        cr_assert_eq(items[i].ran, 1, "item %d ran %d times", i, items[i].ran);
        cr_assert_eq(items[i].dropped, 1, "item %d was dropped %d times", i, items[i].dropped);
    }
}

static inline void assert_untouched(const item *items, int from, int n)
{
    for (int i = from; i < n; i++) {
        cr_assert_eq(items[i].ran, 0, "item %d ran", i);
        cr_assert_eq(items[i].dropped, 0, "item %d was dropped, but is the caller's", i);
    }
}

/* ---- pools with a limit, whose workers are held at a gate ---- */

static inline sheaf_executor *pool_with(sheaf_executor_options options)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    options.size = sizeof options;
    options.at_exit = SHEAF_AT_EXIT_DETACH; /* a test that fails does not wait for its gates */
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_OK, "%s", err.message);
    return executor;
}

static inline sheaf_executor *limited(int max_workers, size_t limit, sheaf_queue_full full)
{
    return pool_with((sheaf_executor_options){
        .max_workers = max_workers, .queue_limit = limit, .queue_full = full});
}

/* Every worker runs a task that stays at the gate: what is submitted now waits in the queue. */
static inline void hold_workers(sheaf_executor *executor, gate *g, int n)
{
    for (int i = 0; i < n; i++)
        sheaf_future_release(submit(executor, pass_gate, g));
    for (int i = 0; i < n; i++)
        sem_wait(&g->entered);
}

/* ---- threads that submit, and may have to wait for room ---- */

typedef struct submitter {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    item item;
    sheaf_status status;
} submitter;

static inline void *submitter_main(void *arg)
{
    submitter *self = arg;
    about_to_sleep(&self->sleeper);
    self->status = submit_item(self->executor, &self->item, NULL);
    came_back(&self->sleeper);
    return NULL;
}

/* Comes back when the thread is asleep in its submit. */
static inline void submitter_start(submitter *self, sheaf_executor *executor)
{
    *self = (submitter){.executor = executor};
    cr_assert_eq(pthread_create(&self->thread, NULL, submitter_main, self), 0);
    cr_assert(await_sleep(&self->sleeper), "it does not wait for room: %d", self->status);
}

#endif
