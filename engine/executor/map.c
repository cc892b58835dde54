/*
 * The ordered, bounded map: a window of futures over a sequence of arguments.
 *
 * The window is a ring: its head is the next result to yield. Each call of next first fills the
 * window (so never more than buffersize tasks are submitted and not yet yielded) and then waits for
 * the head. A failure to get or submit an argument is kept until the results before it were
 * yielded: the consumer sees exactly the results, and then the error, that a loop over the sequence
 * would have given.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/executor/pool.h"

enum { CAPACITY_MIN = 64 }; /* of a ring that grows */

struct sheaf_map {
    sheaf_executor *executor;
    sheaf_map_options options;
    sheaf_future **ring;
    size_t capacity;
    size_t head;
    size_t count;
    bool source_ended; /* nothing more is pulled */
    bool gave_up;      /* a failure was yielded: the rest is only waited for, by close */
    sheaf_status ending; /* what next gives behind the window: END, or a kept failure, once */
    sheaf_error ending_error;
};

static sheaf_status end_source(sheaf_map *map, sheaf_status status)
{
    map->source_ended = true;
    map->ending = status;
    return status;
}

/* Pull one argument and submit it; the ring has room. OK, or the status that ended the source. */
static sheaf_status submit_next(sheaf_map *map)
{
    sheaf_error *err = &map->ending_error;
    sheaf_task task = {.run = map->options.run,
                       .drop_arg = map->options.drop_arg,
                       .drop_result = map->options.drop_result};
    sheaf_error_clear(err);
    sheaf_status status = map->options.next(map->options.source, &task.arg, err);
    if (status != SHEAF_OK)
        return end_source(map, status);
    size_t slot = (map->head + map->count) % map->capacity;
    status = sheaf_executor_submit(map->executor, &task, &map->ring[slot], err);
    if (status < 0) {
        if (task.drop_arg)
            task.drop_arg(task.arg);
        return end_source(map, status);
    }
    map->count++;
    return SHEAF_OK;
}

static sheaf_status grow_ring(sheaf_map *map)
{
    size_t capacity = map->capacity * 2;
    sheaf_future **ring = calloc(capacity, sizeof(sheaf_future *));
    if (!ring)
        return sheaf__error_memory(&map->ending_error, "the window of a map");
    for (size_t i = 0; i < map->count; i++)
        ring[i] = map->ring[(map->head + i) % map->capacity];
    free(map->ring);
    map->ring = ring;
    map->capacity = capacity;
    map->head = 0;
    return SHEAF_OK;
}

static void fill_window(sheaf_map *map)
{
    size_t limit = map->options.buffersize;
    while (!map->source_ended && (limit == 0 || map->count < limit)) {
        if (map->count == map->capacity && grow_ring(map) < 0)
            end_source(map, SHEAF_ENOMEM);
        else
            submit_next(map);
    }
}

sheaf_status sheaf_map_open(sheaf_executor *executor, const sheaf_map_options *options,
                            sheaf_map **map, sheaf_error *err)
{
    sheaf_map_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_map_options", err);
    if (status < 0)
        return status;
    if (!own.run || !own.next)
        return sheaf_error_set(err, SHEAF_EINVAL, "sheaf_map_options needs .run and .next");
    sheaf_map *made = calloc(1, sizeof *made);
    if (!made)
        return sheaf__error_memory(err, "a map");
    made->executor = executor;
    made->options = own;
    made->capacity = own.buffersize > 0 ? own.buffersize : CAPACITY_MIN;
    made->ring = calloc(made->capacity, sizeof(sheaf_future *));
    if (!made->ring) {
        free(made);
        return sheaf__error_memory(err, "the window of a map");
    }
    fill_window(made);
    if (made->ending < 0 && (own.buffersize == 0 || made->count == 0)) {
        sheaf__error_copy(err, &made->ending_error);
        status = made->ending;
        sheaf_map_close(made);
        return status;
    }
    *map = made;
    return SHEAF_OK;
}

static sheaf_future *pop_head(sheaf_map *map)
{
    sheaf_future *future = map->ring[map->head];
    map->head = (map->head + 1) % map->capacity;
    map->count--;
    return future;
}

/*
 * After a failure nothing more is yielded: what has not begun never will, what runs is left to
 * close.
 */
static void give_up(sheaf_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        (void)sheaf_future_cancel(map->ring[(map->head + i) % map->capacity]);
    end_source(map, SHEAF_END);
    map->gave_up = true;
}

sheaf_status sheaf_map_next(sheaf_map *map, void **result, sheaf_error *err)
{
    if (map->gave_up)
        return SHEAF_END;
    fill_window(map);
    if (map->count == 0) {
        sheaf_status status = map->ending;
        if (status < 0)
            sheaf__error_copy(err, &map->ending_error);
        map->ending = SHEAF_END;
        return status;
    }
    sheaf_future *future = pop_head(map);
    sheaf_status status = sheaf_future_take(future, -1, result, err);
    sheaf_future_release(future);
    if (status < 0)
        give_up(map);
    return status;
}

void sheaf_map_close(sheaf_map *map)
{
    if (!map)
        return;
    give_up(map);
    while (map->count > 0) {
        sheaf_future *future = pop_head(map);
        (void)!sheaf_future_result(future, -1, NULL, NULL);
        sheaf_future_release(future);
    }
    free(map->ring);
    free(map);
}
