/* futex(2): see futex.h. */
#include "engine/executor/futex.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/core/system.h"

int64_t sheaf__deadline_ns(int64_t timeout_ms)
{
    int64_t ns;
    if (timeout_ms < 0 || __builtin_mul_overflow(timeout_ms, INT64_C(1000000), &ns) ||
        __builtin_add_overflow(ns, sheaf__now_ns(), &ns))
        return SHEAF__FOREVER;
    return ns;
}

bool sheaf__futex_wait(atomic_uint *word, unsigned expected, int64_t deadline_ns)
{
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / 1000000000),
                             .tv_nsec = (long)(deadline_ns % 1000000000)};
    /* The BITSET variant takes an absolute time, on the monotonic clock unless told otherwise. */
    int errno_before = errno; /* a task's, perhaps, while its worker waits for the next one */
    long result = syscall(SYS_futex, word, FUTEX_WAIT_BITSET_PRIVATE, expected,
                          deadline_ns == SHEAF__FOREVER ? NULL : &until, NULL,
                          FUTEX_BITSET_MATCH_ANY);
    bool in_time = result == 0 || errno != ETIMEDOUT;
    errno = errno_before;
    return in_time;
}

void sheaf__futex_wake(atomic_uint *word, int count)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}
