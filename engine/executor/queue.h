/*
 * The queue of a pool: a ring of pointers.
 *
 * Not a list through the futures: to take many at once, and to skip what was cancelled, must not
 * touch them, because each lies in the cache of the thread that submitted it. One that is taken out
 * of the middle leaves a hole. All under the pool's mutex.
 */
#ifndef SHEAF_EXECUTOR_QUEUE_H
#define SHEAF_EXECUTOR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/future.h>

typedef struct sheaf__queue {
    sheaf_future **slots;
    uint64_t mask; /* slots - 1; a position p stands in slots[p & mask] */
    uint64_t head; /* the oldest, which is no hole */
    uint64_t tail; /* behind the newest */
    uint64_t n;    /* without holes */
} sheaf__queue;

/* Room for one more at either end: false when there is no memory. */
bool sheaf__queue_reserve(sheaf__queue *queue);

/* The caller has reserved the room. */
void sheaf__queue_push(sheaf__queue *queue, sheaf_future *future);
void sheaf__queue_push_front(sheaf__queue *queue, sheaf_future *future);

/* Take the oldest; NULL when there is none. */
sheaf_future *sheaf__queue_pop(sheaf__queue *queue);

/* Take one out of the middle, if it is there. */
bool sheaf__queue_remove(sheaf__queue *queue, sheaf_future *future);

void sheaf__queue_end(sheaf__queue *queue);

#endif
