/*
 * The scan kernels: each against a scan that looks at one byte after the other, at every length and
 * alignment, with pages behind and before the text that must not be touched.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/core/utf8.h"
#include "readers/scan/scan.h"
#include "tests/support.h"

TestSuite(scan, .timeout = 60);

/* ---- the scan that the others are compared to ---- */

enum { LONGEST = 64 << 10 };

typedef struct index_room {
    uint32_t fields[LONGEST + SHEAF__SCAN_SLACK];
    sheaf__scan_line lines[LONGEST + SHEAF__SCAN_SLACK];
} index_room;

/* A field may begin, or a quoted one go on, where a byte before it has ended something. */
static void scan_by_byte(sheaf__scan *scan, const uint8_t *text, size_t n_bytes, char delimiter)
{
    bool inside = false;
    bool at_edge = true; /* a quote may open here */
    bool closed = false; /* the byte before is a closing quote */
    *scan = (sheaf__scan){.fields = scan->fields, .lines = scan->lines, .ascii = true};
    for (size_t i = 0; i < n_bytes; i++) {
        uint8_t byte = text[i];
        bool quote = byte == '"';
        bool separates = byte == (uint8_t)delimiter || byte == '\n' || byte == '\r';
        scan->stopped = (quote && !inside && !at_edge) || (closed && !quote && !separates);
        if (scan->stopped)
            return;
        scan->doubled |= closed && quote;
        scan->crs |= byte == '\r';
        closed = quote && inside;
        if (quote) {
            inside = !inside;
            at_edge = closed;
            continue;
        }
        at_edge = false;
        if (inside || !separates)
            continue;
        bool cr = byte == '\r';
        if (cr && (i + 1 == n_bytes || text[i + 1] == '\n'))
            continue; /* of a CR LF, or nobody knows yet */
        at_edge = true;
        scan->fields[scan->n_fields++] = (uint32_t)i;
        if (cr || byte == '\n')
            scan->lines[scan->n_lines++] = (sheaf__scan_line){.at = (uint32_t)i,
                                                              .n_fields = (uint32_t)scan->n_fields};
    }
}

static uint64_t count_by_byte(const uint8_t *text, size_t n_bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] == '\r' || (text[i] == '\n' && (i == 0 || text[i - 1] != '\r'));
    return n;
}

/* ---- texts ---- */

/* So many bytes with a page on either side that no one may touch; ends at the second one. */
typedef struct guarded {
    uint8_t *pages;
    uint8_t *end;
    size_t n_mapped;
} guarded;

static guarded guarded_create(size_t n_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    guarded made = {.n_mapped = (n_bytes + page - 1) / page * page + 2 * page};
    made.pages = mmap(NULL, made.n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    cr_assert_neq(made.pages, MAP_FAILED);
    made.end = made.pages + made.n_mapped - page;
    cr_assert_eq(mprotect(made.pages, page, PROT_NONE), 0);
    cr_assert_eq(mprotect(made.end, page, PROT_NONE), 0);
    return made;
}

/* What means something, mostly; well formed, mostly: else a scan ends soon. */
static void fill(uint8_t *text, size_t n_bytes, char delimiter, uint64_t *seed)
{
    static const char plain[] = "abc 0123456789\0\xC3\xA9";
    bool inside = false;
    size_t wildness = random_below(seed, 4); /* how often anything goes */
    for (size_t i = 0; i < n_bytes; i++) {
        size_t kind = random_below(seed, 12);
        bool edge = i == 0 || text[i - 1] == (uint8_t)delimiter || text[i - 1] == '\n';
        uint8_t byte = (uint8_t)plain[random_below(seed, sizeof plain - 1)];
        if (wildness > 0 && random_below(seed, 400) < wildness) {
            byte = (uint8_t) "\"\"\r\n,"[random_below(seed, 5)];
            inside ^= byte == '"';
        } else if (inside && kind < 2 && i + 1 < n_bytes) { /* closed, or doubled */
            text[i++] = '"';
            byte = kind == 0 ? '"' : (uint8_t)delimiter;
            inside = kind == 0;
        } else if (edge && kind < 3) {
            byte = '"';
            inside = true;
        } else if (kind == 3) {
            byte = (uint8_t)delimiter;
        } else if (kind == 4) {
            byte = random_below(seed, 3) ? '\n' : '\r';
        }
        text[i] = byte;
    }
}

/* ---- comparing ---- */

static index_room *expected_room;
static index_room *got_room;

static void make_room(void)
{
    expected_room = malloc(sizeof *expected_room);
    got_room = malloc(sizeof *got_room);
    cr_assert(expected_room && got_room);
}

/* What was found in so much of the text is there, and what the flags promise not to be is not. */
static void check_found(const char *name, const sheaf__scan *got, const uint8_t *text,
                        size_t n_bytes, char delimiter, bool fields)
{
    (void)name; /* cross/ knows no messages */
    sheaf__scan expected = {.fields = expected_room->fields, .lines = expected_room->lines};
    scan_by_byte(&expected, text, n_bytes, delimiter);
    cr_assert_eq(got->n_fields, expected.n_fields, "%s: %zu fields in %zu bytes, not %zu", name,
                 got->n_fields, n_bytes, expected.n_fields);
    cr_assert_eq(got->n_lines, expected.n_lines, "%s: %zu lines in %zu bytes, not %zu", name,
                 got->n_lines, n_bytes, expected.n_lines);
    cr_assert_eq(got->stopped, expected.stopped);
    for (size_t i = 0; i < got->n_lines; i++) {
        cr_assert_eq(got->lines[i].at, expected.lines[i].at);
        cr_assert_eq(got->lines[i].n_fields, expected.lines[i].n_fields);
    }
    for (size_t i = 0; fields && i < got->n_fields; i++)
        cr_assert_eq(got->fields[i], expected.fields[i]);
    size_t end = got->n_lines > 0 ? got->lines[got->n_lines - 1].at + 1 : 0;
    size_t n_quoted_lines = count_by_byte(text, end) - got->n_lines;
    cr_assert(got->quoted_lines || n_quoted_lines == 0);
    cr_assert(got->doubled || !expected.doubled);
    cr_assert(got->crs || !expected.crs);
    for (size_t i = 0; i < end; i++) {
        cr_assert(!got->ascii || text[i] < 0x80);
        cr_assert(got->quotes || text[i] != '"');
    }
}

static void check(const sheaf__scan_kernel *kernel, const uint8_t *text, size_t n_bytes,
                  char delimiter)
{
    for (int fields = 0; fields < 2; fields++) {
        sheaf__scan got = {.fields = got_room->fields, .lines = got_room->lines};
        kernel->scan(&got, text, 0, n_bytes, delimiter, '"', fields);
        check_found(kernel->name, &got, text, n_bytes, delimiter, fields);
    }
    cr_assert_eq(kernel->count_lines(text, n_bytes), count_by_byte(text, n_bytes));
}

Test(scan, every_kernel_finds_the_same_at_every_length_and_alignment, .init = make_room)
{
    enum { LENGTHS = 300 };
    static const char delimiters[] = {',', ';', '\t', '|', 'a'};
    guarded memory = guarded_create(LENGTHS);
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        uint64_t seed = 1;
        for (size_t n_bytes = 0; n_bytes < LENGTHS; n_bytes++) {
            for (size_t round = 0; round < 40; round++) {
                char delimiter = delimiters[round % sizeof delimiters];
                /* Up to the page that must not be touched, or anywhere before it. */
                uint8_t *text = memory.end - n_bytes - (round < 20 ? 0 : round);
                fill(text, n_bytes, delimiter, &seed);
                check(kernel, text, n_bytes, delimiter);
            }
        }
    }
}

Test(scan, every_kernel_finds_the_same_in_the_longest_texts, .init = make_room)
{
    guarded memory = guarded_create(LONGEST);
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        uint64_t seed = 2;
        for (size_t round = 0; round < 100; round++) {
            size_t n_bytes = LONGEST - round % 70;
            uint8_t *text = memory.end - n_bytes;
            fill(text, n_bytes, ',', &seed);
            check(kernel, text, n_bytes, ',');
        }
    }
}

/* As more and more of a text is there: at each end that it has for a while, the same. */
Test(scan, every_kernel_goes_on_where_it_stood, .init = make_room)
{
    enum { LENGTH = 3000 };
    guarded memory = guarded_create(LENGTH);
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        uint64_t seed = 4;
        for (size_t round = 0; round < 300; round++) {
            uint8_t *text = memory.end - LENGTH;
            size_t step = round % 3 ? 64 * (round % 9) : 1 + random_below(&seed, 300);
            fill(text, LENGTH, ',', &seed);
            for (int fields = 0; fields < 2; fields++) {
                sheaf__scan got = {.fields = got_room->fields, .lines = got_room->lines};
                size_t from = 0;
                for (size_t n = 0; n < LENGTH && !got.stopped;) {
                    n = LENGTH - n > step ? n + step + random_below(&seed, 2) : LENGTH;
                    n = n < LENGTH ? n : LENGTH;
                    kernel->scan(&got, text, from, n, ',', '"', fields);
                    check_found(kernel->name, &got, text, n, ',', fields);
                    from = got.state.n_bytes;
                    cr_assert(from % 64 == 0 && (got.stopped || from + 64 >= n));
                }
            }
        }
    }
}

/* More positions than any block can hold, and none. */
Test(scan, every_kernel_bears_texts_of_one_byte_only, .init = make_room)
{
    guarded memory = guarded_create(LONGEST);
    uint8_t *text = memory.end - LONGEST;
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        for (const char *byte = ",\n\r\"x\xFF"; *byte; byte++) {
            memset(text, *byte, LONGEST);
            check(kernel, text, LONGEST, ',');
        }
    }
}

static void check_sequence(const sheaf__scan_kernel *kernel, uint8_t *end, const uint8_t *sequence,
                           size_t n_sequence, size_t shift)
{
    enum { REGISTER = 32 };
    size_t n_bytes = REGISTER + 4;
    uint8_t *text = end - n_bytes;
    memset(text, 'a', n_bytes);
    memcpy(text + REGISTER - shift, sequence, n_sequence);
    for (size_t n = n_bytes - 4; n <= n_bytes; n++) /* also cut off */
        cr_assert_eq(kernel->is_utf8(text, n), sheaf__utf8_valid(text, n),
                     "%s: %02X %02X %02X %02X of %zu bytes", kernel->name, sequence[0], sequence[1],
                     sequence[2], sequence[3], n_sequence);
}

/*
 * Each pair of bytes, alone and followed by one or two that are on either side of an edge in the
 * definition; it crosses from one register to the next at each of its bytes, and is cut off.
 */
Test(scan, every_kernel_knows_utf8)
{
    static const uint8_t edges[] = {'a', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC2, 0xE1};
    enum { EDGES = sizeof edges };
    guarded memory = guarded_create(100);
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        for (size_t pair = 0; pair < 256 * 256; pair++) {
            uint8_t sequence[4] = {(uint8_t)(pair >> 8), (uint8_t)pair};
            for (size_t shift = 0; shift <= 4; shift++)
                check_sequence(kernel, memory.end, sequence, 2, shift);
            if (sequence[0] < 0xE0 || (sequence[1] & 0xC0) != 0x80)
                continue;
            for (size_t i = 0; i < 5 * EDGES * EDGES; i++) {
                sequence[2] = edges[i / 5 % EDGES];
                sequence[3] = edges[i / 5 / EDGES];
                check_sequence(kernel, memory.end, sequence, 4, i % 5);
            }
        }
    }
}

Test(scan, every_kernel_knows_utf8_in_long_texts)
{
    static const char *const pieces[] = {
        "a", "plain text, ", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
    enum { LONG = 5000 };
    guarded memory = guarded_create(LONG);
    const sheaf__scan_kernel *kernel;
    for (size_t k = 0; (kernel = sheaf__scan_kernel_at(k)) != NULL; k++) {
        uint64_t seed = 3;
        for (size_t round = 0; round < 2000; round++) {
            uint8_t text[LONG];
            size_t n_bytes = 0;
            size_t wanted = random_below(&seed, LONG - 20);
            while (n_bytes < wanted) {
                const char *piece = pieces[random_below(&seed, 6)];
                memcpy(text + n_bytes, piece, strlen(piece));
                n_bytes += strlen(piece);
            }
            uint8_t *at = memory.end - n_bytes;
            memcpy(at, text, n_bytes);
            cr_assert(kernel->is_utf8(at, n_bytes), "%s", kernel->name);
            if (n_bytes == 0)
                continue;
            at[random_below(&seed, n_bytes)] = (uint8_t)random_next(&seed); /* right or wrong */
            cr_assert_eq(kernel->is_utf8(at, n_bytes), sheaf__utf8_valid(at, n_bytes), "%s",
                         kernel->name);
        }
    }
}

Test(scan, the_widest_kernel_is_taken)
{
    size_t n = 0;
    while (sheaf__scan_kernel_at(n))
        n++;
    cr_assert_geq(n, 1);
    cr_assert_str_eq(sheaf__scan_kernel_at(0)->name, "scalar");
    unsetenv("SHEAF_KERNEL");
    cr_assert_eq(sheaf__scan_kernel_get(), sheaf__scan_kernel_at(n - 1));
    cr_assert_eq(sheaf__scan_check(NULL), SHEAF_OK);
}

Test(scan, the_kernel_that_is_asked_for_is_taken)
{
    setenv("SHEAF_KERNEL", "scalar", 1);
    cr_assert_eq(sheaf__scan_kernel_get(), sheaf__scan_kernel_at(0));
}

Test(scan, a_kernel_that_is_not_there_is_an_error_that_names_those_that_are)
{
    sheaf_error err;
    setenv("SHEAF_KERNEL", "mmx", 1);
    cr_assert_null(sheaf__scan_kernel_get());
    cr_assert_eq(sheaf__scan_check(&err), SHEAF_EINVAL);
    cr_assert(strstr(err.message, "mmx"));
    cr_assert(strstr(err.hint, "scalar"));
}
