/*
 * One fault in a program that knows nothing of it: preloaded (LD_PRELOAD) by the tests of the
 * program.
 *
 *     SHEAF_FAULT=memory:N    the N-th allocation since the beginning of main() fails
 *     SHEAF_FAULT=memory:N+   and all that follow it
 *     SHEAF_FAULT=half:N      the N-th read or write does only half of what it is asked to do
 *     SHEAF_FAULT_COUNT=FILE  how many there were is written into it when main() has returned
 *     SHEAF_FAULT_WHERE=1     where that was is told on stderr
 *
 * What runs before main() is the loader's and the libraries'; what runs behind it, too. Who asks
 * for memory does not matter: the program, the C library for it, SQLite, ...
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_bool counting;
static atomic_ulong n_allocations;
static atomic_ulong n_transfers;
static unsigned long fails_at; /* const after the beginning of main() */
static unsigned long halves_at;
static bool fails_on;
static bool tells_where;

/* C has no conversion of dlsym()'s pointer into that of a function. */
static void find_real(void *function, const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(function, &found, sizeof found);
}

#define REAL(name)                                                                                 \
    static __typeof__(&name) real;                                                                 \
    if (!real)                                                                                     \
    find_real(&real, #name)

static void tell_where(void)
{
    void *frames[40];
    if (!tells_where)
        return;
    atomic_store(&counting, false);
    backtrace_symbols_fd(frames, backtrace(frames, 40), 2);
    atomic_store(&counting, true);
}

/* Whether this allocation is one that fails. */
static bool fails(void)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed))
        return false;
    unsigned long n = atomic_fetch_add(&n_allocations, 1) + 1;
    if (n != fails_at && (!fails_on || n < fails_at))
        return false;
    if (n == fails_at)
        tell_where();
    errno = ENOMEM;
    return true;
}

static size_t halved(size_t n_bytes)
{
    if (!atomic_load_explicit(&counting, memory_order_relaxed) || n_bytes < 2)
        return n_bytes;
    if (atomic_fetch_add(&n_transfers, 1) + 1 != halves_at)
        return n_bytes;
    tell_where();
    return n_bytes / 2;
}

/* ---- memory ---- */

void *malloc(size_t size)
{
    REAL(malloc);
    return fails() ? NULL : real(size);
}

void *calloc(size_t n, size_t size)
{
    /* dlsym() itself may ask for memory, and can do without. */
    static __typeof__(&calloc) real;
    static _Thread_local bool looking;
    if (!real && looking)
        return NULL;
    if (!real) {
        looking = true;
        find_real(&real, "calloc");
        looking = false;
    }
    return fails() ? NULL : real(n, size);
}

void *realloc(void *block, size_t size)
{
    REAL(realloc);
    return fails() ? NULL : real(block, size);
}

int posix_memalign(void **block, size_t alignment, size_t size)
{
    REAL(posix_memalign);
    return fails() ? ENOMEM : real(block, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    REAL(aligned_alloc);
    return fails() ? NULL : real(alignment, size);
}

void *memalign(size_t alignment, size_t size)
{
    REAL(memalign);
    return fails() ? NULL : real(alignment, size);
}

/* jemalloc's, which engine/core/heap.c looks for; it looks for others beside it, too. */
void *mallocx(size_t size, int flags);
void *mallocx(size_t size, int flags)
{
    REAL(mallocx);
    return fails() ? NULL : real(size, flags);
}

/* ---- half of a transfer ---- */

ssize_t read(int fd, void *bytes, size_t n_bytes)
{
    REAL(read);
    return real(fd, bytes, halved(n_bytes));
}

ssize_t pread(int fd, void *bytes, size_t n_bytes, off_t offset)
{
    REAL(pread);
    return real(fd, bytes, halved(n_bytes), offset);
}

ssize_t pread64(int fd, void *bytes, size_t n_bytes, off64_t offset)
{
    REAL(pread64);
    return real(fd, bytes, halved(n_bytes), offset);
}

ssize_t write(int fd, const void *bytes, size_t n_bytes)
{
    REAL(write);
    return real(fd, bytes, halved(n_bytes));
}

ssize_t pwrite(int fd, const void *bytes, size_t n_bytes, off_t offset)
{
    REAL(pwrite);
    return real(fd, bytes, halved(n_bytes), offset);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n_bytes, off64_t offset)
{
    REAL(pwrite64);
    return real(fd, bytes, halved(n_bytes), offset);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to, off64_t *to_offset, size_t n_bytes,
                        unsigned flags)
{
    REAL(copy_file_range);
    return real(from, from_offset, to, to_offset, halved(n_bytes), flags);
}

/* ---- from the beginning of main() to its end ---- */

static int (*real_main)(int, char **, char **);

static void read_environment(void)
{
    const char *fault = getenv("SHEAF_FAULT");
    char *end = NULL;
    if (fault && strncmp(fault, "memory:", 7) == 0)
        fails_at = strtoul(fault + 7, &end, 10);
    else if (fault && strncmp(fault, "half:", 5) == 0)
        halves_at = strtoul(fault + 5, &end, 10);
    fails_on = end && *end == '+';
    tells_where = getenv("SHEAF_FAULT_WHERE") != NULL;
}

static void write_counts(void)
{
    const char *path = getenv("SHEAF_FAULT_COUNT");
    char text[64];
    int fd = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    if (fd < 0)
        return;
    int n = snprintf(text, sizeof text, "%lu %lu\n", atomic_load(&n_allocations),
                     atomic_load(&n_transfers));
    (void)!write(fd, text, (size_t)n);
    close(fd);
}

static int main_with_faults(int argc, char **argv, char **environment)
{
    read_environment();
    atomic_store(&counting, true);
    int code = real_main(argc, argv, environment);
    atomic_store(&counting, false);
    write_counts();
    return code;
}

int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv,
                      int (*init)(int, char **, char **), void (*fini)(void), void (*rtld)(void),
                      void *stack_end);
int __libc_start_main(int (*start)(int, char **, char **), int argc, char **argv,
                      int (*init)(int, char **, char **), void (*fini)(void), void (*rtld)(void),
                      void *stack_end)
{
    REAL(__libc_start_main);
    real_main = start;
    return real(main_with_faults, argc, argv, init, fini, rtld, stack_end);
}
