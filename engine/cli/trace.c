/* --trace FILE: what was done when, of whichever command reads. */
#include "engine/cli/cli.h"

bool trace_open(const arguments *args, const sheaf_files *files, sheaf_trace **trace, int *code)
{
    sheaf_error err;
    sheaf_trace_options options = {.size = sizeof options, .path = args->trace, .sources = files};
    *trace = NULL;
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
