/* Structs with a size: see options.h. */
#include "engine/core/options.h"

#include <string.h>

#include "engine/core/error.h"

static size_t size_of(const void *sized)
{
    size_t size;
    memcpy(&size, sized, sizeof size);
    return size;
}

sheaf_status sheaf__options_read(void *own, size_t own_bytes, const void *given, const char *what,
                                 sheaf_error *err)
{
    size_t given_bytes = given ? size_of(given) : own_bytes;
    if (given_bytes < sizeof(size_t))
        return sheaf_error_set(err, SHEAF_EINVAL, "%s.size is not set: = sizeof(%s)", what, what);
    for (size_t i = own_bytes; i < given_bytes; i++)
        if (((const char *)given)[i] != 0)
            return sheaf_error_set(
                err, SHEAF_EINVAL,
                "%s asks for something that this library does not know: the program was "
                "built for a newer one",
                what);
    memset(own, 0, own_bytes);
    if (given)
        memcpy(own, given, given_bytes < own_bytes ? given_bytes : own_bytes);
    memcpy(own, &own_bytes, sizeof own_bytes);
    return SHEAF_OK;
}
