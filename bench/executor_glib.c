/*
 * GLib's side of bench_executor: GThreadPool with exclusive threads, the kind that is not shared
 * with other pools. It has no futures: a task that is done says so through an atomic counter, or in
 * the ping-pong through a GAsyncQueue, which is how one waits for a thread in GLib.
 */
#include "bench/executor_cases.h"

#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>

#include <glib.h>

typedef struct countdown {
    atomic_size_t left;
    sem_t all_done;
} countdown;

static void count_down(gpointer data, gpointer user_data)
{
    (void)user_data;
    countdown *c = data;
    if (atomic_fetch_sub_explicit(&c->left, 1, memory_order_acq_rel) == 1)
        sem_post(&c->all_done);
}

static void countdown_init(countdown *c, size_t n)
{
    atomic_init(&c->left, n);
    sem_init(&c->all_done, 0, 0);
}

static GThreadPool *pool_of(GFunc run, gpointer user_data, int workers)
{
    GError *error = NULL;
    GThreadPool *pool = g_thread_pool_new(run, user_data, workers, TRUE, &error);
    if (error)
        bench_fail("g_thread_pool_new: %s", error->message);
    return pool;
}

static void push(GThreadPool *pool, gpointer data)
{
    if (!g_thread_pool_push(pool, data, NULL))
        bench_fail("g_thread_pool_push failed");
}

const char *glib_version_text(void)
{
    static char text[32];
    snprintf(text, sizeof text, "%u.%u.%u", glib_major_version, glib_minor_version,
             glib_micro_version);
    return text;
}

static void push_all(GThreadPool *pool, size_t n)
{
    countdown c;
    countdown_init(&c, n);
    for (size_t i = 0; i < n; i++)
        push(pool, &c);
    sem_wait(&c.all_done);
}

void glib_push(bench_run *run)
{
    GThreadPool *pool = pool_of(count_down, NULL, run->workers);
    push_all(pool, run->n);
    bench_begin(run);
    push_all(pool, run->n);
    bench_end(run);
    g_thread_pool_free(pool, FALSE, TRUE);
}

static void reply(gpointer data, gpointer user_data)
{
    g_async_queue_push(user_data, data);
}

static void ping_pong(GThreadPool *pool, GAsyncQueue *replies, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        push(pool, replies); /* anything but NULL, which it refuses */
        g_async_queue_pop(replies);
    }
}

void glib_ping_pong(bench_run *run)
{
    GAsyncQueue *replies = g_async_queue_new();
    GThreadPool *pool = pool_of(reply, replies, run->workers);
    ping_pong(pool, replies, BENCH_WARM_UP);
    bench_begin(run);
    ping_pong(pool, replies, run->n);
    bench_end(run);
    g_thread_pool_free(pool, FALSE, TRUE);
    g_async_queue_unref(replies);
}

typedef struct gate {
    sem_t entered;
    sem_t open;
} gate;

static void pass_gate(gpointer data, gpointer user_data)
{
    (void)user_data;
    gate *g = data;
    sem_post(&g->entered);
    sem_wait(&g->open);
}

void glib_pending(bench_run *run)
{
    gate g;
    sem_init(&g.entered, 0, 0);
    sem_init(&g.open, 0, 0);
    GThreadPool *pool = pool_of(pass_gate, NULL, run->workers);
    for (int i = 0; i < run->workers; i++)
        push(pool, &g);
    for (int i = 0; i < run->workers; i++)
        sem_wait(&g.entered);
    bench_memory_begin(run);
    for (size_t i = 0; i < run->n; i++)
        push(pool, &g);
    bench_memory_end(run);
    for (size_t i = 0; i < run->n + (size_t)run->workers; i++)
        sem_post(&g.open);
    g_thread_pool_free(pool, FALSE, TRUE);
}
