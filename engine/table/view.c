/*
 * The table: which of the united columns are its own, how they are spelled, and in which order. See
 * schema.h for the functions and <sheaf/schema.h> for the rules.
 *
 * Without rules the table is the united columns, and nothing is copied.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sheaf/text.h>

#include "engine/core/error.h"
#include "engine/table/naming.h"
#include "engine/table/nearest.h"
#include "engine/table/schema.h"

enum { SHOWN_BYTES = 72 };

static void show(const char *bytes, size_t n_bytes, char *shown)
{
    sheaf_text_escape(bytes, n_bytes, shown, SHOWN_BYTES);
}

/* ---- names that there are not ---- */

bool sheaf__schema_knows(const sheaf__schema *schema, const char *name)
{
    return sheaf__names_find(&schema->columns, name, strlen(name)) != SHEAF__NO_NAME;
}

/* What a column is called by now that a file called so. */
static const char *renamed_to(const sheaf__schema *schema, const char *name)
{
    const sheaf__rules *rules = schema->rules;
    uint32_t rule = sheaf__names_find(&schema->asked_names.renamed, name, strlen(name));
    return rule != SHEAF__NO_NAME && schema->was_renamed[rule] ? rules->renames[rule].to : NULL;
}

void sheaf__schema_hint(const sheaf__schema *schema, const char *name, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    const char *now = renamed_to(schema, name);
    const sheaf__name *near = sheaf__nearest_name(&schema->columns, name, strlen(name));
    if (now) {
        show(now, strlen(now), shown);
        sheaf_error_hint(err, "it is renamed: name it '%s'", shown);
    } else if (near) {
        show(near->bytes, near->n_bytes, shown);
        sheaf_error_hint(err, "did you mean '%s'? sheaf schema SRC... shows the columns", shown);
    } else {
        sheaf_error_hint(err, "sheaf schema SRC... shows the columns");
    }
}

static sheaf_status no_such_column(const sheaf__schema *schema, const char *name, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    show(name, strlen(name), shown);
    sheaf_error_set(err, SHEAF_EINVAL, "no file has a column '%s'", shown);
    sheaf__schema_hint(schema, name, err);
    return SHEAF_EINVAL;
}

/* ---- choosing ---- */

/* The united columns that are the table's, while they are chosen. */
typedef struct choice {
    uint32_t *columns;
    size_t n;
    bool *is_dropped; /* one for each united column */
} choice;

/* Those that rules->columns leaves out. */
static sheaf_status leave_out(sheaf__schema *schema, sheaf_error *err)
{
    size_t n = schema->columns.n_items;
    sheaf_columns mode = schema->rules->columns;
    if ((mode != SHEAF_COLUMNS_COMMON && mode != SHEAF_COLUMNS_FIRST) ||
        schema->headers.n_items < 2)
        return SHEAF_OK;
    uint32_t *uses = sheaf__schema_uses(schema);
    schema->is_left_out = sheaf_arena_new(schema->arena, bool, n);
    if (!uses || !schema->is_left_out) {
        free(uses);
        return sheaf__error_memory(err, "the columns");
    }
    for (size_t i = 0; i < n; i++) /* the first file's stand before all others */
        schema->is_left_out[i] = mode == SHEAF_COLUMNS_COMMON ? uses[i] < schema->headers.n_items
                                                              : i >= schema->layouts[0].n_columns;
    for (size_t i = 0; i < n; i++)
        schema->n_left_out += schema->is_left_out[i];
    free(uses);
    return SHEAF_OK;
}

static bool is_left_out(const sheaf__schema *schema, uint32_t column)
{
    return schema->is_left_out && schema->is_left_out[column];
}

bool sheaf__schema_leaves_out(const sheaf__schema *schema, uint32_t layout_index, bool *columns)
{
    const sheaf__layout *layout = &schema->layouts[layout_index];
    bool any = false;
    for (size_t i = 0; i < layout->n_columns; i++) {
        uint32_t column = layout->column_of[i];
        if (is_left_out(schema, column))
            any = columns[column] = true;
    }
    return any;
}

static sheaf_status refuse_left_out(const sheaf__schema *schema, const char *name, sheaf_error *err)
{
    char shown[SHOWN_BYTES];
    bool first = schema->rules->columns == SHEAF_COLUMNS_FIRST;
    show(name, strlen(name), shown);
    sheaf_error_set(err, SHEAF_EINVAL, "the column '%s' is selected, but %s", shown,
                    first ? "the first file has none" : "not every file has one");
    sheaf_error_hint(err, "--columns union makes it null where a file has none");
    return SHEAF_EINVAL;
}

static sheaf_status select_columns(const sheaf__schema *schema, choice *chosen, sheaf_error *err)
{
    const sheaf__name_list *select = &schema->rules->select;
    for (size_t i = 0; i < select->n; i++) {
        const char *name = select->items[i];
        uint32_t column = sheaf__names_find(&schema->columns, name, strlen(name));
        if (column == SHEAF__NO_NAME)
            return no_such_column(schema, name, err);
        if (is_left_out(schema, column))
            return refuse_left_out(schema, name, err);
        chosen->columns[chosen->n++] = column;
    }
    for (uint32_t i = 0; select->n == 0 && i < schema->columns.n_items; i++)
        if (!is_left_out(schema, i))
            chosen->columns[chosen->n++] = i;
    return SHEAF_OK;
}

static sheaf_status drop_columns(const sheaf__schema *schema, choice *chosen, sheaf_error *err)
{
    const sheaf__name_list *drop = &schema->rules->drop;
    size_t n = 0;
    for (size_t i = 0; i < drop->n; i++) {
        const char *name = drop->items[i];
        uint32_t column = sheaf__names_find(&schema->columns, name, strlen(name));
        if (column == SHEAF__NO_NAME)
            return no_such_column(schema, name, err);
        chosen->is_dropped[column] = true;
    }
    for (size_t i = 0; i < chosen->n; i++)
        if (!chosen->is_dropped[chosen->columns[i]])
            chosen->columns[n++] = chosen->columns[i];
    chosen->n = n;
    return SHEAF_OK;
}

static sheaf_status check_renames(const sheaf__schema *schema, sheaf_error *err)
{
    for (size_t i = 0; i < schema->rules->n_renames; i++)
        if (!schema->was_renamed[i])
            return no_such_column(schema, schema->rules->renames[i].from, err);
    return SHEAF_OK;
}

static sheaf_status check_rest(const sheaf__schema *schema, const choice *chosen, sheaf_error *err)
{
    if (chosen->n > 0 || schema->columns.n_items == 0)
        return SHEAF_OK;
    if (schema->n_left_out < schema->columns.n_items)
        return sheaf_error_set(err, SHEAF_EINVAL, "no column is left: all of them are dropped");
    sheaf_error_set(err, SHEAF_EINVAL, "there is no column that every file has");
    sheaf_error_hint(err, "--columns union takes those of all files");
    return SHEAF_EINVAL;
}

/* ---- the table ---- */

/* A column that was called anew is spelled so, whoever came first. */
static sheaf__name spelling_of(const sheaf__schema *schema, const sheaf__names *new_names,
                               uint32_t column)
{
    const sheaf__name *name = &schema->columns.items[column];
    uint32_t given = new_names->n_items > 0
                         ? sheaf__names_find(new_names, name->bytes, name->n_bytes)
                         : SHEAF__NO_NAME;
    return given != SHEAF__NO_NAME ? new_names->items[given] : *name;
}

static sheaf_status name_table(sheaf__schema *schema, const choice *chosen)
{
    const sheaf__rules *rules = schema->rules;
    sheaf__names new_names;
    sheaf__names_init_matched(&new_names, schema->arena, rules->match);
    sheaf_status status = SHEAF_OK;
    for (size_t i = 0; i < rules->n_renames && status == SHEAF_OK; i++)
        if (sheaf__names_add(&new_names, rules->renames[i].to, strlen(rules->renames[i].to),
                             NULL) == SHEAF__NO_NAME)
            status = SHEAF_ENOMEM;
    for (size_t i = 0; i < chosen->n && status == SHEAF_OK; i++) {
        sheaf__name name = spelling_of(schema, &new_names, chosen->columns[i]);
        if (sheaf__names_add(&schema->chosen, name.bytes, name.n_bytes, NULL) == SHEAF__NO_NAME)
            status = SHEAF_ENOMEM;
    }
    sheaf__names_end(&new_names);
    return status;
}

/* At the end, under names that are free. */
static sheaf_status name_added(sheaf__schema *schema)
{
    static const char *const names[SHEAF_ORIGINS] = {
        [SHEAF_ORIGIN_FILE] = "file", [SHEAF_ORIGIN_LINE] = "line", [SHEAF_ORIGIN_ROW] = "row"};
    const sheaf__rules *rules = schema->rules;
    for (size_t i = 0; i < rules->n_added; i++) {
        const char *given = rules->added[i].name;
        const char *name = given && given[0] ? given : names[rules->added[i].origin];
        if (sheaf__names_add_unique(&schema->chosen, name, strlen(name), NULL) == SHEAF__NO_NAME)
            return SHEAF_ENOMEM;
    }
    schema->n_added = rules->n_added;
    return SHEAF_OK;
}

/* Where each of them stands in the table. */
static sheaf_status place(sheaf__schema *schema, const choice *chosen)
{
    size_t n = schema->columns.n_items;
    schema->place_of = sheaf_arena_new(schema->arena, uint32_t, n);
    schema->source_of = chosen->columns;
    if (!schema->place_of)
        return SHEAF_ENOMEM;
    for (size_t i = 0; i < n; i++)
        schema->place_of[i] = SHEAF__NO_NAME;
    for (size_t i = 0; i < chosen->n; i++)
        schema->place_of[chosen->columns[i]] = (uint32_t)i;
    schema->table = &schema->chosen;
    return SHEAF_OK;
}

sheaf_status sheaf__schema_settle(sheaf__schema *schema, sheaf_error *err)
{
    const sheaf__rules *rules = schema->rules;
    size_t n = schema->columns.n_items;
    sheaf_status status = leave_out(schema, err);
    if (status < 0)
        return status;
    bool chooses = rules->select.n > 0 || rules->drop.n > 0 || schema->n_left_out > 0;
    bool adds = rules->n_added > 0 && n > 0; /* to no table no column is added */
    if (!chooses && !adds && rules->n_renames == 0)
        return SHEAF_OK;
    choice chosen = {.columns = sheaf_arena_new(schema->arena, uint32_t, n),
                     .is_dropped = sheaf_arena_new(schema->arena, bool, n)};
    if (!chosen.columns || !chosen.is_dropped)
        return sheaf__error_memory(err, "the columns");
    memset(chosen.is_dropped, 0, n);
    status = check_renames(schema, err);
    if (status == SHEAF_OK)
        status = select_columns(schema, &chosen, err);
    if (status == SHEAF_OK)
        status = drop_columns(schema, &chosen, err);
    if (status == SHEAF_OK)
        status = check_rest(schema, &chosen, err);
    if (status < 0)
        return status;
    if (name_table(schema, &chosen) < 0 || (adds && name_added(schema) < 0) ||
        place(schema, &chosen) < 0)
        return sheaf__error_memory(err, "the columns");
    return SHEAF_OK;
}

/* ---- --columns strict ---- */

/* A sentence that grows; what does not fit any more is left out. */
typedef struct sentence {
    char text[256];
    size_t n;
    size_t n_parts;
    size_t n_more;
} sentence;

static void add_part(sentence *words, const sheaf__name *name, const char *what)
{
    char shown[SHOWN_BYTES];
    show(name->bytes, name->n_bytes, shown);
    size_t room = sizeof words->text - words->n;
    int n = snprintf(words->text + words->n, room, "%s'%s' %s", words->n_parts > 0 ? ", " : "",
                     shown, what);
    if ((size_t)n >= room) {
        words->text[words->n] = '\0';
        words->n_more++;
        return;
    }
    words->n += (size_t)n;
    words->n_parts++;
}

static void tell_differences(const sheaf__schema *schema, const sheaf__names *names,
                             sheaf_error *err)
{
    const sheaf__layout *first = &schema->layouts[0];
    sentence words = {.text = ""};
    char more[48] = "";
    for (size_t i = 0; i < first->n_columns; i++) {
        const sheaf__name *name = &schema->columns.items[first->column_of[i]];
        if (sheaf__names_find(names, name->bytes, name->n_bytes) == SHEAF__NO_NAME)
            add_part(&words, name, "is missing");
    }
    for (size_t i = 0; i < names->n_items; i++) {
        const sheaf__name *name = &names->items[i];
        if (sheaf__names_find(&schema->columns, name->bytes, name->n_bytes) == SHEAF__NO_NAME)
            add_part(&words, name, "is not one of them");
    }
    bool same_set = words.n_parts == 0;
    for (size_t i = 0; same_set && i < names->n_items; i++) {
        const sheaf__name *name = &names->items[i];
        uint32_t column = sheaf__names_find(&schema->columns, name->bytes, name->n_bytes);
        char what[64];
        snprintf(what, sizeof what, "is column %zu, not %u", i + 1, (unsigned)column + 1);
        if (column != i)
            add_part(&words, name, what);
    }
    if (words.n_more > 0)
        snprintf(more, sizeof more, ", and %zu more", words.n_more);
    sheaf_error_set(err, SHEAF_ECOLUMNS, "the columns are not those of the first file: %s%s",
                    words.text, more);
}

static bool is_as_first(const sheaf__schema *schema, const sheaf__names *names)
{
    const sheaf__layout *first = &schema->layouts[0];
    if (names->n_items != first->n_columns)
        return false;
    for (size_t i = 0; i < names->n_items; i++)
        if (sheaf__names_find(&schema->columns, names->items[i].bytes, names->items[i].n_bytes) !=
            first->column_of[i])
            return false;
    return true;
}

sheaf_status sheaf__schema_check(const sheaf__schema *schema, const sheaf__batch *header,
                                 sheaf_error *err)
{
    if (schema->rules->columns != SHEAF_COLUMNS_STRICT || schema->headers.n_items == 0)
        return SHEAF_OK;
    sheaf__naming naming;
    sheaf_status status = sheaf__naming_make(&naming, &schema->asked_names, header,
                                             &schema->columns);
    if (status < 0)
        sheaf__error_memory(err, "the columns of a header");
    else if (!naming.clash && !is_as_first(schema, naming.names)) {
        tell_differences(schema, naming.names, err);
        status = SHEAF_ECOLUMNS;
    }
    sheaf__naming_end(&naming);
    return status;
}
