/*
 * What is found out of a file before it is read: its encoding, its dialect, its columns.
 *
 * It is what an ingest would find out (and then verify: a record that does not fit has a fault).
 * Types are those of the first records alone; an ingest looks at every value.
 */
#ifndef SHEAF_SNIFF_H
#define SHEAF_SNIFF_H

#include <sheaf/ingest.h>

SHEAF_BEGIN_DECLS

typedef struct sheaf_sniffed {
    const char *compression; /* "gzip", "zstd"; NULL: it is stored as it is */
    const char *encoding;    /* "utf-8", "utf-16le", ..., or as it was told */
    const char *line_ends;   /* "lf", "crlf", "cr", "mixed"; NULL: there is none */
    bool bom;                /* a byte order mark was dropped */
    sheaf_dialect dialect;   /* nothing in it is 0 */
    /*
     * 0 to 1: how much better that is than the next best, which has another delimiter (all 0: there
     * is none). 1 also where all was told.
     */
    double confidence;
    sheaf_dialect next;
    const sheaf_column *columns; /* n_columns of them, with the file's own names */
    size_t n_columns;
    uint64_t records;  /* that were looked at for their types */
    uint64_t rejected; /* of them: with a fault */
} sheaf_sniffed;

/*
 * Sniff a file. Of the options (NULL: none) count the dialect, the encodings, the nulls and the
 * limit of a record.
 *
 * Returns    OK; EINVAL for the options; ENOENT, EIO, ECHANGED, ECOMPRESSED, ERESOURCE, ENOMEM, and
 *            what a header can have: EQUOTE, EENCODING, ELIMIT. A file without any record has no
 *            columns.
 * Ownership  *found is the caller's, to end with sheaf_sniffed_destroy(); it stays good without the
 *            file and the options.
 * Threads    any; files in parallel.
 */
SHEAF_API SHEAF_MUST_CHECK sheaf_status sheaf_sniff(const sheaf_file *file,
                                                    const sheaf_ingest_options *options,
                                                    sheaf_sniffed **found, sheaf_error *err);

/* NULL is allowed. */
SHEAF_API void sheaf_sniffed_destroy(sheaf_sniffed *found);

SHEAF_END_DECLS

#endif
