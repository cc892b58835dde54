/*
 * An entry of a ledger as every kind of ledger writes it: the names of its columns, their order,
 * and what stands there for what is not known. A table has a column for each, a sidecar a member.
 */
#ifndef SHEAF_LEDGER_ENTRY_H
#define SHEAF_LEDGER_ENTRY_H

#include "engine/ledger/ledger.h"

enum { SHEAF__ENTRY_COLUMNS = 24 };

typedef enum sheaf__entry_kind {
    SHEAF__ENTRY_PATH, /* bytes, that need not be text */
    SHEAF__ENTRY_TEXT,
    SHEAF__ENTRY_NUMBER
} sheaf__entry_kind;

/* A value; a text of none is not known (null). */
typedef struct sheaf__entry_value {
    bool is_null;
    int64_t number;
    const char *text;
} sheaf__entry_value;

const char *sheaf__entry_name(size_t column);
sheaf__entry_kind sheaf__entry_kind_of(size_t column);

/* Which column has this name, or SHEAF__ENTRY_COLUMNS: none. */
size_t sheaf__entry_find(const char *name);

/* What a file has there. A text is the file's own, or is written to `scratch`. */
sheaf__entry_value sheaf__entry_get(const sheaf__ledger_file *file, size_t column,
                                    char scratch[SHEAF__CONTENT_TEXT_BYTES]);

/*
 * Give a file, which nothing is known of yet (sheaf__ledger_file_init), what stands there; texts
 * are not copied. False: nothing that we write is such a value.
 */
bool sheaf__entry_set(sheaf__ledger_file *file, size_t column, const sheaf__entry_value *value);

#endif
