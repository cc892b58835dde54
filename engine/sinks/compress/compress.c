/*
 * Parts of a text, compressed by any thread: see compress.h.
 *
 * There is a part that is filled and some that are under way; each has its memory, made when it is
 * first needed, and takes its turn in a ring. Parts have numbers. A mark is a number and the text
 * that this part had; the output is marked when that part is about to be written, not before.
 */
#include "engine/sinks/compress/compress.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/sinks/pipeline.h"

typedef struct part {
    const sheaf__packer *packer;
    uint64_t number;
    uint8_t *text;
    size_t n_text;
    uint8_t *bytes; /* compressed */
    size_t n_bytes;
    void *state;
} part;

struct sheaf__compressor {
    const sheaf__packer *packer;
    sheaf__output *output;
    sheaf__pipeline *pipeline;
    uint64_t number; /* of the part that is filled */
    bool has_mark;   /* there is one: */
    bool is_written; /* its part was, and so the output is marked before that */
    uint64_t marked; /* the part in which it lies */
    uint8_t *kept;   /* the text before it, of that part */
    size_t n_kept;
    size_t n_parts;
    part parts[];
};

static part *current(sheaf__compressor *self)
{
    return &self->parts[self->number % self->n_parts];
}

static void no_memory(sheaf__compressor *self)
{
    sheaf_error err;
    sheaf__output_fail(self->output, sheaf__error_memory(&err, "a part of a compressed file"),
                       &err);
}

/* ---- parts ---- */

static sheaf_status pack_part(void *argument, sheaf_error *err)
{
    part *self = argument;
    if (!self->bytes)
        self->bytes = malloc(self->packer->bytes_max);
    if (self->bytes && self->packer->pack(&self->state, self->text, self->n_text, self->bytes,
                                          &self->n_bytes) == SHEAF_OK)
        return SHEAF_OK;
    return sheaf__error_memory(err, "a part of a compressed file");
}

static void write_part(sheaf__compressor *self, const part *done)
{
    if (self->has_mark && done->number == self->marked) {
        sheaf__output_mark(self->output);
        self->is_written = true;
    }
    sheaf__output_put(self->output, done->bytes, done->n_bytes);
}

/*
 * Write the oldest part that is under way; one of this number or a later one is not wanted any
 * more. False: there is none.
 */
static bool take_part(sheaf__compressor *self, uint64_t unwanted)
{
    sheaf_error err;
    void *done;
    sheaf_status status = sheaf__pipeline_take(self->pipeline, &done, &err);
    if (status == SHEAF_END)
        return false;
    if (((part *)done)->number >= unwanted)
        return true;
    if (status < 0)
        sheaf__output_fail(self->output, status, &err);
    else
        write_part(self, done);
    return true;
}

/* The part that was filled is complete: let it be compressed, and go on to the next. */
static void cut(sheaf__compressor *self)
{
    sheaf_error err;
    if (sheaf__pipeline_is_full(self->pipeline))
        (void)take_part(self, UINT64_MAX);
    sheaf_status status = sheaf__pipeline_submit(self->pipeline, pack_part, current(self), &err);
    if (status < 0)
        sheaf__output_fail(self->output, status, &err);
    self->number++;
    current(self)->number = self->number;
    current(self)->n_text = 0;
}

static bool has_text(part *self)
{
    if (!self->text)
        self->text = malloc(self->packer->text_bytes);
    return self->text != NULL;
}

void sheaf__compressor_put(sheaf__compressor *self, const void *text, size_t n_bytes)
{
    const uint8_t *from = text;
    while (n_bytes > 0 && self->output->failure == SHEAF_OK) {
        part *to = current(self);
        if (!has_text(to)) {
            no_memory(self);
            return;
        }
        size_t room = self->packer->text_bytes - to->n_text;
        size_t n = n_bytes < room ? n_bytes : room;
        memcpy(to->text + to->n_text, from, n);
        to->n_text += n;
        from += n;
        n_bytes -= n;
        if (to->n_text == self->packer->text_bytes)
            cut(self);
    }
}

/* ---- marks ---- */

void sheaf__compressor_mark(sheaf__compressor *self)
{
    const part *in = current(self);
    if (!self->kept)
        self->kept = malloc(self->packer->text_bytes);
    if (!self->kept) {
        no_memory(self);
        return;
    }
    self->has_mark = true;
    self->is_written = false;
    self->marked = self->number;
    self->n_kept = in->n_text;
    if (in->n_text > 0)
        memcpy(self->kept, in->text, in->n_text);
}

/* No part before the marked one may be lost, and none from there on may be left. */
void sheaf__compressor_take_back(sheaf__compressor *self)
{
    while (take_part(self, self->marked))
        continue;
    if (self->output->failure < 0)
        return;
    if (self->is_written)
        (void)sheaf__output_take_back(self->output);
    self->is_written = false;
    self->number = self->marked;
    part *in = current(self);
    in->number = self->number;
    in->n_text = self->n_kept;
    if (self->n_kept > 0) /* then it has had its memory since */
        memcpy(in->text, self->kept, self->n_kept);
}

/* ---- from the beginning to the end ---- */

void sheaf__compressor_finish(sheaf__compressor *self)
{
    bool has_end = self->packer->end != NULL;
    if (self->output->failure < 0)
        return;
    if (current(self)->n_text > 0 || (self->number == 0 && !has_end)) {
        if (has_text(current(self)))
            cut(self);
        else
            no_memory(self);
    }
    while (take_part(self, UINT64_MAX))
        continue;
    if (has_end)
        sheaf__output_put(self->output, self->packer->end, self->packer->n_end_bytes);
}

/* One part more than threads is under way, so that none of them waits for us to write. */
sheaf_status sheaf__compressor_create(sheaf__packing packing, const sheaf__sink *sink,
                                      sheaf__output *output, sheaf__compressor **compressor,
                                      sheaf_error *err)
{
    size_t window = sink->executor ? sink->workers + 1 : 1;
    size_t n_parts = window + 1;
    sheaf__compressor *made = calloc(1, sizeof *made + n_parts * sizeof made->parts[0]);
    if (!made)
        return sheaf__error_memory(err, "a compressed file");
    made->packer = packing == SHEAF__PACKED_GZIP ? &sheaf__packer_gzip : &sheaf__packer_zstd;
    made->output = output;
    made->n_parts = n_parts;
    for (size_t i = 0; i < n_parts; i++)
        made->parts[i].packer = made->packer;
    sheaf_status status = sheaf__pipeline_create(sink->executor, window, &made->pipeline, err);
    if (status < 0) {
        sheaf__compressor_destroy(made);
        return status;
    }
    sheaf__pipeline_trace(made->pipeline, "compress", sink->waits, "wait for compressed text");
    *compressor = made;
    return SHEAF_OK;
}

void sheaf__compressor_destroy(sheaf__compressor *self)
{
    if (!self)
        return;
    sheaf__pipeline_destroy(self->pipeline); /* from then on nobody touches a part */
    for (size_t i = 0; i < self->n_parts; i++) {
        free(self->parts[i].text);
        free(self->parts[i].bytes);
        self->packer->destroy(self->parts[i].state);
    }
    free(self->kept);
    free(self);
}
