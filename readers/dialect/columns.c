/*
 * Kinds of cells by column: see columns.h.
 *
 * A text above numbers is a name. A number above numbers is a value, unless it is a year above what
 * is none, or stands in a row of numbers that no other record has: 2019, 2020, 2021, or 1, 2, 3.
 * Where there are no numbers, codes may tell: a text above codes that all have one pattern is a
 * name, a code of that pattern is a value.
 */
#include "readers/dialect/columns.h"

#include <string.h>

enum {
    ROWS_MAX = 64,
    TYPED_SHARE = 80, /* of a hundred filled cells below a name, so many have its column's kind */
    YEAR_MIN = 1800,
    YEAR_MAX = 2100,
    /* of how much worth a cell is */
    WORTH_TYPED = SHEAF__SHARE_ONE,
    WORTH_QUOTED = SHEAF__SHARE_ONE * 15 / 16,
    WORTH_TEXT = SHEAF__SHARE_ONE * 14 / 16,
    WORTH_EMPTY = SHEAF__SHARE_ONE * 10 / 16,
    WORTH_ODD = SHEAF__SHARE_ONE / 16
};

typedef sheaf__columns columns;
typedef sheaf__column column;

static uint32_t worth_of(const sheaf__cell *cell, sheaf__cell_kind kind)
{
    if (sheaf__cell_is_typed(kind))
        return WORTH_TYPED;
    if (kind == SHEAF__CELL_EMPTY)
        return WORTH_EMPTY;
    if (cell->is_quoted)
        return WORTH_QUOTED;
    return sheaf__cell_is_odd(cell, kind) ? WORTH_ODD : WORTH_TEXT;
}

/* The first record, or one below it. */
static uint64_t look_at(columns *c, const sheaf__record *r, uint32_t index)
{
    uint64_t worth = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        column *each = &c->of[i];
        const sheaf__cell *cell = &r->cells[i];
        sheaf__cell_kind kind = sheaf__cell_kind_of(cell);
        worth += worth_of(cell, kind);
        long number = -1;
        bool is_plain = kind == SHEAF__CELL_NUMBER && sheaf__cell_number(cell, &number);
        if (index < 2)
            each->numbers[index] = is_plain ? number : -1;
        uint32_t pattern = sheaf__cell_pattern(cell, kind);
        if (index < 2)
            each->patterns[index] = pattern;
        if (index > 0 && pattern != 0 && pattern == each->patterns[1])
            each->n_pattern++;
        if (index == 0) {
            each->first = kind;
            each->is_first_quoted = cell->is_quoted;
            c->is_first_typed |= sheaf__cell_is_typed(kind);
        } else {
            each->counts[kind]++;
            each->n_quoted += cell->is_quoted;
            each->n_plain += is_plain;
        }
    }
    return worth;
}

/* ---- rows of numbers ---- */

static bool is_year(long number)
{
    return number >= YEAR_MIN && number <= YEAR_MAX;
}

/* How many cells of the record, from that column on, are numbers one step apart each. */
static uint32_t count_steps(const columns *c, uint32_t from, int record, long *step)
{
    uint32_t i = from + 1;
    if (c->of[from].numbers[record] < 0 || i >= c->n || c->of[i].numbers[record] < 0)
        return 0;
    *step = c->of[i].numbers[record] - c->of[from].numbers[record];
    while (i < c->n && *step != 0 && c->of[i].numbers[record] >= 0 &&
           c->of[i].numbers[record] - c->of[i - 1].numbers[record] == *step)
        i++;
    return i - from;
}

static bool are_names(const columns *c, uint32_t from, uint32_t n, long step)
{
    bool are_years = is_year(c->of[from].numbers[0]) && is_year(c->of[from + n - 1].numbers[0]);
    bool are_counted = n >= 3 && step == 1 && c->of[from].numbers[0] <= 1;
    return are_counted || (are_years && (n >= 3 || step == 1 || step == -1));
}

/* A year above numbers with signs or decimals. */
static bool is_year_above(const column *c)
{
    return is_year(c->numbers[0]) && c->n_plain * 4 < c->counts[SHEAF__CELL_NUMBER];
}

/* Marks the first record's numbers that are names: the second record has no such row. */
static void mark_names(columns *c)
{
    long step = 0;
    long step_below = 0;
    uint32_t n = 1;
    for (uint32_t i = 0; i < c->n; i++)
        c->of[i].is_first_a_name = is_year_above(&c->of[i]);
    for (uint32_t i = 0; i < c->n; i += n) {
        uint32_t n_steps = count_steps(c, i, 0, &step);
        n = n_steps > 1 ? n_steps : 1;
        if (n < 2 || !are_names(c, i, n, step))
            continue;
        if (count_steps(c, i, 1, &step_below) >= n && step_below == step)
            continue;
        for (uint32_t k = i; k < i + n; k++)
            c->of[k].is_first_a_name = true;
    }
}

/* ---- all ---- */

/* The typed kind of most cells below the first one; TEXT: there is none. */
static sheaf__cell_kind kind_below(const column *c)
{
    uint32_t filled = 0;
    for (int kind = SHEAF__CELL_TEXT; kind < SHEAF__CELL_KINDS; kind++)
        filled += c->counts[kind];
    for (int kind = SHEAF__CELL_NUMBER; kind < SHEAF__CELL_KINDS; kind++)
        if (filled > 0 && c->counts[kind] * 100U >= filled * TYPED_SHARE)
            return (sheaf__cell_kind)kind;
    return SHEAF__CELL_TEXT;
}

void sheaf__columns_look(columns *c, const sheaf__sniff_piece *head, size_t at,
                         const sheaf__rules *rules, uint32_t width, sheaf__record *scratch)
{
    uint64_t worth_first = 0;
    uint64_t worth = 0;
    uint32_t n = 0;
    sheaf__walker w;
    memset(c, 0, sizeof *c);
    c->n = width < SHEAF__CELLS_MAX ? width : SHEAF__CELLS_MAX;
    sheaf__walker_begin(&w, head, at, rules);
    while (n <= ROWS_MAX && sheaf__walker_next(&w, scratch)) {
        bool is_whole = scratch->is_ended || head->at_end || n == 0;
        if (scratch->n_fields != width || scratch->is_broken || !is_whole)
            continue;
        uint64_t worth_here = look_at(c, scratch, n);
        if (n++ == 0) {
            worth_first = worth_here;
            c->first_filled = scratch->n_filled;
        } else {
            worth += worth_here;
        }
    }
    c->n_rows = n > 0 ? n - 1 : 0;
    uint64_t n_cells = (uint64_t)c->n * (c->n_rows > 0 ? c->n_rows : 1);
    c->value = n_cells > 0 ? (uint32_t)((c->n_rows > 0 ? worth : worth_first) / n_cells) : 0;
    for (uint32_t i = 0; i < c->n; i++)
        c->typed += kind_below(&c->of[i]) != SHEAF__CELL_TEXT;
    if (c->n_rows > 0)
        mark_names(c);
}

/* By the patterns of codes: those that nearly all records have. */
static void count_patterns(const columns *c, uint32_t *names, uint32_t *values)
{
    for (uint32_t i = 0; i < c->n; i++) {
        const column *each = &c->of[i];
        if (each->n_pattern < 2 || each->n_pattern * 100U < c->n_rows * TYPED_SHARE)
            continue;
        *names += each->first == SHEAF__CELL_TEXT && each->patterns[0] != each->patterns[1];
        *values += each->patterns[0] == each->patterns[1];
    }
}

sheaf__header_vote sheaf__columns_vote(const columns *c)
{
    uint32_t names = 0;
    uint32_t values = 0;
    for (uint32_t i = 0; i < c->n; i++) {
        const column *each = &c->of[i];
        sheaf__cell_kind below = kind_below(each);
        if (below == SHEAF__CELL_TEXT || each->first == SHEAF__CELL_EMPTY)
            continue;
        bool is_name = each->first == SHEAF__CELL_TEXT || each->is_first_a_name ||
                       (each->is_first_quoted && each->n_quoted == 0) ||
                       (each->first == SHEAF__CELL_MOMENT && below == SHEAF__CELL_NUMBER);
        names += is_name;
        values += !is_name && each->first == below;
    }
    if (names == 0 && values == 0)
        count_patterns(c, &names, &values);
    if (values > names)
        return SHEAF__HEADER_NO;
    return names > 0 ? SHEAF__HEADER_YES : SHEAF__HEADER_UNCLEAR;
}
