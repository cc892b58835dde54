/*
 * A pool of two workers and three tasks: its queue, front, parking, and the futures of the tasks.
 *
 * A client submits the tasks and then, at once or when the last is done, shuts the pool down and
 * cancels what waits, or does not. A user cancels one of the tasks, or does not, and waits for it
 * or adds a callback, whenever he likes. A callback of task 1 cannot end before task 2 has begun
 * (or was cancelled). With -DFUTURES=4 there are four tasks, so that the front is filled again; the
 * user waits only, and tasks 0 and 2 cannot end before the one after them has begun. So a task that
 * waits although a worker is idle, or could be started, is a deadlock here, and not just slow.
 * Whatever the order:
 *
 *   - everybody comes through (no invalid end state: no lost wake-up, no task forgotten);
 *   - each future becomes final exactly once; each task runs at most once; its argument is dropped
 *     exactly once; each reference is given back exactly once; a callback runs exactly once.
 *
 * With -DONE_BY_ONE the client waits for each task before it submits the next, and nobody else is
 * there: then one thread is all that is ever started.
 *
 * An inline is a function of engine/executor/pool.c unless it says otherwise; for what a step is
 * see word.pml. The stretches under the mutex begin and end where the word mutex stands.
 */
#ifndef FUTURES
#define FUTURES 3
#endif
#define WAITERS 1
#define has_begun(t) (runs[t] > 0 || is_done(word[t]))
#if FUTURES == 3
#define body_may_end(t) true
#define callback_may_end(t) (t != 1 || has_begun(2))
#else
#define body_may_end(t) (t % 2 == 1 || has_begun(t + 1))
#endif
#include "word.pml"

#define TASKS FUTURES
#define WORKERS 2
#define NONE 7

/* ---- the pool; guarded by mutex but for what says otherwise ---- */

byte queue[TASKS]; /* head first; the ring of C */
byte n_queued;
byte n_idle;       /* atomic: raised without the mutex */
byte n_alive;      /* threads; in C also n_threads: none is lost here */
bool shut_down;
bool waking;       /* a worker was taken off the stack and has not looked yet */
byte parked[WORKERS]; /* a stack, the top is the last one */
byte n_parked;

bool wake[WORKERS];     /* the futex of a worker: true lets it go on; atomic */
bool sleeping[WORKERS]; /* the kernel's: it sleeps on that */
byte handed[WORKERS] = NONE;
bool counted_idle[WORKERS];
bool looked[WORKERS];
bool may_linger[WORKERS]; /* here also while another one does, and whomever it has woken */
bool gone[WORKERS];

/* front.h. Next and end are one atomic word; the generation beside them is left out: so few tasks
   never fill the front twice while a worker is about to take one. */
byte front[TASKS];
byte front_next;
byte front_end;

/* ---- tasks ---- */

bool queued[TASKS];
byte handed_to[TASKS] = NONE;
byte references[TASKS];
byte runs[TASKS];
byte drops[TASKS]; /* of the argument */

byte n_left = 2; /* of client and user, those that are not through */

/* sheaf_future_release(). The caller's own reference stays to the end, for the judge to see. */
inline release(t)
{
    references[t]--;
    assert(references[t] > 0)
}

inline drop_argument(t)
{
    drops[t]++;
    assert(drops[t] == 1)
}

/* ---- the queue ---- */

inline append_locked(t)
{
    queue[n_queued] = t;
    n_queued++;
    queued[t] = true
}

inline unlink_locked(t)
{
    d_step {
        each = 0;
        do
        :: queue[each] != t -> each++
        :: else -> break
        od;
        do
        :: each + 1 < n_queued -> queue[each] = queue[each + 1]; each++
        :: else -> break
        od;
        n_queued--;
        queue[n_queued] = 0;
        queued[t] = false
    }
}

/* sheaf__front_pop(), with the mutex or without: a look, then compare and exchange */
inline front_pop(t, seen)
{
    do
    :: atomic { front_next == front_end -> t = NONE; break }
    :: atomic {
            front_next != front_end ->
            seen = front_next;
            t = front[seen]
        };
        atomic {
            if
#ifdef BREAK_FRONT_POP /* a store */
            :: true -> front_next = seen + 1; seen = 0; break
#else
            :: front_next == seen && front_next != front_end ->
                front_next = seen + 1;
                seen = 0;
                break
            :: else -> seen = 0
#endif
            fi
        }
    od
}

inline take_front(to, t, won, seen)
{
    do
    :: front_pop(t, seen);
        if
        :: t == NONE -> break
        :: else
        fi;
        atomic {
            claim(t, to, won);
            if
            :: won -> won = false; break
            :: else -> release(t)
            fi
        }
    od
}

inline take_locked(to, t, won, seen)
{
    do
    :: true ->
#ifdef BREAK_FRONT_FIRST
        t = NONE;
#else
        front_pop(t, seen);
#endif
        atomic {
            if
            :: t == NONE && n_queued > 0 -> t = queue[0]; unlink_locked(t)
            :: else
            fi;
            if
            :: t == NONE -> break
            :: else -> claim(t, to, won)
            fi;
            if
            :: won -> won = false; break
            :: else -> mutex = false /* no user code with the mutex */
            fi
        };
        atomic { release(t); t = NONE };
        atomic { !mutex -> mutex = true }
    od
}

/* Any part of the queue: in C all of it, but for what has no room. */
inline fill_front_locked(n)
{
    if
    :: n_alive == WORKERS && n_queued > 0 && front_next == front_end ->
        do
        :: n_queued > 0 ->
            front[n] = queue[0];
            unlink_locked(front[n]);
            n++
        :: n > 0 -> break
        od;
        front_next = 0;
        front_end = n;
        n = 0
    :: else
    fi
}

/* ---- parking ---- */

inline count_idle(w, idle)
{
    if
    :: counted_idle[w] != idle ->
        counted_idle[w] = idle;
        n_idle = n_idle + idle - !idle
    :: else
    fi
}

#ifdef BREAK_WAKE_FOR_FRONT
#define n_waiting n_queued
#else
#define n_waiting (n_queued + front_end - front_next)
#endif

/* With what lets the others go on: the end of the stretch. */
inline choose_wake_and_unlock(woken)
{
    if
    :: n_parked > 0 && !waking && n_waiting > 0 ->
        n_parked--;
        woken = parked[n_parked];
        parked[n_parked] = 0;
        waking = true;
        wake[woken] = true
    :: else
    fi;
    mutex = false
}

/* sheaf__futex_wake(), if there is a worker to wake */
inline wake_worker(woken)
{
    if
    :: atomic { woken != NONE -> sleeping[woken] = false; woken = NONE }
    :: woken == NONE
    fi
}

inline park_locked(w)
{
    atomic {
        wake[w] = false;
        parked[n_parked] = w;
        n_parked++;
        mutex = false
    };
    do
    :: wake[w] -> break
    :: !wake[w] ->
        atomic { /* sheaf__futex_wait() */
            if
            :: !wake[w] -> sleeping[w] = true
            :: else
            fi
        };
        !sleeping[w]
    od;
    atomic { !mutex -> mutex = true; waking = false }
}

inline wake_all_locked()
{
#ifdef BREAK_WAKE_ALL
    skip
#else
    do
    :: n_parked > 0 ->
        n_parked--;
        wake[parked[n_parked]] = true;
        sleeping[parked[n_parked]] = false;
        parked[n_parked] = 0
    :: else -> break
    od
#endif
}

/* ---- a worker (worker.c) ---- */

/* sheaf__pool_next() */
inline pool_next(w, t, won, seen, n, woken)
{
    if
    :: looked[w] -> take_front(RUNNING, t, won, seen)
    :: else
    fi;
    if
    :: atomic { t != NONE -> count_idle(w, false) }
    :: t == NONE ->
        atomic {
            !mutex -> mutex = true;
            looked[w] = true;
            t = handed[w];
            if
            :: t != NONE -> /* take_handed_locked() */
                handed[w] = NONE;
                handed_to[t] = NONE;
                claim(t, RUNNING, won);
                if
                :: won -> won = false
                :: else -> release(t); t = NONE; count_idle(w, true)
                fi
            :: else -> count_idle(w, true)
            fi
        };
        if
        :: t != NONE
        :: t == NONE ->
            do
            :: take_locked(RUNNING, t, won, seen);
                if
                :: t != NONE || shut_down -> break
                :: else
                fi;
#ifdef BREAK_LOOK_AND_PARK /* two turns with the mutex */
                mutex = false;
                atomic { !mutex -> mutex = true };
#endif
                if
                :: may_linger[w] -> /* linger_locked(), and look again */
                    atomic { may_linger[w] = false; mutex = false };
                    atomic { !mutex -> mutex = true }
                :: else -> park_locked(w)
                fi
            od
        fi;
        atomic {
            if
            :: counted_idle[w] ->
                count_idle(w, false);
                fill_front_locked(n)
            :: else
            fi;
#ifdef BREAK_WAKE_CHAIN
            mutex = false
#else
            choose_wake_and_unlock(woken)
#endif
        };
        wake_worker(woken)
    fi
}

/* spawn_locked(), with sheaf__pool_start_worker_locked() of lifetime.c: handed the oldest task */
inline spawn_locked()
{
    if
    :: n_alive < WORKERS && n_queued > n_idle -> /* the front is empty */
        handed[n_alive] = queue[0];
        handed_to[queue[0]] = n_alive;
        run worker(n_alive);
        unlink_locked(handed[n_alive]);
        n_alive++
    :: else
    fi
}

/* sheaf__pool_not_idle(), if a callback was added just now */
inline not_idle(w, flags)
{
    if
#ifndef BREAK_NOT_IDLE
    :: atomic {
            counted_idle[w] && (flags & CALLBACK) ->
            !mutex;
            count_idle(w, false);
            spawn_locked()
        }
#endif
    :: else
    fi
}

/* sheaf__worker_run() */
inline worker_run(w, t, flags)
{
    atomic {
        runs[t]++;
        assert(runs[t] == 1)
    };
    body_may_end(t);
    atomic {
        drop_argument(t);
        flags = word[t] & CALLBACK
    };
#ifndef BREAK_IDLE_BEFORE_PUBLISHING
    count_as_idle(w, flags);
#endif
    exchange(t, FINISHED, flags);
    not_idle(w, flags);
    tell(t, flags, true);
#ifdef BREAK_IDLE_BEFORE_PUBLISHING
    count_as_idle(w, flags);
#endif
    atomic {
        release(t);
        t = NONE;
        may_linger[w] = FUTURES == 3 /* with four there are states enough */
    }
}

inline count_as_idle(w, flags)
{
    atomic {
        if
        :: !flags && front_next == front_end -> counted_idle[w] = true; n_idle++
        :: else
        fi;
        flags = 0
    }
}

proctype worker(byte me)
{
    byte t = NONE;
    byte seen;
    byte n;
    byte flags;
    byte woken = NONE;
    bool won;
    do
    :: pool_next(me, t, won, seen, n, woken);
        if
        :: t == NONE -> break
        :: else -> worker_run(me, t, flags)
        fi
    od;
    /* sheaf__pool_leave(); n_alive is not lowered, for nothing is submitted any more */
    atomic { !mutex -> gone[me] = true }
}

/* ---- the others ---- */

/* sheaf__pool_submit(), of one task */
inline submit(t, woken)
{
    atomic {
        !mutex -> references[t] = 2; /* the caller's, the pool's */
        append_locked(t);
        spawn_locked();
        choose_wake_and_unlock(woken)
    };
    wake_worker(woken)
}

/* sheaf__pool_empty_locked(): a list, here a set, of what was claimed */
inline empty_locked(set, t, won, seen)
{
    do
    :: take_locked(NOTIFIED, t, won, seen);
        if
        :: t != NONE -> set = set | (1 << t)
        :: else -> break
        fi
    od
}

inline abandon_all(set, t, flags)
{
    t = 0;
    do
    :: t < TASKS && (set & (1 << t)) ->
        drop_argument(t);
        publish(t, NOTIFIED, flags);
        atomic { release(t); t++ }
    :: t < TASKS && !(set & (1 << t)) -> t++
    :: t == TASKS -> break
    od;
    set = 0
}

active proctype client()
{
    byte t;
    byte seen;
    byte flags;
    byte woken = NONE;
    byte set;
    bool won;
    do
    :: t < TASKS ->
        submit(t, woken);
#ifdef ONE_BY_ONE
        sleep_until_done(0, t, false, seen, won);
        assert(n_alive == 1);
#endif
        t++
    :: else -> break
    od;
    if
    :: skip
    :: skip; is_done(word[TASKS - 1])
    fi;
    atomic { !mutex -> mutex = true; shut_down = true }; /* sheaf__pool_shutdown() */
    if
    :: empty_locked(set, t, won, seen)
    :: skip
    fi;
    atomic { wake_all_locked(); mutex = false };
    abandon_all(set, t, flags);
    (n_alive < 1 || gone[0]) && (n_alive < 2 || gone[1]); /* join_all() */
    n_left--
}

#ifndef ONE_BY_ONE

/* sheaf_future_cancel() with sheaf__pool_forget() */
inline cancel(t, won, flags)
{
    claim(t, NOTIFIED, won);
    if
    :: won ->
        atomic {
            !mutex;
            if
            :: queued[t] -> unlink_locked(t); release(t)
            :: !queued[t] && handed_to[t] != NONE ->
                handed[handed_to[t]] = NONE;
                count_idle(handed_to[t], true);
                handed_to[t] = NONE;
                release(t)
            :: else
            fi;
            drop_argument(t);
            won = false
        };
        publish(t, NOTIFIED, flags)
    :: else
    fi
}

/* Cancels a task, or tries to, or not, and waits for it. */
active proctype user()
{
    byte t;
    byte seen;
    byte flags;
    bool yes;
    atomic {
        if /* any that was submitted */
        :: references[0] > 0 -> t = 0
        :: references[1] > 0 -> t = 1
        :: references[2] > 0 -> t = 2
        :: references[TASKS - 1] > 0 -> t = TASKS - 1
        fi
    };
    if
    :: cancel(t, yes, flags)
    :: skip
    fi;
#if FUTURES == 3
    wait_somehow(0, t, seen, yes);
#else
    sleep_until_done(0, t, false, seen, yes);
#endif
    atomic { t = 0; n_left-- }
}

#endif

/* When all are through. */
active proctype judge()
{
    byte t;
    atomic {
#ifdef ONE_BY_ONE
        n_left == 1;
#else
        n_left == 0;
#endif
        for (t : 0 .. TASKS - 1) {
            assert(times_final[t] == 1);
            assert(drops[t] == 1);
            assert(references[t] == 1);
            assert(runs[t] == ((word[t] & STATE) == FINISHED))
        }
        assert(!callback_owed[0]);
        assert(n_queued == 0 && n_parked == 0 && n_idle == 0)
    }
}
