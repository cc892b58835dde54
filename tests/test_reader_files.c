/*
 * Where a reader's bytes come from: files that change, vanish or fail, pipes, FIFOs, standard
 * input, temporary files, gzip by name and by content; going back to the first byte; being told to
 * stop.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* A file larger than what a reader takes at once. */
static sheaf_file write_large(const char *path, size_t n_lines)
{
    blob large = {0};
    blob_text(&large, "a,b\n");
    for (size_t i = 0; i < n_lines; i++)
        blob_text(&large, "some,text\n");
    sheaf_file file = write_file(path, large.bytes, large.n_bytes);
    blob_free(&large);
    return file;
}

enum { LARGE_LINES = 100000 };

static void set_mtime(const char *path, time_t seconds, long ns)
{
    struct timespec times[2] = {{.tv_sec = seconds, .tv_nsec = ns}, {.tv_sec = seconds, .tv_nsec = ns}};
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
        cr_assert_eq(got.status, SHEAF_ECHANGED, "change %d: %s", (int)i, sheaf_status_name(got.status));
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
        sheaf_file file = large ? write_large("a.csv", LARGE_LINES) : write_file("a.csv", text, strlen(text));
        kit with = kit_create();
        sheaf_error err;
        sheaf_status status = sheaf__reader_open(with.reader, &file, &plain_options, &err);
        if (status == SHEAF_OK)
            status = sheaf__reader_header(with.reader, with.parser, with.batch, &err);
        cr_assert_eq(status, SHEAF_OK);
        changes[i / 4]();
        while (status == SHEAF_OK) {
            sheaf__batch_clear(with.batch, 1 << 20);
            status = sheaf__reader_next(with.reader, with.parser, count_only ? NULL : with.batch, 1000, &err);
        }
        cr_assert_eq(status, SHEAF_ECHANGED, "change %d: %s", (int)i / 4, sheaf_status_name(status));
        cr_assert_str_eq(err.message, "the file was changed while it was read");
        kit_destroy(&with);
    }
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

/* ---- streams ---- */

typedef struct writing {
    const char *path;
    const void *bytes;
    size_t n_bytes;
} writing;

static void *write_fifo(void *argument)
{
    const writing *job = argument;
    int fd = open(job->path, O_WRONLY | O_CLOEXEC);
    for (size_t done = 0; done < job->n_bytes;) {
        ssize_t n = write(fd, (const char *)job->bytes + done, job->n_bytes - done);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    close(fd);
    return NULL;
}

Test(reader_files, may_be_fifos)
{
    blob large = {0};
    blob_text(&large, "a,b\n");
    for (int i = 0; i < LARGE_LINES; i++)
        blob_text(&large, "\"some\ntext\",\r\n");
    expectation expected = expect(large.bytes, large.n_bytes, ',', 1 << 20);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    for (int spooled = 0; spooled < 2; spooled++) {
        writing job = {"fifo", large.bytes, large.n_bytes};
        pthread_t writer;
        cr_assert_eq(pthread_create(&writer, NULL, write_fifo, &job), 0);
        sheaf_file file = file_at("fifo");
        kit with = kit_create();
        sheaf_error err;
        cr_assert_eq(file.kind, SHEAF_FILE_STREAM);
        cr_assert_eq((spooled ? sheaf__reader_open_spooled : sheaf__reader_open)(with.reader, &file,
                                                                                 &plain_options, &err),
                     SHEAF_OK);
        outcome got = read_rest(&with, 4096);
        cr_assert_eq(got.status, SHEAF_END, "%s", got.err.message);
        cr_assert(blob_equal(&got.rows, &expected.rows));
        cr_assert_eq(got.counts.stored_bytes, large.n_bytes);
        cr_assert_eq(pthread_join(writer, NULL), 0);
        blob_free(&got.rows);
        kit_destroy(&with);
    }
    blob_free(&expected.rows);
    blob_free(&large);
}

Test(reader_files, standard_input_is_left_open)
{
    kit with = kit_create();
    sheaf_file file = feed_stdin_by(text, strlen(text), 5);
    outcome got = read_with(&with, &file, &plain_options, 1);
    cr_assert(reads_the_rows(&got));
    blob_free(&got.rows);
    cr_assert_geq(fcntl(STDIN_FILENO, F_GETFD), 0);
    kit_destroy(&with);
}

Test(reader_files, leave_no_descriptor_open)
{
    int next = dup(STDIN_FILENO);
    close(next);
    kit with = kit_create();
    static const char *const texts[] = {text, "\xFF\xFE", "a\n\"", ""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] * 2; i++) {
        sheaf_file file = i % 2 ? feed_stdin_by(texts[i / 2], strlen(texts[i / 2]), 5)
                                : write_file("a.csv", texts[i / 2], strlen(texts[i / 2]));
        sheaf_error err;
        if (sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err) == SHEAF_OK) {
            outcome got = read_rest(&with, 1);
            blob_free(&got.rows);
        }
        sheaf__reader_close(with.reader);
        sheaf__reader_close(with.reader);
        int after = dup(STDIN_FILENO);
        cr_assert_eq(after, next, "text %d", (int)i / 2);
        close(after);
    }
    kit_destroy(&with);
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
            cr_assert_eq(sheaf__reader_header(with->reader, with->parser, with->batch, &err), SHEAF_OK);
    }
    outcome second = read_rest(with, 1);
    cr_assert(reads_the_rows(&second), "%s: %s", way, second.err.message);
    cr_assert_eq(memcmp(&first.counts, &second.counts, sizeof first.counts), 0, "%s", way);
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
        sheaf_file file = way < 2 ? write_file("a.csv", bytes, n_bytes) : feed_stdin_by(bytes, n_bytes, 1);
        cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err), SHEAF_OK);
        read_twice(&with, way < 2 ? "file" : "spooled");
        sheaf__reader_close(with.reader);
    }
    blob_free(&packed);
    kit_destroy(&with);
}

Test(reader_files, can_be_rewound_after_a_fault)
{
    sheaf_file file = write_file("a.csv", "a\n1\n2,3\n", 8);
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, &err), SHEAF_OK);
    for (int i = 0; i < 3; i++) {
        outcome got = read_rest(&with, 1);
        cr_assert_eq(got.status, SHEAF_ESHAPE);
        cr_assert_eq(got.err.offset_bytes, 6);
        cr_assert_eq(got.counts.records, 1);
        blob_free(&got.rows);
        cr_assert_eq(sheaf__reader_rewind(with.reader, &err), SHEAF_OK);
    }
    kit_destroy(&with);
}

Test(reader_files, are_spooled_where_tmpdir_says)
{
    kit with = kit_create();
    sheaf_error err;
    cr_assert_eq(setenv("TMPDIR", "/proc/self", 1), 0); /* nobody can make files there */
    sheaf_file file = feed_stdin_by(text, strlen(text), 5);
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &plain_options, &err), SHEAF_EIO);
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
        cr_assert(got.counts.gzip);
        cr_assert_eq(got.counts.stored_bytes, packed.n_bytes);
        cr_assert_eq(got.counts.text_bytes, strlen(text));
        blob_free(&got.rows);
    }
    blob_free(&packed);
}

Test(reader_files, that_are_called_gz_must_be_gzip)
{
    static const char *const texts[] = {"a,b\n1,2\n", "a", "\n", "\x1f", "\xEF\xBB\xBF", "\xFF\xFE"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        sheaf_file file = write_file("a.csv.gz", texts[i], strlen(texts[i]));
        outcome got = read_fresh(&file, &plain_options, 1);
        cr_assert_eq(got.status, SHEAF_EGZIP, "%s", shown(texts[i], strlen(texts[i])));
        cr_assert_eq(got.rows.n_bytes, 0);
    }
    sheaf_file file = write_file("a.csv.gz", "a,b\n1,2\n", 8);
    outcome got = read_fresh(&file, &plain_options, 1);
    cr_assert_str_eq(got.err.message, "the file is called .gz but is not gzip");
    cr_assert_eq(got.err.offset_bytes, 0);
    file = write_file("a.csv.gz", "", 0);
    got = read_fresh(&file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_EGZIP);
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
        sheaf_file file = way < 2 ? write_file("a.csv", bytes, n_bytes) : feed_stdin_by(bytes, n_bytes, 4);
        outcome got = read_with(&with, &file, &options, 1);
        sum += n_bytes;
        cr_assert(reads_the_rows(&got));
        cr_assert_eq(atomic_load(&read_bytes), sum);
        blob_free(&got.rows);
    }
    blob_free(&packed);
    kit_destroy(&with);
}

/* ---- being told to stop ---- */

static sheaf__reader_options stopped_by(const atomic_bool *stop)
{
    sheaf__reader_options options = plain_options;
    options.stop = stop;
    return options;
}

Test(reader_files, are_not_opened_when_told_to_stop)
{
    atomic_bool stop = true;
    sheaf__reader_options options = stopped_by(&stop);
    sheaf_file file = write_file("a.csv", text, strlen(text));
    outcome got = read_fresh(&file, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
    file = feed_stdin_by(text, strlen(text), 1);
    got = read_fresh(&file, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
    kit with = kit_create();
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &file, &options, NULL), SHEAF_ECANCELLED);
    kit_destroy(&with);
}

Test(reader_files, stop_in_the_middle_when_told_to)
{
    atomic_bool stop = false;
    sheaf__reader_options options = stopped_by(&stop);
    sheaf_file file = write_large("a.csv", LARGE_LINES);
    for (int count_only = 0; count_only < 2; count_only++) {
        kit with = kit_create();
        sheaf_error err;
        atomic_store(&stop, false);
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &options, &err), SHEAF_OK);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        sheaf__batch_clear(with.batch, 0);
        atomic_store(&stop, true);
        cr_assert_eq(
            sheaf__reader_next(with.reader, with.parser, count_only ? NULL : with.batch, SIZE_MAX, &err),
            SHEAF_ECANCELLED);
        cr_assert_eq(err.status, SHEAF_ECANCELLED);
        cr_assert_lt(sheaf__reader_counts_get(with.reader).records, LARGE_LINES);
        kit_destroy(&with);
    }
}

/* A pipe with nothing in it, whose other end stays open. */
static sheaf_file silent_stdin(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    return (sheaf_file){.path = "-", .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};
}

Test(reader_files, that_are_silent_streams_notice_that_they_should_stop)
{
    atomic_bool stop = true;
    sheaf_file file = silent_stdin();
    sheaf__file_source source = {.fd = -1, .stop = &stop};
    sheaf_error err;
    uint8_t byte;
    size_t n;
    cr_assert_eq(sheaf__file_open(&source, &file, &err), SHEAF_OK);
    cr_assert_eq(sheaf__file_read(&source, &byte, 1, &n, &err), SHEAF_ECANCELLED);
}

static void *set_true(void *flag)
{
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

Test(reader_files, that_are_silent_streams_stop_while_they_wait)
{
    atomic_bool stop = false;
    sheaf__reader_options options = stopped_by(&stop);
    sheaf_file file = silent_stdin();
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, set_true, &stop), 0);
    outcome got = read_fresh(&file, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
    cr_assert_eq(pthread_join(other, NULL), 0);
}

/* Workers block all signals, so nothing else gets one out of an open() that waits for a writer. */
Test(reader_files, that_are_fifos_without_a_writer_notice_that_they_should_stop, .timeout = 5)
{
    atomic_bool stop = true;
    sheaf__reader_options options = stopped_by(&stop);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    sheaf_file file = file_at("fifo");
    outcome got = read_fresh(&file, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
}
