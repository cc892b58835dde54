/* One state machine, byte by byte, and some questions to it: see locate.h. */
#include "readers/record/locate.h"

typedef sheaf__walk walk;

static void end_field(walk *w)
{
    w->state = SHEAF__FIELD_START;
    w->here.field++;
}

/* Where lines end: LF, CR LF, or CR alone, whether in quotes or not. */
static void count_line(walk *w, uint8_t byte)
{
    if (byte == '\n' && w->before == '\r')
        w->here.line_start = w->here.at;
    else if (byte == '\n' || byte == '\r') {
        w->here.line++;
        w->here.line_start = w->here.at;
    }
}

static void step(walk *w, uint8_t byte)
{
    bool separates = byte == (uint8_t)w->delimiter || byte == '\n' || byte == '\r';
    switch (w->state) {
    case SHEAF__FIELD_START:
        if (byte == '"' && byte != (uint8_t)w->delimiter) {
            w->opened = w->here;
            w->has_line_end = w->has_lone_quote = false;
            w->state = SHEAF__QUOTED;
        } else if (byte == (uint8_t)w->delimiter) {
            end_field(w);
        } else {
            w->state = SHEAF__PLAIN;
        }
        break;
    case SHEAF__PLAIN:
        if (byte == (uint8_t)w->delimiter)
            end_field(w);
        break;
    case SHEAF__QUOTED:
        if (byte == '"')
            w->state = SHEAF__QUOTE_SEEN;
        w->has_line_end |= separates && byte != (uint8_t)w->delimiter;
        break;
    case SHEAF__QUOTE_SEEN:
        if (byte == (uint8_t)w->delimiter)
            end_field(w);
        else
            w->state = separates ? SHEAF__FIELD_START : SHEAF__QUOTED;
        w->has_lone_quote |= w->state == SHEAF__QUOTED && byte != '"';
        break;
    }
    if (w->has_line_end && w->has_lone_quote && !w->is_broken) {
        w->is_broken = true;
        w->broken = w->opened;
    }
    w->here.at++;
    count_line(w, byte);
    w->before = byte;
}

void sheaf__walk_to(walk *w, const uint8_t *record, size_t n_bytes)
{
    while (w->here.at < n_bytes)
        step(w, record[w->here.at]);
}

sheaf__place sheaf__locate_byte(const uint8_t *record, size_t n_bytes, char delimiter, size_t at)
{
    walk w = {.delimiter = delimiter};
    sheaf__walk_to(&w, record, at < n_bytes ? at : n_bytes);
    return w.here;
}

sheaf__place sheaf__locate_field(const uint8_t *record, size_t n_bytes, char delimiter,
                                 uint64_t field)
{
    walk w = {.delimiter = delimiter};
    while (w.here.at < n_bytes && w.here.field < field)
        step(&w, record[w.here.at]);
    return w.here;
}

bool sheaf__locate_open_quote(const uint8_t *record, size_t n_bytes, char delimiter,
                              sheaf__place *place)
{
    walk w = {.delimiter = delimiter};
    sheaf__walk_to(&w, record, n_bytes);
    *place = w.opened;
    return w.state == SHEAF__QUOTED;
}
