/* Records that were set aside: see rejects.h. */
#include "readers/rejects.h"

#include <stdlib.h>
#include <string.h>

enum { FAULTS_MIN = 8, BYTES_MIN = 1024 };

/* Room for `more` items of this size, by doubling; NULL: no memory. */
static void *grown(void *items, size_t n, size_t more, size_t *capacity, size_t least, size_t size)
{
    size_t wanted = *capacity > least ? *capacity : least;
    if (n + more <= *capacity)
        return items;
    while (wanted < n + more)
        wanted *= 2;
    void *made = realloc(items, wanted * size);
    if (made)
        *capacity = wanted;
    return made;
}

sheaf_status sheaf__rejects_add(sheaf__rejects *rejects, const sheaf__fault *fault,
                                const uint8_t *raw)
{
    if (rejects->counts_only)
        return SHEAF_OK;
    sheaf__fault *faults = grown(rejects->faults, rejects->n, 1, &rejects->capacity, FAULTS_MIN,
                                 sizeof *faults);
    if (!faults)
        return SHEAF_ENOMEM;
    rejects->faults = faults;
    uint8_t *bytes = grown(rejects->bytes, rejects->n_bytes, fault->n_raw, &rejects->bytes_capacity,
                           BYTES_MIN, 1);
    if (!bytes)
        return SHEAF_ENOMEM;
    rejects->bytes = bytes;
    memcpy(bytes + rejects->n_bytes, raw, fault->n_raw);
    rejects->n_bytes += fault->n_raw;
    faults[rejects->n++] = *fault;
    return SHEAF_OK;
}

size_t sheaf__rejects_bytes(const sheaf__rejects *rejects)
{
    return rejects->capacity * sizeof *rejects->faults + rejects->bytes_capacity;
}

void sheaf__rejects_end(sheaf__rejects *rejects)
{
    free(rejects->faults);
    free(rejects->bytes);
    *rejects = (sheaf__rejects){.counts_only = rejects->counts_only};
}
