/*
 * The united table's columns, and how each kind of file maps onto them.
 *
 * A layout is what a header says: the names of a file's columns, made unique and never empty, and
 * the united column that each belongs to. Files with the same header share one layout. Columns are
 * united by name, in the order in which the files, in file order, first name them.
 *
 * Naming: an empty name becomes "column<position>"; the second and later columns of one name become
 * "name_2", "name_3", ..., the next number that no column of the file is called.
 *
 * Beside its name a united column has the kinds of values that were found in it, from which its
 * type follows, or the type that was asked for.
 *
 * One thread at a time; any number while nobody adds to it.
 */
#ifndef SHEAF_TABLE_SCHEMA_H
#define SHEAF_TABLE_SCHEMA_H

#include <sheaf/status.h>

#include <sheaf/type.h>

#include "engine/table/batch.h"
#include "engine/table/kinds.h"
#include "engine/table/names.h"

typedef struct sheaf__layout {
    size_t n_columns;
    const uint32_t *column_of; /* the united column of each of the file's columns */
} sheaf__layout;

/* The types that a user asked for. */
typedef struct sheaf__asked_types {
    const sheaf_column_type *items;
    size_t n;
} sheaf__asked_types;

typedef struct sheaf__schema {
    sheaf_arena *arena;   /* permanent */
    sheaf__names columns; /* the united table */
    sheaf__kinds *kinds;  /* of each of them */
    size_t kinds_capacity;
    sheaf__names headers;   /* each distinct header, its cells packed into one key */
    sheaf__layout *layouts; /* one for each key */
    size_t layouts_capacity;
} sheaf__schema;

/*
 * What the column of a header's field, from 0, is called: escaped for people, "" beyond the last
 * one. The header need not have been added.
 */
void sheaf__schema_show_name(const sheaf__batch *header, size_t i, char *text, size_t size);

sheaf_status sheaf__schema_init(sheaf__schema *schema, sheaf_error *err);
void sheaf__schema_end(sheaf__schema *schema);

/*
 * Which types are asked for of the columns of a header, which need not have been added: types[i],
 * SHEAF_TYPE_NULL for those of which none is.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__schema_asked(const sheaf__asked_types *asked, const sheaf__batch *header,
                                 sheaf_type *types);

/*
 * The layout of a header, the only row of `header`: a new one adds its columns to the united table.
 *
 * Returns    OK with *layout_index, which stays good; ENOMEM.
 */
sheaf_status sheaf__schema_add(sheaf__schema *schema, const sheaf__batch *header,
                               uint32_t *layout_index, sheaf_error *err);

/* The layout of a header that was added; SHEAF__NO_NAME when it was not, or there is no memory. */
uint32_t sheaf__schema_find(const sheaf__schema *schema, const sheaf__batch *header);

/* A file of this layout holds these kinds, one set for each of its columns. */
void sheaf__schema_widen(sheaf__schema *schema, uint32_t layout_index, const sheaf__kinds *kinds);

/* The column of a file of this layout for each united one: from[i], or SHEAF__NO_NAME. */
void sheaf__schema_project(const sheaf__schema *schema, uint32_t layout_index, uint32_t *from);

/*
 * The types of all columns, whether each was asked for, and whether it may be null: types[i],
 * is_asked[i], nullable[i]. What is asked for wins over what was found (nothing was, if `found` is
 * false: text). A column that some header lacks may be null.
 */
void sheaf__schema_types(const sheaf__schema *schema, const sheaf__asked_types *asked, bool found,
                         sheaf_type *types, bool *is_asked, bool *nullable);

#endif
