/* Temporary files of processes that were killed: see leftovers.h. */
#include "engine/sinks/leftovers.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* ".sheaf-4711-1a2b3c.tmp" */
static bool is_temporary(const char *name)
{
    static const char begin[] = ".sheaf-";
    static const char end[] = ".tmp";
    if (strncmp(name, begin, strlen(begin)) != 0)
        return false;
    name += strlen(begin);
    size_t n_pid = strspn(name, "0123456789");
    if (n_pid == 0 || name[n_pid] != '-')
        return false;
    name += n_pid + 1;
    size_t n_time = strspn(name, "0123456789abcdef");
    return n_time > 0 && strcmp(name + n_time, end) == 0;
}

/*
 * Nobody has it locked: so nobody writes it. Who has just made it, and not locked it yet, sees that
 * it is gone, and makes another one.
 */
static void remove_if_left(int directory, const char *name)
{
    struct stat st;
    int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        flock(fd, LOCK_EX | LOCK_NB) == 0)
        unlinkat(directory, name, 0);
    close(fd);
}

void sheaf__leftovers_remove(const char *directory)
{
    DIR *opened = opendir(directory);
    if (!opened)
        return;
    for (struct dirent *entry; (entry = readdir(opened)) != NULL;)
        if (is_temporary(entry->d_name))
            remove_if_left(dirfd(opened), entry->d_name);
    closedir(opened);
}
