/*
 * Worker processes that are killed at random, under load, and what must not come of it.
 *
 *     stress_processes [KILLS] [SEED]      60 kills and a fixed seed by default
 *
 * Two threads keep a pool of four children at work, one with single calls, small ones and such as
 * travel in shared memory, the other with maps. Meanwhile children are lost in every way there is:
 * killed from outside by SIGKILL, or stopped there until their call's time is over; ended from
 * inside by a signal, by exit, or by stopping themselves. What is checked, whatever the schedule:
 *
 *     every future is done, and its callback ran, exactly once
 *     a call that succeeds gives its own reply; one that fails gives EWORKER, and nothing else
 *     at most one task fails for each child that was lost
 *     a map gives its results in order up to the first one that was lost
 *     the pool works at the end, and its statistics add up
 *     no child, no zombie, no descriptor and no shared memory is left
 *
 * A hang is found by an alarm. A plain program, because Criterion does not run under
 * ThreadSanitizer, and its own worker command.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sheaf/call.h>
#include <sheaf/map.h>

enum {
    WORKERS = 4,
    TASK_TIMEOUT_MS = 100,
    CALLS_AT_ONCE = 24,
    MAP_ITEMS = 200,
    LARGE_BYTES = 150000,
    HANG_SECONDS_MIN = 120
};

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

/* ---- the calls: what a worker does, and what it is to reply ---- */

typedef enum ending { LIVES, RAISES, EXITS, STOPS } ending;

typedef struct order {
    uint64_t number;
    uint64_t n_reply; /* words */
    uint64_t n_words; /* of what follows */
    int32_t ends;     /* an ending */
    int32_t unused;
} order;

static uint64_t word_of(uint64_t number, uint64_t i)
{
    uint64_t z = (number + i) * UINT64_C(0x9E3779B97F4A7C15);
    return z ^ z >> 31;
}

static bool words_are_right(const uint64_t *words, uint64_t n, uint64_t number)
{
    for (uint64_t i = 0; i < n; i++)
        if (words[i] != word_of(number, i))
            return false;
    return true;
}

static void end_process(ending how)
{
    if (how == EXITS)
        _exit(3);
    int signal_number = how == STOPS ? SIGSTOP : SIGSEGV;
    signal(signal_number, SIG_DFL); /* a sanitizer would make an exit code of it */
    raise(signal_number);
}

static sheaf_status work(sheaf_worker *worker, const void *bytes, size_t n_bytes,
                         sheaf_reply *reply, sheaf_error *err)
{
    const order *o = bytes;
    (void)worker;
    if (n_bytes != sizeof *o + o->n_words * 8 ||
        !words_are_right((const uint64_t *)(o + 1), o->n_words, o->number))
        return sheaf_error_set(err, SHEAF_EINVAL, "the call is damaged");
    if (o->ends != LIVES)
        end_process((ending)o->ends);
    uint64_t *words = sheaf_reply_reserve(reply, (o->n_reply + 1) * 8);
    if (!words)
        return SHEAF_ENOMEM;
    words[0] = o->number;
    for (uint64_t i = 0; i < o->n_reply; i++)
        words[i + 1] = word_of(~o->number, i);
    return SHEAF_OK;
}

static const sheaf_function functions[] = {{"work", work}};

static sheaf_status make_call(order o, sheaf_call **made)
{
    static _Thread_local uint64_t buffer[(sizeof(order) + LARGE_BYTES) / 8 + 1];
    memcpy(buffer, &o, sizeof o);
    for (uint64_t i = 0; i < o.n_words; i++)
        buffer[sizeof o / 8 + i] = word_of(o.number, i);
    return sheaf_call_create(&functions[0], buffer, sizeof o + o.n_words * 8, made, NULL);
}

/* Most are small on both ways; some are large on either. */
static order random_order(uint64_t number, uint32_t *random)
{
    order o = {.number = number, .n_reply = next_random(random) % 20};
    if (next_random(random) % 20 == 0)
        o.n_words = LARGE_BYTES / 8;
    if (next_random(random) % 20 == 0)
        o.n_reply = LARGE_BYTES / 8;
    return o;
}

static void check_reply(const sheaf_block *block, const order *o)
{
    CHECK(block != NULL && block->n_bytes == (o->n_reply + 1) * 8);
    const uint64_t *words = block->bytes;
    CHECK(words[0] == o->number);
    CHECK(words_are_right(words + 1, o->n_reply, ~o->number));
}

/* ---- the account ---- */

static atomic_bool stopping;         /* no more load */
static atomic_int wanted_endings[4]; /* calls that are still to end their worker so */
static atomic_ullong n_calls, n_good, n_failed, n_callbacks, n_maps, n_map_items, n_maps_cut;

static bool take_one(atomic_int *counter)
{
    int n = atomic_load(counter);
    while (n > 0)
        if (atomic_compare_exchange_weak(counter, &n, n - 1))
            return true;
    return false;
}

static ending take_ending(void)
{
    for (int how = RAISES; how <= STOPS; how++)
        if (take_one(&wanted_endings[how]))
            return (ending)how;
    return LIVES;
}

/* ---- single calls ---- */

typedef struct client {
    pthread_t thread;
    sheaf_executor *executor;
    uint32_t random;
} client;

typedef struct one_call {
    order order;
    atomic_int callbacks;
    sheaf_future *future;
} one_call;

static void count_callback(sheaf_future *future, void *context)
{
    one_call *self = context;
    CHECK(sheaf_future_done(future));
    atomic_fetch_add(&self->callbacks, 1);
    atomic_fetch_add(&n_callbacks, 1);
}

static void check_call(one_call *c)
{
    void *block = NULL;
    sheaf_error err;
    sheaf_status status = sheaf_future_result(c->future, -1, &block, &err);
    if (status == SHEAF_OK) {
        check_reply(block, &c->order);
        CHECK(c->order.ends == LIVES);
        atomic_fetch_add(&n_good, 1);
    } else {
        CHECK(status == SHEAF_EWORKER && err.status == SHEAF_EWORKER);
        if (status != SHEAF_EWORKER)
            fprintf(stderr, "%s: %s\n", sheaf_status_name(status), err.message);
        atomic_fetch_add(&n_failed, 1);
    }
}

/* Submit some, one by one or at once. */
static void submit_calls(client *self, one_call *calls, size_t n)
{
    sheaf_task tasks[CALLS_AT_ONCE];
    sheaf_future *futures[CALLS_AT_ONCE];
    size_t n_submitted = 0;
    for (size_t i = 0; i < n; i++) {
        sheaf_call *made = NULL;
        uint64_t number = atomic_fetch_add(&n_calls, 1);
        calls[i] = (one_call){.order = random_order(number, &self->random)};
        calls[i].order.ends = take_ending();
        CHECK(make_call(calls[i].order, &made) == SHEAF_OK);
        tasks[i] = (sheaf_task){.run = sheaf_call_run,
                                .arg = made,
                                .drop_arg = sheaf_call_drop,
                                .drop_result = sheaf_block_drop};
    }
    if (next_random(&self->random) % 2 == 0) {
        CHECK(sheaf_executor_submit_many(self->executor, tasks, n, futures, &n_submitted, NULL) ==
              SHEAF_OK);
    } else {
        for (; n_submitted < n; n_submitted++)
            CHECK(sheaf_executor_submit(self->executor, &tasks[n_submitted], &futures[n_submitted],
                                        NULL) == SHEAF_OK);
    }
    for (size_t i = 0; i < n; i++) {
        calls[i].future = futures[i];
        CHECK(sheaf_future_add_done_callback(futures[i], count_callback, &calls[i], NULL) ==
              SHEAF_OK);
    }
}

static void wait_as_completed(one_call *calls, size_t n)
{
    sheaf_future *futures[CALLS_AT_ONCE];
    bool given[CALLS_AT_ONCE] = {false};
    sheaf_as_completed *iterator = NULL;
    sheaf_future *future = NULL;
    size_t index = 0;
    size_t n_given = 0;
    for (size_t i = 0; i < n; i++)
        futures[i] = calls[i].future;
    CHECK(sheaf_as_completed_open(futures, n, -1, &iterator, NULL) == SHEAF_OK);
    while (sheaf_as_completed_next(iterator, &future, &index, NULL) == SHEAF_OK) {
        CHECK(index < n && !given[index] && future == futures[index]);
        given[index] = true;
        n_given++;
        sheaf_future_release(future);
    }
    CHECK(n_given == n);
    sheaf_as_completed_close(iterator);
}

/* A callback may still be running when the result is there: it is waited for. */
static void end_calls(one_call *calls, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        check_call(&calls[i]);
        while (atomic_load(&calls[i].callbacks) == 0)
            sched_yield();
        sheaf_future_release(calls[i].future);
    }
    for (size_t i = 0; i < n; i++)
        CHECK(atomic_load(&calls[i].callbacks) == 1);
}

static void *call_singly(void *arg)
{
    client *self = arg;
    static one_call calls[CALLS_AT_ONCE];
    while (!atomic_load(&stopping)) {
        size_t n = 1 + next_random(&self->random) % CALLS_AT_ONCE;
        submit_calls(self, calls, n);
        if (next_random(&self->random) % 2 == 0)
            wait_as_completed(calls, n);
        end_calls(calls, n);
    }
    return NULL;
}

/* ---- maps ---- */

typedef struct items {
    order orders[MAP_ITEMS];
    size_t next;
    uint32_t *random;
} items;

static sheaf_status next_item(void *source, void **arg, sheaf_error *err)
{
    items *self = source;
    sheaf_call *made = NULL;
    if (self->next == MAP_ITEMS)
        return SHEAF_END;
    order *o = &self->orders[self->next++];
    *o = random_order(UINT64_C(1) << 40 | next_random(self->random), self->random);
    if (make_call(*o, &made) != SHEAF_OK)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no call");
    *arg = made;
    return SHEAF_OK;
}

static void map_once(client *self)
{
    static items source;
    sheaf_map *map = NULL;
    sheaf_error err;
    void *result = NULL;
    sheaf_status status;
    size_t n = 0;
    source.next = 0;
    source.random = &self->random;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = sheaf_call_run,
                                 .next = next_item,
                                 .source = &source,
                                 .drop_arg = sheaf_call_drop,
                                 .drop_result = sheaf_block_drop,
                                 .buffersize = 8 + next_random(&self->random) % 40,
                                 .chunksize = 1 + next_random(&self->random) % 6};
    size_t leave_at = next_random(&self->random) % (2 * MAP_ITEMS); /* some are closed early */
    CHECK(sheaf_map_open(self->executor, &options, &map, &err) == SHEAF_OK);
    while (n < leave_at && (status = sheaf_map_next(map, &result, &err)) != SHEAF_END) {
        if (status < 0) {
            CHECK(status == SHEAF_EWORKER);
            CHECK(sheaf_map_next(map, &result, &err) == SHEAF_END);
            atomic_fetch_add(&n_maps_cut, 1);
            break;
        }
        check_reply(result, &source.orders[n++]);
        sheaf_block_drop(result);
    }
    sheaf_map_close(map);
    CHECK(n <= MAP_ITEMS);
    atomic_fetch_add(&n_maps, 1);
    atomic_fetch_add(&n_map_items, n);
}

static void *map_and_map(void *arg)
{
    while (!atomic_load(&stopping))
        map_once(arg);
    return NULL;
}

/* ---- killing ---- */

static bool is_our_child(int64_t process)
{
    char path[64];
    char text[256] = "";
    int parent = 0;
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)process);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    const char *after_name = strrchr(text, ')');
    return after_name && sscanf(after_name, ") %*c %d", &parent) == 1 && parent == getpid();
}

/* By a descriptor, so that it cannot be another process that has got the number meanwhile. */
static bool signal_child(int64_t process, int signal_number)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)process, 0);
    bool sent = fd >= 0 && is_our_child(process) &&
                syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0) == 0;
    if (fd >= 0)
        close(fd);
    return sent;
}

/* To one child, or, with random NULL, to all. */
static bool signal_children(sheaf_executor *executor, uint32_t *random, int signal_number)
{
    sheaf_worker_view views[WORKERS];
    bool sent = false;
    size_t n = sheaf_executor_workers(executor, views, WORKERS);
    size_t chosen = random && n > 0 ? next_random(random) % n : 0;
    for (size_t i = 0; i < n && i < WORKERS; i++)
        if ((!random || i == chosen) && views[i].process_id > 0)
            sent = signal_child(views[i].process_id, signal_number) || sent;
    return sent;
}

static void rest(void)
{
    struct timespec moment = {.tv_nsec = 200000};
    nanosleep(&moment, NULL);
}

static unsigned long long progress(void)
{
    return atomic_load(&n_good) + atomic_load(&n_failed) + atomic_load(&n_map_items);
}

enum { WAYS = 5 };

static const char *const way_names[WAYS] = {"SIGKILL from outside", "SIGSTOP from outside",
                                            "SIGSEGV inside", "exit inside", "SIGSTOP inside"};

/* Lose one child after the other, with some work done in between. */
static void lose_children(sheaf_executor *executor, int n_kills, uint32_t *random, int *n_by_way)
{
    for (int n = 0; n < n_kills;) {
        unsigned long long before = progress();
        int way = (int)(next_random(random) % 8);
        way = way < WAYS ? way : way % 2 == 0 ? 0 : 2; /* stopping takes long: it is rarer */
        bool done = true;
        if (way < 2)
            done = signal_children(executor, random, way == 0 ? SIGKILL : SIGSTOP);
        else
            atomic_fetch_add(&wanted_endings[RAISES + way - 2], 1);
        n += done;
        n_by_way[way] += done;
        unsigned long long enough = before + next_random(random) % 30;
        while (progress() < enough)
            rest();
    }
}

static bool any_wanted(void)
{
    return atomic_load(&wanted_endings[RAISES]) || atomic_load(&wanted_endings[EXITS]) ||
           atomic_load(&wanted_endings[STOPS]);
}

/* ---- what is left ---- */

static int count_descriptors(void)
{
    int n = 0;
    DIR *all = opendir("/proc/self/fd");
    while (all && readdir(all))
        n++;
    if (all)
        closedir(all);
    return n;
}

static int count_mappings(void)
{
    int n = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && fgets(line, sizeof line, maps))
        n += strstr(line, "/memfd:sheaf") != NULL;
    if (maps)
        fclose(maps);
    return n;
}

static bool has_children(void)
{
    siginfo_t info;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 || errno != ECHILD;
}

static void check_stats(sheaf_executor *executor, int n_kills)
{
    sheaf_executor_stats stats = sheaf_executor_stats_get(executor);
    CHECK(stats.submitted == stats.finished + stats.cancelled);
    CHECK(stats.started == stats.finished);
    CHECK(stats.queued == 0 && stats.running == 0);
    CHECK(stats.failed <= stats.lost + stats.cancelled + atomic_load(&n_maps));
    CHECK(atomic_load(&n_failed) + atomic_load(&n_maps_cut) <= stats.lost);
    CHECK(stats.lost > 0 || n_kills == 0);
    CHECK(stats.threads <= WORKERS);
    printf("lost %llu children; %llu calls: %llu good, %llu failed; %llu maps, %llu cut, %llu "
           "items\n",
           (unsigned long long)stats.lost, (unsigned long long)atomic_load(&n_calls),
           (unsigned long long)atomic_load(&n_good), (unsigned long long)atomic_load(&n_failed),
           (unsigned long long)atomic_load(&n_maps), (unsigned long long)atomic_load(&n_maps_cut),
           (unsigned long long)atomic_load(&n_map_items));
}

/* ---- the program ---- */

static sheaf_executor *make_pool(void)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options,
                                      .kind = SHEAF_EXECUTOR_PROCESSES,
                                      .max_workers = WORKERS,
                                      .child_lost = SHEAF_CHILD_LOST_RESTART,
                                      .task_timeout_ms = TASK_TIMEOUT_MS};
    CHECK(sheaf_executor_create(&options, &executor, NULL) == SHEAF_OK);
    return executor;
}

/* A child that was killed last may cost a call yet, each one once. */
static void check_that_it_works(client *self)
{
    unsigned long long before = atomic_load(&n_good);
    for (int i = 0; i <= WORKERS && atomic_load(&n_good) == before; i++) {
        one_call last;
        submit_calls(self, &last, 1);
        end_calls(&last, 1);
    }
    CHECK(atomic_load(&n_good) == before + 1);
}

static void run(int n_kills, uint32_t seed)
{
    int n_by_way[WAYS] = {0};
    client clients[2];
    uint32_t random = seed | 1;
    sheaf_executor *executor = make_pool();
    for (int i = 0; i < 2; i++) {
        clients[i] = (client){.executor = executor, .random = next_random(&random) | 1};
        CHECK(pthread_create(&clients[i].thread, NULL, i == 0 ? call_singly : map_and_map,
                             &clients[i]) == 0);
    }
    lose_children(executor, n_kills, &random, n_by_way);
    while (any_wanted())
        rest();
    atomic_store(&stopping, true);
    for (int i = 0; i < 2; i++)
        pthread_join(clients[i].thread, NULL);
    signal_children(executor, NULL, SIGCONT); /* one that is idle and stopped is not waited for */
    check_that_it_works(&clients[0]);
    CHECK(sheaf_executor_shutdown(executor, true, false) == SHEAF_OK);
    check_stats(executor, n_kills);
    CHECK(atomic_load(&n_callbacks) == atomic_load(&n_calls));
    CHECK(atomic_load(&n_good) + atomic_load(&n_failed) == atomic_load(&n_calls));
    sheaf_executor_destroy(executor);
    for (int i = 0; i < WAYS; i++)
        printf("%s%s: %d", i > 0 ? ", " : "", way_names[i], n_by_way[i]);
    printf("\n");
}

int main(int argc, char **argv)
{
    int code = sheaf_worker_main(argc, argv, functions, 1);
    if (code >= 0)
        return code;
    int n_kills = argc > 1 ? atoi(argv[1]) : 60;
    uint32_t seed = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 20240229;
    alarm((unsigned)(n_kills > HANG_SECONDS_MIN ? n_kills : HANG_SECONDS_MIN));
    int n_descriptors = count_descriptors();
    CHECK(!has_children());
    run(n_kills, seed);
    CHECK(!has_children());
    CHECK(count_descriptors() == n_descriptors);
    CHECK(count_mappings() == 0);
    return atomic_load(&failed) ? EXIT_FAILURE : EXIT_SUCCESS;
}
