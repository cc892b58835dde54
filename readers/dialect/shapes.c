/* Counting widths: see shapes.h. */
#include "readers/dialect/shapes.h"

#include <string.h>

enum {
    WEIGHT = 4, /* of a record; of one outside of the table: 1 */
    ASTRAY_MAX = 8,
    TITLES_MAX = 3
};

typedef sheaf__shapes shapes;
typedef sheaf__shape shape;

/* ---- reading ---- */

static void add(shapes *s, const sheaf__record *r, const uint8_t *bytes)
{
    s->of[s->n++] = (shape){.width = r->n_fields,
                            .is_broken = r->is_broken,
                            .has_lone = r->has_lone,
                            .is_cut = r->is_cut,
                            .mark = sheaf__is_mark(bytes[r->begin]) ? bytes[r->begin] : 0,
                            .has_quotes = r->n_quoted > 0,
                            .is_padded = r->n_padded > 0};
    s->sums.n_escaped += r->n_escaped;
    s->sums.n_quoted += r->n_quoted;
    s->sums.n_padded += r->n_padded;
    s->sums.n_tight += r->n_tight;
}

/* The record that the piece's end cuts counts only if there is no other. */
static void read_piece(shapes *s, const sheaf__sniff_piece *piece, bool is_head,
                       const sheaf__rules *rules, sheaf__record *r)
{
    uint32_t first = s->n;
    uint32_t n_max = first + (is_head ? SHEAF__SHAPES_HEAD : SHEAF__SHAPES_FURTHER);
    size_t at = is_head ? 0 : sheaf__line_behind(piece->bytes, piece->n_bytes, 0);
    sheaf__walker w;
    sheaf__walker_begin(&w, piece, at, rules);
    while (s->n < n_max && sheaf__walker_next(&w, r))
        if (r->is_ended || piece->at_end || (is_head && s->n == first))
            add(s, r, piece->bytes);
}

/* ---- the commonest width ---- */

static void find_width(shapes *s)
{
    uint32_t widest = 0; /* one of those that are too wide to be told apart */
    uint32_t best = 0;
    memset(s->counts, 0, sizeof s->counts);
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t width = s->of[i].width;
        if (width >= SHEAF__WIDTHS_MAX) {
            widest = widest == 0 ? width : widest;
            width = width == widest ? SHEAF__WIDTHS_MAX - 1 : 0;
        }
        s->counts[width]++;
    }
    s->counts[0] = 0;
    for (uint32_t width = 2; width < SHEAF__WIDTHS_MAX; width++)
        if (s->counts[width] > 0 && s->counts[width] >= s->counts[best])
            best = width;
    if (best == SHEAF__WIDTHS_MAX - 1 && widest > 0)
        best = widest;
    s->sums.width = best > 0 ? best : s->n > 0;
}

/* ---- who counts ---- */

static void leave_out(shapes *s, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++)
        s->of[i].width = 0;
}

/*
 * A piece may begin inside of quotes: what comes before the first record of the right shape is left
 * out, if it is little. And it may end inside of quotes: if the lines behind the quote that the
 * piece's end leaves open are no records, they are text.
 */
static void leave_out_ends(shapes *s, uint32_t first, uint32_t end, bool is_head)
{
    uint32_t i = first;
    while (!is_head && i < end && i < first + ASTRAY_MAX && s->of[i].width != s->sums.width)
        i++;
    if (i < end && s->of[i].width == s->sums.width)
        leave_out(s, first, i);
    for (; i < end && !s->of[i].is_cut; i++)
        ;
    uint32_t n_wide = 0;
    for (uint32_t k = i + 1; k < end; k++)
        n_wide += s->of[k].width == s->sums.width;
    if (i < end && n_wide * 2 <= end - i - 1)
        leave_out(s, i, end);
}

/* ---- what they come to ---- */

static uint32_t weight_of(const shapes *s, uint32_t i, uint32_t begin, uint32_t end)
{
    const shape *each = &s->of[i];
    bool is_outside = (i < begin || i >= end) && each->width == 1;
    bool is_comment = each->mark != 0 && each->width != s->sums.width;
    return each->width == 0 ? 0 : is_outside || is_comment ? 1 : WEIGHT;
}

static void add_up(shapes *s)
{
    sheaf__sums *sums = &s->sums;
    uint32_t begin = 0;
    uint32_t end = s->n;
    uint64_t all = 0;
    while (begin < s->n && s->of[begin].width != sums->width)
        begin++;
    while (end > begin && s->of[end - 1].width != sums->width)
        end--;
    for (uint32_t i = 0; i < s->n; i++) {
        const shape *each = &s->of[i];
        if (each->width == 0)
            continue;
        bool is_wide = each->width == sums->width && !each->is_broken;
        all += weight_of(s, i, begin, end);
        sums->n_records++;
        sums->n_wide += is_wide;
        sums->n_good += is_wide && !each->has_lone;
        sums->n_bad += each->is_broken || each->has_lone;
        sums->n_single += i > begin && i <= begin + TITLES_MAX && i < end && each->width == 1 &&
                          each->mark == 0;
        sums->n_with_quotes += each->has_quotes;
        sums->n_with_padding += each->is_padded;
    }
    sums->n_above = begin;
    uint64_t right = (uint64_t)WEIGHT / 2 * ((uint64_t)sums->n_wide + sums->n_good);
    sums->share = all > 0 ? (uint32_t)(right * SHEAF__SHARE_ONE / all) : 0;
}

/* Of the first record without a mark: a comment may have any width. */
static uint32_t find_first_width(const shapes *s)
{
    for (uint32_t i = 0; i < s->first[1]; i++)
        if (s->of[i].width > 0 && s->of[i].mark == 0)
            return s->of[i].width;
    return s->first[1] > 0 ? s->of[0].width : 0;
}

const sheaf__sums *sheaf__shapes_measure(shapes *s, const sheaf__sniff_text *text,
                                         const sheaf__rules *rules, sheaf__record *scratch)
{
    s->n = 0;
    s->first[0] = 0;
    s->sums = (sheaf__sums){0};
    for (size_t i = 0; i < text->n_pieces; i++) {
        read_piece(s, &text->pieces[i], i == 0, rules, scratch);
        s->first[i + 1] = s->n;
    }
    find_width(s);
    for (size_t i = 0; i < text->n_pieces; i++)
        leave_out_ends(s, s->first[i], s->first[i + 1], i == 0);
    add_up(s);
    s->sums.first_width = find_first_width(s);
    return &s->sums;
}
