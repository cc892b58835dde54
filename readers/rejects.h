/*
 * Records that were set aside: what is wrong with each, and its bytes as they were.
 */
#ifndef SHEAF_READERS_REJECTS_H
#define SHEAF_READERS_REJECTS_H

#include "readers/fault.h"

typedef struct sheaf__rejects {
    bool counts_only; /* nobody wants to see them again */
    sheaf__fault *faults;
    size_t n;
    size_t capacity;
    uint8_t *bytes; /* of the first record, of the second, ...: n_raw each */
    size_t n_bytes;
    size_t bytes_capacity;
} sheaf__rejects;

/* Add one, with a copy of its bytes. OK, ENOMEM. */
sheaf_status sheaf__rejects_add(sheaf__rejects *rejects, const sheaf__fault *fault,
                                const uint8_t *raw);

/* What it takes. */
size_t sheaf__rejects_bytes(const sheaf__rejects *rejects);

void sheaf__rejects_end(sheaf__rejects *rejects);

#endif
