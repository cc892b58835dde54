/*
 * The objects of a quarantine, from JSON. SQLite says whether a text is JSON, and finds members;
 * the strings in it are read here, because bytes that are no UTF-8 stand there as lone surrogates
 * (sheaf_text_json), which JSON libraries refuse or replace.
 */
#ifndef SHEAF_SINKS_QUARANTINE_HELD_JSON_H
#define SHEAF_SINKS_QUARANTINE_HELD_JSON_H

#include "engine/sinks/quarantine/held.h"

/* What finds members. */
typedef struct sheaf__held_json sheaf__held_json;

/* OK, ENOMEM; EDATABASE: this SQLite knows no JSON. */
sheaf_status sheaf__held_json_open(sheaf__held_json **json, sheaf_error *err);
void sheaf__held_json_close(sheaf__held_json *json); /* also of NULL */

/*
 * A line, and a NUL behind it: a file, or a record, whose file is for the caller to find.
 *
 * Returns    OK: *file is one, from the arena; or NULL, and *record is filled, its text and *path
 *            in the arena `texts`. EQUARANTINE: what is wrong with the line, without its place;
 *            ENOMEM.
 */
sheaf_status sheaf__held_json_read(sheaf__held_json *json, const char *line, size_t n_bytes,
                                   sheaf_arena *arena, sheaf_arena *texts,
                                   const sheaf__reject_file **file, sheaf__held_record *record,
                                   const char **path, sheaf_error *err);

#endif
