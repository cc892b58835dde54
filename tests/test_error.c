/*
 * Statuses and errors: their names, what goes into an error and comes out on paper, and that
 * nothing is cut badly.
 */
#include <errno.h>
#include <string.h>

#include "engine/core/error.h"
#include "engine/core/utf8.h"
#include "tests/support.h"

TestSuite(status, .timeout = 20);
TestSuite(error, .timeout = 20);

/* ---- statuses ---- */

Test(status, has_a_name_and_a_text)
{
    cr_assert_str_eq(sheaf_status_name(SHEAF_OK), "OK");
    cr_assert_str_eq(sheaf_status_name(SHEAF_END), "END");
    cr_assert_str_eq(sheaf_status_name(SHEAF_ECOMPRESSED), "ECOMPRESSED");
    cr_assert_str_eq(sheaf_status_text(SHEAF_ECOMPRESSED), "the compressed data is damaged");
    cr_assert_str_eq(sheaf_status_name((sheaf_status)-1000), "?");
    cr_assert_str_eq(sheaf_status_text((sheaf_status)2), "?");
}

Test(status, is_told_from_every_other)
{
    static const int values[] = {
#define VALUE(name, value, text) value,
        SHEAF_STATUS_LIST(VALUE)
#undef VALUE
    };
    enum { N = sizeof values / sizeof values[0] };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < i; j++) {
            cr_assert_neq(values[i], values[j]);
            cr_assert_str_neq(sheaf_status_name((sheaf_status)values[i]),
                              sheaf_status_name((sheaf_status)values[j]));
            cr_assert_str_neq(sheaf_status_text((sheaf_status)values[i]),
                              sheaf_status_text((sheaf_status)values[j]));
        }
    for (size_t i = 0; i < N; i++) /* only END is good and not OK */
        cr_assert_eq(values[i] < 0, values[i] != SHEAF_OK && values[i] != SHEAF_END);
}

/* ---- filling ---- */

Test(error, is_empty_when_cleared)
{
    sheaf_error err;
    memset(&err, 0xAA, sizeof err);
    sheaf_error_clear(&err);
    cr_assert_eq(err.status, SHEAF_OK);
    cr_assert_eq(err.os_error, 0);
    cr_assert_eq(err.line + err.line_byte + err.record + err.field + err.excerpt_caret, 0);
    cr_assert_eq(err.offset_bytes, SHEAF_UNKNOWN);
    cr_assert_eq(strlen(err.source) + strlen(err.column) + strlen(err.message) + strlen(err.hint) +
                     strlen(err.excerpt),
                 0);
    sheaf_error_clear(NULL);
}

Test(error, may_be_nothing)
{
    cr_assert_eq(sheaf_error_set(NULL, SHEAF_EIO, "%d", 1), SHEAF_EIO);
    sheaf_error_hint(NULL, "%d", 1);
    sheaf__error_source(NULL, "x");
    cr_assert_eq(sheaf__error_system(NULL, ENOENT, "what", "path"), SHEAF_ENOENT);
    cr_assert_eq(sheaf__error_memory(NULL, "it"), SHEAF_ENOMEM);
    sheaf__error_excerpt(NULL, "x", 1, 0);
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_EIO, "kept");
    sheaf__error_copy(NULL, &err);
    sheaf__error_copy(&err, NULL);
    sheaf__error_source(&err, NULL);
    cr_assert_str_eq(err.message, "kept");
}

Test(error, forgets_what_it_was_when_set)
{
    sheaf_error err;
    memset(&err, 0xAA, sizeof err);
    cr_assert_eq(sheaf_error_set(&err, SHEAF_ETASK, "task %d of %s", 7, "ten"), SHEAF_ETASK);
    cr_assert_eq(err.status, SHEAF_ETASK);
    cr_assert_str_eq(err.message, "task 7 of ten");
    cr_assert_eq(err.offset_bytes, SHEAF_UNKNOWN);
    cr_assert_eq(err.line, 0);
    cr_assert_str_empty(err.hint);
    sheaf_error_hint(&err, "try %s", "again");
    cr_assert_str_eq(err.hint, "try again");
    cr_assert_str_eq(err.message, "task 7 of ten");
}

static bool is_safe_to_print(const char *text)
{
    size_t n_bytes = strlen(text);
    for (size_t i = 0; i < n_bytes; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return false;
    return sheaf__utf8_valid_prefix((const uint8_t *)text, n_bytes) == n_bytes;
}

Test(error, cuts_a_long_message_between_characters)
{
    blob text = {0};
    for (size_t i = 0; i < 400; i++) {
        sheaf_error err;
        blob_add(&text, "", 1);
        sheaf_error_set(&err, SHEAF_EIO, "%s\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC",
                        (char *)text.bytes);
        sheaf_error_hint(&err, "%s\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", (char *)text.bytes);
        cr_assert_lt(strlen(err.message), sizeof err.message);
        cr_assert(is_safe_to_print(err.message), "cut in a character behind %d bytes", (int)i);
        cr_assert(is_safe_to_print(err.hint));
        text.bytes[text.n_bytes - 1] = 'x';
    }
    blob_free(&text);
}

Test(error, shows_nothing_that_a_terminal_would_obey)
{
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_EIO, "cannot find %s", "\x1b[31mred\xFF\n");
    cr_assert(is_safe_to_print(err.message), "%s", shown(err.message, strlen(err.message)));
    sheaf_error_hint(&err, "look at %s", "\x1b[31mred\xFF\n");
    cr_assert(is_safe_to_print(err.hint));
}

Test(error, says_what_the_system_said)
{
    static const struct {
        int os_error;
        sheaf_status status;
    } table[] = {{ENOENT, SHEAF_ENOENT}, {ENOTDIR, SHEAF_ENOENT}, {EEXIST, SHEAF_EEXIST},
                 {ENOMEM, SHEAF_ENOMEM}, {EPIPE, SHEAF_EPIPE},    {EACCES, SHEAF_EIO},
                 {EIO, SHEAF_EIO},       {EISDIR, SHEAF_EIO},     {EMFILE, SHEAF_ERESOURCE},
                 {ENOSPC, SHEAF_EIO},    {EDQUOT, SHEAF_EIO}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        sheaf_error err;
        char message[200];
        snprintf(message, sizeof message, "cannot x: %s", strerror(table[i].os_error));
        cr_assert_eq(sheaf__error_system(&err, table[i].os_error, "cannot x", "a\nb"),
                     table[i].status);
        cr_assert_eq(err.status, table[i].status);
        cr_assert_eq(err.os_error, table[i].os_error);
        cr_assert_str_eq(err.message, message);
        cr_assert_str_eq(err.source, "a\\nb");
        bool helps = table[i].os_error == EMFILE || table[i].os_error == ENOSPC ||
                     table[i].os_error == EDQUOT;
        cr_assert_eq(err.hint[0] != '\0', helps, "%s", err.hint);
        sheaf__error_system(&err, table[i].os_error, "cannot x", NULL);
        cr_assert_str_empty(err.source);
    }
    sheaf_error err;
    cr_assert_eq(sheaf__error_memory(&err, "a thing"), SHEAF_ENOMEM);
    cr_assert_str_eq(err.message, "no memory for a thing");
}

/* ---- sources ---- */

Test(error, names_its_source_escaped)
{
    sheaf_error err;
    sheaf_error_clear(&err);
    sheaf__error_source(&err, "caf\xC3\xA9/\x1b[2J\xFF.csv");
    cr_assert_str_eq(err.source, "caf\xC3\xA9/\\x1b[2J\\xff.csv");
    sheaf__error_source(&err, "");
    cr_assert_str_eq(err.source, "");
}

/*
 * A path of any length and any bytes: whole, or "..." and its end, as much of it as there is room
 * for.
 */
static void check_source(const char *path, size_t n_bytes)
{
    sheaf_error err;
    memset(&err, 0xAA, sizeof err);
    sheaf_error_clear(&err);
    sheaf__error_source(&err, path);
    size_t n_source = strnlen(err.source, sizeof err.source);
    cr_assert_lt(n_source, sizeof err.source);
    blob whole = {0};
    size_t total = sheaf_text_escape(path, n_bytes, NULL, 0);
    blob_fill(&whole, 0, total + 1);
    sheaf_text_escape(path, n_bytes, (char *)whole.bytes, total + 1);
    if (total < sizeof err.source) {
        cr_assert_str_eq(err.source, (char *)whole.bytes);
    } else {
        const char *tail = (char *)whole.bytes + total - (n_source - 3);
        cr_assert_eq(strncmp(err.source, "...", 3), 0, "%d bytes: %s", (int)n_bytes, err.source);
        cr_assert_str_eq(err.source + 3, tail, "%d bytes do not keep their end: %s", (int)n_bytes,
                         err.source);
        cr_assert_gt(n_source, sizeof err.source - 16, "of %d bytes only %d stay", (int)n_bytes,
                     (int)n_source);
    }
    blob_free(&whole);
}

Test(error, keeps_the_end_of_a_long_path)
{
    static const char *const parts[] = {"abcdefghi/",    "\xC3\xA9",          "\x1b", "\xFF",
                                        "\xE2\x82\xAC/", "a\xF0\x9F\x98\x80", "\\"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        blob path = {0};
        while (path.n_bytes < 1100) {
            blob_add(&path, "", 1);
            path.n_bytes--;
            check_source((const char *)path.bytes, path.n_bytes);
            blob_text(&path, parts[i]);
        }
        blob_free(&path);
    }
}

/* ---- excerpts ---- */

typedef struct excerpt_case {
    const char *line;
    size_t caret;
    const char *excerpt;
    uint32_t at;
} excerpt_case;

#define TEN "0123456789"

static const excerpt_case excerpts[] = {
    {"", 0, "", 0},
    {"a", 0, "a", 0},
    {"a,b", 2, "a,b", 2},
    {"a,b", 3, "a,b", 3},
    {"a\tb", 2, "a\\tb", 3},
    {"\xFF,\xFE", 2, "\\xff,\\xfe", 5},
    {"caf\xC3\xA9,x", 6, "caf\xC3\xA9,x", 6},
    /* 40 bytes before the caret, 60 from it on */
    {TEN TEN TEN TEN "X", 40, TEN TEN TEN TEN "X", 40},
    {"y" TEN TEN TEN TEN "X", 41, TEN TEN TEN TEN "X", 40},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, 0, TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
     0},
    {TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN, 60, TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN,
     40},
};

Test(error, shows_the_line_around_the_caret)
{
    for (size_t i = 0; i < sizeof excerpts / sizeof excerpts[0]; i++) {
        sheaf_error err;
        sheaf_error_clear(&err);
        sheaf__error_excerpt(&err, excerpts[i].line, strlen(excerpts[i].line), excerpts[i].caret);
        cr_assert_str_eq(err.excerpt, excerpts[i].excerpt, "%s: %s", excerpts[i].line, err.excerpt);
        cr_assert_eq(err.excerpt_caret, excerpts[i].at, "%s: %d", excerpts[i].line,
                     (int)err.excerpt_caret);
    }
}

/*
 * Lines of any length, of short and long characters and escapes: safe, and the caret on its byte.
 */
Test(error, keeps_the_caret_on_its_byte)
{
    static const char *const parts[] = {"abc", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                        "\t",  "\x1b",     "\xFF",         "\xE2\x80\xAE"};
    uint64_t seed = 31;
    for (int i = 0; i < 20000; i++) {
        blob line = {0};
        size_t starts[200]; /* of characters */
        size_t n_parts = 1 + random_below(&seed, 150);
        size_t kinds = 1 + random_below(&seed, 8);
        for (size_t n = 0; n < n_parts; n++) {
            starts[n] = line.n_bytes;
            blob_text(&line, parts[random_below(&seed, kinds)]);
        }
        size_t caret = starts[random_below(&seed, n_parts)];
        sheaf_error err;
        sheaf_error_clear(&err);
        sheaf__error_excerpt(&err, (const char *)line.bytes, line.n_bytes, caret);
        char whole[1024];
        char meant[16];
        size_t before = sheaf_text_escape((const char *)line.bytes, caret, whole, sizeof whole);
        uint32_t c;
        size_t length = sheaf__utf8_decode(line.bytes + caret, line.n_bytes - caret, &c);
        sheaf_text_escape((const char *)line.bytes + caret, length ? length : 1, meant,
                          sizeof meant);
        cr_assert(is_safe_to_print(err.excerpt), "%s", shown(err.excerpt, strlen(err.excerpt)));
        cr_assert_leq(err.excerpt_caret, strlen(err.excerpt));
        cr_assert_eq(strncmp(err.excerpt + err.excerpt_caret, meant, strlen(meant)), 0, "%s at %d",
                     err.excerpt, (int)err.excerpt_caret);
        cr_assert_arr_eq(err.excerpt, whole + before - err.excerpt_caret, err.excerpt_caret,
                         "what stands before the caret stood there");
        blob_free(&line);
    }
}

/* ---- on paper ---- */

static sheaf_error shape_error(void)
{
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_ESHAPE, "record 38 has 7 fields, the header has 6");
    sheaf_error_hint(&err, "--on-error skip-file leaves such files out");
    sheaf__error_source(&err, "2014/bexar.csv");
    sheaf__error_excerpt(&err, "U.S. Representative,10,FALSE", 28, 20);
    strcpy(err.column, "candidate");
    err.line = 39;
    err.line_byte = 21;
    err.record = 38;
    err.offset_bytes = 2114;
    return err;
}

static void check_format(const sheaf_error *err, const char *expected)
{
    char text[4096];
    size_t total = sheaf_error_format(err, text, sizeof text);
    cr_assert_str_eq(text, expected, "%s\ninstead of\n%s", text, expected);
    cr_assert_eq(total, strlen(expected));
    cr_assert_eq(sheaf_error_format(err, NULL, 0), total);
    for (size_t size = 1; size <= total + 2; size++) {
        char part[4096];
        memset(part, '?', sizeof part);
        cr_assert_eq(sheaf_error_format(err, part, size), total);
        size_t n = size - 1 < total ? size - 1 : total;
        cr_assert_eq(strlen(part), n);
        cr_assert_arr_eq(part, expected, n);
        cr_assert_eq(part[size], '?', "written behind the buffer");
    }
}

Test(error, is_written_with_all_that_is_known)
{
    sheaf_error err = shape_error();
    check_format(&err, "error: record 38 has 7 fields, the header has 6\n"
                       "  --> 2014/bexar.csv:39:21 (byte 2114, record 38, column \"candidate\")\n"
                       "   39 | U.S. Representative,10,FALSE\n"
                       "      |                     ^\n"
                       "  help: --on-error skip-file leaves such files out\n");
}

Test(error, is_written_with_what_is_known_and_no_more)
{
    sheaf_error err;
    sheaf_error_clear(&err);
    check_format(&err, "error: success\n");
    err.status = SHEAF_EDEADLK;
    check_format(&err, "error: would wait for itself\n");
    sheaf_error_set(&err, SHEAF_EIO, "it broke");
    check_format(&err, "error: it broke\n");
    sheaf_error_hint(&err, "mend it");
    check_format(&err, "error: it broke\n  help: mend it\n");
    sheaf__error_source(&err, "a.csv");
    check_format(&err, "error: it broke\n  --> a.csv\n  help: mend it\n");
    err.hint[0] = '\0';
    err.line = 7;
    check_format(&err, "error: it broke\n  --> a.csv:7\n");
    err.record = 5;
    check_format(&err, "error: it broke\n  --> a.csv:7 (record 5)\n");
    err.line = 0;
    err.line_byte = 3; /* of no line */
    check_format(&err, "error: it broke\n  --> a.csv (record 5)\n");
    err.offset_bytes = 0;
    check_format(&err, "error: it broke\n  --> a.csv (byte 0, record 5)\n");
    err.status = SHEAF_ECOMPRESSED;
    err.record = 0;
    check_format(&err, "error: it broke\n  --> a.csv (compressed byte 0)\n");
}

Test(error, puts_the_caret_under_its_character)
{
    sheaf_error err;
    sheaf_error_set(&err, SHEAF_EENCODING, "byte 0xE9 is not UTF-8");
    sheaf__error_source(&err, "a.csv");
    sheaf__error_excerpt(&err, "caf\xC3\xA9 \xE2\x82\xAC,\t\xE9", 12, 11);
    err.line = 123456;
    check_format(&err, "error: byte 0xE9 is not UTF-8\n"
                       "  --> a.csv:123456\n"
                       " 123456 | caf\xC3\xA9 \xE2\x82\xAC,\\t\\xe9\n"
                       "        |          ^\n");
    sheaf__error_excerpt(&err, "x", 1, 1);
    err.line = 0;
    check_format(&err, "error: byte 0xE9 is not UTF-8\n"
                       "  --> a.csv\n"
                       "      | x\n"
                       "      |  ^\n");
}
