/* The ledger of a file, written: see sidecar.h; sidecar_read.c reads it. */
#include "engine/ledger/sidecar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sheaf/text.h>
#include <sheaf/version.h>

#include "engine/core/error.h"
#include "engine/core/path.h"
#include "engine/ledger/entry.h"
#include "engine/sinks/output.h"

static const char ending[] = ".ledger.jsonl";

sheaf_status sheaf__sidecar_init(sheaf__sidecar *sidecar, const char *destination,
                                 const atomic_bool *stop, sheaf_error *err)
{
    *sidecar = (sheaf__sidecar){.stop = stop};
    sidecar->destination = strdup(destination);
    sidecar->path = malloc(strlen(destination) + sizeof ending);
    if (!sidecar->destination || !sidecar->path)
        return sheaf__error_memory(err, "a ledger");
    strcat(strcpy(sidecar->path, destination), ending);
    return SHEAF_OK;
}

void sheaf__sidecar_end(sheaf__sidecar *sidecar)
{
    free(sidecar->destination);
    free(sidecar->path);
    *sidecar = (sheaf__sidecar){0};
}

sheaf_status sheaf__sidecar_look(const sheaf__sidecar *sidecar, bool *is_there, sheaf_error *err)
{
    struct stat st;
    *is_there = lstat(sidecar->path, &st) == 0;
    if (!*is_there && !sheaf__path_is_absent(errno))
        return sheaf__error_system(err, errno, "cannot examine the ledger", sidecar->path);
    return SHEAF_OK;
}

/* ---- members ---- */

static void put(sheaf__output *output, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void put(sheaf__output *output, const char *format, ...)
{
    char text[256]; /* numbers and names of our own */
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sheaf__output_put(output, text, (size_t)n);
}

/* `"name":"bytes"` */
static sheaf_status put_text(sheaf__output *output, const char *name, const char *bytes,
                             size_t n_bytes, sheaf_error *err)
{
    char own[512]; /* enough for most paths */
    char *text = own;
    size_t n = sheaf_text_json(bytes, n_bytes, own, sizeof own);
    if (n >= sizeof own) {
        text = malloc(n + 1);
        if (!text)
            return sheaf__error_memory(err, "a ledger");
        sheaf_text_json(bytes, n_bytes, text, n + 1);
    }
    put(output, "\"%s\":\"", name);
    sheaf__output_put(output, text, n);
    sheaf__output_byte(output, '"');
    if (text != own)
        free(text);
    return SHEAF_OK;
}

static void put_generation(sheaf__output *output, const char *name,
                           const sheaf__generation *generation)
{
    char content[SHEAF__CONTENT_TEXT_BYTES];
    sheaf__ledger_content_write(generation->content, content);
    if (!generation->exists)
        put(output, "\"%s_size\":null,\"%s_content\":null,", name, name);
    else if (!generation->is_known)
        put(output, "\"%s_size\":-1,\"%s_content\":null,", name, name);
    else
        put(output, "\"%s_size\":%" PRIu64 ",\"%s_content\":\"%s\",", name, generation->size_bytes,
            name, content);
    put(output, "\"%s_quarantine\":%" PRIu64, name, generation->quarantine_bytes);
}

static sheaf_status put_columns(sheaf__output *output, const sheaf__ledger *ledger, const char *in,
                                sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < ledger->n_columns && status == SHEAF_OK; i++) {
        put(output, "{");
        status = put_text(output, "column", ledger->columns[i].name, ledger->columns[i].n_name,
                          err);
        put(output, ",\"in\":\"%s\"}\n", in);
    }
    return status;
}

static sheaf_status put_value(sheaf__output *output, size_t column, const sheaf__ledger_file *file,
                              sheaf_error *err)
{
    char scratch[SHEAF__CONTENT_TEXT_BYTES];
    const char *name = sheaf__entry_name(column);
    sheaf__entry_value value = sheaf__entry_get(file, column, scratch);
    sheaf_status status = SHEAF_OK;
    if (value.is_null)
        put(output, "\"%s\":null", name);
    else if (value.text)
        status = put_text(output, name, value.text, strlen(value.text), err);
    else
        put(output, "\"%s\":%" PRId64, name, value.number);
    sheaf__output_byte(output, ',');
    return status;
}

static sheaf_status put_file(sheaf__output *output, const sheaf__ledger_file *file, const char *in,
                             sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    put(output, "{");
    for (size_t i = 0; i < SHEAF__ENTRY_COLUMNS && status == SHEAF_OK; i++)
        status = put_value(output, i, file, err);
    put(output, "\"in\":\"%s\"}\n", in);
    return status;
}

static sheaf_status put_files(sheaf__output *output, const sheaf__ledger *ledger, const char *in,
                              sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < ledger->n_files && status == SHEAF_OK; i++) {
        status = put_file(output, &ledger->files[i], in, err);
        if (status == SHEAF_OK)
            status = sheaf__output_status(output, err);
    }
    return status;
}

/* ---- the file ---- */

sheaf_status sheaf__sidecar_write(const sheaf__sidecar *sidecar, const sheaf__ledger *held,
                                  bool appends, const sheaf__ledger *added,
                                  const sheaf__generation *after, sheaf_error *err)
{
    sheaf__output output;
    sheaf__sink_target target = {.kind = SHEAF__SINK_FILE,
                                 .path = sidecar->path,
                                 .if_exists = SHEAF_IF_EXISTS_REPLACE,
                                 .stop = sidecar->stop};
    const char *of_held = appends ? "both" : "before";
    sheaf_status status = sheaf__output_open(&output, &target, err);
    if (status == SHEAF_OK) {
        put(&output, "{\"sheaf_ledger\":1,\"sheaf\":\"%s\",", sheaf_version());
        put_generation(&output, "before", &sidecar->before);
        put(&output, ",");
        put_generation(&output, "after", after);
        put(&output, ",\"has_names\":%d}\n", added->has_names);
        status = put_columns(&output, held, of_held, err);
    }
    if (status == SHEAF_OK && !appends)
        status = put_columns(&output, added, "after", err);
    if (status == SHEAF_OK)
        status = put_files(&output, held, of_held, err);
    if (status == SHEAF_OK)
        status = put_files(&output, added, "after", err);
    if (status == SHEAF_OK)
        status = sheaf__output_commit(&output, err);
    sheaf__output_end(&output);
    return status;
}
