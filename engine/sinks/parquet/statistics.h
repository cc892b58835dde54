/*
 * The smallest and the largest value of a column chunk, as Parquet's statistics have them: by the
 * order of the column's type, of texts that of their bytes.
 *
 * Of doubles NaN does not count, and a bound that is zero is -0.0 below and 0.0 above, since
 * readers differ on which of them is smaller. Of long texts there is only the beginning, which is a
 * bound and no value: of the largest it is counted up by one character, and where that cannot be
 * done, there is none.
 */
#ifndef SHEAF_SINKS_PARQUET_STATISTICS_H
#define SHEAF_SINKS_PARQUET_STATISTICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/type.h>

enum { SHEAF__BOUND_BYTES_MAX = 64 };

typedef struct sheaf__bound {
    uint8_t bytes[SHEAF__BOUND_BYTES_MAX];
    uint8_t n_bytes;
    bool is_there;
    bool is_exact;
} sheaf__bound;

typedef struct sheaf__bounds {
    sheaf__bound min;
    sheaf__bound max;
} sheaf__bounds;

/*
 * Of n values that stand behind each other; of texts `values` are the ends, and value i stands from
 * ends[i] to ends[i + 1]. If there are `firsts`, only the n values with these indexes count.
 */
void sheaf__bounds_of(sheaf__bounds *bounds, sheaf_type type, const void *values,
                      const uint8_t *text, const uint32_t *firsts, size_t n);

#endif
