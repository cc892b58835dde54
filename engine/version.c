/* What this library is made of: <sheaf/version.h>. */
#include <sheaf/version.h>

#include <stdio.h>

#include "engine/core/heap.h"
#include "engine/core/system.h"
#include "engine/sinks/sink.h"
#include "readers/record/parser.h"
#include "readers/scan/scan.h"
#include "readers/source/decompress.h"

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

const char *sheaf_version(void)
{
    return VERSION_TEXT(SHEAF_VERSION_MAJOR, SHEAF_VERSION_MINOR, SHEAF_VERSION_PATCH);
}

int sheaf_build_info(char *line, unsigned long size)
{
    char cpu[48];
    char decompressors[96];
    const char *allocator = sheaf__heap_describe();
    const sheaf__scan_kernel *kernel = sheaf__scan_kernel_get();
    sheaf__decompress_describe(decompressors, sizeof decompressors);
    return snprintf(line, size, "%s; libcsv %s, %s, SQLite %s, %s%s; cpu %s, scan %s",
#if defined(__clang__)
                    "clang " __clang_version__,
#else
                    "gcc " __VERSION__,
#endif
                    sheaf__parser_describe(), decompressors, sheaf__sqlite_describe(),
                    allocator ? "jemalloc " : "malloc", allocator ? allocator : "",
                    sheaf__cpu_features(cpu, sizeof cpu), kernel ? kernel->name : "none");
}
