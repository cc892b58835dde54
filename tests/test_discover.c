/* Discovery: files, directories, what is passed over, and what the errors say. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/support_discover.h"

TestSuite(discover, .init = enter, .fini = leave, .timeout = 20);

/* ---- files ---- */

Test(discover, a_file_is_taken_whatever_its_ending)
{
    make_files("trips.dat", "noending", ".hidden", NULL);
    cr_assert_str_eq(paths(discover("trips.dat", "noending", ".hidden", "./trips.dat", NULL)),
                     "trips.dat noending .hidden ./trips.dat ");
}

Test(discover, a_file_has_the_facts_that_stat_gives)
{
    write_text("a.csv", "a,b\n1,2\n");
    set_mtime("a.csv", 1234567890, 123456789);
    struct stat about;
    cr_assert_eq(stat("a.csv", &about), 0);
    for (int way = 0; way < 3; way++) {
        sheaf_files *files = discover(way == 0 ? "a.csv" : way == 1 ? "." : "*.csv", NULL);
        cr_assert_eq(sheaf_files_count(files), 1);
        const sheaf_file *file = sheaf_files_at(files, 0);
        cr_assert_eq(file->kind, SHEAF_FILE_REGULAR);
        cr_assert_eq(file->size_bytes, 8);
        cr_assert_eq(file->mtime_ns, INT64_C(1234567890123456789));
        cr_assert_eq(file->device, about.st_dev);
        cr_assert_eq(file->inode, about.st_ino);
        cr_assert_null(sheaf_files_at(files, 1));
        cr_assert_null(sheaf_files_at(files, SIZE_MAX));
        sheaf_files_release(files);
    }
    sheaf_files_release(NULL);
}

Test(discover, the_list_outlives_its_sources)
{
    make_files("a.csv", NULL);
    char source[] = "a.csv";
    sheaf_files *files = discover(source, NULL);
    memset(source, 'x', sizeof source - 1);
    cr_assert_str_eq(paths(files), "a.csv ");
}

Test(discover, what_is_named_twice_is_listed_twice)
{
    make_files("d/a.csv", "d/b.csv", NULL);
    cr_assert_str_eq(paths(discover("d/b.csv", "d", "d/b.csv", NULL)),
                     "d/b.csv d/a.csv d/b.csv d/b.csv ");
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "d/b.csv", "d", "d/b.csv", NULL),
                     "d/a.csv d/b.csv d/b.csv d/b.csv ");
}

Test(discover, a_source_that_does_not_exist_is_an_error)
{
    make_files("a.csv", NULL);
    sheaf_error err = fails(SHEAF_ENOENT, "a.csv", "gone.csv", NULL);
    cr_assert_str_eq(err.source, "gone.csv");
    cr_assert_eq(err.os_error, ENOENT);
    cr_assert_eq(err.line, 0);
    err = fails(SHEAF_ENOENT, "a.csv/b.csv", NULL);
    cr_assert_eq(err.os_error, ENOTDIR);
}

Test(discover, a_link_that_leads_to_nothing_is_an_error_of_its_own)
{
    cr_assert_eq(symlink("gone", "a.csv"), 0);
    has(fails(SHEAF_ENOENT, "a.csv", NULL).message, "symbolic link leads to nothing");
    cr_assert_eq(symlink("gone", "b[1].csv"), 0);
    make_files("b1.csv", NULL);
    cr_assert_str_eq(fails(SHEAF_ENOENT, "b[1].csv", NULL).source, "b[1].csv");
    cr_assert_eq(symlink("self", "self"), 0);
    sheaf_error err = fails(SHEAF_EIO, "self", NULL);
    cr_assert_eq(err.os_error, ELOOP);
    has(err.message, "cannot examine");
}

Test(discover, fifos_and_devices_that_are_named_are_streams)
{
    cr_assert_eq(mkfifo("pipe", 0644), 0);
    sheaf_files *files = discover("pipe", "/dev/null", NULL);
    cr_assert_eq(sheaf_files_count(files), 2);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(sheaf_files_at(files, i)->kind, SHEAF_FILE_STREAM);
        cr_assert_eq(sheaf_files_at(files, i)->size_bytes, SHEAF_UNKNOWN);
        cr_assert_neq(sheaf_files_at(files, i)->inode, 0);
    }
    sheaf_files_release(files);
    int ends[2]; /* <(cmd) of the shell */
    cr_assert_eq(pipe(ends), 0);
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    files = discover(path, NULL);
    cr_assert_eq(sheaf_files_at(files, 0)->kind, SHEAF_FILE_STREAM);
    cr_assert_str_eq(sheaf_files_at(files, 0)->path, path);
    sheaf_files_release(files);
}

static void make_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&name, sizeof name), 0);
    close(fd);
}

Test(discover, a_socket_that_is_named_is_an_error)
{
    make_socket("socket.csv");
    has(fails(SHEAF_EINVAL, "socket.csv", NULL).message, "socket");
}

/* ---- directories ---- */

Test(discover, a_directory_gives_what_ends_like_csv_however_deep)
{
    make_files("d/a.csv", "d/b.tsv", "d/c.txt", "d/d.csv.gz", "d/e.TSV.Gz", "d/f.TxT.gz",
               "d/DATA.CSV", "d/x/y/z/deep.csv", "d/both.gz.csv", NULL);
    make_files("d/csv", "d/a.csvx", "d/a.gz", "d/a.csv.gz.gz", "d/a.dat", "d/acsv", "d/a.csv~",
               "d/v", NULL);
    sheaf_files *files = discover("d", NULL);
    check_counts(files, 0, 0, 8);
    cr_assert_str_eq(paths(files),
                     "d/DATA.CSV d/a.csv d/b.tsv d/both.gz.csv d/c.txt d/d.csv.gz d/e.TSV.Gz "
                     "d/f.TxT.gz d/x/y/z/deep.csv ");
}

Test(discover, a_directory_that_ends_like_csv_is_still_a_directory)
{
    make_files("d/x.csv/a.csv", NULL);
    cr_assert_str_eq(paths(discover("d", NULL)), "d/x.csv/a.csv ");
}

Test(discover, paths_keep_the_spelling_of_their_source)
{
    make_files("d/a.csv", "d/e/b.csv", NULL);
    cr_assert_str_eq(paths(discover("d/", NULL)), "d/a.csv d/e/b.csv ");
    cr_assert_str_eq(paths(discover("./d", NULL)), "./d/a.csv ./d/e/b.csv ");
    cr_assert_str_eq(paths(discover("d/e/..", NULL)), "d/e/../a.csv d/e/../e/b.csv ");
    cr_assert_str_eq(paths(discover(".", NULL)), "./d/a.csv ./d/e/b.csv ");
    char absolute[64];
    snprintf(absolute, sizeof absolute, "%s/d/e/b.csv ", home);
    char source[64];
    snprintf(source, sizeof source, "%s/d/e", home);
    cr_assert_str_eq(paths(discover(source, NULL)), absolute);
}

Test(discover, what_a_directory_passes_over_is_counted)
{
    make_files("d/a.csv", "d/.hidden.csv", "d/.git/b.csv", "d/e/.DS_Store", "d/e/c.dat", "d/e/d",
               NULL);
    cr_assert_eq(mkfifo("d/pipe.csv", 0644), 0);
    cr_assert_eq(mkfifo("d/e/pipe", 0644), 0);
    cr_assert_eq(symlink("e/pipe", "d/link.csv"), 0);
    cr_assert_eq(symlink("gone", "d/.broken.csv"), 0);
    make_socket("d/socket");
    sheaf_files *files = discover("d", NULL);
    check_counts(files, 4, 4, 2);
    cr_assert_str_eq(paths(files), "d/a.csv ");
    files = discover("d", "d", NULL);
    check_counts(files, 8, 8, 4);
    sheaf_files_release(files);
}

Test(discover, a_hidden_directory_that_is_named_is_walked)
{
    make_files(".d/a.csv", NULL);
    cr_assert_str_eq(paths(discover(".d", NULL)), ".d/a.csv ");
}

Test(discover, links_are_followed)
{
    make_files("real/a.csv", "elsewhere/b.csv", NULL);
    cr_assert_eq(symlink("../elsewhere", "real/dir"), 0);
    cr_assert_eq(symlink("../elsewhere/b.csv", "real/c.csv"), 0);
    cr_assert_eq(symlink("real", "link"), 0);
    cr_assert_str_eq(paths(discover("link", NULL)), "link/a.csv link/c.csv link/dir/b.csv ");
}

Test(discover, a_link_that_leads_back_ends_there)
{
    make_files("d/a.csv", "d/e/f/b.csv", "other/c.csv", NULL);
    cr_assert_eq(symlink(".", "d/self"), 0);
    cr_assert_eq(symlink("../..", "d/e/f/top"), 0);
    cr_assert_eq(symlink("../other", "d/there"), 0);
    cr_assert_eq(symlink("../d", "other/back"), 0);
    cr_assert_str_eq(paths(discover("d", NULL)), "d/a.csv d/e/f/b.csv d/there/c.csv ");
    cr_assert_str_eq(paths(discover("d/**/*.csv", NULL)), "d/a.csv d/e/f/b.csv d/there/c.csv ");
    fails(SHEAF_ENOENT, "d/*/*/*/*.csv", NULL); /* d/e/f/top/a.csv would match */
}

Test(discover, a_link_to_a_directory_above_the_source_ends_too)
{
    make_files("d/outside.csv", "d/e/a.csv", NULL);
    cr_assert_eq(symlink("..", "d/e/up"), 0);
    cr_assert_eq(symlink("/", "d/e/root"), 0);
    cr_assert_str_eq(paths(discover("d/e", NULL)), "d/e/a.csv ");
    cr_assert_eq(chdir("d/e"), 0);
    cr_assert_str_eq(paths(discover("**/*.csv", NULL)), "a.csv ");
}

Test(discover, a_broken_link_below_a_directory_is_an_error_if_it_ends_like_csv)
{
    make_files("d/a.csv", NULL);
    cr_assert_eq(symlink("gone", "d/link"), 0);
    cr_assert_eq(symlink("a.csv/x", "d/link.dat"), 0);
    sheaf_files *files = discover("d", NULL);
    check_counts(files, 0, 0, 2);
    cr_assert_str_eq(paths(files), "d/a.csv ");
    cr_assert_eq(symlink("gone", "d/link.csv"), 0);
    sheaf_error err = fails(SHEAF_ENOENT, "d", NULL);
    cr_assert_str_eq(err.source, "d/link.csv");
    has(err.message, "leads to nothing");
    cr_assert_eq(err.os_error, ENOENT);
    cr_assert_str_eq(fails(SHEAF_ENOENT, "d/*", NULL).source, "d/link.csv");
    files = discover("d/a*", "d/**/a*", NULL);
    check_counts(files, 0, 0, 0);
    cr_assert_str_eq(paths(files), "d/a.csv d/a.csv ");
}

Test(discover, a_directory_without_such_files_says_what_it_looked_for)
{
    make_files("d/a.dat", "d/b.dat", "d/.c.csv", NULL);
    sheaf_error err = fails(SHEAF_ENOENT, "d", NULL);
    cr_assert_str_eq(err.source, "d");
    has(err.message, ".csv, .tsv, .txt");
    has(err.message, "2 of other endings, 1 hidden, 0 special");
    has(err.hint, "'d/**/*.dat'");
    make_directories("empty");
    make_files("a.csv", NULL);
    cr_assert_str_eq(fails(SHEAF_ENOENT, "a.csv", "empty/", NULL).source, "empty/");
    has(fails(SHEAF_ENOENT, "empty/", NULL).hint, "'empty/**/*.dat'");
}

/* Run in a child what the process could not take back, and give its exit code. */
static int in_child(int (*run)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(run());
    int code;
    cr_assert_eq(waitpid(child, &code, 0), child);
    cr_assert(WIFEXITED(code), "the child died of signal %d", WTERMSIG(code));
    return WEXITSTATUS(code);
}

enum { AS_PROMISED = 0, NOT_AS_PROMISED = 1, NOT_POSSIBLE_HERE = 2 };

static int fails_to_list(const char *source, const char *at, int os_error)
{
    sheaf_files *files;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(&source, 1, NULL, &files, &err);
    bool good = status == SHEAF_EIO && err.os_error == os_error && strcmp(err.source, at) == 0 &&
                strstr(err.message, "cannot list");
    if (!good)
        fprintf(stderr, "%s: %s, %s, %s\n", source, sheaf_status_name(status), err.source,
                err.message);
    return good ? AS_PROMISED : NOT_AS_PROMISED;
}

static int list_without_permission(void)
{
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return NOT_POSSIBLE_HERE;
    const char *into_closed = "e"; /* what e/link leads to may be a directory of files */
    sheaf_files *files;
    sheaf_error err;
    if (sheaf_files_discover(&into_closed, 1, NULL, &files, &err) != SHEAF_EIO ||
        err.os_error != EACCES || strcmp(err.source, "e/link") != 0)
        return NOT_AS_PROMISED;
    return fails_to_list("d", "d/closed/", EACCES) | fails_to_list("d/*/*", "d/closed/", EACCES) |
           fails_to_list("d/closed/*.csv", "d/closed/", EACCES);
}

Test(discover, a_directory_that_may_not_be_listed_is_an_error)
{
    make_files("d/a.csv", "d/closed/b.csv", "e/a.csv", NULL);
    cr_assert_eq(symlink("../d/closed/x", "e/link"), 0);
    cr_assert_eq(chmod("d/closed", 0), 0);
    int code = in_child(list_without_permission);
    chmod("d/closed", 0755);
    if (code == NOT_POSSIBLE_HERE)
        cr_skip("root cannot become somebody else here");
    cr_assert_eq(code, AS_PROMISED);
}

/* From here on, getdents64() fails as on a broken disk. */
static int list_on_broken_disk(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getdents64, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EIO),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return NOT_POSSIBLE_HERE;
    return fails_to_list("d", "d/", EIO) | fails_to_list("d/*.csv", "d/", EIO);
}

Test(discover, a_listing_that_breaks_off_is_an_error)
{
    make_files("d/a.csv", NULL);
    int code = in_child(list_on_broken_disk);
    if (code == NOT_POSSIBLE_HERE)
        cr_skip("system calls cannot be filtered here");
    cr_assert_eq(code, AS_PROMISED);
}

Test(discover, a_path_that_is_too_long_is_an_error)
{
    make_directories("d");
    make_too_deep("d");
    sheaf_error err = fails(SHEAF_EIO, "d", NULL);
    cr_assert_eq(err.os_error, ENAMETOOLONG);
    has(err.source, "ddddddd/");
    cr_assert_eq(fails(SHEAF_EIO, "d/**/*.csv", NULL).os_error, ENAMETOOLONG);
    char longest[PATH_MAX + 8];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    cr_assert_eq(fails(SHEAF_EIO, longest, NULL).os_error, ENAMETOOLONG);
    longest[0] = '*';
    cr_assert_eq(fails(SHEAF_EIO, longest, NULL).os_error, ENAMETOOLONG);
}

Test(discover, a_file_that_could_not_be_opened_for_its_long_path_is_an_error)
{
    char path[PATH_MAX];
    memset(path, 'd', sizeof path);
    for (size_t i = 199; i < sizeof path; i += 200)
        path[i] = '/';
    path[PATH_MAX - 50] = '\0';
    make_directories(path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int file = openat(fd, "a-name-of-49-bytes-............................a.csv",
                      O_WRONLY | O_CREAT, 0644);
    cr_assert_geq(file, 0);
    close(file);
    path[199] = '\0';
    cr_assert_eq(fails(SHEAF_EIO, path, NULL).os_error, ENAMETOOLONG);
    cr_assert_eq(
        renameat(fd, "a-name-of-49-bytes-............................a.csv", fd, "short.csv"), 0);
    close(fd);
    cr_assert_neq(paths(discover(path, NULL))[0], '\0');
}

Test(discover, trees_may_be_deep)
{
    char path[PATH_MAX], found[PATH_MAX + 2];
    make_deep(1000, path);
    snprintf(found, sizeof found, "%s ", path);
    cr_assert_str_eq(paths(discover("d", NULL)), found);
    cr_assert_str_eq(paths(discover("**/*.csv", NULL)), found);
}

Test(discover, many_files_need_few_open_files)
{
    char path[PATH_MAX];
    make_deep(100, path);
    for (int i = 0; i < 5000; i++) {
        snprintf(path, sizeof path, "many/%d/%d.csv", i % 97, i);
        make_files(path, NULL);
    }
    struct rlimit before, few;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = 64;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    sheaf_files *files = discover("many", "d", "many/**/*[05].csv", NULL);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    cr_assert_eq(sheaf_files_count(files), 5000 + 1 + 1000);
    for (size_t i = 1; i < 5000; i++)
        cr_assert_neq(sheaf_files_at(files, i)->inode, sheaf_files_at(files, i - 1)->inode);
    sheaf_files_release(files);
}
