/*
 * Rows that a stream keeps while it finds out the types: they are those that reading the files
 * again would give, and come without reading them again wherever they were kept.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support_stream.h"

enum { LIMIT = 120, NOTHING_KEPT = 1, FILES_MAX = 4, COLUMNS = 5 };

TestSuite(stream_kept, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

static uint64_t seed = 17;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&seed, n);
}

/* ---- all that a stream gives, as text ---- */

static void add_integer(blob *to, int64_t value)
{
    char text[32];
    sprintf(text, "%" PRId64, value);
    blob_text(to, text);
}

static void add_value(blob *to, const char *format, const struct ArrowArray *column, int64_t row)
{
    const uint8_t *valid = column->n_buffers > 0 ? column->buffers[0] : NULL;
    const void *values = column->n_buffers > 1 ? column->buffers[1] : NULL;
    char text[64];
    if (*format == 'n' || (valid && !(valid[row / 8] >> row % 8 & 1))) {
        blob_text(to, "null");
    } else if (*format == 'b') {
        blob_text(to, ((const uint8_t *)values)[row / 8] >> row % 8 & 1 ? "true" : "false");
    } else if (*format == 'g') {
        sprintf(text, "%a", ((const double *)values)[row]);
        blob_text(to, text);
    } else if (strcmp(format, "tdD") == 0) {
        add_integer(to, ((const int32_t *)values)[row]);
    } else if (*format == 'u') {
        const int32_t *ends = values;
        blob_add(to, (const char *)column->buffers[2] + ends[row],
                 (size_t)(ends[row + 1] - ends[row]));
    } else {
        add_integer(to, ((const int64_t *)values)[row]);
    }
    blob_text(to, ",");
}

static void add_schema(blob *to, const struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        blob_text(to, schema->children[i]->name);
        blob_text(to, ":");
        blob_text(to, schema->children[i]->format);
        blob_text(to, schema->children[i]->flags ? "?," : ",");
    }
    blob_text(to, "\n");
}

static void check_column(const struct ArrowArray *column, const char *format)
{
    if (*format == 'n')
        return;
    const uint8_t *valid = column->buffers[0];
    const int32_t *ends = column->buffers[1];
    int64_t n_nulls = 0;
    for (int64_t row = 0; row < column->length; row++) {
        n_nulls += valid && !(valid[row / 8] >> row % 8 & 1);
        if (*format == 'u') /* of a null, too */
            cr_assert(ends[0] == 0 && ends[row] <= ends[row + 1]);
    }
    cr_assert_eq(n_nulls, column->null_count);
}

/* The rest of a stream, which is released; and how it ends. */
static int take_all(struct ArrowArrayStream *stream, blob *to)
{
    struct ArrowSchema schema;
    struct ArrowArray batch;
    int failed;
    cr_assert_eq(stream->get_schema(stream, &schema), 0);
    add_schema(to, &schema);
    while ((failed = stream->get_next(stream, &batch)) == 0 && batch.release) {
        for (int64_t row = 0; row < batch.length; row++) {
            for (int64_t i = 0; i < batch.n_children; i++)
                add_value(to, schema.children[i]->format, batch.children[i], row);
            blob_text(to, "\n");
        }
        for (int64_t i = 0; i < batch.n_children; i++)
            check_column(batch.children[i], schema.children[i]->format);
        batch.release(&batch);
    }
    schema.release(&schema);
    stream->release(stream);
    return failed;
}

/* What a stream with these options gives, or its error. */
static blob outcome(sheaf_ingest_options options)
{
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream;
    sheaf_error err;
    blob all = {0};
    options.size = sizeof options;
    if (sheaf_stream_open(files, &options, &stream, &err) == SHEAF_OK) {
        cr_assert_eq(take_all(&stream, &all), 0);
    } else {
        blob_text(&all, err.source);
        blob_text(&all, err.message);
        add_integer(&all, (int64_t)err.line);
        add_integer(&all, (int64_t)err.record);
    }
    sheaf_files_release(files);
    return all;
}

/* ---- random files ---- */

/* Values of a kind, the wider ones rarely. */
static const char *random_value(unsigned kind)
{
    static const char *const usual[] = {"12", "-7", "2024-02-29", "true", "x", "0.5", "23:59:59"};
    static const char *const wider[] = {
        "1.25", "-0", "2024-02-29 12:00:00", "TRUE", "a longer value", "3", "word"};
    if (below(6) == 0)
        return "";
    return below(400) == 0 ? wider[below(7)] : below(60) == 0 ? wider[kind] : usual[kind];
}

/* Columns of one folder are of a kind mostly; a file has some of them. */
static void write_random_file(const char *name, const unsigned *kinds)
{
    blob text = {0};
    bool has[COLUMNS];
    bool plain = below(3) > 0; /* nothing unusual, so that only another file widens it */
    has[0] = true;
    for (unsigned i = 1; i < COLUMNS; i++)
        has[i] = below(5) > 0;
    for (unsigned row = 0, n_rows = below(800); row <= n_rows; row++) {
        for (unsigned i = 0; i < COLUMNS; i++) {
            char header[8];
            sprintf(header, "c%u", i);
            if (!has[i])
                continue;
            if (i > 0)
                blob_text(&text, ",");
            const char *value = random_value(kinds[i]);
            static const char *const usual[] = {"5", "6",   "2023-01-01", "false",
                                                "y", "2.5", "01:02:03"};
            blob_text(&text, row == 0 ? header : plain ? usual[kinds[i]] : value);
        }
        if (row > 0 && below(20000) == 0)
            blob_text(&text, ",one too many");
        blob_text(&text, below(300) == 0 ? "\n\n" : "\n");
    }
    blob packed = {0};
    if (below(6) == 0) /* and not called so: it looks as if it could be split */
        gzip_add(&packed, text.bytes, text.n_bytes, 1);
    else
        blob_add(&packed, text.bytes, text.n_bytes);
    write_file(name, packed.bytes, packed.n_bytes);
    blob_free(&packed);
    blob_free(&text);
}

static unsigned write_random_files(void)
{
    unsigned kinds[COLUMNS];
    unsigned n_files = 1 + below(FILES_MAX);
    for (unsigned i = 0; i < COLUMNS; i++)
        kinds[i] = below(7);
    for (unsigned i = 0; i < FILES_MAX; i++) {
        char name[16];
        sprintf(name, "%u.csv", i);
        unlink(name);
        if (i < n_files)
            write_random_file(name, kinds);
    }
    return n_files;
}

/* Which columns, perhaps: some of them may not be there, which is an error then. */
static void choose_columns(sheaf_ingest_options *options)
{
    static const char *const names[] = {"c2", "c0", "c1"};
    static const sheaf_added_column added[] = {{.origin = SHEAF_ORIGIN_LINE},
                                               {.origin = SHEAF_ORIGIN_FILE},
                                               {.origin = SHEAF_ORIGIN_ROW, .name = "c1"}};
    if (below(3) == 0) {
        options->select = names;
        options->n_select = 1 + below(3);
    }
    if (below(4) == 0) {
        options->drop = names + 2;
        options->n_drop = 1;
    }
    if (below(2) == 0) {
        options->added = added;
        options->n_added = 1 + below(3);
    }
    options->columns = below(4) == 0 ? SHEAF_COLUMNS_COMMON : SHEAF_COLUMNS_UNION;
}

Test(stream_kept, rows_are_those_of_reading_again)
{
    static const size_t chunks[] = {30, 100, 1000, 0};
    static const sheaf_column_type asked[] = {{.column = "c0", .type = SHEAF_TYPE_TEXT},
                                              {.column = "c0", .type = SHEAF_TYPE_FLOAT64},
                                              {.column = "c0", .type = SHEAF_TYPE_DATE}};
    for (size_t round = 0; round < rounds(300); round++) {
        write_random_files();
        sheaf_ingest_options options = {.workers = 1 + (int)below(3),
                                        .chunk_bytes = chunks[below(4)],
                                        .memory_bytes = NOTHING_KEPT};
        if (below(3) == 0) {
            options.types = &asked[below(3)];
            options.n_types = 1;
        }
        if (below(8) == 0)
            options.on_error = SHEAF_ON_ERROR_SKIP_FILE;
        if (round % 2)
            choose_columns(&options);
        blob read_again = outcome(options);
        options.memory_bytes = below(2) ? 0 : ((size_t)1 << 20) + below(60000);
        options.workers = 1 + (int)below(3);
        blob kept = outcome(options);
        cr_assert(blob_equal(&read_again, &kept), "round %zu, %d workers, chunks of %zu", round,
                  options.workers, options.chunk_bytes);
        blob_free(&read_again);
        blob_free(&kept);
    }
}

/* ---- which rows are kept ---- */

static sheaf_ingest_options with_origins(sheaf_ingest_options options)
{
    static const sheaf_added_column added[] = {
        {.origin = SHEAF_ORIGIN_ROW}, {.origin = SHEAF_ORIGIN_FILE}, {.origin = SHEAF_ORIGIN_LINE}};
    options.added = added;
    options.n_added = 3;
    return options;
}

typedef struct folder {
    const char *files[3];
    bool is_kept;
} folder;

/*
 * Open a stream, remove all its files, and see what it gives. A file before them is what it may
 * have begun to read again by then.
 */
static void check_folder(const folder *each, sheaf_ingest_options options)
{
    write_text("0.csv", "first\n1\n");
    for (size_t i = 0; i < 3; i++) {
        char name[16];
        sprintf(name, "%zu.csv", i + 1);
        if (each->files[i])
            write_text(name, each->files[i]);
    }
    blob expected = outcome((sheaf_ingest_options){
        .memory_bytes = NOTHING_KEPT, .added = options.added, .n_added = options.n_added});
    sheaf_files *files = files_of_folder();
    struct ArrowArrayStream stream = open_stream(files, options);
    blob all = {0};
    for (size_t i = 0; i <= 3; i++) {
        char name[16];
        sprintf(name, "%zu.csv", i);
        unlink(name);
    }
    int failed = take_all(&stream, &all);
    cr_assert_eq(failed, each->is_kept ? 0 : EIO, "%.40s", each->files[0]);
    cr_assert(failed || blob_equal(&all, &expected), "%.40s", each->files[0]);
    blob_free(&all);
    blob_free(&expected);
    sheaf_files_release(files);
}

/* Workers would read ahead, maybe before the files are removed. */
Test(stream_kept, rows_are_not_read_again)
{
    static const sheaf_ingest_options one_by_one = {.executor = SHEAF_EXECUTOR_SEQUENTIAL,
                                                    .chunk_bytes = 4};
    static const folder folders[] = {
        {{"a,b\n1,x\n2,\n"}, true},
        {{"a\n1\n2\n", "a\n0.5\n"}, true},                         /* integers: floats */
        {{"a\n2024-01-01\n\n", "a\n2024-01-01 00:00:01\n"}, true}, /* dates: timestamps */
        {{"a,b\n1,\n", "a,b\n2,7\n", "a,b\n,8\n"}, true},          /* nothing: integers */
        {{"a,b\n1,2\n", "b\n2\n", "c,a\ntrue,3\n"}, true},         /* not in all files */
        {{"a\n1\n2\n3\n4\n5\n6\n7\n0.5\n"}, true},                 /* within a file */
        {{"a\n\"\"\n1\n2\n3\n"}, true},                            /* text from the start */
        {{"a\n1\n2\n", "a\nx\n"}, false},                          /* numbers: text */
        {{"a\n9007199254740993\n", "a\n0.5\n"}, false},            /* no double holds it */
        {{"a\n1\n2\n3\n4\n5\n6\n7\nx\n"}, false},                  /* text, too late */
        {{"a\n2024-01-01\n", "a\n5\n"}, false},
    };
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        check_folder(&folders[i], one_by_one);
        check_folder(&folders[i], with_origins(one_by_one));
    }
}

static char *numbers(int n)
{
    char *text = malloc((size_t)n * 12 + 3);
    char *at = stpcpy(text, "a\n");
    for (int i = 0; i < n; i++)
        at += sprintf(at, "%d\n", 1000000 + i);
    return text;
}

/* Of a file that is split, too; and no more than there is room for: 8 bytes a number. */
Test(stream_kept, rows_take_no_more_than_their_share)
{
    enum { ROWS = 100000, MIB = 1 << 20 };
    char *text = numbers(ROWS);
    const folder fits = {{text}, true};
    const folder does_not = {{text}, false};
    for (int workers = 1; workers <= 3; workers++) { /* two and more split the file */
        sheaf_ingest_options options = {.workers = workers, .chunk_bytes = 20000};
        check_folder(&fits, options);
        check_folder(&fits, with_origins(options));
        options.memory_bytes = MIB + 2 * ROWS * (8 + 3);
        check_folder(&fits, options);
        options.executor = SHEAF_EXECUTOR_SEQUENTIAL;
        options.memory_bytes = MIB + 2 * ROWS * (8 - 1);
        check_folder(&does_not, options);
        options.memory_bytes = NOTHING_KEPT;
        check_folder(&does_not, options);
    }
    free(text);
}
