/*
 * A list of objects to use again: see freelist.h. Last in, first out: the newest is still in the
 * cache.
 */
#include "engine/core/freelist.h"

#include <stddef.h>

void sheaf__freelist_init(sheaf__freelist *list)
{
    pthread_mutex_init(&list->mutex, NULL);
    list->first = NULL;
}

void sheaf__freelist_push(sheaf__freelist *list, void *object)
{
    sheaf__free_node *node = object;
    pthread_mutex_lock(&list->mutex);
    node->next = list->first;
    list->first = node;
    pthread_mutex_unlock(&list->mutex);
}

void *sheaf__freelist_pop(sheaf__freelist *list)
{
    pthread_mutex_lock(&list->mutex);
    sheaf__free_node *node = list->first;
    if (node)
        list->first = node->next;
    pthread_mutex_unlock(&list->mutex);
    return node;
}

void sheaf__freelist_end(sheaf__freelist *list, void (*destroy)(void *object))
{
    for (void *object; (object = sheaf__freelist_pop(list)) != NULL;)
        destroy(object);
    pthread_mutex_destroy(&list->mutex);
}
