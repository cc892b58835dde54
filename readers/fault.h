/*
 * The faults of a file: each describes in *err what is wrong with the record that the reader stands
 * at, and returns the status that says so.
 */
#ifndef SHEAF_READERS_FAULT_H
#define SHEAF_READERS_FAULT_H

#include "readers/state.h"

/* The record as far as it is in the window: for faults before its end was found. */
sheaf__record sheaf__fault_record(const sheaf__reader *reader);

/* It has not as many fields as the header. */
sheaf_status sheaf__fault_shape(const sheaf__reader *reader, const sheaf__record *rec,
                                sheaf_error *err);

/* The byte at `at` begins nothing that is UTF-8. */
sheaf_status sheaf__fault_encoding(const sheaf__reader *reader, const sheaf__record *rec, size_t at,
                                   sheaf_error *err);

/* The text ends inside a quoted field. */
sheaf_status sheaf__fault_quote(const sheaf__reader *reader, sheaf_error *err);

/* It is too large. */
sheaf_status sheaf__fault_limit(const sheaf__reader *reader, const sheaf__record *rec,
                                sheaf_error *err);

/* The parser does not go on. */
sheaf_status sheaf__fault_parser(const sheaf__reader *reader, sheaf_status status,
                                 sheaf_error *err);

#endif
