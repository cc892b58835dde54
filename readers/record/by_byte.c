/* A field is gathered in one buffer, which lives as long as the worker: see by_byte.h. */
#include "readers/record/by_byte.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP_BYTES = 1 << 20 };

bool sheaf__by_byte_is_for(const sheaf_dialect *dialect)
{
    return dialect->escape != SHEAF_NONE || dialect->quote == SHEAF_NONE || dialect->padding > 0;
}

static void know(sheaf__by_byte *self, const sheaf_dialect *dialect)
{
    const int bytes[] = {dialect->delimiter, dialect->quote, dialect->escape, '\n', '\r'};
    self->dialect = *dialect;
    memset(self->means, 0, sizeof self->means);
    for (size_t i = 0; i < sizeof bytes / sizeof bytes[0]; i++)
        if (bytes[i] >= 0)
            self->means[bytes[i]] = true;
    self->means[' '] |= dialect->padding > 0;
    self->means['\t'] |= dialect->padding > 0;
}

void sheaf__by_byte_begin(sheaf__by_byte *self, const sheaf_dialect *dialect)
{
    if (self->capacity > KEEP_BYTES)
        sheaf__by_byte_end(self);
    if (memcmp(&self->dialect, dialect, sizeof *dialect) != 0)
        know(self, dialect);
    self->machine = (sheaf__machine){0};
    self->n_bytes = 0;
    self->quoted = false;
}

void sheaf__by_byte_end(sheaf__by_byte *self)
{
    free(self->bytes);
    *self = (sheaf__by_byte){0};
}

/* Room for a line: no byte has to ask again. */
static sheaf_status reserve(sheaf__by_byte *self, size_t n_bytes)
{
    if (self->capacity - self->n_bytes >= n_bytes)
        return SHEAF_OK;
    size_t wanted = self->n_bytes + n_bytes;
    size_t capacity = wanted > self->capacity * 2 ? wanted : self->capacity * 2;
    uint8_t *bytes = realloc(self->bytes, capacity);
    if (!bytes)
        return SHEAF_ENOMEM;
    self->bytes = bytes;
    self->capacity = capacity;
    return SHEAF_OK;
}

/* The bytes from `from` on that mean nothing, and so are text as they stand. */
static inline size_t take_plain(sheaf__by_byte *self, const uint8_t *line, size_t from,
                                size_t n_bytes)
{
    sheaf__machine *machine = &self->machine;
    const bool *restrict means = self->means;
    uint8_t *restrict to = self->bytes + self->n_bytes;
    size_t i = from;
    if (machine->escaping == SHEAF__ESCAPED || machine->state == SHEAF__QUOTE_SEEN)
        return from;
    for (; i < n_bytes && !means[line[i]]; i++)
        *to++ = line[i];
    if (i == from)
        return from;
    machine->escaping = SHEAF__NO_ESCAPE;
    machine->lone_quote = false;
    (void)sheaf__machine_text(machine,
                              machine->state == SHEAF__QUOTED ? SHEAF__QUOTED : SHEAF__PLAIN);
    self->n_bytes += i - from;
    return i;
}

sheaf_status sheaf__by_byte_line(sheaf__by_byte *self, const uint8_t *line, size_t n_bytes,
                                 void (*on_field)(void *text, size_t n_bytes, void *context),
                                 void *context, bool *record_ended)
{
    sheaf__machine *machine = &self->machine;
    const sheaf_dialect *dialect = &self->dialect;
    *record_ended = false;
    if (reserve(self, n_bytes) < 0)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < n_bytes && !*record_ended; i++) {
        i = take_plain(self, line, i, n_bytes);
        if (i == n_bytes)
            break;
        sheaf__step step = sheaf__machine_step(machine, line[i], dialect);
        self->quoted |= machine->state == SHEAF__QUOTED;
        if (step == SHEAF__STEP_TEXT)
            self->bytes[self->n_bytes++] = line[i];
        if (step != SHEAF__STEP_FIELD && step != SHEAF__STEP_RECORD)
            continue;
        size_t n = self->n_bytes - machine->n_held;
        on_field(n > 0 || self->quoted ? self->bytes : NULL, n, context);
        *record_ended = step == SHEAF__STEP_RECORD;
        machine->n_held = self->n_bytes = 0;
        self->quoted = false;
    }
    return SHEAF_OK;
}

sheaf_status sheaf__by_byte_text_over(sheaf__by_byte *self)
{
    if (self->machine.escaping != SHEAF__ESCAPED)
        return SHEAF_OK;
    if (reserve(self, 1) < 0)
        return SHEAF_ENOMEM;
    self->bytes[self->n_bytes++] = (uint8_t)self->dialect.escape;
    self->machine.escaping = SHEAF__NO_ESCAPE;
    return SHEAF_OK;
}
