/*
 * Streams: FIFOs, pipes and standard input; those that pause, and being told to stop while they
 * are silent.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "readers/source/source.h"
#include "tests/support_records.h"

TestSuite(reader_streams, .init = enter_directory, .fini = leave_directory, .timeout = 20);

static const char text[] = "a,b\n1,2\n3,4\n";

enum { LARGE_LINES = 100000 };

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

Test(reader_streams, may_be_fifos)
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
        cr_assert_eq((spooled ? sheaf__reader_open_spooled
                              : sheaf__reader_open)(with.reader, &file, &plain_options, &err),
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

Test(reader_streams, leave_standard_input_open)
{
    kit with = kit_create();
    sheaf_file file = feed_stdin_by(text, strlen(text), 5);
    outcome got = read_with(&with, &file, &plain_options, 1);
    cr_assert_eq(got.status, SHEAF_END);
    cr_assert_eq(got.counts.records, 2);
    blob_free(&got.rows);
    cr_assert_geq(fcntl(STDIN_FILENO, F_GETFD), 0);
    kit_destroy(&with);
}

Test(reader_streams, leave_no_descriptor_open)
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

/* ---- streams that pause ---- */

/* Standard input is a pipe; what is returned is the end to write to. */
static int open_stdin(void)
{
    int ends[2];
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    return ends[1];
}

static const sheaf_file from_stdin = {
    .path = "-", .kind = SHEAF_FILE_STDIN, .size_bytes = SHEAF_UNKNOWN};

static void send(int to, const void *bytes, size_t n_bytes)
{
    cr_assert_eq(write(to, bytes, n_bytes), (ssize_t)n_bytes);
}

/* One call of next: the rows, and whether it came back because the stream pauses. */
static void next_gives(kit *with, sheaf_status status, const char *rows, bool is_waiting)
{
    sheaf_error err;
    blob got = {0};
    sheaf__batch_clear(with->batch, 0);
    cr_assert_eq(sheaf__reader_next(with->reader, with->parser, with->batch, 1 << 20, &err),
                 status);
    put_batch(&got, with->batch);
    cr_assert(got.n_bytes == strlen(rows) &&
                  memcmp(got.bytes ? (char *)got.bytes : "", rows, got.n_bytes) == 0,
              "%s instead of %s", shown(got.bytes, got.n_bytes), rows);
    cr_assert_eq(sheaf__reader_is_waiting(with->reader), is_waiting, "behind %s", rows);
    blob_free(&got);
}

Test(reader_streams, give_the_rows_they_have_when_they_pause)
{
    int to = open_stdin();
    kit with = kit_create();
    send(to, "a,b\n", 4);
    cr_assert_eq(sheaf__reader_open(with.reader, &from_stdin, &plain_options, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    send(to, "1,2\n3,4\n5", 9);
    next_gives(&with, SHEAF_OK, "[1][2]\n[3][4]\n", true);
    send(to, ",\"\n\"\n", 5);
    next_gives(&with, SHEAF_OK, "[5][\n]\n", true);
    send(to, "7,8\r",
         4); /* an LF may follow: the record is not over, and there is no row to give */
    send(to, "9,0\n", 4);
    next_gives(&with, SHEAF_OK, "[7][8]\n[9][0]\n", true);
    send(to, "1,1", 3);
    close(to);
    next_gives(&with, SHEAF_END, "[1][1]\n", false);
    next_gives(&with, SHEAF_END, "", false);
    kit_destroy(&with);
}

static void *send_giant(void *to)
{
    enum { PIECE = 10000 };
    char piece[PIECE];
    memset(piece, 'x', PIECE);
    send(*(int *)to, "\"", 1);
    for (int i = 0; i < 100; i++)
        send(*(int *)to, piece, PIECE);
    send(*(int *)to, "\",2\n", 4);
    return NULL;
}

/* Nothing comes behind it, and nobody waits for that. */
Test(reader_streams, give_a_giant_record_when_it_is_there)
{
    int to = open_stdin();
    kit with = kit_create();
    pthread_t sender;
    send(to, "a,b\n", 4);
    cr_assert_eq(sheaf__reader_open(with.reader, &from_stdin, &plain_options, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    cr_assert_eq(pthread_create(&sender, NULL, send_giant, &to), 0);
    sheaf__batch_clear(with.batch, 0);
    cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 10 << 20, NULL),
                 SHEAF_OK);
    cr_assert_eq(with.batch->n_rows, 1);
    cr_assert_eq(with.batch->cells[0].n_bytes, 1000000);
    cr_assert(sheaf__reader_is_waiting(with.reader));
    pthread_join(sender, NULL);
    close(to);
    kit_destroy(&with);
}

Test(reader_streams, of_gzip_give_the_rows_they_have_when_they_pause)
{
    static const char first[] = "a,b\n1,2\n3,", second[] = "4\n5,6\n";
    uint8_t packed[200];
    z_stream stream = {.next_in = (Bytef *)first, .avail_in = sizeof first - 1, .next_out = packed};
    stream.avail_out = sizeof packed;
    cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&stream, Z_SYNC_FLUSH), Z_OK);
    size_t n_first = stream.total_out;
    stream.next_in = (Bytef *)second;
    stream.avail_in = sizeof second - 1;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    int to = open_stdin();
    kit with = kit_create();
    send(to, packed, n_first);
    cr_assert_eq(sheaf__reader_open(with.reader, &from_stdin, &plain_options, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    next_gives(&with, SHEAF_OK, "[1][2]\n", true);
    send(to, packed + n_first, stream.total_out - n_first);
    close(to);
    next_gives(&with, SHEAF_END, "[3][4]\n[5][6]\n", false);
    deflateEnd(&stream);
    kit_destroy(&with);
}

Test(reader_streams, only_streams_pause)
{
    sheaf_file file = write_file("a.csv", text, strlen(text));
    kit with = kit_create();
    cr_assert_eq(sheaf__reader_open(with.reader, &file, &plain_options, NULL), SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    next_gives(&with, SHEAF_END, "[1][2]\n[3][4]\n", false);
    sheaf__reader_close(with.reader);
    /* A stream in a temporary file has all it ever will. */
    feed_stdin_by(text, strlen(text), 1);
    cr_assert_eq(sheaf__reader_open_spooled(with.reader, &from_stdin, &plain_options, NULL),
                 SHEAF_OK);
    cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, NULL), SHEAF_OK);
    next_gives(&with, SHEAF_END, "[1][2]\n[3][4]\n", false);
    kit_destroy(&with);
}

/* ---- being told to stop ---- */

static sheaf__reader_options stopped_by(const atomic_bool *stop)
{
    sheaf__reader_options options = plain_options;
    options.stop = stop;
    return options;
}

Test(reader_streams, and_files_are_not_opened_when_told_to_stop)
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

Test(reader_streams, and_files_stop_in_the_middle_when_told_to)
{
    atomic_bool stop = false;
    sheaf__reader_options options = stopped_by(&stop);
    sheaf_file file = write_lines("a.csv", "a,b\n", "some,text\n", LARGE_LINES);
    for (int count_only = 0; count_only < 2; count_only++) {
        kit with = kit_create();
        sheaf_error err;
        atomic_store(&stop, false);
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &options, &err), SHEAF_OK);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        sheaf__batch_clear(with.batch, 0);
        atomic_store(&stop, true);
        cr_assert_eq(sheaf__reader_next(with.reader, with.parser, count_only ? NULL : with.batch,
                                        SIZE_MAX, &err),
                     SHEAF_ECANCELLED);
        cr_assert_eq(err.status, SHEAF_ECANCELLED);
        cr_assert_lt(sheaf__reader_counts_get(with.reader).records, LARGE_LINES);
        kit_destroy(&with);
    }
}

Test(reader_streams, that_are_silent_notice_that_they_should_stop)
{
    atomic_bool stop = true;
    open_stdin(); /* stays open and says nothing */
    sheaf__file_source source = {.fd = -1, .stop = &stop};
    sheaf_error err;
    uint8_t byte;
    size_t n;
    cr_assert_eq(sheaf__file_open(&source, &from_stdin, &err), SHEAF_OK);
    cr_assert_eq(sheaf__file_read(&source, &byte, 1, &n, &err), SHEAF_ECANCELLED);
}

static void *set_true(void *flag)
{
    atomic_store((atomic_bool *)flag, true);
    return NULL;
}

Test(reader_streams, that_are_silent_stop_while_they_wait)
{
    atomic_bool stop = false;
    sheaf__reader_options options = stopped_by(&stop);
    open_stdin(); /* stays open and says nothing */
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, set_true, &stop), 0);
    outcome got = read_fresh(&from_stdin, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
    cr_assert_eq(pthread_join(other, NULL), 0);
}

/* Workers block all signals, so nothing else gets one out of an open() that waits for a writer. */
Test(reader_streams, that_are_fifos_without_a_writer_notice_that_they_should_stop, .timeout = 5)
{
    atomic_bool stop = true;
    sheaf__reader_options options = stopped_by(&stop);
    cr_assert_eq(mkfifo("fifo", 0600), 0);
    sheaf_file file = file_at("fifo");
    outcome got = read_fresh(&file, &options, 1);
    cr_assert_eq(got.status, SHEAF_ECANCELLED);
}
