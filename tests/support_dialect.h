/* The default dialect with another delimiter. */
#ifndef SHEAF_TESTS_SUPPORT_DIALECT_H
#define SHEAF_TESTS_SUPPORT_DIALECT_H

#include <sheaf/dialect.h>

#define DIALECT(delimiter_) (&(const sheaf_dialect)SHEAF_DIALECT_RFC4180(delimiter_))

#endif
