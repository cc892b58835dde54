/* Looking for a reason why the text is not plain: see plain.h. */
#include "readers/dialect/plain.h"

#include <string.h>

#include "readers/dialect/candidate.h"
#include "readers/record/machine.h"
#include "readers/scan/scan.h"

/* Text that is scanned at once: its lines are on the stack, and it may be nothing but line ends. */
enum { STRETCH_BYTES = 1536 };

static bool has(const sheaf__sniff_piece *piece, uint8_t byte)
{
    return memchr(piece->bytes, byte, piece->n_bytes) != NULL;
}

/* ---- the first line ---- */

/* A delimiter that may well be one: the only one in the line. 0: there is none, or more. */
static int find_only_delimiter(const uint8_t *line, size_t n_bytes)
{
    int only = 0;
    for (size_t i = 0; sheaf__delimiter_at(i) != 0; i++) {
        int delimiter = sheaf__delimiter_at(i);
        if (sheaf__delimiter_is_rare(delimiter) || !memchr(line, delimiter, n_bytes))
            continue;
        if (only != 0 || delimiter == ':')
            return 0;
        only = delimiter;
    }
    return only;
}

/* Words in every cell, or in most; whoever is told of a delimiter knows that it is one. */
static bool is_plain_header(const sheaf__sniff_piece *head, size_t begin, char delimiter,
                            size_t end, const sheaf_dialect *told, int hint)
{
    sheaf__record first;
    sheaf__walker w;
    sheaf__rules rules = {(uint8_t)delimiter, '"', SHEAF_NONE, SHEAF_NONE, false};
    sheaf__walker_begin(&w, head, begin, &rules);
    if (!sheaf__walker_next(&w, &first) || first.n_filled < 2 || first.has_lone || first.is_broken)
        return false;
    if (sheaf__is_mark(head->bytes[begin]))
        return false;
    uint32_t patterns[SHEAF__CELLS_MAX];
    uint32_t n = first.n_fields < SHEAF__CELLS_MAX ? first.n_fields : SHEAF__CELLS_MAX;
    for (uint32_t i = 0; i < n; i++) {
        sheaf__cell_kind kind = sheaf__cell_kind_of(&first.cells[i]);
        patterns[i] = sheaf__cell_pattern(&first.cells[i], kind);
        if (sheaf__cell_is_typed(kind))
            return false;
    }
    (void)sheaf__walker_next(&w, &first);
    for (uint32_t i = 0; i < n && i < first.n_fields; i++)
        if (patterns[i] != 0 &&
            patterns[i] == sheaf__cell_pattern(&first.cells[i], SHEAF__CELL_TEXT))
            return false;
    if (told->delimiter != 0)
        return true;
    bool is_hint_another = hint != 0 && hint != delimiter &&
                           memchr(head->bytes + begin, hint, end - begin) != NULL;
    return !is_hint_another && find_only_delimiter(head->bytes + begin, end - begin) == delimiter;
}

/* ---- widths ---- */

/* What is known so far of a piece that is scanned in stretches. */
typedef struct count {
    uint32_t width; /* of all records; 0: there was none yet */
    uint32_t n_fields;
    size_t n_bytes; /* up to the last line end */
    size_t n_records;
    size_t first_end; /* of the first record */
} count;

/* Whether these lines are records of one width, or blank. */
static bool take_lines(count *c, const uint8_t *text, const sheaf__scan_line *lines, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t width = lines[i].n_fields - c->n_fields;
        size_t end = (size_t)lines[i].at + 1;
        bool is_blank = width == 1 &&
                        (end - c->n_bytes == 1 ||
                         (end - c->n_bytes == 2 && sheaf__is_line_end(text[c->n_bytes])));
        c->n_fields = lines[i].n_fields;
        c->n_bytes = end;
        if (is_blank && c->n_records == 1)
            return false; /* what stands before a blank line may be a title (frame.c) */
        if (is_blank)
            continue;
        if (c->width == 0) {
            c->width = width;
            c->first_end = end;
        }
        if (width != c->width || width < 2)
            return false;
        c->n_records++;
    }
    return true;
}

/* Behind the last line end: a record that is cut, or one that the text's end ends. */
static bool take_rest(count *c, const uint8_t *rest, size_t n, uint32_t n_fields, bool at_end)
{
    bool has_quote = memchr(rest, '"', n) != NULL;
    if (n == 0)
        return true;
    if (!at_end)
        return !has_quote || (!memchr(rest, '\n', n) && !memchr(rest, '\r', n));
    if (has_quote || rest[n - 1] == '\r')
        return false;
    c->n_records++;
    return n_fields - c->n_fields + 1 == c->width;
}

/* Whether all records from offset `from` of the piece on have one width. */
static bool scan_piece(const sheaf__sniff_piece *piece, size_t from, char delimiter, count *c)
{
    const sheaf__scan_kernel *kernel = sheaf__scan_kernel_get();
    const uint8_t *text = piece->bytes + from;
    size_t n_bytes = piece->n_bytes - from;
    sheaf__scan_line lines[STRETCH_BYTES + 2 * SHEAF__SCAN_SLACK];
    sheaf__scan scan = {.lines = lines};
    if (!kernel)
        return false;
    for (size_t end = 0; end < n_bytes;) {
        size_t begin = scan.state.n_bytes;
        end = n_bytes - begin < STRETCH_BYTES ? n_bytes : begin + STRETCH_BYTES;
        kernel->scan(&scan, text, begin, end, delimiter, '"', false);
        size_t n = end == n_bytes ? scan.n_lines : scan.state.n_lines;
        if (scan.stopped || !take_lines(c, text, lines, n))
            return false;
        scan.state.n_lines = 0; /* they were taken */
    }
    return take_rest(c, text + c->n_bytes, n_bytes - c->n_bytes, (uint32_t)scan.n_fields,
                     piece->at_end);
}

/* ---- other meanings ---- */

static bool may_be_plain(const sheaf_dialect *told)
{
    return (told->quote == 0 || told->quote == '"') && told->escape <= 0 && told->comment <= 0 &&
           told->padding <= 0 && told->skip_lines <= 0 && told->delimiter != '"';
}

bool sheaf__sniff_plain(const sheaf__sniff_text *text, const sheaf_dialect *told, int hint,
                        sheaf__sniffed *found)
{
    const sheaf__sniff_piece *head = &text->pieces[0];
    size_t begin = 0;
    count of_head = {0};
    if (text->n_pieces == 0 || !may_be_plain(told))
        return false;
    while (begin < head->n_bytes && sheaf__is_line_end(head->bytes[begin]))
        begin++;
    size_t line_end = sheaf__line_behind(head->bytes, head->n_bytes, begin);
    int delimiter = told->delimiter;
    if (delimiter == 0)
        delimiter = find_only_delimiter(head->bytes + begin, line_end - begin);
    if (delimiter == 0 || !sheaf__is_free(&(sheaf_dialect){.quote = '"'}, delimiter) ||
        !scan_piece(head, begin, (char)delimiter, &of_head) || of_head.n_records < 2 ||
        !is_plain_header(head, begin, (char)delimiter, begin + of_head.first_end, told, hint))
        return false;
    for (size_t i = 1; i < text->n_pieces; i++) {
        const sheaf__sniff_piece *piece = &text->pieces[i];
        count c = {.width = of_head.width};
        if (!scan_piece(piece, sheaf__line_behind(piece->bytes, piece->n_bytes, 0), (char)delimiter,
                        &c))
            return false;
    }
    bool is_padded = false;
    for (size_t i = 0; i < text->n_pieces; i++)
        if (has(&text->pieces[i], '\\') ||
            sheaf__may_open(&text->pieces[i], (uint8_t)delimiter, '\'', &is_padded))
            return false;
    *found = (sheaf__sniffed){.dialect = {.delimiter = delimiter,
                                          .quote = '"',
                                          .escape = SHEAF_NONE,
                                          .comment = SHEAF_NONE,
                                          .padding = SHEAF_NONE,
                                          .header = told->header ? told->header : 1,
                                          .skip_lines = SHEAF_NONE},
                              .n_columns = of_head.width,
                              .confidence = 1};
    return true;
}
