/*
 * Records that were set aside, once more: what was mended in a quarantine is loaded.
 *
 * A run that sets records aside (<sheaf/ingest.h>) keeps them beside its rows: in a table
 * NAME_quarantine of a database, or in a file of JSON lines. Somebody then mends their texts there,
 * the column or member "raw": with UPDATE, or in an editor. A retry reads each of these texts as
 * one record, in the dialect and with the columns of the file that it is from, which the quarantine
 * has too. What is good now is loaded and leaves the quarantine; what is not stays there, with what
 * is wrong with it now. Who wants a record no more deletes it from the quarantine.
 *
 *     records = loaded + rejected
 *
 * A text may have several lines, in quotes, but must hold one record: with another number of them
 * it stays, with the code "count". So does, with the code "table", what a constraint or a trigger
 * of the table refuses.
 */
#ifndef SHEAF_RETRY_H
#define SHEAF_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/ingest.h>
#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_retry_options {
    size_t size; /* sizeof(sheaf_retry_options) */

    /*
     * "x.db", "x.sqlite", "x.sqlite3", "postgresql://...": the quarantine of a table. Its records
     * go behind the table's rows, in one transaction. The table must have their columns; a value
     * that is not of its column's type (as with a type that is asked for in an ingest) is its
     * record's fault, with the code "type". In SQLite that is the declared type, and what is not
     * BOOLEAN, INTEGER, REAL, DATE, TIMESTAMP or TIME is text; in PostgreSQL it is what the column
     * takes, as with SHEAF_IF_EXISTS_APPEND. Of a table of PostgreSQL only one retry or load can be
     * at work, and nobody may be writing to the quarantine: EAGAIN.
     *
     * Anything else: a file of JSON lines. Its records go to `destination`, under the columns of
     * all files in it, united by name. Nobody else may retry the same file meanwhile, or change it.
     */
    const char *quarantine;
    /*
     * For a file, as in sheaf_ingest_options: one that is not there yet, a table that a database
     * does not have yet, or "-"; with "null:" the records are looked at, and nothing changes.
     * For a database NULL: it is the table.
     */
    const char *destination;
    const char *format; /* for "-" */
    const char *table;  /* in a database; NULL: the file's name without its ending; PostgreSQL's
                           has none */

    /* As in sheaf_ingest_options. The nulls of the run that set a record aside count, too. */
    sheaf_typing typing;            /* of a new table */
    const sheaf_column_type *types; /* the same */
    size_t n_types;
    const char *const *nulls;
    size_t n_nulls;
    unsigned fixes;
    size_t record_bytes_max;
    uint64_t rejects_max; /* with more that are still at fault, nothing is committed; 0: any */
    double rejects_percent_max; /* or with more than so many of a hundred; 0: any */

    /*
     * Called for every record that is still at fault, in order; or NULL. Of its file only the path
     * is known.
     */
    void (*on_reject)(void *context, const sheaf_reject *reject);
    /* Asked before every record: whether to give up, with ECANCELLED; or NULL. */
    bool (*is_cancelled)(void *context);
    void *context;
    /* Record there what is done, and when: as in sheaf_ingest_options; of each file's records. */
    sheaf_trace *trace;
} sheaf_retry_options;

typedef struct sheaf_retry_summary {
    uint64_t files; /* that records are from */
    uint64_t records;
    uint64_t loaded;
    uint64_t rejected;
    uint64_t columns; /* of the table, as far as the records have them; 0 without any record */
    sheaf_repairs repairs;
    double seconds;
    char destination[512]; /* for people; escaped; "" if nothing was written */
    char quarantine[512];  /* the same; without the password that it may have */
} sheaf_retry_summary;

/*
 * Load what is good in a quarantine.
 *
 * A quarantine without any record, also a database without the table NAME_quarantine, is no
 * failure: nothing is done. If no record is good, no destination is made, and the quarantine tells
 * what is wrong with each now. A quarantine in which nothing is left goes.
 *
 * All or nothing: of a database in its transaction. Of a file, the destination is committed first
 * and then the quarantine replaced: who is killed between the two finds the rows in the destination
 * and their records in the quarantine still, and the same retry then says that the destination
 * exists (EEXIST). The same holds if the quarantine then cannot be replaced: EIO; or ECHANGED, if
 * somebody wrote to it in that moment, which nobody loses.
 *
 * Returns    OK, whether or not records are still at fault; EINVAL for options; EQUARANTINE with a
 *            line: the quarantine is none, or is damaged there, or its format is not known; ENOENT,
 *            EEXIST, EIO, EDATABASE for either side; EAGAIN: another retry is at it;
 *            ECHANGED: somebody wrote to it; ELIMIT: more are at fault than may be; EPIPE;
 *            ECANCELLED;
 *            EACCOUNT; ENOMEM. After a failure nothing has changed, but for what is said above, and
 *            what went to standard output.
 *            *summary (may be NULL) is filled as far as the run came.
 * Threads    any; it works in the caller's alone.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_retry(const sheaf_retry_options *options,
                                                    sheaf_retry_summary *summary, sheaf_error *err);

SHEAF_END_DECLS

#endif
