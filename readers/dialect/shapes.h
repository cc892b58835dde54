/*
 * How wide the records of a text are under a dialect that is only guessed, and how many of them
 * agree.
 *
 * What counts is the share of the records with the commonest width, not how many widths there are:
 * so a footer, a note or some ragged records cost what they are worth. Lines of a single field
 * above and below the table, and lines with a mark of comments, weigh little: they are what stands
 * around tables. A single field is no shape to agree on.
 */
#ifndef SHEAF_DIALECT_SHAPES_H
#define SHEAF_DIALECT_SHAPES_H

#include "readers/dialect/records.h"

enum {
    SHEAF__SHARE_ONE = 1024, /* a share of all */
    SHEAF__SHAPES_HEAD = 1024,
    SHEAF__SHAPES_FURTHER = 256, /* of a piece behind the head */
    SHEAF__SHAPES_MAX = SHEAF__SHAPES_HEAD + (SHEAF__SNIFF_PIECES - 1) * SHEAF__SHAPES_FURTHER,
    SHEAF__WIDTHS_MAX = 4096
};

typedef struct sheaf__shape {
    uint32_t width; /* 0: it counts for nothing */
    uint8_t mark;   /* its first byte, if that is one of comments elsewhere; 0 */
    bool is_broken;
    bool has_lone;
    bool is_cut;
    bool has_quotes;
    bool is_padded; /* and blanks outside of them */
} sheaf__shape;

/* What the records come to. */
typedef struct sheaf__sums {
    uint32_t width;     /* the commonest of two or more; 1: all have one field; 0: there is none */
    uint32_t n_records; /* that count */
    uint32_t n_wide;    /* of those: of that width, no quote of them opens nothing */
    uint32_t n_good;    /* of those: without anything odd about their quotes */
    uint32_t n_bad;     /* whose quotes are odd, whatever their width */
    uint32_t n_single;  /* of one field, right below the first of that width */
    uint32_t n_with_quotes;
    uint32_t n_with_padding;
    uint64_t n_quoted; /* fields; so are the next two */
    uint64_t n_padded;
    uint64_t n_tight;
    uint64_t n_escaped;
    uint32_t share;       /* of those that are right, by weight */
    uint32_t first_width; /* the first record's that has no mark */
    uint32_t n_above;     /* records above the first one of that width */
} sheaf__sums;

typedef struct sheaf__shapes {
    sheaf__shape of[SHEAF__SHAPES_MAX];
    uint32_t first[SHEAF__SNIFF_PIECES + 1]; /* of each piece */
    uint32_t n;
    sheaf__sums sums;
    uint16_t counts[SHEAF__WIDTHS_MAX]; /* of widths */
} sheaf__shapes;

/* Returns    sums, which holds until it is called again. */
const sheaf__sums *sheaf__shapes_measure(sheaf__shapes *shapes, const sheaf__sniff_text *text,
                                         const sheaf__rules *rules, sheaf__record *scratch);

/* Whether lines that begin so may be comments. */
static inline bool sheaf__is_mark(int byte)
{
    return byte == '#' || byte == '%' || byte == '!' || byte == '*';
}

#endif
