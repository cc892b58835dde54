/*
 * One record that is in nobody's file any more: a text that was mended, read by the reader that
 * reads files, from a file in memory.
 */
#ifndef SHEAF_INGEST_MENDED_H
#define SHEAF_INGEST_MENDED_H

#include "readers/reader.h"

/* What a text is to be read with, and where its record stood. */
typedef struct sheaf__mended_from {
    const sheaf__reader_options *options; /* the dialect whole */
    const sheaf__asked_columns *asked;    /* or NULL */
    size_t n_columns;
    uint64_t line; /* from 1, like the next */
    uint64_t record;
} sheaf__mended_from;

typedef struct sheaf__mended {
    int fd;
    sheaf__reader *reader;
    sheaf__parser *parser;
    sheaf__batch *batch; /* its row, if it is good */
    sheaf__rejects rejects;
    sheaf_repairs repairs; /* of it */
    const char *advice;    /* if it is not: what mends it, as --fix takes it; or NULL */
} sheaf__mended;

/* OK, ERESOURCE, ENOMEM. To be ended also after a failure. */
sheaf_status sheaf__mended_init(sheaf__mended *mended, sheaf_error *err);
void sheaf__mended_end(sheaf__mended *mended);

/*
 * Read a text.
 *
 * Returns    OK: it is one good record, in the batch. END: it is not: *told says why and *code in a
 *            word, as in a sheaf_reject ("count": it is not one record). ENOMEM, ERESOURCE, EIO.
 */
sheaf_status sheaf__mended_read(sheaf__mended *mended, const sheaf__mended_from *from,
                                const uint8_t *raw, size_t n_raw, sheaf_error *told,
                                const char **code, sheaf_error *err);

#endif
