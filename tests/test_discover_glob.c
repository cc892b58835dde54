/* Discovery by globs: what they match, and that none takes long. */
#include <fnmatch.h>
#include <locale.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "engine/core/arena.h"
#include "engine/discover/glob.h"
#include "tests/support_discover.h"

TestSuite(glob, .init = enter, .fini = leave, .timeout = 20);

/* ---- globs ---- */

Test(glob, globs_match_names_and_any_depth)
{
    make_files("t/1/a.csv", "t/1/b.dat", "t/2/a.csv", "t/10/a.csv", "t/x/y/a.csv", "t/x/y/z/b.csv",
               "t/c.csv", "a1.csv", "a2.csv", "ab.csv", NULL);
    check_glob("*.csv", "a1.csv a2.csv ab.csv ");
    check_glob("./a?.csv", "./a1.csv ./a2.csv ./ab.csv ");
    check_glob("a[0-9].csv", "a1.csv a2.csv ");
    check_glob("a[!0-9].csv", "ab.csv ");
    check_glob("a[[:digit:]]*", "a1.csv a2.csv ");
    check_glob("t/?/*", "t/1/a.csv t/1/b.dat t/2/a.csv ");
    check_glob("t/*/a.csv", "t/1/a.csv t/10/a.csv t/2/a.csv ");
    check_glob("t//*/a.csv", "t//1/a.csv t//10/a.csv t//2/a.csv ");
    check_glob("t/*//./a.csv", "t/1/a.csv t/10/a.csv t/2/a.csv ");
}

Test(glob, two_stars_match_any_number_of_directories)
{
    make_files("t/1/a.csv", "t/1/b.dat", "t/x/y/a.csv", "t/x/y/z/b.csv", "t/c.csv", "a.csv",
               "x/t/1/a.csv", NULL);
    check_glob("**/a.csv", "a.csv t/1/a.csv t/x/y/a.csv x/t/1/a.csv ");
    check_glob("t/**", "t/1/a.csv t/1/b.dat t/c.csv t/x/y/a.csv t/x/y/z/b.csv ");
    check_glob("t/**/*.csv", "t/1/a.csv t/c.csv t/x/y/a.csv t/x/y/z/b.csv ");
    check_glob("t/**/y/*.csv", "t/x/y/a.csv ");
    check_glob("**/t/**/a.csv", "t/1/a.csv t/x/y/a.csv x/t/1/a.csv ");
    check_glob("**/**/c.csv", "t/c.csv ");
    check_glob("**/1/**", "t/1/a.csv t/1/b.dat x/t/1/a.csv ");
    check_glob("t/**.csv", "t/c.csv ");
    fails(SHEAF_ENOENT, "a.csv/**", NULL);
    fails(SHEAF_ENOENT, "*/c.csv/**", NULL);
}

Test(glob, globs_of_absolute_paths_work)
{
    make_files("d/a.csv", NULL);
    char glob[64], found[64];
    snprintf(glob, sizeof glob, "%.10s*%s/*/a.csv", home, home + 10);
    snprintf(found, sizeof found, "%s/d/a.csv ", home);
    check_glob(glob, found);
}

Test(glob, wildcards_leave_hidden_names_out)
{
    make_files("a.csv", ".b.csv", ".d/c.csv", "d/.e.csv", "d/.f.dat", ".git/x", NULL);
    sheaf_files *files = discover("*.csv", NULL);
    check_counts(files, 0, 1, 0);
    cr_assert_str_eq(paths(files), "a.csv ");
    files = discover("**/*.csv", NULL);
    check_counts(files, 0, 4, 0); /* .b.csv .d d/.e.csv .git */
    cr_assert_str_eq(paths(files), "a.csv ");
    check_glob(".*.csv", ".b.csv ");
    check_glob(".d/*.csv", ".d/c.csv ");
    check_glob("*/.e*", "d/.e.csv ");
    check_glob("**/.[ef].*", "d/.e.csv d/.f.dat ");
    has(fails(SHEAF_ENOENT, "d/*.csv", NULL).hint, "begin with a dot (1 here)");
}

Test(glob, globs_count_special_files_and_ignore_directories)
{
    make_files("d/a.csv", "d/x/b.csv", "d/other", NULL);
    cr_assert_eq(mkfifo("d/pipe.csv", 0644), 0);
    cr_assert_eq(mkfifo("d/pipe.dat", 0644), 0);
    sheaf_files *files = discover("d/*.csv", NULL);
    check_counts(files, 1, 0, 0);
    cr_assert_str_eq(paths(files), "d/a.csv ");
    files = discover("d/**/*.csv", NULL);
    check_counts(files, 1, 0, 0);
    cr_assert_str_eq(paths(files), "d/a.csv d/x/b.csv ");
    check_glob("d/*", "d/a.csv d/other ");
    has(fails(SHEAF_ENOENT, "d/p*", NULL).hint, "FIFOs, sockets and devices (2 here)");
    has(fails(SHEAF_ENOENT, "d/x*", NULL).hint, "directories (1)");
}

Test(glob, a_glob_without_a_match_is_an_error)
{
    make_files("d/a.csv", NULL);
    sheaf_error err = fails(SHEAF_ENOENT, "d/*.tsv", NULL);
    cr_assert_str_eq(err.source, "d/*.tsv");
    cr_assert_eq(err.os_error, ENOENT);
    has(err.message, "matches no file");
    has(fails(SHEAF_ENOENT, "gone/*.csv", NULL).message, "no directory 'gone/'");
    has(fails(SHEAF_ENOENT, "d/a.csv/*.csv", NULL).message, "no directory 'd/a.csv/'");
    has(fails(SHEAF_ENOENT, "d/[z]", NULL).hint, "'[[]'");
}

Test(glob, a_path_that_exists_is_never_a_glob)
{
    make_files("a[1].csv", "a1.csv", "*", "dir[x]/b.csv", NULL);
    cr_assert_str_eq(paths(discover("a[1].csv", "*", "dir[x]", NULL)), "a[1].csv * dir[x]/b.csv ");
}

Test(glob, a_backslash_takes_the_meaning_from_a_wildcard)
{
    make_files("d[1]/a*.csv", "d[1]/ab.csv", "d1/a.csv", "e/*/x.csv", "e/y/x.csv", NULL);
    check_glob("d\\[1\\]/*.csv", "d[1]/a*.csv d[1]/ab.csv ");
    check_glob("d\\[1]/a\\*.cs?", "d[1]/a*.csv ");
    check_glob("?/\\*/x.csv", "e/*/x.csv ");
    has(fails(SHEAF_ENOENT, "d1/\\*.csv", NULL).message,
        "cannot find"); /* no wildcard, so no glob */
}

Test(glob, globs_that_cannot_give_files_are_refused)
{
    make_files("d/a.csv", NULL);
    has(fails(SHEAF_EINVAL, "*/", NULL).message, "ends like a directory");
    has(fails(SHEAF_EINVAL, "d/*/.", NULL).message, "ends like a directory");
    sheaf_error err = fails(SHEAF_EINVAL, "*/../d/a.csv", NULL);
    has(err.message, "'..' after a wildcard");
    cr_assert_str_eq(err.source, "*/../d/a.csv");
    check_glob("d/../d/*.csv", "d/../d/a.csv ");
}

Test(glob, a_glob_opens_no_directory_in_vain)
{
    make_files("d/a.csv", "d/x/b.csv", NULL);
    make_too_deep("d/x"); /* whoever goes below it fails */
    check_glob("d/*.csv", "d/a.csv ");
    check_glob("d/*/b.csv", "d/x/b.csv ");
    check_glob("d/[!x]*", "d/a.csv ");
    fails(SHEAF_EIO, "d/**/b.csv", NULL);
}

Test(glob, globs_take_the_same_names_in_every_locale)
{
    make_files("\xC3\xA4.csv", "b.csv", "\xFF.csv", NULL);
    const char *locales[] = {"C", "C.UTF-8"};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_not_null(setlocale(LC_ALL, locales[i]));
        check_glob("?.csv", "b.csv \xC3\xA4.csv \xFF.csv ");
        check_glob("[\xC3\xA4\xC3\xB6].csv", "\xC3\xA4.csv ");
        check_glob("[a-z]*", "b.csv ");
    }
}

Test(glob, no_glob_takes_long, .timeout = 10)
{
    char deep[PATH_MAX];
    make_deep(60, deep);
    char glob[PATH_MAX] = "";
    for (int i = 0; i < 300; i++)
        strcat(glob, "**/d*/");
    strcat(glob, "x.csv");
    fails(SHEAF_ENOENT, glob, NULL);
    glob[0] = '\0';
    for (int i = 0; i < 25; i++)
        strcat(glob, "**/*/");
    strcat(glob, "**/a.csv");
    snprintf(deep + strlen(deep), 2, " ");
    check_glob(glob, deep);
    char name[200];
    memset(name, 'a', sizeof name);
    name[sizeof name - 1] = '\0';
    make_files(name, NULL);
    fails(SHEAF_ENOENT, "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", NULL);
}

/* The oracle: what a glob means, name by name, however long it takes. */
static bool matches(char **names, size_t n_names, char **path, size_t n_path)
{
    if (n_names == 0)
        return n_path == 0;
    if (strcmp(names[0], "**") == 0 && n_names == 1)
        return n_path > 0; /* the file itself counts: no dot names here */
    if (strcmp(names[0], "**") == 0)
        return matches(names + 1, n_names - 1, path, n_path) ||
               (n_path > 0 && matches(names, n_names, path + 1, n_path - 1));
    return n_path > 0 && fnmatch(names[0], path[0], FNM_PERIOD) == 0 &&
           matches(names + 1, n_names - 1, path + 1, n_path - 1);
}

/* Pick up to 6 of the words, joined with '/'. */
static size_t pick(const char *const *words, size_t n_words, char *chosen[6], char *text)
{
    size_t n = 1 + (size_t)rand() % 6;
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        chosen[i] = (char *)words[(size_t)rand() % n_words];
        strcat(strcat(text, i ? "/" : ""), chosen[i]);
    }
    return n;
}

Test(glob, globs_match_what_their_definition_says)
{
    static const char *const globs[] = {"*", "**", "**", "a", "b", "?", "[ab]", "a*"};
    static const char *const names[] = {"a", "b", "c", "ab"};
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    srand(1);
    size_t n_matched = 0;
    for (int round = 0; round < 20000; round++) {
        char *glob_names[6], *path[6], text[64], path_text[64];
        size_t n_glob_names = pick(globs, 8, glob_names, text),
               n_path = pick(names, 4, path, path_text);
        sheaf__glob *glob;
        strcat(text,
               "/*"); /* so that there is a wildcard; it stands for the last name, which is "f" */
        cr_assert_eq(sheaf__glob_create(text, arena, &glob, NULL), SHEAF_OK);
        uint64_t places, below;
        cr_assert_eq(sheaf__glob_words(glob), 1);
        sheaf__glob_begin(glob, &places);
        sheaf__glob_match match = {.directory = true};
        size_t n_base = 0;
        for (const char *c = sheaf__glob_base(glob); *c; c++)
            n_base += *c == '/';
        bool base_fits = n_base <= n_path;
        for (size_t i = 0; i < n_base && base_fits; i++)
            base_fits = strcmp(glob_names[i], path[i]) == 0;
        for (size_t i = n_base; i < n_path && match.directory; i++, places = below)
            cr_assert_eq(sheaf__glob_step(glob, &places, path[i], false, &below, &match, NULL),
                         SHEAF_OK);
        bool got = base_fits && match.directory &&
                   sheaf__glob_step(glob, &places, "f", false, &below, &match, NULL) == SHEAF_OK &&
                   match.file;
        char *all_names[7], *all_path[7];
        memcpy(all_names, glob_names, sizeof glob_names);
        memcpy(all_path, path, sizeof path);
        all_names[n_glob_names] = "*";
        all_path[n_path] = "f";
        cr_assert_eq(got, matches(all_names, n_glob_names + 1, all_path, n_path + 1), "%s on %s/f",
                     text, path_text);
        n_matched += got;
        sheaf__glob_destroy(glob);
        sheaf__arena_reset(arena, 4096);
    }
    cr_assert_gt(n_matched, 1000);
    cr_assert_lt(n_matched, 19000);
    sheaf__arena_destroy(arena);
}
