/*
 * The ledger of a file: JSON lines beside it, DEST.ledger.jsonl.
 *
 * A file and its ledger cannot be renamed at once. So the ledger is renamed first, and tells of two
 * generations: what the destination is, by its size and content, until it is renamed, and what it
 * is from then on. Whichever of them the destination is, that one is in force: a process may be
 * killed at any point. A destination that is neither was changed by somebody else.
 *
 *     {"sheaf_ledger":1,"sheaf":"0.6.0","before_size":null,"before_content":null,
 *      "before_quarantine":0,"after_size":812,"after_content":"0a63...","after_quarantine":0,
 *      "has_names":1}
 *     {"column":"id","in":"both"}
 *     {"file":"trips/a.csv","path":"/data/trips/a.csv","size":409,"mtime_ns":1700000000000000000,
 *      "content":"07d1...","records":20,"loaded":20,"rejected":0,"first_row":1,"encoding":"utf-8",
 *      "delimiter":",","loaded_at":"2024-02-29T13:05:59Z","loaded_by":"0.6.0","in":"after"}
 *
 * "in" says of which generation a line tells: "before", "after" or "both". Sizes of the quarantine
 * beside the destination belong to them, too: what stands behind is of a run that was killed.
 */
#ifndef SHEAF_LEDGER_SIDECAR_H
#define SHEAF_LEDGER_SIDECAR_H

#include <stdatomic.h>

#include "engine/ledger/ledger.h"

/* What a destination is. */
typedef struct sheaf__generation {
    bool exists;
    bool is_known; /* of none that has no ledger is it known what it holds */
    uint64_t size_bytes;
    uint64_t content;
    uint64_t quarantine_bytes;
} sheaf__generation;

typedef struct sheaf__sidecar {
    char *destination; /* NULL: none is kept */
    char *path;
    const atomic_bool *stop;
    sheaf__generation before; /* what is in force */
} sheaf__sidecar;

/* Its path. OK, ENOMEM. */
sheaf_status sheaf__sidecar_init(sheaf__sidecar *sidecar, const char *destination,
                                 const atomic_bool *stop, sheaf_error *err);
void sheaf__sidecar_end(sheaf__sidecar *sidecar);

/* Whether there is one. */
sheaf_status sheaf__sidecar_look(const sheaf__sidecar *sidecar, bool *is_there, sheaf_error *err);

/*
 * What the destination holds, if there is one. The ledger's is_known stays false if there is no
 * sidecar.
 *
 * Returns    OK; ECHANGED: the destination is none of its generations; EIO: it is no ledger, or
 *            cannot be read; ENOMEM.
 */
sheaf_status sheaf__sidecar_read(sheaf__sidecar *sidecar, sheaf__ledger *ledger, sheaf_error *err);

/*
 * The destination is about to be renamed: the next generation. `added` has the files, and unless
 * rows are appended to those of `held` the columns, that come.
 */
sheaf_status sheaf__sidecar_write(const sheaf__sidecar *sidecar, const sheaf__ledger *held,
                                  bool appends, const sheaf__ledger *added,
                                  const sheaf__generation *after, sheaf_error *err);

#endif
