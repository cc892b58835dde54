/*
 * The list of files: an array that doubles, over an arena that holds the paths.
 *
 * Every order is total: what the order itself cannot tell apart is decided by the path, and files
 * with equal paths are the same file. So the result depends neither on the sort nor on the order in
 * which a directory was listed.
 */
#include "engine/discover/files.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"
#include "engine/core/system.h"

enum { PATHS_CHUNK = 64 * 1024, FILES_AT_FIRST = 64 };

struct sheaf_files {
    sheaf_arena *paths; /* permanent: lives as long as the list */
    sheaf_file *items;
    size_t count;
    size_t capacity;
    sheaf_discover_counts passed_over;
};

sheaf_files *sheaf__files_create(void)
{
    sheaf_files *files = calloc(1, sizeof *files);
    if (!files)
        return NULL;
    files->paths = sheaf__arena_create(NULL, PATHS_CHUNK);
    if (!files->paths) {
        sheaf_files_release(files);
        return NULL;
    }
    return files;
}

void sheaf_files_release(sheaf_files *files)
{
    if (!files)
        return;
    sheaf__arena_destroy(files->paths);
    free(files->items);
    free(files);
}

/* Make room for one more. */
static bool reserve(sheaf_files *files)
{
    if (files->count < files->capacity)
        return true;
    size_t capacity = files->capacity ? files->capacity * 2 : FILES_AT_FIRST;
    sheaf_file *items = reallocarray(files->items, capacity, sizeof *items);
    if (!items)
        return false;
    files->items = items;
    files->capacity = capacity;
    return true;
}

sheaf_status sheaf__files_add(sheaf_files *files, const char *path, const struct stat *about,
                              sheaf_error *err)
{
    const char *copy = sheaf__arena_copy(files->paths, path, strlen(path));
    if (!copy || !reserve(files))
        return sheaf__error_memory(err, "the list of files");
    sheaf_file *file = &files->items[files->count++];
    *file = (sheaf_file){.path = copy, .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};
    struct stat standard_input;
    bool is_stdin = !about;
    if (is_stdin && fstat(STDIN_FILENO, &standard_input) == 0)
        about = &standard_input; /* a closed one is found out when it is read */
    if (!about)
        return SHEAF_OK;
    file->device = about->st_dev;
    file->inode = about->st_ino;
    if (is_stdin)
        return SHEAF_OK;
    file->kind = S_ISREG(about->st_mode) ? SHEAF_FILE_REGULAR : SHEAF_FILE_STREAM;
    file->mtime_ns = sheaf__nanoseconds(about->st_mtim);
    if (file->kind == SHEAF_FILE_REGULAR)
        file->size_bytes = (uint64_t)about->st_size;
    return SHEAF_OK;
}

const sheaf_file *sheaf__files_same_stream(const sheaf_files *files)
{
    /* Regular files come in great numbers, streams in few: those are gone through. */
    for (size_t i = 0; i < files->count; i++) {
        const sheaf_file *first = &files->items[i];
        if (first->kind == SHEAF_FILE_REGULAR || first->inode == 0)
            continue;
        for (size_t k = i + 1; k < files->count; k++) {
            const sheaf_file *second = &files->items[k];
            /*
             * Standard input may be a regular file: whoever else opens that has an offset of its
             * own.
             */
            bool is_stream = first->kind == SHEAF_FILE_STREAM || second->kind == SHEAF_FILE_STREAM;
            if (is_stream && second->inode == first->inode && second->device == first->device)
                return second;
        }
    }
    return NULL;
}

void sheaf__files_pass_over(sheaf_files *files, const sheaf_discover_counts *counts)
{
    files->passed_over.special += counts->special;
    files->passed_over.hidden += counts->hidden;
    files->passed_over.other += counts->other;
}

/* ---- orders ---- */

/* Where a byte of a path stands: the end first, then '/', then all others by value. */
static int rank(unsigned char byte)
{
    return byte == '\0' ? 0 : byte == '/' ? 1 : byte + 1;
}

static size_t first_difference(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] == b[i] && a[i] != '\0')
        i++;
    return i;
}

static int compare_paths(const char *a, const char *b)
{
    size_t i = first_difference(a, b);
    return rank((unsigned char)a[i]) - rank((unsigned char)b[i]);
}

/*
 * Copy the name that begins at `from`, up to the next '/'. Returns false when it is longer than
 * names are.
 */
static bool copy_name(const char *from, char name[NAME_MAX + 1])
{
    size_t n_bytes = strcspn(from, "/");
    if (n_bytes > NAME_MAX)
        return false;
    memcpy(name, from, n_bytes);
    name[n_bytes] = '\0';
    return true;
}

/* strverscmp() on the first names that differ. On whole paths it would sort "ab" before "a/x". */
static int compare_paths_naturally(const char *a, const char *b)
{
    size_t begin = first_difference(a, b);
    while (begin > 0 && a[begin - 1] != '/')
        begin--;
    char name_a[NAME_MAX + 1], name_b[NAME_MAX + 1];
    int by_name = 0;
    if (copy_name(a + begin, name_a) && copy_name(b + begin, name_b))
        by_name = strverscmp(name_a, name_b);
    return by_name ? by_name : compare_paths(a, b);
}

static int by_path(const void *a, const void *b)
{
    return compare_paths(((const sheaf_file *)a)->path, ((const sheaf_file *)b)->path);
}

static int by_natural_path(const void *a, const void *b)
{
    return compare_paths_naturally(((const sheaf_file *)a)->path, ((const sheaf_file *)b)->path);
}

static int by_mtime(const void *a, const void *b)
{
    const sheaf_file *file_a = a, *file_b = b;
    if (file_a->mtime_ns != file_b->mtime_ns)
        return file_a->mtime_ns < file_b->mtime_ns ? -1 : 1;
    return by_path(a, b);
}

void sheaf__files_sort(sheaf_files *files, size_t begin, sheaf_order order)
{
    int (*compare)(const void *, const void *) = by_path;
    if (order == SHEAF_ORDER_NATURAL)
        compare = by_natural_path;
    else if (order == SHEAF_ORDER_MTIME)
        compare = by_mtime;
    if (files->count - begin > 1)
        qsort(files->items + begin, files->count - begin, sizeof *files->items, compare);
}

/* ---- reading the list ---- */

size_t sheaf_files_count(const sheaf_files *files)
{
    return files->count;
}

const sheaf_file *sheaf_files_at(const sheaf_files *files, size_t index)
{
    return index < files->count ? &files->items[index] : NULL;
}

sheaf_discover_counts sheaf_files_passed_over(const sheaf_files *files)
{
    return files->passed_over;
}
