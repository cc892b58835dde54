/*
 * Names that match, and from the columns of many headers those of one table: the rules of
 * <sheaf/schema.h>.
 */
#include <string.h>

#include "engine/table/match.h"
#include "engine/table/nearest.h"
#include "engine/table/schema.h"
#include "tests/support.h"

TestSuite(match, .timeout = 20);
TestSuite(table, .timeout = 20);

/* ---- names that match ---- */

static const char *key_of(sheaf_match match, const char *name)
{
    static char key[256];
    cr_assert_eq(sheaf__match_check(match, NULL), SHEAF_OK);
    size_t n = sheaf__match_key(match, name, strlen(name), key);
    cr_assert_leq(n, strlen(name) * SHEAF__KEY_GROWTH);
    key[n] = '\0';
    return key;
}

static bool are_one(sheaf_match match, const char *a, const char *b)
{
    char key[256];
    strcpy(key, key_of(match, a));
    return strcmp(key, key_of(match, b)) == 0;
}

Test(match, tells_exact_names_apart_by_their_bytes)
{
    cr_assert(are_one(SHEAF_MATCH_EXACT, "Fare", "Fare"));
    cr_assert_not(are_one(SHEAF_MATCH_EXACT, "Fare", "fare"));
    cr_assert_not(are_one(SHEAF_MATCH_EXACT, "fare", "fare "));
}

Test(match, takes_letters_for_one_whatever_their_case)
{
    static const char *const same[][2] = {{"Fare_USD", "fARE_usd"},
                                          {"Größe", "GRÖßE"},
                                          {"цена", "ЦЕНА"},
                                          {"σίσυφος", "ΣΊΣΥΦΟΣ"},
                                          {"ſ", "S"},
                                          {"µ", "Μ"},
                                          {"ⱥ", "Ⱥ"},
                                          {"𐐨", "𐐀"},
                                          {"", ""}};
    static const char *const others[][2] = {{"a_b", "a b"}, {"a", "á"},  {"ß", "ss"},
                                            {"ﬀ", "ff"},    {"a", "a "}, {"", " "}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        cr_assert(are_one(SHEAF_MATCH_NOCASE, same[i][0], same[i][1]), "%s", same[i][0]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert_not(are_one(SHEAF_MATCH_NOCASE, others[i][0], others[i][1]), "%s", others[i][0]);
}

Test(match, passes_over_blanks_and_punctuation_when_loose)
{
    static const char *const same[][2] = {{"Fare USD", "fare_usd"},
                                          {" fare-usd. ", "FareUsd"},
                                          {"Fare (USD)", "fare/usd"},
                                          {"a\xC2\xA0"
                                           "b",
                                           "a\xE2\x80\x93"
                                           "b"},
                                          {"a\tb\x7F", "ab"}};
    static const char *const others[][2] = {{"price %", "price $"}, {"a+b", "a-b"}, {"#", ""},
                                            {"--", "__"},           {"_", ""},      {"a", "á"}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        cr_assert(are_one(SHEAF_MATCH_LOOSE, same[i][0], same[i][1]), "%s", same[i][0]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_assert_not(are_one(SHEAF_MATCH_LOOSE, others[i][0], others[i][1]), "%s", others[i][0]);
}

Test(match, takes_bytes_that_are_no_text_as_they_are)
{
    cr_assert_not(are_one(SHEAF_MATCH_NOCASE, "\xC3", "\xE3"));
    cr_assert(are_one(SHEAF_MATCH_LOOSE, "A\xFF", "a_\xFF"));
}

/* A key may be longer than its name, and a name longer than what stands on the stack. */
Test(match, finds_long_names)
{
    sheaf_arena *arena = sheaf__arena_create(NULL, 1 << 12);
    sheaf__names names;
    sheaf__names_init_matched(&names, arena, SHEAF_MATCH_NOCASE);
    for (size_t n = 1; n <= 400; n++) {
        char upper[801];
        char lower[1201];
        for (size_t i = 0; i < n; i++) {
            memcpy(upper + 2 * i, "\xC8\xBA", 2);     /* U+023A */
            memcpy(lower + 3 * i, "\xE2\xB1\xA5", 3); /* U+2C65 */
        }
        cr_assert_eq(sheaf__names_add(&names, upper, 2 * n, NULL), n - 1);
        cr_assert_eq(sheaf__names_find(&names, lower, 3 * n), n - 1);
        cr_assert_eq(sheaf__names_add(&names, lower, 3 * n, NULL), n - 1);
    }
    cr_assert_eq(names.n_items, 400);
    sheaf__names_end(&names);
    sheaf__arena_destroy(arena);
}

static const char *nearest(const char *name)
{
    static const char *const known[] = {"started_at", "ended_at", "id", "fare"};
    sheaf_arena *arena = sheaf__arena_create(NULL, 1 << 12);
    sheaf__names names;
    sheaf__names_init(&names, arena);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        sheaf__names_add(&names, known[i], strlen(known[i]), NULL);
    const sheaf__name *found = sheaf__nearest_name(&names, name, strlen(name));
    const char *text = "";
    for (size_t i = 0; found && i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], found->bytes) == 0)
            text = known[i];
    sheaf__names_end(&names);
    sheaf__arena_destroy(arena);
    return text;
}

Test(match, knows_what_was_meant)
{
    cr_assert_str_eq(nearest("started"), "started_at");
    cr_assert_str_eq(nearest("ended_ad"), "ended_at");
    cr_assert_str_eq(nearest("FARE"), "fare");
    cr_assert_str_eq(nearest("fair"), "fare");
    cr_assert_str_eq(nearest("di"), "");
    cr_assert_str_eq(nearest("i"), "");
    cr_assert_str_eq(nearest("x"), "");
    cr_assert_str_eq(nearest("something else"), "");
    cr_assert_str_eq(nearest(""), "");
}

/* ---- tables ---- */

/* A header as a batch: names are parted by '|'. */
static sheaf__batch *header_of(const char *text)
{
    sheaf__batch *header = sheaf__batch_create(NULL);
    for (const char *at = text;; at++) {
        size_t n_bytes = strcspn(at, "|");
        cr_assert_eq(sheaf__batch_reserve(header, n_bytes + 1, 1), SHEAF_OK);
        sheaf__batch_add_unsafe(header, at, n_bytes);
        at += n_bytes;
        if (*at == '\0')
            break;
    }
    header->n_columns = header->n_cells;
    header->n_rows = 1;
    return header;
}

/* What comes of headers: the table, or an error; and where each file's columns stand in it. */
typedef struct result {
    char table[512];
    char from[512];
    char message[512];
    char hint[512];
} result;

static void add_text(char *to, const char *text)
{
    cr_assert_lt(strlen(to) + strlen(text), 511);
    strcat(to, text);
}

static void describe(const sheaf__schema *schema, result *made)
{
    for (size_t i = 0; i < schema->table->n_items; i++) {
        add_text(made->table, i ? "|" : "");
        add_text(made->table, schema->table->items[i].bytes);
    }
    for (uint32_t k = 0; k < schema->headers.n_items; k++) {
        uint32_t from[32];
        sheaf__schema_project(schema, k, from);
        for (size_t i = 0; i < schema->table->n_items; i++) {
            char place[16];
            snprintf(place, sizeof place, "%s%d",
                     i   ? ","
                     : k ? " "
                         : "",
                     from[i] == SHEAF__NO_NAME ? -1 : (int)from[i]);
            add_text(made->from, place);
        }
    }
}

static result unite(const sheaf__rules *rules, const char *const *headers, size_t n)
{
    result made = {.table = ""};
    sheaf__schema schema;
    sheaf_error err = {.message = ""};
    sheaf_status status = sheaf__rules_check(rules, &err);
    cr_assert_eq(sheaf__schema_init(&schema, rules, NULL), SHEAF_OK);
    for (size_t i = 0; i < n && status == SHEAF_OK; i++) {
        uint32_t index;
        sheaf__batch *header = header_of(headers[i]);
        status = sheaf__schema_check(&schema, header, &err);
        if (status == SHEAF_OK)
            status = sheaf__schema_add(&schema, header, &index, &err);
        sheaf__batch_destroy(header);
    }
    if (status == SHEAF_OK)
        status = sheaf__schema_settle(&schema, &err);
    if (status == SHEAF_OK)
        describe(&schema, &made);
    cr_assert_eq(status < 0, made.table[0] == '\0');
    strcpy(made.message, status < 0 ? err.message : "");
    strcpy(made.hint, status < 0 ? err.hint : "");
    sheaf__schema_end(&schema);
    return made;
}

#define UNITE(rules, ...)                                                                          \
    unite(rules, (const char *const[]){__VA_ARGS__},                                               \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void check(result made, const char *table, const char *from)
{
    cr_assert_str_eq(made.table, table, "%s (%s)", made.table, made.message);
    cr_assert_str_eq(made.from, from, "%s", made.from);
}

static void check_refused(result made, const char *message, const char *hint)
{
    cr_assert_str_eq(made.table, "");
    cr_assert(strstr(made.message, message), "%s", made.message);
    cr_assert(strstr(made.hint, hint), "%s", made.hint);
}

static sheaf__name_list list_of(const char *const *items, size_t n)
{
    return (sheaf__name_list){.items = items, .n = n};
}

#define LIST(...)                                                                                  \
    list_of((const char *const[]){__VA_ARGS__},                                                    \
            sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(table, has_the_columns_that_are_asked_for)
{
    sheaf__rules rules = {.columns = SHEAF_COLUMNS_UNION};
    check(UNITE(&rules, "a|b", "c|b"), "a|b|c", "0,1,-1 -1,1,0");
    rules.columns = SHEAF_COLUMNS_COMMON;
    check(UNITE(&rules, "a|b|c", "c|d|b", "b|c"), "b|c", "1,2 2,0 0,1");
    check(UNITE(&rules, "a|b"), "a|b", "0,1");
    check_refused(UNITE(&rules, "a", "b"), "no column that every file has", "--columns union");
    rules.columns = SHEAF_COLUMNS_FIRST;
    check(UNITE(&rules, "b|a", "c|a"), "b|a", "0,1 -1,1");
}

Test(table, is_the_first_files_when_strict)
{
    sheaf__rules rules = {.columns = SHEAF_COLUMNS_STRICT};
    check(UNITE(&rules, "b|a", "b|a"), "b|a", "0,1");
    check_refused(UNITE(&rules, "b|a", "b"), "'a' is missing", "");
    check_refused(UNITE(&rules, "b|a", "b|a|c"), "'c' is not one of them", "");
    check_refused(UNITE(&rules, "b|a", "a|b"), "'a' is column 1, not 2, 'b' is column 2, not 1",
                  "");
    check_refused(UNITE(&rules, "b|a", "B|a"), "'b' is missing, 'B' is not one of them", "");
    rules.match = SHEAF_MATCH_NOCASE;
    check(UNITE(&rules, "b|a", "B|a"), "b|a", "0,1 0,1");
}

Test(table, tells_of_many_differences_in_one_sentence)
{
    char wide[400] = "a";
    sheaf__rules rules = {.columns = SHEAF_COLUMNS_STRICT};
    for (int i = 0; i < 40; i++)
        sprintf(wide + strlen(wide), "|column%d", i);
    check_refused(UNITE(&rules, "a", wide), "'column0' is not one of them, 'column1' ", "");
    check_refused(UNITE(&rules, "a", wide), " more", "");
}

Test(table, keeps_the_spelling_of_the_first_file)
{
    sheaf__rules rules = {.match = SHEAF_MATCH_NOCASE};
    check(UNITE(&rules, "Id|fare", "FARE|id|x"), "Id|fare|x", "0,1,-1 1,0,2");
    rules.match = SHEAF_MATCH_LOOSE;
    check(UNITE(&rules, "Fare USD", "fare_usd", "fareusd"), "Fare USD", "0 0 0");
}

/* That which is spelled as the table has it is the table's, else the first. */
Test(table, numbers_names_of_one_file_that_match)
{
    sheaf__rules rules = {.match = SHEAF_MATCH_NOCASE};
    check(UNITE(&rules, "a|A|a"), "a|A_2|a_3", "0,1,2");
    check(UNITE(&rules, "a", "A|a"), "a|A_2", "0,-1 1,0");
    check(UNITE(&rules, "A|x", "a|A|A_2"), "A|x|a_3|A_2", "0,1,-1,-1 1,-1,0,2");
    check(UNITE(&rules, "a|a_2", "A|a"), "a|a_2", "0,1 1,0");
    rules.match = SHEAF_MATCH_LOOSE;
    check(UNITE(&rules, "a b|a_b", "ab"), "a b|a_b_2", "0,1 0,-1");
    check(UNITE(&rules, "a|a|a2"), "a|a_3|a2", "0,1,2");
    check(UNITE(&rules, "|Column 1"), "column1_2|Column 1", "0,1");
}

Test(table, numbers_a_million_names_that_match_in_linear_time, .timeout = 60)
{
    const size_t n = rounds(300000);
    char *text = malloc(2 * n + 2);
    for (size_t i = 0; i < n; i++)
        memcpy(text + 2 * i, "A|", 2);
    strcpy(text + 2 * n, "a");
    sheaf__rules rules = {.match = SHEAF_MATCH_NOCASE};
    sheaf__schema schema;
    uint32_t index;
    cr_assert_eq(sheaf__schema_init(&schema, &rules, NULL), SHEAF_OK);
    sheaf__batch *small = header_of("a");
    sheaf__batch *header = header_of(text);
    cr_assert_eq(sheaf__schema_add(&schema, small, &index, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__schema_add(&schema, header, &index, NULL), SHEAF_OK);
    cr_assert_eq(schema.columns.n_items, n + 1);
    cr_assert_eq(schema.layouts[index].column_of[n], 0);
    sheaf__batch_destroy(small);
    sheaf__batch_destroy(header);
    sheaf__schema_end(&schema);
    free(text);
}

Test(table, has_selected_columns_in_their_order)
{
    sheaf__rules rules = {.select = LIST("c", "a")};
    check(UNITE(&rules, "a|b", "c|b"), "c|a", "-1,0 0,-1");
    rules.drop = LIST("a", "b", "a");
    check(UNITE(&rules, "a|b", "c|b"), "c", "-1 0");
    rules = (sheaf__rules){.match = SHEAF_MATCH_LOOSE, .select = LIST("FARE usd")};
    check(UNITE(&rules, "id|fare_usd"), "fare_usd", "1");
}

Test(table, refuses_columns_that_there_are_not)
{
    sheaf__rules rules = {.select = LIST("a", "fares")};
    check_refused(UNITE(&rules, "a|fare"), "no file has a column 'fares'", "did you mean 'fare'?");
    rules = (sheaf__rules){.drop = LIST("x")};
    check_refused(UNITE(&rules, "a|fare"), "no file has a column 'x'", "shows the columns");
    rules = (sheaf__rules){.columns = SHEAF_COLUMNS_FIRST, .select = LIST("b")};
    check_refused(UNITE(&rules, "a", "b"), "the first file has none", "--columns union");
    rules.columns = SHEAF_COLUMNS_COMMON;
    check_refused(UNITE(&rules, "a", "a|b"), "not every file has one", "--columns union");
    rules = (sheaf__rules){.drop = LIST("a", "b")};
    check_refused(UNITE(&rules, "a|b"), "no column is left", "");
    check_refused(UNITE(&(sheaf__rules){.select = LIST("a")}, ""), "no file has a column 'a'", "");
}

#define RENAME(...)                                                                                \
    .renames = (const sheaf_rename[]){__VA_ARGS__},                                                \
    .n_renames = sizeof((const sheaf_rename[]){__VA_ARGS__}) / sizeof(sheaf_rename)

Test(table, calls_columns_anew)
{
    sheaf__rules rules = {RENAME({"b", "x"})};
    check(UNITE(&rules, "a|b", "b"), "a|x", "0,1 -1,0");
    rules = (sheaf__rules){RENAME({"a", "b"}, {"b", "a"})};
    check(UNITE(&rules, "a|b"), "b|a", "0,1");
    rules = (sheaf__rules){RENAME({"fare_usd", "fare"}), .select = LIST("fare")};
    check(UNITE(&rules, "fare|x", "x|fare_usd"), "fare", "0 1"); /* two become one */
    rules = (sheaf__rules){RENAME({"a_2", "b"})};
    check(UNITE(&rules, "a|a"), "a|b", "0,1");
    rules = (sheaf__rules){.match = SHEAF_MATCH_NOCASE, RENAME({"ID", "Id"})};
    check(UNITE(&rules, "id|x", "ID"), "Id|x", "0,1 0,-1");
    rules.renames = &(sheaf_rename){"fare_usd", "FARE"};
    check(UNITE(&rules, "fare", "fare_usd"), "FARE", "0 0");
}

Test(table, refuses_names_that_it_cannot_give)
{
    sheaf__rules rules = {RENAME({"a", "b"})};
    check_refused(UNITE(&rules, "a|b"), "two columns of this file would be called 'b'", "has both");
    check_refused(UNITE(&rules, "b|c"), "no file has a column 'a'", "");
    rules = (sheaf__rules){RENAME({"a", "x"}, {"b", "x"})};
    check_refused(UNITE(&rules, "a|b"), "would be called 'x'", "");
    check(UNITE(&rules, "a", "b"), "x", "0 0");
    rules = (sheaf__rules){RENAME({"fare_usd", "fare"}), .select = LIST("fare_usd")};
    check_refused(UNITE(&rules, "fare_usd"), "no file has a column 'fare_usd'", "name it 'fare'");
}

Test(table, refuses_rules_that_make_no_sense)
{
    static const sheaf_added_column twice[] = {{.origin = SHEAF_ORIGIN_ROW},
                                               {.origin = SHEAF_ORIGIN_ROW, .name = "r"}};
    const sheaf__rules wrong[] = {
        {.columns = (sheaf_columns)4},
        {.match = (sheaf_match)3},
        {.select = LIST("a", "")},
        {.select = LIST("a", NULL)},
        {.drop = LIST("")},
        {.select = LIST("a", "b", "a")},
        {.match = SHEAF_MATCH_NOCASE, .select = LIST("a", "A")},
        {RENAME({"a", ""})},
        {RENAME({"", "a"})},
        {RENAME({"a", NULL})},
        {RENAME({"a", "b"}, {"a", "c"})},
        {.added = &(sheaf_added_column){.origin = (sheaf_origin)3}, .n_added = 1},
        {.added = &(sheaf_added_column){.name = ""}, .n_added = 1},
        {.added = twice, .n_added = 2},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        sheaf_error err;
        cr_assert_eq(sheaf__rules_check(&wrong[i], &err), SHEAF_EINVAL, "%zu", i);
        cr_assert(err.message[0]);
    }
}

Test(table, adds_columns_under_free_names)
{
    static const sheaf_added_column added[] = {{.origin = SHEAF_ORIGIN_FILE},
                                               {.origin = SHEAF_ORIGIN_LINE, .name = "n"},
                                               {.origin = SHEAF_ORIGIN_ROW, .name = "file"}};
    sheaf__rules rules = {.added = added, .n_added = 3};
    check(UNITE(&rules, "file|n"), "file|n|file_2|n_2|file_3", "0,1,-1,-1,-1");
    rules.select = LIST("n");
    check(UNITE(&rules, "file|n"), "n|file|n_2|file_2", "1,-1,-1,-1");
}

/* ---- what is known before all headers are ---- */

static void foreseen(const sheaf__rules *rules, const char *text, const char *wanted)
{
    const sheaf__asked_types asked = {
        .items = &(sheaf__asked_type){.column = "b", .type = SHEAF_TYPE_DATE}, .n = 1};
    sheaf__batch *header = header_of(text);
    sheaf_type types[32];
    uint32_t which[32];
    bool unwanted[32];
    char told[64] = "";
    cr_assert_eq(sheaf__schema_foresee(rules, &asked, header, types, which, unwanted), SHEAF_OK);
    for (size_t i = 0; i < header->n_columns; i++)
        strcat(told, unwanted[i] ? "-" : types[i] == SHEAF_TYPE_DATE ? "d" : "+");
    cr_assert_str_eq(told, wanted, "%s: %s", text, told);
    sheaf__batch_destroy(header);
}

Test(table, knows_early_which_columns_nobody_wants)
{
    sheaf__rules rules = {.columns = SHEAF_COLUMNS_UNION};
    foreseen(&rules, "a|b|c|b", "+d++");
    rules.select = LIST("b", "c", "b_2");
    foreseen(&rules, "a|b|c|b", "-d++");
    rules.drop = LIST("b");
    foreseen(&rules, "a|b|c|b", "--++");
    rules = (sheaf__rules){.match = SHEAF_MATCH_NOCASE, .select = LIST("B")};
    foreseen(&rules, "a|b", "-d");
    foreseen(&rules, "a|b|B", "+++"); /* which of them it will be the table says */
    foreseen(&rules, "a|b|b", "-d-");
    rules = (sheaf__rules){RENAME({"a", "b"}, {"b", "c"}), .select = LIST("b")};
    foreseen(&rules, "a|b", "d-");
}
