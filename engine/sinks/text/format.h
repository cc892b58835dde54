/*
 * Rows as text: CSV, TSV and JSON lines, into a block. By the workers that read them, or by the
 * merge, to the same bytes.
 *
 * CSV and TSV: a line for each row, ended by LF. A field is quoted only when it must be: when it
 * holds the separator, a quote, CR or LF, or when it is an empty text, which unquoted would be a
 * null. In a table of one column a null is written `""`: an empty line would not be a row. JSON
 * lines: an object a row, all columns in order, null for null (RFC 8259; jsonlines.org).
 *
 * Much of what is read is written as it stood. Rows that the reader took as they are (batch.h:
 * plain) need no quotes if there is none in them and their fields are parted by the separator; and
 * if their columns are those of the table they are not even copied.
 */
#ifndef SHEAF_SINKS_TEXT_FORMAT_H
#define SHEAF_SINKS_TEXT_FORMAT_H

#include "engine/sinks/sink.h"
#include "engine/sinks/text/block.h"

/* How rows are written: const once it is made, for any thread. */
typedef struct sheaf__style {
    sheaf__text_format format;
    char separator;     /* CSV and TSV */
    bool special[256];  /* bytes that want quotes (CSV, TSV) or escapes (JSON lines) */
    sheaf_arena *arena; /* holds keys */
    sheaf__text *keys;  /* JSON lines: `"name":` of each column */
} sheaf__style;

void sheaf__style_init(sheaf__style *style, sheaf__text_format format);
void sheaf__style_end(sheaf__style *style);

/* Of JSON lines, before the first row: the columns. OK, ENOMEM. */
sheaf_status sheaf__style_name(sheaf__style *style, const sheaf__names *columns, sheaf_error *err);

/*
 * The header of CSV or TSV, if there are columns, into an empty block. OK, ENOMEM.
 */
sheaf_status sheaf__style_header(const sheaf__style *style, const sheaf__names *columns,
                                 sheaf__text_block *block);

/*
 * Rows from the first-th on into an empty block, until it holds about bytes_max or all of them.
 * `begins` says that a file begins with them: then a first field that looks like a byte order mark
 * is quoted, so that it is none. OK, ENOMEM.
 */
sheaf_status sheaf__style_rows(const sheaf__style *style, const sheaf__rows *rows, size_t first,
                               bool begins, size_t bytes_max, sheaf__text_block *block);

/* Whether text looks like a byte order mark there. */
bool sheaf__is_mark(const char *bytes, size_t n_bytes);

#endif
