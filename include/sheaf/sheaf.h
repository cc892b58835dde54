/*
 * sheaf gathers many CSV files into one table: in parallel, in order, with every record accounted
 * for.
 *
 * This header includes every public one. A program needs three of them for the main job:
 *
 *     sheaf_files *files;                       what to read       <sheaf/discover.h>
 *     sheaf_ingest *ingest;                     how, and where to  <sheaf/ingest.h>
 *     sheaf_error err;                          what went wrong    <sheaf/status.h>
 *
 *     if (sheaf_files_discover(paths, n_paths, NULL, &files, &err) < 0) ...
 *     if (sheaf_ingest_create(&(sheaf_ingest_options){.size = sizeof(sheaf_ingest_options),
 *                                                     .destination = "trips.db"}, &ingest, &err) <
 *                                                     0) ...
 *     if (sheaf_ingest_run(ingest, files, &summary, &err) < 0) ...
 *
 * The executor underneath (futures, an ordered and bounded map) is public too: <sheaf/executor.h>.
 *
 * Rules of the whole library: it never prints, exits or aborts; a function that can fail returns a
 * sheaf_status, and where there is more to say fills a sheaf_error on the caller's stack; text that
 * it was given is copied unless the comment of the function says otherwise; there is no hidden
 * thread-local state, but for learning that a thread ends in the middle of a task. Structs of
 * options begin with their size, so that they may grow. Until version 1.0, a new minor version may
 * break what was built against the one before: the SONAME carries it.
 */
#ifndef SHEAF_SHEAF_H
#define SHEAF_SHEAF_H

#include <sheaf/arena.h>
#include <sheaf/arrow.h>
#include <sheaf/call.h>
#include <sheaf/destination.h>
#include <sheaf/dialect.h>
#include <sheaf/discover.h>
#include <sheaf/executor.h>
#include <sheaf/fix.h>
#include <sheaf/future.h>
#include <sheaf/ingest.h>
#include <sheaf/map.h>
#include <sheaf/record.h>
#include <sheaf/retry.h>
#include <sheaf/schema.h>
#include <sheaf/sniff.h>
#include <sheaf/status.h>
#include <sheaf/stream.h>
#include <sheaf/text.h>
#include <sheaf/trace.h>
#include <sheaf/type.h>
#include <sheaf/version.h>

#endif
