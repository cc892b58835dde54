/*
 * Lists of paths, read with getdelim(), which grows its buffer as long as there is memory.
 *
 * Standard input is read through `stdin` and left open: what the program has already buffered there
 * belongs to the list too.
 */
#include "engine/discover/list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

sheaf_status sheaf__list_open(sheaf__list *list, const char *path, bool is_nul_separated,
                              sheaf_error *err)
{
    *list = (sheaf__list){.path = path, .delimiter = is_nul_separated ? '\0' : '\n'};
    list->stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (!list->stream)
        return sheaf__error_system(err, errno, "cannot open the list", path);
    return SHEAF_OK;
}

static sheaf_status refuse_nul(const sheaf__list *list, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EINVAL, "a line of the list has a NUL byte, which no path can have");
    sheaf_error_hint(
        err, "lists whose paths end with NUL bytes (find -print0) must be announced as such");
    sheaf__error_source(err, list->path);
    if (err)
        err->line = list->line;
    return SHEAF_EINVAL;
}

sheaf_status sheaf__list_next(sheaf__list *list, sheaf_error *err)
{
    size_t n_bytes;
    do {
        errno = 0;
        ssize_t n_read = getdelim(&list->entry, &list->capacity_bytes, list->delimiter,
                                  list->stream);
        if (n_read < 0) {
            int os_error = errno;
            if (feof(list->stream) && !ferror(list->stream))
                return SHEAF_END;
            return sheaf__error_system(err, os_error, "cannot read the list", list->path);
        }
        list->line++;
        n_bytes = (size_t)n_read;
        if (list->entry[n_bytes - 1] == list->delimiter)
            list->entry[--n_bytes] = '\0';
    } while (n_bytes == 0);
    if (strlen(list->entry) < n_bytes)
        return refuse_nul(list, err);
    return SHEAF_OK;
}

void sheaf__list_close(sheaf__list *list)
{
    if (list->stream && list->stream != stdin)
        fclose(list->stream);
    free(list->entry);
    *list = (sheaf__list){.path = NULL};
}
