/* See database_names.h. */
#include "engine/table/database_names.h"

#include <stdio.h>
#include <string.h>

enum { NUMBER_BYTES = 16 };

/* A name that a column may get, and how it compares. */
typedef struct candidate {
    char *text;
    char *folded;
    size_t n_bytes;
} candidate;

/* Names that are there, folded: `given` are those that fit as they are, `own` what columns have. */
typedef struct choice {
    const sheaf__database_rules *rules;
    sheaf_arena *arena;
    sheaf__names given;
    sheaf__names own;
} choice;

size_t sheaf__name_cut(const char *name, size_t n_bytes, size_t n_max)
{
    if (n_bytes <= n_max)
        return n_bytes;
    while (n_max > 0 && ((unsigned char)name[n_max] & 0xC0) == 0x80)
        n_max--;
    return n_max;
}

static size_t room(const choice *self)
{
    return self->rules->bytes_max > 0 ? self->rules->bytes_max : SIZE_MAX;
}

static bool make_room(choice *self, size_t n_bytes, candidate *made)
{
    made->text = sheaf_arena_new(self->arena, char, n_bytes);
    made->folded = sheaf_arena_new(self->arena, char, n_bytes);
    return made->text && made->folded;
}

static bool make_usable(choice *self, const sheaf__name *name, candidate *usable)
{
    if (!make_room(self, name->n_bytes * 3 + 1, usable))
        return false;
    usable->n_bytes = sheaf__name_write(name->bytes, name->n_bytes, usable->text);
    for (size_t at = 0; at <= usable->n_bytes; at++) {
        char letter = usable->text[at];
        bool is_upper = self->rules->ignores_case && letter >= 'A' && letter <= 'Z';
        usable->folded[at] = (char)(letter + (is_upper ? 'a' - 'A' : 0));
    }
    return true;
}

static bool is_in(const sheaf__names *names, const candidate *name)
{
    return sheaf__names_find(names, name->folded, name->n_bytes) != SHEAF__NO_NAME;
}

static bool is_good(const choice *self, const candidate *name)
{
    const sheaf__database_rules *rules = self->rules;
    for (size_t i = 0; i < rules->n_taken; i++)
        if (strcmp(rules->taken[i], name->folded) == 0)
            return false;
    return name->n_bytes <= room(self) && !is_in(&self->own, name);
}

/* ---- made up ---- */

/* What fits of a name, and a number behind it; without one that is 1. */
static void spell(const choice *self, const candidate *name, uint32_t number, candidate *spelled)
{
    char suffix[NUMBER_BYTES] = "";
    if (number > 1)
        snprintf(suffix, sizeof suffix, "_%u", (unsigned)number);
    size_t n_suffix = strlen(suffix);
    size_t n = sheaf__name_cut(name->text, name->n_bytes, room(self) - n_suffix);
    memcpy(spelled->text, name->text, n);
    memcpy(spelled->folded, name->folded, n);
    memcpy(spelled->text + n, suffix, n_suffix + 1);
    memcpy(spelled->folded + n, suffix, n_suffix + 1);
    spelled->n_bytes = n + n_suffix;
}

/* Where the numbers of a name are counted: or very many columns of one would cost their square. */
static sheaf__name *base_of(choice *self, const candidate *name)
{
    uint32_t index = sheaf__names_find(&self->own, name->folded, name->n_bytes);
    if (index != SHEAF__NO_NAME)
        return &self->own.items[index];
    index = sheaf__names_find(&self->given, name->folded, name->n_bytes);
    return index != SHEAF__NO_NAME ? &self->given.items[index] : NULL;
}

/* One like it that is free. False: no memory. */
static bool make_up(choice *self, const candidate *name, candidate *made)
{
    if (!make_room(self, name->n_bytes + NUMBER_BYTES, made))
        return false;
    spell(self, name, 1, made);
    sheaf__name *base = base_of(self, made);
    uint32_t number = base && base->next_number > 2 ? base->next_number : 2;
    if (!base) /* it was too long, and no more */
        return true;
    do
        spell(self, name, number++, made);
    while (is_in(&self->given, made) || is_in(&self->own, made));
    base->next_number = number;
    return true;
}

/* ---- all of them ---- */

static bool choose(choice *self, const sheaf__names *columns, const char **names,
                   uint64_t *n_renamed)
{
    candidate *usable = sheaf_arena_new(self->arena, candidate, columns->n_items);
    if (!usable)
        return false;
    for (size_t i = 0; i < columns->n_items; i++)
        if (!make_usable(self, &columns->items[i], &usable[i]) ||
            (usable[i].n_bytes <= room(self) &&
             sheaf__names_add(&self->given, usable[i].folded, usable[i].n_bytes, NULL) ==
                 SHEAF__NO_NAME))
            return false;
    for (size_t i = 0; i < columns->n_items; i++) {
        candidate name = usable[i];
        if (!is_good(self, &name) && !make_up(self, &usable[i], &name))
            return false;
        if (sheaf__names_add(&self->own, name.folded, name.n_bytes, NULL) == SHEAF__NO_NAME)
            return false;
        const sheaf__name *was = &columns->items[i];
        *n_renamed += name.n_bytes != was->n_bytes || memcmp(name.text, was->bytes, name.n_bytes);
        names[i] = name.text;
    }
    return true;
}

bool sheaf__database_names(const sheaf__database_rules *rules, const sheaf__names *columns,
                           sheaf_arena *arena, const char **names, uint64_t *n_renamed)
{
    choice self = {.rules = rules, .arena = arena};
    sheaf__names_init(&self.given, arena);
    sheaf__names_init(&self.own, arena);
    bool made = choose(&self, columns, names, n_renamed);
    sheaf__names_end(&self.given);
    sheaf__names_end(&self.own);
    return made;
}
