/* What the command line says of a dialect. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

/* "\x1f", as `sniff` writes what no terminal shows. */
static bool parse_code(const char *text, int *character)
{
    bool is_code = strncmp(text, "\\x", 2) == 0 && strlen(text) == 4 &&
                   strspn(text + 2, "0123456789abcdefABCDEF") == 2;
    *character = is_code ? (int)strtol(text + 2, NULL, 16) : 0;
    return is_code;
}

static bool is_usable(int character)
{
    return character > 0 && character < 0x80 && character != '\n' && character != '\r';
}

static bool parse_character(const char *text, int *character)
{
    static const struct {
        const char *name;
        int character;
    } spelled[] = {
        {"tab", '\t'},       {"\\t", '\t'},        {"space", ' '},
        {"backslash", '\\'}, {"none", SHEAF_NONE}, {"doubled", SHEAF_NONE},
    };
    for (size_t i = 0; i < sizeof spelled / sizeof spelled[0]; i++) {
        if (strcmp(text, spelled[i].name) == 0) {
            *character = spelled[i].character;
            return true;
        }
    }
    if (parse_code(text, character))
        return is_usable(*character);
    *character = (unsigned char)text[0];
    return text[0] && !text[1] && is_usable(*character);
}

static bool parse_choice(const char *text, int *choice)
{
    *choice = strcmp(text, "yes") == 0 ? 1 : SHEAF_NONE;
    return *choice == 1 || strcmp(text, "no") == 0;
}

static bool parse_lines(const char *text, int64_t *n)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    *n = value > 0 ? value : SHEAF_NONE;
    return errno == 0 && text[0] >= '0' && text[0] <= '9' && !*end;
}

const char *dialect_set(sheaf_dialect *dialect, const char *option, const char *value)
{
    static const char one[] =
        "one ASCII character that is no line end, or its code (\\x1f), or tab, "
        "space, none";
    int64_t *lines = &dialect->skip_lines;
    if (strcmp(option, "delim") == 0)
        return parse_character(value, &dialect->delimiter) && dialect->delimiter != SHEAF_NONE
                   ? NULL
                   : "one ASCII character that is no line end, or its code (\\x1f), or tab, or "
                     "space: --delim ';'";
    if (strcmp(option, "quote") == 0)
        return parse_character(value, &dialect->quote) ? NULL : one;
    if (strcmp(option, "comment") == 0)
        return parse_character(value, &dialect->comment) ? NULL : one;
    if (strcmp(option, "escape") == 0)
        return parse_character(value, &dialect->escape)
                   ? NULL
                   : "doubled (as in \"a \"\"b\"\" c\"), backslash, or one ASCII character";
    if (strcmp(option, "header") == 0)
        return parse_choice(value, &dialect->header) ? NULL : "--header yes, or --header no";
    if (strcmp(option, "padding") == 0)
        return parse_choice(value, &dialect->padding) ? NULL : "--padding yes, or --padding no";
    return parse_lines(value, lines) ? NULL : "a number of lines: --skip 3";
}

void dialect_leave_nothing_open(sheaf_dialect *dialect)
{
    static const sheaf_dialect usual = SHEAF_DIALECT_RFC4180(SHEAF_BY_NAME);
    int *const told[] = {&dialect->delimiter, &dialect->quote,   &dialect->escape,
                         &dialect->comment,   &dialect->padding, &dialect->header};
    const int others[] = {usual.delimiter, usual.quote,   usual.escape,
                          usual.comment,   usual.padding, usual.header};
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (*told[i] == 0)
            *told[i] = others[i];
    if (dialect->skip_lines == 0)
        dialect->skip_lines = usual.skip_lines;
}
