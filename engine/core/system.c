/*
 * Clock, processors and limits: see system.h.
 *
 * The processor count is what this process may use, as Python 3.13's os.process_cpu_count() has it,
 * capped by the cgroup's quota: a container with two CPUs' worth of time on a machine of 64 should
 * run two workers.
 */
#include "engine/core/system.h"

#include <dirent.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int64_t sheaf__now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return sheaf__nanoseconds(now);
}

int64_t sheaf__nanoseconds(struct timespec time)
{
    int64_t ns;
    if (__builtin_mul_overflow((int64_t)time.tv_sec, INT64_C(1000000000), &ns) ||
        __builtin_add_overflow(ns, (int64_t)time.tv_nsec, &ns))
        return time.tv_sec < 0 ? INT64_MIN : INT64_MAX;
    return ns;
}

static int affinity_count(void)
{
    for (size_t n = 1024; n <= 65536; n *= 4) {
        cpu_set_t *set = CPU_ALLOC(n);
        if (!set)
            break;
        int count = sched_getaffinity(0, CPU_ALLOC_SIZE(n), set) == 0
                        ? CPU_COUNT_S(CPU_ALLOC_SIZE(n), set)
                        : 0;
        CPU_FREE(set);
        if (count > 0)
            return count;
    }
    return 1;
}

/*
 * cgroup v2: "max 100000" or "200000 100000", in microseconds of CPU time per period. 0: no limit.
 */
static int quota_of(const char *group)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/cpu.max", group);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    long quota = 0;
    long period = 0;
    int n = fscanf(file, "%ld %ld", &quota, &period);
    fclose(file);
    if (n != 2 || quota <= 0 || period <= 0)
        return 0;
    return (int)((quota + period - 1) / period);
}

/* The group of this process, "/user.slice/...", without the last slash; "" for the topmost. */
static void read_group(char *group, size_t size)
{
    FILE *file = fopen("/proc/self/cgroup", "re");
    group[0] = '\0';
    for (char line[PATH_MAX]; file && fgets(line, sizeof line, file);) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(group, size, "%s", strcmp(line, "0::/") == 0 ? "" : line + 3);
    }
    if (file)
        fclose(file);
}

/* The least quota of the process's group and all groups above it; 0 without one. */
static int quota_count(void)
{
    char group[PATH_MAX];
    int least = 0;
    read_group(group, sizeof group);
    for (;;) {
        int quota = quota_of(group);
        if (quota > 0 && (least == 0 || quota < least))
            least = quota;
        char *slash = strrchr(group, '/');
        if (!slash)
            return least;
        *slash = '\0';
    }
}

int sheaf__processor_count(void)
{
    int count = affinity_count();
    int quota = quota_count();
    return quota > 0 && quota < count ? quota : count;
}

const char *sheaf__cpu_features(char *text, size_t size)
{
    text[0] = '\0';
#if defined(__x86_64__)
    __builtin_cpu_init();
    snprintf(text, size, "sse2%s%s", __builtin_cpu_supports("avx2") ? " avx2" : "",
             __builtin_cpu_supports("avx512bw") ? " avx512" : "");
#elif defined(__aarch64__)
    snprintf(text, size, "neon");
#else
    snprintf(text, size, "none");
#endif
    return text;
}

/* The header may be older than the kernel. */
#if !defined(MADV_POPULATE_WRITE) && defined(__linux__)
#define MADV_POPULATE_WRITE 23
#endif

void sheaf__touch_pages(void *memory, size_t n_bytes)
{
#ifdef MADV_POPULATE_WRITE
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = (uintptr_t)memory / page * page;
    uintptr_t end = ((uintptr_t)memory + n_bytes + page - 1) / page * page;
    (void)madvise((void *)first, end - first, MADV_POPULATE_WRITE);
#else
    (void)memory, (void)n_bytes;
#endif
}

size_t sheaf__open_files_left(void)
{
    enum { UNKNOWN_LIMIT = 64, LIMIT_MAX = 1 << 20 };
    struct rlimit limit;
    size_t may = UNKNOWN_LIMIT;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        may = limit.rlim_cur > LIMIT_MAX ? LIMIT_MAX : (size_t)limit.rlim_cur;
    size_t open = 3;
    DIR *list = opendir("/proc/self/fd");
    if (list) {
        for (open = 0; readdir(list);)
            open++; /* ".", ".." and the list's own descriptor are three too many */
        closedir(list);
        open = open > 3 ? open - 3 : 0;
    }
    return may > open ? may - open : 0;
}
