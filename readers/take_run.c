/*
 * The records of a reader that need no second look: they are taken in runs (record/run.h), as many
 * as stand in the window whole; of one that the window cuts, more is read. Of the reader alone.
 */
#include "engine/core/error.h"
#include "readers/record/run.h"
#include "readers/state.h"

enum { CAREFUL_BYTES_MAX = 64 << 10 };

/*
 * Behind a fault there may soon be another one, as behind a comment, and what was scanned beyond is
 * scanned again. So first one record is read without a scan, then a little is scanned, and twice as
 * much whenever that was good. Otherwise a text with a fault in every line would take hours.
 */
static void limit_run(sheaf__reader *reader, size_t *n_bytes)
{
    if (reader->careful_bytes > 0 && *n_bytes > reader->careful_bytes)
        *n_bytes = reader->careful_bytes;
}

static void count_run(sheaf__reader *reader, size_t n_bytes)
{
    if (n_bytes >= reader->careful_bytes)
        reader->careful_bytes = n_bytes < CAREFUL_BYTES_MAX ? reader->careful_bytes * 2 : 0;
}

/*
 * Of the run that was added to the batch behind its first rows, records up to the first with a
 * value that is refused are taken again, and that one is left to be read by itself.
 */
static sheaf_status take_up_to_refused(sheaf__reader *reader, const sheaf__run_rules *rules,
                                       sheaf__scan *index, sheaf__batch *batch, size_t n_rows,
                                       sheaf__run_limit limit, sheaf__run *run)
{
    sheaf__window *window = &reader->window;
    sheaf__misfit misfit;
    size_t n_added = batch->n_rows - n_rows;
    if (sheaf__asked_check(&reader->asked, batch, n_rows, n_added, &misfit))
        return SHEAF_OK;
    size_t n_cells = n_rows * batch->n_columns;
    batch->n_bytes -= run->n_bytes;
    batch->n_cells = n_cells;
    batch->n_rows = n_rows;
    batch->n_plain_rows -= run->is_plain ? n_added : 0;
    batch->n_plain_bytes -= run->is_plain ? run->n_bytes : 0;
    limit.records = misfit.row - n_rows;
    *run = (sheaf__run){0};
    reader->careful_bytes = SHEAF__CAREFUL_BYTES;
    if (limit.records == 0)
        return SHEAF_OK;
    return sheaf__run_take(run, rules, index, window->bytes + window->record,
                           window->end - window->record, batch, limit);
}

sheaf_status sheaf__reader_take_run(sheaf__reader *reader, sheaf__parser *parser,
                                    sheaf__batch *batch, size_t chunk_bytes, size_t *n_bytes,
                                    sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf__run_rules rules = {.kernel = sheaf__scan_kernel_get(),
                              .dialect = &reader->options.dialect,
                              .n_columns = reader->n_columns,
                              .record_bytes_max = reader->options.record_bytes_max};
    sheaf__run_limit limit = {.n_bytes = SIZE_MAX, .records = UINT64_MAX};
    sheaf__run run = {0};
    size_t n_rows = batch ? batch->n_rows : 0;
    *n_bytes = 0;
    if (reader->options.by_libcsv || rules.n_columns == 0 || reader->has_fault)
        return SHEAF_OK;
    sheaf__scan *index = sheaf__parser_index(parser);
    if (!index)
        return sheaf__error_memory(err, "the index of a scan");
    if (batch) {
        size_t cell_bytes = rules.n_columns * sizeof(sheaf__cell);
        size_t left = chunk_bytes - batch->n_cells * sizeof(sheaf__cell);
        limit.n_bytes = chunk_bytes - batch->n_bytes;
        batch->next_place = sheaf__reader_place(reader);
        limit.records = left / cell_bytes + (left % cell_bytes != 0);
    }
    limit_run(reader, &limit.n_bytes);
    for (;;) {
        uint64_t left_in_range = reader->range_end - sheaf__reader_offset(reader);
        if (limit.n_bytes > left_in_range)
            limit.n_bytes = (size_t)left_in_range;
        if (sheaf__run_take(&run, &rules, index, window->bytes + window->record,
                            window->end - window->record, batch, limit) < 0)
            return sheaf__error_memory(err, "a batch");
        if (!run.is_cut || window->at_end || sheaf__reader_is_over_limit(reader))
            break;
        sheaf_status status = sheaf__reader_read_on(reader, err);
        if (status < 0)
            return status;
    }
    count_run(reader, run.n_bytes);
    if (batch && sheaf__reader_asks(reader) && run.records > 0 &&
        take_up_to_refused(reader, &rules, index, batch, n_rows, limit, &run) < 0)
        return sheaf__error_memory(err, "a batch");
    if (run.n_bytes == 0)
        return SHEAF_OK;
    window->record = window->line = window->searched = window->record + run.n_bytes;
    reader->line = reader->record_line = reader->line + run.n_lines;
    reader->counts.records += run.records;
    reader->counts.blank_lines += run.blank_lines;
    reader->counts.lone_crs += run.lone_crs;
    *n_bytes = run.n_bytes;
    return SHEAF_OK;
}
