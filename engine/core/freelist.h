/*
 * Objects that are dear to make and used again: readers with their buffers, batches with theirs.
 *
 * An object embeds a sheaf__free_node as its first member. Any thread may push and pop.
 */
#ifndef SHEAF_CORE_FREELIST_H
#define SHEAF_CORE_FREELIST_H

#include <pthread.h>

typedef struct sheaf__free_node {
    struct sheaf__free_node
        *next; /* guarded by the list's mutex while in the list, the holder's else */
} sheaf__free_node;

typedef struct sheaf__freelist {
    pthread_mutex_t mutex;
    sheaf__free_node *first; /* guarded by mutex */
} sheaf__freelist;

void sheaf__freelist_init(sheaf__freelist *list);
void sheaf__freelist_push(sheaf__freelist *list, void *object);
void *sheaf__freelist_pop(sheaf__freelist *list); /* NULL when empty */

/* Destroy what is in the list, and the list. */
void sheaf__freelist_end(sheaf__freelist *list, void (*destroy)(void *object));

#endif
