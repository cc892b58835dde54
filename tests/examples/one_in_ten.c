/*
 * One bad item in ten: what becomes of errors, by submit and by map.
 *
 * A task that fails returns a negative status and says why in its error. Nothing else happens: the
 * pool goes on, the other tasks do not notice. The error is kept in the task's future, until
 * somebody asks.
 *
 * By submit everybody is asked, and each answers for itself: eighteen results and two errors. By
 * map the first bad item ends it, as it would end a loop: six results, then the error of item 7. It
 * is item 7 at any number of workers, also when item 17 has failed earlier: the first in the order
 * of the items, not in time.
 */
#include <stdint.h>
#include <stdio.h>

#include <sheaf/map.h>

enum { ITEMS = 20 };

/* The task. One item in ten is bad: 7, 17, ... */
static sheaf_status check(sheaf_worker *worker, void *item, void **result, sheaf_error *err)
{
    (void)worker;
    uintptr_t n = (uintptr_t)item;
    if (n % 10 == 7)
        return sheaf_error_set(err, SHEAF_ETASK, "item %ju is bad", (uintmax_t)n);
    *result = item;
    return SHEAF_OK;
}

static sheaf_status by_submit(sheaf_executor *executor, sheaf_error *err)
{
    sheaf_future *futures[ITEMS] = {NULL};
    sheaf_status status = SHEAF_OK;
    for (uintptr_t i = 0; i < ITEMS && status == SHEAF_OK; i++) {
        sheaf_task task = {.run = check, .arg = (void *)(i + 1)};
        status = sheaf_executor_submit(executor, &task, &futures[i], err);
    }
    int n_good = 0;
    for (int i = 0; i < ITEMS && futures[i]; i++) {
        sheaf_error why; /* this item's own: it is no failure of ours */
        if (sheaf_future_result(futures[i], -1, NULL, &why) == SHEAF_OK)
            n_good++;
        else
            printf("by submit: %s\n", why.message);
        sheaf_future_release(futures[i]);
    }
    printf("by submit: %d of %d were good\n", n_good, ITEMS);
    return status;
}

static sheaf_status next_item(void *source, void **item, sheaf_error *err)
{
    (void)err;
    uintptr_t *last = source;
    if (*last == ITEMS)
        return SHEAF_END;
    *item = (void *)++*last;
    return SHEAF_OK;
}

static sheaf_status by_map(sheaf_executor *executor, sheaf_error *err)
{
    uintptr_t last = 0;
    sheaf_map *map;
    sheaf_map_options options = {
        .size = sizeof options, .run = check, .next = next_item, .source = &last};
    sheaf_status status = sheaf_map_open(executor, &options, &map, err);
    if (status < 0)
        return status;
    int n_good = 0;
    sheaf_error why;
    void *item;
    while ((status = sheaf_map_next(map, &item, &why)) == SHEAF_OK)
        n_good++;
    printf("by map: %d were good, then %s\n", n_good, status < 0 ? why.message : "it was over");
    status = sheaf_map_next(map, &item, err); /* there is nothing behind an error */
    printf("by map: then %s\n", sheaf_status_text(status));
    sheaf_map_close(map);
    return status;
}

int main(void)
{
    sheaf_error err;
    sheaf_executor *executor = NULL;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 4};
    sheaf_status status = sheaf_executor_create(&options, &executor, &err);
    if (status == SHEAF_OK)
        status = by_submit(executor, &err);
    if (status == SHEAF_OK)
        status = by_map(executor, &err);
    sheaf_executor_destroy(executor);
    if (status < 0)
        fprintf(stderr, "%s\n", err.message);
    return status < 0;
}
