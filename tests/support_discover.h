/*
 * What the tests of discovery share. Every test runs in an empty directory of its own, which is the
 * current one, and is removed behind it.
 */
#ifndef SHEAF_TESTS_SUPPORT_DISCOVER_H
#define SHEAF_TESTS_SUPPORT_DISCOVER_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <sheaf/discover.h>

/* ---- the directory ---- */

static char home[] = "/tmp/sheaf-discover-XXXXXX";

static inline void enter(void)
{
    cr_assert_not_null(mkdtemp(home));
    cr_assert_eq(chmod(home, 0755), 0);
    cr_assert_eq(chdir(home), 0);
}

static inline void leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf -- '%s'", home);
    cr_assert_eq(system(command), 0);
}

static inline void make_directories(const char *path)
{
    char part[PATH_MAX];
    for (size_t i = 1; path[i - 1]; i++)
        if (path[i] == '/' || path[i] == '\0') {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            cr_assert(mkdir(part, 0755) == 0 || errno == EEXIST, "mkdir %s", part);
        }
}

static inline void write_file(const char *path, const char *bytes, size_t n_bytes)
{
    const char *slash = strrchr(path, '/');
    if (slash) {
        char parent[PATH_MAX];
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        make_directories(parent);
    }
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "cannot make %s", path);
    cr_assert_eq(fwrite(bytes, 1, n_bytes, file), n_bytes);
    cr_assert_eq(fclose(file), 0);
}

static inline void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Make files, their directories too. The names end with NULL. */
static inline void make_files(const char *path, ...)
{
    va_list more;
    va_start(more, path);
    for (; path; path = va_arg(more, const char *))
        write_text(path, "a\n1\n");
    va_end(more);
}

static inline void set_mtime(const char *path, time_t seconds, long ns)
{
    struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = ns},
                                {.tv_sec = seconds, .tv_nsec = ns}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static inline void be_stdin(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(dup2(fd, 0), 0);
    close(fd);
}

/* Make directories below `at` until the path from it is longer than PATH_MAX. */
static inline void make_too_deep(const char *at)
{
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < PATH_MAX / 200 + 2; i++) {
        cr_assert_eq(mkdirat(fd, name, 0755), 0);
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(below, 0);
        close(fd);
        fd = below;
    }
    int file = openat(fd, "x.csv", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_geq(file, 0);
    close(file);
    close(fd);
}

/* ---- discovering ---- */

enum { SOURCES_MAX = 8 };

static inline size_t gather(const char *sources[SOURCES_MAX], va_list more)
{
    size_t n = 1;
    while (n < SOURCES_MAX && (sources[n] = va_arg(more, const char *)))
        n++;
    return n;
}

static inline sheaf_files *discover_in(sheaf_discover_options options, const char *const *sources,
                                       size_t n_sources)
{
    options.size = sizeof options;
    sheaf_files *files;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(sources, n_sources, &options, &files, &err);
    cr_assert_eq(status, SHEAF_OK, "%s: %s (%s)", sheaf_status_name(status), err.message,
                 err.source);
    cr_assert_eq(err.status, SHEAF_OK);
    return files;
}

static inline sheaf_files *discover(const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    return discover_in((sheaf_discover_options){.order = SHEAF_ORDER_GIVEN}, sources, n);
}

/* The paths of a list, each followed by a blank. The list is ended. */
static inline const char *paths(sheaf_files *files)
{
    static char text[64 * 1024];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sheaf_files_count(files); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", sheaf_files_at(files, i)->path);
    sheaf_files_release(files);
    return text;
}

static inline const char *ordered(sheaf_order order, const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    return paths(discover_in((sheaf_discover_options){.order = order}, sources, n));
}

static inline const char *from_nul_list(const char *source)
{
    return paths(discover_in((sheaf_discover_options){.list_is_nul_separated = true}, &source, 1));
}

/*
 * Discover what must fail. The error is checked to be complete; without one the status is the same.
 */
static inline sheaf_error fails(sheaf_status expected, const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    sheaf_files *files = (sheaf_files *)&n;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(sources, n, NULL, &files, &err);
    cr_assert_eq(status, expected, "%s instead of %s: %s", sheaf_status_name(status),
                 sheaf_status_name(expected), err.message);
    cr_assert_eq(err.status, expected);
    cr_assert_null(files);
    cr_assert_neq(err.message[0], '\0');
    cr_assert_eq(sheaf_files_discover(sources, n, NULL, &files, NULL), expected);
    return err;
}

static inline void has(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "\"%s\" does not say \"%s\"", text, part);
}

static inline void check_counts(sheaf_files *files, uint64_t special, uint64_t hidden,
                                uint64_t other)
{
    sheaf_discover_counts counts = sheaf_files_passed_over(files);
    cr_assert_eq(counts.special, special, "special %d", (int)counts.special);
    cr_assert_eq(counts.hidden, hidden, "hidden %d", (int)counts.hidden);
    cr_assert_eq(counts.other, other, "other %d", (int)counts.other);
}

/* Make levels of "d" within each other, with a file in the lowest. */
static inline void make_deep(int levels, char path[PATH_MAX])
{
    size_t n = 0;
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(path + n, PATH_MAX - n, "d/");
    snprintf(path + n, PATH_MAX - n, "a.csv");
    make_files(path, NULL);
}

static inline void check_glob(const char *glob, const char *expected)
{
    const char *got = paths(discover(glob, NULL));
    cr_assert_str_eq(got, expected, "%s gives %s", glob, got);
}

#endif
