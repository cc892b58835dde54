/*
 * The ordered, bounded map: a window of tasks over a sequence of arguments.
 *
 * The window is a ring: its head holds the next result to yield. Each call of next first fills the
 * window (so never more than buffersize items are submitted and not yet yielded) and then waits for
 * the head. A failure to get or submit an argument is kept until the results before it were
 * yielded: the consumer sees exactly the results, and then the error, that a loop over the sequence
 * would have given.
 *
 * A task is one item, run by the caller's own function; or, with a chunksize or a bound in bytes, a
 * chunk of items (item_chunk.h). A large window is refilled when half of it is free, in one submit:
 * that shares the lock and the wake-up among many. Measured by bench_executor on 2 shared cores, ns
 * an item, best and median: 1849 and 3078 at a window of 16, 505 and 532 at 64, 63 and 73 at 256, 5
 * in chunks of 256. What a small window costs is the wake-up of the consumer, once for each turn of
 * it, from one core to the other: two threads with a bare futex each took 30 and 41 us for their
 * exchange in that run.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/options.h"
#include "engine/core/system.h"
#include "engine/executor/futex.h"
#include "engine/executor/future.h"
#include "engine/executor/item_chunk.h"

enum {
    CAPACITY_MIN = 64, /* of a ring that grows; a power of two, as ever after */
    SUBMIT_AT_ONCE = 64,
    HALF_WINDOWS_FROM = 32, /* smaller ones are refilled one for one */
    NS_PER_MS = 1000000
};

typedef struct slot {
    sheaf_future *future;
    size_t n_items;
} slot;

struct sheaf_map {
    sheaf_executor *executor;
    sheaf_map_options options;
    size_t chunksize;
    bool chunked; /* tasks are chunks */
    sheaf__budget *budget;
    int64_t deadline_ns;
    slot *ring;
    size_t capacity;
    size_t head;
    size_t count;               /* slots in use */
    size_t n_items;             /* submitted and not yielded */
    sheaf__item_chunk *current; /* whose results are being yielded */
    bool source_ended;          /* nothing more is pulled */
    bool gave_up;               /* a failure was yielded: the rest is only waited for, by close */
    sheaf_status ending; /* what next gives behind the window: END, or a kept failure, once */
    sheaf_error ending_error;
};

static void end_source(sheaf_map *map, sheaf_status status)
{
    map->source_ended = true;
    map->ending = status;
}

/* ---- pulling and submitting ---- */

static bool pull(sheaf_map *map, void **argument)
{
    sheaf_status status = map->options.next(map->options.source, argument, &map->ending_error);
    if (status != SHEAF_OK)
        end_source(map, status);
    return status == SHEAF_OK;
}

/* Make the next task, of at most n items. Returns how many it has; 0: the source has ended. */
static size_t make_task(sheaf_map *map, size_t n, sheaf_task *task)
{
    if (!map->chunked) {
        *task = (sheaf_task){.run = map->options.run,
                             .drop_arg = map->options.drop_arg,
                             .drop_result = map->options.drop_result};
        return pull(map, &task->arg) ? 1 : 0;
    }
    sheaf__item_chunk *chunk = sheaf__item_chunk_create(&map->options, n, map->budget);
    if (!chunk) {
        sheaf__error_memory(&map->ending_error, "the items of a map");
        end_source(map, SHEAF_ENOMEM);
        return 0;
    }
    size_t n_items = 0;
    while (n_items < n && pull(map, &chunk->items[n_items]))
        n_items++;
    chunk->n = n_items;
    if (n_items == 0)
        sheaf__item_chunk_drop(chunk);
    *task = (sheaf_task){.run = sheaf__item_chunk_run,
                         .arg = chunk,
                         .drop_arg = sheaf__item_chunk_drop_arg,
                         .drop_result = sheaf__item_chunk_drop};
    return n_items;
}

static bool grow_ring(sheaf_map *map)
{
    size_t capacity = map->capacity * 2;
    slot *ring = calloc(capacity, sizeof *ring);
    if (!ring)
        return false;
    for (size_t i = 0; i < map->count; i++)
        ring[i] = map->ring[(map->head + i) & (map->capacity - 1)];
    free(map->ring);
    map->ring = ring;
    map->capacity = capacity;
    map->head = 0;
    return true;
}

/* Submit tasks into the ring, in order. What is refused is dropped, and ends the map there. */
static void submit(sheaf_map *map, const sheaf_task *tasks, const size_t *n_items, size_t n)
{
    sheaf_future *futures[SUBMIT_AT_ONCE];
    sheaf_error err;
    size_t n_submitted = 0;
    sheaf_status status = SHEAF_OK;
    while (map->count + n > map->capacity && status == SHEAF_OK)
        if (!grow_ring(map))
            status = sheaf__error_memory(&err, "the window of a map");
    if (status == SHEAF_OK)
        status = sheaf_executor_submit_many(map->executor, tasks, n, futures, &n_submitted, &err);
    for (size_t i = 0; i < n_submitted; i++) {
        size_t at = (map->head + map->count++) & (map->capacity - 1);
        map->ring[at] = (slot){.future = futures[i], .n_items = n_items[i]};
        map->n_items += n_items[i];
    }
    if (status < 0) {
        map->ending_error = err;
        end_source(map, status);
    }
    for (size_t i = n_submitted; i < n; i++)
        if (tasks[i].drop_arg)
            tasks[i].drop_arg(tasks[i].arg);
}

/* Would one more task, with so many waiting to be submitted, stay within the bound in bytes? */
static bool within_bytes(const sheaf_map *map, size_t n_unsubmitted)
{
    sheaf__budget *budget = map->budget;
    size_t n_under_way = map->n_items + n_unsubmitted;
    if (!budget || n_under_way == 0)
        return true;
    size_t n_done = atomic_load_explicit(&budget->n_items, memory_order_acquire);
    size_t n_bytes = atomic_load_explicit(&budget->n_bytes, memory_order_relaxed);
    size_t n_ever = atomic_load_explicit(&budget->n_items_ever, memory_order_acquire);
    size_t mean = atomic_load_explicit(&budget->n_bytes_ever, memory_order_relaxed);
    mean = n_ever > 0 ? mean / n_ever : 0;
    n_under_way -= n_done < n_under_way ? n_done : n_under_way;
    size_t expected = mean > 0 && n_under_way + map->chunksize > SIZE_MAX / 2 / mean
                          ? SIZE_MAX / 2
                          : (n_under_way + map->chunksize) * mean;
    return n_bytes < map->options.buffer_bytes && expected <= map->options.buffer_bytes - n_bytes;
}

static size_t at_least(size_t value, size_t limit)
{
    return value > limit ? value : limit;
}

/* Whether both bounds beside the one in items have room for one more. */
static bool has_room(const sheaf_map *map, size_t n_unsubmitted)
{
    const sheaf_map_options *options = &map->options;
    if (options->has_room && map->n_items + n_unsubmitted > 0 &&
        !options->has_room(options->source))
        return false;
    return within_bytes(map, n_unsubmitted);
}

/* How many items may be submitted now; 0 when it is too early to bother. */
static size_t room(const sheaf_map *map)
{
    size_t limit = map->options.buffersize;
    if (limit == 0)
        return SIZE_MAX;
    size_t free_items = limit - map->n_items;
    size_t worthwhile = at_least(limit >= HALF_WINDOWS_FROM ? limit / 2 : 1, map->chunksize);
    return free_items >= worthwhile ? free_items : 0;
}

static void fill_window(sheaf_map *map)
{
    size_t n_free = room(map);
    bool within = true;
    while (!map->source_ended && n_free > 0 && within) {
        sheaf_task tasks[SUBMIT_AT_ONCE];
        size_t n_items[SUBMIT_AT_ONCE];
        size_t n = 0;
        size_t n_pulled = 0;
        while (n < SUBMIT_AT_ONCE && n_free > 0 && !map->source_ended) {
            within = has_room(map, n_pulled);
            if (!within)
                break;
            size_t wanted = map->chunksize < n_free ? map->chunksize : n_free;
            n_items[n] = make_task(map, wanted, &tasks[n]);
            if (n_items[n] == 0)
                break;
            n_free -= n_items[n];
            n_pulled += n_items[n++];
        }
        if (n > 0)
            submit(map, tasks, n_items, n);
    }
}

/* ---- opening ---- */

static sheaf_status check_options(const sheaf_map_options *options, sheaf_error *err)
{
    if (!options->run || !options->next)
        return sheaf_error_set(err, SHEAF_EINVAL, "sheaf_map_options needs .run and .next");
    if (options->deadline_ms < 0)
        return sheaf_error_set(err, SHEAF_EINVAL, "deadline_ms is negative (0: none)");
    if (options->yield_failures && (options->chunksize > 1 || options->buffer_bytes > 0))
        return sheaf_error_set(err, SHEAF_EINVAL,
                               "yield_failures goes with a chunksize of 1 and no buffer_bytes");
    if (options->buffer_bytes > 0 && !options->result_bytes)
        return sheaf_error_set(err, SHEAF_EINVAL, "buffer_bytes needs .result_bytes");
    return SHEAF_OK;
}

static sheaf_map *map_create(sheaf_executor *executor, const sheaf_map_options *options)
{
    sheaf_map *made = calloc(1, sizeof *made);
    if (!made)
        return NULL;
    made->executor = executor;
    made->options = *options;
    made->chunksize = at_least(options->chunksize, 1);
    if (options->buffersize > 0 && made->chunksize > options->buffersize)
        made->chunksize = options->buffersize;
    made->chunked = made->chunksize > 1 || options->buffer_bytes > 0;
    made->deadline_ns = sheaf__deadline_ns(options->deadline_ms > 0 ? options->deadline_ms : -1);
    sheaf_error_clear(&made->ending_error);
    made->capacity = CAPACITY_MIN;
    made->ring = calloc(made->capacity, sizeof *made->ring);
    bool bounded = options->buffer_bytes > 0;
    made->budget = bounded ? calloc(1, sizeof *made->budget) : NULL;
    if (!made->ring || (bounded && !made->budget)) {
        free(made->budget);
        free(made->ring);
        free(made);
        return NULL;
    }
    if (bounded) {
        atomic_init(&made->budget->references, 1);
        SHEAF__ATOMIC(*made->budget);
    }
    return made;
}

sheaf_status sheaf_map_open(sheaf_executor *executor, const sheaf_map_options *options,
                            sheaf_map **map, sheaf_error *err)
{
    sheaf_map_options own;
    sheaf_status status = sheaf__options_read(&own, sizeof own, options, "sheaf_map_options", err);
    if (status == SHEAF_OK)
        status = check_options(&own, err);
    if (status < 0)
        return status;
    sheaf_map *made = map_create(executor, &own);
    if (!made)
        return sheaf__error_memory(err, "a map");
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

/* ---- yielding ---- */

static sheaf_future *pop_head(sheaf_map *map)
{
    sheaf_future *future = map->ring[map->head].future;
    map->head = (map->head + 1) & (map->capacity - 1);
    map->count--;
    return future;
}

/*
 * Nothing more is yielded: what has not begun never will, what runs is asked to stop, and left to
 * close.
 */
static void give_up(sheaf_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        sheaf_future *future = map->ring[(map->head + i) & (map->capacity - 1)].future;
        if (sheaf_future_cancel(future) != SHEAF_OK)
            sheaf_future_request_stop(future);
    }
    sheaf__item_chunk_drop(map->current);
    map->current = NULL;
    end_source(map, SHEAF_END);
    map->gave_up = true;
}

static int64_t ms_left(const sheaf_map *map)
{
    if (map->deadline_ns == SHEAF__FOREVER)
        return -1;
    int64_t left = map->deadline_ns - sheaf__now_ns();
    return left > 0 ? (left + NS_PER_MS - 1) / NS_PER_MS : 0;
}

/* Take the head's result out of its future. */
static sheaf_status take_head(sheaf_map *map, void **result, sheaf_error *err)
{
    sheaf_future *future = map->ring[map->head].future;
    sheaf_status status = sheaf_future_take(future, ms_left(map), result, err);
    if (status == SHEAF_ETIMEDOUT && !sheaf_future_done(future))
        sheaf_error_set(err, status, "the map was not done in %lld ms",
                        (long long)map->options.deadline_ms);
    if (status == SHEAF_OK)
        sheaf_future_release(pop_head(map));
    return status;
}

/* The next result of the chunk at hand; END when there is none. */
static sheaf_status next_of_chunk(sheaf_map *map, void **result, sheaf_error *err)
{
    sheaf__item_chunk *chunk = map->current;
    if (!chunk)
        return SHEAF_END;
    if (chunk->n_yielded < chunk->n_done) {
        *result = sheaf__item_chunk_take(chunk);
        map->n_items--;
        return SHEAF_OK;
    }
    sheaf_status status = chunk->status;
    if (status < 0 && chunk->error)
        sheaf__error_copy(err, chunk->error);
    else if (status < 0)
        sheaf_error_set(err, status, "%s", sheaf_status_text(status));
    sheaf__item_chunk_drop(chunk);
    map->current = NULL;
    return status < 0 ? status : SHEAF_END;
}

static sheaf_status next_chunked(sheaf_map *map, void **result, sheaf_error *err)
{
    sheaf_status status = next_of_chunk(map, result, err);
    while (status == SHEAF_END && map->count > 0) {
        void *chunk = NULL;
        status = take_head(map, &chunk, err);
        if (status < 0)
            return status;
        map->current = chunk;
        status = next_of_chunk(map, result, err);
    }
    return status;
}

static sheaf_status next_single(sheaf_map *map, void **result, bool *goes_on, sheaf_error *err)
{
    if (map->count == 0)
        return SHEAF_END;
    sheaf_future *future = map->ring[map->head].future;
    sheaf_status status = take_head(map, result, err);
    *goes_on = status < 0 && map->options.yield_failures && sheaf_future_done(future);
    if (*goes_on)
        sheaf_future_release(pop_head(map));
    map->n_items -= status == SHEAF_OK || *goes_on;
    return status;
}

sheaf_status sheaf_map_next(sheaf_map *map, void **result, sheaf_error *err)
{
    void *unwanted;
    if (!result)
        result = &unwanted;
    if (map->current && map->current->n_yielded < map->current->n_done) {
        *result = sheaf__item_chunk_take(map->current); /* the window is looked at between chunks */
        map->n_items--;
        return SHEAF_OK;
    }
    if (map->gave_up)
        return SHEAF_END;
    if (!map->source_ended && room(map) > 0)
        fill_window(map);
    bool goes_on = false;
    sheaf_status status = map->chunked ? next_chunked(map, result, err)
                                       : next_single(map, result, &goes_on, err);
    if (status < 0 && !goes_on)
        give_up(map);
    if (status != SHEAF_END)
        return status;
    status = map->ending;
    if (status < 0)
        sheaf__error_copy(err, &map->ending_error);
    map->ending = SHEAF_END;
    return status;
}

static void free_map(sheaf_map *map)
{
    sheaf__item_chunk_drop(map->current);
    sheaf__budget_release(map->budget);
    free(map->ring);
    free(map);
}

void sheaf_map_close(sheaf_map *map)
{
    if (!map)
        return;
    give_up(map);
    while (map->count > 0) {
        sheaf_future *future = pop_head(map);
        /* The worker may hold the future for a moment yet: its result is dropped here and now. */
        void *result = NULL;
        (void)!sheaf_future_result(future, -1, NULL, NULL);
        if (sheaf_future_done(future))
            result = sheaf__future_take_result(future);
        if (result && future->task.drop_result)
            future->task.drop_result(result);
        sheaf_future_release(future);
    }
    free_map(map);
}

void sheaf_map_detach(sheaf_map *map)
{
    if (!map)
        return;
    while (map->count > 0)
        sheaf_future_release(pop_head(map));
    free_map(map);
}
