/* What a dialect can be: see <sheaf/dialect.h>. */
#include "readers/dialect/check.h"

#include <stddef.h>

#include "engine/core/error.h"

enum { CHARACTERS = 4 };

static bool is_character(int value)
{
    return value > 0 && value < 0x80 && value != '\n' && value != '\r';
}

static bool is_choice(int64_t value, int64_t most)
{
    return value >= SHEAF_NONE && value <= most;
}

static sheaf_status refuse(const char *what, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "a dialect's %s", what);
    sheaf_error_hint(err, "what is not told is found out: --delim, --quote, --escape, --comment, "
                          "--padding, --skip and --header tell it");
    return SHEAF_EINVAL;
}

/* Whether a file's name may promise what another character was told to be. */
static bool is_promised(const sheaf_dialect *d, int character)
{
    return d->delimiter == SHEAF_BY_NAME && (character == ',' || character == '\t');
}

sheaf_status sheaf__dialect_check(const sheaf_dialect *d, sheaf_error *err)
{
    static const char different[] = "delimiter, quote, escape and comment are different characters";
    int quote = d->quote == 0 ? '"' : d->quote; /* which it is more often than not */
    const int characters[CHARACTERS] = {d->delimiter, quote, d->comment, d->escape};
    for (size_t i = 0; i < CHARACTERS; i++) {
        int no_character = i > 0 ? SHEAF_NONE : SHEAF_BY_NAME;
        if (characters[i] != 0 && characters[i] != no_character && !is_character(characters[i]))
            return refuse("delimiter, quote, escape and comment are one ASCII character each that "
                          "is no line end",
                          err);
        for (size_t k = 0; k < i; k++)
            if (characters[i] > 0 && characters[i] == characters[k])
                return refuse(different, err);
        if (is_promised(d, characters[i]))
            return refuse(different, err);
    }
    if (!is_choice(d->padding, 1) || !is_choice(d->header, 1) ||
        !is_choice(d->skip_lines, INT64_MAX))
        return refuse("padding and header are 1, 0 or SHEAF_NONE, and the lines to be skipped are "
                      "not negative",
                      err);
    return SHEAF_OK;
}

bool sheaf__dialect_is_whole(const sheaf_dialect *d)
{
    return d->delimiter && d->quote && d->escape && d->comment && d->padding && d->header &&
           d->skip_lines;
}
