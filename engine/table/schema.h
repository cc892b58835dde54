/*
 * The columns of all files, united by name; which of them the table has; and how each kind of file
 * maps onto it.
 *
 * A layout is what a header says: the columns of a file, named as naming.h has it, and the united
 * column that each belongs to. Files with the same header share one layout. Columns are united by
 * name, in the order in which the files, in file order, first name them. When all headers are
 * known, the rules (<sheaf/schema.h>) say which of these are the table's, and how it is spelled:
 * view.c.
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
#include "engine/table/fit.h"
#include "engine/table/kinds.h"
#include "engine/table/names.h"
#include "engine/table/rules.h"

typedef struct sheaf__layout {
    size_t n_columns;
    const uint32_t *column_of; /* the united column of each of the file's columns */
    const sheaf__name *names;  /* as the file has them; NULL: as the united ones are spelled */
    const bool *unwanted;      /* those that cannot be the table's; NULL: none is known */
} sheaf__layout;

/* A type that a user asked for, or a table that exists. */
typedef struct sheaf__asked_type {
    const char *column; /* its name in the united table */
    sheaf_type type;    /* not null */
    sheaf__fit fit;     /* what else its values must be */
    bool by_table;      /* there need be no such column */
} sheaf__asked_type;

typedef struct sheaf__asked_types {
    const sheaf__asked_type *items;
    size_t n;
} sheaf__asked_types;

typedef struct sheaf__schema {
    sheaf_arena *arena; /* permanent */
    const sheaf__rules *rules;
    sheaf__rule_names asked_names;
    bool *was_renamed;    /* whether a file had that column: one for each of rules->renames */
    sheaf__names columns; /* the united ones */
    sheaf__kinds *kinds;  /* of each of them */
    size_t kinds_capacity;
    sheaf__names headers;   /* each distinct header, its cells packed into one key */
    sheaf__layout *layouts; /* one for each key */
    size_t layouts_capacity;

    /* Of the table, once it is settled. */
    const sheaf__names *table; /* its columns: the united ones, or `chosen` */
    sheaf__names chosen;
    uint32_t *place_of; /* in the table, of each united column, or SHEAF__NO_NAME; NULL: the same */
    uint32_t *source_of; /* the united column of each of the table's; NULL: the same */
    size_t n_added;      /* of its columns, at the end, that no file has: rules->added */
    size_t n_left_out;   /* united columns that rules->columns leaves out */
    bool *is_left_out;   /* each of them; NULL: none is */
} sheaf__schema;

/* rules may be NULL, for none, and must outlive the schema. OK, ENOMEM. */
sheaf_status sheaf__schema_init(sheaf__schema *schema, const sheaf__rules *rules, sheaf_error *err);
void sheaf__schema_end(sheaf__schema *schema);

/*
 * What the column of a header's field, from 0, is called in its file: escaped for people, "" beyond
 * the last one. The header need not have been added.
 */
void sheaf__schema_show_name(const sheaf__schema *schema, const sheaf__batch *header, size_t i,
                             char *text, size_t size);

/*
 * What may be known of the columns of a header before others are: types[i], the type that is asked
 * for, SHEAF_TYPE_NULL if none is, and by which of the items of `asked`; and whether it surely will
 * be none of the table's.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__schema_foresee(const sheaf__rules *rules, const sheaf__asked_types *asked,
                                   const sheaf__batch *header, sheaf_type *types, uint32_t *which,
                                   bool *unwanted);

/*
 * Whether a header, the only row of `header`, may be added: OK; ECOLUMNS: it is not that of the
 * first file, as it should be (STRICT); ENOMEM.
 */
sheaf_status sheaf__schema_check(const sheaf__schema *schema, const sheaf__batch *header,
                                 sheaf_error *err);

/*
 * The layout of a header: a new one adds its columns to the united ones.
 *
 * Returns    OK with *layout_index, which stays good; EINVAL: two of its columns would be called
 *            the same; ENOMEM.
 */
sheaf_status sheaf__schema_add(sheaf__schema *schema, const sheaf__batch *header,
                               uint32_t *layout_index, sheaf_error *err);

/*
 * Before any header: a column that the table has in any case, and that no file need have. OK,
 * ENOMEM.
 */
sheaf_status sheaf__schema_seed(sheaf__schema *schema, const char *name, size_t n_name);

/* The layout of a header that was added; SHEAF__NO_NAME when it was not. OK, ENOMEM. */
sheaf_status sheaf__schema_find(const sheaf__schema *schema, const sheaf__batch *header,
                                uint32_t *layout_index);

/* A file of this layout holds these kinds, one set for each of its columns. */
void sheaf__schema_widen(sheaf__schema *schema, uint32_t layout_index, const sheaf__kinds *kinds);

/*
 * All headers were added: which columns has the table?
 *
 * Returns    OK; EINVAL: a column is asked for that there is not, or none is left; ENOMEM.
 */
sheaf_status sheaf__schema_settle(sheaf__schema *schema, sheaf_error *err);

/* In how many of the headers each united column is, from malloc; NULL when there is no memory. */
uint32_t *sheaf__schema_uses(const sheaf__schema *schema);

/*
 * Whether files of this layout have columns that rules->columns leaves out: of the united ones,
 * these are set.
 */
bool sheaf__schema_leaves_out(const sheaf__schema *schema, uint32_t layout_index, bool *columns);

/* The column of a file of this layout for each of the table's: from[i], or SHEAF__NO_NAME. */
void sheaf__schema_project(const sheaf__schema *schema, uint32_t layout_index, uint32_t *from);

/* Whether any file has a column that is called so, be it the table's or not. */
bool sheaf__schema_knows(const sheaf__schema *schema, const char *name);

/* How to go on when there is no column that is called so. */
void sheaf__schema_hint(const sheaf__schema *schema, const char *name, sheaf_error *err);

/*
 * The types of the table's columns, but for those that are added, whether each was asked for, and
 * whether it may be null: types[i], is_asked[i], nullable[i]. What is asked for wins over what was
 * found (nothing was, if `found` is false: text). A column that some header lacks may be null. And
 * fits[i], what else is asked of its values.
 *
 * Returns    OK, ENOMEM.
 */
sheaf_status sheaf__schema_types(const sheaf__schema *schema, const sheaf__asked_types *asked,
                                 bool found, sheaf_type *types, bool *is_asked, sheaf__fit *fits,
                                 bool *nullable);

#endif
