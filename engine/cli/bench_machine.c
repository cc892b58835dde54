/* What a bench ran on: figures without their machine say nothing. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "engine/cli/bench.h"

int bench_processors(void)
{
    cpu_set_t *set = CPU_ALLOC(
        65536); /* more than any kernel has: a mask that is too small fails */
    size_t size = CPU_ALLOC_SIZE(65536);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    if (set && sched_getaffinity(0, size, set) == 0)
        n = CPU_COUNT_S(size, set);
    CPU_FREE(set);
    return n < 1 ? 1 : n > 1024 ? 1024 : (int)n;
}

/* The value of "name : value" in /proc/cpuinfo, whichever of the known comes first. */
static void find_cpu(char *text, size_t size)
{
    static const char *const known[] = {"model name", "Hardware", "Processor", "cpu model"};
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "re");
    snprintf(text, size, "unknown processor");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        const char *colon = strstr(line, ": ");
        for (size_t i = 0; colon && i < sizeof known / sizeof known[0]; i++) {
            if (strncmp(line, known[i], strlen(known[i])) == 0) {
                sheaf_text_escape(colon + 2, strlen(colon + 2), text, size);
                fclose(file);
                return;
            }
        }
    }
    if (file)
        fclose(file);
}

void bench_machine_get(bench_machine *machine)
{
    struct utsname name;
    long pages = sysconf(_SC_PHYS_PAGES);
    long page_bytes = sysconf(_SC_PAGESIZE);
    find_cpu(machine->cpu, sizeof machine->cpu);
    if (uname(&name) == 0)
        snprintf(machine->system, sizeof machine->system, "%.48s %.64s %.32s", name.sysname,
                 name.release, name.machine);
    sheaf_build_info(machine->build, sizeof machine->build);
    machine->processors = bench_processors();
    machine->memory_bytes = pages > 0 ? (uint64_t)pages * (uint64_t)page_bytes : 0;
}
