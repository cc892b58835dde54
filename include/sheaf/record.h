/*
 * One record of a file, as it stands there and as it is read: for whoever was told a line or a byte
 * and wants to see why.
 *
 *     sheaf_record *record;
 *     if (sheaf_record_at(files, 0, NULL, SHEAF_RECORD_BY_LINE, 39, &record, &err) == SHEAF_OK)
 *         fwrite(record->raw, 1, record->n_raw, stdout);
 *     sheaf_record_release(record);
 */
#ifndef SHEAF_RECORD_H
#define SHEAF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/discover.h>
#include <sheaf/ingest.h>
#include <sheaf/status.h>

SHEAF_BEGIN_DECLS

/* How a record is asked for. */
typedef enum sheaf_record_by {
    SHEAF_RECORD_BY_LINE = 0, /* the line that it begins with, or another one of it; from 1 */
    SHEAF_RECORD_BY_NUMBER,   /* from 1; 0: the header */
    SHEAF_RECORD_BY_OFFSET    /* a byte of it, or of its line end, in the text; from 0 */
} sheaf_record_by;

/* A field, as it stands in the record. Texts are not NUL-terminated. */
typedef struct sheaf_record_field {
    size_t begin; /* its bytes in raw, its quotes included: from here */
    size_t end;   /* to here */
    bool quoted;
    const char *value; /* n_value bytes; NULL: null */
    size_t n_value;
    const char *name; /* n_name bytes: of its column; NULL: the header has none for it */
    size_t n_name;
} sheaf_record_field;

typedef struct sheaf_record {
    uint64_t number;       /* from 1; 0: the header, or blank lines */
    uint64_t line;         /* where it begins, from 1 */
    uint64_t offset_bytes; /* its first byte in the text, which is decompressed and decoded */
    bool is_header;
    /*
     * There is no record: the line is blank, a comment, or before the table. Then it has no bytes.
     */
    bool is_blank;
    const char *raw;
    size_t n_raw; /* without its line end */
    const sheaf_record_field *fields;
    size_t n_fields;
    size_t n_columns;         /* of the header */
    const char *compression;  /* of the file: "gzip", "zstd"; NULL: it is stored as it is */
    const char *encoding;     /* it was decoded from; NULL: it is UTF-8 */
    const char *code;         /* of its fault, as sheaf_reject.code; NULL: there is none */
    const sheaf_error *fault; /* the same, in words and with its place */
    size_t fault_at;          /* in raw */
} sheaf_record;

/*
 * Find a record.
 *
 * The file is read from its beginning up to there; twice if it is compressed, decoded, or a stream,
 * which is kept in a temporary file.
 *
 * Shape      of `options`, which may be NULL, counts what says how a file is written: dialect,
 *            encodings, record_bytes_max, parser. A destination must not be given.
 * Returns    OK, also for a record with a fault; ENOENT when the file has no such line, record or
 *            byte; EINVAL for options, and an index, that cannot be; what reading a file up to
 *            there may fail with (<sheaf/ingest.h>); ENOMEM.
 * Ownership  *record is the caller's, to end with sheaf_record_release(), and may outlive files.
 * Threads    any.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_record_at(const sheaf_files *files, size_t index,
                                                        const sheaf_ingest_options *options,
                                                        sheaf_record_by by, uint64_t at,
                                                        sheaf_record **record, sheaf_error *err);

/* End a record. NULL is allowed. */
SHEAF_API void sheaf_record_release(sheaf_record *record);

SHEAF_END_DECLS

#endif
