/* The converters that there are, for those who choose one (convert.c) and who fall back on one. */
#ifndef SHEAF_CONVERT_CONVERTERS_H
#define SHEAF_CONVERT_CONVERTERS_H

#include "readers/convert/convert.h"

/*
 * On every machine. All read up to SHEAF__BATCH_SLACK bytes before and behind the text of a cell.
 */
sheaf__converter sheaf__convert_bool;
sheaf__converter sheaf__convert_int64;
sheaf__converter sheaf__convert_float64;
sheaf__converter sheaf__convert_date;
sheaf__converter sheaf__convert_timestamp;
sheaf__converter sheaf__convert_timestamp_utc;
sheaf__converter sheaf__convert_time;

/* Several cells at once: see kernel.h. */
sheaf__converter sheaf__convert_int64_avx2;
sheaf__converter sheaf__convert_float64_avx2;
sheaf__converter sheaf__convert_timestamp_avx2;
sheaf__converter sheaf__convert_int64_avx512;
sheaf__converter sheaf__convert_float64_avx512;
sheaf__converter sheaf__convert_timestamp_avx512;

/* The converter of a type that goes with the scan kernel of this name; NULL for null and text. */
sheaf__converter *sheaf__converter_with(const char *kernel, sheaf_type type);

#endif
