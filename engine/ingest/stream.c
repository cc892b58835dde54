/*
 * Many files as one stream of typed batches: see <sheaf/stream.h>. The consumer drives the merge.
 */
#include <errno.h>
#include <stdlib.h>

#include <sheaf/stream.h>

#include "engine/core/error.h"
#include "engine/ingest/load.h"
#include "engine/ingest/rejects.h"
#include "engine/table/arrow.h"

enum { MESSAGE_BYTES = 2048 };

typedef struct stream {
    sheaf_ingest *ingest;
    sheaf__load load;
    sheaf__rows_cursor cursor;
    bool has_cursor;
    bool is_over;
    sheaf_summary summary;
    uint64_t n_taken;
    sheaf_status failed; /* or OK */
    char message[MESSAGE_BYTES];
} stream;

static int fail(stream *self, sheaf_status status, const sheaf_error *err)
{
    self->failed = status;
    sheaf_error_format(err, self->message, sizeof self->message);
    return status == SHEAF_ENOMEM ? ENOMEM : status == SHEAF_ECANCELLED ? ECANCELED : EIO;
}

static int stream_get_schema(struct ArrowArrayStream *arrow, struct ArrowSchema *schema)
{
    stream *self = arrow->private_data;
    size_t n;
    const sheaf_column *columns = sheaf_ingest_columns(self->ingest, &n);
    sheaf__arrow_field *fields = calloc(n + 1, sizeof *fields);
    sheaf_status status = fields ? SHEAF_OK : SHEAF_ENOMEM;
    for (size_t i = 0; fields && i < n; i++)
        fields[i] = (sheaf__arrow_field){.name = columns[i].name,
                                         .n_name = columns[i].n_name,
                                         .type = columns[i].type,
                                         .nullable = columns[i].nullable};
    if (status == SHEAF_OK)
        status = sheaf__arrow_schema(fields, n, schema);
    free(fields);
    if (status == SHEAF_OK)
        return 0;
    sheaf_error err;
    sheaf__error_memory(&err, "a schema");
    return fail(self, status, &err);
}

/* All rows were taken, and what was set aside appears: END, unless it is too much. */
static sheaf_status conclude(stream *self, sheaf_error *err)
{
    sheaf__load *load = &self->load;
    sheaf_status status = sheaf__merge_verify(load, self->n_taken, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_verify(load, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_settle(load, err);
    if (status == SHEAF_OK)
        status = sheaf__rejects_commit(load, err);
    return status < 0 ? status : SHEAF_END;
}

/* The next rows, as an array. END: there are none, and all of them are accounted for. */
static sheaf_status take_rows(stream *self, struct ArrowArray *array, sheaf_error *err)
{
    sheaf_status status = sheaf__rows_next(&self->cursor, err);
    if (status == SHEAF_END)
        return conclude(self, err);
    if (status < 0)
        return status;
    sheaf__chunk *chunk = self->cursor.chunk;
    if (!chunk->columns)
        return sheaf_error_set(err, SHEAF_EACCOUNT, "rows came without columns: a bug in sheaf");
    if (sheaf__arrow_array(chunk->columns, array) < 0)
        return sheaf__error_memory(err, "a batch of rows");
    chunk->columns = NULL; /* the array's now */
    self->n_taken += self->cursor.n_rows;
    return SHEAF_OK;
}

static int stream_get_next(struct ArrowArrayStream *arrow, struct ArrowArray *array)
{
    stream *self = arrow->private_data;
    sheaf_error err;
    sheaf_error_clear(&err);
    *array = (struct ArrowArray){0};
    if (self->failed < 0)
        return EINVAL; /* the message is still that of the failure */
    if (self->is_over)
        return 0;
    sheaf_status status = take_rows(self, array, &err);
    self->is_over = status == SHEAF_END;
    return status < 0 ? fail(self, status, &err) : 0;
}

static const char *stream_get_last_error(struct ArrowArrayStream *arrow)
{
    const stream *self = arrow->private_data;
    return self->failed < 0 ? self->message : NULL;
}

static void destroy(stream *self)
{
    if (self->ingest)
        sheaf_ingest_cancel(self->ingest); /* whoever still reads need not go on */
    if (self->has_cursor)
        sheaf__rows_close(&self->cursor);
    sheaf__load_end(&self->load);
    sheaf_ingest_destroy(self->ingest);
    free(self);
}

static void stream_release(struct ArrowArrayStream *arrow)
{
    destroy(arrow->private_data);
    arrow->release = NULL;
}

static sheaf_status begin(stream *self, const sheaf_files *files, sheaf_error *err)
{
    sheaf__load *load = &self->load;
    sheaf_status status = sheaf__load_init(load, self->ingest, files, &self->summary, err);
    load->wants_rows = load->wants_columns = true;
    if (status == SHEAF_OK)
        status = sheaf__load_open_quarantine(load, self->ingest, err);
    if (status == SHEAF_OK)
        status = sheaf__load_choose_sizes(load, err);
    if (status == SHEAF_OK)
        status = sheaf__ask_start(load, self->ingest->shared_fd, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_headers(load, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_surveys(load, err);
    if (status == SHEAF_OK)
        status = sheaf__load_settle(load, err);
    if (status == SHEAF_OK)
        status = sheaf__merge_types(load, err);
    if (status == SHEAF_OK)
        status = sheaf__ingest_keep_columns(self->ingest, load, err);
    if (status == SHEAF_OK)
        load->pass = SHEAF__PASS_ROWS;
    if (status == SHEAF_OK)
        status = sheaf__rows_open(load, &self->cursor, err);
    self->has_cursor = status == SHEAF_OK;
    return status;
}

sheaf_status sheaf_stream_open(const sheaf_files *files, const sheaf_ingest_options *options,
                               struct ArrowArrayStream *arrow, sheaf_error *err)
{
    sheaf_error unseen;
    if (!err)
        err = &unseen; /* the workers need one */
    sheaf_error_clear(err);
    stream *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a stream");
    sheaf_status status = sheaf__ingest_create(options, true, &self->ingest, err);
    if (status < 0) {
        free(self);
        return status;
    }
    status = begin(self, files, err);
    if (status < 0) {
        destroy(self);
        return status;
    }
    *arrow = (struct ArrowArrayStream){.get_schema = stream_get_schema,
                                       .get_next = stream_get_next,
                                       .get_last_error = stream_get_last_error,
                                       .release = stream_release,
                                       .private_data = self};
    return SHEAF_OK;
}
