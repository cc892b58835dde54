/* What the user asked for, seen by itself: see rules.h. */
#include "engine/table/rules.h"

#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/table/match.h"

enum { ARENA_CHUNK_BYTES = 4 << 10 };

bool sheaf__rules_want_places(const sheaf__rules *rules)
{
    for (size_t i = 0; i < rules->n_added; i++)
        if (rules->added[i].origin != SHEAF_ORIGIN_FILE)
            return true;
    return false;
}

static bool add(sheaf__names *names, const char *name, bool *added)
{
    return sheaf__names_add(names, name, strlen(name), added) != SHEAF__NO_NAME;
}

static bool add_list(sheaf__names *names, const sheaf__name_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        if (!add(names, list->items[i], NULL))
            return false;
    return true;
}

sheaf_status sheaf__rule_names_init(sheaf__rule_names *names, const sheaf__rules *rules,
                                    sheaf_arena *arena)
{
    *names = (sheaf__rule_names){.rules = rules};
    sheaf__names_init_matched(&names->select, arena, rules->match);
    sheaf__names_init_matched(&names->drop, arena, rules->match);
    sheaf__names_init_matched(&names->renamed, arena, rules->match);
    bool good = add_list(&names->select, &rules->select) && add_list(&names->drop, &rules->drop);
    for (size_t i = 0; i < rules->n_renames && good; i++)
        good = add(&names->renamed, rules->renames[i].from, NULL);
    return good ? SHEAF_OK : SHEAF_ENOMEM;
}

void sheaf__rule_names_end(sheaf__rule_names *names)
{
    sheaf__names_end(&names->select);
    sheaf__names_end(&names->drop);
    sheaf__names_end(&names->renamed);
}

/* ---- do they make sense? ---- */

static sheaf_status refuse(const char *name, const char *what, sheaf_error *err)
{
    char shown[120];
    sheaf_text_escape(name, strlen(name), shown, sizeof shown);
    return sheaf_error_set(err, SHEAF_EINVAL, "the column '%s' is %s", shown, what);
}

static sheaf_status check_list(const sheaf__name_list *list, const char *what, sheaf_error *err)
{
    for (size_t i = 0; i < list->n; i++)
        if (!list->items[i] || !list->items[i][0])
            return sheaf_error_set(err, SHEAF_EINVAL, "a column to be %s has no name", what);
    return SHEAF_OK;
}

static sheaf_status check_twice(const sheaf__rules *rules, sheaf_arena *arena, sheaf_error *err)
{
    bool added = true;
    sheaf_status status = SHEAF_OK;
    sheaf__names seen;
    sheaf__names_init_matched(&seen, arena, rules->match);
    for (size_t i = 0; i < rules->select.n && status == SHEAF_OK; i++) {
        if (!add(&seen, rules->select.items[i], &added))
            status = sheaf__error_memory(err, "the columns");
        else if (!added)
            status = refuse(rules->select.items[i], "selected twice", err);
    }
    sheaf__names_end(&seen);
    sheaf__names_init_matched(&seen, arena, rules->match);
    for (size_t i = 0; i < rules->n_renames && status == SHEAF_OK; i++) {
        if (!add(&seen, rules->renames[i].from, &added))
            status = sheaf__error_memory(err, "the columns");
        else if (!added)
            status = refuse(rules->renames[i].from, "renamed twice", err);
    }
    sheaf__names_end(&seen);
    return status;
}

sheaf_status sheaf__rules_check(const sheaf__rules *rules, sheaf_error *err)
{
    if ((unsigned)rules->columns > SHEAF_COLUMNS_STRICT)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such choice of columns");
    if ((unsigned)rules->match > SHEAF_MATCH_LOOSE)
        return sheaf_error_set(err, SHEAF_EINVAL, "there is no such way to match names");
    sheaf_status status = sheaf__match_check(rules->match, err);
    if (status == SHEAF_OK)
        status = check_list(&rules->select, "selected", err);
    if (status == SHEAF_OK)
        status = check_list(&rules->drop, "dropped", err);
    for (size_t i = 0; i < rules->n_renames && status == SHEAF_OK; i++) {
        const sheaf_rename *each = &rules->renames[i];
        if (!each->from || !each->from[0] || !each->to || !each->to[0])
            status = sheaf_error_set(err, SHEAF_EINVAL, "a column is renamed from or to no name");
    }
    for (size_t i = 0; i < rules->n_added && status == SHEAF_OK; i++) {
        const sheaf_added_column *each = &rules->added[i];
        if ((unsigned)each->origin >= SHEAF_ORIGINS || (each->name && !each->name[0]))
            status = sheaf_error_set(err, SHEAF_EINVAL,
                                     "a column is added without a name, or of "
                                     "no known origin");
        for (size_t k = 0; k < i && status == SHEAF_OK; k++)
            if (rules->added[k].origin == each->origin)
                status = sheaf_error_set(err, SHEAF_EINVAL, "a column is added twice");
    }
    if (status < 0)
        return status;
    sheaf_arena *arena = sheaf__arena_create(NULL, ARENA_CHUNK_BYTES);
    status = arena ? check_twice(rules, arena, err) : sheaf__error_memory(err, "the columns");
    sheaf__arena_destroy(arena);
    return status;
}
