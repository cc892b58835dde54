/*
 * What the columns of one file are called: see <sheaf/schema.h>.
 *
 * An empty name becomes "column<position>". Of several columns of one file that are called the
 * same, or whose names match, one keeps its name: that which is spelled as the table has it, or if
 * there is none the first. The others become "name_2", "name_3", ..., the next number that makes a
 * name which matches none of the file's. Then come the names that the user gives.
 */
#ifndef SHEAF_TABLE_NAMING_H
#define SHEAF_TABLE_NAMING_H

#include "engine/table/batch.h"
#include "engine/table/rules.h"

typedef struct sheaf__naming {
    sheaf_arena *arena;
    sheaf__names own;          /* one for each column, unique */
    sheaf__names changed;      /* the same with the names that the user gives, if he gives any */
    const sheaf__names *names; /* the one or the other */
    bool is_open;              /* who keeps a name depends on the table, which was not known */
    const char *clash;         /* two of them would be called so; NULL: none would */
} sheaf__naming;

/*
 * Name the columns of a header, the only row of `header`. `table` are the table's columns so far;
 * NULL: they are not known here.
 *
 * Returns    OK, with a clash too (`names` then mean nothing); ENOMEM. To be ended in any case.
 */
sheaf_status sheaf__naming_make(sheaf__naming *naming, const sheaf__rule_names *rules,
                                const sheaf__batch *header, const sheaf__names *table);
void sheaf__naming_end(sheaf__naming *naming);

#endif
