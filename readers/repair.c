/*
 * Repairs: see repair.h. What is repaired is read again, field by field, by the rules of
 * record/machine.h; nobody depends on the speed of that.
 */
#include "readers/repair.h"

#include "engine/core/utf8.h"
#include "readers/record/machine.h"
#include "readers/record/parser.h"
#include "readers/state.h"

/* One record's fields, on the way. */
typedef struct walk {
    const sheaf_dialect *dialect;
    size_t n_columns;
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
    w->has_content |= w->n_fields >= w->n_columns && w->first_content < n;
    w->n_fields++;
    if (w->batch) {
        sheaf__cell *cell = &w->batch->cells[w->batch->n_cells++];
        cell->offset_bytes = (uint32_t)w->batch->n_bytes;
        cell->n_bytes = n > 0 || w->quoted ? (uint32_t)n : SHEAF__NULL_CELL;
        w->batch->n_bytes += n;
    }
    begin_field(w);
}

static walk walk_of(const sheaf__reader *reader, sheaf__batch *batch)
{
    return (walk){
        .dialect = &reader->options.dialect, .n_columns = reader->n_columns, .batch = batch};
}

/* All of a record. False: it does not end where its bytes do, but in a quote. */
static bool walk_over(walk *w, const sheaf__record *rec, size_t literal)
{
    begin_field(w);
    for (size_t i = 0; i < rec->n_bytes; i++) {
        uint8_t byte = rec->bytes[i];
        sheaf__step step = i == literal ? sheaf__machine_text(&w->machine, SHEAF__PLAIN)
                                        : sheaf__machine_step(&w->machine, byte, w->dialect);
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
    walk w = walk_of(reader, NULL);
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
    walk counted = walk_of(reader, NULL);
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
    walk filled = walk_of(reader, batch);
    (void)walk_over(&filled, rec, fault->at);
    return SHEAF_OK;
}

/* The fixes that make a row of it, if its quote is text where `literal` says so; 0: none do. */
static unsigned fixes_for(const sheaf__fault *fault, const sheaf__record *rec, size_t literal)
{
    unsigned quotes = literal == SHEAF__NOT_LITERAL ? 0 : SHEAF_FIX_QUOTES;
    walk w = {.dialect = &fault->dialect, .n_columns = fault->n_columns};
    if (!walk_over(&w, rec, literal) || w.machine.escaping == SHEAF__ESCAPED || w.has_content ||
        sheaf__utf8_valid_prefix(rec->bytes, rec->n_bytes) < rec->n_bytes)
        return 0;
    return quotes | (w.n_fields < w.n_columns   ? SHEAF_FIX_PAD
                     : w.n_fields > w.n_columns ? SHEAF_FIX_TRIM
                                                : 0);
}

bool sheaf__repair_would_trim(const sheaf__fault *fault, const uint8_t *raw)
{
    sheaf__record rec = {.bytes = raw, .n_bytes = fault->n_raw};
    return fixes_for(fault, &rec, SHEAF__NOT_LITERAL) == SHEAF_FIX_TRIM;
}

const char *sheaf__repair_advice(const sheaf__fault *fault, const uint8_t *raw)
{
    static const char *const names[] = {[SHEAF_FIX_PAD] = "pad",
                                        [SHEAF_FIX_TRIM] = "trim",
                                        [SHEAF_FIX_QUOTES] = "quotes",
                                        [SHEAF_FIX_QUOTES | SHEAF_FIX_PAD] = "pad,quotes",
                                        [SHEAF_FIX_QUOTES | SHEAF_FIX_TRIM] = "trim,quotes"};
    sheaf__record rec = {.bytes = raw, .n_bytes = fault->n_raw};
    unsigned fixes = 0;
    if (fault->record == 0) /* nobody repairs a header */
        return NULL;
    if (fault->status == SHEAF_ESHAPE) {
        fixes = fault->n_found < fault->n_expected ? SHEAF_FIX_PAD /* whatever is in its fields */
                                                   : fixes_for(fault, &rec, SHEAF__NOT_LITERAL);
    } else if (fault->status == SHEAF_EQUOTE) {
        size_t line_end = fault->at;
        while (line_end < fault->n_raw && raw[line_end] != '\n' && raw[line_end] != '\r')
            line_end++;
        rec.n_bytes = line_end;
        fixes = fixes_for(fault, &rec, fault->at);
    }
    return fixes & ~fault->fixes ? names[fixes] : NULL;
}

void sheaf__repair_count(sheaf_repairs *repairs, unsigned done)
{
    repairs->records += done != 0;
    repairs->padded += (done & SHEAF_FIX_PAD) != 0;
    repairs->trimmed += (done & SHEAF_FIX_TRIM) != 0;
    repairs->unquoted += (done & SHEAF_FIX_QUOTES) != 0;
}
