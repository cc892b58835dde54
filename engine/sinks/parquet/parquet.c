/*
 * Rows as a Parquet file: see column.h for what is in it.
 *
 * A row group has 131,072 rows, or as many as take 64 MiB (of very many columns more, so that a
 * column chunk is worth its metadata), the last one fewer: that depends on the rows alone, so the
 * same rows are the same bytes, whoever read and encoded them. While a group is gathered, columns
 * of those before are encoded by other threads, some at a time where they are short; what comes out
 * is placed in order. What is under way is bounded in jobs and in bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/sinks/gather.h"
#include "engine/sinks/output.h"
#include "engine/sinks/parquet/column.h"
#include "engine/sinks/parquet/footer.h"
#include "engine/sinks/pipeline.h"
#include "engine/sinks/sink.h"

enum {
    GROUP_ROWS = 131072,
    GROUP_BYTES = 64 << 20,
    CHUNK_BYTES_MIN = 256, /* of a column in a group, on average, if there are very many */
    JOB_BYTES = 256 << 10, /* of a group, about: columns are encoded together up to that */
    JOBS_PER_WORKER = 3,
    WAITING_BYTES = 128 << 20
};

static const char magic[4] = {'P', 'A', 'R', '1'};

/* Columns of a group that are encoded by one thread, one behind the other. */
typedef struct job {
    sheaf__group *group;
    uint64_t group_index;
    size_t first;
    size_t n_columns;
    sheaf__parquet_chunk *chunks;
    size_t chunks_capacity;
    sheaf__bytes pages;
    sheaf__parquet_scratch scratch;
    struct job *next; /* that is free */
} job;

typedef struct parquet_sink {
    sheaf__sink base;
    sheaf__codec compression;
    sheaf__gather gather;
    sheaf__pipeline *pipeline;
    job *free;
    size_t n_waiting; /* bytes of groups whose columns are not all placed */
    sheaf__parquet_footer footer;
    bool is_finished; /* all of it was put */
    /* At the mark; the place in the output is that of the group which was open then. */
    bool is_marked;
    bool has_passed_mark; /* rows of that group were placed */
    uint64_t rows_marked;
    sheaf__parquet_mark footer_marked;
    sheaf__output output;
} parquet_sink;

static parquet_sink *self_of(sheaf__sink *sink)
{
    return (parquet_sink *)sink;
}

/* ---- jobs ---- */

static sheaf_status encode(void *argument, sheaf_error *err)
{
    job *self = argument;
    self->pages.n = 0;
    for (size_t i = 0; i < self->n_columns; i++) {
        sheaf_status status = sheaf__parquet_put_column(
            &self->pages, &self->group->columns[self->first + i], self->group->n_rows,
            &self->scratch, &self->chunks[i], err);
        if (status < 0)
            return status;
    }
    return SHEAF_OK;
}

static void destroy_job(job *one)
{
    sheaf__bytes_end(&one->pages);
    sheaf__parquet_scratch_end(&one->scratch);
    free(one->chunks);
    free(one);
}

static void give_job(parquet_sink *self, job *one)
{
    sheaf__gather_release(&self->gather, one->group);
    one->group = NULL;
    one->next = self->free;
    self->free = one;
}

static job *take_job(parquet_sink *self, size_t n_columns)
{
    job *one = self->free;
    if (one)
        self->free = one->next;
    else if (!(one = calloc(1, sizeof *one)))
        return NULL;
    one->scratch.compression = self->compression;
    one->group = NULL;
    if (n_columns > one->chunks_capacity) {
        free(one->chunks);
        one->chunks = calloc(n_columns, sizeof *one->chunks);
        one->chunks_capacity = one->chunks ? n_columns : 0;
    }
    if (one->chunks)
        return one;
    give_job(self, one);
    return NULL;
}

/* ---- what was encoded ---- */

static uint64_t position_of(const sheaf__output *output)
{
    return output->n_sent + output->n_buffered;
}

/* The first columns of a group: the place to come back to if it is the one that was marked. */
static void begin_group(parquet_sink *self, const job *done)
{
    if (self->is_marked && !self->has_passed_mark &&
        done->group_index == self->gather.closed_marked) {
        sheaf__output_mark(&self->output);
        self->footer_marked = sheaf__parquet_footer_mark(&self->footer);
        self->has_passed_mark = true;
    }
    sheaf__parquet_footer_begin_group(&self->footer);
}

static sheaf_status place(parquet_sink *self, const job *done, sheaf_error *err)
{
    uint64_t offset = position_of(&self->output);
    if (done->first == 0)
        begin_group(self, done);
    for (size_t i = 0; i < done->n_columns; i++) {
        sheaf__parquet_footer_add(&self->footer, done->first + i, done->group->n_rows, offset,
                                  &done->chunks[i]);
        offset += done->chunks[i].compressed_bytes;
    }
    sheaf__output_put(&self->output, done->pages.items, done->pages.n);
    if (done->first + done->n_columns == self->gather.n_columns) {
        sheaf__parquet_footer_end_group(&self->footer, done->group->n_rows);
        self->n_waiting -= sheaf__group_bytes(&self->gather, done->group);
    }
    sheaf_status status = sheaf__parquet_footer_check(&self->footer, self->footer.groups.n, err);
    return status < 0 ? status : sheaf__output_status(&self->output, err);
}

/* Take the oldest job. OK, END: there is none; or a failure. */
static sheaf_status take_one(parquet_sink *self, sheaf_error *err)
{
    void *argument;
    sheaf_status status = sheaf__pipeline_take(self->pipeline, &argument, err);
    if (!argument)
        return status;
    if (status == SHEAF_OK)
        status = place(self, argument, err);
    give_job(self, argument);
    return status;
}

static sheaf_status take_all(parquet_sink *self, sheaf_error *err)
{
    sheaf_status status;
    do {
        status = take_one(self, err);
    } while (status == SHEAF_OK);
    return status == SHEAF_END ? SHEAF_OK : status;
}

/* ---- groups ---- */

static size_t column_bytes(const sheaf__column *column, size_t n_rows)
{
    size_t n = sheaf__group_values_bytes(column->type, n_rows) + n_rows / 8;
    if (column->type == SHEAF_TYPE_TEXT)
        n += (size_t)((const int32_t *)column->values)[n_rows];
    return n;
}

/* How many columns from `first` on make a job. */
static size_t job_columns(const sheaf__group *group, size_t first)
{
    size_t n = 0;
    size_t n_bytes = 0;
    while (first + n < group->n_columns) {
        size_t more = column_bytes(&group->columns[first + n], group->n_rows);
        if (n > 0 && n_bytes + more > JOB_BYTES)
            break;
        n_bytes += more;
        n++;
    }
    return n;
}

static sheaf_status submit(parquet_sink *self, sheaf__group *group, size_t first, size_t n,
                           sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && sheaf__pipeline_is_full(self->pipeline))
        status = take_one(self, err);
    if (status < 0)
        return status;
    job *one = take_job(self, n);
    if (!one)
        return sheaf__error_memory(err, "a column of Parquet");
    one->group = group;
    one->group_index = self->gather.n_closed - 1;
    one->first = first;
    one->n_columns = n;
    group->n_users++;
    status = sheaf__pipeline_submit(self->pipeline, encode, one, err);
    if (status < 0)
        give_job(self, one);
    return status;
}

static sheaf_status submit_columns(parquet_sink *self, sheaf__group *group, sheaf_error *err)
{
    size_t n_bytes = sheaf__group_bytes(&self->gather, group);
    sheaf_status status = SHEAF_OK;
    while (status == SHEAF_OK && self->n_waiting > 0 && self->n_waiting + n_bytes > WAITING_BYTES)
        status = take_one(self, err);
    self->n_waiting += n_bytes;
    for (size_t first = 0; first < group->n_columns && status == SHEAF_OK;) {
        size_t n = job_columns(group, first);
        status = submit(self, group, first, n, err);
        first += n;
    }
    return status;
}

/* End the current group, if it has any rows. */
static sheaf_status flush(parquet_sink *self, sheaf_error *err)
{
    sheaf__group *group = sheaf__gather_close(&self->gather);
    if (!group)
        return SHEAF_OK;
    sheaf_status status = submit_columns(self, group, err);
    sheaf__gather_release(&self->gather, group);
    return status;
}

/* ---- the sink ---- */

static sheaf_status parquet_begin(sheaf__sink *sink, const sheaf__names *columns,
                                  const sheaf_type *types, sheaf_error *err)
{
    parquet_sink *self = self_of(sink);
    size_t n = columns->n_items;
    size_t bytes_max = n > GROUP_BYTES / CHUNK_BYTES_MIN ? n * CHUNK_BYTES_MIN : GROUP_BYTES;
    self->footer.names = columns;
    self->footer.types = types;
    sheaf__gather_init(&self->gather, types, n, GROUP_ROWS, bytes_max);
    sheaf__output_put(&self->output, magic, sizeof magic);
    size_t window = sink->executor ? sink->workers * JOBS_PER_WORKER : 1;
    sheaf_status status = sheaf__pipeline_create(sink->executor, window > 0 ? window : 1,
                                                 &self->pipeline, err);
    if (status == SHEAF_OK)
        sheaf__pipeline_trace(self->pipeline, "encode", sink->waits, "wait for encoded columns");
    return status;
}

static sheaf_status parquet_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    parquet_sink *self = self_of(sink);
    size_t begin = 0;
    sheaf_status status;
    while ((status = sheaf__gather_add(&self->gather, rows->columns, &begin, err)) == SHEAF_END) {
        status = flush(self, err);
        if (status < 0)
            return status;
    }
    if (status == SHEAF_OK)
        sink->rows += rows->columns->n_rows;
    return status;
}

static sheaf_status parquet_mark(sheaf__sink *sink, sheaf_error *err)
{
    (void)err;
    parquet_sink *self = self_of(sink);
    sheaf__gather_mark(&self->gather);
    self->is_marked = true;
    self->has_passed_mark = false;
    self->rows_marked = sink->rows;
    return SHEAF_OK;
}

/* All that is under way is placed before: some of it may be older than the mark. */
static sheaf_status parquet_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    parquet_sink *self = self_of(sink);
    sheaf_status status = take_all(self, err);
    *done = status == SHEAF_OK;
    if (status < 0)
        return status;
    if (self->has_passed_mark) {
        *done = sheaf__output_take_back(&self->output);
        if (!*done)
            return sheaf__output_status(&self->output, err);
        sheaf__parquet_footer_take_back(&self->footer, &self->footer_marked);
        self->has_passed_mark = false;
    }
    sheaf__gather_take_back(&self->gather);
    sink->rows = self->rows_marked;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status put_footer(parquet_sink *self, sheaf_error *err)
{
    sheaf__bytes around = {0};
    sheaf__parquet_put_schema(&self->footer, &around);
    size_t n_before = around.n;
    sheaf__parquet_put_end(&self->footer, &around);
    size_t n = around.n + self->footer.groups.n;
    sheaf_status status = around.failed ? sheaf__error_memory(err, "the metadata of Parquet")
                                        : sheaf__parquet_footer_check(&self->footer, n, err);
    if (status == SHEAF_OK) {
        sheaf__output_put(&self->output, around.items, n_before);
        sheaf__output_put(&self->output, self->footer.groups.items, self->footer.groups.n);
        sheaf__output_put(&self->output, around.items + n_before, around.n - n_before);
        sheaf__output_put(&self->output, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
        sheaf__output_put(&self->output, magic, sizeof magic);
    }
    sheaf__bytes_end(&around);
    return status;
}

/* All rows have come. */
static sheaf_status finish(parquet_sink *self, sheaf_error *err)
{
    if (self->is_finished)
        return SHEAF_OK;
    sheaf_status status = flush(self, err);
    if (status == SHEAF_OK)
        status = take_all(self, err);
    if (status == SHEAF_OK)
        status = put_footer(self, err);
    self->is_finished = status == SHEAF_OK;
    return status;
}

static sheaf_status parquet_settle(sheaf__sink *sink, const char **path, sheaf_error *err)
{
    parquet_sink *self = self_of(sink);
    sheaf_status status = finish(self, err);
    return status < 0 ? status : sheaf__output_settle(&self->output, path, err);
}

static sheaf_status parquet_commit(sheaf__sink *sink, sheaf_error *err)
{
    parquet_sink *self = self_of(sink);
    sheaf_status status = finish(self, err);
    return status < 0 ? status : sheaf__output_commit(&self->output, err);
}

static void parquet_abort(sheaf__sink *sink)
{
    sheaf__output_abort(&self_of(sink)->output);
}

/* Jobs that are under way are nobody's after a failure: they are waited for, and taken. */
static void end_jobs(parquet_sink *self)
{
    sheaf_error unseen;
    void *argument;
    if (self->pipeline) {
        do {
            (void)!sheaf__pipeline_take(self->pipeline, &argument, &unseen);
            if (argument)
                give_job(self, argument);
        } while (argument);
    }
    sheaf__pipeline_destroy(self->pipeline);
    while (self->free) {
        job *one = self->free;
        self->free = one->next;
        destroy_job(one);
    }
}

static void parquet_destroy(sheaf__sink *sink)
{
    parquet_sink *self = self_of(sink);
    end_jobs(self);
    sheaf__output_end(&self->output);
    sheaf__gather_end(&self->gather);
    sheaf__bytes_end(&self->footer.groups);
    free(self);
}

sheaf_status sheaf__parquet_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                 sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = parquet_begin,
                                        .write = parquet_write,
                                        .mark = parquet_mark,
                                        .take_back = parquet_take_back,
                                        .settle = parquet_settle,
                                        .commit = parquet_commit,
                                        .abort = parquet_abort,
                                        .destroy = parquet_destroy};
    parquet_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = self->base.wants_columns = self->base.takes_back = true;
    self->compression = target->compression;
    *sink = &self->base;
    return sheaf__output_open_sink(&self->output, target, sink, err);
}
