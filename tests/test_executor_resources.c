/*
 * Thread pools in a process that may not have all the threads it wants: workers have large stacks,
 * and the process is not given the address space for more than so many of them.
 */
#include <sys/resource.h>

#include "tests/support_queue.h"

enum { MIB = 1 << 20, STACK_MIB = 512, SLACK_MIB = 128 };

static sheaf_executor *large_pool(int max_workers)
{
    return pool_with((sheaf_executor_options){.max_workers = max_workers,
                                              .stack_bytes = (size_t)STACK_MIB * MIB});
}

static void limit_address_space(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
}

/* From here on so many more stacks find room, and what else is needed. */
static void allow_stacks(int n)
{
    unsigned long long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_not_null(file);
    cr_assert_eq(fscanf(file, "%llu", &pages), 1);
    fclose(file);
    limit_address_space((rlim_t)pages * 4096 + (rlim_t)(n * STACK_MIB + SLACK_MIB) * MIB);
}

Test(executor_resources, a_task_for_which_no_worker_can_be_started_stays_with_the_caller,
     .timeout = LIMIT)
{
    sheaf_executor *executor = large_pool(2);
    item items[3] = {0};
    sheaf_future *future = NULL;
    sheaf_future *futures[2];
    sheaf_task tasks[2] = {task_of(&items[0]), task_of(&items[1])};
    sheaf_error err;
    size_t taken = 99;
    allow_stacks(0);
    sheaf_status status = sheaf_executor_submit(executor, &tasks[0], &future, &err);
    cr_assert(status == SHEAF_ERESOURCE || status == SHEAF_EIO, "%d", status);
    cr_assert_eq(err.status, status);
    cr_assert_neq(err.os_error, 0);
    cr_assert_null(future);
    cr_assert_eq(sheaf_executor_submit_many(executor, tasks, 2, futures, &taken, NULL), status);
    cr_assert_eq(taken, 0);
    cr_assert_null(futures[0]);
    assert_untouched(items, 0, 2);
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    cr_assert(stats.submitted == 0 && stats.queued == 0 && stats.threads == 0);
    cr_assert_eq(sheaf_executor_workers(executor, NULL, 0), 0);

    limit_address_space(RLIM_INFINITY);
    cr_assert_eq(submit_item(executor, &items[2], &future), SHEAF_OK, "and now one can");
    cr_assert_eq(result_of(future), &items[2]);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    assert_ran(&items[2], 1);
    assert_untouched(items, 0, 2);
}

Test(executor_resources, a_pool_works_with_the_workers_that_it_can_start, .timeout = LIMIT)
{
    for (int n = 1; n <= 2; n++) {
        gate g;
        gate_init(&g);
        sheaf_executor *executor = large_pool(5);
        sheaf_future *futures[6];
        allow_stacks(n);
        for (int i = 0; i < 6; i++)
            futures[i] = submit(executor, pass_gate, &g);
        for (int i = 0; i < n; i++)
            sem_wait(&g.entered);
        cr_assert_eq(sheaf_executor_stats_get(executor).threads, (uint64_t)n);
        gate_open(&g, 6);
        for (int i = 0; i < 6; i++) {
            cr_assert_eq(result_of(futures[i]), &g);
            sheaf_future_release(futures[i]);
        }
        limit_address_space(RLIM_INFINITY);
        sheaf_executor_destroy(executor);
    }
}

/* Its stack is given back only when it has ended, and it is to be replaced before. */
Test(executor_resources, the_tasks_of_a_worker_that_cannot_be_replaced_do_not_wait_for_ever,
     .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = large_pool(1);
    item items[3] = {0};
    sheaf_future *futures[3];
    allow_stacks(1);
    sheaf_future *lost = submit(executor, pass_gate_and_leave, &g);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(submit_item(executor, &items[i], &futures[i]), SHEAF_OK);
    gate_open(&g, 1);
    cr_assert_eq(sheaf_future_result(lost, -1, NULL, NULL), SHEAF_EWORKER);
    for (int i = 0; i < 3; i++) {
        sheaf_error err;
        sheaf_error_clear(&err);
        cr_assert_eq(sheaf_future_result(futures[i], 5000, NULL, &err), SHEAF_EBROKEN);
        cr_assert_neq(err.message[0], '\0');
        cr_assert_eq(items[i].dropped, 1);
        cr_assert_eq(items[i].ran, 0);
        sheaf_future_release(futures[i]);
    }
    limit_address_space(RLIM_INFINITY);
    sheaf_future_release(lost);
    sheaf_executor_destroy(executor);
}
