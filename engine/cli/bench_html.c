#include "engine/cli/bench.h"
void bench_print_html(const bench *self, FILE *out)
{
    (void)self;
    (void)out;
}
