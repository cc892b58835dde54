/*
 * Streams of typed batches: the current directory's files, opened as one.
 */
#ifndef SHEAF_TESTS_SUPPORT_STREAM_H
#define SHEAF_TESTS_SUPPORT_STREAM_H

#include <sheaf/sheaf.h>

#include "tests/support.h"

static inline void write_text(const char *name, const char *text)
{
    write_file(name, text, strlen(text));
}

static inline sheaf_files *files_of_folder(void)
{
    sheaf_files *files;
    sheaf_error err;
    const char *source = ".";
    cr_assert_eq(sheaf_files_discover(&source, 1, NULL, &files, &err), SHEAF_OK, "%s", err.message);
    return files;
}

static inline struct ArrowArrayStream open_stream(const sheaf_files *files,
                                                  sheaf_ingest_options options)
{
    struct ArrowArrayStream stream;
    sheaf_error err;
    options.size = sizeof options;
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_OK, "%s", err.message);
    return stream;
}

#endif
