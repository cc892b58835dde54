/*
 * How a file is written: what stands between its fields and around them, and where its table
 * begins.
 *
 * The terms are those of RFC 4180 and of the W3C's "Model for Tabular Data and Metadata on the
 * Web". A dialect is told (the members of it that are not 0) and the rest of it found out, for each
 * file of its own, from samples of its text.
 */
#ifndef SHEAF_DIALECT_H
#define SHEAF_DIALECT_H

#include <stdint.h>

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

enum { SHEAF_NONE = -1, SHEAF_BY_NAME = -2 };

/*
 * Each member is 0: to be found out, or SHEAF_NONE: there is none, or what it says. No two of the
 * characters are the same, and none is a NUL, a line end, or beyond ASCII.
 */
typedef struct sheaf_dialect {
    /* Between fields; never NONE. BY_NAME: tab in *.tsv, *.tsv.gz, *.tsv.zst, else the comma. */
    int delimiter;
    int quote; /* around fields that hold delimiters, quotes or line ends */
    /*
     * Before a character, inside quotes or not, that is then text, whatever it is. NONE: a quote
     * inside quotes is doubled; that it may be with an escape, too.
     */
    int escape;
    int comment;        /* a line that begins with it, where a record could, is no record */
    int padding;        /* 1: blanks and tabs around a field are no part of it; NONE: they are */
    int header;         /* 1: the first record has the columns' names; NONE: it is a row */
    int64_t skip_lines; /* lines before the first record that are no part of the table, or NONE */
} sheaf_dialect;

/* RFC 4180, the delimiter aside: nothing is left to be found out. */
#define SHEAF_DIALECT_RFC4180(delimiter_)                                                          \
    {                                                                                              \
        .delimiter = (delimiter_), .quote = '"', .escape = SHEAF_NONE, .comment = SHEAF_NONE,      \
        .padding = SHEAF_NONE, .header = 1, .skip_lines = SHEAF_NONE                               \
    }

SHEAF_END_DECLS

#endif
