/*
 * How headers become a table, as the user asked for it: <sheaf/schema.h>.
 */
#ifndef SHEAF_TABLE_RULES_H
#define SHEAF_TABLE_RULES_H

#include <sheaf/schema.h>
#include <sheaf/status.h>

#include "engine/table/names.h"

typedef struct sheaf__name_list {
    const char *const *items;
    size_t n;
} sheaf__name_list;

typedef struct sheaf__rules {
    sheaf_columns columns;
    sheaf_match match;
    sheaf__name_list select; /* none: all */
    sheaf__name_list drop;
    const sheaf_rename *renames;
    size_t n_renames;
    const sheaf_added_column *added;
    size_t n_added;
} sheaf__rules;

/* Whether lines or records are among the columns that are added. */
bool sheaf__rules_want_places(const sheaf__rules *rules);

/* The names in the rules, to be found by the rules' own match. */
typedef struct sheaf__rule_names {
    const sheaf__rules *rules;
    sheaf__names select;
    sheaf__names drop;
    sheaf__names renamed; /* in the order of rules->renames */
} sheaf__rule_names;

/* Whether they make sense by themselves: no name empty, none twice where one counts. OK, EINVAL. */
sheaf_status sheaf__rules_check(const sheaf__rules *rules, sheaf_error *err);

/* OK; ENOMEM: to be ended as well. */
sheaf_status sheaf__rule_names_init(sheaf__rule_names *names, const sheaf__rules *rules,
                                    sheaf_arena *arena);
void sheaf__rule_names_end(sheaf__rule_names *names);

#endif
