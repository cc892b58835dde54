/* Rows that are text: see block.h. */
#include "engine/sinks/text/block.h"

#include <stdlib.h>

enum { BYTES_MIN = 64 << 10 };

sheaf__text_block *sheaf__text_block_create(void)
{
    return calloc(1, sizeof(sheaf__text_block));
}

void sheaf__text_block_end(sheaf__text_block *block)
{
    free(block->memory);
    *block = (sheaf__text_block){0};
}

void sheaf__text_block_destroy(sheaf__text_block *block)
{
    if (block)
        sheaf__text_block_end(block);
    free(block);
}

void sheaf__text_block_clear(sheaf__text_block *block, size_t keep_bytes)
{
    if (!block)
        return;
    if (block->capacity > keep_bytes)
        sheaf__text_block_end(block);
    block->bytes = NULL;
    block->n_bytes = block->n_rows = 0;
    block->is_in_batch = false;
}

sheaf_status sheaf__text_block_grow(sheaf__text_block *block, size_t n_used, size_t n_bytes)
{
    size_t capacity = block->capacity * 2 > BYTES_MIN ? block->capacity * 2 : BYTES_MIN;
    if (n_bytes <= block->capacity)
        return SHEAF_OK;
    if (capacity < n_bytes)
        capacity = n_bytes;
    /* What nobody wants is not copied. */
    char *memory = n_used > 0 ? realloc(block->memory, capacity) : malloc(capacity);
    if (!memory)
        return SHEAF_ENOMEM;
    if (n_used == 0)
        free(block->memory);
    block->memory = memory;
    block->capacity = capacity;
    return SHEAF_OK;
}
