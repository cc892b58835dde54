/* The ledger of a file, read: see sidecar.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/ledger/content.h"
#include "engine/ledger/entry.h"
#include "engine/ledger/json_line.h"
#include "engine/ledger/sidecar.h"

/* A line, as far as it was read. */
typedef struct line {
    sheaf__ledger *ledger; /* texts are copied into its arena */
    bool is_header;
    bool has_no_memory;
    bool has_names;
    sheaf__generation before;
    sheaf__generation after;
    sheaf__ledger_file file;
    sheaf__ledger_column column;
    char in; /* the second letter of before, after or both */
} line;

static bool is_named(const sheaf__json_member *member, const char *name)
{
    return strcmp(member->name, name) == 0;
}

static bool read_generation(sheaf__generation *generation, const char *what,
                            const sheaf__json_member *member)
{
    if (strcmp(what, "size") == 0) {
        generation->exists = !member->is_null;
        generation->is_known = member->is_null || member->number >= 0;
        generation->size_bytes = (uint64_t)member->number;
    } else if (strcmp(what, "content") == 0) {
        return member->is_null ||
               (member->text && sheaf__ledger_content_read(member->text, &generation->content));
    } else if (strcmp(what, "quarantine") == 0) {
        generation->quarantine_bytes = (uint64_t)member->number;
    }
    return true;
}

/* Texts are the line's, which is read into again. */
static const char *copy(line *self, const sheaf__json_member *member)
{
    const char *made = sheaf__arena_copy(self->ledger->arena, member->text, member->n_text);
    self->has_no_memory |= !made;
    return made;
}

static bool read_entry(line *self, size_t column, const sheaf__json_member *member)
{
    sheaf__entry_value value = {.is_null = member->is_null, .number = member->number};
    if (member->text)
        value.text = copy(self, member);
    return !self->has_no_memory && sheaf__entry_set(&self->file, column, &value);
}

static bool on_member(void *context, const sheaf__json_member *member)
{
    static const char before[] = "before_";
    static const char after[] = "after_";
    line *self = context;
    if (is_named(member, "sheaf_ledger")) {
        self->is_header = member->number == 1;
        return self->is_header;
    }
    size_t column = sheaf__entry_find(member->name);
    if (column < SHEAF__ENTRY_COLUMNS)
        return read_entry(self, column, member);
    if (is_named(member, "has_names"))
        self->has_names = member->number;
    if (strncmp(member->name, before, strlen(before)) == 0)
        return read_generation(&self->before, member->name + strlen(before), member);
    if (strncmp(member->name, after, strlen(after)) == 0)
        return read_generation(&self->after, member->name + strlen(after), member);
    if (is_named(member, "in") && member->text)
        self->in = member->n_text > 1 ? member->text[1] : '\0';
    if (!is_named(member, "column") || !member->text)
        return true;
    self->column = (sheaf__ledger_column){.name = copy(self, member), .n_name = member->n_text};
    return self->column.name;
}

/* ---- which of them is in force ---- */

typedef struct reading {
    sheaf__sidecar *sidecar;
    sheaf__ledger *ledger;
    bool is_after; /* in force is what it tells of as "after" */
} reading;

static sheaf_status no_ledger(const sheaf__sidecar *sidecar, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EIO, "this is no ledger that this version of sheaf can read");
    sheaf__error_source(err, sidecar->path);
    sheaf_error_hint(err, "move it away and load anew: --if-exists replace");
    return SHEAF_EIO;
}

static sheaf_status neither(const sheaf__sidecar *sidecar, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_ECHANGED,
                    "the destination is not what its ledger tells of: it was changed since");
    sheaf__error_source(err, sidecar->destination);
    sheaf_error_hint(err, "put it back as it was, or load anew: --if-exists replace");
    return SHEAF_ECHANGED;
}

static bool is_it(const sheaf__generation *told, const struct stat *st, uint64_t content)
{
    return told->exists && told->is_known && told->size_bytes == (uint64_t)st->st_size &&
           told->content == content;
}

/* The destination exists: which generation is it? */
static sheaf_status choose(reading *self, const line *header, const struct stat *st,
                           sheaf_error *err)
{
    uint64_t content;
    sheaf_status status = sheaf__content_of(self->sidecar->destination, NULL, (uint64_t)st->st_size,
                                            &content, err);
    if (status < 0)
        return status;
    self->is_after = is_it(&header->after, st, content);
    if (!self->is_after && !is_it(&header->before, st, content))
        return neither(self->sidecar, err);
    self->sidecar->before = self->is_after ? header->after : header->before;
    self->ledger->has_names = header->has_names;
    self->ledger->is_known = true;
    return SHEAF_OK;
}

static sheaf_status read_line(reading *self, char *text, size_t n_bytes, bool is_first,
                              const struct stat *st, sheaf_error *err)
{
    line made = {.ledger = self->ledger, .file = sheaf__ledger_file_init()};
    bool is_good = sheaf__json_line(text, n_bytes, on_member, &made);
    if (made.has_no_memory)
        return sheaf__error_memory(err, "a ledger");
    if (!is_good || made.is_header != is_first)
        return no_ledger(self->sidecar, err);
    if (is_first)
        return choose(self, &made, st, err);
    if (made.in == (self->is_after ? 'e' : 'f'))
        return SHEAF_OK; /* of the other generation alone */
    if (made.file.file && made.file.path)
        return sheaf__ledger_add(self->ledger, &made.file, err);
    return made.column.name ? sheaf__ledger_add_column(self->ledger, &made.column, err)
                            : no_ledger(self->sidecar, err);
}

static sheaf_status read_lines(reading *self, FILE *file, const struct stat *st, sheaf_error *err)
{
    char *text = NULL;
    size_t capacity = 0;
    bool is_first = true;
    sheaf_status status = SHEAF_OK;
    for (ssize_t n; status == SHEAF_OK && (n = getline(&text, &capacity, file)) >= 0;) {
        status = read_line(self, text, (size_t)n, is_first, st, err);
        is_first = false;
    }
    if (status == SHEAF_OK && !feof(file)) /* an error, or there was no memory for a line */
        status = sheaf__error_system(err, errno, "cannot read the ledger", self->sidecar->path);
    else if (status == SHEAF_OK && is_first)
        status = no_ledger(self->sidecar, err);
    free(text);
    return status;
}

sheaf_status sheaf__sidecar_read(sheaf__sidecar *sidecar, sheaf__ledger *ledger, sheaf_error *err)
{
    struct stat st;
    reading self = {.sidecar = sidecar, .ledger = ledger};
    ledger->exists = stat(sidecar->destination, &st) == 0;
    if (!ledger->exists && !sheaf__path_is_absent(errno))
        return sheaf__error_system(err, errno, "cannot examine the destination",
                                   sidecar->destination);
    sidecar->before = (sheaf__generation){.exists = ledger->exists, .is_known = !ledger->exists};
    if (!ledger->exists || !S_ISREG(st.st_mode))
        return SHEAF_OK; /* whatever is told of one that is not there */
    FILE *file = fopen(sidecar->path, "re");
    if (!file)
        return errno == ENOENT
                   ? SHEAF_OK
                   : sheaf__error_system(err, errno, "cannot read the ledger", sidecar->path);
    sheaf_status status = read_lines(&self, file, &st, err);
    fclose(file);
    return status;
}
