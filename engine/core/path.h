/* What a path's ending says. */
#ifndef SHEAF_CORE_PATH_H
#define SHEAF_CORE_PATH_H

#include <stdbool.h>

/* Whether the path ends with `ending`, which is in lower case; ASCII letters of the path in any. */
bool sheaf__path_ends_with(const char *path, const char *ending);

/* Whether what a system call failed with says that there is no such file, and cannot be one. */
bool sheaf__path_is_absent(int os_error);

#endif
