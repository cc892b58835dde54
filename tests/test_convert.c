/*
 * Values of texts, by oracles: strtod(3) and timegm(3); and that the converters that take eight
 * cells at once give what the one gives that knows everything.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "readers/convert/converters.h"
#include "readers/scan/scan.h"
#include "tests/support.h"

enum { CELLS = 96, TEXT_BYTES = CELLS * 40, LIMIT = 120 };

static uint64_t seed = 12;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&seed, n);
}

static sheaf__kinds kind_of(const char *text, sheaf__value *value)
{
    /* Of exactly its size, so that AddressSanitizer sees who reads beyond it. */
    size_t n = strlen(text);
    uint8_t *copy = malloc(n > 0 ? n : 1);
    memcpy(copy, text, n);
    sheaf__kinds kind = sheaf__value_of(copy, n, value);
    free(copy);
    return kind;
}

/* ---- oracles ---- */

Test(convert, a_float_is_the_one_that_strtod_finds, .timeout = LIMIT)
{
    char text[64];
    for (int i = 0; i < 400000; i++) {
        uint64_t bits = random_next(&seed);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value))
            continue;
        snprintf(text, sizeof text, i % 3 ? "%.*e" : "%.*g", (int)below(25), value);
        double expected = strtod(text, NULL);
        sheaf__value found = {.real = -1};
        sheaf__kinds kind = kind_of(text, &found);
        if (!strpbrk(text, ".e"))
            continue; /* an integer */
        if (isinf(expected) || (expected == 0 && strpbrk(text, "123456789") < strchr(text, 'e')))
            cr_assert(kind == SHEAF__KIND_TEXT || expected == 0, "%s", text);
        else
            cr_assert(kind == SHEAF__KIND_FLOAT &&
                          memcmp(&found.real, &expected, sizeof expected) == 0,
                      "%s: %a, not %a", text, found.real, expected);
    }
}

Test(convert, an_integer_is_the_one_that_strtoll_finds, .timeout = LIMIT)
{
    char text[64];
    for (int i = 0; i < 200000; i++) {
        long long expected = (long long)(random_next(&seed) >> below(64)) * (below(2) ? 1 : -1);
        sheaf__value found;
        snprintf(text, sizeof text, "%lld", expected);
        sheaf__kinds kind = kind_of(text, &found);
        bool is_long = expected > (1LL << 53) || expected < -(1LL << 53);
        cr_assert_eq(kind, is_long ? SHEAF__KIND_LONG : SHEAF__KIND_INT, "%s", text);
        cr_assert_eq(found.integer, expected, "%s", text);
    }
}

Test(convert, every_day_is_the_one_that_timegm_finds, .timeout = LIMIT)
{
    char text[32];
    for (int year = 1; year <= 9999; year++) {
        for (int month = 1; month <= 12; month++) {
            for (int day = 1; day <= 31; day++) {
                struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
                int64_t expected = timegm(&tm) / 86400;
                bool is_one = tm.tm_mday == day;
                sheaf__value found = {0};
                snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
                sheaf__kinds kind = sheaf__value_of((const uint8_t *)text, 10, &found);
                cr_assert_eq(kind, is_one ? SHEAF__KIND_DATE : SHEAF__KIND_TEXT, "%s", text);
                cr_assert(!is_one || found.integer == expected, "%s", text);
            }
        }
    }
}

/* ---- eight at once ---- */

typedef struct column {
    uint8_t bytes[SHEAF__BATCH_SLACK + TEXT_BYTES + SHEAF__BATCH_SLACK];
    sheaf__cell cells[CELLS * 3]; /* ours is the second of three */
    size_t n_text;
    size_t n;
} column;

static void add_cell(column *c, const char *text)
{
    sheaf__cell *cell = &c->cells[c->n++ * 3 + 1];
    *cell = (sheaf__cell){.offset_bytes = (uint32_t)c->n_text, .n_bytes = SHEAF__NULL_CELL};
    if (!text)
        return;
    cell->n_bytes = (uint32_t)strlen(text);
    memcpy(c->bytes + SHEAF__BATCH_SLACK + c->n_text, text, cell->n_bytes);
    c->n_text += cell->n_bytes;
    c->bytes[SHEAF__BATCH_SLACK + c->n_text] = (uint8_t) "0123456789.-,\n"[below(14)];
    c->n_text += below(2); /* neighbours may touch */
}

typedef struct converted {
    size_t row;
    sheaf__kinds kinds;
    sheaf__value values[CELLS];
    uint8_t valid[CELLS / 8];
} converted;

static converted convert_with(sheaf__converter *convert, const column *c, size_t from)
{
    converted result = {.kinds = 0};
    sheaf__cells cells = {
        .text = c->bytes + SHEAF__BATCH_SLACK, .first = c->cells + 1, .stride = 3, .n = c->n};
    memset(result.values, 0x55, sizeof result.values);
    memset(result.valid, 0xFF, sizeof result.valid);
    result.row = convert(&cells, from, result.values, result.valid, &result.kinds);
    return result;
}

static void assert_same(sheaf__converter *fast, sheaf__converter *plain, const column *c,
                        size_t from)
{
    converted a = convert_with(fast, c, from);
    converted b = convert_with(plain, c, from);
    cr_assert_eq(a.row, b.row, "stops at %zu, not at %zu", a.row, b.row);
    cr_assert_eq(a.kinds, b.kinds, "kinds %x, not %x", a.kinds, b.kinds);
    for (size_t row = from; row < a.row; row++) {
        const sheaf__cell *cell = &c->cells[row * 3 + 1];
        const char *text = (const char *)c->bytes + SHEAF__BATCH_SLACK + cell->offset_bytes;
        cr_assert_eq(a.valid[row / 8] >> row % 8 & 1, b.valid[row / 8] >> row % 8 & 1);
        cr_assert_eq(a.values[row].integer, b.values[row].integer, "'%.*s': %llx, not %llx",
                     cell->n_bytes == SHEAF__NULL_CELL ? 0 : (int)cell->n_bytes, text,
                     (unsigned long long)a.values[row].integer,
                     (unsigned long long)b.values[row].integer);
    }
}

static bool has_avx512(void)
{
    const sheaf__scan_kernel *each;
    for (size_t i = 0; (each = sheaf__scan_kernel_at(i)) != NULL; i++)
        if (strcmp(each->name, "avx512") == 0)
            return true;
    return false;
}

/* Write digits, mostly without a zero in front. */
static void write_digits(char *text, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        text[i] = (char)('0' + below(10));
    if (n > 1 && text[0] == '0' && below(20))
        text[0] = '7';
    text[n] = '\0';
}

static void write_number(char *text, bool with_point)
{
    char digits[64];
    unsigned n = 1 + below(below(8) ? 8 : below(4) ? 16 : 24);
    write_digits(digits, n);
    unsigned before = with_point && below(4) ? below(n + 1) : n;
    sprintf(text, "%s%.*s%s%s", below(4) ? "" : "-", (int)before, digits,
            before < n || (with_point && !below(20)) ? "." : "", digits + before);
}

static void write_timestamp(char *text)
{
    sprintf(text, "%04u-%02u-%02u%c%02u:%02u:%02u", below(8) ? 1900 + below(200) : below(10000),
            1 + below(below(50) ? 12 : 13), 1 + below(below(50) ? 28 : 32), below(2) ? ' ' : 'T',
            below(24), below(60), below(60));
}

/* One character other, more or less. */
static void damage(char *text)
{
    static const char others[] = "0123456789.-+eE:TZ ,\n\"a";
    size_t n = strlen(text);
    size_t at = below((unsigned)n + 1);
    if (at < n && below(2))
        memmove(text + at, text + at + 1, n - at);
    else if (at < n)
        text[at] = others[below(sizeof others - 1)];
}

static void fill_column(column *c, int what)
{
    char text[80];
    unsigned n_nulls = below(3) ? 0 : below(100);
    unsigned n_odd = below(2) ? 0 : below(20);
    c->n = c->n_text = 0;
    for (unsigned n = below(CELLS + 1); n > 0; n--) {
        if (what == 2)
            write_timestamp(text);
        else
            write_number(text, what == 1);
        if (below(100) < n_odd)
            damage(text);
        add_cell(c, below(100) < n_nulls ? NULL : text);
    }
}

Test(convert, eight_at_once_are_what_they_are_one_by_one, .timeout = LIMIT)
{
#if defined(__x86_64__)
    static sheaf__converter *const pairs[][2] = {
        {sheaf__convert_int64_avx512, sheaf__convert_int64},
        {sheaf__convert_float64_avx512, sheaf__convert_float64},
        {sheaf__convert_timestamp_avx512, sheaf__convert_timestamp}};
    static column c;
    if (!has_avx512())
        cr_skip_test("NOT TESTED: this machine has no AVX-512");
    memset(c.bytes, '7', sizeof c.bytes);
    for (int i = 0; i < 90000; i++) {
        fill_column(&c, i % 3);
        assert_same(pairs[i % 3][0], pairs[i % 3][1], &c, c.n > 0 ? below((unsigned)c.n) : 0);
        assert_same(pairs[i % 3][0], pairs[i % 3][1], &c, 0);
    }
#endif
}

/* The calendar of eight dates at once, in all its days. */
Test(convert, eight_timestamps_at_once_know_every_day, .timeout = LIMIT)
{
#if defined(__x86_64__)
    static column c;
    char text[80];
    if (!has_avx512())
        cr_skip_test("NOT TESTED: this machine has no AVX-512");
    c.n = c.n_text = 0;
    for (unsigned year = 0; year <= 9999; year++) {
        for (unsigned month = 0; month <= 13; month += 1 + (year % 7 != 0)) {
            for (unsigned day = 0; day <= 32; day += 1 + (year % 7 != 0)) {
                sprintf(text, "%04u-%02u-%02u 23:59:59", year, month, day);
                add_cell(&c, text);
                if (c.n < CELLS)
                    continue;
                for (size_t row = 0; row < c.n; row++) {
                    converted found = convert_with(sheaf__convert_timestamp_avx512, &c, row);
                    cr_assert_eq(found.row, convert_with(sheaf__convert_timestamp, &c, row).row);
                    row = found.row;
                }
                assert_same(sheaf__convert_timestamp_avx512, sheaf__convert_timestamp, &c, 0);
                c.n = c.n_text = 0;
            }
        }
    }
#endif
}

Test(convert, types_have_names)
{
    sheaf_type type;
    for (int each = 0; each < SHEAF_TYPES; each++) {
        cr_assert(sheaf_type_parse(sheaf_type_name((sheaf_type)each), &type));
        cr_assert_eq((int)type, each);
    }
    cr_assert_not(sheaf_type_parse("number", &type));
    cr_assert_str_eq(sheaf_type_name((sheaf_type)99), "?");
}
