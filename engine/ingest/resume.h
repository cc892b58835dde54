/*
 * A load that goes on where others ended: which of its files the destination has already, which
 * were changed since, and what its ledger is told of the others. See engine/ledger/ledger.h.
 *
 *     open the destination -> plan: files that it has are no files of this load -> read -> verify
 *     that every file is still what was read, and hash it -> record -> commit
 *
 * A destination that keeps no ledger only has its files verified.
 */
#ifndef SHEAF_INGEST_RESUME_H
#define SHEAF_INGEST_RESUME_H

#include "engine/ingest/load.h"
#include "engine/ledger/sidecar.h"

/* What is noted of each of the load's files. */
typedef struct sheaf__resume_file {
    sheaf__ledger_file entry; /* its path, from the beginning; the rest when it is accounted for */
    bool is_told;             /* it is: the ledger gets this entry */
    bool replaces;            /* rows of what it was went */
} sheaf__resume_file;

struct sheaf__resume {
    sheaf__ledger held;        /* what the destination holds */
    sheaf__resume_file *files; /* one for each of the load's */
    bool *is_forgotten;        /* one for each of those it holds: its rows went */
    bool per_file;
    bool is_closed;        /* nothing can be put behind what it holds: it can only be made anew */
    const char *directory; /* of the file before, and its real path; NULL: not known */
    const char *real_directory;
    char loaded_at[32];
    sheaf__sidecar sidecar; /* of a file */
};

/* What is asked for of ledgers. OK, EINVAL. */
sheaf_status sheaf__resume_check(const sheaf_ingest_options *options,
                                 const sheaf__sink_target *target, sheaf_error *err);

/* What is to be done with a destination that is there. */
sheaf_if_exists sheaf__resume_if_exists(const sheaf_ingest_options *options);

/*
 * The sink is open: leave out the files that it has.
 *
 * Returns    OK; END: it has all of them; ECHANGED: one was changed since, and nobody said what to
 *            do; EEXIST: there is no ledger; EINVAL, ENOMEM, and what the ledger cannot be read
 *            with.
 */
sheaf_status sheaf__resume_plan(sheaf__load *load, const sheaf_ingest *ingest, sheaf_error *err);

/* All columns are known: are they the destination's? OK, ECOLUMNS. */
sheaf_status sheaf__resume_check_columns(sheaf__load *load, sheaf_error *err);

/* The sink has begun: of a file, which number has its first new row? */
void sheaf__resume_number(sheaf__load *load);

/*
 * Rows of a file are about to come (file by file those that it had go now, with it); all have come,
 * or it is left out; it is accounted for.
 */
sheaf_status sheaf__resume_begin_file(sheaf__load *load, const sheaf__load_file *file,
                                      sheaf_error *err);
sheaf_status sheaf__resume_end_file(sheaf__load *load, sheaf__load_file *file,
                                    const sheaf_file_report *report, sheaf_error *err);

/* Whether rows of what the file was went, so that it cannot be left out. */
bool sheaf__resume_replaces(const sheaf__load *load, const sheaf__load_file *file);

/* All that the destination has of this path goes. */
sheaf_status sheaf__resume_forget(sheaf__load *load, const char *path, sheaf_error *err);

/* Before the commit: every file is still what was read. OK, ECHANGED, EIO. */
sheaf_status sheaf__resume_verify(sheaf__load *load, sheaf_error *err);

/* The entries of all files, with the rows; of a file beside it, as the last thing before it. */
sheaf_status sheaf__resume_record(sheaf__load *load, sheaf_error *err);

void sheaf__resume_end(sheaf__load *load);

#endif
