/*
 * oneTBB's side of bench_executor: task_group and the ordered parallel_pipeline.
 *
 * The thread that submits is one of an arena's threads and works while it waits, so the arena has
 * one slot more than there are workers: as many threads in all as the other libraries have. Tasks
 * come from oneTBB's own allocator, of which malloc's statistics know nothing.
 */
#include "bench/executor_cases.h"

#include <atomic>
#include <chrono>
#include <new>
#include <semaphore.h>
#include <thread>
#include <vector>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <oneapi/tbb/version.h>

namespace
{

/* Threads, all of which have come; ended with this object, so that none of them idles
 * on into the next case. */
class threads
{
  public:
    explicit threads(int workers)
        : scheduler_{tbb::attach{}}, limit_{tbb::global_control::max_allowed_parallelism,
                                            static_cast<std::size_t>(workers) + 1},
          arena_{workers + 1, 1}
    {
        in([&] { meet(workers + 1); });
    }

    ~threads()
    {
        arena_.terminate();
        tbb::finalize(scheduler_, std::nothrow);
    }

    threads(const threads &) = delete;
    threads &operator=(const threads &) = delete;

    template <typename Body> void in(Body body)
    {
        arena_.execute(body);
    }

  private:
    /* As many tasks as there are threads, none of which ends before all have begun. oneTBB does not
     * promise that every thread comes: after a second it goes on without. */
    static void meet(int n)
    {
        std::atomic<int> n_here{0};
        auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(1);
        tbb::task_group group;
        for (int i = 0; i < n; i++)
            group.run([&] {
                n_here++;
                while (n_here < n && std::chrono::steady_clock::now() < limit)
                    std::this_thread::yield();
            });
        group.wait();
    }

    tbb::task_scheduler_handle scheduler_;
    tbb::global_control limit_;
    tbb::task_arena arena_;
};

} // namespace

const char *tbb_version_text(void)
{
    return TBB_runtime_version();
}

namespace
{

void run_all(std::size_t n)
{
    tbb::task_group group;
    for (std::size_t i = 0; i < n; i++)
        group.run([] {});
    group.wait();
}

void ping_pong(std::size_t n)
{
    tbb::task_group group;
    for (std::size_t i = 0; i < n; i++) {
        group.run([] {});
        group.wait();
    }
}

/* The work twice, measured the second time. */
template <typename Work> void measure(bench_run *run, std::size_t n_warm_up, Work work)
{
    threads pool(run->workers);
    pool.in([&] {
        work(n_warm_up);
        bench_begin(run);
        work(run->n);
        bench_end(run);
    });
}

} // namespace

void tbb_task_group(bench_run *run)
{
    measure(run, run->n, run_all);
}

void tbb_ping_pong(bench_run *run)
{
    measure(run, BENCH_WARM_UP, ping_pong);
}

/* ---- the ordered pipeline ---- */

namespace
{

/* The task: not inlined, as ours is called through a pointer too. */
__attribute__((noinline)) std::size_t give_back(std::size_t item)
{
    asm volatile("" : "+r"(item));
    return item;
}

/* One item to a token. */
std::size_t pipe_items(std::size_t n_items, std::size_t tokens)
{
    std::size_t next = 0;
    std::size_t n_in_order = 0;
    tbb::parallel_pipeline(
        tokens,
        tbb::make_filter<void, std::size_t>(tbb::filter_mode::serial_in_order,
                                            [&](tbb::flow_control &control) {
                                                if (next == n_items)
                                                    control.stop();
                                                return ++next;
                                            }) &
            tbb::make_filter<std::size_t, std::size_t>(
                tbb::filter_mode::parallel, [](std::size_t item) { return give_back(item); }) &
            tbb::make_filter<std::size_t, void>(
                tbb::filter_mode::serial_in_order,
                [&](std::size_t item) { n_in_order += item == n_in_order + 1; }));
    return n_in_order;
}

/*
 * A block of items to a token: what a chunksize does, by hand. The blocks are used in turn, which
 * is safe because tokens leave in order: that of token i is free when token i + tokens begins.
 */
using block = std::vector<std::size_t>;

std::size_t pipe_blocks(std::size_t n_items, std::vector<block> &blocks, std::size_t chunk)
{
    std::size_t next = 0;
    std::size_t n_blocks = 0;
    std::size_t n_in_order = 0;
    tbb::parallel_pipeline(
        blocks.size(),
        tbb::make_filter<void, block *>(tbb::filter_mode::serial_in_order,
                                        [&](tbb::flow_control &control) -> block * {
                                            if (next == n_items) {
                                                control.stop();
                                                return nullptr;
                                            }
                                            block *made = &blocks[n_blocks++ % blocks.size()];
                                            made->clear();
                                            while (made->size() < chunk && next < n_items)
                                                made->push_back(++next);
                                            return made;
                                        }) &
            tbb::make_filter<block *, block *>(tbb::filter_mode::parallel,
                                               [](block *items) {
                                                   for (std::size_t &item : *items)
                                                       item = give_back(item);
                                                   return items;
                                               }) &
            tbb::make_filter<block *, void>(tbb::filter_mode::serial_in_order, [&](block *items) {
                for (std::size_t item : *items)
                    n_in_order += item == n_in_order + 1;
            }));
    return n_in_order;
}

} // namespace

void tbb_pipeline(bench_run *run)
{
    std::size_t tokens = run->window / run->chunk;
    std::vector<block> blocks(run->chunk > 1 ? tokens : 0, block(run->chunk));
    measure(run, bench_warm_up_items(run), [&](std::size_t n) {
        std::size_t n_in_order = run->chunk > 1 ? pipe_blocks(n, blocks, run->chunk)
                                                : pipe_items(n, tokens);
        if (n_in_order != n)
            bench_fail("oneTBB: %zu items, %zu in order", n, n_in_order);
    });
}

/* ---- memory ---- */

void tbb_pending(bench_run *run)
{
    threads pool(run->workers);
    pool.in([&] {
        sem_t entered, open;
        sem_init(&entered, 0, 0);
        sem_init(&open, 0, 0);
        tbb::task_group group;
        for (int i = 0; i < run->workers; i++)
            group.run([&] {
                sem_post(&entered);
                sem_wait(&open);
            });
        for (int i = 0; i < run->workers; i++)
            sem_wait(&entered);
        bench_memory_begin(run);
        for (std::size_t i = 0; i < run->n; i++)
            group.run([] {});
        bench_memory_end(run);
        run->malloc_bytes = -1;
        for (int i = 0; i < run->workers; i++)
            sem_post(&open);
        group.wait();
    });
}
