/*
 * Records of a text under a dialect that is only guessed.
 *
 * The rules are the reader's (record/locate.h), for any quote and escape: a quote at a field's
 * beginning opens it; in a field of one line, a quote that is neither doubled nor at the field's
 * end is text; a field with a line end and such a quote in it, or one that nothing closes, was
 * never opened: its record ends with its first line. So an unclosed quote costs one record here,
 * too. Blank lines and comments are no records.
 */
#ifndef SHEAF_DIALECT_RECORDS_H
#define SHEAF_DIALECT_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "readers/dialect/sniff.h"

enum { SHEAF__CELLS_MAX = 256 }; /* of a record that are looked at */

/* Characters are SHEAF_NONE where there are none. */
typedef struct sheaf__rules {
    uint8_t delimiter;
    int quote;
    int escape; /* not the quote itself */
    int comment;
    bool padding;
} sheaf__rules;

typedef struct sheaf__cell {
    const uint8_t *bytes; /* as they stand there, without the quotes around them */
    size_t n_bytes;
    bool is_quoted;
} sheaf__cell;

typedef struct sheaf__record {
    size_t begin; /* offset in the piece */
    size_t next;  /* behind its line end */
    uint32_t n_fields;
    uint32_t n_filled;  /* of the first CELLS_MAX: with anything but blanks in them */
    uint32_t n_quoted;  /* fields */
    uint32_t n_padded;  /* of those: with blanks outside of the quotes */
    uint32_t n_tight;   /* of those: without, and not the first field */
    uint32_t n_escaped; /* quotes, delimiters and line ends */
    bool has_lone;      /* quotes in quotes that are neither doubled nor escaped */
    bool is_broken;     /* a quote in it opens nothing */
    bool is_cut;        /* the piece is over before a quote is closed */
    bool is_ended;      /* by a line end */
    sheaf__cell cells[SHEAF__CELLS_MAX];
} sheaf__record;

typedef struct sheaf__walker {
    const uint8_t *bytes;
    size_t n_bytes;
    bool at_end;
    size_t at;
    sheaf__rules rules;
    size_t work;         /* bytes that may yet be looked at in vain */
    size_t last_comment; /* where the comment before the record begins; n_bytes: there was none */
    size_t n_comments;
    uint8_t stops[256];
} sheaf__walker;

/* Begin at offset `at` of a piece. */
void sheaf__walker_begin(sheaf__walker *walker, const sheaf__sniff_piece *piece, size_t at,
                         const sheaf__rules *rules);

/* False: there is no further record. */
bool sheaf__walker_next(sheaf__walker *walker, sheaf__record *record);

/*
 * Whether a quote stands where it may open a field: at once behind a delimiter or line end, or
 * behind blanks behind these. *is_padded: one of the second kind does.
 */
bool sheaf__may_open(const sheaf__sniff_piece *piece, uint8_t delimiter, uint8_t quote,
                     bool *is_padded);

/* Behind the line that begins at `at`, or n_bytes. */
size_t sheaf__line_behind(const uint8_t *bytes, size_t n_bytes, size_t at);

#endif
