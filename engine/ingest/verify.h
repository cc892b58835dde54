/* Whether the files of a load are still what was read: see verify.c. */
#ifndef SHEAF_INGEST_VERIFY_H
#define SHEAF_INGEST_VERIFY_H

#include "engine/ingest/load.h"
#include "engine/ledger/content.h"

/* Whether a file is one that is looked at again: it was loaded, and is no stream. */
bool sheaf__is_verified(const sheaf__load_file *file);

/* By their identity alone. OK, ECHANGED, EIO. */
sheaf_status sheaf__verify_files(sheaf__load *load, sheaf_error *err);

/* And what their content is: contents[i] of the i-th. Also ENOMEM, ECANCELLED. */
sheaf_status sheaf__verify_content(sheaf__load *load, uint64_t *contents, sheaf_error *err);

#endif
