/*
 * The word of a future, its state and flags, as in engine/executor/future.{h,c}; and futexes. The
 * models include it.
 *
 * An inline is one C function. A step of it is one operation on what is shared without the mutex (a
 * load, an exchange, ...), with all that goes before it in this thread alone or under the mutex: a
 * stretch under the mutex is one step if there is only one such operation in it, or if those who
 * see the others must get the mutex before they can do anything with that. A loop around a
 * compare-and-exchange is one step too: it ends with a success, or with having read a word that
 * makes it give up, and each of these is one moment. Memory orders are not modelled: that is for
 * ThreadSanitizer and the stress programs.
 *
 * Who includes this defines FUTURES, and WAITERS: how many threads wait or add callbacks, of which
 * each does so once. He may define callback_may_end(f), for what a callback waits before it ends.
 *
 * BREAK_... takes one step away: then the model must fail (CMakeLists.txt).
 */
#ifndef callback_may_end
#define callback_may_end(f) true
#endif

#define PENDING 0
#define RUNNING 1
#define CANCELLED 2
#define NOTIFIED 3
#define FINISHED 4
#define STATE 7 /* mask */
#define SLEEPER 8
#define WATCHED 16
#define CALLBACK 32

#define is_done(w) (((w) & STATE) >= CANCELLED)
#define is_final(w) (((w) & STATE) >= NOTIFIED)

byte word[FUTURES];
bool mutex;                /* owner->mutex: of the pool, or of the bare future */
byte times_final[FUTURES]; /* not in C: how often it became final */
hidden byte each;          /* a loop's, inside one step */

/* ---- futexes, of waiters: a thread sleeps until it is woken ---- */

bool asleep[WAITERS];
byte sleeps_on[WAITERS]; /* which future's word */

/* sheaf__futex_wait(): the kernel compares the word and puts the thread to sleep in one step. */
inline futex_wait(me, f, expected)
{
    atomic {
        if
#ifdef BREAK_FUTEX_COMPARE
        :: true -> sleeps_on[me] = f; asleep[me] = true
#else
        :: word[f] == expected -> sleeps_on[me] = f; asleep[me] = true
        :: else
#endif
        fi
    };
    atomic { !asleep[me] -> sleeps_on[me] = 0 }
}

inline futex_wake_all(f)
{
    d_step {
        each = 0;
        do
        :: each < WAITERS ->
            if
            :: asleep[each] && sleeps_on[each] == f -> asleep[each] = false
            :: else
            fi;
            each++
        :: else -> break
        od
    }
}

/* ---- sheaf__watch: a waiter, told when it is final, or a callback, run when it is done ---- */

bool linked[WAITERS]; /* in the list of the future; guarded by mutex */
byte watched[WAITERS];
bool is_callback[WAITERS];
bool callback_due[WAITERS];  /* taken out by who publishes, to be run by him */
bool callback_owed[WAITERS]; /* not in C: was added, and has not run */
bool told[WAITERS];          /* what a waiter sleeps on: his own word, see wait.c */

/*
 * add_watch(): a waiter is too late when it is final (NOTIFIED), a callback when it is done. (How
 * sheaf_future_add_done_callback() first looks whether it is done saves it only some work.)
 */
inline add_watch(me, f, flags, too_late, added)
{
    atomic {
        !mutex -> added = (word[f] & STATE) < too_late;
#ifndef BREAK_WATCHED_FLAG
        word[f] = word[f] | flags;
#endif
        if
        :: added -> watched[me] = f; linked[me] = true
        :: else
        fi
    }
}

/* notify_watches(): waiters are told if it is final, else they stay; callbacks are taken out. */
inline notify_watches(f, final)
{
    d_step {
        !mutex -> each = 0;
        do
        :: each < WAITERS ->
            if
            :: linked[each] && watched[each] == f && is_callback[each] ->
                linked[each] = false;
                callback_due[each] = true
            :: linked[each] && watched[each] == f && !is_callback[each] && final ->
                linked[each] = false;
                told[each] = true
            :: else
            fi;
            each++
        :: else -> break
        od
    }
}

inline run_callback(me)
{
    assert(callback_owed[me]);
    callback_owed[me] = false;
    callback_due[me] = false;
    is_callback[me] = false;
    watched[me] = 0
}

/* run_callbacks(): those that were taken out. (By this publisher or another: they are counted.) */
inline run_callbacks(f)
{
    atomic {
        callback_may_end(f) -> each = 0;
        do
        :: each < WAITERS ->
            if
            :: callback_due[each] && watched[each] == f -> run_callback(each)
            :: else
            fi;
            each++
        :: else -> break
        od
    }
}

/* ---- becoming done ---- */

/* sheaf__future_claim(): PENDING -> to; `won` for the one who did it. The flags stay. */
inline claim(f, to, won)
{
#ifdef BREAK_CLAIM /* a load and a store */
    won = (word[f] & STATE) == PENDING;
#endif
    atomic {
#ifndef BREAK_CLAIM
        won = (word[f] & STATE) == PENDING;
#endif
        if
        :: won ->
            word[f] = word[f] | to;
            times_final[f] = times_final[f] + (to == NOTIFIED)
        :: else
        fi
    }
}

/* sheaf__future_exchange(): becomes final, and learns whom there is to tell. */
inline exchange(f, to, flags)
{
    atomic {
        flags = word[f] & ~STATE;
        assert(!is_final(word[f]) || (word[f] & STATE) == to); /* what is final stays as it is */
        times_final[f] = times_final[f] + (is_final(to) && !is_final(word[f]));
        word[f] = to
    }
}

/* sheaf__future_tell() */
inline tell(f, flags, final)
{
    if
    :: flags & WATCHED -> notify_watches(f, final)
    :: else
    fi;
    if
#ifndef BREAK_WAKE_SLEEPERS
    :: flags & SLEEPER -> futex_wake_all(f)
#endif
    :: else
    fi;
    if
    :: flags & CALLBACK -> run_callbacks(f)
    :: else
    fi;
    flags = 0
}

inline publish(f, to, flags)
{
    exchange(f, to, flags);
    tell(f, flags, true)
}

/* ---- waiting ---- */

/* sleep_until_done(): a `timed` wait may end at any moment; what counts then is the state. */
inline sleep_until_done(me, f, timed, seen, swapped)
{
    seen = word[f];
    do
    :: is_done(seen) -> break
    :: !is_done(seen) && timed -> break
    :: !is_done(seen) ->
        atomic {
            swapped = (seen & SLEEPER) || word[f] == seen;
            if
            :: swapped && !(seen & SLEEPER) -> word[f] = seen | SLEEPER
            :: else
            fi
        };
        if
        :: swapped -> futex_wait(me, f, (seen | SLEEPER))
        :: else
        fi;
        seen = word[f]
    od;
    seen = 0;
    swapped = false
}

/* What a thread may do with a future of its choice: wait in one of four ways, or be called back. */
inline wait_somehow(me, f, seen, yes)
{
    if
    :: sleep_until_done(me, f, false, seen, yes); /* sheaf_future_result() */
        assert(is_done(word[f]))
    :: sleep_until_done(me, f, true, seen, yes)
    :: add_watch(me, f, WATCHED, NOTIFIED, yes); /* sheaf_wait(), sheaf_as_completed_next() */
        if
        :: yes -> atomic { told[me] -> told[me] = false; watched[me] = 0 }
        :: else
        fi;
        assert(is_final(word[f]))
    :: add_watch(me, f, WATCHED, NOTIFIED, yes); /* the same, and the time is over */
        atomic { /* sheaf__future_unwatch() */
            !mutex -> linked[me] = false;
            told[me] = false;
            watched[me] = 0
        }
    :: atomic {
            is_callback[me] = true;
            callback_owed[me] = true
        };
        add_watch(me, f, (WATCHED | CALLBACK), CANCELLED, yes); /* add_done_callback() */
        if
        :: !yes -> atomic { run_callback(me) } /* too late: here and now */
        :: else
        fi
    fi;
    yes = false
}
