/*
 * Repairs: see repair.h. What is repaired is read again, field by field, by the rules of
 * record/machine.h; nobody depends on the speed of that.
 */
#include "readers/repair.h"

#include "readers/record/machine.h"
#include "readers/record/parser.h"
#include "readers/state.h"

/* One record's fields, on the way. */
typedef struct walk {
    const sheaf__reader *reader;
    sheaf__machine machine;
    sheaf__batch *batch;  /* where they go, if there is room for all of them; or NULL */
    size_t n_fields;      /* that have ended */
    size_t n_text;        /* bytes of this one */
    size_t first_content; /* the first of them that is not blank */
    bool quoted;
    bool has_content; /* one beyond the last column has */
} walk;

static void begin_field(walk *w)
{
    w->machine.n_held = w->n_text = 0;
    w->first_content = SIZE_MAX;
    w->quoted = false;
}

static void add_text(walk *w, uint8_t byte)
{
    bool is_blank = byte == ' ' || byte == '\t';
    if (!is_blank && w->first_content == SIZE_MAX)
        w->first_content = w->n_text;
    if (w->batch)
        w->batch->bytes[w->batch->n_bytes + w->n_text] = byte;
    w->n_text++;
}

static void end_field(walk *w)
{
    size_t n = w->n_text - w->machine.n_held;
    w->has_content |= w->n_fields >= w->reader->n_columns && w->first_content < n;
    w->n_fields++;
    if (w->batch) {
        sheaf__cell *cell = &w->batch->cells[w->batch->n_cells++];
        cell->offset_bytes = (uint32_t)w->batch->n_bytes;
        cell->n_bytes = n > 0 || w->quoted ? (uint32_t)n : SHEAF__NULL_CELL;
        w->batch->n_bytes += n;
    }
    begin_field(w);
}

/* All of a record. False: it does not end where its bytes do, but in a quote. */
static bool walk_over(walk *w, const sheaf__record *rec, size_t literal)
{
    const sheaf_dialect *dialect = &w->reader->options.dialect;
    begin_field(w);
    for (size_t i = 0; i < rec->n_bytes; i++) {
        uint8_t byte = rec->bytes[i];
        sheaf__step step = i == literal ? sheaf__machine_text(&w->machine, SHEAF__PLAIN)
                                        : sheaf__machine_step(&w->machine, byte, dialect);
        w->quoted |= w->machine.state == SHEAF__QUOTED;
        if (step == SHEAF__STEP_RECORD)
            return false;
        if (step == SHEAF__STEP_TEXT)
            add_text(w, byte);
        else if (step == SHEAF__STEP_FIELD)
            end_field(w);
    }
    if (w->machine.state == SHEAF__QUOTED)
        return false;
    end_field(w);
    return true;
}

/* The last fields, which are not there, are null. */
static sheaf_status pad(const sheaf__reader *reader, const sheaf__record *rec, sheaf__batch *batch)
{
    size_t n_lacking = reader->n_columns - rec->n_fields;
    if (!batch)
        return SHEAF_OK;
    if (sheaf__batch_reserve(batch, 0, n_lacking) < 0)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < n_lacking; i++)
        sheaf__batch_add_unsafe(batch, NULL, 0);
    return SHEAF_OK;
}

static bool has_content_beyond(const sheaf__reader *reader, const sheaf__record *rec,
                               size_t literal)
{
    walk w = {.reader = reader};
    (void)walk_over(&w, rec, literal); /* an escape at the end of the text is content */
    return w.has_content || w.machine.escaping == SHEAF__ESCAPED;
}

sheaf_status sheaf__repair_shape(const sheaf__reader *reader, const sheaf__record *rec,
                                 size_t literal, sheaf__batch *batch, unsigned *done)
{
    unsigned wanted = rec->n_fields < reader->n_columns ? SHEAF_FIX_PAD : SHEAF_FIX_TRIM;
    if (!(reader->options.fixes & wanted))
        return SHEAF_END;
    *done |= wanted;
    if (wanted == SHEAF_FIX_PAD)
        return pad(reader, rec, batch);
    if (has_content_beyond(reader, rec, literal))
        return SHEAF_END;
    if (batch)
        batch->n_cells -= rec->n_fields - reader->n_columns;
    return SHEAF_OK;
}

sheaf_status sheaf__repair_quote(sheaf__reader *reader, sheaf__record *rec, size_t *line_end,
                                 sheaf__batch *batch, unsigned *done)
{
    sheaf__window *window = &reader->window;
    const sheaf__fault *fault = &reader->fault;
    bool is_open = fault->status == SHEAF_EQUOTE || fault->open;
    if (!is_open || !(reader->options.fixes & SHEAF_FIX_QUOTES))
        return SHEAF_END;
    sheaf__reader_go_to_quote(reader);
    if (!sheaf__window_find_line(window, line_end))
        return SHEAF_END; /* the line alone is over the limit */
    bool lone_cr;
    size_t n_end = sheaf__window_line_end(window, *line_end, &lone_cr);
    *rec = (sheaf__record){.bytes = window->bytes + window->record,
                           .n_bytes = *line_end - n_end - window->record};
    walk counted = {.reader = reader};
    if (rec->n_bytes > reader->options.record_bytes_max || !walk_over(&counted, rec, fault->at) ||
        counted.machine.escaping == SHEAF__ESCAPED || counted.n_fields > SHEAF__FIELDS_MAX)
        return SHEAF_END;
    rec->n_fields = counted.n_fields;
    *done |= SHEAF_FIX_QUOTES;
    if (!batch)
        return SHEAF_OK;
    sheaf_status status = sheaf__batch_reserve(batch, rec->n_bytes, rec->n_fields);
    if (status < 0)
        return status == SHEAF_ELIMIT ? SHEAF_END : status;
    walk filled = {.reader = reader, .batch = batch};
    (void)walk_over(&filled, rec, fault->at);
    return SHEAF_OK;
}

void sheaf__repair_count(sheaf_repairs *repairs, unsigned done)
{
    repairs->records += done != 0;
    repairs->padded += (done & SHEAF_FIX_PAD) != 0;
    repairs->trimmed += (done & SHEAF_FIX_TRIM) != 0;
    repairs->unquoted += (done & SHEAF_FIX_QUOTES) != 0;
}
