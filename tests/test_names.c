/*
 * Names: an ordered set of them, the spelling that is free, and how the columns of many headers
 * are united.
 */
#include <string.h>

#include "engine/table/names.h"
#include "engine/table/schema.h"
#include "tests/support.h"

TestSuite(names, .timeout = 20);
TestSuite(schema, .timeout = 20);

/* ---- the set ---- */

static sheaf__names names_create(void)
{
    sheaf__names names;
    sheaf__names_init(&names, sheaf__arena_create(NULL, 1 << 16));
    return names;
}

static void names_destroy(sheaf__names *names)
{
    sheaf_arena *arena = names->arena;
    sheaf__names_end(names);
    sheaf__arena_destroy(arena);
}

static void check_name(const sheaf__names *names, uint32_t index, const char *bytes, size_t n_bytes)
{
    cr_assert_lt(index, names->n_items);
    const sheaf__name *name = &names->items[index];
    cr_assert_eq(name->n_bytes, n_bytes, "%s instead of %s", name->bytes, shown(bytes, n_bytes));
    cr_assert_eq(memcmp(name->bytes, bytes, n_bytes), 0, "%s instead of %s", name->bytes,
                 shown(bytes, n_bytes));
    cr_assert_eq(name->bytes[n_bytes], '\0', "a NUL stands behind it");
}

Test(names, have_the_order_of_their_first_coming)
{
    sheaf__names names = names_create();
    static const char *const come[] = {"b", "a", "", "b", "B", "a ", "", "a"};
    static const uint32_t indices[] = {0, 1, 2, 0, 3, 4, 2, 1};
    uint32_t n = 0;
    for (size_t i = 0; i < sizeof come / sizeof come[0]; i++) {
        bool added = i % 2;
        cr_assert_eq(sheaf__names_add(&names, come[i], strlen(come[i]), &added), indices[i]);
        cr_assert_eq(added, indices[i] == n);
        n += added;
        check_name(&names, indices[i], come[i], strlen(come[i]));
    }
    cr_assert_eq(names.n_items, 5);
    cr_assert_eq(sheaf__names_add(&names, "b", 1, NULL), 0);
    names_destroy(&names);
}

Test(names, are_bytes_of_any_value)
{
    sheaf__names names = names_create();
    static const char bytes[] = "a\0b\0c";
    for (size_t n = 0; n <= 5; n++)
        cr_assert_eq(sheaf__names_add(&names, bytes, n, NULL), n);
    for (uint32_t n = 0; n <= 5; n++) {
        cr_assert_eq(sheaf__names_find(&names, bytes, n), n);
        check_name(&names, n, bytes, n);
    }
    cr_assert_eq(sheaf__names_find(&names, "a\0c", 3), SHEAF__NO_NAME);
    names_destroy(&names);
}

Test(names, are_not_found_in_an_empty_set)
{
    sheaf__names names = names_create();
    cr_assert_eq(sheaf__names_find(&names, "a", 1), SHEAF__NO_NAME);
    cr_assert_eq(sheaf__names_find(&names, "", 0), SHEAF__NO_NAME);
    names_destroy(&names);
}

Test(names, are_copied)
{
    sheaf__names names = names_create();
    char name[] = "name";
    cr_assert_eq(sheaf__names_add(&names, name, 4, NULL), 0);
    memset(name, 'x', 4);
    check_name(&names, 0, "name", 4);
    cr_assert_eq(sheaf__names_find(&names, "name", 4), 0);
    names_destroy(&names);
}

Test(names, are_found_among_many)
{
    enum { N = 200000 };
    sheaf__names names = names_create();
    char name[16];
    for (uint32_t i = 0; i < N; i++)
        cr_assert_eq(
            sheaf__names_add(&names, name, (size_t)snprintf(name, sizeof name, "%x", i), NULL), i);
    for (uint32_t i = 0; i < N; i++)
        cr_assert_eq(sheaf__names_find(&names, name, (size_t)snprintf(name, sizeof name, "%x", i)),
                     i);
    for (uint32_t i = N; i < 2 * N; i++)
        cr_assert_eq(sheaf__names_find(&names, name, (size_t)snprintf(name, sizeof name, "%x", i)),
                     SHEAF__NO_NAME);
    cr_assert_eq(names.n_items, N);
    names_destroy(&names);
}

/* Characters of all lengths in bytes, some that other matches pass over, and what is no text. */
static size_t write_long_name(char *to, size_t n_characters, uint64_t seed, bool upper)
{
    static const char *const lower[] = {"a", "z", "\xC3\xA9", "\xE2\xB1\xA5",
                                        " ", "-", "9",        "\xFF"};
    static const char *const capital[] = {"A", "Z", "\xC3\x89", "\xC8\xBA", " ", "-", "9", "\xFF"};
    size_t n = 0;
    for (size_t i = 0; i < n_characters; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        const char *one = (upper ? capital : lower)[seed >> 61];
        memcpy(to + n, one, strlen(one));
        n += strlen(one);
    }
    return n;
}

Test(names, are_found_whatever_their_length_without_regard_to_case)
{
    enum { LONGEST = 700 };
    static const sheaf_match matches[] = {SHEAF_MATCH_NOCASE, SHEAF_MATCH_LOOSE};
    char name[3 * LONGEST + 1];
    for (size_t m = 0; m < 2; m++) {
        sheaf__names names;
        sheaf__names_init_matched(&names, sheaf__arena_create(NULL, 1 << 16), matches[m]);
        for (uint32_t i = 16; i < LONGEST; i++) {
            size_t n = write_long_name(name, i, i, false);
            cr_assert_eq(sheaf__names_find(&names, name, n), SHEAF__NO_NAME);
            cr_assert_eq(sheaf__names_add(&names, name, n, NULL), i - 16);
        }
        for (uint32_t i = 16; i < LONGEST; i++) {
            size_t n = write_long_name(name, i, i, true);
            cr_assert_eq(sheaf__names_find(&names, name, n), i - 16, "%u characters", i);
            name[n] = 'x';
            cr_assert_eq(sheaf__names_find(&names, name, n + 1), SHEAF__NO_NAME);
        }
        memset(name, '-', LONGEST);
        uint32_t dashes = sheaf__names_add(&names, name, LONGEST, NULL);
        cr_assert_eq(sheaf__names_find(&names, name, LONGEST), dashes);
        cr_assert_eq(sheaf__names_find(&names, name, LONGEST - 1), SHEAF__NO_NAME);
        names_destroy(&names);
    }
}

Test(names, take_the_first_free_spelling)
{
    sheaf__names names = names_create();
    sheaf__names avoid = names_create();
    static const char *const taken[] = {"a_3", "b", "b_2", "c_2"};
    static const char *const asked[] = {"a", "a", "a", "a_2", "b", "b", "", "", "c", "c"};
    static const char *const given[] = {"a",   "a_2", "a_4", "a_2_2", "b_3",
                                        "b_4", "",    "_2",  "c",     "c_3"};
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        sheaf__names_add(&avoid, taken[i], strlen(taken[i]), NULL);
    for (uint32_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        cr_assert_eq(sheaf__names_add_unique(&names, asked[i], strlen(asked[i]), &avoid), i);
        check_name(&names, i, given[i], strlen(given[i]));
    }
    cr_assert_eq(sheaf__names_add_unique(&names, "a_3", 3, NULL), 10);
    check_name(&names, 10, "a_3", 3);
    cr_assert_eq(avoid.n_items, 4);
    names_destroy(&names);
    names_destroy(&avoid);
}

Test(names, number_a_million_of_one_name_in_linear_time, .timeout = 10)
{
    sheaf__names names = names_create();
    for (uint32_t i = 0; i < 1000000; i++)
        cr_assert_eq(sheaf__names_add_unique(&names, "x", 1, NULL), i);
    check_name(&names, 999999, "x_1000000", 9);
    names_destroy(&names);
}

/* ---- headers ---- */

/* A header as a batch. Names are parted by '|'; "~" is null, "" an empty text. */
static sheaf__batch *header_of(const char *text)
{
    sheaf__batch *header = sheaf__batch_create(NULL);
    for (const char *at = text;; at++) {
        size_t n_bytes = strcspn(at, "|");
        bool null = n_bytes == 1 && *at == '~';
        cr_assert_eq(sheaf__batch_reserve(header, n_bytes + 1, 1), SHEAF_OK);
        sheaf__batch_add_unsafe(header, null ? NULL : at, null ? 0 : n_bytes);
        at += n_bytes;
        if (*at == '\0')
            break;
    }
    header->n_columns = header->n_cells;
    header->n_rows = 1;
    return header;
}

static uint32_t add_header(sheaf__schema *schema, const char *text)
{
    sheaf__batch *header = header_of(text);
    uint32_t index = 12345;
    cr_assert_eq(sheaf__schema_add(schema, header, &index, NULL), SHEAF_OK);
    sheaf__batch_destroy(header);
    cr_assert_lt(index, schema->headers.n_items);
    return index;
}

/* The united columns, parted by '|'. */
static const char *columns_of(const sheaf__schema *schema)
{
    static char text[4096];
    size_t n = 0;
    for (size_t i = 0; i < schema->columns.n_items; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "|" : "",
                              schema->columns.items[i].bytes);
    return text;
}

/* The names of one layout's columns in the united table, parted by '|'. */
static const char *layout_of(const sheaf__schema *schema, uint32_t index)
{
    static char text[4096];
    const sheaf__layout *layout = &schema->layouts[index];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < layout->n_columns; i++) {
        cr_assert_lt(layout->column_of[i], schema->columns.n_items);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", i ? "|" : "",
                              schema->columns.items[layout->column_of[i]].bytes);
    }
    return text;
}

Test(schema, names_columns_uniquely_and_never_emptily)
{
    static const char *const cases[][2] = {
        {"a|b|c", "a|b|c"},
        {"a|A|a ", "a|A|a "},
        /* the second of a name, the third... */
        {"a|a|a", "a|a_2|a_3"},
        {"a|b|a|b|a", "a|b|a_2|b_2|a_3"},
        /* never in the place of a real one, wherever that stands */
        {"a|a|a_2", "a|a_3|a_2"},
        {"a_2|a|a", "a_2|a|a_3"},
        {"a|a_2|a|a_3|a", "a|a_2|a_4|a_3|a_5"},
        {"a|a|a_2|a_2", "a|a_3|a_2|a_2_2"},
        {"a_2|a_2|a|a", "a_2|a_2_2|a|a_3"},
        {"a|a|a_2|a_2|a_2_2", "a|a_3|a_2|a_2_3|a_2_2"},
        /* empty and null names go by their position */
        {"", "column1"},
        {"~", "column1"},
        {"|", "column1|column2"},
        {"a||~|b", "a|column2|column3|b"},
        {"|column1", "column1_2|column1"},
        {"column2|", "column2|column2_2"},
        {"column2||column2_2", "column2|column2_3|column2_2"},
        {"column2||column2", "column2|column2_2|column2_3"},
        {"|column1|column1", "column1_2|column1|column1_3"},
        /* blanks are names */
        {" |\t| ", " |\t| _2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sheaf__schema schema;
        cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
        uint32_t index = add_header(&schema, cases[i][0]);
        cr_assert_eq(index, 0);
        cr_assert_str_eq(layout_of(&schema, 0), cases[i][1], "%s: %s", cases[i][0],
                         layout_of(&schema, 0));
        cr_assert_str_eq(columns_of(&schema), cases[i][1]);
        sheaf__schema_end(&schema);
    }
}

/*
 * Whatever the header: as many names, all different, none empty, and each real name where it first
 * stood.
 */
Test(schema, names_random_headers_well)
{
    static const char *const parts[] = {"",      "~",       "a",       "a_2",       "a_3",
                                        "a_2_2", "column1", "column2", "column2_2", "_2"};
    uint64_t seed = 19;
    for (size_t i = 0; i < rounds(20000); i++) {
        char text[256] = "";
        const char *asked[12];
        size_t n_columns = 1 + random_below(&seed, 12);
        for (size_t column = 0; column < n_columns; column++) {
            asked[column] = parts[random_below(&seed, sizeof parts / sizeof parts[0])];
            strcat(strcat(text, column ? "|" : ""), asked[column]);
        }
        sheaf__schema schema;
        cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
        add_header(&schema, text);
        cr_assert_eq(schema.layouts[0].n_columns, n_columns);
        cr_assert_eq(schema.columns.n_items, n_columns, "%s: two columns became one", text);
        for (size_t column = 0; column < n_columns; column++) {
            const char *name = schema.columns.items[schema.layouts[0].column_of[column]].bytes;
            bool first = asked[column][0] != '\0' && strcmp(asked[column], "~") != 0;
            for (size_t before = 0; before < column; before++)
                first = first && strcmp(asked[before], asked[column]) != 0;
            cr_assert_neq(name[0], '\0', "%s", text);
            cr_assert(!first || strcmp(name, asked[column]) == 0, "%s: column %d is %s", text,
                      (int)column, name);
        }
        sheaf__schema_end(&schema);
    }
}

Test(schema, unites_columns_by_name)
{
    sheaf__schema schema;
    cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
    cr_assert_eq(add_header(&schema, "id|name"), 0);
    cr_assert_eq(add_header(&schema, "name|id|city"), 1);
    cr_assert_eq(add_header(&schema, "zip"), 2);
    cr_assert_eq(add_header(&schema, "id|id|column3"), 3);
    cr_assert_eq(add_header(&schema, "a|b|"), 4);
    cr_assert_str_eq(columns_of(&schema), "id|name|city|zip|id_2|column3|a|b");
    cr_assert_str_eq(layout_of(&schema, 0), "id|name");
    cr_assert_str_eq(layout_of(&schema, 1), "name|id|city");
    cr_assert_str_eq(layout_of(&schema, 2), "zip");
    cr_assert_str_eq(layout_of(&schema, 3), "id|id_2|column3");
    cr_assert_str_eq(layout_of(&schema, 4), "a|b|column3");
    sheaf__schema_end(&schema);
}

Test(schema, shares_the_layout_of_equal_headers)
{
    sheaf__schema schema;
    cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
    static const char *const headers[] = {"a|b",  "b|a",  "ab|",  "|ab", "a|b",
                                          "~|ab", "a|b|", "ab|~", "",    "~"};
    static const uint32_t layouts[] = {0, 1, 2, 3, 0, 3, 4, 2, 5, 5};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        cr_assert_eq(add_header(&schema, headers[i]), layouts[i], "%s", headers[i]);
    cr_assert_eq(schema.headers.n_items, 6);
    sheaf__schema_end(&schema);
}

/* The same bytes, parted in another place, where the lengths of a key would be zeros. */
Test(schema, tells_headers_apart_that_hold_nul_bytes)
{
    static const char bytes[] = "a\0\0\0\0b";
    sheaf__schema schema;
    cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
    for (uint32_t cut = 0; cut < sizeof bytes; cut++) {
        sheaf__batch *header = sheaf__batch_create(NULL);
        uint32_t index;
        cr_assert_eq(sheaf__batch_reserve(header, 6, 2), SHEAF_OK);
        sheaf__batch_add_unsafe(header, bytes, cut);
        sheaf__batch_add_unsafe(header, bytes + cut, 6 - cut);
        header->n_columns = 2;
        header->n_rows = 1;
        cr_assert_eq(sheaf__schema_add(&schema, header, &index, NULL), SHEAF_OK);
        cr_assert_eq(index, cut);
        sheaf__batch_destroy(header);
    }
    sheaf__schema_end(&schema);
}

Test(schema, keeps_many_layouts)
{
    enum { N = 2000 };
    sheaf__schema schema;
    char text[32];
    cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
    for (uint32_t round = 0; round < 2; round++)
        for (uint32_t i = 0; i < N; i++) {
            snprintf(text, sizeof text, "id|x%u", i);
            cr_assert_eq(add_header(&schema, text), i);
            cr_assert_str_eq(layout_of(&schema, i), text);
        }
    cr_assert_eq(schema.columns.n_items, N + 1);
    sheaf__schema_end(&schema);
}

static void add_wide(sheaf__batch *header, uint32_t n_columns, const char *format)
{
    char name[32];
    for (uint32_t i = 0; i < n_columns; i++) {
        size_t n_bytes = (size_t)snprintf(name, sizeof name, format, i);
        cr_assert_eq(sheaf__batch_reserve(header, n_bytes, 1), SHEAF_OK);
        sheaf__batch_add_unsafe(header, name, n_bytes);
    }
    header->n_columns = header->n_cells;
    header->n_rows = 1;
}

/* One name, no name, and one name beside all that would be made up for it. */
Test(schema, names_a_million_columns_in_linear_time, .timeout = 90)
{
    static const char *const formats[][2] = {{"x", "x"}, {"", ""}, {"x_%u", "x"}, {"", "column%u"}};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        sheaf__schema schema;
        uint32_t index;
        cr_assert_eq(sheaf__schema_init(&schema, NULL, NULL), SHEAF_OK);
        sheaf__batch *header = sheaf__batch_create(NULL);
        add_wide(header, 500000, formats[i][0]);
        add_wide(header, 500000, formats[i][1]);
        cr_assert_eq(sheaf__schema_add(&schema, header, &index, NULL), SHEAF_OK);
        cr_assert_eq(schema.columns.n_items, 1000000, "%d", (int)schema.columns.n_items);
        sheaf__batch_destroy(header);
        sheaf__schema_end(&schema);
    }
}
