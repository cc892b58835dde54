/* One record of a file, by the library. What is in it is tests/cli/test_show.py's to say. */
#include <criterion/criterion.h>
#include <string.h>

#include <sheaf/sheaf.h>

#include "tests/support.h"

TestSuite(record, .timeout = 60, .init = enter_directory, .fini = leave_directory);

static sheaf_files *files_of(const char *name, const char *text)
{
    sheaf_files *files;
    write_file(name, text, strlen(text));
    cr_assert_eq(sheaf_files_discover(&name, 1, NULL, &files, NULL), SHEAF_OK);
    return files;
}

Test(record, it_outlives_the_list_of_files)
{
    sheaf_record *record;
    sheaf_files *files = files_of("a.csv", "a,b\n1,\"x\"\"y\"\n3\n");
    cr_assert_eq(sheaf_record_at(files, 0, NULL, SHEAF_RECORD_BY_LINE, 2, &record, NULL), SHEAF_OK);
    sheaf_files_release(files);
    cr_assert_eq(record->number, 1);
    cr_assert_eq(record->n_fields, 2);
    const sheaf_record_field *field = &record->fields[1];
    cr_assert(field->quoted && field->begin == 2 && field->end == 8);
    cr_assert_eq(memcmp(field->value, "x\"y", field->n_value), 0);
    cr_assert_eq(memcmp(field->name, "b", field->n_name), 0);
    cr_assert_null(record->code);
    cr_assert_null(record->fault);
    sheaf_record_release(record);
    sheaf_record_release(NULL);
}

Test(record, a_fault_is_part_of_it)
{
    sheaf_record *record;
    sheaf_files *files = files_of("a.csv", "a,b\n1,2\n3\n");
    cr_assert_eq(sheaf_record_at(files, 0, NULL, SHEAF_RECORD_BY_NUMBER, 2, &record, NULL),
                 SHEAF_OK);
    cr_assert_str_eq(record->code, "short");
    cr_assert_eq(record->fault->status, SHEAF_ESHAPE);
    cr_assert_str_eq(record->fault->source, "a.csv");
    cr_assert_str_eq(record->fault->column, "b");
    cr_assert_eq(record->fault_at, 1);
    sheaf_record_release(record);
    sheaf_files_release(files);
}

Test(record, what_cannot_be_is_refused)
{
    sheaf_record *record;
    sheaf_error err;
    sheaf_ingest_options options = {.size = sizeof options, .dialect.delimiter = '"'};
    sheaf_ingest_options somewhere = {.size = sizeof options, .destination = "x.csv"};
    sheaf_files *files = files_of("a.csv", "a,b\n1,2\n");
    cr_assert_eq(sheaf_record_at(files, 1, NULL, SHEAF_RECORD_BY_LINE, 1, &record, &err),
                 SHEAF_EINVAL);
    cr_assert_eq(sheaf_record_at(files, 0, NULL, SHEAF_RECORD_BY_LINE, 0, &record, &err),
                 SHEAF_EINVAL);
    cr_assert_eq(sheaf_record_at(files, 0, NULL, (sheaf_record_by)3, 1, &record, &err),
                 SHEAF_EINVAL);
    cr_assert_eq(sheaf_record_at(files, 0, &options, SHEAF_RECORD_BY_LINE, 1, &record, &err),
                 SHEAF_EINVAL);
    cr_assert_eq(sheaf_record_at(files, 0, &somewhere, SHEAF_RECORD_BY_LINE, 1, &record, &err),
                 SHEAF_EINVAL);
    cr_assert_eq(sheaf_record_at(files, 0, NULL, SHEAF_RECORD_BY_LINE, 3, &record, &err),
                 SHEAF_ENOENT);
    cr_assert_str_eq(err.source, "a.csv");
    sheaf_files_release(files);
}

Test(record, a_run_goes_on_behind_damage_only_if_nothing_is_written)
{
    sheaf_ingest *ingest;
    sheaf_error err;
    sheaf_ingest_options options = {
        .size = sizeof options, .destination = "x.csv", .on_error = SHEAF_ON_ERROR_CONTINUE};
    cr_assert_eq(sheaf_ingest_create(&options, &ingest, &err), SHEAF_EINVAL);
    options.destination = "null:";
    cr_assert_eq(sheaf_ingest_create(&options, &ingest, &err), SHEAF_OK);
    sheaf_ingest_destroy(ingest);
}
