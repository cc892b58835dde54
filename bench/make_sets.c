/*
 * Writes tables for bench/compare and bench/baseline.
 *
 *     make_sets KIND BYTES SEED FILE...
 *
 * Each file gets a header and rows (sets.h) until it has so many bytes; the second one by the next
 * seed, and so on: the same files on every machine.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/sets.h"

static void write_set(const char *kind, size_t n_bytes, uint64_t seed, const char *path)
{
    char row[BENCH_ROW_BYTES_MAX];
    bench_set set;
    size_t n_written = 0;
    FILE *file = fopen(path, "wb");
    if (!file)
        bench_fail("%s: %s", path, strerror(errno));
    bench_set_begin(&set, kind, seed);
    char *end = bench_set_header(&set, row);
    while (n_written < n_bytes) {
        size_t n = (size_t)(end - row);
        if (fwrite(row, 1, n, file) != n)
            bench_fail("%s: %s", path, strerror(errno));
        n_written += n;
        end = bench_set_row(&set, row);
    }
    if (fclose(file) != 0)
        bench_fail("%s: %s", path, strerror(errno));
}

int main(int argc, char **argv)
{
    if (argc < 5)
        bench_fail("make_sets KIND BYTES SEED FILE..., where KIND is one of %s", bench_set_kinds());
    size_t n_bytes = strtoull(argv[2], NULL, 10);
    uint64_t seed = strtoull(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++)
        write_set(argv[1], n_bytes, seed + (uint64_t)(i - 4), argv[i]);
    return 0;
}
