/*
 * What is wrong with a record, and where.
 *
 * A reader that meets a fault notes it (reader->fault), with the record's bytes: briefly, because
 * there may be very many. What people read is made of that only when somebody wants to read it.
 */
#ifndef SHEAF_READERS_FAULT_H
#define SHEAF_READERS_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/dialect.h>
#include <sheaf/status.h>
#include <sheaf/type.h>

#include "readers/convert/convert.h"

typedef struct sheaf__reader sheaf__reader;

/* What one record turned out to be. */
typedef struct sheaf__record {
    const uint8_t *bytes;
    size_t n_bytes; /* without its line end */
    size_t n_fields;
} sheaf__record;

typedef struct sheaf__fault {
    sheaf_status status;   /* ESHAPE, EENCODING, EQUOTE, ELIMIT, ETYPE */
    uint8_t byte;          /* EENCODING: the one that is not UTF-8 */
    bool decoded;          /* the file was: then it is none of its bytes */
    bool open;             /* ELIMIT: a quote is */
    bool lone;             /* EQUOTE: because of another one, not because the text ends */
    uint64_t record;       /* from 1; 0: the header */
    uint64_t record_line;  /* where it begins, from 1 */
    uint64_t offset_bytes; /* of its first byte */
    uint64_t line;         /* of the place that is meant, from 1 */
    uint64_t field;        /* the same, from 1 */
    size_t at;             /* of that place, in the record */
    size_t line_start;     /* of that line */
    size_t n_raw;          /* bytes of the record; those that are kept, if it is too large */
    uint64_t n_found;      /* ESHAPE, ELIMIT: fields */
    uint64_t n_expected;   /* the same; ELIMIT of bytes: so many */
    sheaf_type type;       /* ETYPE: that was asked for; NULL: there is a NUL byte */
    sheaf__fit fit;        /* ETYPE: what else was */
    unsigned fixes;        /* that were tried: SHEAF_FIX_... */
    uint64_t n_columns;    /* of the table */
    sheaf_dialect dialect; /* that the record is written in */
} sheaf__fault;

/*
 * Each notes what is wrong with the record that the reader stands at, and returns the status that
 * says so.
 */

/* It has not as many fields as the header. */
sheaf_status sheaf__fault_shape(sheaf__reader *reader, const sheaf__record *rec);

/* The byte at `at` begins nothing that is UTF-8. */
sheaf_status sheaf__fault_encoding(sheaf__reader *reader, const sheaf__record *rec, size_t at);

/* The text ends inside a quoted field. */
sheaf_status sheaf__fault_quote(sheaf__reader *reader);

/*
 * A quoted field with a line end in it has a quote in it, too, that is neither doubled nor the
 * field's end: what seemed to open it, at the offset `at` of the record, does not.
 */
sheaf_status sheaf__fault_lone_quote(sheaf__reader *reader, size_t at);

/* The value in this column is not of the type that was asked for, or not all that was. */
sheaf_status sheaf__fault_value(sheaf__reader *reader, const sheaf__record *rec,
                                const sheaf__misfit *misfit);

/* It is too large. */
sheaf_status sheaf__fault_limit(sheaf__reader *reader, const sheaf__record *rec);

/* The parser does not go on: too many fields. */
sheaf_status sheaf__fault_fields(sheaf__reader *reader);

/* Say it in words: `raw` are the record's n_raw bytes. */
void sheaf__fault_tell(const sheaf__fault *fault, const uint8_t *raw, sheaf_error *err);

#endif
