/*
 * What dialect a text is written in: guessed from samples of it, the same for whoever looks.
 */
#ifndef SHEAF_DIALECT_SNIFF_H
#define SHEAF_DIALECT_SNIFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/dialect.h>
#include <sheaf/status.h>

enum { SHEAF__SNIFF_PIECES = 3 };

/* A part of the text, in UTF-8, or mostly so; without the byte order mark. */
typedef struct sheaf__sniff_piece {
    const uint8_t *bytes;
    size_t n_bytes;
    bool at_end; /* the text is over behind it */
} sheaf__sniff_piece;

/*
 * The first piece is the text's beginning; any further one begins anywhere, in order: what stands
 * in it before its first line end counts for nothing.
 */
typedef struct sheaf__sniff_text {
    sheaf__sniff_piece pieces[SHEAF__SNIFF_PIECES];
    size_t n_pieces;
} sheaf__sniff_text;

typedef struct sheaf__sniffed {
    sheaf_dialect dialect; /* nothing in it is 0 */
    size_t n_columns;      /* of most records; 0: there is no record */
    /*
     * 0 to 1: how much better it is than the next best, which has another delimiter; {0}: there is
     * none, or the text is so plain that nobody looked for one (plain.h).
     */
    double confidence;
    sheaf_dialect next;
} sheaf__sniffed;

/*
 * Find out what `told` leaves open; what it says is taken. `hint` is the delimiter that the file's
 * name promises, or 0: taken unless the text speaks against it. With a number of lines to skip
 * told, the text is looked at behind them. Where nothing splits the text, the delimiter is one that
 * does not stand in it, the hint or the comma if they can be.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__sniff(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint,
                          sheaf__sniffed *found, sheaf_error *err);

#endif
