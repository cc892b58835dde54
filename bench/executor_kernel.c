/*
 * What bench_executor's ping-pong costs without any library: two threads that wake one another by a
 * futex each. Nothing that puts both to sleep is faster. On a virtual machine it may take 2 us or
 * 70, as the scheduler puts the two on one processor or on two.
 */
#include "bench/executor_cases.h"

#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct table {
    size_t n;
    _Alignas(64) atomic_uint ping; /* rounds begun */
    _Alignas(64) atomic_uint pong; /* rounds answered */
} table;

static void sleep_until(atomic_uint *word, unsigned round)
{
    unsigned seen;
    while ((seen = atomic_load_explicit(word, memory_order_acquire)) != round)
        syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void set_and_wake(atomic_uint *word, unsigned round)
{
    atomic_store_explicit(word, round, memory_order_release);
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void *answer(void *arg)
{
    table *t = arg;
    for (unsigned round = 1; round <= t->n; round++) {
        sleep_until(&t->ping, round);
        set_and_wake(&t->pong, round);
    }
    return NULL;
}

static void serve(table *t, unsigned first, unsigned last)
{
    for (unsigned round = first; round <= last; round++) {
        set_and_wake(&t->ping, round);
        sleep_until(&t->pong, round);
    }
}

void kernel_ping_pong(bench_run *run)
{
    table t = {.n = run->n + BENCH_WARM_UP};
    pthread_t thread;
    if (pthread_create(&thread, NULL, answer, &t) != 0)
        bench_fail("no thread");
    serve(&t, 1, BENCH_WARM_UP);
    bench_begin(run);
    serve(&t, BENCH_WARM_UP + 1, (unsigned)t.n);
    bench_end(run);
    pthread_join(thread, NULL);
}
