/*
 * The account: records = loaded + rejected + skipped, for every file and in all.
 */
#ifndef SHEAF_INGEST_ACCOUNT_H
#define SHEAF_INGEST_ACCOUNT_H

#include "engine/ingest/load.h"

/* What the last chunk of a file tells about it, but for what became of its records. */
void sheaf__account_fill(const sheaf__load *load, const sheaf__chunk *chunk,
                         sheaf_file_report *report);

/* A file is done: add it to the summary, and tell who wants to know. OK, EACCOUNT. */
sheaf_status sheaf__account_file(sheaf__load_file *file, sheaf_file_report *report,
                                 sheaf_error *err);

#endif
