/* --trace FILE: what was done when, of whichever command reads. */
#include "engine/cli/cli.h"

#include <sys/stat.h>
#include <unistd.h>

static bool is_file(const char *path, const struct stat *other)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_dev == other->st_dev &&
           st.st_ino == other->st_ino;
}

/* Whether it would take the place of what the shell has opened for us, or of a list of sources. */
static bool is_ours(const arguments *args)
{
    struct stat st;
    if (fstat(STDOUT_FILENO, &st) == 0 && is_file(args->trace, &st))
        return true;
    for (size_t i = 0; i < args->n_sources; i++)
        if (args->sources[i][0] == '@' && stat(args->sources[i] + 1, &st) == 0 &&
            is_file(args->trace, &st))
            return true;
    return false;
}

bool trace_open(const arguments *args, const sheaf_files *files, sheaf_trace **trace, int *code)
{
    sheaf_error err;
    sheaf_trace_options options = {.size = sizeof options, .path = args->trace, .sources = files};
    *trace = NULL;
    if (args->trace && is_ours(args)) {
        *code = usage("the trace would be written over standard output or a list of sources:",
                      args->trace, "choose another file for the trace");
        return false;
    }
    if (!args->trace || sheaf_trace_open(&options, trace, &err) == SHEAF_OK)
        return true;
    report_error(&err);
    *code = err.status == SHEAF_EINVAL ? EXIT_USAGE : EXIT_FAULT;
    return false;
}

void trace_close(sheaf_trace *trace)
{
    sheaf_error err;
    if (sheaf_trace_close(trace, &err) < 0)
        report_error(&err);
}
