/*
 * Tasks that submit and wait for tasks of their own pool: their errors, their memory, and the
 * deadlocks that are ones and those that are not. And what is left of a pool in a child of fork().
 */
#include <sys/wait.h>

#include "engine/executor/future.h"
#include "tests/support_executor.h"

/* ---- tasks that wait for tasks ---- */

typedef struct sum_task {
    sheaf_executor *executor;
    long from, to;
    long total;
} sum_task;

static sheaf_status add_up(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    sum_task *self = arg;
    self->total = self->from;
    if (self->to - self->from == 1)
        return SHEAF_OK;
    long middle = (self->from + self->to) / 2;
    sum_task halves[2] = {{self->executor, self->from, middle, 0},
                          {self->executor, middle, self->to, 0}};
    sheaf_future *futures[2];
    sheaf_status status = SHEAF_OK;
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sheaf_executor_submit(self->executor,
                                           &(sheaf_task){.run = add_up, .arg = &halves[i]},
                                           &futures[i], err),
                     SHEAF_OK);
    for (int i = 0; i < 2; i++) {
        if (sheaf_future_result(futures[i], -1, NULL, err) < 0)
            status = SHEAF_ETASK;
        sheaf_future_release(futures[i]);
    }
    self->total = halves[0].total + halves[1].total;
    return status;
}

Test(nested, a_tree_of_tasks_cannot_deadlock, .timeout = LIMIT)
{
    for (int workers = 1; workers <= 4; workers++) {
        sheaf_executor *executor = pool_of(workers);
        sum_task sum = {executor, 0, 256, 0};
        sheaf_future *future = submit(executor, add_up, &sum);
        result_of(future);
        cr_assert_eq(sum.total, 255 * 256 / 2);
        sheaf_future_release(future);
        sheaf_executor_destroy(executor);
    }
}

/* ---- failures inside failures ---- */

/* A task that waits for the next level's, and then fails, or not, for a reason of its own. */
enum { LEVELS = 4 };

typedef struct family {
    sheaf_executor *executor;
    unsigned failing; /* a bit for each level */
    sheaf_future *futures[LEVELS];
    sheaf_status seen[LEVELS]; /* what the level above saw of this one */
    char messages[LEVELS][32]; /* likewise */
} family;

typedef struct member {
    family *family;
    int level;
} member;

static sheaf_status live(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    member *self = arg;
    family *all = self->family;
    int below = self->level + 1;
    if (below < LEVELS) {
        member child = {all, below};
        sheaf_error seen;
        sheaf_error_clear(&seen);
        if (sheaf_executor_submit(all->executor, &(sheaf_task){.run = live, .arg = &child},
                                  &all->futures[below], err) < 0)
            return SHEAF_EIO;
        all->seen[below] = sheaf_future_result(all->futures[below], -1, NULL, &seen);
        snprintf(all->messages[below], sizeof all->messages[below], "%.31s", seen.message);
    }
    if (all->failing >> self->level & 1)
        return sheaf_error_set(err, SHEAF_ETASK, "level %d failed", self->level);
    return SHEAF_OK;
}

static void assert_level(const family *all, int level)
{
    bool fails = all->failing >> level & 1;
    char expected[32] = "";
    sheaf_error err;
    sheaf_error_clear(&err);
    if (fails)
        snprintf(expected, sizeof expected, "level %d failed", level);
    cr_assert_eq(sheaf_future_result(all->futures[level], -1, NULL, &err),
                 fails ? SHEAF_ETASK : SHEAF_OK);
    cr_assert_str_eq(err.message, expected, "in the end, of %x", all->failing);
    if (level > 0) {
        cr_assert_eq(all->seen[level], fails ? SHEAF_ETASK : SHEAF_OK);
        cr_assert_str_eq(all->messages[level], expected, "seen from above, of %x", all->failing);
    }
}

Test(nested, each_of_the_tasks_inside_each_other_has_its_own_error, .timeout = LIMIT)
{
    for (int workers = 1; workers <= 3; workers++) {
        sheaf_executor *executor = pool_of(workers);
        for (unsigned failing = 0; failing < 1u << LEVELS; failing++) {
            family all = {.executor = executor, .failing = failing};
            member first = {&all, 0};
            all.futures[0] = submit(executor, live, &first);
            (void)!sheaf_future_result(all.futures[0], -1, NULL, NULL);
            for (int level = 0; level < LEVELS; level++)
                assert_level(&all, level);
            for (int level = 0; level < LEVELS; level++)
                sheaf_future_release(all.futures[level]);
        }
        sheaf_executor_destroy(executor);
    }
}

static sheaf_status hand_on(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    sheaf_future *child;
    if (sheaf_executor_submit(arg, &(sheaf_task){.run = fail, .arg = "inside"}, &child, err) < 0)
        return SHEAF_EIO;
    sheaf_status status = sheaf_future_result(child, -1, NULL, err);
    sheaf_future_release(child); /* the last reference: the error must be a copy */
    return status;
}

Test(nested, a_task_may_fail_with_the_error_of_the_task_inside, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (int i = 0; i < 100; i++) {
        sheaf_error err;
        sheaf_future *future = submit(executor, hand_on, executor);
        cr_assert_eq(sheaf_future_result(future, -1, NULL, &err), SHEAF_ETASK);
        cr_assert_str_eq(err.message, "item inside is bad");
        sheaf_future_release(future);
    }
    sheaf_executor_destroy(executor);
}

static sheaf_status spoil_scratch(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)arg, (void)result, (void)err;
    char *bytes = sheaf_arena_new(sheaf_worker_scratch(worker), char, 100000);
    if (!bytes)
        return SHEAF_ENOMEM;
    memset(bytes, 'x', 100000);
    return SHEAF_OK;
}

static sheaf_status keep_scratch(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)result;
    char *bytes = sheaf_arena_new(sheaf_worker_scratch(worker), char, 1000);
    if (!bytes)
        return SHEAF_ENOMEM;
    memset(bytes, 'k', 1000);
    for (int i = 0; i < 10; i++) {
        sheaf_future *child;
        if (sheaf_executor_submit(arg, &(sheaf_task){.run = spoil_scratch}, &child, err) < 0)
            return SHEAF_EIO;
        sheaf_status status = sheaf_future_result(child, -1, NULL, err);
        sheaf_future_release(child);
        if (status < 0)
            return status;
    }
    for (int i = 0; i < 1000; i++)
        if (bytes[i] != 'k')
            return sheaf_error_set(err, SHEAF_ETASK, "byte %d was overwritten", i);
    return SHEAF_OK;
}

Test(nested, a_task_keeps_its_scratch_while_others_run_inside, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, keep_scratch, executor);
    result_of(future);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* ---- not waiting, waiting a little, waiting too deep ---- */

typedef struct impatient {
    sheaf_executor *executor;
    gate inside;
    sheaf_status seen[2];
    int passed; /* the gate, when both waits were over */
} impatient;

static sheaf_status do_not_wait(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker;
    impatient *self = arg;
    sheaf_future *child;
    if (sheaf_executor_submit(self->executor, &(sheaf_task){.run = pass_gate, .arg = &self->inside},
                              &child, err) < 0)
        return SHEAF_EIO;
    self->seen[0] = sheaf_future_result(child, 0, NULL, NULL);
    self->seen[1] = sheaf_future_result(child, 1, NULL, NULL);
    self->passed = atomic_load(&self->inside.passed);
    *result = child;
    return SHEAF_OK;
}

Test(nested, a_worker_that_does_not_wait_for_ever_does_not_run_the_task_itself, .timeout = LIMIT)
{
    impatient all = {.executor = pool_of(1)};
    gate_init(&all.inside);
    gate_open(&all.inside, 1); /* so that a wrong run is seen, and does not hang */
    sheaf_future *future = submit(all.executor, do_not_wait, &all);
    sheaf_future *child = result_of(future);
    cr_assert_eq(all.seen[0], SHEAF_ETIMEDOUT, "no wait gives %d", all.seen[0]);
    cr_assert_eq(all.seen[1], SHEAF_ETIMEDOUT, "a short wait gives %d", all.seen[1]);
    cr_assert_eq(all.passed, 0, "it ran inside the wait");
    cr_assert_eq(result_of(child), &all.inside, "it runs when the worker is free");
    sheaf_future_release(child);
    sheaf_future_release(future);
    sheaf_executor_destroy(all.executor);
}

typedef struct chain {
    sheaf_executor *executor;
    long links; /* still to come */
} chain;

static sheaf_status next_link(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    chain *self = arg;
    if (self->links == 0)
        return SHEAF_OK;
    chain *rest = malloc(sizeof *rest);
    *rest = (chain){self->executor, self->links - 1};
    sheaf_future *child;
    sheaf_task task = {.run = next_link, .arg = rest, .drop_arg = free};
    if (sheaf_executor_submit(self->executor, &task, &child, err) < 0) {
        free(rest);
        return SHEAF_EIO;
    }
    sheaf_status status = sheaf_future_result(child, -1, NULL, err);
    sheaf_future_release(child);
    return status;
}

static sheaf_status follow_chain(long links)
{
    sheaf_executor *executor = pool_of(1);
    chain first = {executor, links};
    sheaf_future *future = submit(executor, next_link, &first);
    sheaf_status status = sheaf_future_result(future, -1, NULL, NULL);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor); /* runs what the chain left in the queue */
    return status;
}

Test(nested, tasks_may_wait_inside_each_other_100_deep, .timeout = LIMIT)
{
    cr_assert_eq(follow_chain(100), SHEAF_OK);
}

Test(nested, a_chain_that_is_too_deep_is_told_of_it_and_does_not_crash, .timeout = LIMIT)
{
    cr_assert_eq(follow_chain(300), SHEAF_EDEADLK);
    cr_assert_eq(follow_chain(100000), SHEAF_EDEADLK);
}

/* ---- deadlocks, and what only looks like one ---- */

static sheaf_future *own_future;

static sheaf_status wait_for_self(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    sem_wait(&((gate *)arg)->open);
    return sheaf_future_result(own_future, -1, NULL, err);
}

Test(nested, a_task_that_waits_for_itself_is_told_of_the_deadlock, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    own_future = submit(executor, wait_for_self, &g);
    gate_open(&g, 1);
    cr_assert_eq(sheaf_future_result(own_future, -1, NULL, NULL), SHEAF_EDEADLK);
    sheaf_future_release(own_future);
    sheaf_executor_destroy(executor);
}

/* Two tasks, each on a worker of its own, that wait for each other. */
typedef struct knot {
    gate *gate;
    sleeper sleeper;
    sheaf_future *other;
    sheaf_status seen;
} knot;

static sheaf_status wait_for_the_other(sheaf_worker *worker, void *arg, void **result,
                                       sheaf_error *err)
{
    knot *self = arg;
    pass_gate(worker, self->gate, result, err);
    about_to_sleep(&self->sleeper);
    self->seen = sheaf_future_result(self->other, -1, NULL, NULL);
    came_back(&self->sleeper);
    return SHEAF_OK;
}

/* What the other workers of the pool do. */
typedef enum pastime {
    REST,            /* when the knot is tied */
    REST_AFTERWARDS, /* they are busy when it is tied */
    LEAVE_AFTERWARDS
} pastime;

static void assert_knot_is_cut(int workers, pastime others)
{
    sheaf_executor *executor = pool_of(workers);
    gate both;
    gate rest;
    gate_init(&both);
    gate_init(&rest);
    knot a = {.gate = &both};
    knot b = {.gate = &both};
    sheaf_future *of_a = submit(executor, wait_for_the_other, &a);
    sheaf_future *of_b = submit(executor, wait_for_the_other, &b);
    for (int i = 2; i < workers; i++)
        sheaf_future_release(submit(executor, pass_gate, &rest));
    for (int i = 2; i < workers; i++)
        sem_wait(&rest.entered);
    if (others == REST)
        gate_open(&rest, workers - 2);
    while (others == REST && sheaf_executor_stats_get(executor).running > 2)
        sched_yield();
    a.other = of_b;
    b.other = of_a;
    gate_open(&both, 2);
    if (others != REST) { /* whoever is told already does not sleep, which is as good */
        (void)await_sleep(&a.sleeper);
        (void)await_sleep(&b.sleeper);
        if (others == LEAVE_AFTERWARDS)
            sheaf_executor_shutdown(executor, false, false);
        gate_open(&rest, workers - 2);
    }
    result_of(of_a);
    result_of(of_b);
    cr_assert(a.seen == SHEAF_EDEADLK || b.seen == SHEAF_EDEADLK, "%d and %d", a.seen, b.seen);
    cr_assert(a.seen == SHEAF_OK || b.seen == SHEAF_OK, "one is told, the other gets its result");
    sheaf_future_release(of_a);
    sheaf_future_release(of_b);
    sheaf_executor_destroy(executor);
}

Test(nested, two_tasks_that_wait_for_each_other_are_told_of_the_deadlock, .timeout = LIMIT)
{
    for (int i = 0; i < 100; i++)
        assert_knot_is_cut(2, REST);
}

Test(nested, they_are_told_whatever_other_workers_do, .timeout = 2 * LIMIT)
{
    for (int i = 0; i < 50; i++) {
        for (pastime others = REST; others <= LEAVE_AFTERWARDS; others++) {
            assert_knot_is_cut(3, others);
            assert_knot_is_cut(5, others);
        }
    }
}

/*
 * A task `first` waits for its child; when the child is done, its worker goes on with `second`,
 * which waits for `first`: that one still sleeps, or is just waking, but it does not wait any more.
 * Whether the second worker is quicker than the waking thread is up to the machine: mostly it is.
 */
typedef struct relay {
    sheaf_executor *executor;
    gate inside;
    sleeper sleeper;
    sheaf_future *first;
} relay;

static sheaf_status wait_for_child(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    relay *self = arg;
    sheaf_future *child;
    if (sheaf_executor_submit(self->executor, &(sheaf_task){.run = pass_gate, .arg = &self->inside},
                              &child, err) < 0)
        return SHEAF_EIO;
    sem_wait(&self->inside.entered); /* it runs, on the other worker */
    about_to_sleep(&self->sleeper);
    sheaf_status status = sheaf_future_result(child, -1, NULL, err);
    came_back(&self->sleeper);
    sheaf_future_release(child);
    return status;
}

static sheaf_status wait_for_first(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    return sheaf_future_result(((relay *)arg)->first, -1, NULL, err);
}

Test(nested, a_thread_that_is_being_woken_is_not_part_of_a_deadlock, .timeout = 3 * LIMIT)
{
    for (int i = 0; i < 300; i++) {
        relay all = {.executor = pool_of(2)};
        gate_init(&all.inside);
        sheaf_error err;
        all.first = submit(all.executor, wait_for_child, &all);
        cr_assert(await_sleep(&all.sleeper));
        sheaf_future *second = submit(all.executor, wait_for_first, &all);
        gate_open(&all.inside, 1);
        sheaf_status status = sheaf_future_result(second, -1, NULL, &err);
        cr_assert_eq(status, SHEAF_OK, "round %d: %s", i, err.message);
        cr_assert_eq(sheaf_future_result(all.first, -1, NULL, NULL), SHEAF_OK);
        sheaf_future_release(second);
        sheaf_future_release(all.first);
        sheaf_executor_destroy(all.executor);
    }
}

/* ---- fork ---- */

Test(nested, in_a_child_of_fork_the_pool_is_dead_and_nothing_hangs, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, pass_gate, &g);
    sem_wait(&g.entered);
    pid_t child = fork();
    if (child == 0) {
        bool good = sheaf_executor_submit(executor, &(sheaf_task){.run = give_back}, NULL, NULL) ==
                        SHEAF_EFORKED &&
                    sheaf_future_result(future, -1, NULL, NULL) == SHEAF_EFORKED &&
                    sheaf_executor_shutdown(executor, true, false) == SHEAF_EFORKED;
        sheaf_executor_destroy(executor);
        _exit(good ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %x",
              (unsigned)status);
    gate_open(&g, 1);
    cr_assert_eq(result_of(future), &g, "the parent goes on");
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

static bool child_is_good(sheaf_executor *executor, sheaf_future *finished, sheaf_future *failed,
                          sheaf_future *taken)
{
    void *result = NULL;
    sheaf_error err;
    bool good = sheaf_future_done(finished) &&
                sheaf_future_result(finished, -1, &result, NULL) == SHEAF_OK &&
                result == executor && sheaf_future_result(finished, 0, NULL, NULL) == SHEAF_OK;
    good = good && sheaf_future_result(failed, -1, NULL, &err) == SHEAF_ETASK &&
           strcmp(err.message, "item 3 is bad") == 0;
    good = good && sheaf_future_take(taken, -1, &result, NULL) == SHEAF_OK &&
           sheaf_future_take(taken, -1, &result, NULL) == SHEAF_ESTATE;
    good = good && sheaf_future_cancel(finished) == SHEAF_ESTATE;
    (void)sheaf_executor_stats_get(executor);
    good = good && sheaf_executor_shutdown(executor, true, true) == SHEAF_EFORKED;
    sheaf_future_release(finished);
    sheaf_executor_destroy(executor);
    return good;
}

Test(nested, in_a_child_of_fork_a_finished_future_has_its_result_whatever_was_locked,
     .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    sheaf_future *finished = submit(executor, give_back, executor);
    sheaf_future *failed = submit(executor, fail, "3");
    sheaf_future *taken = submit(executor, give_back, executor);
    result_of(finished);
    (void)!sheaf_future_result(failed, -1, NULL, NULL);
    result_of(taken);
    pthread_mutex_lock(
        &finished->owner->mutex); /* as by another thread, which does not exist in the child */
    pid_t child = fork();
    if (child == 0) {
        alarm(LIMIT / 2);
        _exit(child_is_good(executor, finished, failed, taken) ? 0 : 1);
    }
    pthread_mutex_unlock(&finished->owner->mutex);
    int status = -1;
    waitpid(child, &status, 0);
    cr_assert_not(WIFSIGNALED(status), "the child hung: %x", (unsigned)status);
    cr_assert_eq(WEXITSTATUS(status), 0);
    cr_assert_eq(result_of(finished), executor, "the parent goes on");
    cr_assert_eq(result_of(taken), executor);
    sheaf_future_release(finished);
    sheaf_future_release(failed);
    sheaf_future_release(taken);
    sheaf_executor_destroy(executor);
}
