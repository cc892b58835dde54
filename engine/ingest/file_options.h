/* What a user says of files before they are opened: encodings, dialect, limits, repairs. */
#ifndef SHEAF_INGEST_FILE_OPTIONS_H
#define SHEAF_INGEST_FILE_OPTIONS_H

#include <sheaf/ingest.h>

#include "readers/reader.h"

/* Whether it can be. Returns    OK, EINVAL. */
sheaf_status sheaf__file_options_check(const sheaf_ingest_options *options, sheaf_error *err);

/* What the user says of a file's encoding; NULL: nothing. */
const char *sheaf__encoding_of(const sheaf_ingest_options *options, const char *path);

/* How a file is to be opened, of which `dialect` is known or told. Points into the options. */
sheaf__reader_options sheaf__file_options(const sheaf_ingest_options *options, const char *path,
                                          const sheaf_dialect *dialect);

#endif
