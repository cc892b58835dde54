/* libpq at run time: see library.h. */
#include "engine/sinks/postgres/library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "engine/core/error.h"

#define SONAME "libpq.so.5"

sheaf__pq_functions sheaf__pq;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static char reason[256]; /* empty: it is there */

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define ENTRY(name) {"PQ" #name, offsetof(sheaf__pq_functions, name)},
    SHEAF__PQ_FUNCTIONS(ENTRY)
#undef ENTRY
};

static void load(void)
{
    void *library = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        snprintf(reason, sizeof reason, "%s", why ? why : SONAME);
        return;
    }
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *found = dlsym(library, functions[i].name);
        if (!found) {
            snprintf(reason, sizeof reason, "%s has no %s", SONAME, functions[i].name);
            return;
        }
        memcpy((char *)&sheaf__pq + functions[i].offset, &found, sizeof found);
    }
}

sheaf_status sheaf__pq_load(sheaf_error *err)
{
    pthread_once(&once, load);
    if (!reason[0])
        return SHEAF_OK;
    sheaf_error_set(err, SHEAF_EDATABASE, "the client library of PostgreSQL cannot be loaded: %s",
                    reason);
    sheaf_error_hint(err, "install it (Debian: libpq5)");
    return SHEAF_EDATABASE;
}
