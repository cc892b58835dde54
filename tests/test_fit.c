/* What columns of existing tables take: engine/table/fit.h. */
#include "engine/table/fit.h"

#include <string.h>

#include <criterion/criterion.h>

static bool decimal(const char *text, char *digits, sheaf__decimal *value)
{
    bool good = sheaf__fit_decimal((const uint8_t *)text, strlen(text), digits, value);
    if (good)
        digits[value->n_digits] = '\0';
    return good;
}

static void check(const char *text, const char *digits, int point, int scale)
{
    char found[64];
    sheaf__decimal value;
    cr_assert(decimal(text, found, &value), "%s", text);
    cr_assert_str_eq(found, digits, "%s: %s", text, found);
    cr_assert_eq(value.point, point, "%s: point %d", text, (int)value.point);
    cr_assert_eq(value.scale, scale, "%s: scale %d", text, (int)value.scale);
    cr_assert_eq(value.is_negative, text[0] == '-');
}

Test(fit, takes_decimals_apart)
{
    check("0", "", 0, 0);
    check("-0.00", "", 0, 2);
    check("1", "1", 1, 0);
    check("0012.3400", "1234", 2, 4);
    check("0.00120", "12", -2, 5);
    check("+.5", "5", 0, 1);
    check("5.", "5", 1, 0);
    check("1e3", "1", 4, 0);
    check("1.5E-2", "15", -1, 3);
    check("-100", "1", 3, 0);
}

Test(fit, refuses_what_is_no_decimal)
{
    static const char *const texts[] = {
        "",          "-",  ".",  "e5",  "1e",  "1e+", "1.2.3", "1,5", "0x10",         "1e999999",
        "1e-999999", " 1", "1 ", "NaN", "--1", "1_0", "1e1.5", "inf", "1e99999999999"};
    char digits[64];
    sheaf__decimal value;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        cr_assert_not(decimal(texts[i], digits, &value), "%s", texts[i]);
}

Test(fit, is_called_as_the_server_calls_it)
{
    char name[SHEAF__FIT_NAME_BYTES];
    cr_assert_str_eq(sheaf__fit_name(&(sheaf__fit){.kind = SHEAF__FIT_VARCHAR, .a = 20}, name),
                     "varchar(20)");
    cr_assert_str_eq(
        sheaf__fit_name(&(sheaf__fit){.kind = SHEAF__FIT_NUMERIC, .a = 10, .b = 2}, name),
        "numeric(10,2)");
    cr_assert_str_eq(sheaf__fit_name(&(sheaf__fit){.kind = SHEAF__FIT_TIMESTAMP, .a = 6}, name),
                     "timestamp");
}
