/* Digests of rows: the same in whatever parts they are made. What they are: cli/test_digest.py. */
#include "engine/table/digest.h"

#include "engine/ingest/load.h"
#include "tests/support.h"

TestSuite(digest, .timeout = 60);

enum { COLUMNS = 3, ROWS = 40 };

static const char *const texts[] = {"a",   "",   NULL, "long enough for more than one word",
                                    "x,y", "\"", "7"};

static void add_row(sheaf__batch *batch, size_t row)
{
    cr_assert_eq(sheaf__batch_reserve(batch, 1000, COLUMNS), SHEAF_OK);
    for (size_t i = 0; i < COLUMNS; i++) {
        const char *text = texts[(row * row + 3 * i) % 7];
        sheaf__batch_add_unsafe(batch, text, text ? strlen(text) : 0);
    }
    batch->n_rows++;
    batch->n_columns = COLUMNS;
}

static sheaf__digest digest_of(size_t begin, size_t end, const uint32_t *from, size_t n_columns)
{
    sheaf__digest made = {0};
    sheaf__batch *batch = sheaf__batch_create(NULL);
    for (size_t row = begin; row < end; row++)
        add_row(batch, row);
    sheaf__digest_rows(&made, batch, from, n_columns);
    sheaf__batch_destroy(batch);
    return made;
}

Test(digest, parts_are_put_together_in_their_order)
{
    sheaf__digest whole = digest_of(0, ROWS, NULL, COLUMNS);
    cr_assert_eq(whole.n_lines, ROWS);
    for (size_t i = 0; i <= ROWS; i++) {
        for (size_t j = i; j <= ROWS; j++) {
            sheaf__digest first = digest_of(0, i, NULL, COLUMNS);
            sheaf__digest second = digest_of(i, j, NULL, COLUMNS);
            sheaf__digest third = digest_of(j, ROWS, NULL, COLUMNS);
            sheaf__digest_append(&second, &third); /* it does not matter which two are first */
            sheaf__digest_append(&first, &second);
            cr_assert_eq(first.value, whole.value);
            cr_assert_eq(first.n_lines, whole.n_lines);
        }
    }
}

Test(digest, the_order_of_parts_counts)
{
    sheaf__digest ab = digest_of(0, 5, NULL, COLUMNS);
    sheaf__digest b = digest_of(5, 9, NULL, COLUMNS);
    sheaf__digest ba = b;
    sheaf__digest_append(&ba, &ab);
    sheaf__digest_append(&ab, &b);
    cr_assert_neq(ab.value, ba.value);
    cr_assert_eq(ab.value, digest_of(0, 9, NULL, COLUMNS).value);
}

Test(digest, columns_are_those_of_the_table)
{
    static const uint32_t same[] = {0, 1, 2};
    static const uint32_t other[] = {2, UINT32_MAX, 0, 1};
    cr_assert_eq(digest_of(0, ROWS, NULL, COLUMNS).value, digest_of(0, ROWS, same, 3).value);
    cr_assert_neq(digest_of(0, ROWS, NULL, COLUMNS).value, digest_of(0, ROWS, other, 4).value);
    cr_assert_neq(digest_of(0, ROWS, other, 3).value, digest_of(0, ROWS, other, 4).value);
}

/* A table with more columns than there is memory for the numbers of. */
Test(digest, without_memory_there_is_none)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("AddressSanitizer ends who asks for so much");
#endif
    const sheaf__names names = {.n_items = SIZE_MAX / 64};
    sheaf__layout layout = {.n_columns = COLUMNS};
    sheaf__load load = {
        .digests = true, .pass = SHEAF__PASS_ROWS, .schema = {.table = &names, .layouts = &layout}};
    sheaf__load_file file = {.load = &load};
    sheaf__chunk chunk = {.file = &file};
    sheaf__batch *batch = sheaf__batch_create(NULL);
    sheaf_error err;
    add_row(batch, 0);
    cr_assert_eq(sheaf__digest_batch(&chunk, batch, &err), SHEAF_ENOMEM);
    cr_assert_eq(err.status, SHEAF_ENOMEM);
    file.layout = SHEAF__NO_NAME;
    cr_assert_eq(sheaf__digest_batch(&chunk, batch, &err), SHEAF_OK);
    sheaf__batch_destroy(batch);
}
