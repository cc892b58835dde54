/* The account at the end of a load: nothing is committed unless every record is accounted for. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/ingest/load.h"

/* What sheaf__merge_verify() says of a load whose sums are these. */
static sheaf_status verify(sheaf_summary summary, uint64_t rows_of_destination, sheaf_error *err)
{
    sheaf__load load = {.summary = &summary};
    return sheaf__merge_verify(&load, rows_of_destination, err);
}

Test(merge, accepts_an_account_that_balances)
{
    sheaf_error err;
    cr_assert_eq(verify((sheaf_summary){0}, 0, &err), SHEAF_OK);
    sheaf_summary balanced = {.records = 10, .loaded = 6, .rejected = 1, .skipped = 3};
    cr_assert_eq(verify(balanced, 6, &err), SHEAF_OK);
}

Test(merge, refuses_what_the_destination_counts_differently)
{
    static const uint64_t rows[] = {0, 5, 7, UINT64_MAX};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        sheaf_error err;
        sheaf_summary balanced = {.records = 10, .loaded = 6, .rejected = 1, .skipped = 3};
        cr_assert_eq(verify(balanced, rows[i], &err), SHEAF_EACCOUNT);
        cr_assert(strstr(err.message, "nothing was committed"), "%s", err.message);
        cr_assert_neq(err.hint[0], '\0');
    }
}

Test(merge, refuses_records_that_are_lost_or_invented)
{
    sheaf_error err;
    sheaf_summary lost = {.records = 11, .loaded = 6, .rejected = 1, .skipped = 3};
    sheaf_summary invented = {.records = 9, .loaded = 6, .rejected = 1, .skipped = 3};
    cr_assert_eq(verify(lost, 6, &err), SHEAF_EACCOUNT);
    cr_assert_eq(verify(invented, 6, &err), SHEAF_EACCOUNT);
}
