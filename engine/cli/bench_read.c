/*
 * The same bytes by read(2) alone: what the machine gives to a program that does nothing with them.
 *
 * The files are taken in pieces by so many threads, each with a buffer of its own that stays in its
 * processor's cache: the limit that no reader can beat, for files that are plain text. Of
 * compressed ones it is the bytes as stored.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/cli/bench.h"

enum { PIECE_BYTES = 8 << 20, BUFFER_BYTES = 256 << 10 };

typedef struct read_job {
    const sheaf_files *files; /* const, like n_pieces */
    const size_t *first;      /* the number of a file's first piece */
    size_t n_pieces;
    atomic_size_t next;        /* piece; relaxed: who takes it reads nothing else of others */
    atomic_uint_fast64_t read; /* bytes; relaxed: joining the threads publishes it */
    atomic_int failed_errno;   /* of any of them; relaxed */
    atomic_size_t failed_file;
} read_job;

/* The file of a piece: the last whose first piece is not behind it. */
static size_t file_of(const read_job *job, size_t piece)
{
    size_t low = 0;
    size_t high = sheaf_files_count(job->files);
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (job->first[middle] <= piece)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void read_piece(read_job *job, size_t piece, char *buffer)
{
    size_t index = file_of(job, piece);
    const sheaf_file *file = sheaf_files_at(job->files, index);
    uint64_t at = (uint64_t)(piece - job->first[index]) * PIECE_BYTES;
    uint64_t end = at + PIECE_BYTES < file->size_bytes ? at + PIECE_BYTES : file->size_bytes;
    uint64_t begin = at;
    int fd = open(file->path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : 0;
    while (fd >= 0 && at < end) {
        size_t wanted = end - at < BUFFER_BYTES ? (size_t)(end - at) : BUFFER_BYTES;
        n = pread(fd, buffer, wanted, (off_t)at);
        if (n == 0 || (n < 0 && errno != EINTR))
            break;
        at += n > 0 ? (uint64_t)n : 0;
    }
    if (n < 0) {
        atomic_store_explicit(&job->failed_file, index, memory_order_relaxed);
        atomic_store_explicit(&job->failed_errno, errno, memory_order_relaxed);
    }
    if (fd >= 0)
        close(fd);
    atomic_fetch_add_explicit(&job->read, at - begin, memory_order_relaxed);
}

static void *read_main(void *context)
{
    read_job *job = context;
    char *buffer = malloc(BUFFER_BYTES);
    if (!buffer) {
        atomic_store_explicit(&job->failed_errno, ENOMEM, memory_order_relaxed);
        return NULL;
    }
    for (;;) {
        size_t piece = atomic_fetch_add_explicit(&job->next, 1, memory_order_relaxed);
        if (piece >= job->n_pieces ||
            atomic_load_explicit(&job->failed_errno, memory_order_relaxed))
            break;
        read_piece(job, piece, buffer);
    }
    free(buffer);
    return NULL;
}

static int read_by_threads(read_job *job, int n_threads)
{
    pthread_t *threads = calloc((size_t)n_threads, sizeof *threads);
    int n = 0;
    int failure = threads ? 0 : ENOMEM;
    while (!failure && n < n_threads - 1) {
        failure = pthread_create(&threads[n], NULL, read_main, job);
        n += !failure;
    }
    if (!failure)
        read_main(job); /* this thread is one of them */
    else
        atomic_store(&job->failed_errno, failure);
    while (n > 0)
        pthread_join(threads[--n], NULL);
    free(threads);
    return atomic_load(&job->failed_errno);
}

sheaf_status bench_read(const sheaf_files *files, int n_threads, uint64_t *n_bytes,
                        sheaf_error *err)
{
    size_t n_files = sheaf_files_count(files);
    size_t *first = calloc(n_files, sizeof *first);
    read_job job = {.files = files, .first = first};
    if (!first)
        return sheaf_error_set(err, SHEAF_ENOMEM, "no memory for the list of %zu files", n_files);
    for (size_t i = 0; i < n_files; i++) {
        first[i] = job.n_pieces;
        uint64_t size = sheaf_files_at(files, i)->size_bytes;
        job.n_pieces += size == 0 ? 1 : (size_t)((size + PIECE_BYTES - 1) / PIECE_BYTES);
    }
    int failure = read_by_threads(&job, n_threads);
    free(first);
    *n_bytes = atomic_load(&job.read);
    if (failure == 0)
        return SHEAF_OK;
    const char *path = sheaf_files_at(files, atomic_load(&job.failed_file))->path;
    char shown[200];
    sheaf_text_escape(path, strlen(path), shown, sizeof shown);
    return sheaf_error_set(err, SHEAF_EIO, "%s cannot be read: %s", shown, strerror(failure));
}

/* ---- the page cache ---- */

/* How many pages of a file are in the cache, of how many. */
static void count_resident(int fd, uint64_t size_bytes, uint64_t *n_resident, uint64_t *n_pages)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t window = (size_t)64 << 20;
    unsigned char *pages = malloc(window / page_bytes);
    for (uint64_t at = 0; pages && at < size_bytes; at += window) {
        size_t n_bytes = size_bytes - at < window ? (size_t)(size_bytes - at) : window;
        size_t n = (n_bytes + page_bytes - 1) / page_bytes;
        void *map = mmap(NULL, n_bytes, PROT_READ, MAP_SHARED, fd, (off_t)at);
        *n_pages += n;
        if (map == MAP_FAILED) {
            *n_resident += n; /* who cannot look cannot say that it is cold */
            continue;
        }
        bool known = mincore(map, n_bytes, pages) == 0;
        for (size_t i = 0; i < n; i++)
            *n_resident += !known || (pages[i] & 1);
        munmap(map, n_bytes);
    }
    free(pages);
}

double bench_drop_cache(const sheaf_files *files)
{
    uint64_t n_resident = 0;
    uint64_t n_pages = 0;
    for (size_t i = 0; i < sheaf_files_count(files); i++) {
        const sheaf_file *file = sheaf_files_at(files, i);
        int fd = open(file->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;  /* the run itself will tell */
        fdatasync(fd); /* pages that are not written yet cannot be dropped */
        posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        count_resident(fd, file->size_bytes, &n_resident, &n_pages);
        close(fd);
    }
    return n_pages == 0 ? 0 : (double)n_resident / (double)n_pages;
}
