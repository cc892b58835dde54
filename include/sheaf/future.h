/*
 * Futures: the result of something that is still being done.
 *
 * A future stands for one task. It is given out at once, when the task is submitted, and is *done*
 * later, when the task has a result, has failed, or was cancelled. Whoever holds a reference may
 * ask for the result and so wait for it; may ask to be called back; may wait for many at once
 * (sheaf_wait) or take them as they are completed (sheaf_as_completed_open).
 *
 *     PENDING --> RUNNING --> FINISHED         with a result, or with an error
 *        |
 *        +------> CANCELLED --> NOTIFIED       it never ran
 *
 * A future of an executor goes from PENDING to NOTIFIED in one step. A *bare* future, which a
 * program makes itself to hand out the result of whatever it likes, is moved by hand, and stays
 * CANCELLED until who was to run it has seen that (sheaf_future_set_running_or_notify_cancel).
 *
 * *done*: FINISHED, CANCELLED, NOTIFIED: result() comes back. *final*: FINISHED, NOTIFIED: what
 * wait and as_completed count.
 *
 *     concurrent.futures                    here
 *     f.result(timeout)                     sheaf_future_result(f, timeout_ms, &value, &err)
 *     f.exception(timeout)                  sheaf_future_error(f, timeout_ms, &err)
 *     f.cancel()                            sheaf_future_cancel(f) == SHEAF_OK
 *     f.cancelled(), f.running(), f.done()  sheaf_future_cancelled(f), _running(f), _done(f)
 *     f.add_done_callback(fn)               sheaf_future_add_done_callback(f, fn, context, NULL)
 *     Future()                              sheaf_future_create(drop_result, &f, &err)
 *     f.set_result(x)                       sheaf_future_set_result(f, x)
 *     f.set_exception(e)                    sheaf_future_set_error(f, &err)
 *     wait(fs, timeout, FIRST_COMPLETED)    sheaf_wait(fs, n, timeout_ms, SHEAF_FIRST_COMPLETED,
 *                                                      done, &err)
 *     for f in as_completed(fs, timeout):   sheaf_as_completed_open(fs, n, timeout_ms, &it, &err)
 *                                           while (sheaf_as_completed_next(it, &f, &i, &err) == 0)
 *     CancelledError, TimeoutError          SHEAF_ECANCELLED, SHEAF_ETIMEDOUT
 *     InvalidStateError                     SHEAF_ESTATE
 *     del f                                 sheaf_future_release(f)
 *
 * Times are milliseconds on the monotonic clock; a negative one is for ever, 0 does not wait. Any
 * thread may call any function on a future to which it holds a reference. No lock of the library is
 * held while a callback or a drop function runs: they may call anything.
 *
 * In a child of fork() the tasks of the parent are not run by anybody: waiting for a future of the
 * parent's that is not done gives EFORKED.
 */
#ifndef SHEAF_FUTURE_H
#define SHEAF_FUTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_future sheaf_future;

/* Ends an argument, a result or a context that nobody took. */
typedef void (*sheaf_drop_fn)(void *object);

typedef enum sheaf_future_state {
    SHEAF_FUTURE_PENDING,
    SHEAF_FUTURE_RUNNING,
    SHEAF_FUTURE_CANCELLED,
    SHEAF_FUTURE_NOTIFIED, /* cancelled, and everybody was told */
    SHEAF_FUTURE_FINISHED
} sheaf_future_state;

/* ---- references ---- */

/* Take and give back a reference. The last one drops the result. NULL is allowed for release. */
SHEAF_API sheaf_future *sheaf_future_retain(sheaf_future *future);
SHEAF_API void sheaf_future_release(sheaf_future *future);

/* ---- the result ---- */

/*
 * Wait for a task and borrow its result. A timeout does not touch the task.
 *
 * Returns    OK with *result; the task's own negative status with *err, and with *result if the
 *            task set one before it failed; ECANCELLED; EBROKEN, EWORKER: the executor lost it;
 *            ETIMEDOUT; ESTATE after sheaf_future_take(); EFORKED. What counts is the state at the
 *            end: a task that was done at the very moment of the timeout gives its result.
 *            EDEADLK from a worker of the same pool, when every worker of the pool waits like this
 *            and none could ever run again: the last one to wait is told. A task that nobody has
 *            begun is, when a worker of its own pool waits for it without a timeout, run by that
 *            worker then and there: trees of tasks do not deadlock.
 * Ownership  the future keeps the result: it is valid while the caller holds a reference. `result`
 *            may be NULL.
 * Threads    any number at once.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_result(sheaf_future *future,
                                                            int64_t timeout_ms, void **result,
                                                            sheaf_error *err);

/*
 * As sheaf_future_result(), but moves the result out: it is the caller's. Once; then ESTATE. What a
 * failed task has left stays with the future.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_take(sheaf_future *future, int64_t timeout_ms,
                                                          void **result, sheaf_error *err);

/*
 * Wait for a task and look at how it ended: Python's exception().
 *
 * Returns    OK with *of_task, whose status is OK if the task succeeded and its own if it failed;
 *            ECANCELLED, ETIMEDOUT, EFORKED, EDEADLK as sheaf_future_result(), and then *of_task
 *            says that. So, unlike there, a task that itself failed with ETIMEDOUT can be told from
 *            a wait that was too short.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_error(sheaf_future *future, int64_t timeout_ms,
                                                           sheaf_error *of_task);

/* ---- the state ---- */

SHEAF_API sheaf_future_state sheaf_future_get_state(const sheaf_future *future);
SHEAF_API bool sheaf_future_done(const sheaf_future *future);
SHEAF_API bool sheaf_future_running(const sheaf_future *future);
SHEAF_API bool sheaf_future_cancelled(const sheaf_future *future);

/*
 * Cancel a task that has not begun. One that waits in an executor's queue is taken out: its
 * argument is dropped and its callbacks run, by this thread, before it comes back.
 *
 * Returns    OK, also if it was cancelled before; ESTATE when it runs or is finished.
 */
SHEAF_API sheaf_status sheaf_future_cancel(sheaf_future *future);

/*
 * Ask a task that may be running to stop: sheaf_worker_stopping() tells it, if it looks. Nothing
 * else happens: the future stays RUNNING, and the task returns what it likes.
 */
SHEAF_API void sheaf_future_request_stop(sheaf_future *future);

/* ---- callbacks ---- */

typedef void (*sheaf_callback_fn)(sheaf_future *future, void *context);

/*
 * Have a function called when the future is done: exactly once; in the thread that completes or
 * cancels it, after those who wait were woken; in this thread, now, if it is done already. Several
 * run in the order in which they were added. A callback may call anything, also on this future,
 * which is alive for as long as it runs.
 *
 * Returns    OK; EINVAL, ENOMEM: it will not be called, and the context stays the caller's.
 * Ownership  drop_context (may be NULL) is called after the callback has run, or when the future
 *            ends without ever being done.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_add_done_callback(sheaf_future *future,
                                                                       sheaf_callback_fn callback,
                                                                       void *context,
                                                                       sheaf_drop_fn drop_context);

/* ---- many futures ---- */

typedef enum sheaf_return_when {
    SHEAF_ALL_COMPLETED = 0, /* all are final */
    SHEAF_FIRST_COMPLETED,   /* at least one is final */
    SHEAF_FIRST_EXCEPTION    /* at least one has failed, or all are final */
} sheaf_return_when;

/*
 * Wait for many futures: of one executor, of several, bare ones; the same one may stand there more
 * than once. That one was cancelled is not an exception.
 *
 * Shape      futures[n]; done[n] (may be NULL) tells for each whether it is final at the return,
 *            whatever is returned.
 * Returns    OK when the condition holds (at once if n is 0); ETIMEDOUT; EINVAL; ENOMEM; EDEADLK
 *            and EFORKED as sheaf_future_result().
 * Ownership  the caller holds its references throughout; none is taken.
 * Source     CPython 3.13, concurrent.futures.wait.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_wait(sheaf_future *const *futures, size_t n,
                                                   int64_t timeout_ms, sheaf_return_when when,
                                                   bool *done, sheaf_error *err);

typedef struct sheaf_as_completed sheaf_as_completed;

/*
 * Go through many futures in the order in which they are completed: first those that are final
 * already, in the order of the array, then each as it becomes final. Cancelled ones are among them.
 * One that stands in the array several times comes once.
 *
 * Units      timeout_ms is for all of it, and counts from here.
 * Returns    OK; EINVAL, ENOMEM; EFORKED.
 * Ownership  *iterator is the caller's, to end with sheaf_as_completed_close(). It takes references
 *            of its own: the caller may release his, and the array.
 * Threads    one at a time per iterator.
 * Source     CPython 3.13, concurrent.futures.as_completed.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_as_completed_open(sheaf_future *const *futures,
                                                                size_t n, int64_t timeout_ms,
                                                                sheaf_as_completed **iterator,
                                                                sheaf_error *err);

/*
 * The next one that is completed.
 *
 * Returns    OK with *future, and *index (may be NULL), where it stood (first) in the array; END
 *            when all were given; ETIMEDOUT: "2 (of 4) futures unfinished" (what is final already
 *            is given even then); EDEADLK.
 * Ownership  *future is one reference, the iterator's own: release it.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_as_completed_next(sheaf_as_completed *iterator,
                                                                sheaf_future **future,
                                                                size_t *index, sheaf_error *err);

/* How many have not been given yet, and how many there are in all (each counted once). */
SHEAF_API size_t sheaf_as_completed_pending(const sheaf_as_completed *iterator);
SHEAF_API size_t sheaf_as_completed_total(const sheaf_as_completed *iterator);

/* Forget the rest, which goes on. NULL is allowed. */
SHEAF_API void sheaf_as_completed_close(sheaf_as_completed *iterator);

/* ---- bare futures ---- */

/*
 * Make a future that belongs to no executor: who makes it sees to its result. For executors of
 * one's own, and for handing out what comes from elsewhere, a socket or another thread.
 *
 * Returns    OK; ENOMEM.
 * Ownership  *future is one reference. drop_result (may be NULL) ends a result nobody takes.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_create(sheaf_drop_fn drop_result,
                                                            sheaf_future **future,
                                                            sheaf_error *err);

/*
 * Say that work on a bare future begins, unless it was cancelled: then those who wait for it
 * learn that here.
 *
 * Returns    OK: it is RUNNING; ECANCELLED: do not begin; ESTATE when it runs or is final already,
 *            or belongs to an executor.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status
sheaf_future_set_running_or_notify_cancel(sheaf_future *future);

/*
 * Finish a bare future, with a result or with an error (whose status is negative; it is copied).
 *
 * Returns    OK; ESTATE when it is finished or cancelled, or belongs to an executor: the result
 *            stays with the caller; EINVAL: not an error; ENOMEM: not finished.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_set_result(sheaf_future *future, void *result);
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_future_set_error(sheaf_future *future,
                                                               const sheaf_error *error);

SHEAF_END_DECLS

#endif
