/*
 * What a cell's text looks like, told from the text alone and regardless of the country: numbers
 * with either decimal sign, days in any order.
 */
#ifndef SHEAF_DIALECT_CELL_H
#define SHEAF_DIALECT_CELL_H

#include "readers/dialect/records.h"

typedef enum sheaf__cell_kind {
    SHEAF__CELL_EMPTY, /* or a word for null */
    SHEAF__CELL_TEXT,
    SHEAF__CELL_NUMBER,
    SHEAF__CELL_MOMENT, /* a day, a time of day, or both */
    SHEAF__CELL_TRUTH,  /* yes or no */
    SHEAF__CELL_LINK    /* a URL */
} sheaf__cell_kind;

enum { SHEAF__CELL_KINDS = 6 };

/* Blanks around it do not matter. */
sheaf__cell_kind sheaf__cell_kind_of(const sheaf__cell *cell);

static inline bool sheaf__cell_is_typed(sheaf__cell_kind kind)
{
    return kind >= SHEAF__CELL_NUMBER;
}

/*
 * Whether the text looks as if it had been cut, or not been cut where it should have been: with a
 * character in it that separates, and nothing but that.
 */
bool sheaf__cell_is_odd(const sheaf__cell *cell, sheaf__cell_kind kind);

/*
 * A number for the pattern of a text with digits and punctuation in it, as codes and scores are:
 * the same for "A-17" and "BX-1". 0: it has none.
 */
uint32_t sheaf__cell_pattern(const sheaf__cell *cell, sheaf__cell_kind kind);

/* A plain number of up to nine digits. */
bool sheaf__cell_number(const sheaf__cell *cell, long *number);

#endif
