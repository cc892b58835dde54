/* Questions to the state machine of machine.h: see locate.h. */
#include "readers/record/locate.h"

typedef sheaf__walk walk;

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
    bool was_start = w->machine.state == SHEAF__FIELD_START;
    sheaf__step step = sheaf__machine_step(&w->machine, byte, w->dialect);
    bool is_quoted = w->machine.state == SHEAF__QUOTED;
    if (step == SHEAF__STEP_FIELD || step == SHEAF__STEP_RECORD)
        w->machine.n_held = 0;
    if (was_start && is_quoted) {
        w->opened = w->here;
        w->has_line_end = w->has_lone_quote = false;
    }
    w->has_line_end |= is_quoted && sheaf__is_line_end(byte);
    w->has_lone_quote |= w->machine.lone_quote;
    if (w->has_line_end && w->has_lone_quote && !w->is_broken) {
        w->is_broken = true;
        w->broken = w->opened;
    }
    w->here.field += step == SHEAF__STEP_FIELD;
    w->here.at++;
    count_line(w, byte);
    w->before = byte;
}

void sheaf__walk_to(walk *w, const uint8_t *record, size_t n_bytes)
{
    while (w->here.at < n_bytes)
        step(w, record[w->here.at]);
}

sheaf__place sheaf__locate_byte(const uint8_t *record, size_t n_bytes, const sheaf_dialect *dialect,
                                size_t at)
{
    walk w = {.dialect = dialect};
    sheaf__walk_to(&w, record, at < n_bytes ? at : n_bytes);
    return w.here;
}

sheaf__place sheaf__locate_field(const uint8_t *record, size_t n_bytes,
                                 const sheaf_dialect *dialect, uint64_t field)
{
    walk w = {.dialect = dialect};
    while (w.here.at < n_bytes && w.here.field < field)
        step(&w, record[w.here.at]);
    return w.here;
}

bool sheaf__locate_open_quote(const uint8_t *record, size_t n_bytes, const sheaf_dialect *dialect,
                              sheaf__place *place)
{
    walk w = {.dialect = dialect};
    sheaf__walk_to(&w, record, n_bytes);
    *place = w.opened;
    return w.machine.state == SHEAF__QUOTED;
}
