/*
 * One future, and everybody at once.
 *
 * A bare future: its maker begins it (or not) and finishes it, a second thread finishes it too, a
 * third one cancels it, and each of two more waits for it or has itself called back. With -DOF_POOL
 * the future of a pool: a worker runs it unless somebody else does, and two threads cancel it (one
 * of them, in C, may be a shutdown). Whatever the order:
 *
 *   - it becomes final exactly once, and stays what it became;
 *   - everybody who waits comes back (no invalid end state); each callback runs exactly once;
 *   - it keeps one result if it is FINISHED, and none if it was cancelled.
 *
 * An inline is a function of engine/executor/future.c; for what a step is see word.pml.
 */
#define FUTURES 1
#define WAITERS 2
#include "word.pml"

#define F 0

bool completing; /* somebody sets its result, or says that it was cancelled */
byte n_results;
byte n_left = 3 + WAITERS; /* threads that are not through */

#ifdef OF_POOL

/* The worker that has it: see pool.pml for how it gets there. */
inline make(won, flags)
{
    claim(F, RUNNING, won);
    if
    :: won -> n_results++; publish(F, FINISHED, flags)
    :: else
    fi
}

/* Both of them cancel. */
inline cancel(won, flags)
{
    claim(F, NOTIFIED, won);
    if
    :: won -> publish(F, NOTIFIED, flags)
    :: else
    fi
}

inline interfere(won, flags)
{
    cancel(won, flags)
}

#else

/* sheaf_future_set_running_or_notify_cancel() */
inline set_running_or_notify_cancel(won, flags)
{
    claim(F, RUNNING, won);
    if
    :: won
    :: !won && (word[F] & STATE) == CANCELLED ->
        atomic { won = !completing; completing = true };
        if
        :: won -> publish(F, NOTIFIED, flags)
        :: else
        fi
    :: else
    fi
}

/* sheaf_future_set_result(): begin_completing(), complete() */
inline set_result(won, flags)
{
    claim(F, RUNNING, won);
    if
    :: !won -> won = (word[F] & STATE) == RUNNING
    :: else
    fi;
    if
    :: won -> atomic { won = !completing; completing = true }
    :: else
    fi;
    if
    :: won -> n_results++; publish(F, FINISHED, flags)
    :: else
    fi
}

/* The one who made it sees to it that it is final in the end. */
inline make(won, flags)
{
    if
    :: set_running_or_notify_cancel(won, flags)
    :: skip
    fi;
    set_result(won, flags);
    set_running_or_notify_cancel(won, flags)
}

inline interfere(won, flags)
{
    set_result(won, flags)
}

/* sheaf_future_cancel(): the flags stay in the word, for whoever makes it NOTIFIED. */
inline cancel(won, flags)
{
    claim(F, CANCELLED, won);
    if
    :: won ->
#ifdef BREAK_CANCEL /* an exchange, as for other changes: it may go back from NOTIFIED */
        exchange(F, CANCELLED, flags);
        word[F] = word[F] | (flags & WATCHED);
        tell(F, flags, false)
#else
        flags = word[F];
        tell(F, flags, is_final(flags))
#endif
    :: else
    fi
}

#endif

active proctype maker()
{
    bool won;
    byte flags;
    make(won, flags);
    n_left--
}

active proctype other()
{
    bool won;
    byte flags;
    interfere(won, flags);
    n_left--
}

active proctype canceller()
{
    bool won;
    byte flags;
    cancel(won, flags);
    n_left--
}

active [WAITERS] proctype waiter()
{
    byte me = _pid - 3; /* behind the three above */
    byte seen;
    bool yes;
    wait_somehow(me, F, seen, yes);
    n_left--
}

/* When all are through. */
active proctype judge()
{
    byte i;
    n_left == 0;
    assert(times_final[F] == 1);
    assert(n_results == ((word[F] & STATE) == FINISHED));
    for (i : 0 .. WAITERS - 1) {
        assert(!callback_owed[i] && !linked[i])
    }
}
