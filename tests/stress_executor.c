/*
 * Races in the executor, hunted by many threads that submit, wait, cancel, map and shut down at
 * random, with tasks that submit and wait for tasks themselves.
 *
 *     stress_executor [SECONDS] [SEED]      3 seconds and a fixed seed by default
 *
 * What is checked whatever the schedule: every accepted future becomes done; every argument is
 * dropped once; every result that nobody took is dropped once; an error is the task's own; no tree
 * of tasks is taken for a deadlock; after a shutdown that waited nothing runs; the pool's
 * statistics add up. A plain program, because Criterion does not run under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sheaf/map.h>

enum { CLIENTS = 6, BATCH = 40, CHILDREN_MAX = 3, DEPTH_MAX = 3 };

static atomic_ullong n_submitted, n_args_dropped, n_results_made, n_results_dropped,
    n_results_taken;
static atomic_bool failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            atomic_store(&failed, true);                                                           \
        }                                                                                          \
    } while (0)

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/*
 * What a task is given. A result is a number on the heap; a failure's message is the number in
 * digits.
 */
typedef struct job {
    sheaf_executor *executor;
    uint32_t number;
    int depth; /* below 0: has no children */
} job;

typedef struct client {
    pthread_t thread;
    sheaf_executor *executor;
    uint32_t random;
    bool may_shut_down;
} client;

static void drop_arg(void *arg)
{
    free(arg);
    atomic_fetch_add(&n_args_dropped, 1);
}

static void drop_result(void *result)
{
    free(result);
    atomic_fetch_add(&n_results_dropped, 1);
}

static void *new_job(sheaf_executor *executor, uint32_t number, int depth)
{
    job *made = malloc(sizeof *made);
    *made = (job){executor, number, depth};
    return made;
}

static bool fails(uint32_t number)
{
    return number % 11 == 0;
}

static bool is_number(const char *text, uint32_t number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%u", number);
    return strcmp(text, digits) == 0;
}

/* What a task may come to, and that it is its own. */
static void check_outcome(sheaf_status status, const sheaf_error *err, uint32_t number)
{
    CHECK(status == SHEAF_OK || status == SHEAF_ETASK || status == SHEAF_ECANCELLED ||
          status == SHEAF_EBROKEN);
    CHECK((status != SHEAF_OK && status != SHEAF_ETASK) ||
          fails(number) == (status == SHEAF_ETASK));
    CHECK(status != SHEAF_ETASK || is_number(err->message, number));
}

static sheaf_status work(sheaf_worker *worker, void *arg, void **result, sheaf_error *err);

static sheaf_future *submit_job(sheaf_executor *executor, uint32_t number, int depth)
{
    sheaf_future *future = NULL;
    sheaf_task task = {.run = work,
                       .arg = new_job(executor, number, depth),
                       .drop_arg = drop_arg,
                       .drop_result = drop_result};
    if (sheaf_executor_submit(executor, &task, &future, NULL) == SHEAF_OK)
        atomic_fetch_add(&n_submitted, 1);
    else
        free(task.arg);
    return future;
}

/* As a worker does: for ever, with a look or a moment before; sometimes not at all. */
static void wait_for_child(sheaf_future *child, uint32_t number, uint32_t how)
{
    sheaf_error err;
    void *result = NULL;
    sheaf_status status;
    if (how % 5 == 0)
        return;
    if (how % 3 == 0) {
        status = sheaf_future_result(child, how % 128 == 0, &result,
                                     &err); /* a wait costs a millisecond */
        CHECK(status == SHEAF_ETIMEDOUT || sheaf_future_done(child));
    }
    status = sheaf_future_result(child, -1, &result, &err);
    check_outcome(status, &err, number);
    CHECK(status != SHEAF_OK || *(uint32_t *)result == number);
}

static void have_children(const job *self)
{
    sheaf_future *children[CHILDREN_MAX];
    uint32_t numbers[CHILDREN_MAX];
    uint32_t random = self->number | 1;
    int n = (int)(next_random(&random) % (CHILDREN_MAX + 1));
    for (int i = 0; i < n; i++) {
        numbers[i] = next_random(&random);
        children[i] = submit_job(self->executor, numbers[i], self->depth - 1);
    }
    for (int i = 0; i < n; i++) {
        if (children[i])
            wait_for_child(children[i], numbers[i], next_random(&random));
        sheaf_future_release(children[i]);
    }
}

static sheaf_status work(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    const job *self = arg;
    uint32_t number = self->number;
    uint32_t *scratch = sheaf_arena_new(sheaf_worker_scratch(worker), uint32_t, number % 1000 + 1);
    for (uint32_t i = 0; scratch && i <= number % 1000; i++)
        scratch[i] = number;
    if (self->depth >= 0)
        have_children(self);
    for (uint32_t i = 0; scratch && i <= number % 1000; i++)
        CHECK(scratch[i] == number);
    if (fails(number))
        return sheaf_error_set(err, SHEAF_ETASK, "%u", number);
    uint32_t *made = malloc(sizeof *made);
    *made = number;
    *result = made;
    atomic_fetch_add(&n_results_made, 1);
    return SHEAF_OK;
}

static void use_future(client *self, sheaf_future *future, uint32_t number)
{
    void *result = NULL;
    sheaf_error err;
    sheaf_status status = SHEAF_OK;
    switch (next_random(&self->random) % 5) {
    case 0:
        sheaf_future_cancel(future);
        break;
    case 1:
        status = sheaf_future_result(future, (int64_t)(next_random(&self->random) % 3), &result,
                                     &err);
        CHECK(status < 0 || *(uint32_t *)result == number);
        break;
    case 2:
        status = sheaf_future_take(future, -1, &result, &err);
        CHECK(status != SHEAF_OK || *(uint32_t *)result == number);
        if (status == SHEAF_OK) {
            free(result);
            atomic_fetch_add(&n_results_taken, 1);
        }
        break;
    case 3:
        status = sheaf_future_result(future, -1, &result, &err);
        check_outcome(status, &err, number);
        CHECK(sheaf_future_done(future));
        break;
    default:
        break; /* fire and forget */
    }
    sheaf_future_release(future);
}

static void submit_some(client *self)
{
    sheaf_future *futures[BATCH];
    uint32_t numbers[BATCH];
    for (int i = 0; i < BATCH; i++) {
        numbers[i] = next_random(&self->random);
        int depth = (int)(next_random(&self->random) % (DEPTH_MAX + 5)) -
                    5; /* mostly no children */
        futures[i] = submit_job(self->executor, numbers[i], depth);
    }
    for (int i = 0; i < BATCH; i++)
        if (futures[i])
            use_future(self, futures[i], numbers[i]);
}

typedef struct sequence {
    uint32_t next;
    uint32_t last;
} sequence;

static sheaf_status next_number(void *source, void **arg, sheaf_error *err)
{
    (void)err;
    sequence *s = source;
    if (s->next == s->last)
        return SHEAF_END;
    *arg = new_job(NULL, s->next++, -1);
    atomic_fetch_add(&n_submitted, 1);
    return SHEAF_OK;
}

static void map_some(client *self)
{
    uint32_t first = next_random(&self->random) % 100000;
    sequence source = {.next = first, .last = first + next_random(&self->random) % 60};
    sheaf_map_options options = {.size = sizeof options,
                                 .run = work,
                                 .next = next_number,
                                 .source = &source,
                                 .drop_arg = drop_arg,
                                 .drop_result = drop_result,
                                 .buffersize = next_random(&self->random) % 9};
    sheaf_map *map = NULL;
    if (sheaf_map_open(self->executor, &options, &map, NULL) < 0)
        return;
    uint32_t expected = first;
    uint32_t enough = next_random(&self->random) % 60;
    void *result;
    while (expected - first < enough && sheaf_map_next(map, &result, NULL) == SHEAF_OK) {
        CHECK(*(uint32_t *)result == expected);
        expected++;
        free(result);
        atomic_fetch_add(&n_results_taken, 1);
    }
    sheaf_map_close(map);
}

static void shut_down(client *self)
{
    bool wait = next_random(&self->random) % 2;
    CHECK(sheaf_executor_shutdown(self->executor, wait, next_random(&self->random) % 2) ==
          SHEAF_OK);
    if (!wait)
        return;
    sheaf_executor_stats stats = sheaf_executor_stats_get(self->executor);
    CHECK(stats.running == 0 && stats.queued == 0);
    CHECK(stats.submitted == stats.finished + stats.cancelled);
}

static void *client_main(void *argument)
{
    client *self = argument;
    for (int i = 0; i < 20; i++) {
        if (next_random(&self->random) % 3 == 0)
            map_some(self);
        else
            submit_some(self);
        if (self->may_shut_down && next_random(&self->random) % 40 == 0)
            shut_down(self);
    }
    return NULL;
}

static sheaf_status sometimes_fail(sheaf_worker *worker, void *arg, sheaf_error *err)
{
    return sheaf_worker_index(worker) == *(int *)arg ? sheaf_error_set(err, SHEAF_ENOMEM, "refused")
                                                     : SHEAF_OK;
}

/* One pool, from its creation to its end. */
static void round_of(uint32_t *random)
{
    client clients[CLIENTS];
    sheaf_executor *executor;
    int failing_worker = next_random(random) % 6 == 0 ? (int)(next_random(random) % 3) : -1;
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = (int)(next_random(random) % 4) + 1,
                                      .initializer = sometimes_fail,
                                      .init_arg = &failing_worker};
    CHECK(sheaf_executor_create(&options, &executor, NULL) == SHEAF_OK);
    bool may_shut_down = next_random(random) % 3 == 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (client){.executor = executor,
                              .random = next_random(random) | 1,
                              .may_shut_down = may_shut_down};
        pthread_create(&clients[i].thread, NULL, client_main, &clients[i]);
    }
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i].thread, NULL);
    sheaf_executor_shutdown(executor, true, next_random(random) % 2);
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    CHECK(stats.submitted == stats.finished + stats.cancelled);
    CHECK(stats.queued == 0 && stats.running == 0);
    sheaf_executor_destroy(executor);
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? atof(argv[1]) : 3;
    uint32_t random = argc > 2 ? (uint32_t)atol(argv[2]) | 1 : 20261121;
    struct timespec begun, now;
    unsigned rounds = 0;
    clock_gettime(CLOCK_MONOTONIC, &begun);
    do {
        round_of(&random);
        rounds++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (!atomic_load(&failed) && (double)(now.tv_sec - begun.tv_sec) < seconds);
    CHECK(n_submitted == n_args_dropped);
    CHECK(n_results_made == n_results_dropped + n_results_taken);
    printf("%u pools, %llu tasks, %llu results taken, %llu dropped\n", rounds,
           (unsigned long long)n_submitted, (unsigned long long)n_results_taken,
           (unsigned long long)n_results_dropped);
    return atomic_load(&failed) ? 1 : 0;
}
