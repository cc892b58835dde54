/* A ring of pointers: see queue.h. */
#include "engine/executor/queue.h"

#include <stdlib.h>

#include "engine/executor/future.h"

enum { SLOTS_MIN = 64 };

/* Twice the room, without the holes. */
static bool grow(sheaf__queue *queue)
{
    uint64_t n_slots = queue->slots ? 2 * (queue->mask + 1) : SLOTS_MIN;
    sheaf_future **slots = n_slots > SIZE_MAX / sizeof *slots ? NULL
                                                              : malloc(n_slots * sizeof *slots);
    if (!slots)
        return false;
    uint64_t n = 0;
    for (uint64_t at = queue->head; at != queue->tail; at++) {
        sheaf_future *each = queue->slots[at & queue->mask];
        if (each) {
            each->position = n;
            slots[n++] = each;
        }
    }
    free(queue->slots);
    *queue = (sheaf__queue){.slots = slots, .mask = n_slots - 1, .tail = n, .n = n};
    return true;
}

bool sheaf__queue_reserve(sheaf__queue *queue)
{
    return (queue->slots && queue->tail - queue->head <= queue->mask) || grow(queue);
}

void sheaf__queue_push(sheaf__queue *queue, sheaf_future *future)
{
    future->position = queue->tail;
    queue->slots[queue->tail++ & queue->mask] = future;
    queue->n++;
}

void sheaf__queue_push_front(sheaf__queue *queue, sheaf_future *future)
{
    future->position = --queue->head;
    queue->slots[queue->head & queue->mask] = future;
    queue->n++;
}

static void skip_holes(sheaf__queue *queue)
{
    while (queue->head != queue->tail && !queue->slots[queue->head & queue->mask])
        queue->head++;
}

sheaf_future *sheaf__queue_pop(sheaf__queue *queue)
{
    if (queue->n == 0)
        return NULL;
    sheaf_future *oldest = queue->slots[queue->head++ & queue->mask];
    queue->n--;
    skip_holes(queue);
    return oldest;
}

/* A position that is not in the ring any more may be in it again, as somebody else's. */
bool sheaf__queue_remove(sheaf__queue *queue, sheaf_future *future)
{
    uint64_t at = future->position;
    if (at - queue->head >= queue->tail - queue->head ||
        queue->slots[at & queue->mask] != future)
        return false;
    queue->slots[at & queue->mask] = NULL;
    queue->n--;
    skip_holes(queue);
    return true;
}

void sheaf__queue_end(sheaf__queue *queue)
{
    free(queue->slots);
}
