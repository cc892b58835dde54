/*
 * Back-pressure: a producer that is faster than its consumer, and memory that does not grow.
 *
 * Who submits a million items in a loop has, a moment later, a million items in memory. Two options
 * keep it to a few, each where the queue is:
 *
 *     queue_limit   between the producer and the workers. Submit waits while so many tasks wait (or
 *                   says EAGAIN, or runs the task itself: queue_full). Who is slow here: the tasks.
 *
 *     buffersize    of a map: no more items than that are under way between its source and whoever
 *                   reads its results. Who is slow here: the reader. A queue's limit would not help
 *                   him, for finished results wait in no queue.
 *
 * This program counts the items that exist, and prints the most there ever were. With a limit of 4
 * and 2 workers that is 7: four wait, two are worked on, one is in the producer's hand.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sheaf/map.h>

enum { ITEMS = 60, WORKERS = 2, BOUND = 4 };

static atomic_int n_items;
static int n_items_max; /* the producer's only */

static void *make_item(void)
{
    int n = atomic_fetch_add(&n_items, 1) + 1;
    if (n > n_items_max)
        n_items_max = n;
    return malloc(1000);
}

static void end_item(void *item)
{
    free(item);
    atomic_fetch_sub(&n_items, 1);
}

static void take_a_millisecond(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

/* ---- queue_limit: slow tasks ---- */

static sheaf_status slow_task(sheaf_worker *worker, void *item, void **result, sheaf_error *err)
{
    (void)worker, (void)item, (void)result, (void)err;
    take_a_millisecond();
    return SHEAF_OK; /* then the item is ended, by drop_arg */
}

static sheaf_status produce(sheaf_executor *executor, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    n_items_max = 0;
    for (int i = 0; i < ITEMS && status == SHEAF_OK; i++) {
        sheaf_task task = {.run = slow_task, .arg = make_item(), .drop_arg = end_item};
        status = sheaf_executor_submit(executor, &task, NULL, err); /* waits for room */
        if (status < 0)
            end_item(task.arg);
    }
    return status;
}

/* ---- buffersize: a slow reader ---- */

static sheaf_status next_item(void *source, void **item, sheaf_error *err)
{
    (void)err;
    int *n_left = source;
    if (*n_left == 0)
        return SHEAF_END;
    --*n_left;
    *item = make_item();
    return SHEAF_OK;
}

/* A quick task: hands its item on. The item is the result now, and the reader ends it. */
static sheaf_status pass_on(sheaf_worker *worker, void *item, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    *result = item;
    return SHEAF_OK;
}

static sheaf_status read_slowly(sheaf_executor *executor, sheaf_error *err)
{
    int n_left = ITEMS;
    sheaf_map_options options = {.size = sizeof options,
                                 .run = pass_on,
                                 .next = next_item,
                                 .source = &n_left,
                                 .drop_result = end_item,
                                 .buffersize = BOUND};
    sheaf_map *map;
    n_items_max = 0;
    sheaf_status status = sheaf_map_open(executor, &options, &map, err);
    if (status < 0)
        return status;
    void *item;
    while ((status = sheaf_map_next(map, &item, err)) == SHEAF_OK) {
        take_a_millisecond();
        end_item(item);
    }
    sheaf_map_close(map);
    return status;
}

int main(void)
{
    sheaf_error err;
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options,
                                      .max_workers = WORKERS,
                                      .queue_limit = BOUND,
                                      .queue_full = SHEAF_QUEUE_FULL_BLOCK};
    sheaf_status status = sheaf_executor_create(&options, &executor, &err);
    if (status == SHEAF_OK)
        status = produce(executor, &err);
    if (status == SHEAF_OK)
        printf("queue_limit %d: %d items, %d at once\n", BOUND, ITEMS, n_items_max);
    sheaf_executor_destroy(executor); /* comes back when all is done */

    options.queue_limit = 0; /* the map has its own bound */
    executor = NULL;
    if (status == SHEAF_OK)
        status = sheaf_executor_create(&options, &executor, &err);
    if (status == SHEAF_OK)
        status = read_slowly(executor, &err);
    if (status >= 0)
        printf("buffersize %d: %d items, %d at once\n", BOUND, ITEMS, n_items_max);
    sheaf_executor_destroy(executor);
    if (status < 0)
        fprintf(stderr, "%s\n", err.message);
    printf("%d items are left\n", atomic_load(&n_items));
    return status < 0;
}
