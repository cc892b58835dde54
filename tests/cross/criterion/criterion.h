/*
 * As much of Criterion as a unit test needs that is run on a machine for which there is none: the
 * tests run one after the other in the program itself, and the first that fails ends it.
 */
#ifndef SHEAF_TESTS_CROSS_CRITERION_H
#define SHEAF_TESTS_CROSS_CRITERION_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct cross_options {
    double timeout;
    void (*init)(void);
    void (*fini)(void);
} cross_options;

typedef struct cross_test {
    const char *name;
    void (*body)(void);
    cross_options options;
    struct cross_test *next;
} cross_test;

static cross_test *cross_tests;

#define TestSuite(suite, ...) struct cross_suite_##suite
#define Test(suite, test, ...)                                                                     \
    static void suite##_##test(void);                                                              \
    __attribute__((constructor)) static void suite##_##test##_add(void)                            \
    {                                                                                              \
        static cross_test each;                                                                    \
        each = (cross_test){#test, suite##_##test, {0, ##__VA_ARGS__}, cross_tests};               \
        cross_tests = &each;                                                                       \
    }                                                                                              \
    static void suite##_##test(void)

#define cr_assert(condition, ...)                                                                  \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)
#define cr_assert_eq(a, b, ...) cr_assert((a) == (b))
#define cr_assert_neq(a, b, ...) cr_assert((a) != (b))
#define cr_assert_geq(a, b, ...) cr_assert((a) >= (b))
#define cr_assert_leq(a, b, ...) cr_assert((a) <= (b))
#define cr_assert_gt(a, b, ...) cr_assert((a) > (b))
#define cr_assert_lt(a, b, ...) cr_assert((a) < (b))
#define cr_assert_not_null(a, ...) cr_assert(a)
#define cr_assert_null(a, ...) cr_assert(!(a))
#define cr_assert_str_eq(a, b, ...) cr_assert(strcmp(a, b) == 0)

/* Each in a process of its own would need fork(): here a test is named, or all that need none. */
int main(int argc, char **argv)
{
    int n = 0;
    for (cross_test *each = cross_tests; each; each = each->next) {
        if (argc > 1 && strcmp(argv[1], each->name) != 0)
            continue;
        if (each->options.init)
            each->options.init();
        each->body();
        n++;
    }
    printf("%d tests passed\n", n);
    return n == 0;
}

#endif
