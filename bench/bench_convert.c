/*
 * Conversion: how fast the texts of a column become values, by each set of instructions.
 *
 *     bench_convert, and the options of every bench (report.h)
 *
 * The cells of a column stand as they do in a batch: record by record, as far apart as a record has
 * columns. Every text is of the column's type; a converter that says otherwise ends the bench, and
 * so does one whose values are not those of the slowest. MB are of the column's text, with a byte
 * behind each value. One thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/report.h"
#include "bench/sets.h"
#include "readers/convert/converters.h"
#include "readers/scan/scan.h"

static size_t n_rows =
    2048; /* whose cells and text fit in the second cache, as those of a batch do */
static size_t n_passes = 128;

static const bench_section section = {"conversion of a column", "value", "ns"};

/* A column of a set; a set's columns before the first quoted one are those that can be had. */
typedef struct convert_column {
    const char *id, *what;
    const char *set;
    size_t column;
    size_t skip; /* bytes at the beginning of each value that are not of it */
    sheaf_type type;
} convert_column;

static const convert_column columns[] = {
    {"int_short", "integers, up to 5 digits", "ints", 5, 0, SHEAF_TYPE_INT64},
    {"int_long", "integers, up to 12 digits", "mixed", 14, 0, SHEAF_TYPE_INT64},
    {"int_missing", "integers, one in five missing", "mixed", 12, 0, SHEAF_TYPE_INT64},
    {"float_short", "decimals, two places", "mixed", 6, 0, SHEAF_TYPE_FLOAT64},
    {"float_middle", "decimals, six places", "mixed", 9, 0, SHEAF_TYPE_FLOAT64},
    {"float_long", "decimals, 17 digits", "floats", 0, 0, SHEAF_TYPE_FLOAT64},
    {"timestamp", "timestamps", "mixed", 1, 0, SHEAF_TYPE_TIMESTAMP},
    {"date", "dates", "mixed", 13, 0, SHEAF_TYPE_DATE},
    {"time", "times", "mixed", 1, 11, SHEAF_TYPE_TIME},
    {"bool", "true and false", "mixed", 7, 0, SHEAF_TYPE_BOOL},
};

enum { COLUMNS = sizeof columns / sizeof *columns };

/* What a case works on: the same for all kernels of a column. */
typedef struct convert_input {
    const convert_column *column;
    bench_text text;
    sheaf__cell *cells;
    sheaf__cells view;
    uint64_t n_bytes;
    sheaf__value *values;
    uint8_t *valid;
    uint64_t sum; /* of the values, by whoever was first */
} convert_input;

typedef struct convert_case {
    sheaf__converter *converter;
    convert_input *input;
} convert_case;

static void *new_memory(size_t n, size_t size)
{
    void *memory = calloc(n, size);
    if (!memory)
        bench_fail("no memory for %zu values", n);
    return memory;
}

/* The cell of the input's column in a row that begins at `at`. */
static sheaf__cell cell_of(const convert_input *input, const char *at)
{
    for (size_t i = 0; i < input->column->column; i++)
        at = strchr(at, ',') + 1;
    size_t n = strcspn(at, ",\n");
    if (n == 0)
        return (sheaf__cell){.n_bytes = SHEAF__NULL_CELL};
    return (sheaf__cell){.offset_bytes = (uint32_t)(at + input->column->skip - input->text.bytes),
                         .n_bytes = (uint32_t)(n - input->column->skip)};
}

static convert_input input_of(const convert_column *column)
{
    size_t n_bytes = n_rows * (strcmp(column->set, "floats") == 0 ? 440 : 240);
    convert_input input = {.column = column, .text = bench_text_make(column->set, 1, n_bytes)};
    size_t n = input.text.n_rows < n_rows ? input.text.n_rows : n_rows;
    size_t stride = input.text.n_columns;
    input.cells = new_memory(n * stride, sizeof *input.cells);
    input.values = new_memory(n, sizeof *input.values);
    input.valid = new_memory(n / 8 + 1, 1);
    const char *row = strchr(input.text.bytes, '\n') + 1;
    for (size_t i = 0; i < n; i++, row = strchr(row, '\n') + 1) {
        input.cells[i * stride] = cell_of(&input, row);
        uint32_t n_text = input.cells[i * stride].n_bytes;
        input.n_bytes += (n_text == SHEAF__NULL_CELL ? 0 : n_text) + 1;
    }
    input.view = (sheaf__cells){
        .text = (const uint8_t *)input.text.bytes, .first = input.cells, .stride = stride, .n = n};
    return input;
}

static void input_end(convert_input *input)
{
    bench_text_free(&input->text);
    free(input->cells);
    free(input->values);
    free(input->valid);
}

static void convert(const convert_case *c)
{
    convert_input *input = c->input;
    sheaf__kinds kinds = 0;
    size_t n = c->converter(&input->view, 0, input->values, input->valid, &kinds);
    if (n != input->view.n)
        bench_fail("%s: the value in row %zu is none", input->column->id, n);
}

/* Of the bits of all values that there are. */
static uint64_t sum_of(const convert_input *input)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < input->view.n; i++)
        if (input->valid[i / 8] >> i % 8 & 1)
            sum = sum * 31 + (uint64_t)input->values[i].integer;
    return sum;
}

static void run(bench_run *run)
{
    const convert_case *c = run->input;
    convert_input *input = c->input;
    convert(c);
    bench_begin(run);
    for (size_t pass = 0; pass < n_passes; pass++)
        convert(c);
    bench_end(run);
    if (input->sum == 0)
        input->sum = sum_of(input);
    if (input->sum != sum_of(input))
        bench_fail("%s: not every kernel gives the same values", input->column->id);
    run->n = n_passes * input->view.n;
    run->n_bytes = n_passes * input->n_bytes;
}

/* One case for each kernel that has a converter of its own. */
static void add_cases(bench_suite *suite, convert_input *input)
{
    const sheaf__scan_kernel *kernel;
    sheaf__converter *before = NULL;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)); k++) {
        convert_case c = {sheaf__converter_with(kernel->name, input->column->type), input};
        if (c.converter == before)
            continue;
        convert_case *kept = new_memory(1, sizeof *kept);
        *kept = c;
        bench_case *one = bench_add(suite, &section, kernel->name, run, kept);
        one->is_base = !before;
        snprintf(one->id, sizeof one->id, "%s_%s", input->column->id, kernel->name);
        snprintf(one->what, sizeof one->what, "%s", input->column->what);
        before = c.converter;
    }
}

int main(int argc, char **argv)
{
    convert_input inputs[COLUMNS];
    bench_suite suite = {.name = "convert", .workers = 1, .repeat = 7};
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--workers") == 0 || !bench_option(&suite, argv, &i))
            bench_fail("%s? " BENCH_OPTIONS_ALONE, argv[i]);
    if (suite.quick) {
        n_rows = 500;
        n_passes = 1;
    }
    for (size_t i = 0; i < COLUMNS; i++) {
        inputs[i] = input_of(&columns[i]);
        add_cases(&suite, &inputs[i]);
    }
    bench_suite_run(&suite);
    for (size_t i = 0; i < suite.n_cases; i++)
        free(suite.cases[i].input);
    bench_suite_end(&suite);
    for (size_t i = 0; i < COLUMNS; i++)
        input_end(&inputs[i]);
    return 0;
}
