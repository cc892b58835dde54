/*
 * Sleeping on a word of memory: futex(2), private to the process, with a deadline on the monotonic
 * clock.
 *
 * A word costs nothing while nobody sleeps on it, which is why every future and every worker has
 * one of its own: a wake-up then reaches exactly the thread that it is meant for.
 */
#ifndef SHEAF_EXECUTOR_FUTEX_H
#define SHEAF_EXECUTOR_FUTEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SHEAF__FOREVER INT64_MAX

/* Milliseconds from now as nanoseconds on the monotonic clock; a negative timeout is FOREVER. */
int64_t sheaf__deadline_ns(int64_t timeout_ms);

/*
 * Sleep while the word holds `expected`, until it is woken or the deadline is over. May wake for no
 * reason.
 *
 * Returns    false when the deadline is over. errno stays as it was.
 */
bool sheaf__futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns);

/* Wake so many threads that sleep on the word. */
void sheaf__futex_wake(atomic_uint *word, int count);

/* Between two looks at memory that another processor is about to write. */
static inline void sheaf__relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
