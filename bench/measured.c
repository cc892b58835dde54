/*
 * Runs a command for bench/compare, and tells what it took.
 *
 *     measured FILE COMMAND [ARGUMENT...]
 *
 * Writes wall seconds, CPU seconds and peak bytes into FILE, and ends with the command's exit code.
 * The kernel counts as a process's peak also what its parent had in memory when it was made; so the
 * parent is this one, which has next to nothing, and not Python.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/bench.h"

enum { CANNOT_RUN = 127 };

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        bench_fail("measured FILE COMMAND [ARGUMENT...]");
    struct rusage usage;
    int status;
    double begun_ns = bench_now().wall_ns;
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        fprintf(stderr, "%s: %s\n", argv[2], strerror(errno));
        _exit(CANNOT_RUN);
    }
    if (child < 0 || wait4(child, &status, 0, &usage) < 0)
        bench_fail("%s: %s", argv[2], strerror(errno));
    double wall_s = (bench_now().wall_ns - begun_ns) / 1e9;
    FILE *file = fopen(argv[1], "w");
    if (!file)
        bench_fail("%s: %s", argv[1], strerror(errno));
    fprintf(file, "%.6f %.6f %lld\n", wall_s, seconds(usage.ru_utime) + seconds(usage.ru_stime),
            (long long)usage.ru_maxrss * 1024);
    if (fclose(file) != 0)
        bench_fail("%s: %s", argv[1], strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
