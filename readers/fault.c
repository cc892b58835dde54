/* What is wrong with a record, where, and how to go on: see fault.h. */
#include "readers/fault.h"

#include <inttypes.h>

#include "engine/core/error.h"
#include "readers/record/locate.h"

static uint64_t record_number(const sheaf__reader *reader)
{
    return reader->n_columns > 0 ? reader->counts.records + 1 : 0;
}

/* Say where in the file a place in the current record is, and show its line. */
static void point_to(const sheaf__reader *reader, const sheaf__record *rec,
                     const sheaf__place *place, sheaf_error *err)
{
    if (!err)
        return;
    err->record = record_number(reader);
    err->line = reader->record_line + place->line;
    err->line_byte = place->at - place->line_start + 1;
    err->offset_bytes = reader->window.base_bytes + reader->window.record + place->at;
    err->field = place->field + 1;
    size_t line_end = place->at;
    while (line_end < rec->n_bytes && rec->bytes[line_end] != '\n' && rec->bytes[line_end] != '\r')
        line_end++;
    sheaf__error_excerpt(err, (const char *)rec->bytes + place->line_start,
                         line_end - place->line_start, place->at - place->line_start);
}

/* The record as far as it is in the window: for faults before its end was found. */
sheaf__record sheaf__fault_record(const sheaf__reader *reader)
{
    const sheaf__window *window = &reader->window;
    return (sheaf__record){.bytes = window->bytes + window->record,
                           .n_bytes = window->end - window->record};
}

sheaf_status sheaf__fault_shape(const sheaf__reader *reader, const sheaf__record *rec,
                                sheaf_error *err)
{
    size_t expected = reader->n_columns;
    sheaf_error_set(err, SHEAF_ESHAPE, "record %" PRIu64 " has %zu field%s, the header has %zu",
                    record_number(reader), rec->n_fields, rec->n_fields == 1 ? "" : "s", expected);
    sheaf_error_hint(err, "mend the line, or leave the file out: --on-error skip-file");
    /*
     * Too many: the first that has no column. Too few: the end of the record, where the next is
     * missing.
     */
    sheaf__place place = sheaf__locate_field(rec->bytes, rec->n_bytes, reader->options.delimiter,
                                             expected);
    if (rec->n_fields < expected)
        place.field++;
    point_to(reader, rec, &place, err);
    return SHEAF_ESHAPE;
}

sheaf_status sheaf__fault_encoding(const sheaf__reader *reader, const sheaf__record *rec, size_t at,
                                   sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EENCODING, "byte 0x%02X is not UTF-8", rec->bytes[at]);
    sheaf_error_hint(
        err, "convert the file: iconv -f WINDOWS-1252 -t UTF-8 FILE > FILE.utf8.csv; or leave "
             "it out: --on-error skip-file");
    sheaf__place place = sheaf__locate_byte(rec->bytes, rec->n_bytes, reader->options.delimiter,
                                            at);
    point_to(reader, rec, &place, err);
    return SHEAF_EENCODING;
}

sheaf_status sheaf__fault_quote(const sheaf__reader *reader, sheaf_error *err)
{
    sheaf__record rec = sheaf__fault_record(reader);
    sheaf__place place = {0};
    sheaf_error_set(err, SHEAF_EQUOTE,
                    "the quote is never closed: the file ends inside a quoted field");
    sheaf_error_hint(err, "close or remove the quote, or leave the file out: --on-error skip-file");
    sheaf__locate_open_quote(rec.bytes, rec.n_bytes, reader->options.delimiter, &place);
    point_to(reader, &rec, &place, err);
    return SHEAF_EQUOTE;
}

sheaf_status sheaf__fault_limit(const sheaf__reader *reader, const sheaf__record *rec,
                                sheaf_error *err)
{
    /* Only what is within the limit counts: how much more of it is in the window is chance. */
    size_t limit = reader->options.record_bytes_max;
    sheaf__record begun = {.bytes = rec->bytes,
                           .n_bytes = rec->n_bytes < limit ? rec->n_bytes : limit};
    sheaf__place place = {0};
    bool open = sheaf__locate_open_quote(begun.bytes, begun.n_bytes, reader->options.delimiter,
                                         &place);
    sheaf_error_set(err, SHEAF_ELIMIT, "the record is larger than %zu bytes%s", limit,
                    open ? ": perhaps this quote is never closed" : "");
    sheaf_error_hint(err, "close the quote, raise the limit (--max-record), or leave the file out: "
                          "--on-error skip-file");
    if (!open)
        place = (sheaf__place){0};
    point_to(reader, &begun, &place, err);
    return SHEAF_ELIMIT;
}

sheaf_status sheaf__fault_parser(const sheaf__reader *reader, sheaf_status status, sheaf_error *err)
{
    if (status == SHEAF_ENOMEM)
        return sheaf__error_memory(err, "a record");
    sheaf__record rec = sheaf__fault_record(reader);
    sheaf__place place = sheaf__locate_field(rec.bytes, rec.n_bytes, reader->options.delimiter,
                                             SHEAF__FIELDS_MAX);
    sheaf_error_set(err, status, "the record has more than %u fields", SHEAF__FIELDS_MAX);
    sheaf_error_hint(err, "look whether the separator is right (--delim), or leave the file out: "
                          "--on-error skip-file");
    point_to(reader, &rec, &place, err);
    return status;
}
