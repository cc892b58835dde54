/*
 * A trace's file: the Trace Event Format ("JSON Object Format"), of which only complete events
 * ("ph":"X") and metadata ("ph":"M": names and order of rows) are used. Times are microseconds from
 * when the trace was opened, to the nanosecond.
 */
#ifndef SHEAF_SINKS_TRACE_FILE_H
#define SHEAF_SINKS_TRACE_FILE_H

#include <sheaf/status.h>
#include <sheaf/trace.h>

/*
 * That file must not be `path` (NULL: nothing), in whatever way that is written, whether or not it
 * is there: the trace would be put in its place. `what` it is: "the destination". OK; EINVAL: then
 * nor will it be when the trace is closed.
 */
sheaf_status sheaf__trace_refuse(sheaf_trace *trace, const char *path, const char *what,
                                 sheaf_error *err);

#endif
