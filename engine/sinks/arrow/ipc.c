/*
 * Rows as Arrow IPC: a stream of record batches, or the file that is one with an index behind it
 * (https://arrow.apache.org/docs/format/Columnar.html, "Serialization and IPC").
 *
 * A batch has 65,536 rows, or as many as take 32 MiB, the last one fewer: that depends on the rows
 * alone, so the same rows are the same bytes, whoever read them. There is nothing to encode: what
 * was gathered is what is written, each part at a multiple of 64 bytes, from the file's beginning,
 * too, so that a file that is mapped into memory can be used as it lies there. Where there is no
 * value, there are zeros.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/sinks/arrow/message.h"
#include "engine/sinks/gather.h"
#include "engine/sinks/output.h"
#include "engine/sinks/sink.h"

enum { BATCH_ROWS = 65536, BATCH_BYTES = 32 << 20 };
enum { MESSAGE_HEAD_BYTES = 8 /* the mark of a message, and its length */ };

static const char magic[8] = "ARROW1\0";
enum { MAGIC_BYTES = 6 };

typedef struct arrow_sink {
    sheaf__sink base;
    bool has_footer;
    bool is_finished; /* all of it was put */
    const sheaf__names *names;
    const sheaf_type *types;
    sheaf__gather gather;
    sheaf__bytes message; /* the one that is being written */
    sheaf__bytes blocks;  /* of the footer */
    size_t blocks_marked;
    uint64_t rows_marked;
    sheaf__output output;
} arrow_sink;

static arrow_sink *self_of(sheaf__sink *sink)
{
    return (arrow_sink *)sink;
}

/* ---- messages ---- */

static void put_zeros(sheaf__output *output, size_t n)
{
    static const uint8_t zeros[SHEAF__ARROW_ALIGN_BYTES];
    sheaf__output_put(output, zeros, n);
}

static uint64_t position_of(const sheaf__output *output)
{
    return output->n_sent + output->n_buffered;
}

/* Bytes that are missing to the next multiple. */
static size_t missing(uint64_t position)
{
    return (size_t)(sheaf__arrow_aligned((size_t)position) - (size_t)position);
}

static void put_head(sheaf__output *output, uint32_t n_bytes)
{
    sheaf__output_put(output, &(uint32_t){0xFFFFFFFF}, sizeof n_bytes);
    sheaf__output_put(output, &n_bytes, sizeof n_bytes);
}

/* Write the message, filled up so that its body begins aligned. Returns what it took. */
static size_t write_message(arrow_sink *self)
{
    sheaf__output *output = &self->output;
    size_t fill = missing(position_of(output) + MESSAGE_HEAD_BYTES + self->message.n);
    put_head(output, (uint32_t)(self->message.n + fill));
    sheaf__output_put(output, self->message.items, self->message.n);
    put_zeros(output, fill);
    return MESSAGE_HEAD_BYTES + self->message.n + fill;
}

static sheaf_status no_message(sheaf_error *err)
{
    return sheaf__error_memory(err, "a message of Arrow");
}

/* ---- batches ---- */

static void clear_word(void *values, size_t word, uint64_t valid, size_t n, size_t item_bytes)
{
    uint8_t *at = (uint8_t *)values + word * 64 * item_bytes;
    for (size_t i = 0; i < n; i++)
        if (!(valid >> i & 1))
            memset(at + i * item_bytes, 0, item_bytes);
}

/* Nothing was said about what stands where there is no value: zeros, always the same. */
static void clear_nulls(sheaf__column *column, size_t n_rows)
{
    if (column->n_nulls == 0 || column->type == SHEAF_TYPE_NULL || column->type == SHEAF_TYPE_TEXT)
        return;
    size_t item_bytes = column->type == SHEAF_TYPE_DATE ? sizeof(int32_t) : sizeof(int64_t);
    if (column->type == SHEAF_TYPE_BOOL) {
        for (size_t i = 0; i < (n_rows + 7) / 8; i++)
            ((uint8_t *)column->values)[i] &= column->valid[i];
        return;
    }
    for (size_t row = 0; row < n_rows; row += 64) {
        size_t n = n_rows - row < 64 ? n_rows - row : 64;
        uint64_t valid = 0;
        memcpy(&valid, column->valid + row / 8, (n + 7) / 8);
        if (valid != UINT64_MAX)
            clear_word(column->values, row / 64, valid, n, item_bytes);
    }
}

static void write_body(arrow_sink *self, const sheaf__group *group)
{
    sheaf__arrow_part parts[SHEAF__ARROW_PARTS_MAX];
    for (size_t i = 0; i < group->n_columns; i++) {
        size_t n = sheaf__arrow_parts(&group->columns[i], group->n_rows, parts);
        for (size_t p = 0; p < n; p++) {
            sheaf__output_put(&self->output, parts[p].bytes, parts[p].n_bytes);
            put_zeros(&self->output, missing(parts[p].n_bytes));
        }
    }
}

static sheaf_status write_group(arrow_sink *self, sheaf__group *group, sheaf_error *err)
{
    sheaf__arrow_block block = {.offset_bytes = (int64_t)position_of(&self->output)};
    for (size_t i = 0; i < group->n_columns; i++)
        clear_nulls(&group->columns[i], group->n_rows);
    self->message.n = 0;
    sheaf__arrow_put_batch(&self->message, group, &block.n_body);
    if (self->message.failed)
        return no_message(err);
    block.n_message = (int32_t)write_message(self);
    write_body(self, group);
    if (self->has_footer)
        sheaf__bytes_put(&self->blocks, &block, sizeof block);
    return self->blocks.failed ? no_message(err) : sheaf__output_status(&self->output, err);
}

/* End the current batch, if it has any rows. */
static sheaf_status flush(arrow_sink *self, sheaf_error *err)
{
    sheaf__group *group = sheaf__gather_close(&self->gather);
    if (!group)
        return SHEAF_OK;
    sheaf_status status = write_group(self, group, err);
    sheaf__gather_release(&self->gather, group);
    return status;
}

/* ---- the sink ---- */

static sheaf_status arrow_begin(sheaf__sink *sink, const sheaf__names *columns,
                                const sheaf_type *types, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
    self->names = columns;
    self->types = types;
    sheaf__gather_init(&self->gather, types, columns->n_items, BATCH_ROWS, BATCH_BYTES);
    if (self->has_footer)
        sheaf__output_put(&self->output, magic, sizeof magic);
    sheaf__arrow_put_schema(&self->message, columns, types);
    if (self->message.failed)
        return no_message(err);
    write_message(self);
    return sheaf__output_status(&self->output, err);
}

static sheaf_status arrow_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
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

static sheaf_status arrow_mark(sheaf__sink *sink, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
    sheaf__gather_mark(&self->gather);
    sheaf__output_mark(&self->output);
    self->blocks_marked = self->blocks.n;
    self->rows_marked = sink->rows;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status arrow_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
    *done = sheaf__output_take_back(&self->output);
    if (!*done)
        return SHEAF_OK;
    sheaf__gather_take_back(&self->gather);
    self->blocks.n = self->blocks_marked;
    sink->rows = self->rows_marked;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status put_footer(arrow_sink *self, sheaf_error *err)
{
    size_t n_blocks = self->blocks.n / sizeof(sheaf__arrow_block);
    self->message.n = 0;
    sheaf__arrow_put_footer(&self->message, self->names, self->types,
                            (const sheaf__arrow_block *)(void *)self->blocks.items, n_blocks);
    if (self->message.failed)
        return no_message(err);
    sheaf__output_put(&self->output, self->message.items, self->message.n);
    sheaf__output_put(&self->output, &(int32_t){(int32_t)self->message.n}, sizeof(int32_t));
    sheaf__output_put(&self->output, magic, MAGIC_BYTES);
    return SHEAF_OK;
}

/* All rows have come. */
static sheaf_status finish(arrow_sink *self, sheaf_error *err)
{
    if (self->is_finished)
        return SHEAF_OK;
    sheaf_status status = flush(self, err);
    if (status < 0)
        return status;
    put_head(&self->output, 0); /* the end of the stream */
    if (self->has_footer)
        status = put_footer(self, err);
    self->is_finished = status == SHEAF_OK;
    return status;
}

static sheaf_status arrow_settle(sheaf__sink *sink, const char **path, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
    sheaf_status status = finish(self, err);
    return status < 0 ? status : sheaf__output_settle(&self->output, path, err);
}

static sheaf_status arrow_commit(sheaf__sink *sink, sheaf_error *err)
{
    arrow_sink *self = self_of(sink);
    sheaf_status status = finish(self, err);
    return status < 0 ? status : sheaf__output_commit(&self->output, err);
}

static void arrow_abort(sheaf__sink *sink)
{
    sheaf__output_abort(&self_of(sink)->output);
}

static void arrow_destroy(sheaf__sink *sink)
{
    arrow_sink *self = self_of(sink);
    sheaf__output_end(&self->output);
    sheaf__gather_end(&self->gather);
    sheaf__bytes_end(&self->message);
    sheaf__bytes_end(&self->blocks);
    free(self);
}

sheaf_status sheaf__arrow_ipc_open(const sheaf__sink_target *target, sheaf__sink **sink,
                                   sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = arrow_begin,
                                        .write = arrow_write,
                                        .mark = arrow_mark,
                                        .take_back = arrow_take_back,
                                        .settle = arrow_settle,
                                        .commit = arrow_commit,
                                        .abort = arrow_abort,
                                        .destroy = arrow_destroy};
    arrow_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = self->base.wants_columns = true;
    self->base.takes_back = target->kind == SHEAF__SINK_FILE;
    self->has_footer = target->format == SHEAF__ARROW_FILE;
    *sink = &self->base;
    return sheaf__output_open_sink(&self->output, target, sink, err);
}
