/*
 * Files that appear when they are whole: what was there before stays until then. They are made
 * before anything is measured, so that minutes are not spent on a report that has no place.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/bench.h"

static bool cannot(const char *path, int error)
{
    char shown[512];
    sheaf_text_escape(path, strlen(path), shown, sizeof shown);
    fprintf(stderr, "error: %s cannot be written: %s\n", shown, strerror(error));
    return false;
}

/* ---- whether it may be there ---- */

static bool refuse(const char *path, const char *why)
{
    char shown[512];
    sheaf_text_escape(path, strlen(path), shown, sizeof shown);
    fprintf(stderr, "error: %s is also %s\n  help: choose another file for it\n", shown, why);
    return false;
}

static bool is_source(const sheaf_files *sources, const struct stat *found)
{
    for (size_t i = 0; i < sheaf_files_count(sources); i++) {
        const sheaf_file *source = sheaf_files_at(sources, i);
        if (source->device == found->st_dev && source->inode == found->st_ino)
            return true;
    }
    return false;
}

bool bench_files_are_apart(const sheaf_files *sources, const bench_arguments *asked)
{
    const char *paths[] = {asked->csv, asked->chart, asked->html};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct stat found;
        bool exists = paths[i] && stat(paths[i], &found) == 0;
        if (exists && is_source(sources, &found))
            return refuse(paths[i], "one of the sources");
        bool is_device = exists && !S_ISREG(found.st_mode);
        for (size_t other = 0; paths[i] && !is_device && other < i; other++)
            if (paths[other] && strcmp(paths[other], paths[i]) == 0)
                return refuse(paths[i], "asked for as something else");
    }
    return true;
}

/* ---- making it ---- */

/* A device or a pipe has nothing that could be kept: it is written as it is. */
static bool is_special(const char *path, bool *is_directory)
{
    struct stat found;
    bool exists = stat(path, &found) == 0;
    *is_directory = exists && S_ISDIR(found.st_mode);
    return exists && !S_ISREG(found.st_mode) && !*is_directory;
}

bool bench_file_open(bench_file *file, const char *path)
{
    bool is_directory;
    *file = (bench_file){.path = path};
    if (!path)
        return true;
    bool special = is_special(path, &is_directory);
    if (is_directory)
        return cannot(path, EISDIR);
    if (special) {
        file->stream = fopen(path, "we");
        return file->stream || cannot(path, errno);
    }
    int n = snprintf(file->temporary, sizeof file->temporary, "%s.XXXXXX", path);
    int fd = -1;
    if (n < (int)sizeof file->temporary)
        fd = mkstemp(file->temporary);
    else
        errno = ENAMETOOLONG;
    if (fd < 0) {
        file->temporary[0] = '\0';
        return cannot(path, errno);
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);
    file->stream = fdopen(fd, "w+");
    if (!file->stream) {
        close(fd);
        unlink(file->temporary);
        return cannot(path, ENOMEM);
    }
    return true;
}

bool bench_file_finish(bench_file *file)
{
    if (!file->stream)
        return true;
    errno = 0;
    bool is_whole = !ferror(file->stream);
    is_whole = fclose(file->stream) == 0 && is_whole;
    file->stream = NULL;
    if (is_whole && (!file->temporary[0] || rename(file->temporary, file->path) == 0))
        return true;
    int error = errno ? errno : EIO;
    if (file->temporary[0])
        unlink(file->temporary);
    return cannot(file->path, error);
}

void bench_file_drop(bench_file *file)
{
    if (!file->stream)
        return;
    fclose(file->stream);
    if (file->temporary[0])
        unlink(file->temporary);
    file->stream = NULL;
}
