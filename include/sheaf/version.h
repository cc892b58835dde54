/*
 * The version of the headers, and of the library that was found at run time.
 *
 * The numbers here are the only ones: CMake reads them for the SONAME, the package files and the
 * program.
 */
#ifndef SHEAF_VERSION_H
#define SHEAF_VERSION_H

#include <sheaf/export.h>

#define SHEAF_VERSION_MAJOR 0
#define SHEAF_VERSION_MINOR 1
#define SHEAF_VERSION_PATCH 0

SHEAF_BEGIN_DECLS

/*
 * The library's version, "MAJOR.MINOR.PATCH".
 *
 * Ownership  static text.
 * Threads    any.
 */
SHEAF_API const char *sheaf_version(void);

/*
 * How the library was built and what it found on this machine, one line for a bug report: compiler,
 * allocator, libraries and their versions, CPU features.
 *
 * Returns    the number of bytes the whole line has, as snprintf does; at most size - 1 are
 *            written.
 * Threads    any.
 */
SHEAF_API int sheaf_build_info(char *line, unsigned long size);

SHEAF_END_DECLS

#endif
