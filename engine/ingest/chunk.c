/* What workers hand to the merge, and what it is made of, which is used again: see load.h. */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/ingest/format.h"
#include "engine/ingest/keep.h"
#include "engine/ingest/load.h"

sheaf__batch *sheaf__load_take_batch(sheaf__load *load, const sheaf__heap *heap)
{
    sheaf__batch *batch = sheaf__freelist_pop(&load->batches);
    if (!batch)
        batch = sheaf__batch_create(heap);
    if (batch)
        batch->wants_places = load->wants_places && load->wants_rows;
    return batch;
}

void sheaf__load_give_batch(sheaf__load *load, sheaf__batch *batch)
{
    if (!batch)
        return;
    size_t most = load->range_bytes * (1 + sizeof(sheaf__cell));
    most = most > load->chunk_bytes * 4 ? most : load->chunk_bytes * 4;
    sheaf__batch_clear(batch, most + (512 << 10));
    sheaf__freelist_push(&load->batches, batch);
}

sheaf__reader *sheaf__load_take_reader(sheaf__load *load)
{
    sheaf__reader *reader = sheaf__freelist_pop(&load->readers);
    return reader ? reader : sheaf__reader_create();
}

void sheaf__load_give_reader(sheaf__load *load, sheaf__reader *reader)
{
    if (!reader)
        return;
    sheaf__reader_close(reader);
    sheaf__freelist_push(&load->readers, reader);
}

sheaf__chunk *sheaf__chunk_create(sheaf__load_file *file)
{
    sheaf__chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk)
        chunk->file = file;
    return chunk;
}

sheaf__chunk *sheaf__chunk_of_fault(sheaf__load_file *file, const sheaf_error *fault)
{
    sheaf__chunk *chunk = sheaf__chunk_create(file);
    sheaf_error *copy = chunk ? malloc(sizeof *copy) : NULL;
    if (!copy) {
        free(chunk);
        return NULL;
    }
    *copy = *fault;
    sheaf__error_source(copy, file->found->path);
    chunk->fault = copy;
    return chunk;
}

void sheaf__chunk_strip(sheaf__chunk *chunk)
{
    sheaf__budget_let_go(chunk);
    sheaf__load_give_batch(chunk->file->load, chunk->header);
    sheaf__load_give_batch(chunk->file->load, chunk->batch);
    sheaf__load_give_block(chunk->file->load, chunk->block);
    sheaf__columns_give(chunk->columns);
    sheaf__kept_drop(chunk);
    chunk->header = chunk->batch = NULL;
    chunk->block = NULL;
    chunk->columns = NULL;
    chunk->digest = (sheaf__digest){0};
}

void sheaf__chunk_release(void *object)
{
    sheaf__chunk *chunk = object;
    if (!chunk)
        return;
    sheaf__chunk_strip(chunk);
    sheaf__load_give_reader(chunk->file->load, chunk->reader);
    free(chunk->fault);
    free(chunk->kinds);
    sheaf__rejects_end(&chunk->rejects);
    free(chunk);
}

sheaf_status sheaf__chunk_refuse(sheaf__chunk *chunk, sheaf_error *err)
{
    sheaf__chunk *fault = sheaf__chunk_of_fault(chunk->file, err);
    if (!fault)
        return sheaf__error_memory(err, "an error");
    free(chunk->fault);
    chunk->fault = fault->fault;
    fault->fault = NULL;
    sheaf__chunk_release(fault);
    sheaf__chunk_strip(chunk);
    sheaf__load_give_reader(chunk->file->load, chunk->reader);
    chunk->reader = NULL;
    chunk->more = chunk->split = false;
    sheaf__reader_counts *counts = &chunk->counts; /* how much was read by then is chance */
    counts->records = counts->rejected = counts->blank_lines = counts->lone_crs = 0;
    counts->one_more = counts->one_blank = 0;
    counts->stored_bytes = counts->text_bytes = counts->comment_lines = 0;
    counts->repairs = (sheaf_repairs){0};
    return SHEAF_OK;
}
