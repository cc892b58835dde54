/*
 * See raw.h. A window keeps a record while it is read, and gives up what comes before it only when
 * more is read.
 */
#include "readers/raw.h"

#include "readers/state.h"

const uint8_t *sheaf__reader_raw(const sheaf__reader *reader, uint64_t offset_bytes,
                                 size_t *n_bytes)
{
    const sheaf__window *window = &reader->window;
    size_t begin = offset_bytes > window->base_bytes ? (size_t)(offset_bytes - window->base_bytes)
                                                     : 0;
    if (begin > window->record)
        begin = window->record;
    *n_bytes = window->record - begin;
    return window->bytes + begin;
}
