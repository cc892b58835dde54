/*
 * Structs that callers fill and that grow with the library: their first member is `size_t size`.
 *
 * A caller that was built against an older header has a smaller struct: what it does not have is
 * zero, which always means "as before". One that was built against a newer header may run with this
 * library as long as it asks for nothing that this library does not know.
 */
#ifndef SHEAF_CORE_OPTIONS_H
#define SHEAF_CORE_OPTIONS_H

#include <sheaf/status.h>

/*
 * Copy what a caller gave (NULL: nothing) into `own`, of own_bytes, which begins with a size_t too.
 * `what` names the struct in messages.
 *
 * Returns    OK, with own->size = own_bytes; EINVAL: size is not set, or there is more than this
 *            library knows.
 */
sheaf_status sheaf__options_read(void *own, size_t own_bytes, const void *given, const char *what,
                                 sheaf_error *err);

#endif
