/* What a user says about values, as bytes: see typing.h. */
#include "engine/ingest/typing.h"

#include <stdlib.h>
#include <string.h>

/* First the two counts; then each text with its NUL, a column's behind a byte for its type. */
typedef struct packed_head {
    uint64_t n_nulls;
    uint64_t n_asked;
} packed_head;

void *sheaf__typing_pack(const sheaf__typing *typing, size_t *n_bytes)
{
    packed_head head = {.n_nulls = typing->nulls.n, .n_asked = typing->asked.n};
    *n_bytes = sizeof head;
    for (size_t i = 0; i < head.n_nulls; i++)
        *n_bytes += strlen(typing->nulls.tokens[i]) + 1;
    for (size_t i = 0; i < head.n_asked; i++)
        *n_bytes += strlen(typing->asked.items[i].column) + 2;
    char *bytes = malloc(*n_bytes);
    if (!bytes)
        return NULL;
    memcpy(bytes, &head, sizeof head);
    char *at = bytes + sizeof head;
    for (size_t i = 0; i < head.n_nulls; i++)
        at = stpcpy(at, typing->nulls.tokens[i]) + 1;
    for (size_t i = 0; i < head.n_asked; i++) {
        *at++ = (char)typing->asked.items[i].type;
        at = stpcpy(at, typing->asked.items[i].column) + 1;
    }
    return bytes;
}

sheaf_status sheaf__typing_unpack(sheaf__typing *typing, const void *bytes, size_t n_bytes,
                                  sheaf_arena *arena)
{
    packed_head head;
    memcpy(&head, bytes, sizeof head);
    char *copy = sheaf_arena_new(arena, char, n_bytes);
    const char **tokens = sheaf_arena_new(arena, const char *, head.n_nulls);
    sheaf_column_type *asked = sheaf_arena_new(arena, sheaf_column_type, head.n_asked);
    if (!copy || !tokens || !asked)
        return SHEAF_ENOMEM;
    memcpy(copy, bytes, n_bytes);
    const char *at = copy + sizeof head;
    for (size_t i = 0; i < head.n_nulls; i++) {
        tokens[i] = at;
        at += strlen(at) + 1;
    }
    for (size_t i = 0; i < head.n_asked; i++) {
        asked[i] = (sheaf_column_type){.column = at + 1, .type = (sheaf_type)at[0]};
        at += strlen(at + 1) + 2;
    }
    typing->nulls = (sheaf__nulls){.tokens = tokens, .n = head.n_nulls};
    typing->asked = (sheaf__asked_types){.items = asked, .n = head.n_asked};
    return SHEAF_OK;
}
