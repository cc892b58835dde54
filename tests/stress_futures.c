/*
 * Races around futures, hunted by many threads that share them: each submits, cancels, waits,
 * watches, finishes bare futures, asks to stop and shuts down at random, on futures that the others
 * are doing the same to.
 *
 *     stress_futures [SECONDS] [SEED]      3 seconds and a fixed seed by default
 *
 * A round is two executors of random kinds and limits (some with an initializer that refuses), a
 * table of futures that all clients put into and take out of, and an account for each task, bare
 * future and callback. When all is shut down and released, every account must be in balance:
 *
 *     accepted task      ran at most once, its argument was dropped once, its future is final
 *     refused task       none of this
 *     result             was dropped once or taken once
 *     callback           ran once, then its context was dropped once
 *     the pools          have counted the same
 *
 * A hang is found by an alarm. A plain program, because Criterion does not run under
 * ThreadSanitizer.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/executor.h>

#include "tests/support_accounts.h"

enum {
    CLIENTS = 6,
    OPERATIONS = 60, /* of a client in a round */
    EXECUTORS = 2,
    SLOTS = 24,
    MANY = 12, /* futures in one wait, tasks in one submit_many */
    HANG_SECONDS = 240
};

/* ---- a round, and the table of futures that its clients share ---- */

typedef struct slot {
    sheaf_future *future; /* a reference; or NULL */
    item *of;
} slot;

typedef struct round {
    sheaf_executor *executors[EXECUTORS];
    /* A callback may submit here: a submit that could wait, in a worker of another pool that waits
       likewise, would be the program's own deadlock. */
    bool never_waits[EXECUTORS];
    bool may_shut_down;
    int failing_worker; /* whose initializer refuses; -1: nobody's */
    pthread_mutex_t mutex;
    slot slots[SLOTS]; /* guarded by mutex */
} round;

typedef struct client {
    pthread_t thread;
    round *round;
    uint32_t random;
} client;

/* A reference to some future of the table; future is NULL when the slot was empty. */
static slot borrow(client *self)
{
    round *r = self->round;
    uint32_t index = next_random(&self->random) % SLOTS;
    pthread_mutex_lock(&r->mutex);
    slot found = r->slots[index];
    if (found.future)
        sheaf_future_retain(found.future);
    pthread_mutex_unlock(&r->mutex);
    return found;
}

/* Give a reference to the table; what stood there is released. */
static void put(client *self, sheaf_future *future, item *of)
{
    round *r = self->round;
    uint32_t index = next_random(&self->random) % SLOTS;
    pthread_mutex_lock(&r->mutex);
    slot before = r->slots[index];
    r->slots[index] = (slot){future, of};
    pthread_mutex_unlock(&r->mutex);
    sheaf_future_release(before.future);
}

/* ---- tasks ---- */

static sheaf_status fail(item *of, sheaf_status status, sheaf_error *err)
{
    atomic_fetch_add(&of->failures, 1);
    return sheaf_error_set(err, status, "on purpose");
}

static sheaf_status work(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    const block *self = arg;
    CHECK(atomic_fetch_add(&self->of->runs, 1) == 0);
    CHECK(sheaf_worker_local(worker) == self->round);
    if (self->of->kind == FAILS)
        return fail(self->of, SHEAF_ETASK, err);
    /* In a thread of the pool its client asks it to stop; run by submit itself, nobody could. */
    for (int i = 0; self->of->kind == POLLS_FOR_STOP && i < 200; i++) {
        if (sheaf_worker_stopping(worker))
            return fail(self->of, SHEAF_ECANCELLED, err);
        sched_yield();
    }
    *result = new_result(self->of);
    return SHEAF_OK;
}

static sheaf_task new_task(round *r, uint32_t *random)
{
    item *of = new_item(next_random(random) % BARE);
    return (sheaf_task){.run = work,
                        .arg = of ? new_block(of, r, next_random(random)) : NULL,
                        .drop_arg = drop_arg,
                        .drop_result = end_result};
}

/* A task that is refused is still ours, argument and all. Its account says which it was. */
static void settle(const sheaf_task *task, item *of, sheaf_status status)
{
    if (status == SHEAF_OK)
        return;
    CHECK(status == SHEAF_ESHUTDOWN || status == SHEAF_EBROKEN || status == SHEAF_EAGAIN);
    atomic_store(&of->accepted, 0);
    free(task->arg);
}

/* Returns the account of a task that was accepted, else NULL. */
static item *submit(sheaf_executor *executor, round *r, uint32_t *random, sheaf_future **future)
{
    sheaf_task task = new_task(r, random);
    if (!task.arg)
        return NULL;
    item *of = ((block *)task.arg)->of; /* the argument is gone, once it is accepted */
    atomic_store(&of->accepted, 1);     /* before it could run */
    sheaf_status status = sheaf_executor_submit(executor, &task, future, NULL);
    settle(&task, of, status);
    CHECK(!future || (status == SHEAF_OK) == (*future != NULL));
    return status == SHEAF_OK ? of : NULL;
}

static void add_callback(round *r, const slot *s, uint32_t number);

static sheaf_executor *any_executor(client *self)
{
    return self->round->executors[next_random(&self->random) % EXECUTORS];
}

static void submit_one(client *self)
{
    sheaf_future *future = NULL;
    bool forget = one_in(&self->random, 8);
    item *of = submit(any_executor(self), self->round, &self->random, forget ? NULL : &future);
    if (!future)
        return;
    if (of->kind == POLLS_FOR_STOP)
        sheaf_future_request_stop(future);
    if (one_in(&self->random, 4))
        add_callback(self->round, &(slot){future, of}, next_random(&self->random));
    put(self, future, of);
}

static void submit_many(client *self)
{
    sheaf_task tasks[MANY];
    item *of[MANY];
    sheaf_future *futures[MANY];
    size_t n = 0;
    size_t n_wanted = next_random(&self->random) % (MANY + 1);
    while (n < n_wanted && (tasks[n] = new_task(self->round, &self->random)).arg) {
        of[n] = ((block *)tasks[n].arg)->of;
        atomic_store(&of[n++]->accepted, 1);
    }
    size_t n_submitted = SIZE_MAX;
    sheaf_status status = sheaf_executor_submit_many(any_executor(self), tasks, n, futures,
                                                     &n_submitted, NULL);
    CHECK(n_submitted <= n && (status == SHEAF_OK) == (n_submitted == n));
    for (size_t i = 0; i < n_submitted; i++)
        put(self, futures[i], of[i]);
    for (size_t i = n_submitted; i < n; i++) {
        CHECK(!futures[i]);
        settle(&tasks[i], of[i], status);
    }
}

/* ---- one future ---- */

static void ask(client *self, const slot *s)
{
    static const int64_t timeouts[] = {0, 1, -1, -1};
    int64_t timeout_ms = timeouts[next_random(&self->random) % 4];
    sheaf_error err;
    sheaf_status status = sheaf_future_error(s->future, timeout_ms, &err);
    CHECK(status == SHEAF_OK || err.status == status);
    if (status == SHEAF_ETIMEDOUT && timeout_ms >= 0)
        return;
    CHECK(status == SHEAF_OK || status == SHEAF_ECANCELLED);
    CHECK(sheaf_future_cancelled(s->future) == (status == SHEAF_ECANCELLED));
    /* What is done stays done, and says the same at once. */
    sheaf_status again = sheaf_future_result(s->future, 0, NULL, NULL);
    CHECK(again == (status < 0 ? status : err.status) || again == SHEAF_ESTATE);
}

static void take(client *self, const slot *s)
{
    (void)self;
    void *result = NULL;
    sheaf_status status = sheaf_future_take(s->future, -1, &result, NULL);
    CHECK(status == SHEAF_OK || status == SHEAF_ETASK || status == SHEAF_ECANCELLED ||
          status == SHEAF_EBROKEN || status == SHEAF_ESTATE);
    CHECK(status != SHEAF_OK || ((const block *)result)->of == s->of);
    if (status == SHEAF_OK)
        end_result(result);
}

static void cancel(client *self, const slot *s)
{
    if (one_in(&self->random, 3))
        sheaf_future_request_stop(s->future);
    sheaf_status status = sheaf_future_cancel(s->future);
    CHECK(status == SHEAF_OK || status == SHEAF_ESTATE);
    sheaf_future_state state = sheaf_future_get_state(s->future);
    if (status == SHEAF_ESTATE)
        CHECK(state == SHEAF_FUTURE_RUNNING || state == SHEAF_FUTURE_FINISHED);
    else if (s->of->kind == BARE)
        CHECK(state == SHEAF_FUTURE_CANCELLED || state == SHEAF_FUTURE_NOTIFIED);
    else
        CHECK(state == SHEAF_FUTURE_NOTIFIED);
}

/* ---- callbacks ---- */

static void drop_context(void *context)
{
    block *b = context;
    int n_dropped = atomic_fetch_add(&b->of->contexts_dropped, 1); /* read before the other */
    CHECK(atomic_load(&b->of->callbacks_run) > n_dropped);
    free(b);
}

static void called_back(sheaf_future *future, void *context);

static void add_callback(round *r, const slot *s, uint32_t number)
{
    /* Counted first: it may run before add comes back. */
    atomic_fetch_add(&s->of->callbacks_added, 1);
    block *context = new_block(s->of, r, number);
    CHECK(sheaf_future_add_done_callback(s->future, called_back, context, drop_context) ==
          SHEAF_OK);
}

/* Whatever a callback likes to do, but wait. It runs in workers, clients, and who shuts down. */
static void called_back(sheaf_future *future, void *context)
{
    const block *self = context;
    round *r = self->round;
    uint32_t random = self->number | 1;
    int index = (int)(self->number / 64 % EXECUTORS);
    CHECK(sheaf_future_done(future));
    atomic_fetch_add(&self->of->callbacks_run, 1);
    switch (self->number % 8) {
    case 0:
        if (self->number > 4096) /* not for ever */
            add_callback(r, &(slot){future, self->of}, self->number % 4096);
        break;
    case 1:
        if (r->never_waits[index])
            submit(r->executors[index], r, &random, NULL);
        break;
    case 2:
        CHECK(sheaf_future_result(future, 0, NULL, NULL) != SHEAF_ETIMEDOUT);
        break;
    case 3:
        CHECK((sheaf_future_cancel(future) == SHEAF_OK) == sheaf_future_cancelled(future));
        break;
    case 4:
        sheaf_future_request_stop(future);
        break;
    default:
        break;
    }
}

/* ---- many futures ---- */

/* Returns how many. */
static size_t borrow_many(client *self, sheaf_future *futures[MANY])
{
    size_t n = 0;
    for (uint32_t i = next_random(&self->random) % (MANY + 1); i > 0; i--)
        if ((futures[n] = borrow(self).future) != NULL)
            n++;
    return n;
}

static void give_back(sheaf_future *const futures[MANY], size_t n)
{
    for (size_t i = 0; i < n; i++)
        sheaf_future_release(futures[i]);
}

static bool is_final(sheaf_future *future)
{
    sheaf_future_state state = sheaf_future_get_state(future);
    return state == SHEAF_FUTURE_FINISHED || state == SHEAF_FUTURE_NOTIFIED;
}

static void wait_for_many(client *self)
{
    sheaf_future *futures[MANY];
    size_t n = borrow_many(self, futures);
    sheaf_return_when when = next_random(&self->random) % 3;
    int64_t timeout_ms = (int64_t)(next_random(&self->random) % 3) - 1;
    bool done[MANY];
    sheaf_status status = sheaf_wait(futures, n, timeout_ms, when, done, NULL);
    CHECK(status == SHEAF_OK || (status == SHEAF_ETIMEDOUT && timeout_ms >= 0));
    size_t n_done = 0;
    size_t n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        sheaf_error err = {.status = SHEAF_OK};
        CHECK(!done[i] || is_final(futures[i]));
        n_done += done[i];
        n_failed += done[i] && sheaf_future_error(futures[i], 0, &err) == SHEAF_OK &&
                    err.status < 0;
    }
    if (status == SHEAF_OK && n > 0)
        CHECK(n_done == n || (when == SHEAF_FIRST_COMPLETED && n_done > 0) ||
              (when == SHEAF_FIRST_EXCEPTION && n_failed > 0));
    give_back(futures, n);
}

/* Where a future stands first. */
static size_t first_index(sheaf_future *const *futures, size_t n, const sheaf_future *future)
{
    size_t i = 0;
    while (i < n && futures[i] != future)
        i++;
    return i;
}

static void go_through_many(client *self)
{
    sheaf_future *futures[MANY];
    size_t n = borrow_many(self, futures);
    size_t n_different = 0;
    for (size_t i = 0; i < n; i++)
        n_different += first_index(futures, n, futures[i]) == i;
    int64_t timeout_ms = (int64_t)(next_random(&self->random) % 3) - 1;
    size_t enough = one_in(&self->random, 4) ? next_random(&self->random) % MANY : MANY + 1;
    sheaf_as_completed *completed;
    CHECK(sheaf_as_completed_open(futures, n, timeout_ms, &completed, NULL) == SHEAF_OK);
    CHECK(sheaf_as_completed_total(completed) == n_different);
    bool given[MANY] = {false};
    size_t n_given = 0;
    sheaf_status status = SHEAF_OK;
    while (n_given < enough) {
        sheaf_future *future;
        size_t index;
        status = sheaf_as_completed_next(completed, &future, &index, NULL);
        if (status != SHEAF_OK)
            break;
        CHECK(index < n && index == first_index(futures, n, future) && !given[index]);
        given[index] = true;
        CHECK(is_final(future));
        n_given++;
        sheaf_future_release(future);
        CHECK(sheaf_as_completed_pending(completed) == n_different - n_given);
    }
    CHECK(status == SHEAF_OK || (status == SHEAF_END && n_given == n_different) ||
          (status == SHEAF_ETIMEDOUT && timeout_ms >= 0 && n_given < n_different));
    sheaf_as_completed_close(completed);
    give_back(futures, n);
}

/* ---- bare futures ---- */

/* What belongs to an executor is finished by nobody else. */
static void finish(client *self, const slot *s)
{
    sheaf_status status;
    if (s->of->kind != BARE) {
        CHECK(sheaf_future_set_result(s->future, NULL) == SHEAF_ESTATE);
        return;
    }
    if (one_in(&self->random, 2)) {
        status = sheaf_future_set_running_or_notify_cancel(s->future);
        CHECK(status == SHEAF_OK || status == SHEAF_ECANCELLED || status == SHEAF_ESTATE);
    }
    if (one_in(&self->random, 4)) {
        sheaf_error err = {.status = SHEAF_ETASK, .message = "by hand"};
        status = sheaf_future_set_error(s->future, &err);
    } else {
        void *result = new_result(s->of);
        status = sheaf_future_set_result(s->future, result);
        if (status < 0)
            end_result(result); /* it is still ours */
    }
    CHECK(status == SHEAF_OK || status == SHEAF_ESTATE);
}

/*
 * Everybody may finish or cancel it meanwhile. In the end its maker sees to it that it is final, so
 * that the others may wait for it for ever.
 */
static void promise(client *self)
{
    slot s = {.of = new_item(BARE)};
    if (!s.of)
        return;
    CHECK(sheaf_future_create(end_result, &s.future, NULL) == SHEAF_OK);
    put(self, sheaf_future_retain(s.future), s.of);
    for (uint32_t i = next_random(&self->random) % 8; i > 0; i--)
        sched_yield();
    finish(self, &s);
    sheaf_status status = sheaf_future_set_running_or_notify_cancel(s.future);
    CHECK(status == SHEAF_ECANCELLED || status == SHEAF_ESTATE);
    /* Somebody else may be about to finish it: he is not held up by anything. */
    CHECK(sheaf_wait(&s.future, 1, -1, SHEAF_ALL_COMPLETED, NULL, NULL) == SHEAF_OK);
    CHECK(is_final(s.future));
    sheaf_future_release(s.future);
}

/* ---- clients ---- */

static void shut_down(client *self)
{
    sheaf_executor *executor = any_executor(self);
    if (!self->round->may_shut_down || !one_in(&self->random, 10))
        return;
    bool wait = one_in(&self->random, 2);
    CHECK(sheaf_executor_shutdown(executor, wait, one_in(&self->random, 2)) == SHEAF_OK);
    CHECK(!submit(executor, self->round, &self->random, NULL));
}

static void watch_pool(client *self)
{
    sheaf_executor_stats stats = sheaf_executor_stats_get(any_executor(self));
    CHECK(stats.finished <= stats.started && stats.started <= stats.submitted);
    sheaf_worker_view view = {.name = "none"};
    sheaf_executor_workers(any_executor(self), &view, 1);
    CHECK(*view.name);
}

static void add_callbacks(client *self, const slot *s)
{
    for (uint32_t i = next_random(&self->random) % 4; i > 0; i--)
        add_callback(self->round, s, next_random(&self->random));
}

static void use_one(client *self)
{
    static void (*const uses[])(client *, const slot *) = {ask,  ask,  cancel, cancel,
                                                           take, take, finish, add_callbacks};
    slot s = borrow(self);
    if (s.future)
        uses[next_random(&self->random) % 8](self, &s);
    sheaf_future_release(s.future);
}

static void *client_main(void *argument)
{
    static void (*const operations[])(client *) = {
        submit_one, submit_one, submit_one, submit_one,    submit_many,     promise,
        promise,    shut_down,  watch_pool, wait_for_many, go_through_many, use_one,
        use_one,    use_one,    use_one,    use_one};
    client *self = argument;
    for (int i = 0; i < OPERATIONS && !atomic_load(&failed); i++)
        operations[next_random(&self->random) % 16](self);
    return NULL;
}

/* ---- rounds ---- */

/* What runs on a worker finds the round in the worker's local. */
static sheaf_status begin_worker(sheaf_worker *worker, void *argument, sheaf_error *err)
{
    round *r = argument;
    if (sheaf_worker_index(worker) == r->failing_worker)
        return sheaf_error_set(err, SHEAF_ENOMEM, "refused");
    sheaf_worker_set_local(worker, r);
    return SHEAF_OK;
}

static sheaf_executor *new_executor(round *r, int index, uint32_t *random)
{
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = (int)(next_random(random) % 4) + 1,
                                      .initializer = begin_worker,
                                      .init_arg = r};
    if (one_in(random, 8))
        options.kind = SHEAF_EXECUTOR_SEQUENTIAL;
    else if (one_in(random, 2))
        options.queue_limit = next_random(random) % 8 + 1;
    options.queue_full = next_random(random) % 3;
    r->never_waits[index] = options.kind == SHEAF_EXECUTOR_THREADS &&
                            (options.queue_limit == 0 ||
                             options.queue_full != SHEAF_QUEUE_FULL_BLOCK);
    sheaf_executor *executor = NULL;
    CHECK(sheaf_executor_create(&options, &executor, NULL) == SHEAF_OK);
    return executor;
}

/* All is at rest: every account must be in balance, and the pools must have counted the same. */
static void check_accounts(const sheaf_executor_stats stats[EXECUTORS])
{
    int n = atomic_load(&n_items);
    uint64_t n_accepted = 0, n_runs = 0, n_failures = 0;
    for (int i = 0; i < n && i < ITEMS_MAX; i++) {
        check_item(&items[i]);
        n_accepted += (uint64_t)items[i].accepted;
        n_runs += (uint64_t)items[i].runs;
        n_failures += (uint64_t)items[i].failures;
    }
    for (int i = 0; i < EXECUTORS; i++) {
        CHECK(stats[i].submitted == stats[i].finished + stats[i].cancelled);
        CHECK(stats[i].started == stats[i].finished);
        CHECK(stats[i].queued == 0 && stats[i].running == 0);
        n_accepted -= stats[i].submitted;
        n_runs -= stats[i].finished;
        n_failures -= stats[i].failed;
    }
    CHECK(n_accepted == 0 && n_runs == 0 && n_failures == 0);
}

static void release_slots(round *r)
{
    for (int i = 0; i < SLOTS; i++) {
        CHECK(!r->slots[i].future || is_final(r->slots[i].future));
        sheaf_future_release(r->slots[i].future);
        r->slots[i].future = NULL;
    }
}

/* Returns how many tasks there were. */
static uint64_t play_round(uint32_t *random)
{
    round r = {.may_shut_down = one_in(random, 3),
               .failing_worker = one_in(random, 6) ? (int)(next_random(random) % 3) : -1};
    client clients[CLIENTS];
    sheaf_executor_stats stats[EXECUTORS];
    atomic_store(&n_items, 0);
    pthread_mutex_init(&r.mutex, NULL);
    for (int i = 0; i < EXECUTORS; i++)
        r.executors[i] = new_executor(&r, i, random);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.round = &r, .random = next_random(random) | 1};
        pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);

    /* Tasks of one may have callbacks that submit to another: nothing moves once all are down. */
    for (int i = 0; i < EXECUTORS; i++)
        CHECK(sheaf_executor_shutdown(r.executors[i], true, one_in(random, 2)) == SHEAF_OK);
    for (int i = 0; i < EXECUTORS; i++)
        stats[i] = sheaf_executor_stats_get(r.executors[i]);
    bool futures_outlive = one_in(random, 2);
    if (!futures_outlive)
        release_slots(&r);
    for (int i = 0; i < EXECUTORS; i++) {
        if (one_in(random, 2))
            sheaf_executor_destroy(r.executors[i]);
        else
            sheaf_executor_release(r.executors[i]);
    }
    if (futures_outlive)
        release_slots(&r);
    check_accounts(stats);
    pthread_mutex_destroy(&r.mutex);
    return stats[0].submitted + stats[1].submitted;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    uint32_t seed = argc > 2 ? (uint32_t)atol(argv[2]) : 20261122;
    uint32_t random = seed ? seed : 1;
    uint64_t n_tasks = 0;
    unsigned n_rounds = 0;
    struct timespec begun, now;
    alarm((unsigned)seconds + HANG_SECONDS);
    items = calloc(ITEMS_MAX, sizeof *items);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        n_tasks += play_round(&random);
        n_rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!atomic_load(&failed) && (double)(now.tv_sec - begun.tv_sec) < seconds);
    free(items);
    printf("seed %u: %u rounds, %llu tasks\n", seed, n_rounds, (unsigned long long)n_tasks);
    return atomic_load(&failed) ? 1 : 0;
}
