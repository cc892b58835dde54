/* Texts that stand for null because the user said so. */
#ifndef SHEAF_CONVERT_NULLS_H
#define SHEAF_CONVERT_NULLS_H

#include "engine/table/batch.h"

typedef struct sheaf__nulls {
    const char *const *tokens;
    size_t n;
} sheaf__nulls;

bool sheaf__nulls_has(const sheaf__nulls *nulls, const void *text, size_t n_bytes);

/* Make null of every field that is one of the tokens, quoted or not. */
void sheaf__nulls_apply(const sheaf__nulls *nulls, sheaf__batch *batch);

#endif
