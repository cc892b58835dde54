/*
 * Runs of records: see run.h.
 *
 * The text of a run goes into the batch as it stands, in one copy; a cell is where a field stands
 * in it, without its padding. Only a field with doubled quotes is written again, in its place. (A
 * quote with padding around it is one of those at which a scan stops.)
 */
#include "readers/record/run.h"

#include <stdlib.h>
#include <string.h>

#include "engine/core/utf8.h"

enum {
    SCAN_BYTES = 64 << 10, /* at once: text and index mostly stay in the L2 cache */
    STEP_BYTES = 16 << 10, /* at once, of a record that is longer */
    LOOK_BEYOND = 512,     /* what is wanted ends somewhere in a record */
    ROOM = SCAN_BYTES + SHEAF__SCAN_SLACK
};

#define RECORD_BYTES_MAX (UINT32_MAX / 2) /* offsets have 32 bits; a longer one is the parser's */

sheaf__scan *sheaf__run_index_create(void)
{
    sheaf__scan *index = calloc(1, sizeof *index);
    uint32_t *fields = malloc(ROOM * sizeof *fields);
    sheaf__scan_line *lines = malloc(ROOM * sizeof *lines);
    if (!index || !fields || !lines) {
        free(index);
        free(fields);
        free(lines);
        return NULL;
    }
    index->fields = fields;
    index->fields_capacity = ROOM;
    index->lines = lines;
    return index;
}

void sheaf__run_index_destroy(sheaf__scan *index)
{
    if (!index)
        return;
    free(index->fields);
    free(index->lines);
    free(index);
}

static sheaf_status resize(sheaf__scan *index, size_t n_fields)
{
    uint32_t *fields = realloc(index->fields, n_fields * sizeof *fields);
    if (!fields)
        return SHEAF_ENOMEM;
    index->fields = fields;
    index->fields_capacity = n_fields;
    return SHEAF_OK;
}

/*
 * Room for the fields up to offset `to`. There is enough but for a record longer than SCAN_BYTES;
 * and the scan of that goes on only while it has fewer fields than the table has columns. So it is
 * a wide table that the index grows for, once, and the next one that is not gives the room back.
 */
static sheaf_status make_room(sheaf__scan *index, size_t n_columns, size_t from, size_t to)
{
    if (from == 0 && index->fields_capacity > ROOM + n_columns)
        return resize(index, ROOM);
    if (from > 0 &&
        index->state.n_fields + (to - from) + SHEAF__SCAN_SLACK > index->fields_capacity)
        return resize(index, ROOM + n_columns);
    return SHEAF_OK;
}

/* The length of a line without its end. */
static inline size_t line_length(const uint8_t *text, size_t begin, size_t last, bool crs)
{
    size_t n = last - begin;
    return crs ? n - (n > 0 && text[last] == '\n' && text[last - 1] == '\r') : n;
}

/* How many of the index's lines, within the first n_valid bytes, make the run that it describes. */
static size_t measure(sheaf__run *run, const sheaf__run_rules *rules, const sheaf__scan *index,
                      const uint8_t *text, size_t n_valid, sheaf__run_limit limit)
{
    *run = (sheaf__run){0};
    size_t begin = 0;
    uint32_t n_fields = 0; /* before this line */
    size_t i = 0;
    for (; i < index->n_lines && begin < limit.n_bytes && run->records < limit.records; i++) {
        sheaf__scan_line line = index->lines[i];
        size_t n = line_length(text, begin, line.at, index->crs);
        bool blank = n == 0;
        bool is_good = blank ||
                       (line.n_fields - n_fields == rules->n_columns &&
                        n <= rules->record_bytes_max && text[begin] != rules->dialect->comment);
        if (!is_good || line.at >= n_valid)
            break;
        run->records += !blank;
        run->blank_lines += blank;
        run->lone_crs += index->crs && text[line.at] == '\r';
        begin = line.at + 1;
        n_fields = line.n_fields;
    }
    run->n_bytes = begin;
    return i;
}

/* A quoted field, with its quotes, at `at` in the batch. Doubled quotes inside become one. */
static inline sheaf__cell quoted_cell(uint8_t *bytes, size_t at, size_t n, uint8_t mark,
                                      bool doubled)
{
    uint8_t *begin = bytes + at + 1;
    const uint8_t *end = bytes + at + n - 1;
    const uint8_t *quote = doubled ? memchr(begin, mark, (size_t)(end - begin)) : NULL;
    if (!quote)
        return (sheaf__cell){.offset_bytes = (uint32_t)at + 1, .n_bytes = (uint32_t)n - 2};
    uint8_t *to = bytes + (quote - bytes);
    while (quote) { /* the one, and what comes between the other and the next pair */
        const uint8_t *from = quote + 2;
        quote = memchr(from, mark, (size_t)(end - from));
        size_t n_between = (size_t)((quote ? quote : end) - from);
        *to++ = mark;
        memmove(to, from, n_between);
        to += n_between;
    }
    return (sheaf__cell){.offset_bytes = (uint32_t)at + 1, .n_bytes = (uint32_t)(to - begin)};
}

static inline bool is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* An unquoted field without its padding. (A tab that is the delimiter is in no such field.) */
static inline sheaf__cell without_padding(const uint8_t *bytes, size_t at, size_t n)
{
    while (n > 0 && is_blank(bytes[at])) {
        at++;
        n--;
    }
    while (n > 0 && is_blank(bytes[at + n - 1]))
        n--;
    return (sheaf__cell){.offset_bytes = (uint32_t)at,
                         .n_bytes = n > 0 ? (uint32_t)n : SHEAF__NULL_CELL};
}

static inline sheaf__cell cell_of(sheaf__batch *batch, size_t at, size_t n, uint8_t mark,
                                  bool padded, const sheaf__scan *index)
{
    if (n == 0)
        return (sheaf__cell){.offset_bytes = (uint32_t)at, .n_bytes = SHEAF__NULL_CELL};
    if (index->quotes && batch->bytes[at] == mark)
        return quoted_cell(batch->bytes, at, n, mark, index->doubled);
    if (padded)
        return without_padding(batch->bytes, at, n);
    return (sheaf__cell){.offset_bytes = (uint32_t)at, .n_bytes = (uint32_t)n};
}

/*
 * The cells of a run without quotes, CRs and blank lines: there, each field begins behind the one
 * before it. Written so that a compiler makes vectors of it.
 */
static void add_plain_cells(sheaf__batch *batch, size_t base, const sheaf__scan *index,
                            size_t n_fields)
{
    sheaf__cell *restrict cells = batch->cells + batch->n_cells;
    const uint32_t *restrict ends = index->fields;
    uint32_t offset = (uint32_t)base;
    cells[0] = (sheaf__cell){.offset_bytes = offset,
                             .n_bytes = ends[0] ? ends[0] : SHEAF__NULL_CELL};
    for (size_t i = 1; i < n_fields; i++) {
        uint32_t begin = ends[i - 1] + 1;
        uint32_t n_bytes = ends[i] - begin;
        cells[i].offset_bytes = offset + begin;
        cells[i].n_bytes = n_bytes |
                           (0 - (uint32_t)(n_bytes == 0)); /* SHEAF__NULL_CELL: all ones */
    }
    batch->n_cells += n_fields;
}

/* Where there are no quotes, what is in no text: a record with it is not UTF-8. */
static uint8_t quote_mark(const sheaf_dialect *dialect)
{
    return dialect->quote == SHEAF_NONE ? 0xFF : (uint8_t)dialect->quote;
}

/* The cells of a run of n_lines lines, whose text stands in the batch from `base` on. */
static void add_cells(sheaf__batch *batch, size_t base, const sheaf_dialect *dialect,
                      const sheaf__scan *index, size_t n_lines)
{
    uint8_t mark = quote_mark(dialect);
    bool padded = dialect->padding > 0;
    sheaf__cell *cell = batch->cells + batch->n_cells;
    const uint32_t *field = index->fields;
    size_t begin = 0;
    for (size_t i = 0; i < n_lines; i++) {
        size_t last = index->lines[i].at;
        const uint32_t *line_field = index->fields + index->lines[i].n_fields - 1;
        size_t end = begin + line_length(batch->bytes + base, begin, last, index->crs);
        if (end > begin) {
            for (; field < line_field; field++) {
                *cell++ = cell_of(batch, base + begin, *field - begin, mark, padded, index);
                begin = *field + 1;
            }
            *cell++ = cell_of(batch, base + begin, end - begin, mark, padded, index);
        }
        field = line_field + 1;
        begin = last + 1;
    }
    batch->n_cells = (size_t)(cell - batch->cells);
}

/* Where the records of a run of n_lines lines begin, the first of them at batch->next_place. */
static void add_places(sheaf__batch *batch, const sheaf__scan_kernel *kernel,
                       const sheaf__scan *index, const uint8_t *text, size_t n_lines)
{
    sheaf__row_place *place = batch->places + batch->n_rows;
    sheaf__row_place at = batch->next_place;
    size_t begin = 0;
    for (size_t i = 0; i < n_lines; i++) {
        size_t end = index->lines[i].at + (size_t)1;
        if (line_length(text, begin, end - 1, index->crs) > 0) {
            *place++ = at;
            at.record++;
        }
        at.line += index->quoted_lines ? kernel->count_lines(text + begin, end - begin) : 1;
        begin = end;
    }
}

/*
 * How far to scan from an offset on: not much further than a run is wanted, and then, in a record
 * of which nobody knows the length, as far again.
 */
static size_t scan_end(size_t from, size_t n_bytes, sheaf__run_limit limit)
{
    size_t most = from < SCAN_BYTES - STEP_BYTES ? SCAN_BYTES : from + STEP_BYTES;
    size_t wanted = limit.n_bytes > from ? limit.n_bytes : from;
    size_t beyond = from > LOOK_BEYOND ? from : LOOK_BEYOND;
    if (most > wanted && most - wanted > beyond)
        most = wanted + beyond;
    return most < n_bytes ? most : n_bytes;
}

/* Whether the text, up to an offset, is the first part of what may be a record for a run. */
static bool is_cut(const sheaf__run_rules *rules, const sheaf__scan *index, size_t offset)
{
    return index->n_lines == 0 && !index->stopped && index->n_fields < rules->n_columns &&
           offset < RECORD_BYTES_MAX;
}

/* Find where records end: as many as are wanted, and at least one, if it takes all of the text. */
static sheaf_status find_records(const sheaf__run_rules *rules, sheaf__scan *index,
                                 const uint8_t *text, size_t n_bytes, bool wants_fields,
                                 sheaf__run_limit limit, bool goes_on)
{
    size_t from = goes_on ? index->state.n_bytes : 0;
    size_t to;
    do {
        to = scan_end(from, n_bytes, limit);
        if (wants_fields && make_room(index, rules->n_columns, from, to) < 0)
            return SHEAF_ENOMEM;
        rules->kernel->scan(index, text, from, to, (char)rules->dialect->delimiter,
                            (char)quote_mark(rules->dialect), wants_fields);
        from = index->state.n_bytes;
    } while (to < n_bytes && is_cut(rules, index, to));
    return SHEAF_OK;
}

sheaf_status sheaf__run_take(sheaf__run *run, const sheaf__run_rules *rules, sheaf__scan *index,
                             const uint8_t *text, size_t n_bytes, sheaf__batch *batch,
                             sheaf__run_limit limit)
{
    const sheaf__scan_kernel *kernel = rules->kernel;
    const sheaf_dialect *dialect = rules->dialect;
    bool goes_on = run->is_cut;
    *run = (sheaf__run){0};
    /* A line of blanks alone is a blank line: in a table of one column it looks like a record. */
    if (!kernel || (dialect->padding > 0 && rules->n_columns == 1))
        return SHEAF_OK;
    const uint8_t *escape = dialect->escape == SHEAF_NONE ? NULL
                                                          : memchr(text, dialect->escape, n_bytes);
    if (escape)
        n_bytes = (size_t)(escape - text);
    if (find_records(rules, index, text, n_bytes, batch != NULL, limit, goes_on) < 0)
        return SHEAF_ENOMEM;
    size_t n_lines = measure(run, rules, index, text, n_bytes, limit);
    run->is_cut = !escape && is_cut(rules, index, n_bytes);
    if (!index->ascii && !kernel->is_utf8(text, run->n_bytes)) {
        size_t n_valid = sheaf__utf8_valid_prefix(text, run->n_bytes);
        n_lines = measure(run, rules, index, text, n_valid, limit);
    }
    run->n_lines = index->quoted_lines ? kernel->count_lines(text, run->n_bytes) : n_lines;
    if (!batch || run->records == 0)
        return SHEAF_OK;
    sheaf_status status = sheaf__batch_reserve(batch, run->n_bytes,
                                               run->records * rules->n_columns);
    if (status == SHEAF_OK && batch->wants_places)
        status = sheaf__batch_reserve_places(batch, run->records);
    if (status < 0) {
        *run = (sheaf__run){0};
        return status == SHEAF_ELIMIT ? SHEAF_OK : status; /* the parser says what is too large */
    }
    size_t base = batch->n_bytes;
    memcpy(batch->bytes + base, text, run->n_bytes);
    if (!index->quotes && !index->crs && run->blank_lines == 0 && dialect->padding < 0) {
        add_plain_cells(batch, base, index, run->records * rules->n_columns);
        batch->n_plain_rows += run->records;
        batch->n_plain_bytes += run->n_bytes;
        run->is_plain = true;
    } else {
        add_cells(batch, base, dialect, index, n_lines);
    }
    if (batch->wants_places)
        add_places(batch, kernel, index, text, n_lines);
    batch->n_bytes += run->n_bytes;
    batch->n_rows += run->records;
    return SHEAF_OK;
}
