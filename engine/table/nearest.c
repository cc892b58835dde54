/*
 * Names that look alike: by the Levenshtein distance, which is the number of bytes to be put in,
 * taken out or replaced (R. A. Wagner, M. J. Fischer: The String-to-String Correction Problem,
 * 1974). See nearest.h.
 */
#include "engine/table/nearest.h"

enum { BYTES_MAX = 64, NAMES_MAX = 20000 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* One row of the table at a time; both have at most BYTES_MAX. */
static size_t distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[BYTES_MAX + 1];
    for (size_t k = 0; k <= n_b; k++)
        row[k] = k;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t k = 1; k <= n_b; k++) {
            size_t replaced = diagonal + (lower(a[i - 1]) != lower(b[k - 1]));
            diagonal = row[k];
            row[k] = least(replaced, row[k] + 1, row[k - 1] + 1);
        }
    }
    return row[n_b];
}

const sheaf__name *sheaf__nearest_name(const sheaf__names *names, const char *bytes, size_t n_bytes)
{
    const sheaf__name *nearest = NULL;
    size_t best = n_bytes / 3 + 1; /* a third of it may differ, and of a short one a byte */
    if (n_bytes > BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < names->n_items && i < NAMES_MAX; i++) {
        const sheaf__name *each = &names->items[i];
        if (each->n_bytes > BYTES_MAX)
            continue;
        size_t n = distance(bytes, n_bytes, each->bytes, each->n_bytes);
        if (n < n_bytes && n < best + (nearest == NULL)) {
            best = n;
            nearest = each;
        }
    }
    return nearest;
}
