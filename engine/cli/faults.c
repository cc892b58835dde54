/*
 * Records that were set aside, as `ingest`, `cat`, `count` and `schema` tell of them.
 *
 * A file may be left out after records of it were set aside: it is damaged further on, or most of
 * its records have faults. Nothing of it is kept then. So what there is to say of a file's records
 * waits until it is known what became of the file; at most HELD_MAX of them wait, the others are
 * only counted. Of a file whose rows cannot be taken back it is known at once: who reads a stream
 * that never ends sees what is set aside of it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

enum { HELD_MAX = 4096 };

struct held_fault {
    kind_of_fault *kind;
    sheaf_error error;
};

static kind_of_fault *kind_of(kind_of_fault *kinds, size_t *n_kinds, const char *code)
{
    for (size_t i = 0; i < *n_kinds; i++)
        if (strcmp(kinds[i].code, code) == 0)
            return &kinds[i];
    if (*n_kinds == FAULTS_MAX) /* there are not so many codes */
        return &kinds[FAULTS_MAX - 1];
    kind_of_fault *made = &kinds[(*n_kinds)++];
    snprintf(made->code, sizeof made->code, "%s", code);
    return made;
}

kind_of_fault *count_fault(kind_of_fault *kinds, size_t *n_kinds, const char *code,
                           const sheaf_file *file)
{
    kind_of_fault *kind = kind_of(kinds, n_kinds, code);
    kind->n++;
    kind->n_files += kind->last_file != file;
    kind->last_file = file;
    return kind;
}

static bool grow(faults_held *held)
{
    if (held->n < held->capacity)
        return true;
    size_t capacity = held->capacity > 0 ? 2 * held->capacity : 16;
    struct held_fault *items = held->n < HELD_MAX ? realloc(held->items, capacity * sizeof *items)
                                                  : NULL;
    if (!items)
        return false;
    held->items = items;
    held->capacity = capacity;
    return true;
}

/* The first of each kind is told, with --verbose all that there is room for. */
void report_on_reject(void *context, const sheaf_reject *reject)
{
    reporter *self = context;
    kind_of_fault *kind = kind_of(self->faults, &self->n_faults, reject->code);
    bool is_first = kind->n + kind->n_waiting == 0;
    kind->n_waiting++;
    if (!self->args->quiet && (self->args->verbose || is_first) && grow(&self->held))
        self->held.items[self->held.n++] = (struct held_fault){kind, *reject->error};
    self->held.file = reject->file;
    if (reject->is_final && !self->args->ingest.quarantine) /* which is there if the run succeeds */
        faults_settle(self, true);
}

static void tell(struct held_fault *fault)
{
    char text[4096];
    sheaf_error_format(&fault->error, text, sizeof text);
    static const char prefix[] = "error: "; /* which the library begins with */
    fprintf(stderr, "set aside: %s", text + strlen(prefix));
    fault->kind->n_told++;
}

void faults_settle(reporter *self, bool are_set_aside)
{
    size_t n_told = are_set_aside ? self->held.n : 0;
    if (n_told > 0)
        progress_hide();
    for (size_t i = 0; i < n_told; i++)
        tell(&self->held.items[i]);
    if (n_told > 0)
        progress_show();
    self->held.n = 0;
    for (size_t i = 0; i < self->n_faults; i++) {
        kind_of_fault *kind = &self->faults[i];
        if (are_set_aside && kind->n_waiting > 0) {
            kind->n += kind->n_waiting;
            kind->n_files += kind->last_file != self->held.file;
            kind->last_file = self->held.file;
        }
        kind->n_waiting = 0;
    }
    while (self->n_faults > 0 && self->faults[self->n_faults - 1].n == 0)
        self->n_faults--; /* only a file had it that is left out */
}

void faults_abandon(reporter *self)
{
    for (size_t i = 0; i < self->held.n; i++)
        self->held.items[i].error.hint[0] = '\0';
    faults_settle(self, true);
}

void report_folded(const reporter *self)
{
    const char *who = self->args->verbose ? "sheaf check" : "--verbose";
    for (size_t i = 0; i < self->n_faults && !self->args->quiet; i++) {
        const kind_of_fault *kind = &self->faults[i];
        if (kind->n > kind->n_told)
            fprintf(stderr, "and %s more like this (%s), in %s %s: %s tells of each\n",
                    count_of(kind->n - kind->n_told).text, kind->code, count_of(kind->n_files).text,
                    plural(kind->n_files, "file", "files"), who);
    }
    if (self->n_skipped > self->n_skipped_shown && !self->args->quiet)
        fprintf(stderr, "and %s more files skipped: --verbose tells of each\n",
                count_of(self->n_skipped - self->n_skipped_shown).text);
}
