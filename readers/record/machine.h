/*
 * The language of records, as one state machine, byte by byte: for places in a record (locate.h),
 * and for the dialects that libcsv does not know (by_byte.h).
 *
 * For a dialect that it does know the rules are libcsv's, without CSV_STRICT: a quote inside a
 * field that did not begin with one is text; in a field that did, a quote that is neither doubled
 * nor followed by the field's end is text, and the field goes on being quoted. Padding is what
 * libcsv drops by default. An escape makes the byte behind it text, whatever it is and wherever it
 * stands (an LF behind a CR that is escaped belongs to it).
 *
 * Every member of the dialect is known: none is 0.
 */
#ifndef SHEAF_RECORD_MACHINE_H
#define SHEAF_RECORD_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/dialect.h>

typedef enum sheaf__machine_state {
    SHEAF__FIELD_START, /* nothing of the field was seen */
    SHEAF__PLAIN,       /* in a field without quotes */
    SHEAF__QUOTED,      /* in a quoted field */
    SHEAF__QUOTE_SEEN   /* in one, behind a quote: its end, or the first half of a doubled one */
} sheaf__machine_state;

typedef enum sheaf__escaping {
    SHEAF__NO_ESCAPE,
    SHEAF__ESCAPED,
    SHEAF__CR_ESCAPED
} sheaf__escaping;

/* Begins as {0}. */
typedef struct sheaf__machine {
    sheaf__machine_state state;
    sheaf__escaping escaping; /* what is known of the next byte */
    size_t n_held;            /* so many of the field's last bytes are none of it if it ends here */
    bool lone_quote;          /* the last byte made a quote text that is not doubled */
} sheaf__machine;

/* What a byte is. */
typedef enum sheaf__step {
    SHEAF__STEP_NOTHING, /* no part of a value */
    SHEAF__STEP_TEXT,    /* of the field */
    SHEAF__STEP_FIELD,   /* the end of a field */
    SHEAF__STEP_RECORD   /* of the record, and of its last field */
} sheaf__step;

static inline bool sheaf__is_line_end(uint8_t byte)
{
    return byte == '\n' || byte == '\r';
}

static inline bool sheaf__is_padding(uint8_t byte, const sheaf_dialect *dialect)
{
    return dialect->padding > 0 && (byte == ' ' || byte == '\t');
}

/* The field ends with this byte, if a field may end here. */
static inline bool sheaf__machine_ends(sheaf__machine *m, uint8_t byte,
                                       const sheaf_dialect *dialect, sheaf__step *step)
{
    if (byte == dialect->delimiter)
        *step = SHEAF__STEP_FIELD;
    else if (sheaf__is_line_end(byte))
        *step = SHEAF__STEP_RECORD;
    else
        return false;
    m->state = SHEAF__FIELD_START;
    return true;
}

static inline sheaf__step sheaf__machine_text(sheaf__machine *m, sheaf__machine_state state)
{
    m->state = state;
    m->n_held = 0;
    return SHEAF__STEP_TEXT;
}

/* The byte behind an escape, and an LF behind a CR that was one. */
static inline sheaf__step sheaf__machine_escaped(sheaf__machine *m, uint8_t byte)
{
    m->escaping = m->escaping == SHEAF__ESCAPED && byte == '\r' ? SHEAF__CR_ESCAPED
                                                                : SHEAF__NO_ESCAPE;
    return sheaf__machine_text(m, m->state == SHEAF__QUOTED ? SHEAF__QUOTED : SHEAF__PLAIN);
}

static inline sheaf__step sheaf__machine_behind_quote(sheaf__machine *m, uint8_t byte,
                                                      const sheaf_dialect *dialect)
{
    sheaf__step step;
    if (sheaf__machine_ends(m, byte, dialect, &step))
        return step; /* what is held is dropped by whoever has it */
    if (byte == dialect->quote && m->n_held == 1) {
        m->state = SHEAF__QUOTED;
        m->n_held = 0;
        return SHEAF__STEP_NOTHING; /* the first half was text */
    }
    if (sheaf__is_padding(byte, dialect)) {
        m->n_held++;
        return SHEAF__STEP_TEXT;
    }
    m->lone_quote = true;
    if (byte == dialect->quote) { /* behind padding: it may be the one that closes */
        m->n_held = 1;
        return SHEAF__STEP_TEXT;
    }
    if (byte == dialect->escape) {
        m->state = SHEAF__QUOTED;
        m->escaping = SHEAF__ESCAPED;
        return SHEAF__STEP_NOTHING;
    }
    return sheaf__machine_text(m, SHEAF__QUOTED);
}

/*
 * The next byte. At a field's end, its last n_held bytes are no part of it; set n_held to 0 then.
 */
static inline sheaf__step sheaf__machine_step(sheaf__machine *m, uint8_t byte,
                                              const sheaf_dialect *dialect)
{
    sheaf__step step;
    m->lone_quote = false;
    if (m->escaping == SHEAF__ESCAPED || (m->escaping == SHEAF__CR_ESCAPED && byte == '\n'))
        return sheaf__machine_escaped(m, byte);
    m->escaping = SHEAF__NO_ESCAPE;
    if (m->state == SHEAF__QUOTE_SEEN)
        return sheaf__machine_behind_quote(m, byte, dialect);
    if (m->state != SHEAF__QUOTED && sheaf__machine_ends(m, byte, dialect, &step))
        return step;
    if (byte == dialect->escape) {
        m->escaping = SHEAF__ESCAPED;
        m->state = m->state == SHEAF__QUOTED ? SHEAF__QUOTED : SHEAF__PLAIN;
        return SHEAF__STEP_NOTHING;
    }
    if (byte == dialect->quote && m->state == SHEAF__FIELD_START) {
        m->state = SHEAF__QUOTED;
        return SHEAF__STEP_NOTHING;
    }
    if (byte == dialect->quote && m->state == SHEAF__QUOTED) {
        m->state = SHEAF__QUOTE_SEEN;
        m->n_held = 1;
        return SHEAF__STEP_TEXT;
    }
    if (m->state != SHEAF__QUOTED && sheaf__is_padding(byte, dialect)) {
        bool at_start = m->state == SHEAF__FIELD_START;
        m->n_held += !at_start;
        return at_start ? SHEAF__STEP_NOTHING : SHEAF__STEP_TEXT;
    }
    return sheaf__machine_text(m, m->state == SHEAF__QUOTED ? SHEAF__QUOTED : SHEAF__PLAIN);
}

#endif
