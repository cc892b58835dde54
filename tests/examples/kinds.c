/*
 * From one thread to many, and to processes, by one option.
 *
 * Another process does not see this one's memory. A task that is to run on any kind of executor is
 * therefore a *call*: a function that both sides know by its name, a block of bytes that goes in,
 * and one that comes back. Both sides are this same program, so the blocks may hold structs (but
 * never pointers), and main begins by asking which side it is on.
 *
 * Take threads, unless a task may crash or calls a library that threads cannot share. Take
 * sequential to measure, and to debug.
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <sheaf/call.h>

enum { CALLS = 4 };

typedef struct answer {
    uint32_t n_primes;
    int64_t process_id; /* who has counted */
} answer;

/* How many primes there are below a number. */
static sheaf_status count_primes(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                                 sheaf_reply *reply, sheaf_error *err)
{
    (void)worker;
    if (n_bytes != sizeof(uint32_t))
        return sheaf_error_set(err, SHEAF_EINVAL, "%zu bytes are no number", n_bytes);
    uint32_t below = *(const uint32_t *)bytes;
    answer a = {.process_id = getpid()};
    for (uint32_t n = 2; n < below; n++) {
        uint32_t divisor = 2;
        while (divisor * divisor <= n && n % divisor != 0)
            divisor++;
        a.n_primes += divisor * divisor > n;
    }
    return sheaf_reply_append(reply, &a, sizeof a);
}

static const sheaf_function functions[] = {{"count_primes", count_primes}};

/* Make a call of a number, submit it. */
static sheaf_status submit(sheaf_executor *executor, uint32_t below, sheaf_future **future,
                           sheaf_error *err)
{
    sheaf_task task;
    sheaf_status status = sheaf_call_task(&functions[0], &below, sizeof below, &task, err);
    if (status < 0)
        return status;
    status = sheaf_executor_submit(executor, &task, future, err);
    if (status < 0)
        task.drop_arg(task.arg); /* what was not submitted is still ours */
    return status;
}

static sheaf_status count_on(sheaf_executor_kind kind, const char *name, sheaf_error *err)
{
    sheaf_executor *executor;
    sheaf_executor_options options = {.size = sizeof options, .kind = kind, .max_workers = 2};
    sheaf_status status = sheaf_executor_create(&options, &executor, err);
    if (status < 0)
        return status;

    sheaf_future *futures[CALLS] = {NULL};
    uint32_t below = 10;
    for (int i = 0; i < CALLS && status == SHEAF_OK; i++, below *= 10)
        status = submit(executor, below, &futures[i], err);

    int n_here = 0;
    printf("%-10s ", name);
    for (int i = 0; i < CALLS && status == SHEAF_OK; i++) {
        void *result;
        status = sheaf_future_result(futures[i], -1, &result, err);
        if (status < 0)
            break;
        const sheaf_block *block = result; /* the future's: valid until it is released */
        const answer *a = block->bytes;
        printf(" %5u", a->n_primes);
        n_here += a->process_id == getpid();
    }
    printf("   %d of %d were counted in this process\n", n_here, CALLS);

    for (int i = 0; i < CALLS; i++)
        sheaf_future_release(futures[i]);
    sheaf_executor_destroy(executor);
    return status;
}

int main(int argc, char **argv)
{
    int code = sheaf_worker_main(argc, argv, functions, 1);
    if (code >= 0)
        return code; /* this process was a worker, and its parent is done with it */

    sheaf_error err;
    if (count_on(SHEAF_EXECUTOR_SEQUENTIAL, "sequential", &err) < 0 ||
        count_on(SHEAF_EXECUTOR_THREADS, "threads", &err) < 0 ||
        count_on(SHEAF_EXECUTOR_PROCESSES, "processes", &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    return 0;
}
