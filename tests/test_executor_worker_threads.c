/*
 * What a worker's thread is like: signals are blocked, it cannot be cancelled, its stack is as
 * large as was asked for, it has a name, and all it leaves behind is ended before a shutdown that
 * waits comes back.
 */
#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <threads.h>

#include "engine/executor/futex.h"
#include "tests/support_executor.h"

static sheaf_executor *pool_with_stack(size_t stack_bytes)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {
        .size = sizeof options, .max_workers = 1, .stack_bytes = stack_bytes};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

/* ---- signals ---- */

/* All that a program may block: not what the C library keeps for itself (32, 33). */
static bool can_be_blocked(int signal_number)
{
    return signal_number != SIGKILL && signal_number != SIGSTOP &&
           (signal_number < 32 || signal_number >= SIGRTMIN);
}

static sheaf_status give_mask(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    return pthread_sigmask(SIG_SETMASK, NULL, arg) == 0 ? SHEAF_OK : SHEAF_ETASK;
}

Test(executor_worker_threads, every_signal_is_blocked_and_the_submitters_stay_as_they_were,
     .timeout = LIMIT)
{
    sigset_t before;
    sigset_t after;
    sigset_t inside;
    sigemptyset(&before);
    sigaddset(&before, SIGUSR2);
    cr_assert_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, give_mask, &inside);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    result_of(future);
    for (int i = 1; i <= SIGRTMAX; i++) {
        if (can_be_blocked(i)) {
            cr_assert(sigismember(&inside, i), "signal %d is not blocked", i);
            cr_assert_eq(sigismember(&after, i), i == SIGUSR2, "signal %d", i);
        }
    }
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

/* ---- cancellation ---- */

static sheaf_status be_cancelled(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    *result = arg;
    return SHEAF_OK;
}

Test(executor_worker_threads, one_cannot_be_cancelled, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_of(1);
    for (int i = 0; i < 3; i++) {
        sheaf_future *future = submit(executor, be_cancelled, executor);
        cr_assert_eq(result_of(future), executor);
        sheaf_future_release(future);
    }
    cr_assert_eq(sheaf_executor_stats_get(executor).threads, 1);
    cr_assert_eq(sheaf_executor_stats_get(executor).lost, 0);
    sheaf_executor_destroy(executor);
}

/* ---- the stack ---- */

static sheaf_status give_stack(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    pthread_attr_t attributes;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0)
        return SHEAF_ETASK;
    pthread_attr_getstacksize(&attributes, &bytes);
    pthread_attr_destroy(&attributes);
    *result = (void *)bytes;
    return SHEAF_OK;
}

static size_t stack_of_worker(size_t stack_bytes)
{
    sheaf_executor *executor = pool_with_stack(stack_bytes);
    sheaf_future *future = submit(executor, give_stack, NULL);
    size_t bytes = (size_t)result_of(future);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    return bytes;
}

Test(executor_worker_threads, a_stack_is_as_large_as_was_asked_for, .timeout = LIMIT)
{
    static const size_t sizes[] = {256 << 10, 1 << 20, 3 << 20, 64 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t bytes = stack_of_worker(sizes[i]);
        cr_assert(bytes >= sizes[i] && bytes < sizes[i] + (1 << 20), "asked for %zu, got %zu",
                  sizes[i], bytes);
    }
    pthread_attr_t attributes;
    size_t usual = 0;
    pthread_attr_init(&attributes);
    pthread_attr_getstacksize(&attributes, &usual);
    size_t bytes = stack_of_worker(0);
    cr_assert(bytes + (1 << 16) > usual && bytes < usual + (1 << 20), "usual is %zu, got %zu",
              usual, bytes);
}

static int touch_stack(int pages)
{
    volatile char page[4096];
    page[0] = (char)pages;
    return pages == 0 ? 0 : touch_stack(pages - 1) + (page[0] != (char)pages);
}

static sheaf_status use_stack(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err, (void)result;
    return touch_stack(3000) == 0 ? SHEAF_OK : SHEAF_ETASK; /* 12 MB and more */
}

Test(executor_worker_threads, a_large_stack_can_be_used_to_its_end, .timeout = LIMIT)
{
    sheaf_executor *executor = pool_with_stack(64 << 20);
    sheaf_future *future = submit(executor, use_stack, NULL);
    result_of(future);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
}

Test(executor_worker_threads, a_stack_that_no_thread_can_have_is_refused_by_create,
     .timeout = LIMIT)
{
    sheaf_executor *executor = NULL;
    sheaf_error err;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 1, .stack_bytes = 1};
    cr_assert_eq(sheaf_executor_create(&options, &executor, &err), SHEAF_EINVAL);
    cr_assert_eq(err.status, SHEAF_EINVAL);
    cr_assert_null(executor);
}

/* ---- what a thread leaves behind ---- */

static gate at_end;

/* A destructor that stays at the gate: who waits for the worker has to wait for this too. */
static void end_specific(void *arg)
{
    (void)arg;
    sem_post(&at_end.entered);
    sem_wait(&at_end.open);
    atomic_fetch_add(&at_end.passed, 1);
}

static pthread_key_t key;
static tss_t c11_key;

static sheaf_status set_specific(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)result, (void)err;
    return pthread_setspecific(key, arg) == 0 && tss_set(c11_key, arg) == thrd_success
               ? SHEAF_OK
               : SHEAF_ETASK;
}

typedef struct closer {
    pthread_t thread;
    sleeper sleeper;
    sheaf_executor *executor;
    bool destroys;
    int passed;
} closer;

static void *closer_main(void *arg)
{
    closer *self = arg;
    about_to_sleep(&self->sleeper);
    if (self->destroys)
        sheaf_executor_destroy(self->executor);
    else
        sheaf_executor_shutdown(self->executor, true, false);
    self->passed = atomic_load(&at_end.passed);
    came_back(&self->sleeper);
    return NULL;
}

Test(executor_worker_threads, destructors_of_thread_specific_data_have_run_before_a_wait_is_over,
     .timeout = LIMIT)
{
    cr_assert_eq(pthread_key_create(&key, end_specific), 0);
    cr_assert_eq(tss_create(&c11_key, end_specific), thrd_success);
    for (int destroys = 0; destroys < 2; destroys++) {
        gate_init(&at_end);
        sheaf_executor *executor = pool_of(1);
        sheaf_future *future = submit(executor, set_specific, &key);
        result_of(future);
        sheaf_future_release(future);
        closer one = {.executor = executor, .destroys = destroys};
        cr_assert_eq(pthread_create(&one.thread, NULL, closer_main, &one), 0);
        sem_wait(&at_end.entered); /* the worker has left the pool, and is being ended */
        cr_assert(await_sleep(&one.sleeper), "it came back before the thread had ended");
        gate_open(&at_end, 2);
        pthread_join(one.thread, NULL);
        cr_assert_eq(one.passed, 2);
        if (!destroys)
            sheaf_executor_destroy(executor);
    }
}

/* ---- what belongs to the program ---- */

static sheaf_status give_locale(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)arg, (void)err;
    *result = (void *)uselocale((locale_t)0);
    return SHEAF_OK;
}

Test(executor_worker_threads, the_locale_of_the_process_is_the_workers_too, .timeout = LIMIT)
{
    char before[100];
    snprintf(before, sizeof before, "%s", setlocale(LC_ALL, NULL));
    sheaf_executor *executor = pool_of(1);
    sheaf_future *future = submit(executor, give_locale, NULL);
    cr_assert_eq(result_of(future), (void *)LC_GLOBAL_LOCALE);
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    cr_assert_str_eq(setlocale(LC_ALL, NULL), before);
}

static sheaf_status keep_errno(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = (void *)(size_t)errno;
    errno = (int)(size_t)arg;
    return SHEAF_OK;
}

Test(executor_worker_threads, errno_is_left_as_the_last_task_had_it, .timeout = LIMIT)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_of(1);
    sheaf_future *first = submit(executor, keep_errno, (void *)(size_t)ENOTEMPTY);
    for (int i = 0; i < 100; i++) {
        sheaf_future *next = submit(executor, keep_errno, (void *)(size_t)ENOTEMPTY);
        result_of(first);
        cr_assert_eq((size_t)result_of(next), ENOTEMPTY);
        sheaf_future_release(first);
        first = next;
    }
    sheaf_future_release(first);
    sheaf_executor_destroy(executor);
}

/*
 * How a worker waits for its next task: of three ways for that to end two are errors to the kernel.
 */
Test(executor_worker_threads, errno_is_left_as_it_was_by_waiting, .timeout = LIMIT)
{
    atomic_uint word = 1;
    errno = ENOTEMPTY;
    cr_assert(sheaf__futex_wait(&word, 0, SHEAF__FOREVER)); /* to the kernel EAGAIN */
    cr_assert_eq(errno, ENOTEMPTY);
    cr_assert_not(sheaf__futex_wait(&word, 1, 0)); /* ETIMEDOUT */
    cr_assert_eq(errno, ENOTEMPTY);
}

/* ---- names ---- */

/* The threads of this process that the kernel knows by this name. */
static int count_threads(const char *name)
{
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    cr_assert_not_null(tasks);
    for (struct dirent *entry; (entry = readdir(tasks));) {
        char path[300];
        char text[32] = "";
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (!file)
            continue;
        if (fgets(text, sizeof text, file))
            text[strcspn(text, "\n")] = '\0';
        fclose(file);
        n += strcmp(text, name) == 0;
    }
    closedir(tasks);
    return n;
}

static sheaf_executor *pool_named(int max_workers, const char *prefix)
{
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = max_workers,
                                      .thread_name_prefix = prefix,
                                      .at_exit = SHEAF_AT_EXIT_DETACH};
    cr_assert_eq(sheaf_executor_create(&options, &executor, NULL), SHEAF_OK);
    return executor;
}

static void assert_names(const char *prefix, int n, const char *first, const char *last,
                         const char *last_in_kernel)
{
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_named(n, prefix);
    for (int i = 0; i < n; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    for (int i = 0; i < n; i++)
        sem_wait(&g.entered);
    sheaf_worker_view views[16];
    cr_assert_eq(sheaf_executor_workers(executor, views, 16), (size_t)n);
    cr_assert_str_eq(views[0].name, first);
    cr_assert_str_eq(views[n - 1].name, last);
    cr_assert_eq(count_threads(last_in_kernel), 1, "no thread is named %s", last_in_kernel);
    gate_open(&g, n);
    sheaf_executor_destroy(executor);
}

Test(executor_worker_threads, names_are_seen_from_outside_with_their_index_whole, .timeout = LIMIT)
{
    assert_names("p", 1, "p_0", "p_0", "p_0");
    assert_names("short", 11, "short_0", "short_10", "short_10");
    assert_names("thirteenbytes", 2, "thirteenbytes_0", "thirteenbytes_1", "thirteenbytes_1");
    assert_names("thirteenbytes", 11, "thirteenbytes_0", "thirteenbytes_10", "thirteenbyte_10");
    assert_names("a-name-that-is-too-long", 12, "a-name-that-is-too-long_0",
                 "a-name-that-is-too-long_11", "a-name-that-_11");
}

Test(executor_worker_threads, a_name_of_any_length_keeps_its_index, .timeout = LIMIT)
{
    char prefix[300];
    memset(prefix, 'x', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    gate g;
    gate_init(&g);
    sheaf_executor *executor = pool_named(2, prefix);
    memset(prefix, 'y', sizeof prefix - 1); /* it was copied */
    for (int i = 0; i < 2; i++)
        sheaf_future_release(submit(executor, pass_gate, &g));
    sheaf_worker_view views[2];
    cr_assert_eq(sheaf_executor_workers(executor, views, 2), 2);
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(views[i].name);
        cr_assert_lt(n, sizeof views[i].name);
        cr_assert_eq(views[i].name[0], 'x');
        cr_assert_eq(views[i].name[n - 1], (char)('0' + i));
        cr_assert_eq(views[i].name[n - 2], '_');
    }
    gate_open(&g, 2);
    sheaf_executor_destroy(executor);
}

static sheaf_status copy_name(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)result, (void)err;
    snprintf(arg, 64, "%s", sheaf_worker_name(worker));
    return SHEAF_OK;
}

Test(executor_worker_threads, by_default_a_pool_has_a_name_of_its_own, .timeout = LIMIT)
{
    char names[3][64];
    int numbers[3];
    for (int i = 0; i < 3; i++) {
        char rest = 'x';
        sheaf_executor *executor = pool_of(1);
        sheaf_future *future = submit(executor, copy_name, names[i]);
        result_of(future);
        cr_assert_eq(sscanf(names[i], "sheaf-%d_0%c", &numbers[i], &rest), 1, "%s", names[i]);
        cr_assert_eq(names[i][strlen(names[i]) - 1], '0');
        cr_assert(i == 0 || numbers[i] > numbers[i - 1], "%s", names[i]);
        sheaf_future_release(future);
        sheaf_executor_destroy(executor);
    }
}
