/*
 * Accounts for stress programs: what happened to each task, bare future and callback, so that at
 * the end, whatever the schedule was, it can be asked whether everything happened exactly once.
 * Each object has an account of its own (an item): two mistakes cannot make up for each other, as
 * they can in sums.
 *
 * Arguments, results and contexts are blocks on the heap that know their account: so
 * AddressSanitizer sees who uses one that was dropped.
 */
#ifndef SHEAF_TESTS_SUPPORT_ACCOUNTS_H
#define SHEAF_TESTS_SUPPORT_ACCOUNTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS_MAX = 40000 };

static atomic_bool failed;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);              \
            atomic_store(&failed, true);                                                           \
        }                                                                                          \
    } while (0)

static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline bool one_in(uint32_t *random, uint32_t n)
{
    return next_random(random) % n == 0;
}

typedef enum task_kind { QUICK, FAILS, POLLS_FOR_STOP, BARE } task_kind;

/* What happened to one task or bare future, and to the callbacks that were added to it. */
typedef struct item {
    task_kind kind;
    atomic_int accepted; /* tasks: 1 when submit took it */
    atomic_int runs;
    atomic_int failures; /* of these, those that returned one */
    atomic_int args_dropped;
    atomic_int results_made;
    atomic_int results_ended; /* dropped, or taken */
    atomic_int callbacks_added;
    atomic_int callbacks_run;
    atomic_int contexts_dropped;
} item;

static item *items;
static atomic_int n_items; /* of this round; may grow beyond the array: then there is no more */

static inline item *new_item(task_kind kind)
{
    int index = atomic_fetch_add(&n_items, 1);
    if (index >= ITEMS_MAX)
        return NULL;
    items[index] = (item){.kind = kind};
    return &items[index];
}

/* An argument, a result or a context: a block of its own that knows its account. */
typedef struct block {
    item *of;
    struct round *round;
    uint32_t number; /* a context's: what its callback does */
} block;

static inline block *new_block(item *of, struct round *round, uint32_t number)
{
    block *made = malloc(sizeof *made);
    *made = (block){of, round, number};
    return made;
}

static inline void drop_arg(void *arg)
{
    block *b = arg;
    atomic_fetch_add(&b->of->args_dropped, 1);
    free(b);
}

static inline void end_result(void *result)
{
    block *b = result;
    atomic_fetch_add(&b->of->results_ended, 1);
    free(b);
}

static inline void *new_result(item *of)
{
    atomic_fetch_add(&of->results_made, 1);
    return new_block(of, NULL, 0);
}

static inline void check_item(const item *i)
{
    bool is_task = i->kind != BARE;
    CHECK(i->runs <= i->accepted);
    CHECK(!is_task || i->args_dropped == i->accepted);
    CHECK(i->results_made == i->results_ended);
    CHECK(i->callbacks_added == i->callbacks_run);
    CHECK(i->callbacks_added == i->contexts_dropped);
}

#endif
