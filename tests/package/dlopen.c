/*
 * dlopen LIBRARY: load libsheaf into a program that knows neither it nor jemalloc, as the extension
 * modules of Python and R do, and run tasks with it. A library that needs jemalloc fails here
 * ("static TLS block").
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/sheaf.h>

static void *library;

static void require(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "dlopen: not so: %s\n", what);
    exit(1);
}

/*
 * Set a function pointer to the library's function of that name; by its bytes, as C has no cast for
 * it.
 */
static void load(const char *name, void *function_pointer)
{
    void *symbol = dlsym(library, name);
    if (!symbol)
        fprintf(stderr, "dlopen: %s\n", dlerror());
    require(symbol != NULL, name);
    memcpy(function_pointer, &symbol, sizeof symbol);
}

/* Declares a local pointer called like the function, with its type, and loads it. */
#define LOAD(name)                                                                                 \
    __typeof__(sheaf_##name) *name;                                                                \
    load("sheaf_" #name, &name)

static void *(*alloc)(sheaf_arena *, size_t, size_t, size_t);
static sheaf_arena *(*scratch)(sheaf_worker *);

static sheaf_status add_one(sheaf_worker *worker, void *arg, void **result, sheaf_error *err)
{
    (void)err;
    char *bytes = alloc(scratch(worker), 100000, 1, 16);
    if (!bytes)
        return SHEAF_ENOMEM;
    bytes[99999] = 1;
    *result = (char *)arg + bytes[99999];
    return SHEAF_OK;
}

int main(int argc, char **argv)
{
    library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library)
        fprintf(stderr, "dlopen: %s\n", argc == 2 ? dlerror() : "usage: dlopen LIBRARY");
    require(library != NULL, "the library loads");
    require(dlsym(RTLD_DEFAULT, "mallocx") == NULL, "there is no jemalloc here");

    LOAD(version);
    LOAD(executor_create);
    LOAD(executor_submit);
    LOAD(executor_destroy);
    LOAD(future_result);
    LOAD(future_release);
    load("sheaf_arena_alloc", &alloc);
    load("sheaf_worker_scratch", &scratch);

    sheaf_error err;
    sheaf_executor *executor;
    sheaf_executor_options options = {.size = sizeof options, .max_workers = 2};
    require(executor_create(&options, &executor, &err) == SHEAF_OK, "a pool can be made");
    enum { N_TASKS = 10 };
    char numbers[N_TASKS + 1];
    sheaf_future *futures[N_TASKS];
    for (int i = 0; i < N_TASKS; i++)
        require(executor_submit(executor, &(sheaf_task){.run = add_one, .arg = &numbers[i]},
                                &futures[i], &err) == SHEAF_OK,
                "a task can be submitted");
    for (int i = 0; i < N_TASKS; i++) {
        void *result;
        require(future_result(futures[i], 10000, &result, &err) == SHEAF_OK &&
                    result == &numbers[i + 1],
                "the task runs");
        future_release(futures[i]);
    }
    executor_destroy(executor);
    printf("dlopen: sheaf %s works\n", version());
    dlclose(library);
    return 0;
}
