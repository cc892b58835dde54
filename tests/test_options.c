/* Structs that grow: callers built against an older or a newer header. */
#include <criterion/criterion.h>

#include <string.h>

#include "engine/core/options.h"

typedef struct old_options {
    size_t size;
    long first;
} old_options;

typedef struct own_options {
    size_t size;
    long first;
    long second;
} own_options;

typedef struct new_options {
    size_t size;
    long first;
    long second;
    long third; /* no padding behind it, which might hold anything */
} new_options;

Test(options, of_an_older_caller_lack_nothing_but_what_is_new)
{
    struct {
        old_options given;
        long behind;
    } memory = {{sizeof(old_options), 7}, 9};
    own_options own = {.second = 5};
    cr_assert_eq(sheaf__options_read(&own, sizeof own, &memory.given, "x", NULL), SHEAF_OK);
    cr_assert_eq(own.size, sizeof own);
    cr_assert_eq(own.first, 7);
    cr_assert_eq(own.second, 0, "what stands behind the caller's struct is not his option");
}

Test(options, of_a_newer_caller_are_taken_if_they_ask_for_nothing_new)
{
    sheaf_error err;
    new_options given = {sizeof given, 7, 8, 0};
    own_options own;
    cr_assert_eq(sheaf__options_read(&own, sizeof own, &given, "x", &err), SHEAF_OK);
    cr_assert_eq(own.second, 8);
    given.third = 1;
    cr_assert_eq(sheaf__options_read(&own, sizeof own, &given, "x_options", &err), SHEAF_EINVAL);
    cr_assert(strstr(err.message, "x_options"), "%s", err.message);
}

Test(options, may_be_left_out_but_not_without_a_size)
{
    sheaf_error err;
    own_options own = {1, 2, 3};
    own_options unset = {0, 7, 8};
    cr_assert_eq(sheaf__options_read(&own, sizeof own, NULL, "x", &err), SHEAF_OK);
    cr_assert_eq(own.size, sizeof own);
    cr_assert_eq(own.first + own.second, 0);
    cr_assert_eq(sheaf__options_read(&own, sizeof own, &unset, "x", &err), SHEAF_EINVAL);
    cr_assert(strstr(err.message, "size"), "%s", err.message);
}
