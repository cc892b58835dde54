// The headers from C++17: linkage, initialising the option structs, the macros.
#include <cstdio>
#include <cstring>

#include <sheaf/sheaf.h>

static sheaf_status fill(sheaf_worker *worker, void *, void **result, sheaf_error *err)
{
    double *numbers = sheaf_arena_new(sheaf_worker_scratch(worker), double, 16);
    if (!numbers)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no memory for %d numbers", 16);
    *result = numbers;
    return SHEAF_OK;
}

int main()
{
    sheaf_error err;
    sheaf_executor_options options{};
    options.size = sizeof options;
    options.max_workers = 1;
    sheaf_executor *executor = nullptr;
    sheaf_future *future = nullptr;
    void *result = nullptr;
    sheaf_task task{fill, nullptr, nullptr, nullptr};

    bool worked = sheaf_executor_create(&options, &executor, &err) == SHEAF_OK &&
                  sheaf_executor_submit(executor, &task, &future, &err) == SHEAF_OK &&
                  sheaf_future_result(future, 10000, &result, &err) == SHEAF_OK &&
                  result != nullptr;
    sheaf_future_release(future);
    sheaf_executor_destroy(executor);
    if (!worked)
        std::fputs("outside.cc: the task did not run\n", stderr);
    return worked ? 0 : 1;
}
