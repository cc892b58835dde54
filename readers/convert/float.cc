/*
 * The only C++ of the library: fast_float is a set of headers. No exceptions, no run-time library.
 */
#include "readers/convert/float.h"

#include <fast_float/fast_float.h>

bool sheaf__float_compose(uint64_t digits, int64_t exponent, double *value)
{
    fast_float::adjusted_mantissa am =
        fast_float::compute_float<fast_float::binary_format<double>>(exponent, digits);
    if (am.power2 < 0)
        return false;
    fast_float::to_float(false, am, *value);
    return true;
}

double sheaf__float_parse(const uint8_t *text, size_t n_bytes)
{
    const char *first = reinterpret_cast<const char *>(text);
    double value = 0;
    fast_float::from_chars(first, first + n_bytes, value);
    return value;
}
