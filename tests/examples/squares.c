/*
 * The squares of ten numbers: the smallest program that does something on a pool.
 *
 *     with ThreadPoolExecutor(max_workers=4) as executor:          # the same in Python
 *         for square in executor.map(lambda n: n * n, range(1, 11)):
 *             print(square)
 *
 * A map needs two functions: a source, which gives the next item until there is none, and a task,
 * which makes a result of an item. Tasks run on four threads, at once and in no order. The results
 * come back in the order of the source all the same: that is what a map is for.
 */
#include <stdint.h>
#include <stdio.h>

#include <sheaf/map.h>

typedef struct range {
    uintptr_t next;
    uintptr_t last;
} range;

/* The source. It is called in main's thread only, inside open and next: it needs no lock. */
static sheaf_status next_number(void *source, void **item, sheaf_error *err)
{
    (void)err; /* it cannot fail */
    range *numbers = source;
    if (numbers->next > numbers->last)
        return SHEAF_END;
    *item = (void *)numbers->next++;
    return SHEAF_OK;
}

/*
 * The task. It runs on a worker. Items and results are pointers; a number that fits into one
 * travels as the pointer itself, and there is nothing to free.
 */
static sheaf_status square(sheaf_worker *worker, void *item, void **result, sheaf_error *err)
{
    (void)worker, (void)err;
    uintptr_t n = (uintptr_t)item;
    *result = (void *)(n * n);
    return SHEAF_OK;
}

/* An error says what failed, where and why; sheaf_error_format() makes lines of it. */
static int fail(const sheaf_error *err)
{
    char text[2048];
    sheaf_error_format(err, text, sizeof text);
    fputs(text, stderr);
    return 1;
}

int main(void)
{
    sheaf_error err;
    sheaf_map *map = NULL;
    sheaf_executor *executor = NULL;
    sheaf_executor_options pool = {.size = sizeof pool, .max_workers = 4};
    range numbers = {.next = 1, .last = 10};
    sheaf_map_options squares = {
        .size = sizeof squares, .run = square, .next = next_number, .source = &numbers};

    sheaf_status status = sheaf_executor_create(&pool, &executor, &err);
    if (status == SHEAF_OK)
        status = sheaf_map_open(executor, &squares, &map, &err);
    void *result;
    while (status == SHEAF_OK && (status = sheaf_map_next(map, &result, &err)) == SHEAF_OK)
        printf("%ju\n", (uintmax_t)(uintptr_t)result);

    sheaf_map_close(map);             /* both accept NULL: */
    sheaf_executor_destroy(executor); /* whatever failed, this is how it ends */
    return status < 0 ? fail(&err) : 0;
}
