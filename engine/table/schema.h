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
 * One thread at a time.
 */
#ifndef SHEAF_TABLE_SCHEMA_H
#define SHEAF_TABLE_SCHEMA_H

#include <sheaf/status.h>

#include "engine/table/batch.h"
#include "engine/table/names.h"

typedef struct sheaf__layout {
    size_t n_columns;
    const uint32_t *column_of; /* the united column of each of the file's columns */
} sheaf__layout;

typedef struct sheaf__schema {
    sheaf_arena *arena;     /* permanent */
    sheaf__names columns;   /* the united table */
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
 * The layout of a header, the only row of `header`: a new one adds its columns to the united table.
 *
 * Returns    OK with *layout_index, which stays good; ENOMEM.
 */
sheaf_status sheaf__schema_add(sheaf__schema *schema, const sheaf__batch *header,
                               uint32_t *layout_index, sheaf_error *err);

#endif
