/* Trying the rules that suit a delimiter, and scoring: see candidate.h. */
#include "readers/dialect/candidate.h"

enum {
    CLEAR_SHARE = SHEAF__SHARE_ONE * 9 / 10,
    CLEAR_VALUE = SHEAF__SHARE_ONE * 7 / 10,
    PRIOR_ONE = 16,
    FACTOR_HINT = 20,    /* of PRIOR_ONE; so are those below */
    FACTOR_LATER = 10,   /* the table does not begin with the first record */
    FACTOR_NO_TYPES = 5, /* between words there is no number and no quote, either */
    PRIOR_REGULAR = 11,  /* of a perfectly regular ':' */
    /* Of a rare one, with numbers in its columns: a log has blanks, and ':' in its times of day. */
    PRIOR_REGULAR_RARE = 12
};

typedef sheaf__candidate candidate;
typedef sheaf__sniff_task task;
typedef sheaf__sniff_space space;
typedef sheaf__sums sums;
typedef sheaf__rules rules;

static const struct {
    char delimiter;
    uint8_t prior;
    bool is_rare; /* as a delimiter: it mostly stands between words */
} delimiters[] = {
    {',', 16, false},    {';', 16, false},    {'\t', 16, false},   {'|', 16, false},
    {'\x1f', 14, false}, {'\x01', 14, false}, {'~', 14, false},    {'^', 14, false},
    {'\x1e', 14, false}, {'\x1d', 14, false}, {'\x1c', 14, false}, {':', 11, false},
    {' ', 6, true},      {'!', 6, true},      {'#', 6, true},      {'@', 6, true},
    {'/', 6, true},
};

enum { N_DELIMITERS = sizeof delimiters / sizeof delimiters[0] };

int sheaf__delimiter_at(size_t i)
{
    return i < N_DELIMITERS ? delimiters[i].delimiter : 0;
}

bool sheaf__delimiter_is_rare(int delimiter)
{
    for (size_t i = 0; i < N_DELIMITERS; i++)
        if (delimiters[i].delimiter == delimiter)
            return delimiters[i].is_rare;
    return true;
}

bool sheaf__is_free(const sheaf_dialect *told, int character)
{
    return character != told->delimiter && character != told->quote && character != told->escape &&
           character != told->comment;
}

/* ---- rules ---- */

rules sheaf__candidate_default(const task *t, int delimiter)
{
    const sheaf_dialect *told = &t->told;
    bool is_free = sheaf__is_free(told, '"') && delimiter != '"';
    return (rules){.delimiter = (uint8_t)delimiter,
                   .quote = told->quote ? told->quote
                            : is_free   ? '"'
                                        : SHEAF_NONE,
                   .escape = told->escape ? told->escape : SHEAF_NONE,
                   .comment = told->comment ? told->comment : SHEAF_NONE,
                   .padding = told->padding > 0};
}

/* Whether a larger part of the records is right; it must split them at all. */
static bool is_better(const sums *a, const sums *b)
{
    uint64_t right_a = (uint64_t)a->n_wide + a->n_good;
    uint64_t right_b = (uint64_t)b->n_wide + b->n_good;
    return a->width > 1 && (b->width < 2 || right_a * b->n_records > right_b * a->n_records);
}

/*
 * An escape: more records are right with it, since quotes or delimiters behind it are none. Where
 * it stands before something else, it makes no difference and is text.
 */
static bool is_escape(const sums *with, const sums *without)
{
    return with->n_escaped > 0 && is_better(with, without);
}

/* Blanks around quotes, as a habit. */
static bool is_padding(const sums *with, const sums *without)
{
    return with->n_with_padding >= 2 && with->n_with_padding * 4 >= with->n_records &&
           with->n_padded >= with->n_tight && with->n_bad * 10 <= with->n_records &&
           with->width > 1 && with->share >= without->share;
}

/*
 * Apostrophes as quotes: in every second record at least, and nearly always closed. They have to
 * make more records right, or to leave all as they are: a lone apostrophe that is data may find
 * another one some lines below.
 */
static bool is_other_quote(const sums *with, const sums *without)
{
    bool is_habit = with->width > 1 && with->n_with_quotes >= 2 &&
                    with->n_with_quotes * 2 >= with->n_records &&
                    with->n_bad * 10 <= with->n_records && with->n_quoted > without->n_quoted;
    return is_habit && (is_better(with, without) ||
                        (with->n_records == without->n_records && with->share >= without->share));
}

/* No quotes: with them, more records than one by accident are wrong. */
static bool is_without_quotes(const sums *with, const sums *without)
{
    return without->n_bad >= 3 && with->width > 1 &&
           (uint64_t)with->n_wide * without->n_records * 85 >
               (uint64_t)without->n_wide * with->n_records * 100;
}

/* Try other rules instead: they are kept if the sums say so. */
static void try_rules(const task *t, space *s, candidate *best, rules other,
                      bool (*is_it)(const sums *with, const sums *without))
{
    const sums *found = sheaf__shapes_measure(&s->shapes, t->text, &other, &s->record);
    if (is_it(found, &best->sums)) {
        best->rules = other;
        best->sums = *found;
    }
}

/* Whether the quote may open a field anywhere; *is_padded: behind blanks. */
static bool may_open(const task *t, const rules *r, int quote, bool *is_padded)
{
    bool is_there = false;
    *is_padded = false;
    if (quote <= 0)
        return false;
    for (size_t i = 0; i < t->text->n_pieces; i++)
        is_there |= sheaf__may_open(&t->text->pieces[i], r->delimiter, (uint8_t)quote, is_padded);
    return is_there;
}

static void try_padding_and_escape(const task *t, space *s, candidate *best)
{
    rules other = best->rules;
    bool is_padded;
    (void)may_open(t, &other, other.quote, &is_padded);
    if (t->told.padding == 0 && (is_padded || best->sums.n_bad > 0)) {
        other.padding = true;
        try_rules(t, s, best, other, is_padding);
    }
    other = best->rules;
    if (t->told.escape == 0 && t->has_backslash && sheaf__is_free(&t->told, '\\') &&
        other.delimiter != '\\') {
        other.escape = '\\';
        try_rules(t, s, best, other, is_escape);
    }
}

static void try_apostrophe(const task *t, space *s, candidate *best)
{
    candidate with = {.rules = sheaf__candidate_default(t, best->rules.delimiter)};
    bool is_padded;
    if (!sheaf__is_free(&t->told, '\'') || with.rules.delimiter == '\'' ||
        !may_open(t, &with.rules, '\'', &is_padded))
        return;
    with.rules.quote = '\'';
    with.sums = *sheaf__shapes_measure(&s->shapes, t->text, &with.rules, &s->record);
    try_padding_and_escape(t, s, &with);
    if (is_other_quote(&with.sums, &best->sums))
        *best = with;
}

static void find_rules(const task *t, space *s, candidate *best)
{
    best->sums = *sheaf__shapes_measure(&s->shapes, t->text, &best->rules, &s->record);
    try_padding_and_escape(t, s, best);
    if (t->told.quote == 0)
        try_apostrophe(t, s, best);
    if (t->told.quote == 0 && best->sums.n_bad > 0) {
        rules other = best->rules;
        other.quote = SHEAF_NONE;
        try_rules(t, s, best, other, is_without_quotes);
    }
}

/* ---- score ---- */

static uint32_t prior_of(const task *t, const candidate *c)
{
    uint32_t prior = 6;
    int delimiter = c->rules.delimiter;
    for (size_t i = 0; i < N_DELIMITERS; i++)
        if (delimiters[i].delimiter == delimiter)
            prior = delimiters[i].prior;
    if (delimiter == t->hint)
        return FACTOR_HINT;
    if (prior >= 14)
        return prior;
    bool is_regular = c->sums.share == SHEAF__SHARE_ONE && c->sums.width > 2 &&
                      c->sums.first_width == c->sums.width;
    if (is_regular && (c->typed > 1 || delimiter == ':'))
        return delimiter == ':' ? PRIOR_REGULAR : PRIOR_REGULAR_RARE;
    return c->typed == 0 && c->sums.n_quoted == 0 ? prior * FACTOR_NO_TYPES / PRIOR_ONE : prior;
}

/*
 * Sentences below a name that nothing splits: many of them have one comma, but far from all, and no
 * number or quote stands between them.
 */
static bool is_prose(const candidate *c)
{
    return c->rules.delimiter == ',' && c->sums.width == 2 && c->sums.first_width == 1 &&
           c->typed == 0 && c->sums.n_quoted == 0 && c->sums.share < CLEAR_SHARE;
}

/* In integers: the same on every machine. */
static uint32_t score_of(const task *t, const candidate *c)
{
    uint64_t score = (uint64_t)c->sums.share * c->sums.share;
    score = score * (c->sums.width - 1) / c->sums.width;
    score = score * c->value / SHEAF__SHARE_ONE * c->value / SHEAF__SHARE_ONE;
    score = score * prior_of(t, c) / PRIOR_ONE;
    if (c->sums.first_width != c->sums.width)
        score = score * (is_prose(c) ? FACTOR_NO_TYPES : FACTOR_LATER) / PRIOR_ONE;
    return (uint32_t)score;
}

candidate sheaf__candidate_judge(const task *t, int delimiter, space *s)
{
    candidate c = {.rules = sheaf__candidate_default(t, delimiter)};
    find_rules(t, s, &c);
    if (c.sums.width < 2)
        return c;
    sheaf__columns_look(&s->columns, &t->text->pieces[0], 0, &c.rules, c.sums.width, &s->record);
    c.typed = s->columns.typed;
    c.value = s->columns.value;
    c.is_first_typed = s->columns.is_first_typed;
    c.score = score_of(t, &c);
    return c;
}

static bool is_usual(const task *t, const candidate *c)
{
    bool may_be = c->rules.delimiter == t->hint || !sheaf__delimiter_is_rare(c->rules.delimiter);
    return may_be && c->rules.delimiter != ':' && c->sums.width > 1 && c->sums.share >= CLEAR_SHARE;
}

/*
 * Whatever its cells look like, if the first record is one of names; but not above records of one
 * field: then it may be a title with a comma in it, and below it comes a header of another kind.
 */
static bool has_names(const candidate *c)
{
    return !c->is_first_typed && c->sums.n_single == 0;
}

bool sheaf__candidate_is_clear(const task *t, const candidate *c)
{
    return is_usual(t, c) && c->sums.first_width == c->sums.width &&
           (c->value >= CLEAR_VALUE || has_names(c));
}

/* Prose below a name has commas, too: they are no reason to split what is whole otherwise. */
bool sheaf__candidate_begins_above(const task *t, const candidate *c, const candidate *other)
{
    bool is_whole = other->sums.width < 2;
    return is_usual(t, c) && c->sums.first_width == 1 && has_names(c) &&
           (is_whole ? c->rules.delimiter != ',' : c->sums.n_above < other->sums.n_above);
}
