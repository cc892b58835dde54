/*
 * What a user says about values and columns: which texts are null, which types columns have, which
 * columns the table has. It is sent to processes that read for us as bytes.
 */
#ifndef SHEAF_INGEST_TYPING_H
#define SHEAF_INGEST_TYPING_H

#include <sheaf/arena.h>

#include "engine/table/schema.h"
#include "readers/convert/nulls.h"

typedef struct sheaf__typing {
    sheaf__nulls nulls;
    sheaf__asked_types asked;
    sheaf__rules rules;
    bool refuses_nul; /* the destination's text has no NUL byte */
} sheaf__typing;

/* As bytes, from malloc. NULL when there is no memory. */
void *sheaf__typing_pack(const sheaf__typing *typing, size_t *n_bytes);

/* From bytes that pack() made: a copy in the arena. OK, ENOMEM. */
sheaf_status sheaf__typing_unpack(sheaf__typing *typing, const void *bytes, size_t n_bytes,
                                  sheaf_arena *arena);

#endif
