/*
 * Globs, matched name by name while the tree is walked.
 *
 * A glob is a row of names, and matching is the simulation of a nondeterministic automaton over
 * them: the set of places that can be reached with the names from the base down to a directory.
 * "**" stays where it is with every name and is also passed with none. So a step costs at most one
 * fnmatch() for each name of the glob, however many "**" it has (trying them one after the other
 * would take exponential time), and an empty set says that nothing below a directory can match: it
 * is not even opened.
 *
 * Invariants: no two "**" stand side by side; a set that holds the place of a "**" holds the next
 * one too.
 *
 * fnmatch() obeys the locale of the process. It is always asked in C.UTF-8, so that the same glob
 * gives the same files everywhere: '?' is a character, ranges go by code point, a byte that is not
 * UTF-8 still matches '*' and '?'. A system without C.UTF-8 gets "C", where '?' is a byte.
 */
#include "engine/discover/glob.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <locale.h>
#include <string.h>

#include "engine/core/arena.h"
#include "engine/core/error.h"

typedef enum name_kind { LITERAL, PATTERN, ANY_DEPTH } name_kind;

typedef struct glob_name {
    name_kind kind;
    char *text;
} glob_name;

struct sheaf__glob {
    char *base;
    size_t n_names;
    glob_name *names;
    locale_t locale;
};

/* ---- taking it apart ---- */

static bool has_wildcard(const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++) {
        if (text[i] == '\\')
            i++;
        else if (text[i] == '*' || text[i] == '?' || text[i] == '[')
            return true;
    }
    return false;
}

bool sheaf__glob_is(const char *text)
{
    return has_wildcard(text, strlen(text));
}

/* Remove the backslashes, as the shell does. */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        if (*from == '\\' && *++from == '\0')
            break;
        *to++ = *from;
    }
    *to = '\0';
}

static name_kind kind_of(const char *name)
{
    if (strcmp(name, "**") == 0)
        return ANY_DEPTH;
    return has_wildcard(name, strlen(name)) ? PATTERN : LITERAL;
}

/* How much of the text stands before the first name with a wildcard. There is one. */
static size_t base_length(const char *text)
{
    size_t begin = 0;
    for (;;) {
        size_t n_bytes = strcspn(text + begin, "/");
        if (has_wildcard(text + begin, n_bytes) || text[begin + n_bytes] == '\0')
            return begin;
        begin += n_bytes + 1;
    }
}

/* Append a name, unless it changes nothing. */
static sheaf_status append_name(sheaf__glob *glob, char *text, sheaf_error *err)
{
    name_kind kind = kind_of(text);
    if (text[0] == '\0' || strcmp(text, ".") == 0)
        return SHEAF_OK;
    if (strcmp(text, "..") == 0) {
        sheaf_error_set(err, SHEAF_EINVAL, "a glob cannot have '..' after a wildcard");
        return SHEAF_EINVAL;
    }
    if (kind == ANY_DEPTH && glob->n_names > 0 && glob->names[glob->n_names - 1].kind == ANY_DEPTH)
        return SHEAF_OK;
    if (kind == LITERAL)
        unescape(text);
    glob->names[glob->n_names++] = (glob_name){.kind = kind, .text = text};
    return SHEAF_OK;
}

static sheaf_status parse(sheaf__glob *glob, const char *text, sheaf_arena *arena, sheaf_error *err)
{
    size_t n_base = base_length(text);
    size_t n_names_max = 1;
    for (const char *c = text + n_base; *c; c++)
        n_names_max += *c == '/';
    glob->base = sheaf__arena_copy(arena, text, n_base);
    glob->names = sheaf_arena_new(arena, glob_name, n_names_max);
    char *rest = sheaf__arena_copy(arena, text + n_base, strlen(text + n_base));
    if (!glob->base || !glob->names || !rest)
        return sheaf__error_memory(err, "a glob");
    unescape(glob->base);
    char *name = NULL;
    while ((name = strsep(&rest, "/"))) {
        sheaf_status status = append_name(glob, name, err);
        if (status < 0)
            return status;
        if (!rest && (name[0] == '\0' || strcmp(name, ".") == 0)) {
            sheaf_error_set(err, SHEAF_EINVAL,
                            "the glob ends like a directory, and globs give files");
            sheaf_error_hint(err, "end it with '*.csv', or with '**/*.csv' for all files below");
            return SHEAF_EINVAL;
        }
    }
    return SHEAF_OK;
}

sheaf_status sheaf__glob_create(const char *text, sheaf_arena *arena, sheaf__glob **out,
                                sheaf_error *err)
{
    *out = NULL;
    if (strlen(text) >= PATH_MAX)
        return sheaf__error_system(err, ENAMETOOLONG, "cannot use this glob", text);
    sheaf__glob *glob = sheaf_arena_new(arena, sheaf__glob, 1);
    if (!glob)
        return sheaf__error_memory(err, "a glob");
    *glob = (sheaf__glob){.n_names = 0};
    sheaf_status status = parse(glob, text, arena, err);
    if (status < 0) {
        sheaf__error_source(err, text);
        return status;
    }
    glob->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", NULL);
    if (!glob->locale)
        glob->locale = newlocale(LC_CTYPE_MASK, "C", NULL);
    if (!glob->locale)
        return sheaf__error_memory(err, "a glob");
    *out = glob;
    return SHEAF_OK;
}

void sheaf__glob_destroy(sheaf__glob *glob)
{
    if (glob)
        freelocale(glob->locale);
}

const char *sheaf__glob_base(const sheaf__glob *glob)
{
    return glob->base;
}

/* ---- matching ---- */

enum { WORD_BITS = 64 };

size_t sheaf__glob_words(const sheaf__glob *glob)
{
    return (glob->n_names + WORD_BITS - 1) / WORD_BITS;
}

static bool has_place(const uint64_t *places, size_t place)
{
    return places[place / WORD_BITS] >> (place % WORD_BITS) & 1;
}

/* Add a place, and with that of a "**" the next one. The end of the glob is no place. */
static void add_place(const sheaf__glob *glob, uint64_t *places, size_t place)
{
    if (place >= glob->n_names)
        return;
    places[place / WORD_BITS] |= UINT64_C(1) << (place % WORD_BITS);
    if (glob->names[place].kind == ANY_DEPTH)
        add_place(glob, places, place + 1);
}

void sheaf__glob_begin(const sheaf__glob *glob, uint64_t *places)
{
    memset(places, 0, sheaf__glob_words(glob) * sizeof *places);
    add_place(glob, places, 0);
}

/* Returns 0 for a match, FNM_NOMATCH, or what else fnmatch() may return when it has no memory. */
static int match_name(const sheaf__glob *glob, const glob_name *with, const char *name, bool dots)
{
    if (with->kind == LITERAL)
        return strcmp(with->text, name) == 0 ? 0 : FNM_NOMATCH;
    if (with->kind == ANY_DEPTH)
        return name[0] == '.' && !dots ? FNM_NOMATCH : 0;
    locale_t before = uselocale(glob->locale);
    int result = fnmatch(with->text, name, dots ? 0 : FNM_PERIOD);
    uselocale(before);
    return result;
}

sheaf_status sheaf__glob_step(const sheaf__glob *glob, const uint64_t *places, const char *name,
                              bool dots, uint64_t *below, sheaf__glob_match *match,
                              sheaf_error *err)
{
    *match = (sheaf__glob_match){.file = false};
    memset(below, 0, sheaf__glob_words(glob) * sizeof *below);
    for (size_t place = 0; place < glob->n_names; place++) {
        if (!has_place(places, place))
            continue;
        int result = match_name(glob, &glob->names[place], name, dots);
        if (result == FNM_NOMATCH)
            continue;
        if (result != 0)
            return sheaf__error_memory(err, "matching a glob");
        bool is_last = place + 1 == glob->n_names;
        bool stays = glob->names[place].kind == ANY_DEPTH;
        match->file |= is_last;
        match->directory |= stays || !is_last;
        add_place(glob, below, stays ? place : place + 1);
    }
    return SHEAF_OK;
}
