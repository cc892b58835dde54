/*
 * The tables that benches read: rows made by a generator, the same ones for the same kind and seed
 * on every machine. Benches of a layer make some megabytes of them in memory; make_sets writes them
 * into files, for bench/compare and bench/baseline.
 *
 *     mixed    16 columns as a trip has them: integers, decimals, timestamps, a date, a truth
 *              value, short texts of which one is quoted, and some that are missing
 *     quoted   7 columns, most bytes of which are in quotes, with commas, quotes and line ends
 *     floats   20 columns of 17 digits
 *     ints     6 columns of integers
 */
#ifndef SHEAF_BENCH_SETS_H
#define SHEAF_BENCH_SETS_H

#include <stddef.h>
#include <stdint.h>

enum { BENCH_ROW_BYTES_MAX = 4096 }; /* a header or row has fewer */

typedef struct bench_set {
    const struct bench_set_kind *kind;
    uint64_t random; /* the generator's state */
    uint64_t id;     /* of the last row, and its time: */
    uint64_t moment; /* seconds since 2019-01-01 */
} bench_set;

/* The names of all kinds, with a blank between each two. */
const char *bench_set_kinds(void);

/* Begin a set. A kind that there is not ends the program. */
void bench_set_begin(bench_set *set, const char *kind, uint64_t seed);

/* Write the header, or the next row, with its line end. Returns where it ends. */
char *bench_set_header(const bench_set *set, char *to);
char *bench_set_row(bench_set *set, char *to);

/* A whole table in memory, with so many bytes that may be read behind it and before it. */
enum { BENCH_TEXT_SLACK = 64 };

typedef struct bench_text {
    char *bytes; /* of malloc() BENCH_TEXT_SLACK before */
    size_t n_bytes;
    size_t n_rows; /* without the header */
    size_t n_columns;
} bench_text;

/* A header, and rows until there are at least n_bytes. The program ends when there is no memory. */
bench_text bench_text_make(const char *kind, uint64_t seed, size_t n_bytes);
void bench_text_free(bench_text *text);

/* Write it into a new file. */
void bench_text_write(const bench_text *text, const char *path);

#endif
