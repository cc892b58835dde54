/*
 * Types that are presumed from samples of a large file, as a program sees them: what it is told of
 * the columns is of all values, and its callbacks are called once, whatever was presumed. (What the
 * destination gets then is in cli/test_presumed.py.)
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include <sheaf/discover.h>
#include <sheaf/ingest.h>

#include "tests/support.h"

enum { ROWS = 60000, LIMIT = 60 };

TestSuite(presumed, .timeout = LIMIT, .init = enter_directory, .fini = leave_directory);

static const char destination[] = "x.parquet";

typedef struct outcome {
    sheaf_summary summary;
    char columns[200];
    char told[400]; /* by the callbacks, in order */
} outcome;

static void tell(outcome *o, const char *what, const char *path, uint64_t number)
{
    size_t n = strlen(o->told);
    snprintf(o->told + n, sizeof o->told - n, "%s %s %d, ", what, path, (int)number);
}

static void on_file(void *context, const sheaf_file_report *report)
{
    tell(context, report->skipped ? "left out" : "file", report->file->path, report->loaded);
}

static void on_reject(void *context, const sheaf_reject *reject)
{
    tell(context, "reject", reject->file->path, reject->line);
}

/* Rows "i,i,text", but for one that stands where no sample is. */
static void write_rows(const char *path, int odd_row, const char *odd)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("a,b,c\n", file);
    for (int i = 0; i < ROWS; i++)
        if (i == odd_row)
            fprintf(file, "%s\n", odd);
        else
            fprintf(file, "%d,%d,some text\n", i, i);
    cr_assert_eq(fclose(file), 0);
}

static outcome run(const char *const *paths, size_t n_paths, size_t memory_bytes)
{
    outcome o = {.told = ""};
    sheaf_files *files;
    sheaf_ingest *ingest;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options,
                                    .destination = destination,
                                    .if_exists = SHEAF_IF_EXISTS_REPLACE,
                                    .workers = 2,
                                    .memory_bytes = memory_bytes,
                                    .on_file = on_file,
                                    .on_reject = on_reject,
                                    .context = &o};
    size_t n;
    cr_assert_eq(sheaf_files_discover(paths, n_paths, NULL, &files, &err), SHEAF_OK);
    cr_assert_eq(sheaf_ingest_create(&options, &ingest, &err), SHEAF_OK, "%s", err.message);
    cr_assert_eq(sheaf_ingest_run(ingest, files, &o.summary, &err), SHEAF_OK, "%s", err.message);
    sheaf_progress progress = sheaf_ingest_progress(ingest);
    cr_assert_eq(progress.records, o.summary.loaded);
    cr_assert_eq(progress.files_done, n_paths);
    const sheaf_column *columns = sheaf_ingest_columns(ingest, &n);
    for (size_t i = 0; i < n; i++)
        snprintf(o.columns + strlen(o.columns), sizeof o.columns - strlen(o.columns), "%s%s ",
                 sheaf_type_name(columns[i].type), columns[i].nullable ? "?" : "");
    sheaf_ingest_destroy(ingest);
    sheaf_files_release(files);
    return o;
}

/* As when the rows of all files are kept, and so all values looked at beforehand. */
static void check(const char *const *paths, size_t n_paths, const char *columns, const char *told,
                  uint64_t starts_over)
{
    outcome kept = run(paths, n_paths, 0);
    outcome presumed = run(paths, n_paths, 1);
    cr_expect_str_eq(kept.columns, columns);
    cr_expect_str_eq(presumed.columns, columns);
    cr_expect_str_eq(kept.told, told);
    cr_expect_str_eq(presumed.told, told);
    cr_expect_eq(kept.summary.starts_over, 0);
    cr_expect_eq(presumed.summary.starts_over, starts_over);
    cr_expect_eq(kept.summary.records, presumed.summary.records);
    cr_expect_eq(kept.summary.loaded, presumed.summary.loaded);
    cr_expect_eq(kept.summary.rejected, presumed.summary.rejected);
    cr_expect_eq(kept.summary.read_bytes, presumed.summary.read_bytes);
}

Test(presumed, a_column_may_be_null_behind_its_samples)
{
    const char *paths[] = {"a.csv"};
    write_rows("a.csv", ROWS / 3, "1,,x");
    check(paths, 1, "int64 int64? text ", "file a.csv 60000, ", 0);
}

Test(presumed, what_is_told_is_told_once)
{
    const char *paths[] = {"a.csv", "b.csv", "c.csv", "d.csv"};
    write_rows("a.csv", -1, "");
    write_rows("b.csv", 50000, "1,2");
    write_rows("c.csv", 25000, "1,2.5,x");
    write_rows("d.csv", 25000, "1,2,3,4");
    check(paths, 4, "int64 float64 text ",
          "file a.csv 60000, reject b.csv 50002, file b.csv 59999, file c.csv 60000, "
          "reject d.csv 25002, file d.csv 59999, ",
          1);
}

/* A file that is left out later, of which something was told already. */
Test(presumed, a_file_that_turns_out_to_be_misjudged)
{
    const char *paths[] = {"a.csv", "b.csv"};
    FILE *file = fopen("a.csv", "w");
    cr_assert_not_null(file);
    fputs("a,b,c\n", file);
    for (int i = 0; i < ROWS; i++)
        fputs(i < ROWS / 3 ? "1,2,3\n" : "1\n", file);
    cr_assert_eq(fclose(file), 0);
    write_rows("b.csv", 7, "1");
    outcome presumed = run(paths, 2, 1);
    cr_expect_eq(presumed.summary.starts_over, 1);
    cr_expect_eq(presumed.summary.files_skipped, 1);
    cr_expect_eq(presumed.summary.rejected, 1);
    cr_expect_eq(presumed.summary.loaded, ROWS - 1);
}
