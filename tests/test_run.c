/*
 * Runs of records: how much of a text is scanned, and how often, and what memory that takes. That a
 * run's records are libcsv's is for test_reader_random.c and fuzz_records.c.
 */
#include "readers/record/run.h"
#include "tests/support.h"

TestSuite(run, .timeout = 60);

static const sheaf_dialect comma = SHEAF_DIALECT_RFC4180(',');

static const sheaf__run_limit no_limit = {.n_bytes = SIZE_MAX, .records = UINT64_MAX};

/* ---- a kernel that counts what it is asked to scan ---- */

static const sheaf__scan_kernel *real;
static size_t n_scanned;
static size_t most_at_once;

static void counting_scan(sheaf__scan *scan, const uint8_t *text, size_t from, size_t n_bytes,
                          char delimiter, char quote, bool wants_fields)
{
    cr_assert(from == 0 || from == scan->state.n_bytes);
    cr_assert(!wants_fields ||
              scan->state.n_fields * (from > 0) + n_bytes - from + SHEAF__SCAN_SLACK <=
                  scan->fields_capacity);
    n_scanned += n_bytes - from;
    most_at_once = n_bytes - from > most_at_once ? n_bytes - from : most_at_once;
    real->scan(scan, text, from, n_bytes, delimiter, quote, wants_fields);
}

static sheaf__run_rules counted(size_t n_columns)
{
    static sheaf__scan_kernel counting;
    real = sheaf__scan_kernel_get();
    counting = *real;
    counting.scan = counting_scan;
    n_scanned = most_at_once = 0;
    return (sheaf__run_rules){.kernel = &counting,
                              .dialect = &comma,
                              .n_columns = n_columns,
                              .record_bytes_max = SIZE_MAX};
}

/* One record of so many fields, of `field` each. */
static blob record_of(size_t n_fields, const char *field)
{
    blob made = {0};
    for (size_t i = 0; i < n_fields; i++) {
        blob_text(&made, i > 0 ? "," : "");
        blob_text(&made, field);
    }
    blob_text(&made, "\n");
    return made;
}

static blob quoted_record(size_t n_bytes)
{
    blob made = {0};
    blob_text(&made, "1,\"");
    for (size_t i = 0; i < n_bytes / 10; i++)
        blob_text(&made, i % 7 ? "a,b c\r\nd\"\"" : "0123456789");
    blob_text(&made, "\",2\n");
    return made;
}

/* As a reader does whose window is doubled, from n_shown bytes on. */
static sheaf__run take_growing(const sheaf__run_rules *rules, sheaf__scan *index, const blob *text,
                               size_t n_shown, sheaf__batch *batch)
{
    sheaf__run run = {0};
    for (;; n_shown *= 2) {
        size_t n = n_shown < text->n_bytes ? n_shown : text->n_bytes;
        cr_assert_eq(sheaf__run_take(&run, rules, index, text->bytes, n, batch, no_limit),
                     SHEAF_OK);
        if (!run.is_cut || n == text->n_bytes)
            return run;
    }
}

/* ---- tests ---- */

Test(run, of_a_giant_record_scans_each_byte_once)
{
    static const size_t shown_first[] = {1, 63, 64, 65, 1000, 64 << 10, 100000, SIZE_MAX / 2};
    sheaf__scan *index = sheaf__run_index_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    blob text = quoted_record(3 << 20);
    sheaf__run_rules rules = counted(3);
    for (size_t i = 0; i < sizeof shown_first / sizeof shown_first[0]; i++) {
        n_scanned = most_at_once = 0;
        sheaf__batch_clear(batch, SIZE_MAX);
        sheaf__run run = take_growing(&rules, index, &text, shown_first[i], batch);
        cr_assert_eq(run.n_bytes, text.n_bytes);
        cr_assert_eq(run.records, 1);
        cr_assert_eq(batch->n_cells, 3);
        cr_assert_lt(n_scanned, text.n_bytes + text.n_bytes / 50, "%zu of %zu", n_scanned,
                     text.n_bytes);
        cr_assert_leq(most_at_once, 64 << 10, "the index has no room for more");
    }
    blob_free(&text);
    sheaf__batch_destroy(batch);
    sheaf__run_index_destroy(index);
}

/* A text that comes byte by byte, too: then the last 64 bytes are looked at each time. */
Test(run, of_a_record_that_comes_byte_by_byte_scans_no_more_than_a_block_each_time)
{
    sheaf__scan *index = sheaf__run_index_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    blob text = quoted_record(20000);
    sheaf__run_rules rules = counted(3);
    sheaf__run run = {0};
    for (size_t n = 1; n <= text.n_bytes; n++) {
        cr_assert_eq(sheaf__run_take(&run, &rules, index, text.bytes, n, batch, no_limit),
                     SHEAF_OK);
        cr_assert_eq(run.is_cut, n < text.n_bytes, "%zu", n);
    }
    cr_assert_eq(run.records, 1);
    cr_assert_leq(n_scanned, 64 * text.n_bytes);
    blob_free(&text);
    sheaf__batch_destroy(batch);
    sheaf__run_index_destroy(index);
}

/* Where a range begins, nothing was read yet; what comes may be long, and is no parser's yet. */
Test(run, begins_before_there_is_any_text)
{
    sheaf__scan *index = sheaf__run_index_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    blob other = quoted_record(5000);
    blob text = record_of(300, "abc");
    sheaf__run_rules rules = counted(3);
    cr_assert_eq(take_growing(&rules, index, &other, SIZE_MAX / 2, batch).records, 1);
    sheaf__run run = {0};
    rules.n_columns = 300;
    for (size_t n = 0; n <= text.n_bytes; n += text.n_bytes) {
        cr_assert_eq(sheaf__run_take(&run, &rules, index, text.bytes, n, batch, no_limit),
                     SHEAF_OK);
        cr_assert_eq(run.is_cut, n == 0);
    }
    cr_assert_eq(run.n_bytes, text.n_bytes);
    cr_assert_eq(batch->n_cells, 3 + 300);
    rules.kernel = NULL;
    sheaf__run none = {0};
    cr_assert_eq(sheaf__run_take(&none, &rules, index, text.bytes, 0, batch, no_limit), SHEAF_OK);
    cr_assert_not(none.is_cut, "nobody would scan it");
    blob_free(&other);
    blob_free(&text);
    sheaf__batch_destroy(batch);
    sheaf__run_index_destroy(index);
}

Test(run, of_wide_records_has_an_index_as_large_as_the_table_asks_for)
{
    enum { COLUMNS = 500000 };
    sheaf__scan *index = sheaf__run_index_create();
    sheaf__batch *batch = sheaf__batch_create(NULL);
    size_t capacity = index->fields_capacity;
    blob wide = record_of(COLUMNS, "x");
    blob narrow = record_of(3, "x");
    sheaf__run_rules rules = counted(COLUMNS);
    for (int i = 0; i < 2; i++) {
        sheaf__run run = take_growing(&rules, index, &wide, 256 << 10, batch);
        cr_assert_eq(run.records, 1);
        cr_assert_leq(index->fields_capacity, capacity + COLUMNS);
    }
    cr_assert_eq(batch->n_cells, 2 * COLUMNS);
    for (size_t i = 0; i < batch->n_cells; i++)
        cr_assert_eq(batch->cells[i].n_bytes, 1);
    rules.n_columns = 3;
    cr_assert_eq(take_growing(&rules, index, &narrow, 100, batch).records, 1);
    cr_assert_eq(index->fields_capacity, capacity);
    blob_free(&wide);
    blob_free(&narrow);
    sheaf__batch_destroy(batch);
    sheaf__run_index_destroy(index);
}

/* It is a fault, whatever is behind: nobody has to read that for it. */
Test(run, ends_where_a_record_has_too_many_fields)
{
    sheaf__scan *index = sheaf__run_index_create();
    blob text = record_of(2 << 20, "");
    sheaf__run_rules rules = counted(3);
    sheaf__run run = take_growing(&rules, index, &text, SIZE_MAX / 2, NULL);
    cr_assert_eq(run.n_bytes, 0);
    cr_assert_not(run.is_cut);
    cr_assert_leq(n_scanned, 64 << 10);
    blob_free(&text);
    sheaf__run_index_destroy(index);
}

/* A limit says where a run is to end, but not how long its last record is. */
Test(run, scans_not_much_further_than_its_last_record)
{
    static const size_t lengths[] = {10, 100, 1000, 10000, 60000, 300000};
    sheaf__scan *index = sheaf__run_index_create();
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        blob text = quoted_record(lengths[i]);
        size_t n_record = text.n_bytes;
        blob_fill(&text, 'x', 1 << 20);
        sheaf__run_rules rules = counted(3);
        sheaf__run_limit limit = {.n_bytes = 1, .records = UINT64_MAX};
        sheaf__run run = {0};
        cr_assert_eq(sheaf__run_take(&run, &rules, index, text.bytes, text.n_bytes, NULL, limit),
                     SHEAF_OK);
        cr_assert_eq(run.n_bytes, n_record);
        cr_assert_leq(n_scanned, n_record < 600 ? 600 : n_record * 21 / 10);
        cr_assert_lt(n_scanned, n_record + (17 << 10));
        blob_free(&text);
    }
    sheaf__run_index_destroy(index);
}

static void blind_scan(sheaf__scan *scan, const uint8_t *text, size_t from, size_t n_bytes,
                       char delimiter, char quote, bool wants_fields)
{
    (void)text, (void)from, (void)delimiter, (void)quote, (void)wants_fields;
    cr_assert_leq(n_bytes, UINT32_MAX, "where would its offset be kept?");
    scan->state.n_bytes = (n_bytes - 1) / 64 * 64;
    scan->n_fields = scan->n_lines = 0;
    scan->ascii = true;
    scan->stopped = false;
}

Test(run, leaves_a_record_to_the_parser_whose_offsets_do_not_fit_into_32_bits)
{
    static const sheaf__scan_kernel blind = {.name = "blind", .scan = blind_scan};
    sheaf__run_rules rules = {
        .kernel = &blind, .dialect = &comma, .n_columns = 1, .record_bytes_max = SIZE_MAX};
    sheaf__scan *index = sheaf__run_index_create();
    sheaf__run run = {0};
    cr_assert_eq(
        sheaf__run_take(&run, &rules, index, (const uint8_t *)"", UINT32_MAX / 4, NULL, no_limit),
        SHEAF_OK);
    cr_assert(run.is_cut);
    cr_assert_eq(
        sheaf__run_take(&run, &rules, index, (const uint8_t *)"", SIZE_MAX, NULL, no_limit),
        SHEAF_OK);
    cr_assert_not(run.is_cut);
    cr_assert_eq(run.n_bytes, 0);
    sheaf__run_index_destroy(index);
}
