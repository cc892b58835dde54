/*
 * Small integers in few bits: runs of one value, and groups of eight packed behind each other, as
 * Parquet mixes them (its "RLE/bit-packing hybrid").
 */
#ifndef SHEAF_SINKS_PARQUET_RUNS_H
#define SHEAF_SINKS_PARQUET_RUNS_H

#include "engine/sinks/bytes.h"

/* n values, each of at most so many bits: 1 to 32. */
void sheaf__parquet_put_runs(sheaf__bytes *to, const uint32_t *values, size_t n, unsigned bits);

/* n bits, as a bitmap has them, the last byte filled up with zeros; n_set of them are 1. */
void sheaf__parquet_put_bits(sheaf__bytes *to, const uint8_t *bitmap, size_t n, size_t n_set);

#endif
