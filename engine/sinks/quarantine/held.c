/* What all kinds of quarantines share that are read again: see held.h. */
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/quarantine/held_json.h"

sheaf_status sheaf__held_add_file(sheaf__held *held, const sheaf__reject_file *file,
                                  sheaf_error *err)
{
    size_t n = held->n_files;
    if ((n & (n + 1)) == 0) { /* the room is doubled when it is full */
        void *more = realloc(held->files, (n + 1) * 2 * sizeof(sheaf__reject_file *));
        if (!more)
            return sheaf__error_memory(err, "a quarantine");
        held->files = more;
    }
    held->files[held->n_files++] = file;
    return SHEAF_OK;
}

sheaf_status sheaf__held_add_header(sheaf__held *held, sheaf__held_json *json, const char *text,
                                    sheaf_error *err)
{
    const sheaf__reject_file *file = NULL;
    sheaf__held_record ignored;
    const char *path;
    sheaf_status status = sheaf__held_json_read(json, text, strlen(text), held->arena, held->arena,
                                                &file, &ignored, &path, err);
    if (status == SHEAF_OK && !file)
        status = sheaf_error_set(err, SHEAF_EQUARANTINE, "here is no file");
    if (status < 0)
        sheaf__error_source(err, held->path);
    return status < 0 ? status : sheaf__held_add_file(held, file, err);
}

sheaf_status sheaf__held_no_files(const sheaf__held *held, const char *table, sheaf_error *err)
{
    char name[128];
    sheaf_text_escape(table, strlen(table), name, sizeof name);
    sheaf_error_set(err, SHEAF_EQUARANTINE,
                    "there is no table %s: how the records are to be read is not known", name);
    sheaf__error_source(err, held->path);
    sheaf_error_hint(err, "load the files again, with this sheaf");
    return SHEAF_EQUARANTINE;
}

sheaf_status sheaf__held_no_header(const sheaf__held *held, const char *table, const void *path,
                                   size_t n_path, sheaf_error *err)
{
    char shown[200];
    char name[128];
    sheaf_text_escape(path, n_path, shown, sizeof shown);
    sheaf_text_escape(table, strlen(table), name, sizeof name);
    sheaf_error_set(err, SHEAF_EQUARANTINE, "of the file '%s' there is no header in the table %s",
                    shown, name);
    sheaf__error_source(err, held->path);
    sheaf_error_hint(err, "how its records are to be read is not known: load it again, and delete "
                          "them here");
    return SHEAF_EQUARANTINE;
}

sheaf_status sheaf__held_no_column(const sheaf__held *held, const char *name, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    sheaf_error_set(err, SHEAF_EDATABASE, "the table has no column '%s'", shown);
    sheaf__error_source(err, held->path);
    return SHEAF_EDATABASE;
}
