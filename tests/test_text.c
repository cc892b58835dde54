/*
 * Escaping for terminals and JSON, and the UTF-8 under both: nothing dangerous passes, nothing is
 * lost, and no escape or sequence is ever cut.
 */
#include <ctype.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/text.h"
#include "engine/core/utf8.h"
#include "tests/support.h"

TestSuite(text, .timeout = 30);
TestSuite(utf8, .timeout = 30);

/* ---- UTF-8 ---- */

static size_t encode(uint32_t c, uint8_t bytes[4])
{
    if (c < 0x80) {
        bytes[0] = (uint8_t)c;
        return 1;
    }
    size_t length = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = length - 1; i > 0; i--, c >>= 6)
        bytes[i] = (uint8_t)(0x80 | (c & 0x3F));
    bytes[0] = (uint8_t)(0xF00 >> length | c);
    return length;
}

Test(utf8, decodes_every_character)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        uint8_t bytes[5] = {0, 0, 0, 0, 'x'};
        uint32_t got = 0;
        size_t length = encode(c, bytes);
        bool surrogate = c >= 0xD800 && c <= 0xDFFF;
        cr_assert_eq(sheaf__utf8_decode(bytes, 5, &got), surrogate ? 0 : length, "U+%04X", c);
        cr_assert(surrogate || got == c);
        cr_assert_eq(sheaf__utf8_decode(bytes, length, &got), surrogate ? 0 : length);
        for (size_t cut = 1; cut < length; cut++)
            cr_assert_eq(sheaf__utf8_decode(bytes, cut, &got), 0, "U+%04X cut at %d", c, (int)cut);
    }
}

/* What begins with these bytes is valid only if encoding its character gives them back. */
static size_t valid_length(const uint8_t *bytes, size_t n_bytes)
{
    uint8_t again[4];
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xE0 ? 2 : bytes[0] < 0xF0 ? 3 : 4;
    if ((bytes[0] >= 0x80 && bytes[0] < 0xC0) || bytes[0] >= 0xF8 || n_bytes < length)
        return 0;
    uint32_t c = length == 1 ? bytes[0] : bytes[0] & (0x7Fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
        c = c << 6 | (bytes[i] & 0x3F);
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        return 0;
    return encode(c, again) == length && memcmp(again, bytes, length) == 0 ? length : 0;
}

Test(utf8, refuses_every_other_sequence)
{
    static const uint8_t last[] = {0x00, 0x7F, 0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    for (unsigned first = 0; first < 256; first++)
        for (unsigned second = 0; second < 256; second++)
            for (unsigned i = 0; i < 64; i++) {
                uint8_t bytes[] = {(uint8_t)first, (uint8_t)second, last[i / 8], last[i % 8]};
                uint32_t c;
                cr_assert_eq(sheaf__utf8_decode(bytes, 4, &c), valid_length(bytes, 4),
                             "%02x %02x %02x %02x", first, second, bytes[2], bytes[3]);
            }
}

Test(utf8, finds_the_first_invalid_byte_wherever_it_is)
{
    static const char *const bad[] = {
        "\x80",     "\xC3",         "\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
        "\xE2\x82", "\xF0\x9F\x98", "\xFF",     "\xE2\x28\xA1"};
    static const char *const fillers[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                          "aaaaaaa\xC3\xA9"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0] * 5 * 30; i++) {
        blob text = {0};
        for (size_t n = 0; n < i / 5 % 30; n++)
            blob_text(&text, fillers[i % 5]);
        size_t at = text.n_bytes;
        cr_assert_eq(sheaf__utf8_valid_prefix(text.bytes, at), at);
        blob_text(&text, bad[i / 150]);
        cr_assert_eq(sheaf__utf8_valid_prefix(text.bytes, text.n_bytes), at);
        for (size_t behind = 0; behind < 20; behind++) {
            blob_text(&text, "z");
            cr_assert_eq(sheaf__utf8_valid_prefix(text.bytes, text.n_bytes), at);
        }
        blob_free(&text);
    }
}

Test(utf8, agrees_with_a_decoder_byte_by_byte)
{
    static const uint8_t often[] = {'a',  'b',  0xC3, 0xA9, 0xE2, 0x82, 0xAC,
                                    0xF0, 0x9F, 0x98, 0x80, 0xED, 0xBF};
    uint64_t seed = 23;
    size_t n_whole = 0;
    for (int i = 0; i < 200000; i++) {
        uint8_t bytes[32];
        size_t n_bytes = 0;
        size_t wanted = random_below(&seed, 28);
        while (n_bytes < wanted)
            if (random_below(&seed, 20))
                n_bytes += encode(
                    random_below(&seed, 2) ? 'x' : 0x80 + (uint32_t)random_below(&seed, 0xD000),
                    bytes + n_bytes);
            else
                bytes[n_bytes++] = often[random_below(&seed, sizeof often)];
        size_t valid = 0;
        for (size_t length = 1; valid < n_bytes && length > 0; valid += length)
            length = valid_length(bytes + valid, n_bytes - valid);
        n_whole += valid == n_bytes;
        cr_assert_eq(sheaf__utf8_valid_prefix(bytes, n_bytes), valid);
    }
    cr_assert(n_whole > 50000 && n_whole < 190000, "%d", (int)n_whole);
}

/* ---- both escapes ---- */

typedef size_t escape_function(const char *bytes, size_t n_bytes, char *text, size_t size);

static blob escaped(escape_function *escape, const void *bytes, size_t n_bytes)
{
    blob out = {0};
    size_t total = escape(bytes, n_bytes, NULL, 0);
    blob_fill(&out, '?', total + 2);
    cr_assert_eq(escape(bytes, n_bytes, (char *)out.bytes, total + 1), total);
    cr_assert_eq(out.bytes[total], '\0');
    cr_assert_eq(out.bytes[total + 1], '?', "written behind its end");
    out.n_bytes = total;
    return out;
}

static void check_escape(escape_function *escape, const char *bytes, size_t n_bytes,
                         const char *expected)
{
    blob got = escaped(escape, bytes, n_bytes);
    cr_assert_str_eq((char *)got.bytes, expected, "%s instead of %s", (char *)got.bytes, expected);
    blob_free(&got);
}

typedef struct escape_case {
    const char *bytes;
    size_t n_bytes;
    const char *terminal;
    const char *json;
} escape_case;

#define TEXT(literal) (literal), sizeof(literal) - 1

static const escape_case cases[] = {
    {TEXT(""), "", ""},
    {TEXT("plain text, 'quoted' / ~"), "plain text, 'quoted' / ~", "plain text, 'quoted' / ~"},
    {TEXT("say \"hi\""), "say \"hi\"", "say \\\"hi\\\""},
    {TEXT("C:\\x"), "C:\\\\x", "C:\\\\x"},
    {TEXT("\n\r\t"), "\\n\\r\\t", "\\n\\r\\t"},
    {TEXT("\b\f\v\a"), "\\x08\\x0c\\x0b\\x07", "\\b\\f\\u000b\\u0007"},
    {TEXT("\0"
          "1"),
     "\\x001", "\\u00001"},
    {TEXT("\x1b[31mred\x1b[0m"), "\\x1b[31mred\\x1b[0m", "\\u001b[31mred\\u001b[0m"},
    {TEXT("\x7f"), "\\x7f", "\\u007f"},
    {TEXT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"), "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80",
     "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"},
    {TEXT("caf\xE9"), "caf\\xe9", "caf\\udce9"},
    {TEXT("\x80\xFF\xC3"), "\\x80\\xff\\xc3", "\\udc80\\udcff\\udcc3"},
    {TEXT("\xED\xA0\x80"), "\\xed\\xa0\\x80", "\\udced\\udca0\\udc80"},
    {TEXT("\xF4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80", "\\udcf4\\udc90\\udc80\\udc80"},
    {TEXT("\xE2\x82"), "\\xe2\\x82", "\\udce2\\udc82"},
    {TEXT("\xC2\x80\xC2\x9B"
          "31m\xC2\x85"),
     "\\u{0080}\\u{009b}31m\\u{0085}",
     "\xC2\x80\xC2\x9B"
     "31m\xC2\x85"},
    {TEXT("\xE2\x80\xA8\xE2\x80\xA9"), "\\u{2028}\\u{2029}", "\xE2\x80\xA8\xE2\x80\xA9"},
    {TEXT("\xE2\x80\xAE"
          "fdp.exe\xE2\x81\xA6"),
     "\\u{202e}fdp.exe\\u{2066}",
     "\xE2\x80\xAE"
     "fdp.exe\xE2\x81\xA6"},
    {TEXT("\xE2\x80\x8F\xD8\x9C\xE2\x81\xA9"), "\\u{200f}\\u{061c}\\u{2069}",
     "\xE2\x80\x8F\xD8\x9C\xE2\x81\xA9"},
    {TEXT("\xEF\xBB\xBF"), "\\u{feff}", "\xEF\xBB\xBF"},
};

Test(text, is_escaped_as_the_header_says)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_escape(sheaf_text_escape, cases[i].bytes, cases[i].n_bytes, cases[i].terminal);
        check_escape(sheaf_text_json, cases[i].bytes, cases[i].n_bytes, cases[i].json);
    }
}

/*
 * In buffers of every size: a beginning of the whole text that ends between two pieces, and the
 * length of all.
 */
static void check_sizes(escape_function *escape, const char *bytes, size_t n_bytes)
{
    blob whole = escaped(escape, bytes, n_bytes);
    size_t ends[64];
    size_t n_ends = 0;
    for (size_t i = 0; i < n_bytes;) { /* where a piece of the text ends */
        uint32_t c;
        size_t length = sheaf__utf8_decode((const uint8_t *)bytes + i, n_bytes - i, &c);
        i += length > 0 ? length : 1;
        ends[n_ends++] = escape(bytes, i, NULL, 0);
    }
    for (size_t size = 0; size <= whole.n_bytes + 2; size++) {
        char text[256];
        memset(text, '?', sizeof text);
        cr_assert_eq(escape(bytes, n_bytes, text, size), whole.n_bytes);
        cr_assert_eq(text[size], '?', "written behind the buffer");
        if (size == 0)
            continue;
        size_t fits = 0;
        for (size_t i = 0; i < n_ends; i++)
            fits = ends[i] < size ? ends[i] : fits;
        cr_assert_eq(strlen(text), fits, "%s in %d bytes", text, (int)size);
        cr_assert_arr_eq(text, whole.bytes, fits);
    }
    blob_free(&whole);
}

Test(text, is_cut_only_between_pieces)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_sizes(sheaf_text_escape, cases[i].bytes, cases[i].n_bytes);
        check_sizes(sheaf_text_json, cases[i].bytes, cases[i].n_bytes);
    }
}

/* ---- nothing is lost ---- */

static uint32_t hex(const uint8_t *digits, size_t n)
{
    char text[8] = "";
    memcpy(text, digits, n);
    for (size_t i = 0; i < n; i++)
        cr_assert(isxdigit((unsigned char)text[i]) && !isupper((unsigned char)text[i]), "%s", text);
    return (uint32_t)strtoul(text, NULL, 16);
}

static void add_character(blob *to, uint32_t c)
{
    uint8_t bytes[4];
    blob_add(to, bytes, encode(c, bytes));
}

/* Undo sheaf_text_escape(). */
static blob unescape(const blob *text)
{
    blob out = {0};
    for (size_t i = 0; i < text->n_bytes;) {
        const uint8_t *at = text->bytes + i;
        if (*at != '\\') {
            blob_add(&out, at, 1);
            i++;
        } else if (at[1] == 'x') {
            blob_add(&out, &(uint8_t){(uint8_t)hex(at + 2, 2)}, 1);
            i += 4;
        } else if (at[1] == 'u') {
            const uint8_t *end = memchr(at, '}', text->n_bytes - i);
            cr_assert_not_null(end);
            size_t n = (size_t)(end - at) - 3;
            cr_assert(at[2] == '{' && n >= 4 && n <= 6);
            add_character(&out, hex(at + 3, n));
            i += n + 4;
        } else {
            blob_add(&out,
                     at[1] == 'n'   ? "\n"
                     : at[1] == 'r' ? "\r"
                     : at[1] == 't' ? "\t"
                                    : "\\",
                     1);
            cr_assert_not_null(strchr("nrt\\", at[1]));
            i += 2;
        }
    }
    return out;
}

/* Undo sheaf_text_json(), as Python's os.fsencode(json.loads(...)) would. */
static blob unescape_json(const blob *text)
{
    blob out = {0};
    for (size_t i = 0; i < text->n_bytes;) {
        static const char from[] = "\"\\bfnrt";
        static const char to[] = "\"\\\b\f\n\r\t";
        const uint8_t *at = text->bytes + i;
        cr_assert(*at >= 0x20 && *at != '"', "not to stand in a JSON string: %s", text->bytes);
        if (*at != '\\') {
            blob_add(&out, at, 1);
            i++;
        } else if (at[1] == 'u') {
            uint32_t c = hex(at + 2, 4);
            if (c >= 0xDC80 && c <= 0xDCFF)
                blob_add(&out, &(uint8_t){(uint8_t)c}, 1);
            else
                add_character(&out, c);
            i += 6;
        } else {
            const char *which = strchr(from, at[1]);
            cr_assert(which && at[1]);
            blob_add(&out, to + (which - from), 1);
            i += 2;
        }
    }
    return out;
}

static bool is_safe_to_print(const blob *text)
{
    for (size_t i = 0; i < text->n_bytes;) {
        uint32_t c;
        size_t length = sheaf__utf8_decode(text->bytes + i, text->n_bytes - i, &c);
        if (length == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
            (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0x200E ||
            c == 0x200F || c == 0x61C)
            return false;
        i += length;
    }
    return true;
}

static void check_reversible(const void *bytes, size_t n_bytes)
{
    blob text = escaped(sheaf_text_escape, bytes, n_bytes);
    blob back = unescape(&text);
    cr_assert(is_safe_to_print(&text));
    cr_assert(back.n_bytes == n_bytes && (n_bytes == 0 || memcmp(back.bytes, bytes, n_bytes) == 0),
              "%s", (char *)text.bytes);
    blob_free(&text);
    blob_free(&back);
    text = escaped(sheaf_text_json, bytes, n_bytes);
    back = unescape_json(&text);
    cr_assert_eq(sheaf__utf8_valid_prefix(text.bytes, text.n_bytes), text.n_bytes);
    cr_assert_leq(text.n_bytes, 6 * n_bytes);
    cr_assert(back.n_bytes == n_bytes && (n_bytes == 0 || memcmp(back.bytes, bytes, n_bytes) == 0),
              "%s", (char *)text.bytes);
    blob_free(&text);
    blob_free(&back);
}

Test(text, is_escaped_without_loss)
{
    static const char often[] = "\\\"nrtux{}0\n\r\t\x1b\x7f\xC2\x85\xE2\x80\xAE\xFF";
    uint64_t seed = 29;
    for (int i = 0; i < 50000; i++) {
        char bytes[24];
        size_t n_bytes = random_below(&seed, sizeof bytes);
        for (size_t at = 0; at < n_bytes; at++)
            bytes[at] = random_below(&seed, 2) ? (char)random_next(&seed)
                                               : often[random_below(&seed, sizeof often)];
        check_reversible(bytes, n_bytes);
    }
}

Test(text, of_every_character_is_safe_and_without_loss)
{
    for (uint32_t c = 0; c <= 0x10FFFF; c += c < 0x3000 ? 1 : 61) {
        uint8_t bytes[4];
        check_reversible(bytes, encode(c, bytes));
    }
}

/* ---- what only the library does ---- */

Test(text, that_is_cleaned_keeps_its_backslashes)
{
    check_escape(sheaf__text_clean, TEXT("C:\\x \\x1b \x1b\n\xFF caf\xC3\xA9"),
                 "C:\\x \\x1b \\x1b\\n\\xff caf\xC3\xA9");
    check_sizes(sheaf__text_clean, TEXT("a\\\x1b\xC3\xA9\xE2\x80\xAE\\"));
}

Test(text, whose_beginning_is_wanted_is_escaped_as_ever)
{
    static const char pieces[][5] = {"x",    "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                     "\xFF", "\n"};
    uint64_t seed = 20261123;
    for (int i = 0; i < 20000; i++) {
        char bytes[64] = "";
        while (strlen(bytes) < 40)
            strcat(bytes, pieces[random_below(&seed, 6)]);
        char wanted[100];
        char found[100];
        size_t size = 1 + random_below(&seed, 60);
        sheaf_text_escape(bytes, strlen(bytes), wanted, size);
        sheaf__text_escape_begin(bytes, strlen(bytes), found, size);
        cr_assert_str_eq(found, wanted, "%d bytes", (int)size);
    }
}

Test(text, that_is_too_long_keeps_its_end)
{
    static const char path[] = "caf\xC3\xA9/\x1b[0m/\xE2\x82\xAC/\xE2\x80\xAE\xFF\\name.csv";
    blob whole = escaped(sheaf_text_escape, path, sizeof path - 1);
    blob_add(&whole, "", 1); /* ended by a NUL, which is not counted */
    whole.n_bytes--;
    for (size_t size = 16; size < 80; size++) {
        char text[100];
        memset(text, '?', sizeof text);
        sheaf__text_escape_end(path, sizeof path - 1, text, size);
        size_t n_text = strnlen(text, sizeof text);
        cr_assert_lt(n_text, size);
        cr_assert_eq(text[size], '?', "written behind the buffer");
        if (whole.n_bytes < size) {
            cr_assert_str_eq(text, (char *)whole.bytes);
            continue;
        }
        cr_assert_eq(strncmp(text, "...", 3), 0, "%s", text);
        cr_assert_str_eq(text + 3, (char *)whole.bytes + whole.n_bytes - (n_text - 3));
        cr_assert_gt(n_text, size - 10, "%s: more of it fits in %d bytes", text, (int)size);
        blob back = {0};
        blob_add(&back, text + 3, n_text - 3);
        cr_assert(is_safe_to_print(&back));
        blob again = unescape(&back); /* fails when an escape was cut */
        blob_free(&again);
        blob_free(&back);
    }
    blob_free(&whole);
}
