/*
 * Decompressing ahead: whoever helps, at once, late or not at all, the reader finds the same
 * records, counts and faults as without anybody.
 */
#include <pthread.h>

#include "tests/support_records.h"

TestSuite(ahead, .init = enter_directory, .fini = leave_directory, .timeout = 60);

/* ---- those who help ---- */

typedef struct job {
    void (*run)(void *arg);
    void *arg;
    bool has_thread;
    pthread_t thread;
} job;

typedef struct crew {
    uint64_t seed;
    int n_begun;
    int n_unwanted;
    int n_open; /* begun and not finished */
} crew;

static void *work(void *what)
{
    const job *this = what;
    this->run(this->arg);
    return NULL;
}

/* A thread for the job; or it waits until it is asked for; or nobody is free. */
static void *begin(void *context, void (*run)(void *arg), void *arg)
{
    crew *all = context;
    size_t choice = random_below(&all->seed, 4);
    if (choice == 0)
        return NULL;
    job *made = malloc(sizeof *made);
    *made = (job){.run = run, .arg = arg, .has_thread = choice != 1};
    if (made->has_thread)
        cr_assert_eq(pthread_create(&made->thread, NULL, work, made), 0);
    all->n_begun++;
    all->n_open++;
    return made;
}

static void finish(void *context, void *handle, bool wanted)
{
    crew *all = context;
    job *what = handle;
    if (what->has_thread)
        pthread_join(what->thread, NULL);
    else if (wanted)
        what->run(what->arg);
    all->n_unwanted += !wanted;
    all->n_open--;
    free(what);
}

/* ---- files ---- */

enum { N_BIG = 3 << 20, N_RECORD_MAX = 700 };

/* Text that does not become much smaller. */
static void make_text(blob *text, uint64_t *seed)
{
    static const char symbols[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    blob_text(text, "n,text\n");
    for (int i = 0; text->n_bytes < N_BIG; i++) {
        char record[N_RECORD_MAX + 40];
        int n = snprintf(record, sizeof record, "%d,\"", i);
        for (size_t left = random_below(seed, N_RECORD_MAX); left > 0; left--)
            record[n++] = symbols[random_below(seed, sizeof symbols - 1)];
        n += snprintf(record + n, sizeof record - (size_t)n, "\n\"\n");
        blob_add(text, record, (size_t)n);
    }
}

static void expect_same(const outcome *got, const outcome *expected, const char *what)
{
    cr_assert_eq(got->status, expected->status, "%s: %s", what, sheaf_status_name(got->status));
    cr_assert(blob_equal(&got->rows, &expected->rows), "%s: other rows", what);
    cr_assert_eq(got->counts.records, expected->counts.records);
    cr_assert_eq(got->counts.text_bytes, expected->counts.text_bytes);
    if (got->status == SHEAF_END) {
        cr_assert_eq(got->counts.stored_bytes, expected->counts.stored_bytes);
    } else {
        cr_assert_str_eq(got->err.message, expected->err.message);
        cr_assert_eq(got->err.offset_bytes, expected->err.offset_bytes);
        cr_assert_eq(got->err.line, expected->err.line);
    }
}

static void compare(kit *with, const sheaf_file *file, uint64_t seed, const char *what)
{
    outcome expected = read_fresh(file, &plain_options, 256 << 10);
    crew all = {.seed = seed};
    sheaf__helper helper = {.context = &all, .begin = begin, .finish = finish};
    sheaf__reader_options options = plain_options;
    options.helper = &helper;
    outcome got = read_with(with, file, &options, 64 << 10);
    expect_same(&got, &expected, what);
    cr_assert_eq(all.n_open, 0);
    cr_assert_gt(all.n_begun, 0);
    blob_free(&got.rows);
    blob_free(&expected.rows);
}

Test(ahead, makes_no_difference)
{
    uint64_t seed = 1;
    blob text = {0};
    blob packed = {0};
    kit with = kit_create();
    make_text(&text, &seed);
    gzip_add(&packed, text.bytes, text.n_bytes / 2, 1);
    gzip_add(&packed, text.bytes + text.n_bytes / 2, text.n_bytes - text.n_bytes / 2, 1);
    for (int i = 0; i < 8; i++) {
        sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
        compare(&with, &file, seed + (uint64_t)i, "whole");
        size_t cut = packed.n_bytes / 2 + random_below(&seed, packed.n_bytes / 2);
        file = write_file("a.csv.gz", packed.bytes, cut);
        compare(&with, &file, seed + (uint64_t)i, "cut off");
        packed.bytes[cut] ^= 4;
        file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
        compare(&with, &file, seed + (uint64_t)i, "damaged");
        packed.bytes[cut] ^= 4;
    }
    kit_destroy(&with);
    blob_free(&packed);
    blob_free(&text);
}

Test(ahead, is_given_up_with_its_file)
{
    uint64_t seed = 2;
    blob text = {0};
    blob packed = {0};
    kit with = kit_create();
    make_text(&text, &seed);
    gzip_add(&packed, text.bytes, text.n_bytes, 1);
    sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    crew all = {.seed = 3};
    sheaf__helper helper = {.context = &all, .begin = begin, .finish = finish};
    sheaf__reader_options options = plain_options;
    options.helper = &helper;
    for (int i = 0; i < 50; i++) {
        sheaf_error err;
        sheaf__batch_clear(with.batch, SIZE_MAX);
        cr_assert_eq(sheaf__reader_open(with.reader, &file, &options, &err), SHEAF_OK);
        cr_assert_eq(sheaf__reader_header(with.reader, with.parser, with.batch, &err), SHEAF_OK);
        for (size_t n = random_below(&seed, 20); n > 0; n--) {
            sheaf__batch_clear(with.batch, SIZE_MAX);
            cr_assert_eq(sheaf__reader_next(with.reader, with.parser, with.batch, 64 << 10, &err),
                         SHEAF_OK);
        }
        if (i % 3 == 0)
            cr_assert_eq(sheaf__reader_rewind(with.reader, &err), SHEAF_OK);
        sheaf__reader_close(with.reader);
        cr_assert_eq(all.n_open, 0);
    }
    cr_assert_gt(all.n_unwanted, 0);
    outcome expected = read_fresh(&file, &plain_options, 1 << 20);
    outcome got = read_with(&with, &file, &options, 1 << 20);
    expect_same(&got, &expected, "behind them");
    blob_free(&got.rows);
    blob_free(&expected.rows);
    kit_destroy(&with);
    blob_free(&packed);
    blob_free(&text);
}

Test(ahead, is_not_for_what_is_read_already)
{
    /* All of a small file is in the first piece: waking somebody up would be in vain. */
    blob packed = {0};
    kit with = kit_create();
    gzip_add(&packed, "a,b\n1,2\n", 8, 6);
    sheaf_file file = write_file("a.csv.gz", packed.bytes, packed.n_bytes);
    crew all = {.seed = 4};
    sheaf__helper helper = {.context = &all, .begin = begin, .finish = finish};
    sheaf__reader_options options = plain_options;
    options.helper = &helper;
    for (int i = 0; i < 20; i++) {
        outcome got = read_with(&with, &file, &options, 64 << 10);
        cr_assert_eq(got.counts.records, 1);
        blob_free(&got.rows);
    }
    cr_assert_eq(all.n_begun, 0);
    kit_destroy(&with);
    blob_free(&packed);
}
