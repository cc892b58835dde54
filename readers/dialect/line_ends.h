/* How the lines of a text end. */
#ifndef SHEAF_DIALECT_LINE_ENDS_H
#define SHEAF_DIALECT_LINE_ENDS_H

#include <stddef.h>
#include <stdint.h>

/* "lf", "crlf", "cr", or "mixed"; NULL: there is none in it. A CR at the very end counts not. */
const char *sheaf__line_ends_of(const uint8_t *text, size_t n_bytes);

#endif
