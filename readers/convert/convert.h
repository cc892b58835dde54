/*
 * Conversion: from the text of cells to the values of a column.
 *
 * What a text is (its kind) and what it is worth are found out in one go; no value is believed to
 * be of its column's type because those before it were. A converter is one for each type: it takes
 * the cells of one column, as long as they are of that type, and says where the first one stands
 * that is not. Whoever only wants to know the type (survey.h) widens it there and goes on; whoever
 * knows it (fill.h) has found a fault.
 */
#ifndef SHEAF_CONVERT_CONVERT_H
#define SHEAF_CONVERT_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/table/batch.h"
#include "engine/table/fit.h"
#include "engine/table/kinds.h"

typedef union sheaf__value {
    int64_t integer; /* bool: 0, 1; date: days, timestamps: microseconds since 1970-01-01; time:
                        microseconds since midnight */
    double real;
} sheaf__value;

/* The kind of a text that is not null, and its value unless it is text. */
sheaf__kinds sheaf__value_of(const uint8_t *text, size_t n_bytes, sheaf__value *value);

/*
 * As a value of this type, which a user asked for (not null, not text): also with zeros or a plus
 * in front of a number, and of an integer the nearest double. False: it is none.
 */
bool sheaf__value_as(sheaf_type type, const uint8_t *text, size_t n_bytes, sheaf__value *value);

/* The cells of one column, from one row to the next `stride` apart. */
typedef struct sheaf__cells {
    const uint8_t *text; /* where offsets count from */
    const sheaf__cell *first;
    size_t stride;
    size_t n;
} sheaf__cells;

/*
 * Convert cells, from row `row` on, into values[row...] (8 bytes each, whatever the type) and their
 * bits in `valid` (1: there is a value; those of earlier rows stay). What was met is added to
 * *kinds.
 *
 * Returns    the row of the first cell that is not of the type, or cells->n.
 */
typedef size_t sheaf__converter(const sheaf__cells *cells, size_t row, sheaf__value *values,
                                uint8_t *valid, sheaf__kinds *kinds);

/* Where a value stands that is not of the type of its column. */
typedef struct sheaf__misfit {
    size_t row; /* of the batch */
    size_t column;
    sheaf_type type; /* of the column; NULL: it is a text with a NUL byte */
    sheaf__fit fit;  /* what else was asked of it */
} sheaf__misfit;

/* The converters of a type; NULL for null and text. */
sheaf__converter *sheaf__converter_of(sheaf_type type);

static inline void sheaf__bit_set(uint8_t *bits, size_t i, bool value)
{
    uint8_t bit = (uint8_t)(1u << i % 8);
    bits[i / 8] = (uint8_t)(value ? bits[i / 8] | bit : bits[i / 8] & ~bit);
}

#endif
