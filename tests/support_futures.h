/*
 * What the tests of futures share: bare futures in any state, things that count what is done to
 * them, calls that another thread makes and sleeps in, and threads that are held still while the
 * time goes on. As in support_executor.h, order is forced and never hoped for: a thread "sleeps"
 * when the kernel says so.
 */
#ifndef SHEAF_TESTS_SUPPORT_FUTURES_H
#define SHEAF_TESTS_SUPPORT_FUTURES_H

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "tests/support_executor.h"

/* ---- things: an argument, a result, or what goes with a callback ---- */

typedef struct thing {
    atomic_int *clock; /* may be NULL: ticks at each run of a callback */
    atomic_int turn;   /* what it showed at the last one */
    atomic_int runs;
    atomic_int drops;
    atomic_int runner;  /* the thread that ran the callback last */
    atomic_int dropper; /* the thread that dropped it last */
} thing;

static inline void drop_thing(void *object)
{
    thing *self = object;
    atomic_store(&self->dropper, (int)gettid());
    atomic_fetch_add(&self->drops, 1);
}

/* A callback: notes in its context that it ran, where, and when. */
static inline void note_run(sheaf_future *future, void *context)
{
    (void)future;
    thing *self = context;
    atomic_store(&self->runner, (int)gettid());
    if (self->clock)
        atomic_store(&self->turn, atomic_fetch_add(self->clock, 1));
    atomic_fetch_add(&self->runs, 1);
}

static inline void add_note(sheaf_future *future, thing *context)
{
    cr_assert_eq(sheaf_future_add_done_callback(future, note_run, context, drop_thing), SHEAF_OK);
}

/* Each of these ran once, one after the other, and was dropped once. */
static inline void assert_ran_in_order(thing *notes, int n)
{
    for (int i = 0; i < n; i++) {
        cr_assert_eq(notes[i].runs, 1, "callback %d ran %d times", i, (int)notes[i].runs);
        cr_assert_eq(notes[i].turn, i, "callback %d was number %d", i, (int)notes[i].turn);
        cr_assert_eq(notes[i].drops, 1, "context %d was dropped %d times", i, (int)notes[i].drops);
    }
}

/* ---- bare futures, and the states they can be in ---- */

static inline sheaf_future *bare(void)
{
    sheaf_future *future = NULL;
    cr_assert_eq(sheaf_future_create(drop_thing, &future, NULL), SHEAF_OK);
    cr_assert_eq(sheaf_future_get_state(future), SHEAF_FUTURE_PENDING);
    return future;
}

typedef enum kind {
    PENDING,
    RUNNING,
    CANCELLED,
    NOTIFIED,
    FINISHED, /* with a result */
    FAILED,   /* FINISHED, with an error */
    KINDS
} kind;

static inline const char *kind_name(kind k)
{
    static const char *const names[KINDS] = {"pending",  "running",  "cancelled",
                                             "notified", "finished", "failed"};
    return names[k];
}

static inline sheaf_future_state state_of(kind k)
{
    static const sheaf_future_state states[KINDS] = {SHEAF_FUTURE_PENDING,   SHEAF_FUTURE_RUNNING,
                                                     SHEAF_FUTURE_CANCELLED, SHEAF_FUTURE_NOTIFIED,
                                                     SHEAF_FUTURE_FINISHED,  SHEAF_FUTURE_FINISHED};
    return states[k];
}

static inline bool kind_done(kind k)
{
    return k >= CANCELLED;
}

static inline bool kind_final(kind k)
{
    return k >= NOTIFIED;
}

static inline void set_result(sheaf_future *future, thing *result)
{
    cr_assert_eq(sheaf_future_set_result(future, result), SHEAF_OK);
}

static inline void set_error(sheaf_future *future, const char *message)
{
    sheaf_error error;
    sheaf_error_set(&error, SHEAF_ETASK, "%s", message);
    cr_assert_eq(sheaf_future_set_error(future, &error), SHEAF_OK);
}

/* Both steps: it is final then. */
static inline void cancel_bare(sheaf_future *future)
{
    cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
    cr_assert_eq(sheaf_future_set_running_or_notify_cancel(future), SHEAF_ECANCELLED);
}

/* Bring a pending bare future into a state; a finished one has `result`, a failed one "failed". */
static inline void bring_to(sheaf_future *future, kind k, thing *result)
{
    if (k == RUNNING)
        cr_assert_eq(sheaf_future_set_running_or_notify_cancel(future), SHEAF_OK);
    if (k == CANCELLED)
        cr_assert_eq(sheaf_future_cancel(future), SHEAF_OK);
    if (k == NOTIFIED)
        cancel_bare(future);
    if (k == FINISHED)
        set_result(future, result);
    if (k == FAILED)
        set_error(future, "failed");
    cr_assert_eq(sheaf_future_get_state(future), state_of(k));
}

static inline void assert_is(const sheaf_future *future, kind k)
{
    cr_assert_eq(sheaf_future_get_state(future), state_of(k), "not %s", kind_name(k));
    cr_assert_eq(sheaf_future_done(future), kind_done(k), "%s", kind_name(k));
    cr_assert_eq(sheaf_future_running(future), k == RUNNING, "%s", kind_name(k));
    cr_assert_eq(sheaf_future_cancelled(future), k == CANCELLED || k == NOTIFIED, "%s",
                 kind_name(k));
}

/* A future that is what a state promises gives what it promises: neither of them waits. */
static inline void assert_gives(sheaf_future *future, kind k, const thing *result,
                                const char *message)
{
    static const sheaf_status expected[KINDS] = {SHEAF_ETIMEDOUT,  SHEAF_ETIMEDOUT,
                                                 SHEAF_ECANCELLED, SHEAF_ECANCELLED,
                                                 SHEAF_OK,         SHEAF_ETASK};
    void *got = NULL;
    sheaf_error err;
    sheaf_status status = sheaf_future_result(future, 0, &got, &err);
    if (k == FAILED) {
        cr_assert_lt(status, 0);
        cr_assert_eq(status, err.status);
        cr_assert_str_eq(err.message, message);
    } else {
        cr_assert_eq(status, expected[k], "%s gives %d", kind_name(k), status);
    }
    if (k == FINISHED)
        cr_assert_eq(got, result);
}

static inline void release_all(sheaf_future **futures, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sheaf_future_release(futures[i]);
}

/* ---- executors' futures ---- */

static inline sheaf_executor *sequential(void)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .kind = SHEAF_EXECUTOR_SEQUENTIAL};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static inline sheaf_future *submit_task(sheaf_executor *executor, sheaf_task task)
{
    sheaf_future *future = NULL;
    cr_assert_eq(sheaf_executor_submit(executor, &task, &future, NULL), SHEAF_OK);
    return future;
}

/*
 * A pool of one worker that is held at the gate by the task `running`: what comes next is queued. A
 * test that fails with the gate closed can exit all the same.
 */
typedef struct held_pool {
    sheaf_executor *executor;
    sheaf_future *running;
    gate gate;
} held_pool;

static inline void held_pool_init(held_pool *self)
{
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .at_exit = SHEAF_AT_EXIT_DETACH};
    gate_init(&self->gate);
    self->executor = NULL;
    cr_assert_eq(sheaf_executor_create(&options, &self->executor, NULL), SHEAF_OK);
    self->running = submit(self->executor, pass_gate, &self->gate);
    sem_wait(&self->gate.entered);
}

/* Let it go, wait for all that it was given, and end it. */
static inline void held_pool_end(held_pool *self)
{
    gate_open(&self->gate, 1);
    sheaf_future_release(self->running);
    sheaf_executor_destroy(self->executor);
}

/* ---- calls that another thread makes ---- */

typedef struct aside {
    pthread_t thread;
    sleeper sleeper;
    void (*body)(void *arg);
    void *arg;
} aside;

static inline void *aside_main(void *arg)
{
    aside *self = arg;
    about_to_sleep(&self->sleeper);
    self->body(self->arg);
    came_back(&self->sleeper);
    return NULL;
}

static inline void aside_start(aside *self, void (*body)(void *arg), void *arg)
{
    *self = (aside){.body = body, .arg = arg};
    cr_assert_eq(pthread_create(&self->thread, NULL, aside_main, self), 0);
}

/*
 * The same, and come back when the thread is asleep in what it does. Whoever wakes it has made it
 * runnable when the waking call returns: so a thread that "still sleeps" after a call was not woken
 * by it, or has gone to sleep again.
 */
static inline void aside_sleep(aside *self, void (*body)(void *arg), void *arg)
{
    aside_start(self, body, arg);
    cr_assert(await_sleep(&self->sleeper), "it does not wait");
}

static inline bool still_sleeps(aside *self)
{
    return await_sleep(&self->sleeper);
}

static inline void aside_join(aside *self)
{
    cr_assert_eq(pthread_join(self->thread, NULL), 0);
}

/* ---- time ---- */

static inline int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Come back when that moment is over: for tests of what happens after a timeout. */
static inline void await_moment(int64_t moment_ms)
{
    while (now_ms() <= moment_ms) {
        struct timespec next = {.tv_nsec = 1000000};
        nanosleep(&next, NULL);
    }
}

/* ---- threads that are held still: in a signal handler, in the middle of whatever they do ---- */

typedef struct hold {
    int pipe[2];
    sem_t entered;
} hold;

static inline hold *the_hold(void)
{
    static hold only;
    return &only;
}

static inline void stay_in_handler(int signal_number)
{
    (void)signal_number;
    int before = errno;
    char byte;
    sem_post(&the_hold()->entered);
    while (read(the_hold()->pipe[0], &byte, 1) < 0 && errno == EINTR) {
    }
    errno = before;
}

/* Once in a test, before the first hold. */
static inline void hold_init(void)
{
    struct sigaction action = {.sa_handler = stay_in_handler}; /* no SA_RESTART: calls give EINTR */
    cr_assert_eq(pipe(the_hold()->pipe), 0);
    cr_assert_eq(sem_init(&the_hold()->entered, 0, 0), 0);
    cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
}

static inline void hold_thread(aside *self)
{
    cr_assert_eq(pthread_kill(self->thread, SIGUSR1), 0);
    sem_wait(&the_hold()->entered);
}

static inline void let_go(void)
{
    cr_assert_eq(write(the_hold()->pipe[1], "", 1), 1);
}

/* ---- what happens at the moment of a timeout ---- */

typedef struct lingerer {
    void (*body)(void *arg);
    void *arg;
    sem_t leave;
} lingerer;

static inline void linger(void *arg)
{
    lingerer *self = arg;
    self->body(self->arg);
    while (sem_wait(&self->leave) < 0) {
    }
}

/*
 * Another thread runs `body`, which waits for timeout_ms at most. It is held in its wait until its
 * time is over; then `meanwhile` happens, and then only does it see either. (Should the machine be
 * so slow that it is not caught in its wait, that try counts for nothing, and there is another.)
 */
static inline void at_the_timeout(int64_t timeout_ms, void (*body)(void *arg),
                                  void (*meanwhile)(void *arg), void *arg)
{
    bool caught = false;
    hold_init();
    while (!caught) {
        lingerer waiting = {.body = body, .arg = arg};
        aside thread;
        sem_init(&waiting.leave, 0, 0);
        int64_t begin = now_ms();
        aside_sleep(&thread, linger, &waiting);
        hold_thread(&thread);
        int64_t held = now_ms();
        caught = held < begin + timeout_ms;
        if (caught) {
            await_moment(held + timeout_ms);
            meanwhile(arg);
        }
        let_go();
        sem_post(&waiting.leave);
        aside_join(&thread);
    }
}

#endif
