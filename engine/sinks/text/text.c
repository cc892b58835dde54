/*
 * The sink of text: CSV, TSV and JSON lines (format.h), into a file or to standard output: first
 * the header, if there is one. Most blocks come from the workers, and are only put behind each
 * other; what they could not make, or not all of, is made here.
 */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/sinks/compress/compress.h"
#include "engine/sinks/output.h"
#include "engine/sinks/text/format.h"

enum {
    HERE_BYTES_MAX = 512 << 10, /* of a block that is made here */
    BLOCK_BYTES_MAX = 4 << 20   /* of one that a worker makes: columns' names may be long */
};

typedef struct text_sink {
    sheaf__sink base;
    sheaf__style style;      /* const after begin */
    sheaf__text_block block; /* that is made here */
    bool has_begun;          /* something was written */
    bool had_begun;          /* when rows were marked; so many there were: */
    uint64_t rows_marked;
    sheaf__packing packing;
    sheaf__compressor *compressor; /* between the text and the output, or NULL */
    sheaf__output output;
} text_sink;

static text_sink *self_of(sheaf__sink *sink)
{
    return (text_sink *)sink;
}

static void put_text(text_sink *self, const sheaf__text_block *block)
{
    if (self->compressor)
        sheaf__compressor_put(self->compressor, block->bytes, block->n_bytes);
    else
        sheaf__output_put(&self->output, block->bytes, block->n_bytes);
    self->has_begun = true;
}

static sheaf_status no_memory(sheaf_error *err)
{
    return sheaf__error_memory(err, "rows as text");
}

static sheaf_status text_begin(sheaf__sink *sink, const sheaf__names *columns,
                               const sheaf_type *types, sheaf_error *err)
{
    (void)types; /* text keeps the source's own spelling */
    text_sink *self = self_of(sink);
    sheaf_status status = sheaf__output_keep(&self->output, UINT64_MAX, err);
    if (status == SHEAF_OK && self->packing != SHEAF__NOT_PACKED)
        status = sheaf__compressor_create(self->packing, sink, &self->output, &self->compressor,
                                          err);
    if (status < 0)
        return status;
    self->has_begun = self->output.appends;
    if (self->style.format == SHEAF__JSONL)
        return sheaf__style_name(&self->style, columns, err);
    if (!sink->has_names || columns->n_items == 0 || self->output.appends)
        return SHEAF_OK;
    if (sheaf__style_header(&self->style, columns, &self->block) < 0)
        return no_memory(err);
    put_text(self, &self->block);
    return sheaf__output_status(&self->output, err);
}

/* Whether it will be known only in the merge if rows are the first of a file without a header. */
static bool may_begin_with_mark(const text_sink *self, const sheaf__text_block *block)
{
    return self->style.format != SHEAF__JSONL && !self->base.has_names &&
           sheaf__is_mark(block->bytes, block->n_bytes);
}

static sheaf_status text_format(const sheaf__sink *sink, const sheaf__rows *rows,
                                sheaf__text_block *block)
{
    const text_sink *self = (const text_sink *)sink;
    sheaf_status status = sheaf__style_rows(&self->style, rows, 0, false, BLOCK_BYTES_MAX, block);
    if (status == SHEAF_OK && may_begin_with_mark(self, block))
        sheaf__text_block_clear(block, SIZE_MAX);
    return status;
}

static void put_block(text_sink *self, const sheaf__text_block *block)
{
    put_text(self, block);
    self->base.rows += block->n_rows;
}

static sheaf_status text_write(sheaf__sink *sink, const sheaf__rows *rows, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    size_t n_done = rows->block ? rows->block->n_rows : 0;
    if (n_done > 0)
        put_block(self, rows->block);
    while (n_done < rows->n_rows && self->output.failure == SHEAF_OK) {
        sheaf__text_block_clear(&self->block, SIZE_MAX);
        if (sheaf__style_rows(&self->style, rows, n_done, !self->has_begun, HERE_BYTES_MAX,
                              &self->block) < 0)
            return no_memory(err);
        put_block(self, &self->block);
        n_done += self->block.n_rows;
    }
    sheaf__text_block_clear(&self->block, 4 * (size_t)HERE_BYTES_MAX);
    if (rows->flush && !self->output.is_file)
        sheaf__output_flush_some(&self->output);
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_mark(sheaf__sink *sink, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    if (self->compressor)
        sheaf__compressor_mark(self->compressor);
    else
        sheaf__output_mark(&self->output);
    self->rows_marked = sink->rows;
    self->had_begun = self->has_begun;
    return sheaf__output_status(&self->output, err);
}

static sheaf_status text_take_back(sheaf__sink *sink, bool *done, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    *done = true;
    if (self->compressor)
        sheaf__compressor_take_back(self->compressor);
    else
        *done = sheaf__output_take_back(&self->output);
    if (!*done)
        return SHEAF_OK;
    sink->rows = self->rows_marked;
    self->has_begun = self->had_begun;
    return sheaf__output_status(&self->output, err);
}

static void finish_packing(text_sink *self)
{
    if (!self->compressor)
        return;
    sheaf__compressor_finish(self->compressor);
    sheaf__compressor_destroy(self->compressor);
    self->compressor = NULL;
}

static sheaf_status text_settle(sheaf__sink *sink, const char **path, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    finish_packing(self);
    return sheaf__output_settle(&self->output, path, err);
}

static sheaf_status text_commit(sheaf__sink *sink, sheaf_error *err)
{
    text_sink *self = self_of(sink);
    finish_packing(self);
    return sheaf__output_commit(&self->output, err);
}

static void text_abort(sheaf__sink *sink)
{
    sheaf__output_abort(&self_of(sink)->output);
}

static void text_destroy(sheaf__sink *sink)
{
    text_sink *self = self_of(sink);
    sheaf__compressor_destroy(self->compressor);
    sheaf__output_end(&self->output);
    sheaf__text_block_end(&self->block);
    sheaf__style_end(&self->style);
    free(self);
}

sheaf_status sheaf__text_open(const sheaf__sink_target *target, sheaf__sink **sink,
                              sheaf_error *err)
{
    static const sheaf__sink_ops ops = {.begin = text_begin,
                                        .format = text_format,
                                        .write = text_write,
                                        .mark = text_mark,
                                        .take_back = text_take_back,
                                        .settle = text_settle,
                                        .commit = text_commit,
                                        .abort = text_abort,
                                        .destroy = text_destroy};
    text_sink *self = calloc(1, sizeof *self);
    if (!self)
        return sheaf__error_memory(err, "a destination");
    self->base.ops = &ops;
    self->base.wants_rows = true;
    self->base.takes_back = target->kind == SHEAF__SINK_FILE;
    sheaf__style_init(&self->style, target->format);
    self->packing = target->packing;
    *sink = &self->base;
    return sheaf__output_open_sink(&self->output, target, sink, err);
}
