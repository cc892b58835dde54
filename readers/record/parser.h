/*
 * Records by libcsv: the language of the default dialect, and a parser for one worker. Dialects
 * that libcsv does not know are parsed by by_byte.h.
 *
 * libcsv reads RFC 4180 leniently (CSV_STRICT off) and keeps blanks. It is fed whole physical
 * lines, one at a time: a line ends at most one record, so the caller knows where each record
 * begins and ends, which libcsv itself does not tell.
 *
 * What its lenience means, exactly: a quote inside a field that did not begin with one is text; in
 * a field that did, a quote that is neither doubled nor followed by a separator or line end is
 * text, and the field goes on being quoted. machine.h follows the same rules.
 */
#ifndef SHEAF_RECORD_PARSER_H
#define SHEAF_RECORD_PARSER_H

#include <stdbool.h>
#include <stdint.h>

#include <sheaf/dialect.h>
#include <sheaf/status.h>

#include "engine/table/batch.h"
#include "readers/scan/scan.h"

typedef struct sheaf__parser sheaf__parser;

/* The version of libcsv: "3.0.3". */
const char *sheaf__parser_describe(void);

/* NULL when there is no memory. */
sheaf__parser *sheaf__parser_create(void);
void sheaf__parser_destroy(sheaf__parser *parser);

/* Memory for scans by the same worker. NULL when there is none. */
sheaf__scan *sheaf__parser_index(sheaf__parser *parser);

/*
 * Get ready for the first byte of a record. Fields go to `batch`; NULL: they are only counted. To
 * be called again after each failure; between records of one file it need not be. The dialect is
 * known whole.
 */
void sheaf__parser_begin(sheaf__parser *parser, const sheaf_dialect *dialect, sheaf__batch *batch);

/* A record may have so many fields: one that has more is a file that is no table. */
#define SHEAF__FIELDS_MAX (1u << 20)

/*
 * Parse one physical line, its end included. *record_ended tells whether a record ended with it:
 * then *n_fields is how many fields that had.
 *
 * Returns    OK; ENOMEM, or ELIMIT (more than FIELDS_MAX fields, or than 4 GiB of text in a batch).
 */
sheaf_status sheaf__parser_line(sheaf__parser *parser, const uint8_t *line, size_t n_bytes,
                                bool *record_ended, size_t *n_fields);

/* The text is over, and its last line, which was parsed, has no end. As for a line. */
sheaf_status sheaf__parser_end(sheaf__parser *parser, bool *record_ended, size_t *n_fields);

#endif
