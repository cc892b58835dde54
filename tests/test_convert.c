/*
 * Values of texts, by oracles: strtod(3) and timegm(3); and that the converters that take several
 * cells at once give what the one gives that knows everything, and read no further than they may.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "readers/convert/converters.h"
#include "readers/scan/scan.h"
#include "tests/support.h"

enum { CELLS = 96, TEXT_BYTES = CELLS * 48, LIMIT = 120 };

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
    for (size_t i = 0; i < rounds(400000); i++) {
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
    for (size_t i = 0; i < rounds(200000); i++) {
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

/* ---- several at once ---- */

typedef struct column {
    uint8_t bytes[TEXT_BYTES];
    sheaf__cell cells[CELLS * 3]; /* ours is the second of three */
    size_t n_text;
    size_t n;
} column;

static void add_bytes(column *c, const char *text, size_t n_bytes)
{
    c->cells[c->n++ * 3 + 1] = (sheaf__cell){.offset_bytes = (uint32_t)c->n_text,
                                             .n_bytes = (uint32_t)n_bytes};
    memcpy(c->bytes + c->n_text, text, n_bytes);
    c->n_text += n_bytes;
    c->bytes[c->n_text] = (uint8_t) "0123456789.-,\n"[below(14)];
    c->n_text += below(2); /* neighbours may touch */
}

/* NULL: a null. */
static void add_cell(column *c, const char *text)
{
    add_bytes(c, text ? text : "", text ? strlen(text) : 0);
    if (!text)
        c->cells[(c->n - 1) * 3 + 1].n_bytes = SHEAF__NULL_CELL;
}

static void clear(column *c)
{
    c->n = c->n_text = 0;
}

/*
 * The column's text where no more can be read than a converter may: pages that nobody may touch
 * begin where the slack ends, on one side of it. What stands in the slack looks like numbers.
 */
static const uint8_t *place(const column *c, bool at_the_end)
{
    static uint8_t *begin;
    static uint8_t *end;
    if (!begin) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        size_t n_bytes = (TEXT_BYTES + 2 * SHEAF__BATCH_SLACK + page - 1) / page * page;
        uint8_t *pages = mmap(NULL, n_bytes + 2 * page, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        cr_assert_neq(pages, MAP_FAILED);
        begin = pages + page;
        end = begin + n_bytes;
        cr_assert_eq(mprotect(pages, page, PROT_NONE), 0);
        cr_assert_eq(mprotect(end, page, PROT_NONE), 0);
    }
    uint8_t *text = at_the_end ? end - SHEAF__BATCH_SLACK - c->n_text : begin + SHEAF__BATCH_SLACK;
    memset(begin, '7', (size_t)(end - begin));
    memcpy(text, c->bytes, c->n_text);
    return text;
}

typedef struct converted {
    size_t row;
    sheaf__kinds kinds;
    sheaf__value values[CELLS];
    uint8_t valid[CELLS / 8];
} converted;

enum { UNTOUCHED = 0x55 };

static converted convert_with(sheaf__converter *convert, const column *c, const uint8_t *text,
                              size_t from)
{
    converted result = {.kinds = 0};
    sheaf__cells cells = {.text = text, .first = c->cells + 1, .stride = 3, .n = c->n};
    memset(result.values, UNTOUCHED, sizeof result.values);
    memset(result.valid, 0xFF, sizeof result.valid);
    result.row = convert(&cells, from, result.values, result.valid, &result.kinds);
    return result;
}

static void assert_untouched(const converted *all, size_t row, size_t end)
{
    sheaf__value untouched;
    memset(&untouched, UNTOUCHED, sizeof untouched);
    for (; row < end; row++)
        cr_assert_eq(all->values[row].integer, untouched.integer, "row %zu was written", row);
}

/* From one row on, with one converter. Returns where it stops. */
static size_t assert_same_from(const char *kernel, sheaf_type type, const column *c,
                               const uint8_t *text, size_t from)
{
    converted a = convert_with(sheaf__converter_with(kernel, type), c, text, from);
    converted b = convert_with(sheaf__converter_with("scalar", type), c, text, from);
    cr_assert_eq(a.row, b.row, "%s stops at %zu, not at %zu", kernel, a.row, b.row);
    cr_assert_eq(a.kinds, b.kinds, "%s: kinds %x, not %x", kernel, a.kinds, b.kinds);
    assert_untouched(&a, 0, from);
    assert_untouched(&a, c->n, CELLS);
    for (size_t row = 0; row < a.row; row++) {
        const sheaf__cell *cell = &c->cells[row * 3 + 1];
        int n_bytes = cell->n_bytes == SHEAF__NULL_CELL ? 0 : (int)cell->n_bytes;
        cr_assert_eq(a.valid[row / 8] >> row % 8 & 1, b.valid[row / 8] >> row % 8 & 1);
        cr_assert_eq(a.values[row].integer, b.values[row].integer, "%s: '%.*s': %llx, not %llx",
                     kernel, n_bytes, (const char *)text + cell->offset_bytes,
                     (unsigned long long)a.values[row].integer,
                     (unsigned long long)b.values[row].integer);
    }
    return a.row;
}

/* With every converter that this machine has, from any row, the first, and behind each misfit. */
static void assert_same(sheaf_type type, const column *c)
{
    const sheaf__scan_kernel *kernel;
    const uint8_t *text = place(c, below(2));
    size_t any = c->n > 0 ? below((unsigned)c->n) : 0;
    for (size_t i = 0; (kernel = sheaf__scan_kernel_at(i)) != NULL; i++) {
        if (sheaf__converter_with(kernel->name, type) == sheaf__converter_with("scalar", type))
            continue;
        assert_same_from(kernel->name, type, c, text, any);
        for (size_t row = 0; row < c->n; row++)
            row = assert_same_from(kernel->name, type, c, text, row);
    }
}

static const sheaf_type several_types[] = {SHEAF_TYPE_INT64, SHEAF_TYPE_FLOAT64,
                                           SHEAF_TYPE_TIMESTAMP};

/* Whether there is anything to compare: else it says what is not tested. */
static bool has_several(void)
{
    const sheaf__scan_kernel *kernel;
    bool found = false;
    for (size_t i = 0; (kernel = sheaf__scan_kernel_at(i)) != NULL; i++)
        found |= sheaf__converter_with(kernel->name, SHEAF_TYPE_INT64) !=
                 sheaf__converter_with("scalar", SHEAF_TYPE_INT64);
    if (!found)
        cr_skip_test("NOT TESTED: this machine has no converter but the scalar one");
    return found;
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

static void write_plain(char *text, sheaf_type type)
{
    if (type == SHEAF_TYPE_TIMESTAMP)
        write_timestamp(text);
    else
        write_number(text, type == SHEAF_TYPE_FLOAT64);
}

static void fill_column(column *c, sheaf_type type)
{
    char text[80];
    unsigned n_nulls = below(3) ? 0 : below(101);
    unsigned n_odd = below(2) ? 0 : below(20);
    clear(c);
    for (unsigned n = below(CELLS + 1); n > 0; n--) {
        write_plain(text, type);
        if (below(100) < n_odd)
            damage(text);
        add_cell(c, below(100) < n_nulls ? NULL : text);
    }
}

Test(convert, several_at_once_are_what_they_are_one_by_one, .timeout = LIMIT)
{
    static column c;
    for (size_t i = 0; has_several() && i < rounds(60000); i++) {
        fill_column(&c, several_types[i % 3]);
        assert_same(several_types[i % 3], &c);
    }
}

/* One text in any lane, among some that are plain; the first two are as plain as can be. */
static void assert_same_among_plain(column *c, sheaf_type type, const char *text, size_t n_bytes)
{
    static const char *const plain[] = {"12", "1.5", "-12", "123456789"};
    const char *others = type == SHEAF_TYPE_TIMESTAMP ? "2024-01-02 03:04:05" : plain[below(4)];
    unsigned n = 16;
    unsigned at = below(n);
    clear(c);
    c->n_text = below(64);
    memset(c->bytes, '.', c->n_text);
    for (unsigned i = 0; i < n; i++) {
        if (i == at)
            add_bytes(c, text, n_bytes);
        else
            add_cell(c, others);
    }
    assert_same(type, c);
}

static void assert_same_as_any_type(const char *text, size_t n_bytes)
{
    static column c;
    for (size_t i = 0; i < sizeof several_types / sizeof *several_types; i++)
        assert_same_among_plain(&c, several_types[i], text, n_bytes);
}

Test(convert, numbers_of_every_length_with_a_point_anywhere, .timeout = LIMIT)
{
    char digits[64];
    char text[128];
    for (unsigned n = 0; has_several() && n <= 40; n++) {
        for (unsigned first = 0; first < 4; first++) {
            write_digits(digits, n);
            digits[0] = n > 0 ? "0189"[first] : '\0';
            for (unsigned before = 0; before <= n + 1; before++) {
                int n_before = before < n ? (int)before : (int)n;
                for (unsigned sign = 0; sign < 3; sign++) {
                    int length = sprintf(text, "%.*s%.*s%s%s", (int)sign, "--", n_before, digits,
                                         before <= n ? "." : "", digits + n_before);
                    assert_same_as_any_type(text, (size_t)length);
                }
            }
        }
    }
}

Test(convert, numbers_around_what_64_bits_hold, .timeout = LIMIT)
{
    static const char *const digits[] = {
        "18446744073709551615", "18446744073709551616", "18446744073709551617",
        "18439999999999999999", "18440000000000000000", "18449999999999999999",
        "99999999999999999999", "9223372036854775807",  "9223372036854775808",
        "9007199254740993",     "9007199254740992",     "999999999999999",
        "1000000000000000",     "00000000000000000001", "10000000000000000000"};
    char text[64];
    for (size_t i = 0; has_several() && i < sizeof digits / sizeof *digits; i++) {
        for (int before = 0; before <= (int)strlen(digits[i]); before++) {
            int n = sprintf(text, "-%.*s.%s", before, digits[i], digits[i] + before);
            assert_same_as_any_type(text, (size_t)n);
            assert_same_as_any_type(text + 1, (size_t)n - 1);
        }
        assert_same_as_any_type(digits[i], strlen(digits[i]));
    }
}

/* Any byte in any place of what is plain, and one more and one fewer. */
Test(convert, spellings_with_any_byte_anywhere, .timeout = LIMIT)
{
    static const char *const plain[] = {"7",
                                        "-1",
                                        "12345678",
                                        "-1234567",
                                        "123456.78",
                                        "-0.5",
                                        "123456789012345",
                                        "-12345678901234.5",
                                        "-0.12345678901234567890",
                                        "2024-02-29 13:05:59",
                                        "1999-12-31T23:59:59",
                                        "0001-01-01 00:00:00"};
    char text[64];
    for (size_t i = 0; has_several() && i < sizeof plain / sizeof *plain; i++) {
        size_t n = strlen(plain[i]);
        for (size_t at = 0; at < n; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(text, plain[i], n);
                text[at] = (char)byte;
                assert_same_as_any_type(text, n);
            }
        }
        memset(text, '5', sizeof text);
        memcpy(text, plain[i], n);
        assert_same_as_any_type(text, n + 1);
        assert_same_as_any_type(text, n - 1);
    }
}

/* The calendar of several dates at once, in all its days and those around them. */
Test(convert, several_timestamps_at_once_know_every_day, .timeout = LIMIT)
{
    static column c;
    char text[80];
    clear(&c);
    for (unsigned year = 0; has_several() && year <= 9999; year++) {
        for (unsigned month = 0; month <= 19; month += 1 + (year % 7 != 0)) {
            for (unsigned day = 0; day <= 32; day += 1 + (year % 7 != 0)) {
                sprintf(text, "%04u-%02u-%02u 23:59:59", year, month, day);
                add_cell(&c, text);
                if (c.n == CELLS) {
                    assert_same(SHEAF_TYPE_TIMESTAMP, &c);
                    clear(&c);
                }
            }
        }
    }
}

Test(convert, several_timestamps_at_once_know_every_second, .timeout = LIMIT)
{
    static column c;
    char text[80];
    clear(&c);
    for (unsigned hour = 0; has_several() && hour <= 30; hour++) {
        for (unsigned minute = 0; minute <= 61; minute++) {
            for (unsigned second = 0; second <= 61; second++) {
                sprintf(text, "1970-01-01T%02u:%02u:%02u", hour, minute, second);
                add_cell(&c, text);
                if (c.n == CELLS) {
                    assert_same(SHEAF_TYPE_TIMESTAMP, &c);
                    clear(&c);
                }
            }
        }
    }
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
