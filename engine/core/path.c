/* Endings of paths: see path.h. In no locale: only ASCII letters have two cases. */
#include "engine/core/path.h"

#include <errno.h>
#include <string.h>

static char lower(char byte)
{
    return byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
}

bool sheaf__path_ends_with(const char *path, const char *ending)
{
    size_t n_path = strlen(path);
    size_t n_ending = strlen(ending);
    if (n_path < n_ending)
        return false;
    for (size_t i = 0; i < n_ending; i++)
        if (lower(path[n_path - n_ending + i]) != ending[i])
            return false;
    return true;
}

bool sheaf__path_is_absent(int os_error)
{
    return os_error == ENOENT || os_error == ENOTDIR || os_error == ENAMETOOLONG;
}
