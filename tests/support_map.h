/*
 * What the tests of sheaf_map share: a course of numbered items, each of which remembers what
 * became of its argument and of its result, and a consumer that follows it to its end.
 */
#ifndef SHEAF_TESTS_SUPPORT_MAP_H
#define SHEAF_TESTS_SUPPORT_MAP_H

#include <sheaf/map.h>

#include "tests/support_executor.h"

enum { COURSE_MAX = 400 };

typedef struct item {
    size_t number; /* from 1 */
    bool fails;
    gate *gate; /* its task passes this one, if there is one */
    atomic_int arg_dropped, made, result_dropped;
    int yielded;
    pid_t thread; /* that ran it */
} item;

/* The source: items 1 to last, then its ending. */
typedef struct course {
    item items[COURSE_MAX];
    size_t next, last; /* pulled, and all */
    sheaf_status ending;
    size_t n_yielded;
    size_t ahead_max; /* most that were pulled and not yet yielded */
    pthread_t consumer;
    bool inside; /* open or next of the map */
    bool wrong;  /* it was called from elsewhere */
} course;

static inline void course_init(course *self, size_t last)
{
    memset(self, 0, sizeof *self);
    cr_assert_leq(last, COURSE_MAX);
    for (size_t i = 0; i < last; i++)
        self->items[i].number = i + 1;
    self->last = last;
    self->consumer = pthread_self();
}

static inline sheaf_status course_next(void *source, void **arg, sheaf_error *err)
{
    course *self = source;
    self->wrong |= !self->inside || !pthread_equal(self->consumer, pthread_self());
    if (self->next == self->last)
        return self->ending < 0 ? sheaf_error_set(err, self->ending, "the source ends badly")
                                : SHEAF_END;
    *arg = &self->items[self->next++];
    if (self->next - self->n_yielded > self->ahead_max)
        self->ahead_max = self->next - self->n_yielded;
    return SHEAF_OK;
}

/* The body: passes the gate; fails, or gives the item back as its result. */
static inline sheaf_status run_item(sheaf_worker *worker, void *arg, void **result,
                                    sheaf_error *err)
{
    item *self = arg;
    self->thread = gettid();
    if (self->gate)
        (void)pass_gate(worker, self->gate, result, err);
    *result = NULL;
    if (self->fails)
        return sheaf_error_set(err, SHEAF_ETASK, "item %zu is bad", self->number);
    atomic_fetch_add(&self->made, 1);
    *result = self;
    return SHEAF_OK;
}

static inline void drop_item_arg(void *arg)
{
    atomic_fetch_add(&((item *)arg)->arg_dropped, 1);
}

static inline void drop_item_result(void *result)
{
    atomic_fetch_add(&((item *)result)->result_dropped, 1);
}

static inline sheaf_map_options course_options(course *self, size_t buffersize, size_t chunksize)
{
    return (sheaf_map_options){.size = sizeof(sheaf_map_options),
                               .run = run_item,
                               .next = course_next,
                               .source = self,
                               .drop_arg = drop_item_arg,
                               .drop_result = drop_item_result,
                               .buffersize = buffersize,
                               .chunksize = chunksize};
}

static inline sheaf_status course_open(course *self, sheaf_executor *executor,
                                       const sheaf_map_options *options, sheaf_map **map,
                                       sheaf_error *err)
{
    *map = NULL;
    self->inside = true;
    sheaf_status status = sheaf_map_open(executor, options, map, err);
    self->inside = false;
    return status;
}

/* The usual: it opens. */
static inline sheaf_map *course_map(course *self, sheaf_executor *executor, size_t buffersize,
                                    size_t chunksize)
{
    sheaf_map *map = NULL;
    sheaf_map_options options = course_options(self, buffersize, chunksize);
    cr_assert_eq(course_open(self, executor, &options, &map, NULL), SHEAF_OK);
    return map;
}

/* The next result; what is yielded is the next number, from first to last. */
static inline sheaf_status course_step(course *self, sheaf_map *map, sheaf_error *err)
{
    void *result = NULL;
    self->inside = true;
    sheaf_status status = sheaf_map_next(map, &result, err);
    self->inside = false;
    if (status == SHEAF_OK) {
        item *yielded = result;
        cr_assert_eq(yielded->number, self->n_yielded + 1, "%zu after %zu", yielded->number,
                     self->n_yielded);
        self->n_yielded++;
        yielded->yielded++;
    }
    return status;
}

static inline sheaf_status course_follow(course *self, sheaf_map *map, sheaf_error *err)
{
    sheaf_status status;
    while ((status = course_step(self, map, err)) == SHEAF_OK)
        ;
    return status;
}

/* When nothing of the map is left: each argument and each result has had one end. */
static inline void course_check(course *self)
{
    cr_assert_not(self->wrong, "the source was called from elsewhere");
    for (size_t i = 0; i < self->last; i++) {
        item *each = &self->items[i];
        cr_assert_eq(each->arg_dropped, i < self->next ? 1 : 0, "argument %zu: dropped %d times",
                     i + 1, each->arg_dropped);
        cr_assert_eq(each->made, each->yielded + each->result_dropped,
                     "result %zu: made %d, yielded %d, dropped %d", i + 1, each->made,
                     each->yielded, each->result_dropped);
        cr_assert_leq(each->made, 1);
    }
}

#endif
