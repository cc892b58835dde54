/*
 * Scanning: how fast each kernel of this machine finds fields and lines, counts lines, and sees
 * that text is UTF-8.
 *
 *     bench_scan, and the options of every bench (report.h)
 *
 * A MB of text is gone through many times, in pieces of 64 KiB as the readers do, so that it lies
 * in the second cache as it does there behind the copy from the kernel's. All kernels must find the
 * same. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench/sets.h"
#include "readers/scan/scan.h"

enum { PIECE_BYTES = 64 << 10, ROOM = PIECE_BYTES + SHEAF__SCAN_SLACK, TEXT_BYTES = 1 << 20 };

static size_t n_passes = 32;

typedef enum work { FIELDS, LINES, COUNT_LINES, UTF8, WORKS } work;

static const bench_section sections[WORKS] = {
    [FIELDS] = {"scan: where fields and lines end", "field", "ns"},
    [LINES] = {"scan: where lines end", "line", "ns"},
    [COUNT_LINES] = {"lines counted, quotes or not", "line", "ns"},
    [UTF8] = {"whether it is UTF-8", "line", "ns"},
};

/* A text, and what every kernel must find in it. */
typedef struct scan_set {
    const char *name;
    bench_text text;
    size_t found[WORKS];
} scan_set;

typedef struct scan_case {
    const sheaf__scan_kernel *kernel;
    scan_set *set;
    work work;
} scan_case;

/*
 * Fields or lines of a text; each piece begins where the last whole line of the one before ended.
 * A stop of the scan would be a text that is not well formed, of which there is none here.
 */
static size_t scan_pieces(const scan_case *c, sheaf__scan *scan)
{
    const uint8_t *text = (const uint8_t *)c->set->text.bytes;
    size_t n_bytes = c->set->text.n_bytes;
    size_t n_found = 0;
    for (size_t at = 0; at < n_bytes;) {
        size_t n = n_bytes - at < PIECE_BYTES ? n_bytes - at : PIECE_BYTES;
        c->kernel->scan(scan, text + at, 0, n, ',', '"', c->work == FIELDS);
        if (scan->stopped || scan->n_lines == 0)
            bench_fail("%s stops in %s", c->kernel->name, c->set->name);
        const sheaf__scan_line *last = &scan->lines[scan->n_lines - 1];
        n_found += c->work == FIELDS ? last->n_fields : scan->n_lines;
        at += last->at + 1;
    }
    return n_found;
}

static size_t go_through(const scan_case *c, sheaf__scan *scan)
{
    const bench_text *text = &c->set->text;
    if (c->work == COUNT_LINES)
        return c->kernel->count_lines((const uint8_t *)text->bytes, text->n_bytes);
    if (c->work == UTF8)
        return c->kernel->is_utf8((const uint8_t *)text->bytes, text->n_bytes) ? text->n_rows : 0;
    return scan_pieces(c, scan);
}

static void run(bench_run *run)
{
    const scan_case *c = run->input;
    uint32_t *fields = malloc(ROOM * sizeof *fields);
    sheaf__scan_line *lines = malloc(ROOM * sizeof *lines);
    if (!fields || !lines)
        bench_fail("no memory for an index");
    sheaf__scan scan = {.fields = fields, .lines = lines};
    size_t n_found = go_through(c, &scan);
    bench_begin(run);
    for (size_t pass = 0; pass < n_passes; pass++)
        n_found += go_through(c, &scan);
    bench_end(run);
    n_found /= n_passes + 1;
    if (c->set->found[c->work] == 0)
        c->set->found[c->work] = n_found;
    if (n_found == 0 || n_found != c->set->found[c->work])
        bench_fail("%s finds %zu in %s, not %zu", c->kernel->name, n_found, c->set->name,
                   c->set->found[c->work]);
    run->n = n_passes * n_found;
    run->n_bytes = n_passes * c->set->text.n_bytes;
    free(fields);
    free(lines);
}

/* Cases point to their input, which therefore stays where it is until the end. */
static void add_case(bench_suite *suite, const scan_case *c, bool is_base)
{
    static const char *const names[WORKS] = {"fields", "lines", "count", "utf8"};
    scan_case *input = malloc(sizeof *input);
    if (!input)
        bench_fail("no memory for a case");
    *input = *c;
    bench_case *one = bench_add(suite, &sections[c->work], c->kernel->name, run, input);
    one->is_base = is_base;
    snprintf(one->id, sizeof one->id, "%s_%s_%s", names[c->work], c->set->name, c->kernel->name);
    snprintf(one->what, sizeof one->what, "%s", c->set->name);
}

static void free_inputs(bench_suite *suite)
{
    for (size_t i = 0; i < suite->n_cases; i++)
        free(suite->cases[i].input);
}

int main(int argc, char **argv)
{
    scan_set sets[] = {{.name = "mixed"}, {.name = "quoted"}, {.name = "floats"}, {.name = "ints"}};
    enum { SETS = sizeof sets / sizeof *sets };
    bench_suite suite = {.name = "scan", .workers = 1, .repeat = 7};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--workers") == 0 || !bench_option(&suite, argv, &i))
            bench_fail("%s? " BENCH_OPTIONS_ALONE, argv[i]);
    if (suite.quick)
        n_passes = 1;
    for (size_t i = 0; i < SETS; i++)
        sets[i].text = bench_text_make(sets[i].name, 1, suite.quick ? PIECE_BYTES * 2 : TEXT_BYTES);
    for (work w = 0; w < WORKS; w++) {
        for (size_t i = 0; i < SETS; i++) {
            scan_case c = {.set = &sets[i], .work = w};
            for (size_t k = 0; (c.kernel = sheaf__scan_kernel_at(k)); k++)
                add_case(&suite, &c, k == 0);
        }
    }
    bench_suite_run(&suite);
    free_inputs(&suite);
    bench_suite_end(&suite);
    for (size_t i = 0; i < SETS; i++)
        bench_text_free(&sets[i].text);
    return 0;
}
