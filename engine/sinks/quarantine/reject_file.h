/*
 * What the record of a file must be read with when only its bytes are left, in a quarantine: an
 * object of JSON for each file that has records there.
 *
 *     {"quarantine":1,"file":"2014/bexar.csv","header":true,"columns":["county","office",null],
 *      "places":[0,1,null],
 *      "dialect":{"delimiter":",","quote":"\"","escape":null,"comment":null,"padding":false},
 *      "nulls":["NA"],"origins":["line","file"],"added":["line","source"],
 *      "record_bytes_max":67108864}
 *
 * "quarantine" is the number of this format. "columns" has, for each field of a record, the name of
 * its column in the table, or null if the table has none for it, and "places" which it is there,
 * from 0; "nulls" are the texts that stand
 * for null beside the empty one; "added" names the table's columns that tell where a row comes
 * from, and "origins" says what each of them tells. Of a record that is larger than
 * "record_bytes_max" (with the code "limit") only so many bytes are there.
 *
 * In a file of JSON lines it stands before the file's first record; in a database it is the column
 * "header" of the table NAME_quarantine_files.
 */
#ifndef SHEAF_SINKS_QUARANTINE_REJECT_FILE_H
#define SHEAF_SINKS_QUARANTINE_REJECT_FILE_H

#include <sheaf/dialect.h>
#include <sheaf/schema.h>

#include "engine/core/arena.h"
#include "engine/sinks/sink.h"

enum { SHEAF__QUARANTINE_FORMAT = 1 };

struct sheaf__reject_file {
    const char *path;
    sheaf_dialect dialect; /* known whole */
    size_t n_columns;
    const sheaf__text *columns; /* their names in the table; without bytes: it has none for it */
    const uint32_t *places;     /* which they are there, from 0; of those that it has */
    const char *const *nulls;
    size_t n_nulls;
    size_t n_added; /* columns that tell where a row comes from */
    sheaf_origin origins[SHEAF_ORIGINS];
    sheaf__text added[SHEAF_ORIGINS];
    uint32_t added_places[SHEAF_ORIGINS];
    size_t record_bytes_max;
};

/* "file", "line", "row". */
const char *sheaf__origin_name(sheaf_origin origin);

/*
 * The object, from malloc, with a NUL behind it; NULL: no memory. `names` (or NULL) are what the
 * table's columns are called by a destination that has names of its own.
 */
char *sheaf__reject_file_json(const sheaf__reject_file *file, const char *const *names);

#endif
