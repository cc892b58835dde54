/*
 * What dialect a text has: each rule by small texts, told what is expected in short:
 *
 *     ";3"                     the delimiter and the number of columns; all else is the usual
 *     ",5 no-header skip=2"    ... and what is not
 *
 * Real files and polluted ones are the matter of pollution/score_sniff.py; what plain texts and
 * hostile ones are owed stands in test_sniff_plain.c.
 */
#include "readers/dialect/sniff.h"
#include "tests/support.h"

TestSuite(sniff, .timeout = 20);

static const sheaf_dialect nothing;

static sheaf__sniffed sniff(const char *text, size_t n_bytes, const sheaf_dialect *told, int hint)
{
    sheaf__sniffed found;
    sheaf__sniff_text sample = {.pieces = {{(const uint8_t *)text, n_bytes, true}}, .n_pieces = 1};
    cr_assert_eq(sheaf__sniff(&sample, told, hint, &found, NULL), SHEAF_OK);
    return found;
}

static void put_mark(char *to, const char *name, int character)
{
    if (character == SHEAF_NONE)
        sprintf(to + strlen(to), " %s=none", name);
    else
        sprintf(to + strlen(to), " %s=%c", name, character);
}

/* In short, as above. */
static const char *in_short(const sheaf__sniffed *found)
{
    static char text[100];
    const sheaf_dialect *d = &found->dialect;
    const char *delimiter = d->delimiter == '\t' ? "tab" : (char[]){(char)d->delimiter, 0};
    sprintf(text, "%s%zu", delimiter, found->n_columns);
    if (d->quote != '"')
        put_mark(text, "quote", d->quote);
    if (d->escape != SHEAF_NONE)
        put_mark(text, "escape", d->escape);
    if (d->comment != SHEAF_NONE)
        put_mark(text, "comment", d->comment);
    if (d->padding != SHEAF_NONE)
        strcat(text, " padded");
    if (d->header != 1)
        strcat(text, " no-header");
    if (d->skip_lines != SHEAF_NONE)
        sprintf(text + strlen(text), " skip=%d", (int)d->skip_lines);
    return text;
}

typedef struct example {
    const char *text;
    const char *expected;
} example;

static void check(const example *examples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sheaf__sniffed found = sniff(examples[i].text, strlen(examples[i].text), &nothing, 0);
        cr_expect_str_eq(in_short(&found), examples[i].expected, "%s: %s, not %s", examples[i].text,
                         in_short(&found), examples[i].expected);
    }
}

#define CHECK(examples) check(examples, sizeof examples / sizeof examples[0])

/* ---- delimiters ---- */

Test(sniff, finds_the_delimiter)
{
    static const example examples[] = {
        {"a,b,c\n1,x,2\n3,y,4\n", ",3"},
        {"a;b;c\n1;x;2\n3;y;4\n", ";3"},
        {"a\tb\tc\n1\tx\t2\n3\ty\t4\n", "tab3"},
        {"a|b|c\n1|x|2\n3|y|4\n", "|3"},
        {"a:b:c\n1:x:2\n3:y:4\n", ":3"},
        {"a~b~c\n1~x~2\n3~y~4\n", "~3"},
        {"a^b^c\n1^x^2\n3^y^4\n", "^3"},
        {"a b c\n1 x 2\n3 y 4\n", " 3"},
        {"a\x1f"
         "b\x1f"
         "c\n1\x1f"
         "x\x1f"
         "2\n3\x1f"
         "y\x1f"
         "4\n",
         "\x1f"
         "3"},
        {"a\x01"
         "b\n1\x01"
         "2\n3\x01"
         "4\n",
         "\x01"
         "2"},
        /* Others stand in the text, as regularly. */
        {"day;price\n2024-01-01;12,50\n2024-01-02;8,99\n", ";2"},
        {"1,5;2,5\n3,5;4,5\n5,5;6,5\n", ";2 no-header"},
        {"at,value\n2024-01-01 10:00:00,5\n2024-01-01 10:00:05,6\n", ",2"},
        {"day,value\n01/02/2024,5\n02/02/2024,6\n03/02/2024,7\n", ",2"},
        {"1,5 2,5 3,5\n4,5 5,5 6,5\n7,5 8,5 9,5\n", " 3 no-header"},
        {"name,tags\nx,a;b\ny,c;d\nz,e;f\n", ",2"},
        {"id,link\n1,http://a.b/c?d=e;f\n2,http://a.b/d?d=e;f\n", ",2"},
        {"latitude longitude link opens tags\n48.1 11.5 https://a.b/c?d=1;e=2 09:30 bar;late\n"
         "48.2 11.6 https://a.b/d?d=2;e=3 10:30 park\n48.3 11.7 https://a.b/e?d=4;e=5 08:15 x;y\n",
         " 5"},
        {"a, b; c; d\nx, y; z; u\nv, w; s; t\n", ";3"},
        {"a;b\n\"x,y\";\"z,u\"\n\"v,w\";\"s,t\"\n", ";2"},
        /* Times of day are cut by one of them. */
        {"93.0.0.0 - - [10/Oct/2023:13:55:00 +0000] \"GET /a?x=1&y=2 HTTP/1.1\" 304 10234\n"
         "40.0.0.1 - - [10/Oct/2023:13:55:01 +0000] \"GET /img/x.png HTTP/1.1\" 404 512\n"
         "66.0.0.2 - bob [10/Oct/2023:13:55:02 +0000] \"GET / HTTP/1.1\" 200 512\n",
         " 8 no-header"},
    };
    CHECK(examples);
}

Test(sniff, takes_one_column_for_what_it_is)
{
    static const example examples[] = {
        {"id\n1\n2\n3\n", ",1"},
        {"1\n2\n3\n", ",1 no-header"},
        {"at\n2024-01-01 10:00:00\n2024-01-01 10:00:05\n", ",1"},
        {"price\n1,50\n2,75\n3,10\n", "tab1"},
        {"name\nMary Ann\nTom Jones\nSue Bell\n", ",1"},
        {"text\nOnce, long ago\nthere was a king\nwho had, as kings have, a crown\nof gold\n",
         "tab1"},
        {"text\nOnce, long ago\nlived a king\nin a land, far off\nwho was old\nand wise, too\n",
         "tab1"},
        {"text\nLate, it was\nbut, all in all\nfine\nslow, but kind\nnever, ever again\n"
         "good, cheap\nthanks, Ann\n",
         "tab1"},
        {"text\n\"a, b\"\n\"c, d\"\n", ",1"},
        {"", ",0"},
        {"\n\r\n\n", ",0"},
        {"x", ",1"},
    };
    CHECK(examples);
}

Test(sniff, a_title_is_no_reason_to_split_otherwise)
{
    static const example examples[] = {
        /* It has a comma, and so have the rows, but not the header. */
        {"Report for Smith, Jones\n\nid;name;price\n1;x;1,50\n2;y;2,75\n3;z;3,10\n4;u;4,20\n"
         "5;v;5,30\n6;w;6,40\n7;x;7,50\n8;y;8,60\n9;z;9,70\n10;u;1,80\n11;v;2,90\n",
         ";3 skip=2"},
        /* Other delimiters stand in all rows, but not in the header. */
        {"Report\n\nkey;tags\n17x;a|b|c\n23z;d|e|f\n35y;g|h|i\n", ";2 skip=2"},
        {"Report\nkey\ttags\n17x\ta|b|c\n23z\td|e|f\n35y\tg|h|i\n", "tab2 skip=1"},
        {"Report\nkey;place\n17x;1.5,2\n23z;3.5,4\n35y;5.5,6\n", ";2 skip=1"},
        /* What looks like decimals are two numbers, if there are two names. */
        {"Report 2024\n\n\"id\",\"size\"\n1000,\n1001,5\n1002,9\n1003,\n1004,5\n", ",2 skip=2"},
    };
    CHECK(examples);
}

Test(sniff, is_not_misled_by_ragged_records)
{
    static const example examples[] = {
        {"one,two,three\n1,2,3,4\n1,2,3\n\n1,2,3\n1,2,3\n", ",3"},
        {"a;b;c;d\n1;2;3;4\n5;6;7;8\n1;2;3\n5;6;7;8\n1;2;3;4;5\n5;6;7;8\n", ";4"},
        {"a,b,c\n1,2,3\n4,5,6\n7,8,9\n\nSource: own count, all of it\nPage 1 of 1\n", ",3"},
        {"Report of 2025-01-06\nid;who;what\n1;Hale;\"x\n2;Tyne;y\n3;Acme;z\n", ";3 skip=1"},
        {"country;place;n;day\nChina;\"35.86;104.19\";97100,7;04/07/20\n", ";4"},
        /* A line of one field below a clear header, but not right below it. */
        {"name,tags\nx,a;b;c\ny,c;d;e\nz,e;f;g\nu,g;h;i\nv,i;j;k\nw,k;l;m\nlost\nx,m;n;o\n"
         "y,o;p;q\nz,q;r;s\nu,s;t;u\nv,u;v;w\n",
         ",2"},
    };
    CHECK(examples);
}

/* ---- quotes, escapes, padding ---- */

Test(sniff, finds_the_quote)
{
    static const example examples[] = {
        {"a,b\n\"x, y\",1\n\"z, u\",2\n", ",2"},
        {"a,b\n'x, y',1\n'z, u',2\n", ",2 quote='"},
        {"'a';'b'\n'x';'1'\n'z';'2'\n", ";2 quote='"},
        {"a,b\n'x\ny',1\n'z\nu',2\n", ",2 quote='"},
        /* Apostrophes that are data. */
        {"a,b\nO'Neill,1\n't Hart,2\nJones',3\n", ",2"},
        {"a,b\nx,1\n'y',2\nz,3\nu,4\n", ",2"},
        {"a,b\n',1\nx,2\n',3\ny,4\n',5\nz,6\n", ",2"},
        {"a,b\n',1\nx,2\n',3\ny,4\n',5\nz,6\n',7\nu,8\n", ",2"},
        {"a,b\nx,1\n'y',2\nz,3\n'u',4\nv,5\nw,6\n", ",2"},
        {"a,b\n',1\n',2\n',3\n',4\n',5\n',6\n", ",2"},
        /* Quotes that are data. */
        {"a,b\n5\" pipe,1\n1/2\",2\n", ",2"},
        {"a\tb\n\"x\" y\t1\nz\t2\n\"u\" v\t3\n\"w\t4\n\"s\" t\t5\n", "tab2 quote=none"},
        {"a,b,c\n1,\"x,2\n3,y,4\n5,z,6\n7,u,8\n", ",3"},
    };
    CHECK(examples);
}

Test(sniff, an_unclosed_quote_costs_one_record)
{
    static const example examples[] = {
        {"a,b,c\n1,\"x,2\n3,y,4\n5,z,6\n", ",3"},
        {"a,b,c\n1,\"x,2\n3,\"y\",4\n5,\"z\",6\n", ",3"},
        {"a;b;c\n1;2;3\n4;5;6\n7;8;\"\n", ";3"},
        {"\"Pipes and tubes\nall sites\na;b;c\n1;2;3\n4;5;6\n", ";3 skip=2"},
    };
    CHECK(examples);
}

Test(sniff, finds_the_escape)
{
    static const example examples[] = {
        {"a,b\n\"x \"\"y\"\"\",1\n\"z\",2\n", ",2"},
        {"a,b\n\"x \\\"y\\\", z\",1\n\"u\",2\n", ",2 escape=\\"},
        {"a,b\n\"one \\\" alone\",1\n\"u\",2\n", ",2 escape=\\"},
        {"a,b\nx\\, y,1\nz\\, u,2\n", ",2 escape=\\"},
        {"a\tb\nx\\\ny\t1\nz\t2\n", "tab2 escape=\\"},
        /* Backslashes that are data. */
        {"a,b\n\"C:\\\",1\n\"D:\\temp\\\",2\n", ",2"},
        {"a,b\n\\N,1\nx\\ny,2\n", ",2"},
    };
    CHECK(examples);
}

Test(sniff, takes_blanks_away_only_if_they_stand_around_quotes)
{
    static const example examples[] = {
        {"a, b, c\n1, \"x, y\", \"z\"\n2, \"u, v\", \"w\"\n", ",3 padded"},
        {"\"a\" , \"b\" , \"c\"\n\"1\" , \"x\" , \"z\"\n", ",3 padded"},
        {"a, b, c\n1, x, 2\n3, y, 4\n", ",3"},
        {"a,b\n1,x\n3, \"y\"\n5,z\n7,u\n9,v\n1,x\n2,y\n3, \"z\"\n4,u\n", ",2"},
        {"a,b,c\n1,x,2\n3, \"y\",4\n5,z,6\n7,u,8\n9,v,1\n", ",3"},
    };
    CHECK(examples);
}

/* ---- what stands around the table ---- */

Test(sniff, skips_a_preamble)
{
    static const example examples[] = {
        {"Title\na,b,c\n1,2,3\n4,5,6\n", ",3 skip=1"},
        {"Title\r\n\r\nas of 2024\r\na;b;c\r\n1;2;3\r\n4;5;6\r\n", ";3 skip=3"},
        {"Station,Kiel\nHeight,5\n\na,b,c,d,e\n1,2,3,4,5\n6,7,8,9,0\n", ",5 skip=3"},
        {"Prices, all of them\na;b;c\n1;x;2,5\n2;y;3\n3;z;4,5\n4;u;5\n5;v;6,5\n", ";3 skip=1"},
        {"Title of it\nlink|n|m\nhttp://a.b/c|1|2\nhttp://a.b/d|3|4\nhttp://a.b/e|5|6\n"
         "http://a.b/f|7|8\nhttp://a.b/g|9|1\n",
         "|3 skip=1"},
        {"so high as on that morning\nin spring after the long rain\nwhich began before anyone "
         "was\nawake and nobody in the old\nmill could say when it was\na,b,c\n1,2,3\n4,5,6\n",
         ",3 skip=5"},
        {"Title,,,\n,,,\na,b,c,d\n1,2,3,4\n5,6,7,8\n", ",4 skip=2"},
        {"sep=;\na;b\n1;2\n3;4\n", ";2 skip=1"},
        {"\"sep=|\"\r\na|b\r\n1|2\r\n", "|2 skip=1"},
        {"Logger 7\nrestarted\n1,2,3\n4,5,6\n7,8,9\n", ",3 no-header skip=2"},
        {"Title\nall of it, by day\n\nday,n\n2024-01-01,5\n2024-01-02,6\n", ",2 skip=3"},
        /* Blank lines are skipped anyway. */
        {"\n\na,b,c\n1,2,3\n4,5,6\n", ",3"},
        /* Ragged records below the header do not make a preamble of it. */
        {"a,b,c\n1,2\n3\n4,5\n6\n1,x,3\n5,y,7\n9,z,2\n4,u,6\n", ",3"},
        {"a,b,c,\n1,2\n1,x,3,4\n5,y,7,8\n9,z,2,2\n4,u,6,3\n", ",4"},
        {"Sold, bought, kept, lost\nby hand\n1) all\na,b,c,d\n1,2,3,4\n5,6,7,8\n", ",4 skip=3"},
        /* A record with a fault is no preamble: it would be lost without a word. */
        {"a,b,c\n1,2,3,4\n5,6,7,8\n9,1,2,3\n", ",4"},
        {"1,2,3\n4,5,9,7\n8,9,1,2\n3,4,8,6\n", ",4 no-header"},
    };
    CHECK(examples);
}

Test(sniff, finds_comments)
{
    static const example examples[] = {
        {"# by hand\n# all sites\na,b,c\n1,2,3\n4,5,6\n", ",3 comment=#"},
        {"# by hand\na,b,c\n1,2,3\n# later\n4,5,6\n", ",3 comment=#"},
        {"% by hand\n% all sites\na,b,c\n1,2,3\n4,5,6\n", ",3 comment=%"},
        {"# a, b, c\n#\"\na,b,c\n1,2,3\n4,5,6\n", ",3 comment=#"},
        {"Title\n# by hand\na,b,c\n1,2,3\n4,5,6\n", ",3 comment=# skip=2"},
        /* With the shape of the table: a header, and records. */
        {"#id,name,n\n1,x,2\n2,y,3\n", ",3"},
        {"# by hand\n#id,name,n\n1,x,2\n2,y,3\n", ",3 skip=1"},
        {"id,name,n\n#1,x,2\n2,y,3\n#3,z,4\n", ",3"},
        {"# by hand\nid,name,n\n#1,x,2\n2,y,3\n", ",3 skip=1"},
        {"a,b,c\n1,2,3\n# later\n4,5,6\n", ",3"},
        {"% by hand\na,b,c\n1,2,3\n4,5,6\n", ",3 skip=1"},
    };
    CHECK(examples);
}

Test(sniff, tells_a_header_from_a_row)
{
    static const example examples[] = {
        {"a,b\n1,x\n2,y\n", ",2"},
        {"1,x\n2,y\n3,z\n", ",2 no-header"},
        {"2024-01-01,x\n2024-01-02,y\n", ",2 no-header"},
        {"x,yes,http://a.b\ny,no,http://a.c\nz,yes,http://a.d\n", ",3 no-header"},
        /* Nothing tells: the header is likelier. */
        {"a,b\nx,y\nz,u\n", ",2"},
        {"a,b\n", ",2"},
        {"a,,a,\n1,2,3,x\n4,5,6,y\n", ",4"},
        /* Numbers that are names. */
        {"country,2019,2020\nNorway,1.5,2.5\nChad,3.5,4.5\n", ",3"},
        {"country,2019\nNorway,-1.5\nChad,3.5\n", ",2"},
        {"team,0,1,2,3\nHawks,5,6,9,1\nBulls,4,8,8,2\n", ",5"},
        {"\"2019\",\"n\"\n5,6\n7,8\n", ",2"},
        {"\"7\",\"8\"\n5,6\n7,9\n", ",2"},
        {"x,0,1,2\ny,4,5,6\nz,7,8,9\n", ",4 no-header"},
        /* Codes with one pattern. */
        {"Hull City,1-0\nNotts County,2-1\nBrighton,0-0\n", ",2 no-header"},
        {"team,score\nNotts County,2-1\nBrighton,0-0\n", ",2"},
    };
    CHECK(examples);
}

Test(sniff, lines_end_in_three_ways)
{
    static const example examples[] = {
        {"a;b\r\n1;2\r\n3;4\r\n", ";2"},       {"a;b\r1;2\r3;4\r", ";2"},
        {"a;b\r\r\n1;2\r\r\n3;4\r\r\n", ";2"}, {"a;b\n\r1;2\n\r3;4\n\r", ";2"},
        {"a;b\n1;2\r3;4\r\n5;6", ";2"},        {"Title\r\ra;b\r1;2\r3;4", ";2 skip=2"},
    };
    CHECK(examples);
}

/* ---- what is told ---- */

Test(sniff, takes_what_is_told)
{
    static const char text[] = "# by hand\na;b,c\n'1';2,3\n'4';5,6\n";
    static const struct {
        sheaf_dialect told;
        const char *expected;
    } cases[] = {
        {{0}, ";2 quote=' comment=#"},
        {{.delimiter = ','}, ",2 comment=#"},
        {{.delimiter = 'x'}, "x1 comment=#"},
        {{.quote = SHEAF_NONE}, ";2 quote=none comment=#"},
        {{.comment = SHEAF_NONE}, ";2 quote=' skip=1"},
        {{.comment = '%'}, ";2 quote=' comment=% skip=1"},
        {{.header = SHEAF_NONE}, ";2 quote=' comment=# no-header"},
        {{.escape = '/', .padding = 1}, ";2 quote=' escape=/ comment=# padded"},
        {{.skip_lines = 2}, ";2 quote=' no-header skip=2"},
        {{.skip_lines = SHEAF_NONE, .comment = SHEAF_NONE}, ";2 quote='"},
        {{.delimiter = '"'}, "\"1 quote=none comment=#"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sheaf__sniffed found = sniff(text, strlen(text), &cases[i].told, 0);
        cr_expect_str_eq(in_short(&found), cases[i].expected, "case %zu: %s, not %s", i,
                         in_short(&found), cases[i].expected);
    }
}

Test(sniff, a_hint_counts_where_the_text_leaves_a_choice)
{
    static const struct {
        const char *text;
        int hint;
        const char *expected;
    } cases[] = {
        {"a;b,c\nx;y,z\nu;v,w\n", ';', ";2"},  {"a;b,c\nx;y,z\nu;v,w\n", ',', ",2"},
        {"a;b,c\nx;y,z\nu;v,w\n", '\t', ",2"}, {"id\n1\n2\n", '\t', "tab1"},
        {"a,b\n1,2\n3,4\n", '\t', ",2"},       {"a b\tc d\n1 2\t3 4\n", ' ', " 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sheaf__sniffed found = sniff(cases[i].text, strlen(cases[i].text), &nothing, cases[i].hint);
        cr_expect_str_eq(in_short(&found), cases[i].expected, "case %zu: %s, not %s", i,
                         in_short(&found), cases[i].expected);
    }
}

Test(sniff, tells_the_runner_up)
{
    sheaf__sniffed sure = sniff("a,b\n1,2\n3,4\n", 12, &nothing, 0);
    sheaf__sniffed unsure = sniff("a;b,c\nx;y,z\nu;v,w\n", 18, &nothing, 0);
    cr_assert_eq(sure.next.delimiter, 0);
    cr_assert_eq(sure.confidence, 1.0);
    cr_assert_eq(unsure.next.delimiter, unsure.dialect.delimiter == ',' ? ';' : ',');
    cr_assert_lt(unsure.confidence, 0.5);
}

/* ---- pieces ---- */

static sheaf__sniffed sniff_pieces(const char *head, const char *middle, const char *end)
{
    sheaf__sniffed found;
    sheaf__sniff_text sample = {.pieces = {{(const uint8_t *)head, strlen(head), false},
                                           {(const uint8_t *)middle, strlen(middle), false},
                                           {(const uint8_t *)end, strlen(end), true}},
                                .n_pieces = 3};
    cr_assert_eq(sheaf__sniff(&sample, &nothing, 0, &found, NULL), SHEAF_OK);
    return found;
}

Test(sniff, records_that_a_piece_cuts_count_for_nothing)
{
    sheaf__sniffed found = sniff_pieces("a;b;c\n1;2;3\n4;5;6\n7;8", ",9,1,2\n3;4;5\n6;7;8\n9",
                                        "5;6;7;8;9\n1;2;3\n");
    cr_assert_str_eq(in_short(&found), ";3");
    /* Within quotes, too. */
    found = sniff_pieces("a;b;c\n1;2;\"x, y\"\n4;5;\"an\nopen, one\nof, many\nlines, and",
                         "open, too\nas, here\";1;2\n3;4;\"x\"\n6;7;y\n9", "5;6\n1;2;3\n");
    cr_assert_str_eq(in_short(&found), ";3");
}

Test(sniff, what_only_a_later_piece_has_counts)
{
    sheaf__sniffed found = sniff_pieces("a,b\n1,x\n2,y\n", "\n4,w\n3,\"z \\\"u\\\", v\"\n",
                                        "\n5,s\n");
    cr_assert_str_eq(in_short(&found), ",2 escape=\\");
}
