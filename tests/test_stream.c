/*
 * The stream of typed batches: what its consumer may do with it, and when. What the values are is
 * tests/cli/test_stream.py's to say, by DuckDB.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support_stream.h"

enum { LIMIT = 60, FILES = 20, ROWS = 5000 };

TestSuite(stream, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

static void write_many(void)
{
    enum { LINE_BYTES = 40 };
    char *text = malloc(LINE_BYTES * (ROWS + 1));
    for (int i = 0; i < FILES; i++) {
        char name[20];
        char *at = stpcpy(text, "n,half,text\n");
        for (int row = 0; row < ROWS; row++)
            at += sprintf(at, "%d,%d.5,t%d\n", i * ROWS + row, row, row % 7);
        sprintf(name, "%02d.csv", i);
        write_text(name, text);
    }
    free(text);
}

/* The rows of what is left, which count up from `from`. */
static int64_t take_all(struct ArrowArrayStream *stream, int64_t from)
{
    struct ArrowArray batch;
    while (stream->get_next(stream, &batch) == 0 && batch.release) {
        const int64_t *numbers = batch.children[0]->buffers[1];
        for (int64_t i = 0; i < batch.length; i++)
            cr_assert_eq(numbers[i], from++);
        batch.release(&batch);
        cr_assert_null(batch.release);
    }
    return from;
}

Test(stream, gives_all_rows_in_order_whoever_reads)
{
    static const sheaf_executor_kind kinds[] = {SHEAF_EXECUTOR_THREADS, SHEAF_EXECUTOR_SEQUENTIAL};
    write_many();
    sheaf_files *files = files_of_folder();
    for (int workers = 1; workers <= 8; workers *= 2) {
        for (size_t k = 0; k < 2; k++) {
            struct ArrowArrayStream stream = open_stream(
                files, (sheaf_ingest_options){.workers = workers,
                                              .executor = kinds[k],
                                              .chunk_bytes = (size_t)1 << (10 + workers)});
            cr_assert_eq(take_all(&stream, 0), FILES * ROWS);
            cr_assert_null(stream.get_last_error(&stream));
            cr_assert_eq(take_all(&stream, 7), 7, "there is more behind the end");
            stream.release(&stream);
            cr_assert_null(stream.release);
        }
    }
    sheaf_files_release(files);
}

Test(stream, tells_its_schema_as_often_as_it_is_asked)
{
    static const char *const formats[] = {"l", "g", "u"};
    static const char *const names[] = {"n", "half", "text"};
    write_many();
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){0});
    struct ArrowSchema schemas[3];
    for (int i = 0; i < 3; i++)
        cr_assert_eq(stream.get_schema(&stream, &schemas[i]), 0);
    cr_assert_eq(take_all(&stream, 0), FILES * ROWS);
    stream.release(&stream);
    for (int i = 0; i < 3; i++) {
        cr_assert_str_eq(schemas[i].format, "+s");
        cr_assert_eq(schemas[i].n_children, 3);
        for (int k = 0; k < 3; k++) {
            cr_assert_str_eq(schemas[i].children[k]->format, formats[k]);
            cr_assert_str_eq(schemas[i].children[k]->name, names[k]);
            cr_assert_eq(schemas[i].children[k]->flags, 0, "no value is null");
        }
        schemas[i].release(&schemas[i]);
    }
    sheaf_files_release(files);
}

Test(stream, may_be_released_at_any_time)
{
    write_many();
    sheaf_files *files = files_of_folder();
    for (int taken = 0; taken < 8; taken++) {
        struct ArrowArrayStream stream = open_stream(
            files, (sheaf_ingest_options){.workers = 4, .chunk_bytes = 20000});
        struct ArrowArray batches[8];
        for (int i = 0; i < taken; i++)
            cr_assert_eq(stream.get_next(&stream, &batches[i]), 0);
        stream.release(&stream);
        for (int i = 0; i < taken; i++) { /* they are the consumer's, and hold what they held */
            cr_assert_eq(memcmp(batches[i].children[2]->buffers[2], "t", 1), 0);
            batches[i].release(&batches[i]);
        }
    }
    sheaf_files_release(files);
}

static void *release_elsewhere(void *array)
{
    struct ArrowArray *moved = array;
    moved->release(moved);
    return NULL;
}

/* The specification: a consumer may move a child out, release the rest, and the child later. */
Test(stream, lets_children_be_moved_out)
{
    write_many();
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){0});
    struct ArrowSchema schema;
    struct ArrowArray batch;
    cr_assert_eq(stream.get_schema(&stream, &schema), 0);
    cr_assert_eq(stream.get_next(&stream, &batch), 0);
    struct ArrowArray moved = *batch.children[1];
    batch.children[1]->release = NULL;
    struct ArrowSchema moved_schema = *schema.children[1];
    schema.children[1]->release = NULL;
    batch.release(&batch);
    schema.release(&schema);
    take_all(&stream, moved.length); /* whose memory is not used again meanwhile */
    stream.release(&stream);
    sheaf_files_release(files);
    cr_assert_str_eq(moved_schema.name, "half");
    for (int64_t i = 0; i < moved.length; i++)
        cr_assert_eq(((const double *)moved.buffers[1])[i], (double)(i % ROWS) + 0.5);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, release_elsewhere, &moved), 0);
    pthread_join(thread, NULL);
    moved_schema.release(&moved_schema);
    cr_assert_null(moved.release);
}

Test(stream, has_no_destination)
{
    static const sheaf_ingest_options wrong[] = {{.size = sizeof wrong[0], .destination = "x.db"},
                                                 {.size = sizeof wrong[0], .format = "csv"},
                                                 {.size = sizeof wrong[0], .table = "t"},
                                                 {.size = sizeof wrong[0], .workers = -1}};
    write_text("a.csv", "a\n1\n");
    sheaf_files *files = files_of_folder();
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct ArrowArrayStream stream;
        sheaf_error err;
        cr_assert_eq(sheaf_stream_open(files, &wrong[i], &stream, &err), SHEAF_EINVAL);
    }
    sheaf_files_release(files);
}

Test(stream, of_no_rows_has_a_schema_all_the_same)
{
    write_text("head.csv", "a,b\n");
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){0});
    struct ArrowSchema schema;
    cr_assert_eq(stream.get_schema(&stream, &schema), 0);
    cr_assert_eq(schema.n_children, 2);
    cr_assert_str_eq(schema.children[0]->format, "n");
    schema.release(&schema);
    cr_assert_eq(take_all(&stream, 0), 0);
    stream.release(&stream);
    sheaf_files_release(files);
}

Test(stream, tells_a_fault_when_it_is_opened)
{
    write_text("a.csv", "a,b\n1,2\n");
    write_text("b.csv", "a,b\n1,2\n3\n");
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options};
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_ESHAPE);
    cr_assert_eq(err.line, 3);
    options.on_error = SHEAF_ON_ERROR_SKIP_FILE;
    cr_assert_eq(sheaf_stream_open(files, &options, &stream, &err), SHEAF_OK);
    cr_assert_eq(take_all(&stream, 1), 2);
    stream.release(&stream);
    sheaf_files_release(files);
}

/* No memory to keep the rows that were converted when the types were found out. */
static const sheaf_ingest_options read_again = {.executor = SHEAF_EXECUTOR_SEQUENTIAL,
                                                .memory_bytes = 1};

Test(stream, fails_if_a_file_is_another_one_when_its_rows_are_read)
{
    write_text("a.csv", "a\n1\n2\n");
    write_text("b.csv", "a\n1\n2\n");
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, read_again);
    write_text("b.csv", "a\n1\nx\n");
    struct ArrowArray batch;
    cr_assert_eq(stream.get_next(&stream, &batch), 0);
    batch.release(&batch);
    cr_assert_eq(stream.get_next(&stream, &batch), EIO);
    cr_assert_null(batch.release);
    cr_assert_not_null(strstr(stream.get_last_error(&stream), "changed"));
    cr_assert_eq(stream.get_next(&stream, &batch), EINVAL);
    cr_assert_not_null(strstr(stream.get_last_error(&stream), "changed"));
    stream.release(&stream);
    sheaf_files_release(files);
}

Test(stream, has_columns_of_every_type)
{
    static const char *const formats[] = {"b", "l", "g", "tdD", "tsu:", "tsu:UTC", "ttu", "u", "n"};
    static const int64_t buffers[] = {2, 2, 2, 2, 2, 2, 2, 3, 0};
    write_text("a.csv",
               "b,l,g,d,t,z,c,u,n\n"
               "true,1,1.5,1970-01-02,1970-01-01T00:00:01,1970-01-01T00:00:02Z,00:00:03,x,\n"
               ",,,,,,,,\n");
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, (sheaf_ingest_options){0});
    struct ArrowSchema schema;
    struct ArrowArray batch;
    cr_assert_eq(stream.get_schema(&stream, &schema), 0);
    cr_assert_eq(stream.get_next(&stream, &batch), 0);
    cr_assert_eq(batch.length, 2);
    for (int i = 0; i < 9; i++) {
        const struct ArrowArray *column = batch.children[i];
        cr_assert_str_eq(schema.children[i]->format, formats[i]);
        cr_assert_eq(schema.children[i]->flags, ARROW_FLAG_NULLABLE);
        cr_assert_eq(column->n_buffers, buffers[i]);
        cr_assert_eq(column->null_count, i == 8 ? 2 : 1);
        cr_assert(i == 8 || ((const uint8_t *)column->buffers[0])[0] == 1);
    }
    cr_assert_eq(((const uint8_t *)batch.children[0]->buffers[1])[0], 1);
    cr_assert_eq(((const int64_t *)batch.children[1]->buffers[1])[0], 1);
    cr_assert_eq(((const double *)batch.children[2]->buffers[1])[0], 1.5);
    cr_assert_eq(((const int32_t *)batch.children[3]->buffers[1])[0], 1);
    for (int i = 4; i < 7; i++)
        cr_assert_eq(((const int64_t *)batch.children[i]->buffers[1])[0], (i - 3) * 1000000);
    const int32_t *ends = batch.children[7]->buffers[1];
    cr_assert(ends[0] == 0 && ends[1] == 1 && ends[2] == 1);
    cr_assert_eq(((const char *)batch.children[7]->buffers[2])[0], 'x');
    batch.release(&batch);
    schema.release(&schema);
    stream.release(&stream);
    sheaf_files_release(files);
}

/* Another text of the same size in the place of a file's, which nobody notices by its time. */
static void overwrite(const char *name, const char *text)
{
    struct stat st;
    cr_assert_eq(stat(name, &st), 0);
    cr_assert_eq((size_t)st.st_size, strlen(text));
    int fd = open(name, O_WRONLY); /* not another file, as write_file would make */
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)st.st_size);
    close(fd);
    const struct timespec times[] = {st.st_atim, st.st_mtim};
    cr_assert_eq(utimensat(AT_FDCWD, name, times, 0), 0);
}

/* What was found out of all files holds for what comes, or there is an error. */
Test(stream, gives_nothing_that_its_schema_does_not_allow)
{
    static const struct {
        const char *first; /* file */
        const char *before;
        const char *after;
    } cases[] = {{"a,b\n5,6\n", "a,b\n1,7\n2,8\n", "a,b\n1,7\n2,x\n"},     /* another type */
                 {"a,b\n5,6\n", "a,b\n1,7\n2,8\n", "a,b\n1,7\n2,\n\n"},    /* a null, new */
                 {"a\n5\n", "a,b\n1,\n2,\n\n", "a,b\n1,\n2,x\n"},          /* a value, new */
                 {"a\n5\n", "\n\n\n\n\n\n", "a\n1\n2\n"},                  /* a header */
                 {"a\n5\n", "a\n1\n2\n", "b\n1\n2\n"},                     /* another one */
                 {"a,b\n5,6\n", "a,b\n1,7\n2,8\n", "a\n1\n2\n3\n4\n5\n"}}; /* a shorter one */
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text("a.csv", cases[i].first);
        write_text("b.csv", cases[i].before);
        sheaf_files *files = files_of_folder();
        struct ArrowArrayStream stream = open_stream(files, read_again);
        overwrite("b.csv", cases[i].after);
        struct ArrowArray batch;
        cr_assert_eq(stream.get_next(&stream, &batch), 0);
        batch.release(&batch);
        cr_assert_eq(stream.get_next(&stream, &batch), EIO, "%s", cases[i].after);
        cr_assert_not_null(strstr(stream.get_last_error(&stream), "changed"));
        stream.release(&stream);
        sheaf_files_release(files);
    }
}
