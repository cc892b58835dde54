/* "Did you mean ...?" */
#ifndef SHEAF_TABLE_NEAREST_H
#define SHEAF_TABLE_NEAREST_H

#include "engine/table/names.h"

/*
 * The name that looks most like another: NULL, if none looks like it. Case, where ASCII has it,
 * makes no difference. Of a set of very many names only the first ones are looked at.
 */
const sheaf__name *sheaf__nearest_name(const sheaf__names *names, const char *bytes,
                                       size_t n_bytes);

#endif
