/*
 * One delimiter that a text may have: the quote, escape and padding that suit it best, and how well
 * it splits the text.
 *
 * After van den Burg, Nazabal and Sutton ("Wrangling messy CSV files by detecting row and type
 * patterns", 2019): a score for the shapes of the records times one for what the cells look like.
 * The first is the share of the records that agree (shapes.h), squared, times (width - 1) / width;
 * then comes how often the delimiter is one.
 */
#ifndef SHEAF_DIALECT_CANDIDATE_H
#define SHEAF_DIALECT_CANDIDATE_H

#include "readers/dialect/columns.h"
#include "readers/dialect/shapes.h"

enum { SHEAF__LINES_MAX = 512 };

/* A record at the head of the text. */
typedef struct sheaf__head_line {
    size_t begin;
    size_t next;
    size_t comment; /* where the last comment before it begins; n_bytes: there was none */
    uint32_t width;
    uint32_t filled;
    bool is_broken;
} sheaf__head_line;

/* What a call of the sniffer needs beside the text. */
typedef struct sheaf__sniff_space {
    sheaf__head_line lines[SHEAF__LINES_MAX];
    size_t n_lines;
    sheaf__shapes shapes;
    sheaf__columns columns;
    sheaf__record record;
} sheaf__sniff_space;

/* What is told, and what the text has at all. */
typedef struct sheaf__sniff_task {
    const sheaf__sniff_text *text;
    sheaf_dialect told;
    int hint;
    bool has_backslash;
} sheaf__sniff_task;

typedef struct sheaf__candidate {
    sheaf__rules rules;
    sheaf__sums sums;
    uint32_t typed; /* columns */
    uint32_t value; /* of the cells: columns.h */
    bool is_first_typed;
    uint32_t score; /* 0: it splits nothing */
} sheaf__candidate;

enum { SHEAF__SCORE_ONE = SHEAF__SHARE_ONE * SHEAF__SHARE_ONE };

/* The i-th delimiter that there are, the likeliest first; 0 behind the last. */
int sheaf__delimiter_at(size_t i);

/* Whether it may well stand between words. */
bool sheaf__delimiter_is_rare(int delimiter);

/* Whether a character is free to be the one or the other: nothing else was told to be it. */
bool sheaf__is_free(const sheaf_dialect *told, int character);

/* The rules for that delimiter, where nothing speaks for others. */
sheaf__rules sheaf__candidate_default(const sheaf__sniff_task *task, int delimiter);

sheaf__candidate sheaf__candidate_judge(const sheaf__sniff_task *task, int delimiter,
                                        sheaf__sniff_space *space);

/*
 * Whether the candidate is so good that no doubt is left: nine records of ten agree, the first one
 * among them. Then a delimiter that stands between words, or not in the first record, is none. The
 * plain way of sniffing (plain.h) relies on that.
 */
bool sheaf__candidate_is_clear(const sheaf__sniff_task *task, const sheaf__candidate *candidate);

/*
 * Whether its table, clear but for the lines above it, begins with a header that the other one
 * takes for such a line: names, where the other delimiter stands only in the rows.
 */
bool sheaf__candidate_begins_above(const sheaf__sniff_task *task, const sheaf__candidate *candidate,
                                   const sheaf__candidate *other);

#endif
