/* The recorder of a trace: see trace.h. */
#include "engine/core/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/annotate.h"
#include "engine/core/system.h"

enum { MOVES_PER_EVENT = 16 };

void sheaf__trace_init(sheaf_trace *trace, size_t events_max)
{
    if (events_max == 0)
        events_max = SHEAF__TRACE_EVENTS_MAX;
    *trace = (sheaf_trace){.begun_ns = sheaf__now_ns(),
                           .blocks_max = (events_max - 1) / SHEAF__TRACE_BLOCK_EVENTS + 1};
    pthread_mutex_init(&trace->mutex, NULL);
    SHEAF__ATOMIC(trace->n_blocks);
    trace->rows_end = &trace->rows;
}

void sheaf__trace_end(sheaf_trace *trace)
{
    while (trace->rows) {
        sheaf_trace_row *row = trace->rows;
        trace->rows = row->next;
        while (row->first) {
            sheaf__trace_block *block = row->first;
            row->first = block->next;
            free(block);
        }
        free(row);
    }
    while (trace->texts) {
        sheaf__trace_text *text = trace->texts;
        trace->texts = text->next;
        free(text);
    }
    pthread_mutex_destroy(&trace->mutex);
}

sheaf_trace_row *sheaf_trace_add_row(sheaf_trace *trace, const char *name)
{
    sheaf_trace_row *row = trace ? calloc(1, sizeof *row) : NULL;
    if (!row)
        return NULL;
    row->trace = trace;
    snprintf(row->name, sizeof row->name, "%s", name);
    pthread_mutex_lock(&trace->mutex);
    bool has_room = trace->n_rows < SHEAF__TRACE_ROWS_MAX;
    if (has_room) {
        *trace->rows_end = row;
        trace->rows_end = &row->next;
        trace->n_rows++;
    }
    pthread_mutex_unlock(&trace->mutex);
    if (has_room)
        return row;
    free(row);
    return NULL;
}

const char *sheaf__trace_copy(sheaf_trace *trace, const char *text)
{
    size_t n_bytes = strlen(text) + 1;
    sheaf__trace_text *copy = malloc(sizeof *copy + n_bytes);
    if (!copy)
        return NULL;
    memcpy(copy->bytes, text, n_bytes);
    pthread_mutex_lock(&trace->mutex);
    copy->next = trace->texts;
    trace->texts = copy;
    pthread_mutex_unlock(&trace->mutex);
    return copy->bytes;
}

int64_t sheaf_trace_now(const sheaf_trace_row *row)
{
    return row ? sheaf__now_ns() : 0;
}

/* One more block for the row, if there may be one. */
static sheaf__trace_block *add_block(sheaf_trace_row *row)
{
    sheaf_trace *trace = row->trace;
    if (atomic_load_explicit(&trace->n_blocks, memory_order_relaxed) >= trace->blocks_max ||
        atomic_fetch_add_explicit(&trace->n_blocks, 1, memory_order_relaxed) >= trace->blocks_max)
        return NULL;
    sheaf__trace_block *block = malloc(sizeof *block);
    if (!block)
        return NULL;
    block->next = NULL;
    block->n = 0;
    if (row->last)
        row->last->next = block;
    else
        row->first = block;
    row->last = block;
    return block;
}

void sheaf__trace_put(sheaf_trace_row *row, const sheaf__trace_record *record)
{
    if (!row)
        return;
    sheaf__trace_block *block = row->last;
    if (!block || block->n == SHEAF__TRACE_BLOCK_EVENTS)
        block = add_block(row);
    if (block)
        block->items[block->n++] = *record;
    else
        row->n_lost++;
}

void sheaf_trace_add(sheaf_trace_row *row, int64_t begun, const sheaf_trace_event *event)
{
    if (!row)
        return;
    sheaf__trace_put(row, &(sheaf__trace_record){
                              .begun_ns = begun, .ended_ns = sheaf__now_ns(), .event = *event});
}

void sheaf__trace_clear(sheaf_trace_row *row)
{
    sheaf__trace_block *first = row->first;
    while (first && first->next) {
        sheaf__trace_block *block = first->next;
        first->next = block->next;
        free(block);
        atomic_fetch_sub_explicit(&row->trace->n_blocks, 1, memory_order_relaxed);
    }
    if (first)
        first->n = 0;
    row->last = first;
    row->n_lost = 0;
}

static int compare(const sheaf__trace_record *a, const sheaf__trace_record *b)
{
    if (a->begun_ns != b->begun_ns)
        return a->begun_ns < b->begun_ns ? -1 : 1;
    return a->ended_ns > b->ended_ns ? -1 : a->ended_ns < b->ended_ns;
}

static int compare_pointers(const void *one, const void *other)
{
    return compare(*(const sheaf__trace_record *const *)one,
                   *(const sheaf__trace_record *const *)other);
}

/*
 * Events come in the order of their ends, which is nearly that of their beginnings: only what has
 * others within it comes behind them. So each is moved to its place, unless these are far away.
 */
static void sort(const sheaf__trace_record **items, size_t n)
{
    size_t most = n * MOVES_PER_EVENT;
    for (size_t i = 1; i < n; i++) {
        const sheaf__trace_record *item = items[i];
        size_t at = i;
        for (; at > 0 && compare(items[at - 1], item) > 0; at--)
            items[at] = items[at - 1];
        items[at] = item;
        most -= i - at < most ? i - at : most;
        if (most == 0) {
            qsort(items, n, sizeof *items, compare_pointers);
            return;
        }
    }
}

const sheaf__trace_record **sheaf__trace_sort(const sheaf_trace_row *row, size_t *n)
{
    *n = 0;
    for (const sheaf__trace_block *block = row->first; block; block = block->next)
        *n += block->n;
    const sheaf__trace_record **sorted = malloc((*n + 1) * sizeof *sorted);
    if (!sorted)
        return NULL;
    size_t at = 0;
    for (const sheaf__trace_block *block = row->first; block; block = block->next)
        for (size_t i = 0; i < block->n; i++)
            sorted[at++] = &block->items[i];
    sort(sorted, *n);
    return sorted;
}
