/*
 * A digest of rows in their order, that can be made in parts: each part by another worker, in any
 * order, and put together in the order of the rows.
 *
 * A row is hashed as a line of text, its fields in the order of the table's columns (which lines
 * exactly, <sheaf/ingest.h> says: digest). The hashes of n lines are the coefficients of a
 * polynomial,
 *
 *     value = h[0] * B^(n-1) + h[1] * B^(n-2) + ... + h[n-1]     mod 2^61 - 1
 *
 * at a fixed point B. What two parts have together is the one's value times B to the number of the
 * other's lines, and the other's value: so no row is looked at again.
 *
 * Source: M. N. Wegman, J. L. Carter, "New hash functions and their use in authentication and set
 * equality", 1981; XXH3: Y. Collet, https://xxhash.com.
 */
#ifndef SHEAF_TABLE_DIGEST_H
#define SHEAF_TABLE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#include <sheaf/status.h>

#include "engine/table/batch.h"
#include "engine/table/names.h"

/* Of no lines: {0}. */
typedef struct sheaf__digest {
    uint64_t value;
    uint64_t n_lines;
} sheaf__digest;

/* The lines of `behind` come behind those that the digest has. */
void sheaf__digest_append(sheaf__digest *digest, const sheaf__digest *behind);

/*
 * The batch's rows come behind: column i of the table is the batch's column from[i], or null if
 * that is UINT32_MAX. from NULL: the batch's columns are the table's.
 */
void sheaf__digest_rows(sheaf__digest *digest, const sheaf__batch *batch, const uint32_t *from,
                        size_t n_columns);

/* A line of names comes behind. OK, ENOMEM. */
sheaf_status sheaf__digest_names(sheaf__digest *digest, const sheaf__names *names, size_t n_names);

/* So many bytes come behind, as one line: a block of a file, whatever is in it. */
void sheaf__digest_bytes(sheaf__digest *digest, const void *bytes, size_t n_bytes);

#endif
