/* A state machine that runs over what has no meaning by a table: see records.h. */
#include "readers/dialect/records.h"

#include <string.h>

#include "readers/record/machine.h"

enum { STOPS_PLAIN = 1, STOPS_QUOTED = 2, WORK = 4 };

typedef sheaf__walker walker;
typedef sheaf__record record;

static bool is_blank(const walker *w, uint8_t byte)
{
    return (byte == ' ' || byte == '\t') && byte != w->rules.delimiter;
}

static size_t behind_line_end(const uint8_t *bytes, size_t n_bytes, size_t at)
{
    if (at < n_bytes && bytes[at] == '\r')
        at += at + 1 < n_bytes && bytes[at + 1] == '\n' ? 2 : 1;
    else if (at < n_bytes && bytes[at] == '\n')
        at++;
    return at;
}

size_t sheaf__line_behind(const uint8_t *bytes, size_t n_bytes, size_t at)
{
    while (at < n_bytes && !sheaf__is_line_end(bytes[at]))
        at++;
    return behind_line_end(bytes, n_bytes, at);
}

bool sheaf__may_open(const sheaf__sniff_piece *piece, uint8_t delimiter, uint8_t quote,
                     bool *is_padded)
{
    const uint8_t *begin = piece->bytes;
    const uint8_t *end = begin + piece->n_bytes;
    bool is_there = false;
    const uint8_t *at = begin;
    for (; !*is_padded && (at = memchr(at, quote, (size_t)(end - at))) != NULL; at++) {
        const uint8_t *before = at;
        while (before > begin && (before[-1] == ' ' || before[-1] == '\t') &&
               before[-1] != delimiter)
            before--;
        if (before == begin || before[-1] == delimiter || sheaf__is_line_end(before[-1])) {
            is_there = true;
            *is_padded |= before < at;
        }
    }
    return is_there;
}

void sheaf__walker_begin(walker *w, const sheaf__sniff_piece *piece, size_t at,
                         const sheaf__rules *rules)
{
    *w = (walker){.bytes = piece->bytes,
                  .n_bytes = piece->n_bytes,
                  .at_end = piece->at_end,
                  .at = at,
                  .rules = *rules,
                  .work = piece->n_bytes * WORK,
                  .last_comment = piece->n_bytes};
    if (w->rules.escape == w->rules.quote)
        w->rules.escape = SHEAF_NONE;
    w->stops['\n'] = w->stops['\r'] = STOPS_PLAIN | STOPS_QUOTED;
    w->stops[rules->delimiter] |= STOPS_PLAIN;
    if (w->rules.quote > 0)
        w->stops[w->rules.quote & 0xFF] |= STOPS_QUOTED;
    if (w->rules.escape > 0)
        w->stops[w->rules.escape & 0xFF] |= STOPS_PLAIN | STOPS_QUOTED;
}

static size_t run(const walker *w, size_t at, int stop)
{
    while (at < w->n_bytes && !(w->stops[w->bytes[at]] & stop))
        at++;
    return at;
}

static size_t skip_blanks(const walker *w, size_t at)
{
    while (at < w->n_bytes && is_blank(w, w->bytes[at]))
        at++;
    return at;
}

/* Behind an escape and what it escapes. */
static size_t step_over_escaped(const walker *w, size_t at, record *r)
{
    if (at + 1 >= w->n_bytes)
        return w->n_bytes;
    uint8_t byte = w->bytes[at + 1];
    r->n_escaped += byte == w->rules.quote || byte == w->rules.delimiter ||
                    sheaf__is_line_end(byte);
    return sheaf__is_line_end(byte) ? behind_line_end(w->bytes, w->n_bytes, at + 1) : at + 2;
}

/* ---- fields ---- */

static bool ends_field(const walker *w, size_t at)
{
    return at >= w->n_bytes || w->bytes[at] == w->rules.delimiter ||
           sheaf__is_line_end(w->bytes[at]);
}

/*
 * The quoted field whose text begins at `at`: where the closing quote stands. False: that was no
 * opening quote.
 */
static bool find_closing_quote(walker *w, size_t at, size_t *closing, size_t *behind, record *r)
{
    bool has_line_end = false;
    bool has_lone = false;
    size_t from = at;
    uint32_t n_escaped = r->n_escaped;
    for (;;) {
        at = run(w, at, STOPS_QUOTED);
        if (at >= w->n_bytes)
            break;
        uint8_t byte = w->bytes[at];
        if (byte == w->rules.escape) {
            at = step_over_escaped(w, at, r);
        } else if (byte != w->rules.quote) {
            has_line_end = true;
            at++;
        } else if (at + 1 < w->n_bytes && w->bytes[at + 1] == w->rules.quote) {
            at += 2;
        } else {
            *closing = at;
            *behind = w->rules.padding ? skip_blanks(w, at + 1) : at + 1;
            if (ends_field(w, *behind)) {
                r->has_lone |= has_lone;
                return true;
            }
            has_lone = true;
            at++;
        }
        if (has_lone && has_line_end)
            break;
    }
    r->is_cut |= at >= w->n_bytes && !w->at_end;
    r->n_escaped = n_escaped;
    w->work -= at - from < w->work ? at - from : w->work;
    return false;
}

static size_t find_plain_end(walker *w, size_t at, record *r)
{
    for (;;) {
        at = run(w, at, STOPS_PLAIN);
        if (at >= w->n_bytes || w->bytes[at] != w->rules.escape)
            return at;
        at = step_over_escaped(w, at, r);
    }
}

static void add_cell(walker *w, record *r, size_t begin, size_t end, bool is_quoted)
{
    if (r->n_fields < SHEAF__CELLS_MAX) {
        r->cells[r->n_fields] = (sheaf__cell){w->bytes + begin, end - begin, is_quoted};
        while (begin < end && (w->bytes[begin] == ' ' || w->bytes[begin] == '\t'))
            begin++;
        r->n_filled += begin < end;
    }
    r->n_fields++;
}

/* The field that begins at `at`. Returns where it ends: at a delimiter, a line end, or n_bytes. */
static size_t read_field(walker *w, size_t at, record *r)
{
    size_t begin = w->rules.padding ? skip_blanks(w, at) : at;
    if (begin < w->n_bytes && w->bytes[begin] == w->rules.quote) {
        size_t closing;
        size_t behind;
        if (w->work > 0 && find_closing_quote(w, begin + 1, &closing, &behind, r)) {
            bool is_padded = begin > at || behind > closing + 1;
            r->n_quoted++;
            r->n_padded += is_padded;
            r->n_tight += !is_padded && r->n_fields > 0;
            add_cell(w, r, begin + 1, closing, true);
            return behind;
        }
        r->is_broken = true;
    }
    size_t end = find_plain_end(w, at, r);
    add_cell(w, r, at, end, false);
    return end;
}

/* ---- records ---- */

static void skip_to_record(walker *w)
{
    while (w->at < w->n_bytes) {
        uint8_t byte = w->bytes[w->at];
        if (byte == w->rules.comment) {
            w->last_comment = w->at;
            w->n_comments++;
            w->at = sheaf__line_behind(w->bytes, w->n_bytes, w->at);
        } else if (sheaf__is_line_end(byte)) {
            w->at++;
        } else {
            return;
        }
    }
}

bool sheaf__walker_next(walker *w, record *r)
{
    skip_to_record(w);
    if (w->at >= w->n_bytes)
        return false;
    memset(r, 0, offsetof(record, cells));
    r->begin = w->at;
    for (;;) {
        w->at = read_field(w, w->at, r);
        if (w->at >= w->n_bytes || sheaf__is_line_end(w->bytes[w->at]))
            break;
        w->at++;
        if (w->at >= w->n_bytes) { /* the text ends with a delimiter */
            add_cell(w, r, w->at, w->at, false);
            break;
        }
    }
    r->is_ended = w->at < w->n_bytes;
    w->at = r->next = behind_line_end(w->bytes, w->n_bytes, w->at);
    return true;
}
