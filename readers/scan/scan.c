/* Which kernels this machine has, and which one is used: see scan.h. */
#include "readers/scan/scan.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/annotate.h"
#include "engine/core/error.h"

extern const sheaf__scan_kernel sheaf__scan_scalar;
extern const sheaf__scan_kernel sheaf__scan_sse2;
extern const sheaf__scan_kernel sheaf__scan_avx2;
extern const sheaf__scan_kernel sheaf__scan_avx512;
extern const sheaf__scan_kernel sheaf__scan_neon;

#if defined(__x86_64__)

static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("pclmul") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512cd") &&
           __builtin_cpu_supports("avx512vbmi2");
}

#endif

/* The slowest first. */
static const struct kernel_info {
    const sheaf__scan_kernel *kernel;
    bool (*is_there)(void); /* NULL: always */
} kernels[] = {
    {&sheaf__scan_scalar, NULL},
#if defined(__x86_64__)
    {&sheaf__scan_sse2, NULL},
    {&sheaf__scan_avx2, has_avx2},
    {&sheaf__scan_avx512, has_avx512},
#elif defined(__aarch64__)
    {&sheaf__scan_neon, NULL},
#endif
};

enum { N_KERNELS = sizeof kernels / sizeof kernels[0] };

const sheaf__scan_kernel *sheaf__scan_kernel_at(size_t i)
{
    for (size_t k = 0; k < N_KERNELS; k++)
        if ((!kernels[k].is_there || kernels[k].is_there()) && i-- == 0)
            return kernels[k].kernel;
    return NULL;
}

static const char *wanted_name(void)
{
    const char *name = getenv("SHEAF_KERNEL");
    return name && *name ? name : NULL;
}

static const sheaf__scan_kernel *choose(void)
{
    const char *wanted = wanted_name();
    const sheaf__scan_kernel *chosen = NULL;
    const sheaf__scan_kernel *each;
    for (size_t i = 0; (each = sheaf__scan_kernel_at(i)) != NULL; i++)
        if (!wanted || strcmp(each->name, wanted) == 0)
            chosen = each;
    return chosen;
}

const sheaf__scan_kernel *sheaf__scan_kernel_get(void)
{
    static _Atomic(const sheaf__scan_kernel *) chosen; /* whoever comes first, it is the same one */
    SHEAF__ATOMIC(chosen);
    const sheaf__scan_kernel *kernel = atomic_load_explicit(&chosen, memory_order_relaxed);
    if (!kernel) {
        kernel = choose();
        atomic_store_explicit(&chosen, kernel, memory_order_relaxed);
    }
    return kernel;
}

sheaf_status sheaf__scan_check(sheaf_error *err)
{
    char names[64] = "";
    if (sheaf__scan_kernel_get())
        return SHEAF_OK;
    const sheaf__scan_kernel *each;
    for (size_t i = 0; (each = sheaf__scan_kernel_at(i)) != NULL; i++) {
        strcat(names, i > 0 ? ", " : "");
        strcat(names, each->name);
    }
    sheaf_error_set(err, SHEAF_EINVAL, "SHEAF_KERNEL=%s is not a kernel of this machine",
                    wanted_name());
    sheaf_error_hint(err, "it has: %s; without SHEAF_KERNEL the last of these is used", names);
    return SHEAF_EINVAL;
}
