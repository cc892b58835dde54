/* Decimal to double, correctly rounded: what fast_float does for us. */
#ifndef SHEAF_CONVERT_FLOAT_H
#define SHEAF_CONVERT_FLOAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The double nearest to digits * 10^exponent, digits not 0; ties to even (Lemire, "Number parsing
 * at a gigabyte per second", Software: Practice and Experience 51(8), 2021).
 *
 * Returns    false in the rare case that these digits alone do not decide: ask for the text then.
 */
bool sheaf__float_compose(uint64_t digits, int64_t exponent, double *value);

/*
 * The same of a text, which must be a number as RFC 8259 has it, or with a side of the point
 * missing.
 */
double sheaf__float_parse(const uint8_t *text, size_t n_bytes);

#ifdef __cplusplus
}
#endif

#endif
