/* The machine, as far as the library asks about it. */
#ifndef SHEAF_CORE_SYSTEM_H
#define SHEAF_CORE_SYSTEM_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds on the monotonic clock. */
int64_t sheaf__now_ns(void);

/*
 * A time in nanoseconds; one that 64 bits cannot hold (before 1677, after 2262) becomes the nearest
 * one.
 */
int64_t sheaf__nanoseconds(struct timespec time);

/*
 * The processors this process may use: its affinity mask, capped by the cgroup's quota. At least 1.
 */
int sheaf__processor_count(void);

/*
 * The instruction sets that kernels may use and this CPU has: "sse2 avx2 avx512", "neon", "none".
 */
const char *sheaf__cpu_features(char *text, size_t size);

/*
 * Have the kernel bring the pages of some memory, all at once, before each is touched: if it can
 * (Linux 5.14), and as far as it can.
 */
void sheaf__touch_pages(void *memory, size_t n_bytes);

/* How many files this process may open beside those it has open now (RLIMIT_NOFILE, soft). */
size_t sheaf__open_files_left(void);

#endif
