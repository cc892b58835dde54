/*
 * Destinations: where rows come to rest. <sheaf/ingest.h> says how one is named.
 *
 * PostgreSQL: "postgresql://user@host:port/database", as libpq has it, with all that it knows
 * (PostgreSQL's manual, "Connection URIs": also "postgres://", several hosts, sockets, services,
 * PGPASSWORD and its kin, ~/.pgpass), and a table, "name" or "schema.name". Names are taken as they
 * are, letter by letter; one in double quotes is what SQL takes it for. All rows come in one
 * transaction, by binary COPY.
 *
 * A table that is created has the types boolean, bigint, double precision, date, timestamp,
 * timestamp with time zone, time and text. PostgreSQL's names have 63 bytes at most: a column's
 * longer one is cut behind its last character that fits; one that is taken then, or is that of a
 * system column, gets a number ("ctid_2"); how many were changed is told. There are 1600 columns at
 * most (ELIMIT, before the first row is written).
 *
 * Text there has no NUL byte: a record with such a byte has a fault (ETYPE).
 *
 * Rows that are appended are of the types of the table: smallint, integer, bigint, real, double
 * precision, numeric, boolean, date, timestamp with or without time zone, time, text, varchar,
 * char, uuid. A value that such a column does not take (its range, its length, its digits; a null,
 * if it may not be null) is a fault of its record (ETYPE), as one that is not of a type that was
 * asked for. The files' columns are the table's by their name, all of them (else EINVAL); the
 * table's other ones get their default (EINVAL if they need a value and have none).
 *
 * Records that are set aside go to the table NAME_quarantine, the ledger (<sheaf/ingest.h>) is the
 * table NAME_ledger, in the same transaction. (NAME is cut so that these have 63 bytes at most, for
 * the ledger with a hash of all of it.) Who may create no table there, and appends to one that has
 * no ledger, keeps none. A path that is no UTF-8 stands in file_bytes or path_bytes, and escaped in
 * file or path. Which rows a file gave is not told (first_row is null), so they cannot be replaced
 * (EINVAL). Loads that append to one table, or replace it, wait for each other: each holds an
 * advisory lock until its transaction ends. File by file another one may come between: then the
 * first one ends (ECHANGED). An empty table needs no ledger to be appended to.
 *
 * Several connections: the first one writes into the table, each other one into a stage, an
 * unlogged table NAME_sheaf_stage_N; in the end the first one publishes them in its transaction
 * (INSERT ... SELECT, DROP TABLE). The same rows are there then, or none, but not in the order of
 * the files, and those of the stages were written twice by the server. So it pays where one
 * connection is the limit: a network that is far or slow, a server with idle processors, a table
 * whose rows are cheap to insert. Where the server is on the same machine, or inserting is the
 * limit (indexes, triggers), one connection is faster. A run that was killed while it published
 * leaves stages, which the next one into the same table with several connections drops. A table
 * with a rule for INSERT takes one connection (EINVAL), and who may create no table, too.
 *
 * Arrow IPC ("x.arrow" a file, "x.arrows" a stream, the same on standard output): columns of the
 * types that <sheaf/type.h> has: Null, Bool, Int64, Float64, Date32, Timestamp and Time64 of
 * microseconds, Utf8; all may be null. A record batch has 65,536 rows, fewer where they would take
 * more than 32 MiB, and one at least: a row of a single field of 64 MiB is a batch. So the same
 * rows are the same bytes, whoever read them, and however fast.
 *
 * Parquet ("x.parquet"): the same types, all optional: BOOLEAN, INT64, DOUBLE, DATE, TIMESTAMP and
 * TIME of microseconds (adjusted to UTC or not, as the values are), STRING; of a column without any
 * value UNKNOWN. A row group has 131,072 rows, fewer where they would take more than 64 MiB (256
 * bytes a column, if that is more), and one at least; of each column there is one page, and one of
 * a dictionary where that pays. Statistics have bounds, exact or not, and the nulls. Pages are
 * compressed by zstd, unless that hardly helps: a quarter to a third smaller than with snappy, and
 * every reader of the last years has it. The same rows are the same bytes here, too.
 *
 * The bytes of a CSV, TSV or JSON lines file depend on its rows alone; those of a compressed one on
 * the version of zlib or libzstd as well. In neither case do they on workers, executors or chunks.
 */
#ifndef SHEAF_DESTINATION_H
#define SHEAF_DESTINATION_H

#include <stddef.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/* What to do when the destination already holds something. */
typedef enum sheaf_if_exists {
    SHEAF_IF_EXISTS_FAIL = 0, /* EEXIST, before anything is read */
    SHEAF_IF_EXISTS_REPLACE,  /* put the new rows in its place, when all of them are there */
    /*
     * Put them behind those that are there, but not those of files that its ledger tells of
     * (<sheaf/ingest.h>). The table's columns and their types stay: a file may lack some (they are
     * null then), and may have no other.
     */
    SHEAF_IF_EXISTS_APPEND
} sheaf_if_exists;

/* What to do with a source file that was changed since the destination's ledger was told of it. */
typedef enum sheaf_changed {
    SHEAF_CHANGED_REFUSE = 0, /* ECHANGED, before anything is read */
    /*
     * Its rows go, and all that it has now are loaded. In SQLite as long as no others were added or
     * deleted; in PostgreSQL by a column of SHEAF_ORIGIN_FILE (<sheaf/schema.h>), which the table
     * has and this load asks for, as long as it names the file as often as the ledger says that
     * rows were loaded, and no other file. What was set aside of it goes, too. ECHANGED where that
     * cannot be told, of rows or of what was set aside; ECOLUMNS where the table has no such
     * column, EINVAL where none is asked for; EINVAL of files. All of it goes in the load's
     * transaction; with PER_FILE what is a file's goes in that which brings what the file has now.
     */
    SHEAF_CHANGED_REPLACE,
    SHEAF_CHANGED_APPEND /* all that it has now are loaded beside those that are there */
} sheaf_changed;

/* What is all or nothing. */
typedef enum sheaf_commit {
    SHEAF_COMMIT_PER_LOAD = 0, /* all files */
    SHEAF_COMMIT_PER_FILE      /* each file, with its entry in the ledger (databases) */
} sheaf_commit;

/*
 * An index of a database's table, on these columns, in this order. That of the columns a and b of
 * the table t is called t_a_b_idx.
 */
typedef struct sheaf_index {
    const char *const *columns; /* as the table calls them, each with a NUL behind it */
    size_t n_columns;
} sheaf_index;

/*
 * A destination as anybody may see it: without the password that a URI has. Not escaped; at most
 * size - 1 bytes and a NUL.
 *
 * Threads    any.
 */
SHEAF_API void sheaf_destination_show(const char *destination, char *text, size_t size);

SHEAF_END_DECLS

#endif
