/* A folder for a bench's own files: see folder.h. */
#include "bench/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/bench.h"

static char folder[] = "bench.XXXXXX";
static pid_t owner;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static void leave_folder(void)
{
    if (getpid() == owner && chdir("..") == 0)
        nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void bench_enter_folder(void)
{
    owner = getpid(); /* children end, too */
    if (!mkdtemp(folder) || chdir(folder) != 0)
        bench_fail("no folder can be made here: %s", strerror(errno));
    atexit(leave_folder);
}
