/*
 * What kinds of cells stand in the columns of a table that begins somewhere in the head.
 */
#ifndef SHEAF_DIALECT_COLUMNS_H
#define SHEAF_DIALECT_COLUMNS_H

#include "readers/dialect/cell.h"
#include "readers/dialect/shapes.h"

typedef struct sheaf__column {
    sheaf__cell_kind first; /* the first record's */
    bool is_first_quoted;
    bool is_first_a_name; /* a number, but one of a row of them, as years are */
    long numbers[2];      /* in the first and in the second record; -1: none, or not a plain one */
    uint8_t counts[SHEAF__CELL_KINDS]; /* below it, unquoted or not */
    uint32_t patterns[2];              /* in the first and in the second record: cell.h */
    uint8_t n_pattern;                 /* of the second record's, below the first */
    uint8_t n_quoted;
    uint8_t n_plain; /* numbers without a sign or decimals */
} sheaf__column;

typedef struct sheaf__columns {
    sheaf__column of[SHEAF__CELLS_MAX];
    uint32_t n; /* that are looked at */
    uint32_t n_rows;
    uint32_t first_filled; /* cells of the first record */
    bool is_first_typed;   /* any of them */
    uint32_t typed;        /* how many are of one typed kind below the first record */
    uint32_t value;        /* 0 to SHARE_ONE: how much the cells look like cells */
} sheaf__columns;

/* Of the records of that width from offset `at` of the head on: the first, and some below it. */
void sheaf__columns_look(sheaf__columns *columns, const sheaf__sniff_piece *head, size_t at,
                         const sheaf__rules *rules, uint32_t width, sheaf__record *scratch);

typedef enum sheaf__header_vote {
    SHEAF__HEADER_UNCLEAR, /* nothing speaks for either */
    SHEAF__HEADER_YES,
    SHEAF__HEADER_NO
} sheaf__header_vote;

/* Whether the first record has the names of the columns. */
sheaf__header_vote sheaf__columns_vote(const sheaf__columns *columns);

#endif
