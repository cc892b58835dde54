/* What the sniffer is made of: records under guessed rules, how many of them agree, and cells. */
#include "readers/dialect/cell.h"
#include "readers/dialect/shapes.h"
#include "tests/support.h"

TestSuite(sniff_shapes, .timeout = 20);

static const sheaf__rules usual = {',', '"', SHEAF_NONE, SHEAF_NONE, false};

/* The records' widths; a record with a quote that opens nothing: "!", with a lone one: "?". */
static const char *widths_of(const char *text, sheaf__rules rules)
{
    static char widths[200];
    sheaf__sniff_piece piece = {(const uint8_t *)text, strlen(text), true};
    sheaf__walker walker;
    sheaf__record record;
    widths[0] = '\0';
    sheaf__walker_begin(&walker, &piece, 0, &rules);
    while (sheaf__walker_next(&walker, &record))
        sprintf(widths + strlen(widths), "%u%s%s ", record.n_fields, record.is_broken ? "!" : "",
                record.has_lone ? "?" : "");
    return widths;
}

Test(sniff_shapes, records_follow_the_rules_of_the_reader)
{
    const sheaf__rules backslash = {',', '"', '\\', SHEAF_NONE, false};
    const sheaf__rules doubled = {',', '"', '"', SHEAF_NONE, false};
    const sheaf__rules padded = {',', '"', SHEAF_NONE, SHEAF_NONE, true};
    const sheaf__rules comment = {',', '"', SHEAF_NONE, '#', false};
    const sheaf__rules none = {',', SHEAF_NONE, SHEAF_NONE, SHEAF_NONE, false};
    const struct {
        const char *text;
        sheaf__rules rules;
        const char *widths;
    } cases[] = {
        {"a,b\n1\r\n\r\n,\r,,", usual, "2 1 2 3 "},
        {"\"a,b\",c\n\"a\nb\",c\n", usual, "2 2 "},
        {"\"a\"\"b\",c\n\"\",\"\"\"\"\n", usual, "2 2 "},
        {"\"a\"b,c\n1,2\n", usual, "2! 2 "}, /* never closed */
        {"\"a \"b, c\",d\n", usual, "2? "},
        {"\"a \"b,\nc\",d\n", usual, "2! 2 "}, /* a lone quote and a line end */
        {"\"a,b\nc \"d\" e\n", usual, "2! 1 "},
        {"x \"a,b\"\n", usual, "2 "},
        {"\"a\\\",b\",c\n\\\"a,b\n", backslash, "2 2 "},
        {"a\\,b,c\na\\\nb,c\n\"a\\\\\",b\n", backslash, "2 2 2 "},
        {"a\\\r\nb,c\n", backslash, "2 "},
        {"\"a\"\"b\",c\n", doubled, "2 "},
        {"a , \"b, c\" ,d\n", padded, "3 "},
        {"a , \"b, c\" ,d\n", usual, "4 "},
        {"#a,\"b\nc,d\n #e\n", comment, "2 1 "},
        {"\"a,b\",c\n", none, "3 "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_str_eq(widths_of(cases[i].text, cases[i].rules), cases[i].widths, "%s: %s",
                         cases[i].text, widths_of(cases[i].text, cases[i].rules));
}

static sheaf__sums sums_of(const char *head, const char *middle)
{
    static sheaf__shapes shapes;
    static sheaf__record record;
    sheaf__sniff_text text = {.pieces = {{(const uint8_t *)head, strlen(head), !middle}},
                              .n_pieces = 1};
    if (middle) {
        text.pieces[1] = (sheaf__sniff_piece){(const uint8_t *)middle, strlen(middle), false};
        text.n_pieces = 2;
    }
    return *sheaf__shapes_measure(&shapes, &text, &usual, &record);
}

Test(sniff_shapes, the_commonest_width_counts)
{
    sheaf__sums sums = sums_of("a,b,c\n1,2,3\n4,5\n6,7,8\n9,1,2,3\n", NULL);
    cr_assert_eq(sums.width, 3);
    cr_assert_eq(sums.n_records, 5);
    cr_assert_eq(sums.n_wide, 3);
    cr_assert_eq(sums.share, SHEAF__SHARE_ONE * 3 / 5);
    cr_assert_eq(sums.first_width, 3);
    cr_assert_eq(sums_of("a\nb\nc,d\n", NULL).width, 2, "one field is no shape");
    cr_assert_eq(sums_of("a\nb\n", NULL).width, 1);
    cr_assert_eq(sums_of("\n\n", NULL).width, 0);
}

Test(sniff_shapes, lines_around_the_table_weigh_little)
{
    cr_assert_eq(sums_of("T\nU\na,b\n1,2\n3,4\n5,6\nV\nW\n", NULL).share,
                 SHEAF__SHARE_ONE * 16 / 20);
    cr_assert_eq(sums_of("a,b\n1,2\nT\n3,4\n5,6\n", NULL).share, SHEAF__SHARE_ONE * 16 / 20);
    cr_assert_eq(sums_of("a,b\n1,2\n#T\n3,4\n5,6\n", NULL).share, SHEAF__SHARE_ONE * 16 / 17);
    cr_assert_eq(sums_of("#x,y,z\na,b\n1,2\n", NULL).first_width, 2);
}

Test(sniff_shapes, what_a_piece_cuts_is_left_out)
{
    cr_assert_eq(sums_of("a,b\n1,2\n3,", "4,5,6\n7,8\n9").n_records, 3);
    cr_assert_eq(sums_of("a,b\n1,2\n3,", "4,5\n7,8\n9").n_records, 3);
    cr_assert_eq(sums_of("a,b,c", NULL).n_records, 1);
    cr_assert_eq(sums_of("a,b,c", "").n_records, 1, "there is no other");
    /* Inside of quotes when it begins, and when it ends; but for the tail of the first record. */
    cr_assert_eq(sums_of("a,b\n1,2\n", "x\ny\nz\",5\n7,8\n9,\"u\nv\nw\nx").n_records, 4);
    /* But not if what follows the open quote are records. */
    cr_assert_eq(sums_of("a,b\n1,2\n", "\n9,\"u\n1,2\n3,4\n5,6\n").n_records, 6);
}

Test(sniff_shapes, cells_have_kinds)
{
    static const struct {
        sheaf__cell_kind kind;
        const char *cells[40];
    } kinds[] = {
        {SHEAF__CELL_EMPTY, {"", "  ", "NA", "n/a", "null", "-", "\\N", "NaN"}},
        {SHEAF__CELL_TEXT, {"x",     "1a",     "A-1",     "1.2.3",  "192.168.1.1", "12:3", "+",
                            ".5.",   "2024-",  "maybe",   "e5",     "1_000",       "0x1F", "$",
                            "12 34", "1,23,4", "January", "may be", "1-0",         "R+1"}},
        {SHEAF__CELL_NUMBER,
         {"1", "-1", "+1.5", ".5", "5.", "1e5", "1E-3", "12,50", "1.234,5", "1,234,567", "$5",
          "-$1,234.50", "45%", "45 %", "12 \xE2\x82\xAC", "007", " 8 ", "123456789012345678901"}},
        {SHEAF__CELL_MOMENT,
         {"2024-01-31", "2024-01-31T10:00:00Z", "2024-01-31 10:00", "31.01.2024", "1/31/24",
          "10:30", "10:30:15.25", "9:05 pm", "31-Jan-2024", "26-Dec", "Jan 31, 2024", "May-24",
          "2024-01-31T10:00:00+02:00", "2024/01/31"}},
        {SHEAF__CELL_TRUTH, {"yes", "No", "TRUE", "false"}},
        {SHEAF__CELL_LINK, {"http://a.b", "https://a.b/c?d=e", "www.a.b"}},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        for (const char *const *text = kinds[i].cells; *text; text++) {
            sheaf__cell cell = {(const uint8_t *)*text, strlen(*text), false};
            cr_expect_eq(sheaf__cell_kind_of(&cell), kinds[i].kind, "%s is of kind %d", *text,
                         (int)sheaf__cell_kind_of(&cell));
        }
    }
}

Test(sniff_shapes, cells_that_were_cut_wrongly_look_odd)
{
    static const char *const odd[] = {"a;b", "a,b", "a,", "\"a", "a\"", "5 2", "x|y", "a\tb"};
    static const char *const even[] = {"a, b", "a: b", "5\" pipe", "O'Neill",
                                       "a b",  "x/y",  "\xC3\xBC"};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        cr_expect(sheaf__cell_is_odd(&(sheaf__cell){(const uint8_t *)odd[i], strlen(odd[i]), false},
                                     SHEAF__CELL_TEXT),
                  "%s", odd[i]);
    for (size_t i = 0; i < sizeof even / sizeof even[0]; i++)
        cr_expect_not(
            sheaf__cell_is_odd(&(sheaf__cell){(const uint8_t *)even[i], strlen(even[i]), false},
                               SHEAF__CELL_TEXT),
            "%s", even[i]);
}
