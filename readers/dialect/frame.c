/* The head of the text, record by record: see frame.h. */
#include "readers/dialect/frame.h"

enum {
    FOLLOWERS = 4,   /* records that are looked at to see whether a table begins */
    MARKS_MIN = 2,   /* so many lines with another mark than '#' are comments */
    TITLE_CELLS = 1, /* a title fills no more */
    TITLE_WIDTH_MIN = 3,
    MISS_WIDTH_MIN = 4
};

typedef sheaf__sniff_task task;
typedef sheaf__sniff_space space;
typedef sheaf__candidate candidate;
typedef sheaf__head_line line;

static const sheaf__sniff_piece *head_of(const task *t)
{
    return &t->text->pieces[0];
}

static uint8_t byte_at(const task *t, size_t at)
{
    return at < head_of(t)->n_bytes ? head_of(t)->bytes[at] : 0;
}

static void read_lines(const task *t, const sheaf__rules *rules, space *s)
{
    sheaf__walker w;
    sheaf__walker_begin(&w, head_of(t), 0, rules);
    for (s->n_lines = 0; s->n_lines < SHEAF__LINES_MAX; s->n_lines++) {
        w.last_comment = w.n_bytes;
        if (!sheaf__walker_next(&w, &s->record))
            break;
        s->lines[s->n_lines] = (line){.begin = s->record.begin,
                                      .next = s->record.next,
                                      .comment = w.last_comment,
                                      .width = s->record.n_fields,
                                      .filled = s->record.n_filled,
                                      .is_broken = s->record.is_broken};
    }
}

/* ---- where the table begins ---- */

/* More than half of the next records have its width, too. */
static bool is_followed(const space *s, size_t i)
{
    size_t n = 0;
    size_t n_wide = 0;
    for (size_t k = i + 1; k < s->n_lines && n < FOLLOWERS; k++, n++)
        n_wide += s->lines[k].width == s->lines[i].width;
    return n_wide * 2 > n;
}

/* Titles of the table's width: hardly a cell is filled, while the records below them are full. */
static size_t skip_titles(const space *s, size_t first, uint32_t width)
{
    size_t i = first;
    if (width < TITLE_WIDTH_MIN)
        return first;
    while (i < s->n_lines && s->lines[i].filled <= TITLE_CELLS)
        i++;
    uint32_t n_cells = width < SHEAF__CELLS_MAX ? width : SHEAF__CELLS_MAX;
    bool is_table = false;
    for (size_t k = i; k < s->n_lines && k <= i + FOLLOWERS; k++)
        is_table |= s->lines[k].filled * 2 > n_cells;
    return is_table && s->lines[i].width == width ? i : first;
}

static sheaf__header_vote vote_at(const task *t, const candidate *best, space *s, size_t begin)
{
    sheaf__columns_look(&s->columns, head_of(t), begin, &best->rules, best->sums.width, &s->record);
    return sheaf__columns_vote(&s->columns);
}

/* The first line from `from` on that has the width, and may have to be followed by others. */
static size_t find_wide(const space *s, size_t from, uint32_t width, bool has_followers)
{
    while (from < s->n_lines &&
           (s->lines[from].width != width || (has_followers && !is_followed(s, from))))
        from++;
    return from;
}

/*
 * A line of the table's width that ragged ones follow may be the header above bad records, or a
 * title that has that width by accident: then the header comes yet. If nothing tells, nothing is
 * skipped.
 */
static size_t find_begin(const task *t, const candidate *c, space *s)
{
    uint32_t width = c->sums.width;
    size_t first = find_wide(s, 0, width, false);
    size_t followed = find_wide(s, first, width, true);
    if (width < 2 || first == s->n_lines)
        return 0;
    bool is_sure = followed == s->n_lines || first == followed ||
                   vote_at(t, c, s, s->lines[followed].begin) != SHEAF__HEADER_YES;
    return skip_titles(s, is_sure ? first : followed, width);
}

/*
 * A title may have the table's width by accident; but if a blank line follows, and then a header,
 * it is none of the table's.
 */
static size_t skip_title_and_blank(const task *t, const candidate *best, space *s, size_t begin)
{
    const line *at = &s->lines[begin];
    uint8_t behind = byte_at(t, at->next);
    bool is_apart = begin + 1 < s->n_lines && (behind == '\n' || behind == '\r') &&
                    at[1].width == best->sums.width && best->sums.width > 1;
    return is_apart && vote_at(t, best, s, at[1].begin) == SHEAF__HEADER_YES ? begin + 1 : begin;
}

/*
 * Lines right above the table that nearly have its width are records with a fault, the topmost of
 * them maybe a header. If the table seems to have a header, it has to be a near miss, with all of
 * its fields filled.
 */
static bool is_fault_above(const line *above, uint32_t width, bool has_header)
{
    bool is_title = above->width == width && above->filled <= TITLE_CELLS;
    bool is_near = above->width > 1 && !is_title && above->width * 2 >= width &&
                   above->width <= width * 2;
    bool is_miss = (above->width + 1 == width || above->width == width + 1) &&
                   above->width >= MISS_WIDTH_MIN && above->filled == above->width;
    return has_header ? is_miss : is_near;
}

static size_t take_in_faults(const space *s, uint32_t width, size_t begin, bool has_header)
{
    while (begin > 0 && is_fault_above(&s->lines[begin - 1], width, has_header) &&
           s->lines[begin - 1].next == s->lines[begin].begin)
        begin--;
    return begin;
}

/* Hardly a value in it. */
static bool looks_like_names(const task *t, const candidate *best, space *s, size_t begin)
{
    uint32_t typed = 0;
    sheaf__walker w;
    sheaf__walker_begin(&w, head_of(t), begin, &best->rules);
    if (!sheaf__walker_next(&w, &s->record))
        return false;
    for (uint32_t i = 0; i < s->record.n_fields && i < SHEAF__CELLS_MAX; i++)
        typed += sheaf__cell_is_typed(sheaf__cell_kind_of(&s->record.cells[i]));
    return typed * 3 < s->record.n_filled;
}

/* ---- comments ---- */

/* The mark of the first line above the table that has one, or of the table's first; 0. */
static int find_mark(const task *t, const candidate *best, const space *s, size_t begin)
{
    for (size_t i = 0; i <= begin && i < s->n_lines; i++) {
        int byte = byte_at(t, s->lines[i].begin);
        if (sheaf__is_mark(byte) && sheaf__is_free(&t->told, byte) &&
            byte != best->rules.delimiter && byte != best->rules.quote)
            return byte;
    }
    return 0;
}

/*
 * Lines with the mark from offset `from` on that have the table's shape: they are records. In a
 * table of one column, all have it.
 */
static bool has_marked_records(const task *t, const candidate *best, space *s, int mark,
                               uint32_t width, size_t from)
{
    const sheaf__shapes *shapes = &s->shapes;
    if (width < 2)
        return false;
    (void)sheaf__shapes_measure(&s->shapes, t->text, &best->rules, &s->record);
    for (uint32_t i = shapes->first[1]; i < shapes->n; i++)
        if (shapes->of[i].mark == mark && shapes->of[i].width == width)
            return true;
    sheaf__walker w;
    sheaf__walker_begin(&w, head_of(t), from, &best->rules);
    while (sheaf__walker_next(&w, &s->record))
        if (byte_at(t, s->record.begin) == mark && s->record.n_fields == width)
            return true;
    return false;
}

static uint32_t width_at(const task *t, const sheaf__rules *rules, space *s, size_t at)
{
    sheaf__walker w;
    sheaf__walker_begin(&w, head_of(t), at, rules);
    return sheaf__walker_next(&w, &s->record) ? s->record.n_fields : 0;
}

/*
 * Whether the last line with a mark is the header: `#id,name` right above `first`, the first record
 * without comments. If that looks like a header itself, the line must be like no comment.
 */
static bool is_marked_header(const task *t, const candidate *with, const candidate *without,
                             space *s, const line *first)
{
    const sheaf__sniff_piece *head = head_of(t);
    uint32_t width = with->sums.width;
    if (first->comment >= head->n_bytes ||
        sheaf__line_behind(head->bytes, head->n_bytes, first->comment) != first->begin ||
        width_at(t, &without->rules, s, first->comment) != width)
        return false;
    bool is_tight = byte_at(t, first->comment + 1) != ' ';
    sheaf__header_vote vote = vote_at(t, with, s, first->begin);
    if (width < 2)
        return is_tight && vote != SHEAF__HEADER_YES;
    return vote == SHEAF__HEADER_NO || (vote == SHEAF__HEADER_UNCLEAR && (is_tight || width > 2)) ||
           (vote == SHEAF__HEADER_YES && is_tight && width > 2);
}

static size_t count_marks(const task *t, int mark, size_t end)
{
    const sheaf__sniff_piece *head = head_of(t);
    size_t n = 0;
    for (size_t at = 0; at < end; at = sheaf__line_behind(head->bytes, head->n_bytes, at))
        n += head->bytes[at] == mark;
    return n;
}

/*
 * Takes the mark for one of comments, if that is what it is. Else *begin is where the table begins
 * nevertheless, if it is known.
 */
static bool take_comments(const task *t, candidate *best, space *s, size_t *begin)
{
    int mark = find_mark(t, best, s, *begin);
    if (mark == 0)
        return false;
    candidate with = *best;
    with.rules.comment = mark;
    with.sums = *sheaf__shapes_measure(&s->shapes, t->text, &with.rules, &s->record);
    if (with.sums.width == 0 || (with.sums.width < 2 && best->sums.width > 1))
        return false;
    read_lines(t, &with.rules, s);
    if (s->n_lines == 0) {
        read_lines(t, &best->rules, s);
        return false;
    }
    size_t at = find_begin(t, &with, s);
    line first = s->lines[at];
    bool is_it = false;
    if (is_marked_header(t, &with, best, s, &first))
        first.begin = first.comment;
    else
        is_it = count_marks(t, mark, first.begin) >= (mark == '#' ? 1 : MARKS_MIN) &&
                !has_marked_records(t, best, s, mark, with.sums.width, first.begin);
    best->sums = with.sums;
    if (is_it)
        best->rules = with.rules;
    read_lines(t, &best->rules, s);
    for (*begin = 0; *begin + 1 < s->n_lines && s->lines[*begin].begin < first.begin;)
        ++*begin;
    return is_it;
}

/* ---- all ---- */

static int64_t count_lines(const sheaf__sniff_piece *head, size_t end)
{
    int64_t n = 0;
    for (size_t at = 0; at < end; n++)
        at = sheaf__line_behind(head->bytes, head->n_bytes, at);
    return n;
}

sheaf__frame sheaf__frame_find(const task *t, candidate *best, space *s)
{
    sheaf__frame frame = {.comment = best->rules.comment, .has_header = true};
    read_lines(t, &best->rules, s);
    if (s->n_lines == 0)
        return frame;
    bool is_open = t->told.skip_lines == 0;
    size_t begin = is_open ? find_begin(t, best, s) : 0;
    if (t->told.comment == 0) {
        (void)take_comments(t, best, s, &begin);
        frame.comment = best->rules.comment;
        begin = is_open ? begin : 0;
    }
    if (is_open)
        begin = skip_title_and_blank(t, best, s, begin);
    size_t table = begin;
    sheaf__header_vote vote = vote_at(t, best, s, s->lines[begin].begin);
    if (is_open)
        begin = take_in_faults(s, best->sums.width, begin, vote != SHEAF__HEADER_NO);
    frame.has_header = vote != SHEAF__HEADER_NO ||
                       (begin < table && looks_like_names(t, best, s, s->lines[begin].begin));
    if (begin > 0)
        frame.n_before = count_lines(head_of(t), s->lines[begin].begin);
    return frame;
}
