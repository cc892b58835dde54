/*
 * Waiting for many futures inside a worker: it runs what is queued in its own pool, and is told
 * when the workers wait for each other. Waiting from outside: test_wait.c.
 */
#include "tests/support_futures.h"

enum { MODES = 3, N_MAX = 8 };

static const sheaf_return_when modes[MODES] = {SHEAF_ALL_COMPLETED, SHEAF_FIRST_COMPLETED,
                                               SHEAF_FIRST_EXCEPTION};

/* The definition. */
static bool holds(sheaf_return_when when, const kind *kinds, size_t n)
{
    size_t n_final = 0;
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        n_final += kind_final(kinds[i]);
        n_failed += kinds[i] == FAILED;
    }
    return n_final == n || (when == SHEAF_FIRST_COMPLETED && n_final > 0) ||
           (when == SHEAF_FIRST_EXCEPTION && n_failed > 0);
}

/* A task that submits others to its own pool and waits for them. */
typedef struct inside {
    sheaf_executor *executor;
    sheaf_task_fn run[N_MAX];
    size_t n;
    sheaf_return_when when;
    int64_t timeout_ms;
    sheaf_status status;
    sheaf_future *futures[N_MAX];
    bool done[N_MAX];
} inside;

static sheaf_status wait_inside(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result;
    inside *self = arg;
    for (size_t i = 0; i < self->n; i++) {
        sheaf_task task = {.run = self->run[i], .arg = "3"};
        if (sheaf_executor_submit(self->executor, &task, &self->futures[i], err) < 0)
            return SHEAF_EIO;
    }
    self->status = sheaf_wait(self->futures, self->n, self->timeout_ms, self->when, self->done,
                              NULL);
    return SHEAF_OK;
}

Test(wait_inside, in_a_worker_runs_what_is_queued_in_its_own_pool, .timeout = LIMIT)
{
    for (int workers = 1; workers <= 3; workers++) {
        for (int m = 0; m < MODES; m++) {
            inside all = {.executor = pool_of(workers),
                          .run = {give_back, give_back, fail, give_back},
                          .n = 4,
                          .when = modes[m],
                          .timeout_ms = -1};
            sheaf_future *future = submit(all.executor, wait_inside, &all);
            kind now[4];
            result_of(future);
            cr_assert_eq(all.status, SHEAF_OK, "mode %d", m);
            for (int i = 0; i < 4; i++)
                now[i] = !all.done[i] ? PENDING : i == 2 ? FAILED : FINISHED;
            cr_assert(holds(modes[m], now, 4), "mode %d", m);
            release_all(all.futures, 4);
            sheaf_future_release(future);
            sheaf_executor_destroy(all.executor);
        }
    }
}

Test(wait_inside, in_a_worker_that_has_a_limit_runs_nothing, .timeout = LIMIT)
{
    for (int64_t ms = 0; ms < 3; ms++) {
        inside all = {
            .executor = pool_of(1), .run = {give_back, give_back}, .n = 2, .timeout_ms = ms};
        sheaf_future *future = submit(all.executor, wait_inside, &all);
        result_of(future);
        cr_assert_eq(all.status, SHEAF_ETIMEDOUT);
        cr_assert(!all.done[0] && !all.done[1]);
        release_all(all.futures, 2);
        sheaf_future_release(future);
        sheaf_executor_destroy(all.executor);
    }
}

/* A task that waits, when its gate opens, for futures that it is told of meanwhile. */
typedef struct knotted {
    gate gate;
    sleeper sleeper;
    bool by_result; /* waits by sheaf_future_result() for the first */
    sheaf_future *futures[N_MAX];
    size_t n;
    sheaf_return_when when;
    sheaf_status status;
    bool done[N_MAX];
} knotted;

static sheaf_status wait_as_told(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    knotted *self = arg;
    pass_gate(worker, &self->gate, result, err);
    about_to_sleep(&self->sleeper);
    self->status = self->by_result
                       ? sheaf_future_result(self->futures[0], -1, NULL, NULL)
                       : sheaf_wait(self->futures, self->n, -1, self->when, self->done, NULL);
    came_back(&self->sleeper);
    return SHEAF_OK;
}

/*
 * Each of n tasks waits for all the others, the first `by_result` of them by result(), and for what
 * may stand in front of them.
 */
static void assert_knot_is_cut(int n, int workers, int by_result, sheaf_future *in_front)
{
    sheaf_executor *executor = pool_of(workers);
    knotted tasks[N_MAX];
    sheaf_future *futures[N_MAX];
    int told = 0;
    for (int i = 0; i < n; i++) {
        tasks[i] = (knotted){
            .by_result = i < by_result, .futures = {in_front}, .n = in_front ? 1 : 0};
        gate_init(&tasks[i].gate);
        futures[i] = submit(executor, wait_as_told, &tasks[i]);
        sem_wait(&tasks[i].gate.entered);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++)
            if (j != i)
                tasks[i].futures[tasks[i].n++] = futures[j];
    for (int i = 0; i < n; i++)
        gate_open(&tasks[i].gate, 1);
    for (int i = 0; i < n; i++)
        result_of(futures[i]);
    for (int i = 0; i < n; i++) {
        cr_assert(tasks[i].status == SHEAF_OK || tasks[i].status == SHEAF_EDEADLK);
        told += tasks[i].status == SHEAF_EDEADLK;
    }
    cr_assert(told >= 1 && told < n, "%d of %d were told", told, n);
    release_all(futures, (size_t)n);
    sheaf_executor_destroy(executor);
}

Test(wait_inside, of_two_tasks_for_each_other_is_known_as_a_deadlock, .timeout = LIMIT)
{
    for (int i = 0; i < 30; i++) {
        assert_knot_is_cut(2, 2, 0, NULL);
        assert_knot_is_cut(2, 2, 1, NULL);
        assert_knot_is_cut(2, 3, 0, NULL); /* a worker that rests cannot help either */
    }
}

Test(wait_inside, of_many_tasks_for_each_other_is_known_as_a_deadlock, .timeout = LIMIT)
{
    for (int i = 0; i < 10; i++) {
        assert_knot_is_cut(3, 3, 0, NULL);
        assert_knot_is_cut(5, 5, 0, NULL);
        assert_knot_is_cut(5, 7, 0, NULL);
    }
}

Test(wait_inside, of_tasks_for_each_other_is_a_deadlock_whatever_else_is_final, .timeout = LIMIT)
{
    static thing result;
    for (kind k = NOTIFIED; k < KINDS; k++) {
        sheaf_future *future = bare();
        bring_to(future, k, &result);
        assert_knot_is_cut(2, 2, 0, future);
        assert_knot_is_cut(3, 4, 0, future);
        sheaf_future_release(future);
    }
}

/* A task waits for its own future, and for others. */
static void wait_for_self_and(knotted *self, sheaf_executor *executor, sheaf_future *other,
                              sheaf_return_when when)
{
    *self = (knotted){.when = when, .n = other ? 2 : 1};
    gate_init(&self->gate);
    self->futures[0] = submit(executor, wait_as_told, self);
    self->futures[1] = other;
    gate_open(&self->gate, 1);
}

Test(wait_inside, of_a_task_for_itself_is_known_as_a_deadlock, .timeout = LIMIT)
{
    for (int m = 0; m < MODES; m++) {
        sheaf_executor *executor = pool_of(1);
        knotted self;
        wait_for_self_and(&self, executor, NULL, modes[m]);
        result_of(self.futures[0]);
        cr_assert_eq(self.status, SHEAF_EDEADLK);
        cr_assert_not(self.done[0]);
        sheaf_future_release(self.futures[0]);
        sheaf_executor_destroy(executor);
    }
}

Test(wait_inside, that_somebody_outside_can_end_is_no_deadlock, .timeout = LIMIT)
{
    static thing result;
    sheaf_executor *executor = pool_of(1);
    knotted self;
    sheaf_future *other = bare();
    wait_for_self_and(&self, executor, other, SHEAF_FIRST_COMPLETED);
    cr_assert(await_sleep(&self.sleeper), "%d", self.status);
    set_result(other, &result);
    result_of(self.futures[0]);
    cr_assert_eq(self.status, SHEAF_OK);
    cr_assert(!self.done[0] && self.done[1]);
    release_all(self.futures, 2);
    sheaf_executor_destroy(executor);
}

Test(wait_inside, that_another_pool_can_end_is_no_deadlock, .timeout = LIMIT)
{
    held_pool other;
    sheaf_executor *executor = pool_of(1);
    knotted self;
    held_pool_init(&other);
    wait_for_self_and(&self, executor, other.running, SHEAF_FIRST_COMPLETED);
    cr_assert(await_sleep(&self.sleeper), "%d", self.status);
    gate_open(&other.gate, 1);
    result_of(self.futures[0]);
    cr_assert_eq(self.status, SHEAF_OK);
    sheaf_future_release(self.futures[0]);
    held_pool_end(&other);
    sheaf_executor_destroy(executor);
}

Test(wait_inside, that_a_queued_task_can_end_is_no_deadlock, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    knotted self = {.when = SHEAF_FIRST_COMPLETED, .n = 2};
    gate_init(&self.gate);
    self.futures[0] = submit(executor, wait_as_told, &self);
    self.futures[1] = submit(executor, give_back, NULL);
    gate_open(&self.gate, 1);
    result_of(self.futures[0]);
    cr_assert_eq(self.status, SHEAF_OK);
    cr_assert(!self.done[0] && self.done[1]);
    release_all(self.futures, 2);
    sheaf_executor_destroy(executor);
}
