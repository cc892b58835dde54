/*
 * Plain texts, whose dialect is found in one go, and hostile ones: whatever the text, both ways of
 * sniffing find the same, take what is told, and end soon.
 */
#include "readers/dialect/plain.h"

#include <time.h>

#include "readers/dialect/sniff.h"
#include "tests/support.h"

TestSuite(sniff_plain, .timeout = 60);

enum { HEAD_BYTES = 64 << 10 };

static const sheaf_dialect nothing;

static sheaf__sniff_text text_of(const void *bytes, size_t n_bytes, bool at_end)
{
    return (sheaf__sniff_text){.pieces = {{bytes, n_bytes, at_end}}, .n_pieces = 1};
}

static bool is_plain(const char *text)
{
    sheaf__sniffed found;
    sheaf__sniff_text sample = text_of(text, strlen(text), true);
    return sheaf__sniff_plain(&sample, &nothing, 0, &found);
}

/* Both ways: the same, and what is promised of any dialect. Returns whether the text was plain. */
static bool check_both(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint)
{
    sheaf__sniffed found;
    sheaf__sniffed closely;
    sheaf__sniffed plain;
    bool vouches = sheaf__sniff_plain(text, told, hint, &plain);
    cr_assert_eq(sheaf__sniff(text, told, hint, &found, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__sniff_closely(text, told, hint, &closely, NULL), SHEAF_OK);
    const sheaf_dialect *d = &found.dialect;
    cr_assert_eq(memcmp(d, &closely.dialect, sizeof *d), 0, "the two ways differ: %.*s",
                 (int)text->pieces[0].n_bytes, (const char *)text->pieces[0].bytes);
    cr_assert_eq(found.n_columns, closely.n_columns);
    cr_assert_geq(closely.confidence, 0);
    cr_assert_leq(closely.confidence, 1);
    cr_assert(d->delimiter > 0 && d->delimiter < 0x80);
    cr_assert(d->quote != 0 && d->escape != 0 && d->comment != 0 && d->padding != 0);
    cr_assert(d->header != 0 && d->skip_lines != 0);
    cr_assert(d->delimiter != d->quote && d->delimiter != d->escape && d->delimiter != d->comment);
    cr_assert(d->quote == SHEAF_NONE || d->quote != d->comment);
    cr_assert(told->delimiter == 0 || told->delimiter == d->delimiter);
    cr_assert(told->quote == 0 || told->quote == d->quote);
    cr_assert(told->skip_lines == 0 || told->skip_lines == d->skip_lines);
    return vouches;
}

Test(sniff_plain, vouches_for_the_usual)
{
    static const char *const plain[] = {
        "a,b\n1,2\n3,4\n",
        "a;b\r\n1;2\r\n3;4",
        "a\tb\r1\t2\r3\t4\r5\t6",
        "\n\na|b\n1|2\r\n\r\n\n3|4\n",
        "\"a\",\"b\"\n\"x, y\",\"\"\"z\"\"\"\n\"1\n2\",3\n",
        "first name,age\nO'Neill,5\nrock 'n' roll,6\n",
        "a,b,\n1,2,\n3,4,\n",
        "name,tags\nx,a;b;c;d;e\ny,f;g;h;i;j\nz,k;l;m;n;o\n",
    };
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        sheaf__sniff_text text = text_of(plain[i], strlen(plain[i]), true);
        cr_expect(is_plain(plain[i]), "%s", plain[i]);
        cr_expect(check_both(&text, &nothing, 0));
    }
}

Test(sniff_plain, vouches_for_nothing_that_may_have_another_meaning)
{
    static const char *const others[] = {
        "",
        "a,b\n",
        "a\nb\nc\n",
        "a,b\n1,2\n3\n",                 /* a record of another width */
        "a,b\n1,2\n3,4,5",               /* also the last one */
        "a,b\n1,\"2\n3,4\n",             /* an open quote */
        "a,b\n1, \"2\"\n3,4\n",          /* a quote after a blank */
        "a,b\n\"x\"y,2\n3,4\n",          /* one inside of quotes */
        "a,b\n\\N,2\n3,4\n",             /* an escape, maybe */
        "a,b\n'x',2\n3,4\n",             /* another quote, maybe */
        "a,b\n1, 'x'\n3,4\n",            /* behind a blank, too */
        "a,b;c\n1,2;x\n3,4;y\n",         /* another delimiter */
        "a:x,b\n1,2\n3,4\n",             /* and again */
        "1,b\n2,x\n3,y\n",               /* a value in the first record */
        "A-1,b\nA-2,x\nA-3,y\n",         /* or a code */
        "#a,b\n1,2\n3,4\n",              /* a comment, maybe */
        "Title,,\na,b,c\n1,2,3\n",       /* a padded title */
        "all, of it\n\na,b\n1,2\n3,4\n", /* a title above a blank line */
        "sep=,\na,b\n1,2\n",             /* a spreadsheet's word */
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        sheaf__sniff_text text = text_of(others[i], strlen(others[i]), true);
        cr_expect_not(is_plain(others[i]), "%s", others[i]);
        (void)check_both(&text, &nothing, 0);
    }
}

Test(sniff_plain, looks_at_every_piece)
{
    static const char head[] = "a,b\n1,2\n3,4\n5,";
    static const char *const middles[] = {"\n7,8,9\n", "\n7,\\\n", "\n'7',8\n", "\n7,\"8\n9,1\n"};
    sheaf__sniff_text text = text_of(head, strlen(head), false);
    sheaf__sniffed found;
    text.n_pieces = 2;
    text.pieces[1] = (sheaf__sniff_piece){(const uint8_t *)"6\n7,8\n9", 7, false};
    cr_assert(sheaf__sniff_plain(&text, &nothing, 0, &found));
    for (size_t i = 0; i < sizeof middles / sizeof middles[0]; i++) {
        text.pieces[1].bytes = (const uint8_t *)middles[i];
        text.pieces[1].n_bytes = strlen(middles[i]);
        cr_expect_not(sheaf__sniff_plain(&text, &nothing, 0, &found), "%s", middles[i]);
    }
}

/* ---- random and hostile texts ---- */

/* Tables that are nearly plain, with a fault or none; mostly words in the first record. */
static size_t make_table(char *to, uint64_t *seed)
{
    static const char *const cells[] = {"x",     "y z",      "b_2",        "O'Neill", "",   "a-1",
                                        "\"q\"", "\"u\nv\"", "2024-01-01", "yes",     "12", "1.5"};
    static const char *const faults[] = {"\"", "'", "\\", ";", "#", "\n", " \"", ",", "\r", ":"};
    char delimiter = ",;\t|,,"[random_below(seed, 6)];
    size_t width = 1 + random_below(seed, 5);
    size_t n = 0;
    size_t n_kinds = random_below(seed, 8) == 0 ? 12 : 4 + random_below(seed, 4);
    for (size_t row = random_below(seed, 12) + 1; row > 0; row--) {
        for (size_t i = 0; i < width; i++) {
            const char *cell = cells[random_below(seed, n_kinds)];
            if (random_below(seed, 80) == 0)
                cell = faults[random_below(seed, 10)];
            memcpy(to + n, cell, strlen(cell));
            n += strlen(cell);
            to[n++] = i + 1 < width ? delimiter : '\n';
        }
        n_kinds = 12;
        if (random_below(seed, 12) == 0)
            to[n++] = '\n';
    }
    return n;
}

Test(sniff_plain, both_ways_agree_on_random_tables)
{
    uint64_t seed = 1;
    char bytes[2000];
    size_t n_plain = 0;
    for (size_t i = 0; i < rounds(20000); i++) {
        size_t n = make_table(bytes, &seed);
        sheaf__sniff_text text = text_of(bytes, n - random_below(&seed, 2), i % 3 > 0);
        sheaf_dialect told = {.delimiter = i % 5 == 0 ? ',' : 0, .header = i % 7 == 0 ? 1 : 0};
        n_plain += check_both(&text, &told, i % 11 == 0 ? "\t ;,"[i % 4] : 0);
    }
    cr_assert_gt(n_plain, rounds(1000), "%zu", n_plain);
}

Test(sniff_plain, any_bytes_are_sniffed)
{
    static const char alphabet[] = ",;\t|\"'\\#% \n\r\n1a:-\0\x1f";
    uint64_t seed = 2;
    for (size_t i = 0; i < rounds(6000); i++) {
        size_t n = random_below(&seed, 300);
        uint8_t *bytes = malloc(n + 1); /* of its own, for the sanitizer to see its end */
        cr_assert_not_null(bytes);
        bool has_all = i % 4 == 0;
        for (size_t k = 0; k < n; k++)
            bytes[k] = has_all ? (uint8_t)random_next(&seed)
                               : (uint8_t)alphabet[random_below(&seed, sizeof alphabet)];
        size_t cut = random_below(&seed, n + 1);
        sheaf__sniff_text text = {.pieces = {{bytes, cut, false}, {bytes + cut, n - cut, true}},
                                  .n_pieces = 1 + (size_t)(i % 2)};
        sheaf_dialect told = {.skip_lines = i % 9 == 0 ? (int64_t)random_below(&seed, 4) - 1 : 0,
                              .quote = i % 8 == 0 ? '\'' : 0,
                              .escape = i % 10 == 0 ? '\\' : 0,
                              .padding = i % 6 == 0 ? 1 : 0};
        (void)check_both(&text, &told, 0);
        free(bytes);
    }
}

Test(sniff_plain, hostile_texts_end_soon)
{
    static const char *const patterns[] = {
        "x",
        ",",
        "\"",
        "\"\n",
        ",\"",
        "\"a\n",
        "\"\"\n",
        "\"\"\"\"x\n",
        "\"\"\"x\n",
        "\\",
        "\\\"",
        "a\\\"b,\"\\\"\n",
        "'a',\n\"",
        "'a',\"b\",\"c'\n",
        "#\n",
        "#a,b\n",
        " ",
        "   \"",
        "\n",
        "\r",
        "1\n",
        "#%!*,;\t|:~^ /@\n",
        "a,\"b\n\"\"\"\"\n",
        ",'\"\\",
        "a,b\n\"c",
        "\t \"",
        "%a\n%b,c\n",
    };
    char *bytes = malloc(HEAD_BYTES);
    cr_assert_not_null(bytes);
    for (size_t i = 0; i <= sizeof patterns / sizeof patterns[0]; i++) {
        bool is_nul = i == sizeof patterns / sizeof patterns[0];
        size_t n = is_nul ? 1 : strlen(patterns[i]);
        for (size_t k = 0; k < HEAD_BYTES; k++)
            bytes[k] = is_nul ? '\0' : patterns[i][k % n];
        clock_t begin = clock();
        for (int at_end = 0; at_end < 2; at_end++) {
            sheaf__sniff_text text = text_of(bytes, HEAD_BYTES, at_end);
            (void)check_both(&text, &nothing, 0);
        }
        double seconds = (double)(clock() - begin) / CLOCKS_PER_SEC;
        cr_expect_lt(seconds, 1.0, "%s takes %.3f s", is_nul ? "NUL" : patterns[i], seconds);
    }
    free(bytes);
}

Test(sniff_plain, no_piece_is_no_text)
{
    sheaf__sniff_text text = {.n_pieces = 0};
    (void)check_both(&text, &nothing, 0);
    (void)check_both(&text, &nothing, '\t');
}
