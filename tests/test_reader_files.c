/*
 * Where a reader's bytes come from: files that change, vanish or fail, temporary files, gzip by
 * name and by content; and going back to the first byte. Pipes and FIFOs: test_reader_streams.c.
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "readers/source/source.h"
#include "tests/support_records.h"

TestSuite(reader_files, .init = enter_directory, .fini = leave_directory, .timeout = 20);

static const char text[] = "a,b\n1,2\n3,4\n";
static const char rows[] = "[a][b]\n[1][2]\n[3][4]\n";

static bool reads_the_rows(const outcome *got)
{
    return got->status == SHEAF_END && got->rows.n_bytes == strlen(rows) &&
           memcmp(got->rows.bytes, rows, strlen(rows)) == 0;
}

enum { LARGE_LINES = 100000 }; /* of ten bytes: more than a reader takes at once */

static void set_mtime(const char *path, time_t seconds, long ns)
{
    struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = ns},
                                {.tv_sec = seconds, .tv_nsec = ns}};
    cr_assert_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void write_into(const char *path, int flags, const char *bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags);
    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, bytes, strlen(bytes)), (ssize_t)strlen(bytes));
    close(fd);
}

/* ---- the file that was found is the one that is read ---- */

static void grows(void)
{
    write_into("a.csv", O_APPEND, "5,6\n");
}

static void shrinks(void)
{
    cr_assert_eq(truncate("a.csv", 8), 0);
}

static void is_touched(void)
{
    set_mtime("a.csv", 1234567890, 1);
}

static void is_rewritten(void)
{
    write_into("a.csv", 0, "a,b\n5,6\n7,8\n");
    set_mtime("a.csv", 1234567890, 1);
}

/*
 * The same size and time, another inode: an editor that saves by renaming, a log that is rotated.
 */
static void is_replaced(void)
{
    struct stat about;
    cr_assert_eq(stat("a.csv", &about), 0);
    cr_assert_eq(rename("a.csv", "old.csv"), 0);
    write_file("a.csv", "a,b\n5,6\n7,8\n", strlen(text));
    set_mtime("a.csv", about.st_mtim.tv_sec, about.st_mtim.tv_nsec);
}

Test(reader_files, that_changed_after_they_were_found_are_not_read)
{
    void (*const changes[])(void) = {grows, shrinks, is_touched, is_rewritten, is_replaced};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        sheaf_file file = write_file("a.csv", text, strlen(text));
        changes[i]();
        outcome got = read_fresh(&file, &plain_options, 1);
        cr_assert_eq(got.status, SHEAF_ECHANGED, "change %d: %s", (int)i,
                     sheaf_status_name(got.status));
        cr_assert_str_eq(got.err.message, "the file was changed after it was found");
        cr_assert_neq(got.err.hint[0], '\0');
        cr_assert_eq(got.rows.n_bytes, 0);
    }
}

Test(reader_files, that_change_while_they_are_read_are_a_fault)
{
    void (*const changes[])(void) = {grows, shrinks, is_touched, is_rewritten};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0] * 4; i++) {
        bool large = i % 2;
        bool count_only = i / 2 % 2;
        sheaf_file file = large ? write_lines("a.csv", "a,b\n", "some,text\n", LARGE_LINES)
                                : write_file("a.csv", text, strlen(text));
        kit with = kit_create();
        sheaf_error err;
        sheaf_status status = sheaf__reader_open(with.reader, &file, &plain_options, &err);
        if (status == SHEAF_OK)
            status = sheaf__reader_header(with.reader, with.parser, with.batch, &err);
        cr_assert_eq(status, SHEAF_OK);
        changes[i / 4]();
        while (status == SHEAF_OK) {
            sheaf__batch_clear(with.batch, 1 << 20);
            status = sheaf__reader_next(with.reader, with.parser, count_only ? NULL : with.batch,
                                        1000, &err);
        }
        cr_assert_eq(status, SHEAF_ECHANGED, "change %d: %s", (int)i / 4,
                     sheaf_status_name(status));
        cr_assert_str_eq(err.message, "the file was changed while it was read");
        kit_destroy(&with);
    }
}

/*
 * Cut off and filled again, behind the reader's back: size and time are right, but less was read.
 */
Test(reader_files, of_which_less_was_read_than_they_hold_have_changed)
{
    sheaf_file file = write_file("a.csv", text, strlen(text));
    sheaf__file_source source = {.fd = -1};
    uint8_t buffer[64];
    size_t n;
    cr_assert_eq(sheaf__file_open(&source, &file, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__file_read(&source, buffer, 5, &n, NULL), SHEAF_OK);
    cr_assert_eq(n, 5);
    cr_assert_eq(sheaf__file_verify(&source, NULL), SHEAF_ECHANGED);
    cr_assert_eq(sheaf__file_read(&source, buffer, sizeof buffer, &n, NULL), SHEAF_OK);
    cr_assert_eq(n, strlen(text) - 5);
    cr_assert_eq(sheaf__file_verify(&source, NULL), SHEAF_OK);
    sheaf__file_close(&source);
}

Test(reader_files, that_are_renamed_or_removed_while_they_are_read_are_read)
{
    for (int i = 0; i < 2; i++) {
        sheaf_file file = write_file("a.csv", text, strlen(text));
        kit with = kit_create();
        sheaf_error err;
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
        cr_assert_eq(i ? rename("a.csv", "b.csv") : unlink("a.csv"), 0);
        outcome got = read_rest(&with, 1);
        cr_assert(reads_the_rows(&got), "%s", sheaf_status_name(got.status));
        blob_free(&got.rows);
        kit_destroy(&with);
    }
}

Test(reader_files, of_any_time_are_read)
{
    static const time_t times[] = {0,          -1,         -4000000000, 2147483648,
                                   9223372036, 9223372037, 10413792000, 15000000000};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        write_file("a.csv", text, strlen(text));
        set_mtime("a.csv", times[i], 999999999);
        const char *path = "a.csv";
        sheaf_files *files;
        cr_assert_eq(sheaf_files_discover(&path, 1, NULL, &files, NULL), SHEAF_OK);
        outcome got = read_fresh(sheaf_files_at(files, 0), &plain_options, 1);
        cr_assert(reads_the_rows(&got), "time %lld: %s", (long long)times[i], got.err.message);
        blob_free(&got.rows);
        sheaf_files_release(files);
    }
}

/* ---- what cannot be read ---- */

Test(reader_files, that_are_gone_are_not_found)
{
    sheaf_file file = write_file("a.csv", text, strlen(text));
    unlink("a.csv");
    outcome got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_ENOENT);
    cr_assert_eq(got.err.os_error, ENOENT);
    cr_assert_str_eq(got.err.message, "cannot open the file: No such file or directory");
}

Test(reader_files, that_cannot_be_opened_say_why)
{
    write_file("a", text, strlen(text));
    sheaf_file file = file_at("a");
    file.path = "a/b.csv";
    outcome got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_ENOENT);
    cr_assert_eq(got.err.os_error, ENOTDIR);
    cr_assert_eq(symlink("loop", "loop"), 0);
    file.path = "loop";
    got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_EIO);
    cr_assert_eq(got.err.os_error, ELOOP);
    cr_assert_str_eq(got.err.message, "cannot open the file: Too many levels of symbolic links");
}

Test(reader_files, that_cannot_be_read_say_why)
{
    sheaf_file file = {.path = ".", .kind = SHEAF_FILE_STREAM, .size_bytes = SHEAF_UNKNOWN};
    outcome got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_EIO);
    cr_assert_eq(got.err.os_error, EISDIR);
    cr_assert_str_eq(got.err.message, "cannot read the file: Is a directory");
    cr_assert_eq(got.err.offset_bytes, 0);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err), SHEAF_EIO);
    cr_assert_eq(err.os_error, EISDIR);
    kit_destroy(&with);
}

Test(reader_files, that_find_no_descriptor_free_are_not_to_blame)
{
    sheaf_file file = write_file("a.csv", text, strlen(text));
    int next = dup(STDIN_FILENO);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    close(next);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)next;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    outcome got = read_fresh(&file, &plain_options, 1);
    limit.rlim_cur = before;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_assert_eq(got.status, SHEAF_ERESOURCE);
    cr_assert_eq(got.err.os_error, EMFILE);
    cr_assert_neq(got.err.hint[0], '\0');
}

/* A socket whose other end is closed with unread data gives what it had, then ECONNRESET. */
Test(reader_files, that_fail_in_the_middle_give_the_whole_records_before)
{
    static const char sent[] = "a,b\n1,2\n3,4\n5,6";
    for (int gzip = 0; gzip < 2; gzip++) {
        int ends[2];
        blob stored = {0};
        if (gzip)
            gzip_add(&stored, sent, strlen(sent), 0);
        else
            blob_text(&stored, sent);
        size_t n_bytes = stored.n_bytes - (gzip ? 8 : 0);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        cr_assert_eq(write(ends[1], stored.bytes, n_bytes), (ssize_t)n_bytes);
        cr_assert_eq(write(ends[0], "x", 1), 1);
        close(ends[1]);
        cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
        close(ends[0]);
        sheaf_file file = {.path = "-", .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};
        outcome got = read_fresh(&file, &plain_options, 1 << 20);
        cr_assert_eq(got.status, SHEAF_EIO, "%s", sheaf_status_name(got.status));
        cr_assert_eq(got.err.os_error, ECONNRESET);
        cr_assert_eq(got.err.offset_bytes, n_bytes);
        cr_assert_eq(got.counts.records, 2);
        cr_assert_eq(got.rows.n_bytes, strlen(rows));
        cr_assert_arr_eq(got.rows.bytes, rows, strlen(rows));
        blob_free(&got.rows);
        blob_free(&stored);
    }
}

/* ---- back to the first byte ---- */

static void read_twice(kit *with, const char *way)
{
    sheaf_error err;
    outcome first = read_rest(with, 1);
    cr_assert(reads_the_rows(&first), "%s: %s", way, first.err.message);
    for (int i = 0; i < 3; i++) { /* after the end, after the header, after nothing */
        cr_assert_eq(sheaf__reader_rewind(with->reader, &err), SHEAF_OK);
        sheaf__reader_counts counts = sheaf__reader_counts_get(with->reader);
        cr_assert_eq(counts.records + counts.blank_lines + counts.lone_crs, 0);
        cr_assert_eq(sheaf__reader_columns(with->reader), 0);
        sheaf__batch_clear(with->batch, 0);
        if (i == 1)
            cr_assert_eq(sheaf__reader_header(with->reader, with->parser, with->batch, &err),
                         SHEAF_OK);
    }
    outcome second = read_rest(with, 1);
    cr_assert(reads_the_rows(&second), "%s: %s", way, second.err.message);
    const sheaf__reader_counts *a = &first.counts;
    const sheaf__reader_counts *b = &second.counts;
    cr_assert(a->records == b->records && a->blank_lines == b->blank_lines && a->boms == b->boms &&
                  a->lone_crs == b->lone_crs && a->compression == b->compression &&
                  a->stored_bytes == b->stored_bytes && a->text_bytes == b->text_bytes,
              "%s: other counts", way);
    blob_free(&first.rows);
    blob_free(&second.rows);
}

Test(reader_files, can_be_rewound)
{
    static const char marked[] = "\xEF\xBB\xBF\n"
                                 "a,b\n1,2\r3,4";
    blob packed = {0};
    gzip_add(&packed, marked, 10, 6);
    gzip_add(&packed, marked + 10, strlen(marked) - 10, 6);
    kit with = kit_create();
    sheaf_error err;
    for (int way = 0; way < 4; way++) {
        const void *bytes = way % 2 ? (const void *)packed.bytes : marked;
        size_t n_bytes = way % 2 ? packed.n_bytes : strlen(marked);
        sheaf_file file = way < 2 ? write_file("a.csv", bytes, n_bytes)
                                  : feed_stdin_by(bytes, n_bytes, 1);
        cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err),
                     SHEAF_OK);
        read_twice(&with, way < 2 ? "file" : "spooled");
        sheaf__reader_close(with.reader);
    }
    blob_free(&packed);
    kit_destroy(&with);
}

Test(reader_files, are_spooled_where_tmpdir_says)
{
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(setenv("TMPDIR", "/proc/self", 1), 0); /* nobody can make files there */
    sheaf_file file = feed_stdin_by(text, strlen(text), 5);
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err),
                 SHEAF_ERESOURCE);
    cr_assert_neq(err.os_error, 0);
    cr_assert_not_null(strstr(err.hint, "TMPDIR"), "%s", err.hint);
    sheaf__reader_close(with.reader);
    cr_assert_eq(setenv("TMPDIR", support_home, 1), 0);
    file = feed_stdin_by(text, strlen(text), 5);
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err), SHEAF_OK);
    kit_destroy(&with);
}

/* ---- gzip by name and by content ---- */

Test(reader_files, are_gzip_by_their_content)
{
    blob packed = {0};
    gzip_add(&packed, text, strlen(text), 6);
    static const char *const names[] = {"a.csv", "a.csv.gz", "gz", "a.gz.csv"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        sheaf_file file = write_file(names[i], packed.bytes, packed.n_bytes);
        outcome got = read_fresh(&file, &plain_options, 1);
        cr_assert(reads_the_rows(&got), "%s: %s", names[i], got.err.message);
        cr_assert_eq(got.counts.compression, SHEAF__COMPRESSION_GZIP);
        cr_assert_eq(got.counts.stored_bytes, packed.n_bytes);
        cr_assert_eq(got.counts.text_bytes, strlen(text));
        blob_free(&got.rows);
    }
    blob_free(&packed);
}

Test(reader_files, that_are_called_gz_must_be_gzip)
{
    static const char *const texts[] = {"a,b\n1,2\n",   "a",       "\n", "\x1f",
                                        "\xEF\xBB\xBF", "\xFF\xFE"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sheaf_file file = write_file("a.csv.gz", texts[i], strlen(texts[i]));
        outcome got = read_fresh(&file, &plain_options, 1);
        cr_assert_eq(got.status, SHEAF_ECOMPRESSED, "%s", shown(texts[i], strlen(texts[i])));
        cr_assert_eq(got.rows.n_bytes, 0);
    }
    sheaf_file file = write_file("a.csv.gz", "a,b\n1,2\n", 8);
    outcome got = read_fresh(&file, &plain_options, 1);
    cr_assert_str_eq(got.err.message, "the file is called .gz but is not gzip");
    cr_assert_eq(got.err.offset_bytes, 0);
    file = write_file("a.csv.gz", "", 0);
    got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_ECOMPRESSED);
    cr_assert_str_eq(got.err.message, "the file is empty, but its name says gzip");
}

Test(reader_files, in_gzip_that_change_are_a_fault)
{
    blob packed = {0};
    gzip_add(&packed, text, strlen(text), 6);
    sheaf_file file = write_file("a.csv", packed.bytes, packed.n_bytes);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    is_touched();
    outcome got = read_rest(&with, 1);
    cr_assert_eq(got.status, SHEAF_ECHANGED, "%s", sheaf_status_name(got.status));
    blob_free(&got.rows);
    blob_free(&packed);
    kit_destroy(&with);
}

/* ---- counting what is read ---- */

Test(reader_files, add_what_they_read_to_a_counter)
{
    atomic_ullong read_bytes = 1000;
    sheaf__reader_options options = plain_options;
    options.read_bytes = &read_bytes;
    blob packed = {0};
    gzip_add(&packed, text, strlen(text), 6);
    size_t sum = 1000;
    kit with = kit_create();
    for (int way = 0; way < 4; way++) {
        const void *bytes = way % 2 ? (const void *)packed.bytes : text;
        size_t n_bytes = way % 2 ? packed.n_bytes : strlen(text);
        sheaf_file file = way < 2 ? write_file("a.csv", bytes, n_bytes)
                                  : feed_stdin_by(bytes, n_bytes, 4);
        outcome got = read_with(&with, &file, &options, 1);
        sum += n_bytes;
        cr_assert(reads_the_rows(&got));
        cr_assert_eq(atomic_load(&read_bytes), sum);
        blob_free(&got.rows);
    }
    blob_free(&packed);
    kit_destroy(&with);
}
