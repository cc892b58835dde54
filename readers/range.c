/*
 * Reading a part of a file: see reader.h.
 *
 * Whether a byte is inside quotes depends on every quote before it, which whoever begins in the
 * middle has not seen. So a beginning is guessed, and whoever has read up to there verifies it.
 */
#include "readers/record/run.h"
#include "readers/state.h"

#include "engine/core/error.h"

enum {
    GUESS_RECORDS = 4, /* in a row are no accident */
    GUESS_BYTES = 16 << 10
};

void sheaf__reader_limit(sheaf__reader *reader, uint64_t end_bytes)
{
    reader->range_end = end_bytes;
    reader->source.count_end_bytes = end_bytes;
}

/* Whether records with the right number of fields begin here, as far as the window goes. */
static sheaf_status looks_like_records(const sheaf__reader *reader, sheaf__parser *parser,
                                       size_t begin, bool *it_does, sheaf_error *err)
{
    const sheaf__window *window = &reader->window;
    sheaf__run_rules rules = {.delimiter = reader->options.delimiter,
                              .n_columns = reader->n_columns,
                              .record_bytes_max = reader->options.record_bytes_max};
    sheaf__run_limit limit = {.n_bytes = SIZE_MAX, .records = GUESS_RECORDS};
    size_t left = window->end - begin;
    sheaf__run run;
    sheaf__scan *index = sheaf__parser_index(parser);
    if (!index)
        return sheaf__error_memory(err, "the index of a scan");
    if (sheaf__run_take(&run, &rules, index, window->bytes + begin,
                        left < GUESS_BYTES ? left : GUESS_BYTES, NULL, limit) < 0)
        return sheaf__error_memory(err, "the index of a scan");
    *it_does = run.records == GUESS_RECORDS || (run.n_bytes == left && window->at_end);
    return SHEAF_OK;
}

static void go_to(sheaf__reader *reader, size_t at)
{
    reader->window.record = reader->window.line = reader->window.searched = at;
}

sheaf_status sheaf__reader_guess_record(sheaf__reader *reader, sheaf__parser *parser,
                                        sheaf_error *err)
{
    sheaf__window *window = &reader->window;
    sheaf_status status = SHEAF_OK;
    size_t line_end = 0;
    size_t first = SIZE_MAX;
    bool found = reader->options.by_libcsv;
    while (status == SHEAF_OK && window->end - window->record < 2 * GUESS_BYTES && !window->at_end)
        status = sheaf__reader_fill(reader, SIZE_MAX, err);
    while (status == SHEAF_OK && window->searched < window->record + GUESS_BYTES &&
           sheaf__window_find_line(window, &line_end) && line_end > window->line) {
        window->line = window->searched = line_end;
        first = first == SIZE_MAX ? line_end : first;
        if (!found)
            status = looks_like_records(reader, parser, line_end, &found, err);
        if (found)
            break;
    }
    if (status == SHEAF_OK && first == SIZE_MAX) /* a long record, or none */
        status = sheaf__reader_find_line(reader, &first, err);
    if (status < 0)
        return status;
    go_to(reader, found && line_end > 0 ? line_end : first);
    reader->line = reader->record_line = 1;
    return SHEAF_OK;
}
