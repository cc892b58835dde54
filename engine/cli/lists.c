/*
 * Names on the command line, in lists as a CSV file has them: parted by commas; one that holds a
 * comma, an equals sign or a quote stands in double quotes, in which a quote is doubled.
 *
 * What is taken is written over the argument itself: names get no longer by it.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/cli/cli.h"

/*
 * The name that the text begins with, up to one of `stops` or the end: which, in *stop. NULL: the
 * quotes are wrong. *text then stands behind it.
 */
static char *take_name(char **text, const char *stops, char *stop)
{
    char *name = *text;
    char *to = name;
    char *from = name;
    bool is_quoted = *from == '"';
    if (is_quoted) {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            *to++ = *from;
            from += *from == '"';
        }
        if (*from++ != '"')
            return NULL;
    } else {
        to = from += strcspn(from, stops);
    }
    if (*from && !strchr(stops, *from))
        return NULL;
    *stop = *from;
    *text = from + (*from != '\0');
    *to = '\0';
    return name;
}

bool lists_reserve(arguments *args, int argc, char **argv)
{
    size_t n = 1;
    for (int i = 0; i < argc; i++, n++)
        for (const char *at = argv[i]; (at = strchr(at, ',')) != NULL; at++)
            n++;
    args->select.items = calloc(n, sizeof *args->select.items);
    args->drop.items = calloc(n, sizeof *args->drop.items);
    args->renames.items = calloc(n, sizeof *args->renames.items);
    args->indexes.items = calloc(n, sizeof *args->indexes.items);
    args->indexes.columns.items = calloc(n, sizeof *args->indexes.columns.items);
    return args->select.items && args->drop.items && args->renames.items && args->indexes.items &&
           args->indexes.columns.items;
}

bool names_add(names *list, char *text)
{
    char stop;
    do {
        char *name = take_name(&text, ",", &stop);
        if (!name || !*name)
            return false;
        list->items[list->n++] = name;
    } while (stop);
    return true;
}

bool renames_add(renames *list, char *text)
{
    char stop;
    char *from = take_name(&text, "=", &stop);
    if (!from || !*from || stop != '=')
        return false;
    char *to = *text == '"' ? take_name(&text, "", &stop) : text;
    if (!to || !*to)
        return false;
    list->items[list->n++] = (sheaf_rename){.from = from, .to = to};
    return true;
}

bool added_add(added *list, char *text)
{
    static const char *const words[SHEAF_ORIGINS] = {
        [SHEAF_ORIGIN_FILE] = "file", [SHEAF_ORIGIN_LINE] = "line", [SHEAF_ORIGIN_ROW] = "row"};
    char stop;
    do {
        char *word = take_name(&text, ",=", &stop);
        bool is_named = word && stop == '=';
        char *name = is_named ? take_name(&text, ",", &stop) : NULL;
        int origin = 0;
        while (word && origin < SHEAF_ORIGINS && strcmp(words[origin], word) != 0)
            origin++;
        if (!word || origin == SHEAF_ORIGINS || (is_named && !(name && *name)))
            return false;
        for (size_t i = 0; i < list->n; i++)
            if (list->items[i].origin == (sheaf_origin)origin)
                return false;
        list->items[list->n++] = (sheaf_added_column){.origin = (sheaf_origin)origin, .name = name};
    } while (stop);
    return true;
}

bool indexes_add(indexes *list, char *text)
{
    names columns = {.items = list->columns.items + list->columns.n};
    if (!names_add(&columns, text))
        return false;
    list->columns.n += columns.n;
    list->items[list->n++] = (sheaf_index){.columns = columns.items, .n_columns = columns.n};
    return true;
}

void indexes_free(indexes *list)
{
    free(list->columns.items);
    free(list->items);
}
