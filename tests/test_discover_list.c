/* Discovery from lists and standard input, and the orders of what is found. */
#include "tests/support_discover.h"

TestSuite(sources, .init = enter, .fini = leave, .timeout = 20);

/* ---- lists ---- */

Test(sources, a_list_gives_its_files_and_directories)
{
    make_files("b.dat", "a.csv", "d/y.csv", "d/x.csv", NULL);
    write_text("list.txt", "b.dat\n\nd\na.csv");
    cr_assert_str_eq(paths(discover("@list.txt", NULL)), "b.dat d/x.csv d/y.csv a.csv ");
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "@list.txt", NULL), "a.csv b.dat d/x.csv d/y.csv ");
    cr_assert_str_eq(paths(discover("a.csv", "@./list.txt", "b.dat", NULL)),
                     "a.csv b.dat d/x.csv d/y.csv a.csv b.dat ");
}

Test(sources, a_list_may_separate_with_nul_bytes)
{
    make_files("a\nb.csv", "c.csv", NULL);
    write_file("list", "c.csv\0\0a\nb.csv", sizeof "c.csv\0\0a\nb.csv");
    cr_assert_str_eq(from_nul_list("@list"), "c.csv a\nb.csv ");
    sheaf_error err = fails(SHEAF_EINVAL, "@list", NULL);
    has(err.message, "NUL byte");
    cr_assert_str_eq(err.source, "list");
    cr_assert_eq(err.line, 1);
}

Test(sources, a_list_may_have_windows_line_ends)
{
    make_files("a.csv", "b.csv\r", "c.csv", NULL);
    write_text("list", "a.csv\r\n\r\nb.csv\r\nc.csv\r\n");
    cr_assert_str_eq(paths(discover("@list", NULL)), "a.csv b.csv\r c.csv ");
    write_text("list", "a.csv\r\nd.csv\r\n");
    cr_assert_eq(fails(SHEAF_ENOENT, "@list", NULL).line, 2);
}

Test(sources, a_list_takes_every_name_as_it_is)
{
    make_files("@x", "-", "*.csv", "a.csv", NULL);
    write_text("list", "@x\n-\n*.csv\n");
    sheaf_files *files = discover("@list", NULL);
    cr_assert_eq(sheaf_files_at(files, 1)->kind, SHEAF_FILE_REGULAR);
    cr_assert_str_eq(paths(files), "@x - *.csv ");
    cr_assert_str_eq(paths(discover("./@x", "./-", NULL)), "./@x ./- ");
    write_text("list", "a.csv\n?.csv\n");
    sheaf_error err = fails(SHEAF_ENOENT, "@list", NULL);
    cr_assert_eq(err.line, 2);
    has(err.hint, "globs");
    write_text("list", "@gone\n");
    has(fails(SHEAF_ENOENT, "@list", NULL).hint, "globs");
}

Test(sources, an_entry_that_does_not_exist_is_named_with_its_line)
{
    make_files("a.csv", NULL);
    write_text("d/list", "a.csv\n\ngo\x99ne.csv\n");
    sheaf_error err = fails(SHEAF_ENOENT, "@d/list", NULL);
    cr_assert_str_eq(err.source, "d/list");
    cr_assert_eq(err.line, 3);
    cr_assert_eq(err.os_error, ENOENT);
    has(err.message, "'go\\x99ne.csv'");
    has(err.hint, "current directory");
}

Test(sources, a_line_may_have_any_length)
{
    size_t n_bytes = 1 << 20;
    char *text = malloc(n_bytes + 8);
    memset(text, 'a', n_bytes);
    memcpy(text + n_bytes, "z\nb\n", 5);
    write_text("list", text);
    free(text);
    sheaf_error err = fails(SHEAF_EIO, "@list", NULL);
    cr_assert_eq(err.os_error, ENAMETOOLONG);
    cr_assert_eq(err.line, 1);
    has(err.message, "aaaz'");
    has(err.message, "'...aaa");
    has(err.message, "File name too long");
    char escapes[400]; /* shown, each takes four bytes */
    memset(escapes, '\x01', sizeof escapes);
    memcpy(escapes + sizeof escapes - 3, "z\n", 3);
    write_text("list", escapes);
    has(fails(SHEAF_EIO, "@list", NULL).message, "\\x01z'");
}

Test(sources, a_list_that_gives_nothing_is_an_error)
{
    sheaf_error err = fails(SHEAF_ENOENT, "@gone.txt", NULL);
    cr_assert_str_eq(err.source, "gone.txt");
    has(err.message, "cannot open the list");
    write_text("list", "\n\n");
    err = fails(SHEAF_ENOENT, "@list", NULL);
    cr_assert_str_eq(err.source, "list");
    has(err.message, "names no file");
    cr_assert_eq(fails(SHEAF_EIO, "@.", NULL).os_error, EISDIR);
    make_directories("empty");
    write_text("list", "empty\n");
    cr_assert_str_eq(fails(SHEAF_ENOENT, "@list", NULL).source, "empty");
    fails(SHEAF_EINVAL, "@", NULL);
}

/* ---- standard input ---- */

Test(sources, standard_input_is_one_of_the_files)
{
    make_files("a.csv", NULL);
    sheaf_files *files = discover("a.csv", "-", NULL);
    cr_assert_eq(sheaf_files_count(files), 2);
    const sheaf_file *file = sheaf_files_at(files, 1);
    cr_assert_str_eq(file->path, "-");
    cr_assert_eq(file->kind, SHEAF_FILE_STDIN);
    cr_assert_eq(file->size_bytes, SHEAF_UNKNOWN);
    cr_assert_eq(file->mtime_ns, 0);
    struct stat about;
    cr_assert_eq(fstat(STDIN_FILENO, &about), 0);
    cr_assert_eq(file->device, about.st_dev);
    cr_assert_eq(file->inode, about.st_ino);
    sheaf_files_release(files);
}

Test(sources, a_list_can_come_from_standard_input)
{
    make_files("b.csv", "a.csv", NULL);
    write_text("list", "b.csv\na.csv\n");
    be_stdin("list");
    cr_assert_str_eq(paths(discover("@-", NULL)), "b.csv a.csv ");
    cr_assert_neq(fcntl(0, F_GETFD), -1, "standard input was closed");
}

Test(sources, standard_input_is_named_once)
{
    make_files("a.csv", NULL);
    has(fails(SHEAF_EINVAL, "-", "a.csv", "-", NULL).message, "standard input");
    fails(SHEAF_EINVAL, "-", "@-", NULL);
    fails(SHEAF_EINVAL, "@-", "@-", NULL);
}

/* ---- orders ---- */

Test(sources, given_order_sorts_within_a_source_only)
{
    make_files("z.csv", "d/c.csv", "d/a.csv", "d/b/x.csv", "g2.csv", "g1.csv", NULL);
    cr_assert_str_eq(paths(discover("z.csv", "g*", "d", "d/a.csv", NULL)),
                     "z.csv g1.csv g2.csv d/a.csv d/b/x.csv d/c.csv d/a.csv ");
}

Test(sources, path_order_puts_a_slash_before_any_other_byte)
{
    make_files("d/a/x.csv", "d/a.b/x.csv", "d/ab.csv", "d/a\x01/x.csv", "d/\xC3\xA4.csv", "d/B.csv",
               NULL);
    const char *expected = "d/B.csv d/a/x.csv d/a\x01/x.csv d/a.b/x.csv d/ab.csv d/\xC3\xA4.csv ";
    cr_assert_str_eq(paths(discover("d", NULL)), expected);
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "d/\xC3\xA4.csv", "d/a", "d/ab.csv", "d/a\x01",
                             "d/a.b", "d/B.csv", NULL),
                     expected);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "d", NULL), expected);
}

Test(sources, natural_order_compares_numbers_by_value)
{
    make_files("d/x2.csv", "d/x10.csv", "d/x1/b.csv", "d/x10/a.csv", "d/x2/a.csv", "d/x.csv",
               "d/x010.csv", NULL);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "d", NULL),
                     "d/x.csv d/x010.csv d/x1/b.csv d/x2/a.csv d/x2.csv d/x10/a.csv d/x10.csv ");
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "d", NULL),
                     "d/x.csv d/x010.csv d/x1/b.csv d/x10/a.csv d/x10.csv d/x2/a.csv d/x2.csv ");
}

Test(sources, natural_order_goes_directory_by_directory)
{
    make_files("a/x10.csv", "a/x9.csv", "a-/x.csv", "ab/x.csv", NULL);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "ab", "a-", "a", NULL),
                     "a/x9.csv a/x10.csv a-/x.csv ab/x.csv ");
}

Test(sources, mtime_order_is_oldest_first_and_then_by_path)
{
    make_files("a.csv", "b.csv", "c/d.csv", "e.csv", "f.csv", NULL);
    set_mtime("a.csv", 2000, 5);
    set_mtime("b.csv", 1000, 0);
    set_mtime("c/d.csv", 2000, 4);
    set_mtime("e.csv", -5, 0);
    set_mtime("f.csv", 1000, 0);
    cr_assert_str_eq(ordered(SHEAF_ORDER_MTIME, "f.csv", "a.csv", "b.csv", "c", "e.csv", "-", NULL),
                     "e.csv - b.csv f.csv c/d.csv a.csv ");
}

/* ---- bytes ---- */

Test(sources, any_bytes_may_be_in_a_path)
{
    make_files("d/new\nline.csv", "d/b\xFFyte.csv", "d/\x1B[31m.csv", "d/ blank .csv", NULL);
    cr_assert_str_eq(paths(discover("d", NULL)),
                     "d/\x1B[31m.csv d/ blank .csv d/b\xFFyte.csv d/new\nline.csv ");
    check_glob("d/*\n*", "d/new\nline.csv ");
    check_glob("d/b?yte.csv", "d/b\xFFyte.csv ");
}

Test(sources, errors_escape_the_path)
{
    cr_assert_str_eq(fails(SHEAF_ENOENT, "go\x99ne\n\x07[31m.csv", NULL).source,
                     "go\\x99ne\\n\\x07[31m.csv");
    has(fails(SHEAF_ENOENT, "\x07x/*.csv", NULL).message, "'\\x07x/'");
    make_directories("e\x07mpty");
    has(fails(SHEAF_ENOENT, "e\x07mpty", NULL).hint, "'e\\x07mpty/**/*.dat'");
    make_directories("d");
    cr_assert_eq(symlink("gone", "d/\x98.csv"), 0);
    cr_assert_str_eq(fails(SHEAF_ENOENT, "d", NULL).source, "d/\\x98.csv");
}

/* ---- arguments ---- */

Test(sources, bad_arguments_are_refused)
{
    make_files("a.csv", NULL);
    const char *sources[] = {"a.csv", ""};
    sheaf_files *files;
    sheaf_error err;
    cr_assert_eq(sheaf_files_discover(sources, 1, NULL, NULL, &err), SHEAF_EINVAL);
    cr_assert_eq(sheaf_files_discover(sources, 0, NULL, &files, &err), SHEAF_EINVAL);
    cr_assert_eq(sheaf_files_discover(NULL, 1, NULL, &files, &err), SHEAF_EINVAL);
    cr_assert_eq(sheaf_files_discover(sources, 2, NULL, &files, &err), SHEAF_EINVAL);
    has(err.message, "source 2 is empty");
    sources[1] = NULL;
    cr_assert_eq(sheaf_files_discover(sources, 2, NULL, &files, &err), SHEAF_EINVAL);
    sheaf_discover_options options = {.size = sizeof options};
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_OK);
    sheaf_files_release(files);
    options.size = 0;
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_EINVAL);
    has(err.message, "size");
    cr_assert_null(files);
    options.size = sizeof options;
    options.order = (sheaf_order)4;
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_EINVAL);
    has(err.message, "order 4");
}
