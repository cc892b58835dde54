/*
 * Which source files a destination holds: a ledger, kept with its rows (a table beside theirs in a
 * database, sidecar.h for files), so that a load can go on where another one ended.
 *
 * A file is known by its real path: absolute, without symbolic links. Of a path that was loaded
 * more than once the last counts. What became of the file's bytes since is told by its size and
 * time, and where these leave a doubt by a hash of its content (content.h).
 *
 * What was counted of it stands there too, so that records = loaded + rejected + skipped for each.
 * A file that was left out is told of, with its error, by each load that left it out; to a later
 * load it is new.
 */
#ifndef SHEAF_LEDGER_LEDGER_H
#define SHEAF_LEDGER_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sheaf/discover.h>
#include <sheaf/fix.h>
#include <sheaf/status.h>
#include <sheaf/type.h>

#include "engine/table/names.h"

#define SHEAF__NO_LEDGER_FILE UINT32_MAX

/* A source file, as it was when it was loaded, or left out. */
typedef struct sheaf__ledger_file {
    const char *file;    /* as it was named */
    const char *path;    /* its real path; of a stream the same as file */
    uint64_t size_bytes; /* SHEAF_UNKNOWN: a stream, which has no time and no content either */
    int64_t mtime_ns;
    bool is_settled; /* the time tells: nobody can have written within the same tick of its clock */
    bool has_content;
    uint64_t content;
    uint64_t records;
    uint64_t loaded;
    uint64_t rejected;
    uint64_t skipped;     /* left out with their file */
    const char *left_out; /* the name of the error that it was left out with, or NULL */
    uint64_t first_row;   /* of the destination, from 1; 0: not known */
    uint64_t blank_lines;
    uint64_t comment_lines;
    uint64_t preamble_lines;
    uint64_t boms;
    uint64_t lone_crs;
    sheaf_repairs repairs;
    const char *encoding;  /* of its text; NULL: it was not opened */
    char delimiter;        /* 0: it had no record */
    const char *loaded_at; /* "2024-02-29T13:05:59Z" */
    const char *loaded_by; /* the version of sheaf */
    int64_t key;           /* for the destination's own use */
    uint32_t previous;     /* another entry of the same path, or SHEAF__NO_LEDGER_FILE */
} sheaf__ledger_file;

/* A column that the destination has. */
typedef struct sheaf__ledger_column {
    const char *name;
    size_t n_name;
    sheaf_type type; /* SHEAF_TYPE_NULL: it has none */
} sheaf__ledger_column;

/* What a destination holds. */
typedef struct sheaf__ledger {
    sheaf_arena *arena;
    bool exists;   /* there are rows, or a place for them */
    bool is_known; /* and a ledger that says from where */
    bool has_names;
    sheaf__ledger_column *columns;
    size_t n_columns;
    size_t columns_capacity;
    sheaf__ledger_file *files; /* in the order of their loading */
    size_t n_files;
    size_t files_capacity;
    sheaf__names paths;
    uint32_t *newest; /* of each of these: the index of its last file */
    size_t newest_capacity;
} sheaf__ledger;

/* A file of which nothing is known yet. */
sheaf__ledger_file sheaf__ledger_file_init(void);

/* Empty. OK, ENOMEM; after both it is to be ended. */
sheaf_status sheaf__ledger_init(sheaf__ledger *ledger, sheaf_error *err);
void sheaf__ledger_end(sheaf__ledger *ledger);

/* Add a copy of a file, behind the others; of a column. OK, ENOMEM. */
sheaf_status sheaf__ledger_add(sheaf__ledger *ledger, const sheaf__ledger_file *file,
                               sheaf_error *err);
sheaf_status sheaf__ledger_add_column(sheaf__ledger *ledger, const sheaf__ledger_column *column,
                                      sheaf_error *err);

/* The last file of this path that has rows there, or NULL; and the one before it, or NULL. */
const sheaf__ledger_file *sheaf__ledger_find(const sheaf__ledger *ledger, const char *path);
const sheaf__ledger_file *sheaf__ledger_previous(const sheaf__ledger *ledger,
                                                 const sheaf__ledger_file *file);

/* How many rows all its files gave. */
uint64_t sheaf__ledger_rows(const sheaf__ledger *ledger);

/* What stands in an entry's place for a hash: 16 digits and a NUL. And back: false: it is none. */
enum { SHEAF__CONTENT_TEXT_BYTES = 17 };
void sheaf__ledger_content_write(uint64_t content, char text[SHEAF__CONTENT_TEXT_BYTES]);
bool sheaf__ledger_content_read(const char *text, uint64_t *content);

#endif
