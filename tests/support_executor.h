/*
 * What the tests of the executor share: pools, tasks that do one thing each, gates, and threads
 * that are known to sleep. Order is forced by gates, never by time: a gate is closed until a test
 * opens it, and a test that hangs fails by its timeout.
 */
#ifndef SHEAF_TESTS_SUPPORT_EXECUTOR_H
#define SHEAF_TESTS_SUPPORT_EXECUTOR_H

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <sheaf/executor.h>

enum { LIMIT = 20 }; /* seconds for a test */

/* ---- pools and futures ---- */

static inline sheaf_executor *pool_of(int max_workers)
{
    sheaf_executor *executor = NULL;
    /* A test that fails while a worker stands at a gate must not wait for it at its exit. */
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = max_workers,
                                      .at_exit = SHEAF_AT_EXIT_DETACH};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static inline sheaf_future *submit(sheaf_executor *executor, sheaf_task_fn run, void *arg)
{
    sheaf_future *future = NULL;
    sheaf_task task = {.run = run, .arg = arg};
    cr_assert_eq(sheaf_executor_submit(executor, &task, &future, NULL), SHEAF_OK);
    return future;
}

static inline void *result_of(sheaf_future *future)
{
    void *result = NULL;
    cr_assert_eq(sheaf_future_result(future, -1, &result, NULL), SHEAF_OK);
    return result;
}

/* ---- tasks ---- */

static inline sheaf_status give_back(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    (void)worker, (void)err;
    *result = arg;
    return SHEAF_OK;
}

static inline sheaf_status fail(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    return sheaf_error_set(err, SHEAF_ETASK, "item %s is bad", (const char *)arg);
}

/* ---- gates: a task that holds its worker until the test lets it go ---- */

typedef struct gate {
    sem_t entered; /* a task has come to the gate */
    sem_t open;
    atomic_int passed;
} gate;

static inline void gate_init(gate *g)
{
    sem_init(&g->entered, 0, 0);
    sem_init(&g->open, 0, 0);
    atomic_init(&g->passed, 0);
}

static inline void gate_open(gate *g, int times)
{
    for (int i = 0; i < times; i++)
        sem_post(&g->open);
}

static inline sheaf_status pass_gate(sheaf_worker *worker, void *arg, void **result,
                                     sheaf_error *err)
{
    (void)worker, (void)err;
    gate *g = arg;
    sem_post(&g->entered);
    sem_wait(&g->open);
    atomic_fetch_add(&g->passed, 1);
    *result = arg;
    return SHEAF_OK;
}

/* Passes the gate, and ends its thread there. */
static inline sheaf_status pass_gate_and_leave(sheaf_worker *worker, void *arg, void **result,
                                               sheaf_error *err)
{
    (void)pass_gate(worker, arg, result, err);
    pthread_exit(NULL);
}

/* ---- threads that sleep ---- */

/*
 * A thread says who it is right before the call in which it is to sleep; then whoever wants to be
 * sure that it does waits for that. 0: it did not say yet; -1: it came back from the call.
 */
typedef atomic_int sleeper;

static inline void about_to_sleep(sleeper *self)
{
    atomic_store(self, (int)gettid());
}

static inline void came_back(sleeper *self)
{
    atomic_store(self, -1);
}

/* Whether the kernel has the thread asleep: "12345 (its name) S ..." */
static inline bool thread_sleeps(int tid)
{
    char path[64];
    char text[128] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name && strncmp(after_name, ") S", 3) == 0;
}

/* Wait until the thread sleeps in its call. False when it came back from it instead. */
static inline bool await_sleep(sleeper *thread)
{
    for (;;) {
        int tid = atomic_load(thread);
        if (tid < 0)
            return false;
        if (tid > 0 && thread_sleeps(tid) && atomic_load(thread) == tid)
            return true;
        sched_yield();
    }
}

/* A thread outside of all pools that waits for a future. */
typedef struct waiter {
    pthread_t thread;
    sleeper sleeper;
    sheaf_future *future;
    sheaf_status status;
    void *result;
} waiter;

static inline void *waiter_main(void *arg)
{
    waiter *self = arg;
    about_to_sleep(&self->sleeper);
    self->status = sheaf_future_result(self->future, -1, &self->result, NULL);
    came_back(&self->sleeper);
    return NULL;
}

/* Comes back when the thread is asleep in its wait. */
static inline void waiter_start(waiter *self, sheaf_future *future)
{
    *self = (waiter){.future = future};
    cr_assert_eq(pthread_create(&self->thread, NULL, waiter_main, self), 0);
    cr_assert(await_sleep(&self->sleeper), "it does not wait: %d", self->status);
}

#endif
