/*
 * The main job: many files in, one table out, every record accounted for.
 *
 * An ingest is created with where to and how, then run once over a list of files. It reads the
 * header of every file on the pool, unites the columns by name in file order, reads all records on
 * the pool, and gives them to the destination in the order of the files, whole: after OK the
 * destination holds all of them, after any failure what it held before.
 *
 *     records = loaded + rejected + skipped
 *
 * holds for every file and in all; it is checked before the destination commits.
 *
 * What is read: RFC 4180 as libcsv reads it (CSV_STRICT off, blanks kept): fields may be quoted
 * with '"', a quote inside is doubled, quoted fields may hold separators and line ends. Lines end
 * with LF, CRLF or a lone CR; the last one needs no end. The first record is the header. Blank
 * lines between records are skipped and counted, a byte order mark is dropped and counted, a NUL
 * byte is data. Text is UTF-8, or is made UTF-8 (encodings, below). An empty field without quotes
 * is null, `""` is an empty text. A file that begins with the magic number of gzip or zstd, or is
 * called *.gz or *.zst, is decompressed. Where a file is written in another dialect, that is found
 * out (<sheaf/dialect.h>): its delimiter and quote, an escape, comments, padding, lines before the
 * table, and whether it has a header.
 *
 * Columns: an empty header name becomes "column<position>"; the second and later columns of one
 * name in one file become "name_2", "name_3", ... (the next number that no column of that file
 * has). A column that a file lacks is null in its rows. A file without rows has columns, too, but
 * says nothing of their types. What else can become of columns: <sheaf/schema.h>.
 */
#ifndef SHEAF_INGEST_H
#define SHEAF_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/call.h>
#include <sheaf/destination.h>
#include <sheaf/dialect.h>
#include <sheaf/discover.h>
#include <sheaf/executor.h>
#include <sheaf/fix.h>
#include <sheaf/schema.h>
#include <sheaf/status.h>
#include <sheaf/trace.h>
#include <sheaf/type.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_ingest sheaf_ingest;

/* What a fault in the data, or a file that cannot be read, does. */
typedef enum sheaf_on_error {
    /* QUARANTINE; of a stream without a place for such records (<sheaf/stream.h>), STOP. */
    SHEAF_ON_ERROR_DEFAULT = 0,
    /* The first fault in file order ends the run; the destination is untouched. */
    SHEAF_ON_ERROR_STOP,
    /* The file is left out whole, and counted. */
    SHEAF_ON_ERROR_SKIP_FILE,
    /*
     * The record is set aside, with its place, and counted; everything else is loaded. A file that
     * is at fault itself (it cannot be opened, is damaged, its header has a fault) is left out, and
     * so is one of which more than half of the records have faults, unless rejects_max or
     * rejects_percent_max says how many may: it was misjudged. What was written of it is taken
     * back. If there is no other file, that ends the run. Rows that went to standard output (more
     * than 128 KiB of them) or to who reads a stream cannot be taken back: a file that is damaged
     * behind them ends the run.
     */
    SHEAF_ON_ERROR_QUARANTINE,
    /*
     * As QUARANTINE, and a file that is damaged behind a record is read up to there: it is reported
     * as skipped, the records before the damage as loaded. For "null:" alone, to find all faults.
     */
    SHEAF_ON_ERROR_CONTINUE
} sheaf_on_error;

/* A record that was set aside. */
typedef struct sheaf_reject {
    const sheaf_file *file;
    const sheaf_error *error; /* where, what and why: valid during the call, like all of this */
    const char *code;         /* "short", "long", "quote", "encoding", "limit", "type" */
    uint64_t line;            /* where the record begins, from 1 */
    uint64_t offset_bytes;    /* its first byte in the text */
    const void *raw;          /* the record without its line end; of one over the limit, so much */
    size_t n_raw;
    bool is_final; /* else its file may still be left out, and this with it */
} sheaf_reject;

/* What became of one file. */
typedef struct sheaf_file_report {
    const sheaf_file *file;
    size_t index; /* in the list */
    bool skipped; /* left out whole, with CONTINUE perhaps only its rest: error says why */
    const sheaf_error *error; /* NULL unless skipped; valid during the call */
    const char *compression;  /* "gzip", "zstd"; NULL: it is stored as it is */
    const char *encoding;     /* it was decoded from; NULL: it is UTF-8 */
    uint64_t read_bytes;      /* as stored */
    uint64_t text_bytes;      /* after decompressing and decoding */
    uint64_t records;         /* found; of a skipped file, as many as were found before giving up */
    uint64_t loaded;          /* given to the destination */
    uint64_t rejected;        /* set aside */
    uint64_t skipped_records; /* left out with their file */
    uint64_t blank_lines;
    uint64_t boms;     /* 0 or 1 */
    uint64_t lone_crs; /* lines that end with CR alone */
    uint64_t comment_lines;
    uint64_t preamble_lines; /* before the table */
    uint64_t columns;
    sheaf_dialect dialect; /* that it was read in; all 0: it was not opened */
    sheaf_repairs repairs; /* of those that were loaded */
} sheaf_file_report;

/*
 * What became of all of them. What was met while reading is counted for all files, of those that
 * are left out up to where they were given up. What is said of the table and its files
 * (files_empty, files_bare, files_other_dialect, files_headerless, columns_left_out, files_cut) is
 * not of files that are left out: nothing of them is in it.
 */
typedef struct sheaf_summary {
    uint64_t files;
    uint64_t files_skipped;
    uint64_t files_empty; /* no record: 0 bytes, or nothing but blank lines and comments */
    uint64_t files_compressed;
    uint64_t files_decoded; /* from another encoding than UTF-8 */
    uint64_t files_lone_cr;
    uint64_t files_other_dialect; /* than the comma and RFC 4180 */
    uint64_t files_headerless;    /* their columns are column1, column2, ... */
    uint64_t read_bytes;
    uint64_t text_bytes;
    uint64_t records;
    uint64_t loaded;
    uint64_t rejected;
    uint64_t skipped;
    uint64_t blank_lines;
    uint64_t boms;
    uint64_t comment_lines;
    uint64_t preamble_lines;
    uint64_t columns;          /* of the united table */
    uint64_t ranges;           /* of large files that were split among the workers */
    uint64_t ranges_reread;    /* of those: because a guess where a record begins was wrong */
    uint64_t columns_renamed;  /* by the destination, because it tells names apart less finely */
    uint64_t columns_left_out; /* of the files', that the table has not, by options.columns */
    uint64_t files_cut;        /* files that have such columns */
    int workers;
    double seconds;        /* wall time of the run */
    char destination[512]; /* for people: "trips.db:trips"; escaped */
    uint64_t digest;       /* if it was asked for; else 0 */
    sheaf_repairs repairs;
    uint64_t files_bare;      /* a header, and no record behind it: perhaps it was no header */
    uint64_t files_unchanged; /* the destination has them: they were not read, nor counted above */
    uint64_t files_replaced;  /* that it had as they were before; and rows that went with them: */
    uint64_t rows_replaced;
    uint64_t files_gone;      /* that it has, and that are no more */
    uint64_t files_committed; /* with PER_FILE: that are safe, whatever came behind them */
    uint64_t starts_over;     /* 1: large files were not as their samples (typing) */
} sheaf_summary;

typedef struct sheaf_progress {
    uint64_t read_bytes; /* so far */
    /* To be read in all: the files' sizes, twice with SKIP_FILE, whose files are read twice, and
       for types; SHEAF_UNKNOWN when a stream is among them. A load that starts over (typing)
       begins again at 0, with records and files_done, too. */
    uint64_t size_bytes;
    uint64_t records; /* given to the destination so far */
    uint64_t files_done;
    uint64_t files;
} sheaf_progress;

/*
 * Who finds the records. Both find the same ones, in every input: the language is libcsv's (RFC
 * 4180, leniently).
 */
typedef enum sheaf_parser {
    SHEAF_PARSER_SCAN = 0, /* 64 bytes at a time; what needs a second look, libcsv */
    SHEAF_PARSER_LIBCSV    /* libcsv alone, at about a tenth of the speed: to compare with */
} sheaf_parser;

/* What encoding files have. */
typedef struct sheaf_file_encoding {
    const char *pattern;  /* as the shell's, of the path or its last part; NULL: of all files */
    const char *encoding; /* "windows-1252", "utf-16le", or any that iconv knows */
} sheaf_file_encoding;

/* What types columns get, where the destination has types (a database, "null:"). */
typedef enum sheaf_typing {
    SHEAF_TYPING_INFER = 0, /* the smallest that hold all values: <sheaf/type.h> */
    SHEAF_TYPING_TEXT       /* text, but for those that are asked for */
} sheaf_typing;

typedef struct sheaf_ingest_options {
    size_t size; /* sizeof(sheaf_ingest_options) */

    /*
     * Where to: "x.db" or "x.sqlite" or "x.sqlite3" (SQLite), "postgresql://..." (PostgreSQL),
     * "x.parquet", "x.arrow", "x.arrows" (Arrow IPC, a file or a stream), "x.csv", "x.tsv",
     * "x.jsonl" (a file), these three with ".gz" or ".zst" behind (compressed), "-" (standard
     * output, in `format`), "null:" (nowhere: read, check and count). <sheaf/destination.h> has
     * more of them.
     */
    const char *destination;
    const char *format; /* for "-": "csv" (NULL too), "tsv", "jsonl", "arrow" */
    const char *table; /* in a database; NULL: the file's name without its ending (a URI: EINVAL) */
    sheaf_if_exists if_exists;

    int workers; /* 0: one for each processor that the process may use */
    /*
     * Who reads: threads; the caller's thread alone (SEQUENTIAL); or processes, so that a file
     * whose reading crashes is a fault of that file (EWORKER) and nothing else. A program that
     * asks for processes begins with sheaf_worker_main(), see sheaf_ingest_functions(). The rows
     * are the same, byte by byte.
     */
    sheaf_executor_kind executor;
    sheaf_on_error on_error;
    /*
     * What is told of the files' dialect holds for all of them; the rest is found out for each of
     * its own, from its beginning, its middle and its end (of a compressed or decoded file, or a
     * stream: from its first 64 KiB, for which a stream is waited for unless its delimiter is
     * told; then the rest is taken to be as RFC 4180 has it).
     */
    sheaf_dialect dialect;
    sheaf_parser parser;
    size_t record_bytes_max; /* a record may have; 0: 64 MiB */
    /*
     * Types are those of all values. So before the first row is written files are read to their
     * end, and their rows are kept meanwhile (memory_bytes). Where there is no room for those of a
     * file, its types are presumed from samples, and each value is verified when it is read again:
     * if one is of a type that is wider, or the file is to be left out, nothing of the load stays,
     * and it starts over, with all files read to their end beforehand (summary.starts_over). It
     * begins with that where it could not start over: with SKIP_FILE, PER_FILE, processes, and if
     * any file is a stream (which is kept in a temporary file, $TMPDIR), or the destination
     * standard output. "null:" looks at every value once.
     */
    sheaf_typing typing;
    const sheaf_column_type *types; /* asked for: a value that is none is its record's fault */
    size_t n_types;
    /*
     * Encodings that are not to be found out; the last that matches a file is its own. All others
     * are UTF-8 or, by their byte order mark or their NULs, UTF-16, or what cannot be UTF-8 is
     * windows-1252: by samples from the beginning, the middle and the end; of a compressed file by
     * the first 64 KiB of its text alone, and so of a stream, unless the delimiter is told: then
     * only a byte order mark counts. A file that is not UTF-8 is decoded, and not split among
     * workers.
     */
    const sheaf_file_encoding *encodings;
    size_t n_encodings;
    const char *const *nulls; /* fields with one of these texts are null, too, quoted or not */
    size_t n_nulls;
    size_t chunk_bytes; /* a worker reads before it hands on its rows; 0: 1 MiB at most */
    /*
     * What rows may take that are read and not written yet, so the number of files and ranges in
     * flight, and their sizes, follow from it; 0: 64 MiB. A record that is larger than its share is
     * read all the same. Not counted: what the program, the schema, the destination and a window of
     * text for each worker take.
     *
     * For a destination with types up to half of it is for rows that were converted when the types
     * were found out: files that fit, but for streams, are then not read again, by threads. With
     * 1 MiB none are kept.
     */
    size_t memory_bytes;

    /* Called for every file, in order, by the thread that runs the ingest; or NULL. */
    void (*on_file)(void *context, const sheaf_file_report *report);
    void *context;

    /*
     * Where records that are set aside go, beside on_reject: a file of JSON lines. NULL: beside the
     * rows: of a database the table NAME_quarantine, of "x.csv" the file "x.csv.quarantine.jsonl",
     * of standard output, "null:" and a stream nowhere. It appears with the rows, of a stream with
     * its end, and only if it has any; one of an earlier run goes. What is mended in it is loaded
     * by <sheaf/retry.h>. Like the limits, it is for QUARANTINE alone: with STOP and SKIP_FILE no
     * record is set aside, and this is EINVAL.
     */
    const char *quarantine;
    uint64_t rejects_max;       /* with more, nothing is committed (ELIMIT); 0: any number */
    double rejects_percent_max; /* or with more than so many of a hundred records; 0: any */
    /*
     * Called for every record that is set aside, in order, by the same thread; or NULL. Perhaps its
     * file is left out after that, and nothing of it is kept: on_file then says so.
     */
    void (*on_reject)(void *context, const sheaf_reject *reject);

    /* What is done to records before they count as at fault: SHEAF_FIX_PAD | ..., or nothing. */
    unsigned fixes;
    /*
     * Make a digest of the table: its column names, and its rows in their order (the summary's
     * digest; not of a stream). It is the same whoever reads, into whatever destination, and says
     * nothing of how a file writes its rows: whether fields are quoted, what parts them, the order
     * of its columns, how it is compressed or encoded. Files are opened twice for it even if the
     * destination keeps nothing.
     *
     * The first line has the names (not of columns that are added), each other one a row, as text
     * before any type: fields in the order of the table's columns, parted by commas; null is
     * nothing; a field that is empty without being null, or has a comma, a quote, CR or LF, stands
     * in quotes, in which quotes are doubled. (As RFC 4180 writes records, without the line ends.)
     * h(line) is XXH3's hash of 64 bits with the seed 0 (https://xxhash.com), p is 2^61 - 1, and B
     * is 0x043f6a8885a308d3:
     *
     *     digest = 0
     *     for each line:
     *         digest = (digest * B + h(line)) mod p
     *
     * It finds accidents, of which one in 2^61 is missed, not forgeries.
     */
    bool digest;
    /*
     * From the files' columns to the table's: <sheaf/schema.h>. Columns that are not selected, or
     * are dropped, are not converted. Names end with a NUL byte, as in `types`.
     */
    sheaf_columns columns;
    sheaf_match match;
    const char *const *select; /* the table has these columns, in this order; none: all */
    size_t n_select;
    const char *const *drop; /* and not these */
    size_t n_drop;
    const sheaf_rename *renames;
    size_t n_renames;
    const sheaf_added_column *added; /* at the end, in this order; each origin once */
    size_t n_added;
    /* Of "x.parquet", its pages: "zstd" (NULL too), "snappy" (if the build has it), "none". */
    const char *compression;
    /*
     * A destination may keep a ledger: which files it holds, each with its path, size, time, a hash
     * of its content, its first row, and all that was counted of it (sheaf_file_report); written
     * with the rows, both or neither. Its time of loading is that of SOURCE_DATE_EPOCH, if the
     * environment has it (reproducible-builds.org/specs/source-date-epoch; EINVAL: no number). A
     * database always does: the table NAME_ledger. A file does, "x.csv" in "x.csv.ledger.jsonl", if
     * that is asked for (ledger, resume, or APPEND), and from then on.
     *
     * resume: go on with a load. As if_exists APPEND, but rows that no ledger tells of are refused
     * (EEXIST). Files that the ledger tells of are not read: those of the same real path, size and
     * time, or where the time is another, of the same content. If one was changed, `changed` says
     * what becomes of it. What files gave that are not there any more stays. A file that was left
     * out is told of, with its error, and is new to the next load; one of which records were set
     * aside is not. Streams are always read.
     */
    bool ledger;
    bool resume;
    sheaf_changed changed;
    /*
     * PER_FILE: what is said of all files holds for each: a failure leaves what was committed
     * before, and resume goes on behind it.
     */
    sheaf_commit commit;
    /*
     * Of an SQLite database's table (others: EINVAL), made behind its rows, in the same transaction
     * (with PER_FILE in one behind the last file's; so when every file is there already). A column
     * that the table does not have is EINVAL before the first row is written. An index of the same
     * name that is there stays if it is on the same columns; anything else of that name is EEXIST
     * before anything is read.
     */
    const sheaf_index *indexes;
    size_t n_indexes;
    /*
     * Record there what is done, and when: <sheaf/trace.h>; or NULL. It must live until the run has
     * come back (of a stream: was released), and the files until it is closed. Of several runs it
     * takes one after the other. Its file is none of the destination's, nor the quarantine: EINVAL.
     */
    sheaf_trace *trace;
    /*
     * Into PostgreSQL (others: EINVAL), so many connections write at once, at most 64; 0 and 1: one
     * does. It does not go with PER_FILE (EINVAL). <sheaf/destination.h> says when it pays.
     */
    int connections;
} sheaf_ingest_options;

/*
 * Check the options and make an ingest ready.
 *
 * Returns    OK; EINVAL (a destination or format that is not known, a delimiter that is a quote or
 *            line end, types for a destination that has none, a $SHEAF_KERNEL or $SHEAF_INFLATE
 *            that is not there, ...), ENOMEM.
 * Ownership  *ingest is the caller's, to end with sheaf_ingest_destroy(). Texts are copied.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_ingest_create(const sheaf_ingest_options *options,
                                                            sheaf_ingest **ingest,
                                                            sheaf_error *err);

/*
 * What worker processes of an ingest run: for sheaf_worker_main() of a program that reads with
 * .executor = SHEAF_EXECUTOR_PROCESSES (beside its own functions, if it has any).
 *
 *     size_t n;
 *     const sheaf_function *functions = sheaf_ingest_functions(&n);
 *     int code = sheaf_worker_main(argc, argv, functions, n);
 *     if (code >= 0)
 *         return code;
 */
SHEAF_API const sheaf_function *sheaf_ingest_functions(size_t *n);

/*
 * Read all files into the destination. Once per ingest.
 *
 * Returns    OK: all is committed. Otherwise nothing is: a fault's status (ESHAPE, EQUOTE,
 *            EENCODING, ELIMIT, ECOMPRESSED, ECHANGED, ETYPE, ECOLUMNS) or EIO/ENOENT for a file;
 *            EINVAL: a column is asked for that no file has, none is left, or two of one file
 *            would be called the same; EEXIST, EIO, EDATABASE for the destination; EPIPE when the
 *            reader of standard output went away; ECANCELLED; EACCOUNT; ENOMEM; EWORKER, EBROKEN: a
 *            worker process was lost, or none could be started; ESTATE when it was run before.
 *            *summary (may be NULL) is filled as far as the run came, whatever is returned. The
 *            fault is the one that a single worker, reading the files in order, would meet first.
 * Threads    the caller's thread writes the destination; files must stay unchanged and alive.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_ingest_run(sheaf_ingest *ingest,
                                                         const sheaf_files *files,
                                                         sheaf_summary *summary, sheaf_error *err);

/* A column of the united table. */
typedef struct sheaf_column {
    const char *name; /* n_name bytes, which may be NUL, and a NUL behind them */
    size_t n_name;
    sheaf_type type;
    bool nullable; /* a value of it is null, or was not looked at */
} sheaf_column;

/*
 * The columns of the table that a run has made, after it came back with OK.
 *
 * Returns    *n of them; NULL and 0 before, or after a failure.
 * Ownership  the ingest's, as long as it lives.
 */
SHEAF_API const sheaf_column *sheaf_ingest_columns(const sheaf_ingest *ingest, size_t *n);

/*
 * Ask a run to stop: it comes back with ECANCELLED within a moment, the destination as it was. A
 * run that already commits finishes.
 *
 * Threads    any; also from a signal handler.
 */
SHEAF_API void sheaf_ingest_cancel(sheaf_ingest *ingest);

/* How far a run is. Threads: any, also while it runs. */
SHEAF_API sheaf_progress sheaf_ingest_progress(const sheaf_ingest *ingest);

/* End an ingest that does not run. NULL is allowed. */
SHEAF_API void sheaf_ingest_destroy(sheaf_ingest *ingest);

SHEAF_END_DECLS

#endif
