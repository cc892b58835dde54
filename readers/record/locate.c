/* One state machine, byte by byte, and three questions to it: see locate.h. */
#include "readers/record/locate.h"

typedef enum walk_state {
    FIELD_START, /* nothing of the field was seen */
    PLAIN,       /* in a field without quotes */
    QUOTED,      /* in a quoted field */
    QUOTE_SEEN /* in a quoted field, behind a quote: its end, or the first half of a doubled one */
} walk_state;

typedef struct walk {
    walk_state state;
    char delimiter;
    sheaf__place here;
    sheaf__place opened; /* the last quote that opened a field */
    uint8_t before;      /* the byte before this one */
} walk;

static void end_field(walk *w)
{
    w->state = FIELD_START;
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
    case FIELD_START:
        if (byte == '"' && byte != (uint8_t)w->delimiter) {
            w->opened = w->here;
            w->state = QUOTED;
        } else if (byte == (uint8_t)w->delimiter) {
            end_field(w);
        } else {
            w->state = PLAIN;
        }
        break;
    case PLAIN:
        if (byte == (uint8_t)w->delimiter)
            end_field(w);
        break;
    case QUOTED:
        if (byte == '"')
            w->state = QUOTE_SEEN;
        break;
    case QUOTE_SEEN:
        if (byte == (uint8_t)w->delimiter)
            end_field(w);
        else
            w->state = separates ? FIELD_START : QUOTED;
        break;
    }
    w->here.at++;
    count_line(w, byte);
    w->before = byte;
}

sheaf__place sheaf__locate_byte(const uint8_t *record, size_t n_bytes, char delimiter, size_t at)
{
    walk w = {.delimiter = delimiter};
    while (w.here.at < at && w.here.at < n_bytes)
        step(&w, record[w.here.at]);
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
    while (w.here.at < n_bytes)
        step(&w, record[w.here.at]);
    *place = w.opened;
    return w.state == QUOTED;
}
