/*
 * Discovery: what each kind of source gives, in which order, what is passed over, and what the errors say.
 *
 * Every test runs in an empty directory of its own, which is the current one, and is removed behind it.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <locale.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include <sheaf/discover.h>

#include "engine/core/arena.h"
#include "engine/discover/glob.h"

/* ---- the directory ---- */

static char home[] = "/tmp/sheaf-discover-XXXXXX";

static void enter(void)
{
    cr_assert_not_null(mkdtemp(home));
    cr_assert_eq(chmod(home, 0755), 0);
    cr_assert_eq(chdir(home), 0);
}

static void leave(void)
{
    cr_assert_eq(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf -- '%s'", home);
    cr_assert_eq(system(command), 0);
}

TestSuite(discover, .init = enter, .fini = leave, .timeout = 20);

static void make_directories(const char *path)
{
    char part[PATH_MAX];
    for (size_t i = 1; path[i - 1]; i++)
        if (path[i] == '/' || path[i] == '\0') {
            snprintf(part, sizeof part, "%.*s", (int)i, path);
            cr_assert(mkdir(part, 0755) == 0 || errno == EEXIST, "mkdir %s", part);
        }
}

static void write_file(const char *path, const char *bytes, size_t n_bytes)
{
    const char *slash = strrchr(path, '/');
    if (slash) {
        char parent[PATH_MAX];
        snprintf(parent, sizeof parent, "%.*s", (int)(slash - path), path);
        make_directories(parent);
    }
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file, "cannot make %s", path);
    cr_assert_eq(fwrite(bytes, 1, n_bytes, file), n_bytes);
    cr_assert_eq(fclose(file), 0);
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

/* Make files, their directories too. The names end with NULL. */
static void make_files(const char *path, ...)
{
    va_list more;
    va_start(more, path);
    for (; path; path = va_arg(more, const char *))
        write_text(path, "a\n1\n");
    va_end(more);
}

static void set_mtime(const char *path, time_t seconds, long ns)
{
    struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = ns}, {.tv_sec = seconds, .tv_nsec = ns}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void be_stdin(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    cr_assert_geq(fd, 0);
    cr_assert_eq(dup2(fd, 0), 0);
    close(fd);
}

/* Make directories below `at` until the path from it is longer than PATH_MAX. */
static void make_too_deep(const char *at)
{
    char name[201];
    memset(name, 'd', 200);
    name[200] = '\0';
    int fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < PATH_MAX / 200 + 2; i++) {
        cr_assert_eq(mkdirat(fd, name, 0755), 0);
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        cr_assert_geq(below, 0);
        close(fd);
        fd = below;
    }
    int file = openat(fd, "x.csv", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_geq(file, 0);
    close(file);
    close(fd);
}

/* ---- discovering ---- */

enum { SOURCES_MAX = 8 };

static size_t gather(const char *sources[SOURCES_MAX], va_list more)
{
    size_t n = 1;
    while (n < SOURCES_MAX && (sources[n] = va_arg(more, const char *)))
        n++;
    return n;
}

static sheaf_files *discover_in(sheaf_discover_options options, const char *const *sources, size_t n_sources)
{
    options.size = sizeof options;
    sheaf_files *files;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(sources, n_sources, &options, &files, &err);
    cr_assert_eq(status, SHEAF_OK, "%s: %s (%s)", sheaf_status_name(status), err.message, err.source);
    cr_assert_eq(err.status, SHEAF_OK);
    return files;
}

static sheaf_files *discover(const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    return discover_in((sheaf_discover_options){.order = SHEAF_ORDER_GIVEN}, sources, n);
}

/* The paths of a list, each followed by a blank. The list is ended. */
static const char *paths(sheaf_files *files)
{
    static char text[64 * 1024];
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sheaf_files_count(files); i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s ", sheaf_files_at(files, i)->path);
    sheaf_files_release(files);
    return text;
}

static const char *ordered(sheaf_order order, const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    return paths(discover_in((sheaf_discover_options){.order = order}, sources, n));
}

static const char *from_nul_list(const char *source)
{
    return paths(discover_in((sheaf_discover_options){.list_is_nul_separated = true}, &source, 1));
}

/* Discover what must fail. The error is checked to be complete; without one the status is the same. */
static sheaf_error fails(sheaf_status expected, const char *source, ...)
{
    const char *sources[SOURCES_MAX] = {source};
    va_list more;
    va_start(more, source);
    size_t n = gather(sources, more);
    va_end(more);
    sheaf_files *files = (sheaf_files *)&n;
    sheaf_error err;
    sheaf_status status = sheaf_files_discover(sources, n, NULL, &files, &err);
    cr_assert_eq(status, expected, "%s instead of %s: %s", sheaf_status_name(status),
                 sheaf_status_name(expected), err.message);
    cr_assert_eq(err.status, expected);
    cr_assert_null(files);
    cr_assert_neq(err.message[0], '\0');
    cr_assert_eq(sheaf_files_discover(sources, n, NULL, &files, NULL), expected);
    return err;
}

static void has(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "\"%s\" does not say \"%s\"", text, part);
}

static void check_counts(sheaf_files *files, uint64_t special, uint64_t hidden, uint64_t other)
{
    sheaf_discover_counts counts = sheaf_files_passed_over(files);
    cr_assert_eq(counts.special, special, "special %d", (int)counts.special);
    cr_assert_eq(counts.hidden, hidden, "hidden %d", (int)counts.hidden);
    cr_assert_eq(counts.other, other, "other %d", (int)counts.other);
}

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
    cr_assert_str_eq(paths(discover("d/b.csv", "d", "d/b.csv", NULL)), "d/b.csv d/a.csv d/b.csv d/b.csv ");
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
    cr_assert_eq(fails(SHEAF_EIO, "self", NULL).os_error, ELOOP);
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
    make_files("d/a.csv", "d/b.tsv", "d/c.txt", "d/d.csv.gz", "d/e.TSV.Gz", "d/f.TxT.gz", "d/DATA.CSV",
               "d/x/y/z/deep.csv", "d/both.gz.csv", NULL);
    make_files("d/csv", "d/a.csvx", "d/a.gz", "d/a.csv.gz.gz", "d/a.dat", "d/acsv", "d/a.csv~", "d/v", NULL);
    sheaf_files *files = discover("d", NULL);
    check_counts(files, 0, 0, 8);
    cr_assert_str_eq(paths(files), "d/DATA.CSV d/a.csv d/b.tsv d/both.gz.csv d/c.txt d/d.csv.gz d/e.TSV.Gz "
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
    make_files("d/a.csv", "d/.hidden.csv", "d/.git/b.csv", "d/e/.DS_Store", "d/e/c.dat", "d/e/d", NULL);
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
    cr_assert_str_eq(paths(discover("d/a*", "d/**/a*", NULL)), "d/a.csv d/a.csv ");
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
        fprintf(stderr, "%s: %s, %s, %s\n", source, sheaf_status_name(status), err.source, err.message);
    return good ? AS_PROMISED : NOT_AS_PROMISED;
}

static int list_without_permission(void)
{
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
        return NOT_POSSIBLE_HERE;
    return fails_to_list("d", "d/closed/", EACCES) | fails_to_list("d/*/*", "d/closed/", EACCES) |
           fails_to_list("d/closed/*.csv", "d/closed/", EACCES);
}

Test(discover, a_directory_that_may_not_be_listed_is_an_error)
{
    make_files("d/a.csv", "d/closed/b.csv", NULL);
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

/* Make levels of "d" within each other, with a file in the lowest. */
static void make_deep(int levels, char path[PATH_MAX])
{
    size_t n = 0;
    for (int i = 0; i < levels; i++)
        n += (size_t)snprintf(path + n, PATH_MAX - n, "d/");
    snprintf(path + n, PATH_MAX - n, "a.csv");
    make_files(path, NULL);
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

/* ---- globs ---- */

static void check_glob(const char *glob, const char *expected)
{
    const char *got = paths(discover(glob, NULL));
    cr_assert_str_eq(got, expected, "%s gives %s", glob, got);
}

Test(discover, globs_match_names_and_any_depth)
{
    make_files("t/1/a.csv", "t/1/b.dat", "t/2/a.csv", "t/10/a.csv", "t/x/y/a.csv", "t/x/y/z/b.csv", "t/c.csv",
               "a1.csv", "a2.csv", "ab.csv", NULL);
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

Test(discover, two_stars_match_any_number_of_directories)
{
    make_files("t/1/a.csv", "t/1/b.dat", "t/x/y/a.csv", "t/x/y/z/b.csv", "t/c.csv", "a.csv", "x/t/1/a.csv",
               NULL);
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

Test(discover, globs_of_absolute_paths_work)
{
    make_files("d/a.csv", NULL);
    char glob[64], found[64];
    snprintf(glob, sizeof glob, "%.10s*%s/*/a.csv", home, home + 10);
    snprintf(found, sizeof found, "%s/d/a.csv ", home);
    check_glob(glob, found);
}

Test(discover, wildcards_leave_hidden_names_out)
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

Test(discover, globs_count_special_files_and_ignore_directories)
{
    make_files("d/a.csv", "d/x/b.csv", "d/other", NULL);
    cr_assert_eq(mkfifo("d/pipe.csv", 0644), 0);
    cr_assert_eq(mkfifo("d/pipe.dat", 0644), 0);
    sheaf_files *files = discover("d/*.csv", NULL);
    check_counts(files, 1, 0, 0);
    cr_assert_str_eq(paths(files), "d/a.csv ");
    check_glob("d/*", "d/a.csv d/other ");
    has(fails(SHEAF_ENOENT, "d/p*", NULL).hint, "FIFOs, sockets and devices (2 here)");
    has(fails(SHEAF_ENOENT, "d/x*", NULL).hint, "directories (1)");
}

Test(discover, a_glob_without_a_match_is_an_error)
{
    make_files("d/a.csv", NULL);
    sheaf_error err = fails(SHEAF_ENOENT, "d/*.tsv", NULL);
    cr_assert_str_eq(err.source, "d/*.tsv");
    has(err.message, "matches no file");
    has(fails(SHEAF_ENOENT, "gone/*.csv", NULL).message, "no directory 'gone/'");
    has(fails(SHEAF_ENOENT, "d/a.csv/*.csv", NULL).message, "no directory 'd/a.csv/'");
    has(fails(SHEAF_ENOENT, "d/[z]", NULL).hint, "'[[]'");
}

Test(discover, a_path_that_exists_is_never_a_glob)
{
    make_files("a[1].csv", "a1.csv", "*", "dir[x]/b.csv", NULL);
    cr_assert_str_eq(paths(discover("a[1].csv", "*", "dir[x]", NULL)), "a[1].csv * dir[x]/b.csv ");
}

Test(discover, a_backslash_takes_the_meaning_from_a_wildcard)
{
    make_files("d[1]/a*.csv", "d[1]/ab.csv", "d1/a.csv", "e/*/x.csv", "e/y/x.csv", NULL);
    check_glob("d\\[1\\]/*.csv", "d[1]/a*.csv d[1]/ab.csv ");
    check_glob("d\\[1]/a\\*.cs?", "d[1]/a*.csv ");
    check_glob("?/\\*/x.csv", "e/*/x.csv ");
    fails(SHEAF_ENOENT, "d1/\\*.csv", NULL);
}

Test(discover, globs_that_cannot_give_files_are_refused)
{
    make_files("d/a.csv", NULL);
    has(fails(SHEAF_EINVAL, "*/", NULL).message, "ends like a directory");
    has(fails(SHEAF_EINVAL, "d/*/.", NULL).message, "ends like a directory");
    sheaf_error err = fails(SHEAF_EINVAL, "*/../d/a.csv", NULL);
    has(err.message, "'..' after a wildcard");
    cr_assert_str_eq(err.source, "*/../d/a.csv");
    check_glob("d/../d/*.csv", "d/../d/a.csv ");
}

Test(discover, a_glob_opens_no_directory_in_vain)
{
    make_files("d/a.csv", "d/x/b.csv", NULL);
    make_too_deep("d/x"); /* whoever goes below it fails */
    check_glob("d/*.csv", "d/a.csv ");
    check_glob("d/*/b.csv", "d/x/b.csv ");
    check_glob("d/[!x]*", "d/a.csv ");
    fails(SHEAF_EIO, "d/**/b.csv", NULL);
}

Test(discover, globs_take_the_same_names_in_every_locale)
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

Test(discover, no_glob_takes_long, .timeout = 10)
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

Test(discover, globs_match_what_their_definition_says)
{
    static const char *const globs[] = {"*", "**", "**", "a", "b", "?", "[ab]", "a*"};
    static const char *const names[] = {"a", "b", "c", "ab"};
    sheaf_arena *arena = sheaf__arena_create(NULL, 4096);
    srand(1);
    size_t n_matched = 0;
    for (int round = 0; round < 20000; round++) {
        char *glob_names[6], *path[6], text[64], path_text[64];
        size_t n_glob_names = pick(globs, 8, glob_names, text), n_path = pick(names, 4, path, path_text);
        sheaf__glob *glob;
        strcat(text, "/*"); /* so that there is a wildcard; it stands for the last name, which is "f" */
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
            cr_assert_eq(sheaf__glob_step(glob, &places, path[i], false, &below, &match, NULL), SHEAF_OK);
        bool got = base_fits && match.directory &&
                   sheaf__glob_step(glob, &places, "f", false, &below, &match, NULL) == SHEAF_OK &&
                   match.file;
        char *all_names[7], *all_path[7];
        memcpy(all_names, glob_names, sizeof glob_names);
        memcpy(all_path, path, sizeof path);
        all_names[n_glob_names] = "*";
        all_path[n_path] = "f";
        cr_assert_eq(got, matches(all_names, n_glob_names + 1, all_path, n_path + 1), "%s on %s/f", text,
                     path_text);
        n_matched += got;
        sheaf__glob_destroy(glob);
        sheaf__arena_reset(arena, 4096);
    }
    cr_assert_gt(n_matched, 1000);
    cr_assert_lt(n_matched, 19000);
    sheaf__arena_destroy(arena);
}

/* ---- lists ---- */

Test(discover, a_list_gives_its_files_and_directories)
{
    make_files("b.dat", "a.csv", "d/y.csv", "d/x.csv", NULL);
    write_text("list.txt", "b.dat\n\nd\na.csv");
    cr_assert_str_eq(paths(discover("@list.txt", NULL)), "b.dat d/x.csv d/y.csv a.csv ");
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "@list.txt", NULL), "a.csv b.dat d/x.csv d/y.csv ");
    cr_assert_str_eq(paths(discover("a.csv", "@./list.txt", "b.dat", NULL)),
                     "a.csv b.dat d/x.csv d/y.csv a.csv b.dat ");
}

Test(discover, a_list_may_separate_with_nul_bytes)
{
    make_files("a\nb.csv", "c.csv", NULL);
    write_file("list", "c.csv\0\0a\nb.csv", sizeof "c.csv\0\0a\nb.csv");
    cr_assert_str_eq(from_nul_list("@list"), "c.csv a\nb.csv ");
    sheaf_error err = fails(SHEAF_EINVAL, "@list", NULL);
    has(err.message, "NUL byte");
    cr_assert_str_eq(err.source, "list");
    cr_assert_eq(err.line, 1);
}

Test(discover, a_list_may_have_windows_line_ends)
{
    make_files("a.csv", "b.csv\r", "c.csv", NULL);
    write_text("list", "a.csv\r\n\r\nb.csv\r\nc.csv\r\n");
    cr_assert_str_eq(paths(discover("@list", NULL)), "a.csv b.csv\r c.csv ");
    write_text("list", "a.csv\r\nd.csv\r\n");
    cr_assert_eq(fails(SHEAF_ENOENT, "@list", NULL).line, 2);
}

Test(discover, a_list_takes_every_name_as_it_is)
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
}

Test(discover, an_entry_that_does_not_exist_is_named_with_its_line)
{
    make_files("a.csv", NULL);
    write_text("d/list", "a.csv\n\ngo\xFFne.csv\n");
    sheaf_error err = fails(SHEAF_ENOENT, "@d/list", NULL);
    cr_assert_str_eq(err.source, "d/list");
    cr_assert_eq(err.line, 3);
    cr_assert_eq(err.os_error, ENOENT);
    has(err.message, "'go\\xFFne.csv'");
    has(err.hint, "current directory");
}

Test(discover, a_line_may_have_any_length)
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
}

Test(discover, a_list_that_gives_nothing_is_an_error)
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

Test(discover, standard_input_is_one_of_the_files)
{
    make_files("a.csv", NULL);
    sheaf_files *files = discover("a.csv", "-", NULL);
    cr_assert_eq(sheaf_files_count(files), 2);
    const sheaf_file *file = sheaf_files_at(files, 1);
    cr_assert_str_eq(file->path, "-");
    cr_assert_eq(file->kind, SHEAF_FILE_STDIN);
    cr_assert_eq(file->size_bytes, SHEAF_UNKNOWN);
    cr_assert_eq(file->mtime_ns, 0);
    cr_assert_eq(file->device, 0);
    cr_assert_eq(file->inode, 0);
    sheaf_files_release(files);
}

Test(discover, a_list_can_come_from_standard_input)
{
    make_files("b.csv", "a.csv", NULL);
    write_text("list", "b.csv\na.csv\n");
    be_stdin("list");
    cr_assert_str_eq(paths(discover("@-", NULL)), "b.csv a.csv ");
    cr_assert_neq(fcntl(0, F_GETFD), -1, "standard input was closed");
}

Test(discover, standard_input_is_named_once)
{
    make_files("a.csv", NULL);
    has(fails(SHEAF_EINVAL, "-", "a.csv", "-", NULL).message, "standard input");
    fails(SHEAF_EINVAL, "-", "@-", NULL);
    fails(SHEAF_EINVAL, "@-", "@-", NULL);
}

/* ---- orders ---- */

Test(discover, given_order_sorts_within_a_source_only)
{
    make_files("z.csv", "d/c.csv", "d/a.csv", "d/b/x.csv", "g2.csv", "g1.csv", NULL);
    cr_assert_str_eq(paths(discover("z.csv", "g*", "d", "d/a.csv", NULL)),
                     "z.csv g1.csv g2.csv d/a.csv d/b/x.csv d/c.csv d/a.csv ");
}

Test(discover, path_order_puts_a_slash_before_any_other_byte)
{
    make_files("d/a/x.csv", "d/a.b/x.csv", "d/ab.csv", "d/a\x01/x.csv", "d/\xC3\xA4.csv", "d/B.csv", NULL);
    const char *expected = "d/B.csv d/a/x.csv d/a\x01/x.csv d/a.b/x.csv d/ab.csv d/\xC3\xA4.csv ";
    cr_assert_str_eq(paths(discover("d", NULL)), expected);
    cr_assert_str_eq(
        ordered(SHEAF_ORDER_PATH, "d/\xC3\xA4.csv", "d/a", "d/ab.csv", "d/a\x01", "d/a.b", "d/B.csv", NULL),
        expected);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "d", NULL), expected);
}

Test(discover, natural_order_compares_numbers_by_value)
{
    make_files("d/x2.csv", "d/x10.csv", "d/x1/b.csv", "d/x10/a.csv", "d/x2/a.csv", "d/x.csv", "d/x010.csv",
               NULL);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "d", NULL),
                     "d/x.csv d/x010.csv d/x1/b.csv d/x2/a.csv d/x2.csv d/x10/a.csv d/x10.csv ");
    cr_assert_str_eq(ordered(SHEAF_ORDER_PATH, "d", NULL),
                     "d/x.csv d/x010.csv d/x1/b.csv d/x10/a.csv d/x10.csv d/x2/a.csv d/x2.csv ");
}

Test(discover, natural_order_goes_directory_by_directory)
{
    make_files("a/x10.csv", "a/x9.csv", "a-/x.csv", "ab/x.csv", NULL);
    cr_assert_str_eq(ordered(SHEAF_ORDER_NATURAL, "ab", "a-", "a", NULL),
                     "a/x9.csv a/x10.csv a-/x.csv ab/x.csv ");
}

Test(discover, mtime_order_is_oldest_first_and_then_by_path)
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

Test(discover, any_bytes_may_be_in_a_path)
{
    make_files("d/new\nline.csv", "d/b\xFFyte.csv", "d/\x1B[31m.csv", "d/ blank .csv", NULL);
    cr_assert_str_eq(paths(discover("d", NULL)),
                     "d/\x1B[31m.csv d/ blank .csv d/b\xFFyte.csv d/new\nline.csv ");
    check_glob("d/*\n*", "d/new\nline.csv ");
    check_glob("d/b?yte.csv", "d/b\xFFyte.csv ");
}

Test(discover, errors_escape_the_path)
{
    cr_assert_str_eq(fails(SHEAF_ENOENT, "go\xFFne\n\x1B[31m.csv", NULL).source, "go\\xFFne\\n\\x1B[31m.csv");
    has(fails(SHEAF_ENOENT, "\x1Bx/*.csv", NULL).message, "'\\x1Bx/'");
    make_directories("e\x1Bmpty");
    has(fails(SHEAF_ENOENT, "e\x1Bmpty", NULL).hint, "'e\\x1Bmpty/**/*.dat'");
    make_directories("d");
    cr_assert_eq(symlink("gone", "d/\xFE.csv"), 0);
    cr_assert_str_eq(fails(SHEAF_ENOENT, "d", NULL).source, "d/\\xFE.csv");
}

/* ---- arguments ---- */

Test(discover, bad_arguments_are_refused)
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
    options.size--;
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_EINVAL);
    cr_assert_null(files);
    options.size += 2;
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_EINVAL);
    options.size = sizeof options;
    options.order = (sheaf_order)4;
    cr_assert_eq(sheaf_files_discover(sources, 1, &options, &files, &err), SHEAF_EINVAL);
    has(err.message, "order 4");
}
