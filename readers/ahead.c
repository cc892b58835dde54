/* Decompressing ahead: see ahead.h. */
#include "readers/ahead.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

/* So much at a time: long against waking somebody up, small enough to stay in the cache. */
enum { AHEAD_BYTES = 512 << 10 };

/* The helper's work. */
static void fill(void *arg)
{
    sheaf__ahead *ahead = arg;
    size_t n = 1;
    ahead->n_filled = 0;
    while (ahead->status == SHEAF_OK && n > 0 && ahead->n_filled < AHEAD_BYTES) {
        ahead->status = sheaf__decompressor_read(
            ahead->decompressor, ahead->filling + ahead->n_filled, AHEAD_BYTES - ahead->n_filled,
            &n, &ahead->failure);
        ahead->n_filled += ahead->status < 0 ? 0 : n;
    }
}

static void finish(sheaf__ahead *ahead, bool wanted)
{
    if (!ahead->handle)
        return;
    ahead->helper->finish(ahead->helper->context, ahead->handle, wanted);
    ahead->handle = NULL;
}

/* What the helper has filled is what is read next. */
static void take_turns(sheaf__ahead *ahead)
{
    finish(ahead, true);
    uint8_t *filled = ahead->filling;
    ahead->filling = ahead->ready;
    ahead->ready = filled;
    ahead->n_ready = ahead->n_filled;
    ahead->n_used = ahead->n_filled = 0;
}

/* Whether there are buffers, and some of the file is still to be read: else it is no use. */
static bool is_worth_while(sheaf__ahead *ahead, const sheaf__file_source *source)
{
    if (!source->can_seek || source->offset_bytes >= (uint64_t)source->opened.st_size)
        return false;
    if (!ahead->ready)
        ahead->ready = malloc(AHEAD_BYTES);
    if (!ahead->filling)
        ahead->filling = malloc(AHEAD_BYTES);
    return ahead->ready && ahead->filling; /* without memory for more it goes on as it is */
}

static void go_ahead(sheaf__ahead *ahead, sheaf__decompressor *decompressor,
                     const sheaf__helper *helper)
{
    if (!helper || ahead->handle || ahead->status < 0 || !is_worth_while(ahead, decompressor->from))
        return;
    ahead->helper = helper;
    ahead->decompressor = decompressor;
    ahead->stored_bytes = decompressor->from->offset_bytes;
    ahead->handle = helper->begin(helper->context, fill, ahead);
}

sheaf_status sheaf__ahead_read(sheaf__ahead *ahead, sheaf__decompressor *decompressor,
                               const sheaf__helper *helper, uint8_t *buffer, size_t capacity,
                               size_t *n_bytes, sheaf_error *err)
{
    sheaf_status status = SHEAF_OK;
    if (ahead->n_used == ahead->n_ready && ahead->handle)
        take_turns(ahead);
    size_t n_left = ahead->n_ready - ahead->n_used;
    if (n_left > 0) {
        *n_bytes = n_left < capacity ? n_left : capacity;
        memcpy(buffer, ahead->ready + ahead->n_used, *n_bytes);
        ahead->n_used += *n_bytes;
    } else if (ahead->status < 0) {
        *n_bytes = 0;
        sheaf__error_copy(err, &ahead->failure);
        status = ahead->status;
    } else {
        status = sheaf__decompressor_read(decompressor, buffer, capacity, n_bytes, err);
    }
    if (status == SHEAF_OK && *n_bytes > 0)
        go_ahead(ahead, decompressor, helper);
    return status;
}

uint64_t sheaf__ahead_stored_bytes(const sheaf__ahead *ahead, const sheaf__file_source *source)
{
    return ahead->handle ? ahead->stored_bytes : source->offset_bytes;
}

void sheaf__ahead_stop(sheaf__ahead *ahead)
{
    finish(ahead, false);
    ahead->n_ready = ahead->n_used = ahead->n_filled = 0;
    ahead->status = SHEAF_OK;
}

void sheaf__ahead_end(sheaf__ahead *ahead)
{
    sheaf__ahead_stop(ahead);
    free(ahead->ready);
    free(ahead->filling);
    ahead->ready = ahead->filling = NULL;
}
