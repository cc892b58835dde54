/*
 * How the columns of many files become those of one table.
 *
 * In this order: within a file names are made unique; a column is called anew, if that is asked
 * for; files' columns are matched by name; some are left out (by `columns`, then `select`, then
 * `drop`); at the end of the row come those that are added. Wherever a column is named, in `select`
 * and `drop` and for a type, it is by the name that it has then in the table.
 *
 * Names that are matched are one name: there is no table with both "id" and "ID" under NOCASE. It
 * is spelled as the first file spells it, or as it is called anew.
 */
#ifndef SHEAF_SCHEMA_H
#define SHEAF_SCHEMA_H

#include <sheaf/export.h>

SHEAF_BEGIN_DECLS

/* Which columns the table has, of those that the files have. */
typedef enum sheaf_columns {
    SHEAF_COLUMNS_UNION = 0, /* all, in the order in which the files, in order, first name them */
    SHEAF_COLUMNS_COMMON,    /* those that every file with any has, in the first one's order */
    SHEAF_COLUMNS_FIRST,     /* those of the first file with any; column1, ... are some, too */
    /*
     * The same, and a file whose columns are not exactly these, in this order, has a fault in its
     * header (ECOLUMNS).
     */
    SHEAF_COLUMNS_STRICT
} sheaf_columns;

/* When two names are one. */
typedef enum sheaf_match {
    SHEAF_MATCH_EXACT = 0, /* their bytes are equal */
    /*
     * Their letters are, whatever their case: Unicode's simple mappings, as the C library has them
     * in the locale C.UTF-8, first to upper case and then to lower.
     */
    SHEAF_MATCH_NOCASE,
    /*
     * And they may have other blanks and punctuation: of a name with any other character, ASCII's
     * blanks and controls, _ - . , ; : ! ? / \ ' " ` ( ) [ ] { } and U+00A0, U+00AD, U+2000 to
     * U+206F, U+3000, U+FEFF do not count. (# $ % & * + < = > @ ^ | ~ do.)
     */
    SHEAF_MATCH_LOOSE
} sheaf_match;

/* A column is called anew. */
typedef struct sheaf_rename {
    const char *from; /* as a file has it; of the same name twice, the second is "name_2" */
    const char *to;   /* not empty; two columns of different files may become one */
} sheaf_rename;

/* Where a row comes from. */
typedef enum sheaf_origin {
    SHEAF_ORIGIN_FILE = 0, /* the path, as it was found: text */
    SHEAF_ORIGIN_LINE,     /* where its record begins, from 1; a quoted field may have several */
    SHEAF_ORIGIN_ROW       /* the number of its record in the file, from 1: rejects count */
} sheaf_origin;

enum { SHEAF_ORIGINS = SHEAF_ORIGIN_ROW + 1 };

/* A column that is added to the table. */
typedef struct sheaf_added_column {
    sheaf_origin origin;
    const char *name; /* NULL: "file", "line", "row"; if the table has it, "file_2", ... */
} sheaf_added_column;

SHEAF_END_DECLS

#endif
