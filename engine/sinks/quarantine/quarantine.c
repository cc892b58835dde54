/* Records that were set aside, as JSON lines: see quarantine.h. */
#include "engine/sinks/quarantine/quarantine.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/sinks/output.h"
#include "engine/sinks/quarantine/reject_file.h"

struct sheaf__quarantine {
    char *path;
    const atomic_bool *stop;
    bool keeps; /* what is there, so much of it: */
    uint64_t kept_bytes;
    bool is_open;
    bool was_open; /* at the last mark */
    bool has_earlier;
    char earlier[PATH_MAX]; /* what one of an earlier run is called until the end */
    sheaf__output output;
    char *text; /* a value, escaped */
    size_t text_capacity;
    const sheaf__reject_file *file; /* of the last record, or NULL */
};

sheaf_status sheaf__quarantine_create(const char *path, const atomic_bool *stop,
                                      sheaf__quarantine **quarantine, sheaf_error *err)
{
    sheaf__quarantine *made = calloc(1, sizeof *made);
    if (made)
        made->path = strdup(path);
    if (!made || !made->path) {
        free(made);
        return sheaf__error_memory(err, "a quarantine");
    }
    made->stop = stop;
    *quarantine = made;
    return SHEAF_OK;
}

void sheaf__quarantine_keep(sheaf__quarantine *self, uint64_t n_bytes)
{
    self->keeps = true;
    self->kept_bytes = n_bytes;
}

const char *sheaf__quarantine_path(const sheaf__quarantine *quarantine)
{
    return quarantine->path;
}

static sheaf_status open_output(sheaf__quarantine *self, sheaf_error *err)
{
    sheaf__sink_target target = {.kind = SHEAF__SINK_FILE,
                                 .path = self->path,
                                 .if_exists = self->keeps ? SHEAF_IF_EXISTS_APPEND
                                                          : SHEAF_IF_EXISTS_REPLACE,
                                 .stop = self->stop};
    if (self->is_open)
        return SHEAF_OK;
    self->is_open = true;
    sheaf_status status = sheaf__output_open(&self->output, &target, err);
    return status < 0 ? status : sheaf__output_keep(&self->output, self->kept_bytes, err);
}

/* Whether there is more than is kept, of a run that was killed before its rows were there. */
static bool has_more(const sheaf__quarantine *self)
{
    struct stat st;
    return self->keeps && stat(self->path, &st) == 0 && (uint64_t)st.st_size > self->kept_bytes;
}

static void put_text(sheaf__quarantine *self, const char *text)
{
    sheaf__output_put(&self->output, text, strlen(text));
}

static void put_number(sheaf__quarantine *self, const char *name, uint64_t value, uint64_t unknown)
{
    char text[64];
    if (value == unknown)
        return;
    snprintf(text, sizeof text, "\"%s\":%" PRIu64 ",", name, value);
    put_text(self, text);
}

/* `"name":"value"` */
static sheaf_status put_string(sheaf__quarantine *self, const char *name, const void *bytes,
                               size_t n_bytes, sheaf_error *err)
{
    size_t n = sheaf_text_json(bytes, n_bytes, NULL, 0);
    if (n + 1 > self->text_capacity) {
        char *text = realloc(self->text, n + 1);
        if (!text)
            return sheaf__error_memory(err, "a record that is set aside");
        self->text = text;
        self->text_capacity = n + 1;
    }
    sheaf_text_json(bytes, n_bytes, self->text, n + 1);
    put_text(self, "\"");
    put_text(self, name);
    put_text(self, "\":\"");
    sheaf__output_put(&self->output, self->text, n);
    put_text(self, "\"");
    return SHEAF_OK;
}

/* Before the first record of a file. */
static sheaf_status put_file(sheaf__quarantine *self, const sheaf__reject_file *file,
                             sheaf_error *err)
{
    if (self->file == file)
        return SHEAF_OK;
    char *json = sheaf__reject_file_json(file, NULL);
    if (!json)
        return sheaf__error_memory(err, "a quarantine");
    put_text(self, json);
    put_text(self, "\n");
    free(json);
    self->file = file;
    return SHEAF_OK;
}

sheaf_status sheaf__quarantine_put(sheaf__quarantine *self, const sheaf__rejected *rejected,
                                   sheaf_error *err)
{
    const sheaf_error *fault = rejected->error;
    sheaf_status status = open_output(self, err);
    if (status == SHEAF_OK)
        status = put_file(self, rejected->file, err);
    if (status < 0)
        return status;
    put_text(self, "{");
    status = put_string(self, "file", rejected->path, strlen(rejected->path), err);
    put_text(self, ",");
    put_number(self, "line", rejected->line, 0);
    put_number(self, "record", fault->record, 0);
    put_number(self, "field", fault->field, 0);
    if (status == SHEAF_OK && fault->column[0]) {
        status = put_string(self, "column", fault->column, strlen(fault->column), err);
        put_text(self, ",");
    }
    put_number(self, "fault_line", fault->line, 0);
    put_number(self, "fault_byte", fault->line_byte, 0);
    put_number(self, "offset", rejected->offset_bytes, SHEAF_UNKNOWN);
    if (status == SHEAF_OK)
        status = put_string(self, "code", rejected->code, strlen(rejected->code), err);
    put_text(self, ",");
    if (status == SHEAF_OK)
        status = put_string(self, "message", fault->message, strlen(fault->message), err);
    put_text(self, ",");
    if (status == SHEAF_OK)
        status = put_string(self, "raw", rejected->raw, rejected->n_raw, err);
    put_text(self, "}\n");
    return status < 0 ? status : sheaf__output_status(&self->output, err);
}

void sheaf__quarantine_mark(sheaf__quarantine *self)
{
    self->was_open = self->is_open;
    if (self->is_open)
        sheaf__output_mark(&self->output);
}

sheaf_status sheaf__quarantine_take_back(sheaf__quarantine *self, sheaf_error *err)
{
    if (!self->is_open)
        return SHEAF_OK;
    self->file = NULL;
    if (!self->was_open) { /* as if nothing had been put */
        sheaf__output_end(&self->output);
        self->is_open = false;
        return SHEAF_OK;
    }
    (void)sheaf__output_take_back(&self->output);
    return sheaf__output_status(&self->output, err);
}

sheaf_status sheaf__quarantine_settle(sheaf__quarantine *self, sheaf_error *err)
{
    if (!self->is_open && has_more(self) && self->kept_bytes > 0) {
        sheaf_status status = open_output(self, err);
        if (status < 0)
            return status;
    }
    const char *path;
    return self->is_open ? sheaf__output_settle(&self->output, &path, err) : SHEAF_OK;
}

uint64_t sheaf__quarantine_size(const sheaf__quarantine *self)
{
    if (self->is_open)
        return self->output.n_sent + self->output.n_buffered;
    return self->keeps ? self->kept_bytes : 0;
}

/* It has another name until the end: it may have to come back. */
static sheaf_status remove_earlier(sheaf__quarantine *self, sheaf_error *err)
{
    bool is_named = sheaf__output_name_temporary(self->path, self->earlier, sizeof self->earlier);
    if ((is_named ? rename(self->path, self->earlier) : unlink(self->path)) == 0) {
        self->has_earlier = is_named;
        return SHEAF_OK;
    }
    return errno == ENOENT || errno == ENOTDIR
               ? SHEAF_OK
               : sheaf__error_system(err, errno, "cannot remove the quarantine of an earlier run",
                                     self->path);
}

sheaf_status sheaf__quarantine_commit(sheaf__quarantine *self, sheaf_error *err)
{
    self->output.keeps_old = true;
    if (self->is_open)
        return sheaf__output_commit(&self->output, err);
    return self->keeps && !has_more(self) ? SHEAF_OK : remove_earlier(self, err);
}

void sheaf__quarantine_undo(sheaf__quarantine *self)
{
    if (self->is_open)
        sheaf__output_undo(&self->output);
    if (self->has_earlier && rename(self->earlier, self->path) == 0)
        self->has_earlier = false;
}

void sheaf__quarantine_destroy(sheaf__quarantine *self)
{
    if (!self)
        return;
    if (self->is_open)
        sheaf__output_end(&self->output);
    if (self->has_earlier)
        unlink(self->earlier);
    free(self->text);
    free(self->path);
    free(self);
}
