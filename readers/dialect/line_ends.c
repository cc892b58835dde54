#include "readers/dialect/line_ends.h"

#include <stdbool.h>

const char *sheaf__line_ends_of(const uint8_t *text, size_t n_bytes)
{
    bool lf = false;
    bool crlf = false;
    bool cr = false;
    for (size_t i = 0; i < n_bytes; i++) {
        bool is_cr = text[i] == '\r' && i + 1 < n_bytes;
        if (is_cr && text[i + 1] == '\n') {
            crlf = true;
            i++;
        } else {
            cr |= is_cr;
            lf |= text[i] == '\n';
        }
    }
    if (lf + crlf + cr > 1)
        return "mixed";
    return lf ? "lf" : crlf ? "crlf" : cr ? "cr" : NULL;
}
