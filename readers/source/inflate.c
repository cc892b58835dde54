/* Which libraries there are to inflate with, and which one is used: see inflate.h. */
#include "readers/source/inflate.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/error.h"

#ifdef SHEAF_ISAL
extern const sheaf__inflater sheaf__inflate_isal;
#endif

/* The slowest first. */
static const sheaf__inflater *const inflaters[] = {
    &sheaf__inflate_zlib,
#ifdef SHEAF_ISAL
    &sheaf__inflate_isal,
#endif
};

enum { N_INFLATERS = sizeof inflaters / sizeof inflaters[0] };

const sheaf__inflater *sheaf__inflater_at(size_t i)
{
    return i < N_INFLATERS ? inflaters[i] : NULL;
}

const sheaf__inflater *sheaf__inflater_get(void)
{
    const char *wanted = getenv("SHEAF_INFLATE");
    if (!wanted || !*wanted)
        return inflaters[N_INFLATERS - 1];
    for (size_t i = 0; i < N_INFLATERS; i++)
        if (strcmp(inflaters[i]->name, wanted) == 0)
            return inflaters[i];
    return NULL;
}

sheaf_status sheaf__inflate_check(sheaf_error *err)
{
    char names[32] = "";
    if (sheaf__inflater_get())
        return SHEAF_OK;
    for (size_t i = 0; i < N_INFLATERS; i++) {
        strcat(names, i > 0 ? ", " : "");
        strcat(names, inflaters[i]->name);
    }
    sheaf_error_set(err, SHEAF_EINVAL, "SHEAF_INFLATE=%s is nothing that this program has",
                    getenv("SHEAF_INFLATE"));
    sheaf_error_hint(err, "it has: %s; without SHEAF_INFLATE the last of these is used", names);
    return SHEAF_EINVAL;
}
