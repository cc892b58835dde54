/*
 * libcsv behind parser.h.
 *
 * libcsv's memory hooks carry no context, so it stays on malloc; it grows its buffer by the block
 * size, so that is 64 KiB. Its callbacks cannot stop a parse: a failure inside them is kept and
 * told after the line. A buffer that one giant field made large is given back at the next begin.
 */
#include "readers/record/parser.h"

#include <stdlib.h>

#include <csv.h>

#include "readers/record/by_byte.h"
#include "readers/record/run.h"

enum { BLOCK_BYTES = 64 << 10, BUFFER_KEEP_BYTES = 1 << 20 };

struct sheaf__parser {
    struct csv_parser csv;
    sheaf__by_byte by_byte;
    bool knows_dialect;  /* libcsv does */
    sheaf__scan *index;  /* made when it is first asked for */
    sheaf__batch *batch; /* NULL: count only */
    size_t n_fields;     /* of the record that is being parsed */
    bool record_ended;
    sheaf_status failure;
};

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *sheaf__parser_describe(void)
{
    return VERSION_TEXT(CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}

static int never_blank(unsigned char byte)
{
    (void)byte;
    return 0;
}

static void csv_setup(struct csv_parser *csv)
{
    csv_init(csv, CSV_EMPTY_IS_NULL); /* fails only without a parser */
    csv_set_space_func(csv, never_blank);
    csv_set_blk_size(csv, BLOCK_BYTES);
}

sheaf__parser *sheaf__parser_create(void)
{
    sheaf__parser *parser = calloc(1, sizeof *parser);
    if (parser)
        csv_setup(&parser->csv);
    return parser;
}

void sheaf__parser_destroy(sheaf__parser *parser)
{
    if (!parser)
        return;
    csv_free(&parser->csv);
    sheaf__by_byte_end(&parser->by_byte);
    sheaf__run_index_destroy(parser->index);
    free(parser);
}

sheaf__scan *sheaf__parser_index(sheaf__parser *parser)
{
    if (!parser->index)
        parser->index = sheaf__run_index_create();
    return parser->index;
}

static void on_field(void *text, size_t n_bytes, void *context)
{
    sheaf__parser *parser = context;
    if (++parser->n_fields > SHEAF__FIELDS_MAX)
        parser->failure = SHEAF_ELIMIT;
    if (!parser->batch || parser->failure < 0)
        return;
    parser->failure = sheaf__batch_reserve(parser->batch, n_bytes, 1);
    if (parser->failure == SHEAF_OK)
        sheaf__batch_add_unsafe(parser->batch, text, n_bytes);
}

static void on_record(int terminator, void *context)
{
    (void)terminator;
    ((sheaf__parser *)context)->record_ended = true;
}

static void begin_csv(struct csv_parser *csv, const sheaf_dialect *dialect)
{
    if (csv_get_buffer_size(csv) > BUFFER_KEEP_BYTES) {
        csv_free(csv);
        csv_setup(csv);
    }
    csv_fini(csv, NULL, NULL, NULL); /* forgets a record that was never ended */
    csv_set_delim(csv, (unsigned char)dialect->delimiter);
    csv_set_quote(csv, (unsigned char)dialect->quote);
}

void sheaf__parser_begin(sheaf__parser *parser, const sheaf_dialect *dialect, sheaf__batch *batch)
{
    parser->knows_dialect = !sheaf__by_byte_is_for(dialect);
    if (parser->knows_dialect)
        begin_csv(&parser->csv, dialect);
    else
        sheaf__by_byte_begin(&parser->by_byte, dialect);
    parser->batch = batch;
    parser->n_fields = 0;
    parser->failure = SHEAF_OK;
}

static sheaf_status parse_by_csv(sheaf__parser *parser, const uint8_t *line, size_t n_bytes)
{
    /*
     * libcsv's buffer grows by one block at a time, and may be copied each time: let a giant line
     * double it.
     */
    size_t size = csv_get_buffer_size(&parser->csv);
    csv_set_blk_size(&parser->csv, n_bytes > size && size > BLOCK_BYTES ? size : BLOCK_BYTES);
    if (csv_parse(&parser->csv, line, n_bytes, on_field, on_record, parser) == n_bytes)
        return SHEAF_OK;
    return csv_error(&parser->csv) == CSV_ETOOBIG ? SHEAF_ELIMIT : SHEAF_ENOMEM;
}

sheaf_status sheaf__parser_line(sheaf__parser *parser, const uint8_t *line, size_t n_bytes,
                                bool *record_ended, size_t *n_fields)
{
    parser->record_ended = false;
    sheaf_status status = parser->knows_dialect
                              ? parse_by_csv(parser, line, n_bytes)
                              : sheaf__by_byte_line(&parser->by_byte, line, n_bytes, on_field,
                                                    parser, &parser->record_ended);
    if (status < 0)
        return status;
    *record_ended = parser->record_ended;
    if (parser->record_ended) {
        *n_fields = parser->n_fields;
        parser->n_fields = 0;
    }
    return parser->failure;
}

sheaf_status sheaf__parser_end(sheaf__parser *parser, bool *record_ended, size_t *n_fields)
{
    if (!parser->knows_dialect && sheaf__by_byte_text_over(&parser->by_byte) < 0)
        return SHEAF_ENOMEM;
    return sheaf__parser_line(parser, (const uint8_t *)"\n", 1, record_ended, n_fields);
}
