/*
 * The plain way first, then the long one: every delimiter that stands in the text is judged, the
 * best one is taken, and what stands around the table is looked at with it. See sniff.h.
 */
#include "readers/dialect/sniff.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "readers/dialect/frame.h"
#include "readers/dialect/plain.h"

enum {
    /* A text of one column: words, and numbers or days. */
    SCORE_WORDS = SHEAF__SCORE_ONE / 10,
    SCORE_VALUES = SHEAF__SCORE_ONE / 10 * 9
};

typedef sheaf__sniff_task task;
typedef sheaf__sniff_space space;
typedef sheaf__candidate candidate;

static bool stands_in(const sheaf__sniff_text *text, int byte)
{
    for (size_t i = 0; i < text->n_pieces; i++)
        if (memchr(text->pieces[i].bytes, byte, text->pieces[i].n_bytes) != NULL)
            return true;
    return false;
}

/* ---- lines that are skipped ---- */

static size_t behind_lines(const sheaf__sniff_piece *head, int64_t n)
{
    size_t at = 0;
    for (; n > 0 && at < head->n_bytes; n--)
        at = sheaf__line_behind(head->bytes, head->n_bytes, at);
    return at;
}

/* `sep=;` or `"sep=;"`, as spreadsheets write and read it: the delimiter; 0: that is not there. */
static int find_sep_line(const sheaf__sniff_piece *head)
{
    size_t end = sheaf__line_behind(head->bytes, head->n_bytes, 0);
    const uint8_t *line = head->bytes;
    while (end > 0 && (line[end - 1] == '\n' || line[end - 1] == '\r'))
        end--;
    if (end == 7 && line[0] == '"' && line[6] == '"') {
        line++;
        end -= 2;
    }
    bool is_it = end == 5 && (line[0] | 0x20) == 's' && (line[1] | 0x20) == 'e' &&
                 (line[2] | 0x20) == 'p' && line[3] == '=' && line[4] != 0 && line[4] < 0x80 &&
                 line[4] != '"';
    bool is_word = is_it && ((line[4] >= '0' && line[4] <= '9') ||
                             ((line[4] | 0x20) >= 'a' && (line[4] | 0x20) <= 'z'));
    return is_it && !is_word ? line[4] : 0;
}

/* ---- one column ---- */

/*
 * Whether all lines are values: not links, and what stands above them has nothing to split at. A
 * line of several quoted names looks like one that is quoted, but for its lone quotes.
 */
static bool are_values(const task *t, const candidate *c, space *s)
{
    const sheaf__column *column = &s->columns.of[0];
    if (s->columns.typed == 0 || s->columns.n_rows < 2 ||
        column->counts[SHEAF__CELL_LINK] * 2U > s->columns.n_rows)
        return false;
    sheaf__walker w;
    sheaf__walker_begin(&w, &t->text->pieces[0], 0, &c->rules);
    while (sheaf__walker_next(&w, &s->record)) {
        const sheaf__cell *line = &s->record.cells[0];
        bool is_whole = line->is_quoted && !s->record.has_lone && !s->record.is_broken;
        if (!sheaf__cell_is_typed(sheaf__cell_kind_of(line)) && !is_whole &&
            (memchr(line->bytes, ',', line->n_bytes) || memchr(line->bytes, ';', line->n_bytes)))
            return false;
    }
    return true;
}

/*
 * A text that nothing splits: of the delimiters that would leave each line whole, the first one.
 * The values may have a comma in them, if they are numbers with decimals.
 */
static candidate judge_whole(const task *t, space *s)
{
    static const char harmless[] = ",\t;|\x1f\x01~^:";
    candidate c = {0};
    for (size_t i = 0; i < sizeof harmless; i++) { /* the hint, then these */
        int delimiter = i == 0 ? t->hint : harmless[i - 1];
        if (delimiter == 0 || !sheaf__is_free(&t->told, delimiter))
            continue;
        c.rules = sheaf__candidate_default(t, delimiter);
        c.sums = *sheaf__shapes_measure(&s->shapes, t->text, &c.rules, &s->record);
        if (c.sums.width < 2)
            break;
    }
    if (c.sums.width != 1)
        return c;
    sheaf__columns_look(&s->columns, &t->text->pieces[0], 0, &c.rules, 1, &s->record);
    c.score = are_values(t, &c, s) ? SCORE_VALUES : SCORE_WORDS;
    return c;
}

/* ---- several ---- */

/* The best, and the best of the others. */
typedef struct ranking {
    candidate best;
    candidate next;
    bool is_clear;
} ranking;

static void rank(ranking *r, const task *t, const candidate *c)
{
    bool is_first = r->best.score == 0 || sheaf__candidate_begins_above(t, c, &r->best);
    bool is_behind = r->best.score > 0 && sheaf__candidate_begins_above(t, &r->best, c);
    if (c->score > 0 && (is_first || (c->score > r->best.score && !is_behind))) {
        r->next = r->best;
        r->best = *c;
    } else if (c->score > r->next.score) {
        r->next = *c;
    }
}

/* Whether the first record that has no mark has two fields or more with it. */
static bool splits_first(const task *t, int delimiter, space *s)
{
    const sheaf__sniff_piece *head = &t->text->pieces[0];
    sheaf__rules rules = sheaf__candidate_default(t, delimiter);
    sheaf__walker w;
    sheaf__walker_begin(&w, head, 0, &rules);
    while (sheaf__walker_next(&w, &s->record))
        if (!sheaf__is_mark(head->bytes[s->record.begin]))
            return s->record.n_fields > 1;
    return true;
}

/* A clear one leaves no chance to what does not split the first record. */
static void add_candidate(ranking *r, const task *t, const candidate *c, space *s)
{
    if (sheaf__candidate_is_clear(t, c) && !r->is_clear) {
        ranking before = *r;
        *r = (ranking){.is_clear = true};
        if (before.best.score > 0 && splits_first(t, before.best.rules.delimiter, s))
            rank(r, t, &before.best);
        if (before.next.score > 0 && splits_first(t, before.next.rules.delimiter, s))
            rank(r, t, &before.next);
    }
    rank(r, t, c);
}

static void judge_all(ranking *r, const task *t, space *s)
{
    for (size_t i = 0; sheaf__delimiter_at(i) != 0; i++) {
        int delimiter = sheaf__delimiter_at(i);
        bool is_rare = sheaf__delimiter_is_rare(delimiter) && delimiter != t->hint;
        if (!sheaf__is_free(&t->told, delimiter) || !stands_in(t->text, delimiter) ||
            (r->is_clear && (is_rare || !splits_first(t, delimiter, s))))
            continue;
        candidate c = sheaf__candidate_judge(t, delimiter, s);
        add_candidate(r, t, &c, s);
    }
    if (!r->is_clear || r->best.score == 0) {
        candidate whole = judge_whole(t, s);
        rank(r, t, &whole);
        if (r->best.score == 0)
            r->best = whole;
    }
}

/* ---- all ---- */

static sheaf_dialect dialect_of(const candidate *c)
{
    return (sheaf_dialect){.delimiter = c->rules.delimiter,
                           .quote = c->rules.quote,
                           .escape = c->rules.escape,
                           .comment = c->rules.comment,
                           .padding = c->rules.padding ? 1 : SHEAF_NONE,
                           .header = 1,
                           .skip_lines = SHEAF_NONE};
}

/* What was told stands as it was told. */
static void keep_told(sheaf_dialect *found, const sheaf_dialect *told)
{
    found->delimiter = told->delimiter ? told->delimiter : found->delimiter;
    found->quote = told->quote ? told->quote : found->quote;
    found->escape = told->escape ? told->escape : found->escape;
    found->comment = told->comment ? told->comment : found->comment;
    found->padding = told->padding ? told->padding : found->padding;
    found->header = told->header ? told->header : found->header;
    found->skip_lines = told->skip_lines ? told->skip_lines : found->skip_lines;
}

static void find(const task *t, int64_t n_skipped, space *s, sheaf__sniffed *found)
{
    ranking r = {0};
    if (t->told.delimiter != 0)
        r.best = sheaf__candidate_judge(t, t->told.delimiter, s);
    else
        judge_all(&r, t, s);
    sheaf__frame frame = sheaf__frame_find(t, &r.best, s);
    found->dialect = dialect_of(&r.best);
    found->dialect.header = frame.has_header ? 1 : SHEAF_NONE;
    int64_t n_before = n_skipped + frame.n_before;
    found->dialect.skip_lines = n_before > 0 ? n_before : SHEAF_NONE;
    found->n_columns = r.best.sums.width;
    found->confidence = 1;
    if (r.next.score > 0) {
        found->next = dialect_of(&r.next);
        found->confidence = r.best.score > r.next.score
                                ? (double)(r.best.score - r.next.score) / (double)r.best.score
                                : 0;
    }
}

sheaf_status sheaf__sniff_closely(const sheaf__sniff_text *text, const sheaf_dialect *told,
                                  int hint, sheaf__sniffed *found, sheaf_error *err)
{
    space *s = malloc(sizeof *s);
    if (!s)
        return sheaf__error_memory(err, "a sniffer");
    sheaf__sniff_text rest = *text;
    task t = {.text = &rest, .told = *told, .hint = hint};
    *found = (sheaf__sniffed){0};
    if (rest.n_pieces == 0)
        rest = (sheaf__sniff_text){.pieces = {{(const uint8_t *)"", 0, true}}, .n_pieces = 1};
    int64_t n_skipped = 0;
    int separator = told->skip_lines == 0 ? find_sep_line(&rest.pieces[0]) : 0;
    if (separator != 0 && (told->delimiter == separator || sheaf__is_free(told, separator))) {
        t.told.delimiter = told->delimiter ? told->delimiter : separator;
        n_skipped = 1;
    }
    size_t n_before = behind_lines(&rest.pieces[0],
                                   told->skip_lines > 0 ? told->skip_lines : n_skipped);
    rest.pieces[0].bytes += n_before;
    rest.pieces[0].n_bytes -= n_before;
    if (rest.pieces[0].n_bytes == 0) /* where the table begins nobody has seen: no rest can tell */
        rest.n_pieces = 1;
    t.has_backslash = stands_in(&rest, '\\');
    find(&t, n_skipped, s, found);
    keep_told(&found->dialect, told);
    free(s);
    return SHEAF_OK;
}

sheaf_status sheaf__sniff(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint,
                          sheaf__sniffed *found, sheaf_error *err)
{
    if (sheaf__sniff_plain(text, told, hint, found))
        return SHEAF_OK;
    return sheaf__sniff_closely(text, told, hint, found, err);
}
