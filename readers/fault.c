/* What is wrong with a record, where, and how to go on: see fault.h. */
#include "readers/fault.h"

#include <inttypes.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "readers/record/locate.h"
#include "readers/repair.h"
#include "readers/state.h"

enum { VALUE_BYTES = 256 }; /* of a value at fault; fewer are shown */

static sheaf_status note(sheaf__reader *reader, sheaf_status status, const sheaf__record *rec,
                         const sheaf__place *place)
{
    reader->has_fault = true;
    reader->fault = (sheaf__fault){
        .status = status,
        .record = reader->n_columns > 0 ? reader->counts.records + 1 : 0,
        .record_line = reader->record_line,
        .offset_bytes = sheaf__reader_offset(reader),
        .line = reader->record_line + place->line,
        .field = place->field + 1,
        .at = place->at,
        .line_start = place->line_start,
        .n_raw = rec->n_bytes,
        .fixes = reader->options.fixes,
        .n_columns = reader->n_columns,
        .dialect = reader->options.dialect,
    };
    return status;
}

/* So much of a record has to be looked at to find the quote that is open in it: there may be 64 MiB
 * behind its first line that have none. */
static size_t up_to_quotes(const sheaf__reader *reader, size_t n_bytes)
{
    size_t n_read = reader->window.line - reader->window.record;
    return reader->quiet_bytes >= n_bytes && n_read < n_bytes ? n_read : n_bytes;
}

/* The record as far as it is in the window: for faults before its end was found. */
static sheaf__record begun(const sheaf__reader *reader)
{
    const sheaf__window *window = &reader->window;
    return (sheaf__record){.bytes = window->bytes + window->record,
                           .n_bytes = window->end - window->record};
}

sheaf_status sheaf__fault_shape(sheaf__reader *reader, const sheaf__record *rec)
{
    size_t expected = reader->n_columns;
    /*
     * Too many: the first that has no column. Too few: the end of the record, where the next is
     * missing.
     */
    sheaf__place place = sheaf__locate_field(rec->bytes, rec->n_bytes, &reader->options.dialect,
                                             expected);
    if (rec->n_fields < expected)
        place.field++;
    note(reader, SHEAF_ESHAPE, rec, &place);
    reader->fault.n_found = rec->n_fields;
    reader->fault.n_expected = expected;
    return SHEAF_ESHAPE;
}

sheaf_status sheaf__fault_encoding(sheaf__reader *reader, const sheaf__record *rec, size_t at)
{
    sheaf__place place = sheaf__locate_byte(rec->bytes, rec->n_bytes, &reader->options.dialect, at);
    note(reader, SHEAF_EENCODING, rec, &place);
    reader->fault.byte = rec->bytes[at];
    reader->fault.decoded = reader->counts.encoding > SHEAF__ENCODING_UTF_8;
    return SHEAF_EENCODING;
}

sheaf_status sheaf__fault_value(sheaf__reader *reader, const sheaf__record *rec,
                                const sheaf__misfit *misfit)
{
    sheaf__place place = sheaf__locate_field(rec->bytes, rec->n_bytes, &reader->options.dialect,
                                             misfit->column);
    note(reader, SHEAF_ETYPE, rec, &place);
    reader->fault.type = misfit->type;
    reader->fault.fit = misfit->fit;
    return SHEAF_ETYPE;
}

sheaf_status sheaf__fault_quote(sheaf__reader *reader)
{
    sheaf__record rec = begun(reader);
    sheaf__place place = {0};
    sheaf__locate_open_quote(rec.bytes, up_to_quotes(reader, rec.n_bytes), &reader->options.dialect,
                             &place);
    return note(reader, SHEAF_EQUOTE, &rec, &place);
}

sheaf_status sheaf__fault_lone_quote(sheaf__reader *reader, size_t at)
{
    sheaf__record rec = begun(reader);
    sheaf__place place = sheaf__locate_byte(rec.bytes, rec.n_bytes, &reader->options.dialect, at);
    note(reader, SHEAF_EQUOTE, &rec, &place);
    reader->fault.lone = true;
    return SHEAF_EQUOTE;
}

sheaf_status sheaf__fault_limit(sheaf__reader *reader, const sheaf__record *rec)
{
    /* Only what is within the limit counts: how much more of it is in the window is chance. */
    size_t limit = reader->options.record_bytes_max;
    sheaf__record within = {.bytes = rec->bytes,
                            .n_bytes = rec->n_bytes < limit ? rec->n_bytes : limit};
    sheaf__place place = {0};
    bool open = sheaf__locate_open_quote(within.bytes, up_to_quotes(reader, within.n_bytes),
                                         &reader->options.dialect, &place);
    if (!open)
        place = (sheaf__place){0};
    note(reader, SHEAF_ELIMIT, &within, &place);
    reader->fault.open = open;
    reader->fault.n_expected = limit;
    return SHEAF_ELIMIT;
}

sheaf_status sheaf__fault_fields(sheaf__reader *reader)
{
    sheaf__record rec = begun(reader);
    sheaf__place place = sheaf__locate_field(rec.bytes, rec.n_bytes, &reader->options.dialect,
                                             SHEAF__FIELDS_MAX);
    note(reader, SHEAF_ELIMIT, &rec, &place);
    reader->fault.n_found = SHEAF__FIELDS_MAX + 1;
    reader->fault.n_expected = SHEAF__FIELDS_MAX;
    return SHEAF_ELIMIT;
}

/* ---- in words ---- */

/* How to go on: this, or an option that mends the record. */
static void advise(const sheaf__fault *fault, const uint8_t *raw, const char *advice,
                   sheaf_error *err)
{
    const char *fix = sheaf__repair_advice(fault, raw);
    sheaf_error_hint(err, fix ? "%s, or repair it: --fix %s" : "%s", advice, fix);
}

static void tell_shape(const sheaf__fault *fault, const uint8_t *raw, sheaf_error *err)
{
    sheaf_error_set(
        err, SHEAF_ESHAPE, "record %" PRIu64 " has %" PRIu64 " field%s, the header has %" PRIu64,
        fault->record, fault->n_found, fault->n_found == 1 ? "" : "s", fault->n_expected);
    if (fault->record == 1 && fault->n_found == fault->n_expected + 1 &&
        !sheaf__repair_would_trim(fault, raw))
        sheaf_error_hint(err,
                         "mend the line; or if all records have one field more than the header, as "
                         "R's row names make it: --skip %" PRIu64 " --header no",
                         fault->record_line - 1);
    else
        advise(fault, raw, "mend the line", err);
}

static void tell_quote(const sheaf__fault *fault, const uint8_t *raw, sheaf_error *err)
{
    sheaf_error_set(err, SHEAF_EQUOTE, "the quote is never closed: %s",
                    fault->lone ? "behind its line comes a quote that is neither doubled nor the "
                                  "end of the field"
                                : "the file ends inside a quoted field");
    advise(fault, raw, "close or remove the quote", err);
}

/* The value of the field that begins at fault->at, or as much of it as there is room for. */
static size_t read_value(const sheaf__fault *fault, const uint8_t *raw, char *value, size_t size)
{
    sheaf__machine machine = {0};
    size_t n = 0;
    for (size_t at = fault->at; at < fault->n_raw && n < size; at++) {
        sheaf__step step = sheaf__machine_step(&machine, raw[at], &fault->dialect);
        if (step == SHEAF__STEP_FIELD || step == SHEAF__STEP_RECORD)
            break;
        if (step == SHEAF__STEP_TEXT)
            value[n++] = (char)raw[at];
    }
    return n - machine.n_held;
}

/* What a column of an existing table does not take. */
static void tell_unfit(const sheaf__fault *fault, const char *shown, bool is_null, sheaf_error *err)
{
    char type[SHEAF__FIT_NAME_BYTES];
    sheaf__fit_name(&fault->fit, type);
    if (is_null)
        sheaf_error_set(err, SHEAF_ETYPE,
                        "there is no value, and the table's column (%s) needs one", type);
    else
        sheaf_error_set(err, SHEAF_ETYPE, "'%s' does not fit into the table's column, which is %s",
                        shown, type);
    sheaf_error_hint(err, "mend the value, or alter the table");
}

static void tell_value(const sheaf__fault *fault, const uint8_t *raw, sheaf_error *err)
{
    char value[VALUE_BYTES];
    char shown[120];
    size_t n_value = read_value(fault, raw, value, sizeof value);
    sheaf_text_escape(value, n_value, shown, sizeof shown);
    if (fault->type == SHEAF_TYPE_NULL) {
        sheaf_error_set(err, SHEAF_ETYPE,
                        "'%s' has a NUL byte, which PostgreSQL's text cannot hold", shown);
        sheaf_error_hint(err, "remove the byte");
        return;
    }
    if (fault->fit.kind != SHEAF__FIT_ANY) {
        tell_unfit(fault, shown, n_value == 0 && fault->fit.not_null, err);
        return;
    }
    sheaf_error_set(err, SHEAF_ETYPE, "'%s' is not of type %s", shown,
                    sheaf_type_name(fault->type));
    sheaf_error_hint(err, "without --type for this column its type is found out");
}

static void tell_limit(const sheaf__fault *fault, sheaf_error *err)
{
    if (fault->n_found > 0) {
        sheaf_error_set(err, SHEAF_ELIMIT, "the record has more than %" PRIu64 " fields",
                        fault->n_expected);
        sheaf_error_hint(err, "look whether the separator is right (--delim)");
        return;
    }
    sheaf_error_set(err, SHEAF_ELIMIT, "the record is larger than %" PRIu64 " bytes%s",
                    fault->n_expected, fault->open ? ": perhaps this quote is never closed" : "");
    sheaf_error_hint(err, "close the quote, or raise the limit (--max-record)");
}

void sheaf__fault_tell(const sheaf__fault *fault, const uint8_t *raw, sheaf_error *err)
{
    switch (fault->status) {
    case SHEAF_ESHAPE:
        tell_shape(fault, raw, err);
        break;
    case SHEAF_EQUOTE:
        tell_quote(fault, raw, err);
        break;
    case SHEAF_EENCODING:
        if (fault->decoded)
            sheaf_error_set(err, SHEAF_EENCODING, "here is no text in the file's encoding");
        else
            sheaf_error_set(err, SHEAF_EENCODING, "byte 0x%02X is not UTF-8", fault->byte);
        sheaf_error_hint(err, "if the whole file has another encoding: --encoding NAME");
        break;
    case SHEAF_ETYPE:
        tell_value(fault, raw, err);
        break;
    default:
        tell_limit(fault, err);
    }
    if (!err)
        return;
    err->record = fault->record;
    err->line = fault->line;
    err->line_byte = fault->at - fault->line_start + 1;
    err->offset_bytes = fault->offset_bytes + fault->at;
    err->field = fault->field;
    size_t line_end = fault->at;
    while (line_end < fault->n_raw && raw[line_end] != '\n' && raw[line_end] != '\r')
        line_end++;
    sheaf__error_excerpt(err, (const char *)raw + fault->line_start, line_end - fault->line_start,
                         fault->at - fault->line_start);
}
