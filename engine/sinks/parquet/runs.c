/*
 * Runs and packed groups: see runs.h. A run interrupts the packed groups only where one of
 * them ends, and if it is long enough to pay for its own head and that of the groups behind it.
 */
#include "engine/sinks/parquet/runs.h"

#include "engine/sinks/parquet/thrift.h"

enum { GROUP = 8, RUN_MIN = 24 };

static void put_run(sheaf__bytes *to, uint32_t value, size_t n, unsigned bits)
{
    sheaf__put_varint(to, (uint64_t)n << 1);
    sheaf__bytes_put(to, &value, (bits + 7) / 8); /* little-endian, as we are */
}

/* The last group may be short: zeros fill it up. */
static void put_packed(sheaf__bytes *to, const uint32_t *values, size_t n, unsigned bits)
{
    size_t n_groups = (n + GROUP - 1) / GROUP;
    if (n_groups == 0)
        return;
    sheaf__put_varint(to, (uint64_t)n_groups << 1 | 1);
    uint8_t *at = sheaf__bytes_add(to, n_groups * bits);
    if (!at)
        return;
    uint8_t *end = at + n_groups * bits;
    uint64_t pending = 0;
    unsigned n_pending = 0;
    for (size_t i = 0; i < n; i++) {
        pending |= (uint64_t)values[i] << n_pending;
        n_pending += bits;
        if (n_pending >= 32) {
            uint32_t word = (uint32_t)pending;
            memcpy(at, &word, sizeof word);
            at += sizeof word;
            pending >>= 32;
            n_pending -= 32;
        }
    }
    for (; at < end; at++, pending >>= 8)
        *at = (uint8_t)pending;
}

static size_t run_length(const uint32_t *values, size_t n)
{
    size_t length = 1;
    while (length < n && values[length] == values[0])
        length++;
    return length;
}

void sheaf__parquet_put_runs(sheaf__bytes *to, const uint32_t *values, size_t n, unsigned bits)
{
    size_t begin = 0; /* of what is to be packed */
    size_t i = 0;
    while (i < n) {
        size_t run = n - i < RUN_MIN || values[i] != values[i + RUN_MIN - 1]
                         ? 0
                         : run_length(values + i, n - i);
        if (run < RUN_MIN) {
            i += GROUP;
            continue;
        }
        put_packed(to, values + begin, i - begin, bits);
        put_run(to, values[i], run, bits);
        i += run;
        begin = i;
    }
    if (begin < n)
        put_packed(to, values + begin, n - begin, bits);
}

void sheaf__parquet_put_bits(sheaf__bytes *to, const uint8_t *bitmap, size_t n, size_t n_set)
{
    if (n == 0)
        return;
    if (n_set == 0 || n_set == n) {
        put_run(to, n_set > 0, n, 1);
    } else {
        sheaf__put_varint(to, (uint64_t)((n + GROUP - 1) / GROUP) << 1 | 1);
        sheaf__bytes_put(to, bitmap, (n + 7) / 8);
    }
}
