/*
 * Rows for the sink: where it finds the table's columns in a file's batch, and, for sinks that
 * write text, the rows as text, made by the worker that read them. See load.h.
 *
 * When rows are read all headers are known, so a worker knows as much of the table as the merge;
 * but not which number a row has in its file if it read a range of it. What it cannot make, the
 * merge does.
 */
#include <stdlib.h>

#include "engine/core/error.h"
#include "engine/ingest/added.h"
#include "engine/ingest/load.h"

sheaf_status sheaf__project(sheaf__projection *projection, const sheaf__load *load, uint32_t layout,
                            sheaf_error *err)
{
    const sheaf__schema *schema = &load->schema;
    size_t n_columns = schema->table->n_items;
    if (projection->from && projection->layout == layout && projection->n_columns == n_columns)
        return SHEAF_OK;
    if (!projection->from || projection->n_columns != n_columns) {
        free(projection->from);
        projection->from = calloc(n_columns + 1, sizeof *projection->from);
        if (!projection->from)
            return sheaf__error_memory(err, "the columns");
    }
    sheaf__schema_project(schema, layout, projection->from);
    if (schema->n_added > 0)
        sheaf__added_project(schema->rules, n_columns - schema->n_added, projection->from);
    projection->layout = layout;
    projection->n_columns = n_columns;
    return SHEAF_OK;
}

void sheaf__projection_end(sheaf__projection *projection)
{
    free(projection->from);
}

/* Of a file that has another header by now, which the merge will find out, there may be less. */
static bool has_columns(const sheaf__batch *batch, const sheaf__projection *projection)
{
    for (size_t i = 0; i < projection->n_columns; i++)
        if (projection->from[i] < SHEAF__ROW_COLUMN && projection->from[i] >= batch->n_columns)
            return false;
    return true;
}

static bool can_format(const sheaf__load *load, const sheaf__chunk *chunk)
{
    return load->sink && load->sink->ops->format && load->pass == SHEAF__PASS_ROWS &&
           chunk->batch->n_rows > 0 && chunk->file->layout != SHEAF__NO_NAME &&
           !(load->wants_places && chunk->split);
}

static sheaf__text_block *take_block(sheaf__load *load)
{
    sheaf__text_block *block = sheaf__freelist_pop(&load->blocks);
    return block ? block : sheaf__text_block_create();
}

void sheaf__load_give_block(sheaf__load *load, sheaf__text_block *block)
{
    if (!block)
        return;
    sheaf__text_block_clear(block, load->chunk_bytes * 4);
    sheaf__freelist_push(&load->blocks, block);
}

/* A batch that is text now is free for whoever reads next. */
sheaf_status sheaf__chunk_format(sheaf__projection *projection, sheaf__chunk *chunk,
                                 sheaf_error *err)
{
    sheaf__load *load = chunk->file->load;
    char number[SHEAF__NUMBER_BYTES];
    if (!can_format(load, chunk))
        return SHEAF_OK;
    sheaf_status status = sheaf__project(projection, load, chunk->file->layout, err);
    if (status < 0 || !has_columns(chunk->batch, projection))
        return status;
    sheaf__rows rows = {.n_rows = chunk->batch->n_rows,
                        .batch = chunk->batch,
                        .from = projection->from,
                        .n_columns = projection->n_columns,
                        .path = chunk->file->path,
                        .number = number};
    chunk->block = take_block(load);
    if (!chunk->block || load->sink->ops->format(load->sink, &rows, chunk->block) < 0)
        return sheaf__error_memory(err, "rows as text");
    if (chunk->block->n_rows < rows.n_rows || chunk->block->is_in_batch)
        return SHEAF_OK;
    sheaf__load_give_batch(load, chunk->batch);
    chunk->batch = NULL;
    return SHEAF_OK;
}
